"""Exposure histories of small registers: as the package finds them, and by loops over dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from small_registers import SlowEvent, SlowFamily, SlowRow, slow_centre, slow_events, slow_families
from small_registers import slow_rows as rows_of

from hazard import exposures
from hazard import panel as panels
from hazard import registers as regs
from hazard.registers import Registers, Window
from hazard.spec import DataSpec, LaggedTerm

NAN = float("nan")
NETWORKS = (
    "centre",
    "nationality",
    "centre_nationality",
    "centre_other",
    "nationality_elsewhere",
)


@dataclass(frozen=True)
class Dated:
    """Families and rows at risk by name; events by kind and month. All are known in all months."""

    families: dict[str, SlowFamily]
    rows: dict[str, list[SlowRow]]
    events: dict[tuple[str, int], list[SlowEvent]]
    window: Window


def dated(given: Registers, data: DataSpec) -> Dated:
    """What happened, and ``resident`` events: where every family lived, or nowhere."""
    families = dict(sorted(slow_families(given, data).items()))
    rows = {name: rows_of(family, data, given.window[:2]) for name, family in families.items()}
    events = defaultdict(list)
    for event in sorted(slow_events(families), key=str):
        events[event[1], event[2]].append(event)
    for month in range(given.window.first, given.window.last + 1):
        events["resident", month] = [
            (name, "resident", month, slow_centre(family, month), family.nationality)
            for name, family in families.items()
        ]
    return Dated(families, rows, events, given.window)


def histories_of(
    given: Registers, terms: Sequence[LaggedTerm], *, centre: str, data: DataSpec
) -> dict[str, xr.DataArray]:
    """Histories that the package finds for the panel of these registers."""
    found = regs.define(given, data)
    residents = _residents(dated(given, data))
    found = replace(found, events=pd.concat([found.events, residents], ignore_index=True))
    panel = panels.build(found)
    return exposures.register_histories(panel, found, terms, history_centre=centre)


def _residents(known: Dated) -> pd.DataFrame:
    """As a frame, families of the sample first, in the order of their names."""
    names = sorted(known.families, key=lambda name: (not known.rows[name], name))
    code = {name: number for number, name in enumerate(names)}
    events = [e for (kind, _), of in known.events.items() if kind == "resident" for e in of]
    columns = ["person", "exposure", "calendar", "centre", "nationality"]
    frame = pd.DataFrame(events, columns=columns)
    return frame.assign(person=frame["person"].map(code))


# --- by loops -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Loops:
    """How the loops look up: a test plants its mistake here."""

    counts: Callable[[SlowEvent, str], bool] = lambda event, family: event[0] != family
    month: Callable[[int, int], int] = lambda calendar, lag: calendar - lag


RIGHT = Loops()


def slow_history(known: Dated, one: LaggedTerm, *, centre: str, loops: Loops = RIGHT) -> np.ndarray:
    """History of a term by loops over families, months at risk, lags and dated events."""
    lines = []
    for name, rows in known.rows.items():
        for _, calendar, now, _ in rows:
            where = now if centre == "current" else None
            by_lag = {
                lag: _told(known, one, (name, calendar, lag), where, loops)
                for lag in range(min(one.lags[0], 0), max(one.lags[1], 0) + 1)
            }
            lines.append(list(_ruled(one, by_lag)))
    return np.array(lines, dtype=np.float32)


def _told(
    known: Dated,
    one: LaggedTerm,
    at: tuple[str, int, int],
    now: str | None,
    loops: Loops,
) -> float | None:
    """Value at (family, month, lag); None if unknown. Without ``now`` the centre is of the time."""
    name, calendar, lag = at
    family, when = known.families[name], calendar - lag
    where = now or slow_centre(family, when)
    if not known.window.first <= when <= known.window.last:
        return None
    if where is None and one.network != "nationality":
        return None

    def seen(kind: str, month: int) -> list[SlowEvent]:
        of_month = known.events.get((kind, month), [])
        same = [(e, e[3] == where, e[4] == family.nationality) for e in of_month]
        return [e for e, centre, nation in same if _inside(one.network, centre, nation)]

    number = sum(loops.counts(e, name) for e in seen(one.exposure, loops.month(calendar, lag)))
    there = sum(e[0] != name for e in seen("resident", when))
    return _measured(one, number, there)


def _inside(network: str, same_centre: bool, same_nationality: bool) -> bool:
    return {
        "centre": same_centre,
        "nationality": same_nationality,
        "centre_nationality": same_centre and same_nationality,
        "centre_other": same_centre and not same_nationality,
        "nationality_elsewhere": same_nationality and not same_centre,
    }[network]


def _measured(one: LaggedTerm, number: int, residents: int) -> float:
    if one.measure == "at_least":
        return float(number >= one.at_least)
    if one.measure == "count":
        return float(number)
    return number / residents if residents else 0.0


def _ruled(one: LaggedTerm, by_lag: dict[int, float | None]) -> Iterator[float]:
    for lag in range(one.lags[0], one.lags[1] + 1):
        # from the lag to the month of the row: the nearest that is known
        way = range(lag, -1, -1) if lag >= 0 else range(lag, 1)
        nearest = next((by_lag[step] for step in way if by_lag[step] is not None), NAN)
        fill = {"zero": 0.0, "missing": NAN, "carry": nearest}[one.history_before_start]
        yield fill if by_lag[lag] is None else by_lag[lag]
