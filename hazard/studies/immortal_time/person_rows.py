"""A panel as one row per person: ever left through an exit, ever treated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.data.contracts import columns_missing, numeric
from hazard.errors import PanelError, did_you_mean


@dataclass(frozen=True)
class Question:
    """Which treatment, which exit, and which rows are related.

    Attributes
    ----------
    treatment : str
        Column of the panel: 0 before and 1 from the month of the treatment on.
    exit : str
    cluster : str
        Column by which standard errors are clustered, such as ``nationality``.
    """

    treatment: str
    exit: str
    cluster: str


def person_rows(panel: pd.DataFrame, question: Question) -> pd.DataFrame:
    """One row per person: whether ever treated, and whether the person left through the exit.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk (see :mod:`hazard.data.contracts`).
    question : Question

    Returns
    -------
    DataFrame
        A panel of one month: the columns of the first row of each person, the treatment as 1 if it
        is 1 in any row, and ``exit`` with the categories ``stay`` and that of the question. Who
        left in another way, or is still there, stays.

    Raises
    ------
    PanelError
        If a column is missing, the treatment is not 0 or 1, or the exit is none of the panel's.

    Notes
    -----
    This is the coding of Proba (2016). It looks into the future: a person is put among the treated
    from the first month because of what happens later, and only to those who stay long enough it
    can happen.

    References
    ----------
    .. [1] Proba samfunnsanalyse (2016), Evaluering av pilotprosjekt om saksflyt og retur, section
       10.1.2.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 1], "talk": [0, 1, 0]})
    >>> panel["exit"] = pd.Categorical(["stay", "forced", "assisted"])
    >>> panel["nationality"] = "any"
    >>> person_rows(panel, Question("talk", "assisted", "nationality"))[["talk", "exit"]]
       talk      exit
    0     1      stay
    1     0  assisted
    """
    check(panel, question)
    person = pd.factorize(panel["person"])[0]
    return _one_row(panel, person, question)


def landmark_rows(panel: pd.DataFrame, question: Question, landmark: int) -> pd.DataFrame:
    """One row per person there in a calendar month: treated so far, and left afterwards.

    Parameters
    ----------
    panel : DataFrame
        With a column ``calendar``.
    question : Question
    landmark : int
        Calendar month (:mod:`hazard.months`); treatments until then count, and exits from then.

    Returns
    -------
    DataFrame
        As :func:`person_rows`, of those with a row in the month. Who is treated later is untreated.

    Raises
    ------
    PanelError
        As for :func:`person_rows`, or if there is no column ``calendar`` or nobody in the month.

    Notes
    -----
    All rows have the same follow-up, and nobody is put into a group because of the future [1]_.

    References
    ----------
    .. [1] Anderson, Cain and Gelber (1983), Analysis of survival by tumor response, Journal of
       Clinical Oncology 1(11).

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 1], "talk": [0, 1, 0]})
    >>> panel["exit"] = pd.Categorical(["stay", "forced", "assisted"])
    >>> panel = panel.assign(nationality="any", calendar=[500, 501, 500])
    >>> landmark_rows(panel, Question("talk", "assisted", "nationality"), 500)["talk"].tolist()
    [0, 0]
    """
    check(panel, question)
    missing = columns_missing("panel", panel, ["calendar"])
    if missing:
        raise PanelError(missing[0])
    present = panel["person"].isin(panel.loc[panel["calendar"] == landmark, "person"])
    if not present.any():
        raise PanelError("panel must have rows in the month of the landmark; got 0. Name another.")
    rows = panel[present].reset_index(drop=True)
    so_far = rows[question.treatment].where(rows["calendar"] <= landmark, 0)
    coded = rows.assign(**{question.treatment: so_far})
    return _one_row(coded, pd.factorize(rows["person"])[0], question)


def ever_coded(panel: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The same panel, with the treatment 1 in all rows of those who are ever treated.

    Notes
    -----
    The wrong coding, in a model that could do with the right one: to show where the bias is from.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "talk": [0, 1, 0]})
    >>> ever_coded(panel, Question("talk", "assisted", "nationality"))["talk"].tolist()
    [1, 1, 0]
    """
    ever = panel.groupby("person")[question.treatment].transform("max")
    return panel.assign(**{question.treatment: ever})


def check(panel: pd.DataFrame, question: Question) -> None:
    """Raise unless the panel has the columns and the exit of a question.

    Raises
    ------
    PanelError
        As for :func:`person_rows`.
    """
    needed = ["person", "exit", question.treatment, question.cluster]
    problems = columns_missing("panel", panel, list(dict.fromkeys(needed)))
    if problems:
        raise PanelError("\n".join(problems))
    column = panel[question.treatment]
    bad = ~column.isin([0, 1]).to_numpy() if numeric(column) else np.ones(len(panel), dtype=bool)
    if bad.any():
        raise PanelError(
            f"panel column {question.treatment!r} must be 0 before and 1 from the treatment on; "
            f"got something else in {bad.sum():,} of {len(bad):,} rows (first: row "
            f"{bad.argmax() + 1:,}). Code it so."
        )
    exits = [str(level) for level in panel["exit"].astype("category").cat.categories]
    if question.exit not in exits or question.exit == "stay":
        allowed = sorted(set(exits) - {"stay"})
        raise PanelError(
            f"panel column 'exit' must hold the exit that is asked about, one of {allowed}; got "
            f"{question.exit!r}.{did_you_mean(question.exit, allowed)}"
        )


def categorical(codes: npt.NDArray[np.integer[Any]], levels: Sequence[str]) -> pd.Categorical[str]:
    """Column of labels, from their places among the levels.

    Examples
    --------
    >>> list(categorical(np.array([1, 0]), ["stay", "left"]))
    ['left', 'stay']
    """
    return pd.Categorical.from_codes(codes.tolist(), pd.Index(levels))


def _one_row(
    panel: pd.DataFrame, person: npt.NDArray[np.int64], question: Question
) -> pd.DataFrame:
    first = panel[~pd.Series(person).duplicated().to_numpy()].reset_index(drop=True)
    treated = panel[question.treatment].groupby(person).max().to_numpy()
    exited = (panel["exit"] == question.exit).groupby(person).any().to_numpy()
    first["month"], first["entry"] = np.int32(1), np.int32(0)
    first[question.treatment] = treated.astype(np.int8)
    first["exit"] = categorical(exited.astype(np.int8), ["stay", question.exit])
    return first
