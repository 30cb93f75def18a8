"""The smoothest yearly course of intake and exits that agrees with every published figure.

The report prints totals, averages and the lowest and highest year, and shows the years themselves
only as drawings. ``course`` finds yearly intakes and monthly probabilities that meet every printed
figure and change as little as possible from one year to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import NonlinearConstraint, minimize

from hazard.arrays import FloatArray
from hazard.errors import DomainError
from hazard.simulation.margins import EXITS, Size, figure

MONTHS = 12
# The years of the extremes that the report does not name are assumed; no other year comes within
# two percent of an extreme. That forced returns have their lowest year in 2015 is assumed with
# table 2-2 in view: what happened seven to twelve months ago then falls more often on years with
# few exits.
LOWEST = {"assisted": 2015, "disappeared": 2014, "forced": 2015}
HIGHEST = {"assisted": 2008, "disappeared": 2009, "forced": 2006}
FEWEST, MOST, FULLEST = 2007, 2010, 2014
APART = 1.02
INITIAL_AT_LEAST = 200.0
TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Course:
    """Expected flow of families through the centres.

    Attributes
    ----------
    initial : float
        Families at risk when the window starts, before the first intake.
    intake : ndarray, shape (n_years,)
        Families that come at risk in each year, evenly over its months.
    probability : ndarray, shape (n_years, n_exits)
        Monthly probability of each exit, in the order of ``EXITS``.
    """

    initial: float
    intake: FloatArray
    probability: FloatArray


def stock(course: Course) -> tuple[FloatArray, FloatArray]:
    """Families carried into each year, and family-months at risk in it.

    Parameters
    ----------
    course : Course

    Returns
    -------
    tuple of ndarray
        Shapes (n_years + 1,), the last being what remains at the end, and (n_years,). What is
        carried in, plus the intake, minus the exits is what is carried out.

    Examples
    --------
    Twelve families come in the year, one a month, and each leaves in its first month:

    >>> carried, months = stock(Course(0.0, np.array([12.0]), np.array([[0.5, 0.25, 0.25]])))
    >>> carried.round(6).tolist(), months.round(6).tolist()
    ([0.0, 0.0], [12.0])
    """
    stay = 1.0 - course.probability.sum(axis=1)
    powers = stay[:, None] ** np.arange(MONTHS + 1)
    newcomers = course.intake / MONTHS
    survival_sums = np.cumsum(powers[:, :MONTHS], axis=1)
    carried = np.empty(len(stay) + 1)
    carried[0] = course.initial
    for y in range(len(stay)):
        carried[y + 1] = powers[y, -1] * carried[y] + newcomers[y] * stay[y] * survival_sums[y, -1]
    return carried, carried[:-1] * survival_sums[:, -1] + newcomers * survival_sums.sum(axis=1)


def course(size: Size) -> Course:
    """Yearly course of intake and exits: as published at the published size, else level.

    Parameters
    ----------
    size : Size

    Returns
    -------
    Course

    Raises
    ------
    DomainError
        If no course meets the published figures.

    Notes
    -----
    Minimises the squared yearly steps of the logarithms of intake and probabilities, subject to
    the printed totals, averages and extremes.

    References
    ----------
    .. [1] Oslo Economics (2016), Effekter av tvangsreturer for assistert retur, chapter 2.
    """
    return _smoothest(_level(size)) if size.name == "published" else _level(size)


def _totals() -> FloatArray:
    return np.array([figure(f"first_exit_{name}") for name in EXITS])


def _level(size: Size) -> Course:
    probability = _totals() / figure("person_months")
    leave = probability.sum()
    n_years = len(size.years)
    monthly = size.families / (n_years * MONTHS + (1 - leave) / leave)
    return Course(
        float(monthly * (1 - leave) / leave),
        np.full(n_years, monthly * MONTHS),
        np.tile(probability, (n_years, 1)),
    )


def _smoothest(start: Course) -> Course:
    lower, upper = map(_packed, _bounds(len(start.intake)))
    constraints: list[Any] = [
        NonlinearConstraint(_misfit, 0.0, 0.0),
        NonlinearConstraint(_room_below_fullest, 0.0, np.inf),
    ]
    optimum = minimize(
        _roughness,
        np.clip(_packed(start), lower, upper),
        method="SLSQP",
        bounds=list(zip(lower, upper, strict=True)),
        constraints=constraints,
        options={"maxiter": 300},
    )
    if np.abs(_misfit(optimum.x)).max() > TOLERANCE:
        raise DomainError("published figures must agree with each other; no course meets them all.")
    return _course(optimum.x)


def _packed(course: Course) -> FloatArray:
    """Logarithms of all numbers of a course: the unknowns of the search."""
    return np.log(np.concatenate([[course.initial], course.intake, course.probability.ravel()]))


def _course(unknown: FloatArray) -> Course:
    values = np.exp(unknown)
    n_years = (len(values) - 1) // (1 + len(EXITS))
    return Course(
        float(values[0]), values[1 : 1 + n_years], values[1 + n_years :].reshape(n_years, -1)
    )


def _bounds(n_years: int) -> list[Course]:
    """Lowest and highest admitted course; equal where a year is published."""
    fewest, most = figure("new_families_min_2007"), figure("new_families_max_2010")
    bounds = [
        Course(INITIAL_AT_LEAST, np.full(n_years, fewest * APART), np.empty((n_years, len(EXITS)))),
        Course(most, np.full(n_years, most / APART), np.empty((n_years, len(EXITS)))),
    ]
    for bound, factor, stem in zip(bounds, (APART, 1 / APART), ("min", "max"), strict=True):
        bound.intake[_year(FEWEST)] = fewest
        bound.intake[_year(MOST)] = most
        for j, name in enumerate(EXITS):
            bound.probability[:, j] = figure(f"yearly_{stem}_{name}") * factor
            bound.probability[_year(LOWEST[name]), j] = figure(f"yearly_min_{name}")
            bound.probability[_year(HIGHEST[name]), j] = figure(f"yearly_max_{name}")
    return bounds


def _roughness(unknown: FloatArray) -> float:
    course = _course(unknown)
    steps = np.diff(np.log(np.column_stack([course.intake, course.probability])), axis=0)
    return float((steps**2).sum())


def _misfit(unknown: FloatArray) -> FloatArray:
    """Log-ratios of what the course reaches to what was printed."""
    course = _course(unknown)
    _, months = stock(course)
    reached = [*(months @ course.probability), *course.probability.mean(axis=0)]
    reached += [course.initial + course.intake.sum(), months.sum()]
    reached += [_residents(course)[_year(FULLEST)]]
    printed = [*_totals(), *(figure(f"monthly_probability_{name}") for name in EXITS)]
    printed += [figure("families"), figure("person_months"), figure("resident_families_max_2014")]
    return np.log(np.asarray(reached)) - np.log(np.asarray(printed))


def _residents(course: Course) -> FloatArray:
    return stock(course)[0][:-1] + course.intake


def _room_below_fullest(unknown: FloatArray) -> FloatArray:
    others = np.delete(_residents(_course(unknown)), _year(FULLEST))
    return np.log(figure("resident_families_max_2014") / APART / others)


def _year(calendar_year: int) -> int:
    return calendar_year - 2005
