"""Exposure histories as columns of a file: there and back, and what a column may hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.data import exposures
from hazard.errors import HistoryError, PanelError
from hazard.spec import DataSpec
from slow_exposures import NAN, NETWORKS, histories_of
from small_registers import random_registers, term


def test_columns_keep_the_histories(rng: np.random.Generator) -> None:
    asked = [
        term("forced_return", "centre", "carry"),
        term("assisted_application", "nationality", lags=(1, 2), at_least=2),
    ]
    written = histories_of(random_registers(rng, 30), asked, centre="current", data=DataSpec())
    columns = exposures.to_columns(written)
    assert list(columns) == [
        *(f"forced_return_centre_lag{lag}" for lag in range(4)),
        *(f"assisted_application_nationality_2plus_lag{lag}" for lag in (1, 2)),
    ]
    again = exposures.from_columns(columns.astype("Int8").assign(other="x"), asked)
    for name, history in written.items():
        xr.testing.assert_identical(again[name], history)


def test_columns_that_are_missing_are_all_named() -> None:
    frame = pd.DataFrame({"forced_return_centre_lag0": [0]})
    asked = [term("forced_return", "centre", lags=(0, 1)), term("work", "own", lags=(0, 0))]
    with pytest.raises(
        PanelError,
        match=r"^table must have the columns \['forced_return_centre_lag1', 'work_own_lag0'\]; "
        r"they are missing\. Did you mean 'forced_return_centre_lag0'\?$",
    ):
        exposures.from_columns(frame, asked)


def test_columns_follow_the_rule_and_hold_nothing_but_indicators() -> None:
    frame = pd.DataFrame({"work_own_lag0": [1.0, 0.0], "work_own_lag1": [NAN, 1.0]})
    for rule, expected in (("missing", NAN), ("zero", 0.0), ("carry", 1.0)):
        found = exposures.from_columns(frame, [term("work", "own", rule, lags=(0, 1))])
        np.testing.assert_array_equal(found["work_own"].values, [[1, expected], [0, 1]])
    with pytest.raises(
        HistoryError,
        match=r"^columns \['work_own_lag1'\] must hold 0, 1 or empty cells; got other values in 1 "
        r"of 2 rows \(first: row 1\)\. Correct these cells",
    ):
        exposures.from_columns(
            frame.assign(work_own_lag1=[2.0, 0.0]), [term("work", "own", lags=(1, 1))]
        )


@pytest.mark.parametrize("measure", ["at_least", "count", "per_resident"])
def test_columns_keep_leads_counts_and_rates(measure: str, rng: np.random.Generator) -> None:
    asked = [
        term("assisted_application", network, measure=measure, lags=(-2, 1)) for network in NETWORKS
    ]
    written = histories_of(random_registers(rng, 40), asked, centre="then", data=DataSpec())
    columns = exposures.to_columns(written)
    suffix = "" if measure == "at_least" else f"_{measure}"
    for network in NETWORKS:
        name = f"assisted_application_{network}{suffix}"
        ends = ("lead2", "lead1", "lag0", "lag1")
        assert [c for c in columns if c.startswith(f"{name}_l")] == [f"{name}_{e}" for e in ends]
    again = exposures.from_columns(columns, asked)
    for name, history in written.items():
        xr.testing.assert_identical(again[name], history)


def test_two_thresholds_and_a_count_stand_side_by_side() -> None:
    asked = [term("visit", "centre", at_least=n, lags=(0, 0)) for n in (1, 2)]
    asked.append(term("visit", "centre", measure="count", lags=(0, 0)))
    names = ["visit_centre_lag0", "visit_centre_2plus_lag0", "visit_centre_count_lag0"]
    frame = pd.DataFrame([[1, 1, 2], [1, 0, 1]], columns=names)
    found = exposures.from_columns(frame, asked)
    assert [history.values.tolist() for history in found.values()] == [
        [[1], [1]],
        [[1], [0]],
        [[2], [1]],
    ]
    assert list(exposures.to_columns(found)) == names


@pytest.mark.parametrize(
    ("measure", "good", "bad", "rule"),
    [
        ("count", [0, 7, NAN], [1.5, -1.0, np.inf, "two"], "whole numbers from 0"),
        ("per_resident", [0.0, 0.25, NAN], [-0.1, np.inf, "half"], "numbers from 0"),
    ],
)
def test_columns_hold_what_the_measure_can_be(
    measure: str, good: list[float], bad: list[object], rule: str
) -> None:
    one = term("visit", "centre", measure=measure, lags=(-1, -1))
    name = f"visit_centre_{measure}_lead1"
    found = exposures.from_columns(pd.DataFrame({name: good}), [one])[one.name]
    np.testing.assert_array_equal(found[:, 0], np.float32(good))
    for value in bad:
        with pytest.raises(
            HistoryError,
            match=rf"^columns \['{name}'\] must hold {rule} or empty cells; got other values in 1 "
            r"of 4 rows \(first: row 4\)\. Correct these cells",
        ):
            exposures.from_columns(pd.DataFrame({name: [*good, value]}), [one])


def test_leads_in_a_file_carry_towards_the_month_of_the_row_by_hand() -> None:
    names = ["lead3", "lead2", "lead1"]
    frame = pd.DataFrame([[NAN, NAN, 1.0]], columns=[f"visit_centre_{name}" for name in names])
    found = exposures.from_columns(frame, [term("visit", "centre", "carry", lags=(-3, -1))])
    assert found["visit_centre"].values.tolist() == [[1, 1, 1]]
