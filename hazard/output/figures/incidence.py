"""Cumulative incidence per exit, with and without an event, and their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import (
    GREY_INK,
    INK,
    STYLE,
    exit_colours,
    exit_sentence,
    marks,
    run_words,
    unit_of,
)

_OBSERVED = "Aalen-Johansen"


def incidence(
    curves: pd.DataFrame, *, labels: Mapping[str, str], words: Words | None = None
) -> Figure:
    """Share that has left through each exit, month by month, in each arm.

    Parameters
    ----------
    curves : DataFrame
        Rows ``cumulative_incidence`` and ``risk_difference`` of an estimates table, up to the last
        month to show. One column of panels per exit; differences, where there are any, below.
    labels : mapping of exit to text
        Exits that are not in it keep their names.
    words : mapping, optional
        Of :func:`run_words`, by default in English, for months and odds.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or run_words()
    exits = list(curves["exit"].unique())
    contrast = curves[curves["quantity"] == "risk_difference"]
    rows = 2 if len(contrast) else 1
    height = 0.85 + 2.5 * rows - (0.4 if rows == 2 else 0.0)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        grid = figure.subplots(
            rows, len(exits), sharex=True, squeeze=False, height_ratios=[5, 4][:rows]
        )
        for panel, (name, colour) in zip(grid[0], exit_colours(exits).items(), strict=True):
            shares = curves[
                (curves["exit"] == name) & (curves["quantity"] == "cumulative_incidence")
            ]
            _arms(panel, shares, colour, words)
            panel.set_title(labels.get(name, name), loc="left", weight="bold")
        for panel, (name, colour) in zip(grid[1:].flat, exit_colours(exits).items(), strict=False):
            _difference(panel, contrast[contrast["exit"] == name], colour)
        _axes(grid, words)
        figure.subplots_adjust(
            left=0.075,
            right=0.925,
            top=1 - 0.35 / height,
            bottom=0.5 / height,
            wspace=0.62,
            hspace=0.16,
        )
    return figure


def incidence_text(
    curves: pd.DataFrame,
    *,
    months: Sequence[int],
    labels: Mapping[str, str],
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`incidence`: percent in each arm after some months.

    Returns
    -------
    str
        One sentence per exit.
    """
    words = words or run_words()
    modelled = curves[curves["estimator"] != _OBSERVED]
    plotted = modelled if len(modelled) else curves
    lines = []
    for name, rows in plotted.groupby("exit", sort=False):
        shares = rows[rows["quantity"] == "cumulative_incidence"]
        parts = [
            words["incidence_text"].format(
                month=month,
                units=unit_of(month, words),
                arms=_arms_text(shares[shares["month"] == month], words),
            )
            for month in months
        ]
        lines.append(exit_sentence(name, parts, labels))
    return " ".join(lines)


def _arms_text(rows: pd.DataFrame, words: Words) -> str:
    numbers = rows[["estimate", "lower", "upper", "mcse"]].astype(float)
    arms = zip(rows["arm"], rows["estimator"], numbers.itertuples(index=False), strict=True)
    return ", ".join(
        f"{words[_word(arm, estimator)]} {digits.percent(digits.Estimate(*row), marks(words))}"
        for arm, estimator, row in arms
    )


def _word(arm: str, estimator: str) -> str:
    if estimator == _OBSERVED:
        return "panel"
    return "model" if arm == "observed" else arm


def _arms(panel: Axes, curves: pd.DataFrame, colour: str, words: Words) -> None:
    looks = {
        "panel": (INK, ":", 1.2),
        "without": (GREY_INK, "--", 1.5),
        "with": (colour, "-", 1.8),
        "model": (colour, "-", 1.8),
    }
    ends: list[tuple[float, str, str]] = []
    last = 0.0
    for (estimator, arm), curve in curves.groupby(["estimator", "arm"], sort=False):
        word = _word(str(arm), str(estimator))
        ink, line, width = looks[word]
        month, low, middle, high = _from_zero(curve)
        panel.plot(month, middle, color=ink, linestyle=line, linewidth=width)
        if word != "panel":
            panel.fill_between(month, low, high, color=ink, alpha=0.16, linewidth=0)
        ends.append((middle[-1], words[word], ink))
        last = max(last, month[-1])
    panel.set_ylim(bottom=0.0, top=1.12 * panel.get_ylim()[1])  # room for three end labels
    _end_labels(panel, ends, last)


def _difference(panel: Axes, curve: pd.DataFrame, colour: str) -> None:
    month, low, middle, high = _from_zero(curve)
    panel.axhline(0.0, color=INK, linewidth=0.8)
    panel.plot(month, middle, color=colour, linewidth=1.8)
    panel.fill_between(month, low, high, color=colour, alpha=0.2, linewidth=0)


def _from_zero(curve: pd.DataFrame) -> list[np.ndarray]:
    """Columns as arrays, from month 0, at which nobody has left."""
    ordered = curve.sort_values("month")
    names = ("month", "lower", "estimate", "upper")
    return [np.append(0.0, ordered[name].to_numpy(dtype=float)) for name in names]


def _end_labels(panel: Axes, labels: list[tuple[float, str, str]], last: float) -> None:
    """Name each line at its end, no two names closer than a line of text."""
    low, high = panel.get_ylim()
    gap = 0.085 * (high - low)
    floor = -np.inf
    for height, text, ink in sorted(labels):
        label_height = max(height, floor + gap)
        floor = label_height
        panel.annotate(
            text,
            (last, label_height),
            (4, 0),
            textcoords="offset points",
            color=ink,
            va="center",
            annotation_clip=False,
        )


def _axes(grid: np.ndarray, words: Words) -> None:
    for row, key in zip(grid, ("share_axis", "difference_axis"), strict=False):
        row[0].set_ylabel(words[key])
        for panel in row:
            panel.set_xlim(left=0)
            panel.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, steps=[1, 2, 3, 6, 10]))
            panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
            panel.yaxis.set_major_formatter(_percent_text(words))
    for panel in grid[-1]:
        panel.set_xlabel(words["month_axis"])


def _percent_text(words: Words) -> mpl.ticker.Formatter:
    def text(value: float, _: int) -> str:
        whole = abs(100 * value - round(100 * value)) < 1e-6
        return digits.number(100 * value, 0 if whole else -1, marks(words))

    return mpl.ticker.FuncFormatter(text)
