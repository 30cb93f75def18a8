"""Register files -> frames; every structural problem of the folder in one error.

A file is first read into its final types in one pass. Only when that fails is it read again as
text, to count and place what is wrong: the messages of the reader quote the cells, ours must not.
"""

from __future__ import annotations

import csv
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from hazard.errors import RegisterError, UsageError, did_you_mean
from hazard.months import month_number
from hazard.registers.keys import BoolArray
from hazard.registers.records import TABLES, Column, Registers, Window

_LABELS = pa.dictionary(pa.int32(), pa.string())
_TYPES = {"text": _LABELS, "date": pa.date32(), "count": pa.int64()}
_MONTHS = ("window_start", "window_end", "follow_up_end")
_Columns = dict[str, Column]


def read(directory: Path) -> Registers:
    """The registers of a folder, in their final types, with the window of the extract.

    Parameters
    ----------
    directory : Path
        Folder with ``extract.toml`` and one UTF-8 CSV file per table of ``TABLES``: ISO dates, an
        empty cell is missing. Other files and further columns are ignored.

    Returns
    -------
    Registers
        Ids, names and closed lists as categoricals; rows in the order of the files.

    Raises
    ------
    UsageError
        If the folder does not exist.
    RegisterError
        If a file or column is missing, a file has no header or cannot be read, or a cell is not a
        date, a whole number, one of a closed list, or empty where it must not be. One error lists
        all; row 1 is the first below the header.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise UsageError(f"register folder must exist; no folder at '{folder}'.")
    window, problems = _extract(folder / "extract.toml")
    frames = []
    for name, columns in TABLES.items():
        frame, broken = _table(folder / f"{name}.csv", columns)
        frames.append(frame)
        problems += broken
    if problems:
        raise RegisterError("\n".join(problems))
    persons, decisions, stays, applications, returns, deportations = frames
    return Registers(persons, decisions, stays, applications, returns, deportations, window)


# --- extract.toml -------------------------------------------------------------------------------
def _extract(path: Path) -> tuple[Window, list[str]]:
    nothing = Window(0, 0, 0)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return nothing, [f"{path.name} must exist; there is no such file."]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return nothing, [f"{path.name} must be valid TOML in UTF-8."]
    problems = [line for key in _MONTHS for line in _month_problem(content, key)]
    if problems:
        return nothing, problems
    window = Window(*(month_number(content[key]) for key in _MONTHS))
    if not window.first <= window.last <= window.follow_up_end:
        order = " <= ".join(_MONTHS)
        problems = [f"{path.name} must have {order}; got another order."]
    return window, problems


def _month_problem(content: dict[str, Any], key: str) -> list[str]:
    if key not in content:
        return [f"extract.toml must have the key '{key}'.{did_you_mean(key, content)}"]
    text = content[key]
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text, re.ASCII):
        return [f"extract.toml '{key}' must be a month written \"YYYY-MM\"; got something else."]
    return []


# --- one table ----------------------------------------------------------------------------------
def _table(path: Path, columns: _Columns) -> tuple[pd.DataFrame, list[str]]:
    broken = _header_problems(path, columns)
    if broken:
        return pd.DataFrame(), broken
    frame = _typed(path, columns)
    if frame is None:
        return pd.DataFrame(), _diagnosis(path, columns)
    if path.stem == "udi_persons" and not len(frame):
        return frame, [f"{path.name} must have at least one row; got none."]
    return frame, []


def _header_problems(path: Path, columns: _Columns) -> list[str]:
    if not path.is_file():
        return [f"{path.name} must exist; there is no such file."]
    try:
        with path.open("rb") as lines:
            header = next(csv.reader([lines.readline().decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error):
        return [f"{path.name} must be a CSV file in UTF-8; its first line cannot be read."]
    if not header:
        return [f"{path.name} must not be empty; a table without rows keeps its header."]
    return [
        f"{path.name} must have the column '{name}' once; got {header.count(name)}."
        + ("" if name in header else did_you_mean(name, header))
        for name in columns
        if header.count(name) != 1
    ]


def _typed(path: Path, columns: _Columns) -> pd.DataFrame | None:
    """The table in its final types, or None if a cell does not fit."""
    misshapen: list[int | None] = []
    try:
        table = _arrow(path, {name: _TYPES[c.kind] for name, c in columns.items()}, misshapen)
    except pa.ArrowInvalid:
        return None
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(date_as_object=False)
    fits = not misshapen and all(_fits(frame[name], column) for name, column in columns.items())
    if not fits:
        return None
    for name, column in columns.items():
        if column.levels:
            frame[name] = frame[name].cat.set_categories(list(column.levels))
    return frame


def _fits(values: pd.Series, column: Column) -> bool:
    if not column.optional and values.isna().any():
        return False
    if column.levels:
        return bool(values.cat.categories.isin(column.levels).all())
    return column.kind != "count" or bool((values >= 1).all())


def _arrow(
    path: Path,
    types: dict[str, pa.DataType],
    misshapen: list[int | None],
    *,
    numbered: bool = False,
) -> pa.Table:
    """Read with Arrow; rows with another number of cells are noted in ``misshapen``."""

    def note(row: arrow_csv.InvalidRow) -> str:
        misshapen.append(row.number)
        return "skip"

    return arrow_csv.read_csv(
        path,
        # row numbers are only known when the file is read in one thread
        read_options=arrow_csv.ReadOptions(use_threads=not numbered),
        parse_options=arrow_csv.ParseOptions(invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


# --- what is wrong, in numbers ------------------------------------------------------------------
def _diagnosis(path: Path, columns: _Columns) -> list[str]:
    misshapen: list[int | None] = []
    try:
        table = _arrow(path, dict.fromkeys(columns, pa.string()), misshapen, numbered=True)
    except pa.ArrowInvalid:
        return [f"{path.name} must be a CSV file in UTF-8; it cannot be read."]
    # the reader counts lines from 1, the header among them
    lines = np.array([number - 1 for number in misshapen if number is not None], dtype=np.int64)
    n_rows = table.num_rows + len(lines)
    row = np.setdiff1d(np.arange(1, n_rows + 1), lines)
    problems = _sentence(f"{path.name} rows must have one cell per column", lines, n_rows)
    for name, column in columns.items():
        text = table.column(name).to_pandas()
        where = f"{path.name} column '{name}' must"
        for rule, bad in _broken_rules(text, column):
            problems += _sentence(f"{where} {rule}", row[bad], n_rows)
    return problems or [f"{path.name} must be a CSV file that can be read; this one cannot."]


def _broken_rules(text: pd.Series, column: Column) -> list[tuple[str, BoolArray]]:
    missing = text.isna().to_numpy()
    rules = [] if column.optional else [("not be empty", missing)]
    if column.kind == "date":
        rules.append(("be a date written YYYY-MM-DD", ~missing & ~_each(text, _is_date)))
    if column.kind == "count":
        rules.append(("be a whole number of at least 1", ~missing & ~_each(text, _is_count)))
    if column.levels:
        known = text.isin(column.levels).to_numpy()
        rules.append((f"be one of {list(column.levels)}", ~missing & ~known))
    return rules


def _each(text: pd.Series, test: Any) -> BoolArray:
    codes, values = pd.factorize(text)
    passed = np.array([test(str(value)) for value in values] + [True])
    return passed[codes]


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip(), re.ASCII):
        return False
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _is_count(text: str) -> bool:
    return re.fullmatch(r"\d{1,18}", text.strip(), re.ASCII) is not None and int(text) >= 1


def _sentence(rule: str, rows: Any, n_rows: int) -> list[str]:
    if not len(rows):
        return []
    where = f"in {len(rows):,} of {n_rows:,} rows (first: row {rows[0]:,})"
    return [f"{rule}; got something else {where}. Correct the file."]
