"""Draws under one prior after another, without compiling twice what differs in numbers only."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from hazard.inference import laplace_draws, nuts
from hazard.inference.laplace import Laplace
from hazard.model import pymc_model
from hazard.model.parameterisation import Coordinates


class Sampler:
    """Draws from posteriors; a graph that was compiled before gets new numbers instead."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Any] = {}

    @property
    def n_compiled(self) -> int:
        """Number of graphs compiled so far."""
        return len(self._compiled)

    def draws(self, laplace: Laplace, settings: nuts.SamplerSettings) -> xr.DataTree:
        """Draws of one posterior, approximated or sampled.

        Parameters
        ----------
        laplace : Laplace
        settings : Settings
            The same settings give the same draws, whatever was drawn before.

        Returns
        -------
        DataTree
            Group ``posterior``; if sampled, also ``sample_stats``.
        """
        if settings.engine == "laplace":
            n = settings.draws * settings.chains
            posterior = laplace_draws.draws(laplace, n, np.random.default_rng(settings.seed))
            return xr.DataTree.from_dict({"posterior": posterior})
        graph = pymc_model.build_model(laplace.coordinates, laplace.anchors)
        shape = _shape(graph, laplace.coordinates)
        if shape in self._compiled:
            compiled = _with_numbers(self._compiled[shape], graph, laplace)
        else:
            compiled = self._compiled[shape] = nuts.compile_model(graph, laplace)
        tree = nuts.sample(compiled, settings)
        posterior = laplace.adjusted(tree["posterior"].to_dataset())
        return tree.assign(posterior=xr.DataTree(posterior))


def _shape(graph: pm.Model, coordinates: Coordinates) -> Hashable:
    """What of a model is compiled: its variables, its data but not their values, its constants."""
    free = tuple(
        (variable.name, tuple(variable.shape.eval().tolist())) for variable in graph.free_RVs
    )
    data = tuple((variable.name, variable.type.ndim) for variable in graph.data_vars)
    deterministics = tuple(variable.name for variable in graph.deterministics)
    # the numbers of a prior that is not normal are constants of the graph
    constants = (coordinates.design.link, coordinates.intercept, *coordinates.transformed.items())
    return free, data, deterministics, constants


def _with_numbers(compiled: Any, graph: pm.Model, laplace: Laplace) -> Any:
    """What was compiled for a graph of the same shape, with the data and the map of this one."""
    location, factor = nuts.affine_map(graph, laplace)
    numbers = {variable.name: variable.get_value() for variable in graph.data_vars}
    numbers |= {"location": location, "factor": factor}
    used = {variable.name for variable in compiled.shared_var_keys}
    return compiled.with_data(**{name: numbers[name] for name in used})
