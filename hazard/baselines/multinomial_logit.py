"""The multinomial logit (or cause-specific cloglog) model by maximum likelihood."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg

from hazard.baselines.fit import BaselineFit, coefficient_labels, independent_columns, named
from hazard.design import Design, coefficient_counts, collapsed, identified
from hazard.laplace import newton
from hazard.likelihood import rows
from hazard.terms.block import FloatArray

_AT_MINUS_INFINITY = -40.0
_RUNAWAY = 15.0


def fit(design: Design) -> BaselineFit:
    """Log-odds of each exit against staying, by maximum likelihood.

    Parameters
    ----------
    design : Design
        Group terms become dummies relative to their largest level.

    Returns
    -------
    BaselineFit
        Log-odds (softmax) or log-hazard (cloglog), with standard errors from the information.

    Raises
    ------
    ConvergenceError
        If the maximum does not exist for another reason than an exit that a level lacks.

    Notes
    -----
    Where no exit j occurs among the rows of a dummy, the likelihood rises without end as its
    coefficient goes to minus infinity (separation). In that limit these rows can no longer leave
    through j; the other coefficients are the maximum of the likelihood with j impossible there.
    Such coefficients are held at the limit, reported as minus infinity, and named.

    References
    ----------
    .. [1] Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
       regression models, Biometrika 71(1).
    """
    plain = identified(collapsed(design))
    data = rows(plain)
    keep = independent_columns(data)
    separated = _separated(plain) & keep[:, None]
    free = keep[:, None] & ~separated
    start = np.zeros(free.shape)
    start[separated] = _AT_MINUS_INFINITY
    counts = np.bincount(data.outcome, data.weight, data.n_exits + 1)
    start[0] = np.log(np.maximum(counts[1:], 0.5) / counts[0])
    nothing = np.zeros_like(start)
    mode = newton(data, start, nothing, mean=nothing, free=free)
    runaway = free & (np.abs(mode.beta) > _RUNAWAY)
    error = np.full(free.shape, np.nan)
    error[free] = _standard_errors(mode.cholesky)
    labels = coefficient_labels(plain)
    remarks = [] if keep.all() else [f"Not identified, left out: {named(labels, ~keep)}."]
    for j, name in enumerate(design.exits):
        lost = (separated | runaway)[:, j]
        if lost.any():
            remarks.append(
                f"Without any exit '{name}', estimate at minus infinity: {named(labels, lost)}."
            )
    return BaselineFit(
        estimator="multinomial logit",
        unit="log-odds" if design.link == "softmax" else "log-hazard",
        exits=design.exits,
        terms=labels,
        estimate=_reported(mode.beta, keep, separated | runaway),
        standard_error=np.where(separated | runaway, np.nan, error),
        remarks=tuple(remarks),
    )


def _separated(design: Design) -> npt.NDArray[np.bool_]:
    """Coefficients of dummies and counts among whose rows an exit never occurs."""
    one_signed = np.concatenate([(block.matrix() >= 0).all(axis=0) for block in design.blocks])
    counts = coefficient_counts(design)
    occurs = counts.sum(axis=1) > 0
    lacking: npt.NDArray[np.bool_] = (counts[:, 1:] == 0) & (one_signed & occurs)[:, None]
    return lacking


def _standard_errors(cholesky: FloatArray) -> FloatArray:
    inverse = scipy.linalg.solve_triangular(cholesky, np.eye(len(cholesky)), lower=True)
    return np.asarray(np.sqrt((inverse**2).sum(axis=0)))


def _reported(
    beta: FloatArray, keep: npt.NDArray[np.bool_], lost: npt.NDArray[np.bool_]
) -> FloatArray:
    return np.where(keep[:, None], np.where(lost, np.sign(beta) * np.inf, beta), np.nan)
