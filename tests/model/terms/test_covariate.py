"""Covariates: numbers, levels, and numbers that a reference makes levels."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.errors import DesignError
from hazard.model.terms import covariate
from hazard.spec import CovariateTerm
from hazard.spec.priors.normal import NormalPrior

PRIOR = NormalPrior(family="normal", scale=1.0, reason="an example only")


def term(reference: str | None = None) -> CovariateTerm:
    return CovariateTerm(kind="covariate", column="x", reference=reference, prior=PRIOR)


def rows(values: object) -> pd.DataFrame:
    column = pd.Series(values)
    return pd.DataFrame({"person": range(len(column)), "x": column})


# x        as numbers   relative to 0   relative to 1
# 0            -1/2           0               1
# 1            +1/2           1               0
@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "category"])
def test_reference_of_a_numeric_column_by_hand(dtype: str) -> None:
    frame = rows([0, 1]).astype({"x": dtype})
    for reference, column, label in (("0", [0.0, 1.0], "1"), ("1", [1.0, 0.0], "0")):
        block, index = covariate.build(term(reference), frame)
        assert block.matrix()[index, 0].tolist() == column
        assert block.coefficients.tolist() == [label]
    if dtype != "category":
        block, index = covariate.build(term(), frame)
        assert block.matrix()[index, 0].tolist() == [-0.5, 0.5]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8), st.data())
def test_a_row_has_the_level_of_its_number(values: list[int], data: st.DataObject) -> None:
    reference = str(data.draw(st.sampled_from(values)))
    block, index = covariate.build(term(reference), rows(np.array(values, dtype=np.float64)))
    assert block.levels[index].tolist() == [str(value) for value in values]
    assert block.levels[0] == reference
    effect = block.matrix() @ np.arange(1, block.n_levels)
    assert effect[0] == 0
    assert len(set(effect)) == block.n_levels


@pytest.mark.parametrize(
    ("values", "reference", "sentence"),
    [
        ([0, 1], "2", "term 'x' reference must be one of its 2 levels; got '2'"),
        ([10, 12] * 10, "12.0", "levels; got '12.0'. Did you mean '12'?"),
        ([10, 12] * 9, "12.0", "levels; got '12.0'."),
        ([0.5, 1], "1", "must hold whole numbers where the term states a reference level; got fr"),
        (range(31), "1", "a reference level, at most 30 different; got 31. Take out the reference"),
        (
            [f"l{n:02}" for n in range(40)],
            "m",
            "its 40 levels; got 'm'.",
        ),
    ],
)
def test_reference_that_cannot_be(values: object, reference: str, sentence: str) -> None:
    with pytest.raises(DesignError, match=re.escape(sentence)):
        covariate.build(term(reference), rows(values))


def test_levels_are_those_of_an_earlier_panel() -> None:
    frozen, _ = covariate.build(term("1"), rows([0, 1, 2]))
    block, index = covariate.build(term("1"), rows([2.0, 2.0]), frozen)
    assert block.levels[index].tolist() == ["2", "2"]
    with pytest.raises(DesignError, match="must have levels that are in the design; got"):
        covariate.build(term("1"), rows([3, 1]), frozen)
