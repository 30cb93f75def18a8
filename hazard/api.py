"""The public API: the functions and records behind ``import hazard as hz``.

Each is a thin layer over the rooms, as the command line is.
"""

from __future__ import annotations

import html
import importlib
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from hazard import brief as briefs
from hazard import fitting, predictive, spec
from hazard.errors import ConvergenceWarning, UsageError
from hazard.estimands import incidence
from hazard.files import atomic
from hazard.fitting import Panel
from hazard.fitting.inference_data import inference_data, pymc_draws
from hazard.fitting.store import read_run, write_run
from hazard.inference.nuts import EngineName, SamplerSettings
from hazard.model import design, naming, parameterisation, pymc_model
from hazard.output import plots
from hazard.output.shapes import POSTERIOR_SHAPE, PRIOR_SHAPE
from hazard.output.summaries import summary
from hazard.output.tables import HAZARD_MODEL
from hazard.progress import progress
from hazard.spec import ModelSpec
from hazard.studies import sensitivity as sensitivity_study
from hazard.studies.sensitivity import Sensitivity

if TYPE_CHECKING:
    import pymc as pm

__all__ = [
    "Brief",
    "Fit",
    "Panel",
    "Plots",
    "build_model",
    "fit",
    "load",
    "load_model",
    "panel",
    "sensitivity",
    "simulate",
]
_SHOWN = ["exit", "estimate", "lower", "upper", "unit", "p_direction"]
_PLACES = ["level", "lag", "month", "arm"]
_PRIOR_DRAWS = 500


# --- models and panels --------------------------------------------------------------------------
def load_model(model: str | Path) -> ModelSpec:
    """Model file by the name of a bundled one, or from a path.

    Parameters
    ----------
    model : str or Path

    Returns
    -------
    ModelSpec
        Frozen; ``replace`` and ``with_prior`` make another one.

    Raises
    ------
    UsageError, SpecError
        If there is no such model, or the file breaks a rule.

    Examples
    --------
    >>> load_model("rossi").outcome.exits
    ('arrest',)
    """
    return spec.read(str(model))


def panel(data: Any, model: str | Path | ModelSpec) -> Panel:
    """Rows of a model, with what happened around each person.

    Parameters
    ----------
    data : DataFrame, str, Path or None
        A data frame of pandas, polars or another package that narwhals reads; a CSV or Parquet
        file; a folder with registers. None for the example that comes with the model.
    model : ModelSpec, str or Path
        Says which columns are what.

    Returns
    -------
    Panel
        Levels of fewer than ten persons put together where the data are confidential.

    Raises
    ------
    HazardError
        One sentence per rule that the data break.
    """
    model_spec = _model(model)
    if data is None:
        rows = fitting.panel_from_table(None, model_spec)
    elif not isinstance(data, str | Path):
        rows = fitting.panel_from_frame(data, model_spec)
    elif Path(data).is_dir():
        rows = fitting.panel_from_registers(Path(data), model_spec)
    else:
        rows = fitting.panel_from_table(Path(data), model_spec)
    rows = replace(rows, made_for=model_spec.rows_digest)
    return fitting.pool_small_levels(rows, model_spec)


def build_model(panel: Panel, model: str | Path | ModelSpec) -> pm.Model:
    """The model as PyMC has it, with the exits of the rows as an observed variable.

    For ``pm.sample``, with the samplers of JAX too, and ``pm.sample_prior_predictive``. Draws of a
    fit go on in it: ``pm.sample_posterior_predictive`` takes ``fit.pymc_draws()``, which has
    the standard normals that the model is written in; ``fit.posterior`` alone lacks some of them,
    and PyMC would draw these anew from their prior.

    Parameters
    ----------
    panel : Panel
    model : ModelSpec, str or Path

    Returns
    -------
    pm.Model
        See :func:`hazard.model.pymc_model.build_observed_model`.
    """
    model_spec = _model_of(panel, model)
    with suppress(ImportError):  # lets samplers in JAX run, where the extra jax is installed
        importlib.import_module("hazard.model.jax_likelihood")
    built = design.build(panel.frame, panel.histories, model_spec)
    return pymc_model.build_observed_model(parameterisation.standard(built))


def simulate(
    folder: str | Path,
    *,
    size: Literal["published", "small"] = "small",
    scenario: str = "default",
    seed: int = 0,
) -> Path:
    """Write registers with a known truth, calibrated to the published margins.

    Parameters
    ----------
    folder : str or Path
        Must not exist yet.
    size : {"small", "published"}
    scenario : str
        What is planted; see ``hazard simulate --help``.
    seed : int

    Returns
    -------
    Path
        The folder, for :func:`panel`.
    """
    from hazard import simulation

    path = Path(folder)
    planted = simulation.scenario(scenario)
    with atomic.claims():
        atomic.check_new(path)
        rng = np.random.default_rng(seed)
        truth = simulation.truth(size, rng, planted)
        simulation.write(simulation.registers(truth, rng), path)
    return path


# --- fits ---------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False, repr=False)
class Fit(fitting.Fit):
    """A fitted model: its draws, its estimates, its plots and its brief.

    See :class:`hazard.fitting.Fit` for the attributes.
    """

    @classmethod
    def from_fit(cls, fit: fitting.Fit) -> Fit:
        """The same fit with what a user asks of it."""
        return cls(**{field.name: getattr(fit, field.name) for field in fields(fit)})

    def on(self, panel: Panel) -> Fit:
        """The fit on its rows again, after it was read from a folder.

        Raises
        ------
        UsageError
            If it is no panel.
        DesignError
            If the rows are others.
        """
        _refuse_no_panel(panel)
        return Fit.from_fit(fitting.on_rows(self, panel))

    def summary(self, term: str | None = None) -> pd.DataFrame:
        """Estimates of the hazard model: those of one term, or those of no term.

        Parameters
        ----------
        term : str, optional
            Without it: cumulative incidences and their differences, as far as the model asks.

        Returns
        -------
        DataFrame
            One row per quantity, exit and level, lag, month or arm; the columns that are empty are
            left out. ``p_direction`` is the probability of the sign of the estimate. Shapes of a
            lag curve have a table of their own, :meth:`shapes`.

        Raises
        ------
        UsageError
            If there is no such term.
        """
        rows = self.estimates[self.estimates["estimator"].eq(HAZARD_MODEL)]
        rows = rows[~rows["quantity"].isin([POSTERIOR_SHAPE, PRIOR_SHAPE])]
        if term is None:
            rows = rows[rows["month"].notna()]
        else:
            terms = list(rows["term"].dropna().unique())
            rows = rows[rows["term"].eq(plots.chosen("term", term, terms)) & rows["month"].isna()]
        label_columns = [name for name in _PLACES if rows[name].notna().any()]
        return rows[["quantity", *label_columns, *_SHOWN]].reset_index(drop=True)

    def shapes(self) -> pd.DataFrame:
        """Probability of every shape of a lag curve that the model asks for.

        Returns
        -------
        DataFrame
            One row per shape and exit: ``estimand``, ``term``, ``exit``; ``probability`` by the
            posterior and ``prior_probability``, with their Monte Carlo errors ``mcse`` and
            ``prior_mcse``.
        """
        key, numbers = ["estimand", "term", "exit"], ["estimate", "mcse"]
        posterior, prior = (
            self.estimates.loc[self.estimates["quantity"].eq(quantity), [*key, *numbers]]
            for quantity in (POSTERIOR_SHAPE, PRIOR_SHAPE)
        )
        posterior = posterior.rename(columns={"estimate": "probability"})
        prior = prior.rename(columns={"estimate": "prior_probability", "mcse": "prior_mcse"})
        both = posterior.merge(prior, on=key, validate="one_to_one")
        return both.astype({**dict.fromkeys(key, object), **dict.fromkeys(both.columns[3:], float)})

    @property
    def plot(self) -> Plots:
        """Plots of the fit, each on one axes of matplotlib."""
        return Plots(self)

    def inference_data(self, by: str = "person", *, seed: int = 0) -> xr.DataTree:
        """Draws with all groups of ArviZ; see :func:`hazard.fitting.inference_data`."""
        return inference_data(self, by, seed=seed)

    def pymc_draws(self) -> xr.DataTree:
        """Draws for PyMC's graph; see :func:`hazard.fitting.inference_data.pymc_draws`."""
        return pymc_draws(self)

    def brief(self, language: str = "nb") -> Brief:
        """The brief, one HTML page.

        Parameters
        ----------
        language : str
            One of :func:`hazard.languages.codes`, such as ``"nb"`` or ``"en"``.
        """
        fitting.refuse_few_persons(self, "a brief")
        return Brief(briefs.html(self, language))

    def save(self, folder: str | Path) -> Path:
        """Write the folder of the fit, without any row; it must not exist yet."""
        path = Path(folder)
        with atomic.claims():
            atomic.check_new(path)
            write_run(path, self)
        return path

    def __repr__(self) -> str:
        """Model, engine and what is known of the computation."""
        return f"<hazard.Fit of {self.spec.name!r}: {self.engine}, {self.status.value}>"

    def _repr_html_(self) -> str:
        panel = self.facts["panel"]
        facts = {
            "model": self.spec.name,
            "rows": f"{panel['design_rows']:,}",
            "persons": f"{panel['design_persons']:,}",
            "exits": ", ".join(f"{k} {n:,}" for k, n in panel["design_exits"].items()),
            "engine": f"{self.engine}: {self.status.value}",
        }
        failures = () if self.gate is None else self.gate.failures
        lines = [f"<b>{html.escape(self.spec.question)}</b>"]
        lines += [f"{key}: {html.escape(text)}" for key, text in facts.items()]
        lines += [f"<b>{html.escape(sentence)}</b>" for sentence in failures]
        return "<br>".join(lines) + _headline(self).to_html(escape=True, border=0)


def _headline(fit: Fit) -> pd.DataFrame:
    """Differences at the last month that there is; else sums over lags; else incidences."""
    rows = fit.estimates[
        fit.estimates["estimator"].eq(HAZARD_MODEL) & fit.estimates["level"].isna()
    ]
    for quantity in ("risk_difference", "cumulative_lag_effect", "cumulative_incidence"):
        estimates = rows[rows["quantity"].eq(quantity)]
        if len(estimates):
            at_last_month = estimates[
                estimates["month"].isna() | estimates["month"].eq(estimates["month"].max())
            ]
            return at_last_month[["quantity", "term", "month", *_SHOWN]].reset_index(drop=True)
    return rows[["quantity", *_SHOWN]].head(0)


@dataclass(frozen=True)
class Brief:
    """A brief: one page of HTML that needs no other file."""

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page to a file that must not exist yet."""
        target = Path(path)
        if target.exists():
            raise UsageError(f"output {str(target)!r} must not exist yet; choose another name.")
        with atomic.claims():
            atomic.check_new(target)
            atomic.write_file(target, lambda draft: draft.write_text(self.html, encoding="utf-8"))
        return target

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="700" style="border:0"></iframe>'


@dataclass(frozen=True)
class Plots:
    """Plots of a fit; each takes ``ax`` and returns it, or a new one."""

    fit: Fit

    def lags(self, term: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Coefficient of an event at every lag; see :func:`hazard.output.plots.lags`."""
        return plots.lags(self.fit.estimates, term, ax=ax)

    def incidence(self, *, ax: Axes | None = None) -> Axes:
        """Cumulative incidence of every exit; see :func:`hazard.output.plots.incidence`."""
        return plots.incidence(self.fit.estimates, ax=ax)

    def predictive(self, *, ax: Axes | None = None) -> Axes:
        """Observed exits over replicates; see :func:`hazard.output.plots.predictive`."""
        return plots.predictive(self.fit.predictive, ax=ax)

    def priors(self, term: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Lag curve of a term before and after the rows were seen; the fit must be on its rows."""
        names = [lagged.name for lagged in self.fit.spec.lagged]
        name = plots.chosen("lagged term", term, names)
        coordinates = parameterisation.standard(self.fit.design)
        prior = predictive.prior_draws(coordinates, _PRIOR_DRAWS, np.random.default_rng(0))
        prior_curve, posterior_curve = (
            incidence.lag_curves(draws, self.fit.spec)["lag_coefficient"].sel(term=name)
            for draws in (prior, self.fit.draws)
        )
        keys, ends = ["lag", "exit"], ["lower", "upper"]
        prior_ends = summary(prior_curve)[[*keys, *ends]].rename(
            columns={e: f"prior_{e}" for e in ends}
        )
        table = prior_ends.merge(summary(posterior_curve)[[*keys, "estimate", *ends]], on=keys)
        axes = plots.priors(table.dropna().rename(columns={"lag": "label"}), ax=ax)
        axes.set_xlabel(f"lag of {name}")
        return axes

    def groups(
        self, name: str | None = None, exit: str | None = None, *, ax: Axes | None = None
    ) -> Axes:
        """Effect of every level of a group on one exit; by default the first of each."""
        group_names = naming.groups(self.fit.draws)
        group = plots.chosen("group", name, group_names)
        exit_name = plots.chosen("exit", exit, self.fit.spec.outcome.exits)
        effects = self.fit.draws[naming.effects(group)].sel(exit=exit_name)
        table = summary(effects).rename(columns={naming.level(group): "level"})
        axes = plots.groups(table, ax=ax)
        axes.set(xlabel=f"effect on {exit_name}", ylabel=group)
        return axes


def fit(
    panel: Panel,
    model: str | Path | ModelSpec,
    *,
    engine: EngineName = "nuts",
    draws: int = 1000,
    tune: int = 200,
    chains: int = 4,
    cores: int = 2,
    seed: int = 0,
    show_progress: bool = True,
) -> Fit:
    """Fit a model and its baselines to the same rows.

    Parameters
    ----------
    panel : Panel
    model : ModelSpec, str or Path
    engine : {"nuts", "laplace"}
        Sample, or approximate in seconds.
    draws, tune, chains, cores : int
        Of the sampler; the approximation makes draws times chains draws.
    seed : int
        The same seed gives the same draws, on any number of cores.
    show_progress : bool

    Returns
    -------
    Fit
        Also where the draws did not pass the gate, with a warning.

    Raises
    ------
    HazardError
        If the model cannot be fitted to these rows.
    """
    model_spec = _model_of(panel, model)
    settings = SamplerSettings(draws, tune, chains, cores, seed=seed, engine=engine)
    with progress() if show_progress else nullcontext(fitting.silent) as report:
        fitted = fitting.fit(panel, model_spec, settings, progress=report)
    for sentence in () if fitted.gate is None else fitted.gate.failures:
        warnings.warn(sentence, ConvergenceWarning, stacklevel=2)
    data = "--panel TABLE" if fitted.facts["source"] == "table" else "--registers REGISTERS"
    return Fit.from_fit(fitting.called(fitted, _file_of(model), data))


def load(folder: str | Path) -> Fit:
    """Fit of a folder that ``save`` or ``hazard run`` wrote, checked against its own draws.

    Raises
    ------
    IntegrityError
        If the folder is not as it was written.
    UsageError
        If it is a folder of something else.
    """
    return Fit.from_fit(read_run(Path(folder)))


def sensitivity(
    panel: Panel,
    model: str | Path | ModelSpec,
    *,
    engine: EngineName = "laplace",
    repeat: Sequence[str] = (),
    seed: int = 0,
) -> Sensitivity:
    """The model under every family of lag priors, on the same rows.

    Each family is half, one and two times as wide as the model's own prior, in the 95 percent prior
    interval of the sum over the lags.

    Parameters
    ----------
    panel : Panel
    model : ModelSpec, str or Path
    engine : {"laplace", "nuts"}
    repeat : sequence of str
        Priors that are sampled beside the approximation, such as ``"horseshoe:0.5"``, that is half
        as wide.
    seed : int

    Returns
    -------
    Sensitivity
        With ``table``, one row per prior, quantity, exit and lag or month, ``summary()`` and
        ``plot()``.
    """
    model_spec = _model_of(panel, model)
    plan = sensitivity_study.plan(model_spec, engine=engine, repeat=repeat, seed=seed)
    with progress() as report:
        return sensitivity_study.run(panel, model_spec, plan, progress=report)


def _model(model: str | Path | ModelSpec) -> ModelSpec:
    return model if isinstance(model, ModelSpec) else load_model(model)


def _refuse_no_panel(panel: object) -> None:
    if not isinstance(panel, Panel):
        raise UsageError(
            f"panel must be what hz.panel(data, model) gives; got a {type(panel).__name__}."
        )


def _model_of(panel: Panel, model: str | Path | ModelSpec) -> ModelSpec:
    """The model, if the panel was made for one that says the same of rows and exposures.

    Raises
    ------
    UsageError
        If it was made for another model, or is no panel.
    """
    model_spec = _model(model)
    _refuse_no_panel(panel)
    lags = {name: values.sizes["lag"] for name, values in panel.histories.items()}
    missing = [
        term.name for term in model_spec.lagged if lags.get(term.name) != len(term.every_lag)
    ]
    if missing:
        raise UsageError(
            f"panel must be made for model {model_spec.name!r}; it lacks what happened at the lags "
            f"of {missing[0]!r}. Call hz.panel(data, model) with this model."
        )
    if panel.made_for not in (None, model_spec.rows_digest):
        raise UsageError(
            f"panel must be made for model {model_spec.name!r}; it was made for one that says "
            "something else of rows, exits or exposures. Call hz.panel(data, model) with this one."
        )
    return model_spec


def _file_of(model: str | Path | ModelSpec) -> str:
    """What makes a model again: its name or path; a placeholder for one that is in no file."""
    if not isinstance(model, ModelSpec):
        return str(model)
    bundled = (spec.models_folder() / f"{model.name}.toml").is_file()
    return model.name if bundled and spec.read(model.name).digest == model.digest else "MODEL.toml"
