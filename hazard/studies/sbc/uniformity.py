"""Are ranks uniform? Simultaneous bands for their distribution function, with exact probabilities.

A rank counts the draws below the truth, so that with L draws it has L + 1 equally likely values
(cells). The numbers of ranks below each cell boundary are binomial one by one; what a band holds
for all of them at once is computed from their joint distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from hazard.arrays import FloatArray, IntArray

_BINS = (20, 10, 5, 4, 2)
_FEWEST_PER_BIN = 5
_TIE = 1 + 1e-9
_POWER = 0.9


def p_value(ranks: npt.ArrayLike, cells: int) -> float:
    """Probability that uniform ranks leave the middle somewhere as far as these, or farther.

    Parameters
    ----------
    ranks : array_like of int, shape (simulation,)
        From 0 to ``cells`` - 1.
    cells : int

    Returns
    -------
    float

    Notes
    -----
    At boundary i the number X_i of ranks below it is Binomial(n, i / cells). The statistic is the
    smallest of 2 min(P(X_i <= x_i), P(X_i >= x_i)) over the boundaries; its distribution is exact
    (see :func:`inside`). A band at level a holds the ranks when this number is above a.

    References
    ----------
    .. [1] Säilynoja, Bürkner and Vehtari (2022), Graphical test for discrete uniformity and its
       applications in goodness-of-fit evaluation and multiple sample comparison, Statistics and
       Computing 32.

    Examples
    --------
    >>> p_value([0, 1], 2), p_value([1, 1], 2)
    (1.0, 0.5)
    """
    rank = np.asarray(ranks, dtype=np.int64)
    below = np.cumsum(np.bincount(rank, minlength=cells))[:-1]
    tails = _tails(len(rank), cells)
    return _exceeds(len(rank), cells, float(tails[np.arange(cells - 1), below].min()))


def band(n: int, cells: int, level: float) -> tuple[IntArray, IntArray]:
    """Fewest and most ranks below each cell boundary, for all boundaries at once.

    Parameters
    ----------
    n : int
        Number of ranks.
    cells : int
    level : float
        Uniform ranks leave the band with at most this probability.

    Returns
    -------
    lower : ndarray of int64, shape (cells - 1,)
    upper : ndarray of int64, shape (cells - 1,)

    Examples
    --------
    >>> band(10, 2, 0.05)
    (array([2]), array([8]))
    """
    tails = np.unique(_tails(n, cells))
    low, high = 0, len(tails)  # every[low - 1] can be cut off, every[high] cannot
    while low < high:
        middle = (low + high) // 2
        if _exceeds(n, cells, float(tails[middle])) <= level:
            low = middle + 1
        else:
            high = middle
    return _limits(n, cells, float(tails[low - 1]) if low else 0.0)


def inside(lower: IntArray, upper: IntArray, probability: FloatArray, n: int) -> float:
    """Probability that n ranks stay within a band at every boundary.

    Parameters
    ----------
    lower, upper : ndarray of int64, shape (cells - 1,)
    probability : ndarray, shape (cells,)
        Of each rank.
    n : int

    Returns
    -------
    float

    Notes
    -----
    Numbers per cell of n independent ranks are those of independent Poisson variables, given that
    they add up to n. Running sums of those are followed from cell to cell, and what leaves the band
    is dropped.

    Examples
    --------
    >>> round(inside(np.array([1]), np.array([2]), np.array([0.5, 0.5]), 2), 12)
    0.75
    """
    start, reached = 0, np.ones(1)
    for low, high, mean in zip([*lower, n], [*upper, n], n * probability, strict=True):
        more = stats.poisson.pmf(np.arange(high - start + 1), mean)
        reached = np.convolve(reached, more)[low - start : high - start + 1]
        start = low
    return float(reached[0] / stats.poisson.pmf(n, n))


def chi_square(ranks: npt.ArrayLike, cells: int) -> tuple[IntArray, float]:
    """Number of ranks in bins of equal width, and the p-value of Pearson's test.

    Parameters
    ----------
    ranks : array_like of int, shape (simulation,)
    cells : int

    Returns
    -------
    ndarray of int64, shape (bin,)
        As many bins, up to 20, as leave five ranks to expect in each.
    float
        NaN where no two bins do.

    Examples
    --------
    >>> chi_square([0] * 8 + [1] * 2, 2)[0].tolist()
    [8, 2]
    """
    rank = np.asarray(ranks, dtype=np.int64)
    fitting = [b for b in _BINS if cells % b == 0 and len(rank) >= _FEWEST_PER_BIN * b]
    if not fitting:
        return np.array([len(rank)]), float("nan")
    counts = np.bincount(rank * fitting[0] // cells, minlength=fitting[0])
    return counts, float(stats.chisquare(counts).pvalue)


def detectable(n: int, cells: int, level: float) -> dict[str, float]:
    """Smallest errors of a posterior that n ranks find nine times in ten.

    Parameters
    ----------
    n : int
    cells : int
    level : float

    Returns
    -------
    dict of str to float
        ``shift``: of its mean, in posterior standard deviations; ``too_narrow``, ``too_wide``: its
        standard deviation as a share of the right one. Of a normal posterior; 0 or infinity where n
        ranks never find it.
    """
    errors = {
        "shift": _smallest(lambda x: power(n, cells, level, shift=x), 0.0, 8.0),
        "too_narrow": 1 / _smallest(lambda x: power(n, cells, level, width=1 / x), 1.0, 16.0),
        "too_wide": _smallest(lambda x: power(n, cells, level, width=x), 1.0, 16.0),
    }
    return {name: round(value, 3) for name, value in errors.items()}


def power(n: int, cells: int, level: float, *, shift: float = 0.0, width: float = 1.0) -> float:
    """Probability that n ranks of a wrong normal posterior leave the band.

    Parameters
    ----------
    n : int
    cells : int
    level : float
    shift : float
        Distance of its mean from the right one, in right standard deviations.
    width : float
        Its standard deviation, as a share of the right one.

    Returns
    -------
    float

    Examples
    --------
    >>> power(100, 100, 0.05) <= 0.05 < 0.99 < power(100, 100, 0.05, width=0.5)
    True
    """
    lower, upper = _band(n, cells, level)
    truth = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    below = np.clip(stats.norm.cdf((truth - shift) / width), 1e-12, 1 - 1e-12)
    probability = np.mean(stats.binom.pmf(np.arange(cells)[:, None], cells - 1, below), axis=1)
    return 1 - inside(lower, upper, probability / probability.sum(), n)


_band = cache(band)


def _smallest(chance: Callable[[float], float], low: float, high: float) -> float:
    """Where a chance that grows reaches the wanted power, to three digits."""
    if chance(high) < _POWER:
        return float("inf")
    while high - low > 5e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= _POWER else (middle, high)
    return high


@lru_cache(maxsize=8)
def _tails(n: int, cells: int) -> FloatArray:
    """Two-sided binomial tail of every number below every boundary, (cells - 1, n + 1)."""
    x, z = np.arange(n + 1), np.arange(1, cells)[:, None] / cells
    smaller_tail = np.minimum(stats.binom.cdf(x, n, z), stats.binom.sf(x - 1, n, z))
    return np.asarray(np.minimum(2 * smaller_tail, 1.0))


def _limits(n: int, cells: int, cut: float) -> tuple[IntArray, IntArray]:
    """Numbers below every boundary whose tail is above the cut."""
    is_inside = _tails(n, cells) > cut * _TIE
    return is_inside.argmax(axis=1), n - is_inside[:, ::-1].argmax(axis=1)


@lru_cache(maxsize=4096)
def _exceeds(n: int, cells: int, cut: float) -> float:
    """Probability that uniform ranks have a tail that is not above the cut."""
    if cut * _TIE >= 1:
        return 1.0
    lower, upper = _limits(n, cells, cut)
    return max(0.0, 1 - inside(lower, upper, np.full(cells, 1 / cells), n))
