"""Which rows of a design may depend on each other, by group and period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import IntArray
from hazard.errors import DesignError
from hazard.model.terms.block import column
from hazard.spec.dependence import DependenceSpec


@dataclass(frozen=True)
class DependentRows:
    """Which rows of a design may depend on each other.

    Attributes
    ----------
    by : tuple of str
        One or two columns of the panel.
    codes : tuple of ndarray of int64, shape (row,)
        Group of every row, from 0, for each column.
    period : ndarray of int64, shape (row,)
        Of the calendar.
    bandwidth : int
        Rows of a group depend if their periods are at most so many apart.
    """

    by: tuple[str, ...]
    codes: tuple[IntArray, ...]
    period: IntArray
    bandwidth: int


def signed(codes: Sequence[IntArray]) -> Iterator[tuple[int, IntArray]]:
    """Groups by one column or two whose sums are added, and those by both, which are taken away.

    Parameters
    ----------
    codes : sequence of ndarray of int64, shape (row,)
        Group of every row, from 0, for each column.

    Yields
    ------
    int
        1, or -1 of both columns together: V1 + V2 - V12.
    ndarray of int64, shape (row,)

    Examples
    --------
    >>> groups = signed((np.array([0, 0, 1]), np.array([0, 1, 1])))
    >>> [(sign, code.tolist()) for sign, code in groups]
    [(1, [0, 0, 1]), (1, [0, 1, 1]), (-1, [0, 1, 2])]
    """
    yield from ((1, code) for code in codes)
    if len(codes) == 2:
        first, second = codes
        both = pd.factorize(first * (int(second.max()) + 1) + second)[0]
        yield -1, both.astype(np.int64)


def dependent_rows(rows: pd.DataFrame, spec: DependenceSpec) -> DependentRows:
    """Groups and periods of the rows of a panel.

    Parameters
    ----------
    rows : DataFrame
    spec : DependenceSpec

    Returns
    -------
    DependentRows

    Raises
    ------
    DesignError
        If a column is missing, has missing values or a single group; ``calendar`` must be there
        too.

    Examples
    --------
    >>> rows = pd.DataFrame({"centre": ["B", "A", "B"], "calendar": [420, 420, 421]})
    >>> dependent = dependent_rows(rows, DependenceSpec(groups=("centre",), periods=6))
    >>> dependent.codes[0].tolist(), dependent.period.tolist(), dependent.bandwidth
    ([0, 1, 0], [420, 420, 421], 6)
    """
    period = column(rows, "calendar").to_numpy(dtype=np.int64)
    codes = {
        name: pd.factorize(column(rows, name).astype(str))[0].astype(np.int64)
        for name in spec.groups
    }
    for name, code in codes.items():
        if code.max() == 0:
            raise DesignError(
                f"panel column {name!r} must have two groups or more for [dependence]; got 1. Name "
                "other columns there."
            )
    return DependentRows(spec.groups, tuple(codes.values()), period, spec.periods)
