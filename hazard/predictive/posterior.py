"""Observed exits beside those that the fitted model would have drawn, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats

from hazard import units
from hazard.arrays import FloatArray
from hazard.baselines import aalen_johansen
from hazard.data.disclosure import POOLED
from hazard.errors import EstimandError
from hazard.estimands import survival
from hazard.model.design import Design
from hazard.predictive.levels import Grouping, groupings
from hazard.predictive.replicate import Cells, Counts, counts

EXITS, INCIDENCE = "exits", "cumulative_incidence"
COLUMNS = (
    "grouping",
    "level",
    "n_persons",
    "n_rows",
    "exit",
    "quantity",
    "month",
    "observed",
    "predicted",
    "lower",
    "upper",
    "p_value",
    "mcse",
    "p_value_mcse",
    "n_draws",
)
_TAIL = 0.025


@dataclass(frozen=True)
class CheckSettings:
    """How to check; the same settings give the same numbers on any number of threads.

    Attributes
    ----------
    draws : int
        Replicates, each from another posterior draw; all draws where there are fewer.
    min_persons : int
        Fewest persons of a level that is shown by itself.
    month : int
        Month by whose end cumulative incidences are compared, in every level.
    last : int
        Last month of the curves of all persons and of the largest levels.
    largest : int
        Levels of a column of which the whole curve is kept.
    seed : int
    """

    draws: int = 200
    min_persons: int = 20
    month: int = 12
    last: int = 24
    largest: int = 3
    seed: int = 0

    @classmethod
    def for_panel(cls, last: int, unit: str) -> CheckSettings:
        """Settings of a panel with somebody at risk until ``last``, in its unit of time.

        Examples
        --------
        >>> settings = CheckSettings.for_panel(52, "week")
        >>> settings.month, settings.last
        (26, 52)
        """
        return cls(month=units.compared(last, unit), last=units.followed(last, unit))


DEFAULT = CheckSettings()


def check(
    beta: xr.DataArray,
    design: Design,
    *,
    panel: pd.DataFrame,
    by: Sequence[str],
    settings: CheckSettings = DEFAULT,
) -> pd.DataFrame:
    """Observed numbers and the distribution of replicated ones, by level, exit and quantity.

    A one-step-ahead check, conditional on the past: every row at risk leaves or stays anew, given
    the history that was observed. Risk sets and exposures are those of the panel; a replicated exit
    neither removes later rows nor changes what others are exposed to.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`hazard.estimands.incidence.coefficients`. Draws are taken at equal distances.
    design : Design
        As built from the panel, not collapsed.
    panel : DataFrame
        See :mod:`hazard.data.contracts`; rows with an unknown exposure history play no part.
    by : sequence of str
        Columns by whose levels to look, such as ``spec.group_columns``; they need not be in the
        model, and what is not in it shows most.
    settings : CheckSettings

    Returns
    -------
    DataFrame
        One row per ``grouping``, ``level``, ``exit``, ``quantity`` and ``month``: ``n_persons``,
        ``n_rows`` at risk, ``observed``, and of the replicates their mean ``predicted`` with its
        Monte Carlo error ``mcse``, the 95 percent interval from ``lower`` to ``upper``, and
        ``p_value``, Pr(replicated < observed) + Pr(replicated = observed) / 2, with its own error.
        ``exits``: persons leaving, in all months. ``cumulative_incidence``: by the end of
        ``month``, the last one up to ``settings.month`` with somebody at risk; for everybody and
        the largest levels of a column every month up to ``settings.last``.

    Raises
    ------
    EstimandError
        If the design is collapsed or weighted.
    DesignError
        If a column of ``by`` is missing.

    Notes
    -----
    Cumulative incidences are Aalen-Johansen estimates from the observed numbers at risk and the
    observed, or replicated, numbers leaving. The ends of the interval are replicates: from S draws
    those of rank k and S + 1 - k, with k the whole part of 1 + 0.025 (S - 1).

    Given its past, the exits of a month less those predicted have mean 0 under the model: over the
    months they are a martingale, so that their sums compare with the replicates although the risk
    sets, which the observed exits made, are fixed.

    The errors take the S draws as independent; the error of a p-value is 0 where all replicates
    lie on one side, and the p-value then is below about 1 / S, or above 1 less that.

    The parameters were fitted to the exits that are judged ([1]_): under the model p-values are not
    uniform but draw to one half ([2]_, [3]_), so that the check is conservative, the more the
    closer a level is fitted by an effect of its own. A p-value near 0 or 1 is evidence against the
    model; a middling one is little evidence for it.

    References
    ----------
    .. [1] Gelman, Meng and Stern (1996), Posterior predictive assessment of model fitness via
       realized discrepancies, Statistica Sinica 6.
    .. [2] Meng (1994), Posterior predictive p-values, Annals of Statistics 22(3).
    .. [3] Bayarri and Berger (2000), P values for composite null models, Journal of the American
       Statistical Association 95(452).

    Examples
    --------
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> rows = pd.DataFrame({"person": [0, 1], "month": [1, 1]})
    >>> rows["exit"] = pd.Categorical(["left", "stay"], ["stay", "left"])
    >>> model_spec = spec.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    >>> everybody_leaves = xr.DataArray(
    ...     [[[[50.0]]]], {"exit": ["left"]}, ("chain", "draw", "coefficient", "exit")
    ... )
    >>> checked = check(everybody_leaves, design.build(rows, {}, model_spec), panel=rows, by=[])
    >>> checked[["quantity", "observed", "predicted", "p_value"]].values.tolist()
    [['exits', 1.0, 2.0, 0.0], ['cumulative_incidence', 0.5, 1.0, 0.0]]
    """
    if (design.weight != 1).any() or len(np.unique(design.row)) < len(design.row):
        raise EstimandError(
            "design must have one row per person and month for a predictive check; got weighted "
            "or repeated rows. Use the design as built, not collapsed."
        )
    at_risk = panel.iloc[design.row]
    row_groupings = groupings(at_risk, by, settings.min_persons)
    cells = Cells.for_rows(
        row_groupings, at_risk["month"].to_numpy(dtype=np.int64), max(settings.month, settings.last)
    )
    rng = np.random.default_rng(settings.seed)
    grouping_counts = counts(design, _thinned(beta, settings.draws), cells=cells, rng=rng)
    parts = []
    for grouping, count in zip(row_groupings, grouping_counts, strict=True):
        parts.append(_exit_counts(grouping, count, design.exits))
        if grouping.follows:
            parts.append(_cumulative_incidences(grouping, count, design.exits, settings))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def summary(checked: pd.DataFrame, *, month: int = DEFAULT.month) -> pd.DataFrame:
    """How many levels lie outside their 95 percent interval, and how many would by chance.

    Parameters
    ----------
    checked : DataFrame
        From :func:`check`.
    month : int
        As in the settings of the check: of a curve, the last month up to this one counts.

    Returns
    -------
    DataFrame
        One row per ``grouping``, ``quantity`` and ``exit``: ``n_levels``, ``n_outside``,
        ``n_expected`` and ``p_value``, the probability of so many or more among so many
        independent levels.

    Notes
    -----
    Were the observed numbers one more replicate, each would lie outside with a probability of at
    most 2 k / (S + 1), with the S and k of :func:`check`; ties and the double use of the exits make
    it less. So the binomial p-value is too large rather than too small.

    Examples
    --------
    >>> labels = {"grouping": "centre", "exit": "left", "quantity": "exits", "n_draws": 200}
    >>> seen = pd.DataFrame({"level": ["A", "B"], "observed": [3, 9], "lower": 1, "upper": 8})
    >>> summed = summary(seen.assign(**labels, month=pd.NA)).round(3)
    >>> summed[["n_levels", "n_outside", "n_expected", "p_value"]].values.tolist()
    [[2.0, 1.0, 0.1, 0.097]]
    """
    rows = at_month(checked, month)
    outside = (rows["observed"] < rows["lower"]) | (rows["observed"] > rows["upper"])
    chance = 2 * (_rank(rows["n_draws"].to_numpy()) + 1) / (rows["n_draws"] + 1)
    flagged = rows.assign(
        n_levels=1, n_outside=outside.astype(int), n_expected=chance.clip(upper=1.0)
    )
    keys = ["grouping", "quantity", "exit"]
    order = checked[keys].drop_duplicates()
    total = flagged.groupby(keys, sort=False)[["n_levels", "n_outside", "n_expected"]].sum()
    summed = order.merge(total.reset_index(), on=keys)
    share = summed["n_expected"] / summed["n_levels"]
    return summed.assign(p_value=stats.binom.sf(summed["n_outside"] - 1, summed["n_levels"], share))


def at_month(checked: pd.DataFrame, month: int = DEFAULT.month) -> pd.DataFrame:
    """Rows of a check with one number per level, exit and quantity.

    Numbers of exits, and of every curve the last month up to ``month``.
    """
    number = checked["month"].astype("Int64").fillna(0)
    rows = checked.assign(month=number)[(number <= month).to_numpy()]
    last = rows.groupby(["grouping", "level", "exit", "quantity"], sort=False)["month"].idxmax()
    return checked.loc[np.sort(last.to_numpy())]


def _thinned(beta: xr.DataArray, n: int) -> FloatArray:
    """Draws at equal distances, shape (draw, coefficient, exit)."""
    ordered = beta.transpose("chain", "draw", "coefficient", "exit").values
    samples = ordered.reshape(-1, *ordered.shape[2:])
    positions = np.linspace(0, len(samples) - 1, min(n, len(samples))).round().astype(np.int64)
    return np.ascontiguousarray(samples[positions])


def _rank(n_draws: Any) -> Any:
    """Number of replicates beyond either end of the interval."""
    return np.floor(_TAIL * (n_draws - 1))


def replicate_summaries(
    observed: npt.NDArray[Any], replicated: npt.NDArray[Any]
) -> dict[str, FloatArray]:
    """Replicates in short, and the place of what was observed among them.

    Parameters
    ----------
    observed : ndarray, shape (...)
    replicated : ndarray, shape (draw, ...)

    Returns
    -------
    dict of str to ndarray, shape (...)
        Columns of :func:`check`.

    Examples
    --------
    >>> replicate_summaries(np.array([2]), np.array([[1], [2], [3], [2]]))["p_value"].tolist()
    [0.5]
    """
    rank = (replicated < observed) + 0.5 * (replicated == observed)
    root, values = np.sqrt(len(replicated)), replicated.astype(np.float64)
    return {
        "observed": observed.astype(np.float64),
        "predicted": replicated.mean(axis=0),
        "lower": np.quantile(values, _TAIL, axis=0, method="lower"),
        "upper": np.quantile(values, 1 - _TAIL, axis=0, method="higher"),
        "p_value": rank.mean(axis=0),
        "mcse": replicated.std(axis=0) / root,
        "p_value_mcse": rank.std(axis=0) / root,
    }


def _exit_counts(grouping: Grouping, count: Counts, exits: Sequence[str]) -> pd.DataFrame:
    """Numbers of exits in all months."""
    columns = replicate_summaries(count.observed.sum(axis=1), count.replicated.sum(axis=2))
    table = _tidy(grouping, count, columns, [exits])
    return table.assign(quantity=EXITS, month=pd.array([pd.NA] * len(table), "Int64"))


def _cumulative_incidences(
    grouping: Grouping, count: Counts, exits: Sequence[str], settings: CheckSettings
) -> pd.DataFrame:
    """Cumulative incidences at the published month, and curves of the largest levels."""
    followed = count.observed.shape[1] - 1  # the rest is what comes later
    months = np.arange(1, followed + 1)
    observed = _incidence(count.n_at_risk, count.observed[None])[0]
    replicated = _incidence(count.n_at_risk, count.replicated)
    table = _tidy(grouping, count, replicate_summaries(observed, replicated), [months, exits])
    at_risk = count.n_at_risk[:, :followed] > 0
    last_published = np.where(at_risk & (months <= settings.month), months, 0).max(axis=1)
    last = np.where(at_risk & (months <= settings.last), months, 0).max(axis=1)
    unpooled = np.array([level != POOLED for level in grouping.levels])
    largest = np.argsort(-grouping.n_persons * unpooled, kind="stable")[: settings.largest]
    curve = np.isin(np.arange(len(unpooled)), largest) & unpooled
    published = months == last_published[:, None]
    published |= curve[:, None] & (months <= last[:, None])
    return table[np.repeat(published.ravel(), len(exits))].assign(quantity=INCIDENCE)


def _incidence(n_at_risk: npt.NDArray[Any], n_exits: npt.NDArray[Any]) -> FloatArray:
    """Aalen-Johansen estimates, shape (draw, level, month, exit), without the last column."""
    months = {"month": np.arange(1, n_at_risk.shape[1])}
    hazard = aalen_johansen.hazards(
        xr.DataArray(n_at_risk[:, :-1], months, ("level", "month")),
        xr.DataArray(n_exits[:, :, :-1], months, ("draw", "level", "month", "exit")),
    )
    incidence = survival.cumulative_incidence(hazard)
    return np.asarray(incidence.transpose("draw", "level", "month", "exit").values)


def _tidy(
    grouping: Grouping,
    count: Counts,
    columns: dict[str, FloatArray],
    dimensions: Sequence[Sequence[Any] | npt.NDArray[Any]],
) -> pd.DataFrame:
    """One row per level, month (if there are several) and exit."""
    names = ["level", "month", "exit"] if len(dimensions) > 1 else ["level", "exit"]
    index = pd.MultiIndex.from_product([range(len(grouping.levels)), *dimensions], names=names)
    table = index.to_frame(index=False)
    code = table["level"].to_numpy()
    if "month" in table:
        table["month"] = table["month"].astype("Int64")
    return table.assign(
        grouping=grouping.name,
        level=np.array(grouping.levels, dtype=object)[code],
        n_persons=grouping.n_persons[code],
        n_rows=count.n_at_risk.sum(axis=1)[code],
        n_draws=len(count.replicated),
        **{name: values.ravel() for name, values in columns.items()},
    )
