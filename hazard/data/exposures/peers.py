"""What happened to other families of the network: histories of every peer network and measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import BoolArray, Float32Array, IntArray
from hazard.data.exposures.families import CodedRows, FamilyCounts, Layer, families, rows
from hazard.data.exposures.own import own_history
from hazard.data.exposures.rules import looked_up, need, ruled, since_risk
from hazard.data.registers import FamilyHistories, Window
from hazard.errors import HistoryError, did_you_mean
from hazard.spec import LaggedTerm

HistoryCentre = Literal["current", "then"]
RESIDENT = "resident"
_OWN = "own"
_BOTH = ("centre", "nationality")
_PARTS: dict[str, tuple[Layer, ...]] = {
    "centre_nationality": (_BOTH,),
    "centre_other": (("centre",), _BOTH),
    "nationality_elsewhere": (("nationality",), _BOTH),
}
_ROWS_AT_ONCE = 2**16  # so that what is held per row and lag stays in the cache


def register_histories(
    panel: pd.DataFrame,
    histories: FamilyHistories,
    terms: Sequence[LaggedTerm],
    *,
    history_centre: HistoryCentre = "current",
) -> dict[str, xr.DataArray]:
    """Exposure histories of all lagged terms of a panel that was made from the registers.

    Parameters
    ----------
    panel : DataFrame
        As from ``panel.build``.
    histories : FamilyHistories
        Only the measure ``per_resident`` asks for its residents.
    terms : sequence of LaggedTerm
    history_centre : {"current", "then"}
        As for :func:`peer_histories`; here the centre of the time is also known before the family
        was at risk.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)
    """
    peers = [term for term in terms if term.network != _OWN]
    _check_columns(panel, histories.events, peers)
    residence = histories.residence if history_centre == "then" else None

    def once(exposure: str) -> pd.DataFrame:
        if exposure == RESIDENT:
            return histories.residents()
        return _once(histories.events, exposure, histories.window)

    histories_by_term = _peer_histories(panel, once, peers, histories.window, residence)
    histories_by_term |= {
        term.name: own_history(panel, term) for term in terms if term.network == _OWN
    }
    return {term.name: histories_by_term[term.name] for term in terms}


def peer_histories(
    panel: pd.DataFrame,
    events: pd.DataFrame,
    terms: Sequence[LaggedTerm],
    *,
    window: Window,
    history_centre: HistoryCentre = "current",
) -> dict[str, xr.DataArray]:
    """What happened to others of the same network some months before or after.

    Parameters
    ----------
    panel : DataFrame
        Columns ``person``, ``calendar`` and one categorical column per group (``centre``,
        ``nationality``, or any other that a term names), sorted by person and month.
    events : DataFrame
        ``person`` (as in the panel, or anybody else), ``exposure``, ``calendar`` and one column per
        group. An event without a group counts for no group; several of a person in a month count
        once; events outside the window do not count. The measure ``per_resident`` needs one row
        more per family and month, with the exposure ``resident``: all families that the register
        knows in the month, without a centre if they lived in none.
    terms : sequence of LaggedTerm
        ``network`` is one of those in the head of :mod:`hazard.data.exposures`, or a column.
    window : Window
        Months in which the events are registered; the rows lie within it.
    history_centre : {"current", "then"}
        The centre of the row, or the one of the person's row of that other month. Months without
        a row of the person are unknown history: :func:`register_histories` knows more.

    Returns
    -------
    dict of str to DataArray, dims (row, lag)
        By the name of the term, float32; NaN for unknown history.

    Raises
    ------
    PanelError
        If a column is missing.
    HistoryError
        If no event can have the exposure of a term, a row lies outside the window, or more
        families have an event than are resident.

    Notes
    -----
    x(i, l) = N(g, t - l) - own(i, g, t - l), with N the number of families of the group g with an
    event in the month; as an indicator, x(i, l) >= at_least; per resident, x(i, l) / R(i, l), with
    R the same difference for the residents, and 0 for 0 / 0. The networks ``centre_other`` and
    ``nationality_elsewhere`` are differences of two such groups, so that an event of a family whose
    nationality is unknown counts as one of another nationality.

    Examples
    --------
    The example in the head of :mod:`hazard.data.exposures`; person 0 is the one of the row, and the
    persons 6 and 7 have no event.

    >>> from hazard.spec.priors.normal import NormalPrior
    >>> iraq, iran = "Irak", "Iran"
    >>> everyone = pd.DataFrame({"person": range(8), "calendar": 420, "exposure": "resident"})
    >>> everyone["centre"] = pd.Categorical(["A", "A", "A", "A", "B", None, "A", "A"])
    >>> everyone["nationality"] = pd.Categorical(
    ...     [iraq, iraq, iraq, iran, iraq, iraq, iraq, iran])
    >>> events = pd.concat([everyone, everyone[:6].assign(exposure="visit")])
    >>> window = Window(420, 420, 420)
    >>> def value(network, measure, at_least=1):
    ...     prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    ...     term = LaggedTerm(kind="lagged", exposure="visit", network=network, measure=measure,
    ...                       at_least=at_least, lags=(0, 0), history_before_start="missing",
    ...                       prior=prior)
    ...     histories = peer_histories(everyone[:1], events, [term], window=window)
    ...     return float(histories[term.name][0, 0])
    >>> networks = ["centre", "nationality", "centre_nationality", "centre_other",
    ...             "nationality_elsewhere"]
    >>> [value(network, "count") for network in networks]
    [3.0, 4.0, 2.0, 1.0, 2.0]
    >>> [round(value(network, "per_resident"), 2) for network in networks]
    [0.6, 0.8, 0.67, 0.5, 1.0]
    >>> [value(network, "at_least", at_least=3) for network in networks]
    [1.0, 1.0, 0.0, 0.0, 0.0]
    """
    _check_columns(panel, events, terms)
    residence = panel if history_centre == "then" else None
    return _peer_histories(
        panel, lambda exposure: _once(events, exposure, window), terms, window, residence
    )


def _peer_histories(
    panel: pd.DataFrame,
    once: Callable[[str], pd.DataFrame],
    terms: Sequence[LaggedTerm],
    window: Window,
    residence: pd.DataFrame | None,
) -> dict[str, xr.DataArray]:
    if not terms:
        return {}
    of_panel = rows(panel, _columns(terms), window, residence)
    counted = dict.fromkeys(
        (exposure, layer) for term in terms for exposure in _counted(term) for layer in layers(term)
    )
    frames = {
        exposure: once(exposure) for exposure in dict.fromkeys(exposure for exposure, _ in counted)
    }
    counts = {
        (exposure, layer): families(frames[exposure], layer, of_panel)
        for exposure, layer in counted
    }
    histories = {term.name: _history(term, of_panel, counts) for term in terms}
    return {term.name: since_risk(histories[term.name], panel, term) for term in terms}


def _check_columns(panel: pd.DataFrame, events: pd.DataFrame, terms: Sequence[LaggedTerm]) -> None:
    need(panel, ["person", "calendar", *_columns(terms)])
    need(events, ["person", "exposure", "calendar", *_columns(terms)])


def _columns(terms: Sequence[LaggedTerm]) -> list[str]:
    """Columns that make the groups of the terms."""
    return list(dict.fromkeys(name for term in terms for part in layers(term) for name in part))


def layers(term: LaggedTerm) -> tuple[Layer, ...]:
    """Columns of the groups whose families are seen, layer by layer.

    Parameters
    ----------
    term : LaggedTerm
        With a network of others.

    Returns
    -------
    tuple of tuple of str
        Families of a second layer are taken away from the first.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre_other", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> layers(term)
    (('centre',), ('centre', 'nationality'))
    """
    return _PARTS.get(term.network, ((term.network,),))


def _counted(term: LaggedTerm) -> tuple[str, ...]:
    return (term.exposure, RESIDENT) if term.measure == "per_resident" else (term.exposure,)


def _once(events: pd.DataFrame, exposure: str, window: Window) -> pd.DataFrame:
    """Rows of an exposure within the window, one per person and month."""
    exposures = events["exposure"].astype("category").cat.categories
    if exposure == RESIDENT and exposure not in exposures:
        raise HistoryError(
            "events must hold every family and month with the exposure 'resident' for the measure "
            "'per_resident'; got none."
        )
    if exposure not in exposures:
        msg = f"term exposure must be one of {list(exposures)}; got '{exposure}'."
        raise HistoryError(msg + did_you_mean(exposure, exposures))
    of_exposure = (events["exposure"] == exposure) & events["calendar"].between(*window[:2])
    return events[of_exposure].drop_duplicates(["person", "calendar"])


CountsByLayer = Mapping[tuple[str, Layer], FamilyCounts]


def _history(term: LaggedTerm, of_panel: CodedRows, counts: CountsByLayer) -> xr.DataArray:
    lags = looked_up(term)
    values = np.empty((len(of_panel.month), len(lags)), dtype=np.float32)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        part = of_panel.part(chunk)
        for column, lag in enumerate(lags):
            values[chunk, column] = _values(term, part, counts, lag)
    if term.measure == "per_resident":
        _check_residents(values)
    return ruled(values, lags, term)


def _check_residents(values: Float32Array) -> None:
    more = np.isinf(values).any(axis=1)
    if more.any():
        raise HistoryError(
            "residents of a network must be at least as many as its families with an event; got "
            f"fewer in {more.sum():,} of {len(more):,} rows (first: row {more.argmax() + 1:,})."
        )


def _values(term: LaggedTerm, part: CodedRows, counts: CountsByLayer, lag: int) -> Float32Array:
    """Value of every row at one lag; NaN where it is unknown, infinite for more than everybody."""
    month = part.month - lag
    known: BoolArray = (month >= 0) & (month < part.n_months)
    month = np.where(known, month, 0)
    groups = {layer: part.group(layer, month) for layer in layers(term)}
    for group in groups.values():
        known &= group >= 0
    number, *residents = [
        _others(exposure, part, month, groups, counts) for exposure in _counted(term)
    ]
    value = (number >= term.at_least if term.measure == "at_least" else number).astype(np.float32)
    for n_others in residents:
        value /= np.maximum(n_others, 1)
        value[number > n_others] = np.inf
    value[~known] = np.nan
    return value


def _others(
    exposure: str,
    part: CodedRows,
    month: IntArray,
    groups: Mapping[Layer, IntArray],
    counts: CountsByLayer,
) -> IntArray:
    total, *excluded = [
        counts[exposure, layer].others(part.person, month, group) for layer, group in groups.items()
    ]
    return total - sum(excluded)
