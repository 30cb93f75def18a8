"""Lags taken together, as in the published country models: 0, 1-2, 3-4, 5-6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hazard.design import Block, Design
from hazard.errors import DesignError

PUBLISHED = ((0, 0), (1, 2), (3, 4), (5, 6))


def grouped(design: Design, groups: Sequence[tuple[int, int]] = PUBLISHED) -> Design:
    """The same rows with one coefficient per group of lags of every lagged term.

    Parameters
    ----------
    design : Design
    groups : sequence of (int, int)
        First and last lag of each group.

    Returns
    -------
    Design
        The regressor of a group is the largest of its lags: of indicators, whether it happened in
        any of these months. Its label is ``1-2``, or ``0`` for a single lag.

    Raises
    ------
    DesignError
        If the groups do not hold every lag of a term once and in order, or a lag curve varies by a
        group.

    Notes
    -----
    The report says that the months are joined, not how; "in any of them" is our reading. A model of
    one country is one of its rows, without calendar years.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, section 4.4 and
       table 7-2.

    Examples
    --------
    >>> from hazard import design, spec
    >>> import pandas as pd, xarray as xr
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]
    ... [[term]]
    ... kind = "lagged"
    ... exposure = "visit"
    ... network = "centre"
    ... lags = [0, 2]
    ... history_before_start = "missing"
    ... prior = {family = "normal", scale = 1.0, reason = "an example only"}'''
    >>> panel = pd.DataFrame({"person": [0, 1], "month": [1, 1], "exit": ["stay", "left"]})
    >>> history = xr.DataArray([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dims=("row", "lag"))
    >>> built = design.build(panel, {"visit_centre": history}, spec.load(text))
    >>> block = grouped(built, [(0, 0), (1, 2)]).blocks[1]
    >>> block.coefficients.tolist(), block.basis[built.index[:, 1]].tolist()
    (['0', '1-2'], [[1.0, 0.0], [0.0, 1.0]])
    """
    return replace(
        design,
        blocks=tuple(
            _joined(block, groups) if block.kind in ("lagged", "varying") else block
            for block in design.blocks
        ),
    )


def _joined(block: Block, groups: Sequence[tuple[int, int]]) -> Block:
    if block.owner is not None:
        raise DesignError(
            f"lags of {block.name!r} must be those of one curve to be taken together; got a curve "
            "per level. Fit the rows of each level by themselves."
        )
    held = [lag for first, last in groups for lag in range(first, last + 1)]
    if held != block.places().tolist():
        raise DesignError(
            f"groups of lags must hold each lag of {block.name!r} once and in order, "
            f"{block.places().tolist()}; got {held}. Change the groups."
        )
    matrix = block.matrix()
    columns = [
        matrix[:, held.index(first) : held.index(last) + 1].max(axis=1) for first, last in groups
    ]
    labels = [str(first) if first == last else f"{first}-{last}" for first, last in groups]
    return replace(
        block,
        basis=np.column_stack(columns),
        coefficients=np.array(labels),
        lags=np.array([first for first, _ in groups], dtype=np.int64),
    )
