"""Most coefficients near zero, a few free."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import Functions, Moments, Shape, TransformedFamily
from hazard.spec.records import Reason, Scale


class HorseshoePrior(TransformedFamily):
    """Most coefficients near zero, a few free: regularised horseshoe.

    ``scale`` is the scale of the common half-Cauchy sd, ``slab`` the sd of a coefficient set free.

    Notes
    -----
    With two half-Cauchy variables C and D and r = scale / slab the variance of a coefficient is
    slab^2 E[r^2 C^2 D^2 / (1 + r^2 C^2 D^2)] = slab^2 E[r D / (1 + r D)]
    = slab^2 (r^2 - (2 / pi) r log r) / (1 + r^2).

    References
    ----------
    .. [1] Piironen and Vehtari (2017), Sparsity information and regularization in the horseshoe
       and other shrinkage priors, Electronic Journal of Statistics 11(2).
    """

    label = "horseshoe"
    lengths = ("scale", "slab")
    gibbs = "half_cauchy"

    family: Literal["horseshoe"]
    scale: Scale
    slab: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"horseshoe, tau ~ HalfCauchy({self.scale:g}), slab {self.slab:g}"

    @property
    def reach(self) -> float:
        """The sd of a coefficient set free."""
        return self.slab

    def n_normals(self, n: int) -> int:
        """One for the sign, one for the sd of each coefficient, and one for their common sd."""
        return 2 * n + 1

    def transform(self, x: Any, n: int, functions: Functions) -> Any:
        """Coefficients beta_l = z_l tau lambda_l slab / sqrt(slab^2 + tau^2 lambda_l^2).

        z = x[:n], lambda = C(x[n:2n]), tau = scale C(x[2n]), with C(x) = tan(pi / 2 Phi(x))
        half-Cauchy and Phi the normal distribution function.
        """
        cauchy = functions.tan(np.pi / 4 * functions.erfc(-x[n:] * 2**-0.5))
        spread = self.scale * cauchy[n] * cauchy[:n]
        return x[:n] * spread / (1 + (spread / self.slab) ** 2) ** 0.5

    def moments(self, lag: FloatArray) -> Moments:
        """Zero, and one variance for all lags."""
        r = self.scale / self.slab
        variance_share = (r**2 - 2 / np.pi * r * np.log(r)) / (1 + r**2)
        return Moments(np.zeros(len(lag)), np.full(len(lag), self.slab**2 * variance_share))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """A coefficient keeps a quarter of its variance."""
        why = "few months matter: a coefficient keeps a quarter of its variance on average"
        prior = cls(family="horseshoe", scale=0.2, slab=1.0, reason=why)
        return (Shape("horseshoe", cls.label, prior),)
