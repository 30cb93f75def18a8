"""What priors of lag curves say before any row is seen: as ratios, and as probabilities."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from hazard.output.figures.style import GREY, GREY_INK, INK, STYLE

_RATIOS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_WIDE, _NARROW = 1.2, 5.0
_LABELLED_LAGS = 8


def prior(summary: pd.DataFrame, *, unit: str = "month") -> Figure:
    """What the prior of every lag curve says of one event.

    Parameters
    ----------
    summary : DataFrame
        Of :func:`hazard.predictive.prior_predictive`, of a model with lagged terms.
    unit : str
        Of time.

    Returns
    -------
    Figure
        One row per lagged term. Left the ratio that one event gives at each lag, and of all lags
        together; in the middle what it adds to the probability of a period, in percentage points;
        right what an event in the first period adds to the incidence of every exit. Thin lines are
        95 percent of the draws, thick ones 50 percent, points medians. The exits of one term have
        the same prior: left and in the middle is the first of them.
    """
    terms = list(summary.loc[summary["quantity"].str.endswith("_ratio"), "term"].unique())
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, 0.7 + 1.75 * len(terms)))
        grid = figure.subplots(len(terms), 3, squeeze=False)
        for (ratios, points, differences), term in zip(grid, terms, strict=True):
            of_term = summary[summary["term"] == term]
            _ratios(ratios, of_term)
            _points(points, of_term, unit)
            _differences(differences, of_term, unit)
            ratios.set_title(str(term), loc="left", weight="bold")
        for panel in grid[-1][:2]:
            panel.set_xlabel(f"{unit}s since the event")
        figure.tight_layout(w_pad=2.0)
    return figure


def _ratios(axes: Axes, of_term: pd.DataFrame) -> None:
    rows = of_term[of_term["quantity"].str.endswith("_ratio")]
    rows = rows[rows["exit"] == rows["exit"].iloc[0]]
    lags = rows[rows["lag"].notna()].sort_values("lag")
    whole = rows[rows["lag"].isna()]
    x = lags["lag"].to_numpy(dtype=float)
    _bars(axes, x, lags)
    end = float(x.max()) + max(1.5, 0.12 * len(x))
    _bars(axes, np.array([end]), whole)
    axes.axhline(1.0, color=INK, linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    low, high = rows["p2_5"].min() / 1.3, rows["p97_5"].max() * 1.3
    axes.set_ylim(low, high)
    shown = [ratio for ratio in _RATIOS if low <= ratio <= high]
    axes.yaxis.set_major_locator(FixedLocator(shown))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([f"{ratio:g}" for ratio in shown])
    axes.set_ylabel(str(rows["unit"].iloc[0]))
    ticks = _ticks(x)
    axes.set_xticks([*ticks, end], [*(f"{tick:g}" for tick in ticks), "sum"])


def _points(axes: Axes, of_term: pd.DataFrame, unit: str) -> None:
    rows = of_term[of_term["quantity"] == "monthly_probability_difference"]
    rows = rows[rows["exit"] == rows["exit"].iloc[0]].sort_values("lag")
    x = rows["lag"].to_numpy(dtype=float)
    _bars(axes, x, rows, factor=100.0)
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=0)
    axes.set_xticks(_ticks(x))
    axes.set_ylabel(f"points a {unit}")


def _differences(axes: Axes, of_term: pd.DataFrame, unit: str) -> None:
    rows = of_term[of_term["quantity"] == "risk_difference"]
    if not len(rows):
        axes.set_axis_off()
        return
    y = np.arange(len(rows))[::-1].astype(float)
    ends = {
        name: 100 * rows[name].to_numpy(dtype=float)
        for name in ("p2_5", "p25", "p50", "p75", "p97_5")
    }
    axes.hlines(y, ends["p2_5"], ends["p97_5"], color=GREY, linewidth=_WIDE)
    axes.hlines(y, ends["p25"], ends["p75"], color=GREY, linewidth=_NARROW)
    axes.plot(ends["p50"], y, "o", color=GREY_INK, markersize=4)
    axes.axvline(0.0, color=INK, linewidth=0.8, zorder=0)
    axes.set_yticks(y, [str(name) for name in rows["exit"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(f"points after {int(rows['month'].iloc[0])} {unit}s")


def _bars(axes: Axes, x: Any, rows: pd.DataFrame, *, factor: float = 1.0) -> None:
    """95 and 50 percent of the draws, and their median, of every row."""
    ends = {
        name: factor * rows[name].to_numpy(dtype=float)
        for name in ("p2_5", "p25", "p50", "p75", "p97_5")
    }
    axes.vlines(x, ends["p2_5"], ends["p97_5"], color=GREY, linewidth=_WIDE)
    axes.vlines(x, ends["p25"], ends["p75"], color=GREY, linewidth=_NARROW)
    axes.plot(x, ends["p50"], "o", color=GREY_INK, markersize=4)


def _ticks(lags: Any) -> list[float]:
    """All lags, or every so many of them where there is no room for all."""
    step = -(-len(lags) // _LABELLED_LAGS)
    return [float(lag) for lag in lags[::step]]


def prior_text(summary: pd.DataFrame) -> str:
    """The sums over the lags in words, one sentence per term."""
    rows = summary[summary["quantity"].str.endswith("_ratio") & summary["lag"].isna()]
    first = rows[rows["exit"] == rows["exit"].iloc[0]]
    return "\n".join(
        f"{row.term}: all lags together, {row.unit} from {row.p2_5:.2g} to {row.p97_5:.2g} in 95 "
        "percent of the draws."
        for row in first.itertuples()
    )
