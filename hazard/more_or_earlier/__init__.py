"""More, or only earlier: what an event adds to an exit, and what it merely brings forward.

A(t) is the difference in cumulative incidence, with minus without the event. At the end w of the
window in which the lags of the event act it says how many more have left by then; at the horizon H
how many more have left at all. Who would have left later anyway is in A(w) and no longer in A(H).

A model can only tell the two apart if it can say that exposed persons leave less often *after* the
window. With lags that end with the window everybody's hazards are then the same. Of those who left
because of the event only as many are then missing as would have left anyway at the usual hazard,
whoever they were: A(H) = A(w) + (S(w; with) - S(w; without)) P(leave by H | there at w) for every
person. The answer is built in, and it is mostly "more". Lags that reach to the horizon
would let the data speak. On the planted truths of ``benchmarks/more_or_earlier.py`` they do not
help: where people differ in what nobody observes, far lags may also tell who is still there, and
"more" is still said of what is only earlier. So "additional" is a number of the model, to be read
with that warning, until a model is shown to recover both truths.
"""

from hazard.more_or_earlier.decomposition import Event, difference, event_of, more_or_earlier
from hazard.more_or_earlier.per_event import per_forced_return

__all__ = ["Event", "difference", "event_of", "more_or_earlier", "per_forced_return"]
