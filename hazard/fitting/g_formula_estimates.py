"""Standardised risks -> every number that is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd
import xarray as xr

from hazard import units
from hazard.estimands import g_formula, survival
from hazard.estimands.displacement import Event, event_of, more_or_earlier, per_forced_return
from hazard.fitting.costs import change_of_costs
from hazard.fitting.g_formula import Risks
from hazard.output.summaries import Compared
from hazard.output.tables import Told, known_values, quantity_estimates
from hazard.spec import ModelSpec, StandardisedEstimand

PERSONS, PROBABILITY, RATIO = "families", "probability", "ratio"
Told_ = tuple[xr.DataArray, Told]


@dataclass(frozen=True, eq=False)
class Answered:
    """Risks of an estimand, and for how many families an event is counted.

    Attributes
    ----------
    spec : ModelSpec
    wanted : StandardisedEstimand
    risks : Risks
    residents : float or None
        Families to whom one event happens; None where it is not known.
    """

    spec: ModelSpec
    wanted: StandardisedEstimand
    risks: Risks
    residents: float | None

    @property
    def arms(self) -> list[str]:
        """Arms that are compared to the first."""
        return [arm.name for arm in self.wanted.compared[1:]]

    @property
    def reference(self) -> str:
        """The arm that the others are compared to."""
        return self.wanted.compared[0].name

    @property
    def event(self) -> Event | None:
        """The event and the end of its window, where that lies before the horizon."""
        term = next(each for each in self.spec.lagged if each.name == self.wanted.term)
        event = event_of(term, month=self.wanted.event_month)
        if self.wanted.sustained:  # it acts for as long as it goes on
            return None
        return event if event.window_end < self.wanted.horizon_months else None

    def differences(self) -> xr.DataArray:
        """Risk differences of every compared arm, of the exits that can differ."""
        both = self._of_interest(self.risks.everybody)["cumulative_incidence"]
        both = both.sel(arm=[self.reference, *self.arms])
        return g_formula.risk_difference(both, reference=self.reference)

    def _of_interest(self, risks: xr.Dataset) -> xr.Dataset:
        """Without the exits that nobody takes in a world where they are prevented."""
        if self.wanted.effect == "controlled_direct":
            return risks.sel(exit=[self.wanted.exit])
        return risks

    def everybody(self) -> xr.Dataset:
        """Risks of everybody, of the exits that can differ."""
        return self._of_interest(self.risks.everybody)

    def by(self) -> dict[str, xr.Dataset]:
        """Risks by grouping, of the exits that can differ."""
        return {name: self._of_interest(each) for name, each in self.risks.by.items()}


def estimates_of(of: Answered) -> list[pd.DataFrame]:
    """Estimates of everybody, by group, per event, and the support.

    Parameters
    ----------
    of : Answered

    Returns
    -------
    list of DataFrame
        With the columns of :data:`hazard.output.tables.COLUMNS`.
    """
    pairs = [*_levels(of), *_separated(of)]
    for arm in of.arms:
        pairs += [*_contrasts(of, arm), *_per_event(of, arm), *_by_group(of, arm)]
    found = [quantity_estimates(draws, told, of.spec) for draws, told in pairs]
    return [*found, *_sizes(of), _support(of)]


def _told(of: Answered, quantity: str, unit: str, arm: str | None = None) -> Told:
    return Told(quantity, unit, of.wanted.label, of.wanted.effect, of.wanted.term, arm=arm)


def _units(of: Answered) -> str:
    return units.plural(of.spec.table.unit)


def _printed(of: Answered) -> list[int]:
    return [*units.printed(of.wanted.horizon_months, of.spec.table.unit)]


def _versus(of: Answered, arm: str) -> str:
    return f"{arm} - {of.reference}"


# --- everybody ----------------------------------------------------------------------------------
def _levels(of: Answered) -> Iterator[Told_]:
    risks = of.everybody()
    yield risks["cumulative_incidence"], _told(of, "cumulative_incidence", PROBABILITY)
    yield risks["survival"], _told(of, "survival", PROBABILITY)
    stay = survival.months_of_stay(risks["survival"])
    yield stay, _told(of, "months_of_stay", _units(of))
    lost = survival.months_lost(risks["cumulative_incidence"])
    yield lost, _told(of, "months_lost", _units(of))


def _contrasts(of: Answered, arm: str) -> Iterator[Told_]:
    chance = Compared(0.0, of.wanted.relevant)
    stay = Compared(0.0, of.wanted.relevant_months)
    versus = _versus(of, arm)
    two = _two(of, of.everybody(), arm)
    difference = _difference(of, two["cumulative_incidence"])
    yield difference, _held(_told(of, "risk_difference", PROBABILITY, versus), chance)
    months = _printed(of)
    ratio = g_formula.risk_ratio(
        two["cumulative_incidence"].sel(month=months), reference=of.reference
    ).isel(arm=0, drop=True)
    told = _told(of, "risk_ratio", RATIO, f"{arm} / {of.reference}")
    yield ratio, _held(told, Compared(1.0))
    lost = _difference(of, survival.months_lost(two["cumulative_incidence"]))
    yield lost, _held(_told(of, "change_in_months_lost", _units(of), versus), stay)
    shorter = _difference(of, survival.months_of_stay(two["survival"]))
    shorter = shorter.expand_dims(month=[of.wanted.horizon_months], axis=-1)
    yield shorter, _held(_told(of, "change_in_stay", _units(of), versus), stay)
    yield from _decomposed(of, arm, two)


def _decomposed(of: Answered, arm: str, two: xr.Dataset) -> Iterator[Told_]:
    """Additional and brought forward, at the months that they are about."""
    if of.event is None:
        return
    found = more_or_earlier(two, of.event, arms=(arm, of.reference))
    horizon, chance = of.wanted.horizon_months, Compared(0.0, of.wanted.relevant)
    found["fall_after_window"] = found["at_window_end"] - found["additional"]
    for name in ("at_window_end", "additional", "brought_forward", "fall_after_window"):
        month = of.event.window_end if name == "at_window_end" else horizon
        told = _held(_told(of, name, PROBABILITY, _versus(of, arm)), chance)
        yield found[name].expand_dims(month=[month], axis=-1), told


def _separated(of: Answered) -> Iterator[Told_]:
    """Direct and indirect parts of the total, at the published months."""
    if of.wanted.effect != "separable":
        return
    arms, exit_name = (of.arms[0], of.reference), str(of.wanted.exit)
    months = _printed(of)
    risk = of.everybody()["cumulative_incidence"].sel(exit=[exit_name], month=months)
    parts = g_formula.separable_effects(risk, exit_name, arms=arms)
    held = Compared(0.0, of.wanted.relevant)
    for name in ("direct", "indirect"):
        told = _told(of, f"separable_{name}", PROBABILITY, _versus(of, arms[0]))
        yield parts[name], _held(told, held)


# --- per event ----------------------------------------------------------------------------------
def _per_event(of: Answered, arm: str) -> Iterator[Told_]:
    """What one event does to all families around it together."""
    if of.residents is None:
        return
    two, versus = _two(of, of.everybody(), arm), _versus(of, arm)
    found = per_forced_return(two, of.residents, arms=(arm, of.reference))
    months = _printed(of)
    null = Compared(0.0)
    extra = found["extra_exits"].sel(month=months)
    yield extra, _held(_told(of, "extra_exits_per_event", PERSONS, versus), null)
    saved = found["saved_months"].expand_dims(month=[of.wanted.horizon_months], axis=-1)
    yield saved, _held(_told(of, "saved_months_per_event", _units(of), versus), null)
    yield from _cost(of, arm)


def _cost(of: Answered, arm: str) -> Iterator[Told_]:
    """What the families around an event cost more or less, where the model file has costs."""
    costs, counted = of.spec.costs, of.risks.counted
    if costs is None or counted is None or of.residents is None or of.wanted.effect != "total":
        return
    change = change_of_costs(costs, counted, of.residents, arms=(arm, of.reference))
    at_end = change.expand_dims(month=[of.wanted.horizon_months], axis=-1)
    unit = f"{costs.currency}, prices of {' and '.join(map(str, costs.price_years))}"
    told = _told(of, "cost_change_per_event", unit, _versus(of, arm))
    yield at_end, _held(told, Compared(0.0))


# --- groups and support -------------------------------------------------------------------------
def _by_group(of: Answered, arm: str) -> Iterator[Told_]:
    """Differences by group at the published months, and the change of the stay."""
    months = _printed(of)
    versus, chance = _versus(of, arm), Compared(0.0, of.wanted.relevant)
    stay = Compared(0.0, of.wanted.relevant_months)
    for name, risks in of.by().items():
        two = _two(of, risks, arm)

        def told(quantity: str, unit: str, held: Compared, by: str = name) -> Told:
            return replace(_held(_told(of, quantity, unit, versus), held), by=by)

        difference = _difference(of, two["cumulative_incidence"].sel(month=months))
        yield difference, told("risk_difference", PROBABILITY, chance)
        shorter = _difference(of, survival.months_of_stay(two["survival"]))
        yield shorter, told("change_in_stay", _units(of), stay)
        yield from ((draws, replace(each, by=name)) for draws, each in _decomposed(of, arm, two))


def _sizes(of: Answered) -> Iterator[pd.DataFrame]:
    """Paths of every level, one row per level."""
    for name, risks in of.by().items():
        paths = risks["n_persons"].astype(float)
        yield known_values(paths, replace(_told(of, "paths", PERSONS), by=name), of.spec)


def _support(of: Answered) -> pd.DataFrame:
    """Shares of path-months beyond what was observed, one row per arm."""
    names = [*of.risks.support]
    flagged = [of.risks.support[name]["flagged"] for name in names]
    values = xr.DataArray(flagged, {"arm": names}, ("arm",))
    return known_values(values, _told(of, "unsupported_share", PROBABILITY), of.spec)


def _two(of: Answered, risks: xr.Dataset, arm: str) -> xr.Dataset:
    return risks.sel(arm=[of.reference, arm])


def _difference(of: Answered, two: xr.DataArray) -> xr.DataArray:
    return g_formula.risk_difference(two, reference=of.reference).isel(arm=0, drop=True)


def _held(told: Told, held: Compared) -> Told:
    return replace(told, held=held)
