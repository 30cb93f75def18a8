"""Effect of a column of the panel."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.errors import DesignError, did_you_mean
from hazard.spec import CovariateTerm
from hazard.terms.block import Block, IntArray, column, contrasts


def build(term: CovariateTerm, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    """Block of a numeric column (one coefficient, per unit) or of a text column (contrasts).

    A numeric column is centred at its mean over first rows of persons, so that the intercept is
    that of an average person; the centre is seen in the basis.

    Raises
    ------
    DesignError
        If the column is missing, or the reference is not one of its levels.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = CovariateTerm(kind="covariate", column="age", prior=prior)
    >>> block, index = build(term, pd.DataFrame({"person": [0, 0, 1], "age": [20.0, 20.0, 30.0]}))
    >>> block.basis[index, 0].tolist()
    [-5.0, -5.0, 5.0]
    """
    values = column(rows, term.column)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return _numeric(term, values, rows)
    return _levels(term, values)


def _numeric(term: CovariateTerm, values: pd.Series, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    levels, index = np.unique(values.to_numpy(dtype=np.float64), return_inverse=True)
    first = ~rows["person"].duplicated().to_numpy()
    centre = float(levels[index[first]].mean())
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=np.array([term.column]),
        basis=(levels - centre)[:, None],
        prior=term.prior,
    ), index


def _levels(term: CovariateTerm, values: pd.Series) -> tuple[Block, IntArray]:
    levels, index = np.unique(values.astype(str).to_numpy(dtype=str), return_inverse=True)
    reference = levels[0] if term.reference is None else term.reference
    if reference not in levels:
        raise DesignError(
            f"term {term.name!r} reference must be one of its levels {levels.tolist()}; "
            f"got {reference!r}.{did_you_mean(reference, levels)}"
        )
    order = np.argsort(levels != reference, kind="stable")
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels[order],
        coefficients=levels[order][1:],
        basis=contrasts(len(levels)),
        prior=term.prior,
    ), np.argsort(order)[index]
