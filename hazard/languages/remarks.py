"""Remarks in English, translated to another language."""

from __future__ import annotations

import re
import string
from types import MappingProxyType

from hazard.languages.catalogues import Words, words
from hazard.languages.names import translated

_TABLE = "commands.remarks"
_NAMED = MappingProxyType({"unit": "shared.unit", "exit": "shared.exit"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")


def translated_remark(remark: str, code: str) -> str:
    """A remark of the classical analysis in a language; as it is where no text fits it.

    Tables hold a remark as its English sentence. The English text with {places} from which the
    sentence comes is recognised by its fixed words, and its places are filled again.

    Examples
    --------
    >>> translated_remark("Left out, months before the start of the register: 791 rows.", "nb")
    'Utelatt, måneder før registeret begynner: 791 rader.'
    >>> translated_remark("A sentence of its own.", "nb")
    'A sentence of its own.'
    """
    for key, text in words(_TABLE).items():
        if match := re.fullmatch(_pattern(text), remark, re.DOTALL):
            places = {name: _filled(name, value, code) for name, value in match.groupdict().items()}
            return words(_TABLE, code)[key].format(**places)
    return remark


def _pattern(text: str) -> str:
    """A text with any words at its places, the same ones where a place stands twice."""
    pattern, named = "", set[str]()
    for literal, name, _, _ in string.Formatter().parse(text):
        pattern += re.escape(literal)
        if name is not None:
            pattern += f"(?P={name})" if name in named else f"(?P<{name}>.+)"
            named.add(name)
    return pattern


def _filled(name: str, value: str, code: str) -> str:
    """The value at a place: a unit, an exit, a reason, a remark in a remark, or a number."""
    if name in _NAMED:
        table: Words = words(_NAMED[name], code)
        return table.get(value, value)
    if name == "reason":
        return translated(value, code)
    return _THOUSANDS.sub(words("shared.marks", code)["thousands"], translated_remark(value, code))
