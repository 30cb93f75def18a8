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
from hazard.model import naming
from hazard.model.design import Design
from hazard.model.terms.block import Block
from hazard.output.summaries import Compared
from hazard.output.tables import QuantityDescription, baseline_rows, quantity_estimates
from hazard.spec import CovariateTerm, ModelSpec
from hazard.spec.links import LINKS
from hazard.spec.priors import LearnedFamily

INTERCEPT, COEFFICIENT = "intercept", "coefficient"
GROUP_SD, WALK_SD, CORRELATION = "group_sd", "walk_sd", "group_correlation"
_LISTED = ("covariate", "baseline", "calendar")
_NOTHING = 1e-12


@dataclass(frozen=True)
class TermContrasts:
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


def term_contrasts(design: Design, spec: ModelSpec) -> list[TermContrasts]:
    """Contrasts of every term but groups and lag curves, in the order of the design.

    Parameters
    ----------
    design : Design
    spec : ModelSpec

    Returns
    -------
    list of TermContrasts
        Of text and of periods each level but the reference; of a baseline each interval or, of a
        spline, each month against the first; of a numeric column one.
    """
    columns = {term.name: term.column for term in spec.term if isinstance(term, CovariateTerm)}
    return [
        _contrasts_of_term(block, columns.get(block.name))
        for block in design.blocks
        if block.kind in _LISTED
    ]


def _contrasts_of_term(block: Block, column: str | None) -> TermContrasts:
    if _is_numeric(block):
        return TermContrasts(block, column, (None,), np.eye(1), None)
    basis = block.matrix()
    zero = np.abs(basis).max(axis=1, initial=0.0) < _NOTHING
    labels = np.array([str(label) for label in block.levels], dtype=object)
    reference = next(iter(labels[zero]), None)
    return TermContrasts(block, column, tuple(labels[~zero]), basis[~zero], reference)


def _is_numeric(block: Block) -> bool:
    return block.kind == "covariate" and block.levels.dtype.kind == "f"


def centres(design: Design) -> dict[str, float]:
    """What was taken from the values of every numeric covariate, by the name of its term."""
    return {block.name: float(block.centre) for block in design.blocks if _is_numeric(block)}


def binary(design: Design) -> list[str]:
    """Terms of numeric covariates whose only values are 0 and 1."""
    numeric = [block for block in design.blocks if _is_numeric(block)]
    return [block.name for block in numeric if block.levels.tolist() == [0.0, 1.0]]


# --- the hazard model ---------------------------------------------------------------------------
def contrasts(posterior: xr.Dataset, term: TermContrasts) -> xr.DataArray:
    """Draws of the contrasts of a term.

    Returns
    -------
    DataArray, dims (chain, draw, level, exit)
        ``level`` counts the contrasts from 0.
    """
    parameters = _parameters(posterior, term.block.name)
    if term.plain:
        return parameters
    weights = xr.DataArray(term.weights, dims=("level", "coefficient"))
    weighted: xr.DataArray = xr.dot(
        weights, parameters.rename({"level": "coefficient"}), dim="coefficient"
    )
    return weighted.transpose("chain", "draw", "level", "exit")


def derived_contrasts(
    posterior: xr.Dataset, design: Design, spec: ModelSpec
) -> dict[str, xr.DataArray]:
    """Contrasts that are no parameters themselves, by term, for the gate: splines and seasons."""
    return {
        f"{COEFFICIENT}_{term.block.name}": contrasts(posterior, term)
        for term in term_contrasts(design, spec)
        if not term.plain
    }


def hazard_estimates(posterior: xr.Dataset, design: Design, spec: ModelSpec) -> pd.DataFrame:
    """Estimates of the intercept, of every contrast, and of what is learned of groups and walks.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    design : Design
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
    terms = term_contrasts(design, spec)
    intercept = posterior["intercept"].expand_dims("level", axis=2)
    draws = [intercept, *(contrasts(posterior, term) for term in terms)]
    labels = [pd.DataFrame({"quantity": [INTERCEPT], "term": [INTERCEPT]}, dtype=object)]
    labels += [term.labels() for term in terms]
    unit = _unit(spec)
    coefficient_description = QuantityDescription(
        COEFFICIENT, unit, effect="conditional", comparison=Compared(0.0)
    )
    parts = [
        (
            xr.concat(draws, dim="level"),
            pd.concat(labels, ignore_index=True),
            coefficient_description,
        )
    ]
    spreads = list(_spreads(posterior, design))
    if spreads:
        sds = xr.concat([draws for draws, _ in spreads], dim="level")
        names = pd.DataFrame([label for _, label in spreads], dtype=object)
        parts.append((sds, names, QuantityDescription(GROUP_SD, unit, effect="conditional")))
    pairs = list(_correlations(posterior, design))
    if pairs:
        correlations = xr.concat([draws for draws, _ in pairs], dim="level")
        names = pd.DataFrame([label for _, label in pairs], dtype=object)
        description = QuantityDescription(
            CORRELATION, "correlation", effect="conditional", comparison=Compared(0.0)
        )
        parts.append((correlations, names, description))
    rows = [_estimated(draws, labels, description, spec) for draws, labels, description in parts]
    return pd.concat([part.astype(object) for part in rows], ignore_index=True)


def from_draws(
    posterior: xr.Dataset, derived: Mapping[str, xr.DataArray], spec: ModelSpec
) -> dict[str, pd.DataFrame]:
    """Estimates of the intercept and of every contrast from draws alone, without the design.

    Parameters
    ----------
    posterior : Dataset, dims (chain, draw, ...)
    derived : mapping
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
        draws[term.name] = derived.get(
            f"{COEFFICIENT}_{term.name}", _parameters(posterior, term.name)
        )
    description = QuantityDescription(
        COEFFICIENT, _unit(spec), effect="conditional", comparison=Compared(0.0)
    )
    numbered = {
        name: values.assign_coords(level=np.arange(values.sizes["level"]))
        for name, values in draws.items()
    }
    return {
        name: quantity_estimates(values, description, spec) for name, values in numbered.items()
    }


def _parameters(posterior: xr.Dataset, term: str) -> xr.DataArray:
    """Coefficients of a term, numbered along ``level``."""
    beta = naming.term(posterior, term)
    level_dim = next(str(name) for name in beta.dims if name not in ("chain", "draw", "exit"))
    numbered = beta.drop_vars(level_dim, errors="ignore").rename({level_dim: "level"})
    return numbered.transpose("chain", "draw", "level", "exit")


def _estimated(
    draws: xr.DataArray, labels: pd.DataFrame, description: QuantityDescription, spec: ModelSpec
) -> pd.DataFrame:
    numbered = draws.assign_coords(level=np.arange(draws.sizes["level"]))
    rows = quantity_estimates(numbered, description, spec)
    names = labels.reindex(columns=[*labels.columns.union(["level"])])
    names = names.iloc[rows["level"].astype(int)].set_index(rows.index)  # a place becomes its label
    return rows.drop(columns=names.columns).join(names)[rows.columns]


def _spreads(
    posterior: xr.Dataset, design: Design
) -> Iterator[tuple[xr.DataArray, dict[str, str]]]:
    """Learned standard deviations, one per term and exit."""
    for block in design.blocks:
        if (name := naming.sigma(block.name)) in posterior:
            steps = (
                isinstance(block.prior, LearnedFamily) and block.prior.spread.quantity == "steps"
            )
            yield posterior[name], {"quantity": WALK_SD if steps else GROUP_SD, "term": block.name}


def _correlations(
    posterior: xr.Dataset, design: Design
) -> Iterator[tuple[xr.DataArray, dict[str, str]]]:
    """Learned correlations, one per term and pair of exits."""
    for block in design.blocks:
        if (name := naming.correlation(block.name)) not in posterior:
            continue
        for first, second in combinations(design.exits, 2):
            correlation = posterior[name].sel(exit=first, other_exit=second, drop=True)
            labels = {"term": block.name, "by": "exit", "level": second, "exit": first}
            yield correlation, {"quantity": CORRELATION, **labels}


def _unit(spec: ModelSpec) -> str:
    return LINKS[spec.outcome.link].unit


# --- baselines ----------------------------------------------------------------------------------
def baseline_estimates(fit: BaselineFit, design: Design, spec: ModelSpec) -> pd.DataFrame:
    """The same contrasts by a baseline, where it has them; the intercept too.

    Parameters
    ----------
    fit : BaselineFit
        On the rows of the design.
    design : Design
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
        _fitted(fit, term.block.name, term.weights, term.labels())
        for term in term_contrasts(design, spec)
    ]
    return baseline_rows(pd.concat(parts, ignore_index=True), fit, spec)


def _fitted(fit: BaselineFit, term: str, weights: FloatArray, labels: pd.DataFrame) -> pd.DataFrame:
    """Weighted sums of the coefficients of a term, exit by exit."""
    in_term = fit.terms["term"].eq(term).to_numpy()
    all_weights = np.zeros((len(weights), len(in_term)))
    all_weights[:, in_term] = weights
    with np.errstate(invalid="ignore"):  # of infinite coefficients there may be no sum
        sums = [fit.combination(row) for row in all_weights]
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
