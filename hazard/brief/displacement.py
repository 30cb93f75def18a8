"""More, or only earlier: risks by the g-formula at the end of the window and at the horizon."""

from __future__ import annotations

from collections.abc import Mapping

from hazard.brief import displacement_groups
from hazard.brief import rows as rows_
from hazard.brief.blocks import Block, Figure, Paragraph, Points, Section, Table
from hazard.brief.g_formula import (
    EstimandView,
    held_events,
    per_hundred,
    probability,
    probability_above,
    signed,
)
from hazard.brief.view import View, estimate, grouped
from hazard.output import digits, figures
from hazard.spec import CostsSpec, GFormulaEstimand

_HUNDRED = 100


def sections(view: View) -> list[Section]:
    """One section for every g-formula estimand, with its estimates or why there are none."""
    specs = [spec for spec in view.fit.spec.estimand if isinstance(spec, GFormulaEstimand)]
    facts = view.fit.facts.get("answers", {})
    parts = []
    for spec in specs:
        reason = facts.get(spec.label, {}).get("unanswered")
        heading = view.say("more.heading")
        if len(specs) > 1:
            heading = f"{heading} ({spec.label})"
        if reason is not None:
            text = Paragraph(view.say("more.unanswered", reason=reason))
            parts.append(Section(f"more-{spec.label}", heading, (text,)))
            continue
        rows = view.fit.estimates
        estimates = rows[rows["estimand"].eq(spec.label) & rows["by"].isna()]
        if len(estimates):
            estimand = EstimandView(view, spec, estimates)
            parts.append(Section(f"more-{spec.label}", heading, tuple(_blocks(estimand))))
            parts += displacement_groups.sections(estimand)
    return parts


def _blocks(estimand: EstimandView) -> list[Block]:
    view = estimand.view
    how = [estimand.say("how", event=estimand.event, start=estimand.start)]
    how += [text for text in (rows_.held_fixed(view, _covariates_changing(estimand)),) if text]
    how += (
        [estimand.say("drawn")]
        if any(arm.after == "drawn" for arm in estimand.spec.compared)
        else []
    )
    how += [view.say("more.unlike")] if view.arms and view.standardised is None else []
    blocks: list[Block] = [
        Paragraph(" ".join(how)),
        Paragraph(" ".join(_what_differs(estimand))),
    ]
    for arm in estimand.compared:
        versus = estimand.versus(arm)
        lines = (
            []
            if estimand.window is None
            else [estimand.say("window" if estimand.reaches else "acts")]
        )
        lines.append(estimand.say("lines", **estimand.arms(arm)))
        blocks.append(Paragraph(" ".join(lines)))
        blocks.append(Points(tuple(_lines(estimand, versus))))
        blocks += [Paragraph(text) for text in _what_displacement_is(estimand, versus)]
        blocks += [
            _figure(estimand, arm),
            _table(estimand, arm),
            *_separable_effects(estimand, versus),
        ]
        blocks += [
            Paragraph(text)
            for text in (_per_event(estimand, versus), _cost(estimand, versus))
            if text
        ]
    blocks += [Paragraph(text) for text in (_after_window(estimand), _support(estimand)) if text]
    blocks.append(Paragraph(view.say("more.right_identified" if view.identified else "more.right")))
    return blocks


def _what_differs(estimand: EstimandView) -> list[str]:
    """With regard to what the differences are total or direct."""
    held = held_events(estimand.view, estimand.spec)
    effect = estimand.say(f"effect_{estimand.spec.effect}", exit=estimand.exit)
    return [effect, *([held] if held else [])]


def _what_displacement_is(estimand: EstimandView, versus: str) -> list[str]:
    """What the contrast of the two months is and is not, and where rounding shows."""
    if estimand.window is None:
        return []
    texts = [estimand.say("net")]
    texts += [] if _displacements_agree(estimand, versus) else [estimand.say("net_rounded")]
    return [" ".join(texts)]


def _covariates_changing(estimand: EstimandView) -> Mapping[str, int]:
    """Covariates held at baseline along the paths, with the persons in whom they change."""
    facts = estimand.view.fit.facts.get("answers", {}).get(estimand.spec.label, {})
    changing: Mapping[str, int] = facts.get("changing_persons", {})
    return changing


# --- numbers ------------------------------------------------------------------------------------
def _lines(estimand: EstimandView, versus: str) -> list[tuple[str, str]]:
    lines = []
    for name, label in estimand.view.exit_labels.items():
        end = estimand.select(
            "risk_difference", exit=name, arm=versus, month=estimand.spec.horizon_months
        )
        if not len(end):
            continue
        additional = per_hundred(end, estimand.view)
        if estimand.window is None:
            lines.append((f"{label}:", estimand.say("line_whole", additional=additional)))
        else:
            lines.append((f"{label}:", _displacement(estimand, name, versus, additional)))
    stay = estimand.select("rmst_difference", arm=versus)
    if len(stay):
        text = estimand.say("stay", stay=signed(estimate(stay), -2, estimand.view))
        lines.append((estimand.view.say("more.stay_lead"), text))
    return lines


def _displacement(estimand: EstimandView, exit_name: str, versus: str, additional: str) -> str:
    """Differences at both months, their contrast, and the bounds of what is brought forward."""
    view = estimand.view
    at_window, displacement = (
        estimand.select(quantity, exit=exit_name, arm=versus)
        for quantity in ("at_window_end", "net_displacement")
    )
    line = estimand.say(
        "line",
        at_window=per_hundred(at_window, view),
        additional=additional,
        displacement=per_hundred(displacement, view),
        positive=probability_above(displacement, view),
    )
    bounds = {
        name: digits.percent_span(
            estimate(estimand.select(f"brought_forward_{name}", exit=exit_name, arm=versus)),
            view.language.marks,
        )
        for name in ("lower_bound", "monotone_lower_bound", "upper_bound")
    }
    return f"{line} {estimand.say('bounds', **bounds)}"


def _displacements_agree(estimand: EstimandView, versus: str) -> bool:
    """Whether net displacements are printed as the difference of the numbers beside them."""
    for name in estimand.view.exits if estimand.window is not None else ():
        quantities = ("at_window_end", "risk_difference", "net_displacement")
        rows = [estimand.select(quantity, exit=name, arm=versus) for quantity in quantities]
        rows[1] = rows[1][rows[1]["month"] == estimand.spec.horizon_months]
        at_window, end, displacement = (estimate(row).times(_HUNDRED) for row in rows)
        if len(rows[1]) and not digits.agree((at_window, end, displacement), -1):
            return False
    return True


def _figure(estimand: EstimandView, arm: str) -> Figure:
    """Differences per 100 month by month."""
    curves = estimand.select("risk_difference", arm=estimand.versus(arm))
    labels, words = estimand.view.exit_labels, estimand.figure_words
    figure = figures.more_or_earlier(curves, ends=estimand.ends, labels=labels, words=words)
    name = f"more-{estimand.spec.label}-{arm}"
    own_scale = ["own_scale"] if len(set(curves["exit"])) > 1 else []
    within = "figure_window" if estimand.reaches else "figure_ends"
    lines = [within if estimand.window is not None else "figure_end", *own_scale]
    return Figure(
        name=f"figure-{name}",
        numbers=f"table-{name}",
        svg=figures.svg(figure, name),
        caption=" ".join(
            [
                estimand.say("figure", kind=estimand.kind, **estimand.arms(arm)),
                *(estimand.say(key) for key in lines),
            ]
        ),
        text=figures.more_or_earlier_text(curves, ends=estimand.ends, labels=labels, words=words),
    )


def _table(estimand: EstimandView, arm: str) -> Table:
    """Differences per 100 at the printed months, and how sure their direction is."""
    view, versus = estimand.view, estimand.versus(arm)
    months = view.months_of(estimand.spec.horizon_months)
    groups = []
    for name, label in view.exit_labels.items():
        cells = []
        for month in months:
            rows = estimand.select("risk_difference", exit=name, arm=versus, month=month)
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
        name=f"table-more-{estimand.spec.label}-{arm}",
        caption=estimand.say("table"),
        head=(*(view.say(key) for key in heads), view.say("more.head_direction")),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )


def _separable_effects(estimand: EstimandView, versus: str) -> list[Block]:
    """Separable direct and indirect effects, and their sum, at the printed months."""
    if not len(estimand.select("separable_direct", arm=versus)):
        return []
    view, name = estimand.view, estimand.spec.exit
    quantities = ("risk_difference", "separable_direct", "separable_indirect")
    rows, agreed = [], True
    for month in view.months_of(estimand.spec.horizon_months):
        cells = [
            estimand.select(quantity, exit=name, arm=versus, month=month) for quantity in quantities
        ]
        if not all(len(cell) for cell in cells):
            continue
        effects = [estimate(cell).times(_HUNDRED) for cell in cells]
        mcse = max(effect.mcse for effect in effects)  # one last digit, for they are added up
        total, direct, indirect = (effect._replace(mcse=mcse) for effect in effects)
        agreed &= digits.agree((total, direct, indirect), -1)
        texts = [signed(effect, -1, view) for effect in (total, direct, indirect)]
        rows.append((view.say("arms.month", month=view.language.whole(month)), *texts))
    if not rows:
        return []
    places = dict(zip(("total", "direct", "indirect"), rows[-1][1:], strict=True))
    sentence = estimand.say("parts", exit=estimand.exit, **places)
    heads = ("arms.head_month", "more.head_total", "more.head_direct", "more.head_indirect")
    caption = [estimand.say("parts_table", exit=estimand.exit)]
    caption += [] if agreed else [view.say("more.parts_rounded")]
    table = Table(
        name=f"table-parts-{estimand.spec.label}",
        caption=" ".join(caption),
        head=tuple(view.say(key) for key in heads),
        looks=("head", "number", "number", "number"),
        groups=grouped(rows),
    )
    return [Paragraph(sentence), table]


def _per_event(estimand: EstimandView, versus: str) -> str | None:
    extra = estimand.select("extra_exits_per_event", arm=versus, month=estimand.spec.horizon_months)
    saved = estimand.select("saved_months_per_event", arm=versus)
    if not len(extra) or not len(saved):
        return None
    exits = []
    for name in extra["exit"]:
        number = signed(estimate(extra[extra["exit"] == name]), -2, estimand.view)
        exits.append(f"{estimand.view.exit_labels[name]}: {number}")
    facts = estimand.view.fit.facts["answers"][estimand.spec.label]
    residents = digits.number(facts["residents_per_event"], -1, estimand.view.language.marks)
    return estimand.say(
        "per_event",
        residents=residents,
        event=estimand.event,
        exits="; ".join(exits),
        saved=signed(estimate(saved), -1, estimand.view),
    )


def _cost(estimand: EstimandView, versus: str) -> str | None:
    rows, costs = estimand.select("cost_change_per_event", arm=versus), estimand.view.fit.spec.costs
    if not len(rows) or costs is None:
        return None
    marks = estimand.view.language.marks
    texts = [
        estimand.say(
            "cost" if costs.prices_of is None else "cost_converted",
            change=signed(estimate(rows), 2, estimand.view),
            currency=costs.currency,
            years=", ".join(map(str, costs.price_years)),
        )
    ]
    facts = estimand.view.fit.facts["answers"][estimand.spec.label]
    if isinstance(costs.persons, str):
        mean = digits.number(facts["persons_per_path"], -2, marks)
        texts.append(estimand.say("cost_persons", mean=mean))
    if costs.event is not None:
        value = digits.number(costs.price(costs.event), 0, marks)
        texts.append(estimand.say("cost_event", value=value, currency=costs.currency))
    return " ".join(texts)


# --- limits -------------------------------------------------------------------------------------
def _after_window(estimand: EstimandView) -> str | None:
    """Whether the time after the window rests on the model, or on persons present at the event."""
    if estimand.window is None:
        return None
    return estimand.say("from_those_there" if estimand.reaches else "built_in")


def _support(estimand: EstimandView) -> str | None:
    """How much of the comparison was never observed, in the panel and within the network."""
    if not len(estimand.select("positivity_violation_share")):
        return None
    shares = {
        f"{name}_{where}": _worst_share(estimand, f"{quantity}{ending}")
        for name, quantity in (
            ("flagged", "positivity_violation_share"),
            ("unseen", "unseen_history_share"),
        )
        for where, ending in (("panel", ""), ("network", "_within_network"))
    }
    view, term = estimand.view, estimand.term
    far = view.language.whole(estimand.spec.far)
    if term.network == "own":
        return estimand.say("support", far=far, **shares)
    network = view.say(f"more.network_{term.network}")
    return estimand.say("support_within", far=far, network=network, **shares)


def _worst_share(estimand: EstimandView, quantity: str) -> str:
    """The largest share of the arms, in percent."""
    worst = _HUNDRED * float(estimand.select(quantity)["estimate"].max())
    marks = estimand.view.language.marks
    return digits.number(0.0, 0, marks) if worst == 0 else digits.share(worst, -1, marks)


def identification(view: View) -> list[Section]:
    """On what ground differences are called effects, if the model file says so."""
    if not view.identified:
        return []
    identification_spec = view.fit.spec.identification
    blocks: list[Block] = [
        Paragraph(
            view.say(
                "identified.strategy",
                strategy=view.language.translated(identification_spec.strategy),
            )
        ),
        Points(
            tuple(
                ("", view.language.translated(assumption))
                for assumption in identification_spec.assumptions
            )
        ),
    ]
    return [Section("identification", view.say("identified.heading"), tuple(blocks))]


def costs(view: View) -> list[Section]:
    """The costs of the model file as stated and as converted, with year and source."""
    spec = view.fit.spec.costs
    if spec is None:
        return []
    converted = [] if spec.prices_of is None else [view.say("costs.head_told", year=spec.prices_of)]
    heads = [view.say(f"costs.head_{name}") for name in ("what", "value", "year")]
    table = Table(
        name="table-costs",
        caption=_caption(view, spec),
        head=(*heads, *converted, view.say("costs.head_source")),
        looks=("head", "number", "number", *("number" for _ in converted), "quote"),
        groups=grouped(_cost_rows(view, spec)),
    )
    return [Section("costs", view.say("costs.heading"), (table,), level=3)]


def _cost_rows(view: View, costs: CostsSpec) -> list[tuple[str, ...]]:
    costs_by_item = {view.say("costs.month"): costs.month, view.say("costs.event"): costs.event}
    costs_by_item |= {view.exit_labels[name]: cost for name, cost in costs.exits.items()}
    rows: list[tuple[str, ...]] = []
    for item, cost in costs_by_item.items():
        if cost is None:
            continue
        stated, converted = (
            view.language.whole(value) for value in (cost.value, costs.price(cost))
        )
        converted_cell = () if costs.prices_of is None else (converted,)
        rows.append((item, stated, str(cost.year), *converted_cell, cost.source))
    return rows


def _caption(view: View, costs: CostsSpec) -> str:
    """Of how many persons costs are, and how they were converted."""
    marks = view.language.marks
    if isinstance(costs.persons, str):
        per = view.say("costs.per_column", column=costs.persons)
    else:
        per = view.say("costs.per_number", per=digits.as_stated(costs.persons, marks))
    texts = [view.say("costs.caption", currency=costs.currency, per=per)]
    if costs.prices_of is not None:
        years = sorted({*costs.years, costs.prices_of})
        index = "; ".join(f"{year}: {digits.as_stated(costs.index[year], marks)}" for year in years)
        places = {"year": costs.prices_of, "index": index, "source": costs.index_source}
        texts.append(view.say("costs.converted", **places))
    return " ".join(texts)
