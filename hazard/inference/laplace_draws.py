"""The Laplace approximation as a map from standard normals, and as draws.

The map is where the sampler moves; the draws are the approximate engine. Learned covariances are
integrated over: their parameters are normal around the mode, the effects of a level follow them as
in :func:`hazard.model.correlations.conditional`, and the rest follows to first order. Priors that
are not normal meet the likelihood as the approximation sees it: normal in their coefficients. The
draws stand around the mean and not the mode (:func:`mean_shift`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
import xarray as xr

from hazard.arrays import FloatArray
from hazard.inference import gibbs, laplace
from hazard.inference.laplace import Laplace
from hazard.inference.newton import Penalty, inverse_factor
from hazard.model import correlations
from hazard.model.likelihood import value_and_gradient
from hazard.model.parameterisation import Coordinates, Learned

_FOURS, _STEPS, _ROUNDS = 13, 3, 2


@dataclass(frozen=True)
class NormalMap:
    """Free variables of the model as linear functions of independent standard normals.

    Attributes
    ----------
    parts : dict of str to (ndarray, ndarray)
        By name, the location of a free variable on its unconstrained scale, and its factor, with
        one more dimension: the normals, then the deviations of ``held`` from ``held_mean``.
    n_normals : int
    held : ndarray of int64
        Positions, among all coordinates by exit, of those whose prior is not normal.
    held_mean : ndarray of float64
        Their mode under the normal stand-in.
    """

    parts: dict[str, tuple[FloatArray, FloatArray]]
    n_normals: int
    held: npt.NDArray[np.int64]
    held_mean: FloatArray


def fit(coordinates: Coordinates) -> Laplace:
    """Laplace approximation whose learned covariances fit the mean of the effects, not their mode.

    Parameters
    ----------
    coordinates : Coordinates

    Returns
    -------
    Laplace

    Raises
    ------
    ConvergenceError
        As :func:`hazard.inference.laplace.fit`, where it starts.

    Notes
    -----
    Where exits are rare the mode of the effects of a group is drawn to zero, and their spread comes
    out too small. Each of two rounds takes the mean given the covariances (:func:`mean_shift`), and
    the covariances given the mean.
    """
    rough = 0.1 if coordinates.learned else 0.01  # what the rounds leave is of this order
    around = laplace.fit(coordinates, tolerance=rough)
    for _ in range(_ROUNDS if coordinates.learned else 0):
        shift = mean_shift(around, normal_map(around))
        around = laplace.rescored(around, around.mode.beta + shift)
    return around


def normal_map(around: Laplace) -> NormalMap:
    """The approximation as a map.

    Notes
    -----
    Coordinates z are mode + L'^-1 w with L the factor of their precision, given what is held. They
    move with the parameters of the learned covariances as the mode does. In a learned block the
    effects of a level follow their covariance by themselves; what is left is the free variable v.
    """
    it, n_exits = around.coordinates, around.coordinates.n_exits
    held = _held(it)
    root, lean = _given_held(around, held)
    n_theta = sum(len(own) for own in around.theta)
    n = root.shape[1]
    factor = np.zeros((*around.mode.beta.shape, n + n_theta + len(held)))
    factor[..., :n] = root.reshape(*around.mode.beta.shape, n)
    factor[..., n + n_theta :] = lean.reshape(*around.mode.beta.shape, len(held))
    parts: dict[str, tuple[FloatArray, FloatArray]] = {}
    at = n
    roots = [np.linalg.cholesky(own) for own in around.spread]
    columns = []
    for g, group in enumerate(it.learned):
        own = np.zeros((len(roots[g]), factor.shape[-1]))
        columns.append(slice(at, at + len(own)))
        own[:, columns[g]] = roots[g]
        at += len(own)
        moved = np.stack([around.shift(g, k) for k in range(len(own))], axis=-1)
        factor[..., columns[g]] = moved @ roots[g]
        parts[f"sigma_{group.name}"] = around.theta[g][:n_exits], own[:n_exits]
        # the free variable is the log-odds of (1 + p) / 2, twice the inverse tangent of p
        parts[f"partial_{group.name}"] = 2 * around.theta[g][n_exits:], 2 * own[n_exits:]
    for block in it.design.blocks:
        span = it.design.span(block.name)
        name = "intercept" if block.kind == "intercept" else f"z_{block.name}"
        parts[name] = around.mode.beta[span], factor[span]
    for g, group in enumerate(it.learned):
        location, spread = parts.pop(f"z_{group.name}")
        apart = spread.copy()
        apart[..., columns[g]] -= around.followed(g) @ roots[g]
        scale = np.linalg.cholesky(np.linalg.inv(around.covariances()[g]))
        v = np.einsum("lba,lbw->law", scale, apart, optimize=True)
        parts[f"v_{group.name}"] = np.zeros_like(location), v
    return NormalMap(parts, n + n_theta, held, around.mode.beta.ravel()[held])


def draws(around: Laplace, n: int, rng: np.random.Generator) -> xr.Dataset:
    """Draws from the approximate posterior.

    Parameters
    ----------
    around : Laplace
    n : int
        Number of draws.
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain; variables as of the sampled posterior: ``intercept``, ``beta_<term>`` or
        ``u_<group>``, ``sigma_<term>``, ``correlation_<term>``.
    """
    it, mapped = around.coordinates, normal_map(around)
    w = rng.standard_normal((mapped.n_normals, n))
    held = held_draws(around, mapped, n, rng)
    moved = _moved(around, mapped, w, held)
    z = moved.z + mean_shift(around, mapped)[..., None]
    posterior: dict[str, xr.DataArray] = {}
    for group, theta in zip(it.learned, moved.theta, strict=True):
        posterior |= _learned(it, group, theta)
    posterior["intercept"] = _labelled(z[0], {"exit": list(it.design.exits)})
    for block in it.original.blocks[1:]:
        beta = np.einsum("kc,cjs->kjs", it.factors[block.name], z[it.design.span(block.name)])
        coords = {f"{block.name}_level": [str(label) for label in block.coefficients]}
        posterior[block.variable] = _labelled(beta, {**coords, "exit": list(it.design.exits)})
    return xr.Dataset(posterior)


def mean_shift(around: Laplace, mapped: NormalMap) -> FloatArray:
    """From the mode to the mean: what the draws are moved by.

    Returns
    -------
    ndarray, shape (coordinate, exit)
        Zero for coordinates whose prior is not normal.

    Notes
    -----
    Among normals q with the same covariance the divergence KL(q, posterior) is smallest where the
    mean of q makes the expected slope of the log posterior zero (a variational mean): then
    as many exits are expected as were observed, but for the priors. Where exits are rare the mode
    expects more: probabilities bend upwards, and the posterior leans to the left. Newton steps with
    the curvature at the mode go there, shortened until the expected log posterior does not fall;
    the expectation is over fours of opposite draws, in which all that is odd cancels.
    """
    it, rng = around.coordinates, np.random.default_rng(0)  # one number per approximation
    w = rng.standard_normal((mapped.n_normals, _FOURS))
    held = held_draws(around, mapped, _FOURS, rng)
    # opposite effects under the same covariances too: what has no rows is not moved at all
    own = np.arange(len(w)) < mapped.n_normals - sum(len(theta) for theta in around.theta)
    flip = np.where(own, -1.0, 1.0)[:, None]
    moved = _moved(around, mapped, np.hstack([w, flip * w, -flip * w, -w]), np.hstack([held] * 4))
    data, mean = it.rows, it.prior_mean()
    root, _ = _given_held(around, mapped.held)
    penalties = [
        Penalty(it.prior_precision(tuple(own[:, i] for own in moved.theta)), mean)
        for i in range(4 * _FOURS)
    ]

    def expected(shift: FloatArray) -> tuple[float, FloatArray]:
        """Mean over the draws of the log posterior, moved, and of its slope."""
        value, slope = 0.0, np.zeros_like(mean)
        for i, penalty in enumerate(penalties):
            z = moved.z[..., i] + shift
            own, gradient = value_and_gradient(data, z)
            lost, pull = penalty.value_and_slope(z)
            value += own - lost
            slope += gradient - pull
        return value / len(penalties), slope / len(penalties)

    shift = np.zeros_like(mean)
    value, slope = expected(shift)
    for _ in range(_STEPS):
        step = (root @ (root.T @ slope.ravel())).reshape(mean.shape)
        for length in (1.0, 0.5, 0.25, 0.125):
            there = expected(shift + length * step)
            if there[0] >= value:
                shift, (value, slope) = shift + length * step, there
                break
    return shift


class _Moved(NamedTuple):
    """Draws of all coordinates (coordinate, exit, draw) and of learned covariances' parameters."""

    z: FloatArray
    theta: tuple[FloatArray, ...]


def _moved(around: Laplace, mapped: NormalMap, w: FloatArray, held: FloatArray) -> _Moved:
    """Where standard normals and draws of the held coordinates lead."""
    it = around.coordinates
    columns = np.concatenate([w, held - mapped.held_mean[:, None]])
    free = {
        name: location[..., None] + factor @ columns
        for name, (location, factor) in mapped.parts.items()
    }
    z = np.empty((*around.mode.beta.shape, w.shape[1]))
    for block in it.design.blocks:
        name = "intercept" if block.kind == "intercept" else f"z_{block.name}"
        if name in free:
            z[it.design.span(block.name)] = free[name]
    z.reshape(-1, w.shape[1])[mapped.held] = held
    theta = []
    for g, group in enumerate(it.learned):
        own = np.concatenate([free[f"sigma_{group.name}"], free[f"partial_{group.name}"] / 2])
        z[group.span] = _learned_effects(around, g, own, free[f"v_{group.name}"])
        theta.append(own)
    return _Moved(z, tuple(theta))


def held_draws(around: Laplace, mapped: NormalMap, n: int, rng: np.random.Generator) -> FloatArray:
    """Draws of the coordinates whose prior is not normal, shape (held, n).

    Notes
    -----
    The likelihood of the held coordinates c, all others integrated out, is taken as normal: its
    precision is that of the approximation less the one of the stand-in, which is 1. What meets it
    is the prior itself (see :mod:`hazard.inference.gibbs`).
    """
    if not len(mapped.held):
        return np.zeros((0, n))
    inverse = inverse_factor(around.mode.cholesky)[:, mapped.held]
    precision = np.linalg.inv(inverse.T @ inverse)
    force = precision @ mapped.held_mean
    precision -= np.eye(len(force))
    return gibbs.draws(_curves(around.coordinates), precision, force, n=n, rng=rng)


def _curves(it: Coordinates) -> list[gibbs.Curve]:
    """Where the coefficients of every exit lie among the held coordinates."""
    found, start = [], 0
    for name, prior in it.transformed.items():
        size = len(it.factors[name])
        for j in range(it.n_exits):
            place = start + j + it.n_exits * np.arange(size)
            found.append(gibbs.Curve(prior, place))
        start += size * it.n_exits
    return found


def _held(it: Coordinates) -> npt.NDArray[np.int64]:
    spans = [it.design.span(name) for name in it.transformed]
    parts = [np.arange(s.start * it.n_exits, s.stop * it.n_exits) for s in spans]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _given_held(around: Laplace, held: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Factor of the coordinates given what is held, and how they lean on it; held rows are zero."""
    cholesky = around.mode.cholesky
    size = len(cholesky)
    if not len(held):
        return inverse_factor(cholesky).T, np.zeros((size, 0))
    free = np.ones(size, dtype=bool)
    free[held] = False
    precision = cholesky @ cholesky.T
    own = scipy.linalg.cholesky(precision[np.ix_(free, free)], lower=True)
    root, lean = np.zeros((size, len(own))), np.zeros((size, len(held)))
    root[free] = inverse_factor(own).T
    lean[free] = -scipy.linalg.cho_solve((own, True), precision[np.ix_(free, held)])
    return root, lean


def _learned_effects(around: Laplace, g: int, theta: FloatArray, v: FloatArray) -> FloatArray:
    """Effects (coordinate, exit, draw) of a learned block, from its free variables."""
    n_exits = around.coordinates.n_exits
    covariance = np.array([correlations.covariance(own, n_exits) for own in theta.T])
    anchor = around.anchors()[around.coordinates.learned[g].name]
    precision = np.linalg.inv(covariance)
    both = [
        [precision[:, b, a] + anchor.information[:, b, a, None] for a in range(b + 1)]
        for b in range(n_exits)
    ]
    effects = correlations.conditional(
        correlations.factor_of(both),
        [anchor.weighted_mean[:, b, None] for b in range(n_exits)],
        [v[:, b] for b in range(n_exits)],
    )
    return np.stack(effects, axis=1)


def _learned(it: Coordinates, group: Learned, theta: FloatArray) -> dict[str, xr.DataArray]:
    """Standard deviations and correlations of a learned covariance."""
    n_exits, exits = it.n_exits, list(it.design.exits)
    found = {f"sigma_{group.name}": _labelled(np.exp(theta[:n_exits]), {"exit": exits})}
    if group.concentration and n_exits > 1:
        r = correlations.correlation(np.tanh(theta[n_exits:]).T, n_exits)
        coords = {"exit": exits, "other_exit": exits}
        found[f"correlation_{group.name}"] = _labelled(np.moveaxis(r, 0, -1), coords)
    return found


def _labelled(values: FloatArray, coords: dict[str, list[str]]) -> xr.DataArray:
    """Array with draws last, as one chain."""
    named = xr.DataArray(values, dims=(*coords, "draw"), coords=coords)
    return named.expand_dims("chain").transpose("chain", "draw", ...)
