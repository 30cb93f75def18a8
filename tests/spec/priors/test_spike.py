"""Independent normal coefficients, wide in the month of the event only."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors.spike import SpikePrior
from small_priors import REASON, lags

PRIOR = SpikePrior(family="spike", scale=3.0, rest=0.5, reason=REASON)


def test_covariance_by_hand() -> None:
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), np.diag([9, 0.25, 0.25]), rtol=1e-12)
    assert PRIOR.symbols == "lag 0 ~ Normal(0, 3), others ~ Normal(0, 0.5)"
    assert PRIOR.singles_out_event


def test_leads_are_others() -> None:
    leads = PRIOR.covariance(lags(4, first=-2))
    np.testing.assert_allclose(leads, np.diag(np.square([0.5, 0.5, 3, 0.5])), rtol=1e-12)
    assert not np.allclose(PRIOR.covariance(lags(4)), leads, rtol=1e-2)  # negative control
