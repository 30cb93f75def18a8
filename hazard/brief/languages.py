"""The texts of one language, from its catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal, NamedTuple

from hazard import units
from hazard.output import digits

Code = Literal["nb", "en"]
Words = Mapping[str, Mapping[str, str]]
_FEWEST = 10


class Unit(NamedTuple):
    """A unit of time: one of it, several, and the first."""

    one: str
    several: str
    first: str


@dataclass(frozen=True)
class Language:
    """Texts by section and key, and how numbers are written."""

    code: Code
    words: Words
    english: Mapping[str, str]

    @property
    def marks(self) -> digits.Marks:
        """Marks of numbers and intervals."""
        return digits.Marks(**self.words["marks"])

    def say(self, key: str, /, **places: object) -> str:
        """Text of ``section.key`` with its places filled."""
        section, name = key.split(".")
        return self.words[section][name].format(**places)

    def name(self, section: str, key: str) -> str:
        """Name in this language, or the key itself where the section has none."""
        return self.words[section].get(key, key)

    def unit(self, name: str) -> Unit:
        """A unit of time; one that the catalogue does not know keeps its name."""
        places = {"unit": name, "units": units.plural(name)}
        found = (
            self.words[section].get(name, self.words[section]["other"]).format(**places)
            for section in ("unit", "units", "first_unit")
        )
        return Unit(*found)

    def own(self, text: str) -> str:
        """A text of a model file or a register in this language, or as it is."""
        return self.words["text"].get(self.english.get(text, ""), text)

    def count(self, n: int) -> str:
        """A number of persons; from one to nine it is not told."""
        return self.words["page"]["few"] if 0 < n < _FEWEST else self.whole(n)

    def whole(self, n: float) -> str:
        """A whole number."""
        return digits.number(n, 0, self.marks)


def language(code: Code) -> Language:
    """Catalogue of a language."""
    english = catalogue("en")["text"]
    return Language(code, catalogue(code), {text: key for key, text in english.items()})


def catalogue(code: Code) -> Words:
    """Texts of the file ``{code}.toml``, by section and key."""
    path = resources.files("hazard.brief").joinpath(f"{code}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
