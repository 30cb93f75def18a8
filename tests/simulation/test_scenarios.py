"""Every scenario: what it plants is in the registers, and is not there without it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import simulation
from hazard.cli import SCENARIOS
from hazard.data import registers
from hazard.data.registers.check import _rules
from hazard.errors import UsageError
from hazard.months import month_number
from hazard.simulation.calibrate import FIRST_GUESS_MOVING, _initial_effects
from hazard.simulation.course import course
from hazard.simulation.margins import EXITS, size_of
from hazard.simulation.world import (
    ASSISTED,
    DISAPPEARED,
    FORCED,
    World,
    draw_centres,
    nationality_shares,
)
from planted_odds import LAGS, left, linear_predictor, planned, score

Scene = Callable[[str], simulation.SimulatedRegisters]
# SHA-256 of the tables of the small registers with seed 0: changes only with the simulator itself.
BEFORE = "4e9cfe3d97506d85427bbca5364e603c403429c40704af8fe5f49578af7f1336"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Registers of the published size by scenario, from effects that are not calibrated."""
    kept: dict[str, simulation.SimulatedRegisters] = {}

    def lived(name: str) -> simulation.SimulatedRegisters:
        if name not in kept:
            rng, size = np.random.default_rng(2016), size_of("published")
            shares, centres = nationality_shares(size.nationalities), draw_centres(size, rng)
            world = World(size, course(size), shares, centres, FIRST_GUESS_MOVING)
            one = simulation.scenario(name)
            truth = simulation.Truth(_initial_effects(world, one, rng), world, one)
            kept[name] = simulation.registers(truth, rng)
        return kept[name]

    return lived


def written(folder: Path, rng: np.random.Generator, *scenario: simulation.Scenario) -> str:
    simulation.write(simulation.registers(simulation.truth("small", rng, *scenario), rng), folder)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.csv")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def test_default_reference_the_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "one", np.random.default_rng(0)) == BEFORE
    default = written(tmp_path / "two", np.random.default_rng(0), simulation.scenario("default"))
    assert default == BEFORE
    null = written(tmp_path / "three", np.random.default_rng(0), simulation.scenario("null"))
    assert null != BEFORE  # negative control
    assert [path.name for path in (tmp_path / "two" / "truth").iterdir()] == ["truth.nc"]


def test_unknown_scenario_is_refused() -> None:
    with pytest.raises(UsageError, match=r"got 'shoks'\. Did you mean 'shocks'\?"):
        simulation.scenario("shoks")


def test_command_line_lists_every_scenario() -> None:
    assert SCENARIOS.removeprefix("What is planted: ") == ", ".join(simulation.SCENARIOS) + "."


# --- effects on the odds ------------------------------------------------------------------------
def test_null_has_no_effect_of_others(scene: Scene) -> None:
    table = simulation.scenario("default")
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
    effects, oracle = lived.truth.effects, lived.oracle
    rate = (
        oracle["exit"].eq("disappeared").groupby([oracle["nationality"], oracle["calendar"]]).mean()
    )
    key = pd.MultiIndex.from_arrays([oracle["nationality"], oracle["calendar"] - 1])
    before = rate.reindex(key).fillna(0).to_numpy()
    # within nationalities, so that their level does not count
    mean = pd.Series(before).groupby(oracle["nationality"].to_numpy()).transform("mean")
    direction = before - mean.to_numpy()
    without = left(lived, linear_predictor(lived, effects.drop_vars("shock")))
    assert score(without[DISAPPEARED], direction) > 5
    given = left(lived, linear_predictor(lived, effects))
    assert abs(score(given[DISAPPEARED], direction)) < 5


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
    assert np.exp(total.sel({**where, "nationality": "Afghanistan"})).item() == pytest.approx(2.638)
    somalia = effects["lag_effect_of_nationality"].sel(nationality="Somalia")
    assert not somalia.any()
    with_own = linear_predictor(lived, effects)
    without = linear_predictor(lived, effects.drop_vars("lag_effect_of_nationality"))
    for j in (ASSISTED, DISAPPEARED):
        direction = (with_own - without).isel(exit=j).values
        assert abs(score(left(lived, with_own)[j], direction)) < 5
        assert score(left(lived, without)[j], direction) > 5  # negative control


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
    with_lead = without + effects["lead_effect"] * xr.DataArray(ahead, dims="row")
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
@pytest.mark.parametrize(("name", "movers"), [("earlier_only", True), ("more_only", False)])
def test_reaction_to_the_month_before(name: str, movers: bool, scene: Scene) -> None:
    lived = scene(name)
    plan, oracle = planned(lived), lived.oracle
    reacts = (
        (oracle["month"] < plan.fillna(0)).to_numpy(dtype=bool)
        if movers
        else plan.isna().to_numpy()
    )
    reacts &= (oracle["exit"] != "forced").to_numpy()
    exposed = (oracle["forced_return_centre_lag1"] == 1).to_numpy()
    applies = (oracle["exit"] == "assisted").to_numpy()
    assert not applies[reacts & ~exposed].any()
    away = linear_predictor(lived, lived.truth.effects).sel(exit="disappeared").values
    other_odds = 0.0 if movers else np.exp(away)

    def distance(reaction: float) -> float:
        p = np.exp(reaction) / (1 + np.exp(reaction) + other_odds) * np.ones(len(oracle))
        return abs(score((reacts, applies, p), exposed.astype(float)))

    reaction = lived.truth.scenario.reaction
    assert distance(reaction) < 5
    assert distance(reaction / 2) > 5  # negative control


def applied_as_planned(lived: simulation.SimulatedRegisters) -> tuple[int, int, int]:
    """Families with a plan that leave in another way, later, and earlier than planned.

    Those who came in the window and were never away.
    """
    oracle = lived.oracle.assign(plan=planned(lived))
    rows = oracle.groupby("family_id")["month"].agg(["min", "max", "size"])
    whole = rows.index[(rows["min"] == 1) & (rows["size"] == rows["max"])]
    last = oracle[oracle["family_id"].isin(whole)].drop_duplicates("family_id", keep="last")
    last = last[last["plan"].notna()]
    other = last["exit"].isin(["forced", "disappeared"]).sum()
    applied = last[last["exit"] == "assisted"]
    late = (last["month"] > last["plan"]).sum()
    return int(other), int(late), int((applied["month"] < applied["plan"]).sum())


def test_plans_identity_are_kept(scene: Scene) -> None:
    assert applied_as_planned(scene("more_only")) == (0, 0, 0)
    other, late, early = applied_as_planned(scene("earlier_only"))
    assert (other, late) == (0, 0)
    assert early > 0  # negative control: the plans of the other scenario would not fit
    unplanned = planned(scene("earlier_only")).isna().to_numpy()
    assert not (scene("earlier_only").oracle["exit"][unplanned] == "assisted").any()
    unplanned = planned(scene("more_only")).isna().to_numpy()
    assert (scene("more_only").oracle["exit"][unplanned] == "assisted").any()


@pytest.mark.parametrize("name", ["brought_forward", "added", "partly_added"])
def test_memory_of_what_was_seen_at_risk(name: str, scene: Scene) -> None:
    lived = scene(name)
    oracle, memory = lived.oracle, np.array(lived.truth.scenario.memory)
    months = oracle["month"].to_numpy()
    first = months <= 7  # whose time at risk lies within the lags that the oracle tells of
    lags = np.arange(1, 7)
    seen = oracle[[f"forced_return_centre_lag{lag}" for lag in lags]].to_numpy(dtype=float)
    at_risk = seen * (months[:, None] - lags >= 1)
    curve = np.append(memory, np.zeros(6))[:6]
    plain = linear_predictor(lived, lived.truth.effects)
    applies = xr.DataArray([1.0, 0.0, 0.0], {"exit": list(EXITS)}, "exit")

    def along(told: np.ndarray, direction: np.ndarray) -> float:
        eta = plain + xr.DataArray(told @ curve, dims="row") * applies
        return abs(score(left(lived, eta)[ASSISTED], direction, first))

    assert along(at_risk, at_risk[:, 0]) < 5
    assert along(0 * seen, at_risk[:, 0]) > 5  # negative control
    later = at_risk[:, 1:].sum(axis=1)
    assert along(at_risk, later) < 5
    before = (seen - at_risk) @ curve
    assert along(at_risk, before) < 5
    assert along(seen, before) > 5  # negative control: what was seen before counts for nothing
    if name == "brought_forward":
        only_at_once = at_risk * (lags == 1)
        assert along(only_at_once, later) > 5  # negative control


# --- what the registers show --------------------------------------------------------------------
def test_misregistered_shares(scene: Scene) -> None:
    lived = scene("misregistered")
    exits, planted = lived.notes["exits"], lived.truth.scenario

    def distance(hits: pd.Series, share: float) -> float:
        return float(abs(hits.mean() - share) / np.sqrt(share * (1 - share) / len(hits)))

    assisted = exits[exits["exit"] == "assisted"]
    assert distance(assisted["shown"] == "forced", planted.escorted) < 5
    gone = exits[exits["exit"].isin(["disappeared", "ordinary_return"])]
    assert distance(gone["exit"] == "ordinary_return", planted.ordinary) < 5
    forced = exits[exits["exit"] == "forced"]
    for register, share in zip(("both", "udi", "pu"), planted.seen_by, strict=True):
        assert distance(forced["register"] == register, share) < 5
    assert distance(forced["register"] == "both", simulation.Scenario().seen_by[0]) > 5  # control


def families_in(lived: simulation.SimulatedRegisters, table: str, query: str) -> set[str]:
    family = lived.tables["udi_persons"].set_index("person_id")["family_id"]
    return set(lived.tables[table].query(query)["person_id"].map(family))


def test_misregistered_identity_of_notes_and_tables(scene: Scene) -> None:
    lived = scene("misregistered")
    exits = lived.notes["exits"].set_index("family_id")
    escorted = set(exits.index[(exits["exit"] == "assisted") & (exits["shown"] == "forced")])
    forced = exits[exits["exit"] == "forced"]
    police = families_in(lived, "udi_returns", "kind == 'police'")
    assert police == escorted | set(forced.index[forced["register"] != "pu"])
    deported = families_in(lived, "pu_deportations", "person_id == person_id")
    assert deported == set(forced.index[forced["register"] != "udi"])
    assert escorted.isdisjoint(families_in(lived, "udi_applications", "completed_on.notna()"))
    assert escorted <= families_in(lived, "udi_applications", "completed_on.isna()")
    assert escorted.isdisjoint(deported)
    assert not set(forced.index).isdisjoint(deported)  # negative control


def test_late_exits_are_missing_by_the_delay(scene: Scene) -> None:
    lived = scene("late")
    exits, end = lived.notes["exits"], month_number(lived.extract["follow_up_end"])
    # an assisted return is known when it is completed, and some who left have come back
    plain = exits[exits["exit"] == "forced"]
    left_months = end - np.array([month_number(text) for text in plain["month"]])
    unseen = (plain["shown"] == "stay").to_numpy()

    def distance(mean_delay: float) -> float:
        p = (mean_delay / (1 + mean_delay)) ** (left_months + 1)
        return float(abs(unseen.sum() - p.sum()) / np.sqrt((p * (1 - p)).sum()))

    assert distance(lived.truth.scenario.delay_months) < 5
    assert distance(2 * lived.truth.scenario.delay_months) > 5  # negative control
    police = families_in(lived, "udi_returns", "kind == 'police'")
    police |= families_in(lived, "pu_deportations", "person_id == person_id")
    assert police == set(plain["family_id"][~unseen])
    hidden = set(exits["family_id"][exits["shown"] == "stay"])
    centre = families_in(lived, "udi_stays", "to_date.isna()")
    outside = hidden - families_in(lived, "udi_stays", "person_id == person_id")
    assert hidden - outside <= centre


def test_messy_defects_are_found(tmp_path: Path) -> None:
    rng, kept = np.random.default_rng(7), {}
    for name in ("default", "messy"):
        truth = simulation.truth("small", np.random.default_rng(7), simulation.scenario(name))
        kept[name] = simulation.registers(truth, rng)
    folder = tmp_path / "messy"
    simulation.write(kept["messy"], folder)
    rules = {(r.table, r.text): r for r in _rules(registers.read(folder))}
    defects = kept["messy"].notes["defects"]
    for (table, rule), planted in defects.groupby(["table", "rule"]):
        found = set(np.flatnonzero(rules[table, rule].broken) + 1)
        assert set(planted["row"]) <= found, rule
    stated = {(r.table, r.text) for r in rules.values() if r.severity == "error"}
    # dates beside the first of a table are left alone
    assert {key for key in stated if "lies between" not in key[1]} <= {
        *zip(defects["table"], defects["rule"], strict=True)
    }
    simulation.write(kept["default"], tmp_path / "default")  # negative control
    for rule in _rules(registers.read(tmp_path / "default")):
        assert rule.severity == "note" or not rule.broken.any(), rule.text
