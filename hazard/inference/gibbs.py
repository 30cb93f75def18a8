"""Draws of coefficients whose prior is not normal, where the rows are one normal observation.

The approximate engine meets a horseshoe or a monotone prior with the likelihood of the coefficients
alone, all others integrated out and taken as normal: exp(f'c - c'P c / 2). Given its scales a
coefficient of a horseshoe is normal, and so is the height of a monotone curve given its shape:
Gibbs steps are exact, however much the likelihood says.
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
from hazard.spec.priors import HorseshoePrior, MonotonePrior

_CHAINS = 64
_WARM_UP = 300
_THIN = 4


@dataclass(frozen=True)
class Curve:
    """Coefficients of one term and exit.

    Attributes
    ----------
    prior : HorseshoePrior or MonotonePrior
    place : ndarray of int64, shape (n,)
        Of its coefficients among all that are drawn.
    """

    prior: HorseshoePrior | MonotonePrior
    place: npt.NDArray[np.int64]

    @property
    def ratio(self) -> float:
        """Scale of a horseshoe in units of its slab; 0 for a monotone curve."""
        if isinstance(self.prior, HorseshoePrior):
            return self.prior.scale / self.prior.slab
        return 0.0


def draws(
    curves: Sequence[Curve],
    precision: FloatArray,
    force: FloatArray,
    *,
    n: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draws of all coefficients, in units of the slab, or of the scale of a monotone prior.

    Parameters
    ----------
    curves : sequence of Curve
        Together every coefficient once.
    precision : ndarray, shape (coefficient, coefficient)
        P of the likelihood; positive semi-definite.
    force : ndarray, shape (coefficient,)
        f of the likelihood.
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
      move with z held and with c held: either is slow where the other is quick.
    * ``monotone``: c_l = b r_l with r_0 = 1. Given r the height b is normal, of either sign; given
      b each r_l lies between its neighbours, with a density that is that of the likelihood.

    References
    ----------
    .. [1] Yu and Meng (2011), To center or not to center: that is not the question, Journal of
       Computational and Graphical Statistics 20(3).
    .. [2] Murray, Adams and MacKay (2010), Elliptical slice sampling, AISTATS.

    Examples
    --------
    >>> prior = MonotonePrior(family="monotone", scale=2.0, reason="an example")
    >>> flat = np.zeros((2, 2)), np.zeros(2)
    >>> drawn = draws([Curve(prior, np.arange(2))], *flat, n=5, rng=np.random.default_rng(1))
    >>> drawn.shape, bool((abs(drawn[1]) <= abs(drawn[0])).all())
    ((2, 5), True)
    """
    starts = np.concatenate([[0], np.cumsum([len(curve.place) for curve in curves])])
    order = np.concatenate([curve.place for curve in curves])
    ratio = np.array([curve.ratio for curve in curves])
    symmetric = np.ascontiguousarray((precision + precision.T) / 2)
    layout = _Layout(order.astype(np.int64), starts.astype(np.int64), ratio)
    kept = []
    for _ in range(_CHAINS):
        state = _State(np.zeros(len(force)), force.copy(), symmetric, rng)
        kept.append(_chain(state, layout, -(-n // _CHAINS)))
    found: FloatArray = np.stack(kept, axis=1).reshape(-1, len(force))[:n].T
    return found


class _State(NamedTuple):
    """A chain: coefficients, the pull f - P c of the likelihood on them, P, and randomness."""

    c: FloatArray
    pull: FloatArray
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

    ``own`` holds the normal of the scale of each coefficient of a horseshoe, or the share of the
    height that is left in a monotone curve.
    """
    order, starts, ratio = layout
    own, common = np.empty(len(order)), np.zeros(len(ratio))
    for k in range(len(ratio)):
        members = order[starts[k] : starts[k + 1]]
        for a, i in enumerate(members):
            own[i] = state.rng.standard_normal() if ratio[k] > 0 else 1 - a / len(members)
    kept = np.empty((n_kept, len(order)))
    for sweep in range(_WARM_UP + _THIN * n_kept):
        for k in range(len(ratio)):
            members = order[starts[k] : starts[k + 1]]
            if ratio[k] > 0:
                common[k] = _horseshoe(state, members, own, common[k], ratio[k])
            else:
                _monotone(state, members, own)
        if sweep >= _WARM_UP and (sweep - _WARM_UP) % _THIN == 0:
            kept[(sweep - _WARM_UP) // _THIN] = state.c
    return kept


@compiled
def _put(state: _State, i: int, value: float) -> None:
    change = value - state.c[i]
    for j in range(len(state.c)):
        state.pull[j] -= state.precision[i, j] * change
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
    own: FloatArray,
    common: float,
    ratio: float,
) -> float:
    """Move coefficients and own scales of one curve; returns the normal of its common scale."""
    spread = ratio * _half_cauchy(common)
    for a in range(len(members)):
        one, i = members[a : a + 1], members[a]
        for centred in (False, True):
            own[i] = _slice(state, one, np.full(1, spread), own[i], centred)
        variance, precision = _sd(spread * _half_cauchy(own[i])) ** 2, state.precision[i, i]
        known = 1 + variance * precision
        middle = variance * (state.pull[i] + precision * state.c[i]) / known
        _put(state, i, middle + math.sqrt(variance / known) * state.rng.standard_normal())
    spreads = np.empty(len(members))
    for a, i in enumerate(members):
        spreads[a] = ratio * _half_cauchy(own[i])
    for centred in (False, True):
        common = _slice(state, members, spreads, common, centred)
    return common


@compiled
def _slice(
    state: _State,
    members: npt.NDArray[np.int64],
    spreads: FloatArray,
    x: float,
    centred: bool,  # noqa: FBT001 - compiled code knows positions only
) -> float:
    """Elliptical slice of the normal x of a scale that several coefficients share.

    ``spreads`` are the other factors of their scales. ``centred`` holds the coefficients; else they
    move with the scale.
    """
    old = np.array([_sd(spread * _half_cauchy(x)) for spread in spreads])
    new = old.copy()
    level = _fit(state, members, old, new, centred) - state.rng.standard_exponential()
    other, angle = state.rng.standard_normal(), state.rng.uniform(0.0, 2 * math.pi)
    low, high = angle - 2 * math.pi, angle
    while True:
        proposal = x * math.cos(angle) + other * math.sin(angle)
        for a in range(len(members)):
            new[a] = _sd(spreads[a] * _half_cauchy(proposal))
        if _fit(state, members, old, new, centred) > level:
            break
        low, high = (angle, high) if angle < 0 else (low, angle)
        angle = state.rng.uniform(low, high)
    if not centred:
        for a, i in enumerate(members):
            _put(state, i, state.c[i] / old[a] * new[a])
    return proposal


@compiled
def _fit(
    state: _State,
    members: npt.NDArray[np.int64],
    old: FloatArray,
    new: FloatArray,
    centred: bool,  # noqa: FBT001 - compiled code knows positions only
) -> float:
    """Log-density of new standard deviations, up to a constant."""
    total = 0.0
    for a, i in enumerate(members):
        if centred:
            total -= 0.5 * (state.c[i] / new[a]) ** 2 + math.log(new[a])
            continue
        change = state.c[i] * (new[a] / old[a] - 1)
        total += change * (state.pull[i] - 0.5 * change * state.precision[i, i])
        for b in range(a):
            j = members[b]
            total -= change * state.precision[i, j] * state.c[j] * (new[b] / old[b] - 1)
    return total


# --- monotone -----------------------------------------------------------------------------------
@compiled
def _monotone(state: _State, members: npt.NDArray[np.int64], left: FloatArray) -> None:
    """Move height and shape of one curve."""
    known, force = 1.0, 0.0
    for i in members:
        force += left[i] * state.pull[i]
        for j in members:
            known += left[i] * state.precision[i, j] * left[j]
            force += left[i] * state.precision[i, j] * state.c[j]
    height = force / known + state.rng.standard_normal() / math.sqrt(known)
    for i in members:
        _put(state, i, height * left[i])
    for a in range(1, len(members)):
        i = members[a]
        low = left[members[a + 1]] if a + 1 < len(members) else 0.0
        high, level = left[members[a - 1]], -state.rng.standard_exponential()
        while True:
            proposal = state.rng.uniform(low, high)
            change = height * (proposal - left[i])
            if change * (state.pull[i] - 0.5 * change * state.precision[i, i]) > level:
                break
            low, high = (proposal, high) if proposal < left[i] else (low, proposal)
        left[i] = proposal
        _put(state, i, height * proposal)
