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
    asylum_keys = np.append(np.sort(asylum), NEVER * SPAN)
    next_asylum = asylum_keys[np.searchsorted(asylum_keys, dated, side="right")]
    yield Rule(
        table,
        "A decision is not dated before the application for asylum.",
        (person[table] >= 0)
        & (next_asylum // SPAN == person[table])
        & (next_asylum % SPAN != NEVER),
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
    returned = first_return(registers, person)[person[table]]
    returned = np.where(person[table] < 0, NEVER, returned)
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
        table, "No stay begins after a completed return of the person.", start > returned, "note"
    )
    yield Rule(
        table,
        "No stay goes on for more than a month after a completed return of the person.",
        (start <= returned) & (end > returned + STEP) & (returned != NEVER),
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
    table, applications = "udi_applications", registers.applications
    applied, completed = day(applications["applied_on"]), day(applications["completed_on"])
    yield Rule(table, "A return is not completed before its application.", completed < applied)
    yield Rule(
        table,
        "No application for assisted return is dated before the application for asylum.",
        before_asylum(registers, person, table, applied),
        "note",
    )
    yield from _too_early(registers, person, applied)
    returns, stays = registers.returns, registers.stays
    code, returned = person["udi_returns"], day(returns["returned_on"])
    assisted = (returns["kind"] == "assisted").to_numpy()
    completed_keys = pack(person[table], completed // STEP)
    return_keys = pack(code, returned // STEP)
    yield Rule(
        table,
        "A completed return is in udi_returns, in the same or a neighbouring month.",
        (completed != NEVER) & ~near(completed_keys, return_keys[assisted]),
        "note",
    )
    table = "udi_returns"
    yield Rule(
        table,
        "An assisted return has a completed application, in the same or a neighbouring month.",
        assisted & ~near(return_keys, completed_keys),
        "note",
    )
    yield Rule(
        table,
        "A person does not return on two dates.",
        later(code, returned, np.ones(len(returned), dtype=np.bool_)),
        "note",
    )
    months = Intervals.from_arrays(
        person["udi_stays"], day(stays["from_date"]) // STEP, day(stays["to_date"]) // STEP
    )
    yield Rule(
        table, "A return falls in a month of a stay.", ~months.cover(code, returned // STEP), "note"
    )
    return_days = pack(code, returned)
    yield Rule(
        table,
        "A person does not return in two ways on one day.",
        ~assisted & (code >= 0) & among(return_days, return_days[assisted]),
        "note",
    )
    yield Rule(
        table,
        "No return is dated before the application for asylum.",
        before_asylum(registers, person, table, returned),
        "note",
    )
    yield from _after_permit(registers, person)
    yield from _same_month(registers, person)


def _too_early(
    registers: Registers, person: dict[str, IntArray], applied: IntArray
) -> Iterator[Rule]:
    """Applications before what comes first for most persons, though not for all."""
    table, n_persons = "udi_applications", len(registers.persons)
    code = person[table]
    for name, holder, dated in (
        ("the first stay", person["udi_stays"], day(registers.stays["from_date"])),
        ("the final rejection", *_final(registers, person, "rejected")),
    ):
        known = holder >= 0
        first = earliest(holder[known], dated[known], n_persons)[code]
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
        code, returned = person[table], day(registers.tables[table][name])
        granted, rejected = (
            latest(*_final(registers, person, outcome), code, returned)
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
    returns, applications = registers.returns, registers.applications
    assisted = (returns["kind"] == "assisted").to_numpy()
    return_month = day(returns["returned_on"]) // STEP
    completed = day(applications["completed_on"])
    completed_person = np.where(completed == NEVER, -1, person["udi_applications"])
    for table, code, month, other, other_person in (
        (
            "udi_applications",
            completed_person,
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
            shifted(code, month, other_person, return_month),
            "warning",
        )
    last_day = day(registers.stays["to_date"])
    left_person = np.where(last_day == NEVER, -1, person["udi_stays"])
    yield Rule(
        "udi_stays",
        "Most persons with one stay leave it in the month of their return in udi_returns.",
        shifted(left_person, last_day // STEP, person["udi_returns"], return_month),
        "warning",
    )
