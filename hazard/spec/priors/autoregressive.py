"""Normal coefficients that are alike in neighbouring lags, and as uncertain at every lag."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import Reason, Scale, Share


class AutoregressivePrior(NormalFamily):
    """Stationary autoregression of order 1: sd ``scale`` at every lag.

    Coefficients g lags apart have the correlation ``correlation`` to the power of g.

    Examples
    --------
    >>> prior = AutoregressivePrior(
    ...     family="autoregressive", scale=2.0, correlation=0.5, reason="an example"
    ... )
    >>> prior.covariance(np.array([0.0, 1.0, 2.0])).round(6)
    array([[4., 2., 1.],
           [2., 4., 2.],
           [1., 2., 4.]])
    """

    label = "autoregressive"

    family: Literal["autoregressive"]
    scale: Scale
    correlation: Annotated[Share, Field(lt=1)] = 0.5
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag l ~ Normal(0, {self.scale:g}), correlations {self.correlation:g}^distance"

    def factor(self, lag: FloatArray) -> FloatArray:
        """Scale times the Cholesky factor of the correlations c^|l - m|."""
        apart = np.abs(np.subtract.outer(lag, lag))
        return self.scale * np.linalg.cholesky(self.correlation**apart)

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """Neighbouring lags that are alike by half."""
        why = "neighbouring months are alike, and as uncertain at every lag"
        prior = cls(family="autoregressive", scale=1.0, correlation=0.5, reason=why)
        return (Shape("autoregressive", cls.label, prior),)
