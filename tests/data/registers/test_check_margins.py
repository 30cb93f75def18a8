"""Plausibility of a register by hand: what is improbable is spoken of, and what is not is not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.arrays import IntArray
from hazard.data.registers.check_margins import (
    IMPROBABLE,
    Dated,
    beside_silence,
    closed_to_newcomers,
    jumps,
    one_sided,
    silences,
)
from hazard.data.registers.keys import NEVER, STEP
from hazard.data.registers.rules import ENOUGH, going_on, latest, overlaps, shifted


def array(*values: int) -> IntArray:
    return np.array(values, dtype=np.int64)


# --- the extract --------------------------------------------------------------------------------
# one date a month from month 100 to 199: a rate of 1, so a silence of more than ln(10^6) = 13.8
@pytest.mark.parametrize(("gap", "silent"), [(13, False), (14, True)])
def test_silence_at_the_ends_of_the_extract(gap: int, silent: bool) -> None:
    month = np.arange(100, 200)
    assert silences(month, 100, 199 + gap) == (False, silent)
    assert silences(month, 100 - gap, 199) == (silent, False)


def test_silence_is_long_against_the_year_and_the_longest_between_dates() -> None:
    month = np.repeat(np.arange(100, 200), 50)
    assert silences(month, 100, 211) == (False, False)  # a year, though 50 dates a month
    assert silences(month, 100, 212) == (False, True)
    spread = month[(month < 120) | (month > 149)]  # 31 months from 119 to 150
    assert silences(spread, 100, 199 + 62) == (False, False)
    assert silences(spread, 100, 199 + 63) == (False, True)
    assert silences(array(), 100, 900) == (False, False)


# --- months and years ---------------------------------------------------------------------------
def monthly(counts: IntArray, first: int = 100) -> Dated:
    """So many families in each month, on its fifth."""
    month = np.repeat(np.arange(len(counts)) + first, counts)
    return Dated(np.arange(len(month)), month * STEP + 5)


# 60 months, 10 families in each but one: expected 10 for it; ln(60 / 10^-6) = 17.9
@pytest.mark.parametrize(("silent", "found"), [(1, 0), (2, 20)])
def test_silence_between_months(silent: int, found: int) -> None:
    counts = np.full(60, 10)
    counts[30 : 30 + silent] = 0
    rows = beside_silence(monthly(counts))
    assert rows.sum() == found  # those of the months before and after
    assert set(np.flatnonzero(rows) // 10) <= {29, 30}


def test_members_of_a_family_are_one_arrival() -> None:
    """Negative control: ten members in each month are one family, of which 2 months expect 2."""
    counts = np.full(60, 10)
    counts[30:32] = 0
    dated = monthly(counts)
    assert not beside_silence(Dated(dated.date // STEP, dated.date)).any()


def test_silence_needs_two_years_of_months() -> None:
    counts = np.zeros(60, dtype=np.int64)
    counts[:11], counts[-12:] = 100, 100
    assert not beside_silence(monthly(counts)).any()
    counts[11] = 100
    assert beside_silence(monthly(counts)).any()


# shares 1/5 and 4/5 of n families: z = 0.6 / sqrt(1/4 * 2/n), 5.7 for 45 and 6.3 for 55
@pytest.mark.parametrize(("n", "jumped"), [(45, False), (55, True)])
def test_share_of_a_year_against_the_year_before(n: int, jumped: bool) -> None:
    date = np.repeat([24 * STEP, 36 * STEP], n)
    level = np.concatenate([np.arange(n) % 5 == 0, np.arange(n) % 5 != 0]).astype(np.int64)
    share = Fraction(int(level[:n].sum()), n)
    assert share == Fraction(1, 5)
    rows = jumps(Dated(np.arange(2 * n), date), level, (24, 47))
    assert rows.tolist() == [False] * n + [jumped] * n
    assert not jumps(Dated(np.arange(2 * n), date), level, (25, 47)).any()  # half a year outside


def test_small_change_of_a_share_is_no_jump() -> None:
    """Negative control: 38 points are significant with thousands, and no jump."""
    n = 5000
    date = np.repeat([24 * STEP, 36 * STEP], n)
    level = np.concatenate([np.arange(n) % 100 < 30, np.arange(n) % 100 < 68]).astype(np.int64)
    assert not jumps(Dated(np.arange(2 * n), date), level, (24, 47)).any()


# --- levels -------------------------------------------------------------------------------------
# 200 families in turn: a level whose n families are all in the first half has probability 2^-n,
# against 10^-6 / 4: n = 22 is enough
@pytest.mark.parametrize(("n", "found"), [(21, 0), (22, 22)])
def test_level_on_one_side(n: int, found: int) -> None:
    date = np.arange(200)
    level = np.zeros(200, dtype=np.int64)
    level[99 - 4 * np.arange(n)] = 1
    assert 2.0**-22 < IMPROBABLE / 4 < 2.0**-21
    assert one_sided(level, Dated(np.arange(200), date)).sum() == found


def test_level_of_one_family_is_not_one_sided() -> None:
    """Negative control: its members are one family."""
    level = np.zeros(200, dtype=np.int64)
    level[:50] = 1
    assert not one_sided(
        level, Dated(np.where(level == 1, 0, np.arange(200)), np.arange(200))
    ).any()


def residents(renamed: bool, closes: bool) -> tuple[IntArray, Dated, IntArray]:
    """Ten families a month, in turn at two centres, for three years; they stay for ten months.

    From month 18 on, centre 0 goes on as centre 2, or closes and its families leave.
    """
    family = np.arange(360)
    month = family // 10
    centre = family % 2
    left = (month + 10) * STEP + 5
    if closes:
        left = np.where((centre == 0) & (month < 18), np.minimum(left, 18 * STEP), left)
    if renamed or closes:
        centre = np.where((centre == 0) & (month >= 18), 2, centre)
    return centre, Dated(family, month * STEP + 5), left


def test_centre_that_keeps_its_residents_and_receives_nobody() -> None:
    centre, arrived, left = residents(renamed=True, closes=False)
    found = closed_to_newcomers(centre, arrived, left, 60)
    assert set(centre[found]) == {0}
    assert found.sum() == (centre == 0).sum()


@pytest.mark.parametrize("closes", [True, False])
def test_centre_that_closes_or_goes_on_is_not_spoken_of(closes: bool) -> None:
    """Negative control."""
    centre, arrived, left = residents(renamed=False, closes=closes)
    assert not closed_to_newcomers(centre, arrived, left, 60)[centre != 1].any()


# --- rows ---------------------------------------------------------------------------------------
def test_shifted_rows_by_hand() -> None:
    person, month = np.arange(ENOUGH), np.full(ENOUGH, 5)
    assert shifted(person, month, person, month + 1).all()
    assert not shifted(person, month, person, month).any()
    assert not shifted(person[1:], month[1:], person, month + 1).any()  # one too few
    most = np.where(np.arange(ENOUGH) < 11, 5, 6)
    assert not shifted(person, month, person, most).any()
    assert shifted(person, month, person, 11 - most).sum() == 11


def test_latest_by_hand() -> None:
    assert latest(array(), array(), array(3), array(9)).tolist() == [-1]
    assert latest(array(3), array(9), array(3, 3), array(9, 8)).tolist() == [9, -1]


STAY = st.tuples(st.integers(-1, 2), st.integers(0, 2), st.integers(0, 6), st.integers(-1, 4))


@given(st.lists(STAY, max_size=14), st.booleans())
def test_overlaps_equal_a_slow_loop(
    stays: list[tuple[int, int, int, int]], elsewhere: bool
) -> None:
    person, centre, start, length = np.array(stays, dtype=np.int64).reshape(-1, 4).T
    end = start + length
    order = [i for i in np.lexsort((end, start, person)) if person[i] >= 0 and length[i] >= 0]
    expected = np.zeros(len(person), dtype=np.bool_)
    for place, i in enumerate(order):
        expected[i] = any(
            person[j] == person[i] and (centre[j] != centre[i]) == elsewhere and start[i] < end[j]
            for j in order[:place]
        )
    found = overlaps(person, centre, start, end, elsewhere=elsewhere)
    assert found.tolist() == expected.tolist()


def test_going_on_counts_stays_without_end() -> None:
    never = np.full(4, NEVER)
    assert going_on(np.zeros(4, dtype=np.int64), array(5, 1, 3, 9), never).tolist() == [2, 0, 1, 3]
