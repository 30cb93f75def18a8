"""Prior specifications as factors and transformations, and as a table for readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from hazard.arrays import FloatArray
from hazard.spec import ModelSpec
from hazard.spec.priors import (
    CorrelatedPrior,
    DecayPrior,
    HorseshoePrior,
    HumpPrior,
    LearnedWalkPrior,
    MonotonePrior,
    NormalPrior,
    PolynomialPrior,
    PooledPrior,
    Prior,
    RandomWalkPrior,
    SpikePrior,
)


# --- normal priors ------------------------------------------------------------------------------
def factor(prior: Prior, place: npt.ArrayLike) -> FloatArray:
    """Factor F of a normal prior: the coefficients are F z, with z standard normal.

    Parameters
    ----------
    prior : Prior
        Any but ``horseshoe`` and ``monotone``, which are not normal (see :func:`transform`).
    place : array_like of float, shape (n,)
        Lag of each coefficient (of a window of lags its middle), or its position 0, ..., n - 1. A
        lead counts as the lag of the same distance in ``decay``, ``hump`` and ``spike``.

    Returns
    -------
    ndarray, shape (n, r)
        With a learned sd (``pooled``, ``correlated``, ``learned_walk``) the factor in units of it.

    Notes
    -----
    With l the place, d = |l|, k = 0, 1, ... the position, and g the gap to the place before, which
    is 1 but between windows:

    * ``normal``: F = scale I; ``pooled`` and ``correlated``: F = I.
    * ``random_walk``: running sums of steps, the first with sd ``start``, the others ``scale``
      sqrt(g); of order 2, each step is g times a slope, and the slopes are such sums, from 0 and
      with the gaps between the middles of the steps.
    * ``learned_walk``: running sums of steps of sd sqrt(g), the first of sd 1.
    * ``decay``: sd scale 2^(-d / half_life).
    * ``hump``: sd scale (r exp(1 - r))^shape with r = (d + 1) / (peak + 1), correlations
      correlation^|l - m|.
    * ``polynomial``: F = scale sqrt(n / r) Q, with Q the r = degree + 1 orthonormal polynomials.
    * ``spike``: sd ``scale`` at d = 0, else ``rest``.

    References
    ----------
    .. [1] Almon (1965), The distributed lag between capital appropriations and expenditures,
       Econometrica 33(1).

    Examples
    --------
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    >>> factor(walk, [0, 1, 2])
    array([[1., 0., 0.],
           [1., 2., 0.],
           [1., 2., 2.]])
    """
    lag = np.asarray(place, dtype=np.float64)
    match prior:
        case RandomWalkPrior():
            return _walk(prior, lag)
        case LearnedWalkPrior():
            return _sums(np.sqrt(np.diff(lag, prepend=lag[0] - 1)))
        case HumpPrior():
            apart = np.abs(np.subtract.outer(lag, lag))
            return _sd(prior, np.abs(lag))[:, None] * np.linalg.cholesky(prior.correlation**apart)
        case PolynomialPrior():
            return _polynomial(prior, lag)
    return np.diag(_sd(prior, np.abs(lag)))


def _sd(prior: Prior, distance: FloatArray) -> FloatArray:
    """Prior sd of every coefficient, by the distance of its lag from the event."""
    match prior:
        case NormalPrior():
            return np.full_like(distance, prior.scale)
        case PooledPrior() | CorrelatedPrior():
            return np.ones_like(distance)
        case DecayPrior():
            return np.asarray(prior.scale * np.exp2(-distance / prior.half_life))
        case SpikePrior():
            return np.where(distance == 0, prior.scale, prior.rest)
        case HumpPrior():
            ratio = (distance + 1) / (prior.peak + 1)
            return np.asarray(prior.scale * (ratio * np.exp(1 - ratio)) ** prior.shape)
    raise TypeError(f"prior family {prior.family!r} is not normal")


def _polynomial(prior: PolynomialPrior, lag: FloatArray) -> FloatArray:
    r = min(prior.degree + 1, len(lag))
    powers = np.vander((lag - lag.mean()) / max(np.ptp(lag), 1), r, increasing=True)
    return np.asarray(prior.scale * np.sqrt(len(lag) / r) * np.linalg.qr(powers)[0])


def _walk(prior: RandomWalkPrior, lag: FloatArray) -> FloatArray:
    gaps = np.diff(lag)
    own = np.full((len(lag), len(lag)), prior.start)
    own[0, 1:] = 0.0
    if prior.order == 1:
        own[1:, 1:] = _sums(prior.scale * np.sqrt(gaps))
        return own
    between = np.concatenate([[1.0], (gaps[1:] + gaps[:-1]) / 2])[: len(gaps)]
    slopes = _sums(prior.scale * np.sqrt(between))
    own[1:, 1:] = _sums(gaps) @ slopes
    return own


def _sums(sd: FloatArray) -> FloatArray:
    """Running sums of independent steps with these standard deviations, as a factor."""
    return np.tril(np.ones((len(sd), len(sd)))) * sd


def covariance(prior: Prior, place: npt.ArrayLike) -> FloatArray:
    """Prior covariance of the coefficients of one term and exit.

    Parameters
    ----------
    prior : Prior
        Any but ``horseshoe`` and ``monotone``.
    place : array_like of float, shape (n,)
        As in :func:`factor`.

    Returns
    -------
    ndarray, shape (n, n)
        On the squared scale of the coefficients; a learned sd at the scale of its prior.

    Examples
    --------
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    >>> covariance(walk, [0, 1, 2])
    array([[1., 1., 1.],
           [1., 5., 5.],
           [1., 5., 9.]])
    >>> decay = DecayPrior(family="decay", scale=4.0, half_life=1.0, reason="an example")
    >>> np.sqrt(np.diag(covariance(decay, [-1, 0, 1, 2])))
    array([2., 4., 2., 1.])
    """
    own = factor(prior, place) * (learned_scale(prior) or 1.0)
    return np.asarray(own @ own.T)


def learned_scale(prior: Prior) -> float | None:
    """Scale of the half-normal prior of the learned sd, or None where nothing is learned."""
    if isinstance(prior, PooledPrior | CorrelatedPrior | LearnedWalkPrior):
        return prior.scale
    return None


def concentration(prior: Prior) -> float | None:
    """Concentration of the prior of the correlations between exits, or None without."""
    return prior.concentration if isinstance(prior, CorrelatedPrior) else None


# --- other priors -------------------------------------------------------------------------------
class Functions(NamedTuple):
    """Elementary functions, of numbers or of symbols."""

    erfc: Callable[[Any], Any]
    tan: Callable[[Any], Any]
    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]


NUMBERS = Functions(special.erfc, np.tan, np.log, np.exp)


def stand_in(prior: Prior) -> Prior:
    """A normal prior of the same reach; the prior itself where it is normal.

    Examples
    --------
    >>> stand_in(MonotonePrior(family="monotone", scale=0.5, reason="an example")).scale
    0.5
    """
    match prior:
        case HorseshoePrior():
            return NormalPrior(family="normal", scale=prior.slab, reason=prior.reason)
        case MonotonePrior():
            return NormalPrior(family="normal", scale=prior.scale, reason=prior.reason)
    return prior


def n_normals(prior: HorseshoePrior | MonotonePrior, n: int) -> int:
    """Number of standard normals that :func:`transform` turns into ``n`` coefficients."""
    return 2 * n + 1 if isinstance(prior, HorseshoePrior) else n


def transform(
    prior: HorseshoePrior | MonotonePrior, x: Any, n: int, functions: Functions = NUMBERS
) -> Any:
    """Coefficients of a prior that is not normal, from standard normals.

    Parameters
    ----------
    prior : HorseshoePrior or MonotonePrior
    x : array, shape (n_normals, exit)
        Numbers or symbols.
    n : int
        Number of coefficients.
    functions : Functions

    Returns
    -------
    array, shape (n, exit)

    Notes
    -----
    Phi is the normal distribution function; C(x) = tan(pi / 2 Phi(x)) is half-Cauchy, and
    E(x) = -log Phi(-x) exponential.

    * ``horseshoe``: beta_l = z_l tau lambda_l slab / sqrt(slab^2 + tau^2 lambda_l^2), with
      z = x[:n], lambda = C(x[n:2n]), tau = scale C(x[2n]).
    * ``monotone``: beta_l = scale x_0 (1 - s_1 - ... - s_l), with the shares s lost at each step,
      the n-th one after the last lag: uniform on the simplex, s_k = 1 - U_k^(1 / (n - k)) of what
      is left, with U_k = Phi(-x_k), k = 1, ..., n - 1.

    References
    ----------
    .. [1] Piironen and Vehtari (2017), Sparsity information and regularization in the horseshoe
       and other shrinkage priors, Electronic Journal of Statistics 11(2).

    Examples
    --------
    >>> prior = MonotonePrior(family="monotone", scale=2.0, reason="an example")
    >>> transform(prior, np.array([[1.0], [0.0], [0.0]]), 3).ravel().round(3)
    array([2.   , 1.414, 0.707])
    """
    root = 2**-0.5
    if isinstance(prior, HorseshoePrior):
        cauchy = functions.tan(np.pi / 4 * functions.erfc(-x[n:] * root))
        spread = prior.scale * cauchy[n] * cauchy[:n]
        return x[:n] * spread / (1 + (spread / prior.slab) ** 2) ** 0.5
    log_kept = functions.log(functions.erfc(x[1:] * root) / 2)
    power = 1 / np.arange(n - 1, 0, -1, dtype=np.float64)[:, None]
    sums = np.tril(np.ones((n, n - 1)), -1)
    return prior.scale * x[0] * functions.exp(sums @ (power * log_kept))


# --- for readers ---------------------------------------------------------------------------------
def describe(spec: ModelSpec) -> pd.DataFrame:
    """Every prior of a model, with its reason.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    DataFrame
        One row for the intercept, one per term in file order, and one for the differences from each
        lag curve that varies by a group: ``name``, ``role`` (the kind of term), ``distribution``
        (per coefficient and exit, on the scale of the linear predictor), ``reason``.

    Examples
    --------
    >>> from hazard.spec import read
    >>> describe(read("oslo2016")).loc[0, "distribution"]
    'Normal(-4, 2.5)'
    """
    named = [("intercept", "intercept", spec.outcome.intercept)]
    terms = [(term.name, term.kind, term.prior) for term in spec.term]
    varying = [
        (term.varying_name, "varying", term.varies_by.prior)
        for term in spec.lagged
        if term.varies_by is not None
    ]
    return pd.DataFrame(
        [
            {"name": name, "role": role, "distribution": p.symbols, "reason": p.reason}
            for name, role, p in [*named, *terms, *varying]
        ]
    )
