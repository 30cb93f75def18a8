"""Every scenario: what it plants is in the registers, and is not there without it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from hazard import registers, simulate
from hazard.errors import UsageError
from hazard.months import month_number
from hazard.registers.check import _rules
from hazard.simulate.calibrate import FIRST_GUESS_MOVING, _drawn
from hazard.simulate.course import course
from hazard.simulate.history import history
from hazard.simulate.margins import EXITS, size_of
from hazard.simulate.world import (
    ASSISTED,
    DISAPPEARED,
    FORCED,
    World,
    draw_centres,
    nationality_shares,
)
from tests.planted_odds import LAGS, left, linear_predictor, planned, score

Scene = Callable[[str], simulate.SimulatedRegisters]
# SHA-256 of the tables of the small registers with seed 0, before there were scenarios.
BEFORE = "898a4f3f2dcd77ca71a15d538c8e499e63394e2cdf01c29335f623d9aed91c03"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Registers of the published size by scenario, from effects that are not calibrated."""
    kept: dict[str, simulate.SimulatedRegisters] = {}

    def lived(name: str) -> simulate.SimulatedRegisters:
        if name not in kept:
            rng, size = np.random.default_rng(2016), size_of("published")
            shares, centres = nationality_shares(size.nationalities), draw_centres(size, rng)
            world = World(size, course(size), shares, centres, FIRST_GUESS_MOVING)
            one = simulate.scenario(name)
            truth = simulate.Truth(_drawn(world, one, rng), world, one)
            kept[name] = simulate.registers(truth, rng)
        return kept[name]

    return lived


def written(folder: Path, rng: np.random.Generator, *scenario: simulate.Scenario) -> str:
    simulate.write(simulate.registers(simulate.truth("small", rng, *scenario), rng), folder)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.csv")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def test_default_reference_the_bytes_before_scenarios(tmp_path: Path) -> None:
    assert written(tmp_path / "one", np.random.default_rng(0)) == BEFORE
    default = written(tmp_path / "two", np.random.default_rng(0), simulate.scenario("default"))
    assert default == BEFORE
    null = written(tmp_path / "three", np.random.default_rng(0), simulate.scenario("null"))
    assert null != BEFORE  # negative control
    names = [sorted(path.name for path in (tmp_path / one / "truth").iterdir()) for one in ("one",)]
    assert names == [["truth.nc"]]


def test_unknown_scenario_is_refused() -> None:
    with pytest.raises(UsageError, match=r"got 'shoks'\. Did you mean 'shocks'\?"):
        simulate.scenario("shoks")


# --- effects on the odds ------------------------------------------------------------------------
def test_null_has_no_effect_of_others(scene: Scene) -> None:
    table = simulate.scenario("default")
    published = scene(table.name).truth.effects["lag_effect"].values.reshape(len(EXITS), -1)

    def along(name: str) -> float:
        """Score of the published curves, where no effect of others is in the odds."""
        lived = scene(name)
        effects = lived.truth.effects
        eta = linear_predictor(lived, effects.assign(lag_effect=0 * effects["lag_effect"]))
        direction = lived.oracle[LAGS].to_numpy(dtype=float) @ published[ASSISTED]
        return score(left(lived, eta)[ASSISTED], direction)

    assert abs(along("null")) < 5
    assert along("default") > 5  # negative control


@pytest.mark.parametrize("name", ["shocks", "shocks_with_effect"])
def test_shocks_move_all_exits(name: str, scene: Scene) -> None:
    lived = scene(name)
    effects = lived.truth.effects
    assert bool(effects["lag_effect"].any()) == (name == "shocks_with_effect")
    months = effects.indexes["calendar_month"].get_indexer(lived.oracle["calendar"])
    codes = effects.indexes["nationality"].get_indexer(lived.oracle["nationality"])
    with_shocks = left(lived, linear_predictor(lived, effects))
    without = left(lived, linear_predictor(lived, effects.drop_vars("shock")))
    for j in range(len(EXITS)):
        direction = effects["shock"].values[j, codes, months]
        assert abs(score(with_shocks[j], direction)) < 5
        assert score(without[j], direction) > 5  # negative control


def test_shocks_look_like_an_effect_of_the_nationality(scene: Scene) -> None:
    lived = scene("shocks")
    direction = lived.oracle["assisted_application_nationality_lag1"].to_numpy(dtype=float)
    effects = lived.truth.effects
    assert score(left(lived, linear_predictor(lived, effects.drop_vars("shock")))[0], direction) > 5
    assert abs(score(left(lived, linear_predictor(lived, effects))[0], direction)) < 5


def test_campaigns_raise_forced_returns_of_everybody(scene: Scene) -> None:
    lived = scene("campaigns")
    effects = lived.truth.effects
    months = effects.indexes["calendar_month"].get_indexer(lived.oracle["calendar"])
    codes = effects.indexes["centre"].get_indexer(lived.oracle["centre"])
    campaign = effects["campaign"].values[codes, months]
    share, n = effects["campaign"].values.mean(), effects["campaign"].size
    wanted = lived.truth.scenario.campaign_share
    assert abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n)
    assert abs(score(left(lived, linear_predictor(lived, effects))[FORCED], campaign)) < 5
    without = left(lived, linear_predictor(lived, effects.drop_vars("campaign")))
    assert score(without[FORCED], campaign) > 5  # negative control


def test_by_nationality_plants_the_country_models(scene: Scene) -> None:
    lived = scene("by_nationality")
    effects = lived.truth.effects
    where = {"exit": "disappeared", "exposure": "forced_return", "network": "centre", "lag": 0}
    total = effects["lag_effect"] + effects["lag_effect_of_nationality"]
    assert np.exp(total.sel(where, nationality="Afghanistan")).item() == pytest.approx(2.638)
    somalia = effects["lag_effect_of_nationality"].sel(nationality="Somalia")
    assert not somalia.any()
    with_own = linear_predictor(lived, effects)
    without = linear_predictor(lived, effects.drop_vars("lag_effect_of_nationality"))
    for j in (ASSISTED, DISAPPEARED):
        direction = (with_own - without).isel(exit=j).values
        assert abs(score(left(lived, with_own)[j], direction)) < 5
        assert score(left(lived, without)[j], direction) < -5  # negative control


def test_frailty_of_each_exit(scene: Scene) -> None:
    lived = scene("frailty")
    effects = lived.truth.effects
    notes = lived.notes["families"].set_index("family_id").loc[lived.oracle["family_id"]]
    own = notes[[f"frailty_{name}" for name in EXITS]].to_numpy()
    without = linear_predictor(lived, effects)
    for j in range(len(EXITS)):
        assert abs(score(left(lived, without + own)[j], np.exp(own[:, j]))) < 5
        assert score(left(lived, without)[j], np.exp(own[:, j])) > 5  # negative control
    # whoever is still there is less inclined, though nobody's inclination has changed
    long = (lived.oracle["month"] > 12).to_numpy(dtype=float)
    assert score(left(lived, without)[DISAPPEARED], long) < -5
    assert abs(score(left(lived, without + own)[DISAPPEARED], long)) < 5


def test_anticipation_a_month_before_a_forced_return(scene: Scene) -> None:
    lived = scene("anticipation")
    oracle, effects = lived.oracle, lived.truth.effects
    follows = oracle.groupby("family_id")["calendar"].shift(-1) == oracle["calendar"] + 1
    chosen = follows & (oracle["exit"].shift(-1) == "forced")
    place = [oracle["centre"], oracle["calendar"]]
    ahead = chosen.groupby(place).transform("any").to_numpy(dtype=float)
    without = linear_predictor(lived, effects)
    with_lead = without + effects["lead_effect"] * ahead[:, None]
    others = ~chosen.to_numpy()
    for j in (ASSISTED, DISAPPEARED):
        # nobody is returned whom the police have not chosen, so the police settle nothing here
        seen = {
            name: (rows & others, exits, p)
            for name, eta in {"with": with_lead, "without": without}.items()
            for rows, exits, p in [left(lived, eta)[j]]
        }
        assert abs(score(seen["with"], ahead)) < 5
        assert score(seen["without"], ahead) > 5  # negative control


# --- earlier or more ----------------------------------------------------------------------------
def reacting(lived: simulate.SimulatedRegisters, *, movers: bool) -> pd.DataFrame:
    """Rows of those who react, before the planned month, with what they do."""
    plan, oracle = planned(lived), lived.oracle
    before = plan.notna() & (oracle["month"] < plan.fillna(0)) if movers else plan.isna()
    return oracle[before & (oracle["exit"] != "forced")]


@pytest.mark.parametrize(("name", "movers"), [("earlier_only", True), ("more_only", False)])
def test_reaction_to_the_month_before(name: str, movers: bool, scene: Scene) -> None:
    lived = scene(name)
    rows = reacting(lived, movers=movers)
    exposed = rows["forced_return_centre_lag1"] == 1
    assert not (rows.loc[~exposed, "exit"] == "assisted").any()
    applied = rows.loc[exposed, "exit"] == "assisted"

    def distance(reaction: float) -> float:
        p = expit(reaction)
        return float(abs(applied.mean() - p) / np.sqrt(p * (1 - p) / len(applied)))

    reaction = lived.truth.scenario.reaction
    slack = 0.0 if movers else 0.1  # a few odds are against disappearing as well
    assert distance(reaction - slack / 2) < 5
    assert distance(reaction + 1) > 5  # negative control
