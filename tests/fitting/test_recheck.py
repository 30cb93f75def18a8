"""Written bands and probabilities of shapes are those of the draws, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hazard.errors import IntegrityError
from hazard.fitting import Fit
from hazard.fitting.quantities import PRIOR
from hazard.fitting.recheck import check_estimates
from hazard.output.shapes import POSTERIOR_SHAPE, PRIOR_SHAPE
from small_runs import small_analysis, small_run

REFUSED = r"^estimates\.csv must say what the draws say; 1 lag curves, sums, shapes, .* do not\."


@pytest.fixture(scope="module")
def fit() -> Fit:
    model = small_run().spec
    shape = [{"kind": "peak", "lags": (3, 6)}, {"kind": "negligible", "lags": (0, 0), "within": 3}]
    asked = {"kind": "lag_shape", "name": "late", "term": "forced_return_centre", "shape": shape}
    kept = [e for e in model.estimand if e.kind in ("lag_curve", "cumulative_incidence")]
    few = [term for term in model.term if term.kind == "lagged"]
    small = model.replace(estimand=[*kept, asked], term=few)
    return small_analysis(np.random.default_rng(7), small, n=100)


def edited(rows: pd.DataFrame, quantity: str, column: str, more: float) -> pd.DataFrame:
    """The first number of a quantity of the hazard model, with something added."""
    changed = rows.copy()
    own = rows["quantity"].eq(quantity) & rows["estimator"].eq("hazard model")
    first = rows.index[own][0]
    changed.loc[first, column] = float(rows.loc[first, column]) + more
    return changed


def test_what_the_draws_say_is_accepted(fit: Fit) -> None:
    check_estimates(fit.tree, fit.spec, fit.estimates)
    assert fit.estimates["quantity"].isin([POSTERIOR_SHAPE, PRIOR_SHAPE]).sum() == 6


@pytest.mark.parametrize(
    ("quantity", "column"),
    [
        ("lag_coefficient", "lower_simultaneous"),
        ("lag_coefficient", "upper_simultaneous"),
        ("lag_coefficient", "simultaneous_mcse"),
        (POSTERIOR_SHAPE, "estimate"),
        (POSTERIOR_SHAPE, "mcse"),
        (PRIOR_SHAPE, "estimate"),
        (PRIOR_SHAPE, "mcse"),
    ],
)
def test_an_edited_number_is_refused(fit: Fit, quantity: str, column: str) -> None:
    with pytest.raises(IntegrityError, match=REFUSED):
        check_estimates(fit.tree, fit.spec, edited(fit.estimates, quantity, column, 1e-6))
    check_estimates(  # negative control: rounding is no edit
        fit.tree, fit.spec, edited(fit.estimates, quantity, column, 1e-13)
    )


@pytest.mark.parametrize("quantity", [POSTERIOR_SHAPE, PRIOR_SHAPE])
def test_a_row_that_is_left_out_is_missed(fit: Fit, quantity: str) -> None:
    rows = fit.estimates
    first = rows.index[rows["quantity"].eq(quantity)][0]
    with pytest.raises(IntegrityError, match=REFUSED):
        check_estimates(fit.tree, fit.spec, rows.drop(index=first))


def test_a_prior_that_is_left_out_is_missed(fit: Fit) -> None:
    without = fit.tree.filter(lambda node: node.name != PRIOR)
    with pytest.raises(LookupError):  # which reading a folder takes for draws of another model
        check_estimates(without, fit.spec, fit.estimates)
