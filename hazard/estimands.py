"""From posterior draws to quantities with a meaning: lag curves and cumulative incidences."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.design import Design
from hazard.errors import EstimandError, did_you_mean
from hazard.likelihood import table
from hazard.links import LINK_CODES, share_out
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.terms.block import FloatArray

_PARTS = 16  # persons are summed in a fixed number of parts: no sum depends on the cores


def coefficients(posterior: xr.Dataset, design: Design) -> xr.DataArray:
    """All coefficients of the linear predictor, in the order of the design.

    Returns
    -------
    DataArray, dims (chain, draw, coefficient, exit)
    """
    parts = [posterior["intercept"].expand_dims("coefficient", axis=2)]
    for block in design.blocks[1:]:
        part = _of_term(posterior, block.name)
        own = next(str(d) for d in part.dims if d not in ("chain", "draw", "exit"))
        parts.append(part.rename({own: "coefficient"}).drop_vars("coefficient", errors="ignore"))
    joined = xr.concat(parts, dim="coefficient")
    return joined.transpose("chain", "draw", "coefficient", "exit")


def lag_curves(posterior: xr.Dataset, spec: ModelSpec) -> xr.Dataset:
    """Coefficient of every lag of every lagged term, and their sum.

    Returns
    -------
    Dataset
        ``lag_coefficient`` (chain, draw, term, lag, exit), NaN for lags a term does not have, and
        ``cumulative_lag_effect`` (chain, draw, term, exit): the change in the linear predictor
        after one event in every one of the lags (of a rate per resident, an event of everybody).
        Leads (lags below 0) count only in a term that has nothing else.

    Raises
    ------
    EstimandError
        If the model has no lagged term.
    """
    if not spec.lagged:
        raise EstimandError("estimand 'lag_curve' must have a lagged term; the model has none.")
    curves, totals = [], []
    for term in spec.lagged:
        first, last = term.lags
        curve = _of_term(posterior, term.name).rename({f"{term.name}_level": "lag"})
        curve = curve.assign_coords(lag=np.arange(first, last + 1))
        after = curve.sel(lag=slice(max(first, 0), None)) if last >= 0 else curve
        curves.append(curve)
        totals.append(after.sum("lag", skipna=False))
    names = xr.DataArray([term.name for term in spec.lagged], dims="term", name="term")
    by_lag = xr.concat(curves, dim=names, join="outer")
    total = xr.concat(totals, dim=names)
    return xr.Dataset(
        {
            "lag_coefficient": by_lag.transpose("chain", "draw", "term", "lag", "exit"),
            "cumulative_lag_effect": total.transpose("chain", "draw", "term", "exit"),
        }
    )


def _of_term(posterior: xr.Dataset, name: str) -> xr.DataArray:
    """Coefficients of a term: ``beta``, or ``u`` where their scale is learned."""
    return posterior[f"beta_{name}" if f"beta_{name}" in posterior else f"u_{name}"]


def incidence(
    beta: xr.DataArray, design: Design, person: npt.ArrayLike, estimand: IncidenceEstimand
) -> xr.DataArray:
    """Cumulative incidence, averaged over the persons of the panel.

    Each person keeps the levels of the first row (centre, nationality, year, other exposures)
    while the months at risk advance. With a lagged term there are two arms: ``without`` any of its
    events, and ``with`` one event in month 1, which acts with lag l in month 1 + l.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        From :func:`coefficients`.
    design : Design
    person : array_like of int
        Person of each row of the panel; rows of a person are consecutive and ordered.
    estimand : IncidenceEstimand

    Returns
    -------
    DataArray, dims (chain, draw, arm, exit, month)
        Probability of having left through the exit by the end of the month.

    Raises
    ------
    EstimandError
        If the term is not in the design.

    Notes
    -----
    For every person i, F_j(t) = sum over s <= t of h_ij(s) S_i(s - 1); the result is the mean over
    persons: a standardised cumulative incidence.
    """
    names = [block.name for block in design.blocks]
    if estimand.term is not None and estimand.term not in names:
        raise EstimandError(
            f"estimand term must be one of {names}; got {estimand.term!r}."
            + did_you_mean(estimand.term, names)
        )
    moved = [
        b
        for b, block in enumerate(design.blocks)
        if block.kind == "baseline" or block.name == estimand.term
    ]
    profiles, weight = _profiles(design, np.asarray(person), moved)
    arms = ["observed"] if estimand.term is None else ["without", "with"]
    draws = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit")
    standardised = [
        _incidence(
            LINK_CODES[design.link],
            table(design.blocks, one),
            profiles,
            weight,
            np.exp(_paths(design, one, estimand)),
        )
        for one in draws.values
    ]
    by_sample = xr.DataArray(
        np.cumsum(standardised, axis=-1),
        dims=("sample", "arm", "exit", "month"),
        coords={
            "sample": draws["sample"],
            "arm": arms,
            "exit": list(design.exits),
            "month": np.arange(1, estimand.horizon_months + 1),
        },
        name="cumulative_incidence",
    )
    return by_sample.unstack("sample").transpose("chain", "draw", "arm", "exit", "month")


def _profiles(
    design: Design, person: npt.NDArray[np.int64], moved: list[int]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Distinct first rows with their number of persons; moved blocks are set aside (level -1)."""
    own = person[design.row]
    first = np.concatenate([[True], own[1:] != own[:-1]])
    offsets = np.concatenate([[0], np.cumsum([b.n_levels for b in design.blocks])[:-1]])
    levels = design.index[first].astype(np.int64) + offsets
    levels[:, moved] = -1
    kept = [b for b in range(levels.shape[1]) if b not in moved]
    distinct, count = np.unique(levels[:, kept], axis=0, return_counts=True)
    return np.ascontiguousarray(distinct), count / count.sum()


def _paths(design: Design, beta: FloatArray, estimand: IncidenceEstimand) -> FloatArray:
    """What month and arm add to the linear predictor, shape (arm, month, exit)."""
    horizon = estimand.horizon_months
    path = np.zeros((1 if estimand.term is None else 2, horizon, beta.shape[1]))
    for block in design.blocks:
        if block.kind == "baseline":
            starts = np.array([int(str(label).split("-")[0].rstrip("+")) for label in block.levels])
            level = np.searchsorted(starts, np.arange(1, horizon + 1), side="right") - 1
            path += (block.matrix() @ beta[design.span(block.name)])[level]
        if block.name == estimand.term:
            for lag, own in zip(block.coefficients, beta[design.span(block.name)], strict=True):
                if 0 <= lag < horizon:  # a lead acts before month 1
                    path[1, int(lag)] += own
    return path


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _add_exits(
    link: int, fixed: FloatArray, path: FloatArray, weight: float, out: FloatArray
) -> None:
    """Add what leaves in each month, of ``weight`` persons.

    ``fixed`` and ``path`` are exponentiated parts of the linear predictor: products of numbers
    that are there replace exponentials in the innermost loop.
    """
    n_arms, horizon, n_exits = path.shape
    leave = np.empty(n_exits)
    for arm in range(n_arms):
        there = weight
        for t in range(horizon):
            for j in range(n_exits):
                leave[j] = fixed[j] * path[arm, t, j]
            stay = share_out(link, leave, 1.0)
            for j in range(n_exits):
                out[arm, j, t] += there * leave[j]
            there *= stay


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _incidence(
    link: int,
    levels: FloatArray,
    profiles: npt.NDArray[np.int64],
    weight: FloatArray,
    path: FloatArray,
) -> FloatArray:
    """Mean probability of leaving in each month, shape (arm, exit, month)."""
    n_arms, horizon, n_exits = path.shape
    parts = np.zeros((_PARTS, n_arms, n_exits, horizon))
    for part in numba.prange(_PARTS):
        fixed = np.empty(n_exits)
        for i in range(part, profiles.shape[0], _PARTS):
            fixed[:] = 0.0
            for b in range(profiles.shape[1]):
                for j in range(n_exits):
                    fixed[j] += levels[profiles[i, b], j]
            for j in range(n_exits):
                fixed[j] = math.exp(fixed[j])
            _add_exits(link, fixed, path, weight[i], parts[part])
    return parts.sum(axis=0)
