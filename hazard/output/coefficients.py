"""Every coefficient that a reader can ask about, of the hazard model and of the baselines.

Quantities, all given that the person is still there: ``intercept``; ``coefficient`` of a covariate,
a period of calendar time or an interval of months at risk; ``group_sd``, the spread of the levels
of a group, and ``walk_sd``, that of the steps of a learned walk; ``group_correlation`` of two
exits. Lag curves have quantities of their own (:func:`hazard.output.tables.lag_curve_estimates`).
The effects of single levels of a group are not listed: a level may be a handful of persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import FloatArray
from hazard.baselines.fit import BaselineFit
from hazard.estimands import incidence
from hazard.model.design import Design
from hazard.model.terms.block import Block
from hazard.output.summaries import Compared
from hazard.output.tables import Told, baseline_rows, quantity_estimates
from hazard.spec import CovariateTerm, ModelSpec
from hazard.spec.links import LINKS
from hazard.spec.priors import LearnedFamily

INTERCEPT, COEFFICIENT = "intercept", "coefficient"
GROUP_SD, WALK_SD, CORRELATION = "group_sd", "walk_sd", "group_correlation"
_LISTED = ("covariate", "baseline", "calendar")
_NOTHING = 1e-12


@dataclass(frozen=True)
class Listed:
    """Contrasts of one term that are listed.

    Attributes
    ----------
    block : Block
    by : str or None
        Column of a covariate.
    levels : tuple of str or None
        One per contrast; None of a numeric column, whose coefficient is per unit of it.
    weights : ndarray, shape (contrast, coefficient)
        Of the coefficients of the block.
    reference : str or None
        The level that the others are relative to; None where they sum to zero, as seasons do, and
        of a numeric column.
    """

    block: Block
    by: str | None
    levels: tuple[str | None, ...]
    weights: FloatArray
    reference: str | None

    @property
    def plain(self) -> bool:
        """Whether every contrast is one of the coefficients."""
        return bool(np.array_equal(self.weights, np.eye(self.block.n_coefficients)))

    def labels(self) -> pd.DataFrame:
        """Term, by, level and reference of every contrast."""
        return pd.DataFrame(
            {
                "quantity": COEFFICIENT,
                "term": self.block.name,
                "by": self.by,
                "level": list(self.levels),
                "reference": self.reference,
            },
            dtype=object,
        )


def listed(built: Design, spec: ModelSpec) -> list[Listed]:
    """Contrasts of every term but groups and lag curves, in the order of the design.

    Parameters
    ----------
    built : Design
    spec : ModelSpec

    Returns
    -------
    list of Listed
        Of text and of periods each level but the reference; of a baseline each interval or, of a
        spline, each month against the first; of a numeric column one.
    """
    columns = {term.name: term.column for term in spec.term if isinstance(term, CovariateTerm)}
    return [
        _listed(block, columns.get(block.name)) for block in built.blocks if block.kind in _LISTED
    ]


def _listed(block: Block, column: str | None) -> Listed:
    if _is_numeric(block):
        return Listed(block, column, (None,), np.eye(1), None)
    basis = block.matrix()
    zero = np.abs(basis).max(axis=1, initial=0.0) < _NOTHING
    labels = np.array([str(label) for label in block.levels], dtype=object)
    reference = next(iter(labels[zero]), None)
    return Listed(block, column, tuple(labels[~zero]), basis[~zero], reference)


def _is_numeric(block: Block) -> bool:
    return block.kind == "covariate" and block.levels.dtype.kind == "f"


def centres(built: Design) -> dict[str, float]:
    """What was taken from the values of every numeric covariate, by the name of its term."""
    return {block.name: float(block.centre) for block in built.blocks if _is_numeric(block)}


def binary(built: Design) -> list[str]:
    """Terms of numeric covariates whose only values are 0 and 1."""
    numeric = [block for block in built.blocks if _is_numeric(block)]
    return [block.name for block in numeric if block.levels.tolist() == [0.0, 1.0]]


# --- the hazard model ---------------------------------------------------------------------------
def contrasts(posterior: xr.Dataset, item: Listed) -> xr.DataArray:
    """Draws of the contrasts of a term.

    Returns
    -------
    DataArray, dims (chain, draw, level, exit)
        ``level`` counts the contrasts from 0.
    """
    plain = _parameters(posterior, item.block.name)
    if item.plain:
        return plain
    weights = xr.DataArray(item.weights, dims=("level", "coefficient"))
    weighted: xr.DataArray = xr.dot(
        weights, plain.rename({"level": "coefficient"}), dim="coefficient"
    )
    return weighted.transpose("chain", "draw", "level", "exit")


def made(posterior: xr.Dataset, built: Design, spec: ModelSpec) -> dict[str, xr.DataArray]:
    """Contrasts that are no parameters themselves, by term, for the gate: splines and seasons."""
    return {
        f"{COEFFICIENT}_{item.block.name}": contrasts(posterior, item)
        for item in listed(built, spec)
        if not item.plain
    }


def hazard_estimates(posterior: xr.Dataset, built: Design, spec: ModelSpec) -> pd.DataFrame:
    """Estimates of the intercept, of every contrast, and of what is learned of groups and walks.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    built : Design
        That of the posterior.
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`hazard.output.tables.COLUMNS`. A contrast is a change of the
        linear predictor (log-odds against staying, or log-hazard), of a numeric column per unit of
        it. The intercept is that of the reference of every term, of the mean of every numeric
        column, and of a group level without an effect of its own.
    """
    items = listed(built, spec)
    intercept = posterior["intercept"].expand_dims("level", axis=2)
    draws = [intercept, *(contrasts(posterior, one) for one in items)]
    labels = [pd.DataFrame({"quantity": [INTERCEPT], "term": [INTERCEPT]}, dtype=object)]
    labels += [one.labels() for one in items]
    unit = _unit(spec)
    whole = Told(COEFFICIENT, unit, effect="conditional", held=Compared(0.0))
    parts = [(xr.concat(draws, dim="level"), pd.concat(labels, ignore_index=True), whole)]
    spreads = list(_spreads(posterior, built))
    if spreads:
        sds = xr.concat([draws for draws, _ in spreads], dim="level")
        named = pd.DataFrame([label for _, label in spreads], dtype=object)
        parts.append((sds, named, Told(GROUP_SD, unit, effect="conditional")))
    pairs = list(_correlations(posterior, built))
    if pairs:
        both = xr.concat([draws for draws, _ in pairs], dim="level")
        named = pd.DataFrame([label for _, label in pairs], dtype=object)
        description = Told(CORRELATION, "correlation", effect="conditional", held=Compared(0.0))
        parts.append((both, named, description))
    rows = [_estimated(draws, labels, description, spec) for draws, labels, description in parts]
    return pd.concat([part.astype(object) for part in rows], ignore_index=True)


def from_draws(
    posterior: xr.Dataset, made: Mapping[str, xr.DataArray], spec: ModelSpec
) -> dict[str, pd.DataFrame]:
    """Estimates of the intercept and of every contrast from draws alone, without the design.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    made : mapping
        As :func:`made` returns it: all contrasts that are no parameters.
    spec : ModelSpec

    Returns
    -------
    mapping of term to DataFrame
        As :func:`hazard_estimates`, with the place of the contrast as its ``level``.
    """
    draws = {INTERCEPT: posterior["intercept"].expand_dims("level", axis=2)}
    for term in spec.term:
        if term.kind not in _LISTED:
            continue
        draws[term.name] = made.get(f"{COEFFICIENT}_{term.name}", _parameters(posterior, term.name))
    description = Told(COEFFICIENT, _unit(spec), effect="conditional", held=Compared(0.0))
    numbered = {
        name: values.assign_coords(level=np.arange(values.sizes["level"]))
        for name, values in draws.items()
    }
    return {name: quantity_estimates(each, description, spec) for name, each in numbered.items()}


def _parameters(posterior: xr.Dataset, term: str) -> xr.DataArray:
    """Coefficients of a term, numbered along ``level``."""
    beta = incidence.term_coefficients(posterior, term)
    level_dim = next(str(name) for name in beta.dims if name not in ("chain", "draw", "exit"))
    plain = beta.drop_vars(level_dim, errors="ignore").rename({level_dim: "level"})
    return plain.transpose("chain", "draw", "level", "exit")


def _estimated(
    draws: xr.DataArray, labels: pd.DataFrame, description: Told, spec: ModelSpec
) -> pd.DataFrame:
    numbered = draws.assign_coords(level=np.arange(draws.sizes["level"]))
    rows = quantity_estimates(numbered, description, spec)
    names = labels.reindex(columns=[*labels.columns.union(["level"])])
    names = names.iloc[rows["level"].astype(int)].set_index(rows.index)  # a place becomes its label
    return rows.drop(columns=names.columns).join(names)[rows.columns]


def _spreads(posterior: xr.Dataset, built: Design) -> Iterator[tuple[xr.DataArray, dict[str, str]]]:
    """Learned standard deviations, one per term and exit."""
    for block in built.blocks:
        if (name := f"sigma_{block.name}") in posterior:
            steps = (
                isinstance(block.prior, LearnedFamily) and block.prior.spread.quantity == "steps"
            )
            yield posterior[name], {"quantity": WALK_SD if steps else GROUP_SD, "term": block.name}


def _correlations(
    posterior: xr.Dataset, built: Design
) -> Iterator[tuple[xr.DataArray, dict[str, str]]]:
    """Learned correlations, one per term and pair of exits."""
    for block in built.blocks:
        if (name := f"correlation_{block.name}") not in posterior:
            continue
        for first, second in combinations(built.exits, 2):
            one = posterior[name].sel(exit=first, other_exit=second, drop=True)
            labels = {"term": block.name, "by": "exit", "level": second, "exit": first}
            yield one, {"quantity": CORRELATION, **labels}


def _unit(spec: ModelSpec) -> str:
    return LINKS[spec.outcome.link].unit


# --- baselines ----------------------------------------------------------------------------------
def baseline_estimates(fit: BaselineFit, built: Design, spec: ModelSpec) -> pd.DataFrame:
    """The same contrasts by a baseline, where it has them; the intercept too.

    Parameters
    ----------
    fit : BaselineFit
        On the rows of the design.
    built : Design
    spec : ModelSpec

    Returns
    -------
    DataFrame
        With the columns of :data:`hazard.output.tables.COLUMNS`. A baseline has a reference level
        per group, the one with the most rows, and its intercept is that of these levels.
    """
    names = pd.DataFrame({"quantity": [INTERCEPT], "term": [INTERCEPT]}, dtype=object)
    parts = [_fitted(fit, INTERCEPT, np.eye(1), names)]
    parts += [
        _fitted(fit, item.block.name, item.weights, item.labels()) for item in listed(built, spec)
    ]
    return baseline_rows(pd.concat(parts, ignore_index=True), fit, spec)


def _fitted(fit: BaselineFit, term: str, weights: FloatArray, labels: pd.DataFrame) -> pd.DataFrame:
    """Weighted sums of the coefficients of a term, exit by exit."""
    of_term = fit.terms["term"].eq(term).to_numpy()
    whole = np.zeros((len(weights), len(of_term)))
    whole[:, of_term] = weights
    with np.errstate(invalid="ignore"):  # of infinite coefficients there may be no sum
        sums = [fit.combination(row) for row in whole]
    return pd.concat(
        [
            labels.assign(
                exit=name,
                estimate=[float(estimate[j]) for estimate, _ in sums],
                standard_error=[float(error[j]) for _, error in sums],
            )
            for j, name in enumerate(fit.exits)
        ],
        ignore_index=True,
    )
