"""Arms: what interventions make of the events around the paths, and the histories that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import Float32Array
from hazard.data.exposures.rules import looked_up, ruled, since_risk
from hazard.data.registers import FamilyHistories
from hazard.errors import EstimandError, did_you_mean
from hazard.estimands.interventions.event_histories import PathEvents, event_counts, stock
from hazard.estimands.interventions.natural_course import ended
from hazard.spec import (
    Added,
    Arm,
    Campaign,
    Delayed,
    Intervention,
    LaggedTerm,
    More,
    NoEvents,
    Observed,
    OneInMonth,
    Sustained,
)

Unknown = Literal["refuse", "keep"]


def histories(
    path_events: PathEvents, arm: Arm, *, unknown: Unknown = "refuse"
) -> dict[str, xr.DataArray]:
    """Exposure histories of an arm, in the rows of the frame of the paths.

    Parameters
    ----------
    path_events : PathEvents
    arm : Arm
    unknown : {"refuse", "keep"}
        Of a history that is unknown after the rule of its term: an error, or NaN, which leaves the
        row out of a design.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)
        By the name of the term, float32; ``attrs["beyond_residents"]`` is the number of months of
        paths in which the arm asked for more events than there are other families.

    Raises
    ------
    EstimandError
        If an intervention names no term, or one that it cannot act on; or if a history is unknown
        and that is refused.

    Notes
    -----
    With z(i, m) the events of others in month m of path i, the history of row (i, s) at lag l is
    the measure of z(i, s - l).

    Examples
    --------
    >>> import pandas as pd
    >>> from hazard.estimands.interventions.event_histories import from_rows
    >>> from hazard.estimands.interventions.paths import Paths
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> panel = pd.DataFrame({"person": [0], "month": [1]})
    >>> observed = {"visit_centre": xr.DataArray([[0.0, 1.0]], dims=("row", "lag"))}
    >>> events = from_rows(Paths(panel, np.array([0]), 3, {}), observed, [term])
    >>> arm = Arm(name="with", interventions=(OneInMonth(term="visit", month=2),))
    >>> histories(events, arm)["visit_centre"].values.tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    path_events = (
        replace(path_events, counts=path_events.imputed) if arm.after == "drawn" else path_events
    )
    counts = {name: path_events.after(values) for name, values in path_events.counts.items()}
    for intervention in arm.interventions:
        for term in _targets(intervention, path_events):
            _check_possible(intervention, term, path_events)
            counts[term.name] = _ACTS[type(intervention)](
                intervention, term, path_events, counts[term.name]
            )
    by_term = {term.name: _history(term, path_events, arm, counts) for term in path_events.terms}
    if unknown == "refuse":
        _check_known(by_term, path_events)
    return by_term


# --- what an intervention makes of the events of a term -----------------------------------------
def _observed(
    intervention: Observed, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    return path_events.after(path_events.counts[term.name])


def _none(
    intervention: NoEvents, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    return np.zeros_like(current)


def _one_in_month(
    intervention: OneInMonth, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    return _plus(intervention, term, np.zeros_like(current))


def _added(
    intervention: Added, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    return _plus(intervention, term, current)


def _plus(
    intervention: OneInMonth | Added, term: LaggedTerm, current: Float32Array
) -> Float32Array:
    _check_within(intervention, current)
    events = current.copy()
    events[:, intervention.month - 1] += intervention.events or term.at_least
    return events


def _sustained(
    intervention: Sustained, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    _check_within(intervention, current)
    events = np.zeros_like(current)
    last = None if intervention.months is None else intervention.month - 1 + intervention.months
    events[:, intervention.month - 1 : last] = intervention.events or term.at_least
    return events


def _delayed(
    intervention: Delayed, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    observed = path_events.after(path_events.counts[term.name])
    later = np.zeros_like(observed)
    later[:, intervention.months :] = observed[:, : max(observed.shape[1] - intervention.months, 0)]
    return later


def _more(
    intervention: More, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    copies = event_counts(
        path_events.paths,
        _copies(intervention, term, _registers(path_events)),
        [term],
        history_centre=path_events.history_centre,
        months=path_events.months,
    )
    return path_events.after(path_events.counts[term.name] + copies[term.name])


def _copies(intervention: More, term: LaggedTerm, registers: FamilyHistories) -> FamilyHistories:
    """The registers with the copies in place of the events of the exposure."""
    rng = np.random.default_rng(intervention.seed)
    chosen = rng.random(len(registers.events)) < intervention.share
    later = rng.integers(0, intervention.spread, len(registers.events), endpoint=True)
    events = registers.events.assign(
        exposure=registers.events["exposure"].astype("category"),
        calendar=registers.events["calendar"] + later,
    )
    return replace(registers, events=events[chosen & (events["exposure"] == term.exposure)])


def _campaign(
    intervention: Campaign, term: LaggedTerm, path_events: PathEvents, current: Float32Array
) -> Float32Array:
    if term.network != "centre":
        raise EstimandError(
            "intervention 'campaign' must act on a term of the network 'centre', for it does not "
            f"say of which nationality families are; got {term.name!r}."
        )
    full = stock(path_events) > intervention.threshold
    return current + full.astype(np.float32) * np.float32(intervention.events or term.at_least)


Act = Callable[[Any, LaggedTerm, PathEvents, Float32Array], Float32Array]
_ACTS: Mapping[type[Any], Act] = MappingProxyType(
    {
        Observed: _observed,
        NoEvents: _none,
        OneInMonth: _one_in_month,
        Sustained: _sustained,
        Delayed: _delayed,
        More: _more,
        Added: _added,
        Campaign: _campaign,
    }
)


# --- from events to histories -------------------------------------------------------------------
def _history(
    term: LaggedTerm, path_events: PathEvents, arm: Arm, counts: Mapping[str, Float32Array]
) -> xr.DataArray:
    before = path_events.counts[term.name][:, : path_events.start]
    if arm.before == "none":
        before = np.zeros_like(before)
    events = np.hstack([before, counts[term.name]])
    value, n_beyond = _measured(term, events, path_events.others.get(term.name))
    lags = looked_up(term)
    month = (
        np.arange(1, path_events.paths.horizon + 1)[:, None]
        - np.array(lags)
        - path_events.months.start
    )
    by_lag = value[:, month].reshape(-1, len(lags))
    has_ended = ended(events)[:, month].reshape(-1, len(lags))
    since_start = np.repeat(
        path_events.paths.starts()["month"].to_numpy(), path_events.paths.horizon
    )
    rows = pd.DataFrame({"month": since_start + path_events.paths.month - 1})
    known = ruled(by_lag, lags, term)
    has_ended = has_ended[:, lags.index(term.lags[0]) :][:, : known.sizes["lag"]]
    history = since_risk(known.where(~has_ended), rows, term)
    history.attrs["beyond_residents"] = n_beyond
    return history


def _measured(
    term: LaggedTerm, events: Float32Array, others: Float32Array | None
) -> tuple[Float32Array, int]:
    """Value of the measure in every month, and in how many there were too many events."""
    if term.measure == "at_least":
        reached = (events >= term.at_least).astype(np.float32)
        return np.where(np.isnan(events), np.float32(np.nan), reached), 0
    if others is None:
        return events, 0
    rate = np.minimum(events, others) / np.maximum(others, np.float32(1))
    return rate.astype(np.float32), int((events > others).sum())


# --- what must hold -----------------------------------------------------------------------------
def _check_within(intervention: OneInMonth | Added | Sustained, current: Float32Array) -> None:
    if intervention.month > current.shape[1]:
        raise EstimandError(
            f"intervention {intervention.kind!r} must act within the {current.shape[1]} "
            f"months of the paths; got month {intervention.month}."
        )


def _targets(intervention: Intervention, path_events: PathEvents) -> list[LaggedTerm]:
    chosen = [term for term in path_events.terms if intervention.term in term.called]
    if not chosen:
        known = [term.name for term in path_events.terms]
        known += list(dict.fromkeys(term.exposure for term in path_events.terms))
        raise EstimandError(
            f"term of intervention {intervention.kind!r} must be one of {known}; got "
            f"{intervention.term!r}." + did_you_mean(intervention.term, known)
        )
    return chosen


def _check_possible(intervention: Intervention, term: LaggedTerm, path_events: PathEvents) -> None:
    by_rows = path_events.registers is None or term.network == "own"
    if by_rows and isinstance(intervention, Delayed | More | Added | Campaign):
        raise EstimandError(
            f"intervention {intervention.kind!r} on term {term.name!r} must have dated events "
            "of others, from registers; got rows only. "
            "Use 'none', 'one_in_month', 'sustained' or 'observed'."
        )
    unknown_rate = term.measure == "per_resident" and term.name not in path_events.others
    if unknown_rate and isinstance(intervention, OneInMonth | Sustained):
        raise EstimandError(
            f"intervention {intervention.kind!r} on term {term.name!r} must have the number of "
            "residents, from registers; got rates only. Use 'none' or 'observed'."
        )


def _check_known(by_term: Mapping[str, xr.DataArray], path_events: PathEvents) -> None:
    for name, history in by_term.items():
        unknown = np.isnan(history.values).any(axis=1)
        if unknown.any():
            after = bool(ended(path_events.counts[name]).any())
            raise EstimandError(
                f"history of term {name!r} must be known on every path; got unknown months in "
                f"{unknown.sum():,} of {len(unknown):,} rows (first: row {unknown.argmax() + 1:,})."
                + (_AFTER if after else _BEFORE)
            )


_AFTER = (
    " After the last row of a person nothing is known. Intervene on the term, give the arm "
    'after = "drawn", which lets everybody go on as those who are still there, or shorten the '
    "horizon where nobody is."
)
_BEFORE = " Start at rows with a known history, intervene on the term, or take before 'none'."


def _registers(path_events: PathEvents) -> FamilyHistories:
    if path_events.registers is None:
        raise TypeError("dated events must come from registers")
    return path_events.registers
