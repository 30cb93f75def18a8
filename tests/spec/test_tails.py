"""Claims of priors in numbers, against closed forms and other integrals; and their refusal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats

from hazard import spec as specs
from hazard.errors import SpecError
from hazard.spec import LaggedTerm, ModelSpec, Term, tails
from hazard.spec.claims import Claim
from hazard.spec.intercept import InterceptPrior
from hazard.spec.priors import Prior
from hazard.spec.priors.autoregressive import AutoregressivePrior
from hazard.spec.priors.horseshoe import HorseshoePrior
from hazard.spec.priors.monotone import MonotonePrior
from hazard.spec.priors.pooled import PooledPrior
from hazard.spec.priors.random_walk import RandomWalkPrior

WHY = "an example only"
MODEL = """
name = "claims"
question = "Who leaves?"
outcome = {{ exits = ["left"], link = "{link}" }}
[[term]]
{term}
prior = {{ {prior}, reason = "an example only", implausible = {claim} }}
"""
LAGS = 'kind = "lagged"\nexposure = "visit"\nnetwork = "own"\nlags = [0, 6]\n'
LAGS += 'history_before_start = "missing"'
WALK = 'family = "random_walk", scale = 0.5, start = 0.5'
EACH = "{ odds_ratio = 2.7, probability = 0.05 }"
SEX = 'kind = "covariate"\ncolumn = "sex"'
YEAR = 'kind = "calendar"\nby = "year"'


def model(term: str, prior: str, claim: str, link: str = "softmax") -> ModelSpec:
    return specs.load(MODEL.format(term=term, prior=prior, claim=claim, link=link))


def single(n: int) -> tails.Contrasts:
    return tails.Contrasts(np.arange(float(n)), np.eye(n), tuple(map(str, range(n))))


# --- probabilities ------------------------------------------------------------------------------
def test_walk_is_less_sure_of_every_further_lag() -> None:
    """Sd 0.5 sqrt(l + 1): 5 percent beyond 2.7 at lag 0, 45 percent at lag 6."""
    walk = RandomWalkPrior(family="random_walk", scale=0.5, start=0.5, reason=WHY)
    found = tails.beyond(walk, single(7), np.log(2.7))
    by_hand = 2 * stats.norm.sf(np.log(2.7) / (0.5 * np.sqrt(np.arange(1, 8))))
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    assert found[[0, 6]].round(2).tolist() == [0.05, 0.45]


def test_autoregression_is_as_sure_of_every_lag() -> None:
    """Of the sum of two with correlation c the variance is 2 s^2 (1 + c)."""
    prior = AutoregressivePrior(family="autoregressive", scale=0.5, correlation=0.6, reason=WHY)
    found = tails.beyond(prior, single(7), np.log(2.7))
    np.testing.assert_allclose(found, 2 * stats.norm.sf(np.log(2.7) / 0.5), rtol=1e-12)
    two = tails.Contrasts(np.arange(2.0), np.ones((1, 2)), ("sum",))
    sd = np.sqrt(2 * 0.25 * 1.6)
    np.testing.assert_allclose(tails.beyond(prior, two, 2.0), 2 * stats.norm.sf(2 / sd), rtol=1e-12)


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_learned_sd_is_integrated_out(size: float) -> None:
    """A product of two standard normals has the density K_0(|x|) / pi."""
    prior = PooledPrior(family="pooled", scale=0.5, reason=WHY)
    inside, _ = integrate.quad(lambda x: special.k0(x) * 2 / np.pi, 0.0, size / 0.5)
    found = tails.beyond(prior, single(1), size)[0]
    assert abs(found - (1 - inside)) < 1e-6
    assert abs(found - 2 * stats.norm.sf(size / 0.5)) > 1e-4  # negative control: a known sd


def test_shares_of_draws_where_there_is_no_formula() -> None:
    """Within 4.5 standard errors, which once in 150,000 are exceeded; a scale 1.1 times is not."""
    n, size = 100_000, 1.0
    falling = MonotonePrior(family="monotone", scale=0.6, reason=WHY)
    half_cauchy = HorseshoePrior(family="horseshoe", scale=0.6, slab=2.0, reason=WHY)
    first = tails.beyond(falling, single(3), size)
    assert (np.diff(first) < 0).all()  # never growing
    exact = 2 * stats.norm.sf(size / 0.6)
    error = 4.5 * np.sqrt(exact * (1 - exact) / n)
    assert abs(first[0] - exact) < error
    assert abs(first[0] - 2 * stats.norm.sf(size / 0.66)) > error  # negative control
    # of a horseshoe with one coefficient: a normal whose sd is a product with a half-Cauchy
    rng = np.random.default_rng(5)
    x = rng.standard_normal((half_cauchy.n_normals(1), n))
    other = (np.abs(half_cauchy.transform(x, 1, tails._NUMBERS)) > size).mean()
    found = tails.beyond(half_cauchy, single(1), size)[0]
    tolerance = 4.5 * np.sqrt(2 * other * (1 - other) / n)
    assert abs(found - other) < tolerance
    wider = half_cauchy.times(1.1)  # negative control
    assert abs(tails.beyond(wider, single(1), size)[0] - other) > tolerance


# --- refusal ------------------------------------------------------------------------------------
def test_prior_that_breaks_its_claim_is_refused_with_lag_and_probability() -> None:
    with pytest.raises(SpecError, match=r"visit_own.*probability 0.05 at most; got 0.45 at lag 6"):
        model(LAGS, WALK, EACH)
    kept = 'family = "autoregressive", scale = 0.5, correlation = 0.5'
    assert model(LAGS, kept, EACH).term[0].prior.implausible == (
        Claim(odds_ratio=2.7, probability=0.05),
    )


def test_sum_is_a_claim_of_its_own() -> None:
    """Seven lags of sd 0.5 and correlations 0.5^d: the sum has sd 2.06, 5 percent beyond 57."""
    prior = 'family = "autoregressive", scale = 0.5, correlation = 0.5'
    claim = '{{ of = "sum", odds_ratio = {}, probability = 0.05 }}'
    model(LAGS, prior, claim.format(58))
    with pytest.raises(SpecError, match=r"summed over the lags beyond 56 .* at the sum over the"):
        model(LAGS, prior, claim.format(56))


def test_sum_counts_the_lags_of_a_window_and_no_leads() -> None:
    prior = {"family": "normal", "scale": 1.0, "reason": WHY}
    term: dict[str, Any] = {"kind": "lagged", "exposure": "visit", "network": "own"}
    term |= {"history_before_start": "missing", "prior": prior}
    others = {**term, "network": "centre"}
    joined = LaggedTerm(**term, lags=(0, 2), windows=((0, 0), (1, 2)))
    leads = LaggedTerm(**others, lags=(-2, 1))
    assert tails.contrasts(joined, "sum").weights.tolist() == [[1.0, 2.0]]
    assert tails.contrasts(leads, "sum").weights.tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_first_step_of_a_baseline_is_from_the_reference() -> None:
    """Start 1, steps 0.5: a jump of 2.7 is likely after the first month only."""
    months = 'kind = "baseline"\nbreaks = [1, 2, 3]'
    walk = 'family = "random_walk", scale = 0.5, start = {}'
    claim = '{ of = "step", odds_ratio = 2.7, probability = 0.05 }'
    model(months, walk.format(0.5), claim)
    with pytest.raises(SpecError, match=r"got 0\.32 at month 2"):
        model(months, walk.format(1.0), claim)


SMALL = 'family = "normal", scale = 0.1'


@pytest.mark.parametrize(
    ("term", "prior", "claim", "sentence"),
    [
        (LAGS, SMALL, EACH.replace("odds", "hazard"), "must state the odds_ratio"),
        (SEX, SMALL, EACH[:-1] + ', of = "sum" }', "no lags"),
        (SEX, SMALL, EACH[:-1] + ', of = "step" }', "no order"),
        (YEAR, WALK, EACH, "must be of step"),
        (LAGS, SMALL, EACH[:-1] + ", per = 10 }", "must be per 1"),
        (SEX, SMALL, "{ probability = 0.05 }", "one of odds_ratio"),
        (SEX, SMALL, EACH.replace("2.7", "1"), "above 1"),
    ],
)
def test_claims_without_a_meaning(term: str, prior: str, claim: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        model(term, prior, claim)


def test_ten_years_of_age() -> None:
    """Sd 0.1 a year is 1 for ten: 5.2 percent beyond 7."""
    claim = "{{ odds_ratio = 7, per = 10, probability = {} }}"
    age = 'family = "normal", scale = 0.1'
    model(SEX.replace("sex", "age"), age, claim.format(0.06))
    with pytest.raises(SpecError, match=r"got 0\.052"):
        model(SEX.replace("sex", "age"), age, claim.format(0.05))


# --- the intercept ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("link", "inverse"), [("softmax", special.expit), ("cloglog", lambda x: -np.expm1(-np.exp(x)))]
)
def test_intercept_lies_where_it_says(link: Any, inverse: Any) -> None:
    ends = inverse(-4 + np.array([-1.0, 1.0]) * 2.5 * stats.norm.ppf(0.975))
    claim = {"lower": ends[0], "upper": ends[1], "probability": 0.9}
    prior = InterceptPrior(mean=-4, scale=2.5, reason=WHY, between=claim)
    found = tails.between(prior, link)
    assert found is not None
    assert abs(found - 0.95) < 1e-12
    tails.check_intercept(prior, link)
    wide = prior.model_copy(update={"scale": 4.0})
    with pytest.raises(ValueError, match="intercept must keep its claim"):
        tails.check_intercept(wide, link)


# --- bundled models -----------------------------------------------------------------------------
STATED = tuple(sorted(path.stem for path in specs.models_folder().glob("*.toml")))


def priors_of(spec: ModelSpec) -> list[tuple[Term, Prior]]:
    """Every prior of a term, and of the differences of the levels by which a curve varies."""
    varying = [(term, term.varies_by.prior) for term in spec.lagged if term.varies_by is not None]
    return [*((term, term.prior) for term in spec.term), *varying]


@pytest.mark.parametrize("name", STATED)
def test_every_prior_of_a_model_states_what_its_reason_says(name: str) -> None:
    """And a factor in a reason, in digits or spelt, is one of its claims."""
    spelt = {"two": "2", "three": "3", "four": "4", "five": "5", "seven": "7", "fifty": "50"}
    spec = specs.read(name)
    assert spec.outcome.intercept.between is not None
    for term, prior in priors_of(spec):
        assert prior.implausible, term.name
        claimed = {f"{claim.ratio:g}" for claim in prior.implausible}
        found = re.findall(r"(?:beyond|factor of) (\d[\d.]*\d|\d|\w+)", prior.reason)
        # "beyond a factor of" has its number after it; "up to" is what was published
        factors = {spelt.get(word, word) for word in found} - {"a", "up"}
        assert factors <= claimed, term.name


@pytest.mark.parametrize("name", STATED)
def test_a_tenth_of_the_probability_is_no_claim_of_theirs(name: str) -> None:
    """The negative control: no prior keeps its claims by a wide margin, so that each can fail."""
    for term, prior in priors_of(specs.read(name)):
        for claim in prior.implausible:
            less = claim.model_copy(update={"probability": claim.probability / 10})
            with_less = prior.model_copy(update={"implausible": (less,)})
            assert not all(tail.kept for tail in tails.tails(term, with_less)), term.name
