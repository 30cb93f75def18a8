"""Whether a likelihood rises without end, in which direction, and what its limit identifies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from scipy import optimize, sparse

from hazard.arrays import BoolArray, FloatArray
from hazard.errors import ConvergenceError

_ROUNDING = 1e-9
_STRICT = 0.5


@dataclass(frozen=True, eq=False)
class Recession:
    """Where a log-likelihood never falls, however far one goes.

    Attributes
    ----------
    strict : ndarray of bool, shape (comparison,)
        Comparisons that are won by ever more, and that say nothing in the limit.
    direction : ndarray, shape (coefficient,)
        A direction of the coefficients in which all of these are won.
    """

    strict: BoolArray
    direction: FloatArray


def recession(won: Any, tied: Any) -> Recession:
    """The comparisons that some coefficients always win, and a direction that wins them all.

    Parameters
    ----------
    won : sparse array, shape (comparison, coefficient)
        Covariates of what happened less those of what could have happened instead.
    tied : sparse array, shape (tie, coefficient)
        Differences between what happened and happened too.

    Returns
    -------
    Recession
        Without a strict comparison the likelihood has a maximum.

    Raises
    ------
    ConvergenceError
        If the linear program has no solution within its limits.

    Notes
    -----
    A log-likelihood that is a sum of -log(sum of exp(-a'b)) over comparisons a never falls along d
    where a'd >= 0 for all of them, and rises without end where one is above 0 [1]_. Such
    directions are a cone, so that the linear program: maximise the sum of s subject to a'd >= s,
    0 <= s <= 1, and d'tied = 0, has s = 1 for every comparison that any direction wins. The
    others are the rows of the likelihood in the limit, which has a maximum [2]_.

    References
    ----------
    .. [1] Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
       regression models, Biometrika 71(1).
    .. [2] Geyer (2009), Likelihood inference in exponential families and directions of recession,
       Electronic Journal of Statistics 3.

    Examples
    --------
    The first coefficient wins two comparisons, and the second is won in one and lost in one:

    >>> won = sparse.csr_array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> separated = recession(won, sparse.csr_array((0, 2)))
    >>> separated.strict.tolist(), np.sign(separated.direction).tolist()
    ([True, True, False, False], [1.0, 0.0])
    """
    reach = np.asarray(abs(sparse.vstack([won, tied])).max(axis=0).toarray()).ravel()
    scale = sparse.diags_array(1 / np.where(reach > 0, reach, 1.0))
    distinct, position = _distinct((won @ scale).toarray())
    n, p = distinct.shape
    solution = optimize.linprog(
        c=np.append(np.zeros(p), -np.ones(n)),
        A_ub=sparse.hstack([-sparse.csr_array(distinct), sparse.eye_array(n)], format="csr"),
        b_ub=np.zeros(n),
        A_eq=sparse.hstack([tied @ scale, sparse.csr_array((tied.shape[0], n))], format="csr"),
        b_eq=np.zeros(tied.shape[0]),
        bounds=[(None, None)] * p + [(0.0, 1.0)] * n,
        method="highs",
    )
    if solution.x is None:
        raise ConvergenceError(
            "likelihood must have a maximum, or directions in which it rises without end; neither "
            "was found. Leave out a term that separates an exit."
        )
    direction = np.where(np.abs(solution.x[:p]) > _ROUNDING, solution.x[:p], 0.0)
    return Recession(solution.x[p:][position] > _STRICT, scale @ direction)


def finite(information: FloatArray) -> BoolArray:
    """Coefficients that are identified, whatever values the others take.

    Parameters
    ----------
    information : ndarray, shape (coefficient, coefficient)
        Of the likelihood in the limit, with columns scaled so that one comparison has about 1: what
        is smaller than rounding of that is 0, also where nothing is identified at all.

    Returns
    -------
    ndarray of bool, shape (coefficient,)
        Those that have no part in the null space of the information.

    Examples
    --------
    >>> finite(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])).tolist()
    [False, False, True]
    >>> finite(np.array([[1e-15]])).tolist()
    [False]
    """
    values, vectors = scipy.linalg.eigh(information)
    null = vectors[:, values <= _ROUNDING * max(float(values.max(initial=0.0)), 1.0)]
    return np.asarray(np.abs(null).max(axis=1, initial=0.0) < _ROUNDING**0.5)


def _distinct(rows: FloatArray) -> tuple[FloatArray, Any]:
    """Rows that differ, with the place of every row among them."""
    unique, position = np.unique(rows, axis=0, return_inverse=True)
    return unique, position.ravel()
