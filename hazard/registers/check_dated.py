"""Integrity rules of the dated tables of UDI: decisions, stays, applications and returns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hazard.registers.keys import (
    NEVER,
    SPAN,
    STEP,
    IntArray,
    Intervals,
    among,
    ordered_codes,
    pack,
)
from hazard.registers.records import Registers
from hazard.registers.rules import (
    Rule,
    before_asylum,
    day,
    first_return,
    later,
    near,
    near_duplicates,
    overlaps,
)


def decision_rules(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    """Rules of ``udi_decisions``.

    Yields
    ------
    Rule
    """
    table, decisions = "udi_decisions", registers.decisions
    decided = day(decisions["decided_on"])
    dated = pack(person[table], decided)
    asylum = pack(person["udi_persons"], day(registers.persons["asylum_applied_on"]))
    asked = np.append(np.sort(asylum), NEVER * SPAN)
    next_asked = asked[np.searchsorted(asked, dated, side="right")]
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
        granted & among(dated, dated[rejected]),
    )
    yield Rule(
        table,
        "A person is finally rejected once.",
        later(person[table], decided, rejected),
        "note",
    )


def stay_rules(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    """Rules of ``udi_stays``.

    Yields
    ------
    Rule
    """
    table, stays = "udi_stays", registers.stays
    start, end = day(stays["from_date"]), day(stays["to_date"])
    centre, _ = ordered_codes(stays["centre"])
    home = first_return(registers, person)[person[table]]
    home = np.where(person[table] < 0, NEVER, home)
    yield Rule(table, "A stay does not end before it begins.", end < start)
    yield Rule(
        table,
        "Stays of a person at different centres do not overlap.",
        overlaps(person[table], centre, start, end, elsewhere=True),
    )
    yield Rule(
        table,
        "Stays of a person at one centre do not overlap.",
        overlaps(person[table], centre, start, end, elsewhere=False),
        "note",
    )
    yield Rule(
        table,
        "No stay begins before the application for asylum.",
        before_asylum(registers, person, table, start),
        "note",
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
        near_duplicates(stays["centre"]),
    )


def return_rules(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    """Rules of ``udi_applications`` and ``udi_returns``.

    Yields
    ------
    Rule
    """
    table, asked = "udi_applications", registers.applications
    applied, completed = day(asked["applied_on"]), day(asked["completed_on"])
    yield Rule(table, "A return is not completed before its application.", completed < applied)
    yield Rule(
        table,
        "No application for assisted return is dated before the application for asylum.",
        before_asylum(registers, person, table, applied),
        "note",
    )
    returns, stays = registers.returns, registers.stays
    code, went_on = person["udi_returns"], day(returns["returned_on"])
    assisted = (returns["kind"] == "assisted").to_numpy()
    done = pack(person[table], completed // STEP)
    went = pack(code, went_on // STEP)
    yield Rule(
        table,
        "A completed return is in udi_returns, in the same or a neighbouring month.",
        (completed != NEVER) & ~near(done, went[assisted]),
        "note",
    )
    table = "udi_returns"
    yield Rule(
        table,
        "An assisted return has a completed application, in the same or a neighbouring month.",
        assisted & ~near(went, done),
        "note",
    )
    yield Rule(
        table,
        "A person does not return on two dates.",
        later(code, went_on, np.ones(len(went_on), dtype=np.bool_)),
        "note",
    )
    months = Intervals.of(
        person["udi_stays"], day(stays["from_date"]) // STEP, day(stays["to_date"]) // STEP
    )
    yield Rule(
        table, "A return falls in a month of a stay.", ~months.cover(code, went_on // STEP), "note"
    )
    gone = pack(code, went_on)
    yield Rule(
        table,
        "A person does not return in two ways on one day.",
        ~assisted & (code >= 0) & among(gone, gone[assisted]),
        "note",
    )
    yield Rule(
        table,
        "No return is dated before the application for asylum.",
        before_asylum(registers, person, table, went_on),
        "note",
    )
