"""Draws from the posterior: NUTS in coordinates whitened by the Laplace approximation."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import nutpie
import pymc as pm
import pytensor
import xarray as xr
from pytensor.graph.replace import graph_replace
from threadpoolctl import threadpool_limits

from hazard.arrays import FloatArray
from hazard.errors import UsageError, did_you_mean
from hazard.inference.laplace import Laplace
from hazard.inference.laplace_draws import normal_map

if not pytensor.config.generated_src_dir:
    # Elsewhere each compiled function leaves a file in the system's temporary folder for good.
    pytensor.config.generated_src_dir = str(Path(pytensor.config.base_compiledir) / "sources")

_HELPERS = ["whitened", "whitened_dim_0"]
_PAUSE = 0.02
_LEAST_MEMORY = 2 * 2**30  # bytes of addresses that the compiler of the density takes


EngineName = Literal["nuts", "laplace"]


@dataclass(frozen=True)
class SamplerSettings:
    """How to sample; the same settings and seed give the same draws.

    The engine ``nuts`` samples. ``laplace`` draws from the normal approximation, as many draws in
    all, in seconds; it does not use the other settings.

    Raises
    ------
    UsageError
        If the engine is unknown, or a number is too small.
    """

    draws: int = 1000
    tune: int = 200
    chains: int = 4
    cores: int = 2
    target_accept: float = 0.8
    seed: int = 0
    engine: EngineName = "nuts"

    def __post_init__(self) -> None:
        engines = get_args(EngineName)
        if self.engine not in engines:
            raise UsageError(
                f"engine must be one of {list(engines)}; got {self.engine!r}."
                + did_you_mean(self.engine, engines)
            )
        for name, least in (("draws", 1), ("tune", 0), ("chains", 1), ("cores", 1), ("seed", 0)):
            if (number := getattr(self, name)) < least:
                raise UsageError(f"{name} must be {least} or more; got {number}.")


def compile_model(model: pm.Model, approximation: Laplace | None = None) -> Any:
    """Compiled log-density of a model, for :func:`sample`.

    Parameters
    ----------
    model : pm.Model
    approximation : Laplace, optional
        Normal approximation of the same model: chains start around it and move in the coordinates
        in which it is standard normal. The posterior does not depend on it, the speed does.

    Returns
    -------
    nutpie.CompiledModel

    Raises
    ------
    MemoryError
        If the process may use so little memory that the compiler would crash.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_MEMORY:
        raise MemoryError
    target = model if approximation is None else whitened(model, *affine_map(model, approximation))
    return nutpie.compile_pymc_model(target)


@dataclass(frozen=True)
class ChainStore:
    """Where finished chains are kept, so that a sampling that was cut off can go on.

    Attributes
    ----------
    load : callable
        Chain number -> its draws, or None if they are not kept.
    save : callable
        Called with the number and the draws of each chain as it ends.
    """

    load: Callable[[int], xr.DataTree | None] = lambda _: None
    save: Callable[[int, xr.DataTree], None] = lambda _, __: None


NO_STORE = ChainStore()


def sample(
    compiled: Any,
    settings: SamplerSettings,
    progress: Callable[[float], None] = lambda _: None,
    *,
    store: ChainStore = NO_STORE,
) -> xr.DataTree:
    """Posterior draws by the No-U-Turn sampler.

    Every chain has a seed of its own, made from the seed of the settings and its number: its draws
    depend neither on the number of cores nor on the other chains.

    Parameters
    ----------
    compiled : nutpie.CompiledModel
        From :func:`compile_model`.
    settings : SamplerSettings
    progress : callable, optional
        Called from time to time with the share of all draws that is done.
    store : ChainStore, optional
        Chains that it has are not sampled again.

    Returns
    -------
    DataTree
        Groups ``posterior`` (chain, draw, ...) and ``sample_stats``.
    """
    stored = {k: store.load(k) for k in range(settings.chains)}
    done = {k: chain for k, chain in stored.items() if chain is not None}
    waiting = [k for k in range(settings.chains) if k not in done]
    shares = dict.fromkeys(done, 1.0)
    running: dict[int, Any] = {}
    try:
        # chains use the cores; threads inside each product of a chain only wait for each other
        with threadpool_limits(1, user_api="blas"):
            while waiting or running:
                while waiting and len(running) < settings.cores:
                    k = waiting.pop(0)
                    running[k] = _started(compiled, settings, k, shares)
                time.sleep(_PAUSE)
                for k in [k for k, job in running.items() if _has_ended(job)]:
                    done[k] = _tidy(running[k].wait())
                    del running[k]
                    shares[k] = 1.0
                    store.save(k, done[k])
                progress(sum(shares.values()) / settings.chains)
    finally:
        for job in running.values():
            job.cancel()
    groups = {
        name: xr.concat([done[k][name].to_dataset() for k in sorted(done)], dim="chain")
        for name in ("posterior", "sample_stats")
    }
    chains = np.arange(settings.chains)
    return xr.DataTree.from_dict(
        {name: group.assign_coords(chain=chains) for name, group in groups.items()}
    )


def _started(compiled: Any, settings: SamplerSettings, chain: int, shares: dict[int, float]) -> Any:
    """One chain, begun in the background; it writes the share that is done."""

    def report(chains: list[Any]) -> None:
        shares[chain] = chains[0].finished_draws / max(chains[0].total_draws, 1)

    seed = np.random.SeedSequence(settings.seed).spawn(settings.chains)[chain].generate_state(1)[0]
    return nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=1,
        cores=1,
        seed=int(seed),
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=report,
        blocking=False,
    )


def _has_ended(job: Any) -> bool:
    try:
        return bool(job.is_finished)
    except TimeoutError:  # how a chain that is still running answers
        return False


def _tidy(tree: xr.DataTree) -> xr.DataTree:
    posterior = tree["posterior"].to_dataset().drop_vars(_HELPERS, errors="ignore")
    statistics = tree["sample_stats"].to_dataset()
    numeric = [str(name) for name, values in statistics.items() if values.dtype != object]
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics[numeric]})


def affine_map(model: pm.Model, approximation: Laplace) -> tuple[FloatArray, FloatArray]:
    """Location and factor that turn a standard normal into the Laplace approximation.

    Returns
    -------
    ndarray, shape (n,)
        Mode of the unconstrained free variables, in the order of ``model.value_vars``.
    ndarray, shape (n, n)
        Factor A such that location + A w follows the approximation for standard normal w; the mode
        moves with the learned scales to first order.
    """
    mapped = normal_map(approximation)
    location, factor = [], []
    for variable in model.free_RVs:
        if variable.name in mapped.parts:
            mean, spread = mapped.parts[variable.name]
            location.append(mean.ravel())
            factor.append(spread.reshape(mean.size, -1)[:, : mapped.n_normals])
            continue
        # a prior that is not normal: its standard normals move by themselves
        size = int(np.prod([int(d) for d in variable.shape.eval()], dtype=int))
        location.append(np.zeros(size))
        factor.append(np.eye(size))
    n = sum(len(part) for part in location)
    stacked, column, row = np.zeros((n, n)), mapped.n_normals, 0
    for variable, block in zip(model.free_RVs, factor, strict=True):
        start = 0 if variable.name in mapped.parts else column
        stacked[row : row + len(block), start : start + block.shape[1]] = block
        row += len(block)
        column += 0 if variable.name in mapped.parts else len(block)
    return np.concatenate(location), stacked


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
    with pm.Model(coords=model.coords, model=None) as twin:
        w = pm.Flat("whitened", shape=len(location))
        x = pm.Data("location", location) + pm.Data("factor", factor) @ w
        values, natural_values, offset = {}, {}, 0
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            shape = tuple(int(d) for d in variable.shape.eval())
            size = int(np.prod(shape, dtype=int))
            piece = x[offset : offset + size].reshape(shape)
            transform = model.rvs_to_transforms[variable]
            values[value] = piece
            natural = (
                piece if transform is None else transform.backward(piece, *variable.owner.inputs)
            )
            natural_values[variable] = natural
            pm.Deterministic(variable.name, natural, dims=model.named_vars_to_dims[variable.name])
            offset += size
        for variable in model.deterministics:
            [natural] = graph_replace([variable], natural_values, strict=False)
            pm.Deterministic(variable.name, natural, dims=model.named_vars_to_dims[variable.name])
        [whitened_density] = graph_replace([density], values, strict=False)
        pm.Potential("density", whitened_density)
    return twin
