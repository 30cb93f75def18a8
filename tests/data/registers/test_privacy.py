"""The privacy filter on entry: by hand, against a slow loop, and what it leaves of the sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard.data import registers as regs
from hazard.data.registers import Registers, privacy
from hazard.data.registers.risk import PRIVACY
from hazard.spec import DataSpec
from small_registers import Person, random_registers, registers, shuffled

APPLY = DataSpec(privacy_filter="apply")

# person  citizenship  sex     size  centres   others alike at them     stays
#      a  Irak         male       1  A         b, c                     yes
#      b  Irak         male       1  A, B      a, c at A; d at B        no: one other at B
#      c  Irak         male       1  A         a, b                     yes
#      d  Irak         male       1  B         b                        no
#      e  Irak         female     1  A         nobody                   no
#      f  Irak         male       2  A         nobody                   no
#      g  Iran         male       1  A         nobody                   no
#      h  Irak         male       1  none      -                        yes
A, B = ("A", "2005-01-01", "2005-03-01"), ("B", "2005-03-01", None)
PEOPLE = [
    Person("a", stays=[A]),
    Person("b", stays=[A, B]),
    Person("c", stays=[("A", "2005-06-01", None)]),  # at another time
    Person("d", stays=[B]),
    Person("e", sex="female", stays=[A]),
    Person("f", size=2, stays=[A]),
    Person("g", citizenship="Iran", stays=[A]),
    Person("h", stays=[]),
]


def names(given_registers: Registers, **changes: int) -> str:
    keep = privacy.kept(given_registers, **changes)
    return "".join(sorted(given_registers.persons.loc[keep, "person_id"]))


def test_who_stays_by_hand() -> None:
    assert names(registers(*PEOPLE)) == "ach"


def test_one_other_is_another_filter() -> None:
    """Negative control: the threshold counts others, not persons."""
    assert names(registers(*PEOPLE), others=1) == "abcdh"
    assert names(registers(*PEOPLE), others=0) == "abcdefgh"
    assert names(registers(*PEOPLE), others=3) == "h"


def test_person_who_is_taken_out_counts_as_an_other() -> None:
    # b is taken out for B, and is still one of the two others of a at A
    assert names(registers(*PEOPLE)) == "ach"
    again = privacy.without(registers(*PEOPLE), privacy.kept(registers(*PEOPLE)))
    assert names(again) == "h"


def test_several_stays_at_a_centre_are_one_person() -> None:
    twice = [Person("a", stays=[A, A, ("A", "2005-07-01", None)]), Person("b", stays=[A])]
    assert names(registers(*twice)) == ""


def slow_kept(given_registers: Registers, others: int) -> list[bool]:
    """Every person against every other, centre by centre."""
    people = {
        p.person_id: (p.citizenship, p.sex, p.family_size)
        for p in given_registers.persons.itertuples()
    }
    lived = {name: set() for name in people}
    for stay in given_registers.stays.itertuples():
        lived[stay.person_id].add(stay.centre)
    return [
        all(
            sum(
                other != name and people[other] == people[name] and centre in lived[other]
                for other in people
            )
            >= others
            for centre in lived[name]
        )
        for name in given_registers.persons["person_id"]
    ]


@given(seed=st.integers(0, 2**32), others=st.integers(0, 4))
@settings(max_examples=40)
def test_filter_equals_a_slow_loop(seed: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    given_registers = shuffled(random_registers(rng, 40), rng)
    assert privacy.kept(given_registers, others=others).tolist() == slow_kept(
        given_registers, others
    )


# --- in the definitions -------------------------------------------------------------------------
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_sample_is_that_of_the_filtered_registers_and_events_are_those_of_all(seed: int) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 60)
    keep = privacy.kept(given_registers)
    found = regs.define(given_registers, APPLY)
    small = regs.define(privacy.without(given_registers, keep), DataSpec())
    # of several members left, the draw of the one whose sex is taken may differ
    same = [c for c in found.families if c != "sex"]
    pd.testing.assert_frame_equal(
        found.families[same], small.families[same], check_categorical=False
    )
    for name in ("residence", "exits"):
        left, right = getattr(found, name), getattr(small, name)
        pd.testing.assert_frame_equal(left, right, check_categorical=False)
    columns = ["exposure", "calendar", "centre", "nationality"]
    everybody = regs.define(given_registers, DataSpec()).events
    pd.testing.assert_frame_equal(found.events[columns], everybody[columns])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_flow_counts_who_is_taken_out_and_adds_up(seed: int) -> None:
    given_registers = random_registers(np.random.default_rng(seed), 40)
    found = regs.define(given_registers, APPLY)
    steps = found.flow.groupby("step")[["persons", "families"]].sum()
    assert (steps.loc["read"] - steps.loc["excluded"] == steps.loc["kept"]).all()
    line = found.flow.set_index("reason").loc[PRIVACY]
    keep = privacy.kept(given_registers)
    family = given_registers.persons["family_id"]
    assert line["persons"] == (~keep).sum()
    assert line["families"] == family.nunique() - family[keep].nunique()


def test_delivered_registers_are_not_filtered_again() -> None:
    found = regs.define(registers(*PEOPLE), DataSpec())
    assert PRIVACY not in set(found.flow["reason"])
    assert len(found.families) == len(PEOPLE) - 1  # h lives nowhere


def test_event_of_a_person_who_is_taken_out_counts() -> None:
    people = [
        replace(p, deportations=[("2005-04-10", "asyl")]) if p.name == "d" else p for p in PEOPLE
    ]
    found = regs.define(registers(*people), APPLY)
    assert len(found.families) == 2
    assert found.events["centre"].tolist() == ["B"]
    assert (found.events["person"] >= 2).all()


def test_family_goes_on_with_the_members_who_are_left() -> None:
    alike = [Person(name, stays=[A], size=2) for name in "ab"]
    family = [
        Person("x", "f", size=2, stays=[A]),
        Person("y", "f", size=2, sex="female", stays=[A], deportations=[("2005-02-10", "asyl")]),
    ]
    found = regs.define(registers(*alike, *family), APPLY)
    # the return of y, who is taken out, is an event of the family, and ends nothing
    of_f = found.families.index[-1]
    assert len(found.families) == 3
    assert set(found.families["sex"]) == {"male"}
    assert found.exits.loc[found.exits["person"] == of_f, "exit"].tolist() == ["disappeared"]
    assert found.events["person"].tolist() == [of_f]


# --- what it does to the sample -----------------------------------------------------------------
def test_shift_by_hand() -> None:
    found = regs.privacy_shift(registers(*PEOPLE)).set_index(["feature", "level"])
    columns = ["persons_before", "persons_after"]
    assert found.loc[("all", "all"), columns].tolist() == [8, 3]
    assert found.loc[("citizenship", "Irak"), columns].tolist() == [7, 3]
    assert found.loc[("citizenship", "Iran"), columns].tolist() == [1, 0]
    assert found.loc[("sex", "female"), columns].tolist() == [1, 0]
    assert found.loc[("smallest_centre", "in no centre"), columns].tolist() == [1, 1]
    assert found.loc[("smallest_centre", "1-9"), columns].tolist() == [7, 2]
    assert found.loc[("citizenship", "Irak"), "share_before"] == 7 / 8
    assert found.loc[("citizenship", "Irak"), "share_after"] == 1


def test_shift_places_a_person_under_the_smallest_centre() -> None:
    many = [Person(f"p{i:02d}", stays=[A]) for i in range(12)]
    few = [Person(f"q{i}", stays=[A, B]) for i in range(3)]
    found = regs.privacy_shift(registers(*many, *few)).set_index(["feature", "level"])
    assert found.loc[("smallest_centre", "10-49"), "persons_before"] == 12
    assert found.loc[("smallest_centre", "1-9"), "persons_before"] == 3


@pytest.mark.parametrize("feature", ["citizenship", "sex", "family_size", "smallest_centre"])
def test_shares_sum_to_one(feature: str, rng: np.random.Generator) -> None:
    found = regs.privacy_shift(random_registers(rng, 200))
    own = found[found["feature"] == feature]
    assert own[["share_before", "share_after"]].sum().tolist() == pytest.approx([1, 1])
    assert (own["persons_after"] <= own["persons_before"]).all()
