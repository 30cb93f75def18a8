"""Sampled graphs: the same posterior in whitened coordinates, and draws against quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytest
import xarray as xr
from scipy import optimize, special

from hazard.arrays import FloatArray
from hazard.inference import laplace, nuts
from hazard.model import design, jax_likelihood, parameterisation
from hazard.model.design import Design
from hazard.model.pymc_model import build_model
from small_models import PYTHON, Made, Point, densities, made
from small_panels import BASELINE, NORMAL, model

STEP = 1e-4


# --- the same model in other coordinates --------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Whitened:
    """A model with the anchors of its own approximation, and its twin in other coordinates."""

    made: Made
    model: Any
    twin: Any
    location: FloatArray
    factor: FloatArray

    @property
    def size(self) -> int:
        """Number of free variables."""
        return len(self.location)

    def natural(self, names: list[str]) -> Callable[[FloatArray], list[FloatArray]]:
        """Variables of the model as a function of the whitened ones."""
        return pytensor.function(  # type: ignore[no-any-return]
            [self.twin["whitened"]], [self.twin[name] for name in names], mode=PYTHON
        )


@cache
def whitened(name: str) -> Whitened:
    it = made(name)
    graph = build_model(it.standard, it.around.anchors)
    location, factor = nuts.affine_map(graph, it.around)
    return Whitened(it, graph, nuts.whitened(graph, location, factor), location, factor)


def unpacked(graph: Any, x: FloatArray) -> Point:
    point, at = {}, 0
    for name, value in graph.initial_point().items():
        point[name] = x[at : at + value.size].reshape(value.shape)
        at += value.size
    return point


def natural(name: str, point: Point) -> FloatArray:
    """A free variable on its own scale."""
    if f"{name}_log__" in point:
        return np.exp(point[f"{name}_log__"])
    if f"{name}_logodds__" in point:
        return special.expit(point[f"{name}_logodds__"])
    return point[name]


@pytest.mark.parametrize("name", ["oslo2016", "mgus2", "horseshoe", "monotone", "varying"])
def test_whitened_model_identity(name: str, rng: np.random.Generator) -> None:
    it = whitened(name)
    graph, twin = it.model, it.twin
    w = rng.normal(size=it.size)
    there = unpacked(graph, it.location + it.factor @ w)
    density, _ = densities(graph)
    moved, _ = densities(twin)
    assert moved({"whitened": w}) == pytest.approx(density(there), rel=1e-10)
    assert moved({"whitened": -w}) != pytest.approx(density(there), rel=1e-6)
    assert [v.name for v in twin.free_RVs] == ["whitened"]

    names = [v.name for v in [*graph.free_RVs, *graph.deterministics]]
    assert sorted(v.name for v in twin.deterministics) == sorted(names)
    found = dict(zip(names, it.natural(names)(w), strict=True))
    for variable in graph.free_RVs:
        expected = natural(variable.name, there)
        np.testing.assert_allclose(found[variable.name], expected, rtol=1e-12)
    given = {v: found[v.name] for v in graph.free_RVs}
    derived = pytensor.function(
        list(given), graph.deterministics, mode=PYTHON, on_unused_input="ignore"
    )
    for variable, expected in zip(graph.deterministics, derived(*given.values()), strict=True):
        np.testing.assert_allclose(found[variable.name], expected, rtol=1e-10, atol=1e-14)
    for each in names:
        assert twin.named_vars_to_dims[each] == graph.named_vars_to_dims[each]


@pytest.mark.parametrize(
    "name", ["mgus2", "polynomial", "oslo2016", "correlated groups", "varying"]
)
def test_whitened_density_is_standard_normal_at_the_mode(
    name: str, rng: np.random.Generator
) -> None:
    """In the coordinates, the learned covariances held; those move with the columns after."""
    it = whitened(name)
    _, slope = densities(it.twin)
    n = it.made.around.mode.beta.size
    learned = sum(len(theta) for theta in it.made.around.theta)
    assert it.size == n + learned
    # the mode is found to half a squared standard deviation of 1e-10
    assert np.abs(slope({"whitened": np.zeros(it.size)})[:n]).max() < np.sqrt(2e-10)
    for _ in range(3):
        direction = np.r_[rng.normal(size=n), np.zeros(learned)]
        ends = [slope({"whitened": sign * STEP * direction}) for sign in (1, -1)]
        bend = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(bend[:n], -direction[:n], atol=1e-6)
    crossed = direction[::-1]  # negative control
    assert np.abs(bend[:n] + crossed[-n:]).max() > 1e-3


@pytest.mark.parametrize("name", ["oslo2016", "hierarchical random walk", "varying"])
def test_whitened_effects_move_with_their_covariance(name: str) -> None:
    """At the mode, coefficients move with w as the Laplace approximation says."""
    it = whitened(name)
    around, standard = it.made.around, it.made.standard
    blocks = it.made.design.blocks[1:]
    names = ["intercept", *(f"{'u' if b.kind == 'group' else 'beta'}_{b.name}" for b in blocks)]
    effects = it.natural(names)
    column = around.mode.beta.size
    for g, spread in enumerate(around.spread):
        root = np.linalg.cholesky(spread)
        shifts = np.stack([around.shift(g, k) for k in range(len(root))], axis=-1)
        for own in root.T:
            step = np.zeros(it.size)
            step[column] = STEP
            ends = [np.vstack(effects(sign * step)) for sign in (1, -1)]
            expected = standard.coefficients(shifts @ own)
            np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), expected, atol=1e-6)
            assert np.abs(expected).max() > 1e-3  # negative control: some do move
            column += 1
    assert column == it.size


@pytest.mark.parametrize("name", ["oslo2016", "correlated groups"])
def test_whitened_covariance_moves_as_its_approximation(name: str) -> None:
    """Log sds and log-odds of the correlations are linear in w, with the approximate spread."""
    it = whitened(name)
    around = it.made.around
    point = unpacked(it.model, it.location)
    rows = unpacked(it.model, np.arange(it.size, dtype=float))
    for group, theta, spread in zip(
        it.made.standard.learned, around.theta, around.spread, strict=True
    ):
        keys = [f"sigma_{group.name}_log__", f"partial_{group.name}_logodds__"]
        keys = [key for key in keys if key in point]
        scale = np.concatenate(
            [np.full(point[key].size, 2.0 if "partial" in key else 1.0) for key in keys]
        )
        found = np.concatenate([point[key] for key in keys])
        np.testing.assert_allclose(found, scale * theta, rtol=1e-12)
        part = it.factor[np.concatenate([rows[key] for key in keys]).astype(int)]
        expected = scale[:, None] * spread * scale
        np.testing.assert_allclose(part @ part.T, expected, rtol=1e-9, atol=1e-14)


# --- draws against quadrature -------------------------------------------------------------------
# month 1: 60 persons, 14 leave through the first exit, 6 through the second; month 2 and later: 40
# person-months, 4 and 12. Two free hazards per exit: the model is saturated.
COUNTS = np.array([[40, 14, 6], [24, 4, 12]])
SATURATED = model(
    BASELINE.replace("1, 2, 5", "1, 2") + NORMAL.replace("1.0", "0.5"), exits=2, link="cloglog"
)
PRIOR_SDS = np.array([SATURATED.outcome.intercept.scale] * 2 + [0.5] * 2)


def counted(counts: FloatArray) -> pd.DataFrame:
    """Panel with the given numbers of (month, outcome); each row is a person of its own."""
    month, code = (np.repeat(at, counts.ravel()) for at in np.indices(counts.shape).reshape(2, -1))
    exits = pd.Categorical.from_codes(code, ["stay", *SATURATED.outcome.exits])
    return pd.DataFrame({"person": np.arange(len(month)), "month": month + 1, "exit": exits})


def log_hazards(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the hazard (..., month, exit) and of staying (..., month).

    ``theta`` (..., 4) holds both intercepts, then both changes.
    """
    eta = np.stack([theta[..., :2], theta[..., :2] + theta[..., 2:]], axis=-2)
    total = np.exp(eta).sum(axis=-1)
    return eta + np.log(-np.expm1(-total) / total)[..., None], -total


def log_posterior(theta: FloatArray, sds: FloatArray) -> FloatArray:
    leave, stay = log_hazards(theta)
    seen = (COUNTS[:, 1:] * leave).sum(axis=(-1, -2)) + (COUNTS[:, 0] * stay).sum(axis=-1)
    mean = np.array([SATURATED.outcome.intercept.mean] * 2 + [0.0] * 2)
    return seen - 0.5 * (((theta - mean) / sds) ** 2).sum(axis=-1)


def moments(sds: FloatArray, points: int) -> tuple[FloatArray, FloatArray]:
    """Posterior mean and sd of each hazard, by the trapezoid rule around the mode."""

    def density(at: FloatArray) -> float:
        return float(log_posterior(at, sds))

    def slope(at: FloatArray) -> FloatArray:
        return optimize.approx_fprime(at, density, 1e-5)

    peak = optimize.minimize(lambda at: -density(at), np.full(4, -1.0)).x
    bend = optimize.approx_fprime(peak, slope, 1e-3)
    root = np.linalg.cholesky(np.linalg.inv(-(bend + bend.T) / 2))  # only places the grid
    axis = np.linspace(-7, 7, points)
    grid = np.stack(np.meshgrid(*[axis] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    theta = peak + grid @ root.T
    height = log_posterior(theta, sds)
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    h = np.exp(log_hazards(theta)[0]).reshape(-1, 4)
    mean = weight @ h
    return mean, np.sqrt(weight @ (h - mean) ** 2)


@pytest.fixture(scope="module")
def drawn() -> tuple[Any, Design]:
    built = design.build(counted(COUNTS), {}, SATURATED)
    around = laplace.fit(parameterisation.standard(built))
    return nuts.compile_model(build_model(around.coordinates), around), built


def test_draws_equal_quadrature(drawn: tuple[Any, Design], rng: np.random.Generator) -> None:
    compiled, _ = drawn
    settings = nuts.SamplerSettings(draws=1000, tune=300, cores=1, seed=int(rng.integers(2**31)))
    posterior = nuts.sample(compiled, settings)["posterior"]
    a, b = posterior["intercept"].values, posterior["beta_month"].values[..., 0, :]
    h = np.exp(log_hazards(np.concatenate([a, b], axis=-1))[0]).reshape(4, 1000, 4)

    def far(sds: FloatArray) -> tuple[float, float]:
        mean, sd = moments(sds, 21)
        rough_mean, rough_sd = moments(sds, 15)
        worst = []
        for found, expected, rough, kind in (
            (h.mean(axis=(0, 1)), mean, rough_mean, "mean"),
            (h.std(axis=(0, 1)), sd, rough_sd, "sd"),
        ):
            mcse = np.array([az.mcse(h[..., k], method=kind) for k in range(4)])
            error = np.hypot(mcse, expected - rough)
            worst.append(float((np.abs(found - expected) / error).max()))
        return worst[0], worst[1]

    assert max(far(PRIOR_SDS)) < 5
    assert max(far(PRIOR_SDS / [1, 1, 2, 2])) > 5  # negative control: half the prior scale


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX; nothing is forked after it
def test_numpyro_draws_the_same_posterior(drawn: tuple[Any, Design]) -> None:
    """Another sampler, with a likelihood and a gradient of its own."""
    assert jax_likelihood.__doc__  # its import is what lets numpyro run
    compiled, built = drawn
    settings = nuts.SamplerSettings(draws=1000, tune=300, chains=2, cores=1, seed=3)
    ours = nuts.sample(compiled, settings)["posterior"]
    with build_model(parameterisation.standard(built)):
        theirs = pm.sample(
            draws=1000,
            tune=300,
            chains=2,
            random_seed=3,
            progressbar=False,
            nuts_sampler="numpyro",
            nuts={"chain_method": "vectorized"},
        )["posterior"]
    for name in ("intercept", "beta_month"):
        assert apart(ours[name], theirs[name]) < 5
        assert apart(ours[name], theirs[name] + theirs[name].std()) > 5  # control: a shifted one


def apart(one: xr.DataArray, other: xr.DataArray) -> float:
    """Largest distance of two posterior means, in joint Monte Carlo errors."""
    both = [values.values.reshape(*values.shape[:2], -1) for values in (one, other)]
    errors = [[az.mcse(draws[..., k]) for k in range(draws.shape[-1])] for draws in both]
    means = [draws.mean(axis=(0, 1)) for draws in both]
    return float((np.abs(means[0] - means[1]) / np.hypot(*np.array(errors))).max())


def test_same_seed_same_draws_on_any_number_of_cores(drawn: tuple[Any, Design]) -> None:
    compiled, _ = drawn

    def draws(cores: int, seed: int) -> FloatArray:
        settings = nuts.SamplerSettings(draws=20, tune=20, chains=2, cores=cores, seed=seed)
        return nuts.sample(compiled, settings)["posterior"]["beta_month"].values

    once = draws(1, 5)
    np.testing.assert_array_equal(draws(2, 5), once)
    assert not np.array_equal(draws(1, 6), once)
    assert not np.array_equal(once[0], once[1])
