"""The linear probability model with an effect per person: what changes within a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines import jackknife, robust
from hazard.baselines.columns import independent, inverse
from hazard.baselines.fit import BaselineFit, errors_of, spread_out
from hazard.baselines.linear_probability import UNIT, cross, left_through
from hazard.baselines.partial_likelihood import columns
from hazard.baselines.remarks import by_one_cluster, coefficient_labels, named, undefined
from hazard.baselines.robust import Clusters
from hazard.model.design import Design
from hazard.model.equivalent import identified
from hazard.model.likelihood import Rows, cross_product, linear_predictor, rows


def fit(design: Design, person: Clusters, *, clusters: Clusters | None = None) -> BaselineFit:
    """Change in the monthly probability of each exit, compared with the person's other months.

    Parameters
    ----------
    design : Design
        One row per person-month.
    person : Clusters
        Rows of each person, of :func:`hazard.baselines.robust.clusters`.
    clusters : Clusters, optional
        Rows whose errors may be related; those of a person by default.

    Returns
    -------
    BaselineFit
        NaN, and named in a remark, where a regressor is the same in all months of every person, or
        a combination of others within persons.

    Notes
    -----
    Least squares after the mean of the person is taken from the exit and from every regressor:
    b = (X'MX)^-1 X'My with MX the rows less their person's mean. Errors are those of the cluster
    jackknife (:func:`hazard.baselines.jackknife.covariance`) of MX: exact where each person lies in
    one cluster; else the means of persons stay those of all their rows.

    An exit ends the history, so that it always falls in the last month. Compared with the earlier
    months of the same person, whatever rises with the time at risk then seems to cause it, and
    whatever falls to prevent it: the check tells little of an exit that happens once.

    Examples
    --------
    Two months and an exit in the second: the month has the coefficient 1, for everybody who leaves.

    >>> import pandas as pd
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]
    ... [[term]]
    ... kind = "covariate"
    ... column = "time"
    ... prior = {family = "normal", scale = 1.0, reason = "an example only"}'''
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 1], "month": [1, 2, 1, 2]})
    >>> panel = panel.assign(exit=["stay", "left"] * 2, time=panel["month"] * 1.0)
    >>> model_design = design.build(panel, {}, spec.load(text))
    >>> persons = robust.clusters(model_design, panel, ["person"])
    >>> fit(model_design, persons).estimate[1].round(12).tolist()
    [1.0]
    """
    if clusters is None:
        clusters = person
    plain = identified(design)
    within = _within(rows(plain), person.codes[0])
    labels = coefficient_labels(plain)
    estimate, residual, bread = _least_squares(within)
    keep = within.keep
    equations = jackknife.least_squares(_demeaned(within)[:, keep], residual, bread)
    among_kept, alone_among_kept = jackknife.covariance(equations, clusters)
    covariance = spread_out(among_kept, np.repeat(keep[:, None], len(plain.exits), axis=1))
    error = errors_of(covariance, ways=robust.ways(clusters))
    alone = np.zeros_like(keep)
    alone[keep] = alone_among_kept
    unidentified = ~keep
    unidentified[0] = False  # the intercept is in the effects of the persons
    remarks = [f"The same in all months of a person, left out: {named(labels, unidentified)}."]
    return BaselineFit(
        estimator="linear probability within persons",
        unit=UNIT,
        exits=design.exits,
        terms=labels,
        estimate=estimate,
        standard_error=error,
        remarks=(
            *(remarks if unidentified.any() else []),
            *by_one_cluster(plain, alone),
            *undefined(labels, keep & ~alone & np.isnan(error).any(axis=1)),
        ),
        errors=clusters.jackknife_name,
        freedom=robust.freedom(clusters),
        covariance=covariance,
    )


@dataclass(frozen=True)
class _Within:
    """Regressors of which the person's mean is taken: cross-products, and the means."""

    data: Rows
    code: IntArray
    length: FloatArray
    sums: Any
    gram: FloatArray
    keep: BoolArray


def _within(data: Rows, code: IntArray) -> _Within:
    length = np.bincount(code).astype(np.float64)
    sums = robust.sums(data, np.ones((len(code), 1)), code)
    [gram] = cross_product(data, data.weight[:, None])
    size = np.sqrt(np.diag(gram))
    gram = gram - (sums.T @ (sparse.diags_array(1 / length) @ sums)).toarray()
    return _Within(data, code, length, sums, gram, independent(gram, size))


def _least_squares(within: _Within) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimates, residuals and the inverse of the cross-products of the columns kept."""
    data, keep = within.data, within.keep
    exits = left_through(data)
    bread = inverse(within.gram[np.ix_(keep, keep)])
    demeaned = exits - _means(within, exits)[within.code]
    estimate = np.full((len(keep), data.n_exits), np.nan)
    estimate[keep] = bread @ cross(data, demeaned)[keep]
    residual = exits - linear_predictor(data, np.nan_to_num(estimate))
    return estimate, residual - _means(within, residual)[within.code], bread


def _means(within: _Within, values: FloatArray) -> FloatArray:
    """Mean of every person, shape (person, exit)."""
    columns = [np.bincount(within.code, column) for column in values.T]
    return np.asarray(np.column_stack(columns) / within.length[:, None])


def _demeaned(within: _Within) -> Any:
    """Regressors less the mean of the person, sparse, shape (row, coefficient)."""
    means = sparse.diags_array(1 / within.length) @ within.sums
    return (columns(within.data) - means.tocsr()[within.code]).tocsr()
