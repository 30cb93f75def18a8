"""Risks of persons, not of paths, and what a change of risks costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import IntArray
from hazard.data.contracts import numeric, violation
from hazard.errors import EstimandError, did_you_mean
from hazard.estimands.displacement import per_forced_return
from hazard.estimands.g_formula import EVERYBODY
from hazard.spec import CostsSpec

PERSONS = "persons in a row"
"""Grouping of the paths by their number of persons; no column of a panel can be called so."""


@dataclass(frozen=True, eq=False)
class PersonRisks:
    """Risks averaged over persons, each of whom leaves as the path that the person is on.

    Attributes
    ----------
    risks : Dataset
        As of :func:`hazard.estimands.g_formula.standardise`.
    persons_per_path : float
        Mean number of persons on a path.
    """

    risks: xr.Dataset
    persons_per_path: float


def persons_of(rows: pd.DataFrame, costs: CostsSpec | None) -> dict[str, IntArray]:
    """Number of persons in every row, where costs name the column that holds it.

    Parameters
    ----------
    rows : DataFrame
        Rows of a panel.
    costs : CostsSpec or None

    Returns
    -------
    dict of str to ndarray of int64, shape (row,)
        Under :data:`PERSONS`; empty where costs state a number, or there are none.

    Raises
    ------
    EstimandError
        If the column is not there, or holds anything but whole numbers of at least 1.

    Examples
    --------
    >>> rows = pd.DataFrame({"family_size": [1, 3]})
    >>> {name: size.tolist() for name, size in persons_of(rows, CostsSpec(persons="family_size"))
    ...  .items()}
    {'persons in a row': [1, 3]}
    >>> persons_of(rows, CostsSpec(persons=1.35))
    {}
    """
    if costs is None or not isinstance(costs.persons, str):
        return {}
    name = costs.persons
    if name not in rows:
        raise EstimandError(
            f"persons of costs must be a number or a column of the panel; got {name!r}."
            f"{did_you_mean(name, rows.columns)} Name the column with the number of persons in a "
            "row, or state their mean."
        )
    rule = f"panel column {name!r}, the persons of costs, must hold whole numbers of at least 1"
    cure = "Name another column, or state the mean."
    if not numeric(rows[name]):
        raise EstimandError(f"{rule}; got the type {rows[name].dtype}. {cure}")
    size = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
    invalid = ~(np.isfinite(size) & (size >= 1) & (size == np.floor(size)))
    if broken := violation(rule, invalid, got="others", cure=cure):
        raise EstimandError(*broken)
    return {PERSONS: size.astype(np.int64)}


def over_persons(by_size: xr.Dataset) -> PersonRisks:
    """Risks averaged over persons, from those averaged over the paths of every size.

    Parameters
    ----------
    by_size : Dataset
        The grouping :data:`PERSONS` of :func:`hazard.estimands.g_formula.standardise_by`, with the
        number of paths of each size as ``n_persons``.

    Returns
    -------
    PersonRisks

    Notes
    -----
    With F_s the mean risk of the n_s paths of s persons, F = sum_s s n_s F_s / sum_s s n_s: every
    path counts with its persons, exactly. The mean size times a difference of F is then the mean
    over paths of their size times their difference.

    Examples
    --------
    One family of one person leaves with probability 0.5, one of three with 0.25.

    >>> coords = {PERSONS: [1, 3], "month": [1]}
    >>> survival = xr.DataArray([[0.5], [0.75]], coords, (PERSONS, "month"))
    >>> by_size = xr.Dataset({"survival": survival, "n_persons": (PERSONS, [1, 1])})
    >>> over_persons(by_size).risks["survival"].item(), over_persons(by_size).persons_per_path
    (0.6875, 2.0)
    """
    paths = by_size["n_persons"]
    persons = paths * by_size[PERSONS]
    risks = by_size.drop_vars("n_persons")
    weighted = (risks * (persons / persons.sum())).sum(PERSONS, skipna=False)
    return PersonRisks(weighted, float(persons.sum() / paths.sum()))


def person_risks(costs: CostsSpec | None, risks: Mapping[str, xr.Dataset]) -> PersonRisks | None:
    """Risks of the persons whom costs are counted for.

    Parameters
    ----------
    costs : CostsSpec or None
    risks : mapping of str to Dataset
        Standardised risks of everybody, and by the grouping of :func:`persons_of`.

    Returns
    -------
    PersonRisks or None
        None without costs. Where costs state a number of persons, all paths have so many.
    """
    if costs is None:
        return None
    if isinstance(costs.persons, str):
        return over_persons(risks[PERSONS])
    return PersonRisks(risks[EVERYBODY], costs.persons)


def change_of_costs(
    costs: CostsSpec, person_risks: PersonRisks, residents: float, *, arms: tuple[str, str]
) -> xr.DataArray:
    """Change of the costs of all families around an event, the event itself not included.

    Parameters
    ----------
    costs : CostsSpec
    person_risks : PersonRisks
        Its horizon is the last month.
    residents : float
        Number of families around the event.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    DataArray, dims (...)
        In the currency of the costs and the prices in which they are expressed; negative where
        costs fall.

    Notes
    -----
    n m (sum_j c_j (F_j(H; with) - F_j(H; without)) + c (L(with) - L(without))), with n the
    residents, m the persons of a path, F_j and L the incidence and the expected months of stay of a
    person within the horizon H, c_j the cost of leaving through exit j and c that of a month: the
    residents have the sizes of the paths, and react as these do. What comes after the horizon is
    left out, and nothing is discounted.

    Examples
    --------
    Two families of one person each. One in four more leaves in month 1, at 10 each; it is not
    there in months 2 and 3, at 4 each: 2 x 0.25 x (10 - 2 x 4).

    >>> arms = {"arm": ["with", "without"]}
    >>> gone = xr.DataArray([[[0.25] * 3], [[0.0] * 3]], {**arms, "exit": ["left"],
    ...                     "month": [1, 2, 3]}, ("arm", "exit", "month"))
    >>> risks = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
    >>> cost = {"year": 2020, "source": "an example only"}
    >>> costs = CostsSpec(month={"value": 4, **cost}, exits={"left": {"value": 10, **cost}})
    >>> change_of_costs(costs, PersonRisks(risks, 1.0), 2, arms=("with", "without")).item()
    1.0
    """
    changes = per_forced_return(
        person_risks.risks, residents * person_risks.persons_per_path, arms=arms
    )
    extra_exits, saved_months = (
        changes["extra_exits"].isel(month=-1, drop=True),
        changes["saved_months"],
    )
    names = [str(name) for name in extra_exits["exit"].values]
    prices = [costs.price(costs.exits[name]) if name in costs.exits else 0.0 for name in names]
    by_exit = xr.DataArray(prices, {"exit": names}, ("exit",))
    month = 0.0 if costs.month is None else costs.price(costs.month)
    change: xr.DataArray = (extra_exits * by_exit).sum("exit", skipna=False) - month * saved_months
    return change.transpose(*saved_months.dims)
