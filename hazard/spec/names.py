"""Names of columns, their levels and months, as a model file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

Name = Annotated[str, Field(min_length=1, pattern=r"^[^\W\d][\w\-]*$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]  # in order as text

Names = Annotated[
    Annotated[Name, Tag("column")]
    | Annotated[tuple[Name, ...], Field(min_length=1), Tag("columns")],
    Discriminator(lambda value: "column" if isinstance(value, str) else "columns"),
]
Levels = Annotated[
    Annotated[str, Tag("level")] | Annotated[tuple[str, ...], Field(min_length=1), Tag("levels")],
    Discriminator(lambda value: "levels" if isinstance(value, list | tuple) else "level"),
]
PERIODS = ("year", "quarter", "calendar_month", "season")  # made from the column ``calendar``
