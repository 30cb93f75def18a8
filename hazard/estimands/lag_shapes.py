"""Whether a lag curve has a shape, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_
from types import MappingProxyType

import numpy as np
import xarray as xr

from hazard.spec.shapes import Condition, Negligible


def lag_shape(curve: xr.DataArray, shape: Sequence[Condition]) -> xr.DataArray:
    """Whether a curve meets all conditions of a shape at once.

    Parameters
    ----------
    curve : DataArray, dims (..., lag)
        Coefficients on the scale of the linear predictor, all lags of one term with their labels.
    shape : sequence of Condition
        One or more, checked by :func:`hazard.spec.shapes.check_shape`.

    Returns
    -------
    DataArray, dims (...)
        1 where it has the shape, 0 where not; not a number where a coefficient is not. The mean
        over posterior draws is the probability of the shape.

    Notes
    -----
    With b(l) the coefficient of lag l and L the lags of a condition: ``peak`` is
    max over L of b > max over the other lags of b, ``trough`` the same of -b; ``positive`` is b > 0
    and ``negative`` b < 0 on L; ``increasing`` is b(l) <= b(l + 1) and ``decreasing`` the reverse,
    for neighbours in L; ``negligible`` is -log(within) <= b <= log(within) on L. A curve at the
    border of a strict inequality does not have the shape. It is about coefficients, given that the
    person is still there, and not about the sum of what an event does.

    The region of practical equivalence is that of [1]; here all lags must lie in it together.

    References
    ----------
    .. [1] Makowski, Ben-Shachar and Ludecke (2019), bayestestR: describing effects and their
       uncertainty, existence and significance within the Bayesian framework, Journal of Open Source
       Software 4(40), 1541.

    Examples
    --------
    Three draws of three lags: largest at lag 1, at lag 0, and at lag 1 but below 0 at lag 2.

    >>> coefficients = [[0.1, 0.5, 0.05], [0.6, 0.5, 0.2], [0.1, 0.5, -0.3]]
    >>> curve = xr.DataArray(coefficients, {"lag": [0, 1, 2]}, ("draw", "lag"))
    >>> from hazard.spec.shapes import Peak
    >>> peak = Peak(kind="peak", lags=(1, 2))
    >>> lag_shape(curve, [peak]).values.tolist()
    [1.0, 0.0, 1.0]
    >>> lag_shape(curve, [peak, Negligible(kind="negligible", lags=(2, 2), within=1.1)]).values
    array([1., 0., 0.])
    """
    met = reduce(and_, [_is_met(curve, condition) for condition in shape])
    return met.astype(float).where(curve.notnull().all("lag"))


def _is_met(curve: xr.DataArray, condition: Condition) -> xr.DataArray:
    first, last = condition.lags
    among = ((curve["lag"] >= first) & (curve["lag"] <= last)).values
    inside, outside = curve.isel(lag=among), curve.isel(lag=~among)
    if isinstance(condition, Negligible):
        small: xr.DataArray = abs(inside) <= np.log(condition.within)
        return small.all("lag")
    return _MET[condition.kind](inside, outside)


_MET: Mapping[str, Callable[[xr.DataArray, xr.DataArray], xr.DataArray]] = MappingProxyType(
    {
        "peak": lambda inside, outside: inside.max("lag") > outside.max("lag"),
        "trough": lambda inside, outside: inside.min("lag") < outside.min("lag"),
        "positive": lambda inside, _: (inside > 0).all("lag"),
        "negative": lambda inside, _: (inside < 0).all("lag"),
        "increasing": lambda inside, _: (inside.diff("lag") >= 0).all("lag"),
        "decreasing": lambda inside, _: (inside.diff("lag") <= 0).all("lag"),
    }
)
