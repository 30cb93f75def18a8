"""The command of the classical survival analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hazard.cli.app import (
    ModelName,
    Out,
    Registers,
    Table,
    app,
    read_rows,
    refuse_two_sources,
    tell_left_out,
)
from hazard.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def survival(
    model: ModelName,
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Compare the levels of a column, at most twelve."),
    ] = None,
) -> None:
    """Write life table, Kaplan-Meier, cumulative incidence, Gray's test, Cox and Fine-Gray."""
    from hazard import classical, figures, pipeline, spec, store

    wanted = spec.read(model)
    store.check_new(out)
    refuse_two_sources("survival", registers, panel)
    if by is not None and by in wanted.table.ids | wanted.table.told:
        raise UsageError(
            f"--by must not be {by!r}, which tells who a person is, or the outcome; name another "
            "column."
        )
    rows = read_rows(wanted, registers, panel, [by] if by else [])
    if by is not None and not (registers is None and panel is None):
        rows = pipeline.by_level(rows, by)
    found = classical.analyse(rows, wanted, by=by)
    tell_left_out(rows, wanted)
    words = figures.survival_words(wanted.table.unit)
    with store.new_folder(out) as folder:
        for name, table in found.tables.items():
            store.write_table(table, folder / f"{name}.csv")
        figure = figures.survival_curves(found.incidence, words=words)
        for kind in ("png", "svg"):
            (folder / f"survival.{kind}").write_bytes(figures.rendered(figure, kind))
        text = figures.survival_curves_text(found.incidence, words=words)
        (folder / "survival.txt").write_text(text + "\n", encoding="utf-8")
    typer.echo("\n".join([text, *_told(found.remarks), f"Written to {out}"]))


def _told(remarks: pd.DataFrame) -> list[str]:
    """What a reader of the curves and the coefficients has to know, one line each."""
    own = remarks[~remarks["remark"].str.startswith("Ties after ")]
    return [f"{row.estimator}: {row.remark}" for row in own.itertuples()]
