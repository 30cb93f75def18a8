"""Effect of what happened some months earlier, the same for all or by the level of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.data import disclosure
from hazard.errors import DesignError, did_you_mean
from hazard.model.terms.block import Block
from hazard.model.terms.group import combinations, extended
from hazard.spec import LaggedTerm, VariesBy


def build(
    term: LaggedTerm, history: FloatArray, frozen: Block | None = None
) -> tuple[Block, IntArray]:
    """Block with one level per distinct history and one coefficient per lag or window of lags.

    Parameters
    ----------
    term : LaggedTerm
    history : ndarray, shape (row, lag)
        Indicators, counts or rates; lags ascend, leads before lag 0. Rates have about as many
        distinct histories as there are rows, so that hardly any rows are equal.
    frozen : Block, optional
        The block of an earlier panel, whose centre is kept.

    Notes
    -----
    Counts and rates are centred at their mean over rows and lags, one constant for all lags, which
    is kept with the block: else the prior of the intercept, which is that of an average row, would
    be one of a row without anything, and pull the coefficients. Indicators are contrasts with a
    month without an event, and are not centred.

    The regressor of a window is the largest of its lags: whether it happened in any of these
    months. Oslo Economics (2016), section 4.4, says that the months are joined, not how; "in any of
    them" is our reading.

    Examples
    --------
    >>> from hazard.spec.priors.normal import NormalPrior
    >>> prior = NormalPrior(family="normal", scale=1.0, reason="an example only")
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> block, index = build(term, np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
    >>> index.tolist(), block.basis.tolist()
    ([1, 0, 1], [[0.0, 0.0], [0.0, 1.0]])
    >>> joined = LaggedTerm(**{**dict(term), "windows": ((0, 1),)})
    >>> block, index = build(joined, np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]))
    >>> block.coefficients.tolist(), block.basis[index].tolist()
    (['0-1'], [[1.0], [0.0], [1.0]])
    """
    windows = np.array(term.coefficient_windows)
    columns = [slice(first - term.lags[0], last - term.lags[0] + 1) for first, last in windows]
    lags = np.asarray(history, dtype=np.float64)
    patterns, index = _patterns(np.column_stack([lags[:, span].max(axis=1) for span in columns]))
    centre = _centre(term, lags) if frozen is None else frozen.centre
    return Block(
        name=term.name,
        kind=term.kind,
        levels=np.arange(len(patterns)),
        coefficients=window_labels(windows),
        basis=patterns - centre,
        prior=term.prior,
        lags=windows,
        centre=centre,
    ), index


def _centre(term: LaggedTerm, lags: FloatArray) -> float:
    return 0.0 if term.measure == "at_least" else float(lags.mean())


def window_labels(windows: npt.ArrayLike) -> npt.NDArray[Any]:
    """Labels of windows of lags: numbers where each has one lag, else ``first-last``.

    Examples
    --------
    >>> window_labels([[0, 0], [1, 1]]).tolist(), window_labels([[0, 0], [1, 2]]).tolist()
    ([0, 1], ['0', '1-2'])
    >>> window_labels([[-2, -1]]).tolist()
    ['-2 to -1']
    """
    first, last = np.asarray(windows).T
    if (first == last).all():
        return np.asarray(first)
    between = np.where(first < 0, " to ", "-")
    names = [
        str(a) if a == b else f"{a}{to}{b}" for a, to, b in zip(first, between, last, strict=True)
    ]
    return np.array(names)


def window_of_lag(term: LaggedTerm) -> IntArray:
    """Position of the coefficient of every lag of a term, shape (lag,).

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 3),
    ...                   windows=((0, 0), (1, 3)), history_before_start="missing", prior=prior)
    >>> window_of_lag(term).tolist()
    [0, 1, 1, 1]
    """
    windows = term.coefficient_windows
    return np.repeat(np.arange(len(windows)), [last - first + 1 for first, last in windows])


def differences(
    varies_by: VariesBy,
    block: Block,
    pattern: IntArray,
    rows: pd.DataFrame,
    frozen: Block | None = None,
) -> tuple[Block, IntArray]:
    """Block of what the curve of each level of a group has beyond the common curve.

    Parameters
    ----------
    varies_by : VariesBy
    block : Block
        The common curve, of :func:`build`, for the same rows.
    pattern : ndarray of int64, shape (row,)
        Level of that block in every row.
    rows : DataFrame
    frozen : Block, optional
        The block of an earlier panel, whose levels come first.

    Returns
    -------
    Block
        One level per history and level of the group that occur together, and one, of owner -1, for
        all rows that have the common curve only. It is not centred, for levels do not differ
        without events. Coefficients are labelled ``level, lag``.
    ndarray of int64, shape (row,)

    Raises
    ------
    DesignError
        If a level that the model lists is not in the panel.

    Examples
    --------
    >>> prior = {"family": "pooled", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="event", network="centre", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior,
    ...                   varies_by={"by": "country", "levels": ("B",), "prior": prior})
    >>> rows = pd.DataFrame({"country": ["A", "B", "B"]})
    >>> common = build(term, np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> block, index = differences(term.varies_by, *common, rows)
    >>> block.coefficients.tolist(), block.basis[index].tolist()
    (['B, 0', 'B, 1'], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    """
    levels, owner = _owners(varies_by, rows, frozen)
    n, n_lags = block.n_levels, block.n_coefficients
    codes, index = np.unique(np.where(owner < 0, -1, owner * n + pattern), return_inverse=True)
    of_level = codes // n  # -1 stays -1
    basis = np.zeros((len(codes), len(levels), n_lags))
    varying = of_level >= 0
    basis[varying, of_level[varying]] = block.values()[codes[varying] % n]
    varying_block = replace(
        block,
        name=f"{block.name}_by_{varies_by.by}",
        kind="varying",
        levels=np.arange(len(codes)),
        coefficients=labels(levels, block.coefficients),
        basis=basis.reshape(len(codes), -1),
        prior=varies_by.prior,
        copies=len(levels),
        common_block=block.name,
        owner=of_level,
        centre=0.0,
    )
    return varying_block, index.astype(np.int64)


def labels(
    levels: Sequence[str] | npt.NDArray[np.str_], lags: npt.NDArray[Any]
) -> npt.NDArray[np.str_]:
    """Labels of the coefficients of every level, lag by lag or window by window.

    Examples
    --------
    >>> labels(["Irak"], np.array([0, 1])).tolist()
    ['Irak, 0', 'Irak, 1']
    """
    return np.array([f"{level}, {lag}" for level in levels for lag in lags], dtype=str)


def owners(coefficients: Sequence[str] | npt.NDArray[np.str_]) -> list[str]:
    """Levels to which coefficients belong, each once; the other way round than :func:`labels`.

    Examples
    --------
    >>> owners(["Korea, Rep., 0", "Korea, Rep., 1", "Irak, 0"])
    ['Korea, Rep.', 'Irak']
    """
    return list(dict.fromkeys(str(label).rsplit(", ", 1)[0] for label in coefficients))


BEFORE_REGISTER = "months before the start of the register"
BEFORE_PERSON = "months before the person's first row"
WITHOUT_ROW = "months without a row of the person, or without a value"
"""Why the history of a row is unknown."""


def unknown(
    terms: Sequence[LaggedTerm], histories: Mapping[str, xr.DataArray], panel: pd.DataFrame
) -> npt.NDArray[np.str_]:
    """Why the history of every row of the panel is unknown; empty where all of it is known.

    Parameters
    ----------
    terms : sequence of LaggedTerm
    histories : mapping of str to DataArray, dims (row, lag)
    panel : DataFrame

    Returns
    -------
    ndarray of str, shape (row,)
        One reason per row, that of the first term: of own exposures the months lie before the
        person's first row, or have no row; of others they are not in the register.

    Raises
    ------
    DesignError
        If a history is missing or has another shape than the panel and the term.

    Examples
    --------
    >>> prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="work", network="own", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior)
    >>> panel = pd.DataFrame({"person": [7, 7, 7], "month": [1, 2, 4]})
    >>> history = xr.DataArray([[1.0, np.nan], [0.0, 1.0], [0.0, np.nan]], dims=("row", "lag"))
    >>> unknown([term], {"work_own": history}, panel)[:2].tolist()
    ["months before the person's first row", '']
    """
    why = np.full(len(panel), "", dtype=np.dtype("U64"))
    for term in terms:
        if term.name not in histories:
            raise DesignError(
                f"term {term.name!r} must have an exposure history; got {sorted(histories)}."
                + did_you_mean(term.name, histories)
            )
        _check_shape(term, histories[term.name].shape, len(panel))
        missing = np.isnan(histories[term.name].values)
        incomplete = missing.any(axis=1) & (why == "")
        if term.network == "own" and incomplete.any():
            why[incomplete] = np.where(
                _before_person(term, missing, panel), BEFORE_PERSON, WITHOUT_ROW
            )[incomplete]
        else:
            why[incomplete] = BEFORE_REGISTER
    return why


def _before_person(
    term: LaggedTerm, missing: npt.NDArray[np.bool_], panel: pd.DataFrame
) -> npt.NDArray[np.bool_]:
    """Rows of which all that is unknown lies before the first row of the person."""
    month = panel["month"].to_numpy(dtype=np.int64)
    first = panel["month"].groupby(panel["person"].to_numpy()).transform("min").to_numpy()
    before = (month[:, None] - np.array(term.every_lag)) < first[:, None]
    return np.asarray((before | ~missing).all(axis=1))


def _check_shape(term: LaggedTerm, shape: tuple[int, ...], n_rows: int) -> None:
    expected = (n_rows, len(term.every_lag))
    if shape != expected:
        raise DesignError(
            f"history of term {term.name!r} must have one row per row of the panel and one column "
            f"per lag, {expected}; got {shape}."
        )


def _owners(
    varies_by: VariesBy, rows: pd.DataFrame, frozen: Block | None
) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Levels with a curve of their own, and the one of every row, -1 for none."""
    present, index = combinations([varies_by.by], rows)
    if varies_by.levels is None:
        before = [] if frozen is None else owners(frozen.coefficients)
        levels, position = extended(present, before)
        return levels, position[index]
    levels = np.array(varies_by.levels)
    absent = [level for level in varies_by.levels if level not in present]
    if absent and frozen is None:
        raise DesignError(
            f"term varying by {varies_by.by!r} must list levels that are in the panel, not among "
            f"those of few persons; got {absent}.{_near(absent[0], varies_by.by, rows)}"
        )
    return levels, pd.Index(levels).get_indexer(pd.Index(present)).astype(np.int64)[index]


def _near(level: str, by: str, rows: pd.DataFrame) -> str:
    """Sentence that proposes a level of at least ten persons, or an empty text."""
    if by not in rows or "person" not in rows:
        return ""
    return did_you_mean(level, disclosure.common(rows[by], rows["person"]))


def _patterns(history: FloatArray) -> tuple[FloatArray, IntArray]:
    """Distinct rows and the position of each row among them, column by column."""
    code = np.zeros(len(history), dtype=np.int64)
    for values in history.T:
        levels, index = np.unique(values, return_inverse=True)
        _, code = np.unique(code * len(levels) + index, return_inverse=True)
    _, first = np.unique(code, return_index=True)
    return history[first], code
