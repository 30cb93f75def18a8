"""The families of a scenario: when they come, and where each finds its part of the predictor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import IntArray
from hazard.data.registers.keys import is_first
from hazard.errors import EstimandError
from hazard.model.design import Design, apply
from hazard.model.equivalent import merged
from hazard.model.terms.block import Block
from hazard.spec import LaggedTerm, ModelSpec

_MOST_LEVELS = 4096  # of blocks that are joined, so that a family looks up less
Arrivals = Literal["observed", "none"]


@dataclass(frozen=True, eq=False)
class ScenarioFamilies:
    """Who lives in a scenario, in the order in which they come.

    Attributes
    ----------
    panel : DataFrame
    row : ndarray of int64, shape (family,)
        Position of the first row of each.
    offset : ndarray of int64, shape (family,)
        Months from the start of the scenario to the arrival; 0 for those who are there.
    start : int
        Calendar month of the start.
    horizon : int
        Months.
    """

    panel: pd.DataFrame
    row: IntArray
    offset: IntArray
    start: int
    horizon: int

    @property
    def begin(self) -> IntArray:
        """First row of each family among those of :meth:`frame`, shape (family,)."""
        return np.cumsum(self.horizon - self.offset) - (self.horizon - self.offset)

    def starts(self) -> pd.DataFrame:
        """First rows, all of them dated at the start of the scenario."""
        return self.panel.iloc[self.row].reset_index(drop=True).assign(calendar=self.start)

    def frame(self) -> pd.DataFrame:
        """Row per family and month from its arrival to the end, as if nobody left."""
        n_months = self.horizon - self.offset
        rows = self.panel.iloc[np.repeat(self.row, n_months)].reset_index(drop=True)
        elapsed = np.arange(len(rows)) - np.repeat(self.begin, n_months)
        for name in ("month", "calendar"):
            first = rows[name].to_numpy(dtype=np.int64)
            rows[name] = pd.Series(first + elapsed).astype(rows[name].dtype)
        return rows.assign(
            exit=pd.Categorical(["stay"] * len(rows), categories=rows["exit"].cat.categories)
        )


def families(
    panel: pd.DataFrame, start: int, *, horizon: int, arrivals: Arrivals = "observed"
) -> ScenarioFamilies:
    """Families at risk in a calendar month, and those who arrive later.

    Parameters
    ----------
    panel : DataFrame
        As in :mod:`hazard.data.contracts`, with ``calendar``.
    start : int
        Calendar month.
    horizon : int
        Months of the scenario; the last of them is in the panel.
    arrivals : {"observed", "none"}
        Who has the first row after the start arrives then, or not at all.

    Returns
    -------
    ScenarioFamilies

    Raises
    ------
    EstimandError
        If the months are not those of the panel, or nobody lives in them.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1, 2], "calendar": [420, 421, 422, 423]})
    >>> cohort = families(panel, 421, horizon=2)
    >>> cohort.row.tolist(), cohort.offset.tolist()
    ([1, 2], [0, 1])
    """
    calendar = panel["calendar"].to_numpy(dtype=np.int64)
    first, last = int(calendar.min()), int(calendar.max())
    if horizon < 1 or start < first or start + horizon - 1 > last:
        raise EstimandError(
            f"scenario must lie within the {last - first + 1} months of the panel; got months "
            f"{start - first + 1} to {start - first + horizon}. Begin later, or shorten it."
        )
    months_of_arrival = 1 if arrivals == "none" else horizon
    rows = np.flatnonzero((calendar >= start) & (calendar < start + months_of_arrival)).astype(
        np.int64
    )
    rows = rows[is_first(panel["person"].to_numpy()[rows])]
    if not len(rows):
        raise EstimandError("scenario must have a family; got none at risk in its months.")
    rows = rows[np.argsort(calendar[rows], kind="stable")]
    return ScenarioFamilies(panel, rows, calendar[rows] - start, start, horizon)


@dataclass(frozen=True, eq=False)
class Predictor:
    """The linear predictor of the families but for what they see.

    Attributes
    ----------
    design : Design
        Rows of :meth:`ScenarioFamilies.frame`, all without an event.
    blocks : tuple of Block
        Those that tell of no events, and of counts the part that they have without any.
    coefficients : ndarray of int64
        Positions of theirs among those of the design.
    index : ndarray of int32, shape (row, block)
        Position of the level in the stacked table of these blocks.
    curve : ndarray of int64, shape (term, family)
        Lag curve of every family: 0 for the common one, else the copy and one.
    """

    design: Design
    blocks: tuple[Block, ...]
    coefficients: IntArray
    index: np.ndarray
    curve: IntArray


def predictor(frozen: Design, cohort: ScenarioFamilies, spec: ModelSpec) -> Predictor:
    """Where the families find their part of the linear predictor.

    Parameters
    ----------
    frozen : Design
        That of the posterior.
    cohort : ScenarioFamilies
    spec : ModelSpec

    Returns
    -------
    Predictor

    Raises
    ------
    EstimandError
        If a lag curve changes with time.
    """
    frame = cohort.frame()
    silent = {
        term.name: xr.DataArray(
            np.zeros((len(frame), len(term.every_lag)), dtype=np.float32), dims=("row", "lag")
        )
        for term in spec.lagged
    }
    applied = apply(frozen, frame, silent, spec)
    lagged = {name for term in spec.lagged for name in (term.name, term.varying_name)}
    constant = [
        b for b, block in enumerate(applied.blocks) if block.name not in lagged or block.centre
    ]
    reduced = replace(
        applied, blocks=tuple(applied.blocks[b] for b in constant), index=applied.index[:, constant]
    )
    all_positions = np.arange(applied.n_coefficients)
    positions = np.concatenate(
        [all_positions[applied.span(block.name)] for block in reduced.blocks]
    )
    reduced = merged(reduced, _MOST_LEVELS)
    first = np.cumsum([0, *(block.n_levels for block in reduced.blocks)])[:-1]
    curves = [_curve(applied, term, cohort) for term in spec.lagged]
    return Predictor(
        applied,
        reduced.blocks,
        positions,
        np.ascontiguousarray(reduced.index + first.astype(np.int32)),
        np.array(curves, dtype=np.int64).reshape(len(curves), len(cohort.row)),
    )


def _curve(applied: Design, term: LaggedTerm, cohort: ScenarioFamilies) -> IntArray:
    if term.varies_by is None:
        return np.zeros(len(cohort.row), dtype=np.int64)
    b = [block.name for block in applied.blocks].index(str(term.varying_name))
    owner = applied.blocks[b].owner
    by_row = np.zeros(0, dtype=np.int64) if owner is None else owner[applied.index[:, b]] + 1
    at_start: IntArray = by_row[cohort.begin]
    if (np.repeat(at_start, cohort.horizon - cohort.offset) != by_row).any():
        raise EstimandError(
            f"term {term.name!r} must have one lag curve per family in a scenario; got one that "
            "changes with time."
        )
    return at_start
