"""Command on a treatment coded as ever, and as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hazard import languages
from hazard.cli.app import Language, Out, Seed, Table, app, echo, read_rows, tell_written
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.progress import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hazard.studies.immortal_time import Question


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

    _of_panel(out, (panel, model), Question(treatment, exit_name, cluster), landmark, lang)


def _simulated(out: Path, odds_ratio: float, replications: int, seed: int, lang: str) -> None:
    import numpy as np
    import pandas as pd

    from hazard.files.atomic import new_folder
    from hazard.fitting.folders import seal_folder
    from hazard.output import figures
    from hazard.studies import immortal_time as both

    world = both.talk_population()
    helped = both.with_odds_ratio(world, odds_ratio)
    with progress() as told:
        null, planted = (
            both.study(
                of,
                replications=replications,
                seed=seed,
                progress=partial(told, f"samples with an odds ratio of {of.odds_ratio:g}"),
            )
            for of in (world, helped)
        )
    spread = both.assumptions()
    said = both.study_sentences(null, planted, spread, lang)
    words = languages.figure("immortal_time", lang)
    drawn = both.persons(world, np.random.default_rng(seed))
    with new_folder(out) as folder:
        sample = both.panel_of(drawn, world).to_parquet(index=False)
        atomic.write_bytes(folder / "panel.parquet", sample)
        text = figures.immortal_time_study_text(null, planted, words)
        _write(folder, figures.immortal_time_study(null, planted, words), text, said)
        both_studies = pd.concat([null, planted], ignore_index=True)
        seal_folder(folder, "immortal-time", {"study": both_studies, "assumptions": spread})
    echo("\n".join(said))
    tell_written(out, lang, "written_with_sample")


def _of_panel(
    out: Path,
    read_from: tuple[Path, str],
    question: Question,
    landmark: str | None,
    lang: str,
) -> None:
    from hazard import months, spec
    from hazard.files.atomic import new_folder
    from hazard.fitting.folders import seal_folder
    from hazard.output import figures
    from hazard.studies import immortal_time as both

    path, model = read_from
    wanted = spec.read(model)
    at = None if landmark is None else months.month_number(landmark)
    both.check_model(wanted, question)
    with progress() as told:
        told("read", 0.0)
        rows = read_rows(wanted, None, path)
        told("designs", 0.0)
        table = both.compared(rows.frame, rows.histories, wanted, question, landmark=at)
    said = both.panel_sentences(table, question, lang)
    labels, words = languages.words("shared.exit", lang), languages.figure("immortal_time", lang)
    with new_folder(out) as folder:
        drawn = {"labels": labels, "words": words}
        text = figures.immortal_time_panel_text(table, question.exit, **drawn)
        _write(folder, figures.immortal_time_panel(table, question.exit, **drawn), text, said)
        seal_folder(folder, "immortal-time", {"designs": table})
    echo("\n".join(said))
    tell_written(out, lang)


def _write(folder: Path, figure: Figure, text: str, said: Sequence[str]) -> None:
    """Figure, its text alternative, and the sentences of a folder."""
    from hazard.output import figures

    for kind in ("png", "svg"):
        (folder / f"immortal_time.{kind}").write_bytes(figures.rendered(figure, kind))
    atomic.write_text(folder / "immortal_time.txt", text)
    atomic.write_text(folder / "findings.txt", "\n".join(said))
