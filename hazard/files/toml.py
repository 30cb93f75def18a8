"""TOML that somebody wrote: read within bounds, and refused in one sentence beyond them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hazard.errors import SpecError, UsageError
from hazard.files.terminal import excerpt

MOST_CHARACTERS = 1_000_000
"""Of a file; one with all names and words of a register has a few thousand."""

_MOST_BYTES = 4 * MOST_CHARACTERS  # no character of UTF-8 has more than four


def text_of(path: Path, file_kind: str) -> str:
    """Text of a file that a user wrote, such as a model file.

    ``file_kind`` names the kind of file in messages.

    Raises
    ------
    UsageError
        If there is no such file, or it cannot be opened.
    SpecError
        If it is larger than a million characters can be, or not UTF-8.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise UsageError(f"{file_kind} must exist; no file at {str(path)!r}.")
        if path.stat().st_size > _MOST_BYTES:
            raise SpecError(f"{path.name} must have at most {MOST_CHARACTERS:,} characters.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{path.name} must be valid TOML; it is not UTF-8.") from None
    except (OSError, ValueError):
        raise UsageError(f"{file_kind} must be readable; {str(path)!r} cannot be opened.") from None


def parsed(text: str, where: str) -> dict[str, Any]:
    """Content of TOML text.

    Raises
    ------
    SpecError
        If the text is longer than a million characters, is not TOML, is nested deeper than Python
        can follow, or has a number of more digits than Python reads.

    Examples
    --------
    >>> parsed("lags = [0, 6]", "model file")
    {'lags': [0, 6]}
    """
    if len(text) > MOST_CHARACTERS:
        raise SpecError(
            f"{where} must have at most {MOST_CHARACTERS:,} characters; got {len(text):,}."
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{where} must be valid TOML; {excerpt(str(error))}.") from None
    except RecursionError:
        raise SpecError(f"{where} must be nested less deeply; got too many levels.") from None
    except (ValueError, OverflowError):
        raise SpecError(
            f"{where} must hold numbers of at most 4,300 digits and valid dates; got others."
        ) from None
