"""What every baseline returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg
import scipy.special
import xarray as xr

from hazard.design import Design
from hazard.errors import EstimandError
from hazard.likelihood import Rows, cross_product
from hazard.terms.block import FloatArray
from hazard.terms.lagged import owners

BoolArray = npt.NDArray[np.bool_]

AT_INFINITY = 40.0
"""Log-odds that no data tell from infinite ones."""
_RATIOS = {
    "log-odds": "relative risk ratio",
    "log-hazard": "hazard ratio",
    "log-subdistribution hazard": "subdistribution hazard ratio",
}


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
    errors : str
        How the standard errors were computed.
    freedom : float
        Degrees of freedom of the intervals; infinity for those of a normal distribution.
    log_likelihood : float
        At the maximum; NaN for least squares.
    covariance : ndarray, shape (coefficient, exit, coefficient, exit), or None
        Of the estimates; NaN for what has no error, None where only errors are known.
    """

    estimator: str
    unit: str
    exits: tuple[str, ...]
    terms: pd.DataFrame
    estimate: FloatArray
    standard_error: FloatArray
    remarks: tuple[str, ...]
    errors: str = ""
    freedom: float = np.inf
    log_likelihood: float = np.nan
    covariance: FloatArray | None = None

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """Tidy table with one row per coefficient and exit, and its interval."""
        z = self.quantile(level)
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
                errors=self.errors,
            )
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def quantile(self, level: float) -> float:
        """Half the width of an interval, in standard errors."""
        return float(scipy.special.stdtrit(self.freedom, 0.5 + level / 2))

    def draws(self, n: int, rng: np.random.Generator) -> xr.DataArray:
        """Draws from the normal distribution around the estimates.

        Whatever turns posterior draws into a quantity turns these into its estimate and interval,
        so that nothing that follows asks which estimator it was.

        Parameters
        ----------
        n : int
        rng : Generator

        Returns
        -------
        DataArray, dims (chain, draw, coefficient, exit)
            One chain. A coefficient that is not identified is 0, as its reference; an infinite one
            stays at the limit, so far out that no row can tell. Directions in which a covariance
            of two ways of clusters is negative have no spread.

        Raises
        ------
        EstimandError
            If the fit has no covariance.

        Examples
        --------
        >>> labels = pd.DataFrame({"term": ["visit"], "level": ["0"]})
        >>> one = np.array([[1.0]])
        >>> fit = BaselineFit("logit", "log-odds", ("left",), labels, one, 0 * one, (),
        ...                   covariance=np.zeros((1, 1, 1, 1)))
        >>> fit.draws(2, np.random.default_rng(1)).values.ravel().tolist()
        [1.0, 1.0]
        """
        centre = self.centre()
        free = np.isfinite(self.standard_error) & np.isfinite(self.estimate)
        size = int(free.sum())
        values = np.repeat(centre[None], n, axis=0)
        values[:, free] += rng.standard_normal((n, size)) @ _root(self._among(free)).T
        return xr.DataArray(
            values[None],
            dims=("chain", "draw", "coefficient", "exit"),
            coords={"exit": list(self.exits)},
        )

    def centre(self) -> FloatArray:
        """Estimates as numbers to go on with, shape (coefficient, exit); see :meth:`draws`."""
        return np.clip(
            np.nan_to_num(self.estimate, posinf=np.inf, neginf=-np.inf), -AT_INFINITY, AT_INFINITY
        )

    def combination(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Estimate and standard error of a weighted sum of coefficients, exit by exit.

        Parameters
        ----------
        weights : ndarray, shape (coefficient,)
            Coefficients with weight 0 may be anything.

        Returns
        -------
        estimate : ndarray, shape (exit,)
            NaN where a coefficient of the sum is not identified.
        standard_error : ndarray, shape (exit,)
            NaN there too, and where a variance is negative.

        Raises
        ------
        EstimandError
            If the fit has no covariance.

        Examples
        --------
        >>> labels = pd.DataFrame({"term": ["visit"] * 2, "level": ["0", "1"]})
        >>> estimate, error = np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])
        >>> fit = BaselineFit("logit", "log-odds", ("left",), labels, estimate, error, (),
        ...                   covariance=np.diag([9.0, 16.0]).reshape(2, 1, 2, 1))
        >>> [part.tolist() for part in fit.combination(np.array([1.0, 1.0]))]
        [[3.0], [5.0]]
        """
        taken = weights != 0
        w = weights[taken]
        total = w @ self.estimate[taken]
        variances = []
        for j in range(len(self.exits)):
            chosen = np.zeros(self.estimate.shape, dtype=bool)
            chosen[taken, j] = True
            variances.append(w @ self._among(chosen) @ w)
        variance = np.array(variances)
        return total, np.sqrt(np.where(variance >= 0, variance, np.nan))

    def _among(self, chosen: BoolArray) -> FloatArray:
        if self.covariance is None:
            raise EstimandError(
                f"fit must have a covariance for sums and draws; that of the {self.estimator} has "
                "none. Use its single coefficients."
            )
        size = self.estimate.size
        flat = chosen.ravel()
        return np.asarray(self.covariance.reshape(size, size)[np.ix_(flat, flat)])

    def ratios(self, level: float = 0.95) -> pd.DataFrame:
        """Relative risk ratios of the coefficients, with their intervals.

        Returns
        -------
        DataFrame
            As :meth:`table`, exponentiated: of a log-odds b with standard error s the ratio exp(b),
            the interval with exponentiated ends, and the standard error s exp(b) of the delta
            method, which programs print beside a ratio; the interval is not made from it.

        Raises
        ------
        EstimandError
            If the coefficients are changes of a probability.

        Examples
        --------
        >>> labels = pd.DataFrame({"term": ["visit"], "level": ["0"]})
        >>> one = np.array([[np.log(2.0)]])
        >>> fit = BaselineFit("logit", "log-odds", ("left",), labels, one, 0 * one + 0.1, ())
        >>> fit.ratios()[["estimate", "standard_error", "lower", "upper"]].round(2).values.tolist()
        [[2.0, 0.2, 1.64, 2.43]]
        """
        if self.unit not in _RATIOS:
            raise EstimandError(
                f"ratios must come from log-odds or log-hazards; got a coefficient in "
                f"{self.unit!r}. Take them from the multinomial logit."
            )
        logs = self.table(level)
        return exponentials(logs, error="standard_error").assign(unit=_RATIOS[self.unit])


def exponentials(rows: pd.DataFrame, *, error: str) -> pd.DataFrame:
    """Ratios of estimates on the log scale.

    Parameters
    ----------
    rows : DataFrame
        With ``estimate``, ``lower``, ``upper`` and the column of their errors.
    error : str

    Returns
    -------
    DataFrame
        The same rows: exp(b), the exponentials of the ends, and the error s exp(b) of the delta
        method.

    Examples
    --------
    >>> log = pd.DataFrame({"estimate": [np.log(2)], "sd": [0.1], "lower": [0.0], "upper": [1.0]})
    >>> exponentials(log, error="sd").round(2).to_numpy().tolist()
    [[2.0, 0.2, 1.0, 2.72]]
    """
    with np.errstate(over="ignore"):  # the ratio of a log beyond 709 is infinite
        ratio, lower, upper = (np.exp(rows[name]) for name in ("estimate", "lower", "upper"))
        spread = ratio * rows[error]
    return rows.assign(**{"estimate": ratio, error: spread, "lower": lower, "upper": upper})


def _root(covariance: FloatArray) -> FloatArray:
    """A matrix R with R R' = covariance, without the directions of negative variance."""
    values, vectors = scipy.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def spread_out(covariance: FloatArray, chosen: BoolArray) -> FloatArray:
    """Covariance of some coefficients as one of all, NaN for the others.

    Parameters
    ----------
    covariance : ndarray, shape (chosen, chosen)
    chosen : ndarray of bool, shape (coefficient, exit)

    Returns
    -------
    ndarray, shape (coefficient, exit, coefficient, exit)
    """
    size = chosen.size
    out = np.full((size, size), np.nan)
    out[np.ix_(chosen.ravel(), chosen.ravel())] = covariance
    return out.reshape(*chosen.shape, *chosen.shape)


def errors_of(covariance: FloatArray, *, ways: int = 1) -> FloatArray:
    """Root of the variances, shape (coefficient, exit).

    Parameters
    ----------
    covariance : ndarray, shape (coefficient, exit, coefficient, exit)
    ways : int
        Of clusters (:func:`hazard.baselines.robust.ways`). Only the variance of two ways can be
        negative, and has no root; of one way it is so by rounding, and is 0.

    Examples
    --------
    >>> rounded = np.full((1, 1, 1, 1), -1e-20)
    >>> errors_of(rounded).item(), errors_of(rounded, ways=2).item()
    (0.0, nan)
    """
    n, m = covariance.shape[:2]
    variance = np.diag(covariance.reshape(n * m, n * m)).reshape(n, m)
    return np.sqrt(np.where(variance >= 0, variance, 0.0 * variance if ways == 1 else np.nan)) + 0.0


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


def independent_columns(
    data: Rows, *, among: BoolArray | None = None, tolerance: float = 1e-9
) -> BoolArray:
    """Which columns of the design matrix are no combination of the others kept.

    Parameters
    ----------
    data : Rows
    among : ndarray of bool, shape (coefficient,), optional
        Columns to look at; the others are not kept.
    tolerance : float

    Returns
    -------
    ndarray of bool, shape (coefficient,)
        Never-exposed columns are dependent; see :func:`independent`. The intercept is always kept:
        of columns that add up to it, another is left out.
    """
    [gram] = cross_product(data, data.weight[:, None])
    keep = np.ones(len(gram), dtype=bool) if among is None else among.copy()
    size = np.sqrt(np.diag(gram))
    level = data.blocks[0].kind == "intercept" and bool(keep[0]) and bool(size[0] > 0)
    if level:  # what a column has beyond its mean: no term takes the place of the intercept
        gram = gram - np.outer(gram[:, 0], gram[0]) / gram[0, 0]
        keep[0] = False
    keep[keep] = independent(gram[np.ix_(keep, keep)], size[keep], tolerance)
    keep[0] |= level
    return keep


def independent(gram: FloatArray, size: FloatArray, tolerance: float = 1e-9) -> BoolArray:
    """Which columns, of which ``gram`` has the cross-products, are no combination of those kept.

    Parameters
    ----------
    gram : ndarray, shape (column, column)
    size : ndarray, shape (column,)
        Root of the sum of squares of each column before anything was taken out of it: what is left
        of it is judged by this.
    tolerance : float

    Returns
    -------
    ndarray of bool, shape (column,)
        Pivoted QR of the scaled cross-products decides.

    Examples
    --------
    >>> independent(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([1.0, 2.0])).sum()
    np.int64(1)
    """
    keep = np.zeros(len(size), dtype=bool)
    if not len(size):
        return keep
    safe = np.where(size > 0, size, 1.0)
    _, upper, order = scipy.linalg.qr(gram / np.outer(safe, safe), pivoting=True, mode="economic")
    diagonal = np.abs(np.diag(upper))
    keep[order[diagonal > tolerance * max(diagonal[0], 1.0)]] = True
    return keep


def inverse(gram: FloatArray) -> FloatArray:
    """Inverse of cross-products or of an information, whatever the units of the columns.

    Parameters
    ----------
    gram : ndarray, shape (column, column)
        Symmetric and positive definite.

    Returns
    -------
    ndarray, same shape
        Inverse of the correlations, brought back: of an age in seconds beside a share of one, the
        plain inverse has no correct digit.

    Examples
    --------
    >>> inverse(np.array([[4.0**30, 0.0], [0.0, 4.0**-30]])).diagonal() * [4.0**30, 4.0**-30]
    array([1., 1.])
    """
    size = sizes(gram)
    return np.asarray(np.linalg.inv(gram / np.outer(size, size)) / np.outer(size, size))


def sizes(gram: FloatArray) -> FloatArray:
    """Root of the diagonal, 1 where that is 0, shape (column,).

    Examples
    --------
    >>> sizes(np.diag([4.0, 0.0])).tolist()
    [2.0, 1.0]
    """
    diagonal = np.diag(gram)
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def named(labels: pd.DataFrame, which: BoolArray, most: int = 8) -> str:
    """Text that lists coefficients, such as ``centre C012, centre C200 and 3 more``.

    A coefficient that is called as its term, that of a number, is named once.

    Examples
    --------
    >>> labels = pd.DataFrame({"term": ["age", "sex"], "level": ["age", "male"]})
    >>> named(labels, np.array([True, True]))
    'age, sex male'
    """
    chosen = [t if t == v else f"{t} {v}" for t, v in labels[which].itertuples(index=False)]
    more = f" and {len(chosen) - most} more" if len(chosen) > most else ""
    return ", ".join(chosen[:most]) + more


def too_few(estimated: int, n_rows: float) -> list[str]:
    """Remark that there are no rows left from which an error could be told, if so."""
    if n_rows > estimated:
        return []
    text = f"As many coefficients as person-months ({estimated:,}), no error."
    return [f"{text} Leave out terms, or add persons."]


def not_identified(labels: pd.DataFrame, lost: BoolArray) -> str:
    """Remark that names the coefficients that the rows do not tell."""
    return f"Not identified, left out: {named(labels, lost)}."


def undefined(labels: pd.DataFrame, lost: BoolArray) -> list[str]:
    """Remark that names the coefficients whose variance of two ways is negative, if any."""
    if not lost.any():
        return []
    return [f"Variance of two ways of clusters negative, no error: {named(labels, lost)}."]
