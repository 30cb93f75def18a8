"""Numbers at risk, entering, leaving and lost from sight, month by month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr


def counts(panel: pd.DataFrame) -> xr.Dataset:
    """Risk set of every month and what happened to it.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.data.contracts.check_panel`.

    Returns
    -------
    Dataset, dims exit and month (1 to the last month of the panel)
        ``n_at_risk`` (month): persons with a row in the month; ``n_entered`` (month): those
        without a row in the month before; ``n_exits`` (exit, month); ``n_censored`` (month): those
        who neither leave nor have a row in the next month. All int64, and
        n_at_risk(t + 1) = n_at_risk(t) - sum of n_exits(t) - n_censored(t) + n_entered(t + 1).

    Notes
    -----
    A person who is absent for some months counts as censored before them and as entered after.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 2]})
    >>> panel["exit"] = pd.Categorical(["stay", "assisted", "stay"], ["stay", "assisted"])
    >>> table = counts(panel)
    >>> table["n_at_risk"].values.tolist(), table["n_entered"].values.tolist()
    ([1, 2], [1, 1])
    """
    person, month = panel["person"].to_numpy(), panel["month"].to_numpy(dtype=np.int64)
    code = panel["exit"].cat.codes.to_numpy(dtype=np.int64)
    exits = panel["exit"].cat.categories[1:].to_numpy(dtype=str)
    goes_on = (person[1:] == person[:-1]) & (month[1:] == month[:-1] + 1)
    seen_next = np.append(goes_on, False)
    seen_before = np.insert(goes_on, 0, False)
    last = int(month.max())
    by_exit = np.bincount(code * (last + 1) + month, minlength=(last + 1) * (1 + len(exits)))
    return xr.Dataset(
        {
            "n_at_risk": ("month", _by_month(month, last)),
            "n_entered": ("month", _by_month(month[~seen_before], last)),
            "n_exits": (("exit", "month"), by_exit.reshape(-1, last + 1)[1:, 1:]),
            "n_censored": ("month", _by_month(month[~seen_next & (code == 0)], last)),
        },
        coords={"exit": exits, "month": np.arange(1, last + 1)},
    )


def followed(n_at_risk: xr.DataArray) -> xr.DataArray:
    """Months up to which it is known what share is still there.

    Parameters
    ----------
    n_at_risk : DataArray, dims (month,)

    Returns
    -------
    DataArray of bool, dims (month,)
        False from the first month on in which nobody is at risk though somebody was before: what
        happens in it is unknown, and so is what share reaches the months after it. Before the first
        person at risk it is true: whoever is seen then had stayed until then.

    Examples
    --------
    >>> followed(xr.DataArray([0, 3, 2, 0, 1], dims="month")).values.tolist()
    [True, True, True, False, False]
    """
    begun = (n_at_risk > 0).cumsum("month") > 0
    return ((n_at_risk == 0) & begun).cumsum("month") == 0


def gaps(n_at_risk: xr.DataArray) -> list[int]:
    """Months in which nobody is at risk, though before and after them somebody is.

    Examples
    --------
    >>> gaps(xr.DataArray([0, 3, 0, 1, 0], {"month": [1, 2, 3, 4, 5]}, "month"))
    [3]
    """
    months = n_at_risk["month"].values
    inside = months[n_at_risk.values > 0]
    empty = months[n_at_risk.values == 0]
    within = (empty > inside.min()) & (empty < inside.max())
    return [int(month) for month in empty[within]]


def smallest_share(n_at_risk: xr.DataArray, level: float) -> xr.DataArray:
    """Lower limit of the share that is still there where nobody has left yet.

    Parameters
    ----------
    n_at_risk : DataArray, dims (..., month)
    level : float
        Of an interval with two ends; the upper one is 1.

    Returns
    -------
    DataArray, same dims
        In [0, 1), non-increasing in ``month``; 0 where nobody was at risk yet.

    Notes
    -----
    ((1 - level) / 2) ** (1 / n) with n the smallest number at risk so far: of n persons, none
    leaves with the probability S**n if the share S stays, and a month with more persons at risk
    makes that smaller only. Of one month it is the limit of Clopper and Pearson [1]_. An interval
    from the variance has no width here, as if two persons who stayed told that nobody ever leaves.

    References
    ----------
    .. [1] Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the
       case of the binomial, Biometrika 26(4).

    Examples
    --------
    >>> smallest_share(xr.DataArray([2, 1, 5], dims="month"), 0.95).values.round(3).tolist()
    [0.158, 0.025, 0.025]
    """
    number = n_at_risk.where(n_at_risk > 0, np.inf).astype(np.float64)
    axis = number.get_axis_num("month")
    fewest = number.copy(data=np.minimum.accumulate(number.values, axis=axis))
    share = ((1 - level) / 2) ** (1 / fewest)
    return share.where(np.isfinite(fewest), 0.0)


def _by_month(month: npt.NDArray[np.int64], last: int) -> npt.NDArray[np.int64]:
    return np.bincount(month, minlength=last + 1)[1:]
