"""Risk sets of every exit -> the fit of a proportional hazards model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines import partial_likelihood, robust
from hazard.baselines.fit import BaselineFit, errors_of
from hazard.baselines.partial_likelihood import Maximum, RiskSets
from hazard.baselines.remarks import coefficient_labels, named, undefined
from hazard.baselines.robust import Clusters
from hazard.model.design import Design
from hazard.model.likelihood import Rows, linear_predictor, rows

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
    solutions = [_of_exit(data, solution) for solution in sets]
    covariance = _covariance(data, solutions, errors)
    error = errors_of(covariance, ways=robust.ways(errors))
    estimates = np.column_stack([_reported(solution) for solution in solutions])
    negative = np.isfinite(estimates) & np.isnan(error)
    sentences = [
        text
        for name, solution in zip(design.exits, solutions, strict=True)
        for text in _remarks(labels, name, solution)
    ]
    return BaselineFit(
        estimator=estimator,
        unit="log-hazard",
        exits=design.exits,
        terms=labels,
        estimate=estimates,
        standard_error=error,
        remarks=(*remarks, *sentences, *undefined(labels, negative.any(axis=1))),
        errors=errors.name if isinstance(errors, Clusters) else "from the information",
        log_likelihood=float(
            sum(solution.maximum.value for solution in solutions if solution.maximum)
        ),
        covariance=covariance,
    )


@dataclass(frozen=True, eq=False)
class _OfExit:
    """Risk sets of those who can leave through one exit; no maximum where nobody does."""

    sets: RiskSets
    lacking: BoolArray
    maximum: Maximum | None

    @property
    def estimated(self) -> BoolArray:
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


def _reported(solution: _OfExit) -> FloatArray:
    beta = np.full(len(solution.lacking), np.nan)
    if solution.maximum is None:
        return beta
    beta[solution.estimated] = solution.maximum.beta[solution.estimated]
    runaway = solution.maximum.runaway
    beta[runaway != 0] = np.inf * runaway[runaway != 0]
    beta[solution.lacking] = -np.inf
    return beta


def _covariance(data: Rows, solutions: Sequence[_OfExit], errors: Kind) -> FloatArray:
    """Covariance of all exits, shape (coefficient, exit, coefficient, exit)."""
    estimated = np.column_stack([solution.estimated for solution in solutions])
    n, m = estimated.shape
    by_exit = np.concatenate([j * n + np.flatnonzero(estimated[:, j]) for j in range(m)])
    out = np.full((m * n, m * n), np.nan)
    if not estimated.any():
        return out.reshape(m, n, m, n).transpose(1, 0, 3, 2)
    bread = scipy.linalg.block_diag(
        *[solution.maximum.covariance for solution in solutions if solution.maximum]
    )
    if isinstance(errors, Clusters):
        filling = robust.meat(errors, lambda code: _scores(data, solutions, code))
        bread = robust.sandwich(bread, filling, 1.0)
    out[np.ix_(by_exit, by_exit)] = bread
    infinite = np.concatenate(
        [
            solution.maximum.runaway != 0 if solution.maximum else solution.estimated
            for solution in solutions
        ]
    )
    out[infinite] = np.nan
    out[:, infinite] = np.nan
    return out.reshape(m, n, m, n).transpose(1, 0, 3, 2)


def _scores(data: Rows, solutions: Sequence[_OfExit], code: IntArray) -> Any:
    """Scores of all exits, summed over groups, as :func:`hazard.baselines.robust.meat` asks."""
    parts = [
        partial_likelihood.score_sums(data, solution.sets, solution.maximum, code)
        for solution in solutions
        if solution.maximum
    ]
    return sparse.csr_array(np.hstack(parts))


def _remarks(labels: pd.DataFrame, name: str, solution: _OfExit) -> list[str]:
    if solution.maximum is None:
        return [f"No exit '{name}' among the rows."]
    runaway = solution.maximum.runaway
    infinite = (runaway != 0) & np.isfinite(runaway)
    texts = {
        f"Without any exit '{name}', estimate at minus infinity": solution.lacking,
        f"Monotone likelihood of exit '{name}', estimate infinite": infinite,
        f"Not identified for exit '{name}' by its risk sets": (
            (~solution.estimated | np.isnan(runaway)) & ~infinite & ~solution.lacking
        ),
    }
    return [f"{text}: {named(labels, flags)}." for text, flags in texts.items() if flags.any()]
