"""Integrity rules of the dated tables of UDI: decisions, stays, applications and returns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hazard.arrays import IntArray
from hazard.data.registers.keys import (
    NEVER,
    SPAN,
    STEP,
    Intervals,
    among,
    earliest,
    ordered_codes,
    pack,
)
from hazard.data.registers.records import Registers
from hazard.data.registers.rules import (
    Rule,
    before_asylum,
    day,
    differs,
    families,
    first_return,
    later,
    latest,
    near,
    near_duplicates,
    overlaps,
    shifted,
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
    known = final & (person[table] >= 0)
    first_final = earliest(person[table][known], decided[known], len(asylum))
    yield Rule(
        table,
        "A decision that is not final does not come after a final one of the person.",
        ~final & (person[table] >= 0) & (decided > first_final[person[table]]),
        "warning",
    )
    permit = (decisions["outcome"] == "granted").to_numpy()
    yield Rule(table, "A permit is a final decision.", permit & ~final, "warning")


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
    _, arrival = np.unique(pack(families(registers, person)[table], start), return_inverse=True)
    yield Rule(
        table,
        "Members of a family who arrive on one day arrive at one centre.",
        differs(arrival, centre),
        "warning",
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
    yield from _too_early(registers, person, applied)
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
    yield from _after_permit(registers, person)
    yield from _same_month(registers, person)


def _too_early(
    registers: Registers, person: dict[str, IntArray], applied: IntArray
) -> Iterator[Rule]:
    """Applications before what comes first in most lives, though not in all."""
    table, n_persons = "udi_applications", len(registers.persons)
    code = person[table]
    for name, of, dated in (
        ("the first stay", person["udi_stays"], day(registers.stays["from_date"])),
        ("the final rejection", *_final(registers, person, "rejected")),
    ):
        known = of >= 0
        first = earliest(of[known], dated[known], n_persons)[code]
        yield Rule(
            table,
            f"No application for assisted return is dated before {name} of the person.",
            (code >= 0) & (first != NEVER) & (applied < first),
            "note",
        )


def _final(
    registers: Registers, person: dict[str, IntArray], outcome: str
) -> tuple[IntArray, IntArray]:
    """Persons and days of the final decisions with an outcome."""
    decisions = registers.decisions
    rows = ((decisions["final"] == "yes") & (decisions["outcome"] == outcome)).to_numpy()
    rows &= person["udi_decisions"] >= 0
    return person["udi_decisions"][rows], day(decisions["decided_on"])[rows]


def _after_permit(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    for table, name in (("udi_returns", "returned_on"), ("pu_deportations", "deported_on")):
        code, went = person[table], day(registers.tables[table][name])
        granted, rejected = (
            latest(*_final(registers, person, outcome), code, went)
            for outcome in ("granted", "rejected")
        )
        yield Rule(
            table,
            "Nobody is returned whose last final decision is a permit.",
            (code >= 0) & (granted > rejected),
            "warning",
        )


def _same_month(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    """Dates of one event in two tables: a month off in a row can be, in most rows it cannot."""
    returns, asked = registers.returns, registers.applications
    assisted = (returns["kind"] == "assisted").to_numpy()
    went = day(returns["returned_on"]) // STEP
    completed = day(asked["completed_on"])
    done = np.where(completed == NEVER, -1, person["udi_applications"])
    for table, code, month, other, theirs in (
        (
            "udi_applications",
            done,
            completed // STEP,
            "assisted returns",
            np.where(assisted, person["udi_returns"], -1),
        ),
        (
            "pu_deportations",
            person["pu_deportations"],
            day(registers.deportations["deported_on"]) // STEP,
            "returns by the police",
            np.where(assisted, -1, person["udi_returns"]),
        ),
    ):
        yield Rule(
            table,
            f"The dates of most persons fall in the month of their {other} in udi_returns.",
            shifted(code, month, theirs, went),
            "warning",
        )
    left = day(registers.stays["to_date"])
    stayed = np.where(left == NEVER, -1, person["udi_stays"])
    yield Rule(
        "udi_stays",
        "Most persons with one stay leave it in the month of their return in udi_returns.",
        shifted(stayed, left // STEP, person["udi_returns"], went),
        "warning",
    )
