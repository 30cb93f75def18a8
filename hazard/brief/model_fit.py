"""Whether the model fits: observed exits beside replicated ones."""

from __future__ import annotations

from hazard import predictive
from hazard.brief.blocks import Figure, Paragraph, Section, Table
from hazard.brief.view import View
from hazard.languages import Words
from hazard.output import digits, figures

_HEADS = ("by", "exit", "levels", "outside", "expected")


def section(view: View) -> Section:
    """The sample and each group: observed exits, and replicates from the model."""
    blocks = (Paragraph(view.say("fit.how")), _figure(view), _table(view))
    return Section("fit", view.say("fit.heading"), blocks)


def _words(view: View) -> Words:
    """Words of the figure in the unit of the panel, with the marks of numbers."""
    return figures.predictive_words(view.fit.spec.table.unit, view.language.code)


def _figure(view: View) -> Figure:
    checked, words, labels = view.fit.predictive, _words(view), view.exit_labels
    figure = figures.predictive(checked, labels=labels, words=words, month=view.compared)
    return Figure(
        name="figure-fit",
        numbers="table-fit",
        svg=figures.svg(figure, "fit"),
        caption=view.say("fit.caption"),
        text=figures.predictive_text(checked, labels=labels, words=words, month=view.compared),
    )


def _table(view: View) -> Table:
    """Levels outside their interval: of groups by incidence, of periods by their exits."""
    summary = predictive.summary(view.fit.predictive, month=view.compared)
    summary = summary[summary["grouping"] != predictive.ALL]
    followed = set(summary.loc[summary["quantity"] == "cumulative_incidence", "grouping"])
    is_printed = summary["quantity"].eq("cumulative_incidence") | ~summary["grouping"].isin(
        followed
    )
    groups = []
    for name in summary["grouping"].unique():
        rows = summary[is_printed & summary["grouping"].eq(name)]
        cells = tuple(
            (
                view.exit_labels[row["exit"]],
                view.language.whole(row["n_levels"]),
                view.language.whole(row["n_outside"]),
                digits.number(row["n_expected"], -1, view.language.marks),
            )
            for row in rows.to_dict("records")
        )
        groups.append((figures.grouping_in_words(str(name), _words(view)), cells))
    return Table(
        name="table-fit",
        caption=view.say("fit.table"),
        head=tuple(view.say(f"fit.head_{name}") for name in _HEADS),
        looks=("head", "number", "number", "number"),
        groups=tuple(groups),
    )
