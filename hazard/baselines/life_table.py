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
        As checked by :func:`hazard.contracts.check_panel`.

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


def _by_month(month: npt.NDArray[np.int64], last: int) -> npt.NDArray[np.int64]:
    return np.bincount(month, minlength=last + 1)[1:]
