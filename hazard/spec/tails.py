"""Whether priors keep what they claim: the probability beyond a size, coefficient by coefficient.

Exact for normal priors; with a learned standard deviation an integral over it; of any other prior
the share of a hundred thousand draws, which may miss its claim by four of its standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.claims import Claim
from hazard.spec.intercept import InterceptPrior
from hazard.spec.links import LINKS, LinkName
from hazard.spec.priors import Functions, LearnedFamily, NormalFamily, Prior, TransformedFamily
from hazard.spec.terms import BaselineTerm, CalendarTerm, CovariateTerm, LaggedTerm, Term

_N_DRAWS = 100_000
_ERFC = np.vectorize(math.erfc, otypes=[np.float64])
_NUMBERS = Functions(_ERFC, np.tan, np.log, np.exp)


class Contrasts(NamedTuple):
    """Sums of the coefficients of one term and exit.

    Attributes
    ----------
    lag : ndarray of float, shape (coefficient,)
        Lag of each coefficient, or its position.
    weights : ndarray of float, shape (contrast, coefficient)
    labels : tuple of str
        Of each contrast.
    """

    lag: FloatArray
    weights: FloatArray
    labels: tuple[str, ...]


class Tail(NamedTuple):
    """What a prior says beyond the size of one of its claims.

    Attributes
    ----------
    claim : Claim
    label : str
        Of the coefficient, the step or the sum.
    probability, error : float
        Probability beyond it, and its Monte Carlo standard error.
    """

    claim: Claim
    label: str
    probability: float
    error: float

    @property
    def kept(self) -> bool:
        """Whether the probability is no more than the claim says, but for rounding and error."""
        return self.probability <= self.claim.probability + 1e-12 + 4 * self.error


# --- probabilities ------------------------------------------------------------------------------
def beyond(prior: Prior, contrasts: Contrasts, size: float) -> FloatArray:
    """Prior probability that sums of coefficients lie farther than ``size`` from zero.

    Parameters
    ----------
    prior : Prior
    contrasts : Contrasts
    size : float
        On the scale of the linear predictor, above 0.

    Returns
    -------
    ndarray, shape (contrast,)

    Examples
    --------
    Of a standard normal 5 percent lie beyond 1.96; a sum of two has sd 1.41.

    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example")
    >>> sums = Contrasts(np.array([0.0, 1.0]), np.array([[1.0, 0.0], [1.0, 1.0]]), ("0", "sum"))
    >>> beyond(prior, sums, 1.96).round(3)
    array([0.05 , 0.166])
    """
    lag, weights = contrasts.lag, contrasts.weights
    if isinstance(prior, TransformedFamily):
        return np.asarray((np.abs(weights @ _draws(prior, len(lag))) > size).mean(axis=1))
    if isinstance(prior, LearnedFamily):
        sd = np.sqrt(np.square(weights @ prior.factor(lag)).sum(axis=1))
        place, share = _half_normal()
        learned = prior.spread.scale * np.outer(sd, place)
        return _outside(size, learned) @ share
    if isinstance(prior, NormalFamily):
        return _outside(size, np.sqrt(np.square(weights @ prior.factor(lag)).sum(axis=1)))
    raise TypeError(f"prior family {prior.family!r} is of no known kind")


def _outside(size: float, sd: FloatArray) -> FloatArray:
    """P(|Z| > size) of normals with mean zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(_ERFC(size / (sd * math.sqrt(2))))


def _half_normal() -> tuple[FloatArray, FloatArray]:
    """Places and weights of an integral over the absolute value of a standard normal."""
    node, weight = np.polynomial.legendre.leggauss(200)
    place = 4.5 * (node + 1)
    return place, 4.5 * weight * math.sqrt(2 / math.pi) * np.exp(-(place**2) / 2)


def _draws(prior: TransformedFamily, n: int) -> FloatArray:
    """Draws of ``n`` coefficients, always the same ones, shape (n, draw)."""
    x = np.random.default_rng(0).standard_normal((prior.n_normals(n), _N_DRAWS))
    return np.asarray(prior.transform(x, n, _NUMBERS))


# --- of a term ----------------------------------------------------------------------------------
def contrasts(term: Term, of: str) -> Contrasts:
    """The coefficients of a term, the steps between them, or their sum.

    Where only data say how many coefficients there are, the first two stand for all; their prior
    must then have steps of one distribution.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(-1, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> contrasts(term, "sum").weights
    array([[0., 1., 1.]])
    """
    if isinstance(term, LaggedTerm):
        windows = np.array(term.coefficient_windows)
        lag = windows.mean(axis=1)
        names = [f"lag {a}" if a == b else f"lags {a} to {b}" for a, b in windows.tolist()]
        if of == "sum":
            counted = [sum(lag >= 0 for lag in range(a, b + 1)) for a, b in windows.tolist()]
            lengths = counted if any(counted) else [b - a + 1 for a, b in windows.tolist()]
            return Contrasts(lag, np.array([lengths], dtype=np.float64), ("the sum over the lags",))
        return _each_or_step(lag, names, of, from_reference=False)
    if isinstance(term, BaselineTerm) and term.spline is None:
        n = len(term.starts) - 1
        names = [f"month {start}" for start in term.starts[1:]]
        return _each_or_step(np.arange(float(n)), names, of, from_reference=True)
    if isinstance(term, CalendarTerm | BaselineTerm):
        names = ["the first coefficient", "the second coefficient"]
        return _each_or_step(np.arange(2.0), names, of, from_reference=True)
    return _each_or_step(np.zeros(1), ["a coefficient"], of, from_reference=False)


def _each_or_step(lag: FloatArray, names: list[str], of: str, *, from_reference: bool) -> Contrasts:
    identity = np.eye(len(lag))
    if of == "each":
        return Contrasts(lag, identity, tuple(names))
    steps = np.diff(identity, axis=0)
    if from_reference:
        return Contrasts(lag, np.vstack([identity[:1], steps]), tuple(names))
    return Contrasts(lag, steps, tuple(names[1:]))


def tails(term: Term, prior: Prior) -> Iterator[Tail]:
    """What the prior of a term says beyond the size of each of its claims.

    Parameters
    ----------
    term : Term
    prior : Prior
        That of the term, or of the differences of the levels by which it varies.
    """
    for claim in prior.implausible:
        parts = contrasts(term, claim.of)
        for label, probability in zip(
            parts.labels, beyond(prior, parts, claim.size).tolist(), strict=True
        ):
            error = 0.0
            if isinstance(prior, TransformedFamily):
                error = math.sqrt(max(probability * (1 - probability), 1 / _N_DRAWS) / _N_DRAWS)
            yield Tail(claim, label, probability, error)


def check(term: Term, prior: Prior, link: LinkName) -> None:
    """Raise unless a prior keeps every claim that it states.

    Raises
    ------
    ValueError
        One sentence that names the coefficient farthest from its claim.
    """
    what = f"prior of term {term.name!r}"
    for claim in prior.implausible:
        _check_meaning(term, prior, claim, link)
    if not (broken := [tail for tail in tails(term, prior) if not tail.kept]):
        return
    worst = max(broken, key=lambda tail: tail.probability / tail.claim.probability)
    raise ValueError(
        f"{what} must keep its claim that {worst.claim.text}; got {worst.probability:.2g} at "
        f"{worst.label}. Lower its scale, take a family that is as sure of every lag "
        "(autoregressive, decay), or claim less"
    )


def _check_meaning(term: Term, prior: Prior, claim: Claim, link: LinkName) -> None:
    what = f"implausible of term {term.name!r}"
    if claim.scale != LINKS[link].ratio:
        raise ValueError(
            f"{what} must state the {LINKS[link].ratio}_ratio that link {link!r} has; got "
            f"{claim.scale}_ratio"
        )
    if claim.of == "sum" and not isinstance(term, LaggedTerm):
        raise ValueError(f"{what} must be of each or step, for the term has no lags; got 'sum'")
    if claim.of == "step" and not isinstance(term, LaggedTerm | BaselineTerm | CalendarTerm):
        raise ValueError(f"{what} must be of each, for its levels have no order; got 'step'")
    known = isinstance(term, LaggedTerm) or (isinstance(term, BaselineTerm) and not term.spline)
    if claim.of == "each" and not known and not prior.iid:
        raise ValueError(
            f"{what} must be of step, for only data say how many coefficients there are and prior "
            f"family {prior.family!r} is not the same for each; got 'each'"
        )
    if claim.per != 1 and not isinstance(term, CovariateTerm):
        raise ValueError(f"{what} must be per 1 unless the term is a covariate; got {claim.per:g}")


# --- of the intercept ---------------------------------------------------------------------------
def between(prior: InterceptPrior, link: LinkName) -> float | None:
    """Prior probability of what the intercept claims; of a single exit, at the reference levels.

    Examples
    --------
    >>> prior = InterceptPrior(
    ...     mean=0.0, scale=1.0, reason="an example",
    ...     between={"lower": 0.1233, "upper": 0.8767, "probability": 0.9},
    ... )
    >>> round(between(prior, "softmax"), 3)
    0.95
    """
    if prior.between is None:
        return None
    ends = [LINKS[link].predictor(p) for p in (prior.between.lower, prior.between.upper)]
    below = [math.erfc((prior.mean - end) / (prior.scale * math.sqrt(2))) / 2 for end in ends]
    return below[1] - below[0]


def check_intercept(prior: InterceptPrior, link: LinkName) -> None:
    """Raise unless the prior of the intercept lies where it says.

    Raises
    ------
    ValueError
        One sentence with the probability.
    """
    probability = between(prior, link)
    if prior.between is not None and probability is not None:
        claim = prior.between
        if probability < claim.probability - 1e-12:
            raise ValueError(
                f"prior of the intercept must keep its claim that probabilities from "
                f"{claim.lower:g} to {claim.upper:g} have probability {claim.probability:g} at "
                f"least; got {probability:.2g}. Change its mean or scale, or claim less"
            )
