"""Tidy tables -> figures and their text alternatives; no computation, no global state.

A figure is a ``matplotlib.figure.Figure``; :func:`rendered` makes it a file, :func:`svg` an element
of a page. Every figure has a function of the same name with ``_text`` that says its numbers in
words.
"""

from hazard.output.figures.description import description, description_text
from hazard.output.figures.displacement import (
    more_by_level,
    more_by_level_text,
    more_or_earlier,
    more_or_earlier_text,
)
from hazard.output.figures.estimators import CONCORDANCE_WORDS, concordance, concordance_text
from hazard.output.figures.immortal_time import (
    EVER_TREATED_WORDS,
    ever_treated_panel,
    ever_treated_panel_text,
    ever_treated_study,
    ever_treated_study_text,
)
from hazard.output.figures.incidence import incidence, incidence_text
from hazard.output.figures.lag_curves import lag_curves, lag_curves_text
from hazard.output.figures.predictive import (
    PREDICTIVE_WORDS,
    grouping_in_words,
    predictive,
    predictive_text,
)
from hazard.output.figures.published import (
    EVIDENCE_WORDS,
    evidence_lag_curves,
    evidence_lag_curves_text,
)
from hazard.output.figures.scenario import SCENARIO_WORDS, scenario, scenario_text
from hazard.output.figures.sensitivity import sensitivity, sensitivity_text
from hazard.output.figures.style import rendered, svg
from hazard.output.figures.survival import (
    SURVIVAL_WORDS,
    survival_curves,
    survival_curves_text,
    survival_words,
)

__all__ = [
    "CONCORDANCE_WORDS",
    "EVER_TREATED_WORDS",
    "EVIDENCE_WORDS",
    "PREDICTIVE_WORDS",
    "SCENARIO_WORDS",
    "SURVIVAL_WORDS",
    "concordance",
    "concordance_text",
    "description",
    "description_text",
    "ever_treated_panel",
    "ever_treated_panel_text",
    "ever_treated_study",
    "ever_treated_study_text",
    "evidence_lag_curves",
    "evidence_lag_curves_text",
    "grouping_in_words",
    "incidence",
    "incidence_text",
    "lag_curves",
    "lag_curves_text",
    "more_by_level",
    "more_by_level_text",
    "more_or_earlier",
    "more_or_earlier_text",
    "predictive",
    "predictive_text",
    "rendered",
    "scenario",
    "scenario_text",
    "sensitivity",
    "sensitivity_text",
    "survival_curves",
    "survival_curves_text",
    "survival_words",
    "svg",
]
