"""The cells: every family of lag priors at three widths, beside the priors of the model file.

The width of a prior is that of the central 95 percent interval of the sum over the lags, the
estimand that is published. It is measured in multiples of the model's own, term by term, so that
the cells lie on both sides of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from hazard.errors import EstimandError, UsageError, did_you_mean
from hazard.spec import LaggedTerm, ModelSpec
from hazard.spec.priors import SHAPES, Prior
from hazard.studies.sensitivity.prior_intervals import sum_half_width

REFERENCE = "model"

MULTIPLES: Mapping[float, str] = MappingProxyType(
    {
        0.5: "the sum over the lags half as wide as under the model's own prior",
        1.0: "the sum over the lags as wide as under the model's own prior",
        2.0: "the sum over the lags twice as wide as under the model's own prior",
    }
)
"""Widths of the 95 percent prior interval of the sum over the lags, the model's own being 1."""
MULTIPLE_OF = "width of the 95 percent interval of the sum over the lags under the term's own prior"


@dataclass(frozen=True)
class Cell:
    """One prior of every lagged term.

    Attributes
    ----------
    prior : str
        Name of the family, or ``"model"`` for the priors of the model file.
    multiple : float or None
        Width of the 95 percent prior interval of the sum over the lags of every term, in units of
        that under the term's own prior; None for the priors of the model file.
    reason : str
    priors : mapping of term to Prior
    """

    prior: str
    multiple: float | None
    reason: str
    priors: Mapping[str, Prior]

    @property
    def name(self) -> str:
        """Name on the command line, such as ``horseshoe:0.5``, or ``model``."""
        return cell_name(self.prior, self.multiple)


def cell_name(prior: str, multiple: float | None) -> str:
    """Name of a cell; without a multiple that of its prior.

    Examples
    --------
    >>> cell_name("horseshoe", 0.5), cell_name("model", None)
    ('horseshoe:0.5', 'model')
    """
    return prior if pd.isna(multiple) else f"{prior}:{multiple:g}"


def cells(spec: ModelSpec, multiples: Mapping[float, str] = MULTIPLES) -> tuple[Cell, ...]:
    """The model's own priors, then every family at every multiple of their width.

    Parameters
    ----------
    spec : ModelSpec
    multiples : mapping of float to str
        Of the width of the 95 percent prior interval of the sum over the lags, with a reason.

    Returns
    -------
    tuple of Cell
        All families of one multiple are as sure of the sum over the lags of a term: they differ in
        how they divide it among the lags, and so in how sure they are of a single one. Of a term
        with windows each coefficient stands at the middle of its window; where a window joins lag 0
        with others there is no shape that singles out the month of the event, such as ``spike``.
        The prior of the differences between levels, where a term varies by a group, is not varied.

    Raises
    ------
    EstimandError
        If the model has no lagged term.

    Examples
    --------
    >>> from hazard.spec import read
    >>> [cell.name for cell in cells(read("oslo2016"))][:5]
    ['model', 'normal:0.5', 'normal:1', 'normal:2', 'pooled:0.5']
    """
    if not spec.lagged:
        raise EstimandError("sensitivity must be of a model with a lagged term; it has none.")
    no_month = any(a < b and a <= 0 <= b for t in spec.lagged for a, b in t.coefficient_windows)
    model_priors = {term.name: term.prior for term in spec.lagged}
    grid = [Cell(REFERENCE, None, "the priors of the model file", model_priors)]
    for shape in SHAPES:
        if shape.prior.singles_out_event and no_month:
            continue
        units = {term.name: as_wide(shape.prior, term) for term in spec.lagged}
        for multiple, width in multiples.items():
            priors = {name: unit.times(multiple) for name, unit in units.items()}
            grid.append(Cell(shape.name, multiple, f"{shape.prior.reason}; {width}", priors))
    return tuple(grid)


def chosen(grid: Sequence[Cell], names: Iterable[str]) -> tuple[Cell, ...]:
    """Cells by their names.

    Raises
    ------
    UsageError
        If a name is not that of a cell.
    """
    by_name = {cell.name: cell for cell in grid}
    for name in names:
        if name not in by_name:
            raise UsageError(
                f"--repeat must be one of {', '.join(by_name)}; got {name!r}."
                + did_you_mean(name, by_name)
            )
    return tuple(by_name[name] for name in dict.fromkeys(names))


def as_wide(shape: Prior, term: LaggedTerm) -> Prior:
    """The prior of the same shape that is as sure of the sum over the lags as the term's own.

    Parameters
    ----------
    shape : Prior
        Its standard deviations are all multiplied by one factor.
    term : LaggedTerm
        Whose lags, windows and prior they are.

    Returns
    -------
    Prior

    Notes
    -----
    The factor is h(own) / h(shape), where h is half the width of the central 95 percent interval of
    c' beta, with c the weights of the sum over the lags
    (:func:`hazard.studies.sensitivity.prior_intervals.half_widths`). Between normal priors it is
    the ratio of the two standard deviations of the sum. An interval, and not a variance, is what is
    matched, for a family with heavy tails has its variance in rare large effects, or has none.
    h is exact for normal priors, with known or learned sd; a prior of another kind has a standard
    error of 0.3 to 0.6 percent.

    Examples
    --------
    A walk has sums 4 z_0 + 3 z_1 + 2 z_2 + z_3, whose variance is 30; of four independent
    coefficients with sd 1 it is 4.

    >>> own = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 3),
    ...                   history_before_start="missing", prior=own)
    >>> from hazard.spec.priors.random_walk import RandomWalkPrior
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=1.0, reason="an example")
    >>> round((4 / 30) ** 0.5, 3), as_wide(walk, term).symbols
    (0.365, 'first ~ Normal(0, 0.365148), each step ~ Normal(0, 0.365148)')
    """
    return shape.times(sum_half_width(term, term.prior) / sum_half_width(term, shape))
