"""The seal of a folder: what it holds, with a digest of each file and one of the list itself.

``manifest.json`` says how the files of a folder were made and has a digest of each;
``manifest.sha256`` has the digest of the manifest, which is printed in outputs from the folder.
Whoever changes a file, adds one or takes one away is found; whoever writes all of it anew has
another digest of the manifest than the one that was printed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hazard.errors import IntegrityError, UsageError

__all__ = ["digest", "json_text", "parsed", "read", "write"]

MANIFEST = "manifest.json"
DIGEST = "manifest.sha256"
LARGEST_MANIFEST = 64 * 2**20
"""Bytes."""
_LARGEST_INTEGER = 2**63 - 1  # of what is written: seeds, counts, milliseconds
_AGAIN = "Make the folder again."


def digest(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_text(facts: Mapping[str, Any]) -> str:
    """Facts as JSON in which no sign moves a cursor or turns the order of the text."""
    return json.dumps(facts, indent=2, ensure_ascii=True)


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest of what is in a folder, and its digest; only the owner may read any of it.

    Parameters
    ----------
    folder : Path
    facts : mapping
        ``kind``, and how it was made.
    """
    files = {item.name: digest(item) for item in sorted(folder.iterdir())}
    manifest = folder / MANIFEST
    manifest.write_text(json_text({**facts, "files": files}) + "\n", encoding="ascii")
    (folder / DIGEST).write_text(f"{digest(manifest)}  {MANIFEST}\n", encoding="ascii")
    for item in folder.iterdir():
        item.chmod(0o600)


def read(folder: Path, *, may_lack: str = "") -> dict[str, Any]:
    """Manifest of a folder that holds what was written, no more and no less.

    Parameters
    ----------
    folder : Path
    may_lack : str, optional
        A file that may be missing.

    Returns
    -------
    dict
        With ``kind``, and ``digest``, that of the manifest itself.

    Raises
    ------
    UsageError
        If there is no manifest.
    IntegrityError
        If it, or a file of the folder, is not what was written.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(
            f"run folder must hold a {MANIFEST} that a run wrote; none in {str(folder)!r}."
        )
    if path.stat().st_size > LARGEST_MANIFEST:
        raise IntegrityError(f"{MANIFEST} of {str(folder)!r} must be a list; it is too large.")
    digest_file = folder / DIGEST
    manifest_digest = digest(path)
    if not digest_file.is_file() or digest_file.read_bytes()[:64] != manifest_digest.encode():
        raise IntegrityError(
            f"{MANIFEST} of {str(folder)!r} must be the one that was written; {DIGEST} is missing "
            f"or does not fit, as in a folder of an earlier version. {_AGAIN}"
        )
    facts = parsed(path.read_bytes(), f"{MANIFEST} of {str(folder)!r}")
    files = facts.get("files")
    if not isinstance(facts.get("kind"), str) or not _is_texts(files):
        raise IntegrityError(f"{MANIFEST} of {str(folder)!r} must name a kind and files. {_AGAIN}")
    _check_files(folder, dict(files or {}), may_lack)
    return {**facts, "digest": manifest_digest}


def parsed(text: bytes | str, where: str) -> dict[str, Any]:
    """An object written as JSON.

    Raises
    ------
    IntegrityError
        If it is none, or nested deeper or with longer numbers than anything that is written here.
    """
    try:
        facts = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        raise IntegrityError(f"{where} must be JSON that a command wrote. {_AGAIN}") from None
    if not isinstance(facts, dict):
        raise IntegrityError(f"{where} must be an object of JSON. {_AGAIN}")
    return facts


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > _LARGEST_INTEGER:
        raise ValueError
    return value


def _is_texts(files: object) -> bool:
    return isinstance(files, dict) and all(isinstance(value, str) for value in files.values())


def _check_files(folder: Path, files: Mapping[str, str], may_lack: str) -> None:
    """Raise unless the listed files are there as they were, and no others."""
    present = {item.name for item in folder.iterdir()} - {MANIFEST, DIGEST}
    if unknown := sorted(present - files.keys()):
        raise IntegrityError(
            f"{str(folder)!r} must hold only what was written; got {len(unknown)} other files. "
            "Take them out, or make the folder again."
        )
    expected = [name for name in files if name in present or name != may_lack]
    changed = [name for name in expected if not _is_unchanged(folder, name, files[name])]
    if changed:
        names = ", ".join(sorted(changed)[:5])
        raise IntegrityError(
            f"{str(folder)!r} must hold what was written; {names} is missing or changed. {_AGAIN}"
        )


def _is_unchanged(folder: Path, name: str, expected_digest: str) -> bool:
    path = folder / name
    is_inside = path.parent == folder and path.is_file() and not path.is_symlink()
    return is_inside and digest(path) == expected_digest
