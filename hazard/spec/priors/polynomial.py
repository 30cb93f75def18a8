"""Normal coefficients on a polynomial of the lag."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import Reason, Scale, Whole


class PolynomialPrior(NormalFamily):
    """Coefficients on a polynomial of the lag (Almon); ``scale`` is their sd on average.

    References
    ----------
    .. [1] Almon (1965), The distributed lag between capital appropriations and expenditures,
       Econometrica 33(1).

    Examples
    --------
    >>> line = PolynomialPrior(family="polynomial", scale=2.0, degree=1, reason="an example")
    >>> line.covariance(np.array([0.0, 1.0, 2.0])).round(12) + 0.0
    array([[ 5.,  2., -1.],
           [ 2.,  2.,  2.],
           [-1.,  2.,  5.]])
    """

    label = "polynomial"

    family: Literal["polynomial"]
    scale: Scale
    degree: Annotated[Whole, Field(ge=0, le=10)] = 2
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"polynomial of degree {self.degree} in the lag, sd {self.scale:g} on average"

    def factor(self, lag: FloatArray) -> FloatArray:
        """F = scale sqrt(n / r) Q, with Q the r = degree + 1 orthonormal polynomials."""
        r = min(self.degree + 1, len(lag))
        powers = np.vander((lag - lag.mean()) / max(np.ptp(lag), 1), r, increasing=True)
        return np.asarray(self.scale * np.sqrt(len(lag) / r) * np.linalg.qr(powers)[0])

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """A parabola."""
        why = "a smooth curve with one bend"
        prior = cls(family="polynomial", scale=1.0, degree=2, reason=why)
        return (Shape("polynomial", cls.label, prior),)
