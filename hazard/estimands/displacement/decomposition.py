"""What is additional, what is displaced on balance, and how many can be brought forward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
    """Additional exits, and the net displacement between two months, by exit and in every draw.

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
        By exit ``at_window_end``, A(w); ``additional``, A(H); and ``net_displacement``,
        D = A(w) - A(H), all in [-1, 1]. ``rmst_difference`` is in months, negative where the stay
        is shorter; it has no exit.

    Raises
    ------
    EstimandError
        If an arm is missing, or the window does not end before the horizon.

    Notes
    -----
    A(t) = F_j(t; with) - F_j(t; without), in every draw, and

        D = A(w) - A(H) = P(w < T0 <= H) - P(w < T1 <= H)

    with T1 and T0 the month of leaving through exit j with the event and without. D is net: who
    left earlier because of the event counts for it, who left after the window because of the event
    counts against it. It is therefore no number of exits brought forward; how many there can be is
    said by :func:`brought_forward_bounds`. D is not cut at zero: the mean of max(D, 0) is 0.4
    standard deviations above zero where D is normal around zero.

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
    {'at_window_end': 0.2, 'additional': 0.1, 'net_displacement': 0.1, 'rmst_difference': -0.4}
    """
    _check_window(risks, event)
    change = difference(risks["cumulative_incidence"], arms)
    at_end = change.sel(month=event.window_end, drop=True)
    additional = change.isel(month=-1, drop=True)
    return xr.Dataset(
        {
            "at_window_end": at_end,
            "additional": additional,
            "net_displacement": at_end - additional,
            "rmst_difference": difference(restricted_mean_time(risks["survival"]), arms),
        }
    )


def brought_forward_bounds(
    risks: xr.Dataset, event: Event, *, arms: tuple[str, str] = ("with", "without")
) -> xr.Dataset:
    """Sharp bounds for the share that leaves by the end of the window and else would have later.

    Parameters
    ----------
    risks : Dataset
        As for :func:`more_or_earlier`.
    event : Event
        Its window ends before the horizon.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    Dataset
        By exit ``lower_bound`` and ``upper_bound``, which hold whatever the event does, and
        ``monotone_lower_bound``, for an event that keeps nobody from the exit; in [0, 1], in every
        draw lower <= monotone lower <= upper.

    Raises
    ------
    EstimandError
        As :func:`more_or_earlier`.

    Notes
    -----
    Brought forward is BF = P(T1 <= w, w < T0 <= H), with T1 and T0 the month of leaving through
    exit j with the event and without. No person is seen both with and without, so that the data
    tell the distribution of T1 and that of T0, never how they go together. Write

        f1 = P(T1 <= w) = F_j(w; with), l1 = P(w < T1 <= H) = F_j(H; with) - F_j(w; with),
        f0 = P(T0 <= w) = F_j(w; without), l0 = F_j(H; without) - F_j(w; without).

    *Whatever the event does.* BF is the probability of two things at once, with probabilities f1
    and l0: max(0, f1 + l0 - 1) <= BF <= min(f1, l0), and each end is reached [1]_.

    *If the event keeps nobody from the exit*, T1 <= H wherever T0 <= H. Then whoever leaves late
    without the event leaves early or late with it: BF = l0 - P(T1 late, T0 late), and the last term
    is at most min(l0, l1), so that BF >= max(0, l0 - l1) = max(0, D). Where A(H) is negative some
    are kept from the exit by month H, at least the share -A(H). If it is this share and no more,
    nobody is added either, whoever is early with the event leaves early or late without it, and
    BF = f1 - P(T1 early, T0 early) >= max(0, f1 - f0) = max(0, A(w)). For D <= A(w) just where
    A(H) >= 0, both are

        monotone lower bound = max(0, min(D, A(w))),

    and each is reached. Without the assumption max(0, D) is no bound: if with the event nobody
    leaves through j at all, D is l0, and BF is 0.

    The bounds are those of risks averaged over persons. Averaged within kinds of persons they can
    only be closer. The mean over draws of a bound that is cut at 0 lies above it where D is near 0;
    its interval is made of quantiles, and not moved by the cut.

    References
    ----------
    .. [1] Fréchet (1951), Sur les tableaux de corrélation dont les marges sont données, Annales de
       l'Université de Lyon, section A, 14.

    Examples
    --------
    Of twenty, five would leave in month 3 and leave in month 1 with the event; five others leave in
    month 3 because of it. D is 0 though five are brought forward: a quarter, the upper bound.

    >>> arms = {"arm": ["with", "without"]}
    >>> with_, without = [0.25, 0.25, 0.5], [0.0, 0.0, 0.25]
    >>> gone = xr.DataArray([[with_], [without]], {**arms, "month": [1, 2, 3]},
    ...                     ("arm", "exit", "month"))
    >>> risks = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
    >>> event = Event(month=1, window_end=2)
    >>> more_or_earlier(risks, event)["net_displacement"].item()
    0.0
    >>> bounds = brought_forward_bounds(risks, event)
    >>> {name: bounds[name].item() for name in bounds}
    {'lower_bound': 0.0, 'monotone_lower_bound': 0.0, 'upper_bound': 0.25}
    """
    effects = more_or_earlier(risks, event, arms=arms)
    incidence = risks["cumulative_incidence"]
    by_window_end = incidence.sel(month=event.window_end, drop=True)
    after_window = incidence.isel(month=-1, drop=True) - by_window_end
    early = by_window_end.sel(arm=arms[0], drop=True)
    late = after_window.sel(arm=arms[1], drop=True)
    kept = np.minimum(effects["net_displacement"], effects["at_window_end"])
    return xr.Dataset(
        {
            "lower_bound": (early + late - 1).clip(min=0.0),
            "monotone_lower_bound": kept.clip(min=0.0),
            "upper_bound": np.minimum(early, late),
        }
    )


def _check_window(risks: xr.Dataset, event: Event) -> None:
    horizon = int(risks["month"][-1])
    if not 1 <= event.month <= event.window_end < horizon:
        raise EstimandError(
            "window of an event must end before the horizon, so that exits after it can be "
            f"compared; got month {event.month}, window to month {event.window_end}, horizon "
            f"{horizon}. Take a longer horizon, or an earlier month."
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
