"""Scores against posteriors on a grid, where leaving out needs no approximation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numba
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import logsumexp

from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError, EstimandError
from hazard.estimands import incidence
from hazard.fitting import Fit, Panel
from hazard.model import design
from hazard.model.design import Design
from hazard.model.links import hazard
from hazard.spec import ModelSpec
from hazard.spec.links import LinkName
from hazard.studies import scores
from hazard.studies.scores import leave_out, marginal, psis, records
from hazard.studies.scores.records import Score, ScorePlan
from small_panels import (
    CENTRE,
    CORRELATED,
    NATIONALITY,
    NORMAL,
    POOLED,
    VISIT,
    dense,
    every_kind,
    model,
    small_panel,
)

# Units are compared many at a time: 5 standard errors are passed by one number in two million.
FAR = 5.0
SD = 0.7
PERSONS = model(exits=1)
CENTRES = model(CENTRE + NORMAL.replace("1.0", str(SD)), exits=1)
ALPHA = np.linspace(-6.0, 3.0, 450)
U = np.linspace(-4.0, 4.0, 200)
CUTS = [432, 438, 444]


# --- a posterior on a grid ----------------------------------------------------------------------
def small(rng: np.random.Generator, *, persons: int = 60) -> pd.DataFrame:
    """Persons of six centres, of which the last has nobody before the second cut."""
    length = rng.integers(1, 8, persons)
    person = np.repeat(np.arange(persons), length)
    month = np.concatenate([np.arange(1, n + 1) for n in length])
    start = rng.integers(420, 442, persons)
    centre = np.where(start >= CUTS[0], rng.integers(0, 6, persons), rng.integers(0, 5, persons))
    effect = np.array([-1.2, -0.6, 0.0, 0.4, 0.9, 0.7])
    left = (month == length[person]) & (
        rng.random(len(person)) < 1 / (1 + np.exp(0.4 - effect[centre[person]]))
    )
    return pd.DataFrame(
        {
            "person": person,
            "month": month,
            "entry": 0,
            "calendar": start[person] + month,
            "centre": pd.Categorical(np.char.add("centre ", centre[person].astype(str))),
            "exit": np.where(left, "assisted", "stay"),
        }
    )


@dataclass(frozen=True)
class Exact:
    """Densities on a grid of the intercept; the effects of centres are integrated over ``U``."""

    made: Design
    rows: pd.DataFrame
    sd: float

    def given(self, keep: FloatArray) -> FloatArray:
        """Log density of some rows, shape (alpha, u), each row with the same effect u."""
        eta = ALPHA[:, None] + (U if self.sd else np.zeros(1))
        left = self.made.outcome[keep] == 1
        return left.sum() * eta - len(left) * np.logaddexp(0.0, eta)

    def prior_u(self) -> FloatArray:
        density = -0.5 * (U / self.sd) ** 2 if self.sd else np.zeros(1)
        return density - logsumexp(density)

    def log_density(self, keep: FloatArray) -> FloatArray:
        """Log density of rows given the intercept, effects of centres integrated out."""
        if not self.sd:
            return self.given(np.flatnonzero(keep))[:, 0]
        centre = self.rows["centre"].to_numpy().astype(str)
        parts = [
            logsumexp(self.given(np.flatnonzero(keep & (centre == one))) + self.prior_u(), axis=1)
            for one in np.unique(centre[keep])
        ]
        return np.sum([np.zeros(len(ALPHA)), *parts], axis=0)

    def posterior(self, keep: FloatArray) -> FloatArray:
        """Log weights of the grid of intercepts given some rows."""
        prior = -0.5 * ((ALPHA + 4.0) / 2.5) ** 2
        height = prior + self.log_density(keep)
        return height - logsumexp(height)

    def predicted(self, what: FloatArray, given: FloatArray) -> float:
        """Log probability of some rows given others."""
        together = self.posterior_height(what | given) - self.posterior_height(given)
        return float(together)

    def posterior_height(self, keep: FloatArray) -> float:
        prior = -0.5 * ((ALPHA + 4.0) / 2.5) ** 2
        return float(logsumexp(prior + self.log_density(keep)))

    def draws(self, keep: FloatArray, n: int, seed: int) -> xr.Dataset:
        """Independent draws of intercept and effects, as one posterior of two chains."""
        rng = np.random.default_rng(seed)
        at = rng.choice(len(ALPHA), size=n, p=np.exp(self.posterior(keep)))
        found = {"intercept": (("chain", "draw", "exit"), ALPHA[at].reshape(2, -1, 1))}
        if self.sd:
            levels = self.made.blocks[1].levels
            centre = self.rows["centre"].to_numpy().astype(str)
            effects = np.empty((n, len(levels)))
            for k, one in enumerate(levels):
                height = self.given(np.flatnonzero(keep & (centre == one))) + self.prior_u()
                chance = np.exp(height - logsumexp(height, axis=1, keepdims=True)).cumsum(axis=1)
                effects[:, k] = U[
                    (rng.random(n)[:, None] > chance[at]).sum(axis=1).clip(max=len(U) - 1)
                ]
            dims = ("chain", "draw", "centre_level", "exit")
            found["u_centre"] = (dims, effects.reshape(2, -1, len(levels), 1))
        return xr.Dataset(found)


def exact(spec: ModelSpec, panel: pd.DataFrame) -> Exact:
    return Exact(design.build(panel, {}, spec), panel, 0.0 if spec is PERSONS else SD)


def fit_of(
    made: Design, panel: pd.DataFrame, spec: ModelSpec, posterior: xr.Dataset, *, engine: str
) -> Fit:
    groups = {
        "posterior": posterior,
        **({"sample_stats": xr.Dataset()} if engine == "nuts" else {}),
    }
    rows = Panel(panel, {}, pd.DataFrame(), "table")
    return Fit(spec, xr.DataTree.from_dict(groups), name=spec.name, rows=rows, built=made)


def with_rows(run: Fit, rows: pd.DataFrame) -> Fit:
    """The fit with other rows, all of which are in the design."""
    return replace(run, rows=replace(run.panel, frame=rows))


def run_of(it: Exact, spec: ModelSpec, *, n: int = 2000) -> Fit:
    posterior = it.draws(np.ones(len(it.rows), dtype=bool), n, 1)
    return fit_of(it.made, it.rows, spec, posterior, engine="nuts")


def refits_on_the_grid(it: Exact) -> Callable[[Design, int, int], xr.Dataset]:
    """The posterior of some rows of the design, in place of the approximate engine."""

    def approximate(some: Design, n: int, seed: int) -> xr.Dataset:
        keep = np.isin(it.made.row, some.row)
        return it.draws(keep, n, seed)

    return approximate


def left_out_exactly(it: Exact, by: str) -> FloatArray:
    column = it.rows[by].to_numpy()
    found = []
    for one in sorted(set(column)):
        own = column == one
        found.append(it.predicted(own, ~own))
    return np.array(found)


def distance(found: Score, expected: FloatArray) -> float:
    """Largest distance of a unit, and of the sum, in Monte Carlo standard errors."""
    apart = np.abs(found.units["elpd"] - expected) / found.units["mcse"]
    return max(float(apart.max()), abs(found.units["elpd"].sum() - expected.sum()) / found.mcse)


PLAN = ScorePlan(draws=2000)


def test_persons_equal_exact_leave_one_out(rng: np.random.Generator) -> None:
    it = exact(PERSONS, small(rng))
    found = scores.leave_one_out(run_of(it, PERSONS), plan=PLAN)
    expected = left_out_exactly(it, "person")
    assert (found.units["how"] == "psis").all()
    assert found.units["unit"].tolist() == sorted(set(it.rows["person"]))
    assert found.units["rows"].sum() == len(it.rows)
    assert distance(found, expected) < FAR
    inside = found.units["elpd"] + found.units["p_loo"]  # negative control: nobody left out
    assert distance(replace(found, units=found.units.assign(elpd=inside)), expected) > FAR
    assert 0.5 < found.units["p_loo"].sum() < 2.0  # one parameter


def test_centres_equal_exact_leave_one_out(rng: np.random.Generator) -> None:
    it = exact(CENTRES, small(rng))
    run = run_of(it, CENTRES)
    found = scores.leave_one_out(run, "centre", plan=PLAN)
    expected = left_out_exactly(it, "centre")
    assert found.facts["integrated over"] == "centre"
    assert found.facts["largest integration error"] < 0.1 * found.units["mcse"].min()
    assert (found.units["how"] == "psis").all()
    assert distance(found, expected) < FAR
    intercept, centre = run.design.blocks  # negative control: another distribution of centres
    wide = replace(centre, prior=centre.prior.model_copy(update={"scale": 2 * SD}))
    wrong = replace(run, built=replace(run.design, blocks=(intercept, wide)))
    assert distance(scores.leave_one_out(wrong, "centre", plan=PLAN), expected) > FAR


def test_effects_of_the_centre_are_no_weights(rng: np.random.Generator) -> None:
    """Without integration the draws cannot be reweighted to forget a centre."""
    it = exact(CENTRES, small(rng, persons=200))
    run = run_of(it, CENTRES)
    beta = incidence.coefficients(run.draws, it.made)
    own = scores.units(it.rows["centre"])
    plain = psis.psis_loo(scores.log_likelihood(beta, it.made, own))
    found = scores.leave_one_out(run, "centre", plan=PLAN)
    assert plain.k_hat.max() > found.units["k_hat"].max() + 0.3


@pytest.mark.parametrize(("spec", "by"), [(PERSONS, "person"), (CENTRES, "centre")])
def test_refits_equal_exact_leave_one_out(
    spec: ModelSpec, by: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = exact(spec, small(rng, persons=25))
    monkeypatch.setattr(records, "approximate", refits_on_the_grid(it))
    monkeypatch.setattr(psis, "threshold", lambda n: -np.inf)
    expected = left_out_exactly(it, by)
    found = scores.leave_one_out(run_of(it, spec), by, plan=ScorePlan(1000, most_refits=1000))
    assert found.units["how"].isin(records.REFITTED).all()
    assert found.engine == "nuts, refits laplace"
    assert distance(found, expected) < FAR
    keeps = refits_on_the_grid(it)  # negative control: the unit stays among the rows
    monkeypatch.setattr(records, "approximate", lambda some, n, seed: keeps(it.made, n, seed))
    wrong = scores.leave_one_out(run_of(it, spec), by, plan=ScorePlan(1000, most_refits=1000))
    assert distance(wrong, expected) > FAR


def test_refits_are_limited_and_counted(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = exact(PERSONS, small(rng, persons=20))
    monkeypatch.setattr(psis, "threshold", lambda n: -np.inf)
    calls: list[int] = []

    def approximate(some: Design, n: int, seed: int) -> xr.Dataset:
        calls.append(len(some.row))
        if len(calls) == 2:
            raise ConvergenceError("Newton steps must settle.")
        return refits_on_the_grid(it)(some, n, seed)

    monkeypatch.setattr(records, "approximate", approximate)
    found = scores.leave_one_out(run_of(it, PERSONS), plan=ScorePlan(400, most_refits=3))
    monkeypatch.setattr(psis, "threshold", lambda n: -np.inf)
    before = scores.leave_one_out(run_of(it, PERSONS), plan=ScorePlan(400, most_refits=0)).units
    how = found.units["how"][before["p_loo"].sort_values(ascending=False, kind="stable").index]
    assert how.tolist()[1] == "refit failed"
    assert {how.iloc[0], how.iloc[2]} <= {"refit", "refit, too few draws"}
    assert set(how[3:]) == {"not refitted"}
    units = found.units.replace({"how": {"refit, too few draws": "refit"}})
    [row] = scores.table([replace(found, units=units)]).to_dict("records")
    assert (row["n_high"], row["n_refitted"], row["n_not_refitted"]) == (20, 2, 18)
    [row] = scores.table([found]).to_dict("records")  # no draws are enough for this threshold
    assert (row["n_high"], row["n_refitted"], row["n_not_refitted"]) == (20, 2, 20)
    assert "nuts, refits laplace" in row["engine"]


def test_refits_of_large_units_need_more_draws(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = np.repeat([0, 1, 2, 3], [1, 1, 1, 400])
    panel = pd.DataFrame({"person": person, "month": np.arange(len(person)), "exit": "stay"})
    panel["exit"] = np.where(rng.random(len(person)) < 0.3, "assisted", "stay")
    it = exact(PERSONS, panel)
    monkeypatch.setattr(records, "approximate", refits_on_the_grid(it))
    task = leave_out._Task(run_of(it, PERSONS), scores.units(person), "person", ScorePlan(1000))
    k_hat = [leave_out._refit(task, unit)[2] for unit in range(4)]
    assert max(k_hat[:3]) < psis.threshold(1000) < k_hat[3]


def test_engines_are_compared_on_units_with_good_weights(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = exact(PERSONS, small(rng, persons=40))
    run = run_of(it, PERSONS)
    khat = scores.leave_one_out(run, plan=PLAN).units["k_hat"]
    limit = float(np.unique(khat)[-3:-1].mean())  # the same months and exit have the same k-hat
    monkeypatch.setattr(psis, "threshold", lambda n: limit)
    shift = 0.5
    grid = refits_on_the_grid(it)
    for moved, lowest, highest in ((0.0, 0.0, 0.05), (shift, 0.05, 2.0)):

        def approximate(some: Design, n: int, seed: int, moved: float = moved) -> xr.Dataset:
            return grid(some, n, seed).map(lambda values: values + moved)

        monkeypatch.setattr(records, "approximate", approximate)
        apart = scores.leave_one_out(run, plan=PLAN).facts["engines apart"]
        assert 5 <= apart["units"] < 40  # k-hats differ from one set of draws to the next
        assert lowest <= apart["largest difference"] < highest


# --- the future -----------------------------------------------------------------------------------
def future_exactly(it: Exact, number: int, *, seen: int = 0) -> FloatArray:
    """Log density of each person in a block; ``seen`` of the blocks more is among the data."""
    calendar = it.rows["calendar"].to_numpy()
    block = (calendar >= CUTS[number]) & (calendar < CUTS[number + 1])
    past = calendar < CUTS[number + seen]
    found = []
    for person in np.unique(it.rows["person"][block]):
        own = block & (it.rows["person"] == person).to_numpy()
        if seen:
            inside = it.posterior(past) + it.log_density(own)
            found.append(float(logsumexp(inside)))
        else:
            found.append(_with_effects_of_the_past(it, own, past))
    return np.array(found)


def _with_effects_of_the_past(it: Exact, own: FloatArray, past: FloatArray) -> float:
    return it.posterior_height(own | past) - it.posterior_height(past)


@pytest.mark.parametrize("spec", [PERSONS, CENTRES])
@pytest.mark.parametrize("limit", [-np.inf, np.inf])
def test_future_equals_exact_prediction(
    spec: ModelSpec, limit: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = exact(spec, small(rng, persons=120))
    monkeypatch.setattr(records, "approximate", refits_on_the_grid(it))
    monkeypatch.setattr(psis, "threshold", lambda n: limit)
    n = 6000 if limit == np.inf else 2000
    found = scores.leave_future_out(run_of(it, spec), CUTS, plan=ScorePlan(n))
    how = found.units.groupby("block")["how"].unique().map(list).tolist()
    assert how == [["refit"], ["refit" if limit < 0 else "psis"]]
    for number, (_, rows) in enumerate(found.units.groupby("block")):
        expected = future_exactly(it, number)
        apart = np.abs(rows["elpd"] - expected) / rows["mcse"]
        assert float(apart.max()) < FAR
        total = abs(rows["elpd"].sum() - expected.sum())
        assert total < FAR * found.block_mcse[str(rows["block"].iloc[0])]
    if spec is PERSONS:  # negative control: the block is among the data
        wrong = future_exactly(it, 0, seen=1)
        own = found.units[found.units["block"] == "2006-01"]["elpd"]
        assert abs(own.sum() - wrong.sum()) > FAR * found.block_mcse["2006-01"]


def test_future_limits_refits(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    it = exact(PERSONS, small(rng))
    monkeypatch.setattr(records, "approximate", refits_on_the_grid(it))
    monkeypatch.setattr(psis, "threshold", lambda n: -np.inf)
    at = [430, 434, 438, 442]
    found = scores.leave_future_out(run_of(it, PERSONS), at, plan=ScorePlan(400, most_refits=1))
    assert found.units["how"].drop_duplicates().tolist() == ["refit", "not refitted"]
    assert found.facts["fits"] == 2
    rows = scores.table([found])
    assert rows["block"].tolist() == [None, "2005-11", "2006-03", "2006-07"]
    assert rows["n_not_refitted"].tolist()[1:3] == [0, 0]
    assert rows["n_not_refitted"].iloc[3] == rows["n_units"].iloc[3]
    parts, whole = rows["estimate"].iloc[1:].sum(), rows["estimate"].iloc[0]
    assert parts == pytest.approx(whole, rel=1e-12)


def test_future_of_the_model_file_by_the_approximate_engine(rng: np.random.Generator) -> None:
    it = exact(CENTRES, small(rng, persons=120))
    run = run_of(it, CENTRES)
    one, two = (scores.leave_future_out(run, CUTS, plan=ScorePlan(500)) for _ in range(2))
    pd.testing.assert_frame_equal(one.units, two.units)
    assert one.engine == "laplace"
    other = scores.leave_future_out(run, CUTS, plan=ScorePlan(500, seed=1))
    assert not other.units["elpd"].equals(one.units["elpd"])


def test_future_is_refused_where_it_cannot_be_scored(rng: np.random.Generator) -> None:
    run = run_of(exact(PERSONS, small(rng)), PERSONS)
    leads = model(VISIT.replace("[0, 2]", "[-1, 1]") + NORMAL, exits=1)
    with pytest.raises(
        EstimandError,
        match=r"^score of the future must be of a model without leads; got leads in "
        r"\['visit_centre'\], whose exposures lie in the months that are to be predicted\. Leave "
        r"them out\.$",
    ):
        scores.leave_future_out(replace(run, spec=leads), CUTS)
    with pytest.raises(EstimandError, match=r"^score of the future must have the column 'cal"):
        scores.leave_future_out(with_rows(run, run.design_rows.drop(columns="calendar")), CUTS)
    sentence = r"^cuts must be two months or more that ascend; got \['2006-07', '2006-01'\]\.$"
    with pytest.raises(EstimandError, match=sentence):
        scores.leave_future_out(run, [438, 432])
    with pytest.raises(EstimandError, match=r"got none in the blocks from \['2010-01'\]\. Move"):
        scores.leave_future_out(run, [432, 480, 481])
    with pytest.raises(EstimandError, match=r"got none before the first cut\. Move the cuts\.$"):
        scores.leave_future_out(run, [400, 480])
    with pytest.raises(EstimandError, match=r"^score of the future must have a January with half"):
        scores.cuts([420, 425, 426, 431])


# --- log-likelihoods ------------------------------------------------------------------------------
def drawn(
    made: Design, rng: np.random.Generator, n: tuple[int, int] = (2, 3)
) -> tuple[xr.DataArray, xr.Dataset]:
    """Random coefficients, as a posterior too, with random covariances of ``nationality``."""
    n_exits, exits = len(made.exits), list(made.exits)
    beta = rng.normal(0, 0.5, (*n, made.n_coefficients, n_exits))
    beta[..., 0, :] -= 2
    named = xr.DataArray(beta, {"exit": exits}, ("chain", "draw", "coefficient", "exit"))
    found = {"intercept": named.isel(coefficient=0)}
    for block in made.blocks[1:]:
        part = named.isel(coefficient=made.span(block.name))
        found[block.variable] = part.rename(coefficient=f"{block.name}_level")
    root = rng.normal(size=(*n, n_exits, n_exits + 2))
    covariance = root @ np.swapaxes(root, -1, -2) / n_exits
    sd = np.sqrt(np.einsum("cdaa->cda", covariance))
    dims = ("chain", "draw", "exit", "other_exit")
    found["sigma_nationality"] = xr.DataArray(sd, {"exit": exits}, dims[:3])
    found["correlation_nationality"] = xr.DataArray(
        covariance / sd[..., :, None] / sd[..., None, :], {"exit": exits}, dims
    )
    return named, xr.Dataset(found)


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_log_likelihood_equals_a_loop_over_rows(link: LinkName, rng: np.random.Generator) -> None:
    spec = every_kind(exits=3, link=link)
    panel = small_panel(spec, rng)
    made = design.build(panel.panel, panel.histories, spec)
    made = replace(made, weight=rng.integers(1, 4, len(made.row)).astype(float))
    beta, _ = drawn(made, rng)
    person = panel.panel["person"].to_numpy()[made.row]
    own = scores.units(person)
    found = scores.log_likelihood(beta, made, own)
    assert found.dims == ("chain", "draw", "unit")
    for chain, draw in ((0, 0), (1, 2)):
        eta = dense(made) @ beta.values[chain, draw]
        h = hazard(xr.DataArray(eta, dims=("row", "exit")), link).values
        chance = np.column_stack([1 - h.sum(axis=1), h])
        by_row = made.weight * np.log(chance[np.arange(len(h)), made.outcome])
        slow = [by_row[person == one].sum() for one in own.labels]
        np.testing.assert_allclose(found.values[chain, draw], slow, rtol=1e-10)
    some = own.chosen([5, 2])
    again = scores.log_likelihood(beta, made, some)
    np.testing.assert_array_equal(again.values, found.values[:, :, [5, 2]])
    assert again["unit"].values.tolist() == own.labels[[5, 2]].tolist()
    shifted = scores.units(np.roll(person, 1))  # negative control: rows of somebody else
    assert not np.allclose(scores.log_likelihood(beta, made, shifted), found)


def nationalities(
    link: LinkName, rng: np.random.Generator, *, exits: int = 2
) -> tuple[Design, scores.Units]:
    spec = model(CENTRE + POOLED, NATIONALITY + CORRELATED, exits=exits, link=link)
    panel = small_panel(spec, rng, persons=40)
    made = design.build(panel.panel, {}, spec)
    return made, scores.units(panel.panel["nationality"].astype(str))


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_marginal_likelihood_equals_a_fine_grid(link: LinkName, rng: np.random.Generator) -> None:
    made, own = nationalities(link, rng)
    beta, posterior = drawn(made, rng)
    found = marginal.marginal_log_likelihood(
        beta, made, posterior=posterior, grouping=own, by="nationality"
    )
    error = marginal.integration_error(
        beta, made, posterior=posterior, grouping=own, by="nationality"
    )
    span = made.span("nationality")
    x = dense(made)
    x[:, span] = 0.0
    grid = np.linspace(-9.0, 9.0, 181)
    z = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = -0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi) + 2 * np.log(grid[1] - grid[0])
    chain, draw = 0, 1
    sd = posterior["sigma_nationality"].values[chain, draw]
    r = posterior["correlation_nationality"].values[chain, draw]
    apart = {}
    for sign in (1, -1):  # the second is a negative control: correlated the other way
        covariance = np.outer(sd, sd) * np.where(np.eye(2, dtype=bool), 1.0, sign * r)
        u = z @ np.linalg.cholesky(covariance).T
        slow = []
        for unit in range(len(own)):
            rows = own.rows_of(unit)
            eta = (x[rows] @ beta.values[chain, draw])[:, None] + u
            h = hazard(xr.DataArray(eta, dims=("row", "u", "exit")), link).values
            chance = np.concatenate([1 - h.sum(axis=2, keepdims=True), h], axis=2)
            chosen = chance[np.arange(len(rows)), :, made.outcome[rows]]
            slow.append(logsumexp(np.log(np.maximum(chosen, 1e-300)).sum(axis=0) + weight))
        apart[sign] = np.abs(found.values[chain, draw] - slow).max()
    # twice the nodes leave at most a third of the error: the change is two thirds of it at least
    assert apart[1] < 1.5 * error + 1e-6 < 0.05
    assert apart[-1] > 2 * (1.5 * error + 1e-6)


def test_marginal_likelihood_of_units_far_from_the_others(rng: np.random.Generator) -> None:
    """Where everybody leaves, or nobody does, plain Newton steps jump to and fro."""
    spec = model(NATIONALITY + POOLED, exits=1)
    panel = pd.DataFrame(
        {
            "person": np.arange(120),
            "nationality": np.repeat(["all leave", "some leave", "all stay"], 40),
            "exit": np.repeat(["assisted", "stay", "stay"], 40),
        }
    )
    panel.loc[40:42, "exit"] = "assisted"
    made, own = design.build(panel, {}, spec), scores.units(panel["nationality"])
    intercepts, sds = np.array([-6.0, -6.5, -5.5]), np.array([4.0, 6.0, 8.0])
    beta = np.zeros((1, 3, 4, 1))
    beta[0, :, 0, 0] = intercepts
    named = xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))
    posterior = xr.Dataset({"sigma_nationality": (("chain", "draw", "exit"), sds[None, :, None])})
    how = {"posterior": posterior, "grouping": own, "by": "nationality"}
    found = marginal.marginal_log_likelihood(named, made, **how).sel(chain=0)
    error = marginal.integration_error(named, made, **how)
    z = np.linspace(-40.0, 40.0, 400_001)
    weight = -0.5 * z**2 - 0.5 * np.log(2 * np.pi) + np.log(z[1] - z[0])
    leavers = dict(zip(own.labels, [40, 0, 3], strict=True))
    for draw, label in ((draw, label) for draw in range(3) for label in own.labels):
        eta, n = intercepts[draw] + sds[draw] * z, leavers[label]
        slow = logsumexp(weight + n * eta - 40 * np.logaddexp(0.0, eta))
        assert abs(float(found.sel(unit=label)[draw]) - slow) < 1.5 * error + 1e-6 < 0.05


@pytest.mark.parametrize("link", ["softmax", "cloglog"])
def test_marginal_likelihood_without_spread_is_the_likelihood(
    link: LinkName, rng: np.random.Generator
) -> None:
    made, own = nationalities(link, rng, exits=3)
    beta, posterior = drawn(made, rng)
    beta[:, :, made.span("nationality")] = 0.0
    expected = scores.log_likelihood(beta, made, own)
    none = posterior.assign(sigma_nationality=0.0 * posterior["sigma_nationality"])
    how = {"grouping": own, "by": "nationality"}
    found = marginal.marginal_log_likelihood(beta, made, posterior=none, **how)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    beta[:, :, made.span("nationality")] = 5.0  # what the draws say of the unit is not used
    np.testing.assert_array_equal(
        marginal.marginal_log_likelihood(beta, made, posterior=none, **how), found
    )
    wide = marginal.marginal_log_likelihood(beta, made, posterior=posterior, **how)
    assert not np.allclose(wide, expected)  # negative control


def test_marginal_likelihood_takes_weights_and_any_number_of_threads(
    rng: np.random.Generator,
) -> None:
    made, own = nationalities("softmax", rng)
    beta, posterior = drawn(made, rng)
    twice = np.repeat(np.arange(len(made.row)), 2)
    doubled = records.with_rows(made, twice)
    column = np.empty(len(made.row), dtype=object)
    for unit, label in enumerate(own.labels):
        column[own.rows_of(unit)] = label
    both = scores.units(column[twice])
    how = {"posterior": posterior, "by": "nationality"}
    by_row = marginal.marginal_log_likelihood(beta, doubled, grouping=both, **how)
    heavy = replace(made, weight=np.full(len(made.row), 2.0))
    by_weight = marginal.marginal_log_likelihood(beta, heavy, grouping=own, **how)
    np.testing.assert_allclose(by_row, by_weight, rtol=1e-10)
    before = numba.get_num_threads()
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        again = marginal.marginal_log_likelihood(beta, doubled, grouping=both, **how)
        np.testing.assert_array_equal(again, by_row)
    numba.set_num_threads(before)


def test_roots_of_covariances(rng: np.random.Generator) -> None:
    made, _ = nationalities("softmax", rng, exits=3)
    _, posterior = drawn(made, rng)
    block = made.blocks[-1]
    assert block.name == "nationality"
    root = marginal.covariance_roots(posterior, block, 3)
    sd = posterior["sigma_nationality"].values.reshape(-1, 3)
    r = posterior["correlation_nationality"].values.reshape(-1, 3, 3)
    expected = sd[:, :, None] * r * sd[:, None, :]
    np.testing.assert_allclose(root @ root.transpose(0, 2, 1), expected, rtol=1e-10)
    np.testing.assert_allclose(root, np.linalg.cholesky(expected), rtol=1e-8, atol=1e-10)


def test_groups_without_a_known_distribution_are_not_integrated(rng: np.random.Generator) -> None:
    made, _ = nationalities("softmax", rng)
    assert marginal.group_of(made, "nationality") is made.blocks[-1]
    assert marginal.group_of(made, "person") is None
    assert marginal.group_of(made, "intercept") is None


# --- the engine -----------------------------------------------------------------------------------
def test_pieces_do_not_change_a_score(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = exact(CENTRES, small(rng))
    run = run_of(it, CENTRES, n=1000)
    whole = {by: scores.leave_one_out(run, by) for by in ("person", "centre")}
    monkeypatch.setattr(leave_out, "_MOST_NUMBERS", 4000)
    for by, before in whole.items():
        after = scores.leave_one_out(run, by)
        pd.testing.assert_frame_equal(after.units, before.units, rtol=1e-10)
        assert after.mcse == pytest.approx(before.mcse, rel=1e-10)


def test_levels_without_rows_have_the_distribution_of_their_group(rng: np.random.Generator) -> None:
    spec = model(CENTRE + CORRELATED, exits=2)
    panel = small_panel(spec, rng, persons=150)
    made = design.build(panel.panel, {}, spec)
    keep = (panel.panel["centre"] != "centre 3").to_numpy()
    n = 4000
    found = records.approximate(records.with_rows(made, keep), n, 1)
    other = found["u_centre"].sel(centre_level="centre 3") / found["sigma_centre"]
    standard = other.isel(chain=0).values
    assert np.abs(standard.mean(axis=0)).max() < FAR / np.sqrt(n)
    # the variance of n squares of standard normals is 2 n
    assert np.abs((standard**2).mean(axis=0) - 1).max() < FAR * np.sqrt(2 / n)
    r = found["correlation_centre"].values[0, :, 0, 1]
    product = standard.prod(axis=1) - r
    assert abs(product.mean()) < FAR * product.std() / np.sqrt(n)
    seen = (found["u_centre"].sel(centre_level="centre 2") / found["sigma_centre"]).values[0]
    assert np.abs((seen**2).mean(axis=0) - 1).max() > FAR * np.sqrt(2 / n)  # negative control


def with_and_without(panel: pd.DataFrame) -> pd.Series:
    """Difference of a model with effects of nationality and one without them."""
    found = []
    for spec in (
        model(CENTRE + POOLED, NATIONALITY + POOLED, exits=1),
        model(CENTRE + POOLED, exits=1),
    ):
        made = design.build(panel, {}, spec)
        run = fit_of(made, panel, spec, records.approximate(made, 1000, 1), engine="laplace")
        run = replace(run, name=f"{len(spec.term)} terms")
        found.append(scores.leave_one_out(run))
    return scores.table(found).set_index("quantity").loc["elpd difference"]


def test_effects_that_are_there_win_and_others_do_not(rng: np.random.Generator) -> None:
    panel = small(rng, persons=500)
    nationality = rng.integers(0, 4, 500)
    person = panel["person"].to_numpy()
    last = ~panel["person"].duplicated(keep="last").to_numpy()
    chance = np.array([0.1, 0.3, 0.6, 0.9])
    panel["exit"] = np.where(
        last & (rng.random(len(panel)) < chance[nationality[person]]), "assisted", "stay"
    )
    panel["nationality"] = np.char.add("nation ", nationality[person].astype(str))
    there = with_and_without(panel)
    assert there["model"] == "2 terms"
    assert there["estimate"] > 2 * there["se"] > 0
    assert there["mcse"] < 0.2 * there["se"]
    shuffled = rng.permutation(nationality)[person]
    panel["nationality"] = np.char.add("nation ", shuffled.astype(str))
    absent = with_and_without(panel)  # negative control
    assert absent["estimate"] < 2 * absent["se"]


def test_score_by_an_unknown_column_or_one_value_is_refused(rng: np.random.Generator) -> None:
    run = run_of(exact(PERSONS, small(rng)), PERSONS)
    with pytest.raises(EstimandError, match=r"got 'center'\. Did you mean 'centre'\?$"):
        scores.leave_one_out(run, "center")
    with pytest.raises(
        EstimandError, match=r"^score must have two units or more of 'entry'; got 1\.$"
    ):
        scores.leave_one_out(run, "entry")


# --- tables ---------------------------------------------------------------------------------------
def by_hand(name: str, elpd: list[float], *, rows: str = "same", mcse: float = 0.3) -> Score:
    n = len(elpd)
    units = pd.DataFrame({"unit": range(n), "rows": 2, "elpd": elpd, "p_loo": 0.5})
    units = units.assign(k_hat=[0.1, *[0.8] * (n - 1)], mcse=0.1, how="psis")
    units.loc[1, "how"] = "refit"
    return Score(name, "person", units, mcse, {}, "nuts", rows, {"k_hat threshold": 0.7})


# unit          0    1    2   sum
# a            -1   -2   -3    -6   variance 1, standard error sqrt(3)
# b            -2   -2   -5    -9   variance 3, standard error 3
# a - b         1    0    2     3   variance 1, standard error sqrt(3)
def test_table_by_hand() -> None:
    a, b = by_hand("a", [-1.0, -2.0, -3.0]), by_hand("b", [-2.0, -2.0, -5.0], mcse=0.4)
    found = scores.table([a, b])
    assert tuple(found.columns) == scores.COLUMNS
    assert found["quantity"].tolist() == ["elpd", "elpd", "elpd difference"]
    assert found["estimate"].tolist() == [-6.0, -9.0, 3.0]
    np.testing.assert_allclose(found["se"], [3**0.5, 3.0, 3**0.5], rtol=1e-12)
    np.testing.assert_allclose(found["mcse"], [0.3, 0.4, 0.5], rtol=1e-12)
    assert found["n_rows"].tolist() == [6, 6, 6]
    assert found["n_high"].tolist()[:2] == [2, 2]
    assert found["n_refitted"].tolist()[:2] == [1, 1]
    assert found["model"].tolist()[-1] == "a"
    assert found["versus"].tolist()[-1] == "b"
    backwards = scores.table([b, a]).iloc[-1]
    assert backwards["estimate"] == -3.0
    other = replace(b, units=b.units.iloc[::-1])  # units are paired by name, not by place
    assert scores.table([a, other])["se"].iloc[-1] == pytest.approx(3**0.5, rel=1e-12)


def test_table_refuses_other_rows_and_the_same_model_twice(rng: np.random.Generator) -> None:
    a = by_hand("a", [-1.0, -2.0])
    with pytest.raises(EstimandError, match=re.escape("got 4 rows of 'a' and 6 of 'b'. Fit both")):
        scores.table([a, by_hand("b", [-1.0, -2.0, -3.0], rows="others")])
    with pytest.raises(EstimandError, match=r"got the same number of rows, with other persons"):
        scores.table([a, by_hand("b", [-1.0, -2.0], rows="others")])
    with pytest.raises(EstimandError, match=r"^scores by 'person' must be of different models;"):
        scores.table([a, a])


def test_digest_is_of_rows_and_exits(rng: np.random.Generator) -> None:
    run = run_of(exact(PERSONS, small(rng)), PERSONS, n=400)
    own = run.design_rows["person"]
    first = records.digest(run, own)
    same = replace(with_rows(run, run.design_rows.assign(centre="elsewhere")), name="other")
    assert records.digest(same, own) == first
    exits = run.design_rows["exit"].to_numpy().copy()
    exits[0] = "assisted" if exits[0] == "stay" else "stay"
    changes = [
        run.design_rows.assign(exit=exits),
        run.design_rows.assign(month=run.design_rows["month"] + 1),
    ]
    for rows in changes:  # negative controls
        assert records.digest(with_rows(run, rows), own) != first
    assert records.digest(run, run.design_rows["centre"]) != first
