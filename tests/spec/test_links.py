"""A link is one record: what is not stated stops the import, on a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from places import PACKAGE

HEAD = 'LinkName = Literal["softmax", "cloglog"]'
LAST = "    }\n)\n"
WHOLE = 'code=2, formula="h_j = ...", unit="log-rate", ratio="hazard", predictor=math.log'
NAMED = HEAD.replace("]", ', "other"]')


def imported(tree: Path, head: str, record: str, module: str = "hazard.spec.links") -> str:
    """Last line of what an import says, with a third link in the file; nothing if it works."""
    shutil.copytree(PACKAGE, tree / "hazard", ignore=shutil.ignore_patterns("__pycache__"))
    path = tree / "hazard" / "spec" / "links.py"
    source = path.read_text(encoding="utf-8")
    assert source.count(HEAD) == source.count(LAST) == 1
    edited = source.replace(HEAD, head).replace(LAST, f'        "other": Link({record}),\n{LAST}')
    path.write_text(edited if record else source.replace(HEAD, head), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import {module}"],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize(
    ("head", "record", "said"),
    [
        (NAMED, WHOLE, ""),  # the control: a link with everything
        (NAMED, WHOLE.replace('unit="log-rate", ', ""), "required positional argument: 'unit'"),
        (NAMED, WHOLE.replace("log-rate", ""), "TypeError: link must state its unit; got nothing."),
        (HEAD, WHOLE, "TypeError: every link must be a name that a model file can hold"),
        (NAMED, "", "TypeError: every link must be a name that a model file can hold"),
    ],
    ids=["whole", "no unit", "empty unit", "no name", "no record"],
)
def test_an_incomplete_link_stops_the_import(
    tmp_path: Path, head: str, record: str, said: str
) -> None:
    found = imported(tmp_path, head, record)
    assert said in found
    assert bool(said) == bool(found)


def test_a_link_without_a_formula_stops_the_import_of_the_likelihood(tmp_path: Path) -> None:
    """Its record is whole, and yet no code says what it does: the old ones are not taken for it."""
    found = imported(tmp_path, NAMED, WHOLE, "hazard.model.kernels")
    assert "every link must have its formula" in found
    assert "'other'" in found
