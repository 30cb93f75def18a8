"""Directions in which a likelihood rises without end, against every direction tried."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hazard.baselines.separation import recession

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
