"""Draws and baseline fits -> tidy tables; every estimate with its interval, unit and error.

Columns of an estimates table: estimator, engine, quantity, term, exposure, network, level, exit,
lag, arm, month, estimate, sd (of the posterior, or the standard error), errors (how the standard
error of a baseline was computed), lower, upper, ci_prob, ci_kind, unit, mcse. A column that does
not apply is empty. A lag has the coefficient of the window that holds it. ``level`` is the one
whose own lag curve it is, where a term varies. ``engine`` says of a number of the hazard model
whether it was sampled (``nuts``) or approximated (``laplace``); :func:`flagged` says how far an
approximation was checked.
"""

from __future__ import annotations

from collections.abc import Sequence

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines.fit import BaselineFit
from hazard.spec import ModelSpec
from hazard.terms.lagged import window_labels, window_of_lag

COLUMNS = (
    "estimator",
    "engine",
    "quantity",
    "term",
    "exposure",
    "network",
    "level",
    "exit",
    "lag",
    "arm",
    "month",
    "estimate",
    "sd",
    "errors",
    "lower",
    "upper",
    "ci_prob",
    "ci_kind",
    "unit",
    "mcse",
)
KEY = ("quantity", "term", "exposure", "network", "level", "exit", "lag", "arm", "month")
"""Columns that say which number it is, whoever found it."""
CHECK = ("apart", "apart_lower", "apart_upper", "apart_mcse", "sd_ratio")
"""Columns that say how far an approximate number is from a sampled one."""
HAZARD_MODEL = "hazard model"
_OVER = ("chain", "draw")


def summary(draws: xr.DataArray, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Mean, equal-tailed interval and Monte Carlo error of every element.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
    ci_prob : float

    Returns
    -------
    DataFrame
        One row per element: its coordinates, estimate, sd, lower, upper, ci_prob, ci_kind, mcse;
        missing where a draw is not a number.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(41.0)[None], dims=("chain", "draw"))
    >>> summary(draws.expand_dims(exit=["a"]))[["estimate", "lower", "upper"]].round(9).values
    array([[20.,  1., 39.]])
    """
    tail = (1 - ci_prob) / 2
    edges = draws.quantile([tail, 1 - tail], dim=_OVER, skipna=False)
    named = draws.rename("value")
    error = az.mcse(xr.Dataset({"value": named}))["value"]
    parts = xr.Dataset(
        {
            "estimate": draws.mean(_OVER, skipna=False),
            "sd": draws.std(_OVER, ddof=1, skipna=False),
            "lower": edges.isel(quantile=0, drop=True),
            "upper": edges.isel(quantile=1, drop=True),
            "mcse": error,
        }
    )
    return parts.to_dataframe().reset_index().assign(ci_prob=ci_prob, ci_kind="equal-tailed")


def lag_curve_estimates(curves: xr.Dataset, spec: ModelSpec) -> pd.DataFrame:
    """Estimates of lag curves of the hazard model and of their sums.

    Parameters
    ----------
    curves : Dataset
        From :func:`hazard.estimands.lag_curves`, or of the levels by which terms vary, from
        :func:`hazard.level_curves.all_level_curves`.
    spec : ModelSpec
    """
    by_lag = summary(curves["lag_coefficient"]).assign(quantity="lag_coefficient")
    lags = {term.name: term.every_lag for term in spec.lagged}
    own = [lag in lags[term] for term, lag in zip(by_lag["term"], by_lag["lag"], strict=True)]
    total = summary(curves["cumulative_lag_effect"]).assign(quantity="cumulative_lag_effect")
    both = pd.concat([by_lag[own], total], ignore_index=True)
    if "level" in both:
        both = both[both["estimate"].notna()]  # levels that another term varies by
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
    """Lag coefficients of a baseline; a probability is one per period of the panel.

    The intervals are those of a t distribution where the errors have finitely many degrees of
    freedom.
    """
    own = fit.table().merge(_lags(spec), on=["term", "level"], validate="many_to_many")
    if fit.unit == "probability":
        own["unit"] = f"probability per {spec.table.unit}"
    tidy = own.assign(
        quantity="lag_coefficient",
        level=None,
        sd=own["standard_error"],
        ci_prob=0.95,
        ci_kind="normal" if np.isinf(fit.freedom) else "t",
    )
    return _ordered(_with_term(tidy, spec))


def _lags(spec: ModelSpec) -> pd.DataFrame:
    """Every lag, with the label of the coefficient that holds it."""
    rows = []
    for term in spec.lagged:
        labels = window_labels(term.coefficient_windows)[window_of_lag(term)]
        rows += [
            (term.name, str(label), lag) for label, lag in zip(labels, term.every_lag, strict=True)
        ]
    return pd.DataFrame(rows, columns=["term", "level", "lag"])


def aalen_johansen_estimates(fitted: xr.Dataset) -> pd.DataFrame:
    """Cumulative incidence by Aalen-Johansen, with normal intervals."""
    estimate, error = fitted["cumulative_incidence"], fitted["standard_error"]
    tidy = xr.Dataset(
        {
            "estimate": estimate,
            "sd": error,
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


def apart(
    approximate: pd.DataFrame, sampled: pd.DataFrame, key: Sequence[str] = KEY
) -> pd.DataFrame:
    """How far approximate numbers are from sampled ones.

    Parameters
    ----------
    approximate, sampled : DataFrame
        With the columns of the key, estimate, sd, lower, upper and mcse.
    key : sequence of str

    Returns
    -------
    DataFrame
        One row per number that is in both: the key; ``apart``, ``apart_lower`` and ``apart_upper``,
        the approximate estimate and ends of the interval minus the sampled ones, in sampled
        standard deviations; ``apart_mcse``, the Monte Carlo error of the first; ``sd_ratio``, the
        approximate standard deviation over the sampled one.

    Examples
    --------
    >>> one = {"exit": ["left"], "estimate": [1.0], "sd": [0.5], "lower": [0.0], "upper": [2.0]}
    >>> first = pd.DataFrame({**one, "mcse": [0.0]})
    >>> second = first.assign(estimate=0.9, sd=0.4)
    >>> apart(first, second, ["exit"]).round(3).to_numpy().tolist()
    [['left', 0.25, 0.0, 0.0, 0.0, 1.25]]
    """
    names = ["estimate", "sd", "lower", "upper", "mcse"]
    sides = [_keyed(rows, key).join(rows[names].astype(float)) for rows in (approximate, sampled)]
    both = sides[0].merge(sides[1], on=[*key], suffixes=("", "_sampled"), validate="one_to_one")
    unit = both["sd_sampled"]
    found = both[[*key]].copy()
    for name, end in (("estimate", "apart"), ("lower", "apart_lower"), ("upper", "apart_upper")):
        found[end] = (both[name] - both[f"{name}_sampled"]) / unit
    found["apart_mcse"] = (both["mcse"] ** 2 + both["mcse_sampled"] ** 2) ** 0.5 / unit
    found["sd_ratio"] = both["sd"] / unit
    return found


def flagged(estimates: pd.DataFrame, checked: pd.DataFrame) -> pd.DataFrame:
    """Estimates, each approximate one with how far it is from sampling where that was looked at.

    Parameters
    ----------
    estimates : DataFrame
        Of an approximate run.
    checked : DataFrame
        From :func:`apart`, of a run that was sampled.

    Returns
    -------
    DataFrame
        With the columns of :data:`CHECK`; empty where a number was not checked.
    """
    known = _keyed(checked, KEY).join(checked[[*CHECK]].astype(float))
    found = _keyed(estimates, KEY).merge(known, on=[*KEY], how="left", validate="many_to_one")
    distances = found[[*CHECK]].set_axis(estimates.index)
    plain = estimates.drop(columns=[*CHECK], errors="ignore")
    return plain.join(distances.where(estimates["estimator"] == HAZARD_MODEL))


def _keyed(rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Columns of a key, with one kind of missing value whatever their type."""
    columns = {name: [None if pd.isna(v) else v for v in rows[name]] for name in key}
    return pd.DataFrame(columns, index=rows.index, dtype=object)


def _with_term(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    exposure = {term.name: term.exposure for term in spec.lagged}
    network = {term.name: term.network for term in spec.lagged}
    return rows.assign(exposure=rows["term"].map(exposure), network=rows["term"].map(network))


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    out = rows.reindex(columns=list(COLUMNS))
    for name in ("lag", "month"):
        out[name] = out[name].astype(float).round().astype("Int64")
    return out


def empty() -> pd.DataFrame:
    """An estimates table without rows."""
    return _ordered(pd.DataFrame({"lag": np.array([]), "month": np.array([])}))
