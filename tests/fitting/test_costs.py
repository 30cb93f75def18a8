"""Costs per person and in prices of one year: by pencil, identities, and what must be refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hazard.errors import EstimandError
from hazard.estimands import g_formula
from hazard.fitting.costs import PERSONS, PersonRisks, change_of_costs, person_risks, persons_of
from hazard.model.design import Design
from hazard.model.terms.block import Block
from hazard.spec import CostsSpec

ARMS = ("with", "without")
SOURCE = {"source": "an example only"}


def costs_of(**given: Any) -> CostsSpec:
    """A month of a person costs 4, leaving 16."""
    content = {
        "month": {"value": 4, "year": 2010, **SOURCE},
        "exits": {"left": {"value": 16, "year": 2010, **SOURCE}},
    }
    return CostsSpec.model_validate({**content, **given})


# Two families, two months, one exit; the hazard of a month is 1/4 (odds 1/3) or 1/2 (odds 1).
#                     with   without     gone with - without    stay (1 + S(1))      16 dF + 4 dL
# a, 1 person         1/2    1/4         3/4 - 7/16 = 5/16       3/2 - 7/4 = -1/4          4
# b, so many persons  1/4    1/2                     -5/16                    1/4         -4
def two_families() -> tuple[g_formula.PathRows, xr.DataArray]:
    block = Block("odds", "baseline", np.arange(2), np.arange(2), None, None)
    levels = {"with": [1, 1, 0, 0], "without": [0, 0, 1, 1]}
    designs = {
        name: Design(
            exits=("left",),
            link="softmax",
            blocks=(block,),
            index=np.array(level, dtype=np.int32)[:, None],
            outcome=np.zeros(4, dtype=np.int8),
            weight=np.ones(4),
            row=np.arange(4),
            left_out={},
        )
        for name, level in levels.items()
    }
    beta = np.log([[[[1 / 3], [1.0]]]])
    dims = ("chain", "draw", "coefficient", "exit")
    return g_formula.PathRows(designs, 2), xr.DataArray(beta, dims=dims)


def change(costs: CostsSpec, sizes: tuple[int, int], residents: float = 2) -> float:
    """Change of the costs of two families of these sizes, by way of the grouping by size."""
    rows, beta = two_families()
    by = persons_of(pd.DataFrame({"family_size": sizes}), costs)
    found = g_formula.standardise_by(beta, [rows], by)
    cost = person_risks(costs, found)
    assert cost is not None
    return float(change_of_costs(costs, cost, residents, arms=ARMS).item())


# --- by hand ------------------------------------------------------------------------------------
def test_two_families_by_pencil() -> None:
    costs = costs_of(persons="family_size")
    each = 16 * Fraction(5, 16) - 4 * Fraction(1, 4)
    assert change(costs, (1, 3)) == pytest.approx(float(each - 3 * each), abs=1e-12)
    assert change(costs, (3, 1)) == pytest.approx(float(3 * each - each), abs=1e-12)
    assert change(costs, (1, 3), 5) == pytest.approx(float(Fraction(5, 2) * -2 * each), abs=1e-12)


def test_mean_size_is_another_answer() -> None:
    """Negative control: the product of the means says that nothing changes."""
    assert change(costs_of(persons=2.0), (1, 3)) == pytest.approx(0, abs=1e-12)
    assert abs(change(costs_of(persons="family_size"), (1, 3))) > 7


def test_risks_of_persons_by_pencil() -> None:
    rows, beta = two_families()
    costs = costs_of(persons="family_size")
    by = persons_of(pd.DataFrame({"family_size": [1, 3]}), costs)
    cost = person_risks(costs, g_formula.standardise_by(beta, [rows], by))
    assert cost is not None
    assert cost.persons_per_path == 2
    one, other = Fraction(3, 4), Fraction(7, 16)
    expected = {"with": (one + 3 * other) / 4, "without": (other + 3 * one) / 4}
    left = cost.risks["cumulative_incidence"].isel(chain=0, draw=0, exit=0, month=-1)
    for name, value in expected.items():
        assert left.sel(arm=name).item() == pytest.approx(float(value), abs=1e-12)
    whole = cost.risks["survival"] + cost.risks["cumulative_incidence"].sum("exit")
    np.testing.assert_allclose(whole, 1.0, rtol=0, atol=1e-12)


def test_prices_by_hand() -> None:
    """Prices rose by a quarter to 2016, so that 80 of 2010 are 100; those of 2016 stay."""
    costs = costs_of(
        prices_of=2016,
        index={2010: 80, 2016: 100},
        index_source="an example only",
        event={"value": 7, "year": 2016, **SOURCE},
    )
    assert costs.month is not None
    assert costs.event is not None
    assert costs.price(costs.month) == 5
    assert costs.price(costs.exits["left"]) == 20
    assert costs.price(costs.event) == 7
    assert (costs.years, costs.price_years) == ((2010, 2016), (2016,))
    assert change(costs, (1, 3)) == pytest.approx(0, abs=1e-12)  # families alike, as above
    both = costs.model_copy(update={"persons": "family_size"})
    assert change(both, (1, 3)) == pytest.approx(1.25 * -8, abs=1e-12)
    # Negative control: an index upside down has prices fall.
    upside = costs_of(prices_of=2016, index={2010: 100, 2016: 80}, index_source="an example only")
    assert upside.month is not None
    assert upside.price(upside.month) != costs.price(costs.month)


# --- identities ---------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 3])
def test_families_of_one_size_are_that_number(size: int) -> None:
    rows, beta = two_families()
    column, number = costs_of(persons="family_size"), costs_of(persons=float(size))
    by = persons_of(pd.DataFrame({"family_size": [size, size]}), column)
    found = g_formula.standardise_by(beta, [rows], by)
    one, other = person_risks(column, found), person_risks(number, found)
    assert one is not None
    assert other is not None
    assert one.persons_per_path == other.persons_per_path == size
    for name in ("cumulative_incidence", "survival"):
        xr.testing.assert_equal(one.risks[name], other.risks[name])
    by = persons_of(pd.DataFrame({"family_size": [size, size + 1]}), column)  # negative control
    mixed = person_risks(column, g_formula.standardise_by(beta, [rows], by))
    assert mixed is not None
    assert float(abs(mixed.risks["survival"] - other.risks["survival"]).max()) > 0.01


def test_sizes_do_not_matter_where_families_react_alike(rng: np.random.Generator) -> None:
    """The column is then the mean size; with reactions of their own it is not."""
    sizes = rng.integers(1, 8, size=6)
    number = xr.DataArray(np.bincount(sizes)[np.unique(sizes)], dims=PERSONS)
    left = rng.uniform(size=(len(number), 2, 1, 3)).cumsum(-1) / 6
    alike = np.broadcast_to(left[:1], left.shape)
    column, mean = costs_of(persons="family_size"), costs_of(persons=float(sizes.mean()))
    apart = []
    for values in (alike, left):
        gone = xr.DataArray(
            values,
            {PERSONS: np.unique(sizes), "arm": [*ARMS], "exit": ["left"], "month": [1, 2, 3]},
            (PERSONS, "arm", "exit", "month"),
        )
        by = xr.Dataset({"cumulative_incidence": gone, "survival": 1 - gone.sum("exit")})
        everybody = (by * (number / number.sum())).sum(PERSONS)
        found = {
            PERSONS: by.assign(n_persons=number),
            g_formula.EVERYBODY: everybody,
        }
        told = []
        for costs in (column, mean):
            cost = person_risks(costs, found)
            assert isinstance(cost, PersonRisks)
            told.append(change_of_costs(costs, cost, 20.0, arms=ARMS).item())
        apart.append(abs(told[0] - told[1]))
    assert apart[0] == pytest.approx(0, abs=1e-10)  # rounding of sums of some hundreds
    assert apart[1] > 1e-3  # negative control


@pytest.mark.parametrize("index", [{2010: 100, 2016: 100}, {2010: 0.3, 2016: 0.3}])
def test_an_index_that_stands_still_changes_nothing(index: Mapping[int, float]) -> None:
    still = costs_of(prices_of=2016, index=index, index_source="an example only")
    same = still.model_copy(update={"persons": "family_size"})
    assert change(same, (1, 3)) == change(costs_of(persons="family_size"), (1, 3))
    assert still.price_years == (2016,)


def test_only_ratios_of_the_index_count() -> None:
    one, other = (
        costs_of(prices_of=2016, index=index, index_source="an example only", persons="size")
        for index in ({2010: 80, 2016: 100}, {2010: 8, 2016: 10})
    )
    assert one.price(one.exits["left"]) == other.price(other.exits["left"])


# --- what cannot be counted ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 0, 3], "got others in 1 of 3 rows (first: row 2)."),
        ([1, 2.5, 1.5], "got others in 2 of 3 rows (first: row 2)."),
        ([np.nan, 1, 2], "got others in 1 of 3 rows (first: row 1)."),
        ([np.inf, 1, 2], "got others in 1 of 3 rows (first: row 1)."),
        (["1", "2", "3"], "got the type"),
        ([True, True, False], "got the type bool."),
    ],
)
def test_persons_are_whole_numbers(values: list[Any], sentence: str) -> None:
    rows = pd.DataFrame({"family_size": values})
    start = "panel column 'family_size', the persons of costs, must hold whole numbers of at least"
    with pytest.raises(EstimandError, match=re.escape(start)) as caught:
        persons_of(rows, CostsSpec(persons="family_size"))
    assert sentence in str(caught.value)


def test_missing_values_of_a_nullable_column_are_refused() -> None:
    rows = pd.DataFrame({"family_size": pd.array([1, None], dtype="Int64")})
    with pytest.raises(EstimandError, match=r"in 1 of 2 rows \(first: row 2\)"):
        persons_of(rows, CostsSpec(persons="family_size"))


def test_the_column_must_be_there() -> None:
    rows = pd.DataFrame({"family_size": [1]})
    with pytest.raises(EstimandError, match=r"got 'familysize'\. Did you mean 'family_size'\?"):
        persons_of(rows, CostsSpec(persons="familysize"))


def test_without_costs_nothing_is_counted() -> None:
    assert persons_of(pd.DataFrame(), None) == {}
    assert person_risks(None, {}) is None
