"""Draws -> estimate, intervals, probabilities, and the Monte Carlo error of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

INNER = MappingProxyType({"50": 0.5, "80": 0.8})
"""Intervals beside the one of 95 percent: the end of their columns, and their probability."""
DETAIL = (
    *(f"{end}_{name}" for name in INNER for end in ("lower", "upper")),
    "lower_mcse",
    "upper_mcse",
    "inner_mcse",
    "p_direction",
    "p_direction_mcse",
    "rope",
    "p_beyond_rope",
    "p_beyond_rope_mcse",
    "p_positive",
    "p_positive_mcse",
    "p_above_rope",
    "p_below_rope",
    "p_rope_mcse",
)
"""Columns that only quantities of a posterior have."""
_OVER = ("chain", "draw")


@dataclass(frozen=True)
class Compared:
    """Null value, and half the width of the region of practical equivalence (ROPE) around it.

    Attributes
    ----------
    null : float or None
        Its value where there is no difference: 0 of a difference, 1 of a ratio; None of a quantity
        that has none, such as a probability.
    rope : float or None
        How far from that it must be to matter.
    """

    null: float | None = None
    rope: float | None = None


NOT_COMPARED = Compared()


def summary(draws: xr.DataArray, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Mean, equal-tailed interval and Monte Carlo error of every element.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
    ci_prob : float

    Returns
    -------
    DataFrame
        One row per element: its coordinates, estimate, sd, lower, upper, ci_prob, ci_kind, mcse;
        missing where a draw is not a number.

    Examples
    --------
    >>> draws = xr.DataArray(np.arange(41.0)[None], dims=("chain", "draw"))
    >>> summary(draws.expand_dims(exit=["a"]))[["estimate", "lower", "upper"]].round(9).values
    array([[20.,  1., 39.]])
    """
    lower, upper = _ends(draws, ci_prob)
    parts = {
        "estimate": draws.mean(_OVER, skipna=False),
        "sd": draws.std(_OVER, ddof=1, skipna=False),
        "lower": lower,
        "upper": upper,
        "mcse": _mcse(draws),
    }
    return _tidy(parts).assign(ci_prob=ci_prob, ci_kind="equal-tailed")


def detailed(draws: xr.DataArray, comparison: Compared = NOT_COMPARED) -> pd.DataFrame:
    """As :func:`summary`, with narrower intervals, probabilities and all Monte Carlo errors.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, ...)
    comparison : Compared

    Returns
    -------
    DataFrame
        Also ``lower_50`` to ``upper_80``; ``lower_mcse`` and ``upper_mcse`` of the ends of the
        interval of 95 percent, ``inner_mcse`` the largest of the other four; ``p_direction``, the
        probability of lying on that side of ``null`` on which more draws lie;
        ``p_beyond_rope``, that of lying there beyond ``rope``; ``p_positive``, the probability of
        lying above ``null``; ``p_above_rope`` and ``p_below_rope``, those of lying above and below
        ``null`` by more than ``rope``, taken as 0 where there is none; their Monte Carlo errors,
        ``p_rope_mcse`` the largest of above, below and between.

    Notes
    -----
    The error of a probability p is sqrt(q (1 - q) / n), where q = (n p + 1/2) / (n + 1) and n is
    the effective number of draws of the indicator: it is not 0 where all draws agree.

    Examples
    --------
    Draws from -10 to 30: 30 of 41 are above 0, and 20 of them above 10.

    >>> draws = xr.DataArray(np.arange(-10.0, 31.0)[None], dims=("chain", "draw"))
    >>> rows = detailed(draws.expand_dims(exit=["a"]), Compared(0.0, 10.0))
    >>> (41 * rows[["p_direction", "p_beyond_rope"]]).round(9).values.tolist()
    [[30.0, 20.0]]
    >>> (41 * rows[["p_positive", "p_above_rope", "p_below_rope"]]).round(9).values.tolist()
    [[30.0, 20.0, 0.0]]
    >>> rows[["lower_50", "upper_50"]].values.tolist()
    [[0.0, 20.0]]
    """
    parts = _inner(draws)
    if comparison.null is not None:
        parts |= _probabilities(draws - comparison.null, comparison.rope)
    outer = summary(draws)
    joined = outer.join(_tidy(parts)[[*parts]])
    rope = np.nan if comparison.rope is None else comparison.rope
    return joined.assign(rope=rope).reindex(columns=[*outer.columns, *DETAIL])


def probability(indicator: xr.DataArray) -> pd.DataFrame:
    """Probability of an event, with its Monte Carlo error.

    Parameters
    ----------
    indicator : DataArray, dims (chain, draw, ...)
        1 in draws in which it happens, 0 in the others.

    Returns
    -------
    DataFrame
        One row per element: its coordinates, ``estimate`` in [0, 1] and ``mcse``, as of
        :func:`detailed`; missing where a draw is not a number.

    Examples
    --------
    >>> happens = xr.DataArray([[1.0, 0.0, 1.0, 1.0]], dims=("chain", "draw"))
    >>> probability(happens.expand_dims(exit=["a"]))["estimate"].tolist()
    [0.75]
    """
    share, error = _share(indicator > 0, indicator.notnull().all(_OVER))  # noqa: PD004 - of xarray
    return _tidy({"estimate": share, "mcse": error})


def _inner(draws: xr.DataArray) -> dict[str, xr.DataArray]:
    """Ends of the inner intervals, and errors of all ends."""
    parts, errors = {}, []
    for name, prob in INNER.items():
        parts[f"lower_{name}"], parts[f"upper_{name}"] = _ends(draws, prob)
        errors += [_mcse(draws, tail) for tail in ((1 - prob) / 2, (1 + prob) / 2)]
    largest = xr.concat(errors, dim="end").max("end", skipna=False)
    return {
        **parts,
        "lower_mcse": _mcse(draws, 0.025),
        "upper_mcse": _mcse(draws, 0.975),
        "inner_mcse": largest,
    }


def _probabilities(distance: xr.DataArray, rope: float | None) -> dict[str, xr.DataArray]:
    """Probabilities of the sides of 0 and of the ROPE, and of the likelier side."""
    positive = (distance > 0).mean(_OVER) >= (distance < 0).mean(_OVER)
    signed = distance.where(positive, -distance)
    parts = _probability(distance, "p_direction", signed > 0)
    if rope is not None:
        parts |= _probability(distance, "p_beyond_rope", signed > rope)
    parts |= _probability(distance, "p_positive", distance > 0)
    width = rope or 0.0
    sides = {"p_above_rope": distance > width, "p_below_rope": distance < -width}
    indicators = [*sides.items(), ("p_within_rope", abs(distance) <= width)]
    of_rope = [_probability(distance, name, inside) for name, inside in indicators]
    errors = [part[f"{name}_mcse"] for part, (name, _) in zip(of_rope, indicators, strict=True)]
    parts |= {name: part[name] for part, name in zip(of_rope, sides, strict=False)}
    return {**parts, "p_rope_mcse": xr.concat(errors, dim="side").max("side", skipna=False)}


def _probability(
    distance: xr.DataArray, name: str, inside: xr.DataArray
) -> dict[str, xr.DataArray]:
    """Share of the draws inside, and its Monte Carlo error; missing where a draw is no number."""
    all_known = distance.notnull().all(_OVER)  # noqa: PD004 - of xarray
    share, error = _share(inside, all_known)
    return {name: share, f"{name}_mcse": error}


def _share(inside: xr.DataArray, all_known: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Share of draws inside, where all are known, and its Monte Carlo error."""
    share = inside.mean(_OVER).where(all_known)
    n = az.ess(xr.Dataset({"value": inside.astype(float)}), method="mean")["value"]
    smooth = (n * share + 0.5) / (n + 1)
    return share, np.sqrt(smooth * (1 - smooth) / n)


def _ends(draws: xr.DataArray, prob: float) -> tuple[xr.DataArray, xr.DataArray]:
    tail = (1 - prob) / 2
    edges = draws.quantile([tail, 1 - tail], dim=_OVER, skipna=False)
    return edges.isel(quantile=0, drop=True), edges.isel(quantile=1, drop=True)


def _mcse(draws: xr.DataArray, prob: float | None = None) -> xr.DataArray:
    """Monte Carlo error of the mean, or of a quantile."""
    named = xr.Dataset({"value": draws})
    options = {} if prob is None else {"method": "quantile", "prob": prob}
    error: xr.DataArray = az.mcse(named, **options)["value"]
    return error


def _tidy(parts: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    return xr.Dataset(dict(parts)).to_dataframe().reset_index()
