"""Whether a conclusion depends on the lag prior: the model under every family of them.

Every family of lag priors is taken at three widths: the 95 percent prior interval of the sum over
the lags, the published estimand, is half, one and two times as wide as under the model's own prior
(:mod:`hazard.studies.sensitivity.grid`). The prior of every lagged term is replaced, the rows, the
other priors and the seed are not. A conclusion is said to change only beyond Monte Carlo error
(:mod:`hazard.studies.sensitivity.conclusions`).
"""

from hazard.studies.sensitivity.conclusions import RULE, STATUSES
from hazard.studies.sensitivity.grid import MULTIPLES, REFERENCE, Cell, as_wide, cells, chosen
from hazard.studies.sensitivity.prior_intervals import half_widths, lag_half_widths, sum_half_width
from hazard.studies.sensitivity.refit import (
    APPROXIMATE,
    INCIDENCE_DRAWS,
    SAMPLED,
    Sensitivity,
    SensitivityPlan,
    plan,
    run,
)
from hazard.studies.sensitivity.tidy import (
    COLUMNS,
    Fitted,
    overview,
    repeated,
    repeated_text,
    table,
)

__all__ = [
    "APPROXIMATE",
    "COLUMNS",
    "INCIDENCE_DRAWS",
    "MULTIPLES",
    "REFERENCE",
    "RULE",
    "SAMPLED",
    "STATUSES",
    "Cell",
    "Fitted",
    "Sensitivity",
    "SensitivityPlan",
    "as_wide",
    "cells",
    "chosen",
    "half_widths",
    "lag_half_widths",
    "overview",
    "plan",
    "repeated",
    "repeated_text",
    "run",
    "sum_half_width",
    "table",
]
