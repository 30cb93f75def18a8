"""Standard coordinates of every family of priors: the same predictor, the same prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hazard.model import correlations, design, parameterisation
from hazard.spec.priors import PriorFamily, TransformedFamily
from small_models import FAMILIES, lagged, made, prior
from small_panels import dense, small_panel

STEPS = ("smooth walk", "hierarchical random walk", "polynomial", "hump")


@pytest.mark.parametrize("name", FAMILIES)
def test_coordinates_identity_same_linear_predictor(name: str, rng: np.random.Generator) -> None:
    it = made(name)
    standard = it.standard
    z = rng.normal(size=(standard.design.n_coefficients, standard.n_exits))
    beta = standard.coefficients(z)
    expected = dense(it.design) @ beta
    np.testing.assert_allclose(dense(standard.design) @ z, expected, rtol=1e-9, atol=1e-10)
    other = standard.coefficients(z[::-1])  # negative control
    assert not np.allclose(dense(it.design) @ other, expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_coordinates_identity_same_prior(name: str, rng: np.random.Generator) -> None:
    """Precision of the coordinates, turned into a covariance of the coefficients."""
    it = made(name)
    standard, n = it.standard, it.standard.n_exits
    theta = tuple(0.5 * rng.normal(size=own.shape) for own in standard.start())
    precision = standard.prior_precision(theta)
    given = {g.name: own for g, own in zip(standard.learned, theta, strict=True)}
    for block in it.design.blocks[1:]:
        assert isinstance(block.prior, PriorFamily)
        root = standard.factors[block.name]
        own = np.linalg.inv(precision[standard.design.span(block.name)])
        found = np.einsum("kc,cab,mc->kamb", root, own, root)
        unit = block.prior.factor(np.asarray(block.places(), dtype=float))
        curve = unit @ unit.T
        over_exits = (
            correlations.covariance(given[block.name], n) if block.name in given else np.eye(n)
        )
        expected = np.kron(np.eye(block.copies), curve)[:, None, :, None] * over_exits[:, None, :]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_polynomial_has_fewer_coordinates_than_coefficients() -> None:
    standard = made("polynomial").standard
    assert standard.factors["visit_centre"].shape == (4, 2)
    assert standard.original.n_coefficients - standard.design.n_coefficients == 2


def test_group_of_known_sd_keeps_its_levels() -> None:
    """No dense basis of as many columns as there are levels."""
    it = made("group of known sd")
    assert it.standard.widths == {"centre": 0.3}
    assert it.standard.design.blocks[-1].basis is None
    np.testing.assert_allclose(
        it.standard.prior_precision(())[1:], np.tile(np.eye(2), (6, 1, 1)) / 0.09
    )


@pytest.mark.parametrize("name", ["horseshoe", "monotone"])
def test_what_is_not_normal_keeps_its_coefficients(name: str) -> None:
    it = made(name)
    [(term, own)] = it.standard.transformed.items()
    block = next(block for block in it.design.blocks if block.name == term)
    assert own is block.prior
    assert isinstance(own, TransformedFamily)
    np.testing.assert_array_equal(it.standard.factors[term], own.reach * np.eye(4))


@pytest.mark.parametrize(
    ("family", "more"), [("decay", ", half_life = 1.0"), ("spike", ", rest = 0.1")]
)
def test_leads_are_told_from_lags(family: str, more: str, rng: np.random.Generator) -> None:
    """Lags from -1 to 2, not positions from 0 to 3."""
    spec = lagged(prior(family, more))
    term = spec.term[-1].model_copy(update={"lags": (-1, 2)})
    leads = spec.model_copy(update={"term": (*spec.term[:-1], term)})
    small = small_panel(leads, rng)
    built = design.build(small.panel, small.histories, leads)
    root = parameterisation.standard(built).factors["visit_centre"]
    expected = {"decay": [0.35, 0.7, 0.35, 0.175], "spike": [0.1, 0.7, 0.1, 0.1]}[family]
    np.testing.assert_allclose(root, np.diag(expected), rtol=1e-12)


def test_every_copy_of_a_curve_has_the_prior_of_the_curve() -> None:
    it = made("varying")
    block = next(block for block in it.design.blocks if block.copies > 1)
    walk = next(b for b in it.design.blocks if b.name == block.common_block)
    twin = replace(block, prior=walk.prior)
    blocks = tuple(twin if b is block else b for b in it.design.blocks)
    root = parameterisation.standard(replace(it.design, blocks=blocks)).factors[block.name]
    one = it.standard.factors[walk.name]
    n = len(one)
    assert root.shape == (block.copies * n, block.copies * n)
    for a in range(block.copies):
        for b in range(block.copies):
            part = root[a * n : (a + 1) * n, b * n : (b + 1) * n]
            np.testing.assert_array_equal(part, one if a == b else np.zeros((n, n)))
