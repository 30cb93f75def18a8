"""Most coefficients near zero, a few free: by hand and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from hazard.arrays import FloatArray
from hazard.model.priors import NUMBERS
from hazard.spec.priors.horseshoe import HorseshoePrior
from small_priors import DRAWS, REASON, lags


def horseshoe(scale: float, slab: float) -> HorseshoePrior:
    return HorseshoePrior(family="horseshoe", scale=scale, slab=slab, reason=REASON)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.1, 5.0), st.floats(0.1, 5.0))
def test_by_hand(p: float, q: float, scale: float, slab: float) -> None:
    """Common and own sd at known quantiles of the half-Cauchy distribution."""
    x = np.array([1.0, -2.0, stats.norm.ppf(p), 0.0, stats.norm.ppf(q)])
    tau = stats.halfcauchy(scale=scale).ppf(q)
    own = np.array([stats.halfcauchy.ppf(p), 1.0])
    expected = np.array([1.0, -2.0]) / np.sqrt((tau * own) ** -2 + slab**-2)
    beta = horseshoe(scale, slab).transform(x[:, None], 2, NUMBERS)
    assert horseshoe(scale, slab).n_normals(2) == 5
    np.testing.assert_allclose(beta[:, 0], expected, rtol=1e-9)


def below(values: FloatArray, quantiles: FloatArray, levels: FloatArray) -> float:
    """Largest distance of the shares below known quantiles, in binomial standard errors."""
    found = (values[:, None] < quantiles).mean(axis=0)
    return float((np.abs(found - levels) / np.sqrt(levels * (1 - levels) / len(values))).max())


def test_sds_are_half_cauchy(rng: np.random.Generator) -> None:
    x = rng.standard_normal((5, DRAWS))
    x[:2] = 1.0  # the coefficients are their sds
    wide = horseshoe(0.3, 1e6)
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    common = np.vstack([x[:2], np.zeros((2, DRAWS)), x[4:]])
    own = np.vstack([x[:4], np.zeros((1, DRAWS))])
    for moved in (common, own):
        sd = wide.transform(moved, 2, NUMBERS)[0]
        assert below(sd, stats.halfcauchy(scale=0.3).ppf(levels), levels) < 5
        # negative control: half-normal
        assert below(sd, stats.halfnorm(scale=0.3).ppf(levels), levels) > 5
    # the two own sds are independent given the common one: ranks are uncorrelated
    one, other = np.log(wide.transform(own, 2, NUMBERS))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / math.sqrt(DRAWS)
    one, other = np.log(
        wide.transform(x, 2, NUMBERS)
    )  # negative control: they share the common one
    assert abs(np.corrcoef(one, other)[0, 1]) > 5 / math.sqrt(DRAWS)


def test_slab_bounds_a_coefficient_set_free() -> None:
    x = np.array([[1.0], [1.0], [9.0], [-9.0], [3.0]])
    free, held = horseshoe(0.1, 2.0).transform(x, 2, NUMBERS)[:, 0]
    assert free == pytest.approx(2.0, rel=1e-9)
    assert 0 < held < 1e-12


def test_variance_by_hand() -> None:
    """At r = scale / slab = 1 half of slab^2: r D / (1 + r D) and its inverse are alike."""
    found = horseshoe(2.0, 2.0)
    np.testing.assert_allclose(found.moments(lags(3)).variance, [2, 2, 2], rtol=1e-12)
    assert (found.reach, found.symbols) == (2.0, "horseshoe, tau ~ HalfCauchy(2), slab 2")


def test_variance_reference_quadrature() -> None:
    """E[v^2 / (1 + v^2 / slab^2)] over the product of two half-Cauchys, by their angles."""
    prior = horseshoe(0.3, 1.7)

    def kept(a: float, b: float) -> float:
        v = (0.3 * np.tan(a) * np.tan(b)) ** 2
        return v / (1 + v / 1.7**2)

    found, error = integrate.dblquad(kept, 0, np.pi / 2, 0, np.pi / 2)
    factor = (2 / np.pi) ** 2
    variance = prior.moments(lags(1)).variance[0]
    assert abs(variance - factor * found) < max(1e-7, 2 * factor * error)
