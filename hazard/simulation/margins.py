"""What was published, and how much of everything is simulated."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from hazard.arrays import IntArray
from hazard.errors import UsageError
from hazard.months import month_number, year_of

SizeName = Literal["published", "small"]

EXITS = ("assisted", "disappeared", "forced")
EXPOSURES = ("forced_return", "assisted_application")
NETWORKS = ("centre", "nationality")
N_LAGS = 7
# Months since a forced return in table 2-2, both included.
WINDOWS = {"0-3": (0, 3), "4-6": (4, 6), "7-12": (7, 12)}
# Unit of the figures that are printed in words: "just over 152 000", "approximately 700".
ROUNDED = {"person_months": 1000.0, "reappearances": 100.0}
# Nationalities with a published model of their own, and its column.
COUNTRY_COLUMNS = {"Irak": "iraq_rrr", "Afghanistan": "afghanistan_rrr"}


# --- how much is simulated ----------------------------------------------------------------------
@dataclass(frozen=True)
class Size:
    """How many of everything, and over which calendar months.

    ``stateless`` and ``pending`` families live in centres outside the sample; ``deported`` and
    ``applied`` families are rejected and never live in a centre.
    """

    name: SizeName
    families: int
    centres: int
    nationalities: int
    first_month: int
    last_month: int
    follow_up_end: int
    stateless: int
    pending: int
    deported: int
    applied: int

    @property
    def years(self) -> IntArray:
        """Calendar years of the window."""
        return np.unique(year_of(np.arange(self.first_month, self.last_month + 1)))


def size_of(name: SizeName) -> Size:
    """Size by name.

    Raises
    ------
    UsageError
        If the name is neither ``published`` nor ``small``.

    Examples
    --------
    >>> size_of("small").families, size_of("small").years.tolist()
    (600, [2005, 2006, 2007, 2008])
    """
    if name not in ("published", "small"):
        raise UsageError(f"size must be 'published' or 'small'; got {name!r}.")
    published = name == "published"
    end = month_number("2015-12" if published else "2008-12")
    return Size(
        name=name,
        families=int(figure("families")) if published else 600,
        centres=int(figure("centres")) if published else 12,
        nationalities=int(figure("nationalities")) if published else 8,
        first_month=month_number("2005-01"),
        last_month=end,
        follow_up_end=end + 4,
        stateless=300 if published else 12,
        pending=5000 if published else 200,
        deported=2500 if published else 100,
        applied=2200 if published else 90,
    )


# --- published facts ----------------------------------------------------------------------------
@cache
def _key_figures() -> dict[str, float]:
    rows = _published("oslo2016_key_figures.csv")
    return {row["quantity"]: float(row["value"]) for row in rows}


def figure(quantity: str) -> float:
    """One key figure of Oslo Economics (2016), as printed.

    Examples
    --------
    >>> figure("first_exit_assisted")
    1946.0
    """
    return _key_figures()[quantity]


def printed() -> pd.DataFrame:
    """Published figures, and half a unit of the last digit in which they are printed.

    Returns
    -------
    DataFrame
        ``value`` and ``half_unit`` by quantity: the key figures, and table 2-2 as
        ``{exit}_{network}_{months}``.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, chapter 2.

    Examples
    --------
    >>> printed().loc[["share_male", "assisted_centre_0-3"]].to_numpy().tolist()
    [[0.86, 0.005], [0.31, 0.005]]
    """
    texts = {row["quantity"]: row["value"] for row in _published("oslo2016_key_figures.csv")}
    for row in _published("oslo2016_table_2_2.csv"):
        where = f"{row['exposure_network']}_{row['window_months']}"
        for exit_name in ("assisted", "disappeared"):
            texts[f"{exit_name}_{where}"] = row[f"change_in_{exit_name}"]
    units = {name: 10.0 ** -len(text.partition(".")[2]) for name, text in texts.items()}
    return pd.DataFrame(
        {
            "value": {name: float(text) for name, text in texts.items()},
            "half_unit": {name: ROUNDED.get(name, unit) / 2 for name, unit in units.items()},
        }
    )


def lag_effects() -> xr.DataArray:
    """Log-odds per exit, exposure, network and lag as in the published multinomial logit.

    Returns
    -------
    DataArray, dims (exit, exposure, network, lag)
        Change of the log-odds of the exit against staying when at least one other family had the
        event ``lag`` months before; zero for the exit ``forced``, which was not modelled.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, table 7-1.

    Examples
    --------
    >>> where = {"exit": "assisted", "exposure": "forced_return", "network": "centre", "lag": 2}
    >>> float(lag_effects().sel(where))
    0.731
    """
    effects = _lag_curves(0.0)
    for row in _published("oslo2016_table_7_1.csv"):
        cell = {"exit": row["outcome"], "exposure": row["exposure"], "network": row["network"]}
        effects.loc[{**cell, "lag": int(row["lag_months"])}] = float(row["mnlogit_log_odds"])
    return effects


def country_lag_effects() -> dict[str, xr.DataArray]:
    """Log-odds as in ``lag_effects`` from the published models of single countries.

    Returns
    -------
    dict of str to DataArray, dims (exit, exposure, network, lag)
        By nationality; NaN for what was not estimated. Each month of a window has the effect of the
        window.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, table 7-2.

    Examples
    --------
    >>> where = {"exit": "assisted", "exposure": "forced_return", "network": "centre", "lag": 6}
    >>> float(np.exp(country_lag_effects()["Irak"].sel(where)).round(3))
    2.16
    """
    effects = {name: _lag_curves(np.nan) for name in COUNTRY_COLUMNS}
    for row in _published("oslo2016_table_7_2.csv"):
        cell = {"exit": row["outcome"], "exposure": row["exposure"], "network": row["network"]}
        first, last = (int(end) for end in (row["lag_window_months"].split("-") * 2)[:2])
        for name, column in COUNTRY_COLUMNS.items():
            lags = {"lag": slice(first, last)}
            effects[name].loc[{**cell, **lags}] = np.log(float(row[column]))
    return effects


def _lag_curves(value: float) -> xr.DataArray:
    coords: dict[str, list[str] | IntArray] = {
        "exit": list(EXITS),
        "exposure": list(EXPOSURES),
        "network": list(NETWORKS),
        "lag": np.arange(N_LAGS),
    }
    return xr.DataArray(
        np.full([len(c) for c in coords.values()], value), coords, name="lag_effect"
    )


def _published(name: str) -> list[dict[str, str]]:
    path = resources.files("hazard") / "published" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
