"""The model files in README.md: one for a table of one's own runs, one that varies is bundled."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hazard import fitting, spec
from hazard.errors import HazardError
from hazard.inference.nuts import SamplerSettings
from places import ROOT

README = ROOT / "README.md"


def example(name: str = "courses") -> str:
    blocks = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    [whole] = [block for block in blocks if block.startswith(f'name = "{name}"')]
    return str(whole)


def job_seekers(persons: int = 60, months: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows = pd.DataFrame(
        {
            "person": np.repeat(np.arange(persons), months),
            "month": np.tile(np.arange(1, months + 1), persons),
            "age": np.repeat(rng.integers(20, 60, persons), months),
            "office": np.repeat(rng.choice(["north", "south", "west"], persons), months),
            "course": rng.integers(0, 2, persons * months),
            "exit": "stay",
        }
    )
    last = rows["month"].eq(months)
    rows.loc[last, "exit"] = rng.choice(["stay", "job", "education"], persons)
    return rows


def test_the_model_file_of_the_readme_runs(tmp_path: Path) -> None:
    wanted = spec.load(example())
    job_seekers().to_csv(tmp_path / "panel.csv", index=False)
    rows = fitting.panel_from_table(tmp_path / "panel.csv", wanted)
    assert rows.frame["exit"].astype(str).tolist() == job_seekers()["exit"].tolist()
    settings = SamplerSettings(draws=50, chains=1, engine="laplace")
    found = fitting.fit(rows, wanted, settings).estimates
    asked = found[found["quantity"].eq("risk_difference") & found["month"].eq(12)]
    assert set(asked["exit"]) == {"job", "education"}
    assert set(asked["term"]) == {"course_own"}
    assert np.isfinite(asked["estimate"].astype(float)).all()


def test_the_variant_of_the_readme_is_the_bundled_one() -> None:
    assert spec.load(example("threshold_two")).digest == spec.read("threshold_two").digest
    other = example("threshold_two").replace("at_least = 2", "at_least = 3")  # negative control
    assert spec.load(other.replace("2plus", "3plus")).digest != spec.read("threshold_two").digest


def test_an_empty_exit_is_refused(tmp_path: Path) -> None:
    empty = job_seekers().replace({"exit": {"stay": ""}})
    empty.to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(HazardError, match="exit"):
        fitting.panel_from_table(tmp_path / "panel.csv", spec.load(example()))


def test_the_ten_lines_are_those_of_the_notebook() -> None:
    text = README.read_text(encoding="utf-8")
    [lines] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    notebook = (ROOT / "notebooks" / "00_first_hour.py").read_text(encoding="utf-8")
    assert lines in notebook
    assert lines.replace("seed=1", "seed=2") not in notebook  # negative control
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text):
        assert (ROOT / picture).is_file()
