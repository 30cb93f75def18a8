"""Risk sets of every exit -> the fit of a proportional hazards model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from hazard.baselines import partial_likelihood, robust
from hazard.baselines.fit import (
    BaselineFit,
    BoolArray,
    coefficient_labels,
    errors_of,
    named,
    undefined,
)
from hazard.baselines.partial_likelihood import Maximum, RiskSets
from hazard.baselines.robust import Clusters
from hazard.design import Design
from hazard.likelihood import Rows, linear_predictor, rows
from hazard.terms.block import FloatArray, IntArray

Kind = Clusters | Literal["information"]


def fit(
    estimator: str,
    design: Design,
    sets: Sequence[RiskSets],
    *,
    remarks: Sequence[str],
    errors: Kind,
) -> BaselineFit:
    """Log hazard ratios of every exit from its risk sets.

    Parameters
    ----------
    estimator : str
    design : Design
        One row per unit of the risk sets, without what these make up for.
    sets : sequence of RiskSets
        One per exit.
    remarks : sequence of str
    errors : "information" or Clusters
        With the information the exits are independent of each other; with groups of units the
        covariance is the sandwich I^-1 (sum of s s') I^-1 of summed scores s of all exits, without
        a factor for small samples.

    Returns
    -------
    BaselineFit
        Infinite, and named, where the likelihood rises without end, as with a dummy of whom nobody
        leaves through the exit, the others being those of the limit; NaN, and named, where the risk
        sets do not tell a coefficient.
    """
    data, labels = rows(design), coefficient_labels(design)
    found = [_of_exit(data, each) for each in sets]
    covariance = _covariance(data, found, errors)
    error = errors_of(covariance, ways=robust.ways(errors))
    estimates = np.column_stack([_reported(each) for each in found])
    negative = np.isfinite(estimates) & np.isnan(error)
    told = [
        text
        for name, each in zip(design.exits, found, strict=True)
        for text in _remarks(labels, name, each)
    ]
    return BaselineFit(
        estimator=estimator,
        unit="log-hazard",
        exits=design.exits,
        terms=labels,
        estimate=estimates,
        standard_error=error,
        remarks=(*remarks, *told, *undefined(labels, negative.any(axis=1))),
        errors=errors.name if isinstance(errors, Clusters) else "from the information",
        log_likelihood=float(sum(each.maximum.value for each in found if each.maximum)),
        covariance=covariance,
    )


@dataclass(frozen=True, eq=False)
class _OfExit:
    """Risk sets of those who can leave through one exit; no maximum where nobody does."""

    sets: RiskSets
    lacking: BoolArray
    maximum: Maximum | None

    @property
    def told(self) -> BoolArray:
        """Coefficients with a covariance, infinite ones included."""
        return self.maximum.keep if self.maximum else np.zeros_like(self.lacking)


def _of_exit(data: Rows, sets: RiskSets) -> _OfExit:
    lacking = partial_likelihood.separated(data, sets)
    if not sets.leaves.nnz:
        return _OfExit(sets, lacking, None)
    possible = linear_predictor(data, lacking[:, None].astype(np.float64))[:, 0] == 0
    within = sets.only(possible)
    fewer, maximum = partial_likelihood.limit(data, within, ~lacking)
    return _OfExit(fewer, lacking, maximum)


def _reported(found: _OfExit) -> FloatArray:
    beta = np.full(len(found.lacking), np.nan)
    if found.maximum is None:
        return beta
    beta[found.told] = found.maximum.beta[found.told]
    away = found.maximum.runaway
    beta[away != 0] = np.inf * away[away != 0]
    beta[found.lacking] = -np.inf
    return beta


def _covariance(data: Rows, found: Sequence[_OfExit], errors: Kind) -> FloatArray:
    """Covariance of all exits, shape (coefficient, exit, coefficient, exit)."""
    told = np.column_stack([each.told for each in found])
    n, m = told.shape
    by_exit = np.concatenate([j * n + np.flatnonzero(told[:, j]) for j in range(m)])
    out = np.full((m * n, m * n), np.nan)
    if not told.any():
        return out.reshape(m, n, m, n).transpose(1, 0, 3, 2)
    bread = scipy.linalg.block_diag(*[each.maximum.covariance for each in found if each.maximum])
    if isinstance(errors, Clusters):
        filling = robust.meat(errors, lambda code: _scores(data, found, code))
        bread = robust.sandwich(bread, filling, 1.0)
    out[np.ix_(by_exit, by_exit)] = bread
    infinite = np.concatenate(
        [each.maximum.runaway != 0 if each.maximum else each.told for each in found]
    )
    out[infinite] = np.nan
    out[:, infinite] = np.nan
    return out.reshape(m, n, m, n).transpose(1, 0, 3, 2)


def _scores(data: Rows, found: Sequence[_OfExit], code: IntArray) -> Any:
    """Scores of all exits, summed over groups, as :func:`hazard.baselines.robust.meat` asks."""
    parts = [
        partial_likelihood.score_sums(data, each.sets, each.maximum, code)
        for each in found
        if each.maximum
    ]
    return sparse.csr_array(np.hstack(parts))


def _remarks(labels: pd.DataFrame, name: str, found: _OfExit) -> list[str]:
    if found.maximum is None:
        return [f"No exit '{name}' among the rows."]
    away = found.maximum.runaway
    infinite = (away != 0) & np.isfinite(away)
    texts = {
        f"Without any exit '{name}', estimate at minus infinity": found.lacking,
        f"Monotone likelihood of exit '{name}', estimate infinite": infinite,
        f"Not identified for exit '{name}' by its risk sets": (
            (~found.told | np.isnan(away)) & ~infinite & ~found.lacking
        ),
    }
    return [f"{text}: {named(labels, which)}." for text, which in texts.items() if which.any()]
