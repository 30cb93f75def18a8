"""Independent normal coefficients with a learned sd."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import LearnedFamily, Shape, Spread
from hazard.spec.records import Reason, Scale


class PooledPrior(LearnedFamily):
    """Independent normal coefficients; their sd is learned, half-normal with this scale.

    Examples
    --------
    >>> prior = PooledPrior(family="pooled", scale=0.5, reason="an example")
    >>> prior.covariance(np.array([0.0, 1.0]))
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """

    label = "learned scale"
    iid = True

    family: Literal["pooled"]
    scale: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal(0, sigma), sigma ~ HalfNormal({self.scale:g})"

    @property
    def spread(self) -> Spread:
        """One sd per exit."""
        return Spread(self.scale)

    def factor(self, lag: FloatArray) -> FloatArray:
        """F = I, in units of the learned sd."""
        return np.diag(np.ones_like(lag))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """Ridge."""
        why = "ridge: how large the effects are is learned"
        return (Shape("pooled", cls.label, cls(family="pooled", scale=1.0, reason=why)),)
