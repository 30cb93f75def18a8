"""Columns of a ready table: which of them a model needs, and their cells as its roles want them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from hazard.data import cells, disclosure, person_period
from hazard.data.contracts import columns_missing, violation
from hazard.data.person_period import row_numbers
from hazard.data.roles import Roles, by_calendar, lag_columns, required, roles
from hazard.errors import did_you_mean
from hazard.spec import PERIODS, EndpointSpec, ModelSpec

CALENDAR = (
    "Write the calendar month in which the row lies, whatever the unit: count the months from "
    "January 1970, (year - 1970) x 12 + month - 1: January 2005 is 420."
)


def endpoints_in(spec: ModelSpec) -> tuple[EndpointSpec, ...]:
    """Columns with the times and codes of exits; none where one column names the exit."""
    return () if isinstance(spec.table.exit, str) else spec.table.exit


def taken_columns(raw: pd.DataFrame, spec: ModelSpec) -> dict[str, str]:
    """Column of the table for every column of the panel that is taken as it is."""
    table = spec.table
    columns = {"person": table.person}
    if isinstance(table.exit, str):
        columns |= {"month": table.month, "exit": table.exit}
        if table.entry is not None:
            columns["entry"] = table.entry
    if _takes_calendar(raw, spec):
        columns["calendar"] = str(table.calendar)
    names = [*required(spec), *lag_columns(spec)]
    return columns | {name: name for name in names if name not in table.wide}


def _takes_calendar(raw: pd.DataFrame, spec: ModelSpec) -> bool:
    table = spec.table
    uses_calendar = by_calendar(spec) or table.calendar in raw
    return uses_calendar and table.calendar is not None and not table.start


def _needed(raw: pd.DataFrame, spec: ModelSpec) -> list[str]:
    names = [*taken_columns(raw, spec).values()]
    names += [name for end in endpoints_in(spec) for name in (end.time, end.event)]
    names += [name for name in (spec.table.start, spec.table.entry) if name is not None]
    return list(dict.fromkeys(names))


def absent(raw: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for columns that are not there once; a period of time needs the calendar."""
    needed = _needed(raw, spec)
    lacks_calendar = _takes_calendar(raw, spec) and spec.table.calendar not in raw
    problems = columns_missing(
        "table", raw, [name for name in needed if not lacks_calendar or name != spec.table.calendar]
    )
    if lacks_calendar:
        problems.append(
            f"table column {spec.table.calendar!r} must hold calendar months where a term is by "
            f"{', '.join(PERIODS)}, which are made from it, or rows depend by period; got none. "
            f"{CALENDAR} Give a column of your own with one of these names another name."
        )
    return problems


def cleaned(raw: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, list[str]]:
    """Columns that the model needs as numbers, labels and days; sentences for those that are not.

    A column that breaks a rule is left out of the table.
    """
    if spec.table.layout == "spells":
        person_period.endpoints(spec)
    problems = absent(raw, spec)
    by_role, columns = roles(spec), {}
    count = raw.columns.value_counts()
    for name in _needed(raw, spec):
        if count.get(name, 0) != 1:
            continue
        column, sentences = _column(raw[name], by_role, spec)
        problems += sentences
        if not sentences:
            columns[name] = column
    table = pd.DataFrame(columns, index=raw.index)
    return table, problems + _never(table, spec) + _nearly(table, spec) + _between(table, spec)


def _column(column: pd.Series, by_role: Roles, spec: ModelSpec) -> tuple[pd.Series, list[str]]:
    where, name = f"table column {column.name!r}", column.name
    if name in by_role.labels:
        problems = cells.not_labels(where, column)
        if name in by_role.levels:
            problems += cells.not_levels(where, column)
        return (column if problems else cells.labels(column)), problems
    if name in by_role.measured:
        problems = cells.not_measured(where, column)
        measured = problems or cells.kind(column) in (cells.NUMBERS, cells.NOTHING)
        return (_as_numbers(column) if measured else cells.labels(column)), problems
    if name in by_role.days:
        return column, []
    return _as_numbers(column), _not_numbers(column, by_role, spec)


def _not_numbers(column: pd.Series, by_role: Roles, spec: ModelSpec) -> list[str]:
    where, name = f"table column {column.name!r}", column.name
    if name in by_role.indicators:
        return cells.not_indicators(where, column)
    codes = [end.code for end in endpoints_in(spec) if end.event == name]
    if codes and cells.kind(column) == cells.TRUTH:
        return []
    cure = "Correct the cells, with a decimal point in fractions."
    if codes:
        cure = f"Correct the code {codes[0]!r} under [table], or these cells."
    if name == spec.table.calendar:
        cure = CALENDAR
    return cells.not_numbers(where, column, cure)


def _as_numbers(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column
    return pd.Series(cells.numbers(column)[0], index=column.index, name=column.name)


def _never(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for codes that no row has."""
    problems = []
    for end in endpoints_in(spec):
        if end.event not in table or person_period.happened(table, end).any():
            continue
        present = disclosure.common(table[end.event])  # another label may be an id
        problems.append(
            f"table column {end.event!r} must hold the code {end.code!r} of exit {end.name!r}; got "
            f"it in none of {len(table):,} rows.{did_you_mean(end.code, present)} Correct the code "
            "under [table], or take the exit out of the model."
        )
    return problems


def _nearly(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for labels that are written nearly as a code, or as the exit that has it."""
    problems = []
    for name, ends in _by_event(table, spec).items():
        codes = {str(end.code) for end in ends}
        occurring = [
            end for end in ends if person_period.happened(table, end).any()
        ]  # of others: _never
        spellings = {cells.alike(text) for end in occurring for text in (str(end.code), end.name)}
        labels = cells.labels(table[name])
        near_codes = {
            label
            for label in labels.dropna().unique()
            if label not in codes and cells.alike(label) in spellings
        }
        problems += violation(
            f"table column {name!r} must write each code in one way, as in {sorted(codes)}",
            labels.isin([*near_codes]).to_numpy(),
            got="labels that differ from a code or its exit only in case, in spaces, in a stop or "
            "in how a character is stored",
            cure="Write these cells as the code, or give them another name if they are no exit.",
            numbers=row_numbers(table),
        )
    return problems


def _between(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for fractions among events whose codes are whole numbers."""
    problems = []
    for name, ends in _by_event(table, spec).items():
        if not all(re.fullmatch(r"[+-]?\d+", str(end.code)) for end in ends):
            continue
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
        problems += violation(
            f"table column {name!r} must hold whole numbers, as its codes are",
            np.isfinite(values) & (values != np.floor(values)),
            got="fractions",
            cure="Correct the cells: what is no code counts as no exit.",
            numbers=row_numbers(table),
        )
    return problems


def _by_event(table: pd.DataFrame, spec: ModelSpec) -> dict[str, list[EndpointSpec]]:
    """Endpoints of every column of events that the table has."""
    ends = endpoints_in(spec)
    return {
        name: [end for end in ends if end.event == name]
        for name in dict.fromkeys(end.event for end in ends)
        if name in table
    }
