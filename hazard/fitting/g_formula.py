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
from hazard.estimands.interventions import PathEvents, Paths
from hazard.estimands.interventions.event_histories import stock
from hazard.fitting.costs import Counted, counted, persons_of
from hazard.fitting.records import Fit
from hazard.fitting.remarks import columns
from hazard.inference.thinning import thinned
from hazard.model.design import apply
from hazard.predictive.levels import Grouping, groupings
from hazard.spec import CENTRE_SIZE, SINCE_START, Arm, ModelSpec, StandardisedEstimand

_AT_ONCE = 2000  # paths: it bounds the memory
_LOOKED_UP = 1000  # paths, evenly spaced, of which the support is looked up
_SIZES = {"1-9": 1, "10-19": 10, "20-39": 20, "40 or more": 40}
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
        that is far from all observed ones (``flagged``); the largest ``distance`` in lags.
    facts : mapping
        Paths, months that repeat the last year, draws; persons per path, where they are counted.
    counted : Counted or None
        The risks of persons that costs are counted from; None where the model file has no costs.
    """

    everybody: xr.Dataset
    by: Mapping[str, xr.Dataset]
    support: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, Any]
    counted: Counted | None = None


def risks(fit: Fit, wanted: StandardisedEstimand) -> Risks:
    """Mean risks over persons as if nobody left, under every arm of an estimand.

    Parameters
    ----------
    fit : Fit
    wanted : StandardisedEstimand

    Returns
    -------
    Risks

    Raises
    ------
    EstimandError
        If the paths cannot start or go on as fit, a history is unknown, or in a month more paths
        than ``refuse_share`` have histories far from all that was observed.
    """
    of = _paths(fit, wanted)
    around = _around(fit, of, wanted.seed)
    support = {arm.name: _support(fit, around, wanted, arm) for arm in wanted.compared}
    grouped = _groups(around, wanted, fit.spec.table.unit)
    rng = np.random.default_rng(wanted.seed)
    posterior = thinned(fit.draws, wanted.draws)
    first = next(_rows(fit, around.part(slice(0, 1)), wanted))
    beta = incidence.coefficients(posterior, next(iter(first.arms.values())), rng)
    found = g_formula.standardise_by(
        beta,
        _rows(fit, around, wanted),
        {each.name: each.code for each in grouped} | persons_of(of.starts(), fit.spec.costs),
        branches=_branches(fit.spec, wanted),
    )
    cost = counted(fit.spec.costs, found)
    return Risks(
        found[g_formula.EVERYBODY],
        {each.name: _labelled(found[each.name], each) for each in grouped},
        support,
        {
            "paths": len(of.row),
            "left_out": dict(of.left_out),
            "repeated_months": of.n_repeated,
            "changing_persons": interventions.changing_columns(of, columns(fit.spec)),
            "draws": beta.sizes["chain"] * beta.sizes["draw"],
            "posterior_draws": fit.draws.sizes["chain"] * fit.draws.sizes["draw"],
            **({} if cost is None else {"persons_per_path": cost.per_path}),
        },
        cost,
    )


# --- paths --------------------------------------------------------------------------------------
def _paths(fit: Fit, wanted: StandardisedEstimand) -> Paths:
    panel, among = fit.panel.frame, fit.design.row
    if wanted.starts == "first":
        rows = interventions.first_rows(panel, among)
    elif wanted.starts == "drawn":
        rows = _drawn(panel, among, np.random.default_rng(wanted.seed))
    else:
        rows = _of_month(panel, among, wanted.starts)
    return interventions.paths(panel, rows, horizon=wanted.horizon_months, beyond=wanted.beyond)


def _drawn(panel: pd.DataFrame, among: IntArray, rng: np.random.Generator) -> IntArray:
    """One of the rows of every person, each as likely."""
    order = rng.permutation(len(among))
    person = panel["person"].to_numpy()[among[order]]
    _, first = np.unique(person, return_index=True)
    return np.sort(among[order[first]]).astype(np.int64)


def _of_month(panel: pd.DataFrame, among: IntArray, month: str) -> IntArray:
    if "calendar" not in panel:
        raise EstimandError(
            f"paths must start in a month of the panel; got {month}, and a panel without a column "
            "'calendar'. Start at the first month of everybody."
        )
    rows = interventions.rows_of_month(panel, months.month_number(month))
    return np.intersect1d(rows, among).astype(np.int64)


def _around(fit: Fit, of: Paths, seed: int) -> PathEvents:
    lagged, found = fit.spec.lagged, fit.panel.registers
    if found is None:
        return interventions.from_rows(of, fit.panel.histories, lagged, seed=seed)
    centre = fit.spec.data.history_centre
    return interventions.from_registers(of, found, lagged, history_centre=centre, seed=seed)


def _rows(
    fit: Fit, around: PathEvents, wanted: StandardisedEstimand
) -> Iterator[g_formula.PathRows]:
    """Rows of the paths under every arm; at one centre that was not seen, if that is asked."""
    if wanted.centres == "observed":
        yield from g_formula.path_rows(
            around, wanted.compared, fit.design, fit.spec, n_paths=_AT_ONCE
        )
        return
    for part in around.parts(_AT_ONCE):
        frame = part.paths.frame()
        _check_centre(frame)
        elsewhere = frame.assign(centre=pd.Categorical([UNSEEN_CENTRE] * len(frame)))
        designs = {}
        for arm in wanted.compared:
            around_them = interventions.histories(part, arm)
            designs[arm.name] = apply(fit.design, elsewhere, around_them, fit.spec, unseen="draw")
        yield g_formula.PathRows(designs, part.paths.horizon)


def _check_centre(frame: pd.DataFrame) -> None:
    if "centre" not in frame:
        raise EstimandError(
            "centres of an estimand must be 'observed' where the panel has no column 'centre'; got "
            "'new'. Leave the option out."
        )


# --- branches and groups ------------------------------------------------------------------------
def _branches(spec: ModelSpec, wanted: StandardisedEstimand) -> tuple[g_formula.Branch, ...]:
    names = [arm.name for arm in wanted.compared]
    if wanted.effect == "controlled_direct":
        others = [name for name in spec.outcome.exits if name != wanted.exit]
        return g_formula.controlled_direct(names, others)
    if wanted.effect == "separable":
        without, with_ = names
        return g_formula.separable(str(wanted.exit), (with_, without))
    return g_formula.total(names)


def _groups(around: PathEvents, wanted: StandardisedEstimand, unit: str) -> tuple[Grouping, ...]:
    """Groupings of the paths by what they are at the start; small levels are put together."""
    starts = around.paths.starts()
    if CENTRE_SIZE in wanted.by:
        starts[CENTRE_SIZE] = _classes(stock(around)[:, 0], _SIZES)
    if SINCE_START in wanted.by:
        starts[SINCE_START] = _classes(starts["month"].to_numpy(), units.classes(unit))
    found = groupings(starts, wanted.by, wanted.fewest) if wanted.by else ()
    return tuple(each for each in found if each.name in wanted.by)


def _classes(values: IntArray, bounds: Mapping[str, int]) -> pd.Categorical:
    place = np.searchsorted([*bounds.values()][1:], values, side="right").tolist()
    return pd.Categorical([[*bounds][each] for each in place], [*bounds], ordered=True)


def _labelled(found: xr.Dataset, grouping: Grouping) -> xr.Dataset:
    labels = [grouping.levels[code] for code in found[grouping.name].values]
    return found.rename({grouping.name: "level"}).assign_coords(level=labels)


# --- support ------------------------------------------------------------------------------------
def _support(
    fit: Fit, around: PathEvents, wanted: StandardisedEstimand, arm: Arm
) -> dict[str, float]:
    """How far the histories of an arm are from observed ones, over the terms that arms act on."""
    named = {one.term for each in wanted.compared for one in each.interventions} or {wanted.term}
    terms = tuple(t for t in around.terms if named.intersection(t.called))
    step = max(1, len(around.paths.row) // _LOOKED_UP)
    some = replace(around.part(slice(None, None, step)), terms=terms)
    observed = {term.name: fit.panel.histories[term.name] for term in terms}
    every = interventions.support(
        some, interventions.histories(some, arm), observed, far=wanted.far
    )
    found = every[every["term"] == every["term"].iloc[-1]]
    interventions.check_support(found, share=wanted.refuse_share)
    weight = found["n_rows"] / found["n_rows"].sum()
    return {
        "unseen": float((found["unseen"] * weight).sum()),
        "flagged": float((found["flagged"] * weight).sum()),
        "distance": int(found["distance"].max()),
    }
