"""A finished run on its rows: the same persons in any order, and no others."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hazard import brief
from hazard.cli import app
from hazard.errors import DesignError
from hazard.fitting.store import read_run
from small_runs import small_run

MODEL = """
name = "teams"
question = "How soon do they leave?"
[outcome]
exits = ["out", "up"]
[[term]]
kind = "baseline"
breaks = [1, 4]
prior = { family = "normal", scale = 1.0, reason = "an example only" }
[[term]]
kind = "covariate"
column = "age"
prior = { family = "normal", scale = 0.1, reason = "an example only" }
[[term]]
kind = "covariate"
column = "team"
reference = "red"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""
FEW = ("--engine", "laplace", "--draws", "20", "--chains", "2")


def called(*argv: object) -> str:
    found = CliRunner().invoke(app, [str(each) for each in argv])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, a model file with a space in its name, and a run of them."""
    folder = tmp_path_factory.mktemp("again")
    rng = np.random.default_rng(7)
    length = rng.integers(1, 9, 90)
    rows = pd.DataFrame({"person": np.repeat([f"p{n}" for n in range(90)], length)})
    rows["month"] = rows.groupby("person").cumcount() + 1
    last = ~rows["person"].duplicated(keep="last")
    rows["exit"] = np.where(last, rng.choice(["out", "up", "stay"], len(rows)), "stay")
    own = pd.factorize(rows["person"])[0]
    rows["age"] = rng.normal(40, 9, 90).round(3)[own]  # a sum depends on the order of its parts
    rows["team"] = rng.choice(["red", "blue", "grey"], 90)[own]
    rows["site"] = rng.choice(["x", "y", "z"], 90)[own]
    rows.to_csv(folder / "rows.csv", index=False)
    (folder / "my model.toml").write_text(MODEL, encoding="utf-8")
    called(
        "run",
        folder / "my model.toml",
        "--panel",
        folder / "rows.csv",
        *FEW,
        "--out",
        folder / "run",
    )
    return folder


def scored(place: Path, table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Scores of the run on a table, by person and by a column that its model does not name."""
    table.to_csv(place / f"{name}.csv", index=False)
    argv = ["--panel", place / f"{name}.csv", "--by", "person", "--by", "site", "--refits", "0"]
    called("score", place / "run", *argv, "--out", place / f"scores {name}")
    return pd.read_csv(place / f"scores {name}" / "scores.csv")


def test_rows_in_another_order_are_the_same_rows(place: Path) -> None:
    rows = pd.read_csv(place / "rows.csv")
    mixed = rows.sample(frac=1.0, random_state=3)
    first, second = scored(place, rows, "same"), scored(place, mixed, "mixed")
    assert set(first["unit"]) == {"person", "site"}
    numbers = ["estimate", "se", "n_units", "n_rows"]
    np.testing.assert_allclose(first[numbers], second[numbers], rtol=1e-9)


@pytest.mark.parametrize("change", ["exit", "covariate", "person", "another"])
def test_other_rows_are_refused(place: Path, change: str) -> None:
    rows = pd.read_csv(place / "rows.csv")
    first = rows["person"].eq("p0")
    if change == "exit":
        rows.loc[rows.index[first][-1], "exit"] = (
            "up" if rows.loc[first, "exit"].iloc[-1] == "out" else "out"
        )
    elif change == "covariate":
        rows.loc[first, "team"] = "grey" if rows.loc[first, "team"].iloc[0] != "grey" else "red"
    elif change == "person":  # the same rows, but a person is two
        long = rows["person"].value_counts().index[0]
        rows.loc[rows["person"].eq(long) & rows["month"].gt(1), "person"] = "new"
    else:
        rows = rows[~first]
    with pytest.raises(DesignError, match="rows must be those that run 'run' was made from"):
        scored(place, rows, f"other {change}")


# --- the command that makes a run again ---------------------------------------------------------
def command(page: str) -> list[str]:
    [text] = re.findall(r"<pre[^>]*><code>(hazard run .*?)</code></pre>", page)
    return shlex.split(text.replace("&#39;", "'"))


@pytest.mark.parametrize("code", ["en", "nb"])
def test_the_printed_command_makes_the_run_again(place: Path, code: str) -> None:
    run = read_run(place / "run")
    argv = command(brief.html(run, code))[1:]
    assert str(place / "my model.toml") in argv
    assert str(place / "rows.csv") not in argv
    filled = {"TABLE": place / "rows.csv", "RUN": place / f"again {code}"}
    called(*(filled.get(each, each) for each in argv))
    again = json.loads((place / f"again {code}" / "manifest.json").read_text(encoding="utf-8"))
    assert again["posterior_digest"] == run.facts["posterior_digest"]


def test_a_run_of_data_of_the_package_needs_no_table() -> None:
    run = small_run("mgus2")
    made = {**run.facts, "call": {"model": "mgus2", "data": ""}}
    assert "--panel" not in command(brief.html(replace(run, facts=made), "en"))
    assert "--panel" in command(brief.html(run, "en"))  # a folder that does not say


def test_scores_by_a_column_are_those_of_the_panel(place: Path) -> None:
    found = pd.read_csv(place / "scores same" / "scores.csv")
    assert found.loc[found["unit"].eq("site"), "n_units"].tolist() == [3]
