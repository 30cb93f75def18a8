"""What a reader is told of rows, states and held columns: on the terminal and in both briefs."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hazard import brief, spec
from hazard.brief import answer, coefficients, rows
from hazard.brief.language import language
from hazard.brief.view import View
from hazard.data import exposures
from hazard.data.left_out import LeftOut
from hazard.fitting import Panel, metadata, remarks
from hazard.fitting.flow import Losses
from hazard.fitting.remarks import notes
from hazard.model import design
from hazard.model.terms import lagged
from own_states import own_model, states
from small_runs import small_run

ESTIMAND = {"kind": "cumulative_incidence", "term": "state_own", "horizon_months": 6}


def asking(**changes: object) -> spec.ModelSpec:
    wanted = own_model().model_dump()
    return spec.ModelSpec.model_validate({**wanted, "estimand": [{**ESTIMAND, **changes}]})


def told(panel: pd.DataFrame, wanted: spec.ModelSpec) -> dict[str, object]:
    history = {"state_own": exposures.own_history(panel, wanted.lagged[0])}
    built = design.build(panel, history, wanted)
    return notes(Panel(panel, history, pd.DataFrame(), "table"), built, wanted)


def test_a_state_is_told_where_a_single_month_of_it_is_asked(rng: np.random.Generator) -> None:
    panel = states(rng, 300, 6)  # nine of ten months after one with it have it too
    found = told(panel, asking())
    after = panel["state"].shift(-1)[panel["person"].eq(panel["person"].shift(-1))]
    share = float(after[panel["state"] == 1].mean())
    assert found["states"] == {"state_own": pytest.approx(share)}
    assert remarks(found)[0].startswith("term 'state_own' is a state rather than an event: of the")
    assert told(panel, asking(exposure="sustained"))["states"] == {}
    coin = panel.assign(state=rng.integers(0, 2, len(panel)))  # negative control: no state
    assert told(coin, asking())["states"] == {}


def test_what_is_held_is_counted_by_persons(rng: np.random.Generator) -> None:
    panel = states(rng, 40, 6)
    found = told(panel, asking(term=None))
    moved = panel.groupby("person")["state"].nunique().gt(1).sum()
    assert found["held"] == {"state_own": moved}
    assert f"state_own ({moved} persons)" in remarks(found)[0]
    assert told(panel, asking())["held"] == {}


@pytest.mark.parametrize("lang", ["en", "nb"])
def test_brief_says_what_was_left_out(lang: str) -> None:
    lost = Losses(
        LeftOut(2888, 30687, 1190),
        LeftOut(1716, 16336, 552),
        {lagged.BEFORE_PERSON: LeftOut(2888, 14351, 638)},
    )
    run = small_run("rossi_employment")
    many = replace(run, facts={**run.facts, "flow": lost.facts()})
    [counts, warning] = rows.left_out(View(many, language(lang)))
    digits = [re.sub(r"\D", "", each) for each in re.findall(r"\d[\d,\s]*", counts.text)]
    assert digits[:6] == ["30687", "2888", "1190", "16336", "1716", "552"]
    assert [int(n) for n in re.findall(r"\d+", warning.text)] == [47, 41, 54]
    assert "history_before_start" in warning.text
    few = Losses(
        LeftOut(50, 1000, 40), LeftOut(50, 960, 40), {lagged.WITHOUT_ROW: LeftOut(9, 40, 0)}
    )
    some = replace(run, facts={**run.facts, "flow": few.facts()})
    assert len(rows.left_out(View(some, language(lang)))) == 1
    assert rows.left_out(View(run, language(lang))) == []


@pytest.mark.parametrize("lang", ["en", "nb"])
def test_brief_says_whom_the_window_leaves_out(lang: str) -> None:
    why = "spells without a whole year in the window"
    lost = Losses(LeftOut(933, 5280, 828), LeftOut(415, 4762, 319), {why: LeftOut(518, 518, 509)})
    run = small_run("senators")
    many = replace(run, facts={**run.facts, "flow": lost.facts()})
    [_, window] = rows.left_out(View(many, language(lang)))
    assert re.findall(r"[\d-]+", window.text) == ["1965-06", "2013-09", "56", "10", "61"]
    assert "window_start" not in window.text


@pytest.mark.parametrize(
    ("lang", "counted"), [("en", "Counted in the panel:"), ("nb", "Talt opp i panelet:")]
)
def test_headline_tells_what_was_counted_where_the_model_is_off(lang: str, counted: str) -> None:
    # Counted: 30 percent times 1 - exp(-t / 7); the model has 4 percent times 1 - exp(-t / 9).
    run = small_run("rossi")
    off = replace(run, facts={**run.facts, "notes": {"held": {"wexp": 34}}})
    [opening, points, notes_] = answer.sections(View(off, language(lang)))[0].blocks
    assert counted in points.items[0][1]
    assert "wexp" in notes_.text
    assert "34" in notes_.text
    own = run.estimates
    model = own["quantity"].eq("cumulative_incidence") & own["estimator"].eq("hazard model")
    same = own[model].assign(estimator="Aalen-Johansen")
    alike = pd.concat([own[own["estimator"].ne("Aalen-Johansen")], same], ignore_index=True)
    near = replace(off, estimates=alike)  # negative control: counted as the model has it
    [opening, points, notes_] = answer.sections(View(near, language(lang)))[0].blocks
    assert counted not in points.items[0][1]
    assert "wexp" not in notes_.text
    assert not re.search("happened|skjedde", opening.text)


@pytest.mark.parametrize("levels", [1, 3])
def test_answer_says_where_further_covariates_are(levels: int) -> None:
    run = small_run("rossi")
    names = [term.name for term in run.spec.term if term.kind == "covariate"]
    labels = [(name, None) for name in names[1:]]
    labels += [(names[0], None)] if levels == 1 else [(names[0], f"{k}") for k in range(levels)]
    made = pd.DataFrame(labels, columns=["term", "level"], dtype=object).assign(
        quantity="coefficient", estimator="hazard model", exit="arrest", ci_prob=0.95,
        estimate=0.1, lower=-0.1, upper=0.3, mcse=0.001, reference="a reference",
    )  # fmt: skip
    found = replace(run, estimates=pd.concat([run.estimates, made], ignore_index=True))
    view = View(found, language("en"))
    assert len(coefficients.in_words(view)) == min(len(labels), 8)
    assert coefficients.in_words(view)[0][0].endswith("one more:")  # single comparisons first
    assert (coefficients.further(view) != "") == (len(labels) > 8)


# --- exits that nobody takes, and times without anybody -------------------------------------------
def test_an_exit_that_never_occurs_is_told(rng: np.random.Generator) -> None:
    panel = states(rng, 60, 6)
    wanted = own_model()
    first = wanted.outcome.exits[0]
    never = panel.assign(exit=panel["exit"].where(panel["exit"] != first, "stay"))
    found = told(never, wanted)
    assert first in found["never"]
    assert f"no one left by way of {first!r}. Its numbers come from the prior" in remarks(found)[-1]
    assert first not in told(panel, wanted)["never"]  # negative control


@pytest.mark.parametrize("lang", ["en", "nb"])
def test_brief_says_what_nobody_was_there_for(lang: str) -> None:
    run = small_run("rossi_employment")
    metadata = {"unseen": {"last": 17, "horizon": 52, "gap": 5}}
    metadata["notes"] = {"states": {}, "held": {}, "never": ["arrest"]}
    many = replace(run, facts={**run.facts, **metadata})
    [block] = rows.unseen(View(many, language(lang)))
    assert re.findall(r"\d+", block.text) == ["17", "18", "52", "5"]
    arrested = language(lang).name("exit", "arrest")
    assert arrested in block.text
    assert block.text in brief.html(many, lang)
    assert rows.unseen(View(run, language(lang))) == []  # negative control


def test_what_nobody_was_there_for_by_hand() -> None:
    wanted = asking(horizon_months=6)
    rows_ = {"person": [0, 0, 1], "month": [1, 2, 4], "exit": ["stay", "a", "stay"]}
    panel = pd.DataFrame(rows_).astype({"exit": pd.CategoricalDtype(["stay", "a"])})
    assert metadata.unseen(panel, wanted) == {"last": 4, "horizon": 6, "gap": 3}
    [beyond, gap] = metadata.unseen_remarks(metadata.unseen(panel, wanted), "month")
    assert beyond.startswith("No one was observed beyond month 4; what is said of month 5 to 6")
    assert gap.startswith("Nobody is at risk in month 3,")
    assert metadata.unseen(panel.iloc[:2], asking(horizon_months=2)) == {}


@pytest.mark.parametrize("lang", ["en", "nb"])
def test_nobody_is_a_number_and_a_few_are_not(lang: str) -> None:
    tongue = language(lang)
    few = tongue.words["page"]["few"]
    assert [tongue.count(n) for n in (0, 1, 9, 10)] == ["0", few, few, "10"]


@pytest.mark.parametrize("lang", ["en", "nb"])
def test_infinities_of_either_sign_are_told_apart(lang: str) -> None:
    run = small_run()
    minus, plus = {"assisted": 5, "forced": 8}, {"assisted": 1, "forced": 2}
    held = {"not_identified": 4, "at_minus_infinity": minus, "at_plus_infinity": plus}
    page = brief.html(replace(run, facts={**run.facts, "held": {"multinomial logit": held}}), lang)
    word = {"en": "infinity", "nb": "uendelig"}[lang]
    [line] = [text for text in re.findall(r"<li>.*?</li>", page, re.DOTALL) if word in text]
    assert re.findall(r"\d+", re.sub("<[^>]*>", "", line)) == ["4", "13", "3"]
    signs = {"en": ("minus infinity", "plus infinity"), "nb": ("minus uendelig", "pluss uendelig")}
    assert [line.count(sign) for sign in signs[lang]] == [1, 1]
