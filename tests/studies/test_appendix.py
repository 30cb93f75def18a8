"""The published layout: every row of the report, ours and theirs in the right columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hazard import spec
from hazard.errors import EstimandError
from hazard.studies import appendix
from places import PACKAGE
from small_runs import estimates

PUBLISHED = PACKAGE / "published"  # test_published.py compares them with the published ones
KEY = ["outcome", "exposure", "network", "lag_months"]


@pytest.fixture
def found() -> pd.DataFrame:
    return appendix.coefficient_table(estimates(spec.read("oslo2016_published")))


def test_rows_are_those_of_the_report(found: pd.DataFrame) -> None:
    printed = pd.read_csv(PUBLISHED / "oslo2016_table_7_1.csv")
    assert len(found) == len(printed) == 56
    both = found.merge(printed, on=KEY, suffixes=("", "_printed"), validate="one_to_one")
    assert len(both) == 56
    for name in ("lpm_coefficient", "lpm_se", "mnlogit_log_odds", "mnlogit_se"):
        assert both[f"published_{name}"].tolist() == both[f"{name}_printed"].tolist()
        assert (both[f"published_{name}"] != both[name]).any()  # ours are other numbers


def test_order_is_that_of_the_report(found: pd.DataFrame) -> None:
    printed = pd.read_csv(PUBLISHED / "oslo2016_table_7_1.csv")
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


# --- Table 7-2 ----------------------------------------------------------------------------------
WINDOW = ["outcome", "exposure", "network", "lag_window_months"]


@pytest.mark.parametrize(("name", "country"), [("iraq", "iraq"), ("afghanistan", "afghanistan")])
def test_windows_are_those_of_the_report(name: str, country: str) -> None:
    model = spec.read(name)
    found = appendix.in_layout(estimates(model), model)
    printed = pd.read_csv(PUBLISHED / "oslo2016_table_7_2.csv")
    assert found[WINDOW].to_numpy().tolist() == printed[WINDOW].to_numpy().tolist()
    for column in (f"{country}_rrr", f"{country}_rrr_se"):
        assert found[f"published_{column}"].tolist() == printed[column].tolist()
    assert sum(column.startswith("published") for column in found) == 2


def test_ratios_by_hand() -> None:
    """Log-odds ln 2 with error 0.1, from 0 to ln 4: ratio 2, error 0.2, from 1 to 4."""
    model = spec.read("iraq")
    rows = estimates(model)
    numbers = {"estimate": np.log(2), "sd": 0.1, "lower": 0.0, "upper": np.log(4)}
    logit = rows["estimator"].eq("multinomial logit") & rows["lag"].eq(3)
    rows.loc[logit, list(numbers)] = list(numbers.values())
    found = appendix.in_layout(rows, model)
    own = found[found["lag_window_months"] == "3-4"]
    columns = [f"mnlogit_{name}" for name in ("rrr", "se", "lower", "upper")]
    np.testing.assert_allclose(own[columns], [[2, 0.2, 1, 4]] * 2, rtol=1e-12)
    others = found.loc[found["lag_window_months"] != "3-4", "mnlogit_rrr"]
    assert (np.abs(others - 2) > 1e-6).all()  # negative control: other windows are other lags
    assert "hazard_model_rrr" in found


def test_only_a_published_country_has_numbers_beside() -> None:
    model = spec.read("iraq")
    rows = estimates(model)
    for only in ({}, {"nationality": ("Irak", "Iran")}, {"nationality": "Iran"}, {"sex": "Irak"}):
        found = appendix.in_layout(rows, model.model_copy(update={"only": only}))
        assert not any(column.startswith("published") for column in found)
    listed = model.model_copy(update={"only": {"nationality": ("Irak",)}})
    assert "published_iraq_rrr" in appendix.in_layout(rows, listed)


def test_layout_follows_the_model() -> None:
    model = spec.read("oslo2016_published")
    rows = estimates(model)
    whole = appendix.coefficient_table(rows)
    pd.testing.assert_frame_equal(appendix.in_layout(rows, model), whole)


def test_ratios_of_other_links_are_refused() -> None:
    model = spec.read("iraq")
    rows = estimates(model).replace({"unit": {"log-odds": "log-hazard"}})
    with pytest.raises(EstimandError, match="must come from log-odds; got coefficients in"):
        appendix.in_layout(rows, model)
