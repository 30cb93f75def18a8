"""How to read a ready table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from hazard.months import Written
from hazard.spec.names import Label, Month, Name
from hazard.spec.records import Period, Positive, Real, Record, Whole

Code = Annotated[
    Annotated[Label, Tag("text")] | Annotated[Whole, Tag("number")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "number"),
]


class EndpointSpec(Record):
    """One way out of a table with one row per person: left at ``time`` if ``event`` is ``code``."""

    name: Name
    time: Name
    event: Name
    code: Code = 1


Exit = Annotated[
    Annotated[str, Tag("column")]
    | Annotated[tuple[EndpointSpec, ...], Field(max_length=20), Tag("endpoints")],
    Discriminator(lambda value: "column" if isinstance(value, str) else "endpoints"),
]


class TableSpec(Record):
    """How to read a ready table.

    ``layout = "rows"``: one row per person and month at risk, with an ``exit`` column.
    ``layout = "spells"``: one row per person; the first of the ``exit`` endpoints ends the spell,
    in the stated order when two fall in one month, and the latest ``time`` is the end of follow-up.
    Every code must occur in its ``event`` column. The month of a ``time`` is
    (time - ``origin``) x ``time_scale``. Without ``time_scale`` it must be a whole number; with it
    (12.0 for years, 1.0 for months) it is rounded up: a time of 6.4 months lies in month 7.
    ``entry`` is the time, by the same clock, at which a person was first seen: whoever was first
    seen after 6.4 months has month 8 as the first row, the first month at risk as a whole. In
    layout "rows" it is the number of months that had passed before the first row.

    ``calendar`` is the calendar month in which the row lies, or the first row of a spell, counted
    from January 1970, whatever the ``unit``; spells of days, weeks or fortnights have none. A group
    by ``year``, ``quarter``, ``calendar_month`` or ``season`` and a calendar term are made from it,
    whatever other columns the table has. It goes on as the months do.
    ``wide`` maps a new column to the stem of numbered ones (``emp`` for ``emp1``, ``emp2``, ...).
    ``incomplete = "drop"`` leaves out persons with a missing value, and counts them.
    ``confidential = true`` is for people whom nobody may find in a result: levels of fewer than ten
    persons are put together, and nothing is told of fewer. So it is of registers, and of a panel
    that was made of them, where nothing is said; ``false`` is for data that are public. A run on
    another table of which nothing is said counts such levels in a note.
    ``source`` names a bundled example that is used when no file is given.

    With ``start`` (spells only) every ``time`` is a date, written as ``dates`` says, or empty while
    the spell goes on. A row is then ``unit_months`` calendar months, counted from the month of
    ``start``, and lies in the window (its first and last month included) as a whole. Who started
    before ``window_start`` enters late; who stayed beyond ``window_end`` is censored.
    ``again = "separate"`` takes each spell of a person as a person, if they do not overlap.
    """

    layout: Literal["rows", "spells"] = "rows"
    person: Name = "person"
    month: Name = "month"
    exit: Exit = "exit"
    entry: Name | None = None
    calendar: Name | None = "calendar"
    unit: Label = "month"
    origin: Real = 0.0
    time_scale: Positive | None = None
    wide: dict[Name, Label] = Field(default_factory=dict)
    incomplete: Literal["error", "drop"] = "error"
    confidential: bool | None = None
    start: Name | None = None
    dates: Written = "yyyy-mm-dd"
    unit_months: Annotated[Period, Field(le=1_200)] = 1
    window_start: Month | None = None
    window_end: Month | None = None
    again: Literal["refuse", "separate"] = "refuse"
    source: Literal["lifelines.rossi", "lifelines.canadian_senators"] | None = None

    @property
    def ids(self) -> frozenset[str]:
        """Columns that tell who a person is, in the table and in every panel."""
        return frozenset({"person", self.person})

    @property
    def outcome_columns(self) -> frozenset[str]:
        """Columns that tell how a person left, or when, in the table and in every panel."""
        if isinstance(self.exit, str):
            return frozenset({"exit", self.exit})
        return frozenset({"exit", *(end.time for end in self.exit), *(e.event for e in self.exit)})

    @model_validator(mode="after")
    def _one_layout(self) -> TableSpec:
        if (self.layout == "rows") != isinstance(self.exit, str):
            raise ValueError("exit must name a column for layout 'rows', endpoints for 'spells'")
        if self.layout == "rows" and (self.wide or self.origin or self.time_scale):
            raise ValueError("wide, origin and time_scale need layout 'spells'")
        return self

    @model_validator(mode="after")
    def _dated(self) -> TableSpec:
        if self.start is None:
            known = type(self).model_fields
            date_keys = ("dates", "unit_months", "window_start", "window_end", "again")
            if misplaced := [
                name for name in date_keys if getattr(self, name) != known[name].default
            ]:
                raise ValueError(f"{', '.join(misplaced)} must come with the date column start")
            return self
        if self.layout == "rows" or self.entry or self.origin or self.time_scale:
            raise ValueError("start needs layout 'spells', without entry, origin and time_scale")
        if self.window_start and self.window_end and self.window_start > self.window_end:
            raise ValueError("window_start must not be after window_end")
        if self.unit_months != 1 and self.unit == "month":
            raise ValueError("unit must name what unit_months months are, such as 'year' for 12")
        return self
