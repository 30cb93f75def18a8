"""Files of the command on panels like the Stanford heart and the liver transplants, against R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import structures
from classical_panels import HEAD, PRIOR, TERM, reference
from hazard import cli

# R stops when the log-likelihood rises by less than 1e-12 of itself (see test_cox.py)
DIGITS = 1e-8
# Its errors are from the information one step earlier, of at most sqrt(2 * 1e-12 * 1500) standard
# errors, and change by about as much of themselves.
ERRORS = 6e-5


def written(panel: pd.DataFrame, exits: list[str], columns: list[str], out: Path) -> Path:
    """Folder of the command on a table."""
    terms = "".join(TERM.format(name) + PRIOR for name in columns)
    model, file = out / "m.toml", out / "panel.csv"
    model.write_text(f"{HEAD}exits = {exits}\n{terms}[table]\nunit = 'day'\n", encoding="utf-8")
    panel.to_csv(file, index=False)
    arguments = ["survival", str(model), "--panel", str(file), "--out", str(out / "found")]
    by = ["--by", "blood"] if "blood" in panel else []
    done = CliRunner().invoke(cli.app, arguments + by)
    assert done.exit_code == 0, done.output
    return out / "found"


def agrees(folder: Path, data: str, model: str, file: str) -> bool:
    wanted = reference("structures", data=data, model=model).set_index(["exit", "term"])
    found = pd.read_csv(folder / file).set_index(["exit", "term"]).loc[wanted.index]
    pairs = [("estimate", "estimate", DIGITS), ("standard_error", "error", ERRORS)]
    return all(
        np.allclose(found[a].astype(float), wanted[b].astype(float), rtol=near, atol=DIGITS)
        for a, b, near in pairs
    )


@pytest.fixture(scope="module")
def liver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = ["age", "treated", "blood"]
    folder = tmp_path_factory.mktemp("liver")
    return written(structures.liver(), [*structures.LIVER], columns, folder)


def test_reference_exposure_that_comes_during_the_stay(tmp_path: Path) -> None:
    panel, columns = structures.heart(), ["age", "surgery", "transplant"]
    assert agrees(written(panel, ["death"], columns, tmp_path), "heart", "Cox", "cox.csv")
    early = tmp_path / "early"
    early.mkdir()
    ever = panel.groupby("person")["transplant"].transform("max")  # negative control: immortal time
    folder = written(panel.assign(transplant=ever), ["death"], columns, early)
    assert not agrees(folder, "heart", "Cox", "cox.csv")


@pytest.mark.parametrize(("model", "file"), [("Cox", "cox.csv"), ("Fine-Gray", "fine_gray.csv")])
def test_reference_competing_exits_with_late_entry(liver: Path, model: str, file: str) -> None:
    assert agrees(liver, "liver", model, file)
    other = {"Cox": "fine_gray.csv", "Fine-Gray": "cox.csv"}[model]  # negative control
    assert not agrees(liver, "liver", model, other)


def test_reference_incidence_by_group(liver: Path) -> None:
    wanted = reference("structures", data="liver", model="Aalen-Johansen")
    key = ["group", "exit", "month"]
    found = pd.read_csv(liver / "incidence.csv").query("estimator == 'Aalen-Johansen'")
    own = found.set_index(key)["estimate"].loc[
        pd.MultiIndex.from_frame(wanted[key].astype({"month": int}))
    ]
    np.testing.assert_allclose(own, wanted["estimate"], rtol=1e-10)
    text = (liver / "survival.txt").read_text(encoding="utf-8")
    assert "day " in text
    assert "month" not in text
