"""Posterior draws for one simulated data set after another; what was compiled once is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats  # type: ignore[attr-defined]

from hazard.errors import ConvergenceError
from hazard.inference import laplace_draws
from hazard.inference.nuts import SamplerSettings
from hazard.model.design import Design
from hazard.model.parameterisation import Coordinates
from hazard.studies.sensitivity.engines import Sampler

_ARVIZ: Any = array_stats  # untyped
_CHAINS = 2
_FEWEST_DRAWS = 200
_DOUBLINGS = 3

EngineName = Literal["nuts", "laplace"]


@dataclass(frozen=True)
class PosteriorSample:
    """About independent draws from one posterior, and how they came about.

    Attributes
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    effective : float
        Smallest effective number of draws of a variable, before thinning.
    divergences : int
    """

    posterior: xr.Dataset
    effective: float
    divergences: int


Engine = Callable[[Design, int, np.random.Generator], PosteriorSample]
"""Draws from the posterior of a simulated design: how many, and from which generator."""


def engine(name: EngineName, coordinates: Coordinates, sampler: Sampler | None = None) -> Engine:
    """The engine of a name, for designs that differ from that of the coordinates in exits only.

    Parameters
    ----------
    name : {"nuts", "laplace"}
    coordinates : Coordinates
    sampler : Sampler, optional
        Keeps what is compiled for NUTS: once for all simulations.
    """
    return (
        _approximate(coordinates)
        if name == "laplace"
        else _sampled(coordinates, sampler or Sampler())
    )


def of_design(coordinates: Coordinates, simulated: Design) -> Coordinates:
    """The same coordinates, with the exits and weights of a simulated design.

    Its rows are independent, whatever the model says of those that were observed.
    """
    design = replace(coordinates.design, outcome=simulated.outcome, weight=simulated.weight)
    return replace(coordinates, design=design, original=replace(simulated, dependence=None))


def _approximate(coordinates: Coordinates) -> Engine:
    def fit(simulated: Design, n: int, rng: np.random.Generator) -> PosteriorSample:
        laplace = laplace_draws.fit(of_design(coordinates, simulated))
        return PosteriorSample(laplace_draws.draws(laplace, n, rng), float(n), 0)

    return fit


def _sampled(coordinates: Coordinates, sampler: Sampler) -> Engine:
    """NUTS; raises ConvergenceError when eight times the usual draws are not effective enough."""

    def fit(simulated: Design, n: int, rng: np.random.Generator) -> PosteriorSample:
        laplace = laplace_draws.fit(of_design(coordinates, simulated))
        draws = max(n, _FEWEST_DRAWS)
        for _ in range(1 + _DOUBLINGS):
            settings = SamplerSettings(
                draws, chains=_CHAINS, cores=1, seed=int(rng.integers(2**31))
            )
            tree = sampler.draws(laplace, settings)
            posterior = tree["posterior"].to_dataset()
            effective = smallest_ess(posterior)
            if effective >= n:
                divergences = int(tree["sample_stats"]["diverging"].sum())
                return PosteriorSample(thinned(posterior, n), effective, divergences)
            draws *= 2
        raise ConvergenceError(
            f"effective draws must number at least {n}; got {effective:.0f} of {draws:,}."
        )

    return fit


def smallest_ess(posterior: xr.Dataset) -> float:
    """Smallest effective number of draws, in the bulk, of the variables that move."""
    parts = [posterior[name].transpose("chain", "draw", ...).values for name in posterior]
    flat = np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=2)
    moving = flat[:, :, np.ptp(flat, axis=(0, 1)) > 1e-9]
    return float(np.min(_ARVIZ.ess(moving, method="bulk", chain_axis=0, draw_axis=1)))


def thinned(posterior: xr.Dataset, n: int) -> xr.Dataset:
    """Evenly spaced draws of all chains, ``n`` in all, as one chain.

    Examples
    --------
    >>> draws = xr.Dataset({"b": (("chain", "draw"), np.arange(8.0).reshape(2, 4))})
    >>> thinned(draws, 4)["b"].values.tolist()
    [[0.0, 2.0, 4.0, 6.0]]
    """
    joined = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    positions = np.arange(n) * joined.sizes["sample"] // n
    spaced = joined.isel(sample=positions).drop_vars(["sample", "chain", "draw"])
    return spaced.rename(sample="draw").expand_dims("chain")
