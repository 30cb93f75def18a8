"""Per event: over those who were there, with the time at risk and the history that they had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands import g_formula
from hazard.estimands import interventions as iv
from hazard.estimands.displacement import per_forced_return, present_at_events
from hazard.model import design
from small_panels import NORMAL, TERM, VISIT, model

SPEC = model(
    TERM + '"baseline"\nbreaks = [1, 2]\n' + NORMAL,
    VISIT.replace("[0, 2]", "[0, 0]") + NORMAL,
    exits=1,
)
EVENT = "visit_centre"
ARMS = [
    iv.Arm(name="with", interventions=(iv.OneInMonth(term=EVENT, month=1),)),
    iv.Arm(name="without", interventions=(iv.NoEvents(term=EVENT),)),
]
# A few operations on numbers below 10.
ROUNDING = 1e-13


# Ten families of one centre, and one event, of family 9. Families 0 to 2 have just come, the others
# are in month 9 at risk.
#
#                   odds of applying      P(applied in month 1)   P(applied by month 2)
# month at risk     with      without     with      without       with      without   difference
#       1           3         1           3/4       1/2           0.775     0.55      0.225
#       9           1/3       1/9         1/4       1/10          0.325     0.19      0.135
#
# By month 2: in the second month the odds are 1/9 for all. Per event 3 x 0.225 + 6 x 0.135 = 1.485
# applications, and 3 x (3/4 - 1/2) + 6 x (1/4 - 1/10) = 1.65 months of stay.
# In the first month of everybody instead: 9 x 0.225 = 2.025, and 9 x 1/4 = 2.25.
def ten_families() -> tuple[pd.DataFrame, dict[str, xr.DataArray]]:
    months = np.array([1] * 3 + [9] * 7)
    person = np.repeat(np.arange(10), months)
    month = np.concatenate([np.arange(1, n + 1) for n in months])
    panel = pd.DataFrame({"person": person, "month": month.astype(np.int32), "entry": np.int32(0)})
    panel["exit"] = pd.Categorical(["stay"] * len(panel), ["stay", "assisted"])
    happened = (month == months[person]) & (person != 9)  # the own event is no part of a history
    values = happened[:, None].astype(np.float32)
    return panel, {EVENT: xr.DataArray(values, {"lag": [0]}, ("row", "lag"))}


def per_event(
    rows: np.ndarray, panel: pd.DataFrame, histories: dict[str, xr.DataArray]
) -> xr.Dataset:
    """Two months of nine families, as these rows are."""
    built = design.build(panel, histories, SPEC)
    beta = np.zeros((1, 1, built.n_coefficients, 1))
    by_level = next(block for block in built.blocks if block.name == "month").matrix()
    wanted = np.linalg.solve(np.column_stack([np.ones(2), by_level]), np.log([1, 1 / 9]))
    beta[0, 0, built.span("intercept"), 0], beta[0, 0, built.span("month"), 0] = wanted
    beta[0, 0, built.span(EVENT), 0] = np.log(3)
    draws = xr.DataArray(beta, dims=("chain", "draw", "coefficient", "exit"))
    paths = iv.paths(panel, rows, horizon=2, each="row")
    events = iv.from_rows(paths, histories, SPEC.lagged)
    risks = g_formula.standardise(draws, g_formula.path_rows(events, ARMS, built, SPEC))
    return per_forced_return(risks, 9)


def test_ten_families_by_hand() -> None:
    panel, histories = ten_families()
    rows = present_at_events(histories[EVENT], np.arange(len(panel)))
    assert panel.iloc[rows]["person"].tolist() == [*range(9)]
    assert panel.iloc[rows]["month"].tolist() == [1] * 3 + [9] * 6
    found = per_event(rows, panel, histories)
    applied = found["extra_exits"].sel(month=2).item()
    assert applied == pytest.approx(1.485, abs=ROUNDING)
    assert found["saved_months"].item() == pytest.approx(1.65, abs=ROUNDING)
    # Negative control: everybody in the first month, times those who are there.
    entrants = per_event(iv.first_rows(panel), panel, histories)
    assert entrants["extra_exits"].sel(month=2).item() == pytest.approx(2.025, abs=ROUNDING)
    assert entrants["saved_months"].item() == pytest.approx(2.25, abs=ROUNDING)


def test_who_is_there_twice_is_counted_twice() -> None:
    panel, histories = ten_families()
    histories[EVENT].values[panel["person"].eq(3).to_numpy() & panel["month"].eq(1).to_numpy()] = 1
    rows = present_at_events(histories[EVENT], np.arange(len(panel)))
    assert panel.iloc[rows]["person"].tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8]
    paths = iv.paths(panel, rows, horizon=2, each="row")
    assert paths.frame()["month"].tolist()[6:10] == [1, 2, 9, 10]
    with pytest.raises(EstimandError, match=r"^paths must start at ascending rows, one of each "):
        iv.paths(panel, rows, horizon=2)


def test_a_history_without_the_month_itself_does_not_say_who_was_there() -> None:
    history = xr.DataArray([[1.0, 0.0]], {"lag": [1, 2]}, ("row", "lag"))
    with pytest.raises(EstimandError, match=r"month of the row, lag 0, .* \[1, 2\]"):
        present_at_events(history, np.array([0]))
