"""Defects planted in registers, and the list of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.arrays import IntArray
from hazard.simulation.defect_kinds import DEFECTS, Tables


def with_defects(
    tables: Tables, share: float, rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Tables with defects, and where they are.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The six tables of the registers.
    share : float
        Share of the rows of a table with each of its kinds of defect; at least one row.
    rng : Generator

    Returns
    -------
    dict of str to DataFrame
        At most one kind of defect in a family, so that none hides another; rows that were added
        come last.
    DataFrame
        ``table``, ``row`` (1 is the first below the header), ``kind`` and ``rule``.
    """
    family = tables["udi_persons"].set_index("person_id")["family_id"]
    changed = {name: table.copy() for name, table in tables.items()}
    used: set[str] = set()
    places = []
    for defect in DEFECTS:
        rows = tables[defect.table]
        of_row = rows["person_id"].map(family).fillna(rows["person_id"])
        able = np.flatnonzero(defect.able(rows, tables) & ~of_row.isin(used).to_numpy())
        n = min(len(able), max(1, round(share * len(rows))))
        chosen = np.sort(rng.choice(able, n, replace=False))
        used.update(of_row.iloc[chosen])
        defective = defect.make(rows.iloc[chosen].copy(), tables)
        changed[defect.table], position = _put(
            changed[defect.table], chosen, defective, adds=defect.adds
        )
        stated = {"table": defect.table, "kind": defect.kind, "rule": defect.rule}
        places.append(pd.DataFrame({"row": position + 1}).assign(**stated))
    columns = ["table", "row", "kind", "rule"]
    return changed, pd.concat(places)[columns].sort_values(columns[:3], ignore_index=True)


def _put(
    table: pd.DataFrame, chosen: IntArray, defective: pd.DataFrame, *, adds: bool
) -> tuple[pd.DataFrame, IntArray]:
    if adds:
        position = len(table) + np.arange(len(defective))
        return pd.concat([table, defective], ignore_index=True), position
    table.iloc[chosen] = defective
    return table, chosen
