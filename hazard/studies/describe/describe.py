"""Registers or a ready table -> the descriptive series and the published values beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import xarray as xr
from pyarrow import csv, parquet

from hazard import fitting
from hazard.data import disclosure, exposures, panel, registers, table
from hazard.data.registers import FamilyHistories
from hazard.spec import CovariateTerm, GroupTerm, LaggedTerm, ModelSpec
from hazard.spec.priors.normal import NormalPrior
from hazard.studies.describe.published import COMPARED, EXITS, compared
from hazard.studies.describe.sequels import WINDOWS, after_events, reappearances
from hazard.studies.describe.series import (
    COLUMNS,
    Record,
    exits_of,
    of_persons,
    panel_records,
    record,
)

NETWORKS = ("nationality", "centre")
_PRIOR = NormalPrior(family="normal", scale=1.0, reason="a description draws nothing from it")


@dataclass(frozen=True, eq=False)
class Description:
    """Descriptive series of a panel, and the published values beside ours.

    Attributes
    ----------
    series : DataFrame
        ``table`` (as in the report), ``quantity``, ``exit``, ``level``, ``year``, ``value``,
        ``unit``, ``n_persons`` that the value describes, and in ``skipped`` why there is none.
    published : DataFrame
        See :func:`hazard.studies.describe.published.compared`; without rows where the panel is none
        of the families of the report.
    people : {"families", "persons"}
        Whom the rows are of: families where all exits are among those of the report.
    privacy : DataFrame or None
        How the privacy filter tilted the persons of the registers, where the definitions apply it
        (see :func:`hazard.data.registers.privacy_shift`), small cells among it.
    warnings : tuple of str
        What a correct register hardly holds.
    masked : int
        Values that were left out because they tell of fewer than ten persons.
    """

    series: pd.DataFrame
    published: pd.DataFrame
    privacy: pd.DataFrame | None = None
    people: Literal["families", "persons"] = "families"
    warnings: tuple[str, ...] = ()
    masked: int = 0

    @property
    def without_small_cells(self) -> Description:
        """The same without the cells of :func:`small_cells`.

        Raises
        ------
        DisclosureError
            If the panel is one of fewer than ten persons.
        """
        family_counts = self.series[self.series["quantity"] == "families"]
        n_families = family_counts.loc[family_counts["table"] == "Section 2.2.1", "n_persons"]
        disclosure.refuse_few(int(n_families.iloc[0]), "a description")
        is_small = small_cells(self.series)
        large_cells = self.series[~is_small].reset_index(drop=True)
        published = compared(large_cells) if self.people == "families" else self.published
        return replace(
            self,
            series=large_cells,
            published=published,
            masked=int(is_small.sum()),
            privacy=None if self.privacy is None else _of_many(self.privacy),
        )

    @property
    def output_series(self) -> pd.DataFrame:
        """The series as they are written: those of persons without the words of the report."""
        return self.series if self.people == "families" else of_persons(self.series)

    @property
    def summary(self) -> str:
        """How large the panel is, how much could be compared, and whom the filter took out."""
        totals = self.series[self.series["table"] == "Section 2.2.1"].set_index("quantity")["value"]
        sizes = f"{totals['families']:,.0f} {self.people}, {totals['person_months']:,.0f} rows"
        if self.masked:
            telling = f"values that tell of fewer than {disclosure.SMALLEST} {self.people}"
            sizes = f"{sizes}, {self.masked:,} {telling} left out"
        if self.people == "persons":
            return f"{sizes}."
        ours = int(self.published["ours"].notna().sum())
        return (
            f"{sizes}; {ours} of {len(self.published)} published values have one of ours beside "
            "them."
        ) + self._filtered

    @property
    def _filtered(self) -> str:
        if self.privacy is None:
            return ""
        total = self.privacy[self.privacy["feature"] == "all"].iloc[0]
        before, after = total["persons_before"], total["persons_after"]
        return f" The privacy filter took out {before - after:,} of {before:,} persons."


def small_cells(series: pd.DataFrame) -> np.ndarray:
    """Which values of a series tell of fewer than ten persons, by themselves or by subtraction.

    A cell is a level of a table, of an exit where the table is one of exits. It goes whole when
    any of its values is of fewer than ten persons, for a rate and the months at risk give the
    number of exits. When it is the only one of its table and exit, the smallest that is left goes
    too, for the total less the others is the one that went. A cell of nobody goes too, for its
    level is a name.

    Parameters
    ----------
    series : DataFrame
        With ``table``, ``exit``, ``level`` and ``n_persons``.

    Returns
    -------
    ndarray of bool, shape (value,)

    Examples
    --------
    Nine women disappeared: their probability goes with their number, and then that of the men.

    >>> rows = [("female", 9.0), ("female", 500.0), ("male", 40.0), ("male", 700.0)]
    >>> series = pd.DataFrame(rows, columns=["level", "n_persons"])
    >>> small_cells(series.assign(table="Figure 2-14", exit="disappeared")).tolist()
    [True, True, True, True]
    """
    level = series["level"].notna().to_numpy()
    number = series["n_persons"].astype("Float64").fillna(np.inf)
    keys = [series[name].fillna("") for name in ("table", "exit", "level")]
    smallest = number.groupby(keys).transform("min").to_numpy()
    is_small = level & (smallest < disclosure.SMALLEST)
    table_exit = keys[0].astype(str) + "\n" + keys[1].astype(str)
    for _, rows in pd.Series(np.flatnonzero(level)).groupby(table_exit[level].to_numpy()):
        at = rows.to_numpy()
        levels = keys[2].iloc[at].to_numpy()
        remaining = at[~is_small[at]]
        if len(set(levels[is_small[at]])) == 1 and len(remaining):
            complement = keys[2].iloc[remaining[smallest[remaining].argmin()]]
            is_small[at[levels == complement]] = True
    return is_small


def _of_many(privacy: pd.DataFrame) -> pd.DataFrame:
    """Features of at least ten persons, or of none, before the filter and after it."""
    is_small = privacy[["persons_before", "persons_after"]].isin(range(1, disclosure.SMALLEST))
    return privacy[~is_small.any(axis=1)].reset_index(drop=True)


def describe(
    rows: pd.DataFrame,
    exposed: Mapping[str, xr.DataArray],
    *,
    histories: FamilyHistories | None = None,
    unit: str = "month",
) -> Description:
    """Descriptive series of a panel, and the published values beside them.

    Parameters
    ----------
    rows : DataFrame
        A panel (see :mod:`hazard.data.contracts`). Series by ``calendar``, ``centre``,
        ``nationality``, ``sex``, ``family_size`` and ``large_family`` are skipped where the column
        is missing.
    exposed : mapping of str to DataArray, dims (row, lag)
        Exposure histories; Table 2-2 needs ``forced_return_centre`` and
        ``forced_return_nationality`` at the lags of its windows.
    histories : FamilyHistories, optional
        Of the registers, for what the panel does not know: who came back.
    unit : str
        Unit of time of a row.

    Returns
    -------
    Description
    """
    records = list(_records(rows, exposed, histories, unit))
    series = pd.DataFrame(records, columns=list(COLUMNS)).astype(
        {"value": np.float64, "year": "Int64", "n_persons": "Int64"}
    )
    if set(exits_of(rows)) <= set(EXITS):
        return Description(series, compared(series))
    nothing = pd.DataFrame(columns=list(COMPARED))
    return Description(series, nothing, people="persons")


def _records(
    rows: pd.DataFrame,
    exposed: Mapping[str, xr.DataArray],
    histories: FamilyHistories | None,
    unit: str,
) -> Iterator[Record]:
    yield from panel_records(rows, unit)
    for network in NETWORKS:
        yield from after_events(rows, exposed, network)
    if histories is not None:
        yield reappearances(histories)
    else:
        reason = "a panel ends with the first exit"
        yield record("Section 2.3", "reappearances", np.nan, "", skipped=reason)


def from_registers(directory: Path, spec: ModelSpec) -> Description:
    """Description of a register folder, under the definitions of a model file."""
    tables = registers.read(directory)
    report = registers.check(tables)
    fitting.refuse_broken(report)
    histories = registers.define(tables, spec.data)
    rows = panel.build(histories)
    terms = [forced_return_term(network) for network in NETWORKS]
    exposed = exposures.register_histories(
        rows, histories, terms, history_centre=spec.data.history_centre
    )
    described = describe(rows, exposed, histories=histories)
    described = replace(described, warnings=fitting.warnings(report))
    if spec.data.privacy_filter == "apply":
        return replace(described, privacy=registers.privacy_shift(tables))
    return described


def from_table(path: Path, spec: ModelSpec) -> Description:
    """Description of a ready table, CSV or Parquet, whose layout a model file states.

    Notes
    -----
    The terms of the model are not needed: of the columns that the report describes, those that the
    file holds are read, and of ``forced_return_centre_lag0``, ``..._lag1``, ... as many as follow
    each other.
    """
    terms = tuple(_terms(_columns(path)))
    described = {"term": terms, "estimand": (), "dependence": None}
    rows = table.read(path, spec.model_copy(update=described))
    lagged = [term for term in terms if isinstance(term, LaggedTerm)]
    return describe(rows, exposures.from_columns(rows, lagged), unit=spec.table.unit)


def _terms(columns: set[str]) -> Iterator[GroupTerm | CovariateTerm | LaggedTerm]:
    for name in ("centre", "nationality", "sex", "large_family"):
        if name in columns:
            yield GroupTerm(kind="group", by=name, prior=_PRIOR)
    if "family_size" in columns:
        yield CovariateTerm(kind="covariate", column="family_size", prior=_PRIOR)
    for network in NETWORKS:
        lags = 0
        while f"forced_return_{network}_lag{lags}" in columns:
            lags += 1
        if lags:
            yield forced_return_term(network, lags - 1)


def forced_return_term(network: str, last: int = WINDOWS[-1][1]) -> LaggedTerm:
    """The lagged term whose histories Table 2-2 needs."""
    return LaggedTerm(
        kind="lagged",
        exposure="forced_return",
        network=network,
        lags=(0, last),
        history_before_start="missing",
        prior=_PRIOR,
    )


def _columns(path: Path) -> set[str]:
    """Names of the columns of a file; none of one that cannot be read, of which others tell."""
    try:
        if path.suffix.lower() == ".parquet":
            return set(parquet.read_schema(path).names)
        return set(csv.open_csv(path).schema.names)
    except (OSError, pa.ArrowInvalid):
        return set()
