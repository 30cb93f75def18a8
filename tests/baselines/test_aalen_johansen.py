"""Cumulative incidence without a model: by hand, against R, and where others go wrong."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter

import public_data
from hazard import spec as specs
from hazard.baselines import aalen_johansen, life_table
from hazard.data import table
from hazard.errors import DomainError
from hazard.estimands import survival

EXITS = ["assisted", "forced"]


def panel_of(spells: list[tuple[int, int, str]]) -> pd.DataFrame:
    """Panel of persons given as (months before the first row, last month, exit or stay)."""
    frame = pd.DataFrame(spells, columns=["entry", "last", "exit"])
    rows = table.expand(frame.assign(person=range(len(frame))))
    return rows.assign(exit=pd.Categorical(rows["exit"], ["stay", *EXITS]))


# month  entered  at risk  assisted  forced  censored     seven families, one of them seen late
#     1        6        6         1       2         1
#     2        1        3         0       0         0
#     3        0        3         1       1         1
SEVEN = [
    *((0, 1, "assisted"), (0, 1, "forced"), (0, 1, "forced"), (0, 1, "stay")),
    *((0, 3, "assisted"), (0, 3, "stay"), (1, 3, "forced")),
]


def test_risk_sets_by_hand() -> None:
    counts = life_table.counts(panel_of(SEVEN))
    assert counts["n_entered"].values.tolist() == [6, 1, 0]
    assert counts["n_at_risk"].values.tolist() == [6, 3, 3]
    assert counts["n_exits"].sel(exit="assisted").values.tolist() == [1, 0, 1]
    assert counts["n_exits"].sel(exit="forced").values.tolist() == [2, 0, 1]
    assert counts["n_censored"].values.tolist() == [1, 0, 1]


def test_cumulative_incidence_by_hand() -> None:
    estimate = aalen_johansen.fit(panel_of(SEVEN))
    assisted = [Fraction(1, 6), Fraction(1, 6), Fraction(1, 6) + Fraction(1, 2) * Fraction(1, 3)]
    forced = [Fraction(2, 6), Fraction(2, 6), Fraction(2, 6) + Fraction(1, 2) * Fraction(1, 3)]
    stays = [Fraction(1, 2), Fraction(1, 2), Fraction(1, 2) * Fraction(1, 3)]
    close(estimate["cumulative_incidence"], [assisted, forced])
    close(estimate["survival"], stays)
    close(estimate["hazard"].sel(exit="forced"), [Fraction(2, 6), Fraction(0), Fraction(1, 3)])
    assert estimate["cumulative_incidence"].dims == ("exit", "month")
    assert estimate["exit"].values.tolist() == EXITS


def test_standard_error_by_hand() -> None:
    # F = h1 + S1 h3 with S1 = 1 - h1 - k1: derivatives 1 - h3 by h1, -h3 by k1, S1 by h3, and
    # multinomial variances of (h1, k1) = (1/6, 2/6) among 6 and of h3 = 1/3 among 3
    h, k, h3, s = Fraction(1, 6), Fraction(2, 6), Fraction(1, 3), Fraction(1, 2)
    first = (1 - h3) ** 2 * h * (1 - h) + h3**2 * k * (1 - k) + 2 * (1 - h3) * h3 * h * k
    expected = first / 6 + s**2 * h3 * (1 - h3) / 3
    error = aalen_johansen.fit(panel_of(SEVEN))["standard_error"]
    close(error.sel(exit="assisted") ** 2, [Fraction(1, 6) * Fraction(5, 6) / 6] * 2 + [expected])


def test_mean_months_by_hand() -> None:
    stay, lost = mean_months(aalen_johansen.fit(panel_of(SEVEN)))
    close(stay, 1 + Fraction(1, 2) + Fraction(1, 2))
    close(lost, [Fraction(1, 6) + Fraction(1, 6), Fraction(2, 6) + Fraction(2, 6)])
    assert lost["exit"].values.tolist() == EXITS


def test_curves_end_where_nobody_is_at_risk() -> None:
    # month  at risk        nobody is seen in month 2, and what happened in it is unknown
    #     1        1  stays
    #     2        0
    #     3        1  forced
    estimate = aalen_johansen.fit(panel_of([(0, 1, "stay"), (2, 3, "forced")]))
    assert estimate["n_at_risk"].values.tolist() == [1, 0, 1]
    forced = estimate["cumulative_incidence"].sel(exit="forced").values
    np.testing.assert_array_equal(forced, [0.0, np.nan, np.nan])
    stay, lost = mean_months(estimate)
    assert np.isnan(stay)
    assert np.isnan(lost).all()


def test_nobody_at_risk_in_the_first_months_is_no_gap() -> None:
    estimate = aalen_johansen.fit(panel_of([(2, 3, "forced"), (2, 4, "stay")]))
    forced = estimate["cumulative_incidence"].sel(exit="forced")
    close(forced, [Fraction(0), Fraction(0), Fraction(1, 2), Fraction(1, 2)])


def test_absence_is_not_time_at_risk() -> None:
    panel = panel_of([(0, 3, "stay"), (0, 3, "forced")])
    counts = life_table.counts(panel.drop(index=1).reset_index(drop=True))
    assert counts["n_at_risk"].values.tolist() == [2, 1, 2]
    assert counts["n_censored"].values.tolist() == [1, 0, 1]
    assert counts["n_entered"].values.tolist() == [2, 0, 1]


# --- identities and changes that must not matter ------------------------------------------------
spell = st.tuples(st.integers(0, 4), st.integers(1, 6), st.sampled_from(["stay", *EXITS])).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
)
several = st.lists(spell, min_size=1, max_size=25)


@settings(max_examples=50)
@given(several)
def test_risk_sets_balance_and_probabilities_sum_to_one(spells: list[tuple[int, int, str]]) -> None:
    counts = life_table.counts(panel_of(spells))
    left = counts["n_exits"].sum("exit") + counts["n_censored"]
    expected = (counts["n_at_risk"] - left).shift(month=1, fill_value=0) + counts["n_entered"]
    assert expected.equals(counts["n_at_risk"])
    everything = aalen_johansen.fit(panel_of(spells))
    known = life_table.followed(counts["n_at_risk"])
    assert (np.isfinite(everything["survival"]) == known).all()
    estimate = everything.isel(month=known.values)
    total = estimate["survival"] + estimate["cumulative_incidence"].sum("exit")
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    assert (estimate["cumulative_incidence"].diff("month") >= -1e-12).all()
    assert np.isfinite(estimate["standard_error"]).all()
    horizon = estimate.sizes["month"]
    stay, lost = mean_months(estimate)
    assert float(stay + lost.sum()) == pytest.approx(horizon, abs=1e-12 * horizon)


@settings(max_examples=50)
@given(several, st.randoms(use_true_random=False))
def test_order_of_persons_does_not_matter(
    spells: list[tuple[int, int, str]], random: object
) -> None:
    shuffled = list(spells)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert aalen_johansen.fit(panel_of(spells)).equals(aalen_johansen.fit(panel_of(shuffled)))


@settings(max_examples=50)
@given(several)
def test_swapped_exits_are_found(spells: list[tuple[int, int, str]]) -> None:
    """Negative control: only exchanging the labels as well brings the estimate back."""
    other = {"stay": "stay", "assisted": "forced", "forced": "assisted"}
    swapped = [(entry, last, other[label]) for entry, last, label in spells]
    own, exchanged = (aalen_johansen.fit(panel_of(s)) for s in (spells, swapped))
    renamed = exchanged.isel(exit=[1, 0]).assign_coords(exit=EXITS)
    xr.testing.assert_allclose(own, renamed, rtol=1e-12)
    counts = own["n_exits"]
    symmetric = counts.isel(exit=0, drop=True).equals(counts.isel(exit=1, drop=True))
    assert own.equals(exchanged) == symmetric


@settings(max_examples=50)
@given(st.lists(spell.map(lambda drawn: (0, drawn[1], drawn[2])), min_size=1, max_size=25))
def test_without_censoring_estimate_and_error_are_binomial(
    spells: list[tuple[int, int, str]],
) -> None:
    end = max(last for _, last, _ in spells)
    followed = [(0, end if exit_ == "stay" else last, exit_) for _, last, exit_ in spells]
    estimate = aalen_johansen.fit(panel_of(followed))
    for exit_ in EXITS:
        share = sum(label == exit_ for _, _, label in followed) / len(followed)
        last = estimate.sel(exit=exit_, month=end)
        assert float(last["cumulative_incidence"]) == pytest.approx(share, abs=1e-12)
        variance = float(last["standard_error"]) ** 2
        assert variance == pytest.approx(share * (1 - share) / len(followed), abs=1e-12)


# --- left truncation, with a known truth --------------------------------------------------------
def truncated(rng: np.random.Generator) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Persons seen from a random month on, unless they had left before; and the true incidences."""
    monthly = np.array([0.08, 0.03])
    before = (1 - monthly.sum()) ** np.arange(12)
    truth = monthly[:, None] * np.cumsum(before)
    month = rng.geometric(monthly.sum(), 6000)
    exits = rng.choice(EXITS, 6000, p=monthly / monthly.sum())
    entry = rng.integers(0, 6, 6000)
    spells = [
        (int(e), min(int(m), 12), str(x) if m <= 12 else "stay")
        for e, m, x in zip(entry, month, exits, strict=True)
        if m > e
    ]
    return panel_of(spells), truth


def test_recovers_the_incidence_of_persons_seen_late(rng: np.random.Generator) -> None:
    panel, truth = truncated(rng)
    estimate = aalen_johansen.fit(panel)
    distance = np.abs(estimate["cumulative_incidence"] - truth) / estimate["standard_error"]
    assert float(distance.max()) < 5


def test_ignoring_the_late_entry_is_found(rng: np.random.Generator) -> None:
    """Negative control: months before the entry counted as months at risk."""
    panel, truth = truncated(rng)
    ends = panel.groupby("person").agg({"month": "max", "exit": "last"})
    from_one = [(0, m, e) for m, e in zip(ends["month"], ends["exit"], strict=True)]
    estimate = aalen_johansen.fit(panel_of(from_one))
    distance = np.abs(estimate["cumulative_incidence"] - truth) / estimate["standard_error"]
    assert float(distance.max()) > 5


# --- against R ----------------------------------------------------------------------------------
# Pregnancies by week, 4 to 43, entered late (Meister and Schaefer 2008): counts and estimates as
# printed in tests/tests.etm.Rout.save of the R package etm, which holds its output for the data
# set `abortion`, control group; exits are induced abortion, live birth, spontaneous abortion.
AT_RISK = """
18 18 117 261 374 458 515 561 610 645 673 696 714 740 759 781 786 799 810 819
830 841 846 853 860 870 875 880 880 885 885 880 876 857 823 716 554 274 66 6
"""
LEFT = {
    "induced": """
0 0 0 2 3 6 4 3 0 1 1 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
""",
    "birth": """
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 4 3 2 6 11 9 25 36 109 165 280 208 60 6
""",
    "spontaneous": """
0 0 4 7 15 7 10 8 7 1 2 0 0 1 0 2 0 1 0 0
1 1 1 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0
""",
}


def test_reference_left_truncated_pregnancies() -> None:
    weeks = np.arange(4, 44)
    counts = np.array([text.split() for text in LEFT.values()], dtype=np.int64)
    coords = {"exit": list(LEFT), "month": weeks}
    estimate = aalen_johansen.from_counts(
        xr.DataArray(np.array(AT_RISK.split(), dtype=np.int64), {"month": weeks}, ("month",)),
        xr.DataArray(counts, coords, ("exit", "month")),
    )
    left, error = estimate["cumulative_incidence"], estimate["standard_error"]
    for week, exit_, incidence, variance in (
        (7, "induced", 0.007400858, 2.719306e-05),
        (14, "induced", 0.040159308, 8.570657e-05),
        (43, "induced", 0.040159308, 8.570657e-05),
        (34, "birth", 0.023317266, 2.071916e-05),
        (39, "birth", 0.322015902, 2.469805e-04),
        (43, "birth", 0.799059306, 4.922394e-04),
    ):
        at = {"month": week, "exit": exit_}
        assert float(left.sel(at)) == pytest.approx(incidence, abs=0.51e-9)
        assert float(error.sel(at) ** 2) == pytest.approx(variance, rel=1e-6)
    assert float(estimate["survival"].sel(month=42)) == pytest.approx(0.005166535, abs=0.51e-9)


@pytest.mark.parametrize(
    ("sex", "years"),
    [("F", [9.853608, 1.323284, 8.823108]), ("M", [8.675012, 1.064693, 10.260294])],
)
def test_reference_mean_years_in_state(
    public: Callable[[str], Path], sex: str, years: list[float]
) -> None:
    """R survival, vignette on multi-state models and competing risks, p. 7."""
    panel = table.read(public("mgus2"), specs.read("mgus2"))
    estimate = aalen_johansen.fit(panel[panel["sex"] == sex])
    within = estimate.sel(month=slice(1, 240))
    assert within["month"].values.tolist() == list(range(1, 241))
    stay, lost = mean_months(within)
    np.testing.assert_allclose(np.array([stay, *lost]) / 12, years, atol=1e-6)


def test_reference_exact_times_of_aidssi() -> None:
    """R mstate tutorial (Putter, Fiocco and Geskus 2007), at 12.936 years."""
    raw = public_data.aidssi()
    by_time = pd.crosstab(raw["time"], raw["status"])
    n_at_risk = len(raw) - by_time.sum(axis=1).cumsum().shift(fill_value=0)
    time = {"month": by_time.index.to_numpy()}
    estimate = aalen_johansen.from_counts(
        xr.DataArray(n_at_risk, time, ("month",)),
        xr.DataArray(by_time[[1, 2]].T, {"exit": ["AIDS", "SI"], **time}, ("exit", "month")),
    )
    at = estimate.sel(month=12.936)
    assert float(at["survival"]) == pytest.approx(0.2165702, abs=1e-6)
    np.testing.assert_allclose(at["cumulative_incidence"], [0.4081954, 0.3752344], atol=1e-6)


# --- ties, where another package goes wrong -----------------------------------------------------
@pytest.fixture
def tied(rng: np.random.Generator) -> pd.DataFrame:
    """4,000 persons, 2 and 0.02 percent a month, all who remain censored in month 24."""
    months = rng.geometric(0.0202, 4000)
    labels = rng.choice(EXITS, 4000, p=[0.0002 / 0.0202, 0.02 / 0.0202])
    ends = zip(months, labels, strict=True)
    return panel_of([(0, min(int(m), 24), str(x) if m <= 24 else "stay") for m, x in ends])


def exact(panel: pd.DataFrame) -> dict[str, list[Fraction]]:
    """Cumulative incidence of every exit, month by month, in fractions."""
    there, left = Fraction(1), {exit_: [Fraction(0)] for exit_ in EXITS}
    for _, rows in panel.groupby("month"):
        hazard = {exit_: Fraction(int((rows["exit"] == exit_).sum()), len(rows)) for exit_ in EXITS}
        for exit_ in EXITS:
            left[exit_].append(left[exit_][-1] + there * hazard[exit_])
        there *= 1 - sum(hazard.values())
    return {exit_: steps[1:] for exit_, steps in left.items()}


def test_tied_exits_are_exact_in_every_month(tied: pd.DataFrame) -> None:
    expected = exact(tied)
    close(aalen_johansen.fit(tied)["cumulative_incidence"], [expected[exit_] for exit_ in EXITS])


def test_lifelines_is_no_reference_for_tied_exits(tied: pd.DataFrame) -> None:
    """Why there is an estimator here: it moves tied exits past the censorings of the month."""
    last = tied.drop_duplicates("person", keep="last")
    single = last[last["exit"] == "assisted"]["month"].value_counts() == 1
    assert single.any()  # a month with one exit of a cause beside others
    state = np.random.get_state()  # noqa: NPY002  fitting resets the global generator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the ties
        fitted = AalenJohansenFitter().fit(last["month"], last["exit"].cat.codes, 2)
    np.random.set_state(state)  # noqa: NPY002
    theirs = float(fitted.cumulative_density_.iloc[-1, 0])
    ours = float(exact(tied)["forced"][-1])
    assert abs(ours - (1 - 0.9798**24) * 0.02 / 0.0202) < 5 * np.sqrt(ours * (1 - ours) / 4000)
    assert theirs > ours + 0.1


# --- bad input ----------------------------------------------------------------------------------
def test_counts_outside_their_domain() -> None:
    n_at_risk = xr.DataArray([3, 1], {"month": [1, 2]}, ("month",))
    n_exits = xr.DataArray([[1, 0], [0, 1]], {"month": [1, 2]}, ("exit", "month"))
    for wrong in (n_exits - 1, n_exits + 1):
        with pytest.raises(DomainError, match=r"^persons leaving must be 0 or more, and at most"):
            aalen_johansen.from_counts(n_at_risk, wrong)
    with pytest.raises(DomainError, match=r"^times must increase, and be the same for persons"):
        aalen_johansen.from_counts(n_at_risk, n_exits.assign_coords(month=[1, 3]))
    backwards = {"month": [2, 1]}
    with pytest.raises(DomainError, match=r"^times must increase"):
        aalen_johansen.from_counts(
            n_at_risk.assign_coords(backwards), n_exits.assign_coords(backwards)
        )


def mean_months(estimate: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean number of months of stay, and of those after each exit."""
    stay = survival.restricted_mean_time(estimate["survival"])
    return stay, survival.restricted_mean_time_lost(estimate["cumulative_incidence"])


def close(found: xr.DataArray, expected: object) -> None:
    """Equal up to rounding to a (nested) list of fractions."""
    np.testing.assert_allclose(found, np.array(expected, dtype=np.float64), rtol=0, atol=1e-12)
