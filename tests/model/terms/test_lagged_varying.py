"""Lag curves that vary by a group: the blocks, the curves of levels, incidences, baselines."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pytensor.compile.mode import Mode

from hazard.arrays import FloatArray
from hazard.baselines import linear_probability, multinomial_logit
from hazard.errors import DesignError, EstimandError, SpecError
from hazard.estimands import incidence, survival
from hazard.estimands.group_curves import level_curves
from hazard.inference import laplace
from hazard.inference.laplace_draws import draws as approximate_draws
from hazard.model import design, equivalent, likelihood, parameterisation
from hazard.model.design import Design
from hazard.model.likelihood import fast_rows, rows, value_and_gradient
from hazard.model.links import hazard
from hazard.model.priors import describe
from hazard.model.pymc_model import build_model
from hazard.spec import IncidenceEstimand, LaggedTerm, ModelSpec
from small_panels import (
    BASELINE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    dense,
    model,
    slow_log_likelihood,
)
from small_terms import LISTED, NATIONALITIES, VARIES, calendar, group, wide_panel

TERM = "visit_centre"
OWN = "visit_centre_by_nationality"
TWO_LAGS = VISIT.replace("[0, 2]", "[0, 1]")


def varying(varies: str, *more: str, exits: int = 3) -> ModelSpec:
    terms = [BASELINE + WALK, SEX.replace('"male"', '"man"') + NORMAL, VISIT + varies + WALK]
    return model(*terms, NATIONALITY + POOLED, *more, exits=exits)


def built(
    spec: ModelSpec, rng: np.random.Generator, persons: int = 80
) -> tuple[SmallPanel, Design]:
    small = wide_panel(spec, rng, persons=persons)
    return small, design.build(small.panel, small.histories, spec)


def term_of(spec: ModelSpec) -> LaggedTerm:
    return spec.lagged[0]


# --- the block, by hand -------------------------------------------------------------------------
# row  nationality  visits at lag 0, 1   listed (Irak)   all
#   1  Irak         1 0                  1 0             Irak 1 0
#   2  Irak         0 0                  0 0             Irak 0 0
#   3  Somalia      1 0                  0 0             Somalia 1 0
#   4  Somalia      0 1                  0 0             Somalia 0 1
#   5  Irak         1 0                  1 0             Irak 1 0
@pytest.fixture
def five() -> SmallPanel:
    panel = pd.DataFrame({"person": range(5), "month": 1, "exit": "stay"})
    panel["nationality"] = ["Irak", "Irak", "Somalia", "Somalia", "Irak"]
    visits = np.array([[1, 0], [0, 0], [1, 0], [0, 1], [1, 0]], dtype=np.float32)
    return SmallPanel(panel, {TERM: xr.DataArray(visits, {"lag": [0, 1]}, ("row", "lag"))})


def test_listed_levels_by_hand(five: SmallPanel) -> None:
    spec = model(TWO_LAGS + LISTED.replace("'Korea, Rep.', ", "") + NORMAL)
    made = design.build(five.panel, five.histories, spec)
    block = made.blocks[2]
    assert [b.name for b in made.blocks] == ["intercept", TERM, OWN]
    assert made.labels()[1:] == [(TERM, "0"), (TERM, "1"), (OWN, "Irak, 0"), (OWN, "Irak, 1")]
    columns = dense(made)[:, 3:]
    assert columns.tolist() == [[1, 0], [0, 0], [0, 0], [0, 0], [1, 0]]
    assert (block.copies, block.common_block, block.kind) == (1, TERM, "varying")
    assert block.places().tolist() == [0, 1]
    assert block.owner is not None
    assert block.owner[made.index[:, 2]].tolist() == [0, 0, -1, -1, 0]
    assert block.n_levels == 3  # common only; Irak with and without a visit


def test_all_levels_by_hand(five: SmallPanel) -> None:
    made = design.build(five.panel, five.histories, model(TWO_LAGS + VARIES + NORMAL))
    block = made.blocks[2]
    assert block.coefficients.tolist() == ["Irak, 0", "Irak, 1", "Somalia, 0", "Somalia, 1"]
    expected = [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    assert dense(made)[:, 3:].tolist() == expected
    assert block.copies == 2
    assert block.owner is not None
    assert block.owner[made.index[:, 2]].tolist() == [0, 0, 1, 1, 0]
    # identity: together the copies are the common curve
    both = dense(made)[:, 3:].reshape(5, 2, 2).sum(axis=1)
    np.testing.assert_array_equal(both, dense(made)[:, 1:3])


def test_identified_by_hand(five: SmallPanel) -> None:
    everyone = design.build(five.panel, five.histories, model(TWO_LAGS + VARIES + NORMAL))
    # both have two exposed rows: the first; Somalia once its rows weigh more
    assert [c for b, c in equivalent.identified(everyone).labels() if b == OWN] == [
        *("Somalia, 0", "Somalia, 1")
    ]
    heavy = replace(everyone, weight=np.array([1.0, 9, 2, 1, 1]))
    assert [c for b, c in equivalent.identified(heavy).labels() if b == OWN] == [
        "Irak, 0",
        "Irak, 1",
    ]
    listed = model(TWO_LAGS + LISTED.replace("'Korea, Rep.', ", "") + NORMAL)
    some = design.build(five.panel, five.histories, listed)
    assert equivalent.identified(some).blocks[2] is some.blocks[2]  # Somalia has the common curve
    alone = five.histories[TERM].copy()
    alone[2:4] = 0  # only Irak is exposed: the common curve is its own
    one = design.build(five.panel, {TERM: alone}, listed)
    assert equivalent.identified(one).blocks[2].n_coefficients == 0


# --- identities of the linear predictor ---------------------------------------------------------
def slow_eta(spec: ModelSpec, made: Design, small: SmallPanel, beta: FloatArray) -> FloatArray:
    """Linear predictor row by row, from the labels of the coefficients."""
    of = {label: beta[k] for k, label in enumerate(made.labels())}
    zero = np.zeros(beta.shape[1])
    eta = []
    for i, row in enumerate(small.panel.itertuples()):
        one = of["intercept", "intercept"] + of["nationality", row.nationality]
        one = one + (of["month", "2-4"] if 2 <= row.month < 5 else zero)
        one = one + (of["month", "5+"] if row.month >= 5 else zero)
        one = one + of.get(("sex", row.sex), zero)
        year, number = 1970 + row.calendar // 12, row.calendar % 12
        quarter = f"{year}Q{number // 3 + 1}"
        one = one + of["nationality_quarter", f"{row.nationality} × {quarter}"]
        for k in range(1, 7):
            angle, size = 2 * np.pi * k * number / 12, np.sqrt(1 / (6 if k < 6 else 12))
            one = one + size * np.cos(angle) * of["season", f"cos {k}"]
            one = one + size * np.sin(angle) * of.get(("season", f"sin {k}"), zero)
        for lag, visits in enumerate(small.histories[TERM].values[i]):
            one = one + visits * of[TERM, str(lag)]
            one = one + visits * of.get((OWN, f"{row.nationality}, {lag}"), zero)
        eta.append(one)
    return np.array(eta)


@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_linear_predictor_equals_a_loop_over_rows(varies: str, rng: np.random.Generator) -> None:
    more = [group("nationality", "quarter"), calendar("season") + NORMAL]
    spec = varying(varies, *more)
    small, made = built(spec, rng)
    beta = rng.normal(0, 0.5, (made.n_coefficients, 3))
    np.testing.assert_allclose(
        dense(made) @ beta, slow_eta(spec, made, small, beta), rtol=1e-10, atol=1e-12
    )
    turned = small.panel["nationality"].cat.rename_categories(list(NATIONALITIES[::-1]))
    swapped = SmallPanel(small.panel.assign(nationality=turned), small.histories)
    blocks = [OWN, *(["nationality"] if varies == VARIES else [])]
    for name in blocks:  # negative control: the levels of another row
        only = np.zeros_like(beta)
        only[made.span(name)] = beta[made.span(name)]
        again = design.build(swapped.panel, swapped.histories, spec)
        if again.labels() == made.labels():
            assert np.abs(dense(again) @ only - dense(made) @ only).max() > 0.1


@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_collapsed_joined_and_standard_forms_have_the_same_likelihood(
    varies: str, rng: np.random.Generator
) -> None:
    spec = varying(varies)
    _, made = built(spec, rng)
    few = equivalent.collapsed(made)
    assert len(few.weight) < len(made.weight)
    beta = rng.normal(0, 0.5, (made.n_coefficients, 3))
    value, gradient = value_and_gradient(rows(made), beta)
    assert value == pytest.approx(slow_log_likelihood(made, beta), rel=1e-10)
    for again in (rows(few), fast_rows(made), rows(equivalent.merged(made, 10_000))):
        same, slope = value_and_gradient(again, beta)
        assert same == pytest.approx(value, rel=1e-10)
        np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-9)
    it = parameterisation.standard(made)
    z = rng.normal(0, 0.5, (it.design.n_coefficients, 3))
    np.testing.assert_allclose(
        dense(it.design) @ z, dense(made) @ it.coefficients(z), rtol=1e-9, atol=1e-9
    )
    [own] = [each for each in it.learned if each.name == OWN]
    n_copies = 4 if varies == VARIES else 2
    assert own.span.stop - own.span.start == 3 * n_copies


@pytest.mark.parametrize("limits", [(1, 2**18), (2**21, 0), (1, 0)])
def test_information_is_the_same_with_sparse_bases(
    limits: tuple[int, int], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = built(varying(VARIES.replace("'nationality'", "'calendar_month'")), rng)
    data = rows(made)
    beta = rng.normal(0, 0.5, (made.n_coefficients, 3))
    expected = likelihood.information(data, beta)
    monkeypatch.setattr(likelihood, "_LARGEST_CROSS_TABLE", limits[0])
    monkeypatch.setattr(likelihood, "_LARGEST_DENSE_BASIS", limits[1])
    found = likelihood.information(data, beta)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    sparse = [block.name for block in made.blocks if likelihood._is_sparse(block)]
    assert sparse == ["visit_centre_by_calendar_month"] * (limits[1] == 0)
    heavy = replace(data, weight=data.weight * np.where(data.outcome > 0, 2.0, 1.0))
    assert not np.allclose(likelihood.information(heavy, beta), expected)  # negative control


def test_one_level_for_all_is_the_same_model_twice(rng: np.random.Generator) -> None:
    spec = varying(VARIES)
    small = wide_panel(spec, rng)
    alike = small.panel.assign(nationality="Irak")
    made = design.build(alike, small.histories, spec)
    columns = dense(made)
    np.testing.assert_array_equal(columns[:, made.span(OWN)], columns[:, made.span(TERM)])


# --- from draws to curves and incidences --------------------------------------------------------
def posterior_of(made: Design, rng: np.random.Generator) -> xr.Dataset:
    """Draws of all coefficients under the names that the graph gives them."""
    found = {}
    for block in made.blocks:
        shape = (2, 3, block.n_coefficients, len(made.exits))
        dims = ("chain", "draw", f"{block.name}_level", "exit")
        prefix = "u" if block.kind == "group" else "beta"
        name = "intercept" if block.kind == "intercept" else f"{prefix}_{block.name}"
        labels = [str(label) for label in block.coefficients]
        values = xr.DataArray(
            rng.normal(-1 if name == "intercept" else 0, 0.5, shape),
            {dims[2]: labels, "exit": list(made.exits)},
            dims,
        )
        found[name] = values.isel({dims[2]: 0}, drop=True) if name == "intercept" else values
        if block.kind in ("group", "varying"):
            learned = np.abs(rng.normal(0, 0.5, (2, 3, len(made.exits))))
            found[f"sigma_{block.name}"] = xr.DataArray(learned, dims=("chain", "draw", "exit"))
    return xr.Dataset(found)


@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_curves_of_levels_by_hand(varies: str, rng: np.random.Generator) -> None:
    spec = varying(varies)
    _, made = built(spec, rng)
    posterior = posterior_of(made, rng)
    curves = level_curves(posterior, term_of(spec))
    levels = list(NATIONALITIES) if varies == VARIES else ["Korea, Rep.", "Irak"]
    assert curves["level"].values.tolist() == levels
    common = posterior[f"beta_{TERM}"].values
    for level in levels:
        own = posterior[f"beta_{OWN}"].sel(
            {f"{OWN}_level": [f"{level}, {lag}" for lag in range(3)]}
        )
        found = curves.sel(level=level)
        np.testing.assert_allclose(found["lag_coefficient"], common + own.values, rtol=1e-12)
        total = (common + own.values).sum(axis=2)
        np.testing.assert_allclose(found["cumulative_lag_effect"], total, rtol=1e-12)
        assert np.abs(found["lag_coefficient"] - common).max() > 0.1  # negative control
    plain = incidence.lag_curves(posterior, spec)["lag_coefficient"]
    np.testing.assert_array_equal(plain.sel(term=TERM), common)


def test_levels_that_are_not_listed_have_the_common_curve(rng: np.random.Generator) -> None:
    spec = varying(LISTED)
    _, made = built(spec, rng)
    posterior = posterior_of(made, rng)
    curves = level_curves(posterior, term_of(spec), ["Somalia", "Irak"])["lag_coefficient"]
    np.testing.assert_array_equal(curves.sel(level="Somalia"), posterior[f"beta_{TERM}"])
    own = level_curves(posterior, term_of(spec))["lag_coefficient"].sel(level="Irak")
    np.testing.assert_array_equal(curves.sel(level="Irak"), own)


def test_a_level_without_rows_gets_a_drawn_curve(rng: np.random.Generator) -> None:
    spec = varying(VARIES)
    _, made = built(spec, rng)
    posterior, term = posterior_of(made, rng), term_of(spec)
    drawn = level_curves(posterior, term, ["Syria", "Irak"], rng=np.random.default_rng(1))
    again = level_curves(posterior, term, ["Syria", "Irak"], rng=np.random.default_rng(1))
    xr.testing.assert_equal(drawn, again)
    apart = drawn["lag_coefficient"].sel(level="Syria") - posterior[f"beta_{TERM}"].values
    expected = np.random.default_rng(1).standard_normal((2, 3, 3, 3))
    expected *= posterior[f"sigma_{OWN}"].values[:, :, None]
    np.testing.assert_allclose(apart, expected, rtol=1e-9)
    with pytest.raises(EstimandError, match="such as 'Syria, 0'; pass a random generator"):
        level_curves(posterior, term, ["Syria"])
    with pytest.raises(EstimandError, match="term 'visit_centre' must vary by a group"):
        level_curves(posterior, term.model_copy(update={"varies_by": None}))


@pytest.mark.parametrize("varies", [VARIES, LISTED])
def test_incidence_equals_brute_force_per_person(varies: str, rng: np.random.Generator) -> None:
    spec = varying(varies)
    small, made = built(spec, rng)
    beta = incidence.coefficients(posterior_of(made, rng), made)
    wanted = IncidenceEstimand(kind="cumulative_incidence", term=TERM, horizon_months=7)
    person = small.panel["person"].to_numpy()
    found = incidence.incidence(beta, made, person, wanted).isel(chain=1, draw=2)
    one, x = beta.values[1, 2], dense(made)
    first = np.flatnonzero(~small.panel["person"].duplicated())
    for arm in ("without", "with"):
        expected = []
        for i in first:
            row, path = x[i].copy(), []
            nationality = small.panel["nationality"].iloc[i]
            own = [
                k
                for k, (block, label) in enumerate(made.labels())
                if block == OWN and label.startswith(nationality)
            ]
            for t in range(1, 8):
                row[made.span("month")] = [2 <= t < 5, t >= 5]
                row[made.span(TERM)] = row[made.span(OWN)] = 0.0
                if arm == "with" and t <= 3:
                    row[made.span(TERM).start + t - 1] = 1.0
                    row[own[t - 1 : t]] = 1.0
                path.append(row @ one)
            eta = xr.DataArray(path, {"exit": list(made.exits)}, ("month", "exit"))
            h = hazard(eta, made.link).transpose("exit", "month")
            expected.append(survival.cumulative_incidence(h).values)
        np.testing.assert_allclose(found.sel(arm=arm), np.mean(expected, axis=0), rtol=1e-10)
    block = made.blocks[[b.name for b in made.blocks].index(OWN)]
    assert block.owner is not None
    turned = replace(block, owner=np.where(block.owner < 0, -1, block.copies - 1 - block.owner))
    blocks = tuple(turned if b is block else b for b in made.blocks)
    wrong = incidence.incidence(beta, replace(made, blocks=blocks), person, wanted)
    assert np.abs(wrong.isel(chain=1, draw=2) - found).max() > 1e-4  # negative control


# --- fits ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("estimator", [linear_probability, multinomial_logit])
def test_baselines_take_differences_as_interactions(
    estimator: object, rng: np.random.Generator
) -> None:
    # the same model, once as common curve and difference, once as a curve for either half
    spec = model(TWO_LAGS + LISTED.replace("'Korea, Rep.', ", "") + NORMAL, exits=2)
    small = wide_panel(spec, rng, persons=300)
    either = model(
        TWO_LAGS.replace("visit", "irak") + NORMAL,
        TWO_LAGS.replace("visit", "rest") + NORMAL,
        exits=2,
    )
    irak = (small.panel["nationality"] == "Irak").to_numpy()[:, None]
    apart = {
        "irak_centre": small.histories[TERM] * irak,
        "rest_centre": small.histories[TERM] * ~irak,
    }
    one = estimator.fit(design.build(small.panel, small.histories, spec))  # type: ignore[attr-defined]
    two = estimator.fit(design.build(small.panel, apart, either))  # type: ignore[attr-defined]
    found = {tuple(label): k for k, label in enumerate(one.terms.itertuples(index=False))}
    for lag in range(2):
        rest, difference = found[TERM, str(lag)], found[OWN, f"Irak, {lag}"]
        own, others = two.terms["term"] == "irak_centre", two.terms["term"] == "rest_centre"
        np.testing.assert_allclose(one.estimate[rest], two.estimate[others][lag], atol=1e-6)
        both = one.estimate[rest] + one.estimate[difference]
        np.testing.assert_allclose(both, two.estimate[own][lag], atol=1e-6)
        assert np.abs(one.estimate[rest] - two.estimate[own][lag]).max() > 1e-4  # negative control
    assert one.remarks == ()


def test_baselines_say_whose_curve_the_common_one_is(rng: np.random.Generator) -> None:
    _, made = built(varying(VARIES, exits=1), rng, persons=300)
    for estimator in (linear_probability, multinomial_logit):
        fit = estimator.fit(made)
        sentence = rf"^Coefficients of {TERM} are those of (.+), the reference of {OWN}\.$"
        [match] = [found for each in fit.remarks if (found := re.match(sentence, each))]
        own = fit.terms.loc[fit.terms["term"] == OWN, "level"]
        assert match[1] in NATIONALITIES
        assert {label.rsplit(", ", 1)[0] for label in own} == set(NATIONALITIES) - {match[1]}
        assert np.isfinite(fit.estimate[fit.terms["term"] == TERM]).all()


def test_graph_and_approximation_know_the_block(rng: np.random.Generator) -> None:
    spec = varying(LISTED.replace("'pooled'", "'correlated'"), exits=2)
    _, made = built(spec, rng, persons=200)
    around = laplace.fit(parameterisation.standard(made))
    graph = build_model(around.coordinates, around.anchors)
    assert graph.named_vars_to_dims[f"beta_{OWN}"] == (f"{OWN}_level", "exit")
    assert list(graph.coords[f"{OWN}_level"])[:3] == [f"Korea, Rep., {lag}" for lag in range(3)]
    assert {f"sigma_{OWN}", f"correlation_{OWN}"} <= set(graph.named_vars)
    point = graph.initial_point()
    evaluate = graph.compile_logp(mode=Mode(linker="py", optimizer="fast_compile"))
    assert np.isfinite(evaluate(point))
    posterior = approximate_draws(around, 50, rng)
    curves = level_curves(posterior, term_of(spec), ["Irak", "Somalia"])["lag_coefficient"]
    assert curves.shape == (1, 50, 2, 3, 2)
    assert np.isfinite(curves).all()


# 12,000 months of four nationalities; one visit adds 0.4 to the log-odds of an assisted return in
# the same month, and 1.0 more for families from Irak; nothing a month later
def test_a_planted_difference_is_recovered(rng: np.random.Generator) -> None:
    n = 12_000
    prior = '{ family = "pooled", scale = 1.0, reason = "an example only" }'
    spec = model(TWO_LAGS + VARIES + f"prior = {prior}\n", exits=1)
    visits = (rng.random((n, 2)) < 0.4).astype(np.float32)
    nationality = rng.integers(0, 4, n)
    effect = np.where(nationality == NATIONALITIES.index("Irak"), 1.4, 0.4)
    leaves = rng.random(n) < 1 / (1 + np.exp(1.5 - effect * visits[:, 0]))
    panel = pd.DataFrame({"person": np.arange(n), "month": 1})
    panel["nationality"] = np.array(NATIONALITIES)[nationality]
    panel["exit"] = np.where(leaves, "assisted", "stay")
    history = xr.DataArray(visits, {"lag": [0, 1]}, ("row", "lag"))
    made = design.build(panel, {TERM: history}, spec)
    posterior = approximate_draws(laplace.fit(parameterisation.standard(made)), 400, rng)
    curves = level_curves(posterior, term_of(spec))["lag_coefficient"].squeeze(("chain", "exit"))
    middle, sd = curves.mean("draw"), curves.std("draw")

    def far(level: str, truth: list[float]) -> float:
        apart = abs(middle.sel(level=level) - truth) / sd.sel(level=level)
        return float(apart.max())

    assert far("Irak", [1.4, 0.0]) < 5
    for level in set(NATIONALITIES) - {"Irak"}:
        assert far(level, [0.4, 0.0]) < 5
        assert far(level, [1.4, 0.0]) > 5  # negative control
    assert far("Irak", [0.4, 0.0]) > 5  # negative control: the common curve
    assert far("Irak", [0.0, 1.4]) > 5  # negative control: a month off


def test_priors_of_differences_are_in_the_table() -> None:
    table = describe(varying(VARIES)).set_index("name")
    assert table.loc[OWN, "role"] == "varying"
    assert table.loc[OWN, "distribution"] == "Normal(0, sigma), sigma ~ HalfNormal(1)"
    assert OWN not in describe(varying("")).set_index("name").index


# --- what does not fit --------------------------------------------------------------------------
def test_listed_level_must_be_in_the_panel(five: SmallPanel) -> None:
    listed = LISTED.replace("'Korea, Rep.', ", "").replace("Irak", "Irk")
    sentence = (
        "term varying by 'nationality' must list levels that are in the panel, not among those "
        "of few persons; got ['Irk']."
    )
    with pytest.raises(DesignError, match=f"^{re.escape(sentence)}$"):
        design.build(five.panel, five.histories, model(TWO_LAGS + listed + NORMAL))


@pytest.mark.parametrize(
    ("varies", "sentence"),
    [
        (VARIES.replace("pooled", "normal"), "'pooled', 'correlated'"),
        (LISTED.replace("'Korea, Rep.'", "'Irak'"), "levels must be different"),
        (LISTED.replace("'Korea, Rep.', 'Irak'", ""), "must not be empty"),
        (VARIES.replace("by = 'nationality', ", ""), "must be given"),
    ],
)
def test_groups_that_are_refused(varies: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=re.escape(sentence)):
        model(TWO_LAGS + varies + NORMAL)
