"""Draws from the posterior of the curves, with the rounding of the printed digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from hazard.inference.nuts import SamplerSettings, compile_model, sample
from hazard.spec.priors import Prior
from hazard.studies.published.coefficient_table import CURVE
from hazard.studies.published.normal import PRIORS, normal_posterior, prior_covariance

# At 2,000 draws the largest R-hat of 256 numbers was 1.005; at 1,000 it came to 1.009.
SETTINGS = SamplerSettings(draws=2000, tune=500)

Progress = Callable[[str], None]


def log_rounded(printed: Any, theta: Any, error: Any, half_width: float) -> Any:
    """Log-probability that an estimate of ``theta`` is printed as ``printed``.

    Notes
    -----
    log(Phi((b + h - theta) / s) - Phi((b - h - theta) / s)). With r = |b - theta| / s, k = h / s,
    x = (r - k) / sqrt(2), y = (r + k) / sqrt(2) and erfcx(x) = exp(x^2) erfc(x) it equals
    -x^2 + log((erfcx(x) - exp(-2 r k) erfcx(y)) / 2), which neither underflows nor cancels where
    theta is far from b.
    """
    r, k = abs(printed - theta) / error, half_width / error
    near, far = (r - k) / np.sqrt(2.0), (r + k) / np.sqrt(2.0)
    return -(near**2) + pt.log((pt.erfcx(near) - pt.exp(-2 * r * k) * pt.erfcx(far)) / 2)


def build_model(curves: xr.Dataset, prior: Prior) -> pm.Model:
    """PyMC model of the true coefficients and the unrounded standard errors.

    Parameters
    ----------
    curves : Dataset, dims (curve, lag)
    prior : Prior

    Returns
    -------
    pm.Model
        Free variables ``w`` (standardised by :func:`normal_posterior`) and ``standard_error``
        (uniform on the rounding interval); deterministic ``theta``; all (curve, lag). Everything
        that depends on the prior is ``pm.Data``, so that one compilation serves all priors.
    """
    dims = ("curve", "lag")
    printed_error, half = curves["standard_error"].values, curves.attrs["half_width"]
    coords = {"curve": curves["curve"].values, "lag": curves["lag"].values}
    with pm.Model(coords=coords, model=None) as model:
        data = {name: pm.Data(name, values) for name, values in _prior_data(curves, prior).items()}
        w = pm.Flat("w", dims=dims)
        theta = data["location"] + (data["factor"] * w[:, None, :]).sum(axis=2)
        theta = pm.Deterministic("theta", theta, dims=dims)
        error = pm.Uniform("standard_error", printed_error - half, printed_error + half, dims=dims)
        z = (data["whitener"] * theta[:, None, :]).sum(axis=2)
        pm.Potential("prior", -(z**2).sum() / 2)
        printed = pm.Data("printed", curves["coefficient"].values)
        pm.Potential("rounded", log_rounded(printed, theta, error, half).sum())
    return model


def _prior_data(curves: xr.Dataset, prior: Prior) -> dict[str, Any]:
    """Coordinates around the normal posterior, and the matrix that whitens the prior."""
    normal = normal_posterior(curves, prior)
    return {
        "location": normal["mean"].values,
        "factor": np.linalg.cholesky(normal["covariance"].values),
        "whitener": np.linalg.inv(np.linalg.cholesky(prior_covariance(curves, prior).values)),
    }


def posterior(
    curves: xr.Dataset,
    priors: Mapping[str, Prior] = PRIORS,
    *,
    settings: SamplerSettings = SETTINGS,
    progress: Progress | None = None,
) -> xr.DataTree:
    """Posterior draws of every curve under every prior.

    Parameters
    ----------
    curves : Dataset, dims (curve, lag)
    priors : mapping of name to Prior
        On the scale of the log-odds.
    settings : SamplerSettings
        The same settings and seed give the same draws.
    progress : callable, optional
        Called with a line of text before each prior.

    Returns
    -------
    DataTree
        Group ``posterior``, dims (prior, chain, draw, curve, lag): ``theta``, the coefficient, and
        ``standard_error`` before rounding; ``cumulative_lag_effect``, the sum of ``theta`` over
        lags. Group ``sample_stats``, dims (prior, chain, draw).
    """
    compiled = compile_model(build_model(curves, next(iter(priors.values()))))
    trees = []
    for name, prior in priors.items():
        if progress is not None:
            progress(f"sampling {curves.sizes['curve']} lag curves under the prior {name!r}")
        trees.append(sample(compiled.with_data(**_prior_data(curves, prior)), settings))
    along = pd.Index(list(priors), name="prior")
    variables = {"posterior": ["theta", "standard_error"], "sample_stats": ["diverging", "energy"]}
    groups = {
        group: xr.concat(
            [tree[group].to_dataset()[names] for tree in trees], dim=along
        ).drop_attrs()
        for group, names in variables.items()
    }
    draws = groups["posterior"].assign_coords({key: ("curve", curves[key].values) for key in CURVE})
    groups["posterior"] = draws.assign(cumulative_lag_effect=draws["theta"].sum("lag"))
    return xr.DataTree.from_dict(groups)
