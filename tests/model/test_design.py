"""The design by hand, and the changes of rows and labels that must change nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.arrays import FloatArray
from hazard.errors import DesignError
from hazard.model import design, equivalent, parameterisation
from hazard.model.design import Design
from hazard.model.likelihood import fast_rows, rows, value_and_gradient
from hazard.model.priors import covariance
from hazard.spec import ModelSpec
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    YEAR,
    SmallPanel,
    build,
    dense,
    every_kind,
    model,
    slow_log_likelihood,
    small_panel,
)


def coefficients(made: Design, rng: np.random.Generator) -> FloatArray:
    beta = rng.normal(0, 0.5, (made.n_coefficients, len(made.exits)))
    beta[0] -= 2
    return beta


# --- by hand ------------------------------------------------------------------------------------
# row person month calendar sex    age centre visits at lag 0, 1, 2   exit
#   1      0     1 2005-12  female  20 B      1 0 0                   stay
#   2      0     2 2006-01  female  20 A      0 1 0                   stay
#   3      0     5 2006-04  female  20 A      1 0 0                   forced
#   4      1     1 2006-01  male    31 B      0 0 ?                   stay      history unknown
#   5      1     2 2006-02  male    31 B      0 0 0                   assisted
@pytest.fixture
def five_rows() -> SmallPanel:
    panel = pd.DataFrame(
        {
            "person": [0, 0, 0, 1, 1],
            "month": [1, 2, 5, 1, 2],
            "calendar": [431, 432, 435, 432, 433],
            "sex": pd.Categorical(["female"] * 3 + ["male"] * 2),
            "age": [20.0, 20.0, 20.0, 31.0, 31.0],
            "centre": pd.Categorical(["B", "A", "A", "B", "B"], ["A", "B", "never"]),
            "exit": pd.Categorical(["stay", "stay", "forced", "stay", "assisted"]),
        }
    )
    visits = [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, np.nan], [0, 0, 0]]
    lags = xr.DataArray(np.array(visits, dtype=np.float32), {"lag": [0, 1, 2]}, ("row", "lag"))
    return SmallPanel(panel, {"visit_centre": lags})


def test_blocks_by_hand(five_rows: SmallPanel) -> None:
    # groups come last, in whatever order the file has them
    spec = model(
        CENTRE + POOLED, BASELINE + WALK, YEAR + NORMAL, SEX + NORMAL, AGE + NORMAL, VISIT + WALK
    )
    made = build(five_rows, spec)
    assert [block.name for block in made.blocks] == [
        *("intercept", "month", "year", "sex", "age", "visit_centre", "centre")
    ]
    assert made.exits == ("assisted", "disappeared", "forced")
    assert made.outcome.tolist() == [0, 0, 3, 1]
    assert made.row.tolist() == [0, 1, 2, 4]
    assert made.weight.tolist() == [1, 1, 1, 1]
    assert made.left_out == {"months before the start of the register": (0, 1, 0)}
    by_hand = {
        "intercept": (["all"], ["intercept"], [[1], [1], [1], [1]]),
        "month": (["1", "2-4", "5+"], ["2-4", "5+"], [[0, 0], [1, 0], [0, 1], [1, 0]]),
        "year": ([2005, 2006], [2006], [[0], [1], [1], [1]]),
        "sex": (["male", "female"], ["female"], [[1], [1], [1], [0]]),
        # the mean over persons is 25.5, whatever the number of their rows
        "age": ([20, 31], ["age"], [[-5.5], [-5.5], [-5.5], [5.5]]),
        "visit_centre": ([0, 1, 2], [0, 1, 2], [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]),
        "centre": (["A", "B"], ["A", "B"], [[0, 1], [1, 0], [1, 0], [0, 1]]),
    }
    for b, block in enumerate(made.blocks):
        levels, names, columns = by_hand[block.name]
        assert block.levels.tolist() == levels
        assert block.coefficients.tolist() == names
        assert block.matrix()[made.index[:, b]].tolist() == columns
        assert made.span(block.name) == slice(at(made, b), at(made, b) + len(names))
    assert made.blocks[-1].basis is None
    assert made.labels()[:3] == [("intercept", "intercept"), ("month", "2-4"), ("month", "5+")]
    assert made.n_coefficients == 11


def at(made: Design, b: int) -> int:
    return sum(block.n_coefficients for block in made.blocks[:b])


def test_coefficient_counts_by_hand(five_rows: SmallPanel) -> None:
    made = build(five_rows, model(SEX + NORMAL, CENTRE + POOLED, VISIT + WALK))
    counts = equivalent.coefficient_counts(made)  # stay, assisted, disappeared, forced
    assert counts.tolist() == [
        *([2, 1, 0, 1], [2, 0, 0, 1]),  # all; women
        *([1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]),  # visits 0, 1, 2 months ago
        *([1, 0, 0, 1], [1, 1, 0, 0]),  # centres A, B
    ]
    doubled = replace(made, weight=2 * made.weight)
    np.testing.assert_array_equal(equivalent.coefficient_counts(doubled), 2 * counts)


def test_identified_by_hand(five_rows: SmallPanel) -> None:
    made = build(five_rows, model(CENTRE + POOLED))
    assert equivalent.identified(made).labels()[1:] == [("centre", "A")]  # B has three of five rows
    weighted = replace(made, weight=np.array([1.0, 2.0, 2.0, 1.0, 1.0]))  # three of seven
    assert equivalent.identified(weighted).labels()[1:] == [("centre", "B")]
    assert equivalent.identified(weighted).blocks[0] is weighted.blocks[0]


def test_a_file_without_a_reference_takes_the_first_level() -> None:
    spec = model(SEX.replace('reference = "male"\n', "") + NORMAL)
    panel = pd.DataFrame({"person": [0, 1, 2], "month": 1, "exit": "stay"})
    made = design.build(panel.assign(sex=["male", "female", "other"]), {}, spec)
    assert made.blocks[1].coefficients.tolist() == ["male", "other"]
    flags = design.build(panel.assign(sex=[True, False, True]), {}, spec)
    assert flags.blocks[1].coefficients.tolist() == ["True"]


# --- what changes nothing -----------------------------------------------------------------------
def log_likelihood(made: Design, beta: FloatArray) -> float:
    return value_and_gradient(rows(made), beta)[0]


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_collapsed_and_joined_rows_have_the_same_likelihood(
    link: str, rng: np.random.Generator
) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, CENTRE + POOLED, VISIT + WALK, link=link)
    full = build(small_panel(spec, rng, persons=300), spec)
    few = equivalent.collapsed(full)
    joined = equivalent.merged(few, 12)
    assert len(few.weight) < len(full.weight)
    assert few.weight.sum() == len(full.weight)
    assert 1 < len(joined.blocks) < len(full.blocks)
    for _ in range(100):
        beta = coefficients(full, rng)
        value, gradient = value_and_gradient(rows(full), beta)
        for data in (rows(few), rows(joined), fast_rows(full), fast_rows(few)):
            again, slope = value_and_gradient(data, beta)
            assert again == pytest.approx(value, rel=1e-9)
            np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-9)
    equal = replace(few, weight=np.ones(len(few.weight)))  # negative control
    assert log_likelihood(equal, beta) != pytest.approx(value, rel=1e-3)


def test_collapsed_rows_keep_a_row_of_the_panel(rng: np.random.Generator) -> None:
    spec = every_kind()
    full = build(small_panel(spec, rng), spec)
    few = equivalent.collapsed(full)
    place = np.searchsorted(full.row, few.row)
    np.testing.assert_array_equal(full.row[place], few.row)
    np.testing.assert_array_equal(full.index[place], few.index)
    np.testing.assert_array_equal(full.outcome[place], few.outcome)
    again = equivalent.collapsed(few)
    np.testing.assert_array_equal(again.index, few.index)
    np.testing.assert_array_equal(again.weight, few.weight)


def test_joined_blocks_keep_coefficients_in_order(rng: np.random.Generator) -> None:
    spec = every_kind()
    full = build(small_panel(spec, rng), spec)
    for limit in (0, 4, 40, 10_000):
        joined = equivalent.merged(full, limit)
        np.testing.assert_array_equal(dense(joined), dense(full))
        assert [c for _, c in joined.labels()] == [c for _, c in full.labels()]
        grown = [b for b in joined.blocks if b.kind == "joined"]
        assert all(block.n_levels <= limit for block in grown)
    assert len(equivalent.merged(full, 0).blocks) == len(full.blocks)


def test_permuting_rows_changes_nothing(rng: np.random.Generator) -> None:
    spec = every_kind()
    small = small_panel(spec, rng)
    order = rng.permutation(len(small.panel))
    moved = SmallPanel(
        small.panel.iloc[order].reset_index(drop=True),
        {name: history[order] for name, history in small.histories.items()},
    )
    full, permuted = build(small, spec), build(moved, spec)
    assert permuted.labels() == full.labels()
    beta = coefficients(full, rng)
    assert log_likelihood(permuted, beta) == pytest.approx(log_likelihood(full, beta), rel=1e-12)
    np.testing.assert_array_equal(
        equivalent.coefficient_counts(permuted), equivalent.coefficient_counts(full)
    )
    one, other = equivalent.collapsed(full), equivalent.collapsed(permuted)
    np.testing.assert_array_equal(one.weight, other.weight)
    np.testing.assert_array_equal(one.index[:, 0], other.index[:, 0])


def test_renaming_exits_permutes_their_coefficients(rng: np.random.Generator) -> None:
    spec = every_kind()
    small = small_panel(spec, rng)
    turned = ("forced", "assisted", "disappeared")
    outcome = spec.outcome.model_copy(update={"exits": turned})
    full = build(small, spec)
    renamed = build(small, spec.model_copy(update={"outcome": outcome}))
    place = [spec.outcome.exits.index(name) for name in turned]
    beta = coefficients(full, rng)
    value = log_likelihood(full, beta)
    assert log_likelihood(renamed, beta[:, place]) == pytest.approx(value, rel=1e-12)
    assert log_likelihood(renamed, beta) != pytest.approx(value, rel=1e-3)  # negative control


def test_renaming_levels_permutes_their_coefficients(rng: np.random.Generator) -> None:
    spec = every_kind()
    small = small_panel(spec, rng)
    full = build(small, spec)
    names = {f"centre {n}": f"place {9 - n}" for n in range(6)}
    panel = small.panel.assign(centre=small.panel["centre"].astype(str).map(names))
    renamed = build(SmallPanel(panel, small.histories), spec)
    span = full.span("centre")
    assert [label for _, label in renamed.labels()[span]] == sorted(names.values())
    beta = coefficients(full, rng)
    turned = beta.copy()
    turned[span] = beta[span][::-1]
    value = log_likelihood(full, beta)
    assert log_likelihood(renamed, turned) == pytest.approx(value, rel=1e-12)
    assert log_likelihood(renamed, beta) != pytest.approx(value, rel=1e-3)  # negative control


def test_a_lag_that_never_occurs_changes_nothing(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, CENTRE + POOLED, VISIT + WALK)
    small = small_panel(spec, rng)
    longer = model(BASELINE + WALK, CENTRE + POOLED, VISIT.replace("[0, 2]", "[0, 3]") + WALK)
    history = small.histories["visit_centre"]
    never = xr.zeros_like(history.isel(lag=[0])).assign_coords(lag=[3])
    more = {"visit_centre": xr.concat([history, never], "lag")}
    one, two = build(small, spec), design.build(small.panel, more, longer)
    assert two.n_coefficients == one.n_coefficients + 1
    beta = coefficients(one, rng)
    last = one.span("visit_centre").stop
    wider = np.insert(beta, last, 7.0, axis=0)
    value = log_likelihood(one, beta)
    assert log_likelihood(two, wider) == pytest.approx(value, rel=1e-12)
    shifted = np.insert(beta, last - 1, 0.0, axis=0)  # negative control: the lags move by one
    assert log_likelihood(two, shifted) != pytest.approx(value, rel=1e-6)


def test_rows_of_unknown_history_are_left_out_and_counted(rng: np.random.Generator) -> None:
    spec = every_kind()
    small = small_panel(spec, rng)
    unknown = small.histories["visit_centre"].isnull().any("lag").values  # noqa: PD003 - of xarray
    assert unknown.any()
    made = build(small, spec)
    [left_out] = made.left_out.values()
    gone = small.panel[unknown]
    exits = (gone["exit"] != "stay").sum()
    persons = small.panel["person"].nunique() - small.panel["person"][~unknown].nunique()
    assert left_out == (persons, unknown.sum(), exits)
    np.testing.assert_array_equal(made.row, np.flatnonzero(~unknown))
    known = SmallPanel(
        small.panel[~unknown].reset_index(drop=True),
        {name: history[~unknown] for name, history in small.histories.items()},
    )
    without = build(known, spec)
    np.testing.assert_array_equal(dense(without), dense(made))
    np.testing.assert_array_equal(without.outcome, made.outcome)
    assert not without.left_out


def test_coordinates_identity_same_linear_predictor_and_prior(rng: np.random.Generator) -> None:
    spec = every_kind()
    made = build(small_panel(spec, rng), spec)
    standard = parameterisation.standard(made)
    z = coefficients(made, rng)
    beta = standard.coefficients(z)
    np.testing.assert_allclose(dense(standard.design) @ z, dense(made) @ beta, rtol=1e-10)
    assert slow_log_likelihood(standard.design, z) == pytest.approx(
        slow_log_likelihood(made, beta), rel=1e-10
    )
    priors = {term.name: term.prior for term in spec.term}
    assert list(standard.factors) == [block.name for block in made.blocks[1:]]
    for name, factor in standard.factors.items():
        block = made.blocks[[b.name for b in made.blocks].index(name)]
        expected = covariance(priors[name], block.places())  # of unit sd where that is learned
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-12)
    assert [(group.name, group.scale, group.concentration) for group in standard.learned] == [
        ("centre", 1.0, None),
        ("nationality", 1.0, 2.0),
    ]
    assert [group.span for group in standard.learned] == [
        made.span("centre"),
        made.span("nationality"),
    ]
    assert standard.transformed == standard.widths == {}
    sigma = np.array([[0.1, 0.2, 0.5], [1.0, 2.0, 4.0]])
    partial = np.array([0.6, 0.0, 0.0])  # the third exit on its own
    theta = (np.log(sigma[0]), np.r_[np.log(sigma[1]), np.arctanh(partial)])
    precision = standard.prior_precision(theta)
    one = np.eye(3)
    np.testing.assert_allclose(precision[0], one * spec.outcome.intercept.scale**-2)
    centre, nationality = precision[made.span("centre")], precision[made.span("nationality")]
    np.testing.assert_allclose(centre, np.tile(np.diag(sigma[0] ** -2), (6, 1, 1)), atol=1e-12)
    by_hand = np.linalg.inv([[1, 1.2, 0], [1.2, 4, 0], [0, 0, 16]])
    np.testing.assert_allclose(nationality[3], by_hand, atol=1e-12)
    np.testing.assert_array_equal(precision[made.span("month")], np.tile(one, (2, 1, 1)))
    assert standard.prior_mean()[0].tolist() == [spec.outcome.intercept.mean] * 3
    assert not standard.prior_mean()[1:].any()


# --- what does not fit --------------------------------------------------------------------------
def refused(small: SmallPanel, spec: ModelSpec, sentence: str) -> None:
    with pytest.raises(DesignError, match=f"^{re.escape(sentence)}"):
        build(small, spec)


def test_panel_that_does_not_fit_the_model(five_rows: SmallPanel) -> None:
    panel, histories = five_rows.panel, five_rows.histories
    columns = list(panel.columns)
    refused(
        five_rows,
        model(CENTRE.replace("centre", "center") + POOLED),
        f"panel must have the column 'center' that the model names; got {columns}. "
        "Did you mean 'centre'?",
    )
    refused(
        five_rows,
        model(SEX.replace('"male"', '"mal"') + NORMAL),
        "term 'sex' reference must be one of its 2 levels; got 'mal'.",
    )
    refused(
        five_rows,
        model(exits=2),
        "panel column 'exit' must be one of ['stay', 'assisted', 'disappeared']; got other labels "
        "in 1 of 5 rows (first: row 3). Declare the exit under [outcome], or let it end the "
        "history under [data].",
    )
    for name, term in (("centre", CENTRE + POOLED), ("age", AGE + NORMAL), ("sex", SEX + NORMAL)):
        gap = panel.assign(**{name: panel[name].where(panel["month"] != 5)})
        refused(
            SmallPanel(gap, histories),
            model(term, VISIT + WALK),
            f"panel column '{name}' must not be missing; got missing values in 1 of 4 rows "
            "(first: row 3). Complete them, or leave the persons out.",
        )


def test_histories_that_do_not_fit_the_model(five_rows: SmallPanel) -> None:
    panel, history = five_rows.panel, five_rows.histories["visit_centre"]
    refused(
        SmallPanel(panel, {"visit_center": history}),
        model(VISIT + WALK),
        "term 'visit_centre' must have an exposure history; got ['visit_center']. "
        "Did you mean 'visit_center'?",
    )
    for wrong in (history[:4], history[:, :2], history.T):
        refused(
            SmallPanel(panel, {"visit_centre": wrong}),
            model(VISIT + WALK),
            "history of term 'visit_centre' must have one row per row of the panel and one column "
            f"per lag, (5, 3); got {wrong.shape}.",
        )
    refused(
        SmallPanel(panel, {"visit_centre": history * np.nan}),
        model(AGE + NORMAL, SEX + NORMAL, NATIONALITY + POOLED, VISIT + WALK),
        "panel must keep at least one row with a known exposure history; got none of 5 rows.",
    )


def test_block_that_is_not_there(five_rows: SmallPanel) -> None:
    made = build(five_rows, model(SEX + NORMAL))
    sentence = "block must be one of ['intercept', 'sex']; got 'sec'. Did you mean 'sex'?"
    with pytest.raises(DesignError, match=f"^{re.escape(sentence)}$"):
        made.span("sec")
