"""How a command ends: signals, faults, too little memory; one sentence and nothing left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hazard import cli
from hazard.cli import ending
from hazard.data import registers
from hazard.errors import DataError
from places import TESTS

CANARY = "CANARY123"
PROGRESS = re.compile(r"^ *\d+ s  .*\n", re.MULTILINE)  # see test_progress.py
CODES = {"SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130}
MAIN = "from hazard.cli import main; main()"
FAST = ["survival rossi --out new", "prior rossi --draws 20 --out new.csv"]
SLOW = [
    *FAST,
    "run rossi --engine laplace --out new",
    "simulate --size small --out new",
    "panel {registers} --model oslo2016 --out new.parquet",
    "describe {registers} --out new",
    "survival oslo2016 --registers {registers} --out new",
    "calibrate rossi --engine laplace --simulations 5 --out new.json",
    "immortal-time --replications 2 --out new",
    "score {run} --out new",
    "brief {run} --out new.html",
]
LONG = [  # a minute or more
    "run rossi --draws 500 --out new",
    "published --out new",
    "sensitivity oslo2016 --registers {registers} --out new",
]
KILLS = {**dict.fromkeys(SLOW, 5), **dict.fromkeys(LONG, 1)}


KEPT = {".new.chains", "new.json.pieces"}  # with which the same command goes on
SUITE = Callable[[str, int], None]


def kills(place: Path, signals: list[str], commands: list[str]) -> list[dict[str, Any]]:
    """What became of commands that were killed at random moments."""
    script = TESTS / "helpers" / "killed.py"
    one = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "NUMBA")}
    no_thread = {**one, "ARROW_DEFAULT_MEMORY_POOL": "system"}  # a fork with threads is an error
    done = subprocess.run(
        [sys.executable, "-W", "error", script, str(place), ",".join(signals), *commands],
        env={**os.environ, **no_thread},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def stopped(line: dict[str, Any]) -> bool:
    """Whether a command was stopped before its end, with a sentence and nothing half-written."""
    if "signal" not in line or line["code"] in (0, 4):
        assert line["code"] in (0, 4), line
        return False
    assert line["code"] == CODES[line["signal"]], line
    assert line["said"].endswith(".\n"), line
    assert f"hazard: stopped by {line['signal']}" in line["said"], line
    assert "Traceback" not in line["said"], line
    whole = {"new", "new.csv", "new.html", "new.json", "new.parquet"}
    assert [path for path in line["files"] if path.split("/")[0] not in whole | KEPT] == [], line
    return True


def assert_nothing_left(lines: list[dict[str, Any]], suite: SUITE) -> None:
    by = Counter(line["signal"] for line in lines if stopped(line))
    assert set(by) == {*CODES}, by
    suite("signals", by.total())


def assert_same_result(lines: list[dict[str, Any]], suite: SUITE) -> None:
    """After the command is given again, each file that two runs have alike is alike again."""
    uncleaned = 0
    for command in {tuple(line["command"]) for line in lines}:
        of = [line for line in lines if tuple(line["command"]) == command]
        (one, other), killed = of[:2], of[2:]
        assert one["code"] == other["code"], of
        assert one["files"].keys() == other["files"].keys()
        alike = {path for path, digest in one["files"].items() if other["files"][path] == digest}
        assert any(one["files"][path] for path in alike), one
        for line in killed:
            assert line["code"] == -signal.SIGKILL, line
            again = line["again"]["files"]
            assert again.keys() == one["files"].keys(), line
            assert {path: again[path] for path in alike} == {p: one["files"][p] for p in alike}
            uncleaned += bool(line["files"])
        suite("kills", len(killed))
    assert uncleaned  # negative control: there was something to clean


def check(lines: list[dict[str, Any]], suite: SUITE) -> None:
    assert_nothing_left([line for line in lines if line.get("signal") != "SIGKILL"], suite)
    assert_same_result([line for line in lines if line.get("signal") not in CODES], suite)


def test_stopped_commands(tmp_path: Path, suite: SUITE) -> None:
    check(kills(tmp_path, [*CODES] * 3 + ["SIGKILL"] * 3, FAST), suite)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Registers and a run that commands start from."""
    place = tmp_path_factory.mktemp("made")
    paths = {"registers": place / "registers", "run": place / "run"}
    for command in (
        f"simulate --size small --out {paths['registers']}",
        f"run rossi --engine laplace --out {paths['run']}",
    ):
        subprocess.run([sys.executable, "-c", MAIN, *command.split()], check=True)
    return paths


@pytest.mark.slow
@pytest.mark.parametrize("command", KILLS)
def test_any_stopped_command(
    command: str, made: dict[str, Path], tmp_path: Path, suite: SUITE
) -> None:
    signals = [*CODES] + ["SIGKILL"] * KILLS[command]
    check(kills(tmp_path / "killed", signals, [command.format(**made)]), suite)


def test_a_signal_that_is_ignored_stays_so() -> None:
    script = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from hazard.cli import ending\n"
        "with ending.stoppable():\n"
        "    os.kill(os.getpid(), signal.SIGHUP); print('goes on', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM); print('not here')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (143, "goes on\n")
    assert done.stderr == "hazard: stopped by SIGTERM.\n"


# --- errors -------------------------------------------------------------------------------------
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> tuple[object, str]:
    """Exit code and words of a command in which an error is raised."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(registers, "read", fail)
    monkeypatch.setattr(os, "_exit", sys.exit)
    monkeypatch.setattr(sys, "argv", ["hazard", "check", "folder"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code, PROGRESS.sub("", capsys.readouterr().err)


class PanicError(BaseException):
    """What a library in another language may raise."""


ERRORS: dict[str, tuple[BaseException, int, str]] = {
    "fault": (ValueError(CANARY), 1, "hazard: a fault of the program, ValueError at cli/data.py:"),
    "key": (KeyError(CANARY), 1, "hazard: a fault of the program, KeyError at cli/data.py:"),
    "panic": (PanicError(CANARY), 1, "hazard: a fault of the program, PanicError at cli/data.py:"),
    "memory": (MemoryError(CANARY), 2, "hazard: memory must hold what the command needs;"),
    "thread": (
        RuntimeError("can't start new thread"),
        2,
        "hazard: memory must hold what the command needs;",
    ),
    "library": (
        ImportError("libx.so: failed to map segment from shared object"),
        2,
        "hazard: memory must hold what the command needs;",
    ),
    "unnamed": (OSError(28, CANARY), 2, "hazard: a file must be usable; got: No space left"),
    "foreign": (OSError(CANARY), 2, "hazard: a file must be usable; got: OSError."),
    "escape": (
        DataError("level\x1b[2J\nhazard: well"),
        3,
        "hazard: level\\x1b[2J\\nhazard: well\n",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_is_one_sentence_without_values(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error, code, start = ERRORS[kind]
    monkeypatch.delenv(ending.FULL_TRACEBACK, raising=False)
    found = called(monkeypatch, capsys, error)
    assert found[0] == code
    assert found[1].startswith(start)
    assert found[1].count("\n") == 1
    assert CANARY not in found[1]


def test_the_whole_traceback_is_for_who_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ending.FULL_TRACEBACK, "1")
    code, said = called(monkeypatch, capsys, ValueError(CANARY))
    assert code == 1
    assert f"ValueError: {CANARY}" in said


@pytest.mark.parametrize("argument", ["a\x1b[2J", "a\x9b2J", "a\u202eb", "a\nb", "--\x1b]0;x\x07"])
def test_arguments_that_act_are_refused(
    argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hazard", "check", argument])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith("got some in argument 2.\n")


@pytest.mark.parametrize(
    ("shell", "code", "told"),
    [
        ("ulimit -v 900000; exec", 2, "hazard: memory limit (ulimit -v) must be at least"),
        ("exec >/dev/full;", 2, "hazard: a file must be usable; got: No space left on device.\n"),
    ],
)
def test_limits_of_the_machine_are_a_sentence(shell: str, code: int, told: str) -> None:
    line = f'{shell} "{sys.executable}" -c "{MAIN}" models'
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1
