"""The simulator at the published size: totals, composition, and the planted effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import simulation
from hazard.model.links import hazard
from hazard.simulation.history import history
from hazard.simulation.margins import EXITS, figure
from hazard.simulation.world import ASSISTED, DISAPPEARED, FORCED
from planted_odds import LAGS, linear_predictor


@pytest.fixture(scope="module")
def truth() -> simulation.Truth:
    return simulation.truth("published", np.random.default_rng(2016))


@pytest.fixture(scope="module")
def published(truth: simulation.Truth) -> simulation.SimulatedRegisters:
    return simulation.registers(truth, np.random.default_rng(2005))


# Standard deviations of the totals over 16 runs, relative: 2.4 percent of the assisted, 0.9 of the
# disappeared, the forced and the months, 1.8 of the remaining. The mean of 4 runs has a quarter of
# the variance, and the last steps of the calibration, of size a = 5/18, add a / (2 - a) of it.
SPREAD = np.array([0.024, 0.009, 0.009, 0.018, 0.009])
LAST_STEP = 5 / 18
TOTALS = [*(f"first_exit_{name}" for name in EXITS), "still_resident", "person_months"]


def totals(truth: simulation.Truth, rng: np.random.Generator) -> np.ndarray:
    lived = history(truth, rng)
    inside = lived.rows.calendar >= truth.world.size.first_month
    exits = np.bincount(lived.rows.exit[inside] + 1, minlength=4)[1:]
    n_families = len(np.unique(lived.rows.family[inside]))
    assert n_families == figure("families")
    return np.array([*exits, n_families - exits.sum(), inside.sum()])


def distance(truth: simulation.Truth, rng: np.random.Generator) -> float:
    """Largest relative distance of the mean totals from the published, in standard errors."""
    mean = np.mean([totals(truth, stream) for stream in rng.spawn(4)], axis=0)
    wanted = np.array([figure(name) for name in TOTALS])
    return float(
        (np.abs(mean / wanted - 1) / (SPREAD * np.sqrt(1 / 4 + LAST_STEP / (2 - LAST_STEP)))).max()
    )


def test_totals_recover_the_published(truth: simulation.Truth, rng: np.random.Generator) -> None:
    assert distance(truth, rng) < 5
    without = replace(truth, effects=truth.effects.assign(lag_effect=0 * truth.effects.lag_effect))
    assert distance(without, rng) > 5  # negative control


def test_families_of_the_published_size(published: simulation.SimulatedRegisters) -> None:
    oracle = published.oracle
    families = oracle.drop_duplicates("family_id")
    assert len(families) == figure("families")
    assert oracle["centre"].nunique() == figure("centres")
    assert families["nationality"].nunique() == figure("nationalities")
    shares = families["nationality"].value_counts(normalize=True)
    se = 0.5 / np.sqrt(len(families))
    for name, country in [("afghanistan", "Afghanistan"), ("iraq", "Irak"), ("somalia", "Somalia")]:
        assert abs(shares[country] - figure(f"share_{name}")) < 5 * se
    assert abs(shares.iloc[:10].sum() - figure("share_ten_largest_nationalities")) < 5 * se
    moves = oracle.drop_duplicates(["family_id", "centre"])["family_id"].value_counts()
    centres_se = moves.std() / np.sqrt(len(moves))
    assert abs(moves.mean() - figure("centres_per_family")) < 5 * centres_se
    persons = published.tables["udi_persons"].drop_duplicates("family_id").set_index("family_id")
    sample = persons.loc[families["family_id"]]
    assert abs((sample["sex"] == "male").mean() - figure("share_male")) < 5 * se
    sizes = sample["family_size"]
    assert abs(sizes.mean() - figure("mean_family_size")) < 5 * sizes.std() / np.sqrt(len(sizes))
    assert sizes.max() == figure("max_family_size")


def worst_score(simulated: simulation.SimulatedRegisters, effects: xr.Dataset) -> float:
    """Largest score of a lag effect, in standard errors, of the exits that depend on others.

    Each exit is judged among the families that have not left through an earlier one of the month.
    """
    probability = hazard(linear_predictor(simulated, effects)).sel(exit=list(EXITS)).values
    seen = simulated.oracle[LAGS].to_numpy(dtype=float)
    way = simulated.oracle["exit"].to_numpy()
    forced, applied = way == "forced", way == "assisted"
    worst = 0.0
    for j, earlier in [(ASSISTED, forced), (DISAPPEARED, forced | applied)]:
        settled = probability[:, FORCED] + (probability[:, ASSISTED] if j == DISAPPEARED else 0)
        p = (probability[:, j] / (1 - settled))[~earlier]
        score = ((way == EXITS[j])[~earlier] - p) @ seen[~earlier]
        worst = max(worst, np.abs(score / np.sqrt((p * (1 - p)) @ seen[~earlier])).max())
    return worst


def test_planted_lag_effects_recover(published: simulation.SimulatedRegisters) -> None:
    effects = published.truth.effects
    assert worst_score(published, effects) < 5
    shifted = effects.assign(lag_effect=effects["lag_effect"].roll(lag=1))  # negative controls
    assert worst_score(published, shifted) > 5
    swapped = effects["lag_effect"].isel(exit=[1, 0, 2]).assign_coords(exit=effects["exit"])
    assert worst_score(published, effects.assign(lag_effect=swapped)) > 5


def test_dates_identity_in_order(published: simulation.SimulatedRegisters) -> None:
    tables, extract = published.tables, published.extract
    start, end = (pd.Timestamp(extract[f"window_{name}"]) for name in ("start", "end"))
    for name, column in [
        ("udi_applications", "applied_on"),
        ("udi_returns", "returned_on"),
        ("pu_deportations", "deported_on"),
    ]:
        assert tables[name][column].min() >= start
    assert tables["pu_deportations"]["deported_on"].max() < end + pd.DateOffset(months=1)
    stays = tables["udi_stays"]
    assert (stays["to_date"].isna() | (stays["to_date"] >= stays["from_date"])).all()
    before = stays.groupby("person_id")["to_date"].shift()
    assert (before.isna() | (before <= stays["from_date"])).all()
    applied = tables["udi_persons"].set_index("person_id")["asylum_applied_on"]
    decided = tables["udi_decisions"]
    assert (applied.loc[decided["person_id"]].to_numpy() <= decided["decided_on"].to_numpy()).all()
