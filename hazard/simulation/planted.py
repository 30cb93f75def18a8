"""What a scenario plants beside the published effects: shocks, campaigns, families that differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.simulation.margins import EXITS, country_lag_effects, lag_effects
from hazard.simulation.police import SPELL_LOG_ODDS, spells
from hazard.simulation.scenarios import Scenario
from hazard.simulation.world import World

# The planned month of a family without a plan: no month reaches it.
NO_PLAN = 2**31


class Traits(NamedTuple):
    """What families have of their own; ``frailty`` (family, exit), ``planned`` (family,).

    ``planned`` is the month at risk in which a family applies without exposure; ``NO_PLAN`` for one
    that does not.
    """

    frailty: FloatArray
    planned: IntArray


def draw_traits(scenario: Scenario, n: int, rng: np.random.Generator) -> Traits:
    """Frailties and plans of ``n`` families; no random number is used where there are none.

    Examples
    --------
    >>> draw_traits(Scenario(), 2, np.random.default_rng(1)).frailty.tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    frailty = np.zeros((n, len(EXITS)))
    planned = np.full(n, NO_PLAN)
    variance = np.array(scenario.frailty_variance)
    if scenario.frailty == "normal":
        frailty = rng.normal(0.0, np.sqrt(variance), (n, len(EXITS)))
    if scenario.frailty == "gamma":
        # far below any odds that matter, and finite
        frailty = np.log(np.maximum(rng.gamma(1 / variance, variance, (n, len(EXITS))), 1e-30))
    if scenario.movers != "none":
        movers = rng.random(n) < scenario.movers_share
        planned = np.where(movers, rng.integers(1, scenario.horizon, n, endpoint=True), NO_PLAN)
    return Traits(frailty, planned)


def planted_effects(scenario: Scenario, world: World, rng: np.random.Generator) -> xr.Dataset:
    """Lag effects of a scenario, and what it adds to the log-odds by place and calendar month.

    Returns
    -------
    Dataset
        ``lag_effect`` (exit, exposure, network, lag) and, where the scenario has them,
        ``lag_effect_of_nationality`` (exit, exposure, network, lag, nationality), the difference to
        ``lag_effect``; at the published size ``spell`` (nationality, calendar_month), 0 or 1, with
        ``spell_effect`` (exit); ``shock`` (exit, nationality, calendar_month), in log-odds;
        ``campaign`` (centre, calendar_month), 0 or 1, with ``campaign_effect`` (exit);
        ``lead_effect`` (exit), of a forced return in the next month at the same centre.
    """
    months = np.arange(world.burn_in, world.size.last_month + 1)
    planted = xr.Dataset()
    effects = lag_effects()
    planted["lag_effect"] = 0.0 * effects if scenario.lag_effects == "none" else effects
    if scenario.lag_effects == "by_nationality":
        planted["lag_effect_of_nationality"] = _of_nationality(effects, world)
    if world.size.name == "published":
        planted = planted.assign_coords(calendar_month=months)
        planted["spell"] = ("nationality", "calendar_month"), spells(world, rng).astype(np.float64)
        planted["spell_effect"] = "exit", np.array([0.0, 0.0, SPELL_LOG_ODDS])
    if any(scenario.shock_sd):
        planted = planted.assign_coords(calendar_month=months)
        planted["shock"] = ("exit", "nationality", "calendar_month"), _shocks(scenario, world, rng)
    if scenario.campaign_share:
        planted = planted.assign_coords(calendar_month=months)
        shape = (world.size.centres, len(months))
        campaign = (rng.random(shape) < scenario.campaign_share).astype(np.float64)
        planted["campaign"] = ("centre", "calendar_month"), campaign
        planted["campaign_effect"] = "exit", np.array([0.0, 0.0, scenario.campaign_log_odds])
    if any(scenario.lead_effect):
        planted["lead_effect"] = "exit", np.array(scenario.lead_effect)
    return planted


def _of_nationality(effects: xr.DataArray, world: World) -> xr.DataArray:
    names = list(world.nationalities)
    differences = xr.zeros_like(effects).expand_dims(nationality=names).copy()
    for country, published in country_lag_effects().items():
        # the countries differ in what was estimated for them, and nowhere else
        stated = published.notnull()
        differences.loc[{"nationality": country}] = (published - effects).where(stated, 0.0)
    return differences.transpose(*effects.dims, "nationality")


def _shocks(scenario: Scenario, world: World, rng: np.random.Generator) -> FloatArray:
    """Shocks by exit, nationality and calendar month; one number per nationality and period."""
    n_months = world.size.last_month - world.burn_in + 1
    period = np.arange(n_months) // scenario.shock_months
    common = rng.standard_normal((len(world.shares), period[-1] + 1))[:, period]
    return np.asarray(np.array(scenario.shock_sd)[:, None, None] * common)
