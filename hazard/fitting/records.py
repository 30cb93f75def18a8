"""What the stages hand on: rows, an analysis, a run that was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from hazard.data.left_out import LeftOut
from hazard.data.registers import Histories
from hazard.inference import nuts
from hazard.inference.convergence import Gate
from hazard.spec import ModelSpec

Progress = Callable[[str, float], None]
Kept = Callable[[str], nuts.Pieces]


@dataclass(frozen=True)
class Rows:
    """The panel with its exposure histories, how many people led to it, and where it came from.

    ``source`` is ``"registers"``, ``"simulated registers"`` or ``"table"``; ``found`` is what the
    registers know of everybody, for histories that did not happen. ``left_out`` is what a table
    lost on its way to the panel, and whom ``only`` excludes, by reason. ``warnings`` are the
    sentences of the integrity report about what a correct register hardly holds. ``of_registers``
    is true of rows of registers, and of a panel that was made of registers.
    """

    panel: pd.DataFrame
    histories: Mapping[str, xr.DataArray]
    flow: pd.DataFrame
    source: str
    found: Histories | None = None
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    of_registers: bool = False


@dataclass(frozen=True)
class Analysis:
    """Everything that one run of a model found.

    Attributes
    ----------
    spec : ModelSpec
    posterior : DataTree
        Groups ``posterior``, ``sample_stats`` and ``estimands``.
    estimates : DataFrame
        Tidy table (see :mod:`hazard.output.tables`).
    predictive : DataFrame
        Observed exits beside those that the model replicates (see :mod:`hazard.checks.predictive`).
    gate : Gate or None
        None for the approximate engine, which has no chains to judge.
    checked : DataFrame or None
        How far the approximation of the same posterior is from what was sampled, number by number
        (see :func:`hazard.output.tables.apart`); None for the approximate engine.
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
    status : str
        What its draws say of the computation: see :class:`hazard.fitting.recheck.Status`.
    """

    name: str
    spec: ModelSpec
    posterior: xr.Dataset
    facts: Mapping[str, Any]
    status: str


def silent(stage: str, share: float) -> None:
    """Progress that is not shown."""
