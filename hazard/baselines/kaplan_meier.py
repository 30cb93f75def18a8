"""Kaplan-Meier: staying, and not leaving through one exit in a world without the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from lifelines import KaplanMeierFitter
from lifelines.exceptions import StatError

from hazard.errors import EstimandError

ANY = "any"
"""Name of leaving through whichever exit."""


def fit(panel: pd.DataFrame, *, level: float = 0.95) -> xr.Dataset:
    """Share still there month by month, and for each exit as if the others were censorings.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.contracts.check_panel`.
    level : float
        Of the interval.

    Returns
    -------
    Dataset, dims exit and month
        ``survival`` in [0, 1], ``lower`` and ``upper``, for ``"any"`` and every exit; months count
        from 1 to the last of the panel. The survival of ``"any"`` is that of
        :func:`hazard.baselines.aalen_johansen.fit`.

    Raises
    ------
    EstimandError
        If all who are at risk leave in an early month, before others enter.

    Notes
    -----
    S(t) is the product over s <= t of 1 - d(s) / n(s). The interval is Greenwood's on the scale of
    log(-log S), as lifelines makes it (``conf.type = "log-log"`` in R).

    Of one exit, 1 - S(t) is **not** the share that leaves through it: it is larger, since who left
    otherwise is taken to go on, unseen, with the rate of those who are still there. It is the share
    in a world where the other exits do not exist and nothing else changes, which no panel can show.
    The share that leaves is the cumulative incidence.

    References
    ----------
    .. [1] Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, Journal
       of the American Statistical Association 53(282).
    .. [2] Davidson-Pilon (2019), lifelines: survival analysis in Python, Journal of Open Source
       Software 4(40).

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 1, 2, 2], "month": [1, 1, 1, 2]})
    >>> exits = ["forced", "assisted", "stay", "forced"]
    >>> panel["exit"] = pd.Categorical(exits, ["stay", "assisted", "forced"])
    >>> fit(panel)["survival"].sel(month=1).values.round(4).tolist()
    [0.3333, 0.6667, 0.6667]
    """
    spells = _spells(panel)
    months = np.arange(1, int(panel["month"].max()) + 1)
    names = panel["exit"].cat.categories[1:].tolist()
    found = {name: _curve(spells, name, months, level) for name in (ANY, *names)}
    return xr.Dataset(
        {
            quantity: (("exit", "month"), np.stack([each[place] for each in found.values()]))
            for place, quantity in enumerate(("survival", "lower", "upper"))
        },
        coords={"exit": list(found), "month": months},
    )


def _spells(panel: pd.DataFrame) -> pd.DataFrame:
    """Number of persons with the same first and last month in a row, and the exit at its end."""
    person, month = panel["person"].to_numpy(), panel["month"].to_numpy(dtype=np.int64)
    goes_on = (person[1:] == person[:-1]) & (month[1:] == month[:-1] + 1)
    first, last = np.insert(~goes_on, 0, True), np.append(~goes_on, True)
    spells = pd.DataFrame(
        {"first": month[first], "last": month[last], "exit": panel["exit"].to_numpy()[last]}
    )
    return spells.value_counts().rename("persons").reset_index()


def _curve(
    spells: pd.DataFrame, name: str, months: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    leaves = spells["exit"] != "stay" if name == ANY else spells["exit"] == name
    fitter = KaplanMeierFitter(alpha=1 - level)
    try:
        fitter.fit(
            spells["last"],
            leaves,
            entry=spells["first"] - 1,
            weights=spells["persons"],
        )
    except StatError:
        raise EstimandError(
            "panel must keep persons at risk in its early months for Kaplan-Meier; all who were "
            "there left, or there was nobody, before others entered. Leave out these months."
        ) from None
    limits = fitter.confidence_interval_survival_function_
    curves = (fitter.survival_function_, limits.iloc[:, [0]], limits.iloc[:, [1]])
    lower, middle, upper = (
        curve.iloc[:, 0].reindex(months, method="ffill").to_numpy(dtype=np.float64)
        for curve in (curves[1], curves[0], curves[2])
    )
    return middle, lower, upper
