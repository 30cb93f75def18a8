"""Labels: one spelling of what looks the same, and what no label can be."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.data import labels
from hazard.simulation.world import STATELESS, nationality_names

NAMES = [*nationality_names(), STATELESS, "Mottak 001", "Åsen", "Bø", "Vest-Agder (avd. 2)"]
UNSEEN = ["\u200b", "\u200c", "\u200d", "\u00ad", "\u2060", "\ufeff", "\ufe0f", "\u034f", "\u3164"]
SPACES = [" ", "\u00a0", "\u2003", "\u202f", "\u3000", "  "]
QUESTIONS = (
    labels.has_control,
    labels.is_missing_word,
    labels.is_formula,
    labels.is_number,
    labels.is_date,
    labels.is_garbled,
    labels.mixes_scripts,
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_names_of_countries_and_centres_are_names(question: object) -> None:
    assert [name for name in NAMES if question(name)] == []  # type: ignore[operator]


def test_names_of_countries_are_spelled_as_they_are_and_look_different() -> None:
    assert [labels.normalised(name) for name in NAMES] == NAMES
    assert len({labels.skeleton(name) for name in NAMES}) == len(NAMES)
    assert not labels.look_alikes(NAMES, np.ones(len(NAMES), dtype=np.int64)).any()


@given(st.sampled_from(NAMES), st.sampled_from(UNSEEN), st.integers(0, 20))
def test_what_does_not_show_is_left_out(name: str, unseen: str, place: int) -> None:
    assert labels.normalised(name[:place] + unseen + name[place:]) == name


@given(st.sampled_from(NAMES), st.sampled_from(SPACES), st.sampled_from(["NFC", "NFD"]))
def test_spaces_and_composition_do_not_matter(name: str, space: str, form: str) -> None:
    written = unicodedata.normalize(form, space + name.replace(" ", space) + space)
    assert labels.normalised(written) == name


@given(st.text())
def test_a_normalised_text_is_normal(text: str) -> None:
    once = labels.normalised(text)
    assert labels.normalised(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip(" ")
    assert labels.has_control(once) == labels.has_control(text)


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd"], max_codepoint=0x24F)))
def test_texts_of_letters_alone_are_left_as_they_are(text: str) -> None:
    """Negative control: normalisation changes nothing that shows."""
    assert labels.normalised(text) == unicodedata.normalize("NFC", text)


@given(st.sampled_from(NAMES), st.integers(0, 20))
def test_every_control_character_is_seen(name: str, place: int) -> None:
    codes = [*range(32), *range(127, 160), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F)]
    for code in [*codes, *range(0x2066, 0x206A), 0x2028, 0x2029]:
        assert labels.has_control(name[:place] + chr(code) + name[place:])


@given(st.sampled_from(NAMES))
def test_a_name_in_capitals_or_misread_looks_like_itself(name: str) -> None:
    looks = labels.skeleton(name)
    assert labels.skeleton(name.upper()) == looks
    for encoding in ("cp1252", "mac_roman", "cp850", "latin-1"):
        misread = name.encode().decode(encoding, errors="replace")
        if "\ufffd" not in misread:
            assert labels.skeleton(misread) == looks
            assert labels.is_garbled(misread) == (not name.isascii())


def test_letters_of_another_alphabet_look_alike_and_are_seen() -> None:
    latin = "ABCEHIJKMOPSTXYaceijopsxy"
    cyrillic = (
        "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u0423"
        "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443"
    )
    for one, other in zip(latin, cyrillic, strict=True):
        assert labels.skeleton(one) == labels.skeleton(other)
        assert labels.mixes_scripts(f"r{other}")
        assert not labels.mixes_scripts(f"r{one}")


def test_numbers_stay_apart() -> None:
    """Negative control: what differs in a digit does not look alike."""
    numbers = [f"Mottak {number:03d}" for number in range(300)] + ["Mottak 1 1", "Mottak 1-11"]
    assert len({labels.skeleton(name) for name in numbers}) == len(numbers)


LONG = ["1" * 10**5 + "x", "a " * 10**5, "\u00c3\u00b8" * 10**5, "&" * 10**5]


@pytest.mark.parametrize("text", LONG, ids=["digits", "words", "misread", "signs"])
def test_long_texts_cost_no_square(text: str) -> None:
    """With ten thousand million steps this would not end."""
    assert not any(question(text) for question in QUESTIONS[:5])
    assert len(labels.skeleton(text)) <= len(text)
