"""Log-prior of every term and the log-likelihood of all rows, draw by draw."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray
from hazard.estimands import incidence
from hazard.model import naming
from hazard.model.design import Design
from hazard.model.parameterisation import Coordinates, Learned
from hazard.model.unit_likelihood import log_likelihood
from hazard.model.units import units

TOTAL = "total"
"""Variable of the group ``log_likelihood`` that holds the sum over all rows."""


def log_prior(draws: xr.Dataset, coordinates: Coordinates) -> xr.Dataset:
    """Log density of the prior of every term at every draw, but for a constant.

    Parameters
    ----------
    draws : Dataset, dims (chain, draw, ...)
    coordinates : Coordinates
        Of the same model.

    Returns
    -------
    Dataset, dims (chain, draw)
        One variable per term, and ``intercept``. Of a term with a learned covariance it is the
        density of the standard deviations and correlations: what is drawn around them is part of
        the model, and scaling it would not be a change of the prior. A term whose prior is not
        normal has one only where its normal coordinates were drawn.

    Notes
    -----
    Half-normal for a standard deviation; det(R)^(concentration - 1) for correlations R.

    References
    ----------
    .. [1] Kallioinen, Paananen, Bürkner and Vehtari (2024), Detecting and diagnosing prior and
       likelihood sensitivity with power-scaling, Statistics and Computing 34.
    """
    prior = coordinates.intercept
    densities = {"intercept": _normal((draws["intercept"] - prior.mean) / prior.scale)}
    learned = {group.name: group for group in coordinates.learned}
    for block in coordinates.original.blocks[1:]:
        name = block.name
        if name in learned:
            densities[name] = _of_covariance(draws, learned[name], coordinates.n_exits)
        elif name not in coordinates.transformed:
            z = standard_coordinates(draws[block.variable], coordinates.factors[name])
            densities[name] = _normal(z / coordinates.widths.get(name, 1.0))
        elif naming.transformed(name) in draws:
            densities[name] = _normal(draws[naming.transformed(name)])
    return xr.Dataset(densities)


def total_log_likelihood(draws: xr.Dataset, design: Design) -> xr.Dataset:
    """Log-likelihood of all rows at every draw, dims (chain, draw)."""
    beta = incidence.coefficients(draws, design)
    everybody = units(np.zeros(len(design.outcome), dtype=np.int64))
    return log_likelihood(beta, design, everybody).squeeze("unit", drop=True).to_dataset(name=TOTAL)


def _normal(z: xr.DataArray) -> xr.DataArray:
    """Log density of independent standard normals, but for a constant."""
    dimensions = [name for name in z.dims if name not in ("chain", "draw")]
    return -0.5 * (z**2).sum(dimensions)


def standard_coordinates(beta: xr.DataArray, factor: FloatArray) -> xr.DataArray:
    """Coordinates z of coefficients F z, with the dimension ``coordinate``."""
    level = next(str(name) for name in beta.dims if name not in ("chain", "draw", "exit"))
    inverse = xr.DataArray(np.linalg.pinv(factor), dims=("coordinate", level))
    return inverse.dot(beta.drop_vars(level, errors="ignore"), dim=level)


def _of_covariance(draws: xr.Dataset, group: Learned, n_exits: int) -> xr.DataArray:
    """Log density of standard deviations and, where they are learned, of correlations."""
    density = _normal(draws[naming.sigma(group.name)] / group.scale)
    if group.concentration is None or n_exits == 1:
        return density
    correlation = draws[naming.correlation(group.name)].transpose(
        "chain", "draw", "exit", "other_exit"
    )
    log_determinant = np.linalg.slogdet(correlation.to_numpy())[1]
    return density + xr.DataArray(
        (group.concentration - 1) * log_determinant, dims=("chain", "draw")
    )
