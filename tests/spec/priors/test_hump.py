"""Normal coefficients that are largest some lags after the event."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hazard.spec.priors.hump import HumpPrior
from small_priors import REASON, SCALE, lags

LOW, HIGH = math.sqrt(math.e) / 2, 1.5 / math.sqrt(math.e)  # r exp(1 - r) at r = 1/2 and 3/2


def hump(scale: float, peak: float, shape: float, correlation: float) -> HumpPrior:
    return HumpPrior(
        family="hump",
        scale=scale,
        peak=peak,
        shape=shape,
        correlation=correlation,
        reason=REASON,
    )


def test_covariance_by_hand() -> None:
    expected = [
        [4 * LOW**2, 2 * LOW, LOW * HIGH],
        [2 * LOW, 4, 2 * HIGH],
        [LOW * HIGH, 2 * HIGH, 4 * HIGH**2],
    ]
    found = hump(2.0, peak=1.0, shape=1.0, correlation=0.5).covariance(lags(3))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_leads_count_as_lags_of_the_same_distance() -> None:
    prior = hump(2.0, peak=1.0, shape=1.0, correlation=0.0)
    leads = prior.covariance(lags(4, first=-2))
    np.testing.assert_allclose(
        leads, np.diag(np.square([2 * HIGH, 2, 2 * LOW, 2])), rtol=1e-12, atol=1e-12
    )
    assert not np.allclose(prior.covariance(lags(4)), leads, rtol=1e-2)  # negative control


def test_symbols_and_defaults() -> None:
    assert HumpPrior(family="hump", scale=0.5, peak=3.0, reason=REASON).symbols == (
        "lag l ~ Normal(0, 0.5 k(l)), k(l) gamma-shaped (2), largest at 3, "
        "correlations 0.8^distance"
    )


@given(
    st.builds(hump, SCALE, st.floats(0.5, 8.0), st.floats(0.1, 3.0), st.floats(0.0, 0.95)),
    st.integers(1, 6),
)
def test_identity_largest_at_its_peak(prior: HumpPrior, peak: int) -> None:
    there = prior.model_copy(update={"peak": float(peak)})
    sd = np.sqrt(there.moments(lags(12)).variance)
    assert sd.argmax() == peak
    np.testing.assert_allclose(sd[peak], prior.scale, rtol=1e-12)
    assert (np.diff(sd[: peak + 1]) > 0).all()
    assert (np.diff(sd[peak:]) < 0).all()
    narrower = there.model_copy(update={"shape": prior.shape + 0.5})
    assert (np.delete(narrower.moments(lags(12)).variance < sd**2, peak)).all()
