"""The linear probability model: ordinary least squares, one regression per exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, FloatArray
from hazard.baselines import robust
from hazard.baselines.columns import independent_columns, inverse
from hazard.baselines.fit import BaselineFit, errors_of, spread_out
from hazard.baselines.remarks import (
    coefficient_labels,
    not_identified,
    reference_curves,
    too_few,
    undefined,
)
from hazard.baselines.robust import Clusters, Errors
from hazard.model.design import Design
from hazard.model.equivalent import collapsed, identified
from hazard.model.likelihood import Rows, cross_product, gathered, linear_predictor, rows

UNIT = "probability"

_ROUNDING = 1e-12


def fit(design: Design, *, errors: Errors = "rows") -> BaselineFit:
    """Change in the monthly probability of each exit, by ordinary least squares.

    Parameters
    ----------
    design : Design
        Group terms become dummies relative to their largest level, and lag curves that vary by a
        group interactions.
    errors : {"rows"} or Clusters
        ``"rows"``: HC1, for independent rows of unequal variance, as published. Clusters (of
        :func:`hazard.baselines.robust.clusters`): rows of a group may be related.

    Returns
    -------
    BaselineFit
        Probability per month (or other period of the panel), per unit of the regressor.

    Notes
    -----
    Without an error, and with a remark, where there are as many coefficients as person-months.

    b = (X'X)^-1 X'y with y the indicator of the exit. HC1 is
    n / (n - k) (X'X)^-1 X' diag(e^2) X (X'X)^-1; with clusters g the middle is the sum of
    X_g' e_g e_g' X_g, and the factor that of :func:`hazard.baselines.robust.small_sample`.
    Cross-products come from tables of pairs of levels, so hundreds of dummies cost one pass over
    the rows; absorbing their effects gives the same estimates.

    References
    ----------
    .. [1] MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix
       estimators with improved finite sample properties, Journal of Econometrics 29(3).
    .. [2] Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of
       Business and Economic Statistics 29(2).
    """
    return fit_each(design, [errors])[0]


def fit_each(design: Design, kinds: Sequence[Errors]) -> list[BaselineFit]:
    """As :func:`fit`, with the same estimates under several kinds of errors.

    Parameters
    ----------
    design : Design
    kinds : sequence of {"rows"} or Clusters

    Returns
    -------
    list of BaselineFit
        One per kind of errors, in their order.
    """
    solution = _least_squares(design)
    labels = coefficient_labels(solution.plain)
    remarks = [] if solution.keep.all() else [not_identified(labels, ~solution.keep)]
    remarks += reference_curves(design, solution.plain)
    fits = []
    for errors in kinds:
        covariance, further_remarks = _covariance(solution, errors)
        fits.append(
            BaselineFit(
                estimator="linear probability",
                unit=UNIT,
                exits=design.exits,
                terms=labels,
                estimate=solution.estimate,
                standard_error=errors_of(covariance, ways=robust.ways(errors)),
                remarks=(*remarks, *further_remarks),
                errors=errors.name if isinstance(errors, Clusters) else "HC1",
                freedom=robust.freedom(errors),
                covariance=covariance,
            )
        )
    return fits


def outside(design: Design, fit: BaselineFit) -> pd.DataFrame:
    """Share of person-months whose fitted probability is none: below 0 or above 1.

    Parameters
    ----------
    design : Design
        That of the fit.
    fit : BaselineFit
        Of :func:`fit`.

    Returns
    -------
    DataFrame, columns exit, below, above
        Shares in [0, 1], for every exit and for ``stay``, which is 1 less the sum of the exits.
    """
    plain = identified(collapsed(design))
    fitted = linear_predictor(rows(plain), np.nan_to_num(fit.estimate))
    everything = np.column_stack([1.0 - fitted.sum(axis=1), fitted])
    share = plain.weight / plain.weight.sum()
    return pd.DataFrame(
        {
            "exit": ["stay", *fit.exits],
            "below": share @ (everything < -_ROUNDING),
            "above": share @ (everything > 1 + _ROUNDING),
        }
    )


def left_through(data: Rows) -> FloatArray:
    """Indicator of each exit, shape (row, exit)."""
    return np.asarray(data.outcome[:, None] == np.arange(1, data.n_exits + 1), dtype=np.float64)


def cross(data: Rows, values: FloatArray) -> FloatArray:
    """X' values for the design matrix X, shape (coefficient, exit)."""
    levels = np.zeros((data.n_levels, values.shape[1]))
    for b in range(data.index.shape[1]):
        for j in range(values.shape[1]):
            levels[:, j] += np.bincount(data.index[:, b], values[:, j], data.n_levels)
    return gathered(data.blocks, levels)


@dataclass(frozen=True)
class _LeastSquares:
    """Estimates and what their errors are made from."""

    full: Design
    plain: Design
    keep: BoolArray
    bread: FloatArray
    estimate: FloatArray


def _least_squares(design: Design) -> _LeastSquares:
    plain = identified(collapsed(design))
    data = rows(plain)
    keep = independent_columns(data)
    [gram] = cross_product(data, data.weight[:, None])
    bread = inverse(gram[np.ix_(keep, keep)])
    estimate = np.full((len(keep), data.n_exits), np.nan)
    estimate[keep] = bread @ cross(data, left_through(data) * data.weight[:, None])[keep]
    return _LeastSquares(design, plain, keep, bread, estimate)


def _covariance(solution: _LeastSquares, errors: Errors) -> tuple[FloatArray, list[str]]:
    """Covariance of all estimates, and a remark where a variance is negative."""
    grouped = isinstance(errors, Clusters)
    used = identified(solution.full) if grouped else solution.plain
    data, keep = rows(used), solution.keep
    residual = left_through(data) - linear_predictor(data, np.nan_to_num(solution.estimate))
    factor = robust.small_sample(
        float(data.weight.sum()), robust.counted(used, keep, errors), errors
    )
    m, k = data.n_exits, int(keep.sum())
    filling = _meat(data, residual, errors).reshape(len(keep), m, len(keep), m)
    covariance = np.empty((k, m, k, m))
    for a in range(m):
        for b in range(m):
            part = filling[:, a, :, b][np.ix_(keep, keep)]
            covariance[:, a, :, b] = robust.sandwich(solution.bread, part, factor)
    chosen = np.repeat(keep[:, None], m, axis=1)
    spread = spread_out(covariance.reshape(k * m, k * m), chosen)
    if too_few_rows := too_few(robust.counted(used, keep, errors), float(data.weight.sum())):
        return spread, too_few_rows
    negative = keep & np.isnan(errors_of(spread, ways=robust.ways(errors))).any(axis=1)
    return spread, undefined(coefficient_labels(used), negative)


def _meat(data: Rows, residual: FloatArray, errors: Errors) -> FloatArray:
    if not isinstance(errors, Clusters):
        return robust.meat_of_rows(data, residual)
    return robust.meat(errors, lambda code: robust.sums(data, residual, code))
