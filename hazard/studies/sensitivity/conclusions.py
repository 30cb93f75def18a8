"""What intervals say of the sign, and whether another prior changes it beyond Monte Carlo error.

The rule: an end of a 95 percent interval lies on a side of zero when it is more than two of its
Monte Carlo standard errors away from it. A conclusion is ``changed`` when nothing that the ends
leave open under one prior is left open under the other; ``same`` when both leave open one and the
same conclusion only; else ``undecided``, and more draws may tell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

CONCLUSIONS = ("above", "below", "unclear")
STATUSES = ("same", "changed", "undecided")
ERRORS = 2.0
"""Monte Carlo standard errors within which an end of an interval is on either side of zero."""
RULE = (
    "changed: no conclusion (interval above zero, below it, or with zero inside) is left open both "
    "under this prior and under the model's own, when each end of a 95 percent interval may lie "
    f"{ERRORS:g} of its Monte Carlo standard errors from where it was computed; same: both leave "
    "open the same one only; undecided: else"
)


def conclusions(lower: pd.Series, upper: pd.Series) -> list[str]:
    """What intervals say of the sign, whatever their Monte Carlo error.

    Examples
    --------
    >>> conclusions(pd.Series([0.1, -2.0, -0.1]), pd.Series([0.2, -0.5, 0.3]))
    ['above', 'below', 'unclear']
    """
    return [
        "above" if low > 0 else "below" if high < 0 else "unclear"
        for low, high in zip(lower, upper, strict=True)
    ]


def left_open(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Conclusions that the Monte Carlo error of the ends of intervals does not exclude.

    Parameters
    ----------
    rows : DataFrame
        Columns lower, upper, lower_mcse and upper_mcse; an error that is missing excludes nothing.

    Returns
    -------
    ndarray of bool, shape (row, 3)
        In the order of :data:`CONCLUSIONS`; one at least in every row.

    Notes
    -----
    With an interval from L to U whose ends have the errors e and f, above zero is left open if
    L > -2 e, below if U < 2 f, and unclear if L <= 2 e and U >= -2 f.

    Examples
    --------
    An end at 0.3 with error 0.1 is above zero; at 0.1 it may as well be below.

    >>> rows = pd.DataFrame({"lower": [0.3, 0.1], "upper": 2.0, "lower_mcse": 0.1})
    >>> left_open(rows.assign(upper_mcse=0.1)).tolist()
    [[True, False, False], [True, False, True]]
    """
    lower, upper = (rows[end].to_numpy(dtype=float) for end in ("lower", "upper"))
    lower_margin, upper_margin = (
        ERRORS * rows[f"{end}_mcse"].astype(float).fillna(np.inf).to_numpy()
        for end in ("lower", "upper")
    )
    return np.column_stack(
        [
            lower + lower_margin > 0,
            upper - upper_margin < 0,
            (lower - lower_margin <= 0) & (upper + upper_margin >= 0),
        ]
    )


def statuses(rows: pd.DataFrame, reference: pd.DataFrame) -> npt.NDArray[np.str_]:
    """Whether conclusions are others than under the reference, beyond Monte Carlo error.

    Parameters
    ----------
    rows, reference : DataFrame
        The same quantities in the same order; columns as of :func:`left_open`.

    Returns
    -------
    ndarray of str, shape (row,)
        ``changed`` where no conclusion is left open in both, ``same`` where both leave open one and
        the same, else ``undecided``.

    Notes
    -----
    Of two fits of one posterior one is taken for another only if an end lies more than two errors
    above zero in one and more than two below in the other: with normal errors, and draws that are
    independent between the fits, with probability 2 Phi(-2)^2 = 0.001 where the end is at zero, and
    less everywhere else.

    Examples
    --------
    >>> rows = pd.DataFrame({"lower": [0.5, -0.5, 0.1], "upper": 2.0, "lower_mcse": 0.1})
    >>> rows["upper_mcse"] = 0.1
    >>> statuses(rows, rows.iloc[[0, 0, 0]]).tolist()
    ['same', 'changed', 'undecided']
    """
    own, other = left_open(rows), left_open(reference)
    changed = ~(own & other).any(axis=1)
    same = (own == other).all(axis=1) & (own.sum(axis=1) == 1)
    return np.select([changed, same], ["changed", "same"], default="undecided")
