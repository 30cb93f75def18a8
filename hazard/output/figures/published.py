"""Lag curves of the published coefficients under each prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard import languages
from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import EXIT_COLOURS, GREY, GREY_INK, INK, STYLE, marks


def published_lag_curves(
    estimates: pd.DataFrame,
    *,
    words: Words | None = None,
) -> Figure:
    """Lag curves of forced returns under each prior, over what was printed.

    Parameters
    ----------
    estimates : DataFrame
        Columns of :func:`hazard.studies.published.estimates`, with the rows of prior ``published``.
        Shown are the multinomial logit and the exposure ``forced_return``: one row of panels per
        exit and network, one column per prior (``wide`` is left out: it repeats the printed
        numbers).
    words : mapping, optional
        Texts, by the keys of ``figures.published`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or languages.figure("published")
    plotted = _forced_mnlogit(estimates)
    rows = _curves(plotted)
    priors = _priors(plotted)
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, 1.5 + 1.85 * len(rows)))
        grid = figure.subplots(len(rows), len(priors), sharex=True, sharey=True, squeeze=False)
        for panels, (exit_name, network) in zip(grid, rows, strict=True):
            curve = _select(plotted, exit=exit_name, network=network)
            for panel, prior in zip(panels, priors, strict=True):
                _lag_panel(panel, _select(curve, prior="published"), _select(curve, prior=prior))
                text = _sum_text(_select(curve, prior=prior, lag="sum"), words)
                panel.text(0.98, 0.02, text, transform=panel.transAxes, ha="right", va="bottom")
            _row_labels(panels, f"{words[exit_name]} {words[network]}", words)
        _direct_labels(grid[0][0], EXIT_COLOURS[rows[0][0]], words)
        _frame(figure, grid, [words.get(prior, prior) for prior in priors], words)
        low, high = grid[0][0].get_ylim()
        grid[0][0].set_ylim(low - 0.2 * (high - low), high)  # room for the texts
        grid[0][0].yaxis.set_major_formatter(lambda value, _: _number(value, words, 1))
        figure.text(0.075, 0.008, words["note"].format(ci=_percent(plotted)), color=GREY_INK)
    return figure


def published_lag_curves_text(
    estimates: pd.DataFrame,
    *,
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`published_lag_curves`: every estimate, and every sum's interval.

    Returns
    -------
    str
        One line per curve and prior, after the title.
    """
    words = words or languages.figure("published")
    plotted = _forced_mnlogit(estimates)
    lines = [words["title"] + "."]
    for exit_name, network in _curves(plotted):
        for prior in ["published", *_priors(plotted)]:
            curve = _select(plotted, exit=exit_name, network=network, prior=prior)
            months = curve[curve["lag"] != "sum"]
            lines.append(
                words["text"].format(
                    exit=words[exit_name],
                    network=words[network],
                    prior=words.get(prior, prior),
                    last=months["lag"].iloc[-1],
                    months=", ".join(_number(estimate, words) for estimate in months["estimate"]),
                    sum=_sum_text(_select(curve, lag="sum"), words),
                )
            )
    return "\n".join(lines)


# --- choosing rows ------------------------------------------------------------------------------
def _forced_mnlogit(estimates: pd.DataFrame) -> pd.DataFrame:
    return _select(estimates, estimator="mnlogit", exposure="forced_return")


def _select(table: pd.DataFrame, **labels: str) -> pd.DataFrame:
    selected = np.logical_and.reduce([table[name] == label for name, label in labels.items()])
    return table[selected]


def _curves(plotted: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = plotted[["network", "exit"]].drop_duplicates().sort_values(["network", "exit"])
    return list(zip(pairs["exit"], pairs["network"], strict=True))


def _priors(plotted: pd.DataFrame) -> list[str]:
    return [name for name in plotted["prior"].unique() if name not in ("published", "wide")]


def _percent(plotted: pd.DataFrame) -> str:
    return f"{100 * plotted['ci_prob'].iloc[0]:g}"


def _sum_text(total: pd.DataFrame, words: Words) -> str:
    row = total.iloc[0]
    return words["sum"].format(
        **{key: _number(row[key], words) for key in ("estimate", "lower", "upper")}
    )


def _number(value: float, words: Words, decimals: int = 2) -> str:
    return digits.number(value, -decimals, marks(words))


# --- drawing ------------------------------------------------------------------------------------
def _lag_panel(panel: Axes, printed: pd.DataFrame, posterior: pd.DataFrame) -> None:
    panel.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
    colour = EXIT_COLOURS[posterior["exit"].iloc[0]]
    for table, shift, ink in ((printed, -0.14, GREY), (posterior, 0.14, colour)):
        months = table[table["lag"] != "sum"]
        lag = months["lag"].astype(int) + shift
        panel.vlines(lag, months["lower"], months["upper"], color=ink, linewidth=1.6, zorder=2)
        panel.plot(lag, months["estimate"], "o-", color=ink, markersize=4, linewidth=0.8)


def _row_labels(panels: Sequence[Axes], text: str, words: Words) -> None:
    panels[0].set_ylabel(words["change"])
    panels[0].annotate(
        text, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", weight="bold"
    )
    ratio = panels[-1].secondary_yaxis("right")
    ratio.set_yticks(np.log([0.5, 1, 2, 4]), labels=[_number(0.5, words, 1), "1", "2", "4"])
    ratio.set_ylabel(words["ratio"])


def _direct_labels(panel: Axes, colour: str, words: Words) -> None:
    for height, key, ink in ((0.3, "published", GREY_INK), (0.18, "posterior", colour)):
        panel.text(0.02, height, words[key], transform=panel.transAxes, color=ink)


def _frame(figure: Figure, grid: Any, headings: Sequence[str], words: Words) -> None:
    height = figure.get_figheight()
    figure.subplots_adjust(
        left=0.075,
        right=0.935,
        top=1 - 0.85 / height,
        bottom=0.82 / height,
        hspace=0.28,
        wspace=0.06,
    )
    figure.text(0.075, 1 - 0.25 / height, words["title"], size=11.5, weight="bold")
    for panel, heading in zip(grid[0], headings, strict=True):
        panel.annotate(
            heading[:1].upper() + heading[1:],
            (0.5, 1),
            (0, 20),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
        )
    for panel in grid[-1]:
        panel.set_xlabel(words["month"])
