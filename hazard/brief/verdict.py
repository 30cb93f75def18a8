"""In which months there is clearly more, clearly fewer, or no clear difference, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from hazard.brief.language import Language
from hazard.output import digits

Sign = Literal["up", "down", "flat", "unknown"]
_MOST = 4  # stretches that a reader can follow in one line


class Stretch(NamedTuple):
    """Neighbouring months with the same sign, up to ``last``."""

    sign: Sign
    last: int


def sign(e: digits.Estimate) -> Sign:
    """The sign of a difference by its interval.

    Returns
    -------
    str
        ``up`` where the whole interval is above 0, ``down`` where it is below, ``flat`` where it
        holds 0, ``unknown`` where an end is not known.

    Examples
    --------
    >>> [sign(digits.Estimate(0, low, high)) for low, high in ((1, 2), (-2, -1), (-1, 1), (0, 2))]
    ['up', 'down', 'flat', 'flat']
    """
    if math.isnan(e.lower) or math.isnan(e.upper):
        return "unknown"
    if e.lower > 0:
        return "up"
    return "down" if e.upper < 0 else "flat"


def stretches(signs: Iterable[tuple[int, Sign]]) -> tuple[Stretch, ...]:
    """Months with their signs, neighbours of one sign put together.

    Parameters
    ----------
    signs : iterable of (month, sign)
        In the order of the months.

    Examples
    --------
    >>> [tuple(run) for run in stretches([(1, "up"), (2, "up"), (3, "flat"), (4, "down")])]
    [('up', 2), ('flat', 3), ('down', 4)]
    """
    runs = groupby(signs, key=lambda pair: pair[1])
    return tuple(Stretch(name, [month for month, _ in run][-1]) for name, run in runs)


def in_words(signs: Sequence[tuple[int, Sign]], language: Language, unit: str) -> str:
    """The verdict on a difference that is known month by month.

    Parameters
    ----------
    signs : sequence of (month, sign)
        Every month up to the horizon, in order.
    language : Language
    unit : str
        Of time, in words: month.

    Returns
    -------
    str
        One word where all months agree; else every stretch of months, up to which month it lasts,
        the last without. Of more than four stretches, how many months are of each sign.

    Notes
    -----
    A verdict is about the difference between shares that have left by the end of a month, and
    speaks of all months up to the horizon. It never says that there is no difference: an interval
    that holds 0 leaves one open.
    """
    if not signs:
        return language.say("verdict.unknown")
    runs = stretches(signs)
    if len(runs) > _MOST:
        return _counted([name for _, name in signs], language, unit)
    words = [language.say(f"verdict.{run.sign}") for run in runs]
    until = [
        language.say("verdict.until", sign=word, unit=unit, month=language.whole(run.last))
        for word, run in zip(words[:-1], runs, strict=False)
    ]
    return language.say("verdict.then").join([*until, words[-1]])


def _counted(signs: Sequence[Sign], language: Language, unit: str) -> str:
    """How many months have each sign, of a difference that changes too often to be followed."""
    kinds: tuple[Sign, ...] = ("up", "down", "flat", "unknown")
    parts = [
        language.say(
            "verdict.count", sign=language.say(f"verdict.{kind}"), n=language.whole(number)
        )
        for kind in kinds
        if (number := signs.count(kind))
    ]
    return language.say(
        "verdict.changes", unit=unit, all=language.whole(len(signs)), parts=", ".join(parts)
    )
