"""A random walk from the reference level, whose steps have a learned sd."""

from __future__ import annotations

import numpy as np

from hazard.spec.priors import Spread
from hazard.spec.priors.hierarchical_random_walk import HierarchicalRandomWalkPrior
from small_priors import REASON, lags

PRIOR = HierarchicalRandomWalkPrior(family="hierarchical_random_walk", scale=2.0, reason=REASON)


def test_covariance_by_hand() -> None:
    expected = [[4, 4, 4], [4, 8, 8], [4, 8, 12]]
    np.testing.assert_allclose(PRIOR.covariance(lags(3)), expected, rtol=1e-12)
    assert PRIOR.spread == Spread(2.0, "steps", None)
    assert (PRIOR.iid, PRIOR.known_sd) == (False, None)
    assert PRIOR.symbols == "each step ~ Normal(0, sigma), sigma ~ HalfNormal(2)"
    wide = PRIOR.covariance(np.array([0.0, 4.0]))  # a gap of four months is four steps
    np.testing.assert_allclose(wide, [[4, 4], [4, 20]], rtol=1e-12)
