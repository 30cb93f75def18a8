"""The log-likelihood of a design, with its gradient and its curvature.

The loops over rows are in :mod:`hazard.model.kernels`. Here coefficients become tables of levels,
and what the loops say of levels becomes derivatives in the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hazard.arrays import FloatArray
from hazard.compiled import compiled
from hazard.model.design import Design
from hazard.model.equivalent import collapsed, merged
from hazard.model.kernels import curvatures, kernel, row_scores
from hazard.model.terms.block import Block
from hazard.spec.links import LINKS

_MOST_JOINED_LEVELS = 1024  # their table stays in the fastest memory, and its product is small


@dataclass(frozen=True)
class Rows:
    """Rows as positions in the stacked table of all blocks.

    Attributes
    ----------
    link : int
    blocks : tuple of Block
    index : ndarray of int32, shape (row, block)
        Position in the stacked table, which has ``n_levels`` rows.
    outcome : ndarray of int8, shape (row,)
    weight : ndarray of float64, shape (row,)
    """

    link: int
    n_exits: int
    blocks: tuple[Block, ...]
    index: npt.NDArray[np.int32]
    outcome: npt.NDArray[np.int8]
    weight: FloatArray

    @property
    def n_levels(self) -> int:
        """Number of rows of the stacked table."""
        return sum(block.n_levels for block in self.blocks)


def rows(design: Design) -> Rows:
    """Rows of a design, one position per block."""
    offset = np.concatenate([[0], np.cumsum([b.n_levels for b in design.blocks])[:-1]])
    return Rows(
        link=LINKS[design.link].code,
        n_exits=len(design.exits),
        blocks=design.blocks,
        index=np.ascontiguousarray(design.index + offset.astype(np.int32)),
        outcome=design.outcome,
        weight=design.weight,
    )


def fast_rows(design: Design) -> Rows:
    """Rows with as few look-ups as possible: equal rows collapsed, small blocks joined."""
    distinct = collapsed(design)
    return rows(merged(distinct, limit=_MOST_JOINED_LEVELS))


def table(blocks: tuple[Block, ...], beta: FloatArray) -> FloatArray:
    """Stacked table of all blocks.

    Parameters
    ----------
    blocks : tuple of Block
    beta : ndarray, shape (coefficient, exit)

    Returns
    -------
    ndarray, shape (level, exit)
    """
    parts, start = [], 0
    for block in blocks:
        part = beta[start : start + block.n_coefficients]
        parts.append(part if block.basis is None else block.basis @ part)
        start += block.n_coefficients
    return np.ascontiguousarray(np.concatenate(parts))


def gathered(blocks: tuple[Block, ...], values: FloatArray) -> FloatArray:
    """Transpose of :func:`table`: from levels back to coefficients."""
    parts, start = [], 0
    for block in blocks:
        part = values[start : start + block.n_levels]
        parts.append(part if block.basis is None else block.basis.T @ part)
        start += block.n_levels
    return np.concatenate(parts)


@compiled
def _cross_table(
    left: npt.NDArray[Any], right: npt.NDArray[Any], values: FloatArray, out: FloatArray
) -> None:
    for i in range(left.shape[0]):
        for k in range(values.shape[1]):
            out[left[i], right[i], k] += values[i, k]


_LARGEST_CROSS_TABLE = 2**21
_LARGEST_DENSE_BASIS = 2**18


def cross_product(data: Rows, values: FloatArray) -> FloatArray:
    """Weighted cross-products of the design matrix, without the design matrix.

    Parameters
    ----------
    data : Rows
    values : ndarray, shape (row, m)
        m sets of row weights w.

    Returns
    -------
    ndarray, shape (m, coefficient, coefficient)
        X' diag(w_k) X for each set of weights.

    Notes
    -----
    For two blocks with bases A and B and the table T of summed weights over pairs of levels,
    X_A' diag(w) X_B = A' T B. The table is filled in one pass over the rows.
    """
    n = sum(block.n_coefficients for block in data.blocks)
    starts = np.concatenate([[0], np.cumsum([b.n_coefficients for b in data.blocks])])
    offsets = np.concatenate([[0], np.cumsum([b.n_levels for b in data.blocks])])
    levels = [np.ascontiguousarray(data.index[:, b] - offsets[b]) for b in range(len(data.blocks))]
    out = np.zeros((values.shape[1], n, n))
    for a, left in enumerate(data.blocks):
        left_span = slice(starts[a], starts[a + 1])
        for b in range(a, len(data.blocks)):
            right_span = slice(starts[b], starts[b + 1])
            part = _pair(left, levels[a], data.blocks[b], levels[b], values)
            out[:, left_span, right_span] = part
            if a != b:
                out[:, right_span, left_span] = part.transpose(0, 2, 1)
    return out


def _pair(
    left: Block,
    left_levels: npt.NDArray[Any],
    right: Block,
    right_levels: npt.NDArray[Any],
    values: FloatArray,
) -> FloatArray:
    if left.n_levels * right.n_levels <= _LARGEST_CROSS_TABLE:
        cross = np.zeros((left.n_levels, right.n_levels, values.shape[1]))
        _cross_table(left_levels, right_levels, values, cross)
        summed = cross.transpose(2, 0, 1)
        if _is_sparse(left):
            flat = _sparse(left).T @ cross.reshape(left.n_levels, -1)
            summed = flat.reshape(-1, right.n_levels, values.shape[1]).transpose(2, 0, 1)
        elif left.basis is not None:
            summed = left.basis.T @ summed
        if _is_sparse(right):
            return np.stack([part @ _sparse(right) for part in summed])
        return summed if right.basis is None else summed @ right.basis
    columns, other = _columns(left, left_levels), _columns(right, right_levels)
    products: list[Any] = [(columns.T * w) @ other for w in values.T]
    return np.stack([p if isinstance(p, np.ndarray) else p.toarray() for p in products])


def _columns(block: Block, levels: npt.NDArray[Any]) -> Any:
    """Columns of the design matrix, as an array or a sparse array."""
    if block.basis is None or _is_sparse(block):
        return _sparse(block)[levels]
    return block.basis[levels]


def _is_sparse(block: Block) -> bool:
    """Whether a basis is large and nearly empty, as of lag curves that vary over many levels."""
    if block.basis is None or block.basis.size <= _LARGEST_DENSE_BASIS:
        return False
    return bool(np.count_nonzero(block.basis) < block.basis.size / 10)


def _sparse(block: Block) -> sparse.csr_array:
    basis = sparse.eye_array(block.n_levels) if block.basis is None else block.basis
    return sparse.csr_array(basis)


@compiled
def _summed(levels: FloatArray, index: npt.NDArray[np.int32]) -> FloatArray:
    out = np.zeros((index.shape[0], levels.shape[1]))
    for i in range(index.shape[0]):
        for b in range(index.shape[1]):
            for j in range(levels.shape[1]):
                out[i, j] += levels[index[i, b], j]
    return out


def linear_predictor(data: Rows, beta: FloatArray) -> FloatArray:
    """Linear predictor of every row, shape (row, exit), from coefficients (coefficient, exit)."""
    return np.asarray(_summed(table(data.blocks, beta), data.index))


def scores(data: Rows, beta: FloatArray) -> FloatArray:
    """Derivative of the log-likelihood of every row in its linear predictors, (row, exit).

    Without the weights of the rows.
    """
    return np.asarray(row_scores(data.link, linear_predictor(data, beta), data.outcome))


def information(data: Rows, beta: FloatArray) -> FloatArray:
    """Minus the second derivative of the log-likelihood in the coefficients.

    Parameters
    ----------
    data : Rows
    beta : ndarray, shape (coefficient, exit)

    Returns
    -------
    ndarray, shape (coefficient, exit, coefficient, exit)
    """
    levels = table(data.blocks, beta)
    values = curvatures(data.link, levels, data.index, data.outcome, data.weight)
    parts = cross_product(data, values)
    n, n_exits = beta.shape
    out = np.empty((n, n_exits, n, n_exits))
    k = 0
    for a in range(n_exits):
        for b in range(a, n_exits):
            out[:, a, :, b] = parts[k]
            out[:, b, :, a] = parts[k]
            k += 1
    return out


def value_and_gradient(data: Rows, beta: FloatArray) -> tuple[float, FloatArray]:
    """Log-likelihood and its gradient in the coefficients, shape (coefficient, exit)."""
    levels = table(data.blocks, beta)
    run = kernel(data.link, data.n_exits)
    value, gradient = run(levels, data.index, data.outcome, data.weight)
    return float(value), gathered(data.blocks, gradient)
