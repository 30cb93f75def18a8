"""Gray's test and Kaplan-Meier: by hand, against R, and with a known truth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import classical_panels as panels
from classical_panels import few, reference
from hazard.baselines import aalen_johansen, gray, kaplan_meier, life_table
from hazard.errors import EstimandError

EXITS = ["left", "moved"]

# month  group 0                    group 1                  x is the group
#     1  4 at risk, 1 left, 1 moved  4 at risk, 1 left
#     2  2 at risk, 1 left           3 at risk, 1 moved
#     3  1 at risk                   2 at risk, 1 left
EIGHT = few(
    EXITS,
    *((1, "left", 0.0), (1, "moved", 0.0), (2, "left", 0.0), (3, "stay", 0.0)),
    *((1, "left", 1.0), (2, "moved", 1.0), (3, "left", 1.0), (3, "stay", 1.0)),
)


def test_score_by_hand() -> None:
    # R = n (1 - F) / S: month 1: 4, 4; month 2: 2 (3/4) / (1/2) = 3 and 3 (3/4) / (3/4) = 3;
    # month 3: 1 (1/2) / (1/4) = 2 and 2 (3/4) / (1/2) = 3
    score = 1 - 2 * Fraction(4, 8) + 1 - Fraction(3, 6) + 0 - Fraction(2, 5)
    counts = gray.counts_by_group(EIGHT, "x")
    found, variance = gray._score(gray._paths(counts, "left"))
    assert float(found[0]) == pytest.approx(float(score), abs=1e-12)
    assert variance.shape == (1, 1)
    tested = gray.fit(EIGHT, "x").set_index("exit")
    expected = float(score) ** 2 / float(variance[0, 0])
    assert tested.loc["left", "statistic"] == pytest.approx(expected, rel=1e-12)


def agrees(found: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    own, other = found.set_index("exit"), wanted.set_index("exit").loc[found["exit"]]
    same = np.allclose(own["statistic"], other["statistic"], rtol=1e-10)  # R prints 12 digits
    return bool(same and np.allclose(own["p_value"], other["p_value"], rtol=1e-8, atol=1e-15))


@pytest.mark.parametrize(
    ("name", "by"), [("mgus2", "sex"), ("mgus2", "age_group"), ("aidssi", "ccr5")]
)
def test_reference_cuminc(name: str, by: str) -> None:
    panel = getattr(panels, name)()
    found = gray.fit(panel, by)
    wanted = reference("gray", data=name, group=by)
    assert agrees(found, wanted)
    assert found["freedom"].tolist() == wanted["freedom"].tolist()


def test_reference_rejects_swapped_exits_and_a_logrank_test() -> None:
    """Negative controls."""
    panel = panels.mgus2()
    wanted = reference("gray", data="mgus2", group="sex")
    found = gray.fit(panel, "sex")
    assert not agrees(found.assign(exit=found["exit"].tolist()[::-1]), wanted)
    censored = [panel["exit"].where(panel["exit"] == name, "stay") for name in ("pcm", "death")]
    alone = [
        gray.fit(panel.assign(exit=column), "sex").query("exit == @name")
        for name, column in zip(("pcm", "death"), censored, strict=True)
    ]
    assert not agrees(pd.concat(alone), wanted)


def test_names_of_groups_and_order_of_persons_do_not_matter(rng: np.random.Generator) -> None:
    panel = null(rng)
    found = gray.fit(panel, "group")
    other = panel.assign(
        group=panel["group"].map({"a": "z", "b": "c", "c": "b"}),
        person=rng.permutation(panel["person"].max() + 1)[panel["person"]],
    ).sort_values(["person", "month"], ignore_index=True)
    again = gray.fit(other, "group")
    np.testing.assert_allclose(again["statistic"], found["statistic"], rtol=1e-9)


def test_refuses_one_group() -> None:
    with pytest.raises(EstimandError, match=r"^groups must be two or more for a test"):
        gray.fit(EIGHT.assign(x=1.0), "x")


def null(rng: np.random.Generator, persons: int = 150, ratio: float = 1.0) -> pd.DataFrame:
    """Three groups, seen late, with the same incidence, but for a factor in group ``a``."""
    group = rng.choice(["a", "b", "c"], persons)
    monthly = np.where(group == "a", 0.08 * ratio, 0.08)
    left, moved = rng.geometric(monthly), rng.geometric(0.06, persons)
    entry = np.where(group == "b", rng.integers(0, 3, persons), 0)
    end = np.minimum(np.minimum(left, moved), rng.integers(4, 20, persons))
    exits = np.select([end == left, end == moved], EXITS, "stay")
    spells = pd.DataFrame({"entry": entry, "last": end, "exit": exits, "group": group})
    return panels.panel_of(spells[end > entry], EXITS)


def test_level_under_delayed_entry(rng: np.random.Generator) -> None:
    """R has no delayed entry: rejections at five percent, when incidences are equal."""
    rejected = [gray.fit(null(rng), "group")["p_value"][0] < 0.05 for _ in range(100)]
    assert abs(np.mean(rejected) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 100)


def test_level_rejects_a_difference(rng: np.random.Generator) -> None:
    """Negative control: a hazard two and a half times as large in one group."""
    rejected = [gray.fit(null(rng, ratio=2.5), "group")["p_value"][0] < 0.05 for _ in range(20)]
    assert np.mean(rejected) - 0.05 > 4 * np.sqrt(0.05 * 0.95 / 20)


# --- Kaplan-Meier -------------------------------------------------------------------------------
def test_kaplan_meier_by_hand() -> None:
    survival = kaplan_meier.fit(EIGHT)["survival"]
    any_exit = [Fraction(5, 8), Fraction(5, 8) * Fraction(3, 5), Fraction(3, 8) * Fraction(2, 3)]
    left = [Fraction(6, 8), Fraction(6, 8) * Fraction(4, 5), Fraction(3, 5) * Fraction(2, 3)]
    for name, values in ((kaplan_meier.ANY, any_exit), ("left", left)):
        np.testing.assert_allclose(survival.sel(exit=name), [float(v) for v in values], rtol=1e-12)
    assert survival["exit"].values.tolist() == [kaplan_meier.ANY, *EXITS]


@pytest.mark.parametrize(("name", "late"), [("mgus2", 0), ("mgus2_late", 18)])
def test_reference_survfit(name: str, late: int) -> None:
    """R: survfit with conf.type = "log-log"."""
    found = kaplan_meier.fit(panels.mgus2(late=late))
    swapped = kaplan_meier.fit(panels.mgus2(late=late), level=0.9)
    for _, row in reference("kaplan_meier", data=name).iterrows():
        at = {"exit": row["exit"], "month": row["month"]}
        for quantity in ("survival", "lower", "upper"):
            value = float(found[quantity].sel(at))
            assert value == pytest.approx(row[quantity], rel=1e-9)
        assert float(swapped["lower"].sel(at)) != pytest.approx(row["lower"], rel=1e-4)


def test_reference_rejects_entry_a_month_early() -> None:
    """Negative control: at risk in the month before the first row."""
    panel = panels.mgus2(late=18)
    first = panel[panel["month"] == 19].assign(month=18, exit="stay")
    first = first[first["entry"] == 18].assign(entry=17)
    early = pd.concat([panel, first]).sort_values(["person", "month"], ignore_index=True)
    early["exit"] = pd.Categorical(early["exit"], panel["exit"].cat.categories)
    row = reference("kaplan_meier", data="mgus2_late", month=60).iloc[0]
    found = kaplan_meier.fit(early)["survival"].sel(exit="death", month=60)
    assert float(found) != pytest.approx(row["survival"], rel=1e-6)


spell = st.tuples(st.integers(0, 2), st.integers(1, 6), st.sampled_from(["stay", *EXITS]))


@settings(max_examples=40)
@given(st.lists(spell, min_size=2, max_size=25))
def test_kaplan_meier_of_staying_is_that_of_the_life_table(
    spells: list[tuple[int, int, str]],
) -> None:
    frame = pd.DataFrame([*spells, (0, 8, "stay")], columns=["entry", "last", "exit"])
    panel = panels.panel_of(frame.assign(last=frame["entry"] + frame["last"]), EXITS)
    counted = aalen_johansen.fit(panel)
    known = life_table.followed(counted["n_at_risk"]).values
    found = kaplan_meier.fit(panel)
    assert bool((np.isfinite(found["survival"]) == known).all())
    found, counted = found.isel(month=known), counted.isel(month=known)
    np.testing.assert_allclose(
        found["survival"].sel(exit=kaplan_meier.ANY), counted["survival"], atol=1e-12
    )
    larger = 1 - found["survival"].sel(exit=EXITS) - counted["cumulative_incidence"]
    assert float(larger.min()) >= -1e-12  # other exits are not censorings
    assert bool(
        ((found["lower"] <= found["survival"]) & (found["survival"] <= found["upper"])).all()
    )


def test_absence_is_not_time_at_risk() -> None:
    panel = few(EXITS, (3, "left", 0.0), (3, "stay", 0.0), (2, "moved", 0.0))
    away = panel.drop(index=1).reset_index(drop=True)
    survival = kaplan_meier.fit(away)["survival"].sel(exit=kaplan_meier.ANY)
    np.testing.assert_allclose(survival, [1, 1 / 2, 1 / 4], rtol=1e-12)


def test_kaplan_meier_ends_where_nobody_is_at_risk() -> None:
    spells = pd.DataFrame({"entry": [0, 0, 3], "last": [1, 2, 9], "exit": ["left", "stay", "left"]})
    found = kaplan_meier.fit(panels.panel_of(spells, EXITS)).sel(exit=kaplan_meier.ANY)
    np.testing.assert_array_equal(found["survival"], [0.5, 0.5, *[np.nan] * 7])
    np.testing.assert_array_equal(np.isnan(found["lower"]), np.isnan(found["survival"]))


def test_interval_where_nobody_has_left_is_that_of_clopper_and_pearson() -> None:
    # month  at risk  leave       of n persons none leaves with the probability S ** n
    #     1        3      0       lower limit 0.025 ** (1 / 3)
    #     2        2      1       log-log again
    panel = few(EXITS, (1, "stay", 0.0), (2, "left", 0.0), (2, "stay", 0.0))
    found = kaplan_meier.fit(panel).sel(exit=kaplan_meier.ANY)
    exact = scipy.stats.binomtest(3, 3).proportion_ci(method="exact").low
    assert float(found["lower"][0]) == pytest.approx(exact, rel=1e-12)
    assert float(found["upper"][0]) == 1.0
    assert 0 < float(found["lower"][1]) < 0.5 < float(found["upper"][1]) < 1


@given(st.integers(1, 6), st.floats(0.05, 0.95))
def test_limit_where_nobody_has_left_covers(n: int, stays: float) -> None:
    """Where the limit excludes the truth, none of n persons left with less than 2.5 percent."""
    limit = float(life_table.smallest_share(xr.DataArray([n], dims="month"), 0.95)[0])
    assert (stays**n < 0.025) == (stays < limit)
