"""Where and when the police return people by force.

Table 2-2 of the report bounds how common an exposure can be: who is exposed is a part p of all
family-months, so that the probability of an exit among them is at most 1/p times the mean. After a
forced return at the same centre 45 percent more disappear, so that p is clearly less than 69
percent over four months. Evenly spread forced returns would expose more than 70 percent.

Two assumptions concentrate them. The police come to a part of the larger centres and hardly ever to
the others: the report tells of centralised centres, and of decentralised ones where a return is
more demanding. And they return people to a country in spells: police groups are organised by
country, and what they can do hangs on papers, embassies and agreements. Both move the log-odds of
forced returns and of nothing else, so that neither biases what others do to each other.

References
----------
.. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, section 1.5 and
   table 2-2.
"""

from __future__ import annotations

import numpy as np

from hazard.arrays import BoolArray, FloatArray
from hazard.model import naming
from hazard.months import year_of
from hazard.simulation.others import Others
from hazard.simulation.world import FORCED, STAY, Truth, World

# Assumed; of some twenty variants tried by simulation, among the nearest to table 2-2. Not all its
# cells are met: after 7-12 months too many of the same nationality apply.
BUSY_SHARE, BUSY_LOG_ODDS = 0.50, 7.0
BUSY_AMONG_LARGEST = 0.40
SPELL_SHARE, SPELL_MONTHS, SPELL_LOG_ODDS = 0.30, 6.0, 4.0


def busy_centres(world: World, rng: np.random.Generator) -> BoolArray:
    """Centres to which the police come; they have the assumed share of all room.

    Parameters
    ----------
    world : World
    rng : Generator

    Returns
    -------
    ndarray of bool, shape (n_centres,)
    """
    centres, size = world.centres, world.size
    months = np.minimum(centres.closed, size.last_month) - np.maximum(
        centres.opened, size.first_month
    )
    room = centres.capacity * np.maximum(months, 0)
    largest = np.argsort(-room)[: round(BUSY_AMONG_LARGEST * len(room))]
    order = rng.permutation(largest)
    busy = np.zeros(len(room), dtype=np.bool_)
    busy[order[np.cumsum(room[order]) <= BUSY_SHARE * room.sum()]] = True
    return busy


def spells(world: World, rng: np.random.Generator) -> BoolArray:
    """Months in which the police return people to a country.

    Parameters
    ----------
    world : World
    rng : Generator

    Returns
    -------
    ndarray of bool, shape (n_nationalities, n_months)
        A Markov chain for each nationality, from the first month of the burn-in on.
    """
    n_months = world.size.last_month - world.burn_in + 1
    starts = SPELL_SHARE / (1 - SPELL_SHARE) / SPELL_MONTHS
    on = np.empty((len(world.shares), n_months), dtype=np.bool_)
    uniform = rng.random(on.shape)
    on[:, 0] = uniform[:, 0] < SPELL_SHARE
    for month in range(1, n_months):
        chance = np.where(on[:, month - 1], 1 - 1 / SPELL_MONTHS, starts)
        on[:, month] = uniform[:, month] < chance
    return on


def followed(others: Others, truth: Truth, rng: np.random.Generator) -> Others:
    """Families outside the sample, with forced returns where and when the police are at work.

    Parameters
    ----------
    others : Others
        With forced returns anywhere and at any time.
    truth : Truth
        Without spells the families are left as they are.
    rng : Generator

    Returns
    -------
    Others
        As many forced returns as before: of residents, exchanged with others of the role who
        leave; outside the centres, of a nationality and in a month drawn by intake and odds.
    """
    if "spell" not in truth.effects:
        return others
    forced = truth.effects.sel(exit="forced")
    spell = (forced["spell"] * forced["spell_effect"]).transpose("nationality", "calendar_month")
    log_odds = spell.values + forced[naming.effects("nationality")].values[:, None]
    exits = others.exit.copy()
    for role in ("stateless", "pending"):
        eligible = np.flatnonzero(_may_be_returned(others, role, truth.world))
        month = others.departure[eligible] - truth.world.burn_in
        # no spells for the stateless, whom no country takes
        of_all = np.vstack([log_odds, np.zeros(log_odds.shape[1])])
        odds = np.exp(
            forced[naming.effects("centre")].values[others.centre[eligible]]
            + of_all[others.nationality[eligible], month]
        )
        n_forced = int((exits[eligible] == FORCED).sum())
        exits[eligible] = STAY
        exits[rng.choice(eligible, n_forced, replace=False, p=odds / odds.sum())] = FORCED
    return _deported_in_spells(others._replace(exit=exits), log_odds, truth.world, rng)


def _may_be_returned(others: Others, role: str, world: World) -> BoolArray:
    leaves = np.isin(others.exit, (FORCED, STAY)) & (others.departure <= world.size.last_month)
    return np.asarray((others.role == role) & leaves)


def _deported_in_spells(
    others: Others, log_odds: FloatArray, world: World, rng: np.random.Generator
) -> Others:
    """Nationality and month of those deported from outside the centres."""
    months = np.arange(world.burn_in, world.size.last_month + 1)
    year = np.maximum(year_of(months) - world.size.years[0], 0)
    weight = world.shares[:, None] * world.course.intake[year] * np.exp(log_odds)
    deported = np.flatnonzero(others.role == "deported")
    cell = rng.choice(weight.size, len(deported), p=(weight / weight.sum()).ravel())
    nationality, departure = others.nationality.copy(), others.departure.copy()
    nationality[deported], month = np.divmod(cell, len(months))
    departure[deported] = months[month]
    arrival = np.where(others.role == "deported", departure, others.arrival)
    return others._replace(nationality=nationality, arrival=arrival, departure=departure)
