"""Exposure histories of small registers: as the package finds them, and by loops over dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hazard.data import exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import Registers, Window
from hazard.spec import DataSpec, LaggedTerm
from small_registers import (
    DATES,
    Person,
    SlowEvent,
    SlowFamily,
    SlowRow,
    slow_centre,
    slow_events,
    slow_families,
)
from small_registers import month as month_of_day
from small_registers import slow_rows as rows_of

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
    """Families and rows at risk by name; events by kind and month."""

    families: dict[str, SlowFamily]
    rows: dict[str, list[SlowRow]]
    events: dict[tuple[str, int], list[SlowEvent]]
    window: Window


def dated(given: Registers, data: DataSpec) -> Dated:
    """What happened, and ``resident`` events: where every known family lived, or nowhere."""
    families = dict(sorted(slow_families(given, data).items()))
    rows = {name: rows_of(family, data, given.window[:2]) for name, family in families.items()}
    events = defaultdict(list)
    for event in sorted(slow_events(families), key=str):
        events[event[1], event[2]].append(event)
    known = slow_known_months(given)
    for month in range(given.window.first, given.window.last + 1):
        events["resident", month] = [
            (name, "resident", month, slow_centre(family, month), family.nationality)
            for name, family in families.items()
            if month in known[name]
        ]
    return Dated(families, rows, events, given.window)


def slow_known_months(given: Registers) -> dict[str, range]:
    """Months in which the registers know of a family, by loops over dated rows."""
    family_of = dict(zip(given.persons["person_id"], given.persons["family_id"], strict=True))
    dates, returns, open_stays = defaultdict(list), defaultdict(list), defaultdict(list)
    for table, frame in given.tables.items():
        for row in frame.to_dict("records"):
            family = family_of[row["person_id"]]
            days = {key: day for key, day in row.items() if key.endswith(DATES)}
            if table == "udi_stays" and pd.isna(row["to_date"]):
                open_stays[family].append(row["from_date"])
            for key, day in days.items():
                if not pd.isna(day):
                    dates[family].append(day)
                    if key in ("completed_on", "returned_on", "deported_on"):
                        returns[family].append(day)
    known = {}
    for family in given.persons["family_id"].unique():
        home = max((month_of_day(day) for day in returns[family]), default=None)
        came_back = any(home is None or month_of_day(day) > home for day in open_stays[family])
        last = given.window.follow_up_end
        if home is not None and not came_back:
            last = month_of_day(max(dates[family]))
        first = min((month_of_day(day) for day in dates[family]), default=last + 1)
        known[str(family)] = range(first, last + 1)
    return known


def histories_of(
    given: Registers, terms: Sequence[LaggedTerm], *, centre: str, data: DataSpec
) -> dict[str, xr.DataArray]:
    """Histories that the package finds for the panel of these registers."""
    found = regs.define(given, data)
    panel = panels.build(found)
    return exposures.register_histories(panel, found, terms, history_centre=centre)


# --- by hand ------------------------------------------------------------------------------------
# Applications that led to a return in June, the exit. m moves from A to B in April.
#
#      Jan   Feb   Mar   Apr   May   Jun
#  m         A     A     (B)              Irak   twice, alone in March
#  n         A                            Irak
#  o   A                                  Iran
#  p   B                                  Irak
#  q                                      Irak   at A, never applies
def applications() -> list[Person]:
    """Families of which one moves and applies twice."""
    moves = [("A", "2005-01-01", "2005-04-02"), ("B", "2005-04-02", None)]
    twice = [("2005-02-10", "2005-06-20"), ("2005-03-10", "2005-06-20")]
    january = [("2005-01-10", "2005-06-20")]
    return [
        Person("m", stays=moves, applications=twice),
        Person("n", applications=twice[:1]),
        Person("o", citizenship="Iran", applications=january),
        Person("p", stays=[("B", "2005-01-01", None)], applications=january),
        Person("q"),
    ]


# --- by loops -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Loops:
    """How the loops look up: a test plants its mistake here."""

    counts: Callable[[SlowEvent, str], bool] = lambda event, family: event[0] != family
    month: Callable[[int, int], int] = lambda calendar, lag: calendar - lag
    resides: Callable[[SlowEvent, str], bool] = lambda event, family: event[0] != family
    month_of_residents: Callable[[int, int], int] = lambda calendar, lag: calendar - lag
    first_month: int = 1


RIGHT = Loops()


def slow_history(known: Dated, one: LaggedTerm, *, centre: str, loops: Loops = RIGHT) -> np.ndarray:
    """History of a term by loops over families, months at risk, lags and dated events."""
    lines = []
    for name, rows in known.rows.items():
        for month, calendar, now, _ in rows:
            where = now if centre == "current" else None
            by_lag = {
                lag: _told(known, one, (name, calendar, lag), where, loops)
                for lag in range(min(one.lags[0], 0), max(one.lags[1], 0) + 1)
            }
            if one.history_before_risk == "zero":
                by_lag = {
                    lag: told if month - lag >= loops.first_month else 0.0
                    for lag, told in by_lag.items()
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
    there = seen("resident", loops.month_of_residents(calendar, lag))
    there = sum(loops.resides(e, name) for e in there)
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
