"""Calendar time by quarter, month and season; crossed groups; by hand and as identities."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from hazard.data.table import panel as table_panel
from hazard.errors import DesignError, PanelError, SpecError
from hazard.model import design, parameterisation
from hazard.model.terms.calendar import waves
from hazard.months import month_text
from hazard.spec import GroupTerm
from small_panels import BASELINE, CENTRE, CORRELATED, NORMAL, POOLED, WALK, dense, model
from small_terms import calendar, group, wide_panel

# row   calendar   quarter  season
#   1   2005-02    2005Q1       2
#   2   2005-12    2005Q4      12
#   3   2006-01    2006Q1       1
#   4   2005-03    2005Q1       3
FOUR = pd.DataFrame({"person": range(4), "month": 1, "calendar": [421, 431, 432, 422]})
FOUR = FOUR.assign(exit="stay", sex=["man", "woman", "man", "man"])


@pytest.mark.parametrize(
    ("by", "name", "levels", "index"),
    [
        ("year", "year", [2005, 2006], [0, 0, 1, 0]),
        ("quarter", "quarter", [f"2005Q{n}" for n in (1, 2, 3, 4)] + ["2006Q1"], [0, 3, 4, 0]),
        ("month", "calendar_month", [month_text(m) for m in range(421, 433)], [0, 10, 11, 1]),
    ],
)
def test_periods_by_hand(by: str, name: str, levels: list[object], index: list[int]) -> None:
    made = design.build(FOUR, {}, model(calendar(by) + WALK))
    block = made.blocks[1]
    assert block.name == name
    assert block.levels.tolist() == levels  # without gaps, whether there are rows or not
    assert block.coefficients.tolist() == levels[1:]
    assert made.index[:, 1].tolist() == index
    assert not block.matrix()[0].any()  # the first is the reference
    np.testing.assert_array_equal(block.matrix()[1:], np.eye(len(levels) - 1))


def test_periods_without_rows_keep_the_steps_of_a_walk_equal() -> None:
    rows = FOUR.assign(calendar=[420, 420, 456, 420])  # nothing in 2006 and 2007
    it = parameterisation.standard(design.build(rows, {}, model(calendar("year") + WALK)))
    block = it.original.blocks[1]
    assert block.coefficients.tolist() == [2006, 2007, 2008]
    np.testing.assert_allclose(it.factors["year"], [[0.5, 0, 0], [0.5, 1, 0], [0.5, 1, 1]])


# --- seasons ------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [2, 4, 12])
def test_waves_identity_orthonormal_and_sum_to_zero(n: int) -> None:
    basis = waves(n)
    assert basis.shape == (n, n - 1)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis, np.eye(n - 1), atol=1e-12)
    # the effects of independent coefficients are exchangeable: I - 1/n
    np.testing.assert_allclose(basis @ basis.T, np.eye(n) - 1 / n, atol=1e-12)
    contrasts = np.eye(n)[:, 1:]  # negative control: relative to the first, that one is special
    assert np.ptp(np.diag(contrasts @ contrasts.T)) == 1


def test_season_by_hand() -> None:
    made = design.build(FOUR, {}, model(calendar("season") + NORMAL))
    block = made.blocks[1]
    assert block.levels.tolist() == list(range(1, 13))
    assert (made.index[:, 1] + 1).tolist() == [2, 12, 1, 3]
    assert block.coefficients.tolist()[:3] + block.coefficients.tolist()[-2:] == [
        *("cos 1", "sin 1", "cos 2"),
        *("sin 5", "cos 6"),
    ]
    # once in a year: sqrt(1/6) cos(2 pi (month - 1) / 12) in February, December, January, March
    expected = np.sqrt(1 / 6) * np.array([np.sqrt(3) / 2, np.sqrt(3) / 2, 1, 1 / 2])
    np.testing.assert_allclose(dense(made)[:, 1], expected, rtol=1e-12)


HORSESHOE = NORMAL.replace("normal", "horseshoe").replace("scale", "slab = 1.0, scale")


@pytest.mark.parametrize("prior", [WALK, HORSESHOE])
def test_season_needs_a_prior_without_an_order(prior: str) -> None:
    with pytest.raises(SpecError, match=r"without an order in time; got '(random_walk|horseshoe)'"):
        model(calendar("season") + prior)
    assert model(calendar("season") + CORRELATED).term[0].name == "season"


# --- crossed groups -----------------------------------------------------------------------------
def test_crossed_groups_by_hand() -> None:
    spec = model(group("sex", "year"), group("sex", "quarter"), group("season"), group("sex"))
    made = design.build(FOUR, {}, spec)
    by_hand = {
        "sex_year": (["man × 2005", "man × 2006", "woman × 2005"], [0, 2, 1, 0]),
        "sex_quarter": (["man × 2005Q1", "man × 2006Q1", "woman × 2005Q4"], [0, 2, 1, 0]),
        "season": (["01", "02", "03", "12"], [1, 3, 0, 2]),
        "sex": (["man", "woman"], [0, 1, 0, 0]),
    }
    assert [block.name for block in made.blocks[1:]] == list(by_hand)
    for b, block in enumerate(made.blocks[1:], 1):
        levels, index = by_hand[block.name]
        assert block.levels.tolist() == block.coefficients.tolist() == levels
        assert made.index[:, b].tolist() == index
        assert block.basis is None
        assert block.kind == "group"


def test_crossed_groups_equal_groups_of_joined_text(rng: np.random.Generator) -> None:
    spec = model(BASELINE + WALK, group("centre", "nationality", "sex", prior=CORRELATED))
    small = wide_panel(spec, rng)
    made = design.build(small.panel, {}, spec)
    parts = [small.panel[name].astype(str) for name in ("centre", "nationality", "sex")]
    joined = parts[0] + " × " + parts[1] + " × " + parts[2]
    other = design.build(
        small.panel.assign(joined=joined), {}, model(BASELINE + WALK, group("joined"))
    )
    assert made.blocks[2].levels.tolist() == other.blocks[2].levels.tolist()
    assert 10 < made.blocks[2].n_levels == joined.nunique()
    np.testing.assert_array_equal(made.index, other.index)
    # negative control: two columns are not three
    fewer = design.build(small.panel, {}, model(BASELINE + WALK, group("centre", "sex")))
    assert fewer.blocks[2].n_levels < made.blocks[2].n_levels
    assert parameterisation.standard(made).learned[0].concentration == 2.0


def test_names_and_columns_of_groups() -> None:
    spec = model(group("nationality", "quarter"), group("centre", "sex"), CENTRE + POOLED)
    assert [term.name for term in spec.term] == ["nationality_quarter", "centre_sex", "centre"]
    assert spec.group_columns == ("nationality", "calendar", "centre", "sex")
    single = spec.term[2]
    assert isinstance(single, GroupTerm)
    assert single.parts == ("centre",)


def test_a_ready_table_brings_the_columns_of_crossed_groups() -> None:
    raw = pd.DataFrame({"person": [1, 1, 2], "month": [1, 2, 1], "calendar": [420, 421, 420]})
    raw = raw.assign(exit=["stay", "forced", "stay"], centre=[3, 3, 12], other=[0, 0, 0])
    spec = model(group("centre", "year"))
    made = design.build(table_panel(raw, spec), {}, spec)
    assert made.blocks[1].levels.tolist() == ["12 × 2005", "3 × 2005"]
    assert "other" not in table_panel(raw, spec)
    with pytest.raises(PanelError, match="calendar"):
        table_panel(raw.drop(columns="calendar"), spec)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ([group("centre", "centre")], "by must name different columns"),
        ([group("centre", "of birth")], "term.0.group.by.columns.1 must be a name: letters"),
        ([CENTRE.replace('"centre"', "[]") + POOLED], "columns must not be empty"),
        (
            [CENTRE.replace('"centre"', "5") + POOLED],
            "by.columns must be a list in square",
        ),
        ([group("year"), calendar("year") + NORMAL], "each term must appear once; year appears"),
        ([calendar("week") + NORMAL], "'year', 'quarter', 'month' or 'season'"),
    ],
)
def test_terms_that_are_refused(terms: list[str], sentence: str) -> None:
    with pytest.raises(SpecError, match=re.escape(sentence)):
        model(*terms)


def test_periods_need_the_calendar() -> None:
    with pytest.raises(DesignError, match="must have the column 'calendar'"):
        design.build(FOUR.drop(columns="calendar"), {}, model(group("sex", "year")))
