"""Replicates of a scenario -> tidy tables and sentences; simulation and posterior variance."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from hazard.output import digits, tables

Wording = Literal["association", "effect"]
DIFFERENCE = "feedback - naive"
_REPLICATION = "replication"
_PUBLISHED = (6, 12, 24)
_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "cumulative_incidence": "probability",
        "stock": "families",
        "extra_exits": "families",
        "stock_change": "families",
        "exits_per_event": "families per event",
        "resident_months_saved_per_event": "months per event",
    }
)


def contrasts(simulated: xr.Dataset) -> xr.Dataset:
    """What every arm changes, in families, compared with the first.

    Parameters
    ----------
    simulated : Dataset
        Of :func:`hazard.studies.scenario.simulate`.

    Returns
    -------
    Dataset, dims (chain, draw, replication, arm, version, place, ..., month)
        ``extra_exits`` (exit), exits by the end of the month; ``stock_change``, residents at its
        start. A third version is the feedback one minus the naive one. Zero where arms do not
        differ, for they have the same random numbers.
    """
    return _three(_changes(simulated))


def _changes(simulated: xr.Dataset) -> xr.Dataset:
    exits = simulated["cumulative_incidence"] * simulated["families"]
    quantities = xr.Dataset(
        {"extra_exits": exits, "stock_change": simulated["stock"].astype(float)}
    )
    return (quantities - quantities.isel(arm=0, drop=True)).isel(arm=slice(1, None))


def _three(versions: xr.Dataset) -> xr.Dataset:
    """Both versions, and what the feedback adds."""
    difference = versions.sel(version="feedback", drop=True) - versions.sel(
        version="naive", drop=True
    )
    return xr.concat([versions, difference.expand_dims(version=[DIFFERENCE])], dim="version")


def estimates(simulated: xr.Dataset, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Cumulative incidences and residents of every arm, and what each arm changes.

    Parameters
    ----------
    simulated : Dataset
        Of :func:`hazard.studies.scenario.simulate`.
    ci_prob : float

    Returns
    -------
    DataFrame
        A row per quantity (``cumulative_incidence``, ``stock``, ``extra_exits``,
        ``stock_change``), arm, version, place, exit and month; see :func:`summary`.
    """
    levels = _three(simulated[["cumulative_incidence", "stock"]].astype(float))
    quantities = {**dict(levels.data_vars), **dict(contrasts(simulated).data_vars)}
    parts = [
        summary(draws, ci_prob=ci_prob).assign(quantity=str(name), unit=_UNITS[str(name)])
        for name, draws in quantities.items()
        if draws.size
    ]
    return _ordered(pd.concat(parts, ignore_index=True))


def per_event(simulated: xr.Dataset, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Extra exits and saved resident-months per event that an arm adds, or per one it takes away.

    Parameters
    ----------
    simulated : Dataset
        Of :func:`hazard.studies.scenario.simulate`.
    ci_prob : float

    Returns
    -------
    DataFrame
        ``exits_per_event`` (by exit) and ``resident_months_saved_per_event``, by the end of months
        6, 12, 24 and the last; arms without more or fewer events have no rows.

    Notes
    -----
    In every draw it is the mean change over the replications divided by their mean number of
    events.

    Examples
    --------
    One resident of two leaves because of two events: half an exit per event, and, gone for the
    second month, half a resident-month saved.

    >>> dims = ("chain", "draw", "replication", "arm", "version", "place", "month")
    >>> month, arms = [1, 2], np.array([0.0, 1.0]).reshape(2, 1, 1, 1)
    >>> shape = (1, 4, 1, 2, 2, 1, 2)
    >>> incidence = np.broadcast_to(arms / 2, shape)
    >>> stock = np.broadcast_to(2 - arms * [0, 1], shape)
    >>> coords = {"arm": ["a", "b"], "version": ["naive", "feedback"], "place": ["all"],
    ...           "month": month, "exit": ["left"]}
    >>> example = xr.Dataset(
    ...     {"cumulative_incidence": ((*dims, "exit"), incidence[..., None]),
    ...      "stock": (dims, stock),
    ...      "events": (dims[:5], np.broadcast_to(arms[..., 0, 0] * 2, shape[:5])),
    ...      "families": ("place", [2])}, coords)
    >>> rows = per_event(example)
    >>> rows.loc[rows["version"] == "naive", ["quantity", "estimate"]].values.tolist()
    [['exits_per_event', 0.5], ['resident_months_saved_per_event', 0.5]]
    """
    number = simulated["events"].mean(_REPLICATION)
    number = (number - number.isel(arm=0, drop=True)).isel(arm=slice(1, None))
    has_events = (number != 0).all([dim for dim in number.dims if dim != "arm"])
    last = int(simulated["month"][-1])
    months = [*(month for month in _PUBLISHED if month < last), last]
    change = _changes(simulated).sel(arm=has_events)
    changes = xr.Dataset(
        {
            "exits_per_event": change["extra_exits"],
            "resident_months_saved_per_event": -change["stock_change"].cumsum("month"),
        }
    )
    ratios = _three((changes / number.sel(arm=has_events)).sel(month=months))
    parts = [
        summary(draws, ci_prob=ci_prob).assign(quantity=str(name), unit=_UNITS[str(name)])
        for name, draws in ratios.data_vars.items()
        if draws.size
    ]
    return _ordered(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame())


def summary(draws: xr.DataArray, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Estimates of expectations, and how much of their variance is that of simulated replicates.

    Parameters
    ----------
    draws : DataArray, dims (chain, draw, replication, ...)
    ci_prob : float

    Returns
    -------
    DataFrame
        A row per element: its coordinates; ``estimate`` and the interval of the means over the
        replications, which is wider than that of the posterior by their simulation variance;
        ``sd``, of the posterior alone; ``sd_life``, of one replicate around the expectation of its
        draw, and missing of one replication; ``mcse`` of the estimate, and the part of it that is
        from simulation, ``mcse_simulation``.

    Notes
    -----
    The variance of the means of n replicates is that of the posterior plus that of a replicate
    divided by n; the difference of the two is truncated at zero. More replications make the
    interval that of the posterior.

    Examples
    --------
    Replicates of 0 and 2 in every draw: simulation variance only.

    >>> dims = ("chain", "draw", "replication")
    >>> replicates = xr.DataArray(np.tile([0.0, 2.0], (1, 8, 1)), dims=dims)
    >>> row = summary(replicates.expand_dims(exit=["left"])).iloc[0]
    >>> float(row["estimate"]), float(row["sd"]), round(float(row["sd_life"]) ** 2, 9)
    (1.0, 0.0, 2.0)
    """
    over, n_replicates = ("chain", "draw"), draws.sizes[_REPLICATION]
    means = draws.mean(_REPLICATION)
    n_draws = means.sizes["chain"] * means.sizes["draw"]
    replicate_variance = means.isel(chain=0, draw=0, drop=True) * np.nan
    if n_replicates > 1:
        replicate_variance = draws.var(_REPLICATION, ddof=1).mean(over)
    variance = (means.var(over, ddof=1) - replicate_variance.fillna(0.0) / n_replicates).clip(
        min=0.0
    )
    rows = tables.summary(means, ci_prob=ci_prob).drop(columns="sd")
    parts = xr.Dataset(
        {
            "sd": np.sqrt(variance),
            "sd_life": np.sqrt(replicate_variance),
            "mcse_simulation": np.sqrt(replicate_variance / (n_replicates * n_draws)),
        }
    )
    keys = [str(dim) for dim in means.dims if dim not in over]
    spreads = parts.to_dataframe()[list(parts.data_vars)].reset_index()
    return rows.merge(spreads, on=keys, how="left")


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    keys = ("quantity", "arm", "version", "place", "exit", "month")
    first = [*keys, "estimate", "sd", "lower", "upper", "ci_prob", "ci_kind", "unit"]
    return rows.reindex(columns=[*first, "mcse", "sd_life", "mcse_simulation"])


def sentences(
    events: pd.DataFrame, facts: Mapping[str, int], *, wording: Wording = "association"
) -> list[str]:
    """Estimates in plain sentences.

    Parameters
    ----------
    events : DataFrame
        Of :func:`per_event`.
    facts : mapping
        Of the system.
    wording : {"association", "effect"}
        The second only where the model file declares how effects are identified.

    Returns
    -------
    list of str
    """
    lines = [_SIZE.format(**facts)]
    rows_of_all = events[events["place"] == "all"]
    if len(rows_of_all):
        rows_of_all = rows_of_all[rows_of_all["month"] == rows_of_all["month"].max()]
    for (arm, exit_), rows in rows_of_all.groupby(
        ["arm", rows_of_all["exit"].fillna("")], sort=False
    ):
        by_version = {row["version"]: row for _, row in rows.iterrows()}
        lines.append(_sentence(str(arm), str(exit_), by_version, wording))
    return [*lines, _CAVEATS[wording]]


def remarks(simulated: xr.Dataset) -> list[str]:
    """What limits the simulation, in plain sentences; none if nothing does.

    Parameters
    ----------
    simulated : Dataset
        Of :func:`hazard.studies.scenario.simulate`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> months = {"unsettled": ("version", [0, 1]), "stock": (("version", "month"), [[9] * 2] * 2)}
    >>> remarks(xr.Dataset(months, {"version": ["naive", "feedback"]}))[0][:44]
    'In 1 of 2 simulated months with feedback the'
    """
    number = simulated["unsettled"].sel(version="feedback")
    if not int(number.sum()):
        return []
    months = number.size * simulated.sizes["month"]
    return [_UNSETTLED.format(number=int(number.sum()), months=months)]


_UNSETTLED = (
    "In {number:,} of {months:,} simulated months with feedback the sweeps over the families were "
    "too few to forget where they began; of exits in these months there may be too few."
)
_SIZE = "The scenario has {families:,} families, {arrivals:,} of them arriving after its start."
_CAVEATS: Mapping[Wording, str] = MappingProxyType(
    {
        "association": "These are associations carried forward: the model file does not declare how"
        " effects are identified.",
        "effect": "They are effects only as far as the assumptions of the model file hold.",
    }
)


def _sentence(arm: str, exit_: str, by_version: Mapping[str, pd.Series], wording: Wording) -> str:
    month = int(by_version["feedback"]["month"])
    outcome = f"families {exit_}" if exit_ else "resident-months saved"
    link = "goes with" if wording == "association" else "brings"
    texts = {name: _number(row) for name, row in by_version.items()}
    return (
        f"Arm {arm!r}, by month {month}: an added event {link} {texts['feedback']} {outcome} with "
        f"feedback, and {texts['naive']} without; the difference is {texts[DIFFERENCE]}."
    )


def _number(row: pd.Series) -> str:
    power = digits.place(-2, float(row["mcse"]))
    low, middle, high = (
        digits.signed(float(row[name]), power) for name in ("lower", "estimate", "upper")
    )
    return f"{middle} ({low} to {high})"
