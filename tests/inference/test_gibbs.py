"""Gibbs draws under a horseshoe or a monotone prior, against the same by importance sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hazard.arrays import FloatArray
from hazard.inference import gibbs, laplace, laplace_draws
from hazard.model import design, parameterisation
from hazard.model.priors import NUMBERS
from hazard.spec.priors.horseshoe import HorseshoePrior
from hazard.spec.priors.monotone import MonotonePrior
from small_panels import BASELINE, NORMAL, VISIT, model, small_panel

HORSESHOE = HorseshoePrior(family="horseshoe", scale=0.2, slab=1.0, reason="an example only")
MONOTONE = MonotonePrior(family="monotone", scale=1.0, reason="an example only")
PRECISION = np.array([[4.0, 1.0, -0.5], [1.0, 3.0, 0.8], [-0.5, 0.8, 2.0]])
FORCE = np.array([2.0, -1.0, 3.0])
N = 6_400


def moments(c: FloatArray) -> FloatArray:
    """Values, squares and products, and whether a coefficient is near zero; (moment, draw)."""
    return np.vstack([c, c**2, c[:1] * c[1:], np.abs(c) < 0.05])


def by_importance(
    prior: HorseshoePrior | MonotonePrior, rng: np.random.Generator, *, strength: float
) -> tuple[FloatArray, FloatArray]:
    """Posterior moments from prior draws weighted by the likelihood, and their standard errors."""
    x = rng.standard_normal((prior.n_normals(3), 400_000))
    c = prior.transform(x, 3, NUMBERS)
    fit = strength * (FORCE @ c - 0.5 * (c * (PRECISION @ c)).sum(axis=0))
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    values = moments(c)
    mean = values @ weight
    return mean, np.sqrt(((values - mean[:, None]) ** 2) @ weight**2)


def by_gibbs(
    prior: HorseshoePrior | MonotonePrior, rng: np.random.Generator, *, strength: float
) -> tuple[FloatArray, FloatArray]:
    """The same from draws; errors from the means of the 64 chains, which are independent."""
    curve = gibbs.Curve(prior, np.arange(3))
    c = gibbs.draws([curve], strength * PRECISION, strength * FORCE, n=N, rng=rng)
    assert c.shape == (3, N)
    chains = moments(c).reshape(-1, N // 64, 64).mean(axis=1)  # draw i is of chain i modulo 64
    return chains.mean(axis=1), chains.std(axis=1, ddof=1) / 8


def apart(one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]) -> float:
    """Largest distance of two sets of moments, in standard errors."""
    return float((np.abs(one[0] - other[0]) / np.hypot(one[1], other[1])).max())


@pytest.mark.parametrize("prior", [HORSESHOE, MONOTONE], ids=["horseshoe", "monotone"])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_draws_reference_importance_sampling(
    prior: HorseshoePrior | MonotonePrior, strength: float, rng: np.random.Generator
) -> None:
    """Eleven moments: one run in 10,000 has one beyond five standard errors, by Student's t(63)."""
    found = by_gibbs(prior, rng, strength=strength)
    assert apart(found, by_importance(prior, rng, strength=strength)) < 5
    # negative control: another strength of the likelihood
    assert apart(found, by_importance(prior, rng, strength=strength + 0.3)) > 5


def test_strong_likelihood_leaves_no_chain_behind(rng: np.random.Generator) -> None:
    """Where the rows say nearly all, every chain is at what they say."""
    middle = np.array([0.9, 0.5, 0.1])
    for prior in (HORSESHOE, MONOTONE):
        curve = gibbs.Curve(prior, np.arange(3))
        c = gibbs.draws([curve], 1e6 * np.eye(3), 1e6 * middle, n=640, rng=rng)
        assert np.abs(c.T - middle).max() < 6e-3
        assert c.std(axis=1) == pytest.approx(np.full(3, 1e-3), rel=0.2)


def test_monotone_draws_never_grow_and_take_either_sign(rng: np.random.Generator) -> None:
    curve = gibbs.Curve(MONOTONE, np.arange(3))
    c = gibbs.draws([curve], np.eye(3), np.zeros(3), n=N, rng=rng)
    assert (np.diff(np.abs(c), axis=0) <= 0).all()
    assert (c * c[0] >= 0).all()
    above = (c[0] > 0).reshape(64, -1).mean(axis=1)
    assert abs(above.mean() - 0.5) < 5 * above.std(ddof=1) / 8


def test_curves_meet_each_other_in_the_likelihood(rng: np.random.Generator) -> None:
    """Two curves of one coefficient whose sum is known: each is what the other is not."""
    curves = [gibbs.Curve(HORSESHOE, np.array([1])), gibbs.Curve(MONOTONE, np.array([0]))]
    c = gibbs.draws(curves, 1e4 * np.ones((2, 2)), np.zeros(2), n=N, rng=rng)
    assert np.abs(c.sum(axis=0)).max() < 0.06
    assert np.corrcoef(c)[0, 1] < -0.99


def test_same_seed_same_draws() -> None:
    curve = gibbs.Curve(HORSESHOE, np.arange(3))
    one, two, other = (
        gibbs.draws([curve], PRECISION, FORCE, n=70, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_approximation_puts_each_exit_in_its_place(rng: np.random.Generator) -> None:
    """A slab without any shrinkage is the normal stand-in: the draws are the approximation's."""
    spec = model(BASELINE + NORMAL, VISIT + NORMAL, exits=2)
    made = small_panel(spec, rng, persons=300)
    built = design.build(made.panel, made.histories, spec)
    free = HorseshoePrior(family="horseshoe", scale=1e6, slab=1.0, reason="an example only")
    blocks = tuple(
        replace(block, prior=free) if block.name == "visit_centre" else block
        for block in built.blocks
    )
    around = laplace.fit(parameterisation.standard(replace(built, blocks=blocks)))
    drawn = laplace_draws.draws(around, N, rng)["beta_visit_centre"].values[0]
    mode = around.mode.beta[built.span("visit_centre")]
    sd = np.sqrt(around.variances()[built.span("visit_centre")])
    # draws of a chain are not independent: 64 are
    assert (np.abs(drawn.mean(axis=0) - mode) / sd).max() < 5 / 8
    assert drawn.std(axis=0) == pytest.approx(sd, rel=5 / np.sqrt(2 * 64))
    swapped = np.abs(drawn.mean(axis=0) - mode[:, ::-1]) / sd
    assert swapped.max() > 5 / 8  # negative control


# --- a family without a step of its own -----------------------------------------------------------
class SlicedHorseshoe(HorseshoePrior):
    gibbs = None


class SlicedMonotone(MonotonePrior):
    gibbs = None


SLICED = {
    "horseshoe": (SlicedHorseshoe(**HORSESHOE.model_dump()), HORSESHOE),
    "monotone": (SlicedMonotone(**MONOTONE.model_dump()), MONOTONE),
}


@pytest.mark.parametrize("name", SLICED)
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_slices_reference_importance_sampling(
    name: str, strength: float, rng: np.random.Generator
) -> None:
    """The same eleven moments by elliptical slices, which move more slowly."""
    sliced, whole = SLICED[name]
    found = by_gibbs(sliced, rng, strength=strength)
    assert apart(found, by_importance(whole, rng, strength=strength)) < 5
    # negative control: another strength of the likelihood
    assert apart(found, by_importance(whole, rng, strength=strength + 0.6)) > 5


def test_slices_are_in_units_of_the_reach() -> None:
    wide = SlicedMonotone(family="monotone", scale=7.0, reason="an example only")
    one, other = (
        gibbs.draws(
            [gibbs.Curve(prior, np.arange(3))], PRECISION, FORCE, n=70, rng=np.random.default_rng(1)
        )
        for prior in (SLICED["monotone"][0], wide)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_slices_and_steps_meet_in_the_likelihood(rng: np.random.Generator) -> None:
    """Two curves of one coefficient whose sum is known: each is what the other is not."""
    curves = [
        gibbs.Curve(HORSESHOE, np.array([1])),
        gibbs.Curve(SLICED["monotone"][0], np.array([0])),
    ]
    c = gibbs.draws(curves, 1e2 * np.ones((2, 2)), np.zeros(2), n=N, rng=rng)
    assert np.abs(c.sum(axis=0)).max() < 0.6
    assert np.corrcoef(c)[0, 1] < -0.9
