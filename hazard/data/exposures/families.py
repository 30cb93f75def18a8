"""Families by group and month: how many of them a row sees beside its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.registers import Window
from hazard.data.registers.keys import NEVER, earliest, find, is_first, pack, positions
from hazard.errors import HistoryError

Codes = npt.NDArray[np.int32]
Layer = tuple[str, ...]  # columns whose levels, taken together, are the groups


@dataclass(frozen=True, eq=False)
class CentreByMonth:
    """Sorted keys of person and month, and the centre of each."""

    keys: IntArray
    centre: Codes


@dataclass(frozen=True, eq=False)
class CodedRows:
    """Rows of a panel, as numbers.

    Attributes
    ----------
    person, month : ndarray of int64, shape (row,)
        Position among ``people``; months since the start of the window.
    people : ndarray
        Persons of the panel, sorted.
    window : Window
    labels : mapping of str to Index
        Levels of every column that makes groups.
    codes : mapping of str to ndarray of int32, shape (row,)
        Position of the row's level, -1 if it is unknown.
    residence : Lived or None
        If given, the centre is that of the month that is looked up.
    """

    person: IntArray
    month: IntArray
    people: IntArray
    window: Window
    labels: Mapping[str, pd.Index]
    codes: Mapping[str, Codes]
    residence: CentreByMonth | None

    @property
    def n_months(self) -> int:
        """Number of months of the window."""
        return self.window.last - self.window.first + 1

    def part(self, selected: slice) -> CodedRows:
        """Some of the rows."""
        codes = {name: code[selected] for name, code in self.codes.items()}
        return replace(self, person=self.person[selected], month=self.month[selected], codes=codes)

    def group(self, layer: Layer, month: IntArray) -> IntArray:
        """Group of every row in its month of ``month``, -1 if it is unknown."""
        codes = [self.codes[name] if name in self.codes else self._then(month) for name in layer]
        return combined(codes, [len(self.labels[name]) for name in layer])

    def _then(self, month: IntArray) -> Codes:
        if self.residence is None:
            raise TypeError("rows without a centre must have the centres of the time")
        position = find(self.residence.keys, pack(self.person, month))
        return np.append(self.residence.centre, np.int32(-1))[position]


@dataclass(frozen=True, eq=False)
class FamilyCounts:
    """Number of families by group and month; for the persons of the panel also who they are.

    Attributes
    ----------
    place : ndarray of int32, shape (group + 1,)
        Row of ``counts`` of every group: 0, a row of zeros, for a group without families and, at
        the end, for the unknown group -1.
    counts : ndarray of int32, shape (place, month)
    keys, group : ndarray of int64
        Sorted keys of person and month, and the group of each.
    first, last : ndarray of int64, shape (people,)
        Bounds of a person's months, so that few rows are looked up.
    """

    place: Codes
    counts: Codes
    keys: IntArray
    group: IntArray
    first: IntArray
    last: IntArray

    def others(self, person: IntArray, month: IntArray, group: IntArray) -> IntArray:
        """Number of families in the group and month, without the person's own."""
        number = self.counts[self.place[group], month].astype(np.int64)
        possible = np.flatnonzero((month >= self.first[person]) & (month <= self.last[person]))
        position = find(self.keys, pack(person[possible], month[possible]))
        is_own = (position >= 0) & (np.append(self.group, -1)[position] == group[possible])
        number[possible[is_own]] -= 1
        return number


def people(panel: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Position of the person of each row among the sorted distinct persons, and these."""
    person = panel["person"].to_numpy()
    first = is_first(person)
    return np.cumsum(first) - 1, person[first]


def combined(codes: Sequence[Codes], sizes: Sequence[int]) -> IntArray:
    """One code of several; -1 where one of them is.

    Examples
    --------
    >>> two = [np.array([0, 1, 1], dtype=np.int32), np.array([2, 0, -1], dtype=np.int32)]
    >>> combined(two, [2, 3]).tolist()
    [2, 3, -1]
    """

    def join(left: IntArray, right: tuple[Codes, int]) -> IntArray:
        return np.where((left < 0) | (right[0] < 0), -1, left * right[1] + right[0])

    more = zip(codes[1:], sizes[1:], strict=True)
    return reduce(join, more, codes[0].astype(np.int64))


def rows(
    panel: pd.DataFrame, columns: Sequence[str], window: Window, residence: pd.DataFrame | None
) -> CodedRows:
    """Rows of a panel with their levels; with ``residence``, the centre is that of the time.

    Raises
    ------
    HistoryError
        If a row lies outside the window.
    """
    person, persons = people(panel)
    month = panel["calendar"].to_numpy(dtype=np.int64) - window.first
    outside = (month < 0) | (month > window.last - window.first)
    if outside.any():
        raise HistoryError(
            "panel column 'calendar' must lie within the window of the events; got other months "
            f"in {outside.sum():,} of {len(month):,} rows (first: row {outside.argmax() + 1:,})."
        )
    from_residence = {"centre"} if residence is not None else set()
    source = {
        name: residence if residence is not None and name in from_residence else panel
        for name in columns
    }
    labels = {name: frame[name].cat.categories for name, frame in source.items()}
    codes = {
        name: _codes(panel[name], labels[name]) for name in columns if name not in from_residence
    }
    centres = (
        None
        if residence is None or "centre" not in columns
        else _centre_by_month(residence, persons, window)
    )
    return CodedRows(person, month, persons, window, labels, codes, centres)


def _codes(column: pd.Series, labels: pd.Index) -> Codes:
    return positions(column, labels).astype(np.int32)


def _centre_by_month(residence: pd.DataFrame, persons: IntArray, window: Window) -> CentreByMonth:
    person = find(persons, residence["person"].to_numpy())
    month = residence["calendar"].to_numpy(dtype=np.int64) - window.first
    known = (person >= 0) & (month >= 0)
    keys = pack(person, month)[known]
    order = np.argsort(keys, kind="stable")
    return CentreByMonth(
        keys[order], _codes(residence["centre"], residence["centre"].cat.categories)[known][order]
    )


def families(once: pd.DataFrame, layer: Layer, coded: CodedRows) -> FamilyCounts:
    """Families of a frame with one row per person and month, by the groups of the rows."""
    codes = [_codes(once[name], coded.labels[name]) for name in layer]
    group = combined(codes, [len(coded.labels[name]) for name in layer])
    month = once["calendar"].to_numpy(dtype=np.int64) - coded.window.first
    place, counts = _counts(
        group, month, coded, int(np.prod([len(coded.labels[n]) for n in layer]))
    )
    person = find(coded.people, once["person"].to_numpy())
    order = np.lexsort((month, person))
    order = order[(person >= 0)[order]]
    person, month = person[order], month[order]
    return FamilyCounts(
        place=place,
        counts=counts,
        keys=pack(person, month),
        group=group[order],
        first=earliest(person, month, len(coded.people)),
        last=NEVER - earliest(person, NEVER - month, len(coded.people)),
    )


def _counts(
    group: IntArray, month: IntArray, coded: CodedRows, n_groups: int
) -> tuple[Codes, Codes]:
    known = group >= 0
    used, rank = np.unique(group[known], return_inverse=True)
    place = np.zeros(n_groups + 1, dtype=np.int32)
    place[used] = np.arange(1, len(used) + 1)
    flat = (rank + 1) * coded.n_months + month[known]
    counts = np.bincount(flat, minlength=(len(used) + 1) * coded.n_months)
    return place, counts.reshape(-1, coded.n_months).astype(np.int32)
