"""Effect of the level of a group, such as the centre."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.spec import GroupTerm
from hazard.terms.block import Block, IntArray, column


def build(term: GroupTerm, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    """Block with one coefficient per level that occurs.

    Examples
    --------
    >>> from hazard.spec import PooledPrior
    >>> prior = PooledPrior(family="pooled", scale=1.0, reason="an example only")
    >>> term = GroupTerm(kind="group", by="centre", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"centre": ["B", "A", "B"]}))
    >>> index.tolist(), block.levels.tolist()
    ([1, 0, 1], ['A', 'B'])
    """
    levels, index = _levels(column(rows, term.by))
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=levels,
        basis=None,
        prior=term.prior,
    ), index


def _levels(values: pd.Series) -> tuple[np.ndarray, IntArray]:
    codes, labels = pd.factorize(values, sort=True)
    return np.asarray(labels).astype(str), codes.astype(np.int64)
