"""Log-likelihood of every level of a group, with the effect of the level integrated out.

A centre that is left out has no effect that the others could tell: what predicts it is the
distribution of centres. Given all else in a draw, the effect is integrated over that distribution,
and what is left to weigh the draws by is how the other parameters fit the centre. The weights of
the centre's own effect, which differ by many orders of magnitude, never arise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray
from hazard.model import naming
from hazard.model.design import Design
from hazard.model.likelihood import table
from hazard.model.terms.block import Block
from hazard.model.unit_likelihood import labelled, tables
from hazard.model.units import Units, unit_rows
from hazard.spec.priors import PriorFamily
from hazard.studies.scores.quadrature import Draws, QuadratureRule, marginals, modes, rule


def group_of(design: Design, by: str) -> Block | None:
    """The block whose effects belong to one unit each, if the design has one."""
    for block in design.blocks:
        is_iid = isinstance(block.prior, PriorFamily) and block.prior.iid
        if block.name == by and block.kind == "group" and is_iid:
            return block
    return None


def marginal_log_likelihood(
    beta: xr.DataArray, design: Design, *, posterior: xr.Dataset, grouping: Units, by: str
) -> xr.DataArray:
    """Log probability of what every unit did, its own effect unknown.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
    design : Design
    posterior : Dataset
        With ``sigma_<by>`` and, where exits are correlated, ``correlation_<by>``.
    grouping : Units
        Of the column by which the group is.
    by : str
        Name of the group.

    Returns
    -------
    DataArray, dims (chain, draw, unit)

    Notes
    -----
    log of the integral of p(y_c | u, all else) Normal(u; 0, S) over u, with the S of the same draw,
    by adaptive Gauss-Hermite quadrature: nodes around the mode, scaled by the curvature there. The
    effects of ``by`` in ``beta`` are not used. Memory is as of
    :func:`hazard.model.unit_likelihood`, and one number per row and exit of the largest
    unit.

    References
    ----------
    .. [1] Merkle, Furr and Rabe-Hesketh (2019), Bayesian comparison of latent variable models:
       conditional versus marginal likelihoods, Psychometrika 84(3).
    """
    n_exits = len(design.exits)
    integral = _Integral(by, rule(n_exits))
    return _integrated(beta, design, posterior=posterior, grouping=grouping, integral=integral)


def integration_error(
    beta: xr.DataArray, design: Design, *, posterior: xr.Dataset, grouping: Units, by: str
) -> float:
    """Largest change of any log-likelihood when every exit gets twice the nodes, in five draws."""
    n = beta.sizes["draw"]
    draws = np.unique(np.linspace(0, n - 1, min(n, 5)).astype(np.int64))
    few_beta, few_draws = beta.isel(draw=draws, chain=[0]), posterior.isel(draw=draws, chain=[0])
    usual = rule(len(design.exits))
    more = rule(len(design.exits), 2 * len(np.unique(usual.nodes)))
    values = [
        _integrated(
            few_beta, design, posterior=few_draws, grouping=grouping, integral=_Integral(by, nodes)
        )
        for nodes in (usual, more)
    ]
    return float(np.abs(values[0] - values[1]).max())


class _Integral(NamedTuple):
    """The group whose effects are integrated out, and the quadrature."""

    by: str
    quadrature: QuadratureRule


def _integrated(
    beta: xr.DataArray,
    design: Design,
    *,
    posterior: xr.Dataset,
    grouping: Units,
    integral: _Integral,
) -> xr.DataArray:

    data = unit_rows(design, grouping)
    b = [block.name for block in design.blocks].index(integral.by)
    first = sum(block.n_levels for block in design.blocks[:b])
    group_levels = slice(first, first + design.blocks[b].n_levels)
    roots = covariance_roots(posterior, design.blocks[b], len(design.exits))
    mean_table = table(design.blocks, beta.mean(("chain", "draw")).transpose(..., "exit").values)
    mean_table[group_levels] = 0.0
    start = np.zeros((len(grouping), len(design.exits)))
    modes(data, mean_table, roots.mean(axis=0), start)
    by_draw = np.empty((len(roots), len(grouping)))
    for draw_positions, levels in tables(beta, design):
        levels[:, group_levels] = 0.0
        marginals(
            data,
            Draws(levels, roots[draw_positions], start),
            integral.quadrature,
            by_draw[draw_positions],
        )
    return labelled(by_draw, beta, grouping)


def covariance_roots(posterior: xr.Dataset, block: Block, n_exits: int) -> FloatArray:
    """Lower triangular A, with the covariance A A' of the effects of a level, for every draw.

    Returns
    -------
    ndarray, shape (chain and draw, exit, exit)
    """
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    if isinstance(block.prior, PriorFamily) and block.prior.known_sd is not None:
        return np.repeat(block.prior.known_sd * np.eye(n_exits)[None], n, axis=0)
    sigma = posterior[naming.sigma(block.name)].transpose("chain", "draw", "exit").values
    root = np.repeat(np.eye(n_exits)[None], n, axis=0)
    if naming.correlation(block.name) in posterior:
        ordered = posterior[naming.correlation(block.name)]
        ordered = ordered.transpose("chain", "draw", "exit", "other_exit")
        value, axes = np.linalg.eigh(ordered.values.reshape(n, n_exits, n_exits))
        root = axes * np.sqrt(np.maximum(value, 0.0))[:, None, :]  # rounding below 0
        # triangular with a positive diagonal: neighbouring covariances have neighbouring roots
        upper = np.linalg.qr(root.transpose(0, 2, 1), mode="r")
        sign = np.where(np.einsum("saa->sa", upper) < 0, -1.0, 1.0)
        root = (sign[:, :, None] * upper).transpose(0, 2, 1)
    return np.ascontiguousarray(sigma.reshape(n, n_exits)[:, :, None] * root)
