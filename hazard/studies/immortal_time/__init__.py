"""Ever treated against treated so far: what immortal time does to a regression.

Who leaves early cannot be treated later. A regression of "ever left through the exit" on "ever
treated" therefore finds a difference where a treatment has no effect. Here are that design, the
same question with a treatment that starts when it is given, and a simulation with a known effect.
"""

from hazard.studies.immortal_time.assumptions import assumptions
from hazard.studies.immortal_time.draws import Persons, panel_of, persons
from hazard.studies.immortal_time.estimates import (
    check_model,
    compared,
    ever_treated_fit,
    hazard_fit,
)
from hazard.studies.immortal_time.expected import (
    ExpectedShares,
    expected_shares,
    pooled_limit,
    within_limit,
)
from hazard.studies.immortal_time.person_rows import Question, landmark_rows, person_rows
from hazard.studies.immortal_time.published import published_coefficients
from hazard.studies.immortal_time.sentences import panel_sentences, study_sentences
from hazard.studies.immortal_time.study import study
from hazard.studies.immortal_time.talks import TalkPopulation, talk_population, with_odds_ratio

__all__ = [
    "ExpectedShares",
    "Persons",
    "Question",
    "TalkPopulation",
    "assumptions",
    "check_model",
    "compared",
    "ever_treated_fit",
    "expected_shares",
    "hazard_fit",
    "landmark_rows",
    "panel_of",
    "panel_sentences",
    "person_rows",
    "persons",
    "pooled_limit",
    "published_coefficients",
    "study",
    "study_sentences",
    "talk_population",
    "with_odds_ratio",
    "within_limit",
]
