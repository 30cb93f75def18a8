"""The cells: every family of lag priors at two scales, beside the priors of the model file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hazard.errors import EstimandError, UsageError, did_you_mean
from hazard.model.priors import covariance
from hazard.spec import ModelSpec
from hazard.spec.priors import (
    DecayPrior,
    HorseshoePrior,
    HumpPrior,
    MonotonePrior,
    NormalPrior,
    PolynomialPrior,
    PooledPrior,
    Prior,
    RandomWalkPrior,
    SpikePrior,
)

REFERENCE = "model"

SCALES: Mapping[float, str] = MappingProxyType(
    {
        0.5: "19 of 20 monthly odds ratios within a factor of 2.7, were all lags alike",
        0.25: "half of that: within a factor of 1.6, so that a published ratio of 2 is a surprise",
    }
)
"""Root mean square over the lags of the prior standard deviations, with a reason for each."""

_SHAPES: Mapping[str, Prior] = MappingProxyType(
    {
        "normal": NormalPrior(
            family="normal", scale=1.0, reason="each month by itself: no shape is assumed"
        ),
        "pooled": PooledPrior(
            family="pooled", scale=1.0, reason="ridge: how large the effects are is learned"
        ),
        "random_walk": RandomWalkPrior(
            family="random_walk", start=1.0, scale=1.0, reason="neighbouring months are alike"
        ),
        "random_walk_2": RandomWalkPrior(
            family="random_walk",
            order=2,
            start=1.0,
            scale=0.25,
            reason="the curve tends to go on as it went; a step changes by a quarter of the start",
        ),
        "horseshoe": HorseshoePrior(
            family="horseshoe",
            scale=0.2,
            slab=1.0,
            reason="few months matter: a coefficient keeps a quarter of its variance on average",
        ),
        "decay": DecayPrior(
            family="decay",
            scale=1.0,
            half_life=2.0,
            reason="fading: the effect halves every two months, little is left after six",
        ),
        "hump": HumpPrior(
            family="hump",
            scale=1.0,
            peak=3.0,
            reason="delayed: people apply after months of thought, largest after three",
        ),
        "polynomial": PolynomialPrior(
            family="polynomial", scale=1.0, degree=2, reason="a smooth curve with one bend"
        ),
        "spike": SpikePrior(
            family="spike",
            scale=1.0,
            rest=0.1,
            reason="all in the month of the event, a tenth of it later",
        ),
        "monotone": MonotonePrior(
            family="monotone", scale=1.0, reason="largest at first and never growing after"
        ),
    }
)
_LENGTHS = ("scale", "start", "rest", "slab")


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
        one lag, at its middle; where one joins lag 0 with others there is no ``spike``, which is
        in the month of the event.

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
    own = {term.name: term.prior for term in spec.lagged}
    found = [Cell(REFERENCE, None, "the priors of the model file", own)]
    for family, shape in _SHAPES.items():
        if family == "spike" and no_month:
            continue
        for scale, why in scales.items():
            priors = {name: scaled(shape, scale, place) for name, place in lags.items()}
            found.append(Cell(family, scale, f"{shape.reason}; {why}", priors))
    return tuple(found)


def chosen(every: Sequence[Cell], names: Iterable[str]) -> tuple[Cell, ...]:
    """Cells by their names.

    Raises
    ------
    UsageError
        If a name is not that of a cell.
    """
    by_name = {cell.name: cell for cell in every}
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
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=1.0, reason="an example")
    >>> scaled(walk, 0.5, [0, 1, 2, 3, 4, 5, 6]).symbols  # variances 1 to 7 in units of the first
    'first ~ Normal(0, 0.25), each step ~ Normal(0, 0.25)'
    """
    factor = scale / np.sqrt(mean_variance(shape, place))
    lengths = {name: getattr(shape, name) * factor for name in _LENGTHS if hasattr(shape, name)}
    return shape.model_copy(update=lengths)


def mean_variance(prior: Prior, place: npt.ArrayLike) -> float:
    """Prior variance of a coefficient, averaged over lags.

    Parameters
    ----------
    prior : Prior
    place : array_like of int, shape (n,)
        Lag of each coefficient.

    Notes
    -----
    * ``horseshoe``: with r = scale / slab and two half-Cauchy variables C and D the variance is
      slab^2 E[r^2 C^2 D^2 / (1 + r^2 C^2 D^2)] = slab^2 E[r D / (1 + r D)]
      = slab^2 (r^2 - (2 / pi) r log r) / (1 + r^2).
    * ``monotone``: what is left at position l is Beta(n - l, l), so that the mean over positions is
      scale^2 (n + 2) / (3 n).

    Examples
    --------
    >>> mean_variance(MonotonePrior(family="monotone", scale=1.0, reason="an example"), [0])
    1.0
    """
    n = len(np.asarray(place))
    match prior:
        case HorseshoePrior():
            r = prior.scale / prior.slab
            kept = (r**2 - 2 / np.pi * r * np.log(r)) / (1 + r**2)
            return float(prior.slab**2 * kept)
        case MonotonePrior():
            return prior.scale**2 * (n + 2) / (3 * n)
    return float(np.trace(covariance(prior, place)) / n)
