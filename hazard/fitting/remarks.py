"""Remarks on a question and its rows: columns held at the start, states, single events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hazard.data import disclosure
from hazard.data.exposures.own import happened
from hazard.estimands import interventions
from hazard.estimands.interventions import OneInMonth, Paths
from hazard.fitting.records import Panel
from hazard.fitting.small_levels import levels_of
from hazard.model.design import Design
from hazard.spec import (
    CalendarTerm,
    CovariateTerm,
    GFormulaEstimand,
    IncidenceEstimand,
    LaggedTerm,
    ModelSpec,
)

CALENDAR = "calendar"
GOES_ON = 0.8
"""Share of the periods after an event that have one too, from which on it is called a state."""

_NEVER = (
    "Its numbers come from the prior and from the time at risk; a baseline puts them at 0. "
    "Leave it out of [outcome] exits if it cannot occur, or correct the column of exits."
)


def notes(rows: Panel, design: Design, spec: ModelSpec) -> dict[str, Any]:
    """Facts about a question and its rows that a reader must know.

    Parameters
    ----------
    rows : Panel
    design : Design
        Of these rows.
    spec : ModelSpec

    Returns
    -------
    dict
        ``states``: by the name of an own term that mostly goes on once it is there, and of which
        the model asks what a single period of it does, the share of the periods after one that
        have it too. ``held``: by column, the number of persons in whom it changes although the
        cumulative incidence holds it at its value at the start; lagged terms by their names.
        ``small_levels``: of a table not declared confidential or public, the number of
        levels with fewer than ten persons, by column. ``never``: exits of the model by way of
        which nobody leaves in the design. ``unit`` is the length of a period.
    """
    has_incidence = any(isinstance(estimand, IncidenceEstimand) for estimand in spec.estimand)
    single_event_terms = _pulsed(spec)
    shares = {
        term.name: goes_on(rows.frame, term) for term in spec.lagged if term in single_event_terms
    }
    return {
        "unit": spec.table.unit,
        "states": {name: share for name, share in shares.items() if share >= GOES_ON},
        "held": _held_at_start(rows, design, spec) if has_incidence else {},
        "small_levels": _small_levels(rows, design, spec),
        "never": [name for code, name in enumerate(design.exits, 1) if code not in design.outcome],
    }


def remarks(facts: Mapping[str, Any]) -> list[str]:
    """The notes as sentences for a terminal.

    Examples
    --------
    >>> remarks({"unit": "day", "states": {}, "held": {"dose": 12}, "never": []})
    ['the cumulative incidence holds these at the start, though they change: dose (12 persons).']
    """
    unit = facts["unit"]
    lines = [
        f"term {name!r} is a state rather than an event: of the {unit}s after one with it "
        f"{100 * share:.0f} percent have it too, and the model asks what a single {unit} of it "
        'does. Ask for exposure = "sustained" in the estimand to compare always with never.'
        for name, share in facts["states"].items()
    ]
    if facts["held"]:
        changes = ", ".join(f"{name} ({n:,} persons)" for name, n in facts["held"].items())
        lines.append(
            f"the cumulative incidence holds these at the start, though they change: {changes}."
        )
    lines += [
        f"{n:,} level{'s' if n > 1 else ''} of {name!r} ha{'ve' if n > 1 else 's'} fewer than "
        f"{disclosure.SMALLEST} persons; write confidential = true under [table] to put them "
        "together, or false when the data are public."
        for name, n in facts.get("small_levels", {}).items()
    ]
    lines += [f"no one left by way of {name!r}. {_NEVER}" for name in facts["never"]]
    return lines


def _small_levels(rows: Panel, design: Design, spec: ModelSpec) -> dict[str, int]:
    if rows.of_registers or spec.table.confidential is not None:
        return {}
    panel = rows.frame.iloc[design.row]
    return disclosure.n_small_levels(panel, levels_of(panel, spec))


def goes_on(panel: pd.DataFrame, term: LaggedTerm) -> float:
    """Share of the months after one with an own event that have one too; 0 where there are none.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="heart", network="own", lags=(0, 0),
    ...                   history_before_start="missing", prior=prior)
    >>> goes_on(pd.DataFrame({"person": 0, "month": [1, 2, 3, 5], "heart": [1, 1, 0, 1]}), term)
    0.5
    """
    event = happened(panel, term)
    person, month = (panel[name].to_numpy() for name in ("person", "month"))
    consecutive = (person[1:] == person[:-1]) & (month[1:] == month[:-1] + 1)
    followed = consecutive & (event[:-1] > 0) & ~np.isnan(event[1:])
    return float((event[1:][followed] > 0).mean()) if followed.any() else 0.0


def _pulsed(spec: ModelSpec) -> list[LaggedTerm]:
    """Own terms of which the model asks what one event in one month does."""
    terms = {
        estimand.term
        for estimand in spec.estimand
        if isinstance(estimand, IncidenceEstimand)
        if estimand.exposure == "once"
    }
    for estimand in spec.estimand:
        if isinstance(estimand, GFormulaEstimand):
            acting = [
                intervention for arm in estimand.compared for intervention in arm.interventions
            ]
            terms |= {
                intervention.term for intervention in acting if isinstance(intervention, OneInMonth)
            }
    return [term for term in spec.lagged if term.network == "own" and terms & {*term.called}]


def columns(spec: ModelSpec) -> list[str]:
    """Columns of the panel that a model uses, but for months, calendar time and exposures."""
    names = [term.column for term in spec.term if isinstance(term, CovariateTerm)]
    names += [name for name in spec.group_columns if name != CALENDAR]
    return list(dict.fromkeys(names))


def _held_at_start(rows: Panel, design: Design, spec: ModelSpec) -> dict[str, int]:
    panel = rows.frame.iloc[design.row]
    starts = interventions.first_rows(rows.frame, design.row)
    names = columns(spec)
    timed = any(isinstance(term, CalendarTerm) for term in spec.term)
    if timed or CALENDAR in spec.group_columns:
        names.append(CALENDAR)
    changes = interventions.changing_columns(Paths(rows.frame, starts, 1, {}), names)
    varied = {
        estimand.term for estimand in spec.estimand if isinstance(estimand, IncidenceEstimand)
    }
    for term in spec.lagged:
        if term.name not in varied and term.event not in varied:
            changed = _changing(panel, rows.histories[term.name].values[design.row])
            changes |= {term.name: changed} if changed else {}
    return changes


def _changing(panel: pd.DataFrame, history: np.ndarray) -> int:
    """Number of persons whose history is not the same in all of their rows."""
    person = panel["person"].to_numpy()
    changed = (person[1:] == person[:-1]) & (history[1:] != history[:-1]).any(axis=1)
    return len(np.unique(person[1:][changed]))
