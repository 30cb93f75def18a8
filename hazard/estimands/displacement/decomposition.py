"""What is additional, and what only brought forward."""

from __future__ import annotations

from typing import NamedTuple

import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands.g_formula import known_arms, risk_difference
from hazard.estimands.survival import restricted_mean_time
from hazard.spec import LaggedTerm


class Event(NamedTuple):
    """Month of the path in which the event happens, and the last month in which a lag acts."""

    month: int
    window_end: int


def event_of(term: LaggedTerm, *, month: int = 1) -> Event:
    """An event in a month of the path, and the window of the lags of a term.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 6),
    ...                   history_before_start="missing", prior=prior)
    >>> event_of(term, month=2)
    Event(month=2, window_end=8)
    """
    return Event(month, month + term.lags[1])


def more_or_earlier(
    risks: xr.Dataset, event: Event, *, arms: tuple[str, str] = ("with", "without")
) -> xr.Dataset:
    """Additional exits, and those brought forward, by exit and in every draw.

    Parameters
    ----------
    risks : Dataset
        ``cumulative_incidence`` (..., arm, exit, month) and ``survival`` (..., arm, month), as of
        :func:`hazard.estimands.g_formula.standardise`; the horizon is its last month.
    event : Event
        Its window ends before the horizon.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    Dataset
        By exit ``at_window_end``, A(w); ``additional``, A(H), both in [-1, 1]; and
        ``brought_forward``, max(A(w) - A(H), 0). ``rmst_difference`` is in months, negative where
        the stay is shorter; it has no exit.

    Raises
    ------
    EstimandError
        If an arm is missing, or the window does not end before the horizon.

    Notes
    -----
    A(t) = F_j(t; with) - F_j(t; without), in every draw. Where A(w) is less than A(H) nothing is
    brought forward. Cut off at zero, the mean of what is brought forward lies above zero even where
    nothing is: the sign of A(w) - A(H) is shown by the share of the draws in which it is positive.

    Examples
    --------
    Two of ten leave because of the event; one of them would have left in month 3 without it.

    >>> arms = {"arm": ["with", "without"]}
    >>> with_, without = [0.2, 0.2, 0.2], [0.0, 0.0, 0.1]
    >>> gone = xr.DataArray([[with_], [without]], {**arms, "month": [1, 2, 3]},
    ...                     ("arm", "exit", "month"))
    >>> risks = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
    >>> effects = more_or_earlier(risks, Event(month=1, window_end=2))
    >>> {name: round(effects[name].item(), 3) for name in effects}
    {'at_window_end': 0.2, 'additional': 0.1, 'brought_forward': 0.1, 'rmst_difference': -0.4}
    """
    horizon = int(risks["month"][-1])
    if not 1 <= event.month <= event.window_end < horizon:
        raise EstimandError(
            "window of an event must end before the horizon, so that what is brought forward can "
            f"be seen; got month {event.month}, window to month {event.window_end}, horizon "
            f"{horizon}. Take a longer horizon, or an earlier month."
        )
    change = difference(risks["cumulative_incidence"], arms)
    at_end = change.sel(month=event.window_end, drop=True)
    additional = change.isel(month=-1, drop=True)
    return xr.Dataset(
        {
            "at_window_end": at_end,
            "additional": additional,
            "brought_forward": (at_end - additional).clip(min=0.0),
            "rmst_difference": difference(restricted_mean_time(risks["survival"]), arms),
        }
    )


def difference(risk: xr.DataArray, arms: tuple[str, str]) -> xr.DataArray:
    """One arm less another, without the dimension.

    Parameters
    ----------
    risk : DataArray, dims (..., arm, ...)
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    DataArray

    Raises
    ------
    EstimandError
        If an arm is missing.
    """
    with_, without = known_arms(risk, arms)
    both_arms = risk.sel(arm=[with_, without])
    return risk_difference(both_arms, reference=without).sel(arm=with_, drop=True)
