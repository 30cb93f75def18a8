"""From a linear coefficient to the hazard model, one change at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.estimands.marginal_effects import changes, summed
from hazard.model.terms.lagged import window_of_lag
from hazard.studies.estimators.scale import Subject

STEPS = ("curvature", "weights", "exits", "terms", "pooling")
"""What changes between one estimator and the next, in this order."""
MARKS = ("linear", "logit", "all_exits", "all_terms", "hazard_model")
"""Where the steps lead, as changes of a monthly probability."""


def table(pieces: xr.DataArray, marks: dict[str, xr.DataArray], odds: xr.Dataset) -> pd.DataFrame:
    """Decomposition of every change, lag by lag and summed.

    Parameters
    ----------
    pieces : DataArray, dims (piece, term, lag, exit)
        Of :func:`hazard.studies.estimators.linear_coefficient.pieces`.
    marks : mapping of str to DataArray, dims (term, lag, exit)
        Average changes of the logit (``logit``), the logit with all exits (``all_exits``), that
        with all terms (``all_terms``), and the hazard model (``hazard_model``).
    odds : Dataset, dims (term, lag, exit)
        Of :func:`log_odds`.

    Returns
    -------
    DataFrame
        One row per term, exit and lag, and one without a lag for their sum: ``linear``,
        ``curvature`` and ``weights``, whose sum is ``logit``; ``exits``, ``terms`` and ``pooling``,
        which lead on to ``hazard_model``; in percentage points. Then ``conditional_log_odds`` and
        ``marginal_log_odds`` of the logit.
    """
    linear, average = (pieces.sel(piece=name, drop=True) for name in ("linear", "average"))
    curvature, weighted = (pieces.sel(piece=name, drop=True) for name in ("curvature", "weighted"))
    parts = {
        "linear": linear,
        "curvature": -curvature,
        "weights": average - weighted,
        "logit": marks["logit"],
        "exits": marks["all_exits"] - marks["logit"],
        "terms": marks["all_terms"] - marks["all_exits"],
        "pooling": marks["hazard_model"] - marks["all_terms"],
        "hazard_model": marks["hazard_model"],
    }
    points = xr.Dataset({name: 100 * part for name, part in parts.items()})
    with_odds = xr.merge([points, odds], join="left", compat="override")
    by_lag = _rows(with_odds)
    total = _rows(with_odds.map(summed))
    return pd.concat([by_lag, total], ignore_index=True)


def log_odds(beta: xr.DataArray, subject: Subject) -> xr.Dataset:
    """Log-odds of an exit by an event: of a person-month, and of all of them taken together.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        One draw.
    subject : Subject

    Returns
    -------
    Dataset, dims (term, lag, exit)
        ``conditional_log_odds``, the coefficient, and ``marginal_log_odds``: with p_j and p_0 the
        mean probabilities of the exit and of staying, log(p_j / p_0) with the event minus the same
        without.

    Notes
    -----
    Odds ratios are not collapsible: without any confounding, the ratio of mean odds is closer to
    one than the ratio that all person-months share [1]_. Differences of probabilities are.

    References
    ----------
    .. [1] Greenland, Robins and Pearl (1999), Confounding and collapsibility in causal inference,
       Statistical Science 14(1).
    """
    arms = changes(beta, subject.design, subject.terms).squeeze(("chain", "draw"))
    odds = {arm: arms[arm] / (1.0 - arms[arm].sum("exit")) for arm in ("without", "with")}
    ratio = odds["with"] / odds["without"]
    by_lag = ratio.copy(data=np.log(ratio.values))
    conditional = xr.full_like(by_lag, np.nan)
    for term in subject.terms:
        coefficients = beta.values[0, 0, subject.design.span(term.name)]
        where = {"term": term.name, "lag": list(term.every_lag)}
        conditional.loc[where] = coefficients[window_of_lag(term)]
    return xr.Dataset({"conditional_log_odds": conditional, "marginal_log_odds": by_lag})


def _rows(parts: xr.Dataset) -> pd.DataFrame:
    frame = parts.to_dataframe().reset_index()
    if "lag" not in frame:
        frame["lag"] = pd.NA
    frame["lag"] = frame["lag"].astype("Int64")
    names = [str(name) for name in parts.data_vars]
    return frame.loc[frame["logit"].notna(), ["term", "exit", "lag", *names]]
