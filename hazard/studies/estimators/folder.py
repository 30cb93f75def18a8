"""The folder of a comparison of estimators.

It holds ``estimates.csv``, ``decomposition.csv``, ``errors.csv``, ``outside.csv``,
``comparison.png`` and ``.svg``; where the terms are those of the published table ``columns.csv``
and ``apart.csv``; and the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hazard.files import seal
from hazard.files.atomic import new_folder
from hazard.fitting.folders import (
    read_facts,
    spec_of,
    table,
    table_if_any,
    write_figure,
    write_tables,
)
from hazard.output import figures
from hazard.spec import ModelSpec
from hazard.studies.estimators import Comparison

_COMPARISON = ("estimates", "decomposition", "errors", "outside")


@dataclass(frozen=True)
class ComparisonFolder:
    """A comparison folder as read back; ``columns`` and ``apart`` are of the published table."""

    first: ModelSpec
    last: ModelSpec
    manifest: dict[str, Any]
    estimates: pd.DataFrame
    decomposition: pd.DataFrame
    errors: pd.DataFrame
    outside: pd.DataFrame
    columns: pd.DataFrame | None
    apart: pd.DataFrame | None

    @property
    def event(self) -> str:
        """The lagged term that the page is about."""
        return str(self.manifest["event"])


def write_comparison(path: Path, comparison: Comparison) -> None:
    """Folder of three estimators on one scale, with its figure."""
    with new_folder(path) as folder:
        tables = {name: getattr(comparison, name) for name in _COMPARISON}
        if comparison.compatibility is not None:
            tables |= {
                name: getattr(comparison.compatibility, name) for name in ("columns", "apart")
            }
        columns = write_tables(folder, tables)
        write_figure(figures.comparison(comparison.estimates), folder / "comparison")
        manifest = {
            "kind": "comparison",
            "columns": columns,
            "first": comparison.first.model_dump(mode="json"),
            "last": comparison.last.model_dump(mode="json"),
            **comparison.facts,
        }
        seal.write(folder, manifest)


def read_comparison(path: Path) -> ComparisonFolder:
    """Comparison folder read back.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = read_facts(path, "comparison")
    return ComparisonFolder(
        first=spec_of(manifest["first"], path),
        last=spec_of(manifest["last"], path),
        manifest=manifest,
        **{name: table(path, name, manifest) for name in _COMPARISON},
        columns=table_if_any(path, "columns", manifest),
        apart=table_if_any(path, "apart", manifest),
    )
