"""Draws of lag curves -> the probabilities of the shapes that a model file asks for."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from hazard.estimands.lag_shapes import lag_shape
from hazard.output.summaries import probability
from hazard.output.tables import QuantityDescription, empty, labelled
from hazard.spec import LagShapeEstimand, ModelSpec

POSTERIOR_SHAPE, PRIOR_SHAPE = "shape_probability", "prior_shape_probability"


def shape_estimates(curves: xr.DataArray, spec: ModelSpec, quantity: str) -> pd.DataFrame:
    """Probability of every shape of the model file, by draws of the lag curves.

    Parameters
    ----------
    curves : DataArray, dims (chain, draw, term, lag, exit)
        ``lag_coefficient`` of :func:`hazard.estimands.incidence.lag_curves`, of a posterior or of a
        prior.
    spec : ModelSpec
    quantity : str
        :data:`POSTERIOR_SHAPE` or :data:`PRIOR_SHAPE`, as the draws are.

    Returns
    -------
    DataFrame
        With the columns of :data:`hazard.output.tables.COLUMNS`, one row per shape and exit; a
        probability has a Monte Carlo error and no interval. No rows where the model asks for none.
    """
    parts = [
        labelled(
            probability(_has_shape(curves, estimand, spec)),
            QuantityDescription(
                quantity, "probability", estimand.label, effect="conditional", term=estimand.term
            ),
            spec,
        )
        for estimand in spec.lag_shapes
    ]
    return pd.concat(parts, ignore_index=True) if parts else empty()


def _has_shape(curves: xr.DataArray, estimand: LagShapeEstimand, spec: ModelSpec) -> xr.DataArray:
    """Whether the curves of the exits that are asked about have the shape, draw by draw."""
    term = next(term for term in spec.lagged if term.name == estimand.term)
    exits = list(spec.outcome.exits) if estimand.exit is None else [estimand.exit]
    curve = curves.sel(term=term.name, lag=list(term.every_lag), exit=exits)
    return lag_shape(curve.drop_vars("term"), estimand.shape)
