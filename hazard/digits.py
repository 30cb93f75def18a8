"""Estimates as text: no digit finer than the Monte Carlo error, in the marks of a language."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

NARROW, FIXED = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
# Standard error of a 2.5 percent quantile over that of the mean, for normal draws.
_TAIL = 2.67
_UNKNOWN = "–"


class Estimate(NamedTuple):
    """An estimate with its interval and its Monte Carlo error, all in one unit."""

    estimate: float
    lower: float
    upper: float
    mcse: float = math.nan

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        return Estimate(*(factor * each for each in self))


@dataclass(frozen=True)
class Marks:
    """How a language writes numbers and intervals."""

    decimal: str = "."
    thousands: str = ","
    to: str = "to"
    under: str = "under"


ENGLISH = Marks()


def place(finest: int, mcse: float = math.nan) -> int:
    """Power of ten of the last digit to print.

    Parameters
    ----------
    finest : int
        The finest power that is wanted: 0 for whole numbers, -1 for one decimal.
    mcse : float
        Monte Carlo standard error of the mean, in the unit that is printed; NaN without one.

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
    if not mcse > 0:
        return finest
    return max(finest, math.ceil(math.log10(_TAIL * mcse)))


def number(value: float, power: int, marks: Marks = ENGLISH) -> str:
    """A number rounded at a power of ten.

    Examples
    --------
    >>> number(-1234.56, -1), number(1234.56, 2), number(-0.04, -1)
    ('−1,234.6', '1,200', '0.0')
    """
    rounded = round(float(value), -power) + 0.0  # adding 0.0 turns -0.0 into 0.0
    text = f"{rounded:,.{max(0, -power)}f}".replace("-", "−")
    whole, _, part = text.partition(".")
    whole = whole.replace(",", marks.thousands)
    return f"{whole}{marks.decimal}{part}" if part else whole


def share(value: float, power: int, marks: Marks = ENGLISH) -> str:
    r"""A number that is never negative; what would round to 0 is said to be under one unit.

    Examples
    --------
    >>> share(0.04, -1), share(0.06, -1)
    ('under\xa00.1', '0.1')
    """
    if round(float(value), -power) == 0:
        return f"{marks.under}{FIXED}{number(10.0**power, power, marks)}"
    return number(value, power, marks)


def signed(value: float, power: int, marks: Marks = ENGLISH) -> str:
    """A number with its sign, which 0 does not have.

    Examples
    --------
    >>> signed(1.04, -1), signed(-1.04, -1), signed(0.01, -1)
    ('+1.0', '−1.0', '0.0')
    """
    return ("+" if round(float(value), -power) > 0 else "") + number(value, power, marks)


def percent(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""A probability in percent, with its interval.

    Examples
    --------
    >>> percent(Estimate(0.141, 0.113, 0.172, 0.0002))
    '14.1 (11.3\xa0to\xa017.2)'
    """
    return _interval(e.times(100), share, -1, marks)


def points(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""A difference of probabilities in percentage points, with its interval.

    Examples
    --------
    >>> points(Estimate(0.015, -0.001, 0.021, 0.002))
    '+2 (0\xa0to\xa0+2)'
    """
    return _interval(e.times(100), signed, -1, marks)


def frequency(e: Estimate, of: int, marks: Marks = ENGLISH) -> str:
    r"""A probability as a whole number out of ``of``, with its interval.

    Examples
    --------
    >>> frequency(Estimate(0.141, 0.113, 0.172), 100)
    '14 (11\xa0to\xa017)'
    """
    return _interval(e.times(of), share, 0, marks)


def frequency_difference(e: Estimate, of: int, marks: Marks = ENGLISH) -> str:
    r"""A difference of probabilities as a whole number out of ``of``, with its interval.

    Examples
    --------
    >>> frequency_difference(Estimate(0.015, -0.001, 0.021), 1000)
    '+15 (−1\xa0to\xa0+21)'
    """
    return _interval(e.times(of), signed, 0, marks)


def ratio(log: Estimate, marks: Marks = ENGLISH) -> str:
    r"""The exponential of an estimate, with its interval; two decimals where that is narrow.

    Examples
    --------
    >>> ratio(Estimate(0.0, -0.69315, 0.69315)), ratio(Estimate(0.0, -0.1, 0.1))
    ('1.0 (0.5\xa0to\xa02.0)', '1.00 (0.90\xa0to\xa01.11)')
    """
    middle, lower, upper = (math.exp(each) for each in log[:3])
    finest = -2 if upper - lower < 0.5 else -1
    return _interval(Estimate(middle, lower, upper, log.mcse * upper), share, finest, marks)


def logarithm(e: Estimate, marks: Marks = ENGLISH) -> str:
    r"""An estimate on the log scale, with its interval.

    Examples
    --------
    >>> logarithm(Estimate(0.5, -0.25, 1.04))
    '+0.5 (−0.2\xa0to\xa0+1.0)'
    """
    return _interval(e, signed, -1, marks)


def _interval(
    e: Estimate, text: Callable[[float, int, Marks], str], finest: int, marks: Marks
) -> str:
    if not all(math.isfinite(each) for each in e[:3]):
        return _UNKNOWN
    power = place(finest, e.mcse)
    middle, lower, upper = (text(each, power, marks) for each in e[:3])
    return f"{middle} ({lower}{FIXED}{marks.to}{FIXED}{upper})"
