"""Draws and baseline fits -> tidy tables; every estimate with its interval, unit and error.

Columns of an estimates table: estimator, engine, estimand (its name in the model file), effect,
quantity, term, exposure, network, by, level, reference, exit, lag, arm, month, estimate, sd (of the
posterior, or the standard error), errors (how the standard error of a baseline was computed),
lower, upper, ci_prob, ci_kind, unit, mcse; then, of a posterior, narrower intervals, probabilities
and their errors (see :func:`hazard.output.summaries.detailed`), and of a lag curve the band that
holds all of it with probability ci_prob, with its error
(:func:`hazard.output.simultaneous.simultaneous_band`). A column that does not apply is empty. A lag
has the coefficient of the window that holds it. ``level`` of the column ``by`` is the one whose own
lag curve, risk or coefficient it is, relative to the level ``reference``. ``effect`` says which one
it is: ``conditional`` (a coefficient, given that the person is still there), or, with regard to the
competing exits, ``total``, ``controlled_direct`` or ``separable``, with events of others that no
arm names held as observed. ``engine`` says of a number of the hazard model
whether it was sampled (``nuts``) or approximated (``laplace``); :func:`flagged` says how far an
approximation was checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines import life_table
from hazard.baselines.fit import BaselineFit
from hazard.estimands.displacement import event_of
from hazard.model.terms.lagged import window_labels, window_of_lag
from hazard.output.simultaneous import BAND, simultaneous_band
from hazard.output.summaries import DETAIL, NOT_COMPARED, Compared, detailed, summary
from hazard.spec import IncidenceEstimand, LagCurveEstimand, ModelSpec
from hazard.spec.estimands import ARMS
from hazard.spec.links import LINKS

__all__ = [
    "CHECK",
    "COLUMNS",
    "HAZARD_MODEL",
    "KEY",
    "QuantityDescription",
    "aalen_johansen_estimates",
    "apart",
    "baseline_estimates",
    "baseline_rows",
    "empty",
    "flagged",
    "incidence_estimates",
    "known_values",
    "labelled",
    "lag_curve_estimates",
    "quantity_estimates",
    "summary",
]
COLUMNS = (
    "estimator",
    "engine",
    "estimand",
    "effect",
    "quantity",
    "term",
    "exposure",
    "network",
    "by",
    "level",
    "reference",
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
    *DETAIL,
    *BAND,
)
KEY = (
    "estimand",
    "quantity",
    "term",
    "exposure",
    "network",
    "by",
    "level",
    "exit",
    "lag",
    "arm",
    "month",
)
"""Columns that identify a number, whatever its estimator."""
CHECK = ("apart", "apart_lower", "apart_upper", "apart_mcse", "sd_ratio")
"""Columns that say how far an approximate number is from a sampled one."""
HAZARD_MODEL = "hazard model"
_CONDITIONAL, _TOTAL = "conditional", "total"


@dataclass(frozen=True)
class QuantityDescription:
    """What a quantity is: the labels of its rows, and the comparison of its draws.

    Attributes
    ----------
    quantity, unit : str
    estimand, effect : str or None
    term : str or None
        The lagged term whose event it is about.
    by : str or None
        Column whose levels are the dimension ``level``.
    arm : str or None
        Where ``arm`` is no dimension: the arms that are compared.
    comparison : Compared
    """

    quantity: str
    unit: str
    estimand: str | None = None
    effect: str | None = None
    term: str | None = None
    by: str | None = None
    arm: str | None = None
    comparison: Compared = NOT_COMPARED


def quantity_estimates(
    draws: xr.DataArray, description: QuantityDescription, spec: ModelSpec
) -> pd.DataFrame:
    """Estimates of every element of some draws of the hazard model.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
        The other dimensions are columns of the table.
    description : QuantityDescription
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`.
    """
    return labelled(detailed(draws, description.comparison), description, spec)


def known_values(
    values: xr.DataArray, description: QuantityDescription, spec: ModelSpec
) -> pd.DataFrame:
    """Rows of numbers that have no draws, such as shares of what was observed.

    Parameters
    ----------
    values : DataArray
        Its dimensions are columns of the table.
    description : QuantityDescription
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`; no interval and no Monte Carlo error.
    """
    return labelled(values.to_dataframe("estimate").reset_index(), description, spec)


def labelled(rows: pd.DataFrame, description: QuantityDescription, spec: ModelSpec) -> pd.DataFrame:
    """Rows of a quantity of the hazard model, with its labels.

    Parameters
    ----------
    rows : DataFrame
        Numbers, and the labels by which they differ.
    description : QuantityDescription
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`.
    """
    labels = {
        name: getattr(description, name) for name in ("estimand", "effect", "term", "by", "arm")
    }
    new_labels = {name: value for name, value in labels.items() if name not in rows}
    named = rows.assign(
        **new_labels, quantity=description.quantity, unit=description.unit, estimator=HAZARD_MODEL
    )
    return _ordered(_with_term(named, spec))


def lag_curve_estimates(curves: xr.Dataset, spec: ModelSpec) -> pd.DataFrame:
    """Estimates of lag curves of the hazard model and of their sums.

    Parameters
    ----------
    curves : Dataset
        From :func:`hazard.estimands.incidence.lag_curves`, or of the levels by which terms vary,
        from :func:`hazard.estimands.group_curves.all_level_curves`.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`; every curve, of a term, an exit and a level, has a
        simultaneous band of its own, and a sum has none.
    """
    compared = Compared(0.0, _relevant(spec, "lag_curve"))
    unit = LINKS[spec.outcome.link].unit
    parts = [
        quantity_estimates(
            curves[name],
            QuantityDescription(
                name, unit, "lag_curve", _CONDITIONAL, comparison=compared, term=None
            ),
            spec,
        )
        for name in ("lag_coefficient", "cumulative_lag_effect")
    ]
    lags = {term.name: term.every_lag for term in spec.lagged}
    in_term = [
        lag in lags[term] for term, lag in zip(parts[0]["term"], parts[0]["lag"], strict=True)
    ]
    by_lag = _with_band(parts[0][in_term], curves["lag_coefficient"])
    estimates = pd.concat([by_lag, parts[1]], ignore_index=True)
    if "level" in curves.dims:
        estimates = estimates[estimates["estimate"].notna()]  # levels that another term varies by
        varying = {term.name: term.varies_by.by for term in spec.lagged if term.varies_by}
        estimates = estimates.assign(by=estimates["term"].map(varying))
    return estimates


def _with_band(rows: pd.DataFrame, curves: xr.DataArray) -> pd.DataFrame:
    """Rows of lag curves with the band of each curve."""
    bands = simultaneous_band(curves).to_dataframe().reset_index()
    key = [str(name) for name in curves.dims if name not in ("chain", "draw")]
    columns = [*key, *BAND]
    joined = rows.drop(columns=[*BAND]).merge(bands[columns], on=key, how="left")
    return joined[[*rows.columns]]


def incidence_estimates(incidence: xr.DataArray, spec: ModelSpec, term: str | None) -> pd.DataFrame:
    """Estimates of cumulative incidence per arm and, with two arms, of their difference.

    Where the arms differ in one event whose window ends before the horizon, its net displacement
    too (see :func:`hazard.estimands.displacement.more_or_earlier`).
    """
    kind = "cumulative_incidence"
    share = QuantityDescription(kind, "probability", kind, _TOTAL, term)
    parts = [quantity_estimates(incidence, share, spec)]
    if term is not None:
        without, with_ = (str(arm) for arm in incidence["arm"].values)
        contrast = incidence.sel(arm=with_, drop=True) - incidence.sel(arm=without, drop=True)
        difference = replace(
            share,
            quantity="risk_difference",
            arm=f"{with_} - {without}",
            comparison=Compared(0.0, _relevant(spec, kind)),
        )
        parts.append(quantity_estimates(contrast, difference, spec))
        window_end, horizon = _window_end(spec, term), int(contrast["month"][-1])
        if (without, with_) == ARMS["once"] and window_end < horizon:
            displaced = contrast.sel(month=window_end, drop=True) - contrast.isel(month=[-1])
            displacement = replace(difference, quantity="net_displacement")
            parts.append(quantity_estimates(displaced, displacement, spec))
    return pd.concat(parts, ignore_index=True)


def _window_end(spec: ModelSpec, term: str) -> int:
    """Last month in which an event of the first month acts."""
    return event_of(next(lagged for lagged in spec.lagged if lagged.name == term)).window_end


def _relevant(spec: ModelSpec, label: str) -> float | None:
    """The size that matters of an estimand of the model."""
    known = (e for e in spec.estimand if isinstance(e, LagCurveEstimand | IncidenceEstimand))
    return next((estimand.rope for estimand in known if estimand.label == label), None)


def baseline_estimates(fit: BaselineFit, spec: ModelSpec) -> pd.DataFrame:
    """Lag coefficients of a baseline."""
    table = fit.table().merge(_lags(spec), on=["term", "level"], validate="many_to_many")
    return baseline_rows(table.assign(quantity="lag_coefficient", level=None), fit, spec)


def baseline_rows(table: pd.DataFrame, fit: BaselineFit, spec: ModelSpec) -> pd.DataFrame:
    """Rows of a baseline with its name, its errors and intervals.

    Parameters
    ----------
    table : DataFrame
        ``estimate``, ``standard_error``, and what they are of.
    fit : BaselineFit
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`. A probability is one per period of the panel. The
        intervals are those of a t distribution where the errors have finitely many degrees of
        freedom.
    """
    unit = f"{fit.unit} per {spec.table.unit}" if fit.unit == "probability" else fit.unit
    half = fit.quantile(0.95) * table["standard_error"]
    tidy = table.assign(
        estimator=fit.estimator,
        unit=unit,
        errors=fit.errors,
        sd=table["standard_error"],
        lower=table["estimate"] - half,
        upper=table["estimate"] + half,
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
    """Cumulative incidence by Aalen-Johansen, with normal intervals.

    Months in which it is not known have no row. Until the first exit of its kind the interval is
    from 0 to an exact limit, and its kind is ``exact``
    (:func:`hazard.baselines.life_table.smallest_share`): the normal one has no width there.
    """
    estimate, error = fitted["cumulative_incidence"], fitted["standard_error"]
    no_exits = fitted["n_exits"].cumsum("month") == 0
    exact_upper = 1 - life_table.smallest_share(fitted["n_at_risk"], 0.95)
    tidy = xr.Dataset(
        {
            "estimate": estimate,
            "sd": error,
            "lower": (estimate - 1.959964 * error).clip(min=0.0),
            "upper": (estimate + 1.959964 * error).clip(max=1.0).where(~no_exits, exact_upper),
            "exact": no_exits,
            "n_at_risk": fitted["n_at_risk"],
        }
    ).to_dataframe()
    return _ordered(
        tidy[tidy["estimate"].notna() & (tidy["n_at_risk"] > 0)]
        .reset_index()
        .assign(
            estimator="Aalen-Johansen",
            quantity="cumulative_incidence",
            arm="observed",
            unit="probability",
            ci_prob=0.95,
            ci_kind=lambda rows: np.where(rows["exact"], "exact", "normal"),
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
        approximate standard deviation over the sampled one. Of a number that is the same in all
        sampled draws, such as a bound at 0, only equal ones have a distance, 0.

    Examples
    --------
    >>> one = {"exit": ["left"], "estimate": [1.0], "sd": [0.5], "lower": [0.0], "upper": [2.0]}
    >>> first = pd.DataFrame({**one, "mcse": [0.0]})
    >>> second = first.assign(estimate=0.9, sd=0.4)
    >>> apart(first, second, ["exit"]).round(3).to_numpy().tolist()
    [['left', 0.25, 0.0, 0.0, 0.0, 1.25]]
    >>> bound = first.assign(sd=0.0, lower=1.0, upper=1.0)
    >>> apart(bound, bound, ["exit"])[["apart", "apart_lower"]].to_numpy().tolist()
    [[0.0, 0.0]]
    """
    names = ["estimate", "sd", "lower", "upper", "mcse"]
    keyed = [_keyed(rows, key).join(rows[names].astype(float)) for rows in (approximate, sampled)]
    matched = keyed[0].merge(keyed[1], on=[*key], suffixes=("", "_sampled"), validate="one_to_one")
    sampled_sd = matched["sd_sampled"].where(matched["sd_sampled"] > 0)
    distances = matched[[*key]].copy()
    for name, column in (("estimate", "apart"), ("lower", "apart_lower"), ("upper", "apart_upper")):
        difference = matched[name] - matched[f"{name}_sampled"]
        distances[column] = (difference / sampled_sd).mask(difference == 0, 0.0)
    errors = np.hypot(matched["mcse"], matched["mcse_sampled"])
    distances["apart_mcse"] = errors / sampled_sd
    distances["sd_ratio"] = matched["sd"] / sampled_sd
    return distances


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
    known_distances = _keyed(checked, KEY).join(checked[[*CHECK]].astype(float))
    matched = _keyed(estimates, KEY).merge(
        known_distances, on=[*KEY], how="left", validate="many_to_one"
    )
    distances = matched[[*CHECK]].set_axis(estimates.index)
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
    ordered = rows.reindex(columns=list(COLUMNS))
    for name in ("lag", "month"):
        ordered[name] = ordered[name].astype(float).round().astype("Int64")
    return ordered


def empty() -> pd.DataFrame:
    """An estimates table without rows."""
    return _ordered(pd.DataFrame({"lag": np.array([]), "month": np.array([])}))
