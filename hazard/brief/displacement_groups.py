"""More, or only earlier, by the level of a group: one section for every grouping."""

from __future__ import annotations

import re

import pandas as pd

from hazard.brief.blocks import Block, Figure, Paragraph, Section, Table
from hazard.brief.g_formula import Answered, per_hundred
from hazard.brief.view import View, capital
from hazard.output import figures
from hazard.predictive import POOLED
from hazard.spec import MADE_GROUPS


def sections(everybody: Answered) -> list[Section]:
    """Sections of the groupings of an estimand, in the order of the model file.

    Parameters
    ----------
    everybody : Answered
        Its rows are those without a group.
    """
    rows = everybody.view.fit.estimates
    own = rows[rows["estimand"].eq(everybody.wanted.label)]
    return [_section(everybody, own[own["by"].eq(by)], by) for by in everybody.wanted.by]


def _section(everybody: Answered, rows: pd.DataFrame, by: str) -> Section:
    of, what = everybody._replace(rows=_alike(rows)), _what(everybody.view, by)
    blocks: list[Block] = []
    if len(rows):
        blocks = [Paragraph(_how(of, by, what))]
        for arm in of.compared:
            blocks += [_figure(everybody, of, by, arm), _table(everybody, of, by, arm)]
    else:
        fewest = of.view.language.whole(of.wanted.fewest)
        blocks = [Paragraph(of.say("by_none", what=what, fewest=fewest))]
    heading = everybody.view.say("more.by_heading", what=what)
    return Section(f"more-{everybody.wanted.label}-{by}", heading, tuple(blocks), level=3)


def _alike(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which all levels of a number have the largest Monte Carlo error of them.

    They stand together, and so have as many digits.
    """
    errors = rows.groupby(["quantity", "arm", "exit"])["mcse"].transform("max")
    return rows.assign(mcse=errors.where(rows["exit"].notna()))


# --- words --------------------------------------------------------------------------------------
def _what(view: View, by: str) -> str:
    """A grouping in words."""
    named = view.language.words["term"].get(by, by)
    return view.language.words["more"].get(f"group_{by}", f"{named[:1].lower()}{named[1:]}")


def _level(view: View, by: str, level: str) -> str:
    """A level in words; the classes of a number get a dash for their span."""
    if level == POOLED:
        return view.say("more.pooled")
    span = re.sub(r"(?<=\d)-(?=\d)", "–", level) if by in MADE_GROUPS else level
    return view.language.words["more"].get(f"level_{by}_{level}", span)


def _how(of: Answered, by: str, what: str) -> str:
    said = [of.say("by_how", what=what)]
    if POOLED in set(of.rows["level"]):
        fewest = of.view.language.whole(of.wanted.fewest)
        said.append(of.say("by_pooled", fewest=fewest, pooled=_level(of.view, by, POOLED)))
    term = next(each for each in of.view.fit.spec.lagged if each.name == of.wanted.term)
    if term.varies_by is None:
        said.append(of.say("by_same"))
    elif term.varies_by.by == by:
        said.append(of.say("by_own", what=what))
    else:
        said.append(of.say("by_other", what=what, varies=_what(of.view, term.varies_by.by)))
    return " ".join(said)


# --- numbers ------------------------------------------------------------------------------------
def _figure(everybody: Answered, of: Answered, by: str, arm: str) -> Figure:
    versus, horizon = of.versus(arm), of.wanted.horizon_months
    alone = everybody.of("risk_difference", arm=versus, month=horizon)
    rows = of.of("risk_difference", arm=versus, month=horizon)
    named = [_level(of.view, by, level) for level in rows["level"]]
    drawn = pd.concat(
        [alone.assign(level=of.say("everybody")), rows.assign(level=named)], ignore_index=True
    )
    labels, words = of.view.exit_labels, of.figure_words
    name = f"more-{of.wanted.label}-{by}-{arm}"
    return Figure(
        name=f"figure-{name}",
        numbers=f"table-{name}",
        svg=figures.svg(figures.more_by_level(drawn, labels=labels, words=words), name),
        caption=" ".join(
            [
                everybody.say("by_figure", what=_what(of.view, by), kind=of.kind, **of.arms(arm)),
                *([of.say("own_scale")] if len(set(drawn["exit"])) > 1 else []),
            ]
        ),
        text=figures.more_by_level_text(drawn, labels=labels, words=words),
    )


def _table(everybody: Answered, of: Answered, by: str, arm: str) -> Table:
    """Of every exit and level: how many, and the differences at the marked months."""
    what, view = _what(of.view, by), of.view
    heads = [of.say("head_after", month=view.language.whole(month)) for month in everybody.ends]
    exits = of.of("risk_difference", arm=of.versus(arm))["exit"].unique()
    return Table(
        name=f"table-more-{of.wanted.label}-{by}-{arm}",
        caption=of.say("by_table", what=what, **of.arms(arm)),
        head=(view.say("arms.head_exit"), capital(what), view.say("more.head_paths"), *heads),
        looks=("head", "number", *("number" for _ in heads)),
        groups=tuple(
            (view.exit_labels[name], tuple(_rows(everybody, of, by, (name, of.versus(arm)))))
            for name in exits
        ),
    )


def _rows(
    everybody: Answered, of: Answered, by: str, which: tuple[str, str]
) -> list[tuple[str, ...]]:
    """Everybody, then every level, of one exit and comparison."""
    count, sizes = of.view.language.count, of.of("paths")
    first = (of.say("everybody"), count(everybody.paths), *_cells(everybody, which))
    return [
        first,
        *(
            (
                _level(of.view, by, level),
                count(int(number)),
                *_cells(of._replace(rows=of.rows[of.rows["level"] == level]), which),
            )
            for level, number in zip(sizes["level"], sizes["estimate"], strict=True)
        ),
    ]


def _cells(of: Answered, which: tuple[str, str]) -> list[str]:
    exit_name, versus = which
    cells = []
    for month in of.ends:
        quantity = "at_window_end" if month == of.window else "risk_difference"
        rows = of.of(quantity, exit=exit_name, arm=versus, month=month)
        cells.append(per_hundred(rows, of.view))
    return cells
