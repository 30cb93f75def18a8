"""What the registers show of the exits: by whom, as what, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from hazard.arrays import BoolArray
from hazard.months import month_text
from hazard.simulation.biographies import MISSING, Biographies, month_of_day
from hazard.simulation.history import History
from hazard.simulation.margins import EXITS
from hazard.simulation.planted import NO_PLAN
from hazard.simulation.world import ASSISTED, DISAPPEARED, FORCED, Truth


def registered(biographies: Biographies, truth: Truth, rng: np.random.Generator) -> Biographies:
    """The same biographies, with what the registers show of each exit.

    Parameters
    ----------
    biographies : Biographies
    truth : Truth
    rng : Generator

    Returns
    -------
    Biographies
        Exits have the further columns ``in_udi`` and ``in_pu``, for forced returns; ``escorted``,
        an assisted return that UDI shows as one by the police; ``ordinary``, a disappearance that
        is an ordinary return; ``delay`` in months, and ``unseen``, registered after the end of
        follow-up. The last stay of a family with an unseen exit has no end.
    """
    scenario, exits = truth.scenario, biographies.exits
    exit_code = exits["exit"].to_numpy()
    recorded = exits.assign(in_udi=True, in_pu=True, escorted=False, ordinary=False, delay=0)
    source = rng.choice(3, int((exit_code == FORCED).sum()), p=scenario.seen_by)
    recorded.loc[exit_code == FORCED, "in_udi"] = source != 2
    recorded.loc[exit_code == FORCED, "in_pu"] = source != 1
    if scenario.escorted or scenario.ordinary:
        uniform = rng.random(len(exits))
        recorded["escorted"] = (exit_code == ASSISTED) & (uniform < scenario.escorted)
        recorded["ordinary"] = (exit_code == DISAPPEARED) & (uniform < scenario.ordinary)
    if scenario.delay_months:
        recorded["delay"] = rng.geometric(1 / (1 + scenario.delay_months), len(exits)) - 1
    recorded["unseen"] = _unseen(recorded, biographies.stays, truth.world.size.follow_up_end)
    return replace(biographies, exits=recorded, stays=_open_ended(biographies.stays, recorded))


def notes(
    history: History, biographies: Biographies, families: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Tables of the truth about families and exits, where the scenario has any.

    Parameters
    ----------
    history : History
    biographies : Biographies
        With what the registers show.
    families : DataFrame
        ``family`` and ``family_id``, one row per family or more.

    Returns
    -------
    dict of str to DataFrame
        ``families``: frailties on the log-odds scale and the planned month at risk. ``exits``: what
        happened in which month, what the registers show, in which register, and when.
    """
    scenario = history.truth.scenario
    ids = families.drop_duplicates("family").set_index("family")["family_id"]
    tables = {}
    if scenario.frailty != "none" or scenario.movers != "none":
        sample = biographies.families.loc[biographies.families["role"] == "sample", "family"]
        tables["families"] = _of_families(history, ids.loc[sample])
    if scenario.escorted or scenario.ordinary or scenario.delay_months:
        tables["exits"] = _of_exits(biographies.exits, ids)
    return tables


def _unseen(exits: pd.DataFrame, stays: pd.DataFrame, follow_up_end: int) -> BoolArray:
    last_day = exits["day"].where(exits["exit"] != ASSISTED, exits["completed"]).to_numpy()
    late = (month_of_day(last_day) + exits["delay"].to_numpy() > follow_up_end) & (
        exits["delay"] > 0
    )
    # who is registered at a centre again is known to have left the one before
    last = exits["family"].map(stays.groupby("family")["start"].max())
    return np.asarray(late & ~(last > exits["day"]))


def _open_ended(stays: pd.DataFrame, exits: pd.DataFrame) -> pd.DataFrame:
    unseen = stays["family"].isin(exits.loc[exits["unseen"], "family"])
    last = stays.groupby("family")["start"].transform("max") == stays["start"]
    return stays.assign(end=stays["end"].mask(unseen & last, MISSING))


def _of_families(history: History, ids: pd.Series) -> pd.DataFrame:
    frailty, planned = history.traits
    family = ids.index.to_numpy()
    month = pd.Series(planned[family]).astype("Int64")
    columns = {f"frailty_{name}": frailty[family, j] for j, name in enumerate(EXITS)}
    stated = {"family_id": ids.to_numpy(), **columns, "planned_month": month.mask(month == NO_PLAN)}
    return pd.DataFrame(stated).sort_values("family_id", ignore_index=True)


def _of_exits(exits: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    exit_code = exits["exit"].to_numpy()
    names = np.array(EXITS)[exit_code]
    registers = np.select([~exits["in_pu"], ~exits["in_udi"]], ["udi", "pu"], "both")
    month = month_of_day(exits["day"])
    stated = pd.DataFrame(
        {
            "family_id": exits["family"].map(ids),
            "month": [month_text(calendar_month) for calendar_month in month],
            "exit": np.where(exits["ordinary"], "ordinary_return", names),
            "shown": np.select([exits["unseen"], exits["escorted"]], ["stay", "forced"], names),
            "register": np.where(exit_code == FORCED, registers, "udi"),
            "delay_months": exits["delay"],
        }
    )
    return stated.sort_values("family_id", ignore_index=True)
