r"""Text as a terminal, a spreadsheet or a page may show it: control characters escaped.

Control characters move the cursor, clear a screen, set its title or ring; bidirectional controls
let a text be read in another order than it is stored. Either can come from a label, a key or a file
name that somebody else chose.
"""

from __future__ import annotations

import re

_KEPT = "\n\t"
_CONTROLS = "".join(
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT
)
# Marks, embeddings, overrides, isolates, the deprecated ones, and separators that break a line.
_ORDER = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_BREAKS = "\u2028\u2029"
_LONE = "\ud800-\udfff"  # halves of a pair, which no file can hold
_UNSHOWN = re.compile(f"[{re.escape(_CONTROLS)}{_ORDER}{_BREAKS}{_LONE}]")
_BREAK = str.maketrans({"\n": r"\n", "\t": r"\t"})


def escaped(text: str) -> str:
    r"""Text of one or more lines with every control character written out.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        The same but for C0 and C1 controls, DEL, bidirectional controls and lone surrogates, which
        become ``\x1b`` or ``\u202e``; line feeds and tabs stay. What was escaped once is not
        changed by escaping it again.

    Examples
    --------
    >>> escaped("camp \x1b[2J north")
    'camp \\x1b[2J north'
    >>> escaped("\u202etxt.exe") == r"\u202etxt.exe"
    True
    """
    return _UNSHOWN.sub(_written_out, text)


def escaped_line(text: str) -> str:
    r"""Text with every control character written out, line feeds and tabs too.

    Examples
    --------
    >>> escaped_line("camp\nhazard: all is well")
    'camp\\nhazard: all is well'
    """
    return escaped(text).translate(_BREAK)


def excerpt(text: str, max_length: int = 200) -> str:
    """The first characters of a text as one line, with a mark where it goes on.

    Examples
    --------
    >>> excerpt("abc", max_length=2)
    'ab...'
    """
    return escaped_line(text[:max_length]) + ("..." if len(text) > max_length else "")


def _written_out(sign: re.Match[str]) -> str:
    code = ord(sign[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
