"""What a month at risk and the ways out cost, of how many persons, in prices of which year."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from hazard.spec.names import Name
from hazard.spec.records import Positive, Record, Whole

Year = Annotated[int, Field(ge=1900, le=2200)]
Persons = Annotated[
    Annotated[Positive, Tag("number")] | Annotated[Name, Tag("column")],
    Discriminator(lambda value: "column" if isinstance(value, str) else "number"),
]


class Cost(Record):
    """One cost: how much, in prices of which year, and who says so."""

    value: Annotated[Positive, Field(le=1e9)]
    year: Annotated[Whole, Field(ge=1900, le=2200)]
    source: str = Field(min_length=10)


class CostsSpec(Record):
    """Costs of a month at risk, of ways out and of the event itself; all may be edited.

    ``month`` is the cost of one month at risk (of a place in a reception centre), ``exits`` that of
    leaving through an exit; an exit that is not named costs nothing. ``event`` is that of the event
    that arms differ in; it is reported by itself.

    ``persons`` says for how many persons a row of the panel stands, where ``month`` and ``exits``
    are per person: a number, the same for all rows, or a column of the panel with the number of
    each, such as ``family_size``. With a column large families weigh as they should also where they
    react otherwise than small ones; with a number, their mean size, they do not.

    ``prices_of`` is the year in whose prices costs are reported. Values of other years are
    converted by ``index``, a price index by year, for which ``index_source`` says who counts it.
    Without ``prices_of`` values are taken as they are.

    Examples
    --------
    Prices rose by a quarter from 2010 to 2020.

    >>> costs = CostsSpec(month={"value": 1000, "year": 2010, "source": "an example only"},
    ...                   prices_of=2020, index={2010: 80, 2020: 100},
    ...                   index_source="an example only")
    >>> costs.price(costs.month), costs.years, costs.price_years
    (1250.0, (2010,), (2020,))
    """

    currency: str = Field("NOK", min_length=1)
    persons: Persons = 1.0
    month: Cost | None = None
    exits: dict[Name, Cost] = Field(default_factory=dict, max_length=20)
    event: Cost | None = None
    prices_of: Year | None = None
    index: dict[Year, Positive] = Field(default_factory=dict, max_length=400)
    index_source: Annotated[str, Field(min_length=10)] | None = None

    @model_validator(mode="after")
    def _convertible(self) -> CostsSpec:
        if self.prices_of is None:
            if self.index or self.index_source is not None:
                raise ValueError(
                    "index and index_source must come with prices_of, the year in whose prices "
                    "costs are reported; got none. Add it, or leave the index out"
                )
            return self
        if self.index_source is None:
            raise ValueError(
                f"index_source must say who counts the index behind prices_of = {self.prices_of}; "
                "got none. Add it, or leave prices_of out"
            )
        if missing := sorted({*self.years, self.prices_of} - set(self.index)):
            raise ValueError(
                f"index must have prices_of and the year of every cost; got none of {missing}. "
                "Add them, or leave prices_of out"
            )
        return self

    @property
    def all_costs(self) -> tuple[Cost, ...]:
        """All costs that are there."""
        single = [cost for cost in (self.month, self.event) if cost is not None]
        return (*single, *self.exits.values())

    @property
    def years(self) -> tuple[int, ...]:
        """Years of the prices as stated, ascending."""
        return tuple(sorted({cost.year for cost in self.all_costs}))

    @property
    def price_years(self) -> tuple[int, ...]:
        """Years of the prices in which costs are reported: one where they are converted."""
        return self.years if self.prices_of is None else (self.prices_of,)

    def price(self, cost: Cost) -> float:
        """Value of a cost in the prices in which costs are reported.

        Notes
        -----
        value x index(prices_of) / index(year of the cost).
        """
        if self.prices_of is None:
            return cost.value
        return cost.value * (self.index[self.prices_of] / self.index[cost.year])
