"""What every baseline returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.special
import xarray as xr

from hazard.arrays import BoolArray, FloatArray
from hazard.errors import EstimandError

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
        NaN where the data do not identify the coefficient, minus infinity where it is separated;
        the error is NaN too where one cluster alone identifies it.
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
            stays at the limit, so far out that no row can tell. Coefficients without an error, and
            directions in which a covariance of two ways of clusters is negative, have no spread.

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
        in_sum = weights != 0
        w = weights[in_sum]
        total = w @ self.estimate[in_sum]
        variances = []
        for j in range(len(self.exits)):
            chosen = np.zeros(self.estimate.shape, dtype=bool)
            chosen[in_sum, j] = True
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
