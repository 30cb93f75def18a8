"""What the priors say before any exit is seen, in probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray
from hazard.estimands import incidence as estimands
from hazard.model.design import Design
from hazard.model.equivalent import merged
from hazard.model.likelihood import linear_predictor, rows
from hazard.model.links import hazard
from hazard.predictive.percentiles import labelled, percentiles
from hazard.predictive.prior_lags import prior_lags
from hazard.spec import IncidenceEstimand, ModelSpec

ANY = "any exit"
_OF_ROWS = {"monthly_probability_low": 2.5, "monthly_probability_high": 97.5}


def prior_predictive(
    prior: xr.Dataset,
    design: Design,
    *,
    person: npt.ArrayLike,
    spec: ModelSpec,
    month: int = 12,
) -> pd.DataFrame:
    """Percentiles, over draws, of monthly probabilities and of cumulative incidences.

    Parameters
    ----------
    prior : Dataset
        From :func:`hazard.predictive.prior_draws`; draws of a posterior have the same
        variables.
    design : Design
        As built from the panel, not collapsed; its exits play no part.
    person : array_like of int
        Person of each row of the panel, as for :func:`hazard.estimands.incidence.incidence`.
    spec : ModelSpec
    month : int
        Month by whose end cumulative incidences are taken.

    Returns
    -------
    DataFrame
        One row per ``quantity``, ``term``, ``exit`` (with ``any exit``) and ``arm``, with the
        percentiles ``p2_5``, ``p25``, ``p50``, ``p75``, ``p97_5`` over ``n_draws`` draws,
        ``mcse``, the Monte Carlo error of the median, and ``above_half``, the share of draws in
        which the quantity is above 0.5. ``monthly_probability`` is the mean over the rows,
        ``monthly_probability_low`` and ``_high`` are exceeded by 97.5 and 2.5 percent of the rows;
        ``cumulative_incidence``, ``without`` and ``with`` one event in month 1, and their
        ``risk_difference``, are those of each lagged term by itself, or ``observed`` in a model
        without any. A term per resident has no such arms, and no rows. What one event does at each
        lag is told as in :func:`hazard.predictive.prior_lags.prior_lags`.

    Notes
    -----
    A prior that puts much weight on a monthly probability above one half says that most would leave
    in the first month. The mcse is half the distance between the sample percentiles one standard
    error, sqrt(1 / (4 n)), below and above the median.

    References
    ----------
    .. [1] Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), Visualization in Bayesian
       workflow, Journal of the Royal Statistical Society A 182(2).

    Examples
    --------
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> panel = pd.DataFrame({"person": [0], "month": [1], "exit": ["stay"]})
    >>> model_spec = spec.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    >>> odds = xr.DataArray([[[1.0], [3.0], [9.0]]], {"exit": ["left"]}, ("chain", "draw", "exit"))
    >>> prior = xr.Dataset({"intercept": np.log(odds)})
    >>> rows = design.build(panel, {}, model_spec)
    >>> probabilities = prior_predictive(prior, rows, person=[0], spec=model_spec)
    >>> probabilities[["quantity", "p50", "above_half"]].round(2).values.tolist()[0]
    ['monthly_probability', 0.75, 0.67]
    """
    beta = estimands.coefficients(prior, design)
    months = _monthly(beta, design, spec.table.unit)
    parts = [*months, *_incidences(beta, design, person, _arms(spec, month))]
    if spec.lagged:
        parts += prior_lags(prior, spec)
    return pd.concat(parts, ignore_index=True)


def _monthly(beta: xr.DataArray, design: Design, unit: str) -> Iterator[pd.DataFrame]:
    data = rows(merged(design, limit=1024))
    ordered = beta.transpose("chain", "draw", "coefficient", "exit").values
    samples = ordered.reshape(-1, *ordered.shape[2:])
    by_draw = np.stack([_row_summaries(linear_predictor(data, draw), design) for draw in samples])
    names = ("monthly_probability", *_OF_ROWS)
    exits = [*design.exits, ANY]
    for name, values in zip(names, by_draw.transpose(1, 0, 2), strict=True):
        draws = xr.DataArray(values[None], {"exit": exits}, ("chain", "draw", "exit"))
        yield labelled(percentiles(draws), name, f"probability per {unit}")


def _row_summaries(eta: FloatArray, design: Design) -> FloatArray:
    """Mean and percentiles over the rows, of every exit and of any, shape (3, exit)."""
    leave = hazard(xr.DataArray(eta, dims=("row", "exit")), design.link).values
    probabilities = np.column_stack([leave, leave.sum(axis=1)])
    return np.vstack(
        [probabilities.mean(axis=0), np.percentile(probabilities, list(_OF_ROWS.values()), axis=0)]
    )


def _incidences(
    beta: xr.DataArray,
    design: Design,
    person: npt.ArrayLike,
    incidence_estimands: Sequence[IncidenceEstimand],
) -> Iterator[pd.DataFrame]:
    for estimand in incidence_estimands:
        term, month = estimand.term, estimand.horizon_months
        incidences = estimands.incidence(beta, design, person, estimand)
        incidence = incidences.sel(month=month, drop=True)
        total = incidence.sum("exit").expand_dims(exit=[ANY])
        incidence = xr.concat([incidence, total], dim="exit")
        labels = {"term": term, "month": month}
        yield labelled(percentiles(incidence), "cumulative_incidence", "probability", **labels)
        if term is not None:
            contrast = incidence.isel(arm=1, drop=True) - incidence.isel(arm=0, drop=True)
            labels["arm"] = "with - without"
            yield labelled(percentiles(contrast), "risk_difference", "probability", **labels)


def _arms(spec: ModelSpec, month: int) -> list[IncidenceEstimand]:
    """One event of each lagged term; nothing but what was observed in a model without any."""
    terms = [term.name for term in spec.lagged if term.measure != "per_resident"]
    return [
        IncidenceEstimand(kind="cumulative_incidence", term=term, horizon_months=month)
        for term in (terms if spec.lagged else [None])
    ]
