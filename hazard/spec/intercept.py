"""The prior of the intercept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hazard.spec.claims import Between
from hazard.spec.records import Real, Record, Scale


class InterceptPrior(Record):
    """Normal prior of the linear predictor at the reference level of every term.

    ``between`` is what its reason says, in numbers: checked when a model is read.
    """

    mean: Annotated[Real, Field(ge=-50, le=50)] = -4.0
    scale: Scale = 2.5
    reason: str = Field(
        "probabilities per period between 0.01 and 70 percent lie within two standard deviations",
        min_length=10,
    )
    between: Between | None = None

    @model_validator(mode="after")
    def _own_reason(self) -> InterceptPrior:
        if self.model_fields_set & {"mean", "scale"} and "reason" not in self.model_fields_set:
            raise ValueError("another mean or scale must come with its own reason")
        return self

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal({self.mean:g}, {self.scale:g})"
