"""The application, and what several commands share: options and the reading of rows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hazard import languages
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.files.terminal import escaped

if TYPE_CHECKING:
    from hazard.fitting import Panel
    from hazard.spec import ModelSpec


class Commands(TyperGroup):
    """The commands; what one of them claimed and did not write is released when it ends."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with atomic.claims():
            return super().invoke(ctx)


app = typer.Typer(
    name="hazard",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Discrete-time competing-risks hazards: from registers to an uncertainty-aware brief.",
)


def _version(is_requested: bool) -> None:  # noqa: FBT001 - a flag of the command line
    if is_requested:
        from importlib import metadata

        typer.echo(f"hazard {metadata.version('hazard')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Discrete-time competing-risks hazards: from registers to an uncertainty-aware brief."""


def echo(text: str, *, err: bool = False) -> None:
    """Print text in which nothing moves the cursor, whatever labels it holds."""
    typer.echo(escaped(text), err=err)


class Engine(StrEnum):
    """How the posterior is computed."""

    nuts = "nuts"
    laplace = "laplace"


def _language(code: str) -> str:
    """The code of a language whose catalogue is there and has all texts."""
    languages.catalogue(code)
    return code


Out = Annotated[Path, typer.Option("--out", help="What to write; must not exist yet.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all randomness.")]
Registers = Annotated[Path | None, typer.Option(help="Folder with registers.")]
Table = Annotated[Path | None, typer.Option(help="Ready table, CSV or Parquet.")]
Language = Annotated[
    str,
    typer.Option(
        "--lang",
        parser=_language,
        metavar="|".join(languages.codes()),
        help="A language: a file of hazard/languages.",
    ),
]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A bundled model, or a .toml file.")
]


def refuse_two_sources(command: str, registers: Path | None, panel: Path | None) -> None:
    """Raise when both registers and a table were named."""
    if registers is not None and panel is not None:
        raise UsageError(f"{command} must be given --registers or --panel, not both.")


def read_rows(
    spec: ModelSpec, registers: Path | None, panel: Path | None, by: Sequence[str] = ()
) -> Panel:
    """Rows of the registers, of the table, or of the bundled example.

    A table is read with the columns ``by`` too, although the model does not name them.
    """
    from hazard import fitting
    from hazard.errors import did_you_mean

    if registers is None:
        return fitting.pool_small_levels(fitting.panel_from_table(panel, spec, by), spec)
    rows = fitting.pool_small_levels(fitting.panel_from_registers(registers, spec), spec)
    tell_warnings(rows.warnings)
    absent = [name for name in by if name not in rows.frame]
    if absent:
        names = [str(name) for name in rows.frame]
        raise UsageError(
            f"--by must name a column of the panel that registers make, {names}; got {absent[0]!r}."
            + did_you_mean(absent[0], names)
        )
    return rows


def tell_left_out(rows: Panel, spec: ModelSpec, lang: str = languages.ENGLISH) -> None:
    """Say how many of the rows read are in the design, and why the others are not."""
    from hazard.fitting import flow

    losses = flow.losses_of_rows(rows, spec)
    for line in filter(None, (flow.text(losses, lang), flow.outside(losses, lang))):
        echo(line)
    if warning := flow.warning(losses, lang):
        echo(languages.words("commands.flow", lang)["warned"].format(warning=warning), err=True)


def tell_written(out: Path, lang: str, key: str = "written") -> None:
    """Say what was written."""
    echo(languages.words("commands.end", lang)[key].format(out=out))


def tell_warnings(warnings: tuple[str, ...]) -> None:
    """Print on the error stream what is unlikely in a correct register."""
    for sentence in warnings:
        echo(f"Warning: {sentence}", err=True)
    if warnings:
        echo("See the rows with 'hazard check'.", err=True)


def tell_status(name: str, status: str) -> None:
    """Print on the error stream a warning about the run behind an output."""
    from hazard.fitting.status import MARKS, Status

    if sentence := MARKS.get(Status(status)):
        echo(f"Warning: run {name!r}: {sentence}", err=True)


def read_rows_or_small(
    command: str, spec: ModelSpec, registers: Path | None, panel: Path | None
) -> Panel:
    """Rows of the data that were named, or generated ones."""
    from hazard.studies import sbc

    refuse_two_sources(command, registers, panel)
    if registers is None and panel is None:
        return sbc.small_rows(spec)
    return read_rows(spec, registers, panel)


def refuse_existing(out: Path) -> None:
    """Raise unless a file of this name can be made."""
    from hazard.files.atomic import check_new

    if out.exists():
        raise UsageError(f"output {str(out)!r} must not exist yet; choose another name.")
    check_new(out)
