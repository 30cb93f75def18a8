"""The registers: six tables of persons, the dates of the extract, the truth and an oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.months import month_text
from hazard.simulation.biographies import MISSING, Biographies, day_number, of_others, of_sample
from hazard.simulation.defects import with_defects
from hazard.simulation.history import FamilyMonths, History, exposures, history
from hazard.simulation.margins import EXITS, EXPOSURES, N_LAGS, NETWORKS
from hazard.simulation.registration import notes, registered
from hazard.simulation.world import ASSISTED, FORCED, STAY, Truth

SHARE_WITHDRAWN = 0.10
CATEGORIES = ("asyl", "bortvisning", "dublin", "utvisning")
CATEGORY_SHARES = {
    "sample": (0.90, 0.0, 0.02, 0.08),
    "stateless": (0.90, 0.0, 0.02, 0.08),
    "pending": (0.0, 0.0, 1.0, 0.0),
    "deported": (0.60, 0.05, 0.0, 0.35),
}
COLUMNS = {
    "udi_persons": (
        "person_id",
        "family_id",
        "citizenship",
        "sex",
        "family_size",
        "asylum_applied_on",
    ),
    "udi_decisions": ("person_id", "decided_on", "outcome", "final"),
    "udi_stays": ("person_id", "centre", "from_date", "to_date"),
    "udi_applications": ("person_id", "applied_on", "completed_on"),
    "udi_returns": ("person_id", "returned_on", "kind"),
    "pu_deportations": ("person_id", "deported_on", "category"),
}
DATES = tuple(n for names in COLUMNS.values() for n in names if n.endswith(("_on", "_date")))


@dataclass(frozen=True, eq=False)
class SimulatedRegisters:
    """Registers as they would be delivered, and what they were made from.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        ``udi_persons``, ``udi_decisions``, ``udi_stays``, ``udi_applications``, ``udi_returns`` and
        ``pu_deportations``; one row per person and event, dates as datetime64.
    extract : mapping of str to str
        ``window_start``, ``window_end`` and ``follow_up_end``, as YYYY-MM.
    truth : Truth
    oracle : DataFrame
        What a panel built from the tables must find: one row per family and month at risk in the
        window, with exit, centre and every exposure as 0 or 1. Never written. Where a scenario
        makes the registers wrong or late, it is what happened, and not what they show.
    notes : mapping of str to DataFrame
        Tables of what a scenario planted in families and rows; written as ``truth/{name}.csv``.
    """

    tables: Mapping[str, pd.DataFrame]
    extract: Mapping[str, str]
    truth: Truth
    oracle: pd.DataFrame
    notes: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def registers(truth: Truth, rng: np.random.Generator) -> SimulatedRegisters:
    """Registers of one run of the simulated country.

    Parameters
    ----------
    truth : Truth
        As made by :func:`hazard.simulation.truth`.
    rng : Generator

    Returns
    -------
    SimulatedRegisters
        Members of a family share citizenship, sex, stays, decisions and events, so that it does
        not matter whom a panel takes as the representative.

    Notes
    -----
    Families that left before the window are not in the tables; of the others, stays and decisions
    keep their dates, and events are there from the start of the window on.

    The odds of ``assisted`` and ``disappeared`` against staying are the planted ones given what
    others do in the same month. For ``forced`` the mechanism has no such effect, but applications
    of the same month go with it a little, as they depend on forced returns.
    """
    simulated = history(truth, rng)
    parts = (of_sample(simulated, rng), of_others(simulated, rng))
    biographies = Biographies(*(pd.concat(frames, ignore_index=True) for frames in _columns(parts)))
    members = _members(biographies.families, rng)
    biographies = registered(biographies, truth, rng)
    size = truth.world.size
    months = {
        "window_start": size.first_month,
        "window_end": size.last_month,
        "follow_up_end": size.follow_up_end,
    }
    tables, listed = (
        _tables(simulated, biographies, members, rng),
        notes(simulated, biographies, members),
    )
    if truth.scenario.defects:
        tables, listed["defects"] = with_defects(tables, truth.scenario.defects, rng)
    return SimulatedRegisters(
        tables,
        {name: month_text(month) for name, month in months.items()},
        truth,
        _oracle(simulated, members),
        listed,
    )


# --- tables -------------------------------------------------------------------------------------
def _columns(parts: tuple[Biographies, ...]) -> list[list[pd.DataFrame]]:
    names = ("families", "decisions", "stays", "exits")
    return [[getattr(part, name) for part in parts] for name in names]


def _members(families: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One row per person, with ids that say nothing."""
    members = families.loc[families.index.repeat(families["family_size"])].reset_index(drop=True)
    family_ids = pd.Series(_ids("F", len(families), rng), index=families["family"])
    members["family_id"] = members["family"].map(family_ids)
    return members.assign(person_id=_ids("P", len(members), rng))


def _ids(prefix: str, n: int, rng: np.random.Generator) -> list[str]:
    return [f"{prefix}{number:08X}" for number in rng.choice(16**8, n, replace=False)]


def _tables(
    simulated: History, biographies: Biographies, members: pd.DataFrame, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    exits = biographies.exits
    assisted = exits[exits["exit"] == ASSISTED]
    forced = exits[(exits["exit"] == FORCED) & ~exits["unseen"]]
    returning = assisted[~assisted["unseen"]]
    known = assisted["completed"].mask(assisted["unseen"] | assisted["escorted"], MISSING)
    applications = pd.concat([assisted.assign(completed=known), _withdrawn(simulated, rng)])
    kind = np.where(returning["escorted"], "police", "assisted")
    returned = [
        returning.assign(day=returning["completed"], kind=kind),
        forced[forced["in_udi"]].assign(kind="police"),
    ]
    deported = forced[forced["in_pu"]]
    deported = deported.assign(category=_categories(deported["role"], rng))
    centres = np.array(simulated.truth.world.centre_names)
    tables = {
        "udi_decisions": biographies.decisions.rename(columns={"day": "decided_on"}),
        "udi_stays": biographies.stays.assign(centre=centres[biographies.stays["centre"]]).rename(
            columns={"start": "from_date", "end": "to_date"}
        ),
        "udi_applications": applications.rename(
            columns={"day": "applied_on", "completed": "completed_on"}
        ),
        "udi_returns": pd.concat(returned).rename(columns={"day": "returned_on"}),
        "pu_deportations": deported.rename(columns={"day": "deported_on"}),
    }
    persons = members.rename(columns={"applied": "asylum_applied_on"})
    people = _dated(persons)[list(COLUMNS["udi_persons"])].sort_values("person_id")
    events = {name: _per_person(table, members, COLUMNS[name]) for name, table in tables.items()}
    return {"udi_persons": people.reset_index(drop=True), **events}


def _per_person(
    events: pd.DataFrame, members: pd.DataFrame, columns: tuple[str, ...]
) -> pd.DataFrame:
    """Events of families repeated for each member, by person and date."""
    of_persons = members[["family", "person_id"]].merge(events, on="family")
    return _dated(of_persons)[list(columns)].sort_values(
        [columns[0], *(name for name in columns if name in DATES)], ignore_index=True
    )


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    days = {name: table[name].to_numpy(dtype=np.int64) for name in DATES if name in table}
    dates = {
        name: day.astype("datetime64[D]").astype("datetime64[s]") for name, day in days.items()
    }
    return table.assign(**dates)


def _withdrawn(simulated: History, rng: np.random.Generator) -> pd.DataFrame:
    """Applications that led to nothing, of families that stay on in the month."""
    rows, entry = simulated.rows, simulated.families.entry
    inside = rows.calendar >= simulated.truth.world.size.first_month
    n = round(SHARE_WITHDRAWN * int((rows.exit[inside] == ASSISTED).sum()))
    able = np.flatnonzero(inside & (rows.exit == STAY) & (rows.calendar > entry[rows.family]))
    chosen = rng.choice(able, n, replace=False)
    month = rows.calendar[chosen]
    day = rng.integers(day_number(month), day_number(month + 1))
    return pd.DataFrame({"family": rows.family[chosen], "day": day, "completed": MISSING})


def _categories(role: pd.Series, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    limits = np.cumsum([CATEGORY_SHARES[role_of_row] for role_of_row in role], axis=1)
    code = (rng.random(len(role))[:, None] >= limits).sum(axis=1)
    return np.array(CATEGORIES)[np.minimum(code, len(CATEGORIES) - 1)]


def _oracle(simulated: History, members: pd.DataFrame) -> pd.DataFrame:
    world, families = simulated.truth.world, simulated.families
    inside = simulated.rows.calendar >= world.size.first_month
    rows = FamilyMonths._make(c[inside] for c in simulated.rows)
    ids = dict(zip(members["family"], members["family_id"], strict=True))
    stated = pd.DataFrame(
        {
            "family_id": pd.Series(rows.family).map(ids),
            "calendar": rows.calendar.astype(np.int32),
            "month": (rows.calendar - families.entry[rows.family] + 1).astype(np.int32),
            "centre": np.array(world.centre_names)[rows.centre],
            "nationality": np.array(world.nationalities)[families.nationality[rows.family]],
            "exit": pd.Categorical.from_codes(rows.exit + 1, pd.Index(["stay", *EXITS])),
        }
    )
    names = [f"{e}_{w}_lag{lag}" for e in EXPOSURES for w in NETWORKS for lag in range(N_LAGS)]
    exposed = exposures(simulated, rows).reshape(len(stated), -1)
    wide = pd.DataFrame(exposed, columns=names)
    return pd.concat([stated, wide], axis=1).sort_values(
        ["family_id", "calendar"], ignore_index=True
    )
