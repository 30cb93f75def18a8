"""Scores by any unit, and in words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from hazard.fitting.records import Fit
from hazard.studies.scores.compare import table
from hazard.studies.scores.future import cuts, leave_future_out
from hazard.studies.scores.leave_out import leave_one_out
from hazard.studies.scores.records import Progress, Score, ScorePlan, silent, unit_column

FUTURE = "future"


def score(
    fit: Fit, unit: str, *, plan: ScorePlan | None = None, progress: Progress = silent
) -> Score:
    """Score by a column of the panel, or of the calendar years to come.

    Parameters
    ----------
    fit : Fit
    unit : str
        ``"future"``, with the default :func:`hazard.studies.scores.cuts`, or a column of the panel.
    plan : ScorePlan, optional
    progress : callable
        Called with the stage and the share of it that is done.
    """
    if unit != FUTURE:
        return leave_one_out(fit, unit, plan=plan, progress=progress)
    months = cuts(unit_column(fit, "calendar").to_numpy())
    return leave_future_out(fit, months, plan=plan, progress=progress)


def text(scores: Sequence[Score]) -> str:
    """One sentence per score and per difference, and a warning where numbers are not to be trusted.

    Parameters
    ----------
    scores : sequence of Score
        As for :func:`hazard.studies.scores.table`.
    """
    compared = table(scores)
    sums = compared[compared["block"].isna()]
    return "\n".join(_sentence(row) for row in sums.to_dict("records"))


def _sentence(row: dict[Hashable, Any]) -> str:
    numbers = (
        f"{row['estimate']:.1f} (standard error {row['se']:.1f} over {row['n_units']:,} units, "
        f"Monte Carlo error {row['mcse']:.2f}; {row['engine']})"
    )
    if isinstance(row["versus"], str):
        sentence = f"By {row['unit']}: {row['model']} less {row['versus']}, {numbers}."
    else:
        sentence = f"By {row['unit']}: {row['model']}, expected log predictive density {numbers}."
    if row["n_not_refitted"]:
        sentence += (
            f" Not to be trusted in {row['n_not_refitted']:,} of the units; --refits fits more of "
            "them again."
        )
    return sentence
