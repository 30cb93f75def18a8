"""How far the histories of an arm are from those that were observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from hazard.estimands.interventions.event_histories import PathEvents
from hazard.spec import LaggedTerm

ALL_TERMS = "all terms"
Histories = Mapping[str, xr.DataArray]
Codes = npt.NDArray[np.unsignedinteger[Any]]


def support(
    path_events: PathEvents,
    arm: Histories,
    observed: Histories,
    *,
    far: int = 1,
    within: Sequence[str] = (),
) -> pd.DataFrame:
    """Number of observed person-months with the histories of an arm, and the distance if none has.

    Parameters
    ----------
    path_events : PathEvents
    arm : mapping of str to DataArray, dims (row, lag)
        From :func:`hazard.estimands.interventions.histories`; every row is known.
    observed : mapping of str to DataArray, dims (row, lag)
        Of all rows of the panel; those with an unknown history are left aside.
    far : int
        Rows that differ in more lags than this from every observed history are flagged.
    within : sequence of str
        Columns of the panel, such as those of the network of a term; only rows with the same levels
        are compared. Where nothing is known at a level, a history differs in all lags.

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
    >>> events = from_rows(Paths(panel, np.array([0]), 2, {}), observed, [term])
    >>> arm = {"visit_centre": xr.DataArray([[1.0, 0.0], [1.0, 1.0]], dims=("row", "lag"))}
    >>> table = support(events, arm, observed, far=0)
    >>> table[["term", "month", "seen_least", "unseen", "distance", "flagged"]].values.tolist()
    [['visit_centre', 1, 1, 0.0, 0, 0.0], ['visit_centre', 2, 0, 1.0, 1, 1.0]]
    """
    known = _known(observed)
    if not _known(arm).all():
        raise EstimandError(
            "histories of an arm must be known on every path before they are compared; got unknown "
            "ones. Refuse them where the arm is made."
        )
    level, of_paths = _levels(path_events, within)
    kinds = [(term.name, [term]) for term in path_events.terms]
    if len(kinds) > 1:
        kinds.append((ALL_TERMS, list(path_events.terms)))
    tables = []
    for name, terms in kinds:
        arm_patterns = _patterns(of_paths, arm, terms)
        rows = _nearest(arm_patterns, _patterns(level, observed, terms)[known])
        table = _by_month(rows.assign(month=path_events.paths.month), far)
        table.insert(0, "term", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def check_positivity(table: pd.DataFrame, *, share: float = 0.0) -> None:
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


def _levels(path_events: PathEvents, within: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Level of every row of the panel, and of the paths."""
    panel, paths = path_events.paths.panel, path_events.paths
    level = np.zeros(len(panel), dtype=np.int64)
    for column in within:
        level = pd.factorize(pd.factorize(panel[column])[0] + level * (len(panel) + 1))[0]
        level = level.astype(np.int64)
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


def _nearest(targets: Float32Array, observed: Float32Array) -> pd.DataFrame:
    """For every asked row how often its pattern was seen, the distance, and the pattern."""
    values = _coded(np.vstack([observed, targets]))
    pattern = _codes(values)
    target_pattern = pattern[len(observed) :]
    n_observed = np.bincount(pattern[: len(observed)], minlength=pattern.max() + 1)
    _, row = np.unique(pattern, return_index=True)
    never_observed = np.flatnonzero(n_observed == 0)
    distance = np.zeros(len(n_observed), dtype=np.int64)
    distance[never_observed] = _distances(values[row[never_observed]], values[row[n_observed > 0]])
    return pd.DataFrame(
        {
            "seen": n_observed[target_pattern],
            "distance": distance[target_pattern],
            "pattern": target_pattern,
        }
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


def _distances(targets: Codes, observed: Codes) -> IntArray:
    """Number of lags in which distinct patterns differ from the nearest seen at their level."""
    distance = np.empty(len(targets), dtype=np.int64)
    order = np.argsort(targets[:, 0], kind="stable")
    for begin, end in pairwise([*np.flatnonzero(is_first(targets[order, 0])), len(order)]):
        rows = order[begin:end]
        candidates = observed[observed[:, 0] == targets[rows[0], 0], 1:]
        distance[rows] = _fewest(targets[rows, 1:], np.ascontiguousarray(candidates.T))
    return distance


@compiled
def _fewest(targets: Codes, observed: Codes) -> IntArray:
    """Fewest differences of each row of ``targets`` from a column of ``observed``, or all."""
    n_lags, n_observed = observed.shape
    fewest = np.full(len(targets), n_lags, dtype=np.int64)
    n_different = np.empty(n_observed, dtype=np.uint16)
    for i in range(len(targets)):
        n_different[:] = 0
        for lag in range(n_lags):
            value = targets[i, lag]
            for j in range(n_observed):
                n_different[j] += observed[lag, j] != value
        for j in range(n_observed):
            fewest[i] = min(fewest[i], n_different[j])
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
