"""A third language is one more file: the command line, the pages and the figures find it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from commands import command
from hazard.studies import immortal_time
from places import PACKAGE, ROOT, TESTS

MODEL = """name = "example"
question = "what comes after?"
outcome = { exits = ["assisted", "disappeared", "forced"] }
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 1]
history_before_start = "missing"
prior = { family = "normal", scale = 0.5, reason = "an example only" }
"""
SCRIPT = """
import contextlib, io, json, sys
from commands import command
for argv in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command(*argv)
    print(json.dumps([code, said.getvalue()]))
"""
MARK = "Ø"  # begins every text of the third language


class Place(NamedTuple):
    """A copy of the tree, and what its commands are about."""

    tree: Path
    registers: Path
    run: Path
    panel: Path

    @property
    def languages(self) -> Path:
        return self.tree / "hazard" / "languages"

    def called(self, *commands: Sequence[object]) -> list[tuple[int, str]]:
        """Exit code and output of each command line of the copied tree, in one process."""
        path = os.pathsep.join(map(str, (self.tree, TESTS / "helpers")))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps([[*map(str, argv)] for argv in commands])],
            env={**os.environ, "PYTHONPATH": path},
            cwd=self.tree,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]  # type: ignore[misc]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("third")
    registers, run, panel = folder / "registers", folder / "run", folder / "panel.parquet"
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    assert command("simulate", "--size", "small", "--seed", 3, "--out", registers) == 0
    fit = ("run", folder / "model.toml", "--registers", registers, "--engine", "laplace")
    assert command(*fit, "--draws", 20, "--out", run) == 0
    world = immortal_time.talk_population()
    persons = immortal_time.persons(world, np.random.default_rng(3))
    panel.write_bytes(immortal_time.panel_of(persons, world).to_parquet(index=False))
    tree, unkept = folder / "tree", shutil.ignore_patterns("__pycache__")
    for name in ("hazard", "models"):
        shutil.copytree(ROOT / name, tree / name, ignore=unkept)
    return Place(tree, registers, run, panel)


@pytest.fixture
def nynorsk(place: Place) -> Iterator[Path]:
    """The English file with a mark before every text but those of numbers."""
    english = (PACKAGE / "languages" / "en.toml").read_text(encoding="utf-8")
    marks, rest = english.split("[shared.unit]")
    rest = re.sub(r'^(.+? = ")', rf"\1{MARK}", rest, flags=re.MULTILINE)
    path = place.languages / "nn.toml"
    path.write_text(f"{marks}[shared.unit]{rest}", encoding="utf-8")
    yield path
    path.unlink()


def asked(place: Place, out: Path, *, lang: str = "nn") -> dict[str, list[object]]:
    """Every command with texts, few draws each, by the file that it makes."""
    rows = ["--registers", place.registers]
    few = ["--horizon", 2, "--draws", 4, "--replications", 1]
    calls: dict[str, list[object]] = {
        "brief.html": ["brief", place.run],
        "describe": ["describe", place.registers],
        "scenario": ["scenario", place.run, *rows, *few],
        "survival": ["survival", "oslo2016", *rows],
        "immortal-time": ["immortal-time", "--panel", place.panel, "--treatment", "talk"],
    }
    return {name: [*call, "--lang", lang, "--out", out / name] for name, call in calls.items()}


def test_one_more_file_is_one_more_language(place: Place, nynorsk: Path, tmp_path: Path) -> None:
    calls = asked(place, tmp_path)
    help_of = ["sensitivity", "--help"]
    # a model without lags: refused for that, after the language was found
    without = ["sensitivity", "rossi", "--lang", "nn", "--out", tmp_path / "sensitivity"]
    *done, told, refused = place.called(*calls.values(), help_of, without)
    assert [code for code, _ in done] == [0] * len(calls), done
    page = (tmp_path / "brief.html").read_text(encoding="utf-8")
    assert '<html lang="nn">' in page
    assert f"<h2>{MARK}The answer</h2>" in re.sub(r"<h2[^>]*>", "<h2>", page)
    for file in (
        "describe/exits_by_year.txt",
        "scenario/scenario.txt",
        "survival/survival.txt",
        "immortal-time/immortal_time.txt",
        "immortal-time/findings.txt",
    ):
        assert (tmp_path / file).read_text(encoding="utf-8").startswith(MARK), file
        if file.endswith("findings.txt"):
            continue
        drawn = (tmp_path / file).with_suffix(".svg").read_text(encoding="utf-8")
        assert f">{MARK}" in drawn, file
    assert f"{MARK}Written to" in done[-1][1]
    assert "en|nb|nn" in told[1]
    assert refused[0] == 3
    assert "must be of a model with a lagged term" in refused[1]


def test_without_its_file_a_language_is_refused(place: Place, tmp_path: Path) -> None:
    calls = asked(place, tmp_path)
    calls["sensitivity"] = ["sensitivity", "rossi", "--lang", "nn", "--out", tmp_path / "s"]
    for code, said in place.called(*calls.values()):
        assert code == 2
        assert said == "hazard: language must be one of ['en', 'nb']; got 'nn'.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_lacks_a_text_is_refused_before_anything_is_made(
    place: Place, nynorsk: Path, tmp_path: Path
) -> None:
    text = nynorsk.read_text(encoding="utf-8")
    lacking, n = re.subn(r"^one_minus = .*\n", "", text, flags=re.MULTILINE)
    assert n == 1
    nynorsk.write_text(lacking, encoding="utf-8")
    calls = asked(place, tmp_path)
    english = asked(place, tmp_path, lang="en")["brief.html"]
    *done, fine = place.called(calls["brief.html"], calls["survival"], english)
    fault = "it lacks figures.survival.one_minus"
    sentence = f"hazard: nn.toml must be as en.toml but for its texts; {fault}.\n"
    assert done == [(2, sentence)] * 2
    assert fine[0] == 0  # the other languages go on
    assert [path.name for path in tmp_path.iterdir()] == ["brief.html"]
