"""Panel, exposure histories and model file -> the linear predictor as index tables.

The design matrix is never stored. A term of the linear predictor is a block: a small matrix
(``basis``: level by coefficient) and, for every row, the level that applies. The linear predictor
of row i and exit j is the sum over blocks b of ``(basis_b @ beta_b)[index[i, b], j]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.data.left_out import LeftOut, by_reason
from hazard.errors import DesignError, did_you_mean
from hazard.model.dependence import DependentRows, dependent_rows
from hazard.model.terms import lagged
from hazard.model.terms.block import Block, column, unknown_levels
from hazard.model.terms.parts import parts
from hazard.spec import ModelSpec
from hazard.spec.links import LinkName

__all__ = [
    "Block",
    "Design",
    "Histories",
    "apply",
    "build",
    "kept_rows",
]

Histories = Mapping[str, xr.DataArray]


@dataclass(frozen=True)
class Design:
    """Rows of the panel as level indices, with the blocks that give the levels their meaning.

    Attributes
    ----------
    exits : tuple of str
        Ways out, in the frozen order; code 0 of ``outcome`` is "stay", code j is ``exits[j - 1]``.
    link : str
    blocks : tuple of Block
    index : ndarray of int32, shape (row, block)
        Level of each block in each row.
    outcome : ndarray of int8, shape (row,)
    weight : ndarray of float64, shape (row,)
        Number of person-months that the row stands for.
    row : ndarray of int64, shape (row,)
        Position in the panel (of the first of the collapsed rows).
    left_out : dict of str to LeftOut
        Persons, panel rows and exits left out, by reason; every row counts for one reason only.
    dependence : DependentRows, or None
        Which rows may depend on each other beyond what the terms say; of the rows that a design is
        built from, and not of others that it is applied to.
    """

    exits: tuple[str, ...]
    link: LinkName
    blocks: tuple[Block, ...]
    index: npt.NDArray[np.int32]
    outcome: npt.NDArray[np.int8]
    weight: FloatArray
    row: IntArray
    left_out: Mapping[str, LeftOut]
    dependence: DependentRows | None = None

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients per exit."""
        return sum(block.n_coefficients for block in self.blocks)

    def span(self, name: str) -> slice:
        """Positions of a block's coefficients among all coefficients of an exit."""
        start = 0
        for block in self.blocks:
            if block.name == name:
                return slice(start, start + block.n_coefficients)
            start += block.n_coefficients
        raise DesignError(
            f"block must be one of {[b.name for b in self.blocks]}; got {name!r}."
            + did_you_mean(name, [b.name for b in self.blocks])
        )

    def labels(self) -> list[tuple[str, str]]:
        """(block, coefficient) of every coefficient, in order."""
        return [(b.name, str(c)) for b in self.blocks for c in b.coefficients]


def build(panel: pd.DataFrame, histories: Histories, spec: ModelSpec) -> Design:
    """Design of a model on a panel.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk (see :mod:`hazard.data.contracts`).
    histories : mapping of str to DataArray, dims (row, lag)
        Exposure history of every lagged term, by its name; NaN where the history is unknown.
    spec : ModelSpec

    Returns
    -------
    Design
        Rows with an unknown history are left out, and counted in ``left_out``.

    Raises
    ------
    DesignError
        If a column or a history of a term is missing or does not fit the panel, a row leaves
        through an exit that the model does not have, no row is left, or rows depend by columns
        that are not there or have one group.
    """
    design = _design(panel, histories, spec, {})
    if spec.dependence is None:
        return design
    dependence = dependent_rows(panel.iloc[design.row], spec.dependence)
    return replace(design, dependence=dependence)


def kept_rows(
    panel: pd.DataFrame, histories: Histories, spec: ModelSpec
) -> tuple[IntArray, dict[str, LeftOut]]:
    """Positions of the rows with a known history of every term, and what is left out, by reason.

    Parameters
    ----------
    panel : DataFrame
    histories : mapping of str to DataArray, dims (row, lag)
    spec : ModelSpec

    Returns
    -------
    ndarray of int64
    dict of str to LeftOut
        The rows of all reasons, and those that are kept, are those of the panel.
    """
    why = lagged.unknown(spec.lagged, histories, panel)
    return np.flatnonzero(why == "").astype(np.int64), _left_out(panel, why)


def apply(
    frozen: Design,
    panel: pd.DataFrame,
    histories: Histories,
    spec: ModelSpec,
    *,
    unseen: Literal["refuse", "draw"] = "refuse",
) -> Design:
    """Rows of another panel in a design that was built from an earlier one.

    Coefficients keep their meaning: levels, splines and the centres of numeric columns are those of
    the frozen design.

    Parameters
    ----------
    frozen : Design
        As :func:`build` made it, from the same model.
    panel : DataFrame
    histories : mapping of str to DataArray, dims (row, lag)
    spec : ModelSpec
    unseen : {"refuse", "draw"}
        What to do with new levels of groups, and of groups by which a lag curve varies. With
        ``"draw"`` they get coefficients, after those of the frozen block;
        :func:`hazard.estimands.incidence.coefficients` draws them.

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        If the frozen design is of another model, or a row has a level that it does not have.
    """
    design = _design(panel, histories, spec, {block.name: block for block in frozen.blocks})
    _check_frozen(design, frozen)
    if unseen == "refuse":
        _check_seen(design, frozen, panel.iloc[design.row])
    return design


def _check_frozen(design: Design, frozen: Design) -> None:
    names = [block.name for block in design.blocks]
    pairs = zip(design.blocks, frozen.blocks, strict=False)
    if names != [block.name for block in frozen.blocks] or any(
        new.coefficients[: old.n_coefficients].tolist() != old.coefficients.tolist()
        for new, old in pairs
    ):
        raise DesignError(
            f"frozen design must have the coefficients of this model, of the terms {names}; got "
            "others. Build it from the same model file and the same columns."
        )


def _check_seen(design: Design, frozen: Design, rows: pd.DataFrame) -> None:
    for b, (new, old) in enumerate(zip(design.blocks, frozen.blocks, strict=True)):
        unseen = new.coefficients[old.n_coefficients :].tolist()
        if unseen:
            where = design.index[:, b] >= old.n_levels
            if new.owner is not None:
                unseen = lagged.owners(unseen)
                where = new.owner[design.index[:, b]] >= old.copies
            raise DesignError(unknown_levels(new.name, unseen, where, rows))


def _design(
    panel: pd.DataFrame, histories: Histories, spec: ModelSpec, frozen: Mapping[str, Block]
) -> Design:
    row, left_out = kept_rows(panel, histories, spec)
    if not len(row):
        raise DesignError(_nobody(left_out, len(panel)))
    known = np.zeros(len(panel), dtype=bool)
    known[row] = True
    rows = panel if known.all() else panel[known]
    known_histories = {name: values.values[known] for name, values in histories.items()}
    pairs = parts(spec, rows, known_histories, frozen)  # joining blocks keeps their order
    return Design(
        exits=spec.outcome.exits,
        link=spec.outcome.link,
        blocks=tuple(block for block, _ in pairs),
        index=np.column_stack([index for _, index in pairs]).astype(np.int32),
        outcome=_outcome(rows, spec.outcome.exits),
        weight=np.ones(len(rows)),
        row=row,
        left_out=left_out,
    )


def _left_out(panel: pd.DataFrame, why: npt.NDArray[np.str_]) -> dict[str, LeftOut]:
    """Persons, rows and exits by the reason of every row, which is empty for those that stay."""
    if not (reasons := [*np.unique(why[why != ""])]):
        return {}
    person = panel["person"] if "person" in panel else panel.index.to_series()
    leaves = (panel["exit"].astype(str) != "stay").to_numpy()
    return by_reason(person, {str(reason): why == reason for reason in reasons}, leaves)


def _nobody(left_out: Mapping[str, LeftOut], n_rows: int) -> str:
    reasons = ", ".join(f"{reason} ({counts.rows:,} rows)" for reason, counts in left_out.items())
    return (
        "panel must keep at least one row with a known exposure history; got none of "
        f"{n_rows:,} rows. Left out: {reasons}. Shorten the lags, or choose another "
        "history_before_start."
    )


def _outcome(rows: pd.DataFrame, exits: tuple[str, ...]) -> npt.NDArray[np.int8]:
    known = ["stay", *exits]
    codes = pd.Index(known).get_indexer(pd.Index(column(rows, "exit").astype(str)))
    unknown = codes < 0
    if unknown.any():
        raise DesignError(
            f"panel column 'exit' must be one of {known}; got other labels in {unknown.sum():,} of "
            f"{len(codes):,} rows (first: row {rows.index[unknown][0] + 1:,}). Declare the exit "
            "under [outcome], or let it end the history under [data]."
        )
    return codes.astype(np.int8)
