"""Three estimators on one scale, why they differ, and whether the two published columns agree.

The linear probability model and the multinomial logit of one model file (``first``: the published
specification) and the hazard model of another (``last``), on the same rows.
"""

from hazard.studies.estimators.columns import GROUP, Compatibility, compatibility, verdicts
from hazard.studies.estimators.compare import Comparison, ModelPair, compare
from hazard.studies.estimators.linear_coefficient import pieces

__all__ = [
    "GROUP",
    "Comparison",
    "Compatibility",
    "ModelPair",
    "compare",
    "compatibility",
    "pieces",
    "verdicts",
]
