"""Contrasts of standardised risks, and months of stay and of what is lost to each exit."""

from __future__ import annotations

import xarray as xr

from hazard.errors import EstimandError
from hazard.standardised.branches import known_arms


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


def months_of_stay(survival: xr.DataArray) -> xr.DataArray:
    """Expected number of months of stay within the horizon: a restricted mean.

    Parameters
    ----------
    survival : DataArray, dims (..., month)
        Probability of still being there at the end of the month.

    Returns
    -------
    DataArray, dims (...)
        Months, between 1 and the horizon.

    Notes
    -----
    sum over t <= H of S(t - 1), with S(0) = 1: a month counts when it is begun, as in
    :func:`hazard.survival.expected_months`. With the months that are lost it makes H.

    Examples
    --------
    >>> months_of_stay(xr.DataArray([0.5, 0.25], dims="month")).item()
    1.5
    """
    return _until_the_last(survival, 1.0).rename("months_of_stay")


def months_lost(incidence: xr.DataArray) -> xr.DataArray:
    """Expected number of months within the horizon after having left through each exit.

    Parameters
    ----------
    incidence : DataArray, dims (..., exit, month)
        Cumulative incidence by the end of the month.

    Returns
    -------
    DataArray, dims (..., exit)
        Months, between 0 and the horizon less 1; what remains to the horizon is the stay.

    Notes
    -----
    sum over t <= H of F_j(t - 1), with F_j(0) = 0: the months from the one after the exit on [1]_.

    References
    ----------
    .. [1] Andersen, Canudas-Romo and Keiding (2013), Cause-specific measures of life years lost,
       Demographic Research 29(41).

    Examples
    --------
    >>> months_lost(xr.DataArray([[0.5, 0.75], [0.0, 0.0]], dims=("exit", "month"))).values.tolist()
    [0.5, 0.0]
    """
    return _until_the_last(incidence, 0.0).rename("months_lost")


def _until_the_last(by_month: xr.DataArray, at_start: float) -> xr.DataArray:
    return by_month.shift(month=1, fill_value=at_start).sum("month", skipna=False)


def _apart(risk: xr.DataArray, reference: str) -> tuple[xr.DataArray, xr.DataArray]:
    known_arms(risk, [reference])
    if risk.sizes["arm"] < 2:
        raise EstimandError("contrast must have another arm beside the reference; got none.")
    return risk.drop_sel(arm=reference), risk.sel(arm=reference, drop=True)
