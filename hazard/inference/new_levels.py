"""Effects of levels that the rows did not have: a new centre, a new nationality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hazard.errors import EstimandError
from hazard.model import naming
from hazard.spec.intercept import InterceptPrior
from hazard.spec.priors import IID, Prior, PriorFamily, listed


def draw(
    posterior: xr.Dataset,
    name: str,
    prior: Prior | InterceptPrior | None,
    labels: Sequence[str],
    rng: np.random.Generator | None,
) -> xr.DataArray:
    """Effects of new levels of a group, one for every posterior draw.

    Parameters
    ----------
    posterior : Dataset
        ``sigma_<name>`` (chain, draw, exit) and, where exits are correlated,
        ``correlation_<name>`` (chain, draw, exit, other_exit).
    name : str
        Of the term.
    prior : Prior
        Of the term; its coefficients must be exchangeable, as under ``pooled``.
    labels : sequence of str
        Of the new coefficients.
    rng : Generator or None

    Returns
    -------
    DataArray, dims (chain, draw, <name>_level, exit)
        On the scale of the linear predictor.

    Raises
    ------
    EstimandError
        If there is no generator, or the prior says nothing of further levels.

    Notes
    -----
    u ~ Normal(0, D R D) with the D and R of the same draw: the spread holds both what is not known
    of the distribution of levels and that the level is any one of them.

    Examples
    --------
    >>> sigma = xr.DataArray(np.zeros((1, 2, 1)), {"exit": ["left"]}, ("chain", "draw", "exit"))
    >>> from hazard.spec.priors.pooled import PooledPrior
    >>> prior = PooledPrior(family="pooled", scale=1.0, reason="an example only")
    >>> posterior = xr.Dataset({"sigma_centre": sigma})
    >>> draw(posterior, "centre", prior, ["new"], np.random.default_rng(1)).values.ravel().tolist()
    [0.0, 0.0]
    """
    if rng is None:
        raise EstimandError(
            f"term {name!r} has levels that the fit does not have, such as {labels[0]!r}; pass a "
            "random generator, with which their effects are drawn."
        )
    sigma = _sigma(posterior, name, prior)
    shape = (sigma.sizes["chain"], sigma.sizes["draw"], len(labels), sigma.sizes["exit"])
    effects = rng.standard_normal(shape)
    correlation = posterior.get(naming.correlation(name))
    if correlation is not None:
        ordered = correlation.transpose("chain", "draw", "exit", "other_exit").values
        value, axes = np.linalg.eigh(ordered)
        root = axes * np.sqrt(np.maximum(value, 0.0))[..., None, :]  # rounding below 0
        effects = np.einsum("cdef,cdlf->cdle", root, effects)
    level = naming.level(name)
    return xr.DataArray(
        sigma.values[:, :, None] * effects,
        {**sigma.coords, level: [str(label) for label in labels]},
        ("chain", "draw", level, "exit"),
    )


def _sigma(posterior: xr.Dataset, name: str, prior: Prior | InterceptPrior | None) -> xr.DataArray:
    if not isinstance(prior, PriorFamily) or not prior.iid:
        raise EstimandError(
            f"term {name!r} must have a prior of family {listed(IID)} for effects of new levels; "
            "it has another."
        )
    if prior.known_sd is None:
        return posterior[naming.sigma(name)].transpose("chain", "draw", "exit")
    return xr.full_like(posterior["intercept"].transpose("chain", "draw", "exit"), prior.known_sd)
