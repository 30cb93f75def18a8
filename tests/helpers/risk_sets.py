"""The risk sets of a panel, and whether they balance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.data.registers.keys import is_first, is_last


def risk_sets(panel: pd.DataFrame) -> pd.DataFrame:
    """Number of persons at risk in each month, and how they came and went.

    Parameters
    ----------
    panel : DataFrame
        Columns ``person``, ``month`` and ``exit``, sorted by person and month.

    Returns
    -------
    DataFrame, index ``month`` from 1 to the last
        ``n_at_risk``; ``entries`` (first row of a person) and ``back`` (first row after a gap) at
        the start of the month; one column per exit, ``censored`` (last row, without an exit) and
        ``away`` (last row before a gap) at its end. All are counts of persons.

    Notes
    -----
    n(t + 1) = n(t) - exits(t) - censored(t) - away(t) + entries(t + 1) + back(t + 1).

    Examples
    --------
    >>> exits = pd.Categorical(["stay", "assisted", "stay", "stay"], ["stay", "assisted"])
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 1], "month": [1, 2, 1, 3], "exit": exits})
    >>> risk_sets(panel)[["n_at_risk", "assisted", "away", "back", "censored"]].values.tolist()
    [[2, 0, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 1, 1]]
    """
    person, month = panel["person"].to_numpy(), panel["month"].to_numpy()
    first, last = is_first(person), is_last(person)
    gap = ~last & (np.roll(month, -1) != month + 1)
    categories = list(panel["exit"].cat.categories)
    outcome = panel["exit"].cat.codes.to_numpy()
    flags = {"n_at_risk": np.ones(len(month), dtype=np.bool_), "entries": first}
    flags["back"] = np.roll(gap, 1)
    flags |= {name: outcome == code for code, name in enumerate(categories) if name != "stay"}
    flags |= {"censored": last & (outcome == categories.index("stay")), "away": gap}
    n_months = int(month.max()) + 1
    return pd.DataFrame(
        {name: np.bincount(month[flag], minlength=n_months)[1:] for name, flag in flags.items()},
        index=pd.RangeIndex(1, n_months, name="month"),
    )


def balance(sets: pd.DataFrame, exits: list[str], moved: tuple[str, str]) -> pd.Series:
    """n(t + 1) minus what the flows of the months say it is."""
    away, back = moved
    left = sets[[*exits, "censored", away]].sum(axis=1)
    came = sets[["entries", back]].sum(axis=1)
    expected = (sets["n_at_risk"] - left).shift(1, fill_value=0) + came
    return sets["n_at_risk"] - expected
