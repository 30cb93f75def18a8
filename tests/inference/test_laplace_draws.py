"""Draws from the Laplace approximation: the moments that it claims, for every kind of block."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import xarray as xr

from hazard.arrays import FloatArray
from hazard.inference import laplace, laplace_draws
from hazard.inference.laplace import Laplace
from hazard.model import design, parameterisation
from hazard.spec import ModelSpec
from small_models import Made, made

N = 20_000


def drawn(around: Laplace, rng: np.random.Generator) -> xr.Dataset:
    found = laplace_draws.draws(around, N, rng)
    assert found.sizes["chain"] == 1
    assert found.sizes["draw"] == N
    return found.isel(chain=0)


def stacked(it: Made, found: xr.Dataset) -> FloatArray:
    """Draws of all coefficients, shape (draw, coefficient and exit)."""
    parts = [found["intercept"].values[:, None]]
    parts += [found[block.variable].values for block in it.design.blocks[1:]]
    return np.concatenate(parts, axis=1).reshape(N, -1)


def far(draws: FloatArray, mean: FloatArray, covariance: FloatArray) -> tuple[float, float]:
    """Distances of means and covariances of normal draws, in Monte Carlo standard errors."""
    sd = np.sqrt(np.diag(covariance))
    apart = np.abs(draws.mean(axis=0) - mean) / sd * math.sqrt(N)
    found = np.cov(draws, rowvar=False)
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / N)
    return float(apart.max()), float((np.abs(found - covariance) / error).max())


def claimed(it: Made, around: Laplace) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the coefficients, with the learned covariances held."""
    shift = laplace_draws.mean_shift(around, laplace_draws.normal_map(around))
    standard, size = it.standard, around.mode.beta.size
    unit = np.eye(size).reshape(size, *around.mode.beta.shape)
    root = np.stack([standard.coefficients(column).ravel() for column in unit], axis=1)
    cholesky = around.mode.cholesky
    return standard.coefficients(around.mode.beta + shift).ravel(), root @ np.linalg.solve(
        cholesky @ cholesky.T, root.T
    )


@pytest.mark.parametrize("name", ["mgus2", "hump", "correlated groups", "varying"])
def test_draws_have_mean_and_curvature(name: str, rng: np.random.Generator) -> None:
    """Where learned covariances have no spread, nothing else moves the coefficients."""
    it = made(name)
    held = replace(it.around, spread=tuple(1e-16 * own for own in it.around.spread))
    draws = stacked(it, drawn(held, rng))
    mean, covariance = claimed(it, held)
    assert max(far(draws, mean, covariance)) < 6  # the largest of some thousand distances
    assert far(draws, mean, 1.1 * covariance)[1] > 6  # negative controls
    assert far(draws, mean + 0.1 * np.sqrt(np.diag(covariance)), covariance)[0] > 6


@pytest.mark.parametrize("name", ["correlated groups", "oslo2016"])
def test_draws_of_learned_covariances(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    found = drawn(it.around, rng)
    for group, theta, spread in zip(
        it.standard.learned, it.around.theta, it.around.spread, strict=True
    ):
        draws = np.log(found[f"sigma_{group.name}"].values)
        if group.concentration is not None:
            r = found[f"correlation_{group.name}"].values
            np.testing.assert_allclose(np.einsum("saa->sa", r), 1.0, rtol=1e-12)
            draws = np.hstack([draws, partial_of(r)])
        assert draws.shape == (N, len(theta))
        assert max(far(draws, theta, spread)) < 5
        assert far(draws, theta, 1.2 * spread)[1] > 5  # negative control


def partial_of(r: FloatArray) -> FloatArray:
    """Inverse hyperbolic tangents of the partial correlations of three exits."""
    p01, p02 = r[:, 0, 1], r[:, 0, 2]
    p12 = (r[:, 1, 2] - p01 * p02) / np.sqrt((1 - p01**2) * (1 - p02**2))
    return np.arctanh(np.stack([p01, p02, p12], axis=1))


def test_effects_widen_with_the_uncertainty_of_their_covariance(rng: np.random.Generator) -> None:
    it = made("correlated groups")
    held = replace(it.around, spread=tuple(1e-16 * own for own in it.around.spread))
    wide, narrow = (drawn(around, rng)["u_centre"].var("draw") for around in (it.around, held))
    assert float(wide.mean()) > 1.02 * float(narrow.mean())


def test_spread_of_rare_exits_recovery(rng: np.random.Generator) -> None:
    """Two hundred exits in 6,000 months of 150 centres, whose log-odds have a spread of 2.

    Distances from the truth are in posterior standard deviations; the mean of six has the standard
    error 0.41. The spread seen from the mode is far too small; what is seen from the mean is not
    the posterior either, but takes most of that away.
    """
    found = np.array([_distances(rng) for _ in range(6)]).mean(axis=0)
    assert found[0] < -4 * 0.41  # the mode, a negative control
    assert abs(found[1]) < 0.5 * abs(found[0])


def _distances(rng: np.random.Generator) -> list[float]:
    """Of the logarithm of the spread, from the mode and from the mean."""
    centre = np.repeat(np.arange(150), 40)
    share = 1 / (1 + np.exp(5 - rng.normal(0, 2, 150)[centre]))
    left = rng.random(len(centre)) < share
    panel = pd.DataFrame(
        {"person": np.arange(len(centre)), "month": 1, "centre": centre.astype(str)}
    )
    panel["exit"] = np.where(left, "a", "stay")
    prior = {"family": "pooled", "scale": 2.0, "reason": "an example only"}
    outcome = {"exits": ["a"], "intercept": {"mean": -4, "scale": 2.5, "reason": "an example"}}
    term = [{"kind": "group", "by": "centre", "prior": prior}]
    spec = ModelSpec.model_validate(
        {"name": "rare", "question": "how rare is it?", "outcome": outcome, "term": term}
    )
    it = parameterisation.standard(design.build(panel, {}, spec))
    fits = [laplace.fit(it), laplace_draws.fit(it)]
    return [float((f.theta[0][0] - math.log(2)) / f.spread[0][0, 0] ** 0.5) for f in fits]


@pytest.mark.parametrize("n_exits", [1, 2])
def test_rare_exits_equal_quadrature(n_exits: int) -> None:
    """One exit of each kind in 60 months: the posterior leans far to the left of its mode.

    The mean of the log-odds and of the monthly probability, by a grid over the log-odds.
    """
    it = rare(n_exits)
    found = laplace_draws.draws(it, 40_000, np.random.default_rng(5))["intercept"]
    grid = np.linspace(-14, 2, 401)
    eta = np.stack(np.meshgrid(*[grid] * n_exits, indexing="ij"), axis=-1)
    total = np.log1p(np.exp(eta).sum(axis=-1))
    log = eta.sum(axis=-1) - 60 * total - 0.5 * ((eta + 4) ** 2).sum(axis=-1) / 2.5**2
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    exact = float((weight * eta[..., 0]).sum())
    share = float((weight * np.exp(eta[..., 0] - total)).sum())
    draws = found.values[0]
    told = np.exp(draws) / (1 + np.exp(draws).sum(axis=-1, keepdims=True))
    mode = float(it.mode.beta[0, 0])
    # the nearest normal is not the posterior: most of the distance goes, and nearly all of that of
    # the probability, whose mean is what the slope is made of
    assert abs(draws[:, 0].mean() - exact) < 0.5 * abs(mode - exact)
    at_mode = np.exp(draws - draws.mean(axis=0) + it.mode.beta[0])
    before = (at_mode / (1 + at_mode.sum(axis=-1, keepdims=True)))[:, 0].mean()
    assert abs(told[:, 0].mean() - share) < 0.5 * abs(before - share)  # and a negative control
    assert before > 1.2 * share


def test_shift_equals_the_root_by_quadrature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three exits in 200 months: the mean at which the expected slope is zero, by Gauss-Hermite.

    The root moves with the error of the expected slope over its derivative. In a four of opposite
    draws what is odd cancels, twice: 1,000 fours are so many independent values of the even part.
    """
    monkeypatch.setattr(laplace_draws, "_QUADRUPLES", 1000)
    monkeypatch.setattr(laplace_draws, "_STEPS", 12)
    panel = pd.DataFrame({"person": range(200), "month": 1, "exit": ["a"] * 3 + ["stay"] * 197})
    at = laplace.fit(parameterisation.standard(design.build(panel, {}, rare_spec(["a"]))))
    mode, sd = float(at.mode.beta[0, 0]), 1 / float(at.mode.cholesky[0, 0])
    nodes, weight = np.polynomial.hermite_e.hermegauss(60)
    weight = weight / weight.sum()

    def share(z: FloatArray) -> FloatArray:
        return 1 / (1 + np.exp(-z))

    def slope(mean: float) -> float:
        return float(3 - 200 * weight @ share(mean + sd * nodes) - (mean + 4) / 2.5**2)

    root = float(scipy.optimize.brentq(slope, mode - 3, mode + 1))
    even = 100 * (share(root + sd * nodes) + share(root - sd * nodes))
    error = math.sqrt(weight @ even**2 - (weight @ even) ** 2) / math.sqrt(1000)
    bend = -(slope(root + 1e-4) - slope(root - 1e-4)) / 2e-4
    found = mode + float(laplace_draws.mean_shift(at, laplace_draws.normal_map(at))[0, 0])
    assert abs(found - root) < 4 * error / bend
    assert abs(mode - root) > 4 * error / bend  # negative control: no shift at all


def rare(n_exits: int) -> Laplace:
    exits = ["a", "b"][:n_exits]
    panel = pd.DataFrame(
        {"person": range(60), "month": 1, "exit": [*exits, *["stay"] * (60 - n_exits)]}
    )
    return laplace.fit(parameterisation.standard(design.build(panel, {}, rare_spec(exits))))


def rare_spec(exits: list[str]) -> ModelSpec:
    outcome = {"exits": exits, "intercept": {"mean": -4, "scale": 2.5, "reason": "an example"}}
    return ModelSpec.model_validate(
        {"name": "rare", "question": "how rare is it?", "outcome": outcome}
    )


def test_same_generator_same_draws() -> None:
    it = made("monotone")
    one, two, other = (
        laplace_draws.draws(it.around, 50, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    xr.testing.assert_identical(one, two)
    assert not one.equals(other)
