"""Everybody else in the registers: families that the sample sees but that are not in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hazard.arrays import BoolArray, IntArray
from hazard.months import year_of
from hazard.simulation.margins import EXITS, figure
from hazard.simulation.world import (
    ASSISTED,
    BURN_IN,
    FORCED,
    STAY,
    World,
    choose_centre,
    family_sizes,
)

SHARE_DUBLIN = 0.06


class _Movements(NamedTuple):
    """Whose stays they are, where, from when to when, and how they end; shapes (n,)."""

    nationality: IntArray
    centre: IntArray
    arrival: IntArray
    departure: IntArray
    exit: IntArray


class Others(NamedTuple):
    """Families outside the sample; shapes (n,).

    ``centre`` is -1 for families outside the centres. ``exit`` happens in the month ``departure``;
    ``STAY`` means a departure without an event. The nationality after the last is stateless.
    """

    role: npt.NDArray[np.str_]
    nationality: IntArray
    female: BoolArray
    size: IntArray
    centre: IntArray
    arrival: IntArray
    departure: IntArray
    exit: IntArray


def draw_others(world: World, rng: np.random.Generator) -> Others:
    """Families whose events are seen by the sample but who are not in it.

    Stateless and pending families live in centres; deported and applying families do not. Numbers
    of the size are for the window; the burn-in has as many per month as the first year.
    """
    parts = [
        _residents(world, "stateless", world.size.stateless, rng),
        _residents(world, "pending", world.size.pending, rng),
        _outside(world, "deported", world.size.deported, rng),
        _outside(world, "applied", world.size.applied, rng),
    ]
    return Others._make(map(np.concatenate, zip(*parts, strict=True)))


def _arrivals(world: World, n: int, rng: np.random.Generator) -> IntArray:
    months = np.arange(world.burn_in, world.size.last_month + 1)
    year = np.maximum(year_of(months) - world.size.years[0], 0)
    weight = world.course.intake[year]
    total = round(n * weight.sum() / weight[BURN_IN:].sum())
    return np.sort(rng.choice(months, total, p=weight / weight.sum()))


def _residents(world: World, role: str, n: int, rng: np.random.Generator) -> Others:
    arrival = _arrivals(world, n, rng)
    centre = choose_centre(world.centres, arrival, rng)
    months = rng.geometric(1 / figure("mean_months_in_centre"), len(arrival)) - 1
    departure = np.minimum(arrival + months, world.centres.closed[centre])
    share = {
        "stateless": [figure(f"first_exit_{name}") / figure("families") for name in EXITS],
        "pending": [0.0, 0.0, SHARE_DUBLIN],
    }[role]
    leaving = rng.choice([*range(len(EXITS)), STAY], len(arrival), p=[*share, 1 - sum(share)])
    nationality = (
        np.full(len(arrival), len(world.shares))
        if role == "stateless"
        else rng.choice(len(world.shares), len(arrival), p=world.shares)
    )
    return _others(role, _Movements(nationality, centre, arrival, departure, leaving), rng)


def _outside(world: World, role: str, n: int, rng: np.random.Generator) -> Others:
    month = _arrivals(world, n, rng)
    nationality = rng.choice(len(world.shares), len(month), p=world.shares)
    leaving = np.full(len(month), FORCED if role == "deported" else ASSISTED)
    return _others(
        role, _Movements(nationality, np.full(len(month), -1), month, month, leaving), rng
    )


def _others(role: str, movements: _Movements, rng: np.random.Generator) -> Others:
    n = len(movements.nationality)
    female, sizes = rng.random(n) >= figure("share_male"), family_sizes(n, rng)
    roles = np.full(n, role, dtype="U9")
    return Others(roles, movements.nationality, female, sizes, *movements[1:])
