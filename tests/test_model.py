"""The graph of every model file against plain formulas, and sampled graphs against quadrature."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy import optimize, stats
from small_panels import BASELINE, NORMAL, model, slow_log_likelihood, small_panel

from hazard import coordinates, design, laplace, sampling
from hazard import spec as specs
from hazard.coordinates import Coordinates
from hazard.design import Design
from hazard.laplace import Laplace
from hazard.model import build_model, dimension
from hazard.priors import covariance
from hazard.spec import ModelSpec, PooledPrior
from hazard.terms.block import FloatArray

EPS = float(np.finfo(float).eps)
STEP = 1e-4
FILES = sorted(path.stem for path in specs.models_folder().glob("*.toml"))
Point = dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Made:
    """A model file on a small random panel; its groups are detached by random ``shares``."""

    spec: ModelSpec
    design: Design
    standard: Coordinates
    around: Laplace
    shares: dict[str, FloatArray]
    model: Any
    logp: Any
    dlogp: Any

    def point(self, rng: np.random.Generator) -> Point:
        start = self.model.initial_point()
        return {name: value + rng.normal(0, 0.3, value.shape) for name, value in start.items()}


@cache
def made(name: str) -> Made:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    spec = specs.read(name)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    standard = coordinates.standard(built)
    around = laplace.fit(standard)
    shares = {group: rng.random(share.shape) for group, share in around.detached().items()}
    model = build_model(standard, shares)
    logp, dlogp = (f(mode="FAST_COMPILE") for f in (model.compile_logp, model.compile_dlogp))
    return Made(spec, built, standard, around, shares, model, logp, dlogp)


# --- the graph, without sampling ----------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
def test_names_and_dimensions(name: str) -> None:
    it = made(name)
    pooled = {term.name: isinstance(term.prior, PooledPrior) for term in it.spec.term}
    assert sorted(pooled) == sorted(block.name for block in it.design.blocks[1:])
    free = {"intercept": ("exit",)}
    derived = {}
    for term, learned in pooled.items():
        dims = (dimension(term), "exit")
        free |= {f"sigma_{term}": ("exit",), f"v_{term}": dims} if learned else {f"z_{term}": dims}
        derived[f"u_{term}" if learned else f"beta_{term}"] = dims
    for variables, expected in ((it.model.free_RVs, free), (it.model.deterministics, derived)):
        found = {v.name: tuple(it.model.named_vars_to_dims[v.name]) for v in variables}
        assert found == expected
    assert it.model.coords["exit"] == it.spec.outcome.exits
    for block in it.design.blocks[1:]:
        labels = tuple(str(label) for label in block.coefficients)
        assert it.model.coords[dimension(block.name)] == labels
    assert [potential.name for potential in it.model.potentials] == ["log_likelihood"]


@pytest.mark.parametrize("name", FILES)
def test_density_and_gradient_are_finite_at_the_start(name: str) -> None:
    it = made(name)
    start = it.model.initial_point()
    slope = it.dlogp(start)
    assert np.isfinite(it.logp(start))
    assert np.isfinite(slope).all()
    assert slope.shape == (sum(value.size for value in start.values()),)


def coefficients(it: Made, point: Point) -> FloatArray:
    """Coefficients of the linear predictor, from the free variables of the graph."""
    priors = {term.name: term.prior for term in it.spec.term}
    parts = [point["intercept"][None, :]]
    for block in it.design.blocks[1:]:
        prior = priors[block.name]
        if isinstance(prior, PooledPrior):
            sigma = np.exp(point[f"sigma_{block.name}_log__"])
            parts.append(point[f"v_{block.name}"] * sigma ** it.shares[block.name])
        else:
            root = np.linalg.cholesky(covariance(prior, block.n_coefficients))
            parts.append(root @ point[f"z_{block.name}"])
    return np.vstack(parts)


def slow_density(it: Made, point: Point) -> float:
    """Log-density of the unconstrained variables: priors, Jacobian of log sigma, likelihood."""
    prior = it.spec.outcome.intercept
    total = stats.norm(prior.mean, prior.scale).logpdf(point["intercept"]).sum()
    for term in it.spec.term:
        if not isinstance(term.prior, PooledPrior):
            total += stats.norm.logpdf(point[f"z_{term.name}"]).sum()
            continue
        log_sigma = point[f"sigma_{term.name}_log__"]
        total += stats.halfnorm(scale=term.prior.scale).logpdf(np.exp(log_sigma)).sum()
        total += log_sigma.sum()
        spread = np.exp((1 - it.shares[term.name]) * log_sigma)
        total += stats.norm.logpdf(point[f"v_{term.name}"], 0, spread).sum()
    return float(total) + slow_log_likelihood(it.design, coefficients(it, point))


@pytest.mark.parametrize("name", FILES)
def test_density_equals_slow_formula(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    for _ in range(5):
        point = it.point(rng)
        assert float(it.logp(point)) == pytest.approx(slow_density(it, point), rel=1e-8)
    moved = point | {"intercept": point["intercept"] + 1e-3}  # negative control
    assert float(it.logp(moved)) != pytest.approx(slow_density(it, point), rel=1e-8)


@pytest.mark.parametrize("name", FILES)
def test_gradient_equals_finite_differences(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    point = it.point(rng)
    slope, at = it.dlogp(point), 0
    rounding = 16 * EPS * abs(float(it.logp(point))) / STEP
    for variable, value in point.items():
        place = rng.integers(value.size)
        step = np.zeros(value.size)
        step[place] = STEP
        step = step.reshape(value.shape)
        ends = [float(it.logp(point | {variable: value + s})) for s in (step, -step)]
        central = (ends[0] - ends[1]) / (2 * STEP)
        # the third derivative of the sum is at most about as large as its rows
        bend = STEP**2 * len(it.design.outcome)
        assert slope[at + place] == pytest.approx(central, rel=1e-5, abs=rounding + bend)
        at += value.size


def test_detachment_identity_leaves_the_coefficients_alone(rng: np.random.Generator) -> None:
    """The density of (sigma, u) does not depend on how far v is detached."""
    it = made("oslo2016")
    point = it.point(rng)
    centred = build_model(it.standard).compile_logp(mode="FAST_COMPILE")
    moved, jacobian = dict(point), 0.0
    for group, share in it.shares.items():
        log_sigma = point[f"sigma_{group}_log__"]
        moved[f"v_{group}"] = point[f"v_{group}"] * np.exp(share * log_sigma)
        jacobian += (share * log_sigma).sum()
    assert float(centred(moved)) + jacobian == pytest.approx(float(it.logp(point)), rel=1e-10)
    assert float(centred(point)) != pytest.approx(float(it.logp(point)), rel=1e-6)


# --- the same model in other coordinates --------------------------------------------------------
def whitened(it: Made) -> tuple[Any, Any, FloatArray, FloatArray]:
    model = build_model(it.standard, it.around.detached())
    location, factor = sampling.affine_map(model, it.around)
    return model, sampling.whitened(model, location, factor), location, factor


def unpacked(model: Any, x: FloatArray) -> Point:
    point, at = {}, 0
    for name, value in model.initial_point().items():
        point[name] = x[at : at + value.size].reshape(value.shape)
        at += value.size
    return point


@pytest.mark.parametrize("name", ["oslo2016", "mgus2"])
def test_whitened_model_identity(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    model, twin, location, factor = whitened(it)
    w = rng.normal(size=len(location))
    there = unpacked(model, location + factor @ w)
    density = model.compile_logp(mode="FAST_COMPILE")(there)
    moved = twin.compile_logp(mode="FAST_COMPILE")
    assert float(moved({"whitened": w})) == pytest.approx(float(density), rel=1e-10)
    assert float(moved({"whitened": -w})) != pytest.approx(float(density), rel=1e-6)
    assert [v.name for v in twin.free_RVs] == ["whitened"]

    names = [v.name for v in [*model.free_RVs, *model.deterministics]]
    assert sorted(v.name for v in twin.deterministics) == sorted(names)
    natural = pytensor.function([twin["whitened"]], [twin[n] for n in names], mode="FAST_COMPILE")
    found = dict(zip(names, natural(w), strict=True))
    for variable in model.free_RVs:
        value = there.get(variable.name)
        expected = np.exp(there[f"{variable.name}_log__"]) if value is None else value
        np.testing.assert_allclose(found[variable.name], expected, rtol=1e-12)
        dims = twin.named_vars_to_dims[variable.name]
        assert dims == model.named_vars_to_dims[variable.name]
    shares = it.around.detached()
    beta = coefficients(replace(it, shares=shares), there)
    for block in it.design.blocks[1:]:
        key = f"u_{block.name}" if block.name in shares else f"beta_{block.name}"
        np.testing.assert_allclose(found[key], beta[it.design.span(block.name)], rtol=1e-10)


def test_whitened_density_is_standard_normal_at_the_mode(rng: np.random.Generator) -> None:
    _, twin, location, _ = whitened(made("mgus2"))
    slope = twin.compile_dlogp(mode="FAST_COMPILE")
    n = len(location)
    # the mode is found to half a squared standard deviation of 1e-10
    assert np.abs(slope({"whitened": np.zeros(n)})).max() < np.sqrt(2e-10)
    for _ in range(5):
        direction = rng.normal(size=n)
        ends = [slope({"whitened": sign * STEP * direction}) for sign in (1, -1)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * STEP), -direction, atol=1e-6)


def test_whitened_effects_move_with_their_scale() -> None:
    """At the mode, u moves with w as the Laplace approximation says, however it is detached."""
    it = made("oslo2016")
    _, twin, location, _ = whitened(it)
    groups = [group.name for group in it.standard.pooled]
    effects = pytensor.function(
        [twin["whitened"]], [twin[f"u_{g}"] for g in groups], mode="FAST_COMPILE"
    )
    n, n_exits = it.around.mode.beta.size, len(it.design.exits)
    for g in range(len(groups)):
        for j in range(n_exits):
            step = np.zeros(len(location))
            step[n + g * n_exits + j] = STEP
            ends = [effects(sign * step) for sign in (1, -1)]
            moved = it.around.shift(g, j) * it.around.log_sigma_sd[g, j]
            for k, group in enumerate(it.standard.pooled):
                central = (ends[0][k] - ends[1][k]) / (2 * STEP)
                np.testing.assert_allclose(central, moved[group.span], atol=1e-6)


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
    around = laplace.fit(coordinates.standard(built))
    return sampling.compile_model(build_model(around.coordinates), around), built


def test_draws_equal_quadrature(drawn: tuple[Any, Design], rng: np.random.Generator) -> None:
    compiled, _ = drawn
    settings = sampling.Settings(draws=1000, tune=300, cores=1, seed=int(rng.integers(2**31)))
    posterior = sampling.sample(compiled, settings)["posterior"]
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


def test_same_seed_same_draws_on_any_number_of_cores(drawn: tuple[Any, Design]) -> None:
    compiled, _ = drawn

    def draws(cores: int, seed: int) -> FloatArray:
        settings = sampling.Settings(draws=20, tune=20, chains=2, cores=cores, seed=seed)
        return sampling.sample(compiled, settings)["posterior"]["beta_month"].values

    once = draws(1, 5)
    np.testing.assert_array_equal(draws(2, 5), once)
    assert not np.array_equal(draws(1, 6), once)
    assert not np.array_equal(once[0], once[1])
