"""The published layout: every row of the report, ours and theirs in the right columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_runs import estimates

from hazard import appendix, spec
from hazard.errors import EstimandError

KEY = ["outcome", "exposure", "network", "lag_months"]


@pytest.fixture
def found() -> pd.DataFrame:
    return appendix.coefficient_table(estimates(spec.read("oslo2016_published")))


def test_rows_are_those_of_the_report(found: pd.DataFrame, shared: Path) -> None:
    printed = pd.read_csv(shared / "published" / "oslo2016_table_7_1.csv")
    assert len(found) == len(printed) == 56
    both = found.merge(printed, on=KEY, suffixes=("", "_printed"), validate="one_to_one")
    assert len(both) == 56
    for name in ("lpm_coefficient", "lpm_se", "mnlogit_log_odds", "mnlogit_se"):
        assert both[f"published_{name}"].tolist() == both[f"{name}_printed"].tolist()
        assert (both[f"published_{name}"] != both[name]).any()  # ours are other numbers


def test_order_is_that_of_the_report(found: pd.DataFrame, shared: Path) -> None:
    printed = pd.read_csv(shared / "published" / "oslo2016_table_7_1.csv")
    mixed = estimates(spec.read("oslo2016_published")).sort_values("lag", kind="stable")
    for each in (found, appendix.coefficient_table(mixed)):
        assert each[KEY].to_numpy().tolist() == printed[KEY].to_numpy().tolist()


def test_our_numbers_are_those_of_the_run(found: pd.DataFrame) -> None:
    rows = estimates(spec.read("oslo2016_published"))
    rows = rows[rows["quantity"] == "lag_coefficient"].set_index(
        ["estimator", "exit", "exposure", "network", "lag"]
    )
    for row in found.to_dict("records"):
        for estimator, columns in appendix.COLUMNS.items():
            own = rows.loc[(estimator, *(row[name] for name in KEY))]
            assert [row[name] for name in columns] == [own["estimate"], own["sd"]]


def test_exits_the_report_does_not_have_stand_alone() -> None:
    found = appendix.coefficient_table(estimates(spec.read("oslo2016")))
    assert len(found) == 3 * 4 * 7
    lacking = found["published_lpm_coefficient"].isna()
    assert set(found.loc[lacking, "outcome"]) == {"forced"}
    assert not lacking[found["outcome"] != "forced"].any()


def test_curves_of_levels_are_left_out_and_two_terms_are_refused() -> None:
    rows = estimates(spec.read("oslo2016"))
    levels = pd.concat([rows, rows.assign(level="Irak")], ignore_index=True)
    whole = appendix.coefficient_table(rows)
    pd.testing.assert_frame_equal(appendix.coefficient_table(levels), whole)
    twice = pd.concat([rows, rows.assign(term="another")], ignore_index=True)
    with pytest.raises(EstimandError, match="one term per exposure and network"):
        appendix.coefficient_table(twice)
    with pytest.raises(EstimandError, match="must have lag coefficients"):
        appendix.coefficient_table(rows[rows["quantity"] == "risk_difference"])
