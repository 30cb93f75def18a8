"""What happened around a person some months earlier or later: exposure histories by row and lag.

A history is a DataArray with the dims (row, lag). Its values tell of the person's network in the
month that lies ``lag`` months before the month of the row; a negative lag is a lead, that many
months after it. The person's own events are left out, exactly.

=========================  ======================================================================
network                    whose events
=========================  ======================================================================
``centre``                 families at the same centre
``nationality``            families of the same nationality, anywhere
``centre_nationality``     at the same centre and of the same nationality
``centre_other``           at the same centre, of another nationality
``nationality_elsewhere``  of the same nationality, at another centre or in none
``own``                    the person's own column, from the rows of the other months
=========================  ======================================================================

In counts, ``centre`` is ``centre_nationality`` plus ``centre_other``, and ``nationality`` is
``centre_nationality`` plus ``nationality_elsewhere``.

================  ===============================================================================
measure           value
================  ===============================================================================
``at_least``      1 if at least so many other families had an event in the month, 0 if not
``count``         the number of other families with an event
``per_resident``  that number divided by the number of other families of the network in the
                  month: the residents of the centre, or all of the nationality that the registers
                  know; 0 where there was nobody else
================  ===============================================================================

The residents are all families of the registers, at risk or not, in the months in which the
registers know of them: from the first dated row to the return, or to the end of the follow-up
(:func:`hazard.data.registers.residence.known_months`). A rate is a share of the others: 0 if
nothing happened, 1 if it happened to all of them. With nobody else there, nothing happened to
anybody: the rate is 0, not missing, as it is for the other measures.

By hand: all live at centre A, but for one Iraqi family at B and one in no centre. The row is that
of an Iraqi family at A with an event of its own. In the month five others had an event too: two
Iraqi families and an Iranian one at A, and the two Iraqi ones elsewhere. Without an event were an
Iraqi and an Iranian family at A.

=========================  =========  ========  ==============  ================
network                    ``count``  families  per resident    at least three
=========================  =========  ========  ==============  ================
``centre``                         3         5  3/5             1
``nationality``                    4         5  4/5             1
``centre_nationality``             2         3  2/3             0
``centre_other``                   1         2  1/2             0
``nationality_elsewhere``          2         2  2/2             0
=========================  =========  ========  ==============  ================

History is unknown outside the window of the events, before its first month and, for leads, after
its last, and, for the centre of the time (``"then"``), in a month in which the family lived in no
centre. The rule of the term (``history_before_start``) applies to all three: ``missing`` leaves
NaN, ``zero`` counts nothing, ``carry`` repeats the nearest known value towards the month of the
row: the earliest known one before the start, the latest known one after the end.

Leads are for falsification: what is yet to happen cannot have had an effect. Ask them of the centre
of the row (``"current"``); the centre of the time is unknown once the family has left.
"""

from hazard.data.exposures.columns import from_columns, lag_column, not_of_measure, to_columns
from hazard.data.exposures.own import own_history
from hazard.data.exposures.peers import (
    RESIDENT,
    HistoryCentre,
    layers,
    peer_histories,
    register_histories,
)

__all__ = [
    "RESIDENT",
    "HistoryCentre",
    "from_columns",
    "lag_column",
    "layers",
    "not_of_measure",
    "own_history",
    "peer_histories",
    "register_histories",
    "to_columns",
]
