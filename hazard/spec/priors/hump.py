"""Normal coefficients that are largest some lags after the event."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import MOST_PERIODS, Positive, Reason, Scale, Share


class HumpPrior(NormalFamily):
    """Delayed effect: sds follow a gamma kernel that is largest at lag ``peak``.

    ``shape`` says how narrow the kernel is, ``correlation`` how much neighbouring lags agree.

    Examples
    --------
    >>> hump = HumpPrior(family="hump", scale=2.0, peak=1.0, reason="an example")
    >>> np.sqrt(hump.moments(np.array([0.0, 1.0, 2.0])).variance).round(2)
    array([1.36, 2.  , 1.66])
    """

    label = "delayed hump"

    family: Literal["hump"]
    scale: Scale
    peak: Annotated[Positive, Field(ge=1e-3, le=MOST_PERIODS)]
    shape: Annotated[Positive, Field(ge=1e-3, le=1e3)] = 2.0
    correlation: Annotated[Share, Field(lt=1)] = 0.8
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        kernel = f"k(l) gamma-shaped ({self.shape:g}), largest at {self.peak:g}"
        correlation = f"correlations {self.correlation:g}^distance"
        return f"lag l ~ Normal(0, {self.scale:g} k(l)), {kernel}, {correlation}"

    def factor(self, lag: FloatArray) -> FloatArray:
        """Sds scale (r exp(1 - r))^shape with r = (|l| + 1) / (peak + 1), correlations c^|l - m|.

        A lead counts as the lag of the same distance.
        """
        ratio = (np.abs(lag) + 1) / (self.peak + 1)
        sd = np.asarray(self.scale * (ratio * np.exp(1 - ratio)) ** self.shape)
        distance = np.abs(np.subtract.outer(lag, lag))
        return sd[:, None] * np.linalg.cholesky(self.correlation**distance)

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """Largest after three months."""
        why = "delayed: people apply after months of thought, largest after three"
        return (Shape("hump", cls.label, cls(family="hump", scale=1.0, peak=3.0, reason=why)),)
