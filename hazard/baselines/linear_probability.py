"""The linear probability model: ordinary least squares, one regression per exit."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from hazard.baselines.fit import (
    BaselineFit,
    coefficient_labels,
    independent_columns,
    named,
    reference_curves,
)
from hazard.design import Design, collapsed, identified
from hazard.likelihood import Rows, cross_product, gathered, linear_predictor, rows
from hazard.terms.block import FloatArray


def fit(design: Design) -> BaselineFit:
    """Change in the monthly probability of each exit, by ordinary least squares.

    Parameters
    ----------
    design : Design
        Group terms become dummies relative to their largest level, and lag curves that vary by a
        group interactions.

    Returns
    -------
    BaselineFit
        Probability per month (or other period of the panel), per unit of the regressor, with HC1
        standard errors.

    Notes
    -----
    b = (X'X)^-1 X'y with y the indicator of the exit; variance
    n / (n - k) (X'X)^-1 X' diag(e^2) X (X'X)^-1. Cross-products come from tables of pairs of
    levels, so hundreds of dummies cost one pass over the rows.

    References
    ----------
    .. [1] MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix
       estimators with improved finite sample properties, Journal of Econometrics 29(3).
    """
    plain = identified(collapsed(design))
    data = rows(plain)
    keep = independent_columns(data)
    [gram] = cross_product(data, data.weight[:, None])
    inverse = scipy.linalg.inv(gram[np.ix_(keep, keep)])
    left = (data.outcome[:, None] == np.arange(1, data.n_exits + 1)).astype(np.float64)
    estimate = np.full((len(keep), data.n_exits), np.nan)
    estimate[keep] = inverse @ _cross(data, left * data.weight[:, None])[keep]
    residual = left - linear_predictor(data, np.nan_to_num(estimate))
    meat = cross_product(data, data.weight[:, None] * residual**2)
    n = float(data.weight.sum())
    error = np.full_like(estimate, np.nan)
    for j in range(data.n_exits):
        covariance = inverse @ meat[j][np.ix_(keep, keep)] @ inverse * (n / (n - keep.sum()))
        error[keep, j] = np.sqrt(np.diag(covariance))
    labels = coefficient_labels(plain)
    remarks = [] if keep.all() else [f"Not identified, left out: {named(labels, ~keep)}."]
    remarks += reference_curves(design, plain)
    return BaselineFit(
        estimator="linear probability",
        unit="probability",
        exits=design.exits,
        terms=labels,
        estimate=estimate,
        standard_error=error,
        remarks=tuple(remarks),
    )


def _cross(data: Rows, values: FloatArray) -> FloatArray:
    """X' values, shape (coefficient, exit)."""
    levels = np.zeros((data.n_levels, values.shape[1]))
    for b in range(data.index.shape[1]):
        for j in range(values.shape[1]):
            levels[:, j] += np.bincount(data.index[:, b], values[:, j], data.n_levels)
    return gathered(data.blocks, levels)
