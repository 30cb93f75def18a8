"""Stages of long work: a bar on a terminal and in a notebook, lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hazard.files.terminal import escaped

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LINES = 30.0
"""Of a stage that goes on, where the error stream is no terminal."""


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Stages on the error stream: a bar where that is a terminal or a notebook, else lines.

    Yields
    ------
    callable
        To be called with the name of a stage, and the share of it that is done.
    """
    from rich.console import Console

    console = Console(stderr=True)
    with _bar(console) if console.is_terminal or console.is_jupyter else _lines() as report:
        yield report


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[str, float], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, int] = {}

        def report(stage: str, share: float) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, completed=1.0)  # type: ignore[arg-type]
                tasks[stage] = bar.add_task(escaped(stage), total=1.0)
            bar.update(tasks[stage], completed=share)  # type: ignore[arg-type]

        yield report
        for task in tasks.values():
            bar.update(task, completed=1.0)  # type: ignore[arg-type]


@contextmanager
def _lines() -> Iterator[Callable[[str, float], None]]:
    """A line as each stage begins, and one every half minute that it goes on.

    Each has the seconds since the start, the stage, and the share of it that is done where the
    stage reports one. The half minutes are counted beside the work, which may report nothing.
    """
    log = _Log()
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(SECONDS_BETWEEN_LINES):
            log.repeat()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield log.report
    finally:
        ended.set()
        thread.join()


class _Log:
    """The stage that goes on, and when a line was last written of it."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._stage, self._share = "", 0.0
        self._writing = threading.Lock()

    def report(self, stage: str, share: float) -> None:
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
        sys.stderr.write(escaped(f"{self._last - self._began:6.0f} s  {self._stage}{share}") + "\n")
        sys.stderr.flush()
