"""What the registers hold, and what their definitions make of them: columns and frozen records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd


class Window(NamedTuple):
    """First and last calendar month that is analysed, and the last one that is registered."""

    first: int
    last: int
    follow_up_end: int


@dataclass(frozen=True)
class Column:
    """What a cell must hold; ``levels`` is a closed list, ``optional`` allows an empty cell."""

    kind: Literal["text", "date", "count"] = "text"
    levels: tuple[str, ...] = ()
    optional: bool = False


_TEXT, _DATE, _MAYBE = Column(), Column("date"), Column("date", optional=True)

TABLES: dict[str, dict[str, Column]] = {
    "udi_persons": {
        "person_id": _TEXT,
        "family_id": _TEXT,
        "citizenship": _TEXT,
        "sex": Column(levels=("male", "female")),
        "family_size": Column("count"),
        "asylum_applied_on": _MAYBE,
    },
    "udi_decisions": {
        "person_id": _TEXT,
        "decided_on": _DATE,
        "outcome": Column(levels=("granted", "rejected")),
        "final": Column(levels=("yes", "no")),
    },
    "udi_stays": {"person_id": _TEXT, "centre": _TEXT, "from_date": _DATE, "to_date": _MAYBE},
    "udi_applications": {"person_id": _TEXT, "applied_on": _DATE, "completed_on": _MAYBE},
    "udi_returns": {
        "person_id": _TEXT,
        "returned_on": _DATE,
        "kind": Column(levels=("assisted", "police")),
    },
    "pu_deportations": {
        "person_id": _TEXT,
        "deported_on": _DATE,
        "category": Column(levels=("asyl", "bortvisning", "dublin", "utvisning")),
    },
}


# without a representation, so that no log or traceback shows its rows
@dataclass(frozen=True, eq=False, repr=False)
class Registers:
    """The two linked registers, one frame per file, as they were read.

    Columns are those of ``TABLES``; dates are datetime64, a missing date is NaT. ``altered`` marks,
    by table and column, the rows whose text was normalised or whose time of day was dropped; a
    column without any is not in it.
    """

    persons: pd.DataFrame
    decisions: pd.DataFrame
    stays: pd.DataFrame
    applications: pd.DataFrame
    returns: pd.DataFrame
    deportations: pd.DataFrame
    window: Window
    altered: Mapping[tuple[str, str], npt.NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The frames by the name of their file."""
        frames = (
            self.persons,
            self.decisions,
            self.stays,
            self.applications,
            self.returns,
            self.deportations,
        )
        return dict(zip(TABLES, frames, strict=True))


@dataclass(frozen=True, eq=False)
class FamilyHistories:
    """Families at risk, where they lived, how they left, and what happened around them.

    Attributes
    ----------
    families : DataFrame
        One row per family of the sample: ``person`` (0 to n - 1, in the order of the family ids),
        ``nationality``, ``sex``, ``family_size``, ``large_family``, and the first and last calendar
        month at risk, ``start`` and ``end``, both included.
    residence : DataFrame
        ``person``, ``calendar``, ``centre``: one row per family and month in a centre, within the
        window, at risk or not, sorted.
    exits : DataFrame
        ``person``, ``exit``, ``calendar``: at most one row per family; the categories of ``exit``
        are the exits of the definitions, in their order.
    events : DataFrame
        ``person``, ``exposure``, ``calendar``, ``centre``, ``nationality``: one row per family,
        month and kind. Families outside the sample have codes from n on; ``centre`` is missing for
        a family in no centre.
    window : Window
        Its last month is earlier than in the extract when the unknown tail is dropped.
    flow : DataFrame
        ``step`` (read, excluded, kept, note), ``reason``, ``persons``, ``families``; read minus
        excluded is kept.
    residents : function
        Makes a DataFrame when called, so that nobody pays who needs no rates: ``person``,
        ``calendar``, ``centre``, ``nationality``, one row per month of the window and family of the
        registers, in the sample or not, known in that month (see
        :func:`hazard.data.registers.residence.known_months`); ``centre`` is missing in no centre.
    """

    families: pd.DataFrame
    residence: pd.DataFrame
    exits: pd.DataFrame
    events: pd.DataFrame
    window: Window
    flow: pd.DataFrame
    residents: Callable[[], pd.DataFrame]
