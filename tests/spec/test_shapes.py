"""Shapes of a lag curve in a model file: what they are about, and what is refused."""

from __future__ import annotations

import re

import pytest

from hazard import spec as specs
from hazard.errors import SpecError
from hazard.spec import LagShapeEstimand, ModelSpec

MODEL = """
name = "shapes"
question = "Does it come early, and go away?"
outcome = { exits = ["job", "education"] }
[[term]]
kind = "lagged"
exposure = "course"
network = "own"
lags = [0, 6]
history_before_start = "zero"
prior = { family = "normal", scale = 1.0, reason = "an example only" }
[[estimand]]
kind = "lag_shape"
term = "course_own"
shape = [{ kind = "peak", lags = [3, 6] }, { kind = "negligible", lags = [0, 0], within = 1.1 }]
"""
WINDOWS = "windows = [[0, 0], [1, 2], [3, 4], [5, 6]]\nlags"


def with_shape(shape: str, text: str = MODEL) -> ModelSpec:
    return specs.load(re.sub(r"shape = \[.*\]", f"shape = [{shape}]", text))


def test_a_shape_by_hand() -> None:
    (estimand,) = specs.load(MODEL).lag_shapes
    assert isinstance(estimand, LagShapeEstimand)
    assert (estimand.label, estimand.exit) == ("lag_shape", None)
    peak, gone = estimand.shape
    assert (peak.kind, peak.lags) == ("peak", (3, 6))
    assert gone.model_dump() == {"kind": "negligible", "lags": (0, 0), "within": 1.1}


@pytest.mark.parametrize(
    "shape",
    [
        '{ kind = "peak", lags = [1, 6] }',
        '{ kind = "trough", lags = [0, 0] }',
        '{ kind = "positive", lags = [0, 6] }',
        '{ kind = "negative", lags = [6, 6] }',
        '{ kind = "increasing", lags = [5, 6] }',
        '{ kind = "decreasing", lags = [0, 6] }',
        '{ kind = "negligible", lags = [0, 6], within = 1.000001 }',
    ],
)
def test_shapes_at_the_borders_of_the_rules(shape: str) -> None:
    assert len(with_shape(shape).lag_shapes[0].shape) == 1


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (
            '{ kind = "peak", lags = [3, 7] }',
            (
                "lags of 'peak' of estimand 'lag_shape' must lie within [0, 6], those of term "
                "'course_own'; got [3, 7]. Name lags of the curve, or give the term more."
            ),
        ),
        (
            '{ kind = "negative", lags = [-1, 2] }',
            "lags of 'negative' of estimand 'lag_shape' must lie within [0, 6], those of",
        ),
        ('{ kind = "peak", lags = [4, 3] }', "lags must be [first, last] with first <= last; got"),
        (
            '{ kind = "trough", lags = [0, 6] }',
            (
                "lags of 'trough' of estimand 'lag_shape' must leave out a coefficient of term "
                "'course_own', or every curve has it there; got [0, 6]. Name fewer lags."
            ),
        ),
        (
            '{ kind = "decreasing", lags = [2, 2] }',
            (
                "lags of 'decreasing' of estimand 'lag_shape' must hold two coefficients of term "
                "'course_own' or more, or every curve does so; got [2, 2]. Name more lags."
            ),
        ),
        ('{ kind = "negligible", lags = [2, 2] }', "within must be given"),
        ('{ kind = "negligible", lags = [2, 2], within = 1.0 }', "within must be above 1; got 1"),
        ('{ kind = "hump", lags = [2, 3] }', "must have as its kind one of 'peak', 'trough', 'pos"),
        (
            '{ kind = "peak", lags = [2, 3], within = 2 }',
            "within is not a known key. Its table has",
        ),
        ("", "estimand.0.lag_shape.shape must"),
    ],
)
def test_what_a_shape_must_not_say(shape: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=rf"^model file: [^\n]*{re.escape(sentence)}"):
        with_shape(shape)


def test_a_window_is_asked_about_as_a_whole() -> None:
    joined = MODEL.replace("lags", WINDOWS, 1)
    assert with_shape('{ kind = "peak", lags = [3, 6] }', joined).lag_shapes
    for lags in ("[2, 6]", "[3, 5]", "[1, 1]"):
        with pytest.raises(SpecError, match=r"must hold a window of term 'course_own' as a whole"):
            with_shape(f'{{ kind = "peak", lags = {lags} }}', joined)
    with pytest.raises(SpecError, match=r"must hold two coefficients .* got \[1, 2\]"):
        with_shape('{ kind = "increasing", lags = [1, 2] }', joined)
    with_shape('{ kind = "increasing", lags = [1, 2] }')  # negative control: without windows


def test_term_and_exit_of_a_shape_are_of_the_model() -> None:
    with pytest.raises(SpecError, match=r"term must be one of \['course_own'\]; got 'course_won'"):
        specs.load(MODEL.replace('term = "course_own"', 'term = "course_won"'))
    only = MODEL.replace('term = "course_own"', 'term = "course_own"\nexit = "job"')
    assert specs.load(only).lag_shapes[0].exit == "job"
    with pytest.raises(SpecError, match=r"exit of estimand 'lag_shape' must be one of .*'jobb'"):
        specs.load(only.replace('"job"\nshape', '"jobb"\nshape'))


def test_shapes_have_names_apart() -> None:
    second = MODEL + MODEL[MODEL.index("[[estimand]]") :]
    with pytest.raises(SpecError, match="lag_shape appears twice"):
        specs.load(second)
    named = second.replace('kind = "lag_shape"', 'kind = "lag_shape"\nname = "late"', 1)
    assert [e.label for e in specs.load(named).lag_shapes] == ["late", "lag_shape"]
