"""The panel: one row per family and month at risk, and the risk sets that follow from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.data import panel as panels
from hazard.data import registers as regs
from hazard.data.registers import Registers
from hazard.errors import PanelError
from hazard.months import month_number
from hazard.spec import DataSpec
from risk_sets import balance, risk_sets
from small_registers import (
    Person,
    random_registers,
    registers,
    shuffled,
    slow_families,
    slow_rows,
)

DEFAULT = DataSpec()
VARIANTS = [
    {},
    {"assisted": "any", "disappearance_months": 1},
    {"assisted_date": "completion", "forced_return": "strict"},
    {"exits": ("assisted", "disappeared"), "unknown_tail": "drop"},
]


def build(given_registers: Registers, **definitions: object) -> pd.DataFrame:
    return panels.build(regs.define(given_registers, DataSpec(**definitions)))


# --- ten families -------------------------------------------------------------------------------
# window January to June 2005; rejected in January, at A from January, unless stated; a stands for
# assisted, d for disappeared, f for forced; (x) is the month of an event without a row
#
#  family                        J F M A M J   months 1-6   leaves
#  a  stays                      . . . . . .   . . . . . .  censored 6
#  b  applies in March           . . a         . . a        assisted 3
#  c  gone in January            d             d            disappeared 1
#  d  fetched in February        . f           . f          forced 2
#  e  away in March and April    . .     . .   . .     . .  censored 6
#  f  rejected in March              . . d     . . d        disappeared 3
#  g  arrives in May                     . .   . .          censored 2
#  h  rejected in October 2004   . . a         month 4-6    assisted 6, entry 3
#  i  permit in March            . . (x)       . .          censored 2
#  j  stateless                                             never at risk
#
#  month  at risk  entries  back  assisted  disappeared  forced  censored  away
#      1        8        8     0         0            1       0         0     0
#      2        7        0     0         0            0       1         2     1
#      3        3        0     0         1            1       0         0     0
#      4        2        1     0         0            0       0         0     0
#      5        3        0     1         0            0       0         0     0
#      6        3        0     0         1            0       0         2     0
@pytest.fixture
def ten_families() -> Registers:
    rejected = ("2005-01-10", "rejected", "yes")
    return registers(
        Person("a", stays=[("A", "2005-01-01", "2005-01-31"), ("B", "2005-01-31", None)]),
        Person("b", applications=[("2005-03-15", "2005-06-15")]),
        Person("c", stays=[("A", "2005-01-01", "2005-01-31")]),
        Person("d", deportations=[("2005-02-28", "asyl")]),
        Person("e", stays=[("A", "2005-01-01", "2005-02-02"), ("A", "2005-05-31", None)]),
        Person(
            "f",
            decisions=[("2005-03-31", "rejected", "yes")],
            stays=[("A", "2005-01-01", "2005-05-01")],
        ),
        Person("g", stays=[("A", "2005-05-01", None)]),
        Person(
            "h",
            decisions=[("2004-10-01", "rejected", "yes")],
            stays=[("A", "2004-01-01", None)],
            applications=[("2005-03-01", "2005-03-31")],
        ),
        Person("i", decisions=[rejected, ("2005-03-01", "granted", "yes")]),
        Person("j", citizenship="Statsløs"),
        window=("2005-01", "2005-06", "2006-12"),
    )


HEADER = ["n_at_risk", "entries", "back", "assisted", "disappeared", "forced", "censored", "away"]
RISK_SETS = [
    [8, 8, 0, 0, 1, 0, 0, 0],
    [7, 0, 0, 0, 0, 1, 2, 1],
    [3, 0, 0, 1, 1, 0, 0, 0],
    [2, 1, 0, 0, 0, 0, 0, 0],
    [3, 0, 1, 0, 0, 0, 0, 0],
    [3, 0, 0, 1, 0, 0, 2, 0],
]


def test_risk_sets_of_ten_families_by_hand(ten_families: Registers) -> None:
    found = risk_sets(build(ten_families))
    assert sorted(found.columns) == sorted(HEADER)
    assert found[HEADER].to_numpy().tolist() == RISK_SETS
    assert found.index.tolist() == [1, 2, 3, 4, 5, 6]


def test_panel_of_ten_families_by_hand(ten_families: Registers) -> None:
    panel = build(ten_families)
    months = panel.groupby("person")["month"].apply(list)
    assert months.tolist() == [
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3],
        [1],
        [1, 2],
        [1, 2, 5, 6],
        [1, 2, 3],
        [1, 2],
        [4, 5, 6],
        [1, 2],
    ]
    assert panel.groupby("person")["entry"].first().tolist() == [0] * 7 + [3, 0]
    january = month_number("2005-01")
    assert panel.loc[panel["person"] == 6, "calendar"].tolist() == [january + 4, january + 5]
    assert panel["centre"].value_counts().to_dict() == {"A": 20, "B": 6}
    assert list(panel["nationality"].cat.categories) == ["Irak"]


def test_panel_has_the_columns_and_types_of_the_contract(ten_families: Registers) -> None:
    panel = build(ten_families)
    expected = {
        "person": "int64",
        "month": "int32",
        "calendar": "int32",
        "entry": "int32",
        "exit": "category",
        "centre": "category",
        "nationality": "category",
        "sex": "category",
        "family_size": "int64",
        "large_family": "category",
    }
    assert panel.dtypes.astype(str).to_dict() == expected
    assert list(panel["exit"].cat.categories) == ["stay", "assisted", "disappeared", "forced"]
    assert list(panel["large_family"].cat.categories) == ["no", "yes"]


def test_large_family_has_three_or_more_by_hand() -> None:
    panel = build(registers(*(Person(f"p{n}", size=n) for n in (2, 3, 4))))
    assert panel.groupby("person")["large_family"].first().tolist() == ["no", "yes", "yes"]


def test_exits_keep_the_order_of_the_definitions(ten_families: Registers) -> None:
    panel = build(ten_families, exits=("forced", "assisted"))
    assert list(panel["exit"].cat.categories) == ["stay", "forced", "assisted"]
    # c and f disappear: the month in which they do is no row, so c has none and f has two
    assert panel["person"].nunique() == 8
    assert panel.groupby("person")["month"].apply(list).tolist()[4] == [1, 2]


def test_panel_without_anybody_at_risk_raises() -> None:
    with pytest.raises(PanelError, match=r"panel must have at least one row; got none\."):
        build(registers(Person("p", stays=[])))


# --- identities, slow reference, metamorphic ----------------------------------------------------


@given(seed=st.integers(0, 2**32), definitions=st.sampled_from(VARIANTS))
@settings(max_examples=40)
def test_risk_sets_balance(seed: int, definitions: dict[str, object]) -> None:
    panel = build(random_registers(np.random.default_rng(seed), 20), **definitions)
    exits = list(panel["exit"].cat.categories[1:])
    sets = risk_sets(panel)
    assert (balance(sets, exits, ("away", "back")) == 0).all()
    assert sets["n_at_risk"].sum() == len(panel)
    assert sets["entries"].sum() == panel["person"].nunique()
    assert sets[[*exits, "censored"]].sum().sum() == panel["person"].nunique()


def test_risk_sets_without_the_gaps_do_not_balance(ten_families: Registers) -> None:
    sets = risk_sets(build(ten_families)).assign(nobody=0)
    exits = ["assisted", "disappeared", "forced"]
    assert (balance(sets, exits, ("away", "back")) == 0).all()
    assert not (balance(sets, exits, ("nobody", "nobody")) == 0).all()
    assert not (balance(sets, exits[:2], ("away", "back")) == 0).all()


@given(seed=st.integers(0, 2**32), definitions=st.sampled_from(VARIANTS))
@settings(max_examples=40)
def test_rows_equal_slow_loops_over_dates(seed: int, definitions: dict[str, object]) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 15)
    data = DataSpec(**definitions)
    histories = regs.define(given_registers, data)
    panel = panels.build(histories)
    families = sorted(slow_families(given_registers, data).items())
    slow = [slow_rows(family, data, histories.window[:2]) for _, family in families]
    expected = [(person, *row) for person, rows in enumerate(filter(None, slow)) for row in rows]
    columns = ["person", "month", "calendar", "centre", "exit"]
    assert list(panel[columns].itertuples(index=False, name=None)) == expected


def test_random_registers_have_everything(rng: np.random.Generator) -> None:
    """The property tests above would pass on dull registers; these are not."""
    panel = build(random_registers(rng, 200))
    assert (panel["exit"].value_counts() > 5).all()
    assert (panel["entry"] > 0).any()
    assert risk_sets(panel)["away"].sum() > 0
    assert panel.groupby("person")["centre"].nunique().max() > 1


def test_order_of_the_rows_of_the_files_does_not_matter(rng: np.random.Generator) -> None:
    given_registers = random_registers(rng, 60)
    expected = build(given_registers)
    for _ in range(3):
        pd.testing.assert_frame_equal(build(shuffled(given_registers, rng)), expected)


def test_new_names_of_centres_and_later_ids_change_nothing_else(rng: np.random.Generator) -> None:
    given_registers = random_registers(rng, 60)
    renamed = given_registers.stays["centre"].map({"A": "X", "B": "Y", "C": "Z"})
    stays = given_registers.stays.assign(centre=renamed)
    expected = build(given_registers)
    found = build(replace(given_registers, stays=stays))
    assert (
        found["centre"].map({"X": "A", "Y": "B", "Z": "C"}).tolist() == expected["centre"].tolist()
    )
    pd.testing.assert_frame_equal(found.drop(columns="centre"), expected.drop(columns="centre"))
