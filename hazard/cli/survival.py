"""The command of the classical survival analysis."""

from __future__ import annotations

from typing import Annotated

import typer

from hazard import files
from hazard.cli.app import (
    ModelName,
    Out,
    Registers,
    Table,
    app,
    echo,
    read_rows,
    refuse_two_sources,
)


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
    from hazard import classical, figures, spec, store

    wanted = spec.read(model)
    store.check_new(out)
    refuse_two_sources("survival", registers, panel)
    found = classical.analyse(read_rows(wanted, registers, panel), wanted, by=by)
    with store.new_folder(out) as folder:
        for name, rows in found.tables.items():
            store.write_table(rows, folder / f"{name}.csv")
        figure = figures.survival_curves(found.incidence)
        for kind in ("png", "svg"):
            (folder / f"survival.{kind}").write_bytes(figures.rendered(figure, kind))
        text = figures.survival_curves_text(found.incidence)
        files.write_text(folder / "survival.txt", text)
    echo(f"{text}\nWritten to {out}")
