"""Independent normal coefficients with a known sd."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors.normal import NormalPrior
from small_priors import REASON, lags

PRIOR = NormalPrior(family="normal", scale=2.0, reason=REASON)


def test_covariance_by_hand() -> None:
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), 4 * np.eye(3), rtol=1e-12)
    assert (PRIOR.iid, PRIOR.known_sd) == (True, 2.0)
    assert PRIOR.symbols == "Normal(0, 2)"
