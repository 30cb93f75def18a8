"""The sections with the results: incidences with and without, and lag curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from hazard.brief import rows
from hazard.brief.blocks import Block, Figure, Paragraph, Section, Table
from hazard.brief.view import View, estimate
from hazard.output import digits, figures
from hazard.spec import LaggedTerm
from hazard.spec.links import LINKS

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
        *(_lag_figure(view, term) for term in view.shown_terms),
        Paragraph(view.say("lags.three")),
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
