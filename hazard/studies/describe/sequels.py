"""What came after forced returns (Table 2-2), and who came back to the registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from hazard.data.registers import FamilyHistories
from hazard.studies.describe.series import FAMILIES, Record, exits_of, record

TABLE = "Table 2-2"
WINDOWS = ((0, 3), (4, 6), (7, 12))
"""Months since a forced return, both included, as in the report."""


def after_events(
    panel: pd.DataFrame, histories: Mapping[str, xr.DataArray], network: str
) -> Iterator[Record]:
    """Relative change of the probability of each exit after forced returns in a network.

    Parameters
    ----------
    panel : DataFrame
    histories : mapping of str to DataArray, dims (row, lag)
        Rows as in the panel; only ``forced_return_{network}`` is used.
    network : {"centre", "nationality"}

    Yields
    ------
    dict
        ``relative_change``: -0.1 is a probability ten percent lower than the mean.

    Notes
    -----
    p(exit | at least one forced return of another family of the network between a and b months
    earlier, both included) / p(exit) - 1, each a number of exits per family-month. The windows are
    0-3, 4-6 and 7-12 months; a family-month can lie in several. The report compares with the mean
    over all family-months (the note of its table), not with those without a return, and does not
    say whether the family's own return counts; here it does not. A family-month of which part of
    the window is unknown counts when a return is known in the other part.
    """
    name = f"forced_return_{network}"
    for first, last in WINDOWS:
        where = {"level": f"{network} {first}-{last}"}
        window = range(first, last + 1)
        lags = histories[name]["lag"].to_numpy() if name in histories else np.array([])
        if not np.isin(window, lags).all():
            reason = f"no history of forced returns at lags {first} to {last}"
            yield record(TABLE, "relative_change", np.nan, "", skipped=reason, **where)
            continue
        after = (histories[name].sel(lag=list(window)) == 1).any("lag").to_numpy()
        for kind in exits_of(panel):
            yield _change(panel, after, {"exit": kind, **where})


def _change(panel: pd.DataFrame, after: np.ndarray, where: dict[str, str]) -> Record:
    is_exit = (panel["exit"] == where["exit"]).to_numpy()
    if not after.any() or not is_exit.any():
        reason = "no family-month after a forced return" if is_exit.any() else "no such exit"
        return record(TABLE, "relative_change", np.nan, "", skipped=reason, **where)
    value = is_exit[after].mean() / is_exit.mean() - 1
    n = panel.loc[after, "person"].nunique()
    return record(TABLE, "relative_change", value, "relative change", n_persons=n, **where)


def reappearances(histories: FamilyHistories) -> Record:
    """Families that lived in a centre again after they had left.

    Notes
    -----
    A family came back if it lived in a centre in a month that follows its first exit and, after
    that exit, a month in no centre. Months to the end of the follow-up count.
    """
    exit_calendar = pd.Series(
        histories.exits["calendar"].to_numpy(), index=histories.exits["person"]
    )
    residence = histories.residence[["person", "calendar"]]
    exit_month = residence["person"].map(exit_calendar)
    later = residence[residence["calendar"] > exit_month]
    rank = later.groupby("person").cumcount() + 1
    back = later.loc[later["calendar"] > exit_month[later.index] + rank, "person"].nunique()
    return record("Section 2.3", "reappearances", back, FAMILIES, n_persons=back)
