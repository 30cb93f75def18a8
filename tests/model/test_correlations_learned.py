"""Learned covariances over exits: recovered where planted, and at their marginal mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError
from hazard.inference import laplace
from hazard.inference.laplace import Laplace
from hazard.inference.newton import Mode, Penalty, newton
from hazard.model import correlations, design, equivalent, parameterisation
from hazard.model.design import Design
from hazard.model.likelihood import rows
from hazard.model.links import hazard
from hazard.spec.links import LinkName
from small_panels import BASELINE, CENTRE, CORRELATED, LEARNED_WALK, POOLED, model

PLANTED = (0.9, 0.25)


def left(
    panel: pd.DataFrame, eta: FloatArray, link: LinkName, rng: np.random.Generator
) -> FloatArray:
    """Outcome of every row of a linear predictor (row, exit), 0 for staying."""
    edges = np.cumsum(hazard(xr.DataArray(eta, dims=("row", "exit")), link).values, axis=1)
    passed = (rng.random(len(panel))[:, None] > edges).sum(axis=1)
    return np.where(passed < eta.shape[1], passed + 1, 0)


def built(panel: pd.DataFrame, code: FloatArray, spec: object) -> Design:
    exits = ["stay", *spec.outcome.exits]  # type: ignore[attr-defined]
    return design.build(panel.assign(exit=pd.Categorical.from_codes(code, exits)), {}, spec)  # type: ignore[arg-type]


def grouped(
    covariance: FloatArray,
    rng: np.random.Generator,
    *,
    link: LinkName = "softmax",
    groups: int = 80,
    prior: str = POOLED,
) -> Design:
    """Panel of one month per person; the groups' effects have the planted covariance over exits."""
    u = rng.multivariate_normal(np.zeros(len(covariance)), covariance, groups)
    centre = np.repeat(np.arange(groups), 150)
    panel = pd.DataFrame({"person": np.arange(len(centre)), "month": 1})
    panel["centre"] = pd.Categorical(centre.astype(str))
    code = left(panel, -2.0 + u[centre], link, rng)
    return built(panel, code, model(CENTRE + prior, exits=len(covariance), link=link))


def fitted(made: Design) -> tuple[FloatArray, FloatArray]:
    """Parameters of the one learned covariance, and their posterior sds."""
    found = laplace.fit(parameterisation.standard(made))
    return found.theta[0], np.sqrt(np.diag(found.spread[0]))


# --- planted and found --------------------------------------------------------------------------
@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_learned_scales_recover_the_planted(link: LinkName, rng: np.random.Generator) -> None:
    log_sigma, sd = fitted(grouped(np.diag(np.square(PLANTED)), rng, link=link))
    assert (np.abs(log_sigma - np.log(PLANTED)) < 4 * sd).all()
    swapped = np.log(PLANTED[::-1])  # negative control: two exits swapped
    assert (np.abs(log_sigma - swapped) > 4 * sd).all()


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_learned_correlations_recover_the_planted(link: LinkName, rng: np.random.Generator) -> None:
    sigma = np.log([0.9, 0.7, 0.8])
    planted = np.r_[sigma, np.arctanh([0.8, -0.7, 0.0])]
    made = grouped(correlations.covariance(planted, 3), rng, link=link, prior=CORRELATED)
    theta, sd = fitted(made)
    assert (np.abs(theta - planted) < 4 * sd).all()
    turned = np.r_[sigma, np.arctanh([-0.8, 0.7, 0.8])]  # negative control
    assert (np.abs(theta - turned)[3:] > 4 * sd[3:]).all()


def test_exits_without_correlation_are_found_to_have_none(rng: np.random.Generator) -> None:
    for rho, none in ((0.0, True), (0.9, False)):  # the other is the control
        planted = np.array([*np.log([0.9, 0.9]), np.arctanh(rho)])
        made = grouped(correlations.covariance(planted, 2), rng, prior=CORRELATED)
        theta, sd = fitted(made)
        assert (abs(theta[2]) < 4 * sd[2]) is np.bool_(none)


def test_learned_steps_recover_the_planted(rng: np.random.Generator) -> None:
    """A walk over 60 months whose steps have another sd for each exit."""
    steps = rng.normal(size=(60, 2)) * [0.6, 0.15]
    steps[0] = 0.0
    month = np.repeat(np.arange(1, 61), 300)
    panel = pd.DataFrame({"person": np.arange(len(month)), "month": month})
    code = left(panel, -2.0 + np.cumsum(steps, axis=0)[month - 1], "softmax", rng)
    breaks = BASELINE.replace("1, 2, 5", ", ".join(str(m) for m in range(1, 61)))
    log_sigma, sd = fitted(built(panel, code, model(breaks + LEARNED_WALK, exits=2)))
    assert (np.abs(log_sigma - np.log([0.6, 0.15])) < 4 * sd).all()
    assert (np.abs(log_sigma - np.log([0.15, 0.6])) > 4 * sd).all()  # negative control: swapped


def test_concentration_prefers_small_correlations(rng: np.random.Generator) -> None:
    planted = np.array([*np.log([0.9, 0.9]), np.arctanh(0.9)])
    loose = grouped(correlations.covariance(planted, 2), rng, groups=20, prior=CORRELATED)
    block = loose.blocks[1]
    tight = block.prior.model_copy(update={"concentration": 200.0})  # type: ignore[union-attr]
    held = replace(loose, blocks=(loose.blocks[0], replace(block, prior=tight)))
    free, tied = np.tanh(fitted(loose)[0][2]), np.tanh(fitted(held)[0][2])
    assert 0 < tied < free / 2


def test_equal_groups_shrink(rng: np.random.Generator) -> None:
    for sigma, small in (((0.0, 0.0), True), ((0.9, 0.9), False)):  # the other is the control
        made = grouped(np.diag(np.square(sigma)), rng)
        found = laplace.fit(parameterisation.standard(made))
        span = made.span("centre")
        alone = flat(equivalent.identified(made))
        noise = np.sqrt(np.mean(np.diag(np.linalg.inv(alone.cholesky @ alone.cholesky.T))))
        assert bool((found.sigma < noise / 2).all()) is small
        dummies = np.vstack([alone.beta[1:], np.zeros((1, 2))])  # with the reference level
        share = found.mode.beta[span].std(axis=0) / dummies.std(axis=0)
        assert bool((share < 1 / 3).all()) is small


def flat(made: Design) -> Mode:
    """Maximum of the likelihood alone."""
    data = rows(made)
    nothing = np.zeros((made.n_coefficients, data.n_exits))
    none = Penalty(np.zeros((*nothing.shape, data.n_exits)), nothing)
    return newton(data, nothing, none, free=np.ones_like(nothing, dtype=bool))


# --- the marginal mode --------------------------------------------------------------------------
def log_marginal(found: Laplace, theta: FloatArray) -> float:
    """Laplace's integral over the effects at given parameters, with their prior and Jacobian."""
    it, n_exits = found.coordinates, found.coordinates.n_exits
    mean, precision = it.prior_mean(), it.prior_precision((theta,))
    everything = np.ones_like(mean, dtype=bool)
    penalty = Penalty(precision, mean)
    mode = newton(rows(it.design), found.mode.beta, penalty, free=everything)
    height = mode.value - penalty.value_and_slope(mode.beta)[0]
    height += 0.5 * np.linalg.slogdet(precision)[1].sum() - np.log(np.diag(mode.cholesky)).sum()
    return height + log_prior(found, theta, n_exits)


def log_prior(found: Laplace, theta: FloatArray, n_exits: int) -> float:
    """Density of log sds and inverse tangents of the partial correlations; two exits or one."""
    [group] = found.coordinates.learned
    sigma, partial = np.exp(theta[:n_exits]), np.tanh(theta[n_exits:])
    height = (stats.halfnorm(scale=group.scale).logpdf(sigma) + np.log(sigma)).sum()
    if group.concentration:
        beta = stats.beta(group.concentration, group.concentration)
        height += (beta.logpdf((1 + partial) / 2) + np.log(1 - partial**2)).sum()
    return float(height)


CORRELATION = np.array([*np.log([0.6, 0.9]), np.arctanh(0.6)])


@pytest.mark.parametrize(
    ("covariance", "prior"),
    [(np.array([[0.25]]), POOLED), (correlations.covariance(CORRELATION, 2), CORRELATED)],
)
def test_parameters_solve_the_marginal_likelihood(
    covariance: FloatArray, prior: str, rng: np.random.Generator
) -> None:
    """With many rows per group the likelihood is normal, and the marginal one has a formula."""
    made = grouped(covariance, rng, groups=30, prior=prior)
    found = laplace.fit(parameterisation.standard(made), tolerance=1e-4)
    [theta], [spread] = found.theta, found.spread
    for own in np.eye(len(theta)) * np.sqrt(1 / np.diag(np.linalg.inv(spread))):
        places = np.linspace(-2, 2, 41)
        heights = [log_marginal(found, theta + place * own) for place in places]
        best = places[int(np.argmax(heights))]
        # the curvature at the mode depends on theta a little, which the fixed point leaves out
        assert abs(best) < 1 / 4
        assert max(heights) - heights[0] > 1  # negative control: two sds away costs about 2
        assert max(heights) - heights[-1] > 1


def slow_slope(found: Laplace, g: int) -> FloatArray:
    """Slope of the log marginal posterior of two correlated exits, the curvature held."""
    theta, group = found.theta[g], found.coordinates.learned[g]
    u, v = found.mode.beta[group.span], found.covariances[g]

    def height(at: FloatArray) -> float:
        """Expected log-density of the effects under their posterior, and the prior."""
        s = correlations.covariance(at, 2)
        effects = stats.multivariate_normal(np.zeros(2), s)
        spread = sum(np.trace(np.linalg.solve(s, own)) for own in v)
        return float(effects.logpdf(u).sum() - 0.5 * spread) + log_prior(found, at, 2)

    steps = 1e-5 * np.eye(len(theta))
    return np.array([(height(theta + s) - height(theta - s)) / 2e-5 for s in steps])


def test_parameters_identity_no_slope_is_left(rng: np.random.Generator) -> None:
    made = grouped(correlations.covariance(CORRELATION, 2), rng, groups=30, prior=CORRELATED)
    found = laplace.fit(parameterisation.standard(made), tolerance=1e-4)
    left_over = found.spread[0] @ slow_slope(found, 0)
    sd = np.sqrt(np.diag(found.spread[0]))
    assert (np.abs(left_over) < 1e-3 * sd).all()
    away = replace(found, theta=(found.theta[0] + 0.2,))  # negative control
    assert (np.abs(found.spread[0] @ slow_slope(away, 0)) > 0.01 * sd).all()


def test_parameters_that_do_not_settle_are_an_error(rng: np.random.Generator) -> None:
    made = grouped(np.diag(np.square(PLANTED)), rng, groups=20)
    with pytest.raises(ConvergenceError, match="learned scales must settle within 1 rounds; the"):
        laplace.fit(parameterisation.standard(made), rounds=1)
