"""Scores of the months to come: fitted to the rows before a month, tested on those after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.errors import EstimandError
from hazard.estimands import incidence
from hazard.fitting.records import Fit
from hazard.model.unit_likelihood import log_likelihood
from hazard.model.units import Units, units
from hazard.months import month_text
from hazard.studies.scores import psis, records
from hazard.studies.scores.records import Progress, Score, ScorePlan, silent

_FIRST_SHARE = 0.5
_FEWEST_CUTS = 2


def cuts(calendar: npt.ArrayLike, *, months: int = 12) -> list[int]:
    """Months before which models are fitted, and the end: blocks of equal length from a January.

    Parameters
    ----------
    calendar : array_like of int
        Calendar month of every row (see :mod:`hazard.months`).
    months : int
        Length of a block; the last may be shorter.

    Returns
    -------
    list of int
        The first is the first January with half of the rows before it; the last is the month after
        the last one.

    Raises
    ------
    EstimandError
        If no January has half of the rows before it.

    Examples
    --------
    >>> cuts([420, 421, 430, 435, 440, 450])  # January 2006 and 2007 are months 432 and 444
    [432, 444, 451]
    """
    month = np.asarray(calendar, dtype=np.int64)
    end = int(month.max()) + 1
    for first in range(-(-int(month.min()) // 12) * 12, end, 12):
        if (month < first).mean() >= _FIRST_SHARE:
            return [*range(first, end, months), end]
    raise EstimandError(
        "score of the future must have a January with half of the rows before it; the panel ends "
        "before the next one. Pass the cuts."
    )


def leave_future_out(
    fit: Fit,
    cut_months: Sequence[int],
    *,
    plan: ScorePlan | None = None,
    progress: Progress = silent,
) -> Score:
    """Expected log predictive density of what each person does in the months to come.

    Parameters
    ----------
    fit : Fit
        Its posterior is not used: it has seen the future.
    cut_months : sequence of int
        Calendar months in order. Rows before the first are fitted, those from one to the month
        before the next are a block that is predicted; the last is an end only (:func:`cuts`).
    plan : ScorePlan, optional
        ``most_refits`` counts the refits after the first fit.
    progress : callable

    Returns
    -------
    Score
        One row per person and block. All fits are by the approximate engine.

    Raises
    ------
    EstimandError
        If the panel has no calendar, the model has leads, or the cuts do not ascend or leave no
        rows before the first or in a block.
    ConvergenceError
        If a fit does not settle.

    Notes
    -----
    Draws given the rows before one month are weighted by what the next block says, to stand for
    those given the rows before the next month; where the k-hat of the weights is above the
    threshold the model is fitted again. Each person of a block has a density of its own, the mean
    over draws: the score is their sum, not the density of the block as a whole.

    What the model has not seen (a new centre, the next calendar year) has the distribution that the
    model gives to levels it knows nothing of: a new centre is drawn from the centres, a year with
    independent normal effects from that normal around the first year, a random walk goes on from
    where it was.

    Exposures of the month itself and outcomes that are known later only (a disappearance is one
    after a year) are taken as given: this is a comparison of models, not the error that a forecast
    at the time would have had. Numbers are centred as in the whole panel.

    References
    ----------
    .. [1] Bürkner, Gabry and Vehtari (2020), Approximate leave-future-out cross-validation for
       Bayesian time series models, Journal of Statistical Computation and Simulation 90(14).
    """
    since, plan = time.perf_counter(), plan or ScorePlan()
    blocks = _blocks(fit, cut_months)
    draws = _SequentialDraws.before(fit, cut_months[0], plan)
    parts, by_block = [], {}
    for k, (first, rows) in enumerate(zip(cut_months, blocks, strict=False)):
        progress("future", k / len(blocks))
        draws, how = _updated(draws, fit, first, plan)
        log_weight, k_hat = draws.weights()
        grouping, values = draws.predicted(fit, rows)
        elpd, influence = psis.weighted(values, log_weight)
        block = _Block(month_text(first), how, k_hat)
        parts.append(_table(block, grouping, elpd, influence))
        by_block[block.month] = psis.error_of_sum(influence)
        draws = draws.advanced(values, influence)
    return Score(
        model=fit.name,
        unit="future",
        units=pd.concat(parts, ignore_index=True),
        mcse=float(np.linalg.norm([*draws.errors_before, draws.error()])),
        block_mcse=by_block,
        engine="laplace",
        rows=_digest(fit, cut_months),
        facts={
            "draws": draws.n,
            "k_hat threshold": psis.threshold(draws.n),
            "cuts": [month_text(month) for month in cut_months],
            "fits": draws.fits,
            "seconds": round(time.perf_counter() - since, 2),
        },
    )


@dataclass(frozen=True)
class _SequentialDraws:
    """Draws given the rows before a month, and what has been added to those rows since.

    ``added`` (chain, draw) is the log-likelihood of the rows since, ``influence`` (chain, draw) has
    the error of all that the draws have predicted as its mean; ``fits`` counts this one and those
    before, whose errors are ``errors_before``.
    """

    beta: xr.DataArray
    added: FloatArray
    influence: FloatArray
    is_new: bool = True
    fits: int = 1
    errors_before: tuple[float, ...] = ()

    @classmethod
    def before(cls, fit: Fit, month: int, plan: ScorePlan) -> _SequentialDraws:
        """The approximate posterior given the rows before a month."""
        earlier = (fit.design_rows["calendar"] < month).to_numpy()
        seed = int(np.random.SeedSequence([plan.seed, month]).generate_state(1)[0])
        posterior = records.approximate(records.with_rows(fit.design, earlier), plan.draws, seed)
        beta = incidence.coefficients(posterior, fit.design)
        zeros = np.zeros((beta.sizes["chain"], beta.sizes["draw"]))
        return cls(beta, zeros, zeros)

    @property
    def n(self) -> int:
        return self.added.size

    def weights(self) -> tuple[FloatArray, float]:
        """Log weights (chain, draw, 1) that stand for the rows added, and their k-hat."""
        if self.is_new:
            return psis.equal_log_weights(self.added.shape), np.nan
        log_weight, k_hat = psis.smoothed(-self.added[..., None], np.ones(1))
        return log_weight, float(k_hat[0])

    def predicted(self, fit: Fit, rows: IntArray) -> tuple[Units, FloatArray]:
        """Persons of the rows of a block, and their log-likelihood (chain, draw, person)."""
        grouping = units(fit.design_rows["person"].iloc[rows])
        return grouping, log_likelihood(
            self.beta, records.with_rows(fit.design, rows), grouping
        ).values

    def advanced(self, values: FloatArray, influence: FloatArray) -> _SequentialDraws:
        """The same draws, with a block that is no longer the future."""
        return replace(
            self,
            added=self.added + values.sum(axis=2),
            influence=self.influence + influence.sum(axis=2),
            is_new=False,
        )

    def error(self) -> float:
        """Monte Carlo standard error of the sum of all that the draws have predicted."""
        return psis.error_of_sum(self.influence[..., None])


def _updated(
    draws: _SequentialDraws, fit: Fit, month: int, plan: ScorePlan
) -> tuple[_SequentialDraws, str]:
    """Draws that can stand for the rows before a month, and how they came about."""
    if draws.is_new:
        return draws, "refit"
    if draws.weights()[1] <= psis.threshold(draws.n):
        return draws, "psis"
    if draws.fits > plan.most_refits:
        return draws, "not refitted"
    errors_before = (*draws.errors_before, draws.error())
    refit = _SequentialDraws.before(fit, month, plan)
    return replace(refit, fits=draws.fits + 1, errors_before=errors_before), "refit"


@dataclass(frozen=True)
class _Block:
    """First month of a block, how its draws came about, and the k-hat of their weights."""

    month: str
    how: str
    k_hat: float


def _table(block: _Block, grouping: Units, elpd: FloatArray, influence: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": grouping.labels,
            "block": block.month,
            "rows": grouping.sizes,
            "elpd": elpd,
            "p_loo": np.nan,
            "k_hat": block.k_hat,
            "mcse": psis.errors(influence),
            "how": block.how,
        }
    )


def _blocks(fit: Fit, cut_months: Sequence[int]) -> list[IntArray]:
    """Positions of the rows of every block.

    Raises
    ------
    EstimandError
        If the model cannot be scored for the future, or not at these months.
    """
    leads = [term.name for term in fit.spec.lagged if term.lags[0] < 0]
    if leads:
        raise EstimandError(
            f"score of the future must be of a model without leads; got leads in {leads}, whose "
            "exposures lie in the months that are to be predicted. Leave them out."
        )
    if "calendar" not in fit.design_rows:
        raise EstimandError(
            "score of the future must have the column 'calendar' in the panel; the panel has none. "
            "Name it under [table], or score by person."
        )
    if len(cut_months) < _FEWEST_CUTS or any(a >= b for a, b in pairwise(cut_months)):
        raise EstimandError(
            f"cuts must be two months or more that ascend; got "
            f"{[month_text(m) for m in cut_months]}."
        )
    calendar = fit.design_rows["calendar"].to_numpy()
    blocks = [np.flatnonzero((a <= calendar) & (calendar < b)) for a, b in pairwise(cut_months)]
    empty = [month_text(cut_months[k]) for k, rows in enumerate(blocks) if not len(rows)]
    if empty or not (calendar < cut_months[0]).any():
        place = f"none in the blocks from {empty}" if empty else "none before the first cut"
        raise EstimandError(
            f"cuts must leave rows before the first and in every block; got {place}. Move the cuts."
        )
    return blocks


def _digest(fit: Fit, cut_months: Sequence[int]) -> str:
    """Digest of the rows with the block of each; those before the first cut are in block 0."""
    block = np.searchsorted(cut_months, fit.design_rows["calendar"].to_numpy(), side="right")
    return records.digest(fit, block)
