"""How much an event changes the monthly probability of each exit, on average over person-months."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import FloatArray
from hazard.compiled import compiled_in_parallel
from hazard.errors import EstimandError
from hazard.estimands.incidence import cumulative_lag_effect
from hazard.model.design import Design
from hazard.model.equivalent import collapsed
from hazard.model.likelihood import Rows, rows, table
from hazard.model.links import share_out
from hazard.model.terms.lagged import window_of_lag
from hazard.spec import LaggedTerm

_PARTS = 16  # rows are summed in a fixed number of parts: no sum depends on the cores


def changes(beta: xr.DataArray, design: Design, terms: Sequence[LaggedTerm]) -> xr.Dataset:
    """Mean monthly probability of each exit with and without one event so many months ago.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`hazard.estimands.incidence.coefficients`, or of a baseline.
    design : Design
        Its person-months are averaged over; each keeps everything but the event.
    terms : sequence of LaggedTerm
        Of a term with a threshold the event is so many at once, of a rate per resident an event of
        everybody.

    Returns
    -------
    Dataset, dims (chain, draw, term, lag, exit)
        ``without`` and ``with``, probabilities per month in [0, 1], and
        ``average_marginal_effect``, the second minus the first; not a number for lags that a term
        does not have.

    Raises
    ------
    EstimandError
        If there is no lagged term.

    Notes
    -----
    With h_ij the hazard of person-month i, x_i its history and w_i its weight, the average change
    by an event l months ago is sum_i w_i (h_ij(x_il = 1) - h_ij(x_il = 0)) / sum_i w_i: the average
    marginal effect of a discrete variable. A percentage point is 0.01.

    Examples
    --------
    Two person-months, one exposed; odds 1 without and 3 with the event: 3/4 - 1/2.

    >>> from hazard import spec
    >>> from hazard.model import design
    >>> import pandas as pd
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]
    ... [[term]]
    ... kind = "lagged"
    ... exposure = "visit"
    ... network = "centre"
    ... lags = [0, 0]
    ... history_before_start = "missing"
    ... prior = {family = "normal", scale = 1.0, reason = "an example only"}'''
    >>> panel = pd.DataFrame({"person": [0, 1], "month": [1, 1], "exit": ["stay", "left"]})
    >>> history = xr.DataArray([[0.0], [1.0]], dims=("row", "lag"))
    >>> model = spec.load(text)
    >>> model_design = design.build(panel, {"visit_centre": history}, model)
    >>> beta = np.array([0.0, np.log(3)]).reshape(1, 1, 2, 1)
    >>> beta = xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))
    >>> effects = changes(beta, model_design, model.lagged)
    >>> effects["average_marginal_effect"].values.ravel().round(12).tolist()
    [0.25]
    """
    if not terms:
        raise EstimandError("changes of a probability must have a lagged term; the model has none.")
    distinct = rows(collapsed(design))
    events = _events(distinct, terms)
    share = distinct.weight / distinct.weight.sum()
    draws = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit")
    means = np.stack([_draw_means(distinct, events, share, draw) for draw in draws.values])
    by_sample = _by_lag(means, terms).assign_coords(sample=draws["sample"], exit=list(design.exits))
    by_arm = by_sample.unstack("sample").transpose("chain", "draw", "term", "lag", "exit", "arm")
    without, with_one = by_arm.isel(arm=0), by_arm.isel(arm=1)
    return xr.Dataset(
        {"without": without, "with": with_one, "average_marginal_effect": with_one - without}
    )


def summed(by_lag: xr.DataArray) -> xr.DataArray:
    """Sum over the lags that each term has.

    Parameters
    ----------
    by_lag : DataArray, dims (..., term, lag, ...)
        Not a number for lags that a term does not have.

    Returns
    -------
    DataArray
        Without ``lag``; leads count only in a term that has nothing else. Of changes of a monthly
        probability it is the change that one event makes in all months in which it acts.

    Examples
    --------
    >>> two = xr.DataArray([[1.0, 2.0], [4.0, np.nan]], {"term": ["a", "b"], "lag": [0, 1]})
    >>> summed(two).values.tolist()
    [3.0, 4.0]
    """
    totals = [
        cumulative_lag_effect(by_lag.sel(term=[term]).dropna("lag", how="all"))
        for term in by_lag["term"].values
    ]
    return xr.concat(totals, dim="term")


def _by_lag(means: FloatArray, terms: Sequence[LaggedTerm]) -> xr.DataArray:
    """What the coefficients say of every lag, (sample, term, lag, arm, exit).

    One event lies in a window at all of its lags.
    """
    lags = np.arange(min(t.lags[0] for t in terms), max(t.lags[1] for t in terms) + 1)
    n_samples, n_terms, _, *rest = means.shape
    out = np.full((n_samples, n_terms, len(lags), *rest), np.nan)
    for t, term in enumerate(terms):
        span = slice(term.lags[0] - lags[0], term.lags[1] - lags[0] + 1)
        out[:, t, span] = means[:, t, window_of_lag(term)]
    names = [term.name for term in terms]
    dims = ("sample", "term", "lag", "arm", "exit")
    return xr.DataArray(out, {"term": names, "lag": lags}, dims)


class _Events(NamedTuple):
    """Where the history of each term stands in the rows.

    Attributes
    ----------
    column, curve_column : ndarray of int64, shape (term,)
        Block with the history, and with the curves of levels that have their own (-1: none).
    value : ndarray, shape (level, coefficient)
        History of every level of the stacked table, zero where a level is not one of histories.
    owner : ndarray of int64, shape (level,)
        Curve of every level of the stacked table: 0 for the common one.
    """

    column: npt.NDArray[np.int64]
    curve_column: npt.NDArray[np.int64]
    value: FloatArray
    owner: npt.NDArray[np.int64]


class _WeightedRows(NamedTuple):
    """Positions of the rows in the stacked table, and the share of each in the average."""

    position: npt.NDArray[np.int32]
    share: FloatArray


def _events(distinct: Rows, terms: Sequence[LaggedTerm]) -> _Events:
    names = [block.name for block in distinct.blocks]
    varying = {
        block.common_block: b
        for b, block in enumerate(distinct.blocks)
        if block.common_block is not None
    }
    column = np.array([names.index(term.name) for term in terms])
    curve_column = np.array([varying.get(term.name, -1) for term in terms])
    offsets = np.concatenate([[0], np.cumsum([block.n_levels for block in distinct.blocks])])
    value = np.zeros((distinct.n_levels, max(distinct.blocks[b].n_coefficients for b in column)))
    owner = np.zeros(distinct.n_levels, dtype=np.int64)
    for b, b_curve in zip(column, curve_column, strict=True):
        block = distinct.blocks[b]
        value[offsets[b] : offsets[b + 1], : block.n_coefficients] = block.values()
        if b_curve >= 0:
            owner[offsets[b_curve] : offsets[b_curve + 1]] = distinct.blocks[b_curve].owner + 1
    return _Events(column, curve_column, value, owner)


def _draw_means(distinct: Rows, events: _Events, share: FloatArray, beta: FloatArray) -> FloatArray:
    """Means of one draw, shape (term, coefficient, arm, exit)."""
    effect = _effects(distinct, events, beta)
    levels = table(distinct.blocks, beta)
    return _sums(distinct.link, levels, _WeightedRows(distinct.index, share), events, effect)


def _effects(distinct: Rows, events: _Events, beta: FloatArray) -> FloatArray:
    """Effect of an event, shape (term, curve, coefficient, exit); curve 0 is the common one."""
    spans = np.cumsum([0, *(block.n_coefficients for block in distinct.blocks)])
    copies = max(block.copies for block in distinct.blocks)
    out = np.zeros((len(events.column), copies + 1, events.value.shape[1], beta.shape[1]))
    for t, (b, b_curve) in enumerate(zip(events.column, events.curve_column, strict=True)):
        common = beta[spans[b] : spans[b + 1]]
        out[t, :, : len(common)] = common
        if b_curve >= 0:
            block = distinct.blocks[b_curve]
            part = beta[spans[b_curve] : spans[b_curve + 1]]
            out[t, 1 : block.copies + 1, : len(common)] += part.reshape(block.copies, *common.shape)
    return out


@compiled_in_parallel
def _sums(
    link: int,
    levels: FloatArray,
    weighted: _WeightedRows,
    events: _Events,
    effect: FloatArray,
) -> FloatArray:
    """Sums over rows, shape (term, coefficient, arm, exit); products of odds replace exponentials.

    One of the two arms is the row as it is, unless it has several events of a lag.
    """
    index, share = weighted
    column, curve_column, value, owner = events
    n_terms, _, n_coefficients, n_exits = effect.shape
    odds_ratio = np.exp(effect)
    parts = np.zeros((_PARTS, n_terms, n_coefficients, 2, n_exits))
    for part in numba.prange(_PARTS):
        odds, as_observed, arms = np.empty(n_exits), np.empty(n_exits), np.empty((2, n_exits))
        for i in range(part, index.shape[0], _PARTS):
            odds[:] = 0.0
            for b in range(index.shape[1]):
                for j in range(n_exits):
                    odds[j] += levels[index[i, b], j]
            for j in range(n_exits):
                odds[j] = as_observed[j] = math.exp(odds[j])
            share_out(link, as_observed, 1.0)
            for t in range(n_terms):
                level = index[i, column[t]]
                curve = 0 if curve_column[t] < 0 else owner[index[i, curve_column[t]]]
                for c in range(n_coefficients):
                    x = value[level, c]
                    for j in range(n_exits):
                        arms[0, j] = odds[j]
                        if x == 1.0:
                            arms[0, j] /= odds_ratio[t, curve, c, j]
                        elif x != 0.0:
                            arms[0, j] *= math.exp(-x * effect[t, curve, c, j])
                        arms[1, j] = arms[0, j] * odds_ratio[t, curve, c, j]
                    for arm in range(2):
                        if x == arm:
                            arms[arm] = as_observed
                        else:
                            share_out(link, arms[arm], 1.0)
                        for j in range(n_exits):
                            parts[part, t, c, arm, j] += share[i] * arms[arm, j]
    return parts.sum(axis=0)
