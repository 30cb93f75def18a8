"""Standardised risks of a fitted model: paths, what happens around them, how far that was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard import months, units
from hazard.arrays import IntArray
from hazard.errors import EstimandError
from hazard.estimands import g_formula, incidence, interventions
from hazard.estimands.displacement import present_at_events
from hazard.estimands.interventions import PathEvents, Paths
from hazard.estimands.interventions.event_histories import stock
from hazard.fitting.costs import PersonRisks, person_risks, persons_of
from hazard.fitting.records import Fit
from hazard.fitting.remarks import columns
from hazard.fitting.residents import has_own_event
from hazard.inference.thinning import thinned
from hazard.model.design import apply
from hazard.predictive.levels import Grouping, groupings
from hazard.spec import CENTRE_SIZE, SINCE_START, Arm, GFormulaEstimand, ModelSpec

_BATCH = 2000  # paths: it bounds the memory
_EVENT_PATHS = 5000  # rows present at events, evenly spaced, of which more would take minutes
_SUPPORT_PATHS = 1000  # paths, evenly spaced, of which the support is looked up
_SIZES = {"1-9": 1, "10-19": 10, "20-39": 20, "40 or more": 40}
WITHIN_NETWORK = "_within_network"
UNSEEN_CENTRE = "a centre that was not seen"


@dataclass(frozen=True, eq=False)
class Risks:
    """Standardised risks, draw by draw, and how they came about.

    Attributes
    ----------
    everybody : Dataset
        As of :func:`hazard.estimands.g_formula.standardise`.
    by : mapping of str to Dataset
        The same by grouping, with the dimension ``level``.
    support : mapping of str to mapping
        Of every arm: shares of the path-months with a history that nobody had (``unseen``), and
        that is far from all observed ones (``flagged``); the largest ``distance`` in lags. The same
        among those of the network of the term (``unseen_within_network`` and so on), as the centre.
    facts : mapping
        Paths, months that repeat the last year, draws.
    """

    everybody: xr.Dataset
    by: Mapping[str, xr.Dataset]
    support: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class RisksAtEvents:
    """Risks averaged over the rows that were present at events, from the month of the event on.

    Attributes
    ----------
    everybody : Dataset
        As of :func:`hazard.estimands.g_formula.standardise`; a path is a row.
    rows : int
        Number of rows that were present.
    followed : int
        Number of them that are averaged over, evenly spaced.
    person_risks : PersonRisks or None
        The risks of persons that costs are counted from; None where the model file has no costs.
    """

    everybody: xr.Dataset
    rows: int
    followed: int
    person_risks: PersonRisks | None


def risks(fit: Fit, estimand: GFormulaEstimand) -> Risks:
    """Mean risks over persons as if nobody left, under every arm of an estimand.

    Parameters
    ----------
    fit : Fit
    estimand : GFormulaEstimand

    Returns
    -------
    Risks

    Raises
    ------
    EstimandError
        If the paths cannot start or go on as fit, a history is unknown, or in a month more paths
        than ``refuse_share`` have histories far from all that was observed.
    """
    paths = _paths(fit, estimand)
    histories = _path_histories(fit, paths, estimand.seed)
    support = {arm.name: _support(fit, histories, estimand, arm) for arm in estimand.compared}
    path_groupings = _groups(histories, estimand, fit.spec.table.unit)
    beta = _coefficients(fit, histories, estimand)
    standardised = g_formula.standardise_by(
        beta,
        _rows(fit, histories, estimand),
        {grouping.name: grouping.code for grouping in path_groupings},
        branches=_branches(fit.spec, estimand),
    )
    return Risks(
        standardised[g_formula.EVERYBODY],
        {
            grouping.name: _labelled(standardised[grouping.name], grouping)
            for grouping in path_groupings
        },
        support,
        {
            "paths": len(paths.row),
            "left_out": dict(paths.left_out),
            "repeated_months": paths.n_repeated,
            "changing_persons": interventions.changing_columns(paths, columns(fit.spec)),
            "draws": beta.sizes["chain"] * beta.sizes["draw"],
            "posterior_draws": fit.draws.sizes["chain"] * fit.draws.sizes["draw"],
        },
    )


def risks_at_events(fit: Fit, estimand: GFormulaEstimand) -> RisksAtEvents | None:
    """Mean risks over the rows around which the event of an estimand happened in their month.

    Rows of those who had the event themselves are not among them. Of very many, 5,000 at most are
    followed, evenly spaced in the order of the panel.

    Parameters
    ----------
    fit : Fit
    estimand : GFormulaEstimand
        Its default arms have their event in the month of the start, which is that of an event.

    Returns
    -------
    RisksAtEvents or None
        None where nobody was present at an event, or the term does not tell of the month itself.

    Raises
    ------
    EstimandError
        As :func:`risks`, but for support.
    """
    history = fit.panel.histories[estimand.term]
    if 0 not in history["lag"].values:
        return None
    (term,) = (lagged for lagged in fit.spec.lagged if lagged.name == estimand.term)
    others = fit.design.row[~has_own_event(fit.panel, term)[fit.design.row]]
    rows = present_at_events(history, others)
    if not len(rows):
        return None
    at_start = estimand.model_copy(update={"event_month": 1})
    followed = rows[:: -(-len(rows) // _EVENT_PATHS)]
    paths = interventions.paths(
        fit.panel.frame,
        followed,
        horizon=estimand.horizon_months,
        beyond=estimand.beyond,
        each="row",
    )
    histories = _path_histories(fit, paths, estimand.seed)
    standardised = g_formula.standardise_by(
        _coefficients(fit, histories, at_start),
        _rows(fit, histories, at_start),
        persons_of(paths.starts(), fit.spec.costs),
        branches=_branches(fit.spec, at_start),
    )
    persons = person_risks(fit.spec.costs, standardised)
    return RisksAtEvents(
        standardised[g_formula.EVERYBODY], len(rows), len(followed), person_risks=persons
    )


def _coefficients(fit: Fit, histories: PathEvents, estimand: GFormulaEstimand) -> xr.DataArray:
    """Coefficients of the draws that are used, those of a centre that was not seen included."""
    first = next(_rows(fit, histories.part(slice(0, 1)), estimand))
    rng = np.random.default_rng(estimand.seed)
    posterior = thinned(fit.draws, estimand.draws)
    return incidence.coefficients(posterior, next(iter(first.arms.values())), rng)


# --- paths --------------------------------------------------------------------------------------
def _paths(fit: Fit, estimand: GFormulaEstimand) -> Paths:
    panel, among = fit.panel.frame, fit.design.row
    if estimand.starts == "first":
        rows = interventions.first_rows(panel, among)
    elif estimand.starts == "drawn":
        rows = _random_rows(panel, among, np.random.default_rng(estimand.seed))
    else:
        rows = _rows_in_month(panel, among, estimand.starts)
    return interventions.paths(panel, rows, horizon=estimand.horizon_months, beyond=estimand.beyond)


def _random_rows(panel: pd.DataFrame, among: IntArray, rng: np.random.Generator) -> IntArray:
    """One of the rows of every person, each as likely."""
    order = rng.permutation(len(among))
    person = panel["person"].to_numpy()[among[order]]
    _, first = np.unique(person, return_index=True)
    return np.sort(among[order[first]]).astype(np.int64)


def _rows_in_month(panel: pd.DataFrame, among: IntArray, month: str) -> IntArray:
    if "calendar" not in panel:
        raise EstimandError(
            f"paths must start in a month of the panel; got {month}, and a panel without a column "
            "'calendar'. Start at the first month of everybody."
        )
    rows = interventions.rows_of_month(panel, months.month_number(month))
    return np.intersect1d(rows, among).astype(np.int64)


def _path_histories(fit: Fit, paths: Paths, seed: int) -> PathEvents:
    lagged, registers = fit.spec.lagged, fit.panel.registers
    if registers is None:
        return interventions.from_rows(paths, fit.panel.histories, lagged, seed=seed)
    centre = fit.spec.data.history_centre
    return interventions.from_registers(paths, registers, lagged, history_centre=centre, seed=seed)


def _rows(
    fit: Fit, histories: PathEvents, estimand: GFormulaEstimand
) -> Iterator[g_formula.PathRows]:
    """Rows of the paths under every arm; at one centre that was not seen, if that is asked."""
    if estimand.centres == "observed":
        yield from g_formula.path_rows(
            histories, estimand.compared, fit.design, fit.spec, n_paths=_BATCH
        )
        return
    for part in histories.parts(_BATCH):
        frame = part.paths.frame()
        _check_centre(frame)
        relabelled = frame.assign(centre=pd.Categorical([UNSEEN_CENTRE] * len(frame)))
        designs = {}
        for arm in estimand.compared:
            arm_histories = interventions.histories(part, arm)
            designs[arm.name] = apply(
                fit.design, relabelled, arm_histories, fit.spec, unseen="draw"
            )
        yield g_formula.PathRows(designs, part.paths.horizon)


def _check_centre(frame: pd.DataFrame) -> None:
    if "centre" not in frame:
        raise EstimandError(
            "centres of an estimand must be 'observed' where the panel has no column 'centre'; got "
            "'new'. Leave the option out."
        )


# --- branches and groups ------------------------------------------------------------------------
def _branches(spec: ModelSpec, estimand: GFormulaEstimand) -> tuple[g_formula.Branch, ...]:
    names = [arm.name for arm in estimand.compared]
    if estimand.effect == "controlled_direct":
        others = [name for name in spec.outcome.exits if name != estimand.exit]
        return g_formula.controlled_direct(names, others)
    if estimand.effect == "separable":
        without, with_ = names
        return g_formula.separable(str(estimand.exit), (with_, without))
    return g_formula.total(names)


def _groups(histories: PathEvents, estimand: GFormulaEstimand, unit: str) -> tuple[Grouping, ...]:
    """Groupings of the paths by what they are at the start; small levels are put together."""
    starts = histories.paths.starts()
    if CENTRE_SIZE in estimand.by:
        starts[CENTRE_SIZE] = _classes(stock(histories)[:, 0], _SIZES)
    if SINCE_START in estimand.by:
        starts[SINCE_START] = _classes(starts["month"].to_numpy(), units.classes(unit))
    all_groupings = groupings(starts, estimand.by, estimand.fewest) if estimand.by else ()
    return tuple(grouping for grouping in all_groupings if grouping.name in estimand.by)


def _classes(values: IntArray, bounds: Mapping[str, int]) -> pd.Categorical:
    position = np.searchsorted([*bounds.values()][1:], values, side="right").tolist()
    return pd.Categorical([[*bounds][index] for index in position], [*bounds], ordered=True)


def _labelled(group_risks: xr.Dataset, grouping: Grouping) -> xr.Dataset:
    labels = [grouping.levels[code] for code in group_risks[grouping.name].values]
    return group_risks.rename({grouping.name: "level"}).assign_coords(level=labels)


# --- support ------------------------------------------------------------------------------------
def _support(
    fit: Fit, histories: PathEvents, estimand: GFormulaEstimand, arm: Arm
) -> dict[str, float]:
    """How far the histories of an arm are from observed ones, over the terms that arms act on."""
    named = {
        intervention.term
        for compared_arm in estimand.compared
        for intervention in compared_arm.interventions
    } or {estimand.term}
    terms = tuple(t for t in histories.terms if named.intersection(t.called))
    step = max(1, len(histories.paths.row) // _SUPPORT_PATHS)
    sample = replace(histories.part(slice(None, None, step)), terms=terms)
    observed = {term.name: fit.panel.histories[term.name] for term in terms}
    arm_histories = interventions.histories(sample, arm)
    tables = {
        ending: _of_all_terms(
            interventions.support(
                sample, arm_histories, observed, far=estimand.far, within=columns_within
            )
        )
        for ending, columns_within in (("", ()), (WITHIN_NETWORK, _network(fit, estimand)))
    }
    interventions.check_positivity(tables[""], share=estimand.refuse_share)
    return {
        f"{name}{ending}": value
        for ending, table in tables.items()
        for name, value in _shares(table).items()
    }


def _network(fit: Fit, estimand: GFormulaEstimand) -> tuple[str, ...]:
    """Columns of the panel by which the events of the term of an estimand are counted."""
    term = next(lagged for lagged in fit.spec.lagged if lagged.name == estimand.term)
    columns_of = {"own": (), "centre": ("centre",), "nationality": ("nationality",)}
    network = columns_of.get(term.network, ("centre", "nationality"))
    return tuple(name for name in network if name in fit.panel.frame)


def _of_all_terms(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of all terms taken together, or of the only one."""
    rows: pd.DataFrame = table[table["term"] == table["term"].iloc[-1]]
    return rows


def _shares(table: pd.DataFrame) -> dict[str, float]:
    """Shares over all months of the paths, and the largest distance."""
    weight = table["n_rows"] / table["n_rows"].sum()
    return {
        "unseen": float((table["unseen"] * weight).sum()),
        "flagged": float((table["flagged"] * weight).sum()),
        "distance": int(table["distance"].max()),
    }
