"""Model files: text in, and where they are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.files.terminal import excerpt
from hazard.files.toml import parsed, text_of
from hazard.spec import words
from hazard.spec.model import ModelSpec
from hazard.spec.priors import Record


def load(text: str, where: str = "model file") -> ModelSpec:
    """Model from TOML text.

    Raises
    ------
    SpecError
        If the text is not TOML or breaks the vocabulary; all problems in one message.
    """
    return validated(parsed(text, where), where)


def validated(content: Any, where: str) -> ModelSpec:
    """Model from the content of a file.

    Raises
    ------
    SpecError
        If it breaks the vocabulary; all problems in one message.
    """
    try:
        return ModelSpec.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_few(_problems(error)))
        raise SpecError(f"{where}: {problems}{'' if problems.endswith('?') else '.'}") from None


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
        place = ".".join(excerpt(str(part)) for part in item["loc"] if part != "[key]")
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
