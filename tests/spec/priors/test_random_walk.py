"""Random walks of the coefficients, and of their steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.spec.priors.random_walk import RandomWalkPrior
from small_priors import REASON, SCALE, lags


def walk(scale: float, start: float) -> RandomWalkPrior:
    return RandomWalkPrior(family="random_walk", scale=scale, start=start, reason=REASON)


def smooth(scale: float, start: float) -> RandomWalkPrior:
    return walk(scale, start).model_copy(update={"order": 2})


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (walk(1.0, 3.0), [[9, 9, 9], [9, 10, 10], [9, 10, 11]]),
        # 3 z0, 3 z0 + z1, 3 z0 + 2 z1 + z2
        (smooth(1.0, 3.0), [[9, 9, 9], [9, 10, 11], [9, 11, 14]]),
    ],
)
def test_covariance_by_hand(prior: RandomWalkPrior, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(prior.covariance(lags(3)), expected, rtol=1e-12)
    assert (prior.iid, prior.known_sd) == (False, None)


def test_symbols() -> None:
    assert walk(0.5, 1.0).symbols == "first ~ Normal(0, 1), each step ~ Normal(0, 0.5)"
    assert smooth(0.5, 1.0).symbols == (
        "first ~ Normal(0, 1), each change of the step ~ Normal(0, 0.5)"
    )


@given(SCALE, SCALE, st.integers(2, 12))
def test_identity_is_a_sum_of_steps(scale: float, start: float, n: int) -> None:
    steps = np.tril(np.ones((n, n))) * np.array([start, *[scale] * (n - 1)])
    k = walk(scale, start).covariance(lags(n))
    np.testing.assert_allclose(k, steps @ steps.T, rtol=1e-12)
    backwards = k[::-1, ::-1]  # negative control: the walk starts at lag 0
    assert not np.allclose(backwards, steps @ steps.T, rtol=1e-12)


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0), st.integers(3, 12))
def test_smooth_identity_of_its_differences(scale: float, start: float, n: int) -> None:
    """The first step and all changes of the step are independent, with the same sd."""
    change = np.diff(np.eye(n), n=2, axis=0)
    rows = np.vstack([np.eye(n)[:1], np.eye(n)[1:2] - np.eye(n)[:1], change])
    expected = np.diag([start**2, *[scale**2] * (n - 1)])
    known = 1e-12 * n**4 * (scale + start) ** 2  # entries grow with the cube of the lag
    k = smooth(scale, start).covariance(lags(n))
    np.testing.assert_allclose(rows @ k @ rows.T, expected, atol=known)
    first = walk(scale, start).covariance(lags(n))  # negative control: order 1
    assert not np.allclose(rows @ first @ rows.T, expected, rtol=0, atol=known)
