"""The files of the languages: found by listing, as the English one but for their texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hazard import languages
from hazard.errors import SpecError, UsageError
from hazard.languages import catalogues
from places import PACKAGE

FILES = sorted((PACKAGE / "languages").glob("*.toml"))
ENGLISH = """
[shared.marks]
decimal = "."
[figures.one]
title = "{n} of {all} persons"
"""


# --- the languages that there are ---------------------------------------------------------------
def test_languages_are_the_files_of_the_folder() -> None:
    assert list(languages.codes()) == [path.stem for path in FILES]
    assert {"en", "nb"} <= set(languages.codes())


@pytest.mark.parametrize("code", languages.codes())
def test_catalogues_have_the_same_keys_and_places(code: str) -> None:
    assert languages.faults(code) == []
    assert sum(len(t) for use in languages.catalogue(code).values() for t in use.values()) > 500


@pytest.mark.parametrize("code", languages.codes())
def test_texts_are_written_out(code: str) -> None:
    """Nothing is empty, and nothing moves a cursor or turns the order of a line."""
    for use in languages.catalogue(code).values():
        for table in use.values():
            for text in table.values():
                assert text
                assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("code", ["xx", "nbb", "", "NB", "../en", "en.toml", "en/../nb"])
def test_a_language_that_is_not_there_is_refused(code: str) -> None:
    known = [path.stem for path in FILES]
    sentence = rf"^language must be one of {re.escape(str(known))}; got {re.escape(repr(code))}\."
    with pytest.raises(UsageError, match=sentence):
        languages.catalogue(code)


def test_the_nearest_language_is_proposed() -> None:
    with pytest.raises(UsageError, match=r"got 'nbb'\. Did you mean 'nb'\?$"):
        languages.words("shared.marks", "nbb")


# --- the check, on planted files ----------------------------------------------------------------
@pytest.fixture
def plant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str | bytes], None]]:
    """Puts a file ``xx.toml`` beside a small English one."""

    def planted(text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "xx.toml").write_bytes(content)

    (tmp_path / "en.toml").write_text(ENGLISH, encoding="utf-8")
    monkeypatch.setattr(catalogues.resources, "files", lambda _: tmp_path)
    forget()
    yield planted
    forget()


def forget() -> None:
    catalogues.catalogue.cache_clear()
    catalogues._read.cache_clear()


def test_a_planted_language_is_found(plant: Callable[[str], None]) -> None:
    plant(ENGLISH.replace("{n} of {all} persons", "av {all} {n}").replace('"."', '","'))
    assert languages.codes() == ("en", "xx")
    assert languages.faults("xx") == []
    assert languages.figure("one", "xx") == {"decimal": ",", "title": "av {all} {n}"}
    assert languages.figure("one")["title"] == "{n} of {all} persons"


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ('decimal = "."', "", ["it lacks shared.marks.decimal"]),
        ("[figures.one]", "", ["it lacks figures.one.title", "shared.marks.title is not in"]),
        ("[figures.one]", "[figures.two]", ["it lacks figures.one.title", "figures.two.title is"]),
        ('decimal = "."', 'decimal = "."\nto = "to"', ["shared.marks.to is not in en.toml"]),
        ('decimal = "."', "decimal = 1", ["shared.marks.decimal is no text of a table"]),
        ('decimal = "."', 'decimal = ["."]', ["shared.marks.decimal is no text of a table"]),
        ("{n}", "{N}", ["figures.one.title has other {places}, or broken ones"]),
        ("{n} of ", "", ["figures.one.title has other {places}, or broken ones"]),
        ("{n}", "{n.__class__}", ["figures.one.title has other {places}, or broken ones"]),
        ("{n}", "{n} {}", ["figures.one.title has other {places}, or broken ones"]),
        ("{n}", "{n:z}", ["figures.one.title has other {places}, or broken ones"]),
        ("{n}", "{n!r}", ["figures.one.title has other {places}, or broken ones"]),
        ("{n}", "{n", ["figures.one.title has other {places}, or broken ones"]),
        (
            '[figures.one]\ntitle = "',
            '[figures.one.title]\ndeep = "',
            [
                "it lacks figures.one.title",
                "figures.one.title.deep is not in en.toml",
                "figures.one.title.deep is no text of a table",
            ],
        ),
    ],
)
def test_what_differs_is_found(
    plant: Callable[[str], None], old: str, new: str, faults: list[str]
) -> None:
    assert old in ENGLISH
    plant(ENGLISH.replace(old, new))
    found = languages.faults("xx")
    assert len(found) == len(faults)
    assert all(one.startswith(start) for one, start in zip(found, faults, strict=True))
    sentence = f"xx.toml must be as en.toml but for its texts; {found[0]}."
    sentence += f" There are {len(found) - 1} more such places." if len(found) > 1 else ""
    with pytest.raises(SpecError, match=f"^{re.escape(sentence)}$"):
        languages.catalogue("xx")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"= 1", r"^xx\.toml must be valid TOML; "),
        ("tvangsretur på mottak".encode("latin-1"), r"^xx\.toml must be valid TOML; it is not"),
        (b"x = " + b"[" * 5000, r"^xx\.toml must be "),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(
    plant: Callable[[bytes], None], content: bytes, sentence: str
) -> None:
    plant(content)
    with pytest.raises(SpecError, match=sentence):
        languages.catalogue("xx")
