"""Model files: text in, and where they and the models that they extend are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from hazard.errors import SpecError, UsageError, did_you_mean
from hazard.files.terminal import excerpt
from hazard.files.toml import parsed, text_of
from hazard.spec import variants, words
from hazard.spec.model import ModelSpec
from hazard.spec.records import Record
from hazard.spec.variants import VariantSpec

_MOST_BASES = 5


def load(text: str, where: str = "model file") -> ModelSpec:
    """Model from TOML text.

    Raises
    ------
    SpecError
        If the text is not TOML or breaks the vocabulary; all problems in one message.
    """
    return _model(text, _Place(where))[1]


def validated(content: Any, where: str) -> ModelSpec:
    """Model from the content of a file.

    Raises
    ------
    SpecError
        If it breaks the vocabulary; all problems in one message.
    """
    return _valid(ModelSpec, content, where)


def read(name_or_path: str) -> ModelSpec:
    """Model by the name of a file that ships with the package, or from a path to a TOML file."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return _model(text_of(path, "model file"), _Place(path.name, path))[1]
    known = _bundled()
    if name_or_path not in known:
        raise UsageError(
            f"model must be a .toml file or one of {sorted(known)}; got {name_or_path!r}."
            + did_you_mean(name_or_path, known)
        )
    path = known[name_or_path]
    return _model(text_of(path, "model file"), _Place(path.name, path))[1]


def models_folder() -> Path:
    """Folder with the model files: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("hazard")))
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _bundled() -> dict[str, Path]:
    """The files that ship with the package, by the names of their models."""
    return {item.stem: item for item in models_folder().iterdir() if item.suffix == ".toml"}


# --- a file and its bases -----------------------------------------------------------------------
@dataclass(frozen=True)
class _Place:
    """A model file in sentences and on disk, and the files that it is a base of, nearest last."""

    where: str
    path: Path | None = None
    variants: tuple[_Place, ...] = ()


def _model(text: str, place: _Place) -> tuple[dict[str, Any], ModelSpec]:
    """Content of a model file, with that of its bases, and the model."""
    content, where = parsed(text, place.where), place.where
    if key := variants.stray(content):
        raise SpecError(
            f"{where}: {key} must come with extends, which names the model that the file varies."
        )
    positions: dict[tuple[str, int], int] = {}
    if "extends" in content:
        variant = _valid(VariantSpec, content, where)
        path = _base(variant.extends, place)
        base_place = _Place(path.name, path, (*place.variants, place))
        base, model = _model(text_of(path, f"base of {where}"), base_place)
        try:
            content, positions = variants.merged(variant, base, model)
        except ValueError as error:
            raise SpecError(f"{where}: {error}") from None
    return content, _valid(ModelSpec, content, where, positions)


def _base(name: str, place: _Place) -> Path:
    """The file that a variant extends."""
    known = _bundled()
    path = known.get(name)
    if Path(name).suffix == ".toml":
        path = _beside(name, place)
    if path is None:
        raise SpecError(
            f"{place.where}: extends must be a .toml file beside it or one of {sorted(known)}; "
            f"got {name!r}.{did_you_mean(name, known)}"
        )
    chain = [*place.variants, place]
    if path in [ancestor.path for ancestor in chain]:
        names = ", ".join(ancestor.where for ancestor in [*chain, _Place(path.name)])
        raise SpecError(f"{place.where}: extends must not lead back to a file; got {names}.")
    if len(chain) > _MOST_BASES:
        raise SpecError(
            f"{chain[0].where}: extends must lead through at most {_MOST_BASES} files; got more. "
            "Extend a model nearer to the first."
        )
    return path


def _beside(name: str, place: _Place) -> Path:
    """A file in the folder of a variant."""
    if place.path is None:
        raise SpecError(f"{place.where}: extends must name a bundled model; got a file, {name!r}.")
    path = place.path.parent / name
    if Path(name).name != name or path.resolve().parent != place.path.parent.resolve():
        raise SpecError(
            f"{place.where}: extends must name a file in the same folder, without a path or a "
            f"link; got {name!r}. Put the base beside the variant."
        )
    return path


# --- what is wrong ------------------------------------------------------------------------------
def _valid[R: Record](
    record: type[R],
    content: Any,
    where: str,
    positions: Mapping[tuple[str, int], int] | None = None,
) -> R:
    """Content as a record, or all that is wrong with it in one sentence.

    Entries are counted as in the file, where ``positions`` says which of them are its own.
    """
    try:
        return record.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_few(_problems(error, positions or {})))
        raise SpecError(f"{where}: {problems}{'' if problems.endswith('?') else '.'}") from None


def _problems(error: ValidationError, positions: Mapping[tuple[str, int], int]) -> list[str]:
    items: list[dict[str, Any]] = [
        {**item, "loc": _counted(item["loc"], positions)}
        for item in error.errors(include_url=False)
    ]
    lines = []
    for item in items:
        location = ".".join(excerpt(str(part)) for part in item["loc"] if part != "[key]")
        if item["type"] == "too_short" and any(_inside(other, item) for other in items):
            continue  # what is wrong inside was not counted
        if item["type"] == "extra_forbidden":
            lines.append(f"{location} is not a known key.{_hint(item['loc'])}")
        elif rule := words.rule(item):
            lines.append(f"{location} must {rule}")
        else:
            message = item["msg"].removeprefix("Value error, ").rstrip(".")
            lines.append(f"{location}: {message[:1].lower()}{message[1:]}".removeprefix(": "))
    return [line.rstrip(".") for line in lines]


def _counted(
    location: tuple[int | str, ...], positions: Mapping[tuple[str, int], int]
) -> tuple[int | str, ...]:
    """A place with the number of an entry as the file counts it."""
    kind, number = (*location, "", "")[:2]
    if isinstance(kind, str) and isinstance(number, int) and (kind, number) in positions:
        return kind, positions[kind, number], *location[2:]
    return location


def _few(problems: list[str], limit: int = 10) -> list[str]:
    """The first of many problems, and how many more there are."""
    rest = [f"and {len(problems) - limit:,} more"] if len(problems) > limit else []
    return problems[:limit] + rest


def _inside(item: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    """Whether a problem is one of a part of what another is about."""
    depth = len(outer["loc"])
    return len(item["loc"]) > depth and item["loc"][:depth] == outer["loc"]


def _hint(location: tuple[int | str, ...]) -> str:
    """The nearest key of the table in which an unknown one stands, or all keys of this table."""
    known = {key for record in _records_at(location[:-1]) for key in record.model_fields}
    known |= set(variants.KEYS) if len(location) == 1 else set()
    hint = did_you_mean(str(location[-1]), known)
    return hint or f" Its table has {', '.join(sorted(known))}"


def _records_at(location: tuple[int | str, ...]) -> list[type[Record]]:
    """Records that can stand at a place: by the keys that lead to it, and by their kind or family.

    Examples
    --------
    >>> [record.__name__ for record in _records_at(("term", 0, "covariate", "prior", "normal"))]
    ['NormalPrior']
    """
    records: list[type[Record]] = [ModelSpec]
    for part in location:
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
    """Values of ``kind`` or ``family`` by which a record is distinguished from others."""
    return [
        value
        for field in record.model_fields.values()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
    ]
