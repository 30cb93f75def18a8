"""Leave-one-out log densities by Pareto-smoothed importance sampling, with Monte Carlo errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats  # type: ignore[attr-defined]
from scipy.special import logsumexp

from hazard.arrays import FloatArray

_ARVIZ: Any = array_stats  # untyped
_AXES: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}


@dataclass(frozen=True)
class PsisLoo:
    """Leave-one-out density of every unit, by Pareto-smoothed importance sampling.

    Attributes
    ----------
    elpd : ndarray, shape (unit,)
        Log predictive density.
    p_loo : ndarray, shape (unit,)
        Log density with the unit among the data, less ``elpd``.
    k_hat : ndarray, shape (unit,)
        Shape of the tail of the importance weights; above :func:`threshold` they cannot be trusted.
    mcse : ndarray, shape (unit,)
        Monte Carlo standard error of ``elpd``.
    influence : ndarray, shape (chain, draw, unit)
        Terms whose mean is the error of ``elpd`` to first order.
    """

    elpd: FloatArray
    p_loo: FloatArray
    k_hat: FloatArray
    mcse: FloatArray
    influence: FloatArray


def threshold(n_draws: int) -> float:
    """Largest k-hat with which so many draws are enough.

    References
    ----------
    .. [1] Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling,
       Journal of Machine Learning Research 25(72).

    Examples
    --------
    >>> threshold(100), threshold(1_000_000)
    (0.5, 0.7)
    """
    return min(1 - 1 / math.log10(n_draws), 0.7)


def psis_loo(log_likelihood: xr.DataArray) -> PsisLoo:
    """Every unit predicted by the draws of all, weighted as if the unit had not been among them.

    Parameters
    ----------
    log_likelihood : DataArray, dims (chain, draw, unit)

    Returns
    -------
    PsisLoo

    Notes
    -----
    With weights w_s in proportion to 1 / p(y_i | draw s), their largest ones smoothed, elpd_i is
    log sum_s w_s p(y_i | draw s) over sum_s w_s.

    References
    ----------
    .. [1] Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
       cross-validation and WAIC, Statistics and Computing 27(5).
    """
    values = np.ascontiguousarray(log_likelihood.transpose("chain", "draw", "unit").values)
    relative = efficiency(np.exp(values - values.max(axis=(0, 1))))
    log_weight, k_hat = smoothed(values, relative)
    elpd, influence = weighted(values, log_weight)
    in_sample = logsumexp(values, axis=(0, 1)) - math.log(values[..., 0].size)
    return PsisLoo(elpd, in_sample - elpd, k_hat, errors(influence, relative), influence)


def smoothed(log_likelihood: FloatArray, relative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log weights, which sum to one, that take units out of draws, and their k-hat.

    Parameters
    ----------
    log_likelihood : ndarray, shape (chain, draw, unit)
        The other sign puts a unit in.
    relative : ndarray, shape (unit,)
        Effective draws per draw.

    Returns
    -------
    ndarray, shape (chain, draw, unit)
    ndarray, shape (unit,)
    """
    log_weight, k_hat = np.empty_like(log_likelihood), np.empty(len(relative))
    log_weight[:], k_hat[:] = equal_log_weights(log_likelihood.shape[:2]), -np.inf
    for unit in np.flatnonzero(np.ptp(log_likelihood, axis=(0, 1)) > 0):
        log_weight[..., unit], k_hat[unit] = _ARVIZ.psislw(
            log_likelihood[..., unit], r_eff=relative[unit], axis=(0, 1)
        )
    return log_weight, k_hat


def weighted(log_likelihood: FloatArray, log_weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log of the weighted mean of densities, and the terms whose mean is its error.

    Parameters
    ----------
    log_likelihood : ndarray, shape (chain, draw, unit)
    log_weight : ndarray, shape (chain, draw, unit) or (chain, draw, 1)
        Sums to one over chains and draws.

    Returns
    -------
    ndarray, shape (unit,)
    ndarray, shape (chain, draw, unit)

    Examples
    --------
    >>> equal = np.full((1, 2, 1), -np.log(2.0))
    >>> elpd, error = weighted(np.log([[[0.2], [0.6]]]), equal)
    >>> np.exp(elpd).round(12).tolist(), error.ravel().round(12).tolist()
    ([0.4], [-0.5, 0.5])
    """
    elpd = np.asarray(logsumexp(log_weight + log_likelihood, axis=(0, 1)))
    n = log_weight[..., 0].size
    influence = n * np.exp(log_weight) * np.expm1(log_likelihood - elpd)
    return elpd, influence


def equal_log_weights(shape: tuple[int, ...]) -> FloatArray:
    """Log weights, all the same, of draws of shape (chain, draw)."""
    return np.full((*shape, 1), -math.log(math.prod(shape)))


def efficiency(values: FloatArray) -> FloatArray:
    """Effective draws per draw, at most 1, of means of numbers of shape (chain, draw, unit)."""
    relative = np.ones(values.shape[2])
    varies = np.ptp(values, axis=(0, 1)) > 0
    if varies.any():
        relative[varies] = _ARVIZ.ess(values[..., varies], method="mean", relative=True, **_AXES)
    return np.minimum(relative, 1.0)


def errors(influence: FloatArray, relative: FloatArray | float = 1.0) -> FloatArray:
    """Monte Carlo standard error for every unit, from terms of mean 0 of (chain, draw, unit)."""
    n = influence[..., 0].size
    return np.asarray(np.sqrt((influence**2).mean(axis=(0, 1)) / (n * relative)))


def error_of_sum(influence: FloatArray) -> float:
    """Monte Carlo standard error of the sum over units that share their draws."""
    total = influence.sum(axis=2, keepdims=True)
    return float(errors(total, efficiency(total))[0])
