"""What is known of the computation behind a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import xarray as xr

from hazard.inference.convergence import Gate


class Status(StrEnum):
    """What is known of the computation behind a number."""

    passed = "passed"
    failed = "failed"
    approximate = "approximate"
    without_draws = "without draws"


MARKS: Mapping[Status, str] = {
    Status.failed: "The run did not pass the convergence gate: its numbers can change when it is "
    "run again.",
    Status.approximate: "The run is approximate: its draws are those of a normal approximation.",
    Status.without_draws: "The draws of the run are not in its folder: nothing could be checked "
    "against them.",
}
"""Warning on every result of a run, unless the run passed."""


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a result of several runs.

    Examples
    --------
    >>> worst([Status.passed, Status.failed, Status.approximate]).value
    'failed'
    """
    order = [Status.without_draws, Status.failed, Status.approximate, Status.passed]
    return min(statuses, key=order.index)


def status_of(tree: xr.DataTree | None, verdict: Gate | None) -> Status:
    """Status of a run of these draws.

    Examples
    --------
    >>> status_of(xr.DataTree(), None).value, status_of(None, None).value
    ('approximate', 'without draws')
    """
    if tree is None:
        return Status.without_draws
    if verdict is None:
        return Status.approximate
    return Status.passed if verdict.passed else Status.failed
