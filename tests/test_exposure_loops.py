"""Exposure histories of every network, measure and rule against slow loops over dated events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_exposures import NETWORKS, Loops, histories_of, slow_history
from small_registers import Person, random_registers, registers, term

from hazard.spec import DataSpec, LaggedTerm

MEASURES = [
    {"at_least": 1},
    {"at_least": 2},
    {"at_least": 3},
    {"measure": "count"},
    {"measure": "per_resident"},
]

terms = st.builds(
    lambda exposure, network, rule, measure, lags: term(
        exposure, network, rule, lags=lags, **measure
    ),
    st.sampled_from(["forced_return", "assisted_application"]),
    st.sampled_from(NETWORKS),
    st.sampled_from(["missing", "zero", "carry"]),
    st.sampled_from(MEASURES),
    st.sampled_from([(0, 3), (0, 0), (2, 4), (-3, 2), (-4, -2), (-1, 0)]),
)
centres = st.sampled_from(["current", "then"])
# dated by completion, a family lives on among those who may see its application
dates = st.sampled_from(["application", "completion"])
seeds = st.integers(0, 2**32)


@given(
    seed=seeds,
    asked=st.lists(terms, min_size=3, max_size=6, unique_by=lambda one: one.name),
    centre=centres,
    date=dates,
)
@settings(max_examples=60)
def test_histories_equal_slow_loops(
    seed: int, asked: list[LaggedTerm], centre: str, date: str
) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 12)
    data = DataSpec(assisted_date=date)
    found = histories_of(given_registers, asked, centre, data)
    for one in asked:
        expected = slow_history(given_registers, one, centre=centre, data=data)
        np.testing.assert_array_equal(found[one.name], expected)


@pytest.mark.parametrize("centre", ["current", "then"])
@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: "-".join(map(str, m.values())))
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_measure_equals_slow_loops(
    network: str, measure: dict, centre: str, rng: np.random.Generator
) -> None:
    """Every combination at least once, and not only zeros."""
    given_registers = random_registers(rng, 25)
    one = term("assisted_application", network, lags=(-2, 3), **measure)
    data = DataSpec(assisted_date="completion")
    found = histories_of(given_registers, [one], centre, data)[one.name]
    expected = slow_history(given_registers, one, centre=centre, data=data)
    np.testing.assert_array_equal(found, expected)
    assert np.nanmax(expected) > 0 or measure == {"at_least": 3}


@given(seed=seeds, centre=centres, date=dates)
@settings(max_examples=30)
def test_parts_add_up_to_the_whole(seed: int, centre: str, date: str) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 20)
    asked = [
        term("assisted_application", network, measure="count", lags=(-2, 3)) for network in NETWORKS
    ]
    found = histories_of(given_registers, asked, centre, DataSpec(assisted_date=date))
    whole, nation, both, other, elsewhere = (found[one.name].values for one in asked)
    np.testing.assert_array_equal(both + other, whole)
    known = ~np.isnan(both)
    np.testing.assert_array_equal((both + elsewhere)[known], nation[known])


# --- negative controls --------------------------------------------------------------------------
# Applications that led to a return in June, the exit. m moves from A to B in April.
#
#      Jan   Feb   Mar   Apr   May   Jun
#  m         A     A     (B)              Irak   twice, alone in March
#  n         A                            Irak
#  o   A                                  Iran
#  p   B                                  Irak
def applications() -> list[Person]:
    moves = [("A", "2005-01-01", "2005-04-02"), ("B", "2005-04-02", None)]
    twice = [("2005-02-10", "2005-06-20"), ("2005-03-10", "2005-06-20")]
    at_b = [("B", "2005-01-01", None)]
    january = [("2005-01-10", "2005-06-20")]
    return [
        Person("m", stays=moves, applications=twice),
        Person("n", applications=twice[:1]),
        Person("o", citizenship="Iran", applications=january),
        Person("p", stays=at_b, applications=january),
    ]


OWN_LEFT_IN = Loops(counts=lambda _event, _family: True)
SHIFTED = Loops(month=lambda calendar, lag: calendar - lag - 1)
FUTURE = Loops(month=lambda calendar, lag: calendar + lag)


@pytest.mark.parametrize(
    "mistake", [OWN_LEFT_IN, SHIFTED, FUTURE], ids=["own event", "lag shifted", "future event"]
)
@pytest.mark.parametrize(
    "measure", [m for m in MEASURES if m != {"at_least": 3}], ids=lambda m: str([*m.values()][0])
)
@pytest.mark.parametrize("network", NETWORKS)
def test_loops_with_a_mistake_differ(network: str, measure: dict, mistake: Loops) -> None:
    given_registers = registers(*applications(), window=("2005-01", "2005-06", "2006-12"))
    data = DataSpec(assisted_date="completion")
    one = term("assisted_application", network, **measure)
    found = histories_of(given_registers, [one], "current", data)[one.name].values
    right = slow_history(given_registers, one, centre="current", data=data)
    np.testing.assert_array_equal(found, right)
    wrong = slow_history(given_registers, one, centre="current", data=data, loops=mistake)
    same = np.array_equal(found, wrong, equal_nan=True)
    # a family is never of another nationality than itself, and o alone is one event, not two
    never_own = network == "centre_other" and mistake is OWN_LEFT_IN
    never_two = network == "centre_other" and measure == {"at_least": 2}
    assert same == (never_own or never_two)
