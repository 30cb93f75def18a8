"""The verdict of a brief against the numbers that it is about: every pattern of signs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.brief import verdict
from hazard.brief.language import language
from hazard.brief.verdict import Sign
from hazard.output import digits

LANGUAGES: tuple[str, ...] = ("nb", "en")
READ = {lang: language(lang) for lang in LANGUAGES}
SIGNS: tuple[Sign, ...] = get_args(Sign)
WORDS = {
    "en": {"more": "up", "fewer": "down", "no clear difference": "flat", "not known": "unknown"},
    "nb": {"flere": "up", "færre": "down", "ingen klar forskjell": "flat", "ikke kjent": "unknown"},
}
UNIT = {"en": "month", "nb": "måned"}
UNTIL = {"en": r"(.*) until month (\d+)", "nb": r"(.*) til og med måned (\d+)"}
THEN = {"en": ", then ", "nb": ", deretter "}


def said(signs: Sequence[Sign], lang: str) -> str:
    return verdict.in_words(list(enumerate(signs, 1)), READ[lang], UNIT[lang])


def understood(text: str, n: int, lang: str) -> list[str]:
    """Sign of every month, as a reader takes it from the words."""
    *parts, last = text.split(THEN[lang])
    found: list[str] = []
    for part in parts:
        match = re.fullmatch(UNTIL[lang], part)
        assert match is not None
        found += [WORDS[lang][match[1]]] * (int(match[2]) - len(found))
    return found + [WORDS[lang][last]] * (n - len(found))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_say_the_sign_of_every_month(lang: str) -> None:
    told = 0
    for n in (1, 2, 3, 4, 5):
        for signs in product(SIGNS, repeat=n):
            if len(verdict.stretches(list(enumerate(signs, 1)))) <= 4:
                assert understood(said(signs, lang), n, lang) == list(signs)
                told += 1
    assert told == 4 + 16 + 64 + 256 + (4**5 - 4 * 3**4)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_another_pattern_is_understood_as_another(lang: str) -> None:
    assert understood(said(("up", "up", "down"), lang), 3, lang) != ["up", "down", "down"]


def test_patterns_by_hand() -> None:
    assert said(["up"] * 24, "en") == "more"
    assert said(["flat"] * 24, "en") == "no clear difference"
    assert said(["up"] * 9 + ["down"] * 15, "en") == "more until month 9, then fewer"
    assert said(["up"] * 9 + ["flat"] * 15, "nb") == (
        "flere til og med måned 9, deretter ingen klar forskjell"
    )
    assert said(["flat", "up", "flat", "down"], "en") == (
        "no clear difference until month 1, then more until month 2, "
        "then no clear difference until month 3, then fewer"
    )


def test_what_changes_too_often_is_counted() -> None:
    signs: list[Sign] = ["up", "flat", "up", "flat", "down", "down"]
    assert said(signs, "en") == (
        "changing from month to month (of 6: more in 2, fewer in 2, no clear difference in 2)"
    )
    assert said(signs, "nb") == (
        "skiftende fra måned til måned (av 6: flere i 2, færre i 2, ingen klar forskjell i 2)"
    )


@given(st.lists(st.sampled_from(SIGNS), min_size=1, max_size=40))
def test_no_pattern_is_said_to_be_without_a_difference(signs: list[Sign]) -> None:
    for lang, bare in (("en", r"\bno difference"), ("nb", r"\bingen forskjell")):
        text = said(signs, lang)
        assert not re.search(bare, text)
        told = {WORDS[lang][word] for word in WORDS[lang] if word in text}
        assert told == set(signs)


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


def test_what_is_not_a_number_is_not_known() -> None:
    assert verdict.sign(digits.Estimate(0.0, float("nan"), 1.0)) == "unknown"
