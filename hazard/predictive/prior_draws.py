"""Draws of everything that a model learns, from its prior."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray
from hazard.model import correlations, naming
from hazard.model.parameterisation import Coordinates, Learned
from hazard.model.priors import NUMBERS


def prior_draws(coordinates: Coordinates, n: int, rng: np.random.Generator) -> xr.Dataset:
    """Independent draws from the prior.

    Parameters
    ----------
    coordinates : Coordinates
    n : int
        Number of draws.
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain, and the variables of :func:`prior_draw`.
    """
    single_draws = [prior_draw(coordinates, rng) for _ in range(n)]
    return xr.Dataset(
        {
            name: (first.dims, np.concatenate([draw[name].values for draw in single_draws], axis=1))
            for name, first in single_draws[0].items()
        },
        coords=single_draws[0].coords,
    )


def prior_draw(coordinates: Coordinates, rng: np.random.Generator) -> xr.Dataset:
    """One draw of everything the model learns, from its prior.

    Parameters
    ----------
    coordinates : Coordinates
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain with one draw, and the variables of a posterior: ``intercept``, ``beta_<term>`` or
        ``u_<group>``, ``sigma_<term>``, ``correlation_<term>``.
    """
    n_exits, exits = coordinates.n_exits, list(coordinates.design.exits)
    z = rng.standard_normal((coordinates.design.n_coefficients, n_exits))
    for name, width in coordinates.widths.items():
        z[coordinates.design.span(name)] *= width
    intercept = coordinates.design.span("intercept")
    z[intercept] = coordinates.intercept.mean + coordinates.intercept.scale * z[intercept]
    variables: dict[str, xr.DataArray] = {}
    for group in coordinates.learned:
        sigma, correlation = _covariance(group, n_exits, rng)
        z[group.span] = z[group.span] @ np.linalg.cholesky(correlation).T * sigma
        variables[naming.sigma(group.name)] = _labelled(sigma, {"exit": exits})
        if group.concentration and n_exits > 1:
            coords = {"exit": exits, "other_exit": exits}
            variables[naming.correlation(group.name)] = _labelled(correlation, coords)
    for name, prior in coordinates.transformed.items():
        scale = np.diag(coordinates.factors[name])[:, None]
        x = rng.standard_normal((prior.n_normals(len(scale)), n_exits))
        z[coordinates.design.span(name)] = prior.transform(x, len(scale), NUMBERS) / scale
    beta = coordinates.coefficients(z)
    variables["intercept"] = _labelled(beta[0], {"exit": exits})
    for block in coordinates.original.blocks[1:]:
        coords = {naming.level(block.name): [str(label) for label in block.coefficients]}
        span = coordinates.original.span(block.name)
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
