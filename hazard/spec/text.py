"""Model files: text in, and where they are looked for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.prior_families import Record
from hazard.spec import words
from hazard.spec.model import ModelSpec

MOST_CHARACTERS = 1_000_000
"""Of a file that a user wrote."""


def load(text: str, where: str = "model file") -> ModelSpec:
    """Model from TOML text.

    Raises
    ------
    SpecError
        If the text is not TOML or breaks the vocabulary; all problems in one message.
    """
    content = toml(text, where)
    try:
        return ModelSpec.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_few(_problems(error)))
        raise SpecError(f"{where}: {problems}{'' if problems.endswith('?') else '.'}") from None


def toml(text: str, where: str) -> dict[str, Any]:
    """Content of TOML text of any kind, such as a model file.

    Raises
    ------
    SpecError
        If the text is longer than a million characters, is not TOML, is nested deeper than Python
        can follow, or has a number of more digits than Python reads.
    """
    if len(text) > MOST_CHARACTERS:
        raise SpecError(
            f"{where} must have at most {MOST_CHARACTERS:,} characters; got {len(text):,}."
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{where} must be valid TOML; {shown(error)}.") from None
    except RecursionError:
        raise SpecError(f"{where} must be nested less deeply; got too many levels.") from None
    except (ValueError, OverflowError):
        raise SpecError(
            f"{where} must hold numbers of at most 4,300 digits and valid dates; got others."
        ) from None


def text_of(path: Path, what: str) -> str:
    """Text of a file that a user wrote, such as a model file.

    Raises
    ------
    UsageError
        If there is no such file, or it cannot be opened.
    SpecError
        If it is larger than a million bytes for every byte that a character may have, or not UTF-8.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise UsageError(f"{what} must exist; no file at {str(path)!r}.")
        if path.stat().st_size > 4 * MOST_CHARACTERS:
            raise SpecError(f"{path.name} must have at most {MOST_CHARACTERS:,} characters.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{path.name} must be valid TOML; it is not UTF-8.") from None
    except (OSError, ValueError):
        raise UsageError(f"{what} must be readable; {str(path)!r} cannot be opened.") from None


def read(name_or_path: str) -> ModelSpec:
    """Model by the name of a file that ships with the package, or from a path to a TOML file."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return load(text_of(path, "model file"), where=path.name)
    known = {item.stem: item for item in models_folder().iterdir() if item.suffix == ".toml"}
    if name_or_path not in known:
        raise UsageError(
            f"model must be a .toml file or one of {sorted(known)}; got {name_or_path!r}."
            + did_you_mean(name_or_path, known)
        )
    return load(known[name_or_path].read_text(encoding="utf-8"), where=f"{name_or_path}.toml")


def models_folder() -> Path:
    """Folder with the model files: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("hazard")))
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _problems(error: ValidationError) -> list[str]:
    items = error.errors(include_url=False)
    lines = []
    for item in items:
        place = ".".join(shown(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "too_short" and any(_inside(other, item) for other in items):
            continue  # what is wrong inside was not counted
        if item["type"] == "extra_forbidden":
            lines.append(f"{place} is not a known key.{_hint(item['loc'])}")
        elif rule := words.rule(item):
            lines.append(f"{place} must {rule}")
        else:
            message = item["msg"].removeprefix("Value error, ").rstrip(".")
            lines.append(f"{place}: {message[:1].lower()}{message[1:]}".removeprefix(": "))
    return [line.rstrip(".") for line in lines]


def shown(text: object, most: int = 200) -> str:
    r"""A text as one line of at most so many characters, all of which can be shown.

    Examples
    --------
    >>> shown("a\x1b[2J")
    'a\\x1b[2J'
    """
    plain = str(text)[:most] + ("..." if len(str(text)) > most else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def _few(problems: list[str], most: int = 10) -> list[str]:
    """The first of many problems, and how many more there are."""
    more = [f"and {len(problems) - most:,} more"] if len(problems) > most else []
    return problems[:most] + more


def _inside(item: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    """Whether a problem is one of a part of what another is about."""
    depth = len(outer["loc"])
    return len(item["loc"]) > depth and item["loc"][:depth] == outer["loc"]


def _hint(place: tuple[int | str, ...]) -> str:
    """The nearest key of the table in which an unknown one stands, or all keys of this table."""
    known = {key for record in _records_at(place[:-1]) for key in record.model_fields}
    near = did_you_mean(str(place[-1]), known)
    return near or f" Its table has {', '.join(sorted(known))}"


def _records_at(place: tuple[int | str, ...]) -> list[type[Record]]:
    """Records that can stand at a place: by the keys that lead to it, and by their kind or family.

    Examples
    --------
    >>> [record.__name__ for record in _records_at(("term", 0, "covariate", "prior", "normal"))]
    ['NormalPrior']
    """
    records: list[type[Record]] = [ModelSpec]
    for part in place:
        fields = [r.model_fields[str(part)] for r in records if str(part) in r.model_fields]
        if fields:
            records = [record for field in fields for record in _records_of(field.annotation)]
        else:
            records = [record for record in records if part in _tags(record)] or records
    return records


def _records_of(annotation: Any) -> list[type[Record]]:
    """Records in a type, such as the members of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [annotation]
    return [record for inner in get_args(annotation) for record in _records_of(inner)]


def _tags(record: type[Record]) -> list[Any]:
    """Values of ``kind`` or ``family`` by which a record is told from others."""
    return [
        value
        for field in record.model_fields.values()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    ]
