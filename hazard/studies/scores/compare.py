"""Scores -> a tidy table of sums, and of differences between models of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from hazard.arrays import FloatArray
from hazard.errors import EstimandError
from hazard.studies.scores.records import REFITTED, TRUSTED, Score

COLUMNS = (
    "model",
    "versus",
    "unit",
    "block",
    "quantity",
    "estimate",
    "se",
    "mcse",
    "n_units",
    "n_rows",
    "p_loo",
    "k_hat",
    "n_high",
    "n_refitted",
    "n_not_refitted",
    "engine",
)


def table(scores: Sequence[Score]) -> pd.DataFrame:
    """Score of every model, and the difference of every two, in the order in which they come.

    Parameters
    ----------
    scores : sequence of Score
        By one unit or several; each model once per unit.

    Returns
    -------
    DataFrame
        ``quantity`` is ``"elpd"``, or ``"elpd difference"``: ``model`` less ``versus``, above 0
        where ``model`` predicts better. ``estimate`` is a sum over units, ``se`` its standard error
        over units (of a difference: of the paired differences), ``mcse`` that of the draws.
        ``k_hat`` is the largest, ``n_high`` how many are above the threshold, of which
        ``n_refitted`` were fitted again. The numbers of ``n_not_refitted`` are not to be trusted:
        they were not fitted again, in vain, or with too few draws for their size. ``engine`` says
        whose draws they are. Of the future there is a row per block too.

    Raises
    ------
    EstimandError
        If models of one unit are not of the same rows, or a model comes twice.

    Notes
    -----
    The standard error of a sum of n numbers is sqrt(n) times their sd, as if units were
    independent. Persons of one centre or one month are not: it is too small for them, and a
    difference of two standard errors is weak evidence.

    References
    ----------
    .. [1] Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
       cross-validation and WAIC, Statistics and Computing 27(5), section 5.2.
    """
    parts: list[dict[str, Any]] = []
    for unit in dict.fromkeys(score.unit for score in scores):
        of_unit = [score for score in scores if score.unit == unit]
        _check_same(of_unit)
        for score in of_unit:
            parts += [_sum(score, block) for block in _blocks(score)]
        for first, second in combinations(of_unit, 2):
            parts += [_difference(first, second, block) for block in _blocks(first)]
    return pd.DataFrame(parts, columns=list(COLUMNS))


def standard_error(values: FloatArray) -> float:
    """Standard error of the sum of independent numbers; missing for a single one.

    Examples
    --------
    >>> standard_error(np.array([1.0, 3.0, 2.0, 2.0])) ** 2  # four times the variance 2/3
    2.6666666666666665
    """
    if len(values) == 1:
        return float("nan")
    return float(np.sqrt(len(values)) * np.std(values, ddof=1))


def _blocks(score: Score) -> list[str | None]:
    """None for the whole, then the blocks of the future if there are several."""
    names = score.units["block"].unique().tolist() if "block" in score.units else []
    return [None, *(names if len(names) > 1 else [])]


def _of_block(score: Score, block: str | None) -> pd.DataFrame:
    return score.units if block is None else score.units[score.units["block"] == block]


def _by_unit(rows: pd.DataFrame) -> pd.Series:
    """Score of every unit, over all blocks in which it is."""
    return rows.groupby("unit", sort=True)["elpd"].sum()


def _sum(score: Score, block: str | None) -> dict[str, Any]:
    rows = _of_block(score, block)
    by_unit = _by_unit(rows)
    high = rows[rows["k_hat"] > score.facts["k_hat threshold"]]
    return {
        "model": score.model,
        "unit": score.unit,
        "block": block,
        "quantity": "elpd",
        "estimate": by_unit.sum(),
        "se": standard_error(by_unit.to_numpy()),
        "mcse": _mcse(score, block),
        "n_units": len(by_unit),
        "n_rows": int(rows["rows"].sum()),
        "p_loo": rows["p_loo"].sum(skipna=False),
        "k_hat": rows["k_hat"].max(),
        "n_high": len(high),
        "n_refitted": int(rows["how"].isin(REFITTED).sum()),
        "n_not_refitted": int((~rows["how"].isin(TRUSTED)).sum()),
        "engine": score.engine,
    }


def _difference(first: Score, second: Score, block: str | None) -> dict[str, Any]:
    a, b = _of_block(first, block), _of_block(second, block)
    differences = (_by_unit(a) - _by_unit(b)).to_numpy()
    engines = list(dict.fromkeys([first.engine, second.engine]))
    return {
        "model": first.model,
        "versus": second.model,
        "unit": first.unit,
        "block": block,
        "quantity": "elpd difference",
        "estimate": differences.sum(),
        "se": standard_error(differences),
        "mcse": float(np.hypot(_mcse(first, block), _mcse(second, block))),
        "n_units": len(differences),
        "n_rows": int(a["rows"].sum()),
        "n_not_refitted": sum(_sum(score, block)["n_not_refitted"] for score in (first, second)),
        "engine": " and ".join(engines),
    }


def _mcse(score: Score, block: str | None) -> float:
    return score.mcse if block is None else score.block_mcse[block]


def _check_same(scores: Sequence[Score]) -> None:
    names = [score.model for score in scores]
    if len(set(names)) < len(names):
        raise EstimandError(
            f"scores by {scores[0].unit!r} must be of different models; got {names}. Give runs of "
            "the same model different names."
        )
    first = scores[0]
    for other in scores[1:]:
        if other.rows != first.rows:
            sizes = [int(score.units["rows"].sum()) for score in (first, other)]
            difference = (
                "the same number of rows, with other persons, months, exits or cuts"
                if sizes[0] == sizes[1]
                else f"{sizes[0]:,} rows of {first.model!r} and {sizes[1]:,} of {other.model!r}"
            )
            raise EstimandError(
                f"scores by {first.unit!r} must be of the same rows and exits to be compared; got "
                f"{difference}. Fit both models to the same registers with the same [data] and "
                "[outcome], and with histories that are known in the same months."
            )
