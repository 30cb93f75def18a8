"""Counterfactual histories: what would be around a person, had other things happened there.

A *path* is a person as if nobody left: so many months from a start, at the centre of the start. An
*arm* is what happens around the paths: interventions on the events of other families, the person's
own left out as in :mod:`hazard.data.exposures`. Histories by (row, lag) follow from the events.

================  ==============================================================================
intervention      the events of a term from the start on
================  ==============================================================================
``observed``      what the registers have, also after the person left; of rows, while there are any
``none``          no event
``one_in_month``  one event in one month, and no other
``sustained``     one event in every month from a month on, or in so many months; no other
``delayed``       those observed from the start on, so many months later; none in between
``more``          those observed, and a copy of each with a probability
``added``         one event more in one month
``campaign``      one event more in every month in which a centre is fuller than a threshold
================  ==============================================================================

The first six say what the events become, whatever was said before; the last two add to what is
there. So ``none`` and then ``added`` is ``one_in_month``. What an arm does not name is observed.
The months before the start are not touched: they are as observed, or, if the arm says so
(``before = "none"``), without an event.

Rows without registers, and own events, tell nothing of the months after the last row of a person.
An arm that leaves them as observed is refused there, whatever ``history_before_start`` says of the
months before, unless it says ``after = "drawn"``: then each goes on as somebody who was still there
(:mod:`hazard.estimands.interventions.natural_course`).

By hand: three families at centre A in January. b is on a path; c is returned by force in February
and b itself in March. Leads aside, b sees one event of others, in February: lag 0 of February, lag
1 of March. Its own in March is not seen, and b is still there in April, for on a path nobody
leaves. Delayed by one month, the event is that of March. ``none`` has zeros throughout.

One event of a term with a threshold is so many at once, unless ``events`` says otherwise. An event
of a rate per resident is one of the other families known there in the month; there are at most as
many events as other families, and ``attrs["beyond_residents"]`` of the history counts the months
in which an arm asked for more.
"""

from hazard.estimands.interventions.arms import histories
from hazard.estimands.interventions.event_histories import PathEvents, from_registers, from_rows
from hazard.estimands.interventions.paths import (
    Paths,
    changing_columns,
    first_rows,
    paths,
    rows_of_month,
)
from hazard.estimands.interventions.positivity import check_positivity, support
from hazard.spec import (
    Added,
    Arm,
    Campaign,
    Delayed,
    Intervention,
    More,
    NoEvents,
    Observed,
    OneInMonth,
    Sustained,
)

__all__ = [
    "Added",
    "Arm",
    "Campaign",
    "Delayed",
    "Intervention",
    "More",
    "NoEvents",
    "Observed",
    "OneInMonth",
    "PathEvents",
    "Paths",
    "Sustained",
    "changing_columns",
    "check_positivity",
    "first_rows",
    "from_registers",
    "from_rows",
    "histories",
    "paths",
    "rows_of_month",
    "support",
]
