"""What leaves between the table and the design: counted, told, and nothing lost on the way."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.cli.app import tell_left_out
from hazard.data.left_out import LeftOut
from hazard.errors import DesignError
from hazard.fitting import Panel, flow, panel_from_table
from hazard.model import design
from hazard.model.terms import lagged
from hazard.spec import ModelSpec
from raw_tables import model

LAST_LAG = st.integers(0, 3)


def raw_table(rng: np.random.Generator, persons: int = 25) -> pd.DataFrame:
    """Persons of one to eight months, some with a gap, some without a known age."""
    parts = []
    for person in range(persons):
        months = np.arange(1, rng.integers(2, 10)) + rng.integers(0, 3)
        months = months[(months != 4) | (rng.random() < 0.5)]
        age = np.nan if rng.random() < 0.15 else float(rng.integers(20, 60))
        rows = pd.DataFrame({"person": person, "month": months, "age": age, "sex": person % 2})
        rows["work"] = rng.integers(0, 2, len(rows))
        rows["exit"] = "stay"
        if len(rows) and rng.random() < 0.6:
            rows.loc[len(rows) - 1, "exit"] = rng.choice(["left", "moved"])
        parts.append(rows)
    every = pd.concat(parts, ignore_index=True).astype({"sex": str})
    every.loc[every["person"] == 0, "age"] = 30.0
    return every.sample(frac=1.0, random_state=1)


def read(raw: pd.DataFrame, wanted: ModelSpec) -> Panel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        raw.to_csv(path, index=False)
        return panel_from_table(path, wanted)


@given(seed=st.integers(0, 2**32), last=LAST_LAG, only=st.booleans())
@settings(max_examples=25, deadline=None)
def test_rows_in_are_rows_out_and_counted(seed: int, last: int, only: bool) -> None:
    raw = raw_table(np.random.default_rng(seed))
    # a column of [only] is a covariate of nobody: the exit of the others does not matter
    wanted = model(last)
    if only:
        wanted = wanted.model_copy(update={"only": {"sex": ("1",)}})
    rows = read(raw, wanted)
    try:
        built = design.build(rows.frame, rows.histories, wanted)
    except DesignError:
        return  # nobody was followed for so long
    found = flow.losses(rows, built)
    assert found == flow.losses_of_rows(rows, wanted)
    lost = [*found.reasons.values()]
    assert found.read.persons == found.inside.persons + sum(each.persons for each in lost)
    assert sum(each.rows for each in lost) + len(built.row) == len(raw) == found.read.rows
    exits = int((raw["exit"] != "stay").sum())
    assert sum(each.exits for each in lost) + int((built.outcome > 0).sum()) == exits
    assert found.read.exits == exits
    assert found.read.persons == raw["person"].nunique()
    kept = rows.frame["person"].to_numpy()[built.row]
    assert found.inside == (len(np.unique(kept)), len(kept), int((built.outcome > 0).sum()))
    table = flow.with_design(rows.flow, found, built)
    assert table.iloc[-1][["step", "persons", "rows", "exits"]].tolist() == [
        "in the design",
        *found.inside,
    ]
    gone = table[table["step"].str.startswith("left out: ")]
    for size in ("persons", "rows", "exits"):
        assert gone[size].sum() + getattr(found.inside, size) == getattr(found.read, size)
    fewer = gone.iloc[:-1]["rows"].sum() + found.inside.rows  # negative control
    assert fewer < len(raw) or not len(gone)


def test_reasons_by_hand() -> None:
    """Person 0 has no row in month 3: month 1 is before the first row, month 4 after a gap."""
    panel = pd.DataFrame({"person": [0, 0, 0, 1], "month": [1, 2, 4, 1], "work": [1, 0, 1, 1]})
    panel["age"], panel["exit"] = [1.0, 1.0, 1.0, 2.0], ["stay", "stay", "left", "moved"]
    wanted = model(1)
    rows = read(panel.assign(sex="x"), wanted)
    _, left_out = design.kept_rows(rows.frame, rows.histories, wanted)
    assert left_out == {
        lagged.BEFORE_PERSON: LeftOut(persons=1, rows=2, exits=1),
        lagged.WITHOUT_ROW: LeftOut(persons=0, rows=1, exits=1),
    }  # person 0 has month 2 in the design
    peers = wanted.term[1].model_copy(update={"network": "centre"})
    of_others = wanted.model_copy(update={"term": (peers,)})
    history = rows.histories["work_own"]
    _, others = design.kept_rows(rows.frame, {"work_centre": history}, of_others)
    assert others == {lagged.BEFORE_REGISTER: LeftOut(persons=1, rows=3, exits=2)}


# 40 persons of 20 months: one lag costs one row of each, 5 percent; two lags 10 percent.
@pytest.mark.parametrize(("last", "warned"), [(0, False), (1, False), (2, True)])
def test_more_than_five_percent_is_said_aloud(
    last: int, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    person, month = np.repeat(np.arange(40), 20), np.tile(np.arange(1, 21), 40)
    panel = pd.DataFrame({"person": person, "month": month, "age": person % 7, "exit": "stay"})
    panel["work"] = (person + month) % 2
    wanted = model(last)
    rows = read(panel, wanted)
    tell_left_out(rows, wanted)
    told = capsys.readouterr()
    expected = f"In the design: 40 of 40 persons, {800 - 40 * last} of 800 rows, 0 of 0 exits."
    assert told.out.startswith(expected) == (last > 0)
    assert (told.err != "") == warned
    if warned:
        assert told.err == (
            "Warning: 10 percent of the rows are left out, most rows for this reason: months "
            "before the person's first row. Shorten the lags, or let history_before_start of the "
            'term be "zero" or "carry" if one of them is true.\n'
        )


def test_whom_only_excludes_is_counted_and_not_warned_of() -> None:
    raw = raw_table(np.random.default_rng(3)).assign(age=30.0)
    raw.loc[raw["person"] == 1, "age"] = 40.0
    wanted = model(0).model_copy(update={"only": {"sex": ("1",)}})
    found = flow.losses_of_rows(read(raw, wanted), wanted)
    others = raw[raw["sex"] == "0"]
    exits = int((others["exit"] != "stay").sum())
    assert found.reasons == {flow.ONLY: (others["person"].nunique(), len(others), exits)}
    assert flow.ONLY in flow.text(found)
    assert flow.warning(found) == ""


def test_whom_the_window_excludes_is_told_and_not_warned_of() -> None:
    why = "spells without a whole year in the window"
    found = flow.Losses(LeftOut(100, 100, 60), LeftOut(40, 40, 20), {why: LeftOut(60, 60, 40)})
    assert flow.warning(found) == ""
    assert found.largest() is None
    assert flow.outside(found) == (
        "The window leaves out 60 percent of the persons, 60 percent of the rows, 67 percent of "
        "the exits."
    )
    assert f"{why} (60 rows, 40 exits)" in flow.text(found)
    assert flow.outside(found, "nb") == (
        "Vinduet utelater 60 prosent av personene, 60 prosent av radene, 67 prosent av utfallene."
    )
    few = flow.Losses(LeftOut(100, 100, 60), LeftOut(95, 95, 57), {why: LeftOut(5, 5, 3)})
    assert flow.outside(few) == ""
    other = "persons with a missing covariate"  # negative control: a loss that nobody asked for
    lost = flow.Losses(LeftOut(100, 100, 60), LeftOut(40, 40, 20), {other: LeftOut(60, 60, 40)})
    assert flow.warning(lost).startswith("60 percent of the persons")
    assert flow.warning(lost, "nb").endswith(
        "Fyll ut kolonnen, eller ta leddet ut: [table] har "
        'incomplete = "drop", som utelater disse personene.'
    )
    both = {why: LeftOut(60, 60, 40), other: LeftOut(10, 10, 5)}
    found = flow.Losses(LeftOut(100, 100, 60), LeftOut(30, 30, 15), both)
    assert found.shares() == {"persons": 0.25, "rows": 0.25, "exits": 0.25}
    assert found.largest() == other


def test_what_is_kept_in_norwegian_by_hand() -> None:
    why = {"months before the start of the register": LeftOut(100, 1791, 70)}
    found = flow.Losses(LeftOut(600, 5781, 485), LeftOut(500, 3990, 415), why)
    assert flow.text(found, "nb").replace("\N{NARROW NO-BREAK SPACE}", " ") == (
        "Med i analysen: 500 av 600 personer, 3 990 av 5 781 rader, 415 av 485 utfall. Utelatt: "
        "måneder før registeret begynner (1 791 rader, 70 utfall)."
    )
