"""Changed conclusions: the rule by hand, other seeds of the same prior, planted dependence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from hazard import fitting
from hazard.inference.nuts import SamplerSettings
from hazard.output.summaries import Compared, detailed
from hazard.spec import ModelSpec
from hazard.studies import sensitivity
from hazard.studies.sensitivity import SensitivityPlan, conclusions
from small_panels import NORMAL, VISIT, model, small_panel


def ends(lower: float, upper: float, error: float = 0.1) -> pd.DataFrame:
    return pd.DataFrame(
        {"lower": [lower], "upper": upper, "lower_mcse": error, "upper_mcse": error}
    )


# --- by hand ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ends(0.3, 2), {"above"}),
        (ends(-2, -0.3), {"below"}),
        (ends(-0.3, 0.3), {"unclear"}),
        (ends(0.1, 2), {"above", "unclear"}),
        (ends(-0.1, 2), {"above", "unclear"}),
        (ends(-2, 0.1), {"below", "unclear"}),
        (ends(-0.1, 0.1), {"above", "below", "unclear"}),
        (ends(0.3, 2, np.nan), {"above", "below", "unclear"}),  # an error that is not known
    ],
)
def test_what_two_errors_leave_open_by_hand(rows: pd.DataFrame, expected: set[str]) -> None:
    [found] = conclusions.left_open(rows)
    assert {
        name for name, is_open in zip(conclusions.CONCLUSIONS, found, strict=True) if is_open
    } == (expected)


@pytest.mark.parametrize(
    ("own", "other", "status"),
    [
        (ends(0.3, 2), ends(0.5, 3), "same"),
        (ends(0.3, 2), ends(-0.3, 2), "changed"),
        (ends(0.3, 2), ends(-2, -0.3), "changed"),
        (ends(0.1, 2), ends(-0.3, 2), "undecided"),
        (ends(0.1, 2), ends(0.1, 2), "undecided"),
        (ends(0.1, 2), ends(-2, -0.3), "changed"),  # above zero or open, but never below
    ],
)
def test_statuses_by_hand(own: pd.DataFrame, other: pd.DataFrame, status: str) -> None:
    assert conclusions.statuses(own, other).tolist() == [status]
    assert conclusions.statuses(other, own).tolist() == [status]


@pytest.mark.parametrize(("errors", "holds"), [(2.0, True), (1.0, False), (0.0, False)])
def test_draws_of_one_posterior_differ_as_often_as_computed(
    errors: float,
    holds: bool,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand pairs whose lower end is at zero: 2 Phi(-2)^2 of them, within five errors."""
    n = 1000
    monkeypatch.setattr(conclusions, "ERRORS", errors)
    pairs = rng.normal(stats.norm.ppf(0.975), 1.0, (2, 4, 250, n))
    one, other = (
        detailed(xr.DataArray(draws, dims=("chain", "draw", "pair")), Compared(0.0))
        for draws in pairs
    )
    found = (conclusions.statuses(one, other) == "changed").mean()
    computed = 2 * stats.norm.cdf(-2.0) ** 2
    assert (found < computed + 5 * np.sqrt(computed * (1 - computed) / n)) == holds


# --- other seeds of the same prior --------------------------------------------------------------


def planted(spec: ModelSpec, *, persons: int, share: float, seed: int = 5) -> fitting.Panel:
    """A panel in which a share of the first exits had a visit in their month."""
    made = small_panel(spec, np.random.default_rng(seed), persons=persons)
    left = np.flatnonzero(made.panel["exit"] == spec.outcome.exits[0])
    made.histories["visit_centre"][left[: round(share * len(left))], 0] = 1.0
    return fitting.Panel(made.panel, made.histories, pd.DataFrame(), "table")


def settings(draws: int, seed: int = 3) -> SamplerSettings:
    return SamplerSettings(draws=draws, engine="laplace", seed=seed)


def test_another_seed_changes_no_flag() -> None:
    """Eight seeds of one prior; one interval ends at zero, within 0.03 posterior sds."""
    spec = model(VISIT + NORMAL, exits=2)
    rows = planted(spec, persons=100, share=0.5, seed=11)
    plan = SensitivityPlan(sensitivity.cells(spec)[:1], settings(100))
    tables = [
        sensitivity.run(rows, spec, replace(plan, settings=settings(100, seed))).table
        for seed in range(8)
    ]
    pairs = [(one, other) for k, one in enumerate(tables) for other in tables[:k]]
    assert not any((conclusions.statuses(*pair) == "changed").any() for pair in pairs)
    flips = [(one["conclusion"] != other["conclusion"]).sum() for one, other in pairs]
    assert max(flips) > 0  # negative control: the rule without Monte Carlo error


# --- planted dependence -------------------------------------------------------------------------
def statuses_of_first_exit(scale: float, persons: int, *names: str) -> dict[str, str]:
    """Status of the planted effect by cell, with a normal prior of this sd in the model."""
    spec = model(VISIT.replace("[0, 2]", "[0, 0]") + NORMAL.replace("1.0", str(scale)), exits=2)
    every = sensitivity.cells(spec)
    cells = sensitivity.chosen(every, names or [cell.name for cell in every])
    rows = planted(spec, persons=persons, share=1.0)
    table = sensitivity.run(rows, spec, SensitivityPlan(cells, settings(1000))).table
    own = table[(table["quantity"] == "cumulative_lag_effect") & (table["exit"] == "assisted")]
    return dict(zip((cell.name for cell in cells), own["status"], strict=True))


def test_few_rows_let_the_prior_decide_either_way() -> None:
    """Twenty persons: an effect under sd 0.5 that is none under 0.25; and the other way round."""
    cells = "model", "normal:0.5", "normal:1", "normal:2"
    assert statuses_of_first_exit(0.5, 20, *cells) == {
        "model": "same",
        "normal:0.5": "changed",
        "normal:1": "same",
        "normal:2": "same",
    }
    assert statuses_of_first_exit(0.25, 20, *cells) == {
        "model": "same",
        "normal:0.5": "same",
        "normal:1": "same",
        "normal:2": "changed",
    }


def test_many_rows_decide_under_every_prior() -> None:
    assert set(statuses_of_first_exit(0.5, 150).values()) == {"same"}
