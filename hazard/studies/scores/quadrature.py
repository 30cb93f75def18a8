"""Log of the integral of a unit's likelihood over its own effect: compiled code.

With u = root v and v standard normal, the quadrature is adaptive: its nodes lie around the mode of
v, scaled by the curvature there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from hazard.arrays import FloatArray
from hazard.compiled import compiled, compiled_in_parallel
from hazard.model.kernels import row_curvature, row_score
from hazard.model.links import share_out
from hazard.model.units import UnitRows

_NEWTON_STEPS = 50
_GAIN = 1e-3  # of a twentieth of a standard deviation, which nodes do not feel
_LONGEST = 3.0
_LARGEST_EXPONENT = 700.0
_FLUSH = 1e-150  # the product of two numbers above it is a number
_MOST_NODES = 150


class QuadratureRule(NamedTuple):
    """Nodes (node, exit) of a quadrature against the standard normal, and their log weights."""

    nodes: FloatArray
    log_weight: FloatArray


def rule(n_exits: int, per_exit: int | None = None) -> QuadratureRule:
    """Gauss-Hermite product rule.

    Parameters
    ----------
    n_exits : int
    per_exit : int, optional
        Nodes per exit; by default as many, up to 25, as give 150 in all, and 3 at least.

    Returns
    -------
    QuadratureRule
        Exact for polynomials of degree 2 per_exit - 1 in every exit.

    Examples
    --------
    >>> quadrature = rule(1, 2)
    >>> quadrature.nodes.ravel().round(12).tolist()
    [-1.0, 1.0]
    >>> np.exp(quadrature.log_weight).round(12).tolist()
    [0.5, 0.5]
    """
    n = per_exit or max(3, min(25, int(_MOST_NODES ** (1 / n_exits) + 1e-9)))
    x, w = np.polynomial.hermite_e.hermegauss(n)
    nodes = np.stack(np.meshgrid(*[x] * n_exits, indexing="ij"), axis=-1).reshape(-1, n_exits)
    weights = np.stack(np.meshgrid(*[np.log(w / w.sum())] * n_exits, indexing="ij"), axis=-1)
    return QuadratureRule(np.ascontiguousarray(nodes), weights.reshape(-1, n_exits).sum(axis=1))


class Mode(NamedTuple):
    """Mode of v (exit,), and the lower factor of the curvature there (exit, exit)."""

    location: FloatArray
    factor: FloatArray


class Draws(NamedTuple):
    """Tables (draw, level, exit) without the group, its roots, modes (unit, exit) to start from."""

    levels: FloatArray
    roots: FloatArray
    start: FloatArray


@compiled
def _rows_of_unit(data: UnitRows, unit: int, levels: FloatArray) -> tuple[UnitRows, FloatArray]:
    """Rows of one unit, and their linear predictors."""
    first, last = data.start[unit], data.start[unit + 1]
    eta = np.zeros((last - first, levels.shape[1]))
    for i in range(first, last):
        for b in range(data.place.shape[1]):
            for j in range(levels.shape[1]):
                eta[i - first, j] += levels[data.place[i, b], j]
    rows = UnitRows(
        data.link,
        data.place[first:last],
        data.outcome[first:last],
        data.weight[first:last],
        data.start,
    )
    return rows, eta


@compiled
def modes(data: UnitRows, levels: FloatArray, root: FloatArray, mode_by_unit: FloatArray) -> None:
    """Mode of v for every unit, (unit, exit), from where ``mode_by_unit`` is."""
    for unit in range(len(mode_by_unit)):
        rows, eta = _rows_of_unit(data, unit, levels)
        mode_by_unit[unit] = _mode(rows, eta, root, mode_by_unit[unit]).location


@compiled_in_parallel
def marginals(
    data: UnitRows, draws: Draws, quadrature: QuadratureRule, log_likelihood: FloatArray
) -> None:
    """Marginal log-likelihood (draw, unit) of every unit."""
    for draw in numba.prange(len(log_likelihood)):
        for unit in range(log_likelihood.shape[1]):
            rows, eta = _rows_of_unit(data, unit, draws.levels[draw])
            mode = _mode(rows, eta, draws.roots[draw], draws.start[unit])
            log_likelihood[draw, unit] = _log_integral(
                rows, eta, draws.roots[draw], mode, quadrature
            )


@compiled
def _log_integral(
    rows: UnitRows,
    eta: FloatArray,
    root: FloatArray,
    mode: Mode,
    quadrature: QuadratureRule,
) -> float:
    """Log of the integral over u = root v, v standard normal, with nodes around a mode of v."""
    location, factor = mode.location, mode.factor
    growth = np.exp(np.minimum(eta, _LARGEST_EXPONENT))
    n_exits = len(location)
    height = np.empty(len(quadrature.log_weight))
    v, scale = np.empty(n_exits), np.empty(n_exits)
    for k in range(len(height)):
        log_height = quadrature.log_weight[k]
        for j in range(n_exits - 1, -1, -1):
            scale[j] = quadrature.nodes[k, j]
            for a in range(j + 1, n_exits):
                scale[j] -= factor[a, j] * scale[a]
            scale[j] /= factor[j, j]
            v[j] = location[j] + scale[j]
            log_height += 0.5 * (quadrature.nodes[k, j] ** 2 - v[j] ** 2)
        for j in range(n_exits):
            scale[j] = math.exp(_effect(root, v, j))
        height[k] = log_height + _density(rows, growth, scale)
    top = height.max()
    volume = 0.0
    for j in range(n_exits):
        volume -= math.log(factor[j, j])
    return volume + top + math.log(np.exp(height - top).sum())


@compiled
def _effect(root: FloatArray, v: FloatArray, j: int) -> float:
    """Entry j of root v."""
    total = 0.0
    for a in range(len(v)):
        total += root[j, a] * v[a]
    return total


@compiled
def _mode(rows: UnitRows, eta: FloatArray, root: FloatArray, start: FloatArray) -> Mode:
    """Mode of v, near enough for a quadrature, and the lower factor of the curvature there.

    Newton steps, halved where the density, which is log-concave, would fall.
    """
    n_exits = len(root)
    v, step = start.copy(), np.zeros(n_exits)
    proposal, factor = np.empty(n_exits), np.eye(n_exits)
    height, length = -np.inf, 0.0
    for _ in range(_NEWTON_STEPS):
        for j in range(n_exits):
            proposal[j] = v[j] + length * step[j]
        value, slope, curvature = _slopes(rows, eta, root, proposal)
        if value < height - 1e-12 * abs(height):
            length /= 2
            continue
        v[:] = proposal
        height = value
        _factorise(curvature, factor)
        gain, longest = _solve(factor, slope, step)
        if gain < _GAIN:
            break
        length = min(1.0, _LONGEST / longest)
    return Mode(v, factor)


@compiled
def _solve(factor: FloatArray, gradient: FloatArray, step: FloatArray) -> tuple[float, float]:
    """Write the Newton step; half its square in the metric of the curvature, its longest part."""
    gain, longest = 0.0, 0.0
    for j in range(len(step)):
        for a in range(j):
            gradient[j] -= factor[j, a] * gradient[a]
        gradient[j] /= factor[j, j]
        gain += 0.5 * gradient[j] ** 2
    for j in range(len(step) - 1, -1, -1):
        step[j] = gradient[j]
        for a in range(j + 1, len(step)):
            step[j] -= factor[a, j] * step[a]
        step[j] /= factor[j, j]
        longest = max(longest, abs(step[j]))
    return gain, longest


@compiled
def _in_coordinates(
    root: FloatArray, v: FloatArray, slope: FloatArray, curvature: FloatArray
) -> None:
    """Turn slope and curvature in u into those in v, the standard normal prior included."""
    n_exits = len(root)
    half_turned = np.zeros((n_exits, n_exits))
    gradient = np.empty(n_exits)
    for a in range(n_exits):
        gradient[a] = -v[a]
        for j in range(n_exits):
            gradient[a] += root[j, a] * slope[j]
            for b in range(n_exits):
                half_turned[j, a] += curvature[j, b] * root[b, a]
    for a in range(n_exits):
        slope[a] = gradient[a]
        for b in range(n_exits):
            curvature[a, b] = 1.0 if a == b else 0.0
            for j in range(n_exits):
                curvature[a, b] += root[j, a] * half_turned[j, b]


@compiled
def _factorise(matrix: FloatArray, factor: FloatArray) -> None:
    """Lower factor of a positive definite matrix."""
    for a in range(len(matrix)):
        for b in range(a + 1):
            remainder = matrix[a, b]
            for k in range(b):
                remainder -= factor[a, k] * factor[b, k]
            factor[a, b] = math.sqrt(remainder) if a == b else remainder / factor[b, b]


@compiled
def _slopes(
    rows: UnitRows, eta: FloatArray, root: FloatArray, v: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log density of v up to a constant, its gradient, and minus its second derivative."""
    n_exits = len(v)
    slope, curvature = np.zeros(n_exits), np.zeros((n_exits, n_exits))
    shifted, probability, score = np.empty(n_exits), np.empty(n_exits), np.empty(n_exits)
    u, upper = np.empty(n_exits), np.empty(n_exits * (n_exits + 1) // 2)
    value = 0.0
    for j in range(n_exits):
        u[j] = _effect(root, v, j)
        value -= 0.5 * v[j] ** 2
    for i in range(len(eta)):
        for j in range(n_exits):
            shifted[j] = eta[i, j] + u[j]
        weight, outcome = rows.weight[i], rows.outcome[i]
        value += weight * row_score(rows.link, shifted, outcome, probability, score)
        row_curvature(rows.link, shifted, outcome, probability, upper)
        k = 0
        for a in range(n_exits):
            slope[a] += weight * score[a]
            for b in range(a, n_exits):
                curvature[a, b] += weight * upper[k]
                k += 1
    for a in range(n_exits):
        for b in range(a):
            curvature[a, b] = curvature[b, a]
    _in_coordinates(root, v, slope, curvature)
    return value, slope, curvature


@compiled
def _density(rows: UnitRows, growth: FloatArray, scale: FloatArray) -> float:
    """Log-likelihood of rows whose odds ``growth`` are all multiplied by ``scale``.

    Probabilities are multiplied up and their logarithm is taken now and then: it would otherwise
    be most of the work.
    """
    n_exits = len(scale)
    leave = np.empty(n_exits)
    value, product = 0.0, 1.0
    for i in range(len(growth)):
        for j in range(n_exits):
            leave[j] = growth[i, j] * scale[j]
        probability = share_out(rows.link, leave, 1.0)
        if rows.outcome[i] > 0:
            probability = leave[rows.outcome[i] - 1]
        if probability < _FLUSH:
            value += rows.weight[i] * (math.log(probability) if probability > 0.0 else -np.inf)
        elif rows.weight[i] == 1.0:
            product *= probability
        else:
            value += rows.weight[i] * math.log(probability)
        if product < _FLUSH:
            value += math.log(product)
            product = 1.0
    return value + math.log(product)
