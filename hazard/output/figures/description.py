"""Descriptive series as small multiples, one figure per group of tables of the report.

Bars and lines are the panel's; what the report printed beside them is a diamond or, where it gives
the lowest and the highest of several years without naming them, a band.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard.output import digits
from hazard.output.figures.panels import FigurePanel, Words, description_words, groups
from hazard.output.figures.style import GREY, GREY_INK, INK, STYLE, exit_colours, marks

_WIDTH = 9.0
_PRINTED: Any = MappingProxyType(
    {"marker": "D", "color": INK, "markerfacecolor": "white", "markersize": 5.5}
)


def description(
    series: pd.DataFrame, published: pd.DataFrame, *, words: Words | None = None
) -> dict[str, Figure]:
    """Figures of the descriptive series, by the name of their group.

    Parameters
    ----------
    series, published : DataFrame
        As in ``hazard.studies.describe.Description``.
    words : mapping of str to mapping, optional
        Of :func:`description_words`, by default in English and of families. Exits, levels and
        units that are not in them keep their names.

    Returns
    -------
    dict of str to Figure
        900 pixels wide at 100 dots per inch; one panel per table, quantity and exit. Panels of one
        unit share their axis. Groups of which all is skipped are left out.
    """
    colours = exit_colours(series["exit"].dropna().unique())
    figures = groups(series, published, words or description_words())
    return {name: _multiples(name, panels, colours) for name, panels in figures.items()}


def description_text(
    series: pd.DataFrame, published: pd.DataFrame, *, words: Words | None = None
) -> dict[str, str]:
    """Text alternatives of :func:`description`: every number that is drawn.

    Returns
    -------
    dict of str to str
        One line per panel, below the title.
    """
    words = words or description_words()
    figures = groups(series, published, words)
    return {
        name: "\n".join([words["figure"][name], *map(_panel_text, panels)])
        for name, panels in figures.items()
    }


def _panel_text(panel: FigurePanel) -> str:
    words = panel.words["text"]
    parts = []
    for name, value, printed_value in zip(
        panel.names, panel.values, panel.printed_values, strict=True
    ):
        printed = panel.as_printed(printed_value)
        shown = words["printed"].format(value=printed) if printed else ""
        parts.append(f"{name}: {panel.number(value)}{shown}")
    limits = [panel.as_printed(value) for value in panel.band()]
    band = words["band"].format(low=limits[0], high=limits[-1]) if limits else ""
    source = f" ({panel.source})" if panel.source else ""
    return f"{panel.head}{source}, {panel.axis.lower()}: {'; '.join(parts)}.{band}"


# --- drawing ------------------------------------------------------------------------------------
def _multiples(name: str, panels: list[FigurePanel], colours: Mapping[str, str]) -> Figure:
    words, by_year = panels[0].words, all(panel.by_year for panel in panels)
    one_unit = len({panel.unit for panel in panels}) == 1
    longest = max(len(panel.rows) for panel in panels)
    height = 3.3 if by_year else 1.35 + 0.24 * max(longest, 4)
    draw: Callable[[Axes, FigurePanel, str], None] = _years if by_year else _bars
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(_WIDTH, height))
        figure.set_layout_engine("constrained", wspace=0.06)
        figure.suptitle(words["figure"][name], x=0.008, ha="left", weight="bold", fontsize=11)
        row = figure.subplots(
            1,
            len(panels),
            squeeze=False,
            sharex=one_unit and not by_year,
            sharey=one_unit and by_year,
        )[0]
        for axes, panel in zip(row, panels, strict=True):
            draw(axes, panel, colours.get(panel.exit or "", GREY_INK))
            axes.set_title(panel.head, loc="left", weight="bold")
            axes.set_title(panel.source, loc="right", color=GREY_INK, fontsize=8)
        if not by_year:
            for part in [panels] if one_unit else [[panel] for panel in panels]:
                _leave_room(row[panels.index(part[0])], part)
        _axes(figure, row, panels)
        _key(figure, panels)
    return figure


def _leave_room(axes: Axes, panels: list[FigurePanel]) -> None:
    """Limits of one axis, or of panels that share it, with room for the numbers at the bars."""
    values = np.concatenate(
        [[0.0], *(part for panel in panels for part in (panel.values, panel.printed_values))]
    )
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = max(high - low, 1e-9)
    axes.set_xlim(low - (0.85 * span if low < 0 else 0.0), high + 0.45 * span)


def _years(axes: Axes, panel: FigurePanel, colour: str) -> None:
    year = panel.rows["year"].to_numpy(int)
    limits = panel.band()
    if limits:
        axes.axhspan(limits[0], limits[-1], color=GREY, alpha=0.18, linewidth=0)
    axes.plot(year, panel.values, color=colour, marker="o", markersize=3.5)
    axes.plot(year, panel.printed_values, linestyle="none", **_PRINTED)
    axes.set_xticks(range(year.min(), year.max() + 1, 2 if len(year) > 6 else 1))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(_axis_number(panel))


def _bars(axes: Axes, panel: FigurePanel, colour: str) -> None:
    positions, values, printed = np.arange(len(panel.rows)), panel.values, panel.printed_values
    axes.barh(positions, values, height=0.7, color=colour)
    axes.plot(printed, positions, linestyle="none", **_PRINTED)
    for row, (value, mark) in enumerate(zip(values, printed, strict=True)):
        text, bracketed, side = panel.number(value), panel.as_printed(mark), -1 if value < 0 else 1
        if bracketed and side * mark >= 0:
            edge = side * max(side * value, side * mark)
            _number(axes, (edge, row), f"{text} ({bracketed})", side * 7, colour)
            continue
        _number(axes, (value, row), text, side * 3, colour)
        if bracketed:
            _number(axes, (mark, row), f"({bracketed})", -side * 7, colour)
    axes.set_yticks(positions, panel.names)
    axes.set_ylim(len(positions) - 0.5, -0.5)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(_axis_number(panel))


def _number(axes: Axes, point: tuple[float, float], text: str, points: int, colour: str) -> None:
    """A number beside a bar or a diamond, so many points to the right."""
    axes.annotate(
        text,
        point,
        (points, 0),
        textcoords="offset points",
        ha="left" if points > 0 else "right",
        va="center",
        color=colour,
        fontsize=8,
    )


def _axis_number(panel: FigurePanel) -> mpl.ticker.Formatter:
    signs = marks(panel.words["marks"])

    def text(value: float, _: int) -> str:
        return digits.number(value, 0 if value == round(value) else -1, signs)

    return mpl.ticker.FuncFormatter(text)


def _axes(figure: Figure, row: np.ndarray, panels: list[FigurePanel]) -> None:
    """Name the axes; what a panel would repeat of the one on its left is left out."""
    names = [panel.axis for panel in panels]
    if panels[0].by_year:
        for axes, name, previous_name in zip(row, names, ["", *names], strict=False):
            axes.set_ylim(bottom=0.0)
            axes.set_ylabel("" if name == previous_name else name)
        return
    if len(set(names)) == 1:
        figure.supxlabel(names[0], fontsize=9)
    else:
        for axes, name in zip(row, names, strict=True):
            axes.set_xlabel(name)
    for axes, panel, previous in zip(row[1:], panels[1:], panels, strict=False):
        if panel.names == previous.names:
            axes.tick_params(axis="y", left=False, labelleft=False)


def _key(figure: Figure, panels: list[FigurePanel]) -> None:
    """What a diamond and a band are, if there are any."""
    words, handles = panels[0].words["text"], list[Artist]()
    if any(np.isfinite(panel.printed_values).any() for panel in panels):
        label = words["key_printed" if panels[0].by_year else "key_brackets"]
        handles.append(mpl.lines.Line2D([], [], linestyle="none", label=label, **_PRINTED))
    if any(panel.band() for panel in panels):
        handles.append(
            mpl.patches.Patch(color=GREY, alpha=0.3, linewidth=0, label=words["key_band"])
        )
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=8)
