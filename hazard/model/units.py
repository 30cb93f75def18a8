"""Rows put together by unit: the persons or centres that a score leaves out one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.model.design import Design
from hazard.model.likelihood import rows


@dataclass(frozen=True)
class Units:
    """Which rows belong to which unit.

    Attributes
    ----------
    labels : ndarray, shape (unit,)
    order : ndarray of int64, shape (row,)
        Positions of the rows, unit by unit, within a unit as they came.
    start : ndarray of int64, shape (unit + 1,)
        Where each unit starts in ``order``; the last entry is the number of rows.
    """

    labels: npt.NDArray[Any]
    order: IntArray
    start: IntArray

    def __len__(self) -> int:
        """Number of units."""
        return len(self.labels)

    @property
    def sizes(self) -> IntArray:
        """Number of rows of every unit."""
        return np.diff(self.start)

    def rows_of(self, unit: int) -> IntArray:
        """Positions of the rows of one unit."""
        return self.order[self.start[unit] : self.start[unit + 1]]

    def chosen(self, selected: npt.ArrayLike) -> Units:
        """Some of the units, by their numbers, in that order.

        Examples
        --------
        >>> units(["b", "a", "b"]).chosen([1]).order.tolist()
        [0, 2]
        """
        numbers = np.asarray(selected, dtype=np.int64)
        parts = [self.rows_of(unit) for unit in numbers]
        order = np.concatenate([*parts, np.zeros(0, dtype=np.int64)])
        start = np.concatenate([[0], np.cumsum(self.sizes[numbers])]).astype(np.int64)
        return Units(self.labels[numbers], order, start)


def units(column: npt.ArrayLike | pd.Series) -> Units:
    """Units of a column: rows with the same value belong together.

    Parameters
    ----------
    column : array_like, shape (row,)

    Returns
    -------
    Units
        In the order of their labels.

    Examples
    --------
    >>> grouped = units(["b", "a", "b"])
    >>> grouped.labels.tolist(), grouped.order.tolist(), grouped.start.tolist()
    (['a', 'b'], [1, 0, 2], [0, 1, 3])
    """
    codes, labels = pd.factorize(pd.Series(column), sort=True)
    size = np.bincount(codes, minlength=len(labels))
    return Units(
        np.asarray(labels),
        np.argsort(codes, kind="stable").astype(np.int64),
        np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
    )


class UnitRows(NamedTuple):
    """Rows of a design unit by unit, as compiled code takes them (see ``likelihood.Rows``)."""

    link: int
    place: npt.NDArray[np.int32]
    outcome: npt.NDArray[np.int8]
    weight: FloatArray
    start: IntArray


def unit_rows(design: Design, grouping: Units) -> UnitRows:
    """Rows of the units, in their order."""
    data = rows(design)
    return UnitRows(
        data.link,
        np.ascontiguousarray(data.index[grouping.order]),
        data.outcome[grouping.order],
        data.weight[grouping.order],
        grouping.start,
    )
