"""More, or only earlier: what an event adds to an exit, and what it displaces on balance.

A(t) is the difference in cumulative incidence, with minus without the event. At the end w of the
window in which the lags of the event act it says how many more have left by then; at the horizon H
how many more have left at all. Who would have left later anyway is in A(w) and no longer in A(H),
but who left after w because of the event is in A(H) only: D = A(w) - A(H) is the net displacement,
and how many were brought forward lies between bounds.

A model can only tell the two apart if it can say that exposed persons leave less often *after* the
window. With lags that end with the window everybody's hazards are then the same. Of those who left
because of the event only as many are then missing as would have left anyway at the usual hazard,
whoever they were: A(H) = A(w) + (S(w; with) - S(w; without)) P(leave by H | there at w) for every
person. The answer is built in, and it is mostly "more".

What lets the data speak are lags up to the horizon, of events that the person could react to: those
since it is at risk (``history_before_risk = "zero"`` in a lagged term). Whoever was brought forward
is missing among those who were there, and nobody is missing among those who came later; lags that
count both mix the two. The model ``more_or_earlier`` has such a term, and
``benchmarks/more_or_earlier.py`` shows on registers with a known truth how well it tells more from
earlier.

It does so where persons of a place are alike. Where they differ in what nobody observes, say in
plans, it says too much of "more": with time those without a plan leave otherwise, and they leave
faster where the police are busy, so that among those left the share with a plan grows with the
number of events seen, as if events made nobody leave earlier. A hazard that is linear in its terms
cannot follow a share; a model with two kinds of persons could.
"""

from hazard.estimands.displacement.decomposition import (
    Event,
    brought_forward_bounds,
    difference,
    event_of,
    more_or_earlier,
)
from hazard.estimands.displacement.per_event import per_forced_return, present_at_events

__all__ = [
    "Event",
    "brought_forward_bounds",
    "difference",
    "event_of",
    "more_or_earlier",
    "per_forced_return",
    "present_at_events",
]
