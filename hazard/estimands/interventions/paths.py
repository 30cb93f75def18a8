"""Virtual paths: persons month after month as if nobody left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.keys import is_first
from hazard.errors import EstimandError

Beyond = Literal["repeat", "leave_out", "refuse"]
Each = Literal["person", "row"]
_YEAR = 12


@dataclass(frozen=True, eq=False)
class Paths:
    """Persons from a start on, for so many months, at the centre and with all else of the start.

    Attributes
    ----------
    panel : DataFrame
        The rows from which the paths start.
    row : ndarray of int64, shape (path,)
        Position of the start of every path; ascending.
    horizon : int
        Months of a path; month 1 is that of the start.
    left_out : mapping of str to int
        Number of starts without a path, by reason.
    """

    panel: pd.DataFrame
    row: IntArray
    horizon: int
    left_out: Mapping[str, int]

    @property
    def n_rows(self) -> int:
        """Number of rows of the frame: paths times months."""
        return len(self.row) * self.horizon

    @property
    def month(self) -> IntArray:
        """Month of the path of every row, from 1, shape (row,)."""
        return np.tile(np.arange(1, self.horizon + 1), len(self.row))

    @property
    def n_repeated(self) -> int:
        """Number of rows beyond the last month of the panel, which repeat its last year."""
        if "calendar" not in self.panel:
            return 0
        beyond = self.begin() + self.horizon - 1 - self.last()
        return int(np.clip(beyond, 0, self.horizon).sum())

    def starts(self) -> pd.DataFrame:
        """Rows from which the paths start."""
        return self.panel.iloc[self.row].reset_index(drop=True)

    def calendar(self, months: npt.ArrayLike) -> IntArray:
        """Calendar month in months of the path, shape (path, month).

        Beyond the last month of the panel its last twelve months come again and again: the season
        goes on, and the level is that of the last year. So they do for what leads tell of the
        months after the end of a path.

        Examples
        --------
        >>> panel = pd.DataFrame({"person": [0] * 12, "calendar": range(420, 432)})
        >>> Paths(panel, np.array([10]), 4, {}).calendar([0, 1, 2, 3, 4, 14, 15]).tolist()
        [[429, 430, 431, 420, 421, 431, 420]]
        """
        last = self.last()
        month = self.begin()[:, None] + np.asarray(months, dtype=np.int64) - 1
        return np.where(month <= last, month, last - (last - month) % _YEAR)

    def frame(self) -> pd.DataFrame:
        """The paths as a panel: a row per path and month, all of them with the exit ``stay``.

        Returns
        -------
        DataFrame
            The columns of the panel. ``month`` and ``calendar`` advance, ``entry`` counts the
            months before the start, everything else is that of the start.
        """
        rows = self.panel.iloc[np.repeat(self.row, self.horizon)].reset_index(drop=True)
        begin = rows["month"].to_numpy(dtype=np.int64)
        counts = {"month": begin + self.month - 1, "entry": begin - 1}
        if "calendar" in rows:
            counts["calendar"] = self.calendar(np.arange(1, self.horizon + 1)).ravel()
        for name, values in counts.items():
            rows[name] = pd.Series(values).astype(rows[name].dtype)
        levels = rows["exit"].cat.categories
        rows["exit"] = pd.Categorical.from_codes(
            np.full(len(rows), levels.get_loc("stay"), dtype=np.int8), levels
        )
        return rows

    def part(self, selected: slice) -> Paths:
        """Some of the paths."""
        return replace(self, row=self.row[selected])

    def begin(self) -> IntArray:
        """Calendar month of every start, shape (path,)."""
        return self.panel["calendar"].to_numpy(dtype=np.int64)[self.row]

    def last(self) -> int:
        """Last calendar month of the panel."""
        return int(self.panel["calendar"].max())


def paths(
    panel: pd.DataFrame,
    rows: IntArray,
    *,
    horizon: int = 24,
    beyond: Beyond = "repeat",
    each: Each = "person",
) -> Paths:
    """Paths of so many months from rows of a panel.

    Parameters
    ----------
    panel : DataFrame
        As in :mod:`hazard.data.contracts`; without ``calendar`` no month is beyond the panel.
    rows : ndarray of int64
        Positions of the starts, ascending: :func:`first_rows`, :func:`rows_of_month`, or some of
        them.
    horizon : int
        Months, the first one included.
    beyond : {"repeat", "leave_out", "refuse"}
        Of paths that go on after the last calendar month of the panel: its last twelve months come
        again, events included; the path is left out, and counted; or an error.
    each : {"person", "row"}
        What a path is one of: a person, who then has one start at most, or a row.

    Returns
    -------
    Paths

    Raises
    ------
    EstimandError
        If no path is left, the rows are not as they must be, a path goes beyond the panel and that
        is refused, or twelve months are to come again of a panel that has fewer.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 4], "entry": [0, 0, 3],
    ...                       "sex": ["f", "f", "m"]})
    >>> panel["exit"] = pd.Categorical(["stay", "assisted", "stay"], ["stay", "assisted"])
    >>> frame = paths(panel, first_rows(panel), horizon=3).frame()
    >>> frame[["person", "month", "entry", "sex"]].values.tolist()[2:4]
    [[0, 3, 0, 'f'], [1, 4, 3, 'm']]
    >>> set(frame["exit"])
    {'stay'}
    """
    _check_rows(panel, rows, horizon, each)
    all_paths = Paths(panel, np.asarray(rows, dtype=np.int64), horizon, {})
    if "calendar" not in panel:
        return all_paths
    goes_on = all_paths.begin() + horizon - 1 > all_paths.last()
    if beyond == "repeat":
        _check_year(panel, goes_on)
        return all_paths
    if beyond == "refuse" and goes_on.any():
        raise EstimandError(
            "paths must end with the last calendar month of the panel; got later ends of "
            f"{goes_on.sum():,} of {len(rows):,} paths. Shorten the horizon, repeat the last year, "
            "or leave these paths out."
        )
    within = replace(
        all_paths,
        row=all_paths.row[~goes_on],
        left_out={"path beyond the last month of the panel": int(goes_on.sum())},
    )
    if not len(within.row):
        raise EstimandError(
            f"paths must be at least one; all {len(rows):,} go on after the last calendar month of "
            "the panel. Shorten the horizon, or repeat the last year."
        )
    return within


def first_rows(panel: pd.DataFrame, among: IntArray | None = None) -> IntArray:
    """Position of the first row of every person.

    Parameters
    ----------
    panel : DataFrame
        Sorted by person and month.
    among : ndarray of int64, optional
        Positions to choose from, ascending, such as the ``row`` of a design: the rows with a known
        history.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 1]})
    >>> first_rows(panel).tolist(), first_rows(panel, np.array([1, 2, 3])).tolist()
    ([0, 2], [1, 2])
    """
    rows = np.arange(len(panel)) if among is None else np.asarray(among, dtype=np.int64)
    return rows[is_first(panel["person"].to_numpy()[rows])]


def rows_of_month(panel: pd.DataFrame, calendar: int) -> IntArray:
    """Positions of the rows of a calendar month: of all who are at risk then.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "calendar": [420, 421, 421]})
    >>> rows_of_month(panel, 421).tolist()
    [1, 2]
    """
    return np.flatnonzero(panel["calendar"].to_numpy() == calendar).astype(np.int64)


def changing_columns(virtual: Paths, columns: Sequence[str] | None = None) -> dict[str, int]:
    """Number of persons on a path who change in a column that the paths hold at the start.

    Parameters
    ----------
    virtual : Paths
    columns : sequence of str, optional
        Columns to look at, such as those of a model; without it all that do not advance by
        themselves.

    Returns
    -------
    dict of str to int
        Without the columns in which nobody changes.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 1], "month": [1, 2, 1, 2], "sex": list("ffmm"),
    ...                       "centre": list("ABAA")})
    >>> changing_columns(Paths(panel, np.array([0, 2]), 24, {}))
    {'centre': 1}
    """
    person = virtual.panel["person"].to_numpy()
    on_path = np.isin(person, person[virtual.row])[1:]
    consecutive = ~is_first(person)[1:] & on_path
    advancing = ["person", "month", "entry", "exit", "calendar"]
    changes = {}
    names = virtual.panel.columns.difference(advancing, sort=False) if columns is None else columns
    for name in names:
        codes, _ = pd.factorize(virtual.panel[name])
        changed: BoolArray = consecutive & (codes[1:] != codes[:-1])
        changes[str(name)] = len(np.unique(person[1:][changed]))
    return {name: n for name, n in changes.items() if n}


def _check_rows(panel: pd.DataFrame, rows: IntArray, horizon: int, each: Each) -> None:
    if horizon < 1:
        raise EstimandError(f"paths must have a horizon of at least 1 month; got {horizon}.")
    if not len(rows):
        raise EstimandError("paths must start at one row of the panel or more; got none.")
    repeated = ~is_first(panel["person"].to_numpy()[rows]) & (each == "person")
    if repeated.any() or (np.diff(rows) <= 0).any():
        raise EstimandError(
            "paths must start at ascending rows, one of each person; got a person again, or "
            "another order. Take those of first_rows or rows_of_month."
        )


def _check_year(panel: pd.DataFrame, goes_on: BoolArray) -> None:
    n_months = int(panel["calendar"].max() - panel["calendar"].min()) + 1
    if goes_on.any() and n_months < _YEAR:
        raise EstimandError(
            f"panel must cover {_YEAR} months, so that its last year can come again; got "
            f"{n_months}. Shorten the horizon, or leave out the paths that go beyond it."
        )
