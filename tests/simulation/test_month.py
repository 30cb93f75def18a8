"""One simulated month: the joint distribution of two families, worked out by hand.

The police come first: the odds of a forced return depend on the other family only through the
denominator. Then applications, then disappearances.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from hazard.simulation.month import Month, month_exits
from hazard.simulation.world import ASSISTED, DISAPPEARED, FORCED, STAY

ETA = np.array([-1.0, -0.7, -1.2])
SAME_MONTH = np.zeros((3, 2, 2))  # exit, exposure, network: only the centre matters
SAME_MONTH[:2, 0, 0] = 1.5, 0.8  # assisted and disappeared after a forced return
SAME_MONTH[:2, 1, 0] = 1.0, -0.7  # and after another application


def odds_of(other_forced: bool, other_applied: bool, way: int) -> float:
    """Odds of an exit against the exits that are drawn later and staying."""
    effect = SAME_MONTH[:, 0, 0] * other_forced + SAME_MONTH[:, 1, 0] * other_applied
    weight = np.exp(ETA + effect)
    rest = {FORCED: 1 + weight[0] + weight[1], ASSISTED: 1 + weight[1], DISAPPEARED: 1.0}[way]
    return float(weight[way] / rest)


def pair(alone: float, together: float) -> dict[tuple[bool, ...], float]:
    """Joint distribution of two like events from the odds given the other's absence, presence."""
    weights: dict[tuple[bool, ...], float] = {
        (False, False): 1.0,
        (True, False): alone,
        (False, True): alone,
    }
    weights[True, True] = alone * together
    return {cell: weight / sum(weights.values()) for cell, weight in weights.items()}


def applications(caught: tuple[bool, ...]) -> dict[tuple[bool, ...], float]:
    free = [not one for one in caught]
    if all(free):
        return pair(odds_of(False, False, ASSISTED), odds_of(False, True, ASSISTED))
    asks = odds_of(True, False, ASSISTED) / (1 + odds_of(True, False, ASSISTED))
    return {(False, False): 1 - asks, tuple(free): asks} if any(free) else {(False, False): 1.0}


def exact_joint() -> dict[tuple[int, ...], float]:
    joint: dict[tuple[int, ...], float] = defaultdict(float)
    forced = pair(odds_of(False, False, FORCED), odds_of(True, False, FORCED))
    for caught, p_caught in forced.items():
        for asked, p_asked in applications(caught).items():
            settled = [FORCED if caught[i] else ASSISTED if asked[i] else STAY for i in (0, 1)]
            odds = [odds_of(caught[1 - i], asked[1 - i], DISAPPEARED) for i in (0, 1)]
            choices = [
                [(STAY, 1 / (1 + o)), (DISAPPEARED, o / (1 + o))] if s == STAY else [(s, 1.0)]
                for s, o in zip(settled, odds, strict=True)
            ]
            for (one, p_one), (other, p_other) in itertools.product(*choices):
                joint[one, other] += p_caught * p_asked * p_one * p_other
    return joint


@pytest.fixture(scope="module")
def pairs() -> np.ndarray:
    """Exits of many pairs of families, each pair alone at its centre."""
    n = 50_000
    place = np.column_stack([np.repeat(np.arange(n), 2), np.full(2 * n, n)])
    events = np.zeros((2, n + 1), dtype=np.int64)
    kind = np.zeros(2 * n, dtype=np.int64)
    month = Month(np.tile(ETA, (2 * n, 1)), place, kind, SAME_MONTH[None], events)
    exits = month_exits(month, np.random.default_rng(16))
    assert events[:, :n].sum(axis=1).tolist() == [
        (exits == FORCED).sum(),
        (exits == ASSISTED).sum(),
    ]
    return exits.reshape(n, 2)


def worst_cell(pairs: np.ndarray, joint: dict[tuple[int, ...], float]) -> float:
    """Largest distance of a cell from its probability, in Monte Carlo standard errors."""
    n = len(pairs)
    found = {cell: float((pairs == cell).all(axis=1).mean()) for cell in joint}
    return max(abs(found[c] - p) / np.sqrt(p * (1 - p) / n) for c, p in joint.items())


def test_month_by_hand_two_families_at_one_centre(
    pairs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = exact_joint()
    assert len(joint) == 16
    assert sum(joint.values()) == pytest.approx(1, abs=1e-12)
    assert worst_cell(pairs, joint) < 5
    monkeypatch.setitem(globals(), "SAME_MONTH", np.zeros((3, 2, 2)))  # negative control
    assert worst_cell(pairs, exact_joint()) > 5


@pytest.mark.parametrize(("way", "planted"), [(ASSISTED, 1.5), (DISAPPEARED, 0.8)])
def test_month_recovers_the_odds_given_what_the_other_family_does(
    way: int, planted: float, pairs: np.ndarray
) -> None:
    one, other = pairs.T
    quiet = (other == STAY) | (other == DISAPPEARED)
    cells = [one == way, one == STAY], [other == FORCED, quiet]
    counts = np.array([[(a & b).sum() for b in cells[1]] for a in cells[0]])
    log_odds_ratio = float(np.log(counts[0, 0] * counts[1, 1] / counts[0, 1] / counts[1, 0]))
    error = np.sqrt((1 / counts).sum())
    assert abs(log_odds_ratio - planted) < 5 * error
    assert abs(log_odds_ratio - planted / 2) > 5 * error  # what one joint sampler would plant
