"""From posterior draws to quantities with a meaning: lag curves and cumulative incidences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.arrays import FloatArray
from hazard.compiled import compiled, compiled_in_parallel
from hazard.errors import EstimandError, did_you_mean
from hazard.inference import new_levels
from hazard.model import naming
from hazard.model.design import Design
from hazard.model.likelihood import table
from hazard.model.links import share_out
from hazard.model.terms.baseline import level_of_month
from hazard.model.terms.block import Block
from hazard.model.terms.lagged import window_of_lag
from hazard.spec import IncidenceEstimand, LaggedTerm, ModelSpec, term_names
from hazard.spec.links import LINKS

_PARTS = 16  # persons are summed in a fixed number of parts: no sum depends on the cores


class _Profiles(NamedTuple):
    """Distinct first rows of persons, as positions in the stacked table, and their shares."""

    levels: npt.NDArray[np.int64]
    share: FloatArray


def coefficients(
    posterior: xr.Dataset, design: Design, rng: np.random.Generator | None = None
) -> xr.DataArray:
    """All coefficients of the linear predictor, in the order of the design.

    Parameters
    ----------
    posterior : Dataset
    design : Design
        That of the posterior, or one of :func:`hazard.model.design.apply`, whose new levels get
        effects from :func:`hazard.inference.new_levels.draw`.
    rng : Generator, optional
        Needed where there are new levels.

    Returns
    -------
    DataArray, dims (chain, draw, coefficient, exit)

    Raises
    ------
    EstimandError
        If the draws are of another design, or the design has new levels and there is no generator
        or no distribution of theirs.
    """
    parts = [posterior["intercept"].expand_dims("coefficient", axis=2)]
    for block in design.blocks[1:]:
        part = naming.term(posterior, block.name)
        level_dim = next(str(d) for d in part.dims if d not in ("chain", "draw", "exit"))
        labels, known = [str(label) for label in block.coefficients], part.sizes[level_dim]
        if (
            level_dim in part.coords
            and part[level_dim].astype(str).values.tolist() != labels[:known]
        ):
            raise EstimandError(
                f"draws of term {block.name!r} must have the levels of the design; got others. Use "
                "the design that was sampled, or one applied from it."
            )
        new = labels[known:]
        if new:
            unseen = new_levels.draw(posterior, block.name, block.prior, new, rng)
            part = xr.concat(
                [part, unseen.rename({naming.level(block.name): level_dim})], dim=level_dim
            )
        parts.append(
            part.rename({level_dim: "coefficient"}).drop_vars("coefficient", errors="ignore")
        )
    joined = xr.concat(parts, dim="coefficient")
    return joined.transpose("chain", "draw", "coefficient", "exit")


def lag_curves(posterior: xr.Dataset, spec: ModelSpec) -> xr.Dataset:
    """Coefficient of every lag of every lagged term, and their sum.

    Returns
    -------
    Dataset
        ``lag_coefficient`` (chain, draw, term, lag, exit), NaN for lags a term does not have, and
        ``cumulative_lag_effect`` (chain, draw, term, exit): what one event adds to the linear
        predictor, summed over the months in which it acts (of a rate per resident, an event of
        everybody). Without windows it is also the change after one event in every one of the lags.
        Leads (lags below 0) count only in a term that has nothing else.

    Raises
    ------
    EstimandError
        If the model has no lagged term.
    """
    if not spec.lagged:
        raise EstimandError("estimand 'lag_curve' must have a lagged term; the model has none.")
    curves = [lag_curve(posterior, term) for term in spec.lagged]
    totals = [cumulative_lag_effect(curve) for curve in curves]
    names = xr.DataArray([term.name for term in spec.lagged], dims="term", name="term")
    by_lag = xr.concat(curves, dim=names, join="outer")
    total = xr.concat(totals, dim=names)
    return xr.Dataset(
        {
            "lag_coefficient": by_lag.transpose("chain", "draw", "term", "lag", "exit"),
            "cumulative_lag_effect": total.transpose("chain", "draw", "term", "exit"),
        }
    )


def lag_curve(posterior: xr.Dataset, term: LaggedTerm) -> xr.DataArray:
    """What one event adds at every lag of one term, with the dimension ``lag``.

    It is the coefficient of the lag, or of the window that holds it.
    """
    curve = naming.term(posterior, term.name).rename({naming.level(term.name): "lag"})
    return curve.isel(lag=window_of_lag(term)).assign_coords(lag=np.array(term.every_lag))


def cumulative_lag_effect(curve: xr.DataArray) -> xr.DataArray:
    """Sum over lags, without the leads unless there is nothing else.

    Examples
    --------
    >>> curve = xr.DataArray([5.0, 1.0, 2.0], {"lag": [-1, 0, 1]}, ("lag",))
    >>> cumulative_lag_effect(curve).item()
    3.0
    """
    after = curve.sel(lag=slice(0, None)) if int(curve["lag"][-1]) >= 0 else curve
    return after.sum("lag", skipna=False)


def incidence(
    beta: xr.DataArray, design: Design, person: npt.ArrayLike, estimand: IncidenceEstimand
) -> xr.DataArray:
    """Cumulative incidence, averaged over the persons of the panel.

    Each person keeps the levels of the first row (centre, nationality, year, other exposures)
    while the months at risk advance. With a lagged term there are two arms: ``without`` any of its
    events, and ``with`` one event in month 1, which acts with lag l in month 1 + l, also by the
    term that tells what it does besides to those at risk. Where the estimand is of a sustained
    exposure they are ``never`` and ``always``: an event in every month from month 1 on, so that lag
    l acts in all months from 1 + l on.

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
        If the term is not in the design, or two terms of its event have own curves of a group.

    Notes
    -----
    For every person i, F_j(t) = sum over s <= t of h_ij(s) S_i(s - 1); the result is the mean over
    persons: a standardised cumulative incidence.
    """
    code = LINKS[design.link].code

    def leaving(levels: FloatArray, profiles: _Profiles, path: FloatArray) -> FloatArray:
        return np.asarray(_incidence(code, levels, *profiles, np.exp(path)))

    return _standardised(beta, design, np.asarray(person), estimand, leaving)


def linear_incidence(
    beta: xr.DataArray, design: Design, person: npt.ArrayLike, estimand: IncidenceEstimand
) -> xr.DataArray:
    """As :func:`incidence`, where the linear predictor is itself the probability.

    Parameters
    ----------
    beta : DataArray, dims (chain, draw, coefficient, exit)
        Of a linear probability model.
    design : Design
    person : array_like of int
    estimand : IncidenceEstimand

    Returns
    -------
    DataArray, dims (chain, draw, arm, exit, month)
        Like the probabilities of a straight line it may leave [0, 1]; nothing is clipped.

    Raises
    ------
    EstimandError
        If the term is not in the design, or two terms of its event have own curves of a group.
    """
    return _standardised(beta, design, np.asarray(person), estimand, _linear_incidence)


def _standardised(
    beta: xr.DataArray,
    design: Design,
    person: npt.NDArray[np.int64],
    estimand: IncidenceEstimand,
    leaving: Callable[[FloatArray, _Profiles, FloatArray], FloatArray],
) -> xr.DataArray:
    """Cumulative sums of what ``leaving`` says of the months, draw by draw."""
    names = [block.name for block in design.blocks]
    if estimand.term is not None and estimand.term not in names:
        raise EstimandError(
            f"estimand term must be one of {names}; got {estimand.term!r}."
            + did_you_mean(estimand.term, names)
        )
    acting = _acting(estimand)
    varying = [
        b
        for b, block in enumerate(design.blocks)
        if block.kind == "baseline" or {block.name, block.common_block} & acting
    ]
    if sum(design.blocks[b].owner is not None for b in varying) > 1:
        raise EstimandError(
            f"terms of the event {estimand.term!r} must have own curves of a group once at most; "
            "got two. Take an estimand of kind g_formula."
        )
    profiles = _profiles(design, person, varying)
    draws = beta.stack(sample=("chain", "draw")).transpose("sample", "coefficient", "exit")
    standardised = [
        leaving(table(design.blocks, draw), profiles, _paths(design, draw, estimand))
        for draw in draws.values
    ]
    by_sample = xr.DataArray(
        np.cumsum(standardised, axis=-1),
        dims=("sample", "arm", "exit", "month"),
        coords={
            "sample": draws["sample"],
            "arm": list(estimand.arms),
            "exit": list(design.exits),
            "month": np.arange(1, estimand.horizon_months + 1),
        },
        name="cumulative_incidence",
    )
    return by_sample.unstack("sample").transpose("chain", "draw", "arm", "exit", "month")


def _acting(estimand: IncidenceEstimand) -> set[str | None]:
    """Terms by which the event acts: its own, and what it does besides to those at risk then."""
    return set() if estimand.term is None else set(term_names(estimand.term))


def _profiles(design: Design, person: npt.NDArray[np.int64], varying: list[int]) -> _Profiles:
    """Distinct first rows with their number of persons.

    Blocks that vary along the path are set aside. The last column is the lag curve that the person
    has: the place of an own one, or the last place for the common one (see :func:`_paths`).
    """
    person_of_row = person[design.row]
    first = np.concatenate([[True], person_of_row[1:] != person_of_row[:-1]])
    offsets = np.concatenate([[0], np.cumsum([b.n_levels for b in design.blocks])[:-1]])
    levels = design.index[first].astype(np.int64) + offsets
    curve = np.zeros(len(levels), dtype=np.int64)
    for b in varying:
        block = design.blocks[b]
        if block.owner is not None:
            curve = block.owner[design.index[first, b]] % (block.copies + 1)
    fixed = [b for b in range(levels.shape[1]) if b not in varying]
    distinct, count = np.unique(
        np.column_stack([levels[:, fixed], curve]), axis=0, return_counts=True
    )
    return _Profiles(np.ascontiguousarray(distinct), count / count.sum())


def _paths(design: Design, beta: FloatArray, estimand: IncidenceEstimand) -> FloatArray:
    """What month and arm add to the linear predictor, shape (curve, arm, month, exit).

    There is one lag curve, or one for each level that has its own and then the common one.
    """
    horizon, n_exits = estimand.horizon_months, beta.shape[1]
    sustained = estimand.exposure == "sustained"
    common = np.zeros((len(estimand.arms), horizon, n_exits))
    varying, acting = np.zeros((1, len(common), horizon, n_exits)), _acting(estimand)
    for block in design.blocks:
        part = beta[design.span(block.name)]
        if block.kind == "baseline":
            common += (block.matrix() @ part)[level_of_month(block, np.arange(1, horizon + 1))]
        elif block.name in acting:
            common += _acts(block, part, horizon, sustained=sustained)
        elif block.common_block in acting:
            curves = part.reshape(block.copies, -1, n_exits)
            varying = np.zeros((block.copies + 1, *common.shape))
            for curve, effect in enumerate(curves):
                varying[curve] = _acts(block, effect, horizon, sustained=sustained)
    return common + varying


def _acts(block: Block, effect: FloatArray, horizon: int, *, sustained: bool) -> FloatArray:
    """What no event and an event add, shape (arm, month, exit).

    Events act with lag l in month 1 + l, and where they go on in all months after it as well; a
    lead acts before month 1. The effect of a window is that of each of its lags: one event lies in
    it at all of them, and several make no more of it. No event is a value of 0, which a block with
    a centre is away from.
    """
    out = np.zeros((2, horizon, effect.shape[1]))
    for (first, last), coefficient in zip(block.windows(), effect, strict=True):
        out -= block.centre * coefficient
        end = horizon if sustained else max(last + 1, 0)
        out[1, max(first, 0) : end] += coefficient
    return out


@compiled
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
        survival = weight
        for t in range(horizon):
            for j in range(n_exits):
                leave[j] = fixed[j] * path[arm, t, j]
            stay = share_out(link, leave, 1.0)
            for j in range(n_exits):
                out[arm, j, t] += survival * leave[j]
            survival *= stay


@compiled_in_parallel
def _incidence(
    link: int,
    levels: FloatArray,
    profiles: npt.NDArray[np.int64],
    weight: FloatArray,
    path: FloatArray,
) -> FloatArray:
    """Mean probability of leaving in each month, shape (arm, exit, month)."""
    _, n_arms, horizon, n_exits = path.shape
    parts = np.zeros((_PARTS, n_arms, n_exits, horizon))
    for part in numba.prange(_PARTS):
        fixed = np.empty(n_exits)
        for i in range(part, profiles.shape[0], _PARTS):
            fixed[:] = 0.0
            for b in range(profiles.shape[1] - 1):
                for j in range(n_exits):
                    fixed[j] += levels[profiles[i, b], j]
            for j in range(n_exits):
                fixed[j] = math.exp(fixed[j])
            _add_exits(link, fixed, path[profiles[i, -1]], weight[i], parts[part])
    return parts.sum(axis=0)


def _linear_incidence(levels: FloatArray, profiles: _Profiles, path: FloatArray) -> FloatArray:
    """Mean probability of leaving in each month, shape (arm, exit, month)."""
    fixed = levels[profiles.levels[:, :-1]].sum(axis=1)
    acting = path[profiles.levels[:, -1]]
    survival = np.repeat(profiles.share[:, None], path.shape[1], axis=1)
    out = np.empty((path.shape[1], path.shape[3], path.shape[2]))
    for month in range(path.shape[2]):
        leave = fixed[:, None] + acting[:, :, month]
        out[:, :, month] = np.einsum("pa,pae->ae", survival, leave)
        survival *= 1.0 - leave.sum(axis=2)
    return out
