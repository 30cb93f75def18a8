"""Integrity rules of labels: spelling, look-alikes, and what names no country or centre."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data import labels
from hazard.data.registers.keys import ordered_codes
from hazard.data.registers.records import TABLES, Registers
from hazard.data.registers.rules import Rule, Severity, near_duplicates

NAMES = (("udi_persons", "citizenship"), ("udi_stays", "centre"))
_NO_NAMES: tuple[tuple[str, Callable[[str], bool], Severity], ...] = (
    ("has its letters, none of them lost in another encoding", labels.is_garbled, "error"),
    ("has no word with letters of two alphabets", labels.mixes_scripts, "error"),
    ("is no formula", labels.is_formula, "error"),
    ("is no date", labels.is_date, "error"),
)


def label_rules(registers: Registers) -> Iterator[Rule]:
    """Rules of all columns with texts, and of the names of countries and centres.

    Yields
    ------
    Rule
    """
    yield from _spelling(registers)
    missing = labels.missing_words()
    for table, name in _texts():
        column = registers.tables[table][name]
        yield Rule(
            table,
            f"{name} is no word for a missing value.",
            _is_any(column, missing),
            "warning",
        )
    for table, name in NAMES:
        yield from _names(table, registers.tables[table][name])


def _texts() -> list[tuple[str, str]]:
    return [
        (table, name)
        for table, columns in TABLES.items()
        for name, column in columns.items()
        if column.kind == "text" and not column.levels
    ]


def _spelling(registers: Registers) -> Iterator[Rule]:
    """What reading changed: none of it is an error, and all of it is counted."""
    dates = [
        (t, n) for t, columns in TABLES.items() for n, c in columns.items() if c.kind == "date"
    ]
    for table, name in [*_texts(), *dates]:
        rows = registers.altered.get((table, name))
        if rows is None:
            rows = np.zeros(len(registers.tables[table]), dtype=np.bool_)
        rule = "is written without spaces or characters that do not show; they are left out"
        if (table, name) in dates:
            rule = "is a day without a time; the time is left out"
        yield Rule(table, f"{name} {rule}.", rows, "warning")


def _is_any(column: pd.Series, words: Sequence[str]) -> BoolArray:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.isin(words).to_numpy()
    places = column.cat.categories.get_indexer(pd.Index(words))
    matches: BoolArray = np.isin(column.cat.codes.to_numpy(), places[places >= 0])
    return matches


def _names(table: str, column: pd.Series) -> Iterator[Rule]:
    codes, levels = ordered_codes(column)
    texts = [str(level) for level in levels]
    for rule, broken, severity in _NO_NAMES:
        yield Rule(table, f"{column.name} {rule}.", _rows(map(broken, texts), codes), severity)
    number = _rows((labels.is_number(text) and not labels.is_date(text) for text in texts), codes)
    yield Rule(table, f"{column.name} is no number among names.", _rarer(number), "warning")
    foreign = _rows(("LATIN" not in labels.scripts(text) for text in texts), codes)
    rule = f"{column.name} is written in the alphabet of the others."
    yield Rule(table, rule, _rarer(foreign & ~number), "warning")
    look_alike = labels.look_alikes(texts, np.bincount(codes, minlength=len(texts)))
    rule = (
        f"{column.name} does not look like another one, but for accents, signs or similar letters."
    )
    # those that differ in case and spaces alone have a rule of their own
    yield Rule(table, rule, _rows(look_alike, codes) & ~near_duplicates(column), "warning")


def _rows(levels: Iterable[bool], codes: IntArray) -> BoolArray:
    """Rows of the levels of which something is true; code -1, the last, is of none."""
    flags = np.array([*levels, False], dtype=np.bool_)
    flagged: BoolArray = flags[codes]
    return flagged


def _rarer(rows: BoolArray) -> BoolArray:
    """The rows if they are fewer than the others: then they, not the others, are odd."""
    return rows & (2 * rows.sum() < len(rows))
