"""Independent normal coefficients with a learned sd, correlated between exits."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import LearnedFamily, Spread
from hazard.spec.records import Positive, Reason, Scale


class CorrelatedPrior(LearnedFamily):
    """As ``pooled``, and the effects of a level are correlated between exits.

    The correlations are learned; a ``concentration`` above 1 prefers small ones.

    Examples
    --------
    >>> prior = CorrelatedPrior(family="correlated", scale=0.5, reason="an example")
    >>> prior.spread
    Spread(scale=0.5, quantity='levels', concentration=2.0)
    """

    label = "correlated exits"
    iid = True

    family: Literal["correlated"]
    scale: Scale
    concentration: Annotated[Positive, Field(ge=1e-3, le=1e6)] = 2.0
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        spread = f"D ~ HalfNormal({self.scale:g}), R ~ LKJ({self.concentration:g})"
        return f"Normal(0, D R D), {spread}"

    @property
    def spread(self) -> Spread:
        """One sd per exit, and their correlations."""
        return Spread(self.scale, concentration=self.concentration)

    def factor(self, lag: FloatArray) -> FloatArray:
        """F = I, in units of the learned sd."""
        return np.diag(np.ones_like(lag))
