"""Replicates of a scenario, month by month: the compiled loop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled
from hazard.studies.scenario.same_month import FEEDBACK, NAIVE, STAY, drawn_events, settle, times

Small = npt.NDArray[np.int16]
NO_CAMPAIGN = -1


class SystemArrays(NamedTuple):
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


class ReplicateState(NamedTuple):
    """State of one replicate.

    ``exit`` (n,), drawn ``events`` (k, group, month), odds (n, j) without the
    window of lag 0, and the value of that window without lag 0, ``past`` (k, n). In ``recent``
    (k, n) bit l says whether anything was seen l months ago. While a month is settled: the values
    ``last`` (k, n) of lag 0 with which the ``probability`` (n,) of the exit was computed, and odds
    ``fixed_odds`` (n, j) with all that cannot change.
    """

    exit: IntArray
    events: Small
    odds: FloatArray
    past: FloatArray
    recent: IntArray
    last: FloatArray
    probability: FloatArray
    fixed_odds: FloatArray


class Context(NamedTuple):
    """All that one replicate needs; ``case`` is the arm, the version and the key of the numbers."""

    arrays: SystemArrays
    arms: Arms
    draw: Draw
    case: tuple[int, int, int]
    state: ReplicateState


@compiled
def replicates(arrays, arms, draw, keys):  # type: ignore[no-untyped-def]
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
    shape = (len(keys), n_arms, 2, len(arrays.place))
    exits = np.zeros((*shape, n_exits, arrays.horizon), dtype=np.int32)
    residents = np.zeros((*shape, arrays.horizon), dtype=np.int32)
    added = np.zeros((len(keys), n_arms, 2), dtype=np.int64)
    unsettled = np.zeros((len(keys), n_arms, 2), dtype=np.int64)
    for r in range(len(keys)):
        for a in range(n_arms):
            for version in range(2):
                added[r, a, version], unsettled[r, a, version] = _replicate(
                    arrays,
                    arms,
                    draw,
                    (a, version, keys[r]),
                    (exits[r, a, version], residents[r, a, version]),
                )
    return exits, residents, added, unsettled


@compiled
def _replicate(arrays, arms, draw, case, counts):  # type: ignore[no-untyped-def]
    """One replicate of the system: number of events the arm made, and of months not settled."""
    exits, residents = counts
    n, n_terms = len(arrays.offset), len(arrays.sees)
    n_groups = 1 + max(arrays.group.max(), arrays.less.max())
    state = ReplicateState(
        np.full(n, STAY, dtype=np.int64),
        np.zeros((n_terms, n_groups, arrays.horizon), dtype=np.int16),
        np.empty((n, arms.open.shape[1])),
        np.empty((n_terms, n)),
        np.zeros((n_terms, n), dtype=np.int64),
        np.empty((n_terms, n)),
        np.empty(n),
        np.empty((n, arms.open.shape[1])),
    )
    context = Context(arrays, arms, draw, case, state)
    active = np.empty(n, dtype=np.int64)
    n_active, n_arrived, added, unsettled = 0, 0, 0, 0
    for t in range(arrays.horizon):
        while n_arrived < n and arrays.offset[n_arrived] <= t:
            active[n_active] = n_arrived
            n_active, n_arrived = n_active + 1, n_arrived + 1
        added += _campaigns(context, t, active[:n_active])
        _prepare(context, t, active[:n_active])
        n_unsettled = 0
        for stage in range(len(arrays.order)):
            n_unsettled += settle(context, t, stage, active[:n_active])
        unsettled += int(n_unsettled > 0)
        n_staying = 0
        for i in active[:n_active]:
            leaving = state.exit[i]
            for p in range(len(residents)):
                residents[p, t] += arrays.place[p, i]
            if leaving == STAY:
                active[n_staying] = i
                n_staying += 1
                continue
            added += _events_added(context, leaving, i)
            for p in range(len(residents)):
                exits[p, leaving, t] += arrays.place[p, i]
        n_active = n_staying
    return added, unsettled


@compiled
def _campaigns(context, t, active):  # type: ignore[no-untyped-def]
    """Add events at every centre that is too full at the start of a month; return how many."""
    arrays, arms, (a, version, _), events = (
        context.arrays,
        context.arms,
        context.case,
        context.state.events,
    )
    added = 0
    if version == NAIVE or arms.campaign.shape[1] == 0:
        return added
    stock = arrays.others[:, t].copy()
    for i in active:
        stock[arrays.centre[i]] += 1
    for c in range(arms.campaign.shape[1]):
        k, n_events = arms.campaign[a, c]
        if k == NO_CAMPAIGN:
            continue
        for centre in range(len(stock)):
            if stock[centre] > arms.threshold[a, c, centre]:
                events[k, centre, t] += n_events
                added += n_events if k == arms.counted[a] else 0
    return added


@compiled
def _prepare(context, t, active):  # type: ignore[no-untyped-def]
    """Odds of the families in a month, but for the windows that hold the month itself."""
    arrays = context.arrays
    open_, odds, level = context.arms.open[context.case[0]], context.state.odds, context.draw.level
    offset, begin, index = arrays.offset, arrays.begin, arrays.levels
    for i in active:
        row = begin[i] + t - offset[i]
        for j in range(odds.shape[1]):
            odds[i, j] = open_[j]
            for b in range(index.shape[1]):
                odds[i, j] *= level[index[row, b], j]
    for k in range(len(arrays.sees)):
        _update_recent(context, k, t, active)
        _multiply_by_past(context, k, t, active)


# Fields are taken out of the records before the loops, and loops are not divided further: taking
# a field counts a reference, and doing so for every family made it three times as slow.
@compiled
def _update_recent(context, k, t, active):  # type: ignore[no-untyped-def]
    """Note whether anything was seen; what was seen in months that are over does not change."""
    arrays, arms, case, state = context.arrays, context.arms, context.case, context.state
    given, events, recent = arms.given[case[0], case[1]], state.events, state.recent
    group, less, offset, back = arrays.group, arrays.less, arrays.offset, arrays.back
    threshold, since_risk = max(arrays.at_least[k], 1), arrays.since_risk[k]
    month, version = arrays.month, case[1]
    for i in active:
        longest_lag = month[i] + t - offset[i] - 1 if since_risk else back
        for lag in range(1 if t > offset[i] else back, 0, -1):
            n_events = given[k, i, back + t - lag]
            if version == FEEDBACK and lag <= t:
                n_events += drawn_events(events, group, less, (k, i), t - lag)
            happened = n_events >= threshold and lag <= longest_lag
            recent[k, i] = 2 * recent[k, i] + 2 * happened


@compiled
def _multiply_by_past(context, k, t, active):  # type: ignore[no-untyped-def]
    """Multiply the odds by what was seen in earlier months."""
    arrays, arms, draw, case, state = (
        context.arrays,
        context.arms,
        context.draw,
        context.case,
        context.state,
    )
    given, events, recent = arms.given[case[0], case[1]], state.events, state.recent
    group, less, window, back = arrays.group, arrays.less, arrays.window, arrays.back
    lags, curve, n_windows, is_count = (
        arrays.lags,
        arrays.curve,
        arrays.n_windows,
        arrays.at_least[k] == 0,
    )
    effect, once, odds, past = draw.effect, draw.once, state.odds, state.past
    version, lags_of_term = case[1], arrays.lags[k].sum()
    for i in active:
        past[k, i] = 0.0
        if recent[k, i] & lags_of_term == 0:
            continue
        for w in range(n_windows[k]):
            if recent[k, i] & lags[k, w] == 0:
                continue
            value, family_curve = 1.0, curve[k, i]
            if is_count:
                month = t - window[k, w, 0]
                value = float(given[k, i, back + month])
                if version == FEEDBACK and month >= 0:
                    value += drawn_events(events, group, less, (k, i), month)
            if window[k, w, 0] == 0:
                past[k, i] = value
            else:
                times(odds[i], value, once[k, family_curve, w], effect[k, family_curve, w])


@compiled
def _events_added(context, leaving, i):  # type: ignore[no-untyped-def]
    """Events that an arm makes of the exit of a family, less the one that it is."""
    arms, (a, version, _) = context.arms, context.case
    k = arms.counted[a]
    if k < 0 or version != FEEDBACK or context.arrays.sees[k] != leaving:
        return 0
    return int(arms.copy[a, k, i] >= 0) - int(arms.first[a, k, i] < 0)
