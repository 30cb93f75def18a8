"""Lags of a term, what its rule makes of unknown history, and columns that must be there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.errors import PanelError, did_you_mean
from hazard.spec import LaggedTerm

FloatArray = npt.NDArray[np.float32]


def lags(term: LaggedTerm) -> range:
    """Lags of a term, leads as negative numbers."""
    return range(term.lags[0], term.lags[1] + 1)


def looked_up(term: LaggedTerm) -> range:
    """Lags that must be known: the rule ``carry`` needs the months up to that of the row."""
    if term.history_before_start == "carry":
        return range(min(term.lags[0], 0), max(term.lags[1], 0) + 1)
    return lags(term)


def ruled(values: FloatArray, at: range, term: LaggedTerm) -> xr.DataArray:
    """History of a term, its rule for unknown values applied in place.

    Parameters
    ----------
    values : ndarray of float32, shape (row, lag)
        NaN where the history is unknown.
    at : range
        The lags of the columns; at least those of the term.
    term : LaggedTerm

    Returns
    -------
    DataArray, dims (row, lag)

    Examples
    --------
    >>> from hazard.prior_families import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(-2, 1),
    ...                   history_before_start="carry", prior=prior)
    >>> ruled(np.array([[np.nan, 1, 0, np.nan]], dtype=np.float32), range(-2, 2), term).values
    array([[1., 1., 0., 0.]], dtype=float32)
    """
    if term.history_before_start == "zero":
        np.nan_to_num(values, copy=False, nan=0.0)
    if term.history_before_start == "carry":
        _carry(values, at)
    first = at.index(term.lags[0])
    of_term = values[:, first : first + len(lags(term))]
    coords = {"lag": list(lags(term))}
    return xr.DataArray(of_term, dims=("row", "lag"), coords=coords, name=term.name)


def _carry(values: FloatArray, at: range) -> None:
    nearest = min(range(len(at)), key=lambda column: abs(at[column]))
    before = [(column, column - 1) for column in range(nearest + 1, len(at))]
    after = [(column, column + 1) for column in reversed(range(nearest))]
    for column, source in before + after:
        unknown = np.isnan(values[:, column])
        values[unknown, column] = values[unknown, source]


def need(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise when a column is missing.

    Raises
    ------
    PanelError
        One sentence that names all that are missing.
    """
    missing = [name for name in dict.fromkeys(names) if name not in frame.columns]
    if missing:
        msg = f"table must have the columns {missing}; they are missing."
        raise PanelError(msg + did_you_mean(missing[0], frame.columns))
