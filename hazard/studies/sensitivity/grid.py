"""The cells: every family of lag priors at two scales, beside the priors of the model file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hazard.errors import EstimandError, UsageError, did_you_mean
from hazard.spec import ModelSpec
from hazard.spec.priors import SHAPES, Prior

REFERENCE = "model"

SCALES: Mapping[float, str] = MappingProxyType(
    {
        0.5: "19 of 20 monthly odds ratios within a factor of 2.7, were all lags alike",
        0.25: "half of that: within a factor of 1.6, so that a published ratio of 2 is a surprise",
    }
)
"""Root mean square over the lags of the prior standard deviations, with a reason for each."""


@dataclass(frozen=True)
class Cell:
    """One prior of every lagged term.

    Attributes
    ----------
    prior : str
        Name of the family, or ``"model"`` for the priors of the model file.
    scale : float or None
        Root mean square over lags of the prior standard deviations; None for the model's own.
    reason : str
    priors : mapping of term to Prior
    """

    prior: str
    scale: float | None
    reason: str
    priors: Mapping[str, Prior]

    @property
    def name(self) -> str:
        """Name on the command line, such as ``horseshoe:0.5``, or ``model``."""
        return self.prior if self.scale is None else f"{self.prior}:{self.scale:g}"


def cells(spec: ModelSpec, scales: Mapping[float, str] = SCALES) -> tuple[Cell, ...]:
    """The model's own priors, then every family at every scale.

    Parameters
    ----------
    spec : ModelSpec
    scales : mapping of float to str
        The scales, with a reason for each.

    Returns
    -------
    tuple of Cell
        All families of one scale have the same prior variance, summed over lags: they differ in
        the shape that they expect, not in how much. Of a term with windows each window counts as
        one lag, at its middle; where one joins lag 0 with others there is no shape that singles
        out the month of the event, such as ``spike``.

    Raises
    ------
    EstimandError
        If the model has no lagged term.

    Examples
    --------
    >>> from hazard.spec import read
    >>> [cell.name for cell in cells(read("oslo2016"))][:4]
    ['model', 'normal:0.5', 'normal:0.25', 'pooled:0.5']
    """
    if not spec.lagged:
        raise EstimandError("sensitivity must be of a model with a lagged term; it has none.")
    lags = {term.name: np.mean(term.coefficient_windows, axis=1) for term in spec.lagged}
    no_month = any(a < b and a <= 0 <= b for t in spec.lagged for a, b in t.coefficient_windows)
    model_priors = {term.name: term.prior for term in spec.lagged}
    grid = [Cell(REFERENCE, None, "the priors of the model file", model_priors)]
    for shape in SHAPES:
        if shape.prior.singles_out_event and no_month:
            continue
        for scale, scale_reason in scales.items():
            priors = {name: scaled(shape.prior, scale, place) for name, place in lags.items()}
            grid.append(Cell(shape.name, scale, f"{shape.prior.reason}; {scale_reason}", priors))
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


def scaled(shape: Prior, scale: float, place: npt.ArrayLike) -> Prior:
    """The prior of the same shape whose standard deviations have a root mean square of ``scale``.

    Examples
    --------
    >>> from hazard.spec.priors.random_walk import RandomWalkPrior
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=1.0, reason="an example")
    >>> scaled(walk, 0.5, [0, 1, 2, 3, 4, 5, 6]).symbols  # variances 1 to 7 in units of the first
    'first ~ Normal(0, 0.25), each step ~ Normal(0, 0.25)'
    """
    lag = np.asarray(place, dtype=np.float64)
    return shape.times(scale / np.sqrt(shape.mean_variance(lag)))
