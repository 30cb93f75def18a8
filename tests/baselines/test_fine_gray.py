"""Fine and Gray's model on the panel: by hand, against R, and with a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import classical_panels as panels
from classical_panels import built, few, reference
from hazard.arrays import FloatArray
from hazard.baselines import aalen_johansen, cox, fine_gray, life_table, proportional
from hazard.baselines.fit import BaselineFit
from hazard.baselines.partial_likelihood import Ties
from hazard.baselines.robust import Clusters
from hazard.errors import DesignError

DIGITS = 1e-8  # as in test_cox.py
EXITS = ["left", "moved"]


def fitted(panel: pd.DataFrame, *columns: str, ties: Ties = "efron") -> BaselineFit:
    return fine_gray.fit(built(panel, *columns), panel, ties=ties)


def agrees(found: BaselineFit, wanted: pd.DataFrame, names: list[str]) -> bool:
    other = wanted.set_index(["exit", "term"])
    own = found.table().set_index(["exit", "term"]).loc[other.index]
    return all(
        np.allclose(own[name], other[name], rtol=DIGITS, atol=DIGITS * own["standard_error"].max())
        for name in names
    )


# month  at risk      happens             weights of who was moved: n(t) / S(t-)
#     1  a b c d e f  a left, b moved,    n / S = 6 / 1
#                     c lost from sight
#     2  d e f        d left              n / S = 3 / (4/6) = 9/2, so that b counts 9/2 / 6 = 3/4:
#                                         of 4 not lost from sight in month 1 one was, 1 - 1/4
SIX = few(
    EXITS,
    *((1, "left", 1.0), (1, "moved", 1.0), (1, "stay", 0.0)),
    *((2, "left", 0.0), (2, "stay", 0.0), (2, "stay", 1.0)),
)


def test_weights_by_hand() -> None:
    np.testing.assert_allclose(fine_gray.observed(SIX), [6, 9 / 2], rtol=1e-15)
    ends = np.array([1, 2, 0, 1, 0, 0])
    chance = fine_gray.observed(SIX)
    sets = fine_gray.risk_sets(SIX, ends, 1, chance=chance, ties="efron")
    first, second = [1, 1, 1, 1, 1, 1], [0, 3 / 4, 0, 1, 1, 1]
    np.testing.assert_allclose(sets.weight.toarray(), np.column_stack([first, second]))
    np.testing.assert_array_equal(sets.leaves.toarray().nonzero(), [[0, 3], [0, 1]])


def test_estimate_by_hand() -> None:
    # r / (3 r + 3) * 1 / ((3/4 + 1) r + 2): largest where 7/4 r^2 = 2
    found = fitted(SIX, "x")
    assert float(np.exp(found.estimate[0, 0])) == pytest.approx(np.sqrt(8 / 7), rel=1e-9)


# --- the subdistribution without covariates is that of Aalen and Johansen -----------------------
spell = st.tuples(st.integers(0, 3), st.integers(1, 6), st.sampled_from(["stay", *EXITS]))


@settings(max_examples=60)
@given(st.lists(spell, min_size=3, max_size=25))
def test_risk_sets_give_back_the_cumulative_incidence(spells: list[tuple[int, int, str]]) -> None:
    frame = pd.DataFrame(spells, columns=["entry", "last", "exit"])
    panel = panels.panel_of(frame.assign(last=frame["entry"] + frame["last"]), EXITS)
    counted = aalen_johansen.fit(panel)
    before = counted["survival"].shift(month=1, fill_value=1.0)
    assume(bool(((before > 0) | (counted["n_at_risk"] == 0)).all()))
    left = panel.groupby("person")["exit"].last().cat.codes.to_numpy(dtype=np.int64)
    for j, name in enumerate(EXITS):
        sets = fine_gray.risk_sets(
            panel, left, j + 1, chance=fine_gray.observed(panel), ties="efron"
        )
        number = np.asarray(sets.leaves.sum(axis=0))
        size = np.asarray(sets.weight.sum(axis=0))
        months = panel.loc[panel["exit"] == name, "month"].unique()
        incidence = counted["cumulative_incidence"].sel(exit=name, month=np.sort(months))
        np.testing.assert_allclose(1 - np.cumprod(1 - number / size), incidence, atol=1e-12)


# --- against R ----------------------------------------------------------------------------------
CASES = {"mgus2": ("age", "male"), "mgus2_late": ("age", "male"), "aidssi": ("mutant",)}


def panel_named(name: str) -> pd.DataFrame:
    if name == "aidssi":
        return panels.aidssi()
    return panels.mgus2(late=18 if name == "mgus2_late" else 0)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", CASES)
def test_reference_finegray(name: str, ties: Ties) -> None:
    """R: coxph with a cluster per person on the weighted rows of survival::finegray."""
    found = fitted(panel_named(name), *CASES[name], ties=ties)
    wanted = reference("fine_gray", data=name, estimator=ties)
    assert agrees(found, wanted, ["estimate", "standard_error"])
    value = wanted.groupby("exit")["log_likelihood"].first().sum()
    assert found.log_likelihood == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("name", ["mgus2", "mgus2_late"])
def test_reference_rejects_the_other_ties(name: str) -> None:
    """Negative control."""
    found = fitted(panel_named(name), *CASES[name], ties="breslow")
    assert not agrees(found, reference("fine_gray", data=name, estimator="efron"), ["estimate"])


def with_chance(panel: pd.DataFrame, chance: FloatArray, *columns: str) -> BaselineFit:
    """Fit of Breslow's ties with other probabilities of being under observation."""
    used, left = fine_gray._of_persons(cox.without(built(panel, *columns), []), panel)
    sets = [
        fine_gray.risk_sets(panel, left, j + 1, chance=chance, ties="breslow") for j in range(2)
    ]
    persons = Clusters(("person",), (np.arange(len(left)),))
    return proportional.fit("Fine-Gray", used, sets, remarks=(), errors=persons)


@pytest.mark.parametrize("name", ["mgus2", "aidssi"])
def test_reference_crr(name: str) -> None:
    """R: cmprsk::crr, which counts who leaves in a month among who can be censored in it."""
    panel = panel_named(name)
    table = life_table.counts(panel)
    censored = table["n_censored"] / table["n_at_risk"].where(table["n_at_risk"] > 0, 1)
    chance = (1 - censored).cumprod("month").shift(month=1, fill_value=1.0).values
    found = with_chance(panel, chance, *CASES[name])
    wanted = reference("fine_gray", data=name, estimator="crr")
    assert agrees(found, wanted, ["estimate"])
    own = fitted(panel, *CASES[name], ties="breslow")
    assert not agrees(own, wanted, ["estimate"])
    # what the two conventions and the error of the weights make: less than 0.02 and 1 percent
    other = wanted.set_index(["exit", "term"])
    table = own.table().set_index(["exit", "term"]).loc[other.index]
    away = (table["estimate"] - other["estimate"]).abs() / other["standard_error"]
    assert float(away.max()) < 0.02
    assert float((table["standard_error"] / other["standard_error"] - 1).abs().max()) < 0.01


def test_reference_rejects_weights_that_are_forgotten() -> None:
    """Negative controls: other exits as censorings, and as if nobody were ever censored."""
    panel = panels.mgus2()
    wanted = reference("fine_gray", data="mgus2", estimator="breslow")
    naive = cox.fit(built(panel, "age", "male"), panel, ties="breslow")
    assert not agrees(naive, wanted, ["estimate"])
    ever = with_chance(panel, np.ones(panel["month"].max()), "age", "male")
    assert not agrees(ever, wanted, ["estimate"])
    assert agrees(fitted(panel, "age", "male", ties="breslow"), wanted, ["estimate"])


# --- with a known truth -------------------------------------------------------------------------
EFFECT = 0.7


def known(rng: np.random.Generator, persons: int = 3000) -> pd.DataFrame:
    """Persons whose subdistribution hazard of `left` is exp(0.7) times as large with x = 1.

    F(t | x) = 1 - (1 - 0.4 (1 - exp(-t / 12)))^exp(0.7 x) as in Fine and Gray (1999);
    who never leaves is moved, much sooner with x = 1, and sight is lost at any time.
    """
    x = rng.integers(0, 2, persons).astype(float)
    ratio = np.exp(EFFECT * x)
    drawn = rng.random(persons)
    leaves = drawn < 1 - 0.6**ratio
    share = (1 - (1 - np.where(leaves, drawn, 0.0)) ** (1 / ratio)) / 0.4
    time = np.where(leaves, -12 * np.log(1 - share), rng.exponential(12 / np.exp(1.5 * x)))
    month, lost = np.ceil(time).clip(1), rng.integers(1, 37, persons)
    exits = np.where(leaves, "left", "moved")
    spells = pd.DataFrame({"last": np.minimum(month, lost).astype(np.int64), "entry": 0, "x": x})
    return panels.panel_of(spells.assign(exit=np.where(month <= lost, exits, "stay")), EXITS)


def distance(found: BaselineFit) -> float:
    return float(abs(found.estimate[0, 0] - EFFECT) / found.standard_error[0, 0])


def test_recovers_a_known_subdistribution_hazard(rng: np.random.Generator) -> None:
    assert distance(fitted(known(rng), "x")) < 4  # of a normal, six in a hundred thousand


def test_recovery_rejects_other_exits_as_censorings(rng: np.random.Generator) -> None:
    """Negative control: the cause-specific ratio is another number."""
    panel = known(rng)
    assert distance(cox.fit(built(panel, "x"), panel)) > 4


def test_recovery_rejects_swapped_exits(rng: np.random.Generator) -> None:
    """Negative control."""
    found = fitted(known(rng), "x")
    assert abs(found.estimate[0, 1] - EFFECT) / found.standard_error[0, 1] > 4


# --- what is refused and left out ---------------------------------------------------------------
def test_term_that_changes_within_persons_is_left_out_and_named() -> None:
    panel = SIX.assign(visit=1.0 * (SIX["month"] == 2))
    found = fitted(panel, "x", "visit")
    assert found.terms["term"].tolist() == ["x"]
    assert "Changes within persons, left out: visit." in found.remarks
    with pytest.raises(DesignError, match=r"^model must have a term whose level differs"):
        fitted(panel, "visit")


def test_refuses_persons_who_enter_when_all_have_left() -> None:
    spells = pd.DataFrame({"entry": [0, 1], "last": [1, 3], "exit": "left", "x": [0.0, 1.0]})
    with pytest.raises(DesignError, match=r"^panel must keep persons at risk until the last one"):
        fitted(panels.panel_of(spells, EXITS), "x")
