"""Cells as numbers and labels: what is kept apart, what is one, and what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.data import cells

WHERE = "table column 'x'"
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([12.0, None, 7.0], ["12", None, "7"]),
        ([0.5, 1.0], ["0.5", "1"]),
        ([True, False, None], ["True", "False", None]),
        ([Decimal("7.00"), Decimal("0.50")], ["7", "0.50"]),
        ([2**70, 2**70 + 1], [str(2**70), str(2**70 + 1)]),
        (["None", "NA", "", None, "12.0"], ["None", "NA", "", None, "12.0"]),
        (pd.Categorical([12.0, None, 7.0]), ["12", None, "7"]),
        (pd.cut([1, 5], [0, 2, 9]), ["(0, 2]", "(2, 9]"]),
        (pd.array([12, None], dtype="Int64"), ["12", None]),
        (pd.array(["a", None], dtype="string"), ["a", None]),
        (np.array([12.0, 0.5], dtype=np.float32), ["12", "0.5"]),
        ([dt.date(2020, 1, 2), None], ["2020-01-02", None]),
    ],
)
def test_labels_by_hand(values: object, labels: list[str | None]) -> None:
    assert cells.labels(pd.Series(values)).tolist() == labels


@given(st.lists(st.integers() | st.none(), max_size=6))
def test_labels_of_whole_numbers_never_merge(values: list[int | None]) -> None:
    column = pd.Series(values, dtype=object)
    found = cells.labels(column)
    assert found.nunique() == len({value for value in values if value is not None})
    assert found.isna().tolist() == column.isna().tolist()


@given(st.lists(TEXT | st.none(), max_size=6))
def test_text_is_its_own_label(values: list[str | None]) -> None:
    assert cells.labels(pd.Series(values, dtype=object)).tolist() == values


@pytest.mark.parametrize("size", [np.float32, np.float64])
def test_floats_whose_neighbours_are_equal_are_no_labels(size: type) -> None:
    limit = 2 ** (np.finfo(size).nmant + 1)
    assert size(limit) == size(limit + 1)  # the two would be one person
    broken = cells.not_labels(WHERE, pd.Series([limit, 1], dtype=size))
    assert "so large that neighbours are equal in 1 of 2 rows (first: row 1)" in broken[0]
    assert cells.not_labels(WHERE, pd.Series([limit - 1, 1], dtype=size)) == []
    assert cells.not_labels(WHERE, pd.Series([limit, limit + 1], dtype=np.int64)) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([[1], [2]], "got lists, records or several types mixed"),
        ([{"a": 1}, None], "got lists, records or several types mixed"),
        ([b"a", b"b"], "got bytes"),
        ([1, "1"], "got numbers and text mixed"),
        ([1j, 2j], "got lists, records or several types mixed"),
        (["a", "a\0"], "got a NUL character or half a character in 1 of 2 rows (first: row 2)"),
        (["a", "\ud800"], "got a NUL character or half a character in 1 of 2 rows (first: row 2)"),
        (["a", "b", "a "], "got such labels in 1 of 3 rows (first: row 3)"),
        (["a b", "a\u00a0 b"], "got such labels in 1 of 2 rows (first: row 2)"),
        (["ab", "a\u200bb"], "got such labels in 1 of 2 rows (first: row 2)"),
        (["\u00e9", "e\u0301"], "got such labels in 1 of 2 rows (first: row 2)"),
    ],
)
def test_what_is_no_label(values: list[object], found: str) -> None:
    broken = cells.not_labels(WHERE, pd.Series(values))
    assert len(broken) == 1
    assert found in broken[0]
    measured = cells.not_measured(WHERE, pd.Series(values))
    assert found in measured[0]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["37,8", "39,6"], "with decimal commas, in 2 of 2 rows (first: row 1)"),
        (["37.8", ".", "39.1"], "with other text, in 1 of 3 rows (first: row 2)"),
        (["37.8", "None", "39.1"], "with other text, in 1 of 3 rows (first: row 2)"),
        (["kr 100", "$5,000", "12 %"], "with currencies or units, in 3 of 3 rows"),
        (["1 000", "2 000", "999"], "with spaces within numbers, in 2 of 3 rows (first: row 1)"),
        (["0301", "1103"], "with leading zeros, in 1 of 2 rows (first: row 1)"),
        (["1", "2"], "with all of it stored as text, in 2 of 2 rows (first: row 1)"),
    ],
)
def test_text_that_is_mostly_numbers(values: list[str], found: str) -> None:
    (sentence,) = cells.not_measured(WHERE, pd.Series(values))
    assert found in sentence
    assert cells.not_labels(WHERE, pd.Series(values)) == []  # as a group it is text


@pytest.mark.parametrize(
    "values", [["18-29", "30-44", "45+"], ["2020-01-01"], ["a1", "b2"], ["one", "two", "3"], [1, 2]]
)
def test_labels_with_digits_and_numbers_are_fine(values: list[object]) -> None:
    assert cells.not_measured(WHERE, pd.Series(values)) == []


@settings(max_examples=60)
@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=1, max_size=8),
    st.sampled_from([",", " kr", " %"]),
)
def test_no_way_to_write_a_number_makes_a_category(values: list[float], mark: str) -> None:
    plain = [f"{value:.2f}" for value in values]
    written = [text.replace(".", ",") if mark == "," else text + mark for text in plain]
    assert cells.not_measured(WHERE, pd.Series(written))
    assert cells.not_numbers(WHERE, pd.Series(written), "Correct them.")


def test_numbers_of_every_type() -> None:
    for column in (
        pd.Series([1.5, None, 2.0]),
        pd.Series([Decimal("1.5"), None, Decimal(2)]),
        pd.Series([1.5, None, 2.0], dtype="Float64"),
        pd.Series(pd.Categorical([1.5, None, 2.0])),
        pd.Series([1.5, None, 2.0], dtype="double[pyarrow]"),
    ):
        values, strange = cells.numbers(column)
        np.testing.assert_array_equal(values, [1.5, np.nan, 2.0])
        assert not strange.any()
    values, strange = cells.numbers(pd.Series([True, None, "no", "TRUE", "1"], dtype=object)[1:])
    np.testing.assert_array_equal(values, [np.nan, 0.0, 1.0, np.nan])
    assert strange.tolist() == [False, False, False, True]


def test_numbers_with_a_reference_are_few_and_whole() -> None:
    assert cells.not_levels(WHERE, pd.Series([0, 1.0, None])) == []
    assert cells.not_levels(WHERE, pd.Series(range(30))) == []
    assert "at most 30 different; got 31" in cells.not_levels(WHERE, pd.Series(range(31)))[0]
    assert "got fractions in 1 of 2" in cells.not_levels(WHERE, pd.Series([0.5, 1]))[0]
