"""The record that every term turns into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.errors import DesignError, did_you_mean
from hazard.model import naming
from hazard.spec.intercept import InterceptPrior
from hazard.spec.priors import Prior


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
    copies : int
        The coefficients are so many copies of one curve, each with the same prior: one per level of
        the group by which a term varies.
    lags : ndarray of int64, shape (coefficient of one copy, 2), or None
        First and last lag of each coefficient of one copy, where there are lags.
    starts : ndarray of int64, or None
        First month at risk of each level, of a baseline.
    centre : float
        What was taken from the values of a numeric column, of a count or of a rate.
    common_block : str, or None
        The block to whose coefficients those of every copy are added.
    owner : ndarray of int64, shape (level,), or None
        Copy to which each level belongs, -1 for none; only where there are copies.
    """

    name: str
    kind: str
    levels: npt.NDArray[Any]
    coefficients: npt.NDArray[Any]
    basis: FloatArray | None
    prior: Prior | InterceptPrior | None
    copies: int = 1
    lags: IntArray | None = None
    starts: IntArray | None = None
    centre: float = 0.0
    common_block: str | None = None
    owner: IntArray | None = None

    @property
    def variable(self) -> str:
        """Name of the draws: ``u_<name>`` of a group, ``beta_<name>`` of every other term."""
        return naming.effects(self.name) if self.kind == "group" else naming.slopes(self.name)

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

    def values(self) -> FloatArray:
        """The basis, of counts and rates before they were centred, so that 0 is no event."""
        return self.matrix() + self.centre if self.lags is not None else self.matrix()

    def windows(self) -> IntArray:
        """First and last lag of each coefficient of one copy; positions where there are no lags."""
        if self.lags is not None:
            return self.lags
        return np.arange(self.n_coefficients // self.copies)[:, None].repeat(2, axis=1)

    def places(self) -> FloatArray:
        """Where each coefficient of one copy lies for a prior: the middle of its window."""
        return np.asarray(self.windows().mean(axis=1))

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


def place(labels: npt.NDArray[Any], index: IntArray, block: Block, rows: pd.DataFrame) -> IntArray:
    """Level of every row in a block whose levels are not to change.

    Parameters
    ----------
    labels : ndarray, shape (label,)
        Labels that the rows have.
    index : ndarray of int64, shape (row,)
        Label of every row.
    block : Block
    rows : DataFrame

    Returns
    -------
    ndarray of int64, shape (row,)

    Raises
    ------
    DesignError
        If a row has a label that is none of the levels.
    """
    known = pd.Index(block.levels).get_indexer(pd.Index(labels)).astype(np.int64)
    level: IntArray = known[index]
    if (level < 0).any():
        unseen = list(dict.fromkeys(labels[index[level < 0]].tolist()))
        raise DesignError(unknown_levels(block.name, unseen, level < 0, rows))
    return level


def unknown_levels(
    name: str, labels: Sequence[Any], where: npt.NDArray[np.bool_], rows: pd.DataFrame
) -> str:
    """Sentence that refuses rows with levels that a frozen design does not have."""
    return (
        f"term {name!r} must have levels that are in the design; got {len(labels):,} new ones in "
        f"{where.sum():,} of {len(where):,} rows (first: row {rows.index[where][0] + 1:,}). Leave "
        "these rows out, or fit the model to rows with these levels."
    )


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
