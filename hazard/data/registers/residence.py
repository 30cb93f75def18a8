"""Stays -> the centre of each family and month, and the days on which a family left the centres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.families import Roster
from hazard.data.registers.keys import (
    NEVER,
    STEP,
    distinct,
    is_last,
    ordered_codes,
    ordinal,
    pack,
    running_max,
    stamp,
)
from hazard.data.registers.records import TABLES, Registers, Window

_RETURNS = ("completed_on", "returned_on", "deported_on")


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays of families, members together, sorted by family, first day, last day and centre.

    Attributes
    ----------
    family, centre : ndarray of int64
        Codes; ``centres`` names the latter.
    start, end : ndarray of int64
        First and last day as stamps; ``end`` is ``NEVER`` for a stay that goes on.
    centres : Index
        Names of the centres, sorted.
    reversed_of : ndarray of int64
        Families of the stays that ended before they began, which are left out.
    """

    family: IntArray
    centre: IntArray
    start: IntArray
    end: IntArray
    centres: pd.Index
    reversed_of: IntArray


@dataclass(frozen=True, eq=False)
class Residence:
    """One row per family and month, in a centre or (-1) in none."""

    family: IntArray
    calendar: IntArray
    centre: IntArray

    @property
    def key(self) -> IntArray:
        """Distinct keys of family and month; sorted, as :func:`monthly` sorts the rows."""
        return pack(self.family, self.calendar)


@dataclass(frozen=True, eq=False)
class Departures:
    """Last days of a stay after which the family was at no centre for so long.

    ``certain`` is false where the register ends before that time is over.
    """

    family: IntArray
    day: IntArray
    certain: BoolArray


def family_stays(stays: pd.DataFrame, roster: Roster) -> Stays:
    """Stays of the persons of a register as stays of their families."""
    family = roster.family_of(stays["person_id"])
    centre, names = ordered_codes(stays["centre"])
    start, end = stamp(stays["from_date"]), stamp(stays["to_date"])
    known, forwards = family >= 0, end >= start
    order = np.lexsort((centre, end, start, family))
    order = order[(known & forwards)[order]]
    return Stays(
        family[order],
        centre[order],
        start[order],
        end[order],
        names,
        distinct(family[known & ~forwards]),
    )


def monthly(stays: Stays, first: int, last: int) -> Residence:
    """The centre of each family in each month from ``first`` to ``last``.

    Of several centres in a month it is the one whose stay began last.
    """
    begin = np.maximum(stays.start // STEP, first)
    months = np.maximum(np.minimum(stays.end // STEP, last) - begin + 1, 0)
    stay = np.repeat(np.arange(len(months)), months)
    elapsed = np.arange(len(stay)) - np.repeat(np.cumsum(months) - months, months)
    family, calendar = stays.family[stay], begin[stay] + elapsed
    key = pack(family, calendar)
    # stable: within a family and month the stays keep their order, so the last is the latest
    order = np.argsort(key, kind="stable")
    latest = order[is_last(key[order])]
    return Residence(family[latest], calendar[latest], stays.centre[stay[latest]])


def everybody(registers: Registers, roster: Roster, stays: Stays, window: Window) -> Residence:
    """Where every family of the registers was, in the months of the window in which it is known.

    A stay without last day goes on for as long as the family is known (see :func:`known_months`):
    one that nobody ended after a return does not fill its centre for ever.
    """
    first, last = known_months(registers, roster, stays)
    begin = np.maximum(first, window.first)
    months = np.maximum(np.minimum(last, window.last) - begin + 1, 0)
    row = np.cumsum(months) - months - begin  # of a family in calendar month 0
    family = np.repeat(np.arange(len(months)), months)
    calendar = np.arange(len(family)) - row[family]
    residence = monthly(stays, window.first, window.last)
    known = residence.calendar <= last[residence.family]
    centre = np.full(len(family), -1, dtype=np.int64)
    centre[(row[residence.family] + residence.calendar)[known]] = residence.centre[known]
    return Residence(family, calendar, centre)


def known_months(registers: Registers, roster: Roster, stays: Stays) -> tuple[IntArray, IntArray]:
    """First and last calendar month in which the registers know of each family.

    Returns
    -------
    first : ndarray of int64, shape (n_families,)
        Later than ``last`` for a family of which nothing is dated.
    last : ndarray of int64, shape (n_families,)

    Notes
    -----
    A family is known from its first dated row in any table. One that returned (a return in either
    register, or a completed application) is known to its last dated row: the return, if nothing is
    registered later. All others are known to the end of the follow-up: those who returned and then
    began a stay that goes on, and also those who disappeared or got a permit, for nobody registers
    that they leave the country.
    """
    first, last, returned, began = np.full((4, roster.n_families), -1, dtype=np.int64)
    first[:] = NEVER
    for name, family, month in _dated(registers, roster):
        np.minimum.at(first, family, month)
        np.maximum.at(last, family, month)
        if name in _RETURNS:
            np.maximum.at(returned, family, month)
    goes_on = stays.end == NEVER
    np.maximum.at(began, stays.family[goes_on], stays.start[goes_on] // STEP)
    has_returned = (returned >= 0) & (began <= returned)
    return first, np.where(has_returned, last, registers.window.follow_up_end)


def _dated(registers: Registers, roster: Roster) -> Iterator[tuple[str, IntArray, IntArray]]:
    """Every column of dates: its name, and family and calendar month of its dates."""
    for table, frame in registers.tables.items():
        family = roster.family_of(frame["person_id"])
        for name in [name for name, column in TABLES[table].items() if column.kind == "date"]:
            day = stamp(frame[name])
            known = (family >= 0) & (day != NEVER)
            yield name, family[known], day[known] // STEP


@dataclass(frozen=True)
class Absence:
    """How long a family must be at no centre to have disappeared: months or days, not both."""

    months: int = 0
    days: int = 0

    def over(self, departed: IntArray, returned: IntArray) -> BoolArray:
        """Whether so much time lies between two stamps, the later one not counted.

        Examples
        --------
        >>> left, back = np.array([32 + 28]), np.array([2 * 32 + 3])  # 28 February, 3 March 1970
        >>> Absence(days=3).over(left, back).tolist(), Absence(days=2).over(left, back).tolist()
        ([False], [True])
        """
        if self.days:
            longer: BoolArray = ordinal(returned) > ordinal(departed) + self.days
        else:
            longer = returned > departed + self.months * STEP
        return longer

    def last_followed(self, follow_up_end: int) -> int:
        """Last calendar month of which every departure can be followed for so long."""
        if not self.days:
            return follow_up_end - self.months
        too_late = ordinal(np.array([(follow_up_end + 1) * STEP + 1])) - self.days
        month = too_late.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return int(month[0]) - 1


def departures(stays: Stays, absence: Absence, follow_up_end: int) -> Departures:
    """Days on which a family left, and came to no centre for so long.

    A next stay counts as later when it begins after the same day so many months on, or more than so
    many days on.
    """
    until = running_max(stays.family, stays.end)
    goes_on = ~is_last(stays.family)
    next_start = np.where(goes_on, np.roll(stays.start, -1), NEVER)
    is_departure = (until != NEVER) & absence.over(until, next_start)
    end = np.full_like(until, (follow_up_end + 1) * STEP + 1)
    certain = goes_on | (until // STEP + absence.months <= follow_up_end)
    if absence.days:
        certain = goes_on | absence.over(until, end)
    return Departures(stays.family[is_departure], until[is_departure], certain[is_departure])
