"""Kaplan-Meier: staying, and not leaving through one exit in a world without the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.special
import xarray as xr

from hazard.baselines import life_table

ANY = "any"
"""Name of leaving through whichever exit."""


def fit(panel: pd.DataFrame, *, level: float = 0.95) -> xr.Dataset:
    """Share still there month by month, and for each exit as if the others were censorings.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.data.contracts.check_panel`.
    level : float
        Of the interval.

    Returns
    -------
    Dataset, dims exit and month
        ``survival`` in [0, 1], ``lower`` and ``upper``, for ``"any"`` and every exit; months count
        from 1 to the last of the panel. The survival of ``"any"`` is that of
        :func:`hazard.baselines.aalen_johansen.fit`. NaN from the first month on in which nobody is
        at risk though somebody was before.

    Notes
    -----
    S(t) is the product over s <= t of 1 - d(s) / n(s). The interval is Greenwood's on the scale of
    log(-log S) (``conf.type = "log-log"`` in R), with V(t) the sum of d / (n (n - d)):

    S ** exp(-+ z sqrt(V) / log S).

    Where nobody has left yet that scale has no such point, and the interval ends at
    :func:`hazard.baselines.life_table.smallest_share`; where nobody is left, both ends are 0.

    Of one exit, 1 - S(t) is **not** the share that leaves through it: it is larger, since who left
    otherwise is taken to go on, unseen, with the rate of those who are still there. It is the share
    in a world where the other exits do not exist and nothing else changes, which no panel can show.
    The share that leaves is the cumulative incidence.

    References
    ----------
    .. [1] Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, Journal
       of the American Statistical Association 53(282).

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 1, 2, 2], "month": [1, 1, 1, 2]})
    >>> exits = ["forced", "assisted", "stay", "forced"]
    >>> panel["exit"] = pd.Categorical(exits, ["stay", "assisted", "forced"])
    >>> fit(panel)["survival"].sel(month=1).values.round(4).tolist()
    [0.3333, 0.6667, 0.6667]
    """
    table = life_table.counts(panel)
    any_exit = table["n_exits"].sum("exit").expand_dims(exit=[ANY])
    leaving = xr.concat([any_exit, table["n_exits"]], "exit")
    number = table["n_at_risk"]
    stays = 1 - leaving / number.where(number > 0, 1)
    staying = stays.cumprod("month")
    remaining = number - leaving
    variance = (leaving / (number * remaining).where(remaining > 0, np.inf)).cumsum("month")
    lower, upper = _limits(staying, variance, level)
    untouched = leaving.cumsum("month") == 0
    lower = lower.where(~untouched, life_table.smallest_share(number, level))
    curves = xr.Dataset({"survival": staying, "lower": lower, "upper": upper})
    return curves.where(life_table.followed(number)).transpose("exit", "month")


def _limits(
    staying: xr.DataArray, variance: xr.DataArray, level: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Greenwood's limits on the scale of log(-log S); S itself where S is 0 or 1."""
    inside = (staying > 0) & (staying < 1)
    log = np.log(staying.where(inside, 0.5))
    reach = float(scipy.special.ndtri(0.5 + level / 2)) * np.sqrt(variance) / log
    lower, upper = (
        (staying ** np.exp(sign * reach)).where(inside, staying) for sign in (-1.0, 1.0)
    )
    return lower, upper
