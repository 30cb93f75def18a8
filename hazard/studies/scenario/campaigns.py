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
from hazard.studies.scenario.events import Counts, acts
from hazard.studies.scenario.families import Families
from hazard.studies.scenario.kernel import NO_CAMPAIGN
from hazard.studies.scenario.records import EACH, ScenarioArm

_NEVER = np.iinfo(np.int64).max  # a threshold above every stock


@dataclass(frozen=True, eq=False)
class Centres:
    """How many families live at every centre of the scenario, month by month.

    Attributes
    ----------
    names : tuple of str
    of_family : ndarray of int64, shape (family,)
        Position of the centre of each family of the scenario.
    everybody : ndarray of int64, shape (centre, month)
        All whom the registers know there, as observed.
    others : ndarray of int64, shape (centre, month)
        Those of them who are no family of the scenario, or not yet.
    """

    names: tuple[str, ...]
    of_family: IntArray
    everybody: IntArray
    others: IntArray


@dataclass(frozen=True)
class Rule:
    """A campaign on a term, by its position: so many events where more than a threshold live."""

    term: int
    threshold: int
    events: int


def rules(arm: ScenarioArm, terms: Sequence[LaggedTerm]) -> list[Rule]:
    """Campaigns of an arm that no later intervention on the term takes back.

    Raises
    ------
    EstimandError
        If a campaign acts on a term of another network than the centre.
    """
    found: list[Rule] = []
    for one in arm.interventions:
        for k, term in enumerate(terms):
            if not acts(one, term):
                continue
            if isinstance(one, Campaign):
                _check_network(arm, term)
                found.append(Rule(k, one.threshold, one.events or term.at_least))
            elif not isinstance(one, Added):
                found = [rule for rule in found if rule.term != k]
    return found


def _check_network(arm: ScenarioArm, term: LaggedTerm) -> None:
    if term.network != "centre":
        raise EstimandError(
            f"campaign of arm {arm.name!r} must act on a term of the network 'centre', for it does "
            f"not say of which nationality families are; got {term.name!r}. Name the term."
        )


def centres(of: Families, found: FamilyHistories, of_family: IntArray) -> Centres:
    """Families at the centres of a scenario, as the registers know them.

    Parameters
    ----------
    of : Families
    found : FamilyHistories
        Its ``residents`` are asked for.
    of_family : ndarray of int64, shape (family,)
        Number of the centre of every family of the scenario, from 0.

    Returns
    -------
    Centres
    """
    _, first = np.unique(of_family, return_index=True)
    names = pd.Index(of.starts()["centre"].astype(object).iloc[first])
    rows = found.residents()
    month = rows["calendar"].to_numpy(dtype=np.int64) - of.start
    place = names.get_indexer(rows["centre"].astype(object))
    inside = (place >= 0) & (month >= 0) & (month < of.horizon)
    come = np.full(int(max(rows["person"].max(), of.panel["person"].max())) + 1, of.horizon)
    come[of.panel["person"].to_numpy()[of.row]] = of.offset
    yet = inside & (month < come[rows["person"].to_numpy()])
    shape = (len(names), of.horizon)
    flat = place * of.horizon + month
    everybody, others = (
        np.bincount(flat[some], minlength=shape[0] * shape[1]).reshape(shape)
        for some in (inside, yet)
    )
    return Centres(tuple(names), of_family, everybody, others)


def no_centres(of: Families) -> Centres:
    """Of a scenario in which no arm asks how many live anywhere."""
    none = np.zeros((0, of.horizon), dtype=np.int64)
    return Centres((), np.zeros(len(of.row), dtype=np.int64), none, none)


def campaigns(
    arms: Sequence[ScenarioArm], terms: Sequence[LaggedTerm], at: Centres
) -> tuple[IntArray, IntArray]:
    """Campaigns of all arms as the loop needs them.

    Returns
    -------
    ndarray of int64, shape (arm, campaign, 2)
        Term and events; the term of arms with fewer campaigns is ``NO_CAMPAIGN``.
    ndarray of int64, shape (arm, campaign, centre)
        Thresholds, above every stock where an arm does not act.
    """
    every = [rules(arm, terms) for arm in arms]
    most = max(len(own) for own in every)
    what = np.full((len(arms), most, 2), NO_CAMPAIGN, dtype=np.int64)
    threshold = np.full((len(arms), most, len(at.names)), _NEVER)
    for a, (arm, own) in enumerate(zip(arms, every, strict=True)):
        there = _there(arm, at)
        for c, rule in enumerate(own):
            what[a, c] = rule.term, rule.events
            threshold[a, c, there] = rule.threshold
    return what, threshold


def _there(arm: ScenarioArm, at: Centres) -> npt.NDArray[np.bool_]:
    level = arm.at.get("centre", EACH)
    return np.array([level in (EACH, name) for name in at.names], dtype=np.bool_)


def observed_campaigns(
    arm: ScenarioArm, terms: Sequence[LaggedTerm], at: Centres
) -> dict[int, Counts]:
    """Events of the campaigns of an arm where the centres are as full as they were observed to be.

    Returns
    -------
    dict of int to ndarray of int16, shape (centre, month)
        By the position of the term.
    """
    events: dict[int, Counts] = {}
    for rule in rules(arm, terms):
        full = (at.everybody > rule.threshold) & _there(arm, at)[:, None]
        none = np.zeros(full.shape, dtype=np.int16)
        events[rule.term] = events.get(rule.term, none) + rule.events * full.astype(np.int16)
    return events
