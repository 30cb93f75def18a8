"""Average changes of a monthly probability: by hand, against a loop over rows, and identities."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands import incidence
from hazard.estimands.marginal_effects import changes, summed
from hazard.model import design, equivalent
from hazard.model.links import hazard
from hazard.spec import IncidenceEstimand, ModelSpec
from small_panels import (
    BASELINE,
    CENTRE,
    EXITS,
    NORMAL,
    POOLED,
    VISIT,
    SmallPanel,
    model,
    small_panel,
)

ROUNDING = 1e-12
COUNT = VISIT.replace('"centre"\n', '"centre"\nmeasure = "count"\n')
WINDOWS = VISIT + "windows = [[0, 0], [1, 2]]\n"
VARYING = VISIT + (
    'varies_by = { by = "nationality", levels = ["Irak", "Iran"], prior = '
    '{ family = "pooled", scale = 1.0, reason = "an example only" } }\n'
)


def drawn(
    spec: ModelSpec, rng: np.random.Generator
) -> tuple[SmallPanel, design.Design, xr.DataArray]:
    small = small_panel(spec, rng)
    for name, values in small.histories.items():
        if "count" in name:
            small.histories[name] = values * rng.integers(1, 4, values.shape)
    built = design.build(small.panel, small.histories, spec)
    beta = rng.normal(0.0, 0.6, (1, 3, built.n_coefficients, len(built.exits)))
    return small, built, xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))


def probabilities(
    made: tuple[SmallPanel, ModelSpec, design.Design], beta: np.ndarray, lag: int, n: int
) -> np.ndarray:
    """Mean probability of each exit when every row has exactly n events at one lag of a term."""
    small, spec, built = made
    term = spec.lagged[0]
    history = small.histories[term.name].copy()
    known = ~np.isnan(history.values).any(axis=1)
    values = history.values.copy()
    values[:, [at - term.lags[0] for at in window(term, lag)]] = 0.0
    values[:, lag - term.lags[0]] = n
    values[~known] = np.nan
    other = design.apply(built, small.panel, {term.name: history.copy(data=values)}, spec)
    x = np.hstack([b.matrix()[other.index[:, i]] for i, b in enumerate(other.blocks)])
    eta = xr.DataArray(x @ beta, dims=("row", "exit"))
    return hazard(eta, built.link).mean("row").values


def window(term: object, lag: int) -> range:
    first, last = next(w for w in term.coefficient_windows if w[0] <= lag <= w[1])  # type: ignore[attr-defined]
    return range(first, last + 1)


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
@pytest.mark.parametrize(
    "term", [VISIT, COUNT, WINDOWS, VARYING], ids=["any", "count", "windows", "own"]
)
def test_every_row_with_and_without(term: str, link: str, rng: np.random.Generator) -> None:
    spec = model(BASELINE + NORMAL, CENTRE + POOLED, term + NORMAL, link=link)
    small, built, beta = drawn(spec, rng)
    found = changes(beta, built, spec.lagged).squeeze("chain")
    name = spec.lagged[0].name
    for draw in range(3):
        for lag in (0, 1, 2):
            one = beta.values[0, draw]
            apart = []
            for n, arm in enumerate(("without", "with")):
                slow = probabilities((small, spec, built), one, lag, n)
                fast = found[arm].sel(term=name, lag=lag, draw=draw).values
                np.testing.assert_allclose(fast, slow, atol=ROUNDING)
                apart.append(fast)
            change = found["average_marginal_effect"].sel(term=name, lag=lag, draw=draw).values
            np.testing.assert_allclose(change, apart[1] - apart[0], atol=ROUNDING)
    if term != WINDOWS:  # negative control: the month before is another number
        slow = probabilities((small, spec, built), beta.values[0, 0], 1, 1)
        wrong = found["with"].sel(term=name, lag=0, draw=0).values
        assert np.abs(wrong - slow).max() > 1e-4


def test_no_coefficient_no_change(rng: np.random.Generator) -> None:
    spec = model(BASELINE + NORMAL, VISIT + NORMAL)
    _, built, beta = drawn(spec, rng)
    beta[:, :, built.span("visit_centre")] = 0.0
    assert (changes(beta, built, spec.lagged)["average_marginal_effect"] == 0.0).all()


def test_all_exits_and_staying_change_by_nothing_together(rng: np.random.Generator) -> None:
    spec = model(BASELINE + NORMAL, VISIT + NORMAL, exits=4)
    _, built, beta = drawn(spec, rng)
    found = changes(beta, built, spec.lagged)
    assert found["exit"].values.tolist() == list(EXITS)
    stay = 1.0 - found["with"].sum("exit")
    assert ((stay > 0) & (stay < 1)).all()


def test_rows_count_by_their_weight(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED, VISIT + NORMAL)
    _, built, beta = drawn(spec, rng)
    whole = changes(beta, built, spec.lagged)["average_marginal_effect"]
    few = changes(beta, equivalent.collapsed(built), spec.lagged)["average_marginal_effect"]
    np.testing.assert_allclose(few, whole, atol=ROUNDING)


def test_sums_leave_leads_out() -> None:
    curves = xr.DataArray(
        [[np.nan, 1.0, 2.0], [7.0, 3.0, np.nan], [5.0, np.nan, np.nan]],
        {"term": ["after", "around", "before"], "lag": [-1, 0, 1]},
    )
    assert summed(curves).values.tolist() == [3.0, 3.0, 5.0]


def test_terms_of_different_lags_have_gaps(rng: np.random.Generator) -> None:
    later = VISIT.replace('"visit"', '"call"').replace("[0, 2]", "[1, 4]")
    spec = model(VISIT + NORMAL, later + NORMAL)
    _, built, beta = drawn(spec, rng)
    found = changes(beta, built, spec.lagged)["average_marginal_effect"].isel(
        chain=0, draw=0, exit=0
    )
    assert found["lag"].values.tolist() == [0, 1, 2, 3, 4]
    known = ~np.isnan(found.values)
    assert known.tolist() == [[True, True, True, False, False], [False, True, True, True, True]]


def test_without_a_term_there_is_nothing_to_say(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED)
    _, built, beta = drawn(spec, rng)
    with pytest.raises(EstimandError, match="must have a lagged term; the model has none"):
        changes(beta, built, spec.lagged)


def test_straight_incidence_by_hand(rng: np.random.Generator) -> None:
    # one exit, probability 1/10 a month, 3/10 in the month of the visit and 1/10 + 1/5 after it
    spec = model(VISIT.replace("[0, 2]", "[0, 1]") + NORMAL, exits=1)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    beta = xr.DataArray(
        np.array([0.1, 0.2, 0.2]).reshape(1, 1, 3, 1), dims=("chain", "draw", "coefficient", "exit")
    )
    wanted = IncidenceEstimand(kind="cumulative_incidence", term="visit_centre", horizon_months=3)
    person = small.panel["person"].to_numpy()
    found = incidence.linear_incidence(beta, built, person, wanted).squeeze(
        ("chain", "draw", "exit")
    )
    np.testing.assert_allclose(found.sel(arm="without"), [0.1, 0.19, 0.271], atol=ROUNDING)
    np.testing.assert_allclose(found.sel(arm="with"), [0.3, 0.51, 0.559], atol=ROUNDING)


def test_straight_and_bent_incidence_meet_for_rare_exits(rng: np.random.Generator) -> None:
    # hazards of a straight line that equal those of a logit give equal incidences
    spec = model(VISIT + NORMAL, exits=2)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    level = np.array([-3.0, -4.0])
    dims = ("chain", "draw", "coefficient", "exit")
    bent = xr.DataArray(np.zeros((1, 1, 4, 2)), dims=dims)
    bent[0, 0, 0] = level
    straight = bent.copy()
    straight[0, 0, 0] = np.exp(level) / (1 + np.exp(level).sum())
    wanted = IncidenceEstimand(kind="cumulative_incidence", horizon_months=12)
    person = small.panel["person"].to_numpy()
    one = incidence.incidence(bent, built, person, wanted)
    other = incidence.linear_incidence(straight, built, person, wanted)
    np.testing.assert_allclose(one, other, atol=ROUNDING)
    swapped = straight.isel(exit=[1, 0])  # negative control
    assert np.abs(incidence.linear_incidence(swapped, built, person, wanted) - one).max() > 0.01
