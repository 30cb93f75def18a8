"""Exits of every row drawn anew from the model, counted by level and month at risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled_in_parallel
from hazard.model.design import Design
from hazard.model.equivalent import merged
from hazard.model.likelihood import rows, table
from hazard.model.links import exit_probabilities
from hazard.predictive.levels import Grouping

_BATCH = 16  # draws that are worked on at once; their uniform numbers are kept in memory


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the exits of every row are counted, once for each grouping.

    Attributes
    ----------
    index : ndarray of int32, shape (row, grouping)
        Position among the cells of all groupings.
    shapes : tuple of (int, int)
        Levels and months of each grouping. The months are 1 to the last one that is followed, then
        all later ones together; there is one for all where the grouping does not follow persons.
    """

    index: npt.NDArray[np.int32]
    shapes: tuple[tuple[int, int], ...]

    @classmethod
    def for_rows(cls, groupings: Sequence[Grouping], month: IntArray, last: int) -> Cells:
        """Cells of rows with a month at risk each, from 1; ``last`` is the last one followed."""
        column = np.minimum(month, last + 1) - 1
        shapes = [
            (len(grouping.levels), last + 1 if grouping.follows else 1) for grouping in groupings
        ]
        start = np.cumsum([0] + [levels * months for levels, months in shapes])
        index = [
            first + grouping.code * months + (column if grouping.follows else 0)
            for grouping, (_, months), first in zip(groupings, shapes, start[:-1], strict=True)
        ]
        return cls(np.column_stack(index).astype(np.int32), tuple(shapes))

    @property
    def n(self) -> int:
        """Number of cells."""
        return sum(levels * months for levels, months in self.shapes)

    def split(self, values: IntArray) -> list[IntArray]:
        """Numbers of all cells, the second last axis, as (..., level, month, exit) by grouping."""
        boundaries = np.cumsum([levels * months for levels, months in self.shapes])[:-1]
        return [
            part.reshape(*part.shape[:-2], *shape, part.shape[-1])
            for part, shape in zip(np.split(values, boundaries, axis=-2), self.shapes, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Counts:
    """Persons at risk and leaving in the levels of a grouping, by month at risk.

    Attributes
    ----------
    n_at_risk : ndarray of int64, shape (level, month)
        Months as in :class:`Cells`.
    observed : ndarray of int64, shape (level, month, exit)
    replicated : ndarray of int64, shape (draw, level, month, exit)
    """

    n_at_risk: IntArray
    observed: IntArray
    replicated: IntArray


def counts(
    design: Design, beta: FloatArray, *, cells: Cells, rng: np.random.Generator
) -> tuple[Counts, ...]:
    """Observed exits, and exits that are drawn anew, one set for every draw of the coefficients.

    Every row at risk leaves through an exit with the probability that the model gives it, whatever
    the other rows do: the risk sets and the exposures are those that were observed.

    Parameters
    ----------
    design : Design
        Not collapsed: every row is a month of one person.
    beta : ndarray, shape (draw, coefficient, exit)
    cells : Cells
        Of the rows of the design.
    rng : Generator
        One uniform number per draw and row, in this order: neither the number of threads nor the
        groupings change what a row draws.

    Returns
    -------
    tuple of Counts
        One for each grouping. In every draw the exits of all its levels have the same sum.
    """
    n_exits = len(design.exits)
    replicated = np.zeros((len(beta), cells.n, n_exits), dtype=np.int64)
    for batch, exits in replicates(design, beta, rng):
        _count(exits, cells.index, replicated[batch])
    observed = np.zeros((1, cells.n, n_exits), dtype=np.int64)
    _count(design.outcome[None], cells.index, observed)
    at_risk = np.bincount(cells.index.ravel(), minlength=cells.n)[:, None]
    parts = (cells.split(array) for array in (at_risk, observed[0], replicated))
    return tuple(
        Counts(n_at_risk[..., 0], observed_exits, replicated_exits)
        for n_at_risk, observed_exits, replicated_exits in zip(*parts, strict=True)
    )


def replicates(
    design: Design, beta: FloatArray, rng: np.random.Generator
) -> Iterator[tuple[slice, npt.NDArray[np.int8]]]:
    """Exit of every row drawn anew, a few draws of the coefficients at a time.

    Yields
    ------
    slice
        Which draws.
    ndarray of int8, shape (draw, row)
        0 for who stays, else the number of the exit, from 1.
    """
    data = rows(merged(design, limit=max(1024, len(design.outcome) // 8)))
    for first in range(0, len(beta), _BATCH):
        batch = slice(first, first + _BATCH)
        levels = np.stack([table(data.blocks, draw) for draw in beta[batch]])
        uniform = rng.random((len(levels), len(data.index)))
        exits = np.empty(uniform.shape, dtype=np.int8)
        _draw(data.link, levels, data.index, uniform, exits)
        yield batch, exits


@compiled_in_parallel
def _draw(
    link: int,
    levels: FloatArray,
    index: npt.NDArray[np.int32],
    uniform: FloatArray,
    out: npt.NDArray[np.int8],
) -> None:
    """Outcome of every draw and row: 0 stays, j leaves through exit j."""
    n_draws, _, n_exits = levels.shape
    for s in numba.prange(n_draws):
        eta, leave = np.empty(n_exits), np.empty(n_exits)
        for i in range(index.shape[0]):
            eta[:] = 0.0
            for b in range(index.shape[1]):
                for j in range(n_exits):
                    eta[j] += levels[s, index[i, b], j]
            exit_probabilities(link, eta, leave)
            remaining = uniform[s, i]
            out[s, i] = 0
            for j in range(n_exits):
                remaining -= leave[j]
                if remaining < 0.0:
                    out[s, i] = j + 1
                    break


@compiled_in_parallel
def _count(outcome: npt.NDArray[np.int8], cells: npt.NDArray[np.int32], out: IntArray) -> None:
    """Add the exits of every draw to its own counts, shape (draw, cell, exit)."""
    for s in numba.prange(outcome.shape[0]):
        for i in range(outcome.shape[1]):
            if outcome[s, i] > 0:
                for g in range(cells.shape[1]):
                    out[s, cells[i, g], outcome[s, i] - 1] += 1
