"""One model under every lag prior: cells, prior intervals, conclusions, refits, folder, command."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import integrate, optimize, stats

from hazard import cli, fitting, languages
from hazard import spec as specs
from hazard.arrays import FloatArray
from hazard.brief.folders import read as read_folder
from hazard.errors import EstimandError, UsageError
from hazard.inference.convergence import EXPLORE, Gate
from hazard.inference.nuts import SamplerSettings
from hazard.model.priors import draws
from hazard.output import figures
from hazard.spec import LaggedTerm, ModelSpec, tails
from hazard.spec.priors import SHAPES, Prior
from hazard.spec.priors.monotone import MonotonePrior
from hazard.spec.priors.normal import NormalPrior
from hazard.spec.priors.pooled import PooledPrior
from hazard.spec.priors.random_walk import RandomWalkPrior
from hazard.spec.tails import Contrasts
from hazard.studies import sensitivity
from hazard.studies.sensitivity import Cell, Fitted, Sensitivity, SensitivityPlan
from hazard.studies.sensitivity.folder import write_sensitivity
from pages import english, numbers
from small_panels import (
    BASELINE,
    CENTRE,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    model,
    small_panel,
)
from small_runs import gate_table

SEAL = {"manifest.json", "manifest.sha256"}

INCIDENCE = '[[estimand]]\nkind = "cumulative_incidence"\nterm = "visit_centre"\n'
LAGS = np.arange(7)
KEY = ["prior", "multiple", "engine", "exposure", "network", "exit", "quantity", "lag", "month"]
NUMBERS = ["estimate", "lower", "upper", "mcse"]


FAMILIES = [
    cell.name for cell in sensitivity.cells(specs.read("oslo2016")) if cell.multiple is not None
]


# --- cells --------------------------------------------------------------------------------------
def test_cells_are_eleven_families_at_three_widths_after_the_model_s_own() -> None:
    spec = specs.read("oslo2016")
    every = sensitivity.cells(spec)
    assert len({cell.name for cell in every}) == len(every) == 34
    assert every[0].priors == {term.name: term.prior for term in spec.lagged}
    assert {cell.multiple for cell in every[1:]} == {0.5, 1.0, 2.0}
    assert {len(cell.priors) for cell in every} == {len(spec.lagged)}
    assert len({cell.reason for cell in every}) == 34


def sums(prior: Prior, term: LaggedTerm, n: int, rng: np.random.Generator) -> FloatArray:
    """Sizes of draws of the sum over the lags."""
    parts = tails.contrasts(term, "sum")
    return np.abs(parts.weights @ draws(prior, parts.lag, n, rng))[0]


def outside(found: FloatArray, size: float) -> float:
    """How many standard errors the share of sizes beyond this one is from 5 percent.

    Those of the draws, and of the 100,000 with which a prior that is not normal was scaled.
    """
    error = np.sqrt(0.05 * 0.95 * (1 / found.size + 1 / 100_000))
    return float(abs((found > size).mean() - 0.05) / error)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_sum_is_as_wide_as_the_multiple_says(name: str, rng: np.random.Generator) -> None:
    """Draws of their own, beside the interval of the model's walk: 1.96 times sd 0.5 sqrt(140)."""
    spec = specs.read("oslo2016")
    walk = RandomWalkPrior(family="random_walk", start=0.5, scale=0.5, reason="an example")
    term = spec.lagged[0].model_copy(update={"prior": walk})
    spec = spec.model_copy(update={"term": (term,)})
    [cell] = sensitivity.chosen(sensitivity.cells(spec), [name])
    half = cell.multiple * stats.norm.ppf(0.975) * 0.5 * np.sqrt(140)
    found = sums(cell.priors[term.name], term, 200_000, rng)
    assert outside(found, half) < 5
    assert outside(1.1 * found, half) > 5  # negative control


OWN = {shape.name: shape.prior.times(0.3) for shape in SHAPES}


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("lags", ["[0, 6]", "[-2, 3]", "[-3, -1]", "[0, 0]"])
def test_every_prior_of_a_model_is_bracketed(own: str, lags: str) -> None:
    """Of any family of the model's own, of leads too; each term has its own width."""
    first = model(VISIT.replace("[0, 2]", lags) + NORMAL).lagged[0]
    second = model(VISIT.replace("centre", "nationality") + NORMAL).lagged[0]
    terms = first.model_copy(update={"prior": OWN[own]}), second
    spec = model(SEX + NORMAL).model_copy(update={"term": terms})
    for cell in sensitivity.cells(spec)[1:]:
        for term in terms:
            mine = sensitivity.sum_half_width(term, term.prior)
            width = sensitivity.sum_half_width(term, cell.priors[term.name])
            assert width == pytest.approx(cell.multiple * mine, rel=1e-9)


def test_the_variance_of_a_month_does_not_say_how_wide_the_sum_is() -> None:
    """A negative control: with one variance of a month on average, sums differ by a factor above 2.

    The sum of seven independent months has sd sqrt(7), and that of equal ones would have sd 7.
    """
    term = specs.read("oslo2016").lagged[0]
    lag = LAGS.astype(float)
    widths = {
        shape.name: sensitivity.sum_half_width(term, shape.prior)
        / np.sqrt(shape.prior.moments(lag).variance.mean())
        for shape in SHAPES
    }
    assert widths["normal"] == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(7), rel=1e-12)
    assert max(widths.values()) > 2 * min(widths.values())


def test_chosen_are_named_once_and_known() -> None:
    every = sensitivity.cells(specs.read("oslo2016"))
    names = ["horseshoe:0.5", "model", "horseshoe:0.5"]
    assert [cell.name for cell in sensitivity.chosen(every, names)] == names[:2]
    with pytest.raises(UsageError, match=r"got 'horsesho:0.5'. Did you mean 'horseshoe:0.5'"):
        sensitivity.chosen(every, ["horsesho:0.5"])


def test_model_without_lagged_term_has_no_cells() -> None:
    with pytest.raises(EstimandError, match="must be of a model with a lagged term; it has none"):
        sensitivity.cells(model(SEX + NORMAL))


def test_plan_refuses_to_repeat_what_is_sampled() -> None:
    with pytest.raises(UsageError, match="--repeat must come with --engine laplace"):
        sensitivity.plan(specs.read("oslo2016"), engine="nuts", repeat=["model"], seed=0)


# --- prior intervals ----------------------------------------------------------------------------
def with_sum(*lags: int) -> Contrasts:
    """Every lag, and their sum."""
    weights = np.vstack([np.eye(len(lags)), np.ones(len(lags))])
    return Contrasts(np.array(lags, dtype=float), weights, (*map(str, lags), "sum"))


def test_prior_interval_by_hand() -> None:
    """A walk 1, 1 + 4 has variances 1 and 5; their sum 1 + 5 + 2 = 8."""
    walk = RandomWalkPrior(family="random_walk", start=1.0, scale=2.0, reason="an example")
    expected = stats.norm.ppf(0.975) * np.sqrt([1, 5, 8])
    np.testing.assert_allclose(sensitivity.half_widths(walk, with_sum(0, 1)), expected, rtol=1e-12)


def test_leads_count_in_the_sum_only_alone() -> None:
    both, leads = (
        sensitivity.sum_half_width(term, term.prior)
        for term in (
            model(VISIT.replace("[0, 2]", lags) + NORMAL).lagged[0]
            for lags in ("[-1, 0]", "[-2, -1]")
        )
    )
    assert leads == pytest.approx(np.sqrt(2) * both, rel=1e-12)


def test_lags_of_a_window_share_their_interval() -> None:
    """A window of three lags counts three times in the sum: variance 1 + 9."""
    windows = "windows = [[0, 0], [1, 3]]\n"
    term = model(VISIT.replace("[0, 2]", "[0, 3]") + windows + NORMAL).lagged[0]
    z = stats.norm.ppf(0.975)
    assert sensitivity.lag_half_widths(term, term.prior) == pytest.approx([z] * 4, rel=1e-12)
    assert sensitivity.sum_half_width(term, term.prior) == pytest.approx(z * np.sqrt(10), rel=1e-12)


def within(found: float, exact: float, density: float) -> bool:
    """Whether a simulated 95 percent point of a size is within five standard errors."""
    error = np.sqrt(0.05 * 0.95 / 100_000) / density
    return abs(found - exact) < 5 * error


def test_simulated_interval_reference_normal() -> None:
    """A monotone curve of one lag is normal; so is the first lag of a longer one."""
    prior = MonotonePrior(family="monotone", scale=1.0, reason="an example")
    exact = stats.norm.ppf(0.975)
    density = 2 * stats.norm.pdf(exact)
    for lags in ((0,), (0, 1, 2)):
        found = sensitivity.half_widths(prior, with_sum(*lags))
        assert within(found[0], exact, density)
        assert not within(1.02 * found[0], exact, density)  # negative control
    assert (np.diff(found[:3]) < 0).all()


def test_learned_interval_reference_product_of_normals() -> None:
    """P(|sigma z| < q) = 0.95 for a half-normal sigma and a normal z, by quadrature."""

    def missing(q: float) -> float:
        def at(s: float) -> float:
            return 2 * stats.norm.pdf(s) * (2 * stats.norm.cdf(q / s) - 1)

        return integrate.quad(at, 0, 12, epsabs=1e-11)[0] - 0.95

    exact = optimize.brentq(missing, 0.5, 5)
    prior = PooledPrior(family="pooled", scale=2.0, reason="an example")
    found = sensitivity.half_widths(prior, with_sum(0, 1))
    # both lags share their sd; quadrature errs by 1e-11, on a density of 0.07
    np.testing.assert_allclose(found, 2 * exact * np.sqrt([1, 1, 2]), rtol=1e-9)
    assert found[0] / 2 != pytest.approx(stats.norm.ppf(0.975), rel=0.1)  # negative control


# --- the table, from records --------------------------------------------------------------------
@pytest.fixture
def spec() -> ModelSpec:
    return model(VISIT.replace("[0, 2]", "[0, 1]") + NORMAL, INCIDENCE, exits=2)


UNIT = np.delete(np.linspace(-1, 1, 401), 200)


def fit(middle: float, cell: Cell, *, engine: str = "laplace", half: float = 1.0) -> Fitted:
    """Draws spread evenly over ``middle`` plus or minus ``half``; the second exit has its mirror.

    Two chains of 200 draws, in an order without a trend: the 95 percent interval is middle plus or
    minus 0.95 half, and its ends have errors of about half / 64.
    """
    one = middle + half * np.random.default_rng(0).permutation(UNIT).reshape(2, 200)
    draws = np.stack([one, -one], axis=-1)
    coords = {"exit": ["assisted", "disappeared"], "term": ["visit_centre"]}
    by_lag = xr.DataArray(
        np.stack([draws, 2 * draws], axis=2)[:, :, None],
        {**coords, "lag": [0, 1]},
        ("chain", "draw", "term", "lag", "exit"),
    )
    total = xr.DataArray(draws[:, :, None], coords, ("chain", "draw", "term", "exit"))
    contrast = (total / 100).expand_dims(month=[6], axis=-1)
    quantities = {"lag_coefficient": by_lag, "cumulative_lag_effect": total}
    return Fitted(cell, engine, {**quantities, "risk_difference": contrast})


def cell(prior: str, multiple: float | None, sd: float) -> Cell:
    made = NormalPrior(family="normal", scale=sd, reason="an example only")
    return Cell(prior, multiple, "an example only", {"visit_centre": made})


MODEL, NARROW, SAME = cell("model", None, 1.0), cell("normal", 0.1, 0.1), cell("normal", 2.0, 2.0)


@pytest.fixture
def three(spec: ModelSpec) -> pd.DataFrame:
    return sensitivity.table([fit(2.0, MODEL), fit(0.5, NARROW), fit(1.1, SAME)], spec)


def test_table_by_hand(three: pd.DataFrame) -> None:
    assert three.columns.tolist() == list(sensitivity.COLUMNS)
    assert len(three) == 3 * 2 * (2 + 1 + 1)
    row = three[(three["quantity"] == "lag_coefficient") & (three["lag"] == 1)].iloc[0]
    values = 2 * UNIT + 4
    assert (row["prior"], row["exit"], row["draws"]) == ("model", "assisted", 400)
    assert (row["exposure"], row["network"], row["unit"]) == ("visit", "centre", "log-odds")
    assert row["estimate"] == pytest.approx(4.0, abs=1e-12)
    assert row["sd"] == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert row["lower"] == pytest.approx(np.quantile(values, 0.025), rel=1e-12)
    assert row["upper"] == pytest.approx(np.quantile(values, 0.975), rel=1e-12)


def test_conclusions_by_hand(three: pd.DataFrame) -> None:
    """The second exit is the mirror of the first; a middle of 0.5 leaves its sign open."""
    for quantity in ("lag_coefficient", "cumulative_lag_effect", "risk_difference"):
        own = three[(three["quantity"] == quantity) & (three["lag"].fillna(0) == 0)]
        assert own["conclusion"].tolist() == [
            *("above", "below"),
            *("unclear", "unclear"),
            *("above", "below"),
        ]
        assert own["status"].tolist() == ["same", "same", "changed", "changed", "same", "same"]
        # 299 of the 400 draws around 0.5 with half width 1 are above zero, one is zero
        share = [1.0, 1.0, 299 / 400, 299 / 400, 1.0, 1.0]
        assert own["p_direction"].tolist() == pytest.approx(share, abs=1.001 / 400)
        # a quantile of evenly spaced draws: sqrt(0.025 0.975 / 400) over the density 1 / 2
        first = own["lower_mcse"].iloc[0] / own["sd"].iloc[0] * UNIT.std()
        assert first == pytest.approx(2 * np.sqrt(0.025 * 0.975 / 400), rel=0.5)


def test_an_end_at_zero_is_undecided(spec: ModelSpec) -> None:
    """The interval ends 0.95 from the middle, with an error of 0.016."""
    open_ = sensitivity.table([fit(2.0, MODEL), fit(0.97, NARROW)], spec)
    assert (open_.loc[open_["prior"] == "normal", "conclusion"] != "unclear").all()
    assert open_.loc[open_["prior"] == "normal", "status"].unique().tolist() == ["undecided"]
    own = sensitivity.table([fit(0.97, MODEL)], spec)  # the reference itself is not sure
    assert own["status"].unique().tolist() == ["undecided"]


def test_overview_by_hand(three: pd.DataFrame, record: Sensitivity) -> None:
    found = sensitivity.overview(three)
    assert found["quantity"].tolist() == 2 * ["cumulative_lag_effect"] + 2 * ["risk_difference"]
    assert found["conclusion"].tolist() == ["above", "below"] * 2
    assert found[["same", "changed", "undecided"]].to_numpy().tolist() == [[1, 1, 0]] * 4
    assert found["changed_under"].unique().tolist() == ["normal:0.1"]
    assert found["estimate"].to_numpy(dtype=float) == pytest.approx([2, -2, 0.02, -0.02])
    own = record.summary()  # what was sampled beside it does not count
    assert own[["same", "changed", "undecided"]].to_numpy().tolist() == [[0, 1, 0]] * 4


def test_plot_has_a_line_per_prior(record: Sensitivity) -> None:
    axes = record.plot(exit="disappeared")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["model", "normal ×0.1"]
    shown = {line.get_label(): line.get_xdata() for line in axes.get_lines()[1:]}
    assert {status: len(x) for status, x in shown.items()} == {
        "same": 1,
        "changed": 1,
        "undecided": 0,
    }
    assert [*shown["same"], *shown["changed"]] == pytest.approx([-2.0, -0.5], rel=1e-12)
    assert axes.get_xlabel() == "sum over the lags, log-odds, of visit_centre on disappeared"
    _, given = plt.subplots()
    assert record.plot(ax=given) is given
    with pytest.raises(UsageError, match="term must be one of"):
        record.plot("visits")
    plt.close("all")


def test_prior_intervals_stand_beside_lags_and_sums(three: pd.DataFrame) -> None:
    z = stats.norm.ppf(0.975)
    for name, sd in (("model", 1.0), ("normal", 0.1)):
        own = three[(three["prior"] == name) & (three["exit"] == "assisted")].head(4)
        expected = [z * sd, z * sd, z * sd * np.sqrt(2)]
        assert own["prior_upper"].tolist()[:3] == pytest.approx(expected, rel=1e-12)
        assert own["prior_lower"].tolist()[:3] == pytest.approx([-x for x in expected])
        assert own["quantity"].iloc[3] == "risk_difference"
        assert pd.isna(own["prior_upper"].iloc[3])


def test_table_without_the_model_s_own_priors_is_refused(spec: ModelSpec) -> None:
    with pytest.raises(EstimandError, match="must have a fit under the model's own priors"):
        sensitivity.table([fit(0.5, NARROW)], spec)


def test_repeated_by_hand(spec: ModelSpec) -> None:
    """Half the spread around 2.5 instead of 2: apart by half a unit, in sampled sds."""
    fits = [fit(2.0, MODEL), fit(0.5, NARROW), fit(2.5, MODEL, engine="nuts", half=0.5)]
    apart = sensitivity.repeated(sensitivity.table(fits, spec))
    assert len(apart) == 8
    assert set(apart["prior"]) == {"model"}
    total = apart[(apart["quantity"] == "cumulative_lag_effect")].iloc[0]
    sd = 0.5 * UNIT.std(ddof=1)
    assert total["apart"] == pytest.approx(-0.5 / sd, rel=1e-9)
    assert total["sd_ratio"] == pytest.approx(2.0, rel=1e-9)
    assert total["apart_upper"] - total["apart"] == pytest.approx(0.95 * 0.5 / sd, rel=0.03)
    [line] = sensitivity.repeated_text(apart)
    assert line.startswith(f"model: approximation and sampling are {0.5 / sd:.2f} posterior")
    assert line.endswith("8 of 8 conclusions are the same.")
    [own] = sensitivity.repeated_text(apart, "nb")
    assert numbers(own, "nb") == numbers(line, "en")
    assert english(own) == []
    assert len(sensitivity.repeated(sensitivity.table(fits[:2], spec))) == 0


# --- refits -------------------------------------------------------------------------------------
def rows_with_effect(spec: ModelSpec, rng: np.random.Generator) -> fitting.Panel:
    """A random panel in which a visit of the same month is followed by the first exit."""
    made = small_panel(spec, rng, persons=150)
    history = made.histories["visit_centre"]
    left = (made.panel["exit"] == spec.outcome.exits[0]).to_numpy()
    history[left, 0] = 1.0
    return fitting.Panel(made.panel, made.histories, pd.DataFrame(), "table")


@pytest.fixture(scope="module")
def wide() -> ModelSpec:
    horizon = INCIDENCE + "horizon_months = 8\n"
    terms = (BASELINE + WALK, SEX + NORMAL, CENTRE + POOLED, VISIT + WALK)
    return model(*terms, horizon, exits=2)


@pytest.fixture(scope="module")
def rows(wide: ModelSpec) -> fitting.Panel:
    return rows_with_effect(wide, np.random.default_rng(20160401))


def plan_of(spec: ModelSpec, *names: str, n: int = 10) -> SensitivityPlan:
    """Few draws, all of them in the incidences."""
    settings = SamplerSettings(draws=n, engine="laplace", seed=7)
    chosen = sensitivity.chosen(sensitivity.cells(spec), names)
    return SensitivityPlan(chosen, settings, incidence_draws=4 * n)


def test_every_family_fits(rows: fitting.Panel, wide: ModelSpec) -> None:
    names = ["model", *FAMILIES[::3]]
    found = sensitivity.run(rows, wide, plan_of(wide, *names)).table
    assert found[["prior", "multiple"]].drop_duplicates().shape[0] == 12
    assert len(found) == 12 * 2 * (3 + 1 + 2)
    assert found[["estimate", "lower", "upper", "sd"]].notna().all(axis=None)
    assert (found["lower"] < found["upper"]).all()


def test_order_of_cells_does_not_matter(rows: fitting.Panel, wide: ModelSpec) -> None:
    names = ["model", "horseshoe:0.5", "pooled:2", "polynomial:0.5"]
    tables = [
        sensitivity.run(rows, wide, plan_of(wide, *order)).table.sort_values(KEY)
        for order in (names, names[::-1])
    ]
    pd.testing.assert_frame_equal(*(each.reset_index(drop=True) for each in tables))


def test_tight_prior_changes_the_conclusion(rows: fitting.Panel, wide: ModelSpec) -> None:
    plan = plan_of(wide, "model", n=100)
    mute = NormalPrior(family="normal", scale=1e-3, reason="an example only")
    tight = Cell("normal", 1e-3, "an example only", {"visit_centre": mute})
    found = sensitivity.run(rows, wide, replace(plan, cells=(*plan.cells, tight))).table
    own = found[(found["exit"] == "assisted") & (found["lag"].fillna(0) == 0)]
    assert own.loc[own["prior"] == "model", "conclusion"].tolist() == ["above"] * 4
    assert own.loc[own["prior"] == "normal", "conclusion"].tolist() == ["unclear"] * 4
    assert (own.loc[own["prior"] == "normal", "status"] == "changed").all()
    assert not (found.loc[found["prior"] == "model", "status"] == "changed").any()


def test_incidence_draws_are_evenly_spaced(rows: fitting.Panel, wide: ModelSpec) -> None:
    plan = replace(plan_of(wide, "model"), incidence_draws=8)
    found = sensitivity.run(rows, wide, plan).table
    counts = found.groupby("quantity")["draws"].unique().explode()
    assert counts.to_dict() == {
        "cumulative_lag_effect": 40,
        "lag_coefficient": 40,
        "risk_difference": 8,
    }


@pytest.fixture(scope="module")
def sampled() -> Sensitivity:
    """Two priors of a model of one term, approximated and sampled; both graphs are one."""
    spec = model(VISIT + NORMAL.replace("1.0", "0.9"), exits=2)
    rows = rows_with_effect(spec, np.random.default_rng(5))
    tight = NormalPrior(family="normal", scale=1e-3, reason="an example only")
    cells = (sensitivity.cells(spec)[0], Cell("normal", 1e-3, "tight", {"visit_centre": tight}))
    settings = SamplerSettings(draws=100, tune=100, seed=3)
    plan = SensitivityPlan(cells, replace(settings, engine="laplace"), cells, settings)
    return sensitivity.run(rows, spec, plan)


@pytest.mark.slow
def test_repeats_sample_each_prior(sampled: Sensitivity) -> None:
    """The second prior reuses what was compiled for the first: its numbers must be its own."""
    lags = sampled.table[sampled.table["quantity"] == "lag_coefficient"]
    sd = lags.groupby(["prior", "engine"])["sd"].agg(["min", "max"])
    assert sd.loc[("model", "nuts"), "min"] > 0.05
    assert sd.loc[("normal", "nuts"), "max"] < 2e-3
    assert sampled.gates.keys() == {"model", "normal:0.001"}
    assert set(sampled.repeated["prior"]) == {"model", "normal"}
    # 400 draws of either: a mean has an error of a twentieth of an sd, the ends a seventh
    assert sampled.repeated["apart"].abs().max() < 5 * np.sqrt(2) / 20 + 0.1
    assert len(sensitivity.repeated_text(sampled.repeated)) == 2


@pytest.mark.slow
def test_reused_graph_gives_the_draws_of_a_fresh_one() -> None:
    spec = model(VISIT + NORMAL.replace("1.0", "0.9"), exits=2)
    rows = rows_with_effect(spec, np.random.default_rng(5))
    every = sensitivity.cells(spec)
    settings = SamplerSettings(draws=50, tune=50, seed=3)
    names = ("model", "decay:0.5"), ("decay:0.5", "model")
    both = [
        sensitivity.run(
            rows, spec, SensitivityPlan(sensitivity.chosen(every, some), settings)
        ).table
        for some in names
    ]
    one, other = (each.sort_values(KEY)[NUMBERS].to_numpy(dtype=float) for each in both)
    np.testing.assert_allclose(one, other, rtol=1e-9)


# --- figure, folder, command --------------------------------------------------------------------
def marked(figure: Figure, colour: str) -> int:
    """Number of marked cells: rectangles of a colour in the grid of conclusions."""
    return sum(
        same_color(patch.get_facecolor(), colour)
        for axes in figure.get_axes()
        for patch in axes.patches
        if patch.get_width() == 1.0
    )


YELLOW, GREY = "#f5c542", "#dcdcdc"


def test_figure_marks_what_changes(three: pd.DataFrame) -> None:
    figure = figures.sensitivity(three)
    # two exits: forests, conclusions, and one panel per exit and prior below
    assert len(figure.get_axes()) == 2 + 2 + 2 * 2
    assert (marked(figure, YELLOW), marked(figure, GREY)) == (2 * 2, 0)
    forest = figure.get_axes()[0]
    labels = [label.get_text() for label in forest.get_yticklabels()]
    assert labels == ["model’s own", "independent  ×0.1", "×2"]
    heights = np.concatenate([line.get_xdata() for line in forest.get_lines()[1:]])
    assert sorted(heights) == pytest.approx([0.005, 0.011, 0.02])
    same = three[three["multiple"].ne(0.1).fillna(True)]
    assert marked(figures.sensitivity(same), YELLOW) == 0
    open_ = three.assign(status=three["status"].replace("changed", "undecided"))
    found = figures.sensitivity(open_)
    assert (marked(found, YELLOW), marked(found, GREY)) == (0, 2 * 2)
    assert b"<svg" in figures.rendered(figure, "svg")


def test_figure_without_incidence_shows_sums(three: pd.DataFrame) -> None:
    rest = three[three["quantity"] != "risk_difference"]
    texts = [text.get_text() for text in figures.sensitivity(rest).texts]
    assert "Change in log-odds, all lags" in texts


def test_text_counts_the_cells(three: pd.DataFrame) -> None:
    text = figures.sensitivity_text(three)
    assert "assisted: after 6 months +2.0 (+1.0 to +3.0) points, above, 1 of 2" in text.replace(
        "\xa0", " "
    )
    counts = "1 of 2 the same, 1 changed, 0 undecided"
    assert text.count(f"above, {counts}") == text.count(f"below, {counts}") == 2
    assert "intervals of the sum over the lags of ×0.1, ×2 the width of the model's own" in text
    assert text.endswith(
        "Of the 4 monthly coefficients of all lagged terms, 0 say the same of the sign under every "
        "prior, 4 change under one at least, and 0 are undecided."
    )
    same = three[three["multiple"].ne(0.1).fillna(True)]
    assert figures.sensitivity_text(same).count("1 of 1 the same") == 4


def test_priors_have_the_names_of_their_families() -> None:
    """A family that no language names has its own label."""
    words, start = languages.words("figures.sensitivity"), "prior_"
    named = {k.removeprefix(start): text for k, text in words.items() if k.startswith(start)}
    assert named.pop("model") == "model’s own"
    assert named == {shape.name: shape.label for shape in SHAPES if shape.name in named}
    assert len(named) > 5


def test_figure_and_text_in_norwegian(three: pd.DataFrame) -> None:
    words, labels = languages.figure("sensitivity", "nb"), languages.words("shared.exit", "nb")
    text = figures.sensitivity_text(three, labels=labels, words=words)
    assert numbers(text, "nb") == numbers(figures.sensitivity_text(three), "en")
    first = "Assistert retur: etter 6 måneder +2,0 (+1,0 til +3,0) prosentpoeng, over null, 1 av 2"
    assert first in text.replace("\xa0", " ")
    figure = figures.sensitivity(three, labels=labels, words=words)
    forest = figure.get_axes()[0]
    names = [label.get_text() for label in forest.get_yticklabels()]
    assert names == ["modellens egen", "uavhengig  ×0,1", "×2"]
    shown = [each.get_text() for each in figure.findobj(Text)]
    assert english(" ".join([text, *shown])) == []
    own = figures.sensitivity(three).findobj(Text)
    assert len(english(" ".join(each.get_text() for each in own))) > 5  # negative control


@pytest.fixture
def record(spec: ModelSpec) -> Sensitivity:
    """Two priors, of which the first was also sampled, with a gate that it did not pass."""
    fits = [fit(2.0, MODEL), fit(0.5, NARROW), fit(2.5, MODEL, engine="nuts", half=0.5)]
    found = sensitivity.table(fits, spec)
    gate = Gate(gate_table(specs.read("rossi")), 0, (1.0,), 4, EXPLORE, ("a sentence.",))
    apart = sensitivity.repeated(found)
    return Sensitivity(spec, (MODEL, NARROW), found, apart, {"model": gate}, {"source": "table"})


def test_folder_holds_what_was_found(record: Sensitivity, tmp_path: Path) -> None:
    write_sensitivity(tmp_path / "out", record)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {"sensitivity.csv", "repeated.csv", "gate.csv"}
    assert names == tables | {"sensitivity.png", "sensitivity.svg", *SEAL}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["kind"], manifest["source"]) == ("sensitivity", "table")
    assert manifest["cells"]["normal:0.1"]["visit_centre"]["scale"] == 0.1
    assert not manifest["gates"]["model"]["passed"]
    assert set(manifest["files"]) == names - SEAL
    read = pd.read_csv(tmp_path / "out" / "sensitivity.csv")
    assert read.columns.tolist() == list(sensitivity.COLUMNS)
    np.testing.assert_allclose(read["estimate"], record.table["estimate"].astype(float))
    with pytest.raises(UsageError, match="must be a folder of kind 'run'; got 'sensitivity'"):
        read_folder(tmp_path / "out")


def test_folder_is_whole_or_absent(record: Sensitivity, tmp_path: Path) -> None:
    broken = replace(record, table=record.table.drop(columns="status"))
    with pytest.raises(KeyError):
        write_sensitivity(tmp_path / "out", broken)
    assert list(tmp_path.iterdir()) == []


def command(*argv: object) -> int:
    """Exit code of a command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hazard", *map(str, argv)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return left.value.code or 0  # type: ignore[return-value]


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "registers"
    assert command("simulate", "--size", "small", "--seed", 3, "--out", folder) == 0
    return folder


@pytest.fixture(scope="module")
def written(registers: Path) -> Path:
    """Folder of the command with four of the cells and few draws."""
    full, out = sensitivity.plan, registers.parent / "sensitivity"

    def shorter(*given: Any, **named: Any) -> SensitivityPlan:
        plan = full(*given, **named)
        few = replace(plan.settings, draws=10)
        return replace(plan, cells=plan.cells[:4], settings=few, incidence_draws=40)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensitivity, "plan", shorter)
        given = ("oslo2016", "--registers", registers, "--seed", 5)
        assert command("sensitivity", *given, "--out", out) == 0
        assert command("sensitivity", *given, "--out", out) == 2  # it is there
    return out


def test_command_writes_every_quantity_of_every_cell(written: Path) -> None:
    found = pd.read_csv(written / "sensitivity.csv")
    assert len(found) == 4 * 3 * (4 * 7 + 4 + 3)
    assert set(found["engine"]) == {"laplace"}
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["cells"]) == ["model", "normal:0.5", "normal:1", "normal:2"]
    assert manifest["incidence_draws"] == 40
    assert manifest["rule"] == sensitivity.RULE
    assert (written / "sensitivity.png").stat().st_size > 50_000
    assert {path.name for path in written.parent.iterdir()} == {"registers", "sensitivity"}


def test_reference_cell_is_the_ordinary_run(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--registers", written.parent / "registers", "--seed", 5, "--draws", 10)
    assert command("run", "oslo2016", *given, "--engine", "laplace", "--out", out) == 0
    ordinary = pd.read_csv(out / "estimates.csv")
    ordinary = ordinary[ordinary["estimator"] == "hazard model"]
    ordinary = ordinary[ordinary["quantity"] != "cumulative_incidence"]
    ordinary = ordinary[ordinary["estimand"].isin(["lag_curve", "cumulative_incidence"])]
    found = pd.read_csv(written / "sensitivity.csv")
    key = ["quantity", "exposure", "network", "exit", "lag", "month"]

    def apart(prior: str) -> float:
        own = found[(found["prior"] == prior) & found["multiple"].fillna(1).eq(1)]
        both = own.merge(ordinary, on=key, suffixes=("", "_run"), validate="one_to_one")
        assert len(both) == len(own) == 3 * (4 * 7 + 4 + 3)
        one, other = (both[[f"{c}{s}" for c in NUMBERS]].to_numpy(float) for s in ("", "_run"))
        return float(np.abs(one - other).max())

    assert apart("model") < 1e-12
    assert apart("normal") > 1e-3  # negative control: another prior


SAID = {
    "en": (
        "Estimates for visit, centre under the model's own priors",
        "0 of 1",
        "Written to {out}",
        "model: approximation and sampling are",
        "Lag priors and conclusions: visit, centre",
    ),
    "nb": (
        "Anslag for visit, samme mottak under modellens egne apriorifordelinger",
        "0 av 1",
        "Skrevet til {out}",
        "model: Tilnærming og trekning skiller seg med",
        "Apriorifordelinger og konklusjoner: visit, samme mottak",
    ),
}


@pytest.mark.parametrize("lang", SAID)
def test_command_says_how_many_conclusions_stay(
    lang: str,
    record: Sensitivity,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What did not pass the gate is written and said all the same, and the code is 4."""
    monkeypatch.setattr(sensitivity, "run", lambda *_, **__: record)
    monkeypatch.setattr(fitting, "panel_from_table", lambda *_: None)
    monkeypatch.setattr("hazard.cli.fits.tell_left_out", lambda *_: None)
    monkeypatch.setattr(fitting, "pool_small_levels", lambda rows, _: rows)
    given, out = ("oslo2016", "--panel", "x.csv", "--lang", lang), tmp_path / "out"
    assert command("sensitivity", *given, "--out", out) == 4
    said = capsys.readouterr()
    lines = said.out.splitlines()
    start, count, written, repeated, title = SAID[lang]
    assert lines[0].startswith(start)
    assert lines[0].count(count) == 4
    assert lines[1] == written.format(out=out)
    assert lines[2].startswith(repeated)
    assert "Gate, prior 'model': a sentence." in said.err
    assert title in (out / "sensitivity.svg").read_text(encoding="utf-8")
    assert (out / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("oslo2016", "--registers", "a", "--panel", "b"), 2, "--registers or --panel, not both"),
        (("oslo2016", "--registers", "a", "--repeat", "spike:3"), 2, "--repeat must be one of"),
        (("oslo2016", "--engine", "nuts", "--repeat", "model"), 2, "--engine laplace"),
        (("rossi",), 3, "must be of a model with a lagged term"),
        (("oslo2016",), 2, "pass --registers DIR or --panel FILE"),
    ],
)
def test_command_used_wrongly(
    argv: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("sensitivity", *argv, "--out", tmp_path / "out") == code
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
