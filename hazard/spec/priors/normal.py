"""Independent normal coefficients with a known sd."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import Reason, Scale


class NormalPrior(NormalFamily):
    """Independent normal coefficients with a fixed standard deviation.

    Examples
    --------
    >>> prior = NormalPrior(family="normal", scale=0.5, reason="an example")
    >>> prior.factor(np.array([0.0, 1.0]))
    array([[0.5, 0. ],
           [0. , 0.5]])
    """

    label = "independent"
    iid = True

    family: Literal["normal"]
    scale: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"Normal(0, {self.scale:g})"

    def factor(self, lag: FloatArray) -> FloatArray:
        """F = scale I."""
        return np.diag(np.full_like(lag, self.scale))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """No shape."""
        why = "each month by itself: no shape is assumed"
        return (Shape("normal", cls.label, cls(family="normal", scale=1.0, reason=why)),)
