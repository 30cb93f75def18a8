"""The Newton solver against another program, and the learned scales against planted ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import xarray as xr
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    dense,
    every_kind,
    model,
    small_panel,
)

from hazard import coordinates, design, laplace
from hazard.design import Design
from hazard.errors import ConvergenceError
from hazard.likelihood import information, rows, value_and_gradient
from hazard.links import Link, hazard
from hazard.terms.block import FloatArray


def build(small: SmallPanel, spec: object) -> Design:
    return design.build(small.panel, small.histories, spec)  # type: ignore[arg-type]


def flat(made: Design) -> laplace.Mode:
    """Maximum of the likelihood alone."""
    data = rows(made)
    nothing = np.zeros((made.n_coefficients, data.n_exits))
    everything = np.ones_like(nothing, dtype=bool)
    return laplace.newton(data, nothing, nothing, mean=nothing, free=everything)


# --- the solver ---------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["rows", "collapsed", "joined"])
def test_flat_mode_reference_statsmodels(way: str, rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + POOLED, VISIT + WALK)
    made = design.identified(build(small_panel(spec, rng, persons=500), spec))
    other = sm.MNLogit(made.outcome, dense(made)).fit(
        method="newton", maxiter=100, tol=1e-14, disp=False
    )
    if way != "rows":
        made = design.collapsed(made)
    if way == "joined":
        made = design.merged(made, 500)
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
    precision, mean = rng.uniform(0.5, 4, shape), rng.normal(size=shape)
    free = rng.random(shape) < 0.8
    start = np.where(free, mean, 0.3)
    found = laplace.newton(data, start, precision, mean=mean, free=free)
    _, gradient = value_and_gradient(data, found.beta)
    slope = gradient - precision * (found.beta - mean)
    np.testing.assert_array_equal(found.beta[~free], start[~free])
    curvature = information(data, found.beta).reshape(mean.size, mean.size)
    curvature = (curvature + np.diag(precision.ravel()))[np.ix_(free.ravel(), free.ravel())]
    np.testing.assert_allclose(found.cholesky @ found.cholesky.T, curvature, rtol=1e-10, atol=1e-9)
    step = np.linalg.solve(curvature, slope[free])
    # what is left of a Newton step, in posterior standard deviations
    assert 0.5 * slope[free] @ step < 1e-10
    assert found.decrement == pytest.approx(0.5 * slope[free] @ step, abs=1e-12)


def test_solver_refuses_what_has_no_maximum(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED)
    made = build(small_panel(spec, rng), spec)
    with pytest.raises(
        ConvergenceError,
        match=r"^curvature must be positive definite; a coefficient is not identified by the data"
        r"\.$",
    ):  # the intercept twice
        flat(replace(made, blocks=(*made.blocks, made.blocks[0]), index=made.index[:, [0, 1, 0]]))


# --- learned scales -----------------------------------------------------------------------------
PLANTED = (0.9, 0.25)


def grouped(
    sigma: tuple[float, ...], rng: np.random.Generator, link: Link = "softmax", groups: int = 80
) -> Design:
    """Panel of one month per person; the groups' effects have the planted sds."""
    u = np.array(sigma) * rng.normal(size=(groups, len(sigma)))
    centre = np.repeat(np.arange(groups), 150)
    eta = xr.DataArray(-2.0 + u[centre], dims=("row", "exit"))
    edges = np.cumsum(hazard(eta, link).values, axis=1)
    passed = (rng.random(len(centre))[:, None] > edges).sum(axis=1)
    code = np.where(passed < len(sigma), passed + 1, 0)
    spec = model(CENTRE + POOLED, exits=len(sigma), link=link)
    panel = pd.DataFrame({"person": np.arange(len(centre)), "month": 1})
    panel["centre"] = pd.Categorical(centre.astype(str))
    panel["exit"] = pd.Categorical.from_codes(code, ["stay", *spec.outcome.exits])
    return design.build(panel, {}, spec)


def scales(made: Design) -> tuple[FloatArray, FloatArray]:
    found = laplace.fit(coordinates.standard(made))
    return np.log(found.sigma[0]), found.log_sigma_sd[0]


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_learned_scales_recover_the_planted(link: Link, rng: np.random.Generator) -> None:
    log_sigma, sd = scales(grouped(PLANTED, rng, link))
    assert (np.abs(log_sigma - np.log(PLANTED)) < 4 * sd).all()
    swapped = np.log(PLANTED[::-1])  # negative control: two exits swapped
    assert (np.abs(log_sigma - swapped) > 4 * sd).all()


def test_equal_groups_shrink(rng: np.random.Generator) -> None:
    for sigma, small in (((0.0, 0.0), True), ((0.9, 0.9), False)):  # the other is the control
        made = grouped(sigma, rng)
        found = laplace.fit(coordinates.standard(made))
        span = made.span("centre")
        alone = flat(design.identified(made))
        noise = np.sqrt(np.mean(np.diag(np.linalg.inv(alone.cholesky @ alone.cholesky.T))))
        assert bool((found.sigma < noise / 2).all()) is small
        dummies = np.vstack([alone.beta[1:], np.zeros((1, 2))])  # with the reference level
        share = found.mode.beta[span].std(axis=0) / dummies.std(axis=0)
        assert bool((share < 1 / 3).all()) is small


def test_scale_solves_the_marginal_likelihood(rng: np.random.Generator) -> None:
    """With many rows per group the likelihood is normal, and the marginal one has a formula."""
    made = grouped((0.5,), rng, groups=30)
    found = laplace.fit(coordinates.standard(made), tolerance=1e-4)
    data = rows(made)
    grid = found.sigma[0, 0] * np.exp(np.linspace(-2, 2, 81) * found.log_sigma_sd[0, 0])
    heights = [log_marginal(found, data, sigma) for sigma in grid]
    best = grid[int(np.argmax(heights))]
    # the curvature at the mode depends on sigma a little, which the fixed point leaves out
    assert abs(np.log(best / found.sigma[0, 0])) < found.log_sigma_sd[0, 0] / 4
    assert max(heights) - heights[0] > 1  # negative control: two sds away is worse by about 2
    assert max(heights) - heights[-1] > 1


def log_marginal(found: laplace.Laplace, data: object, sigma: float) -> float:
    """Laplace's integral over the effects at one scale, with prior and Jacobian of log sigma."""
    own = np.full_like(found.sigma, sigma)
    precision, mean = found.coordinates.prior_precision(own), found.coordinates.prior_mean()
    everything = np.ones_like(mean, dtype=bool)
    mode = laplace.newton(data, found.mode.beta, precision, mean=mean, free=everything)  # type: ignore[arg-type]
    penalty = 0.5 * (precision * (mode.beta - mean) ** 2).sum() - 0.5 * np.log(precision).sum()
    scale = found.coordinates.pooled[0].scale
    prior = np.log(sigma) - 0.5 * (sigma / scale) ** 2
    return float(mode.value - penalty - np.log(np.diag(mode.cholesky)).sum() + prior)


def test_variances_identity_inverse_of_the_curvature(rng: np.random.Generator) -> None:
    spec = every_kind(exits=2)
    standard = coordinates.standard(build(small_panel(spec, rng), spec))
    found = laplace.fit(standard)
    curvature = information(rows(standard.design), found.mode.beta).reshape(
        found.mode.beta.size, -1
    )
    curvature += np.diag(standard.prior_precision(found.sigma).ravel())
    expected = np.diag(np.linalg.inv(curvature)).reshape(found.mode.beta.shape)
    np.testing.assert_allclose(found.variances(), expected, rtol=1e-8)
    assert found.sigma.shape == found.log_sigma_sd.shape == (2, 2)
    prior = 1 / standard.prior_precision(found.sigma)
    assert (found.variances() <= prior * (1 + 1e-10)).all()


def test_detached_identity_share_of_the_prior_variance(rng: np.random.Generator) -> None:
    spec = every_kind(exits=2)
    found = laplace.fit(coordinates.standard(build(small_panel(spec, rng), spec)))
    shares = found.detached()
    assert list(shares) == ["centre", "nationality"]
    for g, group in enumerate(found.coordinates.pooled):
        expected = found.variances()[group.span] / found.sigma[g] ** 2
        np.testing.assert_allclose(shares[group.name], expected, rtol=1e-12)
        assert ((expected > 0) & (expected < 1)).all()


def test_shift_equals_finite_differences_of_the_mode(rng: np.random.Generator) -> None:
    spec = every_kind(exits=2)
    standard = coordinates.standard(build(small_panel(spec, rng), spec))
    found = laplace.fit(standard)
    data, mean = rows(standard.design), standard.prior_mean()
    step = 1e-3
    for g in range(2):
        for j in range(2):
            ends = []
            for sign in (1, -1):
                sigma = found.sigma.copy()
                sigma[g, j] *= np.exp(sign * step)
                precision = standard.prior_precision(sigma)
                everything = np.ones_like(mean, dtype=bool)
                ends.append(
                    laplace.newton(
                        data, found.mode.beta, precision, mean=mean, free=everything
                    ).beta
                )
            central = (ends[0] - ends[1]) / (2 * step)
            # each mode is known to sqrt(2e-10) standard deviations
            known = np.sqrt(2e-10 * found.variances()) / step
            assert (np.abs(found.shift(g, j) - central) < 1e-4 * np.abs(central) + known).all()
            other = found.shift(1 - g, j)  # negative control
            assert (np.abs(other - central) > 1e-4 * np.abs(central) + known).any()


def test_model_without_groups_has_no_scale(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL)
    found = laplace.fit(coordinates.standard(build(small_panel(spec, rng), spec)))
    assert found.sigma.shape == (0, 3)
    assert found.mode.decrement < 1e-10


def test_scales_that_do_not_settle_are_an_error(rng: np.random.Generator) -> None:
    made = grouped(PLANTED, rng, groups=20)
    with pytest.raises(ConvergenceError, match="learned scales must settle within 1 rounds; the"):
        laplace.fit(coordinates.standard(made), rounds=1)
