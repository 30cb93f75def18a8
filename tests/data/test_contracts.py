"""Rules of a panel: each broken alone, all at once, and none in a panel that is right."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.data.contracts import broken_rules, check_panel, columns_missing, violation
from hazard.errors import PanelError

EXITS = ("assisted", "disappeared", "forced")
LABELS = ["stay", *EXITS]


def four_families() -> pd.DataFrame:
    # row  family  month  exit            family 1 was first seen in month 3
    #   1       0      1  stay
    #   2       0      2  disappeared
    #   3       1      3  stay
    #   4       1      5  assisted         absent in month 4
    #   5       2      1  stay             still there
    #   6       3      1  forced
    return pd.DataFrame(
        {
            "person": [0, 0, 1, 1, 2, 3],
            "month": [1, 2, 3, 5, 1, 1],
            "calendar": [420, 421, 430, 432, 440, 441],
            "entry": [0, 0, 2, 2, 0, 0],
            "exit": pd.Categorical(
                ["stay", "disappeared", "stay", "assisted", "stay", "forced"], LABELS
            ),
            "age": [30.0, 30.0, 41.5, 41.5, 18.0, 25.0],
            "event_centre_lag0": [0.0, np.nan, 1.0, 0.0, np.nan, 0.0],
        }
    )


def put(column: str, row: int, value: object) -> pd.DataFrame:
    panel = four_families()
    panel[column] = panel[column].astype(object)
    panel.loc[row - 1, column] = value
    return panel.infer_objects() if column != "exit" else panel


def relabelled(*labels: str) -> pd.DataFrame:
    return four_families().assign(exit=list(labels))


def check(panel: pd.DataFrame) -> None:
    check_panel(panel, EXITS, columns=["age"], may_be_missing=["event_centre_lag0"])


def messages(panel: pd.DataFrame) -> list[str]:
    return broken_rules(panel, EXITS, columns=["age"], may_be_missing=["event_centre_lag0"])


def test_panel_without_fault_passes() -> None:
    assert check(four_families()) is None
    assert check(four_families().drop(columns="calendar")) is None


ENTRY = "column 'entry' must be one number per person, from 0 to the month before the first"
PASSED = "Count the months that had passed before the person was first seen."
COMPLETE = "Complete them, or leave the persons out."
LABEL = "column 'exit' must be one of ['assisted', 'disappeared', 'forced', 'stay']"
DECLARE = "Correct the register, or declare the exit under [outcome]."

# panel, number of the row at fault, rule, what was got, what to do
ONE_ROW = {
    "unknown exit": (
        relabelled("stay", "dissapeared", "stay", "assisted", "stay", "forced"),
        2,
        LABEL,
        "'dissapeared'",
        f"Did you mean 'disappeared'? {DECLARE}",
    ),
    "unlike any exit": (
        relabelled("stay", "stay", "stay", "x", "stay", "forced"),
        4,
        LABEL,
        "another label",
        DECLARE,
    ),
    "two exits": (
        relabelled("stay", "disappeared", "forced", "assisted", "stay", "forced"),
        4,
        "must have at most one exit per person",
        "further exits",
        "Keep the first exit.",
    ),
    "row after exit": (
        relabelled("forced", "stay", "stay", "assisted", "stay", "forced"),
        2,
        "must end a person with the exit",
        "rows after an exit",
        "Leave out the months after the exit.",
    ),
    "repeated month": (
        put("month", 4, 3),
        4,
        "must have one row per person and month",
        "repeated months",
        "Keep one row of each.",
    ),
    "a month that is a date": (
        put("month", 5, 4_294_967_297),
        5,
        "column 'month' must be at most 12,000",
        "months beyond it",
        "Number the months at risk from 1, not from a date.",
    ),
    "months before the start": (
        put("month", 5, 0),
        5,
        "column 'month' must be at least 1",
        "months before the start",
        "Number the months at risk from 1; add 1 to all where they start at 0.",
    ),
    "fraction of a month": (
        put("month", 2, 1.5),
        2,
        "column 'month' must hold whole numbers",
        "fractions",
        "Count whole months.",
    ),
    "missing person": (
        put("person", 6, None),
        6,
        "column 'person' must not be missing",
        "missing values",
        COMPLETE,
    ),
    "missing covariate": (
        put("age", 3, None),
        3,
        "column 'age' must not be missing",
        "missing values",
        COMPLETE,
    ),
    "infinity": (
        put("age", 1, np.inf),
        1,
        "column 'age' must be finite",
        "infinity",
        "Correct the numbers.",
    ),
    "infinite lag": (
        put("event_centre_lag0", 1, -np.inf),
        1,
        "column 'event_centre_lag0' must be finite",
        "infinity",
        "Correct the numbers.",
    ),
    "entry changes": (put("entry", 4, 1), 4, ENTRY, "other numbers", PASSED),
    "entry too late": (put("entry", 5, 1), 5, ENTRY, "other numbers", PASSED),
}
WHOLE = {
    "text month": (
        four_families().assign(month=list("123456")),
        "panel column 'month' must hold whole numbers; got another type.",
    ),
    "no such column": (
        four_families().rename(columns={"age": "agee"}),
        "panel column 'age' must exist once; got 0. Did you mean 'agee'?",
    ),
    "column twice": (
        pd.concat([four_families(), four_families()[["age"]]], axis=1),
        "panel column 'age' must exist once; got 2.",
    ),
    "empty": (four_families().head(0), "panel must have at least one row; got none."),
}


@pytest.mark.parametrize("fault", ONE_ROW)
def test_fault_in_one_row_is_the_only_one_reported(fault: str) -> None:
    panel, row, rule, got, cure = ONE_ROW[fault]
    sentence = f"panel {rule}; got {got} in 1 of 6 rows (first: row {row}). {cure}"
    assert messages(panel) == [sentence]
    with pytest.raises(PanelError, match=re.escape(sentence)):
        check(panel)


@pytest.mark.parametrize("fault", WHOLE)
def test_fault_of_the_whole_panel_is_the_only_one_reported(fault: str) -> None:
    panel, sentence = WHOLE[fault]
    assert messages(panel) == [sentence]
    with pytest.raises(PanelError, match=re.escape(sentence)):
        check(panel)


def test_finished_panel_must_have_order_and_types() -> None:
    order = "panel rows must be sorted by person and month, with the index counting from 0"
    shuffled = four_families().iloc[[1, 0, 2, 3, 4, 5]]
    for panel in (shuffled, shuffled.reset_index(drop=True), four_families().set_index("age")):
        with pytest.raises(PanelError, match=order):
            check_panel(panel, EXITS)
    with pytest.raises(PanelError, match="'person' must hold integer codes; got another type"):
        check(four_families().astype({"person": str}))


def test_finished_panel_must_have_the_exits_in_order() -> None:
    swapped = re.escape(
        "panel column 'exit' must be categorical with ['stay', 'disappeared', 'assisted', 'forced']"
        " in this order; got another type or order. Use pandas.Categorical."
    )
    with pytest.raises(PanelError, match=f"^{swapped}$"):
        check_panel(four_families(), ("disappeared", "assisted", "forced"))
    with pytest.raises(PanelError, match="must be categorical"):
        check(four_families().astype({"exit": str}))


def test_all_faults_are_reported_at_once() -> None:
    panel = put("month", 4, 3).drop(columns="event_centre_lag0")
    panel["age"] = [np.nan, 1.0, np.inf, 1.0, 1.0, 1.0]
    panel["exit"] = ["asisted", "stay", "forced", "forced", "forced", "stay"]
    with pytest.raises(PanelError) as caught:
        check(panel)
    lines = str(caught.value).splitlines()
    for part in (
        "'event_centre_lag0' must exist once",
        "'age' must not be missing",
        "'age' must be finite",
        "'exit' must be one of",
        "one row per person and month",
        "at most one exit per person",
        "must end a person with the exit",
        "must be categorical",
    ):
        assert sum(part in line for line in lines) == 1
    assert len(lines) == 8


def test_messages_show_no_value_of_a_person() -> None:
    # ids in the wrong column, ids that repeat, and a value that is not a number
    panel = four_families().assign(person=[f"canary-{i}" for i in (1, 1, 1, 1, 2, 3)])
    panel["exit"] = [f"canary-{i}" for i in range(5)] + ["forced"]
    panel["month"] = [1, 1, -77123, 2, 3, 77123]
    panel["calendar"] = "canary"
    with pytest.raises(PanelError) as caught:
        check(panel)
    assert "another label and 4 other labels in 5 of 6 rows" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "77123" not in str(caught.value)


def test_sentence_counts_rows_with_separators() -> None:
    bad = np.arange(48_210) >= 1_203
    assert violation("x must y", bad, got="z", cure="Do.") == [
        "x must y; got z in 47,007 of 48,210 rows (first: row 1,204). Do."
    ]
    assert columns_missing("table", four_families(), ["age", "month"]) == []


@st.composite
def histories(draw: st.DrawFn) -> pd.DataFrame:
    """Right panels of up to eight persons, with gaps and late entries."""
    rows = []
    for person in range(draw(st.integers(1, 8))):
        months = sorted(draw(st.sets(st.integers(1, 9), min_size=1, max_size=5)))
        last = draw(st.sampled_from(LABELS))
        labels = ["stay"] * (len(months) - 1) + [last]
        rows += [(person, m, months[0] - 1, e) for m, e in zip(months, labels, strict=True)]
    panel = pd.DataFrame(rows, columns=["person", "month", "entry", "exit"])
    return panel.assign(exit=pd.Categorical(panel["exit"], LABELS))


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_right_panels_raise_nothing_in_any_order(panel: pd.DataFrame, random: object) -> None:
    check_panel(panel, EXITS)
    order = list(range(len(panel)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert broken_rules(panel.iloc[order], EXITS) == []


@settings(max_examples=60)
@given(histories(), st.data())
def test_one_planted_row_is_found_with_its_number(panel: pd.DataFrame, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(panel) - 1))
    fault = data.draw(st.sampled_from(["repeat", "after", "label", "before"]))
    extra = panel.iloc[[row]].astype({"exit": str})
    if fault == "after":
        person = panel.loc[row, "person"]
        extra = extra.assign(month=99, exit="stay")
        panel.loc[panel.index[panel["person"] == person][-1], "exit"] = "forced"
    elif fault == "label":
        extra = extra.assign(person=99, entry=0, exit="asssisted")
    elif fault == "before":
        extra = extra.assign(person=99, month=-1, entry=0, exit="stay")
    planted = pd.concat([panel.astype({"exit": str}), extra], ignore_index=True)
    found = broken_rules(planted, EXITS)
    assert any(f"(first: row {len(planted)})" in sentence for sentence in found)
