"""What the regression of "ever left" on "ever treated" tends to, without simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hazard.arrays import FloatArray, IntArray
from hazard.studies.immortal_time.talks import TalkPopulation


@dataclass(frozen=True)
class ExpectedShares:
    """Probabilities of the groups that the regression compares.

    Attributes
    ----------
    treated : ndarray, shape (nationality, period)
        P(a talk in the period).
    assisted_treated : ndarray, shape (nationality, period)
        P(a talk in the period, and an assisted return by the end of follow-up).
    assisted : ndarray, shape (nationality,)
        P(an assisted return by the end of follow-up).
    persons : ndarray of int, shape (nationality,)
    """

    treated: FloatArray
    assisted_treated: FloatArray
    assisted: FloatArray
    persons: IntArray


def expected_shares(population: TalkPopulation) -> ExpectedShares:
    """Expected talks and assisted returns of every nationality, month by month.

    Parameters
    ----------
    population : TalkPopulation

    Returns
    -------
    ExpectedShares

    Notes
    -----
    A month has three steps: who enters is added; residents are talked to; all leave by their
    hazards. With one month s in which residents are talked to with probability q, everybody there
    from month 1, hazards a of the exit and h of leaving in any way, and follow-up of K months,

        P(treated) = q (1 - h)^(s - 1),
        P(exit | treated) = a / h (1 - (1 - h)^(K - s + 1)),
        P(exit) = a / h (1 - (1 - h)^K).

    The treated have K - s + 1 months in which to leave, the others had up to K, or had left before
    anybody could talk to them. With constant hazards and endless follow-up both shares are a / h:
    then, and only then, immortal time does no harm.

    Examples
    --------
    One person of two leaves assisted each month; half of those there in month 2 are talked to, and
    follow-up ends with that month: 1/4 are treated, of whom half leave; of all, 3/4 leave.

    >>> population = TalkPopulation(
    ...     ("any",), np.array([100]), np.array([[0.5, 0.0, 0.0]]), np.array([1.0, 0.0]),
    ...     np.array([[0.0, 0.5]]), np.array([0, 0]))
    >>> shares = expected_shares(population)
    >>> shares.treated.tolist(), shares.assisted_treated.tolist(), shares.assisted.tolist()
    ([[0.25]], [[0.125]], [0.75])
    >>> pooled_limit(shares).round(4).tolist()
    [-0.3333]
    """
    n_periods = int(population.period.max()) + 1
    before, after = (
        population.hazard,
        population.hazard if population.odds_ratio == 1 else population.after,
    )
    waiting = np.zeros(len(population.persons))
    treated = np.zeros((len(population.persons), n_periods))
    resident, returned = treated.copy(), treated.copy()
    untreated = np.zeros(len(population.persons))
    for month, period in enumerate(population.period):
        waiting = waiting + population.entry[month]
        talked = waiting * population.talk[:, month]
        waiting = waiting - talked
        treated[:, period] += talked
        resident[:, period] += talked
        returned += resident * after[:, :1]
        untreated += waiting * before[:, 0]
        resident = resident * (1.0 - after.sum(axis=1, keepdims=True))
        waiting = waiting * (1.0 - before.sum(axis=1))
    return ExpectedShares(treated, returned, untreated + returned.sum(axis=1), population.persons)


def pooled_limit(shares: ExpectedShares) -> FloatArray:
    """Least squares of "ever assisted" on one indicator per period, in a sample without end.

    Returns
    -------
    ndarray, shape (period,)
        Difference of probability between those treated in the period and those never treated;
        nationalities are pooled.
    """
    weight = shares.persons / shares.persons.sum()
    treated, assisted_treated = weight @ shares.treated, weight @ shares.assisted_treated
    never = (weight @ shares.assisted - assisted_treated.sum()) / (1.0 - treated.sum())
    return np.asarray(assisted_treated / treated - never)


def within_limit(shares: ExpectedShares) -> FloatArray:
    """As :func:`pooled_limit`, with a dummy for every nationality.

    Notes
    -----
    By Frisch and Waugh the coefficients solve M b = v, with M and v the covariances within
    nationalities of the indicators with each other and with the outcome, averaged by persons.
    """
    weight = shares.persons / shares.persons.sum()
    treated = shares.treated
    treated_products = np.einsum("n,np,nr->pr", weight, treated, treated)
    moments = np.diag(weight @ treated) - treated_products
    products = weight @ (shares.assisted_treated - treated * shares.assisted[:, None])
    return np.asarray(np.linalg.solve(moments, products))
