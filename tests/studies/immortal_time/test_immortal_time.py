"""Ever treated against treated so far: by hand, by identities, and on samples with a known effect.

The kinds of test are by hand, identity, reference, metamorphic and recovery; every statistical one
has a control beside it that must fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import typer.testing
from matplotlib.text import Text

from hazard import cli, fitting, languages, spec
from hazard.baselines import multinomial_logit
from hazard.data import exposures
from hazard.data.contracts import check_panel
from hazard.errors import DomainError, PanelError, SpecError
from hazard.model import design
from hazard.months import month_number
from hazard.output import figures
from hazard.studies import immortal_time
from hazard.studies.immortal_time import Question, TalkPopulation
from hazard.studies.immortal_time.draws import NEVER
from hazard.studies.immortal_time.person_rows import ever_coded
from hazard.studies.immortal_time.published import N_OTHERS, nationalities
from hazard.studies.immortal_time.study import monthly_cells
from hazard.studies.immortal_time.talks import EXITS
from jackknife_refits import jackknife, refit_least_squares
from pages import english, numbers

QUESTION = Question("talk", "assisted", "nationality")
MODEL = spec.read("orientation_talk")
FIVE = 5.0  # standard errors: a test of this size fails once in two million
RUNNER = typer.testing.CliRunner()


def small(talk: Sequence[float], *, leave: Sequence[float] = (0.1, 0.06, 0.04)) -> TalkPopulation:
    """One nationality, everybody there from the first of ``len(talk)`` months."""
    months = len(talk)
    return TalkPopulation(
        ("any",),
        np.array([20_000]),
        np.array([leave]),
        np.eye(1, months)[0],
        np.array([talk]),
        np.zeros(months, dtype=np.int64),
    )


@cache
def published_world() -> TalkPopulation:
    return immortal_time.talk_population()


@cache
def null_study() -> pd.DataFrame:
    return immortal_time.study(published_world(), replications=12, seed=1)


@cache
def planted_study() -> pd.DataFrame:
    world = immortal_time.with_odds_ratio(published_world(), 1.5)
    return immortal_time.study(world, replications=12, seed=2)


@cache
def spread_of_assumptions() -> pd.DataFrame:
    return immortal_time.assumptions()


def one(table: pd.DataFrame, name: str, term: str, sample: str = "all") -> pd.Series:
    keys = (table["design"] == name) & (table["term"] == term) & (table["sample"] == sample)
    [(_, row)] = table[keys].iterrows()
    return row


# --- what least squares tends to ----------------------------------------------------------------
def test_limit_with_one_month_of_talks_by_hand() -> None:
    # hazards 1/10 of the exit and 1/5 of leaving, talks with probability 3/10 in month 4 of 10
    a, h, q, s, months = Fraction(1, 10), Fraction(1, 5), Fraction(3, 10), 4, 10
    treated = q * (1 - h) ** (s - 1)
    exit_of_treated = a / h * (1 - (1 - h) ** (months - s + 1))
    exit_of_all = a / h * (1 - (1 - h) ** months)
    exit_of_others = (exit_of_all - treated * exit_of_treated) / (1 - treated)

    found = immortal_time.expected_shares(small([0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0]))

    assert found.treated.item() == pytest.approx(float(treated), abs=1e-14)
    assert found.assisted.item() == pytest.approx(float(exit_of_all), abs=1e-14)
    expected = float(exit_of_treated - exit_of_others)
    assert expected < -0.04
    assert immortal_time.pooled_limit(found) == pytest.approx([expected], abs=1e-13)


def test_limit_is_zero_when_talks_are_at_the_start() -> None:
    """No immortal time: who is talked to is known before anybody can leave."""
    at_start = immortal_time.expected_shares(small([0.3, *[0.0] * 19]))
    assert immortal_time.pooled_limit(at_start) == pytest.approx([0.0], abs=1e-14)
    later = immortal_time.expected_shares(small([0.0, 0.0, 0.3, 0.0, 0.0, 0.0]))  # negative control
    assert immortal_time.pooled_limit(later)[0] < -0.01


def test_limit_is_zero_with_endless_follow_up_and_constant_rates() -> None:
    # 0.8 to the 200th power, who are still there, is below 1e-19
    endless = immortal_time.expected_shares(small([0.1] * 200))
    assert immortal_time.pooled_limit(endless) == pytest.approx([0.0], abs=1e-13)
    ended = immortal_time.expected_shares(small([0.1] * 10))  # negative control
    assert immortal_time.pooled_limit(ended)[0] < -0.01


def test_limits_are_those_of_regressions_on_all_groups() -> None:
    """Reference: weighted least squares of numpy over every group of persons."""
    of = published_world()
    found = immortal_time.expected_shares(of)
    rows = []
    for place, n in enumerate(of.persons):
        shares = np.append(found.treated[place], 1 - found.treated[place].sum())
        both = found.assisted_treated[place]
        both = np.append(both, found.assisted[place] - both.sum())
        for group in range(3):
            for outcome, share in ((1, both[group]), (0, shares[group] - both[group])):
                rows.append((place, group == 0, group == 1, outcome, n * share))
    place, first, second, outcome, weight = np.array(rows, dtype=float).T
    root = np.sqrt(weight)
    constant, dummies = np.ones((len(root), 1)), np.eye(len(of.persons))[place.astype(int)]
    for rest, limit in (
        (constant, immortal_time.pooled_limit(found)),
        (dummies, immortal_time.within_limit(found)),
    ):
        x = np.column_stack([first, second, rest]) * root[:, None]
        solved = np.linalg.lstsq(x, outcome * root, rcond=None)[0][:2]
        assert limit == pytest.approx(solved, abs=1e-11)


# --- calibration --------------------------------------------------------------------------------
def test_world_has_the_printed_shares() -> None:
    of, printed = published_world(), nationalities()
    found = immortal_time.expected_shares(of)
    assert found.treated.sum(axis=1) == pytest.approx(printed["talk"].to_numpy(), abs=1e-9)
    assert found.assisted == pytest.approx(printed["assisted"].to_numpy(), abs=1e-12)
    assert of.persons @ found.treated == pytest.approx([723, 263], abs=1e-4)
    assert of.persons @ found.assisted == pytest.approx(1322, abs=1e-9)
    assert (len(of.persons), of.persons.sum()) == (19 + N_OTHERS, 10_297)


def test_world_that_cannot_be_is_refused() -> None:
    with pytest.raises(DomainError, match="printed shares must be reachable"):
        immortal_time.talk_population(other_exits=0.9)
    with pytest.raises(DomainError, match=r"odds ratio must be above 0; got 0\."):
        immortal_time.with_odds_ratio(published_world(), 0.0)


def test_odds_after_a_talk_by_hand() -> None:
    # odds against staying 0.1/0.8, 0.06/0.8, 0.04/0.8; the first twice as large: of 1.0 in all
    # 0.8 + 0.2 + 0.06 + 0.04 = 1.1
    after = immortal_time.with_odds_ratio(small([0.0]), 2.0).after
    assert after[0] == pytest.approx([0.2 / 1.1, 0.06 / 1.1, 0.04 / 1.1], abs=1e-15)


# --- drawn persons ------------------------------------------------------------------------------
def test_panel_of_drawn_persons_is_one(rng: np.random.Generator) -> None:
    of = published_world()
    drawn = immortal_time.persons(of, rng)
    panel = immortal_time.panel_of(drawn, of)
    check_panel(panel, EXITS, columns=["talk", "nationality", "calendar"])
    ever = panel.groupby("person")["talk"].max().to_numpy()
    assert (ever == drawn.treated).all()
    first = panel[panel["talk"] == 1].groupby("person")["calendar"].min()
    assert (first == drawn.talk[first.index] + month_number("2010-01")).all()
    assert panel["calendar"].max() <= month_number("2015-10")
    assert first.min() >= month_number("2014-01")
    assert (panel.groupby("person")["talk"].diff().dropna() >= 0).all()


def test_counted_months_are_those_of_the_panel(rng: np.random.Generator) -> None:
    of = published_world()
    drawn = immortal_time.persons(of, rng)
    keys = ["nationality", "talk", "exit"]
    cells, months = monthly_cells(drawn, of)
    counted = cells.assign(n=months).set_index(keys)["n"]
    panel = immortal_time.panel_of(drawn, of)
    slow = panel.groupby(keys, observed=True).size()
    assert counted.to_dict() == slow.to_dict()


@pytest.mark.parametrize("odds_ratio", [1.0, 3.0])
def test_drawn_persons_follow_their_course(odds_ratio: float, rng: np.random.Generator) -> None:
    of = immortal_time.with_odds_ratio(small([0.05, 0.1, 0.0, 0.2, 0.1, 0.0]), odds_ratio)
    expected, drawn = immortal_time.expected_shares(of), immortal_time.persons(of, rng)
    n, treated = len(drawn.entry), drawn.treated == 1
    for share, seen in (
        (expected.treated.item(), treated),
        (expected.assisted_treated.item(), treated & (drawn.outcome == 1)),
        (expected.assisted.item(), drawn.outcome == 1),
    ):
        assert abs(seen.mean() - share) < FIVE * np.sqrt(share * (1 - share) / n)


def test_drawn_persons_do_not_follow_another_course(rng: np.random.Generator) -> None:
    talk = [0.05, 0.1, 0.0, 0.2, 0.1, 0.0]  # negative control: talks a month later
    drawn = immortal_time.persons(small(talk), rng)
    share = immortal_time.expected_shares(small([0.0, *talk[:-1]])).treated.item()
    apart = abs(drawn.treated.mean() - share)
    assert apart > FIVE * np.sqrt(share * (1 - share) / len(drawn.entry))


# --- one row per person -------------------------------------------------------------------------
# person  months                          talk in    leaves
# 7       500 501 502                     501        assisted in 502
# 3       500                             never      assisted in 500
# 5       501 502                         never      forced in 502
# 9       500 501 502                     502        never
@pytest.fixture
def four() -> pd.DataFrame:
    panel = pd.DataFrame(
        {
            "person": [7, 7, 7, 3, 5, 5, 9, 9, 9],
            "month": [1, 2, 3, 1, 1, 2, 1, 2, 3],
            "entry": 0,
            "calendar": [500, 501, 502, 500, 501, 502, 500, 501, 502],
            "talk": [0, 1, 1, 0, 0, 0, 0, 0, 1],
            "nationality": ["A", "A", "A", "A", "B", "B", "B", "B", "B"],
        }
    )
    exits = ["stay", "stay", "assisted", "assisted", "stay", "forced", "stay", "stay", "stay"]
    panel["exit"] = pd.Categorical(exits, ["stay", *EXITS])
    return panel


def test_person_rows_by_hand(four: pd.DataFrame) -> None:
    rows = immortal_time.person_rows(four, QUESTION)
    assert rows["person"].tolist() == [7, 3, 5, 9]
    assert rows["talk"].tolist() == [1, 0, 0, 1]
    assert rows["exit"].tolist() == ["assisted", "assisted", "stay", "stay"]
    assert rows["month"].tolist() == [1, 1, 1, 1]


def test_landmark_rows_by_hand(four: pd.DataFrame) -> None:
    rows = immortal_time.landmark_rows(four, QUESTION, 501)
    assert rows["person"].tolist() == [7, 5, 9]
    assert rows["talk"].tolist() == [1, 0, 0]  # that of the last came later
    assert rows["exit"].tolist() == ["assisted", "stay", "stay"]


def test_ever_coding_by_hand(four: pd.DataFrame) -> None:
    assert ever_coded(four, QUESTION)["talk"].tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1]


def test_person_rows_do_not_depend_on_codes_of_persons(four: pd.DataFrame) -> None:
    renamed = four.assign(person=four["person"].map({7: 70, 3: 2, 5: 11, 9: 4}))
    kept = ["talk", "exit", "nationality"]
    again = immortal_time.person_rows(renamed, QUESTION)[kept]
    pd.testing.assert_frame_equal(again, immortal_time.person_rows(four, QUESTION)[kept])


@pytest.mark.parametrize(
    ("change", "question", "message"),
    [
        ({"talk": 2}, QUESTION, "'talk' must be 0 before and 1 .* in 9 of 9 rows"),
        ({"talk": "yes"}, QUESTION, "'talk' must be 0 before and 1 .* in 9 of 9 rows"),
        ({"talk": np.nan}, QUESTION, "'talk' must be 0 before and 1 .* in 9 of 9 rows"),
        ({}, replace(QUESTION, treatment="tlk"), r"'tlk' must exist once; got 0\..*'talk'\?"),
        ({}, replace(QUESTION, exit="asisted"), "one of .*got 'asisted'.*'assisted'"),
        ({}, replace(QUESTION, exit="stay"), "one of .*got 'stay'"),
        ({}, replace(QUESTION, cluster="centre"), r"'centre' must exist once; got 0\."),
    ],
)
def test_panel_that_does_not_fit_is_refused(
    four: pd.DataFrame, change: dict[str, object], question: Question, message: str
) -> None:
    with pytest.raises(PanelError, match=message):
        immortal_time.person_rows(four.assign(**change), question)  # type: ignore[arg-type]


def test_landmark_needs_calendar_and_persons(four: pd.DataFrame) -> None:
    with pytest.raises(PanelError, match="month of the landmark; got 0"):
        immortal_time.landmark_rows(four, QUESTION, 400)
    with pytest.raises(PanelError, match="'calendar' must exist once; got 0"):
        immortal_time.landmark_rows(four.drop(columns="calendar"), QUESTION, 501)


# --- both designs on one panel ------------------------------------------------------------------
def test_least_squares_with_clusters_is_that_of_the_formula(rng: np.random.Generator) -> None:
    """Reference: dense matrices, and refits without each of the ten regions."""
    n, levels = 400, 8
    rows = pd.DataFrame({"person": np.arange(n), "month": 1, "entry": 0})
    rows["talk"] = (rng.random(n) < 0.3).astype(int)
    code = rng.integers(0, levels, n)
    rows["nationality"] = np.array(list("ABCDEFGH"))[code]
    left = (rng.random(n) < 0.1 + 0.05 * code).astype(int)
    rows["exit"] = pd.Categorical.from_codes(left.tolist(), pd.Index(["stay", "assisted"]))
    other = rng.integers(0, 10, n)
    rows["region"] = np.array([f"region {k}" for k in other])

    fit = immortal_time.ever_treated_fit(rows, MODEL, replace(QUESTION, cluster="region"))

    x = np.column_stack([rows["talk"], np.eye(levels)[code]])
    beta = np.linalg.lstsq(x, left)[0]
    variance, _ = jackknife(x, (other,), refit_least_squares(x, left))
    error = np.sqrt(variance[0])
    own = fit.table().query("term == 'talk'").iloc[0]
    assert own["estimate"] == pytest.approx(beta[0], abs=1e-12)
    assert own["standard_error"] == pytest.approx(error, abs=1e-12)


@cache
def rows_of_one_sample() -> tuple[pd.DataFrame, fitting.Panel]:
    of = published_world()
    panel = immortal_time.panel_of(immortal_time.persons(of, np.random.default_rng(5)), of)
    term = MODEL.lagged[0]
    history = exposures.own_history(panel, term)
    return panel, fitting.Panel(panel, {term.name: history}, pd.DataFrame(), "table")


def test_designs_on_one_panel_differ_by_the_coding() -> None:
    panel, rows = rows_of_one_sample()
    table = immortal_time.compared(panel, rows.histories, MODEL, QUESTION)
    own = table[table["exit"] == "assisted"].set_index("design")
    assert own.index.tolist() == ["ever_treated", "hazard", "hazard_ever"]
    # the simulated truth is 0; the wrong coding is a factor below 1/2
    assert abs(own.loc["hazard", "estimate"]) < FIVE * own.loc["hazard", "standard_error"]
    assert own.loc["hazard_ever", "upper"] < np.log(0.6)
    assert own.loc["ever_treated", "upper"] < 0
    assert own["persons"].unique().tolist() == [10_297]


def test_covariate_and_own_lag_are_the_same_treatment() -> None:
    """Metamorphic: lag 0 of the own column, and the column as a covariate."""
    panel, rows = rows_of_one_sample()
    lagged = MODEL.lagged[0]
    text = {"kind": "covariate", "column": "talk", "prior": lagged.prior}
    covariate = spec.CovariateTerm.model_validate(text)
    terms = tuple(covariate if term is lagged else term for term in MODEL.term)
    other = immortal_time.compared(panel, {}, MODEL.model_copy(update={"term": terms}), QUESTION)
    table = immortal_time.compared(panel, rows.histories, MODEL, QUESTION)
    numbers = ["estimate", "standard_error", "lower", "upper"]
    # both maxima are found to the same gradient, from another start of the intercept
    np.testing.assert_allclose(other[numbers], table[numbers], atol=1e-7)


def test_landmark_is_unbiased_where_ever_is_not(rng: np.random.Generator) -> None:
    of = small([0.1] * 10)
    panel = immortal_time.panel_of(immortal_time.persons(of, rng), of)
    alone = replace(QUESTION, cluster="person")
    at = month_number("2010-04")
    there = immortal_time.landmark_rows(panel, alone, at)
    own = immortal_time.ever_treated_fit(there, MODEL, alone).table().query("term == 'talk'")
    assert abs(own["estimate"].item()) < FIVE * own["standard_error"].item()
    # negative control: of those not talked to by then, who is talked to later
    present = panel["person"].isin(there.loc[there["talk"] == 0, "person"])
    after = panel[present & (panel["calendar"] >= at)].reset_index(drop=True)
    ever = immortal_time.person_rows(after, alone)
    wrong = immortal_time.ever_treated_fit(ever, MODEL, alone).table().query("term == 'talk'")
    assert wrong["estimate"].item() < -FIVE * wrong["standard_error"].item()


def test_model_without_the_treatment_is_refused() -> None:
    message = "must have the treatment as a covariate.*got 'tlk'.*'talk'"
    with pytest.raises(SpecError, match=message):
        immortal_time.check_model(MODEL, replace(QUESTION, treatment="tlk"))
    with pytest.raises(SpecError, match=r"cluster must be one of .*got 'centre'"):
        immortal_time.check_model(MODEL, replace(QUESTION, cluster="centre"))
    with pytest.raises(SpecError, match=r"exit must be one of .*Did you mean 'forced'\?"):
        immortal_time.check_model(MODEL, replace(QUESTION, exit="forcd"))


# --- many samples -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["ever_treated", "ever_treated_within"])
@pytest.mark.parametrize("term", ["talk_2014", "talk_2015"])
def test_least_squares_tends_to_its_limit(name: str, term: str) -> None:
    """Identity: the mean over samples is the limit; that of another follow-up is not."""
    for table in (null_study(), planted_study()):
        row = one(table, name, term)
        assert abs(row["mean"] - row["expected"]) < FIVE * row["mean_mcse"]
    longer = immortal_time.expected_shares(
        immortal_time.talk_population(follow_up=24)
    )  # negative control
    limits = {"ever_treated": immortal_time.pooled_limit, "ever_treated_within": None}
    limit = (limits[name] or immortal_time.within_limit)(longer)
    row = one(null_study(), name, "talk_2015")
    assert abs(row["mean"] - limit[1]) > FIVE * row["mean_mcse"]


def test_least_squares_finds_an_effect_that_is_not_there() -> None:
    table = null_study()
    assert one(table, "ever_treated", "talk_2015")["below"] == 1.0
    assert one(table, "ever_treated", "talk_2015")["covered"] == 0.0
    assert one(table, "ever_treated", "talk_2014")["below"] > 0.5
    # with an effect, talks of 2015 still look harmful
    assert one(planted_study(), "ever_treated", "talk_2015")["mean"] < -0.04


def test_hazard_model_recovers_the_truth() -> None:
    """Recovery, and the same model with the wrong coding as its control."""
    for table, truth in ((null_study(), 0.0), (planted_study(), np.log(1.5))):
        row = one(table, "hazard", "talk")
        assert row["truth"] == pytest.approx(truth)
        assert abs(row["mean"] - truth) < FIVE * row["mean_mcse"]
        wrong = one(table, "hazard_ever", "talk")
        assert wrong["mean"] < truth - 2 * FIVE * wrong["mean_mcse"]
        assert wrong["covered"] == 0.0


def test_no_immortal_time_no_bias(rng: np.random.Generator) -> None:
    """Recovery with a talk in the first month: ever and so far are then the same coding."""
    of = small([0.3, *[0.0] * 19])
    drawn = immortal_time.persons(of, rng)
    treated, left = drawn.treated == 1, drawn.outcome == 1
    error = np.sqrt(left[treated].var() / treated.sum() + left[~treated].var() / (~treated).sum())
    assert abs(left[treated].mean() - left[~treated].mean()) < FIVE * error
    panel = immortal_time.panel_of(drawn, of)
    pd.testing.assert_series_equal(panel["talk"], ever_coded(panel, QUESTION)["talk"])


@pytest.mark.slow
def test_intervals_of_the_hazard_model_cover_at_their_rate() -> None:
    of, covered = published_world(), []
    for seed in np.random.SeedSequence(7).spawn(400):
        cells, months = monthly_cells(immortal_time.persons(of, np.random.default_rng(seed)), of)
        built = design.build(cells, {}, _cell_model())
        fit = multinomial_logit.fit(replace(built, weight=months.astype(float)))
        own = fit.table().query("term == 'talk' and exit == 'assisted'").iloc[0]
        covered.append(own["lower"] <= 0 <= own["upper"])
    # binomial: 0.95 with a standard error of sqrt(0.95 * 0.05 / 400) = 0.011
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)


def _cell_model() -> spec.ModelSpec:
    terms = [term for term in MODEL.term if term.name == "nationality"]
    prior = MODEL.lagged[0].prior
    talk = spec.CovariateTerm.model_validate(
        {"kind": "covariate", "column": "talk", "prior": prior}
    )
    return MODEL.model_copy(update={"term": (talk, *terms), "estimand": ()})


# --- what comes out -----------------------------------------------------------------------------
def test_sentences_say_the_numbers_of_the_table() -> None:
    spread = spread_of_assumptions()
    said = immortal_time.study_sentences(null_study(), planted_study(), spread)
    pooled = [one(null_study(), "ever_treated", f"talk_{year}")["mean"] for year in (2014, 2015)]
    assert " and ".join(f"−{abs(value):.3f}" for value in pooled) in said[0]
    assert "printed −0.031 and −0.092 with standard errors of 0.018 and 0.028" in said[1]
    assert "16 coefficients printed for single countries" in said[3]
    assert all(text.endswith(".") for text in said)


def test_assumptions_hold_the_default() -> None:
    spread = spread_of_assumptions()
    found = immortal_time.expected_shares(published_world())
    others = published_world().hazard[0, 1:].sum()
    chosen = spread[np.isclose(spread["other_exits"], others) & (spread["follow_up"] == 0)]
    pooled = chosen[chosen["design"] == "ever_treated"][["talk_2014", "talk_2015"]]
    assert pooled.to_numpy()[0] == pytest.approx(immortal_time.pooled_limit(found), abs=1e-12)
    assert (spread[["talk_2014", "talk_2015"]] < 0).all(axis=None)


def test_figure_and_its_text_hold_every_sample() -> None:
    figure = figures.immortal_time_study(null_study(), planted_study())
    assert figure.get_size_inches()[0] == 9.0
    shown = {text.get_text() for panel in figure.axes for text in panel.texts}
    assert {"Iraq", "Ethiopia", "Russia", "Afghanistan", "to 1.06"} <= shown
    lines = figures.immortal_time_study_text(null_study(), planted_study()).splitlines()
    assert len(lines) == 1 + len(null_study()) + 2  # the title; the codings under the other truth


def test_sentences_and_figures_in_norwegian() -> None:
    """The same numbers in other words; the sentences of a panel are in the test of its command."""
    tables, words = (null_study(), planted_study()), languages.figure("immortal_time", "nb")
    spread = spread_of_assumptions()
    said, own = (
        " ".join(immortal_time.study_sentences(*tables, spread, lang)) for lang in ("en", "nb")
    )
    assert numbers(own, "nb") == numbers(said, "en")
    text = figures.immortal_time_study_text(*tables, words)
    assert numbers(text, "nb") == numbers(figures.immortal_time_study_text(*tables), "en")
    figure = figures.immortal_time_study(*tables, words)
    drawn = [each.get_text() for each in figure.findobj(Text)]
    assert {"Irak", "Etiopia", "Russland", "Afghanistan", "til 1,06"} <= set(drawn)
    assert english(" ".join([own, text, *drawn])) == []
    assert len(english(said)) > 20  # negative control


def test_command_without_a_panel(tmp_path: Path) -> None:
    out = tmp_path / "found"
    done = RUNNER.invoke(cli.app, ["immortal-time", "--out", str(out), "--replications", "2"])
    assert done.exit_code == 0
    names = {path.name for path in out.iterdir()}
    pictures = {"immortal_time.png", "immortal_time.svg", "immortal_time.txt"}
    assert names == {
        "study.csv",
        "assumptions.csv",
        "panel.parquet",
        "findings.txt",
        "manifest.json",
        "manifest.sha256",
        *pictures,
    }
    assert "A talk that changes nothing, 2 simulated samples" in done.output
    panel = pyarrow.parquet.read_table(out / "panel.parquet").to_pandas()
    assert panel["person"].nunique() == 10_297


def test_command_on_a_panel(tmp_path: Path) -> None:
    panel, _ = rows_of_one_sample()
    path, out = tmp_path / "panel.parquet", tmp_path / "found"
    panel.to_parquet(path, index=False)
    call = ["immortal-time", "--panel", str(path), "--treatment", "talk", "--landmark", "2015-01"]
    done = RUNNER.invoke(cli.app, [*call, "--out", str(out)])
    assert done.exit_code == 0
    table = pd.read_csv(out / "designs.csv")
    assert set(table["design"]) == {"ever_treated", "hazard", "hazard_ever", "landmark"}
    assert (out / "immortal_time.png").stat().st_size > 0
    own = table[(table["design"] == "ever_treated") & (table["exit"] == "assisted")]
    assert f"{own['treated'].item():,} of them with 'talk'" in done.output
    norwegian = RUNNER.invoke(cli.app, [*call, "--out", str(tmp_path / "nb"), "--lang", "nb"])
    assert norwegian.exit_code == 0
    for file in ("findings.txt", "immortal_time.txt"):
        texts = [(folder / file).read_text(encoding="utf-8") for folder in (out, tmp_path / "nb")]
        assert numbers(texts[1], "nb") == numbers(texts[0], "en")
        assert english(texts[1]) == []
    assert (tmp_path / "nb" / "designs.csv").read_bytes() == (out / "designs.csv").read_bytes()
    drawn = (tmp_path / "nb" / "immortal_time.svg").read_text(encoding="utf-8")
    assert "Endring i sannsynligheten for utfallet: Assistert retur" in drawn


def test_command_used_wrongly_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "found"
    panel = tmp_path / "panel.csv"
    rows = "1,1,stay,2,A\n1,2,stay,0,A\n"
    panel.write_text(f"person,month,exit,talk,nationality\n{rows}", encoding="utf-8")
    read = ["--panel", str(panel)]
    for wrong in (["--treatment", "talk"], ["--landmark", "2015-01"], ["--odds-ratio", "0"], read):
        assert RUNNER.invoke(cli.app, ["immortal-time", *wrong, "--out", str(out)]).exit_code != 0
    broken = RUNNER.invoke(
        cli.app, ["immortal-time", *read, "--treatment", "talk", "--out", str(out)]
    )
    assert isinstance(broken.exception, PanelError)
    assert not out.exists()
    assert list(tmp_path.iterdir()) == [panel]


def test_never_is_after_every_month() -> None:
    assert len(published_world().entry) < NEVER
