"""Lag curves of the published table: reading, the rounded likelihood, the model, the posterior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from pytensor.compile.mode import Mode
from scipy import stats
from scipy.special import log_ndtr, logsumexp

from hazard import languages
from hazard.errors import DataError
from hazard.inference.nuts import SamplerSettings
from hazard.model.priors import covariance
from hazard.output import figures
from hazard.spec.priors import Prior
from hazard.spec.priors.normal import NormalPrior
from hazard.studies import published
from hazard.studies.published.rounding import log_rounded
from places import PACKAGE

PYTHON = Mode(linker="py", optimizer=None)
CENTRE = "mnlogit assisted forced_return centre"


def normal(scale: float) -> NormalPrior:
    return NormalPrior(family="normal", scale=scale, reason="an example only")


@pytest.fixture(scope="module")
def curves() -> xr.Dataset:
    return published.published_curves()


@pytest.fixture
def table() -> pd.DataFrame:
    """Two curves of two lags per estimator."""
    return pd.DataFrame(
        {
            "outcome": "assisted",
            "exposure": "forced_return",
            "network": ["centre", "centre", "nationality", "nationality"],
            "lag_months": [0, 1, 0, 1],
            "lpm_coefficient": [0.001, 0.004, -0.001, 0.001],
            "lpm_se": [0.002, 0.002, 0.001, 0.001],
            "mnlogit_log_odds": [0.400, 0.455, -0.213, -0.022],
            "mnlogit_se": [0.305, 0.269, 0.159, 0.142],
        }
    )


# --- what was printed ---------------------------------------------------------------------------
def test_curves_by_hand(curves: xr.Dataset) -> None:
    assert dict(curves.sizes) == {"curve": 16, "lag": 7}
    month_0 = curves.sel(curve="lpm disappeared forced_return centre", lag=0)
    assert (float(month_0["coefficient"]), float(month_0["standard_error"])) == (0.010, 0.004)
    assert (str(month_0["estimator"].values), str(month_0["exit"].values)) == ("lpm", "disappeared")
    last = curves.sel(curve="mnlogit disappeared assisted_application nationality", lag=6)
    assert (float(last["coefficient"]), float(last["standard_error"])) == (0.111, 0.073)
    assert curves.attrs["half_width"] == pytest.approx(0.0005)


@pytest.mark.parametrize("name", ["oslo2016_table_7_1.csv", "oslo2016_table_7_2.csv"])
def test_bundled_table_is_the_published_one(shared: Path, name: str) -> None:
    bundled = PACKAGE / "published" / name
    assert bundled.read_bytes() == (shared / "published" / name).read_bytes()


def test_order_of_rows_changes_nothing(table: pd.DataFrame, rng: np.random.Generator) -> None:
    shuffled = table.iloc[rng.permutation(len(table))]
    xr.testing.assert_identical(
        published.published_curves(table), published.published_curves(shuffled)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: pd.concat([t, t.iloc[[0]]]),
            r"^coefficient table must hold each lag of a curve once; .* \(first: row 5\)\. .*\.$",
        ),
        (lambda t: t.iloc[1:], r"must hold the same lags for every curve; .* in 2 of 6"),
        (
            lambda t: t.assign(lpm_se=[0.001, 0.0, 0.1, 0.1]),
            r"positive standard errors; .* row 2\)",
        ),
        (lambda t: t.assign(mnlogit_se=np.nan), r"must hold finite numbers; .* in 4 of 8"),
        (lambda t: t.assign(lpm_coefficient=np.inf), r"must hold finite numbers; .* in 4 of 8"),
        (
            lambda t: t.assign(outcome="forced"),
            r"must name exits among \['assisted', 'disappeared'\]; .* in 8 of 8",
        ),
    ],
)
def test_broken_table_is_refused(table: pd.DataFrame, change: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        published.published_curves(change(table))


def test_published_estimates_by_hand(curves: xr.Dataset) -> None:
    frame = published.published_estimates(curves)
    assert len(frame) == 16 * 8
    chosen = frame.query("estimator == 'mnlogit' and exit == 'assisted' and network == 'centre'")
    rows = chosen.query("exposure == 'forced_return'").set_index("lag")
    assert rows.loc["0", "lower"] == pytest.approx(0.400 - 1.959964 * 0.305, abs=1e-6)
    total, error = (
        4.112,
        np.sqrt(sum(s**2 for s in (0.305, 0.269, 0.242, 0.277, 0.236, 0.261, 0.231))),
    )
    assert rows.loc["sum", "estimate"] == pytest.approx(total)
    assert rows.loc["sum", "upper"] == pytest.approx(total + 1.959964 * error, abs=1e-6)


# --- the rounded likelihood ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def rounded() -> object:
    """Log-likelihood of one printed coefficient, and its derivative in theta."""
    printed, theta, error, half = pt.dscalars(4)
    value = log_rounded(printed, theta, error, half)
    inputs = [printed, theta, error, half]
    return pytensor.function(inputs, [value, pytensor.grad(value, theta)], mode=PYTHON)


def test_log_rounded_by_hand(rounded) -> None:
    # Phi(1/2) - Phi(-1/2) = 0.382925, and at theta on the edge of the interval Phi(1) - Phi(0).
    assert np.exp(rounded(0.0, 0.0, 1.0, 0.5)[0]) == pytest.approx(0.382925, abs=1e-6)
    assert np.exp(rounded(0.0, 0.5, 1.0, 0.5)[0]) == pytest.approx(0.341345, abs=1e-6)


@pytest.mark.parametrize("error", [0.0005, 0.001, 0.004, 0.3])
@pytest.mark.parametrize("distance", [-6.0, -1.0, -0.1, 0.0, 0.3, 2.0, 6.0])
def test_log_rounded_against_scipy(rounded, error: float, distance: float) -> None:
    theta, half = 0.002 + distance * error, 0.0005
    ends = log_ndtr((0.002 + np.array([half, -half]) - theta) / error)
    if theta < 0.002:  # the lower tail, where the difference keeps its digits
        ends = log_ndtr((theta - 0.002 + np.array([half, -half])) / error)
    expected = ends[0] + np.log1p(-np.exp(ends[1] - ends[0]))
    # Both sides subtract numbers that agree to about half / error: eps over that, ten times.
    tolerance = 10 * np.finfo(float).eps * error / half
    assert rounded(0.002, theta, error, half)[0] == pytest.approx(
        expected, rel=tolerance, abs=tolerance
    )


@pytest.mark.parametrize("distance", [-1e4, -100.0, 40.0, 1e4])
def test_log_rounded_far_away_has_a_slope_towards_the_print(rounded, distance: float) -> None:
    value, slope = rounded(0.002, 0.002 + distance * 0.001, 0.001, 0.0005)
    assert np.isfinite(value)
    # Far out the nearest edge decides: the slope is that of a normal density there, or less than
    # the inverse of its distance from it.
    near = (abs(distance) - 0.5) / 0.001
    assert abs(slope) == pytest.approx(near, rel=2 / distance**2 + 1e-6)
    assert np.sign(slope) == -np.sign(distance)


# --- priors and the normal posterior ------------------------------------------------------------
def test_prior_by_hand(curves: xr.Dataset) -> None:
    k = published.prior_covariance(curves, normal(0.5))
    sd = {str(c): float(k.sel(curve=c)[0, 0]) ** 0.5 for c in k["curve"].values}
    assert sd[CENTRE] == 0.5
    assert sd["lpm assisted forced_return centre"] == pytest.approx(0.5 * 0.015 * 0.985)
    assert sd["lpm disappeared forced_return centre"] == pytest.approx(0.5 * 0.049 * 0.951)


def test_priors_by_hand_in_the_unit_of_each_estimator(curves: xr.Dataset) -> None:
    assert len(published.PRIORS) == 4
    assert all(len(prior.reason) > 10 for prior in published.PRIORS.values())
    decay = published.prior_covariance(curves, published.PRIORS["decay"]).sel(curve=CENTRE)
    assert [float(decay[end, end]) ** 0.5 for end in (0, -1)] == [0.5, 0.125]
    walk = published.prior_covariance(curves, published.PRIORS["random_walk"])
    last = float(walk.sel(curve="lpm disappeared forced_return centre")[-1, -1]) ** 0.5
    assert last == pytest.approx(0.049 * 0.951 * np.sqrt(0.5**2 + 6 * 0.25**2))
    rows = published.published_estimates(curves)
    units = {
        (str(own), str(unit)) for own, unit in zip(rows["estimator"], rows["unit"], strict=True)
    }
    assert units == {("lpm", "probability per month"), ("mnlogit", "log-odds")}


def test_normal_posterior_by_hand(table: pd.DataFrame) -> None:
    # With an error as wide as the prior, the mean is half the coefficient, the variance half.
    exact = published.published_curves(table.assign(mnlogit_se=0.5), decimals=9)
    half_way = published.normal_posterior(exact, normal(0.5)).sel(curve=CENTRE)
    assert half_way["mean"].values == pytest.approx([0.200, 0.2275], rel=1e-9)
    assert half_way["covariance"].values == pytest.approx(np.diag([0.125, 0.125]), rel=1e-9)


def test_normal_posterior_against_precisions(curves: xr.Dataset) -> None:
    found = published.normal_posterior(curves, published.PRIORS["random_walk"], correlation=-0.3)
    b, s = (curves[name].sel(curve=CENTRE).values for name in ("coefficient", "standard_error"))
    apart = np.abs(np.subtract.outer(np.arange(7), np.arange(7)))
    errors = np.sqrt(s**2 + 2 * 0.0005**2 / 3)
    weight = np.linalg.inv(np.outer(errors, errors) * (-0.3) ** apart)
    spread = np.linalg.inv(
        np.linalg.inv(covariance(published.PRIORS["random_walk"], np.arange(7))) + weight
    )
    at = found.sel(curve=CENTRE)
    np.testing.assert_allclose(at["covariance"].values, spread, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(at["mean"].values, spread @ weight @ b, rtol=1e-9)


def test_neighbour_correlation_by_hand(table: pd.DataFrame) -> None:
    exact = published.published_curves(table, decimals=9)
    frame = published.neighbour_correlation(exact, {"wide": normal(1e6)})
    chosen = frame.query("estimator == 'mnlogit' and network == 'centre'").set_index("correlation")
    half = (chosen["upper"] - chosen["lower"]) / 2 / 1.959964
    for r in (-0.3, 0.0, 0.3):
        variance = 0.305**2 + 0.269**2 + 2 * r * 0.305 * 0.269
        assert half[r] == pytest.approx(np.sqrt(variance), rel=1e-6)
        assert chosen.loc[r, "estimate"] == pytest.approx(0.855, rel=1e-6)


# --- the model, without sampling ----------------------------------------------------------------
def test_model_has_named_dimensions(curves: xr.Dataset) -> None:
    model = published.build_model(curves, published.PRIORS["decay"])
    assert {v.name for v in model.free_RVs} == {"w", "standard_error"}
    assert all(
        tuple(model.named_vars_to_dims[name]) == ("curve", "lag")
        for name in ("w", "standard_error", "theta")
    )


def test_model_density_equals_a_slow_loop(table: pd.DataFrame, rng: np.random.Generator) -> None:
    known = published.published_curves(table)
    prior = published.PRIORS["random_walk"]
    model = published.build_model(known, prior)
    k = published.prior_covariance(known, prior).values
    [theta, error] = pytensor.function(
        model.value_vars,
        model.replace_rvs_by_values([model["theta"], model["standard_error"]]),
        mode=PYTHON,
    )(w := rng.normal(size=(4, 2)), u := rng.normal(size=(4, 2)))
    expected = stats.logistic.logpdf(u).sum()  # a uniform variable on the logit scale
    for c in range(4):
        expected += stats.multivariate_normal.logpdf(theta[c], cov=k[c])
        # The constant of the prior, and the linear map to w, do not matter to the sampler.
        expected += np.log(2 * np.pi) + np.log(np.linalg.det(k[c])) / 2
        for lag in range(2):
            printed = float(known["coefficient"][c, lag])
            law = stats.norm(theta[c, lag], error[c, lag])
            expected += np.log(law.cdf(printed + 0.0005) - law.cdf(printed - 0.0005))
    density = pytensor.function(model.value_vars, model.logp(), mode=PYTHON)
    assert float(density(w, u)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("prior", published.PRIORS)
def test_model_starts_with_a_finite_gradient(curves: xr.Dataset, prior: str) -> None:
    model = published.build_model(curves, published.PRIORS[prior])
    gradient = pytensor.function(model.value_vars, model.dlogp(), mode=PYTHON)
    far = gradient(np.full((16, 7), 30.0), np.full((16, 7), -3.0))
    assert np.isfinite(far).all()
    assert np.any(far != 0)


# --- the figure ---------------------------------------------------------------------------------
@pytest.fixture
def drawn_estimates(curves: xr.Dataset) -> pd.DataFrame:
    printed = published.published_estimates(curves)
    shrunk = printed.assign(prior="decay", estimate=printed["estimate"] / 2)
    return pd.concat([printed, shrunk, printed.assign(prior="wide")], ignore_index=True)


def test_figure_shows_every_curve_over_a_zero_line(drawn_estimates: pd.DataFrame) -> None:
    figure = figures.published_lag_curves(drawn_estimates)
    panels = figure.get_axes()
    assert len(panels) == 4  # two exits and two networks under one prior; "wide" is not drawn
    for panel in panels:
        lines = [np.asarray(line.get_ydata(), dtype=float) for line in panel.get_lines()]
        assert [0.0, 0.0] in [line.tolist() for line in lines]
        printed, drawn = (line for line in lines if len(line) == 7)
        np.testing.assert_allclose(drawn, printed / 2)
    assert figure.get_figwidth() * figure.get_dpi() == 900
    figure.draw_without_rendering()


def test_figure_text_states_the_numbers(drawn_estimates: pd.DataFrame) -> None:
    lines = figures.published_lag_curves_text(drawn_estimates).splitlines()
    assert len(lines) == 1 + 4 * 2
    assert lines[1] == (
        "Applications for assisted return after a forced return at the same centre, as printed. "
        "Months 0 to 6: 0.40, 0.46, 0.73, 0.36, 0.79, 0.53, 0.84. Sum 4.11 (2.76 to 5.47)."
    )
    norwegian = figures.published_lag_curves_text(
        drawn_estimates, words={**languages.figure("published"), "decimal": ","}
    )
    assert "Sum 4,11 (2,76 to 5,47)." in norwegian


# --- the posterior, sampled ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def result() -> published.PublishedPosterior:
    return published.run(2016)


def moments(drawn: xr.DataArray) -> dict[str, xr.DataArray]:
    """Mean and sd of the draws, each with five Monte Carlo errors."""
    ordered = drawn.transpose("chain", "draw", ...)
    error = {
        name: ordered.isel(chain=0, draw=0, drop=True).copy(
            data=array_stats.mcse(ordered.values, chain_axis=0, draw_axis=1, method=name)
        )
        for name in ("mean", "sd")
    }
    return {
        "mean": ordered.mean(("chain", "draw")),
        "sd": ordered.std(("chain", "draw"), ddof=1),
        "mean_tolerance": 5 * error["mean"],
        "sd_tolerance": 5 * error["sd"],
    }


def theta_under(result: published.PublishedPosterior, prior: str) -> dict[str, xr.DataArray]:
    return moments(result.posterior["posterior"]["theta"].sel(prior=prior))


def exact_moments(curves: xr.Dataset, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of every coefficient under an independent prior, by quadrature.

    Gauss-Legendre over the standard error inside its rounding interval, a fine grid over theta.
    """
    k = published.prior_covariance(curves, prior).values
    prior_sd = np.sqrt(np.diagonal(k, axis1=1, axis2=2))[..., None, None]
    b = curves["coefficient"].values[..., None, None]
    s = curves["standard_error"].values[..., None, None]
    half = curves.attrs["half_width"]
    node, weight = np.polynomial.legendre.leggauss(10)
    error = s + half * node[:, None]
    theta = b + np.linspace(-10, 10, 1201) * (s + half)
    upper, lower = (log_ndtr((half * sign - np.abs(b - theta)) / error) for sign in (1, -1))
    density = upper + np.log1p(-np.exp(lower - upper)) - theta**2 / (2 * prior_sd**2)
    log_p = logsumexp(density + np.log(weight)[:, None], axis=2)
    p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    mean = (p * theta[..., 0, :]).sum(axis=-1)
    return mean, np.sqrt((p * (theta[..., 0, :] - mean[..., None]) ** 2).sum(axis=-1))


def test_posterior_passes_the_gate(result: published.PublishedPosterior) -> None:
    assert result.passed, {name: each.failures for name, each in result.gates.items()}
    judged = result.gates["decay"].table["variable"].value_counts().to_dict()
    assert judged == {"theta": 112, "standard_error": 112, "cumulative_lag_effect": 16}


@pytest.mark.parametrize("prior", ["wide", "independent", "decay"])
def test_posterior_against_quadrature(
    result: published.PublishedPosterior, curves: xr.Dataset, prior: str
) -> None:
    found = theta_under(result, prior)
    mean, sd = exact_moments(curves, published.PRIORS[prior])
    assert (abs(found["mean"] - mean) < found["mean_tolerance"]).all()
    assert (abs(found["sd"] - sd) < found["sd_tolerance"]).all()


def test_posterior_rejects_a_model_without_rounding(
    result: published.PublishedPosterior, curves: xr.Dataset
) -> None:  # negative control
    found = theta_under(result, "wide")
    coarse = (curves["estimator"] == "lpm") & (curves["standard_error"] < 0.0015)
    assert int(coarse.sum()) > 20

    def off(sd: xr.DataArray | np.ndarray) -> float:
        """Sum of the distances in Monte Carlo errors, over that of as many standard normals."""
        distance = 5 * (found["sd"] - sd) / found["sd_tolerance"]
        return abs(float(distance.where(coarse).sum())) / float(coarse.sum()) ** 0.5

    # each sd alone is off by about five errors, so that one in two would pass; all together do not
    assert off(curves["standard_error"]) > 5
    assert off(exact_moments(curves, published.PRIORS["wide"])[1]) < 5


def rounding_bound(curves: xr.Dataset, prior: Prior) -> tuple[xr.DataArray, xr.DataArray]:
    """How far rounding can move mean and sd of a normal posterior, to first order.

    The posterior is a mixture of the normal posteriors of all unrounded tables. The mean of each
    lies within the sum over lags of |derivative| times half a digit; the variance of a mixture is
    the mean variance plus the variance of the means.
    """
    half = curves.attrs["half_width"]
    names = ["coefficient", "standard_error"]
    base, shift_mean, shift_sd = unrounded(curves, prior), 0.0, 0.0
    for name in names:
        for lag in curves["lag"].values:
            moved = curves.copy(deep=True)
            moved[name].loc[{"lag": lag}] += half
            there = unrounded(moved, prior)
            shift_mean = shift_mean + abs(there["mean"] - base["mean"])
            shift_sd = shift_sd + abs(there["sd"] - base["sd"])
    return shift_mean, shift_sd + shift_mean**2 / (2 * base["sd"])


def unrounded(curves: xr.Dataset, prior: Prior) -> xr.Dataset:
    """Normal posterior by precisions, taking the printed numbers as they are."""
    k = published.prior_covariance(curves, prior).values
    b, s = curves["coefficient"].values, curves["standard_error"].values
    spread = np.linalg.inv(np.linalg.inv(k) + np.eye(7) / s[:, None, :] ** 2)
    mean = np.einsum("ckl,cl->ck", spread, b / s**2)
    sd = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
    dims = ("curve", "lag")
    return xr.Dataset({"mean": (dims, mean), "sd": (dims, sd)}, coords=curves.coords)


@pytest.mark.parametrize("prior", published.PRIORS)
def test_logit_posterior_against_the_closed_form(
    result: published.PublishedPosterior, curves: xr.Dataset, prior: str
) -> None:
    logit = curves.sel(curve=curves["estimator"] == "mnlogit")
    found, exact = theta_under(result, prior), unrounded(logit, published.PRIORS[prior])
    for name, bound in zip(
        ("mean", "sd"), rounding_bound(logit, published.PRIORS[prior]), strict=True
    ):
        assert (abs(found[name] - exact[name]) < found[f"{name}_tolerance"] + bound).all()


def test_logit_posterior_rejects_reversed_lags(
    result: published.PublishedPosterior, curves: xr.Dataset
) -> None:  # negative control
    logit = curves.sel(curve=curves["estimator"] == "mnlogit")
    prior = published.PRIORS["random_walk"]
    backwards = logit.assign_coords(lag=logit["lag"].values[::-1]).sortby("lag")
    wrong = unrounded(backwards, prior)
    wrong = wrong.assign_coords(lag=wrong["lag"].values[::-1]).sortby("lag")
    found = theta_under(result, "random_walk")
    bound, _ = rounding_bound(logit, prior)
    off = abs(found["mean"] - wrong["mean"]) > found["mean_tolerance"] + bound
    assert bool(off.any("lag").sum() >= 4)


def test_sums_and_table_are_those_of_the_draws(result: published.PublishedPosterior) -> None:
    draws = result.posterior["posterior"].to_dataset()
    np.testing.assert_allclose(draws["cumulative_lag_effect"], draws["theta"].sum("lag"))
    frame = result.estimates.query("prior == 'decay' and estimator == 'mnlogit'")
    row = frame.query("exit == 'assisted' and exposure == 'forced_return' and network == 'centre'")
    total = draws["cumulative_lag_effect"].sel(prior="decay", curve=CENTRE).values
    found = row.set_index("lag").loc["sum"]
    assert found["estimate"] == pytest.approx(np.median(total))
    assert found["lower"] == pytest.approx(np.quantile(total, 0.025))
    assert found["probability_positive"] == pytest.approx((total > 0).mean())
    assert 0 < found["mcse"] < 0.05 * total.std()
    assert len(result.estimates) == 5 * 16 * 8


@pytest.mark.slow
def test_seed_decides_the_draws(table: pd.DataFrame) -> None:
    known, prior = published.published_curves(table), {"wide": published.PRIORS["wide"]}
    few = [
        SamplerSettings(draws=50, tune=100, seed=seed, cores=n)
        for seed, n in ((1, 2), (1, 1), (2, 2))
    ]
    first, same, other = (published.posterior(known, prior, settings=each) for each in few)
    xr.testing.assert_identical(first, same)
    assert not first["posterior"].to_dataset().equals(other["posterior"].to_dataset())


# --- recovery -----------------------------------------------------------------------------------
def printed_table(theta: np.ndarray, curves: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """A table as it would be printed, had the true coefficients been ``theta``."""
    estimate = theta + curves["standard_error"].values * rng.normal(size=theta.shape)
    return curves.assign(coefficient=(("curve", "lag"), estimate.round(3)))


@pytest.mark.slow
def test_recovery_of_simulated_curves(curves: xr.Dataset, rng: np.random.Generator) -> None:
    known = {"right": normal(0.5), "narrow": normal(0.1)}
    sd = published.prior_covariance(curves, known["right"]).values[:, 0, 0] ** 0.5
    truth = sd[:, None] * rng.normal(size=(16, 7))
    drawn = published.posterior(printed_table(truth, curves, rng), known)["posterior"]["theta"]
    ends = drawn.quantile([0.1, 0.9], dim=("chain", "draw"))

    def n_covered(prior: str, values: np.ndarray) -> int:
        lower, upper = ends.sel(prior=prior).transpose("quantile", "curve", "lag").values
        return int(((lower <= values) & (values <= upper)).sum())

    expected, slack = 0.8 * 112, 5 * np.sqrt(112 * 0.8 * 0.2)
    assert abs(n_covered("right", truth) - expected) < slack
    # Negative controls: a prior a fifth as wide, and every lag taken for the next.
    assert n_covered("narrow", truth) < expected - slack
    assert n_covered("right", np.roll(truth, 1, axis=1)) < expected - slack
