"""Definitions that turn the registers into a panel, and the ways out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hazard.spec.intercept import InterceptPrior
from hazard.spec.links import LinkName
from hazard.spec.names import Label, Name
from hazard.spec.records import Period, Record, Seed


class DataSpec(Record):
    """Definitions that turn the registers into a panel; the defaults are the published ones.

    ``disappearance_days`` takes the place of ``disappearance_months``; 3 is the operational rule.
    ``at_risk_from = "arrival"`` also counts the time in a centre before the final rejection.
    ``privacy_filter = "apply"`` is for registers that were delivered before the filter.
    """

    forced_return: Literal["broad", "strict"] = "broad"
    assisted: Literal["completed", "any"] = "completed"
    assisted_date: Literal["application", "completion"] = "application"
    disappearance_months: Period = 12
    disappearance_days: Period | None = None
    unknown_tail: Literal["as_published", "drop"] = "as_published"
    exit_order: Annotated[tuple[Label, ...], Field(max_length=20)] = (
        "forced",
        "assisted",
        "disappeared",
    )
    exits: tuple[Literal["assisted", "disappeared", "forced"], ...] = (
        "assisted",
        "disappeared",
        "forced",
    )
    at_risk_from: Literal["rejection", "arrival"] = "rejection"
    stateless: Literal["exclude", "keep"] = "exclude"
    privacy_filter: Literal["as_delivered", "apply"] = "as_delivered"
    history_centre: Literal["current", "then"] = "current"
    representative_seed: Seed = 0

    @model_validator(mode="after")
    def _one_absence(self) -> DataSpec:
        default = type(self).model_fields["disappearance_months"].default
        if self.disappearance_days is not None and self.disappearance_months != default:
            raise ValueError("disappearance must be stated in months or in days, not in both")
        return self


class OutcomeSpec(Record):
    """Ways out, in the order that is frozen into every result, and the link."""

    exits: tuple[Name, ...] = Field(min_length=1, max_length=20)
    link: LinkName = "softmax"
    intercept: InterceptPrior = InterceptPrior()

    @model_validator(mode="after")
    def _distinct(self) -> OutcomeSpec:
        if len(set(self.exits)) != len(self.exits) or "stay" in self.exits:
            raise ValueError("exits must be distinct, and 'stay' is implied")
        return self
