"""By what right a difference is called an effect."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hazard.spec.records import Record

NO_STRATEGY = "none"
SENTENCE = r"^\S[\s\S]*[.!?]$"
Sentence = Annotated[str, Field(min_length=15, pattern=SENTENCE)]


class IdentificationSpec(Record):
    """How effects are identified, and what must hold for it.

    ``strategy`` says in words why those with and without an event are alike in all else, such as
    "no confounding given the terms of the model". With ``none``, the default, all results are
    worded as associations. ``assumptions`` are sentences, printed beside the results.

    Examples
    --------
    >>> IdentificationSpec().declared
    False
    """

    strategy: str = Field(NO_STRATEGY, min_length=4)
    assumptions: tuple[Sentence, ...] = ()

    @model_validator(mode="after")
    def _stated(self) -> IdentificationSpec:
        if self.declared and not self.assumptions:
            raise ValueError("strategy must come with its assumptions, each a sentence")
        if self.assumptions and not self.declared:
            raise ValueError("assumptions must come with a strategy other than 'none'")
        return self

    @property
    def declared(self) -> bool:
        """Whether results may be worded as effects."""
        return self.strategy != NO_STRATEGY
