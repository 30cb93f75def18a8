"""Coefficients of covariates, groups and periods: ratios and percentage points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from hazard.brief.blocks import Block, Paragraph, Section, Table
from hazard.brief.view import View, capital, estimate, grouped
from hazard.output import digits
from hazard.output.coefficients import COEFFICIENT, CORRELATION, GROUP_SD, WALK_SD
from hazard.output.tables import HAZARD_MODEL
from hazard.spec import CovariateTerm
from hazard.spec.links import LINKS

ESTIMATORS = (HAZARD_MODEL, "multinomial logit", "linear probability")
_IN_ANSWER, _LEVELS, _FINEST = 8, 12, -8
_LARGEST = 20.0  # a ratio of half a billion says only that there is none


def sections(view: View) -> list[Section]:
    """Covariates and the spread of groups, where the run has them."""
    blocks: list[Block] = []
    if _terms(view):
        ratio = view.say(f"lags.{_scale(view)}")
        blocks += [Paragraph(view.say("coefficients.how", ratio=ratio)), *_centres(view)]
        blocks.append(
            _table(view, "table-covariates", view.say("coefficients.table"), _terms(view))
        )
    blocks += _spreads(view)
    return (
        [Section("covariates", view.say("coefficients.heading"), tuple(blocks))] if blocks else []
    )


def appendix(view: View) -> list[Section]:
    """Months at risk and calendar time, at most a dozen numbers of each."""
    rows = _coefficients(view)
    columns = {term.name for term in _covariates(view)}
    names = [name for name in rows["term"].unique() if name not in columns]
    if not names:
        return []
    table = _table(view, "table-periods", view.say("coefficients.periods_table"), names)
    return [Section("periods", view.say("coefficients.periods"), (table,), level=3)]


def in_words(view: View) -> list[tuple[str, str]]:
    """Covariates of the model file as an answer: a lead, and the ratio of every exit.

    Up to eight comparisons, first those of numbers and of two levels, in the order of the model
    file.
    """
    rows, pairs = _comparisons(view)
    return [
        (f"{_label(view, name, level, rows)}:", _sentence(view, _select(rows, name, level)))
        for name, level in pairs[:_IN_ANSWER]
    ]


def further(view: View) -> str:
    """Where the comparisons are that do not fit in the answer; empty where all fit."""
    _, pairs = _comparisons(view)
    if len(pairs) <= _IN_ANSWER:
        return ""
    return view.say("answer.further", section=view.say("coefficients.heading"))


# --- rows ---------------------------------------------------------------------------------------
def _coefficients(view: View) -> pd.DataFrame:
    rows = view.fit.estimates
    return rows[rows["quantity"].eq(COEFFICIENT)]


def _covariates(view: View) -> list[CovariateTerm]:
    return [term for term in view.fit.spec.term if isinstance(term, CovariateTerm)]


def _terms(view: View) -> list[str]:
    """Covariates that the run has numbers of, in the order of the model file."""
    estimated = set(_coefficients(view)["term"])
    return [term.name for term in _covariates(view) if term.name in estimated]


def _comparisons(view: View) -> tuple[pd.DataFrame, list[tuple[str, str | None]]]:
    """Rows of the hazard model, and every term with each level, those of one level first."""
    rows = _coefficients(view)
    rows = rows[rows["estimator"].eq(HAZARD_MODEL)]
    levels = {name: _levels(rows, name) for name in _terms(view)}
    names = sorted(levels, key=lambda name: len(levels[name]) > 1)
    return rows, [(name, level) for name in names for level in levels[name]]


def _select(rows: pd.DataFrame, name: str, level: str | None) -> pd.DataFrame:
    of_level = rows["level"].isna() if level is None else rows["level"].eq(level)
    return rows[rows["term"].eq(name) & of_level]


def _levels(rows: pd.DataFrame, name: str) -> list[str | None]:
    """Levels of a term, None of a numeric column, in their order."""
    levels = rows.loc[rows["term"].eq(name), "level"].drop_duplicates()
    return [None if pd.isna(level) else str(level) for level in levels]


def _scale(view: View) -> str:
    return LINKS[view.fit.spec.outcome.link].ratio


# --- texts --------------------------------------------------------------------------------------
def _label(view: View, name: str, level: str | None, rows: pd.DataFrame) -> str:
    """A covariate per unit, a level against its reference, or a season against the year."""
    term = capital(view.term_label(name))
    if level is None:
        key = "one_against_none" if name in view.fit.facts.get("binary", []) else "one_more"
        return view.say(f"coefficients.{key}", term=term)
    reference = _select(rows, name, level)["reference"].iloc[0]
    if pd.isna(reference):
        return view.say("coefficients.against_all", term=term, level=level)
    return view.say("coefficients.against", term=term, level=level, reference=reference)


def _sentence(view: View, rows: pd.DataFrame) -> str:
    """The ratio of every exit, and whether its interval is above, below or across 1."""
    parts = []
    for name in view.exits:
        exit_rows = rows[rows["exit"].eq(name)]
        if exit_rows.empty:
            continue
        log_ratio = estimate(exit_rows)
        side = "up" if log_ratio.lower > 0 else "down" if log_ratio.upper < 0 else "flat"
        parts.append(
            view.say(
                f"coefficients.answer_{_scale(view)}",
                exit=view.exit_labels[name],
                ratio=ratio(log_ratio, view.language.marks),
                verdict=view.say(f"coefficients.{side}"),
            )
        )
    return f"{'; '.join(parts)}."


def _centres(view: View) -> list[Paragraph]:
    """Means from which numeric covariates are measured."""
    means = view.fit.facts.get("centres", {})
    texts = [
        f"{capital(view.language.name('term', name))} {_rounded(means[name], view)}"
        for name in _terms(view)
        if name in means
    ]
    text = view.say("coefficients.centres", means="; ".join(texts))
    return [Paragraph(text)] if texts else []


def _rounded(value: float, view: View) -> str:
    """A mean with three digits or more."""
    power = math.floor(math.log10(abs(value))) - 2 if value else 0
    return digits.number(value, min(power, 0), view.language.marks)


# --- tables -------------------------------------------------------------------------------------
def _table(view: View, name: str, caption: str, terms: Sequence[str]) -> Table:
    estimators = [view.language.name("estimator", estimator) for estimator in ESTIMATORS]
    keys = (f"lags.{_scale(view)}_row", f"lags.{_scale(view)}_row", "coefficients.points_row")
    return Table(
        name=name,
        caption=caption,
        head=(
            view.say("arms.head_exit"),
            view.say("coefficients.head"),
            *(
                view.say(key, estimator=estimator)
                for key, estimator in zip(keys, estimators, strict=True)
            ),
        ),
        looks=("head", *("number" for _ in estimators)),
        groups=tuple((view.exit_labels[exit_], _rows(view, terms, exit_)) for exit_ in view.exits),
    )


def _rows(view: View, terms: Sequence[str], exit_name: str) -> tuple[tuple[str, ...], ...]:
    rows = _coefficients(view)
    rows = rows[rows["exit"].eq(exit_name)]
    texts = (ratio, ratio, points)
    cells = []
    for name in terms:
        term_rows = rows[rows["term"].eq(name)]
        for level in _thinned_levels(_levels(term_rows, name)):
            level_rows = _select(term_rows, name, level)
            line = [_label(view, name, level, level_rows)]
            for estimator, text in zip(ESTIMATORS, texts, strict=True):
                estimator_rows = level_rows[level_rows["estimator"].eq(estimator)]
                is_estimated = len(estimator_rows) > 0
                line.append(
                    text(estimate(estimator_rows), view.language.marks)
                    if is_estimated
                    else view.say("page.missing")
                )
            cells.append(tuple(line))
    return tuple(cells)


def _thinned_levels(levels: Sequence[str | None]) -> list[str | None]:
    """All levels, or a dozen of many at equal distances, the last one among them."""
    if len(levels) <= _LEVELS:
        return [*levels]
    return [levels[k] for k in np.linspace(0, len(levels) - 1, _LEVELS).round().astype(int)]


def _spreads(view: View) -> list[Block]:
    """Standard deviations of group levels, and correlations between exits in them."""
    rows, language = view.fit.estimates, view.language
    tables: list[Block] = []
    sds = rows[rows["quantity"].isin([GROUP_SD, WALK_SD])]
    if len(sds):
        lines = [
            (
                _spread_label(view, row),
                view.exit_labels[row["exit"]],
                positive(estimate(sds.loc[[index]]), language.marks),
                ratio(estimate(sds.loc[[index]]), language.marks),
            )
            for index, row in sds.iterrows()
        ]
        heads = ("head_group", "head_exit", "head_sd", f"head_{_scale(view)}")
        tables.append(
            Table(
                name="table-spreads",
                caption=view.say("coefficients.spreads_table"),
                head=tuple(view.say(f"coefficients.{head}") for head in heads),
                looks=("head", "text", "number", "number"),
                groups=grouped(lines),
            )
        )
    pairs = rows[rows["quantity"].eq(CORRELATION)]
    if len(pairs):
        lines = [
            (
                capital(view.term_label(row["term"])),
                view.exit_labels[row["exit"]],
                view.exit_labels[row["level"]],
                signed(estimate(pairs.loc[[index]]), language.marks),
            )
            for index, row in pairs.iterrows()
        ]
        heads = ("head_group", "head_exit", "head_other", "head_correlation")
        tables.append(
            Table(
                name="table-correlations",
                caption=view.say("coefficients.correlations_table"),
                head=tuple(view.say(f"coefficients.{head}") for head in heads),
                looks=("head", "text", "text", "number"),
                groups=grouped(lines),
            )
        )
    return [Paragraph(view.say("coefficients.spreads")), *tables] if tables else []


def _spread_label(view: View, row: pd.Series) -> str:
    term = capital(view.term_label(row["term"]))
    return view.say("coefficients.steps", term=term) if row["quantity"] == WALK_SD else term


# --- numbers ------------------------------------------------------------------------------------
def ratio(log: digits.Estimate, marks: digits.Marks = digits.ENGLISH) -> str:
    r"""The exponential of an estimate, with two digits of its interval's width, or more at 1.

    Examples
    --------
    >>> ratio(digits.Estimate(0.0, -0.1, 0.1)), ratio(digits.Estimate(0.0, -1e-4, 1e-4))
    ('1.00 (0.90\xa0to\xa01.11)', '1.00000 (0.99990\xa0to\xa01.00010)')
    """
    if not all(abs(value) < _LARGEST for value in log[:3]):
        return "–"
    return digits.ratio_at(log, _finest(math.exp(log.upper) - math.exp(log.lower)), marks)


def points(e: digits.Estimate, marks: digits.Marks = digits.ENGLISH) -> str:
    r"""A change of a probability in percentage points, with two digits of its interval's width.

    Examples
    --------
    >>> points(digits.Estimate(-0.000228, -0.000406, -0.00005))
    '−0.023 (−0.041\xa0to\xa0−0.005)'
    """
    return _text(e.times(100), marks, write=digits.signed)


def positive(e: digits.Estimate, marks: digits.Marks = digits.ENGLISH) -> str:
    """A positive number, with two digits of the width of its interval."""
    return _text(e, marks, write=digits.share)


def signed(e: digits.Estimate, marks: digits.Marks = digits.ENGLISH) -> str:
    """A number with its sign, with two digits of the width of its interval."""
    return _text(e, marks, write=digits.signed)


def _text(
    e: digits.Estimate, marks: digits.Marks, *, write: Callable[[float, int, digits.Marks], str]
) -> str:
    if not all(math.isfinite(value) for value in e[:3]):
        return "–"
    power = digits.place(_finest(e.upper - e.lower), e.mcse)
    point, lower, upper = (write(value, power, marks) for value in e[:3])
    return f"{point} ({lower}{digits.FIXED}{marks.to}{digits.FIXED}{upper})"


def _finest(width: float) -> int:
    """Power of ten of the second digit of an interval's width, of a whole number or a decimal."""
    finest = math.floor(math.log10(width)) - 1 if width > 0 else -1
    return min(max(finest, _FINEST), 0)
