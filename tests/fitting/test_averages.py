"""Answers to the estimands of a model file: by hand, against loops, and what must be refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard import fitting, months, simulation
from hazard import spec as specs
from hazard.data import exposures
from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.errors import EstimandError
from hazard.estimands import g_formula, incidence, interventions, marginal_effects
from hazard.fitting import Fit
from hazard.fitting.averages import AveragedEstimand, averages_of
from hazard.fitting.costs import PersonRisks
from hazard.fitting.g_formula import WITHIN_NETWORK, Risks, RisksAtEvents, risks_at_events
from hazard.fitting.g_formula_estimates import GFormulaAnswer, estimates_of
from hazard.fitting.residents import has_own_event, mean_residents, residents_of_events
from hazard.inference import laplace_draws, nuts
from hazard.model import design, parameterisation
from hazard.model.links import exit_probabilities
from hazard.output.tables import COLUMNS, KEY
from hazard.spec import CostsSpec, DataSpec, GFormulaEstimand, ModelSpec
from hazard.spec.links import LINKS
from small_registers import Person, registers

PRIOR = 'prior = { family = "normal", scale = 1.0, reason = "an example only" }\n'
TEXT = f"""
name = "example"
question = "more, or only earlier?"
[outcome]
exits = ["assisted", "disappeared", "forced"]
[[term]]
kind = "baseline"
breaks = [1, 4, 13]
{PRIOR}
[[term]]
kind = "group"
by = "centre"
{PRIOR.replace("normal", "pooled")}
[[term]]
kind = "lagged"
exposure = "forced_return"
network = "centre"
lags = [0, 3]
history_before_start = "missing"
{PRIOR}
"""
TERM = "forced_return_centre"
ARMS = ("without", "with")


def spec_of(**estimand: object) -> ModelSpec:
    content = specs.load(TEXT).model_dump()
    given = {"kind": "g_formula", "term": TERM, "horizon_months": 8, "fewest": 30, **estimand}
    return ModelSpec.model_validate({**content, "estimand": [given]})


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> fitting.Panel:
    folder = tmp_path_factory.mktemp("simulated") / "registers"
    rng = np.random.default_rng(4)
    simulation.write(simulation.registers(simulation.truth("small", rng), rng), folder)
    return fitting.panel_from_registers(folder, specs.load(TEXT))


@pytest.fixture(scope="module")
def fit(rows: fitting.Panel) -> Fit:
    spec = specs.load(TEXT)
    built = design.build(rows.frame, rows.histories, spec)
    around = laplace_draws.fit(parameterisation.standard(built))
    posterior = laplace_draws.draws(around, 24, np.random.default_rng(1))
    return fit_of(posterior, built, rows, spec)


def fit_of(
    posterior: xr.Dataset, built: design.Design, rows: fitting.Panel, spec: ModelSpec
) -> Fit:
    return Fit(spec, xr.DataTree.from_dict({"posterior": posterior}), rows=rows, built=built)


def answer(fit: Fit, **estimand: object) -> AveragedEstimand:
    [found] = averages_of(replace(fit, spec=spec_of(**estimand)))
    return found


def estimate(found: AveragedEstimand, quantity: str, **where: object) -> float:
    rows = found.estimates[found.estimates["quantity"] == quantity]
    for name, value in where.items():
        rows = rows[rows[name].isna()] if value is None else rows[rows[name] == value]
    assert len(rows) == 1
    return float(rows["estimate"].iloc[0])


# --- against a loop -----------------------------------------------------------------------------
def looped(fit: Fit, rows: np.ndarray, *, month: int) -> np.ndarray:
    """Cumulative incidence after 8 months with one event in a month, in the first draw."""
    spec, panel = fit.spec, fit.panel.frame
    of = interventions.paths(panel, rows, horizon=8, each="row")
    around = interventions.from_registers(of, fit.panel.registers, spec.lagged)
    arm = specs.Arm(name="with", interventions=(specs.OneInMonth(term=TERM, month=month),))
    applied = design.apply(fit.design, of.frame(), interventions.histories(around, arm), spec)
    beta = incidence.coefficients(fit.draws, fit.design).values[0, 0]
    columns = [block.matrix()[applied.index[:, b]] for b, block in enumerate(applied.blocks)]
    left, there, leave = np.zeros(3), np.ones(len(of.row)), np.empty(3)
    for row, eta in enumerate(np.hstack(columns) @ beta):
        stay = exit_probabilities(LINKS["softmax"].code, eta, leave)
        left += there[row // 8] * leave
        there[row // 8] *= stay
    return left / len(of.row)


def test_risks_against_a_loop(fit: Fit) -> None:
    found = answer(fit).draws["cumulative_incidence"].sel(arm="with", month=8)
    own = found.isel(chain=0, draw=0).values
    rows = interventions.first_rows(fit.panel.frame, fit.design.row)
    slow = looped(fit, rows, month=1)
    np.testing.assert_allclose(own, slow, rtol=1e-10)  # sums of 8 x 1e3 products
    away = np.abs(own - looped(fit, rows, month=2)).max()  # negative control: a month later
    assert away > 1e-6


def test_risks_of_those_who_were_there_against_a_loop(fit: Fit) -> None:
    wanted = GFormulaEstimand(kind="g_formula", term=TERM, horizon_months=8, event_month=3)
    present = risks_at_events(fit, wanted)
    assert present is not None
    own = present.everybody["cumulative_incidence"].isel(chain=0, draw=0)
    own = own.sel(arm="with", month=8).values
    rows = present_rows(fit)
    assert present.rows == len(rows)
    np.testing.assert_allclose(own, looped(fit, rows, month=1), rtol=1e-10)
    first = interventions.first_rows(fit.panel.frame, fit.design.row)
    assert np.abs(own - looped(fit, first, month=1)).max() > 1e-6  # negative control: entrants


def present_rows(fit: Fit) -> np.ndarray:
    """Rows of the design around which, and not to whom, the event happened in their month."""
    panel, found = fit.panel.frame, fit.panel.registers
    assert found is not None
    forced = found.events[found.events["exposure"].eq("forced_return")]
    own = set(zip(forced["person"], forced["calendar"], strict=True))
    happened = fit.panel.histories[TERM].sel(lag=0).values > 0
    others = [pair not in own for pair in zip(panel["person"], panel["calendar"], strict=True)]
    return fit.design.row[(happened & others)[fit.design.row]]


def test_those_who_were_there_are_the_residents_of_all_events(fit: Fit) -> None:
    """But for those whose history is unknown, who are on no path."""
    (term,) = fit.spec.lagged
    unknown = np.isnan(fit.panel.histories[TERM].values).any(axis=1).sum()
    total = residents_of_events(fit.panel, term).sum()
    assert len(present_rows(fit)) <= total <= len(present_rows(fit)) + unknown
    own = has_own_event(fit.panel, term)[fit.design.row]
    seen = fit.panel.histories[TERM].sel(lag=0).values[fit.design.row] > 0
    assert seen[own].any()  # negative control: some see the event of another in their own month
    assert (fit.design.row[seen & ~own] == present_rows(fit)).all()


def test_probabilities_sum_to_one_in_every_draw(fit: Fit) -> None:
    for effect, exit_name in (("total", None), ("separable", "assisted")):
        draws = answer(fit, effect=effect, exit=exit_name).draws
        total = draws["survival"] + draws["cumulative_incidence"].sum("exit")
        np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_arms_that_do_not_differ_give_exactly_nothing(fit: Fit) -> None:
    same = [{"name": name, "interventions": [{"kind": "none", "term": TERM}]} for name in "ab"]
    found = answer(fit, arms=same).estimates
    zero = [
        "risk_difference",
        "additional",
        "net_displacement",
        "rmst_difference",
    ]
    zero += ["saved_months_per_event", "extra_exits_per_event"]
    rows = found[found["quantity"].isin(zero)]
    assert set(rows["quantity"]) == set(zero)
    assert (rows[["estimate", "lower", "upper", "p_direction"]].astype(float) == 0).all(axis=None)
    assert set(rows["arm"]) == {"b - a"}


def test_a_model_without_the_event_has_no_difference(fit: Fit) -> None:
    """Coefficients of the event at zero; those of the posterior are the negative control."""
    changed = fit.draws.assign({f"beta_{TERM}": 0 * fit.draws[f"beta_{TERM}"]})
    none = answer(replace(fit, posterior=xr.DataTree.from_dict({"posterior": changed}))).draws[
        "cumulative_incidence"
    ]
    assert float(abs(none.diff("arm")).max()) < 1e-14
    some = answer(fit).draws["cumulative_incidence"]
    assert float(abs(some.diff("arm")).max()) > 1e-4


# --- numbers that are told ----------------------------------------------------------------------
def test_estimates_follow_from_the_draws(fit: Fit) -> None:
    found = answer(fit, rope=0.01, residents=20)
    assert tuple(found.estimates.columns) == COLUMNS
    assert not found.estimates.duplicated(list(KEY)).any()
    assert set(found.estimates["effect"]) == {"total"}
    told = found.estimates[~found.estimates["quantity"].str.contains("_share")]
    assert told[["estimate", "lower", "upper", "mcse", "lower_50", "inner_mcse"]].notna().all(None)
    left = found.draws["cumulative_incidence"]
    difference = (left.sel(arm="with") - left.sel(arm="without")).sel(exit="assisted")
    at = {"exit": "assisted", "arm": "with - without"}
    w, h = difference.sel(month=4), difference.sel(month=8)  # lags 0 to 3 of an event in month 1
    assert estimate(found, "at_window_end", **at, month=4) == pytest.approx(float(w.mean()))
    assert estimate(found, "additional", **at, month=8) == pytest.approx(float(h.mean()))
    displaced = estimate(found, "net_displacement", **at)
    assert displaced == pytest.approx(float((w - h).mean()), abs=1e-15)
    row = found.estimates[found.estimates["quantity"] == "net_displacement"].iloc[0]
    assert row["p_positive"] == pytest.approx(float((w > h).mean()))
    names = ("lower_bound", "monotone_lower_bound", "upper_bound")
    bounds = [estimate(found, f"brought_forward_{name}", **at) for name in names]
    assert bounds == sorted(bounds)
    early = left.sel(arm="with", exit="assisted", month=4)
    none = left.sel(arm="without", exit="assisted")
    most = np.minimum(early, none.sel(month=8) - none.sel(month=4))
    assert bounds[2] == pytest.approx(float(most.mean()), abs=1e-15)
    present = risks_at_events(fit, GFormulaEstimand(kind="g_formula", term=TERM, horizon_months=8))
    assert present is not None
    gone = present.everybody["cumulative_incidence"].sel(exit="assisted", month=8)
    there = float((gone.sel(arm="with") - gone.sel(arm="without")).mean())
    extra = estimate(found, "extra_exits_per_event", **at, month=8)
    assert extra == pytest.approx(20 * there)
    assert extra != pytest.approx(20 * float(h.mean()))  # negative control: those who just came
    stay = found.draws["survival"].shift(month=1, fill_value=1.0).sum("month")
    shorter = float((stay.sel(arm="with") - stay.sel(arm="without")).mean())
    assert estimate(found, "rmst_difference") == pytest.approx(shorter)
    stay = present.everybody["survival"].shift(month=1, fill_value=1.0).sum("month")
    saved = -20 * float((stay.sel(arm="with") - stay.sel(arm="without")).mean())
    assert estimate(found, "saved_months_per_event") == pytest.approx(saved)
    row = found.estimates[found.estimates["quantity"] == "additional"].iloc[0]
    side = max(float((h > 0).mean()), float((h < 0).mean()))
    assert row["p_direction"] == pytest.approx(side)
    assert row["rope"] == 0.01


def test_without_months_after_the_window_nothing_is_taken_apart(fit: Fit) -> None:
    found = answer(fit, horizon_months=4).estimates
    assert "additional" not in set(found["quantity"])
    assert "risk_difference" in set(found["quantity"])


def test_effects_are_told_apart(fit: Fit) -> None:
    total = answer(fit)
    direct = answer(fit, effect="controlled_direct", exit="assisted")
    assert set(direct.estimates["effect"]) == {"controlled_direct"}
    assert set(direct.estimates["exit"].dropna()) == {"assisted"}
    at = {"exit": "assisted", "arm": "with", "month": 8}
    alone = estimate(direct, "cumulative_incidence", **at)
    assert alone > estimate(total, "cumulative_incidence", **at)  # nobody leaves otherwise
    parts = answer(fit, effect="separable", exit="assisted")
    at = {"exit": "assisted", "month": 8}
    both = [estimate(parts, f"separable_{name}", **at) for name in ("direct", "indirect")]
    whole = estimate(parts, "risk_difference", **at)
    assert sum(both) == pytest.approx(whole, abs=1e-12)
    assert whole == pytest.approx(estimate(total, "risk_difference", **at), abs=1e-12)


def test_groups_average_to_everybody(fit: Fit) -> None:
    found = answer(fit, by=["nationality", "centre_size"]).draws
    everybody = found["cumulative_incidence"]
    for by in ("nationality", "centre_size"):
        share = found[f"n_persons_by_{by}"] / found[f"n_persons_by_{by}"].sum()
        mean = (found[f"cumulative_incidence_by_{by}"] * share).sum(by)
        np.testing.assert_allclose(mean.transpose(*everybody.dims), everybody, rtol=1e-10)
        assert int(found[f"n_persons_by_{by}"].min()) >= 30
        assert found.sizes[by] > 1


def test_paths_of_the_table_weigh_levels_to_everybody(fit: Fit) -> None:
    found = answer(fit, by=["nationality"])
    own = found.estimates[found.estimates["by"].eq("nationality")].set_index("level")
    paths = own.loc[own["quantity"] == "paths", "estimate"].astype(float)
    at = {"quantity": "risk_difference", "exit": "assisted", "month": 8}
    levels = own[(own[[*at]] == pd.Series(at)).all(axis=1)]["estimate"].astype(float)
    whole = estimate(found, **at, by=None)
    assert int(paths.sum()) == found.facts["paths"]
    # An average of probabilities is off by a few times the rounding error of doubles.
    assert (levels * paths).sum() / paths.sum() == pytest.approx(whole, abs=1e-12)
    assert levels.mean() != pytest.approx(whole, abs=1e-12)  # negative control: levels alike


def test_new_centres_are_less_certain(fit: Fit) -> None:
    """One unseen centre for all: its spread is that of a centre, not that of their mean."""
    seen, new = answer(fit), answer(fit, centres="new")
    left = [each.draws["cumulative_incidence"].sel(arm="without", month=8) for each in (seen, new)]
    sd = [each.std(("chain", "draw")).values for each in left]
    assert (sd[1] > 2 * sd[0]).all()
    again = answer(fit, centres="new").draws["cumulative_incidence"]
    xr.testing.assert_identical(again, new.draws["cumulative_incidence"])
    other = answer(fit, centres="new", seed=1).draws["cumulative_incidence"]
    assert float(abs(other - again).max()) > 1e-3


def test_starts_and_thinning_are_facts(fit: Fit) -> None:
    found = answer(fit, draws=6).facts
    assert (found["draws"], found["posterior_draws"]) == (6, 24)
    panel = fit.panel.frame
    month = int(panel["calendar"].iloc[fit.design.row].mode().iloc[0])
    at_risk = panel["calendar"].iloc[fit.design.row].eq(month).sum()
    assert answer(fit, starts=months.month_text(month)).facts["paths"] == at_risk
    assert answer(fit, starts="drawn").facts["paths"] == answer(fit).facts["paths"]


# --- support ------------------------------------------------------------------------------------
MANY = {
    "name": "many",
    "interventions": [{"kind": "none", "term": TERM}]
    + [{"kind": "added", "term": TERM, "month": m, "events": 1} for m in range(1, 9)],
}
NONE = {"name": "none", "interventions": [{"kind": "none", "term": TERM}]}


def test_support_is_a_number_of_the_table(fit: Fit) -> None:
    found = answer(fit)
    shares = [estimate(found, "positivity_violation_share", arm=name) for name in ARMS]
    assert shares == [each["flagged"] for each in found.facts["support"].values()]
    assert shares == [0.0, 0.0]
    for quantity, name in (("positivity_violation", "flagged"), ("unseen_history", "unseen")):
        for ending in ("", "_within_network"):
            told = [estimate(found, f"{quantity}_share{ending}", arm=arm) for arm in ARMS]
            facts = found.facts["support"].values()
            assert told == [each[f"{name}{ending}"] for each in facts]


def test_support_is_judged_within_the_centre_too(fit: Fit) -> None:
    """An event was seen at one centre only: of the others its history is unseen there."""
    panel, history = fit.panel.frame, fit.panel.histories[TERM]
    where = panel["centre"].eq(panel["centre"].iloc[fit.design.row].mode().iloc[0]).to_numpy()
    lone = replace(fit.panel, histories={TERM: history.where(xr.DataArray(where, dims="row"), 0.0)})
    support = answer(replace(fit, rows=lone), refuse_share=1.0).facts["support"]["with"]
    assert support["unseen"] <= 0.01
    rows = interventions.first_rows(panel, fit.design.row)
    elsewhere = 1 - where[rows].mean()
    # Of the 8 months of a path elsewhere, those in which a lag from 0 to 3 sees the event: half.
    assert support["unseen_within_network"] >= 0.9 * elsewhere / 2
    assert support["unseen_within_network"] > support["unseen"]


def test_arms_far_from_what_was_seen_are_refused(fit: Fit) -> None:
    """Only histories without any event were observed; the arm has four of four in the end."""
    histories = {TERM: fit.panel.histories[TERM] * 0}
    lone = replace(fit, rows=replace(fit.panel, histories=histories))
    with pytest.raises(EstimandError, match="histories of an arm must be near observed ones"):
        answer(lone, arms=[NONE, MANY])
    found = answer(lone, arms=[NONE, MANY], refuse_share=1.0)
    # Months 1 to 8 of a path see 1, 2, 3, 4, 4, ... events; more than one is far: 7 of 8 months.
    assert estimate(found, "positivity_violation_share", arm="many") >= 7 / 8
    assert estimate(found, "positivity_violation_share", arm="none") < 3 / 8


def test_support_is_that_of_both_terms_of_an_event(fit: Fit) -> None:
    """Of those at risk only histories without any event were observed; the arm has many."""
    content = spec_of(arms=[NONE, MANY], refuse_share=1.0).model_dump()
    (event,) = [term for term in content["term"] if term["kind"] == "lagged"]
    there = {**event, "lags": (1, 8), "history_before_risk": "zero"}
    spec = ModelSpec.model_validate({**content, "term": [*content["term"], there]})
    panel, found = fit.panel.frame, fit.panel.registers
    assert found is not None
    histories = exposures.register_histories(panel, found, spec.lagged)
    histories[f"{TERM}_at_risk"] = histories[f"{TERM}_at_risk"] * 0
    built = design.build(panel, histories, spec)
    drawn = laplace_draws.draws(
        laplace_draws.fit(parameterisation.standard(built)), 4, np.random.default_rng(1)
    )
    rows = replace(fit.panel, histories=histories)
    both = fit_of(drawn, built, rows, spec)
    [of_both] = averages_of(both)
    alone = answer(fit, arms=[NONE, MANY], refuse_share=1.0)  # the control: of one term
    # Months 1 to 8 of a path look back on 0 to 7 events since its start: more than one in 6 of 8.
    assert estimate(of_both, "positivity_violation_share", arm="many") >= 6 / 8
    assert estimate(alone, "positivity_violation_share", arm="many") < 6 / 8
    assert estimate(of_both, "positivity_violation_share", arm="none") < 3 / 8


# --- residents and costs ------------------------------------------------------------------------
# b, c, d live at A and e at B. Returned by force: c in February, b and e in March, d in May. Others
# at risk there in the month: b and d; d; nobody; nobody.
def test_residents_by_hand() -> None:
    def fetched(name: str, day: str, centre: str = "A") -> Person:
        stays = [(centre, "2005-01-01", day)]
        return Person(name, stays=stays, deportations=[(day, "asyl")])

    found = registers(
        fetched("b", "2005-03-10"),
        fetched("c", "2005-02-10"),
        fetched("d", "2005-05-10"),
        fetched("e", "2005-03-20", "B"),
        window=("2005-01", "2005-12", "2006-12"),
    )
    defined = regs.define(found, DataSpec())
    rows = fitting.Panel(panels.build(defined), {}, pd.DataFrame(), "registers", defined)
    term = specs.load(TEXT).lagged[0]
    assert sorted(residents_of_events(rows, term)) == [0, 0, 1, 2]
    assert mean_residents(rows, term, "observed") == 3 / 4
    two = term.model_copy(update={"at_least": 2})
    assert mean_residents(rows, two, "observed") is None  # it never happened
    table = replace(rows, registers=None)
    assert mean_residents(table, term, "observed") is None
    with pytest.raises(EstimandError, match="must be counted from registers"):
        residents_of_events(table, term)


def test_worked_example_of_the_report() -> None:
    """Twenty families, half a point more in each of five months: half an application."""
    month = np.arange(1, 7)
    left = {"without": 0 * month, "with": 0.005 * np.minimum(month, 5)}
    gone = np.array([left[name] for name in ARMS])[None, None, :, None]
    draws = xr.DataArray(
        np.repeat(gone, 4, axis=1),
        {"arm": [*ARMS], "exit": ["assisted"], "month": month},
        ("chain", "draw", "arm", "exit", "month"),
    )
    risks = xr.Dataset({"cumulative_incidence": draws, "survival": 1 - draws.sum("exit")})
    costs = {"month": {"value": 100.0, "year": 2015, "source": "an example only"}}
    wanted = GFormulaEstimand(kind="g_formula", term=TERM, horizon_months=6)
    spec = spec_of(horizon_months=6).model_copy(update={"costs": CostsSpec.model_validate(costs)})
    shares = [
        f"{name}{ending}" for name in ("flagged", "unseen") for ending in ("", WITHIN_NETWORK)
    ]
    support = {name: dict.fromkeys(shares, 0.0) for name in ARMS}
    present = RisksAtEvents(risks, 20, 20, PersonRisks(risks, 1.0))
    of = GFormulaAnswer(spec, wanted, Risks(risks, {}, support, {}), 20.0, present)
    told = pd.concat(estimates_of(of), ignore_index=True)
    extra = told[(told["quantity"] == "extra_exits_per_event") & (told["month"] == 6)]
    assert extra["estimate"].item() == pytest.approx(0.5)
    # 20 x 0.005 x (1 + 2 + 3 + 4 + 5) months of stay fall away, at 100 each.
    saved = told[told["quantity"] == "saved_months_per_event"]["estimate"].item()
    assert saved == pytest.approx(1.5)
    cost = told[told["quantity"] == "cost_change_per_event"]
    assert cost["estimate"].item() == pytest.approx(-150)
    assert (cost["unit"].item(), cost["month"].item()) == ("NOK, prices of 2015", 6)
    # Prices rose by a quarter: 150 of 2015 are 187.5 of 2016.
    index = {"prices_of": 2016, "index": {2015: 80, 2016: 100}, "index_source": "an example only"}
    later = spec.model_copy(update={"costs": CostsSpec.model_validate({**costs, **index})})
    told = pd.concat(estimates_of(replace(of, spec=later)), ignore_index=True)
    cost = told[told["quantity"] == "cost_change_per_event"]
    assert cost["estimate"].item() == pytest.approx(-187.5)
    assert cost["unit"].item() == "NOK, prices of 2016"


COSTS = """
[costs]
month = { value = 1000, year = 2010, source = "an example only" }
exits.assisted = { value = 3000, year = 2012, source = "an example only" }
exits.forced = { value = 5000, year = 2015, source = "an example only" }
"""


def with_costs(fit: Fit, *, sizes: np.ndarray | None = None, **costs: object) -> Fit:
    """The same with costs, and with sizes of the families in place of their own."""
    panel = fit.panel.frame if sizes is None else fit.panel.frame.assign(family_size=sizes)
    given = {**specs.load(TEXT + COSTS).model_dump()["costs"], **costs}
    spec = spec_of().model_copy(update={"costs": CostsSpec.model_validate(given)})
    return replace(fit, spec=spec, rows=replace(fit.panel, frame=panel))


def cost(fit: Fit) -> pd.Series:
    [found] = averages_of(fit)
    rows = found.estimates
    return rows[rows["quantity"] == "cost_change_per_event"].iloc[0]


def test_costs_are_those_of_every_path_by_itself(fit: Fit) -> None:
    """Every path with its own risks, and its size looked up in the panel."""
    given = with_costs(fit, persons="family_size")
    [wanted] = given.spec.estimand
    assert isinstance(wanted, GFormulaEstimand)
    rows = present_rows(fit)
    of = interventions.paths(fit.panel.frame, rows, horizon=8, each="row")
    around = interventions.from_registers(of, fit.panel.registers, fit.spec.lagged)
    beta = incidence.coefficients(fit.draws, fit.design)
    parts = g_formula.path_rows(around, wanted.compared, fit.design, fit.spec)
    each = g_formula.standardise_by(beta, parts, {"path": np.arange(len(of.row))})["path"]
    left = each["cumulative_incidence"].sel(month=8)
    paid = 3000 * left.sel(exit="assisted") + 5000 * left.sel(exit="forced")
    paid = paid + 1000 * each["survival"].sel(month=slice(1, 7)).sum("month")
    by_path = (paid.sel(arm="with") - paid.sel(arm="without")).mean(("chain", "draw")).values
    size = fit.panel.frame["family_size"].to_numpy()[of.row]
    found = averages_of(given)[0]
    residents = found.facts["residents_per_event"]
    own = residents * float((size * by_path).mean())
    told = cost(given)["estimate"]
    # Differences of a hundredth of sums of hundreds of terms of 2e-16: ten digits are left.
    assert told == pytest.approx(own, rel=1e-9)
    assert found.facts["persons_per_path"] == pytest.approx(size.mean(), rel=1e-12)
    # Negative controls: sizes of other families, and the product of means.
    other = residents * float((np.roll(size, 1) * by_path).mean())
    means = residents * size.mean() * by_path.mean()
    assert abs(other - own) > 1e-6 * abs(own)
    assert abs(means - own) > 1e-6 * abs(own)
    assert cost(with_costs(fit, persons=float(size.mean())))["estimate"] == pytest.approx(means)


def test_families_of_one_person_are_the_number_one(fit: Fit) -> None:
    ones = np.ones(len(fit.panel.frame), dtype=np.int64)
    by_column, number = with_costs(fit, sizes=ones, persons="family_size"), with_costs(fit)
    found, expected = (averages_of(each)[0] for each in (by_column, number))
    pd.testing.assert_frame_equal(found.estimates, expected.estimates)
    xr.testing.assert_identical(found.draws, expected.draws)


def test_persons_that_cannot_be_counted_are_told_before_sampling(fit: Fit) -> None:
    stages: list[str] = []
    with pytest.raises(EstimandError, match=r"^persons of costs must be a number or a column"):
        fitting.fit(
            fit.panel,
            with_costs(fit, persons="family_sizes").spec,
            nuts.SamplerSettings(),
            progress=lambda stage, _: stages.append(stage),
        )
    assert stages == ["design"]


# --- average change, ready tables ---------------------------------------------------------------
def test_average_change_is_that_of_changes(fit: Fit) -> None:
    spec = ModelSpec.model_validate(
        {**fit.spec.model_dump(), "estimand": [{"kind": "average_marginal_effect", "term": TERM}]}
    )
    [found] = averages_of(replace(fit, spec=spec))
    beta = incidence.coefficients(fit.draws, fit.design)
    direct = marginal_effects.changes(beta, fit.design, spec.lagged)["average_marginal_effect"]
    at = {"lag": 2, "exit": "assisted"}
    mean = float(direct.sel(at).mean())
    assert estimate(found, "average_marginal_effect", **at) == pytest.approx(mean, rel=1e-12)
    total = float(direct.sum("lag").sel(exit="assisted").mean())
    assert estimate(found, "cumulative_marginal_effect", exit="assisted") == pytest.approx(
        total, rel=1e-12
    )
    assert set(found.estimates["term"]) == {TERM}


def test_a_ready_table_says_why_there_is_no_answer(fit: Fit) -> None:
    table = replace(fit.panel, registers=None)
    found = answer(replace(fit, rows=table), by=["centre_size"])
    assert "must come from registers" in found.facts["unanswered"]
    assert found.estimates.empty
    with pytest.raises(EstimandError, match=r"^paths must start at one row"):
        answer(fit, starts="1990-01")
