"""Lag curves and standardised cumulative incidences, by hand and by brute force per person."""

from __future__ import annotations

import re
from dataclasses import replace

import numba
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.arrays import FloatArray
from hazard.errors import EstimandError, SpecError
from hazard.estimands import incidence, survival
from hazard.model import design, naming
from hazard.model.design import Design
from hazard.model.links import hazard
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.links import LinkName
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    CORRELATED,
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

HORIZON = 9
TERM = "visit_centre"
WITH_EVENT = IncidenceEstimand(kind="cumulative_incidence", term=TERM, horizon_months=HORIZON)
OBSERVED = IncidenceEstimand(kind="cumulative_incidence", horizon_months=HORIZON)


def built(spec: ModelSpec, rng: np.random.Generator) -> tuple[SmallPanel, Design]:
    small = small_panel(spec, rng)
    return small, design.build(small.panel, small.histories, spec)


def draws(made: Design, rng: np.random.Generator, shape: tuple[int, int] = (2, 3)) -> xr.DataArray:
    beta = rng.normal(0, 0.5, (*shape, made.n_coefficients, len(made.exits)))
    beta[..., 0, :] -= 2
    return xr.DataArray(
        beta,
        {"chain": np.arange(shape[0]), "draw": np.arange(shape[1]), "exit": list(made.exits)},
        ("chain", "draw", "coefficient", "exit"),
    )


# --- cumulative incidence -----------------------------------------------------------------------
# One person, one exit, odds 1/4 in every month: hazard 1/5. One event in month 1 multiplies the
# odds by 4 one month later: hazard 1/2 in month 2.
# month         1      2                    3
# without     1/5    1/5 + 4/5 1/5 = 9/25   9/25 + 16/25 1/5 = 61/125
# with        1/5    1/5 + 4/5 1/2 = 3/5    3/5 + 2/5 1/5 = 17/25
def test_incidence_by_hand() -> None:
    spec = model(VISIT + NORMAL, exits=1)
    panel = pd.DataFrame({"person": [7], "month": [1], "exit": ["stay"]})
    history = xr.DataArray([[1.0, 0.0, 1.0]], {"lag": [0, 1, 2]}, ("row", "lag"))
    made = design.build(panel, {TERM: history}, spec)
    beta = np.log([[1 / 4], [1.0], [4.0], [1.0]])[None, None]
    labelled = xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))
    short = WITH_EVENT.model_copy(update={"horizon_months": 3})
    found = incidence.incidence(labelled, made, panel["person"], short)
    assert found.dims == ("chain", "draw", "arm", "exit", "month")
    assert found["arm"].values.tolist() == ["without", "with"]
    assert found["exit"].values.tolist() == ["assisted"]
    assert found["month"].values.tolist() == [1, 2, 3]
    expected = [[1 / 5, 9 / 25, 61 / 125], [1 / 5, 3 / 5, 17 / 25]]
    np.testing.assert_allclose(found.values[0, 0, :, 0], expected, rtol=1e-14)
    shifted = labelled.isel(coefficient=[0, 2, 1, 3])  # negative control: the lag off by one
    wrong = incidence.incidence(shifted, made, panel["person"], short)
    assert np.abs(wrong.values[0, 0, 1, 0] - expected[1]).max() > 0.1


def test_event_acts_by_both_of_its_terms_by_hand() -> None:
    """As above; the odds are multiplied by 2 for everybody, and by 2 again for who was there."""
    there = VISIT.replace("[0, 2]", "[1, 2]") + 'history_before_risk = "zero"\n'
    spec = model(VISIT + NORMAL, there + NORMAL, exits=1)
    assert [term.name for term in spec.lagged] == [TERM, f"{TERM}_at_risk"]
    panel = pd.DataFrame({"person": [7], "month": [1], "exit": ["stay"]})
    history = xr.DataArray([[1.0, 0.0, 1.0]], {"lag": [0, 1, 2]}, ("row", "lag"))
    both = {TERM: history, f"{TERM}_at_risk": history.isel(lag=slice(1, None))}
    made = design.build(panel, both, spec)
    beta = xr.DataArray(
        np.log([[1 / 4], [1.0], [2.0], [1.0], [2.0], [1.0]])[None, None],
        dims=("chain", "draw", "coefficient", "exit"),
    )
    short = WITH_EVENT.model_copy(update={"horizon_months": 3})
    found = incidence.incidence(beta, made, panel["person"], short).values[0, 0, :, 0]
    np.testing.assert_allclose(found, [[1 / 5, 9 / 25, 61 / 125], [1 / 5, 3 / 5, 17 / 25]])
    alone = IncidenceEstimand(
        kind="cumulative_incidence", term=f"{TERM}_at_risk", horizon_months=3
    )  # negative control
    less = incidence.incidence(beta, made, panel["person"], alone).values[0, 0, 1, 0]
    assert abs(less[1] - 3 / 5) > 0.01


def brute_force(
    small: SmallPanel, made: Design, beta: FloatArray, arm: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean incidence and survival over persons, one person after the other, for one draw."""
    person = small.panel["person"].to_numpy()[made.row]
    month, visit = made.span("month"), made.span(TERM)
    x = dense(made)
    incidences, survivals = [], []
    for one in np.unique(person):
        row = x[np.flatnonzero(person == one)[0]].copy()
        path = []
        for t in range(1, HORIZON + 1):
            row[month] = [2 <= t < 5, t >= 5]  # the breaks of the model are 1, 2 and 5
            if arm != "observed":
                row[visit] = 0.0
            if arm == "with" and t <= 3:
                row[visit.start + t - 1] = 1.0
            path.append(row @ beta)
        eta = xr.DataArray(path, {"exit": list(made.exits)}, ("month", "exit"))
        h = hazard(eta, made.link).transpose("exit", "month")
        incidences.append(survival.cumulative_incidence(h))
        survivals.append(survival.survival(h))
    return xr.concat(incidences, "person").mean("person"), xr.concat(survivals, "person").mean(
        "person"
    )


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_incidence_equals_brute_force_and_sums_to_one(
    link: LinkName, rng: np.random.Generator
) -> None:
    small, made = built(every_kind(exits=3, link=link), rng)
    beta = draws(made, rng)
    for wanted, arms in ((WITH_EVENT, ("without", "with")), (OBSERVED, ("observed",))):
        found = incidence.incidence(beta, made, small.panel["person"], wanted)
        assert found.shape == (2, 3, len(arms), 3, HORIZON)
        for arm in arms:
            for chain, draw in ((0, 0), (1, 2)):
                inside = found.sel(arm=arm).isel(chain=chain, draw=draw)
                expected, there = brute_force(small, made, beta.values[chain, draw], arm)
                np.testing.assert_allclose(inside.values, expected.values, rtol=1e-10)
                total = inside.sum("exit") + there.values
                np.testing.assert_allclose(total, 1.0, rtol=1e-12)
    other = replace(made, link="cloglog" if link == "softmax" else "softmax")
    wrong = incidence.incidence(beta, other, small.panel["person"], OBSERVED)  # negative control
    assert np.abs(wrong - found).max() > 1e-3


def test_incidence_identity_increases_with_the_months(rng: np.random.Generator) -> None:
    small, made = built(every_kind(), rng)
    found = incidence.incidence(draws(made, rng), made, small.panel["person"], WITH_EVENT)
    assert (found >= 0).all()
    assert (found.diff("month") >= 0).all()
    assert (found.sum("exit") <= 1 + 1e-12).all()


def test_arms_without_an_effect_are_equal(rng: np.random.Generator) -> None:
    small, made = built(every_kind(), rng)
    beta = draws(made, rng)
    beta[:, :, made.span(TERM)] = 0.0
    found = incidence.incidence(beta, made, small.panel["person"], WITH_EVENT)
    np.testing.assert_array_equal(found.sel(arm="with"), found.sel(arm="without"))
    beta[:, :, made.span(TERM).stop - 1] = 0.1  # negative control
    moved = incidence.incidence(beta, made, small.panel["person"], WITH_EVENT)
    assert (moved.sel(arm="with") != moved.sel(arm="without")).any()
    # the last lag, 2, acts in month 3 first
    np.testing.assert_array_equal(moved.sel(month=[1, 2]), found.sel(month=[1, 2]))


def test_lags_beyond_the_horizon_do_not_act(rng: np.random.Generator) -> None:
    small, made = built(every_kind(), rng)
    beta = draws(made, rng)
    short = WITH_EVENT.model_copy(update={"horizon_months": 2})
    person = small.panel["person"]
    found = incidence.incidence(beta, made, person, short)
    longer = incidence.incidence(beta, made, person, WITH_EVENT)
    np.testing.assert_array_equal(found, longer.sel(month=[1, 2]))


def test_leads_act_before_the_first_month(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, VISIT.replace("[0, 2]", "[-1, 1]") + NORMAL)
    small, made = built(spec, rng)
    beta = draws(made, rng)
    person, lead = small.panel["person"], made.span(TERM).start
    found = incidence.incidence(beta, made, person, WITH_EVENT)
    beta[:, :, lead] += 1.0
    np.testing.assert_array_equal(incidence.incidence(beta, made, person, WITH_EVENT), found)
    beta[:, :, lead + 1] += 1.0  # negative control: lag 0
    moved = incidence.incidence(beta, made, person, WITH_EVENT)
    assert (moved.sel(arm="with", month=1) != found.sel(arm="with", month=1)).all()


def test_incidence_does_not_depend_on_the_number_of_threads(rng: np.random.Generator) -> None:
    small, made = built(every_kind(), rng)
    beta, most = draws(made, rng), numba.get_num_threads()
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append(incidence.incidence(beta, made, small.panel["person"], WITH_EVENT))
    numba.set_num_threads(most)
    np.testing.assert_array_equal(found[0], found[1])


def test_incidence_weighs_persons_not_rows(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, CENTRE + POOLED)
    small, made = built(spec, rng)
    person = small.panel["person"].to_numpy()
    first = ~small.panel["person"].duplicated().to_numpy()
    beta = draws(made, rng)
    found = incidence.incidence(beta, made, person, OBSERVED)
    first_rows = replace(made, index=made.index[first], row=np.flatnonzero(first))
    np.testing.assert_array_equal(incidence.incidence(beta, first_rows, person, OBSERVED), found)
    by_row = incidence.incidence(beta, made, np.arange(len(person)), OBSERVED)  # negative control
    assert np.abs(by_row - found).max() > 1e-4


def test_incidence_of_an_unknown_term_is_refused(rng: np.random.Generator) -> None:
    small, made = built(model(VISIT + NORMAL, SEX + NORMAL), rng)
    sentence = (
        "estimand term must be one of ['intercept', 'visit_centre', 'sex']; got 'visit_center'. "
        "Did you mean 'visit_centre'?"
    )
    wanted = WITH_EVENT.model_copy(update={"term": "visit_center"})
    with pytest.raises(EstimandError, match=f"^{re.escape(sentence)}$"):
        incidence.incidence(draws(made, rng), made, small.panel["person"], wanted)


def test_event_with_own_curves_in_both_of_its_terms_is_refused(rng: np.random.Generator) -> None:
    varying = (
        'varies_by = { by = "nationality", prior = '
        '{ family = "pooled", scale = 1.0, reason = "an example only" } }\n'
    )
    there = VISIT.replace("[0, 2]", "[1, 2]") + 'history_before_risk = "zero"\n'
    for also, refused in ((varying, True), ("", False)):
        small, made = built(model(VISIT + varying + NORMAL, there + also + NORMAL), rng)
        person, beta = small.panel["person"], draws(made, rng)
        if refused:
            with pytest.raises(EstimandError, match=r"must have own curves of a group once"):
                incidence.incidence(beta, made, person, WITH_EVENT)
        else:
            incidence.incidence(beta, made, person, WITH_EVENT)


def test_model_asks_once_for_each_kind() -> None:
    asked = '[[estimand]]\nkind = "cumulative_incidence"\n'
    with pytest.raises(SpecError, match=r"must have its own name, .* cumulative_incidence appears"):
        model(VISIT + NORMAL, asked + 'term = "visit_centre"\n', asked)


# --- coefficients and lag curves ----------------------------------------------------------------
def posterior_of(made: Design, beta: xr.DataArray) -> xr.Dataset:
    """Draws of the coefficients under the names that the graph gives them."""
    found = {"intercept": beta.isel(coefficient=0)}
    for block in made.blocks[1:]:
        part = beta.isel(coefficient=made.span(block.name))
        labels = [str(label) for label in block.coefficients]
        dim = naming.level(block.name)
        part = part.rename(coefficient=dim).assign_coords({dim: labels})
        found[f"{'u' if block.kind == 'group' else 'beta'}_{block.name}"] = part
    return xr.Dataset(found)


def test_coefficients_come_in_the_order_of_the_design(rng: np.random.Generator) -> None:
    _, made = built(every_kind(), rng)
    beta = draws(made, rng)
    posterior = posterior_of(made, beta)
    shuffled = posterior[list(rng.permutation(list(posterior)))]
    np.testing.assert_array_equal(incidence.coefficients(shuffled, made), beta)


@pytest.mark.parametrize("prior", [WALK, POOLED, CORRELATED])
def test_lag_curves_by_hand(prior: str, rng: np.random.Generator) -> None:
    second = VISIT.replace('"visit"', '"talk"').replace("[0, 2]", "[1, 2]")
    spec = model(SEX + NORMAL, VISIT + prior, second + NORMAL, exits=2)
    _, made = built(spec, rng)
    beta = draws(made, rng)
    curves = incidence.lag_curves(posterior_of(made, beta), spec)
    by_lag, total = curves["lag_coefficient"], curves["cumulative_lag_effect"]
    assert by_lag.dims == ("chain", "draw", "term", "lag", "exit")
    assert by_lag["term"].values.tolist() == ["visit_centre", "talk_centre"]
    assert by_lag["lag"].values.tolist() == [0, 1, 2]
    visit, talk = (beta.values[:, :, made.span(f"{name}_centre")] for name in ("visit", "talk"))
    np.testing.assert_array_equal(by_lag.sel(term="visit_centre"), visit)
    np.testing.assert_array_equal(by_lag.sel(term="talk_centre", lag=[1, 2]), talk)
    assert np.isnan(by_lag.sel(term="talk_centre", lag=0)).all()
    np.testing.assert_allclose(total.sel(term="visit_centre"), visit.sum(axis=2), rtol=1e-12)
    np.testing.assert_allclose(total.sel(term="talk_centre"), talk.sum(axis=2), rtol=1e-12)


def test_sum_of_a_lag_curve_leaves_leads_out_and_shows_what_is_no_number(
    rng: np.random.Generator,
) -> None:
    leads = VISIT.replace('"visit"', '"talk"').replace("[0, 2]", "[-2, -1]")
    spec = model(VISIT.replace("[0, 2]", "[-1, 1]") + NORMAL, leads + NORMAL, exits=2)
    _, made = built(spec, rng)
    beta = draws(made, rng)
    total = incidence.lag_curves(posterior_of(made, beta), spec)["cumulative_lag_effect"]
    visit, talk = (beta.values[:, :, made.span(f"{name}_centre")] for name in ("visit", "talk"))
    expected = visit[:, :, 1:].sum(axis=2)
    np.testing.assert_allclose(total.sel(term="visit_centre"), expected, rtol=1e-12)
    np.testing.assert_allclose(total.sel(term="talk_centre"), talk.sum(axis=2), rtol=1e-12)
    beta[1, 2, made.span("visit_centre").start + 1, 0] = np.nan
    broken = incidence.lag_curves(posterior_of(made, beta), spec)["cumulative_lag_effect"]
    assert int(np.isnan(broken).sum()) == 1


def test_model_without_lags_has_no_curve(rng: np.random.Generator) -> None:
    spec = model(SEX + NORMAL)
    _, made = built(spec, rng)
    with pytest.raises(
        EstimandError,
        match=r"^estimand 'lag_curve' must have a lagged term; the model has none\.$",
    ):
        incidence.lag_curves(posterior_of(made, draws(made, rng)), spec)
