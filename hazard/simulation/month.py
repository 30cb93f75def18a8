"""Who leaves in one month, when each family's hazard depends on what the others do that month.

The exits are drawn in the order in which the definitions count them: the police first, then
applications, then disappearances. Each is drawn from the planted hazard, given what is settled and,
for the exits that others see, given everybody else's current ones, in repeated sweeps over the
families in random order (Gibbs sampling).

One sampler over all three exits at once would not do. It needs a joint distribution with the
planted hazards as its conditionals, and there is none where the forced return of one family changes
the application of another but not the reverse: it would plant about half the effect. In the order
above the odds of ``assisted`` and ``disappeared`` against staying, given the others' forced returns
and applications of the month, are the planted ones. The reverse association shows for ``forced`` at
lag 0, as it must in any data with this effect: zero is the mechanism there, and not what a
regression on the same month finds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hazard.arrays import FloatArray, IntArray
from hazard.compiled import compiled_anew
from hazard.model.links import SOFTMAX, exit_probabilities
from hazard.simulation.world import ASSISTED, DISAPPEARED, FORCED, STAY

ORDER = (FORCED, ASSISTED, DISAPPEARED)
SWEEPS = (5, 5, 1)
# Index of the exposure that an exit is for others, in the order of EXITS; -1 if it is none.
EXPOSURE_OF = (1, -1, 0)


class Month(NamedTuple):
    """One month for the families at risk.

    ``eta`` (family, exit) is the linear predictor without lag 0; ``place`` (family, network) the
    centre and the nationality; ``kind`` (family,) the row of ``same_month`` (kind, exit, exposure,
    network), the effects at lag 0; ``events`` (exposure, place) the families with the event in the
    month.
    """

    eta: FloatArray
    place: IntArray
    kind: IntArray
    same_month: FloatArray
    events: IntArray


def month_exits(month: Month, rng: np.random.Generator) -> IntArray:
    """Exit of every family at risk in one month; adds their events to ``month.events``.

    Parameters
    ----------
    month : Month
        ``events`` holds the events of families outside the sample, and is changed in place.
    rng : Generator

    Returns
    -------
    ndarray of int64, shape (n_families,)
        ``STAY`` or the index of the exit.

    Examples
    --------
    Nobody leaves where every exit is as good as impossible:

    >>> place, events = np.array([[0, 1], [0, 1]]), np.zeros((2, 2), dtype=np.int64)
    >>> kind, no_effect = np.array([0, 0]), np.zeros((1, 3, 2, 2))
    >>> month = Month(np.full((2, 3), -50.0), place, kind, no_effect, events)
    >>> month_exits(month, np.random.default_rng(1)).tolist()
    [-1, -1]
    """
    n = len(month.eta)
    exits = np.full(n, STAY, dtype=np.int64)
    for stage, sweeps in enumerate(SWEEPS):
        for _ in range(sweeps):
            _visit(month, stage, rng.permutation(n), rng.random(n), exits)
    return exits


# Not cached on disk: the cache would not notice a change of the hazard formula in its own file.
@compiled_anew
def _visit(month: Month, stage: int, order: IntArray, uniform: FloatArray, exits: IntArray) -> None:
    eta, probability = np.empty(month.eta.shape[1]), np.empty(month.eta.shape[1])
    exit_code = ORDER[stage]
    for i in order:
        if exits[i] != STAY and exits[i] != exit_code:
            continue
        _tally(month, i, exits[i], -1)
        _linear_predictor(month, i, eta)
        for earlier in range(stage):
            eta[ORDER[earlier]] = -np.inf
        exit_probabilities(SOFTMAX, eta, probability)
        exits[i] = exit_code if uniform[i] < probability[exit_code] else STAY
        _tally(month, i, exits[i], 1)


@compiled_anew
def _linear_predictor(month: Month, i: int, eta: FloatArray) -> None:
    for j in range(len(eta)):
        eta[j] = month.eta[i, j]
    for w in range(month.place.shape[1]):
        for e in range(month.events.shape[0]):
            if month.events[e, month.place[i, w]] > 0:
                for j in range(len(eta)):
                    eta[j] += month.same_month[month.kind[i], j, e, w]


@compiled_anew
def _tally(month: Month, i: int, leaving: int, step: int) -> None:
    if leaving != STAY and EXPOSURE_OF[leaving] >= 0:
        for w in range(month.place.shape[1]):
            month.events[EXPOSURE_OF[leaving], month.place[i, w]] += step
