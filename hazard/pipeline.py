"""From rows to everything a run folder holds; the one place where the stages are put in line."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard import (
    approximation,
    coordinates,
    design,
    estimands,
    exposures,
    laplace,
    level_curves,
    model,
    panel,
    predictive,
    priors,
    registers,
    sampling,
    scores,
    subset,
    table,
    tables,
)
from hazard.baselines import aalen_johansen, linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.diagnostics import EXPLORE, Gate, gate
from hazard.errors import ConvergenceError, DesignError, RegisterError, UsageError
from hazard.spec import IncidenceEstimand, ModelSpec

_BY_LEVEL = "level_"
"""Before the name of a quantity that is one of a level by which a term varies."""

Progress = Callable[[str, float], None]
Kept = Callable[[str], sampling.Pieces]


@dataclass(frozen=True)
class Rows:
    """The panel with its exposure histories, how many people led to it, and where it came from.

    ``source`` is ``"registers"``, ``"simulated registers"`` or ``"table"``.
    """

    panel: pd.DataFrame
    histories: Mapping[str, xr.DataArray]
    flow: pd.DataFrame
    source: str


@dataclass(frozen=True)
class Analysis:
    """Everything that one run of a model found.

    Attributes
    ----------
    spec : ModelSpec
    posterior : DataTree
        Groups ``posterior``, ``sample_stats`` and ``estimands``.
    estimates : DataFrame
        Tidy table (see :mod:`hazard.tables`).
    predictive : DataFrame
        Observed exits beside those that the model replicates (see :mod:`hazard.predictive`).
    gate : Gate or None
        None for the approximate engine, which has no chains to judge.
    checked : DataFrame or None
        How far the approximation of the same posterior is from what was sampled, number by number
        (see :func:`hazard.tables.apart`); None for the approximate engine.
    priors : DataFrame
    flow : DataFrame
    facts : mapping
        Numbers of the panel, remarks of the baselines, settings, seconds, versions.
    """

    spec: ModelSpec
    posterior: xr.DataTree
    estimates: pd.DataFrame
    predictive: pd.DataFrame
    gate: Gate | None
    checked: pd.DataFrame | None
    priors: pd.DataFrame
    flow: pd.DataFrame
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class FinishedRun:
    """What is needed of a run folder to go on with its draws.

    Attributes
    ----------
    name : str
        Of the folder.
    spec : ModelSpec
    posterior : Dataset, dims (chain, draw, ...)
    facts : mapping
        Its manifest.
    """

    name: str
    spec: ModelSpec
    posterior: xr.Dataset
    facts: Mapping[str, Any]


def published_months(horizon: int) -> tuple[int, ...]:
    """Months of which cumulative incidences are printed, and therefore judged by the gate.

    Examples
    --------
    >>> published_months(24), published_months(240)
    ((6, 12, 24), (6, 12, 24, 240))
    """
    return (*(month for month in (6, 12, 24) if month < horizon), horizon)


def silent(stage: str, share: float) -> None:
    """Progress that is not shown."""


def rows_from_registers(directory: Path, spec: ModelSpec) -> Rows:
    """Panel and exposure histories of a register folder, under the definitions of the model."""
    found = registers.read(directory)
    refuse_broken(registers.check(found))
    defined = registers.define(found, spec.data)
    built = panel.build(defined)
    histories = exposures.register_histories(
        built, defined, spec.lagged, history_centre=spec.data.history_centre
    )
    simulated = (directory / "truth").is_dir()
    source = "simulated registers" if simulated else "registers"
    return _only(Rows(built, histories, defined.flow, source), spec)


def refuse_broken(report: pd.DataFrame) -> None:
    """Raise when an integrity report holds an error.

    Raises
    ------
    RegisterError
        One sentence that names every broken rule, with its number of rows and the first of them.
    """
    broken = report[(report["severity"] == "error") & (report["n_broken"] > 0)]
    if len(broken):
        lines = [
            f"{rule.table}: {str(rule.rule).rstrip('.')} ({rule.n_broken} of {rule.n_rows} rows do "
            f"not; first: row {str(rule.first_rows).split(',')[0]})"
            for rule in broken.itertuples()
        ]
        raise RegisterError(
            f"registers must hold together; broken: {'; '.join(lines)}. Correct the extract, or "
            "see them all with 'hazard check'."
        )


def rows_from_table(path: Path | None, spec: ModelSpec) -> Rows:
    """Panel and exposure histories of a ready table, or of the model's bundled example."""
    if path is not None:
        built = table.read(path, spec)
    elif spec.table.source is not None:
        built = table.panel(table.bundled(spec.table.source), spec)
    else:
        raise UsageError(
            f"model {spec.name!r} must be given data; pass --registers DIR or --panel FILE."
        )
    own = [term for term in spec.lagged if term.network == "own"]
    peers = [term for term in spec.lagged if term.network != "own"]
    histories = {term.name: exposures.own_history(built, term) for term in own}
    histories |= exposures.from_columns(built, peers)
    flow = pd.DataFrame(
        [
            {"step": f"left out: {reason}", "persons": n}
            for reason, n in built.attrs.get("left_out", {}).items()
        ]
        + [{"step": "in the panel", "persons": int(built["person"].nunique())}]
    )
    return _only(Rows(built, histories, flow, "table"), spec)


def _only(rows: Rows, spec: ModelSpec) -> Rows:
    """The rows that the model asks for; their exposures stay those that everybody made."""
    if not spec.only:
        return rows
    which = subset.chosen(rows.panel, spec.only)
    kept = subset.of_rows(rows.panel, which)
    persons = [int(frame["person"].nunique()) for frame in (rows.panel, kept)]
    lines = pd.DataFrame(
        {
            "step": ["excluded", "kept"],
            "reason": ["not among those that the model is of", "those that the model is of"],
            "persons": [persons[0] - persons[1], persons[1]],
        }
    )
    if "reason" in rows.flow:
        lines = lines.assign(families=lines["persons"])
    else:
        lines = lines.assign(step=lines["reason"]).drop(columns="reason")
    histories = {name: each[which] for name, each in rows.histories.items()}
    flow = pd.concat([rows.flow, lines], ignore_index=True)
    return replace(rows, panel=kept, histories=histories, flow=flow)


def analyse(
    rows: Rows,
    spec: ModelSpec,
    settings: sampling.Settings,
    *,
    progress: Progress = silent,
    kept: Kept = lambda _: sampling.NOT_KEPT,
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
    clock = _Clock(progress)
    clock.start("design")
    built = design.build(rows.panel, rows.histories, spec)
    refuse_constant(built)
    clock.start("baselines")
    fits, without = _baselines(built, rows.panel, spec)
    life = aalen_johansen.fit(rows.panel)
    clock.start("approximation")
    around = approximation.fit(coordinates.standard(built))
    drawn = _ENGINES[settings.engine](around, settings, clock, kept)
    clock.start("estimands")
    posterior = drawn["posterior"].to_dataset()
    quantities = _quantities(posterior, built, rows.panel, spec)
    tree = drawn.assign({"estimands": xr.DataTree(xr.Dataset(quantities))})
    own = _hazard_estimates(quantities, spec).assign(engine=settings.engine)
    judged, checked = None, None
    if settings.engine == "nuts":
        judged = gate(drawn, limits=EXPLORE, quantities=_published(quantities))
        clock.start("check of the approximation")
        near = approximation.draws(around, _CHECKED_DRAWS, np.random.default_rng(settings.seed))
        checked = tables.apart(
            _hazard_estimates(_quantities(near, built, rows.panel, spec), spec), own
        )
    clock.start("predictive check")
    beta = estimands.coefficients(posterior, built)
    replicated = predictive.check(beta, built, panel=rows.panel, by=spec.group_columns)
    estimates = _joined([own, *_baseline_estimates(fits, life, spec)])
    if checked is None:  # approximate numbers, none of which is checked yet
        estimates = estimates.reindex(columns=[*tables.COLUMNS, *tables.CHECK])
    clock.start("done")
    return Analysis(
        spec=spec,
        posterior=tree,
        estimates=estimates,
        predictive=replicated,
        gate=judged,
        checked=checked,
        priors=priors.describe(spec),
        flow=rows.flow,
        facts={
            "source": rows.source,
            "panel": _counts(rows.panel, built),
            "held": {fit.estimator: _held(fit) for fit in fits},
            "remarks": {fit.estimator: list(fit.remarks) for fit in fits} | without,
            "rows_digest": rows_digest(built),
            "settings": asdict(settings),
            "seconds": clock.seconds,
            "versions": versions(),
        },
    )


def flagged(analysis: Analysis, checked: pd.DataFrame, facts: Mapping[str, Any]) -> Analysis:
    """An approximate analysis, each number with how far it was checked against sampling.

    Parameters
    ----------
    analysis : Analysis
    checked : DataFrame
        Of the sampled analysis.
    facts : mapping
        Of the sampled analysis: ``model_digest``, ``rows_digest``, ``posterior_digest``.
    """
    estimates = tables.flagged(analysis.estimates, checked)
    own = estimates[estimates["estimator"] == tables.HAZARD_MODEL]
    ends = own[["apart", "apart_lower", "apart_upper"]].abs()
    checked_by = {
        "same_model": facts["model_digest"] == analysis.spec.digest,
        "same_rows": facts["rows_digest"] == analysis.facts["rows_digest"],
        "posterior_digest": facts["posterior_digest"],
        "numbers": len(own),
        "checked": int(own["apart"].notna().sum()),
        "median_apart": float(ends["apart"].median()),
        "largest_apart": float(ends["apart"].max()),
        "largest_apart_of_an_end": float(ends[["apart_lower", "apart_upper"]].max().max()),
    }
    return replace(
        analysis, estimates=estimates, facts={**analysis.facts, "checked_by": checked_by}
    )


def finished(run: FinishedRun, rows: Rows) -> scores.Fitted:
    """A run that was written, on its rows again.

    Parameters
    ----------
    run : FinishedRun
    rows : Rows
        Those it was made from.

    Raises
    ------
    DesignError
        If the rows are not those of the run.
    """
    built = design.build(rows.panel, rows.histories, run.spec)
    if rows_digest(built) != run.facts["rows_digest"]:
        raise DesignError(
            f"rows must be those that run {run.name!r} was made from; got others. Give the same "
            "registers or table."
        )
    engine = run.facts["settings"]["engine"]
    found = scores.fitted(built, rows.panel, spec=run.spec, posterior=run.posterior, engine=engine)
    return replace(found, name=run.name)


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
    around: laplace.Laplace, settings: sampling.Settings, clock: _Clock, kept: Kept
) -> xr.DataTree:
    clock.start("compile")
    graph = model.build_model(around.coordinates, around.anchors())
    compiled = sampling.compile_model(graph, around)
    clock.start("sample")
    pieces = kept(_draws_digest(around, settings))
    return sampling.sample(
        compiled, settings, lambda share: clock.tell("sample", share), pieces=pieces
    )


def rows_digest(built: design.Design) -> str:
    """SHA-256 of the rows as the model sees them."""
    total = hashlib.sha256(repr((built.exits, built.link)).encode())
    arrays = [built.index, built.outcome, built.weight, *(each.matrix() for each in built.blocks)]
    for values in arrays:
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def _draws_digest(around: laplace.Laplace, settings: sampling.Settings) -> str:
    """SHA-256 of all that the draws depend on: rows, priors, settings but the cores, versions."""
    design = around.coordinates.design
    rest = [f"{block.name} {block.prior!r}" for block in design.blocks]
    rest += [repr((replace(settings, cores=1), versions())), rows_digest(design)]
    total = hashlib.sha256(" ".join(rest).encode())
    for values in [around.mode.beta, *around.theta]:
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def _approximated(
    around: laplace.Laplace, settings: sampling.Settings, clock: _Clock, kept: Kept
) -> xr.DataTree:
    clock.start("draws")
    n = settings.draws * settings.chains
    drawn = approximation.draws(around, n, np.random.default_rng(settings.seed))
    return xr.DataTree.from_dict({"posterior": drawn})


_CHECKED_DRAWS = 1000
_ENGINES = {"nuts": _sampled, "laplace": _approximated}


def refuse_constant(built: design.Design) -> None:
    """Raise when a term has one level only, so that it says nothing.

    Raises
    ------
    DesignError
        One sentence that names every such term.
    """
    constant = [block.name for block in built.blocks if not block.n_coefficients]
    if constant:
        raise DesignError(
            f"terms must have two levels or more among the rows; got one of {', '.join(constant)}. "
            "Leave them out of the model file."
        )


class _Clock:
    """Wall time of each stage, told to the progress as stages begin."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self.tell = progress
        self._stage, self._since = "", time.perf_counter()

    def start(self, stage: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = round(now - self._since, 2)
        self._stage, self._since = stage, now
        self.tell(stage, 0.0)


def _quantities(
    posterior: xr.Dataset, built: design.Design, frame: pd.DataFrame, spec: ModelSpec
) -> dict[str, xr.DataArray]:
    found: dict[str, xr.DataArray] = {}
    if spec.lagged:
        curves = estimands.lag_curves(posterior, spec)
        found |= {str(name): values for name, values in curves.items()}
        by_level = level_curves.all_level_curves(posterior, spec.lagged)
        found |= {f"{_BY_LEVEL}{name}": values for name, values in by_level.items()}
    for wanted in spec.estimand:
        if isinstance(wanted, IncidenceEstimand):
            beta = estimands.coefficients(posterior, built)
            person = frame["person"].to_numpy()
            found["cumulative_incidence"] = estimands.incidence(beta, built, person, wanted)
    return found


def _published(quantities: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """What the gate judges: every lag and sum, and incidences at the published months."""
    judged = {name: values for name, values in quantities.items() if "month" not in values.dims}
    judged = {name: _without_gaps(values) for name, values in judged.items()}
    if "cumulative_incidence" in quantities:
        incidence = quantities["cumulative_incidence"]
        months = published_months(incidence.sizes["month"])
        judged["cumulative_incidence"] = incidence.sel(month=list(months))
        if incidence.sizes["arm"] == 2:
            judged["risk_difference"] = judged["cumulative_incidence"].diff("arm")
    return judged


def _without_gaps(values: xr.DataArray) -> xr.DataArray:
    """Only what there is: a term without a lag or a level has no draw at all there."""
    if not bool(np.isnan(values).any()):
        return values
    over = [str(name) for name in values.dims if name not in ("chain", "draw", "exit")]
    flat = values.stack(curve=over)  # noqa: PD013 - of xarray, not of pandas
    drawn = flat.notnull().any(("chain", "draw", "exit"))  # noqa: PD004 - of xarray
    return flat.sel(curve=drawn).reset_index("curve")


def _hazard_estimates(quantities: Mapping[str, xr.DataArray], spec: ModelSpec) -> pd.DataFrame:
    parts = []
    for before in ("", _BY_LEVEL):
        names = [f"{before}{name}" for name in ("lag_coefficient", "cumulative_lag_effect")]
        if names[0] in quantities:
            curves = xr.Dataset({name.removeprefix(before): quantities[name] for name in names})
            parts.append(tables.lag_curve_estimates(curves, spec))
    for wanted in spec.estimand:
        if isinstance(wanted, IncidenceEstimand):
            incidence = quantities["cumulative_incidence"]
            parts.append(tables.incidence_estimates(incidence, spec, wanted.term))
    return _joined(parts or [tables.empty()])


def _baseline_estimates(
    fits: list[BaselineFit], life: xr.Dataset, spec: ModelSpec
) -> list[pd.DataFrame]:
    parts = [tables.baseline_estimates(fit, spec) for fit in fits] if spec.lagged else []
    return [*parts, tables.aalen_johansen_estimates(life)]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part.astype(object) for part in parts], ignore_index=True).convert_dtypes()


def _counts(frame: pd.DataFrame, built: design.Design) -> dict[str, Any]:
    exits = frame["exit"].value_counts()
    persons = int(frame["person"].nunique())
    return {
        "rows": len(frame),
        "persons": persons,
        "exits": {name: int(exits.get(name, 0)) for name in built.exits},
        "no exit": persons - int(sum(exits.get(name, 0) for name in built.exits)),
        "rows in the design": len(built.outcome),
        "persons in the design": int(frame["person"].iloc[built.row].nunique()),
        "exits in the design": {
            name: int((built.outcome == code).sum()) for code, name in enumerate(built.exits, 1)
        },
        "rows left out": dict(built.left_out),
        "levels": {block.name: block.n_levels for block in built.blocks if block.basis is None},
        "coefficients per exit": built.n_coefficients,
    }


def _held(fit: BaselineFit) -> dict[str, Any]:
    """How many coefficients a baseline could not estimate."""
    infinite = np.isinf(fit.estimate).sum(axis=0)
    return {
        "not identified": int(np.isnan(fit.estimate).all(axis=1).sum()),
        "at infinity": dict(zip(fit.exits, infinite.tolist(), strict=True)),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of every package that can change a number."""
    names = ("hazard", "pymc", "pytensor", "nutpie", "arviz", "numba", "numpy", "pandas", "xarray")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found}
