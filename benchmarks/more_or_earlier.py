"""More, or only earlier: what the decomposition says of registers whose truth is known.

    python benchmarks/more_or_earlier.py --out FILE.csv [--size small] [SEED ...]

For every seed (1 to 8 by default) registers of two scenarios are simulated: ``earlier_only``, where
a forced return at the centre makes families apply in the month after who would have applied later,
and ``more_only``, where it makes others apply who would not. ``both`` is the two countries side by
side. Everybody is put on a path of 24 months from the first month at risk, with one forced return
in month 1, and without any. The truth follows from the plans and the planted odds, which no model
is told. Three models are fitted with the approximate engine. They differ in the lags of the forced
return:

    report      lags 0 to 6: after month 7 whoever is left leaves like the others
    long        lags 0 to 23: to the end of the path those left may leave less often
    long, free  the same, and the effect of one month need not resemble that of the next

The window ends with month 7 for all of them. What lies before the registers is taken as no event.
Counted is how often the interval of 95 percent holds the truth. A call with the same file takes up
where the last one stopped; code that has changed since needs a new file.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hazard import (
    approximation,
    coordinates,
    design,
    estimands,
    interventions,
    more_or_earlier,
    pipeline,
    simulate,
    spec,
    standardised,
    survival,
)
from hazard.links import hazard
from hazard.simulate import Truth
from hazard.simulate.margins import EXITS, EXPOSURES, N_LAGS, FloatArray, IntArray, SizeName
from hazard.simulate.odds import Effects, There, effects_of, month_of_families
from hazard.simulate.planted import NO_PLAN, Traits
from hazard.simulate.world import LARGE, Families
from hazard.spec import ModelSpec
from hazard.store import write_file

HORIZON, WINDOW_END, DRAWS = 24, 7, 500
EVENT = more_or_earlier.Event(1, WINDOW_END)
SCENARIOS = ("earlier_only", "more_only")
TERM = "forced_return_centre"
ARMS = tuple(
    interventions.Arm(name=name, interventions=(one,), before="none")
    for name, one in (
        ("with", interventions.OneInMonth(term=TERM, month=1)),
        ("without", interventions.NoEvents(term=TERM)),
    )
)
FREE = {
    "family": "normal",
    "scale": 1.0,
    "reason": "an effect of one month need not resemble that of the next",
}
MODELS: dict[str, dict[str, object]] = {
    "report": {"lags": (0, 6)},
    "long": {"lags": (0, 23)},
    "long, free": {"lags": (0, 23), "prior": FREE},
}
QUANTITIES = ("at_window_end", "additional", "brought_forward", "change_in_stay")
NEVER = -700.0  # of which the odds are next to nothing
COLUMNS = ["size", "seed", "scenario", "model", "quantity", "truth", "estimate", "lower", "upper"]


class Known(NamedTuple):
    """Panel and histories of a scenario, and the true risks on the paths that start in it."""

    panel: pd.DataFrame
    histories: dict[str, xr.DataArray]
    risks: xr.Dataset
    n_paths: int


# --- registers and paths ------------------------------------------------------------------------
def known(name: str, size: SizeName, seed: int) -> Known:
    """Rows of the registers of a scenario, with the longest lags, and the truth."""
    rng = np.random.default_rng(seed)
    truth = simulate.truth(size, rng, simulate.scenario(name))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "registers"
        simulate.write(simulate.registers(truth, rng), folder)
        rows = pipeline.rows_from_registers(folder, model("long"))
    paths = paths_of(rows.panel)
    return Known(rows.panel, dict(rows.histories), true_risks(truth, paths), len(paths.row))


def both(one: Known, other: Known) -> Known:
    """Two countries side by side, that have no centre in common."""
    moved = other.panel.assign(person=other.panel["person"] + one.panel["person"].max() + 1)
    panels = []
    for panel, mark in ((one.panel, "I "), (moved, "II ")):
        centre = panel["centre"].cat.rename_categories(lambda label, mark=mark: mark + str(label))
        panels.append(panel.assign(centre=centre))
    panel = pd.concat(panels, ignore_index=True)
    for name in ("centre", "nationality"):
        labels = [part[name].astype(str) for part in panels]
        panel[name] = pd.Categorical(pd.concat(labels, ignore_index=True))
    histories = {
        name: xr.concat([history, other.histories[name]], dim="row")
        for name, history in one.histories.items()
    }
    n = one.n_paths + other.n_paths
    risks = (one.risks * one.n_paths + other.risks * other.n_paths) / n
    return Known(panel, histories, risks, n)


def paths_of(panel: pd.DataFrame) -> interventions.Paths:
    """Paths from the first month after the rejection, within the window of the registers."""
    starts = interventions.first_rows(panel)
    starts = starts[panel["month"].to_numpy()[starts] == 1]
    return interventions.paths(panel, starts, horizon=HORIZON, beyond="leave_out")


# --- the truth ----------------------------------------------------------------------------------
def true_risks(truth: Truth, paths: interventions.Paths, *, n_paths: int = 1000) -> xr.Dataset:
    """Standardised risks of the mechanism itself, the plans averaged over.

    A family has no plan, or one for each of the months alike; given its plan its exits are those of
    the simulator, month by month, exposed in the month after the event and in no other.
    """
    planned, share = plans(truth)
    effects = effects_of(truth)
    sums, n = None, len(paths.row)
    for begin in range(0, n, n_paths):
        part = paths.part(slice(begin, begin + n_paths))
        eta = np.stack([path_odds(truth, effects, part, plan) for plan in planned])
        dims = ("plan", "path", "month", "arm", "exit")
        labels = {"month": np.arange(1, HORIZON + 1), "arm": ["with", "without"]}
        h = hazard(xr.DataArray(eta, {**labels, "exit": list(EXITS)}, dims))
        h = h.transpose("plan", "path", "arm", "exit", "month")
        weight = xr.DataArray(share, dims="plan")
        gone = (survival.cumulative_incidence(h) * weight).sum(("plan", "path")) / n
        there = (survival.survival(h) * weight).sum(("plan", "path")) / n
        own = xr.Dataset({"cumulative_incidence": gone, "survival": there})
        sums = own if sums is None else sums + own
    assert sums is not None
    return sums


def plans(truth: Truth) -> tuple[FloatArray, FloatArray]:
    """Planned months with their shares; the first is no plan."""
    scenario = truth.scenario
    months = np.arange(1, scenario.horizon + 1)
    share = np.full(len(months), scenario.movers_share / len(months))
    return np.array([NO_PLAN, *months]), np.array([1 - scenario.movers_share, *share])


def path_odds(truth: Truth, effects: Effects, paths: interventions.Paths, plan: int) -> FloatArray:
    """Log-odds of paths with the same plan, shape (path, month, arm, exit)."""
    calendar = paths.calendar(np.arange(1, HORIZON + 1))
    there = families(truth, paths, plan)
    eta = np.empty((*calendar.shape, len(ARMS), len(EXITS)))
    for when in np.unique(calendar):
        row, month = np.nonzero(calendar == when)
        eta[row, month] = month_odds(effects, some(there, row), int(when), exposed=False)[:, None]
        row = row[month == EVENT.month]  # the month after the event, counted from 0
        if len(row):
            own = month_odds(effects, some(there, row), int(when), exposed=True)
            eta[row, EVENT.month, 0] = own
    return eta


def month_odds(effects: Effects, there: There, calendar: int, *, exposed: bool) -> FloatArray:
    """Log-odds of the simulator in a month, after a month with a forced return at every centre."""
    counts = np.zeros((len(EXPOSURES), N_LAGS + 1, len(effects.network)), dtype=np.int64)
    counts[EXPOSURES.index("forced_return"), -2] = exposed
    eta = month_of_families(there, calendar, effects=effects, counts=counts[:, 1:]).eta
    return np.maximum(eta, NEVER)


def some(there: There, row: IntArray) -> There:
    """Some of the families."""
    return There(
        Families._make(values[row] for values in there.families),
        Traits._make(values[row] for values in there.traits),
        there.centre[row],
    )


def families(truth: Truth, paths: interventions.Paths, plan: int) -> There:
    """The families of the paths as the simulator knows them."""
    starts = paths.starts()
    nationality = pd.Index(truth.world.nationalities).get_indexer(starts["nationality"].astype(str))
    centre = pd.Index(truth.world.centre_names).get_indexer(starts["centre"].astype(str))
    assert (nationality >= 0).all()
    assert (centre >= 0).all()
    n = len(starts)
    size = np.where(starts["large_family"].astype(str) == "yes", LARGE, 1)
    return There(
        Families(
            nationality,
            (starts["sex"].astype(str) == "female").to_numpy(),
            size,
            starts["calendar"].to_numpy(dtype=np.int64),
            centre,
        ),
        Traits(np.zeros((n, len(EXITS))), np.full(n, plan)),
        centre,
    )


# --- the models ---------------------------------------------------------------------------------
def model(name: str) -> ModelSpec:
    """The model of the study without what the scenarios do not have, and with other lags."""
    plain = spec.read("oslo2016")
    terms = [term for term in plain.term if term.kind != "lagged"]
    lagged = next(term for term in plain.lagged if term.name == TERM)
    changed = {"history_before_start": "zero", **MODELS[name]}
    own = type(lagged).model_validate({**lagged.model_dump(), **changed})
    return plain.model_copy(update={"name": name, "term": (*terms, own), "estimand": ()})


def fitted_risks(found: Known, wanted: ModelSpec) -> xr.Dataset:
    """Standardised risks of a model, on the paths of the truth."""
    term = wanted.lagged[0]
    histories = {TERM: found.histories[TERM].isel(lag=slice(0, term.lags[1] + 1))}
    built = design.build(found.panel, histories, wanted)
    around = approximation.fit(coordinates.standard(built))
    drawn = approximation.draws(around, DRAWS, np.random.default_rng(0))
    beta = estimands.coefficients(drawn, built)
    path = paths_of(found.panel)
    events = interventions.from_rows(path, histories, wanted.lagged)
    parts = standardised.path_rows(events, ARMS, built, wanted)
    return standardised.standardise(beta, parts)


def decomposed(risks: xr.Dataset) -> xr.Dataset:
    """More or earlier, of the applications, in percentage points and months."""
    found = more_or_earlier.more_or_earlier(risks, EVENT).sel(exit="assisted")
    return found.assign({name: 100 * found[name] for name in QUANTITIES[:-1]})


def compared(found: Known, name: str) -> pd.DataFrame:
    """Truth, estimate and interval of 95 percent of every quantity."""
    true, fitted = decomposed(found.risks), decomposed(fitted_risks(found, model(name)))
    lines = []
    for quantity in QUANTITIES:
        draws = fitted[quantity].values.ravel()
        own = (true[quantity].item(), draws.mean(), *np.quantile(draws, [0.025, 0.975]))
        lines.append((quantity, *own))
    return pd.DataFrame(lines, columns=["quantity", "truth", "estimate", "lower", "upper"])


# --- the table ----------------------------------------------------------------------------------
def complete(path: Path, size: SizeName, seeds: Sequence[int]) -> pd.DataFrame:
    """All lines of a file for these seeds, after the data sets that it lacks were added."""
    for seed in seeds:
        before = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
        if ((before["size"] == size) & (before["seed"] == seed)).any():
            continue
        apart = [known(name, size, seed) for name in SCENARIOS]
        lines = [before] if len(before) else []
        for scenario, found in zip((*SCENARIOS, "both"), (*apart, both(*apart)), strict=True):
            for name in MODELS:
                own = compared(found, name).assign(
                    size=size, seed=seed, scenario=scenario, model=name
                )
                lines.append(own[COLUMNS])
        every = pd.concat(lines, ignore_index=True)
        write_file(path, lambda draft, every=every: every.to_csv(draft, index=False))
        print(f"seed {seed}", flush=True)
    every = pd.read_csv(path)
    return every[(every["size"] == size) & every["seed"].isin(seeds)]


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Per scenario, quantity and model: mean truth, mean estimate, how many intervals hold it."""
    each = found.assign(
        held=(found["lower"] <= found["truth"]) & (found["truth"] <= found["upper"]),
        width=found["upper"] - found["lower"],
    )
    return (
        each.groupby(["scenario", "quantity", "model"], sort=False)
        .agg(
            data_sets=("held", "size"),
            truth=("truth", "mean"),
            estimate=("estimate", "mean"),
            between=("estimate", "std"),
            width=("width", "mean"),
            held=("held", "sum"),
        )
        .reset_index()
    )


def main() -> None:
    """Add the data sets that the file lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=list(range(1, 9)), metavar="SEED")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--size", choices=("small", "published"), default="small")
    given = parser.parse_args()
    found = complete(given.out, given.size, given.seeds)
    print("Applications; percentage points, and months of stay")
    print(summary(found).to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
