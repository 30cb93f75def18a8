"""Find the planted effects with which the simulation reproduces the published figures.

Effects that the report says nothing about are drawn. The others start from a guess and are moved,
round by round, by the ratio of the published to the simulated probability: a fixed point of the
simulation itself, with shrinking steps that average its noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.model import naming
from hazard.months import year_of
from hazard.simulation.aftermath import tilts
from hazard.simulation.course import course
from hazard.simulation.history import History, history
from hazard.simulation.margins import EXITS, SizeName, figure, size_of
from hazard.simulation.planted import planted_effects
from hazard.simulation.police import BUSY_LOG_ODDS, busy_centres
from hazard.simulation.scenarios import DEFAULT, Scenario
from hazard.simulation.world import BREAKS, LARGE, Truth, World, draw_centres, nationality_shares

AVERAGED = 8
ROUNDS = 18
FULL_STEPS = 5
# Where the police come in a spell they take so many that a step in the log-odds of forced returns
# changes their number by a quarter to a half of it.
GAIN_IN_SPELLS = (1.0, 1.0, 2.5)
MOST_TOO_MANY = 3.0
FIRST_GUESS_MOVING = 0.01
# Assumed, in the order of EXITS. Durations are relative to the first month; the report says that
# disappearance and forced return grow more likely with time. Sex is women against men.
BASELINE = (
    (0.0, 0.3, 0.4, 0.4, 0.35, 0.3, 0.2, 0.1, 0.0, -0.2, -0.4, -0.6),
    (0.0, 0.1, 0.2, 0.25, 0.3, 0.3, 0.35, 0.4, 0.4, 0.4, 0.4, 0.4),
    (0.0, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
)
FEMALE = (0.2, -0.4, -0.3)
SPREAD = {
    "centre": (0.35, 0.35, 0.45),
    "nationality": (0.6, 0.4, 0.5),
}
# Published figures by nationality: monthly probability, number of exits, mean months in centres.
PROBABILITY = {
    ("Bangladesh", "assisted"): "bangladesh_assisted",
    ("Russland", "assisted"): "russia_assisted",
    ("Sudan", "forced"): "sudan_forced",
}
COUNT = {
    ("Somalia", "assisted"): "somalia_assisted_count",
    ("Eritrea", "assisted"): "eritrea_assisted_count",
}
MEAN_STAY = {
    "Etiopia": "mean_stay_ethiopia",
    "Bangladesh": "mean_stay_bangladesh",
    "Russland": "mean_stay_russia",
}


class _WindowMonths(NamedTuple):
    """Family-months of the window, with what the published figures refer to."""

    family: IntArray
    year: IntArray
    centre: IntArray
    nationality: IntArray
    large: BoolArray
    exit: IntArray


def truth(size: SizeName, rng: np.random.Generator, scenario: Scenario = DEFAULT) -> Truth:
    """Effects and world with which the simulated registers resemble the published ones.

    Parameters
    ----------
    size : {"published", "small"}
        As many families, centres, nationalities and years as in the report, or a few hundred
        families over four years.
    rng : Generator
    scenario : Scenario, optional

    Returns
    -------
    Truth
        Lag effects are those of the scenario, by default the published ones; intercept, years
        and, at the published size, the groups with a published probability and the differences
        between places behind table 2-2 are found by simulation.

    Raises
    ------
    UsageError
        If the size is unknown.

    Notes
    -----
    The first rounds move an effect by log(expected / simulated exits), round k from the sixth on
    by (5 / k) (1 - simulated / expected); both for the same simulated family-months and with half
    an exit added. Centres and nationalities move as :func:`hazard.simulation.aftermath.tilts` says,
    with the same shrinking steps. The truth is the mean of the last eight rounds.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, chapter 2 and
       table 7-1.

    Examples
    --------
    >>> planted = truth("small", np.random.default_rng(1))
    >>> planted.effects.sizes["centre"], planted.effects.sizes["nationality"]
    (12, 8)
    """
    scale = size_of(size)
    shares, centres = nationality_shares(scale.nationalities), draw_centres(scale, rng)
    world = World(scale, course(scale), shares, centres, FIRST_GUESS_MOVING)
    planted = Truth(_initial_effects(world, scenario, rng), world, scenario)
    last = []
    for k, stream in enumerate(rng.spawn(ROUNDS), start=1):
        planted = _updated(planted, min(1.0, FULL_STEPS / k), stream)
        last.append(planted)
    return _average(last[-AVERAGED:])


def _average(rounds: list[Truth]) -> Truth:
    """Mean of the effects and of the moving rate over rounds, which differ by noise alone."""
    last = rounds[-1]
    means = {
        name: sum(planted.effects[name] for planted in rounds) / len(rounds)
        for name, values in last.effects.items()
        if values.dtype == np.float64
    }
    moving = float(np.mean([planted.world.moving for planted in rounds]))
    world = replace(last.world, moving=moving)
    return replace(last, effects=last.effects.assign(means), world=world)


def _initial_effects(world: World, scenario: Scenario, rng: np.random.Generator) -> xr.Dataset:
    coords = {
        "exit": list(EXITS),
        "month_interval": list(BREAKS),
        "year": world.size.years,
        "centre": list(world.centre_names),
        "nationality": list(world.nationalities),
    }
    log_probability = np.log(world.course.probability).T
    effects = xr.Dataset(coords=coords)
    effects["intercept"] = "exit", log_probability[:, 0].copy()
    effects["baseline"] = ("exit", "month_interval"), np.array(BASELINE)
    effects["calendar"] = ("exit", "year"), log_probability - log_probability[:, :1]
    effects["sex"] = "exit", np.array(FEMALE)
    large = [figure(f"family3plus_{e}") / figure(f"monthly_probability_{e}") for e in EXITS]
    effects["large_family"] = "exit", np.log(large)
    for group, spread in SPREAD.items():
        draws = rng.standard_normal((len(EXITS), effects.sizes[group]))
        effects[naming.effects(group)] = ("exit", group), np.array(spread)[:, None] * draws
    if world.size.name == "published":
        busy = busy_centres(world, rng)
        effects[naming.effects("centre")].loc[{"exit": "forced"}] += BUSY_LOG_ODDS * busy
    effects = effects.merge(planted_effects(scenario, world, rng))
    if scenario.movers != "none":
        # an application depends on the plan of the family and on nothing else
        effects = effects.where(effects["exit"] != "assisted")
    return effects


# --- one round ----------------------------------------------------------------------------------
def _updated(planted: Truth, step: float, rng: np.random.Generator) -> Truth:
    simulated = history(planted, rng)
    world, window = planted.world, _window_months(simulated)
    effects = planted.effects.copy(deep=True)
    level = effects["intercept"].values[:, None] + effects["calendar"].values
    gain = GAIN_IN_SPELLS if "spell" in effects else (1.0, 1.0, 1.0)
    shift = _year_shift(window, world.course.probability, step)
    level = level + step * np.array(gain)[:, None] * shift
    effects["intercept"].values[:], effects["calendar"].values[:] = (
        level[:, 0],
        level - level[:, :1],
    )
    if world.size.name == "published":
        expected = [figure(f"family3plus_{name}") * window.large.sum() for name in EXITS]
        shift = _gap(expected, _exits(window, window.large), step)
        effects["large_family"].values[:] += step * shift
        for network, tilt in tilts(simulated).items():
            effects[naming.effects(network)].values[:] += step * tilt
        for n, name in enumerate(world.nationalities):
            shift = _nationality_shift(window, name, window.nationality == n, step)
            effects[naming.effects("nationality")].values[:, n] += step * shift
    moving = world.moving * _moving_ratio(window) ** step
    return replace(planted, effects=effects, world=replace(world, moving=moving))


def _window_months(simulated: History) -> _WindowMonths:
    families, rows, size = simulated.families, simulated.rows, simulated.truth.world.size
    inside = rows.calendar >= size.first_month
    family = rows.family[inside]
    return _WindowMonths(
        family,
        year_of(rows.calendar[inside]) - size.years[0],
        rows.centre[inside],
        families.nationality[family],
        families.size[family] >= LARGE,
        rows.exit[inside],
    )


def _exits(window: _WindowMonths, where: BoolArray) -> IntArray:
    """Number of exits of each kind; shape (exit,)."""
    return np.bincount(window.exit[where] + 1, minlength=len(EXITS) + 1)[1:]


def _gap(expected: npt.ArrayLike, simulated: npt.ArrayLike, step: float) -> FloatArray:
    """Log-ratio of exits at full steps, which come near from anywhere; then relative difference.

    Forced returns come in spells. The logarithm of so uneven a number is on average lower than that
    of the mean, and a fixed point of log-ratios would have several percent too many.
    """
    ratio = (np.asarray(simulated) + 0.5) / (np.asarray(expected) + 0.5)
    return -np.log(ratio) if step == 1 else 1 - np.minimum(ratio, MOST_TOO_MANY)


def _year_shift(window: _WindowMonths, probability: FloatArray, step: float) -> FloatArray:
    years = [window.year == year for year in range(len(probability))]
    expected = probability * np.array([[year.sum()] for year in years])
    return _gap(expected, np.array([_exits(window, year) for year in years]), step).T


def _nationality_shift(
    window: _WindowMonths, name: str, of_nationality: BoolArray, step: float
) -> FloatArray:
    shift, months, simulated = (
        np.zeros(len(EXITS)),
        of_nationality.sum(),
        _exits(window, of_nationality),
    )
    if name in MEAN_STAY:
        mean_stay = months / len(np.unique(window.family[of_nationality]))
        shift += np.log(mean_stay / figure(MEAN_STAY[name]))
    for j, exit_name in enumerate(EXITS):
        if (name, exit_name) in PROBABILITY:
            shift[j] = _gap(months * figure(PROBABILITY[name, exit_name]), simulated[j], step)
        if (name, exit_name) in COUNT:
            shift[j] = _gap(figure(COUNT[name, exit_name]), simulated[j], step)
    return shift


def _moving_ratio(window: _WindowMonths) -> float:
    family_centres = np.unique(np.column_stack([window.family, window.centre]), axis=0)
    moves = len(family_centres) / len(np.unique(window.family)) - 1
    return (figure("centres_per_family") - 1) / max(moves, 1e-3)
