"""What the linear probability model and the multinomial logit share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hazard.baselines import linear_probability, multinomial_logit
from hazard.baselines.columns import independent, independent_columns
from hazard.baselines.fit import BaselineFit
from hazard.baselines.remarks import named
from hazard.errors import EstimandError
from hazard.model import design
from hazard.model.likelihood import rows
from small_panels import (
    AGE,
    CENTRE,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    model,
    small_panel,
)


# --- columns that say the same ------------------------------------------------------------------
@pytest.mark.parametrize("estimator", [linear_probability, multinomial_logit])
def test_columns_that_say_the_same_are_named(estimator: object, rng: np.random.Generator) -> None:
    again = SEX.replace('"sex"', '"again"')
    spec, once = (
        model(SEX + NORMAL, *more, CENTRE + POOLED, VISIT + WALK) for more in ([again + NORMAL], [])
    )
    small = small_panel(spec, rng, persons=300)
    history = small.histories["visit_centre"]
    never = SmallPanel(
        small.panel.assign(again=small.panel["sex"]),
        {"visit_centre": history.where((history["lag"] < 2) | history.isnull(), 0.0)},  # noqa: PD003 - of xarray
    )
    fit = estimator.fit(design.build(never.panel, never.histories, spec))  # type: ignore[attr-defined]
    [remark] = fit.remarks
    assert remark.startswith("Not identified, left out: ")
    assert remark.count(",") == 3  # three coefficients and the colon's clause
    out = np.isnan(fit.estimate).all(axis=1)
    assert out.sum() == 3
    assert np.isnan(fit.standard_error[out]).all()
    assert np.isfinite(fit.standard_error[~out]).all()
    names = {tuple(row) for row in fit.terms[out].itertuples(index=False)}
    assert ("visit_centre", "2") in names
    assert {level for term, level in names if term in ("sex", "again")} == {"a level", "zz level"}
    single = estimator.fit(design.build(never.panel, never.histories, once))  # type: ignore[attr-defined]
    kept = np.isfinite(single.estimate).all(axis=1)
    np.testing.assert_allclose(fit.estimate[~out], single.estimate[kept], rtol=1e-6, atol=1e-8)


def test_independent_columns_by_hand() -> None:
    panel = pd.DataFrame({"person": range(4), "month": 1, "exit": "stay"})
    panel = panel.assign(a=[0.0, 1, 0, 1], b=[0.0, 0, 1, 1], c=[0.0, 2, 2, 4])  # c = 2 (a + b)
    terms = [AGE.replace("age", name) + NORMAL for name in "abc"]
    data = rows(design.build(panel, {}, model(*terms)))
    keep = independent_columns(data)
    assert keep[0]
    assert keep[1:].sum() == 2
    assert independent_columns(rows(design.build(panel, {}, model(*terms[:2])))).all()


def test_what_is_left_of_a_column_is_judged_by_all_of_it() -> None:
    """Rounding is all that is left of the second column: 1e-12 of its sum of squares."""
    gram = np.diag([1.0, 4e-12])
    assert independent(gram, np.array([1.0, 2.0])).tolist() == [True, False]
    assert independent(gram, np.array([1.0, 2e-6])).tolist() == [True, True]  # negative control
    assert not independent(gram * 1e-12, np.array([1.0, 2.0])).any()  # nothing is left of either


# --- what is returned ---------------------------------------------------------------------------
def test_table_by_hand() -> None:
    labels = pd.DataFrame({"term": ["intercept", "sex"], "level": ["intercept", "female"]})
    estimate = np.array([[-2.0, -1.0], [0.5, -np.inf]])
    error = np.array([[0.1, 0.2], [0.25, np.nan]])
    fit = BaselineFit("logit", "log-odds", ("a", "b"), labels, estimate, error, ())
    table = fit.table(level=0.9)
    assert table["exit"].tolist() == ["a", "a", "b", "b"]
    assert table["level"].tolist() == ["intercept", "female"] * 2
    assert table["estimate"].tolist() == [-2.0, 0.5, -1.0, -np.inf]
    z = 1.6448536269514722  # the 95th percentile of a standard normal
    np.testing.assert_allclose(table["lower"][:3], [-2 - 0.1 * z, 0.5 - 0.25 * z, -1 - 0.2 * z])
    np.testing.assert_allclose(table["upper"][:3], [-2 + 0.1 * z, 0.5 + 0.25 * z, -1 + 0.2 * z])
    assert table[["lower", "upper"]].iloc[3].isna().all()
    assert set(table["estimator"]) == {"logit"}
    assert set(table["unit"]) == {"log-odds"}
    longer = named(
        pd.DataFrame({"term": "centre", "level": list("ABCD")}), np.ones(4, bool), limit=2
    )
    assert longer == "centre A, centre B and 2 more"


def test_ratios_by_hand() -> None:
    labels = pd.DataFrame({"term": ["visit"] * 2, "level": ["0", "1"]})
    estimate = np.array([[np.log(3.0)], [-np.inf]])
    error = np.array([[np.log(2.0)], [np.nan]])
    fit = BaselineFit("logit", "log-odds", ("a",), labels, estimate, error, ())
    z = 0.8416212335729143  # the 80th percentile of a standard normal
    table = fit.ratios(level=0.6)
    np.testing.assert_allclose(table["estimate"], [3.0, 0.0])
    np.testing.assert_allclose(table["lower"][0], 3 * 2**-z)
    np.testing.assert_allclose(table["upper"][0], 3 * 2**z)
    assert table["standard_error"][0] == pytest.approx(3 * np.log(2.0))
    assert table[["standard_error", "lower", "upper"]].iloc[1].isna().all()
    assert set(table["unit"]) == {"relative risk ratio"}
    linear = BaselineFit("linear", "probability", ("a",), labels, estimate, error, ())
    with pytest.raises(EstimandError, match="must come from log-odds or log-hazards; got"):
        linear.ratios()
