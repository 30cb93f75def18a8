"""The command that writes the coefficients of a run in the layout of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hazard import spec
from hazard.cli import app
from hazard.fitting.store import write_run
from hazard.studies import appendix
from small_runs import small_analysis


@pytest.mark.parametrize(
    ("name", "rows", "published"),
    [
        ("iraq", 8, "published_iraq_rrr"),
        ("afghanistan", 8, "published_afghanistan_rrr"),
        ("oslo2016_published", 56, "published_mnlogit_log_odds"),
    ],
)
def test_layout_follows_the_run(
    name: str, rows: int, published: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    lag = "lag_months" if rows == 56 else "lag_window_months"
    model = spec.read(name)
    made = small_analysis(rng, model)
    write_run(tmp_path / "run", made)
    out = tmp_path / "table.csv"
    found = CliRunner().invoke(app, ["tables", str(tmp_path / "run"), "--out", str(out)])
    assert (found.exit_code, found.output) == (0, f"{rows} rows written to {out}\n")
    table = pd.read_csv(out, dtype={lag: str})
    assert len(table) == rows
    assert table.columns[3] == lag
    assert table[published].notna().all()
    own = appendix.in_layout(made.estimates, model)
    assert table[published].tolist() == own[published].tolist()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["tables", "run", "--out", str(tmp_path / "table.txt")])
    assert found.exit_code != 0
    assert "must end in .csv" in str(found.exception)
