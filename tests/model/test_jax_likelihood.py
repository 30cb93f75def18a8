"""The likelihood in JAX against the compiled one: value, gradient, and the other link."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from hazard.model import jax_likelihood
from hazard.model.likelihood import kernel, rows, table
from hazard.model.links import CLOGLOG, SOFTMAX
from small_models import made

EPS = float(np.finfo(float).eps)


@pytest.mark.parametrize("name", ["oslo2016", "smooth walk", "one exit", "correlated groups"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_value_and_gradient_are_those_of_the_compiled_one(
    name: str, scale: float, rng: np.random.Generator
) -> None:
    data = rows(made(name).design)
    beta = rng.normal(0, scale, size=(sum(b.n_coefficients for b in data.blocks), data.n_exits))
    levels = table(data.blocks, beta)
    data_of_rows = (data.index, data.outcome, data.weight)

    def value(at: object) -> object:
        return jax_likelihood.log_likelihood(data.link, at, *data_of_rows)

    got, slope = jax.value_and_grad(value)(levels)
    expected, expected_slope = kernel(data.link, data.n_exits)(levels, *data_of_rows)
    # a sum of n rounded terms, each from a handful of operations
    tolerance = 50 * EPS * len(data.outcome) * max(1.0, float(np.abs(levels).max()))
    assert abs(float(got) / expected - 1) < tolerance
    np.testing.assert_allclose(slope, expected_slope, atol=tolerance * np.abs(expected_slope).max())
    other = CLOGLOG if data.link == SOFTMAX else SOFTMAX
    wrong = float(jax_likelihood.log_likelihood(other, levels, *data_of_rows))
    assert abs(wrong / expected - 1) > tolerance  # control: the other link
