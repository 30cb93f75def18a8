"""The simulated country: nationalities, centres and the families of the sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.simulation.course import MONTHS, Course
from hazard.simulation.margins import Size, figure
from hazard.simulation.scenarios import DEFAULT, Scenario

BREAKS = (1, 2, 3, 4, 5, 7, 9, 13, 19, 25, 37, 61)
BURN_IN = 12
LARGE = 3
STAY, ASSISTED, DISAPPEARED, FORCED = -1, 0, 1, 2
STATELESS = "Statsløs"
OPEN_FROM_START = 0.35
MEDIAN_MONTHS_OPEN = 60.0
LEAST_MONTHS_OPEN = 12
# The ten largest nationalities of the report, in the assumed order of their size; then the others.
LARGEST = """Afghanistan, Irak, Somalia, Etiopia, Eritrea, Iran, Russland, Nigeria, Sudan,
Bangladesh"""
OTHER = """Pakistan, Usbekistan, Sri Lanka, Marokko, Algerie, Dem. Rep. Kongo, Gambia, Guinea,
Tyrkia, Syria, Serbia, Kosovo, Georgia, Armenia, Aserbajdsjan, India, Kina, Nepal, Libya, Egypt,
Tunisia, Libanon, Jordan, Jemen, Saudi-Arabia, Kuwait, Ghana, Elfenbenskysten, Sierra Leone,
Liberia, Senegal, Mali, Mauritania, Niger, Burkina Faso, Togo, Benin, Kamerun, Kongo, Angola,
Rwanda, Burundi, Uganda, Kenya, Tanzania, Djibouti, Tsjad, Den sentralafrikanske republikk, Zambia,
Zimbabwe, Sør-Sudan, Mosambik, Malawi, Guinea-Bissau, Madagaskar, Ekvatorial-Guinea, Albania,
Nord-Makedonia, Bosnia-Hercegovina, Montenegro, Kroatia, Moldova, Ukraina, Belarus, Kasakhstan,
Kirgisistan, Tadsjikistan, Turkmenistan, Mongolia, Myanmar, Vietnam, Filippinene, Indonesia,
Malaysia, Cuba, Colombia, Bolivia, Peru, Ecuador"""


class Centres(NamedTuple):
    """Reception centres: first and last calendar month open, and relative size; shapes (n,)."""

    opened: IntArray
    closed: IntArray
    capacity: FloatArray


@dataclass(frozen=True, eq=False)
class World:
    """The country without its effects: how many, when, where, and how often families move."""

    size: Size
    course: Course
    shares: FloatArray
    centres: Centres
    moving: float

    @property
    def burn_in(self) -> int:
        """First simulated calendar month."""
        return self.size.first_month - BURN_IN

    @property
    def nationalities(self) -> tuple[str, ...]:
        """Names of the nationalities, largest first."""
        return nationality_names()[: len(self.shares)]

    @property
    def centre_names(self) -> tuple[str, ...]:
        """Names of the centres."""
        return tuple(f"Mottak {c + 1:03d}" for c in range(len(self.centres.capacity)))


@dataclass(frozen=True, eq=False)
class Truth:
    """Everything that is planted: the effects on the log-odds of each exit, and the world.

    Attributes
    ----------
    effects : Dataset
        ``intercept`` (exit), ``baseline`` (exit, month_interval), ``calendar`` (exit, year),
        ``sex`` and ``large_family`` (exit), ``u_centre`` (exit, centre), ``u_nationality`` (exit,
        nationality), ``lag_effect`` (exit, exposure, network, lag). The linear predictor is their
        sum; baseline and calendar are relative to their first level, sex is women against men. A
        scenario adds what ``planted_effects`` lists; NaN is where an exit has no such effect.
    world : World
    scenario : Scenario
    """

    effects: xr.Dataset
    world: World
    scenario: Scenario = DEFAULT


class Families(NamedTuple):
    """Families of the sample; shapes (n,). ``entry`` is the calendar month they come at risk."""

    nationality: IntArray
    female: BoolArray
    size: IntArray
    entry: IntArray
    centre: IntArray


# --- nationalities and families -----------------------------------------------------------------
def nationality_names() -> tuple[str, ...]:
    """Names of the 89 nationalities in Norwegian, largest first.

    Examples
    --------
    >>> len(set(nationality_names())), nationality_names()[:2]
    (89, ('Afghanistan', 'Irak'))
    """
    return tuple(f"{LARGEST}, {OTHER}".replace("\n", " ").split(", "))


def nationality_shares(n: int) -> FloatArray:
    """Share of the families of each of the ``n`` largest nationalities.

    Notes
    -----
    The three largest and the ten largest together are published; the seven between them are
    assumed to fall evenly, the others by a constant ratio.

    Examples
    --------
    >>> shares = nationality_shares(89)
    >>> shares[:3].round(2).tolist(), float(shares[:10].sum().round(2))
    ([0.21, 0.2, 0.16], 0.78)
    """
    top = [figure(f"share_{name}") for name in ("afghanistan", "iraq", "somalia")]
    ten = figure("share_ten_largest_nationalities")
    middle = np.arange(9, 2, -1) * (ten - sum(top)) / np.arange(9, 2, -1).sum()
    powers = np.arange(1, len(nationality_names()) - 9)
    ratio = brentq(lambda r: middle[-1] * (r**powers).sum() - (1 - ten), 0.5, 1.0)
    shares = np.array([*top, *middle, *(middle[-1] * ratio**powers)])[:n]
    return np.asarray(shares / shares.sum())


def size_probabilities() -> FloatArray:
    """Probability of each family size from one to the largest published.

    Notes
    -----
    Sizes one and two and the mean are published; from three on the probability falls by a constant
    ratio.

    Examples
    --------
    >>> p = size_probabilities()
    >>> p[:2].round(2).tolist(), float((p * np.arange(1, 11)).sum().round(2))
    ([0.85, 0.05], 1.35)
    """
    one, two = figure("share_single"), figure("share_family_size_two")
    sizes = np.arange(LARGE, int(figure("max_family_size")) + 1)
    mean = (figure("mean_family_size") - one - 2 * two) / (1 - one - two)

    def falling(ratio: float) -> FloatArray:
        weights = ratio ** (sizes - LARGE)
        return np.asarray(weights / weights.sum())

    ratio = brentq(lambda r: float(falling(r) @ sizes) - mean, 1e-6, 1.0)
    return np.array([one, two, *((1 - one - two) * falling(ratio))])


def allotted(shares: FloatArray, n: int) -> IntArray:
    """Whole numbers that add up to ``n``, in proportion to ``shares``, at least one each.

    Examples
    --------
    >>> allotted(np.array([0.7, 0.29, 0.01]), 10).tolist()
    [6, 3, 1]
    """
    counts = np.zeros(len(shares), dtype=np.int64)
    rare = counts > 0
    # one each for those with less than one; the others share what is left
    while True:
        quota = max(n - rare.sum(), 0) * np.where(rare, 0.0, shares) / shares[~rare].sum()
        if not (below_one := ~rare & (quota < 1)).any():
            break
        rare |= below_one
    counts = np.where(rare, 1, np.floor(quota).astype(np.int64))
    counts[np.argsort(counts - np.where(rare, 1, quota), kind="stable")[: n - counts.sum()]] += 1
    return counts


def entrants(world: World, entry: IntArray, rng: np.random.Generator) -> Families:
    """Families that come at risk in the given calendar months; every nationality occurs."""
    n = len(entry)
    nationality = np.repeat(np.arange(len(world.shares)), allotted(world.shares, n))
    return Families(
        rng.permutation(nationality),
        rng.random(n) >= figure("share_male"),
        family_sizes(n, rng),
        entry,
        choose_centre(world.centres, np.maximum(entry, world.burn_in), rng),
    )


def early_entries(world: World, rng: np.random.Generator) -> IntArray:
    """Months in which the families come that are there, or come, before the window.

    Notes
    -----
    The stock at the start of the burn-in came up to five years earlier; the intake during the
    burn-in keeps its expected size constant.
    """
    leave = world.course.probability[0].sum()
    waited = np.minimum(rng.geometric(leave, round(world.course.initial)), 60)
    n_new = round(BURN_IN * world.course.initial * leave / (1 - leave))
    new = world.burn_in + rng.integers(0, BURN_IN, n_new)
    return np.concatenate([world.burn_in - waited, new])


def window_entries(world: World, n: int, rng: np.random.Generator) -> IntArray:
    """Months in which ``n`` families come at risk, within the years as in the course.

    The difference to the expected number falls on the year of median intake, so that the lowest
    and the highest year stay as published.
    """
    counts = np.round(world.course.intake).astype(np.int64)
    counts[np.argsort(counts)[len(counts) // 2]] += n - counts.sum()
    years = np.repeat(np.arange(len(counts)), counts)
    return np.sort(world.size.first_month + MONTHS * years + rng.integers(0, MONTHS, n))


def family_sizes(n: int, rng: np.random.Generator) -> IntArray:
    """Sizes of ``n`` families."""
    probabilities = size_probabilities()
    return 1 + rng.choice(len(probabilities), n, p=probabilities)


# --- centres ------------------------------------------------------------------------------------
def draw_centres(size: Size, rng: np.random.Generator) -> Centres:
    """Centres that open and close over the years, with sizes that vary by a factor of fifty.

    The largest is open throughout, so that there is always somewhere to live.
    """
    n, start = size.centres, size.first_month - BURN_IN
    old = rng.random(n) < OPEN_FROM_START
    opened = np.where(
        old, start - 10 * MONTHS, rng.integers(start + 1, size.last_month - LEAST_MONTHS_OPEN, n)
    )
    months = np.round(rng.lognormal(np.log(MEDIAN_MONTHS_OPEN), 0.7, n)).astype(np.int64)
    closed = np.maximum(opened, start) + np.maximum(months, BURN_IN + LEAST_MONTHS_OPEN)
    capacity = rng.lognormal(0.0, 0.9, n)
    largest = np.argmax(capacity)
    opened[largest], closed[largest] = start - 10 * MONTHS, size.follow_up_end + MONTHS
    return Centres(opened, closed, capacity)


def choose_centre(centres: Centres, months: IntArray, rng: np.random.Generator) -> IntArray:
    """A centre open in each calendar month, drawn in proportion to size."""
    chosen = np.empty(len(months), dtype=np.int64)
    for month in np.unique(months):
        in_month = np.flatnonzero(months == month)
        is_open = np.flatnonzero((centres.opened <= month) & (month <= centres.closed))
        weight = centres.capacity[is_open]
        chosen[in_month] = rng.choice(is_open, len(in_month), p=weight / weight.sum())
    return chosen


def occupied(world: World, families: Families, rng: np.random.Generator) -> Families:
    """The same families, one of them resettled to each centre that has none at first arrival."""
    centre = families.centre.copy()
    for empty in np.flatnonzero(np.bincount(centre, minlength=world.size.centres) == 0):
        opened, closed = world.centres.opened[empty], world.centres.closed[empty]
        able = (opened <= families.entry) & (families.entry <= closed)
        able &= np.bincount(centre, minlength=world.size.centres)[centre] > 1
        centre[rng.choice(np.flatnonzero(able))] = empty
    return families._replace(centre=centre)
