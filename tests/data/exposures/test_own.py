"""The person's own history: by the number of the month, by hand and against slow loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hazard.data import exposures
from hazard.errors import HistoryError
from slow_exposures import NAN
from small_registers import term

RULES = st.sampled_from(["missing", "zero", "carry"])


def work(months: list[int], values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"person": 0, "month": months, "work": values})


def test_own_history_counts_months_and_not_rows_by_hand() -> None:
    panel = pd.concat([work([1, 2, 4], [1, 0, 2]), work([1], [1]).assign(person=5)])
    found = exposures.own_history(panel, term("work", "own", lags=(0, 2)))
    np.testing.assert_array_equal(
        found.values, [[1, NAN, NAN], [0, 1, NAN], [1, NAN, 0], [1, NAN, NAN]]
    )
    by_row = [[1, NAN, NAN], [0, 1, NAN], [1, 0, 1], [1, NAN, NAN]]
    assert not np.array_equal(found.values, by_row, equal_nan=True)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("missing", [[NAN, NAN], [1, NAN], [NAN, 0]]),
        ("zero", [[0, 0], [1, 0], [0, 0]]),
        ("carry", [[1, 1], [1, 1], [1, 0]]),
    ],
)
def test_own_history_follows_the_rule_by_hand(rule: str, expected: list[list[float]]) -> None:
    panel = work([1, 2, 4], [1, 0, 1])
    found = exposures.own_history(panel, term("work", "own", rule, lags=(1, 2)))
    np.testing.assert_array_equal(found.values, expected)
    assert found["lag"].values.tolist() == [1, 2]


def test_own_history_applies_the_threshold_and_keeps_missing_values() -> None:
    panel = work([1, 2, 3], [1, NAN, 2])
    found = exposures.own_history(panel, term("work", "own", lags=(0, 1), at_least=2))
    np.testing.assert_array_equal(found.values, [[0, NAN], [NAN, 0], [1, NAN]])


def test_own_value_by_hand() -> None:
    panel = work([1, 2, 4], [3, 0, 5])
    found = exposures.own_history(panel, term("work", "own", measure="count", lags=(0, 2)))
    np.testing.assert_array_equal(found, [[3, NAN, NAN], [0, 3, NAN], [5, NAN, 0]])


@given(first=st.integers(-5, -1), width=st.integers(0, 6), rule=RULES)
def test_leads_of_own_rows_are_refused(first: int, width: int, rule: str) -> None:
    with pytest.raises(ValidationError, match=r"lags must not be negative with network 'own'"):
        term("work", "own", rule, lags=(first, first + width))
    term("visit", "centre", rule, lags=(first, first + width))  # positive control


@given(share=st.floats(0.001, 0.999), where=st.integers(0, 3), at_least=st.integers(1, 2))
def test_fractions_are_no_counts(share: float, where: int, at_least: int) -> None:
    values = [0.0, 1.0, 2.0, NAN]
    values[where] = share
    panel = work([1, 2, 3, 4], values)
    rule = r"must hold whole numbers with measure 'at_least'.*in 1 of 4 rows.*measure = \"count\""
    with pytest.raises(HistoryError, match=rule):
        exposures.own_history(panel, term("work", "own", at_least=at_least, lags=(0, 0)))
    count = exposures.own_history(panel, term("work", "own", measure="count", lags=(0, 0)))
    np.testing.assert_array_equal(count.values[:, 0], np.float32(values))


@given(seed=st.integers(0, 2**32), rule=RULES, first=st.integers(0, 2), at_least=st.integers(1, 2))
@settings(max_examples=50)
def test_own_history_equals_slow_loops(seed: int, rule: str, first: int, at_least: int) -> None:
    rng = np.random.default_rng(seed)
    persons = np.sort(rng.integers(0, 5, 30)) * 7
    panel = pd.DataFrame({"person": persons, "month": rng.integers(1, 12, 30)})
    panel = panel.drop_duplicates().sort_values(["person", "month"], ignore_index=True)
    panel["work"] = rng.integers(0, 4, len(panel))
    one = term("work", "own", rule, lags=(first, 4), at_least=at_least)
    value = {(p, m): w for p, m, w in panel.itertuples(index=False)}
    lines = []
    for p, m, _ in panel.itertuples(index=False):
        line: list[float] = []
        for lag in range(5):
            earlier = value.get((p, m - lag))
            fill = {"missing": NAN, "zero": 0.0, "carry": line[-1] if line else NAN}[rule]
            line.append(fill if earlier is None else float(earlier >= at_least))
        lines.append(line[first:])
    np.testing.assert_array_equal(exposures.own_history(panel, one).values, lines)


def test_own_history_needs_numbers() -> None:
    with pytest.raises(
        HistoryError, match=r"^panel column 'work' must hold numbers; got another type\.$"
    ):
        exposures.own_history(work([1], ["x"]), term("work", "own"))
