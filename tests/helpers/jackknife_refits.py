"""Errors of the cluster jackknife the slow way: from refits without every cluster."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

_ROUNDING = 1e-8


def jackknife(
    x: np.ndarray, codes: tuple[np.ndarray, ...], without: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Variances from refits, and which coefficients all of these know.

    ``without`` gives the estimates, less those of all rows, from a mask of rows.
    """
    total, known = 0.0, np.ones(x.shape[1], dtype=bool)
    for sign, code in _signed(codes):
        kept = [code != group for group in np.unique(code)]
        moved = np.stack([without(rows) for rows in kept])
        total = total + sign * (len(kept) - 1) / len(kept) * (moved**2).sum(axis=0)
        known &= np.all([_known(x[rows]) for rows in kept], axis=0)
    return np.asarray(total), known


def refit_least_squares(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Estimates from some rows less those from all; where several are, of the smallest size."""
    best = np.linalg.lstsq(x, y)[0]
    return lambda rows: np.linalg.lstsq(x[rows], y[rows])[0] - best


def _signed(codes: tuple[np.ndarray, ...]) -> list[tuple[int, np.ndarray]]:
    """Ways of clusters with their signs, by pandas."""
    single = [(1, code) for code in codes]
    if len(codes) == 1:
        return single
    return [*single, (-1, pd.DataFrame(codes).T.groupby([0, 1]).ngroup().to_numpy())]


def _known(x: np.ndarray) -> np.ndarray:
    """Which coefficients the rows identify: those without a part in the null space."""
    _, size, vectors = np.linalg.svd(x, full_matrices=False)
    null = vectors[size <= _ROUNDING * size[0]]
    return np.asarray(np.abs(null).max(axis=0, initial=0.0) < _ROUNDING)
