"""Files of a register folder that are no files, lie elsewhere, or are larger than they can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from hazard.data import registers as regs
from hazard.data.registers.files import LONGEST_HEADER
from hazard.errors import RegisterError
from hazard.files.toml import MOST_CHARACTERS
from small_registers import Person, registers, write

FILES = ("extract.toml", "columns.toml", "udi_stays.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "registers").mkdir()
    return write(registers(Person("p1")), tmp_path / "registers")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    outside.write_text("window_start = 1\n", encoding="utf-8")
    path.symlink_to(outside)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


NO_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, r"must be a regular file; got a folder, a pipe or a device\.$"),
    "folder": (Path.mkdir, r"must be a regular file; got a folder, a pipe or a device\.$"),
    "link": (link, r"must lie in the folder itself; got a link to another place\.$"),
    "device": (device, r"must lie in the folder itself; got a link to another place\.$"),
    "loop": (loop, r"must exist; there is no such file\.$"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", NO_FILES)
def test_only_regular_files_of_the_folder_are_opened(kind: str, name: str, folder: Path) -> None:
    make, sentence = NO_FILES[kind]
    path = folder / name
    path.unlink(missing_ok=True)
    make(path)
    with pytest.raises(RegisterError, match=f"^{name} {sentence}"):
        regs.read(folder)


def test_a_link_within_the_folder_and_to_the_folder_is_followed(
    folder: Path, tmp_path: Path
) -> None:
    """Negative control."""
    (folder / "udi_stays.csv").rename(folder / "stays.csv")
    (folder / "udi_stays.csv").symlink_to("stays.csv")
    (tmp_path / "link").symlink_to(folder)
    assert len(regs.read(tmp_path / "link").stays) == 1


DEEP = "must be nested less deeply; got too many levels"
TOML = {
    "nested": ("a = " + "[" * 5000 + "]" * 5000, DEEP),
    "nested tables": ("a = " + "{a = " * 5000 + "1" + "}" * 5000, DEEP),
    "long number": (
        "a = " + "1" * 5000,
        "must hold numbers of at most 4,300 digits and valid dates; got others",
    ),
    "long": ("#" * (MOST_CHARACTERS + 1), "must have at most 1,000,000 characters; got 1,000,001"),
    "longer": ("#" * (4 * MOST_CHARACTERS + 1), "must have at most 1,000,000 characters"),
    "not TOML": ("a = [", r"must be valid TOML; Invalid value \(at end of document\)"),
}


@pytest.mark.parametrize("name", FILES[:2])
@pytest.mark.parametrize("kind", TOML)
def test_hostile_toml_is_one_sentence(kind: str, name: str, folder: Path) -> None:
    text, sentence = TOML[kind]
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(RegisterError, match=rf"^{name} {sentence}\.$") as raised:
        regs.read(folder)
    assert raised.value.__cause__ is None


def test_keys_are_shown_without_orders_and_not_without_end(folder: Path) -> None:
    keys = ["\\u001b[2J", "\\u202ex", "k" * 10_000, *(f"k{i}" for i in range(1000))]
    text = "\n".join(f'"{key}" = 1' for key in keys)
    (folder / "columns.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RegisterError) as raised:
        regs.read(folder)
    assert len(str(raised.value)) < 10_000
    assert all(line.isprintable() for line in str(raised.value).splitlines())


@pytest.mark.parametrize("word", ["", "x" * 201, "a\\u0000b", "\\u202ea"])
def test_names_in_the_layout_are_names(word: str, folder: Path) -> None:
    (folder / "columns.toml").write_text(f'[udi_stays.columns]\ncentre = "{word}"', "utf-8")
    with pytest.raises(
        RegisterError, match=r"^columns.toml 'udi_stays.columns' must hold names of"
    ):
        regs.read(folder)


# --- tables -------------------------------------------------------------------------------------
def test_header_of_twenty_million_cells(folder: Path) -> None:
    (folder / "udi_stays.csv").write_text("," * 20_000_000, encoding="utf-8")
    with pytest.raises(RegisterError, match=r"must have a header of at most 1,048,576 bytes; got"):
        regs.read(folder)


def test_longest_header_is_read(folder: Path) -> None:
    """Negative control: a register with a hundred thousand further columns."""
    lines = (folder / "udi_stays.csv").read_text(encoding="utf-8").splitlines()
    further = ",".join(f"c{i}" for i in range(100_000))
    assert len(further) < LONGEST_HEADER
    text = f"{lines[0]},{further}\n{lines[1]}{',' * 100_000}\n"
    (folder / "udi_stays.csv").write_text(text, encoding="utf-8")
    assert len(regs.read(folder).stays) == 1


def test_schema_that_claims_to_be_long(folder: Path) -> None:
    (folder / "columns.toml").write_text('[udi_stays]\nfile = "s.parquet"', encoding="utf-8")
    octets = b"PAR1" + bytes(2**25) + (2**24 + 1).to_bytes(4, "little") + b"PAR1"
    (folder / "s.parquet").write_bytes(octets)
    with pytest.raises(RegisterError, match=r"^s.parquet must have a header of at most 16,777,216"):
        regs.read(folder)


def test_first_row_of_a_table_without_header_is_not_quoted(folder: Path) -> None:
    (folder / "udi_stays.csv").write_text("person_1,centre_1,x,y\n", encoding="utf-8")
    with pytest.raises(RegisterError) as raised:
        regs.read(folder)
    assert "_1" not in str(raised.value)


MOMENTS = {
    "time": (["2005-01-31 23:30", "2005-02-01"], None, ["2005-01-31", "2005-02-01"], [1, 0]),
    "zone": (["2005-02-01 00:00", "2005-02-01"], "Europe/Oslo", ["2005-02-01"] * 2, [0, 0]),
    "UTC": (["2005-01-31 23:00", "2005-02-01"], "UTC", ["2005-01-31", "2005-02-01"], [1, 0]),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_time_of_day_of_parquet_is_counted(kind: str, folder: Path) -> None:
    texts, zone, days, timed = MOMENTS[kind]
    given = registers(Person("p1", stays=[("A", "2005-01-01", None), ("B", "2005-01-01", None)]))
    write(given, folder)
    arrived = pd.to_datetime(pd.Series(texts), format="ISO8601").dt.tz_localize(zone)
    table = pa.Table.from_pandas(given.stays.assign(from_date=arrived))
    parquet.write_table(table, folder / "s.parquet")
    (folder / "columns.toml").write_text('[udi_stays]\nfile = "s.parquet"', encoding="utf-8")
    found = regs.read(folder)
    assert found.stays["from_date"].dt.strftime("%Y-%m-%d").tolist() == days
    rule = "from_date is a day without a time; the time is left out."
    report = regs.check(found).set_index(["table", "rule"])
    assert report.loc[("udi_stays", rule), "n_broken"] == sum(timed)


# --- quadratic ----------------------------------------------------------------------------------
def test_many_stays_of_one_person_cost_no_square(rng: np.random.Generator) -> None:
    """With one pass over all stays for each of them this would not end."""
    n = 200_000
    start = np.datetime64("2005-01-01") + rng.integers(0, 300, n).astype("timedelta64[D]")
    stays = pd.DataFrame({"person_id": "p1", "centre": rng.choice(["A", "B"], n)})
    stays["from_date"], stays["to_date"] = start, start + np.timedelta64(9, "D")
    report = regs.check(replace(registers(Person("p1")), stays=stays))
    assert report["n_broken"].max() > n / 2
