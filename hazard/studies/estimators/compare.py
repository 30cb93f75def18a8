"""All of it on one set of rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hazard.baselines import linear_probability, multinomial_logit
from hazard.baselines.fit import BaselineFit
from hazard.errors import UsageError
from hazard.estimands import incidence
from hazard.estimands.marginal_effects import changes
from hazard.fitting import Fit, Panel, Progress, rows_digest, silent, versions
from hazard.inference import laplace_draws
from hazard.inference.thinning import thinned
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.model.equivalent import identified
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.studies.estimators import columns, dependence, scale, steps
from hazard.studies.estimators.linear_coefficient import pieces

DRAWS = 400
LINEAR, LOGIT, HAZARD = "linear probability", "multinomial logit", "hazard model"


class ModelPair(NamedTuple):
    """The model of the two baselines, and that of the hazard model."""

    first: ModelSpec
    last: ModelSpec


@dataclass(frozen=True)
class Comparison:
    """Estimates of each estimator, and why they differ.

    Attributes
    ----------
    first, last : ModelSpec
        Specification of the two baselines, and of the hazard model.
    estimates : DataFrame
        See :func:`hazard.studies.estimators.scale.estimate_rows`.
    decomposition : DataFrame
        See :func:`hazard.studies.estimators.steps.table`.
    errors : DataFrame
        See :func:`hazard.studies.estimators.dependence.table`.
    outside : DataFrame
        Shares of fitted linear probabilities below 0 and above 1, by exit.
    compatibility : Compatibility or None
        None where the lagged terms are not those of the published table.
    facts : mapping
        Engine, source, remarks of the baselines, numbers of rows, versions, seconds.
    """

    first: ModelSpec
    last: ModelSpec
    estimates: pd.DataFrame
    decomposition: pd.DataFrame
    errors: pd.DataFrame
    outside: pd.DataFrame
    compatibility: columns.Compatibility | None
    facts: Mapping[str, Any]

    def of_run(self, source: Mapping[str, str]) -> Comparison:
        """The same, saying of which run its draws are."""
        return replace(self, facts={**self.facts, "run": dict(source)})


def compare(
    rows: Panel,
    models: ModelPair,
    *,
    hazard_fit: Fit | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Comparison:
    """Estimators on one scale and the steps from one to the next.

    Parameters
    ----------
    rows : Panel
        Under the definitions of the second model.
    models : ModelPair
        Of the linear probability model and the multinomial logit; and of the hazard model. The
        baselines do without the months of exits that the first model does not have, as a history
        that ends there.
    hazard_fit : Fit, optional
        The hazard model on these rows; without it, it is approximated.
    seed : int
    progress : callable

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        If the definitions of the two models differ in more than the exits, or their lagged terms,
        or the draws are of another model.
    """
    started = time.perf_counter()
    first, last = models.first, models.last
    _check_same(models)
    _check_fit(last, hazard_fit)
    fewer = _only(rows, first.outcome.exits)
    rng = np.random.default_rng(seed)
    progress("baselines", 0.0)
    subject, hazard_subject = _subject(first, fewer), _subject(last, rows)
    fits = [module.fit(subject.design) for module in (linear_probability, multinomial_logit)]
    progress("hazard model", 0.0)
    hazards = _draws(hazard_subject.design, hazard_fit, rng)
    progress("one scale", 0.0)
    quantities = scale.of_hazards(hazard_subject, hazards)
    estimates = pd.concat(
        [
            *_baseline_estimates(subject, fits, rng),
            scale.estimate_rows(quantities, hazard_subject, HAZARD),
        ]
    )
    estimates = estimates[estimates["exit"].isin(first.outcome.exits)]
    progress("steps", 0.0)
    decomposition = _steps(subject, fits[1], models, rows, quantities[scale.CHANGE])
    progress("errors", 0.0)
    errors = dependence.table(subject.design, fewer.frame, first)
    progress("published columns", 0.0)
    comparable = columns.covered(first.lagged)
    return Comparison(
        first=first,
        last=last,
        estimates=estimates.reset_index(drop=True),
        decomposition=decomposition,
        errors=errors,
        outside=linear_probability.outside(subject.design, fits[0]),
        compatibility=columns.compatibility(fewer, first, rng) if comparable else None,
        facts={
            "engine": "laplace" if hazard_fit is None else hazard_fit.engine,
            "event": subject.event or first.lagged[0].name,
            "source": rows.source,
            "rows": len(subject.design.row),
            "persons": int(fewer.frame["person"].nunique()),
            "rows_digest": rows_digest(subject.design, fewer.frame),
            "remarks": {fit.estimator: list(fit.remarks) for fit in fits},
            "seed": seed,
            "draws": DRAWS,
            "versions": versions(),
            "seconds": round(time.perf_counter() - started, 2),
        },
    )


def _check_same(models: ModelPair) -> None:
    first, last = models.first, models.last
    defined = [{**spec.data.model_dump(exclude={"exits"}), "only": spec.only} for spec in models]
    differ = sorted(name for name in defined[0] if defined[0][name] != defined[1][name])
    if differ:
        raise UsageError(
            f"models {first.name!r} and {last.name!r} must have the same definitions, but for the "
            f"exits; they differ in {differ}. Make a model file with the same [data]."
        )
    terms = [{term.name: term.lags for term in spec.lagged} for spec in models]
    if terms[0] != terms[1] or not terms[0]:
        raise UsageError(
            f"models {first.name!r} and {last.name!r} must have the same lagged terms, at least "
            f"one; got {sorted(terms[0])} and {sorted(terms[1])}."
        )


def _only(rows: Panel, exits: Sequence[str]) -> Panel:
    """Rows without the months of other exits."""
    is_kept = rows.frame["exit"].isin(["stay", *exits]).to_numpy()
    return columns.subset(rows, is_kept)


def _subject(spec: ModelSpec, rows: Panel) -> scale.Subject:
    model_design = design.build(rows.frame, rows.histories, spec)
    event_terms = [
        estimand.term for estimand in spec.estimand if isinstance(estimand, IncidenceEstimand)
    ]
    return scale.Subject(
        model=spec.name,
        design=model_design,
        person=rows.frame["person"].to_numpy(),
        terms=spec.lagged,
        event=event_terms[0] if event_terms else None,
    )


def _plain(subject: scale.Subject) -> scale.Subject:
    """The subject with the reference levels of the baselines."""
    plain = identified(subject.design)
    return scale.Subject(subject.model, plain, subject.person, subject.terms, subject.event)


def _check_fit(last: ModelSpec, hazard_fit: Fit | None) -> None:
    if hazard_fit is not None and hazard_fit.spec.digest != last.digest:
        raise UsageError(
            f"run {hazard_fit.name!r} must be one of the model {last.name!r}; got one of "
            f"{hazard_fit.spec.name!r}. Run that model, or name the other."
        )


def _draws(model_design: Design, hazard_fit: Fit | None, rng: np.random.Generator) -> xr.DataArray:
    if hazard_fit is not None:
        return incidence.coefficients(thinned(hazard_fit.draws, DRAWS), model_design)
    laplace = laplace_draws.fit(parameterisation.standard(model_design))
    return incidence.coefficients(laplace_draws.draws(laplace, DRAWS, rng), model_design)


def _point(fit: BaselineFit) -> xr.DataArray:
    """Coefficients at the estimate, as the only draw."""
    dims = ("chain", "draw", "coefficient", "exit")
    return xr.DataArray(fit.centre()[None, None], {"exit": list(fit.exits)}, dims)


def _baseline_estimates(
    subject: scale.Subject, fits: list[BaselineFit], rng: np.random.Generator
) -> list[pd.DataFrame]:
    plain = _plain(subject)
    parts = []
    for fit, quantities_of in zip(fits, (scale.of_straight_lines, scale.of_hazards), strict=True):
        draws, at_estimate = (
            quantities_of(plain, fit.draws(DRAWS, rng)),
            quantities_of(plain, _point(fit)),
        )
        parts.append(scale.estimate_rows(draws, plain, fit.estimator, at_estimate))
    return parts


def _steps(
    subject: scale.Subject,
    logit: BaselineFit,
    models: ModelPair,
    rows: Panel,
    hazards: xr.DataArray,
) -> pd.DataFrame:
    """Decomposition; ``hazards`` are draws of the average changes of the last model, in points."""
    first, last = models.first, models.last
    exits = list(subject.design.exits)
    marks = {"logit": _average(subject, logit)}
    wider = first.model_copy(update={"outcome": last.outcome})
    for name, spec in (("all_exits", wider), ("all_terms", last)):
        variant = _subject(spec, rows)
        marks[name] = _average(variant, multinomial_logit.fit(variant.design)).sel(exit=exits)
    marks["hazard_model"] = hazards.mean(("chain", "draw")).sel(exit=exits) / 100
    odds = steps.log_odds(_point(logit), _plain(subject))
    return steps.table(pieces(subject.design, logit, subject.terms), marks, odds)


def _average(subject: scale.Subject, fit: BaselineFit) -> xr.DataArray:
    plain = _plain(subject)
    return changes(_point(fit), plain.design, plain.terms)["average_marginal_effect"].squeeze(
        ("chain", "draw")
    )
