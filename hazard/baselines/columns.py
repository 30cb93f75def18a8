"""Which columns of a design matrix can be estimated, and the inverse of their cross-products."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from hazard.arrays import BoolArray, FloatArray
from hazard.model.likelihood import Rows, cross_product


def independent_columns(
    data: Rows, *, among: BoolArray | None = None, tolerance: float = 1e-9
) -> BoolArray:
    """Which columns of the design matrix are no combination of the others kept.

    Parameters
    ----------
    data : Rows
    among : ndarray of bool, shape (coefficient,), optional
        Columns to look at; the others are not kept.
    tolerance : float

    Returns
    -------
    ndarray of bool, shape (coefficient,)
        Never-exposed columns are dependent; see :func:`independent`. The intercept is always kept:
        of columns that add up to it, another is left out.
    """
    [gram] = cross_product(data, data.weight[:, None])
    keep = np.ones(len(gram), dtype=bool) if among is None else among.copy()
    size = np.sqrt(np.diag(gram))
    level = data.blocks[0].kind == "intercept" and bool(keep[0]) and bool(size[0] > 0)
    if level:  # what a column has beyond its mean: no term takes the place of the intercept
        gram = gram - np.outer(gram[:, 0], gram[0]) / gram[0, 0]
        keep[0] = False
    keep[keep] = independent(gram[np.ix_(keep, keep)], size[keep], tolerance)
    keep[0] |= level
    return keep


def independent(gram: FloatArray, size: FloatArray, tolerance: float = 1e-9) -> BoolArray:
    """Which columns, of which ``gram`` has the cross-products, are no combination of those kept.

    Parameters
    ----------
    gram : ndarray, shape (column, column)
    size : ndarray, shape (column,)
        Root of the sum of squares of each column before anything was taken out of it: what is left
        of it is judged by this.
    tolerance : float

    Returns
    -------
    ndarray of bool, shape (column,)
        Pivoted QR of the scaled cross-products decides.

    Examples
    --------
    >>> independent(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([1.0, 2.0])).sum()
    np.int64(1)
    """
    keep = np.zeros(len(size), dtype=bool)
    if not len(size):
        return keep
    safe = np.where(size > 0, size, 1.0)
    _, upper, order = scipy.linalg.qr(gram / np.outer(safe, safe), pivoting=True, mode="economic")
    diagonal = np.abs(np.diag(upper))
    keep[order[diagonal > tolerance * max(diagonal[0], 1.0)]] = True
    return keep


def inverse(gram: FloatArray) -> FloatArray:
    """Inverse of cross-products or of an information, whatever the units of the columns.

    Parameters
    ----------
    gram : ndarray, shape (column, column)
        Symmetric and positive definite.

    Returns
    -------
    ndarray, same shape
        Inverse of the correlations, brought back: of an age in seconds beside a share of one, the
        plain inverse has no correct digit.

    Examples
    --------
    >>> inverse(np.array([[4.0**30, 0.0], [0.0, 4.0**-30]])).diagonal() * [4.0**30, 4.0**-30]
    array([1., 1.])
    """
    size = sizes(gram)
    return np.asarray(np.linalg.inv(gram / np.outer(size, size)) / np.outer(size, size))


def sizes(gram: FloatArray) -> FloatArray:
    """Root of the diagonal, 1 where that is 0, shape (column,).

    Examples
    --------
    >>> sizes(np.diag([4.0, 0.0])).tolist()
    [2.0, 1.0]
    """
    diagonal = np.diag(gram)
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
