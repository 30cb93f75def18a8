"""A family is one module, one line of registration and one test: tried on a copy of the tree."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from hazard.spec.priors import FAMILIES
from places import PACKAGE, ROOT, TESTS

NAMES = [family.__module__.rsplit(".", 1)[1] for family in FAMILIES]
STUDENT = '''"""Coefficients with heavy tails."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import Functions, Moments, Shape, TransformedFamily
from hazard.spec.records import Reason, Scale, Whole


class StudentPrior(TransformedFamily):
    """Independent coefficients of Student's t distribution with ``degrees`` of freedom."""

    label = "heavy tails"

    family: Literal["student"]
    scale: Scale
    degrees: Annotated[Whole, Field(ge=3, le=100)] = 4
    reason: Reason

    @property
    def symbols(self) -> str:
        return f"StudentT({self.degrees}, 0, {self.scale:g})"

    @property
    def reach(self) -> float:
        return self.scale

    def n_normals(self, n: int) -> int:
        return n * (1 + self.degrees)

    def transform(self, x: Any, n: int, functions: Functions) -> Any:
        squares = sum(x[k * n : (k + 1) * n] ** 2 for k in range(1, self.degrees + 1))
        return self.scale * x[:n] / (squares / self.degrees) ** 0.5

    def moments(self, lag: FloatArray) -> Moments:
        variance = self.scale**2 * self.degrees / (self.degrees - 2)
        return Moments(np.zeros(len(lag)), np.full(len(lag), variance))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        prior = cls(family="student", scale=1.0, reason="a few months may be large")
        return (Shape("student", cls.label, prior),)
'''
LINE = '        "monotone",\n'
MODEL = """
name = "tails"
question = "Does a family of its own take part in everything?"
outcome = { exits = ["assisted", "forced"] }
[[term]]
kind = "lagged"
exposure = "visit"
network = "centre"
lags = [0, 3]
history_before_start = "missing"
prior = { family = "student", scale = 0.5, degrees = 5, reason = "an example only" }
"""
USE = """
import json, sys
import numpy as np
import hazard
from hazard import spec
from hazard.predictive.prior_draws import prior_draws
from hazard.model import design, parameterisation, priors
from hazard.output.figures.sensitivity import _LABELS
from hazard.studies import sbc
from hazard.studies.sensitivity import grid, prior_intervals
model = spec.load(sys.argv[1])
rows = sbc.small_rows(model)
built = design.build(rows.frame, rows.histories, model)
it = parameterisation.standard(built)
drawn = prior_draws(it, 4_000, np.random.default_rng(1))["beta_visit_centre"].values
print(json.dumps({
    "at": hazard.__file__,
    "distribution": priors.describe(model)["distribution"].tolist(),
    "transformed": list(it.transformed),
    "factor": np.diag(it.factors["visit_centre"]).tolist(),
    "shape": list(drawn.shape),
    "variance": float((drawn**2).mean()),
    "error": float((drawn**2).mean(axis=(0, 2, 3)).std() / drawn.shape[1] ** 0.5),
    "cells": [cell.name for cell in grid.cells(model)],
    "label": _LABELS["student"],
    "half_widths": prior_intervals.lag_half_widths(model.term[0], model.term[0].prior).tolist(),
}))
"""


def test_every_module_is_registered_and_tested() -> None:
    modules = {path.stem for path in (PACKAGE / "spec" / "priors").glob("*.py")}
    assert modules - {"__init__", "contract"} == set(NAMES)
    tests = {path.stem for path in (TESTS / "spec" / "priors").glob("test_*.py")}
    assert {f"test_{name}" for name in NAMES} <= tests


# --- a family that is new -------------------------------------------------------------------------
@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its models."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "hazard", ignore=ignored)
    shutil.copytree(ROOT / "models", tmp_path / "models")
    return tmp_path


def add(tree: Path, text: str) -> None:
    """Write the module of a family, and its line of registration."""
    folder = tree / "hazard" / "spec" / "priors"
    (folder / "student.py").write_text(text, encoding="utf-8")
    room = folder / "__init__.py"
    before = room.read_text(encoding="utf-8")
    assert before.count(LINE) == 1
    room.write_text(before.replace(LINE, LINE + '        "student",\n'), encoding="utf-8")


def run(tree: Path, code: str, *argv: str) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *argv]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=tree, env=os.environ | paths, check=False
    )


def test_a_new_family_is_a_module_and_a_line(copy: Path) -> None:
    add(copy, STUDENT)
    done = run(copy, USE, MODEL)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["at"]).is_relative_to(copy)
    assert found["distribution"][1] == "StudentT(5, 0, 0.5)"
    assert (found["transformed"], found["factor"]) == (["visit_centre"], [0.5] * 4)
    assert found["shape"] == [1, 4_000, 4, 2]
    # variance of a t with 5 degrees of freedom: 5 / 3 of the scale squared
    assert abs(found["variance"] - 0.25 * 5 / 3) < 5 * found["error"]
    assert abs(found["variance"] - 0.25) > 5 * found["error"]  # negative control: that of a normal
    assert found["cells"][-2:] == ["student:1", "student:2"]
    assert found["label"] == "heavy tails"
    of = stats.t(5, scale=0.5)
    error = math.sqrt(0.05 * 0.95 / 100_000) / (2 * of.pdf(of.ppf(0.975)))
    assert abs(found["half_widths"][0] - of.ppf(0.975)) < 5 * error


def test_without_its_line_it_is_unknown(copy: Path) -> None:  # negative control
    done = run(copy, USE, MODEL)
    assert "must have as its family one of 'normal', " in done.stderr
    assert "got 'student'" in done.stderr


def test_a_family_that_lacks_something_fails_at_import(copy: Path) -> None:
    gone = (
        STUDENT[: STUDENT.index("    def moments")] + STUDENT[STUDENT.index("    @classmethod") :]
    )
    add(copy, gone.replace('    label = "heavy tails"\n', "").replace("cls.label", "'tails'"))
    done = run(copy, "import hazard.spec")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "TypeError: prior family 'student' must have all that hazard.spec.priors.contract asks of "
        "it; StudentPrior lacks moments, label."
    )
