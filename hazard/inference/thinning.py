"""Fewer draws of a posterior."""

from __future__ import annotations

import numpy as np
import xarray as xr


def thinned(posterior: xr.Dataset, n: int) -> xr.Dataset:
    """At most ``n`` draws, evenly spaced over every chain.

    Examples
    --------
    >>> draws = xr.Dataset({"b": (("chain", "draw"), np.arange(8.0).reshape(2, 4))})
    >>> thinned(draws, 4)["b"].values.tolist()
    [[0.0, 2.0], [4.0, 6.0]]
    """
    length = posterior.sizes["draw"]
    n_kept = min(length, max(1, n // posterior.sizes["chain"]))
    return posterior.isel(draw=np.arange(n_kept) * length // n_kept)
