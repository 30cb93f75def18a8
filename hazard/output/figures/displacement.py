"""What an event adds to each exit month by month, and by the level of a group at the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
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

_HUNDRED = 100.0
_NUMBERS = ["estimate", "lower", "upper", "mcse"]
_NEAR = 0.16  # of the width of a panel: two numbers need as much
_EXACT = 1e-9  # a tick is a round number but for its last bits
_TICKS = 12  # months that can be named along a panel
_FEWEST = 2  # panels a page wide; one alone would be stretched


def more_or_earlier(
    curves: pd.DataFrame,
    *,
    ends: Sequence[int],
    labels: Mapping[str, str],
    words: Words | None = None,
) -> Figure:
    """Difference in cumulative incidence between two arms, month by month, one panel per exit.

    Parameters
    ----------
    curves : DataFrame
        Rows ``risk_difference`` of one pair of arms from an estimates table, for every month up to
        the horizon, with ``lower_50`` and ``upper_50``. They are drawn per 100, from 0 in month 0.
    ends : sequence of int
        Months with a vertical line and the number there: the end of the window of the event, where
        that is before the horizon, and the horizon.
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
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, 3.1))
        grid = _panels(figure, len(exits))
        for panel, (name, colour) in zip(grid, exit_colours(exits).items(), strict=True):
            curve = curves[curves["exit"] == name].sort_values("month")
            _curve(panel, curve, colour)
            panel.set_title(labels.get(name, name), loc="left", weight="bold", pad=20)
            panel.set_xlabel(words["start_axis"])
            panel.set_xlim(0, max(ends))
            _ends(panel, curve[curve["month"].isin(list(ends))], colour, words)
            panel.set_xticks(_ticks(ends))
            _number_axis(panel.yaxis, words)
        grid[0].set_ylabel(words["hundred_axis"])
        figure.subplots_adjust(left=0.075, right=0.955, top=0.83, bottom=0.16, wspace=0.26)
    return figure


def more_or_earlier_text(
    curves: pd.DataFrame,
    *,
    ends: Sequence[int],
    labels: Mapping[str, str],
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`more_or_earlier`: the differences at the marked months.

    Returns
    -------
    str
        One sentence per exit.
    """
    words = words or run_words()
    lines = []
    for name, curve in curves.groupby("exit", sort=False):
        parts = [
            words["difference_text"].format(
                month=digits.number(month, 0, marks(words)),
                units=unit_of(month, words),
                difference=digits.points(_estimate(curve[curve["month"] == month]), marks(words)),
            )
            for month in ends
        ]
        lines.append(exit_sentence(name, parts, labels))
    return " ".join(lines)


def more_by_level(
    rows: pd.DataFrame, *, labels: Mapping[str, str], words: Words | None = None
) -> Figure:
    """Difference between two arms at one month for every level of a group, one panel per exit.

    Parameters
    ----------
    rows : DataFrame
        Rows ``risk_difference`` of one pair of arms and one month from an estimates table, with
        ``level`` in words. Levels are drawn per 100, from the top in the order of the rows; the
        first, which is everybody, has a dotted line through all others.
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
    exits, levels = list(rows["exit"].unique()), list(rows["level"].unique())
    height = 0.95 + 0.23 * len(levels)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        grid = _panels(figure, len(exits))
        for panel, (name, colour) in zip(grid, exit_colours(exits).items(), strict=True):
            _bars(panel, rows[rows["exit"] == name].set_index("level").loc[levels], colour)
            panel.set_title(labels.get(name, name), loc="left", weight="bold")
            panel.set_xlabel(words["hundred_axis"])
            _number_axis(panel.xaxis, words)
            panel.set_yticks(range(len(levels)), levels if panel is grid[0] else [])
            panel.set_ylim(len(levels) - 0.4, -0.6)
            panel.tick_params(axis="y", length=0)
        widest = max(len(level) for level in levels)
        figure.subplots_adjust(
            left=min(0.4, 0.02 + 0.0078 * widest),
            right=0.98,
            top=1 - 0.32 / height,
            bottom=0.52 / height,
            wspace=0.12,
        )
    return figure


def more_by_level_text(
    rows: pd.DataFrame, *, labels: Mapping[str, str], words: Words | None = None
) -> str:
    """Text alternative of :func:`more_by_level`: every difference with its interval.

    Returns
    -------
    str
        One sentence per exit.
    """
    words = words or run_words()
    lines = []
    for name, levels in rows.groupby("exit", sort=False):
        parts = [
            f"{level} {digits.points(_estimate(curve), marks(words))}"
            for level, curve in levels.groupby("level", sort=False)
        ]
        lines.append(exit_sentence(name, parts, labels))
    return " ".join(lines)


# --- parts of both ------------------------------------------------------------------------------
def _panels(figure: Figure, n: int) -> list[Axes]:
    """Panels side by side; where there are fewer than two the rest of the width stays empty."""
    [grid] = figure.subplots(1, max(n, _FEWEST), sharex=False, squeeze=False)
    for panel in grid[n:]:
        panel.remove()
    return list(grid[:n])


def _estimate(rows: pd.DataFrame) -> digits.Estimate:
    if not len(rows):
        return digits.NOT_KNOWN
    return digits.Estimate(*rows[_NUMBERS].astype(float).iloc[0].tolist())


def _number_axis(axis: Axis, words: Words) -> None:
    """Round numbers with their sign, all with as many decimals."""
    axis.set_major_locator(mpl.ticker.MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(_Signed(words))


class _Signed(mpl.ticker.Formatter):
    def __init__(self, words: Words) -> None:
        self._words = words

    def __call__(self, value: float, pos: int | None = None) -> str:
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        powers = (k for k in (0, -1, -2) if all(abs(round(v, -k) - v) < _EXACT for v in values))
        finest = next(powers, -3)
        return [digits.signed(value, finest, marks(self._words)) for value in values]


# --- months -------------------------------------------------------------------------------------
def _curve(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    percent = {
        name: np.append(0.0, _HUNDRED * rows[name].to_numpy(float))
        for name in ("estimate", "lower", "upper", "lower_50", "upper_50")
    }
    month = np.append(0.0, rows["month"].to_numpy(float))
    panel.axhline(0.0, color=INK, linewidth=0.8)
    for inner, alpha in (("", 0.16), ("_50", 0.3)):
        low, high = percent[f"lower{inner}"], percent[f"upper{inner}"]
        panel.fill_between(month, low, high, color=colour, alpha=alpha, linewidth=0)
    panel.plot(month, percent["estimate"], color=colour, linewidth=1.8)


def _ends(panel: Axes, rows: pd.DataFrame, colour: str, words: Words) -> None:
    """Vertical lines at the months of the rows, with the numbers of that month above them."""
    months = rows["month"].astype(float).tolist()
    close = len(months) > 1 and months[1] - months[0] < _NEAR * months[1]
    for index, (_, row) in enumerate(rows.iterrows()):
        month, e = float(row["month"]), _estimate(row.to_frame().T).times(_HUNDRED)
        panel.axvline(month, color=GREY_INK, linewidth=1.0, linestyle=(0, (1, 2)))
        panel.plot(month, e.estimate, "o", color=colour, markersize=5, clip_on=False, zorder=4)
        panel.annotate(
            digits.signed(e.estimate, digits.place(-1, e.mcse), marks(words)),
            (month, 1.0),
            (0, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=colour,
            ha=("right", "left")[index] if close else "center",
            va="bottom",
        )


def _ticks(ends: Sequence[int]) -> list[int]:
    """The marked months, and regular ones; of two that are too near, the marked and the later."""
    last = max(ends)
    marked = [end for end in ends if end == last or last - end >= last / _TICKS]
    step = next((k for k in (1, 2, 3, 6, 12, 24, 60, 120) if last / k <= 5), last)
    regular = [
        k for k in range(0, last, step) if all(abs(k - end) > last / _TICKS for end in marked)
    ]
    return sorted({*regular, *marked})


# --- levels -------------------------------------------------------------------------------------
def _bars(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    percent = {name: _HUNDRED * rows[name].to_numpy(float) for name in rows if _is_number(name)}
    height = np.arange(len(rows))
    panel.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
    panel.axvline(percent["estimate"][0], color=colour, linewidth=1.0, linestyle=":", zorder=1)
    panel.hlines(height, percent["lower"], percent["upper"], color=colour, linewidth=1.2)
    panel.hlines(height, percent["lower_50"], percent["upper_50"], color=colour, linewidth=3.6)
    faces = ["white", *[colour] * (len(rows) - 1)]
    panel.scatter(
        percent["estimate"], height, s=26, c=faces, edgecolors=colour, linewidths=1.4, zorder=3
    )


def _is_number(name: object) -> bool:
    return name in ("estimate", "lower", "upper", "lower_50", "upper_50")
