"""Remarks that were made in English, in another language."""

from __future__ import annotations

import re
import string
from types import MappingProxyType

from hazard.languages.catalogues import Words, words
from hazard.languages.names import own

_TABLE = "commands.remarks"
_NAMED = MappingProxyType({"unit": "shared.unit", "exit": "shared.exit"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")


def retold(remark: str, code: str) -> str:
    """A remark of the classical analysis in a language; as it is where no text fits it.

    A remark is kept in tables as the English sentence that it was made as. The English text that
    it was made of is found by what stands around its {places}, and these are filled again.

    Examples
    --------
    >>> retold("Left out, months before the start of the register: 791 rows.", "nb")
    'Utelatt, måneder før registeret begynner: 791 rader.'
    >>> retold("A sentence of its own.", "nb")
    'A sentence of its own.'
    """
    for key, text in words(_TABLE).items():
        if fits := re.fullmatch(_pattern(text), remark, re.DOTALL):
            places = {name: _filled(name, each, code) for name, each in fits.groupdict().items()}
            return words(_TABLE, code)[key].format(**places)
    return remark


def _pattern(text: str) -> str:
    """A text with any words at its places, the same ones where a place stands twice."""
    made, known = "", set[str]()
    for plain, name, _, _ in string.Formatter().parse(text):
        made += re.escape(plain)
        if name is not None:
            made += f"(?P={name})" if name in known else f"(?P<{name}>.+)"
            known.add(name)
    return made


def _filled(name: str, found: str, code: str) -> str:
    """What stands at a place: a unit, an exit, a reason, a remark in a remark, or a number."""
    if name in _NAMED:
        table: Words = words(_NAMED[name], code)
        return table.get(found, found)
    if name == "reason":
        return own(found, code)
    return _THOUSANDS.sub(words("shared.marks", code)["thousands"], retold(found, code))
