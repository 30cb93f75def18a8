"""Standardised risks: what would happen to the persons of a panel, on average, under every arm.

Draws of the coefficients and the rows of paths (:mod:`hazard.estimands.interventions`) become
cumulative incidences and survival, averaged over persons and kept by draw. A *branch* says whose
odds each exit has: those of one arm (total effects), none (controlled direct effects) or those of
another arm (separable effects). Contrasts and months follow from the averages.

Total, direct and separable are so with regard to the competing exits. Exposures that no arm names,
such as applications of others after a forced return, are held as observed, though the event may
change them: with regard to these mediators every contrast is a controlled direct effect.
"""

from hazard.estimands.g_formula.contrasts import risk_difference, risk_ratio
from hazard.estimands.g_formula.groups import EVERYBODY
from hazard.estimands.g_formula.regimes import (
    Branch,
    controlled_direct,
    known_arms,
    separable,
    separable_effects,
    total,
)
from hazard.estimands.g_formula.risks import standardise, standardise_by
from hazard.estimands.g_formula.rows import PathRows, path_rows

__all__ = [
    "EVERYBODY",
    "Branch",
    "PathRows",
    "controlled_direct",
    "known_arms",
    "path_rows",
    "risk_difference",
    "risk_ratio",
    "separable",
    "separable_effects",
    "standardise",
    "standardise_by",
    "total",
]
