"""More, or only earlier: what the decomposition says of registers whose truth is known.

    python benchmarks/more_or_earlier.py --out FILE.csv [--size small] [SEED ...]
    python benchmarks/more_or_earlier.py --solve

For every seed (1 to 8 by default) registers of five scenarios are simulated. In three of them all
families of a place are alike, and a forced return at the centre changes the odds of applying of
those who were there: ``brought_forward`` (more in the month after, fewer for the rest of two years,
none more in all), ``added`` (more in the month after and that is all) and ``partly_added`` (half
way). In two others families differ in what nobody observes, their plans: ``earlier_only`` (a forced
return makes families apply who would have applied later) and ``more_only`` (it makes others apply).

Everybody is put on a path of 24 months from the first month at risk, with one forced return
in month 1, and without any. The truth follows from the plans and the planted odds, which no model
is told. Two models are fitted with the approximate engine, without the other lagged terms, which
the scenarios do not have:

    oslo2016          lags 0 to 6: after month 7 whoever is left leaves like the others
    more_or_earlier   besides, lags 1 to 23 of what happened while the family was at risk

The window ends with month 7 for both. Rows with an unknown history are left out.
Counted is how often the interval of 95 percent holds the truth. A call with the same file takes up
where the last one stopped; code that has changed since needs a new file. ``--solve`` finds how much
less those who saw an event must apply in ``brought_forward`` for nobody to be added.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import brentq

from hazard import fitting, simulation, spec
from hazard.arrays import FloatArray, IntArray
from hazard.data.exposures.rules import since_risk
from hazard.estimands import displacement, g_formula, incidence, interventions, survival
from hazard.files.atomic import write_file
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.model.links import hazard
from hazard.simulation import Truth
from hazard.simulation.margins import EXITS, EXPOSURES, N_LAGS, SizeName
from hazard.simulation.odds import Effects, FamiliesAtRisk, effects_of, month_of_families
from hazard.simulation.planted import NO_PLAN, Traits
from hazard.simulation.world import LARGE, Families
from hazard.spec import ModelSpec

HORIZON, WINDOW_END, DRAWS = 24, 7, 500
EVENT = displacement.Event(1, WINDOW_END)
SCENARIOS = ("brought_forward", "added", "partly_added", "earlier_only", "more_only")
TERM = "forced_return_centre"
ARMS = tuple(
    interventions.Arm(name=name, interventions=(one,), before="none")
    for name, one in (
        ("with", interventions.OneInMonth(term=TERM, month=1)),
        ("without", interventions.NoEvents(term=TERM)),
    )
)
MODELS = ("oslo2016", "more_or_earlier")
QUANTITIES = (
    "at_window_end",
    "additional",
    "net_displacement",
    "rmst_difference",
)
NEVER = -700.0  # of which the odds are next to nothing
COLUMNS = ["size", "seed", "scenario", "model", "quantity", "truth", "estimate", "lower", "upper"]


class Known(NamedTuple):
    """Panel and histories of a scenario, and its truth."""

    panel: pd.DataFrame
    histories: dict[str, xr.DataArray]
    truth: Truth


# --- registers and paths ------------------------------------------------------------------------
def known(name: str, size: SizeName, seed: int) -> Known:
    """Rows of the registers of a scenario, with the longest lags, and the truth."""
    rng = np.random.default_rng(seed)
    truth = simulation.truth(size, rng, simulation.scenario(name))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "registers"
        simulation.write(simulation.registers(truth, rng), folder)
        rows = fitting.panel_from_registers(folder, observed())
    return Known(rows.frame, dict(rows.histories), truth)


def paths_of(found: Known) -> interventions.Paths:
    """Paths from the first month at risk of those whose six months before are in the registers."""
    panel, before = found.panel, found.histories[TERM].sel(lag=slice(0, 6)).values
    starts = interventions.first_rows(panel)
    known = ~np.isnan(before).any(axis=1)[starts]
    starts = starts[known & (panel["month"].to_numpy()[starts] == 1)]
    return interventions.paths(panel, starts, horizon=HORIZON, beyond="leave_out")


# --- the truth ----------------------------------------------------------------------------------
def true_risks(truth: Truth, paths: interventions.Paths, *, n_paths: int = 4000) -> xr.Dataset:
    """Standardised risks of the mechanism itself, the plans averaged over.

    A family has no plan, or one for each of the months alike; given its plan its exits are those of
    the simulator, month by month, after the event and in a world without it.
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


def plans(truth: Truth) -> tuple[IntArray, FloatArray]:
    """Planned months with their shares; the first is no plan."""
    scenario = truth.scenario
    if scenario.movers == "none":
        return np.array([NO_PLAN]), np.array([1.0])
    months = np.arange(1, scenario.horizon + 1)
    share = np.full(len(months), scenario.movers_share / len(months))
    return np.array([NO_PLAN, *months]), np.array([1 - scenario.movers_share, *share])


def path_odds(truth: Truth, effects: Effects, paths: interventions.Paths, plan: int) -> FloatArray:
    """Log-odds of paths with the same plan, shape (path, month, arm, exit)."""
    calendar = paths.calendar(np.arange(1, HORIZON + 1))
    there = families(truth, paths, plan)
    eta = np.empty((*calendar.shape, len(ARMS), len(EXITS)))
    for row, month in month_by_month(calendar):
        family, when = some(there, row), int(calendar[row[0], month])
        eta[row, month, 0] = month_odds(effects, family, when, ago=month + 1 - EVENT.month)
        eta[row, month, 1] = month_odds(effects, family, when, ago=None)
    return eta


def month_by_month(calendar: IntArray) -> Iterator[tuple[IntArray, int]]:
    """Paths that are in the same calendar month in a month of the path, counted from 0."""
    for month in range(calendar.shape[1]):
        for when in np.unique(calendar[:, month]):
            yield np.flatnonzero(calendar[:, month] == when), month


def month_odds(
    effects: Effects, at_risk: FamiliesAtRisk, calendar: int, *, ago: int | None
) -> FloatArray:
    """Log-odds of the simulator in a month, with a forced return at every centre so long ago."""
    counts = np.zeros((len(EXPOSURES), HORIZON + N_LAGS, len(effects.network)), dtype=np.int64)
    if ago is not None and ago > 0:
        counts[EXPOSURES.index("forced_return"), -1 - ago] = 1
    eta = month_of_families(at_risk, calendar, effects=effects, counts=counts).eta
    return np.maximum(eta, NEVER)


def some(at_risk: FamiliesAtRisk, row: IntArray) -> FamiliesAtRisk:
    """Some of the families."""
    return FamiliesAtRisk(
        Families._make(values[row] for values in at_risk.families),
        Traits._make(values[row] for values in at_risk.traits),
        at_risk.centre[row],
    )


def families(truth: Truth, paths: interventions.Paths, plan: int) -> FamiliesAtRisk:
    """The families of the paths as the simulator knows them."""
    starts = paths.starts()
    nationality = pd.Index(truth.world.nationalities).get_indexer(starts["nationality"].astype(str))
    centre = pd.Index(truth.world.centre_names).get_indexer(starts["centre"].astype(str))
    assert (nationality >= 0).all()
    assert (centre >= 0).all()
    n = len(starts)
    size = np.where(starts["large_family"].astype(str) == "yes", LARGE, 1)
    return FamiliesAtRisk(
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


def observed() -> ModelSpec:
    """A model that asks for all that happened at the centre up to the horizon."""
    plain = model("oslo2016")
    (own,) = plain.lagged
    longest = own.model_copy(update={"lags": (0, HORIZON - 1)})
    others = [term for term in plain.term if term.kind != "lagged"]
    return plain.model_copy(update={"term": (*others, longest)})


# --- the models ---------------------------------------------------------------------------------
def model(name: str) -> ModelSpec:
    """A shipped model without the lagged terms of what the scenarios do not have."""
    every = spec.read(name)
    terms = [term for term in every.term if term.kind != "lagged" or term.event == TERM]
    return every.model_copy(update={"term": tuple(terms), "estimand": ()})


def fitted_risks(found: Known, paths: interventions.Paths, wanted: ModelSpec) -> xr.Dataset:
    """Standardised risks of a model, on the paths of the truth."""
    histories = {
        term.name: since_risk(found.histories[TERM].sel(lag=term.every_lag), found.panel, term)
        for term in wanted.lagged
    }
    built = design.build(found.panel, histories, wanted)
    around = laplace_draws.fit(parameterisation.standard(built))
    drawn = laplace_draws.draws(around, DRAWS, np.random.default_rng(0))
    beta = incidence.coefficients(drawn, built)
    events = interventions.from_rows(paths, histories, wanted.lagged)
    parts = g_formula.path_rows(events, ARMS, built, wanted)
    return g_formula.standardise(beta, parts)


def decomposed(risks: xr.Dataset) -> xr.Dataset:
    """More or earlier, of the applications, in percentage points and months."""
    found = displacement.more_or_earlier(risks, EVENT).sel(exit="assisted")
    return found.assign({name: 100 * found[name] for name in QUANTITIES[:-1]})


def compared(true: xr.Dataset, fitted: xr.Dataset) -> pd.DataFrame:
    """Truth, estimate and interval of 95 percent of every quantity."""
    lines = []
    for quantity in QUANTITIES:
        draws = fitted[quantity].values.ravel()
        own = (true[quantity].item(), draws.mean(), *np.quantile(draws, [0.025, 0.975]))
        lines.append((quantity, *own))
    return pd.DataFrame(lines, columns=["quantity", "truth", "estimate", "lower", "upper"])


def of_scenario(name: str, size: SizeName, seed: int) -> pd.DataFrame:
    """Lines of all models on the registers of a scenario."""
    found = known(name, size, seed)
    paths = paths_of(found)
    true = decomposed(true_risks(found.truth, paths))
    lines = []
    for each in MODELS:
        own = compared(true, decomposed(fitted_risks(found, paths, model(each))))
        lines.append(own.assign(size=size, seed=seed, scenario=name, model=each)[COLUMNS])
    return pd.concat(lines, ignore_index=True)


def solved(seed: int = 1) -> float:
    """Log-odds by which those who saw the event must apply less often for nobody to be added."""
    found = known("brought_forward", "published", seed)
    paths, plain = paths_of(found), found.truth.scenario

    def additional(less: float) -> float:
        memory = (plain.memory[0], *[less] * (len(plain.memory) - 1))
        truth = replace(found.truth, scenario=replace(plain, memory=memory))
        return float(decomposed(true_risks(truth, paths))["additional"])

    return float(brentq(additional, -0.5, 0.0, xtol=1e-4))


# --- the table ----------------------------------------------------------------------------------
def complete(path: Path, size: SizeName, seeds: Sequence[int]) -> pd.DataFrame:
    """All lines of a file for these seeds, after the data sets that it lacks were added."""
    for scenario, seed in product(SCENARIOS, seeds):
        before = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
        there = (before["size"] == size) & (before["seed"] == seed)
        if (there & (before["scenario"] == scenario)).any():
            continue
        own = of_scenario(scenario, size, seed)
        every = pd.concat([before, own], ignore_index=True) if len(before) else own
        write_file(path, lambda draft, every=every: every.to_csv(draft, index=False))
        print(f"{scenario}, seed {seed}", flush=True)
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
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="FILE.csv")
    what.add_argument("--solve", action="store_true")
    parser.add_argument("--size", choices=("small", "published"), default="small")
    given = parser.parse_args()
    if given.solve:
        print(f"less often, in log-odds: {solved():.4f}")
        return
    found = complete(given.out, given.size, given.seeds)
    print("Applications; percentage points, and months of stay")
    print(summary(found).to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
