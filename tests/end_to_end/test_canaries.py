"""Canaries: no id, no date of a person and no level of one family stands in what is said or left.

Every person and family of the registers has an id that is found nowhere else, one applied for
asylum on a day that nobody else has, one lives in a centre without others, one is alone in its
nationality. Every command of the program is called on them; then one cell of a register holds a
canary where something else belongs, and every command that reads registers has to refuse it, or to
go on, without a word of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from hazard import cli
from hazard.data import panel
from hazard.data.registers import Registers
from hazard.errors import HazardError
from small_registers import Person, registers, write

pytestmark = pytest.mark.suite("canaries")
CANARY = "Qzxcanary"
DAY = "1991-03-09"  # of one application for asylum
LAPLACE = ["--engine", "laplace", "--draws", "40"]
PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
MODEL = f"""name = "example"
question = "Who leaves?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "group"
by = "nationality"
{PRIOR}[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 1]
history_before_start = "missing"
{PRIOR}"""
TREATED = f"""name = "treated"
question = "Who leaves?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "covariate"
column = "after"
{PRIOR}[[term]]
kind = "group"
by = "nationality"
{PRIOR}"""
WITHOUT_PERSONS = ("simulate", "models", "published")
"""Commands that read nothing of anybody."""


def _family(i: int, rng: np.random.Generator) -> Person:
    left = str(np.datetime64("2005-06-01") + rng.integers(0, 200))
    fates = {
        "applications": [("2005-03-01", left)] if i % 3 == 0 else [],
        "returns": [(left, ("assisted", "police", "police")[i % 3])] if i % 4 else [],
        "deportations": [(left, "asyl")] if i % 3 == 1 and i % 4 else [],
    }
    centre = f"{CANARY}place" if i == 12 else str(rng.choice(["A", "B", "C"]))
    nation = f"{CANARY}stan" if i == 13 else ("Irak", "Iran")[i % 2]
    stays = [(centre, "2004-02-01", left if i % 4 else None)]
    names = f"{CANARY}p{i:03d}", f"{CANARY}f{i:03d}"
    asylum = DAY if i == 11 else "2004-01-15"
    return Person(*names, nation, stays=stays, asylum=asylum, **fates)


def written(folder: Path, change: Callable[[Registers], Registers] = lambda given: given) -> Path:
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True)
    return write(change(registers(*(_family(i, rng) for i in range(72)))), folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    written(folder / "registers")
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    (folder / "treated.toml").write_text(TREATED, encoding="utf-8")
    return folder


def commands(place: Path, of: Path, out: Path) -> Iterator[tuple[str, list[object]]]:
    """A call of every command that reads persons, or what was made of them; by its name."""
    model, known = place / "model.toml", ["--registers", of, "--out"]
    run, rows = out / "run", out / "panel.parquet"
    yield "check", ["check", of]
    yield "panel", ["panel", of, "--model", model, "--out", rows]
    yield "describe", ["describe", of, "--model", model, "--out", out / "describe"]
    yield "run", ["run", model, *known, run, *LAPLACE]
    yield "survival", ["survival", model, *known, out / "survival", "--by", "nationality"]
    yield "prior", ["prior", model, *known, out / "prior.csv", "--draws", 20]
    yield "compare", ["compare", model, model, *known, out / "comparison"]
    yield "sensitivity", ["sensitivity", model, *known, out / "sensitivity"]
    few = ["--horizon", "3", "--draws", "8"]
    yield "scenario", ["scenario", run, *known, out / "scenario", *few]
    yield "score", ["score", run, *known, out / "score", "--by", "centre", "--refits", "0"]
    yield "tables", ["tables", run, "--out", out / "tables.csv"]
    yield "brief", ["brief", run, "--out", out / "brief.html"]
    ever = ["--panel", out / "treated.csv", "--treatment", "after", "--exit", "assisted"]
    ever += ["--model", place / "treated.toml", "--out", out / "ever"]
    yield "immortal-time", ["immortal-time", *ever]
    few = ["--engine", "laplace", "--simulations", 2]
    yield "calibrate", ["calibrate", model, *known, out / "calibration.json", *few]


def called(*words: object) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def code_of(done: Result) -> int:
    error = done.exception
    return error.exit_code if isinstance(error, HazardError) else done.exit_code


def text_of(path: Path) -> str:
    """A file as it is, its compressed parts spread out, and the labels of draws."""
    raw = path.read_bytes()
    text = raw.decode("latin-1")
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", raw):
        try:
            text += zlib.decompressobj().decompress(raw[start.start() :], 2**20).decode("latin-1")
        except zlib.error:
            continue
    if path.suffix == ".nc":
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            coordinates = [values for node in tree.subtree for values in node.coords.values()]
            text += " ".join(str(value) for each in coordinates for value in each.values.ravel())
    if path.suffix == ".parquet":
        text += pd.read_parquet(path).to_csv()
    return text


def canaries(text: str) -> list[str]:
    return re.findall(rf"{CANARY}\w*|{DAY}", text)


def said(done: Result) -> str:
    """Everything that reaches a terminal, with the sentence of an error."""
    error = "" if isinstance(done.exception, SystemExit) else str(done.exception or "")
    return f"{done.output}{error}"


@pytest.fixture(scope="module")
def results(place: Path) -> dict[str, Result]:
    out = place / "out"
    out.mkdir()
    done = {}
    for name, words in commands(place, place / "registers", out):
        if name == "immortal-time":
            rows = pd.read_parquet(out / "panel.parquet")[
                ["person", "month", "exit", "nationality"]
            ]
            after = (rows["month"] > rows["month"].median()).astype(int)
            rows.assign(after=after).to_csv(out / "treated.csv", index=False)
        done[name] = called(*words)
    return done


# --- all goes well --------------------------------------------------------------------------------
def test_every_command_is_called(results: dict[str, Result]) -> None:
    known = set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    assert known == {*results, *WITHOUT_PERSONS}
    codes = {name: code_of(done) for name, done in results.items()}
    assert codes == dict.fromkeys(codes, 0), {n: said(results[n]) for n, c in codes.items() if c}


def test_no_canary_is_said(results: dict[str, Result]) -> None:
    assert {name: canaries(said(done)) for name, done in results.items()} == {
        name: [] for name in results
    }


ROWS = {"panel.parquet", "treated.csv"}
"""Rows of persons are what they are for: a panel, and the table that was made of it here."""


def test_no_canary_is_left(place: Path, results: dict[str, Result]) -> None:
    files = [path for path in sorted((place / "out").rglob("*")) if path.is_file()]
    assert len(files) > 50
    left = {path.name: canaries(text_of(path)) for path in files if path.name not in ROWS}
    assert {name: found for name, found in left.items() if found} == {}


def test_the_search_finds_them(place: Path, results: dict[str, Result]) -> None:
    """Negative control: in the registers, and in a panel if it has the ids of persons."""
    for name in ("udi_persons.csv", "udi_stays.csv", "pu_deportations.csv"):
        assert canaries(text_of(place / "registers" / name))
    rows = pd.read_csv(place / "registers" / "udi_persons.csv")
    rows.to_parquet(place / "control.parquet")
    assert canaries(text_of(place / "control.parquet"))
    (place / "control.zlib").write_bytes(b"head" + zlib.compress(f"{CANARY}p1".encode()) + b"tail")
    assert canaries(text_of(place / "control.zlib"))


# --- errors ---------------------------------------------------------------------------------------
def _cell(
    table: str, column: str, value: object, row: int = 11
) -> Callable[[Registers], Registers]:
    """Registers with one other cell."""

    def change(given: Registers) -> Registers:
        frame = given.tables[table].astype(object)
        for name in frame:
            if name.endswith(("_on", "_date")):
                dates = pd.to_datetime(frame[name]).dt.strftime("%Y-%m-%d")
                frame[name] = dates.astype(object).where(dates.notna(), None)
        frame.loc[row % len(frame), column] = value
        return replace(given, **{_FIELDS[table]: frame})

    return change


_FIELDS = {
    "udi_persons": "persons",
    "udi_decisions": "decisions",
    "udi_stays": "stays",
    "udi_applications": "applications",
    "udi_returns": "returns",
    "pu_deportations": "deportations",
}
WRONG = f"{CANARY}wrong"
FORCED: dict[str, Callable[[Registers], Registers]] = {
    f"{column} of {table}": _cell(table, column, WRONG)
    for table, columns in {
        "udi_persons": ["person_id", "family_id", "sex", "family_size", "asylum_applied_on"],
        "udi_decisions": ["person_id", "decided_on", "outcome", "final"],
        "udi_stays": ["person_id", "from_date", "to_date"],
        "udi_applications": ["person_id", "applied_on", "completed_on"],
        "udi_returns": ["person_id", "returned_on", "kind"],
        "pu_deportations": ["person_id", "deported_on", "category"],
    }.items()
    for column in columns
} | {
    "a date before any": _cell("udi_persons", "asylum_applied_on", "0001-01-01"),
    "a date of another form": _cell("udi_decisions", "decided_on", "09.03.1991"),
    "a person twice": _cell("udi_persons", "person_id", f"{CANARY}p012"),
    "a stay that ends before it begins": _cell("udi_stays", "to_date", DAY),
    "a return before the application": _cell("udi_returns", "returned_on", DAY),
}


@pytest.mark.parametrize("kind", FORCED)
def test_no_canary_is_said_of_what_is_wrong(kind: str, place: Path, tmp_path: Path) -> None:
    of = written(tmp_path / "registers", FORCED[kind])
    reading = ("check", "panel", "describe", "survival")
    out = tmp_path / "out"
    out.mkdir()
    for name, words in commands(place, of, out):
        if name in reading:
            done = called(*words)
            assert code_of(done) in (0, 3), (name, said(done))
            assert canaries(said(done)) == [], name
            left = [path for path in out.rglob("*") if path.is_file() and path.name not in ROWS]
            assert not [path.name for path in left if canaries(text_of(path))]


def test_what_is_wrong_is_refused(place: Path, tmp_path: Path) -> None:
    """Most of what is forced is no register: the suite is one of errors."""
    codes = []
    for number, change in enumerate(FORCED.values()):
        codes.append(code_of(called("check", written(tmp_path / f"{number}", change))))
    assert codes.count(3) > len(codes) / 2


# --- faults of the program ------------------------------------------------------------------------
@pytest.mark.parametrize("fault", [ValueError, KeyError, RuntimeError, OSError, AssertionError])
def test_a_fault_says_nothing_of_its_text(
    fault: type[Exception],
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault(f"{CANARY}p011 on {DAY}")

    monkeypatch.setattr(panel, "build", fail)
    for name, words in commands(place, place / "registers", tmp_path):
        if name in ("panel", "describe", "run", "survival"):
            monkeypatch.setattr("sys.argv", ["hazard", *map(str, words)])
            with pytest.raises(SystemExit) as left:
                cli.main()
            assert left.value.code in (1, 2)
            assert canaries("".join(capsys.readouterr())) == []
    assert not list(tmp_path.iterdir())
