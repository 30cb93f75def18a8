"""Effect of calendar time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.months import year_of
from hazard.spec import CalendarTerm
from hazard.terms.block import Block, IntArray, column, contrasts


def build(term: CalendarTerm, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    """Block with one level per calendar year, relative to the first.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = CalendarTerm(kind="calendar", by="year", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"calendar": [420, 432, 433]}))
    >>> index.tolist(), block.coefficients.tolist()
    ([0, 1, 1], [2006])
    """
    levels, index = np.unique(year_of(column(rows, "calendar").to_numpy()), return_inverse=True)
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=levels[1:],
        basis=contrasts(len(levels)),
        prior=term.prior,
    ), index
