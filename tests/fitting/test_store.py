"""Folders of runs and of published estimates: whole or not at all, unchanged when read, told of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from hazard import cli, fitting, spec
from hazard.brief.folders import read as read_folder
from hazard.errors import IntegrityError, UsageError
from hazard.files import seal
from hazard.files.atomic import write_file
from hazard.files.tidy_csv import write_table
from hazard.fitting import Fit, folders
from hazard.fitting.draws_file import content_digest, read_posterior
from hazard.fitting.status import Status
from hazard.fitting.store import read_run, write_run
from hazard.output import figures
from hazard.studies import published
from hazard.studies.published.folder import PublishedFolder, read_published, write_published
from small_registers import Person, registers, write
from small_runs import small_analysis, small_published_posterior

SEAL = {"manifest.json", "manifest.sha256"}
RUN_FILES = {
    "posterior.nc",
    "estimates.csv",
    "predictive.csv",
    "gate.csv",
    "priors.csv",
    "flow.csv",
    *SEAL,
}
PUBLISHED_FILES = {
    "posterior.nc",
    "estimates.csv",
    "gate.csv",
    "correlation.csv",
    *SEAL,
    "lag_curves.png",
    "lag_curves.svg",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of either kind, to be copied."""
    place = tmp_path_factory.mktemp("written")
    write_run(place / "run", small_analysis(np.random.default_rng(1)))
    write_published(place / "published", small_published_posterior(np.random.default_rng(1)))
    return place


@pytest.fixture
def run_folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written / "run", tmp_path / "run")


@pytest.fixture
def published_folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written / "published", tmp_path / "published")


# --- there and back -------------------------------------------------------------------------------
def test_run_comes_back_as_it_was(run_folder: Path) -> None:
    written, found = small_analysis(np.random.default_rng(1)), read_folder(run_folder)
    assert isinstance(found, Fit)
    assert found.spec == written.spec
    assert found.facts["source"] == "registers"
    assert found.facts["limits"]["ess"] == 400
    estimates = [rows.convert_dtypes() for rows in (found.estimates, written.estimates)]
    pd.testing.assert_frame_equal(*estimates, check_dtype=False, rtol=1e-12)
    pd.testing.assert_frame_equal(found.gate.table, written.gate.table, check_dtype=False)
    pd.testing.assert_frame_equal(found.flow, written.flow)
    pd.testing.assert_frame_equal(found.priors, written.priors)


def test_evidence_comes_back_as_it_was(published_folder: Path) -> None:
    written, found = (
        small_published_posterior(np.random.default_rng(1)),
        read_folder(published_folder),
    )
    assert isinstance(found, PublishedFolder)
    pd.testing.assert_frame_equal(found.estimates, written.estimates, rtol=1e-12)
    pd.testing.assert_frame_equal(found.correlation, written.correlation, rtol=1e-12)
    assert found.gate["prior"].unique().tolist() == ["wide", "decay"]
    assert found.manifest["settings"]["seed"] == 2016
    assert found.manifest["priors"]["decay"]["half_life"] == 3.0


def test_folders_hold_their_files_for_their_owner_only(
    run_folder: Path, published_folder: Path
) -> None:
    for folder, names in ((run_folder, RUN_FILES), (published_folder, PUBLISHED_FILES)):
        assert {item.name for item in folder.iterdir()} == names
        assert {item.stat().st_mode & 0o777 for item in folder.iterdir()} == {0o600}
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert set(manifest["files"]) == names - SEAL


def test_figure_files_are_pictures(published_folder: Path) -> None:
    assert (published_folder / "lag_curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (published_folder / "lag_curves.svg").read_bytes()[:1000]


def test_draws_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    written = small_analysis(rng, n=40)
    write_run(tmp_path / "run", written)
    with read_posterior(tmp_path / "run") as tree:
        found = tree["posterior"]["beta"].load()
        xr.testing.assert_equal(found, written.posterior["posterior"]["beta"])


def test_digest_is_of_the_draws(rng: np.random.Generator) -> None:
    tree = small_analysis(rng, n=40).posterior
    other = tree.copy(deep=True)
    assert content_digest(tree) == content_digest(other)
    other["posterior"]["beta"].values[0, 0, 0] += 1e-12
    assert content_digest(tree) != content_digest(other)


def test_formulas_become_text(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(pd.DataFrame({"a": ["=1+1", "plain", None], "b": [-1.5, 2.0, 0.0]}), path)
    assert path.read_text(encoding="utf-8") == "a,b\n'=1+1,-1.5\nplain,2.0\n,0.0\n"


# --- whole or not at all --------------------------------------------------------------------------
def fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("the disk is full")


WRITERS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "run": lambda path, rng: write_run(path, small_analysis(rng, n=40)),
    "published": lambda path, rng: write_published(path, small_published_posterior(rng)),
}


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("run", "write_table"),
        ("run", "write"),
        ("run", "digest"),
        ("published", "write_table"),
        ("published", "write"),
        ("published", "rendered"),
    ],
)
def test_a_failure_in_the_middle_leaves_nothing(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    places = {"rendered": figures, "write": seal, "digest": seal, "write_table": folders}
    monkeypatch.setattr(places[step], step, fail)
    with pytest.raises(RuntimeError, match=r"^the disk is full$"):
        WRITERS[kind](tmp_path / "new", rng)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_there_is_not_overwritten(
    tmp_path: Path, rng: np.random.Generator, kind: str
) -> None:
    (tmp_path / "kept").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"must not exist yet, or be an empty folder"):
        WRITERS[kind](tmp_path, rng)
    assert [item.name for item in tmp_path.iterdir()] == ["kept"]


def test_an_empty_folder_is_filled(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "new").mkdir()
    WRITERS["run"](tmp_path / "new", rng)
    assert read_run(tmp_path / "new").facts["kind"] == "run"


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.html"
    with pytest.raises(RuntimeError, match=r"^the disk is full$"):
        write_file(path, fail)
    assert list(tmp_path.iterdir()) == []  # nor is the folder that was made for it
    write_file(path, lambda draft: draft.write_text("page", encoding="utf-8"))
    assert [item.name for item in path.parent.iterdir()] == ["page.html"]


# --- what is no run folder ------------------------------------------------------------------------
def test_no_run_folder_is_told(tmp_path: Path) -> None:
    for read in (read_folder, read_run, read_published):
        with pytest.raises(UsageError, match=r"^run folder must hold a manifest.json that a run"):
            read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", '{"kind": "run"}', '{"kind": "run", "files": {}}'),
        *("[" * 100_000, '{"kind": "run", "files": {}, "seed": ' + "9" * 5000 + "}"),
    ],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_a_broken_manifest_is_told(tmp_path: Path, content: str, sealed: bool) -> None:
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    if sealed:
        digest = seal.digest(tmp_path / "manifest.json")
        (tmp_path / "manifest.sha256").write_text(f"{digest}  manifest.json\n", encoding="utf-8")
    for read in (read_folder, read_run):
        with pytest.raises(IntegrityError, match=r"^[^\n]{1,400}$"):
            read(tmp_path)


def test_the_other_kind_is_told(run_folder: Path, published_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"must be a folder of kind 'published'; got 'run'"):
        read_published(run_folder)
    with pytest.raises(UsageError, match=r"must be a folder of kind 'run'; got 'published'"):
        read_run(published_folder)


@pytest.mark.parametrize("name", sorted(RUN_FILES - SEAL))
def test_a_changed_or_missing_file_is_told(run_folder: Path, name: str) -> None:
    sentence = rf"must hold what was written; {name} is missing or changed\."
    (run_folder / name).write_bytes((run_folder / name).read_bytes() + b"\n")
    with pytest.raises(IntegrityError, match=sentence):
        read_folder(run_folder)
    (run_folder / name).unlink()
    if name == "posterior.nc":
        found = read_folder(run_folder)
        assert isinstance(found, Fit)
        assert found.status == Status.without_draws
        return
    with pytest.raises(IntegrityError, match=sentence):
        read_folder(run_folder)


# --- where rows came from -------------------------------------------------------------------------
def test_registers_with_a_truth_are_simulated(tmp_path: Path) -> None:
    write(registers(Person("P1")), tmp_path)
    model = spec.read("oslo2016")
    assert fitting.panel_from_registers(tmp_path, model).source == "registers"
    (tmp_path / "truth").mkdir()
    assert fitting.panel_from_registers(tmp_path, model).source == "simulated registers"
    assert fitting.panel_from_table(None, spec.read("rossi")).source == "table"


# --- from the terminal ----------------------------------------------------------------------------
@pytest.mark.parametrize(("lang", "title"), [("nb", "Svaret"), ("en", "The answer")])
def test_brief_of_either_folder(
    run_folder: Path, published_folder: Path, lang: str, title: str
) -> None:
    for folder in (run_folder, published_folder):
        page = folder.with_suffix(".html")
        done = CliRunner().invoke(
            cli.app, ["brief", str(folder), "--out", str(page), "--lang", lang]
        )
        assert done.exit_code == 0, done.exception
        assert f'<h2 id="answer">{title}</h2>' in page.read_text(encoding="utf-8")
        assert page.stat().st_mode & 0o777 == 0o600


def test_brief_of_no_folder_writes_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli.app, ["brief", str(tmp_path / "none"), "--out", str(tmp_path / "page.html")]
    )
    assert isinstance(done.exception, UsageError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("diverged", "code"), [(False, 0), (True, 4)])
def test_evidence_tells_each_failure_of_the_gate(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    diverged: bool,
    code: int,
) -> None:
    found = small_published_posterior(rng, diverged=diverged)
    monkeypatch.setattr(published, "run", lambda *_, **__: found)
    done = CliRunner().invoke(cli.app, ["published", "--out", str(tmp_path / "published")])
    assert done.exit_code == code
    gate_lines = [line for line in done.stderr.splitlines() if line.startswith("Gate")]
    assert gate_lines == [f"Gate, prior 'decay': {each}" for each in found.gates["decay"].failures]
    assert len(gate_lines) == int(diverged)
    assert read_published(tmp_path / "published").manifest["gates"]["wide"]["passed"]
