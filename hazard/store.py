"""The run folder: written whole or not at all.

``posterior.nc`` (draws, sampler statistics, estimands), ``estimates.csv``, ``gate.csv``,
``priors.csv``, ``flow.csv``, ``manifest.json``. Nothing of the input rows is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from hazard.errors import UsageError
from hazard.pipeline import Analysis
from hazard.spec import ModelSpec

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Run:
    """A run folder as read back."""

    spec: ModelSpec
    manifest: dict[str, Any]
    estimates: pd.DataFrame
    gate: pd.DataFrame
    priors: pd.DataFrame
    flow: pd.DataFrame


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Folder under a temporary name beside ``path``, which takes that name when all went well.

    Raises
    ------
    UsageError
        If ``path`` exists and is not an empty folder, or its parent cannot be written.
    """
    check_new(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise UsageError(f"output folder must be writable; got {error.strerror}.") from None
    try:
        yield draft
        if path.exists():
            path.rmdir()
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def check_new(path: Path) -> None:
    """Raise unless ``path`` is free: absent, or an empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"output {str(path)!r} must not exist yet, or be an empty folder; choose another name."
        )


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name, readable by its owner only, and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        write(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


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
        analysis.posterior.to_netcdf(folder / "posterior.nc", engine="h5netcdf")
        write_table(analysis.estimates, folder / "estimates.csv")
        write_table(analysis.gate.table, folder / "gate.csv")
        write_table(analysis.priors, folder / "priors.csv")
        write_table(analysis.flow, folder / "flow.csv")
        manifest = {
            "model": analysis.spec.model_dump(mode="json"),
            "model_digest": analysis.spec.digest,
            "gate": {
                "passed": analysis.gate.passed,
                "failures": list(analysis.gate.failures),
                "divergences": analysis.gate.divergences,
                "bfmi": list(analysis.gate.bfmi),
                "chains": analysis.gate.chains,
            },
            **analysis.facts,
            "posterior_digest": content_digest(analysis.posterior),
            "files": {item.name: _file_digest(item) for item in sorted(folder.iterdir())},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
        for item in folder.iterdir():
            item.chmod(0o600)


def read_run(path: Path) -> Run:
    """Run folder read back, without the draws.

    Raises
    ------
    UsageError
        If the folder is no run folder.
    """
    if not (path / "manifest.json").is_file():
        raise UsageError(f"run folder must hold manifest.json; none in {str(path)!r}.")
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return Run(
        spec=ModelSpec.model_validate(manifest["model"]),
        manifest=manifest,
        estimates=pd.read_csv(path / "estimates.csv", dtype={"lag": "Int64", "month": "Int64"}),
        gate=pd.read_csv(path / "gate.csv"),
        priors=pd.read_csv(path / "priors.csv"),
        flow=pd.read_csv(path / "flow.csv"),
    )


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


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _quoted(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
