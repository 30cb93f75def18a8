"""The command line: arguments in, functions called, exit code out."""

from __future__ import annotations

import sys

import typer

from hazard.cli import data, ever_treated, fits, reports, scenario, survival
from hazard.cli.app import app
from hazard.cli.data import SCENARIOS
from hazard.errors import HazardError, UsageError

__all__ = [
    "SCENARIOS",
    "app",
    "data",
    "ever_treated",
    "fits",
    "main",
    "reports",
    "scenario",
    "survival",
]


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
