"""Draws and baseline fits -> tidy tables; every estimate with its interval, unit and error.

Columns of an estimates table: estimator, quantity, exposure, network, exit, lag, arm, month,
estimate, lower, upper, ci_prob, ci_kind, unit, mcse. A column that does not apply is empty.
"""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines.fit import BaselineFit
from hazard.spec import ModelSpec

COLUMNS = (
    "estimator",
    "quantity",
    "exposure",
    "network",
    "exit",
    "lag",
    "arm",
    "month",
    "estimate",
    "lower",
    "upper",
    "ci_prob",
    "ci_kind",
    "unit",
    "mcse",
)
HAZARD_MODEL = "hazard model"


def summary(draws: xr.DataArray, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Mean, equal-tailed interval and Monte Carlo error of every element.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
    ci_prob : float

    Returns
    -------
    DataFrame
        One row per element: its coordinates, estimate, lower, upper, ci_prob, ci_kind, mcse;
        missing where a draw is not a number.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(41.0)[None], dims=("chain", "draw"))
    >>> summary(draws.expand_dims(exit=["a"]))[["estimate", "lower", "upper"]].round(9).values
    array([[20.,  1., 39.]])
    """
    tail = (1 - ci_prob) / 2
    edges = draws.quantile([tail, 1 - tail], dim=("chain", "draw"), skipna=False)
    named = draws.rename("value")
    error = az.mcse(xr.Dataset({"value": named}))["value"]
    parts = xr.Dataset(
        {
            "estimate": draws.mean(("chain", "draw"), skipna=False),
            "lower": edges.isel(quantile=0, drop=True),
            "upper": edges.isel(quantile=1, drop=True),
            "mcse": error,
        }
    )
    return parts.to_dataframe().reset_index().assign(ci_prob=ci_prob, ci_kind="equal-tailed")


def lag_curve_estimates(curves: xr.Dataset, spec: ModelSpec) -> pd.DataFrame:
    """Estimates of the lag curves of the hazard model and of their sums."""
    by_lag = summary(curves["lag_coefficient"]).assign(quantity="lag_coefficient")
    lags = {term.name: range(term.lags[0], term.lags[1] + 1) for term in spec.lagged}
    own = [lag in lags[term] for term, lag in zip(by_lag["term"], by_lag["lag"], strict=True)]
    total = summary(curves["cumulative_lag_effect"]).assign(quantity="cumulative_lag_effect")
    both = pd.concat([by_lag[own], total], ignore_index=True)
    unit = "log-odds" if spec.outcome.link == "softmax" else "log-hazard"
    return _ordered(_with_term(both, spec).assign(estimator=HAZARD_MODEL, unit=unit))


def incidence_estimates(incidence: xr.DataArray, spec: ModelSpec, term: str | None) -> pd.DataFrame:
    """Estimates of cumulative incidence per arm and, with two arms, of their difference."""
    parts = [summary(incidence).assign(quantity="cumulative_incidence")]
    if term is not None:
        contrast = incidence.sel(arm="with", drop=True) - incidence.sel(arm="without", drop=True)
        parts.append(summary(contrast).assign(quantity="risk_difference", arm="with - without"))
    both = pd.concat(parts, ignore_index=True).assign(term=term)
    return _ordered(_with_term(both, spec).assign(estimator=HAZARD_MODEL, unit="probability"))


def baseline_estimates(fit: BaselineFit, spec: ModelSpec) -> pd.DataFrame:
    """Lag coefficients of a baseline; a probability is one per period of the panel."""
    own = fit.table()
    if fit.unit == "probability":
        own["unit"] = f"probability per {spec.table.unit}"
    own = own[own["term"].isin([term.name for term in spec.lagged])]
    lags = own["level"].astype(float)
    tidy = own.assign(quantity="lag_coefficient", lag=lags, ci_prob=0.95, ci_kind="normal")
    return _ordered(_with_term(tidy, spec))


def aalen_johansen_estimates(fitted: xr.Dataset) -> pd.DataFrame:
    """Cumulative incidence by Aalen-Johansen, with normal intervals."""
    estimate, error = fitted["cumulative_incidence"], fitted["standard_error"]
    tidy = xr.Dataset(
        {
            "estimate": estimate,
            "lower": (estimate - 1.959964 * error).clip(min=0.0),
            "upper": (estimate + 1.959964 * error).clip(max=1.0),
        }
    ).to_dataframe()
    return _ordered(
        tidy.reset_index().assign(
            estimator="Aalen-Johansen",
            quantity="cumulative_incidence",
            arm="observed",
            unit="probability",
            ci_prob=0.95,
            ci_kind="normal",
        )
    )


def _with_term(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    exposure = {term.name: term.exposure for term in spec.lagged}
    network = {term.name: term.network for term in spec.lagged}
    return rows.assign(exposure=rows["term"].map(exposure), network=rows["term"].map(network)).drop(
        columns="term"
    )


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    out = rows.reindex(columns=list(COLUMNS))
    for name in ("lag", "month"):
        out[name] = out[name].astype(float).round().astype("Int64")
    return out


def empty() -> pd.DataFrame:
    """An estimates table without rows."""
    return _ordered(pd.DataFrame({"lag": np.array([]), "month": np.array([])}))
