"""The folders of a run, of evidence and of a sensitivity analysis: written whole or not at all.

A run: ``posterior.nc`` (draws, sampler statistics, estimands), ``estimates.csv``,
``predictive.csv`` (observed exits beside replicated ones), ``priors.csv``, ``flow.csv``; where it
was sampled ``gate.csv`` and ``approximation.csv`` (how far the approximate engine is from the
draws, number by number). Evidence: ``posterior.nc``, ``estimates.csv``, ``gate.csv``,
``correlation.csv``, ``lag_curves.png`` and ``.svg``. Sensitivity: ``sensitivity.csv``,
``sensitivity.png`` and ``.svg``; where something was sampled ``gate.csv``, where something was
repeated ``repeated.csv``. Scores: ``scores.csv``. Concordance: ``estimates.csv``,
``decomposition.csv``, ``errors.csv``, ``outside.csv``, ``concordance.png`` and ``.svg``; where the
terms are those of the published table ``columns.csv`` and ``apart.csv``. Folders of other commands
hold tables too, with figures and texts (:func:`seal`). In each, ``manifest.json``
says how they were made and what the columns of each table hold, and has a digest of every other
file. Nothing of the input rows is in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from hazard import figures
from hazard.chains import kept_chains
from hazard.concordance import Concordance
from hazard.diagnostics import Gate
from hazard.errors import UsageError
from hazard.evidence import EvidenceResult
from hazard.files import check_new, new_folder, write_file, write_netcdf
from hazard.pipeline import Analysis, FinishedRun, versions
from hazard.prior_families import Prior
from hazard.scores import Score
from hazard.scores import table as score_table
from hazard.sensitivity import Sensitivity
from hazard.spec import ModelSpec
from hazard.tidy_csv import kinds_of, read_table, write_table

__all__ = [
    "ConcordanceFolder",
    "Evidence",
    "Run",
    "check_new",
    "content_digest",
    "kept_chains",
    "new_folder",
    "read",
    "read_concordance",
    "read_evidence",
    "read_finished",
    "read_posterior",
    "read_run",
    "read_table",
    "read_tables",
    "seal",
    "write_concordance",
    "write_evidence",
    "write_file",
    "write_run",
    "write_scores",
    "write_sensitivity",
    "write_table",
]


@dataclass(frozen=True)
class Run:
    """A run folder as read back; ``gate`` and ``checked`` are None for the approximate engine."""

    spec: ModelSpec
    manifest: dict[str, Any]
    estimates: pd.DataFrame
    predictive: pd.DataFrame
    gate: pd.DataFrame | None
    checked: pd.DataFrame | None
    priors: pd.DataFrame
    flow: pd.DataFrame


@dataclass(frozen=True)
class Evidence:
    """An evidence folder as read back; ``gate`` has a column ``prior``."""

    manifest: dict[str, Any]
    estimates: pd.DataFrame
    gate: pd.DataFrame
    correlation: pd.DataFrame


@dataclass(frozen=True)
class ConcordanceFolder:
    """A concordance folder as read back; ``columns`` and ``apart`` are of the published table."""

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


def seal(folder: Path, kind: str, tables: Mapping[str, pd.DataFrame | None]) -> None:
    """Write tables beside the figures and texts of a folder, and the manifest of all of it.

    Parameters
    ----------
    folder : Path
        Of :func:`new_folder`, with everything else that it will hold.
    kind : str
        What made it, such as ``"survival"``.
    tables : mapping of str to DataFrame or None
        By the name of the file; None where there is none.
    """
    columns = _write_tables(folder, tables)
    _seal(folder, {"kind": kind, "columns": columns, "versions": versions()})


def read_tables(path: Path) -> dict[str, pd.DataFrame]:
    """Every table of a folder with its labels as they were, by the name of its file.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = _manifest(path, _manifest(path)["kind"])
    names = [Path(file).stem for file in manifest["columns"]]
    return {name: _table(path, name, manifest) for name in names}


def write_run(path: Path, analysis: Analysis) -> None:
    """Run folder of an analysis."""
    with new_folder(path) as folder:
        write_netcdf(analysis.posterior, folder / "posterior.nc")
        tables = {
            "estimates": analysis.estimates,
            "predictive": analysis.predictive,
            "gate": None if analysis.gate is None else analysis.gate.table,
            "approximation": analysis.checked,
            "priors": analysis.priors,
            "flow": analysis.flow,
        }
        manifest = {
            "kind": "run",
            "columns": _write_tables(folder, tables),
            "model": analysis.spec.model_dump(mode="json"),
            "model_digest": analysis.spec.digest,
            "gate": None if analysis.gate is None else _verdict(analysis.gate),
            "limits": None if analysis.gate is None else asdict(analysis.gate.limits),
            **analysis.facts,
            "posterior_digest": content_digest(analysis.posterior),
        }
        _seal(folder, manifest)


def write_evidence(path: Path, found: EvidenceResult) -> None:
    """Folder of what the published table says under each lag prior, with its figure."""
    with new_folder(path) as folder:
        write_netcdf(found.posterior, folder / "posterior.nc")
        gates = [each.table.assign(prior=prior) for prior, each in found.gates.items()]
        tables = {
            "estimates": found.estimates,
            "gate": pd.concat(gates, ignore_index=True),
            "correlation": found.correlation,
        }
        columns = _write_tables(folder, tables)
        _write_figure(figures.evidence_lag_curves(found.estimates), folder / "lag_curves")
        manifest = {
            "kind": "evidence",
            "columns": columns,
            "priors": _priors(found.priors),
            "gates": {prior: _verdict(each) for prior, each in found.gates.items()},
            "limits": asdict(next(iter(found.gates.values())).limits),
            "settings": asdict(found.settings),
            "versions": versions(),
            "posterior_digest": content_digest(found.posterior),
        }
        _seal(folder, manifest)


def write_sensitivity(path: Path, found: Sensitivity) -> None:
    """Folder of what a model says under every lag prior, with its figure."""
    with new_folder(path) as folder:
        gates = [each.table.assign(cell=cell) for cell, each in found.gates.items()]
        tables = {
            "sensitivity": found.table,
            "repeated": found.repeated if len(found.repeated) else None,
            "gate": pd.concat(gates, ignore_index=True) if gates else None,
        }
        columns = _write_tables(folder, tables)
        _write_figure(figures.sensitivity(found.table), folder / "sensitivity")
        manifest = {
            "kind": "sensitivity",
            "columns": columns,
            "model": found.spec.model_dump(mode="json"),
            "model_digest": found.spec.digest,
            "cells": {cell.name: _priors(cell.priors) for cell in found.cells},
            "gates": {cell: _verdict(each) for cell, each in found.gates.items()},
            **found.facts,
        }
        _seal(folder, manifest)


def write_scores(path: Path, found: Sequence[Score]) -> None:
    """Folder of how well models predict what they have not seen; nothing of a single person."""
    with new_folder(path) as folder:
        columns = _write_tables(folder, {"scores": score_table(found)})
        facts = [
            {"model": each.model, "unit": each.unit, "engine": each.engine, **each.facts}
            for each in found
        ]
        manifest = {"kind": "scores", "columns": columns, "scores": facts}
        _seal(folder, {**manifest, "versions": versions()})


def write_concordance(path: Path, found: Concordance) -> None:
    """Folder of three estimators on one scale, with its figure."""
    with new_folder(path) as folder:
        tables = {name: getattr(found, name) for name in _CONCORDANCE}
        if found.compatibility is not None:
            tables |= {name: getattr(found.compatibility, name) for name in ("columns", "apart")}
        columns = _write_tables(folder, tables)
        _write_figure(figures.concordance(found.estimates), folder / "concordance")
        manifest = {
            "kind": "concordance",
            "columns": columns,
            "first": found.first.model_dump(mode="json"),
            "last": found.last.model_dump(mode="json"),
            **found.facts,
        }
        _seal(folder, manifest)


def read_concordance(path: Path) -> ConcordanceFolder:
    """Concordance folder read back.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = _manifest(path, "concordance")
    published = "columns.csv" in manifest["files"]
    return ConcordanceFolder(
        first=ModelSpec.model_validate(manifest["first"]),
        last=ModelSpec.model_validate(manifest["last"]),
        manifest=manifest,
        **{name: _table(path, name, manifest) for name in _CONCORDANCE},
        columns=_table(path, "columns", manifest) if published else None,
        apart=_table(path, "apart", manifest) if published else None,
    )


_CONCORDANCE = ("estimates", "decomposition", "errors", "outside")


def read(path: Path) -> Run | Evidence | ConcordanceFolder:
    """Folder of a run, of evidence or of a concordance read back, without the draws.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    readers: dict[str, Callable[[Path], Run | Evidence | ConcordanceFolder]] = {
        "evidence": read_evidence,
        "concordance": read_concordance,
    }
    return readers.get(_manifest(path)["kind"], read_run)(path)


def read_run(path: Path) -> Run:
    """Run folder read back, without the draws.

    Raises
    ------
    UsageError
        If there is no run folder, or a file of it is missing or no longer what was written.
    """
    manifest = _manifest(path, "run")
    files = manifest["files"]

    def there(name: str) -> pd.DataFrame | None:
        return _table(path, name, manifest) if f"{name}.csv" in files else None

    return Run(
        spec=ModelSpec.model_validate(manifest["model"]),
        manifest=manifest,
        estimates=_table(path, "estimates", manifest),
        predictive=_table(path, "predictive", manifest),
        gate=there("gate"),
        checked=there("approximation"),
        priors=_table(path, "priors", manifest),
        flow=_table(path, "flow", manifest),
    )


def _table(path: Path, name: str, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Table of a folder; a lag or month that is a number can be missing."""
    file = f"{name}.csv"
    rows = read_table(path / file, manifest.get("columns", {}).get(file))
    numbers = [each for each in ("lag", "month") if each in rows and _is_whole(rows[each])]
    return rows.astype(dict.fromkeys(numbers, "Int64"))


def _is_whole(column: pd.Series) -> bool:
    """Whether a column holds whole numbers, or nothing."""
    return pd.api.types.is_integer_dtype(column) or bool(column.isna().all())


def read_evidence(path: Path) -> Evidence:
    """Evidence folder read back, without the draws.

    Raises
    ------
    UsageError
        If there is no evidence folder, or a file of it is missing or no longer what was written.
    """
    manifest = _manifest(path, "evidence")
    names = ("estimates", "gate", "correlation")
    return Evidence(manifest, **{name: _table(path, name, manifest) for name in names})


def read_finished(path: Path) -> FinishedRun:
    """Run folder with its draws.

    Raises
    ------
    UsageError
        If there is no run folder, or a file of it is missing or no longer what was written.
    """
    run = read_run(path)
    posterior = read_posterior(path)["posterior"].to_dataset().load()
    return FinishedRun(path.name, run.spec, posterior, run.manifest)


def read_posterior(path: Path) -> xr.DataTree:
    """Draws of a run folder."""
    return xr.open_datatree(path / "posterior.nc", engine="h5netcdf")


def content_digest(tree: xr.DataTree) -> str:
    """SHA-256 of the draws themselves, which is the same for the same draws in another file."""
    total = hashlib.sha256()
    for group in ("posterior", "estimands"):
        if group not in tree.children:
            continue
        for name, values in sorted(tree[group].data_vars.items(), key=lambda item: str(item[0])):
            total.update(f"{group}/{name}{values.dims}{values.shape}".encode())
            total.update(values.to_numpy().astype("<f8").tobytes())
    return total.hexdigest()


def _priors(priors: Mapping[str, Prior]) -> dict[str, Any]:
    return {name: each.model_dump(mode="json") for name, each in priors.items()}


def _write_tables(
    folder: Path, tables: Mapping[str, pd.DataFrame | None]
) -> dict[str, dict[str, str]]:
    """Write the tables that there are; what their columns hold, for the manifest."""
    there = {f"{name}.csv": rows for name, rows in tables.items() if rows is not None}
    for name, rows in there.items():
        write_table(rows, folder / name)
    return {name: kinds_of(rows) for name, rows in there.items()}


def _write_figure(figure: Figure, stem: Path) -> None:
    for kind in ("png", "svg"):
        stem.with_suffix(f".{kind}").write_bytes(figures.rendered(figure, kind))


def _verdict(gate: Gate) -> dict[str, Any]:
    return {
        "passed": gate.passed,
        "failures": list(gate.failures),
        "divergences": gate.divergences,
        "bfmi": list(gate.bfmi),
        "chains": gate.chains,
    }


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with a digest of every file; only the owner may read any of them."""
    digests = {item.name: _file_digest(item) for item in sorted(folder.iterdir())}
    text = json.dumps({**manifest, "files": digests}, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    for item in folder.iterdir():
        item.chmod(0o600)


def _manifest(path: Path, kind: str | None = None) -> dict[str, Any]:
    """Manifest of a folder whose files are those that were written."""
    try:
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        own, files = manifest["kind"], manifest["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"run folder must hold a manifest.json that a run wrote; none in {str(path)!r}."
        ) from None
    if kind not in (None, own):
        raise UsageError(f"{str(path)!r} must be a folder of kind {kind!r}; got {own!r}.")
    if kind is not None:
        lost = [name for name in files if not _unchanged(path / name, files[name])]
        if lost:
            raise UsageError(
                f"run folder must hold what was written; {', '.join(lost)} is missing or changed. "
                "Write the run again."
            )
    return manifest


def _unchanged(path: Path, digest: str) -> bool:
    return path.is_file() and _file_digest(path) == digest


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
