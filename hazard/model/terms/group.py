"""Effect of the level of a group, such as the centre."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data import disclosure
from hazard.model.terms.block import Block, column
from hazard.model.terms.calendar import periods
from hazard.spec import PERIODS, GroupTerm


def build(
    term: GroupTerm, rows: pd.DataFrame, frozen: Block | None = None
) -> tuple[Block, IntArray]:
    """Block with one coefficient per level, or combination of levels, that occurs.

    Parameters
    ----------
    term : GroupTerm
    rows : DataFrame
    frozen : Block, optional
        The block of an earlier panel, whose levels come first.

    Examples
    --------
    >>> from hazard.spec.priors.pooled import PooledPrior
    >>> prior = PooledPrior(family="pooled", scale=1.0, reason="an example only")
    >>> term = GroupTerm(kind="group", by="centre", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"centre": ["B", "A", "B"]}))
    >>> index.tolist(), block.levels.tolist()
    ([1, 0, 1], ['A', 'B'])
    >>> build(term, pd.DataFrame({"centre": ["B", "C"]}), block)[0].levels.tolist()
    ['A', 'B', 'C']
    """
    labels, index = combinations(term.parts, rows)
    levels, position = extended(labels, () if frozen is None else frozen.levels)
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=levels,
        basis=None,
        prior=term.prior,
    ), position[index]


def combinations(parts: Sequence[str], rows: pd.DataFrame) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Combinations of levels that occur, in order, and the one of every row.

    Parameters
    ----------
    parts : sequence of str
        Columns, or periods made from the column ``calendar``.
    rows : DataFrame

    Returns
    -------
    labels : ndarray of str, shape (combination,)
    index : ndarray of int64, shape (row,)

    Examples
    --------
    >>> rows = pd.DataFrame({"sex": ["male", "female", "male"], "calendar": [420, 431, 432]})
    >>> labels, index = combinations(["sex", "year"], rows)
    >>> index.tolist(), labels.tolist()
    ([1, 0, 2], ['female × 2005', 'male × 2005', 'male × 2006'])

    A cross in a level is doubled, so that no two combinations have one label:

    >>> rows = pd.DataFrame({"a": ["x", "x × y"], "b": ["y × z", "z"]})
    >>> combinations(["a", "b"], rows)[0].tolist()
    ['x × y ×× z', 'x ×× y × z']
    """
    labels = np.array([""])
    index = np.zeros(len(rows), dtype=np.int64)
    for number, part in enumerate(parts):
        levels, codes = _levels(
            pd.Series(periods(part, rows)) if part in PERIODS else column(rows, part)
        )
        levels = np.char.replace(levels, "×", "××") if len(parts) > 1 else levels
        pair, index = np.unique(index * len(levels) + codes, return_inverse=True)
        left, right = labels[pair // len(levels)], levels[pair % len(levels)]
        labels = right if number == 0 else np.char.add(np.char.add(left, disclosure.BETWEEN), right)
    return disclosure.pooled_levels(labels, index.astype(np.int64), rows, parts)


def extended(
    labels: npt.NDArray[np.str_], before: Sequence[str] | npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Levels of before, then the labels that are new, and the place of every label.

    Examples
    --------
    >>> levels, place = extended(np.array(["A", "B"]), ["B"])
    >>> levels.tolist(), place.tolist()
    (['B', 'A'], [1, 0])
    """
    position = pd.Index(before, dtype=object).get_indexer(pd.Index(labels)).astype(np.int64)
    new = position < 0
    position[new] = len(before) + np.arange(new.sum())
    return np.array([*before, *labels[new]], dtype=str), position


def _levels(values: pd.Series) -> tuple[npt.NDArray[np.str_], IntArray]:
    codes, labels = pd.factorize(values, sort=True)
    return np.asarray(labels).astype(str), codes.astype(np.int64)
