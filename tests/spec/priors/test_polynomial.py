"""Normal coefficients on a polynomial of the lag."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.spec.priors.polynomial import PolynomialPrior
from small_priors import REASON, SCALE, lags


def polynomial(scale: float, degree: int) -> PolynomialPrior:
    return PolynomialPrior(family="polynomial", scale=scale, degree=degree, reason=REASON)


@pytest.mark.parametrize(
    ("degree", "expected"),
    [
        # a constant of variance 2; a line of 6 (1 / 3 + x y / 2) at x, y = -1, 0, 1
        (0, [[4, 4, 4], [4, 4, 4], [4, 4, 4]]),
        (1, [[5, 2, -1], [2, 2, 2], [-1, 2, 5]]),
        (2, [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (9, [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
    ],
)
def test_covariance_by_hand(degree: int, expected: list[list[float]]) -> None:
    found = polynomial(2.0, degree).covariance(lags(3))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_symbols() -> None:
    words = "polynomial of degree 3 in the lag, sd 0.5 on average"
    assert polynomial(0.5, 3).symbols == words


@given(SCALE, st.integers(0, 4), st.integers(1, 12))
def test_identities(scale: float, degree: int, n: int) -> None:
    own = polynomial(scale, degree).factor(lags(n))
    r = min(degree + 1, n)
    assert own.shape == (n, r)
    # the mean of the prior variances is scale^2
    assert (own**2).sum() == pytest.approx(n * scale**2, rel=1e-12)
    np.testing.assert_allclose(own.T @ own, n / r * scale**2 * np.eye(r), atol=1e-10 * scale**2)
    if n > degree + 1:
        none = np.diff(own, n=degree + 1, axis=0)
        assert np.abs(none).max() < 1e-9 * scale
        assert np.abs(np.diff(own, n=degree, axis=0)).max() > 1e-3 * scale  # negative control
    # where the lags start does not matter
    moved = polynomial(scale, degree).factor(lags(n) - 3)
    np.testing.assert_allclose(np.abs(moved), np.abs(own), rtol=1e-9, atol=1e-10 * scale)
