"""Every label through every file: what is written comes back, and nothing else is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hazard.brief.folders import read as read_folder
from hazard.cli import app
from hazard.errors import IntegrityError, UsageError
from hazard.files import tidy_csv
from hazard.files.terminal import escaped
from hazard.fitting.draws_file import read_posterior
from hazard.fitting.folders import read_tables
from hazard.fitting.store import read_run, write_run
from small_runs import small_analysis

LABELS = (
    "None",
    "NA",
    "null",
    "nan",
    "NaN",
    "N/A",
    "",
    " ",
    "007",
    "1.0",
    "1e5",
    "inf",
    "True",
    "a,b",
    'say "so"',
    '"',
    "two\nlines",
    "=1+1",
    "'=1+1",
    "-1",
    "'s-Hertogenbosch",
    "{exit}",
    "<b>",
    "Ås",
)
# Text without control characters, which are written out.
TEXT = st.one_of(st.sampled_from(LABELS), st.text()).filter(lambda text: escaped(text) == text)
NUMBERS = st.floats(allow_nan=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)


def there_and_back(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    tidy_csv.write_table(rows, path)
    return tidy_csv.read_table(path, tidy_csv.kinds_of(rows))


@given(st.lists(st.tuples(st.none() | TEXT, st.none() | NUMBERS, WHOLE), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_labels_and_numbers_come_back(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    labels, numbers, whole = (list(each) for each in zip(*rows, strict=True))
    written = pd.DataFrame(
        {
            "level": pd.Series(labels, dtype=object),
            "estimate": pd.Series(numbers, dtype=float),
            "n": pd.Series(whole, dtype=object),
        }
    )
    found = there_and_back(written, tmp_path / "table.csv")
    assert [None if pd.isna(each) else each for each in found["level"]] == labels
    assert found["n"].tolist() == whole
    np.testing.assert_array_equal(found["estimate"].to_numpy(), written["estimate"].to_numpy())


@given(st.lists(TEXT, min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_names_of_columns_tell_labels_where_nothing_else_does(
    tmp_path: Path, labels: list[str]
) -> None:
    path = tmp_path / "table.csv"
    tidy_csv.write_table(pd.DataFrame({"level": labels, "estimate": 0.5}), path)
    found = tidy_csv.read_table(path)
    assert found["level"].tolist() == labels
    assert found["estimate"].tolist() == [0.5] * len(labels)


def test_the_ordinary_reader_loses_labels(tmp_path: Path) -> None:
    """Negative control: what was read with before takes five labels for nothing or for a number."""
    path = tmp_path / "table.csv"
    labels = ["None", "NA", "null", "007", "B"]
    tidy_csv.write_table(pd.DataFrame({"level": labels}), path)
    assert pd.read_csv(path)["level"].isna().sum() == 3
    assert tidy_csv.read_table(path)["level"].tolist() == labels


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    found = there_and_back(pd.DataFrame(columns=["exit", "estimate"]), tmp_path / "table.csv")
    assert (list(found), len(found)) == (["exit", "estimate"], 0)


def test_kinds_come_back(tmp_path: Path) -> None:
    written = pd.DataFrame({"lag": [1, None], "finite": [True, False], "sd": [None, None]})
    written = written.astype({"lag": "Int64", "sd": float})
    pd.testing.assert_frame_equal(there_and_back(written, tmp_path / "table.csv"), written)


# --- folders --------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A run whose labels, in every text column of every table, are those above."""
    analysis = small_analysis(rng, n=40)
    for rows in (analysis.estimates, analysis.predictive, analysis.priors, analysis.flow):
        for name in rows:
            if pd.api.types.infer_dtype(rows[name], skipna=True) == "string":
                rows[name] = np.resize(np.array(LABELS, dtype=object), len(rows))
    draws = xr.Dataset({"u": (("chain", "draw", "level"), np.zeros((1, 2, len(LABELS))))})
    tree = xr.DataTree.from_dict({"posterior": draws.assign_coords(level=list(LABELS))})
    object.__setattr__(analysis, "posterior", tree)
    write_run(tmp_path / "run", analysis)
    return tmp_path / "run"


def test_every_label_comes_back_from_every_file_of_a_run(folder: Path) -> None:
    (folder / "posterior.nc").unlink()  # the labels are not those of the draws
    run, told = read_run(folder), 0
    for rows in (run.estimates, run.predictive, run.priors, run.flow):
        for name in rows:
            if pd.api.types.infer_dtype(rows[name], skipna=True) == "string":
                assert rows[name].tolist() == list(np.resize(np.array(LABELS), len(rows)))
                told += 1
    assert told > 15


def test_every_label_comes_back_from_the_draws(folder: Path) -> None:
    with read_posterior(folder) as tree:
        assert tree["posterior"]["level"].values.tolist() == list(LABELS)


# --- folders of other commands --------------------------------------------------------------------
MODEL = """name = "m"
question = "How do they leave?"
[outcome]
exits = ["null"]
[[term]]
kind = "covariate"
column = "g"
reference = "007"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""


def test_labels_of_the_files_of_survival_come_back(tmp_path: Path) -> None:
    groups = ["007", "NA", "None", "null", "1.0"]
    rows = [
        (f"p{n}", month, "null" if month == 1 + n % 3 else "stay", groups[n % 5])
        for n in range(30)
        for month in range(1, 2 + n % 3)
    ]
    panel = pd.DataFrame(rows, columns=["person", "month", "exit", "g"])
    panel.to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "m.toml").write_text(MODEL, encoding="utf-8")
    files = ["--panel", str(tmp_path / "p.csv"), "--by", "g", "--out", str(tmp_path / "s")]
    done = CliRunner().invoke(app, ["survival", str(tmp_path / "m.toml"), *files])
    assert done.exit_code == 0, done.output
    assert [line.split(" s  ")[1] for line in done.stderr.splitlines()] == [
        *("load", "read", "curves and models", "figures")
    ]
    found = read_tables(tmp_path / "s")
    assert set(found) >= {"incidence", "life_table", "gray", "cox", "fine_gray", "remarks"}
    for name in ("incidence", "life_table"):
        assert set(found[name]["group"]) == {"all", *groups}
    assert set(found["incidence"]["exit"]) == {"any", "null"}
    assert set(found["cox"]["level"]) == set(groups) - {"007"}
    plain = pd.read_csv(tmp_path / "s" / "incidence.csv")  # negative control: without the manifest
    assert set(plain["group"].dropna()) != {"all", *groups}
    with pytest.raises(UsageError, match="must be a folder of kind 'run'; got 'survival'"):
        read_folder(tmp_path / "s")
    (tmp_path / "s" / "cox.csv").write_text("term\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"cox\.csv is missing or changed"):
        read_tables(tmp_path / "s")
