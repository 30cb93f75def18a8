"""The command line: arguments in, functions called, exit code out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hazard.errors import HazardError, RegisterError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from hazard.pipeline import Rows
    from hazard.spec import ModelSpec

app = typer.Typer(
    name="hazard",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Discrete-time competing-risks hazards: from registers to an uncertainty-aware brief.",
)

# Written out, so that `--help` need not import the simulator.
SCENARIOS = (
    "What is planted: default, null, shocks, shocks_with_effect, campaigns, frailty, anticipation, "
    "by_nationality, misregistered, late, earlier_only, more_only, messy."
)


class Size(StrEnum):
    """Size of the simulated registers."""

    published = "published"
    small = "small"


class Engine(StrEnum):
    """How the posterior is found."""

    nuts = "nuts"
    laplace = "laplace"


class Language(StrEnum):
    """Language of a brief or of figures."""

    nb = "nb"
    en = "en"


Out = Annotated[Path, typer.Option("--out", help="What to write; must not exist yet.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all randomness.")]
Registers = Annotated[Path | None, typer.Option(help="Folder with registers.")]
Table = Annotated[Path | None, typer.Option(help="Ready table, CSV or Parquet.")]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A bundled model, or a .toml file.")
]


@app.command()
def simulate(
    out: Out,
    size: Annotated[Size, typer.Option()] = Size.published,
    seed: Seed = 0,
    scenario: Annotated[str, typer.Option(metavar="NAME", help=SCENARIOS)] = "default",
) -> None:
    """Write simulated registers with a known truth."""
    import numpy as np

    from hazard import simulate as simulation
    from hazard import store

    planted = simulation.scenario(scenario)
    store.check_new(out)
    rng = np.random.default_rng(seed)
    truth = simulation.truth(size.value, rng, planted)
    simulation.write(simulation.registers(truth, rng), out)
    typer.echo(f"Registers written to {out}")


@app.command()
def check(directory: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Report on the integrity of registers; exit code 3 when they are broken."""
    from hazard import registers

    report = registers.check(registers.read(directory))
    for row in report[report["n_broken"] > 0].itertuples():
        typer.echo(
            f"{row.severity:5}  {row.table}: {row.rule} {row.n_broken} of {row.n_rows} rows do not"
            f" (rows {row.first_rows})."
        )
    errors = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
    typer.echo(f"{len(report)} rules checked, {len(errors)} broken.")
    if len(errors):
        raise typer.Exit(RegisterError.exit_code)


@app.command()
def panel(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    model: Annotated[str, typer.Option(help="A bundled model, or a .toml file.")],
    out: Out,
) -> None:
    """Write the person-period panel of registers, with its exposure histories."""
    import pandas as pd

    from hazard import exposures, pipeline, spec, store

    if out.suffix != ".parquet":
        raise UsageError(f"panel --out must end in .parquet; got {str(out)!r}.")
    _refuse_existing(out)
    rows = pipeline.rows_from_registers(directory, spec.read(model))
    table = pd.concat([rows.panel, exposures.to_columns(rows.histories)], axis=1)
    store.write_file(out, lambda draft: table.to_parquet(draft, index=False))
    typer.echo(rows.flow.to_string(index=False))
    typer.echo(f"{len(table):,} rows written to {out}")


@app.command()
def describe(
    source: Annotated[Path, typer.Argument(metavar="DIR|PANEL", help="Registers, or a table.")],
    out: Out,
    model: Annotated[str, typer.Option(help="Whose definitions or layout to use.")] = "oslo2016",
    lang: Annotated[Language, typer.Option(help="Language of the figures.")] = Language.en,
) -> None:
    """Write the published descriptive tables and figures of registers or of a ready table."""
    from hazard import describe as description
    from hazard import figures, spec, store

    store.check_new(out)
    wanted = spec.read(model)
    if not source.exists():
        raise UsageError(f"registers or table must exist; nothing at {str(source)!r}.")
    made_from = description.from_registers if source.is_dir() else description.from_table
    found = made_from(source, wanted)
    with store.new_folder(out) as folder:
        store.write_table(found.series, folder / "series.csv")
        store.write_table(found.published, folder / "published.csv")
        if found.privacy is not None:
            store.write_table(found.privacy, folder / "privacy.csv")
        drawn = (found.series, found.published)
        words = description.words(lang.value)
        for name, figure in figures.description(*drawn, words=words).items():
            for kind in ("png", "svg"):
                (folder / f"{name}.{kind}").write_bytes(figures.rendered(figure, kind))
        for name, text in figures.description_text(*drawn, words=words).items():
            (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    typer.echo(f"{found.summary} Written to {out}")


@app.command()
def run(
    model: ModelName,
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    engine: Annotated[
        Engine, typer.Option(help="Sample, or approximate in seconds.")
    ] = Engine.nuts,
    seed: Seed = 0,
    draws: Annotated[int, typer.Option(min=4, help="Draws per chain that are kept.")] = 1000,
    tune: Annotated[int, typer.Option(min=4, help="Draws per chain to adapt.")] = 200,
    chains: Annotated[int, typer.Option(min=1)] = 4,
    cores: Annotated[int, typer.Option(min=1)] = 2,
    checked_by: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A sampled run: how far was the approximation off there?"),
    ] = None,
) -> None:
    """Fit a model and its baselines; exit code 4 when sampling did not converge.

    Chains are kept as they end: the same call after an interruption goes on with the rest.
    """
    from hazard import spec, store

    wanted = spec.read(model)
    store.check_new(out)
    _refuse_two_sources("run", registers, panel)
    sampled = _sampled(checked_by, engine)
    with _progress() as told, store.kept_chains(out) as kept:
        told("load", 0.0)
        from hazard import pipeline, sampling

        told("read", 0.0)
        rows = _rows(wanted, registers, panel)
        settings = sampling.Settings(draws, tune, chains, cores, seed=seed, engine=engine.value)
        analysis = pipeline.analyse(rows, wanted, settings, progress=told, kept=kept)
        if sampled is not None:
            analysis = pipeline.flagged(analysis, *sampled)
        store.write_run(out, analysis)
    typer.echo(f"Run written to {out}")
    if analysis.gate is None:
        typer.echo("The numbers are approximate; --engine nuts samples the posterior.")
    else:
        for failure in analysis.gate.failures:
            typer.echo(f"Gate: {failure}", err=True)
        if not analysis.gate.passed:
            raise typer.Exit(4)


@app.command()
def sensitivity(
    model: ModelName,
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    engine: Annotated[
        Engine, typer.Option(help="Approximate in minutes, or sample each.")
    ] = Engine.laplace,
    repeat: Annotated[
        list[str] | None,
        typer.Option(metavar="PRIOR", help="Sampled too, such as horseshoe:0.5 or model."),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Refit a model under every lag prior; exit code 4 when sampling did not converge."""
    from hazard import spec, store

    wanted = spec.read(model)
    store.check_new(out)
    _refuse_two_sources("sensitivity", registers, panel)
    with _progress() as told:
        told("load", 0.0)
        from hazard import figures
        from hazard import sensitivity as atlas

        plan = atlas.plan(wanted, engine=engine.value, repeat=repeat or (), seed=seed)
        told("read", 0.0)
        found = atlas.run(_rows(wanted, registers, panel), wanted, plan, progress=told)
    store.write_sensitivity(out, found)
    typer.echo(f"{figures.sensitivity_text(found.table)}\nWritten to {out}")
    for line in atlas.repeated_text(found.repeated):
        typer.echo(line)
    for cell, judged in found.gates.items():
        for failure in judged.failures:
            typer.echo(f"Gate, prior {cell!r}: {failure}", err=True)
    if not found.passed:
        raise typer.Exit(4)


@app.command()
def score(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs on the same rows.")],
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="UNIT", help="What is left out: person, centre, ..., or future."),
    ] = None,
    refits: Annotated[int, typer.Option(min=0, help="Most refits per run and unit.")] = 20,
    seed: Seed = 0,
) -> None:
    """Compare how well runs predict persons, centres or months that they have not seen."""
    from hazard import store

    store.check_new(out)
    _refuse_two_sources("score", registers, panel)
    found = []
    with _progress() as told:
        told("load", 0.0)
        from hazard import pipeline, scores

        plan = scores.Plan(most_refits=refits, seed=seed)
        for run in runs:
            finished = store.read_finished(run)
            fitted = pipeline.finished(finished, _rows(finished.spec, registers, panel))
            found += [
                scores.score(fitted, unit, plan=plan, progress=told) for unit in by or ["person"]
            ]
    store.write_scores(out, found)
    typer.echo(f"{scores.text(found)}\nWritten to {out}")


@app.command()
def evidence(out: Out, seed: Seed = 0) -> None:
    """Posterior of the published lag curves under several lag priors."""
    from hazard import store

    store.check_new(out)
    with _progress() as told:
        told("load", 0.0)
        from hazard import evidence as published

        told("sample", 0.0)
        found = published.run(seed, progress=lambda line: told(line, 0.0))
    store.write_evidence(out, found)
    typer.echo(f"Evidence written to {out}")
    for prior, judged in found.gates.items():
        for failure in judged.failures:
            typer.echo(f"Gate, prior {prior!r}: {failure}", err=True)
    if not found.passed:
        raise typer.Exit(4)


@app.command()
def calibrate(
    model: ModelName,
    out: Out,
    simulations: Annotated[int, typer.Option(min=1, help="Data sets drawn from the prior.")] = 100,
    engine: Annotated[Engine, typer.Option(help="What is calibrated.")] = Engine.nuts,
    registers: Registers = None,
    panel: Table = None,
    seed: Seed = 0,
) -> None:
    """Certify an engine on data simulated from the prior; exit code 4 when it does not pass.

    Without data on a small generated panel. A call that was interrupted is taken up by the next.
    """
    from hazard import spec

    wanted = spec.read(model)
    _refuse_existing(out)
    with _progress() as told:
        told("load", 0.0)
        from hazard import calibration

        told("read", 0.0)
        rows = _rows_or_small("calibrate", wanted, registers, panel)
        problem = calibration.Problem.of(rows, wanted)
        plan = calibration.Plan(simulations, engine.value, seed)
        found = calibration.calibrate(problem, plan, out, told)
    typer.echo(f"Certificate written to {out}: {calibration.summary(found)}")
    if not found["passed"]:
        raise typer.Exit(4)


@app.command()
def prior(
    model: ModelName,
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    draws: Annotated[int, typer.Option(min=20, help="Draws from the prior.")] = 200,
    seed: Seed = 0,
) -> None:
    """Say what a model believes before it sees an exit: monthly probabilities, incidences.

    Without data on a small generated panel.
    """
    import numpy as np

    from hazard import coordinates, design, predictive, spec, store

    wanted = spec.read(model)
    if out.suffix != ".csv":
        raise UsageError(f"prior --out must end in .csv; got {str(out)!r}.")
    _refuse_existing(out)
    with _progress() as told:
        told("prior", 0.0)
        rows = _rows_or_small("prior", wanted, registers, panel)
        built = design.build(rows.panel, rows.histories, wanted)
        drawn = predictive.prior_draws(
            coordinates.standard(built), draws, np.random.default_rng(seed)
        )
        person = rows.panel["person"].to_numpy()
        found = predictive.prior_predictive(drawn, built, person=person, spec=wanted)
    store.write_file(out, lambda draft: store.write_table(found, draft))
    shown = ["quantity", "term", "exit", "arm", "p2_5", "p50", "p97_5", "above_half"]
    typer.echo(found[shown].fillna("").to_string(index=False, float_format="{:.3f}".format))
    typer.echo(f"Written to {out}")


@app.command()
def tables(
    folder: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Out,
) -> None:
    """Write the coefficients of a run in the layout of Table 7-1 of the 2016 report, beside it."""
    from hazard import appendix, store

    if out.suffix != ".csv":
        raise UsageError(f"tables --out must end in .csv; got {str(out)!r}.")
    _refuse_existing(out)
    found = appendix.coefficient_table(store.read_run(folder).estimates)
    store.write_file(out, lambda draft: store.write_table(found, draft))
    typer.echo(f"{len(found)} rows written to {out}")


@app.command()
def brief(
    folder: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Out,
    lang: Annotated[Language, typer.Option()] = Language.nb,
) -> None:
    """Write a brief of a run, or of evidence, as one HTML file."""
    from hazard import brief as briefs
    from hazard import store

    _refuse_existing(out)
    page = briefs.html(store.read(folder), lang.value)
    store.write_file(out, lambda draft: draft.write_text(page, encoding="utf-8"))
    typer.echo(str(out))


@app.command()
def models() -> None:
    """List the bundled models and the question that each one asks."""
    from hazard import spec

    for path in sorted(spec.models_folder().glob("*.toml")):
        typer.echo(f"{path.stem:22} {spec.read(path.stem).question}")


def main() -> None:
    """Run the command line; a known error is one sentence and its exit code."""
    try:
        app()
    except HazardError as error:
        typer.echo(f"hazard: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        typer.echo(f"hazard: {error.filename} must be usable; got: {error.strerror}.", err=True)
        sys.exit(UsageError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _sampled(checked_by: Path | None, engine: Engine) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """What a sampled run says of the approximate engine, and whose run it is."""
    from hazard import store

    if checked_by is None:
        return None
    if engine == Engine.nuts:
        raise UsageError("--checked-by must come with --engine laplace; nuts is what checks.")
    found = store.read_run(checked_by)
    if found.checked is None:
        raise UsageError(
            f"--checked-by must name a run with an approximation.csv; {str(checked_by)!r} has none."
            " Give one of --engine nuts."
        )
    return found.checked, found.manifest


def _refuse_two_sources(command: str, registers: Path | None, panel: Path | None) -> None:
    if registers is not None and panel is not None:
        raise UsageError(f"{command} must be given --registers or --panel, not both.")


def _rows(wanted: ModelSpec, registers: Path | None, panel: Path | None) -> Rows:
    from hazard import pipeline

    if registers is not None:
        return pipeline.rows_from_registers(registers, wanted)
    return pipeline.rows_from_table(panel, wanted)


def _rows_or_small(
    command: str, wanted: ModelSpec, registers: Path | None, panel: Path | None
) -> Rows:
    """Rows of the data that were named, or generated ones."""
    from hazard import calibration

    _refuse_two_sources(command, registers, panel)
    if registers is None and panel is None:
        return calibration.small_rows(wanted)
    return _rows(wanted, registers, panel)


def _refuse_existing(out: Path) -> None:
    from hazard import store

    if out.exists():
        raise UsageError(f"output {str(out)!r} must not exist yet; choose another name.")
    store.check_new(out)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Stages and a bar on the error stream, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, int] = {}

        def told(stage: str, share: float) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, completed=1.0)  # type: ignore[arg-type]
                tasks[stage] = bar.add_task(stage, total=1.0)
            bar.update(tasks[stage], completed=share)  # type: ignore[arg-type]

        yield told
        for task in tasks.values():
            bar.update(task, completed=1.0)  # type: ignore[arg-type]
