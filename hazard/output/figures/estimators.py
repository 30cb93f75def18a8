"""Lag curves of three estimators on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hazard import languages
from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import GREY, GREY_INK, INK, STYLE, marks

COLOURS = MappingProxyType(
    {"linear probability": "#B84A00", "multinomial logit": "#00734F", "hazard model": "#0072B2"}
)
_MARKERS = MappingProxyType(
    {"linear probability": "s", "multinomial logit": "^", "hazard model": "o"}
)
_APART = 0.22


def comparison(
    estimates: pd.DataFrame,
    *,
    labels: Mapping[str, str] = MappingProxyType({}),
    words: Words | None = None,
) -> Figure:
    """Change of the monthly probability by one event, lag by lag, of each estimator.

    Parameters
    ----------
    estimates : DataFrame
        Of :func:`hazard.studies.estimators.scale.estimate_rows`: one row of panels per term, one
        column per exit, of the rows with ``quantity == "average_marginal_effect"``.
    labels : mapping
        Names of terms and exits.
    words : mapping, optional
        Texts, by the keys of ``figures.comparison`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    words = words or languages.figure("comparison")
    changes = estimates[estimates["quantity"] == "average_marginal_effect"]
    terms, exits = changes["term"].unique(), changes["exit"].unique()
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, 1.1 + 2.0 * len(terms)))
        grid = figure.subplots(len(terms), len(exits), sharex=True, sharey="col", squeeze=False)
        for panels, term in zip(grid, terms, strict=True):
            for panel, name in zip(panels, exits, strict=True):
                rows = changes[changes["term"].eq(term) & changes["exit"].eq(name)]
                _panel(panel, rows, words)
                panel.set_title(
                    f"{labels.get(name, name)}\n{labels.get(term, term)}", loc="left", color=INK
                )
        _legend(figure, grid[0][0], words)
        for panel in grid[-1]:
            panel.set_xlabel(words["months"])
        figure.text(0.008, 0.5, words["axis"], rotation=90, va="center", color=INK)
        height = figure.get_size_inches()[1]
        figure.subplots_adjust(
            left=0.075,
            right=0.99,
            top=1 - 0.75 / height,
            bottom=0.5 / height,
            hspace=0.55,
            wspace=0.13,
        )
    return figure


def comparison_text(
    estimates: pd.DataFrame,
    *,
    labels: Mapping[str, str] = MappingProxyType({}),
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`comparison`: every estimate."""
    words = words or languages.figure("comparison")
    changes = estimates[estimates["quantity"] == "average_marginal_effect"]
    lines = []
    for (term, name, estimator), rows in changes.groupby(["term", "exit", "estimator"], sort=False):
        ordered = rows.sort_values("lag")
        months = ", ".join(
            digits.signed(float(value), -2, marks(words)) for value in ordered["estimate"]
        )
        lines.append(
            words["text"].format(
                exit=labels.get(str(name), name),
                term=labels.get(str(term), term),
                estimator=words[str(estimator)],
                months=months,
            )
        )
    return "\n".join(lines)


def _panel(panel: Axes, estimates: pd.DataFrame, words: Words) -> None:
    panel.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    names = [name for name in COLOURS if name in set(estimates["estimator"])]
    for index, name in enumerate(names):
        rows = estimates[estimates["estimator"] == name].sort_values("lag")
        middle = rows["estimate"].astype(float)
        lag = rows["lag"].astype(float) + _APART * (index - (len(names) - 1) / 2)
        errors = [middle - rows["lower"].astype(float), rows["upper"].astype(float) - middle]
        panel.errorbar(
            lag,
            middle,
            yerr=errors,
            fmt=_MARKERS[name],
            color=COLOURS[name],
            markersize=4.5,
            linewidth=1.3,
            label=words[name],
            zorder=2,
        )
    panel.set_xticks(sorted(estimates["lag"].astype(int).unique()))
    panel.yaxis.set_major_formatter(lambda value, _: digits.number(value, -1, marks(words)))
    panel.tick_params(labelbottom=True, labelleft=True)


def _legend(figure: Figure, panel: Axes, words: Words) -> None:
    handles, names = panel.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="upper left",
        ncols=len(names),
        frameon=False,
        bbox_to_anchor=(0.06, 1.0),
        labelcolor=GREY_INK,
    )
