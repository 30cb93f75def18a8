"""The classical survival analysis of a panel: its tables, its figure and its command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_panels
from small_panels import AGE, BASELINE, CENTRE, NORMAL, SEX, VISIT, WALK
from typer.testing import CliRunner, Result

from hazard import classical, cli, design
from hazard.baselines import aalen_johansen, cox, fine_gray, gray
from hazard.classical import Classical
from hazard.errors import DesignError, EstimandError
from hazard.figures import rendered
from hazard.figures.survival import survival_curves, survival_curves_text
from hazard.pipeline import Rows
from hazard.spec import ModelSpec

MODEL = small_panels.model(
    BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + NORMAL, VISIT + WALK, exits=2
)


def small_rows(rng: np.random.Generator, spec: ModelSpec = MODEL) -> Rows:
    made = small_panels.small_panel(spec, rng, persons=150)
    return Rows(made.panel, made.histories, pd.DataFrame(), "table")


@pytest.fixture
def found(rng: np.random.Generator) -> Classical:
    return classical.analyse(small_rows(rng), MODEL, by="sex")


def test_tables_hold_what_the_estimators_found(rng: np.random.Generator) -> None:
    rows = small_rows(rng)
    found = classical.analyse(rows, MODEL, by="sex")
    built = design.build(rows.panel, rows.histories, MODEL)
    fit = cox.fit(built, rows.panel)
    pd.testing.assert_frame_equal(found.cox[fit.table().columns], fit.table())
    np.testing.assert_allclose(found.cox["ratio"], np.exp(found.cox["estimate"]), rtol=1e-12)
    assert found.gray is not None
    tested = gray.fit(rows.panel, "sex")
    pd.testing.assert_frame_equal(found.gray[tested.columns], tested)
    counted = aalen_johansen.fit(rows.panel[rows.panel["sex"] == "male"])
    own = found.incidence.query(
        "group == 'male' and estimator == 'Aalen-Johansen' and exit == 'assisted'"
    )
    expected = counted["cumulative_incidence"].sel(exit="assisted")
    np.testing.assert_allclose(own["estimate"].astype(float), expected, rtol=1e-12)


def test_terms_of_each_model(found: Classical) -> None:
    assert set(found.cox["term"]) == {"sex", "age", "centre", "visit_centre"}
    assert set(found.fine_gray["term"]) == {"sex", "age"}
    told = found.remarks.groupby("estimator")["remark"].agg(" ".join)
    assert "Changes within persons, left out: visit_centre." in told["Fine-Gray"]
    assert "Changes within persons, left out: centre." in told["Fine-Gray"]
    assert "months before the start of the register" in told["Cox"]


def test_rows_without_a_history_count_where_no_history_is_needed(rng: np.random.Generator) -> None:
    rows = small_rows(rng)
    plain = small_panels.model(SEX + NORMAL, AGE + NORMAL, exits=2)
    expected = fine_gray.fit(design.build(rows.panel, {}, plain), rows.panel).table()
    found = classical.analyse(rows, MODEL).fine_gray
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-9)
    fewer = design.build(rows.panel, rows.histories, MODEL)
    assert len(fewer.row) < len(rows.panel)
    other = fine_gray.fit(fewer, rows.panel).table()
    assert not np.allclose(other["estimate"], expected["estimate"], rtol=1e-3)


def test_life_table_balances_in_every_group(found: Classical) -> None:
    for _, own in found.life_table.groupby("group"):
        lost = own["n_censored"] + own["n_assisted"] + own["n_disappeared"]
        after = (own["n_at_risk"] - lost).shift(fill_value=0) + own["n_entered"]
        assert (after == own["n_at_risk"]).all()
    groups = found.life_table[found.life_table["group"] != "all"].groupby("month")["n_at_risk"]
    whole = found.life_table[found.life_table["group"] == "all"].set_index("month")["n_at_risk"]
    assert (groups.sum() == whole).all()


def test_without_groups_there_is_no_test(rng: np.random.Generator) -> None:
    found = classical.analyse(small_rows(rng), MODEL)
    assert "gray" not in found.tables
    assert set(found.incidence["group"]) == {"all"}


def test_model_without_terms_says_why_there_is_no_fit(rng: np.random.Generator) -> None:
    spec = small_panels.model(BASELINE + WALK, exits=2)
    found = classical.analyse(small_rows(rng, spec), spec)
    assert len(found.cox) == len(found.fine_gray) == 0
    assert found.remarks["estimator"].tolist() == ["Cox", "Fine-Gray"]
    assert found.remarks["remark"].str.startswith("model must have a term").all()


def test_refuses_columns_that_make_no_groups(rng: np.random.Generator) -> None:
    rows = small_rows(rng)
    one = Rows(rows.panel.assign(same="a"), rows.histories, rows.flow, rows.source)
    with pytest.raises(EstimandError, match=r"^panel column 'same' must have 2 to 12 .*got 1\."):
        classical.analyse(one, MODEL, by="same")
    with pytest.raises(EstimandError, match=r"^panel column 'person' must have 2 to 12.*got 150\."):
        classical.analyse(rows, MODEL, by="person")
    with pytest.raises(EstimandError, match=r"^panel column 'centre' must be the same in all"):
        classical.analyse(rows, MODEL, by="centre")
    with pytest.raises(DesignError, match=r"Did you mean 'sex'\?$"):
        classical.analyse(rows, MODEL, by="sexx")


# --- the figure ---------------------------------------------------------------------------------
def test_figure_shows_groups_and_says_their_numbers(found: Classical) -> None:
    figure = survival_curves(found.incidence, labels={"assisted": "Assisted return"})
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["still there", "Assisted return", "disappeared"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "a level",
        "male",
        "zz level",
    ]
    steps = {(row.group, row.exit, row.month): row.estimate for row in found.incidence.itertuples()}
    lines = figure.axes[1].get_lines()
    assert len(lines) == 3
    assert lines[1].get_ydata()[4] == pytest.approx(steps["male", "assisted", 4], abs=1e-12)
    assert rendered(figure, "svg") == rendered(figure, "svg")
    text = survival_curves_text(found.incidence, months=(4,))
    percent = 100 * float(steps["male", "assisted", 4])
    assert (
        f"male month 4: {percent:.1f} ("
        in text.split("left assisted")[1].split("left disappeared")[0]
    )


def test_figure_without_groups_shows_what_the_kaplan_meier_of_an_exit_is_not(
    rng: np.random.Generator,
) -> None:
    found = classical.analyse(small_rows(rng), MODEL)
    figure = survival_curves(found.incidence)
    exact, other = figure.axes[1].get_lines()
    assert (np.asarray(other.get_ydata()) >= np.asarray(exact.get_ydata()) - 1e-12).all()
    assert float(other.get_ydata()[-1]) > float(exact.get_ydata()[-1])
    assert "is not the share that leaves" in figure.legends[0].get_texts()[1].get_text()
    assert len(figure.axes[0].get_lines()) == 1


def test_figure_of_few_persons_is_drawn_to_the_end(rng: np.random.Generator) -> None:
    made = small_panels.small_panel(MODEL, rng, persons=9)
    plain = small_panels.model(BASELINE + WALK, exits=2)
    found = classical.analyse(Rows(made.panel, {}, pd.DataFrame(), "table"), plain)
    figure = survival_curves(found.incidence)
    last = int(found.incidence["month"].max())
    assert figure.axes[0].get_lines()[0].get_xdata()[-1] == last
    assert f"month {last}: " in survival_curves_text(found.incidence, months=(600,))


# --- the command --------------------------------------------------------------------------------
def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["survival", *map(str, arguments)])


def test_command_writes_everything_or_nothing(shared: Path, tmp_path: Path) -> None:
    panel = shared / "data" / "mgus2.csv"
    done = call("mgus2", "--panel", panel, "--by", "sex", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {"life_table", "incidence", "gray", "cox", "fine_gray", "remarks"}
    figures = {"survival.png", "survival.svg", "survival.txt"}
    assert names == {f"{name}.csv" for name in tables} | figures
    fitted = pd.read_csv(tmp_path / "out" / "cox.csv").set_index(["exit", "term"])
    reference = pd.read_csv(Path(__file__).parent / "reference" / "cox.csv")
    wanted = reference.query("data == 'mgus2' and estimator == 'efron' and term == 'age'")
    for _, row in wanted.iterrows():
        assert fitted.loc[(row["exit"], "age"), "estimate"] == pytest.approx(row["estimate"])
    done = call("mgus2", "--panel", panel, "--by", "age", "--out", tmp_path / "age")
    assert isinstance(done.exception, EstimandError)
    assert str(done.exception).startswith("panel column 'age' must have 2 to 12 levels")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
