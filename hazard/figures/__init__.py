"""Tidy tables -> figures and their text alternatives; no computation, no global state.

A figure is a ``matplotlib.figure.Figure``; :func:`rendered` makes it a file, :func:`svg` an element
of a page. Every figure has a function of the same name with ``_text`` that says its numbers in
words.
"""

from hazard.figures.concordance import CONCORDANCE_WORDS, concordance, concordance_text
from hazard.figures.description import description, description_text
from hazard.figures.ever_treated import (
    EVER_TREATED_WORDS,
    ever_treated_panel,
    ever_treated_panel_text,
    ever_treated_study,
    ever_treated_study_text,
)
from hazard.figures.evidence import EVIDENCE_WORDS, evidence_lag_curves, evidence_lag_curves_text
from hazard.figures.incidence import incidence, incidence_text
from hazard.figures.lag_curves import lag_curves, lag_curves_text
from hazard.figures.more import (
    more_by_level,
    more_by_level_text,
    more_or_earlier,
    more_or_earlier_text,
)
from hazard.figures.predictive import (
    PREDICTIVE_WORDS,
    grouping_in_words,
    predictive,
    predictive_text,
)
from hazard.figures.scenario import SCENARIO_WORDS, scenario, scenario_text
from hazard.figures.sensitivity import sensitivity, sensitivity_text
from hazard.figures.style import rendered, svg
from hazard.figures.survival import (
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
