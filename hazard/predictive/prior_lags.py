"""What the priors of lag curves say: as ratios, and as probabilities of a month."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from hazard.estimands.incidence import lag_curves
from hazard.model.links import hazard
from hazard.predictive.percentiles import labelled, percentiles
from hazard.spec import ModelSpec, tails
from hazard.spec.links import LINKS
from hazard.spec.terms import LaggedTerm


def prior_lags(prior: xr.Dataset, spec: ModelSpec) -> Iterator[pd.DataFrame]:
    """Percentiles, over draws, of what one event does at every lag, and over all of them.

    Parameters
    ----------
    prior : Dataset
        From :func:`hazard.predictive.prior_draws`.
    spec : ModelSpec
        With a lagged term.

    Yields
    ------
    DataFrame
        As of :func:`hazard.predictive.prior_predictive`, by ``term``, ``lag`` and ``exit``:
        ``odds_ratio`` or ``hazard_ratio`` of a lag, and without a lag of their sum; and
        ``monthly_probability_difference``, what the event adds to the probability of a month at
        the reference level of everything else.

    Examples
    --------
    A coefficient of log(3) at even odds: 3 to 1, and 0.75 in the place of 0.5.

    >>> spec = ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]}, term=[{
    ...     "kind": "lagged", "exposure": "visit", "network": "own", "lags": (0, 0),
    ...     "history_before_start": "missing",
    ...     "prior": {"family": "normal", "scale": 1.0, "reason": "an example only"}}])
    >>> dims = ("chain", "draw", "visit_own_level", "exit")
    >>> labels = {"visit_own_level": ["0"], "exit": ["left"]}
    >>> curve = xr.DataArray(np.full((1, 2, 1, 1), np.log(3)), labels, dims)
    >>> intercept = xr.DataArray(np.zeros((1, 2, 1)), {"exit": ["left"]}, ("chain", "draw", "exit"))
    >>> prior = xr.Dataset({"beta_visit_own": curve, "intercept": intercept})
    >>> [round(table["p50"].item(), 3) for table in prior_lags(prior, spec)]
    [3.0, 3.0, 0.25]
    """
    curves, ratio = lag_curves(prior, spec), LINKS[spec.outcome.link].ratio
    for term in spec.lagged:
        name, unit = f"{ratio}_ratio", f"{ratio} ratio"
        of_term = curves.sel(term=term.name, drop=True)
        curve = of_term["lag_coefficient"].sel(lag=list(term.every_lag))
        for sizes in (curve, of_term["cumulative_lag_effect"]):
            ratios = sizes.copy(data=np.exp(sizes.values))
            yield labelled(percentiles(ratios), name, unit, term=term.name)
        without = hazard(prior["intercept"], spec.outcome.link)
        change = hazard(prior["intercept"] + curve, spec.outcome.link) - without
        quantity, unit = "monthly_probability_difference", f"probability per {spec.table.unit}"
        yield labelled(percentiles(change), quantity, unit, term=term.name)


def claims(spec: ModelSpec) -> pd.DataFrame:
    """What priors claim, and what they say: the probability beyond the size of each claim.

    Returns
    -------
    DataFrame
        One row per claim and coefficient, step or sum: ``term``, ``what`` (such as ``lag 3``),
        ``claim`` in words, ``stated`` and ``prior_probability``. A lag curve without a claim has
        the rows of a ratio of 2.7, with nothing stated.

    Examples
    --------
    >>> from hazard import spec
    >>> table = claims(spec.read("leads"))
    >>> set(table["term"]) >= {"forced_return_centre"}
    True
    """
    rows = []
    for term in spec.term:
        priors = [(term.name, term.prior)]
        if isinstance(term, LaggedTerm) and term.varies_by is not None:
            priors.append((str(term.varying_name), term.varies_by.prior))
        for name, prior in priors:
            rows += [
                (name, tail.label, tail.claim.text, tail.claim.probability, tail.probability)
                for tail in tails.tails(term, prior)
            ]
            if isinstance(term, LaggedTerm) and not prior.implausible:
                parts = tails.contrasts(term, "each")
                text = f"no claim; {LINKS[spec.outcome.link].ratio} ratio beyond 2.7"
                beyond = tails.beyond(prior, parts, np.log(2.7)).tolist()
                rows += [
                    (name, label, text, np.nan, probability)
                    for label, probability in zip(parts.labels, beyond, strict=True)
                ]
    columns = ["term", "what", "claim", "stated", "prior_probability"]
    return pd.DataFrame(rows, columns=columns)
