"""Descriptive figures: what they draw beside the printed values, and in which language."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from typer.testing import CliRunner

from four_families import NONE, four_families
from hazard import cli
from hazard.output import figures
from hazard.output.figures.panels import GROUPS
from hazard.studies import describe
from hazard.studies.describe import Description
from small_registers import random_registers, write

CODES = ("nb", "en")


def found() -> Description:
    return describe.describe(four_families(), NONE)


def draw(of: Description, code: str = "en") -> dict[str, Figure]:
    return figures.description(of.series, of.published, words=figures.description_words(code))


def diamonds(axes: Axes) -> list[tuple[float, float]]:
    """Places of what was printed."""
    own = [line for line in axes.lines if line.get_marker() == "D"]
    points = np.concatenate([line.get_xydata() for line in own])
    return [(float(x), float(y)) for x, y in points[np.isfinite(points).all(axis=1)]]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


# --- what is drawn --------------------------------------------------------------------------------
def test_every_figure_of_the_report_has_a_panel() -> None:
    drawn = {table for members in GROUPS.values() for table, _ in members}
    assert {f"Figure 2-{k}" for k in range(1, 15)} <= drawn


def test_printed_values_of_years_and_levels_by_hand() -> None:
    composition = draw(found())["composition"].axes
    # Irak is the first of two levels; printed are 20 percent of the families
    assert diamonds(composition[0]) == [pytest.approx((20, 0))]
    assert diamonds(composition[2]) == [pytest.approx((85, 0)), pytest.approx((5, 1))]
    # one forced return in eight months of the smaller families, none in the month of the larger
    by_size = draw(found())["exits_by_family_size"].axes
    assert diamonds(by_size[1]) == [pytest.approx((1.9, 0)), pytest.approx((2.7, 1))]
    assert {text.get_text() for text in by_size[1].texts} == {"12.5 (1.9)", "0 (2.7)"}


def test_band_of_years_by_hand() -> None:
    years = draw(found())["exits_by_year"].axes
    (band,) = years[0].patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.7, 2.6))
    assert years[0].get_ylim()[0] == 0
    # one scale for all three, and room for the highest of them
    assert len({axes.get_ylim() for axes in years}) == 1
    assert years[0].get_ylim()[1] > 20


def test_printed_values_are_those_of_the_table() -> None:
    """Negative control: another published table moves the diamonds, and only them."""
    right = found()
    other = Description(right.series, right.published.assign(published=0.5), right.privacy)
    ours, theirs = draw(right)["composition"].axes[2], draw(other)["composition"].axes[2]
    assert diamonds(theirs) == [pytest.approx((50, 0)), pytest.approx((50, 1))]
    assert diamonds(ours) != diamonds(theirs)
    widths = [[bar.get_width() for bar in axes.patches] for axes in (ours, theirs)]
    assert widths[0] == widths[1] == pytest.approx([50, 25, 25])


def test_number_and_printed_value_on_both_sides_of_zero() -> None:
    series = pd.DataFrame(
        {
            "table": "Table 2-2",
            "quantity": "relative_change",
            "exit": "disappeared",
            "level": ["centre 0-3", "nationality 0-3"],
            "year": pd.array([None, None], dtype="Int64"),
            "value": [-0.09, 0.02],
            "unit": "relative change",
        }
    )
    published = found().published
    (axes,) = figures.description(series, published)["after_forced_return"].axes
    assert [text.get_text() for text in axes.texts] == ["−9", "(+45)", "+2 (+17)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "same centre, 0–3 months ago",
        "same nationality, 0–3 months ago",
    ]
    assert diamonds(axes) == [pytest.approx((45, 0)), pytest.approx((17, 1))]


def test_nothing_printed_needs_no_key() -> None:
    bare = found()
    drawn = figures.description(bare.series, bare.published[:0])
    assert all(not figure.legends for figure in drawn.values())
    assert draw(bare)["composition"].legends


def test_names_that_the_words_do_not_know_stay(tmp_path: Path) -> None:
    rows = four_families().assign(
        exit=lambda panel: panel["exit"].cat.rename_categories({"forced": "arrest"}),
        nationality=lambda panel: panel["nationality"].cat.rename_categories({"Iran": "Atlantis"}),
    )
    drawn = draw(describe.describe(rows, NONE), "nb")
    assert {"arrest", "Atlantis", "Irak"} <= set(texts(drawn["exits_of_five_nationalities"]))


# --- text alternatives ----------------------------------------------------------------------------
def test_text_says_what_is_drawn_by_hand() -> None:
    of = found()
    said = figures.description_text(of.series, of.published)
    assert list(said) == list(draw(of))
    title, first, *_ = said["exits_by_year"].splitlines()
    assert title == "Families that leave in a month, year by year"
    assert first == (
        "Assisted return (Figure 2-5), percent per month: 2005: 0; 2006: 20.0. "
        "Printed: 0.7 in the lowest year, 2.6 in the highest."
    )
    words = figures.description_words("nb")
    norwegian = figures.description_text(of.series, of.published, words=words)
    assert norwegian["composition"].splitlines()[3] == (
        "Personer i familien (Figur 2-4), prosent av familiene: "
        "1: 50,0 (trykt: 85); 2: 25,0 (trykt: 5); 3: 25,0."
    )


# --- languages ------------------------------------------------------------------------------------
def test_languages_draw_the_same_numbers_in_other_words() -> None:
    of = found()
    nb, en = (draw(of, code) for code in CODES)
    assert list(nb) == list(en)
    for name, figure in nb.items():
        for left, right in zip(figure.axes, en[name].axes, strict=True):
            assert diamonds(left) == diamonds(right)
            assert [bar.get_bbox().bounds for bar in left.patches] == [
                bar.get_bbox().bounds for bar in right.patches
            ]
        shared = {text for text in texts(figure) if re.search("[a-z]{3}", text)} & set(
            texts(en[name])
        )
        assert shared <= {"Iran"}


@pytest.mark.parametrize(("code", "title"), [("nb", "Tvangsretur"), ("en", "Forced return")])
def test_command_writes_in_the_language_asked_for(
    code: str, title: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "in").mkdir()
    folder = write(random_registers(rng, 40), tmp_path / "in")
    out = tmp_path / "out"
    argv = ["describe", str(folder), "--out", str(out), "--lang", code]
    assert CliRunner().invoke(cli.app, argv).exit_code == 0
    assert title in (out / "exits_by_year.svg").read_text(encoding="utf-8")
    assert title in (out / "exits_by_year.txt").read_text(encoding="utf-8")


def test_another_panel_is_of_persons_without_the_report(tmp_path: Path) -> None:
    """The families above under exits of another field: no family, no printed value, no figure."""
    rows = four_families().drop(columns=["family_size", "large_family"])
    rows["exit"] = rows["exit"].cat.rename_categories({"assisted": "job"})
    of = describe.describe(rows, NONE)
    assert (of.people, len(of.published)) == ("persons", 0)
    for code, word in (("en", "famil"), ("nb", "famil")):
        words = figures.description_words(code, of.people)
        said = figures.description_text(of.series, of.published, words=words)
        assert {"families_by_year", "exits_by_year"} <= set(said)
        assert not any(word in text.lower() for text in said.values())
        assert not any("2016" in text or "2-" in text for text in said.values())
        drawn = figures.description(of.series, of.published, words=words)
        assert not any("igur" in text for figure in drawn.values() for text in texts(figure))
    plain = figures.description_text(of.series, of.published)
    assert "Families" in plain["families_by_year"]  # negative control
