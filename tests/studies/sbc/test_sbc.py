"""Calibration: exact bands, ranks of a posterior in closed form, eight planted bugs, resumption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from typer.testing import CliRunner

import certificates
import small_panels
from hazard import cli
from hazard import spec as specs
from hazard.arrays import FloatArray
from hazard.errors import ConvergenceError, UsageError
from hazard.estimands import incidence
from hazard.model import design, parameterisation, priors
from hazard.model.design import Design
from hazard.spec import ModelSpec
from hazard.studies import sbc
from hazard.studies.sbc import CalibrationPlan, Problem, simulation
from hazard.studies.sbc.engines import smallest_ess, thinned
from hazard.studies.sbc.simulation import key
from hazard.studies.sbc.uniformity import inside
from hazard.studies.sensitivity.engines import Sampler

DRAWS = 99
CELLS = DRAWS + 1
LEVEL = 0.05


def silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


# --- bands --------------------------------------------------------------------------------------
def test_band_probability_equals_enumeration() -> None:
    n, probability = 5, np.array([0.1, 0.4, 0.2, 0.3])
    lower, upper = np.array([0, 1, 2]), np.array([1, 4, 4])
    total = 0.0
    for ranks in product(range(4), repeat=n):
        below = np.cumsum(np.bincount(ranks, minlength=4))[:-1]
        if ((lower <= below) & (below <= upper)).all():
            total += float(np.prod(probability[list(ranks)]))
    assert inside(lower, upper, probability, n) == pytest.approx(total, rel=1e-12)


def test_p_value_equals_enumeration() -> None:
    n, cells = 4, 3
    every = [sbc.p_value(ranks, cells) for ranks in product(range(cells), repeat=n)]
    for p in set(every):  # by definition the share of outcomes that are as far out
        assert p == pytest.approx(np.mean([q <= p * (1 + 1e-9) for q in every]), rel=1e-9)


def test_band_holds_exactly_what_its_p_value_says(rng: np.random.Generator) -> None:
    n, cells = 40, 20
    lower, upper = sbc.band(n, cells, LEVEL)
    for _ in range(300):
        ranks = (cells * rng.beta(1.0, rng.uniform(1.0, 2.5), n)).astype(int)
        below = np.cumsum(np.bincount(ranks, minlength=cells))[:-1]
        held = bool(((lower <= below) & (below <= upper)).all())
        assert held == (sbc.p_value(ranks, cells) > LEVEL)
    outside = 1 - inside(lower, upper, np.full(cells, 1 / cells), n)
    assert LEVEL / 2 < outside <= LEVEL


def test_pointwise_band_is_left_too_often() -> None:  # negative control
    n, cells = 40, 20
    z = np.arange(1, cells) / cells
    lower, upper = (stats.binom.ppf(q, n, z).astype(int) for q in (LEVEL / 2, 1 - LEVEL / 2))
    assert 1 - inside(lower, upper, np.full(cells, 1 / cells), n) > 3 * LEVEL


def test_power_is_the_share_of_wrong_posteriors_that_are_found(rng: np.random.Generator) -> None:
    n, cells, repeats = 50, 20, 2000
    chance = sbc.power(n, cells, LEVEL, width=0.7, shift=0.2)
    truth = rng.standard_normal((repeats, n, 1))
    draws = 0.2 + 0.7 * rng.standard_normal((repeats, n, cells - 1))
    ranks = (draws < truth).sum(axis=2)
    found = np.mean([sbc.p_value(own, cells) <= LEVEL for own in ranks])
    assert abs(found - chance) < 5 * np.sqrt(chance * (1 - chance) / repeats)
    assert LEVEL < chance < 0.95


def test_detectable_errors_are_found_nine_times_in_ten() -> None:
    found = sbc.detectable(100, CELLS, LEVEL)
    wrong: list[dict[str, float]] = [
        {"shift": found["shift"]},
        {"width": found["too_narrow"]},
        {"width": found["too_wide"]},
    ]
    for error in wrong:
        assert sbc.power(100, CELLS, LEVEL, **error) == pytest.approx(0.9, abs=0.01)
    more = sbc.detectable(400, CELLS, LEVEL)
    assert more["shift"] < found["shift"]
    assert found["too_narrow"] < more["too_narrow"] < 1 < more["too_wide"] < found["too_wide"]


def test_chi_square_by_hand() -> None:
    counts, p = sbc.chi_square([0] * 30 + [1] * 10, 2)
    assert counts.tolist() == [30, 10]
    assert p == pytest.approx(stats.chi2.sf(10.0, 1))  # (10^2 + 10^2) / 20
    assert np.isnan(sbc.chi_square([0, 1, 2], 3)[1])


# --- prior and exits ----------------------------------------------------------------------------
FAMILIES = {
    "normal": "scale = 0.5",
    "pooled": "scale = 0.5",
    "correlated": "scale = 0.5",
    "random_walk": "scale = 0.3, start = 0.5, order = 2",
    "autoregressive": "scale = 0.5, correlation = 0.5",
    "hierarchical_random_walk": "scale = 0.3",
    "decay": "scale = 0.5, half_life = 2.0",
    "hump": "scale = 0.5, peak = 1.0",
    "polynomial": "scale = 0.5, degree = 1",
    "spike": "scale = 1.0, rest = 0.2",
    "horseshoe": "scale = 0.2, slab = 1.0",
    "monotone": "scale = 0.7",
}


def with_family(family: str) -> ModelSpec:
    prior = f'{{ family = "{family}", {FAMILIES[family]}, reason = "an example only" }}'
    return small_panels.model(small_panels.VISIT + f"prior = {prior}\n", exits=2)


def problem_of(spec: ModelSpec, persons: int = 100) -> Problem:
    return Problem.from_panel(sbc.small_rows(spec, persons=persons), spec)


@pytest.mark.parametrize("family", FAMILIES)
def test_prior_draws_have_the_moments_of_the_prior(family: str, rng: np.random.Generator) -> None:
    n, spec = 600, with_family(family)
    it = problem_of(spec, persons=30).coordinates
    draws = [sbc.prior_draw(it, rng) for _ in range(n)]
    term = spec.lagged[0]
    beta = np.array([own[f"beta_{term.name}"].values[0, 0, :, 0] for own in draws])
    if family == "horseshoe":  # without moments that say much: against the definition
        spread = 0.2 * np.abs(rng.standard_cauchy((2, 50 * n))).prod(axis=0)
        defined = rng.standard_normal(50 * n) * spread / np.sqrt(1 + spread**2)
        assert stats.ks_2samp(beta[:, 0], defined).pvalue > 1e-4
        assert stats.ks_2samp(beta[:, 0], defined / 2).pvalue < 1e-4  # negative control
        return
    if family == "monotone":
        assert (np.diff(np.abs(beta), axis=1) <= 0).all()
        shares = beta[:, 1:] / beta[:, :1]  # of three parts of a stick, two and one are left
        assert np.abs(shares.mean(axis=0) - [2 / 3, 1 / 3]).max() < 5 * 0.24 / np.sqrt(n)
        beta, wanted = beta[:, :1], np.array([[term.prior.scale**2]])
    else:
        wanted = priors.covariance(term.prior, np.arange(3))
    products = beta[:, :, None] * beta[:, None, :]
    error = products.std(axis=0) / np.sqrt(n)
    assert (np.abs(products.mean(axis=0) - wanted) < 5 * error + 1e-12).all()
    assert np.abs(beta.mean(axis=0) / (beta.std(axis=0) / np.sqrt(n))).max() < 5


def test_prior_draws_of_correlations(rng: np.random.Generator) -> None:
    it = problem_of(with_family("correlated"), persons=30).coordinates
    [name] = [group.name for group in it.learned]
    draws = [sbc.prior_draw(it, rng) for _ in range(600)]
    r = np.array([own[f"correlation_{name}"].values[0, 0, 0, 1] for own in draws])
    # two exits, concentration 2: (1 + r) / 2 is Beta(2, 2)
    assert stats.kstest((1 + r) / 2, stats.beta(2, 2).cdf).pvalue > 1e-4
    assert stats.kstest((1 + r) / 2, stats.beta(1, 1).cdf).pvalue < 1e-4  # negative control
    sigma = np.array([own[f"sigma_{name}"].values[0, 0] for own in draws]).ravel()
    assert stats.kstest(sigma, stats.halfnorm(scale=0.5).cdf).pvalue > 1e-4


@cache
def two_rates() -> tuple[Design, Any]:
    """Intercepts of two exits only, 60 persons with up to four months each."""
    panel = pd.DataFrame({"person": np.repeat(np.arange(60), 4)})
    panel["exit"] = pd.Categorical(["stay"] * len(panel), ["stay", "assisted", "disappeared"])
    return design.build(panel, {}, small_panels.model(exits=2)), panel["person"].to_numpy()


def test_simulated_exits_by_hand(rng: np.random.Generator) -> None:
    built, person = two_rates()
    probability = np.array([0.5, 0.2, 0.3])
    beta = np.log(probability[1:] / probability[0])[None]
    counts, starts = np.zeros(3), 0
    for _ in range(40):
        left = sbc.outcomes(built, person, beta, rng)
        shown = left.weight.reshape(60, 4) > 0
        exits = left.outcome.reshape(60, 4)
        assert shown[:, 0].all()
        for month in range(1, 4):  # there if, and only if, there and no exit the month before
            assert (shown[:, month] == (shown[:, month - 1] & (exits[:, month - 1] == 0))).all()
        assert (exits[~shown] == 0).all()
        counts += np.bincount(exits[shown], minlength=3)
        starts += int(shown.sum())
    error = np.sqrt(probability * (1 - probability) / starts)
    assert (np.abs(counts / starts - probability) < 5 * error).all()


# --- a posterior in closed form -----------------------------------------------------------------
DIRICHLET = np.array([4.0, 1.0, 2.0])


def conjugate_ranks(n: int, rng: np.random.Generator, weights: bool = True) -> list[FloatArray]:
    """Ranks of the probabilities of staying and of each exit, whose posterior is a Dirichlet."""
    built, person = two_rates()
    found = []
    for _ in range(n):
        truth = rng.dirichlet(DIRICHLET)
        left = sbc.outcomes(built, person, np.log(truth[1:] / truth[0])[None], rng)
        seen = np.bincount(left.outcome, left.weight if weights else None, 3)
        draws = rng.dirichlet(DIRICHLET + seen, DRAWS)
        named = {str(k): draws[:, k] for k in range(3)}
        ranked = sbc.ranks({str(k): truth[[k]] for k in range(3)}, named, rng)
        found.append(np.array(list(ranked.values())))
    return found


def test_ranks_are_uniform_where_the_posterior_is_known(rng: np.random.Generator) -> None:
    ranks = np.array(conjugate_ranks(200, rng))
    assert all(sbc.p_value(own, CELLS) > LEVEL / 3 for own in ranks.T)


def test_ranks_find_stays_counted_after_the_exit(rng: np.random.Generator) -> None:
    ranks = np.array(conjugate_ranks(60, rng, weights=False))  # negative control
    assert all(sbc.p_value(own, CELLS) < 1e-6 for own in ranks.T)


def test_equal_numbers_are_ranked_at_random(rng: np.random.Generator) -> None:
    same = {"a": np.zeros(1)}, {"a": np.zeros(4)}
    ranks = [sbc.ranks(*same, rng)["a"] for _ in range(400)]
    assert sbc.p_value(ranks, 5) > 1e-3


# --- eight planted bugs -------------------------------------------------------------------------
# A model that the approximate engine solves well: no learned scale, exits that are not rare. Months
# from 40 are never seen, so that there the posterior is the prior.
PLANTED_TEXT = """name = "planted"
question = "is the bug found?"
[outcome]
exits = ["assisted", "forced"]
intercept = { mean = -0.7, scale = 0.5, reason = "an example only" }
[[term]]
kind = "baseline"
breaks = [1, 3, 40]
prior = { family = "normal", scale = 0.5, reason = "an example only" }
[[term]]
kind = "group"
by = "centre"
prior = { family = "normal", scale = 0.7, reason = "an example only" }
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 2]
history_before_start = "missing"
prior = { family = "normal", scale = 0.7, reason = "an example only" }
[[estimand]]
kind = "lag_curve"
[[estimand]]
kind = "cumulative_incidence"
term = "forced_return_centre"
horizon_months = 6
"""
PLANTED = specs.load(PLANTED_TEXT)
LAGGED = "forced_return_centre"
SIMULATIONS = 60
QUANTITIES = 29


@dataclass(frozen=True)
class World:
    """All months of everybody from the first on, and which of them are seen."""

    every: Design
    seen: np.ndarray
    person: np.ndarray


@cache
def world() -> World:
    rows = sbc.small_rows(PLANTED, persons=150)
    panel, histories = rows.frame, rows.histories
    late = panel.groupby("person")["entry"].first()
    # persons who enter late get the months before, in which a wrong fit would see them stay
    before = panel.loc[panel.groupby("person").head(1).index].loc[lambda p: p["entry"] > 0]
    more = before.loc[before.index.repeat(before["entry"])].reset_index(drop=True)
    more["month"] = (more.groupby("person").cumcount() + 1).astype("int32")
    whole = pd.concat([panel.assign(row=np.arange(len(panel))), more.assign(row=-1)])
    whole = whole.sort_values(["person", "month"]).reset_index(drop=True)
    own = whole["row"].to_numpy()
    history = histories[LAGGED].values[own] * (own >= 0)[:, None]
    assert len(more) == int(late.sum()) > 50
    named = xr.DataArray(history, histories[LAGGED].coords, ("row", "lag"))
    built = design.build(whole, {LAGGED: named}, PLANTED)
    return World(built, own >= 0, whole["person"].to_numpy())


def seen_only() -> Design:
    own = world()
    kept = np.flatnonzero(own.seen)
    return replace(
        own.every,
        index=own.every.index[kept],
        outcome=own.every.outcome[kept],
        weight=np.ones(len(kept)),
        row=kept,
    )


def lag_block(own: Design) -> int:
    return [block.name for block in own.blocks].index(LAGGED)


def with_block(own: Design, name: str, **changes: Any) -> Design:
    blocks = (replace(b, **changes) if b.name == name else b for b in own.blocks)
    return replace(own, blocks=tuple(blocks))


def lag_off_by_one(left: Design) -> Design:
    basis = left.blocks[lag_block(left)].matrix()
    return with_block(left, LAGGED, basis=np.roll(basis, 1, axis=1))


def exits_swapped(left: Design) -> Design:
    return replace(left, outcome=np.array([0, 2, 1], dtype=np.int8)[left.outcome])


def half_the_prior_scale(left: Design) -> Design:
    own = next(block for block in left.blocks if block.kind == "baseline")
    return with_block(left, own.name, prior=own.prior.model_copy(update={"scale": 0.25}))


def exit_month_counted_twice(left: Design) -> Design:
    return replace(left, weight=left.weight * np.where(left.outcome > 0, 2.0, 1.0))


def truncation_ignored(left: Design) -> Design:
    own = world()
    outcome, weight = np.zeros(len(own.seen), dtype=np.int8), np.ones(len(own.seen))
    outcome[own.seen], weight[own.seen] = left.outcome, left.weight
    every = replace(own.every, blocks=left.blocks)
    return replace(every, outcome=outcome, weight=weight)


def own_event_in_the_exposure(left: Design) -> Design:
    b = lag_block(left)
    patterns = left.blocks[b].matrix()
    with_own = patterns.copy()
    with_own[:, 0] = 1.0
    place = (patterns[None] == with_own[:, None]).all(axis=2).argmax(axis=1)
    index = left.index.copy()
    forced = left.outcome == 2
    index[forced, b] = place[index[forced, b]]
    return replace(left, index=index)


def wrong_link(left: Design) -> Design:
    return replace(left, link="cloglog")


def correct(left: Design) -> Design:
    return left


def shared_across_exits(beta: FloatArray) -> FloatArray:
    shared = beta.copy()
    span = seen_only().span("centre")
    shared[span] = beta[span, :1]
    return shared


def own_effects(beta: FloatArray) -> FloatArray:
    return beta


Fitted = Callable[[Design], Design]
Effects = Callable[[FloatArray], FloatArray]


def judged(fitted: Fitted, effects: Effects = own_effects) -> dict[str, float]:
    """p of every quantity when the data are simulated rightly and fitted as stated."""
    own, rng = seen_only(), np.random.default_rng(7)
    it, person = parameterisation.standard(own), world().person
    found: list[dict[str, int]] = []
    for _ in range(SIMULATIONS):
        truth = sbc.prior_draw(it, rng)
        beta = effects(incidence.coefficients(truth, own).values[0, 0])
        left = sbc.outcomes(own, person[own.row], beta, rng)
        wrong = fitted(left)
        posterior = sbc.engine("laplace", parameterisation.standard(wrong))(wrong, DRAWS, rng)
        true = sbc.numbers(truth, wrong, person, PLANTED)
        drawn = sbc.numbers(posterior.posterior, wrong, person, PLANTED)
        found.append(sbc.ranks(true, drawn, rng))
    return {name: sbc.p_value([each[name] for each in found], CELLS) for name in found[0]}


def passes(p: dict[str, float]) -> bool:
    return min(p.values()) > LEVEL / len(p)


def test_so_many_simulations_find_half_the_prior_scale() -> None:
    # the two coefficients that the data do not touch are alone enough to find the bug
    each = LEVEL / QUANTITIES
    miss = 1 - sbc.power(SIMULATIONS, CELLS, each, width=0.5)
    assert miss**2 < 0.01
    # every other bug moves some posterior by more than its standard deviation
    assert sbc.power(SIMULATIONS, CELLS, each, shift=1.0) > 0.999


def test_right_fit_passes() -> None:
    p = judged(correct)
    assert len(p) == QUANTITIES
    assert passes(p), min(p.items(), key=lambda item: item[1])


@pytest.mark.parametrize(
    "bug",
    [
        lag_off_by_one,
        exits_swapped,
        half_the_prior_scale,
        exit_month_counted_twice,
        truncation_ignored,
        own_event_in_the_exposure,
        wrong_link,
    ],
)
def test_planted_bug_is_rejected(bug: Fitted) -> None:
    assert not passes(judged(bug))


def test_group_effect_shared_across_exits_is_rejected() -> None:
    assert not passes(judged(correct, shared_across_exits))


# --- the example panel --------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(path.stem for path in specs.models_folder().glob("*.toml")))
def test_every_bundled_model_can_be_simulated(name: str, rng: np.random.Generator) -> None:
    spec = specs.read(name)
    problem = problem_of(spec, persons=40)
    own = problem.coordinates.original
    truth = sbc.prior_draw(problem.coordinates, rng)
    beta = incidence.coefficients(truth, own).values[0, 0]
    left = sbc.outcomes(own, problem.person_in_design, beta, rng)
    found = sbc.numbers(truth, left, problem.person, spec)
    assert all(np.isfinite(values).all() and len(values) == 1 for values in found.values())
    wanted = own.n_coefficients * len(own.exits)
    parameters = [each for each in found if each.startswith(("intercept", "beta_", "u_"))]
    assert len(parameters) == wanted


def test_names_of_groups_and_covariates_are_numbers() -> None:
    spec = small_panels.every_kind()
    problem = problem_of(spec)
    truth = sbc.prior_draw(problem.coordinates, np.random.default_rng(1))
    names = sbc.numbers(truth, problem.coordinates.original, problem.person, spec)
    labels = {str(label) for block in problem.coordinates.original.blocks for label in block.levels}
    shown = [label for label in labels if len(label) > 3 and any(label in name for name in names)]
    assert {label for label in shown if not label.isdigit()} == set()  # years are digits
    assert "u_centre[4, assisted]" in names


# --- effective draws ----------------------------------------------------------------------------
def test_thinned_draws_and_their_effective_number(rng: np.random.Generator) -> None:
    steps = rng.standard_normal((2, 800))
    slow = np.zeros_like(steps)
    for t in range(1, 800):
        slow[:, t] = 0.9 * slow[:, t - 1] + steps[:, t]
    named = {"fast": (("chain", "draw"), steps), "slow": (("chain", "draw"), slow)}
    posterior = xr.Dataset({**named, "fixed": (("chain", "draw"), np.ones((2, 800)))})
    # an autoregression with 0.9 is worth (1 - 0.9) / (1 + 0.9) of its draws
    assert 0.5 < smallest_ess(posterior) / (1600 * 0.1 / 1.9) < 2
    assert smallest_ess(posterior[["fast"]]) > 800
    own = thinned(posterior, 100)
    assert own["slow"].dims == ("chain", "draw")
    assert own["slow"].values[0].tolist() == slow.ravel()[::16].tolist()


# --- certificates -------------------------------------------------------------------------------
QUICK = CalibrationPlan(simulations=6, engine="laplace", seed=3)


@cache
def quick_problem() -> Problem:
    return problem_of(PLANTED, persons=30)


def stopping(after: int) -> Callable[[str, float], None]:
    """Progress that ends the process, as far as a test can, when so many pieces are written."""
    told = iter(range(1, after + 1))

    def progress(stage: str, share: float) -> None:
        if next(told) == after:
            raise KeyboardInterrupt

    return progress


def test_interrupted_calibration_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    sbc.calibrate(quick_problem(), QUICK, whole, silent)
    with pytest.raises(KeyboardInterrupt):
        sbc.calibrate(quick_problem(), QUICK, parts, stopping(3))
    folder = tmp_path / "parts.json.pieces"
    first, second, third = sorted(folder.iterdir())
    assert not parts.exists()
    first.write_text(first.read_text().replace('"ranks"', '"Ranks"'))  # damaged
    second.write_text(second.read_text()[:50])  # cut off
    made: list[int] = []
    piece = simulation.piece

    def counted(problem: Problem, plan: CalibrationPlan, number: int, fit: Any) -> dict[str, Any]:
        made.append(number)
        return piece(problem, plan, number, fit)

    monkeypatch.setattr(simulation, "piece", counted)
    sbc.calibrate(quick_problem(), QUICK, parts, silent)
    assert made == [0, 1, 3, 4, 5]  # the third was kept
    assert parts.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == [parts, whole]
    assert third.name.endswith("-000002.json")


def test_pieces_of_another_plan_are_not_taken(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with pytest.raises(KeyboardInterrupt):
        sbc.calibrate(quick_problem(), QUICK, out, stopping(4))
    other = replace(QUICK, seed=4, simulations=3)
    found = sbc.calibrate(quick_problem(), other, out, silent)
    fresh = sbc.calibrate(quick_problem(), other, tmp_path / "fresh.json", silent)
    assert found == fresh
    assert (
        found["pieces_digest"]
        != sbc.certificate(
            quick_problem(), QUICK, list(sbc.pieces(quick_problem(), QUICK, tmp_path / "p"))
        )["pieces_digest"]
    )


def test_key_follows_what_a_simulation_depends_on() -> None:
    problem = quick_problem()
    own = key(problem, QUICK)
    assert own == key(problem_of(PLANTED, persons=30), replace(QUICK, simulations=9, level=0.1))
    changed = [
        key(problem, replace(QUICK, seed=4)),
        key(problem, replace(QUICK, engine="nuts")),
        key(problem, replace(QUICK, draws=19)),
        key(problem_of(PLANTED, persons=31), QUICK),
        key(problem_of(PLANTED.model_copy(update={"name": "other"}), persons=30), QUICK),
    ]
    assert len({own, *changed}) == 6


def test_certificate_says_what_was_found(tmp_path: Path) -> None:
    problem, out = quick_problem(), tmp_path / "out.json"
    made = sbc.calibrate(problem, QUICK, out, silent)
    assert certificates.read(out) == made
    assert made["model_digest"] == PLANTED.digest
    assert made["engine"], made["seed"] == ("laplace", 3)
    assert made["level_each"] == LEVEL / QUANTITIES
    assert len(made["quantities"]) == QUANTITIES
    assert made["passed"]  # six simulations find little, and the certificate says so
    assert made["detectable"]["shift"] > 1
    assert all(sum(own["counts"]) == 6 for own in made["quantities"])
    assert str(tmp_path) not in out.read_text()
    out.write_text(out.read_text().replace('"passed": true', '"passed": false'))
    with pytest.raises(ValueError, match=r"^out\.json has been changed"):
        certificates.read(out)


def ranked(n: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for number in range(n):
        own = {"good": int(rng.integers(CELLS)), "narrow": int(CELLS * rng.beta(0.4, 0.4))}
        yield {"number": number, "ranks": own, "effective": 99.0, "divergences": 0}


def test_verdict_names_the_quantity_that_is_outside(rng: np.random.Generator) -> None:
    found = list(ranked(200, rng))
    made = sbc.certificate(quick_problem(), replace(QUICK, simulations=200), found)
    assert made["outside"] == ["narrow"]
    assert not made["passed"]
    good = [{**own, "ranks": {"good": own["ranks"]["good"]}} for own in found]
    assert sbc.certificate(quick_problem(), QUICK, good)["passed"]
    lost = [*good[:-1], {"number": 199, "failed": "no mode."}]
    assert sbc.certificate(quick_problem(), QUICK, lost)["failed"] == {"199": "no mode."}
    assert not sbc.certificate(quick_problem(), QUICK, lost)["passed"]
    json.dumps(made, allow_nan=False)


def test_fit_that_does_not_settle_is_a_failed_simulation() -> None:
    def lost(left: Design, n: int, rng: np.random.Generator) -> sbc.PosteriorSample:
        raise ConvergenceError("learned scales must settle within 60 rounds.")

    found = sbc.piece(quick_problem(), QUICK, 5, lost)
    assert found == {"number": 5, "failed": "learned scales must settle within 60 rounds."}


# --- the command line ---------------------------------------------------------------------------
@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(PLANTED_TEXT, encoding="utf-8")
    return path


def test_command_writes_a_certificate(model_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    options = ["--out", str(out), "--engine", "laplace", "--simulations", "3"]
    called = CliRunner().invoke(cli.app, ["calibrate", str(model_file), *options])
    assert called.exit_code == 0, called.output
    assert "laplace passes: 0 of 29 quantities outside, 0 of 3 simulations failed." in called.output
    made = certificates.read(out)
    assert made["panel"]["source"] == "generated"
    assert CliRunner().invoke(cli.app, ["calibrate", str(model_file), *options]).exit_code != 0


def test_command_refuses_two_sources(model_file: Path, tmp_path: Path) -> None:
    both = ["--registers", str(tmp_path), "--panel", str(model_file)]
    argv = ["calibrate", str(model_file), "--out", str(tmp_path / "out.json"), *both]
    refused = CliRunner().invoke(cli.app, argv).exception
    assert isinstance(refused, UsageError)
    assert str(refused) == "calibrate must be given --registers or --panel, not both."


@pytest.mark.slow
def test_killed_command_ends_with_the_same_certificate(model_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from hazard.cli import main; main()", "calibrate"]
    command += [str(model_file), "--engine", "laplace", "--simulations", "40"]
    whole, killed = tmp_path / "whole.json", tmp_path / "killed.json"
    subprocess.run([*command, "--out", str(whole)], check=True, capture_output=True)
    folder = tmp_path / "killed.json.pieces"
    running = subprocess.Popen([*command, "--out", str(killed)], stdout=subprocess.DEVNULL)
    while running.poll() is None and len(list(folder.glob("[!.]*"))) < 2:
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not killed.exists()
    subprocess.run([*command, "--out", str(killed)], check=True, capture_output=True)
    assert killed.read_bytes() == whole.read_bytes()


# --- sampling -----------------------------------------------------------------------------------
@pytest.mark.slow
def test_sampler_is_compiled_once() -> None:
    problem, sampler = problem_of(with_family("correlated")), Sampler()
    fit = sbc.engine("nuts", problem.coordinates, sampler)
    plan = CalibrationPlan(seed=2)
    found = [sbc.piece(problem, plan, number, fit) for number in range(3)]
    assert sampler.n_compiled == 1
    assert found[2] == sbc.piece(problem, plan, 2, fit)  # whatever was drawn before
    assert all(own["effective"] >= DRAWS for own in found)


@pytest.mark.slow
def test_sampler_is_calibrated_where_the_approximation_is_not(tmp_path: Path) -> None:
    spec = with_family("correlated")
    problem = problem_of(spec)
    plan = CalibrationPlan(simulations=100, seed=5)
    assert sbc.calibrate(problem, plan, tmp_path / "nuts.json", silent)["passed"]
    coarse = replace(plan, engine="laplace")
    found = sbc.calibrate(problem, coarse, tmp_path / "laplace.json", silent)
    assert any(name.startswith("sigma_") for name in found["outside"])
