"""Scenarios: rules that follow the stock, months that settle, and the standardised estimand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.errors import EstimandError, UsageError
from hazard.estimands import g_formula
from hazard.estimands import interventions as iv
from hazard.studies import scenario
from small_panels import NATIONALITY, POOLED, model
from small_scenarios import (
    FIRST,
    NEVER,
    OBSERVED,
    RICH,
    Drawn,
    Small,
    arm,
    country,
    lagged,
    left,
    lived,
    near,
    one_more,
    small,
)

TERM = "forced_return_centre"
HORIZON = 8
LIVES = 500


def campaign(threshold: int, *, at: dict[str, str] | None = None, **more: Any) -> Any:
    """An arm with one campaign."""
    asked = {"kind": "campaign", "term": TERM, "threshold": threshold, **more}
    return arm(f"more than {threshold}", asked, at=at or {})


# --- campaigns by hand --------------------------------------------------------------------------
# a leaves for sure in month 1, and was observed to stay. b and c apply for sure in the month after
# a forced return of another; c comes in month 2. More than two families, and there is a campaign.
#
#   month                     1      2        3        events
#   as observed, naive        a b    a b c    a b c    months 2 and 3; b and c apply in month 3
#   in a life, feedback       a b    b c      b c      none; b and c stay
CAMPAIGN = model(NATIONALITY + POOLED, lagged("forced_return", "centre"), exits=3)
THREE = [
    ("A", "x", range(4), "stay"),
    ("A", "y", range(4), "stay"),
    ("A", "y", range(1, 4), "stay"),
]
SURE = [-NEVER, NEVER, NEVER]
BETA = {
    ("nationality", "x"): SURE,
    ("nationality", "y"): [NEVER] * 3,
    (TERM, "1"): [-2 * NEVER, 0.0, 0.0],
}


def known(world: Small, *others: tuple[int, range]) -> Small:
    """The world with residents: the rows of the panel, and others of centre A."""
    rows = world.panel[["person", "calendar", "centre", "nationality"]]
    more = [
        pd.DataFrame({"person": person, "calendar": FIRST + np.array(months)}).assign(
            centre="A", nationality="y"
        )
        for person, months in others
    ]
    every = pd.concat([rows.astype(object), *more], ignore_index=True)
    every = every.astype({"person": np.int64, "calendar": np.int64})
    return replace(world, found=replace(world.found, residents=lambda: every))


def applied(found: xr.Dataset, version: str) -> list[float]:
    """Applications by the end of each month under the second arm; the same in every life."""
    number = left(found).isel(arm=1).sel(version=version, place="all", exit="assisted")
    values = number.transpose("month", "life").values
    assert (values == values[:, :1]).all()
    return [round(float(each), 9) for each in values[:, 0]]


@pytest.mark.parametrize(
    ("threshold", "others", "naive", "feedback", "events"),
    [
        (2, [], [1, 1, 3], [1, 1, 1], (2, 0)),
        # One more who is nobody of the scenario: three in month 1, and in month 2 of a life. c sees
        # what happened at the centre before it came.
        (2, [(9, range(4))], [1, 3, 3], [1, 3, 3], (3, 2)),
        (3, [(9, range(4))], [1, 1, 3], [1, 1, 1], (2, 0)),
        # c lives there already, before it is at risk, and counts once afterwards.
        (2, [(2, range(1))], [1, 3, 3], [1, 3, 3], (3, 1)),
        (3, [(2, range(1))], [1, 1, 1], [1, 1, 1], (0, 0)),
    ],
)
def test_a_campaign_by_hand(
    threshold: int,
    others: list[tuple[int, range]],
    naive: list[int],
    feedback: list[int],
    events: tuple[int, int],
) -> None:
    world = known(small(CAMPAIGN, THREE), *others)
    plan = scenario.ScenarioPlan(draws=4, replications=3)
    found = lived(world, BETA, (OBSERVED, campaign(threshold)), horizon=3, plan=plan)
    assert applied(found, "naive") == naive
    assert applied(found, "feedback") == feedback
    made = found["events"].isel(arm=1)
    for version, number in zip(("naive", "feedback"), events, strict=True):
        assert (made.sel(version=version) == number).all()


def test_a_campaign_at_one_centre_and_what_takes_it_back() -> None:
    rows = [*THREE, ("B", "y", range(4), "stay")]
    world = known(small(CAMPAIGN, rows))
    none = {"kind": "none", "term": TERM}
    some = {"kind": "campaign", "term": TERM, "threshold": 0}
    arms = (
        OBSERVED,
        campaign(0, at={"centre": "B"}),
        arm("taken back", some, none),
        arm("after none", none, some),
        campaign(0),
        campaign(0, events=3),
    )
    plan = scenario.ScenarioPlan(draws=4, replications=1)
    found = lived(world, BETA, arms, horizon=3, plan=plan)
    # In a life B is empty from month 3 on, and A too; the naive version has both in all months.
    made = found["events"].isel(chain=0, draw=0, replication=0)
    assert made.sel(version="naive").values.tolist() == [0, 3, 0, 6, 6, 18]
    assert made.sel(version="feedback").values.tolist() == [0, 2, 0, 4, 4, 12]
    gone = left(found).isel(life=0).sel(version="feedback", place="all", exit="assisted", month=3)
    assert gone.values.round(9).tolist() == [1, 2, 1, 4, 4, 4]


# --- campaigns on a country ---------------------------------------------------------------------
def country_with_a_full_centre(rng: np.random.Generator) -> Drawn:
    """A random country, and somebody of nobody's in every month at its first centre."""
    drawn = country(rng, (lagged("forced_return", "centre", lags="[0, 3]"), *RICH))
    found = drawn.world.found
    rows = found.residents()
    one = pd.DataFrame({"calendar": np.arange(drawn.start, drawn.start + HORIZON)}).assign(
        person=int(rows["person"].max()) + 10**6,
        centre=pd.Categorical([full_centre(drawn)] * HORIZON, rows["centre"].cat.categories),
        nationality=rows["nationality"].iloc[0],
    )
    more = pd.concat([rows, one.astype({"nationality": rows["nationality"].dtype})])
    known_ones = replace(found, residents=lambda: more.reset_index(drop=True))
    return replace(drawn, world=replace(drawn.world, found=known_ones))


def full_centre(drawn: Drawn) -> str:
    """Centre with the most families at the start."""
    panel = drawn.world.panel
    return str(panel.loc[panel["calendar"] == drawn.start, "centre"].mode()[0])


def typical(drawn: Drawn) -> int:
    """Families at the full centre in the middle one of the months: full in some, not in others."""
    rows = drawn.world.found.residents()
    rows = rows[rows["centre"] == full_centre(drawn)]
    months = range(drawn.start, drawn.start + HORIZON)
    number = rows["calendar"].value_counts().reindex(months, fill_value=0)
    return int(number.median())


def changed(
    drawn: Drawn, arms: Sequence[scenario.ScenarioArm], replications: int = 3
) -> xr.Dataset:
    plan = scenario.ScenarioPlan(draws=4, replications=replications)
    return scenario.simulate(drawn.system(arms, horizon=HORIZON), drawn.beta, plan)


def test_campaigns_that_never_or_always_come(rng: np.random.Generator) -> None:
    drawn = country_with_a_full_centre(rng)
    here = {"centre": full_centre(drawn)}
    each_month = [{"kind": "added", "term": TERM, "month": m} for m in range(1, HORIZON + 1)]
    arms = (
        OBSERVED,
        campaign(10**6),
        campaign(0, at=here),
        arm("added", *each_month, at=here),
        campaign(typical(drawn), at=here),
    )
    found = changed(drawn, arms).drop_vars("arm")
    never, always, added, sometimes = (found.isel(arm=k) for k in (1, 2, 3, 4))
    xr.testing.assert_identical(found.isel(arm=0), never)
    xr.testing.assert_identical(always, added)
    # Negative control: a campaign that comes now and then is neither.
    for other in (never, always):
        assert not sometimes.sel(version="feedback").equals(other.sel(version="feedback"))


def test_a_campaign_follows_its_life(rng: np.random.Generator) -> None:
    """In the naive version all lives have the same campaigns; with feedback each has its own."""
    drawn = country_with_a_full_centre(rng)
    made = changed(drawn, (OBSERVED, campaign(typical(drawn))), 20)["events"].isel(arm=1)
    of_version = {name: made.sel(version=name).values for name in ("naive", "feedback")}
    assert len(np.unique(of_version["naive"])) == 1
    assert len(np.unique(of_version["feedback"])) > 1


def test_a_campaign_on_another_network_is_refused() -> None:
    terms = (lagged("forced_return", "centre"), lagged("forced_return", "nationality"))
    world = known(small(model(*terms, exits=3), THREE))
    asked = {"kind": "campaign", "term": "forced_return", "threshold": 2}
    message = (
        r"^campaign of arm 'x' must act on a term of the network 'centre', .* Name the term\.$"
    )
    with pytest.raises(EstimandError, match=message):
        lived(world, {}, (OBSERVED, arm("x", asked)), horizon=3)


def test_a_campaign_of_a_nationality_is_refused() -> None:
    text = """
    [[arm]]
    name = "x"
    at = { nationality = "y" }
    interventions = [{ kind = "campaign", term = "forced_return_centre", threshold = 3 }]
    """
    with pytest.raises(UsageError, match=r"must act at centres, with no other place in 'at'\.$"):
        scenario.arms_from(text)


# --- months that settle -------------------------------------------------------------------------
def test_what_has_settled_does_not_depend_on_the_most_sweeps(rng: np.random.Generator) -> None:
    drawn = country(rng, RICH)
    system = drawn.system((OBSERVED, one_more("forced_return", centre="each")), horizon=HORIZON)
    plan = scenario.ScenarioPlan(draws=4, replications=5)
    found = {
        most: scenario.simulate(system, drawn.beta, plan.model_copy(update={"sweeps": most}))
        for most in (1, 32, 64)
    }
    assert int(found[32]["unsettled"].sum()) == 0
    xr.testing.assert_identical(found[32], found[64])
    assert int(found[1]["unsettled"].sum()) > 0
    assert not found[1].equals(found[64])


def after_many_sweeps(n: int, alone: float, ratio: float) -> float:
    """Expected number of n who leave, of the law that sweeps over all 2^n states come to.

    Odds are ``alone``, times ``ratio`` where another one leaves.
    """
    states = list(product((0, 1), repeat=n))
    law = np.full(len(states), 1 / len(states))
    sweep = np.eye(len(states))
    for i in range(n):
        one = np.zeros_like(sweep)
        for k, state in enumerate(states):
            odds = alone * (ratio if sum(state) > state[i] else 1)
            for value, weight in ((1, odds / (1 + odds)), (0, 1 / (1 + odds))):
                one[k, states.index((*state[:i], value, *state[i + 1 :]))] += weight
        sweep = sweep @ one
    law = law @ np.linalg.matrix_power(sweep, 2**10)
    return float(law @ np.array(states).sum(axis=1))


@pytest.mark.parametrize(("n", "alone", "ratio"), [(5, 0.3, 3), (3, 1, 0.05)])
def test_a_month_is_that_of_sweeps_without_end(n: int, alone: float, ratio: float) -> None:
    # Also where an event makes another one rarer, for which coupling is not proved to be exact.
    spec = model(lagged("assisted_application", "centre", lags="[0, 0]"), exits=1)
    world = small(spec, [("A", "x", range(2), "stay")] * n)
    beta = {
        ("intercept", "intercept"): [np.log(alone)],
        ("assisted_application_centre", "0"): [np.log(ratio)],
    }
    expected = after_many_sweeps(n, alone, ratio)
    for sweeps in (64, 1):
        plan = scenario.ScenarioPlan(draws=4, replications=10_000, sweeps=sweeps)
        found = left(lived(world, beta, horizon=1, plan=plan)).squeeze()
        assert near(found.sel(version="feedback"), expected) == (sweeps == 64)


# --- the standardised estimand ------------------------------------------------------------------
DELAYED = {"kind": "delayed", "term": "forced_return", "months": 2}
NONE = {"kind": "none", "term": "forced_return"}


def same_arms(drawn: Drawn) -> dict[str, tuple[dict[str, Any], ...]]:
    full = {"kind": "campaign", "term": TERM, "threshold": typical(drawn)}
    return {"observed": (), "none": (NONE,), "delayed": (DELAYED,), "campaign": (NONE, full)}


def risks(drawn: Drawn, later: int = 0) -> tuple[np.ndarray, int]:
    """Standardised risks (arm, draw, exit, month), and of how many persons; or a lag too late."""
    panel, spec, found = drawn.world.panel, drawn.world.spec, drawn.world.found
    events = found.events.assign(calendar=found.events["calendar"] + later)
    path = iv.paths(panel, iv.rows_of_month(panel, drawn.start), horizon=HORIZON, beyond="refuse")
    around = iv.from_registers(path, replace(found, events=events), spec.lagged)
    arms = [iv.Arm(name=name, interventions=each) for name, each in same_arms(drawn).items()]
    rows = g_formula.path_rows(around, arms, drawn.frozen, spec)
    risk = g_formula.standardise(drawn.beta, rows)["cumulative_incidence"].isel(chain=0)
    return risk.transpose("arm", "draw", "exit", "month").values, len(path.row)


def far(lives: np.ndarray, risk: np.ndarray, n: int) -> np.ndarray:
    """Where the mean of lives is further from the risk than five of its standard errors.

    Families leave independently given what they see, so that a share of n families in m lives has
    the variance sum_i p_i (1 - p_i) / (n^2 m). It is at most p (1 - p) / (n m), with p the mean,
    which is the standardised risk itself: the tolerance knows only of n, m and p.
    """
    error = np.sqrt(risk * (1 - risk) / (n * LIVES))
    return np.asarray(np.abs(lives - risk) > 5 * error + 1e-12)


def test_without_feedback_it_is_the_standardised_estimand(rng: np.random.Generator) -> None:
    drawn = country(rng, (lagged("forced_return", "centre", lags="[0, 3]"), *RICH))
    arms = [arm(name, *each) for name, each in same_arms(drawn).items()]
    system = drawn.system(arms, horizon=HORIZON, arrivals="none")
    found = scenario.simulate(
        system, drawn.beta, scenario.ScenarioPlan(draws=4, replications=LIVES)
    )
    share = found["cumulative_incidence"].sel(place="all").isel(chain=0).mean("replication")
    share = share.transpose("version", "arm", "draw", "exit", "month")
    naive, feedback = (share.sel(version=name).values for name in ("naive", "feedback"))
    risk, n = risks(drawn)
    assert n == int(found["families"].sel(place="all"))
    assert not far(naive, risk, n).any()
    # Over the draws as well, where the tolerance is half as wide.
    assert not far(naive.mean(axis=1), risk.mean(axis=1), 4 * n).any()
    # Negative controls: with feedback, events a month too late, and the arms in another order.
    assert far(feedback, risk, n).any(axis=(1, 2, 3)).all()
    late, _ = risks(drawn, later=1)
    assert far(naive, late, n).any(axis=(1, 2, 3))[[0, 2]].all()
    assert far(naive, np.roll(risk, 1, axis=0), n).any(axis=(1, 2, 3)).all()


def test_what_happened_before_the_risk_counts_for_nothing(rng: np.random.Generator) -> None:
    there = lagged("forced_return", "centre", 'history_before_risk = "zero"', lags="[1, 3]")
    drawn = country(rng, (lagged("forced_return", "centre", lags="[0, 3]"), there))
    arms = [arm(name, *each) for name, each in same_arms(drawn).items()]
    system = drawn.system(arms, horizon=HORIZON, arrivals="none")
    assert system.arrays.since_risk.tolist() == [False, True]

    def naive(world: Any) -> np.ndarray:
        plan = scenario.ScenarioPlan(draws=4, replications=LIVES)
        found = scenario.simulate(replace(system, arrays=world), drawn.beta, plan)
        share = found["cumulative_incidence"].sel(place="all", version="naive").isel(chain=0)
        return share.mean("replication").transpose("arm", "draw", "exit", "month").values

    risk, n = risks(drawn)
    assert not far(naive(system.arrays), risk, n).any()
    # Negative controls: all that happened counts, and the risk begins a month earlier.
    every = system.arrays._replace(since_risk=np.zeros(2, dtype=np.bool_))
    assert far(naive(every), risk, n).any()
    early = system.arrays._replace(month=system.arrays.month + 1)
    assert far(naive(early), risk, n).any()
