"""Estimates as text: no digit finer than the Monte Carlo error, in the marks of a language."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from hazard import languages

NARROW, FIXED = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
# Standard error of a 2.5 percent quantile over that of the mean, for normal draws.
_TAIL = 2.67
_UNKNOWN = "–"
_LARGEST_RATIO = 6  # as a power of ten; what is beyond is printed as over it
_MORE_DIGITS = 2  # that a ratio gets where an end would round to 1


class Estimate(NamedTuple):
    """An estimate with its interval and its Monte Carlo error, all in one unit."""

    estimate: float
    lower: float
    upper: float
    mcse: float = math.nan

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        return Estimate(*(factor * value for value in self))


NOT_KNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Marks:
    """How a language writes numbers and intervals."""

    decimal: str = "."
    thousands: str = ","
    to: str = "to"
    under: str = "under"
    over: str = "over"


ENGLISH = Marks()


def language_marks(code: str) -> Marks:
    """Marks of a language.

    Examples
    --------
    >>> language_marks("nb").decimal, language_marks("en") == ENGLISH
    (',', True)
    """
    return Marks(**languages.words("shared.marks", code))


def place(finest: int, mcse: float = math.nan) -> int:
    """Power of ten of the last digit to print.

    Parameters
    ----------
    finest : int
        The finest power that is wanted: 0 for whole numbers, -1 for one decimal.
    mcse : float
        Monte Carlo standard error of the mean, in the unit that is printed; NaN or infinite without
        one.

    Returns
    -------
    int
        Not below ``finest``; ten to this power is no smaller than the Monte Carlo error of the
        ends of a 95 percent interval, which is 2.67 times that of the mean.

    Examples
    --------
    >>> place(-1, 0.03), place(-1, 0.3), place(0)
    (-1, 0, 0)
    """
    if not 0 < mcse < math.inf:
        return finest
    return max(finest, math.ceil(math.log10(_TAIL) + math.log10(mcse)))


def number(value: float, power: int, marks: Marks = ENGLISH) -> str:
    """A number rounded at a power of ten; a dash for one that is not known or not finite.

    Examples
    --------
    >>> number(-1234.56, -1), number(1234.56, 2), number(-0.04, -1), number(math.nan, 0)
    ('−1,234.6', '1,200', '0.0', '–')
    """
    if not math.isfinite(value):
        return _UNKNOWN
    rounded = round(float(value), -power) + 0.0  # adding 0.0 turns -0.0 into 0.0
    text = f"{rounded:,.{max(0, -power)}f}".replace("-", "−")
    whole, _, part = text.partition(".")
    whole = whole.replace(",", marks.thousands)
    return f"{whole}{marks.decimal}{part}" if part else whole


def as_stated(value: float, marks: Marks = ENGLISH, *, power: int = 0) -> str:
    """A number, times a power of ten, with the digits that a file gives.

    Examples
    --------
    >>> as_stated(0.25), as_stated(0.005, power=2), as_stated(20.0)
    ('0.25', '0.5', '20.0')
    """
    stated = Decimal(repr(value)).scaleb(power)
    return number(float(stated), min(0, int(stated.as_tuple().exponent)), marks)


def share(value: float, power: int, marks: Marks = ENGLISH) -> str:
    r"""A number that is never negative; what would round to 0 is said to be under one unit.

    Examples
    --------
    >>> share(0.04, -1), share(0.06, -1)
    ('under\xa00.1', '0.1')
    """
    if math.isfinite(value) and round(float(value), -power) == 0:
        return f"{marks.under}{FIXED}{number(10.0**power, power, marks)}"
    return number(value, power, marks)


def signed(value: float, power: int, marks: Marks = ENGLISH) -> str:
    """A number with its sign, which 0 does not have.

    Examples
    --------
    >>> signed(1.04, -1), signed(-1.04, -1), signed(0.01, -1)
    ('+1.0', '−1.0', '0.0')
    """
    above = math.isfinite(value) and round(float(value), -power) > 0
    return ("+" if above else "") + number(value, power, marks)


def percent(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""A probability in percent, with its interval.

    Examples
    --------
    >>> percent(Estimate(0.141, 0.113, 0.172, 0.0002))
    '14.1 (11.3\xa0to\xa017.2)'
    """
    return _interval(e.times(100), share, -1, marks)


def percent_span(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""The interval of a share alone, in percent; an end at 0 is 0.

    Examples
    --------
    >>> percent_span(Estimate(0.141, 0.0, 0.172, 0.0002))
    '0.0\xa0to\xa017.2'
    """
    _, _, inside = _interval(e.times(100), number, -1, marks).partition("(")
    return inside.removesuffix(")") or _UNKNOWN


def points(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""A difference of probabilities in percentage points, with its interval.

    Examples
    --------
    >>> points(Estimate(0.015, -0.001, 0.021, 0.002))
    '+2 (0\xa0to\xa0+2)'
    """
    return difference(e.times(100), -1, marks)


def agree(triple: tuple[Estimate, Estimate, Estimate], finest: int) -> bool:
    """Whether a difference is printed as what the two printed numbers before it give.

    Parameters
    ----------
    triple : tuple of Estimate
        Two numbers and the first minus the second, in the unit that is printed, all with one Monte
        Carlo error, and so with one last digit.
    finest : int
        As of :func:`place`.

    Notes
    -----
    Numbers that stand together get one Monte Carlo error, the largest of them, and so one last
    digit. Each is off by half a unit of it at most, three together by less than two: the printed
    difference is that of the printed numbers, or one unit away from it. Where it is away the page
    says so; a digit more would be finer than the Monte Carlo error.

    What is not known is a dash, and does not disagree.

    Examples
    --------
    >>> five = Estimate(0.05, 0.0, 0.1)
    >>> agree((Estimate(0.12, 0.1, 0.2), five, Estimate(0.07, 0.0, 0.1)), -2)
    True
    >>> agree((Estimate(0.124, 0.1, 0.2), five, Estimate(0.076, 0.0, 0.1)), -2)
    False
    """
    if not all(math.isfinite(estimate.estimate) for estimate in triple):
        return True
    power = place(finest, triple[0].mcse)
    first, second, printed = (round(e.estimate / 10.0**power) for e in triple)
    return first - second == printed


def probability(value: float, mcse: float, marks: Marks = ENGLISH) -> str:
    r"""A probability in whole percent, with its Monte Carlo error in percentage points.

    With an error above five points it is rounded to tens. It is never printed as 0 or 100: a share
    of draws does not make anything impossible or certain.

    Examples
    --------
    >>> probability(0.734, 0.0071), probability(0.734, 0.06)
    ('73 (0.7)', '70 (6.0)')
    >>> probability(0.0, 0.0003), probability(0.999, 0.001)
    ('under\xa01 (under\xa00.1)', 'over\xa099 (0.1)')
    """
    if not math.isfinite(value) or not mcse > 0:
        return _UNKNOWN
    power = 0 if mcse <= 0.05 else 1
    error = share(100 * mcse, -1, marks)
    if round(100 * value, -power) >= 100:
        return f"{marks.over}{FIXED}{number(100 - 10.0**power, power, marks)} ({error})"
    return f"{share(100 * value, power, marks)} ({error})"


def frequency(e: Estimate, size: int, marks: Marks = ENGLISH) -> str:
    r"""A probability as a whole number out of ``size``, with its interval.

    Examples
    --------
    >>> frequency(Estimate(0.141, 0.113, 0.172), 100)
    '14 (11\xa0to\xa017)'
    """
    return _interval(e.times(size), share, 0, marks)


def frequency_difference(e: Estimate, size: int, marks: Marks = ENGLISH) -> str:
    r"""A difference of probabilities as a whole number out of ``size``, with its interval.

    Examples
    --------
    >>> frequency_difference(Estimate(0.015, -0.001, 0.021), 1000)
    '+15 (−1\xa0to\xa0+21)'
    """
    return difference(e.times(size), 0, marks)


def difference(e: Estimate, finest: int, marks: Marks = ENGLISH) -> str:
    r"""A difference with its sign and its interval; an end that is not 0 is not printed as 0.

    An interval that lies on one side of 0 is read as a clear difference. Where one of its numbers
    would round to 0 it is said to be over or under 0, so that the text shows what is clear.

    Examples
    --------
    >>> difference(Estimate(1.2, 0.02, 2.4), -1), difference(Estimate(-0.02, -0.9, 0.8), -1)
    ('+1.2 (over\xa00\xa0to\xa0+2.4)', '0.0 (−0.9\xa0to\xa0+0.8)')
    """
    side = marks.over if e.lower > 0 else marks.under if e.upper < 0 else None

    def text(value: float, power: int, marks: Marks) -> str:
        if side is not None and round(float(value), -power) == 0:
            return f"{side}{FIXED}0"
        return signed(value, power, marks)

    return _interval(e, text, finest, marks)


def span(e: Estimate, finest: int, marks: Marks = ENGLISH) -> str:
    r"""The interval of a difference alone, as :func:`difference` prints it.

    Examples
    --------
    >>> span(Estimate(1.2, -0.4, 2.4), -1)
    '−0.4\xa0to\xa0+2.4'
    """
    _, _, inside = difference(e, finest, marks).partition("(")
    return inside.removesuffix(")") or _UNKNOWN


def ratio(log: Estimate, marks: Marks = ENGLISH) -> str:
    r"""The exponential of an estimate, with its interval; two decimals where that is narrow.

    Numbers above a million are said to be over it: data without exits of one kind among the exposed
    separate a coefficient, and its ratio can then be as large as one likes. An end at infinity is
    over a million too, and one at minus infinity under one unit.

    Examples
    --------
    >>> ratio(Estimate(0.0, -0.69315, 0.69315)), ratio(Estimate(0.0, -0.1, 0.1))
    ('1.0 (0.5\xa0to\xa02.0)', '1.00 (0.90\xa0to\xa01.11)')
    >>> ratio(Estimate(0.0, -2000.0, 2000.0))
    '1.0 (under\xa00.1\xa0to\xa0over\xa01,000,000)'
    """
    if not math.isfinite(log.estimate) or math.isnan(log.lower) or math.isnan(log.upper):
        return _UNKNOWN
    _, lower, upper = _exponentials(log)
    return ratio_at(log, -2 if upper - lower < 0.5 else -1, marks)


def ratio_at(log: Estimate, finest: int, marks: Marks = ENGLISH) -> str:
    r"""As :func:`ratio`, digits to a given power of ten; an end that is not 1 is not read as 1.

    An interval on one side of 1 is read as a clear ratio. Where an end would round to 1 up to two
    more digits are printed, if the Monte Carlo error allows; where these do not tell it from 1
    either, and 1 is outside, it is said to be over or under 1, as a difference is of 0.

    Parameters
    ----------
    log : Estimate
        On the log scale, known.
    finest : int
        The finest power that is wanted, as of :func:`place`.
    marks : Marks

    Examples
    --------
    >>> ratio_at(Estimate(-0.58, -1.127, -0.0387), -1)
    '0.56 (0.32\xa0to\xa00.96)'
    >>> ratio_at(Estimate(-0.58, -1.127, -0.0387, 0.02), -1)
    '0.6 (0.3\xa0to\xa0under\xa01.0)'
    """
    middle, lower, upper = values = _exponentials(log)

    def last_digit(requested: int) -> int:
        power = place(requested, log.mcse * min(upper, 10.0**_LARGEST_RATIO))
        if round(middle, -power) == 0:  # the place of the upper end would hide the estimate
            power = place(requested, log.mcse * middle)
        return power

    powers = [last_digit(finest - extra) for extra in range(_MORE_DIGITS + 1)]
    legible = [all(_rounds_apart(end, power) for end in (lower, upper)) for power in powers]
    power = powers[legible.index(True)] if any(legible) else powers[0]
    texts = (_ratio_text(value, log, power, marks) for value in values)
    return _between(*texts, marks=marks)


def _exponentials(log: Estimate) -> tuple[float, float, float]:
    """Ratios of an estimate and its ends, none of them so large that it overflows."""
    most = math.log(10.0**_LARGEST_RATIO) + 1
    middle, lower, upper = (math.exp(min(value, most)) for value in log[:3])
    return middle, lower, upper


def _rounds_apart(value: float, power: int) -> bool:
    """Whether a ratio is 1, or is printed on the side of 1 on which it lies."""
    rounded = round(value, -power)
    return value == 1 or (rounded > 1 if value > 1 else rounded < 1)


def _ratio_text(value: float, log: Estimate, power: int, marks: Marks) -> str:
    """One number of a ratio, on the side of 1 on which its whole interval lies."""
    if value > 10.0**_LARGEST_RATIO:
        return f"{marks.over}{FIXED}{number(10.0**_LARGEST_RATIO, 0, marks)}"
    rounded, one = round(value, -power), number(1.0, min(power, 0), marks)
    if log.lower > 0 and value >= 1 >= rounded:
        return f"{marks.over}{FIXED}{one}"
    if log.upper < 0 and value <= 1 and (rounded >= 1 or power > 0):
        return f"{marks.under}{FIXED}{one}"
    return share(value, power, marks)


def logarithm(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""An estimate on the log scale, with its interval.

    Examples
    --------
    >>> logarithm(Estimate(0.5, -0.25, 1.04))
    '+0.5 (−0.2\xa0to\xa0+1.0)'
    """
    return difference(e, -1, marks)


def _interval(
    e: Estimate, text: Callable[[float, int, Marks], str], finest: int, marks: Marks
) -> str:
    if not all(math.isfinite(value) for value in e[:3]):
        return _UNKNOWN
    power = place(finest, e.mcse)
    return _between(*(text(value, power, marks) for value in e[:3]), marks=marks)


def _between(middle: str, lower: str, upper: str, *, marks: Marks) -> str:
    return f"{middle} ({lower}{FIXED}{marks.to}{FIXED}{upper})"
