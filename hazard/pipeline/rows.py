"""Rows of a model: from registers, from a ready table, or some of their persons only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hazard import exposures, panel, registers, subset, table
from hazard.errors import RegisterError, UsageError
from hazard.pipeline.records import Rows
from hazard.spec import ModelSpec


def rows_from_registers(directory: Path, spec: ModelSpec) -> Rows:
    """Panel and exposure histories of a register folder, under the definitions of the model."""
    found = registers.read(directory)
    report = registers.check(found)
    refuse_broken(report)
    defined = registers.define(found, spec.data)
    built = panel.build(defined)
    histories = exposures.register_histories(
        built, defined, spec.lagged, history_centre=spec.data.history_centre
    )
    simulated = (directory / "truth").is_dir()
    source = "simulated registers" if simulated else "registers"
    flow = pd.concat([defined.flow, *_noted(found, report)], ignore_index=True)
    return _only(Rows(built, histories, flow, source, defined, warnings(report)), spec)


def warnings(report: pd.DataFrame) -> tuple[str, ...]:
    """Sentences of an integrity report about what a correct register hardly holds."""
    broken = report[(report["severity"] == "warning") & (report["n_broken"] > 0)]
    return tuple(
        f"{rule.table}: {str(rule.rule).rstrip('.')}; broken in {rule.n_broken:,} of "
        f"{rule.n_rows:,} rows."
        for rule in broken.itertuples()
    )


def _noted(found: registers.Registers, report: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Lines of the flow about normalised cells, and about warnings; none where there are none."""
    altered = sum(int(rows.sum()) for rows in found.altered.values())
    odd = len(warnings(report))
    for reason, count in (
        ("cells of the registers that were normalised", altered),
        ("rules that a correct register hardly breaks, broken", odd),
    ):
        if count:
            line = {"step": "note", "reason": reason, "persons": count, "families": 0}
            yield pd.DataFrame([line])


def refuse_broken(report: pd.DataFrame) -> None:
    """Raise when an integrity report holds an error.

    Raises
    ------
    RegisterError
        One sentence that names every broken rule, with its number of rows and the first of them.
    """
    broken = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
    if len(broken):
        lines = [
            f"{rule.table}: {str(rule.rule).rstrip('.')} ({rule.n_broken} of {rule.n_rows} rows do "
            f"not; first: row {str(rule.first_rows).split(',')[0]})"
            for rule in broken.itertuples()
        ]
        raise RegisterError(
            f"registers must hold together; broken: {'; '.join(lines)}. Correct the extract, or "
            "see them all with 'hazard check'."
        )


def rows_from_table(path: Path | None, spec: ModelSpec) -> Rows:
    """Panel and exposure histories of a ready table, or of the model's bundled example."""
    if path is not None:
        built = table.read(path, spec)
    elif spec.table.source is not None:
        built = table.panel(table.bundled(spec.table.source), spec)
    else:
        raise UsageError(
            f"model {spec.name!r} must be given data; pass --registers DIR or --panel FILE."
        )
    own = [term for term in spec.lagged if term.network == "own"]
    peers = [term for term in spec.lagged if term.network != "own"]
    histories = {term.name: exposures.own_history(built, term) for term in own}
    histories |= exposures.from_columns(built, peers)
    flow = pd.DataFrame(
        [
            {"step": f"left out: {reason}", "persons": n}
            for reason, n in built.attrs.get("left_out", {}).items()
        ]
        + [{"step": "in the panel", "persons": int(built["person"].nunique())}]
    )
    return _only(Rows(built, histories, flow, "table"), spec)


def _only(rows: Rows, spec: ModelSpec) -> Rows:
    """The rows that the model asks for; their exposures stay those that everybody made."""
    if not spec.only:
        return rows
    which = subset.chosen(rows.panel, spec.only)
    kept = subset.of_rows(rows.panel, which)
    persons = [int(frame["person"].nunique()) for frame in (rows.panel, kept)]
    lines = pd.DataFrame(
        {
            "step": ["excluded", "kept"],
            "reason": ["not among those that the model is of", "those that the model is of"],
            "persons": [persons[0] - persons[1], persons[1]],
        }
    )
    if "reason" in rows.flow:
        lines = lines.assign(families=lines["persons"])
    else:
        lines = lines.assign(step=lines["reason"]).drop(columns="reason")
    histories = {name: each[which] for name, each in rows.histories.items()}
    flow = pd.concat([rows.flow, lines], ignore_index=True)
    return replace(rows, panel=kept, histories=histories, flow=flow)
