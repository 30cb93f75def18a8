"""Correlations over exits: valid matrices, the density of their prior, and small linear algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from hazard.arrays import FloatArray
from hazard.model import correlations

DRAWS = 20_000
LEVELS = np.array([0.05, 0.2, 0.5, 0.8, 0.95])


def partials(n_exits: int) -> st.SearchStrategy[list[float]]:
    size = n_exits * (n_exits - 1) // 2
    return st.lists(st.floats(-0.99, 0.99), min_size=size, max_size=size)


MANY = st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), partials(n)))


def square(rows: list[list[float]]) -> FloatArray:
    """Lower triangular matrix from its rows."""
    whole = np.zeros((len(rows), len(rows)))
    for b, row in enumerate(rows):
        whole[b, : b + 1] = row
    return whole


def lower(matrix: FloatArray) -> list[list[float]]:
    return [list(row[: b + 1]) for b, row in enumerate(matrix)]


# --- partial correlations -----------------------------------------------------------------------
@given(MANY)
def test_cholesky_identity_gives_a_correlation_matrix(drawn: tuple[int, list[float]]) -> None:
    n, partial = drawn
    factor = square(correlations.cholesky(partial, n))
    r = factor @ factor.T
    assert (np.diag(factor) > 0).all()
    np.testing.assert_allclose(np.diag(r), 1.0, rtol=1e-12)
    assert (np.abs(r[np.triu_indices(n, 1)]) < 1).all()
    assert np.linalg.eigvalsh(r).min() > -1e-14
    np.testing.assert_allclose(correlations.correlation(np.array(partial), n), r, atol=1e-14)


@given(st.integers(2, 5).flatmap(lambda n: st.tuples(st.just(n), partials(n))))
def test_partial_correlations_identity_residual_correlations(
    drawn: tuple[int, list[float]],
) -> None:
    """The correlation of a and b once both are regressed on the exits before a."""
    n, partial = drawn
    partial = [0.9 * p for p in partial]
    r = correlations.correlation(np.array(partial), n)
    for (a, b), own in zip(correlations.pairs(n), partial, strict=True):
        before, two = slice(0, a), [a, b]
        left = r[np.ix_(two, two)]
        if a:
            left = left - r[two, before] @ np.linalg.solve(r[before, before], r[before, two])
        assert left[0, 1] / math.sqrt(left[0, 0] * left[1, 1]) == pytest.approx(own, abs=1e-7)


def test_three_exits_by_hand() -> None:
    # r12 = p12 sqrt((1 - p01^2) (1 - p02^2)) + p01 p02
    r = correlations.correlation(np.array([0.6, 0.8, -0.5]), 3)
    expected = [[1, 0.6, 0.8], [0.6, 1, 0.24], [0.8, 0.24, 1]]
    np.testing.assert_allclose(r, expected, rtol=1e-12)
    other = correlations.correlation(np.array([0.6, -0.5, 0.8]), 3)  # negative control
    assert not np.allclose(other, expected)


def test_correlations_of_many_at_once(rng: np.random.Generator) -> None:
    partial = rng.uniform(-1, 1, (2, 3, 6))
    many = correlations.correlation(partial, 4)
    assert many.shape == (2, 3, 4, 4)
    one = correlations.correlation(partial[1, 2], 4)
    np.testing.assert_allclose(many[1, 2], one, rtol=1e-12)


# --- their prior --------------------------------------------------------------------------------
def drawn(concentration: float, n_exits: int, rng: np.random.Generator) -> FloatArray:
    shape = correlations.beta_parameter(concentration, n_exits)
    return 2 * rng.beta(shape, shape, (DRAWS, len(shape))) - 1


def off(r: FloatArray, cut: FloatArray) -> float:
    """Largest distance of the shares of each correlation below cuts, in binomial errors."""
    upper = np.triu_indices(r.shape[-1], 1)
    found = (r[:, upper[0], upper[1], None] < cut).mean(axis=0)
    return float((np.abs(found - LEVELS) / np.sqrt(LEVELS * (1 - LEVELS) / len(r))).max())


@pytest.mark.parametrize("n_exits", [2, 3, 4])
@pytest.mark.parametrize("concentration", [1.0, 2.5])
def test_every_correlation_has_its_known_distribution(
    concentration: float, n_exits: int, rng: np.random.Generator
) -> None:
    """(1 + r) / 2 ~ Beta(a, a) with a = concentration - 1 + n / 2, for every pair alike."""
    r = correlations.correlation(drawn(concentration, n_exits, rng), n_exits)
    a = concentration - 1 + n_exits / 2
    assert off(r, 2 * stats.beta(a, a).ppf(LEVELS) - 1) < 5
    assert off(r, 2 * stats.beta(a + 0.5, a + 0.5).ppf(LEVELS) - 1) > 5  # negative control


def log_normaliser(concentration: float, n: int) -> float:
    """Integral of det(R)^(concentration - 1), from Lewandowski, Kurowicka and Joe (2009)."""
    total = 0.0
    for k in range(1, n):
        a = concentration + (n - k - 1) / 2
        total += (n - k) * (2 * concentration - 2 + n - k) * math.log(2)
        total += (n - k) * special.betaln(a, a)
    return total


def test_normaliser_by_hand() -> None:
    # (-1, 1) has length 2; the solid of 3 by 3 correlation matrices has volume pi^2 / 2
    assert math.exp(log_normaliser(1.0, 2)) == pytest.approx(2.0, rel=1e-12)
    assert math.exp(log_normaliser(1.0, 3)) == pytest.approx(math.pi**2 / 2, rel=1e-12)


@pytest.mark.parametrize("n_exits", [2, 3, 4])
@pytest.mark.parametrize("concentration", [0.7, 1.0, 3.0])
def test_density_identity_power_of_the_determinant(
    concentration: float, n_exits: int, rng: np.random.Generator
) -> None:
    """Beta partial correlations have the density of R, times the volume of the map to R."""
    upper = np.triu_indices(n_exits, 1)
    shape = correlations.beta_parameter(concentration, n_exits)

    def entries(at: FloatArray) -> FloatArray:
        return correlations.correlation(at, n_exits)[upper]

    for _ in range(5):
        p = rng.uniform(-0.9, 0.9, len(shape))
        step = 1e-6 * np.eye(len(p))
        volume = np.array([(entries(p + s) - entries(p - s)) / 2e-6 for s in step])
        _, log_det = np.linalg.slogdet(correlations.correlation(p, n_exits))
        of_matrix = (concentration - 1) * log_det - log_normaliser(concentration, n_exits)
        expected = of_matrix + np.linalg.slogdet(volume)[1]
        found = (stats.beta(shape, shape).logpdf((1 + p) / 2) - math.log(2)).sum()
        # a central difference at 1e-6 is known to about eight digits
        assert found == pytest.approx(expected, abs=1e-6)
        equal = np.full_like(shape, concentration)  # negative control: the same for every pair
        if n_exits > 2:
            other = (stats.beta(equal, equal).logpdf((1 + p) / 2) - math.log(2)).sum()
            assert other != pytest.approx(expected, abs=1e-3)


# --- covariances and their derivatives ----------------------------------------------------------
@given(MANY, st.integers(0, 2**32 - 1))
def test_covariance_identity_scaled_correlation(drawn: tuple[int, list[float]], seed: int) -> None:
    n, partial = drawn
    log_sigma = np.random.default_rng(seed).normal(size=n)
    sigma = np.exp(log_sigma)
    found = correlations.covariance(np.r_[log_sigma, np.arctanh(partial)], n)
    r = correlations.correlation(np.array(partial), n)
    expected = sigma[:, None] * r * sigma
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * sigma.max() ** 2)
    alone = correlations.covariance(log_sigma, n)
    np.testing.assert_allclose(alone, np.diag(sigma**2), rtol=1e-12)


@pytest.mark.parametrize(("n_exits", "n_pairs"), [(1, 0), (3, 0), (2, 1), (3, 3), (4, 6)])
def test_derivatives_equal_finite_differences(
    n_exits: int, n_pairs: int, rng: np.random.Generator
) -> None:
    step = 1e-5
    for _ in range(5):
        theta = rng.normal(0, 0.7, n_exits + n_pairs)
        found = correlations.derivatives(theta, n_exits)
        assert found.shape == (len(theta), n_exits, n_exits)
        ends = [
            [correlations.covariance(theta + sign * step * own, n_exits) for sign in (1, -1)]
            for own in np.eye(len(theta))
        ]
        central = np.array([(up - down) / (2 * step) for up, down in ends])
        # third derivatives are at most some ten times the covariance
        known = 10 * step**2 * np.exp(2 * theta[:n_exits].max()) + 1e-10
        np.testing.assert_allclose(found, central, atol=known)
        if len(theta) > 1:  # negative control: two parameters swapped
            assert np.abs(found[[1, 0]] - central[:2]).max() > known


# --- small matrices -----------------------------------------------------------------------------
def positive(n: int, rng: np.random.Generator) -> FloatArray:
    root = rng.normal(size=(n, n))
    return root @ root.T + 0.1 * np.eye(n)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_factor_inverse_and_conditional_equal_numpy(n: int, rng: np.random.Generator) -> None:
    precision = positive(n, rng)
    force, v = rng.normal(size=n), rng.normal(size=n)
    factor = correlations.factor_of(lower(precision))
    np.testing.assert_allclose(square(factor), np.linalg.cholesky(precision), rtol=1e-10)
    inverse = square(correlations.inverse_of(factor))
    np.testing.assert_allclose(inverse, np.linalg.inv(square(factor)), rtol=1e-9, atol=1e-12)
    u = correlations.conditional(factor, list(force), list(v))
    root = np.linalg.cholesky(precision)
    expected = np.linalg.solve(root.T, np.linalg.solve(root, force) + v)
    np.testing.assert_allclose(u, expected, rtol=1e-9)


def test_small_matrices_of_many_at_once(rng: np.random.Generator) -> None:
    precision = np.array([positive(3, rng) for _ in range(7)])
    force, v = rng.normal(size=(2, 7, 3))
    factor = correlations.factor_of([[precision[:, b, a] for a in range(b + 1)] for b in range(3)])
    columns = range(3)
    u = correlations.conditional(factor, [force[:, b] for b in columns], [v[:, b] for b in columns])
    one = correlations.factor_of(lower(precision[4]))
    np.testing.assert_allclose(
        [each[4] for each in u],
        correlations.conditional(one, list(force[4]), list(v[4])),
        rtol=1e-12,
    )


def test_conditional_identity_mean_and_covariance(rng: np.random.Generator) -> None:
    """A draw for v = 0 is the mean; its factor times itself transposed is the covariance."""
    precision, force = positive(3, rng), rng.normal(size=3)
    factor = correlations.factor_of(lower(precision))
    middle = np.array(correlations.conditional(factor, list(force), [0.0] * 3))
    np.testing.assert_allclose(middle, np.linalg.solve(precision, force), rtol=1e-9)
    columns = [correlations.conditional(factor, list(force), list(v)) for v in np.eye(3)]
    root = np.array(columns).T - middle[:, None]
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(precision), rtol=1e-8, atol=1e-12)
