"""What one event at a centre does to those who live there then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import IntArray
from hazard.errors import EstimandError
from hazard.estimands.displacement.decomposition import difference
from hazard.estimands.survival import restricted_mean_time


def per_forced_return(
    risks: xr.Dataset,
    residents: npt.ArrayLike,
    *,
    arms: tuple[str, str] = ("with", "without"),
) -> xr.Dataset:
    """Extra exits, and months of residence saved, by one event at a centre.

    Parameters
    ----------
    risks : Dataset
        As for :func:`more_or_earlier`, standardised over the rows that were present at events
        (:func:`present_at_events`): every path starts in the month of an event, with the time at
        risk and the history that the family has by then. Risks of entrants say what an event does
        to those who have just come.
    residents : array_like of float
        Number of other families at the centre of the event: one number, or one for each event that
        happened, of which the mean is taken.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    Dataset
        ``extra_exits`` (..., exit, month), by the end of the month, and ``saved_months`` (...), of
        all families together within the horizon; both per event.

    Raises
    ------
    EstimandError
        If there is no number of residents, or a negative one.

    Notes
    -----
    Per event, sum over its residents i of F_ij(t; with) - F_ij(t; without), averaged over events:
    n A_j(t), with A_j(t) the mean over all rows present at events and n the mean number of
    residents; and -n (change in expected months of stay). Residents whose history is not known, and
    who are therefore on no path, are counted in n as the others. What they make others do in turn
    is left out.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, the two worked
       examples at the end of the discussion of what the results mean.

    Examples
    --------
    Twenty families, of whom two in a hundred more have applied by the end of the first month:
    in the second month they are not there.

    >>> gone = xr.DataArray([[[0.05, 0.07]], [[0.03, 0.05]]], {"arm": ["with", "without"],
    ...                     "exit": ["assisted"], "month": [1, 2]}, ("arm", "exit", "month"))
    >>> risks = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
    >>> effects = per_forced_return(risks, 20)
    >>> effects["extra_exits"].values.round(3).tolist(), round(effects["saved_months"].item(), 3)
    ([[0.4, 0.4]], 0.4)
    """
    number = _mean_number(residents)
    stay = restricted_mean_time(risks["survival"])
    return xr.Dataset(
        {
            "extra_exits": number * difference(risks["cumulative_incidence"], arms),
            "saved_months": -number * difference(stay, arms),
        }
    )


def present_at_events(history: xr.DataArray, among: IntArray) -> IntArray:
    """Positions of the rows around which the event happened in their own month.

    Parameters
    ----------
    history : DataArray, dims (row, lag)
        Of the term of the event, in all rows of the panel; own events are no part of it. Lag 0 is
        the month of the row.
    among : ndarray of int64
        Positions to choose from, ascending, such as the ``row`` of a design, without those who had
        the event themselves.

    Returns
    -------
    ndarray of int64
        Ascending. A person who was present at several events has a row for each.

    Raises
    ------
    EstimandError
        If the history does not tell of the month of the row.

    Examples
    --------
    >>> history = xr.DataArray([[0.0, 1.0], [1.0, 0.0], [np.nan, 1.0], [1.0, 1.0]],
    ...                        {"lag": [0, 1]}, ("row", "lag"))
    >>> present_at_events(history, np.array([0, 1, 2])).tolist()
    [1]
    """
    if 0 not in history["lag"].values:
        raise EstimandError(
            "history of an event must tell of the month of the row, lag 0, to find who was there; "
            f"got lags {[int(lag) for lag in history['lag'].values]}. Let the lags of the term "
            "begin with 0."
        )
    happened = history.sel(lag=0).values[among] > 0
    present: IntArray = np.asarray(among, dtype=np.int64)[happened]
    return present


def _mean_number(residents: npt.ArrayLike) -> float:
    number = np.atleast_1d(np.asarray(residents, dtype=np.float64))
    if not number.size or not (number >= 0).all():
        raise EstimandError(
            "residents of the centre must be a number that is not negative, or one for each event; "
            f"got {(~(number >= 0)).sum()} others in {number.size} numbers."
        )
    return float(number.mean())
