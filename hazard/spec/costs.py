"""What a month at risk and the ways out cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hazard.prior_families import Positive, Record
from hazard.spec.names import Name


class Cost(Record):
    """One cost: how much, in prices of which year, and who says so."""

    value: Positive
    year: Annotated[int, Field(ge=1900, le=2200)]
    source: str = Field(min_length=10)


class CostsSpec(Record):
    """Costs of a month at risk, of ways out and of the event itself; all may be edited.

    ``month`` is the cost of one month at risk (of a place in a reception centre), ``exits`` that of
    leaving through an exit; an exit that is not named costs nothing. ``event`` is that of the event
    that arms differ in; it is told by itself. ``persons`` multiplies ``month`` and ``exits`` where
    they are per person and a row of the panel is a family of so many. Values are taken as they
    are: years are not converted into one another.

    Examples
    --------
    >>> place = {"value": 1000, "year": 2020, "source": "an example only"}
    >>> CostsSpec(month=place).years
    (2020,)
    """

    currency: str = Field("NOK", min_length=1)
    persons: Positive = 1.0
    month: Cost | None = None
    exits: dict[Name, Cost] = Field(default_factory=dict)
    event: Cost | None = None

    @property
    def every(self) -> tuple[Cost, ...]:
        """All costs that are there."""
        single = [each for each in (self.month, self.event) if each is not None]
        return (*single, *self.exits.values())

    @property
    def years(self) -> tuple[int, ...]:
        """Years of the prices, ascending."""
        return tuple(sorted({each.year for each in self.every}))
