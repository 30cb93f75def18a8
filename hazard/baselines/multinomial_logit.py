"""The multinomial logit (or cause-specific cloglog) model by maximum likelihood."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg

from hazard.baselines.fit import (
    BaselineFit,
    coefficient_labels,
    independent_columns,
    named,
    reference_curves,
)
from hazard.design import Design, coefficient_counts, collapsed, identified
from hazard.laplace import Penalty, newton
from hazard.likelihood import rows
from hazard.terms.block import FloatArray

BoolArray = npt.NDArray[np.bool_]

_AT_MINUS_INFINITY = -40.0
_RUNAWAY = 15.0


def fit(design: Design) -> BaselineFit:
    """Log-odds of each exit against staying, by maximum likelihood.

    Parameters
    ----------
    design : Design
        Group terms become dummies relative to their largest level, and lag curves that vary by a
        group interactions.

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
    Such coefficients are held at the limit, reported as minus infinity, and named. So are those
    that move the linear predictor by more than 15 at the maximum: together with others they
    separate an exit.

    References
    ----------
    .. [1] Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
       regression models, Biometrika 71(1).
    """
    plain = identified(collapsed(design))
    data = rows(plain)
    keep = independent_columns(data)
    counts = np.bincount(data.outcome, data.weight, data.n_exits + 1)
    known = np.repeat(keep[:, None], data.n_exits, axis=1)
    known[1:, counts[1:] == 0] = False  # of an exit that never occurs only the level is known
    separated = _separated(plain) & known
    free = known & ~separated
    start = np.zeros(free.shape)
    start[0] = np.log(np.maximum(counts[1:], 0.5) / max(counts[0], 0.5))
    start[separated] = _AT_MINUS_INFINITY
    flat = Penalty(np.zeros((*start.shape, data.n_exits)), np.zeros_like(start))
    mode = newton(data, start, flat, free=free)
    reach = np.concatenate([block.reach() for block in plain.blocks])
    runaway = free & (np.abs(mode.beta) * reach[:, None] > _RUNAWAY)
    error = np.full(free.shape, np.nan)
    error[free] = _standard_errors(mode.cholesky)
    labels = coefficient_labels(plain)
    remarks = [] if keep.all() else [f"Not identified, left out: {named(labels, ~keep)}."]
    remarks += reference_curves(design, plain)
    for j, name in enumerate(design.exits):
        remarks += _unbounded(name, labels, separated[:, j], runaway[:, j])
    return BaselineFit(
        estimator="multinomial logit",
        unit="log-odds" if design.link == "softmax" else "log-hazard",
        exits=design.exits,
        terms=labels,
        estimate=_reported(mode.beta, known, separated | runaway),
        standard_error=np.where(separated | runaway, np.nan, error),
        remarks=tuple(remarks),
    )


def _separated(design: Design) -> BoolArray:
    """Coefficients of dummies and counts among whose rows an exit never occurs."""
    one_signed = np.concatenate([(block.matrix() >= 0).all(axis=0) for block in design.blocks])
    counts = coefficient_counts(design)
    occurs = counts.sum(axis=1) > 0
    lacking: BoolArray = (counts[:, 1:] == 0) & (one_signed & occurs)[:, None]
    return lacking


def _standard_errors(cholesky: FloatArray) -> FloatArray:
    inverse = scipy.linalg.solve_triangular(cholesky, np.eye(len(cholesky)), lower=True)
    return np.asarray(np.sqrt((inverse**2).sum(axis=0)))


def _reported(beta: FloatArray, known: BoolArray, lost: BoolArray) -> FloatArray:
    return np.where(known, np.where(lost, np.copysign(np.inf, beta), beta), np.nan)


def _unbounded(
    exit_: str, labels: pd.DataFrame, separated: BoolArray, runaway: BoolArray
) -> list[str]:
    remarks = []
    if separated.any():
        where = named(labels, separated)
        remarks.append(f"Without any exit '{exit_}', estimate at minus infinity: {where}.")
    if runaway.any():
        where = named(labels, runaway)
        remarks.append(f"Together they tell exit '{exit_}' for sure, without bound: {where}.")
    return remarks
