"""Errors of the cluster jackknife, against refits, another program, and their size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyfixest
import pytest
import scipy.special
import statsmodels.api as sm

from hazard import spec as specs
from hazard.baselines import linear_probability, multinomial_logit, robust
from hazard.baselines.fit import BaselineFit
from hazard.model import design, equivalent
from hazard.model.design import Design
from hazard.model.likelihood import information, rows, value_and_gradient
from jackknife_refits import jackknife, refit_least_squares
from small_panels import (
    AGE,
    CENTRE,
    GROUPS,
    HEAD,
    NORMAL,
    POOLED,
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
_ROUNDING = 1e-8


# --- by brute force -----------------------------------------------------------------------------
def indicators(made: Design) -> np.ndarray:
    return (made.outcome[:, None] == np.arange(1, len(made.exits) + 1)).astype(float)


@pytest.mark.parametrize("by", ["centre", "nationality", "block", "block ward"])
def test_least_squares_is_that_of_refits(by: str, rng: np.random.Generator) -> None:
    """Exactly, and the coefficients without an error are those that a refit does not know."""
    small = small_panel(SPEC, rng, persons=120)
    n = len(small.panel)
    panel = small.panel.assign(block=rng.integers(0, 7, n) ** 2 // 6, ward=rng.integers(0, 9, n))
    made = build(small, SPEC)
    groups = robust.clusters(made, panel, by.split())
    fit = linear_probability.fit(made, errors=groups)
    x = dense(equivalent.identified(made))
    variance, known = jackknife(x, groups.codes, refit_least_squares(x, indicators(made)))
    assert known.all() == (by not in ("centre", "nationality"))
    assert known[fit.terms["term"].isin(["sex", "age", "visit_centre"])].all()
    assert np.isnan(fit.standard_error[~known]).all()
    expected = np.sqrt(np.where(variance >= 0, variance, np.nan))[known]
    np.testing.assert_allclose(fit.standard_error[known], expected, rtol=_ROUNDING, equal_nan=True)
    assert np.isfinite(expected).all() or by == "block ward"
    negative = "Variance of two ways of clusters negative, no error"
    assert [text.partition(":")[0] for text in fit.remarks] == [negative] * (by == "block ward")
    alone = linear_probability.fit(made).standard_error[known]  # negative control
    assert np.nanmax(np.abs(alone / expected - 1)) > 1e-3


@pytest.mark.parametrize("by", ["block", "person"])
def test_reference_pyfixest(by: str, rng: np.random.Generator) -> None:
    spec = model(SEX + NORMAL, AGE + NORMAL, exits=2)
    small = small_panel(spec, rng, persons=60)
    panel = small.panel.assign(block=rng.integers(0, 5, len(small.panel)))
    made = build(SmallPanel(panel, {}), spec)
    groups = robust.clusters(made, panel, [by])
    fit = linear_probability.fit(made, errors=groups)
    names = ["age", "sex0", "sex1"]
    frame = pd.DataFrame(dense(equivalent.identified(made))[:, 1:])
    labels = fit.terms["term"].tolist()[1:]
    frame.columns = ["age" if term == "age" else f"sex{k}" for k, term in enumerate(labels)]
    frame = frame.assign(g=groups.codes[0].astype(str))
    n_groups = int(groups.codes[0].max()) + 1
    plain = pyfixest.ssc(k_adj=False, G_adj=False)
    for j in range(2):
        frame["y"] = indicators(made)[:, j]
        found = [
            pyfixest.feols(f"y ~ {' + '.join(names)}", frame, vcov={kind: "g"}, ssc=plain).se()
            for kind in ("CRV3", "CRV1")
        ]
        jack, sandwich = (se[list(frame.columns[:3])].to_numpy() for se in found)
        factor = np.sqrt((n_groups - 1) / n_groups)
        np.testing.assert_allclose(fit.standard_error[1:, j], factor * jack, rtol=_ROUNDING)
        assert np.abs(sandwich / jack - 1).max() > 1e-2  # negative control


# --- the likelihood -----------------------------------------------------------------------------
class Likelihood:
    """Score and information of statsmodels in any rows, at any coefficients."""

    def __init__(self, made: Design) -> None:
        self.x, self.y = dense(equivalent.identified(made)), made.outcome.astype(np.int64)
        self.n_exits = len(made.exits)

    def step(self, flat: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Newton step of some rows, of the smallest size where several are."""
        part = sm.MNLogit(self.y[kept], self.x[kept])
        information = -part.hessian(flat)
        return np.asarray(np.linalg.pinv(information, 1e-11, hermitian=True) @ part.score(flat))

    def by_exit(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(self.n_exits, -1).T


def logit_setting(
    rng: np.random.Generator, by: str
) -> tuple[Likelihood, robust.Clusters, BaselineFit]:
    spec = model(SEX + NORMAL, VISIT + WALK, CENTRE + POOLED, exits=2)
    small = small_panel(spec, rng, persons=400)
    panel = small.panel.assign(block=rng.integers(0, 7, len(small.panel)) ** 2 // 6)
    made = build(small, spec)
    groups = robust.clusters(made, panel, [by])
    return Likelihood(made), groups, multinomial_logit.fit(made, errors=groups)


@pytest.mark.parametrize("by", ["centre", "block"])
def test_likelihood_is_one_newton_step(by: str, rng: np.random.Generator) -> None:
    likelihood, groups, fit = logit_setting(rng, by)
    best = fit.estimate.ravel(order="F")
    variance, known = jackknife(
        likelihood.x,
        groups.codes,
        lambda kept: likelihood.by_exit(likelihood.step(best, kept)),
    )
    assert known.all() == (by == "block")
    np.testing.assert_array_equal(np.isnan(fit.standard_error).all(axis=1), ~known)
    expected = np.sqrt(variance[known])
    np.testing.assert_allclose(fit.standard_error[known], expected, rtol=1e-6)
    assert (fit.errors, fit.freedom) == (groups.jackknife_name, groups.n_groups - 1)


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_separated_and_other_link_are_one_newton_step(link: str, rng: np.random.Generator) -> None:
    """Nobody leaves one of the centres through the first exit: its coefficient is infinite."""
    spec = model(SEX + NORMAL, VISIT + WALK, CENTRE + POOLED, exits=2, link=link)
    small = small_panel(spec, rng, persons=300)
    panel = small.panel.assign(block=rng.integers(0, 7, len(small.panel)) ** 2 // 6)
    lacking = (panel["centre"] == "centre 2") & (panel["exit"] == "assisted")
    panel.loc[lacking, "exit"] = "stay"
    made = build(SmallPanel(panel, small.histories), spec)
    groups = robust.clusters(made, panel, ["block"])
    fit, plain = multinomial_logit.fit_each(made, [groups, "rows"])
    data, beta = rows(equivalent.identified(made)), fit.centre()
    free = np.isfinite(fit.estimate)
    assert (~free).sum() == 1

    def step(kept: np.ndarray) -> np.ndarray:
        parts = {name: getattr(data, name)[kept] for name in ("index", "outcome", "weight")}
        part, size = replace(data, **parts), beta.size
        whole = information(part, beta).reshape(size, size)[np.ix_(free.ravel(), free.ravel())]
        moved = np.zeros(beta.shape)
        moved[free] = np.linalg.solve(whole, value_and_gradient(part, beta)[1][free])
        return moved

    x = dense(equivalent.identified(made))
    variance, known = jackknife(x, groups.codes, step)
    assert known.all()
    np.testing.assert_allclose(
        fit.standard_error[free], np.sqrt(variance[free]), rtol=1e-6, equal_nan=False
    )
    apart = plain.standard_error[free] / fit.standard_error[free]  # negative control
    assert np.abs(apart - 1).max() > 1e-2


def test_likelihood_is_near_that_of_refits(rng: np.random.Generator) -> None:
    """The errors are the lengths of vectors, one element per refit.

    They differ by no more than the length of the difference: what is left after one Newton step.
    Steps are at least halved from one to the next, so this is at most twice the second step.
    """
    likelihood, groups, fit = logit_setting(rng, "block")
    best, [code] = fit.estimate.ravel(order="F"), groups.codes
    refits, seconds, sandwich = [], [], []
    information = -sm.MNLogit(likelihood.y, likelihood.x).hessian(best)
    for group in np.unique(code):
        kept = code != group
        steps, at = [], best.copy()
        for _ in range(8):
            steps.append(likelihood.step(at, kept))
            at = at + steps[-1]
        sizes = [np.abs(step).max() for step in steps[:4]]
        assert (np.diff(np.log(sizes)) < np.log(0.5)).all()
        refits.append(at - best)
        seconds.append(2 * steps[1])
        left = sm.MNLogit(likelihood.y, likelihood.x).score_obs(best)[~kept]
        sandwich.append(-np.linalg.solve(information, left.sum(axis=0)))
    factor = np.sqrt((len(refits) - 1) / len(refits))
    true, tolerance, wrong = (
        factor * likelihood.by_exit(np.sqrt((np.stack(part) ** 2).sum(axis=0)))
        for part in (refits, seconds, sandwich)
    )
    assert (np.abs(fit.standard_error - true) <= tolerance).all()
    assert (np.abs(wrong - true) > tolerance).any()  # negative control: the score, not left out


# --- metamorphosis ------------------------------------------------------------------------------
def test_unit_and_names_do_not_matter(rng: np.random.Generator) -> None:
    small = small_panel(SPEC, rng, persons=100)
    other = small.panel.assign(
        age=small.panel["age"] * 3.2e7,
        nationality=small.panel["nationality"].cat.rename_categories(lambda n: f"of {n}"),
    )
    fits = []
    for panel in (small.panel, other):
        made = build(SmallPanel(panel, small.histories), SPEC)
        groups = robust.clusters(made, panel, ["nationality"])
        fits.append([f.fit(made, errors=groups) for f in (linear_probability, multinomial_logit)])
    for before, after in zip(*fits, strict=True):
        scale = np.where(before.terms["term"] == "age", 3.2e7, 1.0)[:, None]
        np.testing.assert_allclose(
            after.standard_error * scale, before.standard_error, rtol=1e-5, equal_nan=True
        )


# sex "zz level" occurs in the first cluster only: the reported coefficient has no error
def test_reported_coefficient_of_one_cluster_is_named(rng: np.random.Generator) -> None:
    spec = model(SEX + NORMAL, AGE + NORMAL)
    small = small_panel(spec, rng, persons=100)
    panel = small.panel.assign(
        block=np.where(small.panel["sex"] == "zz level", 0, 1 + np.arange(len(small.panel)) % 6)
    )
    made = build(SmallPanel(panel, {}), spec)
    groups = robust.clusters(made, panel, ["block"])
    expected = "Not estimable without one of the clusters, no error: sex zz level."
    for estimator in (linear_probability, multinomial_logit):
        fit = estimator.fit(made, errors=groups)
        assert fit.remarks == (expected,)
        lost = np.isnan(fit.standard_error)
        assert fit.terms["level"][lost.all(axis=1)].tolist() == ["zz level"]
        assert lost.sum() == 3
        assert np.isfinite(fit.estimate).all()


# --- size ---------------------------------------------------------------------------------------
PAIR = HEAD + 'exits = ["left"]\n' + TERM + '"covariate"\ncolumn = "x"\n' + NORMAL
SIZES = np.array([200, *[10] * 20])


def sandwich_error(made: Design, code: np.ndarray, estimate: np.ndarray) -> float:
    """CV1 of the slope, with the factor of Stata's regress."""
    x, n = dense(equivalent.identified(made)), len(code)
    scores = x * (indicators(made)[:, 0] - x @ estimate)[:, None]
    summed = np.stack([np.bincount(code, column) for column in scores.T], axis=1)
    bread = np.linalg.inv(x.T @ x)
    factor = (n - 1) / (n - 2) * len(summed) / (len(summed) - 1)
    return float(np.sqrt(factor * (bread @ summed.T @ summed @ bread)[1, 1]))


def test_size_with_few_unequal_clusters(rng: np.random.Generator) -> None:
    """One cluster has half of the rows, and twenty the others: 3.8 effective of 21.

    The regressor is that of a random half of the clusters, which have shocks of their own, and has
    no effect.
    """
    repeats, spec = 150, specs.load(PAIR)
    code = np.repeat(np.arange(len(SIZES)), SIZES)
    panel = pd.DataFrame({"person": np.arange(len(code)), "month": 1, "cluster": code})
    t = np.empty((repeats, 3))
    for r in range(repeats):
        panel["x"] = (rng.permutation(len(SIZES)) % 2)[code].astype(float)
        chance = 0.5 + rng.uniform(-0.3, 0.3, len(SIZES))[code]
        panel["exit"] = np.where(rng.random(len(code)) < chance, "left", "stay")
        made = design.build(panel, {}, spec)
        groups = robust.clusters(made, panel, ["cluster"])
        fit = linear_probability.fit(made, errors=groups)
        logit = multinomial_logit.fit(made, errors=groups)
        slope = fit.estimate[1, 0]
        t[r, 0] = slope / fit.standard_error[1, 0]
        t[r, 1] = logit.estimate[1, 0] / logit.standard_error[1, 0]
        t[r, 2] = slope / sandwich_error(made, code, fit.estimate[:, 0])
    critical = scipy.special.stdtrit(len(SIZES) - 1, 0.975)
    straight, logit_share, sandwich = (np.abs(t) > critical).mean(axis=0)
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)
    assert straight <= allowed
    assert logit_share <= allowed
    assert sandwich > allowed  # negative control
