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
from hazard.estimands.interventions.event_histories import Around, counted, stock
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


def histories(around: Around, arm: Arm, *, unknown: Unknown = "refuse") -> dict[str, xr.DataArray]:
    """Exposure histories of an arm, in the rows of the frame of the paths.

    Parameters
    ----------
    around : Around
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
    >>> around = from_rows(Paths(panel, np.array([0]), 3, {}), observed, [term])
    >>> arm = Arm(name="with", interventions=(OneInMonth(term="visit", month=2),))
    >>> histories(around, arm)["visit_centre"].values.tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    around = replace(around, number=around.drawn) if arm.after == "drawn" else around
    number = {name: around.after(values) for name, values in around.number.items()}
    for one in arm.interventions:
        for term in _targets(one, around):
            _check_possible(one, term, around)
            number[term.name] = _ACTS[type(one)](one, term, around, number[term.name])
    made = {term.name: _history(term, around, arm, number) for term in around.terms}
    if unknown == "refuse":
        _check_known(made, around)
    return made


# --- what an intervention makes of the events of a term -----------------------------------------
def _observed(one: Observed, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    return around.after(around.number[term.name])


def _none(one: NoEvents, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    return np.zeros_like(now)


def _one_in_month(
    one: OneInMonth, term: LaggedTerm, around: Around, now: Float32Array
) -> Float32Array:
    return _plus(one, term, np.zeros_like(now))


def _added(one: Added, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    return _plus(one, term, now)


def _plus(one: OneInMonth | Added, term: LaggedTerm, now: Float32Array) -> Float32Array:
    _check_within(one, now)
    more = now.copy()
    more[:, one.month - 1] += one.events or term.at_least
    return more


def _sustained(one: Sustained, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    _check_within(one, now)
    events = np.zeros_like(now)
    last = None if one.months is None else one.month - 1 + one.months
    events[:, one.month - 1 : last] = one.events or term.at_least
    return events


def _delayed(one: Delayed, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    observed = around.after(around.number[term.name])
    later = np.zeros_like(observed)
    later[:, one.months :] = observed[:, : max(observed.shape[1] - one.months, 0)]
    return later


def _more(one: More, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    copies = counted(
        around.paths,
        _copies(one, term, _registers(around)),
        [term],
        history_centre=around.history_centre,
        months=around.months,
    )
    return around.after(around.number[term.name] + copies[term.name])


def _copies(one: More, term: LaggedTerm, registers: FamilyHistories) -> FamilyHistories:
    """The registers with the copies in place of the events of the exposure."""
    rng = np.random.default_rng(one.seed)
    chosen = rng.random(len(registers.events)) < one.share
    later = rng.integers(0, one.spread, len(registers.events), endpoint=True)
    events = registers.events.assign(
        exposure=registers.events["exposure"].astype("category"),
        calendar=registers.events["calendar"] + later,
    )
    return replace(registers, events=events[chosen & (events["exposure"] == term.exposure)])


def _campaign(one: Campaign, term: LaggedTerm, around: Around, now: Float32Array) -> Float32Array:
    if term.network != "centre":
        raise EstimandError(
            "intervention 'campaign' must act on a term of the network 'centre', for it does not "
            f"say of which nationality families are; got {term.name!r}."
        )
    full = stock(around) > one.threshold
    return now + full.astype(np.float32) * np.float32(one.events or term.at_least)


Act = Callable[[Any, LaggedTerm, Around, Float32Array], Float32Array]
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
    term: LaggedTerm, around: Around, arm: Arm, number: Mapping[str, Float32Array]
) -> xr.DataArray:
    before = around.number[term.name][:, : around.start]
    if arm.before == "none":
        before = np.zeros_like(before)
    events = np.hstack([before, number[term.name]])
    value, n_beyond = _measured(term, events, around.others.get(term.name))
    at = looked_up(term)
    month = np.arange(1, around.paths.horizon + 1)[:, None] - np.array(at) - around.months.start
    by_lag = value[:, month].reshape(-1, len(at))
    over = ended(events)[:, month].reshape(-1, len(at))
    since_start = np.repeat(around.paths.starts()["month"].to_numpy(), around.paths.horizon)
    rows = pd.DataFrame({"month": since_start + around.paths.month - 1})
    known = ruled(by_lag, at, term)
    over = over[:, at.index(term.lags[0]) :][:, : known.sizes["lag"]]
    made = since_risk(known.where(~over), rows, term)
    made.attrs["beyond_residents"] = n_beyond
    return made


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
def _check_within(one: OneInMonth | Added | Sustained, now: Float32Array) -> None:
    if one.month > now.shape[1]:
        raise EstimandError(
            f"intervention {one.kind!r} must act within the {now.shape[1]} months of the paths; "
            f"got month {one.month}."
        )


def _targets(one: Intervention, around: Around) -> list[LaggedTerm]:
    chosen = [term for term in around.terms if one.term in term.called]
    if not chosen:
        known = [term.name for term in around.terms]
        known += list(dict.fromkeys(term.exposure for term in around.terms))
        raise EstimandError(
            f"term of intervention {one.kind!r} must be one of {known}; got {one.term!r}."
            + did_you_mean(one.term, known)
        )
    return chosen


def _check_possible(one: Intervention, term: LaggedTerm, around: Around) -> None:
    by_rows = around.found is None or term.network == "own"
    if by_rows and isinstance(one, Delayed | More | Added | Campaign):
        raise EstimandError(
            f"intervention {one.kind!r} on term {term.name!r} must have dated events of others, "
            "from registers; got rows only. Use 'none', 'one_in_month', 'sustained' or 'observed'."
        )
    unknown_rate = term.measure == "per_resident" and term.name not in around.others
    if unknown_rate and isinstance(one, OneInMonth | Sustained):
        raise EstimandError(
            f"intervention {one.kind!r} on term {term.name!r} must have the number of residents, "
            "from registers; got rates only. Use 'none' or 'observed'."
        )


def _check_known(made: Mapping[str, xr.DataArray], around: Around) -> None:
    for name, history in made.items():
        unknown = np.isnan(history.values).any(axis=1)
        if unknown.any():
            after = bool(ended(around.number[name]).any())
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


def _registers(around: Around) -> FamilyHistories:
    if around.found is None:
        raise TypeError("dated events must come from registers")
    return around.found
