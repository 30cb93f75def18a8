"""The competing-risks hazard model as a PyMC model; never samples."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from hazard import likelihood, links
from hazard.coordinates import Coordinates
from hazard.likelihood import fast_rows, kernel
from hazard.terms.block import FloatArray

# Compiled graphs are kept on disk and found again by this number, so it must follow the formula.
_SOURCES = "".join(inspect.getsource(module) for module in (links, likelihood))
_CACHE_VERSION = int.from_bytes(hashlib.sha256(_SOURCES.encode()).digest()[:6])


class LogLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood of all rows and its gradient in the stacked table, in one pass.

    Inputs: table (level, exit), index (row, block), outcome (row,), weight (row,).
    Outputs: the log-likelihood, and its derivative in the table.
    """

    __props__ = ("link", "n_exits")

    def __init__(self, link: int, n_exits: int) -> None:
        self.link = link
        self.n_exits = n_exits

    def make_node(self, table: Any, index: Any, outcome: Any, weight: Any) -> Apply:
        """Node of the graph."""
        inputs = [pt.as_tensor(each) for each in (table, index, outcome, weight)]
        return Apply(self, inputs, [pt.dscalar(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Evaluate outside compiled graphs."""
        value, gradient = kernel(self.link, self.n_exits)(*inputs)
        output_storage[0][0] = np.asarray(value)
        output_storage[1][0] = gradient

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable[Any, Any]]:
        """Gradient in the table; the data have none, and second derivatives are not offered."""
        slope = cotangents[0] * outputs[1]
        return [slope, *(DisconnectedType()() for _ in inputs[1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only the log-likelihood depends, differentiably, on the table."""
        return [[True, False], [False, False], [False, False], [False, False]]


@register_funcify_default_op_cache_key(LogLikelihood)  # type: ignore[untyped-decorator]
def _numba_log_likelihood(op: LogLikelihood, node: Apply, **_: Any) -> tuple[Any, int]:
    run = kernel(op.link, op.n_exits)

    @numba_basic.numba_njit
    def log_likelihood(table, index, outcome, weight):  # type: ignore[no-untyped-def]
        value, gradient = run(table, index, outcome, weight)
        return np.asarray(value), gradient

    return log_likelihood, _CACHE_VERSION


def build_model(
    coordinates: Coordinates, detached: Mapping[str, FloatArray] | None = None
) -> pm.Model:
    """PyMC model of a design in standard coordinates.

    Parameters
    ----------
    coordinates : Coordinates
    detached : mapping of group to ndarray, shape (level, exit), optional
        How far the free variable of a level is detached from its scale, in [0, 1]: 0 (the default)
        is the centred parametrisation, 1 the non-centred one. The posterior of everything else
        does not depend on it; a level with few rows is sampled better near 1.

    Returns
    -------
    pm.Model
        Free variables: ``intercept`` (exit); ``z_<term>`` (coefficient, exit), standard normal;
        ``sigma_<group>`` (exit), half-normal; ``v_<group>`` (level, exit), Normal(0, sigma^(1-a))
        with a the detachment. Deterministic: ``beta_<term>`` (coefficient, exit), the coefficients
        on the scale of the linear predictor, and ``u_<group>`` = sigma^a v, Normal(0, sigma).
        Rows and bases are ``pm.Data``.

    Notes
    -----
    log p(y | beta) = sum over rows i of w_i log P(y_i | eta_i), with eta_ij the sum over blocks b
    of (B_b beta_b)[level of row i in b, j], and P from :func:`hazard.links.hazard`.

    References
    ----------
    .. [1] Papaspiliopoulos, Roberts and Sköld (2007), A general framework for the parametrization
       of hierarchical models, Statistical Science 22(1).
    """
    design = coordinates.design
    data = fast_rows(design)
    coords: dict[str, Any] = {"exit": list(design.exits)}
    for block in design.blocks[1:]:
        coords[dimension(block.name)] = [str(label) for label in block.coefficients]
    with pm.Model(coords=coords) as model:
        beta = pt.concatenate(_coefficients(coordinates, detached or {}))
        parts, start = [], 0
        for b, block in enumerate(data.blocks):
            own = beta[start : start + block.n_coefficients]
            start += block.n_coefficients
            parts.append(own if block.basis is None else pm.Data(f"basis_{b}", block.basis) @ own)
        value, _ = LogLikelihood(data.link, data.n_exits)(
            pt.concatenate(parts),
            pm.Data("index", data.index),
            pm.Data("outcome", data.outcome),
            pm.Data("weight", data.weight),
        )
        pm.Potential("log_likelihood", value)
    return model


def dimension(name: str) -> str:
    """Name of the dimension of a block's coefficients."""
    return f"{name}_level"


def _coefficients(coordinates: Coordinates, detached: Mapping[str, FloatArray]) -> list[Any]:
    scales = {group.name: group.scale for group in coordinates.pooled}
    prior = coordinates.intercept
    parts = [pm.Normal("intercept", prior.mean, prior.scale, dims="exit")[None, :]]
    for block in coordinates.design.blocks[1:]:
        name, dims = block.name, (dimension(block.name), "exit")
        if name in scales:
            sigma = pm.HalfNormal(f"sigma_{name}", scales[name], dims="exit")
            centred = np.zeros((block.n_coefficients, len(coordinates.design.exits)))
            share = detached.get(name, centred)
            parts.append(_pooled(name, sigma, pm.Data(f"detached_{name}", share), dims))
            continue
        z = pm.Normal(f"z_{name}", 0.0, 1.0, dims=dims)
        pm.Deterministic(
            f"beta_{name}", pm.Data(f"factor_{name}", coordinates.factors[name]) @ z, dims=dims
        )
        parts.append(z)
    return parts


def _pooled(name: str, sigma: Any, share: Any, dims: tuple[str, str]) -> Any:
    log_sigma = pt.log(sigma)[None, :]
    v = pm.Normal(f"v_{name}", 0.0, pt.exp((1 - share) * log_sigma), dims=dims)
    return pm.Deterministic(f"u_{name}", pt.exp(share * log_sigma) * v, dims=dims)
