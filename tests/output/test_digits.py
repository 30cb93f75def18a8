"""Estimates as text: by hand, and no digit finer than the Monte Carlo error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazard.output import digits
from hazard.output.digits import Estimate, Marks

NORWEGIAN = Marks(decimal=",", thousands="\u202f", to="til")


# 2.67 x 0.03 = 0.08 is below 0.1; 2.67 x 0.04 = 0.11 is above it.
@pytest.mark.parametrize(
    ("mcse", "power"), [(0.03, -1), (0.04, 0), (0.4, 1), (4.0, 2), (0.0, -1), (math.nan, -1)]
)
def test_place_by_hand(mcse: float, power: int) -> None:
    assert digits.place(-1, mcse) == power


@given(st.floats(1e-6, 1e6))
def test_last_digit_is_no_finer_than_the_error(mcse: float) -> None:
    unit = 10.0 ** digits.place(-9, mcse)
    assert unit >= mcse
    assert unit / 10 < 2.67 * mcse * (1 + 1e-9)  # and no coarser than it must be


@pytest.mark.parametrize(
    ("value", "power", "text"),
    [
        (1234567.89, -1, "1\u202f234\u202f567,9"),
        (-0.049, -1, "0,0"),
        (-0.051, -1, "−0,1"),
        (996.0, 1, "1\u202f000"),
        (0.125, -3, "0,125"),
    ],
)
def test_norwegian_number_by_hand(value: float, power: int, text: str) -> None:
    assert digits.number(value, power, NORWEGIAN) == text


@given(st.floats(-1e6, 1e6), st.integers(-3, 3))
def test_languages_differ_in_marks_only(value: float, power: int) -> None:
    english = digits.number(value, power)
    norwegian = digits.number(value, power, NORWEGIAN)
    assert norwegian.replace("\u202f", "").replace(",", ".") == english.replace(",", "")
    assert float(english.replace(",", "").replace("−", "-")) == pytest.approx(
        value, abs=0.5 * 10.0**power + 1e-6
    )


def test_small_numbers_are_under_one_unit() -> None:
    none = Estimate(0.0001, 0.0, 0.004)
    assert digits.percent(none).startswith("under\u00a00.1 (under\u00a00.1")
    assert digits.frequency(none, 100).startswith("under\u00a01 (under\u00a01")
    assert digits.points(none).startswith("0.0")


def test_whole_interval_has_the_digits_of_the_error() -> None:
    # 100 x 0.02 x 2.67 = 5.3 percent: tens.
    rough = Estimate(0.237, 0.151, 0.309, 0.02)
    assert digits.percent(rough, NORWEGIAN) == "20 (20\u00a0til\u00a030)"
    assert digits.percent(rough._replace(mcse=math.nan)) == "23.7 (15.1\u00a0to\u00a030.9)"


def test_ratio_takes_the_error_at_its_upper_end() -> None:
    # exp(2) = 7.4; 7.4 x 0.01 x 2.67 = 0.20: whole numbers.
    assert digits.ratio(Estimate(1.0, 0.0, 2.0, 0.01)) == "3 (1\u00a0to\u00a07)"


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_a_dash(lost: float) -> None:
    assert digits.logarithm(Estimate(lost, math.nan, math.nan)) == "–"
    assert digits.points(Estimate(0.1, lost, 0.2)) == "–"


def test_minus_infinity_on_the_log_scale_is_a_dash_too() -> None:
    assert digits.ratio(Estimate(-math.inf, math.nan, math.nan)) == "–"


# --- beyond all bounds ----------------------------------------------------------------------------
ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(ANY, ANY, ANY, ANY)
def test_whatever_the_numbers_there_is_a_text(a: float, b: float, c: float, mcse: float) -> None:
    e = Estimate(a, b, c, mcse)
    texts = [digits.ratio(e), digits.logarithm(e), digits.percent(e), digits.points(e)]
    texts += [digits.frequency(e, 100), digits.span(e, -1), digits.number(a, -1)]
    assert not any("nan" in text or "inf" in text for text in texts)


def test_ratio_beyond_all_bounds_by_hand() -> None:
    # exp(13.8) = 984,609.1, and exp(13.9) is above a million.
    assert digits.ratio(Estimate(13.9, 13.8, 800.0)).replace("\u00a0", " ") == (
        "over 1,000,000 (984,609.1 to over 1,000,000)"
    )


def test_place_of_the_upper_end_does_not_hide_the_estimate() -> None:
    # 2.67 x 0.1 x exp(8) = 796 would round exp(1) = 2.7 to 0 thousands.
    assert digits.ratio(Estimate(1.0, -2.0, 8.0, 0.1)).startswith("3 (")


# --- differences beside their numbers -------------------------------------------------------------
SHARES = st.floats(0, 1)


@given(SHARES, SHARES, st.floats(1e-6, 0.1), st.sampled_from((100, 1000, 10_000)))
def test_printed_difference_is_that_of_the_printed_numbers(
    with_: float, without: float, mcse: float, of: int
) -> None:
    """With one error there is one last digit: at most one unit of it away, and then it is seen."""
    triple = [Estimate(each, each, each, mcse) for each in (with_, without, with_ - without)]
    texts = [digits.frequency(each, of) for each in triple[:2]]
    texts.append(digits.frequency_difference(triple[2], of))
    unit = 10.0 ** digits.place(0, of * mcse)
    first, second, printed = (_first(text) for text in texts)
    away = abs(first - second - printed)
    assert away <= unit * (1 + 1e-9)
    a, b, c = (each.times(of) for each in triple)
    assert digits.agree((a, b, c), 0) == (away < unit / 2)


def test_numbers_with_errors_of_their_own_do_not_agree() -> None:
    """Negative control: 257 and 242 with one error, their difference of 15 with another."""
    rough, fine = 0.001, 0.0001
    arms = [digits.frequency(Estimate(e, e, e, rough), 1000) for e in (0.257, 0.242)]
    told = digits.frequency_difference(Estimate(0.015, 0.015, 0.015, fine), 1000)
    assert [_first(each) for each in (*arms, told)] == [260, 240, 15]


def _first(text: str) -> float:
    """First number of a text; 0 for what is under or over it."""
    head = text.split(" (", maxsplit=1)[0].replace(",", "").replace("−", "-")
    return 0.0 if head[:1] in "uo" else float(head)


def _read(text: str) -> tuple[float, bool]:
    """A printed end as a number, and whether it is said to be over or under it."""
    said = text.startswith(("over", "under"))
    return float(text.rsplit("\xa0", maxsplit=1)[-1].replace(",", "")), said


@given(
    st.floats(-3, 3),
    st.floats(1e-9, 3) | st.just(0.0),
    st.floats(1e-9, 3),
    st.floats(1e-9, 3) | st.just(math.nan),
    st.integers(-8, 0) | st.none(),
)
def test_on_which_side_of_1_a_ratio_lies_can_be_read(
    lower: float, up: float, more: float, mcse: float, finest: int | None
) -> None:
    # Ends as near to 1 as 1e-9, with errors from nothing to more than the number itself.
    for log in (
        Estimate(lower + up, lower, lower + up + more, mcse),
        Estimate(up + more / 2, up, up + more, mcse),
        Estimate(-up - more / 2, -up - more, -up, mcse),
    ):
        text = digits.ratio(log) if finest is None else digits.ratio_at(log, finest)
        ends = text.partition("(")[2].removesuffix(")").split("\xa0to\xa0")
        (low, low_said), (high, high_said) = (_read(end) for end in ends)
        if log.lower > 0:
            assert low > 1 or (low == 1 and low_said and ends[0].startswith("over")), text
        elif log.upper < 0:
            assert high < 1 or (high == 1 and high_said and ends[1].startswith("under")), text
        else:
            assert low <= 1 or ends[0].startswith("under"), text
            assert high > 1 or (high == 1 and not high_said) or ends[1].startswith("under"), text


def test_ratio_near_1_by_hand() -> None:
    log = Estimate(math.log(0.56), math.log(0.324), math.log(0.962))
    assert digits.ratio(log) == "0.56 (0.32\xa0to\xa00.96)"
    # 2.67 times 0.02 times 0.962 is an error of 0.05: tenths are all that is known
    assert digits.ratio(log._replace(mcse=0.02)) == "0.6 (0.3\xa0to\xa0under\xa01.0)"
    inside = Estimate(0.4, math.log(0.97), math.log(2.1))
    assert digits.ratio(inside) == "1.49 (0.97\xa0to\xa02.10)"
    assert digits.ratio(Estimate(0.0, -0.69315, 0.69315)) == "1.0 (0.5\xa0to\xa02.0)"
