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
from hazard.studies.scenario.families import Families
from hazard.studies.scenario.records import EACH, ScenarioArm

Counts = npt.NDArray[np.int16]
UNSEEN = -1


@dataclass(frozen=True, eq=False)
class Seen:
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
    known = list(dict.fromkeys([t.name for t in terms] + [t.exposure for t in terms]))
    for one in arm.interventions:
        if one.term not in known:
            raise EstimandError(
                f"term of intervention {one.kind!r} must be one of {known}; got {one.term!r}."
                + did_you_mean(one.term, known)
            )
    return [k for k, term in enumerate(terms) if any(acts(i, term) for i in arm.interventions)]


def acts(one: Intervention, term: LaggedTerm) -> bool:
    """Whether an intervention is one on the term, on its event, or on its exposure."""
    return one.term in term.called


def seen(arm: ScenarioArm, term: LaggedTerm, rows: pd.DataFrame) -> Seen:
    """What an arm makes of the events of a term.

    Parameters
    ----------
    arm : ScenarioArm
    term : LaggedTerm
    rows : DataFrame
        Whoever may have an event: ``person`` and the columns of ``arm.at``.

    Returns
    -------
    Seen

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> arm = ScenarioArm(name="later", at={"centre": "A"},
    ...                   interventions=[{"kind": "delayed", "term": "visit", "months": 2}])
    >>> seen(arm, term, pd.DataFrame({"person": [0, 1], "centre": ["A", "B"]})).first.tolist()
    [2, 0]
    """
    there = _there(arm, rows)
    first = np.zeros(len(rows), dtype=np.int64)
    copy = np.full(len(rows), UNSEEN, dtype=np.int64)
    added: list[tuple[int, int]] = []
    for one in arm.interventions:
        if not acts(one, term):
            continue
        if not isinstance(one, Added | Campaign):
            first[there], copy[there], added = 0, UNSEEN, []
        if isinstance(one, Delayed):
            first[there] = one.months
        if isinstance(one, NoEvents | OneInMonth):
            first[there] = UNSEEN
        if isinstance(one, More):
            copy[there] = _copied(one, rows["person"].to_numpy())[there]
        if isinstance(one, Added | OneInMonth):
            added.append((one.month, one.events or term.at_least))
    return Seen(first, copy, tuple(added))


def _copied(one: More, person: IntArray) -> IntArray:
    """Months to the copy of the event of a person; the same for an observed and a drawn event."""
    rng = np.random.default_rng(one.seed)
    n = int(person.max(initial=0)) + 1
    chosen = rng.random(n) < one.share
    later = rng.integers(0, one.spread, n, endpoint=True)
    return np.where(chosen, later, UNSEEN)[person]


def _there(arm: ScenarioArm, rows: pd.DataFrame) -> BoolArray:
    there = np.ones(len(rows), dtype=np.bool_)
    for name, level in arm.at.items():
        if level != EACH:
            there &= (rows[name].astype(object) == level).to_numpy()
    return there


def check_places(arm: ScenarioArm, of: pd.DataFrame, events: pd.DataFrame) -> None:
    """Raise unless families of the scenario live where the arm acts.

    Raises
    ------
    EstimandError
        If a column is none of the networks, or nobody lives at the level.
    """
    for name, level in arm.at.items():
        columns = [c for c in of.columns if c in events.columns and c not in ("person", "calendar")]
        if name not in columns:
            raise EstimandError(
                f"arm {arm.name!r} must act at a level of one of {columns}; got {name!r}."
                + did_you_mean(name, columns)
            )
        known = {str(each) for each in of[name].dropna().unique()}
        if level != EACH and level not in known:
            near = did_you_mean(level, disclosure.common(of[name], of["person"]))
            raise EstimandError(
                f"arm {arm.name!r} must act at a level of {name!r} where families of the scenario "
                f"live; got {level!r}.{near}"
            )


def observed_exits(of: Families, found: FamilyHistories, exposure_of: dict[str, str]) -> BoolArray:
    """Which events are the exit of a family of the scenario, from its arrival on.

    Returns
    -------
    ndarray of bool, shape (event,)
    """
    last = of.panel[of.panel["exit"] != "stay"]
    exits = pd.DataFrame(
        {
            "person": last["person"].to_numpy(),
            "calendar": last["calendar"].to_numpy(dtype=np.int64),
            "exposure": last["exit"].astype(str).map(exposure_of).to_numpy(),
        }
    )
    exits = exits[exits["person"].isin(of.panel["person"].to_numpy()[of.row])]
    exits = exits[exits["exposure"].notna() & (exits["calendar"] >= of.start)]
    keys = pd.MultiIndex.from_frame(exits)
    events = found.events[["person", "calendar", "exposure"]].astype(
        {"calendar": np.int64, "exposure": object}
    )
    return np.asarray(pd.MultiIndex.from_frame(events).isin(keys))


def background(
    of: Families, found: FamilyHistories, terms: Sequence[LaggedTerm], arm: ScenarioArm
) -> tuple[Counts, int]:
    """Events of others around every family that no simulated exit changes, and how many are more.

    Parameters
    ----------
    of : Families
    found : FamilyHistories
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
    starts = of.starts()
    out = np.zeros((len(terms), len(starts), back + of.horizon), dtype=np.int16)
    chosen, more = targets(arm, terms), 0
    for k, term in enumerate(terms):
        if k not in chosen:
            out[k] = _counted(starts, found, term, (back, of.horizon))
            continue
        parts, n = _changed(of, found, term, arm)
        more = n if k == chosen[0] else more
        for part in parts:
            out[k] += _counted(starts, part, term, (back, of.horizon))
    return out, more


def _counted(
    starts: pd.DataFrame, found: FamilyHistories, term: LaggedTerm, months: tuple[int, int]
) -> Counts:
    back, horizon = months
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
    values = register_histories(starts, found, [wide])[wide.name].values[:, ::-1]
    if np.isnan(values).any():
        raise EstimandError(
            f"scenario must begin {back} months or more after the registers, so that all that was "
            "seen before is known; got an earlier start."
        )
    return values.astype(np.int16)


def _changed(
    of: Families, found: FamilyHistories, term: LaggedTerm, arm: ScenarioArm
) -> tuple[list[FamilyHistories], int]:
    """Registers with the events of the exposure as the arm makes them, and with the copies.

    A copy is an event of another family, so that it counts beside that of which it is one.
    """
    events = found.events.assign(exposure=found.events["exposure"].astype("category"))
    own = (events["exposure"] == term.exposure).to_numpy()
    calendar = events["calendar"].to_numpy(dtype=np.int64)
    own &= (calendar >= of.start) & (calendar < of.start + of.horizon)
    rows = events[own]
    how = seen(arm, term, rows)
    later, copies = (
        rows.assign(calendar=calendar[own] + months)[months != UNSEEN]
        for months in (how.first, how.copy)
    )
    added = _added(of, events, how, arm, term)
    first = pd.concat([events[~own], later, added], ignore_index=True)
    n = len(added) + len(copies) + len(later) - len(rows)
    return [replace(found, events=each) for each in (first, copies)], n


def _added(
    of: Families, events: pd.DataFrame, how: Seen, arm: ScenarioArm, term: LaggedTerm
) -> pd.DataFrame:
    """Events that an arm adds, each of somebody whom nobody knows."""
    if any(month > of.horizon for month, _ in how.added):
        raise EstimandError(
            f"arm {arm.name!r} must act within the {of.horizon} months of the scenario; got "
            f"month {max(month for month, _ in how.added)}."
        )
    named = {name: level for name, level in arm.at.items() if level != EACH}
    each = [name for name, level in arm.at.items() if level == EACH]
    rows = pd.DataFrame({"calendar": [of.start + m - 1 for m, n in how.added for _ in range(n)]})
    if each:
        lived = of.panel[["calendar", *each]].drop_duplicates()
        rows = rows.merge(lived.astype({"calendar": np.int64}), on="calendar")
    rows = rows.assign(exposure=term.exposure, **named).reindex(columns=events.columns)
    known = np.concatenate([events["person"], of.panel["person"]])
    rows["person"] = known.max() + 1 + np.arange(len(rows))
    return rows.astype(events.dtypes.to_dict())
