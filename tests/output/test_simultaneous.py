"""Simultaneous bands: counted on the draws, covering, and never narrower than single intervals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from hazard.output.simultaneous import BAND, simultaneous_band
from hazard.output.summaries import summary

N_LAGS, LEVEL = 7, 0.95


def curves(rng: np.random.Generator, correlation: float, n: int = 1000) -> xr.DataArray:
    """Four chains of normal curves whose neighbouring lags are correlated."""
    distance = np.abs(np.subtract.outer(np.arange(N_LAGS), np.arange(N_LAGS)))
    factor = np.linalg.cholesky(correlation**distance)
    values = rng.normal(size=(4, n, N_LAGS)) @ factor.T
    return xr.DataArray(values, {"lag": range(N_LAGS)}, ("chain", "draw", "lag"))


def share_inside(draws: xr.DataArray, lower: xr.DataArray, upper: xr.DataArray) -> float:
    return float(((lower <= draws) & (draws <= upper)).all("lag").mean())


def ends(band: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    return band["lower_simultaneous"], band["upper_simultaneous"]


def single(draws: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Intervals of single lags."""
    rows = summary(draws).set_index("lag")
    return rows["lower"].to_xarray(), rows["upper"].to_xarray()


# Eight draws of two lags.
#   lag 0   1  2  3  4  5  6  7  8
#   lag 1   4  1  3  6  5  2  8  7
# From the second smallest to the second largest number lie draws 2 to 7 of lag 0, and all but 2 and
# 7 of lag 1: four of eight lie there at both. From the third to the sixth lie 3 to 6 of lag 0, and
# 1, 3, 4, 5 of lag 1: three of eight.
@pytest.mark.parametrize(
    ("level", "lower", "upper", "inside"),
    [(3 / 8, [3, 3], [6, 6], 3), (4 / 8, [2, 2], [7, 7], 4), (5 / 8, [1, 1], [8, 8], 8)],
)
def test_band_by_hand(level: float, lower: list[int], upper: list[int], inside: int) -> None:
    values = np.array([[1, 2, 3, 4, 5, 6, 7, 8], [4, 1, 3, 6, 5, 2, 8, 7]], dtype=float).T
    draws = xr.DataArray(values[None], {"lag": [0, 1]}, ("chain", "draw", "lag"))
    band = simultaneous_band(draws, ci_prob=level)
    assert 8 * share_inside(draws, *ends(band)) == inside
    assert ends(band)[0].values.tolist() == lower
    assert ends(band)[1].values.tolist() == upper


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_band_holds_the_level_of_the_draws_and_one_step_in_does_not(
    rng: np.random.Generator, correlation: float
) -> None:
    draws = curves(rng, correlation)
    lower, upper = ends(simultaneous_band(draws))
    assert share_inside(draws, lower, upper) >= LEVEL
    above, below = draws.where(draws > lower).min(["chain", "draw"]), draws.where(draws < upper)
    assert share_inside(draws, above, below.max(["chain", "draw"])) < LEVEL


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_band_covers_curves_that_it_was_not_made_of(
    rng: np.random.Generator, correlation: float
) -> None:
    """And as negative control the intervals of single lags do not.

    The depth at which a band lies is one order statistic of 4,000 draws: its coverage has the
    standard error of a share of them, and the share of new curves that of 200,000.
    """
    made_of, fresh = curves(rng, correlation), curves(rng, correlation, 50_000)
    tolerance = 5 * np.sqrt(LEVEL * (1 - LEVEL) * (1 / 4_000 + 1 / 200_000))
    covered = share_inside(fresh, *ends(simultaneous_band(made_of)))
    assert abs(covered - LEVEL) < tolerance
    assert share_inside(fresh, *single(made_of)) < LEVEL - tolerance


def test_band_of_independent_lags_reference_normal(rng: np.random.Generator) -> None:
    """All seven lie inside with 95 percent where each does with the seventh root of it."""
    band = simultaneous_band(curves(rng, 0.0))
    critical = stats.norm.ppf((1 + LEVEL ** (1 / N_LAGS)) / 2)
    lower, upper = ends(band)
    tolerance = 5 * band["simultaneous_mcse"]
    assert bool((abs(lower + critical) < tolerance).all())
    assert bool((abs(upper - critical) < tolerance).all())
    single_critical = stats.norm.ppf((1 + LEVEL) / 2)  # negative control
    assert not bool((abs(upper - single_critical) < tolerance).all())


def test_band_is_wider_than_single_intervals(rng: np.random.Generator) -> None:
    draws = curves(rng, 0.5)
    (lower, upper), (single_lower, single_upper) = ends(simultaneous_band(draws)), single(draws)
    assert bool((lower < single_lower).all())
    assert bool((upper > single_upper).all())


@pytest.mark.parametrize("n", [1000, 600, 40])
def test_band_of_one_lag_is_its_interval(rng: np.random.Generator, n: int) -> None:
    draws = curves(rng, 0.0, n).isel(lag=[3])
    for band, interval in zip(ends(simultaneous_band(draws)), single(draws), strict=True):
        assert band.values.tolist() == interval.values.tolist()


def test_band_does_not_change_with_a_lag_that_is_there_twice(rng: np.random.Generator) -> None:
    """Metamorphic: lags of one window have one coefficient."""
    draws = curves(rng, 0.5)
    joined = draws.isel(lag=[0, 1, 1, 2, 3, 3, 3, 4, 5, 6])
    once, again = simultaneous_band(draws), simultaneous_band(joined)
    for name in BAND:
        np.testing.assert_array_equal(once[name].isel(lag=joined["lag"].values), again[name])


def test_band_follows_an_increasing_transformation(rng: np.random.Generator) -> None:
    """Metamorphic: the band of odds ratios is the exponential of that of log-odds.

    Single intervals lie between two draws, so that this is not so of them; the band is of draws.
    """
    draws = curves(rng, 0.0)
    for log_end, end in zip(
        ends(simultaneous_band(draws)), ends(simultaneous_band(np.exp(draws))), strict=True
    ):
        np.testing.assert_allclose(np.exp(log_end), end, rtol=1e-12)


def test_monte_carlo_error_is_that_of_repeated_draws(rng: np.random.Generator) -> None:
    """Between the variance of an end and the sum of both: it is the larger error of the two.

    A variance of 400 repetitions has a relative standard error of sqrt(2 / 399); the mean of 400
    of half samples, of 15 degrees of freedom each, one of sqrt(2 / 15 / 400).
    """
    repetitions = [simultaneous_band(curves(rng, 0.5, 200).isel(lag=slice(3))) for _ in range(400)]
    band = xr.concat(repetitions, dim="repetition")
    stated = (band["simultaneous_mcse"] ** 2).mean("repetition")
    lower, upper = (end.var("repetition", ddof=1) for end in ends(band))
    tolerance = 5 * np.sqrt(2 / 399 + 2 / 15 / 400)
    assert bool((stated > np.maximum(lower, upper) * (1 - tolerance)).all())
    assert bool((stated < (lower + upper) * (1 + tolerance)).all())


def test_monte_carlo_error_sees_the_order_of_draws(rng: np.random.Generator) -> None:
    """Negative control: sorted draws hold far less than as many independent ones."""
    draws = curves(rng, 0.5)
    order = np.argsort(draws.isel(lag=0).values.ravel())
    values = draws.values.reshape(-1, N_LAGS)[order].reshape(draws.shape)
    in_order = simultaneous_band(draws.copy(data=values))
    mixed = simultaneous_band(draws)
    assert bool((in_order["lower_simultaneous"] == mixed["lower_simultaneous"]).all())
    assert float(in_order["simultaneous_mcse"][0]) > 2 * float(mixed["simultaneous_mcse"][0])


def test_a_lag_that_a_term_does_not_have_is_no_part_of_its_curve(rng: np.random.Generator) -> None:
    draws = curves(rng, 0.5)
    without = draws.where(draws["lag"] != 2)
    present = [0, 1, 3, 4, 5, 6]
    band, expected = simultaneous_band(without), simultaneous_band(draws.sel(lag=present))
    for name in BAND:
        assert np.isnan(band[name].sel(lag=2))
        np.testing.assert_array_equal(band[name].sel(lag=present), expected[name])


def test_a_curve_with_a_draw_that_is_not_a_number_has_no_band(rng: np.random.Generator) -> None:
    draws = curves(rng, 0.5)
    draws[1, 7, 2] = np.nan
    assert simultaneous_band(draws).isnull().all().to_array().all()
    nothing = simultaneous_band(xr.full_like(draws, np.nan))
    assert nothing.isnull().all().to_array().all()


def test_one_draw_is_its_own_band() -> None:
    draws = xr.DataArray([[[1.0, 2.0]]], dims=("chain", "draw", "lag"))
    band = simultaneous_band(draws)
    assert band["lower_simultaneous"].values.tolist() == [1.0, 2.0]
    assert band["upper_simultaneous"].values.tolist() == [1.0, 2.0]
    assert np.isnan(band["simultaneous_mcse"]).all()
