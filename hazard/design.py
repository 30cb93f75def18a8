"""Panel, exposure histories and model file -> the linear predictor as index tables.

The design matrix is never stored. A term of the linear predictor is a block: a small matrix
(``basis``: level by coefficient) and, for every row, the level that applies. The linear predictor
of row i and exit j is the sum over blocks b of ``(basis_b @ beta_b)[index[i, b], j]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.errors import DesignError, did_you_mean
from hazard.links import Link
from hazard.spec import InterceptPrior, LaggedTerm, ModelSpec, Term
from hazard.terms import baseline, calendar, covariate, group, lagged
from hazard.terms.block import AnyIntArray, Block, FloatArray, IntArray, column

__all__ = ["Block", "Design", "Histories", "build", "coefficient_counts", "identified", "merged"]

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
    left_out : dict
        Number of panel rows left out, by reason.
    """

    exits: tuple[str, ...]
    link: Link
    blocks: tuple[Block, ...]
    index: npt.NDArray[np.int32]
    outcome: npt.NDArray[np.int8]
    weight: FloatArray
    row: IntArray
    left_out: Mapping[str, int]

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
        One row per person and month at risk (see :mod:`hazard.contracts`).
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
        through an exit that the model does not have, or no row is left.
    """
    known = _known_rows(len(panel), histories, spec)
    if not known.any():
        raise DesignError("panel must keep at least one row with a known exposure history; got 0.")
    rows = panel if known.all() else panel[known]
    kept = {name: values.values[known] for name, values in histories.items()}
    parts = [_intercept(spec.outcome.intercept, len(rows))]
    parts += [_term(term, rows, kept) for term in spec.term]
    parts.sort(key=lambda part: part[0].basis is None)  # so that joining blocks keeps the order
    return Design(
        exits=spec.outcome.exits,
        link=spec.outcome.link,
        blocks=tuple(block for block, _ in parts),
        index=np.column_stack([index for _, index in parts]).astype(np.int32),
        outcome=_outcome(rows, spec.outcome.exits),
        weight=np.ones(len(rows)),
        row=np.flatnonzero(known).astype(np.int64),
        left_out={"exposure history before the start of the register": int((~known).sum())},
    )


def collapsed(design: Design) -> Design:
    """Equal rows (same levels, same outcome) as one row with their number as weight.

    Rows come out ordered by level, largest blocks first, so that neighbours share table rows.
    """
    columns = [design.index[:, b] for b in range(len(design.blocks))]
    order_of_blocks = np.argsort([block.n_levels for block in design.blocks])
    keys = [design.outcome, *(columns[b] for b in order_of_blocks)]
    order = np.lexsort(keys)
    change = np.zeros(len(order), dtype=bool)
    change[0] = True
    for key in keys:
        change[1:] |= key[order][1:] != key[order][:-1]
    starts = np.flatnonzero(change)
    first = order[starts]
    return replace(
        design,
        index=np.ascontiguousarray(design.index[first]),
        outcome=design.outcome[first],
        weight=np.add.reduceat(design.weight[order], starts),
        row=design.row[first],
    )


def merged(design: Design, limit: int) -> Design:
    """Neighbouring dense blocks joined into one, as long as few combinations of levels occur.

    The linear predictor and the order of the coefficients do not change; a row needs fewer
    look-ups. Blocks with an identity basis are left alone; :func:`build` puts them last.

    Parameters
    ----------
    design : Design
    limit : int
        Largest number of combinations of levels in a joined block.
    """
    blocks: list[Block] = []
    columns: list[npt.NDArray[np.int32]] = []
    for b, block in enumerate(design.blocks):
        index = design.index[:, b]
        if blocks and block.basis is not None:
            joined, joined_index = _join(blocks[-1], columns[-1], block, index)
            if joined.n_levels <= limit:
                blocks[-1], columns[-1] = joined, joined_index
                continue
        blocks.append(block)
        columns.append(index)
    return replace(
        design, blocks=tuple(blocks), index=np.ascontiguousarray(np.column_stack(columns))
    )


def coefficient_counts(design: Design) -> FloatArray:
    """Weight of each outcome among the rows in which a coefficient takes part.

    Returns
    -------
    ndarray, shape (coefficient, 1 + n_exits)
    """
    counts = []
    n_outcomes = 1 + len(design.exits)
    for b, block in enumerate(design.blocks):
        flat = design.index[:, b].astype(np.int64) * n_outcomes + design.outcome
        table = np.bincount(flat, design.weight, block.n_levels * n_outcomes)
        takes_part = (block.matrix() != 0).astype(np.float64)
        counts.append(takes_part.T @ table.reshape(block.n_levels, n_outcomes))
    return np.concatenate(counts)


def identified(design: Design) -> Design:
    """The same model with a reference level per group, so that maximum likelihood is unique.

    The reference is the level with the most person-months.
    """
    blocks = []
    for b, block in enumerate(design.blocks):
        if block.kind != "group":
            blocks.append(block)
            continue
        size = np.bincount(design.index[:, b], design.weight, block.n_levels)
        keep = np.arange(block.n_levels) != int(np.argmax(size))
        blocks.append(
            replace(
                block,
                basis=np.eye(block.n_levels)[:, keep],
                coefficients=block.coefficients[keep],
            )
        )
    return replace(design, blocks=tuple(blocks))


def _known_rows(n_rows: int, histories: Histories, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    known = np.ones(n_rows, dtype=bool)
    for term in spec.lagged:
        if term.name not in histories:
            raise DesignError(
                f"term {term.name!r} must have an exposure history; got {sorted(histories)}."
                + did_you_mean(term.name, histories)
            )
        _check_shape(term, histories[term.name].shape, n_rows)
        known &= ~np.isnan(histories[term.name].values).any(axis=1)
    return known


def _check_shape(term: LaggedTerm, shape: tuple[int, ...], n_rows: int) -> None:
    wanted = (n_rows, term.lags[1] - term.lags[0] + 1)
    if shape != wanted:
        raise DesignError(
            f"history of term {term.name!r} must have one row per row of the panel and one column "
            f"per lag, {wanted}; got {shape}."
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


def _intercept(prior: InterceptPrior, n_rows: int) -> tuple[Block, IntArray]:
    block = Block(
        name="intercept",
        kind="intercept",
        levels=np.array(["all"]),
        coefficients=np.array(["intercept"]),
        basis=np.ones((1, 1)),
        prior=prior,
    )
    return block, np.zeros(n_rows, dtype=np.int64)


def _term(
    term: Term, rows: pd.DataFrame, histories: Mapping[str, FloatArray]
) -> tuple[Block, IntArray]:
    if term.kind == "baseline":
        return baseline.build(term, rows)
    if term.kind == "calendar":
        return calendar.build(term, rows)
    if term.kind == "covariate":
        return covariate.build(term, rows)
    if term.kind == "group":
        return group.build(term, rows)
    return lagged.build(term, histories[term.name])


def _join(
    left: Block, left_index: AnyIntArray, right: Block, right_index: AnyIntArray
) -> tuple[Block, npt.NDArray[np.int32]]:
    flat = left_index.astype(np.int64) * right.n_levels + right_index
    codes, levels = pd.factorize(flat)
    basis = np.hstack(
        [left.matrix()[levels // right.n_levels], right.matrix()[levels % right.n_levels]]
    )
    block = Block(
        name=f"{left.name}+{right.name}",
        kind="joined",
        levels=np.arange(len(levels)),
        coefficients=np.concatenate([left.coefficients, right.coefficients]),
        basis=basis,
        prior=None,
    )
    return block, codes.astype(np.int32)
