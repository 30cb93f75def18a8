"""A model file that varies another: it names its base, and says only what is different.

``extends`` names the base. The file is read as its base with these changes, and the outcome is a
model like any other, which does not tell how it was written:

* ``name`` and ``question`` are not taken from the base.
* Any other key of the file replaces that of the base. Of a table, such as ``[data]``, each key
  replaces that of the base by itself, and the keys that it does not have stay. A value of such a
  key is replaced as a whole, an inline table too: a prior keeps its reason.
* ``without_terms`` and ``without_estimands`` leave entries of the base out, by their names.
* A ``[[term]]`` or ``[[estimand]]`` with ``changes`` has the keys of the entry of that name, and in
  their place those that it says itself.
* Without ``changes`` it is a whole entry. One with the name of an entry of the base takes its
  place. Any other is new, and stands behind the entry named in ``after``, or at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from hazard.errors import did_you_mean
from hazard.spec.estimands import Estimand
from hazard.spec.model import ModelSpec
from hazard.spec.names import Label
from hazard.spec.records import Record
from hazard.spec.terms import Term

_OF_THE_FILE = ("name", "question")
_WITHOUT = {"term": "without_terms", "estimand": "without_estimands"}
_TERM: TypeAdapter[Any] = TypeAdapter(Term)
_ESTIMAND: TypeAdapter[Any] = TypeAdapter(Estimand)


class EntrySpec(Record):
    """A term or an estimand of a variant: what it changes or follows, and keys of its own."""

    model_config = ConfigDict(extra="allow")

    changes: Label | None = None
    after: Label | None = None


class VariantSpec(Record):
    """A variant: its base, what it leaves out, its entries, and keys of its own."""

    model_config = ConfigDict(extra="allow")

    extends: Label
    without_terms: Annotated[tuple[Label, ...], Field(max_length=200)] = ()
    without_estimands: Annotated[tuple[Label, ...], Field(max_length=100)] = ()
    term: Annotated[tuple[EntrySpec, ...], Field(max_length=200)] = ()
    estimand: Annotated[tuple[EntrySpec, ...], Field(max_length=100)] = ()


KEYS = tuple(key for key in VariantSpec.model_fields if key not in _WITHOUT)
"""Keys of a variant that a model does not have."""


class Merged(NamedTuple):
    """Content of a model, and where the entries of the variant lie in it.

    Attributes
    ----------
    content : dict
    positions : dict of (str, int) to int
        By ``term`` or ``estimand`` and the place in the content, the place in the variant.
    """

    content: dict[str, Any]
    positions: dict[tuple[str, int], int]


def stray(content: Mapping[str, Any]) -> str | None:
    """A key of variants in a file that names no base, or nothing.

    Examples
    --------
    >>> stray({"term": [{"changes": "sex"}]}), stray({"extends": "rossi", "without_terms": []})
    ('changes', None)
    """
    if "extends" in content:
        return None
    tables: list[Mapping[str, Any]] = [content]
    for kind in _WITHOUT:
        entries = content.get(kind)
        tables += filter(_is_table, entries if isinstance(entries, list) else [])
    known = (*KEYS, *EntrySpec.model_fields)
    return next((key for table in tables for key in table if key in known), None)


def merged(variant: VariantSpec, base: Mapping[str, Any], model: ModelSpec) -> Merged:
    """Content of the model that a variant and its base make.

    Parameters
    ----------
    variant : VariantSpec
    base : mapping
        Content of the base, itself without ``extends``.
    model : ModelSpec
        The base as a model.

    Raises
    ------
    ValueError
        If an entry names another that is not there, or one that is changed already.

    Examples
    --------
    >>> base = {"name": "all", "question": "Does anybody leave?", "outcome": {"exits": ["left"]}}
    >>> model = ModelSpec.model_validate(base)
    >>> changes = {"name": "log", "question": "And by hazards?", "outcome": {"link": "cloglog"}}
    >>> merged(VariantSpec(extends="all.toml", **changes), base, model).content["outcome"]
    {'exits': ['left'], 'link': 'cloglog'}
    """
    content = {key: value for key, value in base.items() if key not in _OF_THE_FILE}
    for key, value in (variant.model_extra or {}).items():
        tables = _is_table(content.get(key)) and _is_table(value)
        content[key] = {**content[key], **value} if tables else value
    names = {"term": [t.name for t in model.term], "estimand": [e.label for e in model.estimand]}
    positions: dict[tuple[str, int], int] = {}
    for kind, known in names.items():
        entries = _entries(kind, variant, list(map(_Entry, known, base.get(kind, []))))
        content[kind] = [entry.content for entry in entries]
        places = [(k, entry.place) for k, entry in enumerate(entries)]
        positions |= {(kind, k): place for k, place in places if place is not None}
    return Merged(content, positions)


class _Entry(NamedTuple):
    """An entry of the model; ``place`` is that in the variant, or nothing if the base says it."""

    name: str
    content: dict[str, Any]
    place: int | None = None


def _entries(kind: str, variant: VariantSpec, base: Sequence[_Entry]) -> list[_Entry]:
    """Entries of a kind, of the base and of the variant, in order."""
    without = getattr(variant, _WITHOUT[kind])
    for name in without:
        _place(name, base, _WITHOUT[kind])
    entries = [entry for entry in base if entry.name not in without]
    for place, entry_spec in enumerate(getattr(variant, kind)):
        entries = _with(entries, entry_spec, kind, place)
    return entries


def _with(entries: Sequence[_Entry], entry_spec: EntrySpec, kind: str, place: int) -> list[_Entry]:
    """Entries with one more of the variant: changed, in place of another, or new."""
    content, where = dict(entry_spec.model_extra or {}), f"{kind}.{place}"
    base = [entry if entry.place is None else None for entry in entries]
    if entry_spec.changes is not None:
        position = _place(entry_spec.changes, base, f"{where}.changes")
        content = {**entries[position].content, **content}
    elif (name := _name(kind, content)) in (entry.name for entry in base if entry):
        position = _place(name, base, where)
    else:
        last = len(entries) - 1
        position = (
            last
            if entry_spec.after is None
            else _place(entry_spec.after, entries, f"{where}.after")
        )
        return [*entries[: position + 1], _Entry(name, content, place), *entries[position + 1 :]]
    if entry_spec.after is not None:
        raise ValueError(
            f"{where}.after must come with a new entry; got one in place of "
            f"{entries[position].name!r}. Leave after out."
        )
    return [
        *entries[:position],
        _Entry(_name(kind, content), content, place),
        *entries[position + 1 :],
    ]


def _place(name: str, entries: Sequence[_Entry | None], where: str) -> int:
    """Place of the entry with a name; an entry that does not count is left empty."""
    known = ["" if entry is None else entry.name for entry in entries]
    if name in known:
        return known.index(name)
    names = [entry_name for entry_name in known if entry_name]
    raise ValueError(f"{where} must be one of {names}; got {name!r}.{did_you_mean(name, names)}")


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _name(kind: str, content: Mapping[str, Any]) -> str:
    """Name of an entry, as the model derives it; empty of one that breaks a rule."""
    try:
        if kind == "term":
            return str(_TERM.validate_python(content).name)
        return str(_ESTIMAND.validate_python(content).label)
    except ValidationError:
        return ""
