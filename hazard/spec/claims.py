"""What a prior claims in numbers: a ratio beyond which effects are implausible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from hazard.spec.records import Positive, Record, Share, number

Ratio = Annotated[float, BeforeValidator(number), Field(gt=1, le=1e12)]


class Claim(Record):
    """A ratio of odds or of hazards, in either direction, and the most probability beyond it.

    ``of`` says of what: ``each`` coefficient, the ``step`` from one to the next (of a baseline or
    of calendar time also from the reference to the first), or the ``sum`` over the lags from 0 on,
    as in the estimand of that name. ``per`` is the number of units of a numeric column that the
    ratio is for, such as ten years of age.

    Examples
    --------
    A coefficient beyond log(2.7) = 0.99 has a probability of 5 percent at most.

    >>> claim = Claim(odds_ratio=2.7, probability=0.05)
    >>> round(claim.size, 2), claim.text
    (0.99, 'an odds ratio beyond 2.7 has probability 0.05 at most')
    """

    of: Literal["each", "step", "sum"] = "each"
    odds_ratio: Ratio | None = None
    hazard_ratio: Ratio | None = None
    per: Positive = 1.0
    probability: Annotated[Share, Field(gt=0, le=0.5)]

    @model_validator(mode="after")
    def _one_ratio(self) -> Claim:
        if (self.odds_ratio is None) == (self.hazard_ratio is None):
            raise ValueError("implausible must have one of odds_ratio and hazard_ratio")
        return self

    @property
    def scale(self) -> Literal["odds", "hazard"]:
        """Of what it is a ratio."""
        return "hazard" if self.odds_ratio is None else "odds"

    @property
    def ratio(self) -> float:
        """The ratio, above 1."""
        return float(self.odds_ratio or self.hazard_ratio or 0.0)

    @property
    def size(self) -> float:
        """The ratio as a size of the coefficient, log(ratio) / per."""
        return math.log(self.ratio) / self.per

    @property
    def text(self) -> str:
        """The claim in words."""
        whole = {"each": "", "step": "between neighbours ", "sum": "summed over the lags "}[self.of]
        units = "" if self.per == 1 else f"per {self.per:g} units "
        ratio = {"odds": "an odds ratio", "hazard": "a hazard ratio"}[self.scale]
        return (
            f"{ratio} {whole}{units}beyond {self.ratio:g} has probability {self.probability:g} "
            "at most"
        )


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, Mapping | Claim) else value


Claims = Annotated[tuple[Claim, ...], BeforeValidator(_several), Field(max_length=10)]
"""One claim or several, in a model file a table or a list of tables."""


class Between(Record):
    """Probabilities of a period between which a prior lies with a probability.

    Examples
    --------
    >>> Between(lower=0.001, upper=0.1, probability=0.95).upper
    0.1
    """

    lower: Annotated[Share, Field(gt=0, lt=1)]
    upper: Annotated[Share, Field(gt=0, lt=1)]
    probability: Annotated[Share, Field(ge=0.5, lt=1)]

    @model_validator(mode="after")
    def _ordered(self) -> Between:
        if self.lower >= self.upper:
            raise ValueError("between must have a lower end below the upper one")
        return self
