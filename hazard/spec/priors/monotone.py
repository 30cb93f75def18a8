"""Coefficients that never grow with the lag, of either sign."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import Functions, Moments, Shape, TransformedFamily
from hazard.spec.records import Reason, Scale


class MonotonePrior(TransformedFamily):
    """Largest in the month of the event and never growing with the lag, of either sign.

    Lag 0 has a normal coefficient with sd ``scale``; each lag loses a share of it, and all ways to
    share it out are as likely.

    Examples
    --------
    >>> from hazard.model.priors import NUMBERS
    >>> prior = MonotonePrior(family="monotone", scale=2.0, reason="an example")
    >>> prior.transform(np.array([[1.0], [0.0], [0.0]]), 3, NUMBERS).ravel().round(3)
    array([2.   , 1.414, 0.707])
    """

    label = "monotone"
    gibbs = "falling"

    family: Literal["monotone"]
    scale: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"lag 0 ~ Normal(0, {self.scale:g}), falling, shares ~ Dirichlet(1)"

    @property
    def reach(self) -> float:
        """The sd at lag 0."""
        return self.scale

    def n_normals(self, n: int) -> int:
        """One for the height, and one for each share that is lost."""
        return n

    def transform(self, x: Any, n: int, functions: Functions) -> Any:
        """Coefficients beta_l = scale x_0 (1 - s_1 - ... - s_l).

        The shares s are lost at each step, the n-th one after the last lag: uniform on the simplex,
        s_k = 1 - U_k^(1 / (n - k)) of what is left, with U_k = Phi(-x_k), k = 1, ..., n - 1, and
        Phi the normal distribution function.
        """
        log_kept = functions.log(functions.erfc(x[1:] * 2**-0.5) / 2)
        power = 1 / np.arange(n - 1, 0, -1, dtype=np.float64)[:, None]
        sums = np.tril(np.ones((n, n - 1)), -1)
        return self.scale * x[0] * functions.exp(sums @ (power * log_kept))

    def moments(self, lag: FloatArray) -> Moments:
        """Zero, and scale^2 E[r^2] with r ~ Beta(n - l, l) what is left at position l."""
        n = len(lag)
        remaining = np.arange(n, 0, -1, dtype=np.float64)
        return Moments(np.zeros(n), self.scale**2 * remaining * (remaining + 1) / (n * (n + 1)))

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """Any fall."""
        why = "largest at first and never growing after"
        return (Shape("monotone", cls.label, cls(family="monotone", scale=1.0, reason=why)),)
