"""The command line: help, exit codes, and one sentence for each way to use it wrongly.

Every id, centre and citizenship in the files below is a canary: no call may print it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import typer
import xarray as xr
from pyarrow import parquet

import small_registers
from hazard import cli, languages
from hazard.data import registers
from hazard.spec import models_folder
from small_registers import Person

CANARY = "CANARY123"
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
SCRIPT = Path(sys.executable).with_name("hazard")
PROGRESS = re.compile(r"^ *\d+ s  .*\n", re.MULTILINE)  # see test_progress.py
HEAVY = {"arviz", "matplotlib", "numba", "nutpie", "pandas", "pymc"}
NAMES = sorted(path.stem for path in models_folder().glob("*.toml"))

MODEL = """name = "example"
question = "what comes after?"
[outcome]
exits = ["assisted", "forced"]
[[term]]
kind = "covariate"
column = "sex"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""
HEAD = "person,month,exit,sex\n"
FIRST = f"{CANARY},1,stay,male\n"


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str


Call = Callable[..., Called]


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def canaries(*texts: str) -> int:
    return sum(text.upper().count(CANARY) for text in texts)


@pytest.fixture
def hazard(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """The command line in this process; nothing that it says may hold a canary.

    What it tells of its progress is not part of the errors.
    """
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):  # what makes rich take a pipe for a terminal
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*argv: object) -> Called:
        monkeypatch.setattr(sys, "argv", ["hazard", *map(str, argv)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        assert canaries(said.out, said.err, caplog.text) == 0
        return Called(left.value.code or 0, said.out, PROGRESS.sub("", said.err))  # type: ignore[arg-type]

    return call


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folder with registers, a table, a model file, a text file and an empty folder."""
    stays = ((f"{CANARY} A", "2005-01-01", None),)
    people = [
        Person(f"{CANARY}a", citizenship=CANARY, stays=stays),
        Person(f"{CANARY}b", citizenship=CANARY, stays=stays, sex="female"),
        Person(f"{CANARY}c", stays=stays, returns=(("2005-03-20", "police"),)),
        Person(f"{CANARY}d", stays=stays, applications=(("2005-04-20", "2005-05-20"),)),
        *(Person(f"{CANARY}{n}", stays=stays) for n in range(8)),
    ]
    (tmp_path / "registers").mkdir()
    small_registers.write(small_registers.registers(*people), tmp_path / "registers")
    (tmp_path / "table.csv").write_text(HEAD + FIRST, encoding="utf-8")
    (tmp_path / "example.toml").write_text(MODEL, encoding="utf-8")
    (tmp_path / "text.txt").write_text("text", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    return tmp_path


def assert_refused(called: Called, code: int, sentence: str) -> None:
    assert (called.code, called.out, called.err) == (code, "", f"hazard: {sentence}\n")


# --- help ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(hazard: Call, command: str) -> None:
    said = hazard(*command.split(), "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: hazard {command}".rstrip() in said.out


def test_help_names_every_command(hazard: Call) -> None:
    lines = hazard("--help").out.splitlines()
    listed = {line.strip("│ ").split()[0] for line in lines if line.strip("│ ")}
    assert {"brief", "check", "published", "models", "panel", "run", "simulate"} <= set(COMMANDS)
    assert set(COMMANDS) <= listed


def test_models_lists_every_file(hazard: Call) -> None:
    said = hazard("models")
    assert [line.split()[0] for line in said.out.splitlines()] == NAMES
    assert all(line.endswith("?") for line in said.out.splitlines())


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    loaded = loaded_by("import hazard.cli")
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_planted_import_is_seen() -> None:
    assert loaded_by("import hazard.cli, hazard.months") & HEAVY == {"pandas"}


# --- wrong use: exit code 2 ---------------------------------------------------------------------
FREE = "must not exist yet, or be an empty folder; choose another name."
LISTED = f"model must be a .toml file or one of {NAMES}; got"
NO_RUN = "run folder must hold a manifest.json that a run wrote; none in"
ANYWHERE = "must lie in a folder that can be written."
SCENARIOS = cli.SCENARIOS.removeprefix("What is planted: ").removesuffix(".")
WRONG_USE = {
    "simulate --out {}/registers": "output '{}/registers' " + FREE,
    "simulate --out {}/text.txt": "output '{}/text.txt' " + FREE,
    "simulate --out {}/text.txt/new": "output '{}/text.txt/new' " + ANYWHERE,
    "simulate --out {}/new --scenario nul": (
        f"scenario must be one of {SCENARIOS}; got 'nul'. Did you mean 'null'?"
    ),
    "check {}/nowhere": "register folder must exist; no folder at '{}/nowhere'.",
    "check {}/text.txt": "register folder must exist; no folder at '{}/text.txt'.",
    "panel {}/nowhere --model oslo2016 --out {}/new.parquet": (
        "register folder must exist; no folder at '{}/nowhere'."
    ),
    "panel {}/registers --model oslo2015 --out {}/new.parquet": (
        f"{LISTED} 'oslo2015'. Did you mean 'oslo2016'?"
    ),
    "panel {}/registers --model {}/nowhere.toml --out {}/new.parquet": (
        "model file must exist; no file at '{}/nowhere.toml'."
    ),
    "panel {}/registers --model oslo2016 --out {}/new.csv": (
        "panel --out must end in .parquet; got '{}/new.csv'."
    ),
    "panel {}/registers --model oslo2016 --out {}/text.txt/new.parquet": (
        "output '{}/text.txt/new.parquet' " + ANYWHERE
    ),
    "run msgus2 --out {}/new": f"{LISTED} 'msgus2'. Did you mean 'mgus2'?",
    "run {}/registers --out {}/new": f"{LISTED} '{{}}/registers'.",
    "run oslo2016 --out {}/new": (
        "model 'oslo2016' must be given data; pass --registers DIR or --panel FILE."
    ),
    "run oslo2016 --registers {}/registers --panel {}/table.csv --out {}/new": (
        "run must be given --registers or --panel, not both."
    ),
    "run oslo2016 --registers {}/text.txt --out {}/new": (
        "register folder must exist; no folder at '{}/text.txt'."
    ),
    "run oslo2016 --panel {}/nowhere.csv --out {}/new": (
        "table must exist; no file at '{}/nowhere.csv'."
    ),
    "run oslo2016 --panel {}/registers --out {}/new": (
        "table must be a .csv or a .parquet file; got '{}/registers'."
    ),
    "run oslo2016 --panel {}/text.txt --out {}/new": (
        "table must be a .csv or a .parquet file; got '{}/text.txt'."
    ),
    "run rossi --engine nuts --checked-by {}/registers --out {}/new": (
        "--checked-by must come with --engine laplace; nuts is what checks."
    ),
    "run rossi --engine laplace --checked-by {}/registers --out {}/new": (
        "run folder must hold a manifest.json that a run wrote; none in '{}/registers'."
    ),
    "score {}/registers --out {}/new": (
        "run folder must hold a manifest.json that a run wrote; none in '{}/registers'."
    ),
    "score {}/registers --out {}/text.txt": "output '{}/text.txt' " + FREE,
    "brief {}/registers --out {}/new.html --lang fr": (
        f"language must be one of {[*languages.codes()]}; got 'fr'."
    ),
    "sensitivity rossi --out {}/new --lang nbb": (
        f"language must be one of {[*languages.codes()]}; got 'nbb'. Did you mean 'nb'?"
    ),
    "prior mgus2 --out {}/new.txt": "prior --out must end in .csv; got '{}/new.txt'.",
    "prior mgus2 --registers {}/registers --panel {}/table.csv --out {}/new.csv": (
        "prior must be given --registers or --panel, not both."
    ),
    "run rossi --out {}/registers": "output '{}/registers' " + FREE,
    "run rossi --out {}/text.txt": "output '{}/text.txt' " + FREE,
    "describe {}/registers --out {}/text.txt": "output '{}/text.txt' " + FREE,
    "describe {}/nowhere --out {}/new": "registers or table must exist; nothing at '{}/nowhere'.",
    "describe {}/nowhere.csv --out {}/new": (
        "registers or table must exist; nothing at '{}/nowhere.csv'."
    ),
    "describe {}/text.txt --out {}/new": (
        "table must be a .csv or a .parquet file; got '{}/text.txt'."
    ),
    "describe {}/registers --model mgsu2 --out {}/new": f"{LISTED} 'mgsu2'. Did you mean 'mgus2'?",
    "published --out {}/registers": "output '{}/registers' " + FREE,
    "published --out {}/text.txt/new": "output '{}/text.txt/new' " + ANYWHERE,
    "brief {}/nowhere --out {}/new.html": NO_RUN + " '{}/nowhere'.",
    "brief {}/text.txt --out {}/new.html": NO_RUN + " '{}/text.txt'.",
    "brief {}/registers --out {}/new.html": NO_RUN + " '{}/registers'.",
    "brief {}/registers --out {}/empty": "output '{}/empty' must not exist yet; choose another "
    "name.",
}


@pytest.mark.parametrize("command", WRONG_USE)
def test_wrong_use_is_one_sentence(hazard: Call, place: Path, command: str) -> None:
    before = listing(place)
    called = hazard(*command.replace("{}", str(place)).split())
    assert_refused(called, 2, WRONG_USE[command].replace("{}", str(place)))
    assert listing(place) == before


@pytest.mark.parametrize(
    "command",
    [
        "",
        "chek {}/registers",
        "check",
        "check {}/registers --sise small",
        "simulate",
        "simulate --out {}/new --size medium",
        "simulate --out {}/new --seed -1",
        "panel {}/registers --out {}/new.parquet",
        "run --out {}/new",
        "run rossi",
        "run rossi --out {}/new --draws 0",
        "run rossi --out {}/new --cores two",
        "published",
        "models twice",
    ],
)
def test_misread_command_line(hazard: Call, place: Path, command: str) -> None:
    before = listing(place)
    called = hazard(*command.replace("{}", str(place)).split())
    assert called.code == 2
    assert "hazard [OPTIONS]" in called.out + called.err or "Usage: hazard" in called.err
    assert "Traceback" not in called.err
    assert listing(place) == before


BROKEN_MODELS = {
    "no TOML": ('name = "', " must be valid TOML; Unterminated string (at end of document)."),
    "nothing": ("", ": name must be given; question must be given; outcome must be given."),
    "key": (
        MODEL.replace("column", "colum"),
        (
            ": term.0.covariate.column must be given; term.0.covariate.colum is not a known "
            "key. Did you mean 'column'?"
        ),
    ),
    "family": (
        MODEL.replace("normal", "norml"),
        (
            ": term.0.covariate.prior must have as its family one of 'normal', 'pooled', "
            "'correlated', 'random_walk', 'autoregressive', 'hierarchical_random_walk', "
            "'horseshoe', 'decay', 'hump', 'polynomial', 'spike', 'monotone'; got 'norml'."
        ),
    ),
    "reason": (
        MODEL.replace("an example only", "none"),
        ": term.0.covariate.prior.normal.reason must have at least 10 characters; got 'none'.",
    ),
}


@pytest.mark.parametrize("what", BROKEN_MODELS)
@pytest.mark.parametrize(
    "command",
    [
        "run {}/broken.toml --panel {}/table.csv --out {}/new",
        "panel {}/registers --model {}/broken.toml --out {}/new.parquet",
    ],
)
def test_broken_model_file(hazard: Call, place: Path, command: str, what: str) -> None:
    text, sentence = BROKEN_MODELS[what]
    (place / "broken.toml").write_text(text, encoding="utf-8")
    before = listing(place)
    called = hazard(*command.replace("{}", str(place)).split())
    assert_refused(called, 2, f"broken.toml{sentence}")
    assert listing(place) == before


def test_model_file_of_other_bytes(hazard: Call, place: Path) -> None:
    (place / "broken.toml").write_bytes(b"\xff\xfe" + MODEL.encode())
    called = hazard("run", place / "broken.toml", "--out", place / "new")
    assert_refused(called, 2, "broken.toml must be valid TOML; it is not UTF-8.")


# --- wrong data: exit code 3 --------------------------------------------------------------------
LABELS = "panel column 'exit' must be one of ['assisted', 'forced', 'stay']; got"
DECLARE = "Correct the register, or declare the exit under [outcome]."
IN_SECOND = "in 1 of 2 rows (first: row 2)."
WRONG_TABLES: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "table must have at least one row; got an empty file."),
    "empty.parquet": (b"", "table must have at least one row; got an empty file."),
    "header.csv": (HEAD.encode(), "panel must have at least one row; got none."),
    "column.csv": (
        f"person,month,exit,sexx\n{FIRST}".encode(),
        "table column 'sex' must exist once; got 0. Did you mean 'sexx'?",
    ),
    "label.csv": (
        f"{HEAD}{FIRST}{CANARY},2,asisted,male\n".encode(),
        f"{LABELS} 'asisted' {IN_SECOND} Did you mean 'assisted'? {DECLARE}",
    ),
    "shifted.csv": (
        f"{HEAD}{FIRST}{CANARY},2,{CANARY},male\n".encode(),
        f"{LABELS} another label {IN_SECOND} {DECLARE}",
    ),
    "exits.csv": (
        f"{HEAD}{CANARY},1,assisted,male\n{CANARY},2,forced,male\n".encode(),
        (
            f"panel must have at most one exit per person; got further exits {IN_SECOND} Keep the "
            "first exit."
        ),
    ),
    "after.csv": (
        f"{HEAD}{CANARY},1,assisted,male\n{CANARY},2,stay,male\n".encode(),
        (
            f"panel must end a person with the exit; got rows after an exit {IN_SECOND} Leave out "
            "the months after the exit."
        ),
    ),
    "month.csv": (
        f"{HEAD}{FIRST}{CANARY},0,stay,male\n".encode(),
        (
            f"panel column 'month' must be at least 1; got months before the start {IN_SECOND} "
            "Number the months at risk from 1; add 1 to all where they start at 0."
        ),
    ),
    "text.csv": (
        f"{HEAD}{FIRST}{CANARY},{CANARY},stay,male\n".encode(),
        (
            f"table column 'month' must hold numbers; got text {IN_SECOND} Correct the cells, with "
            "a decimal point in fractions."
        ),
    ),
    "cells.csv": (
        f"{HEAD}{FIRST}{CANARY},2,stay\n".encode(),
        (
            "table must have as many cells in every row as in its header; got another number in 1 "
            "rows (first: row 2). Quote cells with a comma."
        ),
    ),
    "bytes.csv": (
        f"{HEAD}{FIRST}{CANARY},2,stay,\xe5\n".encode("latin-1"),
        (
            "table must be a CSV file in UTF-8; got other bytes (first: row 2). Save the table as "
            "UTF-8."
        ),
    ),
    "bytes.parquet": (
        f"PAR1{CANARY}PAR1".encode(),
        (
            "table must be a whole Parquet file; got something else, or a damaged one. Write the "
            "file again."
        ),
    ),
    "level.csv": (
        (HEAD + "".join(f"{CANARY}{n},1,forced,male\n" for n in range(10))).encode(),
        (
            "terms must have two levels or more among the rows; got one of sex. Leave them out of "
            "the model file."
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_wrong_table_is_one_sentence(hazard: Call, place: Path, name: str) -> None:
    content, sentence = WRONG_TABLES[name]
    (place / name).write_bytes(content)
    before = listing(place)
    called = hazard("run", place / "example.toml", "--panel", place / name, "--out", place / "new")
    assert_refused(called, 3, sentence)
    assert listing(place) == before


def appended(row: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text("utf-8") + row + "\n", "utf-8")


def replaced(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


WRONG_REGISTERS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no file": ("udi_stays.csv", Path.unlink, "udi_stays.csv must exist; there is no such file."),
    "no window": ("extract.toml", Path.unlink, "extract.toml must exist; there is no such file."),
    "empty file": (
        "udi_stays.csv",
        lambda path: path.write_bytes(b""),
        "udi_stays.csv must not be empty; a table without rows keeps its header.",
    ),
    "no column": (
        "udi_persons.csv",
        replaced("citizenship", "citizenshp"),
        (
            "udi_persons.csv must have the column 'citizenship' once; got 0. Did you mean "
            "'citizenshp'?"
        ),
    ),
    "bad date": (
        "udi_stays.csv",
        appended(f"{CANARY}a,{CANARY},{CANARY},"),
        (
            "udi_stays.csv column 'from_date' must be a date written YYYY-MM-DD; got something "
            "else in 1 of 13 rows (first: row 13). Correct the file."
        ),
    ),
    "bad label": (
        "udi_returns.csv",
        appended(f"{CANARY}a,2005-06-01,{CANARY}"),
        (
            "udi_returns.csv column 'kind' must be one of ['assisted', 'police']; got something "
            "else in 1 of 2 rows (first: row 2). Correct the file."
        ),
    ),
    "bad window": (
        "extract.toml",
        replaced("2005-01", "2005-13"),
        "extract.toml 'window_start' must be a month written \"YYYY-MM\"; got something else.",
    ),
}
BROKEN_RULES: dict[str, tuple[str, str, str, str]] = {
    "stay before 1990": (
        "udi_stays.csv",
        f"{CANARY}a,{CANARY} A,1989-12-01,2004-12-01",
        "udi_stays: from_date lies between 1990 and the end of the follow-up",
        "1 of 13 rows do not; first: row 13",
    ),
    "event before 1990": (
        "pu_deportations.csv",
        f"{CANARY}b,1989-12-31,asyl",
        "pu_deportations: deported_on lies between 1990 and the end of the follow-up",
        "1 of 1 rows do not; first: row 1",
    ),
    "stranger": (
        "udi_stays.csv",
        f"{CANARY}z,{CANARY} A,2005-02-01,2005-03-01",
        "udi_stays: The person is in udi_persons",
        "1 of 13 rows do not; first: row 13",
    ),
    "person twice": (
        "udi_persons.csv",
        f"{CANARY}a,{CANARY}e,{CANARY},male,1,2004-01-15",
        "udi_persons: A person has one row",
        "1 of 13 rows do not; first: row 13",
    ),
}


def register_commands(place: Path) -> Iterator[list[object]]:
    yield ["panel", place / "registers", "--model", "oslo2016", "--out", place / "new.parquet"]
    yield ["run", "oslo2016", "--registers", place / "registers", "--out", place / "new"]


@pytest.mark.parametrize("what", WRONG_REGISTERS)
def test_unreadable_registers_are_one_sentence(hazard: Call, place: Path, what: str) -> None:
    name, spoil, sentence = WRONG_REGISTERS[what]
    spoil(place / "registers" / name)
    before = listing(place)
    for command in (["check", place / "registers"], *register_commands(place)):
        assert_refused(hazard(*command), 3, sentence)
    assert listing(place) == before


@pytest.mark.parametrize("what", BROKEN_RULES)
def test_contradicting_registers(hazard: Call, place: Path, what: str) -> None:
    name, row, rule, found = BROKEN_RULES[what]
    appended(row)(place / "registers" / name)
    before = listing(place)
    report = hazard("check", place / "registers")
    assert (report.code, report.err) == (3, "")
    assert f"error  {rule}. {found.split(';')[0]}" in report.out
    for command in register_commands(place):
        sentence = (
            f"registers must hold together; broken: {rule} ({found}). Correct the extract, or see "
            "them all with 'hazard check'."
        )
        assert_refused(hazard(*command), 3, sentence)
    assert listing(place) == before


def test_sound_registers_pass(hazard: Call, place: Path) -> None:  # positive control
    report = hazard("check", place / "registers")
    assert (report.code, report.err) == (0, "")
    assert report.out.endswith("rules checked, 0 broken.\n")
    made = hazard(*next(register_commands(place)))
    assert (made.code, made.err) == (0, "")
    # everybody is at risk from January; c leaves in March, d in April, a and b stay all year
    assert made.out.endswith(f"127 rows written to {place / 'new.parquet'}\n")
    rows = pd.read_parquet(place / "new.parquet")
    assert sorted(rows["exit"][rows["exit"] != "stay"]) == ["assisted", "forced"]
    assert (place / "new.parquet").stat().st_mode & 0o777 == 0o600


def test_a_canary_in_the_output_is_found(hazard: Call, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="assert 1 == 0"):
        hazard("check", tmp_path / CANARY)  # the path of a folder is repeated


# --- all or nothing -----------------------------------------------------------------------------
def full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device", "new file")


WRITTEN_BY: dict[str, tuple[type, str]] = {
    "simulate --size small --out {}/new": (xr.Dataset, "to_netcdf"),
    "panel {}/registers --model oslo2016 --out {}/new.parquet": (parquet, "write_table"),
    "describe {}/registers --out {}/new": (Path, "write_bytes"),
}


@pytest.mark.parametrize("command", WRITTEN_BY)
def test_full_disk_leaves_nothing(
    hazard: Call, place: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(*WRITTEN_BY[command], full_disk)
    before = listing(place)
    called = hazard(*command.replace("{}", str(place)).split())
    assert (called.code, called.out, called.err.count("\n")) == (2, "", 1)
    assert "got: No space left on device." in called.err
    assert listing(place) == before


def test_interrupt(hazard: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registers, "read", interrupted)
    before = listing(place)
    for command in register_commands(place):
        assert hazard(*command).code == 130
    assert listing(place) == before


def test_prior_says_what_is_believed(hazard: Call, tmp_path: Path) -> None:
    called = hazard("prior", "mgus2", "--draws", "40", "--out", tmp_path / "prior.csv")
    assert (called.code, called.err) == (0, "")
    rows = pd.read_csv(tmp_path / "prior.csv")
    assert set(rows["exit"]) == {"pcm", "death", "any exit"}
    assert (rows["p2_5"] < rows["p97_5"]).all()
    assert "monthly_probability" in called.out
    again = hazard("prior", "mgus2", "--draws", "40", "--seed", "1", "--out", tmp_path / "b.csv")
    assert again.code == 0
    assert not rows.equals(pd.read_csv(tmp_path / "b.csv"))
    assert not (tmp_path / "b.png").exists()  # a model without a lag curve
    assert hazard("prior", "jobs", "--draws", "20", "--out", tmp_path / "c.csv").code == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    refused = hazard("prior", "jobs", "--draws", "20", "--out", tmp_path / "c.csv")
    assert refused.code == 2


# --- the installed script -----------------------------------------------------------------------
def process(*argv: object) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_script_refuses_wrong_use(place: Path) -> None:
    done = process("panel", place / "registers", "--model", "oslo", "--out", place / "n.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"hazard: {LISTED} 'oslo'. Did you mean 'oslo2016'?\n"


def test_script_refuses_wrong_data(place: Path) -> None:
    (place / "table.csv").write_text(HEAD + FIRST + FIRST, encoding="utf-8")
    before = listing(place)
    done = process(
        *("run", place / "example.toml", "--panel", place / "table.csv", "--out", place / "new")
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert PROGRESS.sub("", done.stderr) == (
        "hazard: panel must have one row per person and month; got repeated months in 1 of 2 rows "
        "(first: row 2). Keep one row of each.\n"
    )
    assert listing(place) == before
