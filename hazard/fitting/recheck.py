"""What draws say by themselves: the gate, and the numbers that are summaries of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from hazard.errors import IntegrityError
from hazard.fitting.quantities import (
    gate_quantities,
    hazard_estimates,
    joined,
    prior_estimates,
)
from hazard.inference.convergence import EXPLORE, Gate, gate
from hazard.output import coefficients, tables
from hazard.output.simultaneous import BAND
from hazard.spec import ModelSpec

JUDGED = "judged"
"""Group of draws that the gate judges besides parameters, lags, sums and incidences."""
_VALUE = "value"
_OF_TERMS = (coefficients.INTERCEPT, coefficients.COEFFICIENT)
_TOLERANCE = 1e-9  # of a number that was computed twice from the same draws, by its own size
_COMPARED = (
    *("estimate", "sd", "mcse", "lower", "upper", "lower_50", "upper_50", "lower_80", "upper_80"),
    *("lower_mcse", "upper_mcse", "p_direction", "p_direction_mcse", "p_beyond_rope"),
    *BAND,
    *("p_positive", "p_positive_mcse", "p_above_rope", "p_below_rope", "p_rope_mcse"),
)


def quantity_groups(quantities: Mapping[str, xr.DataArray]) -> xr.DataTree:
    """Quantities as groups, each with labels of its own."""
    return xr.DataTree.from_dict(
        {name: values.to_dataset(name=_VALUE) for name, values in quantities.items()}
    )


def is_sampled(tree: xr.DataTree) -> bool:
    """Whether draws were sampled; an approximation has no statistics of a sampler."""
    return "sample_stats" in tree.children


def gate_of(tree: xr.DataTree) -> Gate | None:
    """The gate of what was sampled, from its draws alone; None for an approximation.

    Parameters
    ----------
    tree : DataTree
        Groups ``posterior``, ``sample_stats``, ``estimands`` and :data:`JUDGED`.
    """
    if not is_sampled(tree):
        return None
    estimands = {str(name): values for name, values in tree["estimands"].data_vars.items()}
    quantities = gate_quantities(estimands)
    if JUDGED in tree.children:
        groups = tree[JUDGED].children
        quantities |= {name: node.to_dataset()[_VALUE] for name, node in groups.items()}
    return gate(tree, limits=EXPLORE, quantities=quantities)


def check_estimates(tree: xr.DataTree, spec: ModelSpec, estimates: pd.DataFrame) -> None:
    """Raise when lag curves, shapes, incidences or coefficients are not those of the draws.

    Coefficients are those of a sampled run: of an approximation not every contrast is kept.

    Raises
    ------
    IntegrityError
        One sentence.
    """
    estimands = {str(name): values for name, values in tree["estimands"].data_vars.items()}
    recomputed = joined([hazard_estimates(estimands, spec), prior_estimates(tree, spec)])
    stated = estimates[estimates["estimator"] == tables.HAZARD_MODEL]
    comparable = stated["estimand"].isin(recomputed["estimand"].dropna().unique())
    n_different = _n_different(recomputed, stated[comparable], list(tables.KEY))
    if is_sampled(tree):
        n_different += _n_different_coefficients(tree, spec, stated)
    if n_different:
        raise IntegrityError(
            f"estimates.csv must say what the draws say; {n_different} lag curves, sums, "
            "shapes, incidences or coefficients do not. Make the run again."
        )


def _n_different_coefficients(tree: xr.DataTree, spec: ModelSpec, stated: pd.DataFrame) -> int:
    groups = tree[JUDGED].children if JUDGED in tree.children else {}
    derived = {name: node.to_dataset()[_VALUE] for name, node in groups.items()}
    recomputed = coefficients.from_draws(tree["posterior"].to_dataset(), derived, spec)
    n_different = 0
    for term, rows in recomputed.items():
        stated_rows = stated[stated["quantity"].isin(_OF_TERMS) & (stated["term"] == term)]
        numbered = stated_rows.assign(level=stated_rows.groupby("exit").cumcount())
        n_different += _n_different(rows, numbered, ["exit", "level"])
    return n_different


def _n_different(recomputed: pd.DataFrame, stated: pd.DataFrame, key: list[str]) -> int:
    """How many rows of either table are not in the other, or are with other numbers."""
    recomputed_rows, stated_rows = _keyed(recomputed, key), _keyed(stated, key)
    if stated_rows.index.has_duplicates:
        return len(stated_rows)
    merged = recomputed_rows.join(stated_rows, rsuffix="_stated", how="outer")
    different = ~(merged.index.isin(recomputed_rows.index) & merged.index.isin(stated_rows.index))
    for name in _COMPARED:
        values = merged[name].astype(float).to_numpy()
        stated_values = merged[f"{name}_stated"].astype(float).to_numpy()
        different |= ~np.isclose(
            values, stated_values, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
        )
    return int(different.sum())


def _keyed(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    labels = rows[key].astype(object)
    index = pd.MultiIndex.from_frame(labels.where(labels.notna(), "").astype(str))
    return rows.reindex(columns=list(_COMPARED)).set_axis(index)
