"""More, or only earlier: standardised risks at the end of the window and at the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from hazard import digits
from hazard.brief.blocks import Block, Paragraph, Points, Section, Table
from hazard.brief.view import View, estimate, grouped
from hazard.digits import FIXED
from hazard.spec import StandardisedEstimand

_HUNDRED = 100


class Answered(NamedTuple):
    """A standardised estimand of a run, and the rows that answer it for everybody."""

    view: View
    wanted: StandardisedEstimand
    rows: pd.DataFrame

    def of(self, quantity: str, **where: object) -> pd.DataFrame:
        """Rows of a quantity, of some exit, arm or month."""
        kept = self.rows[self.rows["quantity"] == quantity]
        for name, value in where.items():
            kept = kept[kept[name] == value]
        return kept

    @property
    def window(self) -> int | None:
        """Month in which the window of the event ends, where that is before the horizon."""
        rows = self.of("at_window_end")
        return int(rows["month"].iloc[0]) if len(rows) else None


def sections(view: View) -> list[Section]:
    """One section for every standardised estimand that was answered, and why others were not."""
    wanted = [e for e in view.run.spec.estimand if isinstance(e, StandardisedEstimand)]
    facts = view.run.manifest.get("answers", {})
    found = []
    for each in wanted:
        reason = facts.get(each.label, {}).get("not answered")
        heading = view.say("more.heading")
        if len(wanted) > 1:
            heading = f"{heading} ({each.label})"
        if reason is not None:
            text = Paragraph(view.say("more.unanswered", reason=reason))
            found.append(Section(f"more-{each.label}", heading, (text,)))
            continue
        rows = view.run.estimates
        own = rows[rows["estimand"].eq(each.label) & rows["by"].isna()]
        if len(own):
            blocks = tuple(_blocks(Answered(view, each, own)))
            found.append(Section(f"more-{each.label}", heading, blocks))
    return found


def _blocks(of: Answered) -> list[Block]:
    view = of.view
    how = [_say(of, "how", event=_event(of))]
    how += [view.say("more.unlike")] if view.arms else []
    blocks: list[Block] = [Paragraph(" ".join(how)), Paragraph(_effect(of))]
    for arm in [each.name for each in of.wanted.compared[1:]]:
        versus = f"{arm} - {of.wanted.compared[0].name}"
        lines = [] if of.window is None else [_say(of, "acts")]
        lines.append(_say(of, "lines", **_arms(of, arm)))
        blocks.append(Paragraph(" ".join(lines)))
        blocks.append(Points(tuple(_lines(of, versus))))
        blocks += [_table(of, versus)]
        blocks += [Paragraph(text) for text in (_per_event(of, versus), _cost(of, versus)) if text]
    blocks += [Paragraph(text) for text in (_built_in(of), _support(of)) if text]
    blocks.append(Paragraph(view.say("more.right_identified" if view.identified else "more.right")))
    return blocks


def _say(of: Answered, key: str, /, **places: object) -> str:
    whole = of.view.language.whole
    window = {} if of.window is None else {"window": whole(of.window)}
    horizon = {"horizon": whole(of.wanted.horizon_months)}
    facts = of.view.run.manifest.get("answers", {}).get(of.wanted.label, {})
    paths = {"paths": of.view.language.count(int(facts.get("paths", 0)))}
    return of.view.say(f"more.{key}", **{**horizon, **window, **paths, **places})


def _event(of: Answered) -> str:
    return of.view.language.name("event", of.wanted.term)


def _arms(of: Answered, arm: str) -> Mapping[str, str]:
    name = of.view.language.name
    return {"arm": name("figure", arm), "reference": name("figure", of.wanted.compared[0].name)}


def _effect(of: Answered) -> str:
    exit_name = of.wanted.exit
    did = "" if exit_name is None else of.view.exit_labels[exit_name]
    return _say(of, f"effect_{of.wanted.effect}", exit=did)


# --- numbers ------------------------------------------------------------------------------------
def _lines(of: Answered, versus: str) -> list[tuple[str, str]]:
    lines = []
    for name, label in of.view.exit_labels.items():
        end = of.of("risk_difference", exit=name, arm=versus, month=of.wanted.horizon_months)
        if not len(end):
            continue
        key, places = "line_whole", {"additional": _per_hundred(of, end)}
        if of.window is not None:
            at_window = of.of("at_window_end", exit=name, arm=versus)
            key, places["at_window"] = "line_fewer", _per_hundred(of, at_window)
            if float(at_window["estimate"].iloc[0]) > 0:  # or there is nothing to bring forward
                forward = of.of("brought_forward", exit=name, arm=versus)
                key, places["forward"] = "line", _per_hundred(of, forward)
        lines.append((f"{label}:", _say(of, key, **places)))
    stay = of.of("change_in_stay", arm=versus)
    if len(stay):
        text = _say(of, "stay", stay=signed(estimate(stay), -2, of.view))
        lines.append((of.view.say("more.stay_lead"), text))
    return lines


def _per_hundred(of: Answered, rows: pd.DataFrame) -> str:
    return signed(estimate(rows).times(_HUNDRED), -1, of.view)


def _table(of: Answered, versus: str) -> Table:
    """Differences per 100 at the printed months, and how sure their direction is."""
    view = of.view
    months = view.months_of(of.wanted.horizon_months)
    groups = []
    for name, label in view.exit_labels.items():
        cells = []
        for month in months:
            rows = of.of("risk_difference", exit=name, arm=versus, month=month)
            if len(rows):
                inner = estimate(rows, "50").times(_HUNDRED)
                cells.append(
                    (
                        view.say("arms.month", month=view.language.whole(month)),
                        _per_hundred(of, rows),
                        between(inner, -1, view),
                        probability(rows, view),
                    )
                )
        if cells:
            groups.append((label, tuple(cells)))
    heads = ("arms.head_exit", "arms.head_month", "more.head_difference", "more.head_half")
    return Table(
        name=f"table-more-{of.wanted.label}-{versus.split(' - ', maxsplit=1)[0]}",
        caption=_say(of, "table"),
        head=(*(view.say(key) for key in heads), view.say("more.head_direction")),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


def _per_event(of: Answered, versus: str) -> str | None:
    extra = of.of("extra_exits_per_event", arm=versus, month=of.wanted.horizon_months)
    saved = of.of("saved_months_per_event", arm=versus)
    if not len(extra) or not len(saved):
        return None
    told = []
    for name in extra["exit"]:
        number = signed(estimate(extra[extra["exit"] == name]), -2, of.view)
        told.append(f"{of.view.exit_labels[name]}: {number}")
    facts = of.view.run.manifest["answers"][of.wanted.label]
    around = digits.number(facts["residents per event"], -1, of.view.language.marks)
    return _say(
        of,
        "per_event",
        residents=around,
        event=_event(of),
        exits="; ".join(told),
        saved=signed(estimate(saved), -1, of.view),
    )


def _cost(of: Answered, versus: str) -> str | None:
    rows, costs = of.of("cost_change_per_event", arm=versus), of.view.run.spec.costs
    if not len(rows) or costs is None:
        return None
    marks = of.view.language.marks
    texts = [
        _say(
            of,
            "cost",
            change=signed(estimate(rows), 2, of.view),
            currency=costs.currency,
            years=", ".join(map(str, costs.years)),
        )
    ]
    if costs.event is not None:
        value = digits.number(costs.event.value, 0, marks)
        texts.append(_say(of, "cost_event", value=value, currency=costs.currency))
    return " ".join(texts)


# --- what limits the answer ---------------------------------------------------------------------
def _built_in(of: Answered) -> str | None:
    return None if of.window is None else _say(of, "built_in")


def _support(of: Answered) -> str | None:
    rows = of.of("unsupported_share")
    if not len(rows):
        return None
    worst = float(rows["estimate"].max())
    far = of.view.language.whole(of.wanted.far)
    if worst == 0:
        return _say(of, "support_all", far=far)
    share = digits.share(_HUNDRED * worst, -1, of.view.language.marks)
    return _say(of, "support_some", far=far, share=share)


def identification(view: View) -> list[Section]:
    """On what ground differences are called effects, if the model file says so."""
    if not view.identified:
        return []
    chosen = view.run.spec.identification
    blocks: list[Block] = [
        Paragraph(view.say("identified.strategy", strategy=view.language.own(chosen.strategy))),
        Points(tuple(("", view.language.own(each)) for each in chosen.assumptions)),
    ]
    return [Section("identification", view.say("identified.heading"), tuple(blocks))]


def costs(view: View) -> list[Section]:
    """The costs of the model file, with year and source."""
    chosen = view.run.spec.costs
    if chosen is None:
        return []
    named = {view.say("costs.month"): chosen.month, view.say("costs.event"): chosen.event}
    named |= {view.exit_labels[name]: each for name, each in chosen.exits.items()}
    rows = [
        (what, digits.number(each.value, 0, view.language.marks), str(each.year), each.source)
        for what, each in named.items()
        if each is not None
    ]
    per = digits.number(chosen.persons, -1, view.language.marks)
    table = Table(
        name="table-costs",
        caption=view.say("costs.caption", currency=chosen.currency, per=per),
        head=tuple(view.say(f"costs.head_{name}") for name in ("what", "value", "year", "source")),
        looks=("head", "number", "number", "quote"),
        groups=grouped(rows),
    )
    return [Section("costs", view.say("costs.heading"), (table,), level=3)]


# --- numbers as text ----------------------------------------------------------------------------
def signed(e: digits.Estimate, finest: int, view: View) -> str:
    """An estimate with sign and interval, no digit finer than its Monte Carlo error."""
    marks, power = view.language.marks, digits.place(finest, e.mcse)
    middle, lower, upper = (digits.signed(each, power, marks) for each in e[:3])
    return f"{middle} ({lower}{FIXED}{marks.to}{FIXED}{upper})"


def between(e: digits.Estimate, finest: int, view: View) -> str:
    """The interval alone."""
    marks, power = view.language.marks, digits.place(finest, e.mcse)
    return f"{digits.signed(e.lower, power, marks)}{FIXED}{marks.to}{FIXED}" + digits.signed(
        e.upper, power, marks
    )


def probability(rows: pd.DataFrame, view: View) -> str:
    """Probability of the direction of an estimate in percent, with a sign for the direction."""
    value, error = (float(rows[name].iloc[0]) for name in ("p_direction", "p_direction_mcse"))
    power = max(0, digits.place(0, _HUNDRED * error / 2.67))
    most = 100 - 10**power
    if _HUNDRED * value > most:
        return view.say("more.over", share=digits.number(most, power, view.language.marks))
    return digits.number(_HUNDRED * value, power, view.language.marks)
