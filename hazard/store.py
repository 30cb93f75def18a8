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
hold tables too, with figures and texts (:func:`seal_folder`). In each, ``manifest.json``
says how they were made and what the columns of each table hold, and has a digest of every other
file. Nothing of the input rows is in them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5netcdf  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype
from pydantic import TypeAdapter, ValidationError

from hazard import figures, manifests, seal
from hazard.chains import kept_chains
from hazard.concordance import Concordance
from hazard.diagnostics import Gate
from hazard.errors import IntegrityError, SpecError, UsageError
from hazard.evidence import EvidenceResult, gates_of
from hazard.evidence import estimates as estimates_of
from hazard.files import check_new, new_folder, write_file, write_netcdf
from hazard.pipeline import Analysis, FinishedRun, recheck, versions
from hazard.pipeline.recheck import Status
from hazard.prior_families import Prior
from hazard.scores import Score
from hazard.scores import table as score_table
from hazard.sensitivity import Sensitivity
from hazard.spec import ModelSpec
from hazard.tables import COLUMNS
from hazard.terminal import excerpt
from hazard.tidy_csv import kinds_of, read_table, write_table

_DRAWS = "posterior.nc"
_SAID = "manifest"  # attribute of the draws: the facts of the folder and the digests of its tables
_DEEPEST, _MOST_BYTES, _MOST_TIMES = 3, 2**26, 100  # of groups; of what is packed in a file
_OF_THE_SEAL = ("files", "digest", "posterior_digest")
_PRIOR: TypeAdapter[Any] = TypeAdapter(Prior)
_AGAIN = "Make the folder again."

__all__ = [
    "ConcordanceFolder",
    "Evidence",
    "Run",
    "Status",
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
    "seal_folder",
    "source_run",
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


@dataclass(frozen=True)
class Evidence:
    """An evidence folder as read back; ``gate``, that of the draws, has a column ``prior``."""

    manifest: dict[str, Any]
    status: Status
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


def seal_folder(
    folder: Path,
    kind: str,
    tables: Mapping[str, pd.DataFrame | None],
    made_of: Mapping[str, Any] | None = None,
) -> None:
    """Write tables beside the figures and texts of a folder, and the manifest of all of it.

    Parameters
    ----------
    folder : Path
        Of :func:`new_folder`, with everything else that it will hold.
    kind : str
        What made it, such as ``"survival"``.
    tables : mapping of str to DataFrame or None
        By the name of the file; None where there is none.
    made_of : mapping, optional
        Of the run that it was made of: see :func:`source_run`.
    """
    columns = _write_tables(folder, tables)
    facts = {"kind": kind, "columns": columns, "versions": versions()}
    seal.write(folder, facts if made_of is None else {**facts, "run": dict(made_of)})


def source_run(facts: Mapping[str, Any], status: str) -> dict[str, str]:
    """What a folder that is made of a run says of it: two digests and its status."""
    digests = {name: str(facts[name]) for name in ("digest", "posterior_digest")}
    return {**digests, "status": status}


def read_tables(path: Path) -> dict[str, pd.DataFrame]:
    """Every table of a folder with its labels as they were, by the name of its file.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = _facts(path)
    names = [Path(file).stem for file in manifest["columns"]]
    return {name: _table(path, name, manifest) for name in names}


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
            "columns": _write_tables(folder, tables),
            "model": analysis.spec.model_dump(mode="json"),
            "model_digest": analysis.spec.digest,
            "gate": None if analysis.gate is None else _verdict(analysis.gate),
            "limits": None if analysis.gate is None else asdict(analysis.gate.limits),
            **analysis.facts,
        }
        _write_draws(folder, analysis.posterior, facts)


def _write_draws(folder: Path, posterior: xr.DataTree, facts: Mapping[str, Any]) -> None:
    """Write draws that say of themselves what the folder tells of them, and seal it."""
    tree = posterior.copy()
    tree.attrs = {_SAID: seal.json_text({**facts, "tables": _table_digests(folder)})}
    write_netcdf(tree, folder / _DRAWS)
    seal.write(folder, {**facts, "posterior_digest": content_digest(tree)})


def _table_digests(folder: Path) -> dict[str, str]:
    return {item.name: seal.digest(item) for item in sorted(folder.glob("*.csv"))}


def write_evidence(path: Path, found: EvidenceResult) -> None:
    """Folder of what the published table says under each lag prior, with its figure."""
    with new_folder(path) as folder:
        tables = {
            "estimates": found.estimates,
            "gate": _gate_tables(found.gates, "prior"),
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
        }
        _write_draws(folder, found.posterior, manifest)


def write_sensitivity(path: Path, found: Sensitivity) -> None:
    """Folder of what a model says under every lag prior, with its figure."""
    with new_folder(path) as folder:
        tables = {
            "sensitivity": found.table,
            "repeated": found.repeated if len(found.repeated) else None,
            "gate": _gate_tables(found.gates, "cell") if found.gates else None,
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
        seal.write(folder, manifest)


def write_scores(path: Path, found: Sequence[Score], statuses: Mapping[str, Status]) -> None:
    """Folder of how well models predict what they have not seen; nothing of a single person.

    ``statuses`` are those of the runs, by the name of the model in the scores.
    """
    rows = score_table(found)
    pairs = zip(rows["model"], rows["versus"], strict=True)
    status = [recheck.worst([statuses[m] for m in pair if m in statuses]) for pair in pairs]
    with new_folder(path) as folder:
        columns = _write_tables(folder, {"scores": rows.assign(checked=status)})
        facts = [
            {"model": each.model, "unit": each.unit, "engine": each.engine, **each.facts}
            for each in found
        ]
        manifest = {"kind": "scores", "columns": columns, "scores": facts}
        seal.write(folder, {**manifest, "versions": versions()})


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
        seal.write(folder, manifest)


def read_concordance(path: Path) -> ConcordanceFolder:
    """Concordance folder read back.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = _facts(path, "concordance")
    return ConcordanceFolder(
        first=_spec(manifest["first"], path),
        last=_spec(manifest["last"], path),
        manifest=manifest,
        **{name: _table(path, name, manifest) for name in _CONCORDANCE},
        columns=_table_if_any(path, "columns", manifest),
        apart=_table_if_any(path, "apart", manifest),
    )


_NEVER_EMPTY = frozenset({"estimates", "priors", "flow", "decomposition", "errors"})
_REQUIRED: dict[tuple[str, str], tuple[str, ...]] = {
    ("run", "estimates"): (*COLUMNS, "engine"),
    ("run", "flow"): ("step", "persons"),
    ("run", "priors"): ("name", "role", "distribution", "reason"),
}
_NUMBERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("run", "estimates"): ("estimate", "lower", "upper"),
    ("run", "flow"): ("persons",),
    ("run", "predictive"): ("n_persons", "n_rows", "n_draws", "observed", "predicted"),
    ("evidence", "estimates"): ("estimate", "lower", "upper"),
    ("evidence", "correlation"): ("ci_prob",),
}
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
    return readers.get(seal.read(path, may_lack=_DRAWS)["kind"], read_run)(path)


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
    facts = _facts(path, "run", may_lack=_DRAWS)
    spec = _spec(facts["model"], path)
    if spec.digest != facts["model_digest"]:
        raise IntegrityError(f"model_digest of {str(path)!r} must be that of its model. {_AGAIN}")
    if set(facts["panel"]["exits in the design"]) != set(spec.outcome.exits):
        raise IntegrityError(f"panel of {str(path)!r} must count the exits of its model. {_AGAIN}")
    tree = _bound_draws(path, facts)
    verdict = None if tree is None else _of_draws(path, lambda: recheck.gate_of(tree))
    names = ("estimates", "predictive", "priors", "flow")
    tables = {name: _table(path, name, facts) for name in names}
    if tree is not None:
        _of_draws(path, lambda: recheck.check_estimates(tree, spec, tables["estimates"]))
    judged = {
        "gate": None if verdict is None else _verdict(verdict),
        "limits": None if verdict is None else asdict(verdict.limits),
    }
    run = Run(
        spec=spec,
        manifest={**facts, **judged},
        status=recheck.status_of(tree, verdict),
        gate=None if verdict is None else verdict.table,
        checked=_table_if_any(path, "approximation", facts),
        **tables,
    )
    return run, tree


def _spec(model: Mapping[str, Any], path: Path) -> ModelSpec:
    try:
        return ModelSpec.model_validate(model)
    except (ValueError, SpecError):
        raise IntegrityError(
            f"manifest of {str(path)!r} must hold a model file; it breaks a rule. {_AGAIN}"
        ) from None


def _bound_draws(path: Path, facts: Mapping[str, Any]) -> xr.DataTree | None:
    """Draws of a folder, if they say of themselves what its manifest says; None without draws."""
    if not (path / _DRAWS).exists():
        return None
    tree = read_posterior(path)
    said = seal.parsed(str(tree.attrs.get(_SAID, "")), f"what draws of {str(path)!r} say")
    tables = said.pop("tables", None)
    stated = {name: facts[name] for name in facts if name not in _OF_THE_SEAL}
    pairs = {
        "the manifest": (said, seal.parsed(seal.json_text(stated), "manifest")),
        "the tables": (tables, _table_digests(path)),
        "posterior_digest": (
            _of_draws(path, lambda: content_digest(tree)),
            facts["posterior_digest"],
        ),
        "the engine": (recheck.is_sampled(tree), facts["settings"]["engine"] == "nuts"),
    }
    wrong = [name for name, (one, other) in pairs.items() if one != other]
    if wrong:
        raise IntegrityError(
            f"draws of {str(path)!r} must be those that the folder tells of; {', '.join(wrong)} "
            f"differ. {_AGAIN}"
        )
    return tree


def _of_draws[Result](path: Path, of: Callable[[], Result]) -> Result:
    """What is computed from draws of a file that anybody may have written."""
    try:
        return of()
    except (LookupError, ArithmeticError, ValueError, TypeError, AttributeError, RuntimeError):
        raise IntegrityError(
            f"draws of {str(path)!r} must be those of a run of its model; they are not. {_AGAIN}"
        ) from None


def _table_if_any(path: Path, name: str, facts: Mapping[str, Any]) -> pd.DataFrame | None:
    return _table(path, name, facts) if f"{name}.csv" in facts["files"] else None


def _table(path: Path, name: str, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Table of a folder; a lag or month that is a number can be missing."""
    file = f"{name}.csv"
    try:
        rows = read_table(path / file, facts["columns"][file])
        if list(rows.columns) != list(facts["columns"][file]):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        raise IntegrityError(
            f"{file} of {str(path)!r} must be a table with the columns of the manifest; it is not. "
            f"{_AGAIN}"
        ) from None
    if rows.empty and name in _NEVER_EMPTY:
        raise IntegrityError(f"{file} of {str(path)!r} must have rows; got none. {_AGAIN}")
    of = (str(facts["kind"]), name)
    lost = [each for each in _REQUIRED.get(of, ()) if each not in rows]
    lost += [
        each for each in _NUMBERS.get(of, ()) if each in rows and not is_numeric_dtype(rows[each])
    ]
    if lost:
        raise IntegrityError(
            f"{file} of {str(path)!r} must have all its columns; {len(lost)} are missing or no "
            f"numbers. {_AGAIN}"
        )
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
    facts = _facts(path, "evidence", may_lack=_DRAWS)
    _check_priors(facts, path)
    tree = _bound_draws(path, facts)
    names = ("estimates", "gate", "correlation")
    tables = {name: _table(path, name, facts) for name in names}
    if tree is None:
        return Evidence(facts, Status.without_draws, **tables)
    _of_draws(path, lambda: _check_evidence(path, facts, tree, tables["estimates"]))
    gates = _of_draws(path, lambda: gates_of(tree, facts["priors"]))
    judged = {
        "gates": {prior: _verdict(verdict) for prior, verdict in gates.items()},
        "limits": asdict(next(iter(gates.values())).limits),
    }
    passed = all(verdict.passed for verdict in gates.values())
    tables["gate"] = _gate_tables(gates, "prior")
    return Evidence({**facts, **judged}, Status.passed if passed else Status.failed, **tables)


def _check_priors(facts: Mapping[str, Any], path: Path) -> None:
    """Raise unless every prior is one, with a gate of its own."""
    try:
        for record in facts["priors"].values():
            _PRIOR.validate_python(record)
    except ValidationError:
        whole = False
    else:
        whole = bool(facts["priors"]) and facts["priors"].keys() == facts["gates"].keys()
    if not whole:
        raise IntegrityError(
            f"manifest of {str(path)!r} must hold priors, with the gate of each. {_AGAIN}"
        )


def _check_evidence(
    path: Path, facts: Mapping[str, Any], tree: xr.DataTree, estimates: pd.DataFrame
) -> None:
    """Raise unless priors and estimates are those of the draws."""
    again = estimates_of(tree).reset_index(drop=True)
    stated = estimates[estimates["prior"].isin(again["prior"].unique())].reset_index(drop=True)
    numbers = again.select_dtypes("number").columns
    labels = [name for name in again if name not in numbers]
    same = (
        set(tree["posterior"].to_dataset()["prior"].to_numpy().tolist()) == facts["priors"].keys()
        and stated["prior"].size == again["prior"].size
        and bool((stated[labels].astype(str) == again[labels].astype(str)).all(axis=None))
        and np.allclose(stated[numbers], again[numbers], rtol=1e-9, atol=1e-9, equal_nan=True)
    )
    if not same:
        raise IntegrityError(
            f"priors and estimates.csv of {str(path)!r} must be those of the draws. {_AGAIN}"
        )


def _gate_tables(gates: Mapping[str, Gate], column: str) -> pd.DataFrame:
    """Tables of several gates, one under the other, each named in a column."""
    parts = [verdict.table.assign(**{column: name}) for name, verdict in gates.items()]
    return pd.concat(parts, ignore_index=True)


def read_finished(path: Path) -> FinishedRun:
    """Run folder with its draws.

    Raises
    ------
    IntegrityError
        As of :func:`read_run`; if the draws are not there, or not finite.
    """
    run, tree = _read_run(path)
    if tree is None:
        raise IntegrityError(f"{str(path)!r} must hold its draws; {_DRAWS} is missing. {_AGAIN}")
    posterior = tree["posterior"].to_dataset()
    lost = [str(name) for name, values in posterior.items() if not np.isfinite(values).all()]
    if lost:
        raise IntegrityError(
            f"draws of {str(path)!r} must be finite; got NaN or infinity in {len(lost)} of "
            f"{len(posterior)} variables. {_AGAIN}"
        )
    return FinishedRun(path.name, run.spec, posterior, run.manifest, run.status)


def read_posterior(path: Path) -> xr.DataTree:
    """Draws of a folder, in memory.

    Raises
    ------
    IntegrityError
        If the file does not hold a group of draws.
    """
    try:
        _refuse_strange(path / _DRAWS)
        with xr.open_datatree(path / _DRAWS, engine="h5netcdf") as tree:
            loaded: xr.DataTree = tree.load()
            chains = loaded["posterior"].sizes
            if not chains["chain"] * chains["draw"] or any(map(_hides_draws, loaded.subtree)):
                raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        raise IntegrityError(
            f"{_DRAWS} of {str(path)!r} must hold draws of a run; it does not. {_AGAIN}"
        ) from None
    return loaded


def _refuse_strange(path: Path) -> None:
    """Raise for groups within groups without end, and for more numbers than a file can hold."""
    with h5netcdf.File(path, "r") as file:
        if sum(_bytes(file)) > _MOST_BYTES + _MOST_TIMES * path.stat().st_size:
            raise ValueError


def _bytes(group: h5netcdf.Group, depth: int = 0) -> Iterator[int]:
    if depth > _DEEPEST:
        raise ValueError
    for variable in group.variables.values():
        yield math.prod(variable.shape) * variable.dtype.itemsize
    for child in group.groups.values():
        yield from _bytes(child, depth + 1)


def _hides_draws(node: xr.DataTree) -> bool:
    """Whether draws are called labels, as an attribute of the file can say: nobody judges these."""
    return any("draw" in values.dims and name != "draw" for name, values in node.coords.items())


def content_digest(tree: xr.DataTree) -> str:
    """SHA-256 of draws and their labels, whatever file they are in and whatever is said of them."""
    total = hashlib.sha256()
    for node in sorted(tree.subtree, key=lambda each: each.path):
        arrays = node.to_dataset(inherit=False).variables
        for name in sorted(arrays, key=str):
            values = arrays[name]
            if values.dtype.kind not in "OUSbiuf":
                raise TypeError(f"no draws or labels: {values.dtype}")
            labels = values.dtype.kind in "OUS"
            texts = list(map(str, values.to_numpy().ravel())) if labels else []
            role = "label" if name in node.coords else "draws"
            place = [node.path, str(name), role, list(values.dims), list(values.shape), texts]
            total.update(json.dumps(place).encode())
            if not labels:
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


def _facts(path: Path, kind: str | None = None, *, may_lack: str = "") -> dict[str, Any]:
    """Manifest of a folder whose files are those that were written."""
    facts = seal.read(path, may_lack=may_lack)
    if kind is not None and facts["kind"] != kind:
        other = excerpt(facts["kind"], most=40)
        raise UsageError(f"{str(path)!r} must be a folder of kind {kind!r}; got {other!r}.")
    return manifests.checked(facts, repr(str(path)))


def _verdict(gate: Gate) -> dict[str, Any]:
    return {
        "passed": gate.passed,
        "failures": list(gate.failures),
        "divergences": gate.divergences,
        "bfmi": list(gate.bfmi),
        "chains": gate.chains,
        "copies": gate.copies,
    }
