"""No edit of a formula leaves an old one at work in machine code that is kept on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hazard.compiled import compiled, digest_of
from hazard.model import kernels
from places import PACKAGE

SCRIPT = """
import numpy as np
from hazard.compiled import digest_of
from hazard.model.kernels import kernel
run = kernel(0, 4)
rows = np.zeros((1, 1), np.int32), np.zeros(1, np.int8), np.ones(1)
print(float(run(np.zeros((1, 4)), *rows)[0]), digest_of(run) if hasattr(run, "py_func") else "")
"""


def said(tree: Path, cache: Path) -> tuple[float, str]:
    """Log-probability to stay where four exits are as likely, and the digest of its loop."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    number, digest = done.stdout.split()
    return float(number), digest


@pytest.mark.parametrize("guarded", [True, False])
def test_an_edited_formula_is_what_runs(tmp_path: Path, guarded: bool) -> None:
    """Without the digest in the name, the negative control, the old machine code runs on."""
    tree, cache = tmp_path / "tree", tmp_path / "cache"
    shutil.copytree(PACKAGE, tree / "hazard", ignore=shutil.ignore_patterns("__pycache__"))
    if not guarded:
        path = tree / "hazard" / "compiled.py"
        source = path.read_text(encoding="utf-8")
        edited = source.replace('loop.__qualname__ += f"_{total.hexdigest()[:16]}"', "")
        assert edited != source
        path.write_text(edited, encoding="utf-8")
    before = said(tree, cache)
    assert before[0] == pytest.approx(np.log(1 / 5))
    assert said(tree, cache) == before
    formula = tree / "hazard" / "model" / "links.py"
    source = formula.read_text(encoding="utf-8")
    edited = source.replace("stay = unit / total", "stay = 3.0 * unit / total")
    assert edited != source
    formula.write_text(edited, encoding="utf-8")
    after = said(tree, cache)
    assert after[0] == pytest.approx(np.log((3 if guarded else 1) / 5))
    assert after[1] != before[1]  # by which compiled graphs are found again


FACTOR = 2.0


def _doubled(x: float) -> float:
    return FACTOR * x


def test_a_number_of_a_module_is_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    one = digest_of(compiled(_doubled))
    again = digest_of(compiled(_doubled))
    assert one == again
    monkeypatch.setitem(_doubled.__globals__, "FACTOR", 3.0)
    assert digest_of(compiled(_doubled)) != one


def test_every_kept_loop_has_a_digest() -> None:
    loops = [value for value in vars(kernels).values() if hasattr(value, "py_func")]
    assert len(loops) > 4
    assert len({loop.py_func.__qualname__ for loop in loops}) == len(loops)
    for path in PACKAGE.rglob("*.py"):
        if path.name != "compiled.py":
            assert "njit(" not in path.read_text(encoding="utf-8").replace("numba_njit", ""), path
