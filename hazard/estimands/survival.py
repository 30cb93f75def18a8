"""From hazards to the probability of still being there, of having left, and to months of stay."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard.errors import DomainError

_ROUNDING = 1e-9


def survival(hazard: xr.DataArray) -> xr.DataArray:
    """Probability of still being there at the end of each month.

    Parameters
    ----------
    hazard : DataArray, dims (..., exit, month)
        P(leave through exit in month | still there at its start), in [0, 1]; the sum over ``exit``
        is at most 1.

    Returns
    -------
    DataArray, dims (..., month)
        Probability in [0, 1], non-increasing in ``month``.

    Raises
    ------
    DomainError
        If a hazard, or its sum over exits, is outside [0, 1].

    Notes
    -----
    S(t) = product over s <= t of (1 - sum_j h_j(s)).

    Examples
    --------
    >>> h = xr.DataArray([[0.2, 0.5], [0.1, 0.0]], dims=("exit", "month"))
    >>> survival(h).values.round(2)
    array([0.7 , 0.35])
    """
    leave = hazard.sum("exit", skipna=False)
    inside = (hazard >= 0).all() & (leave <= 1 + _ROUNDING).all()
    if not bool(inside):
        raise DomainError("hazard must lie in [0, 1] and sum over exits to at most 1.")
    return (1 - leave).clip(min=0.0).cumprod("month", skipna=False)


def cumulative_incidence(hazard: xr.DataArray) -> xr.DataArray:
    """Probability of having left through each exit by the end of each month.

    Parameters
    ----------
    hazard : DataArray, dims (..., exit, month)
        P(leave through exit in month | still there at its start), per month, in [0, 1]; the sum
        over ``exit`` is at most 1.

    Returns
    -------
    DataArray, same dims
        Probability in [0, 1], non-decreasing in ``month``; ``survival(hazard) +
        result.sum("exit")`` is 1.

    Raises
    ------
    DomainError
        If a hazard, or its sum over exits, is outside [0, 1].

    Notes
    -----
    F_j(t) = sum over s <= t of h_j(s) S(s - 1): the crude probability in the presence of the other
    exits. It says nothing about a world without them.

    References
    ----------
    .. [1] Lee, Feuer and Fine (2018), On the analysis of discrete time competing risks data,
       Biometrics 74(4).

    Examples
    --------
    >>> h = xr.DataArray([[0.2, 0.5], [0.1, 0.0]], dims=("exit", "month"))
    >>> cumulative_incidence(h).values.round(2)
    array([[0.2 , 0.55],
           [0.1 , 0.1 ]])
    """
    at_start = survival(hazard).shift(month=1, fill_value=1.0)
    return (hazard * at_start).cumsum("month", skipna=False).transpose(*hazard.dims)


def expected_months(hazard: xr.DataArray) -> xr.DataArray:
    """Mean number of months at the start of which one is still there, within the months given.

    Parameters
    ----------
    hazard : DataArray, dims (..., exit, month)
        As for :func:`survival`.

    Returns
    -------
    DataArray, dims (...)
        Months, between 1 and the number of months.

    Notes
    -----
    sum over t <= H of S(t - 1): a month counts when it is begun.

    Examples
    --------
    >>> h = xr.DataArray([[0.2, 0.5], [0.1, 0.0]], dims=("exit", "month"))
    >>> float(expected_months(h).round(2))
    1.7
    """
    return restricted_mean_time(survival(hazard))


def restricted_mean_time(survivor: xr.DataArray) -> xr.DataArray:
    """Expected number of months of stay within the horizon: a restricted mean.

    Parameters
    ----------
    survivor : DataArray, dims (..., month)
        Probability of still being there at the end of the month.

    Returns
    -------
    DataArray, dims (...)
        Months, between 1 and the horizon.

    Notes
    -----
    sum over t <= H of S(t - 1), with S(0) = 1: a month counts when it is begun. With the
    months that are lost (:func:`restricted_mean_time_lost`) it makes H.

    Examples
    --------
    >>> restricted_mean_time(xr.DataArray([0.5, 0.25], dims="month")).item()
    1.5
    """
    return _until_the_last(survivor, 1.0).rename("rmst")


def restricted_mean_time_lost(incidence: xr.DataArray) -> xr.DataArray:
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
    >>> risk = xr.DataArray([[0.5, 0.75], [0.0, 0.0]], dims=("exit", "month"))
    >>> restricted_mean_time_lost(risk).values.tolist()
    [0.5, 0.0]
    """
    return _until_the_last(incidence, 0.0).rename("rmtl")


def _until_the_last(by_month: xr.DataArray, at_start: float) -> xr.DataArray:
    return by_month.shift(month=1, fill_value=at_start).sum("month", skipna=False, dtype=np.float64)
