"""Persons -> families: who belongs together, who represents the family, what it is like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray, IntArray
from hazard.data.registers.keys import Ids, is_first, ordered_codes
from hazard.data.registers.records import TABLES

LARGE = 3
STATELESS = ("stateless", "statsløs")


@dataclass(frozen=True, eq=False, repr=False)
class Roster:
    """Every family of the register, in the order of the family ids.

    Attributes
    ----------
    person_ids : Ids
        Of the persons, sorted.
    person_family : ndarray of int64, shape (n_persons,)
        Family of each person.
    families : DataFrame
        ``nationality``, ``sex`` (of the representative), ``family_size``, ``large_family``.
    repeated_rows : int
        Rows left out because an earlier one has the same person id.
    n_suppressed : int
        Persons whom the privacy filter takes out of the sample.
    suppressed : ndarray of bool, shape (n_families,)
        Families of which it leaves nobody.
    """

    person_ids: Ids
    person_family: IntArray
    families: pd.DataFrame
    repeated_rows: int
    n_suppressed: int
    suppressed: BoolArray

    @property
    def n_families(self) -> int:
        """Number of families."""
        return len(self.families)

    def person_of(self, ids: pd.Series) -> IntArray:
        """Position of every person id; -1 for a person who is not in the register."""
        return self.person_ids.find(ids)

    def family_of(self, ids: pd.Series) -> IntArray:
        """Family of every person id; -1 for a person who is not in the register."""
        person = self.person_of(ids)
        return np.where(person < 0, -1, self.person_family[person])


def roster(persons: pd.DataFrame, seed: int, *, kept: BoolArray | None = None) -> Roster:
    """Families of the persons, with one representative each, drawn at random.

    Parameters
    ----------
    persons : DataFrame
        As ``Registers.persons``; its order does not matter.
    seed : int
        Of the draw; only the sex of the family depends on it.
    kept : ndarray of bool, optional
        Rows of persons whom the privacy filter leaves in the sample; by default all. The family is
        described and represented by those members, as far as it has any.

    Notes
    -----
    Members should share citizenship and family size (``check`` reports where they do not): the
    family takes the citizenship of its first member by id, and the largest size stated.
    """
    once = one_row_each(persons)
    stays_in = np.ones(len(once), dtype=np.bool_)
    if kept is not None:
        stays_in = once["person_id"].isin(persons.loc[kept, "person_id"]).to_numpy()
    ids = Ids.from_column(once["person_id"])
    person = ids.find(once["person_id"])
    family, labels = ordered_codes(once["family_id"])
    suppressed = np.bincount(family[stays_in], minlength=len(labels)) == 0
    eligible = stays_in | suppressed[family]
    order = np.lexsort((person, ~eligible, family))
    starts = np.flatnonzero(is_first(family[order]))
    members = np.bincount(family[eligible], minlength=len(labels))
    representative = starts + np.floor(np.random.default_rng(seed).random(len(labels)) * members)
    sizes = np.where(eligible, once["family_size"].to_numpy(dtype=np.int64), 0)
    size = np.maximum.reduceat(sizes[order], starts)
    person_family = np.empty(len(ids.labels), dtype=np.int64)
    person_family[person] = family
    families = pd.DataFrame(
        {
            "nationality": _labels(once["citizenship"])[order[starts]],
            "sex": _sex(once)[order[representative.astype(np.int64)]],
            "family_size": size,
            "large_family": pd.Categorical.from_codes(
                (size >= LARGE).astype(np.int8), pd.Index(["no", "yes"])
            ),
        }
    )
    return Roster(
        ids, person_family, families, len(persons) - len(once), int((~stays_in).sum()), suppressed
    )


def is_stateless(nationality: pd.Series) -> pd.Series:
    """Whether a citizenship means that there is none.

    Examples
    --------
    >>> is_stateless(pd.Series(["Irak", "Statsløs"])).tolist()
    [False, True]
    """
    return nationality.astype(str).str.strip().str.lower().isin(STATELESS)


def _sex(persons: pd.DataFrame) -> pd.Categorical:
    return pd.Categorical(persons["sex"], categories=TABLES["udi_persons"]["sex"].levels)


def _labels(column: pd.Series) -> pd.Categorical:
    codes, labels = ordered_codes(column)
    return pd.Categorical.from_codes(codes, labels)


def one_row_each(persons: pd.DataFrame) -> pd.DataFrame:
    """One row per person: of several the first in the order of all their cells as text."""
    if not persons["person_id"].duplicated().any():
        return persons
    text = persons.astype(str).reset_index(drop=True)
    first_rows = text.sort_values(list(text.columns)).drop_duplicates("person_id").index
    return persons.iloc[first_rows]
