"""Lags of a term, what its rule makes of unknown history, and columns that must be there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import Float32Array
from hazard.errors import PanelError, did_you_mean
from hazard.spec import LaggedTerm


def lags(term: LaggedTerm) -> range:
    """Lags of a term, leads as negative numbers."""
    return range(term.lags[0], term.lags[1] + 1)


def looked_up(term: LaggedTerm) -> range:
    """Lags that must be known: the rule ``carry`` needs the months up to that of the row."""
    if term.history_before_start == "carry":
        return range(min(term.lags[0], 0), max(term.lags[1], 0) + 1)
    return lags(term)


def ruled(values: Float32Array, column_lags: range, term: LaggedTerm) -> xr.DataArray:
    """History of a term, its rule for unknown values applied in place.

    Parameters
    ----------
    values : ndarray of float32, shape (row, lag)
        NaN where the history is unknown.
    column_lags : range
        The lags of the columns; at least those of the term.
    term : LaggedTerm

    Returns
    -------
    DataArray, dims (row, lag)

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(-2, 1),
    ...                   history_before_start="carry", prior=prior)
    >>> ruled(np.array([[np.nan, 1, 0, np.nan]], dtype=np.float32), range(-2, 2), term).values
    array([[1., 1., 0., 0.]], dtype=float32)
    """
    if term.history_before_start == "zero":
        np.nan_to_num(values, copy=False, nan=0.0)
    if term.history_before_start == "carry":
        _carry(values, column_lags)
    first = column_lags.index(term.lags[0])
    of_term = values[:, first : first + len(lags(term))]
    coords = {"lag": list(lags(term))}
    return xr.DataArray(of_term, dims=("row", "lag"), coords=coords, name=term.name)


def since_risk(history: xr.DataArray, rows: pd.DataFrame, term: LaggedTerm) -> xr.DataArray:
    """History of a term, its rule for what happened before the person was at risk applied.

    Parameters
    ----------
    history : DataArray, dims (row, lag)
    rows : DataFrame
        The row with ``month`` at risk m tells at lag l of month m - l, of which the first is 1.
    term : LaggedTerm

    Returns
    -------
    DataArray, dims (row, lag)
        With ``history_before_risk = "zero"``, 0 where that month is before month 1, also where it
        was unknown.

    Raises
    ------
    PanelError
        If the rule needs the column ``month`` and it is missing.

    Examples
    --------
    The third month at risk, of somebody who saw an event in each of the last five months.

    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 4),
    ...                   history_before_start="missing", history_before_risk="zero", prior=prior)
    >>> seen = xr.DataArray(np.ones((1, 5)), {"lag": range(5)}, ("row", "lag"))
    >>> since_risk(seen, pd.DataFrame({"month": [3]}), term).values.tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0]]
    """
    if term.history_before_risk == "observed":
        return history
    need(rows, ["month"])
    month_of_history = (
        xr.DataArray(rows["month"].to_numpy(dtype=np.int64), dims="row") - history["lag"]
    )
    return history.where(month_of_history >= 1, np.float32(0.0)).transpose("row", "lag")


def _carry(values: Float32Array, column_lags: range) -> None:
    nearest = min(range(len(column_lags)), key=lambda column: abs(column_lags[column]))
    before = [(column, column - 1) for column in range(nearest + 1, len(column_lags))]
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
