"""The lives of all families, month by month: the compiled loop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled
from hazard.studies.scenario.same_month import FEEDBACK, NAIVE, STAY, drawn_events, settle, times

Small = npt.NDArray[np.int16]
NO_CAMPAIGN = -1


class World(NamedTuple):
    """What no draw changes: families (n), terms (k), windows (w), exits (j), places (p).

    ``offset`` and ``begin`` (n,) are the month of arrival and the first row of ``levels``, whose
    columns are levels of the predictor without events. ``curve`` (k, n) is the lag curve of a
    family, ``group`` and ``less`` (k, n) the network whose events it sees and a part of it that it
    does not, -1 for none. ``window`` (k, w, 2) holds first and last lags, ``n_windows`` (k,) how
    many, ``lags`` (k, w) those above 0 as bits; ``at_least`` (k,) is 0 for counts; ``sees`` (k,)
    the exit that is the event, -1 for none; ``since_risk`` (k,) says of which terms only what
    happened from the first month at risk on counts, and ``month`` (n,) is the month at risk of a
    family on its arrival. ``order`` (j,) are the exits as they are settled, and
    ``at_once`` (j,) says which of them others see in the same month; for these there are at most so
    many ``sweeps``. ``centre`` (n,) is that of a family, ``others`` (centre, month) how many live
    there who are not simulated. ``place`` (p, n) says whose exits are counted.
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
    since_risk: npt.NDArray[np.bool_]
    month: IntArray
    order: IntArray
    at_once: npt.NDArray[np.bool_]
    sweeps: int
    centre: IntArray
    others: IntArray
    place: npt.NDArray[np.bool_]


class Arms(NamedTuple):
    """What arms (a) change: ``given`` (a, version, k, n, month) are the events that are not drawn.

    A drawn event is seen ``first`` (a, k, n) months later and again ``copy`` months later, -1 is
    never; ``open`` (a, j) is 0 for an exit that is closed; ``counted`` (a,) is the term whose drawn
    events are counted as more or fewer, -1 for none. ``campaign`` (a, c, 2) are the term on which a
    campaign acts, or ``NO_CAMPAIGN``, and its events; ``threshold`` (a, c, centre) is the largest
    number of families with which there is none.
    """

    given: Small
    first: Small
    copy: Small
    open: FloatArray
    counted: IntArray
    campaign: IntArray
    threshold: IntArray


class Draw(NamedTuple):
    """Odds of the levels (level, j), effects of events (k, curve, w, j), and the same as odds."""

    level: FloatArray
    effect: FloatArray
    once: FloatArray


class Life(NamedTuple):
    """State of one life.

    ``exit`` (n,), ``drawn`` events (k, group, month), odds (n, j) without the
    window of lag 0, and the value of that window without lag 0, ``past`` (k, n). In ``recent``
    (k, n) bit l says whether anything was seen l months ago. While a month is settled: the values
    ``last`` (k, n) of lag 0 with which the ``chance`` (n,) of the exit was computed, and odds
    ``now`` (n, j) with all that cannot change.
    """

    exit: IntArray
    drawn: Small
    odds: FloatArray
    past: FloatArray
    recent: IntArray
    last: FloatArray
    chance: FloatArray
    now: FloatArray


class Here(NamedTuple):
    """All that one life needs; ``which`` is the arm, the version and the key of the numbers."""

    world: World
    arms: Arms
    draw: Draw
    which: tuple[int, int, int]
    life: Life


@compiled
def lives(world, arms, draw, keys):  # type: ignore[no-untyped-def]
    """Exits of every month, residents at its start, events that an arm made, months not settled.

    Returns
    -------
    ndarray of int32, shape (replication, arm, version, place, exit, month)
    ndarray of int32, shape (replication, arm, version, place, month)
    ndarray of int64, shape (replication, arm, version)
    ndarray of int64, shape (replication, arm, version)
        Months in which the most sweeps were too few for one exit or more.
    """
    n_arms, n_exits = arms.open.shape
    shape = (len(keys), n_arms, 2, len(world.place))
    left = np.zeros((*shape, n_exits, world.horizon), dtype=np.int32)
    there = np.zeros((*shape, world.horizon), dtype=np.int32)
    made = np.zeros((len(keys), n_arms, 2), dtype=np.int64)
    unsettled = np.zeros((len(keys), n_arms, 2), dtype=np.int64)
    for r in range(len(keys)):
        for a in range(n_arms):
            for version in range(2):
                made[r, a, version], unsettled[r, a, version] = _life(
                    world,
                    arms,
                    draw,
                    (a, version, keys[r]),
                    (left[r, a, version], there[r, a, version]),
                )
    return left, there, made, unsettled


@compiled
def _life(world, arms, draw, which, out):  # type: ignore[no-untyped-def]
    """One life of the system: how many events the arm made, and how many months are not settled."""
    left, there = out
    n, n_terms = len(world.offset), len(world.sees)
    n_groups = 1 + max(world.group.max(), world.less.max())
    life = Life(
        np.full(n, STAY, dtype=np.int64),
        np.zeros((n_terms, n_groups, world.horizon), dtype=np.int16),
        np.empty((n, arms.open.shape[1])),
        np.empty((n_terms, n)),
        np.zeros((n_terms, n), dtype=np.int64),
        np.empty((n_terms, n)),
        np.empty(n),
        np.empty((n, arms.open.shape[1])),
    )
    here = Here(world, arms, draw, which, life)
    active = np.empty(n, dtype=np.int64)
    n_active, come, made, unsettled = 0, 0, 0, 0
    for t in range(world.horizon):
        while come < n and world.offset[come] <= t:
            active[n_active] = come
            n_active, come = n_active + 1, come + 1
        made += _campaigns(here, t, active[:n_active])
        _prepare(here, t, active[:n_active])
        apart = 0
        for stage in range(len(world.order)):
            apart += settle(here, t, stage, active[:n_active])
        unsettled += int(apart > 0)
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
    return made, unsettled


@compiled
def _campaigns(here, t, active):  # type: ignore[no-untyped-def]
    """Add events at every centre that is too full at the start of a month; return how many."""
    world, arms, (a, version, _), drawn = here.world, here.arms, here.which, here.life.drawn
    made = 0
    if version == NAIVE or arms.campaign.shape[1] == 0:
        return made
    stock = world.others[:, t].copy()
    for i in active:
        stock[world.centre[i]] += 1
    for c in range(arms.campaign.shape[1]):
        k, events = arms.campaign[a, c]
        if k == NO_CAMPAIGN:
            continue
        for centre in range(len(stock)):
            if stock[centre] > arms.threshold[a, c, centre]:
                drawn[k, centre, t] += events
                made += events if k == arms.counted[a] else 0
    return made


@compiled
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
@compiled
def _remember(here, k, t, active):  # type: ignore[no-untyped-def]
    """Note whether anything was seen; what was seen in months that are over does not change."""
    world, arms, which, life = here.world, here.arms, here.which, here.life
    given, drawn, recent = arms.given[which[0], which[1]], life.drawn, life.recent
    group, less, offset, back = world.group, world.less, world.offset, world.back
    least, since_risk = max(world.at_least[k], 1), world.since_risk[k]
    month, version = world.month, which[1]
    for i in active:
        longest = month[i] + t - offset[i] - 1 if since_risk else back
        for lag in range(1 if t > offset[i] else back, 0, -1):
            number = given[k, i, back + t - lag]
            if version == FEEDBACK and lag <= t:
                number += drawn_events(drawn, group, less, (k, i), t - lag)
            happened = number >= least and lag <= longest
            recent[k, i] = 2 * recent[k, i] + 2 * happened


@compiled
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
                    value += drawn_events(drawn, group, less, (k, i), month)
            if window[k, w, 0] == 0:
                past[k, i] = value
            else:
                times(odds[i], value, once[k, own, w], effect[k, own, w])


@compiled
def _made(here, leaving, i):  # type: ignore[no-untyped-def]
    """Events that an arm makes of the exit of a family, less the one that it is."""
    arms, (a, version, _) = here.arms, here.which
    k = arms.counted[a]
    if k < 0 or version != FEEDBACK or here.world.sees[k] != leaving:
        return 0
    return int(arms.copy[a, k, i] >= 0) - int(arms.first[a, k, i] < 0)
