"""Names of columns, their levels and months, as a model file writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag


def _printable(text: str) -> str:
    """A text as it is, of which every character can be shown."""
    if not text.isprintable():
        raise ValueError("must hold characters that can be shown; got others, such as an escape")
    return text


NAME = r"^[^\W\d][\w\-]*$"
MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME)]
Label = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Month = Annotated[str, Field(pattern=MONTH)]  # in order as text

Names = Annotated[
    Annotated[Name, Tag("column")]
    | Annotated[tuple[Name, ...], Field(min_length=1, max_length=10), Tag("columns")],
    Discriminator(lambda value: "column" if isinstance(value, str) else "columns"),
]
Levels = Annotated[
    Annotated[Label, Tag("level")]
    | Annotated[tuple[Label, ...], Field(min_length=1, max_length=1_000), Tag("levels")],
    Discriminator(lambda value: "levels" if isinstance(value, list | tuple) else "level"),
]
_VARIABLES = ("beta", "u", "v", "x", "z", "sigma", "scale", "width", "partial", "correlation")
_DIMENSIONS = ("level", "coordinate", "normal")
PERIODS = ("year", "quarter", "calendar_month", "season")  # made from the column ``calendar``


def clash(names: Sequence[str]) -> tuple[str, str, str] | None:
    """Two names of terms that would give one name in a posterior, and that name; or nothing.

    Examples
    --------
    >>> clash(["level", "beta"]), clash(["level", "sex"])
    (('level', 'beta', 'beta_level'), None)
    """
    term_of: dict[str, str] = {}
    for name in names:
        variables = [f"{kind}_{name}" for kind in _VARIABLES] + [
            f"{name}_{kind}" for kind in _DIMENSIONS
        ]
        for variable in variables:
            if term_of.setdefault(variable, name) != name:
                return term_of[variable], name, variable
    return None
