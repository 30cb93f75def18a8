"""The Laplace approximation as a map from standard normals, and as draws.

The map is where the sampler moves; the draws are the approximate engine. Learned covariances are
integrated over: their parameters are normal around the mode, the effects of a level follow them as
in :func:`hazard.model.correlations.conditional`, and the rest follows to first order. Priors that
are not normal meet the likelihood as the approximation sees it: normal in their coefficients. The
draws are centred at the mean and not at the mode (:func:`mean_shift`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
import xarray as xr

from hazard.arrays import FloatArray
from hazard.inference import gibbs, laplace
from hazard.inference.laplace import Laplace
from hazard.inference.newton import Penalty, inverse_factor
from hazard.model import correlations, naming
from hazard.model.likelihood import value_and_gradient
from hazard.model.parameterisation import Coordinates, Learned

_QUADRUPLES, _STEPS, _ROUNDS = 13, 3, 2


@dataclass(frozen=True)
class NormalMap:
    """Free variables of the model as linear functions of independent standard normals.

    Attributes
    ----------
    parts : dict of str to (ndarray, ndarray)
        By name, the location of a free variable on its unconstrained scale, and its factor, with
        one more dimension: the normals, then the deviations of the
        ``non_normal`` coordinates from ``non_normal_mean``.
    n_normals : int
    non_normal : ndarray of int64
        Positions, among all coordinates by exit, of those whose prior is not normal.
    non_normal_mean : ndarray of float64
        Their mode under the Gaussian surrogate of their prior.
    """

    parts: dict[str, tuple[FloatArray, FloatArray]]
    n_normals: int
    non_normal: npt.NDArray[np.int64]
    non_normal_mean: FloatArray


def fit(coordinates: Coordinates) -> Laplace:
    """Laplace approximation whose learned covariances fit the mean of the effects, not their mode.

    Parameters
    ----------
    coordinates : Coordinates

    Returns
    -------
    Laplace

    Raises
    ------
    ConvergenceError
        As :func:`hazard.inference.laplace.fit`, where it starts.

    Notes
    -----
    Where exits are rare the mode of the effects of a group is drawn to zero, and their spread comes
    out too small. Each of two rounds takes the mean given the covariances (:func:`mean_shift`), and
    the covariances given the mean.
    """
    tolerance = 0.1 if coordinates.learned else 0.01  # what the rounds leave is of this order
    approximation = laplace.fit(coordinates, tolerance=tolerance)
    for _ in range(_ROUNDS if coordinates.learned else 0):
        shift = mean_shift(approximation, normal_map(approximation))
        approximation = laplace.rescored(approximation, approximation.mode.beta + shift)
    return approximation


def normal_map(approximation: Laplace) -> NormalMap:
    """The approximation as a map.

    Notes
    -----
    Coordinates z are mode + L'^-1 w with L the factor of their precision, given the ``non_normal``
    ones. They move with the parameters of the learned covariances as the mode does. In a learned
    block the effects of a level follow their covariance by themselves; the remainder is the free
    variable v.
    """
    coordinates, n_exits = approximation.coordinates, approximation.coordinates.n_exits
    non_normal = _non_normal_positions(coordinates)
    root, regression = _conditional_factor(approximation, non_normal)
    n_theta = sum(len(theta) for theta in approximation.theta)
    n = root.shape[1]
    factor = np.zeros((*approximation.mode.beta.shape, n + n_theta + len(non_normal)))
    factor[..., :n] = root.reshape(*approximation.mode.beta.shape, n)
    factor[..., n + n_theta :] = regression.reshape(*approximation.mode.beta.shape, len(non_normal))
    parts: dict[str, tuple[FloatArray, FloatArray]] = {}
    offset = n
    roots = [np.linalg.cholesky(covariance) for covariance in approximation.spread]
    columns = []
    for g, group in enumerate(coordinates.learned):
        theta_factor = np.zeros((len(roots[g]), factor.shape[-1]))
        columns.append(slice(offset, offset + len(theta_factor)))
        theta_factor[:, columns[g]] = roots[g]
        offset += len(theta_factor)
        shifts = np.stack([approximation.shift(g, k) for k in range(len(theta_factor))], axis=-1)
        factor[..., columns[g]] = shifts @ roots[g]
        parts[naming.sigma(group.name)] = approximation.theta[g][:n_exits], theta_factor[:n_exits]
        # the free variable is the log-odds of (1 + p) / 2, twice the inverse tangent of p
        parts[naming.partial(group.name)] = (
            2 * approximation.theta[g][n_exits:],
            2 * theta_factor[n_exits:],
        )
    for block in coordinates.design.blocks:
        span = coordinates.design.span(block.name)
        name = "intercept" if block.kind == "intercept" else naming.standard(block.name)
        parts[name] = approximation.mode.beta[span], factor[span]
    for g, group in enumerate(coordinates.learned):
        location, spread = parts.pop(naming.standard(group.name))
        deviation = spread.copy()
        deviation[..., columns[g]] -= approximation.own_shift(g) @ roots[g]
        scale = np.linalg.cholesky(np.linalg.inv(approximation.covariances[g]))
        v = np.einsum("lba,lbw->law", scale, deviation, optimize=True)
        parts[naming.scaled(group.name)] = np.zeros_like(location), v
    return NormalMap(parts, n + n_theta, non_normal, approximation.mode.beta.ravel()[non_normal])


def draws(approximation: Laplace, n: int, rng: np.random.Generator) -> xr.Dataset:
    """Draws from the approximate posterior.

    Parameters
    ----------
    approximation : Laplace
    n : int
        Number of draws.
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain; variables as of the sampled posterior: ``intercept``, ``beta_<term>`` or
        ``u_<group>``, ``sigma_<term>``, ``correlation_<term>``. As wide as dependent rows say,
        where the model has ``dependence`` (:mod:`hazard.inference.sandwich`).
    """
    coordinates, mapped = approximation.coordinates, normal_map(approximation)
    w = rng.standard_normal((mapped.n_normals, n))
    non_normal = non_normal_draws(approximation, mapped, n, rng)
    mapped_draws = _coordinate_draws(approximation, mapped, w, non_normal)
    z = mapped_draws.z + mean_shift(approximation, mapped)[..., None]
    posterior: dict[str, xr.DataArray] = {}
    for group, theta in zip(coordinates.learned, mapped_draws.theta, strict=True):
        posterior |= _learned(coordinates, group, theta)
    posterior["intercept"] = _labelled(z[0], {"exit": list(coordinates.design.exits)})
    for block in coordinates.original.blocks[1:]:
        beta = np.einsum(
            "kc,cjs->kjs", coordinates.factors[block.name], z[coordinates.design.span(block.name)]
        )
        coords = {naming.level(block.name): [str(label) for label in block.coefficients]}
        posterior[block.variable] = _labelled(
            beta, {**coords, "exit": list(coordinates.design.exits)}
        )
    return approximation.adjusted(xr.Dataset(posterior))


def mean_shift(approximation: Laplace, mapped: NormalMap) -> FloatArray:
    """Posterior mean less mode, by which the draws are shifted.

    Returns
    -------
    ndarray, shape (coordinate, exit)
        Zero for coordinates whose prior is not normal.

    Notes
    -----
    Among normals q with the same covariance the divergence KL(q, posterior) is smallest where the
    mean of q makes the expected slope of the log posterior zero (a variational mean): then
    as many exits are expected as were observed, but for the priors. Where exits are rare the mode
    expects more: probabilities are convex, and the posterior is left-skewed. Newton steps with
    the curvature at the mode go there, shortened until the expected log posterior does not fall;
    the expectation is over antithetic quadruples, in which all that is odd cancels.
    """
    coordinates, rng = (
        approximation.coordinates,
        np.random.default_rng(0),
    )  # one number per approximation
    w = rng.standard_normal((mapped.n_normals, _QUADRUPLES))
    non_normal = non_normal_draws(approximation, mapped, _QUADRUPLES, rng)
    # opposite effects under the same covariances too: what has no rows is not moved at all
    is_coordinate = np.arange(len(w)) < mapped.n_normals - sum(
        len(theta) for theta in approximation.theta
    )
    signs = np.where(is_coordinate, -1.0, 1.0)[:, None]
    mapped_draws = _coordinate_draws(
        approximation,
        mapped,
        np.hstack([w, signs * w, -signs * w, -w]),
        np.hstack([non_normal] * 4),
    )
    data, mean = coordinates.rows, coordinates.prior_mean()
    root, _ = _conditional_factor(approximation, mapped.non_normal)
    penalties = [
        Penalty(
            coordinates.prior_precision(
                tuple(parameters[:, i] for parameters in mapped_draws.theta)
            ),
            mean,
        )
        for i in range(4 * _QUADRUPLES)
    ]

    def expected(shift: FloatArray) -> tuple[float, FloatArray]:
        """Mean over the draws of the log posterior, moved, and of its slope."""
        value, slope = 0.0, np.zeros_like(mean)
        for i, penalty in enumerate(penalties):
            z = mapped_draws.z[..., i] + shift
            log_likelihood, gradient = value_and_gradient(data, z)
            penalty_value, penalty_slope = penalty.value_and_slope(z)
            value += log_likelihood - penalty_value
            slope += gradient - penalty_slope
        return value / len(penalties), slope / len(penalties)

    shift = np.zeros_like(mean)
    value, slope = expected(shift)
    for _ in range(_STEPS):
        step = (root @ (root.T @ slope.ravel())).reshape(mean.shape)
        for length in (1.0, 0.5, 0.25, 0.125):
            trial = expected(shift + length * step)
            if trial[0] >= value:
                shift, (value, slope) = shift + length * step, trial
                break
    return shift


class _CoordinateDraws(NamedTuple):
    """Draws of all coordinates (coordinate, exit, draw) and of learned covariances' parameters."""

    z: FloatArray
    theta: tuple[FloatArray, ...]


def _coordinate_draws(
    approximation: Laplace, mapped: NormalMap, w: FloatArray, non_normal: FloatArray
) -> _CoordinateDraws:
    """Where standard normals and draws of the non-normal coordinates lead."""
    coordinates = approximation.coordinates
    columns = np.concatenate([w, non_normal - mapped.non_normal_mean[:, None]])
    free = {
        name: location[..., None] + factor @ columns
        for name, (location, factor) in mapped.parts.items()
    }
    z = np.empty((*approximation.mode.beta.shape, w.shape[1]))
    for block in coordinates.design.blocks:
        name = "intercept" if block.kind == "intercept" else naming.standard(block.name)
        if name in free:
            z[coordinates.design.span(block.name)] = free[name]
    z.reshape(-1, w.shape[1])[mapped.non_normal] = non_normal
    theta = []
    for g, group in enumerate(coordinates.learned):
        parameters = np.concatenate(
            [free[naming.sigma(group.name)], free[naming.partial(group.name)] / 2]
        )
        z[group.span] = _learned_effects(
            approximation, g, parameters, free[naming.scaled(group.name)]
        )
        theta.append(parameters)
    return _CoordinateDraws(z, tuple(theta))


def non_normal_draws(
    approximation: Laplace, mapped: NormalMap, n: int, rng: np.random.Generator
) -> FloatArray:
    """Draws of the coordinates whose prior is not normal, shape (coordinate, n).

    Notes
    -----
    The likelihood of these coordinates c, all others integrated out, is taken as normal: its
    precision is that of the approximation less the one of the surrogate, which is 1. What meets it
    is the prior itself (see :mod:`hazard.inference.gibbs`).
    """
    if not len(mapped.non_normal):
        return np.zeros((0, n))
    inverse = approximation.mode.inverse_factor[:, mapped.non_normal]
    precision = np.linalg.inv(inverse.T @ inverse)
    weighted_mean = precision @ mapped.non_normal_mean
    precision -= np.eye(len(weighted_mean))
    return gibbs.draws(_curves(approximation.coordinates), precision, weighted_mean, n=n, rng=rng)


def _curves(coordinates: Coordinates) -> list[gibbs.Curve]:
    """Where the coefficients of every exit lie among the non-normal coordinates."""
    curves, start = [], 0
    for name, prior in coordinates.transformed.items():
        size = len(coordinates.factors[name])
        for j in range(coordinates.n_exits):
            positions = start + j + coordinates.n_exits * np.arange(size)
            curves.append(gibbs.Curve(prior, positions))
        start += size * coordinates.n_exits
    return curves


def _non_normal_positions(coordinates: Coordinates) -> npt.NDArray[np.int64]:
    spans = [coordinates.design.span(name) for name in coordinates.transformed]
    parts = [np.arange(s.start * coordinates.n_exits, s.stop * coordinates.n_exits) for s in spans]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _conditional_factor(
    approximation: Laplace, non_normal: npt.NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Factor and regression of the coordinates given the non-normal ones, whose rows are zero."""
    cholesky = approximation.mode.cholesky
    size = len(cholesky)
    if not len(non_normal):
        return approximation.mode.inverse_factor.T, np.zeros((size, 0))
    free = np.ones(size, dtype=bool)
    free[non_normal] = False
    precision = cholesky @ cholesky.T
    factor = scipy.linalg.cholesky(precision[np.ix_(free, free)], lower=True)
    root, regression = np.zeros((size, len(factor))), np.zeros((size, len(non_normal)))
    root[free] = inverse_factor(factor).T
    regression[free] = -scipy.linalg.cho_solve((factor, True), precision[np.ix_(free, non_normal)])
    return root, regression


def _learned_effects(
    approximation: Laplace, g: int, theta: FloatArray, v: FloatArray
) -> FloatArray:
    """Effects (coordinate, exit, draw) of a learned block, from its free variables."""
    n_exits = approximation.coordinates.n_exits
    covariance = np.array([correlations.covariance(parameters, n_exits) for parameters in theta.T])
    anchor = approximation.anchors[approximation.coordinates.learned[g].name]
    precision = np.linalg.inv(covariance)
    precisions = [
        [precision[:, b, a] + anchor.information[:, b, a, None] for a in range(b + 1)]
        for b in range(n_exits)
    ]
    effects = correlations.conditional(
        correlations.factor_of(precisions),
        [anchor.weighted_mean[:, b, None] for b in range(n_exits)],
        [v[:, b] for b in range(n_exits)],
    )
    return np.stack(effects, axis=1)


def _learned(
    coordinates: Coordinates, group: Learned, theta: FloatArray
) -> dict[str, xr.DataArray]:
    """Standard deviations and correlations of a learned covariance."""
    n_exits, exits = coordinates.n_exits, list(coordinates.design.exits)
    variables = {naming.sigma(group.name): _labelled(np.exp(theta[:n_exits]), {"exit": exits})}
    if group.concentration and n_exits > 1:
        r = correlations.correlation(np.tanh(theta[n_exits:]).T, n_exits)
        coords = {"exit": exits, "other_exit": exits}
        variables[naming.correlation(group.name)] = _labelled(np.moveaxis(r, 0, -1), coords)
    return variables


def _labelled(values: FloatArray, coords: dict[str, list[str]]) -> xr.DataArray:
    """Array with draws last, as one chain."""
    named = xr.DataArray(values, dims=(*coords, "draw"), coords=coords)
    return named.expand_dims("chain").transpose("chain", "draw", ...)
