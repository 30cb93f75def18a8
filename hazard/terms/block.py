"""The record that every term turns into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.errors import DesignError, did_you_mean
from hazard.spec import InterceptPrior, Prior

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
AnyIntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Block:
    """One term of the linear predictor, as a table from levels to coefficients.

    Attributes
    ----------
    name, kind : str
    levels : ndarray, shape (level,)
        Labels of the levels that a row can have.
    coefficients : ndarray, shape (coefficient,)
        Labels of the coefficients.
    basis : ndarray, shape (level, coefficient), or None
        Weight of each coefficient in each level; None stands for the identity matrix.
    prior : Prior, InterceptPrior or None
    """

    name: str
    kind: str
    levels: npt.NDArray[Any]
    coefficients: npt.NDArray[Any]
    basis: FloatArray | None
    prior: Prior | InterceptPrior | None

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.levels)

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients per exit."""
        return len(self.coefficients)

    def matrix(self) -> FloatArray:
        """The basis as a dense array."""
        return np.eye(self.n_levels) if self.basis is None else self.basis

    def reach(self) -> FloatArray:
        """Largest weight of each coefficient, without its sign, shape (coefficient,)."""
        ones = np.ones(self.n_coefficients)
        return ones if self.basis is None else np.abs(self.basis).max(axis=0)


def contrasts(n_levels: int) -> FloatArray:
    """Basis that gives every level but the first a coefficient of its own.

    Examples
    --------
    >>> contrasts(3)
    array([[0., 0.],
           [1., 0.],
           [0., 1.]])
    """
    return np.eye(n_levels)[:, 1:]


def column(rows: pd.DataFrame, name: str) -> pd.Series:
    """Column of the panel that a term names, without missing values.

    Raises
    ------
    DesignError
        If the column is not there, or a value is missing.
    """
    if name not in rows:
        raise DesignError(
            f"panel must have the column {name!r} that the model names; got {list(rows.columns)}."
            + did_you_mean(name, rows.columns)
        )
    missing = rows[name].isna().to_numpy()
    if missing.any():
        raise DesignError(
            f"panel column {name!r} must not be missing; got missing values in {missing.sum():,} "
            f"of {len(rows):,} rows (first: row {rows.index[missing][0] + 1:,}). Complete them, or "
            "leave the persons out."
        )
    return rows[name]
