"""One row per dated spell, seen through a window of months, as spells of whole periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard import months
from hazard.arrays import IntArray
from hazard.data.contracts import Flags, Integers, violation
from hazard.data.person_period import (
    TAKE_OUT,
    endpoints,
    happened,
    not_missing,
    refuse,
    row_numbers,
)
from hazard.months import NEVER, Days
from hazard.spec import EndpointSpec, ModelSpec, TableSpec


@dataclass(frozen=True, eq=False)
class _Dates:
    """Start of every spell, and per endpoint its day and whether it ended the spell."""

    start: Days
    time: Days
    happened: npt.NDArray[np.bool_]

    @property
    def end(self) -> Days:
        """Latest known day after the start; never, if the spell still goes on."""
        last = np.fmax.reduce(self.time, axis=1)
        return np.where(np.isnat(last), NEVER, last)


def build(raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> pd.DataFrame:
    """One spell per row of a table of dates, in periods of the window.

    Parameters
    ----------
    raw : DataFrame
        One row per spell: its start, and a date and an event column per exit. Its index counts
        the rows of the user's table from 0.
    columns : mapping of str to str
        Column of the table for ``person`` and for every column that is repeated on every row.
    spec : ModelSpec
        Its ``table`` names a ``start``.

    Returns
    -------
    DataFrame
        Input of :func:`hazard.data.person_period.expand`, with ``calendar`` and the index of
        ``raw``. A spell without a period in the window has a ``last`` that is not above its
        ``entry``.

    Raises
    ------
    SpecError
        If the endpoints are not the exits of the model.
    PanelError
        If a cell is missing or not a date, a spell ends before it starts or has no end at all, or
        a person has spells that may not be together.

    Notes
    -----
    Period k of a spell that starts in calendar month s is the ``unit_months`` months from
    s + (k - 1) ``unit_months`` on. It counts if it lies in the window as a whole, and if the spell
    filled it or was left in it through an exit: as a whole because a part of a period, without an
    exit, would count for more than was seen. The month in which a spell ends otherwise is filled.
    The earliest event ends a spell, the first in the order of the endpoints when two fall on one
    day.
    """
    ends, table = endpoints(spec), spec.table
    spell = pd.DataFrame({name: raw[column] for name, column in columns.items()})
    dates, problems = _read(raw, ends, table)
    refuse(problems)
    refuse(
        _order_rules(dates, spec, row_numbers(raw)) + _person_rules(spell["person"], dates, table)
    )
    spell["calendar"] = months.month_of(dates.start)
    spell["entry"] = _entry(dates, table)
    spell["last"], spell["exit"] = _last(dates, ends, table)
    if table.again == "separate":
        spell["person"] = np.arange(len(spell))
    return spell


def _entry(dates: _Dates, table: TableSpec) -> IntArray:
    """Number of periods that began before the window."""
    start = months.month_of(dates.start)
    if table.window_start is None:
        return np.zeros_like(start)
    before = months.month_number(table.window_start) - start
    return np.maximum(-(-before // table.unit_months), 0)


def _last(
    dates: _Dates, ends: Sequence[EndpointSpec], table: TableSpec
) -> tuple[IntArray, npt.NDArray[np.object_]]:
    """Last period in the window, and the exit at its end."""
    start, unit = months.month_of(dates.start), table.unit_months
    day = np.where(dates.happened, dates.time, NEVER)
    period = (months.month_of(day.min(axis=1)) - start) // unit + 1
    closes = months.month_number(table.window_end or str(NEVER)[:7])
    exit_seen = dates.happened.any(axis=1) & (start + period * unit - 1 <= closes)
    filled = (np.minimum(months.month_of(dates.end), closes) + 1 - start) // unit
    names = np.array([end.name for end in ends], dtype=object)
    return np.where(exit_seen, period, filled), np.where(
        exit_seen, names[day.argmin(axis=1)], "stay"
    )


# --- rules --------------------------------------------------------------------------------------
def _read(
    raw: pd.DataFrame, ends: Sequence[EndpointSpec], table: TableSpec
) -> tuple[_Dates, list[str]]:
    """Dates and events, with sentences for the cells that do not hold them."""
    numbers = row_numbers(raw)
    start, problems = _days(raw, str(table.start), table)
    where, empty = f"table column {table.start!r}", raw[table.start].isna().to_numpy()
    problems += not_missing(where, empty, TAKE_OUT, numbers)
    time, occurred = [], []
    for end in ends:
        day, sentences = _days(raw, end.time, table)
        event, empty = happened(raw, end), raw[end.time].isna().to_numpy()
        where = f"table column {end.time!r} where {end.event!r} is {end.code!r}"
        problems += sentences + not_missing(where, event & empty, TAKE_OUT, numbers)
        where = f"table column {end.event!r} where {end.time!r} is given"
        undated = raw[end.event].isna().to_numpy() & ~empty
        problems += not_missing(where, undated, TAKE_OUT, numbers)
        time.append(day)
        occurred.append(event)
    return _Dates(start, np.column_stack(time), np.column_stack(occurred)), problems


def _days(raw: pd.DataFrame, name: str, table: TableSpec) -> tuple[Days, list[str]]:
    day, unreadable = months.days(raw[name], table.dates)
    return day, violation(
        f"table column {name!r} must hold dates written {table.dates.upper()}",
        unreadable,
        got="something else",
        cure="Correct the cells, or state how dates are written by dates under [table].",
        numbers=row_numbers(raw),
    )


def _order_rules(dates: _Dates, spec: ModelSpec, numbers: Integers) -> list[str]:
    ends, table = endpoints(spec), spec.table
    problems: list[str] = []
    for end, time in zip(ends, dates.time.T, strict=True):
        problems += violation(
            f"table column {end.time!r} must not be before {table.start!r}",
            time < dates.start,
            got="earlier days",
            cure="Correct the dates.",
            numbers=numbers,
        )
    names = list(dict.fromkeys(end.time for end in ends))
    return list(dict.fromkeys(problems)) + violation(
        f"table columns {names} must hold the end of a spell where there is no window_end",
        (dates.end == NEVER) & (table.window_end is None),
        got="spells without an end",
        cure="Complete them, or state window_end under [table] to follow these spells until then.",
        numbers=numbers,
    )


def _person_rules(person: pd.Series, dates: _Dates, table: TableSpec) -> list[str]:
    if table.again == "refuse":
        return violation(
            f"table column {table.person!r} must be another in every row",
            person.duplicated().to_numpy(),
            got="a person again",
            cure="Keep one spell per person, or set again = 'separate' under [table].",
            numbers=row_numbers(person),
        )
    return violation(
        f"table column {table.person!r} must have spells that do not overlap",
        _overlaps(person, dates),
        got="spells that start before an earlier one of the person ends",
        cure="Correct the dates, or give different persons different ids.",
        numbers=row_numbers(person),
    )


def _overlaps(person: pd.Series, dates: _Dates) -> Flags:
    spell = pd.DataFrame(
        {
            "person": pd.factorize(person)[0],
            "start": dates.start.astype(np.int64),
            "end": dates.end.astype(np.int64),
        }
    ).sort_values(["person", "start", "end"], kind="stable")
    ended = spell.groupby("person")["end"].cummax().groupby(spell["person"]).shift()
    return (spell["start"] < ended).sort_index().to_numpy()
