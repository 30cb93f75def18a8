"""The compiled likelihood against a slow loop, and its derivatives against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.arrays import FloatArray
from hazard.model import design, equivalent, kernels, likelihood
from hazard.model.kernels import kernel, row_score
from hazard.model.likelihood import Rows, information, rows, value_and_gradient
from hazard.model.links import CLOGLOG, SOFTMAX, exit_probabilities
from hazard.spec.links import LINKS
from small_panels import dense, every_kind, slow_log_likelihood, slow_rows, small_panel

EPS = float(np.finfo(float).eps)
# Up to three exits of the softmax have a kernel of their own.
MODELS = [(SOFTMAX, n) for n in (1, 2, 3, 4)] + [(CLOGLOG, n) for n in (1, 2, 3)]
STEP = 1e-5


@st.composite
def row_sets(
    draw: st.DrawFn, link: int, n_exits: int
) -> tuple[FloatArray, np.ndarray, np.ndarray, FloatArray]:
    """Table, index, outcome and weight of a few rows with two blocks."""
    n_rows, n_levels = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    # beyond e^6 the loop's probability of staying, exp(-m), is no longer a number above 0
    entry = st.floats(-150, 150) if link == SOFTMAX else st.floats(-12, 3)
    size = 2 * n_levels * n_exits
    table = draw(st.lists(entry, min_size=size, max_size=size))
    level = st.lists(st.integers(0, n_levels - 1), min_size=n_rows, max_size=n_rows)
    index = np.column_stack([draw(level), np.array(draw(level)) + n_levels])
    outcome = draw(st.lists(st.integers(0, n_exits), min_size=n_rows, max_size=n_rows))
    weight = draw(st.lists(st.floats(0.5, 50), min_size=n_rows, max_size=n_rows))
    return (
        np.array(table).reshape(2 * n_levels, n_exits),
        index.astype(np.int32),
        np.array(outcome, dtype=np.int8),
        np.array(weight),
    )


def slow_row(link: int, eta: FloatArray, outcome: int) -> float:
    leave = np.empty(len(eta))
    stay = exit_probabilities(link, eta, leave)
    return float(np.log(stay if outcome == 0 else leave[outcome - 1]))


def central(f: object, at: FloatArray) -> FloatArray:
    """Central differences of a function of an array; the derivative comes last."""
    parts = []
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = STEP
        parts.append((np.asarray(f(at + step)) - np.asarray(f(at - step))) / (2 * STEP))
    return np.stack(parts, axis=-1)


@pytest.mark.parametrize(("link", "n_exits"), MODELS)
@settings(max_examples=80)  # 560 over the seven models
@given(drawn=st.data())
def test_kernel_equals_slow_loop_row_by_row(link: int, n_exits: int, drawn: st.DataObject) -> None:
    table, index, outcome, weight = drawn.draw(row_sets(link, n_exits))
    run = kernel(link, n_exits)
    for i, levels in enumerate(index):
        one = slice(i, i + 1)
        value, _ = run(table, index[one], outcome[one], weight[one])
        eta = table[levels].sum(axis=0)
        slow = weight[i] * slow_row(link, eta, outcome[i])
        # near 0 the logarithm is a difference of numbers as large as 1 or eta
        rounding = 8 * EPS * weight[i] * (1 + np.abs(eta).max())
        assert value == pytest.approx(slow, rel=1e-8, abs=rounding)


@pytest.mark.parametrize(("link", "n_exits"), MODELS)
@settings(max_examples=80)
@given(drawn=st.data())
def test_gradient_equals_finite_differences(link: int, n_exits: int, drawn: st.DataObject) -> None:
    table, index, outcome, weight = drawn.draw(row_sets(link, n_exits))
    run = kernel(link, n_exits)
    _, gradient = run(table, index, outcome, weight)
    slope = central(lambda at: run(at, index, outcome, weight)[0], table)
    # the largest term of a row: eta, or the sum of exp(eta)
    term = 1 + 2 * np.abs(table).max()
    if link == CLOGLOG:
        term += n_exits * np.exp(2 * table.max())
    rounding = 8 * EPS * weight.sum() * term / STEP
    np.testing.assert_allclose(gradient.ravel(), slope, rtol=1e-5, atol=rounding)


@pytest.mark.parametrize(("link", "n_exits"), [(SOFTMAX, 3), (CLOGLOG, 2)])
def test_swapped_exits_and_the_wrong_link_are_seen(
    link: int, n_exits: int, rng: np.random.Generator
) -> None:  # negative control
    table = rng.normal(-1, 1, (4, n_exits))
    index = np.array([[0, 2], [1, 3]], dtype=np.int32)
    outcome, weight = np.array([1, 2], dtype=np.int8), np.ones(2)
    value, gradient = kernel(link, n_exits)(table, index, outcome, weight)
    swapped, _ = kernel(link, n_exits)(table, index, outcome[::-1].copy(), weight)
    other, bent = kernel(1 - link, n_exits)(table, index, outcome, weight)
    assert abs(swapped - value) > 1e-3
    assert abs(other - value) > 1e-3
    assert np.abs(bent - gradient).max() > 1e-3


@pytest.mark.parametrize("n_exits", [1, 2, 3])
@pytest.mark.parametrize("spread", [2.0, 60.0, 400.0])
def test_register_kernel_equals_general_loop(
    n_exits: int, spread: float, rng: np.random.Generator
) -> None:
    """Small odds, odds whose product soon leaves the numbers that there are, and beyond those.

    A quarter of the rows has another weight than one: these and the others are summed apart.
    """
    table = spread * rng.uniform(-1, 1, (9, n_exits))
    index = rng.integers(0, 9, (4000, 3)).astype(np.int32)
    outcome = rng.integers(0, n_exits + 1, 4000).astype(np.int8)
    weight = np.where(rng.random(4000) < 0.25, rng.uniform(0.5, 3, 4000), 1.0)
    fast = kernel(SOFTMAX, n_exits)(table, index, outcome, weight)
    general = kernels._general_kernel(SOFTMAX)(table, index, outcome, weight)
    # each of the sums over rows rounds by at most its number of terms
    terms = (np.abs(table).max() * 3 + 2) * weight.sum()
    assert fast[0] == pytest.approx(general[0], abs=4000 * EPS * terms)
    np.testing.assert_allclose(fast[1], general[1], atol=4000 * EPS * weight.sum(), rtol=1e-11)


# --- one row ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("link", "n_exits"), MODELS)
def test_row_score_and_curvature_equal_finite_differences(
    link: int, n_exits: int, rng: np.random.Generator
) -> None:
    probability, score = np.empty(n_exits), np.empty(n_exits)
    packed = np.empty(n_exits * (n_exits + 1) // 2)
    upper = np.triu_indices(n_exits)

    def slope(eta: FloatArray) -> FloatArray:
        row_score(link, eta, outcome, probability, score)
        return score.copy()

    for outcome in range(n_exits + 1):
        # small totals go through the series, large ones through the closed form
        for eta in (rng.normal(-1, 1, n_exits), rng.normal(-11, 1, n_exits)):
            values = central(lambda at: slow_row(link, at, outcome), eta)  # noqa: B023 - used here
            np.testing.assert_allclose(slope(eta), values, rtol=1e-5, atol=20 * 16 * EPS / STEP)
            bend = -central(slope, eta)
            kernels.row_curvature(link, eta, outcome, probability, packed)
            np.testing.assert_allclose(packed, bend[upper], rtol=1e-5, atol=16 * EPS / STEP)


@pytest.mark.parametrize("exponent", [-12.0, -4.1, -3.9, -2.0, 0.0, 1.5])
def test_log_leave_ratio_identity(exponent: float) -> None:
    """The series below 1e-4 and the closed form above agree with longer series and with it."""
    m = 10.0**exponent
    value, slope, bend = kernels._log_leave_ratio(m)
    assert value == pytest.approx(np.log(-np.expm1(-m) / m), rel=1e-8, abs=4 * EPS)
    if m < 0.02:  # the next terms are below m^4 / 10
        assert slope == pytest.approx(-0.5 + m / 12 - m**3 / 720, abs=m**4 + 4 * EPS / m)
        assert bend == pytest.approx(1 / 12 - m**2 / 240, abs=m**4 + 8 * EPS / m**2 * (m > 1e-4))
    else:
        assert slope == pytest.approx(np.exp(-m) / -np.expm1(-m) - 1 / m, rel=1e-9)
        assert bend == pytest.approx(1 / m**2 - np.exp(-m) / np.expm1(-m) ** 2, rel=1e-9)


# --- all rows of a design -----------------------------------------------------------------------
def built(link: str, n_exits: int, rng: np.random.Generator) -> design.Design:
    spec = every_kind(exits=n_exits, link=link)
    small = small_panel(spec, rng)
    return design.build(small.panel, small.histories, spec)


def coefficients(data: Rows, rng: np.random.Generator) -> FloatArray:
    n = sum(block.n_coefficients for block in data.blocks)
    beta = rng.normal(0, 0.3, (n, data.n_exits))
    beta[0] -= 2
    return beta


LINKED = [("softmax", 2), ("softmax", 3), ("softmax", 4), ("cloglog", 1), ("cloglog", 3)]


@pytest.mark.parametrize(("link", "n_exits"), LINKED)
def test_design_log_likelihood_equals_slow_loop(
    link: str, n_exits: int, rng: np.random.Generator
) -> None:
    full = built(link, n_exits, rng)
    data = rows(full)
    beta = coefficients(data, rng)
    value, gradient = value_and_gradient(data, beta)
    assert value == pytest.approx(slow_log_likelihood(full, beta), rel=1e-10)
    slow = likelihood.linear_predictor(data, beta)
    np.testing.assert_allclose(slow, dense(full) @ beta, rtol=1e-12, atol=1e-12)
    slope = central(lambda at: value_and_gradient(data, at)[0], beta)
    rounding = 8 * EPS * abs(value) / STEP
    np.testing.assert_allclose(gradient.ravel(), slope, rtol=1e-5, atol=rounding)
    shifted = replace(full, outcome=np.roll(full.outcome, 1))  # negative control
    assert abs(slow_log_likelihood(shifted, beta) / value - 1) > 1e-6


@pytest.mark.parametrize(("link", "n_exits"), LINKED)
def test_information_equals_finite_differences_of_the_gradient(
    link: str, n_exits: int, rng: np.random.Generator
) -> None:
    data = rows(equivalent.collapsed(built(link, n_exits, rng)))
    beta = coefficients(data, rng)
    _, gradient = value_and_gradient(data, beta)
    bend = -central(lambda at: value_and_gradient(data, at)[1].ravel(), beta)
    found = information(data, beta).reshape(bend.shape)
    rounding = 64 * EPS * max(np.abs(gradient).max(), data.weight.sum()) / STEP
    np.testing.assert_allclose(found, bend, rtol=1e-5, atol=rounding)
    np.testing.assert_allclose(found, found.T, rtol=1e-12, atol=1e-12)
    expected = LINKS["cloglog" if link == "softmax" else "softmax"].code
    other = information(replace(data, link=expected), beta).reshape(bend.shape)
    assert np.abs(other - bend).max() > 100 * rounding  # negative control


@pytest.mark.parametrize("largest", [likelihood._LARGEST_CROSS_TABLE, 0])
def test_cross_product_equals_the_dense_one(
    largest: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "_LARGEST_CROSS_TABLE", largest)
    full = built("softmax", 2, rng)
    weights = rng.normal(size=(len(full.weight), 3))
    x = dense(full)
    expected = np.stack([x.T @ (w[:, None] * x) for w in weights.T])
    found = likelihood.cross_product(rows(full), weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    joined = likelihood.cross_product(likelihood.rows(equivalent.merged(full, 10_000)), weights)
    np.testing.assert_allclose(joined, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_table_and_gathered_are_transposes(rng: np.random.Generator) -> None:
    full = built("softmax", 2, rng)
    data = rows(full)
    beta, slope = coefficients(data, rng), rng.normal(size=(data.n_levels, 2))
    up = (likelihood.table(data.blocks, beta) * slope).sum()
    down = (beta * likelihood.gathered(data.blocks, slope)).sum()
    assert up == pytest.approx(down, rel=1e-12)


def test_rows_of_the_slow_loop_add_up(rng: np.random.Generator) -> None:
    full = built("cloglog", 2, rng)
    beta = coefficients(rows(full), rng)
    assert slow_rows(full, beta).sum() == pytest.approx(slow_log_likelihood(full, beta), rel=1e-12)
