"""Remarks of the classical analysis in another language, by the English that they are made as."""

from __future__ import annotations

import pytest

from hazard import languages
from hazard.languages import remarks

BY_HAND = {
    "everybody: Nobody is at risk before month 3; the curves are of those still there at its "
    "start.": "alle: Ingen er under risiko før måned 3; kurvene gjelder dem som fortsatt er der "
    "ved starten av den.",
    "team blue: Nobody is at risk in week 2, 3, 4 and 11 more, and the curves end with week 1; the "
    "life table goes on.": "team blue: Ingen er under risiko i uke 2, 3, 4 og 11 til, og kurvene "
    "slutter med uke 1; overlevelsestabellen går videre.",
    "everybody: No one left by way of 'forced', whose curve is flat.": "alle: Ingen fikk utfallet "
    "«Tvangsretur», og kurven er flat.",
    "Left out, months before the start of the register: 12,345 rows.": "Utelatt, måneder før "
    "registeret begynner: 12\N{NARROW NO-BREAK SPACE}345 rader.",
    "No exit 'moved' among the rows.": "Ingen rader med utfallet «moved».",
    "Not identified for exit 'assisted' by its risk sets: centre A: 1, centre 2.5 and 3 more.": (
        "Ikke identifisert for utfallet «Assistert retur» av risikomengdene: centre A: 1, centre "
        "2.5 og 3 til."
    ),
}


@pytest.mark.parametrize("remark", BY_HAND)
def test_remarks_by_hand(remark: str) -> None:
    assert languages.translated_remark(remark, "nb") == BY_HAND[remark]


@pytest.mark.parametrize("code", languages.codes())
@pytest.mark.parametrize("key", languages.words("commands.remarks"))
def test_every_remark_comes_back(key: str, code: str) -> None:
    """In English as it was; in another language as its own text, with the same places."""
    places = dict.fromkeys(
        ("people", "unit", "first", "months", "last", "exit", "reason", "rows"), "7"
    ) | dict.fromkeys(("names", "term", "level", "block", "n"), "x")
    remark = languages.words("commands.remarks")[key].format(**places)
    assert languages.translated_remark(remark, "en") == remark
    own = languages.words("commands.remarks", code)[key]
    assert languages.translated_remark(remark, code) == own.format(**places)


@pytest.mark.parametrize(
    "remark",
    [
        "",
        "A sentence of its own.",
        "model must have a term beside the baseline; it has none.",
        "Left out, a reason: 12 rows. And more",
        "everybody else: left",
    ],
)
def test_another_sentence_stays_as_it_is(remark: str) -> None:
    assert languages.translated_remark(remark, "nb") == remark


def test_what_stands_twice_in_a_text_must_be_the_same() -> None:
    text = languages.words("commands.remarks")["gap"]
    assert text.count("{unit}") == 2
    remark = text.format(people="a", unit="month", months="2", last="1")
    assert languages.translated_remark(remark, "nb") != remark
    other = remark.replace("month 1", "week 1")
    assert languages.translated_remark(other, "nb") == other
    assert remarks._pattern("{a}.{b} {a}") == r"(?P<a>.+)\.(?P<b>.+)\ (?P=a)"
