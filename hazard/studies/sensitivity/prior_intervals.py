"""What a lag prior says before any row is seen: an interval of each lag, and of their sum."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from hazard.arrays import FloatArray
from hazard.model.priors import draws
from hazard.model.terms.lagged import window_of_lag
from hazard.spec import LaggedTerm, tails
from hazard.spec.priors import LearnedFamily, Prior, TransformedFamily
from hazard.spec.tails import Contrasts

_SIMULATED = 100_000
_NORMAL_95 = float(special.ndtri(0.975))


def _product_of_normals(size: float) -> float:
    """P(|x y| <= size) of independent standard normals, 2 / pi times the integral of K_0 to it."""
    return float(2 / np.pi * special.iti0k0(size)[1])


# a half-normal sd times a normal is the product of two normals, but for its sign
_LEARNED_95 = float(optimize.brentq(lambda size: _product_of_normals(size) - 0.95, 1.0, 9.0))


def half_widths(prior: Prior, contrasts: Contrasts) -> FloatArray:
    """Half the width of the central 95 percent prior interval of sums of coefficients.

    Every family is symmetric around zero, so that the interval is plus or minus this.

    Parameters
    ----------
    prior : Prior
    contrasts : Contrasts
        Lags of the coefficients, and the weights of each sum, shape (contrast, coefficient).

    Returns
    -------
    ndarray, shape (contrast,)
        On the scale of the linear predictor; proportional to ``factor`` of
        :meth:`hazard.spec.priors.PriorFamily.times`. Exact but for rounding where the prior is
        normal, with a known sd or a learned one. Else the 95 percent point of the sizes of 100,000
        draws, always the same ones; its standard error is sqrt(0.05 0.95 / 100,000) over the
        density of the size, 0.3 to 0.6 percent of it for the families of the grid.

    Notes
    -----
    With c the weights of a sum and F the factor of the prior, c' beta has sd s |F' c|: the half
    width is 1.960 times that. Where s is half-normal with scale r, c' beta / (r |F' c|) has the
    size of a product of two standard normals, with density 2 K_0 / pi; 95 percent of it lie below
    2.182.

    References
    ----------
    .. [1] Weisstein, Normal Product Distribution, MathWorld,
       https://mathworld.wolfram.com/NormalProductDistribution.html.

    Examples
    --------
    The sum of four independent standard normals has sd 2.

    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example")
    >>> sums = Contrasts(np.arange(4.0), np.array([[1.0, 0, 0, 0], [1, 1, 1, 1]]), ("0", "sum"))
    >>> half_widths(prior, sums).round(2)
    array([1.96, 3.92])
    """
    lag, weights = contrasts.lag, contrasts.weights
    if isinstance(prior, TransformedFamily):
        simulated = weights @ draws(prior, lag, _SIMULATED, np.random.default_rng(0))
        return np.asarray(np.quantile(np.abs(simulated), 0.95, axis=1))
    sd = np.sqrt(np.square(weights @ prior.factor(lag)).sum(axis=1))
    if isinstance(prior, LearnedFamily):
        return np.asarray(_LEARNED_95 * prior.spread.scale * sd)
    return np.asarray(_NORMAL_95 * sd)


def sum_half_width(term: LaggedTerm, prior: Prior) -> float:
    """Half the width of the central 95 percent interval of the sum over the lags, under a prior.

    Parameters
    ----------
    term : LaggedTerm
        Its lags and windows; leads count only where there is nothing else.
    prior : Prior
        Of its coefficients, its own or another one.

    Examples
    --------
    >>> own = {"family": "normal", "scale": 0.5, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(-1, 3),
    ...                   history_before_start="missing", prior=own)
    >>> round(sum_half_width(term, term.prior), 2)  # four lags: sd 1
    1.96
    """
    return float(half_widths(prior, tails.contrasts(term, "sum"))[0])


def lag_half_widths(term: LaggedTerm, prior: Prior) -> FloatArray:
    """Half the width of the central 95 percent prior interval of every lag of a term.

    Parameters
    ----------
    term : LaggedTerm
    prior : Prior

    Returns
    -------
    ndarray, shape (number of lags,)
        In the order of ``every_lag``; lags of one window have the same.
    """
    return half_widths(prior, tails.contrasts(term, "each"))[window_of_lag(term)]
