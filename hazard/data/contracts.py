"""What a person-period panel must be, checked where it is made and trusted afterwards.

========== =========== ===========================================================================
column     dtype       domain
========== =========== ===========================================================================
person     integer     code of the person; one row per person and month at risk
month      integer     months since the start of risk, from 1; gaps are allowed
entry      integer     months elapsed before the first row; 0 without left truncation
calendar   integer     calendar month (:mod:`hazard.months`); may be absent
exit       categorical ``stay``, or the exit by which the person leaves; on the last row only
========== =========== ===========================================================================

Rows are sorted by person and month. A message counts the rows that break a rule and gives the
number of the first; it never shows an id or another value of a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.errors import PanelError, did_you_mean, nearest_column

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]

KEYS = ("person", "month", "entry", "exit")
_WHOLE = ("month", "entry", "calendar")
LAST_MONTH = 12_000  # a thousand years; what is larger is a date, or would overflow


def check_panel(
    panel: pd.DataFrame,
    exits: Sequence[str],
    *,
    columns: Sequence[str] = (),
    may_be_missing: Sequence[str] = (),
) -> None:
    """Raise one error that lists every rule that the panel breaks.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk.
    exits : sequence of str
        Ways out in the order of the model; ``stay`` is implied.
    columns : sequence of str
        Further columns that must be there, without missing values.
    may_be_missing : sequence of str
        Further columns that must be there; a missing value is allowed.

    Raises
    ------
    PanelError
        If a rule is broken; one line per rule.

    Examples
    --------
    >>> panel = pd.DataFrame({"person": [0, 0], "month": [1, 2], "entry": [0, 0]})
    >>> panel["exit"] = pd.Categorical(["stay", "assisted"], ["stay", "assisted"])
    >>> check_panel(panel, ["assisted"])
    >>> check_panel(panel, ["assisted"], columns=["sex"])
    Traceback (most recent call last):
    hazard.errors.PanelError: panel column 'sex' must exist once; got 0.
    """
    problems = broken_rules(panel, exits, columns=columns, may_be_missing=may_be_missing)
    problems += _form(panel, exits)
    if problems:
        raise PanelError("\n".join(problems))


def broken_rules(
    panel: pd.DataFrame,
    exits: Sequence[str],
    *,
    columns: Sequence[str] = (),
    may_be_missing: Sequence[str] = (),
) -> list[str]:
    """Sentences for the rules that the rows break, whatever their order and dtypes.

    Parameters
    ----------
    panel : DataFrame
        One row per person and month at risk, in any order.
    exits : sequence of str
        As for :func:`check_panel`.
    columns : sequence of str
        As for :func:`check_panel`.
    may_be_missing : sequence of str
        As for :func:`check_panel`.

    Returns
    -------
    list of str
        Empty for a panel that only needs sorting and its final dtypes.
    """
    needed = list(dict.fromkeys([*KEYS, *columns, *may_be_missing]))
    problems = columns_missing("panel", panel, needed)
    if not len(panel):
        return [*problems, "panel must have at least one row; got none."]
    once = panel.columns[~panel.columns.duplicated(keep=False)]
    present = [name for name in dict.fromkeys([*needed, "calendar"]) if name in once]
    return problems + broken_cells(
        panel[present], exits, may_be_missing=may_be_missing, numbers=np.arange(len(panel)) + 1
    )


def broken_cells(
    rows: pd.DataFrame,
    exits: Sequence[str],
    *,
    may_be_missing: Sequence[str] = (),
    numbers: Integers,
) -> list[str]:
    """Sentences for the rules that rows break in the columns that they have.

    Parameters
    ----------
    rows : DataFrame
        Some columns of a panel, in any order; at least one row.
    exits : sequence of str
        As for :func:`check_panel`.
    may_be_missing : sequence of str
        As for :func:`check_panel`.
    numbers : ndarray of int64, shape (row,)
        By what number a sentence calls a row.
    """
    problems: list[str] = []
    for name in rows.columns:
        problems += _values(rows[name], optional=name in may_be_missing, numbers=numbers)
    if "exit" in rows:
        problems += _exits(rows["exit"], exits, numbers)
    if {*KEYS} <= {*rows.columns} and numeric(rows["month"]):
        problems += _history(rows, numbers)
    return problems


def columns_missing(where: str, frame: pd.DataFrame, needed: Collection[str]) -> list[str]:
    """Sentences for the needed columns that are not there once.

    A near column is proposed by its name where at least one of the needed ones is there, and else
    by its place: what stands in a header may be the first row of a table without one.

    Examples
    --------
    >>> columns_missing("table", pd.DataFrame(columns=["person", "sexx"]), ["person", "sex"])
    ["table column 'sex' must exist once; got 0. Did you mean 'sexx'?"]
    >>> columns_missing("table", pd.DataFrame(columns=["sexx"]), ["sex"])
    ["table column 'sex' must exist once; got 0. Did you mean column 1?"]
    """
    count = frame.columns.value_counts()
    near = did_you_mean if any(name in count for name in needed) else nearest_column
    return [
        f"{where} column {name!r} must exist once; got {int(count.get(name, 0))}."
        + (near(name, frame.columns) if name not in count else "")
        for name in needed
        if count.get(name, 0) != 1
    ]


def violation(
    rule: str, bad: Flags, *, got: str, cure: str, numbers: Integers | None = None
) -> list[str]:
    """One sentence that counts the rows that break a rule, or none.

    Rows are called by their ``numbers``, or else counted from 1.

    Examples
    --------
    >>> violation("panel column 'age' must be finite", np.array([False, True]),
    ...           got="infinity", cure="Correct it.")
    ["panel column 'age' must be finite; got infinity in 1 of 2 rows (first: row 2). Correct it."]
    """
    if not bad.any():
        return []
    count, position = int(bad.sum()), int(bad.argmax())
    first = position + 1 if numbers is None else int(numbers[position])
    return [f"{rule}; got {got} in {count:,} of {len(bad):,} rows (first: row {first:,}). {cure}"]


def numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, not truth values or text."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _values(column: pd.Series, *, optional: bool, numbers: Integers) -> list[str]:
    where = f"panel column {column.name!r} must"
    problems = []
    if not optional:
        problems += violation(
            f"{where} not be missing",
            column.isna().to_numpy(),
            got="missing values",
            cure="Complete them, or leave the persons out.",
            numbers=numbers,
        )
    if column.dtype.kind == "f":
        problems += violation(
            f"{where} be finite",
            np.isinf(column.to_numpy()),
            got="infinity",
            cure="Correct the numbers.",
            numbers=numbers,
        )
    if column.name in _WHOLE:
        problems += _whole(column, numbers)
    return problems


def _whole(column: pd.Series, numbers: Integers) -> list[str]:
    where = f"panel column {column.name!r} must"
    if not numeric(column):
        return [f"{where} hold whole numbers; got another type."]
    problems = []
    if column.dtype.kind == "f":
        values = column.to_numpy()
        problems += violation(
            f"{where} hold whole numbers",
            np.isfinite(values) & (values != np.floor(values)),
            got="fractions",
            cure="Count whole months.",
            numbers=numbers,
        )
    if column.name == "month":
        problems += violation(
            f"{where} be at least 1",
            (column < 1).to_numpy(),
            got="months before the start",
            cure="Number the months at risk from 1; add 1 to all where they start at 0.",
            numbers=numbers,
        )
        problems += violation(
            f"{where} be at most {LAST_MONTH:,}",
            (column > LAST_MONTH).to_numpy(),
            got="months beyond it",
            cure="Number the months at risk from 1, not from a date.",
            numbers=numbers,
        )
    return problems


def _exits(column: pd.Series, exits: Sequence[str], numbers: Integers) -> list[str]:
    known = ["stay", *exits]
    codes, labels = pd.factorize(column)
    unknown = np.flatnonzero(~pd.Index(labels).isin(known))
    hints = [(str(labels[s]), did_you_mean(labels[s], known)) for s in unknown[:10]]
    # a label that resembles none of the known ones may be an id in the wrong column
    example, hint = next(
        ((repr(text), hint) for text, hint in hints if hint), ("another label", "")
    )
    others = f" and {len(unknown) - 1:,} other labels" if len(unknown) > 1 else ""
    return violation(
        f"panel column 'exit' must be one of {sorted(known)}",
        np.isin(codes, unknown),
        got=example + others,
        cure=f"{hint} Correct the register, or declare the exit under [outcome].".lstrip(),
        numbers=numbers,
    )


class _SortedRows(NamedTuple):
    """Positions of the rows by person and month, which begin a person, and their months."""

    order: Integers
    first: Flags
    month: Numbers


def _history(panel: pd.DataFrame, numbers: Integers) -> list[str]:
    order, first = _persons(panel)
    exit_ = panel["exit"]
    leaves = (exit_.notna() & (exit_ != "stay")).to_numpy()[order]
    month = panel["month"].to_numpy()[order]
    after = _earlier(leaves, first) > 0
    repeated = np.zeros(len(order), dtype=bool)
    repeated[1:] = ~first[1:] & (month[1:] == month[:-1])

    def rows(bad: Flags) -> Flags:
        flags = np.zeros(len(panel), dtype=bool)
        flags[order[bad]] = True
        return flags

    return [
        *violation(
            "panel must have one row per person and month",
            rows(repeated),
            got="repeated months",
            cure="Keep one row of each.",
            numbers=numbers,
        ),
        *violation(
            "panel must have at most one exit per person",
            rows(after & leaves),
            got="further exits",
            cure="Keep the first exit.",
            numbers=numbers,
        ),
        *violation(
            "panel must end a person with the exit",
            rows(after & ~leaves),
            got="rows after an exit",
            cure="Leave out the months after the exit.",
            numbers=numbers,
        ),
        *_entries(panel["entry"], _SortedRows(order, first, month), numbers),
    ]


def _entries(entry: pd.Series, rows: _SortedRows, numbers: Integers) -> list[str]:
    if not numeric(entry):
        return []
    order, first, month = rows
    values = entry.to_numpy()[order]
    start = _start(first)
    known = ~np.isnan(values) & (month[start] >= 1)  # reported elsewhere
    bad = known & ((values != values[start]) | (values < 0) | (values >= month[start]))
    flags = np.zeros(len(entry), dtype=bool)
    flags[order[bad]] = True
    return violation(
        "panel column 'entry' must be one number per person, from 0 to the month before the first",
        flags,
        got="other numbers",
        cure="Count the months that had passed before the person was first seen.",
        numbers=numbers,
    )


def _persons(panel: pd.DataFrame) -> tuple[Integers, Flags]:
    """Positions of the rows by person and month, and which of them begin a person."""
    person = _codes(panel["person"])
    month = panel["month"].to_numpy()
    order = np.flatnonzero((person >= 0) & panel["month"].notna().to_numpy())
    if not _sorted(person[order], month[order]):
        order = order[np.lexsort((month[order], person[order]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = person[order][1:] != person[order][:-1]
    return order, first


def _codes(person: pd.Series) -> Integers:
    if person.dtype.kind in "iu" and (person >= 0).all():
        return person.to_numpy(dtype=np.int64)
    return pd.factorize(person)[0]


def _sorted(person: Integers, month: Numbers) -> bool:
    same_person = person[1:] == person[:-1]
    return bool(((person[1:] > person[:-1]) | (same_person & (month[1:] >= month[:-1]))).all())


def _earlier(leaves: Flags, first: Flags) -> Integers:
    """Number of exits of the same person before each row."""
    before = np.cumsum(leaves) - leaves
    return before - before[_start(first)]


def _start(first: Flags) -> Integers:
    """Position of the first row of the same person."""
    return np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))


def _form(panel: pd.DataFrame, exits: Sequence[str]) -> list[str]:
    """Rules of order and dtype, which a reader mends and a finished panel must keep."""
    problems: list[str] = []
    if not {"person", "month", "exit"} <= set(panel.columns) or not len(panel):
        return problems
    categories = ["stay", *exits]
    exit_ = panel["exit"].dtype
    if not isinstance(exit_, pd.CategoricalDtype) or list(exit_.categories) != categories:
        problems.append(
            f"panel column 'exit' must be categorical with {categories} in this order; "
            "got another type or order. Use pandas.Categorical."
        )
    if panel["person"].dtype.kind not in "iu":
        problems.append("panel column 'person' must hold integer codes; got another type.")
    ordered = numeric(panel["month"]) and _sorted(
        _codes(panel["person"]), panel["month"].to_numpy()
    )
    if not ordered or not panel.index.equals(pd.RangeIndex(len(panel))):
        problems.append(
            "panel rows must be sorted by person and month, with the index counting from 0; "
            "got another order. Sort them, and reset the index."
        )
    return problems
