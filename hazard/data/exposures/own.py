"""The person's own column in other months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray
from hazard.data.exposures.families import people
from hazard.data.exposures.rules import looked_up, need, ruled, since_risk
from hazard.data.registers.keys import find, pack
from hazard.errors import HistoryError
from hazard.spec import LaggedTerm


def own_history(panel: pd.DataFrame, term: LaggedTerm) -> xr.DataArray:
    """The person's own value of a column some months before, or whether it was large enough.

    Parameters
    ----------
    panel : DataFrame
        Columns ``person``, ``month`` and the numeric column ``term.exposure``, sorted by person and
        month.
    term : LaggedTerm

    Returns
    -------
    DataArray, dims (row, lag)
        For the measure ``at_least``, 1 if the value ``lag`` months earlier is at least
        ``term.at_least``, 0 if it is less; for ``count``, the value. Months are matched by
        number, not by the row. Unknown are months without a row and missing values; the rule of
        the term applies to them.

    Raises
    ------
    PanelError
        If the column is missing.
    HistoryError
        If it does not hold numbers.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="work", network="own", lags=(1, 2),
    ...                   history_before_start="missing", prior=prior)
    >>> panel = pd.DataFrame({"person": 0, "month": [1, 2, 4], "work": [3, 0, 1]})
    >>> own_history(panel, term).values
    array([[nan, nan],
           [ 1., nan],
           [nan,  0.]], dtype=float32)
    >>> own_history(panel, term.model_copy(update={"measure": "count"})).values
    array([[nan, nan],
           [ 3., nan],
           [nan,  0.]], dtype=float32)
    """
    need(panel, ["person", "month", term.exposure])
    person, _ = people(panel)
    keys = pack(person, panel["month"].to_numpy(dtype=np.int64))
    by_lag = np.append(happened(panel, term), np.nan).astype(np.float32)
    lags = looked_up(term)
    history = ruled(np.column_stack([by_lag[find(keys, keys - lag)] for lag in lags]), lags, term)
    return since_risk(history, panel, term)


def happened(panel: pd.DataFrame, term: LaggedTerm) -> FloatArray:
    """The measure of an own term in the month of every row.

    Parameters
    ----------
    panel : DataFrame
        With the numeric column ``term.exposure``.
    term : LaggedTerm

    Returns
    -------
    ndarray of float64, shape (row,)
        1 or 0 for the measure ``at_least``, the value for ``count``; NaN where it is missing.

    Raises
    ------
    HistoryError
        If the column does not hold numbers, or is to be counted and holds fractions.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="work", network="own", lags=(0, 0),
    ...                   history_before_start="missing", prior=prior)
    >>> happened(pd.DataFrame({"work": [0, 3, None]}), term).tolist()
    [0.0, 1.0, nan]
    """
    need(panel, [term.exposure])
    column = panel[term.exposure]
    if not pd.api.types.is_numeric_dtype(column):
        raise HistoryError(f"panel column '{term.exposure}' must hold numbers; got another type.")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if term.measure == "count":
        return values
    fractions = ~np.isnan(values) & (values != np.floor(values))
    if fractions.any():
        raise HistoryError(
            f"panel column {term.exposure!r} must hold whole numbers with measure 'at_least', "
            f"which asks whether {term.at_least} or more happened; got fractions in "
            f'{fractions.sum():,} of {len(values):,} rows. Set measure = "count" in term '
            f"{term.name!r}, which takes the value itself, or write 0 and 1."
        )
    return np.where(np.isnan(values), np.nan, values >= term.at_least)
