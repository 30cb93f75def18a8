"""A rule of the integrity report, and how rows are compared to find those that break it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hazard.registers.keys import (
    NEVER,
    BoolArray,
    IntArray,
    distinct,
    earliest,
    find,
    is_first,
    ordered_codes,
    stamp,
)
from hazard.registers.records import Registers


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule of one table, and the rows of the table that break it."""

    table: str
    text: str
    broken: BoolArray
    severity: Literal["error", "note"] = "error"


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
    there = distinct(others)
    near: BoolArray = (month >= 0) & np.logical_or.reduce(
        [find(there, month + step) >= 0 for step in (-1, 0, 1)]
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
    asked = earliest(code, stamp(registers.persons["asylum_applied_on"]), len(code))
    known = (person[table] >= 0) & (asked[person[table]] != NEVER)
    before: BoolArray = known & (dated < asked[person[table]])
    return before


def overlaps(
    person: IntArray, centre: IntArray, start: IntArray, end: IntArray, *, elsewhere: bool
) -> BoolArray:
    """Whether a stay begins before an earlier one of the person ends, elsewhere or at the centre.

    One pass per number of stays back, so as many passes as a person has stays at most.
    """
    flags = np.zeros(len(person), dtype=np.bool_)
    order = np.lexsort((end, start, person))
    order = order[((person >= 0) & (end >= start))[order]]
    person, centre, start, end = person[order], centre[order], start[order], end[order]
    broken = np.zeros(len(order), dtype=np.bool_)
    for back in range(1, len(order)):
        same = person[back:] == person[:-back]
        if not same.any():
            break
        moved = (centre[back:] != centre[:-back]) == elsewhere
        broken[back:] |= same & moved & (start[back:] < end[:-back])
    flags[order] = broken
    return flags


def near_duplicates(column: pd.Series) -> BoolArray:
    """Whether a name differs only in case and spaces from one that is more frequent."""
    code, labels = ordered_codes(column)
    plain, _ = pd.factorize(labels.astype(str).str.split().str.join(" ").str.casefold())
    order = np.lexsort((-np.bincount(code, minlength=len(labels)), plain))
    rarer = np.zeros(len(labels), dtype=np.bool_)
    rarer[order] = ~is_first(plain[order])
    return rarer[code]
