"""Units of time of a panel: their plural, and the round numbers at which something is printed.

Every number of periods that nobody asked for is made here: the horizons of tables and headlines,
the end of curves that no estimand bounds, the classes of time since the start. ``last`` is the last
period in which somebody is at risk.
"""

from __future__ import annotations

_ROUND: dict[str, tuple[int, ...]] = {
    "day": (7, 30, 90, 180, 365),
    "week": (4, 13, 26, 52, 104),
    "fortnight": (2, 6, 13, 26, 52),
    "month": (6, 12, 24),
    "quarter": (2, 4, 8, 12, 20),
    "year": (2, 5, 10, 20),
}
_OTHER = (2, 5, 10, 20, 50)
_MOST = 3


def round_numbers(unit: str) -> tuple[int, ...]:
    """Numbers of periods that a reader of this unit thinks in.

    Examples
    --------
    >>> round_numbers("month"), round_numbers("week")
    ((6, 12, 24), (4, 13, 26, 52, 104))
    """
    return _ROUND.get(unit, _OTHER)


def printed(horizon: int, unit: str = "month") -> tuple[int, ...]:
    """Periods of which cumulative incidences are printed.

    Parameters
    ----------
    horizon : int
        The last period that there is.
    unit : str

    Returns
    -------
    tuple of int
        The horizon, and before it the last three round numbers below it.

    Examples
    --------
    >>> printed(24), printed(240), printed(4)
    ((6, 12, 24), (6, 12, 24, 240), (4,))
    >>> printed(365, "day"), printed(24, "day"), printed(52, "week"), printed(8, "year")
    ((30, 90, 180, 365), (7, 24), (4, 13, 26, 52), (2, 5, 8))
    """
    before = [number for number in round_numbers(unit) if number < horizon]
    return (*before[-_MOST:], horizon)


def followed(last: int, unit: str = "month") -> int:
    """Where curves end that no estimand bounds: the largest round number, or the last period.

    Examples
    --------
    >>> followed(100), followed(9), followed(1000, "day"), followed(45, "year")
    (24, 9, 365, 20)
    """
    return min(round_numbers(unit)[-1], last)


def compared(last: int, unit: str = "month") -> int:
    """The period by whose end levels are compared: the middle of what is followed.

    Of months it is the twelfth, however long the panel; of other units the last round number that
    is at most half of what is followed, or all of it.

    Examples
    --------
    >>> compared(100), compared(9), compared(1000, "day"), compared(52, "week")
    (12, 12, 180, 26)
    """
    if unit == "month":
        return 12
    end = followed(last, unit)
    return max([number for number in round_numbers(unit) if 2 * number <= end], default=end)


def headline(last: int, unit: str = "month") -> tuple[int, ...]:
    """One or two periods that sum up a curve: round numbers but the first, or the last period.

    Examples
    --------
    >>> headline(100), headline(18), headline(9), headline(100, "day")
    ((12, 24), (12,), (9,), (30, 90))
    """
    reached = [number for number in round_numbers(unit)[1:] if number <= last]
    return tuple(reached[-2:]) or (last,)


def classes(unit: str = "month") -> dict[str, int]:
    """Classes of time since the start, by their label: the first period of each.

    Examples
    --------
    >>> classes()
    {'1-6': 1, '7-12': 7, '13-24': 13, '25 or more': 25}
    >>> classes("year")
    {'1-5': 1, '6-10': 6, '11-20': 11, '21 or more': 21}
    """
    ends = round_numbers(unit)[-_MOST:]
    starts = [1, *(end + 1 for end in ends)]
    closed = {f"{first}-{last}": first for first, last in zip(starts, ends, strict=False)}
    return closed | {f"{starts[-1]} or more": starts[-1]}


def plural(unit: str) -> str:
    """English plural of a unit.

    Examples
    --------
    >>> [plural(unit) for unit in ("month", "day", "century", "inch")]
    ['months', 'days', 'centuries', 'inches']
    """
    if unit.endswith("y") and unit[-2:-1] not in tuple("aeiou"):
        return f"{unit[:-1]}ies"
    return f"{unit}es" if unit.endswith(("s", "x", "z", "ch", "sh")) else f"{unit}s"
