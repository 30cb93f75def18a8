"""From draws and rows of paths to standardised risks, in one pass over paths, months and arms.

Hazards are never stored. What all arms have in common in a month is looked up once, what a person
has throughout once for the whole path; only the histories are an arm's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled, compiled_in_parallel
from hazard.errors import EstimandError
from hazard.estimands.g_formula.groups import EVERYBODY, GroupCells, Groups
from hazard.estimands.g_formula.regimes import Branch, total
from hazard.estimands.g_formula.rows import PathRows
from hazard.model.design import Design
from hazard.model.links import share_out
from hazard.model.terms.block import Block
from hazard.spec.links import LINKS

Places = npt.NDArray[np.uint32]

_Names = dict[str, list[Any]]
_AT_ONCE = 32  # draws whose tables are in memory


def standardise(
    beta: xr.DataArray, rows: Iterable[PathRows], *, branches: Sequence[Branch] | None = None
) -> xr.Dataset:
    """Mean over persons of cumulative incidence and survival, in every draw and branch.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`hazard.estimands.incidence.coefficients`.
    rows : iterable of PathRows
        From :func:`hazard.estimands.g_formula.path_rows`; every path counts the same.
    branches : sequence of Branch, optional
        From :func:`total` (all arms, the default), :func:`controlled_direct` or :func:`separable`.

    Returns
    -------
    Dataset
        ``cumulative_incidence`` (chain, draw, arm, exit, month), the probability of having left
        through the exit by the end of the month, and ``survival`` (chain, draw, arm, month), that
        of still being there; they sum to 1. ``arm`` holds the names of the branches, ``month`` is
        that of the path, from 1. ``attrs["n_persons"]`` is the number of paths.

    Raises
    ------
    EstimandError
        If there are no rows, the draws are of another model, a branch names what is not there, or
        a risk is not finite.

    Notes
    -----
    With the hazards h_ij(s) of person i under the arm, S_i(t) = product over s <= t of
    (1 - sum_j h_ij(s)) and F_ij(t) = sum over s <= t of h_ij(s) S_i(s - 1); the result is their
    mean over persons, the parametric g-formula for histories set from outside [1]_.

    References
    ----------
    .. [1] Young, Stensrud, Tchetgen Tchetgen and Hernán (2020), A causal framework for classical
       statistical estimands in failure-time settings with competing events, Statistics in Medicine
       39(8).

    Examples
    --------
    One person, one exit, odds 1 in the first month and 1/3 later: hazards 1/2, 1/4, 1/4.

    >>> from hazard.model.terms.block import Block
    >>> month = Block("month", "baseline", np.arange(2), np.arange(2), None, None)
    >>> index = np.array([[0], [1], [1]], dtype=np.int32)
    >>> design = Design(("left",), "softmax", (month,), index, np.zeros(3, dtype=np.int8),
    ...                 np.ones(3), np.arange(3), {})
    >>> beta = xr.DataArray(np.log([[[[1.0], [1 / 3]]]]), dims=("chain", "draw", "coefficient",
    ...                     "exit"))
    >>> risks = standardise(beta, [PathRows({"observed": design}, 3)])
    >>> risks["cumulative_incidence"].values.ravel().round(5).tolist()
    [0.5, 0.625, 0.71875]
    """
    return standardise_by(beta, rows, {}, branches=branches)[EVERYBODY]


def standardise_by(
    beta: xr.DataArray,
    rows: Iterable[PathRows],
    groups: Groups,
    *,
    branches: Sequence[Branch] | None = None,
) -> dict[str, xr.Dataset]:
    """Standardised risks of everybody, and of the members of every group, in the same pass.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
    rows : iterable of PathRows
    groups : mapping of str to array_like, shape (path,)
        By the name of a grouping (nationality, size of the centre at the start), the level of every
        path, in the order of the rows. A path belongs to one level of each.
    branches : sequence of Branch, optional

    Returns
    -------
    dict of str to Dataset
        ``"everybody"`` is that of :func:`standardise`. By the name of every grouping the same with
        one dimension more, of that name, and with ``n_persons`` (level): the mean of the levels,
        weighted with it, is that of everybody.

    Raises
    ------
    EstimandError
        As :func:`standardise`; or if a grouping has another number of paths, a missing level, or
        the name of a dimension.
    """
    cells = GroupCells.from_groups(groups)
    draws = beta.transpose("chain", "draw", "coefficient", "exit")
    sums: FloatArray | None = None
    names: _Names = {}
    n_paths = 0
    for part in rows:
        first = next(iter(part.arms.values()))
        _check_draws(draws, first)
        compared = branches or total(list(part.arms))
        names = {"arm": [branch.name for branch in compared], "exit": list(first.exits)}
        if sums is None:
            sums = np.zeros(
                (*draws.shape[:2], cells.n, len(compared), len(first.exits) + 1, part.horizon)
            )
        _add(sums, draws.values, _table_rows(part, compared), cells.part(n_paths, part.n_paths))
        n_paths += part.n_paths
    if sums is None:
        raise EstimandError("risks by the g-formula must have rows of paths; got none.")
    _check_finite(sums)
    coords = {name: draws[name] for name in ("chain", "draw")}
    return _by_grouping(sums, cells.counted(n_paths), coords, names)


def _add(sums: FloatArray, draws: FloatArray, table_rows: _TableRows, cell: IntArray) -> None:
    """Add the sums over some paths, (chain, draw, cell, branch, exit and then stay, month)."""
    totals = sums.reshape(-1, *sums.shape[2:])
    by_draw = draws.reshape(-1, *draws.shape[2:])
    positions = _RowPositions(
        table_rows.fixed, table_rows.shared, table_rows.varying, table_rows.source, cell
    )
    for begin in range(0, len(by_draw), _AT_ONCE):
        chunk = slice(begin, begin + _AT_ONCE)
        levels = [_levels(block, by_draw[chunk, span]) for block, span in table_rows.blocks]
        with np.errstate(over="ignore"):  # reported by the check that risks are finite
            odds = np.exp(np.concatenate(levels, axis=1))
        _add_draws(table_rows.link, odds, positions, totals[chunk])


def _check_finite(sums: FloatArray) -> None:
    infinite = ~np.isfinite(sums[:, :, 0]).all(axis=(2, 3, 4))  # everybody is in cell 0
    if infinite.any():
        raise EstimandError(
            f"risks by the g-formula must be finite; got others in {infinite.sum():,} of "
            f"{infinite.size:,} draws. Look for coefficients without "
            "information, and give them a narrower prior."
        )


# --- from sums to labels ------------------------------------------------------------------------
def _by_grouping(
    sums: FloatArray, cells: GroupCells, coords: Mapping[str, xr.DataArray], names: _Names
) -> dict[str, xr.Dataset]:
    """Means by grouping; ``sums`` (chain, draw, cell, arm, exit and then stay, month) is used up.

    With many groups it is most of the memory, so that nothing is copied.
    """
    sums /= cells.number[:, None, None, None]
    np.cumsum(sums[..., :-1, :], axis=-1, out=sums[..., :-1, :])
    everybody = _labelled(sums[:, :, 0], coords, names)
    by_grouping = {EVERYBODY: everybody.assign_attrs(n_persons=int(cells.number[0]))}
    for name, (span, levels) in cells.groupings.items():
        by_level = _labelled(sums[:, :, span], coords, {name: levels, **names})
        by_grouping[name] = by_level.assign(n_persons=(name, cells.number[span]))
    return by_grouping


def _labelled(means: FloatArray, coords: Mapping[str, xr.DataArray], names: _Names) -> xr.Dataset:
    """Risks of the exits and the probability of being there, beside each other -> labelled."""
    dims = ("chain", "draw", *names, "month")
    labels = {**coords, **names, "month": np.arange(1, means.shape[-1] + 1)}
    by_exit = xr.DataArray(means[..., :-1, :], labels, dims)
    del labels["exit"]
    survival = xr.DataArray(means[..., -1, :], labels, tuple(d for d in dims if d != "exit"))
    return xr.Dataset({"cumulative_incidence": by_exit, "survival": survival})


# --- rows as positions in tables ----------------------------------------------------------------
@dataclass(frozen=True)
class _TableRows:
    """Blocks of some paths, and where each row stands in their stacked table.

    Attributes
    ----------
    blocks : list of (Block, slice)
        With the positions of their coefficients.
    fixed : ndarray of uint32, shape (path, fixed block)
        Of blocks that do not change along a path.
    shared : ndarray of uint32, shape (row, shared block)
        Of blocks that are the same in all arms.
    varying : ndarray of uint32, shape (row, arm, own block)
    source : ndarray of uint32, shape (branch, exit)
        Arm of the odds; the one after the last where they are zero.
    horizon, link : int
    """

    blocks: list[tuple[Block, slice]]
    fixed: Places
    shared: Places
    varying: Places
    source: Places
    horizon: int
    link: int


class _RowPositions(NamedTuple):
    """As of :class:`_TableRows`, and the cells of each path, as compiled code takes them."""

    fixed: Places
    shared: Places
    varying: Places
    source: Places
    cell: IntArray


def _levels(block: Block, beta: FloatArray) -> FloatArray:
    """Part of the linear predictor of every level, (draw, level, exit)."""
    return beta if block.basis is None else block.basis @ beta


def _table_rows(paths: PathRows, branches: Sequence[Branch]) -> _TableRows:
    designs = list(paths.arms.values())
    first = designs[0]
    spans = [first.span(block.name) for block in first.blocks]
    is_shared = [all(_same(b, first, other) for other in designs[1:]) for b in range(len(spans))]
    blocks: list[tuple[Block, slice]] = []
    n_levels = 0

    def place(design: Design, b: int) -> Places:
        nonlocal n_levels
        blocks.append((design.blocks[b], spans[b]))
        n_levels += design.blocks[b].n_levels
        before = n_levels - design.blocks[b].n_levels
        return (design.index[:, b] + before).astype(np.uint32)

    columns = [place(first, b) for b in range(len(spans)) if is_shared[b]]
    by_path = [column.reshape(-1, paths.horizon) for column in columns]
    constant = [bool((column == column[:, :1]).all()) for column in by_path]
    varying = [
        [place(design, b) for b in range(len(spans)) if not is_shared[b]] for design in designs
    ]
    source = np.array([branch.sources(first.exits, list(paths.arms)) for branch in branches])
    n_rows = len(first.row)
    return _TableRows(
        blocks=blocks,
        fixed=_side_by_side(
            [
                column[:, 0]
                for column, is_constant in zip(by_path, constant, strict=True)
                if is_constant
            ],
            paths.n_paths,
        ),
        shared=_side_by_side(
            [
                column
                for column, is_constant in zip(columns, constant, strict=True)
                if not is_constant
            ],
            n_rows,
        ),
        varying=np.ascontiguousarray(
            np.stack([_side_by_side(by_block, n_rows) for by_block in varying], axis=1)
        ),
        source=np.where(source < 0, len(designs), source).astype(np.uint32),
        horizon=paths.horizon,
        link=LINKS[first.link].code,
    )


def _same(b: int, one: Design, other: Design) -> bool:
    """Whether two designs have the same in a block, row by row."""
    left, right = one.blocks[b], other.blocks[b]
    if left.n_levels != right.n_levels or (left.basis is None) != (right.basis is None):
        return False
    return bool(np.array_equal(one.index[:, b], other.index[:, b])) and (
        left.basis is None or bool(np.array_equal(left.basis, right.matrix()))
    )


def _side_by_side(columns: list[Places], n: int) -> Places:
    empty = np.zeros((n, 0), dtype=np.uint32)
    return np.ascontiguousarray(np.column_stack(columns)) if columns else empty


def _check_draws(draws: xr.DataArray, design: Design) -> None:
    expected = (design.n_coefficients, len(design.exits))
    if draws.shape[2:] != expected:
        raise EstimandError(
            f"draws must have the coefficients and exits of the design, {expected}; got "
            f"{draws.shape[2:]}. Take them from the posterior of this model."
        )
    names = [str(name) for name in draws["exit"].values] if "exit" in draws.coords else None
    if names not in (None, list(design.exits)):
        raise EstimandError(
            f"draws must have the exits of the design in their order, {list(design.exits)}; got "
            f"{names}."
        )


@compiled_in_parallel
def _add_draws(
    link: int,
    levels: FloatArray,
    positions: _RowPositions,
    out: FloatArray,
) -> None:
    """Add the sums over paths of every draw; ``levels`` are exponentiated linear predictors.

    The odds of the arm after the last are zero. Each draw is summed by one core, path after path,
    so that neither cores nor parts of the paths change a sum.
    """
    fixed, _, varying, source, cell = positions
    n_exits, horizon = levels.shape[2], out.shape[4]
    for d in numba.prange(len(levels)):
        level = levels[d]
        person, leave = np.empty(n_exits), np.empty(n_exits)
        odds = np.zeros((varying.shape[1] + 1, n_exits))
        path = np.empty((len(source), n_exits + 1, horizon))
        survival = np.empty(len(source))
        for i in range(fixed.shape[0]):
            person[:] = 1.0
            _times(person, level, fixed, i)
            survival[:] = 1.0
            for t in range(horizon):
                _odds(person, level, positions, i * horizon + t, odds)
                for w in range(len(source)):
                    for j in range(n_exits):
                        leave[j] = odds[source[w, j], j]
                    stay = share_out(link, leave, 1.0)
                    for j in range(n_exits):
                        path[w, j, t] = survival[w] * leave[j]
                    survival[w] *= stay
                    path[w, n_exits, t] = survival[w]
            for g in range(cell.shape[1]):
                out[d, cell[i, g]] += path


@compiled
def _times(odds: FloatArray, level: FloatArray, places: Places, row: int) -> None:
    """Multiply by what a row has in each block: products replace exponentials."""
    for b in range(places.shape[1]):
        for j in range(odds.shape[0]):
            odds[j] *= level[places[row, b], j]


@compiled
def _odds(
    person: FloatArray, level: FloatArray, positions: _RowPositions, row: int, odds: FloatArray
) -> None:
    """Write what is exponentiated of the linear predictor of every arm."""
    shared, varying = positions.shared, positions.varying
    last = odds.shape[0] - 1
    odds[0] = person
    _times(odds[0], level, shared, row)
    for a in range(1, last):
        odds[a] = odds[0]
    for a in range(last):
        for b in range(varying.shape[2]):
            for j in range(odds.shape[1]):
                odds[a, j] *= level[varying[row, a, b], j]
