"""Whether a conclusion depends on the lag prior: the model under every family of them.

Every family of lag priors is taken at two scales, and all families of one scale have the same prior
variance summed over lags. The prior of every lagged term is replaced, the rows, the other priors
and the seed are not.
"""

from hazard.studies.sensitivity.grid import REFERENCE, SCALES, Cell, cells, chosen, scaled
from hazard.studies.sensitivity.prior_intervals import half_widths
from hazard.studies.sensitivity.refit import (
    APPROXIMATE,
    INCIDENCE_DRAWS,
    SAMPLED,
    Sensitivity,
    SensitivityPlan,
    plan,
    run,
)
from hazard.studies.sensitivity.tidy import COLUMNS, Fitted, repeated, repeated_text, table

__all__ = [
    "APPROXIMATE",
    "COLUMNS",
    "INCIDENCE_DRAWS",
    "REFERENCE",
    "SAMPLED",
    "SCALES",
    "Cell",
    "Fitted",
    "Sensitivity",
    "SensitivityPlan",
    "cells",
    "chosen",
    "half_widths",
    "plan",
    "repeated",
    "repeated_text",
    "run",
    "scaled",
    "table",
]
