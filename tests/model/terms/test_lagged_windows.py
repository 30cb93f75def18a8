"""Lags that are joined to windows: the block, what one event does, priors, tables, baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import fitting
from hazard.arrays import FloatArray
from hazard.baselines import linear_probability, multinomial_logit
from hazard.estimands import incidence
from hazard.estimands.group_curves import all_level_curves, level_curves
from hazard.inference import laplace
from hazard.inference.nuts import SamplerSettings
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.model.priors import covariance
from hazard.model.pymc_model import build_model
from hazard.output import tables
from hazard.spec import IncidenceEstimand, ModelSpec
from hazard.spec.priors.hierarchical_random_walk import HierarchicalRandomWalkPrior
from hazard.spec.priors.random_walk import RandomWalkPrior
from hazard.studies import sensitivity
from small_panels import BASELINE, NATIONALITY, NORMAL, POOLED, SEX, VISIT, WALK, SmallPanel, model
from small_terms import LISTED, VARIES, wide_panel

TERM = "visit_centre"
SEVEN = VISIT.replace("[0, 2]", "[0, 6]")
JOINED = "windows = [[0, 0], [1, 2], [3, 4], [5, 6]]\n"
ALONE = f"windows = {[[lag, lag] for lag in range(7)]}\n"
OF_LAG = [0, 1, 1, 2, 2, 3, 3]
PLACES = [0.0, 1.5, 3.5, 5.5]


def spec_of(windows: str, more: str = "", prior: str = WALK, exits: int = 2) -> ModelSpec:
    terms = [BASELINE + WALK, SEX.replace('"male"', '"man"') + NORMAL]
    return model(*terms, SEVEN + windows + more + prior, NATIONALITY + POOLED, exits=exits)


def built(
    spec: ModelSpec, rng: np.random.Generator, persons: int = 80
) -> tuple[SmallPanel, Design]:
    small = wide_panel(spec, rng, persons=persons)
    return small, design.build(small.panel, small.histories, spec)


# --- the block ----------------------------------------------------------------------------------
# row  visits at lag 0 1 2 3   window 0, 1-3
#   1                1 0 0 0          1 0
#   2                0 1 0 1          0 1
#   3                0 0 0 1          0 1
#   4                0 0 0 0          0 0
def test_block_by_hand() -> None:
    spec = model(VISIT.replace("[0, 2]", "[0, 3]\nwindows = [[0, 0], [1, 3]]") + NORMAL)
    visits = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=np.float32)
    panel = pd.DataFrame({"person": range(4), "month": 1, "exit": "stay"})
    made = design.build(panel, {TERM: xr.DataArray(visits, dims=("row", "lag"))}, spec)
    block = made.blocks[1]
    assert made.labels()[1:] == [(TERM, "0"), (TERM, "1-3")]
    assert block.matrix()[made.index[:, 1]].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0]]
    assert block.n_levels == 3  # rows 2 and 3 are alike
    assert block.windows().tolist() == [[0, 0], [1, 3]]
    assert block.places().tolist() == [0.0, 2.0]


def test_an_unknown_lag_leaves_the_row_out() -> None:
    spec = model(VISIT.replace("[0, 2]", "[0, 3]\nwindows = [[0, 0], [1, 3]]") + NORMAL)
    visits = np.array([[1, 0, 0, np.nan], [0, 1, 0, 1]], dtype=np.float32)
    panel = pd.DataFrame({"person": range(2), "month": 1, "exit": "stay"})
    made = design.build(panel, {TERM: xr.DataArray(visits, dims=("row", "lag"))}, spec)
    assert made.row.tolist() == [1]  # also where a known lag has already told what happened


@pytest.mark.parametrize("more", ["", VARIES, LISTED])
def test_windows_of_one_lag_are_no_windows(more: str, rng: np.random.Generator) -> None:
    """Metamorphic: to the last bit, down to the coordinates of the sampler."""
    plain, alone = spec_of("", more), spec_of(ALONE, more)
    small, one = built(plain, rng)
    two = design.build(small.panel, small.histories, alone)
    assert fitting.rows_digest(one, small.panel) == fitting.rows_digest(two, small.panel)
    assert one.labels() == two.labels()
    for left, right in zip(one.blocks, two.blocks, strict=True):
        assert left.coefficients.tolist() == right.coefficients.tolist()
        assert left.windows().tolist() == right.windows().tolist()
    factors = [parameterisation.standard(each).factors for each in (one, two)]
    for name, values in factors[0].items():
        np.testing.assert_array_equal(values, factors[1][name])
    joined = design.build(small.panel, small.histories, spec_of(JOINED, more))
    digests = [fitting.rows_digest(each, small.panel) for each in (one, joined)]
    assert digests[0] != digests[1]  # negative control


def test_a_fit_with_windows_is_that_of_columns_made_by_hand(rng: np.random.Generator) -> None:
    """The same fit as with histories of two months, each of which says whether in either."""
    seven, four = (
        model(
            SEX.replace('"male"', '"man"') + NORMAL, VISIT.replace("[0, 2]", lags) + WALK, exits=2
        )
        for lags in ("[0, 6]\n" + JOINED, "[0, 3]")
    )
    small = wide_panel(seven, rng, persons=300)
    own = small.histories[TERM].values
    made = design.build(small.panel, small.histories, seven)

    def by_hand(join: np.ufunc) -> Design:
        pairs = [own[:, 0], *(join(own[:, k], own[:, k + 1]) for k in (1, 3, 5))]
        history = xr.DataArray(np.column_stack(pairs), dims=("row", "lag"))
        return design.build(small.panel, {TERM: history}, four)

    direct = by_hand(np.maximum)
    for estimator in (multinomial_logit, linear_probability):
        one, two = estimator.fit(made), estimator.fit(direct)
        np.testing.assert_array_equal(one.estimate, two.estimate)
        np.testing.assert_array_equal(one.standard_error, two.standard_error)
        assert one.terms["level"].tolist()[-4:] == ["0", "1-2", "3-4", "5-6"]
    other = multinomial_logit.fit(by_hand(np.add))  # negative control: how many of the two months
    assert np.abs(other.estimate - multinomial_logit.fit(direct).estimate).max() > 1e-3


# --- what one event does ------------------------------------------------------------------------
def posterior_of(spec: ModelSpec, values: FloatArray) -> xr.Dataset:
    at = ("chain", "draw", f"{TERM}_level", "exit")
    labels = {f"{TERM}_level": ["0", "1-2", "3-4", "5-6"], "exit": list(spec.outcome.exits)}
    return xr.Dataset({f"beta_{TERM}": (at, values)}, labels)


def test_lag_curve_by_hand() -> None:
    """Four coefficients of seven lags; the sum is that over months, not over windows."""
    spec = spec_of(JOINED)
    values = np.array([1.0, 10.0, 100.0, 1000.0])[None, None, :, None] * [1, 2]
    curve = incidence.lag_curve(posterior_of(spec, values), spec.lagged[0])
    assert curve["lag"].values.tolist() == list(range(7))
    first = curve.isel(chain=0, draw=0, exit=0)
    assert first.values.tolist() == [1, 10, 10, 100, 100, 1000, 1000]
    total = incidence.lag_curves(posterior_of(spec, values), spec)["cumulative_lag_effect"]
    assert total.squeeze().values.tolist() == [2221, 4442]


def test_leads_in_windows_count_apart() -> None:
    leads = SEVEN.replace("[0, 6]", "[-2, 1]\nwindows = [[-2, -1], [0, 1]]")
    spec = model(leads + NORMAL, exits=1)
    at = ("chain", "draw", f"{TERM}_level", "exit")
    values = np.array([5.0, 1.0])[None, None, :, None]
    found = incidence.lag_curves(xr.Dataset({f"beta_{TERM}": (at, values)}), spec)
    assert found["lag_coefficient"].squeeze().values.tolist() == [5, 5, 1, 1]
    assert found["cumulative_lag_effect"].item() == 2


@pytest.mark.parametrize("more", ["", VARIES, LISTED])
@pytest.mark.parametrize("horizon", [4, 9])
def test_incidence_is_that_of_equal_lags(more: str, horizon: int, rng: np.random.Generator) -> None:
    """Metamorphic: seven lags with the coefficients of their windows have the same incidence."""
    joined, plain = spec_of(JOINED, more), spec_of("", more)
    small, one = built(joined, rng)
    two = design.build(small.panel, small.histories, plain)
    beta = xr.DataArray(
        rng.normal(0, 0.7, (1, 2, one.n_coefficients, 2)),
        dims=("chain", "draw", "coefficient", "exit"),
    )
    wanted = IncidenceEstimand(kind="cumulative_incidence", term=TERM, horizon_months=horizon)
    person = small.panel["person"].to_numpy()
    places = {label: k for k, label in enumerate(one.labels())}
    names = dict(enumerate(["0", "1-2", "1-2", "3-4", "3-4", "5-6", "5-6"]))

    def place(block: str, label: str) -> int:
        *level, lag = label.rsplit(", ", 1) if block.startswith(TERM) else (label,)
        if block.startswith(TERM):
            label = ", ".join([*level, names[int(lag)]])
        return places[block, label]

    expanded = beta.isel(coefficient=[place(*label) for label in two.labels()])
    found = [
        incidence.incidence(b, made, person, wanted) for b, made in ((beta, one), (expanded, two))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    arms = found[0].sel(arm="with") - found[0].sel(arm="without")
    assert np.abs(arms).max() > 1e-3
    shifted = replace(one, blocks=tuple(_first_only(block) for block in one.blocks))
    wrong = incidence.incidence(beta, shifted, person, wanted)  # negative control
    assert np.abs(wrong - found[0]).max() > 1e-3


def _first_only(block: design.Block) -> design.Block:
    """A window that acts at its first lag only."""
    return block if block.lags is None else replace(block, lags=block.lags[:, [0, 0]])


def test_curves_of_levels_by_hand() -> None:
    spec = spec_of(JOINED, LISTED)
    common = np.array([1.0, 2.0, 3.0, 4.0])[None, None, :, None] * [1, 1]
    own = np.array([0.1, 0.2, 0.3, 0.4, 10, 20, 30, 40])[None, None, :, None] * [1, 1]
    at = f"{TERM}_by_nationality"
    levels = [f"{n}, {w}" for n in ("Korea, Rep.", "Irak") for w in ("0", "1-2", "3-4", "5-6")]
    posterior = posterior_of(spec, common).assign(
        {f"beta_{at}": (("chain", "draw", f"{at}_level", "exit"), own)}
    )
    posterior = posterior.assign_coords({f"{at}_level": levels})
    found = level_curves(posterior, spec.lagged[0], ["Irak", "Somalia", "Korea, Rep."])
    curves = found["lag_coefficient"].isel(chain=0, draw=0, exit=1)
    expected = [[11, 22, 22, 33, 33, 44, 44], [1, 2, 2, 3, 3, 4, 4]]
    np.testing.assert_allclose(curves[:2], expected)
    np.testing.assert_allclose(curves[2], [1.1, 2.2, 2.2, 3.3, 3.3, 4.4, 4.4])
    every = all_level_curves(posterior, spec.lagged)
    assert every["lag_coefficient"].sizes["lag"] == 7


def test_new_levels_get_windows(rng: np.random.Generator) -> None:
    spec = spec_of(JOINED, VARIES)
    at = f"{TERM}_by_nationality"
    levels = [f"Irak, {w}" for w in ("0", "1-2", "3-4", "5-6")]
    posterior = posterior_of(spec, np.zeros((1, 3, 4, 2))).assign(
        {
            f"beta_{at}": (("chain", "draw", f"{at}_level", "exit"), np.zeros((1, 3, 4, 2))),
            f"sigma_{at}": (("chain", "draw", "exit"), np.ones((1, 3, 2))),
        }
    )
    posterior = posterior.assign_coords({f"{at}_level": levels})
    found = level_curves(posterior, spec.lagged[0], ["Irak", "Somalia"], rng=rng)
    new = found["lag_coefficient"].sel(level="Somalia").transpose("lag", ...).values
    np.testing.assert_array_equal(new[[1, 3, 5]], new[[2, 4, 6]])
    assert (new[[0, 1, 3]] != new[[1, 3, 5]]).all()


# --- priors -------------------------------------------------------------------------------------
def test_walk_over_windows_by_hand() -> None:
    """Gaps of 1.5, 2 and 2 months between the middles: a step of g months has variance 4 g."""
    walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    sizes = np.diag(covariance(walk, PLACES))
    np.testing.assert_allclose(sizes, [1, 1 + 4 * 1.5, 1 + 4 * 3.5, 1 + 4 * 5.5], rtol=1e-12)
    learned = HierarchicalRandomWalkPrior(
        family="hierarchical_random_walk", scale=1.0, reason="an example"
    )
    own = learned.factor(np.array(PLACES))
    np.testing.assert_allclose(np.diag(own @ own.T), [1, 2.5, 4.5, 6.5], rtol=1e-12)


def test_walk_over_windows_is_the_walk_at_their_middles() -> None:
    """Identity: windows of three months see the walk over months in their middle month."""
    walk = RandomWalkPrior(family="random_walk", start=0.7, scale=0.4, reason="an example")
    months = covariance(walk, np.arange(10))
    np.testing.assert_allclose(
        covariance(walk, [0, 2, 5, 8]), months[np.ix_([0, 2, 5, 8], [0, 2, 5, 8])], rtol=1e-12
    )
    even = covariance(walk, np.arange(4))  # negative control: the gaps do not count
    assert np.abs(even - covariance(walk, [0, 2, 5, 8])).max() > 0.1


def test_smooth_walk_over_windows_by_hand() -> None:
    """Slopes z1 and z1 + sqrt(1.75) z2 per month, over gaps of 1.5 and 2 months."""
    smooth = RandomWalkPrior(
        family="random_walk", order=2, start=3.0, scale=1.0, reason="an example"
    )
    own = smooth.factor(np.array(PLACES[:3]))
    expected = [[3, 0, 0], [3, 1.5, 0], [3, 1.5 + 2, 2 * np.sqrt(1.75)]]
    np.testing.assert_allclose(own, expected, rtol=1e-12)


def test_design_knows_where_windows_lie(rng: np.random.Generator) -> None:
    spec = spec_of(JOINED)
    _, made = built(spec, rng)
    block = next(block for block in made.blocks if block.name == TERM)
    assert block.places().tolist() == PLACES
    prior = spec.lagged[0].prior
    np.testing.assert_array_equal(
        parameterisation.standard(made).factors[TERM], prior.factor(np.array(PLACES))
    )


def test_posterior_has_a_coefficient_per_window(rng: np.random.Generator) -> None:
    _, made = built(spec_of(JOINED), rng)
    around = laplace.fit(parameterisation.standard(made))
    graph = build_model(around.coordinates, around.anchors)
    assert graph.coords[f"{TERM}_level"] == ("0", "1-2", "3-4", "5-6")


# --- sensitivity --------------------------------------------------------------------------------
def test_every_prior_has_windows(rng: np.random.Generator) -> None:
    spec = spec_of(JOINED, exits=1)
    small, _ = built(spec, rng, persons=40)
    rows = fitting.Panel(small.panel, small.histories, pd.DataFrame(), "table")
    every = sensitivity.cells(spec)
    assert {cell.prior for cell in every} == {cell.prior for cell in sensitivity.cells(spec_of(""))}
    wanted = sensitivity.SensitivityPlan(
        every[::2], SamplerSettings(draws=20, engine="laplace"), incidence_draws=5
    )
    found = sensitivity.run(rows, spec, wanted).table
    by_lag = found[found["quantity"] == "lag_coefficient"]
    assert by_lag["prior_upper"].notna().all()
    wide = by_lag.pivot_table(index="prior", columns="lag", values=["estimate", "prior_upper"])
    for name in ("estimate", "prior_upper"):
        values = wide[name].to_numpy(dtype=float)
        np.testing.assert_array_equal(values[:, [1, 3, 5]], values[:, [2, 4, 6]])


def test_no_spike_without_a_month_of_the_event() -> None:
    spec = spec_of("windows = [[0, 1], [2, 6]]\n")
    assert "spike" not in {cell.prior for cell in sensitivity.cells(spec)}


# --- tables and the whole line ------------------------------------------------------------------
def test_a_run_with_windows(rng: np.random.Generator) -> None:
    spec = spec_of(JOINED, VARIES).model_copy(
        update={"estimand": (IncidenceEstimand(kind="cumulative_incidence", term=TERM),)}
    )
    small, made = built(spec, rng, persons=300)
    rows = fitting.Panel(small.panel, small.histories, pd.DataFrame(), "table")
    found = fitting.fit(rows, spec, SamplerSettings(draws=30, engine="laplace"))
    by_lag = found.estimates[found.estimates["quantity"] == "lag_coefficient"]
    logit = multinomial_logit.fit(made).table()
    logit = logit[logit["term"] == TERM].set_index(["exit", "level"])
    for estimator, rows_of in by_lag[by_lag["level"].isna()].groupby("estimator"):
        wide = rows_of.pivot_table(index="exit", columns="lag", values="estimate")
        assert wide.columns.tolist() == list(range(7))
        values = wide.to_numpy(dtype=float)
        np.testing.assert_array_equal(values[:, [1, 3, 5]], values[:, [2, 4, 6]])
        if estimator == "multinomial logit":
            for exit_name in wide.index:
                expected = logit.loc[exit_name].loc[["0", "1-2", "3-4", "5-6"], "estimate"]
                assert wide.loc[exit_name].tolist() == expected.to_numpy()[OF_LAG].tolist()
    assert {tables.HAZARD_MODEL, "multinomial logit", "linear probability"} == set(
        by_lag["estimator"]
    )
    assert by_lag["level"].notna().any()
