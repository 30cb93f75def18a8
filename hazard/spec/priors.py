"""Prior families: frozen records with a scale, and a reason for it.

Every prior is one of the coefficients of a term, for each exit, on the scale of the linear
predictor. What the families mean for the model is in :mod:`hazard.model.priors`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MOST_PERIODS = 4_000
"""Months, or other units of time, that anything in a model file may last: ten years of days."""
MOST_LAG = 600
"""Months, or other units of time, that an event may lie back: fifty years of months."""


class Record(BaseModel):
    """A frozen record without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=10_000
    )


def _number(value: Any) -> Any:
    """A value as it is; TOML has true and false, and text, which are no numbers."""
    if isinstance(value, bool | str):
        raise ValueError(f"must be a number; got {'text' if isinstance(value, str) else 'truth'}")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("must be a whole number below 2 to the power of 63; got a larger one")
    return value


Whole = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number), Field(ge=-1e9, le=1e9)]
Positive = Annotated[float, BeforeValidator(_number), Field(ge=1e-9, le=1e9)]
Scale = Annotated[float, BeforeValidator(_number), Field(ge=1e-9, le=1e6)]
"""Standard deviation on the scale of the linear predictor."""
Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
Seed = Annotated[Whole, Field(ge=0, lt=2**63)]
Period = Annotated[Whole, Field(ge=1, le=MOST_PERIODS)]
"""A month, or another unit of time, from 1; or a number of them."""
Periods = Annotated[Whole, Field(ge=0, le=MOST_PERIODS)]
Events = Annotated[Whole, Field(ge=1, le=1_000)]
Lag = Annotated[Whole, Field(ge=-MOST_LAG, le=MOST_LAG)]


class NormalPrior(Record):
    """Independent normal coefficients with a fixed standard deviation."""

    family: Literal["normal"]
    scale: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal(0, {self.scale:g})"


class PooledPrior(Record):
    """Independent normal coefficients; their sd is learned, half-normal with this scale."""

    family: Literal["pooled"]
    scale: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal(0, sigma), sigma ~ HalfNormal({self.scale:g})"


class CorrelatedPrior(Record):
    """As ``pooled``, and the effects of a level are correlated between exits.

    The correlations are learned; a ``concentration`` above 1 prefers small ones.
    """

    family: Literal["correlated"]
    scale: Scale
    concentration: Annotated[Positive, Field(ge=1e-3, le=1e6)] = 2.0
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        spread = f"D ~ HalfNormal({self.scale:g}), R ~ LKJ({self.concentration:g})"
        return f"Normal(0, D R D), {spread}"


class RandomWalkPrior(Record):
    """Neighbouring coefficients differ by normal steps; ``start`` is the sd of the first.

    With ``order = 2`` the steps themselves walk: the curve tends to go on as it went.
    """

    family: Literal["random_walk"]
    scale: Scale
    start: Scale
    order: Annotated[Literal[1, 2], BeforeValidator(_number)] = 1
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        step = "each step" if self.order == 1 else "each change of the step"
        return f"first ~ Normal(0, {self.start:g}), {step} ~ Normal(0, {self.scale:g})"


class LearnedWalkPrior(Record):
    """Random walk that starts from the reference level; the sd of its steps is learned.

    The sd is half-normal with this scale.
    """

    family: Literal["learned_walk"]
    scale: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"each step ~ Normal(0, sigma), sigma ~ HalfNormal({self.scale:g})"


class DecayPrior(Record):
    """Independent normal coefficients whose sd halves every ``half_life`` lags."""

    family: Literal["decay"]
    scale: Scale
    half_life: Annotated[Positive, Field(ge=1e-3, le=MOST_PERIODS)]
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag l ~ Normal(0, {self.scale:g} * 2^(-|l| / {self.half_life:g}))"


class HumpPrior(Record):
    """Delayed effect: sds follow a gamma kernel that is largest at lag ``peak``.

    ``shape`` says how narrow the kernel is, ``correlation`` how much neighbouring lags agree.
    """

    family: Literal["hump"]
    scale: Scale
    peak: Annotated[Positive, Field(ge=1e-3, le=MOST_PERIODS)]
    shape: Annotated[Positive, Field(ge=1e-3, le=1e3)] = 2.0
    correlation: Annotated[Share, Field(lt=1)] = 0.8
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        kernel = f"k(l) gamma-shaped ({self.shape:g}), largest at {self.peak:g}"
        correlation = f"correlations {self.correlation:g}^distance"
        return f"lag l ~ Normal(0, {self.scale:g} k(l)), {kernel}, {correlation}"


class PolynomialPrior(Record):
    """Coefficients on a polynomial of the lag (Almon); ``scale`` is their sd on average."""

    family: Literal["polynomial"]
    scale: Scale
    degree: Annotated[Whole, Field(ge=0, le=10)] = 2
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"polynomial of degree {self.degree} in the lag, sd {self.scale:g} on average"


class SpikePrior(Record):
    """All in the month of the event: sd ``scale`` at lag 0, ``rest`` at every other lag."""

    family: Literal["spike"]
    scale: Scale
    rest: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag 0 ~ Normal(0, {self.scale:g}), others ~ Normal(0, {self.rest:g})"


class HorseshoePrior(Record):
    """Most coefficients near zero, a few free: regularised horseshoe.

    ``scale`` is the scale of the common half-Cauchy sd, ``slab`` the sd of a coefficient set free.
    """

    family: Literal["horseshoe"]
    scale: Scale
    slab: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"horseshoe, tau ~ HalfCauchy({self.scale:g}), slab {self.slab:g}"


class MonotonePrior(Record):
    """Largest in the month of the event and never growing with the lag, of either sign.

    Lag 0 has a normal coefficient with sd ``scale``; each lag loses a share of it, and all ways to
    share it out are as likely.
    """

    family: Literal["monotone"]
    scale: Scale
    reason: str = Field(min_length=10)

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag 0 ~ Normal(0, {self.scale:g}), falling, shares ~ Dirichlet(1)"


Prior = Annotated[
    NormalPrior
    | PooledPrior
    | CorrelatedPrior
    | RandomWalkPrior
    | LearnedWalkPrior
    | DecayPrior
    | HumpPrior
    | PolynomialPrior
    | SpikePrior
    | HorseshoePrior
    | MonotonePrior,
    Field(discriminator="family"),
]


class InterceptPrior(Record):
    """Normal prior of the linear predictor at the reference level of every term."""

    mean: Annotated[Real, Field(ge=-50, le=50)] = -4.0
    scale: Scale = 2.5
    reason: str = Field(
        "probabilities per period between 0.01 and 70 percent lie within two standard deviations",
        min_length=10,
    )

    @model_validator(mode="after")
    def _own_reason(self) -> InterceptPrior:
        if self.model_fields_set & {"mean", "scale"} and "reason" not in self.model_fields_set:
            raise ValueError("another mean or scale must come with its own reason")
        return self

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal({self.mean:g}, {self.scale:g})"
