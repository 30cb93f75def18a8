"""Register files -> frames; every structural problem of the folder in one error.

A file is first read into its final types in one pass. Only when that fails is it read again as
text, to count and place what is wrong: the messages of the reader quote the cells, ours must not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from hazard.arrays import BoolArray
from hazard.data.labels import has_control, normalised
from hazard.data.registers.extract import extract
from hazard.data.registers.files import (
    LONGEST_HEADER,
    LONGEST_SCHEMA,
    first_line,
    problem,
    schema_fits,
)
from hazard.data.registers.layout import Layout, layouts
from hazard.data.registers.records import TABLES, Column, Registers
from hazard.data.registers.spelling import LABELS, spelled
from hazard.errors import RegisterError, UsageError, did_you_mean

_TYPES = {"text": LABELS, "date": pa.date32(), "count": pa.int64()}
_Columns = dict[str, Column]
_ID = "person_id"


def read(directory: Path) -> Registers:
    """The registers of a folder, in their final types, with the window of the extract.

    Parameters
    ----------
    directory : Path
        Folder with ``extract.toml`` and one UTF-8 CSV file per table of ``TABLES``: ISO dates, an
        empty cell is missing. Other files and further columns are ignored. A file ``columns.toml``
        may state other names, words, dates, encodings and Parquet files: see
        :mod:`hazard.data.registers.layout`, with an example.

    Returns
    -------
    Registers
        Ids, names and closed lists as categoricals; rows in the order of the files. The ids of
        persons have the same categories in all tables, so that linking compares no texts. Ids and
        names are in one spelling (:func:`hazard.data.labels.normalised`), and dates without the
        time of day that Parquet may have: ``altered`` says in which rows that changed something.

    Raises
    ------
    UsageError
        If the folder does not exist.
    RegisterError
        If ``columns.toml`` breaks its rules, a file or column is missing, a file is a pipe, a link
        out of the folder or has no header or cannot be read, or a cell holds control characters or
        is not a date, a whole number, one of a closed list, or empty
        where it must not be. One error lists all; row 1 is the first below the header.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise UsageError(f"register folder must exist; no folder at '{folder}'.")
    layout_of, problems = layouts(folder)
    if problems:
        raise RegisterError("\n".join(problems))
    window, problems = extract(folder / "extract.toml")
    tables = []
    for name, columns in TABLES.items():
        typed, table_problems = _table(name, layout_of[name], columns)
        tables.append(typed)
        problems += table_problems
    if problems:
        raise RegisterError("\n".join(problems))
    altered = {
        (name, column): rows
        for name, table in zip(TABLES, tables, strict=True)
        for column, rows in table.altered.items()
    }
    persons, decisions, stays, applications, returns, deportations = _linked(tables)
    return Registers(
        persons, decisions, stays, applications, returns, deportations, window, altered
    )


@dataclass(frozen=True, eq=False, repr=False)
class _Table:
    """A table with its ids of persons apart; ``altered`` marks rows by column."""

    ids: pa.ChunkedArray
    frame: pd.DataFrame
    altered: Mapping[str, BoolArray] = field(default_factory=dict)


def _linked(tables: Sequence[_Table]) -> Iterator[pd.DataFrame]:
    """The tables as frames whose ids of persons share their categories."""
    chunks = [chunk for table in tables for chunk in table.ids.chunks]
    unified = pa.chunked_array(chunks, type=LABELS).unify_dictionaries()
    kind = pd.CategoricalDtype(unified.chunk(0).dictionary.to_pandas())
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in unified.chunks])
    ends = np.cumsum([len(table.frame) for table in tables])
    for table, table_codes in zip(tables, np.split(codes, ends[:-1]), strict=True):
        frame = table.frame
        frame.insert(0, _ID, pd.Series(pd.Categorical.from_codes(table_codes, dtype=kind)))
        yield frame


# --- one table ----------------------------------------------------------------------------------
_NOTHING = _Table(pa.chunked_array([], type=LABELS), pd.DataFrame())


def _table(table: str, layout: Layout, columns: _Columns) -> tuple[_Table, list[str]]:
    theirs, name = layout.theirs(columns), layout.path.name
    problems = _header_problems(layout, theirs)
    if problems:
        return _NOTHING, problems
    content = _content(layout, theirs)
    if content is None:
        return _NOTHING, [f"{name} must be {layout.form}; it cannot be read."]
    typed = _typed(content, layout, theirs)
    if typed is None:
        return _NOTHING, _diagnosis(content, layout, theirs)
    if table == "udi_persons" and not len(typed.frame):
        return typed, [f"{name} must have at least one row; got none."]
    frame = typed.frame.rename(columns=layout.columns)
    for column, words in layout.levels.items():
        frame[column] = frame[column].cat.rename_categories(dict(words))
    return replace(typed, frame=frame), []


def _header_problems(layout: Layout, columns: _Columns) -> list[str]:
    name = layout.path.name
    unopened = problem(layout.path)
    if unopened is not None:
        return [unopened]
    try:
        header = _header(layout)
    except (UnicodeDecodeError, csv.Error, pa.ArrowException):
        return [f"{name} must be {layout.form}; its first line cannot be read."]
    if header is None:
        limit = LONGEST_SCHEMA if layout.is_parquet else LONGEST_HEADER
        return [f"{name} must have a header of at most {limit:,} bytes; got a longer one."]
    if not header:
        return [f"{name} must not be empty; a table without rows keeps its header."]
    # a first line without any of the columns may be a row of persons, which is not to be quoted
    known = header if set(columns) & set(header) else []
    return [
        f"{name} must have the column '{column}' once; got {header.count(column)}."
        + ("" if column in header else did_you_mean(column, known))
        for column in columns
        if header.count(column) != 1
    ]


def _header(layout: Layout) -> list[str] | None:
    """Names of the columns, or None where there are more than a table can have."""
    if layout.is_parquet:
        return list(parquet.read_schema(layout.path).names) if schema_fits(layout.path) else None
    encoding = "utf-8-sig" if layout.encoding == "utf-8" else layout.encoding
    first = first_line(layout.path)
    if first is None:
        return None
    return next(csv.reader([first.decode(encoding)], delimiter=layout.delimiter), [])


@dataclass(frozen=True, eq=False, repr=False)
class _Content:
    """Where to read the CSV text of a table from, and the rows whose time of day is not in it."""

    open: Callable[[], Any]
    timed: Mapping[str, BoolArray] = field(default_factory=dict)


def _content(layout: Layout, columns: _Columns) -> _Content | None:
    """The text of a CSV file; that of Parquet is made of its columns."""
    if not layout.is_parquet:
        return _Content(lambda: layout.path)
    timed = {}
    try:
        table = parquet.read_table(layout.path, columns=list(columns))
        for position, moment in enumerate(table.schema):
            if pa.types.is_timestamp(moment.type) or pa.types.is_date64(moment.type):
                days, timed[moment.name] = _days(table.column(position))
                table = table.set_column(position, moment.name, days)
        text = io.BytesIO()
        arrow_csv.write_csv(table, text, arrow_csv.WriteOptions(delimiter=layout.delimiter))
    except (pa.ArrowException, OSError):
        return None
    csv_text = text.getvalue()
    return _Content(lambda: io.BytesIO(csv_text), timed)


def _days(moments: pa.ChunkedArray) -> tuple[pa.ChunkedArray, BoolArray]:
    """Day of every moment by the clock of its time zone, and whether it has a time of day."""
    if pa.types.is_date64(moments.type):
        moments = moments.cast(pa.timestamp("ms"))
    if moments.type.tz is not None:
        moments = pc.local_timestamp(moments)
    days = moments.cast(pa.date32(), safe=False)
    timed = pc.not_equal(days.cast(moments.type), moments).fill_null(False)  # noqa: FBT003
    return days, timed.to_numpy()


def _typed(content: _Content, layout: Layout, columns: _Columns) -> _Table | None:
    """The table in its final types, or None if a cell does not fit."""
    misshapen: list[int | None] = []
    parsers = _as_text(layout)
    types = {
        name: LABELS if column.kind in parsers else _TYPES[column.kind]
        for name, column in columns.items()
    }
    try:
        table = _arrow(content, layout, types, misshapen)
    except pa.ArrowInvalid:
        return None
    texts = [
        name for name, column in columns.items() if column.kind == "text" and not column.levels
    ]
    respelled = spelled(table, texts)
    if respelled is None:
        return None
    table, altered = respelled
    id_column = next(name for name, ours in layout.columns.items() if ours == _ID)
    ids, body = table.column(id_column), table.drop_columns(id_column).unify_dictionaries()
    frame: pd.DataFrame = body.to_pandas(date_as_object=False)
    others = {name: column for name, column in columns.items() if name != id_column}
    for name, column in others.items():
        if column.kind in parsers and not _parsed(frame, name, parsers[column.kind]):
            return None
    fits = all(_fits(frame[name], column) for name, column in others.items())
    if misshapen or ids.null_count or not fits:
        return None
    for name, column in others.items():
        if column.levels:
            frame[name] = frame[name].cat.set_categories(list(column.levels))
        if column.kind == "count":
            frame[name] = frame[name].astype(np.int64)
    altered |= {name: rows for name, rows in content.timed.items() if rows.any()}
    return _Table(ids, frame, {layout.columns[name]: rows for name, rows in altered.items()})


def _as_text(layout: Layout) -> dict[str, Callable[[str], Any]]:
    """Kinds of columns that Arrow cannot read as they are written, with what reads a cell."""
    parsers: dict[str, Callable[[str], Any]] = {}
    if layout.dates != "yyyy-mm-dd":
        parsers["date"] = layout.day
    if layout.decimal != ".":
        parsers["count"] = layout.count
    return parsers


def _parsed(frame: pd.DataFrame, name: str, parse: Callable[[str], Any]) -> bool:
    """Replace a column of texts by what they say; false if one says nothing."""
    cells = frame[name].cat
    values = [parse(str(text)) for text in cells.categories]
    if any(value is None for value in values):
        return False
    kind = np.float64 if parse.__name__ == "count" else "datetime64[ms]"
    frame[name] = np.array([*values, None], dtype=kind)[cells.codes.to_numpy()]
    return True


def _fits(values: pd.Series, column: Column) -> bool:
    if not column.optional and values.isna().any():
        return False
    if column.levels:
        return bool(values.cat.categories.isin(column.levels).all())
    return column.kind != "count" or bool((values >= 1).all())


def _arrow(
    content: _Content,
    layout: Layout,
    types: dict[str, pa.DataType],
    misshapen: list[int | None],
    *,
    numbered: bool = False,
) -> pa.Table:
    """Read with Arrow; rows with another number of cells are noted in ``misshapen``."""

    def note(row: arrow_csv.InvalidRow) -> str:
        misshapen.append(row.number)
        return "skip"

    encoding = "utf-8" if layout.is_parquet else layout.encoding
    return arrow_csv.read_csv(
        content.open(),
        # row numbers are only known when the file is read in one thread
        read_options=arrow_csv.ReadOptions(use_threads=not numbered, encoding=encoding),
        parse_options=arrow_csv.ParseOptions(delimiter=layout.delimiter, invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


# --- what is wrong, in numbers ------------------------------------------------------------------
def _diagnosis(content: _Content, layout: Layout, columns: _Columns) -> list[str]:
    misshapen: list[int | None] = []
    name = layout.path.name
    try:
        types = dict.fromkeys(columns, pa.string())
        table = _arrow(content, layout, types, misshapen, numbered=True)
    except pa.ArrowInvalid:
        return [f"{name} must be {layout.form}; it cannot be read."]
    # the reader counts lines from 1, the header among them
    lines = np.array([number - 1 for number in misshapen if number is not None], dtype=np.int64)
    n_rows = table.num_rows + len(lines)
    row = np.setdiff1d(np.arange(1, n_rows + 1), lines)
    problems = _sentence(f"{name} rows must have one cell per column", lines, n_rows)
    for key, column in columns.items():
        text = table.column(key).to_pandas()
        where = f"{name} column '{key}' must"
        for rule, bad in _broken_rules(text, layout, column):
            problems += _sentence(f"{where} {rule}", row[bad], n_rows)
    return problems or [f"{name} must be {layout.form} that can be read; this one cannot."]


def _broken_rules(text: pd.Series, layout: Layout, column: Column) -> list[tuple[str, BoolArray]]:
    missing = text.isna().to_numpy()
    rules = []
    if column.kind == "text" and not column.levels:
        controlled = _parses(text, lambda word: None if has_control(word) else word)
        rules.append(("hold no control characters", ~controlled))
        missing |= ~_parses(text, lambda word: normalised(word) or None)
    if not column.optional:
        rules.append(("not be empty", missing))
    if column.kind == "date":
        written = f"be a date written {layout.dates.upper()}"
        rules.append((written, ~missing & ~_parses(text, layout.day)))
    if column.kind == "count":
        rules.append(("be a whole number of at least 1", ~missing & ~_parses(text, layout.count)))
    if column.levels:
        known = text.isin(column.levels).to_numpy()
        rules.append((f"be one of {list(column.levels)}", ~missing & ~known))
    return rules


def _parses(text: pd.Series, parse: Callable[[str], Any]) -> BoolArray:
    """Whether each text says something; a missing one does."""
    # not by pandas, to which texts that differ after a NUL are the same
    encoded = pa.array(text, pa.string(), from_pandas=True).dictionary_encode()
    passed = [parse(value) is not None for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(passed)).to_numpy()
    flags: BoolArray = np.array([*passed, True])[codes]
    return flags


def _sentence(rule: str, rows: Any, n_rows: int) -> list[str]:
    if not len(rows):
        return []
    where = f"in {len(rows):,} of {n_rows:,} rows (first: row {rows[0]:,})"
    return [f"{rule}; got something else {where}. Correct the file."]
