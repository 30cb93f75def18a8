"""A rule of the integrity report, and how rows are compared to find those that break it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.keys import (
    NEVER,
    SPAN,
    distinct,
    earliest,
    find,
    is_first,
    ordered_codes,
    pack,
    stamp,
)
from hazard.data.registers.records import Registers

Severity = Literal["error", "warning", "note"]
"""An error cannot be true of a correct register; a warning hardly can; a note can."""

ENOUGH = 21
"""So many rows of one level out of two equally frequent ones have probability 2 ** -20."""


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule of one table, and the rows of the table that break it."""

    table: str
    text: str
    broken: BoolArray
    severity: Severity = "error"


def day(date: pd.Series) -> IntArray:
    """Stamp of a date, 0 before 1970: another rule reports it, and keys must not be negative."""
    return np.maximum(stamp(date), 0)


def differs(group: IntArray, value: IntArray) -> BoolArray:
    """Whether a value is not that of the first row of its group; groups count from 0."""
    order = np.argsort(group, kind="stable")
    first = value[order[is_first(group[order])]]
    differs: BoolArray = value != first[group]
    return differs


def later(group: IntArray, value: IntArray, counts: BoolArray) -> BoolArray:
    """Whether a row that counts has a larger value than the smallest of its group that counts."""
    known = counts & (group >= 0)
    smallest = earliest(group[known], value[known], int(group.max(initial=0)) + 1)
    return known & (value > smallest[group])


def near(month: IntArray, others: IntArray) -> BoolArray:
    """Whether a key of person and month, or that of a neighbouring month, is among the others.

    Examples
    --------
    >>> near(np.array([2, 3, 4, 5, 6, -1]), np.array([4, 0])).tolist()
    [False, True, True, True, False, False]
    """
    other_keys = distinct(others)
    near: BoolArray = (month >= 0) & np.logical_or.reduce(
        [find(other_keys, month + step) >= 0 for step in (-1, 0, 1)]
    )
    return near


def first_return(registers: Registers, person: dict[str, IntArray]) -> IntArray:
    """Day of the first return of every person in UDI's register, as a stamp."""
    code = np.concatenate([person["udi_returns"], person["udi_applications"]])
    dated = np.concatenate(
        [
            day(registers.returns["returned_on"]),
            day(registers.applications["completed_on"]),
        ]
    )
    known = code >= 0
    return earliest(code[known], dated[known], len(person["udi_persons"]))


def before_asylum(
    registers: Registers, person: dict[str, IntArray], table: str, dated: IntArray
) -> BoolArray:
    """Whether a day lies before the person's first application for asylum, where that is known."""
    code = person["udi_persons"]
    applied = earliest(code, stamp(registers.persons["asylum_applied_on"]), len(code))
    known = (person[table] >= 0) & (applied[person[table]] != NEVER)
    before: BoolArray = known & (dated < applied[person[table]])
    return before


def first_decision(registers: Registers, person: dict[str, IntArray]) -> IntArray:
    """First day of every person in UDI's tables of decisions and stays, as a stamp."""
    code = np.concatenate([person["udi_decisions"], person["udi_stays"]])
    dated = np.concatenate(
        [day(registers.decisions["decided_on"]), day(registers.stays["from_date"])]
    )
    return earliest(code[code >= 0], dated[code >= 0], len(person["udi_persons"]))


def families(registers: Registers, person: dict[str, IntArray]) -> dict[str, IntArray]:
    """Family of every row of every table; one of its own for a person who is in no register."""
    code, _ = ordered_codes(registers.persons["family_id"])
    of_person = np.zeros(len(code), dtype=np.int64)
    of_person[person["udi_persons"]] = code
    return {
        table: np.where(persons < 0, len(code) + np.arange(len(persons)), of_person[persons])
        for table, persons in person.items()
    }


def latest(group: IntArray, value: IntArray, groups: IntArray, until: IntArray) -> IntArray:
    """Largest value of each wanted group that is at most ``until``; -1 where there is none.

    Examples
    --------
    >>> group, value = np.array([0, 0, 1]), np.array([3, 8, 5])
    >>> latest(group, value, np.array([0, 1, 2]), np.array([7, 4, 9])).tolist()
    [3, -1, -1]
    """
    keys = np.sort(pack(group, value))
    position = np.searchsorted(keys, pack(groups, until), side="right") - 1
    last_key = np.append(keys, -2 * SPAN)[
        position
    ]  # the last, of no group, where nothing is before
    return np.where(last_key // SPAN == groups, last_key % SPAN, -1)


def shifted(
    person: IntArray, month: IntArray, others: IntArray, their_month: IntArray
) -> BoolArray:
    """Rows of the most frequent distance in months to the one other row of the person, if not 0.

    Of persons with one row on each side; of fewer than ``ENOUGH`` of them, none.
    """
    flagged = np.zeros(len(person), dtype=np.bool_)
    persons, rows = _single(person)
    other_persons, other_rows = _single(others)
    shared, i, j = np.intersect1d(persons, other_persons, assume_unique=True, return_indices=True)
    if len(shared) < ENOUGH:
        return flagged
    distance = their_month[other_rows[j]] - month[rows[i]]
    values, counts = np.unique(distance, return_counts=True)
    usual = values[np.argmax(counts)]
    flagged[rows[i][distance == usual]] = usual != 0
    return flagged


def _single(person: IntArray) -> tuple[IntArray, IntArray]:
    """Persons with one row, sorted, and where it is."""
    values, position, count = np.unique(person, return_index=True, return_counts=True)
    once = (count == 1) & (values >= 0)
    return values[once], position[once]


def overlaps(
    person: IntArray, centre: IntArray, start: IntArray, end: IntArray, *, elsewhere: bool
) -> BoolArray:
    """Whether a stay begins before an earlier one of the person ends, elsewhere or at the centre.

    Notes
    -----
    The earlier stays that still go on are counted, all and those at the same centre, by sorting: a
    person with n stays costs n log n steps.
    """
    flags = np.zeros(len(person), dtype=np.bool_)
    valid = np.flatnonzero((person >= 0) & (end >= start))
    person, centre, start, end = person[valid], centre[valid], start[valid], end[valid]
    _, stay_group = np.unique(pack(person, centre), return_inverse=True)
    at_centre = going_on(stay_group.astype(np.int64), start, end)
    flags[valid] = (going_on(person, start, end) > at_centre) if elsewhere else at_centre > 0
    return flags


def going_on(group: IntArray, start: IntArray, end: IntArray) -> IntArray:
    """How many earlier intervals of the group end after the start of each interval.

    *Earlier* is in order of start, then end, then position.

    Examples
    --------
    >>> going_on(np.array([0, 0, 0]), np.array([1, 2, 6]), np.array([9, 4, 6])).tolist()
    [0, 1, 1]
    """
    order = np.lexsort((end, start, group))
    key, last = pack(group, start)[order], pack(group, end)[order]
    before = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    ended = np.searchsorted(np.sort(last), key, side="right") - np.searchsorted(
        group[order], group[order]
    )
    # an interval of no length that is not earlier has ended all the same
    empty = np.cumsum(np.append(0, key == last))
    later = np.where(key == last, empty[np.searchsorted(key, key, side="right")] - empty[:-1], 0)
    count = np.empty(len(order), dtype=np.int64)
    count[order] = before - (ended - later)
    return count


def near_duplicates(column: pd.Series) -> BoolArray:
    """Whether a name differs only in case and spaces from one that is more frequent."""
    code, labels = ordered_codes(column)
    plain, _ = pd.factorize(labels.astype(str).str.split().str.join(" ").str.casefold())
    order = np.lexsort((-np.bincount(code, minlength=len(labels)), plain))
    rarer = np.zeros(len(labels), dtype=np.bool_)
    rarer[order] = ~is_first(plain[order])
    return rarer[code]
