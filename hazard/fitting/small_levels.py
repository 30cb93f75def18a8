"""Rows of which a result is: of ten persons or more, small levels put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard.data import cells, disclosure
from hazard.data.contracts import numeric
from hazard.data.disclosure import BETWEEN, Levels
from hazard.data.exposures.own import happened
from hazard.fitting.records import Fit, Panel
from hazard.model import design
from hazard.model.terms import covariate
from hazard.model.terms.group import combinations
from hazard.spec import PERIODS, CovariateTerm, GroupTerm, ModelSpec


def is_confidential(rows: Panel, spec: ModelSpec) -> bool:
    """Whether small levels are put together: as the model file says, else where rows come from."""
    stated = spec.table.confidential
    return rows.of_registers if stated is None else stated


def pool_small_levels(rows: Panel, spec: ModelSpec) -> Panel:
    """The rows of confidential data, with the levels that are put together in every term.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec

    Returns
    -------
    Panel
        With the same columns. Persons are counted among the rows with a known history, of which
        the model is. Rows of a table that nobody called confidential are as they were.

    Raises
    ------
    DisclosureError
        If these are rows of fewer than ten persons, of registers or chosen by ``only`` also where
        the data are public. In confidential data also if a column of a term identifies a person,
        or is left with one level; if a covariate has one number in all but fewer than ten
        persons, or one of two in fewer than ten; if an exposure of one's own, or one of its lags,
        is of fewer than ten persons.

    Notes
    -----
    Numbers change where a level has few persons: its effect is that of all such levels together.
    """
    if not is_confidential(rows, spec):
        if rows.of_registers or spec.only:
            disclosure.refuse_few(rows.frame["person"].nunique(), "a model")
        return rows
    kept, _ = design.kept_rows(rows.frame, rows.histories, spec)
    panel = rows.frame.iloc[kept]
    if len(kept):  # rows without any are refused where the design is built
        disclosure.refuse_few(panel["person"].nunique(), "a model")
        histories = {name: history.isel(row=kept) for name, history in rows.histories.items()}
        _refuse_rare(panel, histories, spec)
    small = disclosure.small_levels_of(panel, levels_of(panel, spec)) if len(kept) else {}
    return replace(rows, frame=disclosure.with_small_levels(rows.frame, small))


def by_level(rows: Panel, column: str, spec: ModelSpec) -> Panel:
    """The rows, small levels of a column by which they are compared put together in the column.

    Those of a table that nobody called confidential are as they were.

    Raises
    ------
    DisclosureError
        If the column identifies persons, or is left with one level.
    """
    if not is_confidential(rows, spec) or column not in rows.frame or column in PERIODS:
        return rows  # refused where the levels are compared
    pooled = disclosure.pooled(rows.frame, column)
    return replace(rows, frame=rows.frame.assign(**{column: pooled}))


def refuse_small_level(rows: Panel, spec: ModelSpec, column: str, level: str) -> None:
    """Raise when something would be about one level of confidential data with few persons.

    Raises
    ------
    DisclosureError
        If the level has persons, but fewer than ten.
    """
    if not is_confidential(rows, spec) or column not in rows.frame:
        return
    in_level = cells.labels(rows.frame[column]) == level
    if in_level.any():
        n_persons = rows.frame.loc[in_level.to_numpy(), "person"].nunique()
        disclosure.refuse_few(n_persons, f"a level of {column!r}")


def refuse_few_persons(fit: Fit, subject: str) -> None:
    """Raise when a result would describe fewer than ten persons of confidential data.

    Raises
    ------
    DisclosureError
        One sentence.
    """
    if fit.facts["source"] != "table" or fit.spec.only or fit.spec.table.confidential:
        disclosure.refuse_few(fit.facts["panel"]["design_persons"], subject)


def levels_of(panel: pd.DataFrame, spec: ModelSpec) -> dict[str, Levels]:
    """Levels of every group and covariate that has any; periods of time alone are left out."""
    parts = [term.parts for term in spec.term if isinstance(term, GroupTerm)]
    parts += [(term.varies_by.by,) for term in spec.lagged if term.varies_by is not None]
    parts += [
        (part,) for columns in parts for part in columns
    ]  # as the predictive check divides them
    levels = {
        BETWEEN.join(columns): combinations(columns, panel)
        for columns in dict.fromkeys(parts)
        if not set(columns) <= set(PERIODS)
    }
    for term in spec.term:
        if isinstance(term, CovariateTerm) and _has_levels(panel, term):
            levels[term.column] = covariate.levels(panel[term.column], panel)
    return levels


def _has_levels(panel: pd.DataFrame, term: CovariateTerm) -> bool:
    if term.column not in panel or panel[term.column].isna().any():
        return False  # refused where the design is built
    return term.reference is not None or not numeric(panel[term.column])


def _refuse_rare(
    panel: pd.DataFrame, histories: Mapping[str, xr.DataArray], spec: ModelSpec
) -> None:
    """Raise when a number, or an exposure at one of its lags, sets a few persons apart."""
    for term in spec.term:
        if not isinstance(term, CovariateTerm) or term.column not in panel:
            continue
        values = panel[term.column]
        if not numeric(values) or values.nunique() < 2:
            continue
        at_mode = (values == values.mode().iloc[0]).to_numpy()
        binary = values.nunique() == 2
        if binary:
            disclosure.refuse_rare(term.column, at_mode, panel["person"])
        if binary or panel["person"][at_mode].nunique() >= disclosure.SMALLEST:
            disclosure.refuse_rare(term.column, ~at_mode, panel["person"])
    for lagged in spec.lagged:
        if lagged.network == "own" and lagged.exposure in panel:
            exposed = np.nan_to_num(happened(panel, lagged)) != 0
            disclosure.refuse_rare(lagged.exposure, exposed, panel["person"])
            history = np.nan_to_num(histories[lagged.name].to_numpy()) != 0
            for lag in history.T:
                disclosure.refuse_rare(lagged.exposure, lag, panel["person"])
