"""The Newton solver against another program, and its end point against plain formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import linalg

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError
from hazard.inference import laplace, laplace_draws
from hazard.inference.laplace import Laplace
from hazard.inference.newton import Mode, Penalty, newton
from hazard.model import correlations, equivalent, parameterisation
from hazard.model.design import Design
from hazard.model.likelihood import information, rows, value_and_gradient
from hazard.model.parameterisation import Anchor
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    CORRELATED,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    build,
    dense,
    every_kind,
    model,
    small_panel,
)


def flat(made: Design) -> Mode:
    """Maximum of the likelihood alone."""
    data = rows(made)
    nothing = np.zeros((made.n_coefficients, data.n_exits))
    none = Penalty(np.zeros((*nothing.shape, data.n_exits)), nothing)
    return newton(data, nothing, none, free=np.ones_like(nothing, dtype=bool))


# --- the solver ---------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["rows", "collapsed", "joined"])
def test_flat_mode_reference_statsmodels(way: str, rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + POOLED, VISIT + WALK)
    made = equivalent.identified(build(small_panel(spec, rng, persons=500), spec))
    other = sm.MNLogit(made.outcome, dense(made)).fit(
        method="newton", maxiter=100, tol=1e-14, disp=False
    )
    if way != "rows":
        made = equivalent.collapsed(made)
    if way == "joined":
        made = equivalent.merged(made, 500)
    found = flat(made)
    np.testing.assert_allclose(found.beta, other.params, atol=1e-6)
    covariance = np.linalg.inv(found.cholesky @ found.cholesky.T)
    errors = np.sqrt(np.diag(covariance)).reshape(found.beta.shape)
    np.testing.assert_allclose(errors, other.bse, atol=1e-5)
    assert found.value == pytest.approx(other.llf, rel=1e-10)
    swapped = found.beta[:, [1, 0, 2]]  # negative control
    assert np.abs(swapped - other.params).max() > 1e-3


def test_penalised_mode_identity_zero_slope(rng: np.random.Generator) -> None:
    spec = every_kind(link="cloglog")
    made = build(small_panel(spec, rng), spec)
    data = rows(made)
    shape = (made.n_coefficients, data.n_exits)
    mean = rng.normal(size=shape)
    roots = rng.normal(size=(*shape, data.n_exits))
    precision = np.array([root @ root.T + 0.5 * np.eye(data.n_exits) for root in roots])
    free = rng.random(shape) < 0.8
    start = np.where(free, mean, 0.3)
    found = newton(data, start, Penalty(precision, mean), free=free)
    _, gradient = value_and_gradient(data, found.beta)
    pull = [own @ apart for own, apart in zip(precision, found.beta - mean, strict=True)]
    slope = gradient - np.array(pull)
    np.testing.assert_array_equal(found.beta[~free], start[~free])
    curvature = information(data, found.beta).reshape(mean.size, mean.size)
    curvature = curvature + linalg.block_diag(*precision)
    curvature = curvature[np.ix_(free.ravel(), free.ravel())]
    np.testing.assert_allclose(found.cholesky @ found.cholesky.T, curvature, rtol=1e-10, atol=1e-9)
    step = np.linalg.solve(curvature, slope[free])
    # what is left of a Newton step, in posterior standard deviations
    assert 0.5 * slope[free] @ step < 1e-10
    assert found.decrement == pytest.approx(0.5 * slope[free] @ step, abs=1e-12)


def test_penalty_by_hand() -> None:
    # half of 2 * 3^2 + 2 * 1 * 3 * (-1) + 5 * (-1)^2
    penalty = Penalty(np.array([[[2.0, 1.0], [1.0, 5.0]]]), np.array([[1.0, 2.0]]))
    value, slope = penalty.value_and_slope(np.array([[4.0, 1.0]]))
    assert value == pytest.approx(8.5, rel=1e-12)
    np.testing.assert_allclose(slope, [[5.0, -2.0]], rtol=1e-12)


def test_solver_refuses_what_has_no_maximum(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED)
    made = build(small_panel(spec, rng), spec)
    with pytest.raises(
        ConvergenceError,
        match=r"^curvature must be positive definite; a coefficient is not identified by the data"
        r"\.$",
    ):  # the intercept twice
        flat(replace(made, blocks=(*made.blocks, made.blocks[0]), index=made.index[:, [0, 1, 0]]))


# --- the approximation --------------------------------------------------------------------------
STEP = 1e-3


def fitted(rng: np.random.Generator, exits: int = 2) -> Laplace:
    """Two learned blocks, one of them with correlated exits."""
    spec = every_kind(exits=exits)
    return laplace.fit(parameterisation.standard(build(small_panel(spec, rng), spec)))


def curvature(found: Laplace) -> FloatArray:
    """Minus the second derivative of the log posterior of all coordinates, at the mode."""
    it, beta = found.coordinates, found.mode.beta
    of_rows = information(rows(it.design), beta).reshape(beta.size, beta.size)
    return np.asarray(of_rows + linalg.block_diag(*it.prior_precision(found.theta)))


def moved(found: Laplace, g: int, step: FloatArray) -> tuple[FloatArray, ...]:
    theta = [own.copy() for own in found.theta]
    theta[g] += step
    return tuple(theta)


def mode_given(found: Laplace, theta: tuple[FloatArray, ...]) -> FloatArray:
    it = found.coordinates
    mean = it.prior_mean()
    penalty = Penalty(it.prior_precision(theta), mean)
    everything = np.ones_like(mean, dtype=bool)
    return newton(rows(it.design), found.mode.beta, penalty, free=everything).beta


def test_learned_parameters_and_their_scales(rng: np.random.Generator) -> None:
    found = fitted(rng, exits=3)
    assert [group.name for group in found.coordinates.learned] == ["centre", "nationality"]
    assert [own.shape for own in found.theta] == [(3,), (6,)]
    assert [own.shape for own in found.spread] == [(3, 3), (6, 6)]
    assert all(np.linalg.eigvalsh(own).min() > 0 for own in found.spread)
    np.testing.assert_allclose(found.sigma, np.exp([own[:3] for own in found.theta]), rtol=1e-12)
    start = found.coordinates.start()
    assert [own.tolist() for own in start] == [[np.log(0.5)] * 3, [np.log(0.5)] * 3 + [0.0] * 3]


def test_variances_identity_inverse_of_the_curvature(rng: np.random.Generator) -> None:
    found = fitted(rng)
    whole = np.linalg.inv(curvature(found))
    shape = found.mode.beta.shape
    np.testing.assert_allclose(found.variances(), np.diag(whole).reshape(shape), rtol=1e-8)
    prior = np.linalg.inv(found.coordinates.prior_precision(found.theta))
    assert (found.variances() <= np.einsum("kaa->ka", prior) * (1 + 1e-10)).all()
    by_coordinate = whole.reshape(*shape, *shape)
    for group, own in zip(found.coordinates.learned, found.covariances, strict=True):
        for k, place in enumerate(range(group.span.start, group.span.stop)):
            np.testing.assert_allclose(own[k], by_coordinate[place, :, place], rtol=1e-7)
    mixed = by_coordinate[0, :, 1]  # negative control: of two coordinates
    assert not np.allclose(own[0], mixed, rtol=1e-3)


def test_anchors_identity_prior_and_rows_give_the_posterior(rng: np.random.Generator) -> None:
    found = fitted(rng)
    anchors = found.anchors
    assert list(anchors) == ["centre", "nationality"]
    for g, group in enumerate(found.coordinates.learned):
        anchor, own = anchors[group.name], found.covariances[g]
        prior = np.linalg.inv(correlations.covariance(found.theta[g], 2))
        precision = anchor.information + prior
        np.testing.assert_allclose(np.linalg.inv(precision), own, rtol=1e-8, atol=1e-12)
        mean = np.linalg.solve(precision, anchor.weighted_mean[..., None])[..., 0]
        np.testing.assert_allclose(mean, found.mode.beta[group.span], rtol=1e-8, atol=1e-12)
        assert np.linalg.eigvalsh(anchor.information).min() >= -1e-12
        alone = np.linalg.solve(anchor.information, anchor.weighted_mean[..., None])[..., 0]
        # negative control: without the prior the effects would be larger
        assert (np.abs(alone) > np.abs(mean)).mean() > 0.9


def test_anchor_of_no_rows_is_empty() -> None:
    nothing = Anchor.empty(4, 3)
    assert nothing.information.shape == (4, 3, 3)
    assert nothing.weighted_mean.shape == (4, 3)
    assert not nothing.information.any()
    assert not nothing.weighted_mean.any()


def test_shift_equals_finite_differences_of_the_mode(rng: np.random.Generator) -> None:
    found = fitted(rng)
    # each mode is known to sqrt(2e-10) standard deviations
    known = np.sqrt(2e-10 * found.variances()) / STEP
    for g, own in enumerate(found.theta):
        for k, step in enumerate(STEP * np.eye(len(own))):
            ends = [mode_given(found, moved(found, g, sign * step)) for sign in (1, -1)]
            central = (ends[0] - ends[1]) / (2 * STEP)
            assert (np.abs(found.shift(g, k) - central) < 1e-4 * np.abs(central) + known).all()
            other = found.shift(1 - g, 0)  # negative control
            assert (np.abs(other - central) > 1e-4 * np.abs(central) + known).any()


def test_followed_equals_finite_differences_of_the_conditional(rng: np.random.Generator) -> None:
    found = fitted(rng)
    for g, group in enumerate(found.coordinates.learned):
        anchor = found.anchors[group.name]

        def effects(theta: FloatArray, anchor: Anchor = anchor) -> FloatArray:
            precision = np.linalg.inv(correlations.covariance(theta, 2)) + anchor.information
            return np.linalg.solve(precision, anchor.weighted_mean[..., None])[..., 0]

        own = found.theta[g]
        steps = STEP * np.eye(len(own))
        ends = [(effects(own + step), effects(own - step)) for step in steps]
        central = np.stack([(up - down) / (2 * STEP) for up, down in ends], axis=-1)
        followed = found.own_shift(g)
        np.testing.assert_allclose(followed, central, rtol=1e-4, atol=1e-7)
        whole = np.stack([found.shift(g, k)[group.span] for k in range(len(own))], axis=-1)
        assert not np.allclose(whole, followed, rtol=1e-2)  # negative control


def test_model_without_groups_has_no_scale(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL)
    found = laplace.fit(parameterisation.standard(build(small_panel(spec, rng), spec)))
    assert found.sigma.shape == (0, 3)
    assert found.theta == found.spread == found.covariances == ()
    assert found.anchors == {}
    assert found.mode.decrement < 1e-10


def test_one_exit_has_no_correlation() -> None:
    one, other = (
        parameterisation.standard(build(small_panel(spec, np.random.default_rng(1)), spec))
        for spec in (model(CENTRE + prior, exits=1) for prior in (CORRELATED, POOLED))
    )
    with_correlation, without = laplace.fit(one), laplace.fit(other)
    assert [own.shape for own in with_correlation.theta] == [(1,)]
    np.testing.assert_allclose(with_correlation.theta[0], without.theta[0], rtol=1e-12)
    np.testing.assert_allclose(with_correlation.mode.beta, without.mode.beta, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e6, 1e-6])
def test_metamorphic_unit_of_a_covariate(unit: float, rng: np.random.Generator) -> None:
    """A number in another unit, its prior in that unit too, is the same model exactly."""
    plain = model(BASELINE + WALK, AGE + NORMAL, CENTRE + POOLED)
    small = small_panel(plain, rng)
    moved = replace(small, panel=small.panel.assign(age=small.panel["age"] * unit))
    other = AGE + NORMAL.replace("scale = 1.0", f"scale = {1 / unit!r}")
    converted = model(BASELINE + WALK, other, CENTRE + POOLED)
    found = {
        name: laplace_draws.draws(
            laplace_draws.fit(parameterisation.standard(build(rows_, spec))),
            50,
            np.random.default_rng(1),
        )
        for name, rows_, spec in (
            ("plain", small, plain),
            ("moved", moved, converted),
            ("left", moved, plain),
        )
    }
    # rounding of a mean of some hundred numbers, times the condition of a few terms
    for name in found["plain"].data_vars:
        scale = unit if name == "beta_age" else 1.0
        own, same = found["plain"][name].values, found["moved"][name].values * scale
        np.testing.assert_allclose(same, own, rtol=1e-8, atol=1e-8)
    spread = float(found["plain"]["beta_age"].std())  # negative control: the prior as it was
    left = found["left"]["beta_age"].values * unit
    assert np.abs(left - found["plain"]["beta_age"].values).max() > 0.01 * spread
