"""Which rows of a design may depend on each other, by group and period."""

from __future__ import annotations

from collections.abc import Iterator
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
    reach : int
        Rows of a group depend if their periods are at most so many apart.
    """

    by: tuple[str, ...]
    codes: tuple[IntArray, ...]
    period: IntArray
    reach: int

    def signed(self) -> Iterator[tuple[int, IntArray]]:
        """Groups whose sums of products are added or, of both columns together, taken away.

        Examples
        --------
        >>> first, second = np.array([0, 0, 1]), np.array([0, 1, 1])
        >>> rows = DependentRows(("a", "b"), (first, second), np.zeros(3, dtype=np.int64), 0)
        >>> [(sign, code.tolist()) for sign, code in rows.signed()]
        [(1, [0, 0, 1]), (1, [0, 1, 1]), (-1, [0, 1, 2])]
        """
        yield from ((1, code) for code in self.codes)
        if len(self.codes) == 2:
            first, second = self.codes
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
        If a column is missing, or has missing values; ``calendar`` is one of them. If no column has
        two groups; one that has a single group, as where a model is of one nationality, is left
        out.

    Examples
    --------
    >>> rows = pd.DataFrame({"centre": ["B", "A", "B"], "calendar": [420, 420, 421]})
    >>> dependent = dependent_rows(rows, DependenceSpec(groups=("centre",), periods=6))
    >>> dependent.codes[0].tolist(), dependent.period.tolist(), dependent.reach
    ([0, 1, 0], [420, 420, 421], 6)
    """
    period = column(rows, "calendar").to_numpy(dtype=np.int64)
    codes = {
        name: pd.factorize(column(rows, name).astype(str))[0].astype(np.int64)
        for name in spec.groups
    }
    several = {name: code for name, code in codes.items() if code.max() > 0}
    if not several:
        raise DesignError(
            f"a column of dependence, {' or '.join(map(repr, codes))}, must have two groups or "
            "more; got 1. Name another column, or leave [dependence] out."
        )
    return DependentRows(tuple(several), tuple(several.values()), period, spec.periods)
