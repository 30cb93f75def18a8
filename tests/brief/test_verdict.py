"""The verdict of a brief: every rule at its border, by draws made by hand."""

from __future__ import annotations

import math
import re
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hazard.brief import verdict
from hazard.brief.language import language
from hazard.brief.verdict import CERTAINTY, Sides, Verdict
from hazard.output import digits
from hazard.output.summaries import Compared, detailed
from pages import LANGUAGES

ROPE = 0.005
ABOVE, WITHIN, BELOW = 0.02, 0.0, -0.02  # of which 0.005 either way is as good as none
WORDS: dict[str, dict[Verdict, str]] = {
    "en": {
        "more": "more",
        "fewer": "fewer",
        "earlier": "as many, but earlier",
        "later": "as many, but later",
        "none": "no relevant difference",
        "unclear": "cannot tell",
        "unknown": "not known",
    },
    "nb": {
        "more": "flere",
        "fewer": "færre",
        "earlier": "like mange, men tidligere",
        "later": "like mange, men senere",
        "none": "ingen relevant forskjell",
        "unclear": "kan ikke avgjøres",
        "unknown": "ikke kjent",
    },
}


def sides_of(values: np.ndarray, rope: float | None = ROPE) -> Sides:
    """Probabilities of draws as a table of estimates has them."""
    draws = xr.DataArray(values.reshape(4, -1), dims=("chain", "draw")).expand_dims(exit=["a"])
    row = detailed(draws, Compared(0.0, rope)).iloc[0]
    return Sides(*(float(row[name]) for name in ("p_above_rope", "p_below_rope", "p_rope_mcse")))


def drawn(first: float, n_first: int, other: float, rng: np.random.Generator) -> np.ndarray:
    """Two thousand independent draws of two values."""
    return rng.permutation(np.repeat([first, other], [n_first, 2000 - n_first]))


# The border is where the share of the draws less its Monte Carlo error is 0.95. 1,890 of 2,000 are
# fewer, whatever the error; 1,930 are 0.015 more, and the error of as many independent draws is
# sqrt(0.965 x 0.035 / 2000) = 0.004: it would have to be estimated 3.6 times as large.
BELOW_BORDER, ABOVE_BORDER = 1890, 1930
RULES: dict[Verdict, tuple[float, float]] = {
    "more": (ABOVE, WITHIN),
    "fewer": (BELOW, WITHIN),
    "earlier": (WITHIN, ABOVE),
    "later": (WITHIN, BELOW),
    "none": (WITHIN, WITHIN),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_at_their_border(rule: Verdict, rng: np.random.Generator) -> None:
    at_horizon, moved = RULES[rule]
    elsewhere = BELOW if at_horizon == ABOVE else ABOVE

    def given_by(n_at_horizon: int, n_moved: int) -> Verdict:
        additional = drawn(at_horizon, n_at_horizon, elsewhere, rng)
        displacement = drawn(moved, n_moved, WITHIN if moved else ABOVE, rng)
        return verdict.verdict(sides_of(additional), sides_of(displacement))

    assert given_by(ABOVE_BORDER, ABOVE_BORDER) == rule
    assert given_by(BELOW_BORDER, ABOVE_BORDER) == "unclear"
    expected = rule if rule in ("more", "fewer") else "unclear"  # which do not look at D
    assert given_by(ABOVE_BORDER, BELOW_BORDER) == expected


@pytest.mark.parametrize("rule", RULES)
def test_rules_at_their_border_by_probabilities(rule: Verdict) -> None:
    def side(where: float, p: float) -> Sides:
        return Sides(
            p if where == ABOVE else (1 - p) / 2,
            p if where == BELOW else (1 - p) / 2,
            0.01,
        )

    at_horizon, moved = RULES[rule]
    exact = CERTAINTY + 0.01 + 1e-12  # rounding of 1 - above - below
    assert verdict.verdict(side(at_horizon, exact), side(moved, exact)) == rule
    assert verdict.verdict(side(at_horizon, exact - 1e-9), side(moved, exact)) == "unclear"


def test_a_wider_interval_at_the_horizon_is_not_fewer_in_the_end(rng: np.random.Generator) -> None:
    """What is clear at the end of the window and open at the horizon is not "more, then the same".

    A(w) is 3 in 100, give or take 1; A(H) has the same mean and four times the spread. Months by
    themselves would be said to be clear and then not clear.
    """
    at_window = rng.normal(0.03, 0.01 / 1.96, 2000)
    additional = 0.03 + 4 * (at_window - 0.03)
    intervals = [np.quantile(one, [0.025, 0.975]) for one in (at_window, additional)]
    signs = [verdict.sign(digits.Estimate(0.03, *ends)) for ends in intervals]
    assert signs == ["up", "flat"]  # negative control: what the months say one by one
    found = verdict.verdict(sides_of(additional), sides_of(at_window - additional))
    assert found == "unclear"


def test_without_a_region_only_signs_are_told(rng: np.random.Generator) -> None:
    tiny = sides_of(rng.normal(1e-4, 1e-5, 2000), None)
    assert verdict.verdict(tiny, tiny) == "more"
    assert verdict.verdict(sides_of(rng.normal(0, 1e-5, 2000), None), tiny) == "unclear"
    assert verdict.verdict(sides_of(np.zeros(2000), None), sides_of(np.zeros(2000), None)) == "none"


def test_without_a_window_nothing_is_earlier() -> None:
    within, above = Sides(0.0, 0.0, 0.001), Sides(1.0, 0.0, 0.001)
    assert verdict.verdict(within, None) == "none"
    assert verdict.verdict(within, above) == "earlier"  # negative control
    assert verdict.verdict(above, None) == "more"


def test_what_is_not_a_number_is_not_known() -> None:
    known, unknown = Sides(1.0, 0.0, 0.001), Sides(1.0, 0.0, math.nan)
    assert verdict.verdict(unknown, known) == verdict.verdict(known, unknown) == "unknown"
    assert verdict.sign(digits.Estimate(0.0, float("nan"), 1.0)) == "unknown"


@given(*(st.floats(0, 1) for _ in range(4)), st.floats(0, 0.1))
def test_mirror_images(a: float, b: float, c: float, d: float, mcse: float) -> None:
    """Fewer is more with the sign turned, and later is earlier."""
    sides = [Sides(p * (1 - q), q, mcse) for p, q in ((a, b), (c, d))]
    turned = [Sides(side.below, side.above, mcse) for side in sides]
    mirror = {"more": "fewer", "earlier": "later", "fewer": "more", "later": "earlier"}
    found = verdict.verdict(*sides)
    assert verdict.verdict(*turned) == mirror.get(found, found)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_verdict_has_its_words(lang: str) -> None:
    words = {name: language(lang).say(f"verdict.{name}") for name in get_args(Verdict)}
    assert words == WORDS[lang]
    assert len(set(words.values())) == len(words)
    for text in words.values():
        assert not re.search(r"\bno difference|\bingen forskjell", text)


@given(*(st.floats(-1, 1) for _ in range(3)))
def test_sign_is_that_of_the_printed_interval(first: float, second: float, third: float) -> None:
    """What is called clear is printed with an interval on one side of 0, and nothing else is."""
    lower, middle, upper = sorted((first, second, third))
    e = digits.Estimate(middle, lower, upper, 0.01)
    text = digits.difference(e, 0).replace("\u00a0", " ")
    inside = text[text.index("(") + 1 : -1]
    low, high = inside.split(" to ")
    above, below = (low[0] == "+" or low == "over 0"), (high[0] == "−" or high == "under 0")
    assert verdict.sign(e) == ("up" if above else "down" if below else "flat")
