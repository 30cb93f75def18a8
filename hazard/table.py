"""A ready table, CSV or Parquet, as a panel.

A table has one row per person and month at risk, one row per person (a spell), or one per spell
between two dates; the model file says which, and which column is what
(:class:`hazard.spec.TableSpec`). What a cell of a file means stands in
:mod:`hazard.table_files`: an empty cell is missing, ``NA`` is missing among numbers and text
elsewhere.

Ids become codes in order of first appearance; ids that are written differently are different
persons. A covariate of numbers stays numbers unless the model states its reference level; text,
true and false become a categorical with sorted levels, and so does every group. ``yes`` and ``no``
become 1 and 0 where an exposure is meant. A sentence about a row gives its number in the user's
table, counted from 1 below the header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from hazard import cells, dated, months, spells
from hazard.contracts import (
    Flags,
    LeftOut,
    broken_cells,
    columns_missing,
    numeric,
    persons_gone,
    violation,
)
from hazard.errors import PanelError, UsageError, did_you_mean
from hazard.examples import bundled
from hazard.exposures import not_of_measure
from hazard.roles import (
    OF_PANEL,
    Roles,
    by_calendar,
    lag_columns,
    required,
    roles,
)
from hazard.spec import PERIODS, EndpointSpec, ModelSpec
from hazard.spells import DROP, TAKE_OUT, expand, not_missing, refuse, row_numbers
from hazard.table_files import read_csv, read_parquet

__all__ = ["bundled", "expand", "panel", "read"]

_CALENDAR = (
    "Write the calendar month in which the row lies, whatever the unit: count the months from "
    "January 1970, (year - 1970) x 12 + month - 1: January 2005 is 420."
)
_SHORTEST_MONTH = 28  # days
_DAYS: Mapping[str, int] = MappingProxyType({"day": 1, "week": 7, "fortnight": 14})
_MONTHS: Mapping[str, int] = MappingProxyType({"quarter": 3, "year": 12})


def read(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Panel of a file.

    Parameters
    ----------
    path : Path
        A ``.csv`` file (comma, UTF-8, one header row) or a ``.parquet`` file.
    spec : ModelSpec
        Its ``table`` says how to read the file, its terms which columns are needed.

    Returns
    -------
    DataFrame
        As :func:`panel`.

    Raises
    ------
    UsageError
        If there is no such file, or its suffix is another.
    PanelError
        If the file cannot be read, or breaks a rule; see :func:`panel`.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(f"table must be a .csv or a .parquet file; got {str(path)!r}.")
    if not path.is_file():
        raise UsageError(f"table must exist; no file at {str(path)!r}.")
    if path.stat().st_size == 0:
        raise PanelError("table must have at least one row; got an empty file.")
    if suffix == ".parquet":
        return panel(read_parquet(path), spec)
    codes = [*spec.outcome.exits, *(str(end.code) for end in _ends(spec))]
    return panel(read_csv(path, roles(spec), codes), spec)


def panel(raw: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Panel of a table: one row per person and month at risk.

    Parameters
    ----------
    raw : DataFrame
        One row per person and month, or one per person.
    spec : ModelSpec
        Its ``table`` says how to read the table, its terms which columns are needed.

    Returns
    -------
    DataFrame
        The columns of :mod:`hazard.contracts` and those that the model names, sorted by person and
        month.
        A lagged term that is not about ``own`` rows has columns as
        :func:`hazard.exposures.lag_column` names them, in which a missing value is history before
        the start. ``attrs["left_out"]`` has a :class:`hazard.contracts.LeftOut` for every reason:
        persons with a missing value, where the model file asks for it; spells without a whole
        month in the window of dates, or between entry and end. Rows are those of the table.

    Raises
    ------
    SpecError
        If the endpoints of spells are not the exits of the model.
    PanelError
        If a column is missing, a cell is not what its column is for, a code never occurs, or a
        rule of :mod:`hazard.contracts` is broken; all problems at once.
    """
    raw = raw.reset_index(drop=True)  # a row is called by its number in this table
    raw.attrs = {}
    if not len(raw):
        refuse([*_absent(raw, spec), "panel must have at least one row; got none."])
    columns = _columns(raw, spec)
    table, broken = _table(raw, spec)
    complete, incomplete = _complete(table, spec)
    broken += _missing(complete, columns, spec) + _rules(complete, columns, spec)
    refuse(broken)
    left_out = _counted(table, {"persons with a missing value": incomplete}, spec)
    if spec.table.layout == "rows":
        rows = _rows(complete, columns)
    else:
        rows, outside = _expanded(complete, raw, columns, spec)
        left_out |= _counted(complete, outside, spec)
    if not len(rows):
        refuse(["panel must have at least one row; got none."])
    finished = _finished(rows, spec)
    finished.attrs["left_out"] = left_out
    return finished


# --- columns ------------------------------------------------------------------------------------
def _ends(spec: ModelSpec) -> tuple[EndpointSpec, ...]:
    return () if isinstance(spec.table.exit, str) else spec.table.exit


def _columns(raw: pd.DataFrame, spec: ModelSpec) -> dict[str, str]:
    """Column of the table for every column of the panel that is taken as it is."""
    table = spec.table
    columns = {"person": table.person}
    if isinstance(table.exit, str):
        columns |= {"month": table.month, "exit": table.exit}
        if table.entry is not None:
            columns["entry"] = table.entry
    if _takes_calendar(raw, spec):
        columns["calendar"] = str(table.calendar)
    named = [*required(spec), *lag_columns(spec)]
    return columns | {name: name for name in named if name not in table.wide}


def _takes_calendar(raw: pd.DataFrame, spec: ModelSpec) -> bool:
    table = spec.table
    wanted = by_calendar(spec) or table.calendar in raw
    return wanted and table.calendar is not None and not table.start


def _needed(raw: pd.DataFrame, spec: ModelSpec) -> list[str]:
    names = [*_columns(raw, spec).values()]
    names += [name for end in _ends(spec) for name in (end.time, end.event)]
    names += [name for name in (spec.table.start, spec.table.entry) if name is not None]
    return list(dict.fromkeys(names))


def _absent(raw: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for columns that are not there once; a period of time needs the calendar."""
    needed = _needed(raw, spec)
    untold = _takes_calendar(raw, spec) and spec.table.calendar not in raw
    broken = columns_missing(
        "table", raw, [name for name in needed if not untold or name != spec.table.calendar]
    )
    if untold:
        broken.append(
            f"table column {spec.table.calendar!r} must hold calendar months where a term is by "
            f"{', '.join(PERIODS)}, which are made from it; got none. {_CALENDAR} Give a column of "
            "your own with one of these names another name."
        )
    return broken


def _table(raw: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, list[str]]:
    """Columns that the model needs as numbers, labels and days; sentences for those that are not.

    A column that breaks a rule is left out of the table.
    """
    if spec.table.layout == "spells":
        spells.endpoints(spec)
    broken = _absent(raw, spec)
    by_role, kept = roles(spec), {}
    count = raw.columns.value_counts()
    for name in _needed(raw, spec):
        if count.get(name, 0) != 1:
            continue
        column, sentences = _column(raw[name], by_role, spec)
        broken += sentences
        if not sentences:
            kept[name] = column
    table = pd.DataFrame(kept, index=raw.index)
    return table, broken + _never(table, spec) + _nearly(table, spec) + _between(table, spec)


def _column(column: pd.Series, by_role: Roles, spec: ModelSpec) -> tuple[pd.Series, list[str]]:
    where, name = f"table column {column.name!r}", column.name
    if name in by_role.labels:
        broken = cells.not_labels(where, column)
        if name in by_role.levels:
            broken += cells.not_levels(where, column)
        return (column if broken else cells.labels(column)), broken
    if name in by_role.measured:
        broken = cells.not_measured(where, column)
        measured = broken or cells.kind(column) in (cells.NUMBERS, cells.NOTHING)
        return (_as_numbers(column) if measured else cells.labels(column)), broken
    if name in by_role.days:
        return column, []
    return _as_numbers(column), _not_numbers(column, by_role, spec)


def _not_numbers(column: pd.Series, by_role: Roles, spec: ModelSpec) -> list[str]:
    where, name = f"table column {column.name!r}", column.name
    if name in by_role.indicators:
        return cells.not_indicators(where, column)
    codes = [end.code for end in _ends(spec) if end.event == name]
    if codes and cells.kind(column) == cells.TRUTH:
        return []
    cure = "Correct the cells, with a decimal point in fractions."
    if codes:
        cure = f"Correct the code {codes[0]!r} under [table], or these cells."
    if name == spec.table.calendar:
        cure = _CALENDAR
    return cells.not_numbers(where, column, cure)


def _as_numbers(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column
    return pd.Series(cells.numbers(column)[0], index=column.index, name=column.name)


def _never(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for codes that no row has."""
    broken = []
    for end in _ends(spec):
        if end.event not in table or spells.happened(table, end).any():
            continue
        present = cells.labels(table[end.event]).dropna().unique()
        broken.append(
            f"table column {end.event!r} must hold the code {end.code!r} of exit {end.name!r}; got "
            f"it in none of {len(table):,} rows.{did_you_mean(end.code, present)} Correct the code "
            "under [table], or take the exit out of the model."
        )
    return broken


def _nearly(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for labels that are written nearly as a code, or as the exit that has it."""
    broken = []
    for name, ends in _by_event(table, spec).items():
        codes = {str(end.code) for end in ends}
        taken = [end for end in ends if spells.happened(table, end).any()]  # of others: _never
        meant = {cells.alike(text) for end in taken for text in (str(end.code), end.name)}
        labels = cells.labels(table[name])
        near = {
            label
            for label in labels.dropna().unique()
            if label not in codes and cells.alike(label) in meant
        }
        broken += violation(
            f"table column {name!r} must write each code in one way, as in {sorted(codes)}",
            labels.isin([*near]).to_numpy(),
            got="labels that differ from a code or its exit only in case, in spaces, in a stop or "
            "in how a character is stored",
            cure="Write these cells as the code, or give them another name if they are no exit.",
            numbers=row_numbers(table),
        )
    return broken


def _between(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentences for fractions among events whose codes are whole numbers."""
    broken = []
    for name, ends in _by_event(table, spec).items():
        if not all(re.fullmatch(r"[+-]?\d+", str(end.code)) for end in ends):
            continue
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
        broken += violation(
            f"table column {name!r} must hold whole numbers, as its codes are",
            np.isfinite(values) & (values != np.floor(values)),
            got="fractions",
            cure="Correct the cells: what is no code counts as no exit.",
            numbers=row_numbers(table),
        )
    return broken


def _by_event(table: pd.DataFrame, spec: ModelSpec) -> dict[str, list[EndpointSpec]]:
    """Endpoints of every column of events that the table has."""
    ends = _ends(spec)
    return {
        name: [end for end in ends if end.event == name]
        for name in dict.fromkeys(end.event for end in ends)
        if name in table
    }


# --- rules --------------------------------------------------------------------------------------
def _complete(table: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, Flags]:
    """Rows of persons without a missing value, where the model asks for these; who is out."""
    nobody = np.zeros(len(table), dtype=bool)
    if spec.table.incomplete == "error" or spec.table.person not in table:
        return table, nobody
    needed = [name for name in required(spec) if name in table]
    person = table[spec.table.person]
    out = person.isin(person[table[needed].isna().any(axis=1)]).to_numpy()
    return table[~out], out


def _missing(table: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> list[str]:
    """Sentences for cells that are empty and must not be."""
    broken: list[str] = []
    named, optional = required(spec), set(lag_columns(spec))
    if spec.table.start:  # of which each end has its own rule
        optional |= {name for end in _ends(spec) for name in (end.time, end.event)}
        optional.add(spec.table.start)
    for name in table.columns.difference([*optional], sort=False):
        cure = DROP if name in named else TAKE_OUT
        if name == columns.get("exit"):
            cure = "Write 'stay' in every month in which the person was still there at its end."
        empty = table[name].isna().to_numpy()
        broken += not_missing(f"table column {name!r}", empty, cure, row_numbers(table))
    return broken


def _rules(table: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> list[str]:
    """Sentences for rules of the panel, in the columns that are fine by themselves."""
    if not len(table):
        return []
    broken = _calendar(table, spec)
    broken += not_of_measure(table, [term for term in spec.lagged if term.network != "own"])
    present = {name: column for name, column in columns.items() if column in table}
    if spec.table.layout == "rows":
        broken += _codes_for_exits(table, spec)
        rows = _rows(table, present)
        if broken and "exit" in rows and _codes_for_exits(table, spec):
            rows = rows.drop(columns="exit")
        if not _calendar(table, spec):
            broken += _advance(rows, spec)
    else:
        rows = pd.DataFrame({name: table[column] for name, column in present.items()})
        broken += [] if spec.table.start else spells.rules(table, columns, spec)
        broken += _without_months(table, spec)
    return broken + broken_cells(
        rows, spec.outcome.exits, may_be_missing=[*rows.columns], numbers=row_numbers(rows)
    )


def _codes_for_exits(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    name = str(spec.table.exit)
    if name not in table:
        return []
    labels = table[name].dropna()
    codes = labels.map(cells.is_plain_number) | labels.isin(["True", "False", "true", "false"])
    if not len(labels) or not codes.all():
        return []
    rule = f"'stay' in every month but that of an exit, and there one of {list(spec.outcome.exits)}"
    cure = "Write these names in place of the codes, or use layout = 'spells' (one row per person)"
    return [f"table column {name!r} must hold {rule}; got codes. {cure}, where an exit has a code."]


def _calendar(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentence for calendar months that are written as years, or as year and month, or none."""
    name = spec.table.calendar
    if spec.table.start or name not in table:
        return []
    values = table[name].to_numpy(dtype=np.float64)
    year, month = np.divmod(values, 100)
    as_text = (year >= 1800) & (year <= 2200) & (month >= 1) & (month <= 12)
    late = values > months.month_number("2100-12")
    got = "months after the year 2100"
    if late.any() and (as_text | np.isnan(values)).all():
        got = "year and month in one number, such as 200501,"
    elif late.any() and ((values >= 1800) & (values <= 2200) | np.isnan(values)).all():
        got = "years"
    return violation(
        f"table column {name!r} must hold calendar months",
        np.asarray(late),
        got=got,
        cure=_CALENDAR,
        numbers=row_numbers(table),
    )


def _advance(rows: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentence for persons whose calendar does not go on as their months do, or none."""
    if not {"person", "month", "calendar"} <= {*rows.columns}:
        return []
    known = rows[["person", "month", "calendar"]].dropna()
    ordered = known.sort_values(["person", "month"], kind="stable")
    same = (ordered["person"] == ordered["person"].shift()).to_numpy()
    month, calendar = (ordered[name].diff().to_numpy() for name in ("month", "calendar"))
    whole = spec.table.unit == "month"  # of other units the calendar may stand still, or jump
    off = (calendar != month) if whole else (calendar < 0) | _too_fast(ordered, spec.table.unit)
    flags = pd.Series(same & (month > 0) & off, index=ordered.index).reindex(
        rows.index, fill_value=False
    )
    return violation(
        f"table column {spec.table.calendar!r} must go on within a person as the months do",
        np.asarray(flags, dtype=bool),
        got="calendar months that do not",
        cure="Correct the calendar or the months"
        + (", or name what a row is by unit under [table], such as 'week'." if whole else ".")
        + ("" if whole else f" {_CALENDAR}"),
        numbers=row_numbers(rows),
    )


def _too_fast(ordered: pd.DataFrame, unit: str) -> Flags:
    """Rows of a person by which more calendar months passed than days, weeks or fortnights can."""
    days = _DAYS.get(_of_one(unit))
    if days is None:
        return np.zeros(len(ordered), dtype=bool)
    since = ordered.groupby("person")[["month", "calendar"]]
    passed = (ordered[["month", "calendar"]] - since.transform("first")).to_numpy(np.float64)
    return np.asarray(passed[:, 1] > passed[:, 0] * days / _SHORTEST_MONTH + 1)


def _of_one(unit: str) -> str:
    """Name of one unit: ``weeks`` are those of a ``week``."""
    return unit.strip().lower().removesuffix("s")


def _without_months(table: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentence for a calendar of spells whose rows are shorter than a month, or none."""
    rule = spec.table
    if rule.start or rule.calendar not in table or _of_one(rule.unit) not in _DAYS:
        return []
    sentence = (
        f"table column {rule.calendar!r} must not stand beside spells in {_of_one(rule.unit)}s: "
        "the month of their later rows does not follow from the first; got it. Use layout 'rows' "
        "with the calendar month of every row, or give the column another name."
    )
    return [sentence]


def _counted(
    table: pd.DataFrame, reasons: Mapping[str, Flags], spec: ModelSpec
) -> dict[str, LeftOut]:
    """How many persons, rows and exits each reason leaves out; nothing where it leaves out none."""
    ends = _ends(spec)
    if ends:
        leaves = np.column_stack([spells.happened(table, end) for end in ends]).any(axis=1)
    else:
        leaves = table[str(spec.table.exit)].isin(spec.outcome.exits).to_numpy()
    separate = spec.table.again == "separate"  # each spell counts as a person
    person = table.index.to_series() if separate else table[spec.table.person]
    persons = persons_gone(person, [*reasons.values()])
    return {
        reason: LeftOut(gone, int(out.sum()), int(leaves[out].sum()))
        for (reason, out), gone in zip(reasons.items(), persons, strict=True)
        if out.any()
    }


# --- rows ---------------------------------------------------------------------------------------
def _rows(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    rows = pd.DataFrame({name: table[column] for name, column in columns.items()})
    if "entry" not in rows and {"person", "month"} <= {*rows.columns}:
        first = rows["month"].groupby(rows["person"]).transform("min")
        rows["entry"] = first.fillna(1) - 1
    return rows


def _expanded(
    table: pd.DataFrame, raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec
) -> tuple[pd.DataFrame, dict[str, Flags]]:
    """Rows of spells, and which of these have no whole month that is seen."""
    rule = spec.table
    persons = (dated if rule.start else spells).build(table, columns, spec)
    inside = (persons["last"] > persons["entry"]).to_numpy()
    persons = persons[inside]
    stems = {name: stem for name, stem in rule.wide.items() if name in required(spec)}
    monthly = {}
    if len(persons):
        cells_ = raw.loc[persons.index]
        monthly = {name: spells.wide(cells_, persons, stem) for name, stem in stems.items()}
    where = "in the window" if rule.start else "between entry and end"
    step = rule.unit_months if rule.start else _MONTHS.get(_of_one(rule.unit), 1)
    rows = expand(persons, wide=monthly, step=step)
    return rows, {f"spells without a whole {rule.unit} {where}": ~inside}


def _finished(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Rows that break no rule, in the order and with the dtypes of a panel."""
    present = [*OF_PANEL, *required(spec), *lag_columns(spec)]
    finished = rows[[name for name in dict.fromkeys(present) if name in rows]].copy()
    finished["person"] = pd.factorize(rows["person"])[0].astype(np.int64)
    finished["exit"] = pd.Categorical(rows["exit"], ["stay", *spec.outcome.exits])
    for name in {"month", "calendar", "entry"} & set(rows.columns):
        finished[name] = rows[name].astype(np.int32)
    for name in required(spec):
        if not numeric(rows[name]):
            finished[name] = pd.Categorical(rows[name], sorted(rows[name].unique()))
    return finished.sort_values(["person", "month"], kind="stable", ignore_index=True)
