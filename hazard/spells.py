"""One row per person, with the times of the ways out, as one row per person and month at risk."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.contracts import Flags, numeric, violation
from hazard.errors import PanelError, SpecError, did_you_mean
from hazard.spec import EndpointSpec, ModelSpec, TableSpec

FloatArray = npt.NDArray[np.float64]

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
        One row per person, with a time and an event column per exit.
    columns : mapping of str to str
        Column of the table for ``person``, perhaps ``entry`` and ``calendar``, and for every
        column that is repeated on every row.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        Input of :func:`expand`.

    Raises
    ------
    SpecError
        If the endpoints are not the exits of the model.
    PanelError
        If a person has two rows, a cell is missing, or a time holds no month at risk.

    Notes
    -----
    The earliest event ends the spell, the first in the order of the endpoints when two fall in one
    month. Without an event the person was followed to the latest of the times.
    """
    ends, table = endpoints(spec), spec.table
    spells = pd.DataFrame({name: raw[column] for name, column in columns.items()})
    broken = _person_rules(spells, columns)
    for end in ends:
        event = raw[end.event]
        broken += not_missing(f"table column {end.event!r}", event.isna().to_numpy())
        broken += codes_fit(event, end) + _time_rules(raw[end.time], table)
    refuse(broken)
    spells["last"], spells["exit"] = _first_exit(raw, ends, table)
    if "entry" not in spells:
        spells["entry"] = 0
    refuse(_entry_rules(spells, columns.get("entry", "")))
    return spells


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
        If a column is missing, a cell is neither a number nor yes or no, or a month at risk is
        empty.
    """
    last = int(spells["last"].max())
    columns = [f"{stem}{month}" for month in range(1, last + 1)]
    found = sum(column in raw for column in columns)
    if found < last:
        raise PanelError(
            f"table columns {columns[0]!r} to {columns[-1]!r} must all exist; "
            f"got {found} of {last}.{did_you_mean(columns[0], raw.columns)}"
        )
    parts = [numbers(raw[column]) for column in columns]
    values = np.column_stack([part for part, _ in parts])
    strange = np.column_stack([part for _, part in parts]).any(axis=1)
    month = np.arange(1, last + 1)
    at_risk = (month > spells[["entry"]].to_numpy()) & (month <= spells[["last"]].to_numpy())
    empty = (np.isnan(values) & at_risk).any(axis=1) & ~strange
    where = f"table columns {columns[0]!r} to {columns[-1]!r}"
    refuse(not_numbers(where, strange) + not_missing(f"{where} in a month at risk", empty))
    return values


def numbers(column: pd.Series) -> tuple[FloatArray, Flags]:
    """Numbers of a column, yes and no as 1 and 0, and where it holds something else.

    Examples
    --------
    >>> values, strange = numbers(pd.Series(["yes", "no", None, "maybe"]))
    >>> values.tolist(), strange.tolist()
    ([1.0, 0.0, nan, nan], [False, False, False, True])
    """
    if numeric(column) or column.dtype.kind == "b":
        return column.to_numpy(dtype=np.float64), np.zeros(len(column), dtype=bool)
    mapped = column.astype(object).map({"yes": 1.0, "no": 0.0}).astype(np.float64)
    return np.asarray(mapped), np.asarray(mapped.isna() & column.notna())


def not_numbers(where: str, strange: Flags) -> list[str]:
    """Sentence for the rows in which :func:`numbers` found something else, or none."""
    return violation(
        f"{where} must hold numbers, or yes and no",
        strange,
        got="other text",
        cure="Correct the text, or leave the cell empty where nothing is known.",
    )


def not_missing(where: str, empty: Flags) -> list[str]:
    """Sentence for the rows in which a needed cell is empty, or none."""
    return violation(
        f"{where} must not be missing",
        empty,
        got="missing values",
        cure="Complete them, leave the persons out, or set incomplete = 'drop' under [table].",
    )


def codes_fit(event: pd.Series, end: EndpointSpec) -> list[str]:
    """Sentence for a code that can never be found, being text among numbers or the reverse."""
    if isinstance(end.code, str) != (numeric(event) or event.dtype.kind == "b"):
        return []
    kind = "text" if isinstance(end.code, str) else "numbers"
    where = f"table column {end.event!r} must hold {kind}, as the code {end.code!r}"
    return [f"{where}; got another type. Correct the code under [table]."]


def endpoints(spec: ModelSpec) -> tuple[EndpointSpec, ...]:
    """Endpoints of a table, one for each exit of the model.

    Raises
    ------
    SpecError
        If they are not the exits of the model.
    """
    ends = spec.table.exit
    named = [] if isinstance(ends, str) else [end.name for end in ends]
    if isinstance(ends, str) or sorted(named) != sorted(spec.outcome.exits):
        raise SpecError(
            f"table.exit must have one endpoint for each of {list(spec.outcome.exits)}; "
            f"got {named}."
        )
    return ends


def refuse(broken: Sequence[str]) -> None:
    """Raise the sentences of broken rules, each once.

    Raises
    ------
    PanelError
        If there is one.
    """
    if broken:
        raise PanelError("\n".join(dict.fromkeys(broken)))


def _first_exit(
    raw: pd.DataFrame, ends: Sequence[EndpointSpec], table: TableSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    time = np.column_stack([raw[end.time].to_numpy(dtype=np.float64) for end in ends])
    month = np.ceil((time - table.origin) * table.time_scale - _ROUNDING)
    happened = np.column_stack([raw[end.event] == end.code for end in ends])
    left = np.where(happened, month, np.inf)
    ended = happened.any(axis=1)
    last = np.where(ended, left.min(axis=1), month.max(axis=1)).astype(np.int64)
    names = np.array([end.name for end in ends], dtype=object)
    return last, np.where(ended, names[left.argmin(axis=1)], "stay")


# --- rules --------------------------------------------------------------------------------------
def _person_rules(spells: pd.DataFrame, columns: Mapping[str, str]) -> list[str]:
    broken = violation(
        f"table column {columns['person']!r} must be another in every row of layout 'spells'",
        spells["person"].duplicated().to_numpy(),
        got="a person again",
        cure="Keep one row per person, or use layout 'rows'.",
    )
    for name, column in columns.items():
        broken += not_missing(f"table column {column!r}", spells[name].isna().to_numpy())
    if "calendar" in spells and not numeric(spells["calendar"]):
        broken.append(f"table column {columns['calendar']!r} must hold numbers; got another type.")
    return broken


def _time_rules(time: pd.Series, table: TableSpec) -> list[str]:
    where = f"table column {time.name!r}"
    broken = not_missing(where, time.isna().to_numpy())
    if not numeric(time):
        return [*broken, f"{where} must hold numbers; got another type."]
    month = (time.to_numpy(dtype=np.float64) - table.origin) * table.time_scale
    broken += violation(
        f"{where} must be above {table.origin:g}",
        month <= _ROUNDING,
        got="a spell without a month at risk",
        cure="Leave the person out, or count the month of entry as month 1.",
    )
    fraction = (month != np.floor(month)) & ~np.isnan(month) & (table.time_scale == 1)
    return broken + violation(
        f"{where} must hold whole months",
        fraction | np.isinf(month),
        got="other numbers",
        cure="Round the times, or set time_scale under [table].",
    )


def _entry_rules(spells: pd.DataFrame, column: Hashable) -> list[str]:
    entry = spells["entry"]
    if not numeric(entry):
        return [f"table column {column!r} must hold numbers; got another type."]
    inside = (entry >= 0) & (entry < spells["last"]) & (entry == np.floor(entry))
    return violation(
        f"table column {column!r} must hold whole months, from 0 to the month before the last",
        ~inside.to_numpy(),
        got="other numbers",
        cure="Leave out persons who were first seen after the end.",
    )
