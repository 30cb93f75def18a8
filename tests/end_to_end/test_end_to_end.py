"""From registers to run folders, through the command line, with real sampling.

A model is compiled once: what differs only in draws, cores or seed samples the same density.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from commands import command, manifest
from hazard import fitting
from hazard import spec as specs
from hazard.baselines import multinomial_logit
from hazard.errors import ConvergenceError
from hazard.fitting import stages
from hazard.fitting.draws_file import content_digest, read_posterior
from hazard.fitting.store import read_run
from hazard.inference import nuts
from hazard.model import design
from hazard.model.design import Design
from hazard.output.tables import CHECK, COLUMNS
from hazard.spec import ModelSpec

FILES = [
    "approximation.csv",
    "estimates.csv",
    "flow.csv",
    "gate.csv",
    "manifest.json",
    "manifest.sha256",
    "posterior.nc",
    "predictive.csv",
    "priors.csv",
]
FEW = ["--draws", "30", "--tune", "30", "--seed", "5"]


# --- from registers -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "registers"
    assert command("simulate", "--size", "small", "--seed", 3, "--out", folder) == 0
    assert command("check", folder) == 0
    return folder


@pytest.fixture(scope="module")
def panel(registers: Path) -> Path:
    path = registers.parent / "panel.parquet"
    assert command("panel", registers, "--model", "oslo2016", "--out", path) == 0
    return path


@pytest.fixture(scope="module")
def oslo() -> ModelSpec:
    return specs.read("oslo2016")


def same_design(left: Design, right: Design) -> bool:
    blocks = [
        one.name == other.name
        and one.levels.tolist() == other.levels.tolist()
        and np.array_equal(one.matrix(), other.matrix())
        for one, other in zip(left.blocks, right.blocks, strict=True)
    ]
    arrays = [
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in ("index", "outcome", "weight", "row")
    ]
    return all(blocks + arrays) and left.left_out == right.left_out


SPACED = (
    "udi_persons: citizenship is written without spaces or characters that do not show; they are "
    "left out; broken in 12 of "
)


def test_run_without_a_maximum_of_the_likelihood(
    registers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where the multinomial logit does not exist, the run says so and goes on without it.

    That run is of the registers with spaces that do not show: counted, and without an effect.
    """

    def refuses(_: Design, **__: object) -> None:
        raise ConvergenceError("curvature must be positive definite; an example.")

    approximate = ["run", "oslo2016", "--registers", registers, "--engine", "laplace", *FEW]
    assert command(*approximate, "--out", tmp_path / "whole") == 0
    assert f"Warning: {SPACED}" not in capsys.readouterr().err
    monkeypatch.setattr(multinomial_logit, "fit", refuses)
    approximate[3] = spaced = shutil.copytree(registers, tmp_path / "spaced")
    persons = spaced / "udi_persons.csv"
    text = persons.read_text(encoding="utf-8").replace(",Irak,", ",Irak\u200b,", 12)
    persons.write_text(text, encoding="utf-8")
    assert command(*approximate, "--out", tmp_path / "part") == 0
    assert f"Warning: {SPACED}" in capsys.readouterr().err
    assert command("describe", spaced, "--out", tmp_path / "described") == 0
    assert f"Warning: {SPACED}" in capsys.readouterr().err
    whole, part = (read_run(tmp_path / name) for name in ("whole", "part"))
    assert part.facts["remarks"]["multinomial logit"] == [
        "curvature must be positive definite; an example."
    ]
    assert whole.facts["register_warnings"] == []
    assert [text.startswith(SPACED) for text in part.facts["register_warnings"]] == [True]
    notes = part.flow.set_index("reason")["rows"].drop(index=whole.flow["reason"])
    assert notes.to_dict() == {
        "cells of the registers that were normalised": 12,
        "rows of the registers that a correct register hardly holds": 12,
    }
    assert list(part.facts["held"]) == ["linear probability"]
    lost = whole.estimates["estimator"] == "multinomial logit"
    assert lost.any()
    pd.testing.assert_frame_equal(part.estimates, whole.estimates[~lost].reset_index(drop=True))
    for run in ("part", "whole"):
        page = tmp_path / f"{run}.html"
        assert command("brief", tmp_path / run, "--lang", "en", "--out", page) == 0
        assert "Approximate." in page.read_text(encoding="utf-8")


def test_panel_and_registers_give_the_same_design(
    registers: Path, panel: Path, oslo: ModelSpec
) -> None:
    direct = fitting.panel_from_registers(registers, oslo)
    written = fitting.panel_from_table(panel, oslo)
    one = design.build(direct.frame, direct.histories, oslo)
    assert same_design(one, design.build(written.frame, written.histories, oslo))
    later = dict(written.histories)  # negative control: one history a lag later
    later["forced_return_centre"] = later["forced_return_centre"].roll(lag=1)
    assert not same_design(one, design.build(written.frame, later, oslo))


@pytest.fixture(scope="module")
def runs(registers: Path, panel: Path) -> dict[str, Path]:
    """Runs with few draws: of the registers, of their panel on one core, with another seed.

    They are set beside as few draws of the approximation.
    """
    folders = {name: registers.parent / name for name in ("registers run", "panel run", "seed 6")}
    compiled: list[object] = []

    def once(*given: object) -> object:
        compiled.extend([] if compiled else [compile_model(*given)])
        return compiled[0]

    compile_model: Callable[..., object] = nuts.compile_model
    given = [
        ("--registers", registers, *FEW, "--cores", 2),
        ("--panel", panel, *FEW, "--cores", 1),
        ("--panel", panel, *FEW[:-1], 6),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nuts, "compile_model", once)
        patch.setattr(stages, "_CHECKED_DRAWS", 120)
        codes = [
            command("run", "oslo2016", *options, "--out", folder)
            for options, folder in zip(given, folders.values(), strict=True)
        ]
    assert codes == [4, 4, 4]  # 120 draws do not pass the gate
    return folders


def test_draws_depend_on_the_seed_only(runs: dict[str, Path]) -> None:
    trees = [read_posterior(folder) for folder in runs.values()]
    drawn = [{name: tree[name] for name in ("posterior", "sample_stats")} for tree in trees]
    digests = [content_digest(xr.DataTree.from_dict(groups)) for groups in drawn]
    assert digests[0] == digests[1]  # other cores, and a file between
    assert digests[2] != digests[0]


def test_a_run_that_fails_the_gate_says_so(runs: dict[str, Path]) -> None:
    found = manifest(runs["registers run"])
    assert found["gate"]["passed"] is False
    assert any(
        line.startswith("Effective draws in the bulk must be at least 400; got")
        for line in found["gate"]["failures"]
    )
    assert found["settings"] | {"draws": 30, "tune": 30, "seed": 5, "cores": 2} == found["settings"]
    assert found["model_digest"] == specs.read("oslo2016").digest


def test_a_run_folder_is_complete_and_private(runs: dict[str, Path]) -> None:
    folder = runs["registers run"]
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    digests = {name: digest(folder / name) for name in FILES if not name.startswith("manifest")}
    assert manifest(folder)["files"] == digests
    beside = {path.name for path in folder.parent.iterdir()}
    assert beside == {"registers", "panel.parquet", *runs}  # no drafts


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


SHARES = tuple(
    f"{name}_share{within}"
    for name in ("positivity_violation", "unseen_history")
    for within in ("", "_within_network")
)
SHAPES = ("shape_probability", "prior_shape_probability")
WITHOUT_INTERVAL = (*SHARES, *SHAPES)


def test_estimates_are_complete(runs: dict[str, Path], oslo: ModelSpec) -> None:
    rows = pd.read_csv(runs["registers run"] / "estimates.csv")
    assert list(rows) == list(COLUMNS)
    needed = rows[["estimator", "quantity", "estimate", "lower", "upper", "unit"]]
    drawn = (rows["estimator"] == "hazard model") & ~rows["quantity"].isin(WITHOUT_INTERVAL)
    assert not needed[drawn].isna().any(axis=None)
    of_stay = [
        "survival",
        "rmst",
        "rmst_difference",
        "saved_months_per_event",
    ]
    assert not rows["exit"][drawn & ~rows["quantity"].isin(of_stay)].isna().any()
    assert ((rows["lower"] <= rows["upper"]) | rows["lower"].isna()).all()
    curves = rows[rows["quantity"] == "lag_coefficient"]
    banded = curves["lower_simultaneous"].notna()
    assert banded.equals(curves["estimator"] == "hazard model")
    assert (curves["lower_simultaneous"] <= curves["lower"])[banded].all()
    assert (curves["upper_simultaneous"] >= curves["upper"])[banded].all()
    shapes = rows[rows["quantity"].isin(SHAPES)]
    assert len(shapes) == 2 * len(oslo.lag_shapes) * len(oslo.outcome.exits)
    assert shapes["estimate"].between(0, 1).all()
    per_estimator = curves.groupby("estimator").size()
    n_curves = 7 * len(oslo.lagged) * len(oslo.outcome.exits)
    assert (per_estimator == n_curves).all()
    assert {"hazard model", "linear probability", "multinomial logit"} == set(per_estimator.index)
    assert set(curves["network"]) == {"centre", "nationality"}
    assert set(rows["exit"].dropna()) == set(oslo.outcome.exits)


def test_approximate_run_says_how_far_it_was_checked(
    runs: dict[str, Path], registers: Path, tmp_path: Path
) -> None:
    sampled, out = runs["registers run"], tmp_path / "near"
    options = ["--registers", registers, "--engine", "laplace", *FEW]
    assert command("run", "oslo2016", *options, "--checked-by", sampled, "--out", out) == 0
    found = manifest(out)["checked_by"]
    assert (found["same_model"], found["same_rows"]) == (True, True)
    rows = pd.read_csv(out / "estimates.csv")
    assert list(rows) == [*COLUMNS, *CHECK]
    own = (rows["estimator"] == "hazard model") & ~rows["quantity"].isin(WITHOUT_INTERVAL)
    # a bound that is 0 in every sampled draw has no distance from one that is not
    bound, checked = rows["quantity"].str.startswith("brought_forward"), rows["apart"].notna()
    assert (checked | bound)[own].all()
    assert not checked[~own].any()
    assert (found["numbers"], found["checked"]) == (own.sum(), checked.sum())
    assert found["checked"] > 200
    # 120 draws of a sampler that hardly began: a mean within five of its errors, and a half
    assert rows.loc[own, "apart"].abs().max() < 5 * rows.loc[own, "apart_mcse"].max() + 0.5
    assert set(rows.loc[own, "engine"]) == {"laplace"}
    # without a sampled run every number stands as not checked
    assert command("run", "oslo2016", *options, "--out", tmp_path / "alone") == 0
    alone = pd.read_csv(tmp_path / "alone" / "estimates.csv")
    assert list(alone) == [*COLUMNS, *CHECK]
    assert alone[[*CHECK]].isna().all(axis=None)
    # another model on the same registers: what both have is checked, and said to be of another
    other = command("run", "leads", *options, "--checked-by", sampled, "--out", tmp_path / "leads")
    assert other == 0
    found = manifest(tmp_path / "leads")["checked_by"]
    assert (found["same_model"], found["same_rows"]) == (False, False)
    assert 0 < found["checked"] < found["numbers"]
    for wrong, code in ((["--engine", "nuts"], 2), (["--engine", "laplace"], 2)):
        unsampled = ["--checked-by", out, "--out", tmp_path / "none"]
        assert command("run", "oslo2016", *options[:2], *wrong, *unsampled) == code
    assert not (tmp_path / "none").exists()


def test_score_compares_two_runs(
    registers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["--registers", registers]
    for name in ("oslo2016", "country_shocks"):
        options = [*source, "--engine", "laplace", *FEW, "--draws", "100"]
        assert command("run", name, *options, "--out", tmp_path / name) == 0
    both = [tmp_path / "oslo2016", tmp_path / "country_shocks"]
    units = ["--by", "person", "--by", "centre", "--refits", "0"]
    assert command("score", *both, *source, *units, "--out", tmp_path / "scores") == 0
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == [
        "manifest.json",
        "manifest.sha256",
        "scores.csv",
    ]
    rows = pd.read_csv(tmp_path / "scores" / "scores.csv")
    assert rows.groupby(["unit", "quantity"]).size().tolist() == [2, 1, 2, 1]
    value = rows.set_index(["unit", "quantity", "model"])["estimate"]
    for unit in ("person", "centre"):
        left, right = (value[unit, "elpd", path.name] for path in both)
        apart = value[unit, "elpd difference", "oslo2016"]
        assert apart == pytest.approx(left - right, abs=1e-6)
        assert left < 0
    assert "By person: oslo2016 less country_shocks" in capsys.readouterr().out
    # the rows of other registers are refused
    other = tmp_path / "other"
    assert command("simulate", "--size", "small", "--seed", 9, "--out", other) == 0
    options = ["--registers", other, "--out", tmp_path / "none"]
    assert command("score", both[0], *options) == 3
    assert "must be those that run 'oslo2016' was made from" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_no_id_reaches_a_run_folder(runs: dict[str, Path], registers: Path) -> None:
    persons = pd.read_csv(registers / "udi_persons.csv")
    ids = {*persons["person_id"], *persons["family_id"]}
    assert len(ids) > 600
    folder = runs["registers run"]
    text = "".join(path.read_text("utf-8") for path in folder.iterdir() if path.suffix != ".nc")
    assert persons["citizenship"][0] in text  # positive control: levels are there
    assert [name for name in ids if name in text] == []
    assert labels(read_posterior(folder)) >= {"assisted", persons["citizenship"][0]}
    assert labels(read_posterior(folder)).isdisjoint(ids)


def labels(tree: xr.DataTree) -> set[str]:
    named = [values for node in tree.subtree for values in node.coords.values()]
    return {str(label) for values in named for label in values.values.ravel()}
