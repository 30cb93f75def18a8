"""Priors in numbers: covariances and draws; and as a table for readers.

What a family is stands in its module in :mod:`hazard.spec.priors`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from hazard.arrays import FloatArray
from hazard.spec import ModelSpec
from hazard.spec.intercept import InterceptPrior
from hazard.spec.priors import Functions, LearnedFamily, NormalFamily, Prior, TransformedFamily

NUMBERS = Functions(special.erfc, np.tan, np.log, np.exp)


def covariance(prior: Prior, place: npt.ArrayLike) -> FloatArray:
    """Prior covariance of the coefficients of one term and exit.

    Parameters
    ----------
    prior : Prior
        Any that is normal, the sd known or learned.
    place : array_like of float, shape (n,)
        Lag of each coefficient (of a window of lags its middle), or its position 0, ..., n - 1.

    Returns
    -------
    ndarray, shape (n, n)
        On the squared scale of the coefficients; a learned sd at the scale of its prior.

    Raises
    ------
    TypeError
        If the prior is not normal.

    Examples
    --------
    >>> from hazard.spec.priors.random_walk import RandomWalkPrior
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    >>> covariance(walk, [0, 1, 2])
    array([[1., 1., 1.],
           [1., 5., 5.],
           [1., 5., 9.]])
    """
    if not isinstance(prior, NormalFamily):
        raise TypeError(f"prior family {prior.family!r} is not normal")
    return prior.covariance(np.asarray(place, dtype=np.float64))


def draws(prior: Prior, place: npt.ArrayLike, n: int, rng: np.random.Generator) -> FloatArray:
    """Draws of the coefficients of one term and exit from their prior.

    Returns
    -------
    ndarray, shape (coefficient, n)

    Examples
    --------
    >>> from hazard.spec.priors.monotone import MonotonePrior
    >>> prior = MonotonePrior(family="monotone", scale=1.0, reason="an example")
    >>> beta = draws(prior, [0, 1], 5, np.random.default_rng(1))
    >>> bool((abs(beta[1]) <= abs(beta[0])).all())
    True
    """
    lag = np.asarray(place, dtype=np.float64)
    if isinstance(prior, TransformedFamily):
        x = rng.standard_normal((prior.n_normals(len(lag)), n))
        return np.asarray(prior.transform(x, len(lag), NUMBERS))
    factor, sd = prior.factor(lag), np.ones(n)
    if isinstance(prior, LearnedFamily):
        sd = prior.spread.scale * np.abs(rng.standard_normal(n))
    return np.asarray(factor @ rng.standard_normal((factor.shape[1], n)) * sd)


def describe(spec: ModelSpec) -> pd.DataFrame:
    """Every prior of a model, with its reason.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    DataFrame
        One row for the intercept, one per term in file order, and one for the differences from each
        lag curve that varies by a group: ``name``, ``role`` (the kind of term), ``distribution``
        (per coefficient and exit, on the scale of the linear predictor), ``reason``.

    Examples
    --------
    >>> from hazard.spec import read
    >>> describe(read("oslo2016")).loc[0, "distribution"]
    'Normal(-5, 1.2)'
    """
    priors: list[tuple[str | None, str, Prior | InterceptPrior]] = [
        ("intercept", "intercept", spec.outcome.intercept),
        *((term.name, term.kind, term.prior) for term in spec.term),
        *(
            (term.varying_name, "varying", term.varies_by.prior)
            for term in spec.lagged
            if term.varies_by is not None
        ),
    ]
    return pd.DataFrame(
        [
            {"name": name, "role": role, "distribution": p.symbols, "reason": p.reason}
            for name, role, p in priors
        ]
    )
