"""The files of the languages: listed, read, compared with the English one."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.files import toml

ENGLISH = "en"
Words = Mapping[str, str]
"""Texts of one table, by key."""

Key = tuple[str, ...]
_FOLDER = "hazard.languages"
_END = ".toml"
_DEPTH = 3  # use, table, key


def codes() -> tuple[str, ...]:
    """Codes of all languages: the names of the files in the folder.

    Examples
    --------
    >>> {"en", "nb"} <= set(codes())
    True
    """
    names = [file.name for file in resources.files(_FOLDER).iterdir()]
    return tuple(sorted(name.removesuffix(_END) for name in names if name.endswith(_END)))


@cache
def catalogue(code: str) -> Mapping[str, Mapping[str, Words]]:
    """Every text of a language, by use, table and key.

    Raises
    ------
    UsageError
        If there is no such language.
    SpecError
        If its file is not TOML, or differs from the English one in more than its texts.

    Examples
    --------
    >>> catalogue("nb")["shared"]["exit"]["forced"]
    'Tvangsretur'
    """
    problems = faults(code)
    if problems:
        more = f" There are {len(problems) - 1} more such places." if len(problems) > 1 else ""
        raise SpecError(
            f"{code}{_END} must be as {ENGLISH}{_END} but for its texts; {problems[0]}.{more}"
        )
    return _read(code)


def words(table: str, code: str = ENGLISH) -> Words:
    """Texts of one table of a language.

    Parameters
    ----------
    table : str
        Its use and its name, such as ``shared.exit``.
    code : str

    Examples
    --------
    >>> words("commands.flow", "nb")["cure_other"]
    'Se flow.csv.'
    """
    use, name = table.split(".")
    return catalogue(code)[use][name]


def figure(name: str, code: str = ENGLISH) -> Words:
    """Words of a figure, with the marks of numbers.

    Examples
    --------
    >>> survival = figure("survival", "nb")
    >>> survival["share_axis"], survival["decimal"]
    ('Prosent av personene', ',')
    """
    return {**words("shared.marks", code), **words(f"figures.{name}", code)}


def faults(code: str) -> list[str]:
    """Where the file of a language differs from the English one in more than its texts.

    Returns
    -------
    list of str
        Tables, keys and {places} that are missing, or are not in English; empty for none.

    Examples
    --------
    >>> faults("nb")
    []
    """
    texts, english = _flat(_read(code)), _flat(_read(ENGLISH))
    shared = [key for key in texts if key in english]
    return [
        *(f"it lacks {'.'.join(key)}" for key in english if key not in texts),
        *(f"{'.'.join(key)} is not in {ENGLISH}{_END}" for key in texts if key not in english),
        *(
            f"{'.'.join(key)} is no text of a table"
            for key in texts
            if not _is_text(key, texts[key])
        ),
        *(
            f"{'.'.join(key)} has other {{places}}, or broken ones"
            for key in shared
            if _places(texts[key]) is None or _places(texts[key]) != _places(english[key])
        ),
    ]


@cache
def _read(code: str) -> dict[str, Any]:
    """Content of the file of a language, whatever it holds."""
    existing = codes()
    if code not in existing:
        raise UsageError(
            f"language must be one of {list(existing)}; got {code!r}.{did_you_mean(code, existing)}"
        )
    with resources.as_file(resources.files(_FOLDER) / f"{code}{_END}") as path:
        return toml.parsed(toml.text_of(path, "language"), path.name)


def _flat(table: Mapping[str, Any], parents: Key = ()) -> dict[Key, Any]:
    """Every value, by the names of its tables and its own."""
    values: dict[Key, Any] = {}
    for name, value in table.items():
        nested = (
            _flat(value, (*parents, name)) if isinstance(value, dict) else {(*parents, name): value}
        )
        values |= nested
    return values


def _is_text(key: Key, value: object) -> bool:
    return len(key) == _DEPTH and isinstance(value, str)


def _places(value: object) -> set[tuple[str | None, ...]] | None:
    """The {places} of a text, with their formats; None where they are broken."""
    try:
        parts = string.Formatter().parse(str(value))
        return {tuple(place) for _, *place in parts if place[0] is not None}
    except ValueError:
        return None
