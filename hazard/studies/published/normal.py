"""Lag priors in the unit of each estimator, and the posterior where all is normal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import xarray as xr

from hazard.model.priors import covariance
from hazard.spec.priors import Prior
from hazard.spec.priors.decay import DecayPrior
from hazard.spec.priors.normal import NormalPrior
from hazard.spec.priors.random_walk import RandomWalkPrior

PRIORS: Mapping[str, Prior] = MappingProxyType(
    {
        "wide": NormalPrior(
            family="normal",
            scale=10.0,
            reason="practically no prior: the reference that returns what was printed",
        ),
        "independent": NormalPrior(
            family="normal",
            scale=0.5,
            reason="a monthly odds ratio beyond 2.7 is implausible; months tell nothing of others",
        ),
        "random_walk": RandomWalkPrior(
            family="random_walk",
            scale=0.25,
            start=0.5,
            reason="as independent in month 0; neighbouring months within a factor of 1.6",
        ),
        "decay": DecayPrior(
            family="decay",
            scale=0.5,
            half_life=3.0,
            reason="as independent in month 0; what a return can do halves every three months",
        ),
    }
)


def prior_covariance(curves: xr.Dataset, prior: Prior) -> xr.DataArray:
    """Prior covariance of the coefficients of each curve, in the unit of its estimator.

    Parameters
    ----------
    curves : Dataset, dims (curve, lag)
    prior : Prior
        On the scale of the log-odds.

    Returns
    -------
    DataArray, dims (curve, lag, other_lag)

    Notes
    -----
    A prior is stated once, for log-odds. A small change d of the log-odds moves a probability p by
    p (1 - p) d, so the linear probability model gets the same covariance times (p (1 - p))^2, at
    the mean monthly probability p of the exit. The sd of 0.5 becomes 0.7 percentage points for an
    application (p = 0.015), and 2.3 for a disappearance (p = 0.049).

    Examples
    --------
    >>> from hazard.studies.published import published_curves
    >>> k = prior_covariance(published_curves(), PRIORS["independent"])
    >>> sd = k.isel(lag=0, other_lag=0) ** 0.5
    >>> float(sd.sel(curve="lpm assisted forced_return centre").round(4))
    0.0074
    """
    p = curves["monthly_probability"].values
    slope = np.where(curves["estimator"].values == "lpm", p * (1 - p), 1.0)
    matrix = covariance(prior, curves["lag"])
    return xr.DataArray(
        slope[:, None, None] ** 2 * matrix, dims=("curve", "lag", "other_lag"), coords=curves.coords
    )


def normal_posterior(curves: xr.Dataset, prior: Prior, *, correlation: float = 0.0) -> xr.Dataset:
    """Posterior of each curve where rounding is a small normal error.

    Parameters
    ----------
    curves : Dataset, dims (curve, lag)
    prior : Prior
    correlation : float
        Correlation r, in (-1, 1), of the sampling errors of neighbouring lags; r^d at distance d.

    Returns
    -------
    Dataset
        ``mean`` (curve, lag) and ``covariance`` (curve, lag, other_lag).

    Notes
    -----
    With prior covariance K and error covariance V, the mean is K (K + V)^-1 b and the covariance
    K - K (K + V)^-1 K. The variances in V are s^2 + 2 h^2 / 3: the printed b and the printed s each
    carry a uniform rounding error of variance h^2 / 3.

    Examples
    --------
    >>> from hazard.studies.published import published_curves
    >>> curves = published_curves()
    >>> wide = normal_posterior(curves, PRIORS["wide"])
    >>> float(abs(wide["mean"] - curves["coefficient"]).max()) < 0.001
    True
    """
    prior_part = prior_covariance(curves, prior).values
    lag = np.arange(curves.sizes["lag"])
    sd = np.sqrt(curves["standard_error"].values ** 2 + 2 * curves.attrs["half_width"] ** 2 / 3)
    error = sd[:, :, None] * sd[:, None, :] * correlation ** np.abs(np.subtract.outer(lag, lag))
    gain = np.linalg.solve(prior_part + error, prior_part).transpose(0, 2, 1)
    mean = np.einsum("ckl,cl->ck", gain, curves["coefficient"].values)
    spread = gain @ error
    return xr.Dataset(
        {
            "mean": (("curve", "lag"), mean),
            "covariance": (
                ("curve", "lag", "other_lag"),
                (spread + spread.transpose(0, 2, 1)) / 2,
            ),
        },
        coords=curves.coords,
    )
