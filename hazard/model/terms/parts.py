"""All terms of a model as blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.model.terms import baseline, calendar, covariate, group, lagged
from hazard.model.terms.block import Block
from hazard.spec import ModelSpec, Term
from hazard.spec.intercept import InterceptPrior

Part = tuple[Block, IntArray]


def parts(
    spec: ModelSpec,
    rows: pd.DataFrame,
    histories: Mapping[str, FloatArray],
    frozen: Mapping[str, Block],
) -> list[Part]:
    """Blocks of a model with the level of every row, those with an identity basis last.

    Parameters
    ----------
    spec : ModelSpec
    rows : DataFrame
    histories : mapping of str to ndarray, shape (row, lag)
    frozen : mapping of str to Block
        Blocks of an earlier panel, by name, whose levels and constants are kept; or empty.

    Returns
    -------
    list of (Block, ndarray of int64)
        A term with several blocks has them one after the other.
    """
    blocks = [_intercept(spec.outcome.intercept, len(rows))]
    for term in spec.term:
        blocks += _of_term(term, rows, histories, frozen)
    return sorted(blocks, key=lambda part: part[0].basis is None)


def _intercept(prior: InterceptPrior, n_rows: int) -> Part:
    block = Block(
        name="intercept",
        kind="intercept",
        levels=np.array(["all"]),
        coefficients=np.array(["intercept"]),
        basis=np.ones((1, 1)),
        prior=prior,
    )
    return block, np.zeros(n_rows, dtype=np.int64)


def _of_term(
    term: Term,
    rows: pd.DataFrame,
    histories: Mapping[str, FloatArray],
    frozen: Mapping[str, Block],
) -> list[Part]:
    before = frozen.get(term.name)
    if term.kind == "baseline":
        return [baseline.build(term, rows)]
    if term.kind == "calendar":
        return [calendar.build(term, rows, before)]
    if term.kind == "covariate":
        return [covariate.build(term, rows, before)]
    if term.kind == "group":
        return [group.build(term, rows, before)]
    common = lagged.build(term, histories[term.name], before)
    if term.varies_by is None:
        return [common]
    before = frozen.get(term.varying_name or "")
    return [common, lagged.differences(term.varies_by, *common, rows, before)]
