"""How far the histories of an arm are from those that were observed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import BoolArray, Float32Array, IntArray
from hazard.compiled import compiled
from hazard.data.registers.keys import is_first
from hazard.errors import EstimandError
from hazard.estimands.interventions.event_histories import Around
from hazard.spec import LaggedTerm

ALL_TERMS = "all terms"
Histories = Mapping[str, xr.DataArray]
Codes = npt.NDArray[np.unsignedinteger[Any]]


def support(
    around: Around,
    arm: Histories,
    observed: Histories,
    *,
    far: int = 1,
    within: str | None = None,
) -> pd.DataFrame:
    """Number of observed person-months with the histories of an arm, and the distance if none has.

    Parameters
    ----------
    around : Around
    arm : mapping of str to DataArray, dims (row, lag)
        From :func:`hazard.estimands.interventions.histories`; every row is known.
    observed : mapping of str to DataArray, dims (row, lag)
        Of all rows of the panel; those with an unknown history are left aside.
    far : int
        Rows that differ in more lags than this from every observed history are flagged.
    within : str, optional
        Column of the panel; only rows with the same level are compared. A history at a level
        without any that is known differs in all lags.

    Returns
    -------
    DataFrame
        A row per term, then all terms taken together if there are several, and month of the path:
        ``term``, ``month``, ``n_rows``, ``n_patterns`` (distinct histories), ``seen_least`` and
        ``seen_median`` (observed person-months with the same history, over the rows), ``unseen``
        (share of the rows whose history nobody had), ``distance`` (the largest of the rows) and
        ``flagged`` (share of the rows).

    Raises
    ------
    EstimandError
        If a history of the arm is unknown.

    Notes
    -----
    The distance is that of Hamming: the number of lags, over all terms where these are taken
    together, in which a history differs from the nearest one that was observed. Rates per resident
    hardly ever agree, and are compared by whether anything happened.

    Examples
    --------
    >>> from hazard.estimands.interventions.event_histories import from_rows
    >>> from hazard.estimands.interventions.paths import Paths
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing",
    ...                   prior=NormalPrior(family="normal", scale=1.0, reason="an example only"))
    >>> panel = pd.DataFrame({"person": [0, 0], "month": [1, 2]})
    >>> observed = {"visit_centre": xr.DataArray([[0.0, 0.0], [1.0, 0.0]], dims=("row", "lag"))}
    >>> around = from_rows(Paths(panel, np.array([0]), 2, {}), observed, [term])
    >>> arm = {"visit_centre": xr.DataArray([[1.0, 0.0], [1.0, 1.0]], dims=("row", "lag"))}
    >>> found = support(around, arm, observed, far=0)
    >>> found[["term", "month", "seen_least", "unseen", "distance", "flagged"]].values.tolist()
    [['visit_centre', 1, 1, 0.0, 0, 0.0], ['visit_centre', 2, 0, 1.0, 1, 1.0]]
    """
    known = _known(observed)
    if not _known(arm).all():
        raise EstimandError(
            "histories of an arm must be known on every path before they are compared; got unknown "
            "ones. Refuse them where the arm is made."
        )
    level, of_paths = _levels(around, within)
    kinds = [(term.name, [term]) for term in around.terms]
    if len(kinds) > 1:
        kinds.append((ALL_TERMS, list(around.terms)))
    tables = []
    for name, terms in kinds:
        asked = _patterns(of_paths, arm, terms)
        rows = _nearest(asked, _patterns(level, observed, terms)[known])
        table = _by_month(rows.assign(month=around.paths.month), far)
        table.insert(0, "term", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def check_support(table: pd.DataFrame, *, share: float = 0.0) -> None:
    """Raise when in a month more than a share of the paths is far from all that was observed.

    Parameters
    ----------
    table : DataFrame
        From :func:`support`; its ``far`` is the distance.
    share : float
        Of the paths, in [0, 1].

    Raises
    ------
    EstimandError
        One sentence with the number of terms and months, and the worst of them.
    """
    worse = table[table["flagged"] > share]
    if not len(worse):
        return
    worst = worse.iloc[int(worse["flagged"].argmax())]
    raise EstimandError(
        f"histories of an arm must be near observed ones on all but {share:.0%} of the paths; got "
        f"more in {len(worse)} of {len(table)} terms and months (worst: term {worst['term']!r}, "
        f"month {worst['month']}, {worst['flagged']:.1%} of the paths, up to {worst['distance']} "
        "lags away). Ask for an arm nearer to what happened, or allow a larger distance."
    )


def _known(histories: Histories) -> BoolArray:
    unknown = [np.isnan(history.values).any(axis=1) for history in histories.values()]
    known: BoolArray = ~np.any(unknown, axis=0)
    return known


def _levels(around: Around, within: str | None) -> tuple[IntArray, IntArray]:
    """Level of every row of the panel, and of the paths."""
    panel, paths = around.paths.panel, around.paths
    level = np.zeros(len(panel), dtype=np.int64)
    if within is not None:
        level = pd.factorize(panel[within])[0].astype(np.int64)
    return level, np.repeat(level[paths.row], paths.horizon)


def _patterns(level: IntArray, histories: Histories, terms: list[LaggedTerm]) -> Float32Array:
    """Level and value at every lag, shape (row, 1 + lags)."""
    values = [
        histories[term.name].values > 0
        if term.measure == "per_resident"
        else histories[term.name].values
        for term in terms
    ]
    return np.column_stack([level, *values]).astype(np.float32)


def _nearest(asked: Float32Array, seen: Float32Array) -> pd.DataFrame:
    """For every asked row how often its pattern was seen, the distance, and the pattern."""
    values = _coded(np.vstack([seen, asked]))
    pattern = _codes(values)
    of_asked = pattern[len(seen) :]
    n_seen = np.bincount(pattern[: len(seen)], minlength=pattern.max() + 1)
    _, row = np.unique(pattern, return_index=True)
    unseen = np.flatnonzero(n_seen == 0)
    distance = np.zeros(len(n_seen), dtype=np.int64)
    distance[unseen] = _distances(values[row[unseen]], values[row[n_seen > 0]])
    return pd.DataFrame(
        {"seen": n_seen[of_asked], "distance": distance[of_asked], "pattern": of_asked}
    )


def _coded(values: Float32Array) -> Codes:
    """Values as small whole numbers, column by column, shape (row, column)."""
    codes = np.column_stack([pd.factorize(column)[0] for column in values.T])
    return codes.astype(np.min_scalar_type(codes.max()))


def _codes(values: Codes) -> IntArray:
    """Code of every distinct row."""
    code = np.zeros(len(values), dtype=np.int64)
    for column in values.T:
        code = pd.factorize(code * (int(column.max()) + 1) + column)[0].astype(np.int64)
    return code


def _distances(asked: Codes, seen: Codes) -> IntArray:
    """Number of lags in which distinct patterns differ from the nearest seen at their level."""
    distance = np.empty(len(asked), dtype=np.int64)
    order = np.argsort(asked[:, 0], kind="stable")
    for begin, end in pairwise([*np.flatnonzero(is_first(asked[order, 0])), len(order)]):
        rows = order[begin:end]
        there = seen[seen[:, 0] == asked[rows[0], 0], 1:]
        distance[rows] = _fewest(asked[rows, 1:], np.ascontiguousarray(there.T))
    return distance


@compiled
def _fewest(asked: Codes, seen: Codes) -> IntArray:
    """Fewest differences of each row of ``asked`` from a column of ``seen``, or all."""
    n_lags, n_seen = seen.shape
    fewest = np.full(len(asked), n_lags, dtype=np.int64)
    differ = np.empty(n_seen, dtype=np.uint16)
    for i in range(len(asked)):
        differ[:] = 0
        for lag in range(n_lags):
            value = asked[i, lag]
            for j in range(n_seen):
                differ[j] += seen[lag, j] != value
        for j in range(n_seen):
            fewest[i] = min(fewest[i], differ[j])
    return fewest


def _by_month(rows: pd.DataFrame, far: int) -> pd.DataFrame:
    rows = rows.assign(unseen=rows["seen"] == 0, flagged=rows["distance"] > far)
    return (
        rows.groupby("month")
        .agg(
            n_rows=("seen", "size"),
            n_patterns=("pattern", "nunique"),
            seen_least=("seen", "min"),
            seen_median=("seen", "median"),
            unseen=("unseen", "mean"),
            distance=("distance", "max"),
            flagged=("flagged", "mean"),
        )
        .reset_index()
    )
