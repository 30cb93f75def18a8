"""Commands on registers and panels: simulate, check, panel, describe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hazard.cli.app import Language, Out, Seed, app, echo, refuse_existing, tell_warnings
from hazard.errors import RegisterError, UsageError
from hazard.files import atomic
from hazard.progress import progress

# Written out, so that `--help` need not import the simulator.
SCENARIOS = (
    "What is planted: default, null, shocks, shocks_with_effect, campaigns, frailty, anticipation, "
    "by_nationality, misregistered, late, earlier_only, more_only, brought_forward, added, "
    "partly_added, messy."
)


class RegisterSize(StrEnum):
    """Size of the simulated registers."""

    published = "published"
    small = "small"


@app.command()
def simulate(
    out: Out,
    size: Annotated[RegisterSize, typer.Option()] = RegisterSize.published,
    seed: Seed = 0,
    scenario: Annotated[str, typer.Option(metavar="NAME", help=SCENARIOS)] = "default",
) -> None:
    """Write simulated registers with a known truth."""
    import numpy as np

    from hazard import simulation
    from hazard.files.atomic import check_new

    planted = simulation.scenario(scenario)
    check_new(out)
    rng = np.random.default_rng(seed)
    with progress() as show_progress:
        show_progress("calibrate", 0.0)
        truth = simulation.truth(size.value, rng, planted)
        show_progress("simulate", 0.0)
        registers = simulation.registers(truth, rng)
        show_progress("write", 0.0)
        simulation.write(registers, out)
    echo(f"Registers written to {out}")


@app.command()
def check(directory: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Report on the integrity of registers; exit code 3 when they are broken."""
    from hazard.data import registers

    with progress() as show_progress:
        show_progress("read", 0.0)
        register_data = registers.read(directory)
        show_progress("check", 0.0)
        report = registers.check(register_data)
    for row in report[report["n_broken"] > 0].itertuples():
        echo(
            f"{row.severity:5}  {row.table}: {row.rule} {row.n_broken} of {row.n_rows} rows do not"
            f" (rows {row.first_rows})."
        )
    errors = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
    echo(f"{len(report)} rules checked, {len(errors)} broken.")
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

    from hazard import fitting, spec
    from hazard.data import exposures, table_files

    if out.suffix != ".parquet":
        raise UsageError(f"panel --out must end in .parquet; got {str(out)!r}.")
    refuse_existing(out)
    model_spec = spec.read(model)
    with progress() as show_progress:
        show_progress("read", 0.0)
        rows = fitting.panel_from_registers(directory, model_spec)
        show_progress("write", 0.0)
        table = pd.concat([rows.frame, exposures.to_columns(rows.histories)], axis=1)
        content = table_files.write_panel(table)
        atomic.write_file(out, lambda draft: atomic.write_bytes(draft, content))
    tell_warnings(rows.warnings)
    echo(rows.flow.to_string(index=False))
    echo(f"{len(table):,} rows written to {out}")


@app.command()
def describe(
    source: Annotated[Path, typer.Argument(metavar="DIR|PANEL", help="Registers, or a table.")],
    out: Out,
    model: Annotated[str, typer.Option(help="Whose definitions or layout to use.")] = "oslo2016",
    lang: Language = "en",
) -> None:
    """Write the published descriptive tables and figures of registers or of a ready table."""
    from hazard import spec
    from hazard.files.atomic import check_new, new_folder
    from hazard.fitting.folders import seal_folder
    from hazard.output import figures
    from hazard.studies import describe as description

    check_new(out)
    model_spec = spec.read(model)
    if not source.exists():
        raise UsageError(f"registers or table must exist; nothing at {str(source)!r}.")
    describe_source = description.from_registers if source.is_dir() else description.from_table
    with progress() as show_progress:
        show_progress("read and count", 0.0)
        result = describe_source(source, model_spec).without_small_cells
        show_progress("figures", 0.0)
        figure_data = (result.series, result.published)
        words = figures.description_words(lang, result.people)
        with new_folder(out) as folder:
            for name, figure in figures.description(*figure_data, words=words).items():
                for kind in ("png", "svg"):
                    (folder / f"{name}.{kind}").write_bytes(figures.rendered(figure, kind))
            for name, text in figures.description_text(*figure_data, words=words).items():
                atomic.write_text(folder / f"{name}.txt", text)
            published = result.published if len(result.published) else None
            tables = {
                "series": result.output_series,
                "published": published,
                "privacy": result.privacy,
            }
            seal_folder(folder, "description", tables)
    tell_warnings(result.warnings)
    echo(f"{result.summary} Written to {out}")
