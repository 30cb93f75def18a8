"""Every coefficient that a reader can ask about has a row, and the row has its number."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import brief, fitting, spec
from hazard.baselines import linear_probability, multinomial_logit
from hazard.brief.coefficients import ratio
from hazard.data import table
from hazard.errors import EstimandError
from hazard.fitting import Fit
from hazard.fitting.store import read_run, write_run
from hazard.inference.nuts import SamplerSettings
from hazard.model import design
from hazard.model.design import Design
from hazard.output import coefficients, digits, tables
from hazard.spec import ModelSpec
from hazard.studies import appendix
from small_pages import cells, printed
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    CORRELATED,
    LEARNED_WALK,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    TERM,
    VISIT,
    WALK,
    dense,
    model,
    small_panel,
)

BASELINES = ("linear probability", "multinomial logit")
KEY = [*tables.KEY]


def drawn(built: Design, rng: np.random.Generator) -> xr.Dataset:
    """Draws of everything that a posterior of the design has, of no particular size."""
    exits = list(built.exits)
    values = {"intercept": (("chain", "draw", "exit"), rng.normal(size=(2, 40, len(exits))))}
    found = xr.Dataset(values, {"exit": exits})
    for block in built.blocks[1:]:
        name = f"u_{block.name}" if block.kind == "group" else f"beta_{block.name}"
        own = f"{block.name}_level"
        numbers = rng.normal(size=(2, 40, block.n_coefficients, len(exits)))
        labels = [str(label) for label in block.coefficients]
        one = xr.DataArray(numbers, {own: labels}, ("chain", "draw", own, "exit"))
        found[name] = one.assign_coords(exit=exits)
    return found


def one_row(rows: pd.DataFrame, **where: object) -> pd.Series:
    for name, wanted in where.items():
        rows = rows[rows[name].isna() if wanted is None else rows[name].eq(wanted)]
    assert len(rows) == 1, where
    return rows.iloc[0]


# --- property -----------------------------------------------------------------------------------
KINDS = st.lists(st.sampled_from(["number", "text"]), min_size=1, max_size=4)


@hypothesis.settings(max_examples=8)
@hypothesis.given(kinds=KINDS, exits=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_every_covariate_has_a_row_per_exit_of_every_estimator(
    kinds: list[str], exits: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    terms = [
        (AGE if kind == "number" else SEX).replace('"age"', f'"c{n}"').replace('"sex"', f'"c{n}"')
        for n, kind in enumerate(kinds)
    ]
    wanted = model(*(term + NORMAL for term in terms), exits=exits)
    small = small_panel(wanted, rng, persons=120)
    built = design.build(small.panel, small.histories, wanted)
    posterior = drawn(built, rng)
    fits = [linear_probability.fit(built), multinomial_logit.fit(built)]
    rows = fitting.quantities.joined(
        [
            coefficients.hazard_estimates(posterior, built, wanted),
            *(coefficients.baseline_estimates(fit, built, wanted) for fit in fits),
        ]
    )
    assert not rows.duplicated([*KEY, "estimator"]).any()
    for n, kind in enumerate(kinds):
        levels = [None] if kind == "number" else [*small.panel[f"c{n}"].cat.categories]
        reference = None if kind == "number" else "male"
        for level in levels:
            if level == reference and kind == "text":
                assert not (rows["term"].eq(f"c{n}") & rows["level"].eq(level)).any()
                continue
            for exit_name in wanted.outcome.exits:
                own = {"term": f"c{n}", "by": f"c{n}", "level": level, "exit": exit_name}
                mean = posterior[f"beta_c{n}"].sel(exit=exit_name)
                mean = (
                    mean.isel({f"c{n}_level": 0})
                    if level is None
                    else mean.sel({f"c{n}_level": level})
                )
                row = one_row(rows, **own, estimator="hazard model")
                assert row["estimate"] == pytest.approx(float(mean.mean()), abs=1e-12)
                assert row["reference"] == reference or pd.isna(row["reference"])
                for fit in fits:
                    place = fit.terms["term"].eq(f"c{n}")
                    if level is not None:
                        place &= fit.terms["level"].eq(level)
                    j = fit.exits.index(exit_name)
                    row = one_row(rows, **own, estimator=fit.estimator)
                    expected = fit.estimate[place.to_numpy(), j].item()
                    assert row["estimate"] == pytest.approx(expected, abs=1e-12, nan_ok=True)


# --- by hand ------------------------------------------------------------------------------------
def test_splines_and_seasons_are_told_as_curves(rng: np.random.Generator) -> None:
    spline = TERM + '"baseline"\nspline = { knots = [1, 4, 9], degree = 2 }\n'
    season = TERM + '"calendar"\nby = "season"\n'
    wanted = model(spline + WALK, season + NORMAL, exits=2)
    small = small_panel(wanted, rng)
    built = design.build(small.panel, small.histories, wanted)
    posterior = drawn(built, rng)
    rows = coefficients.hazard_estimates(posterior, built, wanted)
    month, year = (next(b for b in built.blocks if b.name == n) for n in ("month", "season"))
    beta = posterior["beta_month"].mean(("chain", "draw")).values
    for level, weights in zip(month.levels[1:], month.basis[1:], strict=True):
        row = one_row(rows, term="month", level=str(level), exit="disappeared")
        assert row["estimate"] == pytest.approx(weights @ beta[:, 1], abs=1e-12)
        assert row["reference"] == "1"
    seasons = rows[rows["term"].eq("season") & rows["exit"].eq("assisted")]
    assert len(seasons) == len(year.levels) == 12
    assert seasons["estimate"].astype(float).sum() == pytest.approx(0, abs=1e-12)
    assert seasons["reference"].isna().all()
    made = coefficients.derived_contrasts(
        posterior, built, wanted
    )  # what the gate sees beside parameters
    assert set(made) == {"coefficient_month", "coefficient_season"}
    assert made["coefficient_month"].sizes["level"] == month.n_levels - 1


def test_a_curve_of_a_baseline_has_the_error_of_its_sum(rng: np.random.Generator) -> None:
    spline = TERM + '"baseline"\nspline = { knots = [1, 4, 9], degree = 1 }\n'
    wanted = model(spline + WALK, exits=1)
    small = small_panel(wanted, rng)
    built = design.build(small.panel, small.histories, wanted)
    fit = linear_probability.fit(built)
    rows = coefficients.baseline_estimates(fit, built, wanted)
    row = one_row(rows, term="month", level="3")  # two thirds of the way to the knot at 4
    assert row["estimate"] == pytest.approx(fit.estimate[1, 0] * 2 / 3)
    assert row["sd"] == pytest.approx(fit.standard_error[1, 0] * 2 / 3)


def test_spreads_and_correlations_by_hand(rng: np.random.Generator) -> None:
    wanted = model(BASELINE + LEARNED_WALK, CENTRE + POOLED, NATIONALITY + CORRELATED, exits=3)
    small = small_panel(wanted, rng)
    built = design.build(small.panel, small.histories, wanted)
    posterior = drawn(built, rng)
    exits = list(built.exits)
    for name in ("month", "centre", "nationality"):
        values = rng.uniform(0.5, 1.0, (2, 40, 3))
        posterior[f"sigma_{name}"] = (("chain", "draw", "exit"), values)
    matrix = np.tile(np.array([[1.0, 0.1, 0.2], [0.1, 1.0, 0.3], [0.2, 0.3, 1.0]]), (2, 40, 1, 1))
    posterior["correlation_nationality"] = xr.DataArray(
        matrix + 0.01 * rng.normal(size=(2, 40, 1, 1)),
        {"exit": exits, "other_exit": exits},
        ("chain", "draw", "exit", "other_exit"),
    )
    rows = coefficients.hazard_estimates(posterior, built, wanted)
    kinds = rows.groupby("quantity")["term"].agg(lambda own: sorted(set(own))).to_dict()
    assert kinds["group_sd"] == ["centre", "nationality"]
    assert kinds["walk_sd"] == ["month"]
    for name in ("centre", "nationality", "month"):
        row = one_row(rows[rows["quantity"].str.endswith("_sd")], term=name, exit="forced")
        assert row["estimate"] == pytest.approx(float(posterior[f"sigma_{name}"][..., 2].mean()))
    spreads = rows[rows["quantity"].str.endswith("_sd")]
    assert spreads[["by", "level", "reference"]].isna().all(axis=None)
    pair = one_row(rows, quantity="group_correlation", exit="disappeared", level="forced")
    assert (pair["by"], pair["unit"]) == ("exit", "correlation")
    assert pair["estimate"] == pytest.approx(0.3, abs=5 * 0.01 / 80**0.5)
    assert rows["quantity"].eq("group_correlation").sum() == 3
    # a level of a group may be a handful of persons
    assert not set(small.panel["centre"].astype(str)) & set(rows["level"].dropna())


# --- a run --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """A finished run with covariates, groups, lags and calendar time."""
    rng = np.random.default_rng(20260101)
    year = TERM + '"calendar"\nby = "year"\n'
    terms = [BASELINE + WALK, year + NORMAL, AGE + NORMAL, SEX + NORMAL]
    wanted = model(*terms, NATIONALITY + CORRELATED, VISIT + WALK, exits=2)
    small = small_panel(wanted, rng, persons=150)
    flow = pd.DataFrame({"step": ["in the panel"], "persons": [150]})
    rows = fitting.Panel(small.panel, small.histories, flow, "table")
    analysis = fitting.fit(rows, wanted, SamplerSettings(draws=100, chains=1, engine="laplace"))
    folder = tmp_path_factory.mktemp("coefficients") / "run"
    write_run(folder, analysis)
    return read_run(folder)


def test_centres_and_references_come_back_with_the_run(run: Fit) -> None:
    assert run.facts["centres"].keys() == {"age"}
    assert 28 < run.facts["centres"]["age"] < 32
    found = run.estimates[run.estimates["term"].eq("sex")]
    assert set(found["reference"]) == {"male"}
    assert set(found["estimator"]) == {"hazard model", *BASELINES}
    assert set(run.estimates["quantity"]) >= {"intercept", "group_sd", "group_correlation"}


def test_covariates_are_a_table_of_a_run(run: Fit) -> None:
    found = appendix.covariate_table(run.estimates)
    row = one_row(found, term="age", exit="assisted")
    own = run.estimates[run.estimates["term"].eq("age") & run.estimates["exit"].eq("assisted")]
    expected = own.set_index("estimator")["estimate"]
    names = ("hazard_model_estimate", "lpm_estimate", "mnlogit_estimate")
    for name, estimator in zip(names, ("hazard model", *BASELINES), strict=True):
        assert row[name] == expected[estimator]
    assert "lag_coefficient" not in set(found["quantity"])
    with pytest.raises(EstimandError, match="table of covariates must have coefficients"):
        appendix.covariate_table(run.estimates[run.estimates["quantity"].eq("lag_coefficient")])


# --- a published analysis -----------------------------------------------------------------------
def score(built: Design, beta: np.ndarray) -> np.ndarray:
    """Slope of the log-likelihood of one exit with a complementary log-log link, by its formula."""
    rate = np.exp(dense(built) @ beta)
    left = built.outcome == 1
    return np.asarray(dense(built).T @ np.where(left, rate / np.expm1(rate), -rate))


def test_financial_aid_is_that_of_the_published_cox_model(tmp_path: Path) -> None:
    """Fox and Weisberg print -0.379 for financial aid, with the error 0.191: a ratio of 0.684."""
    wanted: ModelSpec = spec.read("rossi")
    rows = fitting.panel_from_table(None, wanted)
    built = design.build(rows.frame, rows.histories, wanted)
    fit = multinomial_logit.fit(built)
    found = coefficients.baseline_estimates(fit, built, wanted)
    row = one_row(found, term="fin", quantity="coefficient")
    # weeks are short: the two likelihoods differ by ties and a coarser baseline
    assert row["estimate"] == pytest.approx(-0.379, abs=0.05 * 0.191)
    assert row["sd"] == pytest.approx(0.191, abs=0.005)
    # the maximum of an independent formula, and none of a changed one
    beta = fit.estimate[:, 0]
    size = np.sqrt(np.diag(dense(built).T @ dense(built)))
    assert np.abs(score(built, beta) / size).max() < 1e-6
    moved = beta + np.where(fit.terms["term"] == "fin", -2 * beta, 0.0)
    assert np.abs(score(built, moved) / size).max() > 0.05


# --- the brief ----------------------------------------------------------------------------------
def wrong(page: str, run: Fit) -> list[str]:
    """Cells of the table of covariates that are not a rounded number of the estimates."""
    problems = []
    rows = run.estimates[run.estimates["quantity"].eq("coefficient")]
    labels = {"age, one more": ("age", None), "Sex: a level, against male": ("sex", "a level")}
    exit_name = ""
    for row in cells(page, "table-covariates"):
        if len(row) == 5:
            exit_name = {"Applied for assisted return": "assisted"}.get(row[0], "disappeared")
        term, level = labels.get(row[-4][:1].lower() + row[-4][1:], labels.get(row[-4], ("", None)))
        if not term:
            continue
        for estimator, text in zip(("hazard model", *reversed(BASELINES)), row[-3:], strict=True):
            own = one_row(rows, term=term, level=level, exit=exit_name, estimator=estimator)
            exact = [float(own[name]) for name in ("estimate", "lower", "upper")]
            exact = [100 * e for e in exact] if estimator == BASELINES[0] else np.exp(exact)
            found = printed(text)
            unit = 10.0 ** -len(re.findall(r"\d", text.split()[0].partition(".")[2]))
            if not np.allclose(found, exact, atol=unit / 2 + 1e-9, rtol=0):
                problems.append(f"{exit_name} {term} {estimator}: {text}")
    return problems


def test_covariates_of_a_brief_are_numbers_of_the_estimates(run: Fit) -> None:
    page = brief.html(run, "en")
    assert len(cells(page, "table-covariates")) == 2 * 3  # age, and two levels of sex
    assert wrong(page, run) == []
    other = run.estimates.assign(estimate=run.estimates["estimate"] + 0.5)
    changed = replace(run, estimates=other)
    assert len(wrong(page, changed)) == 2 * 2 * 3  # negative control: every number that is read
    assert len(cells(page, "table-spreads")) == 2
    assert len(cells(page, "table-correlations")) == 1
    periods = [row[-4] for row in cells(page, "table-periods")]
    assert "Months at risk: 2-4, against 1" in periods
    norwegian = brief.html(run, "nb")
    assert "Kjennetegnene, ett for ett" in norwegian
    assert len(cells(norwegian, "table-covariates")) == 2 * 3


def test_a_brief_of_a_folder_without_coefficients_has_no_table_of_them(run: Fit) -> None:
    kept = run.estimates[run.estimates["quantity"].eq("cumulative_incidence")]
    page = brief.html(replace(run, estimates=kept, spec=without_lags(run.spec)), "en")
    assert "table-covariates" not in page
    assert "table-periods" not in page


def without_lags(wanted: ModelSpec) -> ModelSpec:
    return wanted.model_copy(update={"term": tuple(t for t in wanted.term if t.kind != "lagged")})


def test_infinite_and_unknown_coefficients_are_dashes(run: Fit) -> None:
    rows = run.estimates.copy()
    logit = rows["estimator"].eq("multinomial logit") & rows["term"].eq("sex")
    rows.loc[logit, ["estimate", "lower", "upper", "sd"]] = [-np.inf, np.nan, np.nan, np.nan]
    huge = rows["estimator"].eq("hazard model") & rows["term"].eq("age")
    rows.loc[huge, ["estimate", "lower", "upper"]] = [800.0, 700.0, 900.0]
    page = brief.html(replace(run, estimates=rows), "en")
    found = [row for row in cells(page, "table-covariates") if "Sex" in row[-4]]
    assert [row[-2] for row in found] == ["–"] * 4
    assert all(row[-3] != "–" for row in found)


def test_a_tiny_unit_keeps_its_digits() -> None:
    """Seconds in place of years: the ratio is near 1, and still not printed as 1."""
    text = ratio(digits.Estimate(3e-8, 1e-8, 5e-8))
    assert text.replace("\u00a0", " ") == "1.00000003 (1.00000001 to 1.00000005)"


def test_the_question_of_the_bundled_model_is_answered(tmp_path: Path) -> None:
    """Does financial aid put it off? The published ratio is 0.68, from 0.47 to 1.00."""
    wanted = spec.read("rossi")
    rows = fitting.panel_from_table(None, wanted)
    settings = SamplerSettings(draws=400, chains=1, engine="laplace")
    write_run(tmp_path / "run", fitting.fit(rows, wanted, settings))
    found = read_run(tmp_path / "run")
    row = one_row(found.estimates, term="fin", estimator="hazard model")
    # the prior, Normal(0, 1), draws a normal estimate to 0 by the share s^2 / (1 + s^2)
    shrunk = -0.379 / (1 + 0.191**2)
    assert row["estimate"] == pytest.approx(shrunk, abs=5 * row["mcse"] + 0.1 * 0.191)
    page = brief.html(found, "en").replace("\u00a0", " ")
    answer = page[page.index("The answer") : page.index("How sure")]
    [told] = re.findall(
        r"Financial aid \(fin\): 1, against 0:</strong> Arrested again: (.*?)</li>", answer
    )
    assert told.startswith("hazard ratio 0.")
    assert told.endswith(", no clear difference.") == (row["lower"] < 0 < row["upper"])
    assert np.allclose(
        printed(told), np.exp(row[["estimate", "lower", "upper"]].astype(float)), atol=0.051
    )
    assert "within 26 weeks" in answer
    norwegian = brief.html(found, "nb").replace("\u00a0", " ")
    assert "Økonomisk støtte (fin): 1 mot 0:" in norwegian
    assert "Tidligere dommer (prio), én mer:" in norwegian  # the last of seven covariates
    assert "hasardforhold 0," in norwegian


def test_a_level_without_exits_is_infinite_and_says_nothing_on_the_way(
    rng: np.random.Generator,
) -> None:
    """Warnings are errors: an infinite estimate must pass from the fit to the table in silence."""
    wanted = model(SEX + NORMAL, exits=1)
    small = small_panel(wanted, rng)
    rows = small.panel
    rows.loc[rows["sex"].eq("a level"), "exit"] = "stay"
    built = design.build(rows, small.histories, wanted)
    fits = [linear_probability.fit(built), multinomial_logit.fit(built)]
    parts = [coefficients.baseline_estimates(fit, built, wanted) for fit in fits]
    found = fitting.quantities.joined(parts)
    row = one_row(found, level="a level", estimator="multinomial logit")
    assert row["estimate"] == -np.inf
    assert pd.isna(row["sd"])
    assert np.isfinite(one_row(found, level="a level", estimator="linear probability")["estimate"])


def test_what_is_infinite_has_neither_error_nor_interval() -> None:
    wanted = spec.load(
        'name = "example"\nquestion = "who leaves?"\n[outcome]\nexits = ["left"]\n'
        '[[term]]\nkind = "covariate"\ncolumn = "x"\n'
        'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
    )
    raw = pd.DataFrame({"person": range(40), "month": 1, "x": [0, 1] * 20})
    for who in ([1, 5, 9], [1, 2, 5, 9]):  # of those with x = 1 only; and one of the others
        exits = np.where(raw["person"].isin(who), "left", "stay")
        panel = table.panel(raw.assign(exit=exits), wanted)
        built = design.build(panel, {}, wanted)
        rows = coefficients.baseline_estimates(multinomial_logit.fit(built), built, wanted)
        finite = np.isfinite(rows["estimate"])
        assert finite.all() == (2 in who)
        known = rows[["sd", "lower", "upper"]].notna()
        assert known.all(axis=1).tolist() == known.any(axis=1).tolist() == finite.tolist()


def test_every_coefficient_finds_itself_where_it_was_checked(run: Fit) -> None:
    """Whatever order the terms come in: a number is known by what it is, not by its place."""
    own = run.estimates[run.estimates["estimator"].eq("hazard model")]
    coefs = own[own["quantity"].isin(["intercept", "coefficient", "group_sd", "group_correlation"])]
    checked = tables.apart(coefs, coefs.iloc[::-1])
    assert len(checked) == len(coefs)
    found = tables.flagged(coefs, checked)
    assert found["apart"].eq(0).all()
    spread = coefs["quantity"].eq("group_sd")
    assert spread.any()
    assert coefs.loc[spread, ["by", "level"]].isna().all(axis=None)
