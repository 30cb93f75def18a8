"""How histories go on after the last row of a person: as those of others who are still there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hazard.arrays import BoolArray, Float32Array, IntArray


def ended(events: Float32Array) -> BoolArray:
    """Months after the last of which the rows of a path tell; none where they tell of no month.

    Parameters
    ----------
    events : ndarray, shape (path, month)
        NaN where it is unknown.

    Returns
    -------
    ndarray of bool, shape (path, month)

    Examples
    --------
    >>> ended(np.array([[np.nan, 1, np.nan, 0, np.nan], [np.nan] * 5])).astype(int).tolist()
    [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    """
    known = ~np.isnan(events)
    later = np.cumsum(known[:, ::-1], axis=1)[:, ::-1] > 0
    return np.asarray(~later & known.any(axis=1)[:, None])


def impute_after_end(
    counts: Mapping[str, Float32Array], start: int, rng: np.random.Generator
) -> dict[str, Float32Array]:
    """Histories in which every month after the last is drawn from those who are still there.

    Parameters
    ----------
    counts : mapping of str to ndarray of float32, shape (path, month)
        Of all paths, by term; NaN where it is unknown.
    start : int
        Position of the month of the start.
    rng : Generator

    Returns
    -------
    dict of str to ndarray of float32, shape (path, month)
        What was known is kept. A month of which nobody tells stays unknown, and those after it.

    Notes
    -----
    Month m of a path that has ended is that of another path, chosen at random from those that tell
    of it and had the same in month m - 1, or the nearest to it, over all terms together. This is
    the natural course of the exposures in the g-formula [1]_, with the probabilities of the next
    month given the last counted among those still there, if what is to come depends on the
    exposures of the last month only, and not on leaving.

    References
    ----------
    .. [1] Young, Stensrud, Tchetgen Tchetgen and Hernán (2020), A causal framework for classical
       statistical estimands in failure-time settings with competing events, Statistics in Medicine
       39(8).

    Examples
    --------
    A state that nobody leaves goes on.

    >>> state = np.array([[0, np.nan, np.nan], [1, np.nan, np.nan], [0, 0, 0], [1, 1, 1]])
    >>> impute_after_end({"state": state}, 0, np.random.default_rng(0))["state"].tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    names = list(counts)
    if not names:
        return {}
    values = np.stack([counts[name] for name in names], axis=-1)  # path, month, term
    has_ended = np.stack([ended(counts[name]) for name in names], axis=-1).any(axis=-1)
    known = ~np.isnan(values).any(axis=-1)
    for month in range(start + 1, values.shape[1]):
        recipients = np.flatnonzero(
            has_ended[:, month] & ~np.isnan(values[:, month - 1]).any(axis=-1)
        )
        donors = np.flatnonzero(known[:, month] & known[:, month - 1])
        if len(recipients) and len(donors):
            previous = values[:, month - 1]
            chosen = _nearest_donors(previous[recipients], previous[donors], rng)
            values[recipients, month] = values[donors[chosen], month]
    return {name: values[..., n] for n, name in enumerate(names)}


def _nearest_donors(
    recipients: Float32Array, donors: Float32Array, rng: np.random.Generator
) -> IntArray:
    """For every asked row one of the rows that are there, at random among the nearest."""
    patterns, code = np.unique(recipients, axis=0, return_inverse=True)
    chosen = np.zeros(len(recipients), dtype=np.int64)
    for n, pattern in enumerate(patterns):
        distance = np.abs(donors - pattern).sum(axis=1)
        nearest = np.flatnonzero(distance == distance.min())
        alike = np.flatnonzero(code.ravel() == n)
        chosen[alike] = nearest[rng.integers(0, len(nearest), len(alike))]
    return chosen
