"""Normal coefficients that fade with the lag."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import MOST_PERIODS, Positive, Reason, Scale, Share


class DecayPrior(NormalFamily):
    """Normal coefficients whose sd halves every ``half_life`` lags.

    Coefficients g lags apart have the correlation ``correlation`` to the power of g; without it
    they are independent.

    Examples
    --------
    >>> decay = DecayPrior(family="decay", scale=4.0, half_life=1.0, reason="an example")
    >>> np.sqrt(decay.moments(np.array([-1.0, 0.0, 1.0, 2.0])).variance)
    array([2., 4., 2., 1.])
    """

    label = "decay"

    family: Literal["decay"]
    scale: Scale
    half_life: Annotated[Positive, Field(ge=1e-3, le=MOST_PERIODS)]
    correlation: Annotated[Share, Field(lt=1)] = 0.0
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        alike = f", correlations {self.correlation:g}^distance" if self.correlation else ""
        return f"lag l ~ Normal(0, {self.scale:g} * 2^(-|l| / {self.half_life:g})){alike}"

    def factor(self, lag: FloatArray) -> FloatArray:
        """Sds scale 2^(-|l| / half_life), correlations c^|l - m|.

        A lead counts as the lag of the same distance.
        """
        sd = self.scale * np.exp2(-np.abs(lag) / self.half_life)
        apart = np.abs(np.subtract.outer(lag, lag))
        return np.asarray(sd[:, None] * np.linalg.cholesky(self.correlation**apart))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """A half-life of two months."""
        why = "fading: the effect halves every two months, little is left after six"
        prior = cls(family="decay", scale=1.0, half_life=2.0, reason=why)
        return (Shape("decay", cls.label, prior),)
