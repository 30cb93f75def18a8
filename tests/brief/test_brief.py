"""The brief: catalogues, numbers, wording, banners, escaping and accessibility."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from contrast import contrast_with_white
from hazard import brief, languages, spec
from hazard.fitting import Fit
from hazard.output import figures
from hazard.spec import BaselinesSpec
from pages import LANGUAGES, Tree, claims, numbers, rows_of
from small_runs import gate_table, small_published, small_run

PAGES: Mapping[str, Callable[[], Any]] = {
    "registers": small_run,
    "simulated": lambda: small_run(source="simulated registers", passed=False),
    "no exposure": lambda: small_run("mgus2"),
    "own history": lambda: small_run("rossi_employment"),
    "panel alone": lambda: without_estimands(small_run("rossi_employment")),
    "approximate": lambda: approximate_run(None),
    "approximate, checked": lambda: approximate_run(CHECKED),
    "costs": lambda: small_run("forced_return_costs"),
    "costs, converted": lambda: run_with_costs(
        persons=1.35,
        prices_of=2016,
        index={"2012": 80, "2014": 87.5, "2016": 100},
        index_source="an index of no country",
    ),
    "unanswered": lambda: unanswered_run("dated events must come from registers."),
    "published": lambda: small_published(np.random.default_rng(1)),
    "published failed": lambda: small_published(np.random.default_rng(1), passed=False),
}


CHECKED = {
    "same_model": True,
    "same_rows": False,
    "posterior_digest": "2" * 64,
    "numbers": 400,
    "checked": 380,
    "median_apart": 0.0312,
    "largest_apart": 0.1711,
    "largest_apart_of_an_end": 0.2521,
}


def approximate_run(checked_by: Mapping[str, Any] | None) -> Fit:
    """A run of the approximate engine, which has no gate."""
    run = small_run()
    own = {**run.facts, "gate": None, "limits": None, "checked_by": checked_by}
    return replace(run, gate=None, facts=own)


def run_with_costs(**changed: Any) -> Fit:
    """A run of the bundled model with other costs."""
    run = small_run("forced_return_costs")
    assert run.spec.costs is not None
    costs = spec.CostsSpec.model_validate({**run.spec.costs.model_dump(), **changed})
    return replace(run, spec=run.spec.model_copy(update={"costs": costs}))


def unanswered_run(reason: str) -> Fit:
    """A run of a ready table, which cannot answer what takes registers."""
    run = small_run(source="table")
    facts = {"g_formula": {"unanswered": reason}}
    kept = run.estimates[run.estimates["estimand"].isna()]
    return replace(run, estimates=kept, facts={**run.facts, "answers": facts})


def identified_run() -> Fit:
    """A run whose model file says by what right differences are effects."""
    run = small_run()
    stated = spec.IdentificationSpec(
        strategy="no confounding given the terms", assumptions=("Police look at nothing else.",)
    )
    return replace(run, spec=run.spec.model_copy(update={"identification": stated}))


def without_estimands(run: Fit) -> Fit:
    """A run whose model asks for nothing: the panel is all that it can tell."""
    model = run.spec.model_copy(update={"estimand": (), "term": ()})
    counted = run.estimates[run.estimates["estimator"] == "Aalen-Johansen"]
    return replace(run, spec=model, estimates=counted)


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, str], str]:
    return {
        (kind, lang): brief.html(make(), lang) for kind, make in PAGES.items() for lang in LANGUAGES
    }


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, for tests that look at texts and tables."""
    for name in ("incidence", "lag_curves", "more_or_earlier", "more_by_level"):
        monkeypatch.setattr(figures, name, lambda *_, **__: Figure())


# --- reading a page -------------------------------------------------------------------------------


# --- texts ----------------------------------------------------------------------------------------
def test_english_texts_are_those_of_the_model_files() -> None:
    english, norwegian = (languages.words("shared.text", lang) for lang in ("en", "nb"))
    models = [spec.read(path.stem) for path in spec.models_folder().glob("*.toml")]
    questions = {f"question_{model.name}": model.question for model in models}
    assert questions == {k: v for k, v in english.items() if k.startswith("question_")}
    reasons = {term.prior.reason for term in spec.read("oslo2016").term}
    assert reasons <= set(english.values())
    assert [k for k in english if english[k] == norwegian[k]] == []


# --- numbers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", PAGES)
def test_languages_hold_the_same_numbers(pages: dict[tuple[str, str], str], kind: str) -> None:
    found = {lang: numbers(Tree(pages[kind, lang]).said(), lang) for lang in LANGUAGES}
    assert found["nb"] == found["en"]
    assert sum(found["en"].values()) > 100


def test_a_changed_number_is_seen(pages: dict[tuple[str, str], str]) -> None:
    page = Tree(pages["registers", "nb"]).said()
    assert numbers(page.replace("37 (", "38 (", 1), "nb") != numbers(page, "nb")


def printed_problems(page: str, run: Fit) -> list[str]:
    """Cells of the table of results that are not a rounded number of the estimates."""
    own = run.estimates[run.estimates["estimand"] == "g_formula"]
    own = own[own["quantity"].isin(["cumulative_incidence", "risk_difference"])]
    problems = []
    cells = [row[-4:] for row in rows_of(page, "table-incidence")]
    labels = [(exit_name, month) for exit_name in run.spec.outcome.exits for month in (6, 12, 24)]
    for (exit_name, month), (within, *values) in zip(labels, cells, strict=True):
        assert within == f"{month} months"
        for arm, cell in zip(("with", "without", "with - without"), values, strict=True):
            at = own[(own["exit"] == exit_name) & (own["month"] == month) & (own["arm"] == arm)]
            row = at.iloc[0]
            if not printed_is(cell, row):
                problems.append(f"{exit_name} {month} {arm}: {cell}")
    return problems


def printed_is(cell: str, row: pd.Series) -> bool:
    texts = re.findall(r"[−+]?\d+(?:\.\d+)?", cell.replace(",", ""))
    decimals = {len(text.partition(".")[2]) for text in texts}
    [places] = decimals
    unit = 10.0**-places
    printed = [float(text.replace("−", "-")) for text in texts]
    exact = [100 * float(row[name]) for name in ("estimate", "lower", "upper")]
    return unit >= 100 * row["mcse"] and all(
        abs(a - b) <= unit / 2 + 1e-9 for a, b in zip(printed, exact, strict=True)
    )


def test_results_are_numbers_of_the_estimates(pages: dict[tuple[str, str], str]) -> None:
    assert printed_problems(pages["registers", "en"], small_run()) == []


def test_results_a_month_away_are_found(pages: dict[tuple[str, str], str]) -> None:
    run = small_run()
    run.estimates["month"] = run.estimates["month"] + 1
    assert len(printed_problems(pages["registers", "en"], run)) > 10


@pytest.mark.usefixtures("undrawn")
def test_rough_draws_print_fewer_digits() -> None:
    run = small_run()
    run.estimates["mcse"] = 0.003  # 2.67 x 0.3 = 0.8 points: no decimals
    page = brief.html(run, "en")
    assert printed_problems(page, run) == []
    assert [row[-1] for row in rows_of(page, "table-incidence") if "." in row[-1]] == []


@pytest.mark.usefixtures("undrawn")
def test_numbers_that_stand_together_have_as_many_digits() -> None:
    run = small_run()
    last = run.estimates["month"].eq(24) & run.estimates["arm"].eq("with")
    run.estimates.loc[last, "mcse"] = 0.003
    shares = [
        cell for row in rows_of(brief.html(run, "en"), "table-incidence") for cell in row[-3:-1]
    ]
    assert len(shares) == 18
    assert [cell for cell in shares if "." in cell] == []


# Months 12 and 24 of the first exit, by hand: 40 (1 - exp(-12/9)) = 29.5 of 1,000 without, and with
# it 0.9 x 31 = 27.9 more; in the end 0.7 x 31 = 21.7 more.
def test_answer_by_hand(pages: dict[tuple[str, str], str]) -> None:
    english = Tree(pages["registers", "en"]).said().replace("\u00a0", " ")
    assert (
        "With a forced return at the same centre, about 57 (40 to 75) of 1,000 families have "
        "applied for assisted return within 12 months; without, 29 (21 to 38). "
        "Difference: +28 (+17 to +39). After 24 months: +22 (+11 to +33)."
    ) in english
    norwegian = Tree(pages["registers", "nb"]).said().replace("\u00a0", " ")
    assert (
        "Med en tvangsretur på samme mottak: Om lag 57 (40 til 75) av 1\u202f000 familier har søkt "
        "om assistert retur innen 12 måneder. Uten: 29 (21 til 38). "
        "Forskjell: +28 (+17 til +39). Etter 24 måneder: +22 (+11 til +33)."
    ) in norwegian


def test_verdicts_follow_the_probabilities(pages: dict[tuple[str, str], str]) -> None:
    page = Tree(pages["registers", "en"]).said()
    assert "Applied for assisted return: more." in page
    assert "Disappeared from the centre: fewer." in page
    assert "Returned by force: cannot tell." in page
    assert "after 24 months is larger than 0.5 per 100, the least that matters" in page
    norwegian = Tree(pages["registers", "nb"]).said()
    assert "Søkt om assistert retur: flere." in norwegian
    assert "større enn 0,5 per 100, det minste som betyr noe" in norwegian


@pytest.mark.usefixtures("undrawn")
def test_a_wider_interval_at_the_horizon_is_no_verdict_on_the_change() -> None:
    run = small_run()
    rows = run.estimates
    last = rows["quantity"].eq("risk_difference") & rows["month"].eq(24)
    rows.loc[last, "lower"], rows.loc[last, "upper"] = -0.1, 0.1
    rows.loc[last, ["p_above_rope", "p_below_rope"]] = 0.6, 0.2
    page = Tree(brief.html(run, "en")).said()
    assert page.count(": cannot tell.") == 3
    assert "no clear difference" not in page[: page.index("How sure")]
    within = last & rows["exit"].eq("assisted")
    rows.loc[within, ["p_above_rope", "p_below_rope"]] = 0.01, 0.01
    displaced = rows["quantity"].eq("net_displacement") & rows["exit"].eq("assisted")
    rows.loc[displaced, ["p_above_rope", "p_below_rope"]] = 0.99, 0.0
    page = Tree(brief.html(run, "en")).said()
    assert "Applied for assisted return: as many, but earlier." in page
    assert page.count(": cannot tell.") == 2


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("lang", "told", "rule"),
    [
        ("en", "These numbers hold all else that happens around a family", "does not state which"),
        (
            "nb",
            "Disse tallene holder alt annet som skjer rundt en familie",
            "sier ikke hvilken",
        ),
    ],
)
def test_without_an_answer_by_the_g_formula_page_one_says_what_it_holds(
    lang: str, told: str, rule: str
) -> None:
    run = small_run()
    kept = run.estimates[run.estimates["estimand"].isna()]
    page = Tree(brief.html(replace(run, estimates=kept), lang)).said().replace("\u00a0", " ")
    assert page.count(told) == 1
    assert rule in page  # the incidence of the model file has no region of practical equivalence
    # 21 (1 - exp(-3)) = 20 of 1,000 after 12 months, as the first month goes on
    assert {"en": "Difference: +20 (+7", "nb": "Forskjell: +20 (+7"}[lang] in page
    paths = Tree(brief.html(run, lang)).said()  # negative control
    assert told not in paths
    assert {"en": "Time passes, and other events", "nb": "Tiden går, og andre"}[lang] in paths


# Every share is 0.1 larger, so that none is below 5 in 100; all differences are one and the same.
SCALES = {
    "2 in 100, clear": ((0.02, 0.01, 0.03), "of 100 families", "+2 (+1 to +3)"),
    "2 in 100, unclear": ((0.02, -0.01, 0.05), "of 100 families", "+2 (−1 to +5)"),
    "under 1 in 100, clear": ((-0.004, -0.006, -0.002), "of 1,000 families", "−4 (−6 to −2)"),
    "under 1 in 100, unclear": ((-0.004, -0.011, 0.003), "of 1,000 families", "−4 (−11 to +3)"),
    "an end near 0": ((-0.012, -0.022, -0.002), "of 1,000 families", "−12 (−22 to −2)"),
    "under 1 in 1,000": ((-0.0005, -0.0007, -0.0003), "of 10,000 families", "−5 (−7 to −3)"),
    "nothing to see": ((0.0001, -0.0151, 0.0153), "of 1,000 families", "0 (−15 to +15)"),
}


@pytest.mark.parametrize("case", SCALES)
@pytest.mark.usefixtures("undrawn")
def test_one_denominator_in_which_no_difference_is_lost(case: str) -> None:
    run = small_run()
    numbers, of, told = SCALES[case]
    shares = run.estimates["quantity"].eq("cumulative_incidence")
    differences = run.estimates["quantity"].eq("risk_difference")
    for name, value in zip(("estimate", "lower", "upper"), numbers, strict=True):
        run.estimates.loc[shares, name] = 0.1 + run.estimates.loc[shares, name]
        run.estimates.loc[differences, name] = value
    run.estimates["mcse"] = 1e-6
    said = Tree(brief.html(run, "en")).said().replace("\u00a0", " ")
    assert set(re.findall(r"of 1[0,]*0 families", said)) == {of}
    assert f"Difference: {told}. After 24 months: {told}." in said
    norwegian = Tree(brief.html(run, "nb")).said().replace("\u00a0", " ")
    comma = told.replace("to", "til")
    assert f"Forskjell: {comma}. Etter 24 måneder: {comma}." in norwegian


@pytest.mark.usefixtures("undrawn")
def test_small_shares_are_told_of_a_thousand() -> None:
    """Without the shares above, the differences of the first case are told of 1,000."""
    run = small_run()
    differences = run.estimates["quantity"].eq("risk_difference")
    for name, value in zip(("estimate", "lower", "upper"), (0.02, 0.01, 0.03), strict=True):
        run.estimates.loc[differences, name] = value
    assert "of 1,000 families" in brief.html(run, "en")


# --- small numbers --------------------------------------------------------------------------------
def test_numbers_of_persons_under_ten_are_not_told(pages: dict[tuple[str, str], str]) -> None:
    flow = [row[-2:] for row in rows_of(pages["registers", "en"], "table-flow")]
    assert flow == [["1,389", "1,030"], ["under 10"] * 2, ["613"] * 2, ["under 10"] * 2, ["43"] * 2]
    said = Tree(pages["registers", "en"]).said()
    assert "88 have applied" in said
    assert "under 10 have been returned by force" in said
    assert "This settled under 10 families." in said
    assert "færre enn 10 er tvangsreturnert" in Tree(pages["registers", "nb"]).said()


# --- wording --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", PAGES)
def test_pages_speak_of_association(
    pages: dict[tuple[str, str], str], kind: str, lang: str
) -> None:
    # Titles are cited, and reasons are quoted from the model file.
    assert claims(Tree(pages[kind, lang]).said(without=("cite", "q"))) == []


def test_planted_claims_are_found(pages: dict[tuple[str, str], str]) -> None:
    for claim in ("An effect of", "which causes", "Det fører til", "Effekten er", "påvirker"):
        assert len(claims(claim)) == 1
    assert claims(Tree(pages["registers", "nb"]).said(without=("q",))) == ["Effekter"]


def test_effects_are_named_where_the_model_file_declares_them() -> None:
    page = Tree(brief.html(identified_run(), "en")).said()
    assert "The numbers are effects of a forced return at the same centre, if" in page
    assert "no confounding given the terms" in page
    assert "Police look at nothing else." in page
    assert "describe an association" not in page
    norwegian = Tree(brief.html(identified_run(), "nb")).said()
    assert "Tallene er effekter av en tvangsretur på samme mottak, hvis" in norwegian
    plain = Tree(brief.html(small_run(), "en")).said()  # negative control
    assert "describe an association" in plain
    assert "What must hold" not in plain


# --- more, or only earlier ------------------------------------------------------------------------
# Per 100, by hand: 3.1 at the end of the window, 0.7 x 3.1 = 2.2 at the horizon, 0.9 in between.
# 14 x 0.031 = 0.43 applications per event.
def test_more_or_earlier_by_hand(pages: dict[tuple[str, str], str]) -> None:
    page = Tree(pages["registers", "en"]).said().replace("\u00a0", " ")
    assert "+3.1 (+2.0 to +4.2) after 7 months; +2.2 (+1.1 to +3.3) after 24" in page
    assert "the first less the second: +0.9 (−0.2 to +2.0); it is above 0 with 75 percent" in page
    assert "−1.7 (−2.8 to −0.6) after 7 months; −1.2 (−2.3 to −0.1) after 24." in page
    assert "the first less the second: −0.5 (−1.6 to +0.6)" in page  # and is not cut at 0
    assert "Applied for assisted return: +0.43 (+0.23 to +0.63)" in page
    assert "on average 14.2 other families are there" in page
    assert "0.2 percent have a history that nobody in the whole panel had, and 0 percent" in page
    assert "Among those at the same centre it is 48.0 and 3.1 percent" in page
    assert "Caution: after 7 months the model lets" in page
    assert "total with regard to the ways of leaving" in page
    held = "Held as observed with the event and without, afterwards too: a forced return of someone"
    assert page.count(held) == 2  # on page one, and where the differences are explained
    assert "; an application for assisted return at the same centre; " in page
    norwegian = Tree(pages["registers", "nb"]).said().replace("\u00a0", " ")
    assert "+3,1 (+2,0 til +4,2) etter 7 måneder; +2,2 (+1,1 til +3,3) etter 24" in norwegian


def test_incidences_above_are_those_of_the_paths(pages: dict[tuple[str, str], str]) -> None:
    """The first sections have the numbers of the g-formula, not those of the first month held."""
    run = small_run()
    kept = run.estimates[run.estimates["estimand"].eq("g_formula")]
    counted = run.estimates[run.estimates["estimator"].ne("hazard model")]
    alone = brief.html(replace(run, estimates=pd.concat([counted, kept])), "en")
    shown = rows_of(pages["registers", "en"], "table-incidence")
    assert shown == rows_of(alone, "table-incidence")
    held = run.estimates[run.estimates["estimand"].isna()]  # negative control
    other = brief.html(replace(run, estimates=held), "en")
    assert shown != rows_of(other, "table-incidence")


def test_costs_are_told_with_year_and_source(pages: dict[tuple[str, str], str]) -> None:
    page = Tree(pages["costs", "en"]).said().replace("\u00a0", " ")
    assert "change by −45,000 (−56,000 to −34,000) NOK per event" in page
    assert "prices of 2012, 2014, 2016, not converted" in page
    assert "counted per person: a family has 1.37 on average. The event itself, 59,500" in page
    assert "each family counts with all its persons (column family_size of the" in page
    norwegian = Tree(pages["costs", "nb"]).said().replace("\u00a0", " ")
    assert "regnet per person; en familie har 1,37 i snitt. Hendelsen selv, 59" in norwegian
    [month, *_] = rows_of(pages["costs", "en"], "table-costs")
    assert month[:3] == ["A month", "11,800", "2016"]
    assert "NOK" not in Tree(pages["registers", "en"]).said()


def test_costs_in_prices_of_one_year_by_hand(pages: dict[tuple[str, str], str]) -> None:
    """42,000 / 0.8, and 59,500 / 0.875; those of 2016 stay."""
    for lang, told in (("en", "in prices of 2016; see"), ("nb", "i priser fra 2016; se")):
        page = Tree(pages["costs, converted", lang]).said().replace("\u00a0", " ")
        assert told in page
        assert "not converted" not in page
        assert "ikke omregnet" not in page
    page = Tree(pages["costs, converted", "en"]).said()
    assert "The event itself, 68,000 NOK, is not in it." in page
    assert "multiplied by 1.35, the persons in a row of the panel." in page
    assert "counted per person" not in page
    assert "2012: 80.0; 2014: 87.5; 2016: 100.0. Source of the index: an index of no" in page
    assert "In prices of 2016" in page
    rows = rows_of(pages["costs, converted", "en"], "table-costs")
    assert [row[1:4] for row in rows] == [
        ["11,800", "2016", "11,800"],
        ["59,500", "2014", "68,000"],
        ["42,000", "2012", "52,500"],
        ["59,500", "2014", "68,000"],
    ]
    assert "In prices of" not in Tree(pages["costs", "en"]).said()  # negative control


def test_why_there_is_no_answer(pages: dict[tuple[str, str], str]) -> None:
    page = Tree(pages["unanswered", "en"]).said()
    assert "could not answer the question of the model file: dated events must come" in page
    assert "Brought forward" not in page


# --- banners --------------------------------------------------------------------------------------
@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("source", ["registers", "simulated registers"])
@pytest.mark.usefixtures("undrawn")
def test_banners_stand_above_the_title_if_and_only_if_they_must(
    source: str, *, passed: bool
) -> None:
    page = brief.html(small_run(source=source, passed=passed), "en")
    top, rest = page.split("<h1>")
    assert ("Not final." in top) is not passed
    assert ("Simulated registers. No number" in top) is (source == "simulated registers")
    assert 'class="banner' not in rest


@pytest.mark.parametrize("engine", ["nuts", "laplace"])
@pytest.mark.usefixtures("undrawn")
def test_a_run_without_draws_says_how_it_was_made(engine: str) -> None:
    run = small_run()
    facts = {**run.facts, "gate": None, "limits": None}
    facts["settings"] = {**facts["settings"], "engine": engine}
    lost = replace(run, posterior=None, gate=None, facts=facts)
    page = brief.html(lost, "en")
    assert "Not checked." in page.split("<h1>")[0]
    assert ("The posterior was not sampled." in page) is (engine == "laplace")


def test_gate_of_evidence_has_the_banner(pages: dict[tuple[str, str], str]) -> None:
    assert "Not final." in pages["published failed", "en"].split("<h1>")[0]
    assert "Not final." not in pages["published", "en"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.usefixtures("undrawn")
def test_clusters_of_the_baselines_are_named_with_their_effective_number(lang: str) -> None:
    run, baselines = small_run(), BaselinesSpec(clusters=("nationality",))
    others = run.estimates["estimator"] == "multinomial logit"
    assert others.any()
    said = {}
    for errors in (
        "clustered by nationality",
        "clustered by nationality (jackknife; 3.4 effective of 17)",
    ):
        told = run.estimates.assign(errors=run.estimates["errors"].mask(others, errors))
        model = run.spec.model_copy(update={"baselines": baselines})
        page = brief.html(replace(run, spec=model, estimates=told), lang)
        said[errors] = numbers(Tree(page).said(), lang)
    before, after = said.values()
    assert after - before == numbers("3.4 17", "en")


@pytest.mark.usefixtures("undrawn")
def test_gate_says_which_limit_is_broken() -> None:
    page = brief.html(small_run(passed=False), "en")
    said = Tree(page).said()
    assert (
        "does not keep these limits: Agreement of chains (R-hat); Divergent transitions. Of 4 "
        "quantities, 1 break one; of the 3 that this page is about, 0."
    ) in said
    rows = {row[0]: row[1:] for row in rows_of(page, "table-gate")}
    assert rows["Agreement of chains (R-hat)"] == ["at most 1.01", "1.234", "1.001", "no"]
    assert rows["Divergent transitions"] == ["at most 0", "3", "–", "no"]
    assert rows["Energy (BFMI)"] == ["at least 0.30", "0.90", "–", "yes"]


@pytest.mark.usefixtures("undrawn")
def test_gate_without_records_is_no_pass() -> None:
    run = small_run()
    assert run.gate is not None
    lost = replace(run.gate, failures=("a sentence",), divergences=None, bfmi=())
    page = brief.html(replace(run, gate=lost), "en")
    rows = {row[0]: row[1:] for row in rows_of(page, "table-gate")}
    assert rows["Divergent transitions"] == ["at most 0", "–", "–", "no"]
    assert rows["Energy (BFMI)"] == ["at least 0.30", "–", "–", "no"]


# --- a page that needs nothing but itself, and trusts nothing -------------------------------------
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}{people}$\\frac{"


def hostile_run() -> Fit:
    run = small_run(source="simulated registers", passed=False)
    old, exits = run.spec.outcome.exits, tuple(f"{HOSTILE}{k}" for k in range(3))
    swap = dict(zip(old, exits, strict=True))
    model = run.spec.model_copy(
        update={
            "name": HOSTILE,
            "question": HOSTILE,
            "references": (HOSTILE,),
            "outcome": run.spec.outcome.model_copy(update={"exits": exits}),
            "table": run.spec.table.model_copy(update={"unit": HOSTILE}),
        }
    )
    manifest = {
        **run.facts,
        "versions": {HOSTILE: HOSTILE},
        "held": {HOSTILE: {"not_identified": 0, "at_minus_infinity": {}, "at_plus_infinity": {}}},
    }
    counts = dict.fromkeys(exits, 20)
    manifest["panel"] = {**manifest["panel"], "design_exits": counts}
    assert run.gate is not None
    return replace(
        run,
        spec=model,
        facts=manifest,
        estimates=run.estimates.assign(exit=run.estimates["exit"].map(swap)),
        predictive=run.predictive.assign(exit=run.predictive["exit"].map(swap)),
        gate=replace(run.gate, table=gate_table(model).assign(quantity=HOSTILE)),
        priors=run.priors.assign(name=HOSTILE, distribution=HOSTILE, reason=HOSTILE),
        flow=run.flow.assign(step=HOSTILE, reason=HOSTILE),
    )


def test_approximate_page_says_how_far_it_was_checked(pages: dict[tuple[str, str], str]) -> None:
    unchecked = Tree(pages["approximate", "en"]).said()
    assert "None of the numbers was compared with sampling." in unchecked
    checked = Tree(pages["approximate, checked", "en"]).said()
    assert "380 of 400 numbers" in checked
    assert "sampled the same model on other rows" in checked
    assert "differ by 0.03 posterior standard deviations, at most by 0.17, and by 0.25" in checked
    assert "0,17" in Tree(pages["approximate, checked", "nb"]).said()
    assert "compared with" not in Tree(pages["registers", "en"]).said()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_texts_are_texts(lang: str) -> None:
    tree = Tree(brief.html(hostile_run(), lang))
    assert tree.of("img") == []
    assert [a for _, attributes in tree.tags for a in attributes if a.startswith("on")] == []
    assert tree.said().count(HOSTILE) > 30


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", PAGES)
def test_page_loads_nothing(pages: dict[tuple[str, str], str], kind: str, lang: str) -> None:
    page = pages[kind, lang]
    tree = Tree(page)
    loaders = {"script", "link", "iframe", "object", "embed", "img", "image", "base", "form"}
    assert loaders & {tag for tag, _ in tree.tags} == set()
    for _, attributes in tree.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)", page))
    assert "http" not in page
    assert "@import" not in page


def test_page_is_the_same_again() -> None:
    assert brief.html(small_run(), "nb") == brief.html(small_run(), "nb")


# --- accessibility --------------------------------------------------------------------------------
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", PAGES)
def test_page_can_be_heard(pages: dict[tuple[str, str], str], kind: str, lang: str) -> None:
    tree = Tree(pages[kind, lang])
    assert [each["lang"] for each in tree.of("html")] == [lang]
    levels = [int(tag[1]) for tag, _ in tree.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    ids = [attributes["id"] for _, attributes in tree.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [
        attributes["aria-labelledby"]
        for _, attributes in tree.tags
        if "aria-labelledby" in attributes
    ]
    assert set(named) <= set(ids)
    tables = len(tree.of("table"))
    assert len(tree.of("caption")) == tables > 0
    assert {each.get("scope") for each in tree.of("th")} == {"col", "row", "rowgroup"}
    pictures = [each["aria-label"] for each in tree.of("div") if each.get("role") == "img"]
    assert len(pictures) == len(tree.of("svg")) > 0
    assert all(re.search(r"\d", text) for text in pictures)


@pytest.mark.parametrize("kind", PAGES)
def test_each_table_is_full(pages: dict[tuple[str, str], str], kind: str) -> None:
    page = pages[kind, "en"]
    for table in re.findall(r"<table>.*?</table>", page, flags=re.DOTALL):
        head, body = table.split("</thead>")
        width = head.count('<th scope="col">')
        grouped = 'scope="rowgroup"' in body
        for row in re.findall(r"<tr>.*?</tr>", body, flags=re.DOTALL):
            cells = len(re.findall(r"<t[hd][ >]", row)) - row.count('scope="rowgroup"')
            assert cells == width - grouped


def test_colours_of_the_page_stand_out() -> None:
    from importlib import resources

    style = resources.files("hazard.brief").joinpath("page.css").read_text(encoding="utf-8")
    inks = {six(colour) for colour in re.findall(r"(?<![-\w])color: (#\w+)", style)}
    grounds = {six(colour) for colour in re.findall(r"background: (#\w+)", style)}
    assert inks
    assert "#ffffff" in grounds
    for ink in inks:
        for ground in grounds:
            ratio = contrast_with_white(ink) / contrast_with_white(ground)
            assert ratio >= 4.5, (ink, ground)


def six(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


# --- content --------------------------------------------------------------------------------------
def test_figures_and_tables_are_numbered_in_their_order(
    pages: dict[tuple[str, str], str],
) -> None:
    page = pages["registers", "en"]
    for word in ("Figure", "Table"):
        found = [int(n) for n in re.findall(rf"<strong>{word} (\d+)\.</strong>", page)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= 3


def test_every_lagged_term_has_its_table(pages: dict[tuple[str, str], str]) -> None:
    for term in small_run().spec.lagged:
        rows = rows_of(pages["registers", "en"], f"table-{term.name}")
        assert len(rows) == 3 * (7 + 1)
        assert [row[-4] for row in rows[:8]] == [*"0123456", "Sum"]


@pytest.mark.usefixtures("undrawn")
def test_a_question_of_ones_own_stays_as_it_is() -> None:
    run = small_run()
    own = "Hvor mange forlater mottaket, og når?"
    page = brief.html(replace(run, spec=run.spec.model_copy(update={"question": own})), "nb")
    assert f"<h1>{own}</h1>" in page


def test_page_names_the_command_that_makes_it_again(
    pages: dict[tuple[str, str], str],
) -> None:
    draws = small_run().facts["settings"]["draws"]
    assert (
        "hazard run oslo2016 --registers REGISTERS --out RUN --engine nuts --seed 3 "
        f"--draws {draws}" in pages["registers", "nb"]
    )
    assert (
        "hazard run mgus2 --panel TABLE --out RUN --engine nuts --seed 3"
        in pages["no exposure", "nb"]
    )
    assert "hazard published --out PUBLISHED --seed 2016" in pages["published", "nb"]
