"""Errors of estimates from leaving out one cluster of rows after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines.robust import Clusters, sandwich
from hazard.compiled import compiled
from hazard.model.dependence import signed

_LEVERAGE = 0.5  # the shares of a cluster summed: below 1 no direction can be its alone
_ALONE = 1e-9  # a share that is 1 but for rounding, as in the choice of independent columns
_PART = 1e-6  # of the standard deviation of a parameter: less is rounding in a direction


@dataclass(frozen=True, eq=False)
class Equations:
    """Equations of rows that sum to zero at the estimates, and how they bend there.

    A row has the regressors x of a coefficient in q places, the exits of a joint model or the only
    one of a regression. Parameter ``k * q + j`` is coefficient k at place j.

    Attributes
    ----------
    matrix : sparse array, shape (row, coefficient)
        Regressors x.
    score : ndarray, shape (row, q, m)
        Residuals of m sets of estimates that share ``weight``.
    weight : ndarray, shape (row, q, q)
        Minus the derivative of the score in the linear predictors.
    free : ndarray of bool, shape (coefficient * q,)
        Parameters that are estimated; p in number.
    bread : ndarray, shape (p, p)
        Inverse of the sum over the rows of x x' times the weight.
    """

    matrix: Any
    score: FloatArray
    weight: FloatArray
    free: BoolArray
    bread: FloatArray


def least_squares(matrix: Any, residual: FloatArray, bread: FloatArray) -> Equations:
    """Equations of ordinary least squares, one regression per column of ``residual``.

    Parameters
    ----------
    matrix : sparse array, shape (row, coefficient)
    residual : ndarray, shape (row, m)
    bread : ndarray, shape (coefficient, coefficient)
        Inverse of X'X.
    """
    weight = np.ones((len(residual), 1, 1))
    free = np.ones(matrix.shape[1], dtype=bool)
    return Equations(matrix, residual[:, None, :], weight, free, bread)


def covariance(equations: Equations, clusters: Clusters) -> tuple[FloatArray, BoolArray]:
    """Covariance of the estimates by the cluster jackknife, CV3.

    Parameters
    ----------
    equations : Equations
    clusters : Clusters

    Returns
    -------
    covariance : ndarray, shape (p * m, p * m)
        Element (k * m + a, l * m + b) is that of parameter k of set a and l of set b. It need not
        be positive definite where the clusters are of two ways.
    alone : ndarray of bool, shape (p,)
        Parameters that cannot be estimated without one of the clusters, and have no error here.

    Notes
    -----
    With A_g the part of cluster g in the sum A of x x' times the weight, and s_g its summed score,
    the estimates without it differ by

    b_(g) - b = -(A - A_g)^-1 s_g,

    exactly for least squares, and after one Newton step for a likelihood (CV3L). Of G clusters

    V = (G - 1) / G * sum over g of (b_(g) - b)(b_(g) - b)'

    as in [1]_ and [2]_; of two ways V1 + V2 - V12, each with its own G [3]_. Where A - A_g is
    singular, as with the dummy of a level that only g has, a generalised inverse gives the right
    difference of every parameter that is estimable without g; the others are ``alone``.

    References
    ----------
    .. [1] MacKinnon, Nielsen and Webb (2023), Fast and reliable jackknife and bootstrap methods for
       cluster-robust inference, Journal of Applied Econometrics 38(5).
    .. [2] MacKinnon, Nielsen and Webb (2023), Cluster-robust inference: a guide to empirical
       practice, Journal of Econometrics 232(2).
    .. [3] Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of
       Business and Economic Statistics 29(2).

    Examples
    --------
    The mean of 1, 2 and 6, each a cluster: without one it is 4, 3.5 and 1.5 instead of 3, and
    2 / 3 * (1 + 1/4 + 9/4) = 7/3, the variance 7 of the three over their number.

    >>> values = np.array([[1.0], [2.0], [6.0]])
    >>> mean = least_squares(sparse.csr_array(np.ones((3, 1))), values - 3, np.array([[1 / 3]]))
    >>> variance, alone = covariance(mean, Clusters(("a",), (np.arange(3),)))
    >>> variance.round(6).tolist(), alone.tolist()
    ([[2.333333]], [False])
    """
    p, m = len(equations.bread), equations.score.shape[2]
    alone = np.zeros(p, dtype=bool)
    filling = np.zeros((p * m, p * m))
    for sign, code in signed(clusters.codes):
        scores, only_there = _adjusted_scores(equations, code)
        n_groups = scores.shape[0]
        filling += sign * (n_groups - 1) / n_groups * (scores.T @ scores).toarray()
        alone |= only_there
    by_set = filling.reshape(p, m, p, m)
    out = np.empty_like(by_set)
    for a in range(m):
        for b in range(m):
            out[:, a, :, b] = sandwich(equations.bread, by_set[:, a, :, b], 1.0)
    out[alone], out[:, :, alone] = np.nan, np.nan
    return out.reshape(p * m, p * m), alone


@dataclass(frozen=True, eq=False)
class _Part:
    """What one cluster adds to the equations, in the parameters that its rows touch."""

    parameters: IntArray
    weighted: FloatArray
    score: FloatArray


def _adjusted_scores(equations: Equations, code: IntArray) -> tuple[Any, BoolArray]:
    """Scores t_g with b - b_(g) = B t_g, B the inverse of all, sparse, shape (group, p * m)."""
    p, m = len(equations.bread), equations.score.shape[2]
    alone = np.zeros(p, dtype=bool)
    places, values = [], []
    for part in _parts(equations, code):
        adjusted, only_there = _left_out(part, equations.bread)
        places.append((part.parameters[:, None] * m + np.arange(m)).ravel())
        values.append(adjusted.ravel())
        alone |= only_there
    ends = np.cumsum([0, *(len(place) for place in places)])
    shape = (len(places), p * m)
    scores = sparse.csr_array((np.concatenate(values), np.concatenate(places), ends), shape=shape)
    return scores, alone


def _left_out(part: _Part, bread: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Scores t with (A - A_g)^- s_g = B t, and the parameters that are not estimable without g.

    With a the parameters that the cluster touches, t = (I - A_g B_aa)^-1 s_g. Of B_aa = L L' the
    matrix L'A_g L has the share of the cluster in every direction; a share of 1 is its alone.
    """
    inner = bread[np.ix_(part.parameters, part.parameters)]
    none = np.zeros(len(bread), dtype=bool)
    if np.vdot(part.weighted, inner) < _LEVERAGE:
        identity = np.eye(len(inner))
        return np.linalg.solve(identity - part.weighted @ inner, part.score), none
    factor = np.linalg.cholesky(inner)
    share, vectors = scipy.linalg.eigh(factor.T @ part.weighted @ factor, driver="evd")
    directions = scipy.linalg.solve_triangular(factor.T, vectors)
    only_there = share > 1 - _ALONE
    others = directions[:, ~only_there]
    projected = vectors[:, ~only_there].T @ (factor.T @ part.score)
    adjusted = others @ (projected / (1 - share[~only_there])[:, None])
    if not only_there.any():
        return adjusted, none
    lost = np.abs(bread[:, part.parameters] @ directions[:, only_there]).max(axis=1)
    return adjusted, lost > _PART * np.sqrt(np.diag(bread))


# --- sums of clusters ---------------------------------------------------------------------------
def _parts(equations: Equations, code: IntArray) -> Iterator[_Part]:
    """Sums over the rows of every cluster in turn."""
    order = np.argsort(code, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(code))])
    matrix = sparse.csr_array(equations.matrix)[order]
    score, weight = equations.score[order], equations.weight[order]
    q = score.shape[1]
    parameter = np.cumsum(equations.free) - 1
    for first, last in pairwise(ends):
        inside = slice(matrix.indptr[first], matrix.indptr[last])
        touched, place = np.unique(matrix.indices[inside], return_inverse=True)
        weighted, summed = _sums(
            matrix.indptr[first : last + 1] - matrix.indptr[first],
            place,
            matrix.data[inside],
            weight[first:last],
            score[first:last],
        )
        of_all = (touched[:, None].astype(np.int64) * q + np.arange(q)).ravel()
        kept = equations.free[of_all]
        yield _Part(parameter[of_all[kept]], weighted[np.ix_(kept, kept)], summed[kept])


@compiled
def _sums(
    pointers: npt.NDArray[Any],
    place: IntArray,
    regressor: FloatArray,
    weight: FloatArray,
    score: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Weighted cross-products and scores of rows with sparse regressors."""
    q, m = score.shape[1], score.shape[2]
    n = (place.max() + 1) * q if len(place) else 0
    weighted, summed = np.zeros((n, n)), np.zeros((n, m))
    for i in range(score.shape[0]):
        for a in range(pointers[i], pointers[i + 1]):
            for j in range(q):
                for s in range(m):
                    summed[place[a] * q + j, s] += regressor[a] * score[i, j, s]
            for b in range(pointers[i], pointers[i + 1]):
                product = regressor[a] * regressor[b]
                for j in range(q):
                    for k in range(q):
                        weighted[place[a] * q + j, place[b] * q + k] += product * weight[i, j, k]
    return weighted, summed
