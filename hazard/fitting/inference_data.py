"""Groups of a fit as ArviZ knows them, with what concerns single rows and persons."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard import predictive
from hazard.estimands import incidence
from hazard.fitting.log_densities import standard_coordinates
from hazard.fitting.records import Fit
from hazard.inference.thinning import thinned
from hazard.model import correlations, naming, parameterisation
from hazard.model.parameterisation import Coordinates
from hazard.model.pymc_model import build_observed_model
from hazard.model.terms.block import column
from hazard.model.unit_likelihood import log_likelihood
from hazard.model.units import units

EXITS = "exits"
_REPLICATES = 200
_PRIOR_DRAWS = 500


def inference_data(fit: Fit, by: str = "person", *, seed: int = 0) -> xr.DataTree:
    """A fit with the groups that ArviZ works on, in memory: it says something of single persons.

    Parameters
    ----------
    fit : Fit
        On its rows.
    by : str
        Column of the panel: the log-likelihood is summed over the rows of each of its values, which
        are what ``az.loo`` leaves out one by one.
    seed : int
        Of the draws from the prior and of the replicated exits.

    Returns
    -------
    DataTree
        The groups of ``fit.posterior``; ``log_likelihood`` with the variable ``exits`` by unit;
        ``observed_data`` and ``constant_data`` by row; ``posterior_predictive``,
        exits replicated with 200 draws, evenly spaced; ``prior``, 500 draws.

    Raises
    ------
    UsageError
        If the fit was read from a folder, and its rows were not given.
    DesignError
        If the panel has no such column.
    """
    design, rng = fit.design, np.random.default_rng(seed)
    design_rows = fit.design_rows
    coordinates = parameterisation.standard(design)
    beta = incidence.coefficients(fit.draws, design)
    by_unit = log_likelihood(beta, design, units(column(design_rows, by))).rename(EXITS)
    row = {"row": np.arange(len(design_rows))}
    constant = {
        name: ("row", design_rows[name].astype(str).to_numpy())
        for name in dict.fromkeys(("person", "month", by))
    }
    return fit.tree.assign(
        {
            "log_likelihood": xr.DataTree(by_unit.to_dataset()),
            "observed_data": xr.DataTree(
                xr.Dataset({EXITS: ("row", design.outcome.astype(np.int64))}, row)
            ),
            "constant_data": xr.DataTree(xr.Dataset(constant, row)),
            "posterior_predictive": xr.DataTree(
                replicated(fit, rng).assign_coords(row).to_dataset(name=EXITS)
            ),
            "prior": xr.DataTree(
                predictive.prior_draws(coordinates, _PRIOR_DRAWS, rng).transpose(
                    "chain", "draw", "exit", ...
                )
            ),
        }
    )


def pymc_draws(fit: Fit) -> xr.DataTree:
    """Draws as the graph of PyMC has them: for ``pm.sample_posterior_predictive``.

    Parameters
    ----------
    fit : Fit
        On its rows.

    Returns
    -------
    DataTree
        ``posterior``, with the standard normals ``z_<term>`` of which the model of
        :func:`hazard.model.pymc_model.build_observed_model` makes the coefficients, and every
        dimension where the graph has it, which goes by position; ``constant_data``, by which PyMC
        sees that the rows are the same.

    Raises
    ------
    UsageError
        If the fit was read from a folder, and its rows were not given.
    """
    coordinates = parameterisation.standard(fit.design)
    draws = with_normals(fit.draws, coordinates)
    last = [[name for name in ("exit", "other_exit") if name in v.dims] for v in draws.values()]
    ordered = {
        name: values.transpose("chain", "draw", ..., *exits)
        for (name, values), exits in zip(draws.items(), last, strict=True)
    }
    return xr.DataTree.from_dict(
        {
            "posterior": draws.assign(ordered),
            "constant_data": xr.Dataset(_data(coordinates)),
        }
    )


def _data(coordinates: Coordinates) -> dict[str, tuple[list[str], np.ndarray]]:
    """Data of the model as PyMC has it: what it compares with, to see that nothing has changed."""
    variables = build_observed_model(coordinates).data_vars
    values = {str(variable.name): np.asarray(variable.get_value()) for variable in variables}
    return {
        name: ([f"{name}_dim_{axis}" for axis in range(value.ndim)], value)
        for name, value in values.items()
    }


def with_normals(draws: xr.Dataset, coordinates: Coordinates) -> xr.Dataset:
    """Draws with the standard normals that each coefficient is made of, where they are not there.

    Those of a prior that is not normal cannot be had from coefficients: they are among the draws of
    a sampler, and not among those of the approximation.
    """
    normals: dict[str, xr.DataArray] = {}
    learned = {group.name: group for group in coordinates.learned}
    for block in coordinates.original.blocks[1:]:
        name = block.name
        if name in coordinates.transformed:
            continue
        z = standard_coordinates(draws[block.variable], coordinates.factors[name])
        dimension = f"{name}_coordinate"
        z = z.rename(coordinate=dimension).assign_coords(
            {dimension: np.arange(z.sizes["coordinate"])}
        )
        if name in learned:
            z = z / draws[naming.sigma(name)]
            if naming.correlation(name) in draws:
                correlation = draws[naming.correlation(name)].transpose(..., "exit", "other_exit")
                partial = correlations.partial(correlation.to_numpy())
                normals[naming.partial(name)] = xr.DataArray(
                    (1 + partial) / 2, dims=("chain", "draw", "pair")
                )
                z = _uncorrelated(z, correlation)
        normals[naming.standard(name)] = z.transpose("chain", "draw", dimension, "exit")
    return draws.assign({name: z for name, z in normals.items() if name not in draws})


def _uncorrelated(z: xr.DataArray, correlation: xr.DataArray) -> xr.DataArray:
    """Normals of which correlated ones are made: z L'^-1, with L the factor of the correlation."""
    inverse = np.linalg.inv(np.linalg.cholesky(correlation.to_numpy()))
    rows = z.transpose("chain", "draw", ..., "exit")
    return rows.copy(data=rows.to_numpy() @ np.swapaxes(inverse, -1, -2))


def replicated(fit: Fit, rng: np.random.Generator) -> xr.DataArray:
    """Exits of every row drawn anew, for 200 draws that are evenly spaced.

    Returns
    -------
    DataArray of int64, dims (chain, draw, row)
        0 for who stays, else the number of the exit, from 1.
    """
    beta = incidence.coefficients(thinned(fit.draws, _REPLICATES), fit.design)
    coefficients = (
        beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit").values
    )
    exits = [part for _, part in predictive.replicates(fit.design, coefficients, rng)]
    shape = (beta.sizes["chain"], beta.sizes["draw"], -1)
    return xr.DataArray(
        np.concatenate(exits).astype(np.int64).reshape(shape), dims=("chain", "draw", "row")
    )
