"""The multinomial logit (or cause-specific cloglog) model by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from hazard.arrays import BoolArray, FloatArray, IntArray
from hazard.baselines import jackknife, robust, separation
from hazard.baselines.columns import independent_columns, inverse
from hazard.baselines.fit import AT_INFINITY, BaselineFit, errors_of, spread_out
from hazard.baselines.partial_likelihood import columns
from hazard.baselines.remarks import (
    by_one_cluster,
    coefficient_labels,
    named,
    not_identified,
    reference_curves,
    undefined,
)
from hazard.baselines.robust import Clusters, Errors
from hazard.errors import ConvergenceError
from hazard.inference.newton import Mode, Penalty, inverse_factor, newton
from hazard.model.design import Design
from hazard.model.equivalent import coefficient_counts, collapsed, identified
from hazard.model.kernels import curvatures
from hazard.model.likelihood import (
    Rows,
    information,
    linear_predictor,
    rows,
    scores,
    table,
    value_and_gradient,
)
from hazard.spec.links import LINKS

Kind = Errors | Literal["information"]

_STILL_MOVING = 0.01


def fit(design: Design, *, errors: Kind = "information") -> BaselineFit:
    """Log-odds of each exit against staying, by maximum likelihood.

    Parameters
    ----------
    design : Design
        Group terms become dummies relative to their largest level, and lag curves that vary by a
        group interactions.
    errors : {"information", "rows"} or Clusters
        From the information, as published; from the sandwich of independent rows; or from leaving
        out groups of rows (of :func:`hazard.baselines.robust.clusters`).

    Returns
    -------
    BaselineFit
        Log-odds (softmax) or log-hazard (cloglog); :meth:`BaselineFit.ratios` exponentiates them.

    Raises
    ------
    ConvergenceError
        If the likelihood rises without end, and its limit could not be found; the coefficients are
        named.

    Notes
    -----
    Where no exit j occurs among the rows of a dummy, the likelihood rises without end as its
    coefficient goes to minus infinity (separation). In that limit these rows can no longer leave
    through j; the other coefficients are the maximum of the likelihood with j impossible there.
    Such coefficients are held at the limit, reported as minus infinity, and named; so are, at
    infinity, those of dummies among whose rows everybody leaves in one way. Columns that are
    collinear among the remaining rows of that exit are left out of it, and named. Where only
    several columns together separate an exit, Newton steps do not become shorter while the
    likelihood no longer rises; such coefficients are reported as infinite, in the direction of
    the step, and named.
    Where the steps do not settle, a linear program finds the rows that are separated
    (:func:`hazard.baselines.separation.recession`), and the maximum is that of the others.

    With the information H and scores s the sandwich of rows is H^-1 (sum of s s') H^-1; no factor
    counts the coefficients (see :func:`hazard.baselines.robust.small_sample`). Errors of clusters
    are those of the linearised cluster jackknife (:func:`hazard.baselines.jackknife.covariance`);
    a coefficient that cannot be estimated without one of the clusters has none.

    References
    ----------
    .. [1] Albert and Anderson (1984), On the existence of maximum likelihood estimates in logistic
       regression models, Biometrika 71(1).
    """
    return fit_each(design, [errors])[0]


def fit_each(design: Design, kinds: Sequence[Kind]) -> list[BaselineFit]:
    """As :func:`fit`, with the same estimates under several kinds of errors.

    Parameters
    ----------
    design : Design
    kinds : sequence of {"information", "rows"} or Clusters

    Returns
    -------
    list of BaselineFit
        One per kind of errors, in their order.
    """
    solution = _optimum(design)
    labels = coefficient_labels(solution.plain)
    remarks = _remarks(solution, labels) + reference_curves(design, solution.plain)
    infinite = solution.separated | (solution.runaway != 0)
    fits = []
    for errors in kinds:
        among_free, alone_among_free = _covariance(solution, errors)
        covariance = spread_out(among_free, solution.free)
        covariance[infinite], covariance[:, :, infinite] = np.nan, np.nan  # infinite: no error
        error = errors_of(covariance, ways=robust.ways(errors))
        alone = np.zeros_like(solution.free)
        alone[solution.free] = alone_among_free
        alone &= ~infinite
        negative = solution.free & ~infinite & ~alone & np.isnan(error)
        fits.append(
            BaselineFit(
                estimator="multinomial logit",
                unit=LINKS[design.link].unit,
                exits=design.exits,
                terms=labels,
                estimate=_reported(solution),
                standard_error=error,
                remarks=(
                    *remarks,
                    *by_one_cluster(solution.plain, alone.any(axis=1)),
                    *undefined(labels, negative.any(axis=1)),
                ),
                errors=_named(errors),
                freedom=np.inf if errors == "information" else robust.freedom(errors),
                log_likelihood=solution.value,
                covariance=covariance,
            )
        )
    return fits


@dataclass(frozen=True)
class _Optimum:
    """The maximum, and which coefficients it has; arrays have shape (coefficient, exit).

    ``runaway`` is the sign of what is infinite together with others, else 0; ``cholesky`` the lower
    factor of the information in the free coefficients.
    """

    full: Design
    plain: Design
    beta: FloatArray
    value: float
    cholesky: FloatArray
    keep: BoolArray
    known: BoolArray
    collinear: BoolArray
    separated: BoolArray
    free: BoolArray
    runaway: FloatArray


def _optimum(design: Design) -> _Optimum:
    plain = identified(collapsed(design))
    data = rows(plain)
    keep = independent_columns(data)
    counts = np.bincount(data.outcome, data.weight, data.n_exits + 1)
    known = np.repeat(keep[:, None], data.n_exits, axis=1)
    known[1:, counts[1:] == 0] = False  # of an exit that never occurs only the level is known
    never, certain = _separated(plain)
    separated, certain = never & known, certain & known
    collinear = _collinear(data, known, separated, certain)
    known &= ~collinear
    free = known & ~separated & ~certain
    start = np.zeros(free.shape)
    start[0] = np.log(np.maximum(counts[1:], 0.5) / max(counts[0], 0.5))
    start[separated], start[certain] = -AT_INFINITY, AT_INFINITY
    flat = Penalty(np.zeros((*start.shape, data.n_exits)), np.zeros_like(start))
    solution = _Optimum(
        full=design,
        plain=plain,
        beta=start,
        value=np.nan,
        cholesky=np.zeros((0, 0)),
        keep=keep,
        known=known,
        collinear=collinear,
        separated=separated,
        free=free,
        runaway=(certain & known).astype(np.float64),
    )
    try:
        return _at_mode(solution, data, newton(data, start, flat, free=free))
    except ConvergenceError:
        return _in_limit(solution, data, flat)


def _at_mode(solution: _Optimum, data: Rows, mode: Mode) -> _Optimum:
    """The maximum that Newton steps came to rest at."""
    direction = _direction(data, mode, solution.free)
    reach = np.concatenate([block.reach() for block in data.blocks])
    runaway = np.abs(direction) * reach[:, None] > _STILL_MOVING
    return replace(
        solution,
        beta=mode.beta + np.where(runaway, 0.0, direction),  # at hand: only rounding is left
        value=mode.value,
        cholesky=mode.cholesky,
        runaway=np.where(runaway, np.sign(direction), solution.runaway),
    )


def _in_limit(solution: _Optimum, data: Rows, flat: Penalty) -> _Optimum:
    """The maximum of the rows that say something however far the infinite coefficients are.

    Raises
    ------
    ConvergenceError
        If no row is separated, or a row is separated from some of its other outcomes only.
    """
    row, won = _comparisons(data, solution.known)
    recession = separation.recession(won, sparse.csr_array((0, won.shape[1])))
    n_won = np.bincount(row, recession.strict, len(data.outcome))
    if not n_won.any() or ((n_won > 0) & (n_won < data.n_exits)).any():
        direction_of_rise = np.zeros(solution.known.shape)
        direction_of_rise[solution.known] = recession.direction
        raise ConvergenceError(_no_maximum(solution, direction_of_rise))
    open_ = n_won == 0
    undecided = replace(
        data, index=data.index[open_], outcome=data.outcome[open_], weight=data.weight[open_]
    )
    free = np.zeros_like(solution.known)
    for j in range(data.n_exits):
        free[:, j] = solution.known[:, j] & independent_columns(
            undecided, among=solution.known[:, j]
        )
    start = np.zeros(free.shape)
    mode = Mode(start, 0.0, np.zeros((0, 0)), 0.0)
    if free.any():
        mode = newton(undecided, start, flat, free=free)
    unidentified = solution.known.copy()
    unidentified[solution.known] = ~separation.finite(
        _scaled_information(undecided, mode.beta, solution.known)
    )
    direction = np.zeros(free.shape)
    direction[solution.known] = recession.direction
    slack = (won @ recession.direction)[recession.strict]
    return replace(
        solution,
        beta=mode.beta + direction * (AT_INFINITY / slack.min()),  # the rows that are sure say so
        value=mode.value,
        cholesky=mode.cholesky,
        separated=np.zeros_like(unidentified),
        free=free,
        runaway=np.where(unidentified, np.where(direction == 0, np.nan, np.sign(direction)), 0.0),
    )


def _comparisons(data: Rows, known: BoolArray) -> tuple[IntArray, Any]:
    """Row of each comparison of its outcome with another, and its covariates, by coefficient."""
    matrix = columns(data)
    parts, row_parts = [], []
    effect = np.eye(data.n_exits + 1)[:, 1:]
    for other in range(data.n_exits + 1):
        row = np.flatnonzero(data.outcome != other)
        sign = effect[data.outcome[row]] - effect[other]
        by_exit = [sparse.diags_array(sign[:, j]) @ matrix[row] for j in range(data.n_exits)]
        parts.append(sparse.hstack(by_exit, format="csr"))
        row_parts.append(row)
    order = np.arange(known.size).reshape(known.T.shape).T[known]
    return np.concatenate(row_parts), sparse.vstack(parts, format="csr")[:, order]


def _scaled_information(data: Rows, beta: FloatArray, known: BoolArray) -> FloatArray:
    """Information in the coefficients known, of columns of a similar size."""
    flat = known.ravel()
    full = information(data, beta).reshape(flat.size, flat.size)[np.ix_(flat, flat)]
    reach = np.repeat([b for block in data.blocks for b in block.reach()], known.shape[1])[flat]
    size = np.where(reach > 0, reach, 1.0)
    return np.asarray(full / np.outer(size, size))


def _no_maximum(solution: _Optimum, direction_of_rise: FloatArray) -> str:
    """Sentence that names what makes the likelihood rise without end."""
    labels = coefficient_labels(solution.plain)
    names = [
        f"'{name}' by {named(labels, direction_of_rise[:, j] != 0)}"
        for j, name in enumerate(solution.plain.exits)
        if (direction_of_rise[:, j] != 0).any()
    ]
    if not names:
        return (
            "Newton steps must find the maximum of the likelihood; they did not, as where a value "
            "of a column lies very far from the others. Look for such values."
        )
    return (
        "likelihood must have a maximum; it rises without end, since exits are separated: "
        f"{'; '.join(names)}. Leave out a term."
    )


def _separated(design: Design) -> tuple[BoolArray, BoolArray]:
    """Coefficients of dummies and counts among whose rows an exit never occurs, or always."""
    one_signed = np.concatenate([(block.matrix() >= 0).all(axis=0) for block in design.blocks])
    counts = coefficient_counts(design)
    occurs = counts.sum(axis=1) > 0
    lacking: BoolArray = (counts[:, 1:] == 0) & (one_signed & occurs)[:, None]
    single_outcome = (counts[:, 0] == 0) & ((counts[:, 1:] > 0).sum(axis=1) == 1)
    return lacking, ~lacking & (one_signed & single_outcome)[:, None]


def _collinear(data: Rows, known: BoolArray, separated: BoolArray, certain: BoolArray) -> BoolArray:
    """Coefficients of an exit that the rows which may leave through it or not do not tell apart."""
    cannot_leave, must_leave = (
        linear_predictor(data, fixed.astype(np.float64)) > 0 for fixed in (separated, certain)
    )
    settled = cannot_leave | must_leave.any(axis=1)[:, None]
    collinear = np.zeros_like(known)
    for j in np.flatnonzero(settled.any(axis=0) & known[1:].any(axis=0)):
        possible = replace(data, weight=np.where(settled[:, j], 0.0, data.weight))
        free = known[:, j] & ~separated[:, j] & ~certain[:, j]
        collinear[:, j] = free & ~independent_columns(possible, among=free)
    return collinear


def _direction(data: Rows, mode: Mode, free: BoolArray) -> FloatArray:
    """The next Newton step: near 0 at a maximum, about 1 on the way to infinity."""
    _, gradient = value_and_gradient(data, mode.beta)
    direction = np.zeros_like(mode.beta)
    direction[free] = scipy.linalg.cho_solve((mode.cholesky, True), gradient[free])
    return direction


# --- errors -------------------------------------------------------------------------------------
def _covariance(solution: _Optimum, errors: Kind) -> tuple[FloatArray, BoolArray]:
    """Covariance of the free coefficients, and which of them have none."""
    if isinstance(errors, Clusters):
        return jackknife.covariance(_equations(solution), errors)
    factor_of_inverse = inverse_factor(solution.cholesky)
    bread = np.asarray(factor_of_inverse.T @ factor_of_inverse)
    none = np.zeros(len(bread), dtype=bool)
    if errors == "information":
        return bread, none
    data = rows(solution.plain)
    score = scores(data, solution.beta)
    moves = solution.free.ravel()
    filling = robust.meat_of_rows(data, score)[np.ix_(moves, moves)]
    factor = robust.small_sample(float(data.weight.sum()), 1)
    return robust.sandwich(bread, filling, factor), none


def _equations(solution: _Optimum) -> jackknife.Equations:
    """Scores of the rows and their derivatives, all at the same coefficients to the last digit."""
    data, beta, free = rows(identified(solution.full)), solution.beta, solution.free.ravel()
    score = scores(data, beta)
    levels = table(data.blocks, beta)
    pairs = curvatures(data.link, levels, data.index, data.outcome, data.weight)
    first, second = np.triu_indices(data.n_exits)
    weight = np.empty((len(pairs), data.n_exits, data.n_exits))
    weight[:, first, second], weight[:, second, first] = pairs, pairs
    whole = information(rows(solution.plain), beta).reshape(len(free), len(free))
    bread = inverse(whole[np.ix_(free, free)])
    return jackknife.Equations(columns(data), score[:, :, None], weight, free, bread)


def _named(errors: Kind) -> str:
    if isinstance(errors, Clusters):
        return errors.jackknife_name
    return {"information": "from the information", "rows": "robust"}[errors]


# --- what is reported ---------------------------------------------------------------------------
def _reported(solution: _Optimum) -> FloatArray:
    beta = np.where(solution.separated, -np.inf, solution.beta)
    infinite = solution.runaway != 0
    beta[infinite] = np.inf * solution.runaway[infinite]
    return np.where(solution.known, beta, np.nan)


def _remarks(solution: _Optimum, labels: pd.DataFrame) -> list[str]:
    remarks = [] if solution.keep.all() else [not_identified(labels, ~solution.keep)]
    for j, name in enumerate(solution.plain.exits):
        separated, runaway, collinear = (
            named(labels, flags[:, j])
            for flags in (
                solution.separated,
                (solution.runaway != 0) & np.isfinite(solution.runaway),
                solution.collinear | np.isnan(solution.runaway),
            )
        )
        if separated:
            remarks.append(f"Without any exit '{name}', estimate at minus infinity: {separated}.")
        if runaway:
            remarks.append(f"Exit '{name}' is separated, estimate without bound: {runaway}.")
        if collinear:
            remarks.append(
                f"Not identified for exit '{name}' by the rows where it can occur: {collinear}."
            )
    return remarks
