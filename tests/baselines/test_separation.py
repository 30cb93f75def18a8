"""Directions in which a likelihood rises without end, against every direction tried."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hazard import spec
from hazard.baselines import cox, fine_gray
from hazard.baselines.fit import BaselineFit
from hazard.baselines.separation import finite, recession
from hazard.data import table
from hazard.model import design

NONE = sparse.csr_array((0, 2))
ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)
# directions of small whole numbers: every edge of a cone of comparisons below is one of them
EDGES = np.array([(a, b) for a in range(-3, 4) for b in range(-3, 4) if (a, b) != (0, 0)])
pair = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


@settings(max_examples=60)
@given(st.lists(pair, min_size=1, max_size=8))
def test_strict_comparisons_are_those_that_some_direction_wins(
    pairs: list[tuple[int, int]],
) -> None:
    won = np.array(pairs, dtype=np.float64)
    circle = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
    tried = np.concatenate([EDGES, circle])
    gain = won @ tried.T
    allowed = (gain >= -1e-12).all(axis=0)
    expected = (gain[:, allowed] > 1e-9).any(axis=1)
    found = recession(sparse.csr_array(won), NONE)
    assert found.strict.tolist() == expected.tolist()
    reached = won @ found.direction
    assert (reached >= -1e-9).all()
    assert ((reached > 1e-6) == expected).all()


def test_ties_bind() -> None:
    won = sparse.csr_array([[1.0, 0.0]])
    assert recession(won, NONE).strict.all()
    assert not recession(won, sparse.csr_array([[1.0, 0.0]])).strict.any()


TEXT = """name = "example"
question = "who leaves?"
[outcome]
exits = ["left"]
[[term]]
kind = "covariate"
column = "x"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
"""


def followed(leaving: list[int], *, of_others: int) -> pd.DataFrame:
    """Persons of three months; some with x = 1 leave in each, and some of the others in month 2."""
    last = [m for m, count in enumerate(leaving, 1) for _ in range(count)]
    ends = [(2, 0)] * of_others + [(4, 0)] * (30 - of_others)
    ends += [(month, 1) for month in last] + [(4, 1)] * (30 - len(last))
    rows = [
        (person, month, "left" if month == end else "stay", x)
        for person, (end, x) in enumerate(ends)
        for month in range(1, min(end, 3) + 1)
    ]
    return pd.DataFrame(rows, columns=["person", "month", "exit", "x"])


def both(raw: pd.DataFrame) -> tuple[BaselineFit, BaselineFit]:
    wanted = spec.load(TEXT)
    panel = table.panel(raw, wanted)
    built = design.build(panel, {}, wanted)
    return cox.fit(built, panel), fine_gray.fit(built, panel)


counts = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)


@settings(max_examples=12, deadline=None)
@given(leaving=counts, seed=st.integers(0, 2**32 - 1))
def test_an_infinite_ratio_is_infinite_in_any_order_of_the_rows(
    leaving: list[int], seed: int
) -> None:
    raw = followed(leaving, of_others=0)
    for shown in (raw, raw.sample(frac=1.0, random_state=seed)):
        for fit in both(shown):  # one exit, and everybody seen to the end: the same likelihood
            assert fit.estimate.tolist() == [[np.inf]]
            assert np.isnan(fit.standard_error).all()
            assert "Monotone likelihood of exit 'left', estimate infinite: x." in fit.remarks


@pytest.mark.parametrize("leaving", [[10, 5, 5], [9, 5, 6]])
def test_one_exit_of_the_others_makes_it_finite(leaving: list[int]) -> None:
    [cause, subdistribution] = both(followed(leaving, of_others=1))
    assert 0 < cause.estimate.item() < 10
    assert subdistribution.estimate.item() == pytest.approx(cause.estimate.item(), abs=1e-6)


def test_what_only_rounding_tells_is_not_told() -> None:
    assert finite(np.array([[4e-15]])).tolist() == [False]
    assert finite(np.array([[4e-6]])).tolist() == [True]  # a few of many comparisons are left
