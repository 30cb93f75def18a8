"""What share is still there, and has left through each exit, by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hazard import languages, units
from hazard.languages import ENGLISH, Words
from hazard.output import digits
from hazard.output.figures.style import GREY_INK, INK, STYLE, exit_colours, marks

_LEAST = 10
_MOST_BANDS = 4
_KEYS_ACROSS = 6
_PALETTE = ("#0072B2", "#B84A00", "#00734F", "#A2457F", "#6F5200", "#3d3d3d")
_LINES: tuple[Literal["-"], Literal["--"]] = ("-", "--")
Look = tuple[str, Literal["-", "--"]]
"""Colour and kind of a line."""


def survival_words(period: str = "month", code: str = ENGLISH) -> Words:
    """Words of the figure in a language, for a panel in this unit of time.

    Examples
    --------
    >>> words = survival_words("day", "nb")
    >>> words["month_axis"].format(Units=words["units"].capitalize())
    'Dager under risiko'
    """
    one, several, _ = languages.unit(period, code)
    time = {"period": period, "unit": one, "units": several}
    return {**languages.figure("survival", code), **time}


def survival_curves(
    incidence: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> Figure:
    """Share still there by Kaplan-Meier, and left through each exit by Aalen-Johansen.

    Parameters
    ----------
    incidence : DataFrame
        Columns of ``incidence`` of :class:`hazard.studies.classical.Classical`. Where there are
        groups, these are shown and the whole is not; without groups each exit also has one less the
        Kaplan-Meier of the exit, to show that it is not the share that leaves.
    labels : mapping of exit to text, optional
        Exits that are not in it keep their names.
    words : mapping, optional
        Of :func:`survival_words`, by default in English and for months.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or survival_words()
    plotted = _plotted(incidence)
    panels = list(_panels(plotted))
    across = len(panels) if len(panels) <= 3 else 2
    down = -(-len(panels) // across)
    colours = _colours(plotted)
    keys = _keys(plotted, colours, words)
    foot = 0.85 + 0.2 * -(-len(keys) // _KEYS_ACROSS)
    height = 2.6 * down + foot
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        grid = figure.subplots(down, across, squeeze=False, sharex=True)
        for axes, name in zip(grid.flat, panels, strict=False):
            _draw(axes, plotted[plotted["exit"] == name], colours)
            _format(axes, words)
            title = words["any"] if name == "any" else (labels or {}).get(name, name)
            axes.set_title(title, loc="left", weight="bold")
        for axes in grid.flat[len(panels) :]:
            axes.remove()
        for axes in grid.flat[max(0, len(panels) - across) : len(panels)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(words["month_axis"].format(Units=words["units"].capitalize()))
        for row in grid:
            row[0].set_ylabel(words["share_axis"])
        figure.text(0.075, 0.015, _note(plotted, words), color=GREY_INK, va="bottom", fontsize=8)
        figure.legend(
            handles=keys,
            loc="lower left",
            bbox_to_anchor=(0.065, 0.2 / height),
            ncols=_KEYS_ACROSS,
            frameon=False,
        )
        figure.subplots_adjust(
            left=0.075,
            right=0.98,
            top=1 - 0.32 / height,
            bottom=foot / height,
            wspace=0.16,
            hspace=0.34,
        )
    return figure


def survival_curves_text(
    incidence: pd.DataFrame,
    *,
    months: tuple[int, ...] | None = None,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`survival_curves`: percent after some periods, group by group.

    Parameters
    ----------
    incidence : DataFrame
        As of :func:`survival_curves`.
    months : tuple of int, optional
        By default those of :func:`hazard.units.headline`, in the unit of the words. A curve that
        ends before all of them is reported at its end.
    labels, words : mapping
        As for :func:`survival_curves`.

    Returns
    -------
    str
        One sentence per panel, with months in which somebody is at risk.
    """
    words = words or survival_words()
    plotted = _plotted(incidence)
    plotted = plotted[~_is_other(plotted)]
    last = int(plotted["month"].max())
    printed_months = units.headline(last, words["period"]) if months is None else months
    lines = []
    for name in _panels(plotted):
        groups = []
        for group, curve in plotted[plotted["exit"] == name].groupby("group", sort=False):
            reached = curve[curve["month"].isin(printed_months)]
            marked = (reached if len(reached) else curve.nlargest(1, "month")).sort_values("month")
            numbers = ", ".join(_percent(row, words) for _, row in marked.iterrows())
            named = words["all"] if group == "all" else str(group)
            groups.append(words["group"].format(group=named, months=numbers))
        exit_name = (labels or {}).get(name, name)
        title = words["any"] if name == "any" else words["left"].format(exit=exit_name)
        lines.append(words["text"].format(title=title, groups="; ".join(groups)))
    return " ".join(lines)


def _percent(row: pd.Series, words: Words) -> str:
    value = digits.Estimate(float(row["estimate"]), float(row["lower"]), float(row["upper"]), 0.0)
    percent = digits.percent(value, marks(words))
    return words["month"].format(unit=words["unit"], month=int(row["month"]), percent=percent)


def _min_at_risk(rows: pd.DataFrame) -> int:
    """Persons at risk that a line needs: ten, or one where there never are ten."""
    return _LEAST if bool((rows["n_at_risk"] >= _LEAST).any()) else 1


def _plotted(incidence: pd.DataFrame) -> pd.DataFrame:
    groups = incidence["group"] != "all"
    selected = incidence[groups] if groups.any() else incidence
    exit_ = selected["exit"] != "any"
    if groups.any():
        selected = selected[~(exit_ & (selected["estimator"] == "Kaplan-Meier"))]
    return selected[selected["n_at_risk"] >= _min_at_risk(selected)]


def _panels(plotted: pd.DataFrame) -> list[str]:
    names = [str(name) for name in plotted["exit"].unique()]
    return ["any", *(name for name in names if name != "any")]


def _is_other(plotted: pd.DataFrame) -> pd.Series:
    """Rows of an exit by Kaplan-Meier."""
    return (plotted["exit"] != "any") & (plotted["estimator"] == "Kaplan-Meier")


def _colours(plotted: pd.DataFrame) -> dict[tuple[str, str], Look]:
    """Colour and line of every exit and group."""
    groups, exits = list(plotted["group"].unique()), _panels(plotted)
    if groups == ["all"]:
        by_exit = exit_colours(name for name in exits if name != "any") | {"any": INK}
        return {(name, "all"): (by_exit[name], "-") for name in exits}
    looks = {
        group: (_PALETTE[index % len(_PALETTE)], _LINES[index // len(_PALETTE)])
        for index, group in enumerate(groups)
    }
    return {(name, group): looks[group] for name in exits for group in groups}


def _draw(axes: Axes, rows: pd.DataFrame, colours: Mapping[tuple[str, str], Look]) -> None:
    by_kaplan_meier = _is_other(rows)
    banded = _has_bands(rows)
    for (name, group), curve in rows[~by_kaplan_meier].groupby(["exit", "group"], sort=False):
        ink, line = colours[str(name), str(group)]
        month, low, middle, high = _from_zero(curve, 1.0 if name == "any" else 0.0)
        axes.step(month, middle, where="post", color=ink, linestyle=line, linewidth=1.6)
        if banded:
            axes.fill_between(month, low, high, step="post", color=ink, alpha=0.13, linewidth=0)
    if by_kaplan_meier.any():
        month, _, middle, _ = _from_zero(rows[by_kaplan_meier], 1.0)
        axes.step(month, 1 - middle, where="post", color=GREY_INK, linestyle=":", linewidth=1.4)


def _keys(
    plotted: pd.DataFrame,
    colours: Mapping[tuple[str, str], Look],
    words: Words,
) -> list[Line2D]:
    """Lines of the legend: groups, or the two estimators."""
    if set(plotted["group"]) == {"all"}:
        keys = [Line2D([], [], color=INK, linewidth=1.6, label=words["whole"])]
        if _is_other(plotted).any():
            keys.append(Line2D([], [], color=GREY_INK, linestyle=":", label=words["one_minus"]))
        return keys
    looks = {group: look for (_, group), look in colours.items()}
    return [
        Line2D([], [], color=ink, linestyle=line, linewidth=1.6, label=group)
        for group, (ink, line) in looks.items()
    ]


def _from_zero(curve: pd.DataFrame, start: float) -> list[np.ndarray]:
    """Columns as arrays from the month before the first."""
    ordered = curve.sort_values("month")
    month = ordered["month"].to_numpy(dtype=float)
    month = np.append(month[0] - 1, month)
    names = ("lower", "estimate", "upper")
    return [month, *(np.append(start, ordered[name].to_numpy(dtype=float)) for name in names)]


def _format(axes: Axes, words: Words) -> None:
    axes.set_xlim(left=0)
    axes.set_ylim(0, min(1.0, axes.get_ylim()[1]))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, steps=[1, 2, 3, 6, 10]))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    mark = marks(words)
    axes.yaxis.set_major_formatter(
        mpl.ticker.FuncFormatter(lambda value, _: digits.number(100 * value, 0, mark))
    )


def _has_bands(plotted: pd.DataFrame) -> bool:
    """Whether bands can be told apart."""
    return bool(plotted["group"].nunique() <= _MOST_BANDS)


def _note(plotted: pd.DataFrame, words: Words) -> str:
    note = words["note"].format(least=_min_at_risk(plotted))
    if _has_bands(plotted):
        level = digits.number(100 * float(plotted["ci_prob"].iloc[0]), 0, marks(words))
        note = f"{note} {words['bands'].format(ci=level)}"
    return note
