"""A run beside another one: a finished run on its rows, an approximation beside a sampled one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from hazard.checks import scores
from hazard.errors import DesignError
from hazard.fitting.metadata import rows_digest
from hazard.fitting.records import Analysis, FinishedRun, Rows
from hazard.model import design
from hazard.output import tables


def flagged(analysis: Analysis, checked: pd.DataFrame, facts: Mapping[str, Any]) -> Analysis:
    """An approximate analysis, each number with how far it was checked against sampling.

    Parameters
    ----------
    analysis : Analysis
    checked : DataFrame
        Of the sampled analysis.
    facts : mapping
        Of the sampled analysis: ``model_digest``, ``rows_digest``, ``posterior_digest``.
    """
    estimates = tables.flagged(analysis.estimates, checked)
    own = estimates[estimates["estimator"] == tables.HAZARD_MODEL]
    own = own[own["sd"].notna()]  # numbers that have draws
    ends = own[["apart", "apart_lower", "apart_upper"]].abs()
    checked_by = {
        "same_model": facts["model_digest"] == analysis.spec.digest,
        "same_rows": facts["rows_digest"] == analysis.facts["rows_digest"],
        "posterior_digest": facts["posterior_digest"],
        "numbers": len(own),
        "checked": int(own["apart"].notna().sum()),
        "median_apart": float(ends["apart"].median()),
        "largest_apart": float(ends["apart"].max()),
        "largest_apart_of_an_end": float(ends[["apart_lower", "apart_upper"]].max().max()),
    }
    return replace(
        analysis, estimates=estimates, facts={**analysis.facts, "checked_by": checked_by}
    )


def called(analysis: Analysis, model: str, data: str) -> Analysis:
    """An analysis with what makes it again: the model as it was given, and an option for its data.

    Parameters
    ----------
    analysis : Analysis
    model : str
        A bundled model, or a file.
    data : str
        With a placeholder for the path, which may say more of a place than a reader may know; empty
        for data that come with the package.
    """
    return replace(analysis, facts={**analysis.facts, "call": {"model": model, "data": data}})


def finished(run: FinishedRun, rows: Rows) -> scores.Fitted:
    """A run that was written, on its rows again.

    Parameters
    ----------
    run : FinishedRun
    rows : Rows
        Those it was made from, with the persons in any order.

    Raises
    ------
    DesignError
        If the rows are not those of the run.
    """
    built = design.build(rows.panel, rows.histories, run.spec)
    if rows_digest(built, rows.panel) != run.facts["rows_digest"]:
        raise DesignError(
            f"rows must be those that run {run.name!r} was made from; got others. Give the same "
            "registers or table."
        )
    engine = run.facts["settings"]["engine"]
    found = scores.fitted(built, rows.panel, spec=run.spec, posterior=run.posterior, engine=engine)
    return replace(found, name=run.name)
