"""Histories of families -> the panel, one row per family and month at risk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray
from hazard.data.contracts import check_panel
from hazard.data.registers import FamilyHistories
from hazard.data.registers.keys import is_first


def build(histories: FamilyHistories) -> pd.DataFrame:
    """The person-period panel: one row per family and month at risk in a centre.

    Parameters
    ----------
    histories : FamilyHistories

    Returns
    -------
    DataFrame
        ``person``, ``month`` (1 is the first month at risk, inside the window or before it),
        ``calendar``, ``entry``, ``exit``, ``centre``, ``nationality``, ``sex``, ``family_size`` and
        ``large_family``, sorted by person and month (see :mod:`hazard.data.contracts`). Months in
        no centre are gaps. Categories are those that occur.

    Raises
    ------
    PanelError
        If no family has a month at risk.
    """
    families, residence = histories.families, histories.residence
    person, calendar = residence["person"].to_numpy(), residence["calendar"].to_numpy()
    start, end = families["start"].to_numpy()[person], families["end"].to_numpy()[person]
    at_risk = (calendar >= start) & (calendar <= end)
    person, calendar, start = person[at_risk], calendar[at_risk], start[at_risk]
    month = (calendar - start + 1).astype(np.int32)
    of_family = families.drop(columns=["person", "start", "end"]).iloc[person]
    panel = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "calendar": calendar,
            "entry": _entry(person, month),
            "exit": _exit(histories, person, calendar),
            "centre": residence["centre"].array[at_risk],
        }
    ).join(of_family.reset_index(drop=True))
    for name in panel.select_dtypes("category").columns.difference(["exit", "sex", "large_family"]):
        panel[name] = panel[name].cat.remove_unused_categories()
    check_panel(panel, list(histories.exits["exit"].cat.categories))
    return panel


def _entry(person: IntArray, month: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    first = is_first(person)
    return (month[first] - 1)[np.cumsum(first) - 1]


def _exit(
    histories: FamilyHistories, person: IntArray, calendar: npt.NDArray[np.int32]
) -> pd.Categorical:
    exits = histories.exits
    exit_month = np.full(len(histories.families), -1, dtype=np.int64)
    code = np.zeros(len(histories.families), dtype=np.int64)
    exit_month[exits["person"]] = exits["calendar"]
    code[exits["person"]] = exits["exit"].cat.codes + 1
    codes = np.where(calendar == exit_month[person], code[person], 0)
    return pd.Categorical.from_codes(codes, pd.Index(["stay", *exits["exit"].cat.categories]))
