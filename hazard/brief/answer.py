"""Page one: the answer, its uncertainty, its caveats, its limits."""

from __future__ import annotations

import math

from hazard.brief import coefficients, g_formula, outcome, rows, verdict
from hazard.brief.blocks import Block, Paragraph, Points, Section
from hazard.brief.view import View
from hazard.output import digits


def sections(view: View) -> list[Section]:
    """Everything of the first half page, after the question."""
    kind = "arms" if view.arms else "plain"
    cannot = view.say("identified.cannot" if view.identified else f"cannot.{kind}")
    return [
        Section("answer", view.say("answer.heading"), tuple(_answer(view))),
        Section("sure", view.say("sure.heading"), tuple(_sample(view)), level=3),
        Section("mind", view.say("mind.heading"), (_mind(view),), level=3),
        Section("cannot", view.say("cannot.heading"), (Paragraph(cannot),), level=3),
    ]


def _answer(view: View) -> list[Block]:
    denominator = _denominator(view)
    if view.arms:
        lines = [_contrast(view, name, denominator) for name in view.exits]
        opening_key, brackets_key = f"answer.first{view.regime}", "answer.brackets"
    else:
        lines = [_plain(view, name, denominator) for name in view.exits] + _ratios(view)
        opening_key = "answer.first_plain" if view.modelled else "answer.first_counted"
        brackets_key = "answer.brackets_plain"
    opening = view.say(opening_key)
    if view.arms and view.identified:
        opening = view.say(f"identified.first{view.regime}", section=view.say("identified.heading"))
    notes = [view.say(brackets_key, of=view.language.whole(denominator))]
    notes += _rules(view) if view.arms else []
    if view.arms and not view.all_agree(_headline_months(view)[:1], 0, denominator):
        notes.append(view.say("answer.rounded"))
    if any(
        _counted_outside(view, name, month=month, denominator=denominator)
        for name in view.exits
        for month in _headline_months(view)
    ):
        reason = rows.held_fixed(view, view.changing) or view.say("answer.apart_fit")
        notes.append(view.say("answer.apart", reason=reason))
    if not view.arms and not view.shown_terms:
        notes += [text for text in (coefficients.further(view),) if text]
    return [Paragraph(opening), Points(tuple(lines)), Paragraph(" ".join(notes))]


def _denominator(view: View) -> int:
    """One for all: 100, or more where a share or a difference is so small that it would hide it.

    A share hides below 5 in 100, a difference below 1, and so does an interval on one side of 0
    with an end that would be printed as 0. A clear difference below 1 in 1,000 needs 10,000.
    """
    arms = ("with", "without") if view.arms else (_model_arm(view),)
    shares = [estimate for arm in arms for estimate in _printed(view, arm)]
    differences = _printed(view, "with - without") if view.arms else []
    clear = [estimate for estimate in differences if verdict.sign(estimate) in ("up", "down")]
    if any(abs(estimate.estimate) < 0.001 for estimate in clear):
        return 10_000
    small = any(abs(estimate.estimate) < 0.01 for estimate in differences)
    at_zero = any(min(abs(estimate.lower), abs(estimate.upper)) < 0.005 for estimate in clear)
    return (
        1000
        if small or at_zero or min((estimate.estimate for estimate in shares), default=1.0) < 0.05
        else 100
    )


def _printed(view: View, arm: str) -> list[digits.Estimate]:
    """Estimates of an arm in the headline: every exit at two months."""
    estimates = [
        view.estimate_at(name, month, arm)
        for name in view.exits
        for month in _headline_months(view)
    ]
    return [estimate for estimate in estimates if estimate is not None]


def _headline_months(view: View) -> tuple[int, ...]:
    """The two months of the headline."""
    return view.months[-2:]


def _model_arm(view: View) -> str:
    return "observed" if view.modelled else "counted"


def _contrast(view: View, name: str, denominator: int) -> tuple[str, str]:
    marks, label = view.language.marks, view.exit_labels[name]
    first, *later = _headline_months(view)
    texts = {
        month: digits.frequency_difference(
            view.estimate_at(name, month, "with - without") or digits.NOT_KNOWN, denominator, marks
        )
        for month in _headline_months(view)
    }
    shares = {
        f"{arm}_arm": digits.frequency(
            view.estimate_at(name, first, arm) or digits.NOT_KNOWN, denominator, marks
        )
        for arm in ("with", "without")
    }
    parts = [
        view.say(
            f"answer.arms{view.regime}",
            of=view.language.whole(denominator),
            month=view.language.whole(first),
            did=view.did(name),
            difference=texts[first],
            **shares,
        )
    ]
    parts += [
        view.say("answer.later", month=view.language.whole(month), difference=texts[month])
        for month in later
    ]
    return f"{label}: {view.say(f'verdict.{view.verdict_on(name)}')}.", " ".join(parts)


def _rules(view: View) -> list[str]:
    """What the verdicts mean, and how the numbers beside them hold what else happens."""
    rows, displaced = view.contrasts("risk_difference"), view.contrasts("net_displacement")
    rope = float(rows["rope"].astype(float).iloc[0]) if len(rows) else math.nan
    if math.isnan(rope):
        texts = [view.say("verdict.rule_sign")]
    else:
        marks = view.language.marks
        size = digits.as_stated(rope, marks, power=2)
        texts = [view.say(f"verdict.rule_{'window' if len(displaced) else 'size'}", rope=size)]
    if view.standardised is None:
        return [*texts, view.say("answer.frozen")]
    held = g_formula.held_events(view, view.standardised)
    return [*texts, *([held] if held else [])]


def _plain(view: View, name: str, denominator: int) -> tuple[str, str]:
    parts = []
    for key, month in zip(
        ("answer.plain", "answer.plain_later"), _headline_months(view), strict=False
    ):
        modelled = view.estimate_at(name, month, _model_arm(view))
        if modelled:
            share = digits.frequency(modelled, denominator, view.language.marks)
            whole = view.language.whole
            places = {"of": whole(denominator), "month": whole(month), "share": share}
            parts.append(view.say(key, did=view.did(name), **places))
            if counted := _counted_outside(view, name, month=month, denominator=denominator):
                text = digits.frequency(counted, denominator, view.language.marks)
                parts.append(view.say("answer.counted", share=text))
    return f"{view.exit_labels[name]}:", " ".join(parts)


def _counted_outside(
    view: View, name: str, *, month: int, denominator: int
) -> digits.Estimate | None:
    """The counted share, where it lies outside an interval without arms, printed or not."""
    if view.arms or not view.modelled:
        return None
    modelled, counted = (
        view.estimate_at(name, month, "observed"),
        view.estimate_at(name, month, "counted"),
    )
    if modelled is None or counted is None:
        return None
    power = digits.place(0, modelled.times(denominator).mcse)
    lower, upper = (
        round(denominator * end, -power) / denominator for end in (modelled.lower, modelled.upper)
    )
    is_inside = max(lower, modelled.lower) <= counted.estimate <= min(upper, modelled.upper)
    return None if is_inside else counted


def _ratios(view: View) -> list[tuple[str, str]]:
    """Ratios, where no incidence answers the question: of lag curves, or else of covariates."""
    if not view.shown_terms:
        return coefficients.in_words(view)
    return [
        (
            f"{view.event_of(term)}:",
            f"{outcome.in_words(view, term)} {outcome.clear_lags(view, term)}",
        )
        for term in view.shown_terms
    ]


def _sure(view: View) -> Paragraph:
    counts = [
        view.say(
            "sure.count",
            did=view.did(name),
            n=view.language.count(view.fit.facts["panel"]["design_exits"][name]),
        )
        for name in view.exits
    ]
    return Paragraph(view.say("sure.text", exits=", ".join(counts)))


def _sample(view: View) -> list[Block]:
    """Exits in the sample, rows left out, and times without persons at risk."""
    return [_sure(view), *rows.left_out(view), *rows.unseen(view)]


def _mind(view: View) -> Points:
    keys = ["police", "disappeared", "outside"] if view.registers else ["panel", "model"]
    if "disappeared" not in view.exits and view.registers:
        keys.remove("disappeared")
    k = view.language.whole(view.fit.spec.data.disappearance_months)
    lines = [(view.say(f"mind.{key}_lead"), view.say(f"mind.{key}", k=k)) for key in keys]
    return Points((*rows.states(view), *lines))
