"""Rejected persons with constant hazards and talks while resident, calibrated to what was printed.

A talk has no effect unless one is stated: months pass, some are talked to, and everybody leaves as
before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy import optimize

from hazard.arrays import FloatArray, IntArray
from hazard.errors import DomainError
from hazard.model import links
from hazard.months import month_number
from hazard.simulation.margins import figure
from hazard.studies.immortal_time.published import TALKS_2014, TALKS_2015, nationalities

EXITS = ("assisted", "disappeared", "forced")
FIRST, LAST = month_number("2010-01"), month_number("2015-10")
_YEARS = (month_number("2014-01"), month_number("2015-01"))
_HALVINGS = 60  # of an interval of length 1: down to rounding error


@dataclass(frozen=True)
class TalkPopulation:
    """Persons of several nationalities, how they leave, and who is talked to when.

    Attributes
    ----------
    nationality : tuple of str
    persons : ndarray of int, shape (nationality,)
    hazard : ndarray, shape (nationality, exit)
        P(leave through the exit in a month | there at its start) before a talk, exits as
        ``EXITS``.
    entry : ndarray, shape (month,)
        P(the first month at risk is this one); sums to 1. The last month is the end of follow-up.
    talk : ndarray, shape (nationality, month)
        P(talk at the start of a month | there, and without a talk), below 1.
    period : ndarray of int, shape (month,)
        Which of the treatments of the regression a talk of that month is, from 0.
    odds_ratio : float
        Of the odds of an assisted return against staying, from the month of the talk on.
    """

    nationality: tuple[str, ...]
    persons: IntArray
    hazard: FloatArray
    entry: FloatArray
    talk: FloatArray
    period: IntArray
    odds_ratio: float = 1.0

    @property
    def after(self) -> FloatArray:
        """Hazards from the month of a talk on, shape (nationality, exit)."""
        stay = 1.0 - self.hazard.sum(axis=1, keepdims=True)
        eta = np.log(self.hazard / stay)
        eta[:, 0] += np.log(self.odds_ratio)
        return np.asarray(links.hazard(xr.DataArray(eta, dims=("nationality", "exit"))))


def talk_population(
    *,
    other_exits: float | None = None,
    follow_up: int = 0,
) -> TalkPopulation:
    """Persons as the report describes them, in whom a talk changes nothing.

    Parameters
    ----------
    other_exits : float, optional
        P(disappear or be returned by force in a month), the same for every nationality; as in the
        registers of Oslo Economics (2016) unless stated.
    follow_up : int
        Months after October 2015 in which returns are still seen.

    Returns
    -------
    TalkPopulation
        Expected shares with a talk and returned assisted are those printed, by nationality, and
        talks of 2014 and 2015 are in the printed proportion.

    Raises
    ------
    DomainError
        If the printed shares cannot be reached: too few are resident long enough.

    Notes
    -----
    Persons are rejected evenly from January 2010 to October 2015. A talk is given to residents at
    random, with a monthly probability of the nationality that is the same in all months of 2014,
    and that times a common factor in January to October 2015. Hazards are constant, so that time
    since rejection says nothing of itself.

    References
    ----------
    .. [1] Proba samfunnsanalyse (2016), Evaluering av pilotprosjekt om saksflyt og retur, chapters
       9 and 10.
    .. [2] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, chapter 2.
    """
    printed = nationalities()
    disappeared, forced = figure("first_exit_disappeared"), figure("first_exit_forced")
    months = figure("person_months")
    rates = np.array([disappeared, forced]) / months
    if other_exits is not None:
        rates *= other_exits / rates.sum()
    entry = np.zeros(LAST - FIRST + 1 + follow_up)
    entry[: LAST - FIRST + 1] = 1 / (LAST - FIRST + 1)
    assisted = _assisted_hazard(printed["assisted"].to_numpy(), rates.sum(), entry)
    stay = 1.0 - assisted - rates.sum()
    return TalkPopulation(
        nationality=tuple(printed["nationality"]),
        persons=printed["persons"].to_numpy(dtype=np.int64),
        hazard=np.column_stack([assisted, np.tile(rates, (len(printed), 1))]),
        entry=entry,
        talk=_talk_rates(printed, stay, entry),
        period=(np.arange(len(entry)) >= _YEARS[1] - FIRST).astype(np.int64),
    )


def with_odds_ratio(base: TalkPopulation, odds_ratio: float) -> TalkPopulation:
    """The same persons, with talks that multiply the odds of an assisted return against staying.

    Raises
    ------
    DomainError
        If the odds ratio is not positive.
    """
    if not odds_ratio > 0:
        raise DomainError(f"odds ratio must be above 0; got {odds_ratio}.")
    return replace(base, odds_ratio=odds_ratio)


# --- calibration --------------------------------------------------------------------------------
def _assisted_hazard(share: FloatArray, other_hazard: float, entry: FloatArray) -> FloatArray:
    """Hazards of an assisted return whose expected shares until the end of follow-up are given."""
    months_left = np.arange(len(entry), 0, -1)

    def reached(assisted: FloatArray) -> FloatArray:
        leave = assisted + other_hazard
        left_share = 1.0 - (1.0 - leave[:, None]) ** months_left
        return np.asarray(assisted / leave * (left_share @ entry))

    return _solved(reached, share, 1.0 - other_hazard)


def _talk_rates(printed: pd.DataFrame, stay: FloatArray, entry: FloatArray) -> FloatArray:
    """Monthly probabilities of a talk, shape (nationality, month)."""
    number = printed["persons"].to_numpy()
    target = printed["talk"].to_numpy()
    months = np.arange(len(entry))
    in_2014 = (months >= _YEARS[0] - FIRST) & (months < _YEARS[1] - FIRST)
    in_2015 = (months >= _YEARS[1] - FIRST) & (months <= LAST - FIRST)

    def rates(factor: float) -> FloatArray:
        shape = in_2014 + factor * in_2015
        upper = 1.0 / max(1.0, factor)
        return (
            _solved(lambda q: _talked(q[:, None] * shape, stay, entry).sum(axis=1), target, upper)[
                :, None
            ]
            * shape
        )

    def excess(log_factor: float) -> float:
        by_month = _talked(rates(np.exp(log_factor)), stay, entry)
        share = number @ by_month[:, in_2014].sum(axis=1) / (number @ by_month.sum(axis=1))
        return float(share - TALKS_2014 / (TALKS_2014 + TALKS_2015))

    return rates(float(np.exp(optimize.brentq(excess, -4.0, 2.0, xtol=1e-9))))


def _talked(talk: FloatArray, stay: FloatArray, entry: FloatArray) -> FloatArray:
    """P(a talk in each month), shape (nationality, month)."""
    probability = np.empty_like(talk)
    waiting = np.zeros(len(talk))
    for month in range(talk.shape[1]):
        waiting = waiting + entry[month]
        probability[:, month] = waiting * talk[:, month]
        waiting = (waiting - probability[:, month]) * stay
    return probability


def _solved(
    reached: Callable[[FloatArray], FloatArray], target: FloatArray, upper: float
) -> FloatArray:
    """Arguments in (0, most) at which an increasing function has the wanted values."""
    low, high = np.zeros(len(target)), np.full(len(target), upper)
    if (reached(high) < target).any():
        raise DomainError(
            "printed shares must be reachable with these exits; got nationalities of which too few "
            "are resident. Lower other_exits."
        )
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = reached(middle) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)
