"""Rows of some persons only: which they are, what goes with them, and each refusal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hazard import fitting
from hazard import spec as specs
from hazard.data import subset
from hazard.errors import PanelError
from small_panels import NORMAL, SEX, model
from small_registers import random_registers, write


# person  month  country  kind  centre
#      0      1  Irak     a     A
#      0      2  Irak     a     B
#      1      1  Iran     b     A
#      2      1  Irak     b     A
#      2      2  Irak     b     A
@pytest.fixture
def panel() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": [0, 0, 1, 2, 2],
            "month": [1, 2, 1, 1, 2],
            "country": pd.Categorical(["Irak", "Irak", "Iran", "Irak", "Irak"]),
            "kind": ["a", "a", "b", "b", "b"],
            "centre": ["A", "B", "A", "A", "A"],
            "age": [3, 3, 4, 3, 3],
            "weight": [70.0, 70.0, 0.5, 71.0, 71.0],
            "exit": pd.Categorical(["stay"] * 5, ["stay", "left"]),
        }
    )


@pytest.mark.parametrize(
    ("only", "rows"),
    [
        ({}, [True] * 5),
        ({"country": "Iran"}, [False, False, True, False, False]),
        ({"country": ("Iran", "Irak")}, [True] * 5),
        ({"country": "Irak", "kind": "b"}, [False, False, False, True, True]),
        ({"age": "3"}, [True, True, False, True, True]),
        ({"weight": "70"}, [True, True, False, False, False]),
    ],
)
def test_rows_by_hand(panel: pd.DataFrame, only: dict[str, str], rows: list[bool]) -> None:
    assert subset.chosen(panel, only).tolist() == rows


def test_kept_rows_are_numbered_anew(panel: pd.DataFrame) -> None:
    found = subset.of_rows(panel, subset.chosen(panel, {"country": "Irak"}))
    assert found.index.tolist() == [0, 1, 2, 3]
    assert found["person"].tolist() == [0, 0, 2, 2]
    assert found["country"].cat.categories.tolist() == ["Irak"]
    assert found["exit"].cat.categories.tolist() == ["stay", "left"]  # the exits stay declared


@pytest.mark.parametrize(
    ("only", "sentence"),
    [
        ({"contry": "Irak"}, "got 'contry', not one of ['person', 'month', 'country', 'kind', "),
        ({"contry": "Irak"}, "Did you mean 'country'?"),
        (
            {"country": "Irakk"},
            "levels of 'country' that occur; got ['Irakk'].",
        ),
        (
            {"country": ("Irak", "Oz")},
            "[only] must name levels of 'country' that occur; got ['Oz'].",
        ),
        (
            {"centre": "A"},
            "'centre' changes for 1 of 3 persons and is missing in 0 rows. Choose another column.",
        ),
        (
            {"country": "Iran", "kind": "a"},
            "at least one person; got none with all of ['country', ",
        ),
    ],
)
def test_refusals(panel: pd.DataFrame, only: dict[str, str], sentence: str) -> None:
    with pytest.raises(PanelError, match=re.escape(sentence)):
        subset.chosen(panel, only)


def test_unknown_levels_are_refused(panel: pd.DataFrame) -> None:
    panel.loc[2, "kind"] = None
    with pytest.raises(
        PanelError, match="'kind' changes for 0 of 3 persons and is missing in 1 rows"
    ):
        subset.chosen(panel, {"kind": "a"})


# --- in the line --------------------------------------------------------------------------------
def test_events_of_everybody_still_count(tmp_path: Path, rng: np.random.Generator) -> None:
    """Metamorphic: the rows of one nationality have the histories they had among all."""
    folder = write(random_registers(rng, 80), tmp_path)
    whole = specs.read("iraq").model_copy(update={"only": {}})
    every = fitting.panel_from_registers(folder, whole)
    nationality = every.frame["nationality"].astype(str)
    most = nationality.mode()[0]
    own = fitting.panel_from_registers(
        folder, whole.model_copy(update={"only": {"nationality": most}})
    )
    which = (nationality == most).to_numpy()
    assert 0 < which.sum() < len(which)
    name = "forced_return_centre"
    np.testing.assert_array_equal(own.histories[name].values, every.histories[name].values[which])
    expected = every.frame[which].reset_index(drop=True)
    pd.testing.assert_frame_equal(own.frame, expected, check_categorical=False)
    persons = [int(each.frame["person"].nunique()) for each in (every, own)]
    assert own.flow.tail(2)["families"].tolist() == [persons[0] - persons[1], persons[1]]
    before = own.flow.iloc[:-2]
    pd.testing.assert_frame_equal(before[every.flow.columns], every.flow, check_dtype=False)


def test_rows_of_a_table(tmp_path: Path) -> None:
    """The column is taken from the table although no term names it."""
    text = "person,month,exit,sex,country\n1,1,stay,male,A\n1,2,assisted,male,A\n"
    text += "2,1,stay,female,B\n3,1,stay,male,B\n"
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    spec = model(SEX + NORMAL, exits=1).model_copy(update={"only": {"country": "B"}})
    found = fitting.panel_from_table(path, spec)
    assert found.frame["sex"].astype(str).tolist() == ["female", "male"]
    assert found.flow["persons"].tolist() == [3, 1, 2]
