"""Priors in numbers and as a table."""

from __future__ import annotations

import numpy as np
import pytest

from hazard.model import design
from hazard.model.parameterisation import standard
from hazard.model.priors import covariance, describe, draws
from hazard.spec import load, read
from hazard.spec.priors import FAMILIES, NormalFamily, Prior
from small_panels import BASELINE, NORMAL, VISIT, model, small_panel
from small_priors import DRAWS, REASON, example, lags

PRIORS = [example(family) for family in FAMILIES]
NAMES = [prior.family for prior in PRIORS]


# --- numbers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_covariance_is_of_normal_families(prior: Prior) -> None:
    if isinstance(prior, NormalFamily):
        np.testing.assert_array_equal(covariance(prior, [0, 1]), prior.covariance(lags(2)))
        assert np.isfinite(np.linalg.cholesky(covariance(prior, [-1.5, 0, 1]))).all()
    else:
        with pytest.raises(TypeError, match=f"^prior family '{prior.family}' is not normal$"):
            covariance(prior, [0, 1])


@pytest.mark.parametrize("prior", PRIORS, ids=NAMES)
def test_draws_have_the_covariance(prior: Prior, rng: np.random.Generator) -> None:
    """Products of coefficients, and none between draws."""
    drawn = draws(prior, [-1, 0, 1], DRAWS, rng)
    assert drawn.shape == (3, DRAWS)
    if not isinstance(prior, NormalFamily):
        return
    upper = np.triu_indices(3)
    products = drawn[upper[0]] * drawn[upper[1]]
    error = products.std(axis=1) / DRAWS**0.5
    expected = covariance(prior, [-1, 0, 1])[upper]
    assert (np.abs(products.mean(axis=1) - expected) / error).max() < 5
    far = np.abs(products.mean(axis=1) - 2 * expected)  # negative control
    assert (far / error).max() > 5


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
            'family = "hierarchical_random_walk", scale = 0.5',
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
