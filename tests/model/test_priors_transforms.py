"""Priors that are not normal, as functions of standard normals: by hand and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hazard.arrays import FloatArray
from hazard.model.priors import factor, learned_scale, n_normals, stand_in, transform
from hazard.spec.priors import HorseshoePrior, MonotonePrior, NormalPrior, Prior, RandomWalkPrior

REASON = "an example only"
DRAWS = 40_000


def horseshoe(scale: float, slab: float) -> HorseshoePrior:
    return HorseshoePrior(family="horseshoe", scale=scale, slab=slab, reason=REASON)


def monotone(scale: float) -> MonotonePrior:
    return MonotonePrior(family="monotone", scale=scale, reason=REASON)


def normal(scale: float) -> NormalPrior:
    return NormalPrior(family="normal", scale=scale, reason=REASON)


WALK = RandomWalkPrior(family="random_walk", scale=1.0, start=2.0, reason=REASON)


def far(found: FloatArray, expected: FloatArray) -> float:
    """Largest distance of the means of the columns of draws, in Monte Carlo standard errors."""
    error = found.std(axis=0) / math.sqrt(len(found))
    return float((np.abs(found.mean(axis=0) - expected) / error).max())


def shares_and_products(shares: FloatArray) -> FloatArray:
    """Columns of the shares and of their products, for first and second moments."""
    upper = np.triu_indices(shares.shape[1])
    return np.hstack([shares, shares[:, upper[0]] * shares[:, upper[1]]])


def test_monotone_shares_are_uniform_on_the_simplex(rng: np.random.Generator) -> None:
    n = 4
    x = rng.standard_normal((n, DRAWS))
    beta = transform(monotone(2.0), x, n)
    np.testing.assert_array_equal(beta[0], 2.0 * x[0])
    kept = np.vstack([beta / beta[0], np.zeros(DRAWS)])
    shares = -np.diff(kept, axis=0).T
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    assert shares.min() > -1e-12
    # Dirichlet(1, 1, 1, 1): mean 1/4, second moments 2/20 and 1/20
    means = [1 / n] * n
    products = [
        (2 if i == j else 1) / (n * (n + 1)) for i, j in np.argwhere(np.triu(np.ones((n, n))))
    ]
    assert far(shares_and_products(shares), np.array(means + products)) < 5
    # negative control: the shares of a stick that loses a uniform part each time
    left = np.cumprod(np.vstack([np.ones(DRAWS), stats.norm.cdf(-x[1:])]), axis=0)
    broken = -np.diff(np.vstack([left, np.zeros(DRAWS)]), axis=0).T
    assert far(shares_and_products(broken), np.array(means + products)) > 5


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_monotone_identity_never_grows_nor_changes_sign(n: int, seed: int) -> None:
    x = 2 * np.random.default_rng(seed).standard_normal((n, 3))
    beta = transform(monotone(0.5), x, n)
    assert beta.shape == (n, 3)
    np.testing.assert_array_equal(beta[0], 0.5 * x[0])
    assert (np.diff(np.abs(beta), axis=0) <= 0).all()
    assert (beta * x[0] >= 0).all()
    assert n_normals(monotone(0.5), n) == n


def test_monotone_by_hand() -> None:
    # medians: U = 1/2 keeps 2^(-1/3), then 2^(-1/2), then 2^(-1) of what is left
    beta = transform(monotone(3.0), np.array([[1.0], [0.0], [0.0], [0.0]]), 4)
    kept = [1, 2 ** (-1 / 3), 2 ** (-5 / 6), 2 ** (-11 / 6)]
    np.testing.assert_allclose(beta[:, 0], 3 * np.array(kept), rtol=1e-12)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.1, 5.0), st.floats(0.1, 5.0))
def test_horseshoe_by_hand(p: float, q: float, scale: float, slab: float) -> None:
    """Common and own sd at known quantiles of the half-Cauchy distribution."""
    x = np.array([1.0, -2.0, stats.norm.ppf(p), 0.0, stats.norm.ppf(q)])
    tau = stats.halfcauchy(scale=scale).ppf(q)
    own = np.array([stats.halfcauchy.ppf(p), 1.0])
    expected = np.array([1.0, -2.0]) / np.sqrt((tau * own) ** -2 + slab**-2)
    beta = transform(horseshoe(scale, slab), x[:, None], 2)
    assert n_normals(horseshoe(scale, slab), 2) == 5
    np.testing.assert_allclose(beta[:, 0], expected, rtol=1e-9)


def below(values: FloatArray, quantiles: FloatArray, levels: FloatArray) -> float:
    """Largest distance of the shares below known quantiles, in binomial standard errors."""
    found = (values[:, None] < quantiles).mean(axis=0)
    return float((np.abs(found - levels) / np.sqrt(levels * (1 - levels) / len(values))).max())


def test_horseshoe_sds_are_half_cauchy(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, DRAWS))
    x[:2] = 1.0  # the coefficients are their sds
    wide = horseshoe(0.3, 1e6)
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    common = np.vstack([x[:2], np.zeros((2, DRAWS)), x[4:]])
    own = np.vstack([x[:4], np.zeros((1, DRAWS))])
    for moved in (common, own):
        sd = transform(wide, moved, 2)[0]
        assert below(sd, stats.halfcauchy(scale=0.3).ppf(levels), levels) < 5
        # negative control: half-normal
        assert below(sd, stats.halfnorm(scale=0.3).ppf(levels), levels) > 5
    # the two own sds are independent given the common one: ranks are uncorrelated
    one, other = np.log(transform(wide, own, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / math.sqrt(DRAWS)
    one, other = np.log(transform(wide, x, 2))  # negative control: they share the common one
    assert abs(np.corrcoef(one, other)[0, 1]) > 5 / math.sqrt(DRAWS)


def test_horseshoe_slab_bounds_a_coefficient_set_free() -> None:
    x = np.array([[1.0], [1.0], [9.0], [-9.0], [3.0]])
    free, held = transform(horseshoe(0.1, 2.0), x, 2)[:, 0]
    assert free == pytest.approx(2.0, rel=1e-9)
    assert 0 < held < 1e-12


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (horseshoe(0.1, 2.0), normal(2.0)),
        (monotone(3.0), normal(3.0)),
        (WALK, WALK),
    ],
)
def test_stand_in_is_normal(prior: Prior, expected: Prior) -> None:
    assert stand_in(prior) == expected


@pytest.mark.parametrize("prior", [horseshoe(1.0, 1.0), monotone(1.0)])
def test_what_is_not_normal_has_no_factor(prior: Prior) -> None:
    with pytest.raises(TypeError, match=f"^prior family '{prior.family}' is not normal$"):
        factor(prior, [0, 1])
    assert learned_scale(prior) is None
