"""A ready table, CSV or Parquet, as a panel.

A table has one row per person and month at risk, one row per person (a spell), or one per spell
between two dates; the model file says which, and which column is what
(:class:`hazard.spec.TableSpec`). Ids are replaced by codes in
order of first appearance. An empty cell and ``NA`` are missing values. Text becomes a categorical
with sorted levels; ``yes`` and ``no`` become 1 and 0 where an exposure is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

from hazard import dated, spells
from hazard.contracts import LeftOut, broken_rules, columns_missing, numeric
from hazard.errors import PanelError, UsageError
from hazard.examples import bundled
from hazard.exposures import lag_column
from hazard.spec import CalendarTerm, CovariateTerm, ModelSpec
from hazard.spells import expand, refuse

__all__ = ["bundled", "expand", "panel", "read"]

_ALWAYS = ("person", "month", "calendar", "entry", "exit")
_BLOCK = 2**31 - 1  # bytes, the most that pyarrow takes; it infers types from the first block


def read(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Panel of a file.

    Parameters
    ----------
    path : Path
        A ``.csv`` file (comma, UTF-8, one header row) or a ``.parquet`` file.
    spec : ModelSpec
        Its ``table`` says how to read the file, its terms which columns are needed.

    Returns
    -------
    DataFrame
        As :func:`panel`.

    Raises
    ------
    UsageError
        If there is no such file, or its suffix is another.
    PanelError
        If the file cannot be read, or breaks a rule; see :func:`panel`.
    """
    readers = {".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise UsageError(f"table must be a .csv or a .parquet file; got {str(path)!r}.")
    if not path.is_file():
        raise UsageError(f"table must exist; no file at {str(path)!r}.")
    if path.stat().st_size == 0:
        raise PanelError("table must have at least one row; got an empty file.")
    return panel(readers[path.suffix.lower()](path), spec)


def panel(raw: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Panel of a table: one row per person and month at risk.

    Parameters
    ----------
    raw : DataFrame
        One row per person and month, or one per person.
    spec : ModelSpec
        Its ``table`` says how to read the table, its terms which columns are needed.

    Returns
    -------
    DataFrame
        The columns of :mod:`hazard.contracts` and those that the model names, sorted by person and
        month.
        A lagged term that is not about ``own`` rows has columns as
        :func:`hazard.exposures.lag_column` names them, in which a missing value is history before
        the start. ``attrs["left_out"]`` counts persons, rows and exits left out, by reason: for a
        missing covariate, where the model file asks for it, and without a row in the window.

    Raises
    ------
    SpecError
        If the endpoints of spells are not the exits of the model.
    PanelError
        If a column is missing, or a rule of :mod:`hazard.contracts` is broken; all rules at once.
    """
    columns = _columns(raw, spec)
    ends = [] if isinstance(spec.table.exit, str) else spec.table.exit
    needed = [*columns.values(), *(name for end in ends for name in (end.time, end.event))]
    needed += [spec.table.start] if spec.table.start else []
    refuse(columns_missing("table", raw, dict.fromkeys(needed)))
    complete, left_out = _complete(raw, spec)
    if spec.table.layout == "rows":
        rows = _rows(complete, columns, spec)
    else:
        rows, outside = _expanded(complete, columns, spec)
        left_out |= outside
    lags = _lags(spec)
    refuse(broken_rules(rows, spec.outcome.exits, columns=_required(spec), may_be_missing=lags))
    finished = _finished(rows, spec)
    finished.attrs["left_out"] = left_out
    return finished


def _required(spec: ModelSpec) -> list[str]:
    """Columns that must not be missing: of terms, of rows, of clusters, and of costs."""
    named = [term.column for term in spec.term if isinstance(term, CovariateTerm)]
    other = [*spec.group_columns, *spec.only, *(spec.baselines.clusters or ())]
    named += [name for name in other if name not in _ALWAYS]
    if spec.costs is not None and isinstance(spec.costs.persons, str):
        named.append(spec.costs.persons)
    return list(dict.fromkeys([*named, *_exposures(spec)]))


def _exposures(spec: ModelSpec) -> list[str]:
    return [term.exposure for term in spec.lagged if term.network == "own"]


def _lags(spec: ModelSpec) -> list[str]:
    return [
        lag_column(term.name, lag)
        for term in spec.lagged
        if term.network != "own"
        for lag in range(term.lags[0], term.lags[1] + 1)
    ]


def _columns(raw: pd.DataFrame, spec: ModelSpec) -> dict[str, str]:
    """Column of the table for every column of the panel that is taken as it is."""
    table = spec.table
    columns = {"person": table.person}
    if isinstance(table.exit, str):
        columns |= {"month": table.month, "exit": table.exit}
    if table.entry is not None:
        columns["entry"] = table.entry
    by_calendar = any(isinstance(term, CalendarTerm) for term in spec.term)
    by_calendar |= "calendar" in spec.group_columns
    if table.calendar is not None and not table.start and (by_calendar or table.calendar in raw):
        columns["calendar"] = table.calendar
    return columns | {
        name: name for name in [*_required(spec), *_lags(spec)] if name not in table.wide
    }


def _complete(raw: pd.DataFrame, spec: ModelSpec) -> tuple[pd.DataFrame, dict[str, LeftOut]]:
    if spec.table.incomplete == "error":
        return raw, {}
    needed = [name for name in _required(spec) if name not in spec.table.wide]
    person = raw[spec.table.person]
    out = person.isin(person[raw[needed].isna().any(axis=1)]).to_numpy()
    gone = raw[out]
    lost = LeftOut(gone[spec.table.person].nunique(), len(gone), _n_exits(gone, spec))
    return raw[~out].reset_index(drop=True), {"persons with a missing covariate": lost}


def _n_exits(raw: pd.DataFrame, spec: ModelSpec) -> int:
    """Rows of a table that leave through an exit of the model."""
    ends = spec.table.exit
    if isinstance(ends, str):
        return int(raw[ends].isin(spec.outcome.exits).sum())
    by_end = [raw[end.event].isin([end.code, str(end.code)]) for end in ends]
    return int(np.any(by_end, axis=0).sum())


def _rows(raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec) -> pd.DataFrame:
    rows = pd.DataFrame({name: raw[column] for name, column in columns.items()})
    _as_numbers(rows, [*_exposures(spec), *_lags(spec)])
    if "entry" not in rows:
        month = pd.to_numeric(rows["month"], errors="coerce")
        rows["entry"] = (
            month.groupby(pd.factorize(rows["person"])[0]).transform("min").fillna(1) - 1
        )
    return rows


def _expanded(
    raw: pd.DataFrame, columns: Mapping[str, str], spec: ModelSpec
) -> tuple[pd.DataFrame, dict[str, LeftOut]]:
    """Rows of spells, and how many of these lie outside the window."""
    table = spec.table
    persons = (dated if table.start else spells).build(raw, columns, spec)
    inside = (persons["last"] > persons["entry"]).to_numpy()
    outside = persons[~inside]
    lost = LeftOut(
        outside["person"].nunique(), len(outside), int((outside["exit"] != "stay").sum())
    )
    raw, persons = raw[inside], persons[inside].reset_index(drop=True)
    _as_numbers(persons, [name for name in [*_exposures(spec), *_lags(spec)] if name in persons])
    stems = {name: stem for name, stem in table.wide.items() if name in _required(spec)}
    monthly = {name: spells.wide(raw, persons, stem) for name, stem in stems.items()}
    reason = f"spells without a whole {table.unit} in the window"
    left_out = {} if inside.all() else {reason: lost}
    return expand(persons, wide=monthly, step=table.unit_months), left_out


def _as_numbers(rows: pd.DataFrame, names: Sequence[str]) -> None:
    broken: list[str] = []
    for name in dict.fromkeys(names):
        rows[name], strange = spells.numbers(rows[name])
        broken += spells.not_numbers(f"table column {name!r}", strange)
    refuse(broken)


def _finished(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Rows that break no rule, in the order and with the dtypes of a panel."""
    present = [*_ALWAYS, *_required(spec), *_lags(spec)]
    finished = rows[[name for name in dict.fromkeys(present) if name in rows]].copy()
    finished["person"] = pd.factorize(rows["person"])[0].astype(np.int64)
    finished["exit"] = pd.Categorical(rows["exit"], ["stay", *spec.outcome.exits])
    for name in {"month", "calendar", "entry"} & set(rows.columns):
        finished[name] = rows[name].astype(np.int32)
    for name in _required(spec):
        if name in spec.group_columns or not numeric(rows[name]):
            finished[name] = _levels(rows[name])
    return finished.sort_values(["person", "month"], kind="stable", ignore_index=True)


def _levels(column: pd.Series) -> pd.Series:
    used = column.astype("category").cat.remove_unused_categories()
    text = used.cat.rename_categories([str(level) for level in used.cat.categories])
    return text.cat.reorder_categories(sorted(text.cat.categories))


# --- files --------------------------------------------------------------------------------------
def _csv(path: Path) -> pd.DataFrame:
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row.number)
        return "skip"

    try:
        content = csv.read_csv(
            path,
            read_options=csv.ReadOptions(block_size=_BLOCK, use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=note),
            convert_options=csv.ConvertOptions(
                null_values=["", "NA"], strings_can_be_null=True, auto_dict_encode=True
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError):  # whose text quotes the row
        raise PanelError("table must be a CSV file in UTF-8; got something else.") from None
    if ragged:
        raise PanelError(
            "table must have as many cells in every row as in its header; got another number in "
            f"{len(ragged):,} rows (first: row {ragged[0] - 1:,}). Quote cells with a comma."
        )
    if any("binary" in str(field.type) for field in content.schema):
        raise PanelError("table must be a CSV file in UTF-8; got other bytes.")
    frame: pd.DataFrame = content.to_pandas()
    return frame


def _parquet(path: Path) -> pd.DataFrame:
    try:
        content = parquet.read_table(path)
    except pa.ArrowInvalid:
        raise PanelError("table must be a Parquet file; got something else.") from None
    frame: pd.DataFrame = content.to_pandas(ignore_metadata=True)
    return frame
