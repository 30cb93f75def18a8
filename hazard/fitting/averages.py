"""Answers of a posterior to the estimands of a model file that average over persons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from hazard import units
from hazard.errors import EstimandError
from hazard.estimands import incidence, marginal_effects
from hazard.fitting.g_formula import risks
from hazard.fitting.g_formula_estimates import Answered, estimates_of
from hazard.fitting.quantities import joined
from hazard.fitting.records import Fit
from hazard.fitting.residents import mean_residents
from hazard.inference.thinning import thinned
from hazard.output.summaries import Compared
from hazard.output.tables import Told, empty, quantity_estimates
from hazard.spec import AverageChangeEstimand, StandardisedEstimand

_CHANGE_DRAWS = 400  # each takes a tenth of a second at the published size


@dataclass(frozen=True, eq=False)
class AveragedEstimand:
    """What the posterior says of one estimand.

    Attributes
    ----------
    label : str
        Of the estimand.
    draws : Dataset, dims (chain, draw, ...)
    estimates : DataFrame
        Tidy table (see :mod:`hazard.output.tables`).
    judged : mapping of str to DataArray
        What the gate judges if all draws were used: chains that are thinned are too short for its
        limits, which hold for the parameters that all of it is made from.
    facts : mapping
        How it was computed.
    """

    label: str
    draws: xr.Dataset
    estimates: pd.DataFrame
    judged: Mapping[str, xr.DataArray]
    facts: Mapping[str, Any]


def averages_of(fit: Fit, begin: Callable[[str], None] = lambda _: None) -> list[AveragedEstimand]:
    """Answers to all average changes and standardised risks that a model file asks for.

    Parameters
    ----------
    fit : Fit
    begin : callable
        Called with the name of every estimand as it begins.

    Returns
    -------
    list of AveragedEstimand
        In the order of the file.

    Raises
    ------
    EstimandError
        If registers cannot answer one of them. Of a ready table the reason is a fact of the answer.
    """
    found = []
    for wanted in fit.spec.estimand:
        if isinstance(wanted, AverageChangeEstimand | StandardisedEstimand):
            begin(wanted.label)
        if isinstance(wanted, AverageChangeEstimand):
            found.append(_average_change(fit, wanted))
        if isinstance(wanted, StandardisedEstimand):
            found.append(_told_or_not(fit, wanted))
    return found


def _told_or_not(fit: Fit, wanted: StandardisedEstimand) -> AveragedEstimand:
    """The answer; of a ready table without what it takes, the reason why there is none."""
    try:
        return _standardised(fit, wanted)
    except EstimandError as error:
        if fit.panel.registers is not None:
            raise
        return AveragedEstimand(wanted.label, xr.Dataset(), empty(), {}, {"unanswered": str(error)})


def _average_change(fit: Fit, wanted: AverageChangeEstimand) -> AveragedEstimand:
    posterior = thinned(fit.draws, _CHANGE_DRAWS)
    beta = incidence.coefficients(posterior, fit.design)
    terms = [term for term in fit.spec.lagged if wanted.term in (None, term.name)]
    by_lag = marginal_effects.changes(beta, fit.design, terms)
    total = marginal_effects.summed(by_lag["average_change"])
    unit = f"probability per {fit.spec.table.unit}"
    parts = []
    for values, quantity in (
        (by_lag["average_change"], "average_change"),
        (total, "summed_change"),
    ):
        told = Told(
            quantity,
            unit if "lag" in values.dims else "probability",
            wanted.label,
            "total",
            arm="with - without",
            held=Compared(0.0, wanted.relevant),
        )
        rows = quantity_estimates(values, told, fit.spec)
        parts.append(rows[rows["estimate"].notna()])
    return AveragedEstimand(
        wanted.label,
        by_lag.assign(summed_change=total),
        joined(parts),
        {f"{wanted.label}_summed_change": total},
        {"draws": beta.sizes["chain"] * beta.sizes["draw"]},
    )


def _standardised(fit: Fit, wanted: StandardisedEstimand) -> AveragedEstimand:
    found = risks(fit, wanted)
    term = next(each for each in fit.spec.lagged if each.name == wanted.term)
    residents = mean_residents(fit.panel, term, wanted.residents)
    answered = Answered(fit.spec, wanted, found, residents)
    months = [*units.printed(wanted.horizon_months, fit.spec.table.unit)]
    difference = answered.differences().sel(month=months)
    return AveragedEstimand(
        wanted.label,
        _flat(found.everybody, found.by),
        joined(estimates_of(answered)),
        {f"{wanted.label}_risk_difference": difference},
        {
            **found.facts,
            "effect": wanted.effect,
            "residents_per_event": residents,
            "support": {name: dict(each) for name, each in found.support.items()},
        },
    )


def _flat(everybody: xr.Dataset, by: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """All risks as one dataset; those of a grouping carry its name."""
    parts = [everybody]
    parts += [
        each.rename({"level": name, **{str(v): f"{v}_by_{name}" for v in each.data_vars}})
        for name, each in by.items()
    ]
    return xr.merge(parts)
