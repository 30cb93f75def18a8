"""Draws from the Laplace approximation: the moments that it claims, for every kind of block."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from small_models import Made, made

from hazard import approximation
from hazard.laplace import Laplace
from hazard.terms.block import FloatArray

N = 20_000


def drawn(around: Laplace, rng: np.random.Generator) -> xr.Dataset:
    found = approximation.draws(around, N, rng)
    assert found.sizes["chain"] == 1
    assert found.sizes["draw"] == N
    return found.isel(chain=0)


def stacked(it: Made, found: xr.Dataset) -> FloatArray:
    """Draws of all coefficients, shape (draw, coefficient and exit)."""
    parts = [found["intercept"].values[:, None]]
    parts += [found[approximation.variable(block)].values for block in it.design.blocks[1:]]
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
    standard, size = it.standard, around.mode.beta.size
    unit = np.eye(size).reshape(size, *around.mode.beta.shape)
    root = np.stack([standard.coefficients(column).ravel() for column in unit], axis=1)
    cholesky = around.mode.cholesky
    return standard.coefficients(around.mode.beta).ravel(), root @ np.linalg.solve(
        cholesky @ cholesky.T, root.T
    )


@pytest.mark.parametrize("name", ["mgus2", "hump", "correlated groups", "varying"])
def test_draws_have_mode_and_curvature(name: str, rng: np.random.Generator) -> None:
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


def test_same_generator_same_draws() -> None:
    it = made("monotone")
    one, two, other = (
        approximation.draws(it.around, 50, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    xr.testing.assert_identical(one, two)
    assert not one.equals(other)
