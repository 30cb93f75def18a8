"""Cox's model on the panel: by hand, against R and lifelines, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxTimeVaryingFitter

import classical_panels as panels
from classical_panels import built, few, reference
from hazard.baselines import cox, partial_likelihood, robust
from hazard.baselines.fit import BaselineFit
from hazard.baselines.partial_likelihood import Ties
from hazard.errors import DesignError
from hazard.model.equivalent import collapsed
from hazard.model.likelihood import rows

# R stops when the log-likelihood, of 5000 at most, rises by less than 1e-12 of itself: the last
# step was shorter than sqrt(2 * 5e-9) = 1e-4 standard errors, and a Newton step leaves its square.
DIGITS = 1e-8

# month  at risk  leave         r = exp(b); x in brackets
#     1  a b c    a (1), b (0)  Efron: r / ((r + 2) (r + 3) / 2), largest at r = sqrt(6)
#                               Breslow: r / (r + 2)^2, largest at r = 2
TIED = few(["left"], (1, "left", 1.0), (1, "left", 0.0), (2, "stay", 0.0))


def fitted(panel: pd.DataFrame, *columns: str, ties: Ties = "efron") -> BaselineFit:
    return cox.fit(built(panel, *columns), panel, ties=ties)


def test_efron_by_hand() -> None:
    found, r = fitted(TIED, "x"), np.sqrt(6)
    assert float(np.exp(found.estimate[0, 0])) == pytest.approx(r, rel=1e-9)
    assert found.log_likelihood == pytest.approx(np.log(2 * r / ((r + 2) * (r + 3))), abs=1e-12)
    information = sum(p * (1 - p) for p in (r / (r + 2), r / (r + 3)))
    assert float(found.standard_error[0, 0]) == pytest.approx(information**-0.5, rel=1e-9)


def test_breslow_by_hand_is_not_efron() -> None:
    found = fitted(TIED, "x", ties="breslow")
    assert float(np.exp(found.estimate[0, 0])) == pytest.approx(2.0, rel=1e-9)
    assert found.log_likelihood == pytest.approx(np.log(2 / 16), abs=1e-12)


def test_other_exits_are_censorings_by_hand() -> None:
    # month 1: a (1) leaves of a b c d, b is forced; month 2: c (0) leaves of c d (1)
    # assisted: r / (2 r + 2) * 1 / (r + 1), largest at r = 1
    # forced: 1 / (2 r + 2), which grows as r falls: nobody with x = 1 is forced
    people = [(1, "assisted", 1.0), (1, "forced", 0.0), (2, "assisted", 0.0), (2, "stay", 1.0)]
    found = fitted(few(["assisted", "forced"], *people), "x")
    assert float(found.estimate[0, 0]) == pytest.approx(0.0, abs=1e-9)
    assert np.isinf(found.estimate[0, 1])
    assert any("'forced'" in text for text in found.remarks)


# --- against R, survival::coxph -----------------------------------------------------------------
CASES = {
    "mgus2": ("age", "male"),
    "mgus2_late": ("age", "male"),
    "aidssi": ("mutant",),
    "first_sex": ("parental_transition", "parental_antisociality"),
    "rossi": ("financial", "age", "prio", "employed"),
    "rossi_before": ("financial", "age", "prio", "employed_before"),
}


def panel_named(name: str) -> pd.DataFrame:
    if name == "mgus2_late":
        return panels.mgus2(late=18)
    if name == "rossi_before":
        known = panels.rossi().dropna()
        return known.reset_index(drop=True)
    panel: pd.DataFrame = getattr(panels, name)()
    return panel.drop(columns="employed_before", errors="ignore")


def agrees(found: BaselineFit, wanted: pd.DataFrame) -> bool:
    other = wanted.set_index(["exit", "term"])
    own = found.table().set_index(["exit", "term"]).loc[other.index]
    ours, theirs = own[["estimate", "standard_error"]], other[["estimate", "standard_error"]]
    return bool(np.allclose(ours.astype(float), theirs.astype(float), rtol=DIGITS, atol=DIGITS))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", CASES)
def test_reference_coxph(name: str, ties: Ties) -> None:
    wanted = reference("cox", data=name)
    found = fitted(panel_named(name), *CASES[name], ties=ties)
    assert agrees(found, wanted[wanted["estimator"] == ties])
    values = wanted[wanted["estimator"] == ties].groupby("exit")["log_likelihood"].first()
    assert found.log_likelihood == pytest.approx(values.sum(), rel=1e-10)


@pytest.mark.parametrize("name", ["mgus2", "first_sex", "rossi"])
def test_reference_rejects_the_other_ties(name: str) -> None:
    """Negative control: Breslow where R took Efron."""
    found = fitted(panel_named(name), *CASES[name], ties="breslow")
    assert not agrees(found, reference("cox", data=name, estimator="efron"))


def test_reference_rejects_broken_ties(rng: np.random.Generator) -> None:
    """Negative control: who left in the same month put into a random order."""
    panel = panels.mgus2()
    ends = panel.groupby("person").last()
    order = np.lexsort((rng.random(len(ends)), ends["exit"] == "stay", ends["month"]))
    last = np.empty(len(ends), dtype=np.int64)
    last[order] = np.arange(1, len(ends) + 1)
    spells = ends.reset_index(drop=True)[["exit", "age", "male"]].assign(last=last, entry=0)
    found = fitted(panels.panel_of(spells, ["pcm", "death"]), "age", "male")
    assert not agrees(found, reference("cox", data="mgus2", estimator="efron"))


def test_reference_rejects_swapped_exits() -> None:
    """Negative control."""
    panel = panels.mgus2()
    swapped = panel["exit"].cat.rename_categories({"pcm": "death", "death": "pcm"})
    panel["exit"] = swapped.cat.reorder_categories(["stay", "pcm", "death"])
    assert not agrees(
        fitted(panel, "age", "male"), reference("cox", data="mgus2", estimator="efron")
    )


def test_reference_rejects_an_entry_that_is_forgotten() -> None:
    """Negative control: months before the entry counted as months at risk."""
    panel = panels.mgus2(late=18)
    ends = panel.groupby("person").last().reset_index(drop=True)
    spells = ends[["exit", "age", "male"]].assign(last=ends["month"], entry=0)
    found = fitted(panels.panel_of(spells, ["pcm", "death"]), "age", "male")
    assert not agrees(found, reference("cox", data="mgus2_late", estimator="efron"))


def test_reference_strata() -> None:
    panel = panels.mgus2()
    found = cox.fit(built(panel, "age"), panel, strata=["male"])
    wanted = reference("cox", data="mgus2_strata")
    assert agrees(found, wanted)
    assert not agrees(fitted(panel, "age"), wanted)


def test_reference_sandwich() -> None:
    panel = panel_named("rossi")
    made = built(panel, *CASES["rossi"])
    by_person = robust.clusters(made, panel, ["person"])
    wanted = reference("cox", data="rossi_robust")
    assert agrees(cox.fit(made, panel, errors=by_person), wanted)
    assert not agrees(cox.fit(made, panel), wanted)


def test_reference_published() -> None:
    """Putter, Fiocco and Geskus (2007): AIDS -1.2358 (.3071), SI -.2542 (.2380)."""
    found = fitted(panels.aidssi(), "mutant")
    np.testing.assert_allclose(found.estimate[0], [-1.2358, -0.2542], atol=0.5e-4)
    np.testing.assert_allclose(found.standard_error[0], [0.3071, 0.2380], atol=0.5e-4)


# --- against lifelines --------------------------------------------------------------------------
def random_panel(rng: np.random.Generator, persons: int = 300) -> pd.DataFrame:
    """Ties in every month, late entries, an absent month, and a covariate that changes."""
    entry = rng.integers(0, 4, persons)
    length = rng.integers(1, 13, persons)
    spells = pd.DataFrame({"entry": entry, "last": entry + length})
    spells["exit"] = rng.choice(["stay", "assisted", "forced"], persons)
    spells["x"] = rng.normal(size=persons).round(2)
    spells["place"] = rng.choice(["north", "south", "west"], persons)
    panel = panels.panel_of(spells, ["assisted", "forced"])
    panel["visit"] = 1.0 * (rng.random(len(panel)) < 0.4)
    middle = panel["person"].eq(panel["person"].shift()) & panel["person"].eq(
        panel["person"].shift(-1)
    )
    return panel[~(middle & (rng.random(len(panel)) < 0.05))].reset_index(drop=True)


def test_agrees_with_lifelines(rng: np.random.Generator) -> None:
    panel = random_panel(rng)
    found = fitted(panel, "x", "visit")
    spans = panel.assign(start=panel["month"] - 1.0, stop=1.0 * panel["month"])
    for j, name in enumerate(("assisted", "forced")):
        own = spans[["person", "start", "stop", "x", "visit"]].assign(left=panel["exit"] == name)
        other = CoxTimeVaryingFitter().fit(
            own, id_col="person", event_col="left", start_col="start", stop_col="stop"
        )
        # lifelines stops when a step is shorter than 1e-7
        np.testing.assert_allclose(found.estimate[:, j], other.params_, atol=1e-6)
        np.testing.assert_allclose(found.standard_error[:, j], other.standard_errors_, rtol=1e-6)


# --- identities and changes that must not matter ------------------------------------------------
def test_order_of_persons_and_length_of_months_do_not_matter(rng: np.random.Generator) -> None:
    panel = random_panel(rng)
    found = fitted(panel, "x", "visit", "place")
    other = panel.assign(person=rng.permutation(panel["person"].max() + 1)[panel["person"]])
    other = other.sort_values(["person", "month"], ignore_index=True)
    other = other.assign(month=other["month"] ** 2)
    again = fitted(other, "x", "visit", "place")
    np.testing.assert_allclose(again.estimate, found.estimate, atol=1e-9)
    np.testing.assert_allclose(again.standard_error, found.standard_error, rtol=1e-9)


def test_scores_sum_to_zero_and_their_groups_do_not_matter(rng: np.random.Generator) -> None:
    panel = random_panel(rng)
    made = cox.without(built(panel, "x", "visit", "place"), [])
    data = rows(made)
    sets = cox._sets(made.outcome == 1, panel["month"].to_numpy(dtype=np.int64), "efron")
    found = partial_likelihood.maximise(data, sets, np.ones(made.n_coefficients, dtype=bool))
    each = partial_likelihood.score_sums(data, sets, found, np.arange(len(panel)))
    assert np.abs(each.sum(axis=0)).max() < 1e-9 * np.abs(each).sum()
    person = pd.factorize(panel["person"])[0]
    summed = pd.DataFrame(each).groupby(person).sum().to_numpy()
    by_person = partial_likelihood.score_sums(data, sets, found, person)
    np.testing.assert_allclose(by_person, summed, atol=1e-10)


def test_gradient_and_information_are_the_derivatives(rng: np.random.Generator) -> None:
    panel = random_panel(rng, 60)
    made = cox.without(built(panel, "x", "visit"), [])
    data, matrix = rows(made), partial_likelihood.columns(rows(made))
    sets = cox._sets(made.outcome == 1, panel["month"].to_numpy(dtype=np.int64), "efron")

    def at(beta: np.ndarray) -> partial_likelihood._RiskSetSums:
        return partial_likelihood._RiskSetSums(data, matrix, sets, beta)

    beta, step = rng.normal(size=2), 1e-5
    for k in range(2):
        up, down = (at(beta + sign * step * np.eye(2)[k]) for sign in (1, -1))
        slope = (up.value - down.value) / (2 * step)
        # central differences: error of order step^2, and rounding of order 1e-16 * value / step
        assert at(beta).gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-6)
        bend = -(up.gradient - down.gradient) / (2 * step)
        np.testing.assert_allclose(at(beta).information()[k], bend, rtol=1e-6, atol=1e-6)


def test_dummy_without_exits_is_at_minus_infinity_and_changes_nothing(
    rng: np.random.Generator,
) -> None:
    panel = random_panel(rng)
    alone = (panel["person"] % 50 == 0) & ~panel["person"].isin(
        panel.loc[panel["exit"] == "assisted", "person"]
    )
    marked = panel.assign(place=np.where(alone, "zz", panel["place"]))
    found = fitted(marked, "x", "place")
    table = found.table().set_index(["exit", "level"])["estimate"]
    assert table["assisted", "zz"] == -np.inf
    assert any("'assisted', estimate at minus infinity: place zz" in t for t in found.remarks)
    rest = marked[~alone].reset_index(drop=True)
    without = fitted(rest, "x", "place").table().set_index(["exit", "level"])["estimate"]
    for level in ("x", "south", "west"):
        assert table["assisted", level] == pytest.approx(without["assisted", level], abs=1e-9)


def test_column_that_says_the_same_is_not_identified(rng: np.random.Generator) -> None:
    panel = random_panel(rng)
    panel = panel.assign(twice=2 * panel["x"], clock=1.0 * panel["month"])
    found = fitted(panel, "x", "twice", "clock")
    lost = np.isnan(found.estimate).any(axis=1)
    assert lost.sum() == 2
    assert lost[2]
    assert np.isnan(found.standard_error[lost]).all()
    assert any("Not identified for exit 'forced'" in text for text in found.remarks)


def test_exit_that_never_happens_is_named(rng: np.random.Generator) -> None:
    panel = random_panel(rng, 60)
    panel["exit"] = panel["exit"].cat.add_categories("moved")
    found = fitted(panel, "x")
    assert np.isnan(found.estimate[0, 2])
    assert "No exit 'moved' among the rows." in found.remarks


def test_refuses_collapsed_rows_and_a_model_without_terms() -> None:
    made = built(TIED, "x")
    twice = pd.concat([TIED, TIED.assign(person=TIED["person"] + 3)], ignore_index=True)
    with pytest.raises(DesignError, match=r"^design must have one row per person-month"):
        cox.fit(collapsed(built(twice, "x")), twice)
    with pytest.raises(DesignError, match=r"^model must have a term whose level differs"):
        cox.fit(built(TIED), TIED)
    assert made.n_coefficients == 2
