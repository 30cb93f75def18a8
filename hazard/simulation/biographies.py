"""Days for what happened by months: applications, decisions, stays and exits of every family.

Numbers of a family are those of the history; families outside the sample follow after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hazard.arrays import IntArray
from hazard.months import first_day, month_of
from hazard.simulation.history import Absences, FamilyMonths, History
from hazard.simulation.others import Others
from hazard.simulation.world import ASSISTED, DISAPPEARED, STATELESS, STAY, World, choose_centre

# The whole number that numpy reads as a missing date.
MISSING = np.iinfo(np.int64).min
SPAN = 2**12
DAYS_TO_COMPLETION = (30, 150)
SHARE_ARRIVING_LATE = 0.25
SHARE_FIRST_INSTANCE = 0.6
SHARE_REAPPEARING = 0.10
DAYS_TO_REAPPEARANCE = (400, 900)


@dataclass(frozen=True, eq=False)
class Biographies:
    """What happened to families, in days since 1970.

    Attributes
    ----------
    families : DataFrame
        ``family``, ``role``, ``citizenship``, ``sex``, ``family_size``, ``applied``.
    decisions : DataFrame
        ``family``, ``day``, ``outcome``, ``final``.
    stays : DataFrame
        ``family``, ``centre``, ``start``, ``end``; ``MISSING`` for a stay that goes on.
    exits : DataFrame
        ``family``, ``role``, ``day``, ``exit``, and for assisted returns ``completed``.
    """

    families: pd.DataFrame
    decisions: pd.DataFrame
    stays: pd.DataFrame
    exits: pd.DataFrame


def of_sample(history: History, rng: np.random.Generator) -> Biographies:
    """Dated events of the families that are at risk in some month of the window."""
    world = history.truth.world
    rows = _delivered(history)
    families = np.unique(rows.family)
    arrival, rejection = _milestones(history, families, rng)
    starts = _starts(history, rows, arrival, rng)
    exits = _exits(rows, starts, rejection, rng)
    exits["completed"] = _completions(exits, world, rng)
    stays = _ended(starts, exits)
    stays = pd.concat([stays, _second_stays(exits, world, rng)], ignore_index=True)
    traits = history.families
    persons = pd.DataFrame({"family": families, "role": "sample"})
    persons["citizenship"] = np.array(world.nationalities)[traits.nationality[families]]
    persons["sex"] = np.where(traits.female[families], "female", "male")
    persons["family_size"] = traits.size[families]
    persons["applied"] = _before(np.minimum(arrival, rejection)[families], (1, 400), rng)
    decisions = _rejections(families, persons["applied"].to_numpy(), rejection[families], rng)
    return Biographies(persons, decisions, stays, exits.assign(role="sample"))


def day_number(calendar: Any) -> IntArray:
    """First day of every calendar month, in days since 1970.

    Examples
    --------
    >>> day_number([0, 1]).tolist()
    [0, 31]
    """
    return first_day(calendar).values.astype("datetime64[D]").astype(np.int64)


def month_of_day(day: Any) -> IntArray:
    """Calendar month of every day given in days since 1970.

    Examples
    --------
    >>> month_of_day([30, 31]).tolist()
    [0, 1]
    """
    return month_of(np.asarray(day, dtype=np.int64).astype("datetime64[D]"))


# --- the sample ---------------------------------------------------------------------------------
def _delivered(history: History) -> FamilyMonths:
    """Rows of families that have not left before the window, by family and calendar month."""
    rows, start = history.rows, history.truth.world.size.first_month
    early = rows.family[(rows.exit != STAY) & (rows.calendar < start)]
    delivered = np.flatnonzero(~np.isin(rows.family, early))
    delivered = delivered[np.lexsort((rows.calendar[delivered], rows.family[delivered]))]
    return FamilyMonths._make(column[delivered] for column in rows)


def _milestones(
    history: History, families: IntArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Arrival at the first centre and final rejection; the later one in the month of entry."""
    entry, n = history.families.entry, len(history.families.entry)
    anchor = rng.integers(day_number(entry), day_number(entry + 1))
    opened = day_number(history.truth.world.centres.opened)[history.families.centre]
    resident = np.maximum(_before(anchor, (20, 600), rng), opened)
    late = rng.random(n) < SHARE_ARRIVING_LATE
    return np.where(late, anchor, resident), np.where(late, _before(anchor, (1, 120), rng), anchor)


def _before(day: IntArray, days: tuple[int, int], rng: np.random.Generator) -> IntArray:
    return np.asarray(day - rng.integers(*days, len(day), endpoint=True))


def _starts(
    history: History, rows: FamilyMonths, arrival: IntArray, rng: np.random.Generator
) -> pd.DataFrame:
    """Starts of stays: first arrivals, moves and returns after an absence.

    ``previous_end`` is the last day of the stay before.
    """
    first = np.diff(rows.family, prepend=-1) != 0
    in_rows = np.isin(history.absences.family, rows.family)
    away = Absences._make(c[in_rows] for c in history.absences)
    back = month_of_day(away.back)
    key, back_key = rows.family * SPAN + rows.calendar, away.family * SPAN + back
    moves = ~first & (np.diff(rows.centre, prepend=-1) != 0) & ~np.isin(key, back_key)
    month = rows.calendar[moves]
    day = rng.integers(day_number(month), day_number(month + 1))
    host = rows.centre[np.searchsorted(key, back_key, side="right") - 1]
    arrived = arrival[rows.family[first]]
    parts = [
        pd.DataFrame({"family": family, "start": start, "centre": centre, "previous_end": end})
        for family, start, centre, end in (
            (rows.family[first], arrived, rows.centre[first], arrived),
            (rows.family[moves], day, rows.centre[moves], day),
            (away.family, away.back, host, away.leaving),
        )
    ]
    return pd.concat(parts).sort_values(["family", "start"], ignore_index=True)


def _exits(
    rows: FamilyMonths, starts: pd.DataFrame, rejection: IntArray, rng: np.random.Generator
) -> pd.DataFrame:
    """Day of the exit: in its month, not before the rejection or the start of the last stay."""
    leaves = rows.exit != STAY
    family, calendar = rows.family[leaves], rows.calendar[leaves]
    last_start = starts.groupby("family")["start"].last().loc[family].to_numpy()
    low = np.maximum(np.maximum(day_number(calendar), last_start), rejection[family])
    day = rng.integers(low, day_number(calendar + 1))
    return pd.DataFrame({"family": family, "day": day, "exit": rows.exit[leaves]})


def _completions(exits: pd.DataFrame, world: World, rng: np.random.Generator) -> IntArray:
    """Day of the assisted return; at the latest at the end of follow-up."""
    waited = rng.integers(*DAYS_TO_COMPLETION, len(exits), endpoint=True)
    end = day_number(world.size.follow_up_end + 1)[0] - 1
    completed = np.minimum(exits["day"].to_numpy() + waited, end)
    return np.where(exits["exit"] == ASSISTED, completed, MISSING)


def _ended(starts: pd.DataFrame, exits: pd.DataFrame) -> pd.DataFrame:
    """Stays with their last day: the next start, the absence, the exit, or none."""
    by_family = exits.set_index("family")
    leaving = by_family["completed"].where(by_family["exit"] == ASSISTED, by_family["day"])
    last = starts["family"] != starts["family"].shift(-1)
    final = leaving.reindex(starts["family"], fill_value=MISSING).to_numpy()
    following = starts["previous_end"].shift(-1, fill_value=MISSING)
    return starts.assign(end=np.where(last, final, following)).drop(columns="previous_end")


def _second_stays(exits: pd.DataFrame, world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Stays of those who disappeared and are registered again more than a year later."""
    disappeared = exits[exits["exit"] == DISAPPEARED]
    disappeared = disappeared[rng.random(len(disappeared)) < SHARE_REAPPEARING]
    waited = rng.integers(*DAYS_TO_REAPPEARANCE, len(disappeared), endpoint=True)
    limit = int(day_number(world.size.follow_up_end + 1)[0])
    again = pd.DataFrame({"family": disappeared["family"], "start": disappeared["day"] + waited})
    again = again.loc[again["start"] < limit].copy()
    again["centre"] = choose_centre(world.centres, month_of_day(again["start"]), rng)
    end = again["start"] + rng.integers(30, 400, len(again))
    again["end"] = end.where(end < limit, MISSING)
    return again


def _rejections(
    family: IntArray, applied: IntArray, final: IntArray, rng: np.random.Generator
) -> pd.DataFrame:
    """Final rejections, many of them after one in the first instance."""
    last = pd.DataFrame({"family": family, "day": final, "outcome": "rejected", "final": "yes"})
    fraction = rng.uniform(0.3, 0.8, len(family))
    earlier = last.assign(day=applied + ((final - applied) * fraction).astype(np.int64), final="no")
    return pd.concat([earlier[rng.random(len(family)) < SHARE_FIRST_INSTANCE], last])


# --- everybody else -----------------------------------------------------------------------------
def of_others(history: History, rng: np.random.Generator) -> Biographies:
    """Dated events of the families outside the sample that are there in the window."""
    world = history.truth.world
    in_window = history.others.departure >= world.size.first_month
    others = Others._make(c[in_window] for c in history.others)
    family = len(history.families.entry) + np.arange(len(others.role))
    arrival = rng.integers(day_number(others.arrival), day_number(others.arrival + 1))
    low = np.maximum(arrival, day_number(others.departure))
    departure = rng.integers(low, day_number(others.departure + 1))
    departed = others.departure <= world.size.last_month
    exits = pd.DataFrame({"family": family, "role": others.role, "day": departure})
    exits["exit"] = others.exit
    exits["completed"] = _completions(exits, world, rng)
    end = np.where(others.exit == ASSISTED, exits["completed"], departure)
    stays = pd.DataFrame({"family": family, "centre": others.centre, "start": arrival})
    stays["end"] = np.where(departed, end, MISSING)
    applied, decisions = _other_decisions(exits.assign(arrival=arrival, left=departed), rng)
    return Biographies(
        _other_families(world, others, family).assign(applied=applied),
        decisions,
        stays[others.centre >= 0],
        exits[departed & (others.exit != STAY)],
    )


def _other_decisions(
    families: pd.DataFrame, rng: np.random.Generator
) -> tuple[IntArray, pd.DataFrame]:
    """Days of the asylum applications; rejections before arrival, permits before departure."""
    family, arrival = families["family"].to_numpy(), families["arrival"].to_numpy()
    pending = (families["role"] == "pending").to_numpy()
    rejection = _before(arrival, (1, 120), rng)
    applied = np.where(pending, _before(arrival, (0, 30), rng), _before(rejection, (1, 1500), rng))
    granted = families[pending & families["left"] & (families["exit"] == STAY)]
    permits = granted[["family"]].assign(outcome="granted", final="yes")
    permits["day"] = np.maximum(granted["arrival"], granted["day"] - 14)
    rejections = _rejections(family[~pending], applied[~pending], rejection[~pending], rng)
    return applied, pd.concat([rejections, permits])


def _other_families(world: World, others: Others, family: IntArray) -> pd.DataFrame:
    citizenships = np.array([*world.nationalities, STATELESS])
    return pd.DataFrame(
        {
            "family": family,
            "role": others.role,
            "citizenship": citizenships[others.nationality],
            "sex": np.where(others.female, "female", "male"),
            "family_size": others.size,
        }
    )
