"""Rows of a model: from registers, from a ready table, or some of their persons only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hazard.data import exposures, panel, registers, subset, table, table_files
from hazard.data.contracts import numeric
from hazard.data.exposures.own import happened
from hazard.data.left_out import LeftOut
from hazard.errors import HistoryError, RegisterError, UsageError
from hazard.fitting.flow import ONLY, counted, lines
from hazard.fitting.records import Panel
from hazard.model import memory
from hazard.spec import PERIODS, CovariateTerm, GroupTerm, LaggedTerm, ModelSpec
from hazard.spec.priors.normal import NormalPrior

_PRIOR = NormalPrior(family="normal", scale=1.0, reason="only read, and in no model")


def panel_from_registers(directory: Path, spec: ModelSpec) -> Panel:
    """Panel and exposure histories of a register folder, under the definitions of the model."""
    found = registers.read(directory)
    report = registers.check(found)
    refuse_broken(report)
    defined = registers.define(found, spec.data)
    built = panel.build(defined)
    memory.refuse_too_large(spec, size(built, spec))
    histories = exposures.register_histories(
        built, defined, spec.lagged, history_centre=spec.data.history_centre
    )
    simulated = (directory / "truth").is_dir()
    source = "simulated registers" if simulated else "registers"
    flow = pd.concat([defined.flow, *_noted(found, report)], ignore_index=True).convert_dtypes()
    rows = Panel(built, histories, flow, source, defined, warnings=warnings(report))
    return _only(replace(rows, of_registers=True), spec)


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
    odd = int(report.loc[report["severity"] == "warning", "n_broken"].sum())
    for reason, count in (
        ("cells of the registers that were normalised", altered),
        ("rows of the registers that a correct register hardly holds", odd),
    ):
        if count:
            yield pd.DataFrame([{"step": "note", "reason": reason, "rows": count}])


def size(built: pd.DataFrame, spec: ModelSpec) -> memory.PanelSize:
    """Numbers of rows, persons and levels."""
    covariates = [term.column for term in spec.term if isinstance(term, CovariateTerm)]
    labelled = [name for name in covariates if name in built and not numeric(built[name])]
    columns = [name for name in (*spec.group_columns, *labelled) if name in built]
    levels = {name: int(built[name].nunique()) for name in columns}
    return memory.PanelSize(len(built), int(built["person"].nunique()), levels)


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


def panel_from_table(path: Path | None, spec: ModelSpec, further: Sequence[str] = ()) -> Panel:
    """Panel and exposure histories of a ready table, or of the model's bundled example.

    Parameters
    ----------
    path : Path or None
    spec : ModelSpec
    further : sequence of str
        Columns that the panel is to have, as text, although no term names them.
    """
    rows = _panel(lambda wanted: _of_table(path, wanted), spec, further)
    if path is not None and table_files.is_of_registers(path):
        rows = replace(rows, of_registers=True)
    return rows


def panel_from_frame(frame: Any, spec: ModelSpec, further: Sequence[str] = ()) -> Panel:
    """Panel and exposure histories of a data frame: pandas, polars, or any that narwhals reads.

    Parameters
    ----------
    frame : DataFrame
        As the file of :func:`panel_from_table`; its cells have types, as those of Parquet have.
    spec : ModelSpec
    further : sequence of str
    """
    raw = table_files.of_frame(frame)
    return _panel(lambda wanted: table.panel(raw, wanted), spec, further)


def _panel(
    made: Callable[[ModelSpec], pd.DataFrame], spec: ModelSpec, further: Sequence[str]
) -> Panel:
    built = made(spec)
    lost = [name for name in further if name not in built and name not in PERIODS]
    if lost:  # as groups that the model does not have
        more = tuple(GroupTerm(kind="group", by=name, prior=_PRIOR) for name in lost)
        built = made(spec.model_copy(update={"term": (*spec.term, *more)}))
    memory.refuse_too_large(spec, size(built, spec))
    own = [term for term in spec.lagged if term.network == "own"]
    peers = [term for term in spec.lagged if term.network != "own"]
    histories = {term.name: exposures.own_history(built, term) for term in own}
    histories |= exposures.from_columns(built, peers)
    reasons = built.attrs.get("left_out", {})
    left_out = {reason: each for reason, each in reasons.items() if each.rows}
    counts = [("excluded", reason, each) for reason, each in left_out.items()]
    counts.append(("kept", "in the panel", counted(built)))
    flow = lines(pd.DataFrame(), counts)
    rows = _only(Panel(built, histories, flow, "table", left_out=left_out), spec)
    _refuse_unvarying(rows.frame, own)
    return rows


def _refuse_unvarying(panel: pd.DataFrame, own: Sequence[LaggedTerm]) -> None:
    """Raise when an own exposure is the same in all rows: its lags tell of the month at risk only.

    Raises
    ------
    HistoryError
        One sentence per term.
    """
    broken = []
    for term in own:
        values = happened(panel, term)
        known = np.unique(values[~np.isnan(values)])
        if len(known) == 1:
            always = "something in every row" if known[0] else "nothing in any row"
            broken.append(
                f"exposure of term {term.name!r} must vary among the rows; got {always} of "
                f"{len(panel):,}. Correct the column {term.exposure!r}, or leave the term out."
            )
    if broken:
        raise HistoryError("\n".join(broken))


def _of_table(path: Path | None, spec: ModelSpec) -> pd.DataFrame:
    if path is not None:
        return table.read(path, spec)
    if spec.table.source is not None:
        return table.panel(table.bundled(spec.table.source), spec)
    raise UsageError(
        f"model {spec.name!r} must be given data; pass --registers DIR or --panel FILE."
    )


def _only(rows: Panel, spec: ModelSpec) -> Panel:
    """The rows that the model asks for; their exposures stay those that everybody made."""
    if not spec.only:
        return rows
    which = subset.chosen(rows.frame, spec.only)
    kept = subset.of_rows(rows.frame, which)
    everybody, chosen = counted(rows.frame), counted(kept)
    gone = LeftOut(*(a - b for a, b in zip(everybody, chosen, strict=True)))
    more = lines(
        rows.flow, [("excluded", ONLY, gone), ("kept", "those that the model is of", chosen)]
    )
    return replace(
        rows,
        frame=kept,
        histories={name: each[which] for name, each in rows.histories.items()},
        flow=pd.concat([rows.flow, more], ignore_index=True),
        left_out={**rows.left_out, ONLY: gone},
    )
