"""Independent normal coefficients with a learned sd."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors import Spread
from hazard.spec.priors.pooled import PooledPrior
from small_priors import REASON, lags

PRIOR = PooledPrior(family="pooled", scale=2.0, reason=REASON)


def test_covariance_by_hand() -> None:
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), 4 * np.eye(3), rtol=1e-12)
    np.testing.assert_array_equal(PRIOR.factor(lags(3)), np.eye(3))  # in units of the learned sd
    assert PRIOR.spread == Spread(2.0, "levels", None)
    assert (PRIOR.iid, PRIOR.known_sd) == (True, None)
    assert PRIOR.symbols == "Normal(0, sigma), sigma ~ HalfNormal(2)"
