"""Paths under every arm as rows of a design, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hazard.errors import EstimandError
from hazard.estimands.interventions import Arm, PathEvents, histories
from hazard.model.design import Design, apply
from hazard.spec import ModelSpec


@dataclass(frozen=True, eq=False)
class PathRows:
    """Some paths under every arm.

    Attributes
    ----------
    arms : mapping of str to Design
        By the name of the arm; rows are the months of the first path, then of the second.
    horizon : int
        Months of a path.

    Raises
    ------
    EstimandError
        If there is no arm, the arms are not of one model, or rows of a path are missing.
    """

    arms: Mapping[str, Design]
    horizon: int

    def __post_init__(self) -> None:
        """Check what the kernel relies on."""
        if not self.arms:
            raise EstimandError("rows of paths must have at least one arm; got none.")
        first = next(iter(self.arms.values()))
        for name, design in self.arms.items():
            _check_whole(name, design, self.horizon)
            _check_alike(name, design, first)

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return len(next(iter(self.arms.values())).row) // self.horizon


def path_rows(
    path_events: PathEvents,
    arms: Sequence[Arm],
    frozen: Design,
    spec: ModelSpec,
    *,
    n_paths: int = 2000,
) -> Iterator[PathRows]:
    """Rows of all paths under every arm, so many paths at once.

    Parameters
    ----------
    path_events : PathEvents
    arms : sequence of Arm
        Of different names.
    frozen : Design
        As :func:`hazard.model.design.build` made it: the design whose coefficients are to be used.
    spec : ModelSpec
        Of that design.
    n_paths : int
        Paths in a part. It bounds the memory, and changes no risk by more than a rounding error.

    Yields
    ------
    PathRows

    Raises
    ------
    EstimandError
        If two arms have the same name, or as :func:`hazard.estimands.interventions.histories`.
    """
    names = [arm.name for arm in arms]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise EstimandError(f"arms must have different names; got {duplicates} more than once.")
    for part in path_events.parts(n_paths):
        frame = part.paths.frame()
        designs = {arm.name: apply(frozen, frame, histories(part, arm), spec) for arm in arms}
        yield PathRows(designs, part.paths.horizon)


def _check_whole(name: str, design: Design, horizon: int) -> None:
    n_rows = len(design.row)
    left_out = sum(counts.rows for counts in design.left_out.values())
    if left_out or not n_rows or n_rows % horizon:
        raise EstimandError(
            f"rows of arm {name!r} must be {horizon} months of every path; got {n_rows:,} rows, "
            f"and {left_out:,} left out. Apply the design to the frame of the paths, with known "
            "histories."
        )


def _check_alike(name: str, design: Design, first: Design) -> None:
    is_alike = (
        len(design.row) == len(first.row)
        and design.link == first.link
        and design.exits == first.exits
        and [block.name for block in design.blocks] == [block.name for block in first.blocks]
        and design.n_coefficients == first.n_coefficients
        and bool(np.array_equal(design.row, first.row))
    )
    if not is_alike:
        raise EstimandError(
            f"arm {name!r} must have the rows, exits and coefficients of the first arm; got "
            "others. Apply the same design to the same paths."
        )
