"""The linear probability model and its errors, against other programs and by metamorphosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyfixest
import pytest
import statsmodels.api as sm
from pyfixest.demeaners import MapDemeaner

from hazard import spec as specs
from hazard.baselines import linear_probability, robust, within_person
from hazard.baselines.fit import BaselineFit
from hazard.errors import DesignError
from hazard.model import design, equivalent
from hazard.model.design import Design
from hazard.model.likelihood import rows
from jackknife_refits import jackknife, refit_least_squares
from small_panels import (
    AGE,
    GROUPS,
    HEAD,
    NORMAL,
    REGRESSION,
    SEX,
    TERM,
    VISIT,
    WALK,
    SmallPanel,
    build,
    dense,
    model,
    small_panel,
)

SPEC = model(SEX + NORMAL, AGE + NORMAL, VISIT + WALK, *GROUPS)
COEFFICIENTS = [("sex", "a level"), ("sex", "zz level"), ("age", "age")]
COEFFICIENTS += [("visit_centre", str(lag)) for lag in range(3)]
COLUMNS = ["sex0", "sex1", "age", "lag0", "lag1", "lag2"]
WITHIN = COLUMNS[3:]


def place(fit: BaselineFit, term: str, level: str) -> int:
    at = (fit.terms["term"] == term) & (fit.terms["level"].astype(str) == level)
    [found] = np.flatnonzero(at)
    return int(found)


def many_groups(rng: np.random.Generator) -> SmallPanel:
    """Panel with so many centres and nationalities that errors of two ways exist."""
    small = small_panel(SPEC, rng, persons=300)
    n = len(small.panel)
    panel = small.panel.assign(
        centre=[f"centre {k:02d}" for k in rng.integers(0, 40, n)],
        nationality=[f"nationality {k:02d}" for k in rng.integers(0, 30, n)],
    )
    return SmallPanel(panel, small.histories)


def frame_of(small: SmallPanel, made: Design) -> pd.DataFrame:
    """The rows of a design as columns for a formula."""
    own = small.panel.iloc[made.row]
    frame = own[["age", "centre", "nationality", "person"]].astype({"age": float})
    frame = frame.astype({"centre": str, "nationality": str})
    for k, level in enumerate(["a level", "zz level"]):
        frame[f"sex{k}"] = (own["sex"] == level).astype(float)
    for lag in range(3):
        frame[f"lag{lag}"] = small.histories["visit_centre"].values[made.row, lag].astype(float)
    return frame


def left(made: Design) -> np.ndarray:
    """Indicator of each exit."""
    return (made.outcome[:, None] == np.arange(1, len(made.exits) + 1)).astype(float)


def other_program(frame: pd.DataFrame, formula: str, vcov: object) -> np.ndarray:
    """Estimate and standard error by pyfixest, with its default small-sample factors."""
    names = formula.partition("~")[2].partition("|")[0].replace(" ", "").split("+")
    tight = MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)
    fitted = pyfixest.feols(formula, frame, vcov=vcov, demeaner=tight, fixef_rm="none")
    return np.column_stack([fitted.coef()[names], fitted.se()[names]])


# --- against other programs ---------------------------------------------------------------------
def test_reference_statsmodels(rng: np.random.Generator) -> None:
    spec = model(*REGRESSION, *GROUPS)
    made = build(small_panel(spec, rng, persons=300), spec)
    fit = linear_probability.fit(made)
    x = dense(equivalent.identified(made))
    assert fit.estimate.shape == (x.shape[1], 3)
    assert fit.remarks == ()
    assert (fit.errors, fit.freedom) == ("HC1", np.inf)
    for j in range(3):
        other = sm.OLS((made.outcome == j + 1).astype(float), x).fit(cov_type="HC1")
        np.testing.assert_allclose(fit.estimate[:, j], other.params, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(fit.standard_error[:, j], other.bse, rtol=1e-10)
        usual = sm.OLS((made.outcome == j + 1).astype(float), x).fit()  # negative control
        assert np.abs(fit.standard_error[:, j] / usual.bse - 1).max() > 1e-3


def test_reference_pyfixest(rng: np.random.Generator) -> None:
    """Effects of centres and nationalities absorbed there, dummies here; the same factors."""
    small = many_groups(rng)
    made = build(small, SPEC)
    fit = linear_probability.fit(made)
    frame = frame_of(small, made)
    at = [place(fit, *names) for names in COEFFICIENTS]
    for j in range(3):
        frame["y"] = (made.outcome == j + 1).astype(float)
        formula = f"y ~ {' + '.join(COLUMNS)} | centre + nationality"
        other, usual = (other_program(frame, formula, kind) for kind in ("HC1", "iid"))
        np.testing.assert_allclose(fit.estimate[at, j], other[:, 0], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(fit.standard_error[at, j], other[:, 1], rtol=1e-8)
        # negative control
        assert np.abs(fit.standard_error[at, j] / usual[:, 1] - 1).max() > 1e-3


def test_within_persons_reference_pyfixest(rng: np.random.Generator) -> None:
    """Sex and age do not change within a person; families move between centres.

    The errors are those of refits without each block of persons.
    """
    small = many_groups(rng)
    made = build(small, SPEC)
    panel = small.panel.assign(block=small.panel["person"] % 7)
    person = robust.clusters(made, panel, ["person"])
    errors = robust.clusters(made, panel, ["block"])
    fit = within_person.fit(made, person, clusters=errors)
    frame = frame_of(small, made)
    at = [place(fit, *names) for names in COEFFICIENTS[3:]]
    x, y = (pd.DataFrame(part) for part in (dense(equivalent.identified(made)), left(made)))
    x, y = (part - part.groupby(person.codes[0]).transform("mean") for part in (x, y))
    x = x.where(x.abs() > 1e-12, 0.0)  # what does not change, to the last digit
    without = refit_least_squares(x.to_numpy(), y.to_numpy())
    variance, _ = jackknife(x.to_numpy(), errors.codes, without)
    np.testing.assert_allclose(fit.standard_error[at], np.sqrt(variance[at]), rtol=1e-8)
    for j in range(3):
        frame["y"] = (made.outcome == j + 1).astype(float)
        formula = f"y ~ {' + '.join(WITHIN)} | person + centre + nationality"
        other = other_program(frame, formula, {"CRV1": "person"})
        np.testing.assert_allclose(fit.estimate[at, j], other[:, 0], rtol=1e-8, atol=1e-8)
        between = linear_probability.fit(made)  # negative control: without effects of persons
        assert np.abs(between.estimate[at, j] - other[:, 0]).max() > 1e-3
        assert np.abs(fit.standard_error[at, j] / other[:, 1] - 1).max() > 1e-3
    left_out = "The same in all months of a person, left out: sex a level, sex zz level, age."
    assert fit.remarks[0] == left_out
    assert np.isnan(fit.estimate[[place(fit, *names) for names in COEFFICIENTS[:3]]]).all()


# --- by hand and by metamorphosis ---------------------------------------------------------------
PAIR = HEAD + 'exits = ["left"]\n' + TERM + '"covariate"\ncolumn = "x"\n' + NORMAL


# person  x  left    mean of left: 1/4 where x is 0, 3/4 where it is 1
#   a     0     1    residuals 3/4, -1/4, -1/4, -1/4 and -3/4, 1/4, 1/4, 1/4
#   a     0     0    without a the means are 0 and 1, their difference 1: 1/2 more
#   b     0     0    without b they are 1/2 and 1/2, their difference 0: 1/2 less
#   b     0     0
#   a     1     0
#   a     1     1
#   b     1     1
#   b     1     1
def test_clustered_errors_by_hand() -> None:
    panel = pd.DataFrame({"person": [0, 0, 1, 1, 0, 0, 1, 1], "month": 1})
    panel["x"] = np.repeat([0.0, 1.0], 4)
    panel["exit"] = np.where([1, 0, 0, 0, 0, 1, 1, 1], "left", "stay")
    made = design.build(panel, {}, specs.load(PAIR))
    one, two = linear_probability.fit_each(made, ["rows", robust.clusters(made, panel, ["person"])])
    assert one.estimate[1, 0] == pytest.approx(1 / 2)
    # HC1: (12/16 + 12/16) / 16 * 8 / 6; clusters: 1/2 * (1/4 + 1/4)
    assert one.standard_error[1, 0] == pytest.approx(np.sqrt(1 / 8))
    assert two.standard_error[1, 0] == pytest.approx(1 / 2)
    name = "clustered by person (jackknife; 2.0 effective of 2)"
    assert (two.errors, two.freedom) == (name, 1.0)
    # 0.975 quantile of t with one degree of freedom, a Cauchy distribution: tan(0.475 pi)
    upper = two.table()["upper"][1]
    assert upper == pytest.approx(1 / 2 + np.tan(0.475 * np.pi) / 2)


def test_every_row_three_times_clustered_is_every_row_once(rng: np.random.Generator) -> None:
    small = small_panel(SPEC, rng, persons=200)
    once = build(small, SPEC)
    n, k = len(once.row), once.n_coefficients - 2
    thrice = np.repeat(np.arange(n), 3)
    made = replace(
        once,
        **{name: getattr(once, name)[thrice] for name in ("index", "outcome", "weight", "row")},
    )
    alone, same = (robust.Clusters(("row",), (code,)) for code in (np.arange(n), thrice))
    single, hc1 = linear_probability.fit_each(once, [alone, "rows"])
    copies, blind = linear_probability.fit_each(made, [same, "rows"])
    np.testing.assert_allclose(copies.estimate, single.estimate, atol=1e-10)
    np.testing.assert_allclose(copies.standard_error, single.standard_error, rtol=1e-9)
    shrunk = np.sqrt((n - k) / (3 * n - k))  # negative control: three times the rows
    np.testing.assert_allclose(blind.standard_error, shrunk * hc1.standard_error, rtol=1e-9)


def test_one_way_twice_is_one_way(rng: np.random.Generator) -> None:
    small = many_groups(rng)
    panel = small.panel.assign(again=small.panel["centre"].str.upper())
    made = build(small, SPEC)
    one, two = (robust.clusters(made, panel, by) for by in (["centre"], ["centre", "again"]))
    once, twice = linear_probability.fit_each(made, [one, two])
    np.testing.assert_allclose(twice.standard_error, once.standard_error, rtol=1e-10)


def test_negative_variance_of_two_ways_is_named(rng: np.random.Generator) -> None:
    """With six groups either way some variances are negative: no error, and a remark."""
    small = small_panel(SPEC, rng, persons=300)
    made = build(small, SPEC)
    fit = linear_probability.fit(
        made, errors=robust.clusters(made, small.panel, ["centre", "nationality"])
    )
    groups = fit.terms["term"].isin(["intercept", "centre", "nationality"]).to_numpy()
    assert np.isnan(fit.standard_error[groups]).all()  # known by one cluster only: not negative
    lost = np.isnan(fit.standard_error[~groups]).any(axis=1)
    assert lost.any()
    assert np.isfinite(fit.estimate).all()
    [remark] = fit.remarks
    assert remark.startswith("Variance of two ways of clusters negative, no error: ")
    assert remark.count(",") == min(lost.sum(), 8)


def test_sums_are_those_of_the_dense_matrix(rng: np.random.Generator) -> None:
    small = small_panel(SPEC, rng, persons=50)
    made = equivalent.identified(build(small, SPEC))
    values = rng.normal(size=(len(made.row), 2))
    code = rng.permutation(np.arange(len(made.row)) % 7)
    found = robust.sums(rows(made), values, code).toarray()
    x = dense(made)
    slow = np.zeros((7, x.shape[1], 2))
    for i, group in enumerate(code):
        slow[group] += np.outer(x[i], values[i])
    np.testing.assert_allclose(found, slow.reshape(7, -1), atol=1e-12)


# --- recovery -----------------------------------------------------------------------------------
# 30 centres with 20 rows each; the probability of leaving shifts by -0.2 or +0.2 per centre, and
# the regressor is one of the centre, without effect. The variance of the estimate is then
# (0.25 + 19 * 0.04) / 0.25 = 4 times that of independent rows.
def test_clustered_errors_are_the_spread_of_estimates(rng: np.random.Generator) -> None:
    spec, repeats = specs.load(PAIR), 150
    centre = np.repeat(np.arange(30), 20)
    panel = pd.DataFrame({"person": np.arange(600), "month": 1, "centre": centre})
    estimate, clustered, alone = np.empty((3, repeats))
    for r in range(repeats):
        panel["x"] = (rng.permutation(30) % 2)[centre].astype(float)
        chance = 0.5 + rng.choice([-0.2, 0.2], 30)[centre]
        panel["exit"] = np.where(rng.random(600) < chance, "left", "stay")
        made = design.build(panel, {}, spec)
        kinds = [robust.clusters(made, panel, ["centre"]), "rows"]
        one, two = linear_probability.fit_each(made, kinds)
        estimate[r] = one.estimate[1, 0]
        clustered[r], alone[r] = one.standard_error[1, 0] ** 2, two.standard_error[1, 0] ** 2
    spread = np.mean(estimate**2)  # the truth is 0
    error = 5 * np.sqrt(2 / repeats)  # of the logarithm of a variance, five of its errors
    assert abs(np.log(clustered.mean() / spread)) < error
    assert abs(np.log(alone.mean() / spread)) > error  # negative control


def test_within_persons_takes_the_effect_of_the_person_out(rng: np.random.Generator) -> None:
    """Persons who leave soon are exposed more often: only the comparison within them is 0."""
    spec = specs.load(PAIR.replace('"x"', '"exposed"'))
    person = np.repeat(np.arange(2000), 4)
    hasty = (np.arange(2000) % 2)[person]
    panel = pd.DataFrame({"person": person, "month": 1})
    panel["exposed"] = (rng.random(8000) < 0.2 + 0.5 * hasty).astype(float)
    panel["exit"] = np.where(rng.random(8000) < 0.1 + 0.3 * hasty, "left", "stay")
    made = design.build(panel, {}, spec)
    fit = within_person.fit(made, robust.clusters(made, panel, ["person"]))
    far = np.abs(fit.estimate[1, 0] / fit.standard_error[1, 0])
    assert far < 5
    between = linear_probability.fit(made)  # negative control
    assert np.abs(between.estimate[1, 0] / between.standard_error[1, 0]) > 5


# --- what is no probability, and what is refused ------------------------------------------------
# Two rows at each x = 0, 1, 2, 3. Leaving 0, 1, 1, 2 of them: fitted 0.05, 0.35, 0.65, 0.95.
# Leaving 0, 0, 1, 2 of them: fitted -0.15, 0.2, 0.55, 0.9; and staying 1.15, 0.8, 0.45, 0.1.
def test_share_outside_by_hand() -> None:
    panel = pd.DataFrame({"person": range(8), "month": 1, "x": np.repeat([0.0, 1, 2, 3], 2)})
    shares = {}
    for left in ((0, 0, 0, 1, 0, 1, 1, 1), (0, 0, 0, 0, 0, 1, 1, 1)):
        panel["exit"] = np.where(left, "left", "stay")
        made = design.build(panel, {}, specs.load(PAIR))
        fit = linear_probability.fit(made)
        table = linear_probability.outside(made, fit).set_index("exit")
        shares[round(float(fit.estimate[1, 0]), 9)] = table.T.to_dict()
    inside = {"below": 0.0, "above": 0.0}
    assert shares == {
        0.3: {"stay": inside, "left": inside},
        0.35: {"stay": {"below": 0.0, "above": 0.25}, "left": {"below": 0.25, "above": 0.0}},
    }


def test_clusters_that_cannot_be_are_refused(rng: np.random.Generator) -> None:
    small = small_panel(SPEC, rng, persons=40)
    made = build(small, SPEC)
    with pytest.raises(DesignError, match=r"must be one or two; got \['a', 'b', 'c'\]\. Name"):
        robust.clusters(made, small.panel, ["a", "b", "c"])
    with pytest.raises(DesignError, match="must have the column 'center'"):
        robust.clusters(made, small.panel, ["center"])
    with pytest.raises(DesignError, match="'one' must have two groups or more for clustered"):
        robust.clusters(made, small.panel.assign(one="all"), ["one"])
    few = equivalent.collapsed(replace(made, index=made.index * 0))
    with pytest.raises(DesignError, match="must have one row per person-month, since the rows"):
        robust.clusters(few, small.panel, ["centre"])
