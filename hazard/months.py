"""Calendar months as whole numbers; the only module that knows about dates.

A calendar month is the number of months since January 1970 (``numpy.datetime64[M]``), so that
arithmetic on months is arithmetic on integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.errors import DomainError

IntArray = npt.NDArray[np.int64]


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
    moment = np.asarray(date, dtype="datetime64[ns]")
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
