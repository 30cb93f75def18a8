"""The same model on the same rows in another form: fewer rows, fewer blocks, reference levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import AnyIntArray, FloatArray
from hazard.model.design import Design
from hazard.model.terms.block import Block


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
        dependence=None,
    )


def merged(design: Design, limit: int) -> Design:
    """Neighbouring dense blocks joined into one, as long as few combinations of levels occur.

    The linear predictor and the order of the coefficients do not change; a row needs fewer
    look-ups. Blocks with an identity basis are left alone; :func:`hazard.model.design.build` puts
    them last.

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

    The reference is the level with the most person-months. Differences from a common lag curve are
    interactions; where every exposed row has an own difference, those of the level with the most
    exposed person-months are left out, so that the common curve is that of this level. Counts and
    rates are those of the panel: without a prior there is no reason to centre them.
    """
    design = replace(design, blocks=tuple(_uncentred(block) for block in design.blocks))
    blocks = []
    for b, block in enumerate(design.blocks):
        keep = ~_of_reference(design, b)
        if keep.all():
            blocks.append(block)
            continue
        basis, labels = block.matrix()[:, keep], block.coefficients[keep]
        blocks.append(replace(block, basis=basis, coefficients=labels))
    return replace(design, blocks=tuple(blocks))


def _uncentred(block: Block) -> Block:
    """A block of events in which 0 is no event."""
    if block.lags is None or not block.centre:
        return block
    return replace(block, basis=block.values(), centre=0.0)


def _of_reference(design: Design, b: int) -> npt.NDArray[np.bool_]:
    """Coefficients of a block that others make up for."""
    block, level = design.blocks[b], design.index[:, b]
    if block.kind == "group":
        size = np.bincount(level, design.weight, block.n_levels)
        return np.asarray(np.arange(block.n_levels) == np.argmax(size))
    left_out = np.zeros(block.n_coefficients, dtype=bool)
    if block.owner is not None:
        common = [other.name for other in design.blocks].index(str(block.common_block))
        exposed = _is_exposed(design, common)
        varying = _is_exposed(design, b)
        if not (exposed & ~varying).any():
            owner = block.owner[level][varying]
            size = np.bincount(owner, design.weight[varying], block.copies)
            left_out.reshape(block.copies, -1)[int(np.argmax(size))] = True
    return left_out


def _is_exposed(design: Design, b: int) -> npt.NDArray[np.bool_]:
    """Which rows have anything but zeros in a block."""
    return np.asarray(design.blocks[b].matrix().any(axis=1)[design.index[:, b]])


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
