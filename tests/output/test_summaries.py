"""Intervals, probabilities and Monte Carlo errors of draws."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr

from hazard.output.summaries import DETAIL, Compared, detailed, summary


def labelled(values: np.ndarray, **coordinates: list[object]) -> xr.DataArray:
    return xr.DataArray(values, coordinates, ("chain", "draw", *coordinates))


def test_intervals_by_hand() -> None:
    """Draws 0 to 100: every quantile is its own percentage."""
    draws = labelled(np.arange(101.0)[None, :, None], exit=["a"])
    [found] = detailed(draws).to_dict("records")
    ends = {name: found[name] for name in ("lower_50", "upper_50", "lower_80", "upper_80")}
    assert ends == pytest.approx({"lower_50": 25, "upper_50": 75, "lower_80": 10, "upper_80": 90})
    assert (found["lower"], found["upper"]) == pytest.approx((2.5, 97.5))
    assert np.isnan([found["p_direction"], found["p_beyond_rope"], found["rope"]]).all()
    assert [*detailed(draws).columns][-len(DETAIL) :] == [*DETAIL]


# Ten draws of a difference: 1 below, 1 at, 8 above 0; 3 above 2. Of a ratio 1 is the same: 4 below.
@pytest.mark.parametrize(
    ("draws", "held", "direction", "rope"),
    [
        ([-1, 0, 1, 1, 2, 2, 2, 3, 3, 4], Compared(0.0, 2.0), 8 / 10, 3 / 10),
        ([1, 0, -1, -1, -2, -2, -2, -3, -3, -4], Compared(0.0, 2.0), 8 / 10, 3 / 10),
        ([0.5, 0.6, 0.7, 0.8, 1, 1, 1.5, 1.6, 1.7, 3], Compared(1.0, 1.0), 4 / 10, 1 / 10),
        ([0] * 10, Compared(0.0, 2.0), 0, 0),
    ],
    ids=["more", "less", "ratio", "no difference at all"],
)
def test_probabilities_by_hand(
    draws: list[float], held: Compared, direction: float, rope: float
) -> None:
    found = detailed(labelled(np.array([draws], dtype=float)[..., None], exit=["a"]), held)
    assert found[["p_direction", "p_beyond_rope"]].iloc[0].tolist() == [direction, rope]


def test_wrong_side_is_not_the_probability_of_direction() -> None:
    """Negative control: ties count for no side, and the null of a ratio is not 0."""
    draws = labelled(np.array([[0.5, 0.6, 1.0, 1.5]])[..., None], exit=["a"])
    assert detailed(draws, Compared(1.0))["p_direction"].item() == 0.5
    assert detailed(draws, Compared(0.0))["p_direction"].item() == 1.0


def test_monte_carlo_errors_reference_arviz(rng: np.random.Generator) -> None:
    values = rng.normal(0.3, 1.0, (4, 250, 2))
    found = detailed(labelled(values, exit=["a", "b"]), Compared(0.0, 0.5))
    for e in range(2):
        own, row = values[:, :, e], found.iloc[e]
        errors = {
            p: float(az.mcse(own, method="quantile", prob=p))
            for p in (0.025, 0.1, 0.25, 0.75, 0.9, 0.975)
        }
        assert row["lower_mcse"] == pytest.approx(errors[0.025], rel=1e-10)
        assert row["upper_mcse"] == pytest.approx(errors[0.975], rel=1e-10)
        inner = max(errors[p] for p in (0.1, 0.25, 0.75, 0.9))
        assert row["inner_mcse"] == pytest.approx(inner, rel=1e-10)
        n = float(az.ess((own > 0).astype(float), method="mean"))
        q = (n * (own > 0).mean() + 0.5) / (n + 1)
        assert row["p_direction_mcse"] == pytest.approx(np.sqrt(q * (1 - q) / n), rel=1e-10)


def test_error_of_a_probability_sees_the_order_of_draws(rng: np.random.Generator) -> None:
    """Negative control: sorted draws hold far less than as many independent ones."""
    values = rng.normal(size=(4, 400, 1))
    mixed = detailed(labelled(values, exit=["a"]), Compared(0.0))
    sorted_ = detailed(labelled(np.sort(values, axis=1), exit=["a"]), Compared(0.0))
    assert sorted_["p_direction"].item() == mixed["p_direction"].item()
    assert sorted_["p_direction_mcse"].item() > 3 * mixed["p_direction_mcse"].item()


def test_a_certain_probability_has_an_error() -> None:
    """All of 100 draws agree: q = 100.5 / 101."""
    draws = labelled(np.linspace(1, 2, 100)[None, :, None], exit=["a"])
    found = detailed(draws, Compared(0.0))
    assert found["p_direction"].item() == 1
    q = 100.5 / 101
    assert found["p_direction_mcse"].item() == pytest.approx(np.sqrt(q * (1 - q) / 100))


def test_what_is_not_a_number_has_no_probability(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 50, 2))
    values[1, 7, 1] = np.nan
    found = detailed(labelled(values, exit=["a", "b"]), Compared(0.0, 1.0))
    own = [
        "lower_50",
        "lower_mcse",
        "inner_mcse",
        "p_direction",
        "p_beyond_rope",
        "p_direction_mcse",
    ]
    assert found[own].iloc[0].notna().all()
    assert found[own].iloc[1].isna().all()


def test_detailed_has_the_numbers_of_the_summary(rng: np.random.Generator) -> None:
    draws = labelled(rng.normal(size=(2, 60, 2, 3)), exit=["a", "b"], lag=[0, 1, 2])
    plain = summary(draws)
    assert detailed(draws, Compared(0.0))[[*plain.columns]].equals(plain)
