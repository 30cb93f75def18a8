"""What happened around every path, month by month: events of others, before any lag is looked up.

A history tells of the month ``lag`` months before that of the row. On a path nobody moves, so that
all rows of a path see the same months, and one number for every path and month is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import Float32Array, IntArray
from hazard.data.exposures import RESIDENT, HistoryCentre, own_history, register_histories
from hazard.data.exposures.rules import lags
from hazard.data.registers import FamilyHistories
from hazard.data.registers.keys import find, pack, positions
from hazard.errors import EstimandError
from hazard.estimands.interventions.natural_course import impute_after_end
from hazard.estimands.interventions.paths import Paths
from hazard.spec import LaggedTerm

_AS_OBSERVED = {"history_before_start": "missing", "history_before_risk": "observed"}
_BACK = 11  # months before the start that come again when a path goes beyond the panel


@dataclass(frozen=True, eq=False)
class PathEvents:
    """Events of others around every path, as observed.

    Attributes
    ----------
    paths : Paths
    terms : tuple of LaggedTerm
    months : range
        Months of the path in ``counts``: from before the start, where month 0 is the month
        before it, to after the end if a term has leads.
    counts : mapping of str to ndarray of float32, shape (path, month)
        By the name of the term, the number of other families with an event; NaN where it is
        unknown. Of rows without registers it is what they tell: the threshold or 0 for
        ``at_least``, the rate for ``per_resident``.
    imputed : mapping of str to ndarray of float32, shape (path, month)
        The same, where what follows the last row of a person is drawn from those still there.
    others : mapping of str to ndarray of float32, shape (path, month)
        Number of other families of the network, of terms per resident.
    registers : registers.FamilyHistories or None
        The registers, where there are any.
    history_centre : {"current", "then"}
    """

    paths: Paths
    terms: tuple[LaggedTerm, ...]
    months: range
    counts: Mapping[str, Float32Array]
    imputed: Mapping[str, Float32Array]
    others: Mapping[str, Float32Array]
    registers: FamilyHistories | None
    history_centre: HistoryCentre

    @property
    def start(self) -> int:
        """Position of the month of the start."""
        return self.months.index(1)

    def after(self, values: Float32Array) -> Float32Array:
        """Values from the start on."""
        return values[:, self.start :]

    def part(self, selected: slice) -> PathEvents:
        """Some of the paths."""
        return replace(
            self,
            paths=self.paths.part(selected),
            counts={name: values[selected] for name, values in self.counts.items()},
            imputed={name: values[selected] for name, values in self.imputed.items()},
            others={name: values[selected] for name, values in self.others.items()},
        )

    def parts(self, n_paths: int) -> Iterator[PathEvents]:
        """All paths, so many at once."""
        for begin in range(0, len(self.paths.row), n_paths):
            yield self.part(slice(begin, begin + n_paths))


def from_registers(
    paths: Paths,
    registers: FamilyHistories,
    terms: Sequence[LaggedTerm],
    *,
    history_centre: HistoryCentre = "current",
    seed: int = 0,
) -> PathEvents:
    """What the registers know around every path, also after the person left.

    Parameters
    ----------
    paths : Paths
        From the panel of these registers.
    registers : registers.FamilyHistories
    terms : sequence of LaggedTerm
        An ``own`` term is read from the rows of the panel.
    history_centre : {"current", "then"}
        Centre of the months before the start: that of the start, or the one of the time. From the
        start on it is that of the start.
    seed : int
        Of the draws of what follows the last row of a person.

    Returns
    -------
    PathEvents

    Examples
    --------
    The example in the head of :mod:`hazard.estimands.interventions`: what family 0 sees from
    January to April at centre A, where the families 0 and 1 are returned.

    >>> from hazard.estimands.interventions.paths import paths
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> from hazard.data.registers import Window
    >>> term = LaggedTerm(kind="lagged", exposure="forced_return", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> panel = pd.DataFrame({"person": [0, 0, 0, 2], "calendar": [420, 421, 422, 423]})
    >>> panel["centre"] = pd.Categorical(["A"] * 4)
    >>> events = pd.DataFrame({"person": [1, 0], "calendar": [421, 422]})
    >>> events = events.assign(exposure="forced_return", centre=panel["centre"][:2])
    >>> none = pd.DataFrame()  # of the other frames
    >>> registers = FamilyHistories(none, none, none, events, Window(409, 423, 423), none, dict)
    >>> path_events = from_registers(Paths(panel, np.array([0]), 4, {}), registers, [term])
    >>> path_events.counts["forced_return_centre"].tolist(), path_events.months
    ([[0.0, 0.0, 1.0, 0.0, 0.0]], range(0, 5))
    """
    months = _months(paths, terms)
    peers = [term for term in terms if term.network != "own"]
    rates = [term for term in peers if term.measure == "per_resident"]
    counts = event_counts(paths, registers, peers, history_centre=history_centre, months=months)
    residents = [term.model_copy(update={"exposure": RESIDENT}) for term in rates]
    residents_of = event_counts(
        paths, registers, residents, history_centre=history_centre, months=months
    )
    others = {
        term.name: residents_of[resident.name]
        for term, resident in zip(rates, residents, strict=True)
    }
    own_terms = [term for term in terms if term.network == "own"]
    counts |= {term.name: _own_events(paths, term, months) for term in own_terms}
    imputed = counts | _imputed({term.name: counts[term.name] for term in own_terms}, months, seed)
    return PathEvents(
        paths, tuple(terms), months, counts, imputed, others, registers, history_centre
    )


def from_rows(
    paths: Paths,
    histories: Mapping[str, xr.DataArray],
    terms: Sequence[LaggedTerm],
    *,
    seed: int = 0,
) -> PathEvents:
    """What the rows of a ready table tell around every path; months without a row are unknown.

    Parameters
    ----------
    paths : Paths
    histories : mapping of str to DataArray, dims (row, lag)
        Of all rows of the panel.
    terms : sequence of LaggedTerm
        An ``own`` term is read from its column of the panel.
    seed : int
        Of the draws of what follows the last row of a person.

    Returns
    -------
    PathEvents
        Of rows that tell of the same month, the one nearest to the start is believed: its network
        is that of the start.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> panel = pd.DataFrame({"person": [0, 0], "month": [1, 2]})
    >>> history = xr.DataArray([[0.0, 1.0], [1.0, 0.0]], dims=("row", "lag"))
    >>> paths = Paths(panel, np.array([0]), 3, {})
    >>> path_events = from_rows(paths, {"visit_centre": history}, [term])
    >>> path_events.counts["visit_centre"].tolist(), path_events.months
    ([[1.0, 0.0, 1.0, nan]], range(0, 4))
    """
    months = _months(paths, terms)
    counts = {
        term.name: _own_events(paths, term, months)
        if term.network == "own"
        else _of_rows(paths, histories[term.name], term, months)
        for term in terms
    }
    imputed = _imputed(counts, months, seed)
    return PathEvents(paths, tuple(terms), months, counts, imputed, {}, None, "current")


def _imputed(
    counts: Mapping[str, Float32Array], months: range, seed: int
) -> dict[str, Float32Array]:
    return impute_after_end(counts, months.index(1), np.random.default_rng(seed))


def event_counts(
    paths: Paths,
    registers: FamilyHistories,
    terms: Sequence[LaggedTerm],
    *,
    history_centre: HistoryCentre,
    months: range,
) -> dict[str, Float32Array]:
    """Number of other families with an event in months of the path, by the name of the term.

    The months are looked up as lags and leads of the row of the start.

    Returns
    -------
    dict of str to ndarray of float32, shape (path, month)
    """
    starts = paths.starts()
    from_, to = min(months.start, 1 - _BACK), months.stop - 1
    current = _lookup(starts, registers, terms, (from_, to))
    column = (
        paths.calendar(months) - starts["calendar"].to_numpy(dtype=np.int64)[:, None] + 1 - from_
    )
    by_term = {name: np.take_along_axis(values, column, axis=1) for name, values in current.items()}
    if history_centre == "then" and months.start < 1:
        at_the_time = _lookup(starts, registers, terms, (months.start, 0), history_centre="then")
        for name, values in by_term.items():
            values[:, : months.index(1)] = at_the_time[name]
    return by_term


def stock(path_events: PathEvents) -> IntArray:
    """Number of families whom the registers know at the centre, from the start on.

    Returns
    -------
    ndarray of int64, shape (path, month)
    """
    if path_events.registers is None:
        raise EstimandError("number of residents must come from registers; got a ready table.")
    residence = path_events.registers.residents()
    residence = residence[residence["centre"].notna()]
    centres = path_events.paths.panel["centre"].cat.categories
    centre = positions(residence["centre"], centres)
    first, n_months = (
        path_events.registers.window.first,
        np.diff(path_events.registers.window[:2]).item() + 1,
    )
    month = residence["calendar"].to_numpy(dtype=np.int64) - first
    inside = (centre >= 0) & (month >= 0) & (month < n_months)
    flat = (centre * n_months + month)[inside]
    number = np.bincount(flat, minlength=len(centres) * n_months).reshape(-1, n_months)
    row = positions(path_events.paths.starts()["centre"], centres)[:, None]
    calendar = path_events.paths.calendar(path_events.months[path_events.start :])
    return number[row, calendar - first].astype(np.int64)


def _months(paths: Paths, terms: Sequence[LaggedTerm]) -> range:
    back = max([0, *(term.lags[1] for term in terms)])
    ahead = max([0, *(-term.lags[0] for term in terms)])
    return range(1 - back, paths.horizon + ahead + 1)


def _lookup(
    starts: pd.DataFrame,
    registers: FamilyHistories,
    terms: Sequence[LaggedTerm],
    between: tuple[int, int],
    *,
    history_centre: HistoryCentre = "current",
) -> dict[str, Float32Array]:
    """Numbers of events between two months of the path; month m is lag 1 - m of the start."""
    changes = {
        "lags": (1 - between[1], 1 - between[0]),
        "windows": None,
        "measure": "count",
        "at_least": 1,
    } | _AS_OBSERVED
    wide = {term.name: term.model_copy(update=changes) for term in terms}
    distinct_terms = {wide_term.name: wide_term for wide_term in wide.values()}
    values = register_histories(
        starts, registers, list(distinct_terms.values()), history_centre=history_centre
    )
    return {name: values[wide_term.name].values[:, ::-1] for name, wide_term in wide.items()}


def _own_events(paths: Paths, term: LaggedTerm, months: range) -> Float32Array:
    """What the rows of a person say of their own months, that of the row included."""
    update = _AS_OBSERVED | {"lags": (0, term.lags[1]), "windows": None}
    from_now = term.model_copy(update=update)
    return _of_rows(paths, own_history(paths.panel, from_now), from_now, months)


def _of_rows(paths: Paths, history: xr.DataArray, term: LaggedTerm, months: range) -> Float32Array:
    """What the rows of the panel tell of the months of a path; the nearest to the start last."""
    person = paths.panel["person"].to_numpy(dtype=np.int64)
    month = paths.panel["month"].to_numpy(dtype=np.int64)
    keys = pack(person, month)
    values = np.vstack([history.values, np.full((1, history.shape[1]), np.nan)]).astype(np.float32)
    number = np.full((len(paths.row), len(months)), np.nan, dtype=np.float32)
    for ahead in reversed(range(months.stop + max(term.lags[1], 0))):
        row = find(
            keys, pack(person[paths.row], month[paths.row] + ahead)
        )  # -1 is a row without values
        for place, lag in enumerate(lags(term)):
            if ahead + 1 - lag in months:
                column = number[:, months.index(ahead + 1 - lag)]
                np.copyto(column, values[row, place], where=~np.isnan(values[row, place]))
    return number * np.float32(term.at_least)
