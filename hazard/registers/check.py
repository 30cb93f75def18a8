"""Where the registers contradict themselves: one line per rule, with counts and row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hazard.registers.keys import (
    NEVER,
    SPAN,
    STEP,
    BoolArray,
    IntArray,
    Intervals,
    earliest,
    is_first,
    ordered_codes,
    out_of_range,
    pack,
    positions,
    stamp,
)
from hazard.registers.records import TABLES, Registers

_ROWS_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule of one table, and the rows of the table that break it."""

    table: str
    text: str
    broken: BoolArray
    severity: Literal["error", "note"] = "error"


def check(registers: Registers) -> pd.DataFrame:
    """Integrity report of the registers.

    Parameters
    ----------
    registers : Registers

    Returns
    -------
    DataFrame
        One row per rule: ``table``, ``rule``, ``n_rows`` checked, ``n_broken``, ``first_rows`` (at
        most ten row numbers as text; row 1 is the first below the header) and ``severity``: an
        ``error`` cannot be true of a correct register, a ``note`` can.

    Notes
    -----
    The report holds no ids. A rule about pairs of rows is broken by the later one of the pair.
    """
    return pd.DataFrame(
        [
            (
                rule.table,
                rule.text,
                len(rule.broken),
                int(rule.broken.sum()),
                ", ".join(str(row + 1) for row in np.flatnonzero(rule.broken)[:_ROWS_SHOWN]),
                rule.severity,
            )
            for rule in _rules(registers)
        ],
        columns=["table", "rule", "n_rows", "n_broken", "first_rows", "severity"],
    )


def _rules(registers: Registers) -> Iterator[Rule]:
    labels = ordered_codes(registers.persons["person_id"])[1]
    person = {
        table: positions(frame["person_id"], labels) for table, frame in registers.tables.items()
    }
    yield from _persons(registers.persons)
    yield from _links(registers, person)
    yield from _dates(registers)
    yield from _repeats(registers)
    yield from _decisions(registers, person)
    yield from _stays(registers, person)
    yield from _returns(registers, person)


def _persons(persons: pd.DataFrame) -> Iterator[Rule]:
    table = "udi_persons"
    family, _ = ordered_codes(persons["family_id"])
    citizenship, _ = ordered_codes(persons["citizenship"])
    size = persons["family_size"].to_numpy(dtype=np.int64)
    member = persons.groupby(family).cumcount().to_numpy() + 1
    once = persons["person_id"].duplicated().to_numpy()
    yield Rule(table, "A person has one row.", once)
    yield Rule(table, "The members of a family share a citizenship.", _differs(family, citizenship))
    yield Rule(
        table, "The members of a family share a family size.", _differs(family, size), "note"
    )
    yield Rule(table, "A family has no more members than its size.", member > size, "note")
    yield Rule(
        table,
        "Citizenships differ in more than case and spaces.",
        _near_duplicates(persons["citizenship"]),
    )


def _links(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    for table in list(TABLES)[1:]:
        # the police also deport people who never applied for asylum
        severity: Literal["error", "note"] = "note" if table.startswith("pu_") else "error"
        yield Rule(table, "The person is in udi_persons.", person[table] < 0, severity)
    returns, deportations = registers.returns, registers.deportations
    police = (returns["kind"] == "police").to_numpy()
    udi = pack(person["udi_returns"], _day(returns["returned_on"]) // STEP)
    pu = pack(person["pu_deportations"], _day(deportations["deported_on"]) // STEP)
    yield Rule(
        "udi_returns",
        "A return by the police is in pu_deportations, in the same or a neighbouring month.",
        police & ~_near(udi, pu),
        "note",
    )
    yield Rule(
        "pu_deportations",
        "A deportation of a known person is in udi_returns, in the same or a neighbouring month.",
        (person["pu_deportations"] >= 0) & ~_near(pu, udi[police]),
        "note",
    )


def _dates(registers: Registers) -> Iterator[Rule]:
    for table, frame in registers.tables.items():
        for name, column in TABLES[table].items():
            if column.kind == "date":
                yield Rule(
                    table,
                    f"{name} lies between 1990 and the end of the follow-up.",
                    out_of_range(frame[name], registers.window.follow_up_end),
                )


def _repeats(registers: Registers) -> Iterator[Rule]:
    for table in list(TABLES)[1:]:
        repeated = registers.tables[table].duplicated(list(TABLES[table])).to_numpy()
        yield Rule(table, "No row repeats another.", repeated, "note")


def _decisions(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    table, decisions = "udi_decisions", registers.decisions
    decided = _day(decisions["decided_on"])
    day = pack(person[table], decided)
    asylum = pack(person["udi_persons"], _day(registers.persons["asylum_applied_on"]))
    asked = np.append(np.sort(asylum), NEVER * SPAN)
    next_asked = asked[np.searchsorted(asked, day, side="right")]
    yield Rule(
        table,
        "A decision is not dated before the application for asylum.",
        (person[table] >= 0) & (next_asked // SPAN == person[table]) & (next_asked % SPAN != NEVER),
        "note",
    )
    final = (decisions["final"] == "yes").to_numpy()
    granted = final & (decisions["outcome"] == "granted").to_numpy()
    rejected = final & ~granted
    yield Rule(
        table,
        "A person is not finally granted and finally rejected on one day.",
        granted & np.isin(day, day[rejected]),
    )
    yield Rule(
        table,
        "A person is finally rejected once.",
        _later(person[table], decided, rejected),
        "note",
    )


def _stays(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    table, stays = "udi_stays", registers.stays
    start, end = _day(stays["from_date"]), _day(stays["to_date"])
    centre, _ = ordered_codes(stays["centre"])
    home = _first_return(registers, person)[person[table]]
    home = np.where(person[table] < 0, NEVER, home)
    yield Rule(table, "A stay does not end before it begins.", end < start)
    yield Rule(
        table,
        "Stays of a person at different centres do not overlap.",
        _overlaps(person[table], centre, start, end),
    )
    yield Rule(
        table, "No stay begins after a completed return of the person.", start > home, "note"
    )
    yield Rule(
        table,
        "No stay goes on for more than a month after a completed return of the person.",
        (start <= home) & (end > home + STEP) & (home != NEVER),
        "note",
    )
    yield Rule(
        table,
        "Names of centres differ in more than case and spaces.",
        _near_duplicates(stays["centre"]),
    )


def _returns(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    table, asked = "udi_applications", registers.applications
    applied, completed = _day(asked["applied_on"]), _day(asked["completed_on"])
    yield Rule(table, "A return is not completed before its application.", completed < applied)
    returns, stays = registers.returns, registers.stays
    code, day = person["udi_returns"], _day(returns["returned_on"])
    assisted = (returns["kind"] == "assisted").to_numpy()
    done = pack(person[table], completed // STEP)
    went = pack(code, day // STEP)
    yield Rule(
        table,
        "A completed return is in udi_returns, in the same or a neighbouring month.",
        (completed != NEVER) & ~_near(done, went[assisted]),
        "note",
    )
    table = "udi_returns"
    yield Rule(
        table,
        "An assisted return has a completed application, in the same or a neighbouring month.",
        assisted & ~_near(went, done),
        "note",
    )
    yield Rule(
        table,
        "A person does not return on two dates.",
        _later(code, day, np.ones(len(day), dtype=np.bool_)),
        "note",
    )
    months = Intervals.of(
        person["udi_stays"], _day(stays["from_date"]) // STEP, _day(stays["to_date"]) // STEP
    )
    yield Rule(
        table, "A return falls in a month of a stay.", ~months.cover(code, day // STEP), "note"
    )


# --- how rows compare ---------------------------------------------------------------------------
def _day(date: pd.Series) -> IntArray:
    """Stamp of a date, 0 before 1970: another rule reports it, and keys must not be negative."""
    return np.maximum(stamp(date), 0)


def _differs(group: IntArray, value: IntArray) -> BoolArray:
    """Whether a value is not that of the first row of its group; groups count from 0."""
    order = np.argsort(group, kind="stable")
    first = value[order[is_first(group[order])]]
    differs: BoolArray = value != first[group]
    return differs


def _later(group: IntArray, value: IntArray, counts: BoolArray) -> BoolArray:
    """Whether a row that counts has a larger value than the smallest of its group that counts."""
    known = counts & (group >= 0)
    smallest = earliest(group[known], value[known], int(group.max(initial=0)) + 1)
    return known & (value > smallest[group])


def _near(month: IntArray, others: IntArray) -> BoolArray:
    """Whether a key of person and month, or that of a neighbouring month, is among the others."""
    found = np.isin(month, others) | np.isin(month - 1, others) | np.isin(month + 1, others)
    near: BoolArray = found & (month >= 0)
    return near


def _first_return(registers: Registers, person: dict[str, IntArray]) -> IntArray:
    """Day of the first return of every person in UDI's register, as a stamp."""
    code = np.concatenate([person["udi_returns"], person["udi_applications"]])
    day = np.concatenate(
        [
            _day(registers.returns["returned_on"]),
            _day(registers.applications["completed_on"]),
        ]
    )
    known = code >= 0
    return earliest(code[known], day[known], len(person["udi_persons"]))


def _overlaps(person: IntArray, centre: IntArray, start: IntArray, end: IntArray) -> BoolArray:
    """Whether a stay begins before an earlier one of the person at another centre ends.

    One pass per number of stays back, so as many passes as a person has stays at most.
    """
    flags = np.zeros(len(person), dtype=np.bool_)
    order = np.lexsort((end, start, person))
    order = order[((person >= 0) & (end >= start))[order]]
    person, centre, start, end = person[order], centre[order], start[order], end[order]
    broken = np.zeros(len(order), dtype=np.bool_)
    for back in range(1, len(order)):
        same = person[back:] == person[:-back]
        if not same.any():
            break
        broken[back:] |= same & (centre[back:] != centre[:-back]) & (start[back:] < end[:-back])
    flags[order] = broken
    return flags


def _near_duplicates(column: pd.Series) -> BoolArray:
    """Whether a name differs only in case and spaces from one that is more frequent."""
    code, labels = ordered_codes(column)
    plain, _ = pd.factorize(labels.astype(str).str.split().str.join(" ").str.casefold())
    order = np.lexsort((-np.bincount(code, minlength=len(labels)), plain))
    rarer = np.zeros(len(labels), dtype=np.bool_)
    rarer[order] = ~is_first(plain[order])
    return rarer[code]
