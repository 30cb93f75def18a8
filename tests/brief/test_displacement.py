"""More, or only earlier, in the brief: its figure, and its groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from hazard import brief
from hazard.fitting import Fit
from hazard.output import figures
from hazard.spec import GFormulaEstimand, VariesBy
from pages import LANGUAGES, Tree, claims, numbers, rows_of
from small_runs import small_run

LEVELS = {"nationality": ("Chad", "Mali", "smaller ones"), "centre_size": ("20-39", "40 or more")}
PATHS = {"Chad": 311, "Mali": 204, "smaller ones": 88, "20-39": 598, "40 or more": 5}
VARIES = {
    "by": "nationality",
    "prior": {"family": "pooled", "scale": 0.5, "reason": "an example only"},
}


def grouped_run(by: Sequence[str] = tuple(LEVELS), **changed: Any) -> Fit:
    """A run with rows of groups; ``changed`` are fields of the estimand."""
    run = small_run()
    wanted = run.spec.estimand[-1]
    assert isinstance(wanted, GFormulaEstimand)
    own = wanted.model_copy(update={"by": tuple(by), **changed})
    model = run.spec.model_copy(update={"estimand": (*run.spec.estimand[:-1], own)})
    rows = pd.concat([run.estimates, pd.DataFrame(group_rows(own, model.outcome.exits))])
    rows = rows.astype({"month": "Int64", "lag": "Int64"})
    return replace(run, spec=model, estimates=rows.assign(ci_prob=0.95))


# Exit e of the level at place k: 1.1 (k + 1) - e in 100 after 7 months, twice that after 24.
def group_rows(wanted: GFormulaEstimand, exits: Sequence[str]) -> Iterator[dict[str, Any]]:
    own = {"estimator": "hazard model", "estimand": "g_formula", "effect": wanted.effect}
    own |= {"term": wanted.term}
    for by in wanted.by:
        for (k, level), (e, name) in product(enumerate(LEVELS[by]), enumerate(exits)):
            at = own | {"by": by, "level": level, "exit": name, "arm": "with - without"}
            value = 0.011 * (k + 1) - 0.01 * e
            yield at | {"quantity": "at_window_end", "month": 7} | interval(value)
            for month in (6, 12, 24):
                yield (
                    at
                    | {"quantity": "risk_difference", "month": month}
                    | interval(value * (2 if month == 24 else 1))
                )
        for level in LEVELS[by]:
            yield own | {"by": by, "level": level, "quantity": "paths", "estimate": PATHS[level]}


def interval(middle: float) -> dict[str, float]:
    ends = {"lower": -0.02, "lower_50": -0.01, "upper_50": 0.01, "upper": 0.02}
    return {"estimate": middle, "mcse": 1e-5, **{name: middle + by for name, by in ends.items()}}


OTHERS = ("incidence", "lag_curves", "predictive")
OWN = ("more_or_earlier", "more_by_level")


def empty(patch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    for name in names:
        patch.setattr(figures, name, lambda *_, **__: Figure())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures of other sections."""
    empty(monkeypatch, OTHERS)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, for tests that look at texts and tables."""
    empty(monkeypatch, (*OTHERS, *OWN))


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        empty(patch, OTHERS)
        return {lang: brief.html(grouped_run(), lang) for lang in LANGUAGES}


def said(page: str) -> str:
    return Tree(page).said().replace("\u00a0", " ")


# --- what the time after the window rests on ------------------------------------------------------
AFTER = {
    "en": (
        ("is the last in which the event acts in the model", "after 7 months the model lets those"),
        ("ends the window of the event", "is estimated from those who were there when it happened"),
    ),
    "nb": (
        ("er den siste der hendelsen virker i modellen", "Etter 7 måneder lar modellen dem med"),
        ("avslutter vinduet til hendelsen", "er anslått fra dem som var der da den skjedde"),
    ),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("longest", "kind"), [(None, 0), (22, 0), (23, 1)])
def test_after_the_window_it_is_said_what_acts(
    undrawn: None, lang: str, longest: int | None, kind: int
) -> None:
    run = grouped_run()
    if longest is not None:
        (event,) = [one for one in run.spec.lagged if one.name == "forced_return_centre"]
        there = {"lags": (1, longest), "history_before_risk": "zero"}
        model = run.spec.model_copy(
            update={"term": (*run.spec.term, event.model_copy(update=there))}
        )
        run = replace(run, spec=model)
    page = said(brief.html(run, lang))
    told, other = AFTER[lang][kind], AFTER[lang][1 - kind]
    assert all(text in page for text in told)
    assert not any(text in page for text in other)


# --- the figure ---------------------------------------------------------------------------------
def test_figure_says_what_it_shows_in_both_languages(pages: dict[str, str]) -> None:
    english, norwegian = said(pages["en"]), said(pages["nb"])
    assert (
        "total difference with regard to the ways of leaving, averaged over 603 families. Line: "
        "estimate. Bands: 50 and 95"
    ) in english
    assert "Dotted: month 7, the last in which the event acts in the model, and month 24" in english
    assert (
        "total forskjell med hensyn til utfallene, i gjennomsnitt for 603 familier. Linje: anslag. "
        "Bånd: 50- og 95-pro"
    ) in norwegian
    assert "Prikket: måned 7, den siste der hendelsen virker i modellen, og måned 24" in norwegian


# The figure marks the risk difference of month 7, which here is 0.9 x 3.1 = 2.8 per 100.
def test_figure_in_words_by_hand(pages: dict[str, str]) -> None:
    assert (
        "Applied for assisted return: after 7 months +2.8 (+1.7 to +3.9) per 100; "
        "after 24 months +2.2 (+1.1 to +3.3) per 100."
    ) in said(pages["en"])
    assert (
        "Søkt om assistert retur: etter 7 måneder +2,8 (+1,7 til +3,9) per 100; "
        "etter 24 måneder +2,2 (+1,1 til +3,3) per 100."
    ) in said(pages["nb"])


@pytest.mark.usefixtures("alone")
def test_figure_has_the_numbers_of_everybody(pages: dict[str, str]) -> None:
    run = grouped_run()
    rows = run.estimates[run.estimates["estimand"].eq("g_formula")]
    assert rows["by"].notna().any()
    alone = replace(run, estimates=run.estimates[run.estimates["by"].isna()])
    both = [figure(page) for page in (pages["en"], brief.html(alone, "en"))]
    assert both[0] == both[1]
    moved = alone.estimates["quantity"].eq("risk_difference") & alone.estimates["month"].eq(7)
    alone.estimates.loc[moved, "estimate"] += 0.004
    assert figure(brief.html(alone, "en")) != both[0]  # negative control


def figure(page: str, name: str = "more-g_formula-with") -> str:
    """The element of a figure, by what starts the ids in it."""
    [found] = [
        each for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if f'"{name}-' in each
    ]
    return str(found)


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        ("controlled_direct", "as if “Applied for assisted return” were the only way of leaving"),
        ("separable", "total difference, before it is taken apart"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_figure_names_the_kind_of_difference(effect: str, told: str) -> None:
    run = grouped_run((), effect=effect, exit="assisted")
    assert told in said(brief.html(run, "en"))
    assert told not in said(brief.html(grouped_run(()), "en"))  # negative control


@pytest.mark.usefixtures("undrawn")
def test_one_panel_has_no_scale_of_its_own() -> None:
    run = grouped_run((), effect="controlled_direct", exit="assisted")
    others = run.estimates["estimand"].eq("g_formula") & run.estimates["exit"].ne("assisted")
    kept = replace(run, estimates=run.estimates[~(others & run.estimates["exit"].notna())])
    counts = [said(brief.html(each, "en")).count("own scale") for each in (run, kept)]
    assert counts[0] - counts[1] == 1


@pytest.mark.usefixtures("undrawn")
def test_without_a_window_only_the_horizon_is_told() -> None:
    run = grouped_run(("nationality",))
    kept = run.estimates[~run.estimates["quantity"].isin(["at_window_end", "net_displacement"])]
    page = brief.html(replace(run, estimates=kept), "en")
    assert "Dotted: month 24, with the difference there." in said(page)
    assert rows_of(page, "table-more-g_formula-nationality-with")[1][-2:] == [
        "311",
        "+2.2 (+0.2\u00a0to\u00a0+4.2)",
    ]


@pytest.mark.parametrize(
    ("starts", "told"),
    [
        ("first", "from the first month at risk, as if"),
        ("drawn", "from one of its months at risk, drawn by lot, as if"),
        ("2014-06", "from 2014-06, if at risk then, as if"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_section_says_from_when_persons_are_followed(starts: str, told: str) -> None:
    page = said(brief.html(grouped_run((), starts=starts), "en"))
    assert page.count("is followed for 24 months from") == page.count(told) == 1


# --- groups -------------------------------------------------------------------------------------
# Chad, first exit: 1.1 per 100 after 7 months and 2.2 after 24; everybody as in the section.
def test_groups_by_hand(pages: dict[str, str]) -> None:
    rows = rows_of(pages["en"], "table-more-g_formula-nationality-with")
    plain = [[cell.replace("\u00a0", " ") for cell in row] for row in rows]
    assert len(plain) == 3 * 4
    assert plain[0] == [
        "Applied for assisted return",
        "Everybody",
        "603",
        "+3.1 (+2.0 to +4.2)",
        "+2.2 (+1.1 to +3.3)",
    ]
    assert plain[1] == ["Chad", "311", "+1.1 (−0.9 to +3.1)", "+2.2 (+0.2 to +4.2)"]
    assert plain[2] == ["Mali", "204", "+2.2 (+0.2 to +4.2)", "+4.4 (+2.4 to +6.4)"]
    assert plain[3][:2] == ["Others, put together", "88"]
    # Third exit of Chad: 1.1 - 2 = -0.9, and -1.8.
    assert plain[9] == ["Chad", "311", "−0.9 (−2.9 to +1.1)", "−1.8 (−3.8 to +0.2)"]


# The third level of the first exit: 3 x 1.1 = 3.3 per 100 after 7 months, 6.6 after 24.
def test_figure_of_groups_in_words_by_hand(pages: dict[str, str]) -> None:
    assert (
        "Applied for assisted return: Everybody +2.2 (+1.1 to +3.3); Chad +2.2 (+0.2 to +4.2); "
        "Mali +4.4 (+2.4 to +6.4); Others, put together +6.6 (+4.6 to +8.6)."
    ) in said(pages["en"])
    assert "Søkt om assistert retur: Alle +2,2 (+1,1 til +3,3); 20–39 +2,2" in said(pages["nb"])


def test_groups_are_the_same_numbers_in_both_languages(pages: dict[str, str]) -> None:
    found = {lang: numbers(Tree(pages[lang]).said(), lang) for lang in LANGUAGES}
    assert found["nb"] == found["en"]
    assert "Andre, slått sammen" in pages["nb"]
    assert "Etter statsborgerskap" in pages["nb"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_groups_speak_of_association(pages: dict[str, str], lang: str) -> None:
    assert claims(Tree(pages[lang]).said(without=("cite", "q"))) == []


def test_every_grouping_has_a_heading_a_figure_and_a_table(pages: dict[str, str]) -> None:
    page = pages["en"]
    for by, heading in (("nationality", "nationality"), ("centre_size", "size of the centre")):
        assert re.search(rf"<h3 [^>]*>By {heading}", page)
        assert figure(page, f"more-g_formula-{by}-with")
        assert rows_of(page, f"table-more-g_formula-{by}-with")
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("undrawn")
def test_without_groups_there_is_no_section_of_them() -> None:
    plain = brief.html(grouped_run(()), "en")
    assert "By nationality" not in plain
    assert "more-g_formula-nationality" not in plain


def test_levels_put_together_are_said_to_be(pages: dict[str, str]) -> None:
    text = said(pages["en"])
    together = "Levels with fewer than 100 families are put together, as “Others, put together”."
    assert text.count(together) == 1  # of nationalities, and not of centre sizes
    assert together in text[text.index("By nationality") : text.index("By size of the centre")]


def test_classes_are_in_words_and_few_are_not_counted(pages: dict[str, str]) -> None:
    rows = rows_of(pages["nb"], "table-more-g_formula-centre_size-with")
    assert [row[-4:-2] for row in rows[:3]] == [
        ["Alle", "603"],
        ["20–39", "598"],
        ["40 eller flere", "færre enn 10"],
    ]


@pytest.mark.usefixtures("undrawn")
def test_levels_of_one_number_have_as_many_digits() -> None:
    run = grouped_run(("nationality",))
    one = run.estimates["level"].eq("Mali") & run.estimates["month"].eq(24)
    run.estimates.loc[one, "mcse"] = 0.003  # 2.67 x 0.3 = 0.8 per 100
    rows = rows_of(brief.html(run, "en"), "table-more-g_formula-nationality-with")
    levels = [row[-1] for row in rows if "Everybody" not in row]
    assert len(levels) == 9
    assert [cell for cell in levels if "." in cell] == []


@pytest.mark.parametrize(
    ("varies", "told"),
    [
        (None, ["every level has the same coefficients"] * 2),
        (
            VARIES,
            [
                "the event differ by nationality, shrunk towards each other",
                "the event differ by nationality, and not by size of the centre",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_groups_say_where_their_differences_come_from(
    varies: dict[str, Any] | None, told: list[str]
) -> None:
    run = grouped_run()
    chosen = None if varies is None else VariesBy.model_validate(varies)
    terms = tuple(
        each.model_copy(update={"varies_by": chosen})
        if each.name == "forced_return_centre"
        else each
        for each in run.spec.term
    )
    page = said(brief.html(replace(run, spec=run.spec.model_copy(update={"term": terms})), "en"))
    first, second = page.index("By nationality"), page.index("By size of the centre")
    assert told[0] in page[first:second]
    assert told[1] in page[second:]


@pytest.mark.usefixtures("undrawn")
def test_one_level_alone_is_no_group() -> None:
    run = grouped_run(("nationality",))
    kept = replace(run, estimates=run.estimates[run.estimates["by"].isna()])
    page = brief.html(kept, "en")
    assert "There are no two levels of nationality to compare" in said(page)
    assert "table-more-g_formula-nationality-with" not in page


@pytest.mark.usefixtures("alone")
def test_order_of_other_rows_changes_nothing(
    pages: dict[str, str], rng: np.random.Generator
) -> None:
    """Rows of other estimands may stand anywhere in the table."""
    run = grouped_run()
    own = run.estimates["estimand"].eq("g_formula")
    other = run.estimates[~own]
    mixed = pd.concat([run.estimates[own], other])
    assert len(other) > 100
    assert brief.html(replace(run, estimates=mixed), "en") == pages["en"]
    levels = mixed["level"].map({"Chad": "Mali", "Mali": "Chad"}).fillna(mixed["level"])
    swapped = replace(run, estimates=mixed.assign(level=levels))
    assert brief.html(swapped, "en") != pages["en"]  # negative control


# --- net displacement ---------------------------------------------------------------------------
def first_exit(run: Fit, quantity: str, month: int, value: float) -> None:
    """Another estimate of the first exit, interval and all."""
    rows = run.estimates
    own = rows["estimand"].eq("g_formula") & rows["by"].isna() & rows["exit"].eq("assisted")
    at = own & rows["quantity"].eq(quantity) & rows["month"].eq(month)
    assert at.sum() == 1
    moved = value - rows.loc[at, "estimate"]
    for name in ("estimate", "lower", "upper"):
        rows.loc[at, name] += moved


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("positive", "told"),
    [(0.748, "75 percent"), (0.0, "under 1 percent"), (1.0, "over 99 percent")],
)
def test_net_displacement_is_printed_with_the_probability_that_it_is_above_zero(
    positive: float, told: str
) -> None:
    run = small_run()
    rows = run.estimates
    rows.loc[rows["quantity"].eq("net_displacement"), "p_positive"] = positive
    page = said(brief.html(run, "en"))
    assert page.count(f"it is above 0 with {told} probability") == 3


# Intervals of the three bounds: 0.02, 0.05 and 0.08, one in 100 to either side.
@pytest.mark.parametrize(
    ("lang", "told"),
    [
        (
            "en",
            "at most 7.0 to 9.0 whatever the event does; at least 1.0 to 3.0, or at least 4.0 to",
        ),
        ("nb", "høyst 7,0 til 9,0, uansett hva hendelsen gjør; minst 1,0 til 3,0, eller minst 4,0"),
    ],
)
def test_what_is_brought_forward_lies_between_bounds(
    pages: dict[str, str], lang: str, told: str
) -> None:
    page = said(pages[lang])
    assert page.count(told) == 3
    assert "Brought forward: +" not in page
    assert page.count({"en": "is not the number", "nb": "er ikke antallet"}[lang]) == 1


# 3.1 at the end of the window and 2.17 at the horizon: +3.1, +2.2, and +0.9 between them.
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("displacement", "noted"), [(0.0093, 0), (0.0120, 1)])
def test_net_displacement_agrees_with_its_ends_or_is_explained(
    displacement: float, noted: int
) -> None:
    run = small_run()
    first_exit(run, "net_displacement", 24, displacement)
    page = said(brief.html(run, "en"))
    assert page.count("so a net displacement can be one off") == noted


@pytest.mark.usefixtures("undrawn")
def test_no_sign_has_a_probability_where_none_is_printed() -> None:
    run = small_run()
    cells = {
        value: rows_of(brief.html(run, "en"), "table-more-g_formula-with")[0][-1]
        for value in (0.031, 0.0)
        if first_exit(run, "risk_difference", 6, value) is None
    }
    assert cells == {0.031: "88", 0.0: "–"}
