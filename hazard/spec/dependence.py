"""Which rows may depend on each other beyond what the terms say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hazard.spec.names import Name
from hazard.spec.records import Periods, Record


class DependenceSpec(Record):
    """Rows that may depend on each other for reasons that no term holds.

    ``groups`` names one or two columns of the panel: rows of a group may depend in the same period
    of the calendar, and in periods at most ``periods`` apart, the less the farther. Without it
    intervals are those of independent rows. With it the draws of every lag curve whose prior is
    normal have the spread that the scores of the rows show, in no direction less than before, and
    all other coefficients follow them by regression (:mod:`hazard.inference.sandwich`).
    """

    groups: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2)]
    periods: Periods = 0

    @model_validator(mode="after")
    def _distinct(self) -> DependenceSpec:
        if len(set(self.groups)) < len(self.groups):
            raise ValueError("groups of dependence must name different columns")
        return self
