"""Prior covariances by hand and as identities; the table of priors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.model import design
from hazard.model.parameterisation import standard
from hazard.model.priors import concentration, covariance, describe, factor, learned_scale
from hazard.spec import load, read
from hazard.spec.priors import (
    CorrelatedPrior,
    DecayPrior,
    HumpPrior,
    LearnedWalkPrior,
    NormalPrior,
    PolynomialPrior,
    PooledPrior,
    Prior,
    RandomWalkPrior,
    SpikePrior,
)
from small_panels import BASELINE, NORMAL, VISIT, model, small_panel

REASON = "an example only"
SCALE = st.floats(0.01, 100.0)


def normal(scale: float) -> NormalPrior:
    return NormalPrior(family="normal", scale=scale, reason=REASON)


def pooled(scale: float) -> PooledPrior:
    return PooledPrior(family="pooled", scale=scale, reason=REASON)


def correlated(scale: float) -> CorrelatedPrior:
    return CorrelatedPrior(family="correlated", scale=scale, concentration=3.0, reason=REASON)


def walk(scale: float, start: float) -> RandomWalkPrior:
    return RandomWalkPrior(family="random_walk", scale=scale, start=start, reason=REASON)


def smooth(scale: float, start: float) -> RandomWalkPrior:
    return walk(scale, start).model_copy(update={"order": 2})


def learned_walk(scale: float) -> LearnedWalkPrior:
    return LearnedWalkPrior(family="learned_walk", scale=scale, reason=REASON)


def decay(scale: float, half_life: float) -> DecayPrior:
    return DecayPrior(family="decay", scale=scale, half_life=half_life, reason=REASON)


def hump(scale: float, peak: float, shape: float, correlation: float) -> HumpPrior:
    return HumpPrior(
        family="hump",
        scale=scale,
        peak=peak,
        shape=shape,
        correlation=correlation,
        reason=REASON,
    )


def polynomial(scale: float, degree: int) -> PolynomialPrior:
    return PolynomialPrior(family="polynomial", scale=scale, degree=degree, reason=REASON)


def spike(scale: float, rest: float) -> SpikePrior:
    return SpikePrior(family="spike", scale=scale, rest=rest, reason=REASON)


HUMPS = st.builds(hump, SCALE, st.floats(0.5, 8.0), st.floats(0.1, 3.0), st.floats(0.0, 0.95))
FULL = st.one_of(
    st.builds(normal, SCALE),
    st.builds(pooled, SCALE),
    st.builds(correlated, SCALE),
    st.builds(walk, SCALE, SCALE),
    st.builds(smooth, SCALE, SCALE),
    st.builds(learned_walk, SCALE),
    st.builds(decay, SCALE, st.floats(1.0, 10.0)),
    HUMPS,
    st.builds(spike, SCALE, SCALE),
)

LOW, HIGH = math.sqrt(math.e) / 2, 1.5 / math.sqrt(math.e)  # r exp(1 - r) at r = 1/2 and 3/2


# --- normal priors ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (normal(2.0), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (pooled(2.0), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (correlated(2.0), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (walk(1.0, 3.0), [[9, 9, 9], [9, 10, 10], [9, 10, 11]]),
        # 3 z0, 3 z0 + z1, 3 z0 + 2 z1 + z2
        (smooth(1.0, 3.0), [[9, 9, 9], [9, 10, 11], [9, 11, 14]]),
        (learned_walk(2.0), [[4, 4, 4], [4, 8, 8], [4, 8, 12]]),
        (decay(4.0, 1.0), [[16, 0, 0], [0, 4, 0], [0, 0, 1]]),
        (spike(3.0, 0.5), [[9, 0, 0], [0, 0.25, 0], [0, 0, 0.25]]),
        (
            hump(2.0, peak=1.0, shape=1.0, correlation=0.5),
            [
                [4 * LOW**2, 2 * LOW, LOW * HIGH],
                [2 * LOW, 4, 2 * HIGH],
                [LOW * HIGH, 2 * HIGH, 4 * HIGH**2],
            ],
        ),
        # a constant of variance 2; a line of 6 (1 / 3 + x y / 2) at x, y = -1, 0, 1
        (polynomial(2.0, 0), [[4, 4, 4], [4, 4, 4], [4, 4, 4]]),
        (polynomial(2.0, 1), [[5, 2, -1], [2, 2, 2], [-1, 2, 5]]),
        (polynomial(2.0, 2), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (polynomial(2.0, 9), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
    ],
)
def test_covariance_by_hand(prior: Prior, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(covariance(prior, [0, 1, 2]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("prior", "sds"),
    [
        (decay(4.0, 1.0), [1, 2, 4, 2]),
        (spike(3.0, 0.5), [0.5, 0.5, 3, 0.5]),
        (hump(2.0, peak=1.0, shape=1.0, correlation=0.0), [2 * HIGH, 2, 2 * LOW, 2]),
    ],
)
def test_leads_count_as_lags_of_the_same_distance(prior: Prior, sds: list[float]) -> None:
    leads = covariance(prior, [-2, -1, 0, 1])
    np.testing.assert_allclose(leads, np.diag(np.square(sds)), rtol=1e-12)
    positions = covariance(prior, [0, 1, 2, 3])  # negative control
    assert not np.allclose(positions, leads, rtol=1e-2)


@pytest.mark.parametrize("lags", [(-2, 1), (0, 3), (1, 2)])
def test_decay_of_a_term_fades_from_lag_zero(
    lags: tuple[int, int], rng: np.random.Generator
) -> None:
    """The design gives the prior the lags of the term, not the order of its coefficients."""
    wide = VISIT.replace("[0, 2]", str(list(lags))) + NORMAL.replace("1.0", "4.0, half_life = 1.0")
    asked = model(BASELINE + NORMAL, wide.replace("normal", "decay"))
    drawn = small_panel(asked, rng)
    built = design.build(drawn.panel, drawn.histories, asked)
    found = standard(built).factors["visit_centre"]
    expected = [4.0 / 2 ** abs(lag) for lag in range(lags[0], lags[1] + 1)]
    np.testing.assert_allclose(found, np.diag(expected), rtol=1e-12)


@given(FULL, st.integers(1, 12), st.integers(-3, 0))
def test_covariance_identity_is_symmetric_and_positive(prior: Prior, n: int, first: int) -> None:
    k = covariance(prior, np.arange(first, first + n))
    assert k.shape == (n, n)
    np.testing.assert_array_equal(k, k.T)
    assert np.isfinite(np.linalg.cholesky(k)).all()
    own = factor(prior, np.arange(first, first + n))
    unit = learned_scale(prior) or 1.0
    np.testing.assert_allclose(unit**2 * own @ own.T, k, rtol=1e-12)


@given(SCALE, SCALE, st.integers(2, 12))
def test_random_walk_identity_is_a_sum_of_steps(scale: float, start: float, n: int) -> None:
    steps = np.tril(np.ones((n, n))) * np.array([start, *[scale] * (n - 1)])
    k = covariance(walk(scale, start), np.arange(n))
    np.testing.assert_allclose(k, steps @ steps.T, rtol=1e-12)
    backwards = k[::-1, ::-1]  # negative control: the walk starts at lag 0
    assert not np.allclose(backwards, steps @ steps.T, rtol=1e-12)


@given(st.floats(0.1, 10.0), st.floats(0.1, 10.0), st.integers(3, 12))
def test_smooth_walk_identity_of_its_differences(scale: float, start: float, n: int) -> None:
    """The first step and all changes of the step are independent, with the same sd."""
    change = np.diff(np.eye(n), n=2, axis=0)
    rows = np.vstack([np.eye(n)[:1], np.eye(n)[1:2] - np.eye(n)[:1], change])
    expected = np.diag([start**2, *[scale**2] * (n - 1)])
    known = 1e-12 * n**4 * (scale + start) ** 2  # entries grow with the cube of the lag
    k = covariance(smooth(scale, start), np.arange(n))
    np.testing.assert_allclose(rows @ k @ rows.T, expected, atol=known)
    first = covariance(walk(scale, start), np.arange(n))  # negative control: order 1
    assert not np.allclose(rows @ first @ rows.T, expected, rtol=0, atol=known)


@given(SCALE, st.integers(0, 4), st.integers(1, 12))
def test_polynomial_identities(scale: float, degree: int, n: int) -> None:
    own = factor(polynomial(scale, degree), np.arange(n))
    r = min(degree + 1, n)
    assert own.shape == (n, r)
    # the mean of the prior variances is scale^2
    assert (own**2).sum() == pytest.approx(n * scale**2, rel=1e-12)
    np.testing.assert_allclose(own.T @ own, n / r * scale**2 * np.eye(r), atol=1e-10 * scale**2)
    if n > degree + 1:
        none = np.diff(own, n=degree + 1, axis=0)
        assert np.abs(none).max() < 1e-9 * scale
        assert np.abs(np.diff(own, n=degree, axis=0)).max() > 1e-3 * scale  # negative control
    # where the lags start does not matter
    moved = factor(polynomial(scale, degree), np.arange(n) - 3)
    np.testing.assert_allclose(np.abs(moved), np.abs(own), rtol=1e-9, atol=1e-10 * scale)


@given(HUMPS, st.integers(1, 6))
def test_hump_identity_largest_at_its_peak(prior: HumpPrior, peak: int) -> None:
    there = prior.model_copy(update={"peak": float(peak)})
    sd = np.sqrt(np.diag(covariance(there, np.arange(12))))
    assert sd.argmax() == peak
    assert sd[peak] == pytest.approx(prior.scale, rel=1e-12)
    assert (np.diff(sd[: peak + 1]) > 0).all()
    assert (np.diff(sd[peak:]) < 0).all()
    narrower = there.model_copy(update={"shape": prior.shape + 0.5})
    assert (np.delete(np.diag(covariance(narrower, np.arange(12))) < sd**2, peak)).all()


@pytest.mark.parametrize(
    ("prior", "scale", "own"),
    [
        (pooled(2.0), 2.0, None),
        (correlated(2.0), 2.0, 3.0),
        (learned_walk(2.0), 2.0, None),
        (normal(2.0), None, None),
        (smooth(2.0, 1.0), None, None),
    ],
)
def test_what_is_learned(prior: Prior, scale: float | None, own: float | None) -> None:
    assert learned_scale(prior) == scale
    assert concentration(prior) == own


# --- for readers --------------------------------------------------------------------------------
def test_describe_lists_every_prior_with_its_reason() -> None:
    spec = read("oslo2016")
    table = describe(spec)
    assert table["name"].tolist() == ["intercept", *[term.name for term in spec.term]]
    assert table["role"].tolist() == ["intercept", *[term.kind for term in spec.term]]
    assert table["reason"].tolist() == [
        spec.outcome.intercept.reason,
        *[term.prior.reason for term in spec.term],
    ]


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ('family = "normal", scale = 0.5', "Normal(0, 0.5)"),
        ('family = "pooled", scale = 2', "Normal(0, sigma), sigma ~ HalfNormal(2)"),
        (
            'family = "correlated", scale = 2',
            "Normal(0, D R D), D ~ HalfNormal(2), R ~ LKJ(2)",
        ),
        (
            'family = "correlated", scale = 2, concentration = 1.5',
            "Normal(0, D R D), D ~ HalfNormal(2), R ~ LKJ(1.5)",
        ),
        (
            'family = "random_walk", scale = 0.5, start = 1',
            "first ~ Normal(0, 1), each step ~ Normal(0, 0.5)",
        ),
        (
            'family = "random_walk", scale = 0.5, start = 1, order = 2',
            "first ~ Normal(0, 1), each change of the step ~ Normal(0, 0.5)",
        ),
        (
            'family = "learned_walk", scale = 0.5',
            "each step ~ Normal(0, sigma), sigma ~ HalfNormal(0.5)",
        ),
        ('family = "decay", scale = 0.5, half_life = 3', "lag l ~ Normal(0, 0.5 * 2^(-|l| / 3))"),
        (
            'family = "hump", scale = 0.5, peak = 3',
            (
                "lag l ~ Normal(0, 0.5 k(l)), k(l) gamma-shaped (2), largest at 3, "
                "correlations 0.8^distance"
            ),
        ),
        (
            'family = "polynomial", scale = 0.5, degree = 3',
            "polynomial of degree 3 in the lag, sd 0.5 on average",
        ),
        (
            'family = "spike", scale = 0.5, rest = 0.1',
            "lag 0 ~ Normal(0, 0.5), others ~ Normal(0, 0.1)",
        ),
        (
            'family = "horseshoe", scale = 0.1, slab = 2',
            "horseshoe, tau ~ HalfCauchy(0.1), slab 2",
        ),
        (
            'family = "monotone", scale = 0.5',
            "lag 0 ~ Normal(0, 0.5), falling, shares ~ Dirichlet(1)",
        ),
    ],
)
def test_describe_says_the_distribution(prior: str, words: str) -> None:
    spec = load(
        'name = "example"\nquestion = "Is this an example?"\n[outcome]\nexits = ["left"]\n'
        '[[term]]\nkind = "calendar"\nby = "year"\n'
        f'prior = {{ {prior}, reason = "{REASON}" }}\n'
    )
    assert describe(spec)["distribution"].tolist() == ["Normal(-4, 2.5)", words]
