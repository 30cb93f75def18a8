"""Figures of what an event adds: lines, bands and marks of months, and levels of a group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from hazard.output import figures

LABELS = {"assisted": "Applied", "disappeared": "Disappeared", "forced": "Returned"}
EXITS = (*LABELS,)


def curves(horizon: int = 24, exits: Sequence[str] = EXITS) -> pd.DataFrame:
    """Exit e is (e + 1) t / 1000 in month t, so that every number is another one."""
    rows = [
        {"exit": name, "month": month, "estimate": (e + 1) * month / 1000}
        for e, name in enumerate(exits)
        for month in range(1, horizon + 1)
    ]
    return around(pd.DataFrame(rows))


def around(rows: pd.DataFrame) -> pd.DataFrame:
    """Intervals of one and of two in a hundred either side."""
    ends = {"lower": -0.02, "lower_50": -0.01, "upper_50": 0.01, "upper": 0.02}
    return rows.assign(mcse=1e-5, **{name: rows["estimate"] + by for name, by in ends.items()})


def drawn(rows: pd.DataFrame, ends: Sequence[int] = (7, 24), code: str = "en") -> list[Axes]:
    words = figures.run_words(code=code)
    figure = figures.more_or_earlier(rows, ends=ends, labels=LABELS, words=words)
    figure.draw_without_rendering()
    return figure.get_axes()


def numbers(panel: Axes) -> dict[float, str]:
    """Texts above the panel by the month that they are at."""
    return {
        float(each.xy[0]): each.get_text()
        for each in panel.get_children()
        if isinstance(each, Annotation)
    }


# --- months -------------------------------------------------------------------------------------
def test_every_month_is_drawn_from_nothing_with_both_bands() -> None:
    rows = curves()
    for panel, name in zip(drawn(rows), EXITS, strict=True):
        own = rows[rows["exit"] == name]
        [line] = [x for x in panel.get_lines() if len(x.get_xdata()) == 25]
        assert np.array_equal(line.get_xdata(), np.arange(25))
        np.testing.assert_allclose(line.get_ydata(), [0, *(100 * own["estimate"])], rtol=1e-12)
        # A band of 25 months is a polygon; its heights are those of the two ends.
        bands = [set(each.get_paths()[0].vertices[:, 1].round(9)) for each in panel.collections]
        for band, (low, high) in zip(
            bands, (("lower", "upper"), ("lower_50", "upper_50")), strict=True
        ):
            assert band == {0.0, *(100 * own[low]).round(9), *(100 * own[high]).round(9)}


# Exit e after 7 and 24 months: 0.7 (e + 1) and 2.4 (e + 1) per 100.
def test_marked_months_have_their_own_numbers() -> None:
    found = [numbers(panel) for panel in drawn(curves())]
    assert found == [
        {7.0: "+0.7", 24.0: "+2.4"},
        {7.0: "+1.4", 24.0: "+4.8"},
        {7.0: "+2.1", 24.0: "+7.2"},
    ]
    shifted = curves().assign(month=lambda rows: rows["month"] + 1)  # negative control: a month off
    assert [numbers(panel)[7.0] for panel in drawn(shifted)] == ["+0.6", "+1.2", "+1.8"]
    assert numbers(drawn(curves(), code="nb")[0]) == {7.0: "+0,7", 24.0: "+2,4"}


def test_dots_and_lines_stand_at_the_marked_months() -> None:
    for e, panel in enumerate(drawn(curves())):
        dots = [x for x in panel.get_lines() if x.get_marker() == "o"]
        places = [(float(x.get_xdata()[0]), float(x.get_ydata()[0])) for x in dots]
        assert places == [(7.0, pytest.approx(0.7 * (e + 1))), (24.0, pytest.approx(2.4 * (e + 1)))]
        upright = [x.get_xdata()[0] for x in panel.get_lines() if list(x.get_ydata()) == [0, 1]]
        assert upright == [7.0, 24.0]
        assert {0, 7, 24} <= set(panel.get_xticks())


def test_without_a_window_only_the_horizon_is_marked() -> None:
    assert numbers(drawn(curves(), (24,))[0]) == {24.0: "+2.4"}


def test_numbers_have_no_digit_finer_than_their_error() -> None:
    rough = curves().assign(mcse=0.003)  # 2.67 x 0.3 = 0.8 per 100
    assert numbers(drawn(rough)[1]) == {7.0: "+1", 24.0: "+5"}


@pytest.mark.parametrize("window", [1, 2, 7, 12, 21, 23])
def test_no_text_lies_on_another(window: int) -> None:
    figure = figures.more_or_earlier(curves(), ends=(window, 24), labels=LABELS)
    figure.draw_without_rendering()
    boxes = []
    for panel in figure.get_axes():
        texts = [x for x in panel.get_children() if isinstance(x, Annotation)]
        texts += [panel.title, panel._left_title, *panel.get_xticklabels()]
        boxes += [x.get_window_extent() for x in texts if x.get_text()]
    assert len(boxes) > 15
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert [a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]].count(True) == 0


def test_order_of_the_rows_changes_nothing(rng: np.random.Generator) -> None:
    rows = curves()
    by_exit = rows.groupby("exit", sort=False)
    mixed = pd.concat([own.iloc[rng.permutation(len(own))] for _, own in by_exit])
    assert picture(rows) == picture(mixed)
    other = rows.assign(
        exit=rows["exit"].map(dict(zip(EXITS, (*EXITS[1:], EXITS[0]), strict=True)))
    )
    assert picture(rows) != picture(other)  # negative control: exits swapped


def picture(rows: pd.DataFrame) -> bytes:
    figure = figures.more_or_earlier(rows, ends=(7, 24), labels=LABELS)
    return figures.rendered(figure, "svg")


def test_one_exit_alone_is_not_stretched() -> None:
    [alone] = drawn(curves(exits=EXITS[:1]))
    two = drawn(curves(exits=EXITS[:2]))
    assert alone.get_position().width == pytest.approx(two[0].get_position().width)


def test_months_in_words_by_hand() -> None:
    text = figures.more_or_earlier_text(curves(exits=EXITS[:1]), ends=(7, 24), labels=LABELS)
    assert text.replace("\u00a0", " ") == (
        "Applied: after 7 months +0.7 (−1.3 to +2.7) per 100; "
        "after 24 months +2.4 (+0.4 to +4.4) per 100."
    )


# --- levels -------------------------------------------------------------------------------------
def levels(names: Sequence[str] = ("Everybody", "Chad", "Others")) -> pd.DataFrame:
    """Exit e of level k is (e + 1) (k + 1) in a thousand."""
    rows = [
        {"exit": name, "level": level, "estimate": (e + 1) * (k + 1) / 1000}
        for e, name in enumerate(EXITS)
        for k, level in enumerate(names)
    ]
    return around(pd.DataFrame(rows))


def by_level(rows: pd.DataFrame) -> Figure:
    return figures.more_by_level(rows, labels=LABELS)


def dots(panel: Axes) -> PathCollection:
    [found] = [each for each in panel.collections if isinstance(each, PathCollection)]
    return found


def test_levels_stand_under_everybody_in_their_order() -> None:
    panels = by_level(levels()).get_axes()
    assert [label.get_text() for label in panels[0].get_yticklabels()] == [
        "Everybody",
        "Chad",
        "Others",
    ]
    for e, panel in enumerate(panels):
        low, high = panel.get_ylim()
        assert low > high  # the first is on top
        expected = [(0.1 * (e + 1) * (k + 1), k) for k in range(3)]
        np.testing.assert_allclose(dots(panel).get_offsets(), expected, rtol=1e-12)
        faces = [to_hex(each) for each in dots(panel).get_facecolors()]
        assert faces[0] == "#ffffff"
        assert "#ffffff" not in faces[1:]
        upright = [x.get_xdata()[0] for x in panel.get_lines()]
        assert upright == [0.0, pytest.approx(0.1 * (e + 1))]  # no difference; everybody


def test_levels_out_of_order_in_one_exit_keep_their_numbers() -> None:
    rows = levels()
    mixed = pd.concat([rows[rows["exit"] != "forced"], rows[rows["exit"] == "forced"].iloc[::-1]])
    panels = by_level(mixed).get_axes()
    np.testing.assert_allclose(
        dots(panels[2]).get_offsets(), [(0.3, 0), (0.6, 1), (0.9, 2)], rtol=1e-12
    )


def test_long_names_of_levels_stay_in_the_figure() -> None:
    figure = by_level(levels(["Everybody", "The Democratic Republic of the Congo", "Others"]))
    figure.draw_without_rendering()
    left = [each.get_window_extent().x0 for each in figure.get_axes()[0].get_yticklabels()]
    assert min(left) >= 0


def test_levels_in_words_by_hand() -> None:
    rows = levels()
    text = figures.more_by_level_text(rows[rows["exit"] == "forced"], labels=LABELS)
    assert text.replace("\u00a0", " ") == (
        "Returned: Everybody +0.3 (−1.7 to +2.3); Chad +0.6 (−1.4 to +2.6); "
        "Others +0.9 (−1.1 to +2.9)."
    )
