"""Probabilities of shapes as rows of a table: counted, labelled, with their errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hazard.output import tables
from hazard.output.shapes import POSTERIOR_SHAPE, PRIOR_SHAPE, shape_estimates
from hazard.output.summaries import Compared, detailed
from hazard.spec import ModelSpec
from small_panels import NORMAL, SEX, VISIT, model


@pytest.fixture
def spec() -> ModelSpec:
    other = VISIT.replace('"visit"', '"talk"').replace('"centre"', '"nationality"')
    plain = model(SEX + NORMAL, VISIT + NORMAL, other.replace("[0, 2]", "[1, 2]") + NORMAL, exits=2)
    early = {"kind": "peak", "lags": (1, 1)}
    up = {"kind": "positive", "lags": (1, 2)}
    shapes = [
        {"kind": "lag_shape", "name": "early", "term": "talk_nationality", "shape": [early]},
        {"kind": "lag_shape", "name": "up", "term": "visit_centre", "exit": "disappeared"}
        | {"shape": [up]},
    ]
    return plain.replace(estimand=shapes)


@pytest.fixture
def curves(rng: np.random.Generator) -> xr.DataArray:
    """Of the second term there is no lag 0."""
    labels = {"term": ["visit_centre", "talk_nationality"], "lag": [0, 1, 2]}
    labels |= {"exit": ["assisted", "disappeared"]}
    values = rng.normal(size=(2, 50, 2, 3, 2))
    values[:, :, 1, 0] = np.nan
    return xr.DataArray(values, labels, ("chain", "draw", *labels))


def test_shares_of_draws_by_hand(spec: ModelSpec, curves: xr.DataArray) -> None:
    found = shape_estimates(curves, spec, POSTERIOR_SHAPE)
    assert tuple(found.columns) == tables.COLUMNS
    assert found[["estimand", "term", "exposure", "exit"]].to_numpy().tolist() == [
        ["early", "talk_nationality", "talk", "assisted"],
        ["early", "talk_nationality", "talk", "disappeared"],
        ["up", "visit_centre", "visit", "disappeared"],
    ]
    talk, visit = curves.values[:, :, 1], curves.values[:, :, 0]
    counted = [
        *[(talk[:, :, 1, e] > talk[:, :, 2, e]).mean() for e in range(2)],
        ((visit[:, :, 1, 1] > 0) & (visit[:, :, 2, 1] > 0)).mean(),
    ]
    assert found["estimate"].tolist() == pytest.approx(counted, abs=1e-12)
    assert set(found["unit"]) == {"probability"}
    assert found[["lower", "upper", "sd", "lag"]].isna().all(axis=None)


def test_error_is_that_of_any_probability(spec: ModelSpec, curves: xr.DataArray) -> None:
    """Of one lag above 0 it is the probability of direction, with its error."""
    one = spec.replace(
        estimand=[
            {"kind": "lag_shape", "term": "visit_centre", "exit": "assisted"}
            | {"shape": [{"kind": "positive", "lags": (1, 1)}]}
        ]
    )
    up = curves + 2.0
    found = shape_estimates(up, one, POSTERIOR_SHAPE).iloc[0]
    same = detailed(up.sel(term=["visit_centre"], lag=[1], exit=["assisted"]), Compared(0.0)).iloc[
        0
    ]
    assert (found["estimate"], found["mcse"]) == (same["p_direction"], same["p_direction_mcse"])


def test_prior_rows_are_told_apart(spec: ModelSpec, curves: xr.DataArray) -> None:
    prior, posterior = (
        shape_estimates(curves, spec, quantity) for quantity in (PRIOR_SHAPE, POSTERIOR_SHAPE)
    )
    assert set(prior["quantity"]) == {PRIOR_SHAPE}
    assert prior["estimate"].tolist() == posterior["estimate"].tolist()
    shifted = shape_estimates(curves + curves["lag"], spec, PRIOR_SHAPE)  # negative control
    assert shifted["estimate"].tolist() != prior["estimate"].tolist()


def test_a_model_without_shapes_has_no_rows(spec: ModelSpec, curves: xr.DataArray) -> None:
    assert shape_estimates(curves, spec.replace(estimand=[]), POSTERIOR_SHAPE).empty
