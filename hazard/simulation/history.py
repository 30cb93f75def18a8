"""Month by month: who is at risk where, who leaves, and what the others see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hazard.arrays import BoolArray, IntArray
from hazard.months import first_day, month_of
from hazard.simulation.margins import EXPOSURES, N_LAGS, NETWORKS, figure
from hazard.simulation.month import EXPOSURE_OF, Month, month_exits
from hazard.simulation.odds import (
    Effects,
    FamiliesAtRisk,
    anticipated,
    effects_of,
    month_of_families,
)
from hazard.simulation.others import Others, draw_others
from hazard.simulation.planted import Traits, draw_traits
from hazard.simulation.police import followed
from hazard.simulation.scenarios import Scenario
from hazard.simulation.world import (
    STAY,
    Families,
    Truth,
    World,
    choose_centre,
    early_entries,
    entrants,
    occupied,
    window_entries,
)

# After so many moves a family moves again only when its centre closes.
MOST_MOVES = 3
SHARE_ABSENT = 0.02
DAYS_ABSENT = (5, 60)
NEVER = -(2**31)


class FamilyMonths(NamedTuple):
    """Family-months at risk; ``exit`` is ``STAY`` or an index of ``EXITS``; shapes (n,)."""

    family: IntArray
    calendar: IntArray
    centre: IntArray
    exit: IntArray


class Absences(NamedTuple):
    """Short absences: last day at the centre and day of return, in days since 1970."""

    family: IntArray
    leaving: IntArray
    back: IntArray


@dataclass(frozen=True, eq=False)
class History:
    """What happened.

    Attributes
    ----------
    truth : Truth
    families : Families
    rows : FamilyMonths
        Including the burn-in, sorted by calendar month.
    absences : Absences
    others : Others
    counts : ndarray, shape (exposure, month, place)
        Families with the event per calendar month, from ``first`` on, and place: the centres, then
        the nationalities, then the stateless.
    first : int
    traits : Traits
    """

    truth: Truth
    families: Families
    rows: FamilyMonths
    absences: Absences
    others: Others
    counts: IntArray
    first: int
    traits: Traits


@dataclass
class _State:
    families: Families
    traits: Traits
    centre: IntArray
    back: IntArray
    moves: IntArray
    settled: BoolArray
    gone: BoolArray
    absent: BoolArray
    due: BoolArray
    judged: BoolArray


def history(truth: Truth, rng: np.random.Generator) -> History:
    """One run of the simulated country, from the burn-in to the end of the window.

    Parameters
    ----------
    truth : Truth
    rng : Generator

    Returns
    -------
    History
        Exactly ``truth.world.size.families`` families are at risk in some month of the window.
    """
    world, effects = truth.world, effects_of(truth)
    others, first = draw_others(world, rng), world.burn_in - N_LAGS + 1
    others = followed(others, truth, rng)
    counts = _event_counts(world, others, first)
    state = _newcomers(entrants(world, early_entries(world, rng), rng), truth.scenario, rng)
    rows: list[FamilyMonths] = []
    absences: list[Absences] = []
    for calendar in range(world.burn_in, world.size.last_month + 1):
        if calendar == world.size.first_month:
            survivors = int((~state.gone).sum())
            state = _joined(state, _newcomers(_late(world, survivors, rng), truth.scenario, rng))
        _relocate(state, calendar, world, rng)
        until_now = counts[:, : calendar - first + 1]
        rows.append(_exits_of_month(state, calendar, effects, until_now, rng))
        stayed = rows[-1].family[rows[-1].exit == STAY]
        absences.append(_absences(state, stayed, calendar, rng))
    return History(
        truth,
        state.families,
        FamilyMonths._make(map(np.concatenate, zip(*rows, strict=True))),
        Absences._make(map(np.concatenate, zip(*absences, strict=True))),
        others,
        counts,
        first,
        state.traits,
    )


def exposures(simulated: History, rows: FamilyMonths) -> npt.NDArray[np.uint8]:
    """Whether at least one other family had the event, per row, exposure, network and lag.

    Parameters
    ----------
    simulated : History
    rows : FamilyMonths
        Rows of ``simulated``.

    Returns
    -------
    ndarray of uint8, shape (row, exposure, network, lag)
        0 or 1. Lag 0 leaves the family's own event out; there is none of its own at longer lags.
    """
    n_centres = simulated.truth.world.size.centres
    place = (rows.centre, n_centres + simulated.families.nationality[rows.family])
    exposed = np.empty((len(rows.family), len(EXPOSURES), len(NETWORKS), N_LAGS), dtype=np.uint8)
    exposure = np.array([*EXPOSURE_OF, -1])[rows.exit]
    for e in range(len(EXPOSURES)):
        for w in range(len(NETWORKS)):
            for lag in range(N_LAGS):
                count = simulated.counts[e, rows.calendar - simulated.first - lag, place[w]]
                exposed[:, e, w, lag] = count > (exposure == e) * (lag == 0)
    return exposed


# --- the flow of families -----------------------------------------------------------------------
def _newcomers(families: Families, scenario: Scenario, rng: np.random.Generator) -> _State:
    n = len(families.entry)
    never, no = np.full(n, NEVER), np.zeros(n, dtype=np.bool_)
    moves = np.zeros(n, dtype=np.int64)
    flags = [no.copy() for _ in range(5)]
    traits = draw_traits(scenario, n, rng)
    return _State(families, traits, families.centre.copy(), never, moves, *flags)


def _joined(state: _State, late: _State) -> _State:
    families = Families._make(map(np.concatenate, zip(state.families, late.families, strict=True)))
    traits = Traits._make(map(np.concatenate, zip(state.traits, late.traits, strict=True)))
    names = ("centre", "back", "moves", "settled", "gone", "absent", "due", "judged")
    columns = (np.concatenate([getattr(state, name), getattr(late, name)]) for name in names)
    return _State(families, traits, *columns)


def _late(world: World, survivors: int, rng: np.random.Generator) -> Families:
    entry = window_entries(world, world.size.families - survivors, rng)
    return occupied(world, entrants(world, entry, rng), rng)


def _exits_of_month(
    state: _State, calendar: int, effects: Effects, counts: IntArray, rng: np.random.Generator
) -> FamilyMonths:
    """Draw the exits of a month; adds the events to the last month of ``counts``."""
    at_risk = np.flatnonzero(_present(state, calendar))
    families_at_risk = FamiliesAtRisk(
        Families._make(column[at_risk] for column in state.families),
        Traits._make(column[at_risk] for column in state.traits),
        state.centre[at_risk],
    )
    month = month_of_families(families_at_risk, calendar, effects=effects, counts=counts)
    if effects.lead.any():
        month = _announced(state, at_risk, month, effects, rng)
    exits = month_exits(month, rng)
    state.gone[at_risk] = exits != STAY
    return FamilyMonths(at_risk, np.full_like(at_risk, calendar), state.centre[at_risk], exits)


def _announced(
    state: _State, at_risk: IntArray, month: Month, effects: Effects, rng: np.random.Generator
) -> Month:
    """The month when others know who is returned in the next; notes them in ``state``."""
    month, chosen = anticipated(
        month, effects, due=state.due[at_risk], judged=state.judged[at_risk], rng=rng
    )
    state.due[:], state.judged[:] = False, False
    state.due[at_risk], state.judged[at_risk] = chosen, True
    return month


def _present(state: _State, calendar: int) -> BoolArray:
    return np.asarray((state.families.entry <= calendar) & ~state.gone & (state.back <= calendar))


def _relocate(state: _State, calendar: int, world: World, rng: np.random.Generator) -> None:
    """Move families whose centre has closed, and a few others; mark who neither came nor moved."""
    earlier = _present(state, calendar) & (state.families.entry < calendar)
    settled = earlier & (state.back < calendar)
    wants = (
        settled
        & (state.moves < MOST_MOVES)
        & (rng.random(len(earlier)) < world.moving)
        & ~state.due
    )
    goes = (earlier & (world.centres.closed[state.centre] < calendar)) | wants
    months = np.full(int(goes.sum()), calendar)
    state.centre[goes] = choose_centre(world.centres, months, rng)
    state.moves[goes] += 1
    state.settled = settled & ~goes


def _absences(state: _State, stayed: IntArray, calendar: int, rng: np.random.Generator) -> Absences:
    """Draw who leaves for some days, among those whose whole month is spent at one centre."""
    chance = SHARE_ABSENT / figure("mean_months_in_centre")
    able = stayed[state.settled[stayed] & ~state.absent[stayed] & ~state.due[stayed]]
    family = able[rng.random(len(able)) < chance]
    start, end = first_day([calendar, calendar + 1]).values.astype("datetime64[D]").astype(int)
    leaving = rng.integers(start, end, len(family))
    back = leaving + rng.integers(*DAYS_ABSENT, len(family), endpoint=True)
    state.absent[family] = True
    state.back[family] = month_of(back.astype("datetime64[D]"))
    return Absences(family, leaving, back)


# --- events outside the sample --------------------------------------------------------------------
def _event_counts(world: World, others: Others, first: int) -> IntArray:
    """Events of the families outside the sample, per exposure, month and place."""
    n_centres = world.size.centres
    n_places = n_centres + len(world.shares) + 1
    counts = np.zeros((len(EXPOSURES), world.size.last_month - first + 1, n_places), dtype=np.int64)
    exposure = np.array([*EXPOSURE_OF, -1])[others.exit]
    counted = (exposure >= 0) & (others.departure <= world.size.last_month)
    when = (exposure, others.departure - first)
    housed = counted & (others.centre >= 0)
    np.add.at(counts, (when[0][housed], when[1][housed], others.centre[housed]), 1)
    citizen = n_centres + others.nationality[counted]
    np.add.at(counts, (when[0][counted], when[1][counted], citizen), 1)
    return counts
