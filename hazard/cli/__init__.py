"""The command line: arguments in, functions called, exit code out."""

from __future__ import annotations

from hazard.cli import ending

with ending.stoppable():  # a signal while the commands are loaded is one sentence too
    from hazard.cli import data, fits, immortal_time, reports, scenario, survival
    from hazard.cli.app import app
    from hazard.cli.data import SCENARIOS

__all__ = [
    "SCENARIOS",
    "app",
    "data",
    "ending",
    "fits",
    "immortal_time",
    "main",
    "reports",
    "scenario",
    "survival",
]


def main() -> None:
    """Run the command line; a known error is one sentence and its exit code."""
    ending.run(lambda: app(prog_name="hazard"))
