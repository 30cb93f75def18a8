"""The application, and what several commands share: options, reading of rows, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hazard import files
from hazard.errors import UsageError
from hazard.terminal import shown

if TYPE_CHECKING:
    from hazard.pipeline import Rows
    from hazard.spec import ModelSpec


class Commands(TyperGroup):
    """The commands; what one of them claimed and did not write is released when it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with files.claims():
            return super().invoke(ctx)


app = typer.Typer(
    name="hazard",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Discrete-time competing-risks hazards: from registers to an uncertainty-aware brief.",
)


def echo(text: str, *, err: bool = False) -> None:
    """Print text in which nothing moves the cursor, whatever labels it holds."""
    typer.echo(shown(text), err=err)


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


def refuse_two_sources(command: str, registers: Path | None, panel: Path | None) -> None:
    """Raise when both registers and a table were named."""
    if registers is not None and panel is not None:
        raise UsageError(f"{command} must be given --registers or --panel, not both.")


def read_rows(wanted: ModelSpec, registers: Path | None, panel: Path | None) -> Rows:
    """Rows of the registers, of the table, or of the bundled example."""
    from hazard import pipeline

    if registers is not None:
        return pipeline.rows_from_registers(registers, wanted)
    return pipeline.rows_from_table(panel, wanted)


def read_rows_or_small(
    command: str, wanted: ModelSpec, registers: Path | None, panel: Path | None
) -> Rows:
    """Rows of the data that were named, or generated ones."""
    from hazard import calibration

    refuse_two_sources(command, registers, panel)
    if registers is None and panel is None:
        return calibration.small_rows(wanted)
    return read_rows(wanted, registers, panel)


def refuse_existing(out: Path) -> None:
    """Raise unless a file of this name can be made."""
    from hazard import store

    if out.exists():
        raise UsageError(f"output {str(out)!r} must not exist yet; choose another name.")
    store.check_new(out)


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
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
