"""The notebooks run from top to bottom, and no output of theirs lies in the repository."""

from __future__ import annotations

import ast
import re
import runpy
import tempfile
from pathlib import Path

import pytest

from places import ROOT
from repository import repository_files

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
IMAGE = re.compile("data:image/" + "[a-z+]+;base64")


def stored_outputs(files: list[Path]) -> list[str]:
    """Files that hold what a notebook shows: notebooks with outputs, and pictures beside them."""
    kinds = {".ipynb", ".html", ".png", ".svg", ".nc", ".parquet"}
    return [
        path.name
        for path in files
        if path.suffix == ".ipynb"
        or (path.parent.name == "notebooks" and path.suffix in kinds)
        or (path in NOTEBOOKS and IMAGE.search(path.read_text(encoding="utf-8")))
    ]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(str(path), run_name="__main__")


def test_a_notebook_that_fails_is_seen(tmp_path: Path) -> None:  # negative control
    (tmp_path / "broken.py").write_text("# %%\nassert 1 + 1 == 3\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        runpy.run_path(str(tmp_path / "broken.py"), run_name="__main__")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_text_in_percent_format(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ---\n# jupyter:\n#   jupytext:\n")
    assert "#       format_name: percent\n" in text
    assert text.count("\n# %% [markdown]\n") >= 2
    assert len(ast.parse(text).body) > 2


def test_no_output_is_stored(tmp_path: Path) -> None:
    assert stored_outputs(repository_files()) == []
    planted = [tmp_path / "notebooks" / "figure.png", tmp_path / "any.ipynb", tmp_path / "a.py"]
    assert stored_outputs(planted) == ["figure.png", "any.ipynb"]
