"""Ever treated against treated so far: in simulated samples, and on one panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from hazard import languages
from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import EXIT_COLOURS, GREY, GREY_INK, INK, STYLE, marks

_ODDS = (0.45, 2.2)  # which are always on the axis
_TICKS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_COLOUR = EXIT_COLOURS["assisted"]
_STEP = 0.23  # of the height of a sample, from its middle to each year
_WIDEST = 0.6
_BLOCK = 2.7  # codings of one true effect, and their heading
_PER_ROW, _AROUND = 0.5, 1.75  # inches
_ENDS = ("mean", "low", "high")


class _Interval(NamedTuple):
    """Mean of simulated estimates, and the ends of the range of most of them."""

    low: float
    mean: float
    high: float


def immortal_time_study(
    null: pd.DataFrame, planted: pd.DataFrame, words: Words | None = None
) -> Figure:
    """What each design finds where a talk does nothing, beside the printed coefficients.

    Parameters
    ----------
    null, planted : DataFrame
        Of :func:`hazard.studies.immortal_time.study`, without and with an effect.
    words : mapping, optional
        Texts, by the keys of ``figures.immortal_time`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or languages.figure("immortal_time")
    least_squares = null[null["design"].str.startswith("ever_treated")]
    labels = list(dict.fromkeys(zip(least_squares["design"], least_squares["sample"], strict=True)))
    height = _AROUND + _PER_ROW * len(labels)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        bottom, height_share = 0.55 / height, 1 - _AROUND / height
        left_axes = figure.add_axes((0.155, bottom, 0.465, height_share))
        _least_squares(left_axes, least_squares, labels, words)
        right_axes = figure.add_axes((0.755, bottom, 0.225, height_share))
        _hazards(right_axes, (null, planted), words)
        figure.text(0.012, 1 - 0.3 / height, words["title"], size=11.5, weight="bold")
    return figure


def immortal_time_study_text(
    null: pd.DataFrame, planted: pd.DataFrame, words: Words | None = None
) -> str:
    """Text alternative of :func:`immortal_time_study`: every interval, and what was printed.

    Returns
    -------
    str
        One line per sample and year, or per coding, after the title.
    """
    words = words or languages.figure("immortal_time")
    lines = [words["title"] + "."]
    for _, row in null[null["design"].str.startswith("ever_treated")].iterrows():
        name = _sample(row["design"], row["sample"], words).replace("\n", " ")
        printed = ""
        if np.isfinite(row["published"]):
            printed = f"; {words['published']}: {_three_decimals(row['published'], words)}"
        lines.append(f"{name}, {row['term'][-4:]}: {_spread(row, words)}{printed}.")
    for table in (null, planted):
        for _, row in table[table["design"].str.startswith("hazard")].iterrows():
            truth = words["truth"].format(ratio=_plain(row["odds_ratio"], words))
            name = words[row["design"]].replace("\n", " ")
            ratios = {end: np.exp(row[end]) for end in _ENDS}
            lines.append(f"{truth}, {name}: {_spread(ratios, words)}.")
    return "\n".join(lines)


def immortal_time_panel(
    table: pd.DataFrame,
    exit_name: str,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> Figure:
    """Estimates of one treatment on one panel, ever treated beside treated so far.

    Parameters
    ----------
    table : DataFrame
        Of :func:`hazard.studies.immortal_time.compared`.
    exit_name : str
    labels : mapping of exit to text, optional
        Exits that are not in it keep their names.
    words : mapping, optional
        Texts, by the keys of ``figures.immortal_time`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or languages.figure("immortal_time")
    label = (labels or {}).get(exit_name, exit_name)
    rows = table[table["exit"] == exit_name].set_index("design")
    differences = [name for name in ("ever_treated", "landmark") if name in rows.index]
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, 2.4))
        left_axes = figure.add_axes((0.14, 0.25, 0.32, 0.52))
        _bars(left_axes, rows.loc[differences], [words[name] for name in differences])
        left_axes.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
        left_axes.set_xlabel(words["panel_change"].format(exit=label))
        left_axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(round(x, 3), words)))
        right_axes = figure.add_axes((0.64, 0.25, 0.32, 0.52))
        names = ["hazard", "hazard_ever"]
        _bars(right_axes, rows.loc[names], [words[f"panel_{name}"] for name in names])
        _odds_axis(right_axes, words)
        right_axes.set_xlabel(words["panel_odds"].format(exit=label))
        figure.text(0.012, 0.88, words["panel_title"], size=11.5, weight="bold")
    return figure


def immortal_time_panel_text(
    table: pd.DataFrame,
    exit_name: str,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`immortal_time_panel`.

    Returns
    -------
    str
        One line per design, after the title.
    """
    words = words or languages.figure("immortal_time")
    label = (labels or {}).get(exit_name, exit_name)
    lines = [words["panel_title"] + "."]
    for _, row in table[table["exit"] == exit_name].iterrows():
        log = row["unit"] == "log-odds"
        name = words[f"panel_{row['design']}" if log else row["design"]].replace("\n", " ")
        unit = words["panel_odds" if log else "panel_change"].format(exit=label)
        values = row[["estimate", "lower", "upper"]].astype(float)
        interval = dict(zip(_ENDS, np.exp(values) if log else values, strict=True))
        lines.append(f"{unit}, {name}: {_spread(interval, words)}.")
    return "\n".join(lines)


# --- least squares in simulated samples ---------------------------------------------------------
def _least_squares(
    panel: Axes,
    estimates: pd.DataFrame,
    labels: Sequence[tuple[str, str]],
    words: Words,
) -> None:
    panel.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
    years: dict[float, str] = {}
    for index, (design, sample) in enumerate(labels):
        chosen = estimates[(estimates["design"] == design) & (estimates["sample"] == sample)]
        for step, (_, row) in enumerate(chosen.sort_values("term").iterrows()):
            position = index + _STEP * (2 * step - 1)
            years[position] = row["term"][-4:]
            _simulated(panel, position, _Interval(row["low"], row["mean"], row["high"]), _COLOUR)
            if np.isfinite(row["published"]):
                _printed(panel, position, row, words)
        panel.annotate(
            _sample(design, sample, words),
            (0, index),
            (-38, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    panel.set_yticks(list(years), labels=list(years.values()), size=7.5, color=GREY_INK)
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    panel.set_xlim(-0.45, _WIDEST)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(round(x, 3), words)))
    panel.set_xlabel(words["change"])
    _heading(panel, words["left"], 34)
    _heading(panel, words["simulated"], 19, colour=_COLOUR)
    _heading(panel, words["published"], 5, colour=GREY_INK)


def _simulated(panel: Axes, position: float, interval: _Interval, colour: str) -> None:
    panel.hlines(position, interval.low, interval.high, color=colour, alpha=0.35, linewidth=6.0)
    panel.vlines(interval.mean, position - 0.17, position + 0.17, color=colour, linewidth=2.0)


def _printed(panel: Axes, position: float, row: pd.Series, words: Words) -> None:
    half_width = 1.96 * row["published_se"]
    low, high = row["published"] - half_width, row["published"] + half_width
    panel.hlines(position, low, min(high, _WIDEST), color=GREY_INK, linewidth=1.0)
    panel.plot(row["published"], position, "o", color=GREY_INK, markersize=3.5)
    if high > _WIDEST:
        text = words["beyond"].format(value=digits.number(high, -2, marks(words)))
        panel.annotate(text, (_WIDEST, position - 0.08), ha="right", va="bottom", size=7.5)


# --- the hazard model ---------------------------------------------------------------------------
def _hazards(panel: Axes, tables: Sequence[pd.DataFrame], words: Words) -> None:
    names: dict[float, str] = {}
    for block, table in enumerate(tables):
        top = _BLOCK * block
        for step, design in enumerate(("hazard", "hazard_ever")):
            row = table[table["design"] == design].iloc[0]
            interval = _Interval(*(float(np.exp(row[end])) for end in _Interval._fields))
            position = top + step
            _simulated(panel, position, interval, GREY if step else _COLOUR)
            names[position] = words[design]
        ratio = float(table["odds_ratio"].iloc[0])
        panel.vlines(ratio, top - 0.35, top + 1.35, color=INK, linewidth=1.2, linestyle=":")
        text = words["truth"].format(ratio=_plain(ratio, words))
        panel.annotate(text, (0.02, top - 0.45), xycoords=("axes fraction", "data"), va="bottom")
    panel.set_yticks(list(names), labels=list(names.values()))
    panel.set_ylim(_BLOCK * len(tables) - 1.2, -1.1)
    panel.tick_params(axis="y", length=0)
    _odds_axis(panel, words)
    panel.set_xlabel(words["odds"])
    _heading(panel, words["right"], 34)


# --- one panel ----------------------------------------------------------------------------------
def _bars(panel: Axes, rows: pd.DataFrame, names: Sequence[str]) -> None:
    values = rows[["lower", "estimate", "upper"]].to_numpy(dtype=float)
    plotted = np.exp(values) if rows["unit"].iloc[0] == "log-odds" else values
    positions = np.arange(len(rows))
    panel.hlines(positions, plotted[:, 0], plotted[:, 2], color=_COLOUR, linewidth=2.0)
    panel.plot(plotted[:, 1], positions, "o", color=_COLOUR, markersize=5)
    panel.set_yticks(positions, labels=list(names))
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)


def _odds_axis(panel: Axes, words: Words) -> None:
    if not panel.dataLim.intervalx[1] > 0:  # nothing was estimated, or only at minus infinity
        panel.set_xlim(*_ODDS)
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.set_xlim(min(low, _ODDS[0]), max(high, _ODDS[1]))
    panel.xaxis.set_major_locator(FixedLocator(_TICKS))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(round(x, 3), words)))
    panel.axvline(1.0, color=INK, linewidth=0.8, zorder=1)


# --- words --------------------------------------------------------------------------------------
def _heading(panel: Axes, text: str, above: float, colour: str = INK) -> None:
    panel.annotate(
        text,
        (0, 1),
        (0, above),
        xycoords="axes fraction",
        textcoords="offset points",
        color=colour,
        weight="bold" if colour == INK else "normal",
    )


def _sample(design: str, sample: str, words: Words) -> str:
    return words[design] if design == "ever_treated_within" else words.get(sample, sample)


def _spread(row: pd.Series | Mapping[str, float], words: Words) -> str:
    mean, low, high = (_three_decimals(row[name], words) for name in _ENDS)
    return f"{mean} ({low} {words['to']} {high})"


def _three_decimals(value: float, words: Words) -> str:
    return digits.number(value, -3, marks(words))


def _plain(value: float, words: Words) -> str:
    return f"{value:g}".replace("-", "−").replace(".", words["decimal"])
