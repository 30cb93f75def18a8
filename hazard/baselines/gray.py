"""Gray's test of equal cumulative incidence between groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr

from hazard.arrays import FloatArray
from hazard.baselines import aalen_johansen, life_table
from hazard.baselines.columns import independent
from hazard.errors import EstimandError
from hazard.estimands import survival


def fit(panel: pd.DataFrame, by: str) -> pd.DataFrame:
    """Test, exit by exit, whether groups of persons have the same cumulative incidence.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.data.contracts.check_panel`.
    by : str
        Column with the group, the same in all months of a person.

    Returns
    -------
    DataFrame
        See :func:`from_counts`.

    Raises
    ------
    EstimandError
        If there are fewer than two groups.
    """
    return from_counts(counts_by_group(panel, by))


def counts_by_group(panel: pd.DataFrame, by: str) -> xr.Dataset:
    """Risk sets of every group, as :func:`hazard.baselines.life_table.counts`.

    Parameters
    ----------
    panel : DataFrame
    by : str

    Returns
    -------
    Dataset, dims group, exit and month
        Zero in the months after the last of a group.
    """
    levels = sorted(panel[by].astype(str).unique())
    groups = [life_table.counts(panel[panel[by].astype(str) == level]) for level in levels]
    return xr.concat(groups, pd.Index(levels, name="group"), join="outer", fill_value=0)


def from_counts(counts: xr.Dataset) -> pd.DataFrame:
    """Gray's test from the numbers at risk and leaving in every group.

    Parameters
    ----------
    counts : Dataset, dims group, exit and month
        ``n_at_risk`` (group, month) and ``n_exits`` (group, exit, month), at increasing times.

    Returns
    -------
    DataFrame
        One row per exit: ``exit``, ``statistic``, ``freedom`` (groups less one, and fewer where
        a group is never at risk when somebody leaves) and ``p_value`` of the chi-square
        distribution with that freedom. Missing values where nobody leaves through the exit.

    Raises
    ------
    EstimandError
        If there are fewer than two groups.

    Notes
    -----
    With n_k at risk in group k, S_k the share still there before month t, F_k the share that had
    left through the exit before it, and R_k = n_k (1 - F_k) / S_k the subdistribution risk set, the
    score of group k is the sum over months of d_k - d R_k / R, for d leaving through the exit of
    all groups, as in a log-rank test. Its variance is that of the linear terms in the exits
    through this and through all other ways, under one cumulative incidence F for all groups with
    dF = d / sum of n_k / S_k, and with the factor (Y - d) / (Y - 1) for ties [1]_, with weight
    1. The numbers are those of ``cuminc`` in R's ``cmprsk``, which has no delayed
    entry; the formula counts who is at risk and needs no change for it. A group counts until
    nobody of it is left.

    A log-rank test per exit instead compares rates among those still there, which can be equal
    where incidences differ, and differ where these are equal.

    References
    ----------
    .. [1] Gray (1988), A class of K-sample tests for comparing the cumulative incidence of a
       competing risk, Annals of Statistics 16(3).

    Examples
    --------
    The same counts in both groups have a statistic of 0:

    >>> counts = xr.Dataset({"n_at_risk": (("group", "month"), [[4, 2], [4, 2]]),
    ...                      "n_exits": (("group", "exit", "month"), [[[1, 1]], [[1, 1]]])},
    ...                     {"group": ["a", "b"], "exit": ["left"], "month": [1, 2]})
    >>> from_counts(counts)[["exit", "statistic", "freedom", "p_value"]].values.tolist()
    [['left', 0.0, 1, 1.0]]
    """
    groups = counts.sizes["group"]
    if groups < 2:
        raise EstimandError(
            f"groups must be two or more for a test of equal incidence; got {groups}. Name a "
            "column with several levels."
        )
    rows = []
    for name in counts["exit"].values:
        score, variance = _score(_paths(counts, str(name)))
        keep = independent(variance, np.sqrt(np.diag(variance)))
        within = variance[np.ix_(keep, keep)]
        statistic = float(score[keep] @ np.linalg.solve(within, score[keep]))
        known = bool(keep.any())
        rows.append((str(name), statistic if known else np.nan, int(keep.sum()) or groups - 1))
    tests = pd.DataFrame(rows, columns=["exit", "statistic", "freedom"])
    return tests.assign(p_value=scipy.stats.chi2.sf(tests["statistic"], tests["freedom"]))


@dataclass(frozen=True, eq=False)
class _Paths:
    """Numbers of every group and month, shape (group, month), for one exit and all others."""

    at_risk: FloatArray
    leaving: FloatArray
    others: FloatArray
    before: FloatArray
    after: FloatArray
    left_before: FloatArray


def _paths(counts: xr.Dataset, name: str) -> _Paths:
    counts = counts.transpose("group", "exit", "month")
    hazard = aalen_johansen.hazards(counts["n_at_risk"], counts["n_exits"])
    after = survival.survival(hazard).transpose("group", "month")
    incidence = survival.cumulative_incidence(hazard).sel(exit=name).transpose("group", "month")
    leaving = counts["n_exits"].sel(exit=name).values.astype(np.float64)
    before = after.shift(month=1, fill_value=1.0).values
    return _Paths(
        at_risk=counts["n_at_risk"].values.astype(np.float64),
        leaving=leaving,
        others=counts["n_exits"].sum("exit").values - leaving,
        before=before,
        after=after.values,
        left_before=incidence.shift(month=1, fill_value=0.0).values,
    )


def _score(paths: _Paths) -> tuple[FloatArray, FloatArray]:
    """Scores of all groups but the last, and their covariance."""
    size = _ratio(paths.at_risk, paths.before)
    total = size.sum(axis=0)
    leaving = paths.leaving.sum(axis=0)
    expected = size * (1 - paths.left_before)
    score = (paths.leaving - leaving * _ratio(expected, expected.sum(axis=0))).sum(axis=1)
    step = _ratio(leaving, total)
    pooled_incidence = np.cumsum(step)
    staying = 1 - pooled_incidence
    groups = np.eye(len(size))[:, :, None]
    now = size[None] * (groups - _ratio(size, total)[:, None])
    summed = np.cumsum(now * _ratio(step, staying + step), axis=2)
    later = summed[:, :, -1:] - summed
    share = _ratio(staying, paths.after)
    number = total * paths.before
    direct = now + (1 - share) * later
    direct_weight = (
        _untied(leaving, number) * _ratio(leaving, total) * _ratio(paths.before, paths.at_risk)
    )
    indirect = share * later
    indirect_weight = _untied(paths.others, paths.at_risk) * paths.others
    indirect_weight = indirect_weight * _ratio(paths.before, paths.at_risk) ** 2
    variance = np.einsum("ikt,jkt,kt->ij", direct, direct, direct_weight)
    variance += np.einsum("ikt,jkt,kt->ij", indirect, indirect, indirect_weight)
    return score[:-1], variance[:-1, :-1]


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Quotient, 0 where it would be divided by 0."""
    safe = np.where(below > 0, below, 1.0)
    return np.asarray(np.where(below > 0, above / safe, 0.0))


def _untied(leaving: FloatArray, number: FloatArray) -> FloatArray:
    """Share of the variance of independent exits that exits at one time have."""
    return np.where(leaving > 1, 1 - _ratio(leaving - 1, number - 1), 1.0)
