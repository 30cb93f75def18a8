"""The slow way from dated spells to rows."""

from __future__ import annotations

from itertools import count

Row = tuple[int, str]


def slow_rows(start: int, end: int | None, exit_: str, unit: int, window: range) -> list[Row]:
    """Periods of a spell with the exit at their end; months are whole numbers."""
    rows: list[Row] = []
    for k in count(1):
        period = range(start + (k - 1) * unit, start + k * unit)
        if period[0] > window[-1] or (end is not None and period[0] > end):
            return rows
        left = exit_ != "stay" and end in period
        filled = end is None or period[-1] <= end
        if period[0] in window and period[-1] in window and (left or filled):
            rows.append((k, exit_ if left else "stay"))
    raise AssertionError
