"""Page one: the answer, how sure it is, what to keep in mind, what it cannot say."""

from __future__ import annotations

from hazard.brief import coefficients, outcome, rows, verdict
from hazard.brief.blocks import Block, Paragraph, Points, Section
from hazard.brief.view import View
from hazard.output import digits


def sections(view: View) -> list[Section]:
    """Everything of the first half page, after the question."""
    kind = "arms" if view.arms else "plain"
    cannot = view.say("identified.cannot" if view.identified else f"cannot.{kind}")
    return [
        Section("answer", view.say("answer.heading"), tuple(_answer(view))),
        Section("sure", view.say("sure.heading"), tuple(_rows(view)), level=3),
        Section("mind", view.say("mind.heading"), (_mind(view),), level=3),
        Section("cannot", view.say("cannot.heading"), (Paragraph(cannot),), level=3),
    ]


def _answer(view: View) -> list[Block]:
    of = _denominator(view)
    if view.arms:
        lines = [_contrast(view, name, of) for name in view.exits]
        first, brackets = f"answer.first{view.regime}", "answer.brackets"
    else:
        lines = [_plain(view, name, of) for name in view.exits] + _ratios(view)
        first = "answer.first_plain" if view.modelled else "answer.first_counted"
        brackets = "answer.brackets_plain"
    opening = view.say(first)
    if view.arms and view.identified:
        opening = view.say(f"identified.first{view.regime}", section=view.say("identified.heading"))
    notes = [view.say(brackets, of=view.language.whole(of))]
    if view.arms and not view.all_agree(_two(view)[:1], 0, of):
        notes.append(view.say("answer.rounded"))
    if any(_apart(view, name, month=month, of=of) for name in view.exits for month in _two(view)):
        reason = rows.held(view) or view.say("answer.apart_fit")
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
    shares = [e for arm in arms for e in _printed(view, arm)]
    differences = _printed(view, "with - without") if view.arms else []
    clear = [e for e in differences if verdict.sign(e) in ("up", "down")]
    if any(abs(e.estimate) < 0.001 for e in clear):
        return 10_000
    small = any(abs(e.estimate) < 0.01 for e in differences)
    at_zero = any(min(abs(e.lower), abs(e.upper)) < 0.005 for e in clear)
    return (
        1000 if small or at_zero or min((e.estimate for e in shares), default=1.0) < 0.05 else 100
    )


def _printed(view: View, arm: str) -> list[digits.Estimate]:
    """What the headline prints of an arm: every exit at two months."""
    found = [view.at(name, month, arm) for name in view.exits for month in _two(view)]
    return [e for e in found if e is not None]


def _two(view: View) -> tuple[int, ...]:
    """The two months of the headline."""
    return view.months[-2:]


def _model_arm(view: View) -> str:
    return "observed" if view.modelled else "counted"


def _contrast(view: View, name: str, of: int) -> tuple[str, str]:
    marks, label = view.language.marks, view.exit_labels[name]
    first, *later = _two(view)
    texts = {
        month: digits.frequency_difference(
            view.at(name, month, "with - without") or digits.NOT_KNOWN, of, marks
        )
        for month in _two(view)
    }
    shares = {
        f"{arm}_arm": digits.frequency(view.at(name, first, arm) or digits.NOT_KNOWN, of, marks)
        for arm in ("with", "without")
    }
    parts = [
        view.say(
            f"answer.arms{view.regime}",
            of=view.language.whole(of),
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
    return f"{label}: {_verdict(view, name)}.", " ".join(parts)


def _verdict(view: View, name: str) -> str:
    """What the differences of all months up to the horizon say together."""
    signs = [(month, verdict.sign(e)) for month, e in view.differences(name)]
    return verdict.in_words(signs, view.language, view.unit)


def _plain(view: View, name: str, of: int) -> tuple[str, str]:
    parts = []
    for key, month in zip(("answer.plain", "answer.plain_later"), _two(view), strict=False):
        found = view.at(name, month, _model_arm(view))
        if found:
            share = digits.frequency(found, of, view.language.marks)
            whole = view.language.whole
            places = {"of": whole(of), "month": whole(month), "share": share}
            parts.append(view.say(key, did=view.did(name), **places))
            if counted := _apart(view, name, month=month, of=of):
                text = digits.frequency(counted, of, view.language.marks)
                parts.append(view.say("answer.counted", share=text))
    return f"{view.exit_labels[name]}:", " ".join(parts)


def _apart(view: View, name: str, *, month: int, of: int) -> digits.Estimate | None:
    """The counted share, where it lies outside an interval without arms, printed or not."""
    if view.arms or not view.modelled:
        return None
    own, counted = view.at(name, month, "observed"), view.at(name, month, "counted")
    if own is None or counted is None:
        return None
    power = digits.place(0, own.times(of).mcse)
    lower, upper = (round(of * end, -power) / of for end in (own.lower, own.upper))
    inside = max(lower, own.lower) <= counted.estimate <= min(upper, own.upper)
    return None if inside else counted


def _ratios(view: View) -> list[tuple[str, str]]:
    """What the question is about where no incidence says it: lag curves, or else covariates."""
    if not view.shown_terms:
        return coefficients.in_words(view)
    return [(f"{view.event_of(term)}:", outcome.in_words(view, term)) for term in view.shown_terms]


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


def _rows(view: View) -> list[Block]:
    """Which rows there are, which are not there, and of which times there are none."""
    return [_sure(view), *rows.left_out(view), *rows.unseen(view)]


def _mind(view: View) -> Points:
    keys = ["police", "disappeared", "outside"] if view.registers else ["panel", "model"]
    if "disappeared" not in view.exits and view.registers:
        keys.remove("disappeared")
    k = view.language.whole(view.fit.spec.data.disappearance_months)
    lines = [(view.say(f"mind.{key}_lead"), view.say(f"mind.{key}", k=k)) for key in keys]
    return Points((*rows.states(view), *lines))
