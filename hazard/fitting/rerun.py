"""A fit beside another one: on its rows again, or an approximation beside a sampled fit."""

from __future__ import annotations

from dataclasses import replace

from hazard.errors import DesignError, UsageError
from hazard.fitting.metadata import rows_digest
from hazard.fitting.records import Fit, Panel
from hazard.model import design
from hazard.output import tables


def flagged(approximate: Fit, sampled: Fit) -> Fit:
    """An approximate fit, each number with how far it was checked against sampling.

    Parameters
    ----------
    approximate : Fit
    sampled : Fit
        Read back from its folder.

    Raises
    ------
    UsageError
        If the other fit was not sampled.
    """
    if sampled.approximation is None:
        raise UsageError(
            f"--checked-by must name a run with an approximation.csv; {sampled.name!r} has none."
            " Give one of --engine nuts."
        )
    facts = sampled.facts
    estimates = tables.flagged(approximate.estimates, sampled.approximation)
    checkable = estimates[estimates["estimator"] == tables.HAZARD_MODEL]
    checkable = checkable[checkable["sd"].notna()]  # numbers that have draws
    distances = checkable[["apart", "apart_lower", "apart_upper"]].abs()
    checked_by = {
        "same_model": facts["model_digest"] == approximate.spec.digest,
        "same_rows": facts["rows_digest"] == approximate.facts["rows_digest"],
        "posterior_digest": facts["posterior_digest"],
        "numbers": len(checkable),
        "checked": int(checkable["apart"].notna().sum()),
        "median_apart": float(distances["apart"].median()),
        "largest_apart": float(distances["apart"].max()),
        "largest_apart_of_an_end": float(distances[["apart_lower", "apart_upper"]].max().max()),
    }
    return replace(
        approximate, estimates=estimates, facts={**approximate.facts, "checked_by": checked_by}
    )


def called(fit: Fit, model: str, data: str) -> Fit:
    """A fit with what makes it again: the model as it was given, and an option for its data.

    Parameters
    ----------
    fit : Fit
    model : str
        A bundled model, or a file.
    data : str
        With a placeholder for the path, which may say more of a place than a reader may know; empty
        for data that come with the package.
    """
    return replace(fit, facts={**fit.facts, "call": {"model": model, "data": data}})


def on_rows(fit: Fit, rows: Panel) -> Fit:
    """A fit that was read from a folder, on its rows again.

    Parameters
    ----------
    fit : Fit
    rows : Panel
        Those it was made from, with the persons in any order.

    Raises
    ------
    DesignError
        If the rows are not those of the fit.
    """
    built = design.build(rows.frame, rows.histories, fit.spec)
    if rows_digest(built, rows.frame) != fit.facts["rows_digest"]:
        raise DesignError(
            f"rows must be those that run {fit.name!r} was made from; got others. Give the same "
            "registers or table."
        )
    return replace(fit, rows=rows, built=built)
