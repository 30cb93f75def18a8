"""A ready table, CSV or Parquet, as a panel.

A table has one row per person and month at risk, one row per person (a spell), or one per spell
between two dates; the model file says which, and which column is what
(:class:`hazard.spec.TableSpec`). What a cell of a file means stands in
:mod:`hazard.data.table_files`: an empty cell is missing, ``NA`` is missing among numbers and text
elsewhere.

Ids become codes in order of first appearance; ids that are written differently are different
persons. A covariate of numbers stays numbers unless the model states its reference level; text,
true and false become a categorical with sorted levels, and so does every group. ``yes`` and ``no``
become 1 and 0 where an exposure is meant. A sentence about a row gives its number in the user's
table, counted from 1 below the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from hazard import months
from hazard.data import cells, person_period, start_stop
from hazard.data.contracts import Flags, broken_cells, numeric, violation
from hazard.data.examples import bundled
from hazard.data.exposures import not_of_measure
from hazard.data.left_out import LeftOut, by_reason
from hazard.data.person_period import DROP, TAKE_OUT, expand, not_missing, refuse, row_numbers
from hazard.data.roles import OF_PANEL, lag_columns, required, roles
from hazard.data.table_columns import CALENDAR, absent, cleaned, endpoints_in, taken_columns
from hazard.data.table_files import read_csv, read_parquet
from hazard.errors import PanelError, UsageError
from hazard.spec import ModelSpec

__all__ = ["bundled", "expand", "panel", "read"]

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
    codes = [*spec.outcome.exits, *(str(end.code) for end in endpoints_in(spec))]
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
        The columns of :mod:`hazard.data.contracts` and those that the model names, sorted by person
        and month. A lagged term that is not about ``own`` rows has columns as
        :func:`hazard.data.exposures.lag_column` names them, in which a missing value is history
        before the start. ``attrs["left_out"]`` has a :class:`hazard.data.left_out.LeftOut` for
        every reason: persons with a missing value, where the model file asks for it; spells without
        a whole month in the window of dates, or between entry and end. Rows are those of the table.

    Raises
    ------
    SpecError
        If the endpoints of spells are not the exits of the model.
    PanelError
        If a column is missing, a cell is not what its column is for, a code never occurs, or a
        rule of :mod:`hazard.data.contracts` is broken; all problems at once.
    """
    raw = raw.reset_index(drop=True)  # a row is called by its number in this table
    raw.attrs = {}
    if not len(raw):
        refuse([*absent(raw, spec), "panel must have at least one row; got none."])
    columns = taken_columns(raw, spec)
    table, problems = cleaned(raw, spec)
    complete, incomplete = _complete(table, spec)
    problems += _missing(complete, columns, spec) + _rules(complete, columns, spec)
    refuse(problems)
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


# --- rules --------------------------------------------------------------------------------------
def _complete(table: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, Flags]:
    """Rows of persons without a missing value, where the model asks for these; the rows dropped."""
    none_dropped = np.zeros(len(table), dtype=bool)
    if spec.table.incomplete == "error" or spec.table.person not in table:
        return table, none_dropped
    needed = [name for name in required(spec) if name in table]
    person = table[spec.table.person]
    dropped = person.isin(person[table[needed].isna().any(axis=1)]).to_numpy()
    return table[~dropped], dropped


def _missing(table: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> list[str]:
    """Sentences for cells that are empty and must not be."""
    problems: list[str] = []
    named, optional = required(spec), set(lag_columns(spec))
    if spec.table.start:  # of which each end has its own rule
        optional |= {name for end in endpoints_in(spec) for name in (end.time, end.event)}
        optional.add(spec.table.start)
    for name in table.columns.difference([*optional], sort=False):
        cure = DROP if name in named else TAKE_OUT
        if name == columns.get("exit"):
            cure = "Write 'stay' in every month in which the person was still there at its end."
        empty = table[name].isna().to_numpy()
        problems += not_missing(f"table column {name!r}", empty, cure, row_numbers(table))
    return problems


def _rules(table: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> list[str]:
    """Sentences for rules of the panel, in the columns that are fine by themselves."""
    if not len(table):
        return []
    problems = _calendar(table, spec)
    problems += not_of_measure(table, [term for term in spec.lagged if term.network != "own"])
    present = {name: column for name, column in columns.items() if column in table}
    if spec.table.layout == "rows":
        problems += _codes_for_exits(table, spec)
        rows = _rows(table, present)
        if problems and "exit" in rows and _codes_for_exits(table, spec):
            rows = rows.drop(columns="exit")
        if not _calendar(table, spec):
            problems += _advance(rows, spec)
    else:
        rows = pd.DataFrame({name: table[column] for name, column in present.items()})
        problems += [] if spec.table.start else person_period.rules(table, columns, spec)
        problems += _without_months(table, spec)
    return problems + broken_cells(
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
        cure=CALENDAR,
        numbers=row_numbers(table),
    )


def _advance(rows: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Sentence for persons whose calendar does not go on as their months do, or none."""
    if not {"person", "month", "calendar"} <= {*rows.columns}:
        return []
    complete = rows[["person", "month", "calendar"]].dropna()
    ordered = complete.sort_values(["person", "month"], kind="stable")
    same_person = (ordered["person"] == ordered["person"].shift()).to_numpy()
    month, calendar = (ordered[name].diff().to_numpy() for name in ("month", "calendar"))
    monthly = spec.table.unit == "month"  # of other units the calendar may stand still, or jump
    off = (calendar != month) if monthly else (calendar < 0) | _too_fast(ordered, spec.table.unit)
    flags = pd.Series(same_person & (month > 0) & off, index=ordered.index).reindex(
        rows.index, fill_value=False
    )
    return violation(
        f"table column {spec.table.calendar!r} must go on within a person as the months do",
        np.asarray(flags, dtype=bool),
        got="calendar months that do not",
        cure="Correct the calendar or the months"
        + (", or name what a row is by unit under [table], such as 'week'." if monthly else ".")
        + ("" if monthly else f" {CALENDAR}"),
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
    ends = endpoints_in(spec)
    if ends:
        leaves = np.column_stack([person_period.happened(table, end) for end in ends]).any(axis=1)
    else:
        leaves = table[str(spec.table.exit)].isin(spec.outcome.exits).to_numpy()
    separate = spec.table.again == "separate"  # each spell counts as a person
    person = table.index.to_series() if separate else table[spec.table.person]
    return by_reason(person, reasons, leaves)


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
    persons = (start_stop if rule.start else person_period).build(table, columns, spec)
    inside = (persons["last"] > persons["entry"]).to_numpy()
    persons = persons[inside]
    stems = {name: stem for name, stem in rule.wide.items() if name in required(spec)}
    monthly = {}
    if len(persons):
        cells_ = raw.loc[persons.index]
        monthly = {name: person_period.wide(cells_, persons, stem) for name, stem in stems.items()}
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
