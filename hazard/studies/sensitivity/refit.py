"""The model under every lag prior: the rows stay as they are, the priors are replaced."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from hazard import units
from hazard.errors import UsageError
from hazard.estimands import incidence as estimands
from hazard.fitting import Panel, Progress, refuse_constant, silent, versions
from hazard.inference import laplace_draws
from hazard.inference.convergence import EXPLORE, Gate, gate
from hazard.inference.nuts import SamplerSettings
from hazard.inference.thinning import thinned
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.priors import Prior
from hazard.studies.sensitivity.engines import Sampler
from hazard.studies.sensitivity.grid import Cell, cells, chosen
from hazard.studies.sensitivity.tidy import Fitted, repeated, table

INCIDENCE_DRAWS = 500
"""Draws of which cumulative incidences are computed: evenly spaced ones of all."""
APPROXIMATE = SamplerSettings(draws=250, engine="laplace")
SAMPLED = SamplerSettings()


@dataclass(frozen=True)
class Plan:
    """What is fitted, and how.

    Attributes
    ----------
    cells : tuple of Cell
    settings : SamplerSettings
        Of the engine for every cell.
    repeats : tuple of Cell
        Sampled beside the approximation, with the settings ``repeat_settings``.
    repeat_settings : SamplerSettings
    incidence_draws : int
    """

    cells: tuple[Cell, ...]
    settings: SamplerSettings = APPROXIMATE
    repeats: tuple[Cell, ...] = ()
    repeat_settings: SamplerSettings = SAMPLED
    incidence_draws: int = INCIDENCE_DRAWS


@dataclass(frozen=True)
class Sensitivity:
    """Everything that one model says under every lag prior.

    Attributes
    ----------
    spec : ModelSpec
    cells : tuple of Cell
    table : DataFrame
        From :func:`hazard.studies.sensitivity.tidy.table`.
    repeated : DataFrame
        From :func:`hazard.studies.sensitivity.tidy.repeated`; without rows where nothing was
        repeated.
    gates : mapping of cell name to Gate
        Of the cells that were sampled.
    facts : mapping
        Rows, settings, seconds, versions.
    """

    spec: ModelSpec
    cells: tuple[Cell, ...]
    table: pd.DataFrame
    repeated: pd.DataFrame
    gates: Mapping[str, Gate]
    facts: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether everything that was sampled passed the gate."""
        return all(each.passed for each in self.gates.values())


def plan(
    spec: ModelSpec, *, engine: Literal["nuts", "laplace"], repeat: Sequence[str] = (), seed: int
) -> Plan:
    """The default cells with one engine, and the named ones sampled beside the approximation.

    Raises
    ------
    UsageError
        If a name is not that of a cell, or there is nothing to repeat: all cells are sampled.
    """
    every = cells(spec)
    if repeat and engine == "nuts":
        raise UsageError("--repeat must come with --engine laplace; with nuts all are sampled.")
    settings = APPROXIMATE if engine == "laplace" else SAMPLED
    return Plan(
        every,
        replace(settings, seed=seed),
        chosen(every, repeat),
        replace(SAMPLED, seed=seed),
    )


def run(rows: Panel, spec: ModelSpec, wanted: Plan, *, progress: Progress = silent) -> Sensitivity:
    """The model under every lag prior, on the same rows.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec
    wanted : Plan
    progress : callable
        Called with what is fitted, and the share of it that is done.

    Returns
    -------
    Sensitivity
        Also where a gate fails: the caller decides.
    """
    since = time.perf_counter()
    progress("design", 0.0)
    built = design.build(rows.frame, rows.histories, spec)
    refuse_constant(built)
    fits = fitted(built, rows.frame, spec=spec, plan=wanted, progress=progress)
    found = table(fits, spec)
    progress("done", 0.0)
    return Sensitivity(
        spec=spec,
        cells=wanted.cells,
        table=found,
        repeated=repeated(found),
        gates={fit.cell.name: fit.gate for fit in fits if fit.gate is not None},
        facts={
            "source": rows.source,
            "design_rows": len(built.outcome),
            "design_persons": int(rows.frame["person"].iloc[built.row].nunique()),
            "settings": asdict(wanted.settings),
            "repeat_settings": asdict(wanted.repeat_settings) if wanted.repeats else None,
            "repeats": [cell.name for cell in wanted.repeats],
            "incidence_draws": wanted.incidence_draws,
            "seconds": round(time.perf_counter() - since, 2),
            "versions": versions(),
        },
    )


def fitted(
    built: Design,
    panel: pd.DataFrame,
    *,
    spec: ModelSpec,
    plan: Plan,
    progress: Progress = silent,
) -> list[Fitted]:
    """The fit of every cell of a plan, then of its repeats; none depends on another."""
    person = panel["person"].to_numpy()
    sampler = Sampler()
    found = []
    for stage, settings, some in (
        (plan.settings.engine, plan.settings, plan.cells),
        ("repeats", replace(plan.repeat_settings, engine="nuts"), plan.repeats),
    ):
        for done, cell in enumerate(some):
            progress(stage, done / len(some))
            own = with_priors(built, cell.priors)
            around = laplace_draws.fit(parameterisation.standard(own))
            drawn = sampler.draws(around, settings)
            quantities = _quantities(drawn, own, person, spec=spec, n=plan.incidence_draws)
            judged = _judged(drawn, quantities) if settings.engine == "nuts" else None
            found.append(Fitted(cell, settings.engine, quantities, judged))
    return found


def with_priors(built: Design, priors: Mapping[str, Prior]) -> Design:
    """The design with other priors of the named blocks."""
    blocks = (
        replace(block, prior=priors[block.name]) if block.name in priors else block
        for block in built.blocks
    )
    return replace(built, blocks=tuple(blocks))


def _quantities(
    drawn: xr.DataTree,
    built: Design,
    person: npt.NDArray[np.int64],
    *,
    spec: ModelSpec,
    n: int,
) -> dict[str, xr.DataArray]:
    posterior = drawn["posterior"].to_dataset()
    curves = estimands.lag_curves(posterior, spec)
    found = {str(name): values for name, values in curves.items()}
    for wanted in spec.estimand:
        if isinstance(wanted, IncidenceEstimand) and wanted.term is not None:
            beta = estimands.coefficients(thinned(posterior, n), built)
            incidence = estimands.incidence(beta, built, person, wanted)
            months = [*units.printed(wanted.horizon_months, spec.table.unit)]
            contrast = incidence.sel(month=months).diff("arm").squeeze("arm", drop=True)
            found["risk_difference"] = contrast.expand_dims(term=[wanted.term], axis=2)
    return found


def _judged(drawn: xr.DataTree, quantities: Mapping[str, xr.DataArray]) -> Gate:
    """The gate on every parameter and sum; incidences are functions of the parameters."""
    total = quantities["cumulative_lag_effect"]
    return gate(drawn, limits=EXPLORE, quantities={"cumulative_lag_effect": total})
