"""Tidy tables -> figures and their text alternatives; no computation, no global state.

A figure is a ``matplotlib.figure.Figure``; :func:`rendered` makes it a file, :func:`svg` an element
of a page. Every figure has a function of the same name with ``_text`` that says its numbers in
words.
"""

from hazard.figures.description import description, description_text
from hazard.figures.evidence import EVIDENCE_WORDS, evidence_lag_curves, evidence_lag_curves_text
from hazard.figures.incidence import incidence, incidence_text
from hazard.figures.lag_curves import lag_curves, lag_curves_text
from hazard.figures.predictive import PREDICTIVE_WORDS, predictive, predictive_text
from hazard.figures.sensitivity import sensitivity, sensitivity_text
from hazard.figures.style import rendered, svg

__all__ = [
    "EVIDENCE_WORDS",
    "PREDICTIVE_WORDS",
    "description",
    "description_text",
    "evidence_lag_curves",
    "evidence_lag_curves_text",
    "incidence",
    "incidence_text",
    "lag_curves",
    "lag_curves_text",
    "predictive",
    "predictive_text",
    "rendered",
    "sensitivity",
    "sensitivity_text",
    "svg",
]
