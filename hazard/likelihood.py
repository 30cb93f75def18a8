"""The log-likelihood of a design, with its gradient and its curvature, in one pass over the rows.

The kernels work on one table that stacks the levels of all blocks (``table``: level by exit) and on
``index``, which points into it. They know rows and tables, never coefficients: multiplying with the
bases is the caller's part, so that the same kernels serve maximum likelihood, the Laplace
approximation and the sampler.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hazard.compiled import compiled
from hazard.design import Design, collapsed, merged
from hazard.links import LINK_CODES, SOFTMAX, exit_probabilities
from hazard.terms.block import Block, FloatArray

_SERIES = 1e-4
_MOST_REGISTERS = 3
_LARGEST_EXPONENT = 600.0
_LARGEST_FACTOR = 1e150
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
        link=LINK_CODES[design.link],
        n_exits=len(design.exits),
        blocks=design.blocks,
        index=np.ascontiguousarray(design.index + offset.astype(np.int32)),
        outcome=design.outcome,
        weight=design.weight,
    )


def fast_rows(design: Design) -> Rows:
    """Rows with as few look-ups as possible: equal rows collapsed, small blocks joined."""
    few = collapsed(design)
    return rows(merged(few, limit=_MOST_JOINED_LEVELS))


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
def _log_leave_ratio(total: float) -> tuple[float, float, float]:
    """log((1 - exp(-m)) / m) with its first two derivatives in m."""
    if total < _SERIES:
        return (
            -total / 2 + total * total / 24,
            -0.5 + total / 12,
            1 / 12 - total * total / 240,
        )
    decay = math.exp(-total)
    leave = -math.expm1(-total)
    return (
        math.log(leave / total),
        decay / leave - 1 / total,
        1 / (total * total) - decay / (leave * leave),
    )


@compiled
def row_score(
    link: int, eta: FloatArray, outcome: int, probability: FloatArray, score: FloatArray
) -> float:
    """Log-likelihood of one row; its derivative in ``eta`` is written to ``score``."""
    n_exits = eta.shape[0]
    if link == SOFTMAX:
        stay = exit_probabilities(link, eta, probability)
        for j in range(n_exits):
            score[j] = -probability[j]
        value: float = math.log(stay)
        if outcome > 0:
            score[outcome - 1] += 1.0
            value += eta[outcome - 1]
        return value
    total = 0.0
    for j in range(n_exits):
        probability[j] = math.exp(eta[j])
        total += probability[j]
    if outcome == 0:
        for j in range(n_exits):
            score[j] = -probability[j]
        return -total
    value, slope, _ = _log_leave_ratio(total)
    for j in range(n_exits):
        score[j] = slope * probability[j]
    score[outcome - 1] += 1.0
    value += eta[outcome - 1]
    return value


Kernel = Callable[
    [FloatArray, npt.NDArray[np.int32], npt.NDArray[np.int8], FloatArray],
    tuple[float, FloatArray],
]


@cache
def kernel(link: int, n_exits: int) -> Kernel:
    """Compiled ``(table, index, outcome, weight) -> (log-likelihood, gradient in the table)``.

    Softmax with up to three exits keeps a row in registers (four times faster); other models go
    through the general loop. Both are tested against :func:`hazard.links.hazard`.
    """
    if link == SOFTMAX and n_exits <= _MOST_REGISTERS:
        return _softmax_kernel(n_exits)
    return _general_kernel(link)


def _softmax_kernel(n_exits: int) -> Kernel:
    careful = _general_kernel(SOFTMAX)

    # one function, because a row that is passed on leaves the registers
    @compiled
    def softmax(  # noqa: PLR0912 - see above
        levels: FloatArray,
        index: npt.NDArray[np.int32],
        outcome: npt.NDArray[np.int8],
        weight: FloatArray,
    ) -> tuple[float, FloatArray]:
        n_rows, n_blocks = index.shape
        if not np.abs(levels).max() * n_blocks < _LARGEST_EXPONENT:
            return careful(levels, index, outcome, weight)
        odds = np.exp(levels)  # products of numbers that are there, and no exponential per row
        gradient = np.zeros_like(levels)
        value, product = 0.0, 1.0
        for i in range(n_rows):
            first = 1.0
            second = 1.0 if n_exits > 1 else 0.0
            third = 1.0 if n_exits > 2 else 0.0
            for b in range(n_blocks):
                level = index[i, b]
                first *= odds[level, 0]
                if n_exits > 1:
                    second *= odds[level, 1]
                if n_exits > 2:
                    third *= odds[level, 2]
            code, w = outcome[i], weight[i]
            total = 1.0 + first + second + third
            if w == 1.0 and total < _LARGEST_FACTOR:  # one logarithm for many rows
                product *= total
                if product > _LARGEST_FACTOR:
                    value -= math.log(product)
                    product = 1.0
            else:
                value -= w * math.log(total)
            share = -w / total
            first *= share
            second *= share
            third *= share
            for b in range(n_blocks):
                level = index[i, b]
                gradient[level, 0] += first
                if n_exits > 1:
                    gradient[level, 1] += second
                if n_exits > 2:
                    gradient[level, 2] += third
            if code > 0:
                for b in range(n_blocks):
                    value += w * levels[index[i, b], code - 1]
                    gradient[index[i, b], code - 1] += w
        return value - math.log(product), gradient

    return softmax


def _general_kernel(link: int) -> Kernel:
    @compiled
    def general(
        levels: FloatArray,
        index: npt.NDArray[np.int32],
        outcome: npt.NDArray[np.int8],
        weight: FloatArray,
    ) -> tuple[float, FloatArray]:
        n_rows, n_blocks = index.shape
        n_exits = levels.shape[1]
        gradient = np.zeros_like(levels)
        eta, probability, score = np.empty(n_exits), np.empty(n_exits), np.empty(n_exits)
        value = 0.0
        for i in range(n_rows):
            eta[:] = 0.0
            for b in range(n_blocks):
                for j in range(n_exits):
                    eta[j] += levels[index[i, b], j]
            value += weight[i] * row_score(link, eta, outcome[i], probability, score)
            for b in range(n_blocks):
                for j in range(n_exits):
                    gradient[index[i, b], j] += weight[i] * score[j]
        return value, gradient

    return general


@compiled
def row_curvature(
    link: int, eta: FloatArray, outcome: int, probability: FloatArray, out: FloatArray
) -> None:
    """Minus the second derivative of one row's log-likelihood, upper triangle row by row."""
    n_exits = eta.shape[0]
    slope = -1.0
    bend = 0.0
    if link == SOFTMAX:
        exit_probabilities(link, eta, probability)
        bend = 1.0
    else:
        total = 0.0
        for j in range(n_exits):
            probability[j] = math.exp(eta[j])
            total += probability[j]
        if outcome > 0:
            _, slope, bend = _log_leave_ratio(total)
    k = 0
    for a in range(n_exits):
        for b in range(a, n_exits):
            out[k] = -bend * probability[a] * probability[b]
            if a == b:
                out[k] -= slope * probability[a]
            k += 1


@compiled
def _curvatures(
    link: int,
    levels: FloatArray,
    index: npt.NDArray[np.int32],
    outcome: npt.NDArray[np.int8],
    weight: FloatArray,
) -> FloatArray:
    n_rows, n_blocks = index.shape
    n_exits = levels.shape[1]
    out = np.empty((n_rows, n_exits * (n_exits + 1) // 2))
    eta = np.empty(n_exits)
    probability = np.empty(n_exits)
    for i in range(n_rows):
        eta[:] = 0.0
        for b in range(n_blocks):
            for j in range(n_exits):
                eta[j] += levels[index[i, b], j]
        row_curvature(link, eta, outcome[i], probability, out[i])
        for k in range(out.shape[1]):
            out[i, k] *= weight[i]
    return out


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
        here = slice(starts[a], starts[a + 1])
        for b in range(a, len(data.blocks)):
            there = slice(starts[b], starts[b + 1])
            part = _pair(left, levels[a], data.blocks[b], levels[b], values)
            out[:, here, there] = part
            if a != b:
                out[:, there, here] = part.transpose(0, 2, 1)
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
    values = _curvatures(data.link, levels, data.index, data.outcome, data.weight)
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
