"""Posterior mode, learned scales at their marginal mode, and the covariance around them.

One Newton solver serves maximum likelihood (no prior) and the posterior mode. The approximation is
the approximate engine of its own, and the map in which the sampler moves (see
:mod:`hazard.sampling`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from hazard.coordinates import Coordinates
from hazard.errors import ConvergenceError
from hazard.likelihood import Rows, information, rows, value_and_gradient
from hazard.terms.block import FloatArray

_STEPS = 60
_DECREMENT = 1e-10
_LONGEST_STEP = 4.0
_SMALLEST_SIGMA = 1e-3


@dataclass(frozen=True)
class Mode:
    """Maximum of a penalised log-likelihood.

    Attributes
    ----------
    beta : ndarray, shape (coefficient, exit)
    value : float
        Log-likelihood at the maximum, without the penalty.
    cholesky : ndarray, shape (free, free)
        Lower factor of minus the second derivative in the free coefficients (C order).
    decrement : float
        Half the squared Newton step in the metric of the curvature: the gain still to be had.
    """

    beta: FloatArray
    value: float
    cholesky: FloatArray
    decrement: float


def newton(
    data: Rows,
    start: FloatArray,
    precision: FloatArray,
    *,
    mean: FloatArray,
    free: npt.NDArray[np.bool_],
) -> Mode:
    """Maximum of log-likelihood minus half the penalty, by Newton steps with halving.

    Parameters
    ----------
    data : Rows
    start : ndarray, shape (coefficient, exit)
    precision, mean : ndarray, shape (coefficient, exit)
        Penalty: sum of precision times (beta - mean) squared.
    free : ndarray of bool, shape (coefficient, exit)
        Coefficients that move; the others keep their start.

    Returns
    -------
    Mode

    Raises
    ------
    ConvergenceError
        If the steps do not settle: the maximum does not exist or lies at infinity.
    """
    beta = start.copy()
    moves = free.ravel()
    # a step is judged by what it does to the linear predictor, whatever the unit of a column
    reach = np.concatenate([block.reach() for block in data.blocks]).repeat(data.n_exits)

    def objective(at: FloatArray) -> tuple[float, float, FloatArray]:
        value, gradient = value_and_gradient(data, at)
        penalty = 0.5 * float((precision * (at - mean) ** 2).sum())
        return value, value - penalty, gradient - precision * (at - mean)

    value, target, gradient = objective(beta)
    for _ in range(_STEPS):
        curvature = information(data, beta).reshape(beta.size, beta.size)[np.ix_(moves, moves)]
        curvature[np.diag_indices_from(curvature)] += precision.ravel()[moves]
        try:
            cholesky = scipy.linalg.cholesky(curvature, lower=True)
        except np.linalg.LinAlgError:
            raise ConvergenceError(
                "curvature must be positive definite; a coefficient is not identified by the data."
            ) from None
        step = np.zeros(beta.size)
        step[moves] = scipy.linalg.cho_solve((cholesky, True), gradient.ravel()[moves])
        decrement = 0.5 * float(step @ gradient.ravel())
        if decrement < _DECREMENT:
            return Mode(beta, value, cholesky, decrement)
        length = min(1.0, _LONGEST_STEP / max(float((np.abs(step) * reach).max()), 1e-300))
        while True:
            proposal = beta + length * step.reshape(beta.shape)
            new_value, new_target, new_gradient = objective(proposal)
            if np.isfinite(new_target) and new_target >= target - 1e-9 * abs(target):
                break
            length /= 2
            if length < 1e-8:
                raise ConvergenceError("Newton steps must raise the log-likelihood; none did.")
        beta, value, target, gradient = proposal, new_value, new_target, new_gradient
    raise ConvergenceError(
        f"Newton steps must settle within {_STEPS}; the gain still to be had is {decrement:.2g}."
    )


@dataclass(frozen=True)
class Laplace:
    """Normal approximation of the posterior in standard coordinates.

    Attributes
    ----------
    coordinates : Coordinates
    mode : Mode
        Mode of the coordinates given ``sigma``.
    sigma : ndarray, shape (pooled block, exit)
        Learned scales at their approximate marginal mode.
    log_sigma_sd : ndarray, shape (pooled block, exit)
        Approximate marginal posterior sd of log sigma.
    """

    coordinates: Coordinates
    mode: Mode
    sigma: FloatArray
    log_sigma_sd: FloatArray

    def variances(self) -> FloatArray:
        """Posterior variance of each coordinate, shape (coefficient, exit)."""
        inverse = scipy.linalg.solve_triangular(
            self.mode.cholesky, np.eye(len(self.mode.cholesky)), lower=True
        )
        return (inverse**2).sum(axis=0).reshape(self.mode.beta.shape)

    def detached(self) -> dict[str, FloatArray]:
        """Share of each pooled level's uncertainty that comes from its prior, (level, exit).

        Near 0 the rows of the level decide, near 1 the common distribution does.
        """
        variance = self.variances()
        return {
            group.name: np.clip(variance[group.span] / self.sigma[g] ** 2, 0.0, 1.0)
            for g, group in enumerate(self.coordinates.pooled)
        }

    def shift(self, g: int, exit_code: int) -> FloatArray:
        """Derivative of the mode in the log scale of one pooled block and exit.

        Returns
        -------
        ndarray, shape (coefficient, exit)

        Notes
        -----
        The prior pulls u with force u / sigma^2, which changes by -2 u / sigma^2 with log sigma.
        """
        force = np.zeros_like(self.mode.beta)
        span = self.coordinates.pooled[g].span
        u = self.mode.beta[span, exit_code]
        force[span, exit_code] = 2 * u / self.sigma[g, exit_code] ** 2
        moved = scipy.linalg.cho_solve((self.mode.cholesky, True), force.ravel())
        return np.asarray(moved).reshape(force.shape)


def fit(coordinates: Coordinates, *, rounds: int = 30, tolerance: float = 1e-2) -> Laplace:
    """Laplace approximation, with the learned scales at their marginal mode.

    Parameters
    ----------
    coordinates : Coordinates
    rounds : int
        Largest number of updates of the scales.
    tolerance : float
        Updates stop when no log scale moves by more than this; a fraction of its posterior sd.

    Returns
    -------
    Laplace

    Notes
    -----
    The scale of a pooled block with L levels solves the fixed point of the marginal likelihood,
    sigma^2 = sum u^2 / (L - tr(V) / sigma^2), with u the mode and V its posterior covariance.
    The log-likelihood of log sigma has about the curvature 2 sum (1 - V_ll / sigma^2)^2.

    References
    ----------
    .. [1] MacKay (1992), Bayesian interpolation, Neural Computation 4(3).
    """
    data = rows(coordinates.design)
    mean = coordinates.prior_mean()
    n_exits = mean.shape[1]
    sigma = np.full((len(coordinates.pooled), n_exits), 0.5)
    beta = mean.copy()
    everything = np.ones_like(mean, dtype=bool)
    for _ in range(rounds):
        precision = coordinates.prior_precision(sigma)
        mode = newton(data, beta, precision, mean=mean, free=everything)
        current = Laplace(coordinates, mode, sigma, np.empty_like(sigma))
        beta, variance = mode.beta, current.variances()
        new_sigma, sd = _scales(coordinates, beta, variance, sigma)
        moved = np.abs(np.log(new_sigma / sigma)) / np.maximum(sd, 1e-12)
        if not sigma.size or moved.max() < tolerance:
            return Laplace(coordinates, mode, sigma, sd)
        sigma = new_sigma
    raise ConvergenceError(
        f"learned scales must settle within {rounds} rounds; the largest still moves by "
        f"{moved.max():.2g} posterior standard deviations."
    )


def _scales(
    coordinates: Coordinates, beta: FloatArray, variance: FloatArray, sigma: FloatArray
) -> tuple[FloatArray, FloatArray]:
    new, sd = np.empty_like(sigma), np.empty_like(sigma)
    for g, group in enumerate(coordinates.pooled):
        known = np.clip(1 - variance[group.span] / sigma[g] ** 2, 0.0, 1.0)
        # the half-normal prior and the Jacobian of the log scale add one level and its square
        weight = known.sum(axis=0) + (sigma[g] / group.scale) ** 2
        squares = (beta[group.span] ** 2).sum(axis=0) + sigma[g] ** 2
        new[g] = np.maximum(np.sqrt(squares / np.maximum(weight, 1.0)), _SMALLEST_SIGMA)
        sd[g] = 1 / np.sqrt(2 * (known**2).sum(axis=0) + 1.0)
    return new, sd
