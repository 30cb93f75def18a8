"""A random walk from the reference level, whose steps have a learned sd."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import LearnedFamily, Spread
from hazard.spec.priors.random_walk import running_sums
from hazard.spec.records import Reason, Scale


class HierarchicalRandomWalkPrior(LearnedFamily):
    """Random walk that starts from the reference level; the sd of its steps is learned.

    The sd is half-normal with this scale.

    Examples
    --------
    >>> family = "hierarchical_random_walk"
    >>> walk = HierarchicalRandomWalkPrior(family=family, scale=0.5, reason="an example")
    >>> walk.factor(np.array([0.0, 1.0, 2.0]))
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """

    label = "hierarchical random walk"

    family: Literal["hierarchical_random_walk"]
    scale: Scale
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        return f"each step ~ Normal(0, sigma), sigma ~ HalfNormal({self.scale:g})"

    @property
    def spread(self) -> Spread:
        """One sd per exit, of the steps."""
        return Spread(self.scale, quantity="steps")

    def factor(self, lag: FloatArray) -> FloatArray:
        """Running sums of steps of sd sqrt(g), g the gap to the place before; the first of sd 1."""
        return running_sums(np.sqrt(np.diff(lag, prepend=lag[0] - 1)))
