"""From posterior draws to quantities with a meaning: lag curves and cumulative incidences."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.design import Design
from hazard.errors import EstimandError, did_you_mean
from hazard.likelihood import table
from hazard.links import LINK_CODES, exit_probabilities
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.terms.block import FloatArray

_BASELINE = "month"


def coefficients(posterior: xr.Dataset, design: Design) -> xr.DataArray:
    """All coefficients of the linear predictor, in the order of the design.

    Returns
    -------
    DataArray, dims (chain, draw, coefficient, exit)
    """
    parts = [posterior["intercept"].expand_dims("coefficient", axis=2)]
    for block in design.blocks[1:]:
        prefix = "beta" if f"beta_{block.name}" in posterior else "u"
        part = posterior[f"{prefix}_{block.name}"]
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
        after one event in every one of the lags.

    Raises
    ------
    EstimandError
        If the model has no lagged term.
    """
    if not spec.lagged:
        raise EstimandError("estimand 'lag_curve' must have a lagged term; the model has none.")
    curves = []
    for term in spec.lagged:
        curve = posterior[f"beta_{term.name}"].rename({f"{term.name}_level": "lag"})
        curves.append(curve.assign_coords(lag=np.arange(term.lags[0], term.lags[1] + 1)))
    names = xr.DataArray([term.name for term in spec.lagged], dims="term", name="term")
    by_lag = xr.concat(curves, dim=names, join="outer")
    by_lag = by_lag.transpose("chain", "draw", "term", "lag", "exit")
    return xr.Dataset(
        {"lag_coefficient": by_lag, "cumulative_lag_effect": by_lag.sum("lag", skipna=True)}
    )


def incidence(
    beta: xr.DataArray, design: Design, person: Sequence[int], estimand: IncidenceEstimand
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
    person : sequence of int, length row
        Person of each row of the design; rows of a person are consecutive and ordered.
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
    moved = [b for b, name in enumerate(names) if name in (_BASELINE, estimand.term)]
    profiles, weight = _profiles(design, np.asarray(person), moved)
    arms = ["observed"] if estimand.term is None else ["without", "with"]
    draws = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit")
    out = _standardised(design, draws.values, profiles, weight, estimand)
    result = xr.DataArray(
        out,
        dims=("sample", "arm", "exit", "month"),
        coords={
            "sample": draws["sample"],
            "arm": arms,
            "exit": list(design.exits),
            "month": np.arange(1, estimand.horizon_months + 1),
        },
        name="cumulative_incidence",
    )
    return result.unstack("sample").transpose("chain", "draw", "arm", "exit", "month")


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


def _standardised(
    design: Design,
    draws: FloatArray,
    profiles: npt.NDArray[np.int64],
    weight: FloatArray,
    estimand: IncidenceEstimand,
) -> FloatArray:
    n_arms = 1 if estimand.term is None else 2
    shape = (n_arms, len(design.exits), estimand.horizon_months)
    out = np.empty((len(draws), *shape))
    for s, beta in enumerate(draws):
        levels = table(design.blocks, beta)
        path = _paths(design, beta, estimand)
        _incidence(LINK_CODES[design.link], levels, profiles, weight, path, out[s])
    return out


def _paths(design: Design, beta: FloatArray, estimand: IncidenceEstimand) -> FloatArray:
    """What month and arm add to the linear predictor, shape (arm, month, exit)."""
    horizon = estimand.horizon_months
    path = np.zeros((1 if estimand.term is None else 2, horizon, beta.shape[1]))
    for block in design.blocks:
        if block.name == _BASELINE:
            starts = np.array([int(str(label).split("-")[0].rstrip("+")) for label in block.levels])
            level = np.searchsorted(starts, np.arange(1, horizon + 1), side="right") - 1
            path += (block.matrix() @ beta[design.span(_BASELINE)])[level]
        if block.name == estimand.term:
            for lag, own in zip(block.coefficients, beta[design.span(block.name)], strict=True):
                if lag < horizon:
                    path[1, int(lag)] += own
    return path


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _incidence(
    link: int,
    levels: FloatArray,
    profiles: npt.NDArray[np.int64],
    weight: FloatArray,
    path: FloatArray,
    out: FloatArray,
) -> None:
    n_arms, horizon, n_exits = path.shape
    n_profiles = profiles.shape[0]
    n_parts = 16  # a fixed number, so that sums do not depend on the number of cores
    parts = np.zeros((n_parts, n_arms, n_exits, horizon))
    for part in numba.prange(n_parts):
        fixed, eta, leave = np.empty(n_exits), np.empty(n_exits), np.empty(n_exits)
        for i in range(part, n_profiles, n_parts):
            fixed[:] = 0.0
            for b in range(profiles.shape[1]):
                for j in range(n_exits):
                    fixed[j] += levels[profiles[i, b], j]
            for arm in range(n_arms):
                there = weight[i]
                for t in range(horizon):
                    for j in range(n_exits):
                        eta[j] = fixed[j] + path[arm, t, j]
                    stay = exit_probabilities(link, eta, leave)
                    for j in range(n_exits):
                        parts[part, arm, j, t] += there * leave[j]
                    there *= stay
    for arm in range(n_arms):
        for j in range(n_exits):
            total = 0.0
            for t in range(horizon):
                for part in range(n_parts):
                    total += parts[part, arm, j, t]
                out[arm, j, t] = total
