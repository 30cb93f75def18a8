"""Stationary autoregression of the coefficients: as uncertain at every lag."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors.autoregressive import AutoregressivePrior
from small_priors import REASON, lags

PRIOR = AutoregressivePrior(family="autoregressive", scale=2.0, correlation=0.5, reason=REASON)


def test_covariance_by_hand() -> None:
    expected = [[4, 2, 1], [2, 4, 2], [1, 2, 4]]
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), expected, rtol=1e-12)
    assert (PRIOR.iid, PRIOR.known_sd) == (False, None)
    assert PRIOR.symbols == "lag l ~ Normal(0, 2), correlations 0.5^distance"


def test_variance_does_not_grow_with_the_lag() -> None:
    np.testing.assert_allclose(PRIOR.moments(lags(24, first=-3)).variance, 4.0, rtol=1e-12)


def test_windows_are_as_far_apart_as_their_middles() -> None:
    """Windows 0, 1 to 2 and 3 to 6: middles 0, 1.5 and 4.5."""
    found = PRIOR.covariance(np.array([0.0, 1.5, 4.5]))
    np.testing.assert_allclose(found[0], 4 * 0.5 ** np.array([0, 1.5, 4.5]), rtol=1e-12)


def test_without_correlation_it_is_independent() -> None:
    none = PRIOR.model_copy(update={"correlation": 0.0})
    np.testing.assert_allclose(none.covariance(lags(4)), 4 * np.eye(4), rtol=1e-12)
    assert not np.allclose(PRIOR.covariance(lags(4)), 4 * np.eye(4))  # negative control
