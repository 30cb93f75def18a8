"""The linear probability model and the multinomial logit against other programs and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    dense,
    model,
    small_panel,
)

from hazard import design, pipeline
from hazard import spec as specs
from hazard.baselines import linear_probability, multinomial_logit
from hazard.baselines.fit import BaselineFit, independent_columns, named
from hazard.design import Design
from hazard.likelihood import rows, value_and_gradient
from hazard.spec import LaggedTerm, ModelSpec

REGRESSION = (BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, VISIT + WALK)
GROUPS = (CENTRE + POOLED, NATIONALITY + POOLED)


def build(small: SmallPanel, spec: ModelSpec) -> Design:
    return design.build(small.panel, small.histories, spec)


def cell(fit: BaselineFit, term: str, level: object, exit_: str) -> tuple[float, float]:
    """Estimate and standard error of one coefficient."""
    table = fit.table()
    at = (table["term"] == term) & (table["level"] == str(level)) & (table["exit"] == exit_)
    [found] = table.loc[at, ["estimate", "standard_error"]].to_numpy()
    return float(found[0]), float(found[1])


# --- linear probability -------------------------------------------------------------------------
def test_linear_probability_reference_statsmodels(rng: np.random.Generator) -> None:
    spec = model(*REGRESSION, *GROUPS)
    made = build(small_panel(spec, rng, persons=300), spec)
    fit = linear_probability.fit(made)
    x = dense(design.identified(made))
    assert fit.estimate.shape == (x.shape[1], 3)
    assert fit.remarks == ()
    for j in range(3):
        other = sm.OLS((made.outcome == j + 1).astype(float), x).fit(cov_type="HC1")
        np.testing.assert_allclose(fit.estimate[:, j], other.params, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(fit.standard_error[:, j], other.bse, rtol=1e-10)
        usual = sm.OLS((made.outcome == j + 1).astype(float), x).fit()  # negative control
        assert np.abs(fit.standard_error[:, j] / usual.bse - 1).max() > 1e-3


def test_linear_probability_reference_pyfixest(rng: np.random.Generator) -> None:
    pyfixest = pytest.importorskip("pyfixest")
    spec = model(SEX + NORMAL, AGE + NORMAL, VISIT + WALK, *GROUPS)
    small = small_panel(spec, rng, persons=300)
    made = build(small, spec)
    fit = linear_probability.fit(made)
    frame = small.panel.iloc[made.row][["age", "centre", "nationality"]].astype({"age": float})
    frame["female"] = 0.0
    names = ["a level", "zz level"]
    for k, level in enumerate(names):
        frame[f"sex{k}"] = (small.panel["sex"].iloc[made.row] == level).astype(float)
    for lag in range(3):
        frame[f"lag{lag}"] = small.histories["visit_centre"].values[made.row, lag].astype(float)
    x = ["sex0", "sex1", "age", "lag0", "lag1", "lag2"]
    ours = [("sex", "a level"), ("sex", "zz level"), ("age", "age")]
    ours += [("visit_centre", lag) for lag in range(3)]
    for j, exit_ in enumerate(made.exits):
        frame["y"] = (made.outcome == j + 1).astype(float)
        formula = f"y ~ {' + '.join(x)} | centre + nationality"
        other = pyfixest.feols(
            formula, frame.astype({"centre": str, "nationality": str}), vcov="HC1",
            ssc=pyfixest.ssc(k_adj=True, k_fixef="full"),
        )
        found = np.array([cell(fit, term, level, exit_) for term, level in ours])
        np.testing.assert_allclose(found[:, 0], other.coef()[x], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(found[:, 1], other.se()[x], rtol=1e-8)
