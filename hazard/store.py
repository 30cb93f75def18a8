"""The folders of a run, of evidence and of a sensitivity analysis: written whole or not at all.

A run: ``posterior.nc`` (draws, sampler statistics, estimands), ``estimates.csv``,
``predictive.csv`` (observed exits beside replicated ones), ``priors.csv``, ``flow.csv``; where it
was sampled ``gate.csv`` and ``approximation.csv`` (how far the approximate engine is from the
draws, number by number). Evidence: ``posterior.nc``, ``estimates.csv``, ``gate.csv``,
``correlation.csv``, ``lag_curves.png`` and ``.svg``. Sensitivity: ``sensitivity.csv``,
``sensitivity.png`` and ``.svg``; where something was sampled ``gate.csv``, where something was
repeated ``repeated.csv``. Scores: ``scores.csv``. Concordance: ``estimates.csv``,
``decomposition.csv``, ``errors.csv``, ``outside.csv``, ``concordance.png`` and ``.svg``; where the
terms are those of the published table ``columns.csv`` and ``apart.csv``. In each, ``manifest.json``
says how they were made and holds a digest of every other file. Nothing of the input rows is in
them.
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
from hazard.terminal import shown

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
    "write_concordance",
    "write_evidence",
    "write_file",
    "write_run",
    "write_scores",
    "write_sensitivity",
    "write_table",
]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


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


def write_table(rows: pd.DataFrame, path: Path) -> None:
    """CSV of a tidy table; text that a spreadsheet would run as a formula gets a quote."""
    safe = rows.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(_quoted, na_action="ignore")
    safe.to_csv(path, index=False)


def write_run(path: Path, analysis: Analysis) -> None:
    """Run folder of an analysis."""
    with new_folder(path) as folder:
        write_netcdf(analysis.posterior, folder / "posterior.nc")
        write_table(analysis.estimates, folder / "estimates.csv")
        write_table(analysis.predictive, folder / "predictive.csv")
        if analysis.gate is not None:
            write_table(analysis.gate.table, folder / "gate.csv")
        if analysis.checked is not None:
            write_table(analysis.checked, folder / "approximation.csv")
        write_table(analysis.priors, folder / "priors.csv")
        write_table(analysis.flow, folder / "flow.csv")
        manifest = {
            "kind": "run",
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
        write_table(found.estimates, folder / "estimates.csv")
        write_table(pd.concat(gates, ignore_index=True), folder / "gate.csv")
        write_table(found.correlation, folder / "correlation.csv")
        _write_figure(figures.evidence_lag_curves(found.estimates), folder / "lag_curves")
        manifest = {
            "kind": "evidence",
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
        write_table(found.table, folder / "sensitivity.csv")
        if len(found.repeated):
            write_table(found.repeated, folder / "repeated.csv")
        if found.gates:
            gates = [each.table.assign(cell=cell) for cell, each in found.gates.items()]
            write_table(pd.concat(gates, ignore_index=True), folder / "gate.csv")
        _write_figure(figures.sensitivity(found.table), folder / "sensitivity")
        manifest = {
            "kind": "sensitivity",
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
        write_table(score_table(found), folder / "scores.csv")
        facts = [
            {"model": each.model, "unit": each.unit, "engine": each.engine, **each.facts}
            for each in found
        ]
        _seal(folder, {"kind": "scores", "scores": facts, "versions": versions()})


def write_concordance(path: Path, found: Concordance) -> None:
    """Folder of three estimators on one scale, with its figure."""
    with new_folder(path) as folder:
        for name in _CONCORDANCE:
            write_table(getattr(found, name), folder / f"{name}.csv")
        if found.compatibility is not None:
            write_table(found.compatibility.columns, folder / "columns.csv")
            write_table(found.compatibility.apart, folder / "apart.csv")
        _write_figure(figures.concordance(found.estimates), folder / "concordance")
        manifest = {
            "kind": "concordance",
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
        estimates=_table(path / "estimates.csv"),
        decomposition=_table(path / "decomposition.csv"),
        errors=_table(path / "errors.csv"),
        outside=_table(path / "outside.csv"),
        columns=pd.read_csv(path / "columns.csv") if published else None,
        apart=pd.read_csv(path / "apart.csv") if published else None,
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
    return Run(
        spec=ModelSpec.model_validate(manifest["model"]),
        manifest=manifest,
        estimates=_table(path / "estimates.csv"),
        predictive=_table(path / "predictive.csv"),
        gate=_table(path / "gate.csv") if "gate.csv" in files else None,
        checked=_table(path / "approximation.csv") if "approximation.csv" in files else None,
        priors=pd.read_csv(path / "priors.csv"),
        flow=pd.read_csv(path / "flow.csv"),
    )


def _table(path: Path) -> pd.DataFrame:
    text = dict.fromkeys(("level", "estimand", "by"), "str")
    return pd.read_csv(path, dtype={"lag": "Int64", "month": "Int64", **text})


def read_evidence(path: Path) -> Evidence:
    """Evidence folder read back, without the draws.

    Raises
    ------
    UsageError
        If there is no evidence folder, or a file of it is missing or no longer what was written.
    """
    return Evidence(
        manifest=_manifest(path, "evidence"),
        estimates=pd.read_csv(path / "estimates.csv", dtype={"lag": str}),
        gate=pd.read_csv(path / "gate.csv"),
        correlation=pd.read_csv(path / "correlation.csv"),
    )


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


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    return f"'{shown(value)}" if value.startswith(_FORMULA) else shown(value)
