"""From the prior to a data set: coefficients, then one exit per person along the observed rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard import correlations
from hazard.approximation import variable
from hazard.coordinates import Coordinates, Learned
from hazard.design import Design
from hazard.likelihood import linear_predictor, rows
from hazard.links import hazard
from hazard.priors import n_normals, transform
from hazard.terms.block import FloatArray


def prior_draw(it: Coordinates, rng: np.random.Generator) -> xr.Dataset:
    """One draw of everything the model learns, from its prior.

    Parameters
    ----------
    it : Coordinates
    rng : Generator

    Returns
    -------
    Dataset, dims (chain, draw, ...)
        One chain with one draw, and the variables of a posterior: ``intercept``, ``beta_<term>`` or
        ``u_<group>``, ``sigma_<term>``, ``correlation_<term>``.
    """
    n_exits, exits = it.n_exits, list(it.design.exits)
    z = rng.standard_normal((it.design.n_coefficients, n_exits))
    for name, width in it.widths.items():
        z[it.design.span(name)] *= width
    own = it.design.span("intercept")
    z[own] = it.intercept.mean + it.intercept.scale * z[own]
    drawn: dict[str, xr.DataArray] = {}
    for group in it.learned:
        sigma, correlation = _covariance(group, n_exits, rng)
        z[group.span] = z[group.span] @ np.linalg.cholesky(correlation).T * sigma
        drawn[f"sigma_{group.name}"] = _labelled(sigma, {"exit": exits})
        if group.concentration and n_exits > 1:
            coords = {"exit": exits, "other_exit": exits}
            drawn[f"correlation_{group.name}"] = _labelled(correlation, coords)
    for name, prior in it.transformed.items():
        scale = np.diag(it.factors[name])[:, None]
        x = rng.standard_normal((n_normals(prior, len(scale)), n_exits))
        z[it.design.span(name)] = transform(prior, x, len(scale)) / scale
    beta = it.coefficients(z)
    drawn["intercept"] = _labelled(beta[0], {"exit": exits})
    for block in it.original.blocks[1:]:
        coords = {f"{block.name}_level": [str(label) for label in block.coefficients]}
        span = it.original.span(block.name)
        drawn[variable(block)] = _labelled(beta[span], {**coords, "exit": exits})
    return xr.Dataset(drawn)


def _covariance(
    group: Learned, n_exits: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Standard deviations (exit,) and correlations (exit, other exit) of a learned covariance."""
    sigma = group.scale * np.abs(rng.standard_normal(n_exits))
    if not group.concentration:
        return sigma, np.eye(n_exits)
    shape = correlations.beta_parameter(group.concentration, n_exits)
    return sigma, correlations.correlation(2 * rng.beta(shape, shape) - 1, n_exits)


def _labelled(values: FloatArray, coords: dict[str, list[str]]) -> xr.DataArray:
    named = xr.DataArray(values, dims=tuple(coords), coords=coords)
    return named.expand_dims(("chain", "draw"))


def outcomes(
    design: Design, person: npt.ArrayLike, beta: FloatArray, rng: np.random.Generator
) -> Design:
    """The same rows with simulated exits, person by person and month by month.

    Parameters
    ----------
    design : Design
        Not collapsed. Exposures and covariates stay as they are: nobody reacts to what is drawn.
    person : array_like of int, shape (row,)
        Person of each row of the design; rows of a person are consecutive, months ascend.
    beta : ndarray, shape (coefficient, exit)
    rng : Generator

    Returns
    -------
    Design
        Rows after the first exit of a person have weight 0, so that all arrays keep their shapes.

    Examples
    --------
    >>> from hazard import design, spec
    >>> import pandas as pd
    >>> exits = pd.Categorical(["stay"] * 4, ["stay", "left"])
    >>> wanted = spec.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    >>> built = design.build(pd.DataFrame({"exit": exits}), {}, wanted)
    >>> left = outcomes(built, [0, 0, 1, 1], np.array([[50.0]]), np.random.default_rng(1))
    >>> left.outcome.tolist(), left.weight.tolist()
    ([1, 0, 1, 0], [1.0, 0.0, 1.0, 0.0])
    """
    eta = xr.DataArray(linear_predictor(rows(design), beta), dims=("row", "exit"))
    below = hazard(eta, design.link).values.cumsum(axis=1)
    passed = (rng.random(len(below))[:, None] >= below).sum(axis=1)
    code = np.where(passed < below.shape[1], passed + 1, 0)
    before = np.cumsum(code > 0) - (code > 0)
    own = np.asarray(person)
    first = np.concatenate([[True], own[1:] != own[:-1]])
    at_start = before[first][np.cumsum(first) - 1]
    gone = before > at_start
    return replace(
        design,
        outcome=np.where(gone, 0, code).astype(np.int8),
        weight=np.where(gone, 0.0, 1.0),
    )
