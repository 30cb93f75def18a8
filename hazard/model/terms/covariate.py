"""Effect of a column of the panel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data import cells, disclosure
from hazard.data.contracts import numeric
from hazard.errors import DesignError, did_you_mean
from hazard.model.terms.block import Block, column, contrasts, place
from hazard.spec import CovariateTerm


def build(
    term: CovariateTerm, rows: pd.DataFrame, frozen: Block | None = None
) -> tuple[Block, IntArray]:
    """Block of a numeric column (one coefficient, per unit) or of levels (contrasts).

    A numeric column is centred at its mean over first rows of persons, so that the intercept is
    that of an average person; the centre is kept with the block. With a reference its numbers are
    levels, a whole number called as it is written without a point: ``1``.

    Parameters
    ----------
    term : CovariateTerm
    rows : DataFrame
    frozen : Block, optional
        The block of an earlier panel, whose centre or levels are kept.

    Raises
    ------
    DesignError
        If the column is missing, the reference is not one of its levels or comes with numbers that
        are no levels (fractions, or more than thirty), or a text is not one of the levels of the
        frozen block.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = CovariateTerm(kind="covariate", column="age", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"person": [0, 0, 1], "age": [20.0, 20.0, 30.0]}))
    >>> block.basis[index, 0].tolist()
    [-5.0, -5.0, 5.0]
    >>> term = CovariateTerm(kind="covariate", column="sex", reference="1", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"person": [0, 1], "sex": [0, 1]}))
    >>> block.coefficients.tolist(), block.basis[index, 0].tolist()
    (['0'], [1.0, 0.0])
    """
    values = column(rows, term.column)
    if numeric(values) and term.reference is None:
        return _numeric(term, values, rows, frozen)
    if problems := cells.not_levels(f"panel column {term.column!r}", values):
        raise DesignError("\n".join(problems))
    labels, index = levels(values, rows)
    if frozen is None:
        frozen = _levels(term, labels, rows)
    return frozen, place(labels, index, frozen, rows)


def levels(values: pd.Series, rows: pd.DataFrame) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Labels of a column that occur, in order, and the one of every row.

    Examples
    --------
    >>> names, index = levels(pd.Series([1, 0, 1], name="sex"), pd.DataFrame({"sex": [1, 0, 1]}))
    >>> names.tolist(), index.tolist()
    (['0', '1'], [1, 0, 1])
    """
    labels, index = np.unique(cells.labels(values).to_numpy(dtype=str), return_inverse=True)
    return disclosure.pooled_levels(labels, index.astype(np.int64), rows, [str(values.name)])


def _numeric(
    term: CovariateTerm, values: pd.Series, rows: pd.DataFrame, frozen: Block | None
) -> tuple[Block, IntArray]:
    levels, index = np.unique(values.to_numpy(dtype=np.float64), return_inverse=True)
    if frozen is None:
        first = ~rows["person"].duplicated().to_numpy()
        centre = math.fsum(levels[index[first]]) / int(first.sum())  # the same in any order
    else:
        centre = frozen.centre
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=np.array([term.column]),
        basis=(levels - centre)[:, None],
        prior=term.prior,
        centre=centre,
    ), index


def _levels(term: CovariateTerm, known: npt.NDArray[np.str_], rows: pd.DataFrame) -> Block:
    reference = known[0] if term.reference is None else term.reference
    if reference not in known:
        common_levels = disclosure.common(rows[term.column], rows["person"])
        raise DesignError(
            f"term {term.name!r} reference must be one of its {len(known):,} levels; got "
            f"{reference!r}.{did_you_mean(reference, common_levels)}"
        )
    ordered = known[np.argsort(known != reference, kind="stable")]
    return Block(
        name=term.name,
        kind=term.kind,
        levels=ordered,
        coefficients=ordered[1:],
        basis=contrasts(len(ordered)),
        prior=term.prior,
    )
