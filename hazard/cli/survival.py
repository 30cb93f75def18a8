"""The command of the classical survival analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hazard import languages
from hazard.cli.app import (
    Language,
    ModelName,
    Out,
    Registers,
    Table,
    app,
    echo,
    read_rows,
    refuse_two_sources,
    tell_left_out,
    tell_written,
)
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.progress import progress

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
    lang: Language = "en",
) -> None:
    """Write life table, Kaplan-Meier, cumulative incidence, Gray's test, Cox and Fine-Gray."""
    from hazard import spec
    from hazard.files.atomic import check_new, new_folder
    from hazard.fitting.folders import seal_folder

    wanted = spec.read(model)
    check_new(out)
    refuse_two_sources("survival", registers, panel)
    if by is not None and by in wanted.table.ids | wanted.table.outcome_columns:
        raise UsageError(
            f"--by must not be {by!r}, which tells who a person is, or the outcome; name another "
            "column."
        )
    with progress() as told:
        told("load", 0.0)
        from hazard import fitting
        from hazard.output import figures
        from hazard.studies import classical

        told("read", 0.0)
        rows = read_rows(wanted, registers, panel, [by] if by else [])
        if by is not None:
            rows = fitting.by_level(rows, by, wanted)
        told("curves and models", 0.0)
        found = classical.analyse(rows, wanted, by=by)
        told("figures", 0.0)
        words = figures.survival_words(wanted.table.unit, lang)
        labels = languages.words("shared.exit", lang)
        text = figures.survival_curves_text(found.incidence, labels=labels, words=words)
        with new_folder(out) as folder:
            figure = figures.survival_curves(found.incidence, labels=labels, words=words)
            for kind in ("png", "svg"):
                (folder / f"survival.{kind}").write_bytes(figures.rendered(figure, kind))
            atomic.write_text(folder / "survival.txt", text)
            seal_folder(folder, "survival", found.tables)
    tell_left_out(rows, wanted, lang)
    echo("\n".join([text, *_told(found.remarks, lang)]))
    tell_written(out, lang)


def _told(remarks: pd.DataFrame, lang: str) -> list[str]:
    """What a reader of the curves and the coefficients has to know, one line each."""
    own = remarks[~remarks["remark"].str.startswith("Ties after ")]
    texts = own.astype(str)[["estimator", "remark"]].itertuples(index=False)
    return [f"{estimator}: {languages.retold(remark, lang)}" for estimator, remark in texts]
