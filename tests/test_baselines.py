"""The linear probability model and the multinomial logit against other programs and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest
import pytest
import statsmodels.api as sm
from scipy import optimize
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    NATIONALITY,
    NORMAL,
    POOLED,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    dense,
    model,
    small_panel,
)

from hazard import design, pipeline
from hazard import spec as specs
from hazard.baselines import linear_probability, multinomial_logit
from hazard.baselines.fit import BaselineFit, independent_columns, named
from hazard.design import Design
from hazard.likelihood import rows, value_and_gradient
from hazard.spec import LaggedTerm, ModelSpec

REGRESSION = (BASELINE + WALK, SEX + NORMAL, AGE + NORMAL, VISIT + WALK)
GROUPS = (CENTRE + POOLED, NATIONALITY + POOLED)


def build(small: SmallPanel, spec: ModelSpec) -> Design:
    return design.build(small.panel, small.histories, spec)


def cell(fit: BaselineFit, term: str, level: object, exit_: str) -> tuple[float, float]:
    """Estimate and standard error of one coefficient."""
    table = fit.table()
    at = (table["term"] == term) & (table["level"] == str(level)) & (table["exit"] == exit_)
    [found] = table.loc[at, ["estimate", "standard_error"]].to_numpy()
    return float(found[0]), float(found[1])


# --- linear probability -------------------------------------------------------------------------
def test_linear_probability_reference_statsmodels(rng: np.random.Generator) -> None:
    spec = model(*REGRESSION, *GROUPS)
    made = build(small_panel(spec, rng, persons=300), spec)
    fit = linear_probability.fit(made)
    x = dense(design.identified(made))
    assert fit.estimate.shape == (x.shape[1], 3)
    assert fit.remarks == ()
    for j in range(3):
        other = sm.OLS((made.outcome == j + 1).astype(float), x).fit(cov_type="HC1")
        np.testing.assert_allclose(fit.estimate[:, j], other.params, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(fit.standard_error[:, j], other.bse, rtol=1e-10)
        usual = sm.OLS((made.outcome == j + 1).astype(float), x).fit()  # negative control
        assert np.abs(fit.standard_error[:, j] / usual.bse - 1).max() > 1e-3


def test_linear_probability_reference_pyfixest(rng: np.random.Generator) -> None:
    spec = model(SEX + NORMAL, AGE + NORMAL, VISIT + WALK, *GROUPS)
    small = small_panel(spec, rng, persons=300)
    made = build(small, spec)
    fit = linear_probability.fit(made)
    frame = small.panel.iloc[made.row][["age", "centre", "nationality"]].astype({"age": float})
    frame["female"] = 0.0
    names = ["a level", "zz level"]
    for k, level in enumerate(names):
        frame[f"sex{k}"] = (small.panel["sex"].iloc[made.row] == level).astype(float)
    for lag in range(3):
        frame[f"lag{lag}"] = small.histories["visit_centre"].values[made.row, lag].astype(float)
    x = ["sex0", "sex1", "age", "lag0", "lag1", "lag2"]
    ours = [("sex", "a level"), ("sex", "zz level"), ("age", "age")]
    ours += [("visit_centre", lag) for lag in range(3)]
    for j, exit_ in enumerate(made.exits):
        frame["y"] = (made.outcome == j + 1).astype(float)
        formula = f"y ~ {' + '.join(x)} | centre + nationality"
        other = pyfixest.feols(
            formula,
            frame.astype({"centre": str, "nationality": str}),
            vcov="HC1",
            ssc=pyfixest.ssc(k_adj=True, k_fixef="full"),
        )
        found = np.array([cell(fit, term, level, exit_) for term, level in ours])
        np.testing.assert_allclose(found[:, 0], other.coef()[x], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(found[:, 1], other.se()[x], rtol=1e-8)


# --- multinomial logit --------------------------------------------------------------------------
def test_multinomial_logit_reference_statsmodels(rng: np.random.Generator) -> None:
    spec = model(*REGRESSION, *GROUPS)
    made = build(small_panel(spec, rng, persons=500), spec)
    fit = multinomial_logit.fit(made)
    other = sm.MNLogit(made.outcome, dense(design.identified(made))).fit(
        method="newton", maxiter=100, tol=1e-14, disp=False
    )
    np.testing.assert_allclose(fit.estimate, other.params, atol=1e-6)
    np.testing.assert_allclose(fit.standard_error, other.bse, atol=1e-5)
    assert (fit.unit, fit.remarks) == ("log-odds", ())
    turned = replace(made, outcome=np.array([0, 2, 1, 3], dtype=np.int8)[made.outcome])
    swapped = multinomial_logit.fit(turned)  # negative control
    assert np.abs(swapped.estimate - other.params).max() > 1e-2


@pytest.mark.parametrize("n_exits", [1, 2])
def test_cause_specific_model_reference_statsmodels(n_exits: int, rng: np.random.Generator) -> None:
    """With one exit a GLM; with two, the fit does not depend on how the other exit is named."""
    spec = model(BASELINE + WALK, SEX + NORMAL, VISIT + WALK, exits=n_exits, link="cloglog")
    made = build(small_panel(spec, rng, persons=400), spec)
    fit = multinomial_logit.fit(made)
    assert fit.unit == "log-hazard"
    if n_exits == 1:
        family = sm.families.Binomial(sm.families.links.CLogLog())
        other = sm.GLM((made.outcome == 1).astype(float), dense(made), family).fit(tol=1e-14)
        np.testing.assert_allclose(fit.estimate[:, 0], other.params, atol=1e-6)
        # observed information here, expected there: equal at the order of the sampling error
        observed = np.sqrt(np.diag(np.linalg.inv(-other.model.hessian(other.params))))
        np.testing.assert_allclose(fit.standard_error[:, 0], observed, atol=1e-5)
        logit = multinomial_logit.fit(replace(made, link="softmax"))  # negative control
        assert np.abs(logit.estimate[:, 0] - other.params).max() > 1e-3
    else:
        turned = multinomial_logit.fit(
            replace(made, outcome=np.array([0, 2, 1], dtype=np.int8)[made.outcome])
        )
        np.testing.assert_allclose(turned.estimate[:, ::-1], fit.estimate, atol=1e-8)


# --- what the data cannot tell ------------------------------------------------------------------
def without_exit(small: SmallPanel, exit_: str, centre: str) -> SmallPanel:
    """The same panel, but nobody leaves the centre through the exit."""
    panel = small.panel.copy()
    panel.loc[(panel["centre"] == centre) & (panel["exit"] == exit_), "exit"] = "stay"
    return SmallPanel(panel, small.histories)


def restricted_maximum(made: Design, code: int, level: int) -> np.ndarray:
    """Maximum where the rows of the last block's level cannot leave through an exit."""
    plain = design.identified(made)
    x, n_exits = dense(plain), len(made.exits)
    left = (made.outcome[:, None] == np.arange(1, n_exits + 1)).astype(float)
    impossible = np.zeros_like(left)
    impossible[made.index[:, -1] == level, code - 1] = -1e3

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        eta = x @ flat.reshape(-1, n_exits) + impossible
        total = 1 + np.exp(eta).sum(axis=1)
        slope = x.T @ (np.exp(eta) / total[:, None] - left)
        return float(np.log(total).sum() - (left * eta).sum()), slope.ravel()

    start = np.zeros(x.shape[1] * n_exits)
    found = optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    return found.x.reshape(-1, n_exits)


def test_separated_centre_equals_brute_force(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = model(BASELINE + WALK, SEX + NORMAL, CENTRE + POOLED, exits=2)
    small = without_exit(small_panel(spec, rng, persons=300), "assisted", "centre 2")
    made = build(small, spec)
    fit = multinomial_logit.fit(made)
    assert fit.remarks == (
        "Without any exit 'assisted', estimate at minus infinity: centre centre 2.",
    )
    estimate, error = cell(fit, "centre", "centre 2", "assisted")
    assert estimate == -np.inf
    assert np.isnan(error)
    others = np.isfinite(fit.estimate)
    assert (~others).sum() == 1
    brute = restricted_maximum(made, 1, 2)
    np.testing.assert_allclose(fit.estimate[others], brute[others], atol=1e-6)
    for held in (-60.0, -20.0):
        monkeypatch.setattr(multinomial_logit, "_AT_MINUS_INFINITY", held)
        again = multinomial_logit.fit(made)
        np.testing.assert_allclose(again.estimate[others], fit.estimate[others], atol=1e-6)
        np.testing.assert_allclose(again.standard_error[others], fit.standard_error[others], 1e-6)
    monkeypatch.setattr(multinomial_logit, "_AT_MINUS_INFINITY", -1.0)  # negative control
    wrong = multinomial_logit.fit(made)
    assert np.abs(wrong.estimate[others] - fit.estimate[others]).max() > 1e-3


def test_cloglog_separated_centre_drops_its_rows(rng: np.random.Generator) -> None:
    """With one exit, rows that cannot leave say nothing: the other rows give the same fit."""
    spec = model(BASELINE + WALK, CENTRE + POOLED, exits=1, link="cloglog")
    small = without_exit(small_panel(spec, rng, persons=300), "assisted", "centre 2")
    fit = multinomial_logit.fit(build(small, spec))
    kept = small.panel["centre"] != "centre 2"
    rest = multinomial_logit.fit(
        build(SmallPanel(small.panel[kept].reset_index(drop=True), {}), spec)
    )
    others = np.isfinite(fit.estimate)
    np.testing.assert_allclose(fit.estimate[others], rest.estimate.ravel(), atol=1e-6)
    np.testing.assert_allclose(fit.standard_error[others], rest.standard_error.ravel(), atol=1e-6)


def test_exit_that_never_occurs_leaves_the_others_alone(rng: np.random.Generator) -> None:
    spec, fewer = (model(SEX + NORMAL, AGE + NORMAL, CENTRE + POOLED, exits=n) for n in (3, 2))
    small = small_panel(fewer, rng, persons=300)
    fit = multinomial_logit.fit(build(small, spec))
    alone = multinomial_logit.fit(build(small, fewer))
    np.testing.assert_allclose(fit.estimate[:, :2], alone.estimate, atol=1e-8)
    np.testing.assert_allclose(fit.standard_error[:, :2], alone.standard_error, atol=1e-8)
    assert fit.estimate[0, 2] == -np.inf
    assert np.isnan(fit.estimate[1:, 2]).all()
    assert np.isnan(fit.standard_error[:, 2]).all()
    assert fit.remarks == (
        "Without any exit 'forced', estimate at minus infinity: intercept intercept.",
    )
    linear = linear_probability.fit(build(small, spec))
    np.testing.assert_allclose(linear.estimate[:, 2], 0, atol=1e-15)


def test_number_that_tells_an_exit_for_sure_is_named(rng: np.random.Generator) -> None:
    spec = model(AGE + NORMAL, SEX + NORMAL, exits=1)
    small = small_panel(spec, rng, persons=300)
    code = (small.panel["age"] > 30.6).astype(int)
    exits = pd.Categorical.from_codes(code, ["stay", "assisted"])
    fit = multinomial_logit.fit(build(SmallPanel(small.panel.assign(exit=exits), {}), spec))
    assert cell(fit, "age", "age", "assisted")[0] == np.inf
    [remark] = fit.remarks
    assert remark.startswith("Together they tell exit 'assisted' for sure, without bound: ")
    assert "age age" in remark


def test_unit_of_a_number_does_not_make_it_infinite(rng: np.random.Generator) -> None:
    spec = model(AGE + NORMAL, SEX + NORMAL)
    small = small_panel(spec, rng, persons=300)
    plain = multinomial_logit.fit(build(small, spec))
    centuries = small.panel.assign(age=small.panel["age"] / 1e4)
    fit = multinomial_logit.fit(build(SmallPanel(centuries, {}), spec))
    assert fit.remarks == ()
    scale = np.array([1, 1e-4, 1, 1])[:, None]
    assert np.abs(fit.estimate[1]).max() > 15
    np.testing.assert_allclose(fit.estimate * scale, plain.estimate, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.standard_error * scale, plain.standard_error, rtol=1e-6)


@pytest.mark.parametrize("estimator", [linear_probability, multinomial_logit])
def test_columns_that_say_the_same_are_named(estimator: object, rng: np.random.Generator) -> None:
    again = SEX.replace('"sex"', '"again"')
    spec, once = (
        model(SEX + NORMAL, *more, CENTRE + POOLED, VISIT + WALK) for more in ([again + NORMAL], [])
    )
    small = small_panel(spec, rng, persons=300)
    history = small.histories["visit_centre"]
    never = SmallPanel(
        small.panel.assign(again=small.panel["sex"]),
        {"visit_centre": history.where((history["lag"] < 2) | history.isnull(), 0.0)},  # noqa: PD003 - of xarray
    )
    fit = estimator.fit(build(never, spec))  # type: ignore[attr-defined]
    [remark] = fit.remarks
    assert remark.startswith("Not identified, left out: ")
    assert remark.count(",") == 3  # three coefficients and the colon's clause
    out = np.isnan(fit.estimate).all(axis=1)
    assert out.sum() == 3
    assert np.isnan(fit.standard_error[out]).all()
    assert np.isfinite(fit.standard_error[~out]).all()
    names = {tuple(row) for row in fit.terms[out].itertuples(index=False)}
    assert ("visit_centre", "2") in names
    assert {level for term, level in names if term in ("sex", "again")} == {"a level", "zz level"}
    single = estimator.fit(build(never, once))  # type: ignore[attr-defined]
    kept = np.isfinite(single.estimate).all(axis=1)
    np.testing.assert_allclose(fit.estimate[~out], single.estimate[kept], rtol=1e-6, atol=1e-8)


def test_independent_columns_by_hand() -> None:
    panel = pd.DataFrame({"person": range(4), "month": 1, "exit": "stay"})
    panel = panel.assign(a=[0.0, 1, 0, 1], b=[0.0, 0, 1, 1], c=[0.0, 2, 2, 4])  # c = 2 (a + b)
    terms = [AGE.replace("age", name) + NORMAL for name in "abc"]
    data = rows(design.build(panel, {}, model(*terms)))
    keep = independent_columns(data)
    assert keep[0]
    assert keep[1:].sum() == 2
    assert independent_columns(rows(design.build(panel, {}, model(*terms[:2])))).all()


# --- what is returned ---------------------------------------------------------------------------
def test_table_by_hand() -> None:
    labels = pd.DataFrame({"term": ["intercept", "sex"], "level": ["intercept", "female"]})
    estimate = np.array([[-2.0, -1.0], [0.5, -np.inf]])
    error = np.array([[0.1, 0.2], [0.25, np.nan]])
    fit = BaselineFit("logit", "log-odds", ("a", "b"), labels, estimate, error, ())
    table = fit.table(level=0.9)
    assert table["exit"].tolist() == ["a", "a", "b", "b"]
    assert table["level"].tolist() == ["intercept", "female"] * 2
    assert table["estimate"].tolist() == [-2.0, 0.5, -1.0, -np.inf]
    z = 1.6448536269514722  # the 95th percentile of a standard normal
    np.testing.assert_allclose(table["lower"][:3], [-2 - 0.1 * z, 0.5 - 0.25 * z, -1 - 0.2 * z])
    np.testing.assert_allclose(table["upper"][:3], [-2 + 0.1 * z, 0.5 + 0.25 * z, -1 + 0.2 * z])
    assert table[["lower", "upper"]].iloc[3].isna().all()
    assert set(table["estimator"]) == {"logit"}
    assert set(table["unit"]) == {"log-odds"}
    longer = named(
        pd.DataFrame({"term": "centre", "level": list("ABCD")}), np.ones(4, bool), most=2
    )
    assert longer == "centre A, centre B and 2 more"


# --- public data with published results ---------------------------------------------------------
def fitted(
    shared: Path, name: str, file: str, terms: tuple[object, ...] | None = None
) -> tuple[Design, BaselineFit]:
    spec = specs.read(name)
    if terms is not None:
        spec = spec.model_copy(update={"term": terms})
    found = pipeline.rows_from_table(shared / "data" / file, spec)
    made = design.build(found.panel, found.histories, spec)
    return made, multinomial_logit.fit(made)


def test_reference_logit_of_first_sex(shared: Path) -> None:
    """Singer and Willett (2003), table 11.3: coefficients, standard errors, deviances."""
    baseline, transition, antisocial = specs.read("first_sex").term
    pt, pas = "parental_transition", "parental_antisociality"
    published = (
        ((), {}, 651.96),
        ((transition,), {pt: (0.8736, 0.2174)}, 634.66),
        ((antisocial,), {pas: (0.4428, 0.1140)}, 637.17),
        ((transition, antisocial), {pt: (0.6605, 0.2367), pas: (0.2964, 0.1254)}, 629.15),
    )
    for terms, expected, deviance in published:
        made, fit = fitted(shared, "first_sex", "first_sex.csv", (baseline, *terms))
        for name, figures in expected.items():
            np.testing.assert_allclose(cell(fit, name, name, "first_sex"), figures, atol=1e-4)
        value, _ = value_and_gradient(rows(made), fit.estimate)
        assert -2 * value == pytest.approx(deviance, abs=0.0051)  # two printed digits


def employment(
    shared: Path, lag: int, breaks: tuple[int, ...] | None = None
) -> tuple[float, float]:
    terms = []
    for term in specs.read("rossi_employment").term:
        if isinstance(term, LaggedTerm):
            terms.append(term.model_copy(update={"lags": (lag, lag)}))
        elif term.kind == "baseline" and breaks is not None:
            terms.append(term.model_copy(update={"breaks": breaks}))
        else:
            terms.append(term)
    _, fit = fitted(shared, "rossi_employment", "Rossi.csv", tuple(terms))
    return cell(fit, "employed_own", lag, "arrest")


@pytest.mark.parametrize("breaks", [None, tuple(range(1, 53))], ids=["quarters", "weeks"])
def test_reference_employment_of_rossi(shared: Path, breaks: tuple[int, ...] | None) -> None:
    """Fox, Cox regression appendix: -0.7869 (0.2181) one week later.

    With a level per week, the weeks without an arrest are separated.
    """
    estimate, error = employment(shared, 1, breaks)
    assert estimate == pytest.approx(-0.7869, abs=0.02)
    assert error == pytest.approx(0.2181, abs=0.001)
    assert employment(shared, 0, breaks)[0] == pytest.approx(-1.3283, abs=0.02)
    for wrong in (0, 2):  # negative control: the history shifted by a week
        assert abs(employment(shared, wrong, breaks)[0] + 0.7869) > 0.02


def test_reference_genotype_of_aidssi(shared: Path) -> None:
    """R mstate tutorial (Putter, Fiocco and Geskus 2007): Cox models of the two causes."""
    _, fit = fitted(shared, "aidssi", "aidssi.csv")
    published = {"AIDS": (-1.2358, 0.3071), "SI": (-0.2542, 0.2380)}
    for exit_, figures in published.items():
        np.testing.assert_allclose(cell(fit, "ccr5", "WM", exit_), figures, atol=0.03)
    swapped = cell(fit, "ccr5", "WM", "SI")[0]  # negative control: two exits swapped
    assert abs(swapped - published["AIDS"][0]) > 0.03
