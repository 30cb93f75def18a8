"""The linear probability model: ordinary least squares, one regression per exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, FloatArray
from hazard.baselines import jackknife, robust
from hazard.baselines.columns import independent_columns, inverse
from hazard.baselines.fit import BaselineFit, errors_of, spread_out
from hazard.baselines.partial_likelihood import columns
from hazard.baselines.remarks import (
    by_one_cluster,
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
    n / (n - k) (X'X)^-1 X' diag(e^2) X (X'X)^-1. Errors of clusters are those of the cluster
    jackknife (:func:`hazard.baselines.jackknife.covariance`), which hold with few and unequal
    clusters better than the sandwich [2]_. A coefficient that cannot be estimated without one of
    the clusters, such as that of its own dummy, has none.
    Cross-products come from tables of pairs of levels, so hundreds of dummies cost one pass over
    the rows; absorbing their effects gives the same estimates.

    References
    ----------
    .. [1] MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix
       estimators with improved finite sample properties, Journal of Econometrics 29(3).
    .. [2] MacKinnon, Nielsen and Webb (2023), Cluster-robust inference: a guide to empirical
       practice, Journal of Econometrics 232(2).
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
                errors=errors.jackknife_name if isinstance(errors, Clusters) else "HC1",
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
    """Covariance of all estimates, and remarks on what has none."""
    n_rows, k = float(solution.plain.weight.sum()), int(solution.keep.sum())
    chosen = np.repeat(solution.keep[:, None], len(solution.plain.exits), axis=1)
    if too_few_rows := too_few(k, n_rows):
        none = np.full((chosen.sum(), chosen.sum()), np.nan)
        return spread_out(none, chosen), too_few_rows
    if not isinstance(errors, Clusters):
        return spread_out(_of_rows(solution, robust.small_sample(n_rows, k)), chosen), []
    covariance, alone = _of_clusters(solution, errors)
    spread = spread_out(covariance, chosen)
    negative = chosen & np.isnan(errors_of(spread, ways=robust.ways(errors)))
    negative[solution.keep] &= ~alone[:, None]
    labels = coefficient_labels(solution.plain)
    told_alone = np.zeros_like(solution.keep)
    told_alone[solution.keep] = alone
    return spread, [
        *by_one_cluster(solution.plain, told_alone),
        *undefined(labels, negative.any(axis=1)),
    ]


def _of_rows(solution: _LeastSquares, factor: float) -> FloatArray:
    """HC1, shape (kept * exit, kept * exit)."""
    data, keep = rows(solution.plain), solution.keep
    m, k = data.n_exits, int(keep.sum())
    filling = robust.meat_of_rows(data, _residual(solution, data)).reshape(len(keep), m, -1, m)
    covariance = np.empty((k, m, k, m))
    for a in range(m):
        for b in range(m):
            part = filling[:, a, :, b][np.ix_(keep, keep)]
            covariance[:, a, :, b] = robust.sandwich(solution.bread, part, factor)
    return covariance.reshape(k * m, k * m)


def _of_clusters(solution: _LeastSquares, clusters: Clusters) -> tuple[FloatArray, BoolArray]:
    """CV3 of the coefficients kept, and which of them have none."""
    data = rows(identified(solution.full))
    matrix = columns(data)[:, solution.keep]
    residual = _residual(solution, data)
    return jackknife.covariance(jackknife.least_squares(matrix, residual, solution.bread), clusters)


def _residual(solution: _LeastSquares, data: Rows) -> FloatArray:
    return left_through(data) - linear_predictor(data, np.nan_to_num(solution.estimate))
