"""The kinds of defect that registers can have, each with the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray

Tables = Mapping[str, pd.DataFrame]
BEFORE_ANY, AFTER_ALL = pd.Timestamp("1900-01-15"), pd.Timestamp("2099-12-15")
FOLLOWING = np.timedelta64(60, "D")
OFTEN = 3


def _any_row(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return np.ones(len(rows), dtype=np.bool_)


@dataclass(frozen=True)
class Defect:
    """One kind of defect.

    Attributes
    ----------
    table, kind : str
    rule : str
        The rule of the integrity report that it breaks.
    make : callable
        From drawn rows and all tables to the rows that replace them, or that are added.
    able : callable
        From a table and all tables to a mask of the rows that can have the defect.
    adds : bool
    """

    table: str
    kind: str
    rule: str
    make: Callable[[pd.DataFrame, Tables], pd.DataFrame]
    able: Callable[[pd.DataFrame, Tables], BoolArray] = _any_row
    adds: bool = False


# --- persons ------------------------------------------------------------------------------------
def _other_sex(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(sex=rows["sex"].map({"male": "female", "female": "male"}))


def _not_first(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return np.asarray(rows["family_id"].duplicated())


def _single(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    often = rows["citizenship"].map(rows["citizenship"].value_counts()) > OFTEN
    return np.asarray((rows["family_size"] == 1) & often)


def _another_citizenship(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    names = tables["udi_persons"]["citizenship"].value_counts().index
    return rows.assign(citizenship=np.where(rows["citizenship"] == names[0], names[1], names[0]))


def _another_person(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(person_id=rows["person_id"] + "-X")


# --- dates and stays ----------------------------------------------------------------------------
def _dated(column: str, date: pd.Timestamp) -> Callable[[pd.DataFrame, Tables], pd.DataFrame]:
    return lambda rows, _tables: rows.assign(**{column: date})


def _same(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows


def _long(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return np.asarray(rows["to_date"] - rows["from_date"] > np.timedelta64(10, "D"))


def _reversed(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(from_date=rows["to_date"], to_date=rows["from_date"])


def _elsewhere(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    names = tables["udi_stays"]["centre"].value_counts().index
    centre = np.where(rows["centre"] == names[0], names[1], names[0])
    return rows.assign(centre=centre, from_date=rows["from_date"] + np.timedelta64(5, "D"))


def _first_return(rows: pd.DataFrame, tables: Tables) -> pd.Series:
    """Day of the first return of the person of each row."""
    first = tables["udi_returns"].groupby("person_id")["returned_on"].min()
    return rows["person_id"].map(first)


def _last_before_return(rows: pd.DataFrame, tables: Tables) -> BoolArray:
    end = tables["udi_returns"]["returned_on"].max() - np.timedelta64(150, "D")
    returned = _first_return(rows, tables)
    return np.asarray((rows["to_date"] == returned) & (returned < end))


def _back_after_return(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    back = _first_return(rows, tables) + FOLLOWING
    return rows.assign(from_date=back, to_date=back + np.timedelta64(30, "D"))


def _beyond_return(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    return rows.assign(to_date=_first_return(rows, tables) + FOLLOWING)


def _often_named(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return (rows["centre"].map(rows["centre"].value_counts()) > OFTEN).to_numpy()


# --- decisions ----------------------------------------------------------------------------------
def _rejected(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return ((rows["final"] == "yes") & (rows["outcome"] == "rejected")).to_numpy()


def _before_asylum(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    applied = tables["udi_persons"].set_index("person_id")["asylum_applied_on"]
    return rows.assign(decided_on=rows["person_id"].map(applied) - FOLLOWING)


def _ten_days_after(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(decided_on=rows["decided_on"] + np.timedelta64(10, "D"))


# --- returns ------------------------------------------------------------------------------------
def _completed(rows: pd.DataFrame, _tables: Tables) -> BoolArray:
    return rows["completed_on"].notna().to_numpy()


def _too_early(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(completed_on=rows["applied_on"] - np.timedelta64(10, "D"))


def _withdrawn(rows: pd.DataFrame, tables: Tables) -> BoolArray:
    returned = rows["person_id"].isin(tables["udi_returns"]["person_id"])
    return (rows["completed_on"].isna() & ~returned).to_numpy()


def _recorded_completed(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(completed_on=rows["applied_on"])


def _police(rows: pd.DataFrame, tables: Tables) -> BoolArray:
    applied = rows["person_id"].isin(tables["udi_applications"]["person_id"])
    return ((rows["kind"] == "police") & ~applied).to_numpy()


def _recorded_assisted(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(kind="assisted")


def _ten_days_later(rows: pd.DataFrame, _tables: Tables) -> pd.DataFrame:
    return rows.assign(returned_on=rows["returned_on"] + np.timedelta64(10, "D"))


# --- labels -------------------------------------------------------------------------------------
MISREAD, CYRILLIC = "\u00c3\u00b8", "\u0430"
_LABELS: Mapping[str, tuple[str, Callable[[pd.Series], pd.Series]]] = {
    "letters misread": (
        "has its letters, none of them lost in another encoding.",
        lambda label: label.str[:1] + MISREAD + label.str[1:],
    ),
    "Cyrillic letter": (
        "has no word with letters of two alphabets.",
        lambda label: label.str[:1] + CYRILLIC + label.str[1:],
    ),
    "formula": ("is no formula.", lambda label: "=" + label),
    "date": ("is no date.", lambda label: label.where(label.isna(), "2005-01-31")),
}


def _spelled(
    column: str, change: Callable[[pd.Series], pd.Series]
) -> Callable[[pd.DataFrame, Tables], pd.DataFrame]:
    return lambda rows, _tables: rows.assign(**{column: change(rows[column])})


_PERSONS, _DECISIONS, _STAYS = "udi_persons", "udi_decisions", "udi_stays"
_ASKED, _RETURNS, _PU = "udi_applications", "udi_returns", "pu_deportations"
_FIRST_DATE = {
    _DECISIONS: "decided_on",
    _STAYS: "from_date",
    _ASKED: "applied_on",
    _RETURNS: "returned_on",
    _PU: "deported_on",
}
DEFECTS = (
    Defect(_PERSONS, "person twice", "A person has one row.", _other_sex, adds=True),
    Defect(
        _PERSONS,
        "citizenship differs in family",
        "The members of a family share a citizenship.",
        _another_citizenship,
        _not_first,
    ),
    Defect(
        _PERSONS,
        "size differs in family",
        "The members of a family share a family size.",
        lambda rows, _tables: rows.assign(family_size=rows["family_size"] + 1),
        _not_first,
    ),
    Defect(
        _PERSONS,
        "member too many",
        "A family has no more members than its size.",
        _another_person,
        adds=True,
    ),
    Defect(
        _PERSONS,
        "citizenship in capitals",
        "Citizenships differ in more than case and spaces.",
        lambda rows, _tables: rows.assign(citizenship=rows["citizenship"].str.upper()),
        _single,
    ),
    Defect(
        _DECISIONS,
        "decision before asylum application",
        "A decision is not dated before the application for asylum.",
        _before_asylum,
    ),
    Defect(
        _DECISIONS,
        "granted and rejected",
        "A person is not finally granted and finally rejected on one day.",
        lambda rows, _tables: rows.assign(outcome="granted"),
        _rejected,
        adds=True,
    ),
    Defect(
        _DECISIONS,
        "rejected twice",
        "A person is finally rejected once.",
        _ten_days_after,
        _rejected,
        adds=True,
    ),
    Defect(_STAYS, "reversed", "A stay does not end before it begins.", _reversed, _long),
    Defect(
        _STAYS,
        "overlap",
        "Stays of a person at different centres do not overlap.",
        _elsewhere,
        _long,
        adds=True,
    ),
    Defect(
        _STAYS,
        "stay after return",
        "No stay begins after a completed return of the person.",
        _back_after_return,
        _last_before_return,
        adds=True,
    ),
    Defect(
        _STAYS,
        "stay beyond return",
        "No stay goes on for more than a month after a completed return of the person.",
        _beyond_return,
        _last_before_return,
    ),
    Defect(
        _STAYS,
        "centre in capitals",
        "Names of centres differ in more than case and spaces.",
        lambda rows, _tables: rows.assign(centre=rows["centre"].str.upper()),
        _often_named,
    ),
    Defect(
        _ASKED,
        "completed before application",
        "A return is not completed before its application.",
        _too_early,
        _completed,
    ),
    Defect(
        _ASKED,
        "completed without return",
        "A completed return is in udi_returns, in the same or a neighbouring month.",
        _recorded_completed,
        _withdrawn,
    ),
    Defect(
        _RETURNS,
        "assisted without application",
        "An assisted return has a completed application, in the same or a neighbouring month.",
        _recorded_assisted,
        _police,
    ),
    Defect(
        _RETURNS,
        "two returns",
        "A person does not return on two dates.",
        _ten_days_later,
        adds=True,
    ),
    *(
        Defect(
            table,
            "impossible month",
            f"{column} lies between 1990 and the end of the follow-up.",
            _dated(column, date),
        )
        for date, (table, column) in zip(
            (BEFORE_ANY, AFTER_ALL) * 3, _FIRST_DATE.items(), strict=False
        )
    ),
    *(
        Defect(table, "orphan", "The person is in udi_persons.", _another_person)
        for table in _FIRST_DATE
    ),
    *(
        Defect(table, "repeated", "No row repeats another.", _same, adds=True)
        for table in _FIRST_DATE
    ),
    *(
        Defect(table, f"{column}: {kind}", f"{column} {rule}", _spelled(column, change), able)
        for table, column, able in (
            (_PERSONS, "citizenship", _single),
            (_STAYS, "centre", _often_named),
        )
        for kind, (rule, change) in _LABELS.items()
    ),
)
