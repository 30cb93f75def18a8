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
from hazard.fitting.flow import ONLY, lines, panel_counts
from hazard.fitting.records import Panel
from hazard.model import memory
from hazard.spec import PERIODS, CovariateTerm, GroupTerm, LaggedTerm, ModelSpec
from hazard.spec.priors.normal import NormalPrior

_PRIOR = NormalPrior(family="normal", scale=1.0, reason="only read, and in no model")


def panel_from_registers(directory: Path, spec: ModelSpec) -> Panel:
    """Panel and exposure histories of a register folder, under the definitions of the model."""
    raw = registers.read(directory)
    report = registers.check(raw)
    refuse_broken(report)
    defined = registers.define(raw, spec.data)
    frame = panel.build(defined)
    memory.refuse_too_large(spec, size(frame, spec))
    histories = exposures.register_histories(
        frame, defined, spec.lagged, history_centre=spec.data.history_centre
    )
    simulated = (directory / "truth").is_dir()
    source = "simulated registers" if simulated else "registers"
    flow = pd.concat([defined.flow, *_notes(raw, report)], ignore_index=True).convert_dtypes()
    rows = Panel(frame, histories, flow, source, defined, warnings=warnings(report))
    return _only(replace(rows, of_registers=True), spec)


def warnings(report: pd.DataFrame) -> tuple[str, ...]:
    """Sentences of an integrity report about what a correct register hardly holds."""
    violations = report[(report["severity"] == "warning") & (report["n_broken"] > 0)]
    return tuple(
        f"{rule.table}: {str(rule.rule).rstrip('.')}; broken in {rule.n_broken:,} of "
        f"{rule.n_rows:,} rows."
        for rule in violations.itertuples()
    )


def _notes(raw: registers.Registers, report: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Lines of the flow about normalised cells, and about warnings; none where there are none."""
    n_altered = sum(int(rows.sum()) for rows in raw.altered.values())
    n_warnings = int(report.loc[report["severity"] == "warning", "n_broken"].sum())
    for reason, count in (
        ("cells of the registers that were normalised", n_altered),
        ("rows of the registers that a correct register hardly holds", n_warnings),
    ):
        if count:
            yield pd.DataFrame([{"step": "note", "reason": reason, "rows": count}])


def size(frame: pd.DataFrame, spec: ModelSpec) -> memory.PanelSize:
    """Numbers of rows, persons and levels."""
    covariates = [term.column for term in spec.term if isinstance(term, CovariateTerm)]
    labels = [name for name in covariates if name in frame and not numeric(frame[name])]
    columns = [name for name in (*spec.group_columns, *labels) if name in frame]
    levels = {name: int(frame[name].nunique()) for name in columns}
    return memory.PanelSize(len(frame), int(frame["person"].nunique()), levels)


def refuse_broken(report: pd.DataFrame) -> None:
    """Raise when an integrity report holds an error.

    Raises
    ------
    RegisterError
        One sentence that names every broken rule, with its number of rows and the first of them.
    """
    violations = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
    if len(violations):
        lines = [
            f"{rule.table}: {str(rule.rule).rstrip('.')} ({rule.n_broken} of {rule.n_rows} rows do "
            f"not; first: row {str(rule.first_rows).split(',')[0]})"
            for rule in violations.itertuples()
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
    rows = _panel(lambda extended_spec: _read_table(path, extended_spec), spec, further)
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
    return _panel(lambda extended_spec: table.panel(raw, extended_spec), spec, further)


def _panel(
    read: Callable[[ModelSpec], pd.DataFrame], spec: ModelSpec, further: Sequence[str]
) -> Panel:
    frame = read(spec)
    missing = [name for name in further if name not in frame and name not in PERIODS]
    if missing:  # as groups that the model does not have
        groups = tuple(GroupTerm(kind="group", by=name, prior=_PRIOR) for name in missing)
        frame = read(spec.model_copy(update={"term": (*spec.term, *groups)}))
    memory.refuse_too_large(spec, size(frame, spec))
    own_terms = [term for term in spec.lagged if term.network == "own"]
    peer_terms = [term for term in spec.lagged if term.network != "own"]
    histories = {term.name: exposures.own_history(frame, term) for term in own_terms}
    histories |= exposures.from_columns(frame, peer_terms)
    reasons = frame.attrs.get("left_out", {})
    left_out = {reason: loss for reason, loss in reasons.items() if loss.rows}
    counts = [("excluded", reason, loss) for reason, loss in left_out.items()]
    counts.append(("kept", "in the panel", panel_counts(frame)))
    flow = lines(pd.DataFrame(), counts)
    rows = _only(Panel(frame, histories, flow, "table", left_out=left_out), spec)
    _refuse_unvarying(rows.frame, own_terms)
    return rows


def _refuse_unvarying(panel: pd.DataFrame, terms: Sequence[LaggedTerm]) -> None:
    """Raise when an own exposure is the same in all rows: its lags are the month at risk.

    Raises
    ------
    HistoryError
        One sentence per term.
    """
    sentences = []
    for term in terms:
        values = happened(panel, term)
        observed = np.unique(values[~np.isnan(values)])
        if len(observed) == 1:
            value = "something in every row" if observed[0] else "nothing in any row"
            sentences.append(
                f"exposure of term {term.name!r} must vary among the rows; got {value} of "
                f"{len(panel):,}. Correct the column {term.exposure!r}, or leave the term out."
            )
    if sentences:
        raise HistoryError("\n".join(sentences))


def _read_table(path: Path | None, spec: ModelSpec) -> pd.DataFrame:
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
    chosen_rows = subset.chosen(rows.frame, spec.only)
    chosen_frame = subset.of_rows(rows.frame, chosen_rows)
    read_counts, chosen_counts = panel_counts(rows.frame), panel_counts(chosen_frame)
    excluded = LeftOut(*(a - b for a, b in zip(read_counts, chosen_counts, strict=True)))
    flow_steps = lines(
        rows.flow,
        [("excluded", ONLY, excluded), ("kept", "those that the model is of", chosen_counts)],
    )
    return replace(
        rows,
        frame=chosen_frame,
        histories={name: history[chosen_rows] for name, history in rows.histories.items()},
        flow=pd.concat([rows.flow, flow_steps], ignore_index=True),
        left_out={**rows.left_out, ONLY: excluded},
    )
