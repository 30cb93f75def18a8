"""The system of a scenario: families, events and arms as the loop needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.exposures import layers
from hazard.data.registers import FamilyHistories
from hazard.errors import EstimandError
from hazard.model.design import Design
from hazard.spec import LaggedTerm, ModelSpec
from hazard.spec.links import LINKS
from hazard.studies.scenario.campaigns import (
    CentreStocks,
    campaign_rules,
    campaigns,
    centre_stocks,
    no_centre_stocks,
    observed_campaigns,
)
from hazard.studies.scenario.events import (
    background,
    check_places,
    event_timing,
    observed_exits,
    targets,
)
from hazard.studies.scenario.families import Predictor, ScenarioFamilies, predictor
from hazard.studies.scenario.kernel import Arms, SystemArrays
from hazard.studies.scenario.records import EACH, ScenarioArm
from hazard.studies.scenario.same_month import NAIVE

ALL = "all"
EXPOSURE_OF: Mapping[str, str] = MappingProxyType(
    {"assisted": "assisted_application", "forced": "forced_return"}
)
"""Exposure that an exit is for others."""
_LONGEST = 60  # lags, for they are the bits of a number


@dataclass(frozen=True, eq=False)
class System:
    """A scenario that is ready to be simulated.

    Attributes
    ----------
    spec : ModelSpec
    families : ScenarioFamilies
    arms : tuple of ScenarioArm
        The first is the one with which the others are compared.
    places : tuple of str
        ``"all"``, and the places at which arms act.
    arrays : SystemArrays
    changes : Arms
    design : Design
        To which :func:`hazard.estimands.incidence.coefficients` belong.
    predictor : Predictor
    more : ndarray of int64, shape (arm, version)
        Events that an arm makes of those that are given, less those without the arm.
    facts : mapping of str to int
        Number of families and of arrivals; of events that the simulated exits replace; of observed
        exits through which an event is seen that the registers do not have in the month.
    """

    spec: ModelSpec
    families: ScenarioFamilies
    arms: tuple[ScenarioArm, ...]
    places: tuple[str, ...]
    arrays: SystemArrays
    changes: Arms
    predictor: Predictor
    more: IntArray
    facts: Mapping[str, int]

    @property
    def design(self) -> Design:
        """Rows of the families, all without an event."""
        return self.predictor.design


def system(
    families: ScenarioFamilies,
    histories: FamilyHistories,
    arms: Sequence[ScenarioArm],
    *,
    frozen: Design,
    spec: ModelSpec,
) -> System:
    """A scenario: families, events and arms as the loop needs them.

    Parameters
    ----------
    families : ScenarioFamilies
    histories : FamilyHistories
        Of these families; only ``events`` and ``window`` are asked for, and ``residents`` where an
        arm has a campaign.
    arms : sequence of ScenarioArm
    frozen : Design
        That of the posterior.
    spec : ModelSpec

    Returns
    -------
    System

    Raises
    ------
    EstimandError
        If a term, an arm or the months are of a kind that a scenario does not have.
    """
    terms = spec.lagged
    _check(terms, spec)
    _check_arms(arms, spec)
    for arm in arms:
        check_places(arm, families.starts(), histories.events)
    is_redrawn = observed_exits(families, histories, dict(EXPOSURE_OF))
    given_events = replace(histories, events=histories.events[~is_redrawn])
    backgrounds = [
        [background(families, source, terms, arm) for source in (histories, given_events)]
        for arm in arms
    ]
    more = np.array([[n for _, n in pair] for pair in backgrounds])
    stocks = _centre_stocks(families, histories, arms, terms)
    family_predictor = predictor(frozen, families, spec)
    changes = _changes(families, terms, arms, spec)
    changes = changes._replace(
        given=np.array([[counts for counts, _ in pair] for pair in backgrounds])
    )
    changes = _with_campaigns(changes, more, arms, terms, stocks)
    places = _places(families, arms)
    return System(
        spec=spec,
        families=families,
        arms=tuple(arms),
        places=tuple(places),
        arrays=_arrays(families, family_predictor, spec, stocks)._replace(
            place=np.array(list(places.values()))
        ),
        changes=changes,
        predictor=family_predictor,
        more=more,
        facts={
            "families": len(families.row),
            "arrivals": int((families.offset > 0).sum()),
            "observed events that are drawn anew": int(is_redrawn.sum()),
        },
    )


# --- what is refused ----------------------------------------------------------------------------
def _check(terms: Sequence[LaggedTerm], spec: ModelSpec) -> None:
    if not terms:
        raise EstimandError("scenario must have a lagged term, of what others see; got none.")
    for term in terms:
        lags = list(term.lags)
        outside = lags[0] < 0 or lags[1] > _LONGEST
        if outside or term.network == "own" or term.measure == "per_resident":
            raise EstimandError(
                f"scenario must have terms of others' events, as 'at_least' or 'count', at lags 0 "
                f"to {_LONGEST}; got term {term.name!r} of network {term.network!r}, measure "
                f"{term.measure!r} and lags {lags}. Leave the term out of the model."
            )
    if spec.data.history_centre != "current":
        raise EstimandError(
            "scenario must have data.history_centre 'current', for on a path nobody moves; got "
            f"{spec.data.history_centre!r}."
        )
    if spec.data.assisted_date != "application":
        raise EstimandError(
            "scenario must have data.assisted_date 'application', in which the others see it; got "
            f"{spec.data.assisted_date!r}."
        )


def _check_arms(arms: Sequence[ScenarioArm], spec: ModelSpec) -> None:
    for arm in arms:
        unknown = [name for name in arm.closed if name not in spec.outcome.exits]
        if unknown:
            raise EstimandError(
                f"arm {arm.name!r} must close exits of {list(spec.outcome.exits)}; got {unknown}."
            )


# --- the arrays ---------------------------------------------------------------------------------
def _arrays(
    families: ScenarioFamilies, family_predictor: Predictor, spec: ModelSpec, stocks: CentreStocks
) -> SystemArrays:
    terms, exits = spec.lagged, list(spec.outcome.exits)
    windows = [np.array(term.coefficient_windows) for term in terms]
    padded = np.full((len(terms), max(len(w) for w in windows), 2), -1, dtype=np.int64)
    for k, term_windows in enumerate(windows):
        padded[k, : len(term_windows)] = term_windows
    groups = [_groups(families.starts(), term) for term in terms]
    sees = [_exit_of(term, exits) for term in terms]
    order = [exits.index(name) for name in spec.data.exit_order if name in exits]
    order += [j for j in range(len(exits)) if j not in order]
    at_once = {exit_ for exit_, term in zip(sees, terms, strict=True) if term.lags[0] == 0}
    return SystemArrays(
        link=LINKS[spec.outcome.link].code,
        horizon=families.horizon,
        back=max(term.lags[1] for term in terms),
        offset=families.offset,
        begin=families.begin,
        levels=family_predictor.index,
        curve=family_predictor.curve,
        group=np.array([group for group, _ in groups]),
        less=np.array([less for _, less in groups]),
        window=padded,
        n_windows=np.array([len(term_windows) for term_windows in windows]),
        lags=_bits(padded),
        at_least=np.array([t.at_least if t.measure == "at_least" else 0 for t in terms]),
        sees=np.array(sees),
        since_risk=np.array([term.history_before_risk == "zero" for term in terms]),
        month=families.starts()["month"].to_numpy(dtype=np.int64),
        order=np.array(order),
        at_once=np.array([j in at_once for j in order]),
        sweeps=1,
        centre=stocks.family_centre,
        others=stocks.others,
        place=np.ones((1, len(families.row)), dtype=np.bool_),
    )


def _bits(window: IntArray) -> IntArray:
    """Lags above 0 of every window as bits of a number."""
    lag = np.arange(1, window.max() + 1) if window.max() > 0 else np.zeros(0, dtype=np.int64)
    inside = (lag >= window[..., :1]) & (lag <= window[..., 1:])
    return np.asarray((inside * 2**lag).sum(axis=-1), dtype=np.int64)


def _exit_of(term: LaggedTerm, exits: list[str]) -> int:
    return next((j for j, name in enumerate(exits) if EXPOSURE_OF.get(name) == term.exposure), -1)


def _groups(starts: pd.DataFrame, term: LaggedTerm) -> tuple[IntArray, IntArray]:
    """Numbers of the network of every family, and of the part that does not count, -1 for none."""
    columns, *less = layers(term)
    network = _numbered(starts, columns)
    if not less:
        return network, np.full_like(network, -1)
    return network, _numbered(starts, less[0]) + network.max() + 1


def _numbered(starts: pd.DataFrame, columns: tuple[str, ...]) -> IntArray:
    groups = starts.groupby(list(columns), observed=True, sort=False).ngroup()
    numbers: IntArray = np.asarray(groups, dtype=np.int64)
    return numbers


def _changes(
    families: ScenarioFamilies,
    terms: Sequence[LaggedTerm],
    arms: Sequence[ScenarioArm],
    spec: ModelSpec,
) -> Arms:
    """What the arms make of exits that are drawn; the events that are given are filled in later."""
    starts, exits = families.starts(), spec.outcome.exits
    timings = [[event_timing(arm, term, starts) for term in terms] for arm in arms]
    acted_on = [targets(arm, terms) for arm in arms]
    return Arms(
        given=np.zeros((0, 0, 0, 0, 0), dtype=np.int16),
        first=np.array([[timing.first for timing in row] for row in timings], dtype=np.int16),
        copy=np.array([[timing.copy for timing in row] for row in timings], dtype=np.int16),
        open=np.array([[float(name not in arm.closed) for name in exits] for arm in arms]),
        counted=np.array([arm_targets[0] if arm_targets else -1 for arm_targets in acted_on]),
        campaign=np.zeros((len(arms), 0, 2), dtype=np.int64),
        threshold=np.zeros((len(arms), 0, 0), dtype=np.int64),
    )


def _centre_stocks(
    families: ScenarioFamilies,
    histories: FamilyHistories,
    arms: Sequence[ScenarioArm],
    terms: Sequence[LaggedTerm],
) -> CentreStocks:
    """How many live where; counted only where an arm asks, for it takes time."""
    if not any(campaign_rules(arm, terms) for arm in arms):
        return no_centre_stocks(families)
    return centre_stocks(families, histories, _numbered(families.starts(), ("centre",)))


def _with_campaigns(
    changes: Arms,
    more: IntArray,
    arms: Sequence[ScenarioArm],
    terms: Sequence[LaggedTerm],
    stocks: CentreStocks,
) -> Arms:
    """Campaigns on drawn stocks for the loop, and on observed ones in what is given to the naive.

    Adds the events of the latter to ``given`` and to ``more``.
    """
    for a, arm in enumerate(arms):
        for k, events in observed_campaigns(arm, terms, stocks).items():
            changes.given[a, NAIVE, k, :, -events.shape[1] :] += events[stocks.family_centre]
            more[a, NAIVE] += int(events.sum()) if k == changes.counted[a] else 0
    actions, threshold = campaigns(arms, terms, stocks)
    return changes._replace(campaign=actions, threshold=threshold)


def _places(
    families: ScenarioFamilies, arms: Sequence[ScenarioArm]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Whose exits are counted: everybody's, and those at each place where an arm acts."""
    starts = families.starts()
    places = {ALL: np.ones(len(starts), dtype=np.bool_)}
    for arm in arms:
        named = {name: level for name, level in arm.at.items() if level != EACH}
        if named:
            inside = [(starts[name].astype(object) == level) for name, level in named.items()]
            places[", ".join(named.values())] = np.logical_and.reduce(inside)
    return places
