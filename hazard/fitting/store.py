"""The folder of a run: written whole or not at all, read back against its own draws.

It holds ``posterior.nc`` (draws, sampler statistics, estimands), ``estimates.csv``,
``predictive.csv`` (observed exits beside replicated ones), ``priors.csv``, ``flow.csv``; where it
was sampled ``gate.csv`` and ``approximation.csv`` (how far the approximate engine is from the
draws, number by number); and ``manifest.json``, which says how they were made and what the columns
of each table hold, with a digest of every other file. Nothing of the input rows is in them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard.errors import IntegrityError
from hazard.files.atomic import new_folder
from hazard.fitting import recheck
from hazard.fitting.draws_file import AGAIN, DRAWS, bound_draws, of_draws, write_draws
from hazard.fitting.folders import (
    Columns,
    gate_facts,
    read_facts,
    spec_of,
    table,
    table_if_any,
    write_tables,
)
from hazard.fitting.recheck import Status
from hazard.fitting.records import Analysis, FinishedRun
from hazard.output.tables import COLUMNS
from hazard.spec import ModelSpec

_TABLES = {
    "estimates": Columns((*COLUMNS, "engine"), ("estimate", "lower", "upper")),
    "predictive": Columns(
        numbers=("n_persons", "n_rows", "n_draws", "observed", "predicted"),
    ),
    "priors": Columns(("name", "role", "distribution", "reason")),
    "flow": Columns(("step", "persons"), ("persons",)),
}


@dataclass(frozen=True)
class Run:
    """A run folder as read back, its draws against everything that is said of them.

    Attributes
    ----------
    spec : ModelSpec
    manifest : dict
        Facts; ``gate`` and ``limits`` are those of the draws and of this version, not the written
        ones, and ``digest`` is that of the manifest itself.
    status : Status
        What the draws say of the computation.
    gate, checked : DataFrame or None
        None for the approximate engine; ``gate`` also where the draws are not in the folder.
    """

    spec: ModelSpec
    manifest: dict[str, Any]
    status: Status
    estimates: pd.DataFrame
    predictive: pd.DataFrame
    gate: pd.DataFrame | None
    checked: pd.DataFrame | None
    priors: pd.DataFrame
    flow: pd.DataFrame


def write_run(path: Path, analysis: Analysis) -> None:
    """Run folder of an analysis."""
    with new_folder(path) as folder:
        tables = {
            "estimates": analysis.estimates,
            "predictive": analysis.predictive,
            "gate": None if analysis.gate is None else analysis.gate.table,
            "approximation": analysis.checked,
            "priors": analysis.priors,
            "flow": analysis.flow,
        }
        facts = {
            "kind": "run",
            "columns": write_tables(folder, tables),
            "model": analysis.spec.model_dump(mode="json"),
            "model_digest": analysis.spec.digest,
            "gate": None if analysis.gate is None else gate_facts(analysis.gate),
            "limits": None if analysis.gate is None else asdict(analysis.gate.limits),
            **analysis.facts,
        }
        write_draws(folder, analysis.posterior, facts)


def read_run(path: Path) -> Run:
    """Run folder read back, without the draws; the gate is that of the draws.

    Raises
    ------
    IntegrityError
        If the folder is not as it was written, or says what its draws do not say.
    UsageError
        If it is a folder of another kind.
    """
    return _read_run(path)[0]


def _read_run(path: Path) -> tuple[Run, xr.DataTree | None]:
    facts = read_facts(path, "run", may_lack=DRAWS)
    spec = spec_of(facts["model"], path)
    if spec.digest != facts["model_digest"]:
        raise IntegrityError(f"model_digest of {str(path)!r} must be that of its model. {AGAIN}")
    if set(facts["panel"]["exits in the design"]) != set(spec.outcome.exits):
        raise IntegrityError(f"panel of {str(path)!r} must count the exits of its model. {AGAIN}")
    tree = bound_draws(path, facts)
    verdict = None if tree is None else of_draws(path, lambda: recheck.gate_of(tree))
    tables = {name: table(path, name, facts, columns) for name, columns in _TABLES.items()}
    if tree is not None:
        of_draws(path, lambda: recheck.check_estimates(tree, spec, tables["estimates"]))
    judged = {
        "gate": None if verdict is None else gate_facts(verdict),
        "limits": None if verdict is None else asdict(verdict.limits),
    }
    run = Run(
        spec=spec,
        manifest={**facts, **judged},
        status=recheck.status_of(tree, verdict),
        gate=None if verdict is None else verdict.table,
        checked=table_if_any(path, "approximation", facts),
        **tables,
    )
    return run, tree


def read_finished(path: Path) -> FinishedRun:
    """Run folder with its draws.

    Raises
    ------
    IntegrityError
        As of :func:`read_run`; if the draws are not there, or not finite.
    """
    run, tree = _read_run(path)
    if tree is None:
        raise IntegrityError(f"{str(path)!r} must hold its draws; {DRAWS} is missing. {AGAIN}")
    posterior = tree["posterior"].to_dataset()
    lost = [str(name) for name, values in posterior.items() if not np.isfinite(values).all()]
    if lost:
        raise IntegrityError(
            f"draws of {str(path)!r} must be finite; got NaN or infinity in {len(lost)} of "
            f"{len(posterior)} variables. {AGAIN}"
        )
    return FinishedRun(path.name, run.spec, posterior, run.manifest, run.status)
