"""Commands on registers and panels: simulate, check, panel, describe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hazard.cli.app import Language, Out, Seed, app, refuse_existing
from hazard.errors import RegisterError, UsageError

# Written out, so that `--help` need not import the simulator.
SCENARIOS = (
    "What is planted: default, null, shocks, shocks_with_effect, campaigns, frailty, anticipation, "
    "by_nationality, misregistered, late, earlier_only, more_only, brought_forward, added, "
    "partly_added, messy."
)


class Size(StrEnum):
    """Size of the simulated registers."""

    published = "published"
    small = "small"


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
    refuse_existing(out)
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
    found = made_from(source, wanted).disclosed
    with store.new_folder(out) as folder:
        store.write_table(found.told, folder / "series.csv")
        if len(found.published):
            store.write_table(found.published, folder / "published.csv")
        if found.privacy is not None:
            store.write_table(found.privacy, folder / "privacy.csv")
        drawn = (found.series, found.published)
        words = description.words(lang.value, found.people)
        for name, figure in figures.description(*drawn, words=words).items():
            for kind in ("png", "svg"):
                (folder / f"{name}.{kind}").write_bytes(figures.rendered(figure, kind))
        for name, text in figures.description_text(*drawn, words=words).items():
            (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    typer.echo(f"{found.summary} Written to {out}")
