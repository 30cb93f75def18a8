"""A g-formula estimand as the texts need it, and its numbers as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from hazard.brief.view import View, estimate
from hazard.languages import Words
from hazard.output import digits
from hazard.spec import GFormulaEstimand, LaggedTerm

_HUNDRED = 100


class EstimandView(NamedTuple):
    """A g-formula estimand of a run, and its estimates in the sample or in subgroups."""

    view: View
    spec: GFormulaEstimand
    rows: pd.DataFrame

    def select(self, quantity: str, **labels: object) -> pd.DataFrame:
        """Rows of a quantity, of some exit, arm or month."""
        rows = self.rows[self.rows["quantity"] == quantity]
        for name, value in labels.items():
            rows = rows[rows[name] == value]
        return rows

    @property
    def compared(self) -> tuple[str, ...]:
        """Arms that are compared to the first."""
        return tuple(arm.name for arm in self.spec.compared[1:])

    def versus(self, arm: str) -> str:
        """The comparison of an arm as the rows name it."""
        return f"{arm} - {self.spec.compared[0].name}"

    @property
    def window(self) -> int | None:
        """Month in which the window of the event ends, where that is before the horizon."""
        rows = self.select("at_window_end")
        return int(rows["month"].iloc[0]) if len(rows) else None

    @property
    def term(self) -> LaggedTerm:
        """The lagged term of the event."""
        return next(term for term in self.view.fit.spec.lagged if term.name == self.spec.term)

    @property
    def reaches(self) -> bool:
        """Whether the event acts in the model up to the horizon."""
        event = self.term.event
        longest = max(term.lags[1] for term in self.view.fit.spec.lagged if term.event == event)
        return self.spec.event_month + longest >= self.spec.horizon_months

    @property
    def ends(self) -> tuple[int, ...]:
        """The end of the window, where it is before the horizon, and the horizon."""
        window = () if self.window is None else (self.window,)
        return (*window, self.spec.horizon_months)

    def say(self, key: str, /, **places: object) -> str:
        """Text of the section with its places filled; the estimand gives some of them."""
        whole = self.view.language.whole
        window = {} if self.window is None else {"window": whole(self.window)}
        horizon = {"horizon": whole(self.spec.horizon_months)}
        paths = {"paths": self.view.language.count(self.paths)}
        return self.view.say(f"more.{key}", **{**horizon, **window, **paths, **places})

    @property
    def paths(self) -> int:
        """Number of persons who are followed."""
        facts = self.view.fit.facts.get("answers", {}).get(self.spec.label, {})
        return int(facts.get("paths", 0))

    @property
    def start(self) -> str:
        """The month from which persons are followed, in words."""
        if self.spec.starts in ("first", "drawn"):
            return self.say(f"start_{self.spec.starts}")
        return self.say("start_of", month=self.spec.starts)

    @property
    def event(self) -> str:
        """The event in words."""
        return self.view.language.name("event", self.spec.term)

    def arms(self, arm: str) -> Mapping[str, str]:
        """Names of an arm and of the first in words."""
        words = self.view.language.words["figure"]
        arm_words = {name: words[name] for name in ("with", "without")}
        first = self.spec.compared[0].name
        return {"arm": arm_words.get(arm, arm), "reference": arm_words.get(first, first)}

    @property
    def exit(self) -> str:
        """The exit that the estimand is about, in words; empty where it is about all."""
        name = self.spec.exit
        return "" if name is None else self.view.exit_labels[name]

    @property
    def kind(self) -> str:
        """What kind of difference it is, in words."""
        return self.say(f"kind_{self.spec.effect}", exit=self.exit)

    @property
    def figure_words(self) -> Words:
        """Words of the figures, with the marks of numbers."""
        return self.view.figure_words("odds")


def held_events(view: View, spec: GFormulaEstimand) -> str:
    """What happens around everybody that no arm sets, though it can follow the event; or nothing.

    Returns
    -------
    str
        A sentence that names these events; empty where the arms set all lagged terms.
    """
    named = {intervention.term for arm in spec.compared for intervention in arm.interventions} or {
        spec.term
    }
    others = [term.name for term in view.fit.spec.lagged if not named.intersection(term.called)]
    if not others:
        return ""
    names = [view.language.name("event", name) for name in others]
    return view.say("more.held_events", others="; ".join(names))


def per_hundred(rows: pd.DataFrame, view: View) -> str:
    """A difference of probabilities per 100."""
    return signed(estimate(rows).times(_HUNDRED), -1, view)


def signed(e: digits.Estimate, finest: int, view: View) -> str:
    """An estimate with sign and interval, no digit finer than its Monte Carlo error."""
    return digits.difference(e, finest, view.language.marks)


def probability(rows: pd.DataFrame, view: View) -> str:
    """Probability in percent of the sign that an estimate is printed with; a dash without one."""
    e = estimate(rows).times(_HUNDRED)
    names = ["p_direction", "p_direction_mcse"]
    value, error = rows[names].astype(float).iloc[0].tolist()
    unsigned = digits.signed(e.estimate, digits.place(-1, e.mcse))[:1] not in "+−"
    if unsigned or math.isnan(value):
        return digits.number(math.nan, 0)
    return _percent(value, error, view)


def probability_above(rows: pd.DataFrame, view: View) -> str:
    """Probability in percent that a quantity is above its null value."""
    if not len(rows):
        return digits.number(math.nan, 0)
    names = ["p_positive", "p_positive_mcse"]
    value, error = rows[names].astype(float).iloc[0].tolist()
    if math.isnan(value):
        return digits.number(math.nan, 0)
    power = _power(error)
    if _HUNDRED * value < 10**power:
        return view.say("more.under", share=digits.number(10**power, power, view.language.marks))
    return _percent(value, error, view)


def _percent(value: float, error: float, view: View) -> str:
    """A probability in percent, no digit finer than its Monte Carlo error, and never 100."""
    power = _power(error)
    largest = 100 - 10**power
    if _HUNDRED * value > largest:
        return view.say("more.over", share=digits.number(largest, power, view.language.marks))
    return digits.number(_HUNDRED * value, power, view.language.marks)


def _power(error: float) -> int:
    """Power of ten of the last digit of a probability in percent with this Monte Carlo error."""
    return max(0, digits.place(0, _HUNDRED * error / 2.67))
