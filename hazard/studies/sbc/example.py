"""A small panel with every column that a model names, for calibration without data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray
from hazard.fitting import Panel
from hazard.spec import CalendarTerm, CovariateTerm, LaggedTerm, ModelSpec

_MONTHS = 12
_LATEST_ENTRY = 4
_LEVELS = 4
_RATE = 0.2
_FIRST_CALENDAR = 420


def small_rows(spec: ModelSpec, *, persons: int = 100, seed: int = 0) -> Panel:
    """Panel and exposure histories that a model can be fitted to; nobody leaves.

    Parameters
    ----------
    spec : ModelSpec
    persons : int
        Each is followed for up to a year; some enter when they have been at risk for some months.
    seed : int

    Returns
    -------
    Panel
        Four levels per group beside those that the model names, two per covariate with a reference.
        In one month of five something happens around a person.
    """
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, _LATEST_ENTRY, persons) * (rng.random(persons) < 0.5)
    length = rng.integers(_MONTHS // 2, _MONTHS + 1, persons)
    person = np.repeat(np.arange(persons, dtype=np.int64), length)
    first = np.repeat(np.cumsum(length) - length, length)
    month = np.arange(len(person)) - first + 1 + entry[person]
    panel = pd.DataFrame({"person": person, "month": month.astype(np.int32)})
    panel["entry"] = entry[person].astype(np.int32)
    panel["exit"] = pd.Categorical(["stay"] * len(panel), ["stay", *spec.outcome.exits])
    related = () if spec.dependence is None else spec.dependence.groups
    by_period = any(isinstance(t, CalendarTerm) for t in spec.term) or bool(related)
    if by_period or "calendar" in spec.group_columns:
        arrival = _FIRST_CALENDAR + rng.integers(0, 24, persons)
        panel["calendar"] = (arrival[person] + month).astype(np.int32)
    for column in dict.fromkeys((*spec.group_columns, *related)):
        if column not in panel:
            panel[column] = _chosen(_levels(column, spec), persons, rng)[person]
    for term in spec.term:
        if isinstance(term, CovariateTerm):
            panel[term.column] = _covariate(term, persons, rng)[person]
    span = int(month.max())
    histories = {term.name: _history(term, panel, span, rng) for term in spec.lagged}
    flow = pd.DataFrame([{"step": "in the panel", "persons": persons}])
    return Panel(panel, histories, flow, "generated")


def _levels(column: str, spec: ModelSpec) -> list[str]:
    """Levels that the model names, and others."""
    varying = [term.varies_by for term in spec.lagged if term.varies_by is not None]
    named = [
        level for varies_by in varying if varies_by.by == column for level in varies_by.levels or ()
    ]
    unnamed = [f"{column} {n}" for n in range(1, _LEVELS + 1)]
    return list(dict.fromkeys([*named, *unnamed]))


def _covariate(
    term: CovariateTerm, persons: int, rng: np.random.Generator
) -> pd.Categorical | FloatArray:
    if term.reference is None:
        return np.asarray(rng.integers(-2, 3, persons) / 2.0)
    return _chosen([term.reference, "other"], persons, rng)


def _chosen(levels: list[str], persons: int, rng: np.random.Generator) -> pd.Categorical:
    return pd.Categorical(np.array(levels)[rng.integers(0, len(levels), persons)], levels)


def _history(
    term: LaggedTerm, panel: pd.DataFrame, span: int, rng: np.random.Generator
) -> xr.DataArray:
    """What happened around each person, read at every lag from one series of months."""
    lags = np.arange(term.lags[0], term.lags[1] + 1)
    persons = int(panel["person"].max()) + 1
    earliest, latest = 1 - max(int(lags[-1]), 0), span - min(int(lags[0]), 0)
    events = rng.poisson(_RATE, (persons, latest - earliest + 1)).astype(np.float32)
    if term.measure == "at_least":
        events = (events > 0).astype(np.float32)
    position = panel["month"].to_numpy()[:, None] - lags - earliest
    values = events[panel["person"].to_numpy()[:, None], position]
    return xr.DataArray(values, {"lag": lags}, ("row", "lag"), name=term.name)
