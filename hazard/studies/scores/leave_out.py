"""Leave-one-out scores: importance sampling where it can be trusted, refits where it cannot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError, EstimandError
from hazard.estimands import incidence
from hazard.fitting.records import Fit
from hazard.inference.thinning import thinned
from hazard.model.design import Design
from hazard.model.unit_likelihood import log_likelihood
from hazard.model.units import Units, units
from hazard.studies.scores import marginal, psis, records
from hazard.studies.scores.records import REFITTED, Progress, Score, ScorePlan, silent

_MOST_NUMBERS = 2**24
_CHECKED = 200
_FEWEST_UNITS = 2


def leave_one_out(
    fit: Fit, by: str = "person", *, plan: ScorePlan | None = None, progress: Progress = silent
) -> Score:
    """Expected log predictive density of each unit, given all others.

    Parameters
    ----------
    fit : Fit
    by : str
        Column of the panel: its values are left out one by one.
    plan : ScorePlan, optional
    progress : callable
        Called with the stage and the share of it that is done.

    Returns
    -------
    Score

    Raises
    ------
    EstimandError
        If the panel has no such column, or it has one value only.

    Notes
    -----
    Posterior draws are weighted as if the unit had not been among the data. If the model has a
    group by the same column, the effect of the unit is integrated over the distribution of the
    group first (:mod:`hazard.studies.scores.marginal`). Units with a k-hat above the threshold are
    fitted again without the unit, by the approximate engine whatever the engine of the run. A level
    that a refit knows nothing of (the centre, a nationality that lived nowhere else) has the
    distribution that the model gives to it. The density of a unit with many rows differs between
    draws by orders of magnitude: where its own k-hat is above the threshold, the draws are too few
    for their mean.

    Exposures are taken as they were, those caused by the unit included, and so are the levels of
    other persons of the unit. Of a person who moved, only the months at the centre are left out
    with it.

    Memory: 8 bytes for each draw and unit, in pieces of 128 MiB, five of them at a time.

    References
    ----------
    .. [1] Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
       cross-validation and WAIC, Statistics and Computing 27(5).
    .. [2] Merkle, Furr and Rabe-Hesketh (2019), Bayesian comparison of latent variable models:
       conditional versus marginal likelihoods, Psychometrika 84(3).
    """
    since, plan = time.perf_counter(), plan or ScorePlan()
    task = _Task(fit, units(records.unit_column(fit, by)), by, plan)
    if len(task.grouping) < _FEWEST_UNITS:
        raise EstimandError(
            f"score must have two units or more of {by!r}; got {len(task.grouping)}."
        )
    draws = _Draws.from_posterior(thinned(fit.draws, plan.draws), fit.design, by)
    table, mcse = _importance(draws, task.grouping, progress)
    table = _refitted(task, table, progress)
    reliable = table["how"] == "psis"
    is_mixed = fit.engine != "laplace" and bool(table["how"].isin(REFITTED).any())
    facts = {
        "draws": draws.n,
        "k_hat threshold": psis.threshold(draws.n),
        "integrated over": by if draws.integrates else None,
        "largest integration error": draws.integration_error(task.grouping),
        "engines apart": _engines_apart(task, table) if is_mixed and reliable.any() else None,
    }
    return Score(
        model=fit.name,
        unit=by,
        units=table,
        mcse=float(np.sqrt(mcse**2 + (table.loc[~reliable, "mcse"] ** 2).sum())),
        block_mcse={},
        engine=f"{fit.engine}, refits laplace" if is_mixed else fit.engine,
        rows=records.digest(fit, fit.design_rows[by]),
        facts={**facts, "seconds": round(time.perf_counter() - since, 2)},
    )


@dataclass(frozen=True)
class _Task:
    """What is left out of which fit."""

    fit: Fit
    grouping: Units
    by: str
    plan: ScorePlan


@dataclass(frozen=True)
class _Draws:
    """Draws of a posterior, and what they say of units."""

    posterior: xr.Dataset
    beta: xr.DataArray
    design: Design
    by: str

    @classmethod
    def from_posterior(cls, posterior: xr.Dataset, design: Design, by: str) -> _Draws:
        return cls(posterior, incidence.coefficients(posterior, design), design, by)

    @property
    def n(self) -> int:
        return self.beta.sizes["chain"] * self.beta.sizes["draw"]

    @property
    def integrates(self) -> bool:
        return marginal.group_of(self.design, self.by) is not None

    def log_likelihood(self, grouping: Units) -> xr.DataArray:
        if not self.integrates:
            return log_likelihood(self.beta, self.design, grouping)
        return marginal.marginal_log_likelihood(
            self.beta, self.design, posterior=self.posterior, grouping=grouping, by=self.by
        )

    def integration_error(self, grouping: Units) -> float | None:
        if not self.integrates:
            return None
        return marginal.integration_error(
            self.beta, self.design, posterior=self.posterior, grouping=grouping, by=self.by
        )


def _importance(draws: _Draws, grouping: Units, progress: Progress) -> tuple[pd.DataFrame, float]:
    """Table of all units by importance sampling; the error of the sum over those to be trusted."""
    size = max(1, _MOST_NUMBERS // draws.n)
    threshold = psis.threshold(draws.n)
    parts, total = [], np.zeros((draws.beta.sizes["chain"], draws.beta.sizes["draw"], 1))
    for first in range(0, len(grouping), size):
        progress("weights", first / len(grouping))
        chunk = grouping.chosen(np.arange(first, min(first + size, len(grouping))))
        loo = psis.psis_loo(draws.log_likelihood(chunk))
        total += loo.influence[..., loo.k_hat <= threshold].sum(axis=2, keepdims=True)
        parts.append(_table(chunk, loo, threshold))
    return pd.concat(parts, ignore_index=True), psis.error_of_sum(total)


def _table(grouping: Units, loo: psis.PsisLoo, threshold: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": grouping.labels,
            "rows": grouping.sizes,
            "elpd": loo.elpd,
            "p_loo": loo.p_loo,
            "k_hat": loo.k_hat,
            "mcse": loo.mcse,
            "how": np.where(loo.k_hat <= threshold, "psis", "not refitted"),
        }
    )


def _refitted(task: _Task, table: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """The table with units fitted again whose weights cannot be trusted, largest p_loo first."""
    table = table.copy()
    unreliable = table.loc[table["how"] == "not refitted", "p_loo"]
    worst = unreliable.sort_values(ascending=False, kind="stable").index[: task.plan.most_refits]
    for done, unit in enumerate(worst):
        progress("refits", done / len(worst))
        try:
            elpd, mcse, k_hat = _refit(task, int(unit))
        except ConvergenceError:
            table.loc[unit, "how"] = "refit failed"
            continue
        in_sample = table.loc[unit, "elpd"] + table.loc[unit, "p_loo"]
        table.loc[unit, ["elpd", "p_loo", "mcse"]] = elpd, in_sample - elpd, mcse
        too_few = k_hat > psis.threshold(task.plan.draws)
        table.loc[unit, "how"] = "refit, too few draws" if too_few else "refit"
    return table


def _refit(task: _Task, unit: int) -> tuple[float, float, float]:
    """Log predictive density of one unit by a fit without it, its error, k-hat of the densities."""
    design = task.fit.design
    keep = np.ones(len(design.outcome), dtype=bool)
    keep[task.grouping.rows_of(unit)] = False
    seed = int(np.random.SeedSequence([task.plan.seed, unit]).generate_state(1)[0])
    posterior = records.approximate(records.with_rows(design, keep), task.plan.draws, seed)
    draws = _Draws.from_posterior(posterior, design, task.by)
    values = draws.log_likelihood(task.grouping.chosen([unit])).values
    elpd, influence = psis.weighted(values, psis.equal_log_weights(values.shape[:2]))
    _, k_hat = psis.smoothed(-values, np.ones(1))
    return float(elpd[0]), psis.error_of_sum(influence), float(k_hat[0])


def _engines_apart(task: _Task, table: pd.DataFrame) -> dict[str, Any]:
    """How far the approximate engine is from the run, on units that both can be trusted with."""
    reliable = np.flatnonzero(table["how"] == "psis")
    checked = reliable[
        np.unique(np.linspace(0, len(reliable) - 1, min(len(reliable), _CHECKED)).astype(int))
    ]
    design = task.fit.design
    posterior = records.approximate(design, task.plan.draws, task.plan.seed)
    draws = _Draws.from_posterior(posterior, design, task.by)
    loo = psis.psis_loo(draws.log_likelihood(task.grouping.chosen(checked)))
    reliable_twice = loo.k_hat <= psis.threshold(draws.n)
    differences: FloatArray = (loo.elpd - table["elpd"].to_numpy()[checked])[reliable_twice]
    return {
        "units": len(differences),
        "mean difference": float(differences.mean()) if len(differences) else None,
        "largest difference": float(np.abs(differences).max()) if len(differences) else None,
    }
