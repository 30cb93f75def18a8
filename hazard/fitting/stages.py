"""The stages in line: from rows to everything that a run folder holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import xarray as xr

from hazard import predictive
from hazard.baselines import aalen_johansen, linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.errors import ConvergenceError
from hazard.estimands import incidence
from hazard.fitting import log_densities, recheck
from hazard.fitting.averages import AveragedEstimand, averages_of
from hazard.fitting.costs import persons_of
from hazard.fitting.flow import losses, with_design
from hazard.fitting.metadata import (
    Clock,
    counts,
    draws_digest,
    not_estimated,
    refuse_constant,
    rows_digest,
    unseen,
    unseen_remarks,
    versions,
)
from hazard.fitting.quantities import (
    PRIOR,
    baseline_estimates,
    by_draw,
    hazard_estimates,
    joined,
    prior_curves,
    prior_estimates,
)
from hazard.fitting.records import ChainStores, Fit, Panel, Progress, silent
from hazard.fitting.remarks import notes
from hazard.fitting.rows import size
from hazard.inference import laplace, laplace_draws, nuts
from hazard.model import design, memory, parameterisation, priors, pymc_model
from hazard.output import coefficients, tables
from hazard.spec import ModelSpec


def fit(
    rows: Panel,
    spec: ModelSpec,
    settings: nuts.SamplerSettings,
    *,
    progress: Progress = silent,
    chain_store: ChainStores = lambda _: nuts.NO_STORE,
) -> Fit:
    """Fit the hazard model and the baselines to the same rows, and compute the estimands.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec
    settings : SamplerSettings
    progress : callable
        Called with the name of the stage and the share of it that is done.
    chain_store : callable, optional
        From a digest of all that the draws depend on to where finished chains are kept.

    Returns
    -------
    Fit
        Also when the gate is not passed: the failure is in ``gate`` and travels along.
    """
    clock = Clock(progress)
    memory.refuse_too_large(
        spec, replace(size(rows.frame, spec), draws=settings.draws * settings.chains)
    )
    clock.start("design")
    built = design.build(rows.frame, rows.histories, spec)
    refuse_constant(built)
    lost = losses(rows, built)
    persons_of(rows.frame, spec.costs)  # raises before anything is sampled
    clock.start("baselines")
    baselines, not_fitted = _baselines(built, rows.frame, spec)
    life = aalen_johansen.fit(rows.frame)
    clock.start("approximation")
    approximation = laplace_draws.fit(parameterisation.standard(built))
    tree = _by_exit(_ENGINES[settings.engine](approximation, settings, clock, chain_store))
    fitted = Fit(spec, tree, name=spec.name, rows=rows, built=built)
    clock.start("estimands")
    fitted, averages = _with_estimands(fitted, lambda label: clock.start(f"estimand {label}"))
    fitted = replace(fitted, estimates=fitted.estimates.assign(engine=settings.engine))
    fitted = replace(fitted, posterior=_with_densities(fitted, approximation.coordinates))
    if spec.lag_shapes:
        clock.start("prior of the shapes")
        prior = prior_curves(built, spec, settings.seed)
        fitted = replace(fitted, posterior=fitted.tree.assign({PRIOR: prior}))
    if settings.engine == "nuts":
        fitted = _judged(fitted, averages)
        clock.start("check of the approximation")
        rng = np.random.default_rng(settings.seed)
        approximate_draws = laplace_draws.draws(approximation, _CHECKED_DRAWS, rng)
        approximate, _ = _with_estimands(
            replace(fitted, posterior=xr.DataTree.from_dict({"posterior": approximate_draws}))
        )
        with_draws = approximate.estimates[approximate.estimates["sd"].notna()]
        fitted = replace(fitted, approximation=tables.apart(with_draws, fitted.estimates))
    clock.start("predictive check")
    checks = predictive.CheckSettings.for_panel(
        int(rows.frame["month"].iloc[built.row].max()), spec.table.unit
    )
    checked = predictive.check(
        incidence.coefficients(fitted.draws, built),
        built,
        panel=rows.frame,
        by=spec.group_columns,
        settings=checks,
    )
    estimates = joined(
        [
            fitted.estimates,
            prior_estimates(fitted.tree, spec),
            *baseline_estimates(baselines, life, built, spec),
        ]
    )
    if settings.engine == "laplace":  # none of the numbers is checked yet
        estimates = estimates.reindex(columns=[*tables.COLUMNS, *tables.CHECK])
    unseen_periods = unseen(rows.frame, spec)
    clock.start("done")
    return replace(
        fitted,
        estimates=estimates,
        predictive=checked,
        priors=priors.describe(spec),
        flow=with_design(rows.flow, lost, built),
        facts={
            "source": rows.source,
            "register_warnings": list(rows.warnings),
            "panel": counts(rows.frame, built),
            "compared": checks.month,
            "centres": coefficients.centres(built),
            "binary": coefficients.binary(built),
            "flow": lost.facts(),
            "notes": notes(rows, built, spec),
            "sd_ratios": approximation.sd_ratios,
            "unseen": unseen_periods,
            "held": {baseline.estimator: not_estimated(baseline) for baseline in baselines},
            "remarks": {
                **{baseline.estimator: list(baseline.remarks) for baseline in baselines},
                **not_fitted,
                tables.HAZARD_MODEL: unseen_remarks(unseen_periods, spec.table.unit),
            },
            "rows_digest": rows_digest(built, rows.frame),
            "answers": {average.label: dict(average.facts) for average in averages},
            "settings": asdict(settings),
            "seconds": clock.seconds,
            "versions": versions(),
        },
    )


def _with_estimands(
    fitted: Fit, begin: Callable[[str], None] = lambda _: None
) -> tuple[Fit, list[AveragedEstimand]]:
    """A fit with everything that its draws say, draw by draw and in one table."""
    spec, built, draws = fitted.spec, fitted.design, fitted.draws
    quantities = by_draw(draws, built, fitted.panel.frame, spec)
    averages = averages_of(fitted, begin)
    estimates = joined(
        [
            joined(
                [hazard_estimates(quantities, spec), *(average.estimates for average in averages)]
            ),
            coefficients.hazard_estimates(draws, built, spec),
        ]
    )
    groups = {f"answer_{average.label}": xr.DataTree(average.draws) for average in averages}
    tree = fitted.tree.assign({"estimands": xr.DataTree(xr.Dataset(quantities)), **groups})
    return replace(fitted, posterior=tree, estimates=estimates), averages


def _by_exit(tree: xr.DataTree) -> xr.DataTree:
    """Draws with the exit before any other dimension of what is drawn.

    ArviZ stacks all variables in the order in which dimensions are first met, and labels each in
    its own: only where the two are one has every number the label of its exit and level.
    """
    draws = tree["posterior"].to_dataset()
    ordered = draws.transpose("chain", "draw", *(["exit"] if "exit" in draws.dims else []), ...)
    return tree.assign(posterior=xr.DataTree(ordered))


def _with_densities(fitted: Fit, coordinates: parameterisation.Coordinates) -> xr.DataTree:
    """Draws with their log-prior, term by term, and log-likelihood: what power scaling needs."""
    return fitted.tree.assign(
        log_prior=xr.DataTree(log_densities.log_prior(fitted.draws, coordinates)),
        log_likelihood=xr.DataTree(log_densities.total_log_likelihood(fitted.draws, fitted.design)),
    )


def _judged(fitted: Fit, averages: Sequence[AveragedEstimand]) -> Fit:
    """A sampled fit with its gate: of parameters, lags, sums, incidences, and what is beside."""
    draws = fitted.draws
    quantities = coefficients.derived_contrasts(draws, fitted.design, fitted.spec)
    for average in averages:
        if average.facts.get("draws") == draws.sizes["chain"] * draws.sizes["draw"]:
            quantities |= average.judged
    tree = fitted.tree.assign({recheck.JUDGED: recheck.quantity_groups(quantities)})
    return replace(fitted, posterior=tree, gate=recheck.gate_of(tree))


def _baselines(
    built: design.Design, frame: pd.DataFrame, spec: ModelSpec
) -> tuple[list[BaselineFit], dict[str, list[str]]]:
    """Baselines on the same rows; why there is none, of one that does not exist on them."""
    column = spec.baselines.clusters
    groups = None if column is None else robust.clusters(built, frame, column)
    fits = [linear_probability.fit(built, errors=groups or "rows")]
    try:
        fits.append(multinomial_logit.fit(built, errors=groups or "information"))
    except ConvergenceError as error:
        return fits, {"multinomial logit": [str(error)]}
    return fits, {}


def _sampled(
    approximation: laplace.Laplace,
    settings: nuts.SamplerSettings,
    clock: Clock,
    chain_store: ChainStores,
) -> xr.DataTree:
    clock.start("compile")
    graph = pymc_model.build_model(approximation.coordinates, approximation.anchors)
    compiled = nuts.compile_model(graph, approximation)
    clock.start("sample")
    store = chain_store(draws_digest(approximation, settings))
    tree = nuts.sample(compiled, settings, lambda share: clock.report("sample", share), store=store)
    posterior = approximation.adjusted(tree["posterior"].to_dataset())
    return tree.assign(posterior=xr.DataTree(posterior))


def _approximated(
    approximation: laplace.Laplace,
    settings: nuts.SamplerSettings,
    clock: Clock,
    chain_store: ChainStores,
) -> xr.DataTree:
    clock.start("draws")
    n = settings.draws * settings.chains
    posterior = laplace_draws.draws(approximation, n, np.random.default_rng(settings.seed))
    return xr.DataTree.from_dict({"posterior": posterior})


_CHECKED_DRAWS = 1000
_ENGINES = {"nuts": _sampled, "laplace": _approximated}
