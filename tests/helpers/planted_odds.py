"""The planted log-odds, read off a register and its truth, and how far the exits are from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from hazard import simulation
from hazard.model.links import hazard
from hazard.months import year_of
from hazard.simulation.margins import EXITS, EXPOSURES, N_LAGS, NETWORKS
from hazard.simulation.world import ASSISTED, BREAKS, DISAPPEARED, FORCED

LAGS = [f"{e}_{w}_lag{lag}" for e in EXPOSURES for w in NETWORKS for lag in range(N_LAGS)]


def linear_predictor(simulated: simulation.SimulatedRegisters, effects: xr.Dataset) -> xr.DataArray:
    oracle = simulated.oracle
    persons = simulated.tables["udi_persons"].drop_duplicates("family_id").set_index("family_id")
    of_row = persons.loc[oracle["family_id"]]
    groups = ("centre", "nationality")
    row = {name: xr.DataArray(oracle[name].to_numpy(), dims="row") for name in groups}
    month = xr.DataArray(oracle["calendar"].to_numpy(), dims="row")
    interval = np.searchsorted(BREAKS, oracle["month"], side="right") - 1
    large = xr.DataArray(of_row["family_size"].to_numpy() >= 3, dims="row")
    eta = effects["intercept"] + effects["baseline"][:, xr.DataArray(interval, dims="row")]
    eta = eta + effects["calendar"].sel(year=xr.DataArray(year_of(oracle["calendar"]), dims="row"))
    eta = eta + effects["u_centre"].sel(centre=row["centre"])
    eta = eta + effects["u_nationality"].sel(nationality=row["nationality"])
    eta = eta + effects["sex"] * xr.DataArray((of_row["sex"] == "female").to_numpy(), dims="row")
    eta = eta + effects["large_family"] * large
    seen = oracle[LAGS].to_numpy(dtype=float)
    lags = effects["lag_effect"].values.reshape(len(EXITS), -1)
    eta = eta + xr.DataArray(lags @ seen.T, dims=("exit", "row"))
    if "spell" in effects:
        spell = effects["spell"].sel(nationality=row["nationality"], calendar_month=month)
        eta = eta + effects["spell_effect"] * spell
    if "shock" in effects:
        eta = eta + effects["shock"].sel(nationality=row["nationality"], calendar_month=month)
    if "campaign" in effects:
        campaign = effects["campaign"].sel(centre=row["centre"], calendar_month=month)
        eta = eta + effects["campaign_effect"] * campaign
    if "lag_effect_of_nationality" in effects:
        own = effects["lag_effect_of_nationality"].values.reshape(len(EXITS), len(LAGS), -1)
        codes = effects.indexes["nationality"].get_indexer(oracle["nationality"])
        for n in np.flatnonzero(own.any(axis=(0, 1))):
            shift = (own[:, :, n] @ seen.T) * (codes == n)
            eta = eta + xr.DataArray(shift, dims=("exit", "row"))
    return eta.transpose("row", "exit")


def left(
    simulated: simulation.SimulatedRegisters, eta: xr.DataArray
) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per exit: the rows not settled by an earlier one, the exit, and its planned probability.

    The police come first, then applications, then disappearances.
    """
    probability = hazard(eta).sel(exit=list(EXITS)).values
    way = simulated.oracle["exit"].to_numpy()
    open_, settled, found = np.ones(len(way), dtype=bool), np.zeros(len(way)), {}
    for j in (FORCED, ASSISTED, DISAPPEARED):
        p = probability[:, j] / (1 - settled)
        found[j] = (open_.copy(), way == EXITS[j], p)
        open_ &= way != EXITS[j]
        settled = settled + probability[:, j]
    return found


def score(
    seen: tuple[np.ndarray, np.ndarray, np.ndarray], direction: np.ndarray, also: np.ndarray = True
) -> float:
    """Score of an effect along ``direction``, in standard errors; normal if the odds are right."""
    rows, exits, p = seen
    kept = rows & also & (direction != 0)
    d, p = direction[kept], p[kept]
    return float(((exits[kept] - p) * d).sum() / np.sqrt((p * (1 - p) * d**2).sum()))


def planned(simulated: simulation.SimulatedRegisters) -> pd.Series:
    """Planned month of the family of every row; missing without a plan."""
    notes = simulated.notes["families"].set_index("family_id")["planned_month"]
    return notes.loc[simulated.oracle["family_id"]].reset_index(drop=True)
