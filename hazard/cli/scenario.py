"""The command of scenarios with feedback."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hazard import languages
from hazard.cli.app import (
    Language,
    Out,
    Registers,
    Seed,
    app,
    echo,
    read_rows,
    tell_status,
)
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.progress import progress

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hazard.fitting import Fit
    from hazard.studies.scenario import ScenarioArm, System
    from hazard.studies.scenario.tidy import Wording


@app.command()
def scenario(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run made from these registers.")],
    out: Out,
    registers: Registers = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="First month; else the first with known history."),
    ] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="Months; else all there are.")] = None,
    arms: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Arms as TOML; the first is the reference.")
    ] = None,
    centre: Annotated[
        str, typer.Option(help="Without --arms: where one forced return is added in month 1.")
    ] = "each",
    draws: Annotated[int, typer.Option(min=4, help="Posterior draws.")] = 200,
    replications: Annotated[int, typer.Option(min=1, help="Replicates per draw.")] = 2,
    seed: Seed = 0,
    lang: Language = "en",
) -> None:
    """Simulate all families month by month: who leaves is seen by the others, who then react.

    Beside it the version in which they see what was observed, and the difference. Without --arms:
    one forced return more in the first month, at a centre or at each.
    """
    from hazard.files.atomic import check_new, new_folder
    from hazard.fitting.folders import seal_folder, source_run
    from hazard.fitting.status import MARKS, Status
    from hazard.fitting.store import read_with_draws

    if registers is None:
        raise UsageError("scenario must be given --registers DIR, for it needs dated events.")
    check_new(out)
    scenario_arms = _default(centre) if arms is None else _read(arms)
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard.studies import scenario as system

        show_progress("read", 0.0)
        finished = read_with_draws(run)
        prepared, beta, wording = _system(finished, registers, start, horizon, scenario_arms)
        show_progress("simulate", 0.0)
        plan = system.ScenarioPlan(draws=draws, replications=replications, seed=seed)
        result = system.simulate(prepared, beta, plan)
        show_progress("tables", 0.0)
        estimates, events = system.estimates(result), system.per_event(result)
    sentences = [
        *system.sentences(events, prepared.facts, wording=wording),
        *system.remarks(result),
        *MARKS.get(Status(finished.status), "").splitlines(),
    ]
    tell_status(finished.name, finished.status)
    with new_folder(out) as folder:
        if len(scenario_arms) > 1:
            _draw(estimates, scenario_arms[0].name, folder, lang)
        atomic.write_text(folder / "findings.txt", "\n".join(sentences))
        tables = {"scenario": estimates, "per_event": events}
        source = source_run(finished.facts, finished.status)
        seal_folder(folder, "scenario", tables, source)
    echo("\n".join(sentences) + f"\nWritten to {out}")


def _system(
    finished: Fit,
    registers: Path,
    start: str | None,
    horizon: int | None,
    arms: Sequence[ScenarioArm],
) -> tuple[System, xr.DataArray, Wording]:
    """Families and arms of a run and its registers, the draws, and how effects are worded."""
    from hazard import fitting, months
    from hazard.estimands import incidence
    from hazard.studies import scenario as system

    rows = read_rows(finished.spec, registers, None)
    frozen = fitting.on_rows(finished, rows).design
    if rows.registers is None:
        raise UsageError("scenario must have registers, for it needs dated events.")
    for column, level in {pair for arm in arms for pair in arm.at.items()}:
        fitting.refuse_small_level(rows, finished.spec, column, level)
    design_months = rows.frame["calendar"].to_numpy()[frozen.row]
    first = int(design_months.min()) if start is None else months.month_number(start)
    last = int(rows.frame["calendar"].max())
    families = system.families(rows.frame, first, horizon=horizon or last - first + 1)
    prepared = system.system(families, rows.registers, arms, frozen=frozen, spec=finished.spec)
    beta = incidence.coefficients(finished.draws, prepared.design)
    return prepared, beta, "effect" if finished.spec.identification.declared else "association"


def _draw(estimates: pd.DataFrame, reference: str, folder: Path, lang: str) -> None:
    """Figure and its text alternative."""
    from hazard.output import figures

    arms = languages.words("scenario.arm", lang)
    estimates = estimates.assign(arm=estimates["arm"].replace(dict(arms)))
    reference = arms.get(reference, reference)
    labels, words = languages.words("scenario.exit", lang), languages.figure("scenario", lang)
    figure = figures.scenario(estimates, reference=reference, labels=labels, words=words)
    for kind in ("png", "svg"):
        (folder / f"scenario.{kind}").write_bytes(figures.rendered(figure, kind))
    text = figures.scenario_text(estimates, labels=labels, words=words)
    atomic.write_text(folder / "scenario.txt", text)


def _default(centre: str) -> Sequence[ScenarioArm]:
    """As observed, and with one forced return more."""
    from hazard.estimands.interventions import Added
    from hazard.studies.scenario import ScenarioArm

    added = Added(term="forced_return", month=1)
    return (
        ScenarioArm(name="observed"),
        ScenarioArm(name="one forced return more", at={"centre": centre}, interventions=(added,)),
    )


def _read(path: Path) -> Sequence[ScenarioArm]:
    from hazard.files.toml import text_of
    from hazard.studies.scenario import arms_from

    return arms_from(text_of(path, "file of arms"), where=path.name)
