"""Calendar months as whole numbers; the only module that knows about dates.

A calendar month is the number of months since January 1970 (``numpy.datetime64[M]``), so that
arithmetic on months is arithmetic on integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.errors import DomainError

Days = npt.NDArray[np.datetime64]
Written = Literal["yyyy-mm-dd", "dd.mm.yyyy"]

NEVER = np.datetime64("9999-12-31", "D")  # of what still goes on, as registers write it

_NO_DAY = np.datetime64("NaT", "D")
_FORMS: Mapping[Written, str] = MappingProxyType(
    {
        "yyyy-mm-dd": r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
        "dd.mm.yyyy": r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
    }
)
# a time of day behind a date, perhaps with its distance from Greenwich
_TIME = r"[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?"


def month_number(text: str) -> int:
    """Calendar month of a text ``YYYY-MM``.

    Examples
    --------
    >>> month_number("1970-03"), month_number("2005-01")
    (2, 420)
    """
    try:
        return int(np.datetime64(text, "M").astype(np.int64))
    except ValueError:
        raise DomainError(f"month must be written YYYY-MM; got {text!r}.") from None


def month_text(calendar: int) -> str:
    """Text ``YYYY-MM`` of a calendar month.

    Examples
    --------
    >>> month_text(420)
    '2005-01'
    """
    return str(np.datetime64(int(calendar), "M"))


def month_of(date: Any) -> IntArray:
    """Calendar month of every date; a missing date raises.

    Parameters
    ----------
    date : array-like of datetime64, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> month_of(np.array(["1970-02-28"], dtype="datetime64[D]"))
    array([1])
    """
    moment = np.asarray(date, dtype="datetime64[D]")
    if np.isnat(moment).any():
        raise DomainError(f"date must not be missing; got {int(np.isnat(moment).sum())} missing.")
    return moment.astype("datetime64[M]").astype(np.int64)


def year_of(calendar: Any) -> IntArray:
    """Calendar year of every calendar month.

    Examples
    --------
    >>> year_of(np.array([0, 11, 12, 420]))
    array([1970, 1970, 1971, 2005])
    """
    return 1970 + np.floor_divide(np.asarray(calendar, dtype=np.int64), 12)


def first_day(calendar: Any) -> pd.DatetimeIndex:
    """First day of every calendar month.

    Examples
    --------
    >>> first_day(np.array([420]))[0].date().isoformat()
    '2005-01-01'
    """
    months = np.atleast_1d(np.asarray(calendar, dtype=np.int64)).astype("datetime64[M]")
    return pd.DatetimeIndex(months.astype("datetime64[ns]"))


def days(cells: pd.Series, written: Written) -> tuple[Days, npt.NDArray[np.bool_]]:
    """Day of every cell, and whether a cell holds something else than a date.

    Parameters
    ----------
    cells : Series
        Dates, moments, or text. Of a moment the time of day is dropped and the date is the one
        that is written, by the clock of its own time zone.
    written : {"yyyy-mm-dd", "dd.mm.yyyy"}
        How text is written.

    Returns
    -------
    ndarray of datetime64[D], shape (n,)
        Missing where the cell is empty or holds something else.
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> day, strange = days(pd.Series(["1965-06-02", None, "2.6.1965"]), "yyyy-mm-dd")
    >>> day.astype(str).tolist(), strange.tolist()
    (['1965-06-02', 'NaT', 'NaT'], [False, False, True])
    """
    if cells.dtype.kind == "M":
        return cells.dt.tz_localize(None).to_numpy(dtype="datetime64[D]"), np.zeros(len(cells), "?")
    codes, labels = _distinct(cells)
    distinct_days = np.array(
        [*(_day(label, written) for label in labels), _NO_DAY], "datetime64[D]"
    )
    day = distinct_days[codes]  # code -1, an empty cell, is the last
    return day, np.isnat(day) & (codes >= 0)


def _distinct(cells: pd.Series) -> tuple[npt.NDArray[Any], Iterable[object]]:
    """Code of every cell, -1 of an empty one; equal moments of two time zones have two days."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.cat.codes.to_numpy(), cells.cat.categories
    if pd.api.types.infer_dtype(cells, skipna=True) == "string":
        return pd.factorize(cells)
    return np.where(cells.isna(), -1, np.arange(len(cells))), cells


def _day(cell: object, written: Written) -> np.datetime64:
    if cell is pd.NaT:
        return _NO_DAY
    if isinstance(cell, date):
        return np.datetime64(cell.date() if isinstance(cell, datetime) else cell, "D")
    if not isinstance(cell, str):
        return _NO_DAY
    parts = re.fullmatch(f"{_FORMS[written]}(?:{_TIME})?", cell.strip(), re.ASCII)
    if parts is None:
        return _NO_DAY
    try:
        day = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        return _NO_DAY
    return np.datetime64(day, "D")
