"""More, or only earlier, by the level of a group: one section for every grouping."""

from __future__ import annotations

import re

import pandas as pd

from hazard.brief.blocks import Block, Figure, Paragraph, Section, Table
from hazard.brief.g_formula import EstimandView, per_hundred
from hazard.brief.view import View, capital
from hazard.output import figures
from hazard.predictive import POOLED
from hazard.spec import MADE_GROUPS


def sections(overall: EstimandView) -> list[Section]:
    """Sections of the groupings of an estimand, in the order of the model file.

    Parameters
    ----------
    overall : EstimandView
        Its rows are those without a group.
    """
    rows = overall.view.fit.estimates
    estimates = rows[rows["estimand"].eq(overall.spec.label)]
    return [_section(overall, estimates[estimates["by"].eq(by)], by) for by in overall.spec.by]


def _section(overall: EstimandView, rows: pd.DataFrame, by: str) -> Section:
    subgroups, grouping = overall._replace(rows=_common_mcse(rows)), _grouping(overall.view, by)
    blocks: list[Block] = []
    if len(rows):
        blocks = [Paragraph(_how(subgroups, by, grouping))]
        for arm in subgroups.compared:
            blocks += [_figure(overall, subgroups, by, arm), _table(overall, subgroups, by, arm)]
    else:
        fewest = subgroups.view.language.whole(subgroups.spec.fewest)
        blocks = [Paragraph(subgroups.say("by_none", what=grouping, fewest=fewest))]
    heading = overall.view.say("more.by_heading", what=grouping)
    return Section(f"more-{overall.spec.label}-{by}", heading, tuple(blocks), level=3)


def _common_mcse(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which all levels of a number have the largest Monte Carlo error of them.

    So they are printed with as many digits.
    """
    errors = rows.groupby(["quantity", "arm", "exit"])["mcse"].transform("max")
    return rows.assign(mcse=errors.where(rows["exit"].notna()))


# --- words --------------------------------------------------------------------------------------
def _grouping(view: View, by: str) -> str:
    """A grouping in words."""
    term_name = view.language.words["term"].get(by, by)
    return view.language.words["more"].get(f"group_{by}", f"{term_name[:1].lower()}{term_name[1:]}")


def _level(view: View, by: str, level: str) -> str:
    """A level in words; the classes of a number get a dash for their span."""
    if level == POOLED:
        return view.say("more.pooled")
    span = re.sub(r"(?<=\d)-(?=\d)", "–", level) if by in MADE_GROUPS else level
    return view.language.words["more"].get(f"level_{by}_{level}", span)


def _how(estimand: EstimandView, by: str, grouping: str) -> str:
    sentences = [estimand.say("by_how", what=grouping)]
    if POOLED in set(estimand.rows["level"]):
        fewest = estimand.view.language.whole(estimand.spec.fewest)
        sentences.append(
            estimand.say("by_pooled", fewest=fewest, pooled=_level(estimand.view, by, POOLED))
        )
    term = next(
        lagged for lagged in estimand.view.fit.spec.lagged if lagged.name == estimand.spec.term
    )
    if term.varies_by is None:
        sentences.append(estimand.say("by_same"))
    elif term.varies_by.by == by:
        sentences.append(estimand.say("by_own", what=grouping))
    else:
        sentences.append(
            estimand.say(
                "by_other", what=grouping, varies=_grouping(estimand.view, term.varies_by.by)
            )
        )
    return " ".join(sentences)


# --- numbers ------------------------------------------------------------------------------------
def _figure(overall: EstimandView, subgroups: EstimandView, by: str, arm: str) -> Figure:
    versus, horizon = subgroups.versus(arm), subgroups.spec.horizon_months
    overall_rows = overall.select("risk_difference", arm=versus, month=horizon)
    rows = subgroups.select("risk_difference", arm=versus, month=horizon)
    level_names = [_level(subgroups.view, by, level) for level in rows["level"]]
    curves = pd.concat(
        [overall_rows.assign(level=subgroups.say("everybody")), rows.assign(level=level_names)],
        ignore_index=True,
    )
    labels, words = subgroups.view.exit_labels, subgroups.figure_words
    name = f"more-{subgroups.spec.label}-{by}-{arm}"
    return Figure(
        name=f"figure-{name}",
        numbers=f"table-{name}",
        svg=figures.svg(figures.more_by_level(curves, labels=labels, words=words), name),
        caption=" ".join(
            [
                overall.say(
                    "by_figure",
                    what=_grouping(subgroups.view, by),
                    kind=subgroups.kind,
                    **subgroups.arms(arm),
                ),
                *([subgroups.say("own_scale")] if len(set(curves["exit"])) > 1 else []),
            ]
        ),
        text=figures.more_by_level_text(curves, labels=labels, words=words),
    )


def _table(overall: EstimandView, subgroups: EstimandView, by: str, arm: str) -> Table:
    """Of every exit and level: how many, and the differences at the marked months."""
    grouping, view = _grouping(subgroups.view, by), subgroups.view
    heads = [
        subgroups.say("head_after", month=view.language.whole(month)) for month in overall.ends
    ]
    exits = subgroups.select("risk_difference", arm=subgroups.versus(arm))["exit"].unique()
    return Table(
        name=f"table-more-{subgroups.spec.label}-{by}-{arm}",
        caption=subgroups.say("by_table", what=grouping, **subgroups.arms(arm)),
        head=(view.say("arms.head_exit"), capital(grouping), view.say("more.head_paths"), *heads),
        looks=("head", "number", *("number" for _ in heads)),
        groups=tuple(
            (
                view.exit_labels[name],
                tuple(_rows(overall, subgroups, by, name, subgroups.versus(arm))),
            )
            for name in exits
        ),
    )


def _rows(
    overall: EstimandView, subgroups: EstimandView, by: str, exit_name: str, versus: str
) -> list[tuple[str, ...]]:
    """The sample, then every subgroup, of one exit and comparison."""
    count, sizes = subgroups.view.language.count, subgroups.select("paths")
    first = (subgroups.say("everybody"), count(overall.paths), *_cells(overall, exit_name, versus))
    return [
        first,
        *(
            (
                _level(subgroups.view, by, level),
                count(int(number)),
                *_cells(
                    subgroups._replace(rows=subgroups.rows[subgroups.rows["level"] == level]),
                    exit_name,
                    versus,
                ),
            )
            for level, number in zip(sizes["level"], sizes["estimate"], strict=True)
        ),
    ]


def _cells(estimand: EstimandView, exit_name: str, versus: str) -> list[str]:
    cells = []
    for month in estimand.ends:
        quantity = "at_window_end" if month == estimand.window else "risk_difference"
        rows = estimand.select(quantity, exit=exit_name, arm=versus, month=month)
        cells.append(per_hundred(rows, estimand.view))
    return cells
