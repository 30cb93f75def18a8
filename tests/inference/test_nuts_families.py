"""Compiled and sampled: a learned covariance against quadrature, and every kind of prior."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special, stats

from hazard.arrays import FloatArray
from hazard.inference import laplace, nuts
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.model.pymc_model import build_model
from small_models import prior
from small_panels import (
    BASELINE,
    CENTRE,
    CORRELATED,
    LEARNED_WALK,
    POOLED,
    VISIT,
    model,
    small_panel,
)

pytestmark = pytest.mark.slow


def posterior(made: Design, settings: nuts.SamplerSettings) -> xr.Dataset:
    around = laplace.fit(parameterisation.standard(made))
    graph = build_model(around.coordinates, around.anchors)
    compiled = nuts.compile_model(graph, around)
    return nuts.sample(compiled, settings)["posterior"].to_dataset()


# --- a learned sd -------------------------------------------------------------------------------
# Seven centres with one month each: families there, and how many of them leave.
THERE = np.array([30, 30, 30, 30, 8, 2, 1])
LEFT = np.array([3, 9, 16, 5, 0, 1, 0])
GROUPED = model(CENTRE + POOLED, exits=1)


def centres() -> Design:
    centre = np.repeat(np.arange(len(THERE)), THERE)
    left = np.concatenate([np.arange(n) < k for n, k in zip(THERE, LEFT, strict=True)])
    exits = pd.Categorical.from_codes(left.astype(int), ["stay", *GROUPED.outcome.exits])
    panel = pd.DataFrame({"person": np.arange(len(centre)), "month": 1, "exit": exits})
    panel["centre"] = pd.Categorical(centre.astype(str))
    return design.build(panel, {}, GROUPED)


def moments(scale: float, points: int) -> FloatArray:
    """Posterior means and sds of intercept, log sd and effects, by rules on a grid."""
    own = GROUPED.outcome.intercept
    a = np.linspace(-6, 3, points)[:, None, None, None]
    log_sigma = np.linspace(-7, 3, points)[:, None, None]
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    u = np.exp(log_sigma) * z
    eta = a + u
    each = LEFT[:, None] * special.log_expit(eta) + (THERE - LEFT)[:, None] * special.log_expit(
        -eta
    )
    part = np.exp(each) * weight  # (intercept, log sd, centre, node)
    whole = part.sum(axis=-1)
    height = np.log(whole).sum(axis=-1) + stats.norm(own.mean, own.scale).logpdf(a[..., 0, 0])
    ls = log_sigma[..., 0]
    height = height + (stats.halfnorm(scale=scale).logpdf(np.exp(ls)) + ls)[:, 0]
    mass = np.exp(height - height.max())
    mass /= mass.sum()
    one, two = ((part * u**k).sum(axis=-1) / whole for k in (1, 2))
    first = [(mass * a[..., 0, 0]).sum(), (mass * ls[:, 0]).sum()]
    second = [(mass * a[..., 0, 0] ** 2).sum(), (mass * ls[:, 0] ** 2).sum()]
    mean = np.r_[first, np.einsum("as,asl->l", mass, one)]
    square = np.r_[second, np.einsum("as,asl->l", mass, two)]
    return np.array([mean, np.sqrt(square - mean**2)])


def test_learned_sd_against_quadrature(rng: np.random.Generator) -> None:
    settings = nuts.SamplerSettings(draws=1500, tune=500, cores=1, seed=int(rng.integers(2**31)))
    drawn = posterior(centres(), settings)
    parts = [drawn["intercept"], np.log(drawn["sigma_centre"]), drawn["u_centre"]]
    values = np.concatenate([part.values.reshape(4, 1500, -1) for part in parts], axis=-1)
    found = np.array([values.mean(axis=(0, 1)), values.std(axis=(0, 1))])
    error = np.array(
        [
            [az.mcse(values[..., k], method=method) for k in range(values.shape[-1])]
            for method in ("mean", "sd")
        ]
    )

    def far(scale: float) -> float:
        expected, rough = moments(scale, 161), moments(scale, 101)
        return float((np.abs(found - expected) / np.hypot(error, expected - rough)).max())

    assert far(1.0) < 5
    assert far(0.5) > 5  # negative control: half the prior scale


# --- every kind of prior ------------------------------------------------------------------------
def test_every_kind_of_prior_compiles_and_samples(rng: np.random.Generator) -> None:
    def after(event: str, text: str) -> str:
        return VISIT.replace('"visit"', f'"{event}"').replace("[0, 2]", "[0, 3]") + text

    spec = model(
        BASELINE + LEARNED_WALK,
        after("falls", prior("monotone")),
        after("seldom", prior("horseshoe", ", slab = 2.0")),
        after("straight", prior("polynomial", ", degree = 1")),
        CENTRE + CORRELATED,
        exits=2,
    )
    small = small_panel(spec, rng)
    made = design.build(small.panel, small.histories, spec)
    drawn = posterior(made, nuts.SamplerSettings(draws=100, tune=100, chains=2, cores=1, seed=1))
    assert all(np.isfinite(values).all() for values in drawn.data_vars.values())
    falls = np.abs(drawn["beta_falls_centre"].values)
    assert (np.diff(falls, axis=2) <= 0).all()
    assert (np.diff(np.abs(drawn["beta_seldom_centre"].values), axis=2) > 0).any()
    straight = drawn["beta_straight_centre"].values
    np.testing.assert_allclose(np.diff(straight, n=2, axis=2), 0, atol=1e-12)
    r = drawn["correlation_centre"].values
    np.testing.assert_allclose(r[..., [0, 1], [0, 1]], 1.0, rtol=1e-12)
    np.testing.assert_array_equal(r[..., 0, 1], r[..., 1, 0])
    assert np.abs(r[..., 0, 1]).max() < 1
    assert r[..., 0, 1].std() > 0
