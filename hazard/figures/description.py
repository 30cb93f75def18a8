"""Descriptive series as small multiples, one figure per group of tables of the report."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard.figures.style import INK, STYLE, exit_colours

_PROBABILITY = "monthly_probability"
GROUPS = MappingProxyType(
    {
        "families_by_year": (("Figure 2-1", "families"), ("Figure 2-2", "new_families")),
        "composition": (
            ("Figure 2-3", "families"),
            ("Figure 2-3", "mean_months_in_centre"),
            ("Figure 2-4", "share_of_families"),
        ),
        "exits_by_year": tuple((f"Figure 2-{k}", _PROBABILITY) for k in (5, 6, 7)),
        "exits_of_five_nationalities": (("Figure 2-8", "first_exits"),),
        "exits_by_nationality": tuple(
            (f"Figure 2-{k}", "monthly_probability") for k in (9, 10, 11)
        ),
        "exits_by_family_size": tuple((f"Figure 2-{k}", _PROBABILITY) for k in (12, 13, 14)),
        "after_forced_return": (("Table 2-2", "relative_change"),),
    }
)
"""Tables and quantities of each figure; the name is that of its file."""

_LEVELS = MappingProxyType({"no": "one or two persons", "yes": "three or more"})


def description(series: pd.DataFrame) -> dict[str, Figure]:
    """Figures of the descriptive series, by the name of their group.

    Parameters
    ----------
    series : DataFrame
        As ``hazard.describe.Description.series``.

    Returns
    -------
    dict of str to Figure
        One panel per table, quantity and exit; groups of which all is skipped are left out.
    """
    colours = exit_colours(series["exit"].dropna().unique())
    figures = {}
    for name, members in GROUPS.items():
        panels = [panel for table, what in members for panel in _panels(series, table, what)]
        if panels:
            figures[name] = _multiples(panels, colours)
    return figures


def _panels(series: pd.DataFrame, table: str, quantity: str) -> Iterator[pd.DataFrame]:
    """Rows of each panel: those of one exit, or of none."""
    drawn = (series["table"] == table) & (series["quantity"] == quantity) & series["value"].notna()
    own = series[drawn]
    for _, rows in own.groupby(own["exit"].fillna(""), sort=False):
        yield rows


def _multiples(panels: list[pd.DataFrame], colours: dict[str, str]) -> Figure:
    longest = max(len(rows) for rows in panels)
    by_year = all(rows["year"].notna().all() for rows in panels)
    height = 2.9 if by_year else 1.2 + 0.24 * max(longest, 4)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(3.2 * len(panels) + (0.0 if by_year else 0.8), height))
        figure.set_layout_engine("constrained")
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for place, rows in zip(places, panels, strict=True):
            kind = rows["exit"].iloc[0]
            colour = colours.get(kind, INK)
            (_years if by_year else _bars)(place, rows, colour)
            head = rows["table"].iloc[0]
            place.set_title(head if pd.isna(kind) else f"{head}: {kind}", loc="left", weight="bold")
    return figure


def _years(place: Axes, rows: pd.DataFrame, colour: str) -> None:
    place.plot(rows["year"].to_numpy(int), rows["value"], color=colour, marker="o", markersize=3.5)
    place.set_ylim(bottom=0.0)
    place.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    place.set_ylabel(_axis(rows))


def _bars(place: Axes, rows: pd.DataFrame, colour: str) -> None:
    at = np.arange(len(rows))
    place.barh(at, rows["value"], height=0.7, color=colour)
    place.set_yticks(at, [_LEVELS.get(level, level) for level in rows["level"]])
    place.invert_yaxis()
    place.axvline(0.0, color=INK, linewidth=0.8)
    place.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    place.set_xlabel(_axis(rows))


def _axis(rows: pd.DataFrame) -> str:
    """What the axis shows, in words."""
    quantity, unit = str(rows["quantity"].iloc[0]).replace("_", " "), str(rows["unit"].iloc[0])
    if unit == "relative change":
        return "change relative to the mean"
    if unit.startswith("probability"):
        return unit
    return quantity if unit in {"share", "families"} else f"{quantity} ({unit})"
