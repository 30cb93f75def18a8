"""Whom a result is about: at least ten persons, or nobody.

Counts are of different persons, never of rows. A level of a column, or of a combination of
columns, with fewer persons than ten is put together with the others of its kind, under one name,
before anything is computed: no coefficient, curve, remark or coordinate of it comes into being.
While those together have fewer than ten, the next smallest level joins them, so that nothing is
reported of a few persons by taking the others away. Periods of calendar time and months at risk are
left as they are.

A panel carries the levels that are put together in its ``attrs``; its columns stay as they are, for
what happens around a person is looked up in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.data import cells
from hazard.data.contracts import Flags, Integers
from hazard.errors import DisclosureError

SMALLEST = 10
"""Fewest persons about whom anything is reported."""
POOLED = "smaller ones"
"""Name of the levels that are put together."""
BETWEEN = " × "
"""Between the columns, and the labels, of a combination."""
Levels = tuple[npt.NDArray[np.str_], Integers]
_CARRIED = "small_levels"


def refuse_few(n_persons: int, subject: str) -> None:
    """Raise when something would be about fewer than ten persons.

    Raises
    ------
    DisclosureError
        Without their number, which is itself about them.

    Examples
    --------
    >>> refuse_few(10, "run")
    """
    if n_persons < SMALLEST:
        raise DisclosureError(
            f"{subject} must be about at least {SMALLEST} persons; got fewer. Ask for more levels, "
            "or for other data."
        )


def small_levels(code: Integers, person: Integers, least: int = SMALLEST) -> Flags:
    """Which levels are put together: those of few persons, and what they need to be enough.

    Parameters
    ----------
    code : ndarray of int64, shape (row,)
        Level of every row, from 0.
    person : ndarray of int64, shape (row,)
        Person of every row, from 0; a person may have rows in several levels.
    least : int

    Returns
    -------
    ndarray of bool, shape (level,)
        Without small levels none; else the chosen levels have at least so many different persons
        together, or they are all levels.

    Examples
    --------
    Levels of 3, 2 and 1 persons.

    >>> small_levels(np.array([0, 0, 0, 1, 1, 2]), np.arange(6), least=2).tolist()
    [False, True, True]
    """
    pairs = pairs_of(code, person)
    n_persons = np.bincount(pairs[:, 0], minlength=int(code.max()) + 1)
    small = np.asarray(n_persons < least)
    if not small.any():
        return small
    for level in np.argsort(n_persons, kind="stable"):
        if not small[level] and n_different(pairs, small) >= least:
            break
        small[level] = True
    return small


def pairs_of(code: Integers, person: Integers) -> Integers:
    """Different pairs of a level and a person, shape (pair, 2)."""
    keys = pd.unique(code * (person.max() + 1) + person)
    return np.column_stack(np.divmod(keys, person.max() + 1))


def n_different(pairs: Integers, chosen: Flags) -> int:
    """Different persons in the chosen levels."""
    return len(pd.unique(pairs[chosen[pairs[:, 0]], 1]))


def pooled(panel: pd.DataFrame, column: str) -> pd.Series:
    """Labels of a column of the panel, small levels put together.

    Raises
    ------
    DisclosureError
        As of :func:`small_levels_of`.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": range(31), "centre": ["A"] * 15 + ["B"] * 15 + ["C"]})
    >>> pooled(panel, "centre").value_counts().to_dict()
    {'smaller ones': 16, 'B': 15}
    """
    labels = cells.labels(panel[column])
    code, known = pd.factorize(labels, sort=True)
    if (code < 0).any():
        return labels  # refused where the column is used
    small = _small(column, np.asarray(known, dtype=str), code.astype(np.int64), panel)
    return labels.where(~labels.isin(small), POOLED)


def n_small_levels(panel: pd.DataFrame, levels: Mapping[str, Levels]) -> dict[str, int]:
    """Numbers of levels with fewer than ten persons, by column, where there are any.

    Parameters
    ----------
    panel : DataFrame
        Rows of which a model is, with ``person``.
    levels : mapping of str to (labels, code)
        As of :func:`small_levels_of`.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": range(12)})
    >>> n_small_levels(panel, {"centre": (np.array(["A", "B"]), np.array([0] * 10 + [1] * 2))})
    {'centre': 1}
    """
    person = pd.factorize(panel["person"])[0].astype(np.int64)
    counts = {name: np.bincount(pairs_of(code, person)[:, 0]) for name, (_, code) in levels.items()}
    small = {name: int(((n > 0) & (n < SMALLEST)).sum()) for name, n in counts.items()}
    return {name: number for name, number in small.items() if number}


def small_levels_of(panel: pd.DataFrame, levels: Mapping[str, Levels]) -> dict[str, list[str]]:
    """Small levels of some columns of a panel, or of combinations of columns.

    Parameters
    ----------
    panel : DataFrame
        Rows of which a model is, with ``person``.
    levels : mapping of str to (labels, code)
        By column, or by columns with :data:`BETWEEN` between them: labels, and the one of each row.

    Returns
    -------
    dict of str to list of str
        To be carried by the panel: see :func:`with_small_levels`.

    Raises
    ------
    DisclosureError
        If a column tells who a person is: more than half of the persons have a level that nobody
        else has. Or if all that is left is one level, where there were several.
    """
    small = {name: _small(name, *pair, panel) for name, pair in levels.items()}
    return {name: labels for name, labels in small.items() if labels}


def with_small_levels(panel: pd.DataFrame, small: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The panel, saying which levels are put together; its columns are the same."""
    copy = panel.copy(deep=False)
    copy.attrs = {**panel.attrs, _CARRIED: {name: list(labels) for name, labels in small.items()}}
    return copy


def pooled_levels(
    labels: npt.NDArray[np.str_], index: Integers, panel: pd.DataFrame, parts: Sequence[str]
) -> Levels:
    """Labels and the one of every row, small levels put together where the panel says so.

    Parameters
    ----------
    labels : ndarray of str, shape (label,)
        In order.
    index : ndarray of int64, shape (row,)
    panel : DataFrame
        Rows of a panel as :func:`with_small_levels` made it, or of any other, which says nothing.
    parts : sequence of str
        The columns that the labels are of.

    Returns
    -------
    labels, index
        In order, the name of those together among them.

    Examples
    --------
    >>> rows = pd.DataFrame({"centre": ["A", "B", "C"]})
    >>> rows = with_small_levels(rows, {"centre": ["A", "B"]})
    >>> labels = np.array(["A", "B", "C"])
    >>> labels, index = pooled_levels(labels, np.array([0, 1, 2]), rows, ["centre"])
    >>> labels.tolist(), index.tolist()
    (['C', 'smaller ones'], [1, 1, 0])
    """
    small = panel.attrs.get(_CARRIED, {}).get(BETWEEN.join(parts), ())
    if not small:
        return labels, index
    renamed = np.where(np.isin(labels, list(small)), POOLED, labels.astype(object)).astype(str)
    levels, position = np.unique(renamed, return_inverse=True)
    return levels, position[index].astype(np.int64)


def common(column: pd.Series, person: pd.Series | None = None) -> list[str]:
    """Levels that a sentence may propose: those of at least ten persons.

    Parameters
    ----------
    column : Series
    person : Series, optional
        Whose rows they are; without it each row is of another person.

    Examples
    --------
    >>> common(pd.Series(["A"] * 10 + ["B"] * 10), pd.Series([*range(10), *[0] * 10]))
    ['A']
    """
    labels = cells.labels(column)
    pairs = pd.DataFrame({"label": labels, "person": labels.index if person is None else person})
    number = pairs.dropna(subset=["label"]).drop_duplicates()["label"].value_counts()
    return sorted(str(label) for label in number.index[number >= SMALLEST])


def refuse_rare(name: str, holds: Flags, person: pd.Series) -> None:
    """Raise when a yes or no is rare: it holds for some persons, but for fewer than ten.

    Parameters
    ----------
    name : str
        Of the column.
    holds : ndarray of bool, shape (row,)
    person : Series

    Raises
    ------
    DisclosureError
        One sentence.
    """
    if 0 < person[holds].nunique() < SMALLEST:
        raise DisclosureError(
            f"column {name!r} must have each of its values in at least {SMALLEST} persons; got "
            "fewer with one value, or at one lag. Leave it out of the model file."
        )


def _small(
    name: str, labels: npt.NDArray[np.str_], code: Integers, panel: pd.DataFrame
) -> list[str]:
    if len(labels) < 2:
        return []
    person = pd.factorize(panel["person"])[0].astype(np.int64)
    pairs = pairs_of(code, person)
    alone = np.bincount(pairs[:, 0])[pairs[:, 0]] == 1
    everybody = int(person.max()) + 1
    if BETWEEN not in name and 2 * len(np.unique(pairs[alone, 1])) > everybody:
        raise DisclosureError(
            f"column {name!r} must not tell who a person is; got a level that nobody else has for "
            f"more than half of {everybody:,} persons. Name another column, or join its levels."
        )
    small = small_levels(code, person)
    if small.all():
        raise DisclosureError(
            f"column {name!r} must have two levels of at least {SMALLEST} persons, smaller ones put"
            " together; got one. Join its levels, or leave it out."
        )
    return [str(label) for label in labels[small]]
