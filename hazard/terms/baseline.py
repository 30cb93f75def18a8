"""Effect of the time since the start of risk."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from hazard.spec import BaselineTerm
from hazard.terms.block import Block, IntArray, column, contrasts


def build(term: BaselineTerm, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    """Block with one level per interval of months at risk, relative to the first.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = BaselineTerm(kind="baseline", breaks=(1, 3), prior=prior)
    >>> block, index = build(term, pd.DataFrame({"month": [1, 2, 3, 9]}))
    >>> index.tolist(), block.levels.tolist()
    ([0, 0, 1, 1], ['1-2', '3+'])
    """
    breaks = np.array(term.breaks)
    index = np.searchsorted(breaks, column(rows, "month").to_numpy(), side="right") - 1
    last = [f"{b}" if b + 1 == n else f"{b}-{n - 1}" for b, n in pairwise(breaks)]
    levels = np.array([*last, f"{breaks[-1]}+"])
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=levels[1:],
        basis=contrasts(len(levels)),
        prior=term.prior,
    ), index
