"""The log-odds of every family at risk in a month, from the planted effects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.model import naming
from hazard.model.links import hazard
from hazard.months import year_of
from hazard.simulation.margins import EXPOSURES, N_LAGS
from hazard.simulation.month import Month
from hazard.simulation.planted import NO_PLAN, Traits
from hazard.simulation.scenarios import Scenario
from hazard.simulation.world import ASSISTED, BREAKS, FORCED, LARGE, Families, Truth

# Log-odds of what is certain.
SURE = 50.0


class Effects(NamedTuple):
    """Effects as plain arrays, exits last; ``lag`` is (lag, exposure, network, exit).

    ``own_lag`` (nationality, lag, exposure, network, exit) is the difference of a nationality,
    with one row where there is none; ``added`` (calendar, place, exit) are shocks and campaigns.
    """

    year: FloatArray
    baseline: FloatArray
    sex: FloatArray
    large: FloatArray
    place: FloatArray
    lag: FloatArray
    own_lag: FloatArray
    added: FloatArray
    lead: FloatArray
    network: IntArray
    first_year: int
    first_month: int
    scenario: Scenario


class FamiliesAtRisk(NamedTuple):
    """Families at risk in a month, and the centre where each lives."""

    families: Families
    traits: Traits
    centre: IntArray


def effects_of(truth: Truth) -> Effects:
    """Effects of a truth as plain arrays."""
    planted = truth.effects.transpose(..., "exit")
    n_exits = planted.sizes["exit"]
    stateless = np.zeros((1, n_exits))
    places = [
        planted[naming.effects("centre")].values,
        planted[naming.effects("nationality")].values,
        stateless,
    ]
    # without a constant effect the exposure works through ``_moved``
    lag = planted["lag_effect"].transpose("lag", "exposure", "network", "exit").fillna(0.0)
    return Effects(
        (planted["intercept"] + planted["calendar"]).transpose("year", "exit").values,
        planted["baseline"].values,
        planted["sex"].values,
        planted["large_family"].values,
        np.concatenate(places),
        lag.values,
        _own_lag(planted, lag),
        _added(planted, truth),
        planted["lead_effect"].values if "lead_effect" in planted else np.zeros(n_exits),
        np.repeat([0, 1], [planted.sizes["centre"], planted.sizes["nationality"] + 1]),
        int(truth.world.size.years[0]),
        truth.world.burn_in,
        truth.scenario,
    )


def _own_lag(planted: xr.Dataset, lag: xr.DataArray) -> FloatArray:
    if "lag_effect_of_nationality" not in planted:
        return np.zeros((1, *lag.shape))
    effect: FloatArray = (
        planted["lag_effect_of_nationality"].transpose("nationality", *lag.dims).values
    )
    return effect


def _added(planted: xr.Dataset, truth: Truth) -> FloatArray:
    """Spells, shocks and campaigns by calendar month, place and exit; a month of zeros without."""
    n_centres, n_exits = truth.world.size.centres, planted.sizes["exit"]
    n_places = n_centres + len(truth.world.shares) + 1
    added = np.zeros((planted.sizes.get("calendar_month", 1), n_places, n_exits))
    if "spell" in planted:
        spell = (planted["spell"] * planted["spell_effect"]).transpose(
            "calendar_month", "nationality", ...
        )
        added[:, n_centres:-1] = spell.values
    if "campaign" in planted:
        campaign = (planted["campaign"] * planted["campaign_effect"]).transpose(
            "calendar_month", ...
        )
        added[:, :n_centres] = campaign.values
    if "shock" in planted:
        added[:, n_centres:-1] += (
            planted["shock"].transpose("calendar_month", "nationality", ...).values
        )
    return added


def month_of_families(
    at_risk: FamiliesAtRisk, calendar: int, *, effects: Effects, counts: IntArray
) -> Month:
    """Linear predictors of a month.

    Parameters
    ----------
    at_risk : FamiliesAtRisk
    calendar : int
    effects : Effects
    counts : ndarray, shape (exposure, month, place)
        Families with the event; the last month is this one, and there are ``N_LAGS`` or more.

    Returns
    -------
    Month
    """
    families = at_risk.families
    n_centres = int((effects.network == 0).sum())
    place = np.column_stack([at_risk.centre, n_centres + families.nationality])
    occurred = counts[:, -2 : -N_LAGS - 1 : -1] > 0
    of_place = effects.place + np.einsum(
        "elp,lepj->pj", occurred, effects.lag[1:][:, :, effects.network], optimize=True
    )
    of_place += effects.added[(calendar - effects.first_month) % len(effects.added)]
    year = max(int(year_of(calendar)) - effects.first_year, 0)
    interval = np.searchsorted(BREAKS, calendar - families.entry + 1, side="right") - 1
    eta = effects.year[year] + effects.baseline[interval] + of_place[place].sum(axis=1)
    eta += np.outer(families.female, effects.sex) + np.outer(families.size >= LARGE, effects.large)
    eta += at_risk.traits.frailty
    kind = families.nationality if len(effects.own_lag) > 1 else np.zeros_like(place[:, 0])
    if len(effects.own_lag) > 1:
        lag_effect = effects.own_lag[kind][:, 1:]
        eta += np.einsum("elnw,nlewj->nj", occurred[:, :, place], lag_effect, optimize=True)
    if effects.scenario.movers != "none":
        eta = _planned_odds(
            eta, at_risk, calendar, effects.scenario, occurred[0, 0, at_risk.centre]
        )
    if effects.scenario.memory:
        eta[:, ASSISTED] += _remembered(effects.scenario, at_risk, calendar, counts)
    same_month = (effects.lag[0] + effects.own_lag[:, 0]).transpose(0, 3, 1, 2).copy()
    return Month(eta, place, kind, same_month, counts[:, -1])


def _planned_odds(
    eta: FloatArray,
    at_risk: FamiliesAtRisk,
    calendar: int,
    scenario: Scenario,
    exposed: BoolArray,
) -> FloatArray:
    """Log-odds where a few families apply in a planned month, and leave in no other way.

    Exposed families apply earlier than planned, or those without a plan apply.
    """
    planned = at_risk.traits.planned
    mover = planned < NO_PLAN
    reacts = exposed & (mover if scenario.movers == "earlier" else ~mover)
    eta = eta.copy()
    eta[:, ASSISTED] = np.where(reacts, scenario.reaction, -np.inf)
    eta[mover, ASSISTED + 1 :] = -np.inf
    eta[calendar - at_risk.families.entry + 1 >= planned, ASSISTED] = SURE
    return eta


def _remembered(
    scenario: Scenario, at_risk: FamiliesAtRisk, calendar: int, counts: IntArray
) -> FloatArray:
    """Log-odds of applying from forced returns at the centre since each family is at risk."""
    returned = counts[EXPOSURES.index("forced_return")]
    n_lags = min(len(scenario.memory), len(returned) - 1)
    lag = np.arange(1, n_lags + 1)
    happened = returned[-1 - lag][:, at_risk.centre] > 0
    at_risk_then = calendar - lag[:, None] >= at_risk.families.entry
    return np.asarray(np.array(scenario.memory[:n_lags]) @ (happened & at_risk_then))


def anticipated(
    month: Month, effects: Effects, *, due: BoolArray, judged: BoolArray, rng: np.random.Generator
) -> tuple[Month, BoolArray]:
    """The month when the police choose a month ahead, and others react to whom they chose.

    Parameters
    ----------
    month : Month
    effects : Effects
    due : ndarray of bool
        Families chosen in the month before: they are returned now.
    judged : ndarray of bool
        Families that could be chosen in the month before.
    rng : Generator

    Returns
    -------
    Month
        Families that were judged and not chosen are not returned; whoever is chosen now stays.
    ndarray of bool
        Families that are returned in the next month.
    """
    probability = hazard(xr.DataArray(month.eta, dims=("family", "exit"))).values[:, FORCED]
    chosen = ~due & (rng.random(len(due)) < probability)
    eta = month.eta.copy()
    eta[judged, FORCED] = -np.inf
    next_month = np.bincount(month.place[chosen, 0], minlength=month.events.shape[1]) > 0
    eta += np.outer(next_month[month.place[:, 0]], effects.lead)
    eta[due | chosen] = -np.inf
    eta[due, FORCED] = SURE
    return month._replace(eta=eta), chosen
