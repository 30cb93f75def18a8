"""Published coefficient tables -> posterior of each lag curve and of its sum, under lag priors.

What is known about a curve is what was printed: for every lag a coefficient and a standard error,
both rounded. The posterior combines them with a prior on the shape of the curve. It inherits every
weakness of the published model, and three of its own: the covariance between the coefficients was
not printed and is taken as zero (:func:`neighbour_correlation` shows what that may hide), the two
estimators are two readings of the same families and not two pieces of evidence, and the sampling
distribution of a coefficient is taken as normal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd
import xarray as xr

from hazard.inference.convergence import PUBLISH, Gate, GateLimits, gate
from hazard.inference.nuts import SamplerSettings
from hazard.spec.priors import Prior
from hazard.studies.published.coefficient_table import (
    published_country_table,
    published_curves,
    published_table,
)
from hazard.studies.published.normal import PRIORS, normal_posterior, prior_covariance
from hazard.studies.published.rounding import SETTINGS, Progress, build_model, posterior
from hazard.studies.published.tidy import (
    estimates,
    neighbour_correlation,
    published_estimates,
)

__all__ = [
    "PRIORS",
    "SETTINGS",
    "PublishedPosterior",
    "build_model",
    "estimates",
    "gates_of",
    "neighbour_correlation",
    "normal_posterior",
    "posterior",
    "prior_covariance",
    "published_country_table",
    "published_curves",
    "published_estimates",
    "published_table",
    "run",
]


@dataclass(frozen=True)
class PublishedPosterior:
    """What the published table says under each lag prior.

    Attributes
    ----------
    posterior : DataTree
        As :func:`posterior` returns it.
    gates : mapping of prior to Gate
    estimates : DataFrame
        As :func:`estimates` returns it, preceded by :func:`published_estimates`.
    correlation : DataFrame
        As :func:`neighbour_correlation` returns it.
    priors : mapping of name to Prior
    settings : SamplerSettings
        With the seed.
    """

    posterior: xr.DataTree
    gates: Mapping[str, Gate]
    estimates: pd.DataFrame
    correlation: pd.DataFrame
    priors: Mapping[str, Prior]
    settings: SamplerSettings

    @property
    def passed(self) -> bool:
        """Whether the posterior passed the gate under every prior."""
        return all(verdict.passed for verdict in self.gates.values())


def run(
    seed: int = 0,
    *,
    curves: xr.Dataset | None = None,
    priors: Mapping[str, Prior] = PRIORS,
    limits: GateLimits = PUBLISH,
    progress: Progress | None = None,
) -> PublishedPosterior:
    """Posterior, gate and estimates of every published lag curve.

    Parameters
    ----------
    seed : int
        The same seed gives the same draws.
    curves : Dataset, optional
        As :func:`published_curves` returns it, which is the default.
    priors : mapping of name to Prior
        On the scale of the log-odds; see :func:`prior_covariance`.
    limits : GateLimits
    progress : callable, optional
        Called with a line of text before each prior.

    Returns
    -------
    PublishedPosterior
        Also where the gate fails: the caller decides.
    """
    printed = published_curves() if curves is None else curves
    settings = replace(SETTINGS, seed=seed)
    draws = posterior(printed, priors, settings=settings, progress=progress)
    return PublishedPosterior(
        posterior=draws,
        gates=gates_of(draws, priors, limits),
        estimates=pd.concat([published_estimates(printed), estimates(draws)], ignore_index=True),
        correlation=neighbour_correlation(printed, priors),
        priors=priors,
        settings=settings,
    )


def gates_of(
    draws: xr.DataTree, priors: Iterable[str], limits: GateLimits = PUBLISH
) -> dict[str, Gate]:
    """Gate of the draws under each prior."""
    return {name: gate(draws.sel(prior=name), limits=limits) for name in priors}
