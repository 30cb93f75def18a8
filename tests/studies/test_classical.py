"""The classical survival analysis of a panel: its tables, its figure and its command."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import classical_panels
import small_panels
from hazard import cli
from hazard.baselines import aalen_johansen, cox, fine_gray, gray
from hazard.errors import DesignError, EstimandError
from hazard.fitting import Panel
from hazard.languages import translated_remark
from hazard.model import design
from hazard.output.figures import rendered
from hazard.output.figures.survival import survival_curves, survival_curves_text
from hazard.spec import ModelSpec
from hazard.studies import classical
from hazard.studies.classical import Classical
from pages import english, numbers
from places import REFERENCE
from small_panels import AGE, BASELINE, CENTRE, NORMAL, SEX, VISIT, WALK

MODEL = small_panels.model(
    BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + NORMAL, VISIT + WALK, exits=2
)


def small_rows(rng: np.random.Generator, spec: ModelSpec = MODEL) -> Panel:
    made = small_panels.small_panel(spec, rng, persons=150)
    return Panel(made.panel, made.histories, pd.DataFrame(), "table")


@pytest.fixture
def found(rng: np.random.Generator) -> Classical:
    return classical.analyse(small_rows(rng), MODEL, by="sex")


def test_tables_hold_what_the_estimators_found(rng: np.random.Generator) -> None:
    rows = small_rows(rng)
    found = classical.analyse(rows, MODEL, by="sex")
    built = design.build(rows.frame, rows.histories, MODEL)
    fit = cox.fit(built, rows.frame)
    pd.testing.assert_frame_equal(found.cox[fit.table().columns], fit.table())
    np.testing.assert_allclose(found.cox["ratio"], np.exp(found.cox["estimate"]), rtol=1e-12)
    assert found.gray is not None
    tested = gray.fit(rows.frame, "sex")
    pd.testing.assert_frame_equal(found.gray[tested.columns], tested)
    counted = aalen_johansen.fit(rows.frame[rows.frame["sex"] == "male"])
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
    expected = fine_gray.fit(design.build(rows.frame, {}, plain), rows.frame).table()
    found = classical.analyse(rows, MODEL).fine_gray
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-9)
    fewer = design.build(rows.frame, rows.histories, MODEL)
    assert len(fewer.row) < len(rows.frame)
    other = fine_gray.fit(fewer, rows.frame).table()
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
    one = Panel(rows.frame.assign(same="a"), rows.histories, rows.flow, rows.source)
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
    found = classical.analyse(Panel(made.panel, {}, pd.DataFrame(), "table"), plain)
    figure = survival_curves(found.incidence)
    last = int(found.incidence["month"].max())
    assert figure.axes[0].get_lines()[0].get_xdata()[-1] == last
    assert f"month {last}: " in survival_curves_text(found.incidence, months=(600,))


# --- the command --------------------------------------------------------------------------------
def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["survival", *map(str, arguments)])


def test_command_writes_everything_or_nothing(
    public: Callable[[str], Path], tmp_path: Path
) -> None:
    panel = public("mgus2")
    done = call("mgus2", "--panel", panel, "--by", "sex", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {"life_table", "incidence", "gray", "cox", "fine_gray", "remarks"}
    figures = {"survival.png", "survival.svg", "survival.txt"}
    assert names == {f"{name}.csv" for name in tables} | figures | {
        "manifest.json",
        "manifest.sha256",
    }
    fitted = pd.read_csv(tmp_path / "out" / "cox.csv").set_index(["exit", "term"])
    reference = pd.read_csv(REFERENCE / "cox.csv")
    wanted = reference.query("data == 'mgus2' and estimator == 'efron' and term == 'age'")
    for _, row in wanted.iterrows():
        assert fitted.loc[(row["exit"], "age"), "estimate"] == pytest.approx(row["estimate"])
    done = call("mgus2", "--panel", panel, "--by", "age", "--out", tmp_path / "age")
    assert isinstance(done.exception, EstimandError)
    assert str(done.exception).startswith("panel column 'age' must have 2 to 12 levels")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- small tables that are difficult ------------------------------------------------------------
HEADER = 'name = "m"\nquestion = "what is left to say?"\n[outcome]\nexits = {}\n'
COVARIATE = (
    '[[term]]\nkind = "covariate"\ncolumn = "{}"\n'
    'prior = {{ family = "normal", scale = 1.0, reason = "an example only" }}\n'
)


TIMES = 10


def analysed(
    rows: str,
    folder: Path,
    *,
    exits: tuple[str, ...] = ("a",),
    by: str | None = None,
    lang: str = "en",
) -> tuple[Result, dict[str, pd.DataFrame]]:
    """The command on a table given as text, whose columns after the third are covariates.

    Every person of the text is ten persons of the table, the fewest of whom a command tells.
    """
    head, *lines = rows.split()
    columns = head.split(",")[3:]
    rows = "\n".join([head, *(f"{n}{line}" for line in lines for n in range(TIMES))])
    text = HEADER.format(list(exits)) + "".join(COVARIATE.format(name) for name in columns)
    (folder / "m.toml").write_text(text, encoding="utf-8")
    (folder / "p.csv").write_text("\n".join(rows.split()) + "\n", encoding="utf-8")
    out = folder / "out"
    options = ["--lang", lang, *([] if by is None else ["--by", by])]
    done = call(folder / "m.toml", "--panel", folder / "p.csv", "--out", out, *options)
    return done, {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}


NOBODY = (
    "person,month,exit,x 1,1,stay,0 2,1,stay,1",
    "person,month,exit,x 1,1,stay,0 2,1,stay,1 2,2,stay,1 3,1,stay,0",
)


@pytest.mark.parametrize("rows", NOBODY)
def test_nobody_leaves(rows: str, tmp_path: Path) -> None:
    done, found = analysed(rows, tmp_path)
    assert done.exit_code == 0, done.output
    staying = found["incidence"].query("quantity == 'survival'")
    leaving = found["incidence"].query("quantity == 'cumulative_incidence'")
    assert (staying["estimate"] == 1).all()
    assert (leaving["estimate"] == 0).all()
    fewest = staying.groupby("exit")["n_at_risk"].cummin()
    np.testing.assert_allclose(staying["lower"], 0.025 ** (1 / fewest), rtol=1e-12)
    np.testing.assert_allclose(leaving["upper"], 1 - staying["lower"][: len(leaving)], rtol=1e-12)
    assert "everybody: Nobody leaves: the curves are flat" in done.output
    assert "Cox: No exit 'a' among the rows." in done.output
    assert "Warning" not in done.output


# month  A at risk     B at risk          nobody of B is seen in month 2; all of A leave in month 3
#     1  1 2           3 leaves
#     2  1 2
#     3  2 leaves      4 5
#     4                4 leaves
GAP = (
    "person,month,exit,x,g 1,1,stay,0,A 1,2,stay,0,A 2,1,stay,1,A 2,2,stay,1,A 2,3,a,1,A "
    "3,1,a,0,B 4,3,stay,1,B 4,4,a,1,B 5,3,stay,0,B"
)


def test_month_without_anybody_at_risk_in_a_group(tmp_path: Path) -> None:
    done, found = analysed(GAP, tmp_path, by="g")
    assert done.exit_code == 0, done.output
    sentence = "B: Nobody is at risk in month 2, and the curves end with month 1"
    assert sentence in done.output
    assert found["remarks"]["remark"].str.startswith(sentence).sum() == 1
    life = found["life_table"].set_index(["group", "month"])
    assert life.loc["B", "n_at_risk"].tolist() == [10, 0, 20, 10]
    assert life.loc["all", "n_at_risk"].tolist() == [30, 20, 30, 10]
    curves = found["incidence"].query("estimator == 'Aalen-Johansen'").set_index(["group", "month"])
    assert curves.loc["B"].index.tolist() == [1]
    assert curves.loc["A", "estimate"].tolist() == [0.0, 0.0, 1.0]
    expected = [1 / 3, 1 / 3, 5 / 9, 1.0]
    np.testing.assert_allclose(curves.loc["all", "estimate"], expected, rtol=1e-12)


def test_month_without_anybody_at_risk_at_all(tmp_path: Path) -> None:
    rows = "person,month,exit,x,g 1,1,stay,0,B 1,3,stay,0,B 2,1,stay,1,A 2,3,a,1,A"
    done, found = analysed(rows, tmp_path)
    assert done.exit_code == 0, done.output
    assert "everybody: Nobody is at risk in month 2, and the curves end with month 1" in done.output
    assert found["incidence"]["month"].unique().tolist() == [1]
    assert found["life_table"]["n_a"].tolist() == [0, 0, 10]


def test_nobody_at_risk_in_the_first_months_is_said(tmp_path: Path) -> None:
    rows = "person,month,exit,x 1,3,a,-0.6 3,3,stay,-1.8 9,3,stay,-0.5 9,4,stay,-0.5"
    done, found = analysed(rows, tmp_path)
    assert "everybody: Nobody is at risk before month 3; the curves are of those" in done.output
    curve = found["incidence"].query("estimator == 'Aalen-Johansen'")
    assert curve["month"].tolist() == [3, 4]
    np.testing.assert_allclose(curve["estimate"], 1 / 3, rtol=1e-12)


@pytest.mark.parametrize(
    ("rows", "by"), [(NOBODY[0], None), (NOBODY[1], None), (GAP, "g"), (GAP, None)]
)
def test_the_command_in_norwegian(rows: str, by: str | None, tmp_path: Path) -> None:
    """The same tables and the same numbers in other words, remarks of the models too."""
    folders = {lang: tmp_path / lang for lang in ("en", "nb")}
    for folder in folders.values():
        folder.mkdir()
    done = {lang: analysed(rows, folders[lang], by=by, lang=lang)[0] for lang in folders}
    said = {lang: done[lang].stdout.replace(str(folders[lang]), "") for lang in folders}
    assert numbers(said["nb"], "nb") == numbers(said["en"], "en")
    assert english(said["nb"]) == []
    assert len(english(said["en"])) > 2  # negative control
    assert said["nb"].splitlines()[-1].startswith("Skrevet til")
    text, drawn = (
        (folders["nb"] / "out" / f"survival.{kind}").read_text(encoding="utf-8")
        for kind in ("txt", "svg")
    )
    assert text.startswith("Fortsatt der (overlevelse), prosent: ")
    assert "Kumulativ insidens av «a», prosent: " in text
    assert "Måneder under risiko" in drawn
    assert english(re.sub(r"<style.*?</style>|<[^>]*>", " ", drawn, flags=re.DOTALL)) == []
    for path in folders["nb"].glob("out/*.csv"):
        assert path.read_bytes() == (folders["en"] / "out" / path.name).read_bytes()


TAKEN = ("at_risk", "entered", "censored", "survival", "month", "n_at_risk", "exit", "group")


@pytest.mark.parametrize("names", [TAKEN[:2], TAKEN[2:4], TAKEN[4:6], TAKEN[6:]])
def test_exits_called_like_columns(names: tuple[str, ...], tmp_path: Path) -> None:
    rows = f"person,month,exit,x 1,1,stay,0 1,2,{names[0]},0 2,1,{names[1]},1 3,1,stay,0"
    rows += " 3,2,stay,0"
    done, found = analysed(rows, tmp_path, exits=names)
    assert done.exit_code == 0, done.output
    life = found["life_table"]
    assert life["n_at_risk"].tolist() == [30, 20]
    assert life["n_entered"].tolist() == [30, 0]
    assert life["n_censored"].tolist() == [0, 10]
    own = [f"n_exits_{n}" if f"n_exits_{n}" in life else f"n_{n}" for n in names]
    assert life[own].to_numpy().tolist() == [[0, 10], [10, 0]]


def test_refuses_names_that_stand_for_all(tmp_path: Path) -> None:
    done, _ = analysed("person,month,exit,x 1,1,any,0 2,1,stay,1", tmp_path, exits=("any",))
    assert isinstance(done.exception, EstimandError)
    assert str(done.exception).startswith("exits must not be called 'any'")
    done, _ = analysed("person,month,exit,g 1,1,a,all 2,1,stay,B", tmp_path, by="g")
    assert isinstance(done.exception, EstimandError)
    assert str(done.exception).startswith("panel column 'g' must not have a level 'all'")


# --- any small panel ----------------------------------------------------------------------------
LIVES = st.lists(
    st.tuples(
        st.sets(st.integers(1, 6), min_size=1, max_size=4),
        st.sampled_from(["stay", "a", "b"]),
        st.sampled_from([-1e9, 0.0, 0.5, 1.0, 3e4]),
        st.sampled_from(["A", "B", "C"]),
    ),
    min_size=1,
    max_size=10,
)
SPEC = classical_panels.model(["a", "b"], "x", "g")


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES)
def test_life_table_and_curves_of_any_panel(
    lives: list[tuple[set[int], str, float, str]],
) -> None:
    """Against every person counted by hand, with gaps anywhere; models have rows or a remark."""
    rows = [
        (i, month, exit_ if month == max(seen) else "stay", x, g)
        for i, (seen, exit_, x, g) in enumerate(lives)
        for month in sorted(seen)
    ]
    panel = pd.DataFrame(rows, columns=["person", "month", "exit", "x", "g"])
    panel["exit"] = pd.Categorical(panel["exit"], ["stay", "a", "b"])
    by = "g" if len(panel["g"].unique()) > 1 else None
    found = classical.analyse(Panel(panel, {}, pd.DataFrame(), "table"), SPEC, by=by)
    for group, life in found.life_table.groupby("group"):
        own = panel if group == "all" else panel[panel["g"] == group]
        staying, ended = 1.0, False
        curve = found.incidence.query("group == @group and exit == 'any'").set_index("month")
        for row in life.itertuples():
            here = own[own["month"] == row.month]
            assert (row.n_at_risk, row.n_a) == (len(here), (here["exit"] == "a").sum())
            ended |= not len(here) and bool((own["month"] < row.month).any())
            staying *= 1 - (here["exit"] != "stay").mean() if len(here) else 1.0
            if ended or not len(here):
                assert row.month not in curve.index
            else:
                value = curve.loc[row.month]
                assert value["estimate"] == pytest.approx(staying, abs=1e-12)
                assert value["lower"] <= value["estimate"] + 1e-12 <= value["upper"] + 2e-12
    for fitted, name in ((found.cox, "Cox"), (found.fine_gray, "Fine-Gray")):
        said = found.remarks.loc[found.remarks["estimator"] == name, "remark"]
        assert len(fitted) or len(said)
        bad = ~np.isfinite(fitted["estimate"].astype(float))
        assert not bad.any() or len(said) > 1
    assert survival_curves_text(found.incidence)
    for remark in found.remarks["remark"]:
        refused = " must " in remark  # an error, which is English everywhere
        assert refused or remark == "Ties after Efron." or translated_remark(remark, "nb") != remark
