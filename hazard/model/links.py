"""From linear predictors to the probability of each exit in a month: the one hazard formula.

Everything that turns a linear predictor into a probability calls this module: the simulator, the
likelihood, the estimands. One faster loop of the likelihood writes the softmax out again; it is
tested against this one. The formula is a small compiled function over the exits of one row
(``exit_probabilities``); ``hazard`` is the same function over labelled arrays.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.compiled import compiled
from hazard.errors import DomainError
from hazard.spec.links import LINKS, LinkName

SOFTMAX, CLOGLOG = LINKS["softmax"].code, LINKS["cloglog"].code
if {link.code for link in LINKS.values()} != {SOFTMAX, CLOGLOG}:
    raise TypeError(
        "every link must have its formula here, in kernels.py and in jax_likelihood.py; "
        f"got the links {list(LINKS)}."
    )
_LARGEST_EXPONENT = 700.0


@compiled
def share_out(link: int, out: npt.NDArray[np.float64], unit: float) -> float:
    """Turn exponentiated linear predictors into exit probabilities, in place.

    Parameters
    ----------
    link : int
        ``SOFTMAX`` or ``CLOGLOG``.
    out : ndarray, shape (n_exits,)
        ``unit * exp(eta)``; receives the probabilities.
    unit : float
        Weight of staying on the scale of ``out``, 1 unless ``eta`` was shifted (softmax only).

    Returns
    -------
    float
        P(stay); NaN for any other code.
    """
    total = 0.0
    for j in range(out.shape[0]):
        total += out[j]
    if link == SOFTMAX:
        total += unit
        stay = unit / total
        factor = 1.0 / total
    elif link == CLOGLOG:
        stay = math.exp(-total)
        factor = -math.expm1(-total) / total if total > 0.0 else 1.0
    else:  # no formula: no number
        stay = factor = math.nan
    for j in range(out.shape[0]):
        out[j] *= factor
    return stay


@compiled
def exit_probabilities(
    link: int, eta: npt.NDArray[np.float64], out: npt.NDArray[np.float64]
) -> float:
    """Write the probability of each exit to ``out`` and return the probability of staying.

    Parameters
    ----------
    link : int
        ``SOFTMAX`` or ``CLOGLOG``.
    eta : ndarray, shape (n_exits,)
        Linear predictor per exit.
    out : ndarray, shape (n_exits,)
        Receives P(leave through the exit in the month | still there at its start).

    Returns
    -------
    float
        P(stay), so that ``out.sum()`` plus the result is 1.
    """
    top = 0.0
    if link == SOFTMAX:
        for j in range(eta.shape[0]):
            top = max(top, eta[j])
    for j in range(eta.shape[0]):
        out[j] = math.exp(min(eta[j] - top, _LARGEST_EXPONENT))
    stay: float = share_out(link, out, 1.0 if top == 0.0 else math.exp(-top))
    return stay


@compiled
def hazard_rows(link: int, eta: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Write the probability of each exit of every row to ``out``; both of shape (row, exit)."""
    for i in range(eta.shape[0]):
        exit_probabilities(link, eta[i], out[i])


def hazard(eta: xr.DataArray, link: LinkName = "softmax") -> xr.DataArray:
    """Probability of leaving through each exit in a month, given presence at its start.

    Parameters
    ----------
    eta : DataArray, dims (..., exit)
        Linear predictor: log-odds of the exit against staying (``softmax``), or log cause-specific
        cumulative hazard over the month (``cloglog``).
    link : {"softmax", "cloglog"}

    Returns
    -------
    DataArray, same dims
        Probability per month in [0, 1]; the sum over ``exit`` is at most 1.

    Raises
    ------
    DomainError
        If ``link`` is unknown, or a linear predictor is not a number.

    Notes
    -----
    softmax: h_j = exp(eta_j) / (1 + sum_k exp(eta_k)).
    cloglog: h_j = (m_j / m)(1 - exp(-m)) with m_j = exp(eta_j) and m the sum over exits: constant
    cause-specific hazards within the month, seen only at its end. With one exit this is the
    complementary log-log model.

    References
    ----------
    .. [1] Allison (1982), Discrete-time methods for the analysis of event histories,
       Sociological Methodology 13.

    Examples
    --------
    >>> eta = xr.DataArray([0.0, np.log(2.0)], dims="exit")
    >>> hazard(eta).values.round(2)
    array([0.25, 0.5 ])
    """
    if link not in LINKS:
        raise DomainError(f"link must be one of {sorted(LINKS)}; got {link!r}.")
    if not bool(np.isfinite(eta).all()):
        raise DomainError("linear predictor must be finite; got NaN or infinity.")
    ordered = eta.transpose(..., "exit")
    values = np.ascontiguousarray(ordered.values, dtype=np.float64)
    rows = values.reshape(-1, values.shape[-1])
    out = np.empty_like(rows)
    hazard_rows(LINKS[link].code, rows, out)
    return ordered.copy(data=out.reshape(values.shape)).transpose(*eta.dims)
