"""Model files: text in, and where they are looked for."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.prior_families import Record
from hazard.spec.model import ModelSpec


def load(text: str, where: str = "model file") -> ModelSpec:
    """Model from TOML text.

    Raises
    ------
    SpecError
        If the text is not TOML or breaks the vocabulary; all problems in one message.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{where} must be valid TOML; {error}.") from None
    try:
        return ModelSpec.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problems(error))
        raise SpecError(f"{where}: {problems}{'' if problems.endswith('?') else '.'}") from None


def read(name_or_path: str) -> ModelSpec:
    """Model by the name of a file that ships with the package, or from a path to a TOML file."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise UsageError(f"model file must exist; no file at {name_or_path!r}.")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise SpecError(f"{path.name} must be valid TOML; it is not UTF-8.") from None
        return load(text, where=path.name)
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
    lines = []
    for item in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            lines.append(f"{place} is not a known key.{did_you_mean(key, _keys())}")
        else:
            message = item["msg"].removeprefix("Value error, ").rstrip(".")
            lines.append(f"{place}: {message[:1].lower()}{message[1:]}".removeprefix(": "))
    return [line.rstrip(".") for line in lines]


def _keys() -> set[str]:
    return {key for record in _records(Record) for key in record.model_fields}


def _records(above: type[Any]) -> list[Any]:
    """All records, those with a record in common above them included."""
    below = above.__subclasses__()
    return [*below, *(each for record in below for each in _records(record))]
