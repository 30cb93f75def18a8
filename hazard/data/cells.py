"""Cells of a table as numbers and as labels, and a sentence for those that are neither.

A cell is missing where the table has no value: nothing, None, NaN, NaT or <NA>. Text is never
missing, whatever it says. The label of a whole number is written without a point: ``12``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from hazard.arrays import FloatArray
from hazard.data.contracts import Flags, Integers, violation
from hazard.data.labels import normalised

NUMBERS, TRUTH, TEXT, DATES, NOTHING = "numbers", "truth values", "text", "dates", "nothing"
_OF_INFERRED = {
    "string": TEXT,
    "integer": NUMBERS,
    "floating": NUMBERS,
    "mixed-integer-float": NUMBERS,
    "decimal": NUMBERS,
    "boolean": TRUTH,
    "date": DATES,
    "datetime": DATES,
    "datetime64": DATES,
    "empty": NOTHING,
    "mixed-integer": "numbers and text mixed",
    "bytes": "bytes",
}
_OTHER = "lists, records or several types mixed"
_WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
_MOST_LEVELS = 30  # of numbers with a reference; more are hardly meant as levels

_PLAIN = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[-+]?\d{1,3}([ .,']\d{3})*([.,]\d+)?|[-+]?\d*[.,]\d+")
_UNIT = re.compile(
    r"^(kr|nok|sek|dkk|eur|usd|gbp)\b\.?|(kr|nok|sek|dkk|eur|usd|gbp)\.?$|%|,-$", re.IGNORECASE
)


def kind(column: pd.Series) -> str:
    """What the cells of a column are, in a word or two.

    Examples
    --------
    >>> kind(pd.Series([1, None])), kind(pd.Series(["1", None])), kind(pd.Series([[1]]))
    ('numbers', 'text', 'lists, records or several types mixed')
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        values: pd.Series | pd.Index = column
    elif isinstance(column.cat.categories.dtype, pd.IntervalDtype):
        return TEXT  # as pandas.cut makes it
    else:
        values = column.cat.categories
    if pd.api.types.is_bool_dtype(values):
        return TRUTH
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values):
        return NUMBERS
    if pd.api.types.is_datetime64_any_dtype(values):
        return DATES
    return _OF_INFERRED.get(pd.api.types.infer_dtype(values, skipna=True), _OTHER)


def is_plain_number(text: str) -> bool:
    """Whether a text is a number with a decimal point, if any, and nothing around it.

    Examples
    --------
    >>> [is_plain_number(text) for text in ("-1.5", "1e3", "1,5", "0x1", "inf")]
    [True, True, False, False, False]
    """
    return _PLAIN.fullmatch(text.strip()) is not None


def numbers(column: pd.Series) -> tuple[FloatArray, Flags]:
    """Numbers of a column, yes and true as 1, no and false as 0, and where it holds something else.

    Examples
    --------
    >>> values, strange = numbers(pd.Series(["yes", "no", None, "maybe"]))
    >>> values.tolist(), strange.tolist()
    ([1.0, 0.0, nan, nan], [False, False, False, True])
    """
    if column.dtype.kind in "iuf":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.zeros(len(column), dtype=bool)
    if kind(column) not in (NUMBERS, TRUTH, TEXT, NOTHING):
        return np.full(len(column), np.nan), column.notna().to_numpy()
    codes, cells = distinct(column)
    known = np.array([*(_number(cell) for cell in cells), np.nan], dtype=np.float64)
    values = known[codes]  # code -1, a missing cell, is the last
    return values, np.isnan(values) & (codes >= 0)


def labels(column: pd.Series) -> pd.Series:
    """Label of every cell as text; None where the cell is missing.

    Examples
    --------
    >>> labels(pd.Series([12.0, None, 7.5])).tolist()
    ['12', None, '7.5']
    """
    codes, cells = distinct(column)
    known = np.array([*(_label(cell) for cell in cells), None], dtype=object)
    return pd.Series(known[codes], index=column.index, name=column.name, dtype=object)


def distinct(column: pd.Series) -> tuple[Integers, Sequence[Any]]:
    """Code of every cell, -1 where it is missing, and the cells that the codes stand for."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = column.cat.categories
        named = levels.astype(str) if isinstance(levels.dtype, pd.IntervalDtype) else levels
        return np.array(column.cat.codes, dtype=np.int64), named.tolist()
    if kind(column) == TEXT:  # whose codes pandas gives up to a NUL only
        code_of: dict[str, int] = {}
        cell_codes = [
            code_of.setdefault(cell, len(code_of)) if isinstance(cell, str) else -1
            for cell in column
        ]
        return np.array(cell_codes, dtype=np.int64), list(code_of)
    codes, cells = pd.factorize(column)
    floats = cells.dtype.kind == "f"  # a list of an index makes them longer
    return np.array(codes, dtype=np.int64), list(cells.to_numpy() if floats else cells)


# --- rules --------------------------------------------------------------------------------------
def not_numbers(where: str, column: pd.Series, cure: str) -> list[str]:
    """Sentence for a column that must hold numbers and does not, or none."""
    cell_kind = kind(column)
    if cell_kind in (NUMBERS, NOTHING):
        return []
    bad = column.notna().to_numpy()
    if cell_kind == TEXT:
        codes, cells = distinct(column)
        odd = np.array([*(not is_plain_number(cell) for cell in cells), False], dtype=bool)[codes]
        bad = odd if odd.any() else bad
    return violation(f"{where} must hold numbers", bad, got=cell_kind, cure=cure)


def not_indicators(where: str, column: pd.Series) -> list[str]:
    """Sentence for cells that are neither numbers nor yes, no, true and false, or none."""
    cell_kind = kind(column)
    return violation(
        f"{where} must hold numbers, or yes and no",
        numbers(column)[1],
        got="other text" if cell_kind == TEXT else cell_kind,
        cure="Correct the text.",
    )


def not_labels(where: str, column: pd.Series) -> list[str]:
    """Sentences for a column whose cells cannot be told apart as labels, or none.

    Examples
    --------
    >>> not_labels("table column 'centre'", pd.Series(["North", "North ", "South"]))[0][:72]
    "table column 'centre' must not have labels that differ only in spaces, i"
    """
    cell_kind = kind(column)
    if cell_kind not in (NUMBERS, TRUTH, TEXT, DATES, NOTHING):
        advice = f"got {cell_kind}. Write these cells as text."
        return [f"{where} must hold text or whole numbers, one type in all rows; {advice}"]
    codes, cells = distinct(column)

    def rows(bad: Sequence[bool]) -> Flags:
        return np.array([*bad, False], dtype=bool)[codes]

    problems = violation(
        f"{where} must have whole numbers that can be told apart",
        rows([_is_blurred(cell) for cell in cells]),
        got="floating-point numbers so large that neighbours are equal",
        cure="Write the numbers as text.",
    )
    if cell_kind != TEXT:
        return problems
    problems += violation(
        f"{where} must hold text that can be written to a file",
        rows([not _writable(str(cell)) for cell in cells]),
        got="a NUL character or half a character",
        cure="Take these characters out.",
    )
    return problems + violation(
        f"{where} must not have labels that differ only in spaces, in what does not show or in how "
        "an accent is stored",
        rows(_twins([str(cell) for cell in cells])),
        got="such labels",
        cure="Write each label in one way.",
    )


def not_measured(where: str, column: pd.Series) -> list[str]:
    """Sentences for a covariate that is neither numbers nor labels, or none.

    Text of which at least half of the labels are numbers, however written, is neither.

    Examples
    --------
    >>> not_measured("table column 'age'", pd.Series(["37,8", "39,6"]))[0][:90]
    "table column 'age' must hold numbers or labels; got text that is mostly numbers, with deci"
    """
    cell_kind = kind(column)
    if cell_kind in (NUMBERS, NOTHING):
        return []
    if cell_kind == DATES:
        cure = "Write the time since a day as a number, or write the dates as text to have levels."
        return [f"{where} must hold numbers or labels; got dates. {cure}"]
    problems = not_labels(where, column)
    if problems or cell_kind != TEXT:
        return problems
    codes, cells = distinct(column)
    if not cells or 2 * sum(_looks_numeric(cell) for cell in cells) < len(cells):
        return []
    odd = [not is_plain_number(cell) or is_padded(cell) for cell in cells]
    odd = odd if any(odd) else [True] * len(cells)
    return violation(
        f"{where} must hold numbers or labels",
        np.array([*odd, False], dtype=bool)[codes],
        got=f"text that is mostly numbers, with {_written(cells)},",
        cure="Write numbers as numbers, with a decimal point, and leave a cell empty where nothing "
        "is known; if they are levels, state the reference level of the term.",
    )


def not_levels(where: str, column: pd.Series) -> list[str]:
    """Sentence for numbers that cannot be levels though a reference level is stated, or none.

    Examples
    --------
    >>> not_levels("table column 'age'", pd.Series([0, 1, 1]))
    []
    >>> not_levels("table column 'age'", pd.Series([0.5, 1, 1]))[0][:70]
    "table column 'age' must hold whole numbers where the term states a ref"
    """
    if kind(column) != NUMBERS:
        return []
    values = numbers(column)[0]
    rule = f"{where} must hold whole numbers where the term states a reference level"
    cure = "Take out the reference to keep the numbers, or write groups of them as text."
    problems = violation(
        rule, np.isfinite(values) & (values != np.floor(values)), got="fractions", cure=cure
    )
    count = len(np.unique(values[np.isfinite(values)]))
    if not problems and count > _MOST_LEVELS:
        problems = [f"{rule}, at most {_MOST_LEVELS} different; got {count:,}. {cure}"]
    return problems


# --- one cell -----------------------------------------------------------------------------------
def _number(cell: Any) -> float:
    if isinstance(cell, str):
        return _WORDS.get(cell.strip().casefold(), math.nan)
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _label(cell: Any) -> str:
    if (
        isinstance(cell, float | np.floating | Decimal)
        and math.isfinite(cell)
        and cell == int(cell)
    ):
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == cell.time().min:
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def alike(text: str) -> str:
    r"""A label in its one spelling, without case, spaces, a last stop and forms of characters.

    Examples
    --------
    >>> {alike(text) for text in ("dead", " Dead", "DE AD.", "de\u200bad", "\uff44ead")}
    {'dead'}
    """
    folded = unicodedata.normalize("NFKC", normalised(text)).casefold()
    return unicodedata.normalize("NFKC", "".join(folded.split())).rstrip(".")


def _is_blurred(cell: Any) -> bool:
    """Whether a floating-point number is so large that not every whole number is one."""
    if not isinstance(cell, float | np.floating):
        return False
    digits = int(np.finfo(type(cell)).nmant) + 1
    return abs(float(cell)) >= 2.0**digits


def _writable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _twins(texts: Sequence[str]) -> list[bool]:
    """Which texts have another before them with the same spelling, of which not all is shown."""
    plain = [normalised(text.strip()) for text in texts]
    first: dict[str, int] = {}
    for number, text in enumerate(plain):
        first.setdefault(text, number)
    return [bool(text) and first[text] != number for number, text in enumerate(plain)]


def _bare(text: str) -> str:
    """A text without signs of currency, units and spaces around."""
    letters = "".join(letter for letter in text if unicodedata.category(letter) != "Sc")
    return _UNIT.sub(
        "", letters.replace("\N{MINUS SIGN}", "-").replace("\xa0", " ").strip()
    ).strip()


def _looks_numeric(text: str) -> bool:
    bare = _bare(text.replace("\u202f", " "))
    return is_plain_number(bare) or _GROUPED.fullmatch(bare) is not None


def is_padded(text: str) -> bool:
    """Whether a whole number starts with a zero, as codes do."""
    return re.fullmatch(r"[-+]?0\d+", text.strip(), re.ASCII) is not None


def _written(cells: Sequence[str]) -> str:
    """How numbers are written that are not plain ones."""
    odd = [cell for cell in cells if not is_plain_number(cell)]
    numeric = [cell for cell in odd if _looks_numeric(cell)]
    if any(_bare(cell) != cell.strip() for cell in numeric):
        return "currencies or units"
    if any("," in cell for cell in numeric):
        return "decimal commas"
    if odd:
        return "spaces within numbers" if len(numeric) == len(odd) else "other text"
    return "leading zeros" if any(is_padded(cell) for cell in cells) else "all of it stored as text"
