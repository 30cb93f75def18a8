"""What may be opened in a register folder: regular files of its own, of a bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hazard.errors import SpecError, UsageError
from hazard.files.toml import parsed, text_of

LONGEST_HEADER = 2**20
"""Bytes of the first line of a CSV file."""

LONGEST_SCHEMA = 2**24
"""Bytes of what ends a Parquet file: its columns, and where each part of them lies."""

_FOOTER = 8  # bytes: the length of the schema, and the mark of the format


def problem(path: Path) -> str | None:
    """Why a file of a register folder may not be opened, in a sentence, or None.

    Notes
    -----
    A pipe or a device would be read for ever, and a link may lead to what the folder's owner may
    not read.
    """
    if not path.exists():
        return f"{path.name} must exist; there is no such file."
    if not path.resolve().is_relative_to(path.parent.resolve()):
        return f"{path.name} must lie in the folder itself; got a link to another place."
    if not path.is_file():
        return f"{path.name} must be a regular file; got a folder, a pipe or a device."
    return None


def toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Content of a TOML file, and what is wrong with it."""
    sentence = problem(path)
    if sentence is not None:
        return {}, [sentence]
    try:
        return parsed(text_of(path, path.name), path.name), []
    except (SpecError, UsageError) as error:
        return {}, [str(error)]


def first_line(path: Path) -> bytes | None:
    """First line of a text file, or None if it is longer than a header can be."""
    with path.open("rb") as lines:
        first = lines.readline(LONGEST_HEADER + 1)
    return None if len(first) > LONGEST_HEADER else first


def schema_fits(path: Path) -> bool:
    """Whether the schema of a Parquet file, whose length stands at its end, is not too long."""
    size = path.stat().st_size
    with path.open("rb") as octets:
        octets.seek(max(size - _FOOTER, 0))
        length = int.from_bytes(octets.read(4), "little")
    # a length beyond the file is of something else than Parquet, which its reader reports
    return length <= LONGEST_SCHEMA or length > size
