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

    model_spec = spec.read(model)
    check_new(out)
    refuse_two_sources("survival", registers, panel)
    if by is not None and by in model_spec.table.ids | model_spec.table.outcome_columns:
        raise UsageError(
            f"--by must not be {by!r}, which tells who a person is, or the outcome; name another "
            "column."
        )
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard import fitting
        from hazard.output import figures
        from hazard.studies import classical

        show_progress("read", 0.0)
        rows = read_rows(model_spec, registers, panel, [by] if by else [])
        if by is not None:
            rows = fitting.by_level(rows, by, model_spec)
        show_progress("curves and models", 0.0)
        result = classical.analyse(rows, model_spec, by=by)
        show_progress("figures", 0.0)
        words = figures.survival_words(model_spec.table.unit, lang)
        labels = languages.words("shared.exit", lang)
        text = figures.survival_curves_text(result.incidence, labels=labels, words=words)
        with new_folder(out) as folder:
            figure = figures.survival_curves(result.incidence, labels=labels, words=words)
            for kind in ("png", "svg"):
                (folder / f"survival.{kind}").write_bytes(figures.rendered(figure, kind))
            atomic.write_text(folder / "survival.txt", text)
            seal_folder(folder, "survival", result.tables)
    tell_left_out(rows, model_spec, lang)
    echo("\n".join([text, *_remark_lines(result.remarks, lang)]))
    tell_written(out, lang)


def _remark_lines(remarks: pd.DataFrame, lang: str) -> list[str]:
    """Remarks on the curves and the coefficients, one line each."""
    shown = remarks[~remarks["remark"].str.startswith("Ties after ")]
    texts = shown.astype(str)[["estimator", "remark"]].itertuples(index=False)
    return [
        f"{estimator}: {languages.translated_remark(remark, lang)}" for estimator, remark in texts
    ]
