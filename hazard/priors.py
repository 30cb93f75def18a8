"""Prior specifications as covariance matrices, and as a table for readers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hazard.spec import (
    DecayPrior,
    InterceptPrior,
    ModelSpec,
    NormalPrior,
    PooledPrior,
    Prior,
    RandomWalkPrior,
)


def covariance(
    prior: Prior, n: int, *, lags: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Prior covariance of the coefficients of one term.

    Parameters
    ----------
    prior : NormalPrior, PooledPrior, RandomWalkPrior or DecayPrior
    n : int
        Number of coefficients, at least 1.
    lags : array_like of int, shape (n,), optional
        Lag of every coefficient in months, a lead as a negative number; by default 0, ..., n - 1.
        Only ``decay`` looks at them.

    Returns
    -------
    ndarray, shape (n, n)
        Symmetric and positive definite, on the squared scale of the coefficients.

    Notes
    -----
    With k, l = 0, ..., n - 1:
    normal, K_kl = scale^2 [k = l];
    pooled, the same for a standard deviation equal to ``scale``, which the model learns;
    random walk, K_kl = start^2 + scale^2 min(k, l);
    decay, K_kl = scale^2 2^(-2 |lag_l| / half_life) [k = l]: as far from month 0 before as after.

    Examples
    --------
    >>> walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    >>> covariance(walk, 3)
    array([[1., 1., 1.],
           [1., 5., 5.],
           [1., 5., 9.]])
    >>> decay = DecayPrior(family="decay", scale=4.0, half_life=1.0, reason="an example")
    >>> np.sqrt(np.diag(covariance(decay, 4, lags=[-1, 0, 1, 2])))
    array([2., 4., 2., 1.])
    """
    place = np.arange(n, dtype=np.float64)
    match prior:
        case NormalPrior() | PooledPrior():
            return prior.scale**2 * np.eye(n)
        case RandomWalkPrior():
            return prior.start**2 + prior.scale**2 * np.minimum.outer(place, place)
        case DecayPrior():
            away = np.abs(place if lags is None else np.asarray(lags, dtype=np.float64))
            return np.diag(prior.scale**2 * np.exp2(-2 * away / prior.half_life))


def distribution(prior: Prior | InterceptPrior) -> str:
    """The distribution of a prior in symbols; a second argument of Normal is an sd.

    Examples
    --------
    >>> distribution(NormalPrior(family="normal", scale=0.5, reason="an example"))
    'Normal(0, 0.5)'
    """
    match prior:
        case InterceptPrior():
            return f"Normal({prior.mean:g}, {prior.scale:g})"
        case NormalPrior():
            return f"Normal(0, {prior.scale:g})"
        case PooledPrior():
            return f"Normal(0, sigma), sigma ~ HalfNormal({prior.scale:g})"
        case RandomWalkPrior():
            return f"first ~ Normal(0, {prior.start:g}), each step ~ Normal(0, {prior.scale:g})"
        case DecayPrior():
            return f"lag or number l ~ Normal(0, {prior.scale:g} * 2^(-|l| / {prior.half_life:g}))"


def describe(spec: ModelSpec) -> pd.DataFrame:
    """Every prior of a model, with its reason.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    DataFrame
        One row for the intercept and one per term, in file order: ``name``, ``role`` (the kind of
        term), ``distribution`` (per coefficient and exit, on the scale of the linear predictor),
        ``reason``.

    Examples
    --------
    >>> from hazard.spec import read
    >>> describe(read("oslo2016")).loc[0, "distribution"]
    'Normal(-4, 2.5)'
    """
    named = [("intercept", "intercept", spec.outcome.intercept)]
    terms = [(term.name, term.kind, term.prior) for term in spec.term]
    return pd.DataFrame(
        [
            {"name": name, "role": role, "distribution": distribution(p), "reason": p.reason}
            for name, role, p in [*named, *terms]
        ]
    )
