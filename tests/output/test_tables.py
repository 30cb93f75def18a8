"""Draws and fits as tidy tables: every number by hand, every column in its place."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.baselines import aalen_johansen
from hazard.baselines.fit import BaselineFit
from hazard.output import tables
from hazard.output.simultaneous import BAND, simultaneous_band
from hazard.spec import ModelSpec
from small_panels import NORMAL, SEX, VISIT, model


@pytest.fixture
def spec() -> ModelSpec:
    other = VISIT.replace('"visit"', '"talk"').replace('"centre"', '"nationality"')
    return model(SEX + NORMAL, VISIT + NORMAL, other.replace("[0, 2]", "[1, 2]") + NORMAL, exits=2)


def labelled(values: np.ndarray, **coordinates: list[object]) -> xr.DataArray:
    return xr.DataArray(values, coordinates, ("chain", "draw", *coordinates))


# --- summary ------------------------------------------------------------------------------------
def test_summary_by_hand() -> None:
    """Draws 0 to 100 in four chains; those of the second exit are ten times as large."""
    chain = np.tile(np.arange(101.0), (4, 1))
    draws = labelled(np.stack([chain, 10 * chain], axis=-1), exit=["a", "b"])
    found = tables.summary(draws, ci_prob=0.9)
    assert found["exit"].tolist() == ["a", "b"]
    np.testing.assert_allclose(found["estimate"], [50, 500])
    np.testing.assert_allclose(found["lower"], [5, 50])
    np.testing.assert_allclose(found["upper"], [95, 950])
    assert found["ci_prob"].tolist() == [0.9, 0.9]
    assert found["ci_kind"].tolist() == ["equal-tailed"] * 2


def test_summary_reference_arviz(rng: np.random.Generator) -> None:
    draws = labelled(rng.normal(3, 2, (4, 250, 2, 3)), term=["x", "y"], lag=[0, 1, 2])
    found = tables.summary(draws)
    assert found[["term", "lag"]].to_numpy().tolist() == [[t, n] for t in "xy" for n in range(3)]
    flat = draws.values.reshape(4, 250, 6)
    for k, row in enumerate(found.itertuples()):
        own = flat[:, :, k]
        assert row.estimate == pytest.approx(own.mean(), rel=1e-12)
        low, high = np.quantile(own, [0.025, 0.975])
        assert (row.lower, row.upper) == pytest.approx((low, high), rel=1e-12)
        assert row.mcse == pytest.approx(float(az.mcse(own)), rel=1e-10)


def test_summary_does_not_skip_what_is_not_a_number(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 50, 2))
    values[1, 7, 1] = np.nan
    found = tables.summary(labelled(values, exit=["a", "b"]))
    numbers = found[["estimate", "lower", "upper", "mcse"]]
    assert numbers.iloc[0].notna().all()
    assert numbers.iloc[1].isna().all()


def test_summary_monte_carlo_error_sees_the_order_of_draws(rng: np.random.Generator) -> None:
    draws = rng.normal(size=(4, 400, 1))
    mixed = tables.summary(labelled(draws, exit=["a"]))
    sorted_ = tables.summary(labelled(np.sort(draws, axis=1), exit=["a"]))
    assert sorted_["estimate"][0] == pytest.approx(mixed["estimate"][0])
    assert sorted_["mcse"][0] > 3 * mixed["mcse"][0]


# --- the hazard model ---------------------------------------------------------------------------
def test_lag_curve_table(spec: ModelSpec, rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 50, 2, 3, 2))
    values[:, :, 1, 0] = np.nan  # the second term begins at lag 1
    terms = ["visit_centre", "talk_nationality"]
    exits = ["assisted", "disappeared"]
    by_lag = labelled(values, term=terms, lag=[0, 1, 2], exit=exits)
    total = by_lag.sum("lag", skipna=True)
    curves = xr.Dataset({"lag_coefficient": by_lag, "cumulative_lag_effect": total})
    found = tables.lag_curve_estimates(curves, spec)
    assert tuple(found.columns) == tables.COLUMNS
    assert set(found["estimator"]) == {tables.HAZARD_MODEL}
    assert set(found["unit"]) == {"log-odds"}
    assert len(found) == (3 + 2) * 2 + 2 * 2
    one = found[(found["exposure"] == "talk") & (found["exit"] == "disappeared")]
    assert set(one["network"]) == {"nationality"}
    assert one["quantity"].tolist() == ["lag_coefficient"] * 2 + ["cumulative_lag_effect"]
    assert one["lag"].tolist() == [1, 2, pd.NA]
    expected = [values[:, :, 1, lag, 1].mean() for lag in (1, 2)]
    np.testing.assert_allclose(one["estimate"], [*expected, sum(expected)])
    assert found["mcse"].notna().all()
    assert found[["arm", "month"]].isna().all(axis=None)
    hazards = spec.model_copy(
        update={"outcome": spec.outcome.model_copy(update={"link": "cloglog"})}
    )
    assert set(tables.lag_curve_estimates(curves, hazards)["unit"]) == {"log-hazard"}


def test_every_curve_has_a_band_of_its_own(spec: ModelSpec, rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 50, 2, 3, 2)) * np.array([1.0, 10.0])
    values[:, :, 1, 0] = np.nan  # the second term begins at lag 1
    terms, exits = ["visit_centre", "talk_nationality"], ["assisted", "disappeared"]
    by_lag = labelled(values, term=terms, lag=[0, 1, 2], exit=exits)
    total = by_lag.sum("lag", skipna=True)
    found = tables.lag_curve_estimates(
        xr.Dataset({"lag_coefficient": by_lag, "cumulative_lag_effect": total}), spec
    )
    sums = found["quantity"] == "cumulative_lag_effect"
    assert found.loc[sums, [*BAND]].isna().all(axis=None)
    for (term, exit_name), rows in found[~sums].groupby(["term", "exit"]):
        curve = by_lag.sel(term=term, exit=exit_name, lag=rows["lag"].astype(int).tolist())
        inside = (curve >= rows["lower_simultaneous"].to_numpy()) & (
            curve <= rows["upper_simultaneous"].to_numpy()
        )
        assert inside.all("lag").mean() >= 0.95
        band = simultaneous_band(curve)
        assert rows["simultaneous_mcse"].tolist() == band["simultaneous_mcse"].values.tolist()


def test_incidence_table_and_its_difference(spec: ModelSpec, rng: np.random.Generator) -> None:
    values = np.sort(rng.random((2, 60, 2, 2, 3)), axis=-1)
    arms, exits = ["without", "with"], ["assisted", "disappeared"]
    incidence = labelled(values, arm=arms, exit=exits, month=[1, 2, 3])
    found = tables.incidence_estimates(incidence, spec, "visit_centre")
    assert tuple(found.columns) == tables.COLUMNS
    assert len(found) == 2 * 2 * 3 + 2 * 3
    assert set(found["unit"]) == {"probability"}
    assert set(found["exposure"]) == {"visit"}
    levels = found[found["quantity"] == "cumulative_incidence"].set_index(["arm", "exit", "month"])
    differences = found[found["quantity"] == "risk_difference"].set_index(["exit", "month"])
    assert set(differences["arm"]) == {"with - without"}
    for e, exit_ in enumerate(exits):
        for month in (1, 2, 3):
            own = differences.loc[exit_, month]
            contrast = values[:, :, 1, e, month - 1] - values[:, :, 0, e, month - 1]
            arm = [levels.loc[(name, exit_, month), "estimate"] for name in arms]
            assert own["estimate"] == pytest.approx(arm[1] - arm[0], abs=1e-12)
            edges = np.quantile(contrast, [0.025, 0.975])
            assert (own["lower"], own["upper"]) == pytest.approx(tuple(edges), abs=1e-12)
            # the interval of the difference is that of paired draws, not of its ends
            assert own["lower"] != pytest.approx(
                levels.loc[("with", exit_, month), "lower"]
                - levels.loc[("without", exit_, month), "lower"]
            )
    single = incidence.isel(arm=[0]).assign_coords(arm=["observed"])
    alone = tables.incidence_estimates(single, spec, None)
    assert set(alone["quantity"]) == {"cumulative_incidence"}
    assert alone[["exposure", "network"]].isna().all(axis=None)


# --- approximate beside sampled -----------------------------------------------------------------
@pytest.fixture
def sampled(spec: ModelSpec, rng: np.random.Generator) -> pd.DataFrame:
    arms, exits = ["without", "with"], ["assisted", "disappeared"]
    values = np.sort(rng.random((2, 60, 2, 2, 3)), axis=-1)
    drawn = labelled(values, arm=arms, exit=exits, month=[1, 2, 3])
    return tables.incidence_estimates(drawn, spec, "visit_centre")


def test_apart_is_in_sampled_standard_deviations(sampled: pd.DataFrame) -> None:
    """The approximation lies half an sd above and is twice as wide."""
    moved = sampled.assign(
        estimate=sampled["estimate"] + 0.5 * sampled["sd"],
        lower=sampled["lower"] - sampled["sd"],
        upper=sampled["upper"] + 2 * sampled["sd"],
        sd=2 * sampled["sd"],
        mcse=0.0,
    )
    found = tables.apart(moved.sample(frac=1, random_state=1), sampled)
    assert len(found) == len(sampled)
    expected = {"apart": 0.5, "apart_lower": -1.0, "apart_upper": 2.0, "sd_ratio": 2.0}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9)
    other = tables.apart(moved, sampled.assign(term="another"))
    assert len(other) == 0


def test_flags_stand_at_the_numbers_that_were_checked(sampled: pd.DataFrame) -> None:
    first = sampled["month"].eq(1)
    checked = tables.apart(sampled, sampled[first].assign(estimate=0.0))
    counted = sampled[sampled["month"].eq(2)].assign(estimator="Aalen-Johansen", arm="observed")
    whole = pd.concat([counted, sampled.iloc[::-1]], ignore_index=True)
    found = tables.flagged(whole, checked)
    assert tuple(found.columns) == (*tables.COLUMNS, *tables.CHECK)
    has = found["estimator"].eq(tables.HAZARD_MODEL) & found["month"].eq(1)
    assert found["apart"].notna().tolist() == has.tolist()
    shown = found[has]
    np.testing.assert_allclose(shown["apart"], (shown["estimate"] / shown["sd"]).astype(float))
    np.testing.assert_allclose(shown["sd_ratio"], 1.0)


# --- the baselines ------------------------------------------------------------------------------
def test_baseline_table_keeps_the_lags_only(spec: ModelSpec) -> None:
    labels = pd.DataFrame(
        {
            "term": ["intercept", "sex", *["visit_centre"] * 3],
            "level": ["intercept", "female", *"012"],
        }
    )
    estimate = np.arange(10.0).reshape(5, 2)
    fit = BaselineFit(
        "linear probability",
        "probability",
        ("assisted", "disappeared"),
        labels,
        estimate,
        np.ones((5, 2)),
        (),
    )
    found = tables.baseline_estimates(fit, spec)
    assert tuple(found.columns) == tables.COLUMNS
    assert found["lag"].tolist() == [0, 1, 2, 0, 1, 2]
    assert found["estimate"].tolist() == [4, 6, 8, 5, 7, 9]
    np.testing.assert_allclose(found["upper"] - found["estimate"], 1.959963984540054)
    assert set(found["ci_kind"]) == {"normal"}
    assert set(found["unit"]) == {"probability per month"}
    assert set(found["network"]) == {"centre"}
    assert found["mcse"].isna().all()


# month  at risk  assisted  disappeared
#     1        4         1            0
#     2        3         0            2
def test_aalen_johansen_table_by_hand() -> None:
    n_exits = xr.DataArray(
        [[1, 0], [0, 2]], {"exit": ["assisted", "disappeared"], "month": [1, 2]}, ("exit", "month")
    )
    fitted = aalen_johansen.from_counts(xr.DataArray([4, 3], {"month": [1, 2]}, "month"), n_exits)
    found = tables.aalen_johansen_estimates(fitted)
    assert tuple(found.columns) == tables.COLUMNS
    assert found["month"].tolist() == [1, 2, 1, 2]
    np.testing.assert_allclose(found["estimate"], [1 / 4, 1 / 4, 0, 1 / 2], atol=1e-15)
    # without censoring the variance is F (1 - F) / n: sqrt(3) / 8 and 1 / 4; cut at 0. None of four
    # disappears at first: the share S that does not has S ** 4 = 0.025
    np.testing.assert_allclose(
        found["upper"].astype(float),
        [1 / 4 + 1.959964 * np.sqrt(3) / 8] * 2 + [1 - 0.025**0.25, 1 / 2 + 1.959964 / 4],
        rtol=1e-6,
    )
    np.testing.assert_allclose(found["lower"].astype(float), [0, 0, 0, 1 / 2 - 1.959964 / 4])
    assert found["ci_kind"].tolist() == ["normal", "normal", "exact", "normal"]


def test_empty_table_has_the_columns() -> None:
    assert tuple(tables.empty().columns) == tables.COLUMNS
    assert len(tables.empty()) == 0


# --- errors of the baselines --------------------------------------------------------------------
def fitted(freedom: float, errors: str) -> BaselineFit:
    labels = pd.DataFrame({"term": ["visit_centre"] * 2, "level": ["0", "1-2"]})
    values = np.array([[0.5, -1.0], [1.5, 2.0]])
    return BaselineFit(
        *(
            "multinomial logit",
            "log-odds",
            ("assisted", "disappeared"),
            labels,
            values,
            0 * values + 2,
        ),
        remarks=(),
        errors=errors,
        freedom=freedom,
    )


@pytest.mark.parametrize(
    ("freedom", "kind", "reach"), [(np.inf, "normal", 1.959964), (4.0, "t", 2.776445)]
)
def test_baseline_errors_by_hand(freedom: float, kind: str, reach: float) -> None:
    """Five clusters leave four degrees of freedom; a lag has the number of its window."""
    spec = model(VISIT.replace("lags", "windows = [[0, 0], [1, 2]]\nlags") + NORMAL, exits=2)
    found = tables.baseline_estimates(fitted(freedom, "clustered by centre"), spec)
    assert set(found["ci_kind"]) == {kind}
    assert set(found["errors"]) == {"clustered by centre"}
    one = found[found["exit"] == "disappeared"]
    assert one["lag"].tolist() == [0, 1, 2]
    assert one["estimate"].tolist() == [-1.0, 2.0, 2.0]
    np.testing.assert_allclose(one["upper"] - one["estimate"], 2 * reach, rtol=1e-6)
    assert one["level"].isna().all()  # no curve of a level
