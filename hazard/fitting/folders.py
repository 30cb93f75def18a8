"""Folders of results: tables, figures, and the manifest that has a digest of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from hazard.errors import IntegrityError, SpecError, UsageError
from hazard.files import manifests, seal
from hazard.files.terminal import excerpt
from hazard.files.tidy_csv import kinds_of, read_table, write_table
from hazard.fitting.draws_file import AGAIN
from hazard.fitting.metadata import versions
from hazard.inference.convergence import Gate
from hazard.output import figures
from hazard.spec import ModelSpec
from hazard.spec.priors import Prior

_NEVER_EMPTY = frozenset({"estimates", "priors", "flow", "decomposition", "errors"})


@dataclass(frozen=True)
class Columns:
    """Columns that a table must have, and those that hold numbers where they are there."""

    required: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def seal_folder(
    folder: Path,
    kind: str,
    tables: Mapping[str, pd.DataFrame | None],
    source: Mapping[str, Any] | None = None,
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
    source : mapping, optional
        Of the run that it was made of: see :func:`source_run`.
    """
    columns = write_tables(folder, tables)
    facts = {"kind": kind, "columns": columns, "versions": versions()}
    seal.write(folder, facts if source is None else {**facts, "run": dict(source)})


def source_run(facts: Mapping[str, Any], status: str) -> dict[str, str]:
    """Two digests and the status of the run from which a folder was made."""
    digests = {name: str(facts[name]) for name in ("digest", "posterior_digest")}
    return {**digests, "status": status}


def read_tables(path: Path) -> dict[str, pd.DataFrame]:
    """Every table of a folder with its labels as they were, by the name of its file.

    Raises
    ------
    UsageError
        If there is no such folder, or a file of it is missing or no longer what was written.
    """
    manifest = read_facts(path)
    names = [Path(file).stem for file in manifest["columns"]]
    return {name: table(path, name, manifest) for name in names}


def write_tables(
    folder: Path, tables: Mapping[str, pd.DataFrame | None]
) -> dict[str, dict[str, str]]:
    """Write the tables that there are; what their columns hold, for the manifest."""
    present = {f"{name}.csv": rows for name, rows in tables.items() if rows is not None}
    for name, rows in present.items():
        write_table(rows, folder / name)
    return {name: kinds_of(rows) for name, rows in present.items()}


def write_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as PNG and as SVG."""
    for kind in ("png", "svg"):
        stem.with_suffix(f".{kind}").write_bytes(figures.rendered(figure, kind))


def read_facts(path: Path, kind: str | None = None, *, may_lack: str = "") -> dict[str, Any]:
    """Manifest of a folder whose files are those that were written."""
    facts = seal.read(path, may_lack=may_lack)
    if kind is not None and facts["kind"] != kind:
        other = excerpt(facts["kind"], max_length=40)
        raise UsageError(f"{str(path)!r} must be a folder of kind {kind!r}; got {other!r}.")
    return manifests.checked(facts, repr(str(path)))


def table_if_any(path: Path, name: str, facts: Mapping[str, Any]) -> pd.DataFrame | None:
    """Table of a folder, or None where it has none of this name."""
    return table(path, name, facts) if f"{name}.csv" in facts["files"] else None


def table(
    path: Path, name: str, facts: Mapping[str, Any], columns: Columns | None = None
) -> pd.DataFrame:
    """Table of a folder; a lag or month that is a number can be missing.

    Raises
    ------
    IntegrityError
        If the file is not such a table, one that is never empty has no rows, or a column is
        missing or does not hold numbers.
    """
    file = f"{name}.csv"
    try:
        rows = read_table(path / file, facts["columns"][file])
        if list(rows.columns) != list(facts["columns"][file]):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        raise IntegrityError(
            f"{file} of {str(path)!r} must be a table with the columns of the manifest; it is not. "
            f"{AGAIN}"
        ) from None
    if rows.empty and name in _NEVER_EMPTY:
        raise IntegrityError(f"{file} of {str(path)!r} must have rows; got none. {AGAIN}")
    expected = columns or Columns()
    invalid = [column for column in expected.required if column not in rows]
    invalid += [n for n in expected.numbers if n in rows and not is_numeric_dtype(rows[n])]
    if invalid:
        raise IntegrityError(
            f"{file} of {str(path)!r} must have all its columns; {len(invalid)} are missing or no "
            f"numbers. {AGAIN}"
        )
    numbers = [name for name in ("lag", "month") if name in rows and _is_whole(rows[name])]
    return rows.astype(dict.fromkeys(numbers, "Int64"))


def _is_whole(column: pd.Series) -> bool:
    """Whether a column holds whole numbers, or nothing."""
    return pd.api.types.is_integer_dtype(column) or bool(column.isna().all())


def spec_of(model: Mapping[str, Any], path: Path) -> ModelSpec:
    """Model of a manifest."""
    try:
        return ModelSpec.model_validate(model)
    except (ValueError, SpecError):
        raise IntegrityError(
            f"manifest of {str(path)!r} must hold a model file; it breaks a rule. {AGAIN}"
        ) from None


def gate_facts(gate: Gate) -> dict[str, Any]:
    """Facts of a gate, for a manifest."""
    return {
        "passed": gate.passed,
        "failures": list(gate.failures),
        "divergences": gate.divergences,
        "bfmi": list(gate.bfmi),
        "chains": gate.chains,
        "copies": gate.copies,
    }


def gate_tables(gates: Mapping[str, Gate], column: str) -> pd.DataFrame:
    """Tables of several gates, one under the other, each named in a column."""
    parts = [gate.table.assign(**{column: name}) for name, gate in gates.items()]
    return pd.concat(parts, ignore_index=True)


def prior_records(priors: Mapping[str, Prior]) -> dict[str, Any]:
    """Priors as a manifest holds them, by name."""
    return {name: prior.model_dump(mode="json") for name, prior in priors.items()}
