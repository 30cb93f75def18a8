"""Where the registers contradict themselves: one line per rule, with counts and row numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.registers.check_dates import decision_rules, return_rules, stay_rules
from hazard.data.registers.check_labels import label_rules
from hazard.data.registers.check_margins import margin_rules
from hazard.data.registers.keys import STEP, Ids, ordered_codes, out_of_range, pack
from hazard.data.registers.records import TABLES, Registers
from hazard.data.registers.rules import Rule, Severity, day, differs, near, near_duplicates

_ROWS_SHOWN = 10
_PERSONS = "udi_persons"
LARGEST = 20  # twice the largest of the published sample


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
        ``error`` cannot be true of a correct register, a ``warning`` hardly can, a ``note`` can.

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
    ids = Ids.from_column(registers.persons["person_id"])
    person = {table: ids.find(frame["person_id"]) for table, frame in registers.tables.items()}
    yield from _persons(registers.persons)
    yield from _links(registers, person)
    yield from _dates(registers)
    yield from _repeats(registers)
    yield from decision_rules(registers, person)
    yield from stay_rules(registers, person)
    yield from return_rules(registers, person)
    yield from label_rules(registers)
    yield from margin_rules(registers, person)


def _persons(persons: pd.DataFrame) -> Iterator[Rule]:
    table = _PERSONS
    family, _ = ordered_codes(persons["family_id"])
    citizenship, _ = ordered_codes(persons["citizenship"])
    size = persons["family_size"].to_numpy(dtype=np.int64)
    member = persons.groupby(family).cumcount().to_numpy() + 1
    once = persons["person_id"].duplicated().to_numpy()
    yield Rule(table, "A person has one row.", once)
    yield Rule(table, "The members of a family share a citizenship.", differs(family, citizenship))
    yield Rule(table, "The members of a family share a family size.", differs(family, size), "note")
    yield Rule(table, "A family has no more members than its size.", member > size, "note")
    yield Rule(table, f"A family size is at most {LARGEST}.", size > LARGEST, "note")
    yield Rule(
        table,
        "Citizenships differ in more than case and spaces.",
        near_duplicates(persons["citizenship"]),
    )


def _links(registers: Registers, person: dict[str, IntArray]) -> Iterator[Rule]:
    for table in list(TABLES)[1:]:
        # the police also deport people who never applied for asylum
        severity: Severity = "note" if table.startswith("pu_") else "error"
        yield Rule(table, "The person is in udi_persons.", person[table] < 0, severity)
    linked = np.unique(
        np.concatenate([codes for table, codes in person.items() if table != _PERSONS])
    )
    yield Rule(
        _PERSONS,
        "A person has a row in another table.",
        ~np.isin(person[_PERSONS], linked),
        "note",
    )
    returns, deportations = registers.returns, registers.deportations
    police = (returns["kind"] == "police").to_numpy()
    udi = pack(person["udi_returns"], day(returns["returned_on"]) // STEP)
    pu = pack(person["pu_deportations"], day(deportations["deported_on"]) // STEP)
    yield Rule(
        "udi_returns",
        "A return by the police is in pu_deportations, in the same or a neighbouring month.",
        police & ~near(udi, pu),
        "note",
    )
    yield Rule(
        "pu_deportations",
        "A deportation of a known person is in udi_returns, in the same or a neighbouring month.",
        (person["pu_deportations"] >= 0) & ~near(pu, udi[police]),
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
