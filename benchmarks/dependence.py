"""Coverage where rows depend: how often 95 percent intervals of lag curves hold the truth.

    python benchmarks/dependence.py --out FILE.csv [--sets N] [--cell CELL ...]

Every data set is a world of its own in which the exposures are made from the exits that happened:
others who are returned by force, and others who apply, in the same centre and of the same
nationality, as in the bundled model ``oslo2016``. Its lag terms, groups and priors are fitted with
the approximate engine. Worlds differ in three ways.

* ``shocks``: nobody knows of them in the model. ``none``, or a shock of sd 0.4 to the log-odds of
  every exit, shared by a ``nationality`` or a ``centre`` in a month, independent month by month
  (``iid``) or with an autocorrelation of 0.7 (``ar``).
* ``size``: how many live in a centre, and are of a nationality, at a time: 40 or 120.
* ``effect``: ``zero``, or ``planted``: log-odds of 0.3 at lags 1 to 6 of a forced return at the
  centre on applications, and 0.1 of one of the nationality on disappearing.

Each fit gives intervals of two kinds: ``independent``, as if rows were so, and ``dependent``, with
the scores summed as the model says under ``[dependence]``. A file that exists is taken up where the
last call stopped.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hazard import spec as specs
from hazard.arrays import FloatArray, IntArray
from hazard.estimands import incidence
from hazard.files.atomic import write_file
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.spec import GroupTerm, LaggedTerm, ModelSpec

EXITS = ("assisted", "disappeared", "forced")
BASE = np.log([0.012, 0.018, 0.012])
N_GROUPS, N_MONTHS, BEFORE, LAST_LAG = 12, 60, 12, 6
SHOCK_SD, PERSISTENCE = 0.4, 0.7
DRAWS = 1000
SHOCKS = ("none", "centre_iid", "centre_ar", "nationality_iid", "nationality_ar")
SIZES, EFFECTS = (40, 120), ("zero", "planted")
NETWORKS = ("centre", "nationality")
EVENTS = {"forced_return": "forced", "assisted_application": "assisted"}


class Cell(NamedTuple):
    """One kind of world."""

    shocks: str
    size: int
    effect: str

    @property
    def label(self) -> str:
        return f"{self.shocks}/{self.size}/{self.effect}"


class World(NamedTuple):
    """Rows at risk, what happened around them, and the coefficients that made them."""

    frame: pd.DataFrame
    histories: dict[str, xr.DataArray]
    truth: dict[str, FloatArray]


# --- a world ------------------------------------------------------------------------------------
def planted(effect: str) -> dict[str, FloatArray]:
    """Log-odds by term, each (lag, exit)."""
    names = [f"{event}_{network}" for event in EVENTS for network in NETWORKS]
    truth = {name: np.zeros((LAST_LAG + 1, len(EXITS))) for name in names}
    if effect == "planted":
        truth["forced_return_centre"][1:, EXITS.index("assisted")] = 0.3
        truth["forced_return_nationality"][1:, EXITS.index("disappeared")] = 0.1
    return truth


def shocks_of(cell: Cell, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Shocks by network, each (group, month, exit)."""
    shape = (N_GROUPS, BEFORE + N_MONTHS, len(EXITS))
    out = {network: np.zeros(shape) for network in NETWORKS}
    if cell.shocks == "none":
        return out
    network, kind = cell.shocks.split("_")
    rho = PERSISTENCE if kind == "ar" else 0.0
    news = SHOCK_SD * rng.standard_normal(shape)
    out[network][:, 0] = news[:, 0]
    for t in range(1, shape[1]):
        out[network][:, t] = rho * out[network][:, t - 1] + np.sqrt(1 - rho**2) * news[:, t]
    return out


def world(cell: Cell, rng: np.random.Generator) -> World:
    """A world of constant size: who leaves is replaced by somebody new."""
    n, truth, shocks = N_GROUPS * cell.size, planted(cell.effect), shocks_of(cell, rng)
    level = {network: 0.3 * rng.standard_normal((N_GROUPS, len(EXITS))) for network in NETWORKS}
    group = {network: rng.permutation(np.arange(n) % N_GROUPS) for network in NETWORKS}
    total = BEFORE + N_MONTHS
    counts = {
        (event, network): np.zeros((N_GROUPS, total), dtype=np.int64)
        for event in EVENTS
        for network in NETWORKS
    }
    month, person = rng.geometric(0.05, n), np.arange(n)
    parts = []
    for t in range(total):
        eta = np.tile(BASE, (n, 1))
        for network in NETWORKS:
            eta += (level[network] + shocks[network][:, t])[group[network]]
            for event in EVENTS:
                happened = counts[event, network][:, max(t - LAST_LAG, 0) : t][:, ::-1] > 0
                slopes = truth[f"{event}_{network}"][1 : 1 + happened.shape[1]]
                eta += (happened @ slopes)[group[network]]
        odds = np.exp(eta)
        probability = odds / (1 + odds.sum(axis=1, keepdims=True))
        below = rng.random(n)[:, None] < probability.cumsum(axis=1)
        code = np.where(below.any(axis=1), below.argmax(axis=1) + 1, 0)
        parts.append((person.copy(), month.copy(), np.full(n, t), code, dict(group)))
        for (event, network), table in counts.items():
            left = code == EXITS.index(EVENTS[event]) + 1
            table[:, t] = np.bincount(group[network][left], minlength=N_GROUPS)
        gone = code > 0
        month = np.where(gone, 1, month + 1)
        person = np.where(gone, person.max() + 1 + gone.cumsum(), person)
    return World(*_rows(parts, counts), truth)


def _rows(
    parts: list[tuple[IntArray, IntArray, IntArray, IntArray, dict[str, IntArray]]],
    counts: dict[tuple[str, str], IntArray],
) -> tuple[pd.DataFrame, dict[str, xr.DataArray]]:
    """Rows after the first months, and whether others had an event 0 to 6 months before each."""
    kept = parts[BEFORE:]
    person, month, calendar, code = (np.concatenate([p[k] for p in kept]) for k in range(4))
    places = {network: np.concatenate([p[4][network] for p in kept]) for network in NETWORKS}
    frame = pd.DataFrame(
        {
            "person": pd.Categorical(person),
            "month": month,
            "calendar": calendar + 2005 * 12,
            "exit": pd.Categorical(np.array(["stay", *EXITS])[code], ["stay", *EXITS]),
            **{
                network: np.char.add(network[0], place.astype(str))
                for network, place in places.items()
            },
        }
    )
    lags = np.arange(LAST_LAG + 1)
    histories = {}
    for (event, network), table in counts.items():
        around = table[places[network][:, None], calendar[:, None] - lags]
        around[:, 0] -= code == EXITS.index(EVENTS[event]) + 1
        histories[f"{event}_{network}"] = xr.DataArray(
            (around > 0).astype(np.float64), {"lag": lags}, ("row", "lag")
        )
    return frame, histories


# --- a fit --------------------------------------------------------------------------------------
def model() -> ModelSpec:
    """The lag terms, groups, baseline and years of ``oslo2016``."""
    whole = specs.read("oslo2016")
    kept = [t for t in whole.term if isinstance(t, LaggedTerm | GroupTerm) or t.kind != "covariate"]
    return whole.replace(term=kept, estimand=(), name="coverage")


def intervals(made: World, spec: ModelSpec) -> Iterator[pd.DataFrame]:
    """Intervals of every lag and sum, of either kind, with the truth beside them."""
    built = design.build(made.frame, made.histories, spec)
    around = laplace_draws.fit(parameterisation.standard(replace(built, dependence=None)))
    draws = laplace_draws.draws(around, DRAWS, np.random.default_rng(0))
    yield _table(draws, made, spec).assign(kind="independent")
    wide = replace(around, coordinates=replace(around.coordinates, original=built))
    yield _table(wide.adjusted(draws), made, spec).assign(kind="dependent")


def _table(draws: xr.Dataset, made: World, spec: ModelSpec) -> pd.DataFrame:
    curves = incidence.lag_curves(draws, spec)
    out = []
    for term, truth in made.truth.items():
        own = curves.sel(term=term)
        each = own["lag_coefficient"].sel(lag=list(range(LAST_LAG + 1)))
        whole = own["cumulative_lag_effect"]
        for values, right, label in (
            *((each.sel(lag=lag), truth[lag], str(lag)) for lag in range(LAST_LAG + 1)),
            (whole, truth.sum(axis=0), "sum"),
        ):
            ends = values.quantile([0.025, 0.975], ("chain", "draw")).transpose("quantile", "exit")
            mean = values.mean(("chain", "draw"))
            for j, name in enumerate(EXITS):
                low, high = ends.sel(exit=name).values
                out.append((term, label, name, right[j], mean.sel(exit=name).item(), low, high))
    columns = ["term", "lag", "exit", "truth", "estimate", "lower", "upper"]
    return pd.DataFrame(out, columns=columns)


# --- all of them --------------------------------------------------------------------------------
def cells() -> list[Cell]:
    return [Cell(*values) for values in itertools.product(SHOCKS, SIZES, EFFECTS)]


def complete(path: Path, chosen: list[Cell], n_sets: int) -> None:
    """Add the data sets that a file lacks."""
    spec = model()
    for number in range(n_sets):
        for cell in chosen:
            known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["cell", "set"])
            if ((known["cell"] == cell.label) & (known["set"] == number)).any():
                continue
            seed = [number, cells().index(cell)]
            made = world(cell, np.random.default_rng(seed))
            found = pd.concat(intervals(made, spec))
            both = pd.concat([known, found.assign(cell=cell.label, set=number)])
            write_file(path, lambda draft, both=both: both.to_csv(draft, index=False))
        print(f"{number + 1} of {n_sets}", flush=True)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Coverage in percent, by cell, network, and whether the exposure is others' same exit.

    ``bias`` is the mean of estimate less truth, ``sd`` the mean width by 3.92, ``spread`` the
    standard deviation of the estimates over data sets.
    """
    event = found["term"].str.replace(r"_(centre|nationality)$", "", regex=True)
    table = found.assign(
        network=found["term"].str.extract(r"_(centre|nationality)$")[0],
        exposure=np.where(event.map(EVENTS) == found["exit"], "same exit", "another"),
        what=np.where(found["lag"] == "sum", "sum", "lag"),
        covered=100.0 * ((found["lower"] <= found["truth"]) & (found["truth"] <= found["upper"])),
        bias=found["estimate"] - found["truth"],
        sd=(found["upper"] - found["lower"]) / 3.92,
    )
    by = ["cell", "network", "exposure", "what", "kind"]
    curve = table.groupby([*by, "term", "exit", "lag"], sort=False)
    each = curve.agg(
        covered=("covered", "mean"),
        bias=("bias", "mean"),
        spread=("estimate", "std"),
        sd=("sd", "mean"),
    )
    return each.groupby(by, sort=False).mean().reset_index()


def main() -> None:
    """Add the data sets that the file lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--sets", type=int, default=200, metavar="N")
    parser.add_argument("--cell", nargs="*", default=None, metavar="CELL")
    given = parser.parse_args()
    chosen = [c for c in cells() if given.cell is None or c.label in given.cell]
    complete(given.out, chosen, given.sets)
    found = pd.read_csv(given.out, dtype={"lag": str})
    print(summary(found).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
