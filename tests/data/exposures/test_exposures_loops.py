"""Exposure histories of every network, measure and rule against slow loops over dated events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.spec import DataSpec, LaggedTerm
from slow_exposures import NETWORKS, Loops, applications, dated, histories_of, slow_history
from small_registers import random_registers, registers, term

MEASURES = [
    {"at_least": 1},
    {"at_least": 2},
    {"at_least": 3},
    {"measure": "count"},
    {"measure": "per_resident"},
]
# dated by completion, a family lives on among those who may see its application
COMPLETION = DataSpec(assisted_date="completion")

terms = st.builds(
    lambda exposure, network, rules, measure, lags: term(
        exposure, network, rules[0], history_before_risk=rules[1], lags=lags, **measure
    ),
    st.sampled_from(["forced_return", "assisted_application"]),
    st.sampled_from(NETWORKS),
    st.tuples(st.sampled_from(["missing", "zero", "carry"]), st.sampled_from(["observed", "zero"])),
    st.sampled_from(MEASURES),
    st.sampled_from([(0, 3), (0, 0), (2, 4), (-3, 2), (-4, -2), (-1, 0)]),
)
centres = st.sampled_from(["current", "then"])
seeds = st.integers(0, 2**32)


@given(
    seed=seeds,
    asked=st.lists(terms, min_size=3, max_size=6, unique_by=lambda one: one.name),
    centre=centres,
    data=st.sampled_from([DataSpec(), COMPLETION]),
)
@settings(max_examples=40)
def test_histories_equal_slow_loops(
    seed: int, asked: list[LaggedTerm], centre: str, data: DataSpec
) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 30)
    found = histories_of(given_registers, asked, centre=centre, data=data)
    known = dated(given_registers, data)
    for one in asked:
        np.testing.assert_array_equal(found[one.name], slow_history(known, one, centre=centre))


@pytest.mark.parametrize("centre", ["current", "then"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_measure_equals_slow_loops(network: str, centre: str) -> None:
    given_registers = random_registers(np.random.default_rng(5), 150)
    asked = [term("assisted_application", network, lags=(-2, 3), **m) for m in MEASURES]
    found = histories_of(given_registers, asked, centre=centre, data=COMPLETION)
    known = dated(given_registers, COMPLETION)
    for one in asked:
        expected = slow_history(known, one, centre=centre)
        np.testing.assert_array_equal(found[one.name], expected)
        assert one.at_least == 3 or len(np.unique(expected[~np.isnan(expected)])) > 1


@given(seed=seeds, centre=centres)
@settings(max_examples=20)
def test_parts_add_up_to_the_whole(seed: int, centre: str) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 20)
    asked = [
        term("assisted_application", network, measure="count", lags=(-2, 3)) for network in NETWORKS
    ]
    found = histories_of(given_registers, asked, centre=centre, data=COMPLETION)
    whole, nation, both, other, elsewhere = (found[one.name].values for one in asked)
    np.testing.assert_array_equal(both + other, whole)
    known = ~np.isnan(both)
    np.testing.assert_array_equal((both + elsewhere)[known], nation[known])


# --- negative controls --------------------------------------------------------------------------
OWN_LEFT_IN = Loops(counts=lambda _event, _family: True)
SHIFTED = Loops(month=lambda calendar, lag: calendar - lag - 1)
FUTURE = Loops(month=lambda calendar, lag: calendar + lag)


@pytest.mark.parametrize(
    "mistake", [OWN_LEFT_IN, SHIFTED, FUTURE], ids=["own event", "lag shifted", "future event"]
)
@pytest.mark.parametrize("network", NETWORKS)
def test_loops_with_a_mistake_differ(network: str, mistake: Loops) -> None:
    given_registers = registers(*applications(), window=("2005-01", "2005-06", "2006-12"))
    known = dated(given_registers, COMPLETION)
    asked = [term("assisted_application", network, **m) for m in MEASURES if m != {"at_least": 3}]
    found = histories_of(given_registers, asked, centre="current", data=COMPLETION)
    # a family is never of another nationality than itself
    harmless = network == "centre_other" and mistake is OWN_LEFT_IN
    for one in asked:
        right = slow_history(known, one, centre="current")
        np.testing.assert_array_equal(found[one.name], right)
        wrong = slow_history(known, one, centre="current", loops=mistake)
        assert np.array_equal(found[one.name], wrong, equal_nan=True) == harmless


RISK_BEGINS_LATER = Loops(first_month=2)
RISK_BEGINS_EARLIER = Loops(first_month=0)


def test_history_before_risk_equals_slow_loops_and_no_other_month() -> None:
    given_registers = random_registers(np.random.default_rng(5), 150)
    known = dated(given_registers, COMPLETION)
    zero = {"measure": "count", "history_before_risk": "zero"}
    asked = term("assisted_application", "centre", lags=(0, 4), **zero)
    found = histories_of(given_registers, [asked], centre="current", data=COMPLETION)[asked.name]
    np.testing.assert_array_equal(found, slow_history(known, asked, centre="current"))
    for mistake in (RISK_BEGINS_LATER, RISK_BEGINS_EARLIER):  # negative controls
        wrong = slow_history(known, asked, centre="current", loops=mistake)
        assert not np.array_equal(found, wrong, equal_nan=True)
