"""Draws as wide as dependent rows say: by loops, by copies of rows, and what must stay as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.arrays import FloatArray, IntArray
from hazard.errors import DesignError, SpecError
from hazard.inference import laplace, laplace_draws, sandwich
from hazard.inference.laplace import Laplace
from hazard.model import design, parameterisation
from hazard.model.dependence import DependentRows, dependent_rows
from hazard.spec import DependenceSpec, ModelSpec
from small_panels import (
    BASELINE,
    CENTRE,
    CORRELATED,
    NORMAL,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    model,
    small_panel,
)

N = 4000


def example(
    rng: np.random.Generator, *terms: str, persons: int = 150
) -> tuple[SmallPanel, ModelSpec]:
    spec = model(BASELINE + WALK, SEX + NORMAL, *terms, VISIT + WALK, exits=2)
    return small_panel(spec, rng, persons=persons), spec


def approximated(small: SmallPanel, spec: ModelSpec) -> Laplace:
    built = design.build(small.panel, small.histories, spec)
    return laplace.fit(parameterisation.standard(built))


def robust_of(around: Laplace, rows: DependentRows) -> sandwich.RobustCovariance:
    precision = around.coordinates.prior_precision(around.theta)
    return sandwich.robust_covariance(around.coordinates, around.mode, precision, rows)


def groups(rng: np.random.Generator, n: int, bandwidth: int) -> DependentRows:
    codes = rng.integers(0, 6, n), rng.integers(0, 4, n)
    return DependentRows(("a", "b"), codes, rng.integers(400, 420, n), bandwidth)


# --- the pieces, by loops -----------------------------------------------------------------------
@pytest.mark.parametrize("bandwidth", [0, 3])
def test_sums_of_products_by_a_loop_over_pairs(bandwidth: int, rng: np.random.Generator) -> None:
    values, rows = rng.standard_normal((60, 3)), groups(rng, 60, bandwidth)
    code, slow = rows.codes[0], np.zeros((3, 3))
    for i in range(60):
        for k in range(60):
            apart = abs(int(rows.period[i] - rows.period[k]))
            if code[i] == code[k] and apart <= bandwidth:
                slow += (1 - apart / (bandwidth + 1)) * np.outer(values[i], values[k])
    found = sandwich.summed_products(values, code, rows.period, bandwidth)
    np.testing.assert_allclose(found, slow, atol=1e-10)


def test_influence_of_a_row_is_what_more_weight_of_it_does(rng: np.random.Generator) -> None:
    """The mode after a row counts a little more, found anew, against the first-order move."""
    small, spec = example(rng)
    around = approximated(small, spec)
    positions = sandwich.lag_parameters(around.coordinates).positions
    found = sandwich.influences(around.coordinates, around.mode, positions)
    size, built = 1e-3, around.coordinates.original
    for row in (0, 17, 101):
        weight = built.weight.copy()
        weight[row] += size
        again = laplace.fit(parameterisation.standard(replace(built, weight=weight)))
        move = (again.mode.beta - around.mode.beta).ravel()[positions] / size
        np.testing.assert_allclose(found[row], move, rtol=5e-3, atol=1e-5)


def test_influences_sum_to_the_pull_of_the_prior(rng: np.random.Generator) -> None:
    """At the mode the score is the slope of the log prior: H^-1 P (beta - mean)."""
    small, spec = example(rng, CENTRE + CORRELATED)
    around = approximated(small, spec)
    coordinates = around.coordinates
    positions = sandwich.lag_parameters(coordinates).positions
    slope = np.einsum(
        "kab,kb->ka",
        coordinates.prior_precision(around.theta),
        around.mode.beta - coordinates.prior_mean(),
    )
    inverse = np.linalg.inv(around.mode.cholesky @ around.mode.cholesky.T)
    total = sandwich.influences(around.coordinates, around.mode, positions).sum(axis=0)
    np.testing.assert_allclose(total, (inverse @ slope.ravel())[positions], atol=1e-5)


def test_two_columns_are_counted_once_where_they_meet(rng: np.random.Generator) -> None:
    """Two columns that are the same are one: V + V - V."""
    small, spec = example(rng)
    around = approximated(small, spec)
    n = len(around.coordinates.original.row)
    rows = groups(rng, n, 2)
    twice = replace(rows, codes=(rows.codes[0], rows.codes[0]))
    once = replace(rows, codes=rows.codes[:1])
    np.testing.assert_allclose(
        robust_of(around, twice).robust, robust_of(around, once).robust, atol=1e-12
    )


# --- what it is for -----------------------------------------------------------------------------
def copied(small: SmallPanel, times: int) -> SmallPanel:
    """Every row so many times, one after the other."""
    n = len(small.panel)
    row = np.repeat(np.arange(n), times)
    histories = {name: each.isel(row=row) for name, each in small.histories.items()}
    return SmallPanel(small.panel.iloc[row].reset_index(drop=True), histories)


def robust_sd(made: Laplace, code: IntArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviations of the lag coordinates, as if rows were independent, and robust."""
    rows = DependentRows(("a",), (code,), np.zeros(len(code), dtype=np.int64), 0)
    spread = robust_of(made, rows)
    return np.sqrt(np.diag(spread.covariance)), np.sqrt(np.diag(spread.robust))


def test_copies_of_rows_are_no_news(rng: np.random.Generator) -> None:
    """Four copies of every row in a group of their own: the spread is that of one.

    The prior is wide, so that the rows alone speak. Negative control: as if the copies were
    independent the spread is half of that.
    """
    wide = VISIT + NORMAL.replace("1.0", "30.0")
    spec = model(BASELINE + NORMAL.replace("1.0", "30.0"), wide, exits=2)
    small = small_panel(spec, rng, persons=400)
    single = approximated(small, spec)
    many = approximated(copied(small, 4), spec)
    n = len(single.coordinates.original.row)
    naive, robust = robust_sd(single, np.arange(n))
    few, same = robust_sd(many, np.repeat(np.arange(n), 4))
    np.testing.assert_allclose(same, robust, rtol=0.01)
    assert (few < 0.6 * naive).all()
    assert (few < 0.6 * same).all()


def test_independent_rows_have_the_spread_that_they_had(rng: np.random.Generator) -> None:
    """Rows drawn from the model, each a group of its own: both spreads are estimates of one thing.

    Of m rows with an event the variance of the scores has about the relative error sqrt(2 / m);
    with the 1,000 rows or more per coefficient here 4 of them are 0.18 of the variance.
    """
    spec = model(BASELINE + WALK, VISIT + WALK, exits=2)
    small = small_panel(spec, rng, persons=3000)
    made = approximated(small, spec)
    n = len(made.coordinates.original.row)
    assert n > 5 * 1000
    naive, robust = robust_sd(made, np.arange(n))
    np.testing.assert_allclose((robust / naive) ** 2, 1, atol=0.25)


# --- draws --------------------------------------------------------------------------------------
def curve_draws(draws: xr.Dataset) -> FloatArray:
    """(coefficient and exit, draw) of the lag curve."""
    curve = draws["beta_visit_centre"].transpose("visit_centre_level", "exit", "chain", "draw")
    return np.asarray(curve.values.reshape(-1, N))


def test_moved_draws_have_the_robust_spread(rng: np.random.Generator) -> None:
    """The same mean, and per exit the covariance T S T' of the draws that were moved."""
    small, spec = example(rng, CENTRE + CORRELATED)
    around = approximated(small, spec)
    rows = groups(rng, len(around.coordinates.original.row), 4)
    spread = robust_of(around, rows)
    before = laplace_draws.draws(around, N, rng)
    after = sandwich.adjusted(before, around.coordinates, spread)
    for name in before:
        np.testing.assert_allclose(after[name].mean(), before[name].mean(), atol=1e-9)
        assert after[name].dims == before[name].dims
    factor = around.coordinates.factors["visit_centre"]
    old, new = curve_draws(before), curve_draws(after)
    for j, matrix in enumerate(spread.maps()):
        part = slice(j, None, 2)
        move = factor @ matrix @ np.linalg.inv(factor)
        np.testing.assert_allclose(
            np.cov(new[part]), move @ np.cov(old[part]) @ move.T, rtol=1e-6, atol=1e-9
        )
    # what is no coefficient stays: learned spreads, correlations
    np.testing.assert_array_equal(after["sigma_centre"], before["sigma_centre"])
    # all others follow the curve by their regression on it
    change = (after["intercept"] - before["intercept"]).transpose("exit", "chain", "draw")
    assert float(np.abs(change).max()) > 1e-4


def test_model_without_dependence_has_the_draws_of_before(rng: np.random.Generator) -> None:
    small, spec = example(rng)
    small.panel["calendar"] = 420 + small.panel["month"].to_numpy()
    small.panel["house"] = rng.integers(0, 5, len(small.panel)).astype(str)
    alike = approximated(small, spec)
    dependent = spec.replace(dependence={"groups": ["house"], "periods": 2})
    other = approximated(small, dependent)
    first, second = (
        laplace_draws.draws(each, N, np.random.default_rng(1)) for each in (alike, other)
    )
    assert np.abs(first["beta_visit_centre"] - second["beta_visit_centre"]).max() > 1e-3
    # without it, and with it taken away, nothing is moved
    xr.testing.assert_identical(alike.adjusted(first), first)
    assert alike.sd_ratios == {}
    assert other.sd_ratios["visit_centre"].keys() == {"assisted", "disappeared"}


def test_no_direction_is_less_sure_of_than_independent_rows_are(rng: np.random.Generator) -> None:
    """Few groups that are followed for long: their sums are near zero, and the spread stays.

    Negative control: the robust covariance itself would be less than a quarter.
    """
    small, spec = example(rng)
    around = approximated(small, spec)
    n = len(around.coordinates.original.row)
    spread = robust_of(around, DependentRows(("a",), (np.arange(n) % 2,), np.zeros(n, int), 0))
    for (_, _, part), target in zip(spread.parameters.parts, spread.targets(), strict=True):
        naive, robust = (
            spread.covariance[part, part],
            spread.robust[part, part],
        )
        assert np.linalg.eigvalsh(target - naive).min() > -1e-10
        assert np.linalg.eigvalsh(robust - naive).min() < 0
    ratios = sandwich.sd_ratios(around.coordinates, spread)["visit_centre"]
    assert min(ratios.values()) >= 1 - 1e-12


def test_curve_whose_prior_is_not_normal_keeps_its_draws(rng: np.random.Generator) -> None:
    monotone = VISIT + NORMAL.replace("normal", "monotone")
    spec = model(BASELINE + WALK, SEX + NORMAL, monotone, exits=2)
    around = approximated(small_panel(spec, rng, persons=150), spec)
    draws = laplace_draws.draws(around, N, rng)
    original = around.coordinates.original
    dependent = replace(original, dependence=groups(rng, len(original.row), 4))
    wide = replace(around, coordinates=replace(around.coordinates, original=dependent))
    assert sandwich.lag_parameters(wide.coordinates).parts == ()
    xr.testing.assert_identical(wide.adjusted(draws), draws)


def test_coordinates_of_a_sampler_are_not_those_of_moved_draws(rng: np.random.Generator) -> None:
    small, spec = example(rng)
    around = approximated(small, spec)
    draws = laplace_draws.draws(around, N, rng)
    sampled = draws.assign(z_visit_centre=draws["beta_visit_centre"])
    spread = robust_of(around, groups(rng, len(around.coordinates.original.row), 4))
    moved = sandwich.adjusted(sampled, around.coordinates, spread)
    assert set(moved) == set(draws)


# --- what a model may ask -----------------------------------------------------------------------
def test_groups_must_differ_and_columns_be_there(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, VISIT + WALK)
    with pytest.raises(SpecError, match="different columns"):
        spec.replace(dependence={"groups": ["centre", "centre"]})
    with pytest.raises(SpecError, match="who a person is"):
        spec.replace(dependence={"groups": ["person"]})
    frame = pd.DataFrame({"centre": ["A", "B"]})
    with pytest.raises(DesignError, match="'calendar'"):
        dependent_rows(frame, DependenceSpec(groups=("centre",)))
    one = frame.assign(calendar=420, country="NO")
    for columns in (("country",), ("centre", "country")):
        with pytest.raises(DesignError, match="'country' must have two groups or more"):
            dependent_rows(one, DependenceSpec(groups=columns))
    with pytest.raises(DesignError, match="'region'"):
        dependent_rows(frame.assign(calendar=420), DependenceSpec(groups=("region",)))
