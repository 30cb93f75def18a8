"""From draws to the quantities that a model file asks for, and to their estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard import predictive
from hazard.baselines.fit import BaselineFit
from hazard.estimands import group_curves
from hazard.estimands import incidence as estimands
from hazard.model import design, parameterisation
from hazard.output import coefficients, shapes, tables
from hazard.spec import IncidenceEstimand, ModelSpec

PRIOR = "prior_estimands"
"""Group of draws from the prior."""
_PRIOR_DRAWS = 4000
_BY_LEVEL = "level_"
"""Before the name of a quantity that is one of a level by which a term varies."""


def by_draw(
    posterior: xr.Dataset, built: design.Design, frame: pd.DataFrame, spec: ModelSpec
) -> dict[str, xr.DataArray]:
    """Lag curves, of levels too, and incidences of a posterior, draw by draw."""
    quantities: dict[str, xr.DataArray] = {}
    if spec.lagged:
        curves = estimands.lag_curves(posterior, spec)
        quantities |= {str(name): values for name, values in curves.items()}
        by_level = group_curves.all_level_curves(posterior, spec.lagged)
        quantities |= {f"{_BY_LEVEL}{name}": values for name, values in by_level.items()}
    for estimand in spec.estimand:
        if isinstance(estimand, IncidenceEstimand):
            beta = estimands.coefficients(posterior, built)
            person = frame["person"].to_numpy()
            quantities["cumulative_incidence"] = estimands.incidence(beta, built, person, estimand)
    return quantities


def gate_quantities(quantities: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """What the gate judges: every lag and sum, and the incidences of every month."""
    checked = {name: values for name, values in quantities.items() if "month" not in values.dims}
    checked = {name: _without_gaps(values) for name, values in checked.items()}
    if "cumulative_incidence" in quantities:
        incidence = quantities["cumulative_incidence"]
        checked["cumulative_incidence"] = incidence
        if incidence.sizes["arm"] == 2:
            checked["risk_difference"] = incidence.diff("arm")
    return checked


def _without_gaps(values: xr.DataArray) -> xr.DataArray:
    """Only what there is: a term without a lag or a level has no draw at all there."""
    if not bool(np.isnan(values).any()):
        return values
    dimensions = [str(name) for name in values.dims if name not in ("chain", "draw", "exit")]
    stacked = values.stack(curve=dimensions)  # noqa: PD013 - of xarray, not of pandas
    present = stacked.notnull().any(("chain", "draw", "exit"))  # noqa: PD004 - of xarray
    return stacked.sel(curve=present).reset_index("curve")


def hazard_estimates(quantities: Mapping[str, xr.DataArray], spec: ModelSpec) -> pd.DataFrame:
    """Estimates of the quantities of :func:`by_draw`; those of the coefficients are apart."""
    parts = []
    for prefix in ("", _BY_LEVEL):
        names = [f"{prefix}{name}" for name in ("lag_coefficient", "cumulative_lag_effect")]
        if names[0] in quantities:
            curves = xr.Dataset({name.removeprefix(prefix): quantities[name] for name in names})
            parts.append(tables.lag_curve_estimates(curves, spec))
    if spec.lag_shapes:
        by_lag = quantities["lag_coefficient"]
        parts.append(shapes.shape_estimates(by_lag, spec, shapes.POSTERIOR_SHAPE))
    for estimand in spec.estimand:
        if isinstance(estimand, IncidenceEstimand):
            incidence = quantities["cumulative_incidence"]
            parts.append(tables.incidence_estimates(incidence, spec, estimand.term))
    return joined(parts or [tables.empty()])


def prior_curves(built: design.Design, spec: ModelSpec, seed: int) -> xr.DataTree:
    """Draws of the lag curves from their prior, of the terms whose shape is asked for.

    Parameters
    ----------
    built : Design
    spec : ModelSpec
        With an estimand of kind ``lag_shape``.
    seed : int

    Returns
    -------
    DataTree
        ``lag_coefficient``, dims (chain, draw, term, lag, exit): independent draws in one chain.
    """
    asked = {estimand.term for estimand in spec.lag_shapes}
    kept = [b for b, block in enumerate(built.blocks) if block.name in {"intercept", *asked}]
    blocks = tuple(built.blocks[b] for b in kept)  # terms have independent priors
    of_terms = replace(built, blocks=blocks, index=built.index[:, kept])
    coordinates = parameterisation.standard(of_terms)
    prior = predictive.prior_draws(coordinates, _PRIOR_DRAWS, np.random.default_rng(seed))
    terms = [term for term in spec.lagged if term.name in asked]
    names = xr.DataArray([term.name for term in terms], dims="term", name="term")
    curves = xr.concat([estimands.lag_curve(prior, term) for term in terms], names, join="outer")
    ordered = curves.transpose("chain", "draw", "term", "lag", "exit")
    return xr.DataTree(ordered.to_dataset(name="lag_coefficient"))


def prior_estimates(tree: xr.DataTree, spec: ModelSpec) -> pd.DataFrame:
    """Prior probabilities of the shapes that a model asks for, from the draws of the prior.

    Parameters
    ----------
    tree : DataTree
        With the group :data:`PRIOR`, where the model asks for shapes.
    spec : ModelSpec
    """
    if not spec.lag_shapes:
        return tables.empty()
    return shapes.shape_estimates(
        tree[PRIOR].to_dataset()["lag_coefficient"], spec, shapes.PRIOR_SHAPE
    )


def baseline_estimates(
    fits: list[BaselineFit], life: xr.Dataset, built: design.Design, spec: ModelSpec
) -> list[pd.DataFrame]:
    """Estimates of the baselines, and of Aalen-Johansen."""
    parts = [tables.baseline_estimates(fit, spec) for fit in fits] if spec.lagged else []
    parts += [coefficients.baseline_estimates(fit, built, spec) for fit in fits]
    return [*parts, tables.aalen_johansen_estimates(life)]


def joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables one under the other, each column of the type that fits all."""
    table = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    with np.errstate(invalid="ignore"):  # pandas asks of infinite numbers too if they are whole
        return table.convert_dtypes()
