"""Figures of a run: what is drawn, what is said in words, and how they enter a page."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from contrast import contrast_with_white
from hazard.brief.language import language
from hazard.brief.view import View
from hazard.output import figures
from hazard.output.figures import style
from small_runs import small_run

HOSTILE = {"assisted": "<img src=x onerror=alert(1)> & $\\frac{1}$", "disappeared": "a\"b'c"}


@pytest.fixture(scope="module")
def view() -> View:
    return View(small_run(), language("en"))


@pytest.fixture
def curves(view: View) -> pd.DataFrame:
    return view.curves(view.shown_terms[0])


def words(view: View) -> dict[str, str]:
    return view.figure_words("odds")


def test_figures_have_english_words_of_their_own(view: View, curves: pd.DataFrame) -> None:
    assert dict(figures.run_words()) == dict(words(view))
    assert dict(figures.run_words(code="nb")) != dict(words(view))
    drawn = figures.lag_curves(curves, labels=view.exit_labels)
    assert figures.rendered(drawn, "svg") == figures.rendered(draw_lags(view, curves), "svg")


def draw_lags(view: View, curves: pd.DataFrame) -> Figure:
    return figures.lag_curves(curves, labels=view.exit_labels, words=words(view))


def marked(panel: Axes, marker: str) -> tuple[list[float], list[float]]:
    """Heights and places of the points of one estimator."""
    found = [line for line in panel.get_lines() if line.get_marker() == marker]
    return (
        [float(y) for line in found for y in np.asarray(line.get_ydata())],
        [float(x) for line in found for x in np.asarray(line.get_xdata())],
    )


# --- lag curves -----------------------------------------------------------------------------------
def test_lag_curves_draw_each_estimate_over_a_zero_line(view: View, curves: pd.DataFrame) -> None:
    panels = draw_lags(view, curves).get_axes()
    assert len(panels) == 2 * len(view.exits)
    for row, exit_name in enumerate(view.exits):
        own = curves[curves["exit"] == exit_name]
        left, right = panels[2 * row : 2 * row + 2]
        for panel, estimator, marker in (
            (left, "hazard model", "o"),
            (left, "multinomial logit", "s"),
            (right, "linear probability", "D"),
        ):
            expected = own.loc[own["estimator"] == estimator, "estimate"]
            assert marked(panel, marker)[0] == pytest.approx(expected.tolist())
            assert [0.0, 0.0] in [list(map(float, x.get_ydata())) for x in panel.get_lines()]


def test_a_light_bar_is_the_band_of_the_hazard_model(view: View, curves: pd.DataFrame) -> None:
    own = curves[curves["exit"].eq(view.exits[0]) & curves["estimator"].eq("hazard model")]
    bars = [bar for bar in draw_lags(view, curves).get_axes()[0].collections if bar.get_alpha()]
    drawn = [path.vertices[:, 1].tolist() for bar in bars for path in bar.get_paths()]
    bands = own[["lower_simultaneous", "upper_simultaneous"]].astype(float).to_numpy()
    np.testing.assert_allclose([ends for ends in drawn if np.isfinite(ends).all()], bands)
    intervals = own[["lower", "upper"]].astype(float).to_numpy()  # negative control
    assert not np.isclose(intervals, bands).any()


def test_lag_curves_leave_out_what_is_not_finite(view: View, curves: pd.DataFrame) -> None:
    chosen = (curves["estimator"] == "multinomial logit") & (curves["lag"] == 2)
    lost = curves.astype({"estimate": float}).copy()
    lost.loc[chosen, ["estimate", "lower", "upper"]] = [-np.inf, np.nan, np.nan]
    panel = draw_lags(view, lost).get_axes()[0]
    heights, places = marked(panel, "s")
    assert len(heights) == 6
    assert np.isfinite(heights).all()
    assert 2 not in np.round(places).astype(int)
    assert len(marked(panel, "o")[0]) == 7


def test_one_lag_has_one_tick(view: View, curves: pd.DataFrame) -> None:
    figure = draw_lags(view, curves[curves["lag"] == 1])
    assert list(figure.get_axes()[-1].get_xticks()) == [1]
    figure.draw_without_rendering()


def test_lag_curves_in_words_by_hand(view: View, curves: pd.DataFrame) -> None:
    one = curves[(curves["exit"] == "assisted") & (curves["estimator"] == "hazard model")]
    one = one[one["lag"] < 2].assign(
        estimate=[0.0, np.log(3)], lower=[-np.log(2), 0.0], upper=[np.log(2), np.log(9)], mcse=0.001
    )
    text = figures.lag_curves_text(one, labels=view.exit_labels, words=words(view))
    assert text == (
        "Applied for assisted return: odds ratio by the hazard model 1.0 (0.5\u00a0to\u00a02.0); "
        "3.0 (1.0\u00a0to\u00a09.0). Months since the event: 0–1."
    )


# --- cumulative incidence -------------------------------------------------------------------------
def draw_incidence(view: View, rows: pd.DataFrame | None = None) -> Figure:
    shown = view.incidence if rows is None else rows
    return figures.incidence(shown, labels=view.exit_labels, words=words(view))


def test_incidence_draws_both_arms_the_panel_and_the_difference(view: View) -> None:
    panels = draw_incidence(view).get_axes()
    assert len(panels) == 2 * len(view.exits)
    for place, exit_name in enumerate(view.exits):
        own = view.incidence[view.incidence["exit"] == exit_name]
        top, bottom = panels[place], panels[place + len(view.exits)]
        ends = {round(float(line.get_ydata()[-1]), 9) for line in top.get_lines()}
        last = own[(own["month"] == 24) & (own["quantity"] == "cumulative_incidence")]
        assert ends == {round(float(value), 9) for value in last["estimate"]}
        assert all(float(line.get_ydata()[0]) == 0 for line in top.get_lines())
        difference = own[(own["month"] == 24) & (own["quantity"] == "risk_difference")]
        drawn = [float(line.get_ydata()[-1]) for line in bottom.get_lines()]
        assert drawn == pytest.approx([0.0, difference["estimate"].item()])


@pytest.mark.parametrize("apart", [0.0, 0.001, 0.3])
def test_names_of_lines_do_not_overlap(view: View, apart: float) -> None:
    rows = view.incidence.copy()
    heights = {"without": 0.2, "with": 0.2 + apart, "observed": 0.2 + 2 * apart}
    shares = rows["quantity"] == "cumulative_incidence"
    rows.loc[shares, "estimate"] = rows.loc[shares, "arm"].map(heights)
    figure = draw_incidence(view, rows)
    figure.draw_without_rendering()
    for panel in figure.get_axes()[: len(view.exits)]:
        names = [item for item in panel.get_children() if isinstance(item, Annotation)]
        boxes = [name.get_window_extent() for name in names]
        assert len(boxes) == 3
        assert [a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]] == [False] * 3


def test_incidence_without_arms_has_one_row_of_panels() -> None:
    plain = View(small_run("mgus2"), language("en"))
    figure = figures.incidence(
        plain.incidence, labels=plain.exit_labels, words=plain.figure_words("hazard")
    )
    assert len(figure.get_axes()) == 2
    text = figures.incidence_text(
        plain.incidence, months=(6,), labels=plain.exit_labels, words=plain.figure_words("hazard")
    )
    assert text.startswith("Progressed to malignancy (pcm): within 6 months model 1.9 (")


def test_incidence_of_the_panel_alone_is_said_too(view: View) -> None:
    counted = view.incidence[view.incidence["estimator"] == "Aalen-Johansen"]
    text = figures.incidence_text(counted, months=(6,), labels=view.exit_labels, words=words(view))
    assert text.startswith("Applied for assisted return: within 6 months panel 17.3 (15.3")


# --- into a page ----------------------------------------------------------------------------------
def both(view: View, labels: dict[str, str]) -> str:
    shown = view.curves(view.shown_terms[0])
    lags = figures.lag_curves(shown, labels=labels, words=words(view))
    shares = figures.incidence(view.incidence, labels=labels, words=words(view))
    return f"<p>{figures.svg(lags, 'a')}{figures.svg(shares, 'b')}</p>"


def test_svg_needs_nothing_but_itself(view: View) -> None:
    text = both(view, view.exit_labels)
    root = ET.fromstring(text)  # noqa: S314 - our own figure
    ids = [item.get("id") for item in root.iter() if item.get("id")]
    assert len(ids) == len(set(ids))
    targets = set(re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text))
    assert targets
    assert {name.removeprefix("#") for pair in targets for name in pair if name} <= set(ids)
    for absent in ("http", "<script", "<metadata", "<!DOCTYPE", "<?xml"):
        assert absent not in text


def test_svg_holds_labels_as_text(view: View) -> None:
    text = both(view, HOSTILE)
    root = ET.fromstring(text)  # noqa: S314 - our own figure
    texts = [item.text for item in root.iter() if item.text]
    assert all(any(label in each for each in texts) for label in HOSTILE.values())
    assert "<img" not in text


def test_a_figure_is_the_same_file_again(view: View, curves: pd.DataFrame) -> None:
    for kind in ("svg", "png"):
        first, second = (figures.rendered(draw_lags(view, curves), kind) for _ in range(2))
        assert first == second


# --- contrast -------------------------------------------------------------------------------------


def test_contrast_by_hand() -> None:
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#ffffff") == pytest.approx(1)


def test_text_and_lines_stand_out_from_white() -> None:
    colours = style.exit_colours(["assisted", "disappeared", "forced", *"abcde"])
    for colour in (*colours.values(), style.INK, style.GREY_INK):
        assert contrast_with_white(colour) >= 4.5
    assert contrast_with_white(style.GREY) >= 3  # lines only
    assert contrast_with_white("#D55E00") < 4.5  # what it would be undarkened
