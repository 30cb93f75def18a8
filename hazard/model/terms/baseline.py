"""Effect of the time since the start of risk."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.interpolate import BSpline

from hazard.arrays import FloatArray, IntArray
from hazard.model.terms.block import Block, column, contrasts
from hazard.spec import BaselineTerm, Spline


def build(term: BaselineTerm, rows: pd.DataFrame) -> tuple[Block, IntArray]:
    """Block with one level per interval or month at risk, relative to the first.

    Notes
    -----
    Levels and coefficients follow from the term alone, so that every panel has the same.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = BaselineTerm(kind="baseline", breaks=(1, 3), prior=prior)
    >>> block, index = build(term, pd.DataFrame({"month": [1, 2, 3, 9]}))
    >>> index.tolist(), block.levels.tolist()
    ([0, 0, 1, 1], ['1-2', '3+'])
    >>> line = BaselineTerm(kind="baseline", spline={"knots": (1, 5), "degree": 1}, prior=prior)
    >>> block, index = build(line, pd.DataFrame({"month": [1, 2, 9]}))
    >>> block.coefficients.tolist(), block.basis[index].tolist()
    (['5'], [[0.0], [0.25], [1.0]])
    """
    starts = np.array(term.starts, dtype=np.int64)
    last = [f"{b}" if b + 1 == n else f"{b}-{n - 1}" for b, n in pairwise(starts)]
    levels = np.array([*last, f"{starts[-1]}+"])
    block = Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=levels[1:] if term.spline is None else _peaks(term.spline),
        basis=contrasts(len(levels)) if term.spline is None else splines(term.spline, starts),
        prior=term.prior,
        starts=starts,
    )
    return block, level_of_month(block, column(rows, "month").to_numpy())


def level_of_month(block: Block, months: npt.ArrayLike) -> IntArray:
    """Level of a baseline that applies in each month at risk.

    Parameters
    ----------
    block : Block
        Of a baseline.
    months : array_like of int, shape (n,)
        From 1.

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = BaselineTerm(kind="baseline", months=3, prior=prior)
    >>> block, _ = build(term, pd.DataFrame({"month": [1]}))
    >>> level_of_month(block, [1, 2, 3, 24]).tolist(), block.levels.tolist()
    ([0, 1, 2, 2], ['1', '2', '3+'])
    """
    if block.starts is None:
        raise TypeError(f"block {block.name!r} is not a baseline")
    return np.searchsorted(block.starts, np.asarray(months), side="right").astype(np.int64) - 1


def splines(spline: Spline, months: npt.ArrayLike) -> FloatArray:
    """B-splines in every month, without the one that is 1 in month 1.

    Parameters
    ----------
    spline : Spline
    months : array_like of int, shape (month,)

    Returns
    -------
    ndarray, shape (month, knots + degree - 2)
        All 0 in month 1, and constant beyond the last knot.

    Notes
    -----
    With the boundary knots repeated, B-splines are positive, sum to 1 in every month, and only the
    first one differs from 0 in month 1; without it the curve is 0 there, so that the intercept is
    that of month 1. A random walk over the coefficients, from that 0 on, makes a P-spline: the
    smaller its steps, the smoother the curve. The steps are from spline to spline, whatever the
    distance of the knots, so that the curve bends more easily where knots are dense.

    References
    ----------
    .. [1] Eilers and Marx (1996), Flexible smoothing with B-splines and penalties, Statistical
       Science 11(2).

    Examples
    --------
    >>> splines(Spline(knots=(1, 3, 5), degree=1), [1, 2, 3, 4, 5, 60])
    array([[0. , 0. ],
           [0.5, 0. ],
           [1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ],
           [0. , 1. ]])
    """
    inside = np.minimum(np.asarray(months, dtype=np.float64), spline.knots[-1])
    basis = BSpline.design_matrix(inside, _repeated(spline), spline.degree).toarray()
    return np.asarray(basis[:, 1:], dtype=np.float64)


def _repeated(spline: Spline) -> FloatArray:
    """Knots with those of the boundary as often as the degree asks for."""
    ends = spline.degree
    return np.pad(np.array(spline.knots, dtype=np.float64), (ends, ends), mode="edge")


def _peaks(spline: Spline) -> npt.NDArray[np.str_]:
    """Month around which each spline is largest: the mean of its inner knots."""
    knots = _repeated(spline)
    n = len(spline.knots) + spline.degree - 1
    means = [knots[k + 1 : k + 1 + spline.degree].mean() for k in range(1, n)]
    return np.array([f"{mean:.2f}".rstrip("0").rstrip(".") for mean in means])
