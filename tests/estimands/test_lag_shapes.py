"""Whether a lag curve has a shape: counted by hand, at the borders, and of normal draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from pydantic import TypeAdapter

from hazard.estimands.lag_shapes import lag_shape
from hazard.spec.shapes import Condition

_CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)
LOG = math.log(1.1)


def condition(kind: str, first: int, last: int, **more: float) -> Condition:
    return _CONDITION.validate_python({"kind": kind, "lags": (first, last), **more})


def curve(*values: float) -> xr.DataArray:
    return xr.DataArray([values], {"lag": range(len(values))}, ("draw", "lag"))


@pytest.mark.parametrize(
    ("values", "asked", "expected"),
    [
        ((0.1, 0.3, 0.2), condition("peak", 1, 2), 1),
        ((0.1, 0.3, 0.2), condition("peak", 0, 0), 0),
        ((-0.3, -0.1, -0.2), condition("peak", 1, 1), 1),  # the largest, though below 0
        ((0.3, 0.3, 0.2), condition("peak", 1, 2), 0),  # as large elsewhere
        ((0.1, 0.3, 0.2), condition("trough", 0, 0), 1),
        ((0.1, 0.3, 0.2), condition("trough", 1, 2), 0),
        ((0.1, 0.1, 0.2), condition("trough", 0, 0), 0),
        ((0.1, 0.3, -0.2), condition("positive", 0, 1), 1),
        ((0.1, 0.3, -0.2), condition("positive", 0, 2), 0),
        ((0.1, 0.0, -0.2), condition("positive", 0, 1), 0),  # 0 is no side
        ((-0.1, -0.3, 0.2), condition("negative", 0, 1), 1),
        ((-0.1, 0.0, 0.2), condition("negative", 0, 1), 0),
        ((0.1, 0.3, 0.2), condition("increasing", 0, 1), 1),
        ((0.1, 0.3, 0.2), condition("increasing", 0, 2), 0),
        ((0.3, 0.3, 0.2), condition("increasing", 0, 1), 1),  # level, as in a window
        ((0.3, 0.3, 0.2), condition("decreasing", 0, 2), 1),
        ((0.3, 0.2, 0.21), condition("decreasing", 0, 2), 0),
        ((9.0, LOG, -LOG), condition("negligible", 1, 2, within=1.1), 1),  # ends included
        ((9.0, LOG, -LOG - 1e-12), condition("negligible", 1, 2, within=1.1), 0),
        ((9.0, LOG + 1e-12, 0.0), condition("negligible", 1, 2, within=1.1), 0),
    ],
)
def test_shapes_by_hand_and_at_their_borders(
    values: tuple[float, ...], asked: Condition, expected: int
) -> None:
    assert lag_shape(curve(*values), [asked]).values.tolist() == [expected]


def test_conditions_hold_together() -> None:
    """Four draws: both hold in the first only, so it is not the product of 1/2 and 1/2."""
    values = [[0.5, 0.0], [0.5, 0.3], [-0.1, 0.0], [-0.1, 0.3]]
    draws = xr.DataArray(values, {"lag": [0, 1]}, ("draw", "lag"))
    up, gone = condition("positive", 0, 0), condition("negligible", 1, 1, within=1.1)
    assert lag_shape(draws, [up]).values.tolist() == [1, 1, 0, 0]
    assert lag_shape(draws, [gone]).values.tolist() == [1, 0, 1, 0]
    assert lag_shape(draws, [up, gone]).values.tolist() == [1, 0, 0, 0]


def test_lags_go_by_their_labels() -> None:
    leads = xr.DataArray([[0.5, 0.1, 0.2]], {"lag": [-1, 0, 1]}, ("draw", "lag"))
    assert lag_shape(leads, [condition("peak", -1, -1)]).item() == 1
    assert lag_shape(leads, [condition("peak", 0, 0)]).item() == 0  # the first place is no lag 0


def test_a_curve_that_is_not_known_has_no_shape() -> None:
    assert np.isnan(lag_shape(curve(0.1, np.nan), [condition("positive", 0, 0)])).all()


@pytest.mark.parametrize(
    ("kind", "mirrored"),
    [("peak", "trough"), ("positive", "negative"), ("increasing", "decreasing")],
)
def test_a_shape_of_the_mirrored_curve_metamorphic(
    rng: np.random.Generator, kind: str, mirrored: str
) -> None:
    draws = xr.DataArray(rng.normal(size=(500, 4)), {"lag": range(4)}, ("draw", "lag"))
    plain, other = condition(kind, 1, 2), condition(mirrored, 1, 2)
    xr.testing.assert_equal(lag_shape(draws, [plain]), lag_shape(-draws, [other]))
    assert not lag_shape(draws, [plain]).equals(lag_shape(draws, [other]))  # negative control


@pytest.mark.parametrize(
    ("asked", "probability"),
    [
        (condition("peak", 3, 6), 4 / 7),
        (condition("trough", 0, 0), 1 / 7),
        (condition("positive", 0, 2), 1 / 8),
        (condition("negative", 5, 6), 1 / 4),
        (condition("increasing", 0, 2), 1 / 6),
        (condition("decreasing", 3, 6), 1 / 24),
        (condition("negligible", 5, 6, within=2.0), math.erf(math.log(2) / math.sqrt(2)) ** 2),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_probability_of_independent_normal_lags(
    rng: np.random.Generator, asked: Condition, probability: float
) -> None:
    """By symmetry; the tolerance is five standard errors of a share of 40,000 draws.

    As negative control the same shape of a curve that rises from lag to lag is elsewhere.
    """
    values = rng.normal(size=(40_000, 7))
    draws = xr.DataArray(values, {"lag": range(7)}, ("draw", "lag"))
    tolerance = 5 * math.sqrt(probability * (1 - probability) / 40_000)
    assert abs(float(lag_shape(draws, [asked]).mean()) - probability) < tolerance
    rising = draws + 0.3 * (draws["lag"] - 2)
    assert abs(float(lag_shape(rising, [asked]).mean()) - probability) > tolerance
