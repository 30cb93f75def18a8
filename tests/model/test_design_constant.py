"""What does not vary is refused, and no baseline takes it for the base rate."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.baselines import linear_probability, multinomial_logit
from hazard.errors import DesignError, HistoryError
from hazard.fitting import panel_from_table, refuse_constant
from hazard.model import design
from raw_tables import model as own_model
from small_panels import AGE, BASELINE, NORMAL, SEX, VISIT, WALK, model, small_panel


@given(
    seed=st.integers(0, 2**32), value=st.sampled_from([0.0, 1.0]), lags=st.sets(st.integers(0, 2))
)
@settings(max_examples=20, deadline=None)
def test_lags_that_do_not_vary_are_refused(seed: int, value: float, lags: set[int]) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, VISIT + NORMAL)
    small = small_panel(spec, np.random.default_rng(seed))
    history = small.histories["visit_centre"].fillna(0.0).copy()
    history[:2] = [[0.0] * 3, [1.0] * 3]
    for lag in lags:
        history[:, lag] = value
    built = design.build(small.panel, {"visit_centre": history}, spec)
    if not lags:
        refuse_constant(built)
        return
    what = "something in every row" if value else "nothing in any row"
    told = ", ".join(map(str, sorted(lags)))
    sentence = rf"^term 'visit_centre' must vary .* got {what} of [\d,]+ at lag {told}\. "
    with pytest.raises(DesignError, match=sentence):
        refuse_constant(built)


@given(value=st.floats(-1e6, 1e6))
@settings(max_examples=20, deadline=None)
def test_covariates_that_do_not_vary_are_refused(value: float) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, AGE + NORMAL)
    small = small_panel(spec, np.random.default_rng(1))
    refuse_constant(design.build(small.panel, {}, spec))
    built = design.build(small.panel.assign(age=value), {}, spec)
    with pytest.raises(DesignError, match=r"^term 'age' must vary among the rows of the design; "):
        refuse_constant(built)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("rule", ["missing", "zero", "carry"])
@pytest.mark.parametrize("last", [0, 2])
def test_own_exposures_that_do_not_vary_are_refused(value: int, rule: str, last: int) -> None:
    person, month = np.repeat(np.arange(20), 5), np.tile(np.arange(1, 6), 20)
    panel = pd.DataFrame({"person": person, "month": month, "age": person % 7, "exit": "stay"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        panel.assign(work=value).to_csv(path, index=False)
        with pytest.raises(HistoryError, match=r"^exposure of term 'work_own' must vary among the"):
            panel_from_table(path, own_model(last, rule))


@given(seed=st.integers(0, 2**32), always=st.booleans())
@settings(max_examples=15, deadline=None)
def test_baselines_keep_the_intercept(seed: int, always: bool) -> None:
    """Of columns that add up to 1, or of one that is always 1, a term is left out."""
    rng = np.random.default_rng(seed)
    two = VISIT.replace("[0, 2]", "[0, 1]")
    spec = model(SEX + NORMAL, two + NORMAL, exits=1)
    small = small_panel(spec, rng, persons=60)
    happened = np.ones(len(small.panel)) if always else rng.integers(0, 2, len(small.panel))
    pair = np.column_stack([happened, 1 - happened]).astype(np.float32)
    history = xr.DataArray(pair, {"lag": [0, 1]}, ("row", "lag"))
    built = design.build(small.panel, {"visit_centre": history}, spec)
    span = built.span("visit_centre")
    for fit in (linear_probability.fit(built), multinomial_logit.fit(built)):
        assert not np.isnan(fit.estimate[0]).any()
        lost = np.isnan(fit.estimate[span]).all(axis=1)
        assert lost.sum() == (2 if always else 1)
        assert any("visit_centre" in text for text in fit.remarks)
