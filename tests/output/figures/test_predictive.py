"""The figure of a predictive check: what is drawn, what stands out, what is said in words."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation, Text

from hazard.output import figures
from hazard.output.figures.style import exit_colours
from hazard.predictive import POOLED

EXITS = ("assisted", "disappeared", "forced")
LEVELS = {
    "centre": (*(f"centre {k:03d}" for k in range(30)), POOLED),
    "nationality": ("Afghanistan", "Iraq", "Somalia", POOLED),
    "month": (*map(str, range(1, 25)), POOLED),
    "quarter": tuple(f"{year}Q{k}" for year in range(2005, 2009) for k in range(1, 5)),
}


def checked(rng: np.random.Generator) -> pd.DataFrame:
    """Rows as of a check; every number is another one."""
    rows = []
    for month, name in itertools.product(range(1, 25), EXITS):
        share = 0.3 * (1 - np.exp(-month / 9))
        rows.append(row("all", "all", name, share, 0.02) | {"month": month})
    for grouping, levels in LEVELS.items():
        for level, name in itertools.product(levels, EXITS):
            rows.append(row(grouping, level, name, rng.uniform(20, 40), 8.0) | {"month": pd.NA})
            if grouping in ("centre", "nationality"):
                left = row(grouping, level, name, rng.uniform(0.1, 0.3), 0.05)
                rows.append(left | {"month": 12, "quantity": "cumulative_incidence"})
    table = pd.DataFrame(rows)
    apart = rng.uniform(-0.9, 0.9, len(table)) * (table["upper"] - table["predicted"])
    return table.assign(observed=table["predicted"] + apart, month=table["month"].astype("Int64"))


def row(grouping: str, level: str, exit_name: str, value: float, half: float) -> dict[str, object]:
    return {
        "grouping": grouping,
        "level": level,
        "exit": exit_name,
        "quantity": "cumulative_incidence" if grouping == "all" else "exits",
        "n_rows": 500,
        "n_draws": 200,
        "predicted": value,
        "lower": value - half,
        "upper": value + half,
    }


@pytest.fixture
def table(rng: np.random.Generator) -> pd.DataFrame:
    return checked(rng)


def moved(table: pd.DataFrame, to: str, **labels: str) -> pd.DataFrame:
    """The same with one observed number beyond an end of its interval."""
    chosen = np.logical_and.reduce([table[name] == label for name, label in labels.items()])
    end = table[to] + 0.1 * (table[to] - table["predicted"])
    return table.assign(observed=table["observed"].where(~chosen, end))


def panels(table: pd.DataFrame) -> list[list[Axes]]:
    found = figures.predictive(table, labels={"assisted": "Assisted return"}).get_axes()
    return [found[k : k + 3] for k in range(0, len(found), 3)]


def coloured(panel: Axes, colour: str) -> list[tuple[float, float]]:
    lines = [line for line in panel.get_lines() if line.get_color() == colour]
    return [
        (float(x), float(y))
        for line in lines
        for x, y in zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True)
    ]


def test_one_row_of_panels_for_everybody_and_each_grouping(table: pd.DataFrame) -> None:
    rows = panels(table)
    assert len(rows) == 1 + len(LEVELS)
    assert [panel.get_title(loc="left") for panel in rows[0]] == ["Assisted return", *EXITS[1:]]
    for panel, name in zip(rows[0], EXITS, strict=True):
        own = table[(table["grouping"] == "all") & (table["exit"] == name)]
        (line,) = panel.get_lines()
        assert line.get_drawstyle() == "steps-post"
        assert list(line.get_ydata()) == pytest.approx([0, *(100 * own["observed"])])
        (band,) = panel.collections
        top = max(point[1] for point in band.get_paths()[0].vertices)
        assert top == pytest.approx(100 * own["upper"].max())


def test_every_level_has_a_bar_and_a_point(table: pd.DataFrame) -> None:
    for panels_of, (grouping, levels) in zip(panels(table)[1:], LEVELS.items(), strict=True):
        for panel, name in zip(panels_of, EXITS, strict=True):
            quantity = "exits" if grouping in ("month", "quarter") else "cumulative_incidence"
            own = table[(table["grouping"] == grouping) & (table["exit"] == name)]
            own = own[own["quantity"] == quantity]
            unit = 1 / 100 if quantity != "exits" else 500 / 100
            expected = ((own["observed"] - own["predicted"]) / unit).tolist()
            points = [line for line in panel.get_lines() if line.get_marker() == "o"]
            drawn = [float(y) for line in points for y in line.get_ydata()]
            ordered = expected if grouping in ("month", "quarter") else sorted(expected)
            assert drawn == pytest.approx(ordered)
            (bars,) = [each for each in panel.collections if isinstance(each, LineCollection)]
            assert len(bars.get_segments()) == len(levels)
            assert text_of(panel).startswith(f"0 of {len(levels)} outside")


def text_of(panel: Axes) -> str:
    return next(
        each.get_text()
        for each in panel.get_children()
        if isinstance(each, Text) and "outside" in each.get_text()
    )


def test_only_what_is_outside_is_coloured_and_named(table: pd.DataFrame) -> None:
    labels = {"grouping": "nationality", "level": "Iraq", "exit": "forced"}
    rows = panels(moved(table, "upper", quantity="cumulative_incidence", **labels))
    colour = exit_colours(EXITS)["forced"]
    first, second, third = rows[2]
    assert coloured(third, colour) == [pytest.approx((3, 5.5))]
    assert text_of(third).startswith("1 of 4 outside, 0.2 by chance")
    named = [item.get_text() for item in third.get_children() if isinstance(item, Annotation)]
    assert "Iraq" in named
    for panel in (first, second, *rows[1], *rows[3]):
        for each in exit_colours(EXITS).values():
            assert coloured(panel, each) == []


def test_below_is_outside_too(table: pd.DataFrame) -> None:
    labels = {"grouping": "quarter", "level": "2006Q3", "exit": "assisted"}
    panel = panels(moved(table, "lower", **labels))[4][0]
    at = LEVELS["quarter"].index("2006Q3")
    assert coloured(panel, exit_colours(EXITS)["assisted"]) == [pytest.approx((at, -1.76))]


def test_in_words_by_hand(table: pd.DataFrame) -> None:
    at = (table["grouping"] == "all") & (table["month"] == 12) & (table["exit"] == "forced")
    names = ["observed", "predicted", "lower", "upper"]
    told = moved(table, "upper", grouping="month", level="3", exit="forced").copy()
    told.loc[at, names] = [0.251, 0.24, 0.22, 0.26]
    text = figures.predictive_text(told, labels={"forced": "Forced return"})
    assert text.endswith(
        "Forced return: within 12 months 25.1 percent left, 24.0 (22.0 to 26.0) predicted; outside "
        "the 95 percent of the replicates 0 of 31 by centre, 0 of 4 by nationality, 1 of 25 by "
        "month at risk, 0 of 16 by quarter."
    )


def test_a_figure_without_groupings_has_the_curves_alone(table: pd.DataFrame) -> None:
    alone = table[table["grouping"] == "all"]
    assert len(panels(alone)) == 1
    assert figures.rendered(figures.predictive(alone, labels={}), "svg") == figures.rendered(
        figures.predictive(alone, labels={}), "svg"
    )


def test_texts_do_not_overlap(table: pd.DataFrame) -> None:
    figure = figures.predictive(table, labels={})
    figure.draw_without_rendering()
    boxes = []
    for panel in figure.get_axes():
        texts = [item for item in panel.get_children() if isinstance(item, Text)]
        boxes += [item.get_window_extent() for item in texts if item.get_text()]
        ticks = [*panel.get_xticklabels(), panel.xaxis.label]
        boxes += [item.get_window_extent() for item in ticks if item.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
