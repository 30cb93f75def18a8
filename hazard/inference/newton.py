"""Maximum of a log-likelihood with a quadratic penalty, by Newton steps.

One solver serves maximum likelihood, where the penalty is none, and the posterior mode.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
from threadpoolctl import ThreadpoolController

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError
from hazard.model.likelihood import Rows, information, value_and_gradient

_STEPS = 60
_DECREMENT = 1e-10
_LONGEST_STEP = 4.0
_SHORT_STEPS = 10


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

    @cached_property
    def inverse_factor(self) -> FloatArray:
        """Inverse of the factor, shape (free, free): its transpose times it is the covariance."""
        return inverse_factor(self.cholesky)


@dataclass(frozen=True)
class Penalty:
    """Sum of (beta - mean)' precision (beta - mean) over coefficients, halved.

    Attributes
    ----------
    precision : ndarray, shape (coefficient, exit, exit)
    mean : ndarray, shape (coefficient, exit)
    """

    precision: FloatArray
    mean: FloatArray

    def value_and_slope(self, beta: FloatArray) -> tuple[float, FloatArray]:
        """Penalty and its derivative, shape (coefficient, exit)."""
        deviation = beta - self.mean
        slope = np.einsum("kab,kb->ka", self.precision, deviation)
        return 0.5 * float((deviation * slope).sum()), slope


def newton(data: Rows, start: FloatArray, penalty: Penalty, *, free: npt.NDArray[np.bool_]) -> Mode:
    """Maximum of log-likelihood minus a quadratic penalty, by Newton steps with halving.

    Parameters
    ----------
    data : Rows
    start : ndarray, shape (coefficient, exit)
    penalty : Penalty
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
    beta = start
    for n_steps in range(_STEPS):
        with one_thread():
            step = newton_step(data, beta, penalty, free)
        if step.decrement < _DECREMENT:
            return Mode(beta, step.value, step.cholesky, step.decrement)
        beta = after_step(data, beta, penalty, step, longest=_longest(n_steps))
    raise ConvergenceError(
        f"Newton steps must settle within {_STEPS}; the gain still to be had is "
        f"{step.decrement:.2g}."
    )


@cache
def _libraries() -> ThreadpoolController:
    """The libraries with threads; looking for them takes longer than a step of a small model."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """A second thread gains little on a thousand rows, and loses much on a busy core."""
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


class Step(NamedTuple):
    """A Newton step; shapes (coefficient, exit), or (free, free) for the factor."""

    direction: FloatArray
    decrement: float
    cholesky: FloatArray
    value: float
    target: float


def newton_step(
    data: Rows, beta: FloatArray, penalty: Penalty, free: npt.NDArray[np.bool_]
) -> Step:
    """The step from a point towards the maximum.

    Raises
    ------
    ConvergenceError
        If a coefficient is not identified by the data.
    """
    value, gradient = value_and_gradient(data, beta)
    penalty_value, slope = penalty.value_and_slope(beta)
    diagonal = np.arange(len(beta))
    curvature = information(data, beta)
    curvature[diagonal, :, diagonal, :] += penalty.precision
    moving = free.ravel()
    flat = curvature.reshape(beta.size, beta.size)
    if not moving.all():
        flat = flat[np.ix_(moving, moving)]
    try:
        # the transpose of a symmetric matrix lies in memory as the routine wants it: no copy
        cholesky = scipy.linalg.cholesky(flat.T, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        raise ConvergenceError(
            "curvature must be positive definite; a coefficient is not identified by the data."
        ) from None
    direction = np.zeros(beta.size)
    penalised_gradient = (gradient - slope).ravel()[moving]
    direction[moving] = scipy.linalg.cho_solve(
        (cholesky, True), penalised_gradient, check_finite=False
    )
    decrement = 0.5 * float(direction[moving] @ penalised_gradient)
    return Step(direction.reshape(beta.shape), decrement, cholesky, value, value - penalty_value)


def _longest(n_steps: int) -> float:
    """Longest step after some: short first, then ever longer, for a maximum that is far away.

    Where one row lies far out, or rows of both sides nearly meet, thousands of units may be needed.
    """
    return _LONGEST_STEP * 2.0 ** max(0, n_steps - _SHORT_STEPS)


def after_step(
    data: Rows,
    beta: FloatArray,
    penalty: Penalty,
    step: Step,
    *,
    longest: float = _LONGEST_STEP,
) -> FloatArray:
    """The point a Newton step leads to, shortened until the target does not fall.

    Raises
    ------
    ConvergenceError
        If no step, however short, keeps the target where it was.
    """
    # a step is judged by what it does to the linear predictor, whatever the unit of a column
    reach = np.concatenate([block.reach() for block in data.blocks])[:, None]
    size = float((np.abs(step.direction) * reach).max())
    length = min(1.0, longest / max(size, 1e-300))
    while length >= 1e-8:
        proposal: FloatArray = beta + length * step.direction
        target = value_and_gradient(data, proposal)[0] - penalty.value_and_slope(proposal)[0]
        if np.isfinite(target) and target >= step.target - 1e-9 * abs(step.target):
            return proposal
        length /= 2
    raise ConvergenceError("Newton steps must raise the log-likelihood; none did.")


def inverse_factor(cholesky: FloatArray) -> FloatArray:
    """Inverse of a lower triangular factor.

    Examples
    --------
    >>> inverse_factor(np.array([[2.0, 0.0], [1.0, 1.0]]))
    array([[ 0.5,  0. ],
           [-0.5,  1. ]])
    """
    if not len(cholesky):  # no coefficient is free; LAPACK would complain on the terminal
        return cholesky
    with one_thread():
        inverse, _ = scipy.linalg.lapack.dtrtri(cholesky, lower=1)
    return np.asarray(inverse)
