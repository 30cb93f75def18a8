"""What a lag prior says before any row is seen: an interval of each lag, and of their sum."""

from __future__ import annotations

from functools import cache

import numpy as np

from hazard.arrays import FloatArray
from hazard.model.priors import covariance, draws
from hazard.spec.priors import LearnedFamily, NormalFamily, Prior

_SIMULATED = 100_000
_NORMAL_95 = 1.959963984540054


@cache
def half_widths(prior: Prior, windows: tuple[tuple[int, int], ...], seed: int = 0) -> FloatArray:
    """Half the width of the 95 percent prior interval of every lag, then of their sum.

    Every family is symmetric around zero, so that the interval is plus or minus this.

    Parameters
    ----------
    prior : Prior
    windows : tuple of (int, int)
        First and last lag of each coefficient. Leads count in the sum only where there is nothing
        else.
    seed : int
        Of the 100,000 prior draws, where the prior is not normal; exact where it is.

    Returns
    -------
    ndarray, shape (number of lags + 1,)

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example")
    >>> half_widths(prior, ((0, 0), (1, 1), (2, 2), (3, 3))).round(2)
    array([1.96, 1.96, 1.96, 1.96, 3.92])
    >>> half_widths(prior, ((0, 0), (1, 3))).round(2)  # the sum is one and three times the other
    array([1.96, 1.96, 1.96, 1.96, 6.2 ])
    """
    first, last = np.array(windows).T
    lags = np.arange(first[0], last[-1] + 1)
    covers = (first <= lags[:, None]) & (lags[:, None] <= last)
    counted = lags >= 0 if (lags >= 0).any() else np.ones(len(lags), dtype=bool)
    weights = np.vstack([covers, counted @ covers.astype(np.float64)])
    place = (first + last) / 2
    if not isinstance(prior, NormalFamily) or isinstance(prior, LearnedFamily):
        simulated = weights @ draws(prior, place, _SIMULATED, np.random.default_rng(seed))
        return np.asarray(np.quantile(np.abs(simulated), 0.95, axis=1))
    spread = weights @ covariance(prior, place) @ weights.T
    return np.asarray(_NORMAL_95 * np.sqrt(np.diag(spread)))
