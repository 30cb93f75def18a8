"""Standard errors that hold when rows are not alike or not independent: the sandwich, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from hazard.arrays import AnyIntArray, FloatArray, IntArray
from hazard.errors import DesignError
from hazard.model.dependence import signed
from hazard.model.design import Design
from hazard.model.likelihood import Rows, cross_product
from hazard.model.terms.block import column


@dataclass(frozen=True)
class Clusters:
    """Groups of rows whose errors may be related, in one way or two.

    Attributes
    ----------
    by : tuple of str
        Columns of the panel.
    codes : tuple of ndarray of int64, shape (row,)
        Group of every row of a design, from 0, for each column.
    """

    by: tuple[str, ...]
    codes: tuple[IntArray, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups; of two ways, that with fewer."""
        return min(int(code.max()) + 1 for code in self.codes)

    @property
    def name(self) -> str:
        """How the errors of a sandwich are called in a table."""
        return f"clustered by {' and '.join(self.by)}"

    @property
    def effective(self) -> tuple[float, ...]:
        """Number of equally large groups that would be as many, for each way.

        Notes
        -----
        (sum of n)^2 / (sum of n^2) of group sizes n, Kish's effective size: the number of Carter,
        Schnepel and Steigerwald [1]_ for a mean of independent rows. That of a regressor which
        groups have to unequal extents can be smaller.

        References
        ----------
        .. [1] Carter, Schnepel and Steigerwald (2017), Asymptotic behavior of a t-test robust to
           cluster heterogeneity, Review of Economics and Statistics 99(4).

        Examples
        --------
        Of sizes 2, 1 and 1 it is 16/6.

        >>> [round(n, 2) for n in Clusters(("a",), (np.array([0, 0, 1, 2]),)).effective]
        [2.67]
        """
        sizes = [np.bincount(code).astype(np.float64) for code in self.codes]
        return tuple(float(size.sum() ** 2 / (size @ size)) for size in sizes)

    @property
    def jackknife_name(self) -> str:
        """How the errors of the cluster jackknife are called in a table.

        Examples
        --------
        >>> Clusters(("a",), (np.array([0, 0, 1, 2]),)).jackknife_name
        'clustered by a (jackknife; 2.7 effective of 3)'
        """
        counts = [
            f"{effective:,.1f} effective of {int(code.max()) + 1:,}"
            for effective, code in zip(self.effective, self.codes, strict=True)
        ]
        return f"{self.name} ({'; '.join(['jackknife', *counts])})"


Errors = Clusters | Literal["rows"]
"""Errors of independent rows of unequal variance, or of rows that are related in groups."""


def clusters(design: Design, panel: pd.DataFrame, by: Sequence[str]) -> Clusters:
    """Groups of the rows of a design by one or two columns of its panel.

    Parameters
    ----------
    design : Design
        As built from the panel, one row per person-month.
    panel : DataFrame
    by : sequence of str
        One or two columns, such as ``["centre"]`` or ``["centre", "nationality"]``.

    Raises
    ------
    DesignError
        If rows of the design stand for several person-months, or there are not one or two columns,
        or a column is missing, has missing values or a single group.

    Examples
    --------
    >>> from hazard import spec
    >>> from hazard.model import design
    >>> text = '''name = "example"
    ... question = "an example?"
    ... [outcome]
    ... exits = ["left"]'''
    >>> panel = pd.DataFrame({"person": [0, 0, 1], "month": [1, 2, 1], "exit": "stay"})
    >>> model_design = design.build(panel.assign(centre=["B", "A", "B"]), {}, spec.load(text))
    >>> grouped = clusters(model_design, panel.assign(centre=["B", "A", "B"]), ["centre"])
    >>> grouped.name, grouped.codes[0].tolist(), grouped.n_groups
    ('clustered by centre', [0, 1, 0], 2)
    """
    if (design.weight != 1).any():
        raise DesignError(
            "design must have one row per person-month, since the rows of a group are not alike; "
            f"got a weight other than 1 in {int((design.weight != 1).sum()):,} of "
            f"{len(design.weight):,} rows. Pass the design before equal rows are collapsed."
        )
    if len(by) not in (1, 2):
        raise DesignError(
            f"columns of clusters must be one or two; got {list(by)}. Name one or two."
        )
    rows = panel.iloc[design.row]
    grouped = Clusters(
        tuple(by), tuple(pd.factorize(column(rows, name))[0].astype(np.int64) for name in by)
    )
    for name, code in zip(by, grouped.codes, strict=True):
        if code.max() == 0:
            raise DesignError(
                f"panel column {name!r} must have two groups or more for clustered errors; got 1. "
                "Cluster by another column."
            )
    return grouped


def sums(data: Rows, values: FloatArray, code: AnyIntArray) -> Any:
    """Sum over the rows of each group of regressors times values.

    Parameters
    ----------
    data : Rows
    values : ndarray, shape (row, m)
    code : ndarray of int, shape (row,)
        Group of every row, from 0.

    Returns
    -------
    sparse array, shape (group, coefficient * m)
        Element (g, k * m + j) is the sum of x_ik values_ij over the rows i of group g.
    """
    m = values.shape[1]
    n_blocks = data.index.shape[1]
    group = np.repeat(code, n_blocks * m)
    level = (data.index.astype(np.int64)[:, :, None] * m + np.arange(m)).ravel()
    repeated = np.broadcast_to(values[:, None, :], (len(values), n_blocks, m)).ravel()
    shape = (int(code.max()) + 1, data.n_levels * m)
    by_level = sparse.coo_array((repeated, (group, level)), shape=shape).tocsr()
    basis = sparse.block_diag([sparse.csr_array(block.matrix()) for block in data.blocks])
    return (by_level @ sparse.kron(basis, sparse.eye_array(m), format="csr")).tocsr()


def meat(clusters: Clusters, summed: Callable[[IntArray], Any]) -> FloatArray:
    """Sum over groups of the outer product of the summed scores of a group.

    Parameters
    ----------
    clusters : Clusters
    summed : callable
        From the group of every row to the summed scores, sparse, shape (group, parameter).

    Returns
    -------
    ndarray, shape (parameter, parameter)
        Of two ways the sum of both less that of the rows that share both [1]_. It need not be
        positive definite.

    References
    ----------
    .. [1] Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of
       Business and Economic Statistics 29(2).
    """
    total = 0.0
    for sign, code in signed(clusters.codes):
        scores = summed(code)
        total = total + sign * (scores.T @ scores).toarray()
    return np.asarray(total)


def meat_of_rows(data: Rows, score: FloatArray) -> FloatArray:
    """Sum over rows of the outer product of their scores, by the weight of the rows.

    Parameters
    ----------
    data : Rows
    score : ndarray, shape (row, m)
        Derivative of what is maximised in the linear predictors of a row.

    Returns
    -------
    ndarray, shape (coefficient * m, coefficient * m)
    """
    m = score.shape[1]
    first, second = np.triu_indices(m)
    parts = cross_product(data, data.weight[:, None] * score[:, first] * score[:, second])
    n = parts.shape[1]
    out = np.empty((n, m, n, m))
    for part, a, b in zip(parts, first, second, strict=True):
        out[:, a, :, b] = part
        out[:, b, :, a] = part
    return out.reshape(n * m, n * m)


def sandwich(bread: FloatArray, filling: FloatArray, factor: float) -> FloatArray:
    """Covariance factor * bread @ filling @ bread.

    Parameters
    ----------
    bread, filling : ndarray, shape (parameter, parameter)
        Symmetric.
    factor : float
        Of :func:`small_sample`.

    Examples
    --------
    >>> sandwich(np.eye(2) / 2, np.diag([16.0, 4.0]), 1.0).tolist()
    [[4.0, 0.0], [0.0, 1.0]]
    """
    return np.asarray(factor * (bread @ filling @ bread))


def ways(errors: Any) -> int:
    """Number of ways of clusters whose covariances are added: 1, or 2 less that of both.

    Examples
    --------
    >>> codes = (np.array([0, 1]), np.array([0, 1]))
    >>> ways("rows"), ways(Clusters(("a",), codes[:1])), ways(Clusters(("a", "b"), codes))
    (1, 1, 2)
    """
    return len(errors.codes) if isinstance(errors, Clusters) else 1


def small_sample(n_rows: float, n_parameters: float) -> float:
    """Factor n / (n - k) by which the sandwich of independent rows is made wider in small samples.

    Parameters
    ----------
    n_rows : float
        Number of person-months n.
    n_parameters : float
        Number of parameters k; 1 after maximum likelihood.

    Notes
    -----
    The factor of Stata's ``regress`` and ``mlogit``, and of ``fixest``. As many parameters as rows
    leave nothing from which to estimate an error: NaN.

    Examples
    --------
    >>> small_sample(10, 2)
    1.25
    """
    return n_rows / (n_rows - n_parameters) if n_rows > n_parameters else np.nan


def freedom(errors: Errors) -> float:
    """Degrees of freedom of intervals: the number of groups less one, or infinity."""
    return float(errors.n_groups - 1) if isinstance(errors, Clusters) else np.inf
