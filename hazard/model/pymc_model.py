"""The competing-risks hazard model as a PyMC model; never samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from hazard.arrays import AnyIntArray, FloatArray
from hazard.compiled import digest_of
from hazard.model import correlations, naming
from hazard.model.kernels import kernel
from hazard.model.likelihood import rows
from hazard.model.links import hazard_rows
from hazard.model.parameterisation import Anchor, Coordinates, Learned
from hazard.spec.priors import Functions

SYMBOLS = Functions(pt.erfc, pt.tan, pt.log, pt.exp)


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
        inputs = [pt.as_tensor(array) for array in (table, index, outcome, weight)]
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

    # compiled graphs are kept on disk and found again by this number, which follows the formula
    return log_likelihood, int(digest_of(run)[:12], 16)


def build_model(coordinates: Coordinates, anchors: Mapping[str, Anchor] | None = None) -> pm.Model:
    """PyMC model of a design in standard coordinates.

    Parameters
    ----------
    coordinates : Coordinates
    anchors : mapping of term to Anchor, optional
        What the rows say of the effects of each learned term. The posterior does not depend on it,
        the speed of sampling does; without, the effects are sampled as under the prior.

    Returns
    -------
    pm.Model
        Free variables: ``intercept`` (exit); ``z_<term>`` (coordinate, exit), standard normal
        (with another sd in ``widths`` of the coordinates);
        where a covariance over exits is learned ``sigma_<term>`` (exit), half-normal,
        ``partial_<term>`` (pair) in (0, 1), the partial correlations between exits moved by
        p -> (1 + p) / 2, and ``v_<term>`` (coordinate, exit), of which the effects are made (see
        Notes); ``x_<term>`` (normal, exit), standard normal, of which a prior that is not
        normal makes its coefficients. Deterministic: ``beta_<term>`` (coefficient, exit), on the
        scale of the linear predictor (``u_<term>`` for a group), and ``correlation_<term>`` (exit,
        other_exit). Rows, bases and scales of priors are ``pm.Data``.

    Notes
    -----
    log p(y | beta) = sum over rows i of w_i log P(y_i | eta_i), with eta_ij the sum over blocks b
    of (B_b beta_b)[level of row i in b, j], and P from :func:`hazard.model.links.hazard`.

    The effects u of a level are Normal(0, S) over exits. With S alone they are sampled badly where
    rows are few, and with the rows alone where they are many; so the free variable is v in
    u = C'^-1 (C^-1 f + v), C C' = S^-1 + I, with the information I and the weighted mean f of the
    anchor constant: the effects as drawn from Normal(0, S) and one normal observation. Were that
    observation exact, v would be standard normal whatever S is. The density carries the Jacobian
    -log det C.

    References
    ----------
    .. [1] Papaspiliopoulos, Roberts and Sköld (2007), A general framework for the parametrization
       of hierarchical models, Statistical Science 22(1).
    .. [2] Gorinova, Moore and Hoffman (2020), Automatic reparameterisation of probabilistic
       programs, ICML.
    """
    data = coordinates.rows
    coords = _coords(coordinates)
    with pm.Model(coords=coords, model=None) as model:
        anchor_of = anchors or {}

        def anchored(group: Learned) -> Any:
            shape = (group.span.stop - group.span.start, coordinates.n_exits)
            return _pooled(group, anchor_of.get(group.name) or Anchor.empty(*shape), shape[1])

        beta = pt.concatenate(_coefficients(coordinates, anchored))
        parts, start = [], 0
        for b, block in enumerate(data.blocks):
            block_beta = beta[start : start + block.n_coefficients]
            start += block.n_coefficients
            parts.append(
                block_beta
                if block.basis is None
                else pm.Data(f"basis_{b}", block.basis) @ block_beta
            )
        value, _ = LogLikelihood(data.link, data.n_exits)(
            pt.concatenate(parts),
            pm.Data("index", data.index),
            pm.Data("outcome", data.outcome),
            pm.Data("weight", data.weight),
        )
        pm.Potential("log_likelihood", value)
    return model


def build_observed_model(coordinates: Coordinates) -> pm.Model:
    """PyMC model of the same posterior, in which the exits of the rows are an observed variable.

    It is the one to go on with in PyMC: ``pm.sample``, ``pm.sample_prior_predictive``,
    ``pm.sample_posterior_predictive``. Rows are those of the panel, none of them joined, so that it
    is slower than :func:`build_model`.

    Parameters
    ----------
    coordinates : Coordinates

    Returns
    -------
    pm.Model
        Variables of :func:`build_model`, but for ``v_<term>``: effects with a learned covariance
        are made of standard normals ``z_<term>`` too. And ``exits`` (row): 0 for who stays, else
        the number of the exit, from 1.
    """
    data = rows(coordinates.original)
    coords = {**_coords(coordinates), "row": np.arange(len(data.index))}
    with pm.Model(coords=coords, model=None) as model:
        _coefficients(coordinates, lambda group: _scaled(group, coordinates.n_exits))
        names = [block.variable for block in coordinates.original.blocks[1:]]
        beta = [model["intercept"][None, :], *(model[name] for name in names)]
        parts = [
            block_beta if block.basis is None else pm.Data(f"basis_{b}", block.basis) @ block_beta
            for b, (block, block_beta) in enumerate(zip(data.blocks, beta, strict=True))
        ]
        link, n_exits = data.link, data.n_exits

        def log_probability(value: Any, table: Any, index: Any, weight: Any) -> Any:
            return LogLikelihood(link, n_exits)(table, index, value, weight)[0]

        def random_exits(
            table: Any, index: Any, weight: Any, rng: Any = None, size: Any = None
        ) -> Any:
            return simulated(link, table, index, rng.random((*(size or ()), len(index))))

        pm.CustomDist(
            "exits",
            pt.concatenate(parts),
            pm.Data("index", data.index, dims=("row", "block")),
            pm.Data("weight", data.weight, dims="row"),
            logp=log_probability,
            random=random_exits,
            signature="(l,j),(n,b),(n)->(n)",
            dtype="int8",
            observed=data.outcome,
            dims="row",
        )
    return model


def simulated(link: int, table: FloatArray, index: AnyIntArray, uniform: FloatArray) -> Any:
    """Exit of every row, drawn by inverting the distribution over staying and the exits.

    Parameters
    ----------
    link : int
    table : ndarray, shape (level, exit)
        Stacked table of all blocks.
    index : ndarray of int, shape (row, block)
    uniform : ndarray, shape (..., row)
        Uniform in [0, 1).

    Returns
    -------
    ndarray of int8, shape (..., row)
        0 for who stays.

    Examples
    --------
    Odds of 1 against staying: a uniform number below a half leaves.

    >>> simulated(0, np.zeros((1, 1)), np.zeros((2, 1), dtype=int), np.array([0.4, 0.6])).tolist()
    [1, 0]
    """
    eta = np.ascontiguousarray(table[index].sum(axis=1), dtype=np.float64)
    leave = np.empty_like(eta)
    hazard_rows(link, eta, leave)
    below = uniform[..., None] < np.cumsum(leave, axis=-1)
    return np.where(below.any(axis=-1), below.argmax(axis=-1) + 1, 0).astype(np.int8)


def _coords(coordinates: Coordinates) -> dict[str, Any]:
    exits = list(coordinates.design.exits)
    pairs = [f"{exits[a]}, {exits[b]}" for a, b in correlations.pairs(len(exits))]
    coords: dict[str, Any] = {"exit": exits, "other_exit": exits, "pair": pairs}
    blocks = zip(coordinates.original.blocks[1:], coordinates.design.blocks[1:], strict=True)
    for block, standardised in blocks:
        coords[naming.level(block.name)] = [str(label) for label in block.coefficients]
        if block.name not in coordinates.transformed:
            coords[f"{block.name}_coordinate"] = np.arange(standardised.n_coefficients)
        else:
            n = coordinates.transformed[block.name].n_normals(block.n_coefficients)
            coords[f"{block.name}_normal"] = np.arange(n)
    return coords


def _coefficients(coordinates: Coordinates, effects: Callable[[Learned], Any]) -> list[Any]:
    """Coordinates of every block, in the order of the design; ``effects`` of learned ones."""
    learned = {group.name: group for group in coordinates.learned}
    prior = coordinates.intercept
    parts = [pm.Normal("intercept", prior.mean, prior.scale, dims="exit")[None, :]]
    for block in coordinates.design.blocks[1:]:
        name = block.name
        if name in learned:
            coordinate = effects(learned[name])
        elif name in coordinates.transformed:
            parts.append(_transformed(coordinates, name))
            continue
        else:
            width = pm.Data(f"width_{name}", coordinates.widths.get(name, 1.0))
            coordinate = pm.Normal(
                naming.standard(name), 0.0, width, dims=(f"{name}_coordinate", "exit")
            )
        parts.append(coordinate)
        matrix = coordinates.factors[name]
        beta = (
            coordinate if _is_identity(matrix) else pm.Data(f"factor_{name}", matrix) @ coordinate
        )
        pm.Deterministic(block.variable, beta, dims=(naming.level(name), "exit"))
    return parts


def _is_identity(matrix: FloatArray) -> bool:
    return matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix)))


def _pooled(group: Learned, anchor: Anchor, n_exits: int) -> Any:
    """Effects with a learned covariance over exits, (coordinate, exit)."""
    name = group.name
    sigma = pm.HalfNormal(naming.sigma(name), pm.Data(f"scale_{name}", group.scale), dims="exit")
    precision = _precision(group, sigma, n_exits)
    v = pm.Flat(naming.scaled(name), dims=(f"{name}_coordinate", "exit"))
    information = pm.Data(f"information_{name}", anchor.information)
    weighted_mean = pm.Data(f"force_{name}", anchor.weighted_mean)
    posterior_precision = [
        [precision[b][a] + information[:, b, a] for a in range(b + 1)] for b in range(n_exits)
    ]
    factor = correlations.factor_of(posterior_precision)
    columns = range(n_exits)
    u = correlations.conditional(
        factor, [weighted_mean[:, b] for b in columns], [v[:, b] for b in columns]
    )
    root = correlations.factor_of(precision)
    density: Any = 0.0
    for b in columns:
        density += len(anchor.weighted_mean) * pt.log(root[b][b]) - pt.log(factor[b][b]).sum()
        density -= 0.5 * (sum(root[a][b] * u[a] for a in range(b, n_exits)) ** 2).sum()
    pm.Potential(f"prior_{name}", density)
    return pt.stack(u, axis=1)


def _scaled(group: Learned, n_exits: int) -> Any:
    """Effects with a learned covariance as multiples of standard normals, (coordinate, exit)."""
    sigma = pm.HalfNormal(
        naming.sigma(group.name), pm.Data(f"scale_{group.name}", group.scale), dims="exit"
    )
    z = pm.Normal(naming.standard(group.name), 0.0, 1.0, dims=(f"{group.name}_coordinate", "exit"))
    factor = _correlation_factor(group, n_exits)
    return (z if factor is None else z @ _whole(factor).T) * sigma


def _precision(group: Learned, sigma: Any, n_exits: int) -> list[list[Any]]:
    """Inverse of the learned covariance, lower triangle; keeps the correlations among the draws."""
    factor = _correlation_factor(group, n_exits)
    if factor is None:
        return [[*([0.0] * b), sigma[b] ** -2] for b in range(n_exits)]
    inverse = correlations.inverse_of(factor)
    return [
        [
            sum(inverse[k][a] * inverse[k][b] for k in range(b, n_exits)) / (sigma[a] * sigma[b])
            for a in range(b + 1)
        ]
        for b in range(n_exits)
    ]


def _correlation_factor(group: Learned, n_exits: int) -> list[list[Any]] | None:
    """Factor of the learned correlations, which are kept among the draws; None without any."""
    if group.concentration is None or n_exits == 1:
        return None
    shape = correlations.beta_parameter(group.concentration, n_exits)
    partial = pm.Beta(naming.partial(group.name), shape, shape, dims="pair")
    factor = correlations.cholesky(2 * partial - 1, n_exits)
    matrix = _whole(factor)
    pm.Deterministic(naming.correlation(group.name), matrix @ matrix.T, dims=("exit", "other_exit"))
    return factor


def _whole(factor: list[list[Any]]) -> Any:
    """A lower factor, with zeros above, as one matrix."""
    return pt.stack([pt.stack([*row, *[0.0] * (len(factor) - len(row))]) for row in factor])


def _transformed(coordinates: Coordinates, name: str) -> Any:
    """Coordinates of a block whose prior is not normal."""
    prior, matrix = coordinates.transformed[name], coordinates.factors[name]
    n = len(matrix)
    x = pm.Normal(naming.transformed(name), 0.0, 1.0, dims=(f"{name}_normal", "exit"))
    beta = pm.Deterministic(
        naming.slopes(name), prior.transform(x, n, SYMBOLS), dims=(naming.level(name), "exit")
    )
    return beta / np.diag(matrix)[:, None]
