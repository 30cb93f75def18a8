"""The graph of every model file, and of every family of priors, against plain formulas."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import special, stats

from hazard.arrays import FloatArray
from hazard.model import naming
from hazard.model.parameterisation import Anchor, Learned
from hazard.model.pymc_model import build_model
from hazard.model.terms.block import Block
from hazard.spec.priors.horseshoe import HorseshoePrior
from hazard.spec.priors.monotone import MonotonePrior
from small_models import NAMES, Made, Point, densities, made
from small_panels import slow_log_likelihood

EPS = float(np.finfo(float).eps)
STEP = 1e-4
ANCHORED = ["oslo2016", "hierarchical random walk", "correlated groups", "varying"]


def learned_blocks(it: Made) -> dict[str, Learned]:
    return {group.name: group for group in it.standard.learned}


def has_correlation(it: Made, group: Learned) -> bool:
    return group.concentration is not None and it.standard.n_exits > 1


# --- the graph, without sampling ----------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_names_and_dimensions(name: str) -> None:
    it = made(name)
    learned = learned_blocks(it)
    free, derived = {"intercept": ("exit",)}, {}
    potentials = ["log_likelihood"]
    for block in it.design.blocks[1:]:
        term = block.name
        own = (f"{term}_coordinate", "exit")
        if term in learned:
            free |= {f"sigma_{term}": ("exit",), f"v_{term}": own}
            potentials.append(f"prior_{term}")
            if has_correlation(it, learned[term]):
                free[f"partial_{term}"] = ("pair",)
                derived[f"correlation_{term}"] = ("exit", "other_exit")
        elif isinstance(block.prior, HorseshoePrior | MonotonePrior):
            free[f"x_{term}"] = (f"{term}_normal", "exit")
        else:
            free[f"z_{term}"] = own
        derived[effect(block)] = (naming.level(term), "exit")
    for variables, expected in ((it.model.free_RVs, free), (it.model.deterministics, derived)):
        found = {v.name: tuple(it.model.named_vars_to_dims[v.name]) for v in variables}
        assert found == expected
    exits = it.spec.outcome.exits
    assert it.model.coords["exit"] == it.model.coords["other_exit"] == exits
    pairs = tuple(f"{a}, {b}" for i, a in enumerate(exits) for b in exits[i + 1 :])
    assert it.model.coords["pair"] == pairs
    for block in it.design.blocks[1:]:
        labels = tuple(str(label) for label in block.coefficients)
        assert it.model.coords[naming.level(block.name)] == labels
    assert sorted(potential.name for potential in it.model.potentials) == sorted(potentials)


def effect(block: Block) -> str:
    return f"u_{block.name}" if block.kind == "group" else f"beta_{block.name}"


@pytest.mark.parametrize("name", NAMES)
def test_density_and_gradient_are_finite_at_the_start(name: str) -> None:
    it = made(name)
    start = it.model.initial_point()
    slope = it.dlogp(start)
    assert np.isfinite(it.logp(start))
    assert np.isfinite(slope).all()
    assert slope.shape == (sum(value.size for value in start.values()),)


# --- the slow formula ---------------------------------------------------------------------------
def partial_correlations(it: Made, group: Learned, point: Point) -> FloatArray:
    if not has_correlation(it, group):
        return np.zeros(0)
    return 2 * special.expit(point[f"partial_{group.name}_logodds__"]) - 1


def correlation_matrix(partial: FloatArray, n_exits: int) -> FloatArray:
    """Of at most three exits, entry by entry."""
    r = np.eye(n_exits)
    if len(partial) == 1:
        r[0, 1] = r[1, 0] = partial[0]
    if len(partial) == 3:
        p01, p02, p12 = partial
        p12 = p12 * math.sqrt((1 - p01**2) * (1 - p02**2)) + p01 * p02
        r = np.array([[1, p01, p02], [p01, 1, p12], [p02, p12, 1]])
    return r


def log_lkj(partial: FloatArray, concentration: float, n_exits: int) -> float:
    """Density of the log-odds of (1 + partial) / 2, from that of the correlation matrix."""
    of_matrix = np.linalg.det(correlation_matrix(partial, n_exits)) ** (concentration - 1)
    volume = {  # of all matrices, weighed by the power of their determinants
        1: 2 ** (2 * concentration - 1) * special.beta(concentration, concentration),
        3: 2 ** (6 * concentration - 1)
        * special.beta(concentration + 0.5, concentration + 0.5) ** 2
        * special.beta(concentration, concentration),
    }[len(partial)]
    to_matrix = {1: 1.0, 3: math.sqrt(np.prod(1 - partial[:2] ** 2))}[len(partial)]
    to_partial = np.prod((1 - partial**2) / 2)
    return math.log(of_matrix / volume * to_matrix * to_partial)


def covariance(it: Made, group: Learned, point: Point) -> FloatArray:
    """Covariance over exits of the effects of one level."""
    sigma = np.exp(point[f"sigma_{group.name}_log__"])
    r = correlation_matrix(partial_correlations(it, group, point), len(sigma))
    return np.diag(sigma) @ r @ np.diag(sigma)


def levels(
    it: Made, group: Learned, point: Point, anchor: Anchor
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Effects of each level of a learned block, and their derivative in the free variables."""
    prior = np.linalg.inv(covariance(it, group, point))
    for k, v in enumerate(point[f"v_{group.name}"]):
        root = np.linalg.cholesky(prior + anchor.information[k])
        u = np.linalg.solve(root.T, np.linalg.solve(root, anchor.weighted_mean[k]) + v)
        yield u, np.linalg.inv(root.T)


def transformed(prior: HorseshoePrior | MonotonePrior, x: FloatArray, n: int) -> FloatArray:
    """Coefficients of one exit."""
    if isinstance(prior, HorseshoePrior):
        own = stats.halfcauchy.ppf(stats.norm.cdf(x[n : 2 * n]))
        tau = stats.halfcauchy(scale=prior.scale).ppf(stats.norm.cdf(x[2 * n]))
        return np.asarray(x[:n] / np.sqrt((tau * own) ** -2 + prior.slab**-2))
    kept = [1.0]
    for k in range(1, n):  # the stick after k breaks is as the smallest of n - k uniforms
        kept.append(kept[-1] * stats.beta(n - k, 1).ppf(stats.norm.cdf(-x[k])))
    return prior.scale * x[0] * np.array(kept)


def coefficients(it: Made, point: Point, anchors: dict[str, Anchor]) -> FloatArray:
    """Coefficients of the linear predictor, from the free variables of the graph."""
    parts, learned = [point["intercept"][None, :]], learned_blocks(it)
    for block in it.design.blocks[1:]:
        name, prior = block.name, block.prior
        if isinstance(prior, HorseshoePrior | MonotonePrior):
            columns = point[f"x_{name}"].T
            parts.append(np.array([transformed(prior, x, block.n_coefficients) for x in columns]).T)
            continue
        z = point.get(f"z_{name}")
        if name in learned:
            z = np.array([u for u, _ in levels(it, learned[name], point, anchors[name])])
        if name not in it.standard.widths:
            z = (
                np.kron(np.eye(block.copies), prior.factor(np.asarray(block.places(), dtype=float)))
                @ z
            )
        parts.append(z)
    return np.vstack(parts)


def slow_prior(it: Made, point: Point) -> float:
    """Log-density of the unconstrained variables under the prior."""
    prior = it.spec.outcome.intercept
    total = stats.norm(prior.mean, prior.scale).logpdf(point["intercept"]).sum()
    for name, value in point.items():
        if name.startswith(("z_", "x_")):
            total += stats.norm(0, it.standard.widths.get(name[2:], 1.0)).logpdf(value).sum()
    for group in it.standard.learned:
        total += slow_learned(it, group, point)
    return float(total)


def slow_learned(it: Made, group: Learned, point: Point) -> float:
    """Prior of sds, correlations and effects of a block, with the Jacobians of the variables."""
    log_sigma = point[f"sigma_{group.name}_log__"]
    total = (stats.halfnorm(scale=group.scale).logpdf(np.exp(log_sigma)) + log_sigma).sum()
    partial = partial_correlations(it, group, point)
    if len(partial):
        total += log_lkj(partial, float(group.concentration or 0), len(log_sigma))
    effects = stats.multivariate_normal(np.zeros(len(log_sigma)), covariance(it, group, point))
    for u, slope in levels(it, group, point, it.anchors[group.name]):
        total += effects.logpdf(u) + np.linalg.slogdet(slope)[1]
        total += 0.5 * math.log(2 * math.pi) * len(u)  # the graph leaves the constant out
    return float(total)


def slow_density(it: Made, point: Point) -> float:
    beta = coefficients(it, point, it.anchors)
    return slow_prior(it, point) + slow_log_likelihood(it.design, beta)


@pytest.mark.parametrize("name", NAMES)
def test_density_equals_slow_formula(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    for _ in range(3):
        point = it.point(rng)
        assert it.logp(point) == pytest.approx(slow_density(it, point), rel=1e-8)
    for key in point:  # negative control: every variable is in the density
        moved = point | {key: point[key] + 1e-3}
        assert it.logp(moved) != pytest.approx(slow_density(it, point), rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_equals_finite_differences(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    point = it.point(rng)
    slope, at = it.dlogp(point), 0
    rounding = 16 * EPS * abs(it.logp(point)) / STEP
    for variable, value in point.items():
        place = rng.integers(value.size)
        step = np.zeros(value.size)
        step[place] = STEP
        step = step.reshape(value.shape)
        ends = [it.logp(point | {variable: value + s}) for s in (step, -step)]
        central = (ends[0] - ends[1]) / (2 * STEP)
        # the third derivative of the sum is at most about as large as its rows
        bend = STEP**2 * len(it.design.outcome)
        assert slope[at + place] == pytest.approx(central, rel=1e-5, abs=rounding + bend)
        at += value.size


# --- anchors ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ANCHORED)
def test_anchors_identity_same_density_of_the_effects(name: str, rng: np.random.Generator) -> None:
    """The density of sds, correlations and effects does not depend on the anchors."""
    it = made(name)
    point = it.point(rng)
    free, _ = densities(build_model(it.standard))
    moved, jacobian = dict(point), 0.0
    for group in it.standard.learned:
        root = np.linalg.cholesky(np.linalg.inv(covariance(it, group, point)))
        found = list(levels(it, group, point, it.anchors[group.name]))
        moved[f"v_{group.name}"] = np.array([root.T @ u for u, _ in found])
        jacobian += sum(np.linalg.slogdet(root.T @ slope)[1] for _, slope in found)
    assert free(moved) + jacobian == pytest.approx(it.logp(point), rel=1e-10)
    assert free(moved) != pytest.approx(it.logp(point), rel=1e-6)  # negative controls
    assert free(point) != pytest.approx(it.logp(point), rel=1e-6)


@pytest.mark.parametrize("name", ANCHORED)
def test_anchors_identity_exact_rows_give_standard_normals(
    name: str, rng: np.random.Generator
) -> None:
    """With the observation of the anchor as likelihood, v does not depend on the covariance."""
    it = made(name)
    for _ in range(3):
        point = it.point(rng)
        learned = sum(slow_learned(it, group, point) for group in it.standard.learned)
        prior = it.logp(point) - (slow_density(it, point) - learned)
        rows, expected = 0.0, 0.0
        for group in it.standard.learned:
            anchor = it.anchors[group.name]
            for k, (u, _) in enumerate(levels(it, group, point, anchor)):
                rows += observed(anchor, k, u)
            expected += evidence(it, group, point)
            expected -= 0.5 * (point[f"v_{group.name}"] ** 2).sum()
        known = 1e-8 * abs(it.logp(point))
        assert prior + rows == pytest.approx(expected, abs=known)
        assert prior != pytest.approx(expected, abs=known)  # negative control: without the rows


def observed(anchor: Anchor, k: int, u: FloatArray) -> float:
    """Log-density of the observation that an anchor stands for, up to a constant."""
    return float(anchor.weighted_mean[k] @ u - 0.5 * u @ anchor.information[k] @ u)


def evidence(it: Made, group: Learned, point: Point) -> float:
    """Log-density of sds and correlations, with the effects integrated out."""
    anchor, prior = it.anchors[group.name], np.linalg.inv(covariance(it, group, point))
    log_sigma = point[f"sigma_{group.name}_log__"]
    total = (stats.halfnorm(scale=group.scale).logpdf(np.exp(log_sigma)) + log_sigma).sum()
    partial = partial_correlations(it, group, point)
    if len(partial):
        total += log_lkj(partial, float(group.concentration or 0), len(log_sigma))
    for information, force in zip(anchor.information, anchor.weighted_mean, strict=True):
        both = prior + information
        total += 0.5 * (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(both)[1])
        total += 0.5 * force @ np.linalg.solve(both, force)
    return float(total)
