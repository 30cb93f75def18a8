"""Dated facts of families -> the months at risk, the first exit, and who is left out and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers import exits
from hazard.data.registers.families import Roster, is_stateless
from hazard.data.registers.keys import NEVER, STEP, Intervals, distinct, earliest, find, pack
from hazard.data.registers.records import Registers, Window
from hazard.data.registers.residence import (
    Absence,
    Residence,
    Stays,
    departures,
    family_stays,
    monthly,
)
from hazard.spec import DataSpec

PRIVACY = "too few others alike at a centre, by the privacy filter"


@dataclass(frozen=True, eq=False)
class Facts:
    """What the definitions make of the dated rows of the registers.

    Attributes
    ----------
    stays : Stays
    residence : Residence
        From the start of the window to the end of the follow-up.
    rejected : ndarray of int64, shape (n_families,)
        Day of the final rejection as a stamp, ``NEVER`` without one.
    forced, applied, unfollowed : ndarray of int64
        Sorted keys of family and month: forced returns, applications for assisted return, and
        disappearances for which the follow-up is too short.
    endings : FirstEndings
    """

    stays: Stays
    residence: Residence
    rejected: IntArray
    forced: IntArray
    applied: IntArray
    unfollowed: IntArray
    endings: exits.FirstEndings


@dataclass(frozen=True, eq=False)
class AtRisk:
    """Per family: first and last month at risk, and whether the last one is an exit.

    ``excluded`` holds the families left out for each reason, in the order of the reasons;
    ``sample`` the others.
    """

    start: IntArray
    end: IntArray
    leaves: BoolArray
    excluded: dict[str, BoolArray]
    sample: BoolArray


def absence(data: DataSpec) -> Absence:
    """How long a family must be at no centre to have disappeared, by the definitions."""
    if data.disappearance_days is not None:
        return Absence(days=data.disappearance_days)
    return Absence(months=data.disappearance_months)


def facts(registers: Registers, everyone: Roster, window: Window, data: DataSpec) -> Facts:
    """Residence, rejections, events and first endings of every family, by the definitions."""
    stays = family_stays(registers.stays, everyone)
    rejected = exits.final_rejections(registers, everyone)
    forced = exits.forced_returns(registers, everyone, data.forced_return)
    applied = exits.applications(registers, everyone, data.assisted)
    granted = exits.permits(registers, everyone, rejected)
    returned = exits.assisted_returns(registers, everyone)
    departed = departures(stays, absence(data), window.follow_up_end)
    disappeared = exits.unexplained(departed, applied, (forced, granted, returned))
    month = pack(disappeared.family, disappeared.day // STEP)
    by_kind = (exits.assisted_exits(applied, departed, data), month, forced, granted, returned)
    return Facts(
        stays=stays,
        residence=monthly(stays, window.first, window.follow_up_end),
        rejected=rejected,
        forced=forced,
        applied=distinct(pack(applied.family, applied.applied // STEP)),
        unfollowed=distinct(month[~disappeared.certain]),
        endings=exits.first_endings(by_kind, data.exit_order, everyone.n_families),
    )


def at_risk(everyone: Roster, known: Facts, window: Window, data: DataSpec) -> AtRisk:
    """Months at risk of every family, and the families that have none in the window."""
    stays, endings, n_families = known.stays, known.endings, everyone.n_families
    family = np.arange(n_families)
    first_resident = earliest(stays.family, stays.start // STEP, n_families)
    start = first_resident
    if data.at_risk_from == "rejection":
        start = np.maximum(known.rejected // STEP, first_resident)
    months = Intervals.from_arrays(stays.family, stays.start // STEP, stays.end // STEP)
    listed = np.array([kind in data.exits for kind in exits.KINDS] + [False])[endings.kind]
    leaves = listed & months.cover(family, endings.calendar)
    end = endings.calendar - ~leaves
    residence = known.residence
    within = (residence.calendar >= start[residence.family]) & (
        residence.calendar <= np.minimum(end, window.last)[residence.family]
    )
    reasons = {PRIVACY: everyone.suppressed} if data.privacy_filter == "apply" else {}
    reasons |= {
        "stateless": _stateless(everyone, data),
        "never finally rejected": known.rejected == NEVER,
        "in no centre after the final rejection": ~_lived_between(stays, start, NEVER),
        "first ending before the time at risk": endings.calendar < start,
        "in no centre while at risk": ~_lived_between(stays, start, end),
        "at risk outside the window only": np.bincount(
            residence.family[within], minlength=n_families
        )
        == 0,
    }
    excluded, sample = _in_turn(reasons, n_families)
    leaves &= endings.calendar <= window.last
    return AtRisk(start, np.minimum(end, window.last), leaves, excluded, sample)


def _stateless(everyone: Roster, data: DataSpec) -> BoolArray:
    if data.stateless == "keep":
        return np.zeros(everyone.n_families, dtype=np.bool_)
    nationality = everyone.families["nationality"]
    without = is_stateless(pd.Series(nationality.cat.categories)).to_numpy()
    return without[nationality.cat.codes.to_numpy()]


def _lived_between(stays: Stays, start: IntArray, end: IntArray | int) -> BoolArray:
    """Whether a family has a stay that touches the months from ``start`` to ``end``."""
    last = np.broadcast_to(end, start.shape)[stays.family]
    touches = (stays.end // STEP >= start[stays.family]) & (stays.start // STEP <= last)
    return np.bincount(stays.family[touches], minlength=len(start)) > 0


def _in_turn(
    reasons: dict[str, BoolArray], n_families: int
) -> tuple[dict[str, BoolArray], BoolArray]:
    """Each family under the first reason that applies, and the families without one."""
    remaining = np.ones(n_families, dtype=np.bool_)
    excluded = {}
    for reason, applies in reasons.items():
        excluded[reason] = remaining & applies
        remaining = remaining & ~applies
    return excluded, remaining


def settled(known: Facts, risk: AtRisk, window: Window, data: DataSpec) -> dict[str, BoolArray]:
    """Families of the sample by what their definitions had to settle or cut short, in words."""
    endings = known.endings
    kind = np.array([*exits.KINDS, ""])[endings.kind]
    ended = risk.sample & (endings.calendar <= window.last)
    cut = ended & ~risk.leaves
    unlisted = np.isin(kind, [name for name in exits.EXITS if name not in data.exits])
    family = np.flatnonzero(risk.sample & risk.leaves & (kind == "disappeared"))
    short = find(known.unfollowed, pack(family, endings.calendar[family])) >= 0
    notes = {
        "two exits in one month, settled by exit_order": ended & endings.tied,
        "censored by an exit that is not listed": cut & unlisted,
        "censored by a first decision outside the centres": cut
        & np.isin(kind, exits.EXITS)
        & ~unlisted,
        "censored by a permit": cut & (kind == "granted"),
        "censored by an assisted return without an application": cut & (kind == "returned"),
        "disappeared too late to be followed for long enough": _flags(family[short], len(kind)),
        "a stay that ends before it begins, left out": _flags(known.stays.reversed_of, len(kind)),
    }
    if data.disappearance_days is not None:
        last_resident = np.zeros(len(kind), dtype=np.int64)
        np.maximum.at(last_resident, known.stays.family, known.stays.end // STEP)
        disappeared = risk.sample & risk.leaves & (kind == "disappeared")
        notes["disappeared, and in a centre in a later month"] = disappeared & (
            last_resident > endings.calendar
        )
    return notes


def _flags(family: IntArray, n_families: int) -> BoolArray:
    flags = np.zeros(n_families, dtype=np.bool_)
    flags[family] = True
    return flags
