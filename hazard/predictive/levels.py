"""Groupings of the rows by which a check looks at them; levels of few persons are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.disclosure import POOLED, n_different, pairs_of, small_levels
from hazard.model.terms.block import column
from hazard.model.terms.group import combinations

ALL, MONTH = "all", "month"
_MOST_QUARTERS = 40


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way to divide the rows.

    Attributes
    ----------
    name : str
        ``ALL``, a column of the panel, ``MONTH`` (at risk), ``"quarter"`` or ``"year"``.
    levels : tuple of str
        In the order of the column or of time; ``POOLED`` is the last.
    code : ndarray of int64, shape (row,)
        Level of every row.
    n_persons : ndarray of int64, shape (level,)
        Persons with a row in the level; a person may have rows in several.
    follows : bool
        Whether persons are followed through the months of a level, so that there is a cumulative
        incidence; not so of levels that are periods themselves.
    """

    name: str
    levels: tuple[str, ...]
    code: IntArray
    n_persons: IntArray
    follows: bool


def groupings(rows: pd.DataFrame, by: Sequence[str], min_persons: int) -> tuple[Grouping, ...]:
    """All rows together, then by columns, by month at risk and by calendar time.

    Parameters
    ----------
    rows : DataFrame
        Rows at risk, with ``person``, ``month`` and the columns of ``by``; with ``calendar`` there
        is a grouping by quarter or, where there are more than 40, by year.
    by : sequence of str
        Columns with a level per row. ``"calendar"`` is passed over: it has a grouping anyway.
    min_persons : int
        Fewest persons of a level that is shown by itself. Smaller ones are put together; while
        they have fewer persons than this in all, the next smallest joins them.

    Returns
    -------
    tuple of Grouping
        A grouping of which only one level is left says what ``ALL`` says, and is left out.

    Raises
    ------
    DesignError
        If a column of ``by`` is not there, or a value is missing.

    Examples
    --------
    >>> rows = pd.DataFrame({"person": [0, 0, 1, 2, 3], "month": [1, 2, 1, 1, 1],
    ...                      "centre": ["A", "A", "A", "B", "C"]})
    >>> everybody, centre = groupings(rows, ["centre"], min_persons=2)
    >>> centre.levels, centre.n_persons.tolist(), centre.code.tolist()
    (('A', 'smaller ones'), [2, 2], [0, 0, 0, 1, 1])
    """
    person = pd.factorize(rows["person"])[0].astype(np.int64)
    one_level = np.zeros(len(rows), dtype=np.int64)
    candidates = [_grouping(ALL, np.array(["all"]), one_level, person, 0)]
    columns = [name for name in dict.fromkeys(by) if name != "calendar"]
    candidates += [
        _grouping(name, *combinations((name,), rows), person, min_persons) for name in columns
    ]
    code, months = pd.factorize(column(rows, "month"), sort=True)
    candidates.append(_grouping(MONTH, np.asarray(months).astype(str), code, person, min_persons))
    if "calendar" in rows:
        candidates.append(_grouping(*_calendar(rows), person, min_persons))
    return tuple(
        grouping for grouping in candidates if grouping.name == ALL or len(grouping.levels) > 1
    )


def _calendar(rows: pd.DataFrame) -> tuple[str, npt.NDArray[np.str_], IntArray]:
    labels, code = combinations(("quarter",), rows)
    if len(labels) <= _MOST_QUARTERS:
        return "quarter", labels, code
    return "year", *combinations(("year",), rows)


def _grouping(
    name: str, labels: npt.NDArray[np.str_], code: IntArray, person: IntArray, min_persons: int
) -> Grouping:
    pairs = pairs_of(code, person)
    n_persons = np.bincount(pairs[:, 0], minlength=len(labels))
    small = small_levels(code, person, min_persons)
    if small.any():  # those that the panel puts together stay together
        small |= labels == POOLED
    levels = [str(label) for label in labels[~small]]
    position = np.where(small, len(levels), np.cumsum(~small) - 1)
    sizes = n_persons[~small].tolist()
    if small.any():
        levels.append(POOLED)
        sizes.append(n_different(pairs, small))
    return Grouping(
        name=name,
        levels=tuple(levels),
        code=position[code].astype(np.int64),
        n_persons=np.array(sizes, dtype=np.int64),
        follows=name not in (MONTH, "quarter", "year"),
    )
