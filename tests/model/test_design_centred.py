"""Counts are centred: the prior of the intercept no longer moves them, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard import spec
from hazard.arrays import FloatArray
from hazard.baselines import linear_probability, multinomial_logit
from hazard.estimands import marginal_effects
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.model.equivalent import identified
from hazard.model.terms.block import Block
from small_events import of_kind, random_beta, with_counts
from small_panels import SmallPanel, dense

MODELS = ("counts", "counts with own curves", "indicators")


def made(kind: str, rng: np.random.Generator) -> tuple[SmallPanel, Design, Block]:
    """A panel, its design, and the block of the event."""
    wanted = of_kind(kind)
    small = with_counts(wanted, rng)
    built = design.build(small.panel, small.histories, wanted)
    return small, built, block_of(built)


def block_of(built: Design) -> Block:
    return next(block for block in built.blocks if block.kind == "lagged")


def raw(built: Design) -> Design:
    """The same design with counts as they are in the panel, 0 for no event."""
    blocks = [
        replace(block, basis=block.values(), centre=0.0)
        if block.centre and block.lags is not None
        else block
        for block in built.blocks
    ]
    return replace(built, blocks=tuple(blocks))


def as_raw(built: Design, beta: FloatArray) -> FloatArray:
    """Coefficients of :func:`raw` that say the same: the level moves into the intercept."""
    block = block_of(built)
    moved = beta.copy()
    moved[0] -= block.centre * beta[built.span(block.name)].sum(axis=0)
    return moved


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(MODELS))
@settings(max_examples=8, deadline=None)
def test_only_the_intercept_moves(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    small, built, block = made(kind, rng)
    values = small.histories[block.name].values
    assert block.centre == (0.0 if kind == "indicators" else pytest.approx(values.mean()))
    beta = random_beta(built, rng)
    one = beta.values[0, 0]
    same = as_raw(built, one)
    np.testing.assert_allclose(dense(built) @ one, dense(raw(built)) @ same, atol=1e-10)
    found, other = (
        marginal_effects.changes(each, own, of_kind(kind).lagged)["average_marginal_effect"]
        for each, own in ((beta, built), (beta.copy(data=same[None, None]), raw(built)))
    )
    np.testing.assert_allclose(found, other, atol=1e-12)
    later = {block.name: small.histories[block.name] + 3.0}
    again = design.apply(built, small.panel, later, of_kind(kind))
    assert block_of(again).centre == block.centre  # a frozen design keeps its constant


def test_baselines_are_those_of_the_panel(rng: np.random.Generator) -> None:
    _, built, _ = made("counts", rng)
    assert all(not b.centre for b in identified(built).blocks if b.lags is not None)
    for fit in (linear_probability.fit, multinomial_logit.fit):
        np.testing.assert_allclose(
            np.nan_to_num(fit(built).estimate, neginf=-9),
            np.nan_to_num(fit(raw(built)).estimate, neginf=-9),
            atol=1e-8,
        )


# One own dose around 40, whose log-odds ratio is -0.0117: without a centre the intercept is that of
# somebody without any dose, 40 doses away from all rows, and its prior pulls the slope to 0.
DOSE = """name = "example"
question = "what comes with a dose?"
[outcome]
exits = ["left"]
intercept = { mean = -3.0, scale = 0.1, reason = "the average month is well known beforehand" }
[[term]]
kind = "lagged"
exposure = "dose"
network = "own"
measure = "count"
lags = [0, 0]
history_before_start = "missing"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""
SLOPE = -0.0117


def test_prior_of_the_intercept_leaves_a_count_alone(rng: np.random.Generator) -> None:
    n = 60_000
    dose = rng.integers(20, 61, n).astype(float)
    left = rng.random(n) < 1 / (1 + np.exp(3.0 - SLOPE * (dose - 40.0)))
    panel = pd.DataFrame({"person": np.arange(n), "month": 1, "dose": dose})
    panel["exit"] = np.where(left, "left", "stay")
    history = {"dose_own_count": xr.DataArray(dose[:, None], {"lag": [0]}, ("row", "lag"))}
    built = design.build(panel, history, spec.load(DOSE))
    slope = built.span("dose_own_count").start
    free = multinomial_logit.fit(built)
    error = float(free.standard_error[slope, 0])
    modes = [
        float(laplace_draws.fit(parameterisation.standard(each)).mode.beta[slope, 0])
        for each in (built, raw(built))
    ]
    assert abs(modes[0] - free.estimate[slope, 0]) < error / 10
    assert abs(free.estimate[slope, 0] - SLOPE) < 5 * error
    assert abs(modes[1] - free.estimate[slope, 0]) > error  # negative control: not centred
