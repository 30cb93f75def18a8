"""The exits of one month, when what a family does depends on what the others do that month.

The exits come one after the other. For each, every family has a chance to leave given what is
settled before and what the others currently do: a Gibbs sampler over the families. What it has come
to when it has run for ever is had exactly, by coupling from the past [1]_.

References
----------
.. [1] Propp and Wilson (1996), Exact sampling with coupled Markov chains and applications to
   statistical mechanics, Random Structures and Algorithms 9.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hazard.compiled import compiled
from hazard.model.links import share_out

STAY = -1
NAIVE, FEEDBACK = 0, 1
SWEEPS_AT_MOST = 64  # so many numbers are set aside for a family, month and exit
_FIRST = 4  # sweeps of the first try; fewer are rarely enough


@compiled
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


@compiled
def settle(context: Any, t: int, stage: int, active: Any) -> int:
    """Draw one exit of a month, given those before it; 1 if it depends on where the sweeps began.

    From everybody leaving and from nobody leaving the same numbers are gone through, from further
    and further back, until both come to the same exits.
    """
    arrays, exits = context.arrays, context.state.exit
    _prepare_exit(context, t, stage, active)
    if context.case[1] == NAIVE or not arrays.at_once[stage]:
        _sweep(context, (t, stage, 0), active)
        return 0
    exits_from_all = np.empty(len(active), dtype=np.int64)
    n_sweeps = min(_FIRST, arrays.sweeps)
    while True:
        for all_leave in (True, False):
            _begin(context, (t, stage), active, all_leave)
            for sweep in range(n_sweeps - 1, -1, -1):
                _sweep(context, (t, stage, sweep), active)
            if all_leave:
                for k in range(len(active)):
                    exits_from_all[k] = exits[active[k]]
        n_different = 0
        for k in range(len(active)):
            n_different += exits_from_all[k] != exits[active[k]]
        if n_different == 0 or 2 * n_sweeps > arrays.sweeps:
            return int(n_different > 0)
        n_sweeps *= 2


# Fields are taken out of the records before the loops, and loops are not divided further: taking
# a field counts a reference, and doing so for every family made it three times as slow.
@compiled
def _prepare_exit(context, t, stage, active):  # type: ignore[no-untyped-def]
    """Odds with all that does not change while an exit is drawn."""
    arrays, draw, state = context.arrays, context.draw, context.state
    a, version, _ = context.case
    given, events, past, odds = context.arms.given[a, version], state.events, state.past, state.odds
    group, less, window, curve = arrays.group, arrays.less, arrays.window, arrays.curve
    once, effect, at_least, fixed_odds = draw.once, draw.effect, arrays.at_least, state.fixed_odds
    leaving, last, back, probability = (
        arrays.order[stage],
        state.last,
        arrays.back,
        state.probability,
    )
    for i in active:
        probability[i] = math.nan
        for j in range(fixed_odds.shape[1]):
            fixed_odds[i, j] = odds[i, j]
    for k in range(len(at_least)):
        for i in active:
            last[k, i] = math.nan
        if window[k, 0, 0] != 0 or (version == FEEDBACK and arrays.sees[k] == leaving):
            continue
        for i in active:
            number = given[k, i, back + t]
            if version == FEEDBACK:
                number += drawn_events(events, group, less, (k, i), t)
            value = max(past[k, i], _measured(number, at_least[k]))
            if value != 0.0:
                times(fixed_odds[i], value, once[k, curve[k, i], 0], effect[k, curve[k, i], 0])


@compiled
def _begin(context, step, active, all_leave):  # type: ignore[no-untyped-def]
    """Let all who may still leave through an exit do so, or none."""
    t, stage = step
    arrays, arms, exits, events = (
        context.arrays,
        context.arms,
        context.state.exit,
        context.state.events,
    )
    a, leaving = context.case[0], arrays.order[stage]
    visibility = (arrays.sees, arms.first[a], arms.copy[a], arrays.group, arrays.less)
    to = leaving if all_leave and arms.open[a, leaving] > 0.0 else STAY
    for i in active:
        if exits[i] == to or (exits[i] != STAY and exits[i] != leaving):
            continue
        _tally(events, visibility, i, (leaving, t, -1 if to == STAY else 1))
        exits[i] = to


@compiled
def _sweep(context, step, active):  # type: ignore[no-untyped-def] # noqa: C901 - see above
    """Draw one exit of every family, given what the others currently do."""
    t, stage, sweep = step
    arrays, arms, draw, state = context.arrays, context.arms, context.draw, context.state
    a, version, key = context.case
    given, events, past, fixed_odds = (
        arms.given[a, version],
        state.events,
        state.past,
        state.fixed_odds,
    )
    group, less, window, curve = arrays.group, arrays.less, arrays.window, arrays.curve
    once, effect, back, at_least = draw.once, draw.effect, arrays.back, arrays.at_least
    visibility = (arrays.sees, arms.first[a], arms.copy[a], group, less)
    exits, order, odds, sees = state.exit, arrays.order, np.empty(fixed_odds.shape[1]), arrays.sees
    leaving, link, horizon = order[stage], arrays.link, arrays.horizon
    last, probability = state.last, state.probability
    for i in active:
        if exits[i] != STAY and exits[i] != leaving:
            continue
        if version == FEEDBACK and exits[i] == leaving:
            _tally(events, visibility, i, (leaving, t, -1))
        is_stale = math.isnan(probability[i])
        for k in range(len(at_least)):
            if window[k, 0, 0] != 0 or version == NAIVE or sees[k] != leaving:
                continue
            number = given[k, i, back + t] + drawn_events(events, group, less, (k, i), t)
            value = max(past[k, i], _measured(number, at_least[k]))
            is_stale = is_stale or value != last[k, i]
            last[k, i] = value
        if is_stale:
            for j in range(len(odds)):
                odds[j] = fixed_odds[i, j]
            for k in range(len(at_least)):
                if last[k, i] > 0.0:  # not of terms that were held fixed
                    times(odds, last[k, i], once[k, curve[k, i], 0], effect[k, curve[k, i], 0])
            share_out(link, odds, 1.0)
            remaining = 1.0
            for before in range(stage):
                remaining -= odds[order[before]]
            probability[i] = odds[leaving] / remaining if remaining > 0.0 else 1.0
        count = ((i * horizon + t) * len(order) + stage) * SWEEPS_AT_MOST + sweep
        leaves = uniform(key, count) < probability[i]
        exits[i] = leaving if leaves else STAY
        if version == FEEDBACK and leaves:
            _tally(events, visibility, i, (leaving, t, 1))


@compiled
def drawn_events(events, group, less, term_family, month):  # type: ignore[no-untyped-def]
    """Drawn events that a family sees in a month, its own included."""
    k, i = term_family
    n_events = events[k, group[k, i], month]
    if less[k, i] >= 0:
        n_events -= events[k, less[k, i], month]
    return n_events


@compiled
def _measured(number, at_least):  # type: ignore[no-untyped-def]
    if at_least == 0:
        return float(number)
    return 1.0 if number >= at_least else 0.0


@compiled
def times(odds, value, once, effect):  # type: ignore[no-untyped-def]
    """Multiply odds by the effect of a value."""
    if value == 1.0:
        for j in range(len(odds)):
            odds[j] *= once[j]
    else:
        for j in range(len(odds)):
            odds[j] *= math.exp(value * effect[j])


@compiled
def _tally(events, visibility, i, change):  # type: ignore[no-untyped-def]
    """Let the others see an exit, or no longer."""
    sees, first, copy, group, less = visibility
    leaving, t, increment = change
    for k in range(len(sees)):
        if sees[k] != leaving:
            continue
        for later in (first[k, i], copy[k, i]):
            if later >= 0 and t + later < events.shape[2]:
                events[k, group[k, i], t + later] += increment
                if less[k, i] >= 0:
                    events[k, less[k, i], t + later] += increment
