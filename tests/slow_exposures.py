"""Exposure histories of small registers: as the package finds them, and by loops over dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from small_registers import SlowEvent, SlowFamily, slow_centre, slow_events, slow_families
from small_registers import slow_rows as rows_of

from hazard import exposures
from hazard import panel as panels
from hazard import registers as regs
from hazard.registers import Registers
from hazard.spec import DataSpec, LaggedTerm

DEFAULT = DataSpec()
NAN = float("nan")
NETWORKS = (
    "centre",
    "nationality",
    "centre_nationality",
    "centre_other",
    "nationality_elsewhere",
)
Families = dict[str, SlowFamily]


def histories_of(
    given: Registers, terms: Sequence[LaggedTerm], centre: str, data: DataSpec
) -> dict[str, xr.DataArray]:
    """Histories of the panel of these registers; every family counts as known in every month."""
    found = regs.define(given, data)
    residents = _with_codes(slow_residents(slow_families(given, data), given), given, data)
    found = replace(found, events=pd.concat([found.events, residents], ignore_index=True))
    panel = panels.build(found)
    return exposures.register_histories(panel, found, terms, history_centre=centre)


def slow_residents(families: Families, given: Registers) -> list[SlowEvent]:
    """One event of living somewhere, or nowhere, per family and month of the window."""
    return [
        (name, "resident", month, slow_centre(family, month), family.nationality)
        for name, family in families.items()
        for month in range(given.window.first, given.window.last + 1)
    ]


def _with_codes(events: list[SlowEvent], given: Registers, data: DataSpec) -> pd.DataFrame:
    """As a frame, families of the sample first, in the order of their names."""
    families = sorted(slow_families(given, data).items())
    sample = [name for name, family in families if rows_of(family, data, given.window[:2])]
    others = [name for name, _ in families if name not in sample]
    code = {name: number for number, name in enumerate([*sample, *others])}
    frame = pd.DataFrame(
        events, columns=["person", "exposure", "calendar", "centre", "nationality"]
    )
    return frame.assign(person=frame["person"].map(code))


# --- by loops -----------------------------------------------------------------------------------
def someone_else(event: SlowEvent, family: str) -> bool:
    return event[0] != family


def right_month(calendar: int, lag: int) -> int:
    return calendar - lag


@dataclass(frozen=True)
class Loops:
    """How the loops look up: a test plants its mistake here."""

    counts: Callable[[SlowEvent, str], bool] = someone_else
    month: Callable[[int, int], int] = right_month


def slow_history(
    given: Registers,
    one: LaggedTerm,
    *,
    centre: str,
    data: DataSpec = DEFAULT,
    loops: Loops | None = None,
) -> np.ndarray:
    """History of a term by loops over families, months at risk, lags and dated events."""
    families = slow_families(given, data)
    events = [event for event in slow_events(families) if event[1] == one.exposure]
    residents = slow_residents(families, given)
    lines = []
    for name, family in sorted(families.items()):
        for _, calendar, now, _ in rows_of(family, data, given.window[:2]):

            def told(lag: int, family=(name, family), calendar=calendar, now=now) -> float | None:
                when = calendar - lag
                where = slow_centre(family[1], when) if centre == "then" else now
                if not given.window.first <= when <= given.window.last:
                    return None
                if where is None and one.network != "nationality":
                    return None
                look = loops or Loops()
                month = look.month(calendar, lag)
                seen = _seen(one, events, family, month, where)
                number = sum(look.counts(event, family[0]) for event in seen)
                there = _seen(one, residents, family, when, where)
                return measured(one, number, sum(r[0] != family[0] for r in there))

            lines.append(list(ruled(one, told)))
    return np.array(lines, dtype=np.float32)


def _seen(
    one: LaggedTerm,
    events: list[SlowEvent],
    family: tuple[str, SlowFamily],
    month: int,
    where: str | None,
) -> list[SlowEvent]:
    of_month = [event for event in events if event[2] == month]
    return [
        event
        for event in of_month
        if inside(one.network, event[3] == where, event[4] == family[1].nationality)
    ]


def inside(network: str, same_centre: bool, same_nationality: bool) -> bool:
    match network:
        case "centre":
            return same_centre
        case "nationality":
            return same_nationality
        case "centre_nationality":
            return same_centre and same_nationality
        case "centre_other":
            return same_centre and not same_nationality
        case "nationality_elsewhere":
            return same_nationality and not same_centre
    raise AssertionError(network)


def measured(one: LaggedTerm, number: int, residents: int) -> float:
    if one.measure == "at_least":
        return float(number >= one.at_least)
    if one.measure == "count":
        return float(number)
    return number / residents if residents else 0.0


def ruled(one: LaggedTerm, told: Callable[[int], float | None]) -> Iterator[float]:
    """Value of every lag; ``told`` is None where history is unknown."""
    for lag in range(one.lags[0], one.lags[1] + 1):
        known = told(lag)
        if known is not None:
            yield known
        elif one.history_before_start == "carry":
            towards = range(lag, 0, -1) if lag > 0 else range(lag, 1)
            later = [*towards, 0]
            yield next((v for v in map(told, later) if v is not None), NAN)
        else:
            yield {"zero": 0.0, "missing": NAN}[one.history_before_start]
