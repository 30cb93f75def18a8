"""The command `hazard scenario`: from registers and a run to tables, a figure and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from hazard.cli import app
from hazard.errors import HazardError

MODEL = """name = "example"
question = "what comes after?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 2]
history_before_start = "missing"
prior = { family = "normal", scale = 0.5, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "assisted_application"
network = "centre"
lags = [0, 2]
history_before_start = "missing"
prior = { family = "normal", scale = 0.5, reason = "an example only" }
"""
ARMS = """
[[arm]]
name = "observed"
[[arm]]
name = "campaign"
interventions = [{ kind = "campaign", term = "forced_return_centre", threshold = 4 }]
[[arm]]
name = "none forced"
closed = ["forced"]
"""
SEAL = {"manifest.json", "manifest.sha256"}
FILES = {"scenario.csv", "per_event.csv", "findings.txt", "scenario.txt", *SEAL}
FILES |= {"scenario.png", "scenario.svg"}
FEW = ["--horizon", "6", "--draws", "8", "--seed", "4"]


def called(*argv: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in argv])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with small registers, other ones, a model, a run of it, and a file of arms."""
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    (folder / "arms.toml").write_text(ARMS, encoding="utf-8")
    for name, seed in (("registers", 3), ("others", 4)):
        made = called("simulate", "--size", "small", "--seed", seed, "--out", folder / name)
        assert made.exit_code == 0, made.output
    run = ["run", folder / "model.toml", "--registers", folder / "registers"]
    run += ["--engine", "laplace", "--draws", 30, "--out", folder / "run"]
    made = called(*run)
    assert made.exit_code == 0, made.output
    return folder


def lived(place: Path, out: Path, *options: object) -> Result:
    known = ["scenario", place / "run", "--registers", place / "registers", "--out", out]
    return called(*known, *FEW, *options)


@pytest.fixture(scope="module")
def one(place: Path) -> tuple[Path, str]:
    """Folder of a scenario with nothing but defaults, and what was said."""
    made = lived(place, place / "one")
    assert made.exit_code == 0, made.output
    return place / "one", made.stdout


def test_what_the_command_writes(one: tuple[Path, str]) -> None:
    folder, output = one
    assert {path.name for path in folder.iterdir()} == FILES
    said = (folder / "findings.txt").read_text(encoding="utf-8")
    assert output == f"{said}Written to {folder}\n"
    assert "an added event goes with" in said
    rows, events = (pd.read_csv(folder / f"{name}.csv") for name in ("scenario", "per_event"))
    for table in (rows, events):
        assert set(table["version"]) == {"naive", "feedback", "feedback - naive"}
        # Every number has the error of the draws, and that of two lives of each of eight draws.
        assert table[["estimate", "lower", "upper", "mcse", "mcse_simulation"]].notna().all(None)
        np.testing.assert_allclose(table["mcse_simulation"], table["sd_life"] / np.sqrt(2 * 8))
    assert (rows["estimate"] != 0).any()
    risk = rows[(rows["quantity"] == "cumulative_incidence") & (rows["place"] == "all")]
    risk = risk[risk["version"] != "feedback - naive"]
    total = risk.groupby(["arm", "version", "month"])["estimate"].sum()
    assert total.between(0, 1 + 1e-12).all()


def test_the_same_seed_gives_the_same_files(
    place: Path, one: tuple[Path, str], tmp_path: Path
) -> None:
    for name, seed in (("again", 4), ("other", 5)):
        assert lived(place, tmp_path / name, "--seed", seed).exit_code == 0
    for name in ("scenario.csv", "per_event.csv", "findings.txt"):
        first, again, other = (
            (folder / name).read_bytes()
            for folder in (one[0], tmp_path / "again", tmp_path / "other")
        )
        assert first == again
        assert first != other


def test_arms_of_a_file(place: Path, tmp_path: Path) -> None:
    made = lived(place, tmp_path / "arms", "--arms", place / "arms.toml")
    assert made.exit_code == 0, made.output
    rows = pd.read_csv(tmp_path / "arms" / "scenario.csv")
    assert list(rows["arm"].unique()) == ["observed", "campaign", "none forced"]
    own = rows[(rows["version"] == "feedback") & (rows["quantity"] == "cumulative_incidence")]
    forced = own[own["exit"] == "forced"].groupby("arm")["estimate"].max()
    assert forced["none forced"] == 0
    assert forced["observed"] > 0
    events = pd.read_csv(tmp_path / "arms" / "per_event.csv")
    assert set(events["arm"]) == {"campaign"}


def test_one_arm_has_no_figure(place: Path, tmp_path: Path) -> None:
    text = '[[arm]]\nname = "observed"\n'
    (tmp_path / "arm.toml").write_text(text, encoding="utf-8")
    made = lived(place, tmp_path / "one", "--arms", tmp_path / "arm.toml")
    assert made.exit_code == 0, made.output
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        *("scenario.csv", "per_event.csv", "findings.txt", *SEAL)
    }


# --- languages ----------------------------------------------------------------------------------
def test_the_figure_in_two_languages(place: Path, one: tuple[Path, str], tmp_path: Path) -> None:
    assert lived(place, tmp_path / "nb", "--lang", "nb").exit_code == 0
    folders = (tmp_path / "nb", one[0])
    nb, en = ((folder / "scenario.svg").read_text(encoding="utf-8") for folder in folders)
    assert "Måned i scenarioet" in nb
    assert "Tvangsretur" in nb
    assert "Month of the scenario" in en
    for word in ("Month", "Families", "observed", "forced", "feedback"):
        assert word not in nb.split("</style>")[-1]
    texts = [(folder / "scenario.txt").read_text(encoding="utf-8") for folder in folders]
    assert texts[0].startswith("Armen én tvangsretur mer, måned 6: Søknad om assistert retur")
    assert texts[1].startswith("Arm one forced return more, month 6: assisted")
    tables = [(folder / "scenario.csv").read_bytes() for folder in folders]
    assert tables[0] == tables[1]


# --- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "scenario must be given --registers DIR, for it needs dated events."),
        (
            ["--registers", "{}/registers", "--centre", "no centre"],
            "arm 'one forced return more' must act at a level of 'centre' where families of ",
        ),
        (
            ["--registers", "{}/registers", "--horizon", 999],
            "scenario must lie within the ",
        ),
        (
            ["--registers", "{}/registers", "--start", "1999-01"],
            "scenario must lie within the ",
        ),
        (
            ["--registers", "{}/registers", "--start", "June"],
            "month must be written YYYY-MM; got 'June'.",
        ),
        (
            ["--registers", "{}/registers", "--arms", "{}/nowhere.toml"],
            "file of arms must exist; no file at '{}/nowhere.toml'.",
        ),
        (
            ["--registers", "{}/registers", "--arms", "{}/model.toml"],
            "model.toml must hold arms; got ",
        ),
        (
            ["--registers", "{}/others"],
            "rows must be those that run 'run' was made from; got others. Give the same ",
        ),
        (
            ["--registers", "{}/registers", "--out", "{}/run"],
            "output '{}/run' must not exist yet, or be an empty folder; choose another name.",
        ),
    ],
)
def test_wrong_use_is_one_sentence(
    place: Path, tmp_path: Path, options: Sequence[object], sentence: str
) -> None:
    argv = [str(each).format(place) for each in options]
    found = called("scenario", place / "run", "--out", tmp_path / "new", *argv)
    assert isinstance(found.exception, HazardError)
    said = str(found.exception)
    assert said.startswith(sentence.format(place))
    assert "\n" not in said
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_no_run(place: Path, tmp_path: Path) -> None:
    argv = ["scenario", tmp_path, "--registers", place / "registers", "--out", tmp_path / "new"]
    found = called(*argv)
    assert "run folder must hold a manifest.json" in str(found.exception)
    assert not (tmp_path / "new").exists()
