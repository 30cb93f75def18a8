"""A rule that follows the stock: more events at a centre in months in which it is too full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.registers import FamilyHistories
from hazard.errors import EstimandError
from hazard.estimands.interventions import Added, Campaign
from hazard.spec import LaggedTerm
from hazard.studies.scenario.events import EventCounts, acts
from hazard.studies.scenario.families import ScenarioFamilies
from hazard.studies.scenario.kernel import NO_CAMPAIGN
from hazard.studies.scenario.records import EACH, ScenarioArm

_NEVER = np.iinfo(np.int64).max  # a threshold above every stock


@dataclass(frozen=True, eq=False)
class CentreStocks:
    """How many families live at every centre of the scenario, month by month.

    Attributes
    ----------
    names : tuple of str
    family_centre : ndarray of int64, shape (family,)
        Position of the centre of each family of the scenario.
    everybody : ndarray of int64, shape (centre, month)
        All whom the registers know there, as observed.
    others : ndarray of int64, shape (centre, month)
        Those of them who are no family of the scenario, or not yet.
    """

    names: tuple[str, ...]
    family_centre: IntArray
    everybody: IntArray
    others: IntArray


@dataclass(frozen=True)
class CampaignRule:
    """A campaign on a term, by its position: so many events where more than a threshold live."""

    term: int
    threshold: int
    events: int


def campaign_rules(arm: ScenarioArm, terms: Sequence[LaggedTerm]) -> list[CampaignRule]:
    """Campaigns of an arm that no later intervention on the term takes back.

    Raises
    ------
    EstimandError
        If a campaign acts on a term of another network than the centre.
    """
    active: list[CampaignRule] = []
    for intervention in arm.interventions:
        for k, term in enumerate(terms):
            if not acts(intervention, term):
                continue
            if isinstance(intervention, Campaign):
                _check_network(arm, term)
                active.append(
                    CampaignRule(k, intervention.threshold, intervention.events or term.at_least)
                )
            elif not isinstance(intervention, Added):
                active = [rule for rule in active if rule.term != k]
    return active


def _check_network(arm: ScenarioArm, term: LaggedTerm) -> None:
    if term.network != "centre":
        raise EstimandError(
            f"campaign of arm {arm.name!r} must act on a term of the network 'centre', for it does "
            f"not say of which nationality families are; got {term.name!r}. Name the term."
        )


def centre_stocks(
    families: ScenarioFamilies, histories: FamilyHistories, family_centre: IntArray
) -> CentreStocks:
    """Families at the centres of a scenario, as the registers know them.

    Parameters
    ----------
    families : ScenarioFamilies
    histories : FamilyHistories
        Its ``residents`` are asked for.
    family_centre : ndarray of int64, shape (family,)
        Number of the centre of every family of the scenario, from 0.

    Returns
    -------
    CentreStocks
    """
    _, first = np.unique(family_centre, return_index=True)
    names = pd.Index(families.starts()["centre"].astype(object).iloc[first])
    rows = histories.residents()
    month = rows["calendar"].to_numpy(dtype=np.int64) - families.start
    place = names.get_indexer(rows["centre"].astype(object))
    inside = (place >= 0) & (month >= 0) & (month < families.horizon)
    arrival = np.full(
        int(max(rows["person"].max(), families.panel["person"].max())) + 1, families.horizon
    )
    arrival[families.panel["person"].to_numpy()[families.row]] = families.offset
    before_arrival = inside & (month < arrival[rows["person"].to_numpy()])
    shape = (len(names), families.horizon)
    flat = place * families.horizon + month
    everybody, others = (
        np.bincount(flat[selected], minlength=shape[0] * shape[1]).reshape(shape)
        for selected in (inside, before_arrival)
    )
    return CentreStocks(tuple(names), family_centre, everybody, others)


def no_centre_stocks(families: ScenarioFamilies) -> CentreStocks:
    """Of a scenario in which no arm asks how many live anywhere."""
    none = np.zeros((0, families.horizon), dtype=np.int64)
    return CentreStocks((), np.zeros(len(families.row), dtype=np.int64), none, none)


def campaigns(
    arms: Sequence[ScenarioArm], terms: Sequence[LaggedTerm], stocks: CentreStocks
) -> tuple[IntArray, IntArray]:
    """Campaigns of all arms as the loop needs them.

    Returns
    -------
    ndarray of int64, shape (arm, campaign, 2)
        Term and events; the term of arms with fewer campaigns is ``NO_CAMPAIGN``.
    ndarray of int64, shape (arm, campaign, centre)
        Thresholds, above every stock where an arm does not act.
    """
    rules_by_arm = [campaign_rules(arm, terms) for arm in arms]
    n_most = max(len(arm_rules) for arm_rules in rules_by_arm)
    actions = np.full((len(arms), n_most, 2), NO_CAMPAIGN, dtype=np.int64)
    threshold = np.full((len(arms), n_most, len(stocks.names)), _NEVER)
    for a, (arm, arm_rules) in enumerate(zip(arms, rules_by_arm, strict=True)):
        inside = _acts_at(arm, stocks)
        for c, rule in enumerate(arm_rules):
            actions[a, c] = rule.term, rule.events
            threshold[a, c, inside] = rule.threshold
    return actions, threshold


def _acts_at(arm: ScenarioArm, stocks: CentreStocks) -> npt.NDArray[np.bool_]:
    level = arm.at.get("centre", EACH)
    return np.array([level in (EACH, name) for name in stocks.names], dtype=np.bool_)


def observed_campaigns(
    arm: ScenarioArm, terms: Sequence[LaggedTerm], stocks: CentreStocks
) -> dict[int, EventCounts]:
    """Events of the campaigns of an arm where the centres are as full as they were observed to be.

    Returns
    -------
    dict of int to ndarray of int16, shape (centre, month)
        By the position of the term.
    """
    events: dict[int, EventCounts] = {}
    for rule in campaign_rules(arm, terms):
        is_full = (stocks.everybody > rule.threshold) & _acts_at(arm, stocks)[:, None]
        none = np.zeros(is_full.shape, dtype=np.int16)
        events[rule.term] = events.get(rule.term, none) + rule.events * is_full.astype(np.int16)
    return events
