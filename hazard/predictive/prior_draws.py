"""Draws of everything that a model learns, from its prior."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray
from hazard.model import correlations
from hazard.model.parameterisation import Coordinates, Learned
from hazard.model.priors import NUMBERS


def prior_draws(it: Coordinates, n: int, rng: np.random.Generator) -> xr.Dataset:
    """Independent draws from the prior.

    Parameters
    ----------
    it : Coordinates
    n : int
        Number of draws.
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain, and the variables of :func:`prior_draw`.
    """
    singly = [prior_draw(it, rng) for _ in range(n)]
    return xr.Dataset(
        {
            name: (first.dims, np.concatenate([draw[name].values for draw in singly], axis=1))
            for name, first in singly[0].items()
        },
        coords=singly[0].coords,
    )


def prior_draw(it: Coordinates, rng: np.random.Generator) -> xr.Dataset:
    """One draw of everything the model learns, from its prior.

    Parameters
    ----------
    it : Coordinates
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain with one draw, and the variables of a posterior: ``intercept``, ``beta_<term>`` or
        ``u_<group>``, ``sigma_<term>``, ``correlation_<term>``.
    """
    n_exits, exits = it.n_exits, list(it.design.exits)
    z = rng.standard_normal((it.design.n_coefficients, n_exits))
    for name, width in it.widths.items():
        z[it.design.span(name)] *= width
    intercept = it.design.span("intercept")
    z[intercept] = it.intercept.mean + it.intercept.scale * z[intercept]
    variables: dict[str, xr.DataArray] = {}
    for group in it.learned:
        sigma, correlation = _covariance(group, n_exits, rng)
        z[group.span] = z[group.span] @ np.linalg.cholesky(correlation).T * sigma
        variables[f"sigma_{group.name}"] = _labelled(sigma, {"exit": exits})
        if group.concentration and n_exits > 1:
            coords = {"exit": exits, "other_exit": exits}
            variables[f"correlation_{group.name}"] = _labelled(correlation, coords)
    for name, prior in it.transformed.items():
        scale = np.diag(it.factors[name])[:, None]
        x = rng.standard_normal((prior.n_normals(len(scale)), n_exits))
        z[it.design.span(name)] = prior.transform(x, len(scale), NUMBERS) / scale
    beta = it.coefficients(z)
    variables["intercept"] = _labelled(beta[0], {"exit": exits})
    for block in it.original.blocks[1:]:
        coords = {f"{block.name}_level": [str(label) for label in block.coefficients]}
        span = it.original.span(block.name)
        variables[block.variable] = _labelled(beta[span], {**coords, "exit": exits})
    return xr.Dataset(variables)


def _covariance(
    group: Learned, n_exits: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Standard deviations (exit,) and correlations (exit, other exit) of a learned covariance."""
    sigma = group.scale * np.abs(rng.standard_normal(n_exits))
    if not group.concentration:
        return sigma, np.eye(n_exits)
    shape = correlations.beta_parameter(group.concentration, n_exits)
    return sigma, correlations.correlation(2 * rng.beta(shape, shape) - 1, n_exits)


def _labelled(values: FloatArray, coords: dict[str, list[str]]) -> xr.DataArray:
    named = xr.DataArray(values, dims=tuple(coords), coords=coords)
    return named.expand_dims(("chain", "draw"))
