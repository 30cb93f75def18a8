"""What happened around a person some months earlier: exposure histories by row and lag.

A history is a DataArray with the dims (row, lag): 1 if at least so many events happened in the
person's network that many months before the month of the row, 0 if not, NaN if it is unknown and
the rule of the term leaves it so. The person's own events are left out. The network is a group:
all families at the centre, or of the nationality.

History is unknown before the first month of the window, and, for the centre of the time
(``"then"``), in a month in which the family lived in no centre. The rule of the term applies to
both: ``missing`` leaves NaN, ``zero`` counts nothing, ``carry`` repeats the earliest known value
after it (that of the next later month that is known).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.errors import HistoryError, PanelError, did_you_mean
from hazard.registers import Histories, Window
from hazard.registers.keys import NEVER, IntArray, earliest, find, is_first, pack, positions
from hazard.spec import LaggedTerm

HistoryCentre = Literal["current", "then"]
FloatArray = npt.NDArray[np.float32]
_OWN = "own"


def register_histories(
    panel: pd.DataFrame,
    histories: Histories,
    terms: Sequence[LaggedTerm],
    *,
    history_centre: HistoryCentre = "current",
) -> dict[str, xr.DataArray]:
    """Exposure histories of all lagged terms of a panel that was made from the registers.

    Parameters
    ----------
    panel : DataFrame
        As from ``panel.build``.
    histories : Histories
    terms : sequence of LaggedTerm
    history_centre : {"current", "then"}
        As for :func:`peer_histories`; here the centre of the time is also known before the family
        was at risk.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)
    """
    peers = [term for term in terms if term.network != _OWN]
    lived = histories.residence if history_centre == "then" else None
    found = _peer_histories(panel, histories.events, peers, histories.window, lived)
    found |= {term.name: own_history(panel, term) for term in terms if term.network == _OWN}
    return {term.name: found[term.name] for term in terms}


def peer_histories(
    panel: pd.DataFrame,
    events: pd.DataFrame,
    terms: Sequence[LaggedTerm],
    *,
    window: Window,
    history_centre: HistoryCentre = "current",
) -> dict[str, xr.DataArray]:
    """Whether at least so many events happened to others of the same group some months before.

    Parameters
    ----------
    panel : DataFrame
        Columns ``person``, ``calendar`` and one categorical column per network, sorted by person
        and month.
    events : DataFrame
        ``person`` (as in the panel, or anybody else), ``exposure``, ``calendar`` and one column per
        network. An event without a group counts for no group; several of a person in a month count
        once; events outside the window do not count.
    terms : sequence of LaggedTerm
        ``network`` names the group: ``centre`` or ``nationality``.
    window : Window
        Months in which the events are registered; the rows lie within it.
    history_centre : {"current", "then"}
        The group of the row, or, for the network ``centre``, the one of the person's row of that
        earlier month. Months without a row of the person are unknown history:
        :func:`register_histories` knows more.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)
        By the name of the term, float32: 1, 0, or NaN for unknown history.

    Raises
    ------
    PanelError
        If a column is missing.
    HistoryError
        If no event can have the exposure of a term, or a row lies outside the window.

    Notes
    -----
    x(i, l) = 1 if N(g, t - l) - own(i, g, t - l) >= at_least, with N the number of families of the
    group g with an event in the month.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "calendar": [420, 421, 421]})
    >>> panel["centre"] = pd.Categorical(["A", "A", "A"])
    >>> events = panel.iloc[[1]].assign(exposure="visit")  # of person 0, in month 421
    >>> window = Window(420, 421, 421)
    >>> peer_histories(panel, events, [term], window=window)["visit_centre"].values
    array([[ 0., nan],
           [ 0.,  0.],
           [ 1.,  0.]], dtype=float32)
    """
    lived = panel if history_centre == "then" else None
    return _peer_histories(panel, events, terms, window, lived)


def own_history(panel: pd.DataFrame, term: LaggedTerm) -> xr.DataArray:
    """Whether the person's own value of a column was large enough some months before.

    Parameters
    ----------
    panel : DataFrame
        Columns ``person``, ``month`` and the numeric column ``term.exposure``, sorted by person and
        month.
    term : LaggedTerm

    Returns
    -------
    DataArray, dims (row, lag)
        1 if the value ``lag`` months earlier is at least ``term.at_least``, 0 if it is less, by the
        number of the month, not of the row. Unknown are months without a row and missing values;
        the rule of the term applies to them.

    Raises
    ------
    PanelError
        If the column is missing.
    HistoryError
        If it does not hold numbers.

    Examples
    --------
    >>> from hazard.spec import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="work", network="own", lags=(1, 2),
    ...                   history_before_start="missing", prior=prior)
    >>> panel = pd.DataFrame({"person": 0, "month": [1, 2, 4], "work": [1, 0, 1]})
    >>> own_history(panel, term).values
    array([[nan, nan],
           [ 1., nan],
           [nan,  0.]], dtype=float32)
    """
    _need(panel, ["person", "month", term.exposure])
    column = panel[term.exposure]
    if not pd.api.types.is_numeric_dtype(column):
        raise HistoryError(f"panel column '{term.exposure}' must hold numbers; got another type.")
    person, _ = _persons(panel)
    keys = pack(person, panel["month"].to_numpy(dtype=np.int64))
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    reached = np.where(np.isnan(values), np.nan, values >= term.at_least).astype(np.float32)
    by_lag = np.append(reached, np.float32(np.nan))
    lagged = [by_lag[find(keys, keys - lag)] for lag in range(term.lags[1] + 1)]
    return _ruled(np.column_stack(lagged), term)


# --- as columns of a file -----------------------------------------------------------------------
def to_columns(histories: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Histories as the columns of a file, ``{exposure}_{network}_lag{l}``; NaN is an empty cell.

    Examples
    --------
    >>> history = xr.DataArray([[0.0, 1.0]], dims=("row", "lag"), coords={"lag": [0, 1]})
    >>> list(to_columns({"visit_centre": history}))
    ['visit_centre_lag0', 'visit_centre_lag1']
    """
    return pd.DataFrame(
        {
            _column(name, lag): history.sel(lag=lag).values
            for name, history in histories.items()
            for lag in history["lag"].values
        }
    )


def from_columns(frame: pd.DataFrame, terms: Sequence[LaggedTerm]) -> dict[str, xr.DataArray]:
    """Histories of the terms from the columns of a file, as :func:`to_columns` writes them.

    Parameters
    ----------
    frame : DataFrame
        One row per row of the panel.
    terms : sequence of LaggedTerm
        The rule of the term applies to empty cells; ``at_least`` is taken as applied.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)

    Raises
    ------
    PanelError
        If columns are missing; one error names all.
    HistoryError
        If a column holds anything but 0, 1 and empty cells.
    """
    _need(frame, [_column(term.name, lag) for term in terms for lag in _lags(term)])
    return {term.name: _from_columns(frame, term) for term in terms}


def _from_columns(frame: pd.DataFrame, term: LaggedTerm) -> xr.DataArray:
    names = [_column(term.name, lag) for lag in _lags(term)]
    strange = [name for name in names if not (frame[name].isna() | frame[name].isin([0, 1])).all()]
    if strange:
        raise HistoryError(f"columns {strange} must hold 0, 1 or empty cells; got other values.")
    return _ruled(frame[names].to_numpy(dtype=np.float32, na_value=np.nan), term)


def _column(name: str, lag: int) -> str:
    return f"{name}_lag{lag}"


def _lags(term: LaggedTerm) -> range:
    return range(term.lags[0], term.lags[1] + 1)


def _need(frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in dict.fromkeys(names) if name not in frame.columns]
    if missing:
        msg = f"table must have the columns {missing}; they are missing."
        raise PanelError(msg + did_you_mean(missing[0], frame.columns))


def _ruled(values: FloatArray, term: LaggedTerm) -> xr.DataArray:
    """Apply the rule for unknown history; the last columns are the lags of the term."""
    if term.history_before_start == "zero":
        values = np.nan_to_num(values, nan=0.0)
    if term.history_before_start == "carry":
        for lag in range(1, values.shape[1]):
            unknown = np.isnan(values[:, lag])
            values[unknown, lag] = values[unknown, lag - 1]
    lags = list(_lags(term))
    return xr.DataArray(
        values[:, -len(lags) :], dims=("row", "lag"), coords={"lag": lags}, name=term.name
    )


# --- events of others ---------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of the panel: person as position among ``people``, month within the window, group."""

    person: IntArray
    people: IntArray
    month: IntArray
    group: IntArray


@dataclass(frozen=True, eq=False)
class _Lived:
    """Sorted keys of person and month, and the group of each."""

    keys: IntArray
    group: IntArray


@dataclass(frozen=True, eq=False)
class _Events:
    """Number of events per group and month; the own ones of the persons of the panel by key.

    ``first`` and ``last`` bound the months of a person's own events, so that few rows are looked
    up.
    """

    counts: IntArray
    own: _Lived
    first: IntArray
    last: IntArray


def _peer_histories(
    panel: pd.DataFrame,
    events: pd.DataFrame,
    terms: Sequence[LaggedTerm],
    window: Window,
    lived: pd.DataFrame | None,
) -> dict[str, xr.DataArray]:
    networks = list(dict.fromkeys(term.network for term in terms))
    _need(panel, ["person", "calendar", *networks])
    _need(events, ["person", "exposure", "calendar", *networks])
    found = {}
    for network in networks:
        of_then = lived if network == "centre" else None
        labels = (panel if of_then is None else of_then)[network].cat.categories
        rows = _rows(panel, network, labels, window)
        places = None if of_then is None else _lived(of_then, rows, labels, window.first)
        for term in (term for term in terms if term.network == network):
            happened = _events(events, term, rows, labels, window)
            found[term.name] = _ruled(_reached(term, rows, happened, places), term)
    return {term.name: found[term.name] for term in terms}


def _reached(term: LaggedTerm, rows: _Rows, happened: _Events, lived: _Lived | None) -> FloatArray:
    """Indicator per row and lag; from lag 0 where the rule needs the months after."""
    carry = term.history_before_start == "carry"
    lags = range(term.lags[1] + 1) if carry else _lags(term)
    values = np.empty((len(rows.month), len(lags)), dtype=np.float32)
    for column, lag in enumerate(lags):
        month = rows.month - lag
        group = rows.group if lived is None else _group_then(lived, rows.person, month)
        known = (month >= 0) & (group >= 0)
        total = happened.counts[group, month] - _own(happened, rows.person, month, group)
        values[:, column] = np.where(known, total >= term.at_least, np.nan)
    return values


def _group_then(lived: _Lived, person: IntArray, month: IntArray) -> IntArray:
    at = find(lived.keys, pack(person, np.maximum(month, 0)))
    return np.where(month < 0, -1, np.append(lived.group, -1)[at])


def _own(happened: _Events, person: IntArray, month: IntArray, group: IntArray) -> IntArray:
    """Number of the person's own events in the group and month that is looked up: 0 or 1."""
    number = np.zeros(len(person), dtype=np.int64)
    may = np.flatnonzero((month >= happened.first[person]) & (month <= happened.last[person]))
    at = find(happened.own.keys, pack(person[may], month[may]))
    number[may] = (at >= 0) & (np.append(happened.own.group, -1)[at] == group[may])
    return number


def _persons(panel: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Position of the person of each row among the sorted distinct persons, and these."""
    person = panel["person"].to_numpy()
    first = is_first(person)
    return np.cumsum(first) - 1, person[first]


def _rows(panel: pd.DataFrame, network: str, labels: pd.Index, window: Window) -> _Rows:
    person, people = _persons(panel)
    month = panel["calendar"].to_numpy(dtype=np.int64) - window.first
    outside = (month < 0) | (month > window.last - window.first)
    if outside.any():
        raise HistoryError(
            "panel column 'calendar' must lie within the window of the events; got other months "
            f"in {outside.sum():,} of {len(month):,} rows (first: row {outside.argmax() + 1:,})."
        )
    return _Rows(person, people, month, positions(panel[network], labels))


def _lived(lived: pd.DataFrame, rows: _Rows, labels: pd.Index, first: int) -> _Lived:
    person = find(rows.people, lived["person"].to_numpy())
    month = lived["calendar"].to_numpy(dtype=np.int64) - first
    kept = (person >= 0) & (month >= 0)
    keys = pack(person, month)[kept]
    order = np.argsort(keys, kind="stable")
    return _Lived(keys[order], positions(lived["centre"], labels)[kept][order])


def _events(
    events: pd.DataFrame, term: LaggedTerm, rows: _Rows, labels: pd.Index, window: Window
) -> _Events:
    exposures = events["exposure"].astype("category").cat.categories
    if term.exposure not in exposures:
        msg = f"term exposure must be one of {list(exposures)}; got '{term.exposure}'."
        raise HistoryError(msg + did_you_mean(term.exposure, exposures))
    of_term = (events["exposure"] == term.exposure) & events["calendar"].between(*window[:2])
    once = events[of_term].drop_duplicates(["person", "calendar"])
    group = positions(once[term.network], labels)
    month = once["calendar"].to_numpy(dtype=np.int64) - window.first
    n_months = window.last - window.first + 1
    flat = (group * n_months + month)[group >= 0]
    counts = np.bincount(flat, minlength=len(labels) * n_months).reshape(-1, n_months)
    person = find(rows.people, once["person"].to_numpy())
    order = np.lexsort((month, person))
    order = order[(person >= 0)[order]]
    person, month = person[order], month[order]
    return _Events(
        counts=counts,
        own=_Lived(pack(person, month), group[order]),
        first=earliest(person, month, len(rows.people)),
        last=NEVER - earliest(person, NEVER - month, len(rows.people)),
    )
