"""Command on a treatment coded as ever, and as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hazard import languages
from hazard.cli.app import Language, Out, Seed, Table, app, echo, read_rows, tell_written
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.progress import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hazard.studies.immortal_time import Question


class _PanelSource(NamedTuple):
    """A table, and the model that says how to read it."""

    path: Path
    model: str


@app.command("immortal-time")
def immortal_time(
    out: Out,
    panel: Table = None,
    treatment: Annotated[
        str | None, typer.Option(help="Column of --panel: 0 before and 1 from the treatment on.")
    ] = None,
    exit_name: Annotated[str, typer.Option("--exit", help="Exit of --panel.")] = "assisted",
    cluster: Annotated[str, typer.Option(help="Column of related persons.")] = "nationality",
    model: Annotated[
        str, typer.Option(help="A bundled model, or a .toml file: how to read --panel, and terms.")
    ] = "orientation_talk",
    landmark: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Month of a landmark analysis.")
    ] = None,
    odds_ratio: Annotated[float, typer.Option(help="Effect to plant, without --panel.")] = 1.5,
    replications: Annotated[int, typer.Option(min=2, help="Samples, without --panel.")] = 200,
    seed: Seed = 0,
    lang: Language = "en",
) -> None:
    """Show what coding a treatment as ever does: by simulation, or on a panel."""
    from hazard.files.atomic import check_new

    check_new(out)
    if panel is None:
        if treatment is not None or landmark is not None:
            raise UsageError("immortal-time --treatment and --landmark need --panel; name a file.")
        _simulated(out, odds_ratio, replications, seed, lang)
        return
    if treatment is None:
        raise UsageError("immortal-time --panel must come with --treatment; name its column.")
    from hazard.studies.immortal_time import Question

    _of_panel(
        out, _PanelSource(panel, model), Question(treatment, exit_name, cluster), landmark, lang
    )


def _simulated(out: Path, odds_ratio: float, replications: int, seed: int, lang: str) -> None:
    import numpy as np
    import pandas as pd

    from hazard.files.atomic import new_folder
    from hazard.fitting.folders import seal_folder
    from hazard.output import figures
    from hazard.studies import immortal_time as study

    world = study.talk_population()
    with_effect = study.with_odds_ratio(world, odds_ratio)
    with progress() as show_progress:
        null, planted = (
            study.study(
                assumed,
                replications=replications,
                seed=seed,
                progress=partial(
                    show_progress, f"samples with an odds ratio of {assumed.odds_ratio:g}"
                ),
            )
            for assumed in (world, with_effect)
        )
    spread = study.assumptions()
    sentences = study.study_sentences(null, planted, spread, lang)
    words = languages.figure("immortal_time", lang)
    sample_persons = study.persons(world, np.random.default_rng(seed))
    with new_folder(out) as folder:
        parquet = study.panel_of(sample_persons, world).to_parquet(index=False)
        atomic.write_bytes(folder / "panel.parquet", parquet)
        text = figures.immortal_time_study_text(null, planted, words)
        _write(folder, figures.immortal_time_study(null, planted, words), text, sentences)
        studies = pd.concat([null, planted], ignore_index=True)
        seal_folder(folder, "immortal-time", {"study": studies, "assumptions": spread})
    echo("\n".join(sentences))
    tell_written(out, lang, "written_with_sample")


def _of_panel(
    out: Path,
    source: _PanelSource,
    question: Question,
    landmark: str | None,
    lang: str,
) -> None:
    from hazard import months, spec
    from hazard.files.atomic import new_folder
    from hazard.fitting.folders import seal_folder
    from hazard.output import figures
    from hazard.studies import immortal_time as study

    model_spec = spec.read(source.model)
    landmark_month = None if landmark is None else months.month_number(landmark)
    study.check_model(model_spec, question)
    with progress() as show_progress:
        show_progress("read", 0.0)
        rows = read_rows(model_spec, None, source.path)
        show_progress("designs", 0.0)
        table = study.compared(
            rows.frame, rows.histories, model_spec, question, landmark=landmark_month
        )
    sentences = study.panel_sentences(table, question, lang)
    labels, words = languages.words("shared.exit", lang), languages.figure("immortal_time", lang)
    with new_folder(out) as folder:
        style = {"labels": labels, "words": words}
        text = figures.immortal_time_panel_text(table, question.exit, **style)
        _write(folder, figures.immortal_time_panel(table, question.exit, **style), text, sentences)
        seal_folder(folder, "immortal-time", {"designs": table})
    echo("\n".join(sentences))
    tell_written(out, lang)


def _write(folder: Path, figure: Figure, text: str, sentences: Sequence[str]) -> None:
    """Figure, its text alternative, and the sentences of a folder."""
    from hazard.output import figures

    for kind in ("png", "svg"):
        (folder / f"immortal_time.{kind}").write_bytes(figures.rendered(figure, kind))
    atomic.write_text(folder / "immortal_time.txt", text)
    atomic.write_text(folder / "findings.txt", "\n".join(sentences))
