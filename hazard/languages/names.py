"""Units of time, and texts of model files and registers, in a language."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from hazard import units
from hazard.languages.catalogues import ENGLISH, Words, words


class Unit(NamedTuple):
    """A unit of time: one of it, several, and the first."""

    one: str
    several: str
    first: str


def unit(name: str, code: str = ENGLISH) -> Unit:
    """A unit of time; one that the catalogue does not know keeps its name.

    Examples
    --------
    >>> unit("week", "nb")
    Unit(one='uke', several='uker', first='den første uken')
    >>> unit("wave").several
    'waves'
    """
    places = {"unit": name, "units": units.plural(name)}
    tables = (words(f"shared.{table}", code) for table in ("unit", "units", "first_unit"))
    return Unit(*(table.get(name, table["other"]).format(**places) for table in tables))


def translated(text: str, code: str) -> str:
    """A text of a model file or a register in a language, or as it is.

    Examples
    --------
    >>> translated("stateless", "nb"), translated("a text of one's own", "nb")
    ('statsløse', "a text of one's own")
    """
    return words("shared.text", code).get(_keys().get(text, ""), text)


@cache
def _keys() -> Words:
    """Key of each text, by its English."""
    return {text: key for key, text in words("shared.text").items()}
