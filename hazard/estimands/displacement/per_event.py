"""What one event at a centre does, given how many live there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands.displacement.decomposition import difference
from hazard.estimands.survival import restricted_mean_time


def per_forced_return(
    risks: xr.Dataset,
    residents: npt.ArrayLike,
    *,
    arms: tuple[str, str] = ("with", "without"),
) -> xr.Dataset:
    """Extra exits, and months of residence saved, by one event at a centre.

    Parameters
    ----------
    risks : Dataset
        As for :func:`more_or_earlier`.
    residents : array_like of float
        Number of other families at the centre of the event: one number, or one for each event that
        happened, of which the mean is taken.
    arms : tuple of str
        With the event, and without.

    Returns
    -------
    Dataset
        ``extra_exits`` (..., exit, month), by the end of the month, and ``saved_months`` (...), of
        all families together within the horizon; both per event.

    Raises
    ------
    EstimandError
        If there is no number of residents, or a negative one.

    Notes
    -----
    n A_j(t) and -n (change in expected months of stay), n the mean number of residents: the mean
    over events of a sum over residents, each of whom reacts as the average person does. Where the
    reaction goes with the size of the centre, take the risks by size. What they make others do in
    turn is left out.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, the two worked
       examples at the end of the discussion of what the results mean.

    Examples
    --------
    Twenty families, of whom two in a hundred more have applied by the end of the first month:
    in the second month they are not there.

    >>> gone = xr.DataArray([[[0.05, 0.07]], [[0.03, 0.05]]], {"arm": ["with", "without"],
    ...                     "exit": ["assisted"], "month": [1, 2]}, ("arm", "exit", "month"))
    >>> risks = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
    >>> effects = per_forced_return(risks, 20)
    >>> effects["extra_exits"].values.round(3).tolist(), round(effects["saved_months"].item(), 3)
    ([[0.4, 0.4]], 0.4)
    """
    number = _mean_number(residents)
    stay = restricted_mean_time(risks["survival"])
    return xr.Dataset(
        {
            "extra_exits": number * difference(risks["cumulative_incidence"], arms),
            "saved_months": -number * difference(stay, arms),
        }
    )


def _mean_number(residents: npt.ArrayLike) -> float:
    number = np.atleast_1d(np.asarray(residents, dtype=np.float64))
    if not number.size or not (number >= 0).all():
        raise EstimandError(
            "residents of the centre must be a number that is not negative, or one for each event; "
            f"got {(~(number >= 0)).sum()} others in {number.size} numbers."
        )
    return float(number.mean())
