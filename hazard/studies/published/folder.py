"""The folder of published estimates under lag priors.

It holds ``posterior.nc``, ``estimates.csv``, ``gate.csv``, ``correlation.csv``, ``lag_curves.png``
and ``.svg``, and the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import TypeAdapter, ValidationError

from hazard.errors import IntegrityError
from hazard.files.atomic import new_folder
from hazard.fitting import versions
from hazard.fitting.draws_file import AGAIN, DRAWS, bound_draws, of_draws, write_draws
from hazard.fitting.folders import (
    Columns,
    gate_facts,
    gate_tables,
    prior_records,
    read_facts,
    table,
    write_figure,
    write_tables,
)
from hazard.fitting.status import Status
from hazard.output import figures
from hazard.spec.priors import Prior
from hazard.studies.published import PublishedPosterior, gates_of
from hazard.studies.published import estimates as estimates_of

_PRIOR: TypeAdapter[Any] = TypeAdapter(Prior)
_TABLES = {
    "estimates": Columns(numbers=("estimate", "lower", "upper")),
    "gate": Columns(),
    "correlation": Columns(numbers=("ci_prob",)),
}


@dataclass(frozen=True)
class PublishedFolder:
    """Published estimates as read back; ``gate``, that of the draws, has a column ``prior``."""

    manifest: dict[str, Any]
    status: Status
    estimates: pd.DataFrame
    gate: pd.DataFrame
    correlation: pd.DataFrame


def write_published(path: Path, published: PublishedPosterior) -> None:
    """Folder of what the published table says under each lag prior, with its figure."""
    with new_folder(path) as folder:
        tables = {
            "estimates": published.estimates,
            "gate": gate_tables(published.gates, "prior"),
            "correlation": published.correlation,
        }
        columns = write_tables(folder, tables)
        write_figure(figures.published_lag_curves(published.estimates), folder / "lag_curves")
        manifest = {
            "kind": "published",
            "columns": columns,
            "priors": prior_records(published.priors),
            "gates": {prior: gate_facts(verdict) for prior, verdict in published.gates.items()},
            "limits": asdict(next(iter(published.gates.values())).limits),
            "settings": asdict(published.settings),
            "versions": versions(),
        }
        write_draws(folder, published.posterior, manifest)


def read_published(path: Path) -> PublishedFolder:
    """PublishedFolder folder read back, without the draws.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    facts = read_facts(path, "published", may_lack=DRAWS)
    _check_priors(facts, path)
    tree = bound_draws(path, facts)
    tables = {name: table(path, name, facts, columns) for name, columns in _TABLES.items()}
    if tree is None:
        return PublishedFolder(facts, Status.without_draws, **tables)
    of_draws(path, lambda: _check_published(path, facts, tree, tables["estimates"]))
    gates = of_draws(path, lambda: gates_of(tree, facts["priors"]))
    judged = {
        "gates": {prior: gate_facts(verdict) for prior, verdict in gates.items()},
        "limits": asdict(next(iter(gates.values())).limits),
    }
    passed = all(verdict.passed for verdict in gates.values())
    tables["gate"] = gate_tables(gates, "prior")
    return PublishedFolder(
        {**facts, **judged}, Status.passed if passed else Status.failed, **tables
    )


def _check_priors(facts: Mapping[str, Any], path: Path) -> None:
    """Raise unless every prior is one, with a gate of its own."""
    try:
        for record in facts["priors"].values():
            _PRIOR.validate_python(record)
    except ValidationError:
        complete = False
    else:
        complete = bool(facts["priors"]) and facts["priors"].keys() == facts["gates"].keys()
    if not complete:
        raise IntegrityError(
            f"manifest of {str(path)!r} must hold priors, with the gate of each. {AGAIN}"
        )


def _check_published(
    path: Path, facts: Mapping[str, Any], tree: xr.DataTree, estimates: pd.DataFrame
) -> None:
    """Raise unless priors and estimates are those of the draws."""
    recomputed = estimates_of(tree).reset_index(drop=True)
    stated = estimates[estimates["prior"].isin(recomputed["prior"].unique())].reset_index(drop=True)
    numbers = recomputed.select_dtypes("number").columns
    labels = [name for name in recomputed if name not in numbers]
    is_same = (
        set(tree["posterior"].to_dataset()["prior"].to_numpy().tolist()) == facts["priors"].keys()
        and stated["prior"].size == recomputed["prior"].size
        and bool((stated[labels].astype(str) == recomputed[labels].astype(str)).all(axis=None))
        and np.allclose(stated[numbers], recomputed[numbers], rtol=1e-9, atol=1e-9, equal_nan=True)
    )
    if not is_same:
        raise IntegrityError(
            f"priors and estimates.csv of {str(path)!r} must be those of the draws. {AGAIN}"
        )
