"""Standardised risks: closed forms, slow loops, simulated individuals, and what must not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numba
import numpy as np
import pytest
import xarray as xr

from hazard.arrays import FloatArray
from hazard.errors import EstimandError
from hazard.estimands import g_formula as sd
from hazard.estimands import incidence, survival
from hazard.estimands import interventions as iv
from hazard.model import design
from hazard.model.design import Design
from hazard.model.links import hazard
from hazard.model.terms.block import Block
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.links import LinkName
from small_models import VARYING
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    CORRELATED,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    dense,
    every_kind,
    model,
    small_panel,
)

TERM, HORIZON = "visit_centre", 7
EVENT = (iv.OneInMonth(term=TERM, month=2),)
WITH = iv.Arm(name="with", interventions=EVENT, before="none")
NONE = (iv.NoEvents(term=TERM),)
WITHOUT = iv.Arm(name="without", interventions=NONE, before="none")
ARMS = ("with", "without")
# Sums of at most 80 paths of numbers below 1, of a few operations each.
ROUNDING = 1e-13
NO_ODDS = -700.0  # of which exp is next to nothing


class Setting(NamedTuple):
    small: SmallPanel
    spec: ModelSpec
    frozen: Design
    around: iv.PathEvents
    beta: xr.DataArray

    def rows(self, *arms: iv.Arm, n_paths: int = 1000) -> list[sd.PathRows]:
        return list(
            sd.path_rows(
                self.around, arms or (WITH, WITHOUT), self.frozen, self.spec, n_paths=n_paths
            )
        )


def setting(
    spec: ModelSpec, rng: np.random.Generator, *, sd_beta: float = 0.8, persons: int = 80
) -> Setting:
    small = small_panel(spec, rng, persons=persons)
    known = {name: history.fillna(0.0) for name, history in small.histories.items()}
    frozen = design.build(small.panel, known, spec)
    path = iv.paths(small.panel, iv.first_rows(small.panel), horizon=HORIZON)
    around = iv.from_rows(path, known, spec.lagged)
    return Setting(small, spec, frozen, around, draws(frozen, rng, sd_beta))


def draws(made: Design, rng: np.random.Generator, spread: float) -> xr.DataArray:
    beta = rng.normal(0, spread, (2, 3, made.n_coefficients, len(made.exits)))
    beta[:, :, 0] -= 2.0
    coords = {"chain": [0, 1], "draw": [0, 1, 2], "exit": list(made.exits)}
    return xr.DataArray(beta, coords, ("chain", "draw", "coefficient", "exit"))


# --- by hand ------------------------------------------------------------------------------------
def saturated(
    *arms: Sequence[Sequence[Fraction]], link: LinkName = "softmax"
) -> tuple[sd.PathRows, xr.DataArray]:
    """One path, and odds by arm, exit and month, one coefficient each."""
    n_exits, horizon = len(arms[0]), len(arms[0][0])
    index = np.arange(horizon, dtype=np.int32)[:, None]
    made = {}
    for a, name in enumerate(ARMS[: len(arms)]):
        basis = np.eye(horizon * len(arms))[a * horizon : (a + 1) * horizon]
        labels = np.arange(horizon * len(arms))
        block = Block("month", "baseline", np.arange(horizon), labels, basis, None)
        made[name] = Design(
            ("assisted", "disappeared", "forced")[:n_exits],
            link,
            (block,),
            index,
            np.zeros(horizon, dtype=np.int8),
            np.ones(horizon),
            np.arange(horizon),
            {},
        )
    odds = np.array([[float(o) for o in exit_] for arm in arms for exit_ in arm])
    beta = np.log(odds.reshape(len(arms), n_exits, horizon).transpose(0, 2, 1).reshape(-1, n_exits))
    dims = ("chain", "draw", "coefficient", "exit")
    return sd.PathRows(made, horizon), xr.DataArray(beta[None, None], dims=dims)


# month  at risk  assisted  disappeared  stay      ten persons, a coefficient for every month:
#     1       10         2            1     7      the odds of an exit are those who leave by those
#     2        7         1            1     5      who stay, and the risks are counts by ten
#     3        5         1            2     2
LEFT = [
    [Fraction(2, 7), Fraction(1, 5), Fraction(1, 2)],
    [Fraction(1, 7), Fraction(1, 5), Fraction(2, 2)],
]


def test_saturated_model_is_the_life_table_by_hand() -> None:
    rows, beta = saturated(LEFT)
    found = sd.standardise(beta, [rows]).isel(chain=0, draw=0, arm=0)
    expected = [
        [Fraction(2, 10), Fraction(3, 10), Fraction(4, 10)],
        [Fraction(1, 10), Fraction(2, 10), Fraction(4, 10)],
    ]
    exact = {"rtol": 0, "atol": ROUNDING}
    np.testing.assert_allclose(found["cumulative_incidence"], np.float64(expected), **exact)
    np.testing.assert_allclose(found["survival"], [7 / 10, 5 / 10, 2 / 10], **exact)
    assert found["exit"].values.tolist() == ["assisted", "disappeared"]
    assert found["month"].values.tolist() == [1, 2, 3]
    wrong, _ = saturated(LEFT, link="cloglog")  # negative control
    other = sd.standardise(beta, [wrong]).isel(chain=0, draw=0, arm=0)
    assert abs(other["survival"] - found["survival"]).max() > 0.01


def test_exit_that_is_prevented_by_hand() -> None:
    """Two of nine who do not disappear apply in the first month, then one of six, one of three."""
    rows, beta = saturated(LEFT)
    branches = sd.controlled_direct(["with"], ["disappeared"])
    found = sd.standardise(beta, [rows], branches=branches).isel(chain=0, draw=0, arm=0)
    there = [
        Fraction(7, 9),
        Fraction(7, 9) * Fraction(5, 6),
        Fraction(7, 9) * Fraction(5, 6) * Fraction(2, 3),
    ]
    np.testing.assert_allclose(found["survival"], np.float64(there), rtol=0, atol=ROUNDING)
    applied = found["cumulative_incidence"].sel(exit="assisted")
    np.testing.assert_allclose(applied, [1 - float(s) for s in there], rtol=0, atol=ROUNDING)
    assert (found["cumulative_incidence"].sel(exit="disappeared") == 0.0).all()


# odds           assisted  disappeared   P(assisted in the month)
# with                  1            1   1 / 3
# with, for applications only   1  1/2   1 / (5/2) = 2/5
# without             1/2          1/2   1/4
def test_separable_effects_by_hand() -> None:
    rows, beta = saturated([[Fraction(1)], [Fraction(1)]], [[Fraction(1, 2)], [Fraction(1, 2)]])
    found = sd.standardise(beta, [rows], branches=sd.separable("assisted", ARMS))
    applied = found["cumulative_incidence"].sel(exit="assisted").isel(chain=0, draw=0, month=0)
    np.testing.assert_allclose(applied, [1 / 3, 2 / 5, 1 / 4], rtol=0, atol=ROUNDING)
    parts = sd.separable_effects(applied, "assisted")
    by_hand = {"total": 1 / 12, "direct": 3 / 20, "indirect": -1 / 15}
    for name, value in by_hand.items():
        np.testing.assert_allclose(parts[name], value, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_constant_hazards_are_geometric(link: LinkName, rng: np.random.Generator) -> None:
    odds = rng.uniform(0.02, 0.3, 3)
    rows, beta = saturated([[Fraction(o)] * 24 for o in odds], link=link)
    found = sd.standardise(beta, [rows]).isel(chain=0, draw=0, arm=0)
    stay = 1 / (1 + odds.sum()) if link == "softmax" else np.exp(-odds.sum())
    month = np.arange(1, 25)
    np.testing.assert_allclose(found["survival"], stay**month, rtol=0, atol=ROUNDING)
    expected = np.outer(odds / odds.sum(), 1 - stay**month)
    np.testing.assert_allclose(found["cumulative_incidence"], expected, rtol=0, atol=ROUNDING)
    mean = survival.restricted_mean_time(found["survival"]).item()
    assert mean == pytest.approx((1 - stay**24) / (1 - stay), abs=24 * ROUNDING)


# --- against slow loops -------------------------------------------------------------------------
def by_rows(some: sd.PathRows, beta: FloatArray, branch: sd.Branch) -> FloatArray:
    """Linear predictor (path, month, exit) of a branch, from the dense design matrix."""
    designs, names = list(some.arms.values()), list(some.arms)
    eta = np.stack([dense(one) @ beta for one in designs])
    chosen = np.full(eta.shape[1:], NO_ODDS)
    for j, a in enumerate(branch.sources(designs[0].exits, names)):
        if a >= 0:
            chosen[:, j] = eta[a, :, j]
    return chosen.reshape(-1, some.horizon, eta.shape[-1])


def slow(some: sd.PathRows, beta: FloatArray, branch: sd.Branch) -> tuple[FloatArray, FloatArray]:
    """Risks and survival of one draw by the functions of labelled hazards, path by path."""
    link = next(iter(some.arms.values())).link
    eta = xr.DataArray(by_rows(some, beta, branch), dims=("path", "month", "exit"))
    h = hazard(eta, link).transpose("path", "exit", "month")
    gone = survival.cumulative_incidence(h).mean("path")
    return gone.values, survival.survival(h).mean("path").values


VARIED = model(BASELINE + WALK, VISIT + VARYING + WALK, NATIONALITY + POOLED, SEX + NORMAL, exits=2)
SPECS = {"softmax": every_kind(), "cloglog": every_kind(link="cloglog"), "varying": VARIED}


def branches_of(made: Design) -> list[sd.Branch]:
    return [
        *sd.separable(made.exits[0], ARMS),
        *(replace(b, name=f"{b.name}, stay") for b in sd.controlled_direct(ARMS, made.exits[1:])),
    ]


@pytest.mark.parametrize("name", SPECS)
def test_risks_equal_slow_loops(name: str, rng: np.random.Generator) -> None:
    at = setting(SPECS[name], rng)
    (whole,) = at.rows()
    branches = branches_of(at.frozen)
    found = sd.standardise(at.beta, [whole], branches=branches)
    assert found["arm"].values.tolist() == [branch.name for branch in branches]
    assert found.attrs["n_persons"] == len(at.around.paths.row)
    for draw in range(3):
        for branch in branches:
            one = found.sel(chain=1, draw=draw, arm=branch.name)
            gone, there = slow(whole, at.beta.values[1, draw], branch)
            np.testing.assert_allclose(one["cumulative_incidence"], gone, rtol=0, atol=ROUNDING)
            np.testing.assert_allclose(one["survival"], there, rtol=0, atol=ROUNDING)


def test_agrees_with_the_estimand_of_first_rows(rng: np.random.Generator) -> None:
    """Without a calendar both keep the first row of a person while the months advance."""
    terms = [BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + POOLED, VISIT + WALK]
    at = setting(model(*terms, NATIONALITY + CORRELATED), rng)
    first = WITH.model_copy(update={"interventions": (iv.OneInMonth(term=TERM, month=1),)})
    found = sd.standardise(at.beta, at.rows(WITHOUT, first))["cumulative_incidence"]
    wanted = IncidenceEstimand(kind="cumulative_incidence", term=TERM, horizon_months=HORIZON)
    simple = incidence.incidence(at.beta, at.frozen, at.small.panel["person"], wanted)
    np.testing.assert_allclose(found, simple, rtol=0, atol=ROUNDING)
    later = sd.standardise(at.beta, at.rows(WITHOUT, WITH))["cumulative_incidence"]
    assert np.abs(later - simple).max() > 0.01  # negative control: the event a month later


# --- against simulated individuals --------------------------------------------------------------
N_PERSONS = 40_000


def lived(eta: FloatArray, link: LinkName, rng: np.random.Generator) -> FloatArray:
    """Share of individuals, each on a random path, gone by exit and month: a race, no formula.

    With ``softmax`` everybody takes the best of the exits and of staying, each with noise of a
    Gumbel; with ``cloglog`` the exits come at exponential times, and the first within the month.
    """
    n_exits = eta.shape[-1]
    own = eta[rng.integers(0, len(eta), N_PERSONS)]
    there, gone = np.ones(N_PERSONS, dtype=bool), np.zeros((n_exits, eta.shape[1]))
    for month in range(eta.shape[1]):
        if link == "softmax":
            noise = rng.gumbel(size=(N_PERSONS, n_exits + 1))
            way = np.argmax(np.column_stack([own[:, month], np.zeros(N_PERSONS)]) + noise, axis=1)
        else:
            time = rng.exponential(size=(N_PERSONS, n_exits)) / np.exp(own[:, month])
            way = np.where(time.min(axis=1) < 1, time.argmin(axis=1), n_exits)
        for j in range(n_exits):
            gone[j, month] = (there & (way == j)).sum()
        there &= way == n_exits
    return gone.cumsum(axis=1) / N_PERSONS


def distance(risk: FloatArray, share: FloatArray) -> float:
    """Largest distance in standard errors of the shares, were the risks right."""
    error = np.sqrt(np.maximum(risk * (1 - risk), 1e-12) / N_PERSONS)
    return float((np.abs(risk - share) / error).max())


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_risks_are_shares_of_simulated_individuals(
    link: LinkName, rng: np.random.Generator
) -> None:
    at = setting(every_kind(link=link), rng)
    (whole,) = at.rows()
    branches = [
        *sd.separable("assisted", ARMS),
        sd.Branch("nobody disappears", "with", dropped=("disappeared",)),
    ]
    one = at.beta.isel(chain=[0], draw=[0])
    found = sd.standardise(one, [whole], branches=branches)["cumulative_incidence"].values[0, 0]
    shares = [lived(by_rows(whole, one.values[0, 0], b), link, rng) for b in branches]
    for risk, share in zip(found, shares, strict=True):
        assert distance(risk, share) < 5
    # negative controls: other arms, other exits, another month, another link
    assert distance(found[2], shares[0]) > 5
    assert distance(found[0][[1, 0, 2]], shares[0]) > 5
    assert distance(found[0][:, 1:], shares[0][:, :-1]) > 5
    other: LinkName = "cloglog" if link == "softmax" else "softmax"
    relinked = sd.PathRows({n: replace(d, link=other) for n, d in whole.arms.items()}, HORIZON)
    wrong = sd.standardise(one, [relinked])["cumulative_incidence"].values[0, 0, 0]
    assert distance(wrong, shares[0]) > 5


# --- identities ---------------------------------------------------------------------------------
@pytest.fixture
def at(rng: np.random.Generator) -> Setting:
    return setting(every_kind(), rng)


def test_survival_and_risks_sum_to_one_and_months_to_the_horizon(at: Setting) -> None:
    found = sd.standardise(at.beta, at.rows(), branches=branches_of(at.frozen))
    gone, there = found["cumulative_incidence"], found["survival"]
    assert gone.dims == ("chain", "draw", "arm", "exit", "month")
    assert there.dims == ("chain", "draw", "arm", "month")
    np.testing.assert_allclose(gone.sum("exit") + there, 1.0, rtol=0, atol=ROUNDING)
    assert (gone.diff("month") >= 0).all()
    assert (there.diff("month") <= 0).all()
    months = survival.restricted_mean_time(there) + survival.restricted_mean_time_lost(gone).sum(
        "exit"
    )
    np.testing.assert_allclose(months, HORIZON, rtol=0, atol=HORIZON * ROUNDING)
    by_hazard = by_rows(at.rows()[0], at.beta.values[0, 0], sd.Branch("with", "with"))
    labelled = hazard(xr.DataArray(by_hazard, dims=("path", "month", "exit")))
    stay = survival.expected_months(labelled).mean("path").item()
    assert survival.restricted_mean_time(there)[0, 0, 0].item() == pytest.approx(
        stay, abs=HORIZON * ROUNDING
    )


def test_arms_that_do_not_differ_differ_by_exactly_nothing(at: Setting) -> None:
    twin = WITHOUT.model_copy(update={"name": "twin"})
    late = iv.Arm(name="late", interventions=(iv.OneInMonth(term=TERM, month=HORIZON),))
    late = late.model_copy(update={"before": "none"})
    found = sd.standardise(at.beta, at.rows(WITHOUT, twin, WITH, late))
    for quantity in (found["cumulative_incidence"], found["survival"]):
        apart = sd.risk_difference(quantity)
        assert apart["arm"].values.tolist() == ["twin", "with", "late"]
        assert (apart.sel(arm="twin") == 0.0).all()
        assert np.abs(apart.sel(arm="with")).max() > 0.01  # negative control
        before = apart.sel(arm="late").isel(month=slice(0, -1))
        np.testing.assert_allclose(before, 0.0, rtol=0, atol=ROUNDING)
    only = sd.standardise(at.beta, at.rows(WITHOUT, twin))["cumulative_incidence"]
    assert (sd.risk_difference(only) == 0.0).all()


def test_an_event_without_an_effect_changes_nothing(at: Setting) -> None:
    beta = at.beta.copy()
    beta[:, :, at.frozen.span(TERM)] = 0.0
    found = sd.standardise(beta, at.rows(), branches=sd.separable("assisted", ARMS))
    parts = sd.separable_effects(found["cumulative_incidence"], "assisted")
    for name in parts:
        assert (parts[name] == 0.0).all(), name


def test_direct_and_indirect_make_the_total(at: Setting) -> None:
    risks = sd.standardise(at.beta, at.rows(), branches=sd.separable("forced", ARMS))
    parts = sd.separable_effects(risks["cumulative_incidence"], "forced")
    alone = sd.standardise(at.beta, at.rows())["cumulative_incidence"]
    apart = sd.risk_difference(alone).sel(arm="with", drop=True)
    np.testing.assert_allclose(parts["total"], apart, rtol=0, atol=ROUNDING)
    both = parts["direct"] + parts["indirect"]
    np.testing.assert_allclose(both, parts["total"], rtol=0, atol=ROUNDING)
    beta = at.beta.copy()  # an event that acts on forced returns alone has no indirect effect
    span = at.frozen.span(TERM)
    beta[:, :, span, :2] = 0.0
    risks = sd.standardise(beta, at.rows(), branches=sd.separable("forced", ARMS))
    parts = sd.separable_effects(risks["cumulative_incidence"], "forced")
    np.testing.assert_allclose(parts["indirect"], 0.0, rtol=0, atol=ROUNDING)
    assert np.abs(parts["direct"].sel(exit="forced")).max() > 0.01


def test_groups_average_to_the_whole_and_are_those_of_their_members(
    at: Setting, rng: np.random.Generator
) -> None:
    n = len(at.around.paths.row)
    nationality = at.around.paths.starts()["nationality"].astype(str).to_numpy()
    size = rng.choice([5, 20, 80], n)
    groups = {"nationality": nationality, "size_of_centre": size}
    found = sd.standardise_by(at.beta, at.rows(n_paths=13), groups)
    assert list(found) == [sd.EVERYBODY, "nationality", "size_of_centre"]
    whole = sd.standardise(at.beta, at.rows())
    xr.testing.assert_allclose(found[sd.EVERYBODY], whole, rtol=0, atol=ROUNDING)
    for name, own in groups.items():
        assert found[name][name].values.tolist() == sorted(set(own))
        assert found[name]["cumulative_incidence"].dims == (
            "chain",
            "draw",
            name,
            "arm",
            "exit",
            "month",
        )
        weighted = found[name].drop_vars("n_persons").weighted(found[name]["n_persons"])
        xr.testing.assert_allclose(weighted.mean(name), whole, rtol=0, atol=ROUNDING)
        assert int(found[name]["n_persons"].sum()) == n
    members = replace(at.around.paths, row=at.around.paths.row[size == 20])
    known = {TERM: at.small.histories[TERM].fillna(0.0)}
    of_20 = at._replace(around=iv.from_rows(members, known, at.spec.lagged))
    alone = sd.standardise(at.beta, of_20.rows())
    by_size = found["size_of_centre"].sel(size_of_centre=20, drop=True).drop_vars("n_persons")
    xr.testing.assert_allclose(by_size, alone, rtol=0, atol=ROUNDING)
    unlike = found["size_of_centre"].sel(size_of_centre=80)["survival"]
    assert np.abs(unlike - alone["survival"]).max() > 1e-3  # negative control


def test_parts_of_the_paths_make_the_whole(at: Setting) -> None:
    whole = sd.standardise(at.beta, at.rows())
    parts = at.rows(n_paths=11)
    assert len(parts) > 5
    xr.testing.assert_allclose(sd.standardise(at.beta, parts), whole, rtol=0, atol=ROUNDING)
    lost = sd.standardise(at.beta, parts[:-1])  # negative control
    assert np.abs(lost["survival"] - whole["survival"]).max() > 1e-4


def test_sums_do_not_depend_on_the_cores(at: Setting) -> None:
    before = numba.get_num_threads()
    found = []
    for n in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(n)
        found.append(sd.standardise(at.beta, at.rows())["survival"].values)
    numba.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_a_risk_of_nothing_has_no_ratio() -> None:
    risk = xr.DataArray([[0.5, 0.0], [0.25, 0.0]], {"arm": list(ARMS)}, ("arm", "month"))
    ratio = sd.risk_ratio(risk).sel(arm="with")
    assert ratio[0] == 2.0
    assert np.isnan(ratio[1])


# --- what is refused ----------------------------------------------------------------------------
def test_errors_say_what_is_wrong(at: Setting) -> None:
    rows = at.rows()
    with pytest.raises(EstimandError, match=r"must have rows of paths; got none\."):
        sd.standardise(at.beta, [])
    with pytest.raises(EstimandError, match=r"of the design, \(\d+, 3\); got \(3, 3\)\."):
        sd.standardise(at.beta.isel(coefficient=slice(0, 3)), rows)
    swapped = at.beta.isel(exit=[1, 0, 2])
    with pytest.raises(EstimandError, match=r"in their order, .*; got \['disappeared', 'assisted'"):
        sd.standardise(swapped, rows)
    with pytest.raises(
        EstimandError, match=r"exit of a branch must be one of .*; got 'forcd'\. Did"
    ):
        sd.standardise(at.beta, rows, branches=sd.controlled_direct(ARMS, ["forcd"]))
    with pytest.raises(EstimandError, match=r"arm of a branch must be one of .*; got 'wthout'"):
        sd.standardise(at.beta, rows, branches=sd.total(["wthout"]))
    both = sd.Branch("x", "with", dropped=("forced",), exchanged={"forced": "without"})
    with pytest.raises(EstimandError, match=r"dropped or exchanged; got both of \['forced'\]\."):
        sd.standardise(at.beta, rows, branches=[both])
    with pytest.raises(EstimandError, match=r"must name exits that are prevented; got none\."):
        sd.controlled_direct(ARMS, [])
    with pytest.raises(EstimandError, match=r"different names; got \['with'\] more than once\."):
        at.rows(WITH, WITH)
    with pytest.raises(EstimandError, match=r"must be 3 months of every path; got \d+ rows, and 0"):
        sd.PathRows(rows[0].arms, 3)
    with pytest.raises(EstimandError, match=r"must have at least one arm; got none\."):
        sd.PathRows({}, 4)
    other = replace(rows[0].arms["with"], exits=("assisted", "forced", "disappeared"))
    with pytest.raises(EstimandError, match=r"arm 'other' must have the rows, exits and coeff"):
        sd.PathRows({**rows[0].arms, "other": other}, HORIZON)
    with pytest.raises(EstimandError, match=r"another arm beside the reference; got none\."):
        sd.risk_difference(sd.standardise(at.beta, at.rows(WITHOUT))["survival"])
    n = len(at.around.paths.row)
    for length in (n - 1, n + 1):
        with pytest.raises(EstimandError, match=rf"a level of every path; got {length} levels"):
            sd.standardise_by(at.beta, rows, {"size": np.zeros(length)})
    with pytest.raises(
        EstimandError, match=r"grouping 'size' must have a level of every path; got"
    ):
        sd.standardise_by(at.beta, rows, {"size": np.full(n, np.nan)})
    with pytest.raises(EstimandError, match=r"must not have the name of a dimension; got 'exit'\."):
        sd.standardise_by(at.beta, rows, {"exit": np.zeros(n)})
    with pytest.raises(EstimandError, match=r"groupings must be of the same paths; got \{'a': "):
        sd.standardise_by(at.beta, rows, {"a": np.zeros(n), "b": np.zeros(n + 1)})
    beta = at.beta.copy()
    beta[0, 1, 0] = 800.0
    with pytest.raises(EstimandError, match=r"must be finite; got others in 1 of 6 draws\."):
        sd.standardise(beta, rows)
