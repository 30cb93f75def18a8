"""Cumulative incidence counted from the panel, without a model: exact in the presence of ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines import life_table
from hazard.errors import DomainError
from hazard.estimands import survival


def fit(panel: pd.DataFrame) -> xr.Dataset:
    """Hazards and cumulative incidences of a panel, as :func:`from_counts` of its risk sets.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.data.contracts.check_panel`. A person is at risk in the months
        that have a row, so that left truncation and temporary absence are taken into account.

    Returns
    -------
    Dataset, dims exit and month
        See :func:`from_counts`; NaN, but for the counts, from the first month on in which nobody is
        at risk though somebody was before (see :func:`hazard.baselines.life_table.followed`).

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 1]})
    >>> panel["exit"] = pd.Categorical(["stay", "forced", "forced"], ["stay", "forced"])
    >>> fit(panel)["cumulative_incidence"].values.tolist()
    [[0.5, 1.0]]
    """
    table = life_table.counts(panel)
    estimates = from_counts(table["n_at_risk"], table["n_exits"])
    known = life_table.followed(table["n_at_risk"])
    curves = ["hazard", "survival", "cumulative_incidence", "standard_error"]
    return estimates.assign({name: estimates[name].where(known) for name in curves})


def from_counts(n_at_risk: xr.DataArray, n_exits: xr.DataArray) -> xr.Dataset:
    """Aalen-Johansen estimate from the numbers at risk and leaving at ordered times.

    Parameters
    ----------
    n_at_risk : DataArray, dims (month,)
        Persons at risk at each time. The coordinate ``month`` may hold any increasing times.
    n_exits : DataArray, dims (exit, month)
        Persons who leave through each exit at each time.

    Returns
    -------
    Dataset, dims exit and month
        ``hazard`` (exit, month); ``survival`` (month) and ``cumulative_incidence`` (exit, month),
        which sum to 1; ``standard_error`` (exit, month) of the cumulative incidence; ``n_at_risk``
        and ``n_exits``.

    Raises
    ------
    DomainError
        If the times do not increase or are not the same for both, a number is negative, or more
        persons leave than are at risk.

    Notes
    -----
    h_j(t) = n_exits_j(t) / n_at_risk(t), and 0 where nobody is at risk (as the estimator is
    defined; look at ``n_at_risk``). With S(t-) the survival before t, h the sum over exits, n the
    number at risk, and G(s) = F_j(t) - F_j(s), the variance of F_j(t) is the sum over s <= t of

    (S(s-)^2 h_j(s) (1 - h_j(s)) - 2 S(s-) G(s) h_j(s) + G(s)^2 h(s) / (1 - h(s))) / n(s):

    the delta method for multinomial counts in each risk set, the Greenwood-type estimator that
    [2]_ recommends, also under left truncation. Without censoring it is F_j (1 - F_j) / n.

    References
    ----------
    .. [1] Aalen and Johansen (1978), An empirical transition matrix for non-homogeneous Markov
       chains based on censored observations, Scandinavian Journal of Statistics 5.
    .. [2] Allignol, Schumacher and Beyersmann (2010), A note on variance estimation of the
       Aalen-Johansen estimator of the cumulative incidence function in competing risks, with a
       view towards left-truncated data, Biometrical Journal 52(1).

    Examples
    --------
    >>> n_exits = xr.DataArray([[1, 0], [0, 1]], dims=("exit", "month"))
    >>> estimate = from_counts(xr.DataArray([4, 2], dims="month"), n_exits)
    >>> estimate["cumulative_incidence"].values.tolist()
    [[0.25, 0.25], [0.0, 0.375]]
    """
    hazard = hazards(n_at_risk, n_exits)
    counted = xr.Dataset(
        {
            "hazard": hazard,
            "survival": survival.survival(hazard),
            "cumulative_incidence": survival.cumulative_incidence(hazard),
            "n_at_risk": n_at_risk,
            "n_exits": n_exits,
        }
    )
    return counted.assign(standard_error=np.sqrt(_variance(counted)))


def hazards(n_at_risk: xr.DataArray, n_exits: xr.DataArray) -> xr.DataArray:
    """Share of the persons at risk that leaves through each exit at each time.

    Parameters
    ----------
    n_at_risk : DataArray, dims (..., month)
        As for :func:`from_counts`; further dimensions hold several sets of persons.
    n_exits : DataArray, dims (..., exit, month)
        As for :func:`from_counts`.

    Returns
    -------
    DataArray, dims (..., exit, month)
        Probability in [0, 1]; 0 where nobody is at risk.

    Raises
    ------
    DomainError
        As for :func:`from_counts`.

    Examples
    --------
    >>> n_exits = xr.DataArray([[1, 0], [0, 1]], dims=("exit", "month"))
    >>> hazards(xr.DataArray([4, 2], dims="month"), n_exits).values.tolist()
    [[0.25, 0.0], [0.0, 0.5]]
    """
    _check(n_at_risk, n_exits)
    return (n_exits / n_at_risk.where(n_at_risk > 0, 1)).transpose(..., "exit", "month")


def _check(n_at_risk: xr.DataArray, n_exits: xr.DataArray) -> None:
    time = n_at_risk["month"]
    if not time.equals(n_exits["month"]) or not bool((time.diff("month") > 0).all()):
        raise DomainError("times must increase, and be the same for persons at risk and leaving.")
    if not bool((n_exits >= 0).all() & (n_exits.sum("exit") <= n_at_risk).all()):
        raise DomainError("persons leaving must be 0 or more, and at most the persons at risk.")


def _variance(counted: xr.Dataset) -> xr.DataArray:
    """Sum over risk sets in :func:`from_counts`, with the powers of G multiplied out."""
    number = counted["n_at_risk"].where(counted["n_at_risk"] > 0, 1)
    leaving = counted["n_exits"].sum("exit")
    staying = (number - leaving).where(leaving < number, np.inf)  # G is 0 once nobody stays
    incidence, hazard = counted["cumulative_incidence"], counted["hazard"]
    before = counted["survival"].shift(month=1, fill_value=1.0)
    square = before**2 * hazard * (1 - hazard) / number
    cross = before * hazard / number
    quadratic = leaving / (number * staying)
    constant = (square + 2 * cross * incidence + quadratic * incidence**2).cumsum("month")
    slope = (cross + quadratic * incidence).cumsum("month")
    variance = constant - 2 * incidence * slope + incidence**2 * quadratic.cumsum("month")
    return variance.clip(min=0.0).transpose("exit", "month")  # rounding below 0
