"""Percentiles of independent draws, as a table for readers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

_PERCENT = (2.5, 25.0, 50.0, 75.0, 97.5)


def percentiles(draws: xr.DataArray) -> pd.DataFrame:
    """Percentiles of independent draws, the error of the median, and the share above one half.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)

    Returns
    -------
    DataFrame
        One row per element, with its coordinates.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(101.0)[None], dims=("chain", "draw"))
    >>> percentiles(draws.expand_dims(exit=["a"]))
    ... # doctest: +NORMALIZE_WHITESPACE
      exit  p2_5   p25   p50   p75  p97_5      mcse  above_half  n_draws
    0    a   2.5  25.0  50.0  75.0   97.5  4.975186    0.990099      101
    """
    ordered = draws.transpose("chain", "draw", ...)
    values = ordered.values.reshape(-1, *ordered.shape[2:])
    step = 50.0 / np.sqrt(len(values))
    around_median = np.percentile(values, [50.0 - step, 50.0 + step], axis=0)
    columns = {
        **dict(zip(_names(), np.percentile(values, _PERCENT, axis=0), strict=True)),
        "mcse": (around_median[1] - around_median[0]) / 2,
        "above_half": (values > 0.5).mean(axis=0),
    }
    first = ordered.isel(chain=0, draw=0, drop=True)
    statistics = xr.Dataset(
        {name: first.copy(data=statistic) for name, statistic in columns.items()}
    )
    return statistics.to_dataframe().reset_index().assign(n_draws=len(values))


def _names() -> list[str]:
    return [f"p{share:g}".replace(".", "_") for share in _PERCENT]


def labelled(
    table: pd.DataFrame, quantity: str, unit: str, **labels: str | int | None
) -> pd.DataFrame:
    """A table of percentiles with what it is of, in the columns that all such tables have."""
    whole = table.assign(quantity=quantity, unit=unit, **labels)
    columns = ["quantity", "term", "lag", "exit", "arm", "month", *_names(), "above_half", "mcse"]
    whole = whole.reindex(columns=[*columns, "unit", "n_draws"])
    return whole.astype({"term": object, "arm": object, "month": "Int64", "lag": "Int64"})
