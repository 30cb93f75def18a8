"""Posterior mode, learned covariances at their marginal mode, and the covariance around them.

The approximation is an engine of its own, and the map in which the sampler moves (see
:mod:`hazard.inference.nuts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
import xarray as xr

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError
from hazard.inference import sandwich
from hazard.inference.newton import (
    Mode,
    Penalty,
    after_step,
    inverse_factor,
    newton,
    newton_step,
    one_thread,
)
from hazard.model import correlations
from hazard.model.parameterisation import Anchor, Coordinates, Learned

_LONGEST_MOVE = 1.0
_SMALLEST_LOG_SIGMA = np.log(1e-3)


@dataclass(frozen=True)
class Laplace:
    """Normal approximation of the posterior in standard coordinates.

    Attributes
    ----------
    coordinates : Coordinates
    mode : Mode
        Mode of the coordinates given the learned covariances.
    theta : tuple of ndarray
        Parameters of each learned covariance at their approximate marginal mode (see
        :func:`hazard.model.correlations.covariance`).
    spread : tuple of ndarray, shape (parameter, parameter)
        Approximate marginal posterior covariance of each ``theta``.
    """

    coordinates: Coordinates
    mode: Mode
    theta: tuple[FloatArray, ...]
    spread: tuple[FloatArray, ...]

    @property
    def sigma(self) -> FloatArray:
        """Learned standard deviations, shape (group, exit)."""
        n_exits = self.coordinates.n_exits
        return np.array([np.exp(values[:n_exits]) for values in self.theta]).reshape(-1, n_exits)

    def variances(self) -> FloatArray:
        """Posterior variance of each coordinate, shape (coordinate, exit)."""
        inverse = self.mode.inverse_factor
        variances: FloatArray = (inverse**2).sum(axis=0).reshape(self.mode.beta.shape)
        return variances

    @cached_property
    def covariances(self) -> tuple[FloatArray, ...]:
        """Posterior covariance over exits of every coordinate of each learned block.

        Returns
        -------
        tuple of ndarray, shape (coordinate, exit, exit)
        """
        inverse = self.mode.inverse_factor
        return tuple(
            _over_exits(inverse, group.span, self.coordinates.n_exits)
            for group in self.coordinates.learned
        )

    @cached_property
    def anchors(self) -> dict[str, Anchor]:
        """Likelihood of each learned block as a normal, the other coordinates integrated out.

        Notes
        -----
        With mode u, posterior covariance V and prior covariance S of a level over exits, the
        information is V^-1 - S^-1 and the precision-weighted mean V^-1 u.
        """
        by_name, n_exits = {}, self.coordinates.n_exits
        for group, theta, covariance in zip(
            self.coordinates.learned, self.theta, self.covariances, strict=True
        ):
            precision = np.linalg.inv(covariance)
            prior = np.linalg.inv(correlations.covariance(theta, n_exits))
            eigenvalues, eigenvectors = np.linalg.eigh(precision - prior)
            information = np.einsum(
                "lab,lb,lcb->lac", eigenvectors, np.maximum(eigenvalues, 0.0), eigenvectors
            )
            mode = self.mode.beta[group.span]
            weighted_mean = np.einsum("lab,lb->la", information + prior, mode)
            by_name[group.name] = Anchor(information, weighted_mean)
        return by_name

    @cached_property
    def robust_covariance(self) -> sandwich.RobustCovariance | None:
        """What dependent rows do to the lag curves; None where none depend or can be moved."""
        rows = self.coordinates.original.dependence
        if rows is None or not sandwich.lag_parameters(self.coordinates).parts:
            return None
        precision = self.coordinates.prior_precision(self.theta)
        return sandwich.robust_covariance(self.coordinates, self.mode, precision, rows)

    def adjusted(self, draws: xr.Dataset) -> xr.Dataset:
        """Draws with the spread that dependent rows have; as they are where none depend."""
        if self.robust_covariance is None:
            return draws
        return sandwich.adjusted(draws, self.coordinates, self.robust_covariance)

    @property
    def sd_ratios(self) -> dict[str, dict[str, float]]:
        """How much wider dependent rows make the sum of each lag curve, by term and exit."""
        if self.robust_covariance is None:
            return {}
        return sandwich.sd_ratios(self.coordinates, self.robust_covariance)

    def shift(self, g: int, parameter: int) -> FloatArray:
        """Derivative of the mode in one parameter of one learned covariance.

        Returns
        -------
        ndarray, shape (coordinate, exit)

        Notes
        -----
        The gradient of the log prior in u is -S^-1 u; its derivative in the parameter is
        S^-1 S' S^-1 u.
        """
        derivative = np.zeros_like(self.mode.beta)
        derivative[self.coordinates.learned[g].span] = self._gradient_derivative(g)[..., parameter]
        shift = scipy.linalg.cho_solve((self.mode.cholesky, True), derivative.ravel())
        return np.asarray(shift).reshape(derivative.shape)

    def own_shift(self, g: int) -> FloatArray:
        """The part of :meth:`shift` that each coordinate makes by itself, for every parameter.

        Returns
        -------
        ndarray, shape (coordinate of the block, exit, parameter)
        """
        return np.asarray(
            np.einsum("lab,lbp->lap", self.covariances[g], self._gradient_derivative(g))
        )

    def _gradient_derivative(self, g: int) -> FloatArray:
        """Derivatives of the gradient of the log prior, shape (coordinate, exit, parameter)."""
        n_exits = self.coordinates.n_exits
        precision = np.linalg.inv(correlations.covariance(self.theta[g], n_exits))
        slopes = correlations.derivatives(self.theta[g], n_exits)
        mode = self.mode.beta[self.coordinates.learned[g].span]
        return np.asarray(np.einsum("la,pab->lbp", mode, precision @ slopes @ precision))


def fit(coordinates: Coordinates, *, rounds: int = 60, tolerance: float = 1e-2) -> Laplace:
    """Laplace approximation, with the learned covariances at their marginal mode.

    Parameters
    ----------
    coordinates : Coordinates
    rounds : int
        Largest number of updates of the learned covariances.
    tolerance : float
        Updates stop when no parameter moves by more than this; a fraction of its posterior sd.

    Returns
    -------
    Laplace

    Raises
    ------
    ConvergenceError
        If the updates do not settle, or the mode does not exist.

    Notes
    -----
    For a group whose levels l have effects u_l ~ Normal(0, S) with mode u_l and posterior
    covariance V_l, the marginal likelihood has the slope 1/2 sum_l tr(Q S' Q (u_l u_l' + V_l - S))
    in a parameter of S, with Q = S^-1, and about the information
    1/2 sum_l tr(A_l S' A_l S'), A_l = Q - Q V_l Q. Scoring steps solve for the root; the
    coefficients take one Newton step for each.

    References
    ----------
    .. [1] Breslow and Clayton (1993), Approximate inference in generalized linear mixed models,
       Journal of the American Statistical Association 88(421).
    """
    data = coordinates.rows
    mean = coordinates.prior_mean()
    free = np.ones_like(mean, dtype=bool)
    beta, theta, largest_move = mean, coordinates.start(), np.inf
    share, previous = 1.0, [np.zeros_like(values) for values in theta]
    for _ in range(rounds):
        penalty = Penalty(coordinates.prior_precision(theta), mean)
        with one_thread():
            step = newton_step(data, beta, penalty, free)
            beta = after_step(data, beta, penalty, step)
            if step.decrement > 1.0:
                continue
            moves = _scoring(coordinates, beta, inverse_factor(step.cholesky), theta)
        # moves to and fro are shortened until they come to rest
        reverses = sum(float(a @ m) for a, (m, _) in zip(previous, moves, strict=True)) < 0
        share, previous = (share / 2 if reverses else min(1.0, 1.5 * share)), [m for m, _ in moves]
        theta = tuple(values + share * move for values, (move, _) in zip(theta, moves, strict=True))
        sds = [np.sqrt(np.diag(spread)) for _, spread in moves]
        largest_move = max(
            (float((abs(m) / sd).max()) for (m, _), sd in zip(moves, sds, strict=True)), default=0.0
        )
        if largest_move < tolerance:
            penalty = Penalty(coordinates.prior_precision(theta), mean)
            mode = newton(data, beta, penalty, free=free)
            return Laplace(coordinates, mode, theta, tuple(spread for _, spread in moves))
    raise ConvergenceError(
        f"learned scales must settle within {rounds} rounds; the largest still moves by "
        f"{largest_move:.2g} posterior standard deviations."
    )


def rescored(approximation: Laplace, beta: FloatArray) -> Laplace:
    """The approximation after one more update of the learned covariances, seen from other effects.

    Parameters
    ----------
    approximation : Laplace
    beta : ndarray, shape (coordinate, exit)
        Coordinates whose squares say how large the learned covariances are, such as their mean
        where :func:`fit` took their mode.

    Raises
    ------
    ConvergenceError
        If there is no mode under the updated covariances.
    """
    coordinates = approximation.coordinates
    moves = _scoring(coordinates, beta, approximation.mode.inverse_factor, approximation.theta)
    theta = tuple(
        values + move for values, (move, _) in zip(approximation.theta, moves, strict=True)
    )
    mean = coordinates.prior_mean()
    penalty = Penalty(coordinates.prior_precision(theta), mean)
    free = np.ones_like(mean, dtype=bool)
    mode = newton(coordinates.rows, approximation.mode.beta, penalty, free=free)
    return Laplace(coordinates, mode, theta, tuple(spread for _, spread in moves))


def _scoring(
    coordinates: Coordinates,
    beta: FloatArray,
    inverse: FloatArray,
    theta: tuple[FloatArray, ...],
) -> list[tuple[FloatArray, FloatArray]]:
    """Step of every learned covariance, and its posterior covariance."""
    n_exits = coordinates.n_exits
    moves = []
    for group, values in zip(coordinates.learned, theta, strict=True):
        variance = _over_exits(inverse, group.span, n_exits)
        slope, spread = _score(group, values, beta[group.span], variance)
        move = np.clip(spread @ slope, -_LONGEST_MOVE, _LONGEST_MOVE)
        move[:n_exits] = np.maximum(move[:n_exits], _SMALLEST_LOG_SIGMA - values[:n_exits])
        moves.append((move, spread))
    return moves


def _over_exits(inverse: FloatArray, span: slice, n_exits: int) -> FloatArray:
    """Covariance over exits of every coordinate of a block, from the inverse factor of all."""
    part = inverse.reshape(len(inverse), -1, n_exits)[:, span]
    return np.asarray(np.einsum("kla,klb->lab", part, part, optimize=True))


def _score(
    group: Learned, theta: FloatArray, u: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Slope of the log marginal posterior of a learned covariance, and its inverse information."""
    n_exits = u.shape[1]
    slopes = correlations.derivatives(theta, n_exits)
    covariance = correlations.covariance(theta, n_exits)
    precision = np.linalg.inv(covariance)
    excess = u.T @ u + variance.sum(axis=0) - len(u) * covariance
    weighted = precision @ slopes @ precision
    slope = 0.5 * np.einsum("pab,ba->p", weighted, excess)
    information_per_level = precision - precision @ variance @ precision
    products = np.einsum("lab,pbc->lpac", information_per_level, slopes)
    information = 0.5 * np.einsum("lpab,lqba->pq", products, products)
    # half-normal sd and Beta correlation, both with the Jacobian of their transformation
    sigma, partial = np.exp(theta[:n_exits]), np.tanh(theta[n_exits:])
    ratio = (sigma / group.scale) ** 2
    weight = (
        correlations.beta_parameter(group.concentration, n_exits)
        if group.concentration
        else np.zeros(0)
    )
    slope += np.concatenate([1 - ratio, -2 * weight * partial])
    prior = np.concatenate([np.maximum(2 * ratio, 1.0), 2 * weight * (1 - partial**2)])
    return slope, np.linalg.inv(information + np.diag(np.maximum(prior, 1e-3)))
