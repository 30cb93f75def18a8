"""Standardised risks -> all their estimates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import xarray as xr

from hazard import units
from hazard.estimands import g_formula, survival
from hazard.estimands.displacement import (
    Event,
    brought_forward_bounds,
    event_of,
    more_or_earlier,
    per_forced_return,
)
from hazard.fitting.costs import change_of_costs
from hazard.fitting.g_formula import WITHIN_NETWORK, Risks, RisksAtEvents
from hazard.output.summaries import Compared
from hazard.output.tables import QuantityDescription, known_values, quantity_estimates
from hazard.spec import GFormulaEstimand, ModelSpec

PERSONS, PROBABILITY, RATIO = "families", "probability", "ratio"
DescribedDraws = tuple[xr.DataArray, QuantityDescription]


@dataclass(frozen=True, eq=False)
class GFormulaAnswer:
    """Risks of an estimand, and for how many families an event is counted.

    Attributes
    ----------
    spec : ModelSpec
    estimand : GFormulaEstimand
    risks : Risks
    residents : float or None
        Families to whom one event happens; None where it is not known.
    at_events : RisksAtEvents or None
        Risks of those who were present at events; None where it is not known who they are.
    """

    spec: ModelSpec
    estimand: GFormulaEstimand
    risks: Risks
    residents: float | None
    at_events: RisksAtEvents | None = None

    @property
    def arms(self) -> list[str]:
        """Arms that are compared to the first."""
        return [arm.name for arm in self.estimand.compared[1:]]

    @property
    def reference(self) -> str:
        """The arm that the others are compared to."""
        return self.estimand.compared[0].name

    @property
    def event(self) -> Event | None:
        """The event and the end of its window, where that lies before the horizon."""
        term = next(lagged for lagged in self.spec.lagged if lagged.name == self.estimand.term)
        event = event_of(term, month=self.estimand.event_month)
        if self.estimand.sustained:  # it acts for as long as it goes on
            return None
        return event if event.window_end < self.estimand.horizon_months else None

    def differences(self) -> xr.DataArray:
        """Risk differences of every compared arm, of the exits that can differ."""
        risks = self.of_interest(self.risks.everybody)["cumulative_incidence"]
        risks = risks.sel(arm=[self.reference, *self.arms])
        return g_formula.risk_difference(risks, reference=self.reference)

    def of_interest(self, risks: xr.Dataset) -> xr.Dataset:
        """Without the exits that nobody takes in a world where they are prevented."""
        if self.estimand.effect == "controlled_direct":
            return risks.sel(exit=[self.estimand.exit])
        return risks

    def everybody(self) -> xr.Dataset:
        """Risks of everybody, of the exits that can differ."""
        return self.of_interest(self.risks.everybody)

    def by(self) -> dict[str, xr.Dataset]:
        """Risks by grouping, of the exits that can differ."""
        return {name: self.of_interest(risks) for name, risks in self.risks.by.items()}


def estimates_of(answer: GFormulaAnswer) -> list[pd.DataFrame]:
    """Estimates of everybody, by group, per event, and the support.

    Parameters
    ----------
    answer : GFormulaAnswer

    Returns
    -------
    list of DataFrame
        With the columns of :data:`hazard.output.tables.COLUMNS`.
    """
    described = [*_levels(answer), *_separated(answer)]
    for arm in answer.arms:
        described += [*_contrasts(answer, arm), *_per_event(answer, arm), *_by_group(answer, arm)]
    tables = [
        quantity_estimates(draws, description, answer.spec) for draws, description in described
    ]
    return [*tables, *_sizes(answer), *_support(answer)]


def _described(
    answer: GFormulaAnswer, quantity: str, unit: str, arm: str | None = None
) -> QuantityDescription:
    return QuantityDescription(
        quantity, unit, answer.estimand.label, answer.estimand.effect, answer.estimand.term, arm=arm
    )


def _units(answer: GFormulaAnswer) -> str:
    return units.plural(answer.spec.table.unit)


def _printed(answer: GFormulaAnswer) -> list[int]:
    return [*units.printed(answer.estimand.horizon_months, answer.spec.table.unit)]


def _versus(answer: GFormulaAnswer, arm: str) -> str:
    return f"{arm} - {answer.reference}"


# --- everybody ----------------------------------------------------------------------------------
def _levels(answer: GFormulaAnswer) -> Iterator[DescribedDraws]:
    risks = answer.everybody()
    yield risks["cumulative_incidence"], _described(answer, "cumulative_incidence", PROBABILITY)
    yield risks["survival"], _described(answer, "survival", PROBABILITY)
    stay = survival.restricted_mean_time(risks["survival"])
    yield stay, _described(answer, "rmst", _units(answer))
    lost = survival.restricted_mean_time_lost(risks["cumulative_incidence"])
    yield lost, _described(answer, "rmtl", _units(answer))


def _contrasts(answer: GFormulaAnswer, arm: str) -> Iterator[DescribedDraws]:
    probability_null = Compared(0.0, answer.estimand.rope)
    time_null = Compared(0.0, answer.estimand.rope_months)
    versus = _versus(answer, arm)
    risks = _two_arms(answer, answer.everybody(), arm)
    difference = _difference(answer, risks["cumulative_incidence"])
    yield (
        difference,
        _with_comparison(
            _described(answer, "risk_difference", PROBABILITY, versus), probability_null
        ),
    )
    months = _printed(answer)
    ratio = g_formula.risk_ratio(
        risks["cumulative_incidence"].sel(month=months), reference=answer.reference
    ).isel(arm=0, drop=True)
    description = _described(answer, "risk_ratio", RATIO, f"{arm} / {answer.reference}")
    yield ratio, _with_comparison(description, Compared(1.0))
    lost = _difference(answer, survival.restricted_mean_time_lost(risks["cumulative_incidence"]))
    yield (
        lost,
        _with_comparison(
            _described(answer, "rmtl_difference", _units(answer), versus),
            time_null,
        ),
    )
    stay = _difference(answer, survival.restricted_mean_time(risks["survival"]))
    stay = stay.expand_dims(month=[answer.estimand.horizon_months], axis=-1)
    yield (
        stay,
        _with_comparison(
            _described(answer, "rmst_difference", _units(answer), versus),
            time_null,
        ),
    )
    yield from _decomposed(answer, arm, risks)


def _decomposed(answer: GFormulaAnswer, arm: str, risks: xr.Dataset) -> Iterator[DescribedDraws]:
    """Additional and displaced on balance, and what bounds who was brought forward."""
    if answer.event is None:
        return
    arms, versus = (arm, answer.reference), _versus(answer, arm)
    parts = more_or_earlier(risks, answer.event, arms=arms)
    horizon, null = answer.estimand.horizon_months, Compared(0.0, answer.estimand.rope)
    for name in ("at_window_end", "additional", "net_displacement"):
        month = answer.event.window_end if name == "at_window_end" else horizon
        description = _with_comparison(_described(answer, name, PROBABILITY, versus), null)
        yield parts[name].expand_dims(month=[month], axis=-1), description
    bounds = brought_forward_bounds(risks, answer.event, arms=arms)
    for quantity, bound in bounds.items():
        at_horizon = bound.expand_dims(month=[horizon], axis=-1)
        yield at_horizon, _described(answer, f"brought_forward_{quantity}", PROBABILITY, versus)


def _separated(answer: GFormulaAnswer) -> Iterator[DescribedDraws]:
    """Direct and indirect parts of the total, at the published months."""
    if answer.estimand.effect != "separable":
        return
    arms, exit_name = (answer.arms[0], answer.reference), str(answer.estimand.exit)
    months = _printed(answer)
    risk = answer.everybody()["cumulative_incidence"].sel(exit=[exit_name], month=months)
    parts = g_formula.separable_effects(risk, exit_name, arms=arms)
    comparison = Compared(0.0, answer.estimand.rope)
    for name in ("direct", "indirect"):
        description = _described(answer, f"separable_{name}", PROBABILITY, _versus(answer, arms[0]))
        yield parts[name], _with_comparison(description, comparison)


# --- per event ----------------------------------------------------------------------------------
def _per_event(answer: GFormulaAnswer, arm: str) -> Iterator[DescribedDraws]:
    """What one event does to all families around it together, as they are by then."""
    if answer.residents is None or answer.at_events is None:
        return
    present = answer.of_interest(answer.at_events.everybody)
    risks, versus = _two_arms(answer, present, arm), _versus(answer, arm)
    changes = per_forced_return(risks, answer.residents, arms=(arm, answer.reference))
    months = _printed(answer)
    null = Compared(0.0)
    extra = changes["extra_exits"].sel(month=months)
    yield (
        extra,
        _with_comparison(_described(answer, "extra_exits_per_event", PERSONS, versus), null),
    )
    saved = changes["saved_months"].expand_dims(month=[answer.estimand.horizon_months], axis=-1)
    yield (
        saved,
        _with_comparison(
            _described(answer, "saved_months_per_event", _units(answer), versus), null
        ),
    )
    yield from _cost(answer, arm)


def _cost(answer: GFormulaAnswer, arm: str) -> Iterator[DescribedDraws]:
    """What the families around an event cost more or less, where the model file has costs."""
    costs, present = answer.spec.costs, answer.at_events
    if (
        costs is None
        or present is None
        or present.person_risks is None
        or answer.residents is None
        or answer.estimand.effect != "total"
    ):
        return
    arms = (arm, answer.reference)
    change = change_of_costs(costs, present.person_risks, answer.residents, arms=arms)
    at_end = change.expand_dims(month=[answer.estimand.horizon_months], axis=-1)
    unit = f"{costs.currency}, prices of {' and '.join(map(str, costs.price_years))}"
    description = _described(answer, "cost_change_per_event", unit, _versus(answer, arm))
    yield at_end, _with_comparison(description, Compared(0.0))


# --- groups and support -------------------------------------------------------------------------
def _by_group(answer: GFormulaAnswer, arm: str) -> Iterator[DescribedDraws]:
    """Differences by group at the published months, and the change of the stay."""
    months = _printed(answer)
    versus, probability_null = _versus(answer, arm), Compared(0.0, answer.estimand.rope)
    time_null = Compared(0.0, answer.estimand.rope_months)
    for name, risks in answer.by().items():
        arm_risks = _two_arms(answer, risks, arm)

        def group_description(
            quantity: str, unit: str, comparison: Compared, by: str = name
        ) -> QuantityDescription:
            return replace(
                _with_comparison(_described(answer, quantity, unit, versus), comparison), by=by
            )

        difference = _difference(answer, arm_risks["cumulative_incidence"].sel(month=months))
        yield difference, group_description("risk_difference", PROBABILITY, probability_null)
        stay = _difference(answer, survival.restricted_mean_time(arm_risks["survival"]))
        yield (
            stay,
            group_description("rmst_difference", _units(answer), time_null),
        )
        yield from (
            (draws, replace(description, by=name))
            for draws, description in _decomposed(answer, arm, arm_risks)
        )


def _sizes(answer: GFormulaAnswer) -> Iterator[pd.DataFrame]:
    """Paths of every level, one row per level."""
    for name, risks in answer.by().items():
        paths = risks["n_persons"].astype(float)
        yield known_values(
            paths, replace(_described(answer, "paths", PERSONS), by=name), answer.spec
        )


def _support(answer: GFormulaAnswer) -> Iterator[pd.DataFrame]:
    """Shares of path-months beyond what was observed: in the panel, and within the network."""
    names = [*answer.risks.support]
    for share, quantity in (
        ("flagged", "positivity_violation_share"),
        ("unseen", "unseen_history_share"),
    ):
        for ending in ("", WITHIN_NETWORK):
            shares = [answer.risks.support[name][f"{share}{ending}"] for name in names]
            values = xr.DataArray(shares, {"arm": names}, ("arm",))
            description = _described(answer, f"{quantity}{ending}", PROBABILITY)
            yield known_values(values, description, answer.spec)


def _two_arms(answer: GFormulaAnswer, risks: xr.Dataset, arm: str) -> xr.Dataset:
    return risks.sel(arm=[answer.reference, arm])


def _difference(answer: GFormulaAnswer, risks: xr.DataArray) -> xr.DataArray:
    return g_formula.risk_difference(risks, reference=answer.reference).isel(arm=0, drop=True)


def _with_comparison(description: QuantityDescription, comparison: Compared) -> QuantityDescription:
    return replace(description, comparison=comparison)
