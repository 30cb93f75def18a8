"""Groups of a fit as ArviZ knows them, with what concerns single rows and persons."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hazard import predictive
from hazard.estimands import incidence
from hazard.fitting.records import Fit
from hazard.inference.thinning import thinned
from hazard.model import parameterisation
from hazard.model.likelihood import rows, table
from hazard.model.pymc_model import simulated
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
        ``observed_data`` and ``constant_data`` by row; ``posterior_predictive``, exits replicated
        with 200 draws, evenly spaced; ``prior``, 500 draws.

    Raises
    ------
    UsageError
        If the fit was read from a folder, and its rows were not given.
    """
    design, rng = fit.design, np.random.default_rng(seed)
    seen = fit.design_rows
    coordinates = parameterisation.standard(design)
    beta = incidence.coefficients(fit.draws, design)
    by_unit = log_likelihood(beta, design, units(seen[by])).rename(EXITS)
    row = {"row": np.arange(len(seen))}
    constant = {
        name: ("row", seen[name].astype(str).to_numpy())
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
            "prior": xr.DataTree(predictive.prior_draws(coordinates, _PRIOR_DRAWS, rng)),
        }
    )


def replicated(fit: Fit, rng: np.random.Generator) -> xr.DataArray:
    """Exits of every row drawn anew, for 200 draws that are evenly spaced.

    Returns
    -------
    DataArray of int64, dims (chain, draw, row)
        0 for who stays, else the number of the exit, from 1.
    """
    beta = incidence.coefficients(thinned(fit.draws, _REPLICATES), fit.design)
    data = rows(fit.design)
    every = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit").values
    exits = [
        simulated(data.link, table(data.blocks, draw), data.index, rng.random(len(data.index)))
        for draw in every
    ]
    shape = (beta.sizes["chain"], beta.sizes["draw"], -1)
    return xr.DataArray(
        np.array(exits, dtype=np.int64).reshape(shape), dims=("chain", "draw", "row")
    )
