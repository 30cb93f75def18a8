"""The published coefficient table as labelled curves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hazard.errors import DataError

CURVE = ["estimator", "exit", "exposure", "network"]
UNITS = {"lpm": "probability per month", "mnlogit": "log-odds"}
# Oslo Economics (2016): what its chapter on the regressions compares the coefficients with.
MONTHLY_PROBABILITY = MappingProxyType({"assisted": 0.015, "disappeared": 0.049})

_COLUMNS = {"lpm": ("lpm_coefficient", "lpm_se"), "mnlogit": ("mnlogit_log_odds", "mnlogit_se")}
_NUMBERS = ["coefficient", "standard_error"]


def published_curves(
    table: pd.DataFrame | None = None,
    *,
    decimals: int = 3,
    monthly_probability: Mapping[str, float] = MONTHLY_PROBABILITY,
) -> xr.Dataset:
    """Printed coefficients and standard errors, one curve per estimator, exit, exposure, network.

    Parameters
    ----------
    table : DataFrame, optional
        Columns ``outcome, exposure, network, lag_months, lpm_coefficient, lpm_se,
        mnlogit_log_odds, mnlogit_se``, one row per curve and lag. The default is Table 7-1 of
        Oslo Economics (2016).
    decimals : int
        Digits after the decimal point to which the table was rounded.
    monthly_probability : mapping of exit to float
        Mean probability per month of each exit, in (0, 1).

    Returns
    -------
    Dataset, dims (curve, lag)
        ``coefficient`` and ``standard_error``; ``monthly_probability`` (curve). Coordinates of
        ``curve``: ``estimator`` (``lpm``, probability per month; ``mnlogit``, log-odds), ``exit``,
        ``exposure``, ``network``. Attribute ``half_width``: half a unit of the last digit.

    Raises
    ------
    DataError
        If a curve lacks a lag or has it twice, a number is missing, a standard error is not
        positive, or the monthly probability of an exit is not given.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, Table 7-1.

    Examples
    --------
    >>> curves = published_curves()
    >>> curve = curves.sel(curve="mnlogit assisted forced_return centre")
    >>> curve["coefficient"].values.tolist()
    [0.4, 0.455, 0.731, 0.365, 0.794, 0.527, 0.84]
    """
    printed = published_table() if table is None else table
    named = printed.rename(columns={"outcome": "exit", "lag_months": "lag"})
    long = pd.concat(
        named.assign(estimator=name, coefficient=named[b], standard_error=named[s])
        for name, (b, s) in _COLUMNS.items()
    )
    _check(long, monthly_probability)
    long["curve"] = long[CURVE].agg(" ".join, axis=1)
    curves = long.set_index(["curve", "lag"])[_NUMBERS].to_xarray()
    keys = long.drop_duplicates("curve").set_index("curve").loc[curves["curve"].values, CURVE]
    base = keys["exit"].map(dict(monthly_probability)).to_numpy()
    return (
        curves.assign(monthly_probability=("curve", base))
        .assign_coords({key: ("curve", keys[key].to_numpy(dtype=str)) for key in CURVE})
        .assign_attrs(half_width=0.5 * 10.0**-decimals)
    )


def published_table() -> pd.DataFrame:
    """Table 7-1 of Oslo Economics (2016) as printed.

    Returns
    -------
    DataFrame
        ``outcome``, ``exposure``, ``network``, ``lag_months``, ``lpm_coefficient``, ``lpm_se``,
        ``mnlogit_log_odds``, ``mnlogit_se``; 56 rows.
    """
    return _bundled("oslo2016_table_7_1.csv")


def published_country_table() -> pd.DataFrame:
    """Table 7-2 of Oslo Economics (2016) as printed: relative risk ratios of two countries.

    Returns
    -------
    DataFrame
        ``outcome``, ``exposure``, ``network``, ``lag_window_months`` (``0``, ``1-2``, ...),
        ``iraq_rrr``, ``iraq_rrr_se``, ``afghanistan_rrr``, ``afghanistan_rrr_se``; 8 rows.
    """
    return _bundled("oslo2016_table_7_2.csv")


def _bundled(name: str) -> pd.DataFrame:
    with resources.files("hazard").joinpath("published", name).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False, na_values=[""])


def _check(long: pd.DataFrame, exits: Mapping[str, float]) -> None:
    lags = long.groupby(CURVE)["lag"].transform("count")
    rules: dict[str, Any] = {
        "hold each lag of a curve once": long.duplicated([*CURVE, "lag"]),
        "hold the same lags for every curve": lags != long["lag"].nunique(),
        "hold finite numbers": ~np.isfinite(long[_NUMBERS]).all(axis=1),
        "hold positive standard errors": ~(long["standard_error"] > 0),
        f"name exits among {sorted(exits)}": ~long["exit"].isin(list(exits)),
    }
    for rule, violated in rules.items():
        if violated.any():
            raise DataError(
                f"coefficient table must {rule}; got otherwise in {violated.sum()} of "
                f"{len(long)} coefficients (first: row {violated.to_numpy().argmax() + 1}). "
                "Correct the table."
            )
