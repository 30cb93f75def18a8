"""Every estimator on the same two scales: a month's probability, and the incidence in a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import IntArray
from hazard.estimands.incidence import incidence, linear_incidence
from hazard.estimands.marginal_effects import changes, summed
from hazard.model.design import Design
from hazard.model.terms.lagged import window_of_lag
from hazard.output import tables
from hazard.spec import IncidenceEstimand, LaggedTerm

MONTHS = 12
"""Horizon of the incidences that are compared."""
CHANGE, SUM = "average_marginal_effect", "cumulative_marginal_effect"
INCIDENCE, DIFFERENCE = "cumulative_incidence", "risk_difference"
COLUMNS = (
    "estimator",
    "model",
    "quantity",
    "term",
    "exposure",
    "network",
    "exit",
    "lag",
    "arm",
    "month",
    "estimate",
    "sd",
    "lower",
    "upper",
    "ci_prob",
    "unit",
    "mcse",
)
_NORMAL = 1.959964
Quantities = Mapping[str, xr.DataArray]


@dataclass(frozen=True)
class Subject:
    """What all estimators of one model are asked.

    Attributes
    ----------
    model : str
        Name of the model file.
    design : Design
        In which the coefficients have their meaning.
    person : ndarray of int64, shape (row of the panel,)
    terms : tuple of LaggedTerm
    event : str or None
        Term of which one event is put into month 1 for the incidences.
    """

    model: str
    design: Design
    person: IntArray
    terms: tuple[LaggedTerm, ...]
    event: str | None


def of_hazards(subject: Subject, beta: xr.DataArray) -> Quantities:
    """Changes and incidences of a hazard model or a logit.

    Parameters
    ----------
    subject : Subject
    beta : DataArray, dims (chain, draw, coefficient, exit)

    Returns
    -------
    mapping of str to DataArray
        ``average_marginal_effect`` (chain, draw, term, lag, exit), the change of a month's
        probability by one event;
        ``cumulative_marginal_effect`` (chain, draw, term, exit), its sum over the months in which
        the event acts; ``cumulative_incidence`` (chain, draw, arm, exit, month) within twelve
        months; and, with an event, ``risk_difference`` between its arms. In percentage points.
    """
    by_lag = changes(beta, subject.design, subject.terms)["average_marginal_effect"]
    return _quantities(
        by_lag, incidence(beta, subject.design, subject.person, _incidence_estimand(subject))
    )


def of_straight_lines(subject: Subject, beta: xr.DataArray) -> Quantities:
    """As :func:`of_hazards`, of a linear probability model, where a coefficient is the change."""
    parts = [
        beta.isel(coefficient=np.arange(*subject.design.span(term.name).indices(2**31))).isel(
            coefficient=window_of_lag(term)
        )
        for term in subject.terms
    ]
    lags = [np.array(term.every_lag) for term in subject.terms]
    curves = [
        part.rename(coefficient="lag").assign_coords(lag=lag)
        for part, lag in zip(parts, lags, strict=True)
    ]
    names = xr.DataArray([term.name for term in subject.terms], dims="term", name="term")
    by_lag = xr.concat(curves, names, join="outer").transpose(
        "chain", "draw", "term", "lag", "exit"
    )
    person, estimand = subject.person, _incidence_estimand(subject)
    return _quantities(by_lag, linear_incidence(beta, subject.design, person, estimand))


def estimate_rows(
    draws: Quantities, subject: Subject, estimator: str, at_estimate: Quantities | None = None
) -> pd.DataFrame:
    """Estimates with intervals, as rows.

    Parameters
    ----------
    draws : mapping of str to DataArray
    subject : Subject
    estimator : str
    at_estimate : mapping of str to DataArray, optional
        The same at the estimate. It takes the place of the mean of the draws, and the interval is
        normal around it with their standard deviation: draws around sparse dummies are not centred,
        because a probability is not linear in them.

    Returns
    -------
    DataFrame
        With the columns of :data:`COLUMNS`; 95 percent, equal-tailed without ``at_estimate``.
    """
    rows = []
    for quantity, values in draws.items():
        part = tables.summary(values)
        if at_estimate is not None:
            point = at_estimate[quantity].squeeze(("chain", "draw"), drop=True)
            keys = [str(dim) for dim in point.dims]
            point_rows = point.rename("estimate").to_series().reset_index()
            part = part.drop(columns="estimate").merge(point_rows, on=keys, validate="one_to_one")
            part["lower"] = part["estimate"] - _NORMAL * part["sd"]
            part["upper"] = part["estimate"] + _NORMAL * part["sd"]
            part["mcse"] = 0.0
        rows.append(part.assign(quantity=quantity))
    joined = pd.concat(rows, ignore_index=True)
    joined = joined[joined["estimate"].notna()]
    if subject.event is not None:
        joined["term"] = joined["term"].fillna(subject.event)
    for name in ("exposure", "network"):
        joined[name] = joined["term"].map(
            {term.name: getattr(term, name) for term in subject.terms}
        )
    named = joined.assign(estimator=estimator, model=subject.model, unit="percentage points")
    result: pd.DataFrame = named.reindex(columns=[*COLUMNS])
    for name in ("lag", "month"):
        result[name] = result[name].astype(float).round().astype("Int64")
    return result


def _incidence_estimand(subject: Subject) -> IncidenceEstimand:
    return IncidenceEstimand(kind="cumulative_incidence", term=subject.event, horizon_months=MONTHS)


def _quantities(by_lag: xr.DataArray, years: xr.DataArray) -> Quantities:
    at_end = 100 * years.sel(month=[MONTHS])
    quantities = {
        CHANGE: 100 * by_lag,
        SUM: 100 * summed(by_lag),
        INCIDENCE: at_end,
    }
    if years.sizes["arm"] == 2:
        contrast = at_end.sel(arm="with", drop=True) - at_end.sel(arm="without", drop=True)
        quantities[DIFFERENCE] = contrast.expand_dims(arm=["with - without"])
    return quantities
