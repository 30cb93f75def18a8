"""Proportional subdistribution hazards of Fine and Gray, on the person-period panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines import aalen_johansen, cox, life_table, proportional
from hazard.baselines.fit import BaselineFit
from hazard.baselines.partial_likelihood import RiskSets, Ties
from hazard.baselines.robust import Clusters
from hazard.errors import DesignError
from hazard.estimands import survival
from hazard.model.design import Design
from hazard.model.equivalent import identified


def fit(design: Design, panel: pd.DataFrame, *, ties: Ties = "efron") -> BaselineFit:
    """Log subdistribution hazard ratio of each exit, with errors clustered by person.

    Parameters
    ----------
    design : Design
        One row per person-month. Terms whose level changes within a person are left out, and
        named: nobody knows what they would be after another exit.
    panel : DataFrame
        The panel of the design.
    ties : {"efron", "breslow"}
        As for :func:`hazard.baselines.cox.fit`.

    Returns
    -------
    BaselineFit
        A positive coefficient means a larger cumulative incidence. The size is one of the
        subdistribution hazard, which is not the rate of anybody still there.

    Raises
    ------
    DesignError
        If rows of the design stand for several person-months, no term is the same in all months of
        every person, or everybody at risk leaves before later persons enter.
    ConvergenceError
        If the partial likelihood has no maximum that Newton steps find.

    Notes
    -----
    The subdistribution hazard of exit j is -d log(1 - F_j(t)) = h_j0(t) exp(x'b_j) [1]_. Who left
    through another exit in month T stays in the risk sets of the later months t with the weight
    :func:`observed` (t) / observed(T), the probability of being still under observation [2]_: with
    the risk sets balanced and the exits of a month before its censorings, this is G(t-) / G(T-) of
    the censoring distribution G, and under delayed entry G(t-) H(t-) / (G(T-) H(T-)) with the
    distribution H of the entry. Without covariates these risk sets give back the Aalen-Johansen
    estimate exactly.

    The errors are the sandwich over persons with the weights taken as known, as R's
    ``survival::finegray`` with ``coxph``. ``cmprsk::crr`` has Breslow's ties, counts those who
    leave in a month among those who can be censored in it, and adds the error of the weights.

    References
    ----------
    .. [1] Fine and Gray (1999), A proportional hazards model for the subdistribution of a competing
       risk, Journal of the American Statistical Association 94(446).
    .. [2] Geskus (2011), Cause-specific cumulative incidence estimation and the Fine and Gray model
       under both left truncation and right censoring, Biometrics 67(1).

    Examples
    --------
    Of four persons a and b were visited: a leaves in month 1, b is moved in month 1, c leaves in
    month 2 and d stays. b is in both risk sets, so that the likelihood is r / (2 r + 2) times
    1 / (r + 2), which is largest at r = sqrt(2).

    >>> from hazard import spec
    >>> from hazard.model import design
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left", "moved"]
    ... [[term]]
    ... kind = "covariate"
    ... column = "visited"
    ... prior = {family = "normal", scale = 1.0, reason = "an example only"}'''
    >>> panel = pd.DataFrame({"person": [0, 1, 2, 2, 3, 3], "month": [1, 1, 1, 2, 1, 2]})
    >>> exits = ["left", "moved", "stay", "left", "stay", "stay"]
    >>> panel["exit"] = pd.Categorical(exits, ["stay", "left", "moved"])
    >>> panel = panel.assign(entry=0, visited=[1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    >>> fitted = fit(design.build(panel, {}, spec.load(text)), panel)
    >>> np.exp(fitted.estimate[:, 0]).round(6).tolist()
    [1.414214]
    """
    cox.check_rows(design)
    rows = panel.iloc[design.row].reset_index(drop=True)
    changing = _changing(design, rows)
    used, person_exit = _of_persons(cox.without(identified(design), changing), rows)
    chance = observed(rows)
    sets = [
        risk_sets(rows, person_exit, j + 1, chance=chance, ties=ties)
        for j in range(len(used.exits))
    ]
    remarks = [f"Ties after {ties.capitalize()}."]
    if changing:
        remarks.append(f"Changes within persons, left out: {', '.join(changing)}.")
    persons = Clusters(("person",), (np.arange(len(person_exit), dtype=np.int64),))
    fitted = proportional.fit("Fine-Gray", used, sets, remarks=remarks, errors=persons)
    return replace(fitted, unit="log-subdistribution hazard")


def observed(panel: pd.DataFrame) -> FloatArray:
    """Relative probability of being under observation at the start of each month.

    Parameters
    ----------
    panel : DataFrame
        As checked by :func:`hazard.data.contracts.check_panel`.

    Returns
    -------
    ndarray, shape (month,)
        Persons at risk per person who has not left: n(t) / S(t-).

    Raises
    ------
    DesignError
        If S(t-) is 0 in a month with persons at risk, who entered after everybody had left.

    Examples
    --------
    One of two is lost from sight after month 1, and half of those still there are seen in month 2.

    >>> panel = pd.DataFrame({"person": [0, 1, 1], "month": [1, 1, 2]})
    >>> panel["exit"] = pd.Categorical(["stay", "stay", "left"], ["stay", "left"])
    >>> observed(panel).tolist()
    [2.0, 1.0]
    """
    table = life_table.counts(panel)
    hazards = aalen_johansen.hazards(table["n_at_risk"], table["n_exits"])
    before = survival.survival(hazards).shift(month=1, fill_value=1.0).values
    at_risk = table["n_at_risk"].values
    if ((before <= 0) & (at_risk > 0)).any():
        raise DesignError(
            "panel must keep persons at risk until the last one enters, for weights of who left; "
            "everybody at risk leaves before. Leave out the first months, or the late entries."
        )
    return np.asarray(at_risk / np.where(before > 0, before, 1.0))


def risk_sets(
    rows: pd.DataFrame, person_exit: IntArray, exit_: int, *, chance: FloatArray, ties: Ties
) -> RiskSets:
    """Risk sets of the subdistribution of one exit, at the months in which somebody leaves by it.

    Parameters
    ----------
    rows : DataFrame
        Panel, sorted by person and month.
    person_exit : ndarray of int, shape (person,)
        Number of the exit of each person from 1, 0 for who stays.
    exit_ : int
        Number of the exit.
    chance : ndarray, shape (month,)
        Of :func:`observed`.
    ties : {"efron", "breslow"}
    """
    person = pd.factorize(rows["person"])[0]
    month = rows["month"].to_numpy(dtype=np.int64)
    ends = np.flatnonzero(np.append(person[1:] != person[:-1], True))
    leaving = np.flatnonzero(person_exit == exit_)
    months, exit_set = np.unique(month[ends][leaving], return_inverse=True)
    shape = (len(person_exit), len(months))
    in_risk_set = np.isin(month, months)
    others = np.flatnonzero((person_exit != 0) & (person_exit != exit_))
    before = month[ends][others]
    weight = (months > before[:, None]) * chance[months - 1] / chance[before - 1][:, None]
    retained, later = np.nonzero(weight)
    unit = np.concatenate([person[in_risk_set], others[retained]])
    time = np.concatenate([np.searchsorted(months, month[in_risk_set]), later])
    size = np.concatenate([np.ones(int(in_risk_set.sum())), weight[retained, later]])
    return RiskSets(
        weight=sparse.coo_array((size, (unit, time)), shape=shape).tocsr(),
        leaves=sparse.coo_array((np.ones(len(leaving)), (leaving, exit_set)), shape=shape).tocsr(),
        ties=ties,
    )


def _first(rows: pd.DataFrame) -> BoolArray:
    person = rows["person"].to_numpy()
    return np.append(True, person[1:] != person[:-1])


def _changing(design: Design, rows: pd.DataFrame) -> list[str]:
    """Blocks whose level is not the same in all rows of a person."""
    start = np.maximum.accumulate(np.where(_first(rows), np.arange(len(rows)), 0))
    changes = (design.index != design.index[start]).any(axis=0)
    return [
        block.name
        for block, differs in zip(design.blocks, changes, strict=True)
        if differs and block.kind not in cox.ABSORBED
    ]


def _of_persons(design: Design, rows: pd.DataFrame) -> tuple[Design, IntArray]:
    """Design with one row per person, and the exit of each."""
    first = _first(rows)
    last = np.append(first[1:], True)
    outcome = design.outcome[last]
    units = replace(
        design,
        index=np.ascontiguousarray(design.index[first]),
        outcome=outcome,
        weight=design.weight[first],
        row=design.row[first],
    )
    return units, outcome.astype(np.int64)
