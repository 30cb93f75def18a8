"""Lag curves of the levels of a group by which a term varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands.incidence import cumulative_lag_effect, lag_curve
from hazard.inference import new_levels
from hazard.model import naming
from hazard.model.terms.lagged import labels, owners, window_labels, window_of_lag
from hazard.spec import LaggedTerm


def level_curves(
    posterior: xr.Dataset,
    term: LaggedTerm,
    levels: Sequence[str] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> xr.Dataset:
    """Lag curve of every level: the common curve and its own difference, draw by draw.

    Parameters
    ----------
    posterior : Dataset
    term : LaggedTerm
        With ``varies_by``.
    levels : sequence of str, optional
        By default those with a difference of their own. Where the model lists the levels that
        differ, any other has the common curve; where all levels do, one that the rows did not have
        gets a difference from :func:`hazard.inference.new_levels.draw`.
    rng : Generator, optional
        Needed for levels that the rows did not have.

    Returns
    -------
    Dataset
        ``lag_coefficient`` (chain, draw, level, lag, exit) and ``cumulative_lag_effect`` (chain,
        draw, level, exit), as of :func:`hazard.estimands.incidence.lag_curves`.

    Raises
    ------
    EstimandError
        If the term does not vary, or a level has no curve and there is no generator.

    Examples
    --------
    >>> prior = {"family": "pooled", "scale": 1.0, "reason": "an example only"}
    >>> term = LaggedTerm(kind="lagged", exposure="visit", network="centre", lags=(0, 1),
    ...                   history_before_start="missing", prior=prior,
    ...                   varies_by={"by": "country", "levels": ("B",), "prior": prior})
    >>> common, differences = np.array([[[[1.0], [2.0]]]]), np.array([[[[0.5], [0.0]]]])
    >>> common_dims = ("chain", "draw", "visit_centre_level", "exit")
    >>> varying_dims = ("chain", "draw", "visit_centre_by_country_level", "exit")
    >>> posterior = xr.Dataset({
    ...     "beta_visit_centre": (common_dims, common),
    ...     "beta_visit_centre_by_country": (varying_dims, differences),
    ... }, {"visit_centre_by_country_level": ["B, 0", "B, 1"]})
    >>> level_curves(posterior, term, ["A", "B"])["lag_coefficient"].squeeze().values.tolist()
    [[1.0, 2.0], [1.5, 2.0]]
    """
    difference = _differences(posterior, term, levels or (), rng)
    if levels is not None:
        difference = difference.reindex(level=list(levels), fill_value=0.0)
    by_level = lag_curve(posterior, term) + difference
    total = cumulative_lag_effect(by_level)
    return xr.Dataset(
        {
            "lag_coefficient": by_level.transpose("chain", "draw", "level", "lag", "exit"),
            "cumulative_lag_effect": total.transpose("chain", "draw", "level", "exit"),
        }
    )


def all_level_curves(posterior: xr.Dataset, terms: Sequence[LaggedTerm]) -> xr.Dataset:
    """Lag curves of the levels of every term that varies, of those among the rows.

    Parameters
    ----------
    posterior : Dataset
    terms : sequence of LaggedTerm
        Those that do not vary are passed over.

    Returns
    -------
    Dataset
        ``lag_coefficient`` (chain, draw, term, level, lag, exit) and ``cumulative_lag_effect``
        (chain, draw, term, level, exit), not a number where a term does not have the level or the
        lag; without variables where no term varies.
    """
    varying = [term for term in terms if term.varies_by is not None]
    if not varying:
        return xr.Dataset()
    names = xr.DataArray([term.name for term in varying], dims="term", name="term")
    joined = xr.concat([level_curves(posterior, term) for term in varying], names, join="outer")
    return joined.transpose("chain", "draw", "term", "level", "lag", "exit")


def _differences(
    posterior: xr.Dataset,
    term: LaggedTerm,
    levels: Sequence[str],
    rng: np.random.Generator | None,
) -> xr.DataArray:
    """Differences from the common curve, (chain, draw, level, lag, exit), of levels that differ."""
    varies_by, name = term.varies_by, str(term.varying_name)
    if varies_by is None:
        raise EstimandError(f"term {term.name!r} must vary by a group for curves of its levels.")
    level_dim, windows = naming.level(name), window_labels(term.coefficient_windows)
    beta = naming.term(posterior, name).transpose("chain", "draw", level_dim, "exit")
    known = owners(beta[level_dim].values)
    new = [level for level in levels if level not in known]
    if new and varies_by.levels is None:
        drawn_levels = new_levels.draw(
            posterior, name, varies_by.prior, labels(new, windows).tolist(), rng
        )
        beta = xr.concat([beta, drawn_levels], dim=level_dim)
        known += new
    n_chains, n_draws, _, n_exits = beta.shape
    coords = {dim: beta[dim] for dim in ("chain", "draw", "exit") if dim in beta.coords}
    values = beta.values.reshape(n_chains, n_draws, len(known), len(windows), n_exits)
    return xr.DataArray(
        values[:, :, :, window_of_lag(term)],
        {**coords, "level": known, "lag": np.array(term.every_lag)},
        ("chain", "draw", "level", "lag", "exit"),
    )
