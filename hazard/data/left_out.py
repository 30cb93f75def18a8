"""How much was left out and why: persons, rows and exits, by reason."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]


class LeftOut(NamedTuple):
    """How much was left out for one reason: persons, rows, and exits among the rows.

    A person counts where nothing of them is left after the reason, in the order of the reasons:
    persons, rows and exits before are those after and those that were left out.
    """

    persons: int
    rows: int
    exits: int


def _persons_gone(person: pd.Series, reasons: Sequence[Flags]) -> list[int]:
    """Persons of whom nothing is left after each of some reasons, one after the other."""
    codes = pd.factorize(person)[0]
    remaining = np.ones(len(codes), dtype=bool)
    n_remaining = [len(np.unique(codes))]
    for excluded in reasons:
        remaining &= ~excluded
        n_remaining.append(len(np.unique(codes[remaining])))
    return [before - after for before, after in itertools.pairwise(n_remaining)]


def by_reason(person: pd.Series, reasons: Mapping[str, Flags], leaves: Flags) -> dict[str, LeftOut]:
    """How much each reason leaves out; nothing of one that leaves out no row.

    Parameters
    ----------
    person : Series
    reasons : mapping of str to ndarray of bool, shape (row,)
        Rows that each reason leaves out; a row has one reason at most.
    leaves : ndarray of bool, shape (row,)
        Whether the row has an exit.

    Examples
    --------
    >>> rows, leaves = pd.Series(["a", "b", "b"]), np.array([True, False, True])
    >>> reasons = {"one": leaves < 1, "two": leaves, "none": leaves & ~leaves}
    >>> for reason, counts in by_reason(rows, reasons, leaves).items():
    ...     print(reason, *counts)
    one 0 1 0
    two 2 2 2
    """
    n_persons = _persons_gone(person, [*reasons.values()])
    return {
        reason: LeftOut(persons, int(excluded.sum()), int(leaves[excluded].sum()))
        for (reason, excluded), persons in zip(reasons.items(), n_persons, strict=True)
        if excluded.any()
    }
