"""Tables with the structure of well-known data, the same as in ``reference/structures.R``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import IntArray

BLOOD = np.array(["A", "AB", "B", "O"])
LIVER = ("ltx", "death", "withdraw")
_STATES = np.array([*["ltx"] * 5, *["death"] * 2, "withdraw", "stay", "stay"])


def drawn(i: IntArray, a: int, m: int) -> IntArray:
    """Numbers below m that look drawn."""
    return (i * a * (i + 7)) % 1009 % m


def months(entry: IntArray, last: IntArray, left: npt.NDArray[np.str_]) -> pd.DataFrame:
    """One row per person and period from the one after the entry to the last."""
    length = last - entry
    person = np.repeat(np.arange(len(last)), length)
    before = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    month = np.repeat(entry, length) + 1 + before
    ends = month == np.repeat(last, length)
    return pd.DataFrame(
        {"person": person, "month": month, "exit": np.where(ends, np.repeat(left, length), "stay")}
    )


def heart() -> pd.DataFrame:
    """Days on a waiting list, with a transplant that comes on one of them or not at all."""
    i = np.arange(1, 104)
    wait, last = 1 + drawn(i, 83, 60), 1 + drawn(i, 197, 250)
    moved = (drawn(i, 113, 10) < 7) & (wait < last)
    left = np.where(drawn(i, 71, 10) < 7, "death", "stay")
    days = months(np.zeros_like(last), last, left)
    whose = days["person"].to_numpy()
    return days.assign(
        age=(30 + drawn(i, 31, 30))[whose],
        surgery=1 * (drawn(i, 57, 7) == 0)[whose],
        transplant=1 * (moved[whose] & (days["month"].to_numpy() > wait[whose])),
    )


def liver() -> pd.DataFrame:
    """Days until a transplant, death or withdrawal, in four groups; every third enters late."""
    i = np.arange(1, 401)
    entry = np.where(drawn(i, 29, 3) == 0, drawn(i, 91, 20), 0)
    days = months(entry, entry + 1 + drawn(i, 131, 120), _STATES[drawn(i, 151, 10)])
    whose = days["person"].to_numpy()
    return days.assign(
        blood=BLOOD[drawn(i, 43, 4)][whose],
        age=(20 + drawn(i, 61, 50))[whose],
        treated=(i % 2)[whose],
    )
