"""Log-likelihood of every unit in every draw, summed over the rows of the unit."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import xarray as xr

from hazard.arrays import FloatArray
from hazard.compiled import compiled_in_parallel
from hazard.model.design import Design
from hazard.model.kernels import row_score
from hazard.model.likelihood import table
from hazard.model.units import UnitRows, Units, unit_rows

_MOST_NUMBERS = 2**22  # of tables in memory at a time


def log_likelihood(beta: xr.DataArray, design: Design, grouping: Units) -> xr.DataArray:
    """Log probability of what every unit did, given the coefficients of each draw.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`hazard.estimands.incidence.coefficients`.
    design : Design
    grouping : Units
        Of the rows of the design.

    Returns
    -------
    DataArray, dims (chain, draw, unit)
        Never positive; the sum over units is the log-likelihood of the design.

    Notes
    -----
    A few draws after the other: beside the result and the rows themselves, memory holds the tables
    of as many draws as 32 MiB take, or of one, and never a number per row and draw. The result
    takes 8 bytes per draw and unit. Each draw is one thread's work, so that no sum depends on the
    cores.

    Examples
    --------
    Odds of 1 to 3: a month of staying has probability 3/4, leaving 1/4.

    >>> import pandas as pd
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> from hazard.model.units import units
    >>> model = spec.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    >>> rows = pd.DataFrame({"person": [1, 1, 2], "exit": ["stay", "left", "stay"]})
    >>> beta = xr.DataArray(np.log([[[[1 / 3]]]]), dims=("chain", "draw", "coefficient", "exit"))
    >>> by_unit = log_likelihood(beta, design.build(rows, {}, model), units(rows["person"]))
    >>> np.exp(by_unit).values.ravel().tolist()  # 3/4 * 1/4 and 3/4
    [0.1875, 0.75]
    """
    data = unit_rows(design, grouping)
    by_draw = np.empty((beta.sizes["chain"] * beta.sizes["draw"], len(grouping)))
    for chunk, levels in tables(beta, design):
        _unit_sums(data, levels, by_draw[chunk])
    return labelled(by_draw, beta, grouping)


def tables(beta: xr.DataArray, design: Design) -> Iterator[tuple[slice, FloatArray]]:
    """Tables of all blocks for a few draws at a time.

    Yields
    ------
    slice
        Which draws, chain after chain.
    ndarray, shape (draw, level, exit)
    """
    draws = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit").values
    size = sum(block.n_levels for block in design.blocks) * len(design.exits)
    step = max(1, _MOST_NUMBERS // size)
    for first in range(0, len(draws), step):
        chunk = slice(first, first + step)
        yield chunk, np.stack([table(design.blocks, draw_beta) for draw_beta in draws[chunk]])


def labelled(by_draw: FloatArray, beta: xr.DataArray, grouping: Units) -> xr.DataArray:
    """Numbers of shape (chain and draw, unit), with the chains and draws of ``beta``."""
    shape = (beta.sizes["chain"], beta.sizes["draw"], len(grouping))
    return xr.DataArray(
        by_draw.reshape(shape),
        {"unit": grouping.labels},
        ("chain", "draw", "unit"),
        "log_likelihood",
    )


@compiled_in_parallel
def _unit_sums(data: UnitRows, levels: FloatArray, out: FloatArray) -> None:
    """Log-likelihood (draw, unit) of every unit, for the tables of some draws."""
    n_draws, _, n_exits = levels.shape
    for draw in numba.prange(n_draws):
        eta, probability, score = np.empty(n_exits), np.empty(n_exits), np.empty(n_exits)
        for unit in range(out.shape[1]):
            value = 0.0
            for i in range(data.start[unit], data.start[unit + 1]):
                eta[:] = 0.0
                for b in range(data.place.shape[1]):
                    for j in range(n_exits):
                        eta[j] += levels[draw, data.place[i, b], j]
                value += data.weight[i] * row_score(
                    data.link, eta, data.outcome[i], probability, score
                )
            out[draw, unit] = value
