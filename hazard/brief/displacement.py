"""More, or only earlier: standardised risks at the end of the window and at the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hazard.brief import displacement_groups
from hazard.brief import rows as rows_
from hazard.brief.blocks import Block, Figure, Paragraph, Points, Section, Table
from hazard.brief.g_formula import Answered, per_hundred, probability, signed
from hazard.brief.view import View, estimate, grouped
from hazard.output import digits, figures
from hazard.spec import CostsSpec, StandardisedEstimand

_HUNDRED = 100


def sections(view: View) -> list[Section]:
    """One section for every standardised estimand that was answered, and why others were not."""
    wanted = [e for e in view.fit.spec.estimand if isinstance(e, StandardisedEstimand)]
    facts = view.fit.facts.get("answers", {})
    found = []
    for each in wanted:
        reason = facts.get(each.label, {}).get("unanswered")
        heading = view.say("more.heading")
        if len(wanted) > 1:
            heading = f"{heading} ({each.label})"
        if reason is not None:
            text = Paragraph(view.say("more.unanswered", reason=reason))
            found.append(Section(f"more-{each.label}", heading, (text,)))
            continue
        rows = view.fit.estimates
        own = rows[rows["estimand"].eq(each.label) & rows["by"].isna()]
        if len(own):
            answered = Answered(view, each, own)
            found.append(Section(f"more-{each.label}", heading, tuple(_blocks(answered))))
            found += displacement_groups.sections(answered)
    return found


def _blocks(of: Answered) -> list[Block]:
    view = of.view
    how = [of.say("how", event=of.event, start=of.start)]
    how += [text for text in (rows_.held(view, _held(of)),) if text]
    how += [of.say("drawn")] if any(arm.after == "drawn" for arm in of.wanted.compared) else []
    how += [view.say("more.unlike")] if view.arms else []
    blocks: list[Block] = [
        Paragraph(" ".join(how)),
        Paragraph(of.say(f"effect_{of.wanted.effect}", exit=of.exit)),
    ]
    for arm in of.compared:
        versus = of.versus(arm)
        lines = [] if of.window is None else [of.say("window" if of.reaches else "acts")]
        lines.append(of.say("lines", **of.arms(arm)))
        blocks.append(Paragraph(" ".join(lines)))
        blocks.append(Points(tuple(_lines(of, versus))))
        blocks += [] if _falls_agree(of, versus) else [Paragraph(view.say("more.fall"))]
        blocks += [_figure(of, arm), _table(of, arm), *_parts(of, versus)]
        blocks += [Paragraph(text) for text in (_per_event(of, versus), _cost(of, versus)) if text]
    blocks += [Paragraph(text) for text in (_after_window(of), _support(of)) if text]
    blocks.append(Paragraph(view.say("more.right_identified" if view.identified else "more.right")))
    return blocks


def _held(of: Answered) -> Mapping[str, int]:
    """Columns that the paths hold at the start, with the number of persons in whom they change."""
    facts = of.view.fit.facts.get("answers", {}).get(of.wanted.label, {})
    found: Mapping[str, int] = facts.get("changing_persons", {})
    return found


# --- numbers ------------------------------------------------------------------------------------
def _lines(of: Answered, versus: str) -> list[tuple[str, str]]:
    lines = []
    for name, label in of.view.exit_labels.items():
        end = of.of("risk_difference", exit=name, arm=versus, month=of.wanted.horizon_months)
        if not len(end):
            continue
        key, places = "line_whole", {"additional": per_hundred(end, of.view)}
        if of.window is not None:
            at_window = of.of("at_window_end", exit=name, arm=versus)
            key, places["at_window"] = "line_fewer", per_hundred(at_window, of.view)
            # Fewer at the window are not brought forward, nor more than those who were more there.
            if estimate(at_window).estimate > 0 and estimate(end).estimate >= 0:
                forward = of.of("brought_forward", exit=name, arm=versus)
                key, places["forward"] = "line", per_hundred(forward, of.view)
        lines.append((f"{label}:", of.say(key, **places)))
    stay = of.of("change_in_stay", arm=versus)
    if len(stay):
        text = of.say("stay", stay=signed(estimate(stay), -2, of.view))
        lines.append((of.view.say("more.stay_lead"), text))
    return lines


def _falls_agree(of: Answered, versus: str) -> bool:
    """Whether what is brought forward is printed as the fall between the numbers beside it."""
    for name in of.view.exits if of.window is not None else ():
        quantities = ("at_window_end", "risk_difference", "brought_forward")
        rows = [of.of(each, exit=name, arm=versus) for each in quantities]
        rows[1] = rows[1][rows[1]["month"] == of.wanted.horizon_months]
        at_window, end, forward = (estimate(each).times(_HUNDRED) for each in rows)
        told = at_window.estimate > 0 and end.estimate >= 0
        if told and not digits.agree((at_window, end, forward), -1):
            return False
    return True


def _figure(of: Answered, arm: str) -> Figure:
    """Differences per 100 month by month."""
    curves = of.of("risk_difference", arm=of.versus(arm))
    labels, words = of.view.exit_labels, of.figure_words
    drawn = figures.more_or_earlier(curves, ends=of.ends, labels=labels, words=words)
    name, own = (
        f"more-{of.wanted.label}-{arm}",
        ["own_scale"] if len(set(curves["exit"])) > 1 else [],
    )
    within = "figure_window" if of.reaches else "figure_ends"
    lines = [within if of.window is not None else "figure_end", *own]
    return Figure(
        name=f"figure-{name}",
        numbers=f"table-{name}",
        svg=figures.svg(drawn, name),
        caption=" ".join(
            [of.say("figure", kind=of.kind, **of.arms(arm)), *(of.say(key) for key in lines)]
        ),
        text=figures.more_or_earlier_text(curves, ends=of.ends, labels=labels, words=words),
    )


def _table(of: Answered, arm: str) -> Table:
    """Differences per 100 at the printed months, and how sure their direction is."""
    view, versus = of.view, of.versus(arm)
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
                        per_hundred(rows, view),
                        digits.span(inner, -1, view.language.marks),
                        probability(rows, view),
                    )
                )
        if cells:
            groups.append((label, tuple(cells)))
    heads = ("arms.head_exit", "arms.head_month", "more.head_difference", "more.head_half")
    return Table(
        name=f"table-more-{of.wanted.label}-{arm}",
        caption=of.say("table"),
        head=(*(view.say(key) for key in heads), view.say("more.head_direction")),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


def _parts(of: Answered, versus: str) -> list[Block]:
    """The two parts of a difference that is taken apart, and their sum, at the printed months."""
    if not len(of.of("separable_direct", arm=versus)):
        return []
    view, name = of.view, of.wanted.exit
    columns = ("risk_difference", "separable_direct", "separable_indirect")
    rows, agreed = [], True
    for month in view.months_of(of.wanted.horizon_months):
        cells = [of.of(each, exit=name, arm=versus, month=month) for each in columns]
        if not all(len(cell) for cell in cells):
            continue
        found = [estimate(cell).times(_HUNDRED) for cell in cells]
        error = max(each.mcse for each in found)  # one last digit, for they are added up
        total, direct, indirect = (each._replace(mcse=error) for each in found)
        agreed &= digits.agree((total, direct, indirect), -1)
        texts = [signed(each, -1, view) for each in (total, direct, indirect)]
        rows.append((view.say("arms.month", month=view.language.whole(month)), *texts))
    if not rows:
        return []
    places = dict(zip(("total", "direct", "indirect"), rows[-1][1:], strict=True))
    said = of.say("parts", exit=of.exit, **places)
    heads = ("arms.head_month", "more.head_total", "more.head_direct", "more.head_indirect")
    caption = [of.say("parts_table", exit=of.exit)]
    caption += [] if agreed else [view.say("more.parts_rounded")]
    table = Table(
        name=f"table-parts-{of.wanted.label}",
        caption=" ".join(caption),
        head=tuple(view.say(key) for key in heads),
        looks=("head", "number", "number", "number"),
        groups=grouped(rows),
    )
    return [Paragraph(said), table]


def _per_event(of: Answered, versus: str) -> str | None:
    extra = of.of("extra_exits_per_event", arm=versus, month=of.wanted.horizon_months)
    saved = of.of("saved_months_per_event", arm=versus)
    if not len(extra) or not len(saved):
        return None
    told = []
    for name in extra["exit"]:
        number = signed(estimate(extra[extra["exit"] == name]), -2, of.view)
        told.append(f"{of.view.exit_labels[name]}: {number}")
    facts = of.view.fit.facts["answers"][of.wanted.label]
    around = digits.number(facts["residents_per_event"], -1, of.view.language.marks)
    return of.say(
        "per_event",
        residents=around,
        event=of.event,
        exits="; ".join(told),
        saved=signed(estimate(saved), -1, of.view),
    )


def _cost(of: Answered, versus: str) -> str | None:
    rows, costs = of.of("cost_change_per_event", arm=versus), of.view.fit.spec.costs
    if not len(rows) or costs is None:
        return None
    marks = of.view.language.marks
    texts = [
        of.say(
            "cost" if costs.prices_of is None else "cost_converted",
            change=signed(estimate(rows), 2, of.view),
            currency=costs.currency,
            years=", ".join(map(str, costs.price_years)),
        )
    ]
    facts = of.view.fit.facts["answers"][of.wanted.label]
    if isinstance(costs.persons, str):
        mean = digits.number(facts["persons_per_path"], -2, marks)
        texts.append(of.say("cost_persons", mean=mean))
    if costs.event is not None:
        value = digits.number(costs.price(costs.event), 0, marks)
        texts.append(of.say("cost_event", value=value, currency=costs.currency))
    return " ".join(texts)


# --- what limits the answer ---------------------------------------------------------------------
def _after_window(of: Answered) -> str | None:
    """What the time after the window rests on: the model, or those who were there at the event."""
    if of.window is None:
        return None
    return of.say("from_those_there" if of.reaches else "built_in")


def _support(of: Answered) -> str | None:
    rows = of.of("unsupported_share")
    if not len(rows):
        return None
    worst = float(rows["estimate"].max())
    far = of.view.language.whole(of.wanted.far)
    if worst == 0:
        return of.say("support_all", far=far)
    share = digits.share(_HUNDRED * worst, -1, of.view.language.marks)
    return of.say("support_some", far=far, share=share)


def identification(view: View) -> list[Section]:
    """On what ground differences are called effects, if the model file says so."""
    if not view.identified:
        return []
    chosen = view.fit.spec.identification
    blocks: list[Block] = [
        Paragraph(view.say("identified.strategy", strategy=view.language.own(chosen.strategy))),
        Points(tuple(("", view.language.own(each)) for each in chosen.assumptions)),
    ]
    return [Section("identification", view.say("identified.heading"), tuple(blocks))]


def costs(view: View) -> list[Section]:
    """The costs of the model file as stated and as told, with year and source."""
    chosen = view.fit.spec.costs
    if chosen is None:
        return []
    told = [] if chosen.prices_of is None else [view.say("costs.head_told", year=chosen.prices_of)]
    heads = [view.say(f"costs.head_{name}") for name in ("what", "value", "year")]
    table = Table(
        name="table-costs",
        caption=_caption(view, chosen),
        head=(*heads, *told, view.say("costs.head_source")),
        looks=("head", "number", "number", *("number" for _ in told), "quote"),
        groups=grouped(_cost_rows(view, chosen)),
    )
    return [Section("costs", view.say("costs.heading"), (table,), level=3)]


def _cost_rows(view: View, costs: CostsSpec) -> list[tuple[str, ...]]:
    named = {view.say("costs.month"): costs.month, view.say("costs.event"): costs.event}
    named |= {view.exit_labels[name]: each for name, each in costs.exits.items()}
    rows: list[tuple[str, ...]] = []
    for what, each in named.items():
        if each is None:
            continue
        stated, told = (view.language.whole(value) for value in (each.value, costs.price(each)))
        converted = () if costs.prices_of is None else (told,)
        rows.append((what, stated, str(each.year), *converted, each.source))
    return rows


def _caption(view: View, costs: CostsSpec) -> str:
    """Of how many persons costs are, and how they were converted."""
    marks = view.language.marks
    if isinstance(costs.persons, str):
        per = view.say("costs.per_column", column=costs.persons)
    else:
        per = view.say("costs.per_number", per=_as_stated(costs.persons, marks))
    texts = [view.say("costs.caption", currency=costs.currency, per=per)]
    if costs.prices_of is not None:
        years = sorted({*costs.years, costs.prices_of})
        index = "; ".join(f"{year}: {_as_stated(costs.index[year], marks)}" for year in years)
        said = {"year": costs.prices_of, "index": index, "source": costs.index_source}
        texts.append(view.say("costs.converted", **said))
    return " ".join(texts)


def _as_stated(value: float, marks: digits.Marks) -> str:
    """A number with the digits that the model file gives."""
    return digits.number(value, min(0, int(Decimal(repr(value)).as_tuple().exponent)), marks)
