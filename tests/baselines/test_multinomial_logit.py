"""The multinomial logit, its errors, and what it does where an exit is separated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize

from hazard import fitting
from hazard import spec as specs
from hazard.baselines import linear_probability, multinomial_logit
from hazard.baselines.fit import BaselineFit
from hazard.model import design, equivalent
from hazard.model.design import Design
from hazard.model.likelihood import rows, value_and_gradient
from hazard.spec import LaggedTerm
from small_panels import (
    AGE,
    BASELINE,
    CENTRE,
    EXITS,
    GROUPS,
    NATIONALITY,
    NORMAL,
    POOLED,
    REGRESSION,
    SEX,
    VISIT,
    WALK,
    SmallPanel,
    build,
    dense,
    model,
    small_panel,
)


def cell(fit: BaselineFit, term: str, level: object, exit_: str) -> tuple[float, float]:
    """Estimate and standard error of one coefficient."""
    table = fit.table()
    at = (table["term"] == term) & (table["level"] == str(level)) & (table["exit"] == exit_)
    [found] = table.loc[at, ["estimate", "standard_error"]].to_numpy()
    return float(found[0]), float(found[1])


# --- against other programs ---------------------------------------------------------------------
def test_reference_statsmodels(rng: np.random.Generator) -> None:
    spec = model(*REGRESSION, *GROUPS)
    made = build(small_panel(spec, rng, persons=500), spec)
    fit = multinomial_logit.fit(made)
    other = sm.MNLogit(made.outcome, dense(equivalent.identified(made))).fit(
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


@pytest.mark.parametrize("n_exits", [1, 3])
def test_sandwich_reference_statsmodels(n_exits: int, rng: np.random.Generator) -> None:
    """From the scores and the information of statsmodels, the factors taken out by hand."""
    spec = model(*REGRESSION, *GROUPS, exits=n_exits)
    made = build(small_panel(spec, rng, persons=500), spec)
    other = sm.MNLogit(made.outcome, dense(equivalent.identified(made)))
    best = other.fit(method="newton", maxiter=100, tol=1e-14, disp=False).params
    flat = np.asarray(best).ravel(order="F")
    score, bread = other.score_obs(flat), np.linalg.inv(-other.hessian(flat))
    n = len(score)
    expected = [bread, bread @ score.T @ score @ bread * (n / (n - 1))]
    found = multinomial_logit.fit_each(made, ["information", "rows"])
    for fit, covariance in zip(found, expected, strict=True):
        sd = np.sqrt(np.diag(covariance)).reshape(-1, n_exits, order="F")
        np.testing.assert_allclose(fit.standard_error, sd, rtol=1e-5)
    assert [fit.errors for fit in found] == ["from the information", "robust"]
    assert [fit.freedom for fit in found] == [np.inf, np.inf]
    ratio = found[0].standard_error / found[1].standard_error  # negative control
    assert np.abs(ratio - 1).max() > 1e-3


# --- what the data cannot tell ------------------------------------------------------------------
def without_exit(small: SmallPanel, exit_: str, centre: str) -> SmallPanel:
    """The same panel, but nobody leaves the centre through the exit."""
    panel = small.panel.copy()
    panel.loc[(panel["centre"] == centre) & (panel["exit"] == exit_), "exit"] = "stay"
    return SmallPanel(panel, small.histories)


def restricted_maximum(made: Design, code: int, level: int) -> np.ndarray:
    """Maximum where the rows of the last block's level cannot leave through an exit."""
    plain = equivalent.identified(made)
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
    for held in (60.0, 20.0):
        monkeypatch.setattr(multinomial_logit, "AT_INFINITY", held)
        again = multinomial_logit.fit(made)
        np.testing.assert_allclose(again.estimate[others], fit.estimate[others], atol=1e-6)
        np.testing.assert_allclose(again.standard_error[others], fit.standard_error[others], 1e-6)
    monkeypatch.setattr(multinomial_logit, "AT_INFINITY", 1.0)  # negative control
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
    assert fit.remarks == ("Without any exit 'forced', estimate at minus infinity: intercept.",)
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
    assert remark.startswith("Exit 'assisted' is separated, estimate without bound: ")
    assert "age" in remark


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


def test_held_effect_does_not_matter_to_the_others(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the exit at the limit falls as exp(limit), and with it what it does."""
    spec = model(BASELINE + WALK, SEX + NORMAL, CENTRE + POOLED, exits=2)
    small = without_exit(small_panel(spec, rng, persons=300), "assisted", "centre 2")
    made = build(small, spec)
    limit = multinomial_logit.fit(made)
    others = np.isfinite(limit.estimate)
    apart = []
    for held in (10.0, 12.0, 14.0):
        monkeypatch.setattr(multinomial_logit, "AT_INFINITY", held)
        again = multinomial_logit.fit(made)
        apart.append(np.abs(again.estimate[others] - limit.estimate[others]).max())
    # expected exits among the rows of the centre, of which there were none: its share of the rows
    # times all exits times exp(-10); a coefficient moves by less than one such exit in ten others
    assert apart[0] < len(made.row) * np.exp(-10.0) / 10
    np.testing.assert_allclose(np.divide(apart[:-1], apart[1:]), np.exp(2.0), rtol=1e-2)


# yes  a       b       stay  left     a line through the four cells: the left upper one can go to
#      no      no       all     0     minus infinity and the right lower one to infinity, while the
#      yes     no      both  both     two others stay where they are
#      no      yes     both  both
#      yes     yes        0   all
def test_columns_that_separate_together(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 2, (2, 800))
    left = np.where(a + b == 1, rng.integers(0, 2, 800), a + b > 1).astype(bool)
    panel = pd.DataFrame({"person": np.arange(800), "month": 1, "exit": "stay"})
    panel.loc[left, "exit"] = "assisted"
    panel = panel.assign(
        a=np.array(["no", "yes"])[a], b=np.array(["no", "yes"])[b], age=rng.normal(30, 5, 800)
    )
    yes = [SEX.replace('"male"', '"no"').replace('"sex"', f'"{name}"') + NORMAL for name in "ab"]
    fit = multinomial_logit.fit(
        design.build(panel, {}, model(*yes, AGE + NORMAL, exits=1)), errors="rows"
    )
    [remark] = fit.remarks
    assert remark.endswith("estimate without bound: intercept, a yes, b yes.")
    [estimate] = fit.estimate.T
    assert estimate[:3].tolist() == [-np.inf, np.inf, np.inf]
    mixed = panel[a + b == 1].reset_index(drop=True)  # the only rows that say anything
    rest = multinomial_logit.fit(
        design.build(mixed, {}, model(yes[0], AGE + NORMAL, exits=1)), errors="rows"
    )
    assert rest.remarks == ()
    np.testing.assert_allclose(estimate[3], rest.estimate[2, 0], rtol=1e-6)
    # the factor counts the rows, of which the others have none to say
    factor = np.sqrt(800 / 799 * (len(mixed) - 1) / len(mixed))
    np.testing.assert_allclose(
        fit.standard_error[3, 0], factor * rest.standard_error[2, 0], rtol=1e-6
    )


def directions_of_recession(made: Design) -> np.ndarray:
    """Whether a coefficient can go to infinity without loss, by linear programming.

    A direction d loses nothing if x (d_y - d_k) >= 0 for every row with outcome y and every other
    outcome k, with d_0 = 0 (Albert and Anderson 1984); a row with x (d_y - d_k) > 0 gains.
    """
    plain = equivalent.identified(made)
    x, n_exits = dense(plain), len(made.exits)
    outcomes = np.eye(n_exits + 1)[:, 1:]  # of "stay" the linear predictor is 0
    constraints = np.vstack(
        [
            np.kron(row, outcomes[own] - outcomes[other])
            for row, own in zip(x, made.outcome, strict=True)
            for other in range(n_exits + 1)
            if other != own
        ]
    )
    reach = []
    for k in range(x.shape[1] * n_exits):
        ends = [
            optimize.linprog(
                sign * np.eye(x.shape[1] * n_exits)[k],
                A_ub=-constraints,
                b_ub=np.zeros(len(constraints)),
                bounds=(-1, 1),
            ).fun
            for sign in (-1, 1)
        ]
        reach.append(min(ends) < -1e-6)
    return np.array(reach).reshape(-1, n_exits)


def test_infinite_estimates_are_those_of_linear_programming(rng: np.random.Generator) -> None:
    """Few rows per level, so that exits are separated in several ways; repeated panels."""
    spec = model(SEX + NORMAL, CENTRE + POOLED, NATIONALITY + POOLED, exits=2)
    several = set()
    for _ in range(6):
        made = build(small_panel(spec, rng, persons=22), spec)
        fit = multinomial_logit.fit(made)
        infinite = np.isinf(fit.estimate)
        assert np.isfinite(fit.estimate[~infinite]).all()
        np.testing.assert_array_equal(infinite, directions_of_recession(made))
        several.add(int(infinite.sum()))
    assert len(several) > 1
    assert max(several) > 1


# centre   nationality   can leave so
#   A          north     yes
#   B          south     yes
#   C          both      no: separated
# Without the rows of C the columns of A (against B) and of north (against south) are the same.
def test_columns_that_only_separated_rows_tell_apart(rng: np.random.Generator) -> None:
    spec = model(CENTRE + POOLED, NATIONALITY + POOLED, AGE + NORMAL, exits=2)
    n = 900
    centre = rng.integers(0, 3, n)
    north = np.where(centre == 2, rng.integers(0, 2, n), centre == 0)
    code = np.where(centre == 2, 2 * rng.integers(0, 2, n), rng.integers(0, 3, n))
    panel = pd.DataFrame({"person": np.arange(n), "month": 1, "age": rng.normal(30, 5, n)})
    panel["centre"] = np.array(list("ABC"))[centre]
    panel["nationality"] = np.where(north, "north", "south")
    panel["exit"] = np.array(["stay", *EXITS[:2]])[code]
    fit = multinomial_logit.fit(design.build(panel, {}, spec))
    last = fit.remarks[-1]
    assert last.startswith("Not identified for exit 'assisted' by the rows where it can occur: ")
    assert np.isfinite(fit.estimate[:, 1]).all()  # all is known of the other exit
    age = (fit.terms["term"] == "age").to_numpy()
    brute = row_removal(panel)
    np.testing.assert_allclose(fit.estimate[age], brute, atol=1e-6)


def row_removal(panel: pd.DataFrame) -> np.ndarray:
    """Coefficients of age where the rows of C cannot leave as assisted, by brute force."""
    x = np.column_stack(
        [
            np.ones(len(panel)),
            panel["age"] - 30,
            panel["centre"] == "A",
            panel["centre"] == "C",
            panel["nationality"] == "north",
        ]
    ).astype(float)
    left = np.column_stack([panel["exit"] == name for name in EXITS[:2]]).astype(float)
    possible = np.column_stack([panel["centre"] != "C", np.ones(len(panel), bool)])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        eta = x @ flat.reshape(-1, 2)
        odds = np.where(possible, np.exp(eta), 0.0)
        total = 1 + odds.sum(axis=1)
        slope = x.T @ (odds / total[:, None] - left)
        return float(np.log(total).sum() - (left * eta).sum()), slope.ravel()

    found = optimize.minimize(loss, np.zeros(10), jac=True, method="BFGS", options={"gtol": 1e-7})
    return found.x.reshape(-1, 2)[1][None]


# --- public data with published results ---------------------------------------------------------
def fitted(
    public: Callable[[str], Path], name: str, file: str, terms: tuple[object, ...] | None = None
) -> tuple[Design, BaselineFit]:
    spec = specs.read(name)
    if terms is not None:
        spec = spec.model_copy(update={"term": terms})
    found = fitting.panel_from_table(public(file), spec)
    made = design.build(found.frame, found.histories, spec)
    return made, multinomial_logit.fit(made)


def test_reference_logit_of_first_sex(public: Callable[[str], Path]) -> None:
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
        made, fit = fitted(public, "first_sex", "first_sex", (baseline, *terms))
        for name, figures in expected.items():
            np.testing.assert_allclose(cell(fit, name, name, "first_sex"), figures, atol=1e-4)
        assert -2 * fit.log_likelihood == pytest.approx(deviance, abs=0.0051)  # two printed digits
        value, _ = value_and_gradient(rows(made), fit.estimate)
        assert fit.log_likelihood == pytest.approx(value, rel=1e-12)


def employment(
    public: Callable[[str], Path], lag: int, breaks: tuple[int, ...] | None = None
) -> tuple[float, float]:
    terms = []
    for term in specs.read("rossi_employment").term:
        if isinstance(term, LaggedTerm):
            terms.append(term.model_copy(update={"lags": (lag, lag)}))
        elif term.kind == "baseline" and breaks is not None:
            terms.append(term.model_copy(update={"breaks": breaks}))
        else:
            terms.append(term)
    _, fit = fitted(public, "rossi_employment", "rossi", tuple(terms))
    return cell(fit, "employed_own", lag, "arrest")


@pytest.mark.parametrize("breaks", [None, tuple(range(1, 53))], ids=["quarters", "weeks"])
def test_reference_employment_of_rossi(
    public: Callable[[str], Path], breaks: tuple[int, ...] | None
) -> None:
    """Fox, Cox regression appendix: -0.7869 (0.2181) one week later.

    With a level per week, the weeks without an arrest are separated.
    """
    estimate, error = employment(public, 1, breaks)
    assert estimate == pytest.approx(-0.7869, abs=0.02)
    assert error == pytest.approx(0.2181, abs=0.001)
    assert employment(public, 0, breaks)[0] == pytest.approx(-1.3283, abs=0.02)
    for wrong in (0, 2):  # negative control: the history shifted by a week
        assert abs(employment(public, wrong, breaks)[0] + 0.7869) > 0.02


def test_reference_genotype_of_aidssi(public: Callable[[str], Path]) -> None:
    """R mstate tutorial (Putter, Fiocco and Geskus 2007): Cox models of the two causes."""
    _, fit = fitted(public, "aidssi", "aidssi")
    published = {"AIDS": (-1.2358, 0.3071), "SI": (-0.2542, 0.2380)}
    for exit_, figures in published.items():
        np.testing.assert_allclose(cell(fit, "ccr5", "WM", exit_), figures, atol=0.03)
    swapped = cell(fit, "ccr5", "WM", "SI")[0]  # negative control: two exits swapped
    assert abs(swapped - published["AIDS"][0]) > 0.03


# --- levels where everybody leaves in one way ---------------------------------------------------
# centre  stays  assisted  disappeared
# A           6         2            2     the reference: most rows
# B           1         3            0     one who stays makes it finite
# C           0         3            0     separated
# D           0         1            1     leaves for sure, and nobody knows how
def test_only_a_level_where_all_leave_in_one_way_is_sure_by_hand() -> None:
    counted = {"A": (6, 2, 2), "B": (1, 3, 0), "C": (0, 3, 0), "D": (0, 1, 1)}
    names = ["stay", "assisted", "disappeared"]
    rows = [
        (centre, name)
        for centre, numbers in counted.items()
        for name, n in zip(names, numbers, strict=True)
        for _ in range(n)
    ]
    panel = pd.DataFrame(rows, columns=["centre", "exit"])
    panel = panel.assign(person=range(len(panel)), month=1, entry=0)
    panel["exit"] = pd.Categorical(panel["exit"], names)
    fit = multinomial_logit.fit(design.build(panel, {}, model(CENTRE + POOLED, exits=2)))
    own = dict(zip(fit.terms["level"], fit.estimate.tolist(), strict=True))
    base = np.log(2 / 6)
    assert own["B"] == pytest.approx([np.log(3) - base, -np.inf], abs=1e-9)
    assert own["C"] == [np.inf, -np.inf]
    assert own["D"] == [np.inf, np.inf]
    assert any("separated" in remark and "centre C" in remark for remark in fit.remarks)
    assert not any("separated" in remark and "centre B" in remark for remark in fit.remarks)
