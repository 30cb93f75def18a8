"""Scenarios: by hand, against a slow loop over the same numbers, and against standardised risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.data import exposures
from hazard.data.registers import FamilyHistories
from hazard.errors import EstimandError, UsageError
from hazard.estimands import interventions as iv
from hazard.estimands import survival
from hazard.model import design, links
from hazard.output import figures
from hazard.studies import scenario
from hazard.studies.scenario.events import background, observed_exits
from hazard.studies.scenario.same_month import uniform
from hazard.studies.scenario.tidy import summary
from small_panels import NATIONALITY, POOLED, model
from small_scenarios import (
    FIRST,
    NEVER,
    OBSERVED,
    RICH,
    Drawn,
    arm,
    built,
    country,
    lagged,
    left,
    lived,
    near,
    one_more,
    small,
)

EXPOSURE_OF = {"assisted": "assisted_application", "forced": "forced_return"}
ARROW = "feedback - naive"


# --- worlds by hand -----------------------------------------------------------------------------


# a applies in a month with probability 1/2; b only, and surely, after an application of another.
# Observed: a applied in month 1.
#
#              a applies by month 2    b applies by month 2
#   naive      3/4                     always: it sees the observed application of a
#   feedback   3/4                     if a applied in month 1: 1/2
PAIR = model(NATIONALITY + POOLED, lagged("assisted_application", "centre"), exits=1)
PAIR_ROWS = [("A", "x", range(1), "assisted"), ("A", "y", range(3), "stay")]
PAIR_BETA = {
    ("nationality", "y"): [NEVER],
    ("assisted_application_centre", "1"): [2 * -NEVER],
}


def at_each(nationality: str) -> scenario.ScenarioArm:
    """An arm without an intervention; its families are counted apart."""
    return scenario.ScenarioArm(name=nationality, at={"nationality": nationality})


def test_two_families_by_hand() -> None:
    arms = (OBSERVED, at_each("x"), at_each("y"))
    found = left(lived(small(PAIR, PAIR_ROWS), PAIR_BETA, arms, horizon=2))
    found = found.sel(arm="observed", exit="assisted")
    a, b = found.sel(place="x"), found.sel(place="y")
    assert near(a.sel(version="naive", month=1), 1 / 2)
    assert (b.sel(version="naive", month=2) == 1).all()
    feedback = b.sel(version="feedback")
    assert near(feedback.sel(month=2), 1 / 2)
    assert (feedback.sel(month=1) == 0).all()
    np.testing.assert_array_equal(feedback.sel(month=2), a.sel(version="feedback", month=1))


def test_arms_act_on_drawn_events() -> None:
    on = {"term": "assisted_application"}
    arms = (
        *(OBSERVED, at_each("x"), at_each("y")),
        arm("none", {"kind": "none", **on}),
        arm("later", {"kind": "delayed", "months": 1, **on}),
        arm("elsewhere", {"kind": "none", **on}, at={"nationality": "y"}),
        arm("copied", {"kind": "more", "share": 1, "seed": 1, **on}),
    )
    found = lived(small(PAIR, PAIR_ROWS), PAIR_BETA, arms, horizon=3)
    events = found["events"].sel(version="feedback").stack(life=("chain", "draw", "replication"))  # noqa: PD013
    found = left(found).sel(version="feedback", exit="assisted")
    a, b = found.sel(place="x"), found.sel(place="y")
    assert (b.sel(arm="none") == 0).all()
    first, second = a.sel(arm="later", month=1), b.sel(arm="later")
    np.testing.assert_array_equal(second.sel(month=3), first)
    assert (second.sel(month=2) == 0).all()
    for same in ("elsewhere", "copied"):
        np.testing.assert_array_equal(b.sel(arm=same), b.sel(arm="observed"))
    # One event less for each exit that is not seen, one more for each that is copied.
    everybody = found.sel(place="all", month=3)
    np.testing.assert_array_equal(events.sel(arm="none"), -everybody.sel(arm="none"))
    np.testing.assert_array_equal(events.sel(arm="copied"), everybody.sel(arm="copied"))


def test_an_event_at_each_centre_is_where_families_are() -> None:
    rows = [("A", "x", range(3), "stay"), ("B", "x", range(1, 3), "stay")]
    world = small(model(lagged("forced_return", "centre"), exits=3), rows)
    of = scenario.families(world.panel, FIRST, horizon=3)
    for month, number in ((1, 1), (2, 2)):
        asked = one_more("forced_return", month, centre="each")
        here, more = background(of, world.found, world.spec.lagged, asked)
        assert more == number
        assert here[0, :, month].tolist() == [1, number - 1]


def test_an_own_event_is_not_seen() -> None:
    # Negative control: an event that everybody takes for that of somebody else.
    world = small(PAIR, [PAIR_ROWS[0], ("B", "y", range(3), "stay")])
    of = scenario.families(world.panel, FIRST, horizon=2)
    right, _ = background(of, world.found, PAIR.lagged, OBSERVED)
    strange = replace(world.found, events=world.found.events.assign(person=99))
    wrong, _ = background(of, strange, PAIR.lagged, OBSERVED)
    assert right.sum() == 0
    assert wrong.sum() == 1


# Nobody leaves but, with probability 1/2, in a month after an event of another. One event is added
# in month 1: each of three applies in month 2 with probability 1/2, 3/2 in all. K of them did. With
# feedback the others then apply with 1/2 if K > 0: (3 (3 - 1) + 3 (3 - 2)) / 8 / 2 = 9/16 more.
def test_applications_breed_applications_by_hand() -> None:
    spec = model(lagged("assisted_application", "centre"), exits=1)
    world = small(spec, [("A", "x", range(3), "stay")] * 3)
    beta = {
        ("intercept", "intercept"): [NEVER],
        ("assisted_application_centre", "1"): [-NEVER],
    }
    arms = (OBSERVED, one_more("assisted_application", centre="A"))
    found = lived(world, beta, arms, horizon=3)
    extra = scenario.contrasts(found)["extra_exits"].sel(place="all", month=3, arm="more")
    extra = extra.squeeze("exit").stack(life=("chain", "draw", "replication"))  # noqa: PD013
    assert near(extra.sel(version="naive"), 3 / 2)
    assert near(extra.sel(version=ARROW), 9 / 16)
    assert not near(extra.sel(version=ARROW), 0)
    rows = scenario.per_event(found).set_index(["quantity", "version", "place"])
    both = rows.loc[("exits_per_event", ARROW, "all"), "estimate"]
    assert both == pytest.approx(float(extra.sel(version=ARROW).mean()), abs=1e-12)


# Odds 1/4 alone and 1 where the other applies in the same month: both with weight 1/4 * 1, one
# with 1/4 each, none with 1. So 4/7 apply on average; one sweep, of which the first family sees
# nobody, has 2/5 + 1/5 * 3/10 = 23/50.
def test_the_same_month_obeys_the_hazards() -> None:
    spec = model(lagged("assisted_application", "centre", lags="[0, 0]"), exits=1)
    world = small(spec, [("A", "x", range(2), "stay")] * 2)
    beta = {
        ("intercept", "intercept"): [np.log(1 / 4)],
        ("assisted_application_centre", "0"): [np.log(4)],
    }
    plan = scenario.ScenarioPlan(draws=4, replications=20_000)
    every = lived(world, beta, horizon=1, plan=plan)
    found = left(every).squeeze()
    assert near(found.sel(version="feedback"), 4 / 7)
    assert near(found.sel(version="naive"), 2 / 5)
    assert int(every["unsettled"].sum()) == 0
    once = lived(world, beta, horizon=1, plan=plan.model_copy(update={"sweeps": 1}))
    assert near(left(once).squeeze().sel(version="feedback"), 23 / 50)
    assert not near(left(once).squeeze().sel(version="feedback"), 4 / 7)
    # One sweep depends on where it began if the number of the first family is between 1/5 and 1/2:
    # it leaves if the other one is taken to leave, and the other one sees it.
    unsettled = once["unsettled"].sel(version="feedback").squeeze()
    unsettled = unsettled.stack(life=("draw", "replication"))  # noqa: PD013 - of xarray
    assert near(unsettled, 3 / 10)
    assert int(once["unsettled"].sel(version="naive").sum()) == 0


# Odds 3/2 of a forced return, and 1/2 of an application or 2 where the other is returned in the
# month. So P(forced) is 1/2 if the other is not and 1/3 if it is, odds 1 and 1/2, and of both the
# joint law has the weights none 1, one 1 and 1, two 1/2. Applications are of who is left: of two
# with 1/3 each, of one with 2/3.
def test_forced_returns_come_before_applications() -> None:
    spec = model(lagged("forced_return", "centre", lags="[0, 0]"), exits=3)
    world = small(spec, [("A", "x", range(2), "stay")] * 2)
    beta = {
        ("intercept", "intercept"): [np.log(1 / 2), NEVER, np.log(3 / 2)],
        ("forced_return_centre", "0"): [np.log(4), 0, 0],
    }
    found = left(lived(world, beta, horizon=1)).squeeze().sel(version="feedback")
    assert near(found.sel(exit="forced"), (2 * 1 + 2 / 2) / 3.5)
    assert near(found.sel(exit="assisted"), (1 * 2 / 3 + 2 * 2 / 3) / 3.5)


# --- arms ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("interventions", "given"),
    [
        ([], [0, 1, 0, 0]),
        ([{"kind": "none"}], [0, 0, 0, 0]),
        ([{"kind": "delayed", "months": 2}], [0, 0, 0, 1]),
        ([{"kind": "added", "month": 3}], [0, 1, 1, 0]),
        ([{"kind": "one_in_month", "month": 3, "events": 2}], [0, 0, 2, 0]),
        ([{"kind": "more", "share": 1, "seed": 1}], [0, 2, 0, 0]),
        ([{"kind": "none"}, {"kind": "observed"}], [0, 1, 0, 0]),
    ],
)
def test_what_arms_make_of_events(interventions: list[dict[str, Any]], given: list[int]) -> None:
    # c, of no simulated family, has an event in month 2; nobody else has.
    spec = model(lagged("forced_return", "centre"), exits=3)
    world = small(spec, [("A", "x", range(5), "stay"), ("B", "x", range(5), "stay")])
    event = pd.DataFrame({"person": [9], "calendar": [FIRST + 1], "centre": "A"})
    event = event.assign(exposure="forced_return", nationality="x")
    events = pd.concat([world.found.events.astype(object), event], ignore_index=True)
    events = events.astype(world.found.events.dtypes.to_dict())
    found = replace(world.found, events=events)
    of = scenario.families(world.panel, FIRST, horizon=4)
    named = [{**one, "term": "forced_return"} for one in interventions]
    here, _ = background(of, found, spec.lagged, arm("x", *named, at={"centre": "A"}))
    assert here[0, 0, 1:].tolist() == given
    assert here[0, 1, 1:].tolist() == [0, 0, 0, 0]
    elsewhere, _ = background(of, found, spec.lagged, arm("x", *named, at={"centre": "B"}))
    assert elsewhere[0, 0, 1:].tolist() == [0, 1, 0, 0]


VARIES = 'varies_by = { by = "nationality", ' + POOLED.strip() + " }\n"


def test_arms_that_do_not_differ_give_exactly_zero(rng: np.random.Generator) -> None:
    same = arm("same", {"kind": "delayed", "term": "forced_return", "months": 0})
    system = country_of(rng).system((OBSERVED, same), horizon=8)
    beta = country_of(rng).beta
    found = scenario.simulate(system, beta, scenario.ScenarioPlan(draws=4))
    change = scenario.contrasts(found)
    assert float(np.abs(change["extra_exits"]).max()) == 0
    assert float(np.abs(change["stock_change"]).max()) == 0


_COUNTRIES: dict[str, Drawn] = {}


def country_of(rng: np.random.Generator) -> Drawn:
    if "rich" not in _COUNTRIES:
        _COUNTRIES["rich"] = country(rng, RICH)
    return _COUNTRIES["rich"]


def test_stocks_balance(rng: np.random.Generator) -> None:
    drawn = country_of(rng)
    arms = (OBSERVED, one_more("forced_return", centre="each"))
    found = scenario.simulate(
        drawn.system(arms, horizon=8), drawn.beta, scenario.ScenarioPlan(draws=4)
    )
    exits = (found["cumulative_incidence"] * found["families"]).sum("exit")
    exits = exits.diff("month", label="upper").reindex(month=found["month"])
    exits = exits.fillna((found["cumulative_incidence"] * found["families"]).sum("exit"))
    before, after = found["stock"].isel(month=slice(-1)), found["stock"].isel(month=slice(1, None))
    came = found["arrivals"].isel(month=slice(1, None))
    gone = exits.isel(month=slice(-1))
    np.testing.assert_allclose(after.values, (before - gone.values + came.values).values, atol=1e-9)
    assert int(found["arrivals"].sum()) == int(found["families"][0])


def test_without_effects_feedback_changes_nothing(rng: np.random.Generator) -> None:
    drawn = country_of(rng)
    system = drawn.system((OBSERVED,), horizon=8)
    silent = drawn.beta.copy()
    for term in drawn.world.spec.lagged:
        silent[:, :, system.design.span(term.name)] = 0.0
    found = scenario.simulate(system, silent, scenario.ScenarioPlan(draws=4))
    blind, feedback = (found.sel(version=name, drop=True) for name in ("naive", "feedback"))
    xr.testing.assert_equal(blind["stock"], feedback["stock"])
    loud = scenario.simulate(system, drawn.beta, scenario.ScenarioPlan(draws=4))["stock"]
    assert not loud.sel(version="naive").equals(loud.sel(version="feedback"))


# --- against standardised risks -----------------------------------------------------------------
def standardised(drawn: Drawn, asked: iv.Arm, found: FamilyHistories, horizon: int) -> np.ndarray:
    """Cumulative incidence on every path, shape (draw, path, exit, month)."""
    panel, spec = drawn.world.panel, drawn.world.spec
    path = iv.paths(panel, iv.rows_of_month(panel, drawn.start), horizon=horizon, beyond="refuse")
    around = iv.from_registers(path, found, spec.lagged)
    applied = design.apply(drawn.frozen, path.frame(), iv.histories(around, asked), spec)
    matrix = [block.matrix()[applied.index[:, b]] for b, block in enumerate(applied.blocks)]
    eta = np.einsum("rc,dce->dre", np.hstack(matrix), drawn.beta.isel(chain=0).values)
    eta = eta.reshape(len(eta), len(path.row), horizon, -1)
    hazard = links.hazard(
        xr.DataArray(eta, dims=("draw", "path", "month", "exit")), spec.outcome.link
    )
    return survival.cumulative_incidence(hazard.transpose(..., "exit", "month")).values


LIVES = 1000


def naive(drawn: Drawn, arms: Sequence[scenario.ScenarioArm], horizon: int) -> np.ndarray:
    """Share who left in the version without feedback, shape (arm, draw, exit, month)."""
    system = drawn.system(arms, horizon=horizon, arrivals="none")
    found = scenario.simulate(
        system, drawn.beta, scenario.ScenarioPlan(draws=4, replications=LIVES)
    )
    risk = found["cumulative_incidence"].sel(version="naive", place="all").isel(chain=0)
    return risk.mean("replication").transpose("arm", "draw", "exit", "month").values


def far(got: np.ndarray, risk: np.ndarray) -> bool:
    """More than five standard errors from the mean of risks, shape (draw, path, exit, month).

    Families leave independently, given what they see: a sum of independent indicators.
    """
    variance = (risk * (1 - risk)).mean(axis=1) / risk.shape[1] / LIVES
    apart = np.abs(got - risk.mean(axis=1))
    return bool((apart > 5 * np.sqrt(variance) + 1e-12).any())


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_without_feedback_it_is_the_standardised_risk(link: str, rng: np.random.Generator) -> None:
    drawn = country(rng, RICH, link=link)
    none = {"kind": "none", "term": drawn.world.spec.lagged[0].name}
    got = naive(drawn, (OBSERVED, arm("none", none)), 8)
    here, asked = drawn.world.found, iv.Arm(name="none", interventions=(none,))
    assert not far(got[0], standardised(drawn, iv.Arm(name="observed"), here, 8))
    assert not far(got[1], standardised(drawn, asked, here, 8))
    # Negative control: the other arm.
    assert far(got[1], standardised(drawn, iv.Arm(name="observed"), here, 8))


# Twenty centres with two families. One of them is returned in month 1: it sees nobody, the other
# one sees it in month 2.
def test_own_events_would_make_another_risk() -> None:
    spec = model(lagged("forced_return", "centre"), exits=3)
    homes = [f"centre {k}" for k in range(20)]
    rows = [(home, "x", range(1), "forced") for home in homes]
    world = small(spec, rows + [(home, "x", range(4), "stay") for home in homes])
    frozen = built(world)
    values = np.full((1, 4, frozen.n_coefficients, 3), -2.0)
    values[:, :, 1:] = 1.0
    dims = ("chain", "draw", "coefficient", "exit")
    beta = xr.DataArray(values, dims=dims).assign_coords(chain=[0], draw=range(4))
    drawn = Drawn(world, frozen, beta, FIRST)
    got, observed = naive(drawn, (OBSERVED,), 4)[0], iv.Arm(name="observed")
    assert not far(got, standardised(drawn, observed, world.found, 4))
    strangers = world.found.events.assign(person=world.found.events["person"] + 10**6)
    wrong = replace(world.found, events=strangers)
    assert far(got, standardised(drawn, observed, wrong, 4))


# --- against a slow loop ------------------------------------------------------------------------
def slow(system: scenario.System, drawn: Drawn, key: np.uint64) -> np.ndarray:
    """Exits by month and exit of one life with feedback: histories counted anew every month."""
    of, spec, found = system.families, system.spec, drawn.world.found
    events = found.events[~observed_exits(of, found, EXPOSURE_OF)]
    frame, beta = of.frame(), drawn.beta.isel(chain=0, draw=0).values
    starts = of.starts()
    gone = np.zeros(len(of.row), dtype=bool)
    out = np.zeros((3, of.horizon), dtype=int)
    for t in range(of.horizon):
        here = np.flatnonzero((of.offset <= t) & ~gone)
        if not len(here):
            continue
        at = of.begin[here] + t - of.offset[here]
        order = np.argsort(frame["person"].to_numpy()[at], kind="stable")
        rows = frame.iloc[at[order]].reset_index(drop=True)
        seen = replace(found, events=events)
        histories = exposures.register_histories(rows, seen, spec.lagged)
        applied = design.apply(drawn.frozen, rows, histories, spec)
        matrix = [b.matrix()[applied.index[:, k]] for k, b in enumerate(applied.blocks)]
        eta = xr.DataArray(np.hstack(matrix) @ beta, dims=("row", "exit"))
        hazard = links.hazard(eta, spec.outcome.link).values
        new = []
        for row, i in enumerate(here[order]):
            rest = 1.0
            for stage, j in enumerate(system.arrays.order):
                count = ((i * of.horizon + t) * 3 + stage) * 64
                if uniform(key, count) * rest < hazard[row, j]:
                    gone[i] = True
                    out[j, t] += 1
                    if j != 1:
                        new.append((i, ["assisted_application", "", "forced_return"][j]))
                    break
                rest -= hazard[row, j]
        if new:
            who = [i for i, _ in new]
            more = starts.iloc[who][["person", "centre", "nationality"]].assign(
                exposure=[kind for _, kind in new], calendar=of.start + t
            )[list(events.columns)]
            joined = pd.concat([events.astype(object), more.astype(object)], ignore_index=True)
            for name in ("centre", "nationality", "exposure"):
                joined[name] = pd.Categorical(joined[name], events[name].cat.categories)
            events = joined.astype({"person": np.int64, "calendar": np.int64})
    return out


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_feedback_is_that_of_a_slow_loop(link: str, rng: np.random.Generator) -> None:
    # At lags above 0, so that no family waits for another one in the same month.
    terms = [RICH[0].replace("[0, 3]", "[1, 3]") + VARIES, *RICH[1:]]
    drawn = country(rng, terms, link=link)
    system = drawn.system((OBSERVED,), horizon=8)
    plan = scenario.ScenarioPlan(draws=4, replications=1, seed=3)
    found = scenario.simulate(system, drawn.beta, plan)
    keys = np.random.default_rng(3).integers(2**64, size=(4, 1), dtype=np.uint64)
    expected = np.cumsum(slow(system, drawn, keys[0, 0]), axis=1)
    number = (found["cumulative_incidence"] * found["families"]).isel(
        chain=0, draw=0, replication=0, arm=0, place=0
    )
    np.testing.assert_array_equal(
        number.sel(version="feedback").transpose("exit", "month").values.round(9), expected
    )
    assert (number.sel(version="naive").values.round(9) != expected).any()


# --- numbers ------------------------------------------------------------------------------------
def test_numbers_are_uniform() -> None:
    # 100 classes of 10,000 numbers each; a chi-squared of 99 degrees is below 99 + 5 sqrt(198).
    numbers = np.array([uniform(np.uint64(7), k) for k in range(100_000)])
    counts = np.bincount((numbers * 100).astype(int), minlength=100)
    assert ((counts - 1000) ** 2 / 1000).sum() < 99 + 5 * np.sqrt(2 * 99)
    beside = np.corrcoef(numbers[:-1], numbers[1:])[0, 1]
    assert abs(beside) < 5 / np.sqrt(len(numbers))


def test_luck_is_told_from_what_is_not_known(rng: np.random.Generator) -> None:
    # posterior sd 1, lives with sd 3 around it
    middle = rng.normal(0, 1, (1, 4000, 1, 1))
    lives = middle + rng.normal(0, 3, (1, 4000, 4, 1))
    draws = xr.DataArray(
        lives, dims=("chain", "draw", "replication", "exit"), coords={"exit": ["a"]}
    )
    row = summary(draws).iloc[0]
    # The variance of a mean of 4 is 1 + 9/4; its estimate from 4,000 has relative error sqrt(2/n).
    error = 5 * np.sqrt(2 / 4000) * (1 + 9 / 4)
    assert abs(row["sd"] ** 2 - 1) < error + 5 * np.sqrt(2 / 12_000) * 9 / 4
    assert abs(row["sd_life"] ** 2 - 9) < 5 * np.sqrt(2 / 12_000) * 9
    together = float(draws.mean("replication").std(ddof=1))
    assert abs(together**2 - 1) > error


# --- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("term", "message"),
    [
        (lagged("forced_return", "centre", 'measure = "per_resident"'), "measure 'per_resident'"),
        (lagged("forced_return", "centre", lags="[-1, 1]"), r"lags \[-1, 1\]"),
    ],
)
def test_terms_that_a_scenario_does_not_have(term: str, message: str) -> None:
    world = small(model(lagged("forced_return", "centre"), exits=3), [("A", "x", range(3), "stay")])
    of = scenario.families(world.panel, FIRST, horizon=2)
    with pytest.raises(EstimandError, match=message):
        scenario.system(of, world.found, (OBSERVED,), frozen=built(world), spec=model(term))


def test_months_beyond_the_panel_are_refused() -> None:
    world = small(PAIR, PAIR_ROWS)
    with pytest.raises(EstimandError, match=r"3 months of the panel; got months 2 to 4"):
        scenario.families(world.panel, FIRST + 1, horizon=3)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (one_more("forced", centre="A"), "Did you mean 'forced_return'"),
        (one_more("forced_return", center="A"), "Did you mean 'centre'"),
        (one_more("forced_return", centre="Z"), "where families of the scenario live; got 'Z'"),
        (one_more("forced_return", month=9, centre="A"), "within the 2 months"),
        (scenario.ScenarioArm(name="x", closed=("force",)), r"must close exits of .*\['force'\]"),
    ],
)
def test_arms_that_cannot_be_had(asked: scenario.ScenarioArm, message: str) -> None:
    world = small(model(lagged("forced_return", "centre"), exits=3), [("A", "x", range(3), "stay")])
    of = scenario.families(world.panel, FIRST, horizon=2)
    with pytest.raises(EstimandError, match=message):
        scenario.system(of, world.found, (asked,), frozen=built(world), spec=world.spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arm = ", "must be valid TOML"),
        ('[[arm]]\nname = "a"\nbefore = "none"', "must begin after what was observed"),
        ('[[arm]]\nname = "a"\n[[arm]]\nname = "a"', "must have different names"),
        (
            '[[arm]]\nname = "a"\ninterventions = [{kind = "added", term = "x", month = 1}]',
            "must have a place",
        ),
    ],
)
def test_files_of_arms_that_break_a_rule(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scenario.arms_from(text)


def test_a_closed_exit_is_left_by_nobody(rng: np.random.Generator) -> None:
    drawn = country_of(rng)
    arms = (OBSERVED, scenario.ScenarioArm(name="none forced", closed=("forced",)))
    found = scenario.simulate(
        drawn.system(arms, horizon=8), drawn.beta, scenario.ScenarioPlan(draws=4)
    )
    risk = found["cumulative_incidence"].sel(arm="none forced")
    assert float(risk.sel(exit="forced").max()) == 0
    assert float(risk.sel(exit="assisted", month=8).min()) > 0


def test_the_figure_says_what_the_table_holds(rng: np.random.Generator) -> None:
    drawn = country_of(rng)
    arms = (OBSERVED, one_more("forced_return", centre="each"))
    found = scenario.simulate(
        drawn.system(arms, horizon=8), drawn.beta, scenario.ScenarioPlan(draws=4)
    )
    table = scenario.estimates(found)
    figure = figures.scenario(table, reference="observed")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["assisted", "disappeared", "forced", "residents"]
    rows = table[(table["quantity"] == "extra_exits") & (table["version"] == "feedback")]
    rows = rows[(rows["exit"] == "assisted") & (rows["place"] == "all")].sort_values("month")
    drawn_line = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_array_equal(drawn_line, rows["estimate"])
    assert "Arm more, month 8: assisted" in figures.scenario_text(table)
    said = scenario.sentences(scenario.per_event(found), {"families": 9, "arrivals": 1})
    assert "goes with" in " ".join(said)
    assert "associations" in said[-1]
