"""Loops over rows: the log-likelihood of a table of levels, its gradient and its curvature.

The kernels work on one table that stacks the levels of all blocks (``table``: level by exit) and on
``index``, which points into it. They know rows and tables, never coefficients: multiplying with the
bases is the caller's part (:mod:`hazard.model.likelihood`), so that the same kernels serve maximum
likelihood, the Laplace approximation and the sampler.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from hazard.arrays import FloatArray
from hazard.compiled import compiled
from hazard.model.links import SOFTMAX, exit_probabilities

_SERIES = 1e-4
_MOST_REGISTERS = 3
_LARGEST_EXPONENT = 600.0
_LARGEST_FACTOR = 1e150


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
    through the general loop. Both are tested against :func:`hazard.model.links.hazard`.
    """
    if link == SOFTMAX and n_exits <= _MOST_REGISTERS:
        return _softmax_kernel(n_exits)
    return _general_kernel(link)


def _softmax_kernel(n_exits: int) -> Kernel:
    careful = _general_kernel(SOFTMAX)

    # one function, because a row that is passed on leaves the registers
    @compiled
    def softmax(
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
def row_scores(link: int, eta: FloatArray, outcome: npt.NDArray[np.int8]) -> FloatArray:
    """What :func:`row_score` says of each row, (row, exit)."""
    score = np.empty_like(eta)
    probability = np.empty(eta.shape[1])
    for i in range(eta.shape[0]):
        row_score(link, eta[i], outcome[i], probability, score[i])
    return score


@compiled
def row_curvature(
    link: int, eta: FloatArray, outcome: int, probability: FloatArray, out: FloatArray
) -> None:
    """Minus the second derivative of one row's log-likelihood, upper triangle row by row."""
    n_exits = eta.shape[0]
    slope = -1.0
    second_derivative = 0.0
    if link == SOFTMAX:
        exit_probabilities(link, eta, probability)
        second_derivative = 1.0
    else:
        total = 0.0
        for j in range(n_exits):
            probability[j] = math.exp(eta[j])
            total += probability[j]
        if outcome > 0:
            _, slope, second_derivative = _log_leave_ratio(total)
    k = 0
    for a in range(n_exits):
        for b in range(a, n_exits):
            out[k] = -second_derivative * probability[a] * probability[b]
            if a == b:
                out[k] -= slope * probability[a]
            k += 1


@compiled
def curvatures(
    link: int,
    levels: FloatArray,
    index: npt.NDArray[np.int32],
    outcome: npt.NDArray[np.int8],
    weight: FloatArray,
) -> FloatArray:
    """What :func:`row_curvature` says of each row, times its weight, (row, pair of exits)."""
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
