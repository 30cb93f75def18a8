"""Three estimators on one scale: identities, closed forms, and columns of known origin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from hazard import cli, fitting, simulation
from hazard import spec as specs
from hazard.baselines import linear_probability, multinomial_logit
from hazard.brief.folders import read as read_folder
from hazard.errors import IntegrityError, UsageError
from hazard.estimands import marginal_effects
from hazard.model import design, equivalent
from hazard.studies import estimators, published
from hazard.studies.estimators import columns, dependence, scale, steps
from hazard.studies.estimators.compare import DRAWS
from hazard.studies.estimators.folder import ComparisonFolder, write_comparison
from small_panels import BASELINE, CENTRE, NORMAL, POOLED, SEX, VISIT, model, small_panel

ROUNDING = 1e-10
MODELS = ("oslo2016_published", "oslo2016")


def dims(beta: np.ndarray) -> xr.DataArray:
    return xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))


# --- a linear coefficient, taken apart ----------------------------------------------------------
@pytest.mark.parametrize("windows", ["", "windows = [[0, 0], [1, 2]]\n"], ids=["lags", "windows"])
def test_straight_line_through_a_logit_is_that_through_the_exits(
    windows: str, rng: np.random.Generator
) -> None:
    spec = model(BASELINE + NORMAL, SEX + NORMAL, CENTRE + POOLED, VISIT + windows + NORMAL)
    small = small_panel(spec, rng, persons=400)
    built = design.build(small.panel, small.histories, spec)
    straight, logit = linear_probability.fit(built), multinomial_logit.fit(built)
    found = estimators.pieces(built, logit, spec.lagged)
    own = straight.estimate[straight.terms["term"] == "visit_centre"]
    by_lag = own if not windows else own[[0, 1, 1]]
    np.testing.assert_allclose(found.sel(piece="linear")[0], by_lag, atol=ROUNDING)
    shuffled = replace(built, outcome=rng.permutation(built.outcome))  # negative control
    wrong = estimators.pieces(built, multinomial_logit.fit(shuffled), spec.lagged)
    assert np.abs(wrong.sel(piece="linear")[0] - by_lag).max() > 1e-3


def test_pieces_add_up_and_average_as_changes_do(rng: np.random.Generator) -> None:
    spec = model(SEX + NORMAL, CENTRE + POOLED, VISIT + NORMAL, exits=2)
    small = small_panel(spec, rng, persons=300)
    built = design.build(small.panel, small.histories, spec)
    logit = multinomial_logit.fit(built)
    found = estimators.pieces(built, logit, spec.lagged)
    both = found.sel(piece="weighted") + found.sel(piece="curvature")
    np.testing.assert_allclose(found.sel(piece="linear"), both, atol=ROUNDING)
    plain = equivalent.identified(built)
    average = marginal_effects.changes(dims(logit.centre()[None, None]), plain, spec.lagged)
    own = average["average_marginal_effect"].squeeze(("chain", "draw"))
    np.testing.assert_allclose(found.sel(piece="average"), own, atol=ROUNDING)


def test_saturated_line_and_logit_are_one_number(rng: np.random.Generator) -> None:
    # with one event and nothing else both fit the two shares: no curvature, equal weights
    spec = model(VISIT.replace("[0, 2]", "[0, 0]") + NORMAL, exits=2)
    small = small_panel(spec, rng, persons=300)
    built = design.build(small.panel, small.histories, spec)
    found = estimators.pieces(built, multinomial_logit.fit(built), spec.lagged)[:, 0, 0]
    x = small.histories["visit_centre"].values[built.row, 0]
    left = linear_probability.left_through(design_rows(built))
    shares = left[x == 1].mean(axis=0) - left[x == 0].mean(axis=0)
    for piece in ("linear", "weighted", "exposed", "average"):
        np.testing.assert_allclose(found.sel(piece=piece), shares, atol=ROUNDING)
    np.testing.assert_allclose(found.sel(piece="curvature"), 0.0, atol=ROUNDING)


def design_rows(built: design.Design) -> object:
    from hazard.model.likelihood import rows

    return rows(built)


def test_odds_ratios_do_not_average(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED, VISIT.replace("[0, 2]", "[0, 0]") + NORMAL, exits=1)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    beta = np.zeros((1, 1, built.n_coefficients, 1))
    beta[0, 0, built.span("visit_centre")] = 1.0
    subject = scale.Subject("m", built, small.panel["person"].to_numpy(), spec.lagged, None)
    alike = steps.log_odds(dims(beta), subject).squeeze()
    assert float(alike["marginal_log_odds"]) == pytest.approx(1.0, abs=1e-12)
    beta[0, 0, built.span("centre")] = 3 * rng.normal(size=(6, 1))  # centres that differ
    apart = steps.log_odds(dims(beta), subject).squeeze()
    assert float(apart["conditional_log_odds"]) == 1.0
    assert 0.0 < float(apart["marginal_log_odds"]) < 0.9


# --- two columns --------------------------------------------------------------------------------
def test_rate_of_rare_events_by_hand() -> None:
    # 1,000 exposed months with 8 exits: both errors, those of the many unexposed being nil
    n, p = 1000.0, 0.008
    linear, logit = np.sqrt(p * (1 - p) / n), np.sqrt(1 / (n * p * (1 - p)))
    one = pd.DataFrame({"lpm_se": [linear], "mnlogit_se": [logit]})
    assert columns.rate(one).item() == pytest.approx(p * (1 - p), rel=1e-12)
    base = 0.004
    both = one.assign(lpm_coefficient=p - base, mnlogit_log_odds=np.log(p / base))
    assert columns.implied(both).item() == pytest.approx(p * (1 - p) * (1 - base / p), rel=1e-12)
    assert abs(columns.distance(both).item()) < 0.02  # (1 - p) of it is what the formula drops
    assert abs(columns.distance(both.assign(mnlogit_log_odds=-both["mnlogit_log_odds"]))) > 2


def test_kindest_rounding_is_found(rng: np.random.Generator) -> None:
    printed = published.published_table()
    least = columns.least_distance(printed)
    assert (least <= np.abs(columns.distance(printed)) + 1e-12).all()
    for _ in range(200):  # nothing that is printed so is nearer
        moved = printed.assign(
            lpm_coefficient=printed["lpm_coefficient"] + rng.uniform(-5e-4, 5e-4, len(printed)),
            lpm_se=printed["lpm_se"] + rng.uniform(-5e-4, 5e-4, len(printed)),
        )
        # errors are looked at on a grid of 41: the slack is one step of it
        slack = 2.5e-5 / moved["lpm_se"] * (1 + np.abs(columns.distance(moved)))
        assert (np.abs(columns.distance(moved)) >= least - slack).all()


def test_published_terms_are_known() -> None:
    assert columns.covered(specs.read("oslo2016_published").lagged)
    for other in ("longer_lags", "iraq", "threshold_two"):
        assert not columns.covered(specs.read(other).lagged)


# --- everything, on small registers -------------------------------------------------------------
@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison") / "registers"
    rng = np.random.default_rng(20)
    simulation.write(simulation.registers(simulation.truth("small", rng), rng), folder)
    return folder


@pytest.fixture(scope="module")
def found(registers: Path) -> estimators.Comparison:
    first, last = (specs.read(name) for name in MODELS)
    return estimators.compare(
        fitting.panel_from_registers(registers, last), estimators.ModelPair(first, last)
    )


def test_steps_lead_from_one_estimator_to_the_next(found: estimators.Comparison) -> None:
    table = found.decomposition
    assert len(table) == (28 + 4) * 2
    left = table["linear"] + table["curvature"] + table["weights"]
    np.testing.assert_allclose(left, table["logit"], atol=1e-8)
    right = table["logit"] + table["exits"] + table["terms"] + table["pooling"]
    np.testing.assert_allclose(right, table["hazard_model"], atol=1e-8)
    sums = found.estimates[found.estimates["quantity"] == "cumulative_marginal_effect"]
    total = table[table["lag"].isna()].set_index(["term", "exit"])
    for estimator, column in (
        ("linear probability", "linear"),
        ("multinomial logit", "logit"),
        ("hazard model", "hazard_model"),
    ):
        own = sums[sums["estimator"] == estimator].set_index(["term", "exit"])["estimate"]
        np.testing.assert_allclose(own.astype(float), total.loc[own.index, column], atol=1e-8)


def test_baselines_are_those_of_their_model(found: estimators.Comparison, registers: Path) -> None:
    first = specs.read(MODELS[0])
    rows = fitting.panel_from_registers(registers, first)
    straight = linear_probability.fit(design.build(rows.frame, rows.histories, first))
    own = found.estimates[
        found.estimates["estimator"].eq("linear probability")
        & found.estimates["quantity"].eq("average_marginal_effect")
    ].sort_values(["exit", "term", "lag"])
    wanted = straight.table()
    wanted = wanted[wanted["term"].isin([term.name for term in first.lagged])]
    wanted = wanted.assign(lag=wanted["level"].astype(int)).sort_values(["exit", "term", "lag"])
    np.testing.assert_allclose(own["estimate"].astype(float), 100 * wanted["estimate"], atol=1e-8)
    # the standard deviation of 400 draws is known to 1 / sqrt(800); the largest of 56 within 4
    ratio = own["sd"].astype(float).to_numpy() / (100 * wanted["standard_error"].to_numpy())
    assert np.abs(ratio - 1).max() < 4 / np.sqrt(2 * DRAWS)


def test_errors_of_sums_are_those_of_the_covariance(
    found: estimators.Comparison, registers: Path
) -> None:
    first = specs.read(MODELS[0])
    rows = fitting.panel_from_registers(registers, first)
    built = design.build(rows.frame, rows.histories, first)
    names = ["HC1", "clustered by person", "clustered by centre", "clustered by nationality"]
    kinds = found.errors[found.errors["estimator"] == "linear probability"]["errors"].unique()
    names += ["clustered by centre and nationality"]
    assert [kind.partition(" (jackknife; ")[0] for kind in kinds] == names
    assert [kind.count(" effective of ") for kind in kinds] == [0, 1, 1, 1, 2]
    again = dependence.table(built, rows.frame, first)
    pd.testing.assert_frame_equal(again, found.errors)
    own = found.errors.query("estimator == 'linear probability' and errors == 'HC1'")
    straight = linear_probability.fit(built)
    chosen = straight.terms["term"].eq("forced_return_centre").to_numpy()
    [j] = [i for i, name in enumerate(built.exits) if name == "assisted"]
    block = straight.covariance[chosen, j][:, chosen, j]  # type: ignore[index]
    one = own[own["term"].eq("forced_return_centre") & own["exit"].eq("assisted")]
    assert one["sd"].item() == pytest.approx(100 * np.sqrt(block.sum()), rel=1e-12)
    alone = 100 * np.sqrt(np.diag(block).sum())  # negative control: lags that know nothing
    assert abs(one["sd"].item() / alone - 1) > 0.01


def test_columns_of_the_same_rows_are_closer(found: estimators.Comparison) -> None:
    assert found.compatibility is not None
    apart = found.compatibility.apart.set_index("outcome").loc["all"]
    assert apart["samples"] == columns.SAMPLES
    assert apart["same_rows"] < apart["other_rows"]
    whole = found.compatibility.columns
    assert len(whole) == 56
    np.testing.assert_allclose(whole["rate"], whole["lpm_se"] / whole["mnlogit_se"], atol=ROUNDING)


@pytest.mark.slow
def test_published_columns_are_not_of_the_same_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    simulation.write(
        simulation.registers(simulation.truth("published", rng), rng), tmp_path / "registers"
    )
    first = specs.read(MODELS[0])
    rows = fitting.panel_from_registers(tmp_path / "registers", first)
    judged = estimators.compatibility(rows, first, rng).apart.set_index("outcome").loc["all"]
    # 24 samples of either kind that do not overlap: by chance less than once in 3 * 10^13
    assert judged["same_rows_most"] < judged["other_rows_least"]
    assert judged["best_rounding"] > judged["same_rows_most"]


def test_models_that_cannot_be_compared_are_refused(registers: Path) -> None:
    first, last = (specs.read(name) for name in MODELS)
    rows = fitting.panel_from_registers(registers, last)
    strict = first.model_copy(
        update={"data": first.data.model_copy(update={"forced_return": "strict"})}
    )
    with pytest.raises(UsageError, match=r"must have the same definitions, .* differ in"):
        estimators.compare(rows, estimators.ModelPair(strict, last))
    short = first.model_copy(update={"term": first.term[:-1]})
    with pytest.raises(UsageError, match="must have the same lagged terms"):
        estimators.compare(rows, estimators.ModelPair(short, last))


def test_folder_and_pages(found: estimators.Comparison, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_comparison(folder, found)
    for name in ("comparison.png", "comparison.svg", "columns.csv", "apart.csv"):
        assert (folder / name).is_file()
    read = read_folder(folder)
    assert isinstance(read, ComparisonFolder)
    assert read.first == found.first
    pd.testing.assert_frame_equal(
        read.decomposition, found.decomposition, check_dtype=False, rtol=1e-12
    )
    for lang in ("en", "nb"):
        out = tmp_path / f"{lang}.html"
        called = CliRunner().invoke(
            cli.app, ["brief", str(folder), "--lang", lang, "--out", str(out)]
        )
        assert called.exit_code == 0
        assert out.read_text(encoding="utf-8").count("<table>") == 6
    (folder / "errors.csv").write_text("", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"errors\.csv is missing or changed"):
        read_folder(folder)
