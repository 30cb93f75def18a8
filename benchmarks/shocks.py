"""Imitation or the same bad year: how often models find an effect among shocks and no effect.

    python benchmarks/shocks.py --out FILE.csv [--size published] [SEED ...]

For every seed (1 to 8 by default) registers of the scenario ``shocks`` are simulated: in a year all
families of a nationality are more or less inclined to each exit, and nobody reacts to others.
Three models are fitted with the approximate engine. Counted is how often the 95 percent interval of
the sum over lags of applications by others of the same nationality excludes zero, the truth. An
interval that holds what it says does so in one data set of twenty.

Registers and draws are those of ``hazard simulate --seed SEED`` and ``hazard run --engine laplace
--draws 250`` with the seed 0. A call with the same file takes up where the last one stopped; code
that has changed since needs a new file.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hazard import fitting, simulation, spec
from hazard.errors import UsageError
from hazard.estimands import incidence
from hazard.files.atomic import write_file
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.simulation.margins import SizeName

MODELS = ("oslo2016_published", "oslo2016", "country_shocks")
TERM = "assisted_application_nationality"
EXITS = ("assisted", "disappeared")
DRAWS = 1000
COLUMNS = ["size", "seed", "model", "exit", "estimate", "lower", "upper"]
SIZES: tuple[SizeName, ...] = ("published", "small")


def registers(folder: Path, size: SizeName, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = simulation.truth(size, rng, simulation.scenario("shocks"))
    simulation.write(simulation.registers(truth, rng), folder)


def sums(folder: Path, model: str) -> pd.DataFrame:
    """Sum over lags on each exit: estimate and interval of 95 percent."""
    wanted = spec.read(model)
    rows = fitting.panel_from_registers(folder, wanted)
    built = design.build(rows.frame, rows.histories, wanted)
    around = laplace_draws.fit(parameterisation.standard(built))
    drawn = laplace_draws.draws(around, DRAWS, np.random.default_rng(0))
    total = incidence.lag_curves(drawn, wanted)["cumulative_lag_effect"].sel(term=TERM)
    return described({name: total.sel(exit=name).values.ravel() for name in EXITS})


def described(draws: dict[str, Any]) -> pd.DataFrame:
    """Mean and equal-tailed interval of the draws of every exit."""
    lines = [(name, own.mean(), *np.quantile(own, [0.025, 0.975])) for name, own in draws.items()]
    return pd.DataFrame(lines, columns=["exit", "estimate", "lower", "upper"])


def kept(path: Path) -> pd.DataFrame:
    """Lines of an earlier call.

    Raises
    ------
    UsageError
        If the file is not one of this benchmark.
    """
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    found = pd.read_csv(path)
    if list(found.columns) != COLUMNS:
        raise UsageError(
            f"--out must be a new file, or one of this benchmark; {str(path)!r} has other columns. "
            "Choose another name."
        )
    return found


def complete(path: Path, size: SizeName, seeds: Sequence[int]) -> pd.DataFrame:
    """All lines of a file for these seeds, after the fits that it lacks were added."""
    for seed in seeds:
        before = kept(path)
        same = before[(before["size"] == size) & (before["seed"] == seed)]
        left = [model for model in MODELS if model not in set(same["model"])]
        if left:
            with tempfile.TemporaryDirectory() as temporary:
                registers(Path(temporary) / "registers", size, seed)
                for model in left:
                    found = sums(Path(temporary) / "registers", model)
                    add(path, found.assign(size=size, seed=seed, model=model)[COLUMNS])
                    print(f"seed {seed}: {model}", flush=True)
    every = kept(path)
    return every[(every["size"] == size) & every["seed"].isin(seeds)]


def add(path: Path, found: pd.DataFrame) -> None:
    """Write the file anew with more lines: a call that is cut off leaves no half of one."""
    every = pd.concat([kept(path), found]) if path.exists() else found
    write_file(path, lambda draft: every.to_csv(draft, index=False))


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Per model and exit: mean estimate, and how many intervals exclude zero.

    ``chance`` is the probability that as many or more do when each does in one of twenty.
    """
    each = found.assign(
        excludes=(found["lower"] > 0) | (found["upper"] < 0), width=found["upper"] - found["lower"]
    )
    grouped = each.groupby(["model", "exit"], sort=False)
    table = grouped.agg(
        data_sets=("estimate", "size"),
        estimate=("estimate", "mean"),
        between=("estimate", "std"),
        width=("width", "mean"),
        excludes_zero=("excludes", "sum"),
    ).reset_index()
    chance = stats.binom.sf(table["excludes_zero"] - 1, table["data_sets"], 0.05)
    return table.assign(chance=chance)


def main() -> None:
    """Add the data sets that the file lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=list(range(1, 9)), metavar="SEED")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--size", choices=SIZES, default="published")
    given = parser.parse_args()
    found = complete(given.out, given.size, given.seeds)
    print("Applications by others of the same nationality, sum over seven lags, log-odds; truth 0")
    print(summary(found).to_string(index=False, float_format="{:.3g}".format))


if __name__ == "__main__":
    main()
