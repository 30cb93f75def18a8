"""Draws from the posterior: NUTS in coordinates whitened by the Laplace approximation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import scipy.linalg
import xarray as xr
from pytensor.graph.replace import graph_replace
from threadpoolctl import threadpool_limits

from hazard.laplace import Laplace
from hazard.terms.block import FloatArray

_HELPERS = ["whitened", "whitened_dim_0"]


@dataclass(frozen=True)
class Settings:
    """How to sample; the same settings and seed give the same draws."""

    draws: int = 1000
    tune: int = 200
    chains: int = 4
    cores: int = 2
    target_accept: float = 0.8
    seed: int = 0


def compile_model(model: pm.Model, around: Laplace | None = None) -> Any:
    """Compiled log-density of a model, for :func:`sample`.

    Parameters
    ----------
    model : pm.Model
    around : Laplace, optional
        Normal approximation of the same model: chains start around it and move in the coordinates
        in which it is standard normal. The posterior does not depend on it, the speed does.

    Returns
    -------
    nutpie.CompiledModel
    """
    target = model if around is None else whitened(model, *affine_map(model, around))
    return nutpie.compile_pymc_model(target)


def sample(
    compiled: Any, settings: Settings, progress: Callable[[float], None] | None = None
) -> xr.DataTree:
    """Posterior draws by the No-U-Turn sampler.

    Parameters
    ----------
    compiled : nutpie.CompiledModel
        From :func:`compile_model`.
    settings : Settings
    progress : callable, optional
        Called from time to time with the share of all draws that is done.

    Returns
    -------
    DataTree
        Groups ``posterior`` (chain, draw, ...) and ``sample_stats``.
    """

    def report(chains: list[Any]) -> None:
        done = sum(chain.finished_draws for chain in chains)
        if progress is not None:
            progress(done / max(sum(chain.total_draws for chain in chains), 1))

    # chains already use the cores; threads inside each product of a chain only wait for each other
    with threadpool_limits(1, user_api="blas"):
        tree = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=settings.cores,
            seed=settings.seed,
            target_accept=settings.target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=report,
        )
    posterior = tree["posterior"].to_dataset().drop_vars(_HELPERS, errors="ignore")
    statistics = tree["sample_stats"].to_dataset()
    kept = [str(name) for name, values in statistics.items() if values.dtype != object]
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics[kept]})


def affine_map(model: pm.Model, around: Laplace) -> tuple[FloatArray, FloatArray]:
    """Location and factor that turn a standard normal into the Laplace approximation.

    Returns
    -------
    ndarray, shape (n,)
        Mode of the unconstrained free variables, in the order of ``model.value_vars``.
    ndarray, shape (n, n)
        Factor A such that location + A w follows the approximation for standard normal w; the mode
        moves with the learned scales to first order.
    """
    normal = _natural_map(around)
    detached = around.detached()
    location, factor = [], []
    for variable in model.free_RVs:
        kind, _, name = variable.name.partition("_")
        middle, spread = normal[f"sigma_{name}" if kind == "sigma" else name or "intercept"]
        if kind == "v":
            # v = u sigma^-a: scaled, and moving with log sigma by -a v
            log_sigma, sigma_spread = normal[f"sigma_{name}"]
            share = detached[name]
            scale = np.exp(-share * log_sigma)
            middle = middle * scale
            spread = spread * scale[..., None] - (share * middle)[..., None] * sigma_spread
        location.append(middle.ravel())
        factor.append(spread.reshape(middle.size, -1))
    return np.concatenate(location), np.concatenate(factor)


def _natural_map(around: Laplace) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Location and factor of every block (level, exit[, w]) and of every log scale (exit[, w])."""
    design, n_exits = around.coordinates.design, len(around.coordinates.design.exits)
    n, n_scales = around.mode.beta.size, around.sigma.size
    inverse = scipy.linalg.solve_triangular(around.mode.cholesky, np.eye(n), lower=True)
    factor = np.zeros((*around.mode.beta.shape, n + n_scales))
    factor[..., :n] = inverse.T.reshape(*around.mode.beta.shape, n)
    found = {}
    for g, group in enumerate(around.coordinates.pooled):
        spread = np.zeros((n_exits, n + n_scales))
        for j in range(n_exits):
            own = n + g * n_exits + j
            spread[j, own] = around.log_sigma_sd[g, j]
            factor[..., own] = around.shift(g, j) * around.log_sigma_sd[g, j]
        found[f"sigma_{group.name}"] = (np.log(around.sigma[g]), spread)
    for block in design.blocks:
        span = design.span(block.name)
        found[block.name] = (around.mode.beta[span], factor[span])
    return found


def whitened(model: pm.Model, location: FloatArray, factor: FloatArray) -> pm.Model:
    """The same model in the coordinates w, where the unconstrained variables are location + A w.

    Parameters
    ----------
    model : pm.Model
    location : ndarray, shape (n,)
    factor : ndarray, shape (n, n)

    Returns
    -------
    pm.Model
        One free variable ``whitened``; every variable of ``model`` is a deterministic of the same
        name. Its posterior is that of ``model``.
    """
    density = model.logp()
    with pm.Model(coords=model.coords) as twin:
        w = pm.Flat("whitened", shape=len(location))
        x = pm.Data("location", location) + pm.Data("factor", factor) @ w
        values, drawn, at = {}, {}, 0
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            shape = tuple(int(d) for d in variable.shape.eval())
            size = int(np.prod(shape, dtype=int))
            piece = x[at : at + size].reshape(shape)
            transform = model.rvs_to_transforms[variable]
            values[value] = piece
            natural = (
                piece if transform is None else transform.backward(piece, *variable.owner.inputs)
            )
            drawn[variable] = natural
            pm.Deterministic(variable.name, natural, dims=model.named_vars_to_dims[variable.name])
            at += size
        for variable in model.deterministics:
            [natural] = graph_replace([variable], drawn, strict=False)
            pm.Deterministic(variable.name, natural, dims=model.named_vars_to_dims[variable.name])
        [moved] = graph_replace([density], values, strict=False)
        pm.Potential("density", moved)
    return twin
