"""Panels for tests of classical survival analysis, and the values that R found on public data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

import public_data
from hazard import spec as specs
from hazard.data import table
from hazard.model import design
from hazard.model.design import Design
from hazard.spec import ModelSpec
from places import REFERENCE

HEAD = 'name = "example"\nquestion = "what comes after?"\n[outcome]\n'
TERM = '[[term]]\nkind = "covariate"\ncolumn = "{}"\n'
PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'


def model(exits: Sequence[str], *columns: str) -> ModelSpec:
    terms = "".join(TERM.format(name) + PRIOR for name in columns)
    return specs.load(f"{HEAD}exits = {list(exits)}\n{terms}")


def built(panel: pd.DataFrame, *columns: str) -> Design:
    exits = [str(name) for name in panel["exit"].cat.categories[1:]]
    return design.build(panel, {}, model(exits, *columns))


def panel_of(spells: pd.DataFrame, exits: Sequence[str]) -> pd.DataFrame:
    """Panel of one row per person: entry, last, exit and covariates."""
    rows = table.expand(spells.assign(person=range(len(spells))))
    return rows.assign(exit=pd.Categorical(rows["exit"], ["stay", *exits]))


def few(exits: Sequence[str], *persons: tuple[int, str, float]) -> pd.DataFrame:
    """Panel of persons given as (last month, exit, x)."""
    spells = pd.DataFrame(list(persons), columns=["last", "exit", "x"])
    return panel_of(spells.assign(entry=0), exits)


def reference(name: str, **wanted: object) -> pd.DataFrame:
    """Rows of a file of R's values."""
    rows = pd.read_csv(REFERENCE / f"{name}.csv")
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    assert len(rows)
    return rows


# --- the public data sets as the script in R reads them -----------------------------------------
def mgus2(late: int = 0) -> pd.DataFrame:
    """Months to progression or death; with ``late`` every third person is seen from then on."""
    raw = public_data.mgus2()
    progressed = raw["pstat"] == 1
    spells = pd.DataFrame({"last": raw["futime"].where(~progressed, raw["ptime"])})
    spells["exit"] = np.select([progressed, raw["death"] == 1], ["pcm", "death"], "stay")
    spells["entry"] = np.where((np.arange(len(raw)) + 1) % 3 == 0, late, 0)
    spells = spells.assign(age=raw["age"].astype(float), male=1.0 * (raw["sex"] == "M"))
    spells["sex"] = raw["sex"]
    spells["age_group"] = pd.cut(raw["age"], [0, 60, 70, 80, 120], labels=list("1234")).astype(str)
    return panel_of(spells[spells["last"] > spells["entry"]], ["pcm", "death"])


def aidssi() -> pd.DataFrame:
    """Exact times as their ranks, which is all that risk sets know."""
    raw = public_data.aidssi().dropna(subset="ccr5")
    spells = pd.DataFrame({"last": pd.factorize(raw["time"], sort=True)[0] + 1, "entry": 0})
    spells["exit"] = np.array(["stay", "AIDS", "SI"])[raw["status"]]
    mutant = (raw["ccr5"] == "WM").to_numpy()
    return panel_of(spells.assign(mutant=1.0 * mutant, ccr5=raw["ccr5"].tolist()), ["AIDS", "SI"])


def first_sex() -> pd.DataFrame:
    raw = public_data.first_sex()
    spells = raw.assign(last=raw["grade"] - 6, entry=0)
    spells["exit"] = np.where(raw["censor"] == 0, "first_sex", "stay")
    spells["parental_transition"] = raw["parental_transition"].astype(float)
    return panel_of(spells.drop(columns=["id", "grade", "censor"]), ["first_sex"])


def rossi() -> pd.DataFrame:
    """Weeks with employment in the week, and in the week before (missing in week 1)."""
    raw = public_data.rossi()
    weekly = (raw[[f"emp{week}" for week in range(1, 53)]] == "yes").to_numpy(dtype=float)
    spells = raw[["age", "prio"]].astype(float).assign(last=raw["week"], entry=0)
    spells["financial"] = 1.0 * (raw["fin"] == "yes")
    spells["exit"] = np.where(raw["arrest"] == 1, "arrest", "stay")
    panel = panel_of(spells, ["arrest"])
    panel["employed"] = weekly[panel["person"], panel["month"] - 1]
    before = np.column_stack([np.full(len(raw), np.nan), weekly])
    return panel.assign(employed_before=before[panel["person"], panel["month"] - 1])
