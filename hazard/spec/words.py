"""Rules of a model file in plain words, in place of those of the validator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hazard.spec.identification import SENTENCE
from hazard.spec.names import MONTH, NAME

_LONGEST = 40
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        NAME: "be a name: letters, digits, _ and -, not starting with a digit or -",
        MONTH: "be a month written YYYY-MM, such as '2005-01'",
        SENTENCE: "be a sentence that ends with a full stop",
    }
)
_RULES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "be given",
        "string_type": "be text in quotation marks",
        "int_type": "be a whole number",
        "int_parsing": "be a whole number",
        "int_from_float": "be a whole number",
        "float_type": "be a number",
        "float_parsing": "be a number",
        "finite_number": "be a finite number",
        "bool_type": "be true or false",
        "bool_parsing": "be true or false",
        "tuple_type": "be a list in square brackets",
        "list_type": "be a list in square brackets",
        "dict_type": "be a table",
        "model_type": "be a table",
        "model_attributes_type": "be a table",
        "greater_than": "be above {gt:g}",
        "greater_than_equal": "be at least {ge:g}",
        "less_than": "be below {lt:g}",
        "less_than_equal": "be at most {le:g}",
        "literal_error": "be {expected}",
        "union_tag_invalid": "have as its {tag_name} one of {expected_tags}",
        "union_tag_not_found": "say its {tag_name}",
    }
)


def rule(item: Mapping[str, Any]) -> str:
    """What must hold and what was found instead; empty where the problem has its own sentence.

    Parameters
    ----------
    item : mapping
        One problem of a ``ValidationError``, as pydantic gives it.

    Examples
    --------
    >>> rule({"type": "greater_than", "loc": ("scale",), "msg": "", "input": -1, "ctx": {"gt": 0}})
    'be above 0; got -1'
    """
    text = _rule_text(item["type"], dict(item.get("ctx", {})))
    return text and text + _got(item)


def _rule_text(kind: str, limits: dict[str, Any]) -> str:
    if "discriminator" in limits:
        limits["tag_name"] = str(limits["discriminator"]).strip("'")
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(limits["pattern"]), "")
    if kind == "string_too_short":
        return _at_least(limits["min_length"], "character")
    if kind == "too_short":
        return _at_least(limits["min_length"], "entry")
    if kind == "too_long":
        return f"have at most {_counted(limits['max_length'], 'entry')}"
    return _RULES.get(kind, "").format(**limits)


def _at_least(number: int, unit: str) -> str:
    return "not be empty" if number == 1 else f"have at least {_counted(number, unit)}"


def _counted(number: int, unit: str) -> str:
    plural = {"character": "characters", "entry": "entries"}[unit]
    return f"{number} {unit if number == 1 else plural}"


def _got(item: Mapping[str, Any]) -> str:
    """What stands there, if it is short; how many entries it has, if their number is wrong."""
    value = item["input"]
    if item["type"] in ("too_short", "too_long"):
        number = item["ctx"]["actual_length"]
        return f"; got {number}" if number else ""
    if item["type"] == "union_tag_invalid":
        return f"; got {item['ctx']['tag']!r}"
    if isinstance(value, bool):
        return f"; got {str(value).lower()}"
    short = isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**_LONGEST)
    short |= isinstance(value, str) and value != ""
    return f"; got {value!r}" if short and len(repr(value)) <= _LONGEST else ""
