"""How the baselines are fitted beside the hazard model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hazard.spec.names import Name
from hazard.spec.records import Record


class BaselinesSpec(Record):
    """Errors of the linear probability model and of the multinomial logit.

    ``clusters`` names one or two columns of the panel, such as ["centre"], ["person"] or ["centre",
    "nationality"]: rows of a group may be related, and the errors are those of leaving out one
    group after another (:mod:`hazard.baselines.jackknife`). Without it the errors are those of
    independent rows, as published: HC1 for the linear probability model, from the information for
    the logit.
    """

    clusters: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2)] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> BaselinesSpec:
        if self.clusters is not None and len(set(self.clusters)) < len(self.clusters):
            raise ValueError("clusters must name different columns")
        return self
