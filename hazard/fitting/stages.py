"""The stages in line: from rows to everything that a run folder holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines import aalen_johansen, linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.checks import predictive
from hazard.errors import ConvergenceError
from hazard.estimands import incidence
from hazard.fitting import recheck
from hazard.fitting.averages import Answer, Asked, answers
from hazard.fitting.costs import persons_of
from hazard.fitting.flow import losses, with_design
from hazard.fitting.metadata import (
    Clock,
    counts,
    draws_digest,
    held,
    refuse_constant,
    rows_digest,
    unseen,
    unseen_remarks,
    versions,
)
from hazard.fitting.quantities import baseline_estimates, by_draw, hazard_estimates, joined
from hazard.fitting.records import Analysis, Kept, Progress, Rows, silent
from hazard.fitting.remarks import notes
from hazard.fitting.rows import size
from hazard.inference import laplace, laplace_draws, nuts
from hazard.model import design, memory, parameterisation, priors, pymc_model
from hazard.output import coefficients, tables
from hazard.spec import ModelSpec


def analyse(
    rows: Rows,
    spec: ModelSpec,
    settings: nuts.Settings,
    *,
    progress: Progress = silent,
    kept: Kept = lambda _: nuts.NOT_KEPT,
) -> Analysis:
    """Fit the hazard model and the baselines to the same rows, and compute the estimands.

    Parameters
    ----------
    rows : Rows
    spec : ModelSpec
    settings : Settings
    progress : callable
        Called with the name of the stage and the share of it that is done.
    kept : callable, optional
        From a digest of all that the draws depend on to where finished chains are kept.

    Returns
    -------
    Analysis
        Also when the gate is not passed: the failure is in ``gate`` and travels along.
    """
    clock = Clock(progress)
    memory.refuse_too_large(
        spec, replace(size(rows.panel, spec), draws=settings.draws * settings.chains)
    )
    clock.start("design")
    built = design.build(rows.panel, rows.histories, spec)
    refuse_constant(built)
    lost = losses(rows, built)
    persons_of(rows.panel, spec.costs)  # what cannot be counted is told before anything is sampled
    clock.start("baselines")
    fits, without = _baselines(built, rows.panel, spec)
    life = aalen_johansen.fit(rows.panel)
    clock.start("approximation")
    around = laplace_draws.fit(parameterisation.standard(built))
    drawn = _ENGINES[settings.engine](around, settings, clock, kept)
    clock.start("estimands")
    posterior = drawn["posterior"].to_dataset()
    found = by_draw(posterior, built, rows.panel, spec)
    answered = answers(
        Asked(posterior, built, rows, spec), lambda label: clock.start(f"estimand {label}")
    )
    groups = {f"answer_{each.label}": xr.DataTree(each.draws) for each in answered}
    tree = drawn.assign({"estimands": xr.DataTree(xr.Dataset(found)), **groups})
    own = joined(
        [_estimates(found, answered, spec), coefficients.hazard_estimates(posterior, built, spec)]
    )
    own = own.assign(engine=settings.engine)
    verdict, checked = None, None
    if settings.engine == "nuts":
        tree = tree.assign(
            {recheck.JUDGED: recheck.kept(_judged_besides(posterior, built, answered, spec))}
        )
        verdict = recheck.gate_of(tree)
        clock.start("check of the approximation")
        near = laplace_draws.draws(around, _CHECKED_DRAWS, np.random.default_rng(settings.seed))
        beside = answers(Asked(near, built, rows, spec))
        told = _estimates(by_draw(near, built, rows.panel, spec), beside, spec)
        told = joined([told, coefficients.hazard_estimates(near, built, spec)])
        checked = tables.apart(told[told["sd"].notna()], own)
    clock.start("predictive check")
    beta = incidence.coefficients(posterior, built)
    checks = predictive.Settings.of(int(rows.panel["month"].iloc[built.row].max()), spec.table.unit)
    replicated = predictive.check(
        beta, built, panel=rows.panel, by=spec.group_columns, settings=checks
    )
    estimates = joined([own, *baseline_estimates(fits, life, built, spec)])
    if checked is None:  # approximate numbers, none of which is checked yet
        estimates = estimates.reindex(columns=[*tables.COLUMNS, *tables.CHECK])
    beyond = unseen(rows.panel, spec)
    clock.start("done")
    return Analysis(
        spec=spec,
        posterior=tree,
        estimates=estimates,
        predictive=replicated,
        gate=verdict,
        checked=checked,
        priors=priors.describe(spec),
        flow=with_design(rows.flow, lost, built),
        facts={
            "source": rows.source,
            "register_warnings": list(rows.warnings),
            "panel": counts(rows.panel, built),
            "compared": checks.month,
            "centres": coefficients.centres(built),
            "binary": coefficients.binary(built),
            "flow": lost.facts(),
            "notes": notes(rows, built, spec),
            "unseen": beyond,
            "held": {fit.estimator: held(fit) for fit in fits},
            "remarks": {
                **{fit.estimator: list(fit.remarks) for fit in fits},
                **without,
                tables.HAZARD_MODEL: unseen_remarks(beyond, spec.table.unit),
            },
            "rows_digest": rows_digest(built, rows.panel),
            "answers": {each.label: dict(each.facts) for each in answered},
            "settings": asdict(settings),
            "seconds": clock.seconds,
            "versions": versions(),
        },
    )


def _judged_besides(
    posterior: xr.Dataset, built: design.Design, answered: Sequence[Answer], spec: ModelSpec
) -> dict[str, xr.DataArray]:
    """What the gate judges besides parameters, lags, sums and incidences."""
    quantities = coefficients.made(posterior, built, spec)
    for answer in answered:
        if answer.facts.get("draws") == posterior.sizes["chain"] * posterior.sizes["draw"]:
            quantities |= answer.judged
    return quantities


def _estimates(
    found: Mapping[str, xr.DataArray], answered: Sequence[Answer], spec: ModelSpec
) -> pd.DataFrame:
    """Everything that a posterior says, in one table."""
    return joined([hazard_estimates(found, spec), *(each.estimates for each in answered)])


def _baselines(
    built: design.Design, frame: pd.DataFrame, spec: ModelSpec
) -> tuple[list[BaselineFit], dict[str, list[str]]]:
    """Baselines on the same rows; why there is none, of one that does not exist on them."""
    by = spec.baselines.clusters
    groups = None if by is None else robust.clusters(built, frame, by)
    fits = [linear_probability.fit(built, errors=groups or "rows")]
    try:
        fits.append(multinomial_logit.fit(built, errors=groups or "information"))
    except ConvergenceError as error:
        return fits, {"multinomial logit": [str(error)]}
    return fits, {}


def _sampled(
    around: laplace.Laplace, settings: nuts.Settings, clock: Clock, kept: Kept
) -> xr.DataTree:
    clock.start("compile")
    graph = pymc_model.build_model(around.coordinates, around.anchors())
    compiled = nuts.compile_model(graph, around)
    clock.start("sample")
    pieces = kept(draws_digest(around, settings))
    return nuts.sample(compiled, settings, lambda share: clock.tell("sample", share), pieces=pieces)


def _approximated(
    around: laplace.Laplace, settings: nuts.Settings, clock: Clock, kept: Kept
) -> xr.DataTree:
    clock.start("draws")
    n = settings.draws * settings.chains
    drawn = laplace_draws.draws(around, n, np.random.default_rng(settings.seed))
    return xr.DataTree.from_dict({"posterior": drawn})


_CHECKED_DRAWS = 1000
_ENGINES = {"nuts": _sampled, "laplace": _approximated}
