"""Tidy tables as CSV, from which every label comes back as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hazard.files.atomic import write_bytes
from hazard.files.terminal import escaped

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")  # with apostrophes that are its own
_SPECIAL = re.compile(r'[,"\r\n]')
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,"\r\n]*)(,|\r?\n)')
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?(\d+\.?\d*(e[+-]?\d+)?|inf)")
_LABELS = frozenset({"level", "estimand", "by", "exit", "term", "arm", "group", "cause"})
"""Columns that hold labels in every table, whatever these look like."""


def write_table(rows: pd.DataFrame, path: Path) -> None:
    """CSV of a tidy table, from which :func:`read_table` has every label as it was.

    A missing value is an empty field, an empty text a pair of quotes. Text that a
    spreadsheet would run as a formula gets an apostrophe before it, and a control character is
    written out.
    """
    columns = [_fields(rows.iloc[:, position]) for position in range(rows.shape[1])]
    lines = [[_field(str(name)) for name in rows.columns], *zip(*columns, strict=True)]
    text = "".join(f"{','.join(line)}\n" for line in lines)
    write_bytes(path, text.encode())


def read_table(path: Path, kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Table that :func:`write_table` wrote, with its labels as they were.

    Parameters
    ----------
    path : Path
    kinds : mapping of str to str, optional
        Kind of each column, as of :func:`kinds_of`: a label may look like a number. Where it is not
        known a column that is named like one of labels holds text, and any other what its fields
        look like.

    Returns
    -------
    DataFrame
        Only an empty field without quotes is missing.
    """
    column_kinds = kinds or {}
    with path.open(encoding="utf-8", newline="") as stream:
        head, *rows = _lines(stream.read())
    fields = zip(*rows, strict=True) if rows else [()] * len(head)
    return pd.DataFrame(
        {
            name: _column(values, column_kinds.get(name) or _kind(name, values))
            for name, values in zip(map(_unquoted, head), fields, strict=True)
        }
    )


def kinds_of(rows: pd.DataFrame) -> dict[str, str]:
    """What the columns of a table hold: text, integer, number, or true or false.

    Examples
    --------
    >>> kinds_of(pd.DataFrame({"level": ["007"], "estimate": [0.5], "lag": [1]}))
    {'level': 'text', 'estimate': 'number', 'lag': 'integer'}
    """
    return {
        str(name): _kind_of(rows.iloc[:, position]) for position, name in enumerate(rows.columns)
    }


def _kind_of(column: pd.Series) -> str:
    if pd.api.types.is_float_dtype(column):
        return "number"
    kinds = {"boolean": "boolean", "integer": "integer", "floating": "number"}
    kinds |= {"mixed-integer-float": "number"}
    return kinds.get(pd.api.types.infer_dtype(column, skipna=True), "text")


def _fields(column: pd.Series) -> list[str]:
    """Fields of a column as they stand in the file."""
    return [
        "" if is_missing else _field(value) if isinstance(value, str) else _enclosed(str(value))
        for value, is_missing in zip(column.tolist(), column.isna().tolist(), strict=True)
    ]


def _field(text: str) -> str:
    """Field of a text."""
    safe = escaped(text)
    return _enclosed(f"'{safe}" if _FORMULA.match(safe) else safe)


def _enclosed(text: str) -> str:
    if text and not _SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _lines(text: str) -> Iterator[list[str]]:
    """Fields of each line, with the quotes around them."""
    line: list[str] = []
    for field, end in _FIELD.findall(text):
        line.append(field)
        if end != ",":
            yield line
            line = []


def _unquoted(field: str) -> str:
    """Text of a field."""
    text = field[1:-1].replace('""', '"') if field.startswith('"') else field
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _column(fields: Sequence[str], kind: str) -> pd.Series:
    if kind == "number":
        return pd.Series([float(field) if field else np.nan for field in fields], dtype=float)
    if kind == "integer":
        integers = [int(field) if field else None for field in fields]
        return pd.Series(integers, dtype="Int64" if None in integers else "int64")
    if kind == "boolean":
        booleans = [{"True": True, "False": False}.get(field) for field in fields]
        return pd.Series(booleans, dtype="boolean" if None in booleans else "bool")
    return pd.Series([_unquoted(field) if field else np.nan for field in fields], dtype=object)


def _kind(name: str, fields: Sequence[str]) -> str:
    """Kind of a column of which it is not known, by its name or its fields."""
    nonempty = [field for field in fields if field]
    if name in _LABELS or not nonempty:
        return "text"
    if all(_INTEGER.fullmatch(field) for field in nonempty):
        return "integer"
    if all(_NUMBER.fullmatch(field) for field in nonempty):
        return "number"
    return "boolean" if set(nonempty) <= {"True", "False"} else "text"
