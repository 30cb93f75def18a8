"""The tables of the simulator against the life behind them, by the slowest possible reading."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from hazard import simulation
from hazard.months import month_number
from hazard.simulation.margins import EXPOSURES, N_LAGS, NETWORKS

HISTORY = N_LAGS - 1
LAGS = [f"{e}_{w}_lag{lag}" for e in EXPOSURES for w in NETWORKS for lag in range(N_LAGS)]


@pytest.fixture(scope="module")
def small() -> simulation.SimulatedRegisters:
    truth = simulation.truth("small", np.random.default_rng(2016))
    return simulation.registers(truth, np.random.default_rng(2005))


def months_of(dates: pd.Series) -> pd.Series:
    return (dates.dt.year - 1970) * 12 + dates.dt.month - 1


class Books:
    """The default definitions, family by family and month by month, from the tables alone."""

    def __init__(self, simulated: simulation.SimulatedRegisters) -> None:
        bounds = {name: month_number(text) for name, text in simulated.extract.items()}
        self.start, self.end = bounds["window_start"], bounds["window_end"]
        self.last = bounds["follow_up_end"]
        persons = simulated.tables["udi_persons"].drop_duplicates("family_id")
        self.family = dict(zip(persons["person_id"], persons["family_id"], strict=True))
        self.nationality = dict(zip(persons["family_id"], persons["citizenship"], strict=True))
        self.tables = {name: self._of_families(t) for name, t in simulated.tables.items()}
        self.centre: dict[str, dict[int, str]] = defaultdict(dict)
        for stay in self.tables["udi_stays"].sort_values("from_date").itertuples():
            for month in range(stay.from_month, min(stay.to_month, self.last) + 1):
                self.centre[stay.family][month] = stay.centre
        self.forced = self._months("pu_deportations", "deported") | self._police()
        completed = self.tables["udi_applications"].dropna(subset="completed_on")
        self.assisted = set(zip(completed["family"], completed["applied_month"], strict=True))
        self.gone = self._disappeared()

    def _of_families(self, table: pd.DataFrame) -> pd.DataFrame:
        known = table.assign(family=table["person_id"].map(self.family)).dropna(subset="family")
        for name in [c for c in known if c.endswith(("_on", "_date"))]:
            stem = name.rsplit("_", 1)[0]
            known[f"{stem}_month"] = months_of(known[name]).fillna(10**6).astype(int)
        return known

    def _months(self, table: str, stem: str) -> set[tuple[str, int]]:
        rows = self.tables[table]
        return set(zip(rows["family"], rows[f"{stem}_month"], strict=True))

    def _police(self) -> set[tuple[str, int]]:
        returns = self.tables["udi_returns"].query("kind == 'police'")
        return set(zip(returns["family"], returns["returned_month"], strict=True))

    def _disappeared(self) -> set[tuple[str, int]]:
        gone = set()
        for family, stays in self.tables["udi_stays"].groupby("family"):
            for ended, month in zip(stays["to_date"], stays["to_month"], strict=True):
                following = stays["from_date"][stays["from_date"] >= ended]
                if not pd.isna(ended) and not any(
                    (following <= ended + pd.DateOffset(months=12))
                    & ((following > ended) | (stays["to_date"].loc[following.index] != ended))
                ):
                    gone.add((family, month))
        return gone

    def exit(self, family: str, month: int) -> str:
        found = {"forced": self.forced, "assisted": self.assisted, "disappeared": self.gone}
        return next((name for name, seen in found.items() if (family, month) in seen), "stay")

    def rows(self) -> pd.DataFrame:
        decisions = self.tables["udi_decisions"].query("outcome == 'rejected' and final == 'yes'")
        rows = []
        for family, rejected in zip(decisions["family"], decisions["decided_month"], strict=True):
            at_risk = sorted(m for m in self.centre[family] if rejected <= m <= self.end)
            if self.nationality[family] == "Statsløs" or not at_risk:
                continue
            for month in [m for m in at_risk if m >= self.start]:
                way = self.exit(family, month)
                month_at_risk = month - at_risk[0] + 1
                rows.append((family, month, month_at_risk, self.centre[family][month], way))
                if way != "stay":
                    break
        names = ["family_id", "calendar", "month", "centre", "exit"]
        return pd.DataFrame(rows, columns=names).sort_values(names[:2], ignore_index=True)

    def seen(self, rows: pd.DataFrame, *, shift: int = 0, own: bool = False) -> np.ndarray:
        around: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        for name, events in zip(EXPOSURES, (self.forced, self.assisted), strict=True):
            for family, month in events:
                around[name, self.nationality[family], month].add(family)
                if month in self.centre[family]:
                    around[name, self.centre[family][month], month].add(family)
        cells = [
            bool(around[e, place, r.calendar - lag - shift] - (set() if own else {r.family_id}))
            for r in rows.itertuples()
            for e in EXPOSURES
            for place in (r.centre, self.nationality[r.family_id])
            for lag in range(N_LAGS)
        ]
        return np.array(cells, dtype=np.uint8).reshape(len(rows), -1)


def test_tables_reference_the_life_behind_them(small: simulation.SimulatedRegisters) -> None:
    books = Books(small)
    rows, oracle = books.rows(), small.oracle
    for name in rows:
        np.testing.assert_array_equal(rows[name], oracle[name].astype(rows[name].dtype), name)
    full = (rows["calendar"] >= books.start + HISTORY).to_numpy()
    planted = oracle.loc[full, LAGS].to_numpy()
    np.testing.assert_array_equal(books.seen(rows[full]), planted)
    assert (books.seen(rows[full], shift=1) != planted).any()  # negative controls
    assert (books.seen(rows[full], own=True) != planted).any()


def unexplained(oracle: pd.DataFrame, start: int, end: int) -> int:
    """Months in which the risk set is not what it was, plus who came, less who left."""
    step = oracle.groupby("family_id")["calendar"].diff()
    back = oracle.loc[step > 1, "calendar"]
    away = (oracle["calendar"] - step + 1)[step > 1].astype(int)
    last = oracle.groupby("family_id").tail(1)
    away_at_end = last.loc[(last["exit"] == "stay") & last["calendar"].between(end - 2, end - 1)]
    came = oracle.loc[(oracle["month"] == 1) & (oracle["calendar"] > start), "calendar"]
    left = oracle.loc[oracle["exit"] != "stay", "calendar"]
    months = range(start, end + 1)
    there = oracle["calendar"].value_counts().reindex(months, fill_value=0)
    flow = pd.Series(0, index=months)
    for who, sign in [(came, 1), (back, 1), (left + 1, -1), (away, -1)]:
        flow = flow.add(sign * who.value_counts(), fill_value=0)
    flow = flow.sub((away_at_end["calendar"] + 1).value_counts(), fill_value=0)
    return int((there.diff() != flow.reindex(months)).iloc[1:].sum())


def test_risk_sets_identity_balance(small: simulation.SimulatedRegisters) -> None:
    start, end = (month_number(small.extract[f"window_{name}"]) for name in ("start", "end"))
    assert unexplained(small.oracle, start, end) == 0
    assert (small.oracle.groupby("family_id")["calendar"].diff() > 1).any()
    leaves = small.oracle.index[small.oracle["exit"] != "stay"]
    assert unexplained(small.oracle.drop(leaves[:1]), start, end) > 0  # negative control


def test_members_of_a_family_identity_share_everything(
    small: simulation.SimulatedRegisters,
) -> None:
    persons = small.tables["udi_persons"]
    assert persons["person_id"].is_unique
    alike = persons.groupby("family_id")[["citizenship", "sex", "family_size"]]
    assert alike.nunique().eq(1).all(axis=None)
    members = persons.groupby("family_id").size()
    assert (members == persons.groupby("family_id")["family_size"].max()).all()
    family = persons.set_index("person_id")["family_id"]
    for name, table in small.tables.items():
        if name != "udi_persons":
            of_family = table.assign(family_id=table["person_id"].map(family))
            columns = [column for column in of_family if column != "person_id"]
            events = of_family.groupby(columns, dropna=False).size().reset_index(name="n")
            assert (events["n"] == events["family_id"].map(members)).all(), name
