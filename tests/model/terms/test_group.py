"""Groups and their combinations: different combinations are different levels."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from hazard.model.terms.group import combinations

# Labels that could be taken for several that are joined.
LABEL = st.text(st.sampled_from("a× "), min_size=1, max_size=6)


@given(st.lists(st.tuples(LABEL, LABEL, LABEL), min_size=1, max_size=12))
def test_different_combinations_have_different_labels(rows: list[tuple[str, str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    labels, index = combinations(["a", "b", "c"], frame)
    assert len(set(labels)) == len(labels) == len(set(rows))
    for (one, i), (other, j) in itertools.combinations(zip(rows, index, strict=True), 2):
        assert (one == other) == (labels[i] == labels[j])


def test_labels_that_meet_by_hand() -> None:
    frame = pd.DataFrame({"a": ["x", "x × y"], "b": ["y × z", "z"]})
    assert " × ".join(frame.loc[0]) == " × ".join(frame.loc[1])  # plainly joined they are one
    labels, index = combinations(["a", "b"], frame)
    assert labels.tolist() == ["x × y ×× z", "x ×× y × z"]
    assert index.tolist() == [0, 1]
    alone, _ = combinations(["a"], frame)  # a single column keeps its labels
    assert alone.tolist() == ["x", "x × y"]
    assert np.array_equal(combinations(["b"], frame)[0], ["y × z", "z"])
