"""Dated facts of families -> what ends the time at risk, and the first of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.families import Roster
from hazard.data.registers.keys import (
    NEVER,
    SPAN,
    STEP,
    Intervals,
    distinct,
    earliest,
    find,
    is_first,
    pack,
    stamp,
)
from hazard.data.registers.records import Registers
from hazard.data.registers.residence import Departures
from hazard.spec import DataSpec

KINDS = ("assisted", "disappeared", "forced", "granted", "returned")
"""The three exits, a permit after the rejection, an assisted return without an application."""

EXITS = KINDS[:3]
_END_OF_MONTH = STEP - 1


@dataclass(frozen=True, eq=False)
class Applications:
    """Applications for assisted return that count, with first and last day as stamps."""

    family: IntArray
    applied: IntArray
    completed: IntArray


@dataclass(frozen=True, eq=False)
class FirstEndings:
    """What first ended the time at risk of each family; ``calendar`` is ``NEVER`` for none.

    ``kind`` is a position in ``KINDS``, -1 for none; ``tied`` marks two exits in that month.
    """

    calendar: IntArray
    kind: IntArray
    tied: BoolArray


def forced_returns(registers: Registers, roster: Roster, rule: str) -> IntArray:
    """Sorted distinct keys of family and month of forced returns.

    Notes
    -----
    A sign is a return by the police in UDI's register, or a deportation in PU's. A sign of one
    register, followed by a sign of the other in the next month, is one event of the person, in the
    first month. ``broad`` counts every event, ``strict`` those with a sign in both registers.
    """
    by_police = registers.returns[registers.returns["kind"] == "police"]
    udi = _person_months(roster, by_police["person_id"], by_police["returned_on"])
    deportations = registers.deportations
    pu = _person_months(roster, deportations["person_id"], deportations["deported_on"])
    signs = distinct(np.concatenate([udi, pu]))
    in_udi = find(udi, signs) >= 0
    in_both = in_udi & (find(pu, signs) >= 0)
    next_month = np.roll(signs, -1) == signs + 1
    other_register = ~in_both & ~np.roll(in_both, -1) & (in_udi != np.roll(in_udi, -1))
    followed = next_month & other_register
    counts = ~np.roll(followed, 1)
    if rule == "strict":
        counts &= in_both | followed
    person, calendar = np.divmod(signs[counts], SPAN)
    return distinct(pack(roster.person_family[person], calendar))


def _person_months(roster: Roster, ids: pd.Series, dates: pd.Series) -> IntArray:
    person = roster.person_of(ids)
    return distinct(pack(person, stamp(dates) // STEP)[person >= 0])


def applications(registers: Registers, roster: Roster, rule: str) -> Applications:
    """Applications of known persons: those that led to a completed return, or any."""
    family = roster.family_of(registers.applications["person_id"])
    applied = stamp(registers.applications["applied_on"])
    completed = stamp(registers.applications["completed_on"])
    counts = (family >= 0) & ((completed != NEVER) | (rule == "any"))
    return Applications(family[counts], applied[counts], completed[counts])


def final_rejections(registers: Registers, roster: Roster) -> IntArray:
    """Day of the first final rejection of a member of each family, as a stamp."""
    decisions = registers.decisions
    final = ((decisions["outcome"] == "rejected") & (decisions["final"] == "yes")).to_numpy()
    family = roster.family_of(decisions["person_id"])
    counts = final & (family >= 0)
    return earliest(family[counts], stamp(decisions["decided_on"])[counts], roster.n_families)


def permits(registers: Registers, roster: Roster, rejected: IntArray) -> IntArray:
    """Keys of family and month of permits that were granted after the final rejection."""
    decisions = registers.decisions
    family = roster.family_of(decisions["person_id"])
    day = stamp(decisions["decided_on"])
    after_rejection = (
        (family >= 0) & (decisions["outcome"] == "granted").to_numpy() & (day > rejected[family])
    )
    return distinct(pack(family, day // STEP)[after_rejection])


def assisted_returns(registers: Registers, roster: Roster) -> IntArray:
    """Keys of family and month of assisted returns in UDI's register of returns."""
    returns = registers.returns[registers.returns["kind"] == "assisted"]
    family = roster.family_of(returns["person_id"])
    return distinct(pack(family, stamp(returns["returned_on"]) // STEP)[family >= 0])


def unexplained(
    departures: Departures, applied: Applications, other_returns: tuple[IntArray, ...]
) -> Departures:
    """Departures that are neither part of an assisted return nor in the month of another ending.

    A departure is part of an assisted return when it lies between the application and the end of
    the month in which the return was completed.
    """
    is_completed = applied.completed != NEVER
    spans = Intervals.from_arrays(
        applied.family[is_completed],
        applied.applied[is_completed],
        applied.completed[is_completed] // STEP * STEP + _END_OF_MONTH,
    )
    explained = spans.cover(departures.family, departures.day)
    month = pack(departures.family, departures.day // STEP)
    for keys in other_returns:
        explained |= find(keys, month) >= 0
    return Departures(
        departures.family[~explained], departures.day[~explained], departures.certain[~explained]
    )


def assisted_exits(applied: Applications, departures: Departures, data: DataSpec) -> IntArray:
    """Keys of family and month of the exits by assisted return.

    Dated by completion, a family that left the centres between application and return exits in
    the month in which it left.
    """
    if data.assisted_date == "application":
        return pack(applied.family, applied.applied // STEP)
    keys = pack(departures.family, departures.day)
    position = np.searchsorted(keys, pack(applied.family, applied.applied))
    next_departure = np.append(keys, np.iinfo(np.int64).max)[position]
    before = next_departure <= pack(applied.family, applied.completed)
    day = np.where(before, next_departure % SPAN, applied.completed)
    return pack(applied.family, day // STEP)


def first_endings(
    keys: tuple[IntArray, ...], order: tuple[str, ...], n_families: int
) -> FirstEndings:
    """The first ending of each family, by month and then by the stated order.

    Parameters
    ----------
    keys : tuple of ndarray
        Keys of family and month, one array per entry of ``KINDS``.
    order : tuple of str
        The three exits; the endings that are no exits come after them.
    n_families : int

    Examples
    --------
    >>> none = np.array([], dtype=np.int64)
    >>> march = pack(np.array([1]), np.array([2]))
    >>> first = first_endings((march, none, march, none, none), ("forced", "assisted"), 2)
    >>> first.kind.tolist(), first.tied.tolist()
    ([-1, 2], [False, True])
    """
    turns = [order.index(kind) if kind in order else len(order) + k for k, kind in enumerate(KINDS)]
    kind = np.repeat(np.arange(len(KINDS)), [len(array) for array in keys])
    month = np.concatenate(keys)
    sorting = np.lexsort((np.array(turns)[kind], month))
    month, kind = month[sorting], kind[sorting]
    family = month // SPAN
    first = is_first(family)
    decided = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    rival = (month == month[decided]) & (kind != kind[decided]) & (kind < len(EXITS))
    endings = FirstEndings(
        np.full(n_families, NEVER), np.full(n_families, -1), np.zeros(n_families, dtype=np.bool_)
    )
    endings.calendar[family[first]] = month[first] % SPAN
    endings.kind[family[first]] = kind[first]
    endings.tied[family[rival]] = True
    return endings
