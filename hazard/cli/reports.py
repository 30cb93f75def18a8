"""Commands that report: tables, brief, models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hazard.cli.app import Language, Out, app, echo, refuse_existing, tell_status
from hazard.errors import UsageError


class Kind(StrEnum):
    """Which coefficients are put in a table."""

    lags = "lags"
    covariates = "covariates"


@app.command()
def tables(
    folder: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Out,
    kind: Annotated[
        Kind | None, typer.Option(help="Which coefficients; by default lags where there are any.")
    ] = None,
) -> None:
    """Write the coefficients of a run in the layout of the 2016 report, its numbers beside.

    Table 7-1, or Table 7-2 of a model that joins lags to windows. Of a model without lags, or with
    --kind covariates: covariates, periods and spreads of groups, the estimators side by side.
    Each row says whether the draws were checked, and the digest of the manifest of the run.
    """
    from hazard.files.atomic import write_file
    from hazard.files.tidy_csv import write_table
    from hazard.fitting import refuse_few_persons
    from hazard.fitting.store import read_run
    from hazard.studies import appendix

    if out.suffix != ".csv":
        raise UsageError(f"tables --out must end in .csv; got {str(out)!r}.")
    refuse_existing(out)
    run = read_run(folder)
    refuse_few_persons(run, "a table")
    if kind is None:
        coefficients = appendix.in_layout(run.estimates, run.spec)
    elif kind == Kind.lags:
        coefficients = appendix.lag_table(run.estimates, run.spec)
    else:
        coefficients = appendix.covariate_table(run.estimates)
    coefficients = coefficients.assign(checked=run.status.value, manifest=run.facts["digest"])
    write_file(out, lambda draft: write_table(coefficients, draft))
    tell_status(folder.name, run.status)
    echo(f"{len(coefficients)} rows written to {out}")


@app.command()
def brief(
    folder: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Out,
    lang: Language = "nb",
) -> None:
    """Write a brief of a run, or of published estimates, as one HTML file."""
    from hazard import brief as briefs
    from hazard.brief.folders import read as read_folder
    from hazard.files.atomic import write_file
    from hazard.fitting import Fit, refuse_few_persons

    refuse_existing(out)
    run = read_folder(folder)
    if isinstance(run, Fit):
        refuse_few_persons(run, "a brief")
    page = briefs.html(run, lang)
    write_file(out, lambda draft: draft.write_text(page, encoding="utf-8"))
    echo(str(out))


@app.command()
def models() -> None:
    """List the bundled models and the question that each one asks."""
    from hazard import spec

    for path in sorted(spec.models_folder().glob("*.toml")):
        echo(f"{path.stem:22} {spec.read(path.stem).question}")
