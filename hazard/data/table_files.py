"""A CSV or Parquet file -> its cells, each as the column's role wants it.

CSV holds text only. An empty cell without quotes is missing, and ``""`` is an empty text. ``NA`` is
missing among numbers, true and false, and dates, and where an exit or an event is recorded; in any
other text it is text. A column of labels (ids, groups) is taken as it is written: ``007`` and ``7``
are two persons, ``0301`` stays ``0301``; only where every label ends in ``.0``, as a program writes
whole numbers with gaps, this end is taken off. A covariate whose every cell is a number is numbers,
unless one has a leading zero.

Rows are counted from 1 below the header, empty lines left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals
import narwhals.exceptions
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from hazard.data import cells
from hazard.data.roles import Roles
from hazard.errors import PanelError, UsageError

_SOURCE = b"hazard.source"  # metadata of a Parquet file
_BLOCK = 2**31 - 1  # bytes, the most that pyarrow takes; a quoted cell may hold line breaks
_TEXT = pa.dictionary(pa.int32(), pa.string())
_MISSING = ("", "NA", "NaN", "nan")  # among numbers
_TRUTH = {"true": True, "false": False}
_INFINITE = ("inf", "-inf", "infinity", "-infinity")


def read_csv(path: Path, roles: Roles, codes: Sequence[str]) -> pd.DataFrame:
    """Table of a CSV file (comma, UTF-8, one header row).

    Parameters
    ----------
    path : Path
    roles : Roles
    codes : sequence of str
        Labels of exits and events: one called NA is not missing.

    Raises
    ------
    PanelError
        If the file is not UTF-8, a quote does not close where it should, or a row has another
        number of cells than the header.
    """
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    _check_utf8(content)
    header = _header(content)
    _check_quotes(content, len(header))
    frame = _text_of(content, header)
    for position, name in enumerate(header):
        if header.count(name) == 1:
            typed = _typed(frame.iloc[:, position], name, roles, codes)
            frame.isetitem(position, typed.array)
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """Table of a Parquet file; whole numbers beside missing cells stay whole.

    Raises
    ------
    PanelError
        If the file cannot be read as a whole.
    """
    try:
        content = parquet.ParquetFile(path).read()
        frame: pd.DataFrame = content.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, OverflowError):
        raise PanelError(
            "table must be a whole Parquet file; got something else, or a damaged one. Write the "
            "file again."
        ) from None
    return frame


def of_frame(frame: Any) -> pd.DataFrame:
    """Table of a data frame of any kind, its cells as those of a Parquet file.

    Parameters
    ----------
    frame : DataFrame
        Of pandas, polars, pyarrow or another package that narwhals reads, in memory.

    Raises
    ------
    UsageError
        If it is no data frame.
    PanelError
        If a column holds values of several types, or two columns have one name.

    Examples
    --------
    >>> of_frame({"person": [1]})
    Traceback (most recent call last):
    hazard.errors.UsageError: table must be a data frame in memory, such as one of pandas or \
polars; got dict.
    """
    try:
        eager = narwhals.from_native(frame, eager_only=True)
    except narwhals.exceptions.DuplicateError:
        raise PanelError(
            "columns of a table must have different names; got a name twice. Rename or drop one."
        ) from None
    except TypeError:
        raise UsageError(
            "table must be a data frame in memory, such as one of pandas or polars; got "
            f"{type(frame).__name__}."
        ) from None
    unnamed = [name for name in eager.columns if not isinstance(name, str)]
    if unnamed:
        raise PanelError(
            f"columns of a table must have names that are text; got {len(unnamed)} that are not "
            f"(first: column {[*eager.columns].index(unnamed[0]) + 1}). Name them."
        )
    try:
        table = eager.to_arrow()
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise PanelError(
            "columns of a table must hold values of one type each; at least one holds several. "
            "Make each all numbers, all text, or all dates."
        ) from None
    pandas_table: pd.DataFrame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    return pandas_table


def write_panel(panel: pd.DataFrame) -> bytes:
    """Content of a Parquet file with a panel of registers, which says that it is one."""
    table = pa.Table.from_pandas(panel, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), _SOURCE: b"registers"}
    content = pa.BufferOutputStream()
    parquet.write_table(table.replace_schema_metadata(metadata), content)
    return bytes(content.getvalue().to_pybytes())


def is_of_registers(path: Path) -> bool:
    """Whether a file says that it is a panel of registers (see :func:`write_panel`)."""
    if path.suffix.lower() != ".parquet":
        return False
    return (parquet.read_schema(path).metadata or {}).get(_SOURCE) == b"registers"


# --- the text of a CSV file ---------------------------------------------------------------------
def _check_utf8(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start)
        raise PanelError(
            f"table must be a CSV file in UTF-8; got other bytes ({_place(row)}). Save the table "
            "as UTF-8."
        ) from None


def _place(row: int) -> str:
    return f"first: row {row:,}" if row else "in the header"


def _header(content: bytes) -> list[str]:
    lines = csv.reader(io.StringIO(content.decode(), newline=""))
    try:
        header = next((cells_ for cells_ in lines if cells_), [])
    except csv.Error:
        header = []
    if not header:
        raise PanelError("table must be a CSV file with a header; got no text.")
    if len(header) == 1 and (other := re.search("[;\t|]", header[0])):
        name = {";": "semicolons", "\t": "tabs", "|": "bars"}[other.group()]
        raise PanelError(
            f"table must have commas between cells; got {name}. Save the table with commas, and "
            "with decimal points."
        )
    return header


def _check_quotes(content: bytes, width: int) -> None:
    """Raise if a quoted cell is not closed where a cell ends, or holds the end of a row.

    Only a line with an odd number of quotes can begin a cell that goes on in the next.
    """
    if not any(line.count(b'"') % 2 for line in content.split(b"\n")):
        return
    row = _swallowing(content, width)
    if row is None:
        return
    raise PanelError(
        "table must close every quote at the end of its cell; got a quote that opens and goes on "
        f"over the end of the row ({_place(row)}). Close it, or double it where the text has a "
        "quote."
    )


def _swallowing(content: bytes, width: int) -> int | None:
    """Number of the first row whose quote goes on over its end, if there is one."""
    lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    row = 0
    try:
        for record in lines:
            if any(_swallows(cell, position, width) for position, cell in enumerate(record)):
                return row
            row += bool(record)
    except csv.Error:
        return row
    return None


def _swallows(cell: str, position: int, width: int) -> bool:
    """Whether a cell holds line breaks with as many commas between them as a row has."""
    first, *others = re.split("\r\n|\n|\r", cell)
    if not others or width < 2:
        return False
    commas = [text.count(",") for text in (first, *others)]
    return commas == [width - 1 - position, *[width - 1] * (len(others) - 1), position]


def _text_of(content: bytes, header: Sequence[str]) -> pd.DataFrame:
    """Cells as categories of text; an empty cell without quotes is missing."""
    ragged: list[int] = []

    def note(row: Any) -> str:
        ragged.append(row.number)
        return "skip"

    names = [str(position) for position in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(content),
            read_options=arrow_csv.ReadOptions(
                block_size=_BLOCK, use_threads=False, column_names=names, skip_rows_after_names=1
            ),
            parse_options=arrow_csv.ParseOptions(invalid_row_handler=note, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, _TEXT),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException:  # whose text quotes the row
        raise PanelError("table must be a CSV file in UTF-8; got something else.") from None
    if ragged:
        raise PanelError(
            "table must have as many cells in every row as in its header; got another number in "
            f"{len(ragged):,} rows (first: row {ragged[0] - 1:,}). Quote cells with a comma."
        )
    frame: pd.DataFrame = table.to_pandas()
    frame.columns = pd.Index(header, dtype=object)
    return frame


# --- what the text means ------------------------------------------------------------------------
def _typed(column: pd.Series, name: str, roles: Roles, codes: Sequence[str]) -> pd.Series:
    if name in roles.levels:
        return _as_measured(column)
    if name in roles.labels:
        is_exit = name in roles.exits and "NA" not in codes
        return _as_labels(_without(column, ["NA"]) if is_exit else column)
    if name in (*roles.indicators, *roles.numbers, *roles.days) or roles.is_numbered(name):
        column = _without(column, _MISSING)
        return column if name in roles.days else _as_numbers(column)
    return _as_measured(column) if name in roles.measured else column


def _as_labels(column: pd.Series) -> pd.Series:
    texts = _texts(column)
    if (others := [text for text in texts if text != "NA"]) and all(map(_written_whole, others)):
        column = _without(column, ["NA"])
        texts = _texts(column)
        if all(text.endswith(".0") for text in texts):
            column = column.cat.rename_categories([text.removesuffix(".0") for text in texts])
    return column


def _as_measured(column: pd.Series) -> pd.Series:
    others = [text for text in _texts(column) if text not in _MISSING]
    if others and not any(cells.is_padded(text) for text in others):
        return _as_numbers(column)
    return column


def _as_numbers(column: pd.Series) -> pd.Series:
    """Numbers or truth values, where all of the text is such."""
    present = _without(column, _MISSING)
    texts = [text.strip() for text in _texts(present)]
    if all(_is_number(text) for text in texts):
        return _by_category(present, _numbers(texts))
    if all(text.lower() in _TRUTH for text in texts):
        return _by_category(
            present, np.array([_TRUTH[text.lower()] for text in texts], dtype=object)
        )
    return column


def _numbers(texts: Sequence[str]) -> Any:
    all_integers = all(re.fullmatch(r"[-+]?\d{1,15}", text, re.ASCII) for text in texts)
    return np.array(
        [int(t) if all_integers else float(t) for t in texts], np.int64 if all_integers else float
    )


def _by_category(column: pd.Series, values: Any) -> pd.Series:
    """Value of every cell by its category; whole numbers become floats where one is missing."""
    codes = column.cat.codes.to_numpy()
    missing = codes < 0
    if not missing.any():
        return pd.Series(values[codes], index=column.index)
    cells_ = np.full(len(codes), None if values.dtype == object else np.nan)
    cells_[~missing] = values[codes[~missing]]
    return pd.Series(cells_, index=column.index)


def _texts(column: pd.Series) -> list[str]:
    return list(column.cat.categories)


def _without(column: pd.Series, missing: Sequence[str]) -> pd.Series:
    return column.cat.remove_categories([text for text in _texts(column) if text in missing])


def _is_number(text: str) -> bool:
    return cells.is_plain_number(text) or text.lower() in _INFINITE


def _written_whole(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.0)?", text, re.ASCII) is not None
