"""Coefficients that never grow with the lag: by hand and by simulation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hazard.arrays import FloatArray
from hazard.model.priors import NUMBERS
from hazard.spec.priors.monotone import MonotonePrior
from small_priors import DRAWS, REASON, far, lags


def monotone(scale: float) -> MonotonePrior:
    return MonotonePrior(family="monotone", scale=scale, reason=REASON)


def shares_and_products(shares: FloatArray) -> FloatArray:
    """Columns of the shares and of their products, for first and second moments."""
    upper = np.triu_indices(shares.shape[1])
    return np.hstack([shares, shares[:, upper[0]] * shares[:, upper[1]]])


def test_shares_are_uniform_on_the_simplex(rng: np.random.Generator) -> None:
    n = 4
    x = rng.standard_normal((n, DRAWS))
    beta = monotone(2.0).transform(x, n, NUMBERS)
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
def test_identity_never_grows_nor_changes_sign(n: int, seed: int) -> None:
    x = 2 * np.random.default_rng(seed).standard_normal((n, 3))
    beta = monotone(0.5).transform(x, n, NUMBERS)
    assert beta.shape == (n, 3)
    np.testing.assert_array_equal(beta[0], 0.5 * x[0])
    assert (np.diff(np.abs(beta), axis=0) <= 0).all()
    assert (beta * x[0] >= 0).all()
    assert monotone(0.5).n_normals(n) == n


def test_by_hand() -> None:
    # medians: U = 1/2 keeps 2^(-1/3), then 2^(-1/2), then 2^(-1) of what is left
    beta = monotone(3.0).transform(np.array([[1.0], [0.0], [0.0], [0.0]]), 4, NUMBERS)
    kept = [1, 2 ** (-1 / 3), 2 ** (-5 / 6), 2 ** (-11 / 6)]
    np.testing.assert_allclose(beta[:, 0], 3 * np.array(kept), rtol=1e-12)


def test_variance_by_hand() -> None:
    """Of two lags the second keeps a uniform share, whose second moment is 1 / 3."""
    found = monotone(3.0)
    np.testing.assert_allclose(found.moments(lags(2)).variance, [9, 3], rtol=1e-12)
    assert (found.reach, found.symbols) == (
        3.0,
        "lag 0 ~ Normal(0, 3), falling, shares ~ Dirichlet(1)",
    )
