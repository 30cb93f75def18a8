"""The privacy filter on entry: who has too few others alike at a centre, and what that does.

The report states the principle: at every centre where a person has lived, at least two others
share citizenship, sex and family size. Three readings are settled here. *Others* are other persons
with a stay at that centre at any time in the extract, not only at the same time. They are counted
among all persons of the extract, once: a person stays although an other is taken out. Any
registered stay counts, and a person without one stays. All three take out fewer people than their
alternatives do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.families import one_row_each
from hazard.data.registers.keys import is_first, ordered_codes, positions
from hazard.data.registers.records import Registers

OTHERS = 2
_SIZES = (10, 50, 200)


def kept(registers: Registers, *, others: int = OTHERS) -> BoolArray:
    """Whether each row of ``persons`` is of a person who has enough others alike at every centre.

    Parameters
    ----------
    registers : Registers
    others : int
        How many others must share citizenship, sex and family size.

    Returns
    -------
    ndarray of bool, one per row of ``persons``

    Notes
    -----
    A person with several rows has the features of the first of them in sorted order, as in
    ``families.roster``.
    """
    once = one_row_each(registers.persons)
    person, ids = ordered_codes(once["person_id"])
    profile = np.empty(len(ids), dtype=np.int64)
    features = [once[name].astype(str) for name in ("citizenship", "sex", "family_size")]
    profile[person] = pd.MultiIndex.from_arrays(features).factorize()[0]
    resident, centre = _person_centres(registers, ids)
    _, cell, size = np.unique(
        np.column_stack([centre, profile[resident]]),
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    enough = np.ones(len(ids), dtype=np.bool_)
    enough[resident[size[cell.ravel()] <= others]] = False
    is_kept: BoolArray = enough[positions(registers.persons["person_id"], ids)]
    return is_kept


def without(registers: Registers, keep: BoolArray) -> Registers:
    """The registers without the persons of some rows, and without what is dated of them.

    Parameters
    ----------
    registers : Registers
    keep : ndarray of bool, one per row of ``persons``

    Notes
    -----
    Rows of persons who are not in ``persons`` stay: nobody knows whom they are alike.
    """
    removed = registers.persons.loc[~keep, "person_id"]
    tables = {
        name: frame[~frame["person_id"].isin(removed)].reset_index(drop=True)
        for name, frame in registers.tables.items()
    }
    persons, decisions, stays, applications, returns, deportations = tables.values()
    return replace(
        registers,
        persons=persons,
        decisions=decisions,
        stays=stays,
        applications=applications,
        returns=returns,
        deportations=deportations,
    )


def shift(registers: Registers, *, others: int = OTHERS) -> pd.DataFrame:
    """How the privacy filter tilts the persons of the registers.

    Parameters
    ----------
    registers : Registers
    others : int
        As for :func:`kept`.

    Returns
    -------
    DataFrame
        ``feature`` (all, citizenship, sex, family_size, smallest_centre), ``level``, distinct
        ``persons_before`` and ``persons_after``, ``share_before`` and ``share_after`` of all
        persons. The size of a centre is the number of persons who ever lived there, and a person
        is put under the smallest centre where the person lived.

    Notes
    -----
    The table is about persons, and has small cells: it is not for publication as it is.
    """
    once = one_row_each(registers.persons)
    kept_ids = registers.persons.loc[kept(registers, others=others), "person_id"]
    stays_in = once["person_id"].isin(kept_ids).to_numpy()
    features = {"all": pd.Series("all", index=once.index)}
    features |= {name: once[name].astype(str) for name in ("citizenship", "sex", "family_size")}
    features["smallest_centre"] = _smallest_centre(registers, once)
    parts = []
    for name, level in features.items():
        before = level.value_counts().sort_index()
        after = level[stays_in].value_counts().reindex(before.index, fill_value=0)
        counted = pd.DataFrame({"persons_before": before, "persons_after": after})
        parts.append(counted.rename_axis("level").reset_index().assign(feature=name))
    table = pd.concat(parts, ignore_index=True)
    for side, total in (("before", len(once)), ("after", max(int(stays_in.sum()), 1))):
        table[f"share_{side}"] = table[f"persons_{side}"] / total
    columns = ["persons_before", "persons_after", "share_before", "share_after"]
    return table[["feature", "level", *columns]]


def _person_centres(registers: Registers, ids: pd.Index) -> tuple[IntArray, IntArray]:
    """Distinct pairs of a known person and a centre."""
    centre, _ = ordered_codes(registers.stays["centre"])
    resident = positions(registers.stays["person_id"], ids)
    order = np.lexsort((centre, resident))
    order = order[(resident >= 0)[order]]
    resident, centre = resident[order], centre[order]
    distinct = is_first(resident) | is_first(centre)
    return resident[distinct], centre[distinct]


def _smallest_centre(registers: Registers, once: pd.DataFrame) -> pd.Series:
    """Size class of the smallest centre where each person lived."""
    person, ids = ordered_codes(once["person_id"])
    resident, centre = _person_centres(registers, ids)
    size = np.bincount(centre, minlength=1)[centre]
    smallest = np.full(len(ids), np.iinfo(np.int64).max)
    np.minimum.at(smallest, resident, size)
    low, middle, high = _SIZES
    names = [f"1-{low - 1}", f"{low}-{middle - 1}", f"{middle}-{high - 1}", f"{high} or more"]
    size_class = np.searchsorted(_SIZES, smallest[person], side="right")
    level = np.array(names, dtype=object)[size_class]
    level[smallest[person] == np.iinfo(np.int64).max] = "in no centre"
    return pd.Series(level, index=once.index)
