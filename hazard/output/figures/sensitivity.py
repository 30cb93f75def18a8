"""One model under many lag priors: its estimands, its conclusions, and prior beside posterior."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle

from hazard import languages
from hazard.languages import Words
from hazard.output import digits
from hazard.output.figures.style import GREY_INK, INK, STYLE, exit_colours, last_digit, marks
from hazard.spec.priors import SHAPES

_LABELS = MappingProxyType({shape.name: shape.label for shape in SHAPES})
_MARKS = MappingProxyType({"above": "^", "below": "v", "unclear": "."})
_FILLS = MappingProxyType({"changed": "#f5c542", "undecided": "#dcdcdc"})
_REFERENCE, _PRIOR = "#ececec", "#d0d0d0"
_ROW = ["prior", "multiple", "engine"]
_LEFT, _RIGHT = 1.72, 0.12  # inches
_LINE = 0.2


class _Estimand(NamedTuple):
    """A published quantity of one exit; ``month`` is None for the sum of the lags."""

    quantity: str
    month: int | None

    def rows_of(self, rows: pd.DataFrame) -> pd.DataFrame:
        chosen = rows[rows["quantity"] == self.quantity]
        return chosen if self.month is None else chosen[chosen["month"] == self.month]


class _FigureData(NamedTuple):
    """Rows of the term that is shown, the lines that they stand on, and how they are worded."""

    rows: pd.DataFrame
    lines: pd.DataFrame
    labels: Mapping[str, str]
    words: Words

    def exits(self) -> list[tuple[str, str, str]]:
        """Name, label and colour of each exit."""
        colours = exit_colours(self.rows["exit"].unique())
        return [(name, self.labels.get(name, name), ink) for name, ink in colours.items()]

    def on_lines(self, exit_name: str, estimand: _Estimand) -> pd.DataFrame:
        """The row of an exit and an estimand on every line, in their order."""
        rows = estimand.rows_of(self.rows[self.rows["exit"] == exit_name])
        return self.lines.merge(rows, on=_ROW, how="left", validate="one_to_one")


def sensitivity(
    estimates: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> Figure:
    """Estimands and conclusions under every lag prior, and prior beside posterior lag by lag.

    Parameters
    ----------
    estimates : DataFrame
        Columns of :func:`hazard.studies.sensitivity.table`. Shown is the term of the risk
        differences, or the first one where there are none. Above, one line per prior: estimate and
        interval of the last risk difference (else of the sum of the lags) of every exit, and the
        conclusion on every published quantity. Below, one panel per exit and family, with the one
        of its priors that is nearest the model's own in width.
    labels : mapping of exit to text, optional
        Exits that are not in it keep their names.
    words : mapping, optional
        Texts, by the keys of ``figures.sensitivity`` of a language; by default English.

    Returns
    -------
    Figure
        900 pixels wide at 100 dots per inch.
    """
    rows = _focal(estimates)
    lines = rows[_ROW].drop_duplicates().reset_index(drop=True)
    data = _FigureData(rows, lines, labels or {}, words or languages.figure("sensitivity"))
    exits = data.exits()
    upper, lower = 1.05 + _LINE * len(lines), 1.75 + 1.15 * len(exits)
    height = upper + lower
    with mpl.rc_context(dict(STYLE)):
        figure = Figure(figsize=(9.0, height))
        top, floor = 1 - 0.92 / height, 1 - upper / height
        left_edge, middle = _LEFT / 9, 0.62
        forest = figure.add_gridspec(
            1, len(exits), left=left_edge, right=middle, top=top, bottom=floor, wspace=0.12
        )
        _forests(figure, forest, data)
        table = figure.add_gridspec(
            1, len(exits), left=middle + 0.025, right=1 - _RIGHT / 9, top=top, bottom=floor
        )
        _conclusions(figure, table, data)
        panels = figure.add_gridspec(
            len(exits),
            lines["prior"].nunique(),
            left=0.075,
            right=1 - _RIGHT / 9,
            top=floor - 1.2 / height,
            bottom=0.62 / height,
            wspace=0.1,
            hspace=0.16,
        )
        _lag_panels(figure, panels, data)
        _titles(figure, data, floor)
    return figure


def sensitivity_text(
    estimates: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> str:
    """Text alternative of :func:`sensitivity`: under how many priors each conclusion stays.

    Returns
    -------
    str
        One paragraph: for every published quantity its value under the model's own priors and the
        number of the other priors under which the conclusion is the same, is another one beyond
        Monte Carlo error, or is either.
    """
    words = words or languages.figure("sensitivity")
    main = estimates[estimates["engine"] == estimates["engine"].iloc[0]]
    data = _focal(main)
    n = len(data[_ROW].drop_duplicates()) - 1
    parts = []
    for exit_name, rows in data.groupby("exit", sort=False):
        texts = (_kept_text(estimand.rows_of(rows), words) for estimand in _estimands(rows))
        parts.append(f"{(labels or {}).get(str(exit_name), exit_name)}: {'; '.join(texts)}")
    lags = main[main["quantity"] == "lag_coefficient"]
    changes, open_ = (
        lags["status"].eq(status).groupby([lags[name] for name in ("term", "exit", "lag")]).any()
        for status in ("changed", "undecided")
    )
    return words["text"].format(
        event=_event(data, words),
        n=n,
        multiples=", ".join(_times(m, words) for m in data["multiple"].dropna().unique()),
        exits=". ".join(parts),
        all=len(changes),
        same=(~changes & ~open_).sum(),
        changed=changes.sum(),
        undecided=(~changes & open_).sum(),
    )


# --- choosing rows ------------------------------------------------------------------------------
def _focal(estimates: pd.DataFrame) -> pd.DataFrame:
    contrasts = estimates[estimates["quantity"] == "risk_difference"]
    term = (contrasts if len(contrasts) else estimates)["term"].iloc[0]
    return pd.DataFrame(estimates[estimates["term"] == term])


def _event(rows: pd.DataFrame, words: Words) -> str:
    """Exposure and network in words; others keep their names."""
    names = {column: rows[column].iloc[0] for column in ("exposure", "network")}
    return ", ".join(
        words.get(f"{column}_{name}", name.replace("_", " ")) for column, name in names.items()
    )


def _estimands(data: pd.DataFrame) -> list[_Estimand]:
    months = data.loc[data["quantity"] == "risk_difference", "month"].unique()
    contrasts = [_Estimand("risk_difference", int(month)) for month in sorted(months)]
    return [*contrasts, _Estimand("cumulative_lag_effect", None)]


def _forest_estimand(data: pd.DataFrame) -> _Estimand:
    """The last risk difference, or the sum of the lags where there is none."""
    return _estimands(data)[-2:][0]


def _kept_text(rows: pd.DataFrame, words: Words) -> str:
    reference, others = rows[rows["prior"] == "model"].iloc[0], rows[rows["prior"] != "model"]
    estimate = digits.Estimate(
        *(float(reference[c]) for c in ("estimate", "lower", "upper", "mcse"))
    )
    if reference["quantity"] == "risk_difference":
        points = digits.points(estimate, marks(words))
        number = words["points"].format(month=reference["month"], estimate=points)
    else:
        total = digits.logarithm(estimate, marks(words))
        number = words["sum"].format(estimate=total, unit=_unit(reference["unit"], words))
    counts = {s: int((others["status"] == s).sum()) for s in ("same", "changed", "undecided")}
    return words["kept"].format(
        number=number, conclusion=words[reference["conclusion"]], all=len(others), **counts
    )


def _unit(name: str, words: Words) -> str:
    return words.get(name, name)


# --- estimands and conclusions ------------------------------------------------------------------
def _forests(figure: Figure, grid: GridSpec, data: _FigureData) -> None:
    lines, estimand = np.arange(len(data.lines)), _forest_estimand(data.rows)
    for column, (exit_name, label, colour) in enumerate(data.exits()):
        panel = figure.add_subplot(grid[0, column])
        panel.set_yticks(lines, [_label(data, int(k)) for k in lines])
        panel.set_ylim(len(lines) - 0.5, -0.5)
        rows = data.on_lines(exit_name, estimand)
        low, middle, high = (rows[c].astype(float) for c in ("lower", "estimate", "upper"))
        reference = rows[rows["prior"] == "model"].iloc[0]
        panel.axvspan(float(reference["lower"]), float(reference["upper"]), color=_REFERENCE, lw=0)
        panel.axvline(0.0, color=INK, linewidth=0.8)
        panel.hlines(lines, low, high, color=colour, linewidth=1.5)
        sampled = rows["engine"] == "nuts"
        for chosen, filled in ((~sampled, colour), (sampled, "white")):
            panel.plot(middle[chosen], lines[chosen], "o", color=colour, mfc=filled, markersize=4.5)
        panel.set_title(label, loc="left", color=colour, weight="bold")
        panel.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
        panel.tick_params(axis="y", length=0, labelleft=column == 0)
        factor = 1 if estimand.month is None else 100
        panel.xaxis.set_major_formatter(_ticks(factor, data.words))


def _label(data: _FigureData, k: int) -> str:
    """Name of the prior on the first of its lines, and its multiple on each."""
    lines, words = data.lines, data.words
    prior, multiple, engine = lines.iloc[k]
    repeated = k > 0 and lines["prior"].iloc[k - 1] == prior
    name = "" if repeated else _prior(prior, words)
    number = "" if pd.isna(multiple) else _times(multiple, words)
    sampled = words["sampled"] if engine == "nuts" and (lines["engine"] != "nuts").any() else ""
    return "  ".join(part for part in (name, number, sampled) if part)


def _times(multiple: float, words: Words) -> str:
    return f"×{_number(multiple, words)}"


def _prior(name: str, words: Words) -> str:
    return words.get(f"prior_{name}", _LABELS.get(name, name))


def _ticks(factor: int, words: Words) -> mpl.ticker.Formatter:
    return mpl.ticker.FuncFormatter(lambda value, _: _number(factor * value, words))


def _even_ticks(panel: Axes, words: Words) -> mpl.ticker.Formatter:
    """As many decimals on every tick as their distance has."""
    return mpl.ticker.FuncFormatter(
        lambda value, _: digits.number(value, last_digit(panel.get_yticks()), marks(words))
    )


def _number(value: float, words: Words) -> str:
    return f"{value:g}".replace("-", "−").replace(".", words["decimal"])


def _conclusions(figure: Figure, grid: GridSpec, data: _FigureData) -> None:
    estimands = _estimands(data.rows)
    for column, (exit_name, label, colour) in enumerate(data.exits()):
        panel = figure.add_subplot(grid[0, column])
        panel.set_xlim(-0.5, len(estimands) - 0.5)
        panel.set_ylim(len(data.lines) - 0.5, -0.5)
        for x, estimand in enumerate(estimands):
            rows = data.on_lines(exit_name, estimand)
            for y, row in enumerate(rows.to_dict("records")):
                if fill := _FILLS.get(row["status"]):
                    panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=fill, lw=0))
                panel.plot(x, y, _MARKS[row["conclusion"]], color=colour, markersize=5)
        heads = ["Σ" if estimand.month is None else str(estimand.month) for estimand in estimands]
        panel.set_xticks(range(len(heads)), heads)
        panel.tick_params(length=0, labelleft=False, labeltop=True, labelbottom=False, pad=1)
        panel.set_title(label, loc="left", color=colour, size=8.5, pad=14)
        for side in ("left", "bottom"):
            panel.spines[side].set_visible(False)


# --- prior beside posterior ---------------------------------------------------------------------
def _lag_panels(figure: Figure, grid: GridSpec, data: _FigureData) -> None:
    curves = data.rows[data.rows["quantity"] == "lag_coefficient"]
    curves = curves[curves["engine"] == curves["engine"].iloc[0]]
    priors = list(curves["prior"].unique())
    for row, (exit_name, label, colour) in enumerate(data.exits()):
        of_exit = curves[curves["exit"] == exit_name]
        first = None
        for column, prior in enumerate(priors):
            panel = figure.add_subplot(grid[row, column], sharey=first)
            _lag_panel(panel, _nearest(of_exit[of_exit["prior"] == prior]), colour)
            panel.yaxis.set_major_formatter(_even_ticks(panel, data.words))
            panel.tick_params(labelleft=column == 0, labelbottom=row == len(data.exits()) - 1)
            if first is None:
                first = panel
                low, high = of_exit["lower"].min(), of_exit["upper"].max()
                panel.set_ylim(min(float(low), 0.0) - 0.1, max(float(high), 0.0) + 0.1)
                panel.set_ylabel(label, color=colour, weight="bold")
            if row == 0:
                panel.set_title(_prior(prior, data.words).replace(" ", "\n", 1), size=7)


def _nearest(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of a family those of the prior whose width is nearest the model's own."""
    distance = np.abs(np.log(rows["multiple"].fillna(1.0).astype(float)))
    return pd.DataFrame(rows[distance == distance.min()])


def _lag_panel(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Wide bars: prior; narrow bars with a dot: posterior."""
    panel.axhline(0.0, color=INK, linewidth=0.7, zorder=2)
    lag, low, high = (rows[name].astype(float) for name in ("lag", "prior_lower", "prior_upper"))
    panel.bar(lag, high - low, 0.6, low, color=_PRIOR, linewidth=0, zorder=1)
    panel.vlines(
        lag, rows["lower"].astype(float), rows["upper"].astype(float), color=colour, lw=1.2
    )
    panel.plot(lag, rows["estimate"].astype(float), ".", color=colour, markersize=2.8)
    lags = rows["lag"].astype(int)
    panel.set_xticks(sorted({lags.min(), int(np.median(lags)), lags.max()}))
    panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    panel.tick_params(labelsize=8)


def _titles(figure: Figure, data: _FigureData, floor: float) -> None:
    height, left_edge, words = figure.get_figheight(), 0.13 / 9, data.words
    month = _forest_estimand(data.rows).month
    unit = _unit(data.rows.loc[data.rows["lag"].notna(), "unit"].iloc[0], words)
    change = words["sum_axis" if month is None else "points_axis"].format(unit=unit, month=month)
    heading = words["title"].format(event=_event(data.rows, words))
    figure.text(left_edge, 1 - 0.22 / height, heading, size=11.5, weight="bold")
    figure.text(_LEFT / 9, 1 - 0.47 / height, change)
    figure.text(0.645, 1 - 0.47 / height, words["conclusions"])
    _note(figure, floor - 0.52 / height, words["above_note"].format(unit=unit))
    _note(figure, 0.22 / height, words["below_note"].format(Unit=unit.capitalize()))


def _note(figure: Figure, height: float, text: str) -> None:
    figure.text(0.13 / 9, height, text, color=GREY_INK, va="center", size=8.5)
