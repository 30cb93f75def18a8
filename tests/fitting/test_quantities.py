"""Lag curves drawn from the prior: those of the whole model, of the terms that are asked about."""

from __future__ import annotations

import numpy as np
import pytest

from hazard import predictive
from hazard.estimands.incidence import lag_curves
from hazard.fitting.quantities import PRIOR, prior_curves, prior_estimates
from hazard.model import parameterisation
from hazard.model.design import Design
from hazard.spec import ModelSpec
from small_panels import GROUPS, NORMAL, SEX, VISIT, WALK, build, model, small_panel


@pytest.fixture
def spec() -> ModelSpec:
    talk = VISIT.replace('"visit"', '"talk"').replace("[0, 2]", "[-1, 2]")
    plain = model(SEX + NORMAL, *GROUPS, VISIT + WALK, talk + NORMAL, exits=2)
    asked = {
        "kind": "lag_shape",
        "term": "talk_centre",
        "shape": [{"kind": "peak", "lags": (2, 2)}],
    }
    return plain.replace(estimand=[asked])


@pytest.fixture
def built(spec: ModelSpec, rng: np.random.Generator) -> Design:
    return build(small_panel(spec, rng), spec)


def test_curves_are_of_the_terms_that_are_asked_about(spec: ModelSpec, built: Design) -> None:
    curves = prior_curves(built, spec, 3)["lag_coefficient"]
    assert curves.dims == ("chain", "draw", "term", "lag", "exit")
    assert curves["term"].values.tolist() == ["talk_centre"]
    assert curves["lag"].values.tolist() == [-1, 0, 1, 2]
    again = prior_curves(built, spec, 3)["lag_coefficient"]
    assert curves.equals(again)
    assert not curves.equals(prior_curves(built, spec, 4)["lag_coefficient"])


def test_curves_have_the_prior_of_the_whole_model(
    spec: ModelSpec, built: Design, rng: np.random.Generator
) -> None:
    """Standard deviations of 4,000 and of 500 draws: relative errors sqrt(1 / 2n) each."""
    shape = {"kind": "peak", "lags": (2, 2)}
    walks = spec.replace(estimand=[{"kind": "lag_shape", "term": "visit_centre", "shape": [shape]}])
    alone = prior_curves(built, walks, 5).to_dataset()["lag_coefficient"]
    whole = predictive.prior_draws(parameterisation.standard(built), 500, rng)
    together = lag_curves(whole, walks)["lag_coefficient"].sel(term="visit_centre", lag=[0, 1, 2])
    over = ["chain", "draw", "exit"]
    ratio = (alone.std(over) / together.std(over)).values.ravel()
    tolerance = 5 * np.sqrt(1 / (2 * 8_000) + 1 / (2 * 1_000))
    assert np.abs(ratio - 1).max() < tolerance
    shifted = alone.std(over).values.ravel()[[1, 2, 0]]  # negative control: a walk widens
    assert np.abs(shifted / together.std(over).values.ravel() - 1).max() > tolerance


def test_prior_probability_of_four_exchangeable_lags(spec: ModelSpec, built: Design) -> None:
    tree = prior_curves(built, spec, 6)
    rows = prior_estimates(tree.from_dict({PRIOR: tree.to_dataset()}), spec)
    assert rows["exit"].tolist() == ["assisted", "disappeared"]
    assert (abs(rows["estimate"] - 1 / 4) < 5 * rows["mcse"]).all()
    assert not (abs(rows["estimate"] - 1 / 3) < 5 * rows["mcse"]).any()  # negative control
