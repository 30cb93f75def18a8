"""Simulation-based calibration: prior -> exits -> posterior -> ranks -> a certificate.

Where the truth is drawn from the prior and the data from the truth, the truth is one more draw from
the posterior: its rank among draws of a right engine is uniform, for every number that can be
computed from parameters and data.
"""

from hazard.predictive import prior_draw
from hazard.studies.sbc.certificate import calibrate, certificate, summary
from hazard.studies.sbc.engines import PosteriorSample, engine
from hazard.studies.sbc.example import small_rows
from hazard.studies.sbc.generate import outcomes
from hazard.studies.sbc.ranks import numbers, ranks
from hazard.studies.sbc.simulation import CalibrationPlan, Problem, piece, pieces
from hazard.studies.sbc.uniformity import band, chi_square, detectable, p_value, power

__all__ = [
    "CalibrationPlan",
    "PosteriorSample",
    "Problem",
    "band",
    "calibrate",
    "certificate",
    "chi_square",
    "detectable",
    "engine",
    "numbers",
    "outcomes",
    "p_value",
    "piece",
    "pieces",
    "power",
    "prior_draw",
    "ranks",
    "small_rows",
    "summary",
]
