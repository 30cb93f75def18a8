"""Prior covariances by hand and as identities; the table of priors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_panels import BASELINE, NORMAL, VISIT, model, small_panel

from hazard import design
from hazard.coordinates import standard
from hazard.priors import covariance, describe
from hazard.spec import DecayPrior, NormalPrior, PooledPrior, Prior, RandomWalkPrior, load, read

REASON = "an example only"
SCALE = st.floats(0.01, 100.0)


def normal(scale: float) -> NormalPrior:
    return NormalPrior(family="normal", scale=scale, reason=REASON)


def pooled(scale: float) -> PooledPrior:
    return PooledPrior(family="pooled", scale=scale, reason=REASON)


def walk(scale: float, start: float) -> RandomWalkPrior:
    return RandomWalkPrior(family="random_walk", scale=scale, start=start, reason=REASON)


def decay(scale: float, half_life: float) -> DecayPrior:
    return DecayPrior(family="decay", scale=scale, half_life=half_life, reason=REASON)


PRIORS = st.one_of(
    st.builds(normal, SCALE),
    st.builds(pooled, SCALE),
    st.builds(walk, SCALE, SCALE),
    st.builds(decay, SCALE, st.floats(1.0, 10.0)),
)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (normal(2.0), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (pooled(2.0), [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
        (walk(1.0, 3.0), [[9, 9, 9], [9, 10, 10], [9, 10, 11]]),
        (decay(4.0, 1.0), [[16, 0, 0], [0, 4, 0], [0, 0, 1]]),
    ],
)
def test_covariance_by_hand(prior: Prior, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(covariance(prior, 3), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("lags", "sd"),
    [
        ([0, 1, 2], [4, 2, 1]),
        ([-2, -1, 0, 1], [1, 2, 4, 2]),
        ([-3, -2], [0.5, 1]),
        ([2, 3], [1, 0.5]),
    ],
)
def test_decay_fades_from_lag_zero_by_hand(lags: list[int], sd: list[float]) -> None:
    found = np.diag(covariance(decay(4.0, 1.0), len(lags), lags=lags))
    np.testing.assert_allclose(found, np.square(sd), rtol=1e-12)
    from_the_first = np.diag(covariance(decay(4.0, 1.0), len(lags)))  # negative control
    assert np.allclose(found, from_the_first) == (lags[0] == 0)


@pytest.mark.parametrize("lags", [(-2, 1), (0, 3), (1, 2)])
def test_decay_of_a_term_fades_from_lag_zero(
    lags: tuple[int, int], rng: np.random.Generator
) -> None:
    """The design gives the prior the lags of the term, not the order of its coefficients."""
    wide = VISIT.replace("[0, 2]", str(list(lags))) + NORMAL.replace("1.0", "4.0, half_life = 1.0")
    asked = model(BASELINE + NORMAL, wide.replace("normal", "decay"))
    drawn = small_panel(asked, rng)
    built = design.build(drawn.panel, drawn.histories, asked)
    factor = standard(built).factors["visit_centre"]
    expected = [4.0 / 2 ** abs(lag) for lag in range(lags[0], lags[1] + 1)]
    np.testing.assert_allclose(factor, np.diag(expected), rtol=1e-12)


def test_only_decay_looks_at_lags() -> None:
    for prior in (normal(2.0), pooled(2.0), walk(1.0, 3.0)):
        found = covariance(prior, 3, lags=[-2, -1, 0])
        np.testing.assert_array_equal(found, covariance(prior, 3))


@given(PRIORS, st.integers(1, 12))
def test_covariance_identity_is_symmetric_and_positive(prior: Prior, n: int) -> None:
    k = covariance(prior, n)
    assert k.shape == (n, n)
    np.testing.assert_array_equal(k, k.T)
    assert np.isfinite(np.linalg.cholesky(k)).all()


@given(SCALE, SCALE, st.integers(2, 12))
def test_random_walk_identity_is_a_sum_of_steps(scale: float, start: float, n: int) -> None:
    steps = np.tril(np.ones((n, n))) * np.array([start, *[scale] * (n - 1)])
    k = covariance(walk(scale, start), n)
    np.testing.assert_allclose(k, steps @ steps.T, rtol=1e-12)
    backwards = k[::-1, ::-1]  # negative control: the walk starts at lag 0
    assert not np.allclose(backwards, steps @ steps.T, rtol=1e-12)


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
            'family = "random_walk", scale = 0.5, start = 1',
            "first ~ Normal(0, 1), each step ~ Normal(0, 0.5)",
        ),
        (
            'family = "decay", scale = 0.5, half_life = 3',
            "lag or number l ~ Normal(0, 0.5 * 2^(-|l| / 3))",
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
