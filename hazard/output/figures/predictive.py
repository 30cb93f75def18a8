"""Observed exits over the replicates of a fitted model, for everybody and level by level."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard import languages
from hazard.languages import ENGLISH, Words
from hazard.output import digits
from hazard.output.figures.style import GREY_INK, INK, STYLE, exit_colours, marks, unit_of
from hazard.predictive import ALL, MONTH, POOLED, at_month, summary

_PERIODS = (MONTH, "quarter", "year")
_NAMED = (*_PERIODS, "centre", "nationality")
_TOP, _CURVES, _ROW, _GAP, _BOTTOM = 0.55, 1.75, 1.3, 0.62, 0.8  # inches
_SEEN = 0.95  # share of the rows whose levels are drawn whole
_INSIDE, _BAR = "#8a8a8a", "#d4d4d4"


def predictive_words(unit: str = "month", code: str = ENGLISH) -> Words:
    """Words of the figure in a language, for a panel in this unit of time.

    Examples
    --------
    >>> predictive_words("week", "nb")["month"]
    'uke under risiko'
    """
    figure_words, time = languages.figure("predictive", code), languages.unit(unit, code)
    time_words = {"unit": time.one, "units": time.several}
    return {**figure_words, **time_words, "month": figure_words["month"].format(**time_words)}


def predictive(
    checked: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    words: Words | None = None,
    month: int = 12,
) -> Figure:
    """Cumulative incidence of everybody over its replicates, and every level beside its own.

    Parameters
    ----------
    checked : DataFrame
        From :func:`hazard.predictive.check`. One column of panels per exit; one row for the
        curve of everybody, then one for each grouping.
    labels : mapping of exit to text
        Exits that are not in it keep their names.
    words : mapping, optional
        Of :func:`predictive_words`, by default in English and for months; groupings that are not
        in it keep their names.
    month : int
        As in the settings of the check.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or predictive_words()
    exits = exit_colours(checked["exit"].unique())
    groupings = _groupings(checked)
    height = _TOP + _CURVES + (_GAP + _ROW) * len(groupings) + _BOTTOM
    rows, summed = _plotted(checked, month), summary(checked, month=month)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        top = _TOP
        for index, grouping in enumerate([ALL, *groupings]):
            size = _ROW if index else _CURVES
            panels = _row_of_panels(figure, top, size, len(exits))
            levels, counted = (table[table["grouping"] == grouping] for table in (rows, summed))
            for panel, (name, colour) in zip(panels, exits.items(), strict=True):
                if grouping == ALL:
                    _curve(panel, _select(checked, ALL, name), colour)
                    panel.set_title(labels.get(name, name), loc="left", weight="bold", pad=20)
                else:
                    _differences(panel, levels[levels["exit"] == name], colour, words)
                    _corner(panel, counted[counted["exit"] == name], words)
                panel.yaxis.set_major_formatter(_number(words))
            _heading(panels[0], _title(grouping, words, month))
            if grouping == ALL:
                _key(panels[0], next(iter(exits.values())), words)
            elif grouping not in _PERIODS:
                panels[0].set_xlabel(words["sorted"], color=GREY_INK, size=8, loc="left")
            top += size + _GAP
        figure.text(0.065, 0.14 / height, words["note"], color=GREY_INK, size=8.5)
    return figure


def predictive_text(
    checked: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    words: Words | None = None,
    month: int = 12,
) -> str:
    """Text alternative of :func:`predictive`: everybody, and how many levels lie outside.

    Returns
    -------
    str
        One sentence per exit.
    """
    words = words or predictive_words()
    summed, lines = summary(checked, month=month), []
    for name in checked["exit"].unique():
        row = at_month(_select(checked, ALL, name), month).iloc[0]
        numbers = {
            key: _percent(row[key], words) for key in ("observed", "predicted", "lower", "upper")
        }
        parts = [
            words["text_grouping"].format(
                n=counted["n_outside"].item(),
                levels=counted["n_levels"].item(),
                grouping=grouping_in_words(grouping, words),
            )
            for grouping in _groupings(checked)
            for counted in [_counted(summed, grouping, str(name))]
        ]
        lines.append(
            words["text"].format(
                exit=labels.get(str(name), name),
                month=row["month"],
                units=unit_of(row["month"], words),
                groupings=", ".join(parts),
                **numbers,
            )
        )
    return " ".join(lines)


# --- choosing rows ------------------------------------------------------------------------------
def _groupings(checked: pd.DataFrame) -> list[str]:
    return [str(name) for name in checked["grouping"].unique() if name != ALL]


def _quantity(grouping: str) -> str:
    return "exits" if grouping in _PERIODS else "cumulative_incidence"


def _select(checked: pd.DataFrame, grouping: str, exit_name: str) -> pd.DataFrame:
    selected = checked["grouping"].eq(grouping) & checked["exit"].eq(exit_name)
    return checked[selected & checked["quantity"].eq(_quantity(grouping))]


def _counted(summed: pd.DataFrame, grouping: str, exit_name: str) -> pd.DataFrame:
    return _select(summed, grouping, exit_name)


def _plotted(checked: pd.DataFrame, month: int) -> pd.DataFrame:
    """The number of each level that is drawn, in percentage points from what is predicted."""
    rows = at_month(checked, month)
    rows = rows[rows["quantity"] == rows["grouping"].map(_quantity)]
    unit = np.where(rows["quantity"] == "exits", rows["n_rows"], 1) / 100
    ends = {name: (rows[name] - rows["predicted"]) / unit for name in ("lower", "upper")}
    outside = (rows["observed"] < rows["lower"]) | (rows["observed"] > rows["upper"])
    return rows.assign(apart=(rows["observed"] - rows["predicted"]) / unit, outside=outside, **ends)


# --- drawing ------------------------------------------------------------------------------------
def _row_of_panels(figure: Figure, top: float, size: float, n: int) -> list[Axes]:
    """Panels side by side, so many inches below the top and so high."""
    height, width = figure.get_figheight(), 0.915 / n
    return [
        figure.add_axes(
            (0.065 + k * width, 1 - (top + size) / height, width - 0.045, size / height)
        )
        for k in range(n)
    ]


def _curve(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Steps from month 0, at which nobody has left."""
    rows = rows.sort_values("month")
    month = np.append(0, rows["month"].to_numpy(dtype=np.int64))
    line = {
        name: np.append(0.0, 100 * rows[name].to_numpy(dtype=float))
        for name in ("observed", "lower", "upper")
    }
    panel.fill_between(
        month, line["lower"], line["upper"], step="post", color=colour, alpha=0.35, linewidth=0
    )
    panel.step(month, line["observed"], where="post", color=INK, linewidth=1.1)
    panel.set_xlim(0, month[-1])
    panel.set_ylim(bottom=0.0)
    panel.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, steps=[1, 2, 3, 6, 10]))
    panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))


def _differences(panel: Axes, rows: pd.DataFrame, colour: str, words: Words) -> None:
    grouping = rows["grouping"].iloc[0]
    if grouping not in _PERIODS:
        rows = rows.sort_values("apart")
    positions = np.arange(len(rows))
    width = float(np.clip(110 / len(rows), 0.8, 4.0))
    panel.vlines(positions, rows["lower"], rows["upper"], color=_BAR, linewidth=width)
    panel.axhline(0.0, color=INK, linewidth=0.7)
    deviations, outside = rows["apart"].to_numpy(dtype=float), rows["outside"].to_numpy(dtype=bool)
    for chosen, ink, size in ((~outside, _INSIDE, 2.0), (outside, colour, 3.6)):
        panel.plot(positions[chosen], deviations[chosen], "o", color=ink, markersize=size, mew=0)
    panel.set_xlim(-1, len(rows))
    panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    low, high = _limits(rows)
    panel.set_ylim(low - 0.2 * (high - low), high + 0.4 * (high - low))  # room for names
    if grouping in _PERIODS:
        _period_ticks(panel, rows["level"].tolist(), words)
    else:
        panel.set_xticks([])
        _extremes(panel, rows, words)


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """What is to be seen: bars of the levels with most of the rows, and all that lies outside."""
    ordered = rows.sort_values("n_rows", ascending=False)
    n_before = ordered["n_rows"].cumsum().shift(fill_value=0)
    large = ordered[n_before < _SEEN * ordered["n_rows"].sum()]
    outside = rows.loc[rows["outside"], "apart"]
    shown_values = np.array([0.0, *large["lower"], *large["upper"], *outside], dtype=float)
    shown_values = shown_values[np.isfinite(shown_values)]
    low, high = float(shown_values.min()), float(shown_values.max())
    return (low, high) if low < high else (-1.0, 1.0)


def _period_ticks(panel: Axes, levels: list[str], words: Words) -> None:
    """Names of some periods in the order of time; the smaller ones are the last."""
    named = [k for k, level in enumerate(levels) if level != POOLED]
    n_ticks = 4 if max(map(len, levels[:1])) <= 4 else 3
    ticks = np.unique(np.linspace(0, len(named) - 1, min(n_ticks, len(named))).round().astype(int))
    panel.set_xticks([named[k] for k in ticks], [levels[named[k]] for k in ticks], size=8)
    if POOLED in levels:
        panel.axvline(len(levels) - 1.5, color=_INSIDE, linewidth=0.6, linestyle=":")
        panel.annotate(
            words[POOLED],
            (len(levels) - 1, 0),
            (0, -17),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=GREY_INK,
            ha="right",
            va="top",
            size=7.5,
        )


def _extremes(panel: Axes, rows: pd.DataFrame, words: Words) -> None:
    """Names of the first and the last level, where these lie outside."""
    for k, side, shift in ((0, "left", -9), (len(rows) - 1, "right", 9)):
        row = rows.iloc[k]
        if row["outside"] and np.sign(row["apart"]) == (1 if k else -1):
            panel.annotate(
                words[POOLED] if row["level"] == POOLED else row["level"],
                (k, row["apart"]),
                (0, shift),
                textcoords="offset points",
                ha=side,
                va="center",
                size=7.5,
            )


def _corner(panel: Axes, counted: pd.DataFrame, words: Words) -> None:
    row = counted[counted["quantity"] == _quantity(counted["grouping"].iloc[0])].iloc[0]
    text = words["outside"].format(
        n=row["n_outside"],
        levels=row["n_levels"],
        expected=digits.number(row["n_expected"], -1, marks(words)),
    )
    paper = {"facecolor": "white", "linewidth": 0, "alpha": 0.85, "pad": 1.0}
    written = panel.text(0.02, 0.99, text, transform=panel.transAxes, va="top", size=8)
    written.set(color=GREY_INK, bbox=paper)


def grouping_in_words(name: str, words: Words) -> str:
    """A grouping in words, or its own name; a column may be called like another of the words."""
    return words[name] if name in _NAMED else name


def _title(grouping: str, words: Words, month: int) -> str:
    if grouping == ALL:
        return words["everybody"].format(units=words["units"])
    name = grouping_in_words(grouping, words)
    text = words["periods" if grouping in _PERIODS else "levels"]
    return text.format(
        Grouping=name[:1].upper() + name[1:],
        month=month,
        unit=words["unit"],
        units=unit_of(month, words),
    )


def _heading(panel: Axes, text: str) -> None:
    panel.annotate(
        text, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", va="bottom"
    )


def _key(panel: Axes, colour: str, words: Words) -> None:
    for height, key, ink in ((0.16, "observed", INK), (0.04, "replicated", colour)):
        panel.text(0.97, height, words[key], transform=panel.transAxes, color=ink, ha="right")


def _percent(share: float, words: Words) -> str:
    return digits.number(100 * share, -1, marks(words))


def _number(words: Words) -> mpl.ticker.Formatter:
    def text(value: float, _: int) -> str:
        whole = abs(value - round(value)) < 1e-6
        return digits.number(value, 0 if whole else -1, marks(words))

    return mpl.ticker.FuncFormatter(text)
