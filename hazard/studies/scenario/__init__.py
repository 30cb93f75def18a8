"""A whole system month by month: who leaves is seen by the others, who then leave more or less.

Families live from the start of the scenario, or from the month in which they were observed to
arrive, until they leave through an exit that is drawn from the hazards of a posterior draw. There
are two versions, on the same random numbers:

=============  ==================================================================================
version        the events that a family sees
=============  ==================================================================================
``naive``      those of the registers, changed by the arm, whatever the simulated families do
``feedback``   those of the registers that are no exit of a simulated family, changed by the arm,
               and the exits of the simulated families, where and when they are drawn
=============  ==================================================================================

So an application that an event brings about is seen by others, who may apply because of it, and
whoever is gone can no longer apply. The naive version is the simulation of what
standardisation averages: a family on its own path, among events that are given.

An arm changes what is seen, from the first month on: the interventions of
:mod:`hazard.estimands.interventions`, with months of the scenario in place of months of a path. An
added event happens to somebody outside the scenario: nobody of the simulated families is taken away
by it. With ``none`` the exits go on, unseen; ``closed`` stops an exit as well. A ``campaign`` adds
events in the months in which a centre has more than so many families at the start: in the naive
version as many as were observed, with feedback those who are still there in the replicate, and whom
the registers know there besides. So a campaign that empties a centre ends itself.

Within a month the exits come in the order in which the definitions count them. Each is drawn from
its hazard given what is settled before and what the others currently do in the same month, in
sweeps over the families (Gibbs sampling), as :mod:`hazard.simulation` does; here in as many as it
takes until the outcome does not depend on where they began. A family never sees its own event.

Held fixed: centre and all else of a family from its start on; families who left the rows without
an exit stay. Refused: rates per resident and leads, the centre of the time, own histories, months
beyond the panel.

By hand: a and b live at one centre for two months, and b applies for sure in the month after an
application of another family, otherwise never. a applies in a month with probability 1/2, and was
observed to apply in month 1. In the naive version b sees that, and applies in month 2. With
feedback b applies in month 2 if a is drawn to apply in month 1: with probability 1/2.
"""

from hazard.studies.scenario.families import ScenarioFamilies, families
from hazard.studies.scenario.records import ScenarioArm, ScenarioPlan, arms_from
from hazard.studies.scenario.simulate import simulate
from hazard.studies.scenario.system import System, system
from hazard.studies.scenario.tidy import contrasts, estimates, per_event, remarks, sentences

__all__ = [
    "ScenarioArm",
    "ScenarioFamilies",
    "ScenarioPlan",
    "System",
    "arms_from",
    "contrasts",
    "estimates",
    "families",
    "per_event",
    "remarks",
    "sentences",
    "simulate",
    "system",
]
