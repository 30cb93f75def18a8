"""What the records of a model file share: no unknown key, and numbers within bounds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_PERIODS = 4_000
"""Months, or other units of time, that anything in a model file may last: ten years of days."""
MOST_LAG = 600
"""Months, or other units of time, that an event may lie back: fifty years of months."""


class Record(BaseModel):
    """A frozen record without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=10_000
    )


def number(value: Any) -> Any:
    """A value as it is; TOML has true and false, and text, which are no numbers."""
    if isinstance(value, bool | str):
        raise ValueError(f"must be a number; got {'text' if isinstance(value, str) else 'truth'}")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("must be a whole number below 2 to the power of 63; got a larger one")
    return value


Whole = Annotated[int, BeforeValidator(number)]
Real = Annotated[float, BeforeValidator(number), Field(ge=-1e9, le=1e9)]
Positive = Annotated[float, BeforeValidator(number), Field(ge=1e-9, le=1e9)]
Scale = Annotated[float, BeforeValidator(number), Field(ge=1e-9, le=1e6)]
"""Standard deviation on the scale of the linear predictor."""
Share = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]
Seed = Annotated[Whole, Field(ge=0, lt=2**63)]
Period = Annotated[Whole, Field(ge=1, le=MOST_PERIODS)]
"""A month, or another unit of time, from 1; or a number of them."""
Periods = Annotated[Whole, Field(ge=0, le=MOST_PERIODS)]
Events = Annotated[Whole, Field(ge=1, le=1_000)]
Lag = Annotated[Whole, Field(ge=-MOST_LAG, le=MOST_LAG)]
Reason = Annotated[str, Field(min_length=10)]
"""Of a prior: why this scale."""
