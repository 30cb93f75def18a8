"""Ids and dates as whole numbers that sort, so that linking is a search in a sorted array.

A *stamp* is 32 times the calendar month plus the day of the month: it orders dates, a month is a
division by 32, and k months later is an addition of 32 k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import BoolArray, IntArray

STEP = 32
SPAN = 2**24
NEVER = SPAN - 1
FIRST_MONTH = 240  # January 1990: an earlier date is a mistake


def stamp(date: Any) -> IntArray:
    """Sortable number of every date; a missing date is ``NEVER``, later than all.

    Examples
    --------
    >>> stamp(np.array(["1970-02-03", "NaT"], dtype="datetime64[D]")).tolist() == [32 + 3, NEVER]
    True
    """
    day = np.asarray(date).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    of_month = (day - month.astype("datetime64[D]")).astype(np.int64) + 1
    return np.where(np.isnat(day), NEVER, month.astype(np.int64) * STEP + of_month)


def ordinal(stamped: IntArray) -> IntArray:
    """Days since 1970 of every stamp, for arithmetic in days; that of ``NEVER`` is later than all.

    Examples
    --------
    >>> ordinal(stamp(np.array(["1970-02-01", "1970-03-01"], dtype="datetime64[D]"))).tolist()
    [31, 59]
    """
    month, of_month = np.divmod(stamped, STEP)
    first = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + of_month - 1


def out_of_range(date: pd.Series, follow_up_end: int) -> BoolArray:
    """Whether a date is before 1990 or after the follow-up; a missing date is not.

    Examples
    --------
    >>> out_of_range(pd.to_datetime(pd.Series(["1989-12-31", "1990-01-01", None])), 300).tolist()
    [True, False, False]
    """
    day = stamp(date)
    outside: BoolArray = (day != NEVER) & (
        (day // STEP < FIRST_MONTH) | (day // STEP > follow_up_end)
    )
    return outside


def pack(group: IntArray, value: IntArray) -> IntArray:
    """One key that sorts by group, then by value; values are from 0 to ``NEVER``."""
    return group * SPAN + value


def ordered_codes(column: pd.Series) -> tuple[IntArray, pd.Index]:
    """Code of every value in the sorted list of values that occur, and that list.

    Examples
    --------
    >>> codes, labels = ordered_codes(pd.Series(["b", "a", "b"]))
    >>> codes.tolist(), list(labels)
    ([1, 0, 1], ['a', 'b'])
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        codes, labels = pd.factorize(column, sort=True)
        return codes.astype(np.int64), pd.Index(labels)
    used = column.cat.remove_unused_categories()
    order = np.argsort(np.asarray(used.cat.categories, dtype=object), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return _take(rank, used.cat.codes.to_numpy()), used.cat.categories[order]


def positions(column: pd.Series, labels: pd.Index) -> IntArray:
    """Position of every value in a list of distinct labels; -1 where it is not among them.

    Examples
    --------
    >>> positions(pd.Series(["b", "x"]), pd.Index(["a", "b"])).tolist()
    [1, -1]
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return labels.get_indexer(pd.Index(column)).astype(np.int64)
    where = labels.get_indexer(pd.Index(column.cat.categories))
    return _take(where, column.cat.codes.to_numpy())


def _take(values: npt.NDArray[np.int64], codes: npt.NDArray[Any]) -> IntArray:
    if len(values) == 0:
        return np.full(len(codes), -1, dtype=np.int64)
    return np.where(codes < 0, -1, values[codes]).astype(np.int64)


@dataclass(frozen=True, eq=False, repr=False)
class Ids:
    """Distinct ids of a column, sorted, and the position among them of each of its categories.

    A column with the very same categories, as ``read`` gives to the ids of all tables, is looked up
    by its codes, without a comparison of texts.
    """

    labels: pd.Index
    categories: pd.Index
    position: IntArray

    @classmethod
    def from_column(cls, column: pd.Series) -> Ids:
        """The ids of a column without missing values."""
        codes, labels = ordered_codes(column)
        if not isinstance(column.dtype, pd.CategoricalDtype):
            return cls(labels, labels, np.arange(len(labels)))
        position = np.full(len(column.cat.categories), -1, dtype=np.int64)
        position[column.cat.codes.to_numpy()] = codes
        return cls(labels, column.cat.categories, position)

    def find(self, column: pd.Series) -> IntArray:
        """Position of every id of a column; -1 where it is not among them.

        Examples
        --------
        >>> Ids.from_column(pd.Series(["b", "a", "b"])).find(pd.Series(["b", "x"])).tolist()
        [1, -1]
        """
        if isinstance(column.dtype, pd.CategoricalDtype) and (
            column.cat.categories is self.categories
        ):
            return _take(self.position, column.cat.codes.to_numpy())
        return positions(column, self.labels)


def find(keys: IntArray, queries: IntArray) -> IntArray:
    """Position of every wanted key in sorted distinct keys; -1 where there is none.

    Examples
    --------
    >>> find(np.array([2, 5, 9]), np.array([5, 6])).tolist()
    [1, -1]
    """
    if len(keys) == 0:
        return np.full(len(queries), -1, dtype=np.int64)
    position = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return np.where(keys[position] == queries, position, -1)


def distinct(keys: IntArray) -> IntArray:
    """Sorted distinct keys, by sorting: of long keys many times faster than NumPy's hash table.

    Examples
    --------
    >>> distinct(np.array([5, 2, 5])).tolist()
    [2, 5]
    """
    ordered = np.sort(keys)
    return ordered[is_first(ordered)]


def among(queries: IntArray, keys: IntArray) -> BoolArray:
    """Whether every wanted key is among the keys, which may repeat and come in any order.

    Examples
    --------
    >>> among(np.array([5, 6]), np.array([9, 5, 5])).tolist()
    [True, False]
    """
    present: BoolArray = find(distinct(keys), queries) >= 0
    return present


def is_first(group: IntArray) -> BoolArray:
    """Whether a row of a sorted column is the first of its value.

    Examples
    --------
    >>> is_first(np.array([3, 3, 7])).tolist()
    [True, False, True]
    """
    first = np.ones(len(group), dtype=np.bool_)
    first[1:] = group[1:] != group[:-1]
    return first


def running_max(group: IntArray, value: IntArray) -> IntArray:
    """Largest value so far within each group; groups ascend, values are from 0 to ``NEVER``.

    Examples
    --------
    >>> running_max(np.array([0, 0, 1]), np.array([5, 3, 1])).tolist()
    [5, 5, 1]
    """
    return np.maximum.accumulate(pack(group, value)) - group * SPAN


def is_last(group: IntArray) -> BoolArray:
    """Whether a row of a sorted column is the last of its value.

    Examples
    --------
    >>> is_last(np.array([3, 3, 7])).tolist()
    [False, True, True]
    """
    last = np.ones(len(group), dtype=np.bool_)
    last[:-1] = group[1:] != group[:-1]
    return last


def earliest(group: IntArray, value: IntArray, n_groups: int) -> IntArray:
    """Smallest value of each group; ``NEVER`` for a group without one.

    Examples
    --------
    >>> earliest(np.array([1, 1]), np.array([7, 5]), 2).tolist() == [NEVER, 5]
    True
    """
    first = np.full(n_groups, NEVER, dtype=np.int64)
    np.minimum.at(first, group, value)
    return first


@dataclass(frozen=True, eq=False)
class Intervals:
    """Closed intervals of groups, sorted by group and start."""

    group: IntArray
    start: IntArray
    end: IntArray

    @classmethod
    def from_arrays(cls, group: IntArray, start: IntArray, end: IntArray) -> Intervals:
        """Intervals in any order."""
        order = np.lexsort((start, group))
        return cls(group[order], start[order], end[order])

    def cover(self, group: IntArray, value: IntArray) -> BoolArray:
        """Whether a value lies in at least one interval of its group.

        Examples
        --------
        >>> intervals = Intervals.from_arrays(np.array([0, 0]), np.array([5, 1]), np.array([6, 3]))
        >>> intervals.cover(np.array([0, 0, 1]), np.array([2, 4, 2])).tolist()
        [True, False, False]
        """
        if not len(self.group):
            return np.zeros(len(group), dtype=np.bool_)
        until = running_max(self.group, self.end)
        position = (
            np.searchsorted(pack(self.group, self.start), pack(group, value), side="right") - 1
        )
        inside: BoolArray = (
            (position >= 0) & (self.group[position] == group) & (until[position] >= value)
        )
        return inside
