"""Tidy tables -> one axes of matplotlib each, for a notebook; no words but the columns' own.

The figures of a brief are in :mod:`hazard.output.figures`; here whoever plots decides on size,
labels and language, as with any axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from hazard.errors import UsageError, did_you_mean
from hazard.output.figures.style import GREY_INK, INK, exit_colours
from hazard.output.simultaneous import BAND
from hazard.output.tables import HAZARD_MODEL

_WIDTH = 0.5  # of the places of all exits at one lag
_COUNTED = "Aalen-Johansen"
_BAND = "#ececec"
_STATUS = {"same": INK, "undecided": "#9a9a9a", "changed": "#c23b22"}
_LINES = {"with": "-", "without": "--", "always": "-", "never": "--", "observed": "-"}


def lags(estimates: pd.DataFrame, term: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Coefficient of an event at every lag, with intervals and bands, exit by exit.

    A dark bar is the interval of a lag by itself, a light one the band of the whole curve.

    Parameters
    ----------
    estimates : DataFrame
        As of a fit.
    term : str, optional
        A lagged term; the first by default.
    ax : Axes, optional
        To draw on; a new one by default.

    Raises
    ------
    UsageError
        If the estimates have no such term.
    """
    rows = estimates[estimates["quantity"].eq("lag_coefficient")]
    rows = rows[rows["estimator"].eq(HAZARD_MODEL) & rows["level"].isna()]
    name = chosen("term", term, list(rows["term"].dropna().unique()))
    rows = rows[rows["term"].eq(name)]
    axes = _axes(ax)
    exits = list(rows["exit"].unique())
    offsets = np.linspace(-_WIDTH / 2, _WIDTH / 2, len(exits)) if len(exits) > 1 else [0.0]
    for shift, (exit_name, colour) in zip(offsets, exit_colours(exits).items(), strict=True):
        curve = rows[rows["exit"].eq(exit_name)].sort_values("lag")
        lower, middle, upper = (_floats(curve, part) for part in ("lower", "estimate", "upper"))
        lag = _floats(curve, "lag") + shift
        outer_lower, outer_upper = (_floats(curve, part) for part in BAND[:2])
        axes.vlines(lag, outer_lower, outer_upper, color=colour, linewidth=5.0, alpha=0.25)
        axes.vlines(lag, lower, upper, color=colour, linewidth=1.5)
        axes.plot(lag, middle, "o", color=colour, label=exit_name)
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=0)
    axes.set(xlabel=f"lag of {name}", ylabel=str(rows["unit"].iloc[0]))
    axes.set_xticks(sorted(set(rows["lag"].astype(int))))
    _legend(axes, "95 %; dark: each lag, light: the whole curve")
    return axes


def incidence(estimates: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Cumulative incidence of every exit, with its interval: of each arm where there are two.

    Parameters
    ----------
    estimates : DataFrame
        As of a fit: the incidence of the first estimand. Without
        one of the model, what was counted is drawn.
    ax : Axes, optional
    """
    incidences = estimates[estimates["quantity"].eq("cumulative_incidence")]
    modelled = incidences[incidences["estimator"].eq(HAZARD_MODEL)]
    rows = modelled if len(modelled) else incidences[incidences["estimator"].eq(_COUNTED)]
    rows = rows[rows["level"].isna()]
    estimands = rows["estimand"].dropna()
    rows = rows[rows["estimand"].eq(estimands.iloc[0])] if len(estimands) else rows
    axes = _axes(ax)
    colours = exit_colours(list(rows["exit"].unique()))
    for (exit_name, arm), curve in rows.groupby(["exit", "arm"], sort=False):
        ordered = curve.sort_values("month")
        month = np.append(0.0, _floats(ordered, "month"))
        lower, middle, upper = (
            np.append(0.0, _floats(ordered, part)) for part in ("lower", "estimate", "upper")
        )
        colour, line = colours[str(exit_name)], _LINES.get(str(arm), ":")
        label = str(exit_name) if arm == "observed" else f"{exit_name}, {arm}"
        axes.plot(month, middle, label=label, color=colour, linestyle=line)
        axes.fill_between(month, lower, upper, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="month", ylabel="cumulative incidence", xlim=(0, None), ylim=(0, None))
    _legend(axes)
    return axes


def predictive(checked: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Cumulative incidence of everybody as observed, over that of the replicates of the model.

    Parameters
    ----------
    checked : DataFrame
        The predictive check of a fit.
    ax : Axes, optional
    """
    rows = checked[checked["quantity"].eq("cumulative_incidence") & checked["grouping"].eq("all")]
    axes = _axes(ax)
    for exit_name, colour in exit_colours(list(rows["exit"].unique())).items():
        curve = rows[rows["exit"].eq(exit_name)].sort_values("month")
        month = _floats(curve, "month")
        band = _floats(curve, "lower"), _floats(curve, "upper")
        axes.fill_between(month, *band, color=colour, alpha=0.25, linewidth=0)
        axes.plot(month, _floats(curve, "observed"), color=colour, label=exit_name)
    axes.set(xlabel="month", ylabel="cumulative incidence", xlim=(0, None), ylim=(0, None))
    _legend(axes, "line: observed; band: 95 % of the replicates")
    return axes


def priors(intervals: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Interval of every coefficient before and after the rows were seen.

    Parameters
    ----------
    intervals : DataFrame
        One row per coefficient: ``label``, ``exit``, ``prior_lower``, ``prior_upper``, ``lower``,
        ``estimate``, ``upper``.
    ax : Axes, optional
    """
    axes = _axes(ax)
    exits = list(intervals["exit"].unique())
    labels = list(dict.fromkeys(intervals["label"]))
    offsets = np.linspace(-_WIDTH / 2, _WIDTH / 2, len(exits)) if len(exits) > 1 else [0.0]
    for shift, (exit_name, colour) in zip(offsets, exit_colours(exits).items(), strict=True):
        rows = intervals[intervals["exit"].eq(exit_name)]
        x = np.array([labels.index(label) for label in rows["label"]]) + shift
        prior_interval = _floats(rows, "prior_lower"), _floats(rows, "prior_upper")
        axes.vlines(x, *prior_interval, color="#d0d0d0", linewidth=5)
        axes.vlines(x, _floats(rows, "lower"), _floats(rows, "upper"), color=colour)
        axes.plot(x, _floats(rows, "estimate"), "o", color=colour, label=exit_name)
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=0)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylabel("coefficient")
    _legend(axes, "grey: 95 % of the prior; coloured: of the posterior")
    return axes


def groups(effects: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Effect of every level of a group on one exit, in the order of their size.

    Parameters
    ----------
    effects : DataFrame
        One row per level: ``level``, ``lower``, ``estimate``, ``upper``.
    ax : Axes, optional
    """
    axes = _axes(ax)
    ordered = effects.sort_values("estimate", ignore_index=True)
    y = np.arange(len(ordered))
    axes.hlines(y, _floats(ordered, "lower"), _floats(ordered, "upper"), color=GREY_INK)
    axes.plot(_floats(ordered, "estimate"), y, "o", color=INK, markersize=4)
    axes.axvline(0.0, color=INK, linewidth=0.8, zorder=0)
    axes.set_yticks(y, [str(level) for level in ordered["level"]])
    return axes


def sensitivity(sums: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Sum over the lags of one term under every lag prior, with intervals.

    Parameters
    ----------
    sums : DataFrame
        Of one term, exit and engine; the first row is that of the model's own priors, whose
        interval is the grey band. Columns ``prior``, ``multiple``, ``estimate``, ``lower``,
        ``upper``, ``unit``, ``status``.
    ax : Axes, optional
        To draw on; by default a new one, a fifth of an inch high per prior.
    """
    rows = sums.reset_index(drop=True)
    axes = plt.subplots(figsize=(6.4, 1.5 + 0.2 * len(rows)))[1] if ax is None else ax
    axes.axvspan(*_floats(rows.iloc[[0]], "lower"), *_floats(rows.iloc[[0]], "upper"), color=_BAND)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for status, colour in _STATUS.items():
        lines = rows[rows["status"].eq(status)]
        axes.hlines(lines.index, _floats(lines, "lower"), _floats(lines, "upper"), color=colour)
        axes.plot(_floats(lines, "estimate"), lines.index, "o", color=colour, label=status)
    names = rows["prior"] + [
        "" if pd.isna(multiple) else f" ×{multiple:g}" for multiple in rows["multiple"]
    ]
    axes.set_yticks(rows.index, names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"sum over the lags, {rows['unit'].iloc[0]}")
    _legend(axes, "conclusion, beside that under the first prior")
    return axes


def chosen(kind: str, name: str | None, names: Sequence[str]) -> str:
    """One of the names that there are; the first by default.

    Raises
    ------
    UsageError
        If there is none, or not this one.

    Examples
    --------
    >>> chosen("term", None, ["visit", "talk"])
    'visit'
    """
    if not names:
        raise UsageError(f"fit has no {kind} of this kind; choose another plot.")
    if name is None:
        return names[0]
    if name not in names:
        raise UsageError(
            f"{kind} must be one of {list(names)}; got {name!r}.{did_you_mean(name, names)}"
        )
    return name


def _legend(axes: Axes, title: str | None = None) -> None:
    """Legend above the axes, where no line is."""
    axes.legend(title=title, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots()[1] if ax is None else ax


def _floats(rows: pd.DataFrame, column: str) -> np.ndarray:
    return rows[column].to_numpy(dtype=float, na_value=np.nan)
