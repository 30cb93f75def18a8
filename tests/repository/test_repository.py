"""What the repository must not hold, and what its set-up promises."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest

from repository import ROOT, repository_files

# Patterns are put together from pieces, so that this file does not match itself.
FORBIDDEN = {
    "address of a package index": "|".join(
        [
            r"(?:extra-)?index" + r"-url",
            "find" + "-links",
            r"https?://\S*/" + r"(?:simple|packages|registry)\b",
        ]
    ),
    "home folder of a person": r"(?<![\w.~}-])/(?:" + r"home|Users|root)/\w|[A-Z]:\\" + r"Users\\",
    "path of one machine": r"(?<![\w.~}-])/(?:" + r"tmp|work)\b",
}
PLANTED = {
    "address of a package index": [
        "--index" + "-url https://example.org",
        "pip install --find" + "-links wheels",
        "see https://example.org/" + "simple",
    ],
    "home folder of a person": ["cd /" + "home/kari", "'/" + "root/x'", "C:\\" + "Users\\kari"],
    "path of one machine": ["in /" + "tmp/runs", "PATH=/" + "work/main"],
}
HARMLESS = ["runs/oslo2016", "either/" + "work", "https://example.org/" + "home/page", "~/.pyenv"]
PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+]+")
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_NAMES = {"eval", "exec", "compile", "__import__"}


def text_of(path: Path) -> str:
    """Content of a text file; nothing for a binary one."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def unsafe(source: str) -> set[str]:
    """What a source uses that can run code from its input."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names} & UNSAFE_MODULES
            case ast.ImportFrom(module=str(module)):
                found |= {module.split(".")[0]} & UNSAFE_MODULES
            case ast.Call(func=ast.Name(id=name)) if name in UNSAFE_NAMES:
                found.add(name)
            case ast.Attribute(attr=("read_pickle" | "to_pickle") as name):
                found.add(name)
            case ast.keyword(arg="allow_pickle", value=value):
                if not (isinstance(value, ast.Constant) and value.value is False):
                    found.add("allow_pickle")
    return found


def unpinned(constraints: str) -> list[str]:
    """Lines that are neither a comment nor ``name==version``."""
    lines = [line for line in constraints.splitlines() if not line.startswith("#")]
    return [line for line in lines if not PIN.fullmatch(line)]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    files = repository_files()
    assert files
    assert [str(path.relative_to(ROOT)) for path in files if pattern.search(text_of(path))] == []


@pytest.mark.parametrize(("what", "text"), [(k, text) for k, v in PLANTED.items() for text in v])
def test_planted_text_is_found(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], f"first line\n{text}\n")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_not_found(text: str) -> None:
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)] == []


def test_package_runs_no_code_from_its_input() -> None:
    sources = sorted((ROOT / "hazard").rglob("*.py"))
    assert sources
    found = {path.name: unsafe(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: uses for name, uses in found.items() if uses} == {}


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("import pickle", "pickle"),
        ("from joblib import load", "joblib"),
        ("eval('1')", "eval"),
        ("pd.read_pickle(path)", "read_pickle"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
    ],
)
def test_planted_use_is_found(source: str, use: str) -> None:
    assert unsafe(source) == {use}


def test_ordinary_source_is_safe() -> None:
    assert (
        unsafe('"""No pickle, no eval."""\nnp.load(path, allow_pickle=False)\nx.eval()\n') == set()
    )


def test_constraints_are_pins_only() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert unpinned(constraints) == []
    assert constraints.count("==") > 1


@pytest.mark.parametrize(
    "line", ["numpy>=2", "-e .", "x @ file:x.whl", "x==1 --hash=sha256:0", "--pre", "x==1; y", ""]
)
def test_planted_line_is_not_a_pin(line: str) -> None:
    assert unpinned(f"# comment\nnumpy==2.5.5\n{line}\nscipy==1.18.1\n") == [line]


# --- set-up: scripts/venv.sh, with planted candidates -------------------------------------------
def candidate(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def make_environment(folder: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "venv.sh"), "environment"],
        cwd=folder,
        env={"PATH": str(folder), "HOME": str(folder), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_set_up_takes_the_first_python_that_fits(tmp_path: Path) -> None:
    candidate(tmp_path, "python3.13", "exit 127")  # a shim that starts nothing
    candidate(tmp_path, "python3.12", '[ "$1" = -c ] || echo "$0 $*"')
    candidate(tmp_path, "python3", '[ "$1" = -c ] || echo "$0 $*"')
    done = make_environment(tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        f"{tmp_path}/python3.12 -m venv --clear environment\n",
    )
    done = make_environment(tmp_path, python=f"{tmp_path}/python3")
    assert done.stdout == f"{tmp_path}/python3 -m venv --clear environment\n"


def test_set_up_says_what_to_install(tmp_path: Path) -> None:
    candidate(tmp_path, "python3.13", "exit 127")
    candidate(tmp_path, "python3.12", '[ "$1" = -c ]')  # fits, and then cannot make one
    candidate(tmp_path, "python3", "exit 1")  # too old
    done = make_environment(tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "hazard needs Python 3.12 or newer with venv and ensurepip, and found none: install one "
        "(packages python3.12 and python3.12-venv, or pyenv), or set PYTHON to its path.\n"
    )


# --- the fixtures of all tests ------------------------------------------------------------------
def test_network_is_closed() -> None:
    with (
        socket.socket(socket.AF_INET) as outside,
        pytest.raises(RuntimeError, match=r"^a test must not open a network connection$"),
    ):
        outside.connect(("127.0.0.1", 9))


def test_local_sockets_are_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as local, pytest.raises(FileNotFoundError):
        local.connect(str(tmp_path / "nothing"))


def test_rng_by_hand(rng: np.random.Generator) -> None:
    # The first eight bytes of sha256("test_rng_by_hand").
    assert rng.random() == np.random.default_rng(0x5DE797FF192792F9).random()
