"""Lag curves of one exposure: three estimators, month by month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import GREY_INK, INK, STYLE, exit_colours, marks, run_words
from hazard.output.simultaneous import BAND

_RATIOS = (0.01, 0.03, 0.1, 0.25, 0.5, 1, 2, 4, 10, 30, 100)
_BAND_WIDTH, _BAND_ALPHA = 5.0, 0.25
_SHAPE = {"hazard model": "o", "multinomial logit": "s", "linear probability": "D"}


def lag_curves(
    curves: pd.DataFrame, *, labels: Mapping[str, str], words: Words | None = None
) -> Figure:
    """Change in each exit, by months since the event, according to each estimator.

    Parameters
    ----------
    curves : DataFrame
        Rows ``lag_coefficient`` of one exposure and network from an estimates table. Left, on one
        axis: hazard model and multinomial logit as ratios; a light bar is the simultaneous band of
        the curve, a dark one the interval of a lag by itself. Right: the linear probability model
        in percentage points. One row of panels per exit; estimates that are not finite are left
        out.
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
    height = 1.55 + 1.5 * len(exits)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        grid = figure.subplots(len(exits), 2, sharex=True, sharey="col", squeeze=False)
        for panels, (name, colour) in zip(grid, exit_colours(exits).items(), strict=True):
            rows = curves[curves["exit"] == name]
            _draw(panels[0], rows, {"hazard model": colour, "multinomial logit": GREY_INK})
            _draw(panels[1], rows, {"linear probability": colour})
            title = labels.get(name, name)
            panels[0].set_title(title, loc="left", weight="bold")
        _ratio_axis(list(grid[:, 0]), words)
        _points_axis(list(grid[:, 1]), words)
        for panel in grid[-1]:
            panel.set_xlabel(words["lag_axis"])
            lags = curves["lag"].astype(int)
            panel.set_xlim(lags.min() - 0.5, lags.max() + 0.5)
            panel.set_xticks(sorted(set(lags)))
        figure.subplots_adjust(
            left=0.08, right=0.985, top=1 - 1.0 / height, bottom=0.5 / height, hspace=0.36
        )
        figure.subplots_adjust(wspace=0.42)
        _headings(figure, height, words)
        _interval_keys(figure, height, curves, words)
    return figure


def lag_curves_text(
    curves: pd.DataFrame, *, labels: Mapping[str, str], words: Words | None = None
) -> str:
    """Text alternative of :func:`lag_curves`: the ratios of the hazard model, month by month.

    Returns
    -------
    str
        One sentence per exit.
    """
    words = words or run_words()
    modelled = curves[curves["estimator"] == "hazard model"]
    lines = []
    for name, rows in modelled.groupby("exit", sort=False):
        columns = rows[["estimate", "lower", "upper", "mcse"]].astype(float)
        ratios = [
            digits.ratio(digits.Estimate(*row), marks(words))
            for row in columns.itertuples(index=False)
        ]
        lines.append(
            words["lag_text"].format(
                exit=labels.get(str(name), str(name)),
                Units=words["Units"],
                lags=_span(rows["lag"], words),
                ratios="; ".join(ratios),
            )
        )
    return " ".join(lines)


def _span(lags: pd.Series, words: Words) -> str:
    ends = sorted({lags.min(), lags.max()})
    return "–".join(digits.number(lag, 0, marks(words)) for lag in ends)


def _draw(panel: Axes, curve: pd.DataFrame, colours: Mapping[str, str]) -> None:
    panel.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
    panel.margins(y=0.12)
    for shift, (estimator, colour) in zip((-0.12, 0.12), colours.items(), strict=False):
        rows = curve[curve["estimator"] == estimator]
        rows = rows[np.isfinite(rows[["estimate", "lower", "upper"]].astype(float)).all(axis=1)]
        lag = rows["lag"].astype(float) + (shift if len(colours) > 1 else 0.0)
        low, middle, high = (rows[name].astype(float) for name in ("lower", "estimate", "upper"))
        filled = colour if estimator != "multinomial logit" else "white"
        outer_low, outer_high = (rows[name].astype(float) for name in BAND[:2])
        panel.vlines(
            lag,
            outer_low,
            outer_high,
            color=colour,
            linewidth=_BAND_WIDTH,
            alpha=_BAND_ALPHA,
            zorder=1.5,
        )
        panel.vlines(lag, low, high, color=colour, linewidth=1.5, zorder=2)
        panel.plot(
            lag,
            middle,
            linestyle="none",
            marker=_SHAPE[estimator],
            markersize=5,
            color=colour,
            markerfacecolor=filled,
            zorder=3,
        )


def _ratio_axis(panels: Iterable[Axes], words: Words) -> None:
    for panel in panels:
        low, high = panel.get_ylim()
        ratios = [ratio for ratio in _RATIOS if low <= np.log(ratio) <= high]
        texts = [_ratio_text(ratio, words) for ratio in ratios]
        panel.set_yticks(np.log(ratios), labels=texts)
        panel.set_ylabel(words["ratio_axis"])
        right = panel.secondary_yaxis("right")
        right.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
        right.yaxis.set_major_formatter(lambda value, _: digits.number(value, -1, marks(words)))
        right.set_ylabel(words["log_axis"], color=GREY_INK)
        right.tick_params(colors=GREY_INK)


def _ratio_text(value: float, words: Words) -> str:
    return f"{value:g}".replace(".", words["decimal"])


def _points_axis(panels: Iterable[Axes], words: Words) -> None:
    for panel in panels:
        panel.set_ylabel(words["points_axis"])
        panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        panel.yaxis.set_major_formatter(
            lambda value, _: digits.number(100 * value, -1, marks(words))
        )


def _headings(figure: Figure, height: float, words: Words) -> None:
    """The estimators, each behind its own mark."""
    for x, estimator in ((0.08, "hazard model"), (0.26, "multinomial logit")):
        _key(figure, (x, 1 - 0.25 / height), estimator, words)
    _key(figure, (0.61, 1 - 0.25 / height), "linear probability", words)


def _interval_keys(figure: Figure, height: float, curves: pd.DataFrame, words: Words) -> None:
    """What the dark and the light bars are, in a line of its own."""
    percent = digits.number(100 * float(curves["ci_prob"].iloc[0]), 0, marks(words))
    y, half = 1 - 0.55 / height, 0.08 / height
    for x, name, width, alpha in (
        (0.08, "lag_interval", 1.5, 1.0),
        (0.43, "lag_band", _BAND_WIDTH, _BAND_ALPHA),
    ):
        bar = mpl.lines.Line2D(
            [x, x],
            [y - half, y + half],
            color=INK,
            linewidth=width,
            alpha=alpha,
            solid_capstyle="butt",
            transform=figure.transFigure,
        )
        figure.add_artist(bar)
        text = words[name].format(ci=percent, unit=words["unit"])
        figure.text(x + 0.013, y, text, color=INK, va="center")


def _key(figure: Figure, point: tuple[float, float], estimator: str, words: Words) -> None:
    ink = GREY_INK if estimator == "multinomial logit" else INK
    mark = mpl.lines.Line2D(
        [point[0]],
        [point[1]],
        marker=_SHAPE[estimator],
        color=ink,
        markerfacecolor="white" if estimator == "multinomial logit" else ink,
        transform=figure.transFigure,
    )
    figure.add_artist(mark)
    figure.text(point[0] + 0.013, point[1], words[estimator], color=ink, va="center")
