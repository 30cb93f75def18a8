"""Learned covariances over exits: standard deviations and partial correlations.

A group draws the effects of its levels from Normal(0, S) over exits, S = D R D with D the standard
deviations. R is written in partial correlations, each free in (-1, 1), so that every choice of them
gives a correlation matrix. The functions work on numbers and on symbols alike.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from hazard.arrays import FloatArray


def pairs(n_exits: int) -> list[tuple[int, int]]:
    """Positions (a, b), a < b, in the order in which partial correlations are kept.

    Examples
    --------
    >>> pairs(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return list(combinations(range(n_exits), 2))


def beta_parameter(concentration: float, n_exits: int) -> FloatArray:
    """Parameter a of the Beta(a, a) that each partial correlation follows, moved to (-1, 1).

    Parameters
    ----------
    concentration : float
        1: every correlation matrix is as likely as any other; above 1 prefers small correlations.
    n_exits : int

    Returns
    -------
    ndarray, shape (pair,)

    Notes
    -----
    R has density proportional to det(R)^(concentration - 1). The partial correlation of exits
    a < b, given those before a, is then Beta with parameter concentration + (n_exits - 2 - a) / 2.

    References
    ----------
    .. [1] Lewandowski, Kurowicka and Joe (2009), Generating random correlation matrices based on
       vines and extended onion method, Journal of Multivariate Analysis 100(9).

    Examples
    --------
    >>> beta_parameter(2.0, 3)
    array([2.5, 2.5, 2. ])
    """
    return np.array([concentration + (n_exits - 2 - a) / 2 for a, _ in pairs(n_exits)])


def cholesky(partial: Any, n_exits: int) -> list[list[Any]]:
    """Lower factor of a correlation matrix, row by row.

    Parameters
    ----------
    partial : sequence of n_exits (n_exits - 1) / 2 numbers or symbols
        Partial correlations in the order of :func:`pairs`.
    n_exits : int

    Returns
    -------
    list of list
        Row b holds b + 1 entries; the sum of their squares is 1.

    Examples
    --------
    >>> cholesky([0.6], 2)
    [[1.0], [0.6, 0.8]]
    """
    position = {pair: k for k, pair in enumerate(pairs(n_exits))}
    factor: list[list[Any]] = []
    for b in range(n_exits):
        row, unexplained = [], 1.0
        for a in range(b):
            coefficient = partial[position[a, b]]
            row.append(coefficient * unexplained**0.5)
            unexplained = unexplained * (1 - coefficient**2)
        factor.append([*row, unexplained**0.5])
    return factor


def factor_of(matrix: list[list[Any]]) -> list[list[Any]]:
    """Lower factor of small positive definite matrices, from the entries of the lower triangle.

    Parameters
    ----------
    matrix : list of list
        Row b holds entries (b, 0), ..., (b, b): numbers, arrays or symbols, one per matrix.

    Returns
    -------
    list of list

    Examples
    --------
    >>> factor_of([[4.0], [2.0, 10.0]])
    [[2.0], [1.0, 3.0]]
    """
    factor: list[list[Any]] = []
    for b, entries in enumerate(matrix):
        row: list[Any] = []
        for a in range(b + 1):
            remainder = entries[a]
            for k in range(a):
                remainder = remainder - row[k] * (factor[a][k] if a < b else row[k])
            row.append(remainder / factor[a][a] if a < b else remainder**0.5)
        factor.append(row)
    return factor


def inverse_of(factor: list[list[Any]]) -> list[list[Any]]:
    """Inverse of lower factors, as :func:`factor_of` gives them.

    Examples
    --------
    >>> inverse_of([[2.0], [1.0, 4.0]])
    [[0.5], [-0.125, 0.25]]
    """
    inverse: list[list[Any]] = []
    for b, entries in enumerate(factor):
        row = [-sum(entries[k] * inverse[k][a] for k in range(a, b)) / entries[b] for a in range(b)]
        inverse.append([*row, 1 / entries[b]])
    return inverse


def conditional(factor: list[list[Any]], weighted_mean: list[Any], v: list[Any]) -> list[Any]:
    """A draw of Normal(P^-1 f, P^-1) from standard normals v, with C the lower factor of P = C C'.

    Parameters
    ----------
    factor : list of list
    weighted_mean, v : list
        One entry per exit.

    Returns
    -------
    list
        u = C'^-1 (C^-1 f + v).

    Examples
    --------
    >>> conditional([[2.0]], [8.0], [1.0])
    [2.5]
    """
    n = len(factor)
    forward: list[Any] = []
    for b in range(n):
        remainder = weighted_mean[b] - sum(factor[b][a] * forward[a] for a in range(b))
        forward.append(remainder / factor[b][b])
    u: list[Any] = [None] * n
    for b in reversed(range(n)):
        remainder = forward[b] + v[b] - sum(factor[a][b] * u[a] for a in range(b + 1, n))
        u[b] = remainder / factor[b][b]
    return u


def covariance(theta: FloatArray, n_exits: int) -> FloatArray:
    """Covariance over exits from unconstrained parameters.

    Parameters
    ----------
    theta : ndarray, shape (n_exits,) or (n_exits + pair,)
        Logarithms of the standard deviations, then the inverse hyperbolic tangents of the partial
        correlations; without those the exits are independent.
    n_exits : int

    Returns
    -------
    ndarray, shape (n_exits, n_exits)

    Examples
    --------
    >>> covariance(np.array([0.0, np.log(2.0), np.arctanh(0.5)]), 2).round(12)
    array([[1., 1.],
           [1., 4.]])
    """
    sigma, partial = np.exp(theta[:n_exits]), np.tanh(theta[n_exits:])
    if not partial.size:
        return np.diag(sigma**2)
    factor = np.zeros((n_exits, n_exits), dtype=theta.dtype)
    for b, row in enumerate(cholesky(partial, n_exits)):
        factor[b, : b + 1] = row
    factor *= sigma[:, None]
    return np.asarray(factor @ factor.T)


def derivatives(theta: FloatArray, n_exits: int) -> FloatArray:
    """Derivative of :func:`covariance` in each parameter, shape (parameter, n_exits, n_exits).

    Notes
    -----
    By a complex step: Im S(theta + i h) / h has an error of the order of h squared.

    Examples
    --------
    >>> derivatives(np.zeros(1), 1)
    array([[[2.]]])
    """
    step = 1e-30
    perturbations = 1j * step * np.eye(len(theta))
    return np.array(
        [
            np.imag(covariance(theta + perturbation, n_exits)) / step
            for perturbation in perturbations
        ]
    )


def correlation(partial: FloatArray, n_exits: int) -> FloatArray:
    """Correlation matrices from partial correlations in their last dimension.

    Parameters
    ----------
    partial : ndarray, shape (..., pair)
    n_exits : int

    Returns
    -------
    ndarray, shape (..., n_exits, n_exits)

    Examples
    --------
    >>> correlation(np.array([0.6]), 2)
    array([[1. , 0.6],
           [0.6, 1. ]])
    """
    factor = np.zeros((*partial.shape[:-1], n_exits, n_exits))
    for b, row in enumerate(cholesky(np.moveaxis(partial, -1, 0), n_exits)):
        for a, entry in enumerate(row):
            factor[..., b, a] = entry
    return np.asarray(factor @ np.swapaxes(factor, -1, -2))


def partial(correlation: FloatArray) -> FloatArray:
    """Partial correlations of correlation matrices: the inverse of :func:`correlation`.

    Parameters
    ----------
    correlation : ndarray, shape (..., n_exits, n_exits)

    Returns
    -------
    ndarray, shape (..., pair)

    Examples
    --------
    >>> partial(np.array([[1.0, 0.6], [0.6, 1.0]])).round(12)
    array([0.6])
    """
    factor = np.linalg.cholesky(correlation)
    unexplained = [1 - (factor[..., b, :a] ** 2).sum(axis=-1) for a, b in pairs(factor.shape[-1])]
    explained = [factor[..., b, a] for a, b in pairs(factor.shape[-1])]
    return np.stack(explained, axis=-1) / np.sqrt(np.stack(unexplained, axis=-1))
