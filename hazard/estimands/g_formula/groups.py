"""Groups of paths as cells of sums: everybody, then every level of every grouping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.errors import EstimandError

EVERYBODY = "everybody"
_RESERVED = (EVERYBODY, "chain", "draw", "sample", "arm", "exit", "month")
Groups = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class GroupCells:
    """Where the sums of every path go.

    Attributes
    ----------
    groupings : dict of str to (slice, list)
        By name, the cells of a grouping and their levels; cell 0 is everybody.
    cell : ndarray of int64, shape (path, grouping), or None
        None without groupings.
    n : int
        Number of cells.
    number : ndarray of int64, shape (cell,)
        Paths in every cell; empty until they are counted.
    """

    groupings: dict[str, tuple[slice, list[Any]]]
    cell: IntArray | None
    n: int
    number: IntArray

    @classmethod
    def from_groups(cls, groups: Groups) -> GroupCells:
        """Cells of groupings.

        Raises
        ------
        EstimandError
            If a grouping has a missing level, another number of paths than the others, or the name
            of a dimension.

        Examples
        --------
        >>> cells = GroupCells.from_groups({"sex": ["m", "f", "f"]})
        >>> cells.n, cells.part(1, 2).tolist(), cells.counted(3).number.tolist()
        (3, [[0, 1], [0, 1]], [3, 2, 1])
        """
        groupings: dict[str, tuple[slice, list[Any]]] = {}
        columns: list[IntArray] = []
        n = 1
        for name, values in groups.items():
            code, levels = _coded(name, values)
            groupings[name] = slice(n, n + len(levels)), levels
            columns.append(code + n)
            n += len(levels)
        lengths = {name: len(column) for name, column in zip(groupings, columns, strict=True)}
        if len(set(lengths.values())) > 1:
            raise EstimandError(f"groupings must be of the same paths; got {lengths} of them.")
        return cls(groupings, np.column_stack(columns) if columns else None, n, np.zeros(0, int))

    def part(self, begin: int, n_paths: int) -> IntArray:
        """Cells of some paths, shape (path, 1 + groupings)."""
        everybody = np.zeros((n_paths, 1), dtype=np.int64)
        if self.cell is None:
            return everybody
        cells = self.cell[begin : begin + n_paths]
        if len(cells) < n_paths:
            raise self._another_number(f"at least {begin + n_paths:,}")
        return np.hstack([everybody, cells])

    def counted(self, n_paths: int) -> GroupCells:
        """The cells with their numbers of paths, of which there are so many in all."""
        if self.cell is None:
            return replace(self, number=np.array([n_paths]))
        if len(self.cell) != n_paths:
            raise self._another_number(f"{n_paths:,}")
        return replace(self, number=np.bincount(self.part(0, n_paths).ravel(), minlength=self.n))

    def _another_number(self, n_paths: str) -> EstimandError:
        n = 0 if self.cell is None else len(self.cell)
        return EstimandError(
            f"groupings must have a level of every path; got {n:,} levels and {n_paths} paths."
        )


def _coded(name: str, values: npt.ArrayLike) -> tuple[IntArray, list[Any]]:
    if name in _RESERVED:
        raise EstimandError(f"grouping must not have the name of a dimension; got {name!r}.")
    code, levels = pd.factorize(pd.Series(np.asarray(values)), sort=True)
    missing = code < 0
    if missing.any():
        raise EstimandError(
            f"grouping {name!r} must have a level of every path; got none in {missing.sum():,} of "
            f"{len(code):,} paths (first: path {missing.argmax() + 1:,})."
        )
    return code.astype(np.int64), list(levels)
