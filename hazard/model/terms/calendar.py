"""Effect of calendar time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import FloatArray, IntArray
from hazard.model.terms.block import Block, column, contrasts, place
from hazard.months import month_text, year_of
from hazard.spec import CalendarTerm


def build(
    term: CalendarTerm, rows: pd.DataFrame, frozen: Block | None = None
) -> tuple[Block, IntArray]:
    """Block with one level per period of the window, or per month of the year.

    Periods are relative to the first; those of the window without rows have a level too, so that
    the steps of a random walk are of equal length. Seasons sum to zero.

    Parameters
    ----------
    term : CalendarTerm
    rows : DataFrame
    frozen : Block, optional
        The block of an earlier panel, whose levels are kept.

    Raises
    ------
    DesignError
        If a row lies in a period that the frozen block does not have.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> rows = pd.DataFrame({"calendar": [420, 432, 433]})
    >>> block, index = build(CalendarTerm(kind="calendar", by="year", prior=prior), rows)
    >>> index.tolist(), block.coefficients.tolist()
    ([0, 1, 1], [2006])
    >>> block, index = build(CalendarTerm(kind="calendar", by="quarter", prior=prior), rows)
    >>> index.tolist(), block.levels.tolist()
    ([0, 4, 4], ['2005Q1', '2005Q2', '2005Q3', '2005Q4', '2006Q1'])
    """
    numbers, index = np.unique(_number(term.name, column(rows, "calendar")), return_inverse=True)
    if frozen is None:
        frozen = _block(term, numbers)
    return frozen, place(_labels(term.name, numbers), index, frozen, rows)


def periods(name: str, rows: pd.DataFrame) -> npt.NDArray[np.str_]:
    """Label of the period of every row, in an order that is that of time.

    Parameters
    ----------
    name : {"year", "quarter", "calendar_month", "season"}
    rows : DataFrame

    Examples
    --------
    >>> periods("season", pd.DataFrame({"calendar": [420, 431, 432]})).tolist()
    ['01', '12', '01']
    """
    numbers, index = np.unique(_number(name, column(rows, "calendar")), return_inverse=True)
    labels = [f"{n:02d}" for n in numbers] if name == "season" else _labels(name, numbers)
    return np.array(labels, dtype=str)[index]


def _block(term: CalendarTerm, numbers: IntArray) -> Block:
    if term.by == "season":
        levels, basis = np.arange(1, 13), waves(12)
        coefficients = np.array([f"{wave} {k}" for k in range(1, 7) for wave in ("cos", "sin")])[
            :-1
        ]
    else:
        levels = _labels(term.name, np.arange(numbers[0], numbers[-1] + 1))
        basis, coefficients = contrasts(len(levels)), levels[1:]
    return Block(
        name=term.name,
        kind=term.kind,
        levels=levels,
        coefficients=coefficients,
        basis=basis,
        prior=term.prior,
    )


def waves(n: int) -> FloatArray:
    """Orthonormal waves over a cycle of ``n`` levels, an even number.

    Returns
    -------
    ndarray, shape (n, n - 1)
        Cosine and sine of once, twice, ... in a cycle; each sums to zero. The last is a cosine.

    Notes
    -----
    For independent coefficients with sd s the effects of the levels have variance s^2 (1 - 1 / n)
    and covariance -s^2 / n: none is special.

    Examples
    --------
    >>> waves(4).round(3)
    array([[ 0.707,  0.   ,  0.5  ],
           [ 0.   ,  0.707, -0.5  ],
           [-0.707,  0.   ,  0.5  ],
           [-0.   , -0.707, -0.5  ]])
    """
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(1, n // 2 + 1)) / n
    cosines_and_sines = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(n, -1)[:, : n - 1]
    return np.asarray(cosines_and_sines / np.linalg.norm(cosines_and_sines, axis=0))


def _number(name: str, calendar: pd.Series) -> IntArray:
    """Number of the period of every row; neighbouring periods have neighbouring numbers."""
    months = calendar.to_numpy(dtype=np.int64)
    match name:
        case "year":
            return year_of(months)
        case "quarter":
            return months // 3
        case "season":
            return months % 12 + 1
    return months


def _labels(name: str, numbers: IntArray) -> npt.NDArray[Any]:
    match name:
        case "quarter":
            quarters = zip(year_of(3 * numbers), numbers % 4 + 1, strict=True)
            return np.array([f"{year}Q{quarter}" for year, quarter in quarters])
        case "calendar_month":
            return np.array([month_text(number) for number in numbers])
    return numbers
