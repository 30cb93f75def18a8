"""Names of coefficients, and sentences about those that a baseline left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray
from hazard.model.design import Design
from hazard.model.terms.lagged import owners


def coefficient_labels(design: Design) -> pd.DataFrame:
    """Labels of the coefficients of a design: term, level."""
    return pd.DataFrame(design.labels(), columns=["term", "level"])


def reference_curves(design: Design, plain: Design) -> list[str]:
    """Remark on every lag curve that is that of one level in the identified design ``plain``."""
    remarks = []
    for before, after in zip(design.blocks, plain.blocks, strict=True):
        left_out = [label for label in before.coefficients if label not in after.coefficients]
        if before.common_block is not None and left_out:
            remarks.append(
                f"Coefficients of {before.common_block} are those of {owners(left_out)[0]}, the "
                f"reference of {before.name}."
            )
    return remarks


def named(labels: pd.DataFrame, selected: BoolArray, limit: int = 8) -> str:
    """Text that lists coefficients, such as ``centre C012, centre C200 and 3 more``.

    A coefficient that is called as its term, that of a number, is named once.

    Examples
    --------
    >>> import numpy as np
    >>> labels = pd.DataFrame({"term": ["age", "sex"], "level": ["age", "male"]})
    >>> named(labels, np.array([True, True]))
    'age, sex male'
    """
    chosen = [t if t == v else f"{t} {v}" for t, v in labels[selected].itertuples(index=False)]
    rest = f" and {len(chosen) - limit} more" if len(chosen) > limit else ""
    return ", ".join(chosen[:limit]) + rest


def too_few(estimated: int, n_rows: float) -> list[str]:
    """Remark that there are too few rows for an error, if so."""
    if n_rows > estimated:
        return []
    text = f"As many coefficients as person-months ({estimated:,}), no error."
    return [f"{text} Leave out terms, or add persons."]


def not_identified(labels: pd.DataFrame, unidentified: BoolArray) -> str:
    """Remark that names the coefficients that the rows do not identify."""
    return f"Not identified, left out: {named(labels, unidentified)}."


def undefined(labels: pd.DataFrame, negative: BoolArray) -> list[str]:
    """Remark that names the coefficients whose variance of two ways is negative, if any."""
    if not negative.any():
        return []
    return [f"Variance of two ways of clusters negative, no error: {named(labels, negative)}."]


def by_one_cluster(design: Design, alone: BoolArray) -> list[str]:
    """Remark that names the coefficients that cannot be estimated without one of the clusters.

    The intercept and the dummies of groups, which are like that by construction where their levels
    lie each in one cluster, are not named.

    Parameters
    ----------
    design : Design
    alone : ndarray of bool, shape (coefficient,)
    """
    kinds = [block.kind for block in design.blocks for _ in range(block.n_coefficients)]
    reported = alone & ~np.isin(kinds, ["intercept", "group"])
    if not reported.any():
        return []
    names = named(coefficient_labels(design), reported)
    return [f"Not estimable without one of the clusters, no error: {names}."]
