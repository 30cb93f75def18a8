"""Tidy tables of the curves and of their sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats  # type: ignore[attr-defined]
from scipy import stats

from hazard.spec.priors import Prior
from hazard.studies.published.coefficient_table import UNITS
from hazard.studies.published.normal import PRIORS, normal_posterior

_ARVIZ: Any = array_stats  # untyped
_INTERVAL = ["estimate", "lower", "upper", "ci_prob", "ci_kind", "unit"]
_ESTIMATE = ["estimator", "prior", "exit", "exposure", "network", "lag", *_INTERVAL]


def estimates(tree: xr.DataTree, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Posterior of every coefficient and every sum as a tidy table.

    Parameters
    ----------
    tree : DataTree
        As :func:`posterior` returns it.
    ci_prob : float
        Posterior probability inside the interval.

    Returns
    -------
    DataFrame
        One row per curve, prior and lag. ``lag`` is text, the number of months or ``"sum"``;
        ``estimate`` is the posterior median and ``mcse`` its Monte Carlo error;
        ``probability_positive`` is the posterior probability of a value above 0.
    """
    posterior = tree["posterior"].to_dataset()
    draws = _by_lag(posterior["theta"], posterior["cumulative_lag_effect"])
    tail = (1 - ci_prob) / 2
    quantiles = draws.quantile([tail, 0.5, 1 - tail], dim=("chain", "draw"))
    ordered = draws.transpose("chain", "draw", ...)
    error = _ARVIZ.mcse(ordered.values, chain_axis=0, draw_axis=1, method="median")
    table = xr.Dataset(
        {
            "estimate": quantiles.isel(quantile=1, drop=True),
            "lower": quantiles.isel(quantile=0, drop=True),
            "upper": quantiles.isel(quantile=2, drop=True),
            "mcse": (ordered.dims[2:], error),
            "probability_positive": (draws > 0).mean(("chain", "draw")),
        }
    )
    frame = _tidy(table, ci_prob=ci_prob, ci_kind="equal-tailed")
    return frame[[*_ESTIMATE, "mcse", "probability_positive"]]


def published_estimates(curves: xr.Dataset, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """The printed coefficients with normal intervals, in the columns of :func:`estimates`.

    Returns
    -------
    DataFrame
        ``prior`` is ``"published"``; sums take the errors of the lags as independent.
    """
    b, s = curves["coefficient"], curves["standard_error"]
    table = xr.Dataset({"estimate": _by_lag(b, b.sum("lag"))})
    sd = _by_lag(s, (s**2).sum("lag") ** 0.5)
    frame = _normal_interval(table, sd, ci_prob).assign(prior="published")
    return frame[_ESTIMATE].assign(mcse=0.0, probability_positive=np.nan)


def neighbour_correlation(
    curves: xr.Dataset,
    priors: Mapping[str, Prior] = PRIORS,
    *,
    correlations: tuple[float, ...] = (-0.3, 0.0, 0.3),
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Sum over lags, were the errors of neighbouring lags correlated: what was not printed.

    Returns
    -------
    DataFrame
        One row per curve, prior and ``correlation``, with ``estimate``, ``lower``, ``upper``,
        ``ci_prob``, ``ci_kind`` and ``unit``; normal approximation (:func:`normal_posterior`).
    """
    rows = []
    for name, prior in priors.items():
        for r in correlations:
            normal = normal_posterior(curves, prior, correlation=r)
            sums = xr.Dataset({"estimate": normal["mean"].sum("lag")})
            sd = normal["covariance"].sum(["lag", "other_lag"]) ** 0.5
            rows.append(_normal_interval(sums, sd, ci_prob).assign(prior=name, correlation=r))
    columns = [name for name in _ESTIMATE if name != "lag"]
    return pd.concat(rows, ignore_index=True)[["correlation", *columns]]


def _by_lag(by_lag: xr.DataArray, total: xr.DataArray) -> xr.DataArray:
    text = by_lag.assign_coords(lag=[str(lag) for lag in by_lag["lag"].values])
    return xr.concat([text, total.expand_dims(lag=["sum"])], dim="lag")


def _normal_interval(table: xr.Dataset, sd: xr.DataArray, ci_prob: float) -> pd.DataFrame:
    reach = float(stats.norm.ppf((1 + ci_prob) / 2)) * sd
    ends = table.assign(lower=table["estimate"] - reach, upper=table["estimate"] + reach)
    return _tidy(ends, ci_prob=ci_prob, ci_kind="normal")


def _tidy(table: xr.Dataset, *, ci_prob: float, ci_kind: str) -> pd.DataFrame:
    order = [dim for dim in ("prior", "curve", "lag") if dim in table.dims]
    frame = table.to_dataframe(dim_order=order).reset_index()
    return frame.assign(ci_prob=ci_prob, ci_kind=ci_kind, unit=frame["estimator"].map(UNITS))
