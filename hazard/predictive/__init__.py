"""Predictive distribution of a fitted model, or of its prior: replicated exits of rows.

The posterior check replays every month at risk with the exposures and risk sets that were observed,
and compares the exits with those that happened, by centre, nationality, month at risk and calendar
time. The prior check says what the priors imply before any exit is seen, in probabilities.
"""

from hazard.data.disclosure import POOLED
from hazard.predictive.levels import ALL, MONTH, Grouping, groupings
from hazard.predictive.posterior import DEFAULT, CheckSettings, at_month, check, summary
from hazard.predictive.prior import prior_predictive
from hazard.predictive.prior_draws import prior_draw, prior_draws
from hazard.predictive.prior_lags import claims, prior_lags
from hazard.predictive.replicate import Cells, Counts, counts, replicates

__all__ = [
    "ALL",
    "DEFAULT",
    "MONTH",
    "POOLED",
    "Cells",
    "CheckSettings",
    "Counts",
    "Grouping",
    "at_month",
    "check",
    "claims",
    "counts",
    "groupings",
    "prior_draw",
    "prior_draws",
    "prior_lags",
    "prior_predictive",
    "replicates",
    "summary",
]
