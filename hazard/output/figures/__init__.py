"""Tidy tables -> figures and their text alternatives; no computation, no global state.

A figure is a ``matplotlib.figure.Figure``; :func:`rendered` makes it a file, :func:`svg` an element
of a page. Every figure has a function of the same name with ``_text`` that says its numbers in
words. Both take words of a language, and have English ones of their own where these are not given.
"""

from hazard.output.figures.description import description, description_text
from hazard.output.figures.displacement import (
    more_by_level,
    more_by_level_text,
    more_or_earlier,
    more_or_earlier_text,
)
from hazard.output.figures.estimators import comparison, comparison_text
from hazard.output.figures.immortal_time import (
    immortal_time_panel,
    immortal_time_panel_text,
    immortal_time_study,
    immortal_time_study_text,
)
from hazard.output.figures.incidence import incidence, incidence_text
from hazard.output.figures.lag_curves import lag_curves, lag_curves_text
from hazard.output.figures.panels import description_words
from hazard.output.figures.predictive import (
    grouping_in_words,
    predictive,
    predictive_text,
    predictive_words,
)
from hazard.output.figures.prior import prior, prior_text
from hazard.output.figures.published import published_lag_curves, published_lag_curves_text
from hazard.output.figures.scenario import scenario, scenario_text
from hazard.output.figures.sensitivity import sensitivity, sensitivity_text
from hazard.output.figures.style import rendered, run_words, svg
from hazard.output.figures.survival import (
    survival_curves,
    survival_curves_text,
    survival_words,
)

__all__ = [
    "comparison",
    "comparison_text",
    "description",
    "description_text",
    "description_words",
    "grouping_in_words",
    "immortal_time_panel",
    "immortal_time_panel_text",
    "immortal_time_study",
    "immortal_time_study_text",
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
    "predictive_words",
    "prior",
    "prior_text",
    "published_lag_curves",
    "published_lag_curves_text",
    "rendered",
    "run_words",
    "scenario",
    "scenario_text",
    "sensitivity",
    "sensitivity_text",
    "survival_curves",
    "survival_curves_text",
    "survival_words",
    "svg",
]
