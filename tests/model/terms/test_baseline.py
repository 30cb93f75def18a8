"""The three forms of the baseline, by hand, as identities, and in incidences."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from hazard.arrays import FloatArray
from hazard.errors import SpecError
from hazard.estimands import incidence, survival
from hazard.model import design, parameterisation
from hazard.model.links import hazard
from hazard.model.priors import covariance
from hazard.model.terms.baseline import build, level_of_month, splines
from hazard.spec import BaselineTerm, IncidenceEstimand, Spline
from small_panels import LEARNED_WALK, NORMAL, TERM, WALK, dense, model
from small_terms import wide_panel

BREAKS = TERM + '"baseline"\nbreaks = [1, 2, 5]\n'
MONTHS = TERM + '"baseline"\nmonths = 6\n'
SPLINE = TERM + '"baseline"\nspline = { knots = [1, 3, 7] }\n'
FORMS = [BREAKS, MONTHS, SPLINE]
KNOTS = st.lists(st.integers(2, 60), min_size=1, max_size=6, unique=True).map(
    lambda months: (1, *sorted(months))
)


def term_of(text: str) -> BaselineTerm:
    [term] = model(text).term
    assert isinstance(term, BaselineTerm)
    return term


def panel_of(months: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"month": months})


# --- by hand ------------------------------------------------------------------------------------
def test_months_by_hand() -> None:
    block, index = build(term_of(MONTHS.replace("6", "3") + NORMAL), panel_of([1, 2, 3, 4, 90]))
    assert block.levels.tolist() == ["1", "2", "3+"]
    assert block.coefficients.tolist() == ["2", "3+"]
    assert block.matrix()[index].tolist() == [[0, 0], [1, 0], [0, 1], [0, 1], [0, 1]]


# Quadratic B-splines with knots 1, 1, 1, 3, 5, 5, 5; with x = (month - 1) / 2 in [0, 1] they are
#   (1 - x)^2, 2 x - 3/2 x^2, x^2 / 2, 0, and in [1, 2] mirrored.
# month      2    3    4    5
# second   5/8  1/2  1/8    0     x = 1/2, 1, 3/2, 2
# third    1/8  1/2  5/8    0
# fourth     0    0  1/4    1
def test_quadratic_splines_by_hand() -> None:
    spline = Spline(knots=(1, 3, 5), degree=2)
    expected = [[0, 0, 0], [5 / 8, 1 / 8, 0], [1 / 2, 1 / 2, 0], [1 / 8, 5 / 8, 1 / 4], [0, 0, 1]]
    np.testing.assert_allclose(splines(spline, range(1, 6)), expected, atol=1e-12)
    text = SPLINE.replace("[1, 3, 7]", "[1, 3, 5], degree = 2")
    block, index = build(term_of(text + NORMAL), panel_of([1, 4, 5, 9]))
    assert block.levels.tolist() == ["1", "2", "3", "4", "5+"]
    assert block.coefficients.tolist() == ["2", "4", "5"]  # the means of two inner knots
    np.testing.assert_allclose(block.matrix()[index], np.array(expected)[[0, 3, 4, 4]], atol=1e-12)


def test_months_equal_breaks_in_every_month() -> None:
    every = TERM + '"baseline"\nbreaks = [1, 2, 3, 4, 5, 6]\n'
    one, other = (
        build(term_of(MONTHS + WALK), panel_of([3])),
        build(term_of(every + WALK), panel_of([3])),
    )
    for name in ("levels", "coefficients", "basis", "starts"):
        np.testing.assert_array_equal(getattr(one[0], name), getattr(other[0], name))


# --- identities ---------------------------------------------------------------------------------
@given(KNOTS, st.integers(1, 5))
def test_splines_identity_reference_sum_and_constant_tail(
    knots: tuple[int, ...], degree: int
) -> None:
    spline = Spline(knots=knots, degree=degree)
    months = np.arange(1, 100)
    basis = splines(spline, months)
    assert basis.shape == (99, len(knots) + degree - 2)
    assert not basis[0].any()  # month 1 is the reference
    assert (basis >= -1e-12).all()
    assert (basis.sum(axis=1) <= 1 + 1e-12).all()
    tail = basis[knots[-1] - 1 :]
    np.testing.assert_array_equal(tail, np.repeat(tail[:1], len(tail), axis=0))
    # the spline that is left out is there only before the second knot
    np.testing.assert_allclose(basis[knots[1] - 1 :].sum(axis=1), 1.0, rtol=1e-12)
    assert (basis[: knots[1] - 1].sum(axis=1) < 1).all()


@given(KNOTS, st.integers(1, 5))
def test_splines_identity_a_straight_line_lies_at_the_labels(
    knots: tuple[int, ...], degree: int
) -> None:
    # with every coefficient at the month of its label (less 1) the curve is month - 1
    text = SPLINE.replace("[1, 3, 7]", f"{list(knots)}, degree = {degree}")
    block, _ = build(term_of(text + NORMAL), panel_of([1]))
    at = block.coefficients.astype(float) - 1
    line = block.matrix() @ at
    # labels have two decimals
    np.testing.assert_allclose(line, np.arange(knots[-1]), atol=0.005 + 1e-9)
    assert len(set(block.coefficients)) == len(at)
    if len(at) > 1:  # negative control: the labels of another order
        assert np.abs(block.matrix() @ at[::-1] - np.arange(knots[-1])).max() > 0.005


@pytest.mark.parametrize("text", FORMS)
def test_level_of_month_is_that_of_the_rows(text: str) -> None:
    months = list(range(1, 30))
    block, index = build(term_of(text + WALK), panel_of(months))
    np.testing.assert_array_equal(level_of_month(block, months), index)
    assert not block.matrix()[level_of_month(block, [1])].any()
    # negative control: a month later is another level somewhere
    assert (level_of_month(block, np.array(months) + 1) != index).any()


def test_learned_walk_over_splines_is_a_walk_from_the_reference() -> None:
    spec = model(SPLINE + LEARNED_WALK)
    panel = panel_of([1, 2, 3]).assign(person=[0, 1, 2], exit="stay")
    made = parameterisation.standard(design.build(panel, {}, spec))
    block = made.original.blocks[1]
    steps = np.diff(np.vstack([np.zeros((1, 4)), made.factors["month"]]), axis=0)
    np.testing.assert_allclose(steps, np.eye(4), atol=1e-12)  # c_k - c_(k-1) = z_k, c_0 = 0
    expected = block.matrix() @ covariance(spec.term[0].prior, range(4)) @ block.matrix().T
    found = made.design.blocks[1].matrix()
    np.testing.assert_allclose(found @ found.T, expected, rtol=1e-12, atol=1e-12)
    variance = np.diag(expected)
    assert variance[0] == 0
    assert (np.diff(variance) > 0).all()


# --- the linear predictor and incidences --------------------------------------------------------
def slow_baseline(term: BaselineTerm, month: int, beta: FloatArray) -> FloatArray:
    """Effect of a month, without the tables of the block."""
    if term.spline is None:
        starts = term.breaks or range(1, int(term.months or 0) + 1)
        number = sum(start <= month for start in starts) - 1
        return beta[number - 1] if number > 0 else np.zeros(beta.shape[1])
    degree = term.spline.degree
    knots = np.pad(np.array(term.spline.knots, dtype=float), (degree, degree), "edge")
    curve = BSpline(knots, np.vstack([np.zeros(beta.shape[1]), beta]), degree)
    value: FloatArray = curve(min(month, term.spline.knots[-1]))
    return value


@pytest.mark.parametrize("text", FORMS)
def test_linear_predictor_equals_a_loop_over_rows(text: str, rng: np.random.Generator) -> None:
    spec = model(text + WALK)
    small = wide_panel(spec, rng)
    made = design.build(small.panel, small.histories, spec)
    beta = rng.normal(0, 1, (made.n_coefficients, 3))
    term = term_of(text + WALK)
    slow = [beta[0] + slow_baseline(term, month, beta[1:]) for month in small.panel["month"]]
    np.testing.assert_allclose(dense(made) @ beta, slow, atol=1e-12)
    late = [beta[0] + slow_baseline(term, month + 1, beta[1:]) for month in small.panel["month"]]
    assert np.abs(dense(made) @ beta - late).max() > 0.01  # negative control


@pytest.mark.parametrize("text", FORMS)
def test_incidence_follows_every_form(text: str, rng: np.random.Generator) -> None:
    spec = model(text + WALK, exits=2)
    small = wide_panel(spec, rng, persons=5)
    made = design.build(small.panel, small.histories, spec)
    beta = rng.normal(0, 1, (1, 1, made.n_coefficients, 2)) - 1.0
    drawn = xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))
    wanted = IncidenceEstimand(kind="cumulative_incidence", horizon_months=9)
    found = incidence.incidence(drawn, made, small.panel["person"], wanted)
    one, term = beta[0, 0], term_of(text + WALK)
    eta = [one[0] + slow_baseline(term, month, one[1:]) for month in range(1, 10)]
    labelled = xr.DataArray(eta, {"exit": list(made.exits)}, ("month", "exit"))
    h = hazard(labelled, made.link).transpose("exit", "month")
    expected = survival.cumulative_incidence(h)
    np.testing.assert_allclose(found.values[0, 0, 0], expected.values, rtol=1e-12)
    block = made.blocks[1]
    assert block.starts is not None
    moved = replace(block, starts=block.starts + (block.starts > 1))  # negative control
    wrong = replace(made, blocks=(made.blocks[0], moved))
    other = incidence.incidence(drawn, wrong, small.panel["person"], wanted)
    assert np.abs(other - found).max() > 1e-4


# --- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BREAKS + "months = 6\n", "a baseline must have one of breaks, months and spline"),
        (TERM + '"baseline"\n', "a baseline must have one of breaks, months and spline"),
        (SPLINE.replace("[1, 3, 7]", "[1, 7, 3]"), "knots must start at 1 and increase"),
        (SPLINE.replace("[1, 3, 7]", "[2, 3, 7]"), "knots must start at 1 and increase"),
        (BREAKS.replace("[1, 2, 5]", "[1, 5, 2]"), "breaks must start at 1 and increase"),
        (MONTHS.replace("6", "1"), "months must be at least 2; got 1"),
        (SPLINE.replace("knots", "nots"), "Did you mean 'knots'?"),
    ],
)
def test_forms_that_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=re.escape(sentence)):
        model(text + NORMAL)
