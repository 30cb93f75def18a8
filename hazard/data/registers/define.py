"""Registers and definitions -> families at risk, where they lived, how they left, what happened.

A family is at risk from the later of its final rejection and its first month in a centre (or, by
definition, from the latter). Its time ends with the first of five endings, wherever that happens:
an exit of the three kinds, a permit, or an assisted return of which no application is registered.
The ending is an exit of the panel if the
definitions list it and the family lived in a centre in that month. Otherwise the history is
censored at the end of the month before: a month that another ending cut short is no full month at
risk. A family whose first ending lies before its time at risk never enters.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers import privacy
from hazard.data.registers.exits import EXITS, KINDS
from hazard.data.registers.families import Roster, roster
from hazard.data.registers.keys import SPAN, find, out_of_range
from hazard.data.registers.records import TABLES, FamilyHistories, Registers, Window
from hazard.data.registers.residence import Residence, Stays, everybody
from hazard.data.registers.risk import PRIVACY, AtRisk, Facts, absence, at_risk, facts, settled
from hazard.errors import RegisterError, SpecError
from hazard.spec import DataSpec

EXPOSURES = ("forced_return", "assisted_application")


def define(registers: Registers, data: DataSpec) -> FamilyHistories:
    """Families at risk, with their residence, first exits and the events around them.

    Parameters
    ----------
    registers : Registers
    data : DataSpec
        The definitions. ``exits`` that are not listed censor the history at the end of the month
        before; ``unknown_tail = "drop"`` ends the window with the last month of which departures
        can be followed for as long as a disappearance takes.

    Returns
    -------
    FamilyHistories

    Raises
    ------
    SpecError
        If ``exit_order`` does not name the three exits once each, if completion dates are asked of
        applications that were never completed, or if no month of the window can be followed.
    RegisterError
        If a date is before 1990 or after the follow-up; ``check`` says where.

    Notes
    -----
    Families, not persons, have decisions, stays and returns: what happens to one member happens to
    the family; only ``sex`` is that of the representative.

    A family has *disappeared* in the month of the last day of a stay if no stay of a member begins
    within k calendar months of that day (``disappearance_months``), or, by the operational rule,
    within k days (``disappearance_days``), unless that departure is explained: it lies between an
    application and its completed return, or in the month of a forced return (by the chosen rule),
    of a permit, or of an assisted return. A stay without last day goes on. By days many come back;
    the first exit ends the history all the same, and the flow notes how many lived in a centre
    again. Returns that people organise themselves (*ordinær retur*) are among the disappearances:
    neither register holds them, so there is nothing to tell them apart by.

    With ``at_risk_from = "arrival"`` the time at risk begins with the first month in a centre, for
    families who are finally rejected then or later. The report could not tell applications before
    the rejection from those after it, and says that its results hold for both. It looks into the
    future: who is rejected later has not left before, except by a first exit that is counted.

    With ``privacy_filter = "apply"`` the sample is made of the persons whom the filter leaves (see
    ``hazard.data.registers.privacy``) and of what is dated of them; the events are those of
    everybody.

    Events are dated by the month of the forced return or of the application, whatever
    ``assisted_date`` says of the exit, and count once per family, month and kind.
    """
    _check_definitions(data)
    _check_dates(registers)
    window = _window(registers.window, data)
    keep = privacy.kept(registers) if data.privacy_filter == "apply" else None
    everyone = roster(registers.persons, data.representative_seed, kept=keep)
    all_facts = facts(registers, everyone, window, data)
    sample_facts = all_facts
    if keep is not None:
        sample_facts = facts(privacy.without(registers, keep), everyone, window, data)
    risk = at_risk(everyone, sample_facts, window, data)
    code = _codes(risk.sample)
    return FamilyHistories(
        families=_families(everyone, risk),
        residence=_residence(sample_facts, risk, code),
        exits=_exits(sample_facts, risk, code, data.exits),
        events=_events(everyone, all_facts, window.first, code),
        window=window,
        flow=_flow(registers, everyone, risk, settled(sample_facts, risk, window, data)),
        residents=partial(_residents, registers, everyone, all_facts.stays, window, code),
    )


# --- what must hold -----------------------------------------------------------------------------
def _check_definitions(data: DataSpec) -> None:
    if sorted(data.exit_order) != sorted(EXITS):
        raise SpecError(
            f"data.exit_order must name {list(EXITS)} once each; got {list(data.exit_order)}."
        )
    if data.assisted == "any" and data.assisted_date == "completion":
        raise SpecError(
            "data.assisted_date must be 'application' when data.assisted is 'any': "
            "an application that was not completed has no completion date."
        )


def _check_dates(registers: Registers) -> None:
    impossible = [
        f"{table} column '{name}'"
        for table, frame in registers.tables.items()
        for name, column in TABLES[table].items()
        if column.kind == "date" and out_of_range(frame[name], registers.window.follow_up_end).any()
    ]
    if impossible:
        raise RegisterError(
            f"{', '.join(impossible)} must lie between 1990 and the end of the follow-up; "
            "got other dates. Look at the integrity report, and correct the register."
        )


def _window(window: Window, data: DataSpec) -> Window:
    if data.unknown_tail == "as_published":
        return window
    last = min(window.last, absence(data).last_followed(window.follow_up_end))
    if last < window.first:
        unit = "months" if data.disappearance_days is None else "days"
        k = data.disappearance_days or data.disappearance_months
        raise SpecError(
            f"data.disappearance_{unit} must leave a month of the window that can be followed; "
            f"got {k} {unit}. Shorten it, or keep the unknown tail."
        )
    return window._replace(last=last)


# --- the frames ---------------------------------------------------------------------------------
def _codes(sample: BoolArray) -> IntArray:
    """Families of the sample from 0, then all others, both in the order of the family ids."""
    inside = np.cumsum(sample) - 1
    outside = np.cumsum(~sample) - 1 + sample.sum()
    return np.where(sample, inside, outside).astype(np.int64)


def _families(everyone: Roster, risk: AtRisk) -> pd.DataFrame:
    families = everyone.families.assign(start=risk.start, end=risk.end)
    sampled = families[risk.sample].reset_index(drop=True)
    sampled.insert(0, "person", np.arange(len(sampled), dtype=np.int64))
    return sampled


def _residence(known: Facts, risk: AtRisk, code: IntArray) -> pd.DataFrame:
    residence = known.residence
    in_sample = risk.sample[residence.family]
    return pd.DataFrame(
        {
            "person": code[residence.family[in_sample]],
            "calendar": residence.calendar[in_sample].astype(np.int32),
            "centre": pd.Categorical.from_codes(residence.centre[in_sample], known.stays.centres),
        }
    )


def _exits(known: Facts, risk: AtRisk, code: IntArray, exits: tuple[str, ...]) -> pd.DataFrame:
    family = np.flatnonzero(risk.sample & risk.leaves)
    names = np.array(KINDS)[known.endings.kind[family]]
    return pd.DataFrame(
        {
            "person": code[family],
            "exit": pd.Categorical(names, categories=list(exits)),
            "calendar": known.endings.calendar[family].astype(np.int32),
        }
    )


def _events(everyone: Roster, known: Facts, first: int, code: IntArray) -> pd.DataFrame:
    keys = np.concatenate([known.forced, known.applied])
    kind = np.repeat([0, 1], [len(known.forced), len(known.applied)])
    registered = keys % SPAN >= first
    keys, kind = keys[registered], kind[registered]
    centre = np.append(known.residence.centre, -1)[find(known.residence.key, keys)]
    placed = _placed(Residence(keys // SPAN, keys % SPAN, centre), everyone, known.stays, code)
    exposure = pd.Categorical.from_codes(kind, pd.Index(EXPOSURES))
    placed.insert(1, "exposure", pd.Series(exposure))
    return placed


def _residents(
    registers: Registers, everyone: Roster, stays: Stays, window: Window, code: IntArray
) -> pd.DataFrame:
    return _placed(everybody(registers, everyone, stays, window), everyone, stays, code)


def _placed(residence: Residence, everyone: Roster, stays: Stays, code: IntArray) -> pd.DataFrame:
    """Families and months with the groups that others see."""
    nationality = everyone.families["nationality"].cat
    return pd.DataFrame(
        {
            "person": code[residence.family],
            "calendar": residence.calendar.astype(np.int32),
            "centre": pd.Categorical.from_codes(residence.centre, stays.centres),
            "nationality": pd.Categorical.from_codes(
                nationality.codes.to_numpy()[residence.family], nationality.categories
            ),
        }
    )


# --- the flow of persons ------------------------------------------------------------------------
def _flow(
    registers: Registers, everyone: Roster, risk: AtRisk, notes: dict[str, BoolArray]
) -> pd.DataFrame:
    n_families, n_kept = everyone.n_families, int(risk.sample.sum())
    suppressed = int(everyone.suppressed.sum())
    n_left = len(everyone.person_ids.labels) - everyone.n_suppressed
    repeated, members = everyone.repeated_rows, n_left - (n_families - suppressed)
    unknown = _unknown_persons(registers, everyone)
    persons = {PRIVACY: everyone.n_suppressed}
    counted = {reason: int(flags.sum()) for reason, flags in {**risk.excluded, **notes}.items()}
    return pd.DataFrame(
        [
            ("read", "rows of persons", len(registers.persons), n_families),
            ("excluded", "further rows of a person", repeated, 0),
            ("excluded", "members of a family other than its representative", members, 0),
            *[
                ("excluded", reason, persons.get(reason, counted[reason]), counted[reason])
                for reason in risk.excluded
            ],
            ("kept", "families with a month at risk in the window", n_kept, n_kept),
            *[("note", reason, counted[reason], counted[reason]) for reason in notes],
            ("note", "persons of other tables who are not in udi_persons", unknown, 0),
        ],
        columns=["step", "reason", "persons", "families"],
    )


def _unknown_persons(registers: Registers, everyone: Roster) -> int:
    unknown: set[object] = set()
    for frame in registers.tables.values():
        absent = everyone.person_of(frame["person_id"]) < 0
        unknown.update(frame.loc[absent, "person_id"])
    return len(unknown)
