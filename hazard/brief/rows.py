"""The rows behind the estimates, rows left out, and covariates held fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hazard.brief.blocks import Block, Paragraph
from hazard.brief.view import View, capital
from hazard.output import digits

_SIZES = ("persons", "rows", "exits")


def left_out(view: View) -> list[Block]:
    """How many of the rows read are behind the estimates, and a warning where many are not."""
    facts = view.fit.facts.get("flow")
    if not facts or not facts["reasons"]:
        return []
    count = view.language.count
    reasons = "; ".join(
        view.say(
            "flow.reason",
            reason=view.language.translated(reason),
            **{f"n_{name}": count(lost[name]) for name in ("rows", "exits")},
        )
        for reason, lost in facts["reasons"].items()
    )
    read = {f"read_{name}": count(facts["read"][name]) for name in _SIZES}
    in_design = {f"n_{name}": count(facts["inside"][name]) for name in _SIZES}
    texts = [view.say("flow.left_out", reasons=reasons, **read, **in_design)]
    if facts["warned"]:
        shares = {f"share_{n}": _percent(view, facts["shares"][n]) for n in _SIZES}
        cure_key = facts["cure"] if facts["cure"] in ("history", "covariate") else "other"
        cure = view.say(f"flow.cure_{cure_key}")
        largest = view.language.translated(facts["largest"])
        texts.append(view.say("flow.warned", reason=largest, cure=cure, **shares))
    texts += [text for text in (_outside(view, facts.get("outside", {})),) if text]
    return [Paragraph(text) for text in texts]


def _outside(view: View, shares: Mapping[str, float]) -> str:
    """How much the window of the model file leaves out; empty where it is little."""
    if not shares:
        return ""
    rule = view.fit.spec.table
    ends = [view.say("flow.window_from", start=rule.window_start)] if rule.window_start else []
    ends += [view.say("flow.window_until", end=rule.window_end)] if rule.window_end else []
    percentages = {f"share_{name}": _percent(view, share) for name, share in shares.items()}
    return view.say("flow.window", window=" ".join(ends), **percentages)


def unseen(view: View) -> list[Block]:
    """Periods with estimates but without persons at risk, and exits that never occurred."""
    periods: Mapping[str, int] = view.fit.facts.get("unseen", {})
    texts = []
    if "horizon" in periods:
        last, horizon = periods["last"], periods["horizon"]
        texts.append(view.say("flow.beyond", last=last, after=last + 1, until=horizon))
    if "gap" in periods:
        texts.append(view.say("flow.gap", first=periods["gap"]))
    exits_never: Sequence[str] = view.fit.facts.get("notes", {}).get("never", [])
    texts += [view.say("flow.never", exit=view.exit_labels[name]) for name in exits_never]
    return [Paragraph(" ".join(texts))] if texts else []


def states(view: View) -> list[tuple[str, str]]:
    """Events that are states, though the model file asks for the effect of a single period."""
    shares: Mapping[str, float] = view.fit.facts.get("notes", {}).get("states", {})
    return [
        (
            view.say("flow.state_lead"),
            view.say(
                "flow.state",
                Event=capital(view.language.name("event", name)),
                share=_percent(view, share),
            ),
        )
        for name, share in shares.items()
    ]


def held_fixed(view: View, changes: Mapping[str, int]) -> str:
    """Covariates held at their baseline values, though they change for some; empty for none.

    Parameters
    ----------
    view : View
    changes : mapping of str to int
        Number of persons by column.
    """
    if not changes:
        return ""
    name, count = view.language.name, view.language.count
    texts = [
        view.say("flow.held_column", column=name("term", name("event", column)), n=count(n))
        for column, n in changes.items()
    ]
    return view.say("flow.held", columns=", ".join(texts))


def _percent(view: View, share: float) -> str:
    return digits.number(100 * share, 0, view.language.marks)
