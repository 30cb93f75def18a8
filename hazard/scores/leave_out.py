"""Leave-one-out scores: importance sampling where it can be trusted, refits where it cannot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard import estimands
from hazard.design import Design
from hazard.errors import ConvergenceError, EstimandError
from hazard.scores import marginal, psis, records
from hazard.scores.densities import log_likelihood
from hazard.scores.records import REFITTED, Fitted, Plan, Progress, Score, silent
from hazard.scores.units import Units, units
from hazard.terms.block import FloatArray

_MOST_NUMBERS = 2**24
_CHECKED = 200
_FEWEST_UNITS = 2


def leave_one_out(
    of: Fitted, by: str = "person", *, plan: Plan | None = None, progress: Progress = silent
) -> Score:
    """Expected log predictive density of each unit, given all others.

    Parameters
    ----------
    of : Fitted
    by : str
        Column of the panel: its values are left out one by one.
    plan : Plan, optional
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
    group first (:mod:`hazard.scores.marginal`). Units with a k-hat above the threshold are fitted
    again without the unit, by the approximate engine whatever the engine of the run. A level that a
    refit knows nothing of (the centre, a nationality that lived nowhere else) has the distribution
    that the model gives to it. The density of a unit with many rows differs between draws by orders
    of magnitude: where its own k-hat is above the threshold, the draws are too few for their mean.

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
    since, plan = time.perf_counter(), plan or Plan()
    task = _Task(of, units(records.unit_column(of, by)), by, plan)
    if len(task.own) < _FEWEST_UNITS:
        raise EstimandError(f"score must have two units or more of {by!r}; got {len(task.own)}.")
    drawn = _Draws.of(records.thinned(of.posterior, plan.draws), of.design, by)
    table, mcse = _importance(drawn, task.own, progress)
    table = _refitted(task, table, progress)
    good = table["how"] == "psis"
    mixed = of.engine != "laplace" and bool(table["how"].isin(REFITTED).any())
    facts = {
        "draws": drawn.n,
        "k_hat threshold": psis.threshold(drawn.n),
        "integrated over": by if drawn.integrates else None,
        "largest integration error": drawn.integration_error(task.own),
        "engines apart": _engines_apart(task, table) if mixed and good.any() else None,
    }
    return Score(
        model=of.name,
        unit=by,
        units=table,
        mcse=float(np.sqrt(mcse**2 + (table.loc[~good, "mcse"] ** 2).sum())),
        block_mcse={},
        engine=f"{of.engine}, refits laplace" if mixed else of.engine,
        rows=records.digest(of, of.rows[by]),
        facts={**facts, "seconds": round(time.perf_counter() - since, 2)},
    )


@dataclass(frozen=True)
class _Task:
    """What is left out of which fit."""

    of: Fitted
    own: Units
    by: str
    plan: Plan


@dataclass(frozen=True)
class _Draws:
    """Draws of a posterior, and what they say of units."""

    posterior: xr.Dataset
    beta: xr.DataArray
    design: Design
    by: str

    @classmethod
    def of(cls, posterior: xr.Dataset, design: Design, by: str) -> _Draws:
        return cls(posterior, estimands.coefficients(posterior, design), design, by)

    @property
    def n(self) -> int:
        return self.beta.sizes["chain"] * self.beta.sizes["draw"]

    @property
    def integrates(self) -> bool:
        return marginal.group_of(self.design, self.by) is not None

    def log_likelihood(self, own: Units) -> xr.DataArray:
        if not self.integrates:
            return log_likelihood(self.beta, self.design, own)
        return marginal.marginal_log_likelihood(
            self.beta, self.design, posterior=self.posterior, own=own, by=self.by
        )

    def integration_error(self, own: Units) -> float | None:
        if not self.integrates:
            return None
        return marginal.integration_error(
            self.beta, self.design, posterior=self.posterior, own=own, by=self.by
        )


def _importance(drawn: _Draws, own: Units, progress: Progress) -> tuple[pd.DataFrame, float]:
    """Table of all units by importance sampling; the error of the sum over those to be trusted."""
    size = max(1, _MOST_NUMBERS // drawn.n)
    limit = psis.threshold(drawn.n)
    parts, total = [], np.zeros((drawn.beta.sizes["chain"], drawn.beta.sizes["draw"], 1))
    for first in range(0, len(own), size):
        progress("weights", first / len(own))
        some = own.chosen(np.arange(first, min(first + size, len(own))))
        found = psis.left_out(drawn.log_likelihood(some))
        total += found.influence[..., found.k_hat <= limit].sum(axis=2, keepdims=True)
        parts.append(_table(some, found, limit))
    return pd.concat(parts, ignore_index=True), psis.error_of_sum(total)


def _table(own: Units, found: psis.LeftOut, limit: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": own.labels,
            "rows": own.sizes,
            "elpd": found.elpd,
            "p_loo": found.p_loo,
            "k_hat": found.k_hat,
            "mcse": found.mcse,
            "how": np.where(found.k_hat <= limit, "psis", "not refitted"),
        }
    )


def _refitted(task: _Task, table: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """The table with units fitted again whose weights cannot be trusted, largest p_loo first."""
    table = table.copy()
    bad = table.loc[table["how"] == "not refitted", "p_loo"]
    worst = bad.sort_values(ascending=False, kind="stable").index[: task.plan.most_refits]
    for done, unit in enumerate(worst):
        progress("refits", done / len(worst))
        try:
            elpd, mcse, k_hat = _refit(task, int(unit))
        except ConvergenceError:
            table.loc[unit, "how"] = "refit failed"
            continue
        inside = table.loc[unit, "elpd"] + table.loc[unit, "p_loo"]
        table.loc[unit, ["elpd", "p_loo", "mcse"]] = elpd, inside - elpd, mcse
        few = k_hat > psis.threshold(task.plan.draws)
        table.loc[unit, "how"] = "refit, too few draws" if few else "refit"
    return table


def _refit(task: _Task, unit: int) -> tuple[float, float, float]:
    """Log predictive density of one unit by a fit without it, its error, k-hat of the densities."""
    design = task.of.design
    keep = np.ones(len(design.outcome), dtype=bool)
    keep[task.own.rows_of(unit)] = False
    seed = int(np.random.SeedSequence([task.plan.seed, unit]).generate_state(1)[0])
    posterior = records.approximate(records.with_rows(design, keep), task.plan.draws, seed)
    drawn = _Draws.of(posterior, design, task.by)
    values = drawn.log_likelihood(task.own.chosen([unit])).values
    elpd, influence = psis.weighted(values, psis.even(values.shape[:2]))
    _, k_hat = psis.smoothed(-values, np.ones(1))
    return float(elpd[0]), psis.error_of_sum(influence), float(k_hat[0])


def _engines_apart(task: _Task, table: pd.DataFrame) -> dict[str, Any]:
    """How far the approximate engine is from the run, on units that both can be trusted with."""
    good = np.flatnonzero(table["how"] == "psis")
    some = good[np.unique(np.linspace(0, len(good) - 1, min(len(good), _CHECKED)).astype(int))]
    design = task.of.design
    posterior = records.approximate(design, task.plan.draws, task.plan.seed)
    drawn = _Draws.of(posterior, design, task.by)
    found = psis.left_out(drawn.log_likelihood(task.own.chosen(some)))
    both = found.k_hat <= psis.threshold(drawn.n)
    apart: FloatArray = (found.elpd - table["elpd"].to_numpy()[some])[both]
    return {
        "units": len(apart),
        "mean difference": float(apart.mean()) if len(apart) else None,
        "largest difference": float(np.abs(apart).max()) if len(apart) else None,
    }
