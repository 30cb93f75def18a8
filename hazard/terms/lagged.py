"""Effect of what happened some months earlier."""

from __future__ import annotations

import numpy as np

from hazard.spec import LaggedTerm
from hazard.terms.block import Block, FloatArray, IntArray


def build(term: LaggedTerm, history: FloatArray) -> tuple[Block, IntArray]:
    """Block with one level per distinct history and one coefficient per lag.

    Parameters
    ----------
    term : LaggedTerm
    history : ndarray, shape (row, lag)
        Indicators, counts or rates; lags ascend, leads before lag 0. Rates have about as many
        distinct histories as there are rows, so that hardly any rows are equal.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> block, index = build(term, np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
    >>> index.tolist(), block.basis.tolist()
    ([1, 0, 1], [[0.0, 0.0], [0.0, 1.0]])
    """
    patterns, index = _patterns(np.asarray(history, dtype=np.float64))
    lags = np.arange(term.lags[0], term.lags[1] + 1)
    return Block(
        name=term.name,
        kind=term.kind,
        levels=np.arange(len(patterns)),
        coefficients=lags,
        basis=patterns,
        prior=term.prior,
    ), index


def _patterns(history: FloatArray) -> tuple[FloatArray, IntArray]:
    """Distinct rows and the position of each row among them, column by column."""
    code = np.zeros(len(history), dtype=np.int64)
    for values in history.T:
        levels, index = np.unique(values, return_inverse=True)
        _, code = np.unique(code * len(levels) + index, return_inverse=True)
    _, first = np.unique(code, return_index=True)
    return history[first], code
