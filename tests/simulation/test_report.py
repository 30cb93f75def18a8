"""Simulated against published figures, with a tolerance that is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hazard import simulation
from hazard.simulation.margins import N_LAGS, printed
from hazard.simulation.report import _events_seen


@pytest.fixture(scope="module")
def truth() -> simulation.Truth:
    return simulation.truth("published", np.random.default_rng(2016))


def outside(truth: simulation.Truth, rng: np.random.Generator) -> set[str]:
    """Published figures that one run misses.

    The tolerance is half a unit of the last printed digit, plus the Student quantile at 99.5
    percent times the standard deviation of one run: of a hundred figures that the simulation meets
    on average, one falls outside.
    """
    spread = simulation.margins_spread(truth, rng, runs=4)
    figures, stated = simulation.simulated_figures(simulation.registers(truth, rng)), printed()
    found = figures.reindex(stated.index)
    assert np.isfinite(found).all()
    sd = spread.reindex(stated.index).fillna(0.0)
    tolerance = stated["half_unit"] + stats.t.ppf(0.995, spread.attrs["runs"] - 1) * sd
    within = (found - stated["value"]).abs() <= tolerance
    return set(within.index[~within])


def test_simulation_recovers_the_published_figures(
    truth: simulation.Truth, rng: np.random.Generator
) -> None:
    # with one percent each, more fall outside by chance in one of a thousand runs
    allowed = stats.binom.ppf(0.999, len(printed()), 0.01)
    assert len(outside(truth, rng)) <= allowed
    level = truth.effects["intercept"] + 0.3  # negative control
    moved = replace(truth, effects=truth.effects.assign(intercept=level))
    assert len(outside(moved, rng)) > allowed


def test_table_2_2_needs_the_differences_between_places(
    truth: simulation.Truth, rng: np.random.Generator
) -> None:
    groups = {name: truth.effects[name].copy() for name in ("u_centre", "u_nationality")}
    for effect in groups.values():
        effect.loc[{"exit": ["assisted", "disappeared"]}] = 0.0
    without = replace(truth, effects=truth.effects.assign(groups))
    missed = outside(without, rng)
    assert {"disappeared_centre_0-3", "disappeared_centre_4-6"} <= missed


# A family is alone at the centre from month 100 to 109; somebody was returned in month 99.
def test_long_lags_by_hand() -> None:
    months = np.arange(100, 110)
    rows = pd.DataFrame({"centre": "X", "calendar": months})
    for lag in range(N_LAGS):
        rows[f"forced_return_centre_lag{lag}"] = (months - lag == 99).astype(int)
    seen = _events_seen(rows, "centre")
    assert seen.shape == (10, 13)
    assert [int(lag[0]) for lag in map(np.flatnonzero, seen == 1)] == list(range(1, 11))
    unknown = np.isnan(seen)
    assert not unknown[:, :N_LAGS].any()
    # before month 94 nobody looked, and what happens in month 109 nobody sees
    assert [int(row.sum()) for row in unknown] == [6, 5, 4, 3, 2, 1, 0, 0, 0, 0]
