"""What every baseline returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg
import scipy.special

from hazard.design import Design
from hazard.likelihood import Rows, cross_product
from hazard.terms.block import FloatArray
from hazard.terms.lagged import owners


@dataclass(frozen=True)
class BaselineFit:
    """Estimates of one baseline on the rows of a design.

    Attributes
    ----------
    estimator : str
    unit : str
        Unit of a coefficient.
    exits : tuple of str
    terms : DataFrame, columns term, level
        Label of each coefficient.
    estimate, standard_error : ndarray, shape (coefficient, exit)
        NaN where the data do not identify the coefficient, minus infinity where it is separated.
    remarks : tuple of str
        Plain sentences: what was left out and why.
    """

    estimator: str
    unit: str
    exits: tuple[str, ...]
    terms: pd.DataFrame
    estimate: FloatArray
    standard_error: FloatArray
    remarks: tuple[str, ...]

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy table with one row per coefficient and exit, and normal intervals."""
        z = float(scipy.special.ndtri(0.5 + level / 2))
        parts = []
        for j, name in enumerate(self.exits):
            est, se = self.estimate[:, j], self.standard_error[:, j]
            part = self.terms.assign(
                estimator=self.estimator,
                exit=name,
                estimate=est,
                standard_error=se,
                lower=est - z * se,
                upper=est + z * se,
                unit=self.unit,
            )
            parts.append(part)
        return pd.concat(parts, ignore_index=True)


def coefficient_labels(design: Design) -> pd.DataFrame:
    """Labels of the coefficients of a design: term, level."""
    return pd.DataFrame(design.labels(), columns=["term", "level"])


def reference_curves(design: Design, plain: Design) -> list[str]:
    """Remark on every lag curve that is that of one level in the identified design ``plain``."""
    remarks = []
    for before, after in zip(design.blocks, plain.blocks, strict=True):
        left_out = [label for label in before.coefficients if label not in after.coefficients]
        if before.around is not None and left_out:
            remarks.append(
                f"Coefficients of {before.around} are those of {owners(left_out)[0]}, the "
                f"reference of {before.name}."
            )
    return remarks


def independent_columns(data: Rows, tolerance: float = 1e-9) -> npt.NDArray[np.bool_]:
    """Which columns of the design matrix are no combination of the others kept.

    Returns
    -------
    ndarray of bool, shape (coefficient,)
        Pivoted QR of the scaled cross-product decides; never-exposed columns are dependent.
    """
    [gram] = cross_product(data, data.weight[:, None])
    size = np.sqrt(np.diag(gram))
    safe = np.where(size > 0, size, 1.0)
    _, upper, order = scipy.linalg.qr(gram / np.outer(safe, safe), pivoting=True, mode="economic")
    diagonal = np.abs(np.diag(upper))
    keep = np.zeros(len(size), dtype=bool)
    keep[order[diagonal > tolerance * diagonal[0]]] = True
    return keep


def named(labels: pd.DataFrame, which: npt.NDArray[np.bool_], most: int = 8) -> str:
    """Text that lists coefficients, such as ``centre C012, centre C200 and 3 more``."""
    chosen = [f"{t} {v}" for t, v in labels[which].itertuples(index=False)]
    more = f" and {len(chosen) - most} more" if len(chosen) > most else ""
    return ", ".join(chosen[:most]) + more
