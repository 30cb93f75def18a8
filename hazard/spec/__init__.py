"""A model as a file: frozen records read from TOML, with a closed vocabulary.

A model file names the question, the definitions of the data, the outcome, the terms of the linear
predictor with a prior and a reason for each, and the estimands. An unknown key is an error that
proposes the nearest known one. A file that varies another says what is different
(:mod:`hazard.spec.variants`); every family of priors is a module (:mod:`hazard.spec.priors`).
"""

from hazard.spec.arms import (
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
from hazard.spec.baselines import BaselinesSpec
from hazard.spec.costs import Cost, CostsSpec
from hazard.spec.data import DataSpec, OutcomeSpec
from hazard.spec.dependence import DependenceSpec
from hazard.spec.estimands import (
    CENTRE_SIZE,
    EFFECTS,
    MADE_GROUPS,
    SINCE_START,
    Estimand,
    GFormulaEstimand,
    IncidenceEstimand,
    LagCurveEstimand,
    LagShapeEstimand,
    MarginalEffectEstimand,
)
from hazard.spec.identification import IdentificationSpec
from hazard.spec.model import ModelSpec
from hazard.spec.names import PERIODS
from hazard.spec.tables import EndpointSpec, TableSpec
from hazard.spec.terms import (
    BaselineTerm,
    CalendarTerm,
    CovariateTerm,
    GroupTerm,
    LaggedTerm,
    Spline,
    Term,
    VariesBy,
    term_names,
)
from hazard.spec.text import load, models_folder, read

__all__ = [
    "CENTRE_SIZE",
    "EFFECTS",
    "MADE_GROUPS",
    "PERIODS",
    "SINCE_START",
    "Added",
    "Arm",
    "BaselineTerm",
    "BaselinesSpec",
    "CalendarTerm",
    "Campaign",
    "Cost",
    "CostsSpec",
    "CovariateTerm",
    "DataSpec",
    "Delayed",
    "DependenceSpec",
    "EndpointSpec",
    "Estimand",
    "GFormulaEstimand",
    "GroupTerm",
    "IdentificationSpec",
    "IncidenceEstimand",
    "Intervention",
    "LagCurveEstimand",
    "LagShapeEstimand",
    "LaggedTerm",
    "MarginalEffectEstimand",
    "ModelSpec",
    "More",
    "NoEvents",
    "Observed",
    "OneInMonth",
    "OutcomeSpec",
    "Spline",
    "Sustained",
    "TableSpec",
    "Term",
    "VariesBy",
    "load",
    "models_folder",
    "read",
    "term_names",
]
