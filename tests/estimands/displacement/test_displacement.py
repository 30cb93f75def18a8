"""More, or only earlier: by hand, the worked examples of the report, and planted truths."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from scipy import optimize

from hazard.errors import EstimandError
from hazard.estimands import survival
from hazard.estimands.displacement import (
    Event,
    brought_forward_bounds,
    event_of,
    more_or_earlier,
    per_forced_return,
)
from hazard.spec import LaggedTerm
from places import BENCHMARKS

SCRIPT = BENCHMARKS / "more_or_earlier.py"
ARMS = {"arm": ["with", "without"]}
# Sums of fewer than a hundred numbers below 1.
ROUNDING = 1e-13


def risks_of(
    with_: Sequence[int | None], without: Sequence[int | None], horizon: int
) -> xr.Dataset:
    """Ten families, of whom some apply in these months; None for who stays like the others."""
    month = np.arange(1, horizon + 1)
    gone = [
        np.sum([month >= applied for applied in months if applied is not None] or [0 * month], 0)
        for months in (with_, without)
    ]
    return labelled(np.array(gone)[:, None] / 10)


def labelled(gone: np.ndarray) -> xr.Dataset:
    """Risks from cumulative incidences (arm, exit, month)."""
    exits = ["assisted", "disappeared"][: gone.shape[1]]
    coords = {**ARMS, "exit": exits, "month": np.arange(1, gone.shape[2] + 1)}
    by_exit = xr.DataArray(gone, coords, tuple(coords))
    return xr.Dataset({"cumulative_incidence": by_exit, "survival": 1 - by_exit.sum("exit")})


def by_hazards(*arms: np.ndarray) -> xr.Dataset:
    """Risks from hazards (exit, month) by arm."""
    h = xr.DataArray(np.stack(arms), ARMS, ("arm", "exit", "month"))
    return labelled(survival.cumulative_incidence(h).values)


# --- by hand ------------------------------------------------------------------------------------
# Ten families. Two of them apply in month 2 because of an event in month 1, whose window ends with
# month 3. Without it:
#           they apply in   A(3)   A(8)   additional  D         months of stay less
# earlier   months 5 and 6   0.2      0            0      0.2   (3 + 4) / 10
# more      never            0.2    0.2          0.2        0   (6 + 6) / 10, months 3 to 8
# both      never, month 6   0.2    0.1          0.1      0.1   (6 + 4) / 10
BY_HAND = {
    "earlier": ([5, 6], (0.2, 0.0, 0.2, -0.7)),
    "more": ([None, None], (0.2, 0.2, 0.0, -1.2)),
    "both": ([None, 6], (0.2, 0.1, 0.1, -1.0)),
}
BOUNDS = ("lower_bound", "monotone_lower_bound", "upper_bound")
NAMES = ("at_window_end", "additional", "net_displacement", "rmst_difference")


@pytest.mark.parametrize("name", BY_HAND)
def test_more_or_earlier_by_hand(name: str) -> None:
    without, expected = BY_HAND[name]
    risks = risks_of([2, 2], without, 8)
    found = more_or_earlier(risks, Event(1, 3))
    for quantity, value in zip(NAMES, expected, strict=True):
        np.testing.assert_allclose(found[quantity], value, rtol=0, atol=ROUNDING)
    swapped = more_or_earlier(risks, Event(1, 3), arms=("without", "with"))  # negative control
    np.testing.assert_allclose(
        swapped["net_displacement"], -found["net_displacement"], rtol=0, atol=ROUNDING
    )
    assert not np.allclose(swapped["at_window_end"], found["at_window_end"])


def test_every_draw_by_itself() -> None:
    """Net displacement has its sign in every draw, and no draw is cut at zero."""
    one = risks_of([2, 2], [5, 6], 8)
    two = risks_of([6, 6], [None, None], 8)
    both = xr.concat([one, two], dim="draw")
    found = more_or_earlier(both, Event(1, 3))["net_displacement"].sel(exit="assisted")
    np.testing.assert_allclose(found, [0.2, -0.2], rtol=0, atol=ROUNDING)


# --- bounds of what is brought forward -----------------------------------------------------------
# Ten families, an event in month 1 whose window ends with month 3, horizon 8. Months in which they
# apply with the event, and without it, family by family:
#                  with           without     BF    D    lower  monotone  upper
# one for one      2, 6           6, never   0.1   0      0        0       0.1
# earlier          2, 2           5, 6       0.2   0.2    0        0.2     0.2
# kept from it     never, never   5, 6       0     0.2    0        0       0
# others           2, never       never, 5   0     0.1    0        0.1 (*) 0.1
# all earlier      2 (ten times)  5 (ten)    1     1      1        1       1
# (*) one is kept from it and one is added, so that the difference at the horizon shows neither: the
# monotone bound does not hold, and is not said to.
BOUNDED: dict[str, tuple[list[int | None], list[int | None], tuple[float, float, float]]] = {
    "one for one": ([2, 6], [6, None], (0.0, 0.0, 0.1)),
    "earlier": ([2, 2], [5, 6], (0.0, 0.2, 0.2)),
    "kept from it": ([None, None], [5, 6], (0.0, 0.0, 0.0)),
    "others": ([2, None], [None, 5], (0.0, 0.1, 0.1)),
    "all earlier": ([2] * 10, [5] * 10, (1.0, 1.0, 1.0)),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_bounds_of_what_is_brought_forward_by_hand(name: str) -> None:
    with_, without, expected = BOUNDED[name]
    bounds = brought_forward_bounds(risks_of(with_, without, 8), Event(1, 3))
    found = [bounds[bound].item() for bound in BOUNDS]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)
    pairs = zip(with_, without, strict=True)
    forward = sum(
        one is not None and one <= 3 and none is not None and none > 3 for one, none in pairs
    )
    assert expected[0] - ROUNDING <= forward / 10 <= expected[2] + ROUNDING


def test_net_displacement_is_no_number_of_exits_brought_forward() -> None:
    """Five are brought forward and five added after the window: D is 0, the upper bound is five."""
    risks = risks_of([2] * 5 + [7] * 5, [6] * 5 + [None] * 5, 8)
    effects, bounds = (f(risks, Event(1, 3)) for f in (more_or_earlier, brought_forward_bounds))
    np.testing.assert_allclose(effects["net_displacement"], 0.0, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(bounds["upper_bound"], 0.5, rtol=0, atol=ROUNDING)


def least_and_most(with_: np.ndarray, without: np.ndarray, kept: float | None) -> list[float]:
    """Ends of P(early with, late without) over all joint tables with these margins.

    Margins are the shares that leave early, late and not; ``kept`` is the share that leaves without
    the event only, where it is set.
    """
    table = np.arange(9).reshape(3, 3)  # without the event by row, with it by column
    sums = [(row, share) for row, share in zip(table, without, strict=True)]
    sums += [(column, share) for column, share in zip(table.T, with_, strict=True)]
    sums += [] if kept is None else [(table[:2, 2], kept)]
    equal = np.array([np.isin(np.arange(9), cells) for cells, _ in sums], dtype=float)
    cell = np.eye(9)[table[1, 0]]
    ends = [
        optimize.linprog(sign * cell, A_eq=equal, b_eq=[share for _, share in sums], bounds=(0, 1))
        for sign in (1, -1)
    ]
    assert all(end.success for end in ends)
    return [ends[0].fun, -ends[1].fun]


# A linear programme of nine cells solves its constraints to 1e-7 (the default of HiGHS).
def test_bounds_are_sharp(rng: np.random.Generator) -> None:
    moved = 0.0
    for _ in range(40):
        with_, without = rng.dirichlet(np.ones(3), 2)
        gone = np.cumsum([with_, without], axis=1)[:, None, :2]
        risks = labelled(gone)
        bounds = brought_forward_bounds(risks, Event(1, 1))
        lower, monotone, upper = (bounds[name].item() for name in BOUNDS)
        kept = max(0.0, float(gone[1, 0, 1] - gone[0, 0, 1]))
        np.testing.assert_allclose(
            [lower, upper], least_and_most(with_, without, None), rtol=0, atol=1e-7
        )
        np.testing.assert_allclose(
            [monotone, upper], least_and_most(with_, without, kept), rtol=0, atol=1e-7
        )
        net = max(0.0, more_or_earlier(risks, Event(1, 1))["net_displacement"].item())
        moved = max(moved, net - upper)  # negative control: max(0, D) alone bounds nothing
    assert moved > 0.01


def test_lags_that_end_with_the_window_have_their_answer_built_in(rng: np.random.Generator) -> None:
    """After the window hazards are equal: only the additional leavers can be missing later on."""
    without = rng.uniform(0.01, 0.1, (2, 24))
    with_ = without.copy()
    with_[:, :7] *= rng.uniform(0.5, 2.5, (2, 7))
    risks = by_hazards(with_, without)
    found = more_or_earlier(risks, Event(1, 7))
    there = risks["survival"].sel(month=7)
    later = by_hazards(without[:, 7:], without[:, 7:])["cumulative_incidence"][0, :, -1].values
    missing = (there.sel(arm="with") - there.sel(arm="without")).item()
    built_in = found["at_window_end"] + missing * later
    np.testing.assert_allclose(found["additional"], built_in, rtol=0, atol=ROUNDING)
    with_[0, 7:] *= 0.8  # negative control: exposed persons leave less often after it
    other = more_or_earlier(by_hazards(with_, without), Event(1, 7))
    assert abs(other["additional"] - built_in).max() > 0.01


def test_window_of_a_term() -> None:
    prior = {"family": "normal", "scale": 1.0, "reason": "an example only"}
    term = LaggedTerm(
        kind="lagged",
        exposure="event",
        network="centre",
        lags=(-2, 12),
        history_before_start="missing",
        prior=prior,
    )
    assert event_of(term, month=3) == Event(3, 15)


# --- the two worked examples of the report --------------------------------------------------------
# A centre of 20 families, of whom 1.5 percent apply in a month: 0.3 families. After a forced return
# it is 2 percent in the five months that start two months later, 0.1 families more in each, and
# "half an application" in all. The report keeps the centre full; families that leave are not there
# any more, which takes a tenth of it.
RESIDENTS, BASE, RAISED, FIRST, LAST = 20, Fraction(15, 1000), Fraction(2, 100), 3, 7


def with_and_without(base: Fraction, raised: Fraction, horizon: int) -> xr.Dataset:
    month = np.arange(1, horizon + 1)
    without = np.full((1, horizon), float(base))
    with_ = np.where((month >= FIRST) & (month <= LAST), float(raised), without)
    return by_hazards(with_, without)


def test_half_an_application_by_hand() -> None:
    full = RESIDENTS * (LAST - FIRST + 1) * (RAISED - BASE)
    assert full == Fraction(1, 2)
    risks = with_and_without(BASE, RAISED, 8)
    found = per_forced_return(risks, RESIDENTS)["extra_exits"].sel(exit="assisted", month=LAST)
    there = (1 - BASE) ** 2
    by_hand = RESIDENTS * there * ((1 - BASE) ** 5 - (1 - RAISED) ** 5)
    np.testing.assert_allclose(found, float(by_hand), rtol=0, atol=RESIDENTS * ROUNDING)
    assert round(found.item(), 1) == 0.5  # as many digits as are printed
    assert found.item() < full
    one_month_less = per_forced_return(risks, RESIDENTS)["extra_exits"].sel(month=LAST - 1).item()
    assert round(one_month_less, 1) != 0.5  # negative control


def test_about_one_month_shorter_by_hand() -> None:
    """Who applies anyway, after eleven months on average, does so a third more often for five.

    The report does not print its arithmetic; this is our reading of the sentence.
    """
    base = Fraction(1, 11)
    raised = base * RAISED / BASE
    horizon = 400  # of which the last month is reached by one in 10 ** 16
    found = per_forced_return(with_and_without(base, raised, horizon), 1)["saved_months"].item()
    without, with_, there = Fraction(0), Fraction(0), [Fraction(1), Fraction(1)]
    for month in range(1, LAST + 1):
        without, with_ = without + there[0], with_ + there[1]
        rate = raised if month >= FIRST else base
        there = [there[0] * (1 - base), there[1] * (1 - rate)]
    mean = [without + there[0] * 11, with_ + there[1] * 11]
    assert mean[0] == 11
    np.testing.assert_allclose(found, float(mean[0] - mean[1]), rtol=0, atol=horizon * ROUNDING)
    assert round(found) == 1


def test_observed_residents_are_averaged() -> None:
    risks = with_and_without(BASE, RAISED, 12)
    of_20 = per_forced_return(risks, 20)
    observed = per_forced_return(risks, [0, 10, 50])
    xr.testing.assert_allclose(observed, of_20, rtol=0, atol=20 * 12 * ROUNDING)
    twice = per_forced_return(risks, 40)
    xr.testing.assert_allclose(twice, 2 * of_20, rtol=0, atol=40 * 12 * ROUNDING)
    same = per_forced_return(risks.sel(arm=["without", "without"]).assign_coords(ARMS), 20)
    assert (same["extra_exits"] == 0.0).all()
    assert same["saved_months"] == 0.0


def test_errors_say_what_is_wrong() -> None:
    risks = with_and_without(BASE, RAISED, 8)
    for event in (Event(1, 8), Event(3, 2), Event(0, 3)):
        with pytest.raises(EstimandError, match=r"window of an event must end before the horizon,"):
            more_or_earlier(risks, event)
    with pytest.raises(EstimandError, match=r"must be one of .*; got 'wth'\. Did you mean 'with'"):
        more_or_earlier(risks, Event(1, 3), arms=("wth", "without"))
    for residents in ([], [3, -1], [np.nan]):
        with pytest.raises(EstimandError, match=r"must be a number that is not negative, or one"):
            per_forced_return(risks, residents)


# --- planted truths -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def bench() -> ModuleType:
    found = importlib.util.spec_from_file_location("more_or_earlier_benchmark", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["more_or_earlier_benchmark"] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def planted(bench: ModuleType) -> dict[str, xr.Dataset]:
    """What is true of small registers of every scenario."""
    found = {name: bench.known(name, "small", 1) for name in bench.SCENARIOS}
    return {
        name: bench.decomposed(bench.true_risks(known.truth, bench.paths_of(known)))
        for name, known in found.items()
    }


def test_plans_say_what_is_true(planted: dict[str, xr.Dataset]) -> None:
    """A tenth has a plan in one of 24 months alike; unless it is over by then, they react.

    Nothing else ever happens to them: A(7) is that of 17 of the 24 plans, and A(24) is nothing.
    """
    react = 1 / (1 + np.exp(1.5))
    earlier, more = planted["earlier_only"], planted["more_only"]
    in_points = 100 * ROUNDING
    expected = 100 * 0.1 * react * 17 / 24
    np.testing.assert_allclose(earlier["at_window_end"], expected, rtol=0, atol=in_points)
    np.testing.assert_allclose(earlier["additional"], 0.0, rtol=0, atol=in_points)
    np.testing.assert_allclose(earlier["net_displacement"], expected, rtol=0, atol=in_points)
    np.testing.assert_allclose(more["net_displacement"], 0.0, rtol=0, atol=in_points)
    assert 0 < more["additional"] < 100 * 0.9 * np.exp(-4.6)


def test_more_memory_adds_less(planted: dict[str, xr.Dataset]) -> None:
    """Who saw it applies less often for two years in one scenario, half as much less, or not."""
    none, half, all_ = (planted[name] for name in ("brought_forward", "partly_added", "added"))
    for quantity in ("at_window_end", "additional"):
        assert none[quantity] < half[quantity] < all_[quantity]
    assert none["net_displacement"] > half["net_displacement"] > all_["net_displacement"] > 0
    assert all_["additional"] > 0 > none["additional"]
