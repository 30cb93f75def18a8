"""Replicates of a scenario, simulated from posterior draws."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.model.likelihood import table
from hazard.studies.scenario.kernel import Draw, replicates
from hazard.studies.scenario.records import ScenarioPlan
from hazard.studies.scenario.system import System

VERSIONS = ("naive", "feedback")


class SimulatedCounts(NamedTuple):
    """Counts of simulated replicates, as :func:`hazard.studies.scenario.kernel.replicates`."""

    exits: IntArray
    residents: IntArray
    added_events: IntArray
    unsettled: IntArray


def simulate(system: System, beta: xr.DataArray, plan: ScenarioPlan) -> xr.Dataset:
    """Replicates of the system, for posterior draws at equal distances.

    Parameters
    ----------
    system : System
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`hazard.estimands.incidence.coefficients` with ``system.design``.
    plan : ScenarioPlan

    Returns
    -------
    Dataset
        ``cumulative_incidence`` (chain, draw, replication, arm, version, place, exit, month), the
        share of all families of the place who left by the end of the month; ``stock`` without
        ``exit``, the residents at the start of the month; ``events`` (chain, draw, replication,
        arm, version), how many more the arm makes; ``unsettled`` alike, the months in which the
        most sweeps were too few; ``families`` (place) and ``arrivals`` (place, month).

    Notes
    -----
    stock(t + 1) = stock(t) - exits(t) + arrivals(t + 1). All arms and versions of a replication
    have the same random numbers, by family, month, exit and sweep.

    The exits of a month that others see at once are those of a Gibbs sampler that has run for ever:
    coupling from the past [1]_. It is exact where an event makes its own exit no rarer in the same
    month, so that all beginnings lie between the two that are tried, everybody and nobody;
    otherwise these two agree, and others may not.

    References
    ----------
    .. [1] Propp and Wilson (1996), Exact sampling with coupled Markov chains and applications to
       statistical mechanics, Random Structures and Algorithms 9.
    """
    thinned_beta = _thinned(beta, plan.draws)
    ordered = thinned_beta.transpose("chain", "draw", "coefficient", "exit").values
    samples = ordered.reshape(-1, *ordered.shape[2:])
    rng = np.random.default_rng(plan.seed)
    keys = rng.integers(2**64, size=(len(samples), plan.replications), dtype=np.uint64)
    arrays = system.arrays._replace(sweeps=plan.sweeps)
    draws = _draws(system, samples)

    def counts(d: int) -> SimulatedCounts:
        draw = Draw(draws.level[d], draws.effect[d], draws.once[d])
        return SimulatedCounts(*replicates(arrays, system.changes, draw, keys[d]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the loop lets go of the interpreter
        by_draw = list(pool.map(counts, range(len(keys))))
    simulated = SimulatedCounts(*(np.array(parts) for parts in zip(*by_draw, strict=True)))
    return _labelled(
        system, thinned_beta, simulated._replace(added_events=simulated.added_events + system.more)
    )


def _thinned(beta: xr.DataArray, n: int) -> xr.DataArray:
    per_chain = max(1, n // beta.sizes["chain"])
    if beta.sizes["draw"] <= per_chain:
        return beta
    return beta.isel(draw=np.linspace(0, beta.sizes["draw"] - 1, per_chain).round().astype(int))


def _draws(system: System, beta: FloatArray) -> Draw:
    """Odds of levels and effects of events, draw by draw."""
    design, terms = system.design, system.spec.lagged
    level = np.exp(
        [
            table(system.predictor.blocks, draw_beta[system.predictor.coefficients])
            for draw_beta in beta
        ]
    )
    n_curves = 1 + int(system.arrays.curve.max(initial=0))
    shape = (len(beta), len(terms), n_curves, system.arrays.window.shape[1], beta.shape[2])
    effect = np.zeros(shape)
    for k, term in enumerate(terms):
        common = beta[:, design.span(term.name)]
        effect[:, k, :, : common.shape[1]] = common[:, None]
        if term.varying_name is not None:
            varying = beta[:, design.span(term.varying_name)]
            varying = varying.reshape(len(beta), -1, *common.shape[1:])[:, : n_curves - 1]
            effect[:, k, 1 : 1 + varying.shape[1], : common.shape[1]] += varying
    return Draw(level, effect, np.exp(effect))


# --- the result ---------------------------------------------------------------------------------
def _labelled(system: System, beta: xr.DataArray, counts: SimulatedCounts) -> xr.Dataset:
    n = system.arrays.place.sum(axis=1)
    share = np.cumsum(counts.exits, axis=-1) / n[:, None, None]
    arrivals = [
        np.bincount(system.families.offset[inside], minlength=system.arrays.horizon)
        for inside in system.arrays.place
    ]
    shape = (beta.sizes["chain"], beta.sizes["draw"])
    dims = ("chain", "draw", "replication", "arm", "version")
    by_month = (*dims, "place", "month")
    return xr.Dataset(
        {
            "cumulative_incidence": (
                (*dims, "place", "exit", "month"),
                share.reshape(*shape, *share.shape[1:]),
            ),
            "stock": (by_month, counts.residents.reshape(*shape, *counts.residents.shape[1:])),
            "events": (dims, counts.added_events.reshape(*shape, *counts.added_events.shape[1:])),
            "unsettled": (dims, counts.unsettled.reshape(*shape, *counts.unsettled.shape[1:])),
            "families": ("place", n),
            "arrivals": (("place", "month"), np.array(arrivals)),
        },
        coords={
            "chain": beta["chain"].values,
            "draw": beta["draw"].values,
            "arm": [arm.name for arm in system.arms],
            "version": list(VERSIONS),
            "place": list(system.places),
            "exit": list(system.spec.outcome.exits),
            "month": np.arange(1, system.arrays.horizon + 1),
        },
    )
