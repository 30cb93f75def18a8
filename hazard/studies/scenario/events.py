"""What an arm makes of events: which are seen, when, and which are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data import disclosure
from hazard.data.exposures import register_histories
from hazard.data.registers import FamilyHistories
from hazard.errors import EstimandError, did_you_mean
from hazard.estimands.interventions import (
    Added,
    Campaign,
    Delayed,
    Intervention,
    More,
    NoEvents,
    OneInMonth,
)
from hazard.spec import LaggedTerm
from hazard.studies.scenario.families import ScenarioFamilies
from hazard.studies.scenario.records import EACH, ScenarioArm

EventCounts = npt.NDArray[np.int16]
UNSEEN = -1


@dataclass(frozen=True, eq=False)
class EventTiming:
    """When events are seen: so many months later, and a copy so many months later; -1 is never.

    ``added`` are months of the scenario, from 1, and how many events each has.
    """

    first: IntArray
    copy: IntArray
    added: tuple[tuple[int, int], ...]


def targets(arm: ScenarioArm, terms: Sequence[LaggedTerm]) -> list[int]:
    """Positions of the terms on which an arm acts.

    Raises
    ------
    EstimandError
        If an intervention names no term.
    """
    names = list(dict.fromkeys([t.name for t in terms] + [t.exposure for t in terms]))
    for intervention in arm.interventions:
        if intervention.term not in names:
            raise EstimandError(
                f"term of intervention {intervention.kind!r} must be one of {names}; got "
                f"{intervention.term!r}." + did_you_mean(intervention.term, names)
            )
    return [k for k, term in enumerate(terms) if any(acts(i, term) for i in arm.interventions)]


def acts(intervention: Intervention, term: LaggedTerm) -> bool:
    """Whether an intervention is one on the term, on its event, or on its exposure."""
    return intervention.term in term.called


def event_timing(arm: ScenarioArm, term: LaggedTerm, rows: pd.DataFrame) -> EventTiming:
    """What an arm makes of the events of a term.

    Parameters
    ----------
    arm : ScenarioArm
    term : LaggedTerm
    rows : DataFrame
        Whoever may have an event: ``person`` and the columns of ``arm.at``.

    Returns
    -------
    EventTiming

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> arm = ScenarioArm(name="later", at={"centre": "A"},
    ...                   interventions=[{"kind": "delayed", "term": "visit", "months": 2}])
    >>> rows = pd.DataFrame({"person": [0, 1], "centre": ["A", "B"]})
    >>> event_timing(arm, term, rows).first.tolist()
    [2, 0]
    """
    inside = _acts_at(arm, rows)
    first = np.zeros(len(rows), dtype=np.int64)
    copy = np.full(len(rows), UNSEEN, dtype=np.int64)
    added: list[tuple[int, int]] = []
    for intervention in arm.interventions:
        if not acts(intervention, term):
            continue
        if not isinstance(intervention, Added | Campaign):
            first[inside], copy[inside], added = 0, UNSEEN, []
        if isinstance(intervention, Delayed):
            first[inside] = intervention.months
        if isinstance(intervention, NoEvents | OneInMonth):
            first[inside] = UNSEEN
        if isinstance(intervention, More):
            copy[inside] = _copied(intervention, rows["person"].to_numpy())[inside]
        if isinstance(intervention, Added | OneInMonth):
            added.append((intervention.month, intervention.events or term.at_least))
    return EventTiming(first, copy, tuple(added))


def _copied(intervention: More, person: IntArray) -> IntArray:
    """Months to the copy of the event of a person; the same for an observed and a drawn event."""
    rng = np.random.default_rng(intervention.seed)
    n = int(person.max(initial=0)) + 1
    chosen = rng.random(n) < intervention.share
    later = rng.integers(0, intervention.spread, n, endpoint=True)
    return np.where(chosen, later, UNSEEN)[person]


def _acts_at(arm: ScenarioArm, rows: pd.DataFrame) -> BoolArray:
    inside = np.ones(len(rows), dtype=np.bool_)
    for name, level in arm.at.items():
        if level != EACH:
            inside &= (rows[name].astype(object) == level).to_numpy()
    return inside


def check_places(arm: ScenarioArm, starts: pd.DataFrame, events: pd.DataFrame) -> None:
    """Raise unless families of the scenario live where the arm acts.

    Raises
    ------
    EstimandError
        If a column is none of the networks, or nobody lives at the level.
    """
    for name, level in arm.at.items():
        columns = [
            c for c in starts.columns if c in events.columns and c not in ("person", "calendar")
        ]
        if name not in columns:
            raise EstimandError(
                f"arm {arm.name!r} must act at a level of one of {columns}; got {name!r}."
                + did_you_mean(name, columns)
            )
        levels = {str(value) for value in starts[name].dropna().unique()}
        if level != EACH and level not in levels:
            suggestion = did_you_mean(level, disclosure.common(starts[name], starts["person"]))
            raise EstimandError(
                f"arm {arm.name!r} must act at a level of {name!r} where families of the scenario "
                f"live; got {level!r}.{suggestion}"
            )


def observed_exits(
    families: ScenarioFamilies, histories: FamilyHistories, exposure_of: dict[str, str]
) -> BoolArray:
    """Which events are the exit of a family of the scenario, from its arrival on.

    Returns
    -------
    ndarray of bool, shape (event,)
    """
    last = families.panel[families.panel["exit"] != "stay"]
    exits = pd.DataFrame(
        {
            "person": last["person"].to_numpy(),
            "calendar": last["calendar"].to_numpy(dtype=np.int64),
            "exposure": last["exit"].astype(str).map(exposure_of).to_numpy(),
        }
    )
    exits = exits[exits["person"].isin(families.panel["person"].to_numpy()[families.row])]
    exits = exits[exits["exposure"].notna() & (exits["calendar"] >= families.start)]
    keys = pd.MultiIndex.from_frame(exits)
    events = histories.events[["person", "calendar", "exposure"]].astype(
        {"calendar": np.int64, "exposure": object}
    )
    return np.asarray(pd.MultiIndex.from_frame(events).isin(keys))


def background(
    families: ScenarioFamilies,
    histories: FamilyHistories,
    terms: Sequence[LaggedTerm],
    arm: ScenarioArm,
) -> tuple[EventCounts, int]:
    """Events of others around every family that no simulated exit changes, and how many are more.

    Parameters
    ----------
    families : ScenarioFamilies
    histories : FamilyHistories
        With the events that are given.
    terms : sequence of LaggedTerm
    arm : ScenarioArm

    Returns
    -------
    ndarray of int16, shape (term, family, month)
        From as many months before the start as the longest lag.
    int
        Events of the first term on which the arm acts, less those without the arm.

    Raises
    ------
    EstimandError
        If months before the start are before the registers.
    """
    back = max(term.lags[1] for term in terms)
    starts = families.starts()
    counts = np.zeros((len(terms), len(starts), back + families.horizon), dtype=np.int16)
    acted_on, n_more = targets(arm, terms), 0
    for k, term in enumerate(terms):
        if k not in acted_on:
            counts[k] = _counted(starts, histories, term, back, families.horizon)
            continue
        parts, n = _changed(families, histories, term, arm)
        n_more = n if k == acted_on[0] else n_more
        for part in parts:
            counts[k] += _counted(starts, part, term, back, families.horizon)
    return counts, n_more


def _counted(
    starts: pd.DataFrame, histories: FamilyHistories, term: LaggedTerm, back: int, horizon: int
) -> EventCounts:
    wide = term.model_copy(
        update={
            "lags": (1 - horizon, back),
            "windows": None,
            "measure": "count",
            "at_least": 1,
            "history_before_start": "missing",
            "history_before_risk": "observed",
        }
    )
    values = register_histories(starts, histories, [wide])[wide.name].values[:, ::-1]
    if np.isnan(values).any():
        raise EstimandError(
            f"scenario must begin {back} months or more after the registers, so that all that was "
            "seen before is known; got an earlier start."
        )
    return values.astype(np.int16)


def _changed(
    families: ScenarioFamilies, histories: FamilyHistories, term: LaggedTerm, arm: ScenarioArm
) -> tuple[list[FamilyHistories], int]:
    """Registers with the events of the exposure as the arm makes them, and with the copies.

    A copy is an event of another family, so that it counts beside that of which it is one.
    """
    events = histories.events.assign(exposure=histories.events["exposure"].astype("category"))
    within = (events["exposure"] == term.exposure).to_numpy()
    calendar = events["calendar"].to_numpy(dtype=np.int64)
    within &= (calendar >= families.start) & (calendar < families.start + families.horizon)
    rows = events[within]
    timing = event_timing(arm, term, rows)
    later, copies = (
        rows.assign(calendar=calendar[within] + months)[months != UNSEEN]
        for months in (timing.first, timing.copy)
    )
    added = _added(families, events, timing, arm, term)
    first = pd.concat([events[~within], later, added], ignore_index=True)
    n = len(added) + len(copies) + len(later) - len(rows)
    return [replace(histories, events=changed) for changed in (first, copies)], n


def _added(
    families: ScenarioFamilies,
    events: pd.DataFrame,
    timing: EventTiming,
    arm: ScenarioArm,
    term: LaggedTerm,
) -> pd.DataFrame:
    """Events that an arm adds, each of somebody whom nobody knows."""
    if any(month > families.horizon for month, _ in timing.added):
        raise EstimandError(
            f"arm {arm.name!r} must act within the {families.horizon} months of the scenario; got "
            f"month {max(month for month, _ in timing.added)}."
        )
    named = {name: level for name, level in arm.at.items() if level != EACH}
    varying = [name for name, level in arm.at.items() if level == EACH]
    rows = pd.DataFrame(
        {"calendar": [families.start + m - 1 for m, n in timing.added for _ in range(n)]}
    )
    if varying:
        occupied = families.panel[["calendar", *varying]].drop_duplicates()
        rows = rows.merge(occupied.astype({"calendar": np.int64}), on="calendar")
    rows = rows.assign(exposure=term.exposure, **named).reindex(columns=events.columns)
    persons = np.concatenate([events["person"], families.panel["person"]])
    rows["person"] = persons.max() + 1 + np.arange(len(rows))
    return rows.astype(events.dtypes.to_dict())
