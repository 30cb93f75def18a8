"""Round numbers of every unit of time, and the words of a panel in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hazard import brief, fitting, languages, spec, units
from hazard.cli import app
from hazard.output import figures
from hazard.predictive import CheckSettings
from small_runs import small_run

UNITS = ("day", "week", "fortnight", "month", "quarter", "year", "grade")


@pytest.mark.parametrize(
    ("unit", "last", "printed", "compared", "headline"),
    [
        ("day", 1799, (90, 180, 365, 1799), 180, (180, 365)),
        ("day", 24, (7, 24), 7, (24,)),
        ("week", 52, (4, 13, 26, 52), 26, (26, 52)),
        ("fortnight", 26, (2, 6, 13, 26), 13, (13, 26)),
        ("month", 24, (6, 12, 24), 12, (12, 24)),
        ("month", 240, (6, 12, 24, 240), 12, (12, 24)),
        ("month", 18, (6, 12, 18), 12, (12,)),
        ("quarter", 20, (4, 8, 12, 20), 8, (12, 20)),
        ("year", 38, (5, 10, 20, 38), 10, (10, 20)),
        ("grade", 6, (2, 5, 6), 2, (5,)),
    ],
)
def test_numbers_that_are_printed(
    unit: str, last: int, printed: tuple[int, ...], compared: int, headline: tuple[int, ...]
) -> None:
    assert units.printed(last, unit) == printed
    assert units.compared(last, unit) == compared
    assert units.headline(last, unit) == headline


@hypothesis.given(last=st.integers(1, 3000), unit=st.sampled_from(UNITS))
def test_somebody_is_at_risk_at_whatever_is_printed(last: int, unit: str) -> None:
    printed = units.printed(last, unit)
    assert list(printed) == sorted(set(printed))
    assert printed[-1] == last
    assert len(printed) <= 4
    assert units.followed(last, unit) <= last
    assert all(1 <= number <= last for number in units.headline(last, unit))
    found = CheckSettings.for_panel(last, unit)
    assert unit == "month" or 1 <= found.month <= found.last <= last
    starts = [*units.classes(unit).values()]
    assert starts == sorted(set(starts))
    assert starts[0] == 1


def test_months_are_as_they_were() -> None:
    """The numbers of the published study are printed after 6, 12 and 24 months."""
    assert [units.printed(n) for n in (24, 5, 240)] == [(6, 12, 24), (5,), (6, 12, 24, 240)]
    assert (CheckSettings().month, CheckSettings().last) == (12, 24)
    assert (
        CheckSettings.for_panel(24, "month")
        == CheckSettings.for_panel(138, "month")
        == CheckSettings()
    )


# --- words --------------------------------------------------------------------------------------
def named(unit: str) -> str:
    """A brief, in English, of a run in another unit of time; no figure is read."""
    run = small_run("mgus2")
    model = run.spec.model_copy(update={"table": run.spec.table.model_copy(update={"unit": unit})})
    return brief.html(replace(run, spec=model), "en")


@pytest.mark.parametrize("unit", ["day", "fortnight", "quarter", "semester", "wave"])
def test_a_brief_has_the_plural_of_its_unit(unit: str) -> None:
    page = named(unit)
    assert f"{units.plural(unit)}" in page
    assert f"within 24 {unit} " not in page
    assert "within 24 months" not in page
    assert "month" not in page.lower().replace("months at risk", "").partition("<style>")[0]


@pytest.mark.parametrize("unit", [*UNITS, "wave"])
def test_units_have_words_in_every_language(unit: str) -> None:
    for code in languages.codes():
        found = languages.unit(unit, code)
        assert all(found)
        assert "{" not in "".join(found)
    assert languages.unit("day") == ("day", "days", "the first day")
    assert languages.unit("day", "nb") == ("dag", "dager", "den første dagen")
    assert languages.unit("wave", "nb").several == "perioder (waves)"


def test_one_unit_is_not_several() -> None:
    run = small_run("mgus2")
    kept = run.estimates[run.estimates["month"].isna() | run.estimates["month"].le(1)]
    page = brief.html(replace(run, estimates=kept), "en")
    assert "within 1 month." in page
    assert "1 months" not in page


# --- the command of the survival analysis -------------------------------------------------------
DAILY = """
name = "daily"
question = "How soon do they leave?"
[table]
unit = "day"
[outcome]
exits = ["out"]
"""


@pytest.fixture
def daily(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Rows of 150 persons with a column that the model does not name, and the model file."""
    length = rng.integers(20, 120, 150)
    rows = pd.DataFrame({"person": np.repeat(np.arange(150), length)})
    rows["month"] = rows.groupby("person").cumcount() + 1
    last = ~rows["person"].duplicated(keep="last")
    rows["exit"] = np.where(last & (rows["person"] % 3 > 0), "out", "stay")
    rows["team"] = np.where(rows["person"] % 2, "red", "blue")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "daily.toml").write_text(DAILY, encoding="utf-8")
    return tmp_path


def called(*argv: object) -> object:
    return CliRunner().invoke(app, [str(each) for each in argv])


def test_survival_speaks_of_days_and_reads_the_column_that_it_compares(daily: Path) -> None:
    options = ["survival", daily / "daily.toml", "--panel", daily / "rows.csv"]
    found = called(*options, "--by", "team", "--out", daily / "out")
    assert found.exit_code == 0, found.output
    assert "day 30: " in found.output
    assert "day 90: " in found.output
    assert "month" not in found.output
    assert set(pd.read_csv(daily / "out" / "gray.csv")["by"]) == {"team"}
    alone = called(*options, "--out", daily / "alone")
    both = [pd.read_csv(daily / name / "cox.csv") for name in ("out", "alone")]
    pd.testing.assert_frame_equal(*both)  # what is compared does not enter the model
    assert alone.exit_code == 0


def test_a_column_that_is_nowhere_is_named(daily: Path) -> None:
    options = ["survival", daily / "daily.toml", "--panel", daily / "rows.csv"]
    found = called(*options, "--by", "taem", "--out", daily / "out")
    assert "'taem'" in str(found.exception)
    assert "Did you mean 'team'?" in str(found.exception)
    assert not (daily / "out").exists()


def test_a_column_is_read_as_the_model_has_it(daily: Path) -> None:
    model = spec.read(str(daily / "daily.toml"))
    path = daily / "rows.csv"
    plain = fitting.panel_from_table(path, model).frame
    more = fitting.panel_from_table(path, model, ["team"]).frame
    pd.testing.assert_frame_equal(more.drop(columns="team"), plain)
    assert sorted(more["team"].unique()) == ["blue", "red"]


def test_words_of_the_survival_figure() -> None:
    words = figures.survival_words("fortnight")
    assert words["month_axis"].format(Units=words["units"].capitalize()) == "Fortnights at risk"
    assert words["month"].format(unit=words["unit"], month=3, percent="4") == "fortnight 3: 4"
