"""Exposure histories as the columns of a file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import BoolArray
from hazard.data.contracts import violation
from hazard.data.exposures.rules import lags, need, ruled, since_risk
from hazard.errors import HistoryError
from hazard.spec import LaggedTerm

_HOLDS = {"at_least": "0, 1", "count": "whole numbers from 0", "per_resident": "numbers from 0"}


def lag_column(name: str, lag: int) -> str:
    """Name of the column that holds one lag of a history.

    Examples
    --------
    >>> lag_column("visit_centre", 3), lag_column("visit_centre", -1)
    ('visit_centre_lag3', 'visit_centre_lead1')
    """
    return f"{name}_lag{lag}" if lag >= 0 else f"{name}_lead{-lag}"


def to_columns(histories: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Histories as the columns of a file, by :func:`lag_column`; NaN is an empty cell.

    Examples
    --------
    >>> history = xr.DataArray([[0.0, 1.0]], dims=("row", "lag"), coords={"lag": [-1, 0]})
    >>> list(to_columns({"visit_centre": history}))
    ['visit_centre_lead1', 'visit_centre_lag0']
    """
    return pd.DataFrame(
        {
            lag_column(name, int(lag)): history.sel(lag=lag).values
            for name, history in histories.items()
            for lag in history["lag"].values
        }
    )


def from_columns(frame: pd.DataFrame, terms: Sequence[LaggedTerm]) -> dict[str, xr.DataArray]:
    """Histories of the terms from the columns of a file, as :func:`to_columns` writes them.

    Parameters
    ----------
    frame : DataFrame
        One row per row of the panel.
    terms : sequence of LaggedTerm
        The rule of the term applies to empty cells; its measure is taken as applied.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)

    Raises
    ------
    PanelError
        If columns are missing; one error names all.
    HistoryError
        If a column holds anything but empty cells and, by the measure, 0 and 1, counts or rates.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", measure="count",
    ...                   lags=(0, 0), history_before_start="zero", prior=prior)
    >>> frame = pd.DataFrame({"visit_centre_count_lag0": [2.0, None]})
    >>> from_columns(frame, [term])["visit_centre_count"].values.tolist()
    [[2.0], [0.0]]
    """
    need(frame, [lag_column(term.name, lag) for term in terms for lag in lags(term)])
    return {term.name: _from_columns(frame, term) for term in terms}


def not_of_measure(frame: pd.DataFrame, terms: Sequence[LaggedTerm]) -> list[str]:
    """Sentences for columns of terms that hold what the measure cannot be.

    Parameters
    ----------
    frame : DataFrame
        Its index counts the rows of the user's table from 0. Columns that are not there are passed
        over.
    terms : sequence of LaggedTerm
    """
    problems = []
    for term in terms:
        names = [lag_column(term.name, lag) for lag in lags(term)]
        flags = {name: _strange(frame[name], term) for name in names if name in frame}
        if of_wrong_measure := [name for name, bad in flags.items() if bad.any()]:
            problems += violation(
                f"columns {of_wrong_measure} must hold {_HOLDS[term.measure]} or empty cells",
                np.logical_or.reduce([flags[name] for name in of_wrong_measure]),
                got="other values",
                cure="Correct these cells, or state another measure for the term.",
                numbers=frame.index.to_numpy(dtype=np.int64) + 1,
            )
    return problems


def _from_columns(frame: pd.DataFrame, term: LaggedTerm) -> xr.DataArray:
    names = [lag_column(term.name, lag) for lag in lags(term)]
    if problems := not_of_measure(frame, [term]):
        raise HistoryError("\n".join(problems))
    values = frame[names].to_numpy(dtype=np.float32, na_value=np.nan)
    history = ruled(np.array(values), lags(term), term)
    return since_risk(history, frame, term)


def _strange(column: pd.Series, term: LaggedTerm) -> BoolArray:
    """Whether a cell is neither empty nor a value of the measure."""
    empty = column.isna().to_numpy()
    if term.measure == "at_least":
        return ~(empty | column.isin([0, 1]).to_numpy())
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    fits = (numbers >= 0) & np.isfinite(numbers)
    if term.measure == "count":
        fits &= numbers == np.floor(numbers)
    of_wrong_measure: BoolArray = ~(empty | fits)
    return of_wrong_measure
