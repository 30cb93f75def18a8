"""Small registers for tests: by hand, at random, and the definitions as slow loops over dates."""

from __future__ import annotations

import calendar as days
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from hazard.data.registers import Registers, Window
from hazard.months import month_number, month_text
from hazard.spec import DataSpec, LaggedTerm
from hazard.spec.priors.normal import NormalPrior

START, END, FOLLOW_UP = "2005-01", "2005-12", "2006-12"
Rows = Sequence[tuple[str | None, ...]]


@dataclass(frozen=True)
class Person:
    """A person with dated rows; by default single, rejected in January 2005, always at A."""

    name: str
    family: str = ""
    citizenship: str = "Irak"
    sex: str = "male"
    size: int = 1
    decisions: Rows = (("2005-01-10", "rejected", "yes"),)
    stays: Rows = (("A", "2005-01-01", None),)
    applications: Rows = ()
    returns: Rows = ()
    deportations: Rows = ()
    asylum: str = "2004-01-15"
    tables: dict[str, Rows] = field(init=False)

    def __post_init__(self) -> None:
        person = (self.family or self.name, self.citizenship, self.sex, self.size, self.asylum)
        tables: dict[str, Rows] = {
            "udi_persons": (person,),  # type: ignore[dict-item]
            "udi_decisions": self.decisions,
            "udi_stays": self.stays,
            "udi_applications": self.applications,
            "udi_returns": self.returns,
            "pu_deportations": self.deportations,
        }
        object.__setattr__(self, "tables", tables)


COLUMNS = {
    "udi_persons": ["family_id", "citizenship", "sex", "family_size", "asylum_applied_on"],
    "udi_decisions": ["decided_on", "outcome", "final"],
    "udi_stays": ["centre", "from_date", "to_date"],
    "udi_applications": ["applied_on", "completed_on"],
    "udi_returns": ["returned_on", "kind"],
    "pu_deportations": ["deported_on", "category"],
}
DATES = ("_on", "_date")


def registers(
    *persons: Person, window: tuple[str, str, str] = (START, END, FOLLOW_UP)
) -> Registers:
    """Registers of these persons."""
    frames = []
    for table, columns in COLUMNS.items():
        rows = [(p.name, *row) for p in persons for row in p.tables[table]]
        frame = pd.DataFrame(rows, columns=["person_id", *columns], dtype=object)
        for name in columns:
            if name.endswith(DATES):
                frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d")
        if table == "udi_persons":
            frame["family_size"] = frame["family_size"].astype(np.int64)
        frames.append(frame)
    return Registers(*frames, Window(*map(month_number, window)))


def shuffled(given: Registers, rng: np.random.Generator) -> Registers:
    """The same rows in another order."""
    frames = [
        frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
        for frame in given.tables.values()
    ]
    return Registers(*frames, given.window)


def write(given: Registers, folder: Path) -> Path:
    """Write the files of the registers as the contract says."""
    for table, frame in given.tables.items():
        frame.to_csv(folder / f"{table}.csv", index=False, date_format="%Y-%m-%d")
    keys = ("window_start", "window_end", "follow_up_end")
    lines = [f'{k} = "{month_text(m)}"' for k, m in zip(keys, given.window, strict=True)]
    (folder / "extract.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def term(exposure: str, network: str, rule: str = "missing", **changes: object) -> LaggedTerm:
    """A lagged term with lags 0 to 3."""
    prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    fields = {"kind": "lagged", "lags": (0, 3), "prior": prior, **changes}
    return LaggedTerm(exposure=exposure, network=network, history_before_start=rule, **fields)


def tidy(rng: np.random.Generator, n_families: int = 24) -> Registers:
    """Families that break no rule, not even one that is only a note; four fates in turn.

    Row 1 of every table is the same for every draw: families 0 to 3 are assisted, forced, and two
    that stay. Families of two have two persons, with the same fate on the same days.
    """
    persons = []
    for i in range(n_families):
        moved, left = (str(np.datetime64(f"2005-0{m}-01") + rng.integers(0, 28)) for m in (2, 6))
        fate = {
            "applications": [("2005-03-01", left)] if i % 4 == 0 else [],
            "deportations": [(left, "asyl")] if i % 4 == 1 else [],
            "returns": [[(left, "assisted")], [(left, "police")], [], []][i % 4],
        }
        end = left if i % 4 < 2 else None
        stays = [("A", "2005-01-01", moved), (str(rng.choice(["B", "C"])), moved, end)]
        size = 1 + i % 2
        for member in range(size):
            name = f"p{i:03d}-{member}"
            nation = ["Irak", "Iran", "Somalia"][i % 3]
            persons.append(Person(name, f"f{i:03d}", nation, size=size, stays=stays, **fate))
    return registers(*persons)


# --- drawn at random ----------------------------------------------------------------------------
def random_registers(rng: np.random.Generator, n_families: int) -> Registers:
    """Registers without contradictions, with many coincidences: few months, few centres."""
    persons = [p for family in range(n_families) for p in _random_family(rng, f"f{family:04d}")]
    return registers(*persons)


def _random_family(rng: np.random.Generator, family: str) -> Iterator[Person]:
    n_members = int(rng.choice([1, 1, 1, 2, 3]))
    citizenship = str(rng.choice(["Irak", "Iran", "Somalia", "Statsløs"], p=[0.4, 0.3, 0.2, 0.1]))
    size = n_members + int(rng.integers(0, 2))
    decisions = _random_decisions(rng)
    for member in range(n_members):
        deported = [_day(rng) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
        fetched = [_day(rng) for _ in range(rng.choice([0, 0, 0, 0, 1]))]
        fetched += [_shift(rng, day) for day in deported if rng.random() < 0.6]
        home = [(_day(rng), "assisted")] if rng.random() < 0.1 else []
        yield Person(
            f"{family}-{member}",
            family,
            citizenship,
            str(rng.choice(["male", "female"])),
            size,
            decisions=decisions,
            stays=_random_stays(rng),
            applications=_random_applications(rng),
            returns=[*home, *((day, "police") for day in fetched)],
            deportations=[(day, "asyl") for day in deported],
        )


def _day(rng: np.random.Generator, first: str = "2004-10-01", n_days: int = 600) -> str:
    return str(_plus(np.datetime64(first), int(rng.integers(0, n_days))))


def _plus(day: np.datetime64, n_days: int) -> np.datetime64:
    return day + np.timedelta64(n_days, "D")


def _shift(rng: np.random.Generator, day: str) -> str:
    moved = _plus(np.datetime64(day), int(rng.integers(-40, 41)))
    return str(min(moved, np.datetime64("2006-12-31")))


def _random_decisions(rng: np.random.Generator) -> Rows:
    decisions = [(_day(rng, n_days=250), "rejected", str(rng.choice(["yes", "yes", "yes", "no"])))]
    if rng.random() < 0.15:
        decisions.append((_day(rng), "granted", "yes"))
    different = {day: (day, *others) for day, *others in decisions}
    return list(different.values())


def _random_stays(rng: np.random.Generator) -> Rows:
    stays: list[tuple[str | None, ...]] = []
    day = np.datetime64(_day(rng, "2004-08-01", 300))
    for _ in range(rng.integers(0, 4)):
        until = _plus(day, int(rng.integers(0, 200)))
        centre = str(rng.choice(["A", "B", "C"]))
        if rng.random() < 0.15 or until > np.datetime64("2006-12-31"):
            return [*stays, (centre, str(day), None)]
        stays.append((centre, str(day), str(until)))
        day = _plus(until, int(rng.choice([0, 1, 20, 60, 366, 400])))
        if day > np.datetime64("2006-12-31"):
            break
    return stays


def _random_applications(rng: np.random.Generator) -> Rows:
    if rng.random() < 0.6:
        return []
    asked = _day(rng)
    done = _plus(np.datetime64(asked), int(rng.integers(0, 150)))
    return [(asked, str(done) if rng.random() < 0.7 else None)]


# --- the definitions as slow loops over dates ---------------------------------------------------
@dataclass
class SlowFamily:
    """One family, member rows together, dates as dates."""

    nationality: str
    rejected: date | None
    granted: list[date]
    stays: list[tuple[date, date | None, str]]
    applications: list[tuple[date, date | None]]
    home: list[int]
    forced: set[int]


def month(day: date) -> int:
    """Calendar month of a date."""
    return (day.year - 1970) * 12 + day.month - 1


def _later(day: date, months: int) -> date:
    year, of_year = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, of_year + 1, min(day.day, days.monthrange(year, of_year + 1)[1]))


def slow_families(given: Registers, data: DataSpec) -> dict[str, SlowFamily]:
    """Every family of the registers, by id."""
    families = {}
    for family_id, persons in given.persons.groupby("family_id"):
        members = set(persons["person_id"])
        own = {
            name: [
                [
                    None if pd.isna(cell) else getattr(cell, "date", lambda c=cell: c)()
                    for cell in row
                ]
                for row in frame[frame["person_id"].isin(members)].itertuples(index=False)
            ]
            for name, frame in given.tables.items()
        }
        rejections = [d for _, d, o, f in own["udi_decisions"] if (o, f) == ("rejected", "yes")]
        rejected = min(rejections, default=None)
        families[str(family_id)] = SlowFamily(
            nationality=persons["citizenship"].iloc[0],
            rejected=rejected,
            granted=[
                d
                for _, d, o, _ in own["udi_decisions"]
                if o == "granted" and rejected is not None and d > rejected
            ],
            stays=sorted(
                [(a, z, c) for _, c, a, z in own["udi_stays"]],
                key=lambda s: (s[0], s[1] or date.max, s[2]),
            ),
            applications=[
                (a, z) for _, a, z in own["udi_applications"] if z or data.assisted == "any"
            ],
            home=[month(d) for _, d, kind in own["udi_returns"] if kind == "assisted"],
            forced=_slow_forced(own, members, data),
        )
    return families


def _slow_forced(own: dict[str, list[list]], members: set[str], data: DataSpec) -> set[int]:
    forced = set()
    for person in members:
        udi = {month(d) for p, d, kind in own["udi_returns"] if p == person and kind == "police"}
        pu = {month(d) for p, d, _ in own["pu_deportations"] if p == person}
        for m in sorted(udi | pu):
            alone = (m in udi) != (m in pu)
            before = (m - 1 in udi) != (m - 1 in pu)
            if alone and before and (m in udi) != (m - 1 in udi):
                continue  # the second sign of an event of the month before
            after = (m + 1 in udi) != (m + 1 in pu)
            if (
                not alone
                or (after and (m + 1 in udi) != (m in udi))
                or data.forced_return == "broad"
            ):
                forced.add(m)
    return forced


def slow_centre(family: SlowFamily, calendar: int) -> str | None:
    """Centre of the family in a month: that of the stay that began last."""
    centre = None
    for start, end, name in family.stays:
        if month(start) <= calendar and (end is None or month(end) >= calendar):
            centre = name
    return centre


def slow_departures(family: SlowFamily, k: int, days_gone: int | None = None) -> list[date]:
    """Last days of a stay with nowhere to live in the next k months, or so many days."""
    departures = []
    for _, end, _ in family.stays:
        if end is None:
            continue
        until = _later(end, k) if days_gone is None else end + timedelta(days=days_gone)
        others = [s for s in family.stays if s[0] <= until and (s[1] is None or s[1] > end)]
        if not others:
            departures.append(end)
    return sorted(set(departures))


def slow_endings(family: SlowFamily, data: DataSpec) -> list[tuple[int, int, str]]:
    """(month, turn, kind) of everything that ends a time at risk, sorted."""
    left = slow_departures(family, data.disappearance_months, data.disappearance_days)
    endings = [(m, "forced") for m in family.forced] + [(m, "returned") for m in family.home]
    endings += [(month(d), "granted") for d in family.granted]
    cause = {m for m, _ in endings}
    for day in left:
        asked = any(z and a <= day and month(day) <= month(z) for a, z in family.applications)
        if not asked and month(day) not in cause:
            endings.append((month(day), "disappeared"))
    for applied, completed in family.applications:
        day = applied
        if data.assisted_date == "completion":
            day = min([d for d in left if applied <= d <= completed], default=completed)
        endings.append((month(day), "assisted"))
    order = [*data.exit_order, "granted", "returned"]
    return sorted({(m, order.index(kind), kind) for m, kind in endings})


SlowRow = tuple[int, int, str, str]


def slow_rows(family: SlowFamily, data: DataSpec, window: tuple[int, int]) -> list[SlowRow]:
    """(month, calendar, centre, exit) of a family at risk, or nothing."""
    stateless = family.nationality == "Statsløs" and data.stateless == "exclude"
    if stateless or family.rejected is None or not family.stays:
        return []
    start = month(family.stays[0][0])
    if data.at_risk_from == "rejection":
        start = max(month(family.rejected), start)
    first, _, kind = next(iter(slow_endings(family, data)), (10**6, 0, "none"))
    if first < start:
        return []
    leaves = kind in data.exits and slow_centre(family, first) is not None
    rows: list[SlowRow] = []
    for calendar in range(max(start, window[0]), window[1] + 1):
        centre = slow_centre(family, calendar)
        if centre and (calendar < first or (leaves and calendar == first)):
            exits = calendar == first
            rows.append((calendar - start + 1, calendar, centre, kind if exits else "stay"))
    return rows


SlowEvent = tuple[str, str, int, str | None, str]


def slow_events(families: dict[str, SlowFamily]) -> set[SlowEvent]:
    """(family, exposure, calendar, centre, nationality), once per family, month and kind."""
    return {
        (name, exposure, m, slow_centre(family, m), family.nationality)
        for name, family in families.items()
        for exposure, months in (
            ("forced_return", family.forced),
            ("assisted_application", {month(a) for a, _ in family.applications}),
        )
        for m in months
    }
