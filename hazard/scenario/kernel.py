"""The lives of all families, month by month: the compiled loop."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from hazard.links import share_out

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Small = npt.NDArray[np.int16]
STAY = -1
NAIVE, FEEDBACK = 0, 1
SWEEPS_AT_MOST = 64  # so many numbers are set aside for a family, month and exit


class World(NamedTuple):
    """What no draw changes: families (n), terms (k), windows (w), exits (j), places (p).

    ``offset`` and ``begin`` (n,) are the month of arrival and the first row of ``levels``, whose
    columns are levels of the predictor without events. ``curve`` (k, n) is the lag curve of a
    family, ``group`` and ``less`` (k, n) the network whose events it sees and a part of it that it
    does not, -1 for none. ``window`` (k, w, 2) holds first and last lags, ``n_windows`` (k,) how
    many, ``lags`` (k, w) those above 0 as bits; ``at_least`` (k,) is 0 for counts; ``sees`` (k,)
    the exit that is the event, -1 for none. ``order`` (j,) are the exits as they are settled, each
    in so many ``sweeps`` (j,). ``place`` (p, n) says whose exits are counted.
    """

    link: int
    horizon: int
    back: int
    offset: IntArray
    begin: IntArray
    levels: npt.NDArray[np.int32]
    curve: IntArray
    group: IntArray
    less: IntArray
    window: IntArray
    n_windows: IntArray
    lags: IntArray
    at_least: IntArray
    sees: IntArray
    order: IntArray
    sweeps: IntArray
    place: npt.NDArray[np.bool_]


class Arms(NamedTuple):
    """What arms (a) change: ``given`` (a, version, k, n, month) are the events that are not drawn.

    A drawn event is seen ``first`` (a, k, n) months later and again ``copy`` months later, -1 is
    never; ``open`` (a, j) is 0 for an exit that is closed; ``counted`` (a,) is the term whose drawn
    events are counted as more or fewer, -1 for none.
    """

    given: Small
    first: Small
    copy: Small
    open: FloatArray
    counted: IntArray


class Draw(NamedTuple):
    """Odds of the levels (level, j), effects of events (k, curve, w, j), and the same as odds."""

    level: FloatArray
    effect: FloatArray
    once: FloatArray


class Life(NamedTuple):
    """State of one life.

    ``exit`` (n,), ``drawn`` events (k, group, month), odds (n, j) without the
    window of lag 0, and the value of that window without lag 0, ``past`` (k, n). In ``recent``
    (k, n) bit l says whether anything was seen l months ago.
    """

    exit: IntArray
    drawn: Small
    odds: FloatArray
    past: FloatArray
    recent: IntArray


class Here(NamedTuple):
    """All that one life needs; ``which`` is the arm, the version and the key of the numbers."""

    world: World
    arms: Arms
    draw: Draw
    which: tuple[int, int, int]
    life: Life


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def uniform(key: Any, count: Any) -> float:
    """Number in [0, 1) that a key and a count stand for: SplitMix64.

    Both versions and all arms ask for the number of a family, month, exit and sweep, whoever else
    is still there; a generator that goes on from number to number cannot answer that.

    References
    ----------
    .. [1] Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    z = np.uint64(key) + (np.uint64(count) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) / 9007199254740992.0


@numba.njit(nogil=True, cache=True)
def lives(world, arms, draw, keys):  # type: ignore[no-untyped-def]
    """Exits of every month, residents at its start, and events that an arm made of drawn ones.

    Returns
    -------
    ndarray of int32, shape (replication, arm, version, place, exit, month)
    ndarray of int32, shape (replication, arm, version, place, month)
    ndarray of int64, shape (replication, arm, version)
    """
    n_arms, n_exits = arms.open.shape
    shape = (len(keys), n_arms, 2, len(world.place))
    left = np.zeros((*shape, n_exits, world.horizon), dtype=np.int32)
    there = np.zeros((*shape, world.horizon), dtype=np.int32)
    made = np.zeros((len(keys), n_arms, 2), dtype=np.int64)
    for r in range(len(keys)):
        for a in range(n_arms):
            for version in range(2):
                made[r, a, version] = _life(
                    world,
                    arms,
                    draw,
                    (a, version, keys[r]),
                    (left[r, a, version], there[r, a, version]),
                )
    return left, there, made


@numba.njit(nogil=True, cache=True)
def _life(world, arms, draw, which, out):  # type: ignore[no-untyped-def]
    """One life of the system; returns how many events more the arm made of the drawn ones."""
    left, there = out
    n, n_terms = len(world.offset), len(world.sees)
    n_groups = 1 + max(world.group.max(), world.less.max())
    life = Life(
        np.full(n, STAY, dtype=np.int64),
        np.zeros((n_terms, n_groups, world.horizon), dtype=np.int16),
        np.empty((n, arms.open.shape[1])),
        np.empty((n_terms, n)),
        np.zeros((n_terms, n), dtype=np.int64),
    )
    here = Here(world, arms, draw, which, life)
    active = np.empty(n, dtype=np.int64)
    n_active, come, made = 0, 0, 0
    for t in range(world.horizon):
        while come < n and world.offset[come] <= t:
            active[n_active] = come
            n_active, come = n_active + 1, come + 1
        _prepare(here, t, active[:n_active])
        for stage in range(len(world.order)):
            _settle(here, t, stage, active[:n_active])
        kept = 0
        for i in active[:n_active]:
            leaving = life.exit[i]
            for p in range(len(there)):
                there[p, t] += world.place[p, i]
            if leaving == STAY:
                active[kept] = i
                kept += 1
                continue
            made += _made(here, leaving, i)
            for p in range(len(there)):
                left[p, leaving, t] += world.place[p, i]
        n_active = kept
    return made


@numba.njit(nogil=True, cache=True)
def _prepare(here, t, active):  # type: ignore[no-untyped-def]
    """Odds of the families in a month, but for the windows that hold the month itself."""
    world = here.world
    open_, odds, level = here.arms.open[here.which[0]], here.life.odds, here.draw.level
    offset, begin, index = world.offset, world.begin, world.levels
    for i in active:
        row = begin[i] + t - offset[i]
        for j in range(odds.shape[1]):
            odds[i, j] = open_[j]
            for b in range(index.shape[1]):
                odds[i, j] *= level[index[row, b], j]
    for k in range(len(world.sees)):
        _remember(here, k, t, active)
        _act(here, k, t, active)


# Fields are taken out of the records before the loops, and loops are not divided further: taking
# a field counts a reference, and doing so for every family made it three times as slow.
@numba.njit(nogil=True, cache=True)
def _remember(here, k, t, active):  # type: ignore[no-untyped-def]
    """Note whether anything was seen; what was seen in months that are over does not change."""
    world, arms, which, life = here.world, here.arms, here.which, here.life
    given, drawn, recent = arms.given[which[0], which[1]], life.drawn, life.recent
    group, less, offset, back = world.group, world.less, world.offset, world.back
    least = max(world.at_least[k], 1)
    version = which[1]
    for i in active:
        for lag in range(1 if t > offset[i] else back, 0, -1):
            number = given[k, i, back + t - lag]
            if version == FEEDBACK and lag <= t:
                number += _drawn(drawn, group, less, (k, i), t - lag)
            recent[k, i] = 2 * recent[k, i] + 2 * (number >= least)


@numba.njit(nogil=True, cache=True)
def _act(here, k, t, active):  # type: ignore[no-untyped-def]
    """Multiply the odds by what was seen in earlier months."""
    world, arms, draw, which, life = here.world, here.arms, here.draw, here.which, here.life
    given, drawn, recent = arms.given[which[0], which[1]], life.drawn, life.recent
    group, less, window, back = world.group, world.less, world.window, world.back
    lags, curve, n_windows, counts = (
        world.lags,
        world.curve,
        world.n_windows,
        world.at_least[k] == 0,
    )
    effect, once, odds, past = draw.effect, draw.once, life.odds, life.past
    version, reach = which[1], world.lags[k].sum()
    for i in active:
        past[k, i] = 0.0
        if recent[k, i] & reach == 0:
            continue
        for w in range(n_windows[k]):
            if recent[k, i] & lags[k, w] == 0:
                continue
            value, own = 1.0, curve[k, i]
            if counts:
                month = t - window[k, w, 0]
                value = float(given[k, i, back + month])
                if version == FEEDBACK and month >= 0:
                    value += _drawn(drawn, group, less, (k, i), month)
            if window[k, w, 0] == 0:
                past[k, i] = value
            else:
                _times(odds[i], value, once[k, own, w], effect[k, own, w])


@numba.njit(nogil=True, cache=True)
def _settle(here, t, stage, active):  # type: ignore[no-untyped-def] # noqa: C901 - see above
    """Draw one exit of a month, given those before it and what the others do."""
    world, arms, draw, life = here.world, here.arms, here.draw, here.life
    a, version, key = here.which
    given, drawn, past, known = arms.given[a, version], life.drawn, life.past, life.odds
    group, less, window, curve = world.group, world.less, world.window, world.curve
    once, effect, back = draw.once, draw.effect, world.back
    seen_by = (world.sees, arms.first[a], arms.copy[a], group, less)
    exits, order, odds, at_least = life.exit, world.order, np.empty(known.shape[1]), world.at_least
    leaving, sweeps, link, horizon = order[stage], world.sweeps[stage], world.link, world.horizon
    # The naive version takes the numbers of the last sweep, which are those that count.
    for sweep in range(0 if version == FEEDBACK else sweeps - 1, sweeps):
        for i in active:
            if exits[i] != STAY and exits[i] != leaving:
                continue
            if version == FEEDBACK and exits[i] == leaving:
                _tally(drawn, seen_by, i, (leaving, t, -1))
            for j in range(len(odds)):
                odds[j] = known[i, j]
            for k in range(len(at_least)):
                if window[k, 0, 0] != 0:
                    continue
                number = given[k, i, back + t]
                if version == FEEDBACK:
                    number += _drawn(drawn, group, less, (k, i), t)
                value = max(past[k, i], _measured(number, at_least[k]))
                if value != 0.0:
                    own = curve[k, i]
                    _times(odds, value, once[k, own, 0], effect[k, own, 0])
            share_out(link, odds, 1.0)
            rest = 1.0
            for before in order[:stage]:
                rest -= odds[before]
            count = ((i * horizon + t) * len(order) + stage) * SWEEPS_AT_MOST + sweep
            leaves = uniform(key, count) * rest < odds[leaving]
            exits[i] = leaving if leaves else STAY
            if version == FEEDBACK and leaves:
                _tally(drawn, seen_by, i, (leaving, t, 1))


@numba.njit(nogil=True, cache=True)
def _drawn(drawn, group, less, who, month):  # type: ignore[no-untyped-def]
    """Drawn events that a family sees in a month, its own included."""
    k, i = who
    number = drawn[k, group[k, i], month]
    if less[k, i] >= 0:
        number -= drawn[k, less[k, i], month]
    return number


@numba.njit(nogil=True, cache=True)
def _measured(number, at_least):  # type: ignore[no-untyped-def]
    if at_least == 0:
        return float(number)
    return 1.0 if number >= at_least else 0.0


@numba.njit(nogil=True, cache=True)
def _times(odds, value, once, effect):  # type: ignore[no-untyped-def]
    if value == 1.0:
        for j in range(len(odds)):
            odds[j] *= once[j]
    else:
        for j in range(len(odds)):
            odds[j] *= math.exp(value * effect[j])


@numba.njit(nogil=True, cache=True)
def _tally(drawn, seen_by, i, what):  # type: ignore[no-untyped-def]
    """Let the others see an exit, or no longer."""
    sees, first, copy, group, less = seen_by
    leaving, t, step = what
    for k in range(len(sees)):
        if sees[k] != leaving:
            continue
        for later in (first[k, i], copy[k, i]):
            if later >= 0 and t + later < drawn.shape[2]:
                drawn[k, group[k, i], t + later] += step
                if less[k, i] >= 0:
                    drawn[k, less[k, i], t + later] += step


@numba.njit(nogil=True, cache=True)
def _made(here, leaving, i):  # type: ignore[no-untyped-def]
    """Events that an arm makes of the exit of a family, less the one that it is."""
    arms, (a, version, _) = here.arms, here.which
    k = arms.counted[a]
    if k < 0 or version != FEEDBACK or here.world.sees[k] != leaving:
        return 0
    return int(arms.copy[a, k, i] >= 0) - int(arms.first[a, k, i] < 0)
