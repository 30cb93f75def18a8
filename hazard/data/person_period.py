"""One row per person, with the times of the exits, as one row per person and month at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.arrays import FloatArray
from hazard.data.cells import numbers
from hazard.data.contracts import LAST_MONTH, Flags, Integers, violation
from hazard.errors import PanelError, SpecError, did_you_mean
from hazard.spec import EndpointSpec, ModelSpec, TableSpec

_ROUNDING = 1e-6  # a file of eight digits has two months as 0.16666667 years, a little more


def expand(
    spells: pd.DataFrame, *, wide: Mapping[str, FloatArray] | None = None, step: int = 1
) -> pd.DataFrame:
    """One row per spell and month at risk, from the month after ``entry`` to ``last``.

    Parameters
    ----------
    spells : DataFrame
        Columns ``entry`` (months elapsed before the first row), ``last`` (last month, above
        ``entry``) and ``exit`` (``stay`` if the spell was still going on after ``last``); optional
        ``calendar`` (calendar month of month 1). Other columns are repeated on every row.
    wide : mapping of str to ndarray, shape (spell, month), optional
        Columns that vary by month; month m takes column m, counted from 1.
    step : int
        Calendar months that pass from one row to the next.

    Returns
    -------
    DataFrame
        ``spells`` without ``last``, with ``month``; the exit stands on the last row of its spell.
        It has sum of (``last`` - ``entry``) rows.

    Examples
    --------
    >>> spells = pd.DataFrame({"entry": [0, 1], "last": [2, 2], "exit": ["assisted", "stay"]})
    >>> expand(spells)[["month", "exit"]].values.tolist()
    [[1, 'stay'], [2, 'assisted'], [2, 'stay']]
    """
    entry = spells["entry"].to_numpy(dtype=np.int64)
    last = spells["last"].to_numpy(dtype=np.int64)
    length = last - entry
    spell = np.repeat(np.arange(len(spells)), length)
    before = np.cumsum(length) - length
    month = np.arange(len(spell)) - (before - entry)[spell] + 1
    rows = spells.drop(columns="last").take(spell).reset_index(drop=True)
    rows["month"] = month
    rows["exit"] = rows["exit"].where(month == last[spell], "stay")
    if "calendar" in rows:
        rows["calendar"] += step * (month - 1)
    for name, values in (wide or {}).items():
        rows[name] = values[spell, month - 1]
    return rows


def build(raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> pd.DataFrame:
    """One spell per row of a table: person, entry, last month, exit, and what is carried along.

    Parameters
    ----------
    raw : DataFrame
        One row per person, with a time and an event column per exit, as numbers and labels. Its
        index counts the rows of the user's table from 0.
    columns : mapping of str to str
        Column of the table for ``person``, perhaps ``entry`` and ``calendar``, and for every
        column that is repeated on every row.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        Input of :func:`expand`, with the index of ``raw``. A spell that ends in the month in which
        it was first seen has a ``last`` that is not above its ``entry``.

    Raises
    ------
    PanelError
        If a person has two rows, a time holds no month at risk, or an entry is not before the end.

    Notes
    -----
    The earliest event ends the spell, the first in the order of the endpoints when two fall in one
    month. Without an event the person was followed to the latest of the times.

    Times and entries are on one clock: month = (time - ``origin``) x ``time_scale``. A time of
    6.4 months lies in month 7. Whoever was first seen after 6.4 months was not at risk for the
    whole of month 7, so that seven months had elapsed before the first row, which is month 8: both
    are rounded up. An exit in month 7 is then seen by nobody's row; such spells are counted.
    """
    ends, table = endpoints(spec), spec.table
    refuse(rules(raw, columns, spec))
    spells = pd.DataFrame({name: raw[column] for name, column in columns.items()})
    spells["last"], spells["exit"] = _first_exit(raw, ends, table)
    spells["entry"] = _entry(raw, table)
    return spells


def rules(raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> list[str]:
    """Sentences for what is wrong with spells, as far as the columns are there."""
    table, ends = spec.table, endpoints(spec)
    problems: list[str] = []
    if columns["person"] in raw:
        person = raw[columns["person"]]
        problems += violation(
            f"table column {person.name!r} must be another in every row of layout 'spells'",
            (person.duplicated() & person.notna()).to_numpy(),
            got="a person again",
            cure="Keep one row per person, or use layout 'rows'.",
            numbers=row_numbers(raw),
        )
    times = dict.fromkeys(end.time for end in ends if end.time in raw)
    for name in times:
        problems += _time_rules(raw[name], table)
    complete = all(end.time in raw and end.event in raw for end in ends)
    if complete and table.entry is not None and table.entry in raw:
        problems += _entry_rules(raw, ends, table)
    return problems


def wide(raw: pd.DataFrame, spells: pd.DataFrame, stem: str) -> FloatArray:
    """Numbered columns of a table as one array, shape (spell, month).

    Parameters
    ----------
    raw : DataFrame
        Columns ``{stem}1``, ``{stem}2``, ... up to the last month of any spell.
    spells : DataFrame
        Output of :func:`build`, row for row.
    stem : str

    Raises
    ------
    PanelError
        If a column is missing, a cell is neither a finite number nor yes or no, or a month at risk
        is empty.
    """
    last = int(spells["last"].max())
    columns = [f"{stem}{month}" for month in range(1, last + 1)]
    present = sum(column in raw for column in columns)
    if present < last:
        raise PanelError(
            f"table columns {columns[0]!r} to {columns[-1]!r} must all exist; "
            f"got {present} of {last}.{did_you_mean(columns[0], raw.columns)}"
        )
    parts = [numbers(raw[column]) for column in columns]
    values = np.column_stack([part for part, _ in parts])
    not_numeric = np.column_stack([part for _, part in parts]) | np.isinf(values)
    month = np.arange(1, last + 1)
    at_risk = (month > spells[["entry"]].to_numpy()) & (month <= spells[["last"]].to_numpy())
    empty = (np.isnan(values) & at_risk & ~not_numeric).any(axis=1)
    where = f"table columns {columns[0]!r} to {columns[-1]!r}"
    problems = violation(
        f"{where} must hold numbers, or yes and no",
        not_numeric.any(axis=1),
        got="other text",
        cure="Correct the text.",
        numbers=row_numbers(spells),
    )
    where = f"{where} in a month at risk"
    refuse(problems + not_missing(where, empty, TAKE_OUT, row_numbers(spells)))
    return values


TAKE_OUT = "Complete them, or take these rows out of the table."
DROP = "Complete them, or set incomplete = 'drop' under [table] to leave these persons out."


def not_missing(where: str, empty: Flags, cure: str, numbers: Integers) -> list[str]:
    """Sentence for the rows in which a needed cell is empty, or none."""
    return violation(
        f"{where} must not be missing", empty, got="missing values", cure=cure, numbers=numbers
    )


def row_numbers(frame: pd.DataFrame | pd.Series) -> Integers:
    """Number of every row in the user's table, counted from 1 below a header."""
    return frame.index.to_numpy(dtype=np.int64) + 1


def endpoints(spec: ModelSpec) -> tuple[EndpointSpec, ...]:
    """Endpoints of a table, one for each exit of the model.

    Raises
    ------
    SpecError
        If they are not the exits of the model.
    """
    ends = spec.table.exit
    names = [] if isinstance(ends, str) else [end.name for end in ends]
    if isinstance(ends, str) or sorted(names) != sorted(spec.outcome.exits):
        raise SpecError(
            f"table.exit must have one endpoint for each of {list(spec.outcome.exits)}; "
            f"got {names}."
        )
    return ends


def happened(raw: pd.DataFrame, end: EndpointSpec) -> Flags:
    """In which rows the event of an endpoint is its code; labels are compared as text.

    Examples
    --------
    >>> end = EndpointSpec(name="dead", time="weeks", event="how", code=1)
    >>> happened(pd.DataFrame({"how": [1.0, 0.0, np.nan]}), end).tolist()
    [True, False, False]
    """
    event = raw[end.event]
    code = str(end.code) if event.dtype == object else end.code
    return np.asarray((event == code).to_numpy(dtype=bool))


def refuse(problems: Sequence[str]) -> None:
    """Raise the sentences of broken rules, each once.

    Raises
    ------
    PanelError
        If there is one.
    """
    if problems:
        raise PanelError("\n".join(dict.fromkeys(problems)))


def _months(time: pd.Series, table: TableSpec) -> FloatArray:
    """Months since the origin, on the one clock of times and entries."""
    scale = 1.0 if table.time_scale is None else table.time_scale
    return np.asarray((time.to_numpy(dtype=np.float64) - table.origin) * scale)


def _rounded_up(months: FloatArray) -> FloatArray:
    return np.asarray(np.ceil(months - _ROUNDING))


def _entry(raw: pd.DataFrame, table: TableSpec) -> Integers:
    if table.entry is None:
        return np.zeros(len(raw), dtype=np.int64)
    return np.maximum(_rounded_up(_months(raw[table.entry], table)), 0).astype(np.int64)


def _first_exit(
    raw: pd.DataFrame, ends: Sequence[EndpointSpec], table: TableSpec
) -> tuple[Integers, npt.NDArray[np.object_]]:
    month = np.column_stack([_rounded_up(_months(raw[end.time], table)) for end in ends])
    occurred = np.column_stack([happened(raw, end) for end in ends])
    exit_month = np.where(occurred, month, np.inf)
    ended = occurred.any(axis=1)
    last = np.where(ended, exit_month.min(axis=1), month.max(axis=1)).astype(np.int64)
    names = np.array([end.name for end in ends], dtype=object)
    return last, np.where(ended, names[exit_month.argmin(axis=1)], "stay")


# --- rules --------------------------------------------------------------------------------------
def _time_rules(time: pd.Series, table: TableSpec) -> list[str]:
    where, month = f"table column {time.name!r}", _months(time, table)
    problems = violation(
        f"{where} must be above {table.origin:g}",
        month <= _ROUNDING,
        got="a spell without a month at risk",
        cure=_no_month(table),
        numbers=row_numbers(time),
    )
    problems += violation(
        f"{where} must be at most {LAST_MONTH:,} {table.unit}s after the origin",
        month > LAST_MONTH,
        got="later times",
        cure="Set time_scale under [table] to the months in one unit of time, and origin to the "
        "time at the start.",
        numbers=row_numbers(time),
    )
    return problems + _whole_rule(where, month, table, row_numbers(time))


def _no_month(table: TableSpec) -> str:
    if table.time_scale is not None:
        return "Leave the person out, or write the time a little later."
    return (
        "Leave the person out, or count the month of entry as month 1: where the first month is "
        f"called {table.origin:g}, set origin = {table.origin - 1:.1f} under [table]."
    )


def _whole_rule(where: str, month: FloatArray, table: TableSpec, numbers: Integers) -> list[str]:
    fraction = (month != np.floor(month)) & np.isfinite(month)
    return violation(
        f"{where} must hold whole months",
        fraction & (table.time_scale is None),
        got="fractions",
        cure="Round the times, or set time_scale under [table] to the months in one unit of time "
        "(1.0 for months): times are then rounded up.",
        numbers=numbers,
    )


def _entry_rules(raw: pd.DataFrame, ends: Sequence[EndpointSpec], table: TableSpec) -> list[str]:
    """An entry is from the origin on, and before the end by the clock itself."""
    where, entry = f"table column {table.entry!r}", _months(raw[str(table.entry)], table)
    time = np.column_stack([_months(raw[end.time], table) for end in ends])
    occurred = np.column_stack([happened(raw, end) for end in ends])
    end_ = np.where(
        occurred.any(axis=1), np.where(occurred, time, np.inf).min(axis=1), time.max(axis=1)
    )
    after = (entry > end_ - _ROUNDING) & (end_ > _ROUNDING)  # an end before it has a rule
    problems = violation(
        f"{where} must be from {table.origin:g}, the start of the clock, to before the end",
        (entry < -_ROUNDING) | after,
        got="other times",
        cure=f"Write {table.origin:g} for persons who were seen from the start, and leave out "
        "those who were first seen after the end.",
        numbers=row_numbers(raw),
    )
    return problems + _whole_rule(where, entry, table, row_numbers(raw))
