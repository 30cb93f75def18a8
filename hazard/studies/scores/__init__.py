"""How well a model predicts what it has not seen: a person, a centre, the months to come.

The score is the expected log predictive density: the sum over units (persons, centres) of the log
probability of what a unit did, given the others. Only sums and differences leave this package; the
score of one unit says something of one person.
"""

from hazard.model.unit_likelihood import log_likelihood
from hazard.model.units import Units, units
from hazard.studies.scores.compare import COLUMNS, table
from hazard.studies.scores.future import cuts, leave_future_out
from hazard.studies.scores.leave_out import leave_one_out
from hazard.studies.scores.records import Score, ScorePlan
from hazard.studies.scores.report import score, text

__all__ = [
    "COLUMNS",
    "Score",
    "ScorePlan",
    "Units",
    "cuts",
    "leave_future_out",
    "leave_one_out",
    "log_likelihood",
    "score",
    "table",
    "text",
    "units",
]
