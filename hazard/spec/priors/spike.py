"""Independent normal coefficients, wide in the month of the event only."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import Reason, Scale


class SpikePrior(NormalFamily):
    """All in the month of the event: sd ``scale`` at lag 0, ``rest`` at every other lag.

    Examples
    --------
    >>> spike = SpikePrior(family="spike", scale=2.0, rest=0.5, reason="an example")
    >>> np.sqrt(spike.moments(np.array([-1.0, 0.0, 1.0])).variance)
    array([0.5, 2. , 0.5])
    """

    label = "spike in month 0"
    lengths = ("scale", "rest")
    singles_out_event = True

    family: Literal["spike"]
    scale: Scale
    rest: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag 0 ~ Normal(0, {self.scale:g}), others ~ Normal(0, {self.rest:g})"

    def factor(self, lag: FloatArray) -> FloatArray:
        """Sd ``scale`` at lag 0, else ``rest``."""
        return np.diag(np.where(lag == 0, self.scale, self.rest))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """A tenth of it later."""
        why = "all in the month of the event, a tenth of it later"
        prior = cls(family="spike", scale=1.0, rest=0.1, reason=why)
        return (Shape("spike", cls.label, prior),)
