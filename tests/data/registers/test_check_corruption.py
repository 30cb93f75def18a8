"""One broken row among clean ones is found in its table and at its row, whatever is wrong with it.

A corruption is planted in the files: either the reader refuses the cell, or the integrity report
places the row. Clean registers raise nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hazard.data import registers as regs
from hazard.data.registers import Registers
from hazard.errors import RegisterError
from small_registers import random_registers, tidy, write


def cells_of(given: Registers, folder: Path) -> dict[str, list[list[str]]]:
    """Cells of the files, header first."""
    write(given, folder)
    return {
        table: [line.split(",") for line in (folder / f"{table}.csv").read_text().splitlines()]
        for table in given.tables
    }


Cells = Mapping[str, str]


def of(table: str, row: int, **cells: str) -> tuple[str, int, Cells]:
    return table, row, cells


# Row 1 is the first below the header. Persons: row 1 is p000-0 alone; rows 2 and 3 are family f001.
P, D, S = "udi_persons", "udi_decisions", "udi_stays"
A, R, PU = "udi_applications", "udi_returns", "pu_deportations"
CORRUPTIONS = {
    # a cell that the reader refuses
    "no person": of(P, 5, person_id=""),
    "no family": of(P, 5, family_id=""),
    "no citizenship": of(P, 5, citizenship=""),
    "another word for a sex": of(P, 5, sex="M"),
    "family of nobody": of(P, 5, family_size="0"),
    "family of two and a half": of(P, 5, family_size="2.5"),
    "31 February": of(P, 5, asylum_applied_on="2004-02-31"),
    "date in another form": of(D, 5, decided_on="10.01.2005"),
    "unknown outcome": of(D, 5, outcome="withdrawn"),
    "no finality": of(D, 5, final=""),
    "no centre": of(S, 5, centre=""),
    "no first day": of(S, 5, from_date=""),
    "month 13": of(S, 5, to_date="2005-13-01"),
    "word for a date": of(A, 5, applied_on="unknown"),
    "unknown kind": of(R, 5, kind="voluntary"),
    "unknown category": of(PU, 5, category="ukjent"),
    # a row that contradicts others
    "person twice": of(P, 6, person_id="p002-0"),
    "another citizenship in the family": of(P, 3, citizenship="Somalia"),
    "another size in the family": of(P, 3, family_size="3"),
    "a member too many": of(P, 4, family_id="f001", citizenship="Iran", family_size="2"),
    "family of 22": of(P, 4, family_size="22"),
    "citizenship in capitals": of(P, 4, citizenship="SOMALIA"),
    "decision of a stranger": of(D, 5, person_id="p003-0 "),
    "stay of a stranger": of(S, 5, person_id="x"),
    "application of a stranger": of(A, 5, person_id="x"),
    "return of a stranger": of(R, 5, person_id="x"),
    "deportation of a stranger": of(PU, 5, person_id="x"),
    "asylum in the future": of(P, 5, asylum_applied_on="2040-01-15"),
    "decision in another century": of(D, 5, decided_on="1905-01-10"),
    "deportation after the follow-up": of(PU, 5, deported_on="2007-01-01"),
    "decision before the application": of(D, 5, decided_on="2004-01-10"),
    "granted and rejected": of(D, 5, person_id="p002-0", outcome="granted"),
    "rejected again": of(D, 5, person_id="p002-0", decided_on="2005-01-11"),
    "stay that ends before it begins": of(S, 5, to_date="2004-12-31"),
    "stay that overlaps": of(S, 8, from_date="2005-01-15"),
    "stay within a stay": of(S, 8, centre="A", from_date="2005-01-15"),
    "stay before the application": of(S, 7, from_date="2003-12-31"),
    "stay after the return": of(S, 2, from_date="2005-08-01", to_date="2005-08-20"),
    "stay that goes on after the return": of(S, 2, to_date=""),
    "centre in capitals": of(S, 5, centre="a"),
    "return before its application": of(A, 2, completed_on="2005-02-20"),
    "application before asylum": of(A, 2, applied_on="2004-01-10"),
    "completion without a return": of(A, 2, completed_on="2005-09-01"),
    "return without a completion": of(R, 1, returned_on="2005-04-10"),
    "fetched, not deported": of(R, 2, returned_on="2005-09-01"),
    "deported, not fetched": of(PU, 2, deported_on="2005-09-01"),
    "return before asylum": of(R, 2, returned_on="2004-01-10"),
    "return outside the stays": of(R, 2, returned_on="2005-07-28"),
}


def places(folder: Path) -> set[tuple[str, int]]:
    """(table, row) of everything that reading and checking a folder reports."""
    try:
        report = regs.check(regs.read(folder))
    except RegisterError as error:
        lines = str(error).splitlines()
        found = pd.Series(lines).str.extract(r"^(\w+)\.csv .*\(first: row ([\d,]+)\)")
        return {(table, int(row.replace(",", ""))) for table, row in found.to_numpy()}
    broken = report[report["n_broken"] > 0]
    return {
        (table, int(row))
        for table, rows in zip(broken["table"], broken["first_rows"], strict=True)
        for row in rows.split(", ")
    }


def plant(given: Registers, folder: Path, corruption: str) -> tuple[str, int]:
    """Write the files with one row changed, and tell which."""
    table, row, changes = CORRUPTIONS[corruption]
    lines = cells_of(given, folder)[table]
    for name, cell in changes.items():
        place = lines[0].index(name)
        assert lines[row][place] != cell
        lines[row][place] = cell
    text = "\n".join(",".join(line) for line in lines)
    (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return table, row


def test_there_are_forty_corruptions() -> None:
    assert len({repr(each) for each in CORRUPTIONS.values()}) == len(CORRUPTIONS) >= 40
    assert {table for table, _, _ in CORRUPTIONS.values()} == {P, D, S, A, R, PU}


@pytest.mark.suite("planted corruptions of registers")
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corruption_is_found_in_its_table_and_row(
    corruption: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    planted = plant(tidy(rng), tmp_path, corruption)
    assert planted in places(tmp_path)


def test_repeated_and_short_rows_are_found(rng: np.random.Generator, tmp_path: Path) -> None:
    lines = cells_of(tidy(rng), tmp_path)[R]
    path = tmp_path / f"{R}.csv"
    path.write_text("\n".join(",".join(line) for line in [*lines[:4], lines[3], *lines[4:]]))
    assert (R, 4) in places(tmp_path)
    path.write_text("\n".join(",".join(line) for line in [*lines[:4], lines[4][:2], *lines[5:]]))
    assert places(tmp_path) == {(R, 4)}


def test_one_row_in_a_hundred_thousand_is_found() -> None:
    """Copies of a clean register under other ids, and one stay that begins after its end."""
    given = tidy(np.random.default_rng(0), 100)
    copies = 340
    frames = []
    for frame in given.tables.values():
        many = frame.loc[np.tile(np.arange(len(frame)), copies)].reset_index(drop=True)
        suffix = np.repeat(np.arange(copies), len(frame)).astype(str)
        for name in {"person_id", "family_id"} & set(many):
            many[name] = many[name] + "-" + suffix
        frames.append(many)
    large = Registers(*frames, given.window)
    assert len(large.stays) > 100_000
    assert regs.check(large)["n_broken"].sum() == 0
    large.stays.loc[77_777, "to_date"] = pd.Timestamp("2004-12-31")
    broken = regs.check(large).query("n_broken > 0 and severity == 'error'")
    assert broken[["table", "first_rows"]].to_numpy().tolist() == [[S, "77778"]]


# --- clean registers raise nothing --------------------------------------------------------------
def test_a_hundred_tidy_registers_break_no_rule_at_all(tmp_path: Path) -> None:
    for seed in range(100):
        report = regs.check(tidy(np.random.default_rng(seed)))
        assert report.loc[report["n_broken"] > 0, "rule"].tolist() == []
    write(tidy(np.random.default_rng(0)), tmp_path)
    assert places(tmp_path) == set()


def test_a_hundred_random_registers_hold_no_error() -> None:
    for seed in range(100):
        report = regs.check(random_registers(np.random.default_rng(seed), 15))
        errors = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
        assert errors["rule"].tolist() == []
