"""The Laplace approximation as a map from standard normals, and as draws.

The map is where the sampler moves; the draws are the approximate engine. Learned covariances are
integrated over: their parameters are normal around the mode, the effects of a level follow them as
in :func:`hazard.correlations.conditional`, and the rest follows to first order. Priors that are not
normal meet the likelihood as the approximation sees it: normal in their coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import xarray as xr

from hazard import correlations, gibbs
from hazard.coordinates import Coordinates
from hazard.laplace import Laplace, inverse_factor
from hazard.terms.block import Block, FloatArray


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
    coordinates = held_draws(around, mapped, n, rng)
    columns = np.concatenate([w, coordinates - mapped.held_mean[:, None]])
    free = {
        name: location[..., None] + factor @ columns
        for name, (location, factor) in mapped.parts.items()
    }
    for name in it.transformed:
        span = it.design.span(name)
        rank = np.arange(span.start * it.n_exits, span.stop * it.n_exits)
        place = np.searchsorted(mapped.held, rank)
        free[f"z_{name}"] = coordinates[place].reshape(-1, it.n_exits, n)
    posterior: dict[str, xr.DataArray] = {}
    for g, group in enumerate(it.learned):
        effects, learned = _learned_effects(around, g, free)
        free[f"z_{group.name}"] = effects
        posterior |= learned
    posterior["intercept"] = _labelled(free["intercept"][0], {"exit": list(it.design.exits)})
    for block in it.original.blocks[1:]:
        beta = np.einsum("kc,cjs->kjs", it.factors[block.name], free[f"z_{block.name}"])
        coords = {f"{block.name}_level": [str(label) for label in block.coefficients]}
        posterior[variable(block)] = _labelled(beta, {**coords, "exit": list(it.design.exits)})
    return xr.Dataset(posterior)


def variable(block: Block) -> str:
    """Name of the coefficients of a block among the draws.

    ``u_<name>`` for a group, ``beta_<name>`` for every other term.
    """
    return f"u_{block.name}" if block.kind == "group" else f"beta_{block.name}"


def held_draws(around: Laplace, mapped: NormalMap, n: int, rng: np.random.Generator) -> FloatArray:
    """Draws of the coordinates whose prior is not normal, shape (held, n).

    Notes
    -----
    The likelihood of the held coordinates c, all others integrated out, is taken as normal: its
    precision is that of the approximation less the one of the stand-in, which is 1. What meets it
    is the prior itself (see :mod:`hazard.gibbs`).
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


def _learned_effects(
    around: Laplace, g: int, free: dict[str, FloatArray]
) -> tuple[FloatArray, dict[str, xr.DataArray]]:
    """Effects (coordinate, exit, draw) of a learned block, with sds and correlations."""
    it, group = around.coordinates, around.coordinates.learned[g]
    n_exits, exits = it.n_exits, list(it.design.exits)
    theta = np.concatenate([free[f"sigma_{group.name}"], free[f"partial_{group.name}"] / 2])
    covariance = np.array([correlations.covariance(own, n_exits) for own in theta.T])
    anchor = around.anchors()[group.name]
    precision = np.linalg.inv(covariance)
    both = [
        [precision[:, b, a] + anchor.information[:, b, a, None] for a in range(b + 1)]
        for b in range(n_exits)
    ]
    v = free[f"v_{group.name}"]
    effects = correlations.conditional(
        correlations.factor_of(both),
        [anchor.force[:, b, None] for b in range(n_exits)],
        [v[:, b] for b in range(n_exits)],
    )
    sigma = np.exp(theta[:n_exits])
    found = {f"sigma_{group.name}": _labelled(sigma, {"exit": exits})}
    if group.concentration and n_exits > 1:
        r = correlations.correlation(np.tanh(theta[n_exits:]).T, n_exits)
        coords = {"exit": exits, "other_exit": exits}
        found[f"correlation_{group.name}"] = _labelled(np.moveaxis(r, 0, -1), coords)
    return np.stack(effects, axis=1), found


def _labelled(values: FloatArray, coords: dict[str, list[str]]) -> xr.DataArray:
    """Array with draws last, as one chain."""
    named = xr.DataArray(values, dims=(*coords, "draw"), coords=coords)
    return named.expand_dims("chain").transpose("chain", "draw", ...)
