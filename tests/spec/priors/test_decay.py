"""Independent normal coefficients that fade with the lag."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors.decay import DecayPrior
from small_priors import REASON, lags

PRIOR = DecayPrior(family="decay", scale=4.0, half_life=1.0, reason=REASON)


def test_covariance_by_hand() -> None:
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), np.diag([16, 4, 1]), rtol=1e-12)
    slow = DecayPrior(family="decay", scale=0.5, half_life=3.0, reason=REASON)
    assert slow.symbols == "lag l ~ Normal(0, 0.5 * 2^(-|l| / 3))"


def test_leads_count_as_lags_of_the_same_distance() -> None:
    leads = PRIOR.covariance(lags(4, first=-2))
    np.testing.assert_allclose(leads, np.diag(np.square([1, 2, 4, 2])), rtol=1e-12)
    assert not np.allclose(PRIOR.covariance(lags(4)), leads, rtol=1e-2)  # negative control


def test_neighbours_may_be_alike() -> None:
    """Sds 4, 2 and 1 with correlations 0.5 and 0.25."""
    alike = PRIOR.model_copy(update={"correlation": 0.5})
    expected = [[16, 4, 1], [4, 4, 1], [1, 1, 1]]
    np.testing.assert_allclose(alike.covariance(lags(3)), expected, rtol=1e-12)
    assert alike.symbols == "lag l ~ Normal(0, 4 * 2^(-|l| / 1)), correlations 0.5^distance"
