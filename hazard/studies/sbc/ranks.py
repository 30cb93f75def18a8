"""Numbers of which ranks are taken: parameters, the log-likelihood, published estimands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard import units
from hazard.arrays import FloatArray
from hazard.estimands import incidence as estimands
from hazard.model import naming
from hazard.model.correlations import pairs
from hazard.model.design import Design
from hazard.model.likelihood import rows, value_and_gradient
from hazard.spec import IncidenceEstimand, ModelSpec

_LABELLED = ("baseline", "calendar", "lagged")


def numbers(
    posterior: xr.Dataset, simulated: Design, person: npt.ArrayLike, spec: ModelSpec
) -> dict[str, FloatArray]:
    """Every number that is ranked, draw by draw.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
        Of a prior or a posterior.
    simulated : Design
        Its exits enter the log-likelihood.
    person : array_like of int
        Person of each row of the panel.
    spec : ModelSpec

    Returns
    -------
    dict of str to ndarray, shape (draw,)
        ``log_likelihood``; the parameters, with their coordinates, levels of groups and covariates
        by number; sums over lags; cumulative incidences at the published months and their
        differences.

    References
    ----------
    .. [1] Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman and Vehtari (2025),
       Simulation-based calibration checking for Bayesian computation: the choice of test quantities
       shapes sensitivity, Bayesian Analysis 20(2).
    """
    beta = estimands.coefficients(posterior, simulated)
    scalars = {"log_likelihood": _log_likelihood(beta, simulated)}
    for name, values in posterior.data_vars.items():
        if not naming.is_coordinate(str(name)):
            scalars |= dict(_scalars(str(name), _without_people(values, simulated)))
    if spec.lagged:
        total = estimands.lag_curves(posterior, spec)["cumulative_lag_effect"]
        scalars |= dict(_scalars("cumulative_lag_effect", total))
    for estimand in spec.estimand:
        if isinstance(estimand, IncidenceEstimand):
            by_month = estimands.incidence(beta, simulated, person, estimand)
            incidence = by_month.sel(
                month=[*units.printed(estimand.horizon_months, spec.table.unit)]
            )
            scalars |= dict(_scalars("cumulative_incidence", incidence))
            if incidence.sizes["arm"] == 2:
                contrast = incidence.diff("arm").squeeze("arm", drop=True)
                scalars |= dict(_scalars("risk_difference", contrast))
    return scalars


def ranks(
    truth: dict[str, FloatArray], draws: dict[str, FloatArray], rng: np.random.Generator
) -> dict[str, int]:
    """Number of draws below the truth, for every number; equal ones are put in random order.

    Examples
    --------
    >>> ranks({"a": np.array([2.0])}, {"a": np.array([1.0, 3.0])}, np.random.default_rng(1))
    {'a': 1}
    """
    below = {}
    for name, true in truth.items():
        ties = int((draws[name] == true[0]).sum())
        below[name] = int((draws[name] < true[0]).sum() + rng.integers(ties + 1))
    return below


def _log_likelihood(beta: xr.DataArray, simulated: Design) -> FloatArray:
    data = rows(simulated)
    samples = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit")
    return np.array([value_and_gradient(data, np.ascontiguousarray(b))[0] for b in samples.values])


def _scalars(name: str, values: xr.DataArray) -> Iterator[tuple[str, FloatArray]]:
    ordered = values.transpose("chain", "draw", ...)
    flat = ordered.values.reshape(ordered.shape[0] * ordered.shape[1], -1)
    axes = [[str(label) for label in ordered[dim].values] for dim in ordered.dims[2:]]
    places = list(itertools.product(*[range(len(axis)) for axis in axes]))
    for k, place in enumerate(places):
        labels = ", ".join(axis[i] for axis, i in zip(axes, place, strict=True))
        # of a correlation matrix, the entries below the diagonal say nothing new
        if not name.startswith(naming.correlation("")) or place in pairs(len(axes[0])):
            yield (f"{name}[{labels}]" if labels else name), flat[:, k]


def _without_people(values: xr.DataArray, simulated: Design) -> xr.DataArray:
    """Numbers in the place of labels that describe people: a small level may be few of them."""
    plain = {b.name for b in simulated.blocks if b.kind in _LABELLED and b.copies == 1}
    level_dims = [str(d) for d in values.dims if str(d).endswith("_level")]
    hidden = [dim for dim in level_dims if dim.removesuffix("_level") not in plain]
    return values.assign_coords({dim: np.arange(values.sizes[dim]) + 1 for dim in hidden})
