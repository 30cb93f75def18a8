"""What a linear coefficient is made of, where the probabilities are those of a logit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.linalg
import xarray as xr

from hazard.arrays import FloatArray
from hazard.baselines.columns import independent_columns
from hazard.baselines.fit import BaselineFit
from hazard.model.design import Design
from hazard.model.equivalent import collapsed, identified
from hazard.model.likelihood import Rows, cross_product, linear_predictor, rows
from hazard.model.links import hazard
from hazard.model.terms.lagged import window_of_lag
from hazard.spec import LaggedTerm
from hazard.spec.links import LinkName

PIECES = ("linear", "curvature", "weighted", "exposed", "average")


def pieces(design: Design, logit: BaselineFit, terms: Sequence[LaggedTerm]) -> xr.DataArray:
    """Coefficients of least squares on fitted probabilities of a logit, taken apart.

    Parameters
    ----------
    design : Design
        On which the logit was fitted.
    logit : BaselineFit
        Of :func:`hazard.baselines.multinomial_logit.fit`.
    terms : sequence of LaggedTerm
        With ``measure = "at_least"`` and one curve for all.

    Returns
    -------
    DataArray, dims (piece, term, lag, exit)
        Changes of a monthly probability. ``linear``, the coefficient of least squares, is the sum
        of ``weighted`` and ``curvature``. ``average`` is the average change over all person-months
        (:func:`hazard.estimands.marginal_effects.changes`), ``exposed`` over those with the event,
        ``weighted`` over those with the event by the weights of least squares. Not a number where
        the rows do not tell a column from others.

    Notes
    -----
    Let p be the fitted probability, p0 that without the event, x the event, d = p - p0 in rows
    with it, and r the residual of x in a regression on all other columns. By Frisch, Waugh and
    Lovell the coefficient of x is sum(r p) / sum(r^2), and sum(r x) = sum(r^2), so that it is

    sum(r x d) / sum(r x) + sum(r p0) / sum(r^2):

    a weighted mean of the changes of exposed rows, and the coefficient of x in the probabilities
    without the event, which is zero if these are linear in the other columns. At the maximum of a
    multinomial logit X'(y - p) = 0: least squares says the same of the fitted probabilities as of
    the exits themselves. So both columns of a table are two summaries of one set of cross-products.

    References
    ----------
    .. [1] Angrist and Pischke (2009), Mostly Harmless Econometrics, section 3.3.
    """
    data = rows(collapsed(identified(design)))
    beta = logit.centre()
    eta = linear_predictor(data, beta)
    residuals = dict(_residuals(data, terms))
    lags = np.arange(min(t.lags[0] for t in terms), max(t.lags[1] for t in terms) + 1)
    shape = (len(PIECES), len(terms), len(lags), data.n_exits)
    values = np.full(shape, np.nan)
    for t, term in enumerate(terms):
        for lag, c in zip(term.every_lag, window_of_lag(term), strict=True):
            if (key := (term.name, int(c))) in residuals:
                position, x, residual = residuals[key]
                without, with_one = _arms(
                    design.link, eta - np.outer(x, beta[position]), beta[position]
                )
                values[:, t, lag - lags[0]] = _coefficient_pieces(
                    data.weight, x, residual, without, with_one
                )
    return xr.DataArray(
        values,
        dims=("piece", "term", "lag", "exit"),
        coords={
            "piece": list(PIECES),
            "term": [term.name for term in terms],
            "lag": lags,
            "exit": list(design.exits),
        },
    )


def _coefficient_pieces(
    weight: FloatArray,
    x: FloatArray,
    residual: FloatArray,
    without: FloatArray,
    with_one: FloatArray,
) -> FloatArray:
    """The pieces of one coefficient, shape (piece, exit)."""
    change = with_one - without
    of_exposed = weight * residual * x
    curvature = (weight * residual) @ without / (weight @ residual**2)
    weighted = of_exposed @ change / of_exposed.sum()
    exposed = (weight * x) @ change / (weight @ x)
    average = weight @ change / weight.sum()
    return np.stack([weighted + curvature, curvature, weighted, exposed, average])


def _arms(link: LinkName, eta: FloatArray, effect: FloatArray) -> tuple[FloatArray, FloatArray]:
    predictors = [
        xr.DataArray(predictor, dims=("row", "exit")) for predictor in (eta, eta + effect)
    ]
    without, with_one = (hazard(predictor, link).values for predictor in predictors)
    return without, with_one


def _residuals(
    data: Rows, terms: Sequence[LaggedTerm]
) -> Iterator[tuple[tuple[str, int], tuple[int, FloatArray, FloatArray]]]:
    """Of every event column: its place, its values, and its residual on all other columns.

    The residual of column c is X g / g_c with g column c of (X'WX)^-1.
    """
    keep = independent_columns(data)
    [gram] = cross_product(data, data.weight[:, None])
    kept_position = np.cumsum(keep) - 1
    bread = scipy.linalg.inv(gram[np.ix_(keep, keep)])
    starts = np.cumsum([0, *(block.n_coefficients for block in data.blocks)])
    names = [block.name for block in data.blocks]
    offsets = np.cumsum([0, *(block.n_levels for block in data.blocks)])
    for term in terms:
        b = names.index(term.name)
        history = data.blocks[b].matrix()[data.index[:, b] - offsets[b]]
        for c in range(history.shape[1]):
            position = int(starts[b]) + c
            if keep[position]:
                weights = np.zeros((len(keep), 1))
                weights[keep, 0] = (
                    bread[:, kept_position[position]]
                    / bread[kept_position[position], kept_position[position]]
                )
                yield (
                    (term.name, c),
                    (position, history[:, c], linear_predictor(data, weights)[:, 0]),
                )
