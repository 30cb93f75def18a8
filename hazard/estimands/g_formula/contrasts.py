"""Contrasts of standardised risks, and months of stay and of what is lost to each exit."""

from __future__ import annotations

import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands.g_formula.regimes import known_arms


def risk_difference(risk: xr.DataArray, *, reference: str = "without") -> xr.DataArray:
    """Risk of every other arm less that of the reference.

    Parameters
    ----------
    risk : DataArray, dims (..., arm, ...)
        Probabilities, or months.
    reference : str
        An arm.

    Returns
    -------
    DataArray, same dims
        In [-1, 1] of probabilities, without the reference; exactly 0 of an arm that is the same.

    Raises
    ------
    EstimandError
        If the reference is not an arm.

    Examples
    --------
    >>> risk = xr.DataArray([[0.5, 0.75], [0.25, 0.5]], {"arm": ["with", "without"]},
    ...                     ("arm", "month"))
    >>> risk_difference(risk).values.tolist()
    [[0.25, 0.25]]
    """
    others, base = _apart(risk, reference)
    return (others - base).rename("risk_difference").transpose(*risk.dims)


def risk_ratio(risk: xr.DataArray, *, reference: str = "without") -> xr.DataArray:
    """Risk of every other arm in multiples of that of the reference.

    Parameters
    ----------
    risk : DataArray, dims (..., arm, ...)
    reference : str
        An arm.

    Returns
    -------
    DataArray, same dims
        Without the reference; not a number where its risk is 0, as that of a dropped exit.

    Raises
    ------
    EstimandError
        If the reference is not an arm.

    Examples
    --------
    >>> risk = xr.DataArray([[0.5, 0.75], [0.25, 0.0]], {"arm": ["with", "without"]},
    ...                     ("arm", "month"))
    >>> risk_ratio(risk).values.tolist()
    [[2.0, nan]]
    """
    others, base = _apart(risk, reference)
    return (others / base.where(base > 0)).rename("risk_ratio").transpose(*risk.dims)


def _apart(risk: xr.DataArray, reference: str) -> tuple[xr.DataArray, xr.DataArray]:
    known_arms(risk, [reference])
    if risk.sizes["arm"] < 2:
        raise EstimandError("contrast must have another arm beside the reference; got none.")
    return risk.drop_sel(arm=reference), risk.sel(arm=reference, drop=True)
