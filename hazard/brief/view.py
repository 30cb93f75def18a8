"""A run as the texts need it: persons, event, months, rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd

from hazard import predictive, units
from hazard.brief import verdict
from hazard.brief.language import Language
from hazard.fitting.records import Fit
from hazard.languages import Words
from hazard.output import digits, figures
from hazard.output.tables import HAZARD_MODEL
from hazard.spec import GFormulaEstimand, IncidenceEstimand, LaggedTerm

COUNTED = "Aalen-Johansen"
_ARMS = {"always": "with", "never": "without", "always - never": "with - without"}


@dataclass(frozen=True)
class View:
    """A run in one language."""

    fit: Fit
    language: Language

    def say(self, key: str, /, **places: object) -> str:
        """Text with its places filled; the run gives some of them."""
        text = self.language.say(key, **{**self._common, **places})
        time_unit = self.language.unit(self._unit)
        return re.sub(
            rf"(?<![\d.,\u202f])1 {re.escape(time_unit.several)}\b", f"1 {time_unit.one}", text
        )

    @cached_property
    def _common(self) -> dict[str, str]:
        language, unit = self.language, self.language.unit(self._unit)
        panel = self.fit.facts["panel"]
        people = language.name("people", self._kind)
        return {
            "people": people,
            "People": capital(people),
            "person": language.name("person", self._kind),
            "unit": unit.one,
            "Unit": capital(unit.one),
            "units": unit.several,
            "Units": capital(unit.several),
            "first_unit": unit.first,
            "event": self.event,
            "horizon": language.whole(self.months[-1]),
            "ci": language.whole(100 * self.fit.estimates["ci_prob"].iloc[0]),
            "persons": language.count(panel["design_persons"]),
            "rows": language.count(panel["design_rows"]),
        }

    @property
    def _unit(self) -> str:
        return self.fit.spec.table.unit

    @cached_property
    def compared(self) -> int:
        """The period by whose end the predictive check compared levels."""
        return int(self.fit.facts.get("compared", predictive.DEFAULT.month))

    def term_label(self, name: str) -> str:
        """A term in words; that of time at risk in the unit of the panel."""
        times = {term.name for term in self.fit.spec.term if term.kind == "baseline"}
        return self.say("figure.month_axis") if name in times else self.language.name("term", name)

    @property
    def unit(self) -> str:
        """Unit of time in words."""
        return self._common["unit"]

    @property
    def _kind(self) -> str:
        return "families" if self.registers else "persons"

    @property
    def registers(self) -> bool:
        """Whether the rows came from registers, and not from a ready table."""
        return self.source != "table"

    @property
    def source(self) -> str:
        """Where the rows came from."""
        return str(self.fit.facts["source"])

    @property
    def identified(self) -> bool:
        """Whether the model file says on what ground differences are effects."""
        return self.fit.spec.identification.declared

    @cached_property
    def standardised(self) -> GFormulaEstimand | None:
        """The estimand whose risks by the g-formula are the numbers of page one.

        It is about the total effect of one event in the first month, or of one in every month, of
        everybody from the first month at risk on, and was answered. Without such an estimand page
        one has incidences that hold everything else as in the first month.
        """
        asked = next((estimand.term for estimand in self._incidences if estimand.term), None)
        rows = self.fit.estimates
        answered = set(rows.loc[rows["quantity"].eq("cumulative_incidence"), "estimand"].dropna())
        for estimand in self.fit.spec.estimand:
            if (
                isinstance(estimand, GFormulaEstimand)
                and estimand.label in answered
                and asked in (None, estimand.term)
                and (estimand.arms, estimand.effect) == (None, "total")
                and (estimand.starts, estimand.event_month) == ("first", 1)
                and estimand.centres == "observed"
            ):
                return estimand
        return None

    @property
    def _incidences(self) -> list[IncidenceEstimand]:
        return [
            estimand
            for estimand in self.fit.spec.estimand
            if isinstance(estimand, IncidenceEstimand)
        ]

    @cached_property
    def incidence_term(self) -> str | None:
        """The lagged term with and without which incidences were computed."""
        if self.standardised is not None:
            return self.standardised.term
        return next((estimand.term for estimand in self._incidences if estimand.term), None)

    @property
    def changing(self) -> Mapping[str, int]:
        """Covariates that page one holds as at the start, with the persons in whom they change."""
        facts, held = self.fit.facts, {}
        if self.standardised is None:
            held = facts.get("notes", {}).get("held", {})
        else:
            held = facts.get("answers", {}).get(self.standardised.label, {})
            held = held.get("changing_persons", {})
        return dict(held)

    @property
    def arms(self) -> bool:
        """Whether there are incidences with and without an event."""
        return self.incidence_term is not None

    @property
    def regime(self) -> str:
        """Ending of the texts about an exposure that goes on; empty for one event."""
        shown = self._incidences if self.standardised is None else [self.standardised]
        return "_sustained" if any(one.exposure == "sustained" for one in shown) else ""

    @property
    def event(self) -> str:
        """The event in words."""
        return self.language.name("event", self.incidence_term or "")

    @cached_property
    def incidence(self) -> pd.DataFrame:
        """Incidences and differences, by the model and counted, up to the last month to show.

        The Monte Carlo error is the largest of all months and arms of an exit and of the
        differences, so that numbers printed together have as many digits.
        """
        rows = self.fit.estimates
        rows = rows[rows["quantity"].isin(["cumulative_incidence", "risk_difference"])]
        rows = rows[self._of_page_one(rows) | rows["estimator"].ne(HAZARD_MODEL)]
        is_modelled = rows["estimator"] == HAZARD_MODEL
        if self.incidence_term is not None:
            other_term = is_modelled & rows["term"].ne(self.incidence_term)
            rows, is_modelled = rows[~other_term], is_modelled[~other_term]
        rows = rows.assign(arm=rows["arm"].replace(_ARMS))
        modelled = rows.loc[is_modelled, "month"]
        last = (
            modelled.max()
            if len(modelled)
            else units.followed(int(rows["month"].max()), self._unit)
        )
        printed: pd.DataFrame = rows[rows["month"] <= last].astype({"mcse": float})
        mcse_groups = printed.groupby(["estimator", "exit"])["mcse"]
        return printed.assign(mcse=mcse_groups.transform("max"))

    def _of_page_one(self, rows: pd.DataFrame) -> pd.Series:
        """Which rows of the hazard model are of the estimand that page one shows, of everybody."""
        if self.standardised is not None:
            return rows["estimand"].eq(self.standardised.label) & rows["by"].isna()
        others = [
            estimand.label
            for estimand in self.fit.spec.estimand
            if isinstance(estimand, GFormulaEstimand)
        ]
        return ~rows["estimand"].isin(others)

    @property
    def modelled(self) -> bool:
        """Whether the hazard model has incidences, and not only the panel itself."""
        return bool((self.incidence["estimator"] == HAZARD_MODEL).any())

    @cached_property
    def months(self) -> tuple[int, ...]:
        """Months of which incidences are printed."""
        return units.printed(int(self.incidence["month"].max()), self._unit)

    def months_of(self, horizon: int) -> tuple[int, ...]:
        """Months of which differences up to a horizon are printed."""
        return units.printed(horizon, self._unit)

    @property
    def exits(self) -> tuple[str, ...]:
        """Ways of leaving, in the order of the model."""
        return self.fit.spec.outcome.exits

    @property
    def exit_labels(self) -> dict[str, str]:
        """Ways of leaving in words."""
        return {name: self.language.name("exit", name) for name in self.exits}

    def did(self, exit_name: str) -> str:
        """The verb of an exit, after a number of persons."""
        words = self.language.words["did"]
        return words.get(exit_name, words["other"]).format(exit=exit_name)

    def event_of(self, term: LaggedTerm) -> str:
        """The event of a lagged term, as the start of a sentence."""
        return capital(self.language.name("event", term.name))

    @cached_property
    def shown_terms(self) -> tuple[LaggedTerm, ...]:
        """Lagged terms that get a figure: those of the exposure that the question is about."""
        lagged = self.fit.spec.lagged
        first = self._term(self.incidence_term) if self.incidence_term else next(iter(lagged), None)
        return tuple(term for term in lagged if first and term.exposure == first.exposure)

    def _term(self, name: str) -> LaggedTerm:
        return next(term for term in self.fit.spec.lagged if term.name == name)

    def curves(self, term: LaggedTerm, quantity: str = "lag_coefficient") -> pd.DataFrame:
        """Estimates of a quantity of a lagged term."""
        rows = self.fit.estimates
        is_curve = rows["quantity"].eq(quantity) & rows["term"].eq(term.name)
        return rows.loc[is_curve & rows["level"].isna()]

    def estimate_at(self, exit_name: str, month: int, arm: str) -> digits.Estimate | None:
        """Incidence or difference of one exit, month and arm; ``counted`` is Aalen-Johansen."""
        rows = self.incidence
        counted = rows["estimator"].eq(COUNTED)
        rows = rows[counted] if arm == "counted" else rows[~counted & rows["arm"].eq(arm)]
        rows = rows[rows["exit"].eq(exit_name) & rows["month"].eq(month)]
        return estimate(rows) if len(rows) else None

    def verdict_on(self, exit_name: str) -> verdict.Verdict:
        """The verdict on the difference with and without the event."""
        additional = self._sides("risk_difference", exit_name)
        if additional is None:
            return "unknown"
        return verdict.verdict(additional, self._sides("net_displacement", exit_name))

    def _sides(self, quantity: str, exit_name: str) -> verdict.Sides | None:
        """Probabilities of a difference of page one at the horizon; None where it is not there."""
        rows = self.contrasts(quantity)
        rows = rows[rows["exit"].eq(exit_name) & rows["month"].eq(self.months[-1])]
        names = ["p_above_rope", "p_below_rope", "p_rope_mcse"]
        return verdict.Sides(*rows[names].astype(float).iloc[0]) if len(rows) else None

    def contrasts(self, quantity: str) -> pd.DataFrame:
        """Rows of a quantity that compares the arms of page one."""
        rows = self.fit.estimates
        rows = rows[rows["quantity"].eq(quantity) & rows["estimator"].eq(HAZARD_MODEL)]
        versus = rows["arm"].replace(_ARMS).eq("with - without")
        return rows[versus & self._of_page_one(rows) & rows["term"].eq(self.incidence_term or "")]

    def all_agree(self, months: Iterable[int], finest: int, denominator: float) -> bool:
        """Whether each printed difference is that of its printed arms, per ``denominator``."""
        rows = [
            tuple(
                self.estimate_at(name, month, arm) for arm in ("with", "without", "with - without")
            )
            for name in self.exits
            for month in months
        ]
        return all(
            digits.agree((a.times(denominator), b.times(denominator), c.times(denominator)), finest)
            for a, b, c in rows
            if a and b and c
        )

    def figure_words(self, scale: Literal["odds", "hazard"]) -> Words:
        """Words of a figure of the run, with the marks of numbers."""
        words = figures.run_words(self._unit, self.language.code, scale=scale)
        if self.regime:
            words = {**words, "with": words["always"], "without": words["never"]}
        return words


def estimate(rows: pd.DataFrame, interval: str = "") -> digits.Estimate:
    """First of some rows of an estimates table; not known where there is none.

    ``interval`` is 50 or 80 in place of the widest.
    """
    if not len(rows):
        return digits.NOT_KNOWN
    ends = [f"{end}_{interval}" if interval else end for end in ("lower", "upper")]
    names = ["estimate", *ends, "mcse"]
    return digits.Estimate(*rows[names].astype(float).iloc[0].tolist())


def grouped(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
    """Rows of a table that has no groups."""
    return (("", tuple(rows)),)


def capital(text: str) -> str:
    """Text with a capital first letter."""
    return text[:1].upper() + text[1:]
