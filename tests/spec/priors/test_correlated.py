"""Independent normal coefficients with a learned sd, correlated between exits."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors import Spread
from hazard.spec.priors.correlated import CorrelatedPrior
from small_priors import REASON, lags

PRIOR = CorrelatedPrior(family="correlated", scale=2.0, concentration=3.0, reason=REASON)


def test_covariance_by_hand() -> None:
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), 4 * np.eye(3), rtol=1e-12)
    np.testing.assert_array_equal(PRIOR.factor(lags(3)), np.eye(3))
    assert PRIOR.spread == Spread(2.0, "levels", 3.0)
    assert (PRIOR.iid, PRIOR.known_sd) == (True, None)
    assert PRIOR.symbols == "Normal(0, D R D), D ~ HalfNormal(2), R ~ LKJ(3)"


def test_small_correlations_are_preferred_by_default() -> None:
    plain = CorrelatedPrior(family="correlated", scale=2.0, reason=REASON)
    assert plain.symbols == "Normal(0, D R D), D ~ HalfNormal(2), R ~ LKJ(2)"
