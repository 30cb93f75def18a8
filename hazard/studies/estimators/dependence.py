"""The same sums over lags under different assumptions about which rows are independent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.special

from hazard.baselines import linear_probability, multinomial_logit, robust, within_person
from hazard.baselines.fit import BaselineFit
from hazard.model.design import Design
from hazard.spec import ModelSpec

WITHIN = "linear probability within persons"


def table(design: Design, panel: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Sums over lags of every lagged term, by estimator and kind of error.

    Parameters
    ----------
    design : Design
    panel : DataFrame
    spec : ModelSpec

    Returns
    -------
    DataFrame
        ``estimator``, ``errors``, ``term``, ``exit``, ``estimate``, ``sd``, ``lower``, ``upper``
        (95 percent) and ``unit``: percentage points of a monthly probability for straight lines,
        log-odds for the logit. Errors of independent rows, of persons, of each group of the model
        and of the first two of them together, by the cluster jackknife; and the straight line with
        an effect per person.
    """
    clusterings = _clusterings(design, panel, spec)
    straight = linear_probability.fit_each(design, ["rows", *clusterings])
    logit = multinomial_logit.fit_each(design, ["information", "rows", *clusterings])
    fits = [*straight, *logit, within_person.fit(design, clusterings[0])]
    return pd.concat([_sums(fit, spec) for fit in fits], ignore_index=True)


def _clusterings(design: Design, panel: pd.DataFrame, spec: ModelSpec) -> list[robust.Clusters]:
    groups = [name for name in spec.group_columns if name != "calendar"]
    names = [["person"], *([name] for name in groups)]
    if len(groups) > 1:
        names.append(groups[:2])
    return [robust.clusters(design, panel, columns) for columns in names]


def _sums(fit: BaselineFit, spec: ModelSpec) -> pd.DataFrame:
    return pd.DataFrame(_lines(fit, spec))


def _lines(fit: BaselineFit, spec: ModelSpec) -> Iterator[dict[str, object]]:
    in_points = fit.unit == linear_probability.UNIT
    factor = 100.0 if in_points else 1.0
    quantile = float(scipy.special.stdtrit(fit.freedom, 0.975))
    for term in spec.lagged:
        lengths = np.array([last - max(first, 0) + 1 for first, last in term.coefficient_windows])
        weights = np.zeros(len(fit.terms))
        weights[fit.terms["term"] == term.name] = np.maximum(lengths, 0)
        estimates, errors = fit.combination(weights)
        for name, estimate, error in zip(
            fit.exits, factor * estimates, factor * errors, strict=True
        ):
            yield {
                "estimator": fit.estimator,
                "errors": fit.errors,
                "term": term.name,
                "exit": name,
                "estimate": estimate,
                "sd": error,
                "lower": estimate - quantile * error,
                "upper": estimate + quantile * error,
                "unit": "percentage points" if in_points else fit.unit,
            }
