"""Predictive checks: by hand, as frequencies, and what they find of a term that is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr

from hazard import predictive
from hazard import spec as specs
from hazard.arrays import FloatArray
from hazard.baselines import aalen_johansen
from hazard.errors import DesignError, EstimandError
from hazard.estimands import incidence
from hazard.inference import laplace_draws
from hazard.model import design, parameterisation
from hazard.model.design import Design
from hazard.predictive import ALL, MONTH, CheckSettings
from hazard.predictive import POOLED as SMALLER
from hazard.predictive.prior import ANY
from hazard.spec import ModelSpec
from hazard.spec.links import LinkName
from hazard.studies import sbc
from small_panels import (
    BASELINE,
    CENTRE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    every_kind,
    model,
    small_panel,
)

FILES = sorted(path.stem for path in specs.models_folder().glob("*.toml"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Panels are small: threads would wait for each other longer than they work."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def panel_of(spells: list[tuple[str, int, str]], exits: tuple[str, ...]) -> pd.DataFrame:
    """Panel of persons given as (centre, last month, exit or stay)."""
    rows = [
        {"person": k, "month": m, "entry": 0, "centre": c, "exit": e if m == last else "stay"}
        for k, (c, last, e) in enumerate(spells)
        for m in range(1, last + 1)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(exit=pd.Categorical(frame["exit"], ["stay", *exits]))


def draws_of(beta: npt.ArrayLike, made: Design) -> xr.DataArray:
    """Coefficients (draw, coefficient, exit) as one chain."""
    values = np.asarray(beta, dtype=np.float64)[None]
    return xr.DataArray(
        values, {"exit": list(made.exits)}, ("chain", "draw", "coefficient", "exit")
    )


def one(found: pd.DataFrame, **labels: object) -> pd.Series:
    """The row with these labels."""
    chosen = np.logical_and.reduce([found[name] == label for name, label in labels.items()])
    (at,) = np.flatnonzero(chosen)
    return found.iloc[at]


# --- what is counted ----------------------------------------------------------------------------
@pytest.fixture
def small(rng: np.random.Generator) -> tuple[pd.DataFrame, Design, xr.DataArray]:
    spec = every_kind()
    made = small_panel(spec, rng, persons=120)
    histories = {name: history.fillna(0.0) for name, history in made.histories.items()}
    built = design.build(made.panel, histories, spec)
    beta = rng.normal(0, 0.4, (30, built.n_coefficients, 3))
    beta[:, 0] -= 2
    return made.panel, built, draws_of(beta, built)


def test_observed_numbers_are_those_of_the_panel(
    small: tuple[pd.DataFrame, Design, xr.DataArray],
) -> None:
    panel, built, beta = small
    found = predictive.check(
        beta,
        built,
        panel=panel,
        by=["nationality"],
        settings=CheckSettings(min_persons=1, month=7, last=9),
    )
    life = aalen_johansen.fit(panel)["cumulative_incidence"]
    for month in range(1, 10):
        for name in built.exits:
            row = one(found, grouping=ALL, quantity="cumulative_incidence", month=month, exit=name)
            assert row["observed"] == pytest.approx(
                float(life.sel(month=month, exit=name)), abs=1e-12
            )
    at = predictive.at_month(found, 7)
    for level, rows in panel.groupby("nationality", observed=True):
        own = aalen_johansen.fit(rows.reset_index(drop=True))
        for name in built.exits:
            labels = {"grouping": "nationality", "level": level, "exit": name}
            left = one(at, quantity="cumulative_incidence", **labels)
            last = own["cumulative_incidence"].sel(exit=name).sel(month=slice(None, 7))
            assert left["observed"] == pytest.approx(float(last[-1]), abs=1e-12)
            assert left["n_rows"] == len(rows)
            assert left["n_persons"] == rows["person"].nunique()
            number = one(at, quantity="exits", **labels)
            assert number["observed"] == (rows["exit"] == name).sum()
    by_month = found[found["grouping"] == MONTH]
    count = pd.crosstab(panel["month"], panel["exit"])
    for row in by_month.itertuples():
        assert row.observed == count.loc[int(row.level), row.exit]


def test_every_grouping_has_the_same_exits_in_every_draw(
    small: tuple[pd.DataFrame, Design, xr.DataArray], rng: np.random.Generator
) -> None:
    panel, built, beta = small
    divided = predictive.groupings(panel, ["centre", "nationality"], 3)
    assert [each.name for each in divided] == [ALL, "centre", "nationality", MONTH, "quarter"]
    cells = predictive.Cells.for_rows(divided, panel["month"].to_numpy(dtype=np.int64), 5)
    found = predictive.counts(built, beta.values[0], cells=cells, rng=rng)
    for each in found:
        assert each.n_at_risk.sum() == len(panel)
        np.testing.assert_array_equal(each.observed.sum((0, 1)), found[0].observed.sum((0, 1)))
        np.testing.assert_array_equal(each.replicated.sum((1, 2)), found[0].replicated.sum((1, 2)))
        assert (each.replicated.sum(-1) <= each.n_at_risk).all()


# month  at risk  leave A  leave B       four families; the model: month 1 nobody leaves, month 2
#     1        4        1        0       everybody by B
#     2        3        0        1
def test_certain_rows_by_hand() -> None:
    spells = [("x", 1, "a"), ("x", 2, "b"), ("x", 2, "stay"), ("y", 2, "stay")]
    panel = panel_of(spells, ("a", "b"))
    text = BASELINE.replace("[1, 2, 5]", "[1, 2]") + NORMAL
    spec = model(text, exits=2).model_copy(update={"outcome": specs.OutcomeSpec(exits=("a", "b"))})
    built = design.build(panel, {}, spec)
    beta = [[[-90.0, -90.0], [0.0, 180.0]]] * 3
    settings = CheckSettings(draws=3, min_persons=1)
    found = predictive.check(
        draws_of(beta, built), built, panel=panel, by=["centre"], settings=settings
    )
    for level, quantity, month, exit_name, observed, predicted in (
        ("all", "exits", None, "a", 1, 0),
        ("all", "exits", None, "b", 1, 3),
        ("all", "cumulative_incidence", 1, "a", 1 / 4, 0),
        ("all", "cumulative_incidence", 2, "a", 1 / 4, 0),
        ("all", "cumulative_incidence", 1, "b", 0, 0),
        ("all", "cumulative_incidence", 2, "b", 1 / 4, 1),
        ("x", "exits", None, "b", 1, 2),
        ("y", "cumulative_incidence", 2, "b", 0, 1),
    ):
        rows = found[found["month"].isna() if month is None else found["month"].eq(month)]
        row = one(rows[rows["grouping"] != MONTH], level=level, quantity=quantity, exit=exit_name)
        assert row["observed"] == pytest.approx(observed, abs=1e-12)
        for name in ("predicted", "lower", "upper"):
            assert row[name] == pytest.approx(predicted, abs=1e-12)
        assert row["mcse"] == 0
        assert row["p_value"] == (0.5 if observed == predicted else float(predicted < observed))
    later = one(found, grouping=MONTH, level="2", exit="b")
    assert (later["observed"], later["predicted"], later["n_persons"]) == (1, 3, 3)


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_frequencies_of_replicates_are_the_probabilities(
    link: LinkName, rng: np.random.Generator
) -> None:
    panel = panel_of([("x", 1, "stay")] * 400, ("assisted", "disappeared"))
    built = design.build(panel, {}, model(exits=2, link=link))
    cells = predictive.Cells.for_rows(
        predictive.groupings(panel, [], 1), np.ones(400, dtype=np.int64), 1
    )
    eta, n_draws = np.array([-1.5, -0.3]), 500
    beta = np.broadcast_to(eta, (n_draws, 1, 2)).copy()
    drawn = predictive.counts(built, beta, cells=cells, rng=rng)[0].replicated[:, 0, 0]
    total = np.exp(eta).sum()
    shares = {"softmax": 1 / (1 + total), "cloglog": (1 - np.exp(-total)) / total}
    p = np.exp(eta) * shares[link]
    variance = 400 * p * (1 - p)
    error = np.sqrt(variance / n_draws)
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - 400 * p), 5 * error)
    for other in shares.keys() - {link}:  # negative control
        wrong = 400 * np.exp(eta) * shares[other]
        np.testing.assert_array_less(5 * error, np.abs(drawn.mean(axis=0) - wrong))
    # the sampling sd of a variance from n nearly normal numbers is sqrt(2 / (n - 1)) of it
    spread = np.abs(drawn.var(axis=0, ddof=1) / variance - 1)
    np.testing.assert_array_less(spread, 5 * np.sqrt(2 / (n_draws - 1)))
    covariance = np.cov(drawn.T)[0, 1] + 400 * p.prod()  # one row leaves through one exit
    assert abs(covariance) < 5 * np.sqrt(2 * variance.prod() / n_draws)


def test_numbers_do_not_depend_on_threads_but_on_the_seed(
    small: tuple[pd.DataFrame, Design, xr.DataArray],
) -> None:
    panel, built, beta = small

    def checked(threads: int, seed: int) -> pd.DataFrame:
        numba.set_num_threads(threads)
        settings = CheckSettings(seed=seed)
        return predictive.check(beta, built, panel=panel, by=["centre"], settings=settings)

    first = checked(1, 3)
    pd.testing.assert_frame_equal(first, checked(min(2, numba.config.NUMBA_NUM_THREADS), 3))
    assert not first["predicted"].equals(checked(1, 4)["predicted"])


def test_names_of_levels_do_not_matter(
    small: tuple[pd.DataFrame, Design, xr.DataArray],
) -> None:
    panel, built, beta = small
    names = panel["centre"].cat.categories
    other = panel.assign(centre=panel["centre"].cat.rename_categories([f"z{c}" for c in names]))
    found = [
        predictive.check(beta, built, panel=each, by=["centre"]).drop(columns="level")
        for each in (panel, other)
    ]
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize("dim", ["chain", "draw"])
def test_draws_are_taken_at_equal_distances_from_all_chains(dim: str) -> None:
    """Half of the chains, or of every chain, says that everybody leaves."""
    panel = panel_of([("x", 1, "left")], ("left",))
    spec = specs.ModelSpec(name="a", question="what is next?", outcome={"exits": ["left"]})
    built = design.build(panel, {}, spec)
    at = xr.Dataset(coords={"chain": range(4), "draw": range(10), "coefficient": [0]})
    eta = xr.where(at[dim] < at.sizes[dim] / 2, 90.0, -90.0)
    eta = eta.broadcast_like(at["chain"]).broadcast_like(at["draw"]).expand_dims("coefficient")
    beta = eta.expand_dims(exit=["left"])
    for draws, n in ((20, 20), (400, 40)):
        settings = CheckSettings(draws=draws)
        found = predictive.check(beta, built, panel=panel, by=[], settings=settings)
        assert found["n_draws"].unique().tolist() == [n]
        assert found["predicted"].iloc[0] == pytest.approx(0.5, abs=1 / n)


def test_collapsed_designs_and_unknown_columns_are_refused(
    small: tuple[pd.DataFrame, Design, xr.DataArray],
) -> None:
    panel, built, beta = small
    heavier = replace(built, weight=2 * built.weight)
    with pytest.raises(EstimandError, match=r"^design must have one row per person and month"):
        predictive.check(beta, heavier, panel=panel, by=[])
    with pytest.raises(DesignError, match=r"^panel must have the column 'centr'.*Did you mean"):
        predictive.check(beta, built, panel=panel, by=["centr"])


def test_rows_that_the_design_leaves_out_play_no_part(rng: np.random.Generator) -> None:
    spec = model(VISIT + NORMAL, exits=1)
    small = small_panel(spec, rng)
    built = design.build(small.panel, small.histories, spec)
    assert built.left_out != {}
    assert len(built.row) < len(small.panel)
    beta = draws_of(np.full((2, 4, 1), -1.0), built)
    found = predictive.check(beta, built, panel=small.panel, by=[])
    assert found["n_rows"].iloc[0] == len(built.row)
    assert one(found, grouping=ALL, quantity="exits")["observed"] == (built.outcome > 0).sum()
    kept = small.panel.iloc[built.row]
    settings = CheckSettings(min_persons=1)
    found = predictive.check(beta, built, panel=small.panel, by=[], settings=settings)
    own = found[found["grouping"] == MONTH].set_index("level")
    for month, rows in kept.groupby("month"):
        assert own.loc[str(month), "n_rows"] == len(rows)
        assert own.loc[str(month), "observed"] == (rows["exit"] != "stay").sum()


# --- small levels -------------------------------------------------------------------------------
def test_small_levels_are_put_together_by_hand() -> None:
    # A five persons, B three, C two, D one
    rows = pd.DataFrame({"person": range(11), "month": 1, "centre": list("AAAAABBBCCD")})
    _, centre = predictive.groupings(rows, ["centre"], 4)
    assert centre.levels == ("A", SMALLER)
    assert centre.n_persons.tolist() == [5, 6]
    assert centre.code.tolist() == [0] * 5 + [1] * 6
    for least, levels in ((1, tuple("ABCD")), (2, (*"AB", SMALLER)), (3, (*"AB", SMALLER))):
        assert predictive.groupings(rows, ["centre"], least)[1].levels == levels
    assert len(predictive.groupings(rows, ["centre"], 6)) == 1  # all of them: as everybody


def test_a_lone_small_level_takes_the_next_with_it() -> None:
    rows = pd.DataFrame({"person": range(9), "month": 1, "centre": list("AAAABBBBC")})
    assert predictive.groupings(rows, ["centre"], 2)[1].levels == ("B", SMALLER)


def test_a_person_in_two_small_levels_counts_once() -> None:
    rows = pd.DataFrame({"person": [0, 0, 1, 2, 3], "month": 1, "centre": list("BCAAA")})
    assert len(predictive.groupings(rows, ["centre"], 2)) == 1  # one person: A joins B and C
    two = predictive.groupings(rows.assign(person=range(5)), ["centre"], 2)[1]
    assert two.levels == ("A", SMALLER)


def test_calendar_by_quarter_until_there_are_too_many() -> None:
    rows = pd.DataFrame({"person": range(40), "month": 1, "calendar": 420 + 3 * np.arange(40)})
    quarter = predictive.groupings(rows, ["calendar"], 1)[-1]
    assert (quarter.name, len(quarter.levels), quarter.levels[0]) == ("quarter", 40, "2005Q1")
    more = pd.DataFrame({"person": range(41), "month": 1, "calendar": 420 + 3 * np.arange(41)})
    year = predictive.groupings(more, [], 1)[-1]
    assert (year.name, year.levels[-1], len(year.levels)) == ("year", "2015", 11)


# --- what the check finds -----------------------------------------------------------------------
def planted(spec: ModelSpec, eta: FloatArray, rng: np.random.Generator) -> pd.DataFrame:
    """600 persons in 12 nationalities, followed for a year; log-odds (nationality, month, exit)."""
    n_persons, n_months = 600, 12
    nationality = np.arange(n_persons) % len(eta)
    odds = np.exp(eta[nationality])
    p = odds / (1 + odds.sum(axis=2, keepdims=True))
    passed = (rng.random((n_persons, n_months, 1)) >= p.cumsum(axis=2)).sum(axis=2)
    leaves = passed < p.shape[2]
    last = np.where(leaves.any(axis=1), leaves.argmax(axis=1), n_months - 1)
    person = np.repeat(np.arange(n_persons), last + 1)
    month = np.concatenate([np.arange(n) for n in last + 1])
    code = np.where(leaves[person, month], passed[person, month] + 1, 0)
    return pd.DataFrame(
        {
            "person": person,
            "month": month + 1,
            "entry": 0,
            "nationality": [f"n{k:02d}" for k in nationality[person]],
            "centre": rng.integers(0, 5, len(person)).astype(str),
            "exit": pd.Categorical.from_codes(code, ["stay", *spec.outcome.exits]),
        }
    )


def fitted(spec: ModelSpec, panel: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Summary of the check of the approximate posterior."""
    built = design.build(panel, {}, spec)
    drawn = laplace_draws.draws(laplace_draws.fit(parameterisation.standard(built)), 200, rng)
    beta = incidence.coefficients(drawn, built)
    by = ["nationality", "centre"]
    return predictive.summary(predictive.check(beta, built, panel=panel, by=by))


def test_a_nationality_effect_that_is_left_out_is_found(rng: np.random.Generator) -> None:
    eta = np.full((12, 12, 2), -3.0)
    eta[..., 0] += np.linspace(-2.0, 2.0, 12)[:, None]
    with_term = model(BASELINE + WALK, NATIONALITY + POOLED, exits=2)
    without = model(BASELINE + WALK, exits=2)
    panel = planted(with_term, eta, rng)
    right, wrong = fitted(with_term, panel, rng), fitted(without, panel, rng)
    assert (right["p_value"] > 0.001).all()  # 14 of them: one data set in 70 would have one below
    for quantity in ("exits", "cumulative_incidence"):
        labels = {"grouping": "nationality", "quantity": quantity}
        assert one(wrong, exit="assisted", **labels)["p_value"] < 1e-4
        assert one(wrong, exit="disappeared", **labels)["p_value"] > 0.001
        assert one(wrong, exit="assisted", **labels | {"grouping": "centre"})["p_value"] > 0.001


def test_a_duration_effect_that_is_left_out_is_found(rng: np.random.Generator) -> None:
    eta = np.full((12, 12, 2), -3.0)
    eta[..., 1] += 2.0 * np.cos(np.arange(12) / 11 * 2 * np.pi)
    every = BASELINE.replace("[1, 2, 5]", str(list(range(1, 13))))
    with_term = model(every + WALK, NATIONALITY + POOLED, exits=2)
    without = model(NATIONALITY + POOLED, exits=2)
    panel = planted(with_term, eta, rng)
    right, wrong = fitted(with_term, panel, rng), fitted(without, panel, rng)
    assert (right["p_value"] > 0.001).all()
    labels = {"grouping": MONTH, "quantity": "exits"}
    assert one(wrong, exit="disappeared", **labels)["p_value"] < 1e-4
    assert one(wrong, exit="assisted", **labels)["p_value"] > 0.001


def test_levels_lie_outside_as_often_as_expected(rng: np.random.Generator) -> None:
    """Known parameters, so that the observed exits are one more replicate."""
    spec = model(NATIONALITY + POOLED, exits=2)
    eta = np.full((12, 12, 2), -1.5)
    n_outside = n_expected = 0.0
    for _ in range(6):
        panel = planted(spec, eta, rng)
        built = design.build(panel, {}, spec)
        beta = np.zeros((99, built.n_coefficients, 2))
        beta[:, 0] = -1.5
        found = predictive.check(draws_of(beta, built), built, panel=panel, by=["nationality"])
        told = predictive.summary(found)
        own = told[(told["grouping"] == "nationality") & (told["quantity"] != "exits")]
        n_outside += own["n_outside"].sum()
        n_expected += own["n_expected"].sum()
    n = 6 * 12 * 2
    share = 2 * 3 / 100  # beyond the third of 99 replicates from either end
    assert n_expected == pytest.approx(n * share, rel=1e-12)
    # the two exits of a level compete and so are not independent: at most twice the variance
    assert abs(n_outside - n_expected) < 5 * np.sqrt(2 * n * share * (1 - share))
    assert n_outside > 0


# --- the prior ----------------------------------------------------------------------------------
def prior_of(name_or_spec: str | ModelSpec, n: int, seed: int) -> tuple[pd.DataFrame, ModelSpec]:
    spec = specs.read(name_or_spec) if isinstance(name_or_spec, str) else name_or_spec
    small = sbc.small_rows(spec)
    built = design.build(small.frame, small.histories, spec)
    drawn = predictive.prior_draws(parameterisation.standard(built), n, np.random.default_rng(seed))
    person = small.frame["person"].to_numpy()
    return predictive.prior_predictive(drawn, built, person=person, spec=spec), spec


@pytest.mark.parametrize("name", FILES)
def test_prior_of_every_model_file(name: str) -> None:
    found, spec = prior_of(name, 15, 1)
    spread = found[["p2_5", "p25", "p50", "p75", "p97_5"]].to_numpy(dtype=float)
    assert np.isfinite(spread).all()
    assert (np.diff(spread, axis=1) >= 0).all()
    assert (found["n_draws"] == 15).all()
    ratio = found["quantity"].str.endswith("_ratio")
    difference = found["quantity"].str.endswith("_difference")
    assert (spread >= 0)[~difference].all()
    assert (np.abs(spread) <= 1 + 1e-12)[~ratio].all()
    assert ratio.sum() == sum(len(t.every_lag) + 1 for t in spec.lagged) * len(spec.outcome.exits)
    monthly = found[found["quantity"] == "monthly_probability"]
    assert monthly["exit"].tolist() == [*spec.outcome.exits, ANY]
    assert (monthly["above_half"].iloc[:-1] <= monthly["above_half"].iloc[-1]).all()
    terms = found.loc[found["quantity"] == "risk_difference", "term"].unique().tolist()
    assert terms == [term.name for term in spec.lagged if term.measure != "per_resident"]
    leads = [term.name for term in spec.lagged if term.lags[1] < 0]
    ahead = found[(found["quantity"] == "risk_difference") & found["term"].isin(leads)]
    assert (ahead["p97_5"] == 0).all()  # what is yet to come changes nothing before it


def test_prior_of_an_intercept_is_the_logistic_normal(rng: np.random.Generator) -> None:
    intercept = {"mean": -2.0, "scale": 1.5, "reason": "an example only"}
    spec = ModelSpec(
        name="a", question="what is next?", outcome={"exits": ["left"], "intercept": intercept}
    )
    n = 400
    found = one(prior_of(spec, n, 2)[0], quantity="monthly_probability", exit="left")
    for name, share in (("p2_5", 0.025), ("p25", 0.25), ("p50", 0.5), ("p97_5", 0.975)):
        value = float(found[name])
        below = NormalDist(-2.0, 1.5).cdf(np.log(value / (1 - value)))
        assert abs(below - share) < 5 * np.sqrt(share * (1 - share) / n)
    above = 1 - NormalDist(-2.0, 1.5).cdf(0.0)
    assert abs(found["above_half"] - above) < 5 * np.sqrt(above * (1 - above) / n)
    # the median of n draws has standard error 1 / (2 sqrt(n) density); it is estimated from a
    # distance that holds about sqrt(n) draws, give or take the root of that
    density = NormalDist(-2.0, 1.5).pdf(-2.0) * (1 + np.exp(-2)) ** 2 / np.exp(-2)
    assert found["mcse"] == pytest.approx(0.5 / np.sqrt(n) / density, rel=5 / n**0.25)


# Half of the rows are of women, who leave with probability 9/20 a month, in a second draw 11/20;
# the other half of men, with 1/4 in both.
def test_probabilities_under_the_prior_by_hand() -> None:
    spec = model(SEX + NORMAL, exits=1)
    panel = panel_of([("x", 1, "stay")] * 4, ("assisted",))
    panel["sex"] = pd.Categorical(["male", "female"] * 2, ["male", "female"])
    built = design.build(panel, {}, spec)
    drawn = xr.Dataset(
        {
            "intercept": (("chain", "draw", "exit"), np.log([[[1 / 3], [1 / 3]]])),
            "beta_sex": (
                ("chain", "draw", "sex_level", "exit"),
                np.log([[[[27 / 11]], [[11 / 3]]]]),
            ),
        },
        {"exit": ["assisted"], "sex_level": ["female"]},
    )
    found = predictive.prior_predictive(drawn, built, person=range(4), spec=spec, month=2)
    women, twice = 1 / 2, (1 - (11 / 20) ** 2 + 1 - (9 / 20) ** 2) / 2
    for quantity, median, above in (
        ("monthly_probability", (1 / 4 + women) / 2, 0.0),
        ("monthly_probability_low", 1 / 4, 0.0),
        ("monthly_probability_high", women, 0.5),
        ("cumulative_incidence", (7 / 16 + twice) / 2, 1.0),
    ):
        row = one(found, quantity=quantity, exit=ANY)
        assert row["p50"] == pytest.approx(median, abs=1e-12)
        assert row["above_half"] == above
    assert one(found, quantity="cumulative_incidence", exit=ANY)["arm"] == "observed"


# One person, odds 1/4 in every month, times 4 in the month after an event: by the end of month 3
# 61/125 have left without, 17/25 with an event in month 1.
def test_difference_under_the_prior_by_hand() -> None:
    spec = model(VISIT + NORMAL, exits=1)
    panel = panel_of([("x", 1, "stay")], ("assisted",))
    history = xr.DataArray([[1.0, 0.0, 1.0]], {"lag": [0, 1, 2]}, ("row", "lag"))
    built = design.build(panel, {"visit_centre": history}, spec)
    at = ("chain", "draw", "visit_centre_level", "exit")
    drawn = xr.Dataset(
        {
            "intercept": (("chain", "draw", "exit"), np.log([[[1 / 4]]])),
            "beta_visit_centre": (at, np.log([[[[1.0], [4.0], [1.0]]]])),
        },
        {"exit": ["assisted"], "visit_centre_level": ["0", "1", "2"]},
    )
    found = predictive.prior_predictive(drawn, built, person=[0], spec=spec, month=3)
    row = one(found, quantity="risk_difference", exit="assisted")
    assert (row["term"], row["arm"], row["month"]) == ("visit_centre", "with - without", 3)
    assert row["p50"] == pytest.approx(17 / 25 - 61 / 125, abs=1e-12)


def test_a_prior_that_believes_nonsense_is_found() -> None:
    """Negative control: an intercept of sd 25 puts half of its weight on a certain exit."""
    silly = {"mean": 0.0, "scale": 25.0, "reason": "an example only"}
    plain = model(CENTRE + POOLED, SEX + NORMAL, exits=1)
    wide = plain.model_copy(
        update={"outcome": specs.OutcomeSpec(exits=("assisted",), intercept=silly)}
    )
    shares = []
    for spec in (plain, wide):
        found = prior_of(spec, 100, 3)[0]
        shares.append(one(found, quantity="monthly_probability", exit=ANY)["above_half"])
    assert shares[0] < 0.15
    assert shares[1] > 0.3


def test_priors_of_oslo2016_are_believable_together() -> None:
    """In at most one draw of ten more than half leave in an average month.

    Tolerance: of 150 draws with a share of a tenth, 4 standard errors. Negative control: walks and
    spreads of one, each believable by itself, put half of their weight there.
    """
    spec, n, most = specs.read("oslo2016"), 150, 0.1
    tolerance = 4 * np.sqrt(most * (1 - most) / n)
    walk = {"family": "random_walk", "scale": 0.5, "start": 1.0, "reason": "an example only"}
    wide = spec.replace(
        outcome={"exits": spec.outcome.exits, "intercept": {"mean": -4.0, "scale": 2.5,
                                                            "reason": "an example only"}}
    )  # fmt: skip
    for term in spec.term:
        known = {"family": "normal", "scale": 1.0, "reason": "an example only"}
        wide = wide.with_prior(term.name, walk if term.kind in ("baseline", "lagged") else known)
    shares = [
        one(prior_of(each, n, 4)[0], quantity="monthly_probability", exit=ANY)["above_half"]
        for each in (spec, wide)
    ]
    assert shares[0] < most + tolerance
    assert shares[1] > most + tolerance


def test_prior_draws_are_those_of_one_draw_after_another() -> None:
    spec = specs.read("oslo2016")
    small = sbc.small_rows(spec)
    it = parameterisation.standard(design.build(small.frame, small.histories, spec))
    several = predictive.prior_draws(it, 3, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    singly = [sbc.prior_draw(it, rng) for _ in range(3)]
    xr.testing.assert_identical(several, xr.concat(singly, dim="draw"))
