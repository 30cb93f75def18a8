"""Commands that fit a model: run, sensitivity, compare, score, calibrate, prior, published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hazard import languages
from hazard.cli.app import (
    Engine,
    Language,
    ModelName,
    Out,
    Registers,
    Seed,
    Table,
    app,
    echo,
    read_rows,
    read_rows_or_small,
    refuse_existing,
    refuse_two_sources,
    tell_left_out,
    tell_status,
    tell_written,
)
from hazard.errors import UsageError
from hazard.progress import progress

if TYPE_CHECKING:
    from hazard.fitting import Fit, Panel
    from hazard.spec import ModelSpec
    from hazard.studies.scores import Score


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
    from hazard import spec
    from hazard.files.atomic import check_new
    from hazard.fitting.store import write_run
    from hazard.inference.chains import kept_chains

    model_spec = spec.read(model)
    check_new(out)
    refuse_two_sources("run", registers, panel)
    sampled = _sampled(checked_by, engine)
    with progress() as show_progress, kept_chains(out) as kept:
        show_progress("load", 0.0)
        from hazard import fitting
        from hazard.inference import nuts

        show_progress("read", 0.0)
        rows = read_rows(model_spec, registers, panel)
        settings = nuts.SamplerSettings(draws, tune, chains, cores, seed=seed, engine=engine.value)
        fit = fitting.fit(rows, model_spec, settings, progress=show_progress, chain_store=kept)
        if sampled is not None:
            fit = fitting.flagged(fit, sampled)
        data = "--registers REGISTERS" if registers else "--panel TABLE" if panel else ""
        fit = fitting.called(fit, model, data)
        write_run(out, fit)
    tell_left_out(rows, model_spec)
    for remark in fitting.remarks(fit.facts["notes"]):
        echo(f"Remark: {remark}")
    echo(f"Run written to {out}")
    for name, facts in fit.facts["answers"].items():
        if "unanswered" in facts:
            echo(f"Estimand {name!r} is not answered: {facts['unanswered']}")
    for remark in fit.facts["remarks"]["hazard model"]:
        echo(remark)
    if fit.gate is None:
        echo("The numbers are approximate; --engine nuts samples the posterior.")
    else:
        for failure in fit.gate.failures:
            echo(f"Gate: {failure}", err=True)
        if not fit.gate.passed:
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
    lang: Language = "en",
) -> None:
    """Refit a model under every lag prior, half, one and two times as wide as its own.

    Exit code 4 when sampling did not converge.
    """
    from hazard import spec
    from hazard.files.atomic import check_new
    from hazard.studies.sensitivity.folder import write_sensitivity

    model_spec = spec.read(model)
    check_new(out)
    refuse_two_sources("sensitivity", registers, panel)
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard.output import figures
        from hazard.studies import sensitivity as atlas

        plan = atlas.plan(model_spec, engine=engine.value, repeat=repeat or (), seed=seed)
        show_progress("read", 0.0)
        rows = read_rows(model_spec, registers, panel)
        result = atlas.run(rows, model_spec, plan, progress=show_progress)
    tell_left_out(rows, model_spec, lang)
    write_sensitivity(out, result, lang)
    labels, words = languages.words("shared.exit", lang), languages.figure("sensitivity", lang)
    echo(figures.sensitivity_text(result.table, labels=labels, words=words))
    tell_written(out, lang)
    for line in atlas.repeated_text(result.repeated, lang):
        echo(line)
    for cell, gate in result.gates.items():
        for failure in gate.failures:
            echo(f"Gate, prior {cell!r}: {failure}", err=True)
    if not result.passed:
        raise typer.Exit(4)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="Model of the two baselines.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="Model of the hazard model.")],
    out: Out,
    registers: Registers = None,
    panel: Table = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A run of LAST on these rows, for its draws."),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Put three estimators on one scale, say why they differ, and check the published columns.

    For the page: hazard brief FOLDER.
    """
    from hazard import spec
    from hazard.files.atomic import check_new
    from hazard.fitting.folders import source_run
    from hazard.fitting.store import read_with_draws
    from hazard.studies.estimators.folder import write_comparison

    baselines, hazard_model = spec.read(first), spec.read(last)
    check_new(out)
    refuse_two_sources("compare", registers, panel)
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard import fitting
        from hazard.studies import estimators as agreement

        show_progress("read", 0.0)
        rows = read_rows(hazard_model, registers, panel)
        finished = None if run is None else read_with_draws(run)
        fitted = None if finished is None else fitting.on_rows(finished, rows)
        models = agreement.ModelPair(baselines, hazard_model)
        result = agreement.compare(
            rows, models, hazard_fit=fitted, seed=seed, progress=show_progress
        )
    tell_left_out(rows, hazard_model)
    if finished is not None:
        tell_status(finished.name, finished.status)
        result = result.of_run(source_run(finished.facts, finished.status))
    write_comparison(out, result)
    echo(f"Written to {out}; 'hazard brief {out}' makes the page.")


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
    from hazard.files.atomic import check_new
    from hazard.fitting.status import Status
    from hazard.fitting.store import read_with_draws
    from hazard.studies.scores.folder import write_scores

    check_new(out)
    refuse_two_sources("score", registers, panel)
    results: list[Score] = []
    rows_and_specs: list[tuple[Panel, ModelSpec]] = []
    statuses: dict[str, Status] = {}
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard import fitting
        from hazard.studies import scores

        plan = scores.ScorePlan(most_refits=refits, seed=seed)
        units = [unit for unit in by or [] if unit != scores.report.FUTURE]
        for run in runs:
            finished = read_with_draws(run)
            rows = read_rows(finished.spec, registers, panel, units)
            fitted = fitting.on_rows(finished, rows)
            statuses[fitted.name] = Status(finished.status)
            rows_and_specs.append((rows, finished.spec))
            results += [
                scores.score(fitted, unit, plan=plan, progress=show_progress)
                for unit in by or ["person"]
            ]
    for rows, model_spec in rows_and_specs:
        tell_left_out(rows, model_spec)
    for name, status in statuses.items():
        tell_status(name, status)
    write_scores(out, results, statuses)
    echo(f"{scores.text(results)}\nWritten to {out}")


@app.command()
def published(out: Out, seed: Seed = 0) -> None:
    """Posterior of the published lag curves under several lag priors."""
    from hazard.files.atomic import check_new
    from hazard.studies.published.folder import write_published

    check_new(out)
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard.studies import published

        show_progress("sample", 0.0)
        result = published.run(seed, progress=lambda line: show_progress(line, 0.0))
    write_published(out, result)
    echo(f"Published estimates written to {out}")
    for prior, gate in result.gates.items():
        for failure in gate.failures:
            echo(f"Gate, prior {prior!r}: {failure}", err=True)
    if not result.passed:
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

    model_spec = spec.read(model)
    refuse_existing(out)
    with progress() as show_progress:
        show_progress("load", 0.0)
        from hazard.studies import sbc

        show_progress("read", 0.0)
        rows = read_rows_or_small("calibrate", model_spec, registers, panel)
        problem = sbc.Problem.from_panel(rows, model_spec)
        plan = sbc.CalibrationPlan(simulations, engine.value, seed)
        result = sbc.calibrate(problem, plan, out, show_progress)
    echo(f"Certificate written to {out}: {sbc.summary(result)}")
    if not result["passed"]:
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
    """Prior predictive distribution of a model: monthly probabilities, incidences, lag curves.

    Without data on a small generated panel. What priors claim is printed beside what they say, and
    a picture of the lag curves lies beside the file.
    """
    import numpy as np

    from hazard import predictive, spec
    from hazard.files.atomic import write_file
    from hazard.files.tidy_csv import write_table
    from hazard.model import design, parameterisation
    from hazard.output import figures

    model_spec = spec.read(model)
    if out.suffix != ".csv":
        raise UsageError(f"prior --out must end in .csv; got {str(out)!r}.")
    drawn = out.with_suffix(".png")
    refuse_existing(out)
    refuse_existing(drawn)
    with progress() as show_progress:
        show_progress("prior", 0.0)
        rows = read_rows_or_small("prior", model_spec, registers, panel)
        model_design = design.build(rows.frame, rows.histories, model_spec)
        coefficients = predictive.prior_draws(
            parameterisation.standard(model_design), draws, np.random.default_rng(seed)
        )
        person = rows.frame["person"].to_numpy()
        summary = predictive.prior_predictive(
            coefficients, model_design, person=person, spec=model_spec
        )
    write_file(out, lambda draft: write_table(summary, draft))
    if model_spec.lagged:
        picture = figures.rendered(figures.prior(summary, unit=model_spec.table.unit), "png")
        write_file(drawn, lambda draft: draft.write_bytes(picture))
    columns = ["quantity", "term", "exit", "arm", "p2_5", "p50", "p97_5", "above_half"]
    without_lags = summary.loc[summary["lag"].isna(), columns].fillna("")
    echo(without_lags.to_string(index=False, float_format=_to_thousandths))
    claims = predictive.claims(model_spec)
    if len(claims):
        echo("What priors claim, and the probability that they give it:")
        echo(claims.fillna("").to_string(index=False, float_format=_to_thousandths))
    if model_spec.lagged:
        echo(figures.prior_text(summary))
        echo(f"Written to {out} and {drawn}")
    else:
        echo(f"Written to {out}")


def _to_thousandths(value: float) -> str:
    """A number with three decimals; nothing is below zero by less than that."""
    return f"{round(value, 3) + 0.0:.3f}"


def _sampled(checked_by: Path | None, engine: Engine) -> Fit | None:
    """A sampled fit to compare with the approximate engine."""
    from hazard.fitting.store import read_run

    if checked_by is None:
        return None
    if engine == Engine.nuts:
        raise UsageError("--checked-by must come with --engine laplace; nuts is what checks.")
    return read_run(checked_by)
