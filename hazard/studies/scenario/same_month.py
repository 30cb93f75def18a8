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
def settle(here: Any, t: int, stage: int, active: Any) -> int:
    """Draw one exit of a month, given those before it; 1 if it depends on where the sweeps began.

    From everybody leaving and from nobody leaving the same numbers are gone through, from further
    and further back, until both come to the same exits.
    """
    world, exits = here.world, here.life.exit
    _hold(here, t, stage, active)
    if here.which[1] == NAIVE or not world.at_once[stage]:
        _sweep(here, (t, stage, 0), active)
        return 0
    from_all = np.empty(len(active), dtype=np.int64)
    back = min(_FIRST, world.sweeps)
    while True:
        for all_leave in (True, False):
            _begin(here, (t, stage), active, all_leave)
            for sweep in range(back - 1, -1, -1):
                _sweep(here, (t, stage, sweep), active)
            if all_leave:
                for place in range(len(active)):
                    from_all[place] = exits[active[place]]
        apart = 0
        for place in range(len(active)):
            apart += from_all[place] != exits[active[place]]
        if apart == 0 or 2 * back > world.sweeps:
            return int(apart > 0)
        back *= 2


# Fields are taken out of the records before the loops, and loops are not divided further: taking
# a field counts a reference, and doing so for every family made it three times as slow.
@compiled
def _hold(here, t, stage, active):  # type: ignore[no-untyped-def]
    """Odds with all that does not change while an exit is drawn."""
    world, draw, life = here.world, here.draw, here.life
    a, version, _ = here.which
    given, drawn, past, known = here.arms.given[a, version], life.drawn, life.past, life.odds
    group, less, window, curve = world.group, world.less, world.window, world.curve
    once, effect, at_least, now = draw.once, draw.effect, world.at_least, life.now
    leaving, last, back, chance = world.order[stage], life.last, world.back, life.chance
    for i in active:
        chance[i] = math.nan
        for j in range(now.shape[1]):
            now[i, j] = known[i, j]
    for k in range(len(at_least)):
        for i in active:
            last[k, i] = math.nan
        if window[k, 0, 0] != 0 or (version == FEEDBACK and world.sees[k] == leaving):
            continue
        for i in active:
            number = given[k, i, back + t]
            if version == FEEDBACK:
                number += drawn_events(drawn, group, less, (k, i), t)
            value = max(past[k, i], _measured(number, at_least[k]))
            if value != 0.0:
                times(now[i], value, once[k, curve[k, i], 0], effect[k, curve[k, i], 0])


@compiled
def _begin(here, when, active, all_leave):  # type: ignore[no-untyped-def]
    """Let all who may still leave through an exit do so, or none."""
    t, stage = when
    world, arms, exits, drawn = here.world, here.arms, here.life.exit, here.life.drawn
    a, leaving = here.which[0], world.order[stage]
    seen_by = (world.sees, arms.first[a], arms.copy[a], world.group, world.less)
    to = leaving if all_leave and arms.open[a, leaving] > 0.0 else STAY
    for i in active:
        if exits[i] == to or (exits[i] != STAY and exits[i] != leaving):
            continue
        _tally(drawn, seen_by, i, (leaving, t, -1 if to == STAY else 1))
        exits[i] = to


@compiled
def _sweep(here, when, active):  # type: ignore[no-untyped-def] # noqa: C901 - see above
    """Draw one exit of every family, given what the others currently do."""
    t, stage, sweep = when
    world, arms, draw, life = here.world, here.arms, here.draw, here.life
    a, version, key = here.which
    given, drawn, past, now = arms.given[a, version], life.drawn, life.past, life.now
    group, less, window, curve = world.group, world.less, world.window, world.curve
    once, effect, back, at_least = draw.once, draw.effect, world.back, world.at_least
    seen_by = (world.sees, arms.first[a], arms.copy[a], group, less)
    exits, order, odds, sees = life.exit, world.order, np.empty(now.shape[1]), world.sees
    leaving, link, horizon = order[stage], world.link, world.horizon
    last, chance = life.last, life.chance
    for i in active:
        if exits[i] != STAY and exits[i] != leaving:
            continue
        if version == FEEDBACK and exits[i] == leaving:
            _tally(drawn, seen_by, i, (leaving, t, -1))
        fresh = math.isnan(chance[i])
        for k in range(len(at_least)):
            if window[k, 0, 0] != 0 or version == NAIVE or sees[k] != leaving:
                continue
            number = given[k, i, back + t] + drawn_events(drawn, group, less, (k, i), t)
            value = max(past[k, i], _measured(number, at_least[k]))
            fresh = fresh or value != last[k, i]
            last[k, i] = value
        if fresh:
            for j in range(len(odds)):
                odds[j] = now[i, j]
            for k in range(len(at_least)):
                if last[k, i] > 0.0:  # not of terms that were held
                    times(odds, last[k, i], once[k, curve[k, i], 0], effect[k, curve[k, i], 0])
            share_out(link, odds, 1.0)
            rest = 1.0
            for before in range(stage):
                rest -= odds[order[before]]
            chance[i] = odds[leaving] / rest if rest > 0.0 else 1.0
        count = ((i * horizon + t) * len(order) + stage) * SWEEPS_AT_MOST + sweep
        leaves = uniform(key, count) < chance[i]
        exits[i] = leaving if leaves else STAY
        if version == FEEDBACK and leaves:
            _tally(drawn, seen_by, i, (leaving, t, 1))


@compiled
def drawn_events(drawn, group, less, who, month):  # type: ignore[no-untyped-def]
    """Drawn events that a family sees in a month, its own included."""
    k, i = who
    number = drawn[k, group[k, i], month]
    if less[k, i] >= 0:
        number -= drawn[k, less[k, i], month]
    return number


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
