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
from hazard.fitting.g_formula import RisksAtEvents, risks, risks_at_events
from hazard.fitting.g_formula_estimates import GFormulaAnswer, estimates_of
from hazard.fitting.quantities import joined
from hazard.fitting.records import Fit
from hazard.fitting.residents import mean_residents
from hazard.inference.thinning import thinned
from hazard.output.summaries import Compared
from hazard.output.tables import QuantityDescription, empty, quantity_estimates
from hazard.spec import GFormulaEstimand, MarginalEffectEstimand

_CHANGE_DRAWS = 400  # each takes a tenth of a second at the published size


@dataclass(frozen=True, eq=False)
class AveragedEstimand:
    """Posterior draws and estimates of one estimand.

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
    """Average marginal effects and risks by the g-formula, as a model file asks for them.

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
    averages = []
    for estimand in fit.spec.estimand:
        if isinstance(estimand, MarginalEffectEstimand | GFormulaEstimand):
            begin(estimand.label)
        if isinstance(estimand, MarginalEffectEstimand):
            averages.append(_average_marginal_effect(fit, estimand))
        if isinstance(estimand, GFormulaEstimand):
            averages.append(_g_formula_or_reason(fit, estimand))
    return averages


def _g_formula_or_reason(fit: Fit, estimand: GFormulaEstimand) -> AveragedEstimand:
    """The answer; of a ready table without what it takes, the reason why there is none."""
    try:
        return _g_formula(fit, estimand)
    except EstimandError as error:
        if fit.panel.registers is not None:
            raise
        return AveragedEstimand(
            estimand.label, xr.Dataset(), empty(), {}, {"unanswered": str(error)}
        )


def _average_marginal_effect(fit: Fit, estimand: MarginalEffectEstimand) -> AveragedEstimand:
    posterior = thinned(fit.draws, _CHANGE_DRAWS)
    beta = incidence.coefficients(posterior, fit.design)
    terms = [term for term in fit.spec.lagged if estimand.term in (None, term.name)]
    by_lag = marginal_effects.changes(beta, fit.design, terms)
    total = marginal_effects.summed(by_lag["average_marginal_effect"])
    unit = f"probability per {fit.spec.table.unit}"
    tables = []
    for values, quantity in (
        (by_lag["average_marginal_effect"], "average_marginal_effect"),
        (total, "cumulative_marginal_effect"),
    ):
        description = QuantityDescription(
            quantity,
            unit if "lag" in values.dims else "probability",
            estimand.label,
            "total",
            arm="with - without",
            comparison=Compared(0.0, estimand.rope),
        )
        rows = quantity_estimates(values, description, fit.spec)
        tables.append(rows[rows["estimate"].notna()])
    return AveragedEstimand(
        estimand.label,
        by_lag.assign(cumulative_marginal_effect=total),
        joined(tables),
        {f"{estimand.label}_cumulative_marginal_effect": total},
        {"draws": beta.sizes["chain"] * beta.sizes["draw"]},
    )


def _g_formula(fit: Fit, estimand: GFormulaEstimand) -> AveragedEstimand:
    standardised_risks = risks(fit, estimand)
    term = next(lagged for lagged in fit.spec.lagged if lagged.name == estimand.term)
    residents = mean_residents(fit.panel, term, estimand.residents)
    at_events = None if residents is None else risks_at_events(fit, estimand)
    answer = GFormulaAnswer(fit.spec, estimand, standardised_risks, residents, at_events)
    months = [*units.printed(estimand.horizon_months, fit.spec.table.unit)]
    difference = answer.differences().sel(month=months)
    return AveragedEstimand(
        estimand.label,
        _flat(standardised_risks.everybody, standardised_risks.by),
        joined(estimates_of(answer)),
        {f"{estimand.label}_risk_difference": difference},
        {
            **standardised_risks.facts,
            "effect": estimand.effect,
            "residents_per_event": residents,
            **_present(at_events),
            "support": {
                name: dict(support) for name, support in standardised_risks.support.items()
            },
        },
    )


def _present(at_events: RisksAtEvents | None) -> dict[str, Any]:
    """How many rows were present at events and were followed, and the persons in one of them."""
    if at_events is None:
        return {}
    persons = at_events.person_risks
    of_persons = {} if persons is None else {"persons_per_path": persons.persons_per_path}
    counts = {"rows_at_events": at_events.rows, "rows_followed": at_events.followed}
    return {**counts, **of_persons}


def _flat(everybody: xr.Dataset, by: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """All risks as one dataset; those of a grouping carry its name."""
    parts = [everybody]
    parts += [
        risks.rename({"level": name, **{str(v): f"{v}_by_{name}" for v in risks.data_vars}})
        for name, risks in by.items()
    ]
    return xr.merge(parts)
