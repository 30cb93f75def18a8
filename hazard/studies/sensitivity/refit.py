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
from matplotlib.axes import Axes

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
from hazard.output import plots
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.priors import Prior
from hazard.studies.sensitivity.conclusions import RULE
from hazard.studies.sensitivity.engines import Sampler
from hazard.studies.sensitivity.grid import MULTIPLE_OF, Cell, cells, chosen
from hazard.studies.sensitivity.tidy import Fitted, overview, repeated, table

INCIDENCE_DRAWS = 500
"""Draws of which cumulative incidences are computed: evenly spaced ones of all."""
APPROXIMATE = SamplerSettings(draws=250, engine="laplace")
SAMPLED = SamplerSettings()


@dataclass(frozen=True)
class SensitivityPlan:
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
        return all(verdict.passed for verdict in self.gates.values())

    def summary(self) -> pd.DataFrame:
        """Each published conclusion, and under how many other priors it changes.

        Returns
        -------
        DataFrame
            See :func:`hazard.studies.sensitivity.tidy.overview`.
        """
        return overview(self.table)

    def plot(
        self, term: str | None = None, exit: str | None = None, *, ax: Axes | None = None
    ) -> Axes:
        """Sum over the lags of a term on an exit under every prior, with intervals.

        What was sampled beside the approximation is left out; see
        :func:`hazard.output.plots.sensitivity`.

        Parameters
        ----------
        term, exit : str, optional
            By default the first of each.
        ax : Axes, optional
            To draw on; a new one by default.

        Raises
        ------
        UsageError
            If there is no such term or exit.
        """
        sums = self.table[self.table["quantity"].eq("cumulative_lag_effect")]
        sums = sums[sums["engine"].eq(sums["engine"].iloc[0])]
        term_name = plots.chosen("term", term, list(sums["term"].unique()))
        exit_name = plots.chosen("exit", exit, list(sums["exit"].unique()))
        rows = sums[sums["term"].eq(term_name) & sums["exit"].eq(exit_name)]
        axes = plots.sensitivity(rows, ax=ax)
        axes.set_xlabel(f"{axes.get_xlabel()}, of {term_name} on {exit_name}")
        return axes


def plan(
    spec: ModelSpec, *, engine: Literal["nuts", "laplace"], repeat: Sequence[str] = (), seed: int
) -> SensitivityPlan:
    """The default cells with one engine, and the named ones sampled beside the approximation.

    Raises
    ------
    UsageError
        If a name is not that of a cell, or there is nothing to repeat: all cells are sampled.
    """
    grid = cells(spec)
    if repeat and engine == "nuts":
        raise UsageError("--repeat must come with --engine laplace; with nuts all are sampled.")
    settings = APPROXIMATE if engine == "laplace" else SAMPLED
    return SensitivityPlan(
        grid,
        replace(settings, seed=seed, engine=engine),
        chosen(grid, repeat),
        replace(SAMPLED, seed=seed),
    )


def run(
    rows: Panel, spec: ModelSpec, sensitivity_plan: SensitivityPlan, *, progress: Progress = silent
) -> Sensitivity:
    """The model under every lag prior, on the same rows.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec
    sensitivity_plan : SensitivityPlan
    progress : callable
        Called with the stage, and the share of it that is done.

    Returns
    -------
    Sensitivity
        Also where a gate fails: the caller decides.
    """
    since = time.perf_counter()
    progress("design", 0.0)
    model_design = design.build(rows.frame, rows.histories, spec)
    refuse_constant(model_design)
    fits = fitted(
        model_design, rows.frame, spec=spec, sensitivity_plan=sensitivity_plan, progress=progress
    )
    estimates = table(fits, spec)
    progress("done", 0.0)
    return Sensitivity(
        spec=spec,
        cells=sensitivity_plan.cells,
        table=estimates,
        repeated=repeated(estimates),
        gates={fit.cell.name: fit.gate for fit in fits if fit.gate is not None},
        facts={
            "source": rows.source,
            "design_rows": len(model_design.outcome),
            "design_persons": int(rows.frame["person"].iloc[model_design.row].nunique()),
            "settings": asdict(sensitivity_plan.settings),
            "repeat_settings": asdict(sensitivity_plan.repeat_settings)
            if sensitivity_plan.repeats
            else None,
            "repeats": [cell.name for cell in sensitivity_plan.repeats],
            "incidence_draws": sensitivity_plan.incidence_draws,
            "multiple": MULTIPLE_OF,
            "rule": RULE,
            "seconds": round(time.perf_counter() - since, 2),
            "versions": versions(),
        },
    )


def fitted(
    model_design: Design,
    panel: pd.DataFrame,
    *,
    spec: ModelSpec,
    sensitivity_plan: SensitivityPlan,
    progress: Progress = silent,
) -> list[Fitted]:
    """The fit of every cell of a plan, then of its repeats; none depends on another."""
    person = panel["person"].to_numpy()
    sampler = Sampler()
    fits = []
    for stage, settings, stage_cells in (
        (sensitivity_plan.settings.engine, sensitivity_plan.settings, sensitivity_plan.cells),
        (
            "repeats",
            replace(sensitivity_plan.repeat_settings, engine="nuts"),
            sensitivity_plan.repeats,
        ),
    ):
        for done, cell in enumerate(stage_cells):
            progress(stage, done / len(stage_cells))
            cell_design = with_priors(model_design, cell.priors)
            laplace = laplace_draws.fit(parameterisation.standard(cell_design))
            draws = sampler.draws(laplace, settings)
            quantities = _quantities(
                draws, cell_design, person, spec=spec, n=sensitivity_plan.incidence_draws
            )
            verdict = _parameter_gate(draws, quantities) if settings.engine == "nuts" else None
            fits.append(Fitted(cell, settings.engine, quantities, verdict))
    return fits


def with_priors(model_design: Design, priors: Mapping[str, Prior]) -> Design:
    """The design with other priors of the named blocks."""
    blocks = (
        replace(block, prior=priors[block.name]) if block.name in priors else block
        for block in model_design.blocks
    )
    return replace(model_design, blocks=tuple(blocks))


def _quantities(
    draws: xr.DataTree,
    model_design: Design,
    person: npt.NDArray[np.int64],
    *,
    spec: ModelSpec,
    n: int,
) -> dict[str, xr.DataArray]:
    posterior = draws["posterior"].to_dataset()
    curves = estimands.lag_curves(posterior, spec)
    quantities = {str(name): values for name, values in curves.items()}
    for estimand in spec.estimand:
        if isinstance(estimand, IncidenceEstimand) and estimand.term is not None:
            beta = estimands.coefficients(thinned(posterior, n), model_design)
            incidence = estimands.incidence(beta, model_design, person, estimand)
            months = [*units.printed(estimand.horizon_months, spec.table.unit)]
            contrast = incidence.sel(month=months).diff("arm").squeeze("arm", drop=True)
            quantities["risk_difference"] = contrast.expand_dims(term=[estimand.term], axis=2)
    return quantities


def _parameter_gate(draws: xr.DataTree, quantities: Mapping[str, xr.DataArray]) -> Gate:
    """The gate on every parameter and sum; incidences are functions of the parameters."""
    total = quantities["cumulative_lag_effect"]
    return gate(draws, limits=EXPLORE, quantities={"cumulative_lag_effect": total})
