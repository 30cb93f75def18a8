"""Neighbouring coefficients differ by normal steps of a known sd."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from hazard.arrays import FloatArray
from hazard.spec.priors.contract import NormalFamily, Shape
from hazard.spec.records import Reason, Scale, number


class RandomWalkPrior(NormalFamily):
    """Neighbouring coefficients differ by normal steps; ``start`` is the sd of the first.

    With ``order = 2`` the steps themselves walk: the curve tends to go on as it went.

    Examples
    --------
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    >>> walk.factor(np.array([0.0, 1.0, 2.0]))
    array([[1., 0., 0.],
           [1., 2., 0.],
           [1., 2., 2.]])
    """

    label = "random walk"
    lengths = ("scale", "start")

    family: Literal["random_walk"]
    scale: Scale
    start: Scale
    order: Annotated[Literal[1, 2], BeforeValidator(number)] = 1
    reason: Reason

    @property
    def symbols(self) -> str:
        """The distribution of one coefficient and exit; a second argument of Normal is an sd."""
        step = "each step" if self.order == 1 else "each change of the step"
        return f"first ~ Normal(0, {self.start:g}), {step} ~ Normal(0, {self.scale:g})"

    def factor(self, lag: FloatArray) -> FloatArray:
        """Running sums of steps.

        The first has sd ``start``, the others ``scale`` sqrt(g), with g the gap to the place
        before, which is 1 but between windows. Of order 2 each step is g times a slope, and the
        slopes are such sums, from 0 and with the gaps between the middles of the steps.
        """
        gaps = np.diff(lag)
        factor = np.full((len(lag), len(lag)), self.start)
        factor[0, 1:] = 0.0
        if self.order == 1:
            factor[1:, 1:] = running_sums(self.scale * np.sqrt(gaps))
            return factor
        between = np.concatenate([[1.0], (gaps[1:] + gaps[:-1]) / 2])[: len(gaps)]
        slopes = running_sums(self.scale * np.sqrt(between))
        factor[1:, 1:] = running_sums(gaps) @ slopes
        return factor

    @classmethod
    def shapes(cls) -> tuple[Shape, ...]:
        """The walk, and the one of its slopes."""
        first = cls(
            family="random_walk", start=1.0, scale=1.0, reason="neighbouring months are alike"
        )
        second = cls(
            family="random_walk",
            order=2,
            start=1.0,
            scale=0.25,
            reason="the curve tends to go on as it went; a step changes by a quarter of the start",
        )
        return (
            Shape("random_walk", cls.label, first),
            Shape("random_walk_2", "second-order walk", second),
        )


def running_sums(sd: FloatArray) -> FloatArray:
    """Running sums of independent steps with these standard deviations, as a factor.

    Examples
    --------
    >>> running_sums(np.array([1.0, 2.0]))
    array([[1., 0.],
           [1., 2.]])
    """
    return np.tril(np.ones((len(sd), len(sd)))) * sd
