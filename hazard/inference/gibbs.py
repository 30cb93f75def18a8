"""Draws of coefficients whose prior is not normal, where the rows are one normal observation.

The approximate engine meets a horseshoe or a monotone prior with the likelihood of the coefficients
alone, all others integrated out and taken as normal: exp(f'c - c'P c / 2). Given its scales a
coefficient of a horseshoe is normal, and so is the height of a monotone curve given its shape:
Gibbs steps are exact, however much the likelihood says. A family without such a step is drawn by
elliptical slices of the standard normals of which it makes its coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hazard.arrays import FloatArray
from hazard.compiled import compiled
from hazard.model.priors import NUMBERS
from hazard.spec.priors import TransformedFamily

_CHAINS = 64
_WARM_UP = 300
_THIN = 4


@dataclass(frozen=True)
class Curve:
    """Coefficients of one term and exit.

    Attributes
    ----------
    prior : TransformedFamily
    positions : ndarray of int64, shape (n,)
        Of its coefficients among all that are drawn.
    """

    prior: TransformedFamily
    positions: npt.NDArray[np.int64]

    @property
    def ratio(self) -> float:
        """Scale of a horseshoe in units of its slab; 0 for a monotone curve."""
        return self.prior.scale / self.prior.reach if self.prior.gibbs == "half_cauchy" else 0.0


def draws(
    curves: Sequence[Curve],
    precision: FloatArray,
    weighted_mean: FloatArray,
    *,
    n: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draws of all coefficients, each in units of the reach of its prior.

    Parameters
    ----------
    curves : sequence of Curve
        Together every coefficient once.
    precision : ndarray, shape (coefficient, coefficient)
        P of the likelihood; positive semi-definite.
    weighted_mean : ndarray, shape (coefficient,)
        f of the likelihood, its precision-weighted mean.
    n : int
        Number of draws.
    rng : Generator

    Returns
    -------
    ndarray, shape (coefficient, n)
        From 64 independent chains of equal length.

    Notes
    -----
    * ``horseshoe``: c_l = z_l s_l, s = k / sqrt(1 + k^2), k_l = tau lambda_l scale / slab. Scales
      move given z and given c: either is slow where the other is quick.
    * ``monotone``: c_l = b r_l with r_0 = 1. Given r the height b is normal, of either sign; given
      b each r_l lies between its neighbours, with a density that is that of the likelihood.

    Where any family has no step of its own, all curves are drawn by elliptical slices.

    References
    ----------
    .. [1] Yu and Meng (2011), To center or not to center: that is not the question, Journal of
       Computational and Graphical Statistics 20(3).
    .. [2] Murray, Adams and MacKay (2010), Elliptical slice sampling, AISTATS.

    Examples
    --------
    >>> from hazard.spec.priors.monotone import MonotonePrior
    >>> prior = MonotonePrior(family="monotone", scale=2.0, reason="an example")
    >>> flat = np.zeros((2, 2)), np.zeros(2)
    >>> coefficients = draws([Curve(prior, np.arange(2))], *flat, n=5, rng=np.random.default_rng(1))
    >>> coefficients.shape, bool((abs(coefficients[1]) <= abs(coefficients[0])).all())
    ((2, 5), True)
    """
    if not all(curve.prior.gibbs for curve in curves):
        return _elliptical_draws(curves, (precision + precision.T) / 2, weighted_mean, n=n, rng=rng)
    starts = np.concatenate([[0], np.cumsum([len(curve.positions) for curve in curves])])
    order = np.concatenate([curve.positions for curve in curves])
    ratio = np.array([curve.ratio for curve in curves])
    symmetric = np.ascontiguousarray((precision + precision.T) / 2)
    layout = _Layout(order.astype(np.int64), starts.astype(np.int64), ratio)
    chains = []
    for _ in range(_CHAINS):
        state = _State(np.zeros(len(weighted_mean)), weighted_mean.copy(), symmetric, rng)
        chains.append(_chain(state, layout, -(-n // _CHAINS)))
    coefficients: FloatArray = np.stack(chains, axis=1).reshape(-1, len(weighted_mean))[:n].T
    return coefficients


class _State(NamedTuple):
    """A chain: coefficients, the gradient f - P c of the log-likelihood, P, and randomness."""

    c: FloatArray
    gradient: FloatArray
    precision: FloatArray
    rng: np.random.Generator


class _Layout(NamedTuple):
    """Curve k has the coefficients order[starts[k]:starts[k + 1]]."""

    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ratio: FloatArray


@compiled
def _chain(state: _State, layout: _Layout, n_kept: int) -> FloatArray:
    """Draws of one chain, shape (kept, coefficient).

    ``auxiliary`` holds the normal of the scale of each coefficient of a horseshoe, or the share of
    the height that remains in a monotone curve.
    """
    order, starts, ratio = layout
    auxiliary, global_normals = np.empty(len(order)), np.zeros(len(ratio))
    for k in range(len(ratio)):
        members = order[starts[k] : starts[k + 1]]
        for a, i in enumerate(members):
            auxiliary[i] = state.rng.standard_normal() if ratio[k] > 0 else 1 - a / len(members)
    kept = np.empty((n_kept, len(order)))
    for sweep in range(_WARM_UP + _THIN * n_kept):
        for k in range(len(ratio)):
            members = order[starts[k] : starts[k + 1]]
            if ratio[k] > 0:
                global_normals[k] = _horseshoe(
                    state, members, auxiliary, global_normals[k], ratio[k]
                )
            else:
                _monotone(state, members, auxiliary)
        if sweep >= _WARM_UP and (sweep - _WARM_UP) % _THIN == 0:
            kept[(sweep - _WARM_UP) // _THIN] = state.c
    return kept


@compiled
def _set_coefficient(state: _State, i: int, value: float) -> None:
    change = value - state.c[i]
    for j in range(len(state.c)):
        state.gradient[j] -= state.precision[i, j] * change
    state.c[i] = value


# --- horseshoe ----------------------------------------------------------------------------------
@compiled
def _half_cauchy(x: float) -> float:
    """Half-Cauchy of a standard normal."""
    return math.tan(math.pi / 4 * math.erfc(-x / math.sqrt(2.0)))


@compiled
def _sd(spread: float) -> float:
    return spread / math.sqrt(1 + spread**2)


@compiled
def _horseshoe(
    state: _State,
    members: npt.NDArray[np.int64],
    local_normals: FloatArray,
    global_normal: float,
    ratio: float,
) -> float:
    """Move coefficients and local scales of one curve; returns the normal of its global scale."""
    spread = ratio * _half_cauchy(global_normal)
    for a in range(len(members)):
        member, i = members[a : a + 1], members[a]
        for centred in (False, True):
            local_normals[i] = _slice(state, member, np.full(1, spread), local_normals[i], centred)
        variance, precision = (
            _sd(spread * _half_cauchy(local_normals[i])) ** 2,
            state.precision[i, i],
        )
        precision_ratio = 1 + variance * precision
        mean = variance * (state.gradient[i] + precision * state.c[i]) / precision_ratio
        _set_coefficient(
            state, i, mean + math.sqrt(variance / precision_ratio) * state.rng.standard_normal()
        )
    spreads = np.empty(len(members))
    for a, i in enumerate(members):
        spreads[a] = ratio * _half_cauchy(local_normals[i])
    for centred in (False, True):
        global_normal = _slice(state, members, spreads, global_normal, centred)
    return global_normal


@compiled
def _slice(
    state: _State,
    members: npt.NDArray[np.int64],
    spreads: FloatArray,
    x: float,
    centred: bool,  # noqa: FBT001 - compiled code knows positions only
) -> float:
    """Elliptical slice of the normal x of a scale that several coefficients share.

    ``spreads`` are the other factors of their scales. ``centred`` keeps the coefficients fixed;
    else they move with the scale.
    """
    old_sds = np.array([_sd(spread * _half_cauchy(x)) for spread in spreads])
    new_sds = old_sds.copy()
    level = _fit(state, members, old_sds, new_sds, centred) - state.rng.standard_exponential()
    normal, angle = state.rng.standard_normal(), state.rng.uniform(0.0, 2 * math.pi)
    low, high = angle - 2 * math.pi, angle
    while True:
        proposal = x * math.cos(angle) + normal * math.sin(angle)
        for a in range(len(members)):
            new_sds[a] = _sd(spreads[a] * _half_cauchy(proposal))
        if _fit(state, members, old_sds, new_sds, centred) > level:
            break
        low, high = (angle, high) if angle < 0 else (low, angle)
        angle = state.rng.uniform(low, high)
    if not centred:
        for a, i in enumerate(members):
            _set_coefficient(state, i, state.c[i] / old_sds[a] * new_sds[a])
    return proposal


@compiled
def _fit(
    state: _State,
    members: npt.NDArray[np.int64],
    old_sds: FloatArray,
    new_sds: FloatArray,
    centred: bool,  # noqa: FBT001 - compiled code knows positions only
) -> float:
    """Log-density of new standard deviations, up to a constant."""
    total = 0.0
    for a, i in enumerate(members):
        if centred:
            total -= 0.5 * (state.c[i] / new_sds[a]) ** 2 + math.log(new_sds[a])
            continue
        change = state.c[i] * (new_sds[a] / old_sds[a] - 1)
        total += change * (state.gradient[i] - 0.5 * change * state.precision[i, i])
        for b in range(a):
            j = members[b]
            total -= change * state.precision[i, j] * state.c[j] * (new_sds[b] / old_sds[b] - 1)
    return total


# --- monotone -----------------------------------------------------------------------------------
@compiled
def _monotone(state: _State, members: npt.NDArray[np.int64], shares: FloatArray) -> None:
    """Move height and shape of one curve."""
    height_precision, weighted_mean = 1.0, 0.0
    for i in members:
        weighted_mean += shares[i] * state.gradient[i]
        for j in members:
            height_precision += shares[i] * state.precision[i, j] * shares[j]
            weighted_mean += shares[i] * state.precision[i, j] * state.c[j]
    height = weighted_mean / height_precision + state.rng.standard_normal() / math.sqrt(
        height_precision
    )
    for i in members:
        _set_coefficient(state, i, height * shares[i])
    for a in range(1, len(members)):
        i = members[a]
        low = shares[members[a + 1]] if a + 1 < len(members) else 0.0
        high, level = shares[members[a - 1]], -state.rng.standard_exponential()
        while True:
            proposal = state.rng.uniform(low, high)
            change = height * (proposal - shares[i])
            if change * (state.gradient[i] - 0.5 * change * state.precision[i, i]) > level:
                break
            low, high = (proposal, high) if proposal < shares[i] else (low, proposal)
        shares[i] = proposal
        _set_coefficient(state, i, height * proposal)


# --- any family ---------------------------------------------------------------------------------
def _elliptical_draws(
    curves: Sequence[Curve],
    precision: FloatArray,
    weighted_mean: FloatArray,
    *,
    n: int,
    rng: np.random.Generator,
) -> FloatArray:
    """As :func:`draws`, by elliptical slices of the normals of each curve; all chains at once.

    ``c`` are the coefficients (coefficient, chain), ``normals`` what each curve is made of.
    """
    c, normals = np.zeros((len(weighted_mean), _CHAINS)), []
    for curve in curves:
        x = rng.standard_normal((curve.prior.n_normals(len(curve.positions)), _CHAINS))
        c[curve.positions] = _coefficients(curve, x)
        normals.append(x)
    kept = []
    for sweep in range(_WARM_UP + _THIN * -(-n // _CHAINS)):
        for curve, x in zip(curves, normals, strict=True):
            gradient = weighted_mean[curve.positions, None] - precision[curve.positions] @ c
            c[curve.positions] = _elliptical(
                curve, x, _State(c[curve.positions], gradient, precision, rng)
            )
        if sweep >= _WARM_UP and (sweep - _WARM_UP) % _THIN == 0:
            kept.append(c.copy())
    return np.concatenate(kept, axis=1)[:, :n]


def _coefficients(curve: Curve, x: FloatArray) -> FloatArray:
    """Coefficients (coefficient, chain) of a curve in units of its reach, from its normals."""
    coefficients = curve.prior.transform(x, len(curve.positions), NUMBERS)
    return np.asarray(coefficients / curve.prior.reach)


def _elliptical(curve: Curve, x: FloatArray, state: _State) -> FloatArray:
    """Move the normals of a curve, in place; returns its coefficients.

    ``state`` has the coefficients of the curve and their gradient, shape (coefficient, chain).
    """
    rng = state.rng
    curve_precision = state.precision[np.ix_(curve.positions, curve.positions)]
    start, normal = x.copy(), rng.standard_normal(x.shape)
    level = -rng.standard_exponential(x.shape[1])
    angle = np.asarray(rng.uniform(0.0, 2 * np.pi, x.shape[1]))
    low, high = angle - 2 * np.pi, angle
    proposal, moving = state.c.copy(), np.ones(x.shape[1], dtype=bool)
    while moving.any():
        x[:, moving] = (start * np.cos(angle) + normal * np.sin(angle))[:, moving]
        proposal[:, moving] = _coefficients(curve, x[:, moving])
        change = proposal - state.c
        moving &= ~(
            (change * (state.gradient - 0.5 * (curve_precision @ change))).sum(axis=0) > level
        )
        low, high = np.where(angle < 0, angle, low), np.where(angle < 0, high, angle)
        angle = np.where(moving, rng.uniform(low, high), angle)
    return proposal
