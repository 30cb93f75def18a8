"""Simultaneous bands: intervals of a whole curve, with their Monte Carlo error."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import xarray as xr
from scipy.linalg import hadamard

from hazard.arrays import FloatArray

BAND = ("lower_simultaneous", "upper_simultaneous", "simultaneous_mcse")
"""Columns of a band: its ends, and the larger Monte Carlo error of the two."""
_HALF_SAMPLES = hadamard(16)[:, 1:] > 0
"""Of every half sample, of which pairs of blocks the first one is in it: each pair is balanced."""
_OVER = ("chain", "draw")


def simultaneous_band(
    draws: xr.DataArray, dim: str = "lag", *, ci_prob: float = 0.95
) -> xr.Dataset:
    """Band that holds a whole curve with a given probability.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, dim, ...)
        In any unit. A place of ``dim`` that no draw of a curve has a number at is not a part of it.
    dim : str
        Along which a curve runs; each element of the other dimensions is one.
    ci_prob : float
        In (0, 1).

    Returns
    -------
    Dataset, dims (dim, ...)
        ``lower_simultaneous`` and ``upper_simultaneous``: the share of draws whose curve lies
        between them at every place, ends included, is ``ci_prob`` or more. They hold the
        equal-tailed interval of each place by itself, and are this interval where that share of
        the draws is inside all of them, as of one place.
        ``simultaneous_mcse``, the larger Monte Carlo error of the two. Not a number where there is
        no curve, and of all of a curve of which one draw is not a number somewhere.

    Notes
    -----
    Of n draws let x_(k)(l) be the k-th smallest at place l. The band is [x_(k)(l),
    x_(n + 1 - k)(l)] with the largest k, one for all places, for which ``ci_prob`` n draws or more
    lie inside everywhere, but never narrower than the intervals of single places: the band of
    Besag et al. [1] (section 6.3), which is the sup-t band of Montiel Olea and Plagborg-Moller [2]
    calibrated by quantiles. No form of the posterior is assumed. It is a band of one curve: of
    several curves more than 1 - ``ci_prob`` of the draws may have one that leaves its band.

    The Monte Carlo error is the standard deviation of the bands of 16 balanced half samples [3]:
    the draws are 30 blocks of neighbours, in pairs far from each other, and of each pair one block
    is in a half sample. The choice of k counts too, and so does what neighbours have in common. It
    is not known of fewer than 30 draws.

    References
    ----------
    .. [1] Besag, Green, Higdon and Mengersen (1995), Bayesian computation and stochastic systems,
       Statistical Science 10(1), 3-41.
    .. [2] Montiel Olea and Plagborg-Moller (2019), Simultaneous confidence bands: theory,
       implementation, and an application to SVARs, Journal of Applied Econometrics 34(1), 1-17.
    .. [3] Rust and Rao (1996), Variance estimation for complex surveys using replication
       techniques, Statistical Methods in Medical Research 5(3), 283-310.

    Examples
    --------
    Six draws of two lags. The largest and the smallest number of a lag leave four of six draws
    inside, but those of both lags are of four draws, and leave two. A band for 60 percent must hold
    them all; that of a lag by itself need not.

    >>> two_lags = [[0.0, 2.0], [1.0, 0.0], [2.0, 3.0], [3.0, 5.0], [4.0, 4.0], [5.0, 1.0]]
    >>> draws = xr.DataArray([two_lags], dims=("chain", "draw", "lag"))
    >>> simultaneous_band(draws, ci_prob=0.6)["lower_simultaneous"].values.tolist()
    [0.0, 0.0]
    >>> simultaneous_band(draws[..., :1], ci_prob=0.6)["lower_simultaneous"].values.tolist()
    [1.0]
    """
    ends = xr.apply_ufunc(
        _band_with_error,
        draws.stack(sample=_OVER),
        kwargs={"ci_prob": ci_prob},
        input_core_dims=[[dim, "sample"]],
        output_core_dims=[[dim], [dim], [dim]],
        vectorize=True,
    )
    return xr.Dataset(dict(zip(BAND, ends, strict=True)))


def _band_with_error(
    curves: FloatArray, *, ci_prob: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ends of a band and their error, each of shape (place,), of draws of shape (place, draw)."""
    missing = np.isnan(curves)
    present = ~missing.all(axis=1)
    columns = np.full((3, len(curves)), np.nan)
    if present.any() and not missing[present].any():
        known = curves[present]
        columns[:2, present] = _band(known, ci_prob)
        columns[2, present] = _half_sample_error(known, ci_prob)
    lower, upper, error = columns
    return lower, upper, error


def _band(curves: FloatArray, ci_prob: float) -> FloatArray:
    """Ends of a band, shape (2, place)."""
    tail = (1 - ci_prob) / 2
    pointwise = np.quantile(curves, [tail, 1 - tail], axis=1)
    if _share_inside(curves, pointwise) >= ci_prob:
        return pointwise
    ordered = np.sort(curves, axis=1)

    def at_depth(depth: int) -> FloatArray:
        return np.stack([ordered[:, depth], ordered[:, -1 - depth]])

    depths = range(int(tail * (curves.shape[1] - 1)) + 1)  # no deeper than the single intervals
    first_too_deep = bisect_left(
        depths, 1, key=lambda depth: _share_inside(curves, at_depth(depth)) < ci_prob
    )
    return at_depth(first_too_deep - 1)


def _share_inside(curves: FloatArray, ends: FloatArray) -> float:
    """Share of draws that lie between the ends at every place."""
    lower, upper = ends[..., None]
    return float(((lower <= curves) & (curves <= upper)).all(axis=0).mean())


def _half_sample_error(curves: FloatArray, ci_prob: float) -> FloatArray:
    """The larger Monte Carlo error of both ends, shape (place,)."""
    n_draws, n_pairs = curves.shape[1], _HALF_SAMPLES.shape[1]
    if n_draws < 2 * n_pairs:
        return np.full(len(curves), np.nan)
    blocks = np.array_split(np.arange(n_draws), 2 * n_pairs)
    bands = []
    for first in _HALF_SAMPLES:
        half = [blocks[i] if first[i] else blocks[n_pairs + i] for i in range(n_pairs)]
        bands.append(_band(curves[:, np.concatenate(half)], ci_prob))
    return np.stack(bands).std(axis=0).max(axis=0)
