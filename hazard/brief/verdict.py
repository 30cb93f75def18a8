"""More, fewer, as many but earlier or later, no relevant difference, or not to be told."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from hazard.output import digits

Sign = Literal["up", "down", "flat", "unknown"]
Verdict = Literal["more", "fewer", "earlier", "later", "none", "unclear", "unknown"]
CERTAINTY = 0.95
"""Probability from which on a verdict is given."""


class Sides(NamedTuple):
    """Probabilities that a difference lies above and below the region of practical equivalence.

    Attributes
    ----------
    above, below : float
        P(difference > rope) and P(difference < -rope); the rest is that of lying within.
    mcse : float
        The largest Monte Carlo error of the three.
    """

    above: float
    below: float
    mcse: float

    @property
    def clear(self) -> Literal["above", "below", "within"] | None:
        """Where it lies with a probability of :data:`CERTAINTY`, less its Monte Carlo error."""
        within = 1.0 - (self.above + self.below)
        if self.above - self.mcse >= CERTAINTY:
            return "above"
        if self.below - self.mcse >= CERTAINTY:
            return "below"
        return "within" if within - self.mcse >= CERTAINTY else None


def verdict(additional: Sides, displacement: Sides | None) -> Verdict:
    """The verdict on an exit, from its difference at the horizon and its net displacement.

    Parameters
    ----------
    additional : Sides
        Of A(H), the difference in cumulative incidence at the horizon.
    displacement : Sides or None
        Of D = A(w) - A(H), with w the end of the window of the event; None where there is no
        window that ends before the horizon.

    Returns
    -------
    str
        With r the half width of the region of practical equivalence (0 where none is stated), s the
        Monte Carlo error of the probability, and "surely" for P - s >= 0.95:

        ``more``      surely A(H) > r
        ``fewer``     surely A(H) < -r
        ``earlier``   surely |A(H)| <= r, and surely D > r
        ``later``     surely |A(H)| <= r, and surely D < -r
        ``none``      surely |A(H)| <= r, and surely |D| <= r, where D is there
        ``unclear``   anything else
        ``unknown``   a probability is not known

    Notes
    -----
    No rule looks at whether one interval holds 0 where another does not: that the difference is
    clear in one month and not in another says nothing about the change between them. Of the rules
    at most one holds. ``earlier`` is net: as many have left by the horizon, and more of them by the
    end of the window. That an event brings some forward and adds as many later is ``more``.

    Examples
    --------
    >>> surely_more, within, open_ = Sides(0.97, 0, 0.01), Sides(0.01, 0, 0.01), Sides(0.9, 0, 0.01)
    >>> verdict(surely_more, open_), verdict(within, surely_more), verdict(within, within)
    ('more', 'earlier', 'none')
    >>> verdict(open_, surely_more), verdict(within, open_), verdict(within, None)
    ('unclear', 'unclear', 'none')
    """
    sides = [additional, *([] if displacement is None else [displacement])]
    if any(math.isnan(value) for side in sides for value in side):
        return "unknown"
    at_horizon = additional.clear
    if at_horizon == "above":
        return "more"
    if at_horizon == "below":
        return "fewer"
    moved = "within" if displacement is None else displacement.clear
    if at_horizon is None or moved is None:
        return "unclear"
    by_displacement: dict[str, Verdict] = {"above": "earlier", "below": "later", "within": "none"}
    return by_displacement[moved]


def sign(e: digits.Estimate) -> Sign:
    """The sign of a difference by its interval.

    Returns
    -------
    str
        ``up`` where the whole interval is above 0, ``down`` where it is below, ``flat`` where it
        holds 0, ``unknown`` where an end is not known.

    Examples
    --------
    >>> [sign(digits.Estimate(0, low, high)) for low, high in ((1, 2), (-2, -1), (-1, 1), (0, 2))]
    ['up', 'down', 'flat', 'flat']
    """
    if math.isnan(e.lower) or math.isnan(e.upper):
        return "unknown"
    if e.lower > 0:
        return "up"
    return "down" if e.upper < 0 else "flat"
