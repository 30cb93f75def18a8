"""What the stages hand on: a panel, and a fit of a model to it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
import xarray as xr

from hazard.data.left_out import LeftOut
from hazard.data.registers import FamilyHistories
from hazard.errors import IntegrityError, UsageError
from hazard.fitting.status import Status, status_of
from hazard.inference import nuts
from hazard.inference.convergence import Gate
from hazard.model.design import Design
from hazard.spec import ModelSpec

Progress = Callable[[str, float], None]
AGAIN = "Make the folder again."
ChainStores = Callable[[str], nuts.ChainStore]


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """Persons month by month with their exposure histories, and where they came from.

    Attributes
    ----------
    frame : DataFrame
        One row per person and month at risk (see :mod:`hazard.data.contracts`).
    histories : mapping of term to DataArray, dims (row, lag)
        What happened around each row, by lag.
    flow : DataFrame
        How many persons, rows and exits led to it, and who was left out.
    source : str
        ``"registers"``, ``"simulated registers"``, ``"table"`` or ``"generated"``.
    registers : FamilyHistories or None
        What the registers know of everybody, for histories that did not happen.
    left_out : mapping of reason to LeftOut
        What a table lost on its way to the panel, and whom ``only`` excludes.
    warnings : tuple of str
        Sentences of the integrity report about what a correct register hardly holds.
    of_registers : bool
        True of rows of registers, and of a panel that was made of registers.
    made_for : str or None
        Digest of what a model says of its rows (``ModelSpec.rows_digest``); None where unknown.
    """

    frame: pd.DataFrame
    histories: Mapping[str, xr.DataArray]
    flow: pd.DataFrame
    source: str
    registers: FamilyHistories | None = None
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    of_registers: bool = False
    made_for: str | None = None

    def head(self, n: int = 5) -> pd.DataFrame:
        """The first rows, with what happened before each of them; of single persons."""
        histories = [
            values.isel(row=slice(0, n)).to_pandas().add_prefix(f"{name}_").reset_index(drop=True)
            for name, values in self.histories.items()
        ]
        first: pd.DataFrame = self.frame.head(n).reset_index(drop=True)
        joined: pd.DataFrame = pd.concat([first, *histories], axis=1)
        return joined

    def check(self) -> pd.DataFrame:
        """What was left out of the rows, and what a correct register hardly holds.

        Returns
        -------
        DataFrame
            One row per reason or warning: ``kind``, ``what``, ``persons``, ``rows``, ``exits``;
            empty where there is nothing to say.
        """
        left_out = [
            {"kind": "left out", "what": reason, **size._asdict()}
            for reason, size in self.left_out.items()
        ]
        warnings = [{"kind": "warning", "what": sentence} for sentence in self.warnings]
        columns = ["kind", "what", "persons", "rows", "exits"]
        return pd.DataFrame([*left_out, *warnings], columns=columns)

    def __repr__(self) -> str:
        """Numbers of rows, persons and exits, and where they came from."""
        exits = self.frame["exit"].ne("stay").sum()
        return (
            f"<hazard.Panel of {len(self.frame):,} rows, {self.frame['person'].nunique():,} "
            f"persons, {exits:,} exits; {self.source}>"
        )

    def _repr_html_(self) -> str:
        return html.escape(repr(self)) + self.flow.to_html(escape=True, index=False, na_rep="")


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """One fitted model: its draws, and everything that was computed from them.

    In memory after fitting, or read back from a folder: then without the rows, which no folder
    holds (see :func:`hazard.fitting.on_rows`), and without draws where the folder has none.

    Attributes
    ----------
    spec : ModelSpec
    posterior : DataTree or None
        Groups ``posterior``, ``estimands`` and, of a sampler, ``sample_stats``.
    facts : mapping
        Numbers of the panel, remarks of the baselines, settings, seconds, versions; of a folder
        with its digests.
    estimates : DataFrame
        Tidy table (see :mod:`hazard.output.tables`).
    predictive : DataFrame
        Observed exits beside those that the model replicates (see :mod:`hazard.predictive`).
    gate : Gate or None
        None for the approximate engine, which has no chains to judge.
    approximation : DataFrame or None
        How far the approximation of the same posterior is from what was sampled, number by number
        (see :func:`hazard.output.tables.apart`); None for the approximate engine.
    priors, flow : DataFrame
    name : str
        Of the folder, or of the model.
    rows, built : Panel and Design, or None
        Where the rows are known: see :attr:`panel` and :attr:`design`.
    """

    spec: ModelSpec
    posterior: xr.DataTree | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    estimates: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictive: pd.DataFrame = field(default_factory=pd.DataFrame)
    gate: Gate | None = None
    approximation: pd.DataFrame | None = None
    priors: pd.DataFrame = field(default_factory=pd.DataFrame)
    flow: pd.DataFrame = field(default_factory=pd.DataFrame)
    name: str = ""
    rows: Panel | None = None
    built: Design | None = None

    @property
    def status(self) -> Status:
        """Status of the computation, from the draws."""
        return status_of(self.posterior, self.gate)

    @property
    def engine(self) -> Literal["nuts", "laplace"]:
        """That of the draws."""
        sampled = self.posterior is not None and "sample_stats" in self.posterior.children
        return "nuts" if sampled else "laplace"

    @property
    def tree(self) -> xr.DataTree:
        """The groups of draws.

        Raises
        ------
        IntegrityError
            If there are none.
        """
        if self.posterior is None:
            raise IntegrityError(
                f"fit {self.name!r} must have its draws; they are missing. {AGAIN}"
            )
        return self.posterior

    @property
    def draws(self) -> xr.Dataset:
        """Draws of the coefficients and of what is learned about them, dims (chain, draw, ...)."""
        return self.tree["posterior"].to_dataset()

    @property
    def panel(self) -> Panel:
        """The rows that it was fitted to.

        Raises
        ------
        UsageError
            If it was read from a folder, and its rows were not given.
        """
        if self.rows is None:
            raise UsageError(self._without_rows)
        return self.rows

    @property
    def design(self) -> Design:
        """The design of its rows, not collapsed."""
        if self.built is None:
            raise UsageError(self._without_rows)
        return self.built

    @property
    def design_rows(self) -> pd.DataFrame:
        """Rows of the panel that are in the design, in its order."""
        return self.panel.frame.iloc[self.design.row]

    @property
    def _without_rows(self) -> str:
        return (
            f"fit {self.name!r} must be given its rows, which no folder holds; pass the panel that "
            "it was made from."
        )


def silent(stage: str, share: float) -> None:
    """Progress that is not shown."""
