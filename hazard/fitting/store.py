"""The folder of a run: written whole or not at all, read back against its own draws.

It holds ``posterior.nc`` (draws, sampler statistics, estimands), ``estimates.csv``,
``predictive.csv`` (observed exits beside replicated ones), ``priors.csv``, ``flow.csv``; where it
was sampled ``gate.csv`` and ``approximation.csv`` (how far the approximate engine is from the
draws, number by number); and ``manifest.json``, which says how they were made and what the columns
of each table hold, with a digest of every other file. Nothing of the input rows is in them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

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
from hazard.fitting.records import Fit
from hazard.output.tables import COLUMNS

_TABLES = {
    "estimates": Columns((*COLUMNS, "engine"), ("estimate", "lower", "upper")),
    "predictive": Columns(
        numbers=("n_persons", "n_rows", "n_draws", "observed", "predicted"),
    ),
    "priors": Columns(("name", "role", "distribution", "reason")),
    "flow": Columns(("step", "persons"), ("persons",)),
}


def write_run(path: Path, fit: Fit) -> None:
    """Run folder of a fit."""
    with new_folder(path) as folder:
        tables = {
            "estimates": fit.estimates,
            "predictive": fit.predictive,
            "gate": None if fit.gate is None else fit.gate.table,
            "approximation": fit.approximation,
            "priors": fit.priors,
            "flow": fit.flow,
        }
        facts = {
            "kind": "run",
            "columns": write_tables(folder, tables),
            "model": fit.spec.model_dump(mode="json"),
            "model_digest": fit.spec.digest,
            "gate": None if fit.gate is None else gate_facts(fit.gate),
            "limits": None if fit.gate is None else asdict(fit.gate.limits),
            **fit.facts,
        }
        write_draws(folder, fit.tree, facts)


def read_run(path: Path) -> Fit:
    """Run folder read back; the gate is that of the draws, none where they are missing.

    Raises
    ------
    IntegrityError
        If the folder is not as it was written, or says what its draws do not say.
    UsageError
        If it is a folder of another kind.
    """
    facts = read_facts(path, "run", may_lack=DRAWS)
    spec = spec_of(facts["model"], path)
    if spec.digest != facts["model_digest"]:
        raise IntegrityError(f"model_digest of {str(path)!r} must be that of its model. {AGAIN}")
    if set(facts["panel"]["design_exits"]) != set(spec.outcome.exits):
        raise IntegrityError(f"panel of {str(path)!r} must count the exits of its model. {AGAIN}")
    tree = bound_draws(path, facts)
    gate = None if tree is None else of_draws(path, lambda: recheck.gate_of(tree))
    tables = {name: table(path, name, facts, columns) for name, columns in _TABLES.items()}
    if tree is not None:
        of_draws(path, lambda: recheck.check_estimates(tree, spec, tables["estimates"]))
    judged = {
        "gate": None if gate is None else gate_facts(gate),
        "limits": None if gate is None else asdict(gate.limits),
    }
    return Fit(
        spec=spec,
        posterior=tree,
        facts={**facts, **judged},
        gate=gate,
        approximation=table_if_any(path, "approximation", facts),
        name=path.name,
        estimates=tables["estimates"],
        predictive=tables["predictive"],
        priors=tables["priors"],
        flow=tables["flow"],
    )


def read_with_draws(path: Path) -> Fit:
    """Run folder that goes on with its draws.

    Raises
    ------
    IntegrityError
        As of :func:`read_run`; if the draws are not there, or not finite.
    """
    fit = read_run(path)
    if fit.posterior is None:
        raise IntegrityError(f"{str(path)!r} must hold its draws; {DRAWS} is missing. {AGAIN}")
    not_finite = [str(name) for name, values in fit.draws.items() if not np.isfinite(values).all()]
    if not_finite:
        raise IntegrityError(
            f"draws of {str(path)!r} must be finite; got NaN or infinity in {len(not_finite)} of "
            f"{len(fit.draws)} variables. {AGAIN}"
        )
    return fit
