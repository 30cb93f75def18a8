"""The application, and what several commands share: options, reading of rows, progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hazard import languages
from hazard.errors import UsageError
from hazard.files import atomic
from hazard.files.terminal import shown

if TYPE_CHECKING:
    from rich.console import Console

    from hazard.fitting import Rows
    from hazard.spec import ModelSpec

SECONDS_BETWEEN_LINES = 30.0
"""Of a stage that goes on, where the error stream is no terminal."""


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
        help="Language of the text.",
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
    wanted: ModelSpec, registers: Path | None, panel: Path | None, by: Sequence[str] = ()
) -> Rows:
    """Rows of the registers, of the table, or of the bundled example.

    A table is read with the columns ``by`` too, although the model does not name them.
    """
    from hazard import fitting
    from hazard.errors import did_you_mean

    if registers is None:
        return fitting.pool_small_levels(fitting.rows_from_table(panel, wanted, by), wanted)
    rows = fitting.pool_small_levels(fitting.rows_from_registers(registers, wanted), wanted)
    tell_warnings(rows.warnings)
    lost = [name for name in by if name not in rows.panel]
    if lost:
        known = [str(name) for name in rows.panel]
        raise UsageError(
            f"--by must name a column of the panel that registers make, {known}; got {lost[0]!r}."
            + did_you_mean(lost[0], known)
        )
    return rows


def tell_left_out(rows: Rows, wanted: ModelSpec, lang: str = languages.ENGLISH) -> None:
    """Say how much of what was read the design holds, and what became of the rest."""
    from hazard.fitting import flow

    found = flow.of_rows(rows, wanted)
    for line in filter(None, (flow.text(found, lang), flow.outside(found, lang))):
        echo(line)
    if warning := flow.warning(found, lang):
        echo(languages.words("commands.flow", lang)["warned"].format(warning=warning), err=True)


def tell_written(out: Path, lang: str, key: str = "written") -> None:
    """Say what was written."""
    echo(languages.words("commands.end", lang)[key].format(out=out))


def tell_warnings(warnings: tuple[str, ...]) -> None:
    """Say on the error stream what a correct register hardly holds."""
    for sentence in warnings:
        echo(f"Warning: {sentence}", err=True)
    if warnings:
        echo("See the rows with 'hazard check'.", err=True)


def tell_status(name: str, status: str) -> None:
    """Say on the error stream what is to be known of the run that something is made of."""
    from hazard.fitting.recheck import MARKS, Status

    if sentence := MARKS.get(Status(status)):
        echo(f"Warning: run {name!r}: {sentence}", err=True)


def read_rows_or_small(
    command: str, wanted: ModelSpec, registers: Path | None, panel: Path | None
) -> Rows:
    """Rows of the data that were named, or generated ones."""
    from hazard.studies import sbc

    refuse_two_sources(command, registers, panel)
    if registers is None and panel is None:
        return sbc.small_rows(wanted)
    return read_rows(wanted, registers, panel)


def refuse_existing(out: Path) -> None:
    """Raise unless a file of this name can be made."""
    from hazard.files.atomic import check_new

    if out.exists():
        raise UsageError(f"output {str(out)!r} must not exist yet; choose another name.")
    check_new(out)


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Stages on the error stream: a bar where that is a terminal, else lines."""
    from rich.console import Console

    console = Console(stderr=True)
    with _bar(console) if console.is_terminal else _lines() as told:
        yield told


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[str, float], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, int] = {}

        def told(stage: str, share: float) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, completed=1.0)  # type: ignore[arg-type]
                tasks[stage] = bar.add_task(shown(stage), total=1.0)
            bar.update(tasks[stage], completed=share)  # type: ignore[arg-type]

        yield told
        for task in tasks.values():
            bar.update(task, completed=1.0)  # type: ignore[arg-type]


@contextmanager
def _lines() -> Iterator[Callable[[str, float], None]]:
    """A line as each stage begins, and one every half minute that it goes on.

    Each has the seconds since the start, the stage, and the share of it that is done where the
    stage tells one. The half minutes are counted beside the work, which may not tell anything.
    """
    log = _Log()
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(SECONDS_BETWEEN_LINES):
            log.repeat()

    beside = threading.Thread(target=repeat, daemon=True)
    beside.start()
    try:
        yield log.told
    finally:
        ended.set()
        beside.join()


class _Log:
    """The stage that goes on, and when it was last told of."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._stage, self._share = "", 0.0
        self._writing = threading.Lock()

    def told(self, stage: str, share: float) -> None:
        """Take note of a stage and its share; a line where the stage is another."""
        with self._writing:
            new, self._stage, self._share = stage != self._stage, stage, share
            if new:
                self._write()

    def repeat(self) -> None:
        """A line on the stage that goes on, unless one was written just now."""
        with self._writing:
            if self._stage and time.monotonic() - self._last >= SECONDS_BETWEEN_LINES / 2:
                self._write()

    def _write(self) -> None:
        self._last = time.monotonic()
        share = f", {100 * self._share:.0f} %" if self._share > 0 else ""
        echo(f"{self._last - self._began:6.0f} s  {self._stage}{share}", err=True)
