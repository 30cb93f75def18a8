"""How many families an event happened to: those at risk around it, themselves not included."""

from __future__ import annotations

import numpy as np

from hazard.arrays import BoolArray, FloatArray
from hazard.errors import EstimandError
from hazard.fitting.records import Panel
from hazard.spec import LaggedTerm

_COLUMNS = {
    "centre": ("centre",),
    "nationality": ("nationality",),
    "centre_nationality": ("centre", "nationality"),
}


def residents_of_events(rows: Panel, term: LaggedTerm) -> FloatArray:
    """Number of other families at risk in the network of every event, in its month.

    Parameters
    ----------
    rows : Panel
        From registers.
    term : LaggedTerm
        An event is a month in which its threshold was reached in a network, within the months of
        the panel.

    Returns
    -------
    ndarray, shape (event,)
        Whole numbers; 0 where an event was seen by nobody at risk.

    Raises
    ------
    EstimandError
        If the rows came without registers, or the network of the term is not a group of families.
    """
    columns = _COLUMNS.get(term.network)
    if rows.registers is None or columns is None:
        raise EstimandError(
            f"residents of term {term.name!r} must be counted from registers, for a network of "
            f"{list(_COLUMNS)}; got a ready table, or the network {term.network!r}. State their "
            "number in the estimand."
        )
    key = [*columns, "calendar"]
    panel = rows.frame[["person", *key]].astype(dict.fromkeys(columns, str))
    events = rows.registers.events
    events = events[events["exposure"] == term.exposure].dropna(subset=list(columns))
    events = events[["person", *key]].astype(dict.fromkeys(columns, str))
    events = events[events["calendar"].between(panel["calendar"].min(), panel["calendar"].max())]
    happened = events.groupby(key).size()
    happened = happened[happened >= term.at_least]
    at_risk = panel.groupby(key).size().reindex(happened.index, fill_value=0)
    with_event = panel.merge(events, on=["person", *key]).groupby(key).size()
    others = at_risk - with_event.reindex(happened.index, fill_value=0)
    return np.asarray(others, dtype=np.float64)


def has_own_event(rows: Panel, term: LaggedTerm) -> BoolArray:
    """Rows of persons who have the event themselves in that month.

    Parameters
    ----------
    rows : Panel
    term : LaggedTerm

    Returns
    -------
    ndarray of bool, shape (row,)
        All False for a ready table, which does not tell of them.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 6),
    ...                   history_before_start="missing", prior=prior)
    >>> import pandas as pd
    >>> has_own_event(Panel(pd.DataFrame({"person": [0, 1]}), {}, pd.DataFrame(), "table"), term)
    array([False, False])
    """
    if rows.registers is None:
        return np.zeros(len(rows.frame), dtype=np.bool_)
    key = ["person", "calendar"]
    events = rows.registers.events
    events = events.loc[events["exposure"] == term.exposure, key].drop_duplicates()
    matched = rows.frame[key].merge(events.assign(own=True), on=key, how="left")
    return matched["own"].notna().to_numpy()


def mean_residents(rows: Panel, term: LaggedTerm, stated: float | str) -> float | None:
    """Mean number of families to whom an event happens: as stated, or as observed.

    Parameters
    ----------
    rows : Panel
    term : LaggedTerm
    stated : float or str
        A number, or ``observed``.

    Returns
    -------
    float or None
        None where it is to be observed and cannot be.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="own", lags=(0, 6),
    ...                   history_before_start="missing", prior=prior)
    >>> import pandas as pd
    >>> none = pd.DataFrame()
    >>> mean_residents(Panel(none, {}, none, "table"), term, 20.0)
    20.0
    """
    if not isinstance(stated, str):
        return float(stated)
    if rows.registers is None or term.network not in _COLUMNS:
        return None
    residents = residents_of_events(rows, term)
    return float(residents.mean()) if len(residents) else None
