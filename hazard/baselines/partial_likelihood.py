"""The partial likelihood of weighted risk sets: the one formula behind Cox and Fine and Gray."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy.linalg
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines import separation
from hazard.baselines.columns import independent, inverse, sizes
from hazard.errors import ConvergenceError
from hazard.model.likelihood import Rows, cross_product, linear_predictor

Ties = Literal["efron", "breslow"]

_MOST_STEPS = 50
_SETTLED = 1e-10
_STILL_MOVING = 0.01
_SHORT_STEPS = 10
_LONGEST = 5.0  # on the way to infinity the information is nearly singular, and steps are wild


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Who is compared at each time, and who leaves.

    Attributes
    ----------
    weight : sparse array, shape (unit, time)
        Weight of each unit in the risk set of each time; 0 for who is not in it.
    leaves : sparse array, shape (unit, time)
        1 where a unit leaves, else 0; its weight there is 1, and it leaves once.
    ties : {"efron", "breslow"}
        What is done when several leave at one time.
    """

    weight: Any
    leaves: Any
    ties: Ties

    def only(self, possible: BoolArray) -> RiskSets:
        """The same without the units that cannot leave, of whom none does."""
        members = self.weight.tocoo()
        return self.among(possible[members.row])

    def among(self, compared: BoolArray) -> RiskSets:
        """The same with some of the members of the risk sets, in the order of their coordinates."""
        members = self.weight.tocoo()
        rows, times = members.row[compared], members.col[compared]
        weight = sparse.coo_array((members.data[compared], (rows, times)), members.shape)
        return RiskSets(weight.tocsr(), self.leaves, self.ties)


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the partial likelihood is largest.

    Attributes
    ----------
    beta : ndarray, shape (coefficient,)
        0 where a coefficient is not in ``keep``.
    keep : ndarray of bool, shape (coefficient,)
        Coefficients that the risk sets identify.
    covariance : ndarray, shape (kept, kept)
        Inverse of the information.
    value : float
        Log of the partial likelihood.
    runaway : ndarray, shape (coefficient,)
        Sign of a coefficient that grows without bound, NaN of one that only members
        identified who are no longer compared, else 0.
    """

    beta: FloatArray
    keep: BoolArray
    covariance: FloatArray
    value: float
    runaway: FloatArray


def columns(data: Rows) -> Any:
    """Design matrix of the rows, sparse, shape (row, coefficient)."""
    starts = np.concatenate([[0], np.cumsum([block.n_levels for block in data.blocks])])
    parts = [
        sparse.csr_array(block.matrix())[data.index[:, b] - starts[b]]
        for b, block in enumerate(data.blocks)
    ]
    return sparse.hstack(parts, format="csr")


def separated(data: Rows, sets: RiskSets) -> BoolArray:
    """Coefficients of dummies and counts that are 0 for everybody who leaves, and not for others.

    Parameters
    ----------
    data : Rows
    sets : RiskSets

    Returns
    -------
    ndarray of bool, shape (coefficient,)
        Their likelihood rises without end towards minus infinity.
    """
    matrix = columns(data)
    one_signed = np.concatenate([(block.matrix() >= 0).all(axis=0) for block in data.blocks])
    of_leaving = matrix.T @ np.asarray(sets.leaves.sum(axis=1))
    lacking: BoolArray = one_signed & (of_leaving == 0) & (np.asarray(matrix.sum(axis=0)) > 0)
    return lacking


def maximise(data: Rows, sets: RiskSets, among: BoolArray) -> Maximum:
    """Coefficients that make the order in which units leave most probable.

    Parameters
    ----------
    data : Rows
        One row per unit, without an intercept.
    sets : RiskSets
    among : ndarray of bool, shape (coefficient,)
        Coefficients to estimate; the others are 0.

    Returns
    -------
    Maximum

    Raises
    ------
    ConvergenceError
        If the likelihood still rises after fifty Newton steps.

    Notes
    -----
    With relative hazards e = exp(x'b), weights w and D those who leave at a time, the logarithm of
    the partial likelihood is the sum over D of x'b less the sum over l = 0, ..., d - 1 of

    log(sum of w e over the risk set - (l / d) * sum of e over D)

    after Efron; Breslow's has 0 for l / d. Without ties both are Cox's. Coefficients that no
    risk set tells, such as that of what all of its units share, are left out.

    References
    ----------
    .. [1] Cox (1972), Regression models and life-tables, Journal of the Royal Statistical Society
       B 34(2).
    .. [2] Efron (1977), The efficiency of Cox's likelihood function for censored data, Journal of
       the American Statistical Association 72(359).
    .. [3] Breslow (1974), Covariance analysis of censored survival data, Biometrics 30(1).
    """
    matrix = columns(data)
    keep = _identified(data, matrix, sets, among)
    sums = _RiskSetSums(data, matrix, sets, np.zeros(matrix.shape[1]))
    spread = _spread(sums)
    for n_taken in range(_MOST_STEPS):
        step, gain = _step(sums, keep)
        if gain < _SETTLED:
            break
        longest = float((np.abs(step) * spread).max())
        allowed = _LONGEST * 2.0 ** max(0, n_taken - _SHORT_STEPS)
        sums = _better(sums, step * min(1.0, allowed / max(longest, _SETTLED)))
    else:
        raise ConvergenceError(
            f"partial likelihood must have a maximum; it still rises after {_MOST_STEPS} steps. "
            "Leave out a term that separates an exit."
        )
    runaway = np.sign(step) * (np.abs(step) * spread > _STILL_MOVING)
    try:
        covariance = inverse(sums.information()[np.ix_(keep, keep)])
    except np.linalg.LinAlgError:
        raise ConvergenceError(
            "partial likelihood must bend in every direction at its maximum; it is flat along one. "
            "Leave out a term that separates an exit."
        ) from None
    return Maximum(sums.beta + np.where(runaway, 0.0, step), keep, covariance, sums.value, runaway)


def limit(data: Rows, sets: RiskSets, among: BoolArray) -> tuple[RiskSets, Maximum]:
    """As :func:`maximise`, also where the likelihood rises without end.

    Parameters
    ----------
    data : Rows
    sets : RiskSets
    among : ndarray of bool, shape (coefficient,)

    Returns
    -------
    sets : RiskSets
        Of the likelihood in the limit: without the members who are not compared there any more.
    maximum : Maximum
        Of that likelihood. A coefficient that it does not identify, but that sets such members
        apart, is in ``runaway``.

    Raises
    ------
    ConvergenceError
        As :func:`maximise`.

    Notes
    -----
    A monotone likelihood is recognised by :func:`hazard.baselines.separation.recession`, which
    compares who leaves with everybody in the risk set: exactly, not by the size of an estimate.
    """
    matrix = columns(data)
    estimable = _identified(data, matrix, sets, among)
    try:
        maximum = maximise(data, sets, estimable)
        if not maximum.runaway.any():
            return sets, maximum
    except ConvergenceError:
        if not (recession := _recession(matrix, sets, estimable)).strict.any():
            raise
    else:
        recession = _recession(matrix, sets, estimable)
    if not recession.strict.any():
        return sets, replace(maximum, runaway=np.zeros_like(maximum.runaway))
    compared = sets.among(~recession.strict)
    maximum_of_limit = maximise(data, compared, estimable)
    size = _spread(_RiskSetSums(data, matrix, sets, np.zeros(len(estimable))))[estimable]
    size = np.where(size > 0, size, 1.0)
    information = _RiskSetSums(data, matrix, compared, maximum_of_limit.beta).information()[
        np.ix_(estimable, estimable)
    ]
    unidentified = estimable.copy()
    unidentified[estimable] = (
        ~separation.finite(information / np.outer(size, size)) | ~maximum_of_limit.keep[estimable]
    )
    sign = np.where(recession.direction == 0, np.nan, np.sign(recession.direction))
    return compared, replace(maximum_of_limit, runaway=np.where(unidentified, sign, 0.0))


def _recession(covariates: Any, sets: RiskSets, among: BoolArray) -> separation.Recession:
    """Members of the risk sets, in the order of their coordinates, whom no one leaves before."""
    matrix = covariates @ sparse.diags_array(among.astype(np.float64))
    leaves, members = sets.leaves.tocoo(), sets.weight.tocoo()
    first = np.zeros(sets.leaves.shape[1], dtype=np.int64)
    first[leaves.col[::-1]] = leaves.row[::-1]
    return separation.recession(
        won=(matrix[first[members.col]] - matrix[members.row]).tocsr(),
        tied=(matrix[leaves.row] - matrix[first[leaves.col]]).tocsr(),
    )


def score_sums(data: Rows, sets: RiskSets, maximum: Maximum, code: IntArray) -> FloatArray:
    """Derivative of the log-likelihood, in the coefficients kept, summed over groups of units.

    Parameters
    ----------
    data : Rows
    sets : RiskSets
    maximum : Maximum
        Of :func:`maximise`.
    code : ndarray of int, shape (unit,)
        Group of every unit, from 0.

    Returns
    -------
    ndarray, shape (group, kept)
        Sums to 0 over the groups. A unit adds its own exit less what was expected of it in every
        risk set [1]_; with ties after Efron each of those who leave has a share in every step.

    References
    ----------
    .. [1] Lin and Wei (1989), The robust inference for the Cox proportional hazards model, Journal
       of the American Statistical Association 84(408).
    """
    sums = _RiskSetSums(data, columns(data), sets, maximum.beta)
    groups = sparse.coo_array((np.ones(len(code)), (code, np.arange(len(code))))).tocsr()
    residual = groups @ sparse.diags_array(sums.exits - sums.expected)
    at_risk, leaving = sums.at_risk, sums.leaving
    weight_of_members = at_risk * sums.power(0, 2) - leaving * sums.power(1, 2)
    weight_of_leaving = at_risk * sums.power(1, 2) - leaving * sums.power(2, 2)
    number = np.maximum(sums.number, 1.0)[:, None]
    mean = (at_risk * sums.power(0, 1) - leaving * sums.power(1, 1)) / number
    scores = (residual @ sums.matrix).toarray()
    scores += (groups @ sums.members) @ weight_of_members - (
        groups @ sums.going
    ) @ weight_of_leaving
    scores -= (groups @ sets.leaves) @ mean
    return np.asarray(scores[:, maximum.keep])


class _RiskSetSums:
    """Sums over the risk sets at some coefficients."""

    def __init__(self, data: Rows, matrix: Any, sets: RiskSets, beta: FloatArray) -> None:
        self.data, self.matrix, self.sets, self.beta = data, matrix, sets, beta
        eta = linear_predictor(data, beta[:, None])[:, 0]
        weight, leaves = sets.weight.tocsc(), sets.leaves.tocsc()
        top = np.maximum.reduceat(eta[weight.indices], weight.indptr[:-1])
        self.members, self.going = (_relative(part, eta, top) for part in (weight, leaves))
        self.number = np.asarray(sets.leaves.sum(axis=0))
        self.exits = np.asarray(sets.leaves.sum(axis=1))
        self.time, self.share = _steps_of(self.number, sets.ties)
        total, leaving = (np.asarray(p.sum(axis=0)) for p in (self.members, self.going))
        self.size = total[self.time] - self.share * leaving[self.time]
        self.value = float(self.exits @ eta - self.number @ top - np.log(self.size).sum())
        self.expected = np.asarray(
            self.members @ self.power(0, 1)[:, 0] - self.going @ self.power(1, 1)[:, 0]
        )

    def power(self, of_share: int, of_size: int) -> FloatArray:
        """Sum over the steps of a time of share**a / size**b, shape (time, 1)."""
        values = self.share**of_share / self.size**of_size
        return np.bincount(self.time, values, len(self.number))[:, None]

    @property
    def gradient(self) -> FloatArray:
        return np.asarray(self.matrix.T @ (self.exits - self.expected))

    @property
    def at_risk(self) -> FloatArray:
        return np.asarray((self.members.T @ self.matrix).toarray())

    @property
    def leaving(self) -> FloatArray:
        return np.asarray((self.going.T @ self.matrix).toarray())

    def information(self) -> FloatArray:
        """Minus the second derivative: covariances of the covariates within risk sets, summed."""
        [squares] = cross_product(self.data, self.expected[:, None])
        at_risk, leaving = self.at_risk, self.leaving
        mixed = at_risk.T @ (self.power(1, 2) * leaving)
        means = at_risk.T @ (self.power(0, 2) * at_risk) - mixed - mixed.T
        return np.asarray(squares - means - leaving.T @ (self.power(2, 2) * leaving))


def _relative(part: Any, eta: FloatArray, top: FloatArray) -> Any:
    """Relative hazards of the members of each risk set, of whom the largest has 1."""
    time = np.repeat(np.arange(len(top)), np.diff(part.indptr))
    relative = part.data * np.exp(eta[part.indices] - top[time])
    return sparse.csc_array((relative, part.indices, part.indptr), shape=part.shape)


def _spread(sums: _RiskSetSums) -> FloatArray:
    """Standard deviation of each covariate within the risk sets, shape (coefficient,)."""
    variance = np.diag(sums.information()) / max(len(sums.time), 1)
    return np.sqrt(np.maximum(variance, 0.0))


def _steps_of(number: FloatArray, ties: Ties) -> tuple[IntArray, FloatArray]:
    """Time of every factor of the likelihood, and the share of those leaving that is taken out."""
    n_leaving = number.astype(np.int64)
    time = np.repeat(np.arange(len(n_leaving)), n_leaving)
    before = np.arange(len(time)) - np.repeat(np.cumsum(n_leaving) - n_leaving, n_leaving)
    share = before / n_leaving[time] if ties == "efron" else np.zeros(len(time))
    return time, share


def _identified(data: Rows, matrix: Any, sets: RiskSets, among: BoolArray) -> BoolArray:
    """Which coefficients the risk sets tell apart."""
    sums = _RiskSetSums(data, matrix, sets, np.zeros(matrix.shape[1]))
    keep = among.copy()
    [squares] = cross_product(data, sums.expected[:, None])
    size = np.sqrt(np.maximum(np.diag(squares), 0.0))
    keep[keep] = independent(sums.information()[np.ix_(keep, keep)], size[keep])
    return keep


def _step(sums: _RiskSetSums, keep: BoolArray) -> tuple[FloatArray, float]:
    """Newton step, and twice the rise of the likelihood that it promises."""
    gradient = sums.gradient[keep]
    step = np.zeros(len(keep))
    if not keep.any():
        return step, 0.0
    information = sums.information()[np.ix_(keep, keep)]
    size = sizes(information)
    scaled = information / np.outer(size, size)
    step[keep] = scipy.linalg.lstsq(scaled, gradient / size)[0] / size
    return step, float(gradient @ step[keep])


def _better(sums: _RiskSetSums, step: FloatArray) -> _RiskSetSums:
    """The first of ever shorter steps that does not lower the likelihood."""
    for halvings in range(30):
        beta = sums.beta + step * 0.5**halvings
        candidate = _RiskSetSums(sums.data, sums.matrix, sums.sets, beta)
        if candidate.value >= sums.value - _SETTLED * max(1.0, abs(sums.value)):
            return candidate
    raise ConvergenceError(
        "partial likelihood must rise along a Newton step; it did not after 30 halvings. Leave out "
        "a term that separates an exit."
    )
