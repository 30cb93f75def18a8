"""The open-faced sandwich: draws as wide as scores summed by group and period say.

A likelihood that multiplies rows counts every row as news. Where families of a group move together
for a reason that no term holds, or where two who apply in one month are exposures of each other,
the estimates are as good as before and their spread is too small. Here the scores of the rows are
summed by group, over periods that lie near each other, and the draws are moved to the spread that
these sums have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled
from hazard.inference.newton import Mode
from hazard.model import likelihood, naming
from hazard.model.dependence import DependentRows, signed
from hazard.model.parameterisation import Coordinates
from hazard.model.terms.block import Block


@dataclass(frozen=True)
class LagParameters:
    """The coordinates of lag curves among all of an approximation, by curve and exit.

    Attributes
    ----------
    positions : ndarray of int64, shape (parameter,)
        Among all coordinates, exit by exit.
    parts : tuple of (str, int, slice)
        Block, exit, and where its parameters lie among ``positions``.
    """

    positions: IntArray
    parts: tuple[tuple[str, int, slice], ...]


def lag_parameters(coordinates: Coordinates) -> LagParameters:
    """Where the lag curves of an approximation lie, but for those whose prior is not normal.

    A linear map would take a curve that never rises, by its prior, to one that does.
    """
    positions: list[IntArray] = []
    parts: list[tuple[str, int, slice]] = []
    n_exits, start = coordinates.n_exits, 0
    for block in coordinates.design.blocks:
        if block.kind != "lagged" or block.name in coordinates.transformed:
            continue
        span = coordinates.design.span(block.name)
        size = (span.stop - span.start) // block.copies
        for copy in range(block.copies):
            for exit_ in range(n_exits):
                first = span.start + copy * size
                positions.append(np.arange(first, first + size) * n_exits + exit_)
                parts.append((block.name, exit_, slice(start, start + size)))
                start += size
    return LagParameters(np.concatenate(positions or [np.zeros(0, dtype=np.int64)]), tuple(parts))


@compiled
def _summed_effects(
    scores: FloatArray, effects: FloatArray, index: npt.NDArray[np.int32]
) -> FloatArray:
    n_parameters = effects.shape[2]
    out = np.zeros((index.shape[0], n_parameters))
    for i in range(index.shape[0]):
        for b in range(index.shape[1]):
            for j in range(scores.shape[1]):
                for k in range(n_parameters):
                    out[i, k] += scores[i, j] * effects[index[i, b], j, k]
    return out


def influences(coordinates: Coordinates, mode: Mode, positions: IntArray) -> FloatArray:
    """How far every row moves some coordinates of the posterior mode, to first order.

    Parameters
    ----------
    coordinates : Coordinates
    mode : Mode
    positions : ndarray of int64, shape (parameter,)
        Among all coordinates, exit by exit.

    Returns
    -------
    ndarray, shape (row, parameter)
        Row of the inverse curvature times the score of the row.
    """
    rows = likelihood.rows(coordinates.design)
    inverse = mode.inverse_factor
    columns = inverse.T @ inverse[:, positions]
    n = len(positions)
    effects = columns.reshape(-1, coordinates.n_exits * n)
    table = likelihood.table(rows.blocks, effects).reshape(-1, coordinates.n_exits, n)
    scores = likelihood.scores(rows, mode.beta) * rows.weight[:, None]
    return np.asarray(_summed_effects(scores, np.ascontiguousarray(table), rows.index))


def summed_products(
    values: FloatArray, group: IntArray, period: IntArray, bandwidth: int
) -> FloatArray:
    """Sum over pairs of rows of a group of their products, by the distance of their periods.

    Parameters
    ----------
    values : ndarray, shape (row, parameter)
    group, period : ndarray of int64, shape (row,)
    bandwidth : int

    Returns
    -------
    ndarray, shape (parameter, parameter)
        sum of (1 - |t - s| / (bandwidth + 1)) v_t v_s' over pairs at most ``bandwidth`` apart.

    Examples
    --------
    >>> values = np.array([[1.0], [2.0], [4.0]])
    >>> where = np.zeros(3, dtype=np.int64), np.array([0, 0, 1])
    >>> summed_products(values, *where, 0).item(), summed_products(values, *where, 1).item()
    (25.0, 37.0)
    """
    start = int(period.min())
    length = int(period.max()) - start + 1 + bandwidth
    cell, label = pd.factorize(group * length + (period - start), sort=True)
    sums = np.zeros((len(label), values.shape[1]))
    np.add.at(sums, cell, values)
    total = sums.T @ sums
    for distance in range(1, bandwidth + 1):
        later = np.searchsorted(label, label + distance)
        later[later == len(label)] = 0
        pairs = label[later] == label + distance
        product = sums[pairs].T @ sums[later[pairs]]
        total += (1 - distance / (bandwidth + 1)) * (product + product.T)
    return total


# --- the spread that the sums have --------------------------------------------------------------
@dataclass(frozen=True)
class RobustCovariance:
    """What dependent rows do to the spread of the lag curves.

    Attributes
    ----------
    parameters : LagParameters
    covariance : ndarray, shape (parameter, parameter)
        Of the approximation, as if rows were independent.
    robust : ndarray, shape (parameter, parameter)
        As the sums of the scores have it.
    others : ndarray, shape (coordinate * exit, parameter)
        Regression of all coordinates on those of the lag curves.
    """

    parameters: LagParameters
    covariance: FloatArray
    robust: FloatArray
    others: FloatArray

    def targets(self) -> list[FloatArray]:
        """Covariance of every curve and exit: the robust one, in no direction less than the other.

        Few groups give too small a sum, of a single one that is followed for ever none at all.
        """
        return [
            floored(self.robust[part, part], self.covariance[part, part])
            for _, _, part in self.parameters.parts
        ]

    def maps(self) -> list[FloatArray]:
        """For every curve and exit the linear map that gives draws its covariance of the targets.

        Notes
        -----
        The symmetric T with T V T = W, V the covariance of the approximation and W the target:
        among all maps that do so it moves the draws least.
        """
        parts = zip(self.parameters.parts, self.targets(), strict=True)
        return [transport(self.covariance[part, part], target) for (_, _, part), target in parts]


def sd_ratios(coordinates: Coordinates, spread: RobustCovariance) -> dict[str, dict[str, float]]:
    """Sd of the sum of every lag curve, by that as if rows were independent, by term and exit."""
    out: dict[str, dict[str, float]] = {}
    parts = zip(spread.parameters.parts, spread.targets(), strict=True)
    for (name, exit_, part), target in parts:
        n = part.stop - part.start
        total = coordinates.factors[name][:, :n].sum(axis=0)
        covariances = target, spread.covariance[part, part]
        variances = [float(total @ covariance @ total) for covariance in covariances]
        of_term = out.setdefault(name, {})
        ratio = float(np.sqrt(variances[0] / variances[1]))
        exit_name = coordinates.design.exits[exit_]
        of_term[exit_name] = max(ratio, of_term.get(exit_name, 0.0))
    return out


def floored(covariance: FloatArray, least: FloatArray) -> FloatArray:
    """A covariance whose variance in every direction is raised to that of another at least.

    Examples
    --------
    >>> floored(np.diag([1.0, 9.0]), np.diag([4.0, 4.0])).round(12)
    array([[4., 0.],
           [0., 9.]])
    """
    root, inverse_root = _roots(least)
    values, vectors = np.linalg.eigh(inverse_root @ covariance @ inverse_root)
    middle = (vectors * np.maximum(values, 1.0)) @ vectors.T
    return np.asarray(root @ middle @ root)


def transport(covariance: FloatArray, target: FloatArray) -> FloatArray:
    """Symmetric matrix T with T covariance T = target.

    Examples
    --------
    >>> transport(np.diag([1.0, 4.0]), np.diag([4.0, 4.0]))
    array([[2., 0.],
           [0., 1.]])
    """
    root, inverse_root = _roots(covariance)
    middle, _ = _roots(root @ target @ root)
    return np.asarray(inverse_root @ middle @ inverse_root)


def _roots(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Symmetric square root of a positive semi-definite matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, 0.0))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    return (vectors * root) @ vectors.T, (vectors * inverse) @ vectors.T


def robust_covariance(
    coordinates: Coordinates, mode: Mode, precision: FloatArray, rows: DependentRows
) -> RobustCovariance:
    """Covariance of the lag curves where rows depend.

    Parameters
    ----------
    coordinates : Coordinates
    mode : Mode
    precision : ndarray, shape (coordinate, exit, exit)
        Of the prior, at the learned covariances of the mode.
    rows : DependentRows
        Of the design.

    Returns
    -------
    RobustCovariance

    Notes
    -----
    With the curvature H of the log posterior, the prior precision P and the covariance J of the
    score, the error of the posterior mode is H^-1 (score - P (beta - prior mean)): its covariance,
    over data and over the prior, is H^-1 (J + P) H^-1. With independent rows J = H - P, and this is
    H^-1. J is the sum over pairs of rows that may depend of the products of their scores, with
    weights that fall with the distance of their periods (Bartlett), by one column or by two.

    References
    ----------
    .. [1] Newey and West (1987), A simple, positive semi-definite, heteroskedasticity and
       autocorrelation consistent covariance matrix, Econometrica 55(3).
    .. [2] Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of
       Business and Economic Statistics 29(2).
    .. [3] Shaby (2014), The open-faced sandwich adjustment for MCMC using estimating functions,
       Journal of Computational and Graphical Statistics 23(3).
    """
    parameters = lag_parameters(coordinates)
    inverse = mode.inverse_factor
    columns = inverse.T @ inverse[:, parameters.positions]
    covariance = columns[parameters.positions]
    by_row = influences(coordinates, mode, parameters.positions)
    sums = sum(
        sign * summed_products(by_row, code, rows.period, rows.bandwidth)
        for sign, code in signed(rows.codes)
    )
    values, vectors = np.linalg.eigh(np.asarray(sums))
    score = (vectors * np.maximum(values, 0.0)) @ vectors.T
    by_exit = columns.reshape(*mode.beta.shape, -1)
    prior = np.einsum("kap,kab,kbq->pq", by_exit, precision, by_exit, optimize=True)
    others = np.linalg.solve(covariance, columns.T).T
    return RobustCovariance(parameters, covariance, score + prior, others)


def adjusted(draws: xr.Dataset, coordinates: Coordinates, spread: RobustCovariance) -> xr.Dataset:
    """Draws with the spread that dependent rows have, around the same mean.

    Parameters
    ----------
    draws : Dataset, dims (chain, draw, ...)
        Coefficients, as of :func:`hazard.inference.laplace_draws.draws` or sampled.
    coordinates : Coordinates
    spread : RobustCovariance
        Of the same model and rows.

    Returns
    -------
    Dataset
        All other coefficients follow the lag curves by their regression on them, but for curves
        whose prior is not normal. Without the coordinates in which a sampler moved.
    """
    design = coordinates.design
    shape = (design.n_coefficients, coordinates.n_exits)
    positions = spread.parameters.positions
    deviation = np.zeros((*shape, draws.sizes["chain"] * draws.sizes["draw"]))
    for block in coordinates.original.blocks:
        if block.kind == "lagged" and block.name not in coordinates.transformed:
            values = _by_level(draws, block)
            inverse = np.linalg.pinv(coordinates.factors[block.name])
            around_mean = values - values.mean(axis=-1, keepdims=True)
            deviation[design.span(block.name)] = np.einsum("ck,kjs->cjs", inverse, around_mean)
    curves = deviation.reshape(-1, deviation.shape[-1])[positions]
    shift = np.zeros_like(curves)
    for (_, _, part), matrix in zip(spread.parameters.parts, spread.maps(), strict=True):
        shift[part] = matrix @ curves[part] - curves[part]
    of_all = spread.others @ shift
    of_all[positions] = shift
    for name in coordinates.transformed:
        of_all.reshape(*shape, -1)[design.span(name)] = 0.0
    by_exit = of_all.reshape(*shape, -1)
    out = {}
    for block in coordinates.original.blocks:
        change = by_exit[design.span(block.name)]
        if block.name in coordinates.factors:
            change = np.einsum("kc,cjs->kjs", coordinates.factors[block.name], change)
        name = _variable(block)
        new = _by_level(draws, block) + change
        dims = (*_levels(draws, block), "exit", "chain", "draw")
        sizes = [draws.sizes[dim] for dim in dims]
        labelled = xr.DataArray(new.reshape(sizes), dims=dims).transpose(*draws[name].dims)
        out[name] = draws[name].copy(data=labelled.values)
    names = [block.name for block in design.blocks]
    coordinate_names = {make(name) for name in names for make in (naming.standard, naming.scaled)}
    kept = [name for name in draws if name not in coordinate_names]
    return draws[kept].assign(out)  # the coordinates of a sampler are those of other draws


def _variable(block: Block) -> str:
    return "intercept" if block.kind == "intercept" else block.variable


def _levels(draws: xr.Dataset, block: Block) -> tuple[str, ...]:
    """The dimension of a block's coefficients; the intercept has none."""
    known = {"chain", "draw", "exit"}
    return tuple(str(dim) for dim in draws[_variable(block)].dims if dim not in known)


def _by_level(draws: xr.Dataset, block: Block) -> FloatArray:
    """Draws of a block, shape (coefficient, exit, sample)."""
    dims = (*_levels(draws, block), "exit", "chain", "draw")
    values = draws[_variable(block)].transpose(*dims).values
    return np.asarray(values.reshape(-1, draws.sizes["exit"], values.shape[-2] * values.shape[-1]))
