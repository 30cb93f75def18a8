"""What an arm of a scenario changes month by month, with feedback and without."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hazard import languages
from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import GREY, GREY_INK, INK, STYLE, exit_colours, last_digit, marks

_STOCK = "stock_change"
_PLACE = "all"
_HIGH, _FOOT = 2.55, 0.95
_ACROSS = 2


def scenario(
    estimates: pd.DataFrame,
    *,
    reference: str,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> Figure:
    """Extra exits and residents of every arm, compared with the first.

    Parameters
    ----------
    estimates : DataFrame
        Of :func:`hazard.studies.scenario.estimates`.
    reference : str
        Name of the first arm.
    labels : mapping of exit to text, optional
        Exits that are not in it keep their names.
    words : mapping, optional
        Texts, by the keys of ``figures.scenario`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch; a row of panels per arm.
    """
    words = words or languages.figure("scenario")
    plotted = _plotted(estimates)
    arms, names = list(plotted["arm"].unique()), list(plotted["name"].unique())
    colours = {**exit_colours(name for name in names if name != _STOCK), _STOCK: INK}
    across = min(len(names), _ACROSS)
    down = -(-len(names) // across)
    height = _HIGH * down * len(arms) + _FOOT
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        grid = figure.subplots(down * len(arms), across, squeeze=False)
        for row, arm in enumerate(arms):
            block = grid[row * down : (row + 1) * down].ravel()
            for axes, name in zip(block, names, strict=False):
                curve = plotted[(plotted["arm"] == arm) & (plotted["name"] == name)]
                _draw(axes, curve, colours[name], words)
                title = words["residents"] if name == _STOCK else (labels or {}).get(name, name)
                title = f"{words['arm'].format(arm=arm)}: {title}" if len(arms) > 1 else title
                axes.set_title(title, loc="left", weight="bold")
            for axes in block[len(names) :]:
                axes.remove()
        for axes in grid[-1]:
            axes.set_xlabel(words["month_axis"])
        figure.supylabel(words["axis"].format(reference=reference), x=0.012, fontsize=9)
        _foot(figure, plotted, height, words)
        figure.subplots_adjust(
            left=0.095,
            right=0.985,
            top=1 - 0.32 / height,
            bottom=_FOOT / height,
            wspace=0.16,
            hspace=0.38,
        )
    return figure


def scenario_text(
    estimates: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`scenario`: families more, or fewer, in the last month.

    Returns
    -------
    str
        One sentence per arm.
    """
    words = words or languages.figure("scenario")
    plotted = _plotted(estimates)
    last = plotted[plotted["month"] == plotted["month"].max()]
    lines = []
    for arm, rows in last.groupby("arm", sort=False):
        numbers = []
        for name, versions in rows.groupby("name", sort=False):
            by_version = {row["version"]: _number(row, words) for _, row in versions.iterrows()}
            title = words["residents"] if name == _STOCK else (labels or {}).get(str(name), name)
            numbers.append(words["number"].format(name=title, **by_version))
        month = int(rows["month"].iloc[0])
        lines.append(words["text"].format(arm=arm, month=month, numbers="; ".join(numbers)))
    return " ".join(lines)


def _plotted(estimates: pd.DataFrame) -> pd.DataFrame:
    kinds = estimates["quantity"].isin(["extra_exits", _STOCK])
    versions = estimates["version"].isin(["naive", "feedback"])
    selected = estimates[kinds & versions & (estimates["place"] == _PLACE)]
    return selected.assign(
        name=selected["exit"].astype(object).where(selected["exit"].notna(), _STOCK)
    )


def _draw(axes: Axes, rows: pd.DataFrame, ink: str, words: Words) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    feedback = rows[rows["version"] == "feedback"].sort_values("month")
    naive = rows[rows["version"] == "naive"].sort_values("month")
    month = feedback["month"].to_numpy(dtype=float)
    low, high = feedback["lower"].to_numpy(float), feedback["upper"].to_numpy(float)
    axes.fill_between(month, low, high, color=ink, alpha=0.15, linewidth=0)
    axes.plot(month, feedback["estimate"].to_numpy(float), color=ink, linewidth=1.8)
    axes.plot(
        naive["month"].to_numpy(dtype=float),
        naive["estimate"].to_numpy(float),
        color=INK,
        linestyle="--",
        linewidth=1.2,
    )
    axes.set_xlim(1, max(float(month.max()), 2.0))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True, steps=[1, 2, 3, 6, 10]))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(partial(_tick, axes, marks(words))))


def _tick(axes: Axes, mark: digits.Marks, value: float, _: int) -> str:
    """A tick with as many decimals as the distance of the ticks has."""
    return digits.signed(value, last_digit(axes.get_yticks()), mark)


def _foot(figure: Figure, plotted: pd.DataFrame, height: float, words: Words) -> None:
    level = digits.number(100 * float(plotted["ci_prob"].iloc[0]), 0, marks(words))
    keys = [
        Line2D([], [], color=GREY_INK, linewidth=1.8, label=words["feedback"]),
        Line2D([], [], color=INK, linestyle="--", linewidth=1.2, label=words["naive"]),
        Patch(color=GREY, alpha=0.3, linewidth=0, label=words["band"].format(ci=level)),
    ]
    figure.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0.085, 0.2 / height),
        ncols=len(keys),
        frameon=False,
        fontsize=8,
    )
    figure.text(0.095, 0.08 / height, words["note"], color=GREY_INK, va="bottom", fontsize=8)


def _number(row: pd.Series, words: Words) -> str:
    power = digits.place(-1, float(row["mcse"]))
    low, middle, high = (
        digits.signed(float(row[name]), power, marks(words))
        for name in ("lower", "estimate", "upper")
    )
    return f"{middle} ({low} {marks(words).to} {high})"
