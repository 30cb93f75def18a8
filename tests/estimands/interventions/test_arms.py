"""Every arm against paths enumerated by brute force; what is not observed is never zero."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.arrays import FloatArray
from hazard.data import exposures
from hazard.errors import EstimandError
from hazard.estimands import incidence, survival
from hazard.estimands import interventions as iv
from hazard.estimands.g_formula import path_rows, standardise
from hazard.model import design
from hazard.model.design import Design
from hazard.model.links import hazard
from hazard.spec import IncidenceEstimand, ModelSpec
from own_states import END, LEAVES, ONSET, START, own_model, states
from small_events import KINDS, of_kind, random_beta, with_counts
from small_panels import SmallPanel, dense
from small_registers import term

TERM, HORIZON = "visit_centre", 6


def enumerated(
    small: SmallPanel, made: Design, spec: ModelSpec, beta: FloatArray, events: list[int]
) -> FloatArray:
    """Mean incidence of paths with events in given months, by rows of the design, (exit, month)."""
    first = small.panel["person"].drop_duplicates().index.to_numpy()
    frame = small.panel.iloc[np.repeat(first, HORIZON)].reset_index(drop=True)
    month = np.tile(np.arange(1, HORIZON + 1), len(first))
    frame["month"] = month.astype(np.int32)
    frame["person"] = np.repeat(np.arange(len(first)), HORIZON)
    frame["exit"] = pd.Categorical(["stay"] * len(frame), frame["exit"].cat.categories)
    lags = np.array(spec.lagged[0].every_lag)
    happened = np.isin(month[:, None] - lags, events).astype(np.float32)
    history = xr.DataArray(happened, {"lag": lags}, ("row", "lag"))
    rows = design.apply(made, frame, {name_of(spec): history}, spec)
    eta = (dense(rows) @ beta).reshape(len(first), HORIZON, -1)
    h = hazard(xr.DataArray(eta, dims=("person", "month", "exit")), made.link)
    each = survival.cumulative_incidence(h.transpose("person", "exit", "month"))
    return each.mean("person").values


def name_of(spec: ModelSpec) -> str:
    return spec.lagged[0].name


# --- the estimand of first rows -----------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exposure", ["once", "sustained"])
def test_incidence_equals_enumerated_paths(
    kind: str, exposure: str, rng: np.random.Generator
) -> None:
    spec = of_kind(kind, "cloglog" if kind == "windows" else "softmax")
    small = with_counts(spec, rng)
    made = design.build(small.panel, small.histories, spec)
    beta = random_beta(made, rng)
    wanted = IncidenceEstimand(
        kind="cumulative_incidence", term=name_of(spec), exposure=exposure, horizon_months=HORIZON
    )
    found = incidence.incidence(beta, made, small.panel["person"], wanted)[0, 0]
    months = {"once": [1], "sustained": list(range(1, HORIZON + 1))}
    names = {"once": ["without", "with"], "sustained": ["never", "always"]}
    assert found["arm"].values.tolist() == names[exposure]
    own = [enumerated(small, made, spec, beta.values[0, 0], e) for e in ([], months[exposure])]
    np.testing.assert_allclose(found.values, own, rtol=1e-10)
    late = enumerated(small, made, spec, beta.values[0, 0], [m + 1 for m in months[exposure]])
    assert np.abs(found.values[1] - late).max() > 1e-4  # negative control: a month later


def test_sustained_needs_a_term() -> None:
    with pytest.raises(ValueError, match=r"exposure 'sustained' must come with a term; got none"):
        IncidenceEstimand(kind="cumulative_incidence", exposure="sustained")


# --- own exposures on paths ---------------------------------------------------------------------


def natural_course(months: int) -> FloatArray:
    """Incidence by the end of each month, every history of the state enumerated."""
    gone = np.zeros(months)
    move = np.array([[1 - ONSET, ONSET], [END, 1 - END]])
    for path in product([0, 1], repeat=months):
        weight = START[path[0]] * np.prod([move[a, b] for a, b in pairwise(path)])
        gone += weight * (1 - np.cumprod(1 - LEAVES[list(path)]))
    return gone


def risk(panel: pd.DataFrame, arm: iv.Arm, horizon: int, *, seed: int = 0) -> FloatArray:
    """Standardised risk of an arm at the true odds."""
    spec = own_model()
    history = {"state_own": exposures.own_history(panel, spec.lagged[0])}
    built = design.build(panel, history, spec)
    log_odds = np.log(LEAVES / (1 - LEAVES))
    beta = np.array([log_odds[0], log_odds[1] - log_odds[0]]).reshape(1, 1, 2, 1)
    draws = xr.DataArray(beta, {"exit": ["left"]}, ("chain", "draw", "coefficient", "exit"))
    of = iv.paths(panel, iv.first_rows(panel), horizon=horizon)
    around = iv.from_rows(of, history, spec.lagged, seed=seed)
    found = standardise(draws, path_rows(around, [arm], built, spec, n_paths=500))
    return found["cumulative_incidence"].values.ravel()


def test_observed_arm_is_the_natural_course(rng: np.random.Generator) -> None:
    persons, months = 8000, 6
    panel = states(rng, persons, months)
    truth = natural_course(months)
    found = risk(panel, iv.Arm(name="observed", after="drawn"), months)
    # a mean over persons of risks in [0, 1], half of whose months are drawn from the other half
    error = 5 * np.sqrt(2 * truth * (1 - truth) / persons)
    assert (np.abs(found - truth) < error).all()
    silent = panel.merge(  # negative control: nothing after the last row
        pd.DataFrame(product(range(persons), range(1, months + 1)), columns=["person", "month"]),
        how="right",
    )
    silent["state"] = silent["state"].fillna(0.0)
    silent["entry"], silent["exit"] = 0, silent["exit"].fillna("stay")
    wrong = risk(silent, iv.Arm(name="observed"), months)
    assert (truth - wrong)[-1] > error[-1]


def test_observed_arm_without_a_rule_is_refused(rng: np.random.Generator) -> None:
    panel = states(rng, 50, 6)
    with pytest.raises(EstimandError, match=r"^history of term 'state_own' must be known on every"):
        risk(panel, iv.Arm(name="observed"), 6)
    short = panel[panel["month"] <= 3]
    nobody = iv.Arm(name="observed", after="drawn")
    with pytest.raises(EstimandError, match=r"shorten the horizon where nobody is\.$"):
        risk(short.reset_index(drop=True), nobody, 6)


@pytest.mark.parametrize(
    ("interventions", "state"),
    [
        ((iv.NoEvents(term="state"),), [0] * 5),
        ((iv.Sustained(term="state"),), [1] * 5),
        ((iv.Sustained(term="state", month=3),), [0, 0, 1, 1, 1]),
        ((iv.Sustained(term="state", month=2, months=2),), [0, 1, 1, 0, 0]),
        ((iv.OneInMonth(term="state", month=4),), [0, 0, 0, 1, 0]),
    ],
)
def test_set_arms_are_their_only_path(
    interventions: tuple[iv.Intervention, ...], state: list[int], rng: np.random.Generator
) -> None:
    panel = states(rng, 60, 5)
    found = risk(panel, iv.Arm(name="set", interventions=interventions), 5)
    np.testing.assert_allclose(found, 1 - np.cumprod(1 - LEAVES[state]), rtol=1e-12)


@given(seed=st.integers(0, 2**32), last=st.integers(0, 3), rule=st.sampled_from(["zero", "carry"]))
@settings(max_examples=30, deadline=None)
def test_no_arm_takes_months_after_the_last_row_as_known(seed: int, last: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    panel = states(rng, 12, 6)
    one = term("state", "own", rule, lags=(min(1, last), last))
    history = {one.name: exposures.own_history(panel, one)}
    around = iv.from_rows(iv.paths(panel, iv.first_rows(panel), horizon=6), history, [one])
    made = iv.histories(around, iv.Arm(name="observed"), unknown="keep")[one.name].values
    stays = panel.groupby("person")["month"].max().to_numpy()
    told_of = np.arange(1, 7)[:, None] - np.array(one.every_lag)
    beyond = (told_of[None] > stays[:, None, None]).reshape(made.shape)
    assert np.isnan(made[beyond]).all()
    assert not np.isnan(made[~beyond]).any()
    observed = {
        (p, m): v for p, m, v in zip(panel["person"], panel["month"], panel["state"], strict=True)
    }
    path = np.repeat(panel["person"].unique(), 6)
    lag0 = np.array(
        [observed.get(key, np.nan) for key in zip(path, np.tile(np.arange(1, 7), 12), strict=False)]
    )
    if last == 0:
        np.testing.assert_array_equal(made[:, 0], lag0)


def test_nothing_goes_on_that_was_not_seen(rng: np.random.Generator) -> None:
    """Of a state that nobody leaves or enters, everybody keeps what it was."""
    panel = states(rng, 40, 6)
    first = panel.groupby("person")["state"].transform("first")
    panel = panel.assign(state=first)
    one = own_model().lagged[0]
    history = {one.name: exposures.own_history(panel, one)}
    stays = panel.groupby("person")["month"].max()
    assert (stays == 6).any()
    around = iv.from_rows(iv.paths(panel, iv.first_rows(panel), horizon=6), history, [one])
    drawn = iv.histories(around, iv.Arm(name="observed", after="drawn"))[one.name].values
    kept = panel.groupby("person")["state"].first().to_numpy()
    np.testing.assert_array_equal(drawn[:, 0], np.repeat(kept, 6))
