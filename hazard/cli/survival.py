"""The command of the classical survival analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    tell_left_out,
)

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
    from hazard import classical, figures, spec, store

    wanted = spec.read(model)
    store.check_new(out)
    refuse_two_sources("survival", registers, panel)
    rows = read_rows(wanted, registers, panel, [by] if by else [])
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
        files.write_text(folder / "survival.txt", text)
    echo("\n".join([text, *_told(found.remarks), f"Written to {out}"]))


def _told(remarks: pd.DataFrame) -> list[str]:
    """What a reader of the curves and the coefficients has to know, one line each."""
    own = remarks[~remarks["remark"].str.startswith("Ties after ")]
    return [f"{row.estimator}: {row.remark}" for row in own.itertuples()]
