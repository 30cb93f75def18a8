"""Labels as texts: one spelling for what looks the same, and what no label of a thing can be.

A label is a text that names a level, such as a citizenship or a centre, or an id. The module is the
one place that says which spellings are the same, and knows nothing of tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hazard.arrays import BoolArray

PLAIN = r"^[!-~]+( [!-~]+)*$"
"""Regular expression of texts that :func:`normalised` leaves as they are, for fast filters."""

# Orders to a terminal or to the direction of the text; the marks of line and paragraph end.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
# Letters and marks that show nothing; the general category Cf is added in `normalised`.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
# fmt: off
_MISSING = frozenset(
    {
        "null", "nan", "na", "n/a", "n.a.", "n.a", "#n/a", "#na", "<na>", "none", "nil", "nat",
        "undefined", "missing", "unknown", "blank", "empty", "(blank)", "(tom)", "(null)",
        "tom", "mangler", "ukjent", "uoppgitt", "ikke oppgitt", "ingen", "unspecified",
        "not available", "not stated", "not applicable", "not known", "no data", "tbd", "#ref!",
        "#value!", "#verdi!", "#name?", "#navn?", "#div/0!", "-", "--", "---", "?", "??", "???",
        ".", "..", "...", "_", "/", "*",
    }
)
# fmt: on
_FORMULA = re.compile(r"[=+@]|-(?=[^\W_(])|[\"']\s*[=+@]")
_NUMBER = re.compile(r"(?=\D*\d)[-+\d\s.,'/:%()e]+", re.ASCII)
_DATE = re.compile(
    r"\d{4}[-./]\d{1,2}([-./]\d{1,2})?([T ][\d:.+Z]*)?"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2,4}([T ][\d:.]*)?"
    r"|(19|20)\d{2}(0\d|1[0-2])([0-2]\d|3[01])"
    r"|(\d{1,2}[-./ ]+)?(jan|feb|mars?|apr|ma[iy]|ju[nl]|aug|sep|o[ck]t|nov|de[cs])[a-z]*[-./ ]+"
    r"(\d{1,2},? )?\d{2,4}",
    re.ASCII | re.IGNORECASE,
)
_ESCAPED = re.compile(
    r"&(#\d+|#x[0-9a-f]+|[a-z]{2,8});|(%[89a-f][0-9a-f]){2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|=[89A-F][0-9A-F]=",
    re.IGNORECASE,
)
# Between two letters: what stands for a letter that another encoding has elsewhere.
_LOST = re.compile(r"\ufffd|(?<=[^\W\d_])[?|{}\\¢¥¤§¶°±√¬](?=[^\W\d_])")
_ENCODINGS = ("cp1252", "mac_roman", "cp850", "cp437")  # that files in UTF-8 are taken for
_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "COPTIC", "CHEROKEE", "GEORGIAN"})
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХҮԌԚԜаеѕіјорсухԁһԛԝγвкмнтΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυϲⅼıøØłŁđĐðÐ",
    "ABESIJKMHOPCTYXYGQWaesijopcyxdhqwybkmhtABEZHIKMNOPTYXaikvopuclioolldddd",
)
_FOLDED = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "æ": "ae", "œ": "oe", "þ": "th"})


def has_control(text: str) -> bool:
    r"""Whether a text holds control or bidirectional characters, which no label needs.

    Examples
    --------
    >>> [has_control(text) for text in ("Irak", "Ir\x1b[2Jak", "Irak\x00", "\u202eIrak")]
    [False, True, True, True]
    """
    return _CONTROL.search(text) is not None


def normalised(text: str) -> str:
    r"""The text as it is meant: NFC, no invisible characters, single plain spaces inside only.

    Notes
    -----
    Every space of Unicode is a space, such as one that does not break. Soft hyphens, joiners, marks
    of byte order and spaces without width are left out. Control characters stay: see
    :func:`has_control`. ``normalised(normalised(text)) == normalised(text)``.

    Examples
    --------
    >>> normalised(" Sri\u00a0 Lanka\u200b "), normalised("A\u030as")
    ('Sri Lanka', 'Ås')
    """
    if text.isascii() and text.isprintable() and "  " not in text and text == text.strip(" "):
        return text
    visible = _INVISIBLE.sub("", text)
    visible = "".join(c for c in visible if unicodedata.category(c) != "Cf" or _CONTROL.match(c))
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in visible)
    return unicodedata.normalize("NFC", re.sub(" +", " ", spaced).strip(" "))


def is_missing_word(text: str) -> bool:
    """Whether a text is a word or sign for a value that is not there.

    Examples
    --------
    >>> [is_missing_word(text) for text in ("NULL", "-", "N/A", "ukjent", "Niger")]
    [True, True, True, True, False]
    """
    return text.strip().casefold().replace("–", "-").replace("—", "-") in _MISSING


def missing_words() -> list[str]:
    """The words of :func:`is_missing_word` in the usual spellings, to look up in long lists."""
    return sorted(
        {f(word) for word in _MISSING for f in (str, str.upper, str.capitalize, str.title)}
    )


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute a text.

    Examples
    --------
    >>> [is_formula(text) for text in ("=1+1", "@SUM(A1)", "-2+3", "-", "Guinea-Bissau")]
    [True, True, True, False, False]
    """
    return _FORMULA.match(text) is not None


def is_number(text: str) -> bool:
    """Whether a text is a number.

    Examples
    --------
    >>> [is_number(text) for text in ("452", "-1,5", "1e5", "Mottak 4")]
    [True, True, True, False]
    """
    return _NUMBER.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether a text is a date or a month.

    Examples
    --------
    >>> [is_date(text) for text in ("2005-01-31", "1.2.05", "jan. 2005", "20050131", "301")]
    [True, True, True, True, False]
    """
    return _DATE.fullmatch(text) is not None


def is_garbled(text: str) -> bool:
    r"""Whether a text has been through the wrong encoding, or holds letters in some code.

    Examples
    --------
    >>> [is_garbled(text) for text in ("S\u00c3\u00b8r", "S\ufffdr", "S?r", "S&oslash;r", "Sør")]
    [True, True, True, True, False]
    """
    match = _LOST.search(text) or _ESCAPED.search(text)
    return match is not None or _repaired(text) != text


def scripts(text: str) -> frozenset[str]:
    r"""Alphabets of a text among those whose letters look like each other's.

    Examples
    --------
    >>> sorted(scripts("Ir\u0430k")), sorted(scripts("Irak 1"))
    (['CYRILLIC', 'LATIN'], ['LATIN'])
    """
    if text.isascii():
        return frozenset({"LATIN"}) if re.search("[A-Za-z]", text) else frozenset()
    names = {unicodedata.name(c, "").split(" ")[0] for c in text if c.isalpha()}
    return frozenset(names & _SCRIPTS)


def mixes_scripts(text: str) -> bool:
    r"""Whether a word of a text has letters of two alphabets.

    Examples
    --------
    >>> mixes_scripts("Ir\u0430k"), mixes_scripts("Иран Iran")
    (True, False)
    """
    return any(len(scripts(word)) > 1 for word in re.findall(r"[^\W\d_]+", text))


def skeleton(text: str) -> str:
    r"""What is left of a text for the eye: texts that look the same have the same skeleton.

    Notes
    -----
    Letters of other alphabets, accents, capitals, compatibility forms, ``0`` and ``o``, ``1``,
    ``i`` and ``l``, and everything that is neither letter nor digit fall together; two numbers stay
    apart. Garbled text is read as it was meant.

    Examples
    --------
    >>> skeleton("Ir\u0430k") == skeleton("IRAK") == skeleton("lrak")
    True
    >>> skeleton("Sør-Sudan") == skeleton("S\u00c3\u00b8r Sudan") == skeleton("Sor Sudan")
    True
    >>> skeleton("Mottak 1-1") == skeleton("Mottak 11")
    False
    """
    plain = unicodedata.normalize("NFKD", _repaired(text).translate(_LOOK_ALIKE))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_LOOK_ALIKE)
    words = re.sub(r"[\W_]+", " ", plain.casefold())
    joined = re.sub(r"(?<!\d) | (?!\d)", "", words)
    return joined.translate(_FOLDED)


def look_alikes(labels: Sequence[str], counts: npt.NDArray[np.int64]) -> BoolArray:
    """Whether a label looks like another one that is more frequent.

    Parameters
    ----------
    labels : sequence of str, shape (n,)
        Distinct.
    counts : ndarray of int64, shape (n,)
        How often each occurs.

    Examples
    --------
    >>> look_alikes(["Irak", "lrak", "Iran"], np.array([9, 1, 5])).tolist()
    [False, True, False]
    """
    best: dict[str, int] = {}
    looks = [skeleton(label) or label for label in labels]
    for position in np.argsort(-counts, kind="stable"):
        best.setdefault(looks[position], int(position))
    return np.array([best[look] != position for position, look in enumerate(looks)], dtype=np.bool_)


def _repaired(text: str) -> str:
    """A text in UTF-8 that was read in another encoding, once or more, as it was meant."""
    while not text.isascii():
        candidates = [_reread(text, encoding) for encoding in _ENCODINGS]
        repaired = next((reread for reread in candidates if reread is not None), None)
        if repaired is None:
            break
        text = repaired
    return text


def _reread(text: str, encoding: str) -> str | None:
    try:
        return b"".join(_octet(character, encoding) for character in text).decode("utf-8")
    except UnicodeError:
        return None


def _octet(character: str, encoding: str) -> bytes:
    """The octet of a character; the five that Windows-1252 has not are those of Latin-1."""
    try:
        return character.encode(encoding)
    except UnicodeEncodeError:
        if encoding != "cp1252":
            raise
        return character.encode("latin-1")
