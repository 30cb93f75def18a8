"""The rows of some persons only, such as those of one nationality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.data import disclosure
from hazard.data.cells import labels
from hazard.errors import PanelError, did_you_mean


def chosen(panel: pd.DataFrame, only: Mapping[str, str | Sequence[str]]) -> npt.NDArray[np.bool_]:
    """Which rows are of persons with one of the chosen levels, in every column.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk.
    only : mapping of str to str or sequence of str
        Level or levels of each column, as ``[only]`` of a model file says.

    Returns
    -------
    ndarray of bool, shape (row,)
        All rows of a person, or none.

    Raises
    ------
    PanelError
        If a column is not there, is missing somewhere or changes within a person, a level does not
        occur, or nobody has all that is asked for.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 2], "country": ["A", "A", "B", "C"]})
    >>> chosen(panel, {"country": ["A", "C"]}).tolist()
    [True, True, False, True]
    """
    rows = np.ones(len(panel), dtype=bool)
    for column, levels in only.items():
        chosen_levels = [levels] if isinstance(levels, str) else list(levels)
        rows &= _of_column(panel, column, chosen_levels)
    if not rows.any():
        raise PanelError(
            f"[only] must leave at least one person; got none with all of {list(only)}. Ask for "
            "fewer columns, or for more levels."
        )
    return rows


def of_rows(panel: pd.DataFrame, rows: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Rows of a panel, numbered anew; categories of columns other than ``exit`` that still occur.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 1], "country": pd.Categorical(["A", "B"])})
    >>> of_rows(panel, np.array([False, True]))["country"].cat.categories.tolist()
    ['B']
    """
    subset = panel[rows].reset_index(drop=True)
    for name in subset.select_dtypes("category").columns.difference(["exit"]):
        subset[name] = subset[name].cat.remove_unused_categories()
    return subset


def _of_column(panel: pd.DataFrame, column: str, levels: Sequence[str]) -> npt.NDArray[np.bool_]:
    if column not in panel:
        raise PanelError(
            f"[only] must name columns of the panel; got {column!r}, not one of "
            f"{list(panel.columns)}.{did_you_mean(column, panel.columns)}"
        )
    codes, present = pd.factorize(labels(panel[column]))
    person = panel["person"].to_numpy()
    changed = codes != pd.Series(codes).groupby(person).transform("first").to_numpy()
    if changed.any() or panel[column].isna().any():
        raise PanelError(
            f"[only] must name columns that are known and stay the same for a person; {column!r} "
            f"changes for {len(np.unique(person[changed])):,} of {len(np.unique(person)):,} "
            f"persons and is missing in {int(panel[column].isna().sum()):,} rows. "
            "Choose another column."
        )
    absent = [level for level in levels if level not in present]
    if absent:
        raise PanelError(
            f"[only] must name levels of {column!r} that occur; got {absent}."
            + did_you_mean(absent[0], disclosure.common(panel[column], panel["person"]))
        )
    return np.asarray(np.isin(present, levels)[codes])
