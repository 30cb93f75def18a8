"""The classical survival analysis of a panel, as tidy tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hazard.baselines import aalen_johansen, cox, fine_gray, gray, kaplan_meier, life_table
from hazard.baselines.fit import BaselineFit
from hazard.errors import ConvergenceError, DesignError, EstimandError
from hazard.fitting import Panel
from hazard.model import design
from hazard.model.terms.block import column
from hazard.output import tables
from hazard.spec import ModelSpec

EVERYBODY = "all"
"""Group of all persons."""
MOST_GROUPS = 12
_CURVE = ["estimate", "lower", "upper", "ci_prob", "ci_kind", "unit"]


@dataclass(frozen=True, eq=False)
class Classical:
    """Tables of the classical survival analysis of a panel.

    Attributes
    ----------
    life_table : DataFrame
        ``group``, ``month``, ``n_at_risk``, ``n_entered``, ``n_censored`` and, for every exit,
        ``n_`` and its name (``n_exits_`` and its name where that column is taken).
    incidence : DataFrame
        ``group``, ``estimator`` (Kaplan-Meier or Aalen-Johansen), ``quantity`` (``survival`` or
        ``cumulative_incidence``), ``exit`` (``any``: whichever), ``month``, ``n_at_risk``,
        ``estimate``, ``lower``, ``upper``, ``ci_prob``, ``ci_kind``, ``unit``. A curve ends before
        the first month in which nobody is at risk though somebody was before; a remark says so.
    gray : DataFrame or None
        As :func:`hazard.baselines.gray.from_counts`, with the column ``by``; None without groups.
    cox, fine_gray : DataFrame
        As :meth:`hazard.baselines.fit.BaselineFit.table`, with ``ratio``, ``ratio_lower`` and
        ``ratio_upper``; without rows where the model does not exist on the panel.
    remarks : DataFrame
        ``estimator`` and ``remark``: what was left out, and why.
    """

    life_table: pd.DataFrame
    incidence: pd.DataFrame
    gray: pd.DataFrame | None
    cox: pd.DataFrame
    fine_gray: pd.DataFrame
    remarks: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by the name of its file."""
        named = {
            "life_table": self.life_table,
            "incidence": self.incidence,
            "gray": self.gray,
            "cox": self.cox,
            "fine_gray": self.fine_gray,
            "remarks": self.remarks,
        }
        return {name: rows for name, rows in named.items() if rows is not None}


def analyse(rows: Panel, spec: ModelSpec, *, by: str | None = None) -> Classical:
    """Life table, Kaplan-Meier, Aalen-Johansen, Gray's test, Cox and Fine-Gray of a panel.

    Parameters
    ----------
    rows : Panel
    spec : ModelSpec
        Its terms are those of the Cox model, but for the baseline; its terms that do not change
        within persons are those of the Fine-Gray model.
    by : str, optional
        Column of the panel, the same in all months of a person, for curves of groups and the test
        of their equality.

    Returns
    -------
    Classical

    Raises
    ------
    DesignError
        If the panel has no such column.
    EstimandError
        If the column changes within persons, or has one level or more than twelve.
    """
    _refuse_any(spec)
    groups = [(EVERYBODY, rows.frame)]
    if by is not None:
        groups += list(_groups(rows.frame, by))
    fits, remarks = _models(rows, spec)
    unit = spec.table.unit
    remarks = [remark for group in groups for remark in _curve_remarks(*group, unit)] + remarks
    return Classical(
        life_table=pd.concat([_counts(*group) for group in groups], ignore_index=True),
        incidence=pd.concat([_curves(*group) for group in groups], ignore_index=True),
        gray=None if by is None else gray.fit(rows.frame, by).assign(by=by),
        cox=_with_ratios(fits["Cox"]),
        fine_gray=_with_ratios(fits["Fine-Gray"]),
        remarks=pd.DataFrame(remarks, columns=["estimator", "remark"]),
    )


def _refuse_any(spec: ModelSpec) -> None:
    if kaplan_meier.ANY in spec.outcome.exits:
        raise EstimandError(
            f"exits must not be called {kaplan_meier.ANY!r}, which stands for whichever exit in "
            "the tables; got one that is. Give it another name in the table and the model file."
        )


def _curve_remarks(group: str, panel: pd.DataFrame, unit: str) -> list[tuple[str, str]]:
    """Remarks on what the curves of a group cannot tell."""
    table = life_table.counts(panel)
    number = table["n_at_risk"]
    first = int(number["month"][(number > 0).values][0])
    remarks = []
    if first > 1:
        remarks.append(
            f"Nobody is at risk before {unit} {first}; the curves are of those still there at its "
            "start."
        )
    if empty := life_table.gaps(number):
        remarks.append(
            f"Nobody is at risk in {unit} {_first_months(empty)}, and the curves end with {unit} "
            f"{empty[0] - 1}; the life table goes on."
        )
    if not bool(table["n_exits"].any()):
        remarks.append("Nobody leaves: the curves are flat, and their intervals exact ones.")
    elif group == EVERYBODY:
        n_exits = table["n_exits"].sum("month")
        never = [str(name) for name in n_exits["exit"].values[(n_exits == 0).values]]
        remarks += [f"No one left by way of {name!r}, whose curve is flat." for name in never]
    people = "everybody" if group == EVERYBODY else group
    return [("Kaplan-Meier, Aalen-Johansen", f"{people}: {text}") for text in remarks]


def _first_months(months: Sequence[int], n_listed: int = 8) -> str:
    more = f" and {len(months) - n_listed} more" if len(months) > n_listed else ""
    return ", ".join(map(str, months[:n_listed])) + more


def _groups(panel: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    values = column(panel, by).astype(str)
    levels = sorted(values.unique())
    if not 2 <= len(levels) <= MOST_GROUPS:
        raise EstimandError(
            f"panel column {by!r} must have 2 to {MOST_GROUPS} levels to be compared; got "
            f"{len(levels):,}. Name another column, or join levels."
        )
    first = values.groupby(panel["person"]).transform("first")
    n_changed = panel["person"][values != first].nunique()
    if n_changed:
        raise EstimandError(
            f"panel column {by!r} must be the same in all months of a person, who cannot change "
            f"the group by staying; got changes for {n_changed:,} persons. Name another column."
        )
    if EVERYBODY in levels:
        raise EstimandError(
            f"panel column {by!r} must not have a level {EVERYBODY!r}, which stands for everybody "
            "in the tables. Give it another name."
        )
    for level in levels:
        yield level, panel[values == level].reset_index(drop=True)


def _counts(group: str, panel: pd.DataFrame) -> pd.DataFrame:
    table = life_table.counts(panel)
    wide = table.drop_vars(["n_exits"]).drop_dims("exit").to_dataframe()
    for name in table["exit"].values:
        name_taken = f"n_{name}" in wide
        wide[f"n_exits_{name}" if name_taken else f"n_{name}"] = (
            table["n_exits"].sel(exit=name).values
        )
    wide = wide.reset_index()
    wide.insert(0, "group", group)
    return wide


def _curves(group: str, panel: pd.DataFrame) -> pd.DataFrame:
    survival = kaplan_meier.fit(panel).rename(survival="estimate").to_dataframe().reset_index()
    incidence_fit = aalen_johansen.fit(panel)
    survival = survival[survival["estimate"].notna()].assign(
        estimator="Kaplan-Meier",
        quantity="survival",
        ci_prob=0.95,
        ci_kind=lambda rows: np.where(rows["estimate"] == 1, "exact", "log-log"),
        unit="probability",
    )
    incidence = tables.aalen_johansen_estimates(incidence_fit)
    number = incidence_fit["n_at_risk"].to_series().rename("n_at_risk")
    curves = pd.concat([survival, incidence], ignore_index=True).astype({"month": "int64"})
    curves = curves.join(number, on="month").assign(group=group)
    curves = curves[curves["n_at_risk"] > 0]
    return curves[["group", "estimator", "quantity", "exit", "month", "n_at_risk", *_CURVE]]


def _models(
    rows: Panel, spec: ModelSpec
) -> tuple[dict[str, BaselineFit | None], list[tuple[str, str]]]:
    """Fits by name, and remarks; None where a model does not exist on the rows."""
    fixed_spec = spec.model_copy(
        update={"term": tuple(term for term in spec.term if term.kind != "lagged")}
    )
    full_design = design.build(rows.frame, rows.histories, spec)
    fixed_design = design.build(
        rows.frame, {}, fixed_spec
    )  # no row lacks a history that is not needed
    attempts: dict[str, Callable[[], BaselineFit]] = {
        "Cox": lambda: cox.fit(full_design, rows.frame),
        "Fine-Gray": lambda: fine_gray.fit(fixed_design, rows.frame),
    }
    fits: dict[str, BaselineFit | None] = {}
    remarks = [
        ("Cox", f"Left out, {reason}: {counts.rows:,} rows.")
        for reason, counts in full_design.left_out.items()
    ]
    lagged = [term.name for term in spec.lagged]
    if lagged:
        remarks.append(("Fine-Gray", f"Changes within persons, left out: {', '.join(lagged)}."))
    for name, attempt in attempts.items():
        try:
            fits[name] = attempt()
        except (DesignError, ConvergenceError) as error:
            fits[name] = None
            remarks.append((name, str(error)))
    return fits, remarks + _fit_remarks(list(fits.values()))


def _fit_remarks(fits: Sequence[BaselineFit | None]) -> list[tuple[str, str]]:
    return [(fit.estimator, text) for fit in fits if fit is not None for text in fit.remarks]


def _with_ratios(fit: BaselineFit | None) -> pd.DataFrame:
    names = {"estimate": "ratio", "lower": "ratio_lower", "upper": "ratio_upper"}
    if fit is None:
        return pd.DataFrame(columns=["term", "level", "exit", "estimate", *names.values()])
    return fit.table().join(fit.ratios()[[*names]].rename(columns=names))
