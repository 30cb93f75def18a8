"""The sections with the results: incidences with and without, and lag curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import pandas as pd

from hazard.brief import rows, verdict
from hazard.brief.blocks import Block, Figure, Paragraph, Section, Table
from hazard.brief.view import View, estimate
from hazard.output import digits, figures
from hazard.output.shapes import POSTERIOR_SHAPE, PRIOR_SHAPE
from hazard.output.tables import HAZARD_MODEL
from hazard.spec import LaggedTerm, LagShapeEstimand
from hazard.spec.links import LINKS
from hazard.spec.shapes import Condition, Negligible

_DASH = "–"
_ESTIMATORS = ("hazard model", "multinomial logit", "linear probability")


# --- cumulative incidence -------------------------------------------------------------------------
def incidence(view: View) -> Section:
    """How many left in each way, with and without the event, or as the panel was."""
    kind = "arms" if view.arms else "plain"
    how = "arms.how" if view.standardised is None else "arms.how_paths"
    texts = [f"{how}{view.regime}", f"arms.observed{view.regime}"]
    if not view.arms:
        texts = ["plain.how" if view.modelled else "plain.how_counted"]
    texts += ["arms.start"] if view.registers else []
    blocks: list[Block] = [Paragraph(view.say(key, **_paths(view))) for key in texts]
    held = rows.held_fixed(view, view.changing)
    blocks += [Paragraph(text) for text in (held,) if text and view.modelled]
    blocks += [_incidence_figure(view, kind), _incidence_table(view, kind)]
    if view.arms and not view.regime:
        blocks.append(Paragraph(view.say("arms.reading")))
    return Section("incidence", view.say(f"{kind}.heading"), tuple(blocks))


def _paths(view: View) -> dict[str, str]:
    """Number of persons who are followed, where that is by the g-formula."""
    if view.standardised is None:
        return {}
    facts = view.fit.facts.get("answers", {}).get(view.standardised.label, {})
    return {"paths": view.language.count(int(facts.get("paths", 0)))}


def _incidence_figure(view: View, kind: str) -> Figure:
    words, labels = view.figure_words(_scale(view)), view.exit_labels
    figure = figures.incidence(view.incidence, labels=labels, words=words)
    return Figure(
        name="figure-incidence",
        numbers="table-incidence",
        svg=figures.svg(figure, "incidence"),
        caption=view.say(f"{kind}.caption" if view.modelled else "plain.caption_counted"),
        text=figures.incidence_text(view.incidence, months=view.months, labels=labels, words=words),
    )


def _incidence_table(view: View, kind: str) -> Table:
    columns: dict[str, tuple[str, Callable[..., str]]] = {
        "with": (f"arms.head_with{view.regime}", digits.percent),
        "without": (f"arms.head_without{view.regime}", digits.percent),
        "with - without": ("arms.head_difference", digits.points),
    }
    if not view.arms:
        columns = {"observed": ("plain.head_model", digits.percent)} if view.modelled else {}
        columns["counted"] = ("plain.head_panel", digits.percent)
    caption = view.say(f"{kind}.table")
    if view.arms and not view.all_agree(view.months, -1, 100):
        caption = f"{caption} {view.say('answer.rounded')}"
    return Table(
        name="table-incidence",
        caption=caption,
        head=(
            view.say("arms.head_exit"),
            view.say("arms.head_month"),
            *(view.say(heading) for heading, _ in columns.values()),
        ),
        looks=("head", *("number" for _ in columns)),
        groups=tuple(
            (
                view.exit_labels[name],
                tuple(
                    (
                        view.say("arms.month", month=view.language.whole(month)),
                        *(
                            _cell(view.estimate_at(name, month, arm), text, view)
                            for arm, (_, text) in columns.items()
                        ),
                    )
                    for month in view.months
                ),
            )
            for name in view.exits
        ),
    )


def _cell(value: digits.Estimate | None, text: Callable[..., str], view: View) -> str:
    return text(value, view.language.marks) if value else _DASH


# --- lag curves -----------------------------------------------------------------------------------
def lags(view: View) -> Section:
    """Lag curves of the exposure that the question is about."""
    joined = any(term.windows is not None for term in view.shown_terms)
    blocks: list[Block] = [
        Paragraph(view.say("lags.how", ratio=view.say(f"lags.{_scale(view)}"))),
        *([Paragraph(view.say("lags.joined"))] if joined else []),
        Paragraph(view.say("lags.bands")),
        *(
            block
            for term in view.shown_terms
            for block in (_lag_figure(view, term), Paragraph(clear_lags(view, term)))
        ),
        Paragraph(view.say("lags.three")),
        *_shapes(view),
    ]
    return Section("lags", view.say("lags.heading"), tuple(blocks))


def lag_tables(view: View) -> Section:
    """Every number of every lag curve."""
    blocks: list[Block] = [Paragraph(view.say("appendix.lags_text"))]
    blocks += [_lag_table(view, term) for term in view.fit.spec.lagged]
    return Section("all-lags", view.say("appendix.lags"), tuple(blocks), level=3)


def _scale(view: View) -> Literal["odds", "hazard"]:
    return LINKS[view.fit.spec.outcome.link].ratio


def _lag_figure(view: View, term: LaggedTerm) -> Figure:
    words = view.figure_words(_scale(view))
    curves, labels = view.curves(term), view.exit_labels
    return Figure(
        name=f"figure-{term.name}",
        numbers=f"table-{term.name}",
        svg=figures.svg(figures.lag_curves(curves, labels=labels, words=words), term.name),
        caption=view.say("lags.caption", Event=view.event_of(term)),
        text=in_words(view, term),
    )


def in_words(view: View, term: LaggedTerm) -> str:
    """The ratios of a lag curve in words."""
    words = view.figure_words(_scale(view))
    return figures.lag_curves_text(view.curves(term), labels=view.exit_labels, words=words)


def clear_lags(view: View, term: LaggedTerm) -> str:
    """At which lags a ratio differs from 1 by the band of its whole curve, exit by exit."""
    curves = view.curves(term)
    curves = curves[curves["estimator"].eq(HAZARD_MODEL)].sort_values("lag")
    return " ".join(
        _clear_lags_of(view, name, curves[curves["exit"].eq(name)]) for name in view.exits
    )


def _clear_lags_of(view: View, exit_name: str, curve: pd.DataFrame) -> str:
    """The sentence of one exit, from its curve in the order of lags."""
    signs = [
        (int(lag), verdict.sign(estimate(curve.loc[[index]], "simultaneous")))
        for index, lag in curve["lag"].items()
    ]
    parts = [
        view.say(f"lags.band_{sign}", when=_when(view, [lag for lag, s in signs if s == sign]))
        for sign in ("up", "down")
        if any(s == sign for _, s in signs)
    ]
    partly = any(sign == "flat" for _, sign in signs)
    key = "band_open" if not parts else "band_partly" if partly else "band_clear"
    return view.say(f"lags.{key}", exit=view.exit_labels[exit_name], parts=", ".join(parts))


def _when(view: View, lags: Sequence[int]) -> str:
    """Increasing lags with their unit, neighbours put together: 0 to 2 and 5 months."""
    stretches = groupby(enumerate(lags), key=lambda pair: pair[1] - pair[0])
    ends = [sorted({run[0][1], run[-1][1]}) for run in (list(run) for _, run in stretches)]
    to = f" {view.language.marks.to} "
    texts = [to.join(view.language.whole(lag) for lag in pair) for pair in ends]
    first = [", ".join(texts[:-1])] if texts[1:] else []
    unit = view.language.unit(view.fit.spec.table.unit)
    words = view.say("lags.and").join([*first, texts[-1]])
    return f"{words}{digits.FIXED}{unit.one if list(lags) == [1] else unit.several}"


def _shapes(view: View) -> list[Block]:
    """Shapes that the model file asks for, with their probabilities after the data and before."""
    if not view.fit.spec.lag_shapes:
        return []
    table = Table(
        name="table-shapes",
        caption=view.say("shape.table"),
        head=tuple(view.say(f"shape.head_{name}") for name in ("exit", "shape", "after", "before")),
        looks=("head", "number", "number"),
        groups=tuple(
            (view.exit_labels[name], shape_rows)
            for name in view.exits
            if (shape_rows := _shape_rows(view, name))
        ),
    )
    return [Paragraph(view.say("shape.how")), table]


def _shape_rows(view: View, exit_name: str) -> tuple[tuple[str, ...], ...]:
    """A row per shape that is asked of an exit: in words, and both probabilities."""
    rows = view.fit.estimates
    rows = rows[rows["exit"].eq(exit_name)]
    lines = []
    for estimand in view.fit.spec.lag_shapes:
        if estimand.exit not in (None, exit_name):
            continue
        asked = rows[rows["estimand"].eq(estimand.label)]
        cells = [
            digits.probability(probability.estimate, probability.mcse, view.language.marks)
            for quantity in (POSTERIOR_SHAPE, PRIOR_SHAPE)
            for probability in (estimate(asked[asked["quantity"].eq(quantity)]),)
        ]
        lines.append((shape_in_words(view, estimand), *cells))
    return tuple(lines)


def shape_in_words(view: View, estimand: LagShapeEstimand) -> str:
    """The event, and the conditions of its shape, all of which must hold."""
    term = next(term for term in view.fit.spec.lagged if term.name == estimand.term)
    conditions = [_condition_in_words(view, condition) for condition in estimand.shape]
    text = view.say("lags.and").join(conditions)
    return view.say("shape.of", Event=view.event_of(term), conditions=text)


def _condition_in_words(view: View, condition: Condition) -> str:
    places = {"when": _when(view, range(condition.lags[0], condition.lags[1] + 1))}
    if isinstance(condition, Negligible):
        power = min(-2, math.floor(math.log10(condition.within - 1)) - 1)
        ends = {"lower": 1 / condition.within, "upper": condition.within}
        places |= {
            name: digits.number(end, power, view.language.marks) for name, end in ends.items()
        }
    return view.say(f"shape.{condition.kind}", **places)


def _lag_table(view: View, term: LaggedTerm) -> Table:
    columns = [view.language.name("estimator", name) for name in _ESTIMATORS]
    keys = (_scale(view), _scale(view), "points")
    return Table(
        name=f"table-{term.name}",
        caption=view.say("lags.caption_table", Event=view.event_of(term)),
        head=(
            view.say("arms.head_exit"),
            view.say("lags.head_lag"),
            *(
                view.say(f"lags.{key}_row", estimator=name)
                for key, name in zip(keys, columns, strict=True)
            ),
        ),
        looks=("head", *("number" for _ in columns)),
        groups=tuple((view.exit_labels[name], _lag_rows(view, term, name)) for name in view.exits),
    )


def _lag_rows(view: View, term: LaggedTerm, exit_name: str) -> tuple[tuple[str, ...], ...]:
    texts: tuple[Callable[..., str], ...] = (digits.ratio, digits.ratio, digits.points)
    curve, sums = (
        estimates[estimates["exit"].eq(exit_name)]
        for estimates in (view.curves(term), view.curves(term, "cumulative_lag_effect"))
    )
    lines = []
    for lag in range(term.lags[0], term.lags[1] + 1):
        cells = []
        for estimator, text in zip(_ESTIMATORS, texts, strict=True):
            points = curve[curve["estimator"].eq(estimator) & curve["lag"].eq(lag)]
            cells.append(_cell(estimate(points) if len(points) else None, text, view))
        lines.append((view.language.whole(lag), *cells))
    total = _cell(estimate(sums) if len(sums) else None, digits.logarithm, view)
    lines.append((view.say("lags.sum"), total, _DASH, _DASH))
    return tuple(lines)
